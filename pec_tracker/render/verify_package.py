#!/usr/bin/env python3
"""Verifies the proof package that it lies in: is everything as it was made, and do the signatures hold?

    python3 verify_package.py [--ca FILE.pem]... [PACKAGE.zip | FOLDER]

Needs Python 3.9 or newer and the `openssl` command; nothing else, no network. Without an argument it verifies the
folder that it lies in. The roots of Italian PEC are taken from this machine, never from the package; --ca names
others. Status 0: everything holds. Status 1: what does not is listed, each by its file. Status 2: it could not run.

What it looks at: the ZIP's own structure, byte for byte; SHA256SUMS; the ledger lines, their seals and the chain of
seals; that the lines name these very mails; each signature at its certified time, by openssl; the certification data
of each receipt against report.json and against the message; the enclosed original against the message as sent; the
mails attached to the summary. Of README, metadata and the summary's words it sees only that their SHA-256 are the
listed ones: `pec-tracker verify` makes them once more.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import os
import re
import ssl
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator
from datetime import datetime
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import getaddresses
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

Finding = tuple[str, str]  # the member, what is wrong with it
Members = dict[str, bytes]

# The roots of Italian PEC, and the authorities under them (DigitPA until about 2018).
PEC_ROOTS = (b"Actalis Authentication Root CA", b"Baltimore CyberTrust Root")
PEC_AUTHORITIES = ("AgID CA1", "DigitPA CA1")
STORES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")

LOCAL = struct.Struct("<4s5H3L2H")
ENTRY = struct.Struct("<4s6H3L5H2L")
END = struct.Struct("<4s4H2LH")


def sha256(content: bytes) -> str:
    """The SHA-256 as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


# --- the ZIP ---


def zip_pieces(members: Members) -> Iterator[tuple[bytes, str]]:
    """The ZIP of these members, piece by piece, each with the member that it is about."""
    offset, directory = 0, []
    for name in sorted(members):
        content, encoded = members[name], name.encode("utf-8", "surrogateescape")
        facts = (20, 0x0800, 0, 0, 0x0021, zlib.crc32(content), len(content), len(content))
        local = LOCAL.pack(b"PK\x03\x04", *facts, len(encoded), 0) + encoded
        directory.append((ENTRY.pack(b"PK\x01\x02", 20, *facts, len(encoded), 0, 0, 0, 0, 0, offset) + encoded, name))
        yield local + content, name
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
    for piece, name in zip_pieces(members):
        if raw[at : at + len(piece)] != piece:
            findings.append((name, "does not lie in the ZIP as packages are written"))
        at += len(piece)
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
    at = end[6]
    for _ in range(end[4]):
        if not raw.startswith(b"PK\x01\x02", at) or at + ENTRY.size > len(raw):
            return {}
        fields = ENTRY.unpack_from(raw, at)
        name = raw[at + ENTRY.size : at + ENTRY.size + fields[10]].decode("utf-8", "surrogateescape")
        start = fields[16] + LOCAL.size + fields[10]
        members[name] = raw[start : start + fields[9]]
        at += ENTRY.size + fields[10] + fields[11] + fields[12]
    return members


# --- sums, ledger ---


def sums_findings(members: Members) -> Iterator[Finding]:
    """SHA256SUMS lists every other member, as it is, and nothing else."""
    if "SHA256SUMS" not in members:
        yield "SHA256SUMS", "is missing"
        return
    lines = members["SHA256SUMS"].decode("utf-8", "replace").splitlines(keepends=True)
    listed = {line[66:].rstrip("\n"): line[:64] for line in lines}
    right = "".join(f"{sha256(members[name])}  {name}\n" for name in sorted(members) if name != "SHA256SUMS")
    named = False
    for name in sorted((listed.keys() | members.keys()) - {"SHA256SUMS"}):
        if name not in members or listed.get(name) != sha256(members[name]):
            named = True
            yield name, "is missing" if name not in members else "does not have the SHA-256 that SHA256SUMS says"
    if not named and "".join(lines) != right:
        yield "SHA256SUMS", "is not written as it should be"


