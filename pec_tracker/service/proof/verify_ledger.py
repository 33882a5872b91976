"""Do the ledger lines of a package stand in its seals, and name its very files? Each disagreement by its member."""

import json
from collections.abc import Iterator
from hashlib import sha256
from itertools import chain
from typing import Final

from pec_tracker.errors import LedgerError
from pec_tracker.ledger.acts import LedgerAct
from pec_tracker.ledger.lines import decode
from pec_tracker.ledger.segments import SealFile, parse_seal
from pec_tracker.service.proof.sources import CERTIFICATES, LEDGER, RECORDS, REVOCATION, Sources

Disagreement = tuple[str, str]  # kind, member

_NAME_MAILS: Final = (LedgerAct.MAIL_ARCHIVED, LedgerAct.MESSAGE_QUEUED)
_NAME_RECORDS: Final = (LedgerAct.MAILBOX_KNOWN, LedgerAct.MESSAGE_QUEUED)


def ledger_findings(sources: Sources) -> Iterator[Disagreement]:
    """Everything about lines, seals and what they name that is not as it was sealed."""
    yield from _lines(sources)
    yield from _seals(sources)
    yield from _named(sources)
    yield from _names(sources)


def _lines(sources: Sources) -> Iterator[Disagreement]:
    """Each line is one, stands under its own id, and is listed by a seal with its SHA-256."""
    sealed = {entry.line_id: entry.sha256 for seal in sources.seals().values() for entry in seal.entries}
    for member, content in sources.under(LEDGER):
        if not member.endswith(".json"):
            continue
        line_id = member.removeprefix(LEDGER).removesuffix(".json")
        try:
            same = decode(content.decode("ascii")).id == line_id
        except (LedgerError, UnicodeDecodeError):
            same = False
        if not same or sealed.get(line_id) != sha256(content).hexdigest():
            yield "line-not-sealed", member


def _seals(sources: Sources) -> Iterator[Disagreement]:
    """Every seal is one, and begins with the hash of the one before; none between first and last is missing."""
    previous: SealFile | None = None
    for member, content in sources.under(LEDGER):
        if not member.endswith(".seal"):
            continue
        try:
            seal = parse_seal(int(member.removeprefix(LEDGER).removesuffix(".seal")), content)
        except LedgerError:
            yield "seal-malformed", member
            previous = None
            continue
        if previous is not None and (seal.number, seal.previous) != (previous.number + 1, previous.sha256):
            yield "seal-chain-broken", member
        previous = seal
    if not sources.seals():
        yield "seal-missing", LEDGER


def _named(sources: Sources) -> Iterator[Disagreement]:
    """Every mail and record is named by a sealed line; what a line says of the message is about this one."""
    lines = sources.lines()
    mails = {line.facts.get("mail") for line in lines.values() if line.act in _NAME_MAILS}
    records = {line.facts.get("record") for line in lines.values()}
    present = {member: sha256(raw).hexdigest() for member, raw in chain(sources.copies, sources.evidence)}
    for member, digest in present.items():
        if digest not in mails:
            yield "mail-not-in-ledger", member
    for member, content in sources.under(RECORDS):
        if sha256(content).hexdigest() not in records:
            yield "record-not-in-ledger", member
    digests = set(present.values())
    for member, line in lines.items():
        if line.act.startswith("message.") and line.facts.get("message") != sources.frame.key:
            yield "line-of-another-message", member
        if line.act in _NAME_MAILS and line.facts.get("mail") not in digests:
            yield "mail-missing", member
        if line.act in _NAME_RECORDS and not sources.record(line.facts.get("record")):
            yield "record-missing", member


def _names(sources: Sources) -> Iterator[Disagreement]:
    """What is named by its hash has it, and a record is JSON."""
    for member, content in sources.under(CERTIFICATES, REVOCATION, RECORDS):
        name = member.rpartition("/")[2].partition(".")[0]
        if not sha256(content).hexdigest().startswith(name):
            yield "name-is-not-hash", member
        elif member.startswith(RECORDS) and not _is_json(content):
            yield "record-unreadable", member


def _is_json(content: bytes) -> bool:
    try:
        return isinstance(json.loads(content), dict)
    except ValueError:
        return False
