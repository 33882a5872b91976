"""In which order is measured? Every tree in turn, round after round, so that a busy moment meets all of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from bench.figures import Figure, Measured
from bench.running import FailedError
from bench.trees import Tree

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Bench:
    """What is measured, how often, with how much; `folder` is removed at the end."""

    trees: tuple[Tree, ...]
    folder: Path
    rounds: int = 4
    mails: int = 100_000
    receipts: int = 4_000
    recipients: int = 500
    queued: int = 10_000
    mailboxes: int = 200

    def place(self, tree: Tree, name: str) -> Path:
        """A folder that is not there yet, for what *tree* makes."""
        return self.folder / f"{tree.name}-{name}"


@dataclass(frozen=True, slots=True)
class Rows:
    """Values by the name of a row and of a tree; for a tree that failed, why."""

    values: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def add(self, tree: Tree, measured: Mapping[str, float]) -> None:
        """One round's values."""
        for name, value in measured.items():
            self.values.setdefault(name, {}).setdefault(tree.name, []).append(value)

    def of(self, name: str) -> dict[str, Measured]:
        """The row called *name*, by tree."""
        return {**self.values.get(name, {}), **self.failed}

    def figure(
        self,
        name: str,
        unit: str = "",
        required: float | None = None,
        goal: float | None = None,
        *,
        more: bool = False,
    ) -> Figure:
        """The row called *name* as it is printed."""
        return Figure(name, self.of(name), unit, required, goal, more)


def in_turn(bench: Bench, step: Callable[[Tree, int], Mapping[str, float]], rows: Rows | None = None) -> Rows:
    """Do *step* with every tree, `rounds` times after one round that warms the caches and does not count."""
    rows = rows or Rows()
    for number in range(bench.rounds + 1):
        for tree in bench.trees:
            if tree.name in rows.failed:
                continue
            try:
                measured = step(tree, number)
            except FailedError as error:
                rows.failed[tree.name] = str(error)
                continue
            if number:
                rows.add(tree, measured)
    return rows


def prepared(bench: Bench, rows: Rows, make: Callable[[Tree], T]) -> dict[str, T]:
    """What each tree needs for its rounds, by its name; a tree that cannot make it has failed."""
    things: dict[str, T] = {}
    for tree in bench.trees:
        try:
            things[tree.name] = make(tree)
        except FailedError as error:
            rows.failed[tree.name] = str(error)
    return things
