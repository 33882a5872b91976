"""What are tables made of? The base of all, and the constraints and indexes that several have."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, TypeVar, get_args

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    text,
)
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeEngine

from pec_tracker.db.types import PlainText, UtcTime

_T = TypeVar("_T")

# What the type of an annotation is in a column that names none.
_TYPES: Final[dict[Any, type[TypeEngine[Any]]]] = {
    int: Integer,
    bool: Boolean,
    str: PlainText,
    datetime: UtcTime,
    dict[str, Any]: JSON,
    list[Any]: JSON,
}


class Holds(Generic[_T]):
    """Annotates a column of a table by what it holds."""

    if TYPE_CHECKING:

        def __get__(self, instance: None, owner: Any) -> ColumnElement[_T]: ...


@dataclass(frozen=True, slots=True)
class _Column:
    """What is said of a column beside its annotation."""

    arguments: tuple[Any, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)


def column(*arguments: Any, **settings: Any) -> Any:
    """A column of which more is to say than its annotation does: what `sqlalchemy.Column` takes after the name."""
    return _Column(arguments, settings)


class Base:
    """Base of the tables: what a class annotates as `Holds[...]` are the columns of its plain table.

    Statements take the class for the table. SQLAlchemy's own mapping of classes is left out: nothing here loads
    objects, and to import and configure it took longer than all that a short command does.
    Constraint names are fixed so that migrations can name them.
    """

    metadata: ClassVar = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    __tablename__: ClassVar[str]
    __table_args__: ClassVar[tuple[SchemaItem, ...]] = ()
    __table__: ClassVar[Table]

    def __init_subclass__(cls) -> None:
        columns = {name: _made(cls, name, kind) for name, kind in cls.__annotations__.items()}
        cls.__table__ = Table(cls.__tablename__, Base.metadata, *columns.values(), *cls.__table_args__)
        for name, made in columns.items():
            setattr(cls, name, made)

    @classmethod
    def __clause_element__(cls) -> Table:
        """By this SQLAlchemy takes the class for its table."""
        return cls.__table__


def _made(of: type[Base], name: str, kind: Any) -> Column[Any]:
    """The column that *kind*, `Holds[type]` or `Holds[type | None]`, and what is said beside it make."""
    said = getattr(of, name, _Column())
    (held,) = get_args(kind)
    parts = get_args(held) if isinstance(held, UnionType) else (held,)
    (plain,) = (part for part in parts if part is not NoneType)
    typed = any(_tells_type(one) for one in said.arguments)
    types = () if typed else (_TYPES[plain],)
    return Column(name, *types, *said.arguments, nullable=NoneType in parts, **said.settings)


def _tells_type(argument: Any) -> bool:
    """A type, or a foreign key, which has its target's."""
    named = isinstance(argument, type) and issubclass(argument, TypeEngine)
    return named or isinstance(argument, TypeEngine | ForeignKey)


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
    """The table of a class, where it is not asked for by a statement."""
    return of.__table__
