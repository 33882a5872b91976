"""What is noted when a mailbox was looked through? When that was, and what its server would not give.

Each is read first: a look at which nothing is found writes nothing, and keeps nobody waiting.
"""

from datetime import timedelta
from typing import Final

from sqlalchemy import select, update

from pec_tracker.db.engine import reading, writing
from pec_tracker.db.tables import Mailbox
from pec_tracker.service.alerts.kinds import AlertKind
from pec_tracker.service.alerts.raising import NewAlert, alerts_open, raise_alerts, settle_alerts
from pec_tracker.service.house import Account, House
from pec_tracker.service.intake import uids

# How exactly it is noted when a mailbox was last looked through, where nothing was found in it.
NOTED_EVERY: Final = timedelta(minutes=1)


def mark_collected(house: House, account: Account) -> None:
    """Note that all of the mailbox was looked through, unless that was noted a moment ago, or the watch notes it
    within a minute for all mailboxes at once (`job_rows.note`): a look at which nothing is found writes nothing."""
    house.start.looked.add(account.id)
    now = house.clock.now()
    with reading(house.engine) as connection:
        noted = connection.scalar(select(Mailbox.collected_at).where(Mailbox.id == account.id))
    stands = 2 * account.interval if house.served else NOTED_EVERY
    if noted is not None and noted <= now < noted + stands:
        return
    with writing(house.engine) as connection:
        connection.execute(update(Mailbox).where(Mailbox.id == account.id).values(collected_at=now))


def tell_of_owed(house: House, account: Account) -> None:
    """Mails that are on the server and that it does not give: a person should know. They are asked for again."""
    now = house.clock.now()
    with reading(house.engine) as connection:
        count = uids.owed_count(connection, account.id)
        told = alerts_open(connection, AlertKind.MAILS_REFUSED, [account.key])
    if count:
        alert = NewAlert(AlertKind.MAILS_REFUSED, account.key, mailbox_id=account.id, facts={"count": count})
        with writing(house.engine) as connection:
            raise_alerts(connection, [alert], at=now)
    elif told:
        with writing(house.engine) as connection:
            settle_alerts(connection, AlertKind.MAILS_REFUSED, [account.key], at=now)
