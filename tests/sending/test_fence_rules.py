"""What keeps a restored database from sending again: each rule by itself, without a server."""

import json
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from pec_tracker.archive import attempts
from pec_tracker.archive.local import read_identity
from pec_tracker.db.engine import reading, writing
from pec_tracker.db.tables import ArchiveRow, Folder, Ledger, Mailbox, Message, Sighting
from pec_tracker.service import sealing
from pec_tracker.service.house import Account, House
from pec_tracker.service.sending import fence
from tests.archive.folders import folder_of
from tests.line.houses import Home, message_of, open_alerts, queued, states
from tests.sending.offline import (
    MINUTE,
    NOW,
    account_of,
    begun,
    clock_at,
    mail_of,
    opened,
    receipt_of,
    told,
    write,
)

LIVELY = timedelta(minutes=15)
SECOND = timedelta(seconds=1)


def mark_file(house: House) -> Path:
    """This computer's mark."""
    assert house.marks is not None
    return house.marks / f"{read_identity(folder_of(house.archive))}.json"


def newest_line(house: House) -> str:
    """The ledger's newest line."""
    with reading(house.engine) as connection:
        return str(connection.scalar(select(Ledger.line_id).order_by(Ledger.id.desc()).limit(1)))


def is_marked(house: House) -> bool:
    """Whether the database knows that somebody marked it."""
    with reading(house.engine) as connection:
        return bool(connection.scalar(select(ArchiveRow.marked)))


def test_a_start_knows_the_newest_letter_and_each_collect(home: Home, house: House, account: Account) -> None:
    assert (house.start.newest, dict(house.start.collected)) == (0, {})
    queued(house, account)
    newest = message_of(house, queued(house, account, subject="Seconda").key).id
    with writing(house.engine) as connection:
        connection.execute(update(Mailbox).values(collected_at=NOW))
    again = opened(home)
    assert (again.start.newest, dict(again.start.collected)) == (newest, {account.id: NOW})


def test_a_mailbox_without_any_collect_is_not_looked_through(house: House, account: Account) -> None:
    """A restored database may know of none, where the process found one when it started."""
    known = replace(house, start=replace(house.start, collected={account.id: NOW}))
    assert not fence.looked_through(known, account)


def test_a_mailbox_is_looked_through_once_a_collect_has_ended_since(home: Home, house: House, account: Account) -> None:
    other = account_of(house, "altra")
    assert not fence.looked_through(house, account)
    with writing(house.engine) as connection:
        connection.execute(update(Mailbox).where(Mailbox.id == account.id).values(collected_at=NOW))
    assert fence.looked_through(house, account)
    assert not fence.looked_through(house, other)
    again = opened(home)
    assert not fence.looked_through(again, account)
    with writing(house.engine) as connection:
        connection.execute(update(Mailbox).where(Mailbox.id == account.id).values(collected_at=NOW - MINUTE))
    assert fence.looked_through(again, account), "also by a clock that was ahead before"


@pytest.mark.parametrize(
    ("state", "after"),
    [
        ("queued", "uncertain"),
        ("deferred", "uncertain"),
        ("sending", "uncertain"),
        ("submitted", "submitted"),
        ("refused", "refused"),
        ("abandoned", "abandoned"),
    ],
)
def test_a_mark_that_names_a_line_the_database_lacks_puts_all_that_waits_in_doubt(
    house: House, account: Account, state: str, after: str
) -> None:
    key = queued(house, account).key
    write(house, key, send_state=state)
    fence.mark_attempt(house, "a line of after the backup")
    fence.recognise(house)
    assert states(house) == {key: after}
    assert open_alerts(house) == (["send-uncertain"] if after == "uncertain" else [])
    assert [line.facts["by"] for line in told(house, "message.uncertain")] == ["restore"] * (after == "uncertain")
    assert json.loads(mark_file(house).read_text()) == {"line": newest_line(house)}
    fresh = queued(house, account, subject="Dopo").key
    fence.recognise(house)
    assert states(house)[fresh] == "queued", "what is written after the restore goes"


def test_what_was_found_in_the_mailbox_is_not_put_in_doubt(house: House, account: Account) -> None:
    key = queued(house, account).key
    write(house, key, origin="found")
    fence.mark_attempt(house, "a line of after the backup")
    fence.recognise(house)
    assert states(house) == {key: "queued"}


def test_a_mark_that_the_database_knows_changes_nothing(house: House, account: Account) -> None:
    key = queued(house, account).key
    fence.mark_attempt(house, newest_line(house))
    late = replace(house, clock=clock_at(NOW + timedelta(days=9)))
    fence.recognise(late)
    assert states(house) == {key: "queued"}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"other": 1}', b"3", b"\xff"])
