"""What waits, what is asked about, what a person may decide: the rules of the outbox, without a server."""

import getpass
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from pec_tracker.archive.objects import Suffix
from pec_tracker.askers import OPERATOR, Act, Asker
from pec_tracker.db.engine import reading, writing
from pec_tracker.db.tables import Ledger, Mailbox
from pec_tracker.errors import ApartError, NotFoundError, UsageError
from pec_tracker.ledger import records
from pec_tracker.pec.sending import Event
from pec_tracker.service.house import Account, House
from pec_tracker.service.journeys.send_state_rows import happened
from pec_tracker.service.sending import outbox, telling
from pec_tracker.service.sending.outbox import follow_up, recover, resend, settle, waiting
from pec_tracker.service.sending.pace import PAUSE
from tests.archive.folders import folder_of
from tests.line.houses import message_of, open_alerts, queued, states
from tests.sending.offline import (
    MINUTE,
    NOW,
    account_of,
    alerts,
    attempts_of,
    begun,
    home_in,
    mail_of,
    opened,
    receipt_of,
    told,
    write,
)

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


@pytest.fixture
def agreeing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Receipts are taken to agree with their message as they stand: whether they do is tested where it is decided."""

    def proves(connection: Connection, message_ids: Sequence[int], *, now: datetime) -> None:
        for one in message_ids:
            happened(connection, Event.PROVEN, one, at=now, line={"by": "receipt"})

    monkeypatch.setattr(outbox, "reconsider", proves)


def letter(house: House, account: Account, state: str, subject: str = "Prova", **columns: Any) -> str:
    """A letter in this state."""
    key = queued(house, account, subject=subject).key
    write(house, key, send_state=state, **columns)
    return key


def number_of(house: House, key: str) -> int:
    """The row's number."""
    return int(message_of(house, key).id)


