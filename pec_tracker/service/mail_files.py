"""Which mails lie in these files? Folders, Maildirs, .eml, .msg, mbox and .zip of these, one mail after the other.

Nothing is written, and no name in an archive is used as a path. What cannot be read is named, and stops nothing.
"""

import lzma
import mmap
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Final

from pec_tracker.pec.read import read
from pec_tracker.pec.signature import verify
from pec_tracker.pec.trust import Trust
from pec_tracker.service import outlook
from pec_tracker.service.outlook import Letter
from pec_tracker.service.outlook_file import OutlookError

# A mail that is larger, or grows so when unpacked, is a bomb and no letter: providers stop at about 100 MB.
MAX_MAIL: Final = 256 * 1024 * 1024
# A .zip of mails shrinks to a tenth; one that unpacks to this much, and to this many times its size, is a bomb.
MAX_UNPACKED: Final = 4 * 1024 * 1024 * 1024
MAX_RATIO: Final = 200

_MAILDIR_PARTS: Final = frozenset({"cur", "new"})
_MAIL_SUFFIXES: Final = frozenset({".eml", ".msg", ".mbox", ".zip"})
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")  # no mail begins so; the end of one may look like an archive's
_MBOX: Final = b"From "
# RFC 4155: a line `From address date` after a blank line. Without a time and a year it is a sentence of a letter.
_SEPARATOR: Final = re.compile(rb"\n\r?\n(?=From [^\r\n]*\d:\d\d[^\r\n]* \d{4}\b)")
_QUOTED_FROM: Final = re.compile(rb"(?m)^>(>*From )")

_ZIP_ERRORS = (
    OSError,
    RuntimeError,  # a password is asked for
    NotImplementedError,
    ValueError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)


@dataclass(frozen=True, slots=True)
class Unread:
    """A file, or a member of one, that could not be taken in, and why (a stable name)."""

    source: str
    reason: str


def mails_in(paths: Sequence[Path], unread: list[Unread]) -> Iterator[Letter]:
    """The mails under *paths*, in the order of their names; what cannot be read is added to *unread*."""
    for path in paths:
        if path.is_dir():
            yield from _folder(path, unread)
        elif path.is_file():
            yield from _file(path, unread)
        else:
            unread.append(Unread(str(path), "not-a-file" if path.exists() else "not-there"))


def _folder(path: Path, unread: list[Unread]) -> Iterator[Letter]:
    """Every mail below a folder: Maildirs are known by their cur and new, mbox by their beginning, others by name."""
    try:
        children = sorted(path.iterdir())
    except OSError as error:
        unread.append(Unread(str(path), type(error).__name__))
        return
    for child in children:
        if child.is_dir():
            unfinished = child.name == "tmp" and (path / "cur").is_dir()
            if not unfinished and not child.is_symlink():  # which may lead back here
                yield from _folder(child, unread)
        elif child.is_file() and (
            path.name in _MAILDIR_PARTS or child.suffix.lower() in _MAIL_SUFFIXES or _head(child).startswith(_MBOX)
        ):
            yield from _file(child, unread)


def _file(path: Path, unread: list[Unread]) -> Iterator[Letter]:
    try:
        with path.open("rb") as file:
            head = file.read(5)
        if head.startswith(_ZIP):
            yield from _zip(path, unread)
        elif head == _MBOX:
            yield from _mbox(path, unread)
        elif path.suffix.lower() == ".mbox" and not head:
            return  # an empty mailbox holds no mail; an empty .eml is one, though nobody can read it
        elif path.stat().st_size > MAX_MAIL:
            unread.append(Unread(str(path), "too-large"))
        else:
            yield from _letters(path.read_bytes(), str(path), unread)
    except (OSError, zipfile.BadZipFile) as error:
        unread.append(Unread(str(path), type(error).__name__))


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(5)
    except OSError:
        return b""