def test_a_mark_without_sense_is_no_leave_to_send(house: House, account: Account, content: bytes) -> None:
    key = queued(house, account).key
    fence.mark_attempt(house, newest_line(house))
    mark_file(house).write_bytes(content)
    fence.recognise(house)
    assert states(house) == {key: "uncertain"}


@pytest.mark.parametrize(
    ("passed", "state"),
    [
        (timedelta(0), "queued"),
        (LIVELY, "queued"),
        (LIVELY + SECOND, "uncertain"),
        (-LIVELY, "queued"),
        (-LIVELY - SECOND, "uncertain"),
    ],
)
def test_without_a_mark_here_only_a_database_that_lives_is_trusted(
    house: House, account: Account, passed: timedelta, state: str
) -> None:
    """Another computer, or a restored disk: an act so new says that another process works with this database."""
    key = queued(house, account).key
    fence.mark_attempt(house, newest_line(house))
    assert is_marked(house)
    mark_file(house).unlink()
    fence.recognise(replace(house, clock=clock_at(NOW + passed)))
    assert states(house) == {key: state}


def test_the_newest_act_says_whether_a_database_lives(house: House, account: Account) -> None:
    first = queued(house, account).key
    late = replace(house, clock=clock_at(NOW + timedelta(days=1)))
    with writing(house.engine) as connection:
        connection.execute(update(ArchiveRow).values(marked=True))
    fresh = replace(late, marks=None)
    queued(fresh, account, subject="Domani")
    fence.recognise(late)
    assert states(house)[first] == "queued"


def test_a_marked_database_without_any_act_is_a_restored_one(house: House, account: Account) -> None:
    key = queued(house, account).key
    with writing(house.engine) as connection:
        connection.execute(update(ArchiveRow).values(marked=True))
        connection.execute(delete(Ledger))
    fence.recognise(house)
    assert states(house) == {key: "uncertain"}


def test_what_nobody_ever_marked_goes_however_old_it_is(house: House, account: Account) -> None:
    key = queued(house, account).key
    assert not is_marked(house)
    fence.recognise(replace(house, clock=clock_at(NOW + timedelta(days=9))))
    assert states(house) == {key: "queued"}


def test_no_mark_is_made_without_a_line_or_a_place(house: House, account: Account) -> None:
    queued(house, account)
    fence.mark_attempt(house, None)
    fence.mark_attempt(replace(house, marks=None), "a line")
    assert not mark_file(house).exists()
    assert not is_marked(house)


def test_a_mark_replaces_the_one_before(house: House, account: Account) -> None:
    queued(house, account)
    for line in ("one", "two"):
        fence.mark_attempt(house, line)
    assert json.loads(mark_file(house).read_text()) == {"line": "two"}


def test_where_no_mark_can_be_made_sending_goes_on(house: House, account: Account, tmp_path: Path) -> None:
    queued(house, account)
    (tmp_path / "file").write_text("in the way")
    fence.mark_attempt(replace(house, marks=tmp_path / "file" / "state"), "a line")
    assert not is_marked(house)


@pytest.mark.parametrize(
    ("state", "after"),
    [
        ("queued", "uncertain"),
        ("deferred", "uncertain"),
        ("sending", "uncertain"),
        ("submitted", "submitted"),
        ("refused", "refused"),
    ],
)
def test_an_attempt_that_only_the_archive_knows_is_a_doubt(
    house: House, account: Account, state: str, after: str
) -> None:
    key, other = queued(house, account).key, queued(house, account, subject="L'altra").key
    write(house, key, send_state=state)
    begun(house, message_of(house, key).id, 1)
    begun(house, message_of(house, other).id, 2)
    attempts.note(folder_of(house.archive), key, 2)
    fence.recognise(house)
    assert states(house) == {key: after, other: "queued"}
    assert [line.facts["number"] for line in told(house, "message.uncertain")] == [2] * (after == "uncertain")


def test_an_attempt_that_both_know_is_none(house: House, account: Account) -> None:
    key = queued(house, account).key
    begun(house, message_of(house, key).id, 1)
    attempts.note(folder_of(house.archive), key, 1)
    fence.recognise(house)
    assert states(house) == {key: "queued"}


