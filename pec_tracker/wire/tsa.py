"""How is a time-stamp authority asked? By one query over HTTP(S) (RFC 3161 3.4); the answer is judged elsewhere."""

from typing import Final

from pec_tracker.wire.http import TIMEOUT, exchange

LARGEST: Final = 256 * 1024  # bytes: a token with a long chain has some 10,000


def ask(url: str, query: bytes, *, timeout: float = TIMEOUT) -> bytes:
    """The authority's answer to a TimeStampReq, as its bytes. Raises ServerError."""
    return exchange(url, body=query, content_type="application/timestamp-query", timeout=timeout, largest=LARGEST)
