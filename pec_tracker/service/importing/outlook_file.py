"""What does an Outlook item file (.msg) hold? Its properties, recipients and attachments, as they stand in it.

A .msg is a compound file ([MS-CFB], read by olefile) that keeps each property in a stream of its own ([MS-OXMSG] 2.1):
`__substg1.0_<tag><type>` for what varies in length, sixteen bytes of `__properties_version1.0` for what does not.
"""

import codecs
import io
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

import olefile

MAGIC: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # MS-CFB 2.2

_UNICODE, _STRING8, _BINARY, _OBJECT = 0x001F, 0x001E, 0x0102, 0x000D  # MS-OXCDATA 2.11.1
_FIXED: Final = "__properties_version1.0"
_ENTRY: Final = struct.Struct("<HHI8s")  # type, tag, flags, value: MS-OXMSG 2.4.2.1
# What stands before the entries: MS-OXMSG 2.4.1.1 to 2.4.1.3.
_HEADER_OF_FILE, _HEADER_OF_EMBEDDED, _HEADER_OF_PART = 32, 24, 8
_1601: Final = datetime(1601, 1, 1, tzinfo=UTC)
_WINDOWS_1252: Final = 1252
_UTF_8: Final = 65001
_PYTHON_NAMES: Final = {_UTF_8: "utf-8", 20127: "ascii", 28591: "iso8859-1", 28605: "iso8859-15"}

# What a file that is damaged, or made to do damage, brings olefile to.
_DAMAGE: Final = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    OverflowError,
    RecursionError,
    struct.error,
)


class Tag(IntEnum):
    """The properties that are read ([MS-OXPROPS])."""

    MESSAGE_CLASS = 0x001A
    SUBJECT = 0x0037
    CLIENT_SUBMIT_TIME = 0x0039
    SENT_REPRESENTING_NAME = 0x0042
    SENT_REPRESENTING_ADDRESS = 0x0065
    TRANSPORT_HEADERS = 0x007D
    RECIPIENT_TYPE = 0x0C15
    SENDER_NAME = 0x0C1A
    SENDER_ADDRESS = 0x0C1F
    DELIVERY_TIME = 0x0E06
    BODY = 0x1000
    HTML = 0x1013
    INTERNET_MESSAGE_ID = 0x1035
    INTERNET_REFERENCES = 0x1039
    IN_REPLY_TO = 0x1042
    DISPLAY_NAME = 0x3001
    EMAIL_ADDRESS = 0x3003
    ATTACH_DATA = 0x3701
    ATTACH_NAME = 0x3704
    ATTACH_METHOD = 0x3705
    ATTACH_LONG_NAME = 0x3707
    ATTACH_MIME_TAG = 0x370E
    SMTP_ADDRESS = 0x39FE
    INTERNET_CODEPAGE = 0x3FDE
    MESSAGE_CODEPAGE = 0x3FFD
    SENDER_SMTP_ADDRESS = 0x5D01
    SENT_REPRESENTING_SMTP_ADDRESS = 0x5D02


