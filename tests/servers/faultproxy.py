"""A TCP proxy that fails on purpose: cuts, delays, garbles, falls silent, in one direction or both.

Runs in a thread of its own; usable from synchronous tests: set `faults`, connect to `port`, look at `connections`.
"""

import asyncio
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Self

_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Faults:
    """What to do to each new connection. Byte counts are from its beginning; None does nothing.

    `up` is from client to server. `cut_*`: both sides are cut (RST) after so many bytes of that direction.
    `silent_*`: nothing more is passed on in that direction, the connection stays. `garble_*`: the byte at this offset
    is inverted. `delay`: seconds before each chunk.
    """

    cut_up: int | None = None
    cut_down: int | None = None
    silent_up: int | None = None
    silent_down: int | None = None
    garble_up: int | None = None
    garble_down: int | None = None
    delay: float = 0.0


@dataclass(slots=True)
class Counted:
    """Bytes that one connection passed on."""

    up: int = 0
    down: int = 0


class FaultProxy:
    """Passes on to 127.0.0.1:`upstream`. `faults` applies to connections made from then on."""

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="faultproxy", daemon=True)
        self._started = threading.Event()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.faults = Faults()
        self.connections: list[Counted] = []
        self.port = 0

    def start(self) -> None:
        """Listen on a free port."""
        self._thread.start()
        self._started.wait()

    def stop(self) -> None:
        """Cut everything and end."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(asyncio.start_server(self._accepted, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        self._started.set()
        self._loop.run_forever()
        self._server.close()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0.01)  # aborted transports close in the next rounds

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except asyncio.CancelledError:
            pass  # `stop` ends us; asyncio's stream server would report a cancelled handler
        finally:
            self._tasks.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        faults, counted = self.faults, Counted()
        self.connections.append(counted)
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        except OSError:
            writer.transport.abort()
            return
        ways = [
            asyncio.create_task(_pass_on(reader, server_writer, counted, "up", faults)),
            asyncio.create_task(_pass_on(server_reader, writer, counted, "down", faults)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            writer.transport.abort()
            server_writer.transport.abort()


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, counted: Counted, way: str, faults: Faults
) -> None:
    """Pass one direction on until its end, or until the fault that is due."""
    cut: int | None = getattr(faults, f"cut_{way}")
    silent: int | None = getattr(faults, f"silent_{way}")
    garble: int | None = getattr(faults, f"garble_{way}")
    passed = 0
    while cut is None or passed < cut:
        chunk = bytearray(await reader.read(_CHUNK))
        if not chunk:
            return
        if faults.delay:
            await asyncio.sleep(faults.delay)
        if garble is not None and passed <= garble < passed + len(chunk):
            chunk[garble - passed] ^= 0xFF
        if silent is not None and passed + len(chunk) > silent:
            chunk = chunk[: max(0, silent - passed)]
        if cut is not None:
            chunk = chunk[: cut - passed]
        passed += len(chunk)
        setattr(counted, way, passed)
        writer.write(chunk)
        await writer.drain()
