"""Databases and sealed ledgers for the tests to break."""

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

from pec_tracker.archive.local import LocalArchive
from pec_tracker.ledger.lines import Line, append, new_line
from pec_tracker.ledger.seals import seal_pending

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def write_lines(engine: Engine, count: int, *, act: str = "mail.archived", at: datetime = NOON) -> list[Line]:
    """Append *count* lines, a second apart, and commit them."""
    lines = [new_line(act, at=at + timedelta(seconds=n), mail=f"{n:064x}", folder="a1b2", uid=n) for n in range(count)]
    with engine.begin() as connection:
        append(connection, lines)
    return lines


def sealed_ledger(engine: Engine, root: Path, counts: Sequence[int]) -> None:
    """A ledger with one segment for each of *counts*."""
    for count in counts:
        write_lines(engine, count)
        seal_pending(engine, LocalArchive(root), now=NOON)


def put_back(pristine: Path, root: Path) -> None:
    """Make *root* what *pristine* is."""
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(pristine, root)


def overwrite(path: Path, content: bytes) -> None:
    """Change a file that was written once."""
    path.chmod(0o600)
    path.write_bytes(content)
