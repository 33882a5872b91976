"""Servers and networks at their worst while we send: nothing goes twice, nothing is silently not sent."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text, update

from pec_tracker import texts
from pec_tracker.archive.objects import Suffix
from pec_tracker.askers import OPERATOR
from pec_tracker.clock import Clock
from pec_tracker.db import leases
from pec_tracker.db.engine import reading, writing
from pec_tracker.db.tables import Attempt, Message
from pec_tracker.errors import DiskFullError, LoginRefusedError, ServerError, StorageError, TlsError
from pec_tracker.presence import Presence
from pec_tracker.sandbox.failures import Moment, Verb
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service.collecting.collect import collect
from pec_tracker.service.house import Account, House
from pec_tracker.service.mailboxes.login import resume
from pec_tracker.service.sending.attempt import LONGEST_RETRY, UnnotedError
from pec_tracker.service.sending.dispatch import _Round, dispatch
from pec_tracker.service.sending.in_turn import send_in_turn
from pec_tracker.service.sending.outbox import recover, waiting
from pec_tracker.service.sending.pace import PAUSE
from pec_tracker.service.sending.turns import next_turns
from pec_tracker.settings import Pace
from pec_tracker.wire.endpoint import Login
from tests.archive.folders import object_path
from tests.archive.killed import killed_at
from tests.line.houses import Home, account_at, journeys, message_of, open_alerts, queued, standing_clock, states
from tests.sandbox.materials import SENDER
from tests.servers.certificates import Authority
from tests.servers.faultproxy import FaultProxy, Faults

TOO_MUCH = '550 MAIL from: <x> blocked "Class Of Service" - Too much traffic from this sender'


def later(house: House, span: timedelta) -> House:
    """The same house when its (standing) clock shows so much more."""
    clock = house.clock
    return replace(house, clock=replace(clock, origin=clock.origin + span))


class TestLoginRefused:
    """Providers lock accounts that are hammered."""

    def test_nothing_is_tried_again_and_everything_waits_in_sight(
        self, house: House, account: Account, sandbox: Sandbox, fault_proxy: Callable[[int], FaultProxy]
    ) -> None:
        smtp, imap = fault_proxy(sandbox.smtp_port), fault_proxy(sandbox.imap_port)
        account = account_at(house, sandbox, smtp_port=smtp.port, imap_port=imap.port)
        queued(house, account)
        sandbox.failures.refuse_login()
        for _ in range(3):
            with pytest.raises(LoginRefusedError):
                dispatch(OPERATOR, house, account)
            with pytest.raises(LoginRefusedError, match="suspended"):
                collect(OPERATOR, house, account)
        assert (len(smtp.connections), len(imap.connections)) == (1, 0)
        assert open_alerts(house) == ["login-refused"]
        (entry,) = waiting(OPERATOR, house)
        assert entry.send_state == "deferred"
        assert entry.problem is not None
        assert entry.problem["params"]["code"] == 535

    def test_another_password_resumes_the_mailbox(self, house: House, account: Account, sandbox: Sandbox) -> None:
        queued(house, account)
        wrong = replace(account, login=lambda: Login(SENDER, "sbagliata"))
        with pytest.raises(LoginRefusedError):
            dispatch(OPERATOR, house, wrong)
        with pytest.raises(LoginRefusedError, match="suspended"):
            dispatch(OPERATOR, house, wrong)
        assert [one.send_state for one in dispatch(OPERATOR, house, account)] == ["submitted"]
        assert open_alerts(house) == []

    def test_a_person_resumes_the_mailbox(self, house: House, account: Account, sandbox: Sandbox) -> None:
        sandbox.imap_faults.refuse_login = True
        with pytest.raises(LoginRefusedError):
            collect(OPERATOR, house, account)
        sandbox.imap_faults.refuse_login = False
        with pytest.raises(LoginRefusedError, match="suspended"):
            collect(OPERATOR, house, account)
        resume(OPERATOR, house, account)
        assert collect(OPERATOR, house, account).complete
        assert open_alerts(house) == []

    def test_in_the_middle_of_a_round_it_suspends_too_and_holds_no_message(
        self, house: House, account: Account, sandbox: Sandbox
    ) -> None:
        keys = [queued(house, account, subject=f"Numero {number}").key for number in range(4)]
        sandbox.failures.drop(Moment.BEFORE_MAIL, skip=1)
        sandbox.failures.refuse_login(skip=1)
        with pytest.raises(LoginRefusedError):
            dispatch(OPERATOR, house, account)
        assert [states(house)[key] for key in keys] == ["submitted", "deferred", "deferred", "queued"]
        assert open_alerts(house) == ["login-refused"]


@pytest.mark.parametrize("verb", [Verb.MAIL, Verb.RCPT, Verb.DATA, Verb.DOT])
class TestReplies:
    """A refusal at each step of the dialogue, for now or for ever."""

    def test_for_now_it_goes_next_time(self, house: House, account: Account, sandbox: Sandbox, verb: Verb) -> None:
        key = queued(house, account).key
        sandbox.failures.reply(verb, "451 4.3.0 try again later")
        (sent,) = dispatch(OPERATOR, house, account)
        assert (sent.send_state, sent.code) == ("deferred", 451)
        assert "try again later" in (waiting(OPERATOR, house)[0].reply or "")
        assert [one.send_state for one in dispatch(OPERATOR, house, account)] == ["submitted"]
        assert states(house) == {key: "submitted"}
        assert len(sandbox.sent) == 1

    def test_for_ever_it_is_told_and_not_tried_again(
        self, house: House, account: Account, sandbox: Sandbox, verb: Verb
    ) -> None:
        key = queued(house, account).key
        sandbox.failures.reply(verb, "550 5.7.1 not from you")
        assert [one.send_state for one in dispatch(OPERATOR, house, account)] == ["refused"]
        assert dispatch(OPERATOR, house, account) == []
        assert states(house) == {key: "refused"}
        assert open_alerts(house) == ["send-refused"]
        assert sandbox.sent == []

    def test_the_next_message_goes_all_the_same(
        self, house: House, account: Account, sandbox: Sandbox, verb: Verb
    ) -> None:
        queued(house, account)
        queued(house, account, subject="La seconda")
        sandbox.failures.reply(verb, "550 5.7.1 not from you")
        assert [one.send_state for one in dispatch(OPERATOR, house, account)] == ["refused", "submitted"]


def test_one_recipient_refused_of_many_stops_the_message_for_all(
    house: House, account: Account, sandbox: Sandbox
) -> None:
    queued(house, account, "consegnata@pec.test", "rifiutata@pec.test", "piena@pec.test")
    sandbox.failures.reply(Verb.RCPT, "550 5.1.1 no such user", skip=1)
    (sent,) = dispatch(OPERATOR, house, account)
    assert (sent.send_state, sent.stage) == ("refused", "rcpt")
    assert sandbox.sent == []


@pytest.mark.parametrize("moment", [Moment.BEFORE_MAIL, Moment.AFTER_RCPT, Moment.MID_DATA])
def test_connection_lost_before_the_final_dot_goes_once_next_time(
    house: House, account: Account, sandbox: Sandbox, moment: Moment
) -> None:
    key = queued(house, account).key
    sandbox.failures.drop(moment)
    assert [one.send_state for one in dispatch(OPERATOR, house, account)] == ["deferred"]
    assert [one.send_state for one in dispatch(OPERATOR, house, account)] == ["submitted"]
    assert states(house) == {key: "submitted"}
    assert len(sandbox.sent) == 1


@pytest.mark.parametrize("moment", [Moment.AFTER_DOT_KEPT, Moment.AFTER_DOT_LOST])
def test_connection_lost_after_the_final_dot_is_uncertain_until_a_receipt_tells(
    house: House, account: Account, sandbox: Sandbox, moment: Moment
) -> None:
    house = replace(house, uncertain_after=timedelta(seconds=1))  # an hour of the sandbox may not be over in time
    key = queued(house, account).key
    sandbox.failures.drop(moment)
    assert [one.send_state for one in dispatch(OPERATOR, house, account)] == ["uncertain"]
    assert open_alerts(house) == ["send-uncertain"]
    assert dispatch(OPERATOR, house, account) == []
    sandbox.wait_until_quiet()
    collect(OPERATOR, house, account)
    arrived = moment is Moment.AFTER_DOT_KEPT
    assert states(house) == {key: "submitted" if arrived else "uncertain"}
    assert open_alerts(house) == ([] if arrived else ["send-uncertain", "uncertain-unresolved"])
    assert journeys(house) == {"consegnata@pec.test": "delivered" if arrived else "awaiting_acceptance"}
    assert len(sandbox.sent) == (1 if arrived else 0)


def test_cut_anywhere_a_message_goes_once_or_says_that_it_is_uncertain(
    new_home: Callable[..., Home], sandbox: Sandbox, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    """The line is cut after so many bytes, in either direction, over the whole dialogue."""
    house = new_home().open()
    proxy = fault_proxy(sandbox.smtp_port)
    account = account_at(house, sandbox, smtp_port=proxy.port)
    queued(house, account, subject="Senza tagli")
    dispatch(OPERATOR, house, account)
    whole = proxy.connections[0]
    cuts = [("cut_up", at) for at in range(0, whole.up, max(1, whole.up // 12))]
    cuts += [("cut_down", at) for at in range(0, whole.down, max(1, whole.down // 12))]
    seen = set()
    for side, at in cuts:
        subject = f"{side} {at}"
        key = queued(house, account, subject=subject).key
        proxy.faults = Faults(**{side: at})
        with suppress(ServerError):
            dispatch(OPERATOR, house, account)
        proxy.faults = Faults()
        seen.add(states(house)[key])
        dispatch(OPERATOR, house, account)
        sandbox.wait_until_quiet()
        collect(OPERATOR, house, account)
        arrived = [sent for sent in sandbox.sent if sent.transaction.subject == subject]
        assert len(arrived) <= 1, subject
        assert states(house)[key] == ("submitted" if arrived else "uncertain"), subject
    assert seen >= {"deferred", "submitted"}


@pytest.mark.parametrize("silent", [{"silent_down": 0}, {"silent_down": 2_000}, {"silent_up": 700}])
def test_a_server_that_falls_silent_is_given_up(
    house: House, sandbox: Sandbox, fault_proxy: Callable[[int], FaultProxy], silent: dict[str, int]
) -> None:
    proxy = fault_proxy(sandbox.smtp_port)
    account = account_at(house, sandbox, smtp_port=proxy.port, timeout=0.5)
    proxy.faults = Faults(**silent)
    key = queued(house, account).key
    try:
        dispatch(OPERATOR, house, account)
    except ServerError as error:
        assert not isinstance(error, LoginRefusedError)  # noqa: PT017 - either way will do
    assert states(house)[key] == "deferred"
    proxy.faults = Faults()
    dispatch(OPERATOR, house, account)
    assert states(house)[key] == "submitted"
    assert len(sandbox.sent) == 1


def test_a_server_that_cannot_be_reached_is_asked_once_a_round(
    house: House, sandbox: Sandbox, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy = fault_proxy(sandbox.smtp_port)
    account = account_at(house, sandbox, smtp_port=proxy.port)
    keys = [queued(house, account, subject=f"Numero {number}").key for number in range(3)]
    proxy.faults = Faults(cut_down=0)
    with pytest.raises(ServerError):
        dispatch(OPERATOR, house, account)
    assert len(proxy.connections) == 1
    assert [states(house)[key] for key in keys] == ["deferred", "queued", "queued"]
    assert open_alerts(house) == []  # also of the message that was at hand: it goes next time


def test_a_connection_lost_for_good_in_a_round_ends_it(
    house: House, sandbox: Sandbox, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    proxy = fault_proxy(sandbox.smtp_port)
    account = account_at(house, sandbox, smtp_port=proxy.port)
    keys = [queued(house, account, subject=f"Numero {number}").key for number in range(4)]
    sandbox.failures.drop(Moment.BEFORE_MAIL, skip=1)

    def then_down(done: int) -> None:
        proxy.faults = Faults(cut_down=0 if done == 2 else None)

    with pytest.raises(ServerError):
        dispatch(OPERATOR, house, account, progress=then_down)
    assert [states(house)[key] for key in keys] == ["submitted", "deferred", "deferred", "queued"]


def test_a_certificate_that_does_not_hold_gets_neither_password_nor_message(
    house: House, account: Account, sandbox: Sandbox, test_ca: Authority
) -> None:
    key = queued(house, account).key
    stranger = replace(account.smtp, ca_file=test_ca.root)
    with pytest.raises(TlsError):
        dispatch(OPERATOR, house, replace(account, smtp=stranger))
    assert states(house) == {key: "deferred"}
    with pytest.raises(TlsError):
        collect(OPERATOR, house, replace(account, imap=replace(account.imap, ca_file=test_ca.root)))
    assert open_alerts(house) == []  # not a refused login: nothing is suspended
    assert [one.send_state for one in dispatch(OPERATOR, house, account)] == ["submitted"]


@pytest.fixture
def standing(home: Home) -> House:
    """The house with a clock that only `later` moves."""
    home.clock = standing_clock(home.clock)
    return home.open()


def test_too_much_traffic_pauses_the_whole_mailbox(standing: House, sandbox: Sandbox) -> None:
    account = account_at(standing, sandbox)
    keys = [queued(standing, account, subject=f"Numero {number}").key for number in range(3)]
    sandbox.failures.reply(Verb.MAIL, TOO_MUCH, skip=1)
    assert [one.send_state for one in dispatch(OPERATOR, standing, account)] == ["submitted", "deferred"]
    meanwhile = queued(standing, account, subject="Durante la pausa").key
    for wait in (timedelta(0), PAUSE - timedelta(seconds=1)):
        house = later(standing, wait)
        assert dispatch(OPERATOR, house, account) == []
        for entry in waiting(OPERATOR, house):
            assert entry.next_attempt_at == standing.clock.now() + PAUSE
    assert {entry.key: "Too much traffic" in (entry.reply or "") for entry in waiting(OPERATOR, standing)} == {
        keys[1]: True,
        keys[2]: True,
        meanwhile: False,
    }
    house = later(standing, PAUSE)
    assert [one.key for one in dispatch(OPERATOR, house, account)] == [keys[1], keys[2], meanwhile]
    assert len(sandbox.sent) == 4


def test_a_pause_of_one_mailbox_holds_no_other(standing: House, sandbox: Sandbox) -> None:
    account = account_at(standing, sandbox)
    other = account_at(standing, sandbox, "segreteria@studio.sandbox.test")
    queued(standing, account)
    queued(standing, other)
    sandbox.failures.reply(Verb.DOT, TOO_MUCH)
    dispatch(OPERATOR, standing, account)
    assert [one.send_state for one in dispatch(OPERATOR, standing, other)] == ["submitted"]


def test_a_mailbox_sends_its_own_messages_only(house: House, account: Account, sandbox: Sandbox) -> None:
    """Sent by another mailbox's login, a message is refused, or leaves in the name of somebody else."""
    other = account_at(house, sandbox, "segreteria@studio.sandbox.test")
    foreign, own = queued(house, other).key, queued(house, account).key
    assert [one.key for one in dispatch(OPERATOR, house, account)] == [own]
    assert states(house) == {foreign: "queued", own: "submitted"}
    assert [one.key for one in dispatch(OPERATOR, house, other)] == [foreign]


