"""A clock that was ahead once: nothing waits for as long as it was ahead, and nothing leaves because of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from pec_tracker.askers import OPERATOR
from pec_tracker.clock import Clock
from pec_tracker.db import leases
from pec_tracker.db.engine import writing
from pec_tracker.db.passing import Lease
from pec_tracker.db.tables import Message
from pec_tracker.sandbox.failures import Verb
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service.collecting.collect import collect, lease_name
from pec_tracker.service.house import Account, House
from pec_tracker.service.queries.status import status
from pec_tracker.service.sending.dispatch import dispatch
from pec_tracker.service.sending.outbox import follow_up, waiting
from pec_tracker.service.sending.pace import PAUSE
from pec_tracker.service.sending.turns import held_by_pace
from pec_tracker.settings import Pace
from tests.line.houses import Home, account_at, message_of, open_alerts, queued, standing_clock, states
from tests.sandbox.materials import SENDER

YEAR = timedelta(days=365)
TOO_MUCH = '550 blocked "Class Of Service" - Too much traffic from this sender'


@pytest.fixture
def house(home: Home) -> House:
    """A house whose clock stands still, so that nothing becomes due by waiting."""
    return replace(home.open(), clock=standing_clock(home.clock))


@pytest.fixture
def account(house: House, sandbox: Sandbox) -> Account:
    """Its mailbox."""
    return account_at(house, sandbox)


def ahead(house: House, span: timedelta = YEAR) -> House:
    """The house as a process with a wrong clock has it."""
    return replace(house, clock=Clock(started=datetime.now(UTC), origin=house.clock.now() + span, factor=1e-12))


def test_messages_sent_by_a_clock_that_was_ahead_do_not_hold_back_the_pace(
    house: House, sandbox: Sandbox, account: Account
) -> None:
    paced = replace(account, pace=Pace(5))
    for number in range(5):
        queued(ahead(house, timedelta(days=1)), paced, subject=f"Domani {number}")
    assert len(dispatch(OPERATOR, ahead(house, timedelta(days=1)), paced)) == 5
    queued(house, paced, subject="Oggi")
    assert [one.send_state for one in dispatch(OPERATOR, house, paced)] == ["submitted"]


def test_two_computers_whose_clocks_differ_a_little_still_keep_the_pace(
    house: House, sandbox: Sandbox, account: Account
) -> None:
    paced = replace(account, pace=Pace(1))
    beside = ahead(house, timedelta(seconds=20))
    queued(beside, paced)
    dispatch(OPERATOR, beside, paced)
    queued(house, paced, subject="Dopo")
    assert dispatch(OPERATOR, house, paced) == []
    held = held_by_pace(house, paced, began=house.clock.now())
    assert held is not None
    assert held > house.clock.now()
    assert len(sandbox.sent) == 1


def test_queued_by_a_clock_that_was_ahead_it_leaves_now(house: House, sandbox: Sandbox, account: Account) -> None:
    queued(ahead(house), account)
    assert [one.send_state for one in dispatch(OPERATOR, house, account)] == ["submitted"]


def test_put_off_by_a_clock_that_was_ahead_it_is_tried_now(house: House, sandbox: Sandbox, account: Account) -> None:
    sandbox.failures.reply(Verb.DATA, "451 4.3.0 try again later")
    queued(ahead(house), account)
    assert [one.send_state for one in dispatch(OPERATOR, ahead(house), account)] == ["deferred"]
    assert [one.send_state for one in dispatch(OPERATOR, house, account)] == ["submitted"]


def test_paused_by_a_clock_that_was_ahead_the_mailbox_sends_now(
    house: House, sandbox: Sandbox, account: Account
) -> None:
    sandbox.failures.reply(Verb.MAIL, TOO_MUCH)
    queued(ahead(house), account)
    assert [one.send_state for one in dispatch(OPERATOR, ahead(house), account)] == ["deferred"]
    queued(house, account, subject="Dopo, con l'ora giusta")
    assert [one.send_state for one in dispatch(OPERATOR, house, account)] == ["submitted", "submitted"]


def test_a_pause_of_today_holds(house: House, sandbox: Sandbox, account: Account) -> None:
    sandbox.failures.reply(Verb.MAIL, TOO_MUCH)
    queued(house, account)
    dispatch(OPERATOR, house, account)
    queued(house, account, subject="Dopo")
    assert dispatch(OPERATOR, house, account) == []
    assert len(dispatch(OPERATOR, ahead(house, PAUSE), account)) == 2


def test_a_lease_of_a_clock_that_was_ahead_keeps_nobody_out(house: House, sandbox: Sandbox, account: Account) -> None:
    assert leases.acquire(house.engine, lease_name(account), owner="another", presence=house.presence)
    with writing(house.engine) as connection:
        connection.execute(update(Lease).values(until=datetime.now(UTC) + YEAR))
    assert collect(OPERATOR, house, account).complete


def test_killed_in_sending_by_a_clock_that_was_ahead_it_is_recovered_now(
    house: House, sandbox: Sandbox, account: Account
) -> None:
    key = queued(house, account).key
    killed = {"send_state": "sending", "lease_owner": "another", "lease_until": datetime.now(UTC) + YEAR}
    with writing(house.engine) as connection:
        connection.execute(update(Message).values(killed))
    assert [one.send_state for one in dispatch(OPERATOR, house, account)] == ["submitted"]
    assert states(house) == {key: "submitted"}


def test_a_collect_of_a_clock_that_was_ahead_does_not_lift_the_fence(
    home: Home, sandbox: Sandbox, house: House, account: Account
) -> None:
    assert collect(OPERATOR, ahead(house), account).complete
    queued(house, account)
    again = home.open()
    sandbox.imap_faults.answer("EXAMINE", "NO not now")
    sandbox.deliver(SENDER, b"From: x\r\n\r\n")
    assert not collect(OPERATOR, again, account_at(again, sandbox)).complete
    assert dispatch(OPERATOR, again, account_at(again, sandbox)) == []
    assert sandbox.sent == []


def test_what_cannot_leave_is_told_of_though_it_was_queued_in_the_future(
    house: House, sandbox: Sandbox, account: Account
) -> None:
    queued(ahead(house), account)
    follow_up(OPERATOR, house, account)
    assert open_alerts(house) == ["send-waiting"]
    assert status(OPERATOR, house, [account]).needs_person
    assert waiting(OPERATOR, house)[0].send_state == "queued"


def test_what_is_uncertain_is_asked_about_though_it_was_tried_in_the_future(
    house: House, sandbox: Sandbox, account: Account
) -> None:
    key = queued(ahead(house), account).key
    with writing(house.engine) as connection:
        connection.execute(update(Message).values(send_state="uncertain"))
    follow_up(OPERATOR, house, account)
    assert "uncertain-unresolved" in open_alerts(house)
    assert message_of(house, key).send_state == "uncertain"
