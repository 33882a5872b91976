"""Is the ledger as it was sealed? Every disagreement between segments, seals, their chain and the database, by name."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Engine, select

from pec_tracker.archive.archive import LedgerShelf
from pec_tracker.archive.finding import Finding, FindingKind
from pec_tracker.archive.scan import foreign_file, unreadable_folder
from pec_tracker.db.engine import reading, storage_errors
from pec_tracker.db.tables import Ledger, Seal
from pec_tracker.errors import LedgerError, StorageError
from pec_tracker.ledger.differences import Change, Difference, differences, line_of
from pec_tracker.ledger.lines import Line
from pec_tracker.ledger.segments import (
    LedgerFiles,
    SealFile,
    list_files,
    parse_seal,
    seal_name,
    segment_name,
    split_lines,
)
from pec_tracker.ledger.verify_heads import HeadsExaminer, read_or_why

_IN_SEGMENT = {
    Change.EDITED: FindingKind.LINE_EDITED,
    Change.MISSING: FindingKind.LINE_MISSING,
    Change.EXTRA: FindingKind.LINE_EXTRA,
    Change.MOVED: FindingKind.LINE_MOVED,
}
_IN_DATABASE = {
    Change.EDITED: FindingKind.DATABASE_LINE_EDITED,
    Change.MISSING: FindingKind.DATABASE_LINE_MISSING,
    Change.EXTRA: FindingKind.DATABASE_LINE_EXTRA,
    Change.MOVED: FindingKind.DATABASE_LINE_MOVED,
}
_SAYS = {
    Change.EDITED: "the line {line} is not as it was sealed",
    Change.MISSING: "the line {line} was sealed and is gone",
    Change.EXTRA: "a line was put in that was not sealed here",
    Change.MOVED: "the line {line} does not stand where it was sealed",
}


@dataclass(frozen=True, slots=True)
class LedgerExamination:
    """What examining the ledger gave: how many seals and sealed lines the archive holds, and the findings."""

    seals: int
    lines: int
    findings: tuple[Finding, ...]


def verify_ledger(shelf: LedgerShelf, engine: Engine | None) -> list[Finding]:
    """Every disagreement in the ledger; without a database the last seals cut off cannot be noticed."""
    return list(examine_ledger(shelf, engine, lambda line: None).findings)


def examine_ledger(shelf: LedgerShelf, engine: Engine | None, on_line: Callable[[Line], None]) -> LedgerExamination:
    """As verify_ledger; *on_line* is given each line that is as it was sealed, and each that the database holds."""
    examiner = _Examiner(shelf, engine, on_line)
    examiner.examine()
    return LedgerExamination(examiner.seals, examiner.lines, tuple(examiner.findings))


def unreadable_database(error: StorageError) -> Finding:
    """That the database could not be asked."""
    params = {name: value if isinstance(value, int) else str(value) for name, value in error.params.items()}
    return Finding(FindingKind.DATABASE_UNREADABLE, "database", error.template, params)


@dataclass(frozen=True, slots=True)
class _Segment:
    """A segment as it lies there: its lines that are as they were sealed, by id; all its lines where all of them are
    just those sealed."""

    sound: Mapping[str, Line]
    sealed: Sequence[bytes] | None


class _Examiner:
    """Walks the seals in order. Rows are read before files: a row without its file is then a loss, not a delay."""

    def __init__(self, shelf: LedgerShelf, engine: Engine | None, on_line: Callable[[Line], None]) -> None:
        self.seals = 0
        self.lines = 0
        self.findings: list[Finding] = []
        self._shelf = shelf
        self._engine = engine
        self._on_line = on_line
        self._files = LedgerFiles(frozenset(), frozenset(), ())
        self._recorded: dict[int, str] = {}

    def examine(self) -> None:
        """Fill counts and findings."""
        self._ask(self._read_recorded)
        try:
            self._files = list_files(self._shelf)
        except StorageError as error:
            self.findings.append(unreadable_folder(self._shelf.place, "ledger", str(error.params["reason"])))
            return
        self.findings += [foreign_file(f"ledger/{name}") for name in self._files.foreign]
        previous: str | None = None
        known = True
        heads = HeadsExaminer(self._shelf, self._files.heads)
        for number in range(1, max([self._files.newest, *self._recorded]) + 1):
            content = self._seal_bytes(number)
            seal = None if content is None else self._seal(number, content)
            if seal is None:
                self._ask(functools.partial(self._read_rows, number=number))
            else:
                self.findings += heads.missing(seal)
                follows = heads.agree(seal) and (not known or seal.previous == previous)
                self._examine_seal(seal, follows=follows)
            previous = self._recorded.get(number) if content is None else sha256(content).hexdigest()
            known = previous is not None
            self.findings += heads.follow(number, previous)
        self.findings += heads.beyond()
        self._ask(functools.partial(self._read_rows, number=None))

    def _ask(self, question: Callable[[Engine], None]) -> None:
        """Ask the database; once it fails it is a finding, and the archive is examined alone."""
        if self._engine is None:
            return
        try:
            with storage_errors():
                question(self._engine)
        except StorageError as error:
            self.findings.append(unreadable_database(error))
            self._engine = None

    def _read_recorded(self, engine: Engine) -> None:
        with reading(engine) as connection:
            self._recorded = {row.number: row.sha256 for row in connection.execute(select(Seal.number, Seal.sha256))}

    def _read_rows(self, engine: Engine, *, number: int | None) -> None:
        """Lines that no seal guards, yet or any more, must at least be lines."""
        rows = select(Ledger.line_id, Ledger.line).where(Ledger.seal_number.is_not_distinct_from(number))
        place = "database:waiting" if number is None else f"database:{number:08}"
        with reading(engine) as connection:
            for row in connection.execution_options(yield_per=1_000).execute(rows.order_by(Ledger.id)):
                self._examine_row(row.line_id, row.line, place)

    def _seal_bytes(self, number: int) -> bytes | None:
        name = seal_name(number)
        if number in self._files.seals:
            return self._bytes(name, FindingKind.SEAL_UNREADABLE)
        segment = segment_name(number)
        if number == self._files.newest and number not in self._recorded:
            self._find(
                FindingKind.SEAL_UNFINISHED,
                segment,
                "the sealing of {segment} was interrupted, or is going on; the next one finishes it",
                segment=segment,
            )
            return None
        self._find(FindingKind.SEAL_MISSING, name, "the seal {seal} is gone from the archive", seal=name)
        if number not in self._files.segments:
            self._segment_missing(number)
        return None

    def _seal(self, number: int, content: bytes) -> SealFile | None:
        name = seal_name(number)
        self.seals += 1
        recorded = self._recorded.get(number)
        if recorded is not None and recorded != sha256(content).hexdigest():
            self._find(FindingKind.SEAL_REPLACED, name, "the seal {seal} is not the one in the database", seal=name)
        try:
            return parse_seal(number, content)
        except LedgerError as error:
            params = {key: str(value) for key, value in error.params.items()}
            self.findings.append(Finding(FindingKind.SEAL_MALFORMED, name, error.template, params))
            return None

    def _examine_seal(self, seal: SealFile, *, follows: bool) -> None:
        if not follows:
            name = seal_name(seal.number)
            self._find(FindingKind.CHAIN_BROKEN, name, "the seal {seal} does not follow the one before", seal=name)
        segment = self._examine_segment(seal)
        self._ask(functools.partial(self._examine_rows, seal=seal, segment=segment))

    def _examine_segment(self, seal: SealFile) -> "_Segment":
        name = segment_name(seal.number)
        if seal.number not in self._files.segments:
            self._segment_missing(seal.number)
            return _Segment({}, None)
        content = self._bytes(name, FindingKind.SEGMENT_UNREADABLE)
        if content is None:
            return _Segment({}, None)
        raw = split_lines(content)
        self.lines += len(raw)
        changed = differences(seal.entries, raw)
        self._add(changed, _IN_SEGMENT, name)
        unsound = {difference.position for difference in changed if difference.change is not Change.MOVED}
        sound = {}
        for position, text in enumerate(raw, 1):
            line = None if position in unsound else line_of(text)
            if line is not None:
                self._on_line(line)
                sound[line.id] = line
        return _Segment(sound, None if changed else raw)

    def _examine_rows(self, engine: Engine, *, seal: SealFile, segment: "_Segment") -> None:
        """What the database holds of this seal, against the seal."""
        seal_row = select(Seal.previous, Seal.count.label("lines")).where(Seal.number == seal.number)
        line_rows = (
            select(Ledger.line_id, Ledger.line, Ledger.act, Ledger.at, Ledger.position)
            .where(Ledger.seal_number == seal.number)
            .order_by(Ledger.position)
        )
        with reading(engine) as connection:
            recorded = connection.execute(seal_row).first()
            rows = connection.execute(line_rows).all()
        if recorded is None:
            self._unrecorded(seal.number)
            return
        place = f"database:{seal.number:08}"
        if (recorded.previous, recorded.lines) != (seal.previous, len(seal.entries)):
            text = "the database's row of this seal does not say what the seal says"
            self._find(FindingKind.DATABASE_SEAL_EDITED, place, text)
        raw = [row.line.encode() for row in rows]
        changed = [] if raw == segment.sealed else differences(seal.entries, raw)
        self._add(changed, _IN_DATABASE, place)
        for expected, row in enumerate(rows, 1):
            # Unchanged rows have the bytes of the sealed lines, which were read already.
            line = None if changed else segment.sound.get(row.line_id)
            line = line or self._examine_row(row.line_id, row.line, f"{place}:{expected}")
            if line is not None and (line.act, line.at, expected) != (row.act, row.at, row.position):
                self._add([Difference(Change.EDITED, expected, line.id)], _IN_DATABASE, place)

    def _unrecorded(self, number: int) -> None:
        name = seal_name(number)
        self._find(
            FindingKind.SEAL_UNRECORDED,
            name,
            "the database does not know the seal {seal}: its recording was interrupted, or an older database was "
            "restored; seal again, or rebuild",
            seal=name,
        )

    def _examine_row(self, line_id: str, text: str, place: str) -> Line | None:
        line = line_of(text.encode())
        if line is None or line.id != line_id:
            self._find(FindingKind.DATABASE_LINE_EDITED, place, "the line {line} was changed", line=line_id)
            return None
        self._on_line(line)
        return line

    def _segment_missing(self, number: int) -> None:
        name = segment_name(number)
        self._find(FindingKind.SEGMENT_MISSING, name, "the segment {segment} is gone from the archive", segment=name)

    def _bytes(self, name: str, kind: FindingKind) -> bytes | None:
        content, reason = read_or_why(self._shelf, name)
        if content is None:
            self._find(kind, name, "{file} cannot be read ({reason})", file=name, reason=reason)
        return content

    def _add(self, changed: list[Difference], kinds: dict[Change, FindingKind], place: str) -> None:
        for difference in changed:
            where = f"{place}:{difference.position}"
            self._find(kinds[difference.change], where, _SAYS[difference.change], line=difference.line_id)

    def _find(self, kind: FindingKind, place: str, template: str, **params: str) -> None:
        self.findings.append(Finding(kind, place, template, params))
