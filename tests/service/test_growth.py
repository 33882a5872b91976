"""What a user would lose in a mailbox of years: an answer at once. What it costs must not grow with what is kept."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text, update

from pec_tracker.askers import OPERATOR
from pec_tracker.clock import Clock
from pec_tracker.db.base import table
from pec_tracker.db.engine import reading, sqlite_url
from pec_tracker.db.tables import Mail, Message, Recipient
from pec_tracker.errors import UsageError
from pec_tracker.service.house import Account, House
from pec_tracker.service.intake.link_late import mark, relink
from pec_tracker.service.proof.lines import lines_of
from pec_tracker.service.queries import find as finding
from pec_tracker.service.queries.find import Query, find
from pec_tracker.service.queries.lookup import Wanted, look_up
from pec_tracker.service.queries.short_keys import short_keys
from pec_tracker.service.queries.show import show
from pec_tracker.service.queries.status import status
from pec_tracker.service.sending.outbox import waiting
from tests.factory import receipts
from tests.plans import Asked, asked, plans, walks
from tests.service.house import NOW, account_of, bring, open_house, place_of, rows

KEPT = ("mail", "message", "recipient", "ledger", "evidence", "answer", "sent_copy", "sighting")
MANY = 300


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[House]:
    """Some hundred messages of two mailboxes, each accepted and delivered but every tenth."""
    house = open_house(sqlite_url(tmp_path / "t.db"), tmp_path)
    for name in ("kept", "other"):
        account = account_of(house, name, f"{name}@pec.example")
        with house.engine.begin() as connection:
            for number in range(MANY):
                message_id = connection.execute(
                    insert(table(Message)).returning(Message.id), _message(account, number)
                ).scalar_one()
                connection.execute(insert(table(Recipient)), _recipient(message_id, number))
                connection.execute(insert(table(Mail)), _mail(account, message_id, number))
    yield house
    house.engine.dispose()


def _message(account: Account, number: int) -> dict[str, Any]:
    reference = f"{account.name}.{number}@pec.example"
    return {
        "mailbox_id": account.id, "key": f"{account.name[0]}{number:025}", "origin": "found", "reference": reference,
        "reference_key": reference, "identifier": f"opec.{reference}", "subject": "Prova", "subject_key": "prova",
        "state": "delivered", "send_state": "submitted", "created_at": NOW - timedelta(hours=number),
        "last_at": NOW - timedelta(hours=number), "attempts": 0,
    }  # fmt: skip


def _recipient(message_id: int, number: int) -> dict[str, Any]:
    late = number % 10 == 0
    return {
        "message_id": message_id, "address": f"a{number}@pec.example", "address_key": f"a{number}@pec.example",
        "state": "awaiting_acceptance" if late else "delivered", "due_at": NOW - timedelta(days=1) if late else None,
        "overdue": False, "next_step": "wait-acceptance" if late else "nothing", "contradictions": [],
    }  # fmt: skip


def _mail(account: Account, message_id: int, number: int) -> dict[str, Any]:
    return {
        "mailbox_id": account.id, "sha256": f"{account.id:02}{number:062}", "size": 1, "origin": "imported",
        "kind": "delivery", "archived_at": NOW, "reader_version": 1, "warnings": [], "message_id": message_id,
        "role": "evidence",
    }  # fmt: skip


def whole(engine: Any, noted: Asked) -> list[tuple[str, str]]:
    """Steps over all that is kept, but those that follow the list's order and end with the page."""
    return [
        (text, step)
        for text, step in walks(engine, noted, *KEPT)
        if not ("LIMIT" in text and ("ix_message_created_at" in step or "COVERING INDEX" in step))
        and "ix_message_not_submitted" not in step  # which holds only what waits
    ]


def sorts(engine: Any, noted: Asked) -> list[str]:
    """Statements that sort what they found."""
    return [text for text, steps in plans(engine, noted) if any("TEMP B-TREE FOR ORDER BY" in step for step in steps)]