def _mbox(path: Path, unread: list[Unread]) -> Iterator[Letter]:
    """The mails of an mbox of any size: mapped, not read whole."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        yield from _split(content, str(path), unread)


def _zip(path: Path, unread: list[Unread]) -> Iterator[Letter]:
    """The mails of a .zip, unpacked one by one in memory."""
    with zipfile.ZipFile(path) as archive:
        left = max(MAX_UNPACKED, MAX_RATIO * path.stat().st_size)
        for member in archive.infolist():
            source = f"{path}!{member.filename}"
            try:
                raw = _member(archive, member)
            except _ZIP_ERRORS as error:
                unread.append(Unread(source, "encrypted" if member.flag_bits & 1 else type(error).__name__))
                continue
            if raw is None:
                continue
            left -= len(raw)
            if left < 0:
                unread.append(Unread(str(path), "zip-bomb"))
                return
            if len(raw) > MAX_MAIL:
                unread.append(Unread(source, "too-large"))
            elif raw.startswith(_ZIP):
                unread.append(Unread(source, "zip-in-zip"))
            elif raw.startswith(_MBOX):
                yield from _split(raw, source, unread)
            else:
                yield from _letters(raw, source, unread)


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes | None:
    """The bytes of a mail, or of an mbox or .zip; None for any other member. At most one more than MAX_MAIL."""
    if member.is_dir():
        return None
    name = PurePosixPath(member.filename.replace("\\", "/"))
    named = name.parent.name in _MAILDIR_PARTS or name.suffix.lower() in _MAIL_SUFFIXES
    with archive.open(member) as stream:
        head = stream.read(5)
        if name.suffix.lower() == ".mbox" and not head:
            return None
        return head + stream.read(MAX_MAIL - 4) if named or head == _MBOX else None


def _letters(raw: bytes, source: str, unread: list[Unread]) -> Iterator[Letter]:
    """A mail as it is; an Outlook item as the mails that are rebuilt from it."""
    if not outlook.is_item(raw):
        yield Letter(raw)
        return
    try:
        yield from outlook.letters(raw)
    except OutlookError as error:
        unread.append(Unread(source, error.reason))


def _split(content: bytes | mmap.mmap, source: str, unread: list[Unread]) -> Iterator[Letter]:
    for number, (start, end) in enumerate(_spans(content), 1):
        if end - start > MAX_MAIL:
            unread.append(Unread(f"{source}#{number}", "too-large"))
        else:
            yield Letter(unquoted(content[start:end]))


def split_mbox(content: bytes | mmap.mmap) -> Iterator[bytes]:
    """The mails of an mbox (RFC 4155), as they were before they were put into it, see `unquoted`."""
    for start, end in _spans(content):
        yield unquoted(content[start:end])


def _spans(content: bytes | mmap.mmap) -> Iterator[tuple[int, int]]:
    """Where each mail lies: without its From_ line, and without the blank line that stands before the next one."""
    start = 0
    for separator in _SEPARATOR.finditer(content):
        yield _after_line(content, start), separator.start() + 1
        start = separator.end()
    end = len(content)
    for blank in (b"\r\n\r\n", b"\n\n"):  # so that a mail is the same one when another follows it
        if content[max(0, end - len(blank)) : end] == blank:
            end -= len(blank) // 2
            break
    first = _after_line(content, start)
    if first < end:
        yield first, end


def _after_line(content: bytes | mmap.mmap, start: int) -> int:
    end = content.find(b"\n", start)
    return len(content) if end < 0 else end + 1


def unquoted(stored: bytes) -> bytes:
    """A mail as it was before an mbox made `>From ` of its lines that begin with `From `.

    Some programs quote and some don't, and none says so; but a signature does: where it holds over the stored bytes
    they are the mail, else where it holds over the unquoted ones. Without one, one `>` is taken away (mboxrd).
    """
    original = _QUOTED_FROM.sub(rb"\1", stored)
    if original == stored or _holds(stored):
        return stored
    return original if _holds(original) or read(original).signed is None else stored


def _holds(raw: bytes) -> bool:
    mail = read(raw)
    if mail.signed is None:
        return False
    return verify(raw, mail, Trust(), now=datetime(2000, 1, 1, tzinfo=UTC)).checks["digest"] is True
