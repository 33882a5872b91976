"""What a user would lose: a ledger that nobody dates, because one authority was down or lied."""

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete, select

from pec_tracker import crash
from pec_tracker.askers import OPERATOR
from pec_tracker.db.engine import reading, writing
from pec_tracker.db.passing import Alert
from pec_tracker.db.tables import Stamp
from pec_tracker.errors import LedgerError, ServerError
from pec_tracker.ledger.seals import seal_pending
from pec_tracker.ledger.stamps import StampError
from pec_tracker.service.dating.stamps import record_found, stamp_newest
from pec_tracker.service.house import House, StampAuthority
from tests.archive.folders import folder_of, seal_path, stamp_path
from tests.ledger.ledgers import NOON, overwrite, write_lines
from tests.servers.programs import free_port
from tests.servers.tsa import TimeStampAuthority
from tests.stamps.conftest import known


def rows(house: House) -> list[tuple[int, str, str, str]]:
    with reading(house.engine) as connection:
        found = connection.execute(select(Stamp.seal_number, Stamp.kind, Stamp.source, Stamp.sha256))
        return [(row.seal_number, row.kind, row.source, row.sha256) for row in found]


def alerts(house: House) -> list[tuple[str, bool]]:
    with reading(house.engine) as connection:
        return [(row.kind, row.settled_at is None) for row in connection.execute(select(Alert.kind, Alert.settled_at))]


def test_the_newest_seal_is_dated_once(house: House, tsa: TimeStampAuthority) -> None:
    first = stamp_newest(OPERATOR, house)
    again = stamp_newest(OPERATOR, house)
    assert first.new
    assert first.seal == 3
    assert (again.new, again.stamped) == (False, first.stamped)
    assert tsa.asked == 1
    kept = stamp_path(folder_of(house.archive), 3).read_bytes()
    assert tsa.openssl_accepts(kept, seal_path(folder_of(house.archive), 3).read_bytes())
    assert rows(house) == [(3, "rfc3161", "Marche di prova", hashlib.sha256(kept).hexdigest())]


def test_a_stamp_asks_for_no_further_seal(house: House) -> None:
    stamp_newest(OPERATOR, house)
    assert seal_pending(house.engine, house.archive, now=NOON) == []


def test_the_next_authority_is_asked_when_one_is_down(house: House, tsa: TimeStampAuthority) -> None:
    down = known(tsa, "down", f"http://127.0.0.1:{free_port()}/")
    done = stamp_newest(OPERATOR, replace(house, authorities=(down, known(tsa))))
    assert done.new
    assert [name for name, _ in done.failures] == ["down"]
    assert isinstance(done.failures[0][1], ServerError)


@pytest.mark.parametrize("status", [200, 503])
def test_garbage_is_refused_and_asked_for_again_later(house: House, tsa: TimeStampAuthority, status: int) -> None:
    tsa.answer, tsa.status = lambda reply: b"<html>no</html>", status
    failed = stamp_newest(OPERATOR, house)
    assert failed.stamped is None
    assert isinstance(failed.failures[0][1], StampError if status == 200 else ServerError)
    assert not stamp_path(folder_of(house.archive), 3).exists()
    assert alerts(house) == [("stamp-failed", True)]
    tsa.answer, tsa.status = lambda reply: reply, 200
    assert stamp_newest(OPERATOR, house).new
    assert alerts(house) == [("stamp-failed", False)]


def test_an_old_genuine_answer_is_not_kept_for_a_new_seal(house: House, tsa: TimeStampAuthority) -> None:
    taken: list[bytes] = []

    def keep(reply: bytes) -> bytes:
        taken.append(reply)
        return reply

    tsa.answer = keep
    stamp_newest(OPERATOR, house)
    write_lines(house.engine, 1)
    seal_pending(house.engine, house.archive, now=NOON)
    tsa.answer = lambda reply: taken[0]
    assert stamp_newest(OPERATOR, house).stamped is None
    assert not stamp_path(folder_of(house.archive), 4).exists()


def test_an_authority_under_an_unknown_root_is_not_kept(house: House, tsa: TimeStampAuthority) -> None:
    stranger = StampAuthority("stranger", tsa.url, ())
    assert stamp_newest(OPERATOR, replace(house, authorities=(stranger,))).stamped is None
    assert rows(house) == []


def test_a_replaced_seal_is_never_stamped(house: House, tsa: TimeStampAuthority) -> None:
    path = seal_path(folder_of(house.archive), 3)
    overwrite(path, path.read_bytes() + b"\n")
    with pytest.raises(LedgerError):
        stamp_newest(OPERATOR, house)
    assert tsa.asked == 0


def test_a_crash_between_file_and_row_is_made_good(
    house: House, tsa: TimeStampAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(point: str) -> None:
        if point == "stamp.written":
            raise Killed

    monkeypatch.setattr(crash, "at", die)
    with pytest.raises(Killed):
        stamp_newest(OPERATOR, house)
    monkeypatch.undo()
    assert rows(house) == []
    assert stamp_newest(OPERATOR, house).stamped is not None
    assert len(rows(house)) == 1
    assert tsa.asked == 1


def test_rows_come_back_from_the_files(house: House) -> None:
    stamp_newest(OPERATOR, house)
    before = rows(house)
    with writing(house.engine) as connection:
        connection.execute(delete(Stamp))
    assert record_found(OPERATOR, house) == 1
    assert rows(house) == before
    assert record_found(OPERATOR, house) == 0


def test_a_paid_authority_is_asked_as_seldom_as_configured(house: House, tsa: TimeStampAuthority) -> None:
    daily = replace(house, stamp_every=timedelta(days=1))
    assert stamp_newest(OPERATOR, daily, due_only=True).new
    write_lines(house.engine, 1)
    seal_pending(house.engine, house.archive, now=NOON)
    assert stamp_newest(OPERATOR, daily, due_only=True).stamped is None
    assert tsa.asked == 1
    assert stamp_newest(OPERATOR, daily).new


def test_without_authority_or_seal_nothing_is_asked(house: House, tsa: TimeStampAuthority) -> None:
    assert stamp_newest(OPERATOR, replace(house, authorities=())).stamped is None
    assert tsa.asked == 0
