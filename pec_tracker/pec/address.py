"""Is this an address that PEC can carry, and which addresses does a header name?

Strict on purpose: an address that only some servers understand would end as a non-acceptance.
"""

import re
from dataclasses import dataclass
from typing import Final

from pec_tracker.errors import UsageError
from pec_tracker.pec import encode
from pec_tracker.pec.evidence import address_key, ascii_lower

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

# What a person types: commas or semicolons between recipients, and a name that may hold more than the standard's words.
_TYPED_PIECE: Final = re.compile(rf"(?:{_QUOTED}|[^\",;])*+")
_TYPED: Final = re.compile(
    rf"(?:(?P<quoted>{_QUOTED})|(?P<name>[^\"<>,;:\\]*))\s*<\s*(?P<angle>[^<>\s]+)\s*>|(?P<bare>[^<>\s\",;:]+)"
)


@dataclass(frozen=True, slots=True)
class Named:
    """A recipient as a person writes it: the address, and the name that may stand beside it."""

    address: str
    name: str | None = None


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


def typed_in(text: str) -> tuple[Named, ...]:
    """The recipients of one line that a person typed: `address`, `Name <address>` or `"Surname, Name" <address>`, with
    commas or semicolons between them.

    Whether an address can be carried is for `is_valid`. UsageError names what cannot be read: it is not guessed at.
    """
    if encode.has_controls(text):
        raise UsageError(
            "{text!r} holds a line break or another control character; write the recipients on one line, with commas "
            "between them",
            text=text,
        )
    pieces = [stripped for piece in _typed_pieces(text) if (stripped := piece.strip())]
    return tuple(_typed(piece, alone=len(pieces) == 1) for piece in pieces)


def _typed_pieces(text: str) -> list[str]:
    """The texts between the commas and semicolons that stand outside quotation marks."""
    pieces: list[str] = []
    start = 0
    while start <= len(text):
        match = _TYPED_PIECE.match(text, start)
        assert match is not None  # it may be empty
        if text[match.end() : match.end() + 1] == '"':
            raise UsageError("{text!r} opens a quotation mark and does not close it", text=text)
        pieces.append(match.group())
        start = match.end() + 1
    return pieces


def _typed(piece: str, *, alone: bool) -> Named:
    """What stands between two commas. A word without `@` is the half of a name there; *alone* it is a bad address."""
    match = _TYPED.fullmatch(piece)
    if match is None or not (alone or "@" in piece):
        raise UsageError(
            "{piece!r} is no recipient; write an address or Name <address>, with commas between them, and a name that "
            'has a comma in quotation marks: "Rossi, Mario" <m.rossi@pec.it>',
            piece=piece,
        )
    if match["bare"]:
        return Named(match["bare"])
    quoted = match["quoted"]
    name = (re.sub(r"\\(.)", r"\1", quoted[1:-1]) if quoted else match["name"]).strip()
    if "@" in name and address_key(name.strip("'")) != address_key(match["angle"]):
        raise UsageError(
            "{piece!r} has one address for a name and another between < and >; leave out the one that is not meant",
            piece=piece,
        )
    return Named(match["angle"], name if name and "@" not in name else None)
