#!/usr/bin/env python3
"""Does this proof package hold? Everything is derived from its bytes again, and nothing that it brings is trusted.

    python3 -I verify_package.py [--lang it|en] [--ca FILE.pem]... [--tsa-ca FILE.pem]... PACKAGE.zip | FOLDER

Take this program from the project's release, see that it has the SHA-256 that is published there, and run it outside
the package's folder: the copy in a package is the sender's. Needs Python 3.9 or newer and the `openssl` command; no
network. The roots of Italian PEC are this machine's, known by the SHA-256 of their public keys (PEC_ROOTS below);
--ca names others, and the result then says so. --tsa-ca names roots of time-stamp authorities beside the machine's.
It speaks English or Italian: --lang says which, or else the environment (LC_ALL, LC_MESSAGES, LANG) or the system.

Status 0: holds, as far as is said. Status 1: what does not is listed, each by its file. Status 2: it could not run.

Derived, and compared with report.json: what each receipt certifies (kind, times and zone, sender, recipients, subject,
ids, error), by the certification data in its mail; its signature at that time, by openssl, with its chain; whether it
counts as proof, by its agreement with the message and the other receipts; where each recipient's journey stands; that
receipts/ holds what counts and not-proof/ the rest. Also the ZIP byte for byte, SHA256SUMS, the ledger's lines, seals
and their chain, time-stamps, certificates, the index, and the mails attached to the summary.

NOT compared: see NOT_COMPARED below; it is printed with every result.
"""

from __future__ import annotations

import sys

if __name__ == "__main__" and not sys.flags.isolated:
    sys.path[:1] = []  # a json.py that lies beside this file is not Python's

import argparse
import base64
import binascii
import codecs
import hashlib
import json
import locale
import os
import re
import shutil
import ssl
import struct
import subprocess
import tempfile
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from encodings import normalize_encoding
from encodings.aliases import aliases
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes
from xml.parsers import expat

Finding = tuple[str, str]  # the member, what is wrong with it
Members = dict[str, bytes]
Entry = dict[str, Any]

NOT_COMPARED = {  # each in Italian too
    "the words of README/LEGGIMI, of the summary (PDF) and of metadata/, and the copy of this program in the package":
        "il testo di LEGGIMI/README, del riepilogo (PDF) e di metadata/, e la copia di questo programma nel fascicolo",
    "in report.json: the limits, the warnings, the single checks and points of agreement, the server's replies":
        "in report.json: limiti, avvertimenti, singoli controlli e punti di concordanza, risposte del server",
    "revocation: whether a certificate was revoked at its time":
        "la revoca: se un certificato fosse revocato alla sua ora",
    "whether the sender left mails out, or chose an old seal: no package can show that":
        "se il mittente abbia omesso messaggi, o scelto un sigillo vecchio: nessun fascicolo lo può mostrare",
}  # fmt: skip

# The roots of Italian PEC by the SHA-256 of their public keys (SubjectPublicKeyInfo), each with the authority under it
# (common name, organization) and whether that one's leaves may have 1,024-bit keys (DigitPA, until about 2018).
PEC_ROOTS = {
    "25d4913cf587097414d29d26f6c1b1942cd6d64eaf45d0fcf81526adba96d324": (  # Actalis Authentication Root CA
        ("AgID CA1", "Agenzia per l'Italia Digitale", False)
    ),
    "63d9af9b47b1064d49a10e7b7fd566dbc8caa399459bfc2829c571ad8c6ef34a": (  # Baltimore CyberTrust Root
        ("DigitPA CA1", "DigitPA", True)
    ),
}
STORES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
SYSTEM_LOCAL_PART = "posta-certificata"
NO_FILE = " (no plain file)"

KINDS = {  # postacert/@tipo (RFC 6109 4.4), in the order in which evidence of one second stands
    "accettazione": "acceptance", "non-accettazione": "non-acceptance", "presa-in-carico": "taken-in-charge",
    "avvenuta-consegna": "delivery", "errore-consegna": "non-delivery", "preavviso-errore-consegna": "delay-notice",
    "rilevazione-virus": "virus-notice", "posta-certificata": "transport-envelope",
    "mancata-consegna": "non-delivery",  # not in the grammar, seen in other programs
}  # fmt: skip
PLACES = list(dict.fromkeys(KINDS.values()))
RECEIPTS = {"acceptance", "non-acceptance", "delivery", "non-delivery", "delay-notice"}
AFTER_ACCEPTANCE = {"delivery", "non-delivery", "delay-notice", "taken-in-charge"}
BY_SENDERS_PROVIDER = {"acceptance", "non-acceptance", "delay-notice"}

CLOCKS_DIFFER = timedelta(minutes=5)  # between two providers' clocks
A_DAY, TWO_DAYS = timedelta(days=1), timedelta(days=2)
SHORT_KEYS_UNTIL = datetime(2019, 1, 1, tzinfo=timezone.utc)  # the last PEC keys of 1,024 bits ended in 2018
NEVER = datetime.max.replace(tzinfo=timezone.utc)
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

LOCAL = struct.Struct("<4s5H3L2H")
ENTRY = struct.Struct("<4s6H3L5H2L")
END = struct.Struct("<4s4H2LH")


def sha256(content: bytes) -> str:
    """The SHA-256 as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def same_address(one: str | None, other: str | None) -> bool:
    """Whether two addresses are one: providers echo them in other cases."""
    return one is not None and other is not None and address_key(one) == address_key(other)


def address_key(address: str) -> str:
    """The form in which addresses are compared."""
    return address.strip().lower()


# --- the ZIP ---


def zip_pieces(members: Members) -> Iterator[tuple[bytes, str]]:
    """The ZIP of these members, piece by piece, each with the member that it is about."""
    offset, directory = 0, []
    for name in sorted(members):
        content, encoded = members[name], name.encode("utf-8", "surrogateescape")
        facts = (20, 0x0800, 0, 0, 0x0021, zlib.crc32(content), len(content), len(content))
        local = LOCAL.pack(b"PK\x03\x04", *facts, len(encoded), 0) + encoded
        directory.append((ENTRY.pack(b"PK\x01\x02", 20, *facts, len(encoded), 0, 0, 0, 0, 0, offset) + encoded, name))
        yield local, name
        yield content, name
        offset += len(local) + len(content)
    yield from directory
    size = sum(len(entry) for entry, _ in directory)
    yield END.pack(b"PK\x05\x06", 0, 0, len(directory), len(directory), size, offset, 0), "ZIP"


def unzip(raw: bytes) -> tuple[Members, list[Finding]]:
    """The members, and each place where the ZIP is not written as packages are."""
    members = members_by_headers(raw) or members_by_directory(raw)
    if not members:
        return {}, [("ZIP", "is no ZIP as packages are written")]
    findings, at = [], 0
    try:
        for piece, name in zip_pieces(members):
            if not raw.startswith(piece, at):
                findings.append((name, "does not lie in the ZIP as packages are written"))
            at += len(piece)
    except struct.error:  # more members or bytes than a ZIP of ours can have
        return members, [("ZIP", "is no ZIP as packages are written")]
    if at != len(raw):
        findings.append(("ZIP", "is followed by something"))
    return members, findings


def members_by_headers(raw: bytes) -> Members:
    """The members by walking their headers; none where the walk does not end at the directory."""
    members: Members = {}
    at = 0
    while raw.startswith(b"PK\x03\x04", at) and at + LOCAL.size <= len(raw):
        fields = LOCAL.unpack_from(raw, at)
        start = at + LOCAL.size + fields[9] + fields[10]
        if start + fields[7] > len(raw):
            return {}
        name = raw[at + LOCAL.size : at + LOCAL.size + fields[9]].decode("utf-8", "surrogateescape")
        members[name] = raw[start : start + fields[7]]
        at = start + fields[7]
    ended = raw.startswith((b"PK\x01\x02", b"PK\x05\x06"), at)
    return members if ended or (len(raw) >= END.size and END.unpack(raw[-END.size :])[6] == at) else {}


def members_by_directory(raw: bytes) -> Members:
    """The members as the directory lists them, for a ZIP whose headers are damaged; none where it cannot be read."""
    members: Members = {}
    end = END.unpack(raw[-END.size :]) if len(raw) >= END.size else (b"",)
    if end[0] != b"PK\x05\x06":
        return {}
    at, left = end[6], len(raw)
    for _ in range(end[4]):
        if not raw.startswith(b"PK\x01\x02", at) or at + ENTRY.size > len(raw):
            return {}
        fields = ENTRY.unpack_from(raw, at)
        name = raw[at + ENTRY.size : at + ENTRY.size + fields[10]].decode("utf-8", "surrogateescape")
        start = fields[16] + LOCAL.size + fields[10]
        members[name] = raw[start : start + fields[9]]
        at += ENTRY.size + fields[10] + fields[11] + fields[12]
        left -= len(members[name])
        if left < 0:  # members that lie over each other
            return {}
    return members


# --- mails, byte for byte ---

NAME = re.compile(rb"[!-9;-~]+[ \t]*")
WORD = re.compile(r"=\?([^?\s]{1,64})\?([bBqQ])\?([^?]*)\?=")  # RFC 2047 2
PARAMETER = re.compile(r';\s*([^=;\s]+)\s*=\s*("(?:[^"\\]|\\.?)*(?:"|\Z)|[^;\s]*)', re.DOTALL)  # RFC 2045 5.1
ADDRESS_TOKEN = re.compile(r'"(?:[^"\\]|\\.?)*(?:"|\Z)|\([^()]*\)|<[^<>]*>|[,;:]|[^",;:<>()]+|.', re.DOTALL)
AFTER_BOUNDARY = re.compile(rb"(--)?[ \t]*(?:\r?\n|\r?\Z)")
MOST_PARTS = 1_000


@dataclass
class Part:
    """A mail or a part of one: its header fields in order (lower-case name, unfolded value), its body."""

    fields: list[tuple[str, bytes]]
    body: bytes

    def first(self, name: str) -> bytes:
        """The first value of a field; empty without one."""
        return next((value for key, value in self.fields if key == name), b"")

    def text(self, name: str) -> str | None:
        """The first value of a field, decoded; None without one."""
        return next((decoded_text(value) for key, value in self.fields if key == name), None)

    def parameters(self, name: str) -> tuple[str, dict[str, str]]:
        """A Content- field cut into its value and its parameters."""
        text = eight_bit(self.first(name)[:65536])
        found: dict[str, str] = {}
        for key, written in PARAMETER.findall(text) if ";" in text else ():
            found.setdefault(key.lower(), unquoted(written))
        return text.partition(";")[0].strip().lower(), found

    @property
    def type(self) -> str:
        """The content type, text/plain where there is none."""
        value = self.parameters("content-type")[0]
        return value if "/" in value else "text/plain"

    @property
    def filename(self) -> str:
        """The file name, decoded; empty without one."""
        of_type = self.parameters("content-type")[1]
        return named(self.parameters("content-disposition")[1], "filename") or named(of_type, "name")

    @property
    def decoded(self) -> bytes | None:
        """The body without its transfer encoding; None where that is broken."""
        encoding = (self.text("content-transfer-encoding") or "").strip().lower()
        try:
            if encoding == "base64":
                return binascii.a2b_base64(self.body)
            return binascii.a2b_qp(self.body) if encoding == "quoted-printable" else self.body
        except binascii.Error:
            return None


def part_of(raw: bytes) -> Part:
    """Header fields and body of a mail or a part: the header ends at the first blank line."""
    if raw.startswith((b"\n", b"\r\n")):
        return Part([], raw[raw.index(b"\n") + 1 :])
    blank = re.search(rb"\n\r?\n", raw)
    head, body = (raw[: blank.start()], raw[blank.end() :]) if blank else (raw, b"")
    fields: list[tuple[str, list[bytes]]] = []
    seen = taken = False
    for line in head[3 if head.startswith(b"\xef\xbb\xbf") else 0 :].split(b"\n"):
        if line.startswith((b" ", b"\t")):
            if taken:
                fields[-1][1].append(line)
            continue
        name, colon, value = line.partition(b":")
        taken = bool(colon)
        if taken:
            seen = seen or NAME.fullmatch(name) is not None
            fields.append((name.rstrip().lower().decode("latin-1"), [value]))
    if not blank and not seen:
        return Part([], raw)
    return Part([(name, b"".join(one.rstrip(b"\r") for one in lines).strip()) for name, lines in fields], body)


def parts_of(part: Part) -> list[bytes]:
    """The direct parts of a multipart, byte for byte, without the line break that belongs to the boundary after."""
    mark = b"--" + part.parameters("content-type")[1].get("boundary", "").rstrip().encode("utf-8", "replace")
    parts: list[bytes] = []
    body, begun = part.body, None
    if not part.type.startswith("multipart/") or mark == b"--":
        return []
    found = 0 if body.startswith(mark) else body.find(b"\n" + mark) + 1 or -1
    while found >= 0 and len(parts) < MOST_PARTS:
        rest = AFTER_BOUNDARY.match(body, found + len(mark))
        if rest:
            if begun is not None:
                stop = found - 1 - (body[found - 2 : found - 1] == b"\r")
                parts.append(body[begun : max(begun, stop)])
            begun = rest.end()
            if rest[1]:
                return parts
        found = body.find(b"\n" + mark, found + len(mark)) + 1 or -1
    return [*parts, body[begun:]] if begun is not None and len(parts) < MOST_PARTS else parts


def eight_bit(value: bytes) -> str:
    """Header bytes as text: UTF-8, or else ISO-8859-1."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def decoded_text(value: bytes) -> str:
    """Header text with its encoded words decoded (RFC 2047)."""
    pieces: list[tuple[str, list[bytes]]] = []  # charset ("" for plain text), content
    text, at = eight_bit(value), 0
    for word in WORD.finditer(text):
        between = text[at : word.start()]
        adjacent = bool(pieces) and pieces[-1][0] != "" and not between.strip()
        if not adjacent:
            pieces.append(("", [between.encode("utf-8", "replace")]))
        charset, content = word[1].partition("*")[0].lower(), word_bytes(word[2], word[3])
        if adjacent and pieces[-1][0] == charset:
            pieces[-1][1].append(content)
        else:
            pieces.append((charset, [content]))
        at = word.end()
    pieces.append(("", [text[at:].encode("utf-8", "replace")]))
    return "".join(in_charset(b"".join(some), charset or "utf-8") for charset, some in pieces).replace("\x00", "")


def word_bytes(encoding: str, encoded: str) -> bytes:
    """The bytes of one encoded word."""
    content = encoded.encode("utf-8", "replace")
    if encoding in "qQ":
        return binascii.a2b_qp(content, header=True)
    try:
        return binascii.a2b_base64(content + b"=" * (-len(content) % 4))
    except binascii.Error:
        return content


NO_CHARSETS = frozenset({"unicode_escape", "raw_unicode_escape", "punycode", "idna", "utf_7"})
# Python looks for a module of any name that it does not know, and remembers each: only what can be one is asked for.
CODECS = frozenset({*aliases, *aliases.values(), "koi8_u", "koi8_t", "cp720", "cp737", "cp874", "utf_8_sig"})


