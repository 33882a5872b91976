"""What happens to a message sent to this address? The recipient's local part says it, and this table.

`consegnata@` anything is delivered, `piena@` anything is full, and so on; a local part that is not in the table is
delivered. What follows a `+` does not count: `piena+7@pec.test` is one more full mailbox.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from pec_tracker.pec.standard import FIRST_NOTICE_HOURS, SECOND_NOTICE_HOURS, RecipientType
from pec_tracker.texts import N_


class Event(StrEnum):
    """One thing that happens to a message on its way to one recipient."""

    DELIVERED = "delivered"  # the envelope in the mailbox, the receipt to the sender
    UNKNOWN = "unknown"  # 5.1.1, errore no-dest
    UNKNOWN_OTHER = "unknown-other"  # 5.1.1, errore altro (seen: Aruba 2026)
    DISABLED = "disabled"  # 5.2.1
    FULL = "full"  # 5.2.2
    VIRUS = "virus"  # 5.5.1, found by the recipient's provider
    NO_DOMAIN = "no-domain"  # errore no-dominio, from the sender's provider
    FIRST_NOTICE = "first-notice"  # 12 hours
    SECOND_NOTICE = "second-notice"  # 24 hours, 5.4.1


class Refusal(StrEnum):
    """Why the sender's own provider does not take the message."""

    FORMAL = "formal"
    VIRUS = "virus"


@dataclass(frozen=True, slots=True)
class Step:
    """An event, and when: so long after the acceptance (a few seconds more, as the seed has it)."""

    event: Event
    after: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One row of the table. `name` and `aliases` are local parts, Italian and English.

    `acceptance_late` is how much later than usual the acceptance reaches the sender (its certified time is unchanged);
    `copies` how many times each receipt comes.
    """

    name: str
    aliases: tuple[str, ...]
    explanation: str
    steps: tuple[Step, ...] = ()
    type: RecipientType = RecipientType.CERTIFIED
    refusal: Refusal | None = None
    acceptance_late: timedelta = timedelta(0)
    copies: int = 1


_FIRST = Step(Event.FIRST_NOTICE, timedelta(hours=FIRST_NOTICE_HOURS))
_SECOND = Step(Event.SECOND_NOTICE, timedelta(hours=SECOND_NOTICE_HOURS))

BEHAVIOURS: tuple[Behaviour, ...] = (
    Behaviour("consegnata", ("delivered",), N_("Accepted, delivered."), (Step(Event.DELIVERED),)),
    Behaviour(
        "tardiva",
        ("late",),
        N_("Accepted; the 12 hour notice; delivered after 15 hours."),
        (_FIRST, Step(Event.DELIVERED, timedelta(hours=15))),
    ),
    Behaviour(
        "oltre-24-ore",
        ("after-24-hours",),
        N_("Accepted; both notices; delivered after 25 hours all the same, against the rules."),
        (_FIRST, _SECOND, Step(Event.DELIVERED, timedelta(hours=25))),
    ),
    Behaviour("piena", ("full",), N_("Accepted; not delivered: mailbox full (5.2.2)."), (Step(Event.FULL),)),
    Behaviour(
        "inesistente",
        ("unknown",),
        N_("Accepted; not delivered: no such mailbox (5.1.1, no-dest)."),
        (Step(Event.UNKNOWN),),
    ),
    Behaviour(
        "inesistente-altro",
        ("unknown-other",),
        N_("Accepted; not delivered: no such mailbox (5.1.1 again, but errore is altro: Aruba's way)."),
        (Step(Event.UNKNOWN_OTHER),),
    ),
    Behaviour(
        "disabilitata", ("disabled",), N_("Accepted; not delivered: mailbox disabled (5.2.1)."), (Step(Event.DISABLED),)
    ),
    Behaviour(
        "virus",
        (),
        N_("Accepted; not delivered: the recipient's provider found a virus (5.5.1)."),
        (Step(Event.VIRUS),),
    ),
    Behaviour(
        "virus-mittente",
        ("virus-outgoing",),
        N_("Not accepted: the sender's own provider found a virus; nothing goes to anybody."),
        refusal=Refusal.VIRUS,
    ),
    Behaviour(
        "non-accettata",
        ("not-accepted",),
        N_("Not accepted: a formal fault is found; nothing goes to anybody."),
        refusal=Refusal.FORMAL,
    ),
    Behaviour(
        "no-dominio",
        ("no-domain",),
        N_("Accepted; not delivered: no such domain (no-dominio)."),
        (Step(Event.NO_DOMAIN),),
    ),
    Behaviour(
        "silenzio",
        ("silent",),
        N_("Accepted; the 12 hour notice; the 24 hour notice (5.4.1): closed."),
        (_FIRST, _SECOND),
    ),
    Behaviour(
        "esterno",
        ("external",),
        N_("Accepted, as an ordinary mailbox: no delivery receipt ever comes."),
        type=RecipientType.EXTERNAL,
    ),
    Behaviour(
        "accettazione-tardiva",
        ("acceptance-after-delivery",),
        N_("Delivered; the acceptance comes a minute after the delivery receipt."),
        (Step(Event.DELIVERED),),
        acceptance_late=timedelta(minutes=1),
    ),
    Behaviour(
        "doppia",
        ("twice",),
        N_("Accepted, delivered; receipts come twice: the acceptance as the very same mail, the delivery issued anew."),
        (Step(Event.DELIVERED),),
        copies=2,
    ),
    Behaviour(
        "contraddittoria",
        ("contradictory",),
        N_("Accepted; delivered; then a non-delivery notice (5.1.1) for the same recipient."),
        (Step(Event.DELIVERED), Step(Event.UNKNOWN, timedelta(minutes=1))),
    ),
)

_BY_LOCAL_PART = {local: row for row in BEHAVIOURS for local in (row.name, *row.aliases)}


def behaviour_of(address: str) -> Behaviour:
    """The row for the local part of *address*; the first row (delivered) for any that is not in the table."""
    local = address.partition("@")[0].partition("+")[0].lower()
    return _BY_LOCAL_PART.get(local, BEHAVIOURS[0])
