"""How do commands and answers cross the wire? Lines with literals in, chunks out, and the cut when a fault asks it."""

import asyncio
import re
import ssl
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from pec_tracker.sandbox.imap_faults import ImapFaults

MAX_LINE: Final = 1 << 20
MAX_COMMAND: Final = 256 << 20  # an APPEND of the largest PEC, and room to test beyond it
CHUNK: Final = 256 << 10
CLOSING_SECONDS: Final = 2.0
LITERAL_AHEAD: Final = re.compile(rb"\{(\d{1,10})(\+?)\}\r\n\Z")


class ClosedError(Exception):
    """The connection is at its end: the client left, a fault cut it, or what comes makes no sense any more."""


class Wire:
    """One client's connection. What is written is gathered, and sent in chunks or when `flush` is called."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, faults: ImapFaults) -> None:
        self._reader = reader
        self._writer = writer
        self._faults = faults
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._sent = 0

    def write(self, *pieces: bytes) -> None:
        """Gather bytes to send."""
        self._pending += pieces
        self._pending_size += sum(map(len, pieces))

    def line(self, text: str) -> None:
        """Gather a line to send."""
        self.write(text.encode("utf-8"), b"\r\n")

    async def relieve(self) -> None:
        """Send what was gathered once it is a chunk; waits for a slow client."""
        if self._pending_size >= CHUNK:
            await self.flush()

    async def flush(self) -> None:
        """Send what was gathered. ClosedError when a fault cuts the connection, or the client is gone."""
        chunk = b"".join(self._pending)
        self._pending, self._pending_size = [], 0
        room = self._faults.room_before_cut(self._sent)
        cut = room is not None and len(chunk) >= room
        chunk = chunk[:room] if cut else chunk
        self._sent += len(chunk)
        try:
            self._writer.write(chunk)
            await self._writer.drain()
        except (ConnectionError, ssl.SSLError) as error:
            raise ClosedError from error
        if cut:
            self._faults.cut_made()
            raise ClosedError

    async def ask_for_more(self, text: str = "") -> None:
        """A continuation request."""
        self.line(f"+ {text}")
        await self.flush()

    async def read_line(self) -> bytes:
        """A line without its end. ClosedError."""
        return (await self._read_line()).rstrip(b"\r\n")

    async def read_command(self) -> bytes:
        """A command with its literals in place, without its line end. ClosedError."""
        pieces: list[bytes] = []
        size = 0
        while True:
            line = await self._read_line()
            pieces.append(line)
            literal = LITERAL_AHEAD.search(line[-16:])
            if literal is None:
                return b"".join(pieces).rstrip(b"\r\n") if len(pieces) == 1 else b"".join(pieces)[: -_line_end(line)]
            size += int(literal[1])
            if size > MAX_COMMAND:
                await self.bye("command too long")
            if not literal[2]:
                await self.ask_for_more("go ahead")
            pieces.append(await self._read_exactly(int(literal[1])))

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Encrypt from here on. ClosedError when the handshake fails."""
        try:
            await self._writer.start_tls(context)
        except (OSError, ssl.SSLError) as error:
            raise ClosedError from error

    async def bye(self, text: str) -> None:
        """Say goodbye and end: always ClosedError."""
        self.line(f"* BYE {text}")
        await self.flush()
        raise ClosedError

    async def close(self) -> None:
        """Close the connection once all is sent; a client that does not take it is not waited for."""
        self._writer.close()
        with suppress(OSError, ssl.SSLError, TimeoutError):
            async with asyncio.timeout(CLOSING_SECONDS):
                await self._writer.wait_closed()

    def abort(self) -> None:
        """Drop the connection, whatever is still to be sent."""
        self._writer.transport.abort()

    async def _read_line(self) -> bytes:
        try:
            return await self._reader.readuntil(b"\n")
        except asyncio.LimitOverrunError:
            await self.bye("line too long")
            raise
        except (asyncio.IncompleteReadError, OSError, ssl.SSLError) as error:
            raise ClosedError from error

    async def _read_exactly(self, size: int) -> bytes:
        try:
            return await self._reader.readexactly(size)
        except (asyncio.IncompleteReadError, OSError, ssl.SSLError) as error:
            raise ClosedError from error


def _line_end(line: bytes) -> int:
    return len(line) - len(line.rstrip(b"\r\n"))


def joined(pieces: Iterable[int]) -> str:
    """Numbers as a sequence set, runs as ranges: `1:4,7`."""
    runs: list[list[int]] = []
    for number in pieces:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(f"{first}:{last}" if last > first else str(first) for first, last in runs)