def in_charset(content: bytes, charset: str) -> str:
    """Bytes as text of a charset; where that is no charset of mail, as UTF-8 or else ISO-8859-1."""
    known = len(charset) <= 64 and normalize_encoding(charset).lower().replace(".", "_") in CODECS
    try:
        name = codecs.lookup(charset).name if known else ""
        of_mail = name.replace("-", "_") not in {"", *NO_CHARSETS}
        return content.decode(name, "replace") if of_mail else eight_bit(content)
    except (LookupError, ValueError):
        return eight_bit(content)


def unquoted(written: str) -> str:
    """A parameter's value without its quotes."""
    if not written.startswith('"'):
        return written
    inner = written[1:-1] if len(written) > 1 and written.endswith('"') else written[1:]
    return re.sub(r"\\(.)", r"\1", inner, flags=re.DOTALL)


def named(parameters: dict[str, str], name: str) -> str:
    """A file name among parameters (RFC 2047, or RFC 2231 in pieces); empty without one."""
    if name in parameters:
        return decoded_text(parameters[name].encode("utf-8", "replace")).strip()
    charset, content = "utf-8", b""
    forms = [(re.fullmatch(r"(?:\*([0-9]{1,3}))?(\*)?", key[len(name) :]), key) for key in parameters]
    pieces = sorted((int(form[1] or 0), form[2] or "", key) for form, key in forms if form and key.startswith(name))
    for number, extended, key in pieces:
        value = parameters[key]
        if extended and number == 0 and value.count("'") >= 2:
            charset, _, value = value.split("'", 2)
        content += unquote_to_bytes(value) if extended else value.encode("utf-8", "replace")
    return in_charset(content, charset.lower()).strip()


def addresses(values: Iterable[bytes]) -> list[str]:
    """The addresses of From, To or Cc, as written, without names, comments and groups."""
    found: list[str] = []
    for value in values:
        angle: str | None = None
        words: list[str] = []
        for token in (*ADDRESS_TOKEN.findall(eight_bit(value)), ","):
            if token in (",", ";", ":"):
                address = angle if angle is not None else "".join(words).strip()
                if "@" in address and len(address.split()) == 1:
                    found.append(address)
                angle, words = None, []
            elif token.startswith("<") and token.endswith(">"):
                angle = "".join(token[1:-1].split()).rpartition(":")[2]
            elif not token.startswith("("):
                words.append(token)
    return found


def field_addresses(part: Part, name: str) -> list[str]:
    """The addresses of every field of this name."""
    return addresses(value for key, value in part.fields if key == name)


def bare(text: str | None) -> str | None:
    """An id without blanks and one pair of angle brackets; None if nothing is left."""
    joined = "".join((text or "").split())
    return (joined[1:-1] if joined.startswith("<") and joined.endswith(">") else joined) or None


def same_id(one: str | None, other: str | None) -> bool:
    """Whether two ids name one message, but for case."""
    left, right = bare(one), bare(other)
    return left is not None and right is not None and left.lower() == right.lower()


# --- the certification data of a receipt (RFC 6109 4.4) ---

ONCE = {
    name: f"postacert/{path}{name}"
    for path, names in {
        "": ("intestazione", "dati"),
        "intestazione/": ("mittente", "risposte", "oggetto"),
        "dati/": ("gestore-emittente", "data", "identificativo", "msgid", "ricevuta", "consegna", "errore-esteso"),
        "dati/data/": ("giorno", "ora"),
    }.items()
    for name in names
}
MANY = {"destinatari": "postacert/intestazione/destinatari", "ricezione": "postacert/dati/ricezione"}
DAY = re.compile(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})")
HOUR = re.compile(r"([0-9]{1,2})[:.]([0-9]{2})(?:[:.]([0-9]{2}))?")
ZONE = re.compile(r"([+-])([0-9]{2})[:,.]?([0-9]{2})")
CODE = re.compile(r"\s*([0-9]\.[0-9]{1,3}\.[0-9]{1,3})(?!\.?[0-9])")


class UnreadableError(ValueError):
    """Certification data that this program does not read; the text says why."""


@dataclass
class Element:
    """An element of the certification data: where it stands, its attributes, all text inside."""

    path: str
    attributes: dict[str, str]
    text: str = ""
    nested: bool = False  # it holds another element
    cuts: list[int] = field(default_factory=list)  # where in its text a comment or an instruction stands
    split: bool = False  # one of them stands between two pieces of text


class Tree:
    """The elements of an XML without document type, in the order in which they begin. Raises UnreadableError."""

    def __init__(self, xml: bytes) -> None:
        self.elements: list[Element] = []
        self.spans: list[tuple[Element, int]] = []  # open elements, each with where its text begins
        self.chunks: list[str] = []
        self.version: str | None = None
        self.encoding: str | None = None
        utf16 = xml[:2] in (b"\xff\xfe", b"\xfe\xff", b"<\x00", b"\x00<")
        source = xml if utf16 else xml.strip(b" \t\r\n\x00")
        try:
            self.parse(source, None)
        except UnreadableError:
            raise
        except (expat.ExpatError, LookupError, ValueError) as error:
            if utf16 or source.decode("utf-8", "ignore").encode() == source:  # it is UTF-8
                raise UnreadableError(str(error)) from error
            self.parse_latin(source)

    def parse_latin(self, source: bytes) -> None:
        """Bytes of one encoding that declare another: read as ISO-8859-15."""
        self.elements, self.spans, self.chunks = [], [], []
        try:
            self.parse(source, "iso-8859-15")
        except (expat.ExpatError, LookupError) as error:
            raise UnreadableError(str(error)) from error

    def parse(self, source: bytes, encoding: str | None) -> None:
        """Take every element in."""
        parser = expat.ParserCreate(encoding, "}")
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = self.start, self.end
        parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = self.chunks.append, self.doctype
        parser.CommentHandler = parser.ProcessingInstructionHandler = self.cut
        parser.XmlDeclHandler = self.declared
        parser.Parse(source, True)

    def doctype(self, *_: object) -> None:
        """Refuse: entities and default attributes could come from it."""
        raise UnreadableError("it has a document type, which no provider writes")

    def declared(self, version: str | None, encoding: str | None, _: int) -> None:
        """What the document says of itself."""
        self.version, self.encoding = version, encoding

    def cut(self, *_: object) -> None:
        """A comment or an instruction: some readers take the text before it for the whole."""
        if self.spans:
            self.spans[-1][0].cuts.append(len(self.chunks))

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        if self.spans:
            self.spans[-1][0].nested = True
        above = self.spans[-1][0].path if self.spans else ""
        path = f"{above}/{name}" if above.count("/") < 4 else f"{above[:400]}/./{name}"
        if len(self.elements) >= 50_000:
            raise UnreadableError("it has too many elements")
        element = Element(path.lstrip("/")[:600], attributes)
        self.elements.append(element)
        self.spans.append((element, len(self.chunks)))

    def end(self, _: str) -> None:
        """It ends, and its text is known."""
        element, begun = self.spans.pop()
        if element.path.count("/") < 4:
            element.text = "".join(self.chunks[begun:])
        for at in element.cuts[:100]:
            before, after = self.chunks[begun:at], self.chunks[at:]
            element.split = element.split or ("".join(before).strip() != "" != "".join(after).strip())


@dataclass
class Receipt:
    """What one mail of the package certifies, by its own bytes. Absent is None; `faults` forbid that it counts."""

    member: str
    raw: bytes
    tipo: str | None = None
    kind: str | None = None
    error: str | None = None
    error_code: str | None = None
    error_detail: str | None = None
    issued: datetime | None = None
    provider: str | None = None
    sender: str | None = None
    recipients: list[dict[str, str]] = field(default_factory=list)
    recipient: str | None = None
    receipt_form: str | None = None
    subject: str | None = None
    reference: str | None = None
    identifier: str | None = None
    original: bytes | None = None
    xml: bytes | None = None
    faults: list[str] = field(default_factory=list)
    signer: Certificate | None = None
    issuer: tuple[str, str] = ("", "")  # the domain of the signer's address, his organization without its legal form
    trusted: bool = False
    named: bool = False  # trusted under an authority of --ca
    arrived: datetime | None = None
    disagrees: list[str] = field(default_factory=list)

    @property
    def key(self) -> str:
        """The SHA-256 of the mail: it names evidence."""
        return sha256(self.raw)

    @property
    def counts(self) -> bool:
        """Whether it is proof."""
        return self.kind in RECEIPTS and self.trusted and not self.faults and not self.disagrees

    @property
    def order(self) -> tuple[datetime, int, str, str]:
        """The order of evidence: by certified time, in one second by kind."""
        place = PLACES.index(self.kind) if self.kind in PLACES else len(PLACES)
        return self.issued or NEVER, place, self.key, self.recipient or ""


COMPARED = ("tipo", "kind", "error", "error_code", "error_detail", "issued_at", "provider", "sender", "recipients",
            "recipient", "receipt_form", "subject", "reference", "identifier")  # fmt: skip


def read_receipt(member: str, raw: bytes) -> Receipt:
    """Read a mail: only the signed multipart/mixed of an outermost multipart/signed certifies, by position."""
    receipt = Receipt(member, raw)
    outer = part_of(raw)
    signed = parts_of(outer) if outer.type == "multipart/signed" else []
    content = part_of(signed[0]) if signed else Part([], b"")
    parts = [part_of(one) for one in parts_of(content)] if content.type == "multipart/mixed" else []
    certified = [part for part in parts if is_daticert(part)]
    attached = [part for part in parts if part.type == "message/rfc822" or is_postacert(part)]
    first = next((part for part in attached if is_postacert(part)), attached[0] if attached else None)
    receipt.original = first.decoded if first else None
    if len(certified) != 1:
        receipt.faults.append("two pieces of certification data" if certified else "no certification data")
        return receipt
    receipt.faults += layout_faults(outer, content, parts, attached, certified[0])
    receipt.xml = certified[0].decoded or b""
    try:
        tree = Tree(receipt.xml)
        said = tree.elements
        read_certified(receipt, said)
        receipt.faults += grammar_faults(receipt, said)
        receipt.faults += text_faults(said)
        if tree.version not in (None, "1.0"):
            receipt.faults.append("certification data in XML of another version")
    except UnreadableError as error:
        receipt.kind = None
        receipt.faults.append(f"its certification data cannot be compared here: {error}")
    return receipt


def is_daticert(part: Part) -> bool:
    """By its name; otherwise named, by an XML type and its root."""
    if part.type.startswith("multipart/") or part.type == "message/rfc822":
        return False
    if part.filename.lower() in ("daticert.xml", "certdata.xml"):
        return True
    return part.type in ("application/xml", "text/xml") and b"<postacert" in (part.decoded or b"")


def is_postacert(part: Part) -> bool:
    """By its name."""
    return not part.type.startswith("multipart/") and part.filename.lower() == "postacert.eml"


def read_certified(receipt: Receipt, said: list[Element]) -> None:
    """What the elements say, the first of each; the defaults of the grammar applied."""
    texts: dict[str, str] = {}
    attributes: dict[str, dict[str, str]] = {}
    for one in said:
        texts.setdefault(one.path, one.text)
        attributes.setdefault(one.path, one.attributes)
    if not said or said[0].path != "postacert":
        raise UnreadableError("it is no postacert")

    def text(name: str) -> str | None:
        return texts.get(ONCE[name], "").strip() or None

    def attribute(path: str, name: str) -> str | None:
        return attributes.get(path, {}).get(name, "").strip() or None

    receipt.tipo = attribute("postacert", "tipo")
    receipt.kind = KINDS.get((receipt.tipo or "").lower(), "unreadable")
    receipt.error = attribute("postacert", "errore") or "nessuno"
    receipt.error_detail = text("errore-esteso")
    code = CODE.match(receipt.error_detail or "")
    receipt.error_code = code[1] if code else None
    receipt.provider, receipt.sender = text("gestore-emittente"), text("mittente")
    receipt.recipient, receipt.receipt_form = text("consegna"), attribute(ONCE["ricevuta"], "tipo")
    receipt.recipients = [
        {"address": one.text.strip(), "type": one.attributes.get("tipo", "").strip() or "certificato"}
        for one in [one for one in said if one.path == MANY["destinatari"]][:10_000] if one.text.strip()
    ]  # fmt: skip
    receipt.subject = subject_of(texts[ONCE["oggetto"]]) if ONCE["oggetto"] in texts else None
    receipt.identifier = bare(text("identificativo"))
    reference = text("msgid") or ""
    escaped = reference.startswith("&lt;") and reference.endswith("&gt;")
    receipt.reference = bare(reference[4:-4] if escaped else reference)
    receipt.issued = moment(text("giorno"), text("ora"), attribute(ONCE["data"], "zona"))
    if receipt.tipo is None or receipt.identifier is receipt.reference is None:
        raise UnreadableError("it says no tipo, or is about no message")


def subject_of(text: str) -> str:
    """The subject less the line breaks of pretty-printing around it."""
    inner = text.strip()
    before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    before = "" if before.lstrip(" \t").startswith("\n") else before
    after = "" if after.rstrip(" \t").endswith("\n") else after
    return before + inner + after if inner else before


def moment(day: str | None, hour: str | None, zone: str | None) -> datetime | None:
    """A certified time with the provider's own offset; None where it cannot be read."""
    date, clock, offset = DAY.fullmatch(day or ""), HOUR.fullmatch(hour or ""), ZONE.fullmatch(zone or "")
    if zone in ("Z", "z"):
        east = timedelta(0)
    elif offset and int(offset[2]) <= 15 and int(offset[3]) <= 59:
        east = timedelta(hours=int(offset[2]), minutes=int(offset[3])) * (-1 if offset[1] == "-" else 1)
    else:
        return None
    if not date or not clock:
        return None
    numbers = (int(date[3]), int(date[2]), int(date[1]), int(clock[1]), int(clock[2]), int(clock[3] or 0))
    try:
        return datetime(*numbers, tzinfo=timezone(east))
    except ValueError:  # 31/02, 25:00
        return None


def grammar_faults(receipt: Receipt, said: list[Element]) -> Iterator[str]:
    """What forbids that a receipt certifies: which of two elements counts would be a guess."""
    names = [one.path.rpartition("/")[2] for one in said]
    if any("}" in name for name in names):
        yield "an element of another namespace"
    for place, one in {**ONCE, **MANY}.items():
        found = [element for element, name in zip(said, names) if name.rpartition("}")[2] == place]  # noqa: B905
        if any(element.path != one for element in found):
            yield f"{place} in another place"
        elif len(found) > 1 and place in ONCE:
            yield f"{place} more than once"
    if any(name.rpartition("}")[2].lower() == "postacert" for name in names[1:]):
        yield "postacert in another place"
    if receipt.issued is None:
        yield "no certified time"
    if receipt.sender is None:
        yield "no sender"


# --- what two readers may read differently ---

AS_IT_IS = ("", "7bit", "8bit", "binary")
OF_KNOWN_NAME = frozenset({"daticert.xml", "certdata.xml", "postacert.eml"})
HOLDERS = frozenset({"postacert", "intestazione", "dati", "data"})
ADDRESSES = frozenset({"mittente", "destinatari", "consegna"})
TOKENS = {
    ("postacert", "tipo"): frozenset(KINDS), ("destinatari", "tipo"): frozenset({"certificato", "esterno"}),
    ("ricevuta", "tipo"): frozenset({"completa", "breve", "sintetica"}),
}  # fmt: skip


