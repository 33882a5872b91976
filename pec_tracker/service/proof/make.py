"""What proves this message? Its package: everything that the archive has of it up to a seal, and what holds of it.

Nothing here looks at a clock or leaves a trace: the same seal gives the same bytes.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import Any, Final

import structlog
from sqlalchemy import Connection, Row, select

from pec_tracker.archive.objects import Suffix
from pec_tracker.askers import Act, Asker
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Folder, Mail, Mailbox, Message, Recipient, Sighting
from pec_tracker.errors import NotFoundError
from pec_tracker.ledger import seals
from pec_tracker.ledger.acts import LedgerAct
from pec_tracker.pec import revocation
from pec_tracker.pec.certificate import certificate
from pec_tracker.pec.evidence import address_key, time_key
from pec_tracker.pec.link import KnownMessages, MessageKeys, home
from pec_tracker.pec.roles import MailRole, MessageOrigin
from pec_tracker.pec.trust import Trust
from pec_tracker.render import canonical_zip
from pec_tracker.render.members import Members
from pec_tracker.service.dating.stamps import known_anchors
from pec_tracker.service.house import House
from pec_tracker.service.proof import members as proof_package
from pec_tracker.service.proof.lines import SealedLine, lines_of, require_sealed, seal_at
from pec_tracker.service.proof.report import Examined, examine, sha256_of
from pec_tracker.service.proof.seals import Dated, chain, dated
from pec_tracker.service.proof.sources import (
    CERTIFICATES,
    COPIES,
    LEDGER,
    NOT_PROOF,
    NOTARY,
    ORIGINAL,
    RECEIPTS,
    RECORDS,
    REVOCATION,
    Frame,
    Readings,
    Sources,
)
from pec_tracker.service.proof.trust_at_seal import trust_at
from pec_tracker.service.queries.show import message_named
from pec_tracker.service.verbs import verb

log = structlog.get_logger()

# A person's reasons for a decision stay at home; what the server said and what was sent are part of the story.
_RECORDS_SHOWN: Final = frozenset({LedgerAct.MESSAGE_QUEUED, LedgerAct.MAILBOX_KNOWN, *(
    f"message.{outcome}" for outcome in ("submitted", "refused", "deferred", "uncertain")
)})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Package:
    """A proof package: what lies in it, and the report that it holds."""

    files: Members
    report: Mapping[str, Any]

    @property
    def members(self) -> tuple[str, ...]:
        """The names of its members."""
        return tuple(sorted(self.files))

    @property
    def report_sha256(self) -> str:
        """The SHA-256 of report.json as it lies in the package."""
        return self.files.weight(proof_package.REPORT).sha256

    @property
    def content(self) -> bytes:
        """Its bytes, whole; `pieces` gives them one after the other."""
        return canonical_zip.pack(self.files)

    def pieces(self) -> Iterator[bytes]:
        """Its bytes, a member at a time. Raises UsageError, StorageError."""
        return canonical_zip.pieces(self.files)


class Weighed:
    """How many bytes of a package went by, and their hash."""

    def __init__(self) -> None:
        self.size = 0
        self._hash = hashlib.sha256()

    def passing(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The *pieces*, counted."""
        for piece in pieces:
            self.size += len(piece)
            self._hash.update(piece)
            yield piece

    @property
    def sha256(self) -> str:
        """The SHA-256 of all that went by."""
        return self._hash.hexdigest()


@verb(Act.PROVE)
def proof(
    asker: Asker,
    house: House,
    name: str,
    *,
    recipient: str | None = None,
    as_of: int | datetime | None = None,
    language: str = "en",
) -> Package:
    """The package of the message that *name* names (see `show`), for one *recipient* or all, as of a seal or a time.

    Without *as_of* what waits is sealed first. Raises NotFoundError, UsageError, LedgerError, StorageError.
    """
    sources, examined = gathered(asker, house, name, recipient=recipient, as_of=as_of, language=language)
    members = proof_package.assemble(sources, examined.report)
    log.info("proof.made", message=sources.frame.key, members=len(members), seal=examined.report["as_of"]["seal"])
    return Package(members, examined.report)


