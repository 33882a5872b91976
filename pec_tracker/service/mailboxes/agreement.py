"""Did somebody say in writing that a provider which allows automatic programs only by agreement did agree?

Until then nothing leaves that a program queued, or many at once: a letter that a person writes is no automatic program.
What waits stays in the outbox, with the reason.
"""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, exists, or_, select, update

from pec_tracker.askers import Act, Asker, signature
from pec_tracker.db.engine import in_one_transaction, reading
from pec_tracker.db.tables import Mailbox, Message
from pec_tracker.errors import UsageError
from pec_tracker.ledger import lines, records, seals, together
from pec_tracker.ledger.acts import LedgerAct
from pec_tracker.pec.sending import Priority
from pec_tracker.service.alerts.kinds import AlertKind
from pec_tracker.service.alerts.raising import NewAlert, raise_alerts, settle_alerts
from pec_tracker.service.house import Account, House
from pec_tracker.service.verbs import verb


@verb(Act.ADMINISTER)
def acknowledge(asker: Asker, house: House, account: Account, *, note: str) -> None:
    """A person says that the provider of the mailbox agreed, by *note*: it is kept, with who and when, in the ledger.

    From then on what programs queue leaves too; under another provider it is asked anew. Raises UsageError where the
    provider wants no agreement, or nothing is noted; ApartError.
    """
    if account.agreement is None:
        raise UsageError(
            "the provider of {name} wants no agreement: there is nothing to acknowledge", name=account.name
        )
    if not note.strip():
        raise UsageError("say by which agreement, with --note: it is kept in the ledger")
    together.require(house.engine, house.archive)
    record = records.agreement(account.key, provider=account.agreement, note=note, by=signature(asker))
    house.archive.put_many([record])
    now = house.clock.now()
    act = lines.new_line(
        LedgerAct.MAILBOX_ACKNOWLEDGED, at=now, mailbox=account.key, provider=account.agreement, record=record.sha256
    )

    def work(connection: Connection) -> None:
        replay(connection, act)
        lines.append(connection, [act])
        settle_alerts(connection, AlertKind.AGREEMENT_MISSING, [account.key], at=now)

    in_one_transaction(house.engine, work)
    seals.seal_pending(house.engine, house.archive, now=now)


def replay(connection: Connection, act: lines.Line) -> None:
    """What the ledger's line of an agreement makes of the mailbox."""
    of = update(Mailbox).where(Mailbox.key == act.facts["mailbox"])
    connection.execute(of.values(agreed_with=act.facts["provider"], agreed_at=act.at))


def is_missing(connection: Connection, account: Account) -> bool:
    """Whether the provider wants an agreement that nobody has acknowledged."""
    if account.agreement is None:
        return False
    return connection.scalar(select(Mailbox.agreed_with).where(Mailbox.id == account.id)) != account.agreement


@verb(Act.READ)
def missing(asker: Asker, house: House, account: Account) -> bool:
    """The same, asked by whoever wants to say so."""
    with reading(house.engine) as connection:
        return is_missing(connection, account)


def may_leave(account: Account) -> ColumnElement[bool]:
    """As a condition on a message of the mailbox: a person wrote it, or the provider agreed."""
    agreed = exists().where(Mailbox.id == Message.mailbox_id, Mailbox.agreed_with == account.agreement)
    return or_(Message.priority == Priority.NORMAL.rank, agreed)


def tell_if_missing(connection: Connection, account: Account, priority: Priority, *, at: datetime) -> None:
    """Raise an alert where a message of this priority has to wait for the agreement."""
    if priority is not Priority.NORMAL and is_missing(connection, account):
        alert = NewAlert(AlertKind.AGREEMENT_MISSING, account.key, mailbox_id=account.id, facts={"name": account.name})
        raise_alerts(connection, [alert], at=at)
