"""To which message does an arriving mail belong? Found by its keys; made where trusted evidence shows one.

Which message a mail is given may not depend on what came before it. So composed messages, which are there before
anything about them can come, are looked for by every reference; all others by the first alone; and the provider's
identifier counts only for a mail that names no reference. What comes before its message waits (see `waiting`).
"""

import hashlib
from base64 import b32encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from pec_tracker.db.base import table
from pec_tracker.db.chunks import chunks
from pec_tracker.db.tables import Message
from pec_tracker.pec.evidence import Verdict
from pec_tracker.pec.folding import fold
from pec_tracker.pec.link import reference_key, same_address
from pec_tracker.pec.roles import MailRole, MessageOrigin
from pec_tracker.pec.sending import SendState
from pec_tracker.pec.states import State
from pec_tracker.pec.traits import TRAITS, About
from pec_tracker.service.intake.study import Studied


@dataclass(frozen=True, slots=True)
class Place:
    """Where arrivals come from: the mailbox, how they came, and the ledger's name of each folder."""

    mailbox_id: int
    mailbox_key: str
    owner: str | None  # the mailbox's address; None: whoever sent it (imports without a mailbox)
    origin: str  # collected, imported
    folder_records: Mapping[int, str]
    noted: bool = True  # write ledger lines; a rebuild replays those that are there


@dataclass(frozen=True, slots=True)
class Role:
    """What a mail is to which message: `evidence`, `sent-copy`, `waiting` for its message, or nothing (yet)."""

    name: str | None
    message_id: int | None


@dataclass(frozen=True, slots=True)
class _Home:
    """The role of a mail, and its message by the key that the row has or will have."""

    role: str | None
    key: str | None = None


class Links:
    """The messages that a batch speaks of: loaded in one go, made in one go where they are missing."""

    def __init__(self, connection: Connection, place: Place, *, now: datetime) -> None:
        self._connection = connection
        self._place = place
        self._now = now
        self._ids: dict[str, int] = {}  # by the message's key
        self._composed: set[str] = set()
        self._by_reference: dict[str, str] = {}
        self._by_identifier: dict[str, str] = {}
        self.made: set[int] = set()

    def roles(self, studied: Sequence[Studied]) -> list[Role]:
        """What each mail is to which message; messages are made where there is none and there should be."""
        self._load(studied)
        new: dict[str, dict[str, Any]] = {}
        homes = [self._home(item, new) for item in studied]
        self._insert(new)
        return [Role(home.role, self._ids[home.key] if home.key is not None else None) for home in homes]

    def _load(self, studied: Sequence[Studied]) -> None:
        references = {reference_key(text) for item in studied for text in item.references}
        references |= {reference_key(item.copy.reference) for item in studied if item.copy and item.copy.reference}
        identifiers = {item.identifier for item in studied if item.identifier}
        columns = select(Message.id, Message.key, Message.origin, Message.reference_key, Message.identifier).where(
            Message.mailbox_id == self._place.mailbox_id
        )
        for some in chunks(sorted(references)):
            self._remember(self._connection.execute(columns.where(Message.reference_key.in_(some))))
        for some in chunks(sorted(identifiers)):
            self._remember(self._connection.execute(columns.where(Message.identifier.in_(some))))

    def _remember(self, rows: Iterable[Row[*tuple[Any, ...]]]) -> None:
        for row in rows:
            self._ids[row.key] = row.id
            if row.origin == MessageOrigin.COMPOSED:
                self._composed.add(row.key)
            if row.reference_key:
                self._by_reference[row.reference_key] = row.key
            if row.identifier:
                self._by_identifier[row.identifier] = row.key

    def _home(self, item: Studied, new: dict[str, dict[str, Any]]) -> _Home:
        if item.copy is not None and self._place.owner is not None:
            reference = item.copy.reference
            known = self._by_reference.get(reference_key(reference)) if reference else None
            return _Home(MailRole.SENT_COPY, known or self._new(new, item, reference=reference, identifier=None))
        if not self._is_about_sent_mail(item):
            return _Home(None)
        key = self._find(item)
        if key is None and self._shows_message(item):
            first = item.references[0] if item.references else None
            key = self._new(new, item, reference=first, identifier=None if first else item.identifier)
        return _Home(MailRole.EVIDENCE if key else MailRole.WAITING, key)

    def _find(self, item: Studied) -> str | None:
        named = [self._by_reference.get(reference_key(reference)) for reference in item.references]
        composed = next((key for key in named if key in self._composed), None)
        if composed is not None or named:
            return composed or named[0]
        return self._by_identifier.get(item.identifier) if item.identifier else None

    def _is_about_sent_mail(self, item: Studied) -> bool:
        """Receipts and whatever claims to be one; an envelope only where we sent it ourselves."""
        if item.evidence is None:
            return False
        if TRAITS[item.mail.kind].about_sent_mail or item.claims_receipt:
            return True
        return TRAITS[item.mail.kind].envelope and same_address(item.mail.sender, self._place.owner)

    def _shows_message(self, item: Studied) -> bool:
        """Only a trusted receipt to our own address shows a message that we did not know of: by its reference, or by
        the identifier that the sender's own provider gave, where what answers the submission names no reference: then
        no mail about the same message will."""
        evidence = item.evidence
        return (
            evidence is not None
            and TRAITS[item.mail.kind].certifies
            and evidence.verdict is Verdict.TRUSTED
            and bool(item.references or (item.identifier and TRAITS[item.mail.kind].about is About.ALL))
            and (self._place.owner is None or same_address(evidence.sender, self._place.owner))
        )

    def _new(
        self, new: dict[str, dict[str, Any]], item: Studied, *, reference: str | None, identifier: str | None
    ) -> str:
        """Plan a found message, known from now on; what its evidence and copies say of it is written when they are."""
        if reference:
            name = reference_key(reference)
        else:
            name = f"identifier {identifier}" if identifier else f"copy {item.sha256}"
        key = found_key(self._place.mailbox_key, name)
        subject = item.mail.subject
        new[key] = {
            "mailbox_id": self._place.mailbox_id,
            "key": key,
            "origin": MessageOrigin.FOUND,
            "reference": reference,
            "reference_key": reference_key(reference) if reference else None,
            "identifier": identifier,
            "sender": item.mail.sender,
            "subject": subject,
            "subject_key": fold(subject or ""),
            "state": State.AWAITING_ACCEPTANCE.value,
            "send_state": SendState.SUBMITTED.value,
            "created_at": self._now,
            "last_at": self._now,
            "attempts": 0,
        }
        if reference:
            self._by_reference[reference_key(reference)] = key
        if identifier:
            self._by_identifier[identifier] = key
        return key

    def _insert(self, new: Mapping[str, Mapping[str, Any]]) -> None:
        if not new:
            return
        self._connection.execute(insert(table(Message)), list(new.values()))
        for some in chunks(list(new)):
            for row in self._connection.execute(select(Message.key, Message.id).where(Message.key.in_(some))):
                self._ids[row.key] = row.id
                self.made.add(row.id)


def found_key(mailbox_key: str, name: str) -> str:
    """The key of a message that we did not compose: the same from the same reference, however often it is made."""
    digest = hashlib.sha256(f"{mailbox_key} {name}".encode()).digest()
    return "f" + b32encode(digest).decode().lower()[:25]
