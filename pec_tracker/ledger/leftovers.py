"""Which objects does somebody name? What a killed run wrote and nobody names is moved aside (`archive.aside`)."""

from collections.abc import Collection
from functools import partial

from sqlalchemy import Connection, Engine, select

from pec_tracker.archive.archive import Archive
from pec_tracker.archive.objects import Suffix
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Certificate, Ledger, Mail, Message
from pec_tracker.ledger.lines import decode, named_objects

_CHUNK = 500  # names in one question to the database


def take_up(engine: Engine, archive: Archive, *, of_earlier_releases: bool = False) -> list[str]:
    """Move aside what killed runs wrote and nobody names; the objects' names. Raises StorageError."""
    return archive.take_up(partial(named, engine), of_earlier_releases=of_earlier_releases)


def named(engine: Engine, names: Collection[str]) -> set[str]:
    """Which of the objects *names* the database or a line of its ledger names. Raises StorageError."""
    found: set[str] = set()
    wanted = set(names)
    with reading(engine) as connection:
        for column, suffix in (
            (Mail.sha256, Suffix.MAIL),
            (Message.raw, Suffix.MAIL),
            (Message.record, Suffix.RECORD),
            (Certificate.sha256, Suffix.CERTIFICATE),
        ):
            hashes = sorted(name[:64] for name in wanted if name.endswith(suffix))
            for start in range(0, len(hashes), _CHUNK):
                asked = select(column).where(column.in_(hashes[start : start + _CHUNK]))
                found |= {f"{sha256}{suffix}" for sha256 in connection.scalars(asked)}
        return found | _named_by_lines(connection, wanted - found)


def _named_by_lines(connection: Connection, wanted: set[str]) -> set[str]:
    """Lines are asked from the newest on: what was under way was noted there last."""
    found: set[str] = set()
    if not wanted:
        return found
    newest_first = select(Ledger.line).order_by(Ledger.id.desc())
    with connection.execution_options(yield_per=1_000).execute(newest_first) as stream:
        for text in stream.scalars():
            if any(name[:64] in text for name in wanted):
                found |= {sha256 + suffix for sha256, suffix in named_objects(decode(text))} & wanted
                if found == wanted:
                    break
    return found
