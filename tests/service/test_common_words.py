"""What a user would lose: the newest message of many that hold a word, one that no page shows, or an honest count."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, insert

from pec_tracker.askers import OPERATOR
from pec_tracker.db import search
from pec_tracker.db.base import table
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Mail, Message
from pec_tracker.pec.folding import cut
from pec_tracker.service.house import Account, House
from pec_tracker.service.queries import holders
from pec_tracker.service.queries.find import Found, Query, find
from tests.plans import asked, plans
from tests.service.house import NOW

MANY = 330  # every third of them says "fattura" or a word that begins so


@pytest.fixture
def kept(house: House, account: Account, monkeypatch: pytest.MonkeyPatch) -> House:
    """Messages whose mails came in another order than their dates; each has two."""
    monkeypatch.setattr(holders, "FEW", 50)
    monkeypatch.setattr(holders, "_FIRST", 20)
    words: dict[int, list[str]] = {}
    with house.engine.begin() as connection:
        for number in (*range(1, MANY, 2), *range(0, MANY, 2)):
            message = {
                "mailbox_id": account.id, "key": f"{number:026}", "origin": "found", "subject": str(number),
                "subject_key": str(number), "state": "delivered", "send_state": "submitted", "attempts": 0,
                "created_at": NOW - timedelta(hours=number),
            }  # fmt: skip
            message_id = connection.execute(insert(table(Message)).returning(Message.id), message).scalar_one()
            for copy in range(2):
                mail = {
                    "mailbox_id": account.id, "sha256": f"{number:032}{copy:032}", "size": 1, "origin": "imported",
                    "kind": "delivery", "archived_at": NOW, "reader_version": 1, "warnings": [], "role": "evidence",
                    "message_id": message_id,
                }  # fmt: skip
                mail_id = connection.execute(insert(table(Mail)).returning(Mail.id), mail).scalar_one()
                words[mail_id] = cut(
                    [("fattura" if number % 2 else f"fatturazione{number}") if number % 3 == 0 else "x"]
                )
        search.index(connection, words)
    return house


def numbers(found: Found) -> list[int]:
    return [int(message.subject or "") for message in found.messages]


@pytest.mark.parametrize("few_words", [True, False])
def test_newest_of_many_come_first_whatever_word_begins_so(
    kept: House, few_words: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "BEGINNINGS", 1000 if few_words else 5)
    found = find(OPERATOR, kept, Query(text="fattura", limit=20))
    assert numbers(found) == list(range(0, 60, 3))
    assert found.more
    assert 20 <= found.total < MANY // 3


def test_every_message_stands_on_one_page_and_the_last_page_has_the_exact_count(kept: House) -> None:
    pages = [find(OPERATOR, kept, Query(text="fattura", limit=30, offset=offset)) for offset in range(0, 150, 30)]
    assert [number for page in pages for number in numbers(page)] == list(range(0, MANY, 3))
    assert [page.more for page in pages] == [True, True, True, False, False]
    assert pages[3].total == pages[4].total == MANY // 3


def test_pages_that_follow_each_other_show_all(kept: House) -> None:
    query, seen = Query(text="fattura", limit=40), list[int]()
    while (page := find(OPERATOR, kept, query)).last is not None:
        seen += numbers(page)
        query = replace(query, after=page.last)
    assert seen == list(range(0, MANY, 3))


def test_other_conditions_hold_beside_a_common_word(kept: House) -> None:
    found = find(OPERATOR, kept, Query(text="fattura", subject="12", limit=5))
    assert numbers(found) == [12, 120, 123, 126, 129]
    assert not found.more or found.total < 8
    assert numbers(find(OPERATOR, kept, Query(text="fattura", subject="12", mailbox="nowhere"))) == []


def test_few_are_counted_exactly(kept: House) -> None:
    found = find(OPERATOR, kept, Query(text="fatturazione12"))
    assert (sorted(numbers(found)), found.total, found.more) == ([12, 120, 126], 3, False)


def test_common_word_never_has_all_that_hold_it_joined_or_sorted(kept: House) -> None:
    if kept.engine.dialect.name != "sqlite":
        pytest.skip("the plans are SQLite's")
    with asked(kept.engine) as noted:
        find(OPERATOR, kept, Query(text="fattura", limit=20))
    for statement, steps in plans(kept.engine, noted):
        assert not any("TEMP B-TREE FOR ORDER BY" in step for step in steps), statement
        assert not any(step.startswith(("SCAN mail", "SCAN message")) and "INDEX" not in step for step in steps)
        if "MATCH" in statement:
            assert "LIMIT" in statement or "search.rowid >=" in statement


def test_looking_for_a_common_word_asks_the_index_for_whole_words(kept: House, monkeypatch: pytest.MonkeyPatch) -> None:
    if kept.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL takes the beginning of a word")
    monkeypatch.setattr(search, "BEGINNINGS", 1000)
    assert "*" not in _matched(kept.engine, "fattur")


def _matched(engine: Engine, words: str) -> str:
    with reading(engine) as connection:
        wanted = search.mails_with(connection, words)
        assert wanted is not None
        return str(next(iter(wanted.compile().params.values())))
