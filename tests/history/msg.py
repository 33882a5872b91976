"""What does Outlook make of a mail? Item files (.msg) laid out as [MS-OXMSG] says, for tests: no real mail in them.

msg("IPM.Note", subject="Prova", body="Ciao", sender="a@pec.example", to=["b@pec.example"])
signed(receipts.receipt("accettazione"))          # as Outlook files a mail that it received signed
msg("IPM.Note", attachments=[by_value("ricevuta.eml", raw), embedded(item("IPM.Note", subject="In un altro"))])
"""

import re
import struct
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tests.history.compound import Tree, compound

TEXT, TEXT8, BINARY, INTEGER, TIME = 0x001F, 0x001E, 0x0102, 0x0003, 0x0040
FIXED = "__properties_version1.0"
AT = datetime(2026, 3, 2, 9, 15, 30, tzinfo=UTC)
_HEADERS = {"file": 32, "embedded": 24, "part": 8}


def msg(item_class: str, **properties: Any) -> bytes:
    """A .msg of this class; see `item`."""
    return compound(item(item_class, place="file", **properties))


def signed(raw: bytes, *, item_class: str = "IPM.Note.SMIME.MultipartSigned", **changes: Any) -> bytes:
    """A clear-signed mail as Outlook files it: the transport headers, and the whole signed entity as an attachment."""
    header, _, body = raw.partition(b"\r\n\r\n")
    content_fields = re.findall(rb"(?im)^content-type:[^\r\n]*(?:\r\n[ \t][^\r\n]*)*", header)
    entity = changes.pop("entity", content_fields[0] + b"\r\n\r\n" + body)
    headers = changes.pop("headers", header.decode("latin-1") + "\r\n\r\n")
    whole = by_value("smime.p7m", entity, mime="multipart/signed")
    return msg(item_class, headers=headers, attachments=[whole], **changes)


def item(
    item_class: str,
    *,
    place: str = "embedded",
    subject: str | None = None,
    body: str | None = None,
    html: bytes | None = None,
    headers: str | None = None,
    sender: str | None = None,
    sender_name: str | None = None,
    to: Sequence[str] = (),
    cc: Sequence[str] = (),
    reference: str | None = None,
    codepage: int | None = None,
    attachments: Sequence[Tree] = (),
) -> Tree:
    """The storage of an item. With a *codepage* its texts are 8-bit, as old Outlooks wrote them."""
    texts = {0x001A: item_class, 0x0037: subject, 0x007D: headers, 0x1000: body, 0x1035: reference}
    texts |= {0x0C1A: sender_name, 0x0C1F: "/O=EXCHANGE/CN=RECIPIENTS/CN=x" if sender else None, 0x5D01: sender}
    numbers = {0x3FFD: codepage or 1252, 0x3FDE: 65001}
    tree = dict(_properties(texts, binary={0x1013: html}, numbers=numbers, place=place, codepage=codepage))
    people = [(1, address) for address in to] + [(2, address) for address in cc]
    for number, (kind, address) in enumerate(people):
        told = {0x3001: address.partition("@")[0].title(), 0x39FE: address}
        tree[f"__recip_version1.0_#{number:08X}"] = _properties(told, numbers={0x0C15: kind}, place="part")
    for number, attachment in enumerate(attachments):
        tree[f"__attach_version1.0_#{number:08X}"] = attachment
    return tree


def by_value(name: str, content: bytes, *, mime: str | None = None) -> Tree:
    """An attached file."""
    return _properties({0x3707: name, 0x370E: mime}, binary={0x3701: content}, numbers={0x3705: 1}, place="part")


def embedded(inner: Tree, *, name: str = "Elemento") -> Tree:
    """An attached Outlook item."""
    return {**_properties({0x3001: name}, numbers={0x3705: 5}, place="part"), "__substg1.0_3701000D": inner}


def _properties(
    texts: Mapping[int, str | None],
    *,
    binary: Mapping[int, bytes | None] | None = None,
    numbers: Mapping[int, int] | None = None,
    place: str,
    codepage: int | None = None,
) -> Tree:
    streams: dict[str, bytes | Tree] = {}
    entries = []
    kind = TEXT if codepage is None else TEXT8
    for tag, text in texts.items():
        if text is not None:
            written = text.encode("utf-16-le") if codepage is None else text.encode(f"cp{codepage}", "replace")
            streams[f"__substg1.0_{tag:04X}{kind:04X}"] = written
            entries.append(struct.pack("<HHIII", kind, tag, 6, len(written) + 2, 0))
    for tag, content in (binary or {}).items():
        if content is not None:
            streams[f"__substg1.0_{tag:04X}{BINARY:04X}"] = content
            entries.append(struct.pack("<HHIII", BINARY, tag, 6, len(content), 0))
    entries += [struct.pack("<HHIiI", INTEGER, tag, 6, number, 0) for tag, number in (numbers or {}).items()]
    if place != "part":
        passed = int((AT - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) * 10_000_000
        entries.append(struct.pack("<HHIQ", TIME, 0x0039, 6, passed))
    streams[FIXED] = bytes(_HEADERS[place]) + b"".join(entries)
    return streams
