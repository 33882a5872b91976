"""Which mails lie in an mbox (RFC 4155)? Each as it was before it was put there, in time that grows with its size."""

import mmap
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from pec_tracker.pec.read import read
from pec_tracker.pec.signature import verify
from pec_tracker.pec.trust import Trust

BEGINNING: Final = b"From "

# RFC 4155: a line `From address date` after a blank line. Without a time and a year it is a sentence of a letter. The
# line is searched for one after the other: one expression for both would go through it again for each time in it.
_AFTER_BLANK: Final = re.compile(rb"\n\r?\n(?=From )")
_LINE_END: Final = re.compile(rb"[\r\n]")
_TIME: Final = re.compile(rb"\d:\d\d")
_YEAR: Final = re.compile(rb" \d{4}\b")
_QUOTED_FROM: Final = re.compile(rb"(?m)^>(>*From )")


def split_mbox(content: bytes | mmap.mmap) -> Iterator[bytes]:
    """The mails of an mbox, as they were before they were put into it, see `unquoted`."""
    for start, end in spans(content):
        yield unquoted(content[start:end])


def spans(content: bytes | mmap.mmap) -> Iterator[tuple[int, int]]:
    """Where each mail lies: without its From_ line, and without the blank line that stands before the next one."""
    start = 0
    for separator in _AFTER_BLANK.finditer(content):
        if _is_from_line(content, separator.end()):
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


def _is_from_line(content: bytes | mmap.mmap, start: int) -> bool:
    """Whether the line has a time and, behind it, a year: the first time will do, for most can follow it."""
    ended = _LINE_END.search(content, start)
    end = len(content) if ended is None else ended.start()
    time = _TIME.search(content, start, end)
    return time is not None and _YEAR.search(content, time.end(), end) is not None


def _after_line(content: bytes | mmap.mmap, start: int) -> int:
    end = content.find(b"\n", start)
    return len(content) if end < 0 else end + 1


def unquoted(stored: bytes) -> bytes:
    """A mail as it was before an mbox made `>From ` of its lines that begin with `From `.

    Some programs quote and some don't, and none says so; but a signature does: where it holds over the stored bytes
    they are the mail, else where it holds over the unquoted ones. Without one, one `>` is taken away (mboxrd).
    """
    if b">From " not in stored:
        return stored
    original = _QUOTED_FROM.sub(rb"\1", stored)
    if original == stored or _holds(stored):
        return stored
    return original if _holds(original) or read(original).signed is None else stored


def _holds(raw: bytes) -> bool:
    mail = read(raw)
    if mail.signed is None:
        return False
    return verify(raw, mail, Trust(), now=datetime(2000, 1, 1, tzinfo=UTC)).checks["digest"] is True
