"""Is this an address that PEC can carry, and which addresses does a header name?

Strict on purpose: an address that only some servers understand would end as a non-acceptance.
"""

import re
from typing import Final

from pec_tracker.pec.evidence import ascii_lower

_ATEXT: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"  # RFC 5322 3.2.3
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"  # RFC 1035 2.3.1, RFC 5890 2.3.1 (xn-- too)
_ADDRESS: Final = re.compile(rf"(?P<local>{_ATEXT}(?:\.{_ATEXT})*)@(?P<domain>{_LABEL}(?:\.{_LABEL})+)")

MAX_LOCAL_PART: Final = 64  # RFC 5321 4.5.3.1.1
MAX_ADDRESS: Final = 254  # RFC 5321 4.5.3.1.3: a path of 256 with its <>

_QUOTED: Final = r'"(?:[^"\\\r\n]|\\[^\r\n])*+"'
_LISTED: Final = re.compile(rf"(?:{_QUOTED}|[^\",])*+")
# A display name is quoted strings and anything but specials; RFC 5322's comments and groups are not taken.
_NAME: Final = rf"(?:{_QUOTED}|[^\"<>,;:@()\[\]\\])*+"
_MAILBOX: Final = re.compile(rf"{_NAME}<(?P<angle>[^<>\s]*)>|(?P<bare>[^<>\s\",;:()\[\]\\]+)")


def is_valid(address: str) -> bool:
    """Whether `address` is `local@domain` in ASCII: a dot-string and a host name of two labels (RFC 5321 4.1.2).

    Quoted local parts and address literals are refused: no provider takes them. Other scripts come as `xn--`.
    """
    match = _ADDRESS.fullmatch(address)
    return (
        match is not None
        and len(address) <= MAX_ADDRESS
        and len(match["local"]) <= MAX_LOCAL_PART
        and not match["domain"].rpartition(".")[2].isdigit()
    )


def domain_of(address: str) -> str:
    """The part after the last `@`, in lower case."""
    return ascii_lower(address.rpartition("@")[2])


def addresses_in(value: str) -> tuple[str, ...] | None:
    """The addresses of an address header, in order and as written; None where the header cannot be read for certain.

    What is unsure is not guessed: a server that reads it otherwise would write to somebody else.
    """
    flat = value.replace("\r\n", "").strip()
    if not flat:
        return ()
    listed = _listed(flat)
    if listed is None:
        return None
    mailboxes = [_MAILBOX.fullmatch(text.strip()) for text in listed]
    found = [match["angle"] if match["bare"] is None else match["bare"] for match in mailboxes if match]
    return tuple(found) if len(found) == len(listed) else None


def _listed(flat: str) -> list[str] | None:
    """The texts between the commas that stand outside quoted strings; None where a quote is never closed."""
    texts: list[str] = []
    start = 0
    while match := _LISTED.match(flat, start):
        texts.append(match.group())
        if match.end() == len(flat):
            return texts
        if flat[match.end()] != ",":
            return None
        start = match.end() + 1
    return None
