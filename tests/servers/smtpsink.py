"""smtp-sink (Postfix's own load sink) behind a TLS front with a login: real submission where nobody is root.

smtp-sink knows neither TLS nor AUTH; the front ends TLS, answers AUTH itself, and passes everything else on.
"""

import asyncio
import shutil
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from pec_tracker.wire.endpoint import Endpoint
from tests.servers.certificates import Authority
from tests.servers.programs import free_port, listening, program, service_folder, service_user, stop, wait_until
from tests.servers.scripted import Line, ScriptedServer


class SmtpSink:
    """Takes every login and every message; `received()` gives the messages."""

    def __init__(self, authority: Authority) -> None:
        self._port = free_port()
        self._front = ScriptedServer(authority, self._serve)
        self._process: subprocess.Popen[bytes] | None = None
        self.folder = Path()

    def __enter__(self) -> Self:
        sink = program("smtp-sink", package="postfix")
        user = service_user()
        self.folder = service_folder("sink", user=user)
        command = user.command(sink, "-d", "mail-%M.", f"127.0.0.1:{self._port}", "100")
        self._process = subprocess.Popen(command, cwd=self.folder)
        wait_until(lambda: listening(self._port), seconds=10, what="smtp-sink listens")
        self._front.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._front.__exit__(kind, error, traceback)
        if self._process is not None:
            stop(self._process, signal.SIGTERM)
            shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def plain_port(self) -> int:
        """The sink's own port on 127.0.0.1, which knows neither TLS nor logins."""
        return self._port

    def endpoint(self, *, timeout: float = 10.0) -> Endpoint:
        """Where and how to submit here."""
        return self._front.endpoint(timeout=timeout)

    def received(self) -> list[bytes]:
        """The messages taken so far, with smtp-sink's own `X-` and `Received` lines on top, LF line ends."""
        return [file.read_bytes() for file in sorted(self.folder.glob("mail-*"))]

    async def _serve(self, client: Line) -> None:
        server = Line(*await asyncio.open_connection("127.0.0.1", self._port))
        logged_in = False  # from then on a line beginning with AUTH is part of a message
        answers = asyncio.create_task(_answers(server, client))
        try:
            while True:
                command = await client.reader.readline()
                if not command:
                    return
                if not logged_in and command.upper().startswith(b"AUTH "):
                    logged_in = True
                    await client.say(b"235 2.7.0 welcome")
                else:
                    await server.raw(command)
        finally:
            answers.cancel()
            server.cut()


async def _answers(server: Line, client: Line) -> None:
    """Pass the server's lines on; EHLO's answer, which alone names 8BITMIME, gets AUTH in front of that line."""
    while line := await server.reader.readline():
        if line.startswith((b"250-8BITMIME", b"250 8BITMIME")):
            await client.raw(b"250-AUTH PLAIN\r\n")
        await client.raw(line)