class OutlookError(Exception):
    """A .msg that cannot be read, or holds no mail; `reason` is a stable name of why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


if TYPE_CHECKING:
    _OleFile = olefile.OleFileIO[str]
else:
    _OleFile = olefile.OleFileIO


class _File(_OleFile):
    """A compound file in which nothing takes longer, or more room, than the file is long.

    olefile goes through all names for each name, through all streams for each stream, and along a chain of sectors as
    far as the file says that it is long: in a loop, for 4 GiB.
    """

    def __init__(self, raw: bytes) -> None:
        self._longest = len(raw)
        super().__init__(io.BytesIO(raw))

    def _find(self, filename: Sequence[str]) -> int:
        node: Any = self.root
        for name in filename:
            node = node.kids_dict.get(name.lower())
            if node is None:
                raise OSError("file not found")
        sid: int = node.sid
        return sid

    def _check_duplicate_stream(self, first_sect: int, minifat: bool = False) -> None:
        """Needless: `_Container` finds streams that share their sectors."""

    def _open(self, start: int, size: int = olefile.UNKNOWN_SIZE, force_FAT: bool = False) -> Any:  # noqa: N803
        if size not in (olefile.UNKNOWN_SIZE, 0) and size > self._longest:
            raise OSError("a stream longer than the file")
        return super()._open(start, size, force_FAT)


def _require_sound_head(raw: bytes) -> None:
    """The tables of sectors that the head announces lie in the file (MS-CFB 2.2), and sectors are of the two sizes."""
    if len(raw) < 512:
        raise OSError("shorter than its head")
    (shift,) = struct.unpack_from("<H", raw, 30)
    if shift not in (9, 12):
        raise OSError("sectors of an unknown size")
    tables = struct.unpack_from("<I", raw, 44) + struct.unpack_from("<I", raw, 64) + struct.unpack_from("<I", raw, 72)
    if any(count > len(raw) >> shift for count in tables):
        raise OSError("a table longer than the file")


class _Container:
    """The compound file's streams, read within bounds: in sum no more than the file is long.

    Streams of an honest file share no sector, so those of a crafted one, which could unfold without end, show.
    """

    def __init__(self, ole: "olefile.OleFileIO[str]", size: int) -> None:
        self._ole = ole
        self._left = size
        self.names: dict[tuple[str, ...], set[str]] = {}
        for path in ole.listdir(streams=True, storages=True):
            self.names.setdefault(tuple(path[:-1]), set()).add(path[-1])

    def stream(self, path: tuple[str, ...]) -> bytes | None:
        """The bytes of a stream; None where there is none. OutlookError for more than an honest file can hold."""
        if path[-1] not in self.names.get(path[:-1], ()):
            return None
        with _reading():
            if self._ole.get_type(list(path)) != olefile.STGTY_STREAM:
                return None
            self._left -= self._ole.get_size(list(path))
            if self._left < 0:
                raise OutlookError("outlook-damaged")
            content: bytes = self._ole.openstream(list(path)).read()
            return content


@dataclass(frozen=True, slots=True)
class Properties:
    """The properties of a mail, a recipient or an attachment; `codepage` is that of its 8-bit texts."""

    container: _Container = field(repr=False)
    path: tuple[str, ...]
    fixed: Mapping[int, bytes] = field(repr=False)  # tag -> eight bytes
    codepage: int = _WINDOWS_1252

    def text(self, tag: Tag) -> str | None:
        """A text, without the zeros at its end; None where it is absent or empty."""
        wide = self._varying(tag, _UNICODE)
        if wide is not None:
            return wide.decode("utf-16-le", "replace").rstrip("\0") or None
        narrow = self._varying(tag, _STRING8)
        return None if narrow is None else decoded(narrow, self.codepage).rstrip("\0") or None

    def binary(self, tag: Tag) -> bytes | None:
        """Bytes; None where there are none."""
        return self._varying(tag, _BINARY)

    def number(self, tag: Tag) -> int | None:
        """A number of 32 bits."""
        value = self.fixed.get(tag)
        return None if value is None else int.from_bytes(value[:4], "little", signed=True)

    def time(self, tag: Tag) -> datetime | None:
        """A time; None where it is absent or none that a calendar knows. Counted in 100 ns from 1601, in UTC."""
        value = self.fixed.get(tag)
        try:
            return None if value is None else _1601 + timedelta(microseconds=int.from_bytes(value, "little") // 10)
        except OverflowError:
            return None

    def _varying(self, tag: Tag, kind: int) -> bytes | None:
        return self.container.stream((*self.path, _stream_name(tag, kind)))


@dataclass(frozen=True, slots=True)
class Attachment:
    """One attachment: `content` where it is kept by value, `embedded` where it is an Outlook item of its own."""

    name: str | None
    mime_tag: str | None
    content: bytes | None = field(repr=False)
    embedded: "Item | None" = None


@dataclass(frozen=True, slots=True)
class Item:
    """An Outlook item: its own properties, those of its recipients, its attachments."""

    properties: Properties

    @property
    def item_class(self) -> str:
        """`ipm.note` and the like, lower-case; empty where the file says none, as one of another program's does."""
        return (self.properties.text(Tag.MESSAGE_CLASS) or "").lower()

    def recipients(self) -> Iterator[Properties]:
        """Each recipient, in the order of the file."""
        return (_part(self.properties, name) for name in self._storages("__recip_version1.0_"))

    def attachments(self) -> Iterator[Attachment]:
        """Each attachment, in the order of the file."""
        for name in self._storages("__attach_version1.0_"):
            part = _part(self.properties, name)
            yield Attachment(
                name=part.text(Tag.ATTACH_LONG_NAME) or part.text(Tag.ATTACH_NAME) or part.text(Tag.DISPLAY_NAME),
                mime_tag=(part.text(Tag.ATTACH_MIME_TAG) or "").lower() or None,
                content=part.binary(Tag.ATTACH_DATA),
                embedded=_embedded(part),
            )

    def _storages(self, prefix: str) -> list[str]:
        names = self.properties.container.names.get(self.properties.path, set())
        return sorted(name for name in names if name.startswith(prefix))