@pytest.mark.parametrize(
    "query",
    [
        Query(),
        Query(mailbox="kept"),
        Query(send_state=("submitted",)),
        Query(state=("delivered",)),
        Query(after=(NOW - timedelta(hours=100), 50)),
    ],
)
def test_a_page_of_a_list_is_read_in_its_order(filled: House, query: Query, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "FEW", 100)
    with asked(filled.engine) as noted:
        assert len(find(OPERATOR, filled, query).messages) == 100
    assert sorts(filled.engine, noted) == []
    assert whole(filled.engine, noted) == []


@pytest.mark.parametrize(
    "query",
    [
        Query(message_id="<kept.7@pec.example>"),
        Query(case="x"),
        Query(overdue=True),
        Query(state=("awaiting_acceptance",)),
        Query(recipient="a7@pec"),
    ],
)
def test_what_few_have_leads_to_them(filled: House, query: Query) -> None:
    with asked(filled.engine) as noted:
        find(OPERATOR, filled, query)
    assert whole(filled.engine, noted) == []


@pytest.mark.parametrize(
    "name", ["k" + "7".zfill(25), "k" + "29".zfill(24), "kept.7@pec.example", "opec.kept.7@pec.example"]
)
def test_a_message_is_found_by_its_name_through_an_index(filled: House, name: str) -> None:
    with asked(filled.engine) as noted, suppress(UsageError):
        show(OPERATOR, filled, name)
    assert whole(filled.engine, noted) == []


# What `PRAGMA optimize` writes of one mailbox of 500,000 messages, of which it looks at some hundred.
SEEN = [
    {"tbl": name.partition(" ")[0], "idx": name.partition(" ")[2], "stat": stat}
    for name, stat in {
        "mailbox sqlite_autoindex_mailbox_1": "1 1",
        "mailbox sqlite_autoindex_mailbox_2": "1 1",
        "message ix_message_turn": "449550 401 401 1 1",
        "message ix_message_of_mailbox": "736032 401 1 1",
        "message ix_message_created_at": "828000 1 1",
        "message ix_message_send_state": "539856 401 401",
        "message sqlite_autoindex_message_1": "524790 1",
    }.items()
]


def test_few_mailboxes_never_lead_to_all_their_messages(filled: House) -> None:
    accounts = [account_of(filled, "kept", "kept@pec.example")]
    with filled.engine.begin() as connection:
        connection.execute(text("ANALYZE"))
        connection.execute(text("DELETE FROM sqlite_stat1 WHERE tbl IN ('message', 'mailbox')"))
        connection.execute(text("INSERT INTO sqlite_stat1 VALUES (:tbl, :idx, :stat)"), SEEN)
    filled.engine.dispose()  # what was found is read by a new connection
    with asked(filled.engine) as noted:
        find(OPERATOR, filled, Query())
        status(OPERATOR, filled, accounts)
    for statement, steps in plans(filled.engine, noted):
        assert not any(step.startswith("SEARCH message") and "(mailbox_id=?)" in step for step in steps), statement


def test_whole_address_finds_its_messages_alone_and_not_by_looking_at_all(filled: House) -> None:
    with filled.engine.begin() as connection:
        connection.execute(insert(table(Recipient)), _recipient(1, 7) | {"address_key": "mario.a7@pec.example"})
    with asked(filled.engine) as noted:
        found = find(OPERATOR, filled, Query(recipient="A7@pec.example"))
    assert {one.address for message in found.messages for one in message.recipients} == {"a7@pec.example"}
    assert [step for _, step in walks(filled.engine, noted, "recipient")] == []
    assert find(OPERATOR, filled, Query(recipient="a7@pec")).total == found.total + 1


def test_looking_writes_nothing(filled: House) -> None:
    accounts = [account_of(filled, "kept", "kept@pec.example")]
    with asked(filled.engine) as noted:
        find(OPERATOR, filled, Query(overdue=True))
        show(OPERATOR, filled, "kept.0@pec.example")
        status(OPERATOR, filled, accounts)
    assert noted.writes == []
    assert [step for _, step in whole(filled.engine, noted) if "ix_recipient_state" not in step] == []  # it counts


