"""How is a seal tied to one of years later, without all those between? By heads, each of which names some before it.

    ROOT/ledger/00000048.head           "<SHA-256>  00000048.seal",
                                        then "<SHA-256>  00000047.head", and "<SHA-256>  00000032.head": 16 before,
                                        as 48 is a multiple of 16; so for 256 before, 4,096, and on

`sha256sum -c` checks a head. A seal says the SHA-256 of the head of the seal before it, and so commits to every earlier
seal; between two seals lie at most 30 heads for each power of 16, however many seals lie there. A head is a function of
the seals up to it: whoever has their hashes can make it again.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256

from pec_tracker.archive.archive import LedgerShelf
from pec_tracker.errors import LedgerError

STRIDE = 16

_ROW = re.compile(r"([0-9a-f]{64})  [0-9]{8,}\.(?:seal|head)")


def head_name(number: int) -> str:
    """The file of a seal's head."""
    return f"{number:08}.head"


def steps(number: int) -> Iterator[int]:
    """How far back the head *number* points: 1, and each power of 16 that divides the number; never before head 1."""
    step = 1
    while step < number and number % step == 0:
        yield step
        step *= STRIDE


def way(newest: int, wanted: Iterable[int]) -> list[int]:
    """The heads that lead from head *newest* to each of *wanted*, none of which is above it; downwards."""
    at = newest
    found: list[int] = []
    for target in sorted(set(wanted), reverse=True):
        while at > target:
            found.append(at)
            at -= max(step for step in steps(at) if at - step >= target)
    return [*found, at] if wanted else []


def render_head(number: int, seal_sha256: str, before: Callable[[int], str]) -> bytes:
    """The bytes of a head; *before* gives the SHA-256 of an earlier one by its number."""
    rows = [f"{seal_sha256}  {number:08}.seal\n"]
    rows += [f"{before(number - step)}  {number - step:08}.head\n" for step in steps(number)]
    return "".join(rows).encode("ascii")


def parse_head(number: int, content: bytes) -> tuple[str, dict[int, str]]:
    """What a head says: the SHA-256 of its seal, and those of heads before it by their numbers. Raises LedgerError."""
    rows = [_ROW.fullmatch(row) for row in content.decode("ascii", "replace").split("\n")[:-1]]
    digests = [row[1] for row in rows if row is not None]
    earlier = [number - step for step in steps(number)]
    if len(digests) == len(rows) == len(earlier) + 1:
        told = dict(zip(earlier, digests[1:], strict=True))
        if content == render_head(number, digests[0], told.__getitem__):
            return digests[0], told
    raise LedgerError("{head} is not written as heads are", head=head_name(number))


class Heads:
    """The heads of seals that are given in order from the first, made as they come.

    A seal whose hash is not known leaves the heads after it unknown, until those are told of.
    """

    def __init__(self) -> None:
        self.number = 0
        self.newest: str | None = None
        self._last: list[str | None] = []  # of the newest head at a multiple of each power of 16

    def add(self, seal_sha256: str | None) -> bytes | None:
        """The head of the next seal, None where it cannot be known."""
        self.number += 1
        before = {self.number - step: self._last[power] for power, step in enumerate(steps(self.number))}
        content = None
        if seal_sha256 is not None and None not in before.values():
            content = render_head(self.number, seal_sha256, lambda number: before[number] or "")
        self.tell(None if content is None else sha256(content).hexdigest())
        return content

    def tell(self, digest: str | None) -> None:
        """Take *digest* for the SHA-256 of the newest head."""
        self.newest = digest
        power = 0
        while self.number % STRIDE**power == 0:
            self._last[power : power + 1] = [digest]
            power += 1


def ensure_head(shelf: LedgerShelf, number: int, sealed: Callable[[int], str]) -> str | None:
    """The SHA-256 of the head *number*, which is written where it is missing, and those before it; None for 0.

    *sealed* gives the SHA-256 of a seal by its number. They are written in order: where one is, all before it were.
    Raises DiskFullError, StorageError.
    """
    first = number
    while first > 0 and head_digest(shelf, first) is None:
        first -= 1
    for missing in range(first + 1, number + 1):
        content = render_head(missing, sealed(missing), lambda earlier: ensure_head(shelf, earlier, sealed) or "")
        shelf.create(head_name(missing), content)
    return head_digest(shelf, number)


def heads_on_the_way(shelf: LedgerShelf, newest: int, wanted: Iterable[int]) -> dict[str, bytes]:
    """The head files that lead from head *newest* to the seals *wanted*, by name. LedgerError where one is missing."""
    found = {}
    for number in way(newest, wanted):
        name = head_name(number)
        content = shelf.read(name)
        if content is None:
            raise LedgerError(
                "{head} is gone from the archive; `pec-tracker check --repair` writes it again", head=name
            )
        found[name] = content
    return found


def head_digest(shelf: LedgerShelf, number: int) -> str | None:
    """The SHA-256 of the head *number* as it lies there, None where it does not. Raises StorageError."""
    content = shelf.read(head_name(number))
    return None if content is None else sha256(content).hexdigest()
