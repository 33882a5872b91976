"""What a user would lose: a fact that the database was to refuse, or a mail that the database refused to keep."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import IntegrityError, StatementError

from pec_tracker.db.base import table
from pec_tracker.db.engine import in_one_transaction, open_engine, reading, storage_errors
from pec_tracker.db.passing import Alert
from pec_tracker.db.tables import Folder, Ledger, Mail, Mailbox, Message, Recipient, Seal, Sighting
from pec_tracker.errors import ConfigurationError, StorageError
from tests.service.house import NOW, house_url

__all__ = ["house_url"]

SHA = "ab" * 32


@pytest.fixture
def engine(house_url: str) -> Iterator[Engine]:
    opened = open_engine(house_url)
    yield opened
    opened.dispose()


def add(engine: Engine, of: Any, **columns: object) -> None:
    with engine.begin() as connection:
        connection.execute(insert(table(of)).values(**columns))


@pytest.fixture
def box(engine: Engine) -> Engine:
    add(engine, Mailbox, key="m", name="box", known_at=NOW)
    add(engine, Folder, mailbox_id=1, name="INBOX", uidvalidity=7, last_uid=0)
    add(engine, Mail, **mail())
    add(engine, Message, **message(reference_key="r@x"))
    return engine


def mail(**columns: object) -> dict[str, object]:
    facts = {"mailbox_id": 1, "sha256": SHA, "size": 1, "origin": "imported", "kind": "ordinary", "archived_at": NOW}
    return {**facts, "reader_version": 1, "warnings": [], **columns}


def message(**columns: object) -> dict[str, object]:
    facts = {"mailbox_id": 1, "key": "k1", "origin": "found", "subject_key": "", "state": "accepted"}
    return {**facts, "send_state": "submitted", "created_at": NOW, "attempts": 0, **columns}


def recipient(**columns: object) -> dict[str, object]:
    facts = {"message_id": 1, "address": "A@x", "address_key": "a@x", "state": "accepted", "next_step": "nothing"}
    return {**facts, "overdue": False, "contradictions": [], **columns}


@pytest.mark.parametrize(
    ("of", "columns"),
    [
        (Mailbox, {"key": "m2", "name": "box", "known_at": NOW}),
        (Folder, {"mailbox_id": 1, "name": "INBOX", "uidvalidity": 7, "last_uid": 0}),
        (Folder, {"mailbox_id": 99, "name": "INBOX", "uidvalidity": 7, "last_uid": 0}),
        (Mail, mail()),
        (Message, message(key="k1", reference_key="other")),
        (Message, message(key="k2", reference_key="r@x")),
        (Message, message(key="k3", origin="invented")),
        (Message, message(key="k4", origin="composed", reference_key="c@x")),
        (Sighting, {"folder_id": 1, "uid": 5, "seen_at": NOW}),
        (Sighting, {"folder_id": 1, "uid": 5, "mail_id": 1, "reason": "gone", "seen_at": NOW}),
        (Seal, {"number": 2, "sha256": SHA, "previous": None, "count": None, "sealed_at": NOW}),
    ],
)
def test_what_must_not_be_is_refused_by_the_database(box: Engine, of: Any, columns: dict[str, object]) -> None:
    with pytest.raises(IntegrityError):
        add(box, of, **columns)


def test_one_recipient_one_sighting_one_open_alert_of_a_kind(box: Engine) -> None:
    for of, columns in (
        (Recipient, recipient()),
        (Sighting, {"folder_id": 1, "uid": 5, "mail_id": 1, "seen_at": NOW}),
        (Alert, {"kind": "k", "topic": "t", "severity": "alarm", "at": NOW, "facts": {}}),
        (Ledger, {"line_id": "l", "act": "a", "at": NOW, "line": "{}\n"}),
    ):
        add(box, of, **columns)
        with pytest.raises(IntegrityError):
            add(box, of, **columns)


def test_messages_without_reference_stand_side_by_side(box: Engine) -> None:
    for key in ("k7", "k8"):
        add(box, Message, **message(key=key, identifier="same"))


@pytest.mark.parametrize(
    "at",
    [
        datetime(2026, 3, 29, 2, 30, tzinfo=timezone(timedelta(hours=1))),
        datetime(2026, 10, 25, 2, 30, 0, 123456, tzinfo=timezone(timedelta(hours=2))),
        datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    ],
)
def test_times_come_back_as_the_same_instant(box: Engine, at: datetime) -> None:
    add(box, Mail, **mail(sha256="cd" * 32, internal_at=at))
    with reading(box) as connection:
        kept = connection.execute(select(Mail.internal_at).where(Mail.sha256 == "cd" * 32)).scalar_one()
    assert kept == at
    assert kept is not None
    assert kept.utcoffset() == timedelta(0)


@pytest.mark.parametrize("year", [1, 9999])
@pytest.mark.parametrize("hours", [-23, 23])
def test_times_at_the_ends_of_the_calendar_are_kept_somewhere_near(box: Engine, year: int, hours: int) -> None:
    month, day = (1, 1) if year == 1 else (12, 31)
    add(
        box,
        Mail,
        **mail(sha256="cd" * 32, internal_at=datetime(year, month, day, tzinfo=timezone(timedelta(hours=hours)))),
    )
    with reading(box) as connection:
        kept = connection.execute(select(Mail.internal_at).where(Mail.sha256 == "cd" * 32)).scalar_one()
    assert kept is not None
    assert kept.year == year


def test_time_without_zone_is_an_error_of_ours(box: Engine) -> None:
    with pytest.raises(StatementError, match="without a zone"):
        add(box, Mail, **mail(sha256="cd" * 32, internal_at=datetime(2026, 1, 1)))  # noqa: DTZ001


def test_refusal_that_does_not_go_away_is_told_as_a_storage_error(box: Engine) -> None:
    tries = []

    def work(connection: Any) -> None:
        tries.append(1)
        connection.execute(insert(table(Mail)).values(**mail()))

    with pytest.raises(StorageError):
        in_one_transaction(box, work)
    assert len(tries) == 5


def test_nothing_of_a_failed_transaction_stays(box: Engine) -> None:
    def work(connection: Any) -> None:
        connection.execute(insert(table(Mail)).values(**mail(sha256="ef" * 32)))
        raise LookupError

    with pytest.raises(LookupError):
        in_one_transaction(box, work)
    with reading(box) as connection:
        assert connection.execute(select(Mail.id).where(Mail.sha256 == "ef" * 32)).all() == []


@pytest.mark.parametrize("url", ["nonsense", "oracle://x/y", "sqlite+nothing:///x"])
def test_address_that_is_none_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError):
        open_engine(url)


def test_server_that_is_not_there_is_a_storage_error() -> None:
    with pytest.raises(StorageError):
        open_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")


def test_folder_that_cannot_be_written_is_a_storage_error() -> None:
    with pytest.raises(StorageError), storage_errors():
        open_engine("sqlite:////proc/none/tracker.db")
