"""Which mails hold these words? One interface over SQLite's FTS5 and PostgreSQL's tsvector.

Words are folded and cut in Python (`pec.folding`), so that both engines answer alike.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import BindParameter, Connection, Integer, Select, bindparam, literal_column, select, text

from pec_tracker.pec.folding import cut


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
    """Selects the row ids of the mails that hold every word of *words*, each as a beginning; None without a word."""
    tokens = cut([words])
    if not tokens:
        return None
    mail_id = literal_column("search.rowid" if connection.dialect.name == "sqlite" else "search.mail_id", Integer)
    if connection.dialect.name == "sqlite":
        wanted = " AND ".join(f'"{token}"*' for token in tokens)
        condition = text("search MATCH :search_words")
    else:
        wanted = " & ".join("'" + token.replace("'", "''") + "':*" for token in tokens)
        condition = text("search.words @@ CAST(:search_words AS tsquery)")
    asked: BindParameter[str] = bindparam("search_words", wanted, unique=True)  # a statement may look for several
    return select(mail_id).select_from(text("search")).where(condition.bindparams(asked))
