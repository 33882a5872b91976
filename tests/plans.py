"""What does the database do for a command? The statements that it was asked, and SQLite's plan for each."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, event


@dataclass(slots=True)
class Asked:
    """The statements of a block, in their order, with their parameters."""

    statements: list[tuple[str, Any]] = field(default_factory=list)

    @property
    def writes(self) -> list[str]:
        """Those that write, or take the write lock."""
        written = re.compile(r"\s*(BEGIN IMMEDIATE|INSERT|UPDATE|DELETE|REPLACE)", re.IGNORECASE)
        return [text for text, _ in self.statements if written.match(text)]


@contextmanager
def asked(engine: Engine) -> Iterator[Asked]:
    """Note every statement of the block."""
    noted = Asked()

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        noted.statements.append((statement, parameters[0] if many else parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield noted
    finally:
        event.remove(engine, "before_cursor_execute", note)


def plans(engine: Engine, noted: Asked) -> list[tuple[str, list[str]]]:
    """SQLite's plan for each statement that reads or changes rows."""
    found = []
    with engine.connect() as connection:
        for statement, parameters in noted.statements:
            if re.match(r"\s*(SELECT|UPDATE|DELETE|WITH)", statement, re.IGNORECASE):
                rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                found.append((statement, [row[3] for row in rows]))
    return found


def walks(engine: Engine, noted: Asked, *tables: str) -> list[tuple[str, str]]:
    """The steps that look at every row of one of *tables*, or at every mail or message of a mailbox."""
    whole = re.compile(
        rf"SCAN ({'|'.join(tables)})\b"
        r"|SEARCH mail USING .*sqlite_autoindex_mail_1 \(mailbox_id=\?\)"
        r"|SEARCH message USING .*identifier \(mailbox_id=\?\)"
    )
    return [(statement, step) for statement, steps in plans(engine, noted) for step in steps if whole.search(step)]