def layout_faults(
    outer: Part, content: Part, parts: list[Part], attached: list[Part], certified: Part
) -> Iterator[str]:
    """Where another reader would find other parts, or other bytes in them: such a mail certifies nothing."""
    for part in (outer, content, *parts):
        names = [name for name, _ in part.fields]
        for name in ("content-type", "content-disposition", "content-transfer-encoding"):
            if names.count(name) > 1:
                yield f"{name} more than once in a part"
    if any(encoding_of(part) not in AS_IT_IS for part in (outer, content)):
        yield "an encoded multipart"
    if len(attached) > 1:
        yield "two originals"
    if any(encoding_of(part) not in AS_IT_IS for part in attached):
        yield "an encoded original"
    for part in parts:
        named_in = (("content-disposition", "filename"), ("content-type", "name"))
        names_of = {named(part.parameters(one)[1], name).lower() for one, name in named_in} - {""}
        composite = part.type.startswith("multipart/")
        text = not composite and not part.type.startswith("message/")
        doubtful = len(names_of) > 1 or composite or (not text and "postacert.eml" not in names_of)
        if names_of & OF_KNOWN_NAME and doubtful:
            yield "a part of two names"
        if holds_certification(part, 0):
            yield "certification data deeper down"
    body = certified.body
    if encoding_of(certified) == "base64":
        letters = re.sub(rb"[ \t\r\n]", b"", body)
        if len(letters) % 4 or not re.fullmatch(rb"[A-Za-z0-9+/]*={0,2}", letters):
            yield "certification data in base64 that is not to the letter"
    elif encoding_of(certified) == "quoted-printable":
        if re.search(rb"=(?![0-9A-Fa-f]{2}|\r?\n)|[ \t]\r?\n", body.rstrip(b" \t\r\n")):
            yield "certification data in quoted-printable that is not to the letter"
    elif encoding_of(certified) not in AS_IT_IS:
        yield "certification data in an unknown encoding"


def encoding_of(part: Part) -> str:
    """The transfer encoding of a part."""
    return (part.text("content-transfer-encoding") or "").strip().lower()


def holds_certification(part: Part, depth: int) -> bool:
    """Whether certification data or a mail lies deeper than where they are looked for."""
    if depth > 5 or part.type == "multipart/digest":  # there a part without a type is a mail (RFC 2046 5.1.5)
        return True
    inner = [part_of(one) for one in parts_of(part)[:101]]
    here = (one.type == "message/rfc822" or is_postacert(one) or is_daticert(one) for one in inner)
    deeper = (holds_certification(one, depth + 1) for one in inner if one.type.startswith("multipart/"))
    return len(inner) > 100 or any(here) or any(deeper)


def text_faults(said: list[Element]) -> Iterator[str]:
    """What in the elements of the grammar is written so that two readers may read it differently."""
    types: dict[str, str] = {}
    for one in said:
        name = one.path.rpartition("/")[2]
        bare_attributes = {key.rpartition("}")[2] for key in one.attributes if "}" in key}
        if bare_attributes & {"tipo", "errore", "zona"}:
            yield "an attribute of another namespace"
        if name not in ONCE and name not in MANY and name != "postacert":
            continue
        for (element, attribute), allowed in TOKENS.items():
            value = one.attributes.get(attribute, "") if element == name else ""
            if value not in allowed and value.strip().lower() in allowed:
                yield f"{attribute} of {name} written in another way"
        if name in HOLDERS:
            continue
        if one.nested:
            yield f"an element within {name}"
        if one.split:
            yield f"{name} cut in two by a comment"
        text = one.text.strip(" \t\r\n")
        if name in ADDRESSES and (set(text) & set(" \t\r\n,;<>") or is_blurred(text)):
            yield f"an odd address in {name}"
        if name in ("identificativo", "msgid") and is_blurred(one.text):
            yield f"an odd identifier in {name}"
        if name in MANY:
            kind = one.attributes.get("tipo", "certificato")
            if types.setdefault(text.lower(), kind) != kind:
                yield "a recipient of two types"


def is_blurred(text: str) -> bool:
    """Whether it holds what nobody sees, or what some take for an ASCII letter."""
    odd = (letter for letter in text if not letter.isascii())
    return "\x7f" in text or any(not one.isprintable() or unicodedata.normalize("NFKC", one).isascii() for one in odd)


# --- certificates (X.509, DER) ---

RSA, SHA1_RSA = bytes.fromhex("2a864886f70d010101"), bytes.fromhex("2a864886f70d010105")
MD_RSA = (bytes.fromhex("2a864886f70d010102"), bytes.fromhex("2a864886f70d010104"))
MD5 = bytes.fromhex("2a864886f70d0205")
COMMON_NAME, ORGANIZATION = b"\x55\x04\x03", b"\x55\x04\x0a"


def der_items(der: bytes) -> list[tuple[int, bytes, bytes]]:
    """The elements side by side in DER: tag, whole, content. Raises ValueError."""
    items, at = [], 0
    while at < len(der):
        length, start = der[at + 1] if at + 1 < len(der) else 0x80, at + 2
        if length >= 0x80:
            count = length & 0x7F
            if not 1 <= count <= 4:
                raise ValueError("no DER")
            length, start = int.from_bytes(der[start : start + count], "big"), start + count
        if start + length > len(der):
            raise ValueError("no DER")
        items.append((der[at], der[at : start + length], der[start : start + length]))
        at = start + length
    return items


@dataclass(frozen=True)
class Certificate:
    """What of a certificate is looked at here; the rest is openssl's. `bits` is 0 for a key that is not RSA."""

    der: bytes
    subject: bytes
    issuer: bytes
    until: datetime
    key_sha256: str
    bits: int
    algorithm: bytes

    @property
    def usable(self) -> bool:
        """Whether it may stand in a chain above the leaf."""
        return self.bits >= 2048 and self.algorithm not in MD_RSA

    @property
    def pem(self) -> bytes:
        """As PEM."""
        return ssl.DER_cert_to_PEM_cert(self.der).encode()


def certificate(der: bytes) -> Certificate | None:
    """A certificate's facts; None for bytes that are none."""
    try:
        ((_, _, whole),) = der_items(der)
        (_, _, body), (_, _, algorithm), _ = der_items(whole)
        items = [item for item in der_items(body) if item[0] != 0xA0]
        issuer, validity, subject, key = items[2], items[3], items[4], items[5]
        (_, _, scheme), (_, _, bits) = der_items(key[2])
        modulus = der_items(der_items(bits[1:])[0][2])[0][2] if der_items(scheme)[0][2] == RSA else b""
        size, until = int.from_bytes(modulus, "big").bit_length(), der_time(*der_items(validity[2])[1])
        signed_by = der_items(algorithm)[0][2]
        return Certificate(der, subject[1], issuer[1], until, sha256(key[1]), size, signed_by)
    except (ValueError, IndexError):
        return None


def der_time(tag: int, _: bytes, content: bytes) -> datetime:
    """UTCTime (RFC 5280 4.1.2.5.1: 50 is 1950) or GeneralizedTime."""
    text = content.decode("ascii")
    if tag == 0x17:
        text = ("19" if int(text[:2]) >= 50 else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=timezone.utc)


def name_part(name: bytes, wanted: bytes) -> str:
    """The first common name, organization ... of a distinguished name; empty without one."""
    for _, _, several in der_items(der_items(name)[0][2]):
        for _, _, pair in der_items(several):
            (_, _, kind), (tag, _, value) = der_items(pair)
            if kind == wanted:
                return value.decode("utf-16-be" if tag == 0x1E else "utf-8" if tag == 0x0C else "latin-1", "replace")
    return ""


def from_pem(content: bytes) -> list[Certificate]:
    """The certificates in PEM, one after the other."""
    found = []
    for block in content.split(b"-----BEGIN CERTIFICATE-----")[1:]:
        try:
            one = certificate(base64.b64decode(block.partition(b"-----END")[0]))
        except binascii.Error:
            continue
        found += [one] if one else []
    return found


def machine_roots() -> list[Certificate]:
    """The certificates of this machine's store."""
    paths = [ssl.get_default_verify_paths().cafile, *STORES]
    store = next((Path(path) for path in paths if path and Path(path).is_file()), None)
    return from_pem(store.read_bytes()) if store else []


# --- signatures and time-stamps, by openssl ---


class Openssl:
    """The openssl command, in a folder of its own, without the machine's trust: only what is named is trusted."""

    def __init__(self, folder: Path) -> None:
        found = shutil.which("openssl")
        if found is None or Path(found).resolve().parent == Path.cwd().resolve():
            raise OSError("there is no openssl command on this machine's path")
        self.program, self.folder = found, folder
        (folder / "empty").mkdir()
        nothing = str(folder / "nothing")
        Path(nothing).write_bytes(b"")
        self.environment = {**os.environ, "SSL_CERT_DIR": str(folder / "empty"), "SSL_CERT_FILE": nothing}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it; the caller looks at its status."""
        command = [self.program, *arguments]
        return subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", check=False, cwd=self.folder,
            env=self.environment, stdin=subprocess.DEVNULL, timeout=600,
        )  # fmt: skip

    def file(self, name: str, content: bytes) -> str:
        """The path of a file with this content, for openssl to read."""
        (self.folder / name).write_bytes(content)
        return str(self.folder / name)

    def signers(self, raw: bytes, carried: list[Certificate]) -> list[Certificate]:
        """The certificates whose signatures over a multipart/signed mail hold, with no word on trust."""
        outer = part_of(raw)
        halves = parts_of(outer) if outer.type == "multipart/signed" else []
        second = part_of(halves[1]) if len(halves) == 2 else Part([], b"")
        protocols = {second.type, outer.parameters("content-type")[1].get("protocol", "").strip().lower()}
        signature = second.decoded or b""
        if not protocols <= {"application/pkcs7-signature", "application/x-pkcs7-signature"} or MD5 in signature:
            return []
        signed, known = self.file("signature", signature), self.file("known", pem(carried))
        crlf = re.sub(rb"\r?\n", b"\r\n", halves[0])
        for form in dict.fromkeys((halves[0], crlf, halves[0].replace(b"\r\n", b"\n"))):
            command = ("cms", "-verify", "-binary", "-inform", "DER", "-in", signed, "-noverify", "-certfile", known)
            told = ("-content", self.file("content", form), "-signer", "signers", "-out", os.devnull)
            if self.run(*command, *told).returncode == 0:
                return from_pem((self.folder / "signers").read_bytes())
        return []

    def leads(self, leaf: Certificate, between: list[Certificate], roots: list[Certificate], at: datetime) -> bool:
        """Whether a chain leads from a leaf to one of the roots, each certificate valid at a time."""
        known = ("-untrusted", self.file("between", pem(between)), "-CAfile", self.file("roots", pem(roots)))
        options = ("-no-CApath", "-partial_chain", "-purpose", "smimesign", "-attime", str(int(at.timestamp())))
        # What openssl refuses at its usual level was genuine before about 2018: SHA-1 throughout, and 1,024 bits
        # where the caller allows them. Shorter keys and older digests do not come here.
        old = leaf.bits < 2048 or any(one.algorithm == SHA1_RSA for one in (leaf, *between))
        for level in ("2", "0") if old else ("2",):
            subject = self.file("leaf", leaf.pem)
            if roots and self.run("verify", *known, *options, "-auth_level", level, subject).returncode == 0:
                return True
        return False

    def address_of(self, leaf: Certificate) -> list[str]:
        """The e-mail addresses in a certificate, lower-case."""
        return self.run("x509", "-in", self.file("leaf", leaf.pem), "-noout", "-email").stdout.lower().split()


def pem(certificates: Iterable[Certificate]) -> bytes:
    """Certificates as one file."""
    return b"".join(one.pem for one in certificates)


class Signatures:
    """Judges the signature of each mail at its certified time, under this machine's roots and those of --ca."""

    def __init__(self, tool: Openssl, members: Members, authorities: list[Certificate]) -> None:
        ders = [raw for name, raw in members.items() if name.startswith("certificates/") and name.endswith(".der")]
        self.tool = tool
        self.carried = [one for one in map(certificate, dict.fromkeys(ders)) if one]
        known = (*machine_roots(), *authorities)
        self.roots = {one.key_sha256: one for one in known if one.key_sha256 in PEC_ROOTS}
        self.own = [one for one in authorities if one.key_sha256 not in PEC_ROOTS and one.usable]

    def judge(self, receipt: Receipt) -> None:
        """Say who signed, whether a chain vouches for him, and what forbids that he issues receipts."""
        senders = [address_key(one) for one in field_addresses(part_of(receipt.raw), "from")]
        signers = self.tool.signers(receipt.raw, self.carried)
        addressed = [one for one in signers if len(senders) == 1 and senders[0] in self.tool.address_of(one)]
        receipt.signer = next(iter((*addressed, *signers)), None)
        if not addressed or receipt.issued is None:
            return
        receipt.issuer = (senders[0].rpartition("@")[2], organization(name_part(addressed[0].subject, ORGANIZATION)))
        public = [self.public(one, receipt.issued) for one in signers]
        receipt.named = not all(public)
        # Every signer must hold: which one counts differs from program to program.
        receipt.trusted = all(by or self.under_own(one, receipt.issued) for by, one in zip(public, signers))  # noqa: B905
        if senders[0].partition("@")[0] != SYSTEM_LOCAL_PART:
            receipt.faults.append(f"its signer is {senders[0]}, and not {SYSTEM_LOCAL_PART}@ a provider")

    def public(self, leaf: Certificate, at: datetime) -> bool:
        """Whether an authority of Italian PEC certified the leaf, directly under its root."""
        for key, root in self.roots.items():
            name, organization, legacy = PEC_ROOTS[key]
            right = (name_part(leaf.issuer, COMMON_NAME), name_part(leaf.issuer, ORGANIZATION)) == (name, organization)
            long_enough = leaf.bits >= (1024 if legacy else 2048) and leaf.algorithm not in MD_RSA
            between = [one for one in self.carried if one.usable and one.subject == leaf.issuer]
            between = [one for one in between if one.issuer == root.subject]
            if right and long_enough and self.tool.leads(leaf, between, [root], at):
                return True
        return False

    def under_own(self, leaf: Certificate, at: datetime) -> bool:
        """Whether a chain leads to an authority that --ca names."""
        return leaf.usable and self.tool.leads(leaf, [one for one in self.carried if one.usable], self.own, at)


# --- does a receipt agree with the message, and with the others? ---


@dataclass
class Message:
    """What is known of the message: by the queueing line, its record and the bytes (`composed`); by a copy; or by its
    receipts. All but the receipts is the sender's own word."""

    held_to: str | None = None
    sender: str | None = None
    recipients: list[str] = field(default_factory=list)
    subject: str | None = None
    reference: str | None = None
    identifier: str | None = None
    original: bytes | None = None
    compared: bytes | None = None  # what an enclosed original is held against: the message, or most receipts' own
    queued: datetime | None = None
    submitted: datetime | None = None
    owner: str | None = None


