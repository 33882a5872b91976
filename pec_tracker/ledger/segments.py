"""How does the sealed ledger lie on the disk? As segments of lines, each with a seal that `sha256sum -c` checks.

    ROOT/ledger/00000042.jsonl      at most 1,000 lines
    ROOT/ledger/00000042.seal       "# previous <SHA-256 of the seal before|none>",
                                    "# head <SHA-256 of 00000041.head>" (not in the first, nor in an old release's),
                                    then "<SHA-256>  <line id>.json" for each line
    ROOT/ledger/00000041.head       see `heads`; written before the seal that says its hash
    ROOT/ledger/00000042.tsr        a time-stamp over the seal (RFC 3161), where an authority gave one

Numbers begin at 1. A seal is known by the SHA-256 of its file.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pec_tracker.archive.archive import NO_FILE, LedgerShelf
from pec_tracker.errors import LedgerError
from pec_tracker.ledger.heads import Heads, head_digest
from pec_tracker.ledger.lines import Line, decode, id_at_end

LINES_PER_SEGMENT = 1_000

_FILE = re.compile(r"([0-9]{8,})\.(jsonl|seal|tsr|head)")
_FIRST = re.compile(r"# previous ([0-9a-f]{64}|none)")
_HEAD = re.compile(r"# head ([0-9a-f]{64})")
_ENTRY = re.compile(r"([0-9a-f]{64})  ([0-9a-v]{26})\.json")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line as its seal lists it: the SHA-256 of its bytes, its id."""

    sha256: str
    line_id: str


@dataclass(frozen=True, slots=True)
class SealFile:
    """A seal: `previous` is the SHA-256 of the seal before, None for the first; `sha256` that of its own bytes.

    `head` is the SHA-256 of the head of the seal before; None in the first, and in those of old releases.
    """

    number: int
    previous: str | None
    entries: tuple[Entry, ...]
    sha256: str
    head: str | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A sealed segment whose lines were checked against its seal, and the seal against the one before."""

    number: int
    lines: tuple[Line, ...]
    seal_sha256: str
    previous: str | None


@dataclass(frozen=True, slots=True)
class LedgerFiles:
    """Which numbers have a segment, a seal, a time-stamp, a head; `foreign` names files that are none of these."""

    segments: frozenset[int]
    seals: frozenset[int]
    foreign: tuple[str, ...]
    stamps: frozenset[int] = frozenset()
    heads: frozenset[int] = frozenset()

    @property
    def newest(self) -> int:
        """The highest number in use, 0 for none."""
        return max(self.segments | self.seals, default=0)


def segment_name(number: int) -> str:
    """The file of a segment's lines."""
    return f"{number:08}.jsonl"


def seal_name(number: int) -> str:
    """The file of a segment's seal."""
    return f"{number:08}.seal"


def stamp_name(number: int) -> str:
    """The file of the time-stamp over a segment's seal."""
    return f"{number:08}.tsr"


def list_files(shelf: LedgerShelf) -> LedgerFiles:
    """What lies among the ledger's files. Raises StorageError when they cannot be listed."""
    numbers: dict[str, set[int]] = {"jsonl": set(), "seal": set(), "tsr": set(), "head": set()}
    foreign: list[str] = []
    for name in shelf.names():
        match = _FILE.fullmatch(name)
        if match is not None and name == f"{int(match[1]):08}.{match[2]}":
            numbers[match[2]].add(int(match[1]))
        else:
            foreign.append(name.removesuffix(NO_FILE))
    segments, seals, stamps, heads = (frozenset(numbers[kind]) for kind in ("jsonl", "seal", "tsr", "head"))
    return LedgerFiles(segments, seals, tuple(foreign), stamps, heads)


def newest_seal_number(shelf: LedgerShelf) -> int | None:
    """The number of the newest seal file, None before the first."""
    return max(list_files(shelf).seals, default=None)


def write_segment(shelf: LedgerShelf, number: int, lines: Sequence[str]) -> bool:
    """Write a new segment, durably; False when another process was first. Raises DiskFullError, StorageError."""
    return shelf.create(segment_name(number), "".join(lines).encode("ascii"))


