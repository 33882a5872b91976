"""What is a message to be, beyond a letter? What is known of its addresses, and what is kept of the look-ups."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from sqlalchemy import Connection, func, select

from pec_tracker.archive.objects import Object, Suffix
from pec_tracker.askers import Asker
from pec_tracker.clock import ROME
from pec_tracker.contact_tokens import AddressKind
from pec_tracker.db.chunks import chunks
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Message, Recipient
from pec_tracker.errors import UsageError
from pec_tracker.pec.address import domain_of
from pec_tracker.pec.compose import Outgoing
from pec_tracker.pec.evidence import address_key
from pec_tracker.pec.fields import storable
from pec_tracker.pec.finding import Finding
from pec_tracker.pec.rule_profiles import Circumstances, Origin, Profile, check_profile
from pec_tracker.pec.standard import RecipientType
from pec_tracker.service.contacts.origins import Said, origins
from pec_tracker.service.house import House
from pec_tracker.service.verbs import among

MAX_LOOK_UP: Final = 10 * 1024 * 1024  # bytes of a printed page or of a screenshot

# What a kept look-up may be, by how its bytes begin, and the fact of the ledger line that names it.
_KINDS: Final = (
    (b"%PDF-", Suffix.PDF, "pdfs"),
    (b"\x89PNG\r\n\x1a\n", Suffix.PNG, "pngs"),
    (b"\xff\xd8\xff", Suffix.JPEG, "jpegs"),
)
_KIND_OF_TYPE: Final = {
    RecipientType.CERTIFIED.value: AddressKind.PEC,
    RecipientType.EXTERNAL.value: AddressKind.MAIL,
}


@dataclass(frozen=True, slots=True)
class LookUp:
    """What a register showed of an address, as a file: a PDF or a picture."""

    address: str
    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a message is to be: the day of the first call of the assembly, what was kept of look-ups, and the rules that
    a person says to disregard.
    """

    profile: Profile
    call: date | None = None
    look_ups: tuple[LookUp, ...] = ()
    confirmed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Profiled:
    """What was found of a message by its profile. `facts` go into its record and its row, `objects` into the archive;
    `named` are the facts of its ledger line that name these.
    """

    findings: tuple[Finding, ...] = ()
    facts: Mapping[str, Any] | None = None
    objects: tuple[Object, ...] = ()
    named: Mapping[str, Sequence[str]] = field(default_factory=dict)


def profiled(asker: Asker, house: House, outgoing: Outgoing, wanted: Wanted | None) -> Profiled:
    """Hold *outgoing* to what it is to be; nothing where it is a letter. Raises UsageError for a file that is no
    look-up, or is of nobody who sends or receives the message.
    """
    if wanted is None:
        return Profiled()
    kept = {address_key(one.address): (one, *_object(one)) for one in wanted.look_ups}
    addresses = {address_key(one): one for one in (outgoing.mail_from, *outgoing.rcpt_to)}
    for key in kept.keys() - addresses.keys():
        raise UsageError(
            "{address} neither sends nor receives the message; a look-up is of one who does",
            address=kept[key][0].address,
        )
    with reading(house.engine) as connection:
        said = origins(connection, addresses.keys())
        kinds = _kinds(connection, asker, house, outgoing.rcpt_to, said)
    known = Circumstances(
        today=house.clock.now().astimezone(ROME).date(),
        origins={key: _origin(one, kept=key in kept) for key, one in said.items()},
        kinds=kinds,
        call=wanted.call,
        confirmed=wanted.confirmed,
    )
    findings = check_profile(wanted.profile, outgoing, known)
    named: dict[str, list[str]] = {}
    for _, kept_as, fact in kept.values():
        named.setdefault(fact, []).append(kept_as.sha256)
    told = [_told(addresses[key], said.get(key), kept.get(key)) for key in addresses]
    facts = {
        "name": wanted.profile.value,
        "call": None if wanted.call is None else wanted.call.isoformat(),
        "confirmed": sorted({one.rule for one in findings} & wanted.confirmed),
        "origins": told if wanted.profile is Profile.LAW53 else [],
    }
    return Profiled(tuple(findings), facts, tuple(one for _, one, _ in kept.values()), named)


def _object(one: LookUp) -> tuple[Object, str]:
    """The file as an object, and the fact that names it."""
    if len(one.content) > MAX_LOOK_UP:
        raise UsageError(
            "{file} is larger than {megabytes} MB; keep the page of the register alone",
            file=one.name,
            megabytes=MAX_LOOK_UP // (1024 * 1024),
        )
    for begins, suffix, fact in _KINDS:
        if one.content.startswith(begins):
            return Object(one.content, suffix), fact
    raise UsageError(
        "{file} is neither a PDF nor a picture (PNG, JPEG); print the page of the register to a PDF", file=one.name
    )


def _origin(said: Said, *, kept: bool) -> Origin:
    return Origin(said.register, said.looked_up_on, kept, len(said.registers) > 1)


def _told(address: str, said: Said | None, kept: tuple[LookUp, Object, str] | None) -> dict[str, Any]:
    """Where an address came from on this day, as the record of the message says it."""
    day = said.looked_up_on if said is not None else None
    return {
        "address": address,
        "register": said.register.value if said is not None and said.register is not None else None,
        "looked_up_on": None if day is None else day.isoformat(),
        "file": None if kept is None else f"{kept[1].sha256}{kept[1].suffix}",
        "name": None if kept is None else storable(kept[0].name),
    }


def _kinds(
    connection: Connection, asker: Asker, house: House, recipients: Sequence[str], said: Mapping[str, Said]
) -> dict[str, AddressKind]:
    """PEC or ordinary: as the newest acceptance receipt certified; else the provider's own domain; else the book."""
    keys = {address_key(one): domain_of(one) for one in recipients}
    kinds = {key: one.kind for key, one in said.items() if key in keys}
    kinds |= {key: AddressKind.PEC for key, domain in keys.items() if domain in house.provider_domains}
    return kinds | dict(_certified(connection, asker, list(keys)))


def _certified(connection: Connection, asker: Asker, keys: Sequence[str]) -> Iterator[tuple[str, AddressKind]]:
    """The types in the receipts that who asks may see, the newest of each address."""
    seen = select(func.max(Recipient.id)).join(Message, Message.id == Recipient.message_id)
    seen = seen.where(Recipient.type.is_not(None), among(asker, Message.mailbox_id)).group_by(Recipient.address_key)
    columns = select(Recipient.address_key, Recipient.type)
    for some in chunks(keys):
        newest = seen.where(Recipient.address_key.in_(some))
        for key, kind in connection.execute(columns.where(Recipient.id.in_(newest))):
            if kind in _KIND_OF_TYPE:
                yield key, _KIND_OF_TYPE[kind]
