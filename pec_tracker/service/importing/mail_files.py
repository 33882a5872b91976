"""Which mails lie in these files? Folders, Maildirs, .eml, .msg, mbox and .zip of these, one mail after the other.

Nothing is written, and no name in an archive is used as a path. What cannot be read is named, and stops nothing.
Nothing is read that lies outside of what the user named, and a .zip unpacks to what a mailbox may hold, no more.
"""

import lzma
import mmap
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final

from pec_tracker.service.importing import mbox, outlook
from pec_tracker.service.importing.foreign_files import HEAD, ZIP, foreign, is_litter, may_be_mail, passed_over
from pec_tracker.service.importing.outlook import Letter
from pec_tracker.service.importing.outlook_file import OutlookError

# A mail that is larger, or grows so when unpacked, is a bomb and no letter: providers stop at about 100 MB.
MAX_MAIL: Final = 256 * 1024 * 1024
# A .zip of mails shrinks to a tenth; one mail of blank pages by more. What unpacks to more than so many times its size,
# and to more than the bytes that are free of that, is a bomb.
MAX_UNPACKED: Final = 64 * 1024 * 1024 * 1024
MAX_RATIO: Final = 25
FREE: Final = 64 * 1024 * 1024
MAX_MEMBER_RATIO: Final = 100
FREE_MEMBER: Final = 16 * 1024 * 1024

_MAILDIR_PARTS: Final = frozenset({"cur", "new"})
_MAIL_SUFFIXES: Final = frozenset({".eml", ".msg", ".mbox", ".zip"})

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

NOT_THERE: Final = "not-there"  # why a path that does not exist was not read (texts.notices.UNREAD)


@dataclass(frozen=True, slots=True)
class Unread:
    """A file, or a member of one, that could not be taken in, and why (a stable name)."""

    source: str
    reason: str


def mails_in(paths: Sequence[Path], unread: list[Unread]) -> Iterator[Letter]:
    """The mails under *paths*, in the order of their names; what cannot be read is added to *unread*."""
    for path in paths:
        if path.is_dir():
            yield from _folder(path, path.resolve(), unread)
        elif path.is_file():
            yield from _named_file(path, unread)
        else:
            unread.append(Unread(str(path), "not-a-file" if path.exists() else NOT_THERE))


def _folder(path: Path, top: Path, unread: list[Unread]) -> Iterator[Letter]:
    """Every mail below a folder: Maildirs are known by their cur and new, mbox by their beginning, others by name.

    A link is not followed: inside of *top* what it leads to is met anyway, and outside it was not asked for.
    """
    try:
        children = sorted(path.iterdir())
    except OSError as error:
        unread.append(Unread(str(path), type(error).__name__))
        return
    for child in children:
        try:
            if child.is_symlink() or (child.is_dir() and not _lies_in(child, top)):  # a junction of Windows is no link
                if not (_lies_in(child, top) and child.exists()):
                    unread.append(Unread(str(child), "link"))
            elif child.is_dir():
                if not (child.name == "tmp" and (path / "cur").is_dir()):  # mails half written
                    yield from _folder(child, top, unread)
            elif child.is_file():
                yield from _file_in_folder(child, unread)
            else:
                unread.append(Unread(str(child), "not-a-file"))
        except (OSError, RuntimeError) as error:  # RuntimeError: links that lead to each other
            unread.append(Unread(str(child), "link" if child.is_symlink() else type(error).__name__))


def _lies_in(path: Path, top: Path) -> bool:
    return path.resolve().is_relative_to(top)


def _file_in_folder(path: Path, unread: list[Unread]) -> Iterator[Letter]:
    head = _head(path)
    if is_litter(head, path.name):
        return
    suffix = path.suffix.lower()
    if path.parent.name in _MAILDIR_PARTS or suffix in _MAIL_SUFFIXES or head.startswith(mbox.BEGINNING):
        token = foreign(head, suffix)
        if token is None:
            yield from _file(path, head, unread)
            return
    else:
        token = passed_over(head, suffix)
    if token == "thunderbird-index" and _has_content(path.with_suffix("")):
        return  # the mails that it is an index of are imported
    if token is not None:
        unread.append(Unread(str(path), token))


