"""What do the outer headers of a mail say? Nothing protects them: they are hints, never evidence."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from pec_tracker.pec import fields, mime
from pec_tracker.pec.evidence import bare_id
from pec_tracker.pec.fields import Fields

# A mail with more addresses is not read further: no provider takes more than 500 recipients, and each costs rows.
MAX_ADDRESSES: Final = 2_000
MAX_SHOWN: Final = 100  # of those, for the list of what could not be read


@dataclass(frozen=True, slots=True)
class Headers:
    """The outer headers that matter. Unprotected by any signature: hints, never evidence. Ids have no `<>`."""

    message_id: str | None
    subject: str | None
    date: datetime | None
    from_addresses: tuple[str, ...]
    to_addresses: tuple[str, ...]
    cc_addresses: tuple[str, ...]
    reference: str | None  # X-Riferimento-Message-ID
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    ricevuta: str | None  # X-Ricevuta
    trasporto: str | None  # X-Trasporto
    receipt_form: str | None  # X-TipoRicevuta
    tracker_id: str | None  # X-PEC-Tracker
    rem_subject: str | None  # X-REM-Subject


def headers_of(raw: bytes) -> Headers | None:
    """The headers of a mail, of an enclosed original too; None where it has none."""
    found = mime.entity(raw).fields
    return headers_in(found) if found.any else None


@dataclass(frozen=True, slots=True)
class Ids:
    """The ids in a mail's header, without `<>`: its own, and those of what it is about or answers."""

    message_id: str | None
    reference: str | None  # X-Riferimento-Message-ID
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]


def ids_of(raw: bytes) -> Ids:
    """The ids alone: an original may name hundreds of addresses, and each of its receipts encloses it."""
    found = mime.entity(raw).fields
    return Ids(
        message_id=bare_id(found.text(b"message-id")),
        reference=bare_id(found.text(b"x-riferimento-message-id")),
        in_reply_to=fields.ids(found.all(b"in-reply-to")),
        references=fields.ids(found.all(b"references")),
    )


def address_count(headers: Headers) -> int:
    """How many addresses a mail names."""
    return len(headers.from_addresses) + len(headers.to_addresses) + len(headers.cc_addresses)


def within_budget(headers: Headers) -> Headers:
    """Without the addresses that nobody will read."""
    return replace(
        headers,
        from_addresses=headers.from_addresses[:MAX_SHOWN],
        to_addresses=headers.to_addresses[:MAX_SHOWN],
        cc_addresses=headers.cc_addresses[:MAX_SHOWN],
    )


def headers_in(found: Fields) -> Headers:
    """The headers that matter among all fields."""
    return Headers(
        message_id=bare_id(found.text(b"message-id")),
        subject=found.text(b"subject"),
        date=fields.date(found.first(b"date")),
        from_addresses=fields.addresses(found.all(b"from")),
        to_addresses=fields.addresses(found.all(b"to")),
        cc_addresses=fields.addresses(found.all(b"cc")),
        reference=bare_id(found.text(b"x-riferimento-message-id")),
        in_reply_to=fields.ids(found.all(b"in-reply-to")),
        references=fields.ids(found.all(b"references")),
        ricevuta=found.token(b"x-ricevuta"),
        trasporto=found.token(b"x-trasporto"),
        receipt_form=found.token(b"x-tiporicevuta"),
        tracker_id=bare_id(found.text(b"x-pec-tracker")),
        rem_subject=found.text(b"x-rem-subject"),
    )
