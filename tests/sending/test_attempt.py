"""One attempt to send, without a server: what is written before the final dot, after an answer, and where it ends."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from sqlalchemy import select, update

from pec_tracker.archive import attempts
from pec_tracker.archive.objects import Suffix
from pec_tracker.db.engine import reading, writing
from pec_tracker.db.tables import Attempt, Recipient
from pec_tracker.errors import DiskFullError, ServerError, StorageError
from pec_tracker.ledger import records
from pec_tracker.service.house import Account, House
from pec_tracker.service.sending import fence
from pec_tracker.service.sending.attempt import (
    Claim,
    LeaseLostError,
    UnnotedError,
    _backoff,
    commit_attempt,
    conclude,
    release,
)
from pec_tracker.wire.smtp import SendOutcome, SendResult
from tests.archive.folders import folder_of
from tests.line.houses import message_of, queued, states
from tests.sending.offline import MINUTE, NOW, alerts, attempts_of, round_of, told, write

TOOK = SendResult(SendOutcome.SUBMITTED, 250, "2.0.0 Ok", "reply")
PUT_OFF = SendResult(SendOutcome.DEFERRED, 451, "4.3.0 later", "rcpt")
REFUSED = SendResult(SendOutcome.REFUSED, 550, "5.7.1 no", "mail")
LOST = SendResult(SendOutcome.UNCERTAIN, None, "", "reply", problem=ServerError("the line was cut"))


@pytest.fixture
def claim(house: House, account: Account) -> Claim:
    """A letter that this process has in hand."""
    queued(house, account)
    return claimed(house, account)


def claimed(house: House, account: Account) -> Claim:
    """The next letter, taken."""
    round_ = round_of(house, account)
    row = round_._next()
    assert row is not None
    claim = round_._claim(row)
    assert claim is not None
    return claim


@pytest.mark.parametrize(("number", "minutes"), [(1, 1), (2, 2), (3, 4), (4, 8), (6, 32), (7, 60), (8, 60), (500, 60)])
def test_the_wait_doubles_from_a_minute_to_an_hour_and_no_letter_waits_longer(number: int, minutes: int) -> None:
    assert _backoff(number) == timedelta(minutes=minutes)


class TestRelease:
    """Before anything left the message goes back."""

    def test_it_waits_again_with_the_reason_in_sight(self, house: House, claim: Claim) -> None:
        release(house, claim, ServerError("nobody listens"), alert=False)
        row = message_of(house, claim.key)
        assert (row.send_state, row.next_attempt_at, row.lease_owner) == ("deferred", NOW + MINUTE, None)
        assert row.problem["template"] == "nobody listens"
        assert alerts(house) == []

    def test_what_only_a_person_can_mend_is_alarmed_about_with_its_reason(self, house: House, claim: Claim) -> None:
        release(house, claim, ServerError("the object is damaged"), alert=True)
        (alert,) = alerts(house)
        assert (alert.kind, alert.topic, alert.message_id) == ("send-waiting", claim.key, claim.id)
        assert alert.facts["reason"] == "the object is damaged"
        assert alert.facts["error"]["template"] == "the object is damaged"

    def test_what_another_process_took_over_is_not_taken_from_it(self, house: House, claim: Claim) -> None:
        write(house, claim.key, lease_owner="another")
        release(house, claim, ServerError("nobody listens"), alert=False)
        assert (message_of(house, claim.key).send_state, message_of(house, claim.key).lease_owner) == (
            "sending",
            "another",
        )


class TestBeforeTheDot:
    """From here on a crash means that it may have left."""

    def test_the_attempt_stands_in_database_ledger_archive_and_mark(self, house: House, claim: Claim) -> None:
        commit_attempt(house, claim)
        (attempt,) = attempts_of(house)
        assert (attempt.message_id, attempt.number, attempt.started_at, attempt.ended_at) == (claim.id, 1, NOW, None)
        (line,) = told(house, "message.attempted")
        assert (line.facts["message"], line.facts["number"]) == (claim.key, 1)
        assert attempts.noted(folder_of(house.archive)) == {(claim.key, 1)}
        (mark,) = fence_files(house)
        assert line.id in mark.read_text()

    def test_the_lease_is_renewed_so_that_nobody_recovers_what_waits_for_an_answer(
        self, house: House, claim: Claim
    ) -> None:
        write(house, claim.key, lease_until=NOW)
        commit_attempt(house, claim)
        assert message_of(house, claim.key).lease_until > datetime.now(UTC) + timedelta(minutes=4)

    @pytest.mark.parametrize("taken", [{"lease_owner": "another"}, {"send_state": "queued"}])
    def test_what_another_process_took_over_is_not_sent_twice(
        self, house: House, claim: Claim, taken: dict[str, str]
    ) -> None:
        write(house, claim.key, **taken)
        with pytest.raises(LeaseLostError):
            commit_attempt(house, claim)
        assert attempts_of(house) == []
        assert told(house, "message.attempted") == []
        assert attempts.noted(folder_of(house.archive)) == set()

    def test_another_letter_in_hand_is_not_touched(self, house: House, account: Account, claim: Claim) -> None:
        queued(house, account, subject="L'altra")
        other = claimed(house, account)
        write(house, other.key, lease_until=NOW, lease_owner=claim.owner)
        commit_attempt(house, claim)
        assert message_of(house, other.key).lease_until == NOW

    def test_where_the_archive_cannot_note_it_the_attempt_ends_and_says_so(
        self, house: House, account: Account, claim: Claim, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_arguments: object) -> None:
            raise DiskFullError("the disk is full")

        queued(house, account, subject="L'altra")
        other = claimed(house, account)
        commit_attempt(house, other)
        monkeypatch.setattr(fence, "note_attempt", full)
        with pytest.raises(DiskFullError):
            commit_attempt(house, claim)
        ends = {row.message_id: (row.outcome, row.stage, row.ended_at) for row in attempts_of(house)}
        assert ends == {claim.id: ("deferred", "body", NOW), other.id: (None, None, None)}
        (line,) = told(house, "message.deferred")
        assert {name: line.facts[name] for name in ("message", "number", "stage", "by")} == {
            "message": claim.key, "number": 1, "stage": "body", "by": "withdrawn",
        }  # fmt: skip

    def test_an_earlier_attempt_keeps_its_own_end_when_a_later_one_is_withdrawn(
        self, house: House, account: Account, claim: Claim, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        commit_attempt(house, claim)
        conclude(house, account, claim, PUT_OFF)
        write(house, claim.key, next_attempt_at=NOW)
        again = claimed(house, account)
        monkeypatch.setattr(fence, "note_attempt", lambda *_: (_ for _ in ()).throw(StorageError("full")))
        with pytest.raises(StorageError):
            commit_attempt(house, again)
        assert [(row.number, row.outcome, row.stage) for row in attempts_of(house)] == [
            (1, "deferred", "rcpt"),
            (2, "deferred", "body"),
        ]


def due(house: House) -> list[datetime | None]:
    """When something is due of each recipient."""
    with reading(house.engine) as connection:
        return list(connection.scalars(select(Recipient.due_at)))


def fence_files(house: House) -> list[Path]:
    """This computer's marks."""
    assert house.marks is not None
    return list(house.marks.glob("*.json"))


