"""Which letter goes next, which one waits, and who takes it: the rules of a round of sending, without a server."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update

from pec_tracker.archive import attempts
from pec_tracker.archive.objects import Suffix
from pec_tracker.askers import OPERATOR, Act, Asker
from pec_tracker.db import leases
from pec_tracker.db.engine import writing
from pec_tracker.db.tables import Attempt, Mailbox
from pec_tracker.errors import ApartError, DiskFullError, LoginRefusedError, ServerError
from pec_tracker.service.house import Account, House
from pec_tracker.service.sending import dispatch as dispatching
from pec_tracker.service.sending.attempt import LeaseLostError, commit_attempt
from pec_tracker.service.sending.dispatch import _cut_when_told, _never, _Round, _seal, dispatch
from pec_tracker.service.sending.turns import held_by_pace, next_turns
from pec_tracker.settings import Pace
from pec_tracker.wire.smtp import SendOutcome, SendResult
from tests.archive.folders import folder_of, object_path
from tests.line.houses import Home, message_of, queued, states
from tests.sending.offline import MINUTE, NOW, account_of, alerts, clock_at, home_in, opened, round_of, told, write

PAUSE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def next_of(house: House, account: Account, **changes: Any) -> str | None:
    """The letter that would go next."""
    row = round_of(house, account, **changes)._next()
    return None if row is None else str(row.key)


def mailbox(house: House, account: Account, **columns: Any) -> None:
    """What stands in the mailbox's row."""
    with writing(house.engine) as connection:
        connection.execute(update(Mailbox).where(Mailbox.id == account.id).values(**columns))


@pytest.mark.parametrize(
    ("state", "due", "goes"),
    [
        ("queued", -SECOND, True),
        ("queued", timedelta(0), True),
        ("queued", SECOND, False),
        ("queued", PAUSE, False),
        ("queued", PAUSE + SECOND, True),  # longer than anything is put off: by a clock that was ahead
        ("deferred", -SECOND, True),
        ("deferred", timedelta(0), True),
        ("deferred", SECOND, False),
        ("deferred", HOUR, False),
        ("deferred", HOUR + SECOND, True),
    ],
)
def test_a_letter_leaves_when_it_is_due_and_not_before(
    house: House, account: Account, state: str, due: timedelta, goes: bool
) -> None:
    key = queued(house, account).key
    write(house, key, send_state=state, next_attempt_at=NOW + due)
    assert next_of(house, account) == (key if goes else None)


def test_what_was_put_off_in_this_round_waits_for_another(house: House, account: Account) -> None:
    key = queued(house, account).key
    write(house, key, send_state="deferred", next_attempt_at=NOW)
    assert next_of(house, account, began=NOW - SECOND) is None
    assert next_of(house, account, began=NOW) == key


