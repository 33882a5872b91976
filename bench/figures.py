"""How is a measured figure printed? Median and range, what is required, the goal, and plainly whether it is reached."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# What a row measured in a tree: a value a round, or why it could not be measured there.
Measured = Sequence[float] | str

NAME_WIDTH = 42
VALUE_WIDTH = 24


@dataclass(frozen=True, slots=True)
class Figure:
    """One row. Less is better unless `more`; without `required` the row only informs."""

    name: str
    values: Mapping[str, Measured]  # by the name of the tree
    unit: str = ""
    required: float | None = None
    goal: float | None = None
    more: bool = False

    def line(self, trees: Sequence[str]) -> str:
        """The row as it is printed, one column a tree; the first one is judged."""
        cells = [_cell(self.values.get(tree, "-"), self.unit).ljust(VALUE_WIDTH) for tree in trees]
        return (
            f"  {self.name:<{NAME_WIDTH}} {' '.join(cells)} {self._judgement(self.values.get(trees[0], '-'))}".rstrip()
        )

    def reasons(self, trees: Sequence[str]) -> list[str]:
        """Why it could not be measured, where it could not."""
        told = [(tree, self.values.get(tree)) for tree in trees]
        return [f"      {tree}: {value}" for tree, value in told if isinstance(value, str)]

    def failed(self, tree: str) -> bool:
        """Whether it could not be measured in *tree*."""
        return isinstance(self.values.get(tree), str)

    def _judgement(self, measured: Measured) -> str:
        if self.required is None or self.goal is None:
            return ""
        asked = f"required {_number(self.required)}, goal {_number(self.goal)}: "
        if isinstance(measured, str) or not measured:
            return asked + "not measured"
        middle = statistics.median(measured)
        return asked + ("goal reached" if self._fits(middle, self.goal) else self._required(middle))

    def _required(self, middle: float) -> str:
        assert self.required is not None
        return "yes" if self._fits(middle, self.required) else "NO"

    def _fits(self, value: float, bound: float) -> bool:
        return value >= bound if self.more else value <= bound


@dataclass(frozen=True, slots=True)
class Block:
    """What one benchmark prints: a title, and its rows."""

    title: str
    figures: tuple[Figure, ...]

    def lines(self, trees: Sequence[str]) -> list[str]:
        """As they are printed."""
        head = [self.title + ":"]
        if len(trees) > 1:
            head.append(f"  {'':<{NAME_WIDTH}} {' '.join(tree.ljust(VALUE_WIDTH) for tree in trees)}".rstrip())
        rows = [line for figure in self.figures for line in (figure.line(trees), *figure.reasons(trees))]
        return head + rows


def _cell(measured: Measured, unit: str) -> str:
    if isinstance(measured, str):
        return "does not run there" if measured != "-" else "-"
    if not measured:
        return "-"
    middle = f"{_number(statistics.median(measured))}{' ' if unit else ''}{unit}"
    if len(measured) == 1:
        return middle
    return f"{middle} [{_number(min(measured))}..{_number(max(measured))}]"


def _number(value: float) -> str:
    """Three figures that count."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
