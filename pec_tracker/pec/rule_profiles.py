"""What must hold of a message that is to be more than a letter? The rules of a notification, and of a convocation.

Pure: what the address book and the receipts say of the addresses comes as an argument. Everything said is information
with its source, no advice on a case.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Final

from pec_tracker.contact_tokens import AddressKind, Register
from pec_tracker.pec.attached import attached, content_of
from pec_tracker.pec.compose import Outgoing
from pec_tracker.pec.evidence import address_key
from pec_tracker.pec.finding import CONFIRMABLE, Finding, Severity, beyond, finding
from pec_tracker.pec.headers import headers_of
from pec_tracker.pec.signed_documents import signatures_of
from pec_tracker.pec.standard import ReceiptForm


class Profile(StrEnum):
    """What a message is to be, where the law asks more of it than of a letter."""

    LAW53 = "law53"  # a notification by a lawyer, L. 53/1994
    ASSEMBLY = "assembly"  # the convocation of a condominium's assembly, disp. att. c.c. art. 66(3)


@dataclass(frozen=True, slots=True)
class Origin:
    """From which register an address comes, and when that was looked up, as the address book says; `kept`: what the
    register showed is archived with the message. `several`: others in the book have the address of another register.
    """

    register: Register | None = None
    looked_up_on: date | None = None
    kept: bool = False
    several: bool = False


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the bytes of a message do not say. Addresses are `address_key`s; `kinds` lacks those that nobody knows.

    `today` and `call`, the day of the assembly's first call, are days in Rome. `confirmed` names the rules that a
    person said to disregard.
    """

    today: date
    origins: Mapping[str, Origin] = field(default_factory=dict)
    kinds: Mapping[str, AddressKind] = field(default_factory=dict)
    call: date | None = None
    confirmed: frozenset[str] = frozenset()


LAW53_SUBJECT: Final = "notificazione ai sensi della legge n. 53 del 1994"
DAYS_BEFORE_CALL: Final = 5

# DL 179/2012 art. 16-ter, and for IPA its paragraph 1-ter. An elected domicile and what a person says are no register.
_PUBLIC: Final = frozenset(Register) - {Register.ELECTED, Register.GIVEN}
_RELATA: Final = re.compile(r"(?<![a-z])relata|relazion[ei].{0,20}notific", re.IGNORECASE)


def check_profile(profile: Profile, outgoing: Outgoing, known: Circumstances) -> list[Finding]:
    """What speaks against the message as what it is to be. What a person confirmed no longer stops it, and is said."""
    rules = {Profile.LAW53: _notification, Profile.ASSEMBLY: _convocation}[profile]
    return [_confirmed(one, known) for one in rules(outgoing, known)]


def _confirmed(one: Finding, known: Circumstances) -> Finding:
    if one.rule in CONFIRMABLE and one.rule in known.confirmed:
        return replace(one, severity=Severity.ADVISE)
    return one


# --- law53 ---


def _notification(outgoing: Outgoing, known: Circumstances) -> Iterator[Finding]:
    headers = headers_of(outgoing.raw)
    yield from _subject((headers.subject if headers is not None else None) or "")
    form = (headers.receipt_form if headers is not None else None) or ReceiptForm.COMPLETE
    if form.lower() != ReceiptForm.COMPLETE:
        yield finding("law53-receipt-not-complete", form)
    yield from _documents(outgoing.raw)
    yield from _sender(outgoing.mail_from, known.origins.get(address_key(outgoing.mail_from), Origin()), known.today)
    for recipient in outgoing.rcpt_to:
        yield from _recipient(recipient, known.origins.get(address_key(recipient), Origin()), known.today)


def _subject(subject: str) -> Iterator[Finding]:
    said = " ".join(subject.casefold().split())
    if LAW53_SUBJECT not in said:
        yield finding("law53-subject", "subject")
    elif said != LAW53_SUBJECT:
        yield finding("law53-subject-longer", "subject")


def _documents(raw: bytes) -> Iterator[Finding]:
    """The relata, known by its name, and what it notifies."""
    files = list(attached(raw))
    relate = [part for part in files if _RELATA.search(part.filename or "")]
    if not relate:
        yield finding("law53-relata-missing", "message")
    if len(files) == len(relate):
        yield finding("law53-act-missing", "message")
    for part in relate:
        present = signatures_of(content_of(raw, part))
        yield finding("law53-relata-signature" if present else "law53-relata-unsigned", part.filename or "")


def _sender(address: str, origin: Origin, today: date) -> Iterator[Finding]:
    if origin.register is None:
        yield finding("law53-sender-register-missing", address)
        return
    if origin.register not in _PUBLIC:
        yield finding("law53-sender-register-not-public", address)
    yield from _day(address, origin, today)
    if not origin.kept:
        yield finding("law53-sender-look-up-not-kept", address)


def _recipient(address: str, origin: Origin, today: date) -> Iterator[Finding]:
    if origin.register is None:
        yield finding("law53-register-missing", address)
        return
    if origin.register not in _PUBLIC:
        yield finding("law53-register-not-public", address)
    if origin.register == Register.IPA:
        yield finding("law53-ipa-subsidiary", address)
    if origin.several:
        yield finding("law53-registers-differ", address)
    yield from _day(address, origin, today)
    if not origin.kept:
        yield finding("law53-look-up-not-kept", address)


def _day(address: str, origin: Origin, today: date) -> Iterator[Finding]:
    """When the register was looked up."""
    day = origin.looked_up_on
    if day is None:
        yield finding("law53-look-up-undated", address)
    elif day > today:
        yield finding("law53-look-up-in-future", address)
    elif day < today:
        yield finding("law53-look-up-old", address)


# --- assembly ---


def _convocation(outgoing: Outgoing, known: Circumstances) -> Iterator[Finding]:
    for recipient in outgoing.rcpt_to:
        kind = known.kinds.get(address_key(recipient))
        if kind != AddressKind.PEC:
            rule = "assembly-address-unknown" if kind is None else "assembly-ordinary-address"
            yield finding(rule, recipient)
    if known.call is None:
        yield finding("assembly-call-unknown", "message")
        return
    # Received today at the earliest: the day of receipt counts, the call's does not (Cass. 18635/2021).
    days = (known.call - known.today).days
    if days < DAYS_BEFORE_CALL:
        yield beyond("assembly-too-late", "message", max(0, days), DAYS_BEFORE_CALL)
    elif days == DAYS_BEFORE_CALL:
        yield beyond("assembly-at-the-limit", "message", days, DAYS_BEFORE_CALL)
