"""Which mails hold these words? One interface over SQLite's FTS5 and PostgreSQL's tsvector.

Words are folded and cut in Python (`pec.folding`), so that both engines answer alike.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Integer,
    Select,
    bindparam,
    literal_column,
    select,
    text,
)

from pec_tracker.pec.folding import cut

# A beginning of a word stands for so many words or fewer; what more words begin with is looked for as a beginning.
BEGINNINGS = 64
# Mails whose row ids are no further apart are looked through in one go.
_GAP = 1_000


def index(connection: Connection, words_of: Mapping[int, Sequence[str]]) -> None:
    """Make each mail (by its row id) findable by its words."""
    if not words_of:
        return
    if connection.dialect.name == "sqlite":
        statement = text("INSERT OR REPLACE INTO search (rowid, words) VALUES (:mail_id, :words)")
        rows = [{"mail_id": mail_id, "words": " ".join(words)} for mail_id, words in words_of.items()]
    else:
        statement = text(
            "INSERT INTO search (mail_id, words) VALUES (:mail_id, array_to_tsvector(CAST(:words AS text[]))) "
            "ON CONFLICT (mail_id) DO UPDATE SET words = excluded.words"
        )
        rows = [{"mail_id": mail_id, "words": list(words)} for mail_id, words in words_of.items()]
    connection.execute(statement, rows)


def mails_with(connection: Connection, words: str) -> Select[int] | None:
    """Selects the row ids of the mails that hold every word of *words*, each as a beginning; None without a word.

    The ids come one by one, so that a limit ends the search: FTS5 would first merge all that begins so, so it is
    asked for the whole words that begin so, where they are few.
    """
    tokens = cut([words])
    if not tokens:
        return None
    if connection.dialect.name == "sqlite":
        wanted = " AND ".join(_sqlite_words(connection, token) for token in tokens)
        condition = text("search MATCH :search_words")
    else:
        wanted = " & ".join("'" + token.replace("'", "''") + "':*" for token in tokens)
        condition = text("search.words @@ CAST(:search_words AS tsquery)")
    asked: BindParameter[str] = bindparam("search_words", wanted, unique=True)  # a statement may look for several
    return select(mail_id(connection)).select_from(text("search")).where(condition.bindparams(asked))


def of_these(connection: Connection, holding: Select[int], mail_ids: Iterable[int]) -> set[int]:
    """Which of these mails are among those that *holding*, of `mails_with`, selects; the others are not looked at."""
    wanted, found = sorted(mail_ids), set[int]()
    row_id = mail_id(connection)
    for first, last in _runs(wanted):
        found |= set(connection.scalars(holding.where(row_id >= first, row_id <= last)))
    return found.intersection(wanted)


def mail_id(connection: Connection) -> ColumnElement[int]:
    """The column of the index that holds a mail's row id."""
    return literal_column("search.rowid" if connection.dialect.name == "sqlite" else "search.mail_id", Integer)


def _sqlite_words(connection: Connection, token: str) -> str:
    """The words that begin with *token*, for MATCH: each is found by one step into the index."""
    next_word = text("SELECT term FROM search_words WHERE term >= :word LIMIT 1")
    words: list[str] = []
    word = connection.execute(next_word, {"word": token}).scalar()
    while word is not None and word.startswith(token):
        if len(words) == BEGINNINGS:
            return f'"{token}"*'
        words.append(f'"{word}"')
        word = connection.execute(next_word, {"word": f"{word}\x01"}).scalar()
    return f"({' OR '.join(words)})" if words else f'"{token}"'


def _runs(ordered: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The first and the last of each run of numbers with no wide gap between."""
    start = 0
    for place in range(1, len(ordered) + 1):
        if place == len(ordered) or ordered[place] - ordered[place - 1] > _GAP:
            yield ordered[start], ordered[place - 1]
            start = place
