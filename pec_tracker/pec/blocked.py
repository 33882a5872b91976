"""Which attachments will a provider turn back, or mark as dangerous? By name and by content, also inside archives.

Nothing is run or written. What is looked at is bounded: beyond that an archive is said not to have been looked into.
"""

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from io import BytesIO
from itertools import islice
from typing import Final

from pec_tracker.pec.attached import attached, content_of
from pec_tracker.pec.finding import Finding, finding
from pec_tracker.pec.limits import Limits

MAX_DIRECTORY: Final = 1024 * 1024  # bytes of a list of members: some 10,000
MAX_UNPACKED: Final = 32 * 1024 * 1024  # bytes that the archives inside of one attachment unpack to
HEAD: Final = 1024  # bytes of a file in an archive, by which a program shows itself
MAX_DEPTH: Final = 3  # archives in archives
TOLD: Final = 10  # findings of one attachment

# Suffixes. The list that providers publish by AgID's instructions (seen in November 2026: Aruba's guide 6.19, Actalis'
# news, Postecert's page before the login): such a file is turned back under another name and inside of an archive too.
_LISTED: Final = re.compile(
    r"asp|bat|chm|cla|class|cmd|com|cpl|csh|exe|hlp|hpj|hta|in[fs]|jar|jse?|lnk|msc|msh[12]?(?:xml)?|ms[ip]|ocx|ops|pif|pl"
    r"|pr[fg]|ps[12](?:xml)?|psc[12]|pst|reg|sc[frt]|sh[bs]|tmp|url|vb[eps]?|vsmacros|ws[cfh]?"
)
# What other mail providers do not take either.
_PROGRAMS: Final = re.compile(_LISTED.pattern + r"|ad[ep]|apk|app|bas|dll|isp|lib|mde|mst|sys|vxd")
_WITH_MACROS: Final = re.compile(r"do[ct]m|xl[st]m|xlam|xlsb|p[op]tm|ppam|ppsm|sldm")
_ZIPPED: Final = re.compile(r"zip")
_OTHER_ARCHIVES: Final = re.compile(r"7z|rar|tar|t?gz|bz2|xz|cab|arj|lzh|z")
_MACROS_INSIDE: Final = re.compile(r"(?:^|/)vbaProject\.bin$", re.IGNORECASE)  # ISO/IEC 29500 files with macros

_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # Office files before 2007, and encrypted ones since
_OLE_MACROS: Final = "_VBA_PROJECT".encode("utf-16-le")
_OLE_ENCRYPTED: Final = "EncryptedPackage".encode("utf-16-le")
_ZIP: Final = b"PK\x03\x04"
_END: Final = b"PK\x05\x06"
_END64: Final = b"PK\x06\x07"
_UNREADABLE: Final = (
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    ValueError,
    EOFError,
    OSError,
    struct.error,
    zlib.error,
)


@dataclass(slots=True)
class _Budget:
    """How much one attachment may still unpack to."""

    left: int = field(default=MAX_UNPACKED)


def blocked(raw: bytes, limits: Limits) -> Iterator[Finding]:
    """What is attached to a message that providers turn back or mark; `who` is the mailbox's own, where it does."""
    for part in attached(raw):
        found = _file(part.filename or "", content_of(raw, part), limits, _Budget(), depth=0)
        yield from islice(dict.fromkeys(found), TOLD)


def _file(name: str, content: bytes, limits: Limits, budget: _Budget, *, depth: int) -> Iterator[Finding]:
    yield from _named(name, limits)
    if _is_windows_program(content) and not _PROGRAMS.fullmatch(_suffix(name)):
        yield _program(name, limits, listed=True)
    if content.startswith(_OLE):
        if _OLE_MACROS in content:
            yield finding("attachment-macros", name)
        if _OLE_ENCRYPTED in content:
            yield finding("attachment-encrypted", name)
    if content.startswith(_ZIP) or _ZIPPED.fullmatch(_suffix(name)):
        yield from _archive(name, content, limits, budget, depth=depth)


def _named(name: str, limits: Limits) -> Iterator[Finding]:
    """What its name says."""
    suffix = _suffix(name)
    if _PROGRAMS.fullmatch(suffix):
        yield _program(name, limits, listed=_LISTED.fullmatch(suffix) is not None)
    elif _WITH_MACROS.fullmatch(suffix):
        yield finding("attachment-macros", name)
    elif _OTHER_ARCHIVES.fullmatch(suffix):
        yield finding("attachment-not-looked-into", name)


def _program(name: str, limits: Limits, *, listed: bool) -> Finding:
    if listed and limits.turns_back_programs is not None:
        return replace(finding("attachment-turned-back", name), who=limits.turns_back_programs)
    return finding("attachment-blocked", name)


def _suffix(name: str) -> str:
    """The last one; Windows leaves blanks and dots after it unread, and .p7m stands around another file."""
    bare = name.rstrip(". ").lower()
    bare = bare.removesuffix(".p7m").rstrip(". ")
    return bare.rpartition(".")[2] if "." in bare else ""


def _is_windows_program(content: bytes) -> bool:
    """Whatever it is called: MZ at the beginning, PE where its header says."""
    if not content.startswith(b"MZ") or len(content) < 64:
        return False
    at = int.from_bytes(content[60:64], "little")
    return content[at : at + 4] == b"PE\0\0"


def _archive(name: str, content: bytes, limits: Limits, budget: _Budget, *, depth: int) -> Iterator[Finding]:
    if depth >= MAX_DEPTH or not _is_readable(content):
        yield finding("attachment-not-looked-into", name)
        return
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            yield from _members(name, archive, limits, budget, depth=depth)
    except _UNREADABLE:
        yield finding("attachment-not-looked-into", name)


def _members(name: str, archive: zipfile.ZipFile, limits: Limits, budget: _Budget, *, depth: int) -> Iterator[Finding]:
    """All names first: a member that cannot be unpacked ends the look at what the others hold."""
    for member in archive.infolist():
        if _MACROS_INSIDE.search(member.filename):
            yield finding("attachment-macros", name)
        if member.flag_bits & 1:
            yield finding("attachment-encrypted", name)
        yield from _named(f"{name}/{member.filename}", limits)
    for member in archive.infolist():
        if member.flag_bits & 1 or member.is_dir():
            continue
        if budget.left <= 0:
            yield finding("attachment-not-looked-into", name)
            return
        yield from _member(f"{name}/{member.filename}", archive, member, limits, budget, depth=depth)


def _member(
    inside: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo, limits: Limits, budget: _Budget, *, depth: int
) -> Iterator[Finding]:
    """What its bytes say: the first of any file, all of an archive."""
    with archive.open(member) as opened:
        content = opened.read(min(HEAD, budget.left))
        zipped = content.startswith(_ZIP) or _ZIPPED.fullmatch(_suffix(inside)) is not None
        if zipped and member.file_size <= budget.left:
            content += opened.read(budget.left - len(content))
    budget.left -= len(content)
    if _is_windows_program(content) and not _PROGRAMS.fullmatch(_suffix(inside)):
        yield _program(inside, limits, listed=True)
    if zipped:
        yield from _archive(inside, content, limits, budget, depth=depth + 1)


def _is_readable(content: bytes) -> bool:
    """Whether its list of members is one, and no longer than is looked through: reading it takes memory."""
    end = content.rfind(_END, max(0, len(content) - 65_557))  # 22 bytes, and a comment of 65,535 at most
    if end < 0 or len(content) < end + 22 or content[max(0, end - 20) : end].startswith(_END64):
        return False
    return int.from_bytes(content[end + 12 : end + 16], "little") <= MAX_DIRECTORY
