"""What a user would lose: the right day on which a term ends, whatever the year, the month's length and the hour."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert

from pec_tracker.askers import OPERATOR
from pec_tracker.clock import ROME
from pec_tracker.db.base import table
from pec_tracker.db.engine import writing
from pec_tracker.db.tables import Message
from pec_tracker.service.house import House
from pec_tracker.service.queries.short_keys import longer_keys, short_keys
from pec_tracker.service.retention import terms as module
from pec_tracker.service.retention.terms import DossierTerm, add_months, dossier_terms, retention
from pec_tracker.settings import Terms
from tests.plans import asked
from tests.service.house import NOW, account_of

CLOCKS = [  # where Rome's calendar is not that of UTC, and its clock stands still or is not told twice
    datetime(2026, 10, 25, 0, 59, 59, 999_999, tzinfo=UTC),
    datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    datetime(2026, 3, 29, 1, 0, tzinfo=UTC),
    datetime(2026, 1, 31, 23, 0, tzinfo=UTC),
    datetime(2026, 8, 31, 21, 59, tzinfo=UTC),
    datetime(2028, 2, 29, 12, 0, tzinfo=UTC),
    datetime(1893, 10, 31, 23, 10, 4, tzinfo=UTC),
]
MOMENTS = st.one_of(
    st.sampled_from(CLOCKS),
    st.sampled_from(CLOCKS).flatmap(
        lambda at: st.timedeltas(timedelta(days=-4), timedelta(days=4)).map(lambda by: at + by)
    ),
    st.datetimes(datetime(1850, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
TERMS = st.sampled_from([0, 1, 6, 12, 30, 120])


def fill(house: House, moments: list[tuple[int, datetime]]) -> None:
    """Messages of two mailboxes, with these last dates."""
    boxes = [account_of(house, name, f"{name}@pec.example").id for name in ("one", "two")]
    frame = {"origin": "found", "state": "accepted", "send_state": "submitted", "subject_key": "s", "subject": "S"}
    rows = [
        {**frame, "mailbox_id": boxes[box], "key": f"{at:04}{'q' * 22}", "created_at": NOW, "last_at": moment}
        for at, (box, moment) in enumerate(moments)
    ]
    with writing(house.engine) as connection:
        connection.execute(delete(Message))
        if rows:
            connection.execute(insert(table(Message)), rows)


def by_hand(moments: list[tuple[int, datetime]], months: tuple[int, int]) -> list[DossierTerm]:
    """The list as one sorts it with all of it in memory."""
    terms = []
    for at, (box, moment) in enumerate(moments):
        ends = add_months(moment, months[box])
        terms.append(
            DossierTerm(f"{at:04}{'q' * 22}", ("one", "two")[box], "S", None, moment, ends, ends <= NOW),
        )
    return sorted(terms, key=lambda term: (term.expires_at, term.key))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(moments=st.lists(st.tuples(st.integers(0, 1), MOMENTS), max_size=40), months=st.tuples(TERMS, TERMS))
def test_terms_are_those_that_one_counts_in_memory(
    house: House, moments: list[tuple[int, datetime]], months: tuple[int, int]
) -> None:
    fill(house, moments)
    expected = by_hand(moments, months)
    terms = Terms(months[1], {"one": months[0]})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_ROWS", 3)
        assert list(dossier_terms(OPERATOR, house, terms=terms)) == expected
    counted = retention(OPERATOR, house, terms=terms)
    in_months = Counter(f"{term.expires_at.astimezone(ROME).year:04}-{term.expires_at:%m}" for term in expected)
    assert counted.months == tuple(sorted(in_months.items()))
    assert (counted.dossiers, counted.expired) == (len(expected), sum(term.expired for term in expected))


def test_a_term_that_ends_within_this_hour_is_past_from_its_own_minute_on(house: House) -> None:
    past, now, coming = (NOW + timedelta(minutes=30, microseconds=by) for by in (-1, 0, 1))
    later = house.clock.origin + timedelta(minutes=30)
    fill(house, [(0, past), (0, now), (0, coming)])

    at_half_past = replace(house, clock=replace(house.clock, origin=later))
    assert abs(at_half_past.clock.now() - later) < timedelta(microseconds=1)
    assert retention(OPERATOR, at_half_past, terms=Terms(0)).expired == 2


def test_many_dossiers_are_counted_by_the_database_and_listed_as_they_are_read(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ROWS", 10)
    fill(house, [(0, NOW + timedelta(minutes=at)) for at in range(600)])
    with asked(house.engine) as noted:
        assert retention(OPERATOR, house, terms=Terms(30)).dossiers == 600
    assert sum("GROUP BY" in text for text, _ in noted.statements) == 1
    built: list[DossierTerm] = []

    def build(*facts: Any) -> DossierTerm:
        built.append(DossierTerm(*facts))
        return built[-1]

    monkeypatch.setattr(module, "DossierTerm", build)
    terms = dossier_terms(OPERATOR, house, terms=Terms(30))
    next(terms)
    assert len(built) < 150  # an hour or two, not all
    assert len(list(terms)) == 599


def test_keys_of_a_long_list_are_as_short_as_those_of_a_short_one(house: House) -> None:
    fill(house, [(0, NOW)] * 12)
    keys = [f"{at:04}{'q' * 22}" for at in range(12)]
    alike = [f"{'k' * 9}{letter}{'z' * 16}" for letter in "abc"]
    with writing(house.engine) as connection:
        for key, other in zip(keys, alike, strict=False):
            connection.execute(table(Message).update().where(table(Message).c.key == key).values(key=other))
    every = [*alike, *keys[3:]]
    longer = longer_keys(OPERATOR, house)
    assert set(longer) == set(alike)
    assert {key: longer.get(key, key[:8]) for key in every} == short_keys(OPERATOR, house, every)
