"""What a user would lose: acts whose record cannot be read back, or proves something else than was written."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from pec_tracker.archive.objects import Suffix
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Ledger
from pec_tracker.errors import LedgerError
from pec_tracker.ledger.lines import Line, append, decode, encode, named_objects, new_id, new_line
from tests import growth
from tests.archive.killed import at_once
from tests.ledger.ledgers import NOON

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
facts = st.dictionaries(
    st.text().filter(lambda name: name not in ("act", "at")), scalars | st.lists(scalars, max_size=4), max_size=5
)


def test_line_has_one_canonical_text() -> None:
    line = Line("0123456789abcdefghijklmnop", NOON, "mail.archived", {"uid": 7, "mail": "aé", "seen": [1, None]})
    assert encode(line) == (
        '{"act":"mail.archived","at":"2026-11-23T12:00:00.000000Z",'
        '"facts":{"mail":"a\\u00e9","seen":[1,null],"uid":7},"id":"0123456789abcdefghijklmnop"}\n'
    )


@settings(max_examples=200, deadline=None)
@given(
    act=st.text(),
    at=st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=2)), timezone(timedelta(hours=-5))])),
    facts=facts,
)
def test_any_act_is_read_back_as_it_was_written(act: str, at: datetime, facts: dict[str, object]) -> None:
    try:
        at.astimezone(UTC)
    except OverflowError:
        return  # the first and last hours that a datetime can tell have no UTC
    line = new_line(act, at=at, **facts)  # type: ignore[arg-type]
    text = encode(line)
    assert text.isascii()
    assert text.count("\n") == 1
    assert decode(text) == line


@settings(max_examples=300, deadline=None)
@given(place=st.integers(min_value=0), byte=st.integers(min_value=0, max_value=255))
def test_text_with_any_byte_changed_is_no_line_or_another(place: int, byte: int) -> None:
    text = encode(new_line("mail.archived", at=NOON, uid=7, mail="ab" * 32)).encode()
    place %= len(text)
    changed = text[:place] + bytes([byte]) + text[place + 1 :]
    try:
        line = decode(changed.decode("latin-1"))
    except LedgerError:
        return
    assert encode(line).encode() == changed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "null\n",
        "[]\n",
        "{}\n",
        "[" * 100_000,
        '{"act":"a","at":"2026-11-23T12:00:00.000000Z","facts":{},"id":"0123456789abcdefghijklmnop"}',
        '{"act":"a","at":"2026-11-23T12:00:00.000000Z","facts":{},"id":"0123456789abcdefghijklmnop"}\n\n',
        '{"at":"2026-11-23T12:00:00.000000Z","act":"a","facts":{},"id":"0123456789abcdefghijklmnop"}\n',
        '{"act":"a","at":"2026-11-23T13:00:00.000000+01:00","facts":{},"id":"0123456789abcdefghijklmnop"}\n',
        '{"act":"a","at":"2026-11-23T12:00:00.000000Z","facts":{},"id":"too-short"}\n',
        '{"act":"a","at":"2026-11-23T12:00:00.000000Z","facts":{"a":{}},"id":"0123456789abcdefghijklmnop"}\n',
        '{"act":"a","at":"2026-11-23T12:00:00.000000Z","facts":{"a":1e999},"id":"0123456789abcdefghijklmnop"}\n',
        '{"act":"a","at":"2026-11-23T12:00:00.000000Z","facts":{},"id":"0123456789abcdefghijklmnop","x":1}\n',
        '{"act":1,"at":"2026-11-23T12:00:00.000000Z","facts":{},"id":"0123456789abcdefghijklmnop"}\n',
        '{"act":"a","at":null,"facts":{},"id":null}\n',
        '{"act":"a","at":"2026-11-23T12:00:00.000000Z","facts":{"a":1,"a":1},"id":"0123456789abcdefghijklmnop"}\n',
        '{"act":"a","at":"2026-11-23T12:00:00.000000Z","facts":{"b":1,"a":1},"id":"0123456789abcdefghijklmnop"}\n',
        '{"act":"a","at":"2026-11-23T12:00:00.000000Z","facts":{"a":01},"id":"0123456789abcdefghijklmnop"}\n',
        '{"act":"a","at":"2026-11-23T12:00:00.000000Z","facts":{"a":-0},"id":"0123456789abcdefghijklmnop"}\n',
        '{"act":"a","at":"2026-11-23T12:00:00.000000Z","facts":{"a":1,},"id":"0123456789abcdefghijklmnop"}\n',
        '{"act":"a","at":"2026-11-23T12:00:00.000000Z","facts":{"a":"\x7f"},"id":"0123456789abcdefghijklmnop"}\n',
        '{"act":"a","at":"2026-11-23T12:00:00.000000Z","facts":{"a": 1},"id":"0123456789abcdefghijklmnop"}\n',
        '{"act":"a","at":"2026-11-23T12:00:00.000000Z","facts":{"a":"\\u0061"},"id":"0123456789abcdefghijklmnop"}\n',
        '{"act":"a","at":"2026-11-23T12:00:00.000000Z","facts":{"a":[[1]]},"id":"0123456789abcdefghijklmnop"}\n',
        '{"act":"a","at":"2026-02-30T12:00:00.000000Z","facts":{},"id":"0123456789abcdefghijklmnop"}\n',
        '{"act":"a","at":"2026-11-23T24:00:00.000000Z","facts":{},"id":"0123456789abcdefghijklmnop"}\n',
        '{"act":"a","at":"0000-11-23T12:00:00.000000Z","facts":{},"id":"0123456789abcdefghijklmnop"}\n',
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(LedgerError):
        decode(text)


def test_facts_that_are_not_flat_are_refused_when_written() -> None:
    with pytest.raises(TypeError):
        new_line("mail.archived", at=NOON, mails=[["nested"]])  # type: ignore[list-item]


def test_ids_sort_as_they_were_made_and_fit_a_file_name() -> None:
    made = [new_id(NOON + timedelta(microseconds=number // 3)) for number in range(3_000)]
    assert made == sorted(set(made))
    assert {len(each) for each in made} == {26}
    assert new_id(NOON) < new_id(NOON + timedelta(seconds=1)) < new_id(NOON + timedelta(days=40_000))


def test_ids_of_two_processes_differ(engine: Engine) -> None:
    """Forked twins share every counter; only chance tells their ids apart."""
    url = engine.url
    engine.dispose()

    def write() -> None:
        from pec_tracker.db.engine import open_engine

        with open_engine(url.render_as_string(hide_password=False)).begin() as connection:
            append(connection, [new_line("mail.archived", at=NOON) for _ in range(500)])

    assert at_once([write, write]) == [0, 0]
    with reading(engine) as connection:
        assert len(set(connection.scalars(select(Ledger.line_id)))) == 1_000


def test_first_collect_is_not_slowed_by_its_ledger(engine: Engine) -> None:
    """4,000 lines take a tenth of a second of the processor; three times that is too much."""
    lines = [new_line("mail.archived", at=NOON, mail=f"{n:064x}", folder="a1b2c3", uid=n) for n in range(4_000)]

    def first() -> None:
        with engine.connect() as connection:
            append(connection, lines)

    growth.within(0.3, first)


def test_lines_vanish_with_the_transaction_that_they_tell_of(engine: Engine) -> None:
    with engine.connect() as connection:
        append(connection, [new_line("mail.archived", at=NOON)])
        connection.rollback()
    with reading(engine) as connection:
        assert list(connection.scalars(select(Ledger.line))) == []


def test_nothing_to_write_is_no_error(engine: Engine) -> None:
    with engine.begin() as connection:
        append(connection, [])


def test_line_names_its_objects() -> None:
    one, two, three = "1" * 64, "2" * 64, "3" * 64
    line = new_line("mail.archived", at=NOON, mail=one, records=[two, None], certificate=three, seal="4" * 64, record=5)
    assert set(named_objects(line)) == {(one, Suffix.MAIL), (two, Suffix.RECORD), (three, Suffix.CERTIFICATE)}
    assert json.loads(encode(line))["facts"]["mail"] == one