def gathered(
    asker: Asker, house: House, name: str, *, recipient: str | None, as_of: int | datetime | None, language: str
) -> tuple[Sources, Examined]:
    """The sources of a package, and what holds of them."""
    if as_of is None:
        seals.seal_pending(house.engine, house.archive, now=house.clock.now())
    with reading(house.engine) as connection:
        message = _message(connection, message_named(connection, asker, name))
        _require_recipient(connection, message, recipient)
        number = seal_at(connection, as_of)
        found = _mails(connection, message)
        lines = lines_of(
            connection,
            message=message.key,
            mailbox=message.mailbox_key,
            mails=[row.sha256 for row in found],
            times=_times(connection, found),
            until=number,
        )
        known = dated(connection, number)
    frame = Frame(message.key, recipient, language, proof_package.VERSION, proof_package.pdf_is_possible())
    sealed = _sealed_mails(lines)
    there = [row for row in found if row.sha256 in sealed]
    copies = _mails_of(house, [row.sha256 for row in there if _is_copy(row, message)])
    evidence = _mails_of(house, [row.sha256 for row in there if row.role == MailRole.EVIDENCE])
    readings = Readings()
    evidence = _about(_belonging(evidence, message, readings), recipient, readings)
    if not copies and not evidence:
        raise NotFoundError("nothing of {name} was sealed by seal {seal}; name a later one", name=name, seal=number)
    kept = [line for line in lines if line.line.facts.get("mail") in {None, *copies, *evidence}]
    ledger = _ledger(house, kept, known, number)
    rest = {**ledger, **_records(house, kept)}
    stamp_roots = known_anchors(house.authorities)
    return _named(Sources(frame, rest, readings), copies, evidence, trust_at(house, number), stamp_roots)


# --- what the database knows of the message ---


def _message(connection: Connection, message_id: int) -> Row[*tuple[Any, ...]]:
    columns = select(Message, Mailbox.key.label("mailbox_key")).join(Mailbox, Mailbox.id == Message.mailbox_id)
    return connection.execute(columns.where(Message.id == message_id)).one()


def _require_recipient(connection: Connection, message: Row[*tuple[Any, ...]], recipient: str | None) -> None:
    if recipient is None:
        return
    keys = set(connection.scalars(select(Recipient.address_key).where(Recipient.message_id == message.id)))
    if address_key(recipient) not in keys:
        raise NotFoundError("{recipient} is no recipient of this message", recipient=recipient)


def _mails(connection: Connection, message: Row[*tuple[Any, ...]]) -> Sequence[Row[*tuple[Any, ...]]]:
    roles = (MailRole.ORIGINAL, MailRole.SENT_COPY, MailRole.EVIDENCE)
    wanted = select(Mail).where(Mail.message_id == message.id, Mail.role.in_(roles)).order_by(Mail.sha256)
    return connection.execute(wanted).all()


def _times(connection: Connection, mails: Sequence[Row[*tuple[Any, ...]]]) -> list[datetime]:
    """When the ledger spoke of these mails: when they were taken in, and when they were seen again."""
    ids = [row.id for row in mails]
    seen = select(Sighting.seen_at).join(Folder, Folder.id == Sighting.folder_id).where(Sighting.mail_id.in_(ids))
    return [*(row.archived_at for row in mails), *connection.scalars(seen)]


# --- which of it belongs into the package ---


def _mails_of(house: House, hashes: Iterable[str]) -> Members:
    """These mails of the archive by their hashes, read when they are asked for."""
    return Members({sha256: partial(house.archive.get, sha256, Suffix.MAIL) for sha256 in hashes})


def _sealed_mails(lines: Iterable[SealedLine]) -> set[object]:
    named = (LedgerAct.MAIL_ARCHIVED, LedgerAct.MESSAGE_QUEUED)
    return {line.line.facts.get("mail") for line in lines if line.line.act in named}


def _is_copy(row: Row[*tuple[Any, ...]], message: Row[*tuple[Any, ...]]) -> bool:
    """The mail as composed; for a message sent by other means, each of its sender's copies."""
    return bool(
        row.sha256 == message.raw if message.origin == MessageOrigin.COMPOSED else row.role == MailRole.SENT_COPY
    )


def _belonging(evidence: Members, message: Row[*tuple[Any, ...]], readings: Readings) -> Members:
    """What these mails themselves tie to the message, by the rule by which mails are linked; a link that only later
    mails made known would change a package of the past."""
    ties = {sha256: readings.of(raw).ties for sha256, raw in evidence.items()}
    composed, known = message.origin == MessageOrigin.COMPOSED, KnownMessages()

    def tied() -> set[str]:
        return {sha256 for sha256, its in ties.items() if home(its, known).message == message.key}

    known.add(MessageKeys(message.key, composed, message.reference, None if message.reference else message.identifier))
    for identifier in {ties[sha256].identifier for sha256 in tied()}:
        known.add(MessageKeys(message.key, composed, message.reference, identifier))
    return evidence.only(tied().__contains__)


