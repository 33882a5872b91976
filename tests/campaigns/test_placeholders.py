"""What a user would lose: a letter that leaves with a brace instead of a name, or with another column's value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pec_tracker.errors import UsageError
from pec_tracker.service.campaigns.placeholders import filled, placeholders, require_known

VALUES = {"nome": "Mario Rossi", "interno": "3", "codice fiscale": "X"}


def test_names_are_compared_as_headers_are() -> None:
    assert (
        filled("Gentile {Nome}, interno {INTERNO} ({codice_fiscale})", VALUES) == "Gentile Mario Rossi, interno 3 (X)"
    )
    assert placeholders("{nome} {Nome} {interno}") == ["nome", "interno"]


def test_a_brace_is_written_twice() -> None:
    assert filled("{{nome}} = {nome}", VALUES) == "{nome} = Mario Rossi"


@pytest.mark.parametrize("text", ["{nome", "nome}", "{}", "{ }", "riga\n{", "{nome{interno}}"])
def test_a_brace_that_belongs_to_no_name_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="brace"):
        filled(text, VALUES)


def test_an_unknown_name_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match=r"\{cognome\}; there are: \{codice_fiscale\}, \{interno\}, \{nome\}"):
        require_known("{cognome}", VALUES)


@given(st.text(max_size=50))
def test_a_value_is_never_read_as_a_text(value: str) -> None:
    assert filled("a {nome} b", {"nome": value}) == f"a {value} b"
    assert filled(value.replace("{", "{{").replace("}", "}}"), {}) == value
