"""Servers that speak real SMTP or IMAP over real TLS, and do one thing wrong: the fault that no real server will do.

A `Script` is a coroutine that gets the connection; `ScriptedServer` runs it in a thread for each connection.
"""

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from pec_tracker.wire.endpoint import Endpoint, Security
from tests.servers.certificates import Authority, Certificate


@dataclass(slots=True)
class Line:
    """One connection, seen from the server."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, *lines: bytes) -> None:
        """Send each line with CRLF."""
        await self.raw(b"".join(line + b"\r\n" for line in lines))

    async def raw(self, content: bytes) -> None:
        """Send these very bytes; raises EOFError when the client has gone."""
        if self.writer.transport.is_closing():
            raise EOFError
        self.writer.write(content)
        await self.writer.drain()
        await asyncio.sleep(0)  # drain alone may never let the client's end be noticed

    async def hear(self) -> bytes:
        """The client's next line, without CRLF; raises EOFError when it has gone."""
        line = await self.reader.readline()
        if not line:
            raise EOFError
        return line.rstrip(b"\r\n")

    async def upgrade(self, context: ssl.SSLContext) -> None:
        """Go over to TLS, as after STARTTLS."""
        await self.writer.start_tls(context)

    def cut(self) -> None:
        """End the connection by RST."""
        self.writer.transport.abort()

    async def silence(self) -> None:
        """Say nothing until the client gives up."""
        while await self.reader.read(_CHUNK):
            pass


_CHUNK = 64 * 1024
Script = Callable[[Line], Awaitable[None]]


class ScriptedServer:
    """Listens on 127.0.0.1; `security` TLS wraps the connection before the script sees it."""

    def __init__(
        self,
        authority: Authority,
        script: Script,
        *,
        security: Security = Security.TLS,
        certificate: Certificate | None = None,
        plain: bool = False,
    ) -> None:
        self._authority = authority
        self._script = script
        self._security = security
        self.context = (certificate or authority.issue()).server_context()
        self._wrapped = security is Security.TLS and not plain
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scripted", daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self.accepted = 0
        self.errors: list[BaseException] = []
        self.port = 0

    def endpoint(self, *, timeout: float = 10.0, host: str = "localhost") -> Endpoint:
        """Where and how to reach it."""
        return Endpoint(host, self.port, self._security, self._authority.root, timeout)

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        if self.errors and error is None:
            raise self.errors[0]

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        context = self.context if self._wrapped else None
        server = self._loop.run_until_complete(asyncio.start_server(self._accepted, "127.0.0.1", 0, ssl=context))
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0.01)  # aborted transports close in the next rounds

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.accepted += 1
        self._writers.append(writer)
        try:
            await self._script(Line(reader, writer))
        except (EOFError, OSError, asyncio.CancelledError):
            pass  # the client went away, or the test is over
        except BaseException as error:  # noqa: BLE001  # handed to the test, which raises it
            self.errors.append(error)
        finally:
            self._tasks.discard(task)
            writer.close()
