"""To which message does an arriving mail belong? Found by its keys (`pec.link.home`); made where trusted evidence shows
one. What comes before its message waits (see `link_late`).
"""

import hashlib
from base64 import b32encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from pec_tracker.db.base import table
from pec_tracker.db.chunks import chunks
from pec_tracker.db.tables import Evidence, Mail, Message
from pec_tracker.pec.evidence import Verdict
from pec_tracker.pec.folding import fold
from pec_tracker.pec.link import Home, KnownMessages, MessageKeys, Ties, home, reference_key, same_address
from pec_tracker.pec.roles import MailRole, MessageOrigin
from pec_tracker.pec.sending import SendState
from pec_tracker.pec.states import State
from pec_tracker.pec.traits import TRAITS, About
from pec_tracker.service.intake.study import Studied

# Of a message, whichever mail asks for it; the key is the name that stays when the database is made again.
MESSAGE_KEYS = (
    Message.key.label("name"),
    Message.origin.label("origin"),
    Message.reference_key.label("reference"),
    Message.identifier.label("identifier"),
)


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

    name: MailRole | None
    message_id: int | None


class Links:
    """The messages that a batch speaks of: loaded in one go, made in one go where they are missing."""

    def __init__(self, connection: Connection, place: Place, *, now: datetime) -> None:
        self._connection = connection
        self._place = place
        self._now = now
        self._ids: dict[str, int] = {}  # by the message's key, which is its name among the known
        self._known = KnownMessages()
        self.made: set[int] = set()

    def roles(self, studied: Sequence[Studied]) -> list[Role]:
        """What each mail is to which message; messages are made where there is none and there should be."""
        self._load(studied)
        new: dict[str, dict[str, Any]] = {}
        homes = [self._home(item, new) for item in studied]
        self._insert(new)
        return [Role(home.role, self._ids[home.message] if home.message is not None else None) for home in homes]

    def _load(self, studied: Sequence[Studied]) -> None:
        references = {reference_key(text) for item in studied for text in item.references}
        references |= {reference_key(item.copy.reference) for item in studied if item.copy and item.copy.reference}
        identifiers = {item.identifier for item in studied if item.identifier}
        columns = select(Message.id, *MESSAGE_KEYS).where(Message.mailbox_id == self._place.mailbox_id)
        for some in chunks(sorted(references)):
            self._remember(self._connection.execute(columns.where(Message.reference_key.in_(some))))
        for some in chunks(sorted(identifiers)):
            self._remember(self._connection.execute(columns.where(Message.identifier.in_(some))))

    def _remember(self, rows: Iterable[Row[*tuple[Any, ...]]]) -> None:
        for row in rows:
            self._ids[row.name] = row.id
            self._known.add(message_keys(row))

    def _home(self, item: Studied, new: dict[str, dict[str, Any]]) -> Home:
        """By its keys; or in a message that is new. What it answers is looked for when it has its row (`link_late`)."""
        owned = item.copy if self._place.owner is not None else None
        ties = Ties(
            copy_of=owned.reference if owned else None,
            is_evidence=owned is None and self._is_about_sent_mail(item),
            references=item.references,
            identifier=item.identifier,
        )
        found = home(ties, self._known)
        if found.message is not None:
            return found
        if owned is not None:
            return Home(MailRole.SENT_COPY, self._new(new, item, reference=owned.reference, identifier=None))
        if found.role is MailRole.WAITING and self._shows_message(item):
            first = item.references[0] if item.references else None
            name = self._new(new, item, reference=first, identifier=None if first else item.identifier)
            return Home(MailRole.EVIDENCE, name)
        return found

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
        self._known.add(MessageKeys(key, composed=False, reference=reference, identifier=identifier))
        return key

    def _insert(self, new: Mapping[str, Mapping[str, Any]]) -> None:
        if not new:
            return
        self._connection.execute(insert(table(Message)), list(new.values()))
        for some in chunks(list(new)):
            for row in self._connection.execute(select(Message.key, Message.id).where(Message.key.in_(some))):
                self._ids[row.key] = row.id
                self.made.add(row.id)


def message_keys(row: Row[*tuple[Any, ...]]) -> MessageKeys:
    """The keys of a message, from a row with the columns MESSAGE_KEYS."""
    composed = row.origin == MessageOrigin.COMPOSED
    return MessageKeys(row.name, composed=composed, reference=row.reference, identifier=row.identifier)


def attach(connection: Connection, roles: Mapping[int, Role]) -> None:
    """Give mails that are there (by row id) another role and message; what they certify goes with them."""
    rows = [
        {"of_mail": mail_id, "new_role": role.name, "new_message": role.message_id}
        for mail_id, role in roles.items()
        if role.name is not None
    ]
    if rows:
        changed = update(table(Mail)).where(Mail.id == bindparam("of_mail"))
        connection.execute(changed.values(role=bindparam("new_role"), message_id=bindparam("new_message")), rows)
    certified = [row for row in rows if row["new_role"] == MailRole.EVIDENCE]
    if certified:
        linked = update(table(Evidence)).where(Evidence.mail_id == bindparam("of_mail"))
        connection.execute(
            linked.values(message_id=bindparam("new_message")),
            [{name: row[name] for name in ("of_mail", "new_message")} for row in certified],
        )


def found_key(mailbox_key: str, name: str) -> str:
    """The key of a message that we did not compose: the same from the same reference, however often it is made."""
    digest = hashlib.sha256(f"{mailbox_key} {name}".encode()).digest()
    return "f" + b32encode(digest).decode().lower()[:25]