def message_of(members: Members, lines: dict[str, Entry], key: str) -> Message:
    """What the sender's own lines, records and copy say of the message."""
    acts = sorted(lines.values(), key=lambda line: str(line["id"]))
    records = {name[8:-5]: content for name, content in members.items() if name.startswith("records/")}
    known = [record(records, act) for act in acts if act["act"] == "mailbox.known"]
    queued = next((act for act in acts if act["act"] == "message.queued" and act["facts"].get("message") == key), None)
    made, raw = record(records, queued) if queued else {}, members.get("message/original.eml")
    by_server = [act for act in acts if act["act"] == "message.submitted" and act["facts"].get("by") == "server"]
    message = Message(original=raw, owner=known[-1].get("address") if known else None)
    message.queued = utc(queued["at"]) if queued else None
    message.submitted = max((utc(act["at"]) for act in by_server), default=None)
    if queued is not None and made and raw is not None:
        message.held_to = "composed"
        message.sender, message.reference = made.get("mail_from"), made.get("reference")
        message.recipients = [str(one) for one in made.get("rcpt_to", ())]
        message.subject, message.compared = part_of(raw).text("subject") or "", raw
    return message


def take_copy(message: Message, copy: bytes) -> None:
    """A message sent by other means: what the copy says that it is held to."""
    first = part_of(copy)
    senders = field_addresses(first, "from")
    message.held_to, message.sender = "copy", (senders or [message.owner or ""])[0]
    message.subject, message.reference = first.text("subject"), bare(first.text("message-id"))
    found: dict[str, str] = {}
    for address in (*field_addresses(first, "to"), *field_addresses(first, "cc")):
        found.setdefault(address_key(address), address)
    message.recipients, message.compared = list(found.values()), copy


def mail_date(value: bytes) -> datetime | None:
    """The Date of a mail with its zone; None where it cannot be read."""
    try:
        read = parsedate_to_datetime(value[:200].decode("ascii"))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if read.tzinfo is None:
        return read.replace(tzinfo=timezone.utc) if b"-0000" in value else None
    return read


def take_receipts(message: Message, receipts: list[Receipt]) -> None:
    """What the receipts alone say of a message: of several acceptances the one with which most of the rest agrees."""
    own = [one for one in receipts if one.trusted and not one.faults and one.kind in RECEIPTS]
    own = [one for one in own if message.owner is None or same_address(one.sender, message.owner)]
    accepted = [one for one in own if one.kind == "acceptance"]
    rest = [one for one in own if one.kind != "acceptance"]

    def supporters(source: Receipt) -> int:
        agreeing = (one for one in rest if same_id(one.identifier, source.identifier))
        return len({(one.kind, address_key(one.recipient or "")) for one in agreeing})

    source = max(accepted, key=supporters) if accepted else next(iter(own), None)
    if source is None:
        return
    message.held_to, message.sender, message.subject = "receipts", source.sender or "", source.subject
    message.reference, message.identifier = source.reference, source.identifier
    tied = [one for one in own if same_id(one.reference, source.reference)]
    tied += [one for one in own if same_id(one.identifier, source.identifier)]
    found: dict[str, str] = {}
    for one in [source] if source.kind == "acceptance" else [source, *sorted(tied, key=lambda one: one.order)]:
        for address in (*(each["address"] for each in one.recipients), one.recipient):
            if address is not None:
                found.setdefault(address_key(address), address)
    message.recipients = list(found.values())


def record(records: Members, line: Entry) -> Entry:
    """The record that a line names; empty where it is not there."""
    found = json.loads(records.get(str(line["facts"].get("record")), b"{}"))
    return found if isinstance(found, dict) else {}


def utc(text: str) -> datetime:
    """A time of the ledger."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def agree(receipts: list[Receipt], message: Message, now: datetime) -> None:
    """Hold every receipt against the message: what each `disagrees` in.

    A message sent by other means is first what its receipts say; then it is its copy, unless they speak against that.
    """
    if message.held_to is None:
        if message.owner is None:
            dated = [one for one in receipts if one.trusted and one.sender and one.issued and one.kind in RECEIPTS]
            message.owner = dated[0].sender if dated else None
        take_receipts(message, receipts)
        hold(receipts, message, now)
        counting = [one for one in receipts if one.counts]
        enclosed = [one.original for one in counting if one.original is not None and one.receipt_form != "breve"]
        copy = message.original
        mine = copy is not None and same_address((field_addresses(part_of(copy), "from") or [""])[0], message.owner)
        if copy is not None and (mine or message.owner is None) and not spoken_against(copy, counting):
            message.identifier = None
            take_copy(message, copy)
        elif enclosed:
            bodies = [body_of(part_of(one)) for one in enclosed]
            message.compared = enclosed[max(range(len(bodies)), key=lambda at: bodies.count(bodies[at]))]
    hold(receipts, message, now)


def spoken_against(copy: bytes, counting: list[Receipt]) -> bool:
    """Whether what counts encloses another original than this copy, or certifies another subject, and none this."""
    trial = Message(held_to="copy", compared=copy, subject=part_of(copy).text("subject"))
    against = False
    for one in counting:
        same = not list(original_points(one, trial)) if one.original is not None else None
        if same:
            return False
        told = None in (one.subject, trial.subject) or same_subject(one.subject or "", trial.subject or "")
        against = against or same is False or not told
    return against


def hold(receipts: list[Receipt], message: Message, now: datetime) -> None:
    """Each against the message by itself, then all together: the acceptance with which most agrees leads the rest."""
    for one in receipts:
        one.disagrees = list(points(one, message, now)) if message.held_to else ["message"]
    leading = led_by(receipts)
    for one in receipts:  # it could not lead, and by its identifier it may follow
        if one.kind == "acceptance" and one.reference is None and one.identifier and "reference" in one.disagrees:
            one.disagrees.remove("reference")
    if not leading:
        for one in receipts:
            if message.reference and one.reference is None and not same_id(one.identifier, message.identifier):
                one.disagrees.append("reference")
        return
    issuer = leading[0]
    accepted = [one for one in leading if one.kind == "acceptance" and same_provider(one, issuer)]
    identifier = message.identifier or (accepted[0].identifier if accepted else None)
    same = [one for one in accepted if one is accepted[0] or same_id(one.identifier, accepted[0].identifier)]
    first = min((one.issued for one in same if one.issued is not None), default=None)
    for one in receipts:
        together(one, message, identifier, first, issuer)
    counted = [one.identifier for one in receipts if one.counts and one.kind == "acceptance" and one.identifier]
    message.identifier = message.identifier or (identifier if message.held_to != "composed" else None)
    message.identifier = message.identifier or next(iter(counted), None)


def led_by(receipts: list[Receipt]) -> list[Receipt]:
    """The evidence of the sender's provider, best first: with whose identifier most of the rest agrees, whose
    identifier is its signer's, what the server saw arrive, what stands with others of its provider, the earliest."""
    holding = [one for one in receipts if one.counts]
    ours = [one for one in holding if one.kind in BY_SENDERS_PROVIDER]

    support: dict[str, set[tuple[str | None, str]]] = {}
    peers: dict[tuple[str, str], set[tuple[str | None, str]]] = {}
    for one in holding:
        place = (one.kind, address_key(one.recipient or ""))
        if one.kind in ("delivery", "non-delivery") and one.identifier:
            support.setdefault(one.identifier.lower(), set()).add(place)
        if one.kind in BY_SENDERS_PROVIDER:
            peers.setdefault(one.issuer, set()).add(place)

    def rank(one: Receipt) -> tuple[int, bool, bool, int, tuple[datetime, int, str, str]]:
        domain, own = one.issuer[0], (one.identifier or "").rpartition("@")[2].lower()
        fits = domain != "" and own != "" and (f".{own}".endswith(f".{domain}") or f".{domain}".endswith(f".{own}"))
        supported = len(support.get((one.identifier or "").lower(), ()))
        return -supported, not fits, not is_beside(one), -len(peers[one.issuer]), one.order

    return sorted(ours, key=rank)


def together(
    one: Receipt, message: Message, identifier: str | None, accepted: datetime | None, issuer: Receipt
) -> None:
    """What a receipt disagrees in with those that lead."""
    if None not in (one.identifier, identifier) and not same_id(one.identifier, identifier):
        one.disagrees.append("identifier")
    if message.reference and one.reference is None and not same_id(one.identifier, identifier):
        one.disagrees.append("reference")
    both = one.issued is not None and accepted is not None
    if both and one.kind in AFTER_ACCEPTANCE and one.issued < accepted - CLOCKS_DIFFER:  # type: ignore[operator]
        one.disagrees.append("order_of_times")
    if one.kind in BY_SENDERS_PROVIDER and not same_provider(one, issuer):
        one.disagrees.append("issuer")


def conflicts(receipts: list[Receipt]) -> list[str]:
    """What trusted evidence contradicts of the rest, and agrees in everything else."""
    names = set()
    for one in receipts:
        failed, certifies = set(one.disagrees), one.trusted and not one.faults and one.kind in RECEIPTS
        if certifies and failed <= {"identifier", "issuer", "order_of_times"}:
            names |= {f"two-{name}s" for name in failed & {"identifier", "issuer"}}
    return sorted(names)


LEGAL_FORMS = {"spa", "srl", "srls", "sapa", "snc", "sas", "scarl", "scpa", "spasu", "socio", "unico", "societa", "per",
               "azioni"}  # fmt: skip


def same_provider(one: Receipt, other: Receipt) -> bool:
    """Whether two receipts were signed by one provider: the same organization, or the same domain."""
    pairs = list(zip(one.issuer, other.issuer))  # noqa: B905 - Python 3.9
    pairs = [pair for pair in pairs if "" not in pair]
    return not pairs or any(left == right for left, right in pairs)


def organization(name: str) -> str:
    """Letters and digits of a name, without case, accents, punctuation and legal form."""
    plain = unicodedata.normalize("NFKD", name[:1_000]).casefold()  # an accent, apart, is no part of a word
    return "".join(word for word in re.sub(r"[^\w\s]|_", "", plain).split() if word not in LEGAL_FORMS)


def points(one: Receipt, message: Message, now: datetime) -> Iterator[str]:
    """The points in which a receipt disagrees with the message; what it does not speak of is no point."""
    known = {address_key(address) for address in message.recipients}
    certified = {address_key(each["address"]) for each in one.recipients}
    if one.sender is not None and message.sender and not same_address(one.sender, message.sender):
        yield "sender"
    if certified and known and not (certified == known if one.kind == "acceptance" else certified <= known):
        yield "recipients"
    if one.recipient is not None and known and address_key(one.recipient) not in known:
        yield "recipient"
    if None not in (one.subject, message.subject) and not same_subject(one.subject or "", message.subject or ""):
        yield "subject"
    if message.reference and one.reference is not None and not same_id(one.reference, message.reference):
        yield "reference"
    if message.reference and one.reference is None and (one.identifier is None or one.kind == "acceptance"):
        yield "reference"
    if lacks_original(one, message):
        yield "its original, which it does not enclose"
    if not right_time(one, message, now):
        yield "the clocks"
    if not could_sign(one, message):
        yield "the end of its certificate"
    if one.original is not None and message.compared is not None:
        yield from original_points(one, message)


def lacks_original(one: Receipt, message: Message) -> bool:
    """A complete or brief receipt encloses the original; for a recipient in Cc alone it may not (RFC 6109 3.3.2)."""
    encloses = one.kind == "delivery" and (one.receipt_form or "").lower() in ("completa", "breve")
    if not encloses or one.original is not None:
        return False
    ours = part_of(message.compared or b"")
    to, copied = ({address_key(each) for each in field_addresses(ours, name)} for name in ("to", "cc"))
    return one.recipient is None or address_key(one.recipient) not in copied - to


def right_time(one: Receipt, message: Message, now: datetime) -> bool:
    """Two of three clocks agree: the certified time lies between the message's making and the newest line, or the
    server's time of arrival stands beside it. Both of these are the sender's own word."""
    if one.issued is None:
        return False
    made = made_at(one, message)
    early = made is not None and one.issued < made - A_DAY
    return is_beside(one) or not (early or one.issued > now + A_DAY)


def is_beside(one: Receipt) -> bool:
    """Whether the server saw a mail arrive when it says that it was certified."""
    return one.arrived is not None and one.issued is not None and abs(one.arrived - one.issued) <= TWO_DAYS


def made_at(one: Receipt, message: Message) -> datetime | None:
    """When the message was made: by the queueing line, or by the Date of the original that is at hand."""
    own = one.original if one.original is not None else message.compared
    return message.queued if message.held_to == "composed" else mail_date(part_of(own or b"").first("date"))


def could_sign(one: Receipt, message: Message) -> bool:
    """Whether the signer's key could still sign for this message: its certificate, and its length of before 2019."""
    if one.signer is None:
        return False
    on_time = one.arrived is not None and one.arrived <= one.signer.until
    made = made_at(one, message)
    holds = made is None or made <= one.signer.until or on_time
    if one.signer.bits < 2048:
        return holds and message.held_to != "composed" and (one.arrived is None or one.arrived < SHORT_KEYS_UNTIL)
    return holds


def same_subject(certified: str, sent: str) -> bool:
    """The same text but for blanks, composition of letters, encoded words, and letters broken into U+FFFD."""
    ours = plain_text(sent)
    for theirs in (plain_text(certified), plain_text(decoded_text(certified.encode("utf-8", "replace")))):
        if theirs == ours or ("\ufffd" in theirs and same_but_broken(theirs, ours)):
            return True
    return False


def normal(form: str, text: str) -> str:
    """Text in a normal form of Unicode; past thirty marks on one letter (UAX 15, stream-safe) in pieces, for the order
    of marks takes the square of their number."""
    pieces: list[str] = []
    begun = marks = 0
    for at, letter in enumerate(text if not text.isascii() else ""):
        marks = marks + 1 if unicodedata.combining(letter) else 0
        if marks > 30:
            pieces.append(unicodedata.normalize(form, text[begun:at]))  # type: ignore[arg-type]
            begun, marks = at, 1
    return "".join([*pieces, unicodedata.normalize(form, text[begun:])])  # type: ignore[arg-type]


def plain_text(text: str) -> str:
    """For comparing: blanks as one, no control characters, letters composed."""
    kept = "".join(letter for letter in text if letter.isspace() or unicodedata.category(letter) != "Cc")
    return normal("NFC", " ".join(kept.split()))


def same_but_broken(theirs: str, ours: str) -> bool:
    """Whether two texts are equal but for runs beyond ASCII that were broken on the way."""
    left, right = (re.split("([^\x00-\x7f]+)", text) for text in (theirs, ours))
    broken = [("\ufffd" in a and "\ufffd" not in b and b != "" and not b.isascii(), a, b) for a, b in zip(left, right)]  # noqa: B905
    return len(left) == len(right) and all(mended or a == b for mended, a, b in broken)


# What a provider changes in the message that it encloses (RFC 5321 4.4, RFC 6109 2.2.1; seen in real originals).
PROVIDERS_OWN = {"received", "return-path", "message-id", "x-riferimento-message-id", "x-tiporicevuta"}
ONLY_SAID = {"date", "reply-to"}  # where these alone differ, pec-tracker says so as a limit
# Of a message that left by other means: what a mail program shows or obeys, beside content-, resent- and list- fields.
SHOWN = {
    *("", "from", "sender", "to", "cc", "bcc", "reply-to", "subject", "date", "mime-version", "in-reply-to"),
    *("references", "comments", "keywords", "organization", "importance", "priority", "x-priority", "sensitivity"),
    *("x-msmail-priority", "disposition-notification-to", "return-receipt-to", "mail-followup-to", "followup-to"),
    *("newsgroups", "expires", "supersedes", "archived-at", "autocrypt", "face", "x-face"),
}
CHARSETS = {"utf-8": "utf-8", "us-ascii": "ascii", "iso-8859-1": "latin-1", "iso-8859-15": "iso8859-15",
            "windows-1252": "cp1252"}  # fmt: skip
