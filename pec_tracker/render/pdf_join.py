"""How do the mails get into the summary without lying in memory all at once? typst attaches a few of them at a time to
pages without a word; from there their streams, as typst packed them, go over into the PDF with the words.

Both are of typst's own making, and what comes out is of the same form: one table of objects, nothing written twice.
Sources: ISO 32000-2 7.7.4 (names, in the order of their bytes), 7.11.4 (embedded files), 14.13 (associated files).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from pec_tracker.render.pdf_file import NotReadError, PdfFile, opened

# The catalogue's list of attached files, which typst writes as one; a member's name has no letter that is escaped.
_ATTACHED: Final = re.compile(rb"/Names<</EmbeddedFiles<</Names\[([^\[\]]*)\]>>>>/AF\[[0-9R ]*\]")
_NAMED: Final = re.compile(rb"\(([^()\\]{1,200})\)(\d{1,9}) 0 R")
_CONTENT: Final = re.compile(rb"/EF<</F (\d{1,9}) 0 R/UF \1 0 R>>")


@dataclass(frozen=True, slots=True)
class Attached:
    """One file attached to a PDF: its name, the dictionary that describes it, and its stream with its dictionary."""

    name: bytes
    described: bytes
    told: bytes
    packed: bytes


def attached_to(pdf: bytes) -> Iterator[Attached]:
    """The files attached to a PDF that typst made. Raises NotReadError."""
    file = opened(pdf)
    for name, number in _names(file):
        described = file.dictionary(number)
        content = _CONTENT.search(described)
        if content is None:
            raise NotReadError("attached")
        stream = int(content[1])
        yield Attached(name, described, file.dictionary(stream), file.packed(stream))


def joined(pdf: bytes, files: Iterable[Attached]) -> bytes:
    """A PDF that typst made with a file attached, and *files* attached too. Raises NotReadError."""
    file = opened(pdf)
    if file.root != max(file.places):
        raise NotReadError("catalogue")
    names, number, size = dict(_names(file)), file.root, file.places[file.root]
    pieces, places = [pdf[:size]], []
    for one in files:
        names[one.name] = number
        content = b"/EF<</F %d 0 R/UF %d 0 R>>" % (number + 1, number + 1)
        objects = (_CONTENT.sub(content, one.described), one.told + b"\nstream\n" + one.packed + b"\nendstream")
        for written in (_object(number + at, content) for at, content in enumerate(objects)):
            places.append(size)
            pieces.append(written)
            size += len(written)
        number += len(objects)
    catalogue = _object(number, _listing(file, sorted(names.items())))
    pieces += [catalogue, _table(file, [*places, size], size + len(catalogue))]
    return b"".join(pieces)


def _names(file: PdfFile) -> Iterator[tuple[bytes, int]]:
    listed = _ATTACHED.search(file.dictionary(file.root))
    if listed is None:
        raise NotReadError("attached")
    return ((name, int(number)) for name, number in _NAMED.findall(listed[1]))


def _object(number: int, content: bytes) -> bytes:
    return b"%d 0 obj\n%b\nendobj\n" % (number, content)


def _listing(file: PdfFile, names: Iterable[tuple[bytes, int]]) -> bytes:
    """The catalogue, with these files attached."""
    names = list(names)
    listed = b"".join(b"(%b)%d 0 R" % one for one in names)
    associated = b" ".join(b"%d 0 R" % number for _, number in names)
    written = b"/Names<</EmbeddedFiles<</Names[%b]>>>>/AF[%b]" % (listed, associated)
    return _ATTACHED.sub(lambda _found: written, file.dictionary(file.root))


def _table(file: PdfFile, places: Iterable[int], begin: int) -> bytes:
    """The table of objects and all that follows it; *places* are those of the objects from the former catalogue on."""
    kept = file.raw[file.rows : file.rows + 20 * file.root]
    rows = [kept, *(b"%010d 00000 n\r\n" % place for place in places)]
    count = file.root + len(rows) - 1
    trailer = re.sub(rb"/Size \d+/Root \d+ 0 R", b"/Size %d/Root %d 0 R" % (count, count - 1), file.trailer)
    return b"xref\n0 %d\n%btrailer\n<<%b>>\nstartxref\n%d\n%%%%EOF" % (count, b"".join(rows), trailer, begin)