def ledger_findings(members: Members, report: dict[str, Any]) -> Iterator[Finding]:
    """Seals follow each other; lines stand in them; lines name these mails, records and this message."""
    seals = sorted(name for name in members if re.fullmatch(r"ledger/[0-9]{8,}\.seal", name))
    sealed: dict[str, str] = {}
    previous = None
    for name in seals:
        text = members[name].decode("ascii", "replace")
        rows = re.findall(r"^([0-9a-f]{64})  ([0-9a-v]{26})\.json\n", text, re.M)
        head = re.match(r"# previous ([0-9a-f]{64}|none)\n", text)
        if head is None or text != head[0] + "".join(f"{row[0]}  {row[1]}.json\n" for row in rows) or not rows:
            yield name, "is no seal"
        elif previous is not None and head[1] != sha256(members[previous]):
            yield name, "does not follow the seal before"
        sealed.update({row[1]: row[0] for row in rows})
        previous = name
    numbers = [int(name[7:-5]) for name in seals]
    if not numbers or numbers != list(range(numbers[0], numbers[-1] + 1)):
        yield "ledger/", "lacks a seal"
    elif (numbers[-1], sha256(members[seals[-1]])) != (report["as_of"]["seal"], report["as_of"]["sha256"]):
        yield seals[-1], "is not the seal that report.json names"
    yield from lines_findings(members, sealed, report)


def lines_findings(members: Members, sealed: dict[str, str], report: dict[str, Any]) -> Iterator[Finding]:
    """Each line stands in a seal (*sealed*: line to SHA-256); each mail and record is named by one."""
    mails = {sha256(raw): name for name, raw in members.items() if is_mail(name)}
    named, records = set(), set()
    for name, content in members.items():
        if not (name.startswith("ledger/") and name.endswith(".json")):
            continue
        if sealed.get(name[7:-5]) != sha256(content):
            yield name, "does not stand in a seal as it is"
            continue
        facts = json.loads(content)["facts"]
        records.add(facts.get("record"))
        act = json.loads(content)["act"]
        if act.startswith("message.") and facts.get("message") != report["message"]["key"]:
            yield name, "is about another message"
        if act in ("mail.archived", "message.queued"):
            named.add(facts.get("mail"))
            if facts.get("mail") not in mails:
                yield name, "names a mail that is missing"
    for digest, name in mails.items():
        if digest not in named:
            yield name, "is named by no sealed line"
    for name, content in members.items():
        if name.startswith("records/") and (name[8:-5] != sha256(content) or name[8:-5] not in records):
            yield name, "is named by no sealed line"


def is_mail(name: str) -> bool:
    """Whether a member is a mail: the message, a receipt, or what does not count."""
    return name.endswith(".eml") and name.startswith(("message/", "receipts/", "not-proof/"))


# --- what a receipt says ---


def split_head(entity: bytes) -> tuple[Message, bytes]:
    """Header and body of a mail or a part."""
    found = re.search(rb"\r?\n\r?\n", entity)
    head, body = (entity[: found.start()], entity[found.end() :]) if found else (entity, b"")
    return BytesHeaderParser().parsebytes(head + b"\r\n\r\n"), body


def split_parts(entity: bytes) -> list[bytes]:
    """The direct parts of a multipart, byte for byte."""
    head, body = split_head(entity)
    boundary = head.get_boundary()
    if not boundary:
        return []
    mark = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary.encode("utf-8", "replace")) + rb"(--)?[ \t]*(?:\r?\n|\Z)")
    parts: list[bytes] = []
    begun, at = None, 0
    while True:
        found = mark.search(body, at)
        if found is None:
            return parts
        if begun is not None:
            parts.append(body[begun : max(found.start(), begun)])
        begun = found.end()
        # The line break after one delimiter may be the one before the next.
        at = max(found.end() - 2, found.start() + 1)
        if found[1]:
            return parts


def decoded(part: bytes) -> bytes:
    """A part's body without its transfer encoding; empty where that is broken."""
    head, body = split_head(part)
    encoding = str(head.get("content-transfer-encoding", "")).strip().lower()
    try:
        if encoding == "base64":
            return binascii.a2b_base64(body)
        return binascii.a2b_qp(body) if encoding == "quoted-printable" else body
    except binascii.Error:
        return b""


def signed_parts(raw: bytes) -> list[bytes]:
    """The direct parts of the signed multipart/mixed."""
    signed = split_parts(raw)
    return split_parts(signed[0]) if signed else []


def enclosed_original(raw: bytes) -> bytes | None:
    """The mail that a receipt encloses."""
    for part in signed_parts(raw):
        head, _ = split_head(part)
        if head.get_content_type() == "message/rfc822" or (head.get_filename() or "").lower() == "postacert.eml":
            return decoded(part)
    return None