TOKEN, QUOTED = r"[!#$%&'*+.0-9A-Z^_`a-z{|}~-]+", r'"(?:[^"\\]|\\.)*"'
TYPED = re.compile(rf"({TOKEN}(?:/{TOKEN})?) ?((?:; ?{TOKEN}=(?:{TOKEN}|{QUOTED}) ?)*);?")
TYPED_PARAMETER = re.compile(rf"; ?({TOKEN})=({TOKEN}|{QUOTED})")
WHOLE_WORD = re.compile(r"(?<!\S)=\?([A-Za-z0-9-]{1,40})(?:\*[A-Za-z0-9-]*)?\?([bBqQ])\?([!->@-~]*)\?=(?!\S)")
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
SPECIAL = re.compile(r'[()<>\[\]:;@\\,."\x00-\x1f\x7f]')
Fields = list[tuple[str, str]]


def compared_fields(raw: bytes) -> Fields:
    """The header fields in the form in which two copies are compared: equal only where every mail program reads the
    same. A line that is none has no name."""
    blank = re.search(rb"\A\r?\n|\n\r?\n", raw)
    head = raw[: blank.start() + 1] if blank and blank.end() > 2 else raw if blank is None else b""
    head = head[3 if head.startswith(b"\xef\xbb\xbf") else 0 :]
    text = head.decode("utf-8", "surrogateescape").replace("\x00", "\udc00")
    fields: list[tuple[str, list[str]]] = []
    for number, written in enumerate(text.split("\n")):
        line = written[:-1] if written.endswith("\r") else written
        if not line or (number == 0 and line.startswith(("From ", ">From "))):
            continue
        if line.startswith((" ", "\t")) and fields:
            fields[-1][1].append(line if line.strip(" \t") else "\n")
            continue
        before, colon, after = line.partition(":")
        fields.append((before.lower(), [after]) if colon else ("", [line]))
    found = [(name, compared_value(name, re.sub(r"[ \t]+", " ", "".join(lines)).strip(" "))) for name, lines in fields]
    return [(name, value) for name, value in found if name not in PROVIDERS_OWN or CONTROL.search(value)]


def compared_value(name: str, text: str) -> str:
    """A field's value: decoded, or taken apart, where it follows the grammar to the letter; else as it stands."""
    if name in ("subject", "from", "to", "cc", "reply-to"):
        return words_decoded(text, SPECIAL if name != "subject" else CONTROL)
    if name in ("content-type", "content-disposition"):
        found = TYPED.fullmatch(text[:16384])
        pairs = [(key.lower(), unquoted(value)) for key, value in TYPED_PARAMETER.findall(found[2] if found else "")]
        if found is None or len(text) > 16384 or len(dict(pairs)) != len(pairs):
            return text
        written = sorted((key, value.lower() if key == "charset" else value) for key, value in pairs)
        return found[1].lower() + "".join(f"\0{key}={value}" for key, value in written)
    return text.lower() if name == "content-transfer-encoding" else text


def words_decoded(text: str, forbidden: re.Pattern[str]) -> str:
    """Text with its encoded words decoded; as it stands where a mail program could read it otherwise."""
    if not text.isascii() or "=?" not in text:
        return text if text.isascii() else "\0" + text
    pieces: list[str] = []
    at, words = 0, list(WHOLE_WORD.finditer(text))[::-1]  # the next one stands last
    while words:
        run = [words.pop()]
        charset = run[0][1].lower()
        while words and words[-1][1].lower() == charset and not text[run[-1].end() : words[-1].start()].strip():
            run.append(words.pop())
        between = text[at : run[0].start()]
        try:
            decoded = b"".join(map(strict_word, run)).decode(CHARSETS[charset])
        except (KeyError, ValueError):
            return text
        if forbidden.search(decoded):
            return text
        pieces += ["" if pieces and not between.strip() else between, decoded]
        at = run[-1].end()
    whole = "".join([*pieces, text[at:]])
    return text if "=?" in whole else normal("NFC", re.sub(r"[ \t]+", " ", whole).strip(" "))


def strict_word(word: re.Match[str]) -> bytes:
    """The bytes of an encoded word that is well-formed to the letter. Raises ValueError."""
    content = word[3].encode("ascii")
    if word[2] in "bB":
        found = base64.b64decode(content, validate=True)
        if base64.b64encode(found) != content:
            raise ValueError("not to the letter")
        return found
    if not re.fullmatch(rb"(?:=[0-9A-Fa-f]{2}|[!-<>-~])*", content):
        raise ValueError("not to the letter")
    return binascii.a2b_qp(content, header=True)


def original_points(one: Receipt, message: Message) -> Iterator[str]:
    """The enclosed original against the message as sent: it must read the same. The point of every difference that
    takes the proof away."""
    theirs, ours = one.original or b"", message.compared or b""
    brief = one.kind == "delivery" and one.receipt_form == "breve"
    composed = message.held_to == "composed"
    left, right = compared_fields(theirs), compared_fields(ours)
    for name in differing(left, right, every=composed):
        if name not in ONLY_SAID and not name.startswith("content-"):
            yield f"original's {name or 'header'}"
    top = list(differing(contents(left), contents(right), every=True))
    if body_of(part_of(theirs)) == body_of(part_of(ours)) and not top:
        return
    if composed and not brief:
        yield from (f"original's {name}" for name in top)
        if body_of(part_of(theirs)) != body_of(part_of(ours)):
            yield "original's body"
    elif not same_parts(theirs, ours, brief=brief):
        yield "original's parts"


def contents(fields: Fields) -> Fields:
    """The fields that say how a body reads."""
    return [one for one in fields if one[0].startswith("content-")]


def differing(theirs: Fields, ours: Fields, *, every: bool) -> Iterator[str]:
    """The names of fields that differ, or that one of both lacks."""
    left, right = by_name(theirs), by_name(ours)
    for name in sorted(left.keys() | right.keys()):
        told = every or name in SHOWN or name.startswith(("content-", "resent-", "list-"))
        if told and left.get(name) != right.get(name):
            yield name


def by_name(fields: Fields) -> dict[str, list[str]]:
    """The values of each field, in order."""
    found: dict[str, list[str]] = {}
    for name, value in fields:
        found.setdefault(name, []).append(value)
    return found


def body_of(part: Part) -> str:
    """The SHA-256 of a mail's body, with line ends as on the wire and none at its end."""
    return sha256(wire(part.body))


def wire(body: bytes) -> bytes:
    """A body with line ends as on the wire, and none at its end."""
    return body.rstrip(b"\r\n").replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


Node = tuple[Part, Fields, bytes]  # a part, its fields as compared, and of a multipart what stands outside its parts


def nodes(raw: bytes) -> dict[str, Node]:
    """Every node of a mail's tree by its place; with one named `cut` where the tree is larger than is looked at."""
    found: dict[str, Node] = {}
    waiting: list[tuple[str, bytes]] = [("1", raw)]
    while waiting:
        place, entity = waiting.pop()
        part = part_of(entity)
        inner = parts_of(part) if place.count(".") < 20 else []
        fields = [one for one in compared_fields(entity) if place != "1" or one[0].startswith("content-")]
        around = b""
        if inner:
            fields = [(name, re.sub("\0boundary=[^\0]*", "", value)) for name, value in fields]
            around = outside(part)
        found[place] = (part, fields, around)
        waiting += [(f"{place}.{number}", one) for number, one in enumerate(inner)]
        if len(found) + len(waiting) > MOST_PARTS:
            found["cut"] = found[place]
            return found
    return found


def outside(part: Part) -> bytes:
    """What stands before the first and after the last boundary of a multipart."""
    mark = b"--" + part.parameters("content-type")[1].get("boundary", "").rstrip().encode("utf-8", "replace")
    before = part.body.partition(mark)[0]
    closed = part.body.rpartition(mark + b"--")
    return before.strip(b"\r\n") + b"\0" + (closed[2].strip(b" \t\r\n") if closed[1] else b"")


def same_parts(theirs: bytes, ours: bytes, *, brief: bool) -> bool:
    """The same tree, node for node: the same fields, the same content, or its SHA-1 where a brief receipt puts that."""
    left, right = nodes(theirs), nodes(ours)
    if left.keys() != right.keys() or "cut" in left:
        return False
    return all(same_node(left[place], right[place], brief=brief) for place in left)


def same_node(theirs: Node, ours: Node, *, brief: bool) -> bool:
    """One node against ours; a hash stands for the encoded or (seen) the decoded content."""
    part, fields, around = theirs
    mine, own_fields, own_around = ours
    content = part.decoded or b""
    digits = content.strip().lower().decode("latin-1") if len(content) <= 200 else ""
    if brief and part.filename.lower().endswith(".hash") and re.fullmatch("[0-9a-f]{40}", digits):
        hashes = {hashlib.sha1(one).hexdigest() for one in (mine.decoded or mine.body, wire(mine.body))}
        named = mine.filename in ("", part.filename) or part.filename == f"{mine.filename}.hash"
        return named and digits in hashes
    names = set(differing(fields, own_fields, every=True))
    same = part.decoded is not None and part.decoded == mine.decoded and around == own_around
    if part.type.startswith("multipart/") and part.decoded != mine.decoded:
        same = around == own_around  # its parts are nodes of their own
    recoded = {"content-transfer-encoding"} if part.decoded is not None and is_clean(part) and is_clean(mine) else set()
    return same and not names - recoded


def is_clean(part: Part) -> bool:
    """Whether a transfer encoding is well-formed to the letter, so that no reader decodes it otherwise."""
    encoding = part.first("content-transfer-encoding").strip().lower()
    body = wire(part.body).replace(b"\r\n", b"\n")
    if encoding == b"base64":
        joined = body.replace(b"\n", b"")
        return base64.b64encode(part.decoded or b"") == joined
    if encoding == b"quoted-printable":
        return re.fullmatch(rb"(?:=[0-9A-F]{2}|=\n|[\t\n -<>-~])*", body) is not None
    return encoding in (b"", b"7bit", b"8bit", b"binary")


# --- where each recipient's journey stands ---


def is_final(notice: Receipt, accepted: datetime | None) -> bool:
    """Whether a delay notice closes the transaction, as the one after 24 hours does (RFC 6109 3.1.6)."""
    if notice.error_code == "5.4.1":
        return True
    return None not in (notice.issued, accepted) and notice.issued - accepted >= timedelta(hours=22)  # type: ignore[operator]


def concerns(one: Receipt, recipient: str) -> bool:
    """Whether evidence speaks of a recipient."""
    if one.kind in ("acceptance", "non-acceptance"):
        return True
    if one.recipient is not None:
        return same_address(one.recipient, recipient)
    return {address_key(each["address"]) for each in one.recipients} == {address_key(recipient)}


def journey(recipient: str, counting: list[Receipt]) -> Entry:
    """The state of the message towards one recipient, from the evidence that counts: the best that it gives."""
    ours = [one for one in counting if concerns(one, recipient)]
    of = {kind: [one for one in ours if one.kind == kind] for kind in RECEIPTS}
    accepted = of["acceptance"][0].issued if of["acceptance"] else None
    final = [one for one in of["delay-notice"] if is_final(one, accepted)]
    delays = [one for one in of["delay-notice"] if one not in final]
    failures = sorted(of["non-delivery"] + final, key=lambda one: one.order)
    external = of["acceptance"] if is_external(recipient, of["acceptance"]) else []
    claims = [("delivered", of["delivery"]), ("failed", failures), ("not_accepted", of["non-acceptance"])]
    claims += [("external", external), ("delayed", delays), ("accepted", of["acceptance"])]
    state, deciding = next(((name, found[0]) for name, found in claims if found), ("awaiting_acceptance", None))
    failed = deciding if state in ("failed", "not_accepted", "delayed") else None
    best = (*of["delivery"], *failures, *of["non-acceptance"], *delays, *of["acceptance"])
    return {
        "recipient": recipient, "state": state, "state_at": iso(deciding.issued if deciding else None),
        "accepted_at": iso(accepted), "delivered_at": iso(of["delivery"][0].issued if of["delivery"] else None),
        "error_code": failed.error_code if failed else None, "error_detail": failed.error_detail if failed else None,
        "contradictions": list(contradictions(of, failures, bool(external))),
        "evidence": list(dict.fromkeys(one.key for one in best)),
    }  # fmt: skip


def is_external(recipient: str, acceptances: list[Receipt]) -> bool:
    """An ordinary mailbox, by the first acceptance that lists it; listed both ways it is held to be certified."""
    for one in acceptances:
        types = {each["type"] for each in one.recipients if same_address(each["address"], recipient)}
        if types:
            return types == {"esterno"}
    return False


def contradictions(of: dict[str, list[Receipt]], failures: list[Receipt], external: bool) -> Iterator[str]:
    """What cannot both be true."""
    delivered, refused, accepted = of["delivery"], of["non-acceptance"], of["acceptance"]
    if delivered and failures:
        yield "delivery-and-failure"
    if delivered and refused:
        yield "delivery-and-not-accepted"
    if delivered and external:
        yield "delivery-to-external"
    if failures and refused:
        yield "failure-and-not-accepted"
    if accepted and refused:
        yield "acceptance-after-refusal" if refused[0].order < accepted[0].order else "refusal-after-acceptance"
    for name, found in (("two-deliveries", delivered), ("two-acceptances", accepted)):
        if len({one.issued for one in found}) > 1:
            yield name


def iso(at: datetime | None) -> str | None:
    """A time as report.json writes it."""
    return at.isoformat() if at is not None else None


# --- sums, ledger, stamps ---


def sums_findings(members: Members) -> Iterator[Finding]:
    """SHA256SUMS lists every other member, as it is, and nothing else."""
    if "SHA256SUMS" not in members:
        yield "SHA256SUMS", "is missing"
        return
    lines = members["SHA256SUMS"].decode("utf-8", "replace").split("\n")
    listed = {line[66:]: line[:64] for line in lines if line}
    right = "".join(f"{sha256(members[name])}  {name}\n" for name in sorted(members) if name != "SHA256SUMS")
    named = False
    for name in sorted((listed.keys() | members.keys()) - {"SHA256SUMS"}):
        if name not in members or listed.get(name) != sha256(members[name]):
            named = True
            wrong = "does not have the SHA-256 that SHA256SUMS says" if name in listed else "is not in SHA256SUMS"
            yield name, wrong if name in members else "is missing"
    if not named and "\n".join(lines) != right:
        yield "SHA256SUMS", "is not written as it should be"


@dataclass
class Seal:
    """A seal: its member, its number, the SHA-256 of each line by its id, the time of its newest line by their ids."""

    member: str
    number: int
    lines: dict[str, str]
    newest: datetime


SEAL_TEXT = re.compile(
    r"# previous ([0-9a-f]{64}|none)\n(# head ([0-9a-f]{64})\n)?(([0-9a-f]{64}  [0-9a-v]{26}\.json\n)+)"
)


