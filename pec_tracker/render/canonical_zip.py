"""How is a ZIP written so that the same members always are the same bytes? And which member is not as it was written?

One way only: members in the order of their names, stored without compression (its output differs between versions of
zlib), dated 1 January 1980, with no attribute, comment or extra field. So a package can be made again and compared.
Layout: APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16. Packages of 4 GB and more are refused (no Zip64).
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from io import SEEK_END, BytesIO
from typing import BinaryIO, Final

from pec_tracker.errors import UsageError
from pec_tracker.render.members import Held, Members

MAX_BYTES: Final = 0xFFFFFFFF
MAX_MEMBERS: Final = 0xFFFF

_LOCAL: Final = struct.Struct("<4s5H3L2H")
_ENTRY: Final = struct.Struct("<4s6H3L5H2L")
_END: Final = struct.Struct("<4s4H2LH")
_VERSION: Final = 20
_UTF8_NAMES: Final = 0x0800
_STORED: Final = 0
_TIME: Final = 0
_DATE: Final = 0x0021  # 1 January 1980, the first day that the format knows


@dataclass(frozen=True, slots=True)
class Fault:
    """One disagreement: `member`, or `ZIP` for its end, is not as `pack` writes it; `kind` is a stable name of what."""

    member: str
    kind: str


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The members as they lie in the file, and every place where it is not what `pack` makes of them."""

    members: Members
    faults: tuple[Fault, ...]


def pack(members: Mapping[str, bytes]) -> bytes:
    """The ZIP of *members* (names with `/`, relative). UsageError where they are too many or too large for it."""
    return b"".join(pieces(members))


def pieces(members: Mapping[str, bytes]) -> Iterator[bytes]:
    """What `pack` gives, piece by piece, in order: never more than one member is held, of a `Written` one a piece."""
    return (piece for piece, _ in _pieces(members))


def unpack(file: bytes | BinaryIO) -> Unpacked:
    """Read a ZIP that `pack` wrote; whatever differs from it by one byte is a fault. Raises what reading *file* does.

    A file stays open for as long as the members are asked for: each is read when it is.
    """
    raw = _Raw(BytesIO(file) if isinstance(file, bytes) else file)
    found = _from_headers(raw) or _from_directory(raw)
    if found is None or not found[0]:  # an empty ZIP shows nothing, however well it is written
        return Unpacked(Members(), (Fault("ZIP", "zip-unreadable"),))
    members, faults = Members(found[0]), found[1]
    if not faults:
        faults = tuple(_differences(raw, members))
    return Unpacked(members, faults)


def _pieces(members: Mapping[str, bytes]) -> Iterator[tuple[bytes, Fault]]:
    """Every piece of the ZIP in order, with the fault that a difference in it is."""
    offset, directory, given = 0, [], Members().joined(members)
    for name in sorted(given):
        weight, encoded = given.weight(name), name.encode("utf-8", "surrogateescape")
        facts = (_VERSION, _UTF8_NAMES, _STORED, _TIME, _DATE, weight.crc32, weight.size, weight.size)
        if offset + weight.size > MAX_BYTES - 1_000_000 or len(members) >= MAX_MEMBERS:
            raise UsageError("the package would be too large for one ZIP; narrow it with --recipient or --as-of")
        local = _LOCAL.pack(b"PK\x03\x04", *facts, len(encoded), 0) + encoded
        entry = _ENTRY.pack(b"PK\x01\x02", _VERSION, *facts, len(encoded), 0, 0, 0, 0, 0, offset) + encoded
        yield local, Fault(name, "zip-header")
        for piece in given.pieces(name):
            yield piece, Fault(name, "zip-content")
        directory.append((entry, name))
        offset += len(local) + weight.size
    for entry, name in directory:
        yield entry, Fault(name, "zip-directory")
    size = sum(len(entry) for entry, _ in directory)
    end = _END.pack(b"PK\x05\x06", 0, 0, len(directory), len(directory), size, offset, 0)
    yield end, Fault("ZIP", "zip-end")


class _Raw:
    """A file to read places from."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = file.seek(0, SEEK_END)

    def __len__(self) -> int:
        return self._size

    def of(self, start: int, end: int) -> bytes:
        """The bytes of a place, as far as the file goes."""
        self._file.seek(start)
        return self._file.read(max(end - start, 0))

    def begins(self, mark: bytes, at: int) -> bool:
        """Whether *mark* stands there."""
        return self.of(at, at + len(mark)) == mark


def _differences(raw: _Raw, members: Mapping[str, bytes]) -> Iterator[Fault]:
    at = 0
    try:
        for piece, fault in _pieces(members):
            if raw.of(at, at + len(piece)) != piece:
                yield fault
            at += len(piece)
    except UsageError:
        yield Fault("ZIP", "zip-unreadable")
        return
    if at != len(raw):
        yield Fault("ZIP", "zip-trailing")


_Read = tuple[dict[str, Held], tuple[Fault, ...]]


def _from_headers(raw: _Raw) -> _Read | None:
    """Members by walking their headers; None where the walk does not end at the directory."""
    members: dict[str, Held] = {}
    faults: list[Fault] = []
    at = 0
    while raw.begins(b"PK\x03\x04", at) and at + _LOCAL.size <= len(raw):
        *_, size, _unpacked, name_length, extra = _LOCAL.unpack(raw.of(at, at + _LOCAL.size))
        start = at + _LOCAL.size + name_length + extra
        if start + size > len(raw):
            return None
        name = raw.of(at + _LOCAL.size, start - extra).decode("utf-8", "surrogateescape")
        if name in members:
            faults.append(Fault(name, "zip-twice"))
        members[name] = partial(raw.of, start, start + size)
        at = start + size
    reached = raw.begins(b"PK\x01\x02", at) or raw.begins(b"PK\x05\x06", at)
    # A damaged first byte of the directory ends the walk where the end record says that the directory begins.
    end = raw.of(len(raw) - _END.size, len(raw)) if len(raw) >= _END.size else None
    reached = reached or (at > 0 and end is not None and _END.unpack(end)[6] == at)
    return (members, tuple(faults)) if reached else None


def _from_directory(raw: _Raw) -> _Read | None:
    """Members as the directory lists them; used where their headers are damaged, which is then said."""
    if len(raw) < _END.size:
        return None
    mark, _disk, _start, _here, count, _size, at, _comment = _END.unpack(raw.of(len(raw) - _END.size, len(raw)))
    if mark != b"PK\x05\x06":
        return None
    members: dict[str, Held] = {}
    faults: list[Fault] = []
    left = len(raw)
    for _ in range(count):
        if at + _ENTRY.size > len(raw):
            return None
        facts = _ENTRY.unpack(raw.of(at, at + _ENTRY.size))
        if facts[0] != b"PK\x01\x02":
            return None
        size, name_length, offset = facts[9], facts[10], facts[16]
        encoded = raw.of(at + _ENTRY.size, at + _ENTRY.size + name_length)
        name = encoded.decode("utf-8", "surrogateescape")
        local = _LOCAL.pack(b"PK\x03\x04", *facts[2:11], 0) + encoded
        if not raw.begins(local, offset):
            faults.append(Fault(name, "zip-header"))
        start = offset + len(local)
        members[name] = partial(raw.of, start, start + size)
        left -= max(min(start + size, len(raw)) - start, 0)
        if left < 0:  # members that lie over each other: many times the file's own size
            return None
        at += _ENTRY.size + name_length + facts[11] + facts[12]
    return (members, tuple(faults)) if members and faults else None
