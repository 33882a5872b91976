"""How are folders named on the wire? In modified UTF-7 (RFC 3501 5.1.3); patterns of LIST match Unicode names."""

import base64
import binascii
import re
from typing import Final

from pec_tracker.sandbox.store_folder import INBOX, SEPARATOR

PLAIN: Final = re.compile(r"[\x20-\x7e]+")
RUNS: Final = re.compile(r"[\x20-\x7e]+|[^\x20-\x7e]+")


def encode_name(name: str) -> bytes:
    """`Posta è & co` as `Posta &AOg- &- co`."""
    return b"".join(
        run.replace("&", "&-").encode("ascii") if PLAIN.fullmatch(run) else _shifted(run) for run in RUNS.findall(name)
    )


def decode_name(wire: bytes) -> str:
    """The reverse of `encode_name`; ValueError for what it never makes."""
    pieces: list[str] = []
    rest = wire.decode("ascii")
    while rest:
        plain, ampersand, tail = rest.partition("&")
        pieces.append(plain)
        if not ampersand:
            break
        shifted, dash, rest = tail.partition("-")
        if not dash:
            raise ValueError("no end of a shifted run")
        pieces.append(_unshifted(shifted) if shifted else "&")
    return "".join(pieces)


def pattern_regex(reference: str, pattern: str) -> re.Pattern[str]:
    """What LIST's `reference` and `pattern` match together: `*` anything, `%` anything within a level."""
    whole = reference + pattern
    if whole[: len(INBOX)].upper() == INBOX and whole[len(INBOX) : len(INBOX) + 1] in ("", SEPARATOR, "*", "%"):
        whole = INBOX + whole[len(INBOX) :]
    # One wildcard after another says nothing more, and would make the matching slow.
    whole = re.sub(r"[*%]*\*[*%]*", "*", re.sub(r"%+", "%", whole))
    wildcards = {"*": ".*", "%": f"[^{re.escape(SEPARATOR)}]*"}
    return re.compile("".join(wildcards.get(letter) or re.escape(letter) for letter in whole), re.DOTALL)


def _shifted(run: str) -> bytes:
    encoded = base64.b64encode(run.encode("utf-16-be", "surrogatepass"))
    return b"&" + encoded.rstrip(b"=").replace(b"/", b",") + b"-"


def _unshifted(run: str) -> str:
    padded = run.replace(",", "/") + "=" * (-len(run) % 4)
    try:
        return base64.b64decode(padded, validate=True).decode("utf-16-be")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError("not modified UTF-7") from error
