"""Which ledger files did the archive lose that the database still holds? They are written again, byte for byte.

A segment is its lines in their order, a seal is a function of them and of the seal before, a head one of the seals up
to it: a seal that is written again has the SHA-256 that was recorded, or it is not written.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Engine, text

from pec_tracker import osfiles
from pec_tracker.archive.local import ledger_folder, prepare
from pec_tracker.archive.underway import notes_folder
from pec_tracker.db.engine import reading, storage_errors
from pec_tracker.ledger.heads import Heads, head_path
from pec_tracker.ledger.lines import id_at_end
from pec_tracker.ledger.segments import Entry, seal_forms, seal_path, segment_path

# In plain SQL: the tables of every release have these columns, so that a database of another one can be asked too.
_SEALS = text("SELECT number FROM seal ORDER BY number")
_LINES = text("SELECT line FROM ledger WHERE seal_number = :number ORDER BY position")
_FIRST_LINES = 160  # bytes: what a seal says before it lists


@dataclass(frozen=True, slots=True)
class Mended:
    """The files that were written again, and those that the database cannot give back as they were; by name."""

    written: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


def write_again(engine: Engine, archive_root: Path) -> Mended:
    """Write the segments, seals and heads that *archive_root* lacks. Raises StorageError, DiskFullError."""
    written: list[str] = []
    lost: list[str] = []
    heads = Heads()
    gone_heads: dict[Path, bytes] = {}
    with storage_errors(), reading(engine) as connection:
        previous: str | None = None
        for number in connection.scalars(_SEALS).all():
            segment, seal = segment_path(archive_root, number), seal_path(archive_root, number)
            recorded = _recorded(engine, number)
            gone = [path for path in (segment, seal) if not path.exists()]
            if gone:
                lines = [line.encode() for line in connection.scalars(_LINES, {"number": number})]
                content = _seal(previous, heads.newest, lines, recorded)
                there = not segment.exists() or segment.read_bytes() == b"".join(lines)
                if content is None or not there:
                    lost += [path.name for path in gone]
                else:
                    _write(archive_root, {segment: b"".join(lines), seal: content}, gone)
                    written += [path.name for path in gone]
            if _says_head(seal):  # an old release wrote no heads: what never was is not gone
                _write(archive_root, gone_heads, list(gone_heads))
                written += [path.name for path in gone_heads]
                gone_heads.clear()
            previous = recorded if gone else digest(seal)
            head, path = heads.add(recorded), head_path(archive_root, number)
            if head is not None and not path.exists():
                gone_heads[path] = head
    return Mended(tuple(written), tuple(lost))


def _says_head(seal: Path) -> bool:
    """Whether a seal says the SHA-256 of the head before it."""
    with suppress(FileNotFoundError), seal.open("rb") as file:
        return b"\n# head " in file.read(_FIRST_LINES)
    return False


def digest(path: Path) -> str:
    """The SHA-256 of a ledger file, in hex. Raises StorageError."""
    with osfiles.disk_errors(path.parent):
        return sha256(path.read_bytes()).hexdigest()


def _recorded(engine: Engine, number: int) -> str | None:
    """The SHA-256 of a seal as the database has it, in hex."""
    with reading(engine) as connection:
        raw = connection.execute(text("SELECT sha256 FROM seal WHERE number = :number"), {"number": number}).scalar()
    return None if raw is None else bytes(raw).hex()


def _seal(previous: str | None, head: str | None, lines: Sequence[bytes], recorded: str | None) -> bytes | None:
    """The seal of *lines* that has the SHA-256 *recorded*; None where none has."""
    entries = []
    for line in lines:
        line_id = id_at_end(line)
        if line_id is None:
            return None
        entries.append(Entry(sha256(line).hexdigest(), line_id))
    forms = seal_forms(previous, head, entries) if entries else ()
    return next((form for form in forms if sha256(form).hexdigest() == recorded), None)


def _write(root: Path, contents: dict[Path, bytes], gone: Sequence[Path]) -> None:
    with osfiles.disk_errors(ledger_folder(root)):
        if not ledger_folder(root).is_dir():
            prepare(root)
        for path in gone:
            osfiles.create_durably(path, contents[path], by_way_of=notes_folder(root))