def seals_of(members: Members) -> tuple[list[Seal], list[Finding]]:
    """The seals in order, and what is wrong with them or between them."""
    seals: list[Seal] = []
    findings: list[Finding] = []
    says: dict[str, list[tuple[str, str]]] = {}  # of each seal and head: the members that it names, and their SHA-256
    for name in sorted(name for name in members if re.fullmatch(r"ledger/[0-9]{8,15}\.seal", name)):
        number = int(name[7:-5])
        text = SEAL_TEXT.fullmatch(members[name].decode("ascii", "replace"))
        if text is None or name != seal_name(number):
            findings.append((name, "is no seal"))
        else:
            says[name] = [(seal_name(number - 1), text[1]), (head_name(number - 1), text[3] or "")]
        lines = {row[66:92]: row[:64] for row in (text[4] if text else "").splitlines()}
        seals.append(Seal(name, number, lines, max(map(time_of_id, lines), default=EPOCH)))
    for name in members:
        if name.startswith("ledger/") and name.endswith(".head"):
            says[name] = head_says(name, members[name])
            if not says[name]:
                findings.append((name, "is no head of a seal"))
    findings += chain_findings(members, [seal.member for seal in seals], says)
    return seals, findings


def seal_name(number: int) -> str:
    """The member of a seal."""
    return f"ledger/{number:08}.seal"


def head_name(number: int) -> str:
    """The member of a head, which names its seal and the heads 1, 16, 256 ... before it that divide its number."""
    return f"ledger/{number:08}.head"


def head_says(name: str, content: bytes) -> list[tuple[str, str]]:
    """What a head names, each with the SHA-256 that it says; nothing where it is not written as heads are."""
    rows = re.findall(r"([0-9a-f]{64})  (.+)\n", content.decode("ascii", "replace"))
    number = int(name[7:-5])
    right, step = [seal_name(number)], 1
    while step < number and number % step == 0:
        right.append(head_name(number - step))
        step *= 16
    found = [("ledger/" + row[1], row[0]) for row in rows]
    same = [one[0] for one in found] == right and "".join(f"{row[0]}  {row[1]}\n" for row in rows).encode() == content
    return found if same and name == head_name(number) else []


def chain_findings(members: Members, seals: list[str], says: dict[str, list[tuple[str, str]]]) -> Iterator[Finding]:
    """From the newest seal every other, and every head, is reached by what each says of those before it."""
    reached: set[str] = set()
    for newest in reversed(seals):
        if newest in reached:
            continue
        if reached:
            yield "ledger/", "lacks a seal"
        waiting = [newest]
        reached.add(newest)
        while waiting:
            name = waiting.pop()
            for earlier, digest in says.get(name, ()):
                if earlier not in members or digest == "":
                    continue
                if sha256(members[earlier]) != digest:
                    yield name, "does not follow the seal before" if name in seals else "names what is not here"
                if earlier not in reached:
                    reached.add(earlier)
                    waiting.append(earlier)
    if not seals:
        yield "ledger/", "lacks a seal"
    for name in says:
        if name not in reached:
            yield name, "leads to no seal"


def time_of_id(line_id: str) -> datetime:
    """When a line was written, as the first 56 bits of its id say in microseconds: the sender's clock."""
    value = 0
    for letter in line_id[:12]:
        value = value * 32 + "0123456789abcdefghijklmnopqrstuv".index(letter)
    return EPOCH + timedelta(microseconds=value >> 4)


def lines_of(members: Members, seals: list[Seal], key: str) -> tuple[dict[str, Entry], list[Finding]]:
    """The lines that stand in a seal, by member; and each that does not, or is about another message."""
    sealed = {line: digest for seal in seals for line, digest in seal.lines.items()}
    lines: dict[str, Entry] = {}
    findings: list[Finding] = []
    for name, content in members.items():
        if not (name.startswith("ledger/") and name.endswith(".json")):
            continue
        if sealed.get(name[7:-5]) != sha256(content):
            findings.append((name, "does not stand in a seal as it is"))
            continue
        line = json.loads(content)
        canonical = json.dumps(line, sort_keys=True, separators=(",", ":")) + "\n"
        if canonical.encode() != content or line["id"] != name[7:-5] or not isinstance(line["facts"], dict):
            findings.append((name, "is no ledger line"))
            continue
        if str(line["act"]).startswith("message.") and line["facts"].get("message") != key:
            findings.append((name, "is about another message"))
        lines[name] = line
    return lines, findings


def named_findings(members: Members, lines: dict[str, Entry]) -> Iterator[Finding]:
    """Each mail and each record is named by a sealed line, and each that a line names is there."""
    places = ("message/", "receipts/", "not-proof/")
    mails = {sha256(members[one]): one for one in members if one.startswith(places) and one.endswith(".eml")}
    takers = ("mail.archived", "message.queued")
    named = {line["facts"].get("mail") for line in lines.values() if line["act"] in takers}
    records = {line["facts"].get("record") for line in lines.values()}
    for name, line in lines.items():
        if line["act"] in takers and line["facts"].get("mail") not in mails:
            yield name, "names a mail that is missing"
        kept = line["act"] in ("mailbox.known", "message.queued")
        if kept and f"records/{line['facts'].get('record')}.json" not in members:
            yield name, "names a record that is missing"
    for digest, name in mails.items():
        if digest not in named:
            yield name, "is named by no sealed line"
    for name, content in members.items():
        if name.startswith("records/") and (name[8:-5] != sha256(content) or name[8:-5] not in records):
            yield name, "is named by no sealed line"


@dataclass
class Stamp:
    """A time-stamp over a seal: when, or None; `wrong` is what is a finding, `unknown` why it is not verified here."""

    seal: Seal
    member: str
    at: datetime | None = None
    wrong: str = ""
    unknown: str = ""


def token_stamp(tool: Openssl, members: Members, seal: Seal, roots: str) -> Stamp:
    """Verify an RFC 3161 token over a seal by openssl: imprint, signature, chain, purpose, at its own time."""
    stamp = Stamp(seal, seal.member[:-5] + ".tsr")
    tsr = tool.file("token", members[stamp.member])
    bare_form = ["-token_in"] if tool.run("ts", "-reply", "-in", tsr, "-token_in", "-text").returncode == 0 else []
    if not bare_form and tool.run("ts", "-reply", "-in", tsr, "-token_out", "-out", "bare").returncode != 0:
        stamp.wrong = "is no time-stamp"
        return stamp
    source = tsr if bare_form else "bare"
    said = tool.run("ts", "-reply", "-in", source, "-token_in", "-text").stdout
    told = re.search(r"^Time stamp: (\w{3}) +(\d+) ([\d:]{8})(?:\.\d+)? (\d{4}) GMT$", said, re.M)
    if told is None:
        stamp.wrong = "says no time"
        return stamp
    at = datetime.strptime(" ".join(told.groups()), "%b %d %H:%M:%S %Y").replace(tzinfo=timezone.utc)
    data = tool.file("stamped", members[seal.member])
    verified = ("ts", "-verify", "-data", data, "-in", source, "-token_in", "-CAfile", roots)
    done = tool.run(*verified, "-attime", str(int(at.timestamp())))
    if done.returncode == 0:
        stamp.at = at
    elif re.search(r"certificate verify error|unable to get|self.signed", done.stderr):
        stamp.unknown = "its chain leads to no time-stamp authority that is known here (--tsa-ca names one)"
    else:
        stamp.wrong = "is no time-stamp over the seal beside it that holds"
    return stamp


def notary_stamps(members: Members, seals: list[Seal], signatures: Signatures) -> Iterator[Stamp]:
    """Certified acceptances that quote the SHA-256 of a seal in their subject, and so date it."""
    for name in sorted(name for name in members if name.startswith("notary/")):
        seal = next((one for one in seals if f"{one.number:08}" == name[7:].partition(".")[0]), None)
        if seal is None:
            yield Stamp(Seal(name, 0, {}, EPOCH), name, wrong="dates no seal of this package")
            continue
        receipt = read_receipt(name, members[name])
        signatures.judge(receipt)
        stamp = Stamp(seal, name, at=receipt.issued if receipt.trusted and not receipt.faults else None)
        if receipt.kind != "acceptance" or sha256(members[seal.member]) not in (receipt.subject or ""):
            stamp.at, stamp.wrong = None, "does not date its seal"
        elif stamp.at is None:
            stamp.unknown = "its signature does not hold under an authority of this machine or of --ca"
        yield stamp


def stamp_findings(stamps: list[Stamp], seals: list[Seal]) -> Iterator[Finding]:
    """What is wrong with a stamp, or impossible beside the seals."""
    after = {seal.number - 1: seal for seal in seals}
    for one in stamps:
        if one.wrong:
            yield one.member, one.wrong
        elif one.at is not None and one.at < one.seal.newest - CLOCKS_DIFFER:
            yield one.member, "is older than the newest line of its seal: the ledger's times are not what they say"
        elif one.at is not None and one.seal.number in after and after[one.seal.number].newest < one.at - TWO_DAYS:
            yield one.member, "is younger than the lines of the seal that follows: its lines were dated back"


# --- the report, and the rest of the package ---

# Contradictions between copies of a message that left by other means: which one is the message is said by their names.
COPIES_DIFFER = ("copies-differ", "copy-differs")

SHAPES = re.compile(
    r"message/(original|copy-[0-9]{2,})\.eml|(receipts|not-proof)/[0-9]{3,}-[a-z-]+\.eml|records/[0-9a-f]{64}\.json"
    r"|ledger/([0-9a-v]{26}\.json|[0-9]{8,}\.(seal|tsr|head))|notary/[0-9]{8,}\.[0-9a-f]{8}\.eml"
    r"|certificates/([0-9a-f]{16}\.(der|pem)|chain-[0-9]+-(anchor|intermediates)\.pem)"
    r"|revocation/[0-9a-f]{16}\.(crl|ocsp)|metadata/([0-9]{3,}-[a-z-]+|original|PIndex)\.xml"
    r"|daticert/[0-9]{3,}-[a-z-]+\.xml|README\.txt|LEGGIMI\.txt|summary\.pdf|riepilogo\.pdf"
    r"|report\.json|SHA256SUMS|verify_package\.py"
)


@dataclass
class Result:
    """What came of it: what does not hold, what a reader should know, and where each recipient's journey stands."""

    findings: list[Finding] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    journeys: list[Entry] = field(default_factory=list)
    proof: list[Receipt] = field(default_factory=list)
    message: Message = field(default_factory=Message)

    def take(self, member: str, check: Callable[[], Any]) -> Any:
        """Run a check; whatever bytes make it stumble over are a finding, never a fault of this program."""
        try:
            found = check()
            return list(found) if isinstance(found, Iterator) else found
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the package is not as packages are made
            self.findings.append((member, f"or what it names cannot be read ({type(error).__name__})"))
            return None

    def add(self, member: str, check: Callable[[], Iterator[Finding]]) -> None:
        """Run a check that gives findings."""
        self.findings += self.take(member, check) or []