def test_what_is_overdue_is_said_though_nobody_looked_before(filled: House) -> None:
    found = find(OPERATOR, filled, Query(overdue=True))
    assert found.total == 2 * MANY // 10
    one = found.messages[0].recipients[0]
    assert (one.overdue, one.next_step) == (True, "ask-provider")


def test_after_twelve_hours_a_receipt_has_until_the_second_notice(filled: House) -> None:
    accepted = NOW - timedelta(hours=13)
    noticed = accepted + timedelta(hours=12)
    with filled.engine.begin() as connection:
        changed = update(Recipient).values(
            state="accepted", accepted_at=accepted, due_at=noticed, overdue=False, next_step="wait-delivery"
        )
        connection.execute(changed)
    assert find(OPERATOR, filled, Query(overdue=True)).total == 0
    one = find(OPERATOR, filled, Query()).messages[0].recipients[0]
    assert (one.due_at, one.overdue, one.next_step) == (accepted + timedelta(hours=24), False, "wait-delivery")
    later = replace(filled, clock=Clock(started=filled.clock.started, origin=NOW + timedelta(hours=12), factor=1e-9))
    assert find(OPERATOR, later, Query(overdue=True)).total == 2 * MANY
    assert find(OPERATOR, later, Query()).messages[0].recipients[0].next_step == "ask-provider"


def test_of_very_many_it_is_said_that_there_are_more(filled: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "COUNTED", 50)
    found = find(OPERATOR, filled, Query(limit=3))
    assert (len(found.messages), found.total, found.more) == (3, 50, True)
    found = find(OPERATOR, filled, Query(message_id="kept.7@pec.example"))
    assert (found.total, found.more) == (1, False)


def test_pages_that_follow_each_other_hold_every_message_once(filled: House) -> None:
    keys = [message.key for message in look_up(OPERATOR, filled, Wanted(subject="prova"))]
    assert len(keys) == len(set(keys)) == 2 * MANY
    dates = [
        row.key
        for row in rows(filled.engine, select(Message.key).order_by(Message.created_at.desc(), Message.id.desc()))
    ]
    assert keys == dates


def test_the_outbox_is_found_without_looking_at_what_left(filled: House) -> None:
    with asked(filled.engine) as noted:
        waiting(OPERATOR, filled)
    assert whole(filled.engine, noted) == []


def test_the_short_form_of_many_keys_is_asked_for_at_once(filled: House, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [row.key for row in rows(filled.engine, select(Message.key))]
    with asked(filled.engine) as noted:
        at_once = short_keys(OPERATOR, filled, keys)
    assert len(noted.statements) == 2  # with its BEGIN
    monkeypatch.setattr("pec_tracker.service.queries.short_keys.FEW", len(keys))
    assert at_once == short_keys(OPERATOR, filled, keys)
    assert len(set(at_once.values())) == len(keys)


def test_linking_late_looks_only_at_what_is_new(filled: House) -> None:
    account = account_of(filled, "kept", "kept@pec.example")
    before = mark(filled.engine)
    bring(filled, place_of(account), [receipts.original(sender="x@pec.example", reference="re@x")])
    for since in (before, None):
        with asked(filled.engine) as noted:
            assert relink(filled.engine, account.id, now=NOW, since=since) == 0
        assert noted.writes == []
        if since is not None:
            assert whole(filled.engine, noted) == []


def test_a_proofs_lines_are_found_without_reading_the_ledger(filled: House) -> None:
    with asked(filled.engine) as noted, reading(filled.engine) as connection:
        assert lines_of(connection, message="k" * 26, mailbox="m" * 16, mails=["0" * 64], times=[NOW], until=9) == []
    assert walks(filled.engine, noted, "ledger") == []
    steps = [step for _, steps in plans(filled.engine, noted) for step in steps if "ledger" in step]
    assert steps
    assert all("ix_ledger_act" in step or "line_id" in step or "autoindex_ledger" in step for step in steps), steps
    assert not any("seal_number" in step for step in steps), steps
