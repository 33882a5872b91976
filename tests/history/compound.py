"""How is a compound file written? Enough of [MS-CFB] (version 3, sectors of 512 bytes) to make .msg files for tests.

`compound({"name": b"stream", "storage": {"name": b"stream"}})`: streams under 4,096 bytes lie in the mini stream, as
the format asks. Everything is deterministic.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Union

Tree = Mapping[str, Union[bytes, "Tree"]]

SECTOR, MINI = 512, 64
CUTOFF = 4096
FREE, END, FAT_SECTOR, NO_STREAM = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFF
STORAGE, STREAM, ROOT = 1, 2, 5
MAX_FAT_SECTORS = 109  # what the header itself can list: 7 MB of file


@dataclass
class Entry:
    """One directory entry (MS-CFB 2.6.1)."""

    name: str
    kind: int
    content: bytes = b""
    start: int = END
    left: int = NO_STREAM
    right: int = NO_STREAM
    child: int = NO_STREAM

    def packed(self) -> bytes:
        """Its 128 bytes; all nodes are black."""
        name = self.name.encode("utf-16-le") + b"\0\0"
        links = struct.pack("<BBIII", self.kind, 1, self.left, self.right, self.child)
        return (
            name.ljust(64, b"\0") + struct.pack("<H", len(name)) + links + bytes(16 + 4 + 16)
            + struct.pack("<IQ", self.start, len(self.content))
        )  # fmt: skip


@dataclass
class _Sectors:
    """Sectors of one size and their chains."""

    size: int
    content: bytearray = field(default_factory=bytearray)
    chains: list[int] = field(default_factory=list)

    def add(self, content: bytes) -> int:
        """Put *content* at the end; its first sector."""
        count = -(-len(content) // self.size)
        if count == 0:
            return END
        first = len(self.chains)
        self.content += content.ljust(count * self.size, b"\0")
        self.chains += [*range(first + 1, first + count), END]
        return first


def compound(tree: Tree) -> bytes:
    """The bytes of a compound file that holds *tree*."""
    entries = [Entry("Root Entry", ROOT)]
    _add(entries, 0, tree)
    mini, sectors = _Sectors(MINI), _Sectors(SECTOR)
    for entry in entries:
        if entry.kind == STREAM:
            entry.start = (mini if len(entry.content) < CUTOFF else sectors).add(entry.content)
    entries[0].content = bytes(mini.content)
    entries[0].start = sectors.add(entries[0].content)
    mini_fat = _numbers(mini.chains)
    first_mini = sectors.add(mini_fat)
    directory = b"".join(entry.packed() for entry in entries)
    empty = bytes(64) + struct.pack("<HBBIII", 0, 0, 0, NO_STREAM, NO_STREAM, NO_STREAM) + bytes(48)
    directory += empty * (-len(entries) % (SECTOR // 128))
    first_directory = sectors.add(directory)
    used = len(sectors.chains)
    fats = 0
    while fats * (SECTOR // 4) < used + fats:
        fats += 1
    assert fats <= MAX_FAT_SECTORS, "too large for this writer"
    places = list(range(used, used + fats))
    fat = _numbers([*sectors.chains, *[FAT_SECTOR] * fats])
    header = struct.pack(
        "<8s16xHHHHH6xIIIIIIIII",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0x3E, 3, 0xFFFE, 9, 6,
        0, fats, first_directory, 0, CUTOFF, first_mini, len(mini_fat) // SECTOR, END, 0,
    )  # fmt: skip
    listed = struct.pack("<109I", *places, *[FREE] * (MAX_FAT_SECTORS - fats))
    return header + listed + bytes(sectors.content) + fat


def _add(entries: list[Entry], parent: int, tree: Tree) -> None:
    """The children of *parent*, as a balanced tree in the order of MS-CFB 2.6.4: shorter names first."""
    numbers = []
    for name in sorted(tree, key=lambda name: (len(name), name.upper())):
        content = tree[name]
        stream = isinstance(content, bytes)
        entries.append(Entry(name, STREAM if stream else STORAGE, content if isinstance(content, bytes) else b""))
        numbers.append(len(entries) - 1)
        if not isinstance(content, bytes):
            _add(entries, numbers[-1], content)
    entries[parent].child = _balanced(entries, numbers)


def _balanced(entries: list[Entry], numbers: Sequence[int]) -> int:
    if not numbers:
        return NO_STREAM
    middle = len(numbers) // 2
    top = entries[numbers[middle]]
    top.left = _balanced(entries, numbers[:middle])
    top.right = _balanced(entries, numbers[middle + 1 :])
    return numbers[middle]


def _numbers(chains: Sequence[int]) -> bytes:
    padded = [*chains, *[FREE] * (-len(chains) % (SECTOR // 4))]
    return struct.pack(f"<{len(padded)}I", *padded)
