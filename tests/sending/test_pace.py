"""What a user would lose: letters that a provider refuses, or blocks the mailbox for, since too many left at once."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from pec_tracker.askers import OPERATOR
from pec_tracker.db.engine import reading, writing
from pec_tracker.db.tables import Mailbox
from pec_tracker.pec.sending import Priority
from pec_tracker.service.house import Account, House
from pec_tracker.service.sending.attempt import conclude
from pec_tracker.service.sending.in_turn import LONGEST_WAIT, send_in_turn
from pec_tracker.service.sending.outbox import follow_up, waiting
from pec_tracker.service.sending.pace import CLEAN, PAUSE, SLOWEST, held_now, may_begin, slow_down, turn
from pec_tracker.service.sending.turns import next_turns
from pec_tracker.settings import Pace, Why
from pec_tracker.wire.smtp import SendOutcome, SendResult
from tests.line.houses import Home, message_of, queued, states
from tests.sending.offline import MINUTE, NOW, account_of, alerts, begun, clock_at, opened, round_of, write

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


def at(house: House, when: datetime) -> House:
    """The house then."""
    return replace(house, clock=clock_at(when))


def refused(house: House, account: Account, when: datetime) -> None:
    """The provider says that it is too much."""
    with writing(house.engine) as connection:
        slow_down(connection, account, "550 too much traffic", at=when)


def per_minute(house: House, account: Account, when: datetime) -> float | None:
    """So many messages a minute are let go then, as whoever waits is told; None: nothing holds them."""
    held = held_now(OPERATOR, at(house, when), account)
    return None if held is None else held.count


def sent(house: House, account: Account, count: int, when: datetime) -> int:
    """The number of a message of which so many attempts began then."""
    number = int(message_of(house, queued(house, account, subject=f"{when} {count}").key).id)
    write(house, message_key(house, number), send_state="submitted", next_attempt_at=None)
    for attempt in range(count):
        begun(house, number, attempt + 1, started_at=when, ended_at=when)
    return number


def message_key(house: House, number: int) -> str:
    """The key of a message."""
    from pec_tracker.db.tables import Message

    with reading(house.engine) as connection:
        return str(connection.scalar(select(Message.key).where(Message.id == number)))


@pytest.fixture
def account(house: House) -> Account:
    """Its mailbox, from which six messages a minute may leave."""
    return replace(account_of(house), pace=Pace(6))


class TestTooMuchTraffic:
    """The provider said that it is too much."""

    def test_nothing_leaves_for_a_minute_then_at_half_the_pace(self, house: House, account: Account) -> None:
        key = queued(house, account).key
        refused(house, account, NOW)
        assert next_turns(OPERATOR, house, [account]) == {account.id: NOW + PAUSE}
        (entry,) = waiting(OPERATOR, house, account)
        assert (entry.key, entry.next_attempt_at) == (key, NOW + PAUSE)
        assert entry.held is not None
        assert (entry.held.why, entry.held.until, entry.held.count) == (Why.TRAFFIC, NOW + PAUSE, 3)

    def test_every_ten_minutes_without_a_refusal_double_it_and_never_above_the_profile(
        self, house: House, account: Account
    ) -> None:
        for when in (NOW, NOW + 2 * MINUTE, NOW + 4 * MINUTE):
            refused(house, account, when)
        last = NOW + 4 * MINUTE
        for passed, pace in ((MINUTE, 0.75), (CLEAN - SECOND, 0.75), (CLEAN, 1.5), (2 * CLEAN, 3), (3 * CLEAN, 6)):
            sent(house, account, 6, last + passed)
            assert per_minute(house, account, last + passed) == pace, passed
        sent(house, account, 6, last + timedelta(days=900))
        assert per_minute(house, account, last + timedelta(days=900)) == 6

    def test_two_refusals_of_one_moment_halve_it_once(self, house: House, account: Account) -> None:
        refused(house, account, NOW)
        refused(house, account, NOW + SECOND)
        assert per_minute(house, account, NOW + 2 * SECOND) == 3

    def test_it_never_comes_to_a_standstill(self, house: House, account: Account) -> None:
        for number in range(20):
            refused(house, account, NOW + number * 2 * MINUTE)
        now = NOW + 39 * MINUTE
        sent(house, account, 1, now)
        assert per_minute(house, account, now) == SLOWEST

    def test_another_process_and_one_that_starts_anew_know_of_it(
        self, home: Home, house: House, account: Account
    ) -> None:
        refused(house, account, NOW)
        other = at(opened(home), NOW + PAUSE)
        sent(other, account, 3, NOW + PAUSE)
        with writing(other.engine) as connection:
            assert not may_begin(connection, other, account), "three of the minute have begun"
        assert turn(other, account) == NOW + PAUSE + MINUTE

    def test_a_clock_that_was_ahead_slows_nothing_once_it_is_right(self, house: House, account: Account) -> None:
        refused(house, account, NOW + timedelta(days=365))
        sent(house, account, 6, NOW)
        assert per_minute(house, account, NOW) == 6

    def test_the_refusal_and_the_slower_pace_are_one_commit(self, house: House, account: Account) -> None:
        key = queued(house, account).key
        round_ = round_of(house, account)
        row = round_._next()
        assert row is not None
        claim = round_._claim(row)
        assert claim is not None
        result = SendResult(SendOutcome.DEFERRED, 550, "too much traffic", "mail", pause=True)
        assert conclude(house, account, claim, result).send_state == "deferred"
        assert message_of(house, key).next_attempt_at == NOW + PAUSE
        with reading(house.engine) as connection:
            row = connection.execute(select(Mailbox.paused_until, Mailbox.slowed_to)).one()
        assert tuple(row) == (NOW + PAUSE, 3)

    def test_put_off_for_traffic_it_is_put_off_a_minute_however_often(self, house: House, account: Account) -> None:
        key = queued(house, account).key
        write(house, key, attempts=8)
        round_ = round_of(house, account)
        row = round_._next()
        assert row is not None
        claim = round_._claim(row)
        assert claim is not None
        conclude(house, account, claim, SendResult(SendOutcome.DEFERRED, 550, "too much traffic", "mail", pause=True))
        assert message_of(house, key).next_attempt_at == NOW + PAUSE


class TestCaps:
    """So many an hour, so many a day."""

    @pytest.mark.parametrize(
        ("pace", "span", "why"),
        [(Pace(None, 3), HOUR, Why.HOUR), (Pace(60, None, 3), timedelta(days=1), Why.DAY)],
    )
    def test_what_is_over_the_cap_waits_and_says_until_when(
        self, house: House, account: Account, pace: Pace, span: timedelta, why: Why
    ) -> None:
        account = replace(account, pace=pace)
        sent(house, account, 1, NOW - span + MINUTE)
        sent(house, account, 1, NOW - 2 * MINUTE)
        key = queued(house, account).key
        assert round_of(house, account)._may_go() is not None, "the third is let go"
        sent(house, account, 1, NOW - MINUTE)
        assert round_of(house, account)._may_go() is None
        with writing(house.engine) as connection:
            assert not may_begin(connection, house, account)
        (entry,) = waiting(OPERATOR, house, account)
        assert (entry.key, entry.next_attempt_at) == (key, NOW + MINUTE), "when the first is a day old"
        assert entry.held is not None
        assert (entry.held.why, entry.held.count) == (why, 3)
        assert next_turns(OPERATOR, house, [account]) == {account.id: NOW + MINUTE}
        assert round_of(at(house, NOW + MINUTE), account)._may_go() is not None

    def test_another_mailbox_is_not_counted(self, house: House, account: Account) -> None:
        account = replace(account, pace=Pace(None, 1))
        sent(house, account_of(house, "altra"), 5, NOW)
        queued(house, account)
        assert round_of(house, account)._may_go() is not None

    def test_by_hand_nobody_waits_for_another_day(
        self, house: House, account: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        account = replace(account, pace=Pace(None, None, 1))
        sent(house, account, 1, NOW - HOUR)
        key = queued(house, account).key
        monkeypatch.setattr("pec_tracker.service.sending.in_turn.dispatch", lambda *_arguments, **_named: [])

        def never(_until: datetime) -> bool:
            raise AssertionError("it waits for hours")

        assert send_in_turn(OPERATOR, house, account, wait=never, stop=lambda: False) == []
        assert states(house)[key] == "queued"

    def test_by_hand_what_goes_within_minutes_is_waited_for(
        self, house: House, account: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        account = replace(account, pace=Pace(None, 1))
        sent(house, account, 1, NOW - HOUR + LONGEST_WAIT)
        queued(house, account)
        monkeypatch.setattr("pec_tracker.service.sending.in_turn.dispatch", lambda *_arguments, **_named: [])
        asked: list[datetime] = []

        def stops(until: datetime) -> bool:
            asked.append(until)
            return False

        send_in_turn(OPERATOR, house, account, wait=stops, stop=lambda: False)
        assert asked == [NOW + LONGEST_WAIT]

    def test_a_letter_over_the_cap_for_hours_is_told_of_with_the_reason_and_one_of_a_list_is_not(
        self, house: House, account: Account
    ) -> None:
        account = replace(account, pace=Pace(None, None, 1))
        sent(house, account, 1, NOW - HOUR)
        single, many = queued(house, account).key, queued(house, account, subject="Convocazione").key
        write(house, single, created_at=NOW - 9 * HOUR)
        write(house, many, created_at=NOW - 9 * HOUR, priority=Priority.BULK.rank)
        follow_up(OPERATOR, house, account)
        (alert,) = alerts(house)
        assert (alert.kind, alert.topic) == ("send-waiting", single)
        assert "no more than 1 a day" in alert.facts["reason"]
