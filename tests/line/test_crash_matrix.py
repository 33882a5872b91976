"""Whatever dies and whenever: each letter arrives once, and the house knows what became of it.

`tools/crash_matrix.py` plays thousands of such lives by hand; here are a few, always the same.
"""

from collections.abc import Iterator

import pytest

from tests.line.matrix import Matrix

SEED = 20261127
RUNS = 12


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    """The sandbox at which they live."""
    with Matrix(tmp_path_factory.mktemp("matrix"), SEED) as running:
        yield running


@pytest.mark.parametrize("number", range(RUNS))
def test_a_life_that_is_cut_short_at_random_loses_and_doubles_no_letter(matrix: Matrix, number: int) -> None:
    run = matrix.play(number)
    assert run.wrong == [], run.faults
    assert (run.doubled, run.lost) == (0, 0), run.faults
    assert run.faults, "nothing was done to it"
