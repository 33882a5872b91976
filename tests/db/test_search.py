"""What a user would lose: a message that cannot be found again by a word of it, or a mail that breaks the index."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, insert

from pec_tracker.db import search
from pec_tracker.db.base import table
from pec_tracker.db.engine import open_engine, reading
from pec_tracker.db.tables import Mail, Mailbox
from pec_tracker.pec import folding
from tests.service.house import NOW, house_url

__all__ = ["house_url"]


@pytest.fixture
def engine(house_url: str) -> Iterator[Engine]:
    opened = open_engine(house_url)
    with opened.begin() as connection:
        connection.execute(insert(table(Mailbox)).values(key="m", name="box", known_at=NOW))
        rows = [
            {"mailbox_id": 1, "sha256": f"{n:064x}", "size": 1, "origin": "imported", "kind": "ordinary",
             "archived_at": NOW, "reader_version": 1, "warnings": []}
            for n in range(1, 4)
        ]  # fmt: skip
        connection.execute(insert(table(Mail)), rows)
    yield opened
    opened.dispose()


def indexed(engine: Engine, texts: dict[int, str]) -> None:
    with engine.begin() as connection:
        search.index(connection, {mail_id: folding.cut([words]) for mail_id, words in texts.items()})


def found(engine: Engine, words: str) -> set[int]:
    with reading(engine) as connection:
        wanted = search.mails_with(connection, words)
        return set() if wanted is None else set(connection.scalars(wanted))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("perche", {1}),
        ("PERCHÉ", {1}),
        ("Societa", {1, 2}),
        ("società contratto", {1}),
        ("contr", {1}),
        ("anna.rossi@pec.example", {2}),
        ("rossi", {2}),
        ("ROSSI pec", {2}),
        ("strasse", {3}),
        ("Straße", {3}),
        ("2026-17", {3}),
        ("rossi'", {2}),
        ('ro"ssi', set()),
        ("o'neill", {3}),
        ("contratto*", {1}),
        ("contratto OR anna", set()),
        ("%", set()),
        ("' | 'a", {2}),
        (":*", set()),
        ("\\", set()),
        ("", set()),
    ],
)
def test_words_are_found_without_case_and_accents_on_both_engines(
    engine: Engine, words: str, expected: set[int]
) -> None:
    indexed(
        engine,
        {
            1: "Perché la Società, con il contratto",
            2: "anna.rossi@pec.example della SOCIETÀ",
            3: "Pratica 2026-17, Straße di O'Neill",
        },
    )
    assert found(engine, words) == expected


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.text(max_size=60))
@example(words="\U0001e900\U0001e901 \U00010d40")  # letters younger than SQLite's table of them
@example(words="𝐀𝐁 ½ … ①② ﬁne \x00 \ud800")
@example(words="กำ नमस्ते 漢字")
def test_whatever_is_written_is_indexed_and_found_by_its_own_words(engine: Engine, words: str) -> None:
    indexed(engine, {1: words})
    for word in folding.cut([words]):
        assert found(engine, word) == {1}


def test_text_of_a_million_words_neither_breaks_the_index_nor_hides_its_first_words(engine: Engine) -> None:
    long = " ".join(f"{number:x}{'è' * 99}" for number in range(50_000))
    indexed(engine, {1: f"principio {long}"})
    assert found(engine, "principio") == {1}


def test_mail_indexed_again_has_its_new_words_only(engine: Engine) -> None:
    indexed(engine, {1: "vecchio"})
    indexed(engine, {1: "nuovo"})
    assert (found(engine, "vecchio"), found(engine, "nuovo")) == (set(), {1})


@given(words=st.text(alphabet=st.characters(max_codepoint=0x250), max_size=80))
@settings(max_examples=150, deadline=None)
def test_cutting_word_by_word_is_cutting_the_whole_folded_text(words: str) -> None:
    tokens = [token for whole in folding._WORD.findall(folding.fold(words)) if (token := whole.strip(folding._EDGE))]
    assert {token[: folding.MAX_WORD] for token in tokens} <= set(folding.cut([words]))


def test_folding_is_the_same_for_what_is_folded_already() -> None:
    for text in ("Però", "ΐΣς", "İstanbul", "ǅungla", "ﬁne", "𝐀"):
        assert folding.fold(folding.fold(text)) == folding.fold(text)
