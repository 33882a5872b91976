"""One logged-in SMTP connection, verb by verb: what the server said, or that the connection broke."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from typing import Self

import aiosmtplib
from aiosmtplib.response import SMTPResponse

from pec_tracker import crash
from pec_tracker.errors import ServerError
from pec_tracker.wire.endpoint import Endpoint, Login, Security
from pec_tracker.wire.reach import clean_text, login_refused, lost, nonsense, silent_greeting, unreachable
from pec_tracker.wire.tls import starttls_missing

# Said in EHLO: nothing about this computer, as Thunderbird does. A literal is allowed (RFC 5321 4.1.1.1).
_EHLO_NAME = "[127.0.0.1]"
_CHUNK = 64 * 1024
# The final reply may come after a virus scan: RFC 5321 4.5.3.2.6 asks for 10 minutes, and giving up costs certainty.
_FINAL_REPLY_FACTOR = 10

_QUIT_SECONDS = 5.0

_BROKEN = (aiosmtplib.SMTPException, OSError, asyncio.CancelledError)


class SmtpBrokenError(Exception):
    """The connection can't be used any more: lost, silent, or speaking nonsense. `problem` says which."""

    def __init__(self, problem: ServerError) -> None:
        self.problem = problem
        super().__init__(str(problem))


class SmtpSession:
    """One connection, used from one task at a time. Raises SmtpBrokenError and leaves judging replies to the caller."""

    def __init__(self, endpoint: Endpoint, client: aiosmtplib.SMTP) -> None:
        self._endpoint = endpoint
        self._client = client
        self._final: asyncio.Future[SMTPResponse] | None = None
        self.greeting = ""  # the server's first words, on one line

    @classmethod
    async def greeted(cls, endpoint: Endpoint, sock: socket.socket, context: ssl.SSLContext) -> Self:
        """A connection over `sock`, encrypted, after the server's greeting and EHLO. Raises ServerError, TlsError."""
        client = _Client(
            hostname=endpoint.host,
            sock=sock,
            use_tls=endpoint.security is Security.TLS,
            start_tls=False,
            tls_context=context,
            timeout=endpoint.timeout,
            local_hostname=_EHLO_NAME,
        )
        session = cls(endpoint, client)
        try:
            await session._connect()
            await session._ehlo()
            if endpoint.security is Security.STARTTLS:
                await session._starttls()
                await session._ehlo()
        except BaseException:
            await session.drop()
            sock.close()
            raise
        return session

    async def log_in(self, login: Login) -> None:
        """Log in once, by one method: a refused password must not be tried three ways, providers lock accounts.

        Raises LoginRefusedError (5xx), or ServerError when the server can't say now, or offers no login.
        """
        methods = self._client.server_auth_methods
        try:
            if "plain" in methods:
                await self._client.auth_plain(login.user, login.password)
            elif "login" in methods:
                await self._client.auth_login(login.user, login.password)
            elif "cram-md5" in methods:
                await self._client.auth_crammd5(login.user, login.password)
            else:
                raise ServerError(
                    "{host}:{port} offers no login that we know; check that this is the provider's port for sending",
                    host=self._endpoint.host,
                    port=self._endpoint.port,
                )
        except aiosmtplib.SMTPAuthenticationError as error:
            raise _login_error(self._endpoint, error) from error
        except _BROKEN as error:
            raise self._server_error(error) from error

    @property
    def alive(self) -> bool:
        """Whether the connection is still open, as far as is known here."""
        return self._client.is_connected

    def offers(self, extension: str) -> str | None:
        """The parameters of an ESMTP extension that the server announced (`""` when none); None if it did not."""
        return self._client.esmtp_extensions.get(extension.lower())

    @property
    def extensions(self) -> str:
        """What the server announced in reply to EHLO, in upper case, in order of the alphabet."""
        announced = self._client.esmtp_extensions.items()
        return ", ".join(sorted(f"{name} {parameters}".strip().upper() for name, parameters in announced))

    @property
    def tls_version(self) -> str:
        """The version of TLS in use, such as `TLSv1.3`."""
        tls = self._client.get_transport_info("ssl_object")
        return str(tls.version()) if isinstance(tls, ssl.SSLObject) else ""

    async def say(self, *words: bytes) -> SMTPResponse:
        """Send one command and return the reply, whatever its code."""
        try:
            return await self._client.execute_command(*words)
        except _BROKEN as error:
            raise self._broken(error) from error

    async def send_body(self, raw: bytes) -> SMTPResponse | None:
        """Send `raw`, dot-stuffed, after a 354. A reply that comes before the final dot is returned, else None."""
        protocol = self._client.protocol
        if protocol is None:
            raise SmtpBrokenError(lost(self._endpoint))
        # Listening from now on: a server that refuses in the middle says so once, and then hangs up.
        self._final = asyncio.ensure_future(protocol.read_response(timeout=None))
        try:
            for number, chunk in enumerate(stuffed(raw)):
                if self._final.done():
                    break
                protocol.write(chunk)
                # The protocol's half of asyncio's flow control, which StreamWriter.drain() awaits too.
                await asyncio.wait_for(protocol._drain_helper(), self._endpoint.timeout)
                if number == 0:
                    crash.at("smtp.mid-body")
        except _BROKEN as error:
            if not self._final.done():
                raise self._broken(error) from error
        return await self.early_reply()

    async def early_reply(self) -> SMTPResponse | None:
        """What the server said before the final dot, None when it is waiting for it, as it should."""
        if self._final is None or not self._final.done():
            return None
        return await self.final_reply()

    async def write_dot(self) -> None:
        """Write the final dot. Raises SmtpBrokenError only when the connection was closed, and nothing was written."""
        protocol = self._client.protocol
        if protocol is None:
            raise SmtpBrokenError(lost(self._endpoint))
        try:
            protocol.write(b".\r\n")
        except _BROKEN as error:
            raise self._broken(error) from error
        await asyncio.sleep(0)

    async def final_reply(self) -> SMTPResponse:
        """The reply to the message as a whole."""
        if self._final is None:
            raise SmtpBrokenError(lost(self._endpoint))
        try:
            return await asyncio.wait_for(self._final, self._endpoint.timeout * _FINAL_REPLY_FACTOR)
        except _BROKEN as error:
            raise self._broken(error) from error
        finally:
            self._final = None

    async def quit(self) -> None:
        """Say goodbye if the server listens, then drop the connection. Only between messages."""
        try:
            await self._client.quit(timeout=min(_QUIT_SECONDS, self._endpoint.timeout))
        except _BROKEN:
            pass  # a goodbye that isn't heard changes nothing
        finally:
            await self.drop()

    async def drop(self) -> None:
        """Cut the connection at once, without a word; what was not sent stays unsent."""
        if self._final is not None and not self._final.cancel() and not self._final.cancelled():
            self._final.exception()  # looked at, or asyncio complains that nobody did
        self._final = None
        self._client.close()
        await asyncio.sleep(0)

    async def _connect(self) -> None:
        try:
            greeted = await self._client.connect()
            self.greeting = clean_text(greeted.message, limit=200)
        except aiosmtplib.SMTPConnectResponseError as error:
            raise ServerError(
                "{host}:{port} turned the connection away: {code} {reply}; try later, or ask the provider",
                host=self._endpoint.host,
                port=self._endpoint.port,
                code=error.code,
                reply=clean_text(error.message, limit=200),
            ) from error
        except aiosmtplib.SMTPConnectTimeoutError as error:
            if isinstance(error.__cause__, aiosmtplib.SMTPReadTimeoutError):
                raise silent_greeting(self._endpoint) from error
            raise unreachable(self._endpoint, TimeoutError()) from error
        except aiosmtplib.SMTPConnectError as error:
            raise unreachable(self._endpoint, error.__cause__ or error) from error
        except _BROKEN as error:
            raise self._server_error(error) from error

    async def _ehlo(self) -> None:
        try:
            await self._client.ehlo()
        except _BROKEN as error:
            raise self._server_error(error) from error

    async def _starttls(self) -> None:
        if not self._client.supports_extension("starttls"):
            raise starttls_missing(self._endpoint)
        try:
            await self._client.starttls()
        except ssl.SSLError as error:
            raise unreachable(self._endpoint, error) from error
        except aiosmtplib.SMTPResponseException as error:
            raise starttls_missing(self._endpoint) from error
        except _BROKEN as error:
            raise self._server_error(error) from error

    def _server_error(self, error: BaseException) -> ServerError:
        if isinstance(error, aiosmtplib.SMTPResponseException):
            return nonsense(self._endpoint, protocol="SMTP", said=error.message)
        if isinstance(error, ssl.SSLError):
            return unreachable(self._endpoint, error)
        return lost(self._endpoint, error)

    def _broken(self, error: BaseException) -> SmtpBrokenError:
        return SmtpBrokenError(self._server_error(error))


