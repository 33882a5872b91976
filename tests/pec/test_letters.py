"""Normal forms as Unicode has them, for every text that a person writes; and in time for those that nobody writes."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pec_tracker.pec.letters import MOST_MARKS, normal
from pec_tracker.render import verify_package

FORMS = ["NFC", "NFD", "NFKC", "NFKD"]


@pytest.mark.parametrize("form", FORMS)
@given(st.text(max_size=MOST_MARKS))
def test_a_text_is_in_the_form_that_unicode_gives_it(form: str, text: str) -> None:
    assert normal(form, text) == unicodedata.normalize(form, text)  # type: ignore[arg-type]
    assert verify_package.normal(form, text) == unicodedata.normalize(form, text)  # type: ignore[arg-type]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("text", ["Perché no? È così.", "日本語" * 40, "Ελληνικά ά" * 9, "👨‍👩‍👧" * 20, "e\u0301" * 60])
def test_long_texts_of_people_are_too(form: str, text: str) -> None:
    assert normal(form, text) == unicodedata.normalize(form, text)  # type: ignore[arg-type]


@given(st.text(alphabet="a\u0301\u0323\u0327è", min_size=40, max_size=200))
def test_both_readers_part_very_many_marks_alike(text: str) -> None:
    assert normal("NFC", text) == verify_package.normal("NFC", text)