@contextmanager
def opened(raw: bytes) -> Iterator[Item]:
    """The item that the bytes of a .msg hold, while the block runs.

    Raises OutlookError: `outlook-damaged` where they cannot be read, now or when something is asked of the item;
    `outlook-not-a-mail` where they are no Outlook item.
    """
    with _reading():
        _require_sound_head(raw)
        ole = _File(raw)
    with ole:
        with _reading():
            container = _Container(ole, len(raw))
        if _FIXED not in container.names.get((), ()):
            raise OutlookError("outlook-not-a-mail")  # another program's document in the same kind of container
        yield Item(_of_mail(container, (), _HEADER_OF_FILE))


@contextmanager
def _reading() -> Iterator[None]:
    """A block in which olefile reads: whatever the bytes bring it to, they are damaged."""
    try:
        yield
    except _DAMAGE as error:
        raise OutlookError("outlook-damaged") from error


def decoded(text: bytes, codepage: int) -> str:
    """A text in a Windows code page, U+FFFD for what it cannot be; a page that nobody knows is taken for 1252."""
    name = _PYTHON_NAMES.get(codepage, f"cp{codepage}")
    try:
        codecs.lookup(name)
    except LookupError:
        name = f"cp{_WINDOWS_1252}"
    return text.decode(name, "replace")


def _of_mail(container: _Container, path: tuple[str, ...], header: int) -> Properties:
    fixed = _fixed(container, path, header)
    plain = Properties(container, path, fixed)
    page = plain.number(Tag.MESSAGE_CODEPAGE) or plain.number(Tag.INTERNET_CODEPAGE) or _WINDOWS_1252
    return Properties(container, path, fixed, page)


def _part(of: Properties, name: str) -> Properties:
    path = (*of.path, name)
    return Properties(of.container, path, _fixed(of.container, path, _HEADER_OF_PART), of.codepage)


def _embedded(part: Properties) -> Item | None:
    """MS-OXMSG 2.2.2.1: the item lies in a storage that is called like the property that it is."""
    path = (*part.path, _stream_name(Tag.ATTACH_DATA, _OBJECT))
    if _FIXED not in part.container.names.get(path, ()):
        return None  # an OLE object of another program: it stays in the .msg
    return Item(_of_mail(part.container, path, _HEADER_OF_EMBEDDED))


def _fixed(container: _Container, path: tuple[str, ...], header: int) -> dict[int, bytes]:
    stream = (container.stream((*path, _FIXED)) or b"")[header:]
    whole = len(stream) // _ENTRY.size * _ENTRY.size
    return {tag: value for _kind, tag, _flags, value in _ENTRY.iter_unpack(stream[:whole])}


def _stream_name(tag: Tag, kind: int) -> str:
    return f"__substg1.0_{tag:04X}{kind:04X}"
