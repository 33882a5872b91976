"""What came of mails that were taken in? Counted, for who asked for them."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of a batch."""

    archived: int = 0
    known: int = 0
    quarantined: int = 0
    proof: int = 0
    kinds: Mapping[str, int] | None = None
    verdicts: Mapping[str, int] | None = None

    def __add__(self, other: "Taken") -> "Taken":
        return Taken(
            self.archived + other.archived,
            self.known + other.known,
            self.quarantined + other.quarantined,
            self.proof + other.proof,
            _sum(self.kinds, other.kinds),
            _sum(self.verdicts, other.verdicts),
        )


def _sum(one: Mapping[str, int] | None, two: Mapping[str, int] | None) -> dict[str, int]:
    total = dict(one or {})
    for name, count in (two or {}).items():
        total[name] = total.get(name, 0) + count
    return total
