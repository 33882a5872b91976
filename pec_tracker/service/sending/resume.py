"""What does not wait any longer, since a person says that the server is well again?

What was put off is due at once, and a mailbox that was slowed down goes at its usual pace. The provider's limits, a
refused login and an agreement that is wanted stay: time, `mailbox resume` and `mailbox acknowledge` end those.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from pec_tracker.askers import Act, Asker
from pec_tracker.db.engine import in_one_transaction
from pec_tracker.db.tables import Mailbox, Message
from pec_tracker.pec.sending import WAITING, tokens
from pec_tracker.service.house import Account, House
from pec_tracker.service.mailboxes.known import lock_mailbox
from pec_tracker.service.verbs import verb


@dataclass(frozen=True, slots=True)
class Resumed:
    """How many messages of the mailbox are due now that were put off, and whether it was paused or slowed down."""

    mailbox: str
    due: int
    faster: bool


@verb(Act.SEND)
def resume_outbox(asker: Asker, house: House, account: Account) -> Resumed:
    """Let what is held in the mailbox's outbox be tried at once, at the usual pace."""
    now = house.clock.now()

    def work(connection: Connection) -> Resumed:
        lock_mailbox(connection, account.id)
        columns = select(Mailbox.paused_until, Mailbox.slowed_to).where(Mailbox.id == account.id)
        row = connection.execute(columns).one()
        held = row.paused_until is not None or row.slowed_to is not None
        usual = update(Mailbox).where(Mailbox.id == account.id)
        connection.execute(usual.values(paused_until=None, slowed_to=None, slowed_at=None))
        put_off = update(Message).where(
            Message.mailbox_id == account.id,
            Message.send_state.in_(tokens(WAITING)),
            Message.next_attempt_at > now,
        )
        return Resumed(account.name, connection.execute(put_off.values(next_attempt_at=now)).rowcount, held)

    return in_one_transaction(house.engine, work)