def test_a_round_that_began_earlier_elsewhere_tries_nothing_that_was_put_off_since(
    house: House, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several mailboxes one after the other: else the first letter is tried again and again in one round."""
    key = queued(house, account).key
    write(house, key, send_state="deferred", next_attempt_at=NOW)
    answers(monkeypatch, TOOK)
    assert dispatch(OPERATOR, house, account, began=NOW - SECOND) == []
    assert [one.key for one in dispatch(OPERATOR, house, account)] == [key]


@pytest.mark.parametrize("state", ["sending", "submitted", "refused", "uncertain", "abandoned"])
def test_what_is_not_waiting_is_never_next(house: House, account: Account, state: str) -> None:
    write(house, queued(house, account).key, send_state=state, next_attempt_at=NOW)
    assert next_of(house, account) is None


@pytest.mark.parametrize(
    ("until", "goes"), [(-SECOND, True), (timedelta(0), True), (SECOND, False), (PAUSE, False), (PAUSE + SECOND, True)]
)
def test_a_paused_mailbox_sends_nothing_until_the_pause_ends(
    house: House, account: Account, until: timedelta, goes: bool
) -> None:
    key = queued(house, account).key
    mailbox(house, account, paused_until=NOW + until)
    assert next_of(house, account) == (key if goes else None)


def test_a_pause_of_another_mailbox_holds_nothing_back(house: House, account: Account) -> None:
    key = queued(house, account).key
    mailbox(house, account_of(house, "altra"), paused_until=NOW + MINUTE)
    assert next_of(house, account) == key


def test_a_mailbox_sends_only_its_own(house: House, account: Account) -> None:
    queued(house, account_of(house, "altra"))
    assert next_of(house, account) is None


def test_the_oldest_goes_first_whatever_its_state(house: House, account: Account) -> None:
    keys = [queued(house, account, subject=f"Numero {number}").key for number in range(3)]
    assert next_of(house, account) == keys[0], "of one moment the first that was written"
    write(house, keys[0], created_at=NOW + SECOND)
    write(house, keys[1], created_at=NOW)
    write(house, keys[2], created_at=NOW - SECOND, send_state="deferred")
    assert next_of(house, account) == keys[2]
    write(house, keys[2], created_at=NOW, send_state="deferred")
    assert next_of(house, account) == keys[1]


def test_only_the_letters_asked_for_go(house: House, account: Account) -> None:
    first, second = queued(house, account).key, queued(house, account, subject="La seconda").key
    assert next_of(house, account, only=[second]) == second
    assert next_of(house, account, only=[]) is None
    assert next_of(house, account, only=None) == first


def test_what_was_queued_before_this_process_started_waits_for_a_collect(
    home: Home, house: House, account: Account
) -> None:
    """A restored database does not know what has left: the mailbox tells first."""
    old = queued(house, account).key
    again = opened(home)
    assert next_of(again, account) is None
    new = queued(again, account, subject="Dopo").key
    assert next_of(again, account) == new
    mailbox(again, account, collected_at=NOW)
    assert next_of(again, account) == old


def test_a_claim_is_written_with_number_and_lease(house: House, account: Account) -> None:
    key = queued(house, account, "uno@pec.test", "due@pec.test").key
    round_ = round_of(house, account)
    row = round_._next()
    assert row is not None
    claim = round_._claim(row)
    assert claim is not None
    assert (claim.key, claim.number, claim.mail_from, claim.rcpt_to) == (
        key, 1, "studio@pec.test", ("uno@pec.test", "due@pec.test"),
    )  # fmt: skip
    row = message_of(house, key)
    assert (claim.id, claim.sha256, claim.owner) == (row.id, row.raw, row.lease_owner)
    assert (row.send_state, row.attempts) == ("sending", 1)
    real = datetime.now(UTC)
    assert real + timedelta(minutes=4) < row.lease_until <= real + timedelta(minutes=5)


@pytest.mark.parametrize("meanwhile", [{"attempts": 1}, {"send_state": "deferred"}, {"send_state": "sending"}])
def test_where_another_was_quicker_the_next_letter_is_taken_with_its_own_recipients(
    house: House, account: Account, meanwhile: dict[str, Any]
) -> None:
    first = queued(house, account, "uno@pec.test").key
    second = queued(house, account, "due@pec.test", subject="La seconda").key
    round_ = round_of(house, account)
    row = round_._next()
    write(house, first, next_attempt_at=NOW + MINUTE, **meanwhile)
    assert row is not None
    claim = round_._claim(row)
    assert claim is not None
    assert (claim.key, claim.rcpt_to) == (second, ("due@pec.test",))
    assert states(house)[first] == meanwhile.get("send_state", "queued")
    assert message_of(house, first).attempts == meanwhile.get("attempts", 0)


def test_where_another_took_the_only_letter_there_is_none_to_take(house: House, account: Account) -> None:
    key = queued(house, account).key
    round_ = round_of(house, account)
    row = round_._next()
    write(house, key, send_state="sending", lease_owner="another")
    assert row is not None
    assert round_._claim(row) is None
    assert message_of(house, key).lease_owner == "another"


def test_two_who_send_at_once_keep_the_pace_together(house: House, account: Account) -> None:
    """A letter a minute: both see that one may go, and one goes."""
    paced = replace(account, pace=Pace(1))
    keys = [queued(house, paced, subject=f"Numero {number}").key for number in range(2)]
    one, other = round_of(house, paced), round_of(house, paced)
    seen = [one._may_go(), other._may_go()]
    assert None not in seen
    claim = one._claim(seen[0])  # type: ignore[arg-type]
    assert claim is not None
    assert other._claim(seen[1]) is None  # type: ignore[arg-type]
    assert states(house) == {keys[0]: "sending", keys[1]: "queued"}
    assert other._may_go() is None, "what is in hand takes its turn before its attempt is written"
    commit_attempt(house, claim)
    assert other._may_go() is None


def test_a_letter_that_a_dead_process_had_in_hand_takes_nobodys_turn(house: House, account: Account) -> None:
    paced = replace(account, pace=Pace(1))
    first, second = (queued(house, paced, subject=f"Numero {number}").key for number in range(2))
    write(house, first, send_state="sending", attempts=1, lease_owner="another", lease_until=leases.until(-MINUTE))
    row = round_of(house, paced)._may_go()
    assert row is not None
    claim = round_of(house, paced)._claim(row)
    assert claim is not None
    assert claim.key == second


def test_nothing_goes_where_somebody_says_stop(house: House, account: Account) -> None:
    key = queued(house, account).key
    assert round_of(house, account, stop=lambda: True).send_all() == []
    assert dispatch(OPERATOR, house, account, stop=lambda: True) == []
    assert states(house) == {key: "queued"}


def test_nothing_goes_before_the_pace_says_so_and_the_turn_is_told(house: House, account: Account) -> None:
    """A letter a minute: the second has its turn a minute after the first began."""
    paced = replace(account, pace=Pace(1))
    first, second = queued(house, paced).key, queued(house, paced, subject="La seconda").key
    write(house, first, send_state="submitted")
    with writing(house.engine) as connection:
        number = message_of(house, first).id
        connection.execute(insert(Attempt).values(message_id=number, number=1, started_at=NOW - 20 * SECOND))
    assert round_of(house, paced)._may_go() is None
    assert held_by_pace(house, paced, began=NOW) == NOW + 40 * SECOND
    assert next_turns(OPERATOR, house, [paced]) == {paced.id: NOW + 40 * SECOND}
    after = replace(house, clock=clock_at(NOW + MINUTE))
    assert held_by_pace(after, paced, began=NOW) is None
    assert held_by_pace(after, paced, began=NOW, since=NOW) == NOW + 40 * SECOND, "its turn came while it was looked at"
    assert held_by_pace(house, paced, began=NOW, only=[first]) is None
    assert held_by_pace(house, account, began=NOW) is None
    write(house, second, send_state="abandoned")
    assert held_by_pace(house, paced, began=NOW) is None, "nothing waits for the turn"
    assert next_turns(OPERATOR, house, [paced]) == {}


@pytest.mark.parametrize(
    ("state", "due", "turn"),
    [
        ("queued", -SECOND, -SECOND),
        ("queued", PAUSE, PAUSE),
        ("queued", PAUSE + SECOND, timedelta(0)),  # longer than anything is put off: by a clock that was ahead
        ("deferred", HOUR, HOUR),
        ("deferred", HOUR + SECOND, timedelta(0)),
        ("refused", timedelta(0), None),
        ("submitted", timedelta(0), None),
    ],
)
def test_the_watch_comes_back_when_the_next_letter_is_due(
    house: House, account: Account, state: str, due: timedelta, turn: timedelta | None
) -> None:
    write(house, queued(house, account).key, send_state=state, next_attempt_at=NOW + due)
    assert next_turns(OPERATOR, house, [account]) == ({} if turn is None else {account.id: NOW + turn})


def test_the_watch_comes_back_after_a_pause_and_not_for_one_that_a_wrong_clock_wrote(
    house: House, account: Account
) -> None:
    queued(house, account)
    mailbox(house, account, paused_until=NOW + PAUSE)
    assert next_turns(OPERATOR, house, [account]) == {account.id: NOW + PAUSE}
    mailbox(house, account, paused_until=NOW + PAUSE + SECOND)
    assert next_turns(OPERATOR, house, [account]) == {account.id: NOW}
    mailbox(house, account, paused_until=NOW - SECOND)
    assert next_turns(OPERATOR, house, [account]) == {account.id: NOW}


def test_the_watch_comes_for_a_letter_that_a_dead_process_left_and_not_for_one_in_hand(
    house: House, account: Account
) -> None:
    key = queued(house, account).key
    over = datetime(2000, 1, 1, tzinfo=UTC)
    write(house, key, send_state="sending", lease_owner="elsewhere|1|x", lease_until=over)
    assert next_turns(OPERATOR, house, [account]) == {account.id: NOW}
    assert next_turns(OPERATOR, house, [account_of(house, "altra")]) == {}, "nor for one of another mailbox"
    write(house, key, lease_until=datetime.now(UTC) + timedelta(minutes=5))
    assert next_turns(OPERATOR, house, [account]) == {}


def test_the_watch_does_not_come_for_what_the_fence_keeps_or_for_who_may_not_see_it(
    home: Home, house: House, account: Account
) -> None:
    queued(house, account)
    later = opened(home)
    assert next_turns(OPERATOR, later, [account]) == {}
    queued(later, account, subject="Dopo")
    assert next_turns(OPERATOR, later, [account]) == {account.id: NOW}
    mailbox(later, account, collected_at=NOW)
    assert next_turns(OPERATOR, opened(home), [account]) == {}
    known = replace(house, start=replace(house.start, newest=9, collected={account.id: NOW}))
    mailbox(later, account, collected_at=None)
    assert round_of(known, account)._next() is None
    assert next_turns(OPERATOR, known, [account]) == {}, "a restored database may know of no collect at all"
    nobody = Asker("u1", "Ugo", frozenset(Act), mailboxes=frozenset())
    assert next_turns(nobody, later, [account]) == {}


def test_a_server_that_cannot_be_reached_leaves_the_letter_in_the_outbox_with_the_reason(
    house: House, account: Account
) -> None:
    first, second = queued(house, account).key, queued(house, account, subject="La seconda").key
    with pytest.raises(ServerError):
        dispatch(OPERATOR, house, account)
    assert states(house) == {first: "deferred", second: "queued"}
    assert message_of(house, first).problem is not None
    assert message_of(house, first).next_attempt_at == NOW + MINUTE
    assert alerts(house) == [], "it goes next time: nobody needs to come"


def test_a_letter_whose_bytes_are_gone_is_alarmed_about_and_the_next_one_is_tried(
    house: House, account: Account
) -> None:
    first, second = queued(house, account).key, queued(house, account, subject="La seconda").key
    object_path(house.archive, message_of(house, first).raw, Suffix.MAIL).unlink()
    with pytest.raises(ServerError):
        dispatch(OPERATOR, house, account)
    assert states(house) == {first: "deferred", second: "deferred"}
    assert [(alert.kind, alert.topic) for alert in alerts(house)] == [("send-waiting", first)]


@pytest.mark.parametrize("error", [LeaseLostError("gone"), DiskFullError("full")])
def test_what_went_to_another_process_is_let_go_and_a_full_disk_is_told(
    house: House, account: Account, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    key = queued(house, account).key
    round_ = round_of(house, account)
    row = round_._next()
    assert row is not None
    claim = round_._claim(row)
    assert claim is not None

    def raises(*_arguments: object) -> bytes:
        raise error

    monkeypatch.setattr(type(house.archive), "get", raises)
    if isinstance(error, DiskFullError):
        with pytest.raises(DiskFullError):
            round_._send(claim)
        assert states(house) == {key: "deferred"}
        assert alerts(house) == []
    else:
        assert round_._send(claim) is None
        assert states(house) == {key: "sending"}


def test_a_round_begins_with_recovery_and_what_a_restore_put_in_doubt_does_not_leave(
    house: House, account: Account
) -> None:
    key = queued(house, account).key
    write(house, key, send_state="sending", lease_owner="gone", lease_until=NOW)
    with pytest.raises(ServerError):
        dispatch(OPERATOR, house, account)
    assert states(house) == {key: "deferred"}, "it was recovered, and tried"
    attempts.note(folder_of(house.archive), key, 7)
    assert dispatch(OPERATOR, house, account) == []
    assert states(house) == {key: "uncertain"}


def test_a_database_that_lies_beside_another_archive_sends_nothing(
    house: House, account: Account, tmp_path: Path
) -> None:
    key = queued(house, account).key
    other = opened(home_in(tmp_path / "other"))
    queued(other, account_of(other))
    with pytest.raises(ApartError):
        dispatch(OPERATOR, replace(house, archive=other.archive), account)
    assert states(house) == {key: "queued"}


def test_a_round_ends_with_what_it_did_sealed(house: House, account: Account) -> None:
    queued(house, account)
    sealed: list[House] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dispatching, "seal", sealed.append)
        with pytest.raises(ServerError):
            dispatch(OPERATOR, house, account)
    assert sealed == [house]


def test_a_full_disk_at_the_end_hides_nothing_and_any_other_fault_of_the_seal_is_told(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(error: Exception) -> Callable[[House], None]:
        def seal(_house: House) -> None:
            raise error

        return seal

    monkeypatch.setattr(dispatching, "seal", failing(DiskFullError("full")))
    _seal(house)
    monkeypatch.setattr(dispatching, "seal", failing(ApartError("apart")))
    with pytest.raises(ApartError):
        _seal(house)
    with pytest.raises(ServerError, match="the first"):
        ends_badly(house)


def ends_badly(house: House) -> None:
    """A round that met a fault before it seals."""
    try:
        raise ServerError("the first")
    finally:
        _seal(house)


class Closing:
    """A connection that only knows that it was closed."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def close(self) -> None:
        """As a submitter's."""
        self.closed.set()


def test_a_server_that_thinks_too_long_after_a_stop_is_cut(account: Account) -> None:
    one = Closing()
    with _cut_when_told(one, lambda: True, 0.0):  # type: ignore[arg-type]
        assert one.closed.wait(5)


def test_nobody_is_cut_who_was_not_told_to_stop_or_ended_in_time() -> None:
    for stop, grace in ((lambda: False, 0.0), (lambda: True, 60.0), (_never, 0.0)):
        one = Closing()
        with _cut_when_told(one, stop, grace):  # type: ignore[arg-type]
            assert not one.closed.wait(0.6)
        assert not one.closed.is_set()


def test_no_watch_is_kept_where_nobody_can_say_stop() -> None:
    with _cut_when_told(Closing(), _never, 0.0):  # type: ignore[arg-type]
        assert "stop" not in {thread.name for thread in threading.enumerate()}
    assert _never() is False
    with _cut_when_told(Closing(), lambda: False, 0.0):  # type: ignore[arg-type]
        assert "stop" in {thread.name for thread in threading.enumerate()}
    assert "stop" not in {thread.name for thread in threading.enumerate()}


def test_a_clock_that_moves_on_lets_the_put_off_letter_go(home: Home, house: House, account: Account) -> None:
    key = queued(house, account).key
    with pytest.raises(ServerError):
        dispatch(OPERATOR, house, account)
    assert dispatch(OPERATOR, house, account) == []
    later = replace(house, clock=clock_at(NOW + MINUTE))
    with pytest.raises(ServerError):
        dispatch(OPERATOR, later, account)
    assert message_of(house, key).attempts == 2
    assert told(house, "message.attempted") == []


def answers(monkeypatch: pytest.MonkeyPatch, *results: SendResult) -> None:
    """What the server says to one letter after the other."""
    left = list(results)
    monkeypatch.setattr(_Round, "_send", lambda *_arguments: left.pop(0))


TOOK = SendResult(SendOutcome.SUBMITTED, 250, "2.0.0 Ok", "reply")


def test_a_refused_login_is_not_tried_again_before_a_person_says_so(
    house: House, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Providers lock the mailbox of who goes on trying."""

    def refused(*_arguments: object) -> None:
        raise LoginRefusedError("the password is wrong")

    key = queued(house, account).key
    monkeypatch.setattr(_Round, "_send", refused)
    for _ in range(2):
        with pytest.raises(LoginRefusedError):
            dispatch(OPERATOR, house, account)
    assert [alert.kind for alert in alerts(house)] == ["login-refused"]
    assert message_of(house, key).attempts == 1, "the second time nobody asked the server"


def test_letter_after_letter_goes_and_each_is_told_of(
    house: House, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [queued(house, account, subject=f"Numero {number}").key for number in range(3)]
    answers(monkeypatch, TOOK, TOOK, TOOK)
    done: list[int] = []
    sent = dispatch(OPERATOR, house, account, progress=done.append)
    assert ([one.key for one in sent], done) == (keys, [1, 2, 3])


def test_too_much_traffic_keeps_the_rest_of_the_mailbox_back(
    house: House, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = queued(house, account).key, queued(house, account, subject="La seconda").key
    answers(monkeypatch, SendResult(SendOutcome.DEFERRED, 450, "too much traffic", "mail", pause=True))
    assert [one.key for one in dispatch(OPERATOR, house, account)] == [first]
    assert states(house) == {first: "deferred", second: "queued"}
    assert message_of(house, second).reply == "too much traffic"
    assert message_of(house, second).next_attempt_at == NOW + PAUSE


@pytest.mark.parametrize(("stage", "tried"), [("connect", 1), ("tls", 1), ("login", 1), ("mail", 2), ("body", 2)])
def test_a_server_in_trouble_is_not_tried_with_the_next_letter(
    house: House, account: Account, monkeypatch: pytest.MonkeyPatch, stage: str, tried: int
) -> None:
    for number in range(2):
        queued(house, account, subject=f"Numero {number}")
    one = SendResult(SendOutcome.DEFERRED, 421, "later", stage)
    answers(monkeypatch, one, one)
    assert len(dispatch(OPERATOR, house, account)) == tried