def test_who_asks_for_one_message_sends_no_other(house: House, account: Account, sandbox: Sandbox) -> None:
    waits, wanted = (queued(house, account, subject=subject).key for subject in ("Attende", "Questo"))
    assert [one.key for one in dispatch(OPERATOR, house, account, only=[wanted])] == [wanted]
    assert states(house) == {waits: "queued", wanted: "submitted"}
    assert dispatch(OPERATOR, house, account, only=[]) == []


def test_each_try_waits_longer_than_the_one_before(standing: House, sandbox: Sandbox) -> None:
    account = account_at(standing, sandbox)
    key = queued(standing, account).key
    sandbox.failures.reply(Verb.MAIL, "451 4.3.0 later", times=10)
    house, waits = standing, []
    for _ in range(8):
        dispatch(OPERATOR, house, account)
        due = message_of(house, key).next_attempt_at
        assert dispatch(OPERATOR, later(house, due - house.clock.now() - timedelta(seconds=1)), account) == []
        waits.append((due - house.clock.now()) / timedelta(minutes=1))
        house = later(house, due - house.clock.now())
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert timedelta(minutes=waits[-1]) == LONGEST_RETRY


def test_the_providers_pace_is_kept_from_round_to_round(home: Home, sandbox: Sandbox) -> None:
    home.clock = Clock(started=datetime.now(UTC), origin=sandbox.clock.now(), factor=30)  # a minute: two seconds
    house = home.open()
    account = account_at(house, sandbox, pace=Pace(2))
    for number in range(5):
        queued(house, account, subject=f"Numero {number}")
        send_in_turn(OPERATOR, house, account, wait=until(house), stop=lambda: False)
    with reading(house.engine) as connection:
        started = sorted(connection.scalars(select(Attempt.started_at)))
    assert len(started) == 5
    assert started[1] - started[0] < timedelta(minutes=1)  # two may go at once
    assert all(third - first >= timedelta(minutes=1) for first, third in zip(started, started[2:], strict=False))


