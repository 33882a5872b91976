"""How do the objects of a PDF lie in its bytes? Read as typst writes them: one table of objects, streams by themselves.

Sources: ISO 32000-2 7.5 (file structure), 7.7.2 (catalogue), 7.11.4 (embedded files).
"""

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

MAX_DICTIONARY: Final = 256 * 1024  # bytes: the longest lists the pages
MAX_STREAM: Final = 16 * 1024 * 1024  # bytes of a page or a map, unpacked: a full page takes about 50 kB

_ENTRY: Final = re.compile(rb"(\d{10}) (\d{5}) ([nf])\r\n")


class NotReadError(ValueError):
    """This PDF is not of the form that is read here; raised with the reason, for the log."""


@dataclass(frozen=True, slots=True)
class PdfFile:
    """The bytes, where each object begins, where their table and its rows begin, and what the trailer says."""

    raw: bytes
    places: Mapping[int, int]
    table: int
    rows: int
    trailer: bytes

    @property
    def root(self) -> int:
        """The number of its catalogue."""
        return one(rb"/Root", self.trailer)

    def dictionary(self, number: int) -> bytes:
        """An object up to its end, or up to its stream."""
        start = self._start(number)
        window = start + MAX_DICTIONARY
        found = (self.raw.find(b"\nendobj", start, window), self.raw.find(b"\nstream\n", start, window))
        ends = [at for at in found if at >= 0]
        if not ends:
            raise NotReadError("object")
        return self.raw[start : min(ends)]

    def packed(self, number: int) -> bytes:
        """The content of a stream as it lies there."""
        told = self.dictionary(number)
        length = re.search(rb"/Length (\d{1,10})(?![0-9 ])", told)
        start = self._start(number) + len(told) + len(b"\nstream\n")
        if length is None or not self.raw.startswith(b"\nstream\n", start - len(b"\nstream\n")):
            raise NotReadError("stream")
        return self.raw[start : start + int(length[1])]

    def stream(self, number: int) -> bytes:
        """The unpacked content of a stream."""
        content = self.packed(number)
        return _unpacked(content) if b"/Filter/FlateDecode" in self.dictionary(number) else content

    def _start(self, number: int) -> int:
        begin, head = self.places.get(number), b"%d 0 obj\n" % number
        if begin is None or not self.raw.startswith(head, begin):
            raise NotReadError("object")
        return begin + len(head)


def opened(pdf: bytes) -> PdfFile:
    """The file by its one table of objects, which must be the whole of it. Raises NotReadError."""
    end = re.search(rb"trailer\n<<([^<>]{0,2000})>>\nstartxref\n(\d{1,12})\n%%EOF\n?\Z", pdf[-4_000:])
    if end is None or b"/Prev" in end[1] or b"/Encrypt" in end[1]:
        raise NotReadError("trailer")
    table = int(end[2])
    head = re.match(rb"xref\r?\n0 (\d{1,7})\r?\n", pdf[table : table + 40])
    if head is None:
        raise NotReadError("xref")
    begin = table + head.end()
    rows = _ENTRY.findall(pdf, begin, begin + 20 * int(head[1]))
    if len(rows) != int(head[1]):
        raise NotReadError("xref")
    places = {number: int(row[0]) for number, row in enumerate(rows) if row[2] == b"n"}
    return PdfFile(pdf, places, table, begin, end[1])


def one(name: bytes, told: bytes) -> int:
    """The object that the dictionary's entry refers to; there must be one such entry. Raises NotReadError."""
    found = re.findall(re.escape(name) + rb" (\d{1,9}) 0 R", told)
    if len(found) != 1 or told.count(name) != 1:
        raise NotReadError(name.decode())
    return int(found[0])


def _unpacked(content: bytes) -> bytes:
    unpacking = zlib.decompressobj()
    try:
        whole = unpacking.decompress(content, MAX_STREAM)
    except zlib.error as error:
        raise NotReadError("deflate") from error
    if unpacking.unconsumed_tail or not unpacking.eof:
        raise NotReadError("size")
    return whole