def daticert_findings(members: Members, entry: dict[str, Any]) -> Iterator[Finding]:
    """The extract is what the mail holds, and the report says what it says."""
    member = entry["member"]
    extract = "daticert/" + member.rpartition("/")[2].replace(".eml", ".xml")
    if extract not in members:
        if entry["tipo"] is not None:
            yield extract, "is missing"
        return
    inside = members[extract]
    if inside not in map(decoded, signed_parts(members[member])):
        yield extract, f"is not the certification data in {member}"
        return
    if b"<!DOCTYPE" in inside:
        yield extract, "has a document type, which no provider writes"
        return
    try:
        root = ElementTree.fromstring(inside.strip(b"\x00 \t\r\n"))
    except ElementTree.ParseError:
        yield extract, "cannot be read"
        return
    said = {
        "tipo": root.get("tipo"),
        "provider": text_of(root, "dati/gestore-emittente"),
        "sender": text_of(root, "intestazione/mittente"),
        "recipient": text_of(root, "dati/consegna"),
        "identifier": bare(text_of(root, "dati/identificativo")),
    }
    for field, value in said.items():
        if value is not None and value != " ".join((entry[field] or "").split()):
            yield member, f"certifies another {field} than report.json says"
    day, hour = text_of(root, "dati/data/giorno"), text_of(root, "dati/data/ora")
    if day and hour and entry["issued_at"] and f"{day[6:]}-{day[3:5]}-{day[:2]}T{hour}" != entry["issued_at"][:19]:
        yield member, "certifies another time than report.json says"


def text_of(root: ElementTree.Element, path: str) -> str | None:
    """The text of an element, blanks and line breaks as one blank; None where it is missing or empty."""
    found = root.find(path)
    text = " ".join((found.text or "").split()) if found is not None else ""
    return text or None


def bare(text: str | None) -> str | None:
    """An identifier without its angle brackets."""
    return text[1:-1] if text and text.startswith("<") and text.endswith(">") else text


def agreement_findings(members: Members, entry: dict[str, Any], message: dict[str, Any]) -> Iterator[Finding]:
    """What counts as proof agrees with the message: its ids, its addresses, and the original that it encloses."""
    member = entry["member"]
    for field in ("reference", "identifier"):
        if entry[field] and message[field] and entry[field].lower() != message[field].lower():
            yield member, f"has another {field} than the message"
    known = {address.lower() for address in message["recipients"]}
    if entry["recipient"] and known and entry["recipient"].lower() not in known:
        yield member, "is about someone to whom the message was not sent"
    if entry["sender"] and message["sender"] and entry["sender"].lower() != message["sender"].lower():
        yield member, "names another sender than the message"
    whole = entry["kind"] == "delivery" and entry["receipt_form"] == "completa"
    if whole and message["held_to"] == "composed" and (entry["agreement"] or {}).get("original"):
        inside = enclosed_original(members[member])
        if inside is None or body_hash(inside) != body_hash(members["message/original.eml"]):
            yield member, "does not enclose the message as sent"


def body_hash(mail: bytes) -> str:
    """The SHA-256 of a mail's body, with line ends as on the wire and none at its end."""
    body = split_head(mail)[1].rstrip(b"\r\n")
    return sha256(body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))


# --- signatures, by openssl ---


