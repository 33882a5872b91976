"""Whatever dies and whenever: each letter arrives once, and the house knows what became of it.

`tools/crash_matrix.py` plays thousands of such runs by hand; here are a few, always the same.
"""

from pathlib import Path

from tests.line.matrix import Matrix, Summary

SEED = 20261127
RUNS = 16


def test_lives_that_are_cut_short_at_random_lose_and_double_no_letter(tmp_path: Path) -> None:
    summary = Summary(SEED)
    with Matrix(tmp_path, SEED) as matrix:
        for number in range(RUNS):
            summary.add(matrix.play(number))
    assert summary.good, "\n".join(summary.lines())
    assert summary.letters >= RUNS
    assert summary.faults.total() >= RUNS  # something did go wrong in them
