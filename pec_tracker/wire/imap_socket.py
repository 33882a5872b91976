"""How do IMAP's bytes come and go? imaplib over a verified socket, with limits, exact APPEND and IDLE.

Overrides imaplib's own extension points (open, read, readline, send, shutdown): STARTTLS happens before imaplib sees
the connection, so that nothing said in clear is ever believed; lines may be longer than imaplib's million bytes (a
SEARCH over a large mailbox is one line); what a server can make us hold in memory has an end, and so has the time that
one whole answer may take, however much it says meanwhile.
"""

import imaplib
import io
import select
import socket
import ssl
import time
from typing import Any

from pec_tracker.errors import ServerError
from pec_tracker.wire.endpoint import Endpoint, Security
from pec_tracker.wire.reach import TooSlowError, nonsense, silent_greeting, unreachable
from pec_tracker.wire.tls import client_context, starttls_missing

_LINE_LIMIT = 16 * 1024 * 1024  # a SEARCH answer of over a million UIDs
_LITERAL_LIMIT = 128 * 1024 * 1024  # we ask for at most 8 MB at a time; some servers understate sizes
_MAILS_LIMIT = 256 * 1024 * 1024  # everything said in answer to a command that fetches whole mails
_ANSWER_LIMIT = 16 * 1024 * 1024  # everything said in answer to any other
_LINES_LIMIT = 200_000  # each line of an answer is kept until its end, at some hundred bytes beside its text
_GREETING_LIMIT = 8 * 1024
_CLEAR_LIMIT = 64 * 1024  # everything said before encryption

# One whole answer may take so many times the endpoint's timeout, which alone bounds a silence; and a second more for
# every _SLOWEST bytes that came, so that 8 MB over the slowest line in use still come (ISDN, 64 kbit/s).
_ANSWER_FACTOR = 5
_SLOWEST = 8 * 1024
_BUFFER = 256 * 1024
# RFC 2177: servers may end an IDLE after 30 minutes without a word
_IDLE_SECONDS = 29 * 60.0


class _Deadline:
    """How long the answer at hand may still take."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self.begin()

    def begin(self) -> None:
        """A new answer begins now."""
        self._began = time.monotonic()
        self._received = 0

    def left(self) -> float:
        """Seconds for the next bytes to come. Raises TooSlowError."""
        whole = _ANSWER_FACTOR * self._timeout + self._received / _SLOWEST
        left = self._began + whole - time.monotonic()
        if left <= 0:
            raise TooSlowError(whole)
        return min(left, self._timeout)

    def count(self, size: int) -> None:
        """So many bytes have come."""
        self._received += size


class _Incoming(io.RawIOBase):
    """What a socket receives, under a deadline for the whole answer; not at all waiting where `waits` is off."""

    def __init__(self, sock: socket.socket, deadline: _Deadline) -> None:
        self._sock = sock
        self._deadline = deadline
        self.waits = True

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Receive into *buffer*."""
        if self.waits:
            left = self._deadline.left()
            self._sock.settimeout(left)
        try:
            size = self._sock.recv_into(buffer)
        except TimeoutError:
            self._deadline.left()  # says so where the whole answer is what took too long
            raise
        self._deadline.count(size)
        return size