def openssl(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run openssl; the caller looks at its status."""
    return subprocess.run(["openssl", *arguments], capture_output=True, text=True, errors="replace", check=False)


class Signatures:
    """Asks openssl about each mail, in a folder of its own."""

    def __init__(self, folder: Path, members: Members, authorities: list[Path]) -> None:
        self.folder = folder
        self.members = members
        self.own = b"".join(path.read_bytes() for path in authorities)
        self.public = public_roots()
        ders = {sha256(raw): raw for name, raw in members.items() if name.endswith(".der")}
        self.pems = {digest: ssl.DER_cert_to_PEM_cert(der).encode() for digest, der in ders.items()}

    def holds(self, entry: dict[str, Any], *, chain: bool) -> bool:
        """Whether openssl accepts the signature, with its chain at the certified time or without any."""
        done = entry["verification"]
        content, signature = self.parts(self.members[entry["member"]])
        forms = {content: None, re.sub(rb"\r?\n", b"\r\n", content): None, content.replace(b"\r\n", b"\n"): None}
        for form in forms:
            command = [
                *("cms", "-verify", "-binary", "-inform", "DER", "-in", self.file("signature", signature)),
                *("-content", self.file("content", form), "-certfile", self.file("carried", self.carried(done))),
                *("-signer", str(self.folder / "signer"), "-out", os.devnull),
            ]
            if not chain:
                if openssl(*command, "-noverify").returncode == 0:
                    return True
                continue
            at = str(int(datetime.fromisoformat(done["at"]).timestamp()))
            level = ["-auth_level", "0"] if done["weak"] else []
            for roots, restricted in ((self.own, False), (self.public, True)):
                options = ["-CAfile", self.file("roots", roots), "-partial_chain", "-attime", at, *level]
                if roots and openssl(*command, *options).returncode == 0 and self.right_signer(entry, restricted):
                    return True
        return False

    def carried(self, done: dict[str, Any]) -> bytes:
        """Certificates that may stand in the chain; as `-certfile` they are no anchors."""
        return b"".join(self.pems.get(digest, b"") for digest in done["certificates"]) or b"\n"

    def right_signer(self, entry: dict[str, Any], restricted: bool) -> bool:
        """The signer's address is the one in From; under public roots an authority of PEC certified it."""
        signer = str(self.folder / "signer")
        addresses = openssl("x509", "-in", signer, "-noout", "-email").stdout.lower().split()
        head, _ = split_head(self.members[entry["member"]])
        senders = [address.lower() for _, address in getaddresses(head.get_all("from", [])) if address]
        if len(senders) != 1 or senders[0] not in addresses:
            return False
        issuer = openssl("x509", "-in", signer, "-noout", "-issuer", "-nameopt", "multiline,utf8").stdout
        return not restricted or any(re.search(rf"commonName\s*= {name}$", issuer, re.M) for name in PEC_AUTHORITIES)

    def parts(self, raw: bytes) -> tuple[bytes, bytes]:
        """The signed bytes and the signature (DER) of a multipart/signed mail; both empty for another."""
        found = split_parts(raw)
        return (found[0], decoded(found[1])) if len(found) == 2 else (b"", b"")

    def file(self, name: str, content: bytes) -> str:
        """The path of a file with this content, for openssl to read."""
        path = self.folder / name
        path.write_bytes(content)
        return str(path)


def public_roots() -> bytes:
    """The roots of Italian PEC in this machine's store, and no other."""
    paths = [ssl.get_default_verify_paths().cafile, *STORES]
    store = next((Path(path) for path in paths if path and Path(path).is_file()), None)
    if store is None:
        return b""
    blocks = re.findall(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", store.read_bytes(), re.S)
    ders = {block: base64.b64decode(block[27:-25]) for block in blocks}
    return b"".join(block + b"\n" for block, der in ders.items() if any(name in der for name in PEC_ROOTS))


def signature_findings(signatures: Signatures, entry: dict[str, Any], counts: bool) -> Iterator[Finding]:
    """What report.json says of a signature is what openssl says. *counts*: the evidence is called proof."""
    member, done = entry["member"], entry["verification"]
    if counts and done["verdict"] != "trusted":
        yield "report.json", f"counts {member}, whose signature it does not call trusted"
    if done["verdict"] == "trusted":
        if not signatures.holds(entry, chain=False):
            yield member, "its signature does not hold"
        elif not signatures.holds(entry, chain=True):
            yield member, "its signature holds, but no chain leads to an authority of this machine or of --ca"
    elif done["verdict"] == "intact" and not signatures.holds(entry, chain=False):
        yield member, "its signature does not hold, and report.json says that it does"
    elif {"digest-differs", "signature-differs"} & set(done["reasons"]) and signatures.holds(entry, chain=False):
        yield member, "its signature holds, and report.json says that it does not"


# --- certificates, summary ---


def certificate_findings(members: Members) -> Iterator[Finding]:
    """Each certificate is the one in its name, and its PEM is its DER."""
    for name, content in members.items():
        if name.startswith("certificates/") and name.endswith(".der"):
            pem = name.replace(".der", ".pem")
            if not sha256(content).startswith(name[13:-4]):
                yield name, "does not have the SHA-256 in its name"
            if members.get(pem) != ssl.DER_cert_to_PEM_cert(content).encode():
                yield pem, f"is not {name}"


def summary_findings(members: Members, report: dict[str, Any]) -> Iterator[Finding]:
    """The mails attached to the PDF summary are those of the package, all of them."""
    name = "riepilogo.pdf" if report["language"] == "it" else "summary.pdf"
    if not report["pdf"]:
        return
    pdf = members.get(name, b"")
    attached = set()
    for found in re.finditer(rb"<</Length (\d+)/Type/EmbeddedFile(/Filter/FlateDecode)?[^\n]{0,400}>>\nstream\n", pdf):
        if b"/Subtype/application#2Fjson" in found[0]:
            continue  # the summary's own facts
        content = pdf[found.end() : found.end() + int(found[1])]
        try:
            attached.add(zlib.decompress(content) if found[2] else content)
        except zlib.error:
            attached.add(b"")
    if attached != {raw for member, raw in members.items() if member.endswith(".eml")}:
        yield name, "the mails attached to it are not those of the package"


def index_findings(members: Members) -> Iterator[Finding]:
    """The SInCRO index lists every other file, with its SHA-256."""
    index = members.get("metadata/PIndex.xml", b"").decode("utf-8", "replace")
    listed = dict(re.findall(r'<Path>([^<]*)</Path>\s*<Hash hashFunction="SHA-256">([0-9a-f]{64})</Hash>', index))
    for name in sorted((members.keys() | listed.keys()) - {"SHA256SUMS", "metadata/PIndex.xml"}):
        if name not in members or listed.get(name) != sha256(members[name]):
            yield name, "is not what metadata/PIndex.xml says"


# --- all of it ---


def verify(raw: bytes | None, members: Members, authorities: list[Path]) -> list[Finding]:
    """Everything that does not hold. *raw* is the ZIP; None for a folder, whose *members* are its files."""
    findings: list[Finding] = []
    if raw is not None:
        members, findings = unzip(raw)
        if not members:
            return findings
    findings += sums_findings(members)
    try:
        report = json.loads(members["report.json"])
        findings += ledger_findings(members, report)
        findings += certificate_findings(members)
        findings += index_findings(members)
        findings += summary_findings(members, report)
        findings += mail_findings(members, report, authorities)
    except (KeyError, ValueError, TypeError, AttributeError, IndexError):
        findings.append(("report.json", "or what it names cannot be read"))
    return list(dict.fromkeys(findings))


def mail_findings(members: Members, report: dict[str, Any], authorities: list[Path]) -> Iterator[Finding]:
    """Each mail is the one that report.json names, and holds as it says."""
    entries = [(entry, True) for entry in report["proof"]] + [(entry, False) for entry in report["not_proof"]]
    told = {entry["member"]: entry["sha256"] for entry, _ in entries}
    told.update({report["message"]["member"]: report["message"]["sha256"]} if report["message"]["member"] else {})
    for name in sorted({name for name in members if is_mail(name) and "/copy-" not in name} | told.keys()):
        if name not in members or told.get(name) != sha256(members[name]):
            yield name, "is not the mail that report.json names"
    with tempfile.TemporaryDirectory() as folder:
        signatures = Signatures(Path(folder), members, authorities)
        for entry, counts in entries:
            if entry["member"] in members:
                yield from signature_findings(signatures, entry, counts)
                yield from daticert_findings(members, entry)
                if counts:
                    yield from agreement_findings(members, entry, report["message"])


def read_folder(folder: Path) -> Members:
    """The members of an unpacked package: every file under *folder*."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def main(arguments: list[str]) -> int:
    """The command; its status is 0, 1 or 2 as said above."""
    parser = argparse.ArgumentParser(description="Verifies a proof package with openssl.")
    parser.add_argument("package", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--ca", action="append", type=Path, default=[], metavar="FILE", help="trust this authority too")
    chosen = parser.parse_args(arguments)
    try:
        raw = None if chosen.package.is_dir() else chosen.package.read_bytes()
        findings = verify(raw, {} if raw is not None else read_folder(chosen.package), chosen.ca)
    except OSError as error:
        sys.stderr.write(f"cannot run: {error}\n")
        return 2
    for member, text in findings:
        sys.stdout.write(f"{member}: {text}\n".encode("ascii", "backslashreplace").decode())
    sys.stdout.write("Findings: %d\n" % len(findings) if findings else "Everything holds.\n")  # noqa: UP031
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
