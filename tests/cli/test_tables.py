"""What a user would lose: a list longer than memory, which reads like a short one and begins at once."""

from collections.abc import Iterator

import pytest

from pec_tracker.cli import output
from pec_tracker.cli.output import Output

ROWS = [(f"k{number}", number) for number in range(9)]


def test_a_short_list_is_the_table_that_it_always_was(capsys: pytest.CaptureFixture[str]) -> None:
    Output().table(["Key", "Number"], ROWS)
    expected = capsys.readouterr().out
    Output().table(["Key", "Number"], iter(ROWS))
    assert capsys.readouterr().out == expected
    Output().table(["Key", "Number"], iter(()))
    assert capsys.readouterr().out == ""


def test_a_long_list_is_printed_while_it_is_read(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Output().table(["Key", "Number"], ROWS)
    expected = capsys.readouterr().out
    monkeypatch.setattr(output, "AT_ONCE", 3)
    printed: list[str] = []

    def coming() -> Iterator[tuple[str, int]]:
        for row in ROWS:
            printed.append(capsys.readouterr().out)
            yield row

    Output().table(["Key", "Number"], coming())
    printed.append(capsys.readouterr().out)
    assert "".join(printed) == expected
    assert printed[:3] == ["", "", ""]
    assert all(printed[3:])
