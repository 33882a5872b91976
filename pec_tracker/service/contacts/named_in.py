"""Which messages went to people who are called so? By the address book's names and addresses, former ones too."""

from itertools import combinations
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, exists, literal, select, union, union_all

from pec_tracker.db import search
from pec_tracker.db.book import PersonAddress, PersonWord
from pec_tracker.db.tables import Mail, Recipient
from pec_tracker.service.contacts.book import words_of

MOST: Final = 3  # words of a name that are tried with and without each other; of more, only all together


def to_people_called(connection: Connection, text: str) -> Select[Any] | None:
    """The messages (row ids) to people whose names hold words of *text*; None where no name has any of them, which one
    look-up tells.

    The words that are no part of the name must stand in a mail of the message.
    """
    words = words_of(text)
    names = _in_names(connection, words)
    if not names:
        return None
    least = len(names) if len(names) > MOST else 1
    by_name = [
        _to_named(connection, some, [word for word in words if word not in some])
        for size in range(least, len(names) + 1)
        for some in combinations(names, size)
    ]
    return select(union(*by_name).subquery().c[0])


def with_word(word: str) -> Select[int]:
    """The row ids of the persons with a word in their name that begins so."""
    return select(PersonWord.person_id).where(*_begins(word))


def _begins(word: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return PersonWord.word >= word, PersonWord.word < f"{word}\U0010ffff"


def _in_names(connection: Connection, words: list[str]) -> tuple[str, ...]:
    """Those of the words that a name has a word beginning with."""
    if not words:
        return ()
    asked = [select(literal(at)).where(exists().where(*_begins(word))) for at, word in enumerate(words)]
    return tuple(words[at] for at in sorted(connection.scalars(union_all(*asked))))


def _to_named(connection: Connection, names: tuple[str, ...], rest: list[str]) -> Select[Any]:
    """The messages to somebody with all *names*, with a mail that holds all of the *rest*."""
    held = select(PersonAddress.address_key)
    for word in names:
        held = held.where(PersonAddress.person_id.in_(with_word(word)))
    sent = select(Recipient.message_id).where(Recipient.address_key.in_(held))
    holding = search.mails_with(connection, " ".join(rest)) if rest else None
    if holding is None:
        return sent
    return sent.where(Recipient.message_id.in_(select(Mail.message_id).where(Mail.id.in_(holding))))
