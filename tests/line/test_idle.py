"""What a user would lose: a house that stays quick, and does not keep others waiting, when there is nothing new."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from pec_tracker.askers import OPERATOR
from pec_tracker.db.tables import Mailbox
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service.collecting.collect import collect
from pec_tracker.service.house import Account, House
from pec_tracker.service.sending.dispatch import dispatch
from tests.line.houses import queued
from tests.plans import asked, walks
from tests.service.house import rows


@pytest.fixture
def looked_through(house: House, account: Account, sandbox: Sandbox) -> None:
    """A message was sent, its receipts were collected, and nothing is new since."""
    queued(house, account)
    collect(OPERATOR, house, account)
    dispatch(OPERATOR, house, account)
    sandbox.wait_until_quiet()
    collect(OPERATOR, house, account)
    with house.engine.begin() as connection:  # the sandbox's days last a second: this is "a moment ago" for it too
        connection.execute(update(Mailbox).values(collected_at=house.clock.now() + timedelta(seconds=0)))


def test_a_collect_that_finds_nothing_takes_no_write_lock(
    house: House, account: Account, looked_through: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pec_tracker.service.collecting.after_collect.NOTED_EVERY", timedelta(days=365))
    with asked(house.engine) as noted:
        assert collect(OPERATOR, house, account).complete
    assert noted.writes == []


def test_a_collect_that_finds_nothing_walks_through_nothing_that_is_kept(
    house: House, account: Account, looked_through: None
) -> None:
    with asked(house.engine) as noted:
        collect(OPERATOR, house, account)
    assert walks(house.engine, noted, "mail", "message", "recipient", "ledger", "evidence", "answer", "sighting") == []


def test_when_it_was_looked_through_is_noted_all_the_same(
    house: House, account: Account, looked_through: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pec_tracker.service.collecting.after_collect.NOTED_EVERY", timedelta(0))
    before = house.clock.now()
    collect(OPERATOR, house, account)
    assert rows(house.engine, Mailbox.__table__.select())[0].collected_at >= before
