"""In which house do the services' tests live? One on SQLite and one on PostgreSQL; each test sees both.

`state()` is what a mailbox holds, by natural keys: two houses that were brought the same must show the same.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, Row, insert, select, text

from pec_tracker.archive.local import LocalArchive
from pec_tracker.archive.objects import Object, Suffix
from pec_tracker.clock import Clock
from pec_tracker.db.base import table
from pec_tracker.db.engine import in_one_transaction, open_engine, reading, sqlite_url
from pec_tracker.db.passing import Alert
from pec_tracker.db.tables import (
    Answer,
    Certificate,
    Evidence,
    Folder,
    Ledger,
    Mail,
    Mailbox,
    Message,
    Recipient,
    SentCopy,
)
from pec_tracker.ledger import records
from pec_tracker.pec.compose import Outgoing
from pec_tracker.pec.sending import SendState
from pec_tracker.pec.trust import Trust
from pec_tracker.service.house import Account, House, Start
from pec_tracker.service.intake.link import Place
from pec_tracker.service.intake.study import Arrival
from pec_tracker.service.intake.take_in import take_in
from pec_tracker.service.intake.taken import Taken
from pec_tracker.service.mailboxes.known import known_mailbox
from pec_tracker.service.sending.send import QueuedFacts, write_queued
from pec_tracker.wire.endpoint import Endpoint, Login
from tests.factory import receipts

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
OWNER = receipts.SENDER
ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.fixture(params=ENGINES)
def house_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new empty database, on each engine in turn."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "tracker.db")
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def house(house_url: str, tmp_path: Path) -> Iterator[House]:
    """A house with nothing in it, that trusts the factory's provider; its clock stands at NOW."""
    opened = open_house(house_url, tmp_path)
    yield opened
    opened.engine.dispose()


@pytest.fixture
def account(house: House) -> Account:
    """The mailbox of the factory's sender."""
    return account_of(house)


def open_house(url: str, folder: Path, *, trust: Trust | None = None) -> House:
    """A house on the database at *url*, its archive in *folder*."""
    clock = Clock(started=datetime.now(UTC), origin=NOW, factor=1e-9)
    trusted = trust or receipts.trust()
    return House(open_engine(url), LocalArchive(folder / "archive"), lambda: trusted, clock, Start(), folder)


def account_of(house: House, name: str = "office", address: str = OWNER) -> Account:
    """A mailbox with servers that nobody asks."""
    row_id, key = known_mailbox(house, name, address)
    nowhere = Endpoint("localhost", 1)
    return Account(row_id, key, name, address, nowhere, nowhere, login=lambda: Login("user", "secret"))


def place_of(account: Account, *, origin: str = "collected") -> Place:
    """Where the mails of *account* come from."""
    return Place(account.id, account.key, account.address, origin, {})


def in_folder(house: House, place: Place, name: str) -> Place:
    """The folder *name* of a mailbox as the place; its mails are numbered in the order in which they are brought."""
    with house.engine.begin() as connection:
        added = insert(table(Folder)).values(mailbox_id=place.mailbox_id, name=name, uidvalidity=1, last_uid=0)
        folder_id = connection.execute(added.returning(Folder.id)).scalar_one()
    return replace(place, folder_records={folder_id: "0" * 64})


@dataclass(frozen=True, slots=True)
class Thing:
    """A mail on its way in; `sent`: it lies among the sent ones."""

    raw: bytes
    sent: bool = False


def bring(house: House, place: Place, things: Iterable[Thing | bytes], *, at: datetime = NOW) -> Taken:
    """Take in one batch, from the folder of *place* where it has one."""
    folder_id = next(iter(place.folder_records), None)
    arrivals = [
        Arrival(raw=thing.raw, sent=thing.sent, folder_id=folder_id, uid=None if folder_id is None else uid)
        for uid, thing in enumerate((Thing(thing) if isinstance(thing, bytes) else thing for thing in things), 1)
    ]
    return take_in(house.engine, house.archive.put_many, place, arrivals, trust=house.trust, now=at)


def compose_as(house: House, account: Account, raw: bytes, *, key: str, reference: str, to: Sequence[str]) -> None:
    """A composed message that was submitted, of these very bytes."""
    addresses: dict[str, Any] = {"mail_from": account.address, "rcpt_to": tuple(to)}
    record = records.message(key, reference=reference, case=None, receipt_form="completa", **addresses)
    house.archive.put_many([Object(raw, Suffix.MAIL), record])
    sent_at = receipts.ISSUED_AT - timedelta(seconds=5)
    outgoing = Outgoing(key, reference, account.address, tuple(to), raw, sent_at)
    digest = Object(raw, Suffix.MAIL).sha256
    facts = QueuedFacts(account.id, account.key, outgoing, digest, record.sha256, "completa", None)
    in_one_transaction(
        house.engine, lambda connection: write_queued(connection, facts, send_state=SendState.SUBMITTED) and None
    )