class TestRecover:
    """A process vanished with a letter in hand."""

    @pytest.mark.parametrize(
        ("until", "state"), [(-MINUTE, "queued"), (MINUTE, "sending"), (timedelta(days=1), "queued")]
    )
    def test_it_waits_again_once_its_lease_is_over_and_not_before(
        self, house: House, account: Account, until: timedelta, state: str
    ) -> None:
        key = letter(house, account, "sending", lease_owner="gone", lease_until=datetime.now(UTC) + until)
        recover(OPERATOR, house, account)
        assert states(house) == {key: state}
        assert alerts(house) == []

    def test_with_an_attempt_that_never_ended_it_is_uncertain_and_an_alarm_says_so(
        self, house: House, account: Account
    ) -> None:
        key = letter(house, account, "sending", lease_owner="gone", lease_until=NOW, attempts=2)
        begun(house, number_of(house, key), 1, ended_at=NOW, outcome="deferred")
        begun(house, number_of(house, key), 2)
        recover(OPERATOR, house, account)
        assert states(house) == {key: "uncertain"}
        assert [(alert.kind, alert.topic) for alert in alerts(house)] == [("send-uncertain", f"{key}/2")]
        assert [(row.number, row.outcome, row.stage) for row in attempts_of(house)] == [
            (1, "deferred", None),
            (2, "uncertain", "crash"),
        ]
        (line,) = told(house, "message.uncertain")
        assert (line.facts["by"], line.facts["number"]) == ("crash", 2)

    def test_an_open_attempt_of_another_letter_raises_no_doubt(self, house: House, account: Account) -> None:
        key = letter(house, account, "sending", lease_owner="gone", lease_until=NOW, attempts=2)
        other = letter(house, account, "submitted", "L'altra")
        begun(house, number_of(house, key), 1, ended_at=NOW, outcome="deferred")
        begun(house, number_of(house, other), 1)
        recover(OPERATOR, house, account)
        assert states(house)[key] == "queued"

    def test_a_letter_of_another_mailbox_or_state_is_left_alone(self, house: House, account: Account) -> None:
        mine = letter(house, account, "sending", lease_owner="gone", lease_until=NOW)
        theirs = letter(house, account_of(house, "altra"), "sending", lease_owner="gone", lease_until=NOW)
        put_off = letter(house, account, "deferred", "Dopo", next_attempt_at=NOW + HOUR)
        recover(OPERATOR, house, account)
        assert states(house) == {mine: "queued", theirs: "sending", put_off: "deferred"}

    @pytest.mark.usefixtures("agreeing")
    @pytest.mark.parametrize(
        ("counts", "state", "kinds"),
        [(True, "submitted", []), (False, "uncertain", ["evidence-not-proof", "send-uncertain"])],
    )
    def test_a_receipt_of_what_waits_settles_it_or_holds_it_back(
        self, house: House, account: Account, counts: bool, state: str, kinds: list[str]
    ) -> None:
        key = letter(house, account, "queued")
        receipt_of(house, account, number_of(house, key), counts=counts)
        recover(OPERATOR, house, account)
        assert states(house) == {key: state}
        assert open_alerts(house) == kinds
        assert len(told(house, "message.uncertain")) == (0 if counts else 1)

    @pytest.mark.usefixtures("agreeing")
    def test_receipts_of_another_mailboxs_letters_are_left_to_its_own_round(
        self, house: House, account: Account
    ) -> None:
        mine, theirs = letter(house, account, "queued"), letter(house, account_of(house, "altra"), "queued")
        receipt_of(house, account, number_of(house, mine), counts=True)
        receipt_of(house, account, number_of(house, theirs), counts=True, sha256="b" * 64)
        recover(OPERATOR, house, account)
        assert states(house) == {mine: "submitted", theirs: "queued"}

    def test_what_has_simply_left_is_not_looked_at_again_in_each_round(
        self, house: House, account: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Every letter of a mailbox ends so: a round that looked at them all would take longer each year."""
        looked: list[int] = []
        monkeypatch.setattr(outbox, "reconsider", lambda _connection, ids, *, now: looked.extend(ids))
        left, waits = letter(house, account, "submitted"), letter(house, account, "queued", "B")
        receipt_of(house, account, number_of(house, left), counts=True)
        receipt_of(house, account, number_of(house, waits), counts=True, sha256="b" * 64)
        recover(OPERATOR, house, account)
        assert looked == [number_of(house, waits)]

    def test_where_nothing_is_under_way_nothing_is_written(
        self, house: House, account: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        letter(house, account, "uncertain")
        letter(house, account_of(house, "altra"), "queued")

        def wrote(*_arguments: object) -> None:
            raise AssertionError("a transaction that writes keeps every other one waiting")

        monkeypatch.setattr(outbox, "in_one_transaction", wrote)
        recover(OPERATOR, house, account)

    def test_a_lease_that_was_taken_anew_meanwhile_is_kept(self, house: House, account: Account) -> None:
        key = letter(house, account, "sending", lease_owner="another", lease_until=NOW)
        row = replace_owner(message_of(house, key))
        with writing(house.engine) as connection:
            outbox._recover_one(connection, row, NOW)
        assert states(house) == {key: "sending"}


def replace_owner(row: Any) -> Any:
    """The row as it was read before another process took it."""
    return SimpleNamespace(**{**row._mapping, "lease_owner": "gone"})


class TestFollowUp:
    """After a collect."""

    @pytest.mark.parametrize(
        ("since", "asked"),
        [
            (-HOUR - SECOND, True),
            (-HOUR, False),
            (timedelta(0), False),
            (HOUR, False),
            (HOUR + SECOND, True),  # tried by a clock that was ahead
        ],
    )
    def test_what_is_uncertain_for_long_is_asked_about(
        self, house: House, account: Account, since: timedelta, asked: bool
    ) -> None:
        key = letter(house, account, "uncertain", attempts=2)
        begun(house, number_of(house, key), 1, started_at=NOW - timedelta(days=3))
        begun(house, number_of(house, key), 2, started_at=NOW + since)
        follow_up(OPERATOR, house, account)
        found = [(alert.kind, alert.topic, alert.severity) for alert in alerts(house)]
        assert found == ([("uncertain-unresolved", f"{key}/2", "alarm")] if asked else [])

    def test_without_an_attempt_its_writing_counts(self, house: House, account: Account) -> None:
        old = letter(house, account, "uncertain", created_at=NOW - HOUR - SECOND)
        letter(house, account, "uncertain", "Nuova", created_at=NOW - HOUR)
        follow_up(OPERATOR, house, account)
        assert [alert.topic for alert in alerts(house)] == [f"{old}/0"]
        assert (alerts(house)[0].message_id, alerts(house)[0].mailbox_id) == (number_of(house, old), account.id)

    @pytest.mark.parametrize("state", ["queued", "deferred"])
    @pytest.mark.parametrize(
        ("since", "asked"), [(-HOUR - SECOND, True), (-HOUR, False), (HOUR, False), (HOUR + SECOND, True)]
    )
    def test_what_ought_to_have_left_long_ago_is_told_of(
        self, house: House, account: Account, state: str, since: timedelta, asked: bool
    ) -> None:
        key = letter(house, account, state, created_at=NOW + since)
        follow_up(OPERATOR, house, account)
        found = [(alert.kind, alert.topic, alert.severity) for alert in alerts(house)]
        assert found == ([("send-waiting", key, "warning")] if asked else [])

    @pytest.mark.parametrize("state", ["sending", "submitted", "refused", "abandoned"])
    def test_what_does_not_wait_is_not_said_to_wait(self, house: House, account: Account, state: str) -> None:
        letter(house, account, state, created_at=NOW - 9 * HOUR)
        letter(house, account, "uncertain", "Nuova", created_at=NOW)
        follow_up(OPERATOR, house, account)
        assert alerts(house) == []

    def test_of_another_mailbox_nothing_is_told(self, house: House, account: Account) -> None:
        other = account_of(house, "altra")
        letter(house, account, "queued")
        letter(house, other, "queued", created_at=NOW - 9 * HOUR)
        letter(house, other, "uncertain", "Dubbia", created_at=NOW - 9 * HOUR)
        follow_up(OPERATOR, house, account)
        assert alerts(house) == []
        follow_up(OPERATOR, house, other)
        assert open_alerts(house) == ["send-waiting", "uncertain-unresolved"]
        assert {alert.mailbox_id for alert in alerts(house)} == {other.id}

    @pytest.mark.parametrize(
        ("columns", "suspended", "reason"),
        [
            ({"reply": "451 più tardi", "problem": {"template": "ours", "params": {}}}, None, "451 più tardi"),
            ({"problem": {"template": "ours", "params": {}}}, {"template": "suspended", "params": {}}, "ours"),
            ({}, {"template": "suspended", "params": {}}, "suspended"),
            ({}, None, telling.NOT_TRIED),
        ],
    )
    def test_the_reason_told_is_the_nearest_one(
        self, house: House, account: Account, columns: dict[str, Any], suspended: dict[str, Any] | None, reason: str
    ) -> None:
        letter(house, account, "deferred", created_at=NOW - 9 * HOUR, **columns)
        with writing(house.engine) as connection:
            connection.execute(update(Mailbox).values(suspended_problem=suspended))
        follow_up(OPERATOR, house, account)
        (alert,) = alerts(house)
        assert alert.facts["reason"] == reason
        assert ("error" in alert.facts) is ("reply" not in columns)

    @pytest.mark.usefixtures("agreeing")
    @pytest.mark.parametrize("state", ["queued", "deferred", "uncertain", "refused", "abandoned"])
    def test_a_receipt_that_counts_settles_whatever_was_believed(
        self, house: House, account: Account, state: str
    ) -> None:
        key = letter(house, account, state)
        other = letter(house, account, "uncertain", "Senza ricevute")
        receipt_of(house, account, number_of(house, key), counts=True)
        follow_up(OPERATOR, house, account)
        assert states(house) == {key: "submitted", other: "uncertain"}

    @pytest.mark.usefixtures("agreeing")
    def test_a_receipt_that_is_no_proof_settles_nothing(self, house: House, account: Account) -> None:
        key = letter(house, account, "uncertain")
        receipt_of(house, account, number_of(house, key), counts=False)
        follow_up(OPERATOR, house, account)
        assert states(house) == {key: "uncertain"}

    @pytest.mark.usefixtures("agreeing")
    @pytest.mark.parametrize(
        ("state", "after"), [("queued", "queued"), ("deferred", "deferred"), ("uncertain", "submitted")]
    )
    def test_old_receipts_do_not_take_back_a_second_sending(
        self, house: House, account: Account, state: str, after: str
    ) -> None:
        key = letter(house, account, state, again=True)
        receipt_of(house, account, number_of(house, key), counts=True)
        follow_up(OPERATOR, house, account)
        assert states(house) == {key: after}

    @pytest.mark.parametrize("state", ["queued", "deferred", "sending", "uncertain", "refused"])
    def test_as_long_as_anything_stands_open_it_is_looked_at(
        self, house: House, account: Account, state: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        wrote: list[object] = []
        monkeypatch.setattr(outbox, "in_one_transaction", lambda *arguments: wrote.append(arguments))
        letter(house, account_of(house, "altra"), state)
        letter(house, account, "submitted")
        letter(house, account, "abandoned", "Via")
        follow_up(OPERATOR, house, account)
        assert wrote == []
        letter_key = letter(house, account, "submitted", "Terza")
        write(house, letter_key, send_state=state)
        follow_up(OPERATOR, house, account)
        assert len(wrote) == 1


class TestWaiting:
    """What the outbox shows."""

    def test_every_letter_that_has_not_simply_left_is_in_sight_the_oldest_first(
        self, house: House, account: Account
    ) -> None:
        kept = ["queued", "sending", "deferred", "refused", "uncertain", "abandoned"]
        keys = [letter(house, account, state, state) for state in kept]
        letter(house, account, "submitted", "via")
        write(house, keys[-1], created_at=NOW - HOUR)
        assert [entry.send_state for entry in waiting(OPERATOR, house)] == ["abandoned", *kept[:-1]]

    def test_of_one_mailbox_and_of_one_letter_only(self, house: House, account: Account) -> None:
        other = account_of(house, "altra")
        mine, theirs = letter(house, account, "queued"), letter(house, other, "queued")
        assert [entry.key for entry in waiting(OPERATOR, house, account)] == [mine]
        assert [entry.key for entry in waiting(OPERATOR, house, key=theirs)] == [theirs]
        assert [entry.mailbox for entry in waiting(OPERATOR, house)] == ["studio", "altra"]
        clerk = Asker("c", "clerk", frozenset(Act), frozenset({other.id}))
        assert [entry.key for entry in waiting(clerk, house)] == [theirs]

    @pytest.mark.parametrize(
        ("state", "due", "paused", "shown"),
        [
            ("queued", NOW, None, NOW),
            ("queued", NOW, NOW, NOW),
            ("queued", NOW, NOW + MINUTE, NOW + MINUTE),
            ("deferred", NOW + HOUR, NOW + MINUTE, NOW + HOUR),
            ("deferred", None, NOW + MINUTE, NOW + MINUTE),
            ("deferred", NOW - HOUR, NOW - MINUTE, NOW - HOUR),
            ("deferred", None, NOW - MINUTE, None),
            ("queued", NOW, NOW + PAUSE, NOW + PAUSE),
            ("queued", NOW, NOW + PAUSE + MINUTE, NOW),  # by a clock that was ahead: sending ignores it
            ("uncertain", None, NOW + MINUTE, None),
        ],
    )
    def test_when_it_goes_considers_a_pause(
        self, house: House, account: Account, state: str, due: datetime | None, paused: datetime | None,
        shown: datetime | None,
    ) -> None:  # fmt: skip
        letter(house, account, state, next_attempt_at=due)
        with writing(house.engine) as connection:
            connection.execute(update(Mailbox).values(paused_until=paused))
        assert [entry.next_attempt_at for entry in waiting(OPERATOR, house)] == [shown]

    def test_the_reason_shown_is_the_servers_or_ours_or_the_mailboxs(self, house: House, account: Account) -> None:
        ours, suspended = {"template": "ours", "params": {}}, {"template": "suspended", "params": {}}
        letter(house, account, "deferred", "A", reply="451 no")
        letter(house, account, "deferred", "B", problem=ours)
        letter(house, account, "deferred", "C")
        with writing(house.engine) as connection:
            connection.execute(update(Mailbox).values(suspended_problem=suspended))
        assert [(entry.reply, entry.problem) for entry in waiting(OPERATOR, house)] == [
            ("451 no", None),
            (None, ours),
            (None, suspended),
        ]


class TestDecisions:
    """What a person may decide, and what is kept of it."""

    @pytest.mark.parametrize(
        "state", ["queued", "sending", "deferred", "submitted", "refused", "uncertain", "abandoned"]
    )
    @pytest.mark.parametrize(
        ("what", "possible", "after"),
        [
            ("resend", {"refused", "uncertain", "abandoned"}, "queued"),
            ("again", {"refused", "uncertain", "abandoned", "submitted"}, "queued"),
            ("sent", {"uncertain"}, "submitted"),
            ("given up", {"queued", "deferred", "refused", "uncertain"}, "abandoned"),
        ],
    )
    def test_only_what_is_possible_is_decided_and_a_refused_decision_leaves_nothing(
        self, house: House, account: Account, state: str, what: str, possible: set[str], after: str
    ) -> None:
        key = letter(house, account, state)
        before = objects(house)
        if state not in possible:
            with pytest.raises(UsageError):
                decided(house, key, what)
            assert (states(house), objects(house)) == ({key: state}, before)
            return
        decided(house, key, what)
        assert states(house) == {key: after}
        assert message_of(house, key).again is (what == "again")
        (line,) = told(house, f"message.{'requeued' if after == 'queued' else after}")
        assert (line.facts["by"], line.facts.get("again")) == ("person", True if what == "again" else None)
        record = records.read_record(house.archive.get(str(line.facts["record"]), Suffix.RECORD))
        words = {
            "resend": "resend",
            "again": "resend again",
            "sent": "settle submitted",
            "given up": "settle abandoned",
        }
        assert (record["what"], record["reason"]) == (words[what], "lo dico io")

    def test_who_decided_is_in_the_record(
        self, house: House, account: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clerk = Asker("c", "Anna", frozenset(Act))
        monkeypatch.setattr(getpass, "getuser", lambda: "root")
        first, second = letter(house, account, "refused"), letter(house, account, "refused", "B")
        resend(clerk, house, first, reason="va")
        resend(OPERATOR, house, second, reason="va")
        by = [
            records.read_record(house.archive.get(str(line.facts["record"]), Suffix.RECORD))["by"]
            for line in told(house, "message.requeued")
        ]
        assert by == ["Anna", "root"]

    def test_a_decision_is_sealed_at_once(self, house: House, account: Account) -> None:
        resend(OPERATOR, house, letter(house, account, "refused"), reason="va")
        with reading(house.engine) as connection:
            assert connection.scalars(select(Ledger.id).where(Ledger.seal_number.is_(None))).all() == []

    def test_what_was_found_and_not_written_here_is_never_sent_from_here(self, house: House, account: Account) -> None:
        key = letter(house, account, "refused", origin="found")
        with pytest.raises(UsageError, match="not composed here"):
            resend(OPERATOR, house, key, reason="va", again=True)

    def test_what_somebody_may_not_see_does_not_exist_for_him(self, house: House, account: Account) -> None:
        key = letter(house, account, "refused")
        stranger = Asker("c", "clerk", frozenset(Act), frozenset({account.id + 1}))
        with pytest.raises(NotFoundError):
            resend(stranger, house, key, reason="va")

    @pytest.mark.parametrize(
        ("trace", "words"),
        [("proof", "receipts prove"), ("no proof", "no proof"), ("copy", "a copy")],
    )
    def test_where_a_trace_says_that_it_left_only_a_knowing_word_sends_it_again(
        self, house: House, account: Account, trace: str, words: str
    ) -> None:
        key, other = letter(house, account, "refused"), letter(house, account, "refused", "L'altra")
        if trace == "copy":
            mail_of(house, account, number_of(house, key), role="sent-copy")
        else:
            receipt_of(house, account, number_of(house, key), counts=trace == "proof")
        resend(OPERATOR, house, other, reason="di questa non parla nessuno")
        with pytest.raises(UsageError, match=words):
            resend(OPERATOR, house, key, reason="va")
        assert states(house) == {key: "refused", other: "queued"}
        resend(OPERATOR, house, key, reason="va", again=True)
        assert states(house)[key] == "queued"

    def test_given_up_it_may_have_traces(self, house: House, account: Account) -> None:
        key = letter(house, account, "uncertain")
        receipt_of(house, account, number_of(house, key), counts=False)
        settle(OPERATOR, house, key, sent=False, reason="va")
        assert states(house) == {key: "abandoned"}


def objects(house: House) -> list[str]:
    """Every object of the archive."""
    return sorted(path.name for path in (folder_of(house.archive) / "objects").rglob("*"))


def decided(house: House, key: str, what: str) -> None:
    """A person's word."""
    if what in ("resend", "again"):
        resend(OPERATOR, house, key, reason="lo dico io", again=what == "again")
    else:
        settle(OPERATOR, house, key, sent=what == "sent", reason="lo dico io")


def test_a_decision_beside_another_archive_would_be_lost_and_is_refused(
    house: House, account: Account, tmp_path: Path
) -> None:
    key = letter(house, account, "refused")
    other = opened(home_in(tmp_path / "other"))
    queued(other, account_of(other))
    before = objects(other)
    with pytest.raises(ApartError):
        resend(OPERATOR, replace(house, archive=other.archive), key, reason="va")
    assert (states(house), objects(other)) == ({key: "refused"}, before)


@pytest.mark.parametrize("sent", [True, False])
def test_after_a_decision_the_recipients_are_looked_at_again(
    house: House, account: Account, monkeypatch: pytest.MonkeyPatch, sent: bool
) -> None:
    """Else the page goes on to say what is to be done about a letter that was given up."""
    key = letter(house, account, "uncertain")
    looked: list[list[int]] = []
    monkeypatch.setattr(outbox, "reconsider", lambda _connection, ids, *, now: looked.append(list(ids)))
    settle(OPERATOR, house, key, sent=sent, reason="va")
    assert looked == [[number_of(house, key)]]


@pytest.mark.parametrize("again", [True, False])
def test_what_was_sent_again_knowingly_is_not_taken_back_by_the_receipts_that_were_there(
    house: House, account: Account, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    key = letter(house, account, "refused")
    looked: list[list[int]] = []
    monkeypatch.setattr(outbox, "reconsider", lambda _connection, ids, *, now: looked.append(list(ids)))
    resend(OPERATOR, house, key, reason="va", again=again)
    assert (states(house), looked) == ({key: "queued"}, [])
