"""Why could the server not be reached, or why did it fall silent? Network errors, in words for a person."""

import re
import socket
import ssl

from pec_tracker.errors import LoginRefusedError, ServerError
from pec_tracker.wire.endpoint import Endpoint, Security
from pec_tracker.wire.tls import tls_error

# What servers say of an account that they lock, and of a password whose time is over (RFC 5530 has EXPIRED).
_LOCKED = re.compile(
    r"\b(?:b?lock(?:ed|ing|out)?|suspended|disabled|too many|throttl\w*|bloccat\w|sospes\w|disattivat\w|troppi)\b", re.I
)
_EXPIRED = re.compile(r"\b(?:expired|scadut[oa])\b", re.I)


class TooSlowError(TimeoutError):
    """A server says something all the while, and never comes to the end of its answer."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"no end of an answer after {seconds:g} seconds")


def unreachable(endpoint: Endpoint, error: BaseException) -> ServerError:
    """What `error`, raised while connecting to `endpoint`, means; a TlsError where it is about encryption."""
    where: dict[str, object] = {"host": endpoint.host, "port": endpoint.port}
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return _cut(endpoint)
    if isinstance(error, ssl.SSLError):
        return tls_error(endpoint, error)
    if isinstance(error, socket.gaierror):
        return ServerError(
            "no server named {host} is known; check the spelling, and that this computer is online", **where
        )
    if isinstance(error, ConnectionRefusedError):
        return ServerError(
            "{host}:{port} refused the connection; check host and port, and whether a firewall or an antivirus blocks "
            "it",
            **where,
        )
    if isinstance(error, TooSlowError):
        return lost(endpoint, error)
    if isinstance(error, TimeoutError):
        return ServerError(
            "{host}:{port} did not answer within {seconds:g} seconds; check the port, and whether a firewall blocks it",
            **where,
            seconds=endpoint.timeout,
        )
    if isinstance(error, ConnectionResetError | BrokenPipeError | EOFError):
        return _cut(endpoint)
    return ServerError(
        "{host}:{port} cannot be reached: {reason}; check the network, host and port",
        **where,
        reason=getattr(error, "strerror", None) or type(error).__name__,
    )


def _cut(endpoint: Endpoint) -> ServerError:
    """The connection was taken and ended again before anything was said in it."""
    return ServerError(
        "{host}:{port} took the connection and ended it at once; check the port and its security (tls, starttls), and "
        "whether a firewall or an antivirus stands in between",
        host=endpoint.host,
        port=endpoint.port,
    )


def login_refused(endpoint: Endpoint, reply: str, **said: object) -> LoginRefusedError:
    """The server took neither user name nor password: by its *reply* wrong, or locked, or over."""
    words: dict[str, object] = {"host": endpoint.host, "port": endpoint.port, "reply": reply, **said}
    if _LOCKED.search(reply):
        return LoginRefusedError(
            "{host}:{port} refused the login: {reply}; the provider seems to have locked the account: unlock it on the "
            "provider's site, or wait, and correct the password before it is tried again (pec-tracker mailbox edit)",
            **words,
        )
    if _EXPIRED.search(reply):
        return LoginRefusedError(
            "{host}:{port} refused the login: {reply}; the password seems to have ended: make a new one on the "
            "provider's site, and put it in with pec-tracker mailbox edit",
            **words,
        )
    return LoginRefusedError(
        "{host}:{port} refused the login: {reply}; check user name and password "
        "(with two-factor login the provider wants a password made for mail programs); "
        "it is not tried again by itself, because providers lock accounts",
        **words,
    )


def silent_greeting(endpoint: Endpoint) -> ServerError:
    """The connection is open, but the server's first line never came."""
    if endpoint.security is Security.STARTTLS:
        return ServerError(
            "{host}:{port} took the connection and said nothing for {seconds:g} seconds; "
            "this port may want TLS from the first byte: set this server's security to tls, or check the port",
            host=endpoint.host,
            port=endpoint.port,
            seconds=endpoint.timeout,
        )
    return ServerError(
        "{host}:{port} took the connection and said nothing for {seconds:g} seconds; check the port, or try later",
        host=endpoint.host,
        port=endpoint.port,
        seconds=endpoint.timeout,
    )


def lost(endpoint: Endpoint, error: BaseException | None = None) -> ServerError:
    """An open connection broke, or the server fell silent in the middle of it, or never came to an end."""
    if isinstance(error, TooSlowError):
        return ServerError(
            "{host}:{port} came to no end of one answer within {seconds:g} seconds: it is overloaded, or hangs",
            host=endpoint.host,
            port=endpoint.port,
            seconds=round(error.seconds),
        )
    if isinstance(error, TimeoutError):
        return ServerError(
            "{host}:{port} said nothing for {seconds:g} seconds",
            host=endpoint.host,
            port=endpoint.port,
            seconds=endpoint.timeout,
        )
    return ServerError("the connection to {host}:{port} was lost", host=endpoint.host, port=endpoint.port)


def nonsense(endpoint: Endpoint, *, protocol: str, said: str) -> ServerError:
    """The server answers something that its protocol does not allow; `said` is shown shortened and cleaned."""
    return ServerError(
        "{host}:{port} does not speak {protocol} as its standard says: {said}; "
        "check that this is the {protocol} port, else tell the provider",
        host=endpoint.host,
        port=endpoint.port,
        protocol=protocol,
        said=clean_text(said, limit=120),
    )


def clean_text(text: str, *, limit: int) -> str:
    """A server's words on one line, control characters and broken encoding taken out, at most `limit` characters."""
    plain = "".join(c if c.isprintable() else " " for c in text[: limit * 4])
    return " ".join(plain.split())[:limit]
