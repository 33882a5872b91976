"""Until when does the provider's pace hold a mailbox back? For who looks at the outbox; nothing is sent by this."""

from datetime import datetime

from pec_tracker.askers import Act, Asker
from pec_tracker.service.house import Account, House
from pec_tracker.service.sending import pace
from pec_tracker.service.verbs import verb


@verb(Act.READ)
def pace_turn(asker: Asker, house: House, account: Account) -> datetime | None:
    """When the pace lets the mailbox's next message go; None where it does now."""
    at = pace.turn(house, account)
    return at if at is not None and at > house.clock.now() else None
