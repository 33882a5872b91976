"""Odd mails for the reader's tests: whole receipts with a made-up signature, and parts put together at will."""

from collections.abc import Sequence

from tests.factory.mime import b64, entity, joined, multipart
from tests.factory.receipts import receipt, wrapped

NO_CMS = b"not a CMS, but bytes that stand where one would"
TEXT = entity(["Content-Type: text/plain; charset=iso-8859-1"], b"-- Ricevuta --")

RECEIPT_HEADERS = (
    "From: posta-certificata@pec.example",
    "To: mittente@pec.example",
    "Subject: ACCETTAZIONE: Prova",
    "Message-ID: <opec.1@pec.example>",
    "X-Riferimento-Message-ID: <pt.original@pec.example>",
)


def claiming(kind: str) -> tuple[str, ...]:
    """The headers of a receipt that says `X-Ricevuta: kind`."""
    return (*RECEIPT_HEADERS, f"X-Ricevuta: {kind}")


def transport(token: str) -> tuple[str, ...]:
    """The headers of an envelope that says `X-Trasporto: token`."""
    return (*RECEIPT_HEADERS, f"X-Trasporto: {token}")


def dummy(kind: str = "accettazione", **fields: object) -> bytes:
    """A complete receipt of the factory whose signature part holds no CMS: quick, and enough to be read."""
    return receipt(kind, signers=(), signature=NO_CMS, **fields)  # type: ignore[arg-type]


def signed(*parts: bytes, headers: Sequence[str] = RECEIPT_HEADERS, subtype: str = "mixed") -> bytes:
    """A multipart/signed around a multipart/mixed of the given parts."""
    return wrapped(headers, multipart(subtype, parts, "=_odd"), signature=NO_CMS)


def certification(
    xml: bytes, *, media: str = "application/xml", name: str | None = "daticert.xml", encoding: str | None = "base64"
) -> bytes:
    """A part that holds certification data; `encoding` says how, its body is made accordingly."""
    lines = [f"Content-Type: {media}" + (f'; name="{name}"' if name else "")]
    if encoding:
        lines.append(f"Content-Transfer-Encoding: {encoding}")
    body = {"base64": b64, "quoted-printable": _quoted_printable}.get(encoding or "", _as_is)(xml)
    return entity(lines, body)


def attached(mail: bytes, *, name: str = "postacert.eml", encoding: str = "7bit") -> bytes:
    """An enclosed mail."""
    lines = [f'Content-Type: message/rfc822; name="{name}"', f"Content-Transfer-Encoding: {encoding}"]
    return entity(lines, b64(mail) if encoding == "base64" else mail)


def plain(*headers: str, body: bytes = b"Buongiorno.\r\n") -> bytes:
    """A mail of one text part under the given headers."""
    return joined(headers) + b"\r\n" + body


def _as_is(content: bytes) -> bytes:
    return content


def _quoted_printable(content: bytes) -> bytes:
    return b"".join(b"=%02X" % byte + (b"=\r\n" if at % 20 == 19 else b"") for at, byte in enumerate(content))
