"""May this message leave? The access point's formal checks (RFC 6109 3.1.1), and what it answers when not.

What a provider refuses in the SMTP dialogue itself (another's address as sender, far too large, login) is in `smtp`;
what it takes and then answers with a non-acceptance is here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pec_tracker.sandbox.original import Letter

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


@dataclass(frozen=True, slots=True)
class Limits:
    """What the provider takes. Recipients and product as Aruba's; the rest is a plain SMTP error (RFC 6109 3.1.2)."""

    recipients: int = 500
    bytes_times_recipients: int = 100 * 1024**2
    message_bytes: int = 120 * 1024**2


@dataclass(frozen=True, slots=True)
class Objection:
    """One failed check, in both languages."""

    italian: str
    english: str


def objections(letter: Letter, *, mail_from: str, rcpt_to: Sequence[str], limits: Limits) -> list[Objection]:
    """Every formal fault of *letter* under this SMTP envelope; none means that it is accepted."""
    return [
        *_sender(letter, mail_from),
        *_recipients(letter, rcpt_to),
        *_hidden_recipients(letter),
        *_size(letter, len(rcpt_to), limits),
    ]


def valid_address(address: str) -> bool:
    """ASCII, one local part, a domain with a dot: what PEC addresses are made of."""
    return _ADDRESS.fullmatch(address) is not None


def _sender(letter: Letter, mail_from: str) -> list[Objection]:
    addresses = letter.addresses("From")
    if len(letter.named("From")) != 1 or len(addresses) != 1:
        return [Objection("il campo From non contiene un solo indirizzo", "From does not hold one single address")]
    if addresses[0].lower() != mail_from.lower():
        return [Objection("il mittente della busta SMTP non coincide con il campo From", "MAIL FROM differs from From")]
    return []


def _recipients(letter: Letter, rcpt_to: Sequence[str]) -> list[Objection]:
    to, named = letter.addresses("To"), letter.addresses("To", "Cc")
    if not to:
        return [Objection("il campo To non contiene alcun indirizzo", "To holds no address")]
    if not all(map(valid_address, named)):
        return [Objection("un destinatario non ha un indirizzo valido", "a recipient's address is not valid")]
    if {one.lower() for one in named} != {one.lower() for one in rcpt_to}:
        return [
            Objection(
                "i destinatari della busta SMTP non coincidono con i campi To e Cc", "RCPT TO differs from To and Cc"
            )
        ]
    return []


def _hidden_recipients(letter: Letter) -> list[Objection]:
    if not letter.addresses("Bcc"):
        return []
    return [Objection("il campo Bcc (destinatari in copia nascosta) non è ammesso", "Bcc is not allowed")]


def _size(letter: Letter, recipients: int, limits: Limits) -> list[Objection]:
    if len(letter.raw) * max(recipients, 1) <= limits.bytes_times_recipients:
        return []
    limit = limits.bytes_times_recipients // 1024**2
    return [
        Objection(
            f"la dimensione per il numero dei destinatari supera il limite di {limit} MB",
            f"size times recipients exceeds the limit of {limit} MB",
        )
    ]
