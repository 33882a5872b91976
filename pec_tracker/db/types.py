"""How do our values lie in a column? Hashes as 32 bytes, times as UTC, on SQLite and PostgreSQL alike."""

import json
import zlib
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import BigInteger, DateTime, Integer, LargeBinary, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from pec_tracker.pec.fields import storable

# What every zone and both engines can hold; a forged daticert may be dated in the year 1 or 9999.
EARLIEST = datetime(1, 1, 3, tzinfo=UTC)
LATEST = datetime(9999, 12, 29, tzinfo=UTC)

# SQLite numbers rows by itself only in an INTEGER primary key.
Id = BigInteger().with_variant(Integer(), "sqlite")


class PlainText(TypeDecorator[str]):
    """Text as any database takes it: without NUL and lone surrogates, whoever wrote them, a mail or a person."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else storable(value)


class Sha256(TypeDecorator[str]):
    """A SHA-256: 64 hex digits in Python, 32 bytes in the column."""

    impl = LargeBinary(32)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        return None if value is None else bytes.fromhex(value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:
        return None if value is None else bytes(value).hex()


# What the facts of most evidence hold: it is told to zlib beforehand, so that a row need not say it again. What was
# packed with it can be read with it alone: it never changes; another one would get another first byte.
_USUAL: Final = (
    b'{"grammar": true, "certified_time": true, "clocks": true, "certificate": true, "sender": true, "recipients": '
    b'true, "recipient": null, "subject": true, "reference": true, "identifier": true, "issuer": true, '
    b'"order_of_times": null, "enclosed": null, "original": null, "original_body": null, "original_type": null, '
    b'"original_encoding": null, "original_disposition": null, "original_from": null, "original_to": null, '
    b'"original_cc": null, "original_subject": null, "original_date": null, "original_reply_to": null, '
    b'"original_other": null}'
    b'{"address": "posta-certificata@pec.", "organization": "S.p.A.", "expires_at": "T00:00:00+00:00", "weak": []}'
    b'{"body": "", "parts": [{"path": "1", "content_type": "text/plain", "filename": null, "sha256": "", "sha1": "", '
    b'"sha1_encoded": "", "brief_hash": null, "head": [["content-type", "text/plain; charset=us-ascii"], '
    b'["content-transfer-encoding", "quoted-printable"], ["content-disposition", "attachment; filename=.pdf"]], '
    b'"clean": true}], "message_id": "", "subject": "", "sender": "", "head": [["from", ""], ["to", ""], '
    b'["subject", ""], ["mime-version", "1.0"], ["content-type", "multipart/mixed; boundary=application/pdf"]], '
    b'"multiparts": [], "cut": false, "date": null, "travelled": false}'
    b'{"verdict": "trusted", "checks": {"structure": true, "digest": true, "signature": true, "chain": true, '
    b'"valid_now": true, "signer_address": true, "provider_domain": null, "revocation": null}, "at": '
    b'"2026-11-01T01:00:00+01:00", "digest_algorithm": "sha-256", "signer": "", "signer_address": '
    b'"posta-certificata@", "issuer": "", "signed_at": "2026-11-01T00:00:00+00:00", "form": "as-received", '
    b'"certificates": ["", "", ""], "anchor": "", "reasons": [], "weak": []}'
)
_PACKED: Final = b"\x01"
_WINDOW: Final = -12  # bits; negative: without zlib's header
_PACKER: Final = zlib.compressobj(wbits=_WINDOW, memLevel=5, zdict=_USUAL)


class PackedJson(TypeDecorator[Any]):
    """JSON that no statement looks into, packed; None is NULL. Most of what evidence says is the same in every row."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> bytes | None:
        return None if value is None else packed(json.dumps(value))

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(unpacked(value))


def packed(text: str) -> bytes:
    """*text* as a `PackedJson` column holds it."""
    packer = _PACKER.copy()
    return _PACKED + packer.compress(text.encode()) + packer.flush()


def unpacked(data: bytes) -> str:
    """The text of `packed`."""
    packer = zlib.decompressobj(wbits=_WINDOW, zdict=_USUAL)
    return (packer.decompress(bytes(data)[len(_PACKED) :]) + packer.flush()).decode()


class UtcTime(TypeDecorator[datetime]):
    """An aware time, kept in UTC; naive times are refused, those at the ends of the calendar moved inside."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be kept")
        utc = min(max(value, EARLIEST), LATEST).astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