def until(house: House) -> Callable[[datetime], bool]:
    def wait(at: datetime) -> bool:
        house.clock.sleep(at - house.clock.now())
        return True

    return wait


def test_a_turn_that_is_not_waited_for_leaves_the_rest_queued(house: House, sandbox: Sandbox) -> None:
    """Nothing sleeps while it sends: a mailbox of six messages a minute would hold everything else for hours."""
    real = replace(house, clock=Clock())
    account = account_at(real, sandbox, pace=Pace(1))
    queued(real, account)
    queued(real, account, subject="La seconda")
    told: list[datetime] = []

    def stop_waiting(at: datetime) -> bool:
        told.append(at)
        return False

    assert len(send_in_turn(OPERATOR, real, account, wait=stop_waiting, stop=lambda: False)) == 1
    assert sorted(states(real).values()) == ["queued", "submitted"]
    assert timedelta(seconds=50) < told[0] - real.clock.now() <= timedelta(minutes=1)
    assert dispatch(OPERATOR, real, account) == []
    assert next_turns(OPERATOR, real, [account]) == {account.id: told[0]}


def test_bytes_that_were_damaged_hold_up_no_other_message(house: House, account: Account, sandbox: Sandbox) -> None:
    damaged, whole = queued(house, account), queued(house, account, subject="La seconda")
    path = object_path(house.archive, message_of(house, damaged.key).raw, Suffix.MAIL)
    kept = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(kept.replace(b"Buongiorno", b"Buonasera "))
    assert [one.key for one in dispatch(OPERATOR, house, account)] == [whole.key]
    assert states(house)[damaged.key] == "deferred"
    assert open_alerts(house) == ["send-waiting"]
    path.write_bytes(kept)
    assert [one.key for one in dispatch(OPERATOR, house, account)] == [damaged.key]
    collect(OPERATOR, house, account)
    assert open_alerts(house) == []


