"""What do other readers say of a mail? The standard library's mail and XML parsers, read as a plain program would.

Nothing here is shared with the code under test. A reader may take the first of two elements or the last: both are
asked, and where they differ the mail says two things.
"""

import email
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses
from xml.etree import ElementTree

FIELDS = {
    "tipo": "@tipo",
    "sender": "intestazione/mittente",
    "recipient": "dati/consegna",
    "day": "dati/data/giorno",
    "hour": "dati/data/ora",
    "zone": "dati/data@zona",
    "identifier": "dati/identificativo",
    "reference": "dati/msgid",
    "form": "dati/ricevuta@tipo",
}


@dataclass(frozen=True, slots=True)
class Said:
    """What one reading says: who, to whom, when, about what; None where it finds nothing. `recipients` as listed."""

    tipo: str | None
    sender: str | None
    recipient: str | None
    day: str | None
    hour: str | None
    zone: str | None
    identifier: str | None
    reference: str | None
    form: str | None
    recipients: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Letter:
    """What a person reads in a message: its header, and each part with its type, charset, name and decoded bytes."""

    header: tuple[tuple[str, str], ...]
    parts: tuple[tuple[str, str, str, bytes], ...]


def said(raw: bytes) -> set[Said | None]:
    """Every reading of a receipt's certification data; None for one that finds none that it can read."""
    readings: set[Said | None] = set()
    for xml in _daticerts(raw):
        try:
            root = ElementTree.fromstring(xml)
        except (ElementTree.ParseError, ValueError, LookupError):
            readings.add(None)
            continue
        readings |= {_said(root, place) for place in (0, -1)}
    return readings or {None}


def _daticerts(raw: bytes) -> Iterator[bytes]:
    """The direct parts of the signed content that are certification data by either of their names."""
    for part in _direct_parts(raw):
        names = {part.get_filename(), part.get_param("name", header="content-type")}
        if any(isinstance(name, str) and name.lower() == "daticert.xml" for name in names):
            payload = part.get_payload(decode=True)
            yield payload if isinstance(payload, bytes) else b""


def _direct_parts(raw: bytes) -> list["Message[str, str]"]:
    signed = email.message_from_bytes(raw)
    parts = signed.get_payload()
    if signed.get_content_type() != "multipart/signed" or not isinstance(parts, list) or not parts:
        return []
    inside = parts[0].get_payload() if isinstance(parts[0], Message) else ""
    return [one for one in inside if isinstance(one, Message)] if isinstance(inside, list) else []


def _said(root: ElementTree.Element, place: int) -> Said:
    found = {name: _value(root, path, place) for name, path in FIELDS.items()}
    listed = root.findall("intestazione/destinatari")
    recipients = tuple((_text(one) or "", one.get("tipo", "certificato")) for one in listed)
    return Said(**found, recipients=recipients)


def _value(root: ElementTree.Element, path: str, place: int) -> str | None:
    where, _, attribute = path.partition("@")
    elements = root.findall(where) if where else [root]
    if not elements:
        return None
    return (elements[place].get(attribute) or None) if attribute else _text(elements[place])


def _text(element: ElementTree.Element) -> str | None:
    return (element.text or "").strip() or None


def letter_inside(raw: bytes) -> Letter | None:
    """The message that a receipt encloses, as the standard library finds and reads it; None without one."""
    for part in _direct_parts(raw):
        if part.get_content_type() == "message/rfc822":
            inside = part.get_payload()
            if isinstance(inside, list) and inside and isinstance(inside[0], Message):
                return letter(inside[0].as_bytes())
    return None


def letter(raw: bytes) -> Letter:
    """A message as the standard library reads it."""
    message = email.message_from_bytes(raw)
    names = ("From", "To", "Cc", "Subject")
    header = tuple((name, _decoded(value)) for name in names for value in message.get_all(name, []))
    return Letter(header, tuple(_part(part) for part in message.walk() if not part.is_multipart()))


def _part(part: "Message[str, str]") -> tuple[str, str, str, bytes]:
    payload = part.get_payload(decode=True)
    content = payload.rstrip(b"\r\n").replace(b"\r\n", b"\n") if isinstance(payload, bytes) else b""
    charset = part.get_param("charset", "")
    return part.get_content_type(), str(charset).lower(), part.get_filename() or "", content


def _decoded(value: object) -> str:
    try:
        text = str(make_header(decode_header(str(value))))
    except (ValueError, LookupError):
        text = str(value)
    return " ".join(text.split())


def senders(raw: bytes) -> list[str]:
    """The addresses in all From fields."""
    message = email.message_from_bytes(raw)
    return [address for _, address in getaddresses([str(one) for one in message.get_all("from", [])]) if address]


def bare(identifier: str | None) -> str | None:
    """An identifier without blanks and angle brackets."""
    return re.sub(r"\A<(.*)>\Z", r"\1", "".join((identifier or "").split())) or None
