"""May this mailbox log in? A refused login suspends it: providers lock accounts that are hammered.

It resumes by command, or by itself when its credentials change.
"""

import hashlib

from sqlalchemy import select, update

from pec_tracker.askers import Act, Asker
from pec_tracker.db.engine import reading, writing
from pec_tracker.db.tables import Mailbox
from pec_tracker.errors import LoginRefusedError
from pec_tracker.service.alerts.kinds import AlertKind
from pec_tracker.service.alerts.raising import NewAlert, raise_alerts, settle_alerts
from pec_tracker.service.house import Account, House
from pec_tracker.service.verbs import verb
from pec_tracker.texts import error_again, error_facts
from pec_tracker.wire.endpoint import Login
from pec_tracker.wire.imap import ImapConnection


def login_of(house: House, account: Account) -> Login:
    """The mailbox's credentials, unless they are the ones that were refused: then LoginRefusedError."""
    login = account.login()
    columns = (
        Mailbox.suspended_at, Mailbox.suspended_reason, Mailbox.suspended_problem, Mailbox.suspended_login,
    )  # fmt: skip
    with reading(house.engine) as connection:
        row = connection.execute(select(*columns).where(Mailbox.id == account.id)).one()
    if row.suspended_at is None:
        return login
    if row.suspended_login != _digest(login):
        _resume(house, account)
        return login
    raise LoginRefusedError(
        "mailbox {mailbox} is suspended since its login was refused ({reason}); "
        "correct it with `pec-tracker mailbox edit {mailbox}`, or retry with `pec-tracker mailbox resume {mailbox}`",
        mailbox=account.name,
        reason=row.suspended_reason if row.suspended_problem is None else error_again(row.suspended_problem),
    )


def connected(house: House, account: Account) -> ImapConnection:
    """A connection to the mailbox's IMAP server; a refused login suspends the mailbox."""
    login = login_of(house, account)
    try:
        return ImapConnection.connect(account.imap, login)
    except LoginRefusedError as error:
        suspend(house, account, login, error)
        raise


def suspend(house: House, account: Account, login: Login, reason: LoginRefusedError) -> None:
    """No further try with these credentials until they change or a person says so."""
    now = house.clock.now()
    with writing(house.engine) as connection:
        connection.execute(
            update(Mailbox)
            .where(Mailbox.id == account.id)
            .values(
                suspended_at=now,
                suspended_reason=str(reason),
                suspended_problem=error_facts(reason),
                suspended_login=_digest(login),
            )
        )
        raise_alerts(connection, [NewAlert(AlertKind.LOGIN_REFUSED, account.key, mailbox_id=account.id)], at=now)


@verb(Act.ADMINISTER)
def resume(asker: Asker, house: House, account: Account) -> None:
    """The mailbox may log in again: a person says so, or its credentials are others now."""
    _resume(house, account)


def _resume(house: House, account: Account) -> None:
    with writing(house.engine) as connection:
        connection.execute(
            update(Mailbox)
            .where(Mailbox.id == account.id)
            .values(suspended_at=None, suspended_reason=None, suspended_problem=None, suspended_login=None)
        )
        settle_alerts(connection, AlertKind.LOGIN_REFUSED, [account.key], at=house.clock.now())


def _digest(login: Login) -> str:
    """Names credentials without holding them: slow on purpose, since the database may be read by others."""
    salt = f"pec-tracker {login.user}".encode()
    return hashlib.scrypt(login.password.encode(), salt=salt, n=2**14, r=8, p=1, dklen=16).hex()