def _about(evidence: Members, recipient: str | None, readings: Readings) -> Members:
    """What is about everyone, or about this recipient."""
    if recipient is None:
        return evidence
    said = {sha256: readings.of(raw).mail.daticert for sha256, raw in evidence.items()}
    own = (None, address_key(recipient))
    return evidence.only(
        lambda sha256: (one := said[sha256]) is None or (address_key(one.recipient) if one.recipient else None) in own
    )


def _records(house: House, lines: Sequence[SealedLine]) -> dict[str, bytes]:
    """The records behind the lines; one that was let go is left out, and its line says that there was one."""
    wanted = {str(one.line.facts["record"]) for one in lines if one.line.act in _RECORDS_SHOWN and _record(one)}
    return {
        f"{RECORDS}{sha256}.json": house.archive.get(sha256, Suffix.RECORD)
        for sha256 in sorted(wanted)
        if house.archive.holds(sha256, Suffix.RECORD)
    }


def _record(one: SealedLine) -> bool:
    return isinstance(one.line.facts.get("record"), str)


def _ledger(house: House, lines: Sequence[SealedLine], known: Dated, last: int) -> dict[str, bytes]:
    """Lines, what ties the seals that list them to the last, and what dated them by then."""
    tied = chain(house.archive.ledger, (one.seal for one in lines), known, last)
    require_sealed(lines, tied.seals)
    members = {f"{LEDGER}{one.line.id}.json": one.content for one in lines}
    members |= {LEDGER + name: content for name, content in {**tied.seals, **tied.others}.items()}
    for one in tied.quoted:
        members[f"{NOTARY}{one.number:08}.{one.mail[:8]}.eml"] = house.archive.get(one.mail, Suffix.MAIL)
    return members


# --- under which names ---


def _named(
    rest: Sources,
    copies: Members,
    evidence: Members,
    trust: Trust,
    stamp_roots: Sequence[bytes],
) -> tuple[Sources, Examined]:
    """The members by their final names. Two looks: which mails count decides where they lie."""
    loose = {f"{COPIES}{sha256}.eml": sha256 for sha256 in copies}
    if len(copies) == 1:
        loose = dict(zip([ORIGINAL], copies, strict=True))
    received = {f"{RECEIPTS}{sha256}.eml": sha256 for sha256 in evidence}
    others = Members().joined(rest.members)
    first = examine(replace(rest, members=others.joined(copies.named(loose), evidence.named(received))), trust)
    members = others.joined(
        copies.named(_copies_named(copies, first.copy)),
        evidence.named(_evidence_named(first)),
        {f"{CERTIFICATES}{sha256[:16]}.der": der for sha256, der in first.certificates.items()},
        _answers(first, trust),
    )
    sources = replace(rest, members=members)
    return sources, examine(sources, trust, stamp_roots)


def _copies_named(copies: Iterable[str], held_to: str | None) -> dict[str, str]:
    copies = sorted(copies)
    first = held_to if held_to in copies else next(iter(copies), None)
    others = [sha256 for sha256 in copies if sha256 != first]
    named = {ORIGINAL: first} if first is not None else {}
    return named | {f"{COPIES}{number:02}.eml": sha256 for number, sha256 in enumerate(others, 2)}


def _evidence_named(first: Examined) -> dict[str, str]:
    counting = {entry["sha256"] for entry in first.report["proof"]}
    ordered = sorted((one.evidence for one in first.evidence), key=time_key)
    return {
        f"{RECEIPTS if one.key in counting else NOT_PROOF}{number:03}-{one.kind.value}.eml": one.key
        for number, one in enumerate(ordered, 1)
    }


def _answers(first: Examined, trust: Trust) -> dict[str, bytes]:
    """The CRLs and OCSP answers at hand that speak of a certificate in one of the chains."""
    pairs = set()
    for one in first.evidence:
        chain = one.verification.certificates
        pairs |= set(pairwise(chain))
    members = {}
    for answers, suffix in ((trust.crls, "crl"), (trust.ocsp, "ocsp")):
        for answer in answers:
            crls, ocsp = ((answer,), ()) if suffix == "crl" else ((), (answer,))
            parsed = ((certificate(subject), certificate(issuer)) for subject, issuer in pairs)
            if any(s and i and revocation.statements(s, i, crls, ocsp) for s, i in parsed):
                members[f"{REVOCATION}{sha256_of(answer)[:16]}.{suffix}"] = answer
    return members
