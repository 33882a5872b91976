"""What does a daticert.xml say? Certification data from XML (RFC 6109 4.4), tolerant and safe.

Tolerant: stray text, comments, missing elements and attributes, other encodings; each departure is a named warning.
Safe: no document type, no entities, no network, at most 2 MB.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from typing import Final

from lxml import etree

from pec_tracker.pec import grammar
from pec_tracker.pec.evidence import CertifiedRecipient, bare_id, certified_recipients
from pec_tracker.pec.standard import Errore, RecipientType

MAX_SIZE: Final = 2 * 1024 * 1024
MAX_RECIPIENTS: Final = 1_000  # twice as many as any provider takes

ROOT: Final = "postacert"

# The code that opens errore-esteso: "5.1.1 - Gestore - testo", or with commas (seen: 5.5.1).
_ERROR_CODE = re.compile(r"\s*([0-9]\.[0-9]{1,3}\.[0-9]{1,3})(?!\.?[0-9])")
_DAY = re.compile(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})")
_TIME = re.compile(r"([0-9]{1,2})[:.]([0-9]{2})(?:[:.]([0-9]{2}))?")
_ZONE = re.compile(r"([+-])([0-9]{2})[:,.]?([0-9]{2})")
_PADDING: Final = b" \t\r\n\x00"
_DECLARED: Final = re.compile(rb"encoding\s*=\s*[\"']([A-Za-z0-9._-]+)")
_DECLARATION: Final = 6  # it begins before, behind a byte order mark
_COMMENT: Final = re.compile(rb"<\x00?(?:!\x00?-|\?)")  # or an instruction; in UTF-16 too


class Refusal(StrEnum):
    """Why bytes are no certification data: the name of the warning that a mail gets."""

    TOO_LARGE = "daticert-too-large"
    NOT_XML = "daticert-not-xml"  # not well-formed, or truncated
    DOCTYPE = "daticert-doctype"  # a document type never appears on the wire: entities, external files
    NOT_POSTACERT = "daticert-other-root"
    NO_TIPO = "daticert-without-tipo"
    NO_IDENTIFIERS = "daticert-without-identifiers"  # neither identificativo nor msgid: it is about no message


@dataclass(frozen=True, slots=True)
class Daticert:
    """The certification data as the provider wrote it; DTD defaults applied; absent is None.

    `issued_at` carries the provider's own offset; None where date or zone cannot be read (`issued_text` has the words).
    `faults` are stable names of departures from the grammar after which nothing is certified: see `Evidence.faults`.
    """

    tipo: str
    error: str
    error_code: str | None
    error_detail: str | None
    sender: str | None
    recipients: tuple[CertifiedRecipient, ...]
    replies: str | None
    subject: str | None
    provider: str | None
    issued_at: datetime | None
    issued_text: str | None
    identifier: str | None
    reference: str | None
    receipt_form: str | None
    recipient: str | None
    taken_by: tuple[str, ...]  # `ricezione`
    warnings: tuple[str, ...]
    faults: tuple[str, ...] = ()


def parse(xml: bytes) -> Daticert | None:
    """The certification data; None where the bytes are none (`examine` says why). Never raises."""
    found = examine(xml)
    return found if isinstance(found, Daticert) else None


def examine(xml: bytes) -> Daticert | Refusal:
    """The certification data, or why the bytes are none.

    Mandatory are `tipo` and one of `identificativo` and `msgid`: all else may be missing.
    """
    warnings: list[str] = []
    root = _root(xml, warnings)
    if isinstance(root, Refusal):
        return root
    tipo = _blank_is_none(root.get("tipo"))
    if tipo is None:
        return Refusal.NO_TIPO
    header = _Section(root, "intestazione", warnings)
    facts = _Section(root, "dati", warnings)
    identifier = bare_id(facts.text("identificativo"))
    reference = _reference(facts.text("msgid"))
    if identifier is None and reference is None:
        return Refusal.NO_IDENTIFIERS
    detail = facts.text("errore-esteso")
    issued_at, issued_text = _issued(facts.one("data"), warnings)
    sender = header.text("mittente")
    faults = [*grammar.faults(root), *_document_faults(xml, root, odd="daticert-encoding" in warnings)]
    if issued_at is None:
        faults.append("daticert-without-time")
    if sender is None:
        faults.append("daticert-without-sender")
    if len(header.all("destinatari")) > MAX_RECIPIENTS:
        faults.append("daticert-too-many-recipients")
    return Daticert(
        tipo=tipo,
        error=_error(root, warnings),
        error_code=error_code(detail),
        error_detail=detail,
        sender=sender,
        recipients=_recipients(header),
        replies=header.text("risposte"),
        subject=_subject(header.one("oggetto")),
        provider=facts.text("gestore-emittente"),
        issued_at=issued_at,
        issued_text=issued_text,
        identifier=identifier,
        reference=reference,
        receipt_form=_attribute(facts.one("ricevuta"), "tipo"),
        recipient=facts.text("consegna"),
        taken_by=tuple(text for one in facts.all("ricezione") if (text := _text(one)) is not None),
        warnings=tuple(dict.fromkeys(warnings)),
        faults=tuple(dict.fromkeys(faults)),
    )


# What XML parsers read alike, as far as certification data goes. In UTF-7 a sign such as `+` is a letter's beginning.
_ENCODINGS: Final = frozenset(
    {"utf-8", "us-ascii", "ascii", "iso-8859-1", "iso-8859-15", "windows-1252", "utf-16", "utf-16le", "utf-16be"}
)


def _document_faults(xml: bytes, root: "etree._Element", *, odd: bool) -> Iterator[str]:
    """Where another reader could read other letters in what decides: `odd` bytes were read as another encoding than
    they claim, or a byte order mark and the declaration say different things, or a comment cuts a text in two.
    """
    document = root.getroottree().docinfo
    declared = (document.encoding or "utf-8").lower()
    if declared not in _ENCODINGS:
        yield "daticert-unknown-encoding"
    if (odd or _mark_differs(xml.lstrip(_PADDING))) and not all(map(str.isascii, grammar.deciding_texts(root))):
        yield "daticert-encoding"
    if document.xml_version not in (None, "1.0"):
        yield "daticert-xml-version"  # XML 1.1 has other line ends, and letters that 1.0 forbids
    if _COMMENT.search(xml, _DECLARATION) is not None:
        whole = xml_root(_stripped(xml), "iso-8859-15" if odd else None, whole=True)
        if whole is None or grammar.is_split(whole):
            yield "daticert-split-text"


def _mark_differs(xml: bytes) -> bool:
    """Whether a byte order mark says UTF-8 and the declaration another encoding: some parsers follow the one."""
    if not xml.startswith(b"\xef\xbb\xbf"):
        return False
    declared = _DECLARED.search(xml[:200])
    return declared is not None and declared[1].lower() not in (b"utf-8", b"us-ascii", b"ascii")


def error_code(detail: str | None) -> str | None:
    """The status code at the head of errore-esteso, such as 5.1.1 (AgID integrative note 12); None without one."""
    found = _ERROR_CODE.match(detail) if detail else None
    return found[1] if found else None


def xml_root(xml: bytes, encoding: str | None = None, *, whole: bool = False) -> "etree._Element | None":
    """The root element of untrusted XML; None where it is not well-formed. `encoding` overrides what it declares.

    Comments and processing instructions are left out, but for a `whole` document.
    """
    # One parser each: lxml makes threads that share one wait for each other.
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=not whole,
        remove_pis=not whole,
        encoding=encoding,
    )
    try:
        return etree.fromstring(xml, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError):
        return None


def has_doctype(root: "etree._Element") -> bool:
    """Whether the document has a document type: entities and default attributes may come from it."""
    return root.getroottree().docinfo.internalDTD is not None


def _root(xml: bytes, warnings: list[str]) -> "etree._Element | Refusal":
    if len(xml) > MAX_SIZE:
        return Refusal.TOO_LARGE
    stripped = _stripped(xml)
    root = xml_root(stripped)
    if root is None and not _is_utf8(stripped):
        root = xml_root(stripped, "iso-8859-15")  # bytes of one encoding that declare another
        warnings.append("daticert-encoding")
    if root is None:
        return Refusal.NOT_XML
    if has_doctype(root):
        return Refusal.DOCTYPE
    return root if grammar.local_name(root) == ROOT else Refusal.NOT_POSTACERT


def _stripped(xml: bytes) -> bytes:
    """Without blanks and NUL around, which a decoder of base64 may leave; UTF-16, where NUL is half a letter, as is."""
    if xml[:2] in (b"\xff\xfe", b"\xfe\xff", b"<\x00", b"\x00<"):
        return xml
    return xml.strip(_PADDING)


def _is_utf8(xml: bytes) -> bool:
    try:
        xml.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


class _Section:
    """The children of `intestazione` or `dati`, by local name; a second element where one may be is a warning."""

    __slots__ = ("_children", "_warnings")

    def __init__(self, root: "etree._Element", name: str, warnings: list[str]) -> None:
        self._warnings = warnings
        self._children: dict[str, list[etree._Element]] = {}
        sections = [child for child in root if grammar.local_name(child) == name]
        if not sections:
            warnings.append(f"daticert-without-{name}")
            return
        if len(sections) > 1:
            warnings.append("daticert-duplicate-element")
        for child in sections[0]:
            self._children.setdefault(grammar.local_name(child), []).append(child)

    def all(self, name: str) -> "list[etree._Element]":
        return self._children.get(name, [])

    def one(self, name: str) -> "etree._Element | None":
        """The first element of the name: the grammar allows one."""
        found = self._children.get(name)
        if found is None:
            return None
        if len(found) > 1:
            self._warnings.append("daticert-duplicate-element")
        return found[0]

    def text(self, name: str) -> str | None:
        return _text(self.one(name))


def _text(element: "etree._Element | None") -> str | None:
    if element is None:
        return None
    return _blank_is_none(grammar.text_of(element))


def _blank_is_none(text: str | None) -> str | None:
    return (text.strip(grammar.BLANKS) or None) if text else None


def _attribute(element: "etree._Element | None", name: str) -> str | None:
    return None if element is None else _blank_is_none(element.get(name))


def _subject(element: "etree._Element | None") -> str | None:
    """`oggetto` as written, less the line breaks of pretty-printing around it; empty is a subject too."""
    if element is None:
        return None
    text = grammar.text_of(element)
    if text.lstrip(" \t").startswith("\n"):
        text = text.lstrip()
    return text.rstrip() if text.rstrip(" \t").endswith("\n") else text


def _reference(text: str | None) -> str | None:
    """`msgid` without `<>`, also where its brackets were escaped twice. Never url-decoded: `+` would become a blank."""
    if text is not None and text.startswith("&lt;") and text.endswith("&gt;"):
        text = text[4:-4]
    return bare_id(text)


def _error(root: "etree._Element", warnings: list[str]) -> str:
    """`@errore`, whose default is `nessuno` (DTD)."""
    error = _blank_is_none(root.get("errore"))
    if error is None:
        return Errore.NESSUNO.value
    if error.lower() not in set(Errore):
        warnings.append("unknown-errore")
    return error


def _recipients(header: _Section) -> tuple[CertifiedRecipient, ...]:
    """`destinatari`, whose `@tipo` defaults to `certificato` (DTD)."""
    return certified_recipients(
        tuple(
            (address, _attribute(one, "tipo") or RecipientType.CERTIFIED.value)
            for one in header.all("destinatari")[:MAX_RECIPIENTS]
            if (address := _text(one)) is not None
        )
    )


def _issued(moment: "etree._Element | None", warnings: list[str]) -> tuple[datetime | None, str | None]:
    """`data`: its instant with the provider's offset, and its words as written."""
    if moment is None:
        warnings.append("date-missing")
        return None, None
    parts = {grammar.local_name(child): _text(child) or "" for child in reversed(moment)}
    day, time = parts.get("giorno", ""), parts.get("ora", "")
    zone = _attribute(moment, "zona")
    words = " ".join(filter(None, (day, time, zone))) or None
    offset = _offset(zone)
    issued = _instant(day, time, offset) if offset is not None else None
    if zone is None:
        warnings.append("zone-missing")
    elif offset is None:
        warnings.append("zone-unreadable")
    elif issued is None:
        warnings.append("date-unreadable")
    return issued, words


def _offset(zone: str | None) -> timezone | None:
    """`+0100` (RFC 6109 4.4), and `+01:00`, `+01,00`, `Z`, which cost nothing to read."""
    if zone is None:
        return None
    if zone in ("Z", "z"):
        return timezone(timedelta(0))
    found = _ZONE.fullmatch(zone)
    if found is None or int(found[2]) > 15 or int(found[3]) > 59:
        return None
    offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(-offset if found[1] == "-" else offset)


def _instant(day: str, time: str, offset: timezone) -> datetime | None:
    date, clock = _DAY.fullmatch(day), _TIME.fullmatch(time)
    if date is None or clock is None:
        return None
    try:
        return datetime(
            int(date[3]), int(date[2]), int(date[1]), int(clock[1]), int(clock[2]), int(clock[3] or 0), tzinfo=offset
        )
    except ValueError:  # 31/02, 25:00
        return None