def finish_seal(shelf: LedgerShelf, number: int, previous: str | None, head: str | None) -> SealFile:
    """The seal of segment *number*: as its file says, or written now from the segment. Durable when it returns.

    The seal is a function of the segment, the seal before and its head, so two processes write the same. Raises
    LedgerError when an existing seal does not match them.
    """
    lines = read_lines(shelf, number)
    if not lines:
        raise LedgerError(
            "{segment} is empty and has no seal; move it away, then seal again", segment=segment_name(number)
        )
    forms = seal_forms(previous, head, [_entry(number, place, line) for place, line in enumerate(lines, 1)])
    made = shelf.create(seal_name(number), forms[0])
    content = forms[0] if made else _read(shelf, seal_name(number))
    if content not in forms:
        raise LedgerError(
            "the seal {seal} does not match its segment and the seal before; run check to see which changed",
            seal=seal_name(number),
        )
    return parse_seal(number, content)


def seal_forms(previous: str | None, head: str | None, entries: Sequence[Entry]) -> tuple[bytes, ...]:
    """The bytes of a seal as it is written now, and as old releases wrote it."""
    return tuple(render_seal(previous, one, entries) for one in dict.fromkeys((head, None)))


def seal_with(digest: str | None, previous: str | None, head: str | None, entries: Sequence[Entry]) -> bytes | None:
    """The bytes of the seal that has the SHA-256 *digest*, in whichever form; None where none has."""
    forms = seal_forms(previous, head, entries)
    return next((form for form in forms if hashlib.sha256(form).hexdigest() == digest), None)


def render_seal(previous: str | None, head: str | None, entries: Sequence[Entry]) -> bytes:
    """The bytes of a seal."""
    first = f"# previous {previous or 'none'}\n" + (f"# head {head}\n" if head else "")
    return (first + "".join(f"{entry.sha256}  {entry.line_id}.json\n" for entry in entries)).encode("ascii")


def parse_seal(number: int, content: bytes) -> SealFile:
    """Read a seal. Raises LedgerError that names the line where it is not written as seals are."""
    first, *rows = content.decode("ascii", "replace").split("\n")
    head = _FIRST.fullmatch(first)
    if head is None:
        raise _malformed(number, 1)
    before = _HEAD.fullmatch(rows[0]) if rows else None
    begin = 2 if before is None else 3
    if rows[-1:] != [""] or len(rows) < begin:
        raise _malformed(number, len(rows) + 1)
    entries = []
    for position, row in enumerate(rows[begin - 2 : -1], begin):
        match = _ENTRY.fullmatch(row)
        if match is None:
            raise _malformed(number, position)
        entries.append(Entry(match[1], match[2]))
    previous = None if head[1] == "none" else head[1]
    digest = hashlib.sha256(content).hexdigest()
    return SealFile(number, previous, tuple(entries), digest, None if before is None else before[1])


def read_seal(shelf: LedgerShelf, number: int) -> SealFile:
    """Read the seal file *number*. Raises LedgerError when it is missing or malformed."""
    return parse_seal(number, _read(shelf, seal_name(number)))


def read_lines(shelf: LedgerShelf, number: int) -> list[bytes]:
    """The lines of a segment as they lie, each with its line feed. Raises LedgerError when it is missing."""
    return split_lines(_read(shelf, segment_name(number)))


def split_lines(content: bytes) -> list[bytes]:
    """*content* cut after each line feed and nowhere else, as `split -l 1` does."""
    *whole, rest = content.split(b"\n")
    return [line + b"\n" for line in whole] + ([rest] if rest else [])


def read_segments(shelf: LedgerShelf, lost: Callable[[str], None] | None = None) -> Iterator[Segment]:
    """Every sealed segment in order, verified as it is read: for a rebuild.

    Raises LedgerError that names the segment and the line where the chain from the first seal does not hold. A segment
    without a seal is sealed first, so that no act is lost: the seal after it says whether the new one is the lost one.
    With *lost* a segment that is gone is told to it, by the file's name, and the others follow.
    """
    files = list_files(shelf)
    before = _Before()
    for number in range(1, files.newest + 1):
        if number not in files.segments and lost is not None:
            lost(segment_name(number))
            if number not in files.seals:
                lost(seal_name(number))
                before.pass_over(shelf, number, _expected(shelf, files, number))
                continue
        seal = _seal_of(shelf, files, number, before, lost)
        known = before.sha256 is not None or number == 1 or number - 1 in files.seals
        if (known and seal.previous != before.sha256) or not before.has_head(seal.head):
            raise LedgerError(
                "the seal {seal} does not follow the seal before it; run check to see which changed",
                seal=seal_name(number),
            )
        lines = _verified_lines(shelf, seal) if number in files.segments or lost is None else ()
        yield Segment(number, lines, seal.sha256, seal.previous)
        before.follow(seal)


