"""Is everything that we keep as it was written? Objects, ledger, seals and database, each against the others."""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, select

from pec_tracker.archive.archive import Archive
from pec_tracker.archive.finding import Finding, FindingKind
from pec_tracker.archive.objects import Suffix
from pec_tracker.archive.rehash import Rehash
from pec_tracker.askers import Act, Asker
from pec_tracker.db.engine import reading, storage_errors
from pec_tracker.db.tables import ArchiveRow, Certificate, Mail, Message, Seal
from pec_tracker.errors import StorageError
from pec_tracker.ledger.lines import Line, named_objects
from pec_tracker.ledger.verify import examine_ledger, unreadable_database
from pec_tracker.ledger.witnesses import Archived, Witness, examine_witnesses
from pec_tracker.pec.trust import Trust
from pec_tracker.service.verbs import verb

Progress = Callable[[int, int], None]

_LISTED, _IN_LEDGER, _IN_MAIL, _IN_DATABASE = 1, 2, 4, 8


@dataclass(frozen=True, slots=True)
class Anchorage:
    """Whom those are held to who date the ledger from outside: `trust` for acceptances, `anchors` for time-stamps."""

    trust: Trust
    anchors: tuple[bytes, ...]
    now: datetime


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was checked, in counts and bytes, and every disagreement found."""

    objects: int
    bytes: int
    seals: int
    lines: int
    mails: int
    findings: tuple[Finding, ...]
    witnesses: tuple[Witness, ...] | None = None  # what dates seals from outside and holds; None: not asked

    @property
    def sound(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    @property
    def dated(self) -> int:
        """The newest seal that is dated from outside; 0 for none."""
        return max((one.number for one in self.witnesses or ()), default=0)


class _Names:
    """Who names which object: one number of marks for each, packed so that millions fit in memory."""

    def __init__(self) -> None:
        self.marks: dict[bytes, int] = {}
        self._suffixes = list(Suffix)
        self._ends = {suffix.value: bytes([number]) for number, suffix in enumerate(self._suffixes)}

    def add(self, name: str, mark: int) -> None:
        """Mark the object whose file is *name*."""
        key = bytes.fromhex(name[:64]) + self._ends[name[64:]]
        self.marks[key] = self.marks.get(key, 0) | mark

    def __iter__(self) -> Iterator[tuple[str, int]]:
        for key, marks in self.marks.items():
            yield key[:32].hex() + self._suffixes[key[32]], marks


@verb(Act.AUDIT, of_all=True)
def check(
    asker: Asker,
    engine: Engine | None,
    archive: Archive,
    *,
    processes: int = 1,
    progress: Progress | None = None,
    anchorage: Anchorage | None = None,
) -> CheckReport:
    """Read everything again and compare. What cannot be read is a finding, never a stop.

    The archive is listed first and those who name its objects are asked after it, so that what other processes keep
    meanwhile is no finding. Without *engine* the archive is checked alone. *progress* is given the objects done and
    their number. With *anchorage* what dates the ledger from outside is verified too.
    """
    names = _Names()
    findings = [] if _is_new(engine, archive) else archive.format_findings()
    shelves = list(archive.shelves())
    for shelf in shelves:
        findings += shelf.findings
        for name in shelf.names:
            names.add(name, _LISTED)
    objects = size = 0
    with archive.rehash(shelves, processes) as rehashed:
        ledger = examine_ledger(archive.ledger, engine, functools.partial(_mark_line, names, set()))
        mails, asked = _mark_database(engine, names)
        for folder, result in rehashed:
            objects += result.count
            size += result.size
            findings += _rehash_findings(folder, result)
            if progress is not None:
                progress(objects, len(names.marks))
    findings += ledger.findings
    findings += asked
    database_known = engine is not None and not asked
    findings += _compare(archive, names, database_known=database_known)
    witnesses = None if anchorage is None else _examine_witnesses(engine, archive, anchorage, findings)
    return CheckReport(objects, size, ledger.seals, ledger.lines, mails, tuple(findings), witnesses)


def _examine_witnesses(
    engine: Engine | None, archive: Archive, anchorage: Anchorage, findings: list[Finding]
) -> tuple[Witness, ...]:
    """What dates the ledger and holds; what does not is added to *findings*."""

    def get(sha256: str) -> bytes | None:
        try:
            return archive.get(sha256, Suffix.MAIL)
        except StorageError:
            return None  # missing or damaged: named already

    extra = [finding.object for finding in findings if finding.kind is FindingKind.OBJECT_EXTRA]
    strays = [name.removesuffix(Suffix.MAIL) for name in extra if name.endswith(Suffix.MAIL)]
    asked = Archived(archive.ledger, engine, anchorage.trust, anchorage.anchors, anchorage.now, get, strays)
    witnesses, faults = examine_witnesses(asked)
    findings += faults
    return tuple(witnesses)


def _is_new(engine: Engine | None, archive: Archive) -> bool:
    """Whether nothing was ever kept: the database knows no archive, and there is none."""
    if engine is None or not archive.is_empty():
        return False
    try:
        with storage_errors(), reading(engine) as connection:
            return all(
                connection.execute(select(column).limit(1)).first() is None
                for column in (ArchiveRow.id, Seal.number, Mail.id)
            )
    except StorageError:
        return False


def _rehash_findings(folder: str, result: Rehash) -> Iterator[Finding]:
    for name in result.damaged:
        yield Finding(
            FindingKind.OBJECT_DAMAGED,
            name,
            "the bytes of {object} are not those that its name says; bring it back from a backup",
            {"object": name},
        )
    for name, reason in result.unreadable:
        yield Finding(
            FindingKind.OBJECT_UNREADABLE,
            name,
            "{object} in {folder} cannot be read ({reason}); check its permissions and the disk",
            {"object": name, "folder": folder, "reason": reason},
        )


def _mark_line(names: _Names, certificates: set[str], line: Line) -> None:
    """*certificates* are those marked by now: a few, which every line of a mail names again."""
    for sha256, suffix in named_objects(line):
        if suffix is Suffix.CERTIFICATE:
            if sha256 in certificates:
                continue
            certificates.add(sha256)
        names.add(sha256 + suffix, _IN_LEDGER)


def _mark_database(engine: Engine | None, names: _Names) -> tuple[int, list[Finding]]:
    """Mark what the database names; the number of mails, and a finding when it cannot be read to its end."""
    if engine is None:
        return 0, []
    mails = 0
    try:
        with storage_errors(), reading(engine) as connection:
            stream = connection.execution_options(yield_per=5_000)
            for sha256 in stream.scalars(select(Mail.sha256)):
                names.add(sha256 + Suffix.MAIL, _IN_MAIL | _IN_DATABASE)
                mails += 1
            for record in stream.scalars(select(Message.record)):
                if record is not None:
                    names.add(record + Suffix.RECORD, _IN_DATABASE)
            for sha256 in stream.scalars(select(Certificate.sha256)):
                names.add(sha256 + Suffix.CERTIFICATE, _IN_DATABASE)
    except StorageError as error:
        return mails, [unreadable_database(error)]
    return mails, []


def _compare(archive: Archive, names: _Names, *, database_known: bool) -> Iterator[Finding]:
    for name, marks in names:
        if not marks & _LISTED:
            yield from _missing(archive, name)
        elif not marks & ~_LISTED:
            yield _extra(name, database_known=database_known)
        if database_known and marks & _IN_LEDGER and name.endswith(Suffix.MAIL) and not marks & _IN_MAIL:
            yield Finding(
                FindingKind.DATABASE_MAIL_MISSING,
                name,
                "the ledger says that {object} was kept, and the database has no such mail",
                {"object": name},
            )


def _missing(archive: Archive, name: str) -> Iterator[Finding]:
    """Unless it was kept after the archive was listed; then it is hashed now."""
    if archive.holds(name[:64], Suffix(name[64:])):
        with archive.rehash([archive.shelf_of(name)], 1) as rehashed:
            for folder, result in rehashed:
                yield from _rehash_findings(folder, result)
        return
    yield Finding(
        FindingKind.OBJECT_MISSING,
        name,
        "the archive should hold {object} and does not; bring it back from a backup",
        {"object": name},
    )


def _extra(name: str, *, database_known: bool) -> Finding:
    text = (
        "neither the ledger nor the database names {object}: a run was interrupted, or it was put there"
        if database_known
        else "no sealed line names {object}: it was not sealed yet, or it was put there"
    )
    return Finding(FindingKind.OBJECT_EXTRA, name, text, {"object": name})
