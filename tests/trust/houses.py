"""A house that trusts nobody yet, and mails of a provider whose root somebody may add."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, select

from pec_tracker import anchors
from pec_tracker.archive.local import LocalArchive
from pec_tracker.clock import Clock
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Evidence, Ledger, Mail, Message, Recipient
from pec_tracker.pec.trust import Trust
from pec_tracker.service.house import House, Start
from pec_tracker.service.intake.link import Place
from pec_tracker.service.intake.study import Arrival
from pec_tracker.service.intake.take_in import take_in
from pec_tracker.service.mailboxes.known import known_mailbox
from pec_tracker.service.trust.folder import kept
from tests.factory import receipts

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def house_in(folder: Path, engine: Engine) -> House:
    """A house in *folder* with the trust that lies there and nothing else."""
    found = kept(folder / "trust")
    return House(
        engine=engine,
        archive=LocalArchive(folder / "archive"),
        trusting=lambda: found,
        clock=Clock(started=datetime.now(UTC), origin=NOW),
        start=Start(),
        spool=folder,
        trust_folder=folder / "trust",
    )


def again(house: House) -> House:
    """The house as the next start finds it."""
    assert house.trust_folder is not None
    found = kept(house.trust_folder)
    return replace(house, trusting=lambda: found)


def root_file(folder: Path) -> Path:
    """The provider's root as a PEM file."""
    file = folder / "root.pem"
    file.write_bytes(receipts.root_authority().pem)
    return file


def given(*files: Path) -> Trust:
    """What the files hold, as the command reads them."""
    return anchors.from_paths(list(files))


def arrive(house: House, mails: Sequence[bytes]) -> None:
    """Take mails in as mail of the sender's mailbox."""
    row_id, key = known_mailbox(house, "studio", receipts.SENDER)
    place = Place(row_id, key, receipts.SENDER, "collected", {})
    take_in(
        house.engine,
        house.archive.put_many,
        place,
        [Arrival(raw) for raw in mails],
        trust=house.trust,
        now=house.clock.now(),
    )


def verdicts(engine: Engine) -> list[tuple[str, str, str, bool]]:
    """Kind, verdict, verdict at arrival and whether it counts, of all evidence."""
    columns = select(Evidence.kind, Evidence.verdict, Evidence.verdict_at_arrival, Evidence.counts)
    with reading(engine) as connection:
        rows = connection.execute(columns.order_by(Evidence.kind, Evidence.issued_at))
        return [(row.kind, row.verdict, row.verdict_at_arrival, row.counts) for row in rows]


def journeys(engine: Engine) -> list[tuple[str, str, str]]:
    """Key of the message, recipient and state."""
    columns = select(Message.key, Recipient.address_key, Recipient.state).join(
        Recipient, Recipient.message_id == Message.id
    )
    with reading(engine) as connection:
        rows = connection.execute(columns.order_by(Message.key, Recipient.address_key))
        return [(row.key, row.address_key, row.state) for row in rows]


def acts(engine: Engine) -> list[str]:
    """The acts of the ledger in order."""
    with reading(engine) as connection:
        return list(connection.scalars(select(Ledger.act).order_by(Ledger.id)))


def answers(engine: Engine) -> list[tuple[object, ...]]:
    """What the database says of every mail and its evidence, by natural keys, whatever its row ids."""
    columns = (
        select(
            Mail.sha256,
            Mail.role,
            Message.key,
            Message.state,
            Evidence.verdict,
            Evidence.verdict_at_arrival,
            Evidence.counts,
            Evidence.certificate,
        )
        .select_from(Mail)
        .outerjoin(Message, Message.id == Mail.message_id)
        .outerjoin(Evidence, Evidence.mail_id == Mail.id)
        .order_by(Mail.sha256)
    )
    with reading(engine) as connection:
        return [tuple(row) for row in connection.execute(columns)]
