"""What does the provider certify? The facts of one daticert.xml, and the XML itself (RFC 6109 4.4).

Written as providers write it (seen: Aruba 2026): UTF-8, no DOCTYPE, four blanks of indentation, `zona` as +0200, the
identifier without brackets and the client's Message-ID with them.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from xml.sax.saxutils import escape, quoteattr

from pec_tracker.clock import ROME
from pec_tracker.pec.standard import Errore, ReceiptForm, RecipientType, Tipo

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, 2.2


class Role(StrEnum):
    """In which header the sender named a recipient."""

    TO = "to"
    CC = "cc"


@dataclass(frozen=True, slots=True)
class Recipient:
    """One recipient, as in RCPT TO; external recipients have ordinary mail."""

    address: str
    role: Role = Role.TO
    type: RecipientType = RecipientType.CERTIFIED


@dataclass(frozen=True, slots=True)
class Certification:
    """The facts of one daticert.xml. `identifier` and `reference` without brackets; absent elements are None."""

    tipo: Tipo
    sender: str
    recipients: tuple[Recipient, ...]
    replies: str
    subject: str | None
    provider: str
    issued_at: datetime
    identifier: str
    reference: str | None = None
    errore: Errore = Errore.NESSUNO
    form: ReceiptForm | None = None
    recipient: str | None = None  # `consegna`
    taken_for: tuple[str, ...] = ()  # `ricezione`
    detail: str | None = None  # `errore-esteso`

    def xml(self) -> bytes:
        """daticert.xml, UTF-8."""
        lines = (
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<postacert tipo="{self.tipo}" errore="{self.errore}">',
            "    <intestazione>",
            *(f"        {line}" for line in self._header_lines()),
            "    </intestazione>",
            "    <dati>",
            *(f"        {line}" for line in self._fact_lines()),
            "    </dati>",
            "</postacert>",
            "\r\n",  # the file ends with LF CR LF (seen: Aruba 2026)
        )
        return "\n".join(lines).encode("utf-8")

    def _header_lines(self) -> list[str]:
        recipients = [_element("destinatari", one.address, tipo=one.type) for one in self.recipients]
        subject = [] if self.subject is None else [_element("oggetto", self.subject)]
        return [_element("mittente", self.sender), *recipients, _element("risposte", self.replies), *subject]

    def _fact_lines(self) -> list[str]:
        local = self.issued_at.astimezone(ROME)
        lines = [
            _element("gestore-emittente", self.provider),
            f'<data zona="{local:%z}">',
            f"    <giorno>{local:%d/%m/%Y}</giorno>",
            f"    <ora>{local:%H:%M:%S}</ora>",
            "</data>",
            _element("identificativo", self.identifier),
        ]
        if self.reference is not None:
            lines.append(_element("msgid", f"<{self.reference}>"))
        if self.form is not None:
            lines.append(f'<ricevuta tipo="{self.form}"/>')
        if self.recipient is not None:
            lines.append(_element("consegna", self.recipient))
        lines += [_element("ricezione", address) for address in self.taken_for]
        if self.detail is not None:
            lines.append(_element("errore-esteso", self.detail))
        return lines


def _element(name: str, text: str, *, tipo: str | None = None) -> str:
    attribute = f" tipo={quoteattr(tipo)}" if tipo else ""
    return f"<{name}{attribute}>{_xml_text(text)}</{name}>"


def _xml_text(text: str) -> str:
    """*text* escaped; characters that XML cannot hold are left out, a CR is kept from being read as LF."""
    return escape(_NOT_XML.sub("", text), {"\r": "&#13;"})
