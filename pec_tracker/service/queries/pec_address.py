"""Is an address a PEC address, and whose? A guess, of what receipts said, of its domain, of its mail exchangers.

The registers alone know it (INI-PEC, INAD, IPA, ReGIndE); nothing is asked of them here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import func, select

from pec_tracker.askers import Act, Asker
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Message, Recipient
from pec_tracker.pec.evidence import address_key
from pec_tracker.pec.states import State
from pec_tracker.service.house import House
from pec_tracker.service.verbs import among, verb

CERTIFIED = "certificato"  # of a recipient in the certification data of an acceptance


class Likelihood(StrEnum):
    """How it looks."""

    PEC = "pec"  # a receipt said so
    PROBABLY = "probably-pec"  # its domain or its servers are a PEC provider's
    ORDINARY = "ordinary"  # a receipt said so
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Seen:
    """What receipts said of an address: `type` as the newest acceptance had it, and when; when one last delivered."""

    type: str | None = None
    accepted_at: datetime | None = None
    delivered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Guess:
    """What is known of an address. `exchangers` is None where nobody asked; providers are names of the catalogue."""

    address: str
    seen: Seen
    by_domain: str | None = None
    exchangers: Sequence[str] | None = None
    by_exchanger: str | None = None

    @property
    def provider(self) -> str | None:
        """Whose it may be."""
        return self.by_domain or self.by_exchanger

    @property
    def likelihood(self) -> Likelihood:
        """The strongest word: of receipts, then of what belongs to a provider."""
        if self.seen.type == CERTIFIED or (self.seen.type is None and self.seen.delivered_at is not None):
            return Likelihood.PEC
        if self.seen.type is not None:
            return Likelihood.ORDINARY
        return Likelihood.PROBABLY if self.provider is not None else Likelihood.UNKNOWN


@verb(Act.READ)
def seen(asker: Asker, house: House, address: str) -> Seen:
    """What the receipts that the asker may see say of *address*."""
    delivered = select(func.max(Recipient.state_at)).where(Recipient.state == State.DELIVERED.value)
    newest = (
        select(Recipient.type, Recipient.accepted_at)
        .where(Recipient.type.is_not(None), Recipient.accepted_at.is_not(None))
        .order_by(Recipient.accepted_at.desc(), Recipient.id.desc())
        .limit(1)
    )
    mine = Recipient.message_id.in_(select(Message.id).where(among(asker, Message.mailbox_id)))
    of_it = (Recipient.address_key == address_key(address), mine)
    with reading(house.engine) as connection:
        row = connection.execute(newest.where(*of_it)).one_or_none()
        at = connection.scalar(delivered.where(*of_it))
    return Seen(None if row is None else row.type, None if row is None else row.accepted_at, at)