class TestOutcome:
    """The server's word, and what is made of its silence."""

    def test_taken_it_has_left_and_the_reply_is_kept(self, house: House, account: Account, claim: Claim) -> None:
        commit_attempt(house, claim)
        done = conclude(house, account, claim, TOOK)
        assert (done.key, done.send_state, done.code, done.reply, done.stage, done.problem) == (
            claim.key, "submitted", 250, "2.0.0 Ok", "reply", None,
        )  # fmt: skip
        row = message_of(house, claim.key)
        assert (row.send_state, row.submitted_at, row.reply, row.next_attempt_at) == (
            "submitted", NOW, "250 2.0.0 Ok", None,
        )  # fmt: skip
        (attempt,) = attempts_of(house)
        assert (attempt.outcome, attempt.stage, attempt.code, attempt.reply, attempt.problem, attempt.ended_at) == (
            "submitted", "reply", 250, "2.0.0 Ok", None, NOW,
        )  # fmt: skip

    def test_the_ledger_names_the_record_of_the_reply(self, house: House, account: Account, claim: Claim) -> None:
        commit_attempt(house, claim)
        conclude(house, account, claim, TOOK)
        (line,) = told(house, "message.submitted")
        assert {name: line.facts[name] for name in ("number", "stage", "code", "by")} == {
            "number": 1, "stage": "reply", "code": 250, "by": "server",
        }  # fmt: skip
        kept = records.read_record(house.archive.get(str(line.facts["record"]), Suffix.RECORD))
        assert (kept["code"], kept["text"]) == (250, "2.0.0 Ok")

    def test_put_off_before_the_dot_it_is_tried_again_in_its_time(
        self, house: House, account: Account, claim: Claim
    ) -> None:
        conclude(house, account, claim, PUT_OFF)
        row = message_of(house, claim.key)
        assert (row.send_state, row.next_attempt_at, row.reply) == ("deferred", NOW + MINUTE, "451 4.3.0 later")
        (attempt,) = attempts_of(house)
        assert (attempt.number, attempt.started_at, attempt.ended_at, attempt.stage) == (1, NOW, NOW, "rcpt")

    def test_refused_somebody_is_told_at_which_stage(self, house: House, account: Account, claim: Claim) -> None:
        with structlog.testing.capture_logs() as said:
            conclude(house, account, claim, REFUSED)
        assert said[-1]["event"] == "message.refused"
        assert states(house) == {claim.key: "refused"}
        assert message_of(house, claim.key).next_attempt_at is None
        (alert,) = alerts(house)
        assert (alert.kind, alert.topic, alert.facts) == (
            "send-refused", f"{claim.key}/1", {"stage": "mail", "code": 550},
        )  # fmt: skip

    def test_no_answer_after_the_dot_is_uncertain_in_our_words(
        self, house: House, account: Account, claim: Claim
    ) -> None:
        commit_attempt(house, claim)
        done = conclude(house, account, claim, LOST)
        assert (done.send_state, done.problem) == ("uncertain", LOST.problem)
        row = message_of(house, claim.key)
        assert (row.send_state, row.reply, row.problem["template"]) == ("uncertain", None, "the line was cut")
        (attempt,) = attempts_of(house)
        assert (attempt.outcome, attempt.reply, attempt.problem["template"]) == ("uncertain", None, "the line was cut")

    def test_an_answer_to_an_attempt_that_is_over_changes_nothing(
        self, house: House, account: Account, claim: Claim
    ) -> None:
        """Another process has tried since: this reply is not about what stands there now."""
        write(house, claim.key, attempts=2)
        with structlog.testing.capture_logs() as said:
            conclude(house, account, claim, REFUSED)
        assert [one["event"] for one in said] == ["message.taken_over"], "nor does the log say that it did"
        assert states(house) == {claim.key: "sending"}
        assert attempts_of(house) == []
        assert alerts(house) == []

    def test_the_end_is_written_to_its_own_attempt(self, house: House, account: Account, claim: Claim) -> None:
        commit_attempt(house, claim)
        conclude(house, account, claim, PUT_OFF)
        write(house, claim.key, next_attempt_at=NOW)
        queued(house, account, subject="L'altra")
        again, other = claimed(house, account), claimed(house, account)
        commit_attempt(house, again)
        commit_attempt(house, other)
        conclude(house, account, again, TOOK)
        assert [(row.message_id, row.number, row.outcome) for row in attempts_of(house)] == [
            (claim.id, 1, "deferred"),
            (claim.id, 2, "submitted"),
            (other.id, 1, None),
        ]

    def test_a_second_wait_is_longer_than_the_first(self, house: House, account: Account, claim: Claim) -> None:
        write(house, claim.key, attempts=3)
        conclude(house, account, replace(claim, number=3), PUT_OFF)
        assert message_of(house, claim.key).next_attempt_at == NOW + 4 * MINUTE

    def test_from_when_it_left_its_acceptance_is_due(self, house: House, account: Account, claim: Claim) -> None:
        """Else one that never comes would not be missed."""
        assert due(house) == [None]
        commit_attempt(house, claim)
        conclude(house, account, claim, TOOK)
        (at,) = due(house)
        assert at is not None
        assert at > NOW

    @pytest.mark.parametrize(
        ("result", "words"),
        [(TOOK, "was handed over"), (LOST, "was handed over"), (PUT_OFF, "has not left"), (REFUSED, "has not left")],
    )
    def test_what_cannot_be_written_down_says_whether_it_may_have_left(
        self, house: House, account: Account, claim: Claim, result: SendResult, words: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        def full(*_arguments: object) -> None:
            raise DiskFullError("the disk is full")

        monkeypatch.setattr(type(house.archive), "put_many", full)
        with pytest.raises(UnnotedError, match=words):
            conclude(house, account, claim, result)


def test_an_attempt_of_another_number_is_none_of_ours(house: House, account: Account, claim: Claim) -> None:
    commit_attempt(house, claim)
    with writing(house.engine) as connection:
        connection.execute(update(Attempt).values(number=9))
    conclude(house, account, claim, TOOK)
    assert [(row.number, row.outcome) for row in attempts_of(house)] == [(9, None), (1, "submitted")]
