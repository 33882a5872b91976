"""What have receipts taught of an address? When one last delivered to it, when one said that it does not exist.

Nothing is written for it: the recipients' states say it, by the index of their addresses.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, case, func, select

from pec_tracker.askers import Asker
from pec_tracker.db.chunks import chunks
from pec_tracker.db.tables import Message, Recipient
from pec_tracker.pec.states import NextStep, State
from pec_tracker.service.verbs import among


@dataclass(frozen=True, slots=True)
class Outcome:
    """The last certified times of an address, and how many messages went to it."""

    delivered_at: datetime | None
    unknown_at: datetime | None
    messages: int

    @property
    def unknown(self) -> bool:
        """Whether the last word of the receipts is that the address does not exist."""
        return self.unknown_at is not None and (self.delivered_at is None or self.delivered_at < self.unknown_at)


def outcomes(connection: Connection, asker: Asker, address_keys: Collection[str]) -> dict[str, Outcome]:
    """What the receipts that the asker may see say of these addresses; of those never written to nothing."""
    delivered = case((Recipient.state == State.DELIVERED.value, Recipient.state_at))
    unknown = case((Recipient.next_step == NextStep.CHECK_ADDRESS.value, Recipient.state_at))
    columns = (
        select(Recipient.address_key, func.max(delivered), func.max(unknown), func.count())
        .join(Message, Message.id == Recipient.message_id)
        .where(among(asker, Message.mailbox_id))
        .group_by(Recipient.address_key)
    )
    found = {}
    for some in chunks(sorted(address_keys)):
        for key, delivered_at, unknown_at, messages in connection.execute(
            columns.where(Recipient.address_key.in_(some))
        ):
            found[key] = Outcome(delivered_at, unknown_at, messages)
    return found
