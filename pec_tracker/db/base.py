"""What are tables made of? The base of all, and the constraints and indexes that several have."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, MetaData, Table, text
from sqlalchemy.orm import DeclarativeBase

from pec_tracker.db.types import PlainText, UtcTime


class Base(DeclarativeBase):
    """Base of the tables; constraint names are fixed so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcTime, dict[str, Any]: JSON, list[Any]: JSON, str: PlainText}  # noqa: RUF012


def closed(column: str, tokens: type[StrEnum]) -> CheckConstraint:
    """A column that holds one of these tokens, or nothing where it may."""
    listed = ", ".join(f"'{token.value}'" for token in tokens)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def partial_index(name: str, *columns: str, where: str, postgresql: str | None = None, unique: bool = False) -> Index:
    """An index of the rows for which *where* holds (written otherwise for *postgresql*).

    What it is on PostgreSQL stands in `info`: told as an option, every command would import that dialect
    too. The revisions make the tables, and a test compares.
    """
    return Index(
        name, *columns, unique=unique, sqlite_where=text(where), info={"postgresql_where": postgresql or where}
    )


def table(of: type[Base]) -> Table:
    """The plain table: statements on it cost a fraction of those on the class, where thousands of rows are written."""
    found = of.__table__
    assert isinstance(found, Table)
    return found
