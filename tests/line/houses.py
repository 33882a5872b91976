"""A house of one's own for each test, at a sandbox or at real servers: as one process after the other would open it."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from pec_tracker import anchors
from pec_tracker.archive.local import LocalArchive
from pec_tracker.askers import OPERATOR, Asker
from pec_tracker.clock import Clock
from pec_tracker.db.engine import open_engine, reading, sqlite_url
from pec_tracker.db.passing import Alert
from pec_tracker.db.tables import Message, Recipient
from pec_tracker.job_names import JobName
from pec_tracker.pec.compose import Draft
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service.house import Account, House
from pec_tracker.service.mailboxes.known import known_mailbox
from pec_tracker.service.rounds.jobs import job_of_house, job_of_mailbox, jobs_of
from pec_tracker.service.sending.send import Queued, queue
from pec_tracker.service.sending.start import at_start
from pec_tracker.wire.endpoint import Endpoint, Login, Security
from tests.sandbox.materials import SENDER
from tests.sandbox.running import PASSWORD


@dataclass(slots=True)
class Home:
    """Where a house lives: its folder, its database, whom it trusts, its clock. `open` is what a process does.

    Its marks lie beside the folder: they are not in what is backed up and restored together.
    """

    folder: Path
    url: str
    ca_file: Path
    clock: Clock
    engines: list[Engine] = field(default_factory=list)

    def open(self, **changes: Any) -> House:
        """The house as a process that starts now opens it."""
        engine = changes.pop("engine", None) or open_engine(self.url)
        self.engines.append(engine)
        spool = self.folder / "spool"
        spool.mkdir(parents=True, exist_ok=True)
        trust = changes.pop("trust", None) or _trust(self.ca_file)
        archive = LocalArchive(self.folder / "archive")
        house = House(engine, archive, lambda: trust, self.clock, at_start(engine), spool, marks=self.marks)
        return replace(house, **changes)

    @property
    def marks(self) -> Path:
        """This computer's folder of state."""
        return self.folder.with_name(f"{self.folder.name}-state")

    def close(self) -> None:
        """Let go of every connection."""
        while self.engines:
            self.engines.pop().dispose()


@cache
def _trust(ca_file: Path) -> Any:
    return anchors.from_paths((ca_file,))


def new_sqlite(folder: Path) -> str:
    """A new database with the schema in place: copied, since making it takes longer."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(_empty_database(), folder / "pec-tracker.db")
    return sqlite_url(folder / "pec-tracker.db")


@cache
def _empty_database() -> Path:
    path = Path(tempfile.mkdtemp()) / "empty.db"
    open_engine(sqlite_url(path)).dispose()
    return path


def account_at(house: House, sandbox: Sandbox, address: str = SENDER, **changes: Any) -> Account:
    """The mailbox *address* of the sandbox as an account of the house; `smtp_port`, `imap_port`: by way of a proxy."""
    row_id, key = known_mailbox(house, address.partition("@")[0], address)
    ports = {name: changes.pop(name, getattr(sandbox, name)) for name in ("smtp_port", "imap_port")}
    timeout = changes.pop("timeout", 10.0)
    login = next((one.login for one in sandbox.settings.accounts if one.address == address), address)
    account = Account(
        id=row_id,
        key=key,
        name=address.partition("@")[0],
        address=address,
        smtp=Endpoint("localhost", ports["smtp_port"], Security.TLS, sandbox.ca_file, timeout),
        imap=Endpoint("localhost", ports["imap_port"], Security.TLS, sandbox.ca_file, timeout),
        login=lambda: Login(login, PASSWORD),
    )
    return replace(account, **changes)


def draft(*to: str, account: Account, subject: str = "Prova", **changes: Any) -> Draft:
    """A letter to these."""
    return replace(Draft(sender=account.address, to=to, subject=subject, text="Buongiorno."), **changes)


def queued(house: House, account: Account, *to: str, subject: str = "Prova", **changes: Any) -> Queued:
    """A letter to these, in the outbox."""
    return queue(
        OPERATOR, house, account, draft(*(to or ("consegnata@pec.test",)), account=account, subject=subject, **changes)
    )


def states(house: House) -> dict[str, str]:
    """The send state of each message, by its key."""
    with reading(house.engine) as connection:
        return {row.key: row.send_state for row in connection.execute(select(Message.key, Message.send_state))}


def journeys(house: House, *, subject: str | None = None) -> dict[str, str]:
    """The state of each recipient, by address; of the message with this subject only."""
    columns = select(Recipient.address, Recipient.state).join(Message, Message.id == Recipient.message_id)
    if subject is not None:
        columns = columns.where(Message.subject == subject)
    with reading(house.engine) as connection:
        return {row.address: row.state for row in connection.execute(columns)}


def open_alerts(house: House) -> list[str]:
    """The kinds of the alerts that stand open, in order."""
    with reading(house.engine) as connection:
        return sorted(connection.scalars(select(Alert.kind).where(Alert.settled_at.is_(None))))


def message_of(house: House, key: str) -> Any:
    """The row of a message."""
    with reading(house.engine) as connection:
        return connection.execute(select(Message).where(Message.key == key)).one()


def standing_clock(clock: Clock) -> Clock:
    """A clock that stands still: what is done twice is dated alike."""
    return Clock(started=datetime.now(UTC), origin=clock.now(), factor=1e-12)


Opened = Callable[[], tuple[House, Account]]


def one_round(house: House, account: Account, *, asker: Asker = OPERATOR) -> None:
    """Every job of the mailbox once, as if each were due, and what the watch notes of them."""
    for job in jobs_of(house, [account]):
        if job.account is not None:
            job_of_mailbox(asker, house, account, job.name, stop=lambda: False)
    job_of_house(asker, house, JobName.REFRESH)


def sealing_round(house: House) -> None:
    """Every other job of the house once."""
    for job in jobs_of(house, []):
        if job.name is not JobName.REFRESH:
            job_of_house(OPERATOR, house, job.name)
