"""What a user would lose: a message that no question finds, or an answer that is not to the question."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from pec_tracker.askers import OPERATOR
from pec_tracker.clock import ROME
from pec_tracker.db.tables import Mailbox, Message, Recipient
from pec_tracker.pec.compose import Draft
from pec_tracker.service.house import Account, House
from pec_tracker.service.queries.find import Query, find
from pec_tracker.service.quota.ask import worst
from pec_tracker.service.quota.space import Level, level_of
from pec_tracker.service.retention.terms import add_months, dossier_terms, retention
from pec_tracker.service.sending.send import queue
from pec_tracker.settings import Quota, Terms
from tests.factory import receipts
from tests.service.house import NOW, OWNER, account_of, bring, compose_as, place_of, rows

SUBJECTS = ("Perché la Società tace", "Costo 100% garantito", "File a_b\\c", "Costo 1000 garantito", "STRASSE e Straße")


@pytest.fixture
def queued(house: House, account: Account) -> list[str]:
    """The keys of a message a subject; each to its own recipient, in its own case."""
    return [
        queue(
            OPERATOR,
            house,
            account,
            Draft(sender=OWNER, to=(f"r_{number}@pec.example",), subject=subject, text="x"),
            case=f"Pratica n° {number}",
        ).key
        for number, subject in enumerate(SUBJECTS)
    ]


def subjects(house: House, **conditions: Any) -> set[str]:
    found = find(OPERATOR, house, Query(**conditions))
    assert found.total == len(found.messages)
    return {str(message.subject) for message in found.messages}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("PERCHE societa", {SUBJECTS[0]}),
        ("società perché", {SUBJECTS[0]}),
        ("100%", {SUBJECTS[1]}),
        ("%", {SUBJECTS[1]}),
        ("a_b", {SUBJECTS[2]}),
        ("\\c", {SUBJECTS[2]}),
        ("_", {SUBJECTS[2]}),
        ("strasse", {SUBJECTS[4]}),
        ("garantito 1000", {SUBJECTS[3]}),
        ("'; DROP TABLE message; --", set()),
        ("", set(SUBJECTS)),
    ],
)
def test_subject_words_are_found_as_they_are_written(
    house: House, queued: list[str], words: str, expected: set[str]
) -> None:
    assert subjects(house, subject=words) == expected


@pytest.mark.parametrize(
    ("recipient", "expected"),
    [("R_1@PEC.example", 1), ("r_1", 1), ("r%1", 0), ("rx1", 0), ("@pec.example", 5), (" r_1@pec.example ", 1)],
)
def test_recipient_is_found_by_any_part_of_the_address(
    house: House, queued: list[str], recipient: str, expected: int
) -> None:
    assert find(OPERATOR, house, Query(recipient=recipient)).total == expected


@pytest.mark.parametrize("case", ["Pratica n° 2", "PRATICA N° 2", "pratica n° 2"])
def test_case_is_found_without_regard_to_letters(house: House, queued: list[str], case: str) -> None:
    assert subjects(house, case=case) == {SUBJECTS[2]}
    assert subjects(house, case="Pratica n°") == set()


def test_message_id_is_found_with_and_without_brackets_in_any_case(house: House, queued: list[str]) -> None:
    reference = find(OPERATOR, house, Query()).messages[0].reference
    assert reference is not None
    for written in (reference, f"<{reference}>", reference.upper(), f" <{reference}>\r\n"):
        assert find(OPERATOR, house, Query(message_id=written)).total == 1


def test_conditions_hold_together_and_pages_cover_all_once(house: House, queued: list[str]) -> None:
    assert subjects(house, subject="costo", recipient="r_3") == {SUBJECTS[3]}
    assert subjects(house, mailbox="office") == set(SUBJECTS) == subjects(house, mailbox=OWNER)
    assert subjects(house, mailbox="elsewhere") == set()
    pages = [find(OPERATOR, house, Query(limit=2, offset=offset)) for offset in (0, 2, 4, 6)]
    assert [page.total for page in pages] == [5] * 4
    assert [len(page.messages) for page in pages] == [2, 2, 1, 0]
    assert [message.key for page in pages for message in page.messages] == queued[::-1]  # the newest first


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (datetime(2026, 3, 28, 23, 0, tzinfo=UTC), date(2026, 3, 29)),  # midnight of the day with 23 hours
        (datetime(2026, 3, 28, 22, 59, 59, tzinfo=UTC), date(2026, 3, 28)),
        (datetime(2026, 3, 29, 21, 59, 59, tzinfo=UTC), date(2026, 3, 29)),  # its last second
        (datetime(2026, 3, 29, 22, 0, tzinfo=UTC), date(2026, 3, 30)),
        (datetime(2026, 10, 24, 22, 0, tzinfo=UTC), date(2026, 10, 25)),  # midnight of the day with 25 hours
        (datetime(2026, 10, 25, 22, 59, 59, tzinfo=UTC), date(2026, 10, 25)),
        (datetime(2026, 10, 25, 23, 0, tzinfo=UTC), date(2026, 10, 26)),
        (datetime(2025, 12, 31, 23, 30, tzinfo=UTC), date(2026, 1, 1)),
    ],
)
def test_days_are_those_of_rome(house: House, account: Account, at: datetime, day: date) -> None:
    queue(OPERATOR, house, account, Draft(sender=OWNER, to=("a@pec.example",), subject="x", text="x"))
    with house.engine.begin() as connection:
        connection.execute(update(Message).values(created_at=at))
    one = timedelta(days=1)
    assert find(OPERATOR, house, Query(since=day, until=day)).total == 1
    assert find(OPERATOR, house, Query(since=day - one, until=day - one)).total == 0
    assert find(OPERATOR, house, Query(since=day + one)).total == 0


def test_the_ends_of_the_calendar_are_days_too(house: House, queued: list[str]) -> None:
    assert find(OPERATOR, house, Query(since=date.min, until=date.max)).total == 5
    assert find(OPERATOR, house, Query(until=date.min)).total == 0
    assert find(OPERATOR, house, Query(since=date.max)).total == 0


def test_states_and_what_is_overdue_are_found(house: House, account: Account) -> None:
    raw = receipts.original(to=("a@pec.example", "b@pec.example"))
    both = ("a@pec.example", "b@pec.example")
    compose_as(house, account, raw, key="k" * 20, reference=receipts.REFERENCE, to=both)
    queue(OPERATOR, house, account, Draft(sender=OWNER, to=("c@pec.example",), subject="waits", text="x"))
    place = place_of(account)
    bring(house, place, [receipts.receipt("accettazione", recipients=both)])
    bring(house, place, [receipts.receipt("avvenuta-consegna", recipients=both, recipient="a@pec.example")])
    assert find(OPERATOR, house, Query(state=("delivered",))).total == 1
    assert find(OPERATOR, house, Query(state=("delivered", "awaiting_acceptance"))).total == 2
    assert find(OPERATOR, house, Query(state=("failed",))).total == 0
    assert [message.subject for message in find(OPERATOR, house, Query(send_state=("queued",))).messages] == ["waits"]
    assert find(OPERATOR, house, Query(overdue=True)).total == 0
    late = replace(house, clock=replace(house.clock, origin=NOW + timedelta(hours=25)))
    (message,) = find(OPERATOR, late, Query(overdue=True)).messages
    assert [(one.address, one.overdue, one.next_step) for one in message.recipients] == [
        ("a@pec.example", False, "nothing"),
        ("b@pec.example", True, "ask-provider"),
    ]


def test_the_words_of_receipts_and_replies_lead_to_their_message(house: House, account: Account) -> None:
    raw = receipts.original(text="La diffida riguarda il capannone.")
    failure = receipts.receipt("errore-consegna", error="altro", error_detail="5.2.2 - casella piena")
    delivery = receipts.receipt("avvenuta-consegna", original=raw)
    bring(house, place_of(account), [receipts.receipt("accettazione"), failure, delivery])
    assert find(OPERATOR, house, Query(text="CAPANNONE")).total == 1
    assert find(OPERATOR, house, Query(text=receipts.IDENTIFIER)).total == 1
    assert find(OPERATOR, house, Query(text="capannone inesistente")).total == 0


# --- the reports ---


@pytest.mark.parametrize(
    ("at", "months", "expires"),
    [
        ("2026-01-31T10:00", 1, "2026-02-28T10:00+01:00"),
        ("2024-01-31T10:00", 1, "2024-02-29T10:00+01:00"),
        ("2024-02-29T10:00", 12, "2025-02-28T10:00+01:00"),
        ("2024-02-29T10:00", 48, "2028-02-29T10:00+01:00"),
        ("2026-08-31T10:00", 30, "2029-02-28T10:00+01:00"),
        ("2026-12-15T10:00", 1, "2027-01-15T10:00+01:00"),
        ("2026-03-02T10:00", 120, "2036-03-02T10:00+01:00"),
        ("2025-12-29T02:30", 3, "2026-03-29T02:30+01:00"),  # an hour that the clocks of that night leave out
    ],
)
def test_term_ends_on_the_same_day_or_the_last_of_its_month(at: str, months: int, expires: str) -> None:
    end = add_months(datetime.fromisoformat(at).replace(tzinfo=ROME), months)
    assert end.astimezone(UTC) == datetime.fromisoformat(expires)


def test_term_is_counted_in_days_of_rome() -> None:
    late_in_january = datetime(2026, 1, 30, 23, 30, tzinfo=UTC)  # the 31st in Rome
    assert add_months(late_in_january, 1).date() == date(2026, 2, 28)


def test_retention_counts_from_the_last_certified_date(house: House, account: Account) -> None:
    later = receipts.ISSUED_AT + timedelta(days=40)
    bring(house, place_of(account), [receipts.receipt("accettazione")])
    failure = receipts.receipt("errore-consegna", error="no-dest", issued_at=later)
    bring(house, place_of(account), [failure], at=later)
    (term,) = dossier_terms(OPERATOR, house, terms=Terms(30))
    assert (term.last_at, term.expires_at, term.expired) == (later, add_months(later, 30), False)
    terms = dossier_terms(OPERATOR, house, terms=Terms(30, {"office": 0}))
    assert [(one.expires_at, one.expired) for one in terms] == [(later, False)]
    counted = retention(OPERATOR, house, terms=Terms(30, {"office": 0}))
    assert (counted.dossiers, counted.expired, counted.months) == (1, 0, (("2026-04", 1),))


def test_levels_of_space() -> None:
    percents = (None, 0.0, 79.9, 80.0, 89.9, 90.0, 140.0)
    levels = [level_of(percent, Quota()).value for percent in percents]
    assert levels == ["unknown", "fine", "fine", "warning", "warning", "alarm", "alarm"]
    assert worst(()) is Level.FINE


def test_mailbox_whose_address_changed_keeps_its_row_and_key(house: House) -> None:
    before = account_of(house, "office", "old@pec.example")
    after = account_of(house, "office", "new@pec.example")
    assert (before.id, before.key) == (after.id, after.key)
    assert [row.address for row in rows(house.engine, select(Mailbox.address))] == ["new@pec.example"]
    assert rows(house.engine, select(Recipient.id)) == []
