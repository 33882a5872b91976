"""How does a package of a hundred megabytes not lie in memory? Its large members are brought when asked for."""

import hashlib
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

Reader = Callable[[], bytes]
Writer = Callable[[], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class Weight:
    """What lists of members and headers of a ZIP say of one: its bytes, their SHA-256 (hex) and their CRC-32."""

    size: int
    sha256: str
    crc32: int


@dataclass(frozen=True, slots=True)
class Written:
    """A member too large to be held whole: `pieces` gives its bytes one after the other, each time the same."""

    pieces: Writer


Held = bytes | Reader | Written


class _Member:
    """One member; its weight is known once it was asked for."""

    __slots__ = ("_held", "_weight")

    def __init__(self, held: Held) -> None:
        self._held = held
        self._weight: Weight | None = None

    def pieces(self) -> Iterator[bytes]:
        if isinstance(self._held, Written):
            yield from self._held.pieces()
        else:
            yield self._held if isinstance(self._held, bytes) else self._held()

    def weight(self) -> Weight:
        if self._weight is None:
            digest, size, crc = hashlib.sha256(), 0, 0
            for piece in self.pieces():
                digest.update(piece)
                crc = zlib.crc32(piece, crc)
                size += len(piece)
            self._weight = Weight(size, digest.hexdigest(), crc)
        return self._weight


class Members(Mapping[str, bytes]):
    """Members of a package by name: bytes that are held, or what brings them, each time anew."""

    def __init__(self, held: Mapping[str, Held] | None = None) -> None:
        self._held = {name: _Member(one) for name, one in (held or {}).items()}

    def __getitem__(self, name: str) -> bytes:
        return b"".join(self._held[name].pieces())

    def __contains__(self, name: object) -> bool:
        return name in self._held  # without reading it

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def pieces(self, name: str) -> Iterator[bytes]:
        """The bytes of a member, one piece after the other."""
        return self._held[name].pieces()

    def weight(self, name: str) -> Weight:
        """How large a member is, and its hashes; it is read for them once."""
        return self._held[name].weight()

    def joined(self, *others: Mapping[str, bytes]) -> "Members":
        """These and *others*, of which the last one counts; nothing is read."""
        held = dict(self._held)
        for other in others:
            held.update((other if isinstance(other, Members) else Members(other))._held)
        return _of(held)

    def named(self, names: Mapping[str, str]) -> "Members":
        """Those that *names* gives by their names here, under its own names; nothing is read."""
        return _of({new: self._held[old] for new, old in names.items()})

    def only(self, wanted: Callable[[str], bool]) -> "Members":
        """Those whose names are *wanted*; nothing is read."""
        return _of({name: held for name, held in self._held.items() if wanted(name)})


def _of(held: dict[str, _Member]) -> Members:
    members = Members()
    members._held = held
    return members
