"""What is said about a message before it leaves? A finding, and the rules that there are, with where each comes from.

`texts.findings` has the words of each rule and what to do about it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final


class Severity(StrEnum):
    """Whether a finding stops the message."""

    REFUSE = "refuse"
    ADVISE = "advise"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about a message: `rule` is a stable name, `where` the header or address, `source` the rule's text.

    Where it is about a quantity, `measured` is what there is and `limit` what is allowed. Where it is about a message
    of before, `message` is its key and `at` the time that counts. `who` is the provider whose rule it is, or who signed
    a document; `at` then says when, by the signer's own clock.
    """

    rule: str
    severity: Severity
    where: str
    source: str
    measured: int | None = None
    limit: int | None = None
    message: str | None = None
    at: datetime | None = None
    who: str | None = None


# Each rule's stable name and where it comes from; `tools/texts.py` finds the sentences here, for the catalogue.
REFUSED: Final[Mapping[str, str]] = {
    "from-missing": "RFC 6109 3.1.1: a valid From",
    "from-several": "RFC 6109 3.1.1: one From, equal to MAIL FROM",
    "from-not-account": "RFC 6109 3.1.1; providers refuse a sender that is not the login's own (553 5.7.1)",
    "mail-from-not-account": "RFC 6109 3.1.1: MAIL FROM equals From",
    "sender-differs": "RFC 6109 2.1: Sender equals From",
    "to-missing": "RFC 6109 3.1.1: at least one address in To; Cc alone is not enough",
    "bcc-present": "RFC 6109 3.1.1: Bcc is empty",
    "resent-present": "RFC 5322 3.6.6: Resent- fields name other recipients than To and Cc",
    "address-invalid": "RFC 5321 4.1.2, 4.5.3.1",
    "address-header-unreadable": "RFC 5322 3.4, without comments and groups",
    "recipient-not-in-header": "RFC 6109 3.1.1: every RCPT TO is in To or Cc",
    "recipient-not-in-envelope": "RFC 6109 3.1.1: every address in To and Cc is a RCPT TO",
    "recipient-twice": "RFC 6109 3.1.1: To and Cc coincide with RCPT TO",
    "message-id-missing": "RFC 6109 2.2.1: receipts quote the sender's Message-ID; without one nothing links them",
    "message-id-differs": "our reference of the message is its Message-ID",
    "date-missing": "RFC 5322 3.6.1",
    "header-twice": "RFC 5322 3.6: at most once",
    "header-malformed": "RFC 5322 2.2",
    "header-control": "RFC 5322 2.2: printable ASCII and blanks only",
    "header-injection": "RFC 5322 2.2: no line break in a value",
    "bare-line-end": "RFC 5321 2.3.8: CR and LF only together",
    "nul": "RFC 5322 3.5",
    "line-too-long": "RFC 5322 2.1.1: 998 characters",
    "too-many-recipients": "the provider's limit (at least 50: DM 2 Nov 2005 art. 12)",
    "too-large": "the provider's limit of size",
    "too-large-for-recipients": "RFC 6109 3.1.1: size x recipients",
    "attachment-turned-back": "the provider's own list of files that PEC may not carry (AgID's instructions)",
    "text-not-unicode": "half a character (a lone surrogate) cannot be written in UTF-8",
    # what a profile asks (`rule_profiles`)
    "law53-subject": "L. 53/1994 art. 3-bis(4)",
    "law53-relata-missing": "L. 53/1994 art. 3-bis(5): a document of its own, signed digitally and attached",
    "law53-relata-unsigned": "L. 53/1994 art. 3-bis(5): a document of its own, signed digitally and attached",
    "law53-act-missing": "L. 53/1994 art. 3-bis(2): the act is attached to the message",
    "law53-receipt-not-complete": "DM 44/2011 art. 18; Cass. 32316/2025: a judge can check only what it encloses",
    "law53-register-missing": "L. 53/1994 art. 3-bis(1), (5); DL 179/2012 art. 16-ter: the registers that count",
    "law53-register-not-public": "L. 53/1994 art. 3-bis(1), (5); DL 179/2012 art. 16-ter: the registers that count",
    "law53-sender-register-missing": "L. 53/1994 art. 3-bis(1): the sender's address too is in a public register",
    "law53-sender-register-not-public": "L. 53/1994 art. 3-bis(1): the sender's address too is in a public register",
    "law53-look-up-undated": "L. 53/1994 art. 3-bis(5): the relata says from which register the address comes",
    "law53-look-up-in-future": "L. 53/1994 art. 3-bis(5): the relata says from which register the address comes",
    "law53-look-up-not-kept": "what a register said that day cannot be asked of it later",
    "assembly-ordinary-address": "disp. att. c.c. art. 66(3); Cass. 16399/2025",
    "assembly-too-late": "disp. att. c.c. art. 66(3): 5 days before the first call; Cass. 18635/2021 counts so",
}
ADVISED: Final[Mapping[str, str]] = {
    "subject-empty": "a court and a clerk look for the subject first",
    "subject-long": "some programs cut a subject at 255 characters",
    "many-recipients": "one letter for each recipient gives each a clean proof and shows nobody the others",
    "receipt-weaker": "law 53/1994, DM 44/2011 art. 18: only the complete receipt proves what was delivered",
    "receipt-form-unknown": "RFC 6109 3.3.2: completa, breve or sintetica",
    "message-id-long": "longer ids are folded, and folded ids come back changed",
    "eight-bit-body": "a server without 8BITMIME rewrites the body, and the original then differs (RFC 6152)",
    "attachment-empty": "a file of 0 bytes is seldom meant",
    "attachment-missing": "the text speaks of an attachment",
    "attachment-blocked": "providers block programs, also renamed or in archives (seen: Aruba's guide)",
    "attachment-macros": "providers mark a document with macros as a danger (guide.pec.it 6.23)",
    "attachment-encrypted": "providers mark what nobody can look through as a danger (guide.pec.it 6.23)",
    "attachment-not-looked-into": "providers look through archives, of more kinds and deeper than is done here",
    "attachment-signed": "CAdES, PAdES; whose a certificate is say the trusted lists (eIDAS art. 22)",
    "attachment-signature-present": "CAdES, PAdES; whose a certificate is say the trusted lists (eIDAS art. 22)",
    "attachment-signature-broken": "RFC 5652 5.4: the digest and the value of a signature are those of its content",
    "attachment-not-signed": "a name in .p7m announces an envelope with a signature (CAdES)",
    "attachment-renamed": "folders and direction marks are taken out of a file's name",
    "attachment-type-replaced": "RFC 2045 5.1: the type cannot be written, so application/octet-stream is",
    "in-reply-to-left-out": "RFC 5322 3.6.4: the id cannot be written in a header",
    # what the house knows beside the message (`service/sending/known_before.py`)
    "receipts-lack-space": "a full mailbox receives no receipts: the proof would not arrive",
    "document-known": "the archive: a delivery receipt that counts",
    "written-today": "the outbox: the same recipient and subject within a day",
    # what a profile advises (`rule_profiles`)
    "law53-subject-longer": "L. 53/1994 art. 3-bis(4)",
    "law53-relata-signature": "L. 53/1994 art. 3-bis(5): a document of its own, signed digitally and attached",
    "law53-look-up-old": "L. 53/1994 art. 3-bis(1): what counts is the register at the time of the notification",
    "law53-ipa-subsidiary": "DL 179/2012 art. 16-ter(1-ter): IPA counts where the body is not in that of art. 16(12)",
    "law53-registers-differ": "the address book: several persons have this address, of different registers",
    "law53-sender-look-up-not-kept": "what a register said that day cannot be asked of it later",
    "assembly-address-unknown": "disp. att. c.c. art. 66(3): registered letter, PEC, fax or by hand",
    "assembly-at-the-limit": "disp. att. c.c. art. 66(3); Cass. 18635/2021 alone counts the day of receipt",
    "assembly-call-unknown": "disp. att. c.c. art. 66(3): received at least 5 days before the first call",
}

# What a person may have sent all the same, who says so by its name.
CONFIRMABLE: Final = ("assembly-ordinary-address", "assembly-too-late")


def finding(rule: str, where: str) -> Finding:
    """A finding of a rule in the lists above, of the severity that its list has."""
    if rule in REFUSED:
        return Finding(rule, Severity.REFUSE, where, REFUSED[rule])
    return Finding(rule, Severity.ADVISE, where, ADVISED[rule])


def beyond(rule: str, where: str, measured: int, limit: int) -> Finding:
    """The same of a rule about a quantity."""
    return replace(finding(rule, where), measured=measured, limit=limit)


def refused(findings: Sequence[Finding]) -> list[Finding]:
    """Those that stop the message."""
    return [one for one in findings if one.severity is Severity.REFUSE]