def rows(engine: Engine, statement: Any) -> list[Row[Any]]:
    """What a statement finds."""
    with reading(engine) as connection:
        return list(connection.execute(statement).all())


def count(engine: Engine, of: Any) -> int:
    """How many rows a table has."""
    return len(rows(engine, select(table(of))))


def state(house: House, account: Account) -> dict[str, Any]:
    """Everything that the database says of a mailbox, by natural keys."""
    with reading(house.engine) as connection:
        messages = _rows(connection, Message, Message.mailbox_id == account.id)
        names = {row.id: f"{row.reference_key or row.identifier or row.raw}" for row in messages}
        keys = {row.key: names[row.id] for row in messages}
        mails = {row.id: row for row in _rows(connection, Mail, Mail.mailbox_id == account.id)}

        def plain(row: Row[Any], *unnatural: str) -> str:
            columns = dict(row._mapping)
            columns.pop("id", None)
            for name in ("mailbox_id", "key", *unnatural):
                columns.pop(name, None)
            for name in ("message_id", "mail_id"):
                if name in columns:
                    known = names if name == "message_id" else {i: mail.sha256 for i, mail in mails.items()}
                    columns[name] = known.get(columns[name])
            return json.dumps(columns, sort_keys=True, default=_utc)

        return {
            "message": Counter(plain(row, "record") for row in messages),
            "mail": Counter(plain(row, "internal_at") for row in mails.values()),
            "recipient": Counter(plain(row) for row in _rows(connection, Recipient, Recipient.message_id.in_(names))),
            "evidence": Counter(plain(row) for row in _rows(connection, Evidence, Evidence.mail_id.in_(mails))),
            "sent_copy": Counter(plain(row) for row in _rows(connection, SentCopy, SentCopy.mail_id.in_(mails))),
            "answer": Counter(
                (mails[row.mail_id].sha256, row.key) for row in _rows(connection, Answer, Answer.mail_id.in_(mails))
            ),
            "certificate": Counter(row.sha256 for row in connection.execute(select(Certificate.sha256))),
            "alert": Counter(
                (row.kind, _topic(row.topic, keys))
                for row in _rows(connection, Alert, (Alert.mailbox_id == account.id) & Alert.settled_at.is_(None))
            ),
            "words": Counter(_words(connection, mails)),
            "ledger": Counter(_acts(connection, account, keys)),
        }


def differences(one: dict[str, Any], two: dict[str, Any]) -> dict[str, Any]:
    """What only one of two states has: empty when they are the same."""
    return {
        name: (sorted(map(str, one[name] - two[name])), sorted(map(str, two[name] - one[name])))
        for name in one
        if one[name] != two[name]
    }


def objects(house: House) -> set[str]:
    """What lies in the archive, by name."""
    return {f"{sha256}{suffix}" for sha256, suffix, _size in house.archive.objects()}


def mailboxes(engine: Engine) -> list[str]:
    """The names of the mailboxes that the database knows."""
    return [row.name for row in rows(engine, select(Mailbox.name))]


def _rows(connection: Connection, of: Any, condition: Any) -> list[Row[Any]]:
    return list(connection.execute(select(table(of)).where(condition)).all())


def _utc(value: object) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)


def _topic(topic: str, keys: dict[str, str]) -> str:
    first, _, rest = topic.partition("/")
    return f"{keys[first]}/{rest}" if first in keys else first


def _words(connection: Connection, mails: dict[int, Row[Any]]) -> list[tuple[str, str]]:
    if connection.dialect.name == "sqlite":
        found = connection.execute(text("SELECT rowid, words FROM search")).all()
        return [(mails[row_id].sha256, " ".join(sorted(words.split()))) for row_id, words in found if row_id in mails]
    found = connection.execute(text("SELECT mail_id, tsvector_to_array(words) FROM search")).all()
    return [(mails[row_id].sha256, " ".join(sorted(words))) for row_id, words in found if row_id in mails]


def _acts(connection: Connection, account: Account, keys: dict[str, str]) -> list[str]:
    acts = []
    for line in connection.scalars(select(Ledger.line)):
        facts = json.loads(line)["facts"]
        if facts.get("mailbox") == account.key or facts.get("message") in keys:
            named = {name: keys.get(fact, fact) if name == "message" else fact for name, fact in facts.items()}
            named = {name: fact for name, fact in named.items() if name not in ("mailbox", "record")}
            acts.append(json.dumps([json.loads(line)["act"], named], sort_keys=True))
    return acts
