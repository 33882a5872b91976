"""What a user would lose: today's alarm among hundreds about messages of years ago."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from pec_tracker.askers import OPERATOR
from pec_tracker.db.engine import writing
from pec_tracker.db.passing import Alert
from pec_tracker.db.tables import Mailbox
from pec_tracker.service.house import Account, House
from pec_tracker.service.queries.find import Query, find
from pec_tracker.service.queries.status import status
from tests.factory import receipts
from tests.service.house import NOW, bring, compose_as, place_of, rows

YEARS_AGO = receipts.ISSUED_AT - timedelta(days=3 * 365)


def failed(**changes: object) -> list[bytes]:
    """Accepted, and not delivered."""
    facts = {"issued_at": YEARS_AGO, **changes}
    return [
        receipts.receipt("accettazione", **facts),  # type: ignore[arg-type]
        receipts.receipt("errore-consegna", error="no-dest", error_detail="casella piena", **facts),  # type: ignore[arg-type]
    ]


@pytest.mark.parametrize("origin", ["imported", "collected"])
def test_a_failure_of_years_ago_is_shown_and_alarms_nobody(house: House, account: Account, origin: str) -> None:
    bring(house, place_of(account, origin=origin), failed())
    assert rows(house.engine, select(Alert.kind)) == []
    assert find(OPERATOR, house, Query()).messages[0].state == "failed"
    with writing(house.engine) as connection:
        connection.execute(update(Mailbox).values(collected_at=NOW))
    assert not status(OPERATOR, house, [account]).needs_person


def test_an_acceptance_of_years_ago_is_not_counted_as_overdue_today(house: House, account: Account) -> None:
    bring(house, place_of(account, origin="imported"), failed()[:1])
    assert find(OPERATOR, house, Query(overdue=True)).total == 1
    assert status(OPERATOR, house, [account]).overdue.total == 0


def test_a_failure_of_this_week_alarms_although_it_was_imported(house: House, account: Account) -> None:
    bring(house, place_of(account, origin="imported"), failed(issued_at=NOW - timedelta(days=6)))
    assert [row.kind for row in rows(house.engine, select(Alert.kind))] == ["not-delivered"]
    assert status(OPERATOR, house, [account]).needs_person


def test_a_failure_of_what_we_sent_alarms_however_late_it_is_seen(house: House, account: Account) -> None:
    raw = receipts.original()
    compose_as(house, account, raw, key="composed", reference=receipts.REFERENCE, to=[receipts.RECIPIENT])
    late = NOW + timedelta(days=90)
    bring(house, place_of(account), failed(issued_at=receipts.ISSUED_AT), at=late)
    assert "not-delivered" in [row.kind for row in rows(house.engine, select(Alert.kind))]
