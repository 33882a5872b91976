"""Do the ledger lines of a package stand in its seals, and name its very files? Each disagreement by its member."""

import json
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from itertools import chain
from typing import Final

from pec_tracker.errors import LedgerError
from pec_tracker.ledger.acts import LedgerAct
from pec_tracker.ledger.heads import parse_head
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
    """Every seal and head is one, and each is tied to the newest seal."""
    seals: dict[int, tuple[str, SealFile]] = {}
    heads: dict[int, str] = {}
    for member, content in sources.under(LEDGER):
        name, _, kind = member.removeprefix(LEDGER).rpartition(".")
        if kind not in ("seal", "head"):
            continue
        try:
            if not name.isdecimal() or name != f"{int(name):08}":
                raise LedgerError("{member} has no number", member=member)
            if kind == "seal":
                seals[int(name)] = member, parse_seal(int(name), content)
            else:
                parse_head(int(name), content)
                heads[int(name)] = member
        except LedgerError:
            yield f"{kind}-malformed", member
    if not sources.seals():
        yield "seal-missing", LEDGER
    yield from _Chain(sources.members, seals, heads).disagreements()


class _Chain:
    """Walks from the newest seal to all that it commits to: by the seal before, and by heads."""

    def __init__(
        self, members: Mapping[str, bytes], seals: Mapping[int, tuple[str, SealFile]], heads: Mapping[int, str]
    ) -> None:
        self._members, self._seals, self._heads = members, seals, heads
        self._reached: set[str] = set()

    def disagreements(self) -> Iterator[Disagreement]:
        """Each member that says another hash than what it names has, or before which something is missing."""
        above: str | None = None
        for number in sorted(self._seals, reverse=True):
            member, _ = self._seals[number]
            if member not in self._reached:
                if above is not None:
                    yield "seal-chain-broken", above
                yield from self._walk(member, self._said_by_seal(number))
            above = member
        for member in self._heads.values():
            if member not in self._reached:
                yield "seal-chain-broken", member

    def _walk(self, member: str, said: Iterable[tuple[str | None, str, int]]) -> Iterator[Disagreement]:
        self._reached.add(member)
        waiting = [(member, *one) for one in said]
        while waiting:
            by, there, digest, number = waiting.pop()
            if there is None:
                continue
            if sha256(self._members[there]).hexdigest() != digest:
                yield "seal-chain-broken", by
            if there in self._reached:
                continue
            self._reached.add(there)
            if there.endswith(".seal"):
                waiting += [(there, *one) for one in self._said_by_seal(number)]
            else:
                of_seal, earlier = parse_head(number, self._members[there])
                waiting += [(there, self._seal(number), of_seal, number)]
                waiting += [(there, self._heads.get(one), told, one) for one, told in earlier.items()]

    def _said_by_seal(self, number: int) -> Iterator[tuple[str | None, str, int]]:
        """The members that a seal names, where they are here, with the SHA-256 that it says, and their numbers."""
        seal = self._seals[number][1]
        if seal.previous is not None:
            yield self._seal(number - 1), seal.previous, number - 1
        if seal.head is not None:
            yield self._heads.get(number - 1), seal.head, number - 1

    def _seal(self, number: int) -> str | None:
        found = self._seals.get(number)
        return None if found is None else found[0]


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
