"""A house without any server: what is decided about the outbox is decided in the database and the archive alone."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select, update

from pec_tracker.clock import Clock
from pec_tracker.db.engine import reading, writing
from pec_tracker.db.passing import Alert
from pec_tracker.db.tables import Attempt, Evidence, Ledger, Mail, Message
from pec_tracker.ledger import lines
from pec_tracker.pec.trust import Trust
from pec_tracker.service.house import Account, House
from pec_tracker.service.mailboxes.known import known_mailbox
from pec_tracker.service.sending.dispatch import _Round
from pec_tracker.wire.endpoint import Endpoint, Login, Security
from pec_tracker.wire.smtp import Submitter
from tests.line.houses import Home, new_sqlite

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NOBODY_LISTENS = 1  # a port at which a connection is refused at once
MINUTE = timedelta(minutes=1)


def clock_at(when: datetime) -> Clock:
    """A clock that stands still."""
    return Clock(started=datetime.now(UTC), origin=when, factor=1e-12)


def home_in(folder: Path, *, at: datetime = NOW) -> Home:
    """A home on SQLite whose clock stands still."""
    return Home(folder, new_sqlite(folder), folder / "none.pem", clock_at(at))


def opened(home: Home, **changes: Any) -> House:
    """The house as a process that starts now opens it; it trusts nobody."""
    return home.open(trust=Trust(), **changes)


def account_of(house: House, name: str = "studio") -> Account:
    """A mailbox whose servers cannot be reached."""
    row_id, key = known_mailbox(house, name, f"{name}@pec.test")
    endpoint = Endpoint("localhost", NOBODY_LISTENS, Security.TLS, None, 0.5)
    return Account(row_id, key, name, f"{name}@pec.test", endpoint, endpoint, lambda: Login(name, "segreto"))


def round_of(house: House, account: Account, **changes: Any) -> _Round:
    """A round of sending that has begun now, before it has a connection."""
    arguments: dict[str, Any] = {
        "only": None, "began": house.clock.now(), "progress": lambda _done: None, "stop": lambda: False,
    }  # fmt: skip
    return _Round(house, account, Submitter(account.smtp, account.login()), **(arguments | changes))


def write(house: House, key: str, **columns: Any) -> None:
    """What an earlier process left in the row of a message."""
    with writing(house.engine) as connection:
        connection.execute(update(Message).where(Message.key == key).values(**columns))


def attempts_of(house: House) -> list[Any]:
    """Every attempt."""
    with reading(house.engine) as connection:
        return list(connection.execute(select(Attempt).order_by(Attempt.id)).all())


def begun(house: House, message_id: int, number: int, **columns: Any) -> None:
    """An attempt in the database."""
    with writing(house.engine) as connection:
        values = {"message_id": message_id, "number": number, "started_at": NOW}
        connection.execute(insert(Attempt).values(values | columns))


def alerts(house: House) -> list[Any]:
    """Every alert that stands open."""
    with reading(house.engine) as connection:
        return list(connection.execute(select(Alert).where(Alert.settled_at.is_(None)).order_by(Alert.id)).all())


def told(house: House, *acts: str) -> list[lines.Line]:
    """The ledger's lines of these acts."""
    with reading(house.engine) as connection:
        every = [lines.decode(text) for text in connection.scalars(select(Ledger.line).order_by(Ledger.id))]
    return [line for line in every if line.act in acts]


def mail_of(house: House, account: Account, message_id: int, *, role: str | None, sha256: str = "a" * 64) -> int:
    """A mail that belongs to a message."""
    values = {
        "mailbox_id": account.id, "sha256": sha256, "size": 1, "origin": "collected", "kind": "acceptance",
        "archived_at": NOW, "reader_version": 1, "warnings": [], "message_id": message_id, "role": role,
    }  # fmt: skip
    with writing(house.engine) as connection:
        made = connection.execute(insert(Mail).values(values)).inserted_primary_key
    assert made is not None
    return int(made[0])


def receipt_of(house: House, account: Account, message_id: int, *, counts: bool, sha256: str = "a" * 64) -> None:
    """A receipt that speaks of a message."""
    mail = mail_of(house, account, message_id, role="evidence", sha256=sha256)
    values = {
        "mail_id": mail, "ordinal": 1, "message_id": message_id, "kind": "acceptance", "recipients": [], "faults": [],
        "verdict": "trusted", "verdict_at_arrival": "trusted", "verification": {}, "counts": counts,
    }  # fmt: skip
    with writing(house.engine) as connection:
        connection.execute(insert(Evidence).values(values))