class _Before:
    """The seal before the one that is read: its SHA-256, that of its head, and whether it says one itself."""

    def __init__(self) -> None:
        self.sha256: str | None = None
        self.form_has_head = True
        self._heads = Heads()

    @property
    def head(self) -> str | None:
        """The SHA-256 of its head; None before the first, and where it cannot be known."""
        return self._heads.newest

    def has_head(self, digest: str | None) -> bool:
        """Whether *digest*, of a seal that follows, can be its head's; None where it was sealed by an old release."""
        return digest is None or self.head in (None, digest)

    def follow(self, seal: SealFile) -> None:
        """Go on to *seal*."""
        if self.head is None and seal.head is not None:
            self._heads.tell(seal.head)
        self._heads.add(seal.sha256)
        self.sha256, self.form_has_head = seal.sha256, seal.head is not None or seal.number == 1

    def pass_over(self, shelf: LedgerShelf, number: int, expected: str | None) -> None:
        """Go on to the seal *number*, which is gone; *expected* is its SHA-256 where the seal after it says so."""
        self._heads.add(expected)
        if self.head is None and (found := head_digest(shelf, number)) is not None:
            self._heads.tell(found)
        self.sha256 = expected


def _expected(shelf: LedgerShelf, files: LedgerFiles, number: int) -> str | None:
    """The SHA-256 of the seal *number* as the seal after it says; None where that is gone too."""
    return read_seal(shelf, number + 1).previous if number + 1 in files.seals else None


def _seal_of(
    shelf: LedgerShelf, files: LedgerFiles, number: int, before: _Before, lost: Callable[[str], None] | None
) -> SealFile:
    """The seal as it lies there; else made from its segment, where the seal that follows does not contradict it."""
    if number in files.seals or (lost is None and number != files.newest):
        return read_seal(shelf, number)
    expected = _expected(shelf, files, number)
    lines = read_lines(shelf, number)
    entries = [_entry(number, place, line) for place, line in enumerate(lines, 1)]
    head = before.head if before.form_has_head else None
    if expected is not None:
        made = seal_with(expected, before.sha256, before.head, entries)
        if made is None:
            raise LedgerError(
                "the seal {seal} is gone, and its segment is not the one that it sealed, says the seal after it; "
                "run check",
                seal=seal_name(number),
            )
        head = parse_seal(number, made).head
    return finish_seal(shelf, number, before.sha256, head)


def _entry(number: int, position: int, line: bytes) -> Entry:
    line_id = id_at_end(line)
    if line_id is None:
        raise _not_a_line(segment_name(number), position)
    return Entry(hashlib.sha256(line).hexdigest(), line_id)


def _verified_lines(shelf: LedgerShelf, seal: SealFile) -> tuple[Line, ...]:
    name = segment_name(seal.number)
    raw = read_lines(shelf, seal.number)
    for position, (line, entry) in enumerate(zip(raw, seal.entries, strict=False), 1):
        if hashlib.sha256(line).hexdigest() != entry.sha256:
            raise LedgerError(
                "line {position} of {segment} is not as it was sealed; run check to see every difference",
                position=position,
                segment=name,
            )
    if len(raw) != len(seal.entries):
        raise LedgerError(
            "{segment} has {found} lines, its seal lists {sealed}; run check to see which",
            segment=name,
            found=len(raw),
            sealed=len(seal.entries),
        )
    lines = tuple(_decode(line, name, position) for position, line in enumerate(raw, 1))
    for line_read, entry in zip(lines, seal.entries, strict=True):
        if line_read.id != entry.line_id:
            raise LedgerError("{seal} calls a line by another id than its own", seal=seal_name(seal.number))
    return lines


def _decode(line: bytes, name: str, position: int) -> Line:
    try:
        return decode(line.decode("ascii"))
    except (LedgerError, UnicodeDecodeError) as error:
        raise _not_a_line(name, position) from error


def _not_a_line(name: str, position: int) -> LedgerError:
    return LedgerError("line {position} of {segment} is not a ledger line; run check", position=position, segment=name)


def _read(shelf: LedgerShelf, name: str) -> bytes:
    content = shelf.read(name)
    if content is None:
        raise LedgerError(
            "{file} is missing from {folder}; bring it back from a backup, then run check",
            file=name,
            folder=shelf.place,
        )
    return content


def _malformed(number: int, position: int) -> LedgerError:
    return LedgerError(
        "line {position} of {seal} is not written as seals are", position=position, seal=f"{number:08}.seal"
    )