class Package:
    """One package under examination."""

    def __init__(self, members: Members, tool: Openssl, authorities: list[Certificate], stamp_roots: bytes) -> None:
        self.members, self.tool, self.result = members, tool, Result()
        self.signatures = Signatures(tool, members, authorities)
        self.stamp_roots = tool.file("stamp-roots", stamp_roots)
        self.report: Entry = {}

    def examine(self) -> Result:
        """Everything, from what the rest is derived to what is derived from it."""
        take, members = self.result.add, self.members
        take("SHA256SUMS", lambda: sums_findings(members))
        take("ZIP", lambda: ((name, "does not belong here") for name in members if not SHAPES.fullmatch(name)))
        take("certificates/", lambda: certificate_findings(members))
        take("metadata/PIndex.xml", lambda: index_findings(members))
        take("report.json", self.report_read)
        take("report.json", self.ledger)
        take("report.json", self.summary)
        return self.result

    def report_read(self) -> Iterator[Finding]:
        """The report, written as packages write it: a key that stands twice would read two ways."""
        raw = self.members["report.json"]
        self.report = json.loads(raw)
        if (json.dumps(self.report, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "replace") != raw:
            yield "report.json", "is not written as it should be"
        if self.report["schema"] != 1:
            yield "report.json", "is of another kind than this program knows"

    def ledger(self) -> Iterator[Finding]:
        """Seals and lines, and then what rests on them: receipts, journeys, stamps."""
        members, told = self.members, self.report
        seals, findings = seals_of(members)
        key = told["message"]["key"]
        lines, more = lines_of(members, seals, key)
        yield from (*findings, *more, *named_findings(members, lines))
        last = seals[-1]
        as_of = {"seal": last.number, "sha256": sha256(members[last.member]), "at": last.newest.isoformat()}
        if told["as_of"] != as_of:
            yield last.member, "is not the seal that report.json names"
        yield from ledger_entry_findings(told["ledger"], members, seals, lines)
        message = self.result.message = message_of(members, lines, key)
        receipts = self.receipts(lines)
        agree(receipts, message, last.newest)
        yield from self.evidence(receipts)
        yield from self.judged(receipts)
        yield from self.stamped(seals, lines)

    def receipts(self, lines: dict[str, Entry]) -> list[Receipt]:
        """Every mail in receipts/ and not-proof/, read and judged, in order of time."""
        found = []
        for member in sorted(name for name in self.members if name.startswith(("receipts/", "not-proof/"))):
            receipt = read_receipt(member, self.members[member])
            self.signatures.judge(receipt)
            mine = (one["facts"] for one in lines.values() if one["act"] == "mail.archived")
            times = [one.get("internal_at") for one in mine if one.get("mail") == receipt.key]
            receipt.arrived = min((utc(time) for time in times if time), default=None)
            found.append(receipt)
        return sorted(found, key=lambda one: one.order)

    def evidence(self, receipts: list[Receipt]) -> Iterator[Finding]:
        """Each mail against its entry in report.json, its extract, and the folder in which it lies."""
        told = [(entry, part == "proof") for part in ("proof", "not_proof") for entry in self.report[part]]
        entries = {entry["member"]: (entry, counts) for entry, counts in told}
        found = {one.member for one in receipts}
        if len(entries) != len(told) or entries.keys() != found:
            yield from ((name, "is not what report.json lists") for name in sorted(entries.keys() ^ found))
            yield "report.json", "does not list each receipt once"
        for one in receipts:
            yield from extract_findings(self.members, one)
            if one.member in entries:
                yield from entry_findings(one, *entries[one.member])

    def judged(self, receipts: list[Receipt]) -> Iterator[Finding]:
        """The message and the journeys that report.json tells, against those that follow from what counts."""
        message, told = self.result.message, self.report
        counting = self.result.proof = [one for one in receipts if one.counts]
        raw = message.original
        names = ("held_to", "subject", "sender", "recipients", "reference", "identifier")
        facts = {name: getattr(message, name) for name in names}
        facts["member"], facts["sha256"] = ("message/original.eml", sha256(raw)) if raw is not None else (None, None)
        facts["queued_at"], facts["submitted_at"] = iso(message.queued), iso(message.submitted)
        for name, value in facts.items():
            if told["message"].get(name) != value:
                yield "report.json", f"says otherwise of the message's {name} than its bytes"
        about = dict.fromkeys(message.recipients)
        known = {address_key(one) for one in about}
        others = [one.recipient for one in counting if one.recipient and address_key(one.recipient) not in known]
        about.update(dict.fromkeys(others))
        wanted = told["recipient"]
        about_it = [one for one in about if wanted is None or same_address(one, str(wanted))]
        self.result.journeys = [journey(one, counting) for one in about_it]
        odd = conflicts(receipts)
        for right in self.result.journeys:
            right["contradictions"] += odd
            entries = (one for one in told["journeys"] if same_address(one["recipient"], right["recipient"]))
            entry: Entry = next(entries, {})
            for name, value in right.items():
                said = entry.get(name)
                if name == "contradictions" and message.held_to != "composed" and isinstance(said, list):
                    said = [one for one in said if one not in COPIES_DIFFER]
                if said != value:
                    yield "report.json", f"says {name} {entry.get(name)} of {right['recipient']}; it follows: {value}"
        if len(told["journeys"]) != len(self.result.journeys):
            yield "report.json", "does not tell one journey for each recipient"
        if wanted is not None:
            self.result.remarks.append(f"It is about {wanted} only.")

    def stamped(self, seals: list[Seal], lines: dict[str, Entry]) -> Iterator[Finding]:
        """Time-stamps, and what they vouch for."""
        stamped = [one for one in seals if one.member[:-5] + ".tsr" in self.members]
        stamps = [token_stamp(self.tool, self.members, one, self.stamp_roots) for one in stamped]
        stamps += notary_stamps(self.members, seals, self.signatures)
        yield from stamp_findings(stamps, seals)
        listed = {str(one["member"]): one for one in self.report["stamps"]}
        for one in stamps:
            entry = listed.pop(one.member, {})
            if one.at is not None and entry.get("at") != one.at.isoformat():
                yield one.member, "is not what report.json says of it"
            if one.unknown:
                self.result.remarks.append(f"{one.member} was NOT verified here: {one.unknown}.")
        yield from ((name, "is not in the package, and report.json names it") for name in sorted(listed))
        self.result.remarks.append(vouched([one for one in stamps if one.at is not None], seals, lines))

    def summary(self) -> Iterator[Finding]:
        """The mails attached to the PDF summary are those of the package, all of them."""
        names = {"en": ("README.txt", "summary.pdf"), "it": ("LEGGIMI.txt", "riepilogo.pdf")}
        readme, name = names[self.report["language"]]
        wanted = {readme, name} if self.report["pdf"] is True else {readme}
        there = self.members.keys() & {one for pair in names.values() for one in pair}
        yield from ((one, "is missing" if one in wanted else "does not belong here") for one in sorted(there ^ wanted))
        if name in there & wanted:
            mails = {raw for member, raw in self.members.items() if member.endswith(".eml")}
            attached = set(attachments(self.members[name]))
            others = attached - mails  # the summary's own facts, and nothing else
            if mails - attached or len(others) > 1 or any(not other.startswith(b"{") for other in others):
                yield name, "the mails attached to it are not those of the package"


def vouched(stamps: list[Stamp], seals: list[Seal], lines: dict[str, Entry]) -> str:
    """Up to where the ledger is dated from outside, in words."""
    newest = max(stamps, key=lambda one: one.seal.number, default=None)
    if newest is None or newest.at is None:
        return "Nothing from outside dates the sender's ledger: its own times are the sender's word."
    under = {line for seal in seals if seal.number <= newest.seal.number for line in seal.lines}
    later = sum(name[7:-5] not in under for name in lines)
    number, at, known = newest.seal.number, newest.at.isoformat(), newest.member
    if later == 0:
        return f"What the ledger says up to seal {number} was written by {at} ({known})."
    return (
        f"What the ledger says up to seal {number} was written by {at} ({known}); {later} line(s) here are later, and "
        "the sender's word."
    )


def entry_findings(one: Receipt, entry: Entry, counts: bool) -> Iterator[Finding]:
    """What report.json says of a mail, and where the mail lies, against what follows from its bytes."""
    member, done = one.member, entry["verification"]
    if entry["sha256"] != one.key:
        yield member, "is not the mail that report.json names"
    if entry["counts"] is not counts or counts is not member.startswith("receipts/"):
        yield member, "does not lie in the folder to which report.json says that it belongs"
    if one.tipo is not None and (counts or not one.faults):
        said = {name: getattr(one, name, None) for name in COMPARED} | {"issued_at": iso(one.issued)}
        for name in COMPARED:
            if entry[name] != said[name]:
                yield member, f"certifies another {name} than report.json says: {said[name]}"
    if counts and not one.counts:
        yield member, f"does not count as proof, and report.json counts it: {why_not(one)}"
    revoked = "revoked" in done["reasons"]
    if one.counts and not counts and not revoked:
        yield member, "counts as proof by all that is looked at here, and report.json does not count it"
    if counts and done["verdict"] != "trusted":
        yield "report.json", f"counts {member}, whose signature it does not call trusted"
    if done["verdict"] in ("trusted", "intact") and one.signer is None:
        yield member, "its signature does not hold, and report.json says that it does"
    if done["verdict"] in ("broken", "unsigned") and one.trusted:
        yield member, "its signature holds, and report.json says that it does not"
    signer = name_part(signer_of(one).subject, COMMON_NAME) if one.counts else ""
    if one.counts and (done["at"], done["signer"]) != (iso(one.issued), signer):
        yield member, "was signed by another, or at another time, than report.json says"


def signer_of(one: Receipt) -> Certificate:
    """The certificate that signed."""
    if one.signer is None:
        raise ValueError("nobody signed")
    return one.signer


def why_not(one: Receipt) -> str:
    """What keeps a mail from being proof."""
    if one.signer is None:
        return "its signature does not hold"
    chain = "its signature holds, but no chain leads to an authority of this machine or of --ca"
    untrusted = [chain] if not one.trusted and one.issued is not None else []
    reasons = (*untrusted, *one.faults, *(f"disagrees in: {point}" for point in one.disagrees))
    return "; ".join(reasons) or f"it is a {one.kind}"


def extract_findings(members: Members, one: Receipt) -> Iterator[Finding]:
    """The extract of the certification data is what the mail holds, and there is one."""
    extract = "daticert/" + one.member.rpartition("/")[2].replace(".eml", ".xml")
    if one.xml is not None and extract not in members:
        if one.kind is not None:
            yield extract, "is missing"
    elif members.get(extract) != one.xml:
        yield extract, f"is not the certification data in {one.member}"


def ledger_entry_findings(
    told: Entry, members: Members, seals: list[Seal], lines: dict[str, Entry]
) -> Iterator[Finding]:
    """The list of lines and seals in report.json is that of the package."""
    places = {line: seal.number for seal in seals for line in seal.lines}
    acts = sorted(lines.values(), key=lambda line: str(line["id"]))
    listed = [
        {"id": one["id"], "at": iso(utc(one["at"])), "act": one["act"], "seal": places[one["id"]]} for one in acts
    ]
    numbers = [(one["number"], one["sha256"], one["lines"]) for one in told["seals"]]
    held = [(one.number, sha256(members[one.member]), len(one.lines)) for one in seals]
    if told["lines"] != listed or numbers != held:
        yield "report.json", "lists other ledger lines or seals than the package holds"


def certificate_findings(members: Members) -> Iterator[Finding]:
    """Each certificate is the one in its name, and its PEM is its DER."""
    for name, content in members.items():
        if name.startswith("certificates/") and name.endswith(".der"):
            pem_name = name.replace(".der", ".pem")
            if not sha256(content).startswith(name[13:-4]):
                yield name, "does not have the SHA-256 in its name"
            if members.get(pem_name) != ssl.DER_cert_to_PEM_cert(content).encode():
                yield pem_name, f"is not {name}"
    known = {content for name, content in members.items() if name.startswith("certificates/") and name.endswith(".der")}
    for name in members:
        if name.startswith("certificates/chain-") and any(one.der not in known for one in from_pem(members[name])):
            yield name, "holds a certificate that is not in certificates/"


def index_findings(members: Members) -> Iterator[Finding]:
    """The SInCRO index lists every other file, with its SHA-256."""
    index = members.get("metadata/PIndex.xml", b"").decode("utf-8", "replace")
    listed = dict(re.findall(r'<Path>([^<]*)</Path>\s{0,80}<Hash hashFunction="SHA-256">([0-9a-f]{64})</Hash>', index))
    for name in sorted((members.keys() | listed.keys()) - {"SHA256SUMS", "metadata/PIndex.xml"}):
        if name not in members or listed.get(name) != sha256(members[name]):
            yield name, "is not what metadata/PIndex.xml says"


ATTACHED = re.compile(rb"<</Length (\d{1,12})/Type/EmbeddedFile(/Filter/FlateDecode)?[^\n]{0,400}>>\nstream\n")


def attachments(pdf: bytes) -> Iterator[bytes]:
    """The files attached to a PDF as our summaries are written: one lies behind the other."""
    at, left = 0, 1 << 28
    while found := ATTACHED.search(pdf, at):
        at = found.end() + int(found[1])
        if at > len(pdf):
            at = found.end()
            continue
        content = pdf[found.end() : at]
        try:
            content = zlib.decompressobj().decompress(content, left) if found[2] else content
        except zlib.error:
            continue
        left -= len(content)
        if left <= 0:
            return  # more than a package holds: what it lacks is found
        yield content


# --- all of it ---


def examined(raw: bytes | None, members: Members, authorities: list[Path], stamp_authorities: list[Path]) -> Result:
    """Everything that is derived. *raw* is the ZIP; None for a folder, whose *members* are its files."""
    result = Result()
    if raw is not None:
        members, result.findings = unzip(raw)
        if not members:
            return result
    own = [one for path in authorities for one in from_pem(path.read_bytes())]
    stamp_roots = pem(machine_roots()) + b"".join(path.read_bytes() + b"\n" for path in stamp_authorities)
    with tempfile.TemporaryDirectory() as folder:
        package = Package(members, Openssl(Path(folder)), own, stamp_roots)
        package.result.findings = result.findings
        result = package.examine()
    result.findings = list(dict.fromkeys(result.findings))
    return result


def verify(raw: bytes | None, members: Members, authorities: list[Path]) -> list[Finding]:
    """Everything that does not hold."""
    return examined(raw, members, authorities, []).findings


def read_folder(folder: Path) -> Members:
    """The members of an unpacked package: every plain file under *folder*; of what is none, nothing."""
    members: Members = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            members[path.relative_to(folder).as_posix() + NO_FILE] = b""
        elif path.is_file():
            members[path.relative_to(folder).as_posix()] = path.read_bytes()
    return members


# --- in words, English or Italian ---

LANGUAGES = ("en", "it")
# fmt: off
WORDS = {token: f"{word} ({token})" for token, word in {  # each is told with its Italian
    "acceptance": "ricevuta di accettazione", "non-acceptance": "avviso di non accettazione", "delivered": "consegnato",
    "taken-in-charge": "ricevuta di presa in carico", "delivery": "ricevuta di avvenuta consegna", "sender": "mittente",
    "non-delivery": "avviso di mancata consegna", "virus-notice": "avviso di rilevazione virus", "subject": "oggetto",
    "delay-notice": "avviso di mancata consegna per superamento tempi massimi", "unreadable": "messaggio illeggibile",
    "transport-envelope": "busta di trasporto", "failed": "non consegnato", "not_accepted": "non accettato",
    "delayed": "in ritardo", "external": "accettato, casella ordinaria", "accepted": "accettato", "body": "corpo",
    "awaiting_acceptance": "in attesa dell'accettazione", "two-deliveries": "due consegne in tempi diversi",
    "delivery-and-failure": "sia una consegna sia una mancata consegna", "two-identifiers": "due identificativi",
    "delivery-and-not-accepted": "la consegna di un messaggio non accettato", "two-issuers": "due firmatari",
    "delivery-to-external": "una ricevuta di consegna per una casella ordinaria", "recipients": "destinatari",
    "failure-and-not-accepted": "la mancata consegna di un messaggio non accettato", "recipient": "destinatario",
    "acceptance-after-refusal": "un'accettazione dopo una non accettazione", "reference": "riferimento",
    "refusal-after-acceptance": "una non accettazione dopo un'accettazione", "identifier": "identificativo",
    "two-acceptances": "due accettazioni in tempi diversi", "order_of_times": "ordine dei tempi", "parts": "parti",
    "issuer": "firmatario", "message": "messaggio", "header": "intestazione", "None": "assente",
    "copy": "una copia conservata dal mittente", "composed": "il messaggio come composto",
    "receipts": "le ricevute stesse",
}.items()}
# What a person reads. `{}` is a value as it is; in the Italian `{w}` is a token (WORDS), `{t}` texts of this table with
# "; " between. No two stand side by side: what is between them in English tells the values of a text.
ITALIAN = {
    **NOT_COMPARED,
    "is no ZIP as packages are written": "non è uno ZIP scritto come lo sono i fascicoli", "is missing": "manca",
    "does not lie in the ZIP as packages are written": "nello ZIP non è disposto come nei fascicoli di prova",
    "is followed by something": "dopo la fine c'è dell'altro", "is not in SHA256SUMS": "non è elencato in SHA256SUMS",
    "does not have the SHA-256 that SHA256SUMS says": "non ha lo SHA-256 indicato in SHA256SUMS",
    "is not written as it should be": "non è scritto come dovrebbe", "is no seal": "non è un sigillo",
    "is no head of a seal": "non è la testata di un sigillo", "lacks a seal": "manca un sigillo",
    "does not follow the seal before": "non segue il sigillo precedente", "says no time": "non indica alcuna ora",
    "names what is not here": "indica qualcosa che qui non c'è", "is no ledger line": "non è una riga del registro",
    "leads to no seal": "non si ricollega ad alcun sigillo", "is about another message": "riguarda un altro messaggio",
    "does not stand in a seal as it is": "così com'è, non sta in alcun sigillo",
    "names a mail that is missing": "indica un messaggio che manca", "is no time-stamp": "non è una marca temporale",
    "names a record that is missing": "indica una scheda che manca",
    "is named by no sealed line": "nessuna riga sigillata lo indica",
    "is no time-stamp over the seal beside it that holds": "non è una marca temporale valida del sigillo accanto",
    "dates no seal of this package": "non data alcun sigillo di questo fascicolo",
    "does not date its seal": "non data il suo sigillo", "does not belong here": "non appartiene al fascicolo",
    "or what it names cannot be read ({})": "questo, o ciò che indica, non si può leggere ({})",
    "its chain leads to no time-stamp authority that is known here (--tsa-ca names one)":
        "la catena non conduce ad alcuna autorità di marcatura temporale nota qui (--tsa-ca ne indica una)",
    "its signature does not hold under an authority of this machine or of --ca":
        "la firma non è valida sotto alcuna autorità di questo computer o di --ca",
    "is older than the newest line of its seal: the ledger's times are not what they say":
        "è anteriore alla riga più recente del suo sigillo: gli orari del registro non sono quelli veri",
    "is younger than the lines of the seal that follows: its lines were dated back":
        "è posteriore alle righe del sigillo successivo: quelle righe sono retrodatate",
    "is of another kind than this program knows": "è di un tipo che questo programma non conosce",
    "is not the seal that report.json names": "non è il sigillo indicato in report.json",
    "is not what report.json lists": "non corrisponde all'elenco di report.json", "is not {}": "non corrisponde a {}",
    "does not list each receipt once": "non elenca ogni ricevuta una e una sola volta",
    "says otherwise of the message's {} than its bytes": "del messaggio dice altro che i suoi byte, quanto a {w}",
    "says {} {} of {}; it follows: {}": "indica {w}: {w}, per {}; risulta invece: {w}",
    "does not tell one journey for each recipient": "non riporta un percorso per ciascun destinatario",
    "It is about {} only.": "Riguarda soltanto {}.",
    "is not what report.json says of it": "non è ciò che ne dice report.json",
    "{} was NOT verified here: {}.": "{} qui NON è stato verificato: {t}.",
    "is not in the package, and report.json names it": "non è nel fascicolo, e report.json lo indica",
    "the mails attached to it are not those of the package": "i messaggi allegati non sono quelli del fascicolo",
    "is not the mail that report.json names": "non è il messaggio indicato in report.json",
    "certifies another {} than report.json says: {}": "non concorda con report.json quanto a {w}; certifica: {}",
    "does not count as proof, and report.json counts it: {}": "non è prova, ma report.json lo conta come tale: {t}",
    "counts {}, whose signature it does not call trusted": "conta come prova {}, la cui firma non dice attendibile",
    "its signature does not hold, and report.json says that it does": "la firma non è valida, e per report.json lo è",
    "its signature holds, and report.json says that it does not": "la firma è valida, e per report.json non lo è",
    "was signed by another, or at another time, than report.json says": "ha firma o ora diverse da report.json",
    "is not the certification data in {}": "non sono i dati di certificazione di {}",
    "lists other ledger lines or seals than the package holds": "elenca righe o sigilli diversi da quelli presenti",
    "does not have the SHA-256 in its name": "non ha lo SHA-256 che porta nel nome",
    "holds a certificate that is not in certificates/": "contiene un certificato che non è in certificates/",
    "is not what metadata/PIndex.xml says": "non è ciò che dice metadata/PIndex.xml",
    "Nothing from outside dates the sender's ledger: its own times are the sender's word.":
        "Nulla di esterno attesta la data del registro del mittente: i suoi orari sono parola del mittente.",
    "What the ledger says up to seal {} was written by {} ({}).":
        "Il registro fino al sigillo {} è stato scritto entro il {} ({}).",
    "What the ledger says up to seal {} was written by {} ({}); {} line(s) here are later, and the sender's word.":
        "Il registro fino al sigillo {} è stato scritto entro il {} ({}); righe successive, parola del mittente: {}.",
    "does not lie in the folder to which report.json says that it belongs":
        "non sta nella cartella a cui appartiene per report.json",
    "counts as proof by all that is looked at here, and report.json does not count it":
        "vale come prova secondo tutto ciò che qui si esamina, ma report.json non lo conta come tale",
    "its signature does not hold": "la firma non è valida", "disagrees in: {}": "discorda in: {t}",
    "it is a {}": "è di tipo: {w}", "the clocks": "orologi", "the end of its certificate": "scadenza del certificato",
    "its original, which it does not enclose": "originale, che non contiene", "original's {}": "originale: {w}",
    "two pieces of certification data": "due dati di certificazione", "no sender": "manca il mittente",
    "no certification data": "mancano i dati di certificazione", "no certified time": "manca l'ora certificata",
    "two originals": "due originali", "it has too many elements": "hanno troppi elementi",
    "certification data in XML of another version": "dati di certificazione in un'altra versione di XML",
    "its certification data cannot be compared here: {}": "dati di certificazione non confrontabili: {t}",
    "it has a document type, which no provider writes": "hanno un DOCTYPE, che nessun gestore scrive",
    "it is no postacert": "non sono un postacert", "{} in another place": "{} in un altro posto",
    "it says no tipo, or is about no message": "non dicono il tipo, o non riguardano alcun messaggio",
    "an element of another namespace": "un elemento di un altro spazio dei nomi",
    "an attribute of another namespace": "un attributo di un altro spazio dei nomi",
    "{} more than once": "{} più di una volta", "{} more than once in a part": "{} più di una volta in una parte",
    "an encoded multipart": "una parte composita codificata", "an encoded original": "un originale codificato",
    "a part of two names": "una parte con due nomi", "a recipient of two types": "un destinatario di due tipi",
    "certification data deeper down": "dati di certificazione più in profondità",
    "certification data in base64 that is not to the letter": "dati di certificazione in base64 non rigoroso",
    "certification data in an unknown encoding": "dati di certificazione in una codifica sconosciuta",
    "{} of {} written in another way": "{} di {} scritto in altro modo",
    "an element within {}": "un elemento dentro {}", "{} cut in two by a comment": "{} tagliato in due da un commento",
    "an odd address in {}": "un indirizzo anomalo in {}", "an odd identifier in {}": "un identificativo anomalo in {}",
    "its signer is {}, and not {}@ a provider": "il firmatario è {}, e non {}@ di un gestore",
    "its signature holds, but no chain leads to an authority of this machine or of --ca":
        "la firma è valida, ma nessuna catena conduce a un'autorità di questo computer o di --ca",
    "certification data in quoted-printable that is not to the letter":
        "dati di certificazione in quoted-printable non rigoroso",
    "Findings: {}. It does NOT hold.": "Rilievi: {}. NON regge.", "Message {} of {}: {}": "Messaggio {} di {}: {}",
    " (contradictions: {})": " (contraddizioni: {})", "  {}: {} {}": "  {}: {w} {}", "; OLD: {}": "; OBSOLETO: {}",
    NO_FILE: " (non è un file ordinario)", "{}-bit key": "chiave di {} bit", "  {} (above {})": "  {} (sopra {})",
    "Roots of Italian PEC, by the SHA-256 of their public keys:": "Radici della PEC italiana (SHA-256 delle chiavi):",
    "NOT compared here:": "Qui NON è stato confrontato:",
    "It holds as far as this program looks: {} signature(s) of what counts as proof verified.":
        "Regge, per quanto esamina questo programma; firme verificate di ciò che vale come prova: {}.",
    "  {}: {}, certified {}, signed by {} ({}), certified by {}; provider named: {}":
        "  {}: {w}, ora certificata {}, firma di {} ({}), certificato da {}; gestore indicato: {}",
    "It holds under an authority that YOU named (--ca), and no root of Italian PEC: {}.":
        "Regge sotto un'autorità indicata da CHI VERIFICA (--ca), non sotto una radice della PEC italiana: {}.",
    "The message was not composed by pec-tracker: receipts were held against the {}.":
        "Il messaggio non è stato composto con pec-tracker: le ricevute sono state confrontate con {w}.",
    "The message was not composed by pec-tracker: nothing is known.":
        "Il messaggio non è stato composto con pec-tracker: non ne è noto nulla.",
    "No delivery receipt here encloses the message: nothing certifies what it said.":
        "Qui nessuna ricevuta di avvenuta consegna contiene il messaggio: nulla certifica che cosa dicesse.",
    "cannot run: {}": "verifica non eseguibile: {t}", "[Errno 13] Permission denied: {}": "accesso negato: {}",
    "there is no openssl command on this machine's path": "il comando openssl non è nel PATH di questo computer",
    "[Errno 2] No such file or directory: {}": "file o cartella inesistente: {}", "package": "fascicolo",
    "trust this authority too": "si fida anche di questo certificatore", "usage: ": "uso: ", "options": "opzioni",
    "of time-stamps": "lo stesso, per le marche temporali", "speak this language": "parla in questa lingua",
    "positional arguments": "argomenti", "optional arguments": "opzioni", "expected one argument": "manca il valore",
    "show this help message and exit": "mostra questo aiuto ed esce",
    "%(prog)s: error: %(message)s\n": "%(prog)s: errore: %(message)s\n",
    "argument %(argument_name)s: %(message)s": "argomento %(argument_name)s: %(message)s",
    "unrecognized arguments: %s": "argomenti non riconosciuti: %s",
    "ignored explicit argument %r": "non ammette un valore: %r",
    "ambiguous option: %(option)s could match %(matches)s": "opzione ambigua: %(option)s, fra %(matches)s",
    "invalid choice: %(value)r (choose from %(choices)s)": "valore non ammesso: %(value)r (scegliere fra %(choices)s)",
    "Verifies a proof package with openssl, trusting nothing in it.":
        "Verifica un fascicolo di prova con openssl, senza fidarsi di nulla che vi sia contenuto.",
}
# fmt: on
# In the order in which they are tried: what begins with words of ours before what begins with a value.
TEMPLATES = sorted((one for one in ITALIAN if "{}" in one), key=lambda one: (-one.index("{}"), -len(one)))
ACCENTED = dict(zip("àèéìòùÀÈÉÌÒÙ", "aeeiouAEEIOU"))  # noqa: B905 - Python 3.9


def system_language(environment: Mapping[str, str]) -> str:
    """Italian or English, as the environment asks, or else the system: Windows sets no variable."""
    name = next(filter(None, map(environment.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), None)
    try:
        return "it" if (name or locale.getlocale()[0] or "").lower().startswith("it") else "en"
    except ValueError:  # a locale that Python does not know
        return "en"


def said(language: str, text: str, *values: object) -> str:
    """A text of ITALIAN in a language, with its values."""
    if language != "it":
        return text.format(*values)
    return filled(ITALIAN[text], ("-" if one is None else str(one) for one in values), 3)


def filled(template: str, values: Iterable[str], deep: int) -> str:
    """An Italian template with its values, and texts in them *deep* times in each other: a sender wrote them."""
    text, *rest = re.split(r"\{([wt]?)\}", template)
    for how, value, after in zip(rest[::2], values, rest[1::2]):  # noqa: B905 - Python 3.9
        if how == "t":
            value = "; ".join(in_italian(one, deep - 1) for one in value.split("; "))
        text += (WORDS.get(value, value) if how == "w" else value) + after
    return text


def in_italian(text: str, deep: int = 3) -> str:
    """A finding, a remark or a piece of one; what is no text of this program stays as it is."""
    if text in ITALIAN:
        return ITALIAN[text]
    found = ((one, values_in(text, one)) for one in TEMPLATES if deep and text.startswith(one.partition("{}")[0]))
    return next((filled(ITALIAN[one], values, deep) for one, values in found if values), WORDS.get(text, text))


def values_in(text: str, template: str) -> list[str]:
    """What stands in a text where its template has `{}`; nothing where not the whole text is of that template."""
    begin, *between = template.split("{}")
    values, rest = [], text[len(begin) : len(text) - len(between[-1])]
    for piece in between[:-1]:
        value, _, rest = rest.partition(piece)  # the first: never back, for a sender may have written the text
        values.append(value)
    values.append(rest)
    return values if template.format(*values) == text else []


def told(result: Result, language: str = "en") -> Iterator[str]:
    """The result in words."""
    say, italian = partial(said, language), language == "it"
    for member, text in result.findings:
        name = member[: -len(NO_FILE)] + say(NO_FILE) if member.endswith(NO_FILE) else member
        yield f"{name}: {in_italian(text) if italian else text}"
    if result.findings:
        yield say("Findings: {}. It does NOT hold.", len(result.findings))
        return
    message, proof = result.message, result.proof
    yield say("It holds as far as this program looks: {} signature(s) of what counts as proof verified.", len(proof))
    yield say("Message {} of {}: {}", message.reference, message.sender, message.subject)
    for each in result.journeys:
        odd = ", ".join(WORDS.get(one, one) if italian else one for one in each["contradictions"])
        line = say("  {}: {} {}", each["recipient"], each["state"], each["state_at"] or "")
        yield line + (say(" (contradictions: {})", odd) if odd else "")
    for one in proof:
        signer = signer_of(one)
        names = [name_part(signer.subject, each) for each in (COMMON_NAME, ORGANIZATION)]
        line = "  {}: {}, certified {}, signed by {} ({}), certified by {}; provider named: {}"
        above = name_part(signer.issuer, COMMON_NAME)
        line = say(line, one.member, one.kind, iso(one.issued), *names, above, one.provider)
        old = [say("{}-bit key", signer.bits)] * (signer.bits < 2048) + ["SHA-1"] * (signer.algorithm == SHA1_RSA)
        yield line + (say("; OLD: {}", ", ".join(old)) if old else "")
    named = ", ".join(sorted({name_part(signer_of(one).issuer, COMMON_NAME) for one in proof if one.named}))
    if any(one.named for one in proof):
        yield say("It holds under an authority that YOU named (--ca), and no root of Italian PEC: {}.", named)
    if not message.held_to:
        yield say("The message was not composed by pec-tracker: nothing is known.")
    elif not message.original or message.held_to != "composed":
        line = "The message was not composed by pec-tracker: receipts were held against the {}."
        yield say(line, message.held_to)
    if not any(one.original is not None and one.kind == "delivery" for one in proof):
        yield say("No delivery receipt here encloses the message: nothing certifies what it said.")
    yield from map(in_italian, result.remarks) if italian else result.remarks
    yield say("Roots of Italian PEC, by the SHA-256 of their public keys:")
    yield from (say("  {} (above {})", key, name) for key, (name, _, _) in PEC_ROOTS.items())
    yield say("NOT compared here:")
    yield from (f"  - {say(what)}" for what in NOT_COMPARED)


def printable(text: str, encoding: str | None = None) -> str:
    """A line for a terminal: what is not plain ASCII is written as it would be in Python; but, where an *encoding* is
    given, the accented letters of Italian as they are, or with an apostrophe if it has them not."""
    kept = {one: one if one.encode(encoding, "ignore") else bare + "'" for one, bare in ACCENTED.items() if encoding}
    plain = "".join(kept.get(one) or one.encode("ascii", "backslashreplace").decode() for one in text)
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in plain)


def chosen_by(arguments: list[str]) -> argparse.Namespace:
    """The command's options; `lang` is the language, which help and errors are in too."""
    early = argparse.ArgumentParser(add_help=False)
    early.add_argument("--lang", nargs="?")
    asked = early.parse_known_args(arguments)[0].lang
    lang = asked if asked in LANGUAGES else system_language(os.environ)
    own, say = vars(argparse), partial(said, lang)
    gettext, own["_"] = own["_"], lambda text: ITALIAN.get(text, text) if lang == "it" else text  # no other way
    try:
        what, here = "Verifies a proof package with openssl, trusting nothing in it.", Path(__file__).resolve().parent
        parser = argparse.ArgumentParser(description=say(what))
        parser.add_argument("package", nargs="?", type=Path, default=here, metavar=say("package"))
        trust: dict[str, Any] = {"action": "append", "type": Path, "default": [], "metavar": "FILE"}
        parser.add_argument("--ca", help=say("trust this authority too"), **trust)
        parser.add_argument("--tsa-ca", help=say("of time-stamps"), **trust)
        parser.add_argument("--lang", choices=LANGUAGES, default=lang, help=say("speak this language"))
        return parser.parse_args(arguments)
    finally:
        own["_"] = gettext


def main(arguments: list[str]) -> int:
    """The command; its status is 0, 1 or 2 as said above."""
    chosen = chosen_by(arguments)
    shown = (sys.stdout.encoding or "ascii") if chosen.lang == "it" else None
    try:
        raw = None if chosen.package.is_dir() else chosen.package.read_bytes()
        members = {} if raw is not None else read_folder(chosen.package)
        result = examined(raw, members, chosen.ca, chosen.tsa_ca)
    except (OSError, subprocess.SubprocessError) as error:
        sys.stderr.write(printable(said(chosen.lang, "cannot run: {}", error), shown) + "\n")
        return 2
    for line in told(result, chosen.lang):
        sys.stdout.write(printable(line, shown) + "\n")
    return 1 if result.findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
