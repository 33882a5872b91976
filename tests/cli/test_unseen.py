"""What a user would lose: one record a line for his scripts, and to see that a subject hides or turns its letters."""

import json
import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pec_tracker.answers.plain import clean, to_json

UNSEEN = [
    chr(code)
    for code in range(sys.maxunicode + 1)
    if unicodedata.category(chr(code)) in {"Cc", "Cf", "Zl", "Zp"} and unicodedata.category(chr(code)) != "Cs"
]


def test_json_of_a_subject_that_breaks_or_turns_lines_is_one_line_and_says_the_same() -> None:
    for letter in UNSEEN:
        told = to_json({"subject": f"a{letter}b"})
        assert json.loads(told) == {"subject": f"a{letter}b"}
        assert told.splitlines() == [told]
        assert letter not in told


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_json_says_what_was_written(text: str) -> None:
    told = to_json([text, {text: text}])
    assert json.loads(told) == [text, {text: text}]
    assert len(told.splitlines()) == 1


def test_letter_that_nobody_sees_is_shown_on_a_terminal() -> None:
    for letter in UNSEEN:
        assert clean(f"a{letter}b") == "a?b", hex(ord(letter))
    assert clean("\ud800") == "?"


@pytest.mark.parametrize(
    "text",
    [
        "Perché no? L’Avv. Nicolò Àlvaro — n. 3/2026 «urgente» € 1.000,00",
        "❤️ ok",
        "👩\u200d⚖️",
        "👩🏽\u200d💻",
        "🏳️\u200d🌈",
        "🇮🇹",
    ],
)
def test_italian_and_emoji_are_shown_as_they_are(text: str) -> None:
    assert clean(text) == text


def test_joiner_hides_nothing_between_letters() -> None:
    assert clean("pay\u200dpal") == "pay?pal"
    assert clean("👩\u200da") == "👩?a"