def test_a_message_that_waits_for_long_is_told_of_once(house: House, account: Account, sandbox: Sandbox) -> None:
    queued(house, account)
    sandbox.failures.reply(Verb.MAIL, "451 4.3.0 later", times=2)
    dispatch(OPERATOR, house, account)
    dispatch(OPERATOR, house, account)
    for _ in range(2):
        collect(OPERATOR, house, account)
        assert open_alerts(house) == ["send-waiting"]
    dispatch(OPERATOR, house, account)
    collect(OPERATOR, house, account)
    assert open_alerts(house) == []


@pytest.mark.parametrize(
    ("table", "when", "left"),
    [("attempt", "BEFORE INSERT ON attempt", 0), ("message", "BEFORE UPDATE OF submitted_at ON message", 1)],
)
def test_a_disk_that_fills_up_at_a_commit_sends_nothing_twice(
    house: House, account: Account, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, table: str, when: str, left: int
) -> None:
    key = queued(house, account).key
    monkeypatch.setattr(leases, "LEASE", timedelta(0))
    with writing(house.engine) as connection:
        connection.execute(text(f"CREATE TRIGGER full {when} BEGIN SELECT RAISE(ABORT, 'disk is full'); END"))
    with pytest.raises(UnnotedError if left else DiskFullError, match="Do not write it again" if left else "full"):
        dispatch(OPERATOR, house, account)
    assert len(sandbox.sent) == left
    assert states(house) == {key: "sending" if left else "deferred"}
    assert open_alerts(house) == []  # the error says it, and the next round tries again
    with writing(house.engine) as connection:
        connection.execute(text("DROP TRIGGER full"))
    recover(OPERATOR, house, account)
    assert states(house) == {key: "uncertain" if left else "deferred"}
    dispatch(OPERATOR, house, account)
    sandbox.wait_until_quiet()
    collect(OPERATOR, house, account)
    assert states(house) == {key: "submitted"}
    assert len(sandbox.sent) == 1


