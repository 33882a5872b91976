"""What a user would lose: an address or a time broken by the edge of the terminal, or a list that reads otherwise when
piped."""

from hypothesis import given
from hypothesis import strategies as st

from pec_tracker.cli.layout import WIDTH, plan, wrap

ADDRESS = f"{'a' * 40}@amministrazione.test"
TIME = "02/03/2026 10:15:30"


def test_rows_that_fit_stand_on_one_line() -> None:
    rows = [("k1", "uno"), ("k22", "due")]
    assert [line for row in rows for line in plan(("Key", "Word"), rows).row(row)] == ["k1   uno", "k22  due"]


def test_long_addresses_and_times_stay_whole_and_further_lines_are_indented() -> None:
    row = ("k7f3qv2m", ADDRESS, "in attesa dell'accettazione", TIME)
    layout = plan(("Key", "Recipient", "State", "Time"), [row])
    first, second = layout.row(row)
    assert first == f"k7f3qv2m  {ADDRESS}"
    assert second == f"  in attesa dell'accettazione  {TIME}"


def test_the_last_text_wraps_beside_what_stands_before_it() -> None:
    row = ("k7f3qv2m", "parole " * 20)
    lines = list(plan(("Key", "Why"), [row]).row(row))
    assert len(lines) == 2
    assert lines[1].startswith(" " * 10 + "parole")


def test_a_word_wider_than_the_page_is_never_cut() -> None:
    row = ("studio", "f" * 128)
    assert list(plan(("Mailbox", "SHA-512"), [row]).row(row)) == ["studio", "  " + "f" * 128]


def test_a_time_is_not_broken_between_its_day_and_its_hour() -> None:
    assert wrap(f"sospesa il {TIME}", 20) == ["sospesa il", TIME]


@given(st.lists(st.lists(st.text("ab .", max_size=90), min_size=4, max_size=4), min_size=1, max_size=5), st.booleans())
def test_no_line_is_wider_than_the_page_but_for_a_word_that_is(rows: list[list[str]], broken: bool) -> None:
    layout = plan(("A", "B", "C", "D"), rows, breaks=(2,) if broken else ())
    for row in rows:
        lines = list(layout.row(row))
        assert all(len(line) <= WIDTH or " " not in line.strip() for line in lines)
        assert "".join(sorted("".join(lines))).strip() == "".join(sorted("".join(row))).strip()
