"""How often does a program write into an SQLite database? Read from outside, off the file of the write-ahead log.

Its format (sqlite.org/fileformat2.html, 4): a header of 32 bytes with two salts, then frames of 24 bytes and a page
each; the last frame of a transaction says how many pages the database has then. The log begins anew with new salts.
"""

import sqlite3
import struct
import threading
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_HEADER: Final = struct.Struct(">8I")
_FRAME: Final = struct.Struct(">6I")
_LOOK_SECONDS: Final = 0.2


class Commits:
    """Counts the transactions that change the database, while the block runs; `count` afterwards."""

    def __init__(self, database: Path) -> None:
        self._wal = database.with_name(database.name + "-wal")
        # While somebody has the database open, the log stays when the program ends.
        self._open = sqlite3.connect(f"file:{database}?mode=ro", uri=True, check_same_thread=False)
        self._salts: tuple[int, int] | None = None
        self._at = _HEADER.size
        self.count = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)

    def __enter__(self) -> Self:
        self._open.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        self._look()
        self.count = 0
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()
        self._look()
        self._open.close()

    def _look_on(self) -> None:
        while not self._end.wait(_LOOK_SECONDS):
            self._look()

    def _look(self) -> None:
        try:
            log = self._wal.open("rb")
        except FileNotFoundError:
            return
        with log:
            header = log.read(_HEADER.size)
            if len(header) < _HEADER.size:
                return
            _magic, _version, page, _number, *salts, _one, _two = _HEADER.unpack(header)
            if self._salts != (salts[0], salts[1]):
                self._salts, self._at = (salts[0], salts[1]), _HEADER.size
            while True:
                log.seek(self._at)
                frame = log.read(_FRAME.size)
                if len(frame) < _FRAME.size:
                    return
                _page, size, *marks, _one, _two = _FRAME.unpack(frame)
                if (marks[0], marks[1]) != self._salts:
                    return  # what an earlier round through the file left
                self.count += size != 0
                self._at += _FRAME.size + page
