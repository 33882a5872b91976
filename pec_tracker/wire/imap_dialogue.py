"""What does it mean when an IMAP dialogue goes wrong? Every fault becomes one of our errors, and its text a person's.

After a ServerError that is not a FolderError the connection is closed: no byte that comes later can be trusted.
"""

import contextlib
import imaplib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pec_tracker.errors import PecTrackerError, ServerError
from pec_tracker.wire.endpoint import Endpoint, Login
from pec_tracker.wire.imap_socket import ImapSocket
from pec_tracker.wire.reach import TooSlowError, clean_text, login_refused, lost, nonsense, silent_greeting

# Response codes (RFC 5530) by which a NO speaks of the server's state, not of the mail or the password asked about.
_SERVER_IN_TROUBLE = re.compile(r"\[(UNAVAILABLE|INUSE|LIMIT|CONTACTADMIN|SERVERBUG)\b", re.I)


class FolderError(ServerError):
    """The server says NO to one folder, mail or command; the connection holds, and others can be tried."""


class Dialogue:
    """One connection and what becomes of its faults. `imap` is for use within `speaking` only."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Connect and encrypt. Raises TlsError, ServerError."""
        self.endpoint = endpoint
        try:
            self.imap = ImapSocket(endpoint)
        except TooSlowError as error:
            raise lost(endpoint, error) from error
        except TimeoutError as error:
            raise silent_greeting(endpoint) from error
        except OSError as error:
            raise lost(endpoint, error) from error
        except (imaplib.IMAP4.error, ValueError) as error:
            raise self._at_greeting(error) from error
        self.alive = True

    def log_in(self, login: Login) -> None:
        """Log in. Raises LoginRefusedError, ServerError; the connection is closed then."""
        try:
            with self.speaking():
                self.imap.log_in(login.user, login.password)
        except FolderError as error:
            self.drop()
            raise login_refused(self.endpoint, str(error.params["said"])) from error

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """Turn whatever goes wrong within into our errors; all but a NO end the connection."""
        if not self.alive:
            raise lost(self.endpoint)
        try:
            yield
        except PecTrackerError:
            raise
        except imaplib.IMAP4.abort as error:
            raise self._ended(error) from error
        except imaplib.IMAP4.error as error:
            raise self._refusal(error) from error
        except OSError as error:
            self.drop()
            raise lost(self.endpoint, error) from error
        # What imaplib and imapclient make of an answer that they did not expect.
        except (ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
            self.drop()
            raise nonsense(self.endpoint, protocol="IMAP", said=_words(error)) from error
        except BaseException:
            self.drop()
            raise

    def ok(self, kind: str, said: list[Any]) -> list[Any]:
        """What was said in a command's answer. Within `speaking`: a NO becomes a FolderError."""
        if kind != "OK":
            raise self.imap.error(decoded(said[0] if said else b""))
        return said

    def log_out(self) -> None:
        """Say goodbye if the server listens, and close; harmless when repeated."""
        if self.alive:
            with contextlib.suppress(ServerError), self.speaking():
                self.imap.sock.settimeout(min(5.0, self.endpoint.timeout))
                self.imap.logout()
        self.drop()

    def drop(self) -> None:
        """Close without a word."""
        self.alive = False
        with contextlib.suppress(OSError):
            self.imap.shutdown()

    def _at_greeting(self, error: Exception) -> ServerError:
        text = _words(error)
        if "socket error" in text:
            return lost(self.endpoint)
        if "BYE" in text.upper():
            return _farewell(self.endpoint, text)
        return nonsense(self.endpoint, protocol="IMAP", said=text)

    def _ended(self, error: imaplib.IMAP4.abort) -> ServerError:
        self.drop()
        text = _words(error)
        bye = self.imap.untagged_responses.get("BYE")
        if bye:
            return _farewell(self.endpoint, decoded(bye[-1]))
        if "socket error" in text:
            return lost(self.endpoint)
        return nonsense(self.endpoint, protocol="IMAP", said=text)

    def _refusal(self, error: imaplib.IMAP4.error) -> ServerError:
        said = clean_text(_words(error), limit=200)
        kind = ServerError if _SERVER_IN_TROUBLE.search(said) else FolderError
        if kind is ServerError:
            self.drop()
        return kind("{host}:{port} refused: {said}", host=self.endpoint.host, port=self.endpoint.port, said=said)


def decoded(value: object) -> str:
    """Text of the server's, whatever its encoding."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value if value is not None else "")


def _farewell(endpoint: Endpoint, text: str) -> ServerError:
    return ServerError(
        "{host}:{port} ended the connection: {said}",
        host=endpoint.host,
        port=endpoint.port,
        said=clean_text(text, limit=200),
    )


def _words(error: BaseException) -> str:
    first = error.args[0] if error.args else ""
    return decoded(first) or type(error).__name__