class _Client(aiosmtplib.SMTP):
    """Cuts where aiosmtplib closes, which would first send what is buffered and wait for the server's TLS goodbye."""

    def close(self) -> None:
        """Cut the connection."""
        transport = self.transport
        super().close()
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()


def stuffed(raw: bytes) -> Iterator[bytes]:
    """`raw` (CRLF line ends) in pieces of at most 64 kB or half, with a dot before each line that begins with one.

    RFC 5321 4.5.2.
    """
    size = min(_CHUNK, max(1, len(raw) // 2))
    start = 0
    while start < len(raw):
        end = min(len(raw), start + size)
        if end < len(raw) and raw[end - 1] == 0x0D:
            end += 1  # never cut between CR and LF
        piece = raw[start:end].replace(b"\r\n.", b"\r\n..")
        begins_line = start == 0 or raw[start - 1] == 0x0A
        yield b"." + piece if begins_line and piece.startswith(b".") else piece
        start = end


def _login_error(endpoint: Endpoint, error: aiosmtplib.SMTPAuthenticationError) -> ServerError:
    reply = clean_text(error.message, limit=200)
    if 500 <= error.code <= 599:
        return login_refused(endpoint, f"{error.code} {reply}", code=error.code)
    return ServerError(
        "{host}:{port} cannot check the login now: {code} {reply}; try later",
        host=endpoint.host,
        port=endpoint.port,
        code=error.code,
        reply=reply,
    )