class TestHoldBack:
    """A trace in the mailbox says that what waits may have left."""

    def held(self, house: House, account: Account) -> dict[str, str]:
        """The states after a look."""
        with writing(house.engine) as connection:
            fence.hold_back(connection, account, NOW)
        return states(house)

    @pytest.mark.parametrize("trace", ["copy", "receipt"])
    @pytest.mark.parametrize(
        ("columns", "after"),
        [
            ({"send_state": "queued"}, "uncertain"),
            ({"send_state": "deferred"}, "uncertain"),
            ({"send_state": "sending"}, "sending"),
            ({"send_state": "submitted"}, "submitted"),
            ({"send_state": "queued", "again": True}, "queued"),
        ],
    )
    def test_it_is_held_back_unless_a_person_wanted_it_again(
        self, house: House, account: Account, trace: str, columns: dict[str, Any], after: str
    ) -> None:
        key, other = queued(house, account).key, queued(house, account, subject="L'altra").key
        write(house, key, **columns)
        if trace == "copy":
            mail_of(house, account, message_of(house, key).id, role="sent-copy")
        else:
            receipt_of(house, account, message_of(house, key).id, counts=False)
        assert self.held(house, account_of(house, "altra")) == {key: columns["send_state"], other: "queued"}
        assert self.held(house, account) == {key: after, other: "queued"}
        by = "copy" if trace == "copy" else "receipt-not-proof"
        assert [line.facts["by"] for line in told(house, "message.uncertain")] == [by] * (after == "uncertain")

    def test_a_receipt_that_counts_is_left_to_who_settles_by_it(self, house: House, account: Account) -> None:
        key = queued(house, account).key
        receipt_of(house, account, message_of(house, key).id, counts=True)
        assert self.held(house, account) == {key: "queued"}

    def test_the_letter_itself_is_a_copy_only_where_a_folder_shows_it(self, house: House, account: Account) -> None:
        key = queued(house, account).key
        assert self.held(house, account) == {key: "queued"}, "its own bytes in the archive are no copy"
        message = message_of(house, key)
        mail_of(house, account, message.id, role="reply")
        assert self.held(house, account) == {key: "queued"}
        seen = mail_of(house, account, message.id, role="original", sha256="b" * 64)
        with writing(house.engine) as connection:
            values = {"mailbox_id": account.id, "name": "Sent", "uidvalidity": 1, "key": "f"}
            known = {column.name for column in Folder.__table__.columns}
            made = connection.execute(
                insert(Folder).values({name: value for name, value in values.items() if name in known})
            ).inserted_primary_key
            assert made is not None
            connection.execute(insert(Sighting).values(folder_id=made[0], uid=1, mail_id=seen, seen_at=NOW))
        other = queued(house, account, subject="In nessuna cartella").key
        mail_of(house, account, message_of(house, other).id, role="original", sha256="c" * 64)
        assert self.held(house, account) == {key: "uncertain", other: "queued"}


class TestForget:
    """Notes are dropped once the sealed ledger tells of their attempts, and no earlier."""

    def noted(self, house: House) -> set[tuple[str, int]]:
        """After a look."""
        sealing.forget_sealed(house)
        return attempts.noted(folder_of(house.archive))

    def test_of_a_known_attempt_that_is_sealed_alone(self, house: House, account: Account) -> None:
        key, other = queued(house, account).key, queued(house, account, subject="L'altra").key
        begun(house, message_of(house, key).id, 1)
        begun(house, message_of(house, other).id, 2)
        for number in (1, 2):
            attempts.note(folder_of(house.archive), key, number)
        attempts.note(folder_of(house.archive), "0" * 26, 1)
        assert self.noted(house) == {(key, 2), ("0" * 26, 1)}

    @pytest.mark.parametrize(
        ("act", "sealed", "stays"),
        [("message.attempted", False, True), ("message.attempted", True, False), ("message.queued", False, False)],
    )
    def test_not_while_a_line_of_an_attempt_waits_for_its_seal(
        self, house: House, account: Account, act: str, sealed: bool, stays: bool
    ) -> None:
        key = queued(house, account).key
        begun(house, message_of(house, key).id, 1)
        attempts.note(folder_of(house.archive), key, 1)
        seal = {"seal_number": 1, "position": 99} if sealed else {}
        with writing(house.engine) as connection:
            connection.execute(insert(Ledger).values(line_id="x", act=act, at=NOW, line="{}\n", **seal))
        assert (self.noted(house) == {(key, 1)}) is stays

    def test_where_nothing_is_noted_the_database_is_not_asked(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def asked(*_arguments: object) -> None:
            raise AssertionError

        monkeypatch.setattr(sealing, "reading", asked)
        monkeypatch.setattr(fence, "in_one_transaction", asked)
        sealing.forget_sealed(house)
        fence._doubt_noted(house)


def test_a_place_for_marks_is_judged_by_its_nearest_folder(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fence.markable(replace(house, marks=None))
    assert fence.markable(replace(house, marks=tmp_path / "a" / "b"))
    monkeypatch.setattr(os, "access", lambda path, _mode: path != tmp_path)
    assert not fence.markable(replace(house, marks=tmp_path / "a" / "b"))


def test_nothing_is_asked_of_the_ledger_of_an_archive_without_identity(home: Home, house: House) -> None:
    fence.recognise(house)
    with reading(house.engine) as connection:
        assert connection.scalars(select(Message.id)).all() == []
    assert house.marks is not None
    assert not house.marks.exists()
    fence.mark_attempt(house, "a line")
    assert not house.marks.exists(), "a mark that names no archive would be another's"
