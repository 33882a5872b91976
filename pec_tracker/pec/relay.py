"""What leaves of a message that another program composed? Its own bytes, under our Message-ID.

Receipts quote the Message-ID, so it must be one that nobody else gives out. The program's own stays beside it, for who
looks for the message there. Nothing else is rewritten: a signature over the content goes on holding.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Final

from pec_tracker.clock import ROME
from pec_tracker.pec import encode
from pec_tracker.pec.address import domain_of
from pec_tracker.pec.compose import X_TRACKER, Outgoing, message_id
from pec_tracker.pec.evidence import address_key, bare_id
from pec_tracker.pec.fields import decoded_text

X_CLIENT_ID: Final = "X-PEC-Tracker-Client-Message-ID"

# What was ours or a server's in an earlier life of the message says nothing of this one.
_DROPPED: Final = frozenset({b"message-id", b"return-path", X_TRACKER.lower().encode(), X_CLIENT_ID.lower().encode()})
_SAFE_ID: Final = re.compile(r"[\x21-\x7e]{1,900}")


@dataclass(frozen=True, slots=True)
class Handed:
    """A message as a program handed it over: the envelope, and the bytes between DATA and the final dot."""

    mail_from: str
    rcpt_to: tuple[str, ...]
    raw: bytes

    @property
    def client_id(self) -> str | None:
        """The Message-ID that the program gave it, without `<>`; None without one, or where it is none."""
        ids = [value for name, value in _fields(self.raw) if name == b"message-id"]
        found = bare_id(decoded_text(ids[0]).strip()) if ids else None
        return found if found is not None and _SAFE_ID.fullmatch(found) else None


def relayed(handed: Handed, *, tracker_id: str, now: datetime) -> Outgoing:
    """The message as it will leave: tagged, and dated where the program did not (RFC 6409 8.1, 8.2).

    `now` has a zone. What is wrong with the rest is for `rules.check` to say.
    """
    reference = message_id(tracker_id, domain=domain_of(handed.mail_from))
    head, _, body = handed.raw.partition(b"\r\n\r\n")
    kept = [field for name, field in _fields_of(head) if name not in _DROPPED]
    added = [encode.folded("Message-ID", [f"<{reference}>"]), encode.folded(X_TRACKER, [tracker_id])]
    if handed.client_id is not None:
        added.append(encode.folded(X_CLIENT_ID, [f"<{handed.client_id}>"]))
    if not any(name == b"date" for name, _ in _fields_of(head)):
        added.append(encode.folded("Date", [format_datetime(now.astimezone(ROME))]))
    raw = b"".join([*kept, *added, b"\r\n", body])
    return Outgoing(tracker_id, reference, handed.mail_from, _distinct(handed.rcpt_to), raw, now)


def one_each(handed: Handed) -> list[Handed]:
    """The same message as one letter for each recipient, which names nobody else (To; no Cc)."""
    head, _, body = handed.raw.partition(b"\r\n\r\n")
    kept = [field for name, field in _fields_of(head) if name not in (b"to", b"cc")]
    return [
        Handed(handed.mail_from, (one,), b"".join([*kept, encode.folded("To", [one]), b"\r\n", body]))
        for one in _distinct(handed.rcpt_to)
    ]


def _distinct(addresses: Sequence[str]) -> tuple[str, ...]:
    return tuple({address_key(address): address for address in reversed(addresses)}.values())[::-1]


def _fields(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The name of each field, in lower case, and its value."""
    for name, field in _fields_of(raw.partition(b"\r\n\r\n")[0]):
        yield name, field.partition(b":")[2]


def _fields_of(head: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The name of each field, in lower case, and all its lines with their ends. What is no field keeps its place."""
    for field in re.split(rb"\r\n(?![ \t])", head):
        if field:
            yield field.partition(b":")[0].strip().lower(), field + b"\r\n"
