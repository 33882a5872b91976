"""What is a mail program answered? SMTP replies that a person can read, since it shows little else (RFC 5321 4.2.1).

A reply is ASCII, and 200 characters long at most: what is wrong, and what to do. Codes: RFC 5321 4.2, RFC 3463.
"""

import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from pec_tracker.answers.outbox import finding_text, remedy_text
from pec_tracker.errors import DiskFullError, PecTrackerError
from pec_tracker.texts import N_, _, error_text

if TYPE_CHECKING:
    from pec_tracker.pec.finding import Finding

LONGEST: Final = 200

_CONTENT: Final = "554 5.6.0"
# By rule; what is not here is wrong with the content.
_CODES: Final[Mapping[str, str]] = {
    "from-missing": "550 5.7.1",
    "from-several": "550 5.7.1",
    "from-not-account": "550 5.7.1",
    "mail-from-not-account": "553 5.7.1",
    "sender-differs": "550 5.7.1",
    "to-missing": "550 5.1.0",
    "bcc-present": "550 5.7.1",
    "recipient-not-in-header": "550 5.7.1",
    "recipient-not-in-envelope": "550 5.7.1",
    "recipient-twice": "550 5.5.3",
    "address-invalid": "550 5.1.3",
    "too-many-recipients": "550 5.5.3",
    "too-large": "552 5.3.4",
    "too-large-for-recipients": "552 5.3.4",
}
READY: Final = N_("PEC gateway")


def greeting() -> str:
    """What stands behind the host's name in the greeting."""
    return plain(_(READY))


def rule_reply(finding: "Finding") -> str:
    """The reply about a rule that the message breaks."""
    text = f"{finding_text(finding)}; {remedy_text(finding)}"
    return reply(_CODES.get(finding.rule, _CONTENT), text)


def error_reply(error: PecTrackerError) -> str:
    """The reply about a fault of ours: the program tries again, by itself or when its user does."""
    if isinstance(error, DiskFullError):
        return reply("452 4.3.1", _("not taken: no space is left on the gateway's disk"))
    return reply("451 4.3.0", _("not taken: {why}").format(why=error_text(error)))


def taken_reply(keys: list[str], *, known: bool) -> str:
    """The reply about letters that are in the outbox."""
    text = _("in the outbox already as {keys}") if known else _("in the outbox as {keys}")
    return reply("250 2.0.0", text.format(keys=", ".join(keys)))


def sender_reply(address: str) -> str:
    """The reply to MAIL FROM with an address that is not the login's."""
    text = _("{address} is not the mailbox of this login; write from that one").format(address=address)
    return reply("553 5.7.1", text)


def recipient_reply(address: str) -> str:
    """The reply to RCPT TO with an address that PEC cannot carry."""
    text = _("{address} is not an address that PEC can carry; write it as name@domain, without accents")
    return reply("501 5.1.3", text.format(address=address))


def id_reply(error: PecTrackerError) -> str:
    """The reply about a Message-ID that another message had."""
    return reply("554 5.6.0", error_text(error))


def unexpected_reply() -> str:
    """The reply about a fault that nobody foresaw."""
    return reply("451 4.3.0", _("the gateway failed on this command; its log says why. Try again"))


def full_reply() -> str:
    """The reply to one connection too many."""
    return reply("421 4.3.2", _("too many connections; try again in a minute"))


def locked_reply() -> str:
    """The reply to an address from which too many wrong passwords came."""
    return reply("421 4.7.0", _("too many wrong passwords from this computer; try again in some minutes"))


def reply(code: str, text: str) -> str:
    """*code* and *text* as one line of SMTP."""
    line = f"{code} {' '.join(plain(text).split())}"
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3].rstrip()}..."


def plain(text: str) -> str:
    """The text in ASCII, as one writes Italian on a typewriter: è as e'."""
    letters = unicodedata.normalize("NFD", text).replace("’", "'").replace("«", '"').replace("»", '"')
    for accent in ("\N{COMBINING GRAVE ACCENT}", "\N{COMBINING ACUTE ACCENT}"):
        letters = letters.replace(accent, "'")
    return "".join(letter if " " <= letter <= "~" else "?" for letter in letters if not unicodedata.combining(letter))