@pytest.mark.postgres
def test_a_database_that_goes_away_is_named_and_the_message_goes_later(
    new_home: Callable[..., Home], sandbox: Sandbox, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LEASE", timedelta(0))
    house = new_home(url=postgres_url).open()
    account = account_at(house, sandbox)
    key = queued(house, account).key
    sandbox.failures.delay(Verb.MAIL, 0.0)
    with writing(house.engine) as connection:
        connection.execute(
            text(
                "CREATE FUNCTION gone() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$"
            )
        )
        connection.execute(text("CREATE TRIGGER gone BEFORE INSERT ON attempt FOR EACH ROW EXECUTE FUNCTION gone()"))
    with pytest.raises(StorageError):
        dispatch(OPERATOR, house, account)
    assert sandbox.sent == []
    with writing(house.engine) as connection:
        connection.execute(text("DROP TRIGGER gone ON attempt"))
    assert [one.send_state for one in dispatch(OPERATOR, house, account)] == ["submitted"]
    assert states(house) == {key: "submitted"}


def test_a_message_of_before_this_start_waits_for_a_full_collect(home: Home, sandbox: Sandbox) -> None:
    house = home.open()
    queued(house, account_at(house, sandbox))
    again = home.open()
    account = account_at(again, sandbox)
    assert dispatch(OPERATOR, again, account) == []
    sandbox.imap_faults.answer("EXAMINE", "NO not now")
    sandbox.deliver(SENDER, b"From: x\r\n\r\n")
    assert not collect(OPERATOR, again, account).complete
    assert dispatch(OPERATOR, again, account) == []
    sandbox.imap_faults.answers.clear()
    assert collect(OPERATOR, again, account).complete
    assert [one.send_state for one in dispatch(OPERATOR, again, account)] == ["submitted"]


def test_a_message_whose_turn_has_not_come_stays(standing: House, sandbox: Sandbox) -> None:
    account = account_at(standing, sandbox)
    queued(standing, account)
    with writing(standing.engine) as connection:
        connection.execute(update(Message).values(next_attempt_at=standing.clock.now() + PAUSE))
    assert dispatch(OPERATOR, standing, account) == []
    assert len(dispatch(OPERATOR, later(standing, PAUSE), account)) == 1


def at_the_dot(act: Callable[[], object], monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    """Have *act* done once, when the dialogue passes *point*."""
    left = [act]

    def pass_by(passed: str) -> None:
        if passed == point and left:
            left.pop()()

    monkeypatch.setattr("pec_tracker.crash._act", pass_by)


def test_a_message_that_another_process_claimed_meanwhile_is_not_claimed_again(
    house: House, account: Account, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two dispatchers see the same message as the next one; only one may take it."""
    key = queued(house, account).key
    seen = _Round._next

    def taken_by_another(self: _Round) -> object:
        row = seen(self)
        if row is not None:
            with writing(house.engine) as connection:
                taken = update(Message).where(Message.key == key)
                connection.execute(
                    taken.values(send_state="sending", attempts=1, lease_owner="another", lease_until=leases.until())
                )
        return row

    monkeypatch.setattr(_Round, "_next", taken_by_another)
    assert dispatch(OPERATOR, house, account) == []
    assert sandbox.sent == []
    row = message_of(house, key)
    assert (row.lease_owner, row.attempts) == ("another", 1)


def test_a_message_that_another_process_tried_meanwhile_waits_as_that_one_said(
    standing: House, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state is the same as when it was looked at: only the number of tries tells that somebody was faster."""
    account = account_at(standing, sandbox)
    key = queued(standing, account).key
    sandbox.failures.reply(Verb.MAIL, "451 4.3.0 later")
    dispatch(OPERATOR, standing, account)
    house = later(standing, timedelta(hours=1))
    seen = _Round._next
    looked: list[object] = []

    def tried_by_another(self: _Round) -> object:
        row = seen(self)
        looked.append(row)
        if len(looked) == 1:  # after it was seen that something may go, right before it is claimed
            with writing(house.engine) as connection:
                then = {"attempts": 2, "next_attempt_at": house.clock.now() + timedelta(hours=1)}
                connection.execute(update(Message).where(Message.key == key).values(then))
        return row

    monkeypatch.setattr(_Round, "_next", tried_by_another)
    assert dispatch(OPERATOR, house, account) == []
    assert [one is None for one in looked] == [False, True]
    assert sandbox.sent == []
    row = message_of(house, key)
    assert (row.send_state, row.attempts, row.lease_owner) == ("deferred", 2, None)


@pytest.mark.parametrize("reply", ["451 4.3.0 later", "554 5.7.1 no"])
def test_a_late_refusal_does_not_send_again_what_a_receipt_has_shown_as_sent(
    house: House, account: Account, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, reply: str
) -> None:
    """The server took the message, its receipt came at once, and then the answer to the dot was a no."""
    key = queued(house, account).key

    def settled_by_receipt() -> None:
        with writing(house.engine) as connection:
            connection.execute(update(Message).where(Message.key == key).values(send_state="submitted"))

    sandbox.failures.reply(Verb.DOT, reply)
    at_the_dot(settled_by_receipt, monkeypatch, "smtp.after-reply")
    dispatch(OPERATOR, house, account)
    assert states(house) == {key: "submitted"}
    assert dispatch(OPERATOR, later(house, LONGEST_RETRY), account) == []


def test_the_servers_yes_is_noted_though_a_receipt_was_faster(
    house: House, account: Account, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the server said, and when, is asked for in court even where a receipt had told before."""
    key = queued(house, account).key

    def settled_by_receipt() -> None:
        with writing(house.engine) as connection:
            connection.execute(update(Message).values(send_state="submitted", lease_owner=None, lease_until=None))

    at_the_dot(settled_by_receipt, monkeypatch, "smtp.after-reply")
    dispatch(OPERATOR, house, account)
    row = message_of(house, key)
    assert (row.send_state, (row.reply or "")[:3], row.submitted_at is None) == ("submitted", "250", False)
    with reading(house.engine) as connection:
        attempt = connection.execute(select(Attempt.outcome, Attempt.code).where(Attempt.message_id == row.id)).one()
    assert tuple(attempt) == ("submitted", 250)


def test_an_attempt_that_the_archive_cannot_note_ends_before_the_dot_and_touches_no_other(
    house: House, account: Account, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the note a restored database would send it twice: so it does not leave now."""
    first = queued(house, account).key
    assert [one.key for one in dispatch(OPERATOR, house, account)] == [first]
    second = queued(house, account, subject="La seconda").key

    def full(*_arguments: object) -> None:
        raise DiskFullError("the disk is full")

    monkeypatch.setattr("pec_tracker.service.sending.fence.note_attempt", full)
    with pytest.raises(DiskFullError):
        dispatch(OPERATOR, house, account)
    assert states(house) == {first: "submitted", second: "deferred"}
    assert len(sandbox.sent) == 1
    with reading(house.engine) as connection:
        attempts = connection.execute(
            select(Message.key, Attempt.outcome).join(Message, Message.id == Attempt.message_id)
        ).all()
    assert {row.key: row.outcome for row in attempts} == {first: "submitted", second: "deferred"}


def test_told_to_stop_while_the_server_thinks_the_message_is_uncertain_and_said_to_be(
    house: House, account: Account, sandbox: Sandbox
) -> None:
    key = queued(house, account).key
    sandbox.failures.delay(Verb.DOT, 20.0)
    told = [False]
    timer = threading.Timer(0.5, lambda: told.__setitem__(0, True))
    timer.start()
    began = time.monotonic()
    (sent,) = dispatch(OPERATOR, house, account, stop=lambda: told[0], grace=0.5)
    assert time.monotonic() - began < 10
    assert (sent.send_state, states(house)) == ("uncertain", {key: "uncertain"})


def test_told_to_stop_the_dialogue_at_hand_is_ended_and_no_other_begun(
    house: House, account: Account, sandbox: Sandbox
) -> None:
    first, second = queued(house, account).key, queued(house, account, subject="La seconda").key
    sandbox.failures.delay(Verb.DOT, 1.0)
    told = [False]
    threading.Timer(0.15, lambda: told.__setitem__(0, True)).start()
    assert [one.send_state for one in dispatch(OPERATOR, house, account, stop=lambda: told[0])] == ["submitted"]
    assert states(house) == {first: "submitted", second: "queued"}


def test_what_we_say_of_a_lost_connection_is_in_the_readers_language_and_promises_nothing(
    house: House, account: Account, sandbox: Sandbox
) -> None:
    queued(house, account)
    sandbox.failures.drop(Moment.AFTER_DOT_LOST)
    dispatch(OPERATOR, house, account)
    (entry,) = waiting(OPERATOR, house)
    assert entry.reply is None, "the server said nothing"
    assert entry.problem is not None
    before = texts.current()
    try:
        texts.activate("it")
        italian = texts.facts_text(entry.problem)
    finally:
        texts.activate(before)
    assert "consegnato per intero al server" in italian
    assert "riprov" not in italian


def test_a_killed_process_of_this_machine_keeps_nobody_waiting(home: Home, sandbox: Sandbox) -> None:
    house = home.open()
    queued(house, account_at(house, sandbox))

    def killed() -> None:
        again = home.open(start=house.start, presence=Presence(home.folder / "alive"))
        dispatch(OPERATOR, again, account_at(again, sandbox))

    assert killed_at("smtp.after-rcpt", killed)
    again = home.open(start=house.start, presence=Presence(home.folder / "alive"))
    assert [one.send_state for one in dispatch(OPERATOR, again, account_at(again, sandbox))] == ["submitted"]
    assert len(sandbox.sent) == 1