class ImapSocket(imaplib.IMAP4):
    """imaplib's protocol machine over our own connection. `tagnum` counts the commands sent."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._deadline = _Deadline(endpoint.timeout)
        self._answered = self._lines_said = 0
        self._limit = _ANSWER_LIMIT
        super().__init__(endpoint.host, endpoint.port, endpoint.timeout)

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:
        """Connect and encrypt. Raises ServerError or TlsError."""
        self.host, self.port = host, port
        context = client_context(self._endpoint)
        try:
            plain = socket.create_connection((host, port), timeout)
        except (OSError, UnicodeError) as error:  # a label that IDNA can't encode is a UnicodeError
            raise unreachable(self._endpoint, error) from error
        try:
            starttls = self._endpoint.security is Security.STARTTLS
            if starttls:
                _ask_starttls(plain, self._endpoint, self._deadline)
            self.sock: ssl.SSLSocket = context.wrap_socket(plain, server_hostname=host)
        except OSError as error:
            plain.close()
            raise unreachable(self._endpoint, error) from error
        except ServerError:
            plain.close()
            raise
        self._deadline.begin()
        self._incoming = _Incoming(self.sock, self._deadline)
        self._lines = io.BufferedReader(self._incoming, _BUFFER)
        # After STARTTLS no second greeting comes. What was said in clear is forgotten: it could be anyone's.
        self._greeting = b"* OK\r\n" if starttls else b""

    def read(self, size: int) -> bytes:
        """The next `size` bytes: a literal. Raises abort when it is too large or the connection ends within it."""
        if size > _LITERAL_LIMIT:
            raise self.abort(f"literal of {size} bytes")
        literal = self._lines.read(size)
        if len(literal) != size:
            raise self.abort("socket error: EOF in a literal")
        self._count(size)
        return literal

    def readline(self) -> bytes:
        """The next line, its CRLF included."""
        if self._greeting:
            line, self._greeting = self._greeting, b""
            return line
        line = self._lines.readline(_LINE_LIMIT + 1)
        if len(line) > _LINE_LIMIT:
            raise self.abort("line too long")
        self._lines_said += 1
        if self._lines_said > _LINES_LIMIT:
            raise self.abort("endless answer")
        self._count(len(line))
        return line

    def send(self, data: bytes) -> None:  # type: ignore[override]  # typeshed: any buffer
        """Send `data`."""
        self._begin_answer(_MAILS_LIMIT if b"BODY.PEEK[" in data[:_BUFFER] else _ANSWER_LIMIT)
        self.sock.settimeout(self._endpoint.timeout)
        self.sock.sendall(data)

    def _begin_answer(self, limit: int) -> None:
        self._answered = self._lines_said = 0
        self._limit = limit
        self._deadline.begin()

    def shutdown(self) -> None:
        """Close the connection without a word."""
        self._lines.close()
        self.sock.close()

    def log_in(self, user: str, password: str) -> None:
        """LOGIN, or AUTHENTICATE PLAIN where the words are not ASCII or LOGIN is disabled. Raises `error` on NO."""
        words_fit = (user + password).isascii() and (user + password).isprintable()
        if words_fit and "LOGINDISABLED" not in self.capabilities:
            kind, said = self._simple_command("LOGIN", quoted(user), quoted(password))
            if kind != "OK":
                raise self.error(_text(said))
            self.state = "AUTH"
        else:
            self.authenticate("PLAIN", lambda _: f"\0{user}\0{password}".encode())

    def append_exactly(self, folder: str, flags: str, internal_date: str | None, raw: bytes) -> str:
        """APPEND these very bytes (imaplib's own rewrites line ends) and return the server's words; `error` on NO."""
        self.literal = raw  # type: ignore[assignment]  # typeshed: str; imaplib itself puts bytes there
        kind, said = self._simple_command("APPEND", folder, flags, *((internal_date,) if internal_date else ()))
        if kind != "OK":
            raise self.error(_text(said))
        return _text(said)

    def wait_for_change(self, seconds: float) -> bool:
        """IDLE for at most `seconds`: whether the server said that something changed in the folder."""
        ends = time.monotonic() + seconds
        changed = False
        while not changed and (left := ends - time.monotonic()) > 0:
            changed = self._idle(min(left, _IDLE_SECONDS))
        return changed

    def _log(self, line: str) -> None:
        """Keep nothing: imaplib would hold the last commands, passwords among them, for its debugging."""

    def _idle(self, seconds: float) -> bool:
        tag = self._command("IDLE")
        changed = False
        while (line := self._get_response()) is not None:  # until the continuation "+": changes may come first
            changed = changed or _is_change(line)
            self._check_bye()
            if self.tagged_commands[tag] is not None:  # NO or BAD instead of "+"
                self._finish("IDLE", tag)
                return changed
        ends = time.monotonic() + seconds
        while not changed and self._readable(ends - time.monotonic()):
            self._begin_answer(_ANSWER_LIMIT)  # each line of an IDLE stands alone
            changed = _is_change(self._get_response() or b"")
            self._check_bye()
        self.send(b"DONE\r\n")
        self._finish("IDLE", tag)
        return changed

    def _finish(self, name: str, tag: bytes) -> None:
        kind, said = self._command_complete(name, tag)
        if kind != "OK":
            raise self.error(_text(said))

    def _readable(self, seconds: float) -> bool:
        """Whether something can be read within `seconds`: in our buffer, in TLS's, or from the network."""
        self.sock.setblocking(False)
        self._incoming.waits = False
        try:
            self._lines.peek(1)  # EOF too is something to read
        except (ssl.SSLWantReadError, BlockingIOError):
            pass
        else:
            return True
        finally:
            self._incoming.waits = True
            self.sock.settimeout(self._endpoint.timeout)
        if seconds <= 0:
            return False
        ready, _, _ = select.select([self.sock], [], [], seconds)
        return bool(ready) and self._readable(0)

    def _count(self, size: int) -> None:
        self._answered += size
        if self._answered > self._limit:
            raise self.abort("endless answer")


def quoted(text: str) -> str:
    """An IMAP quoted string (RFC 3501 4.3). The text must hold no CR, LF or NUL."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _is_change(line: bytes) -> bool:
    words = line.split(b" ", 3)
    return len(words) >= 3 and words[2].upper() in {b"EXISTS", b"EXPUNGE", b"FETCH", b"RECENT"}


def _text(said: list[bytes | None] | list[bytes]) -> str:
    return (said[-1] or b"").decode("utf-8", "replace") if said else ""


def _ask_starttls(sock: socket.socket, endpoint: Endpoint, deadline: _Deadline) -> None:
    """Greeting, STARTTLS, its OK: byte by byte, so that nothing said in clear can wait in a buffer (RFC 3207 6)."""
    try:
        greeting = _clear_line(sock, deadline)
    except TooSlowError:
        raise
    except TimeoutError as error:
        raise silent_greeting(endpoint) from error
    if not greeting.upper().startswith(b"* OK"):  # PREAUTH would skip encryption: refused as well
        raise nonsense(endpoint, protocol="IMAP", said=greeting.decode("utf-8", "replace"))
    sock.sendall(b"a STARTTLS\r\n")
    said = 0
    while (line := _clear_line(sock, deadline)).startswith(b"*"):
        said += len(line)
        if said > _CLEAR_LIMIT:
            raise nonsense(endpoint, protocol="IMAP", said="endless answer")
    if not line.upper().startswith(b"A OK"):
        raise starttls_missing(endpoint)


def _clear_line(sock: socket.socket, deadline: _Deadline) -> bytes:
    line = bytearray()
    while not line.endswith(b"\n"):
        sock.settimeout(deadline.left())
        byte = sock.recv(1)
        if not byte or len(line) > _GREETING_LIMIT:
            raise ConnectionResetError("the connection ended before encryption")
        line += byte
    return bytes(line)
