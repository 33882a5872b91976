"""How many values does one statement take? They go in runs."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

CHUNK = 500  # values of one IN list: planners like short ones, SQLite takes 32,766 parameters

T = TypeVar("T")


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """*values* in runs of at most CHUNK."""
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]