def _has_content(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _named_file(path: Path, unread: list[Unread]) -> Iterator[Letter]:
    """A file that the user named himself: what he calls a mail (.eml) is one, however odd."""
    try:
        head, suffix = _head(path), path.suffix.lower()
        token = None if suffix == ".eml" else foreign(head, suffix)
        called = suffix in _MAIL_SUFFIXES or path.parent.name in _MAILDIR_PARTS
        if token is None and not (called or head.startswith(ZIP) or may_be_mail(head)):
            token = "not-a-mail"
        if token is None:
            yield from _file(path, head, unread)
        else:
            unread.append(Unread(str(path), token))
    except OSError as error:
        unread.append(Unread(str(path), type(error).__name__))


def _file(path: Path, head: bytes, unread: list[Unread]) -> Iterator[Letter]:
    try:
        if head.startswith(ZIP):
            yield from _zip(path, unread)
        elif head.startswith(mbox.BEGINNING):
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
    with path.open("rb") as file:
        return file.read(HEAD)


def _mbox(path: Path, unread: list[Unread]) -> Iterator[Letter]:
    """The mails of an mbox of any size: mapped, not read whole."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        yield from _split(content, str(path), unread)


def _zip(path: Path, unread: list[Unread]) -> Iterator[Letter]:
    """The mails of a .zip, unpacked one by one in memory."""
    with zipfile.ZipFile(path) as archive:
        left = min(MAX_UNPACKED, max(FREE, MAX_RATIO * path.stat().st_size))
        names = {member.filename: member for member in archive.infolist()}
        found = False
        for member in archive.infolist():
            source = f"{path}!{member.filename}"
            try:
                raw, token = _member(archive, member, names)
            except _ZIP_ERRORS as error:
                raw, token = None, "encrypted" if member.flag_bits & 1 else type(error).__name__
            if token is not None:
                unread.append(Unread(source, token))
            elif raw is not None:
                left -= len(raw)
                if left < 0:
                    unread.append(Unread(str(path), "zip-bomb"))
                    return
                if raw.startswith(mbox.BEGINNING):
                    yield from _split(raw, source, unread)
                else:
                    yield from _letters(raw, source, unread)
            found = found or token is not None or raw is not None
        if not found:
            unread.append(Unread(str(path), "no-mail-in-it"))


def _member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, names: Mapping[str, zipfile.ZipInfo]
) -> tuple[bytes | None, str | None]:
    """The bytes of a mail or an mbox, or why a member is left out; neither for what nobody misses.

    What it says to unpack to is believed: the reader gives no more than that.
    """
    if member.is_dir():
        return None, None
    if stat.S_ISLNK(member.external_attr >> 16):
        return None, "link"
    name = PurePosixPath(member.filename.replace("\\", "/"))
    suffix = name.suffix.lower()
    called = name.parent.name in _MAILDIR_PARTS or suffix in _MAIL_SUFFIXES
    with archive.open(member) as stream:
        head = stream.read(HEAD)
        if is_litter(head, name.name) or (suffix == ".mbox" and not head):
            return None, None
        if not called and not head.startswith(mbox.BEGINNING):
            token = passed_over(head, suffix)
            beside = names.get(member.filename.removesuffix(name.suffix))
            indexed = token == "thunderbird-index" and beside is not None and beside.file_size > 0
            return None, None if indexed else token
        token = foreign(head, suffix) or ("zip-in-zip" if head.startswith(ZIP) else None)
        token = token or _too_much(member)
        return (None, token) if token else (head + stream.read(), None)


def _too_much(member: zipfile.ZipInfo) -> str | None:
    if member.file_size > MAX_MAIL:
        return "too-large"
    allowed = max(FREE_MEMBER, MAX_MEMBER_RATIO * member.compress_size)
    return "zip-bomb" if member.file_size > allowed else None


def _letters(raw: bytes, source: str, unread: list[Unread]) -> Iterator[Letter]:
    """A mail as it is; an Outlook item as the mails that are rebuilt from it."""
    if not outlook.is_item(raw):
        yield Letter(raw, source=source)
        return
    try:
        yield from (replace(letter, source=source) for letter in outlook.letters(raw))
    except OutlookError as error:
        unread.append(Unread(source, error.reason))


def _split(content: bytes | mmap.mmap, source: str, unread: list[Unread]) -> Iterator[Letter]:
    for number, (start, end) in enumerate(mbox.spans(content), 1):
        if end - start > MAX_MAIL:
            unread.append(Unread(f"{source}#{number}", "too-large"))
        else:
            yield Letter(mbox.unquoted(content[start:end]), source=f"{source}#{number}")
