"""What dates the ledger from outside, and does it hold? Time-stamps beside the seals, acceptances that quote them.

A witness speaks for its seal and, through the chain, for every seal before it. It may also know of a seal that is no
longer there: so the last seals cut off are noticed, even where the database was put back with them.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Engine, Row, select

from pec_tracker.archive.archive import LedgerShelf
from pec_tracker.archive.finding import Finding, FindingKind
from pec_tracker.db.engine import reading, storage_errors
from pec_tracker.db.tables import Mail, Mailbox, Stamp
from pec_tracker.errors import StorageError
from pec_tracker.ledger import stamps
from pec_tracker.ledger.quotes import PREFIX, Quote, quoted
from pec_tracker.ledger.segments import LedgerFiles, list_files, seal_name, stamp_name
from pec_tracker.ledger.stamps import Fault, StampError
from pec_tracker.pec.evidence import Verdict, address_key
from pec_tracker.pec.read import read
from pec_tracker.pec.signature import verify
from pec_tracker.pec.standard import Kind
from pec_tracker.pec.trust import Trust

RFC3161: Final = "rfc3161"
PEC: Final = "pec"

_STAMP_FAULTS: Final = {
    Fault.UNREADABLE: FindingKind.STAMP_UNREADABLE,
    Fault.REFUSED: FindingKind.STAMP_UNREADABLE,
    Fault.MISMATCH: FindingKind.STAMP_MISMATCH,
    Fault.BROKEN: FindingKind.STAMP_BROKEN,
    Fault.UNTRUSTED: FindingKind.STAMP_UNTRUSTED,
}


@dataclass(frozen=True, slots=True)
class Witness:
    """What holds: the seal `number` existed at `at`, says `source` (an authority, or the mail of an acceptance)."""

    kind: str
    number: int
    at: datetime
    source: str


@dataclass(frozen=True, slots=True)
class Archived:
    """What examining needs of the house. `get` gives the bytes of an archived mail, None where it cannot.

    `strays` are mails that nothing names: what is left of a ledger that was cut off.
    """

    ledger: LedgerShelf
    engine: Engine | None
    trust: Trust
    anchors: Sequence[bytes]
    now: datetime
    get: Callable[[str], bytes | None]
    strays: Iterable[str] = ()


def examine_witnesses(archived: Archived) -> tuple[list[Witness], list[Finding]]:
    """Every witness that holds, in the order of seals, and a finding for each that does not."""
    examiner = _Examiner(archived)
    examiner.examine()
    return sorted(examiner.witnesses, key=lambda one: (one.number, one.at, one.kind)), examiner.findings


class _Examiner:
    def __init__(self, archived: Archived) -> None:
        self.witnesses: list[Witness] = []
        self.findings: list[Finding] = []
        self._archived = archived
        self._files = LedgerFiles(frozenset(), frozenset(), ())
        self._hashes: dict[int, str | None] = {}

    def examine(self) -> None:
        """Fill witnesses and findings."""
        rows = self._rows(select(Stamp.kind, Stamp.seal_number, Stamp.source, Stamp.sha256))
        try:
            self._files = list_files(self._archived.ledger)
        except StorageError:
            return  # the ledger's own examination names it
        known = {row.seal_number: row for row in rows if row.kind == RFC3161}
        for number in sorted(self._files.stamps | known.keys()):
            self._stamp(number, known.get(number))
        noted = {row.source: row for row in rows if row.kind == PEC}
        for sha256 in dict.fromkeys([*noted, *self._quoting_mails(), *self._archived.strays]):
            self._acceptance(sha256, noted.get(sha256))

    def _stamp(self, number: int, row: Row[*tuple[Any, ...]] | None) -> None:
        name = stamp_name(number)
        if number not in self._files.stamps:
            text = "the time-stamp {stamp} is gone from the archive"
            self._find(FindingKind.STAMP_MISSING, name, text, name)
            return
        response, content = self._bytes(name), self._bytes(seal_name(number))
        if response is None:
            self._find(FindingKind.STAMP_UNREADABLE, name, "the time-stamp {stamp} cannot be read", name)
        elif content is None:
            text = "the time-stamp {stamp} is there, and the seal that it dates is gone: the ledger was cut off"
            self._find(FindingKind.STAMP_WITHOUT_SEAL, name, text, name)
        else:
            self._date(number, response, content, row)

    def _date(self, number: int, response: bytes, content: bytes, row: Row[*tuple[Any, ...]] | None) -> None:
        name = stamp_name(number)
        if row is not None and row.sha256 != hashlib.sha256(response).hexdigest():
            text = "the time-stamp {stamp} is not the one in the database"
            self._find(FindingKind.STAMP_REPLACED, name, text, name)
        try:
            stamped = stamps.examine(response, content, self._archived.anchors)
        except StampError as error:
            params = {key: str(value) for key, value in error.params.items()}
            self.findings.append(Finding(_STAMP_FAULTS[error.fault], name, error.template, params))
            return
        self.witnesses.append(Witness(RFC3161, number, stamped.at, stamped.authority))
        if row is None and self._archived.engine is not None:
            text = "the database does not know the time-stamp {stamp}: its recording was interrupted; seal again"
            self._find(FindingKind.STAMP_UNRECORDED, name, text, name)

    def _acceptance(self, sha256: str, row: Row[*tuple[Any, ...]] | None) -> None:
        name = f"{sha256}.eml"
        raw = self._archived.get(sha256)
        if raw is None:
            if row is not None:
                text = "the acceptance {mail} that dates the seal {seal} is gone or damaged"
                self._find(FindingKind.NOTARY_MISSING, name, text, mail=name, seal=f"{row.seal_number:08}")
            return
        quote, at, proof = self._said(raw)
        if not proof or quote is None or at is None:
            if row is not None:
                text = "the acceptance {mail} does not date the seal {seal}: it is no trusted receipt that quotes it"
                self._find(FindingKind.NOTARY_UNTRUSTED, name, text, mail=name, seal=f"{row.seal_number:08}")
            return
        self._hold_against_seal(name, sha256, quote, at)

    def _hold_against_seal(self, name: str, sha256: str, quote: Quote, at: datetime) -> None:
        seal = seal_name(quote.number)
        found = self._hash(quote.number)
        if found is None:
            text = "the acceptance {mail} dates the seal {seal}, which is gone: the ledger was cut off"
            self._find(FindingKind.NOTARY_WITHOUT_SEAL, seal, text, mail=name, seal=seal)
        elif found != quote.sha256:
            text = "the seal {seal} is not the one that the acceptance {mail} dates"
            self._find(FindingKind.NOTARY_MISMATCH, seal, text, mail=name, seal=seal)
        else:
            self.witnesses.append(Witness(PEC, quote.number, at, sha256))

    def _said(self, raw: bytes) -> tuple[Quote | None, datetime | None, bool]:
        """What an acceptance quotes and when, by its certification data, and whether it is proof.

        Only of a mailbox that wrote to itself alone: others may quote what they like.
        """
        mail = read(raw)
        said = mail.daticert
        if said is None or mail.kind is not Kind.ACCEPTANCE:
            return None, None, False
        itself = [address_key(one.address) for one in said.recipients] == [address_key(said.sender or "")]
        trusted = verify(raw, mail, self._archived.trust, now=self._archived.now).verdict is Verdict.TRUSTED
        return quoted(said.subject), said.issued_at, itself and trusted

    def _quoting_mails(self) -> list[str]:
        """Acceptances in the database that quote a seal, recorded as witnesses or not."""
        wanted = (
            select(Mail.sha256)
            .join(Mailbox, Mailbox.id == Mail.mailbox_id)
            .where(Mail.kind == Kind.ACCEPTANCE.value, Mail.subject.contains(PREFIX))
        )
        return [row.sha256 for row in self._rows(wanted)]

    def _rows(self, statement: Any) -> Sequence[Row[*tuple[Any, ...]]]:
        if self._archived.engine is None:
            return ()
        try:
            with storage_errors(), reading(self._archived.engine) as connection:
                rows: Sequence[Row[*tuple[Any, ...]]] = connection.execute(statement).all()
        except StorageError:
            return ()  # the ledger's own examination names it
        return rows

    def _hash(self, number: int) -> str | None:
        if number not in self._hashes:
            content = self._bytes(seal_name(number))
            self._hashes[number] = None if content is None else hashlib.sha256(content).hexdigest()
        return self._hashes[number]

    def _find(self, kind: FindingKind, place: str, template: str, stamp: str | None = None, **params: str) -> None:
        self.findings.append(Finding(kind, place, template, params | ({"stamp": stamp} if stamp else {})))

    def _bytes(self, name: str) -> bytes | None:
        try:
            return self._archived.ledger.read(name)
        except StorageError:
            return None
