"""How is a short answer asked for over HTTP? One request, no redirects, bounded in size and time.

For time-stamp authorities and lists of revoked certificates, which speak plain HTTP often: what they answer is signed.
"""

import http.client
import time
from typing import Final
from urllib.parse import SplitResult, urlsplit

from pec_tracker.errors import ServerError
from pec_tracker.wire.endpoint import Endpoint
from pec_tracker.wire.reach import unreachable
from pec_tracker.wire.tls import client_context

TIMEOUT: Final = 20.0  # seconds for the whole exchange
LARGEST: Final = 16 * 1024 * 1024  # bytes of an answer: lists of revoked certificates reach a few megabytes
_PIECE: Final = 64 * 1024
_PORTS: Final = {"http": 80, "https": 443}


def exchange(
    url: str, *, body: bytes | None = None, content_type: str = "", timeout: float = TIMEOUT, largest: int = LARGEST
) -> bytes:
    """The answer's bytes: of a POST with *body*, else of a GET. Only status 200 is an answer.

    Raises ServerError (TlsError among them) for whatever goes wrong on the way, with the host and never the path.
    """
    parts, endpoint = _split(url, timeout)
    connection = _connection(endpoint, encrypted=parts.scheme == "https")
    ends = time.monotonic() + timeout
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"User-Agent": "pec-tracker", "Accept": "*/*"} | ({"Content-Type": content_type} if body else {})
    try:
        connection.request("GET" if body is None else "POST", target, body=body, headers=headers)
        with connection.getresponse() as answer:  # it holds the socket where the server ends the connection
            if answer.status != http.client.OK:
                raise ServerError(
                    "{host}:{port} answered with HTTP status {status} instead of what was asked for; check the address",
                    host=endpoint.host,
                    port=endpoint.port,
                    status=answer.status,
                )
            return _read(answer, endpoint, ends, largest)
    except OSError as error:
        raise unreachable(endpoint, error) from error
    except http.client.HTTPException as error:
        raise ServerError(
            "{host}:{port} does not speak HTTP as it should ({reason}); check the address",
            host=endpoint.host,
            port=endpoint.port,
            reason=type(error).__name__,
        ) from error
    finally:
        connection.close()


def _split(url: str, timeout: float) -> tuple[SplitResult, Endpoint]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = SplitResult("", "", "", "", ""), None, None
    if parts.scheme not in _PORTS or not host or any(sign <= " " or sign > "~" for sign in url):
        raise ServerError("{url} is no address of a web server; write it as http://HOST/PATH or https://", url=url)
    return parts, Endpoint(host=host, port=port or _PORTS[parts.scheme], timeout=timeout)


def _connection(endpoint: Endpoint, *, encrypted: bool) -> http.client.HTTPConnection:
    if encrypted:
        context = client_context(endpoint)
        return http.client.HTTPSConnection(endpoint.host, endpoint.port, timeout=endpoint.timeout, context=context)
    return http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=endpoint.timeout)


def _read(answer: http.client.HTTPResponse, endpoint: Endpoint, ends: float, largest: int) -> bytes:
    """The whole answer; a server that trickles is given up when the time is over."""
    content = bytearray()
    while piece := answer.read1(_PIECE):
        content += piece
        if len(content) > largest:
            raise ServerError(
                "{host}:{port} answered with more than {limit} bytes; check the address",
                host=endpoint.host,
                port=endpoint.port,
                limit=largest,
            )
        if time.monotonic() > ends:
            raise TimeoutError
    if answer.length:  # the connection ended before the announced length
        raise http.client.IncompleteRead(bytes(content), answer.length)
    return bytes(content)
