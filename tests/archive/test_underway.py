"""What a user would lose: an integrity check that cries for ever after one power cut, or one that no longer cries."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from pec_tracker import osfiles
from pec_tracker.archive.local import LocalArchive
from pec_tracker.archive.objects import Object, Suffix
from pec_tracker.askers import OPERATOR
from pec_tracker.db.engine import open_engine, sqlite_url
from pec_tracker.ledger.leftovers import take_up
from pec_tracker.ledger.lines import append, new_line
from pec_tracker.ledger.seals import seal_pending
from pec_tracker.service.upkeep.check import check
from tests.archive.killed import killed_at

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MAILS = [Object(b"From: %d\r\n\r\nwords\r\n" % number, Suffix.MAIL) for number in range(20)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return open_engine(sqlite_url(tmp_path / "tracker.db"))


def extra(engine: Engine, root: Path) -> set[str]:
    return {one.object for one in check(OPERATOR, engine, LocalArchive(root)).findings if one.kind == "object-extra"}


@pytest.mark.parametrize("point", ["archive.renamed", "archive.done"])
@pytest.mark.parametrize("count", [3, 20])
def test_what_a_killed_run_left_is_taken_up_by_the_next_and_not_lost(
    engine: Engine, root: Path, point: str, count: int
) -> None:
    assert killed_at(point, lambda: LocalArchive(root).put_many(MAILS[:count]))
    assert len(extra(engine, root)) == count
    seal_pending(engine, LocalArchive(root), now=NOON)
    assert check(OPERATOR, engine, LocalArchive(root)).sound
    assert {path.read_bytes() for path in (root / "aside").iterdir()} == {mail.content for mail in MAILS[:count]}


def test_a_planted_file_is_still_found_beside_a_killed_run(engine: Engine, root: Path) -> None:
    assert killed_at("archive.done", lambda: LocalArchive(root).put_many(MAILS[:3]))
    planted = Object(b"planted", Suffix.MAIL)
    path = LocalArchive(root).path(planted.sha256, Suffix.MAIL)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(planted.content)
    seal_pending(engine, LocalArchive(root), now=NOON)
    assert extra(engine, root) == {path.name}


def test_a_note_planted_by_hand_moves_nothing_that_the_ledger_names(engine: Engine, root: Path) -> None:
    archive = LocalArchive(root)
    archive.put_many(MAILS)
    with engine.begin() as connection:
        append(connection, [new_line("mail.archived", at=NOON, mail=mail.sha256) for mail in MAILS[:10]])
    seal_pending(engine, LocalArchive(root), now=NOON)
    with engine.begin() as connection:
        append(connection, [new_line("mail.archived", at=NOON, mail=mail.sha256) for mail in MAILS[10:]])
    archive.close()
    note = root / "underway" / "0123456789abcdef.note"
    note.write_text("".join(f"{mail.sha256}.eml\n" for mail in MAILS) + "../../FORMAT\n")
    seal_pending(engine, LocalArchive(root), now=NOON)
    assert all(archive.holds(mail.sha256, Suffix.MAIL) for mail in MAILS)
    assert (root / "FORMAT").is_file()
    assert not note.exists()


def test_what_a_living_run_is_writing_stays_where_it_is(engine: Engine, root: Path) -> None:
    assert killed_at("archive.done", lambda: LocalArchive(root).put_many(MAILS[:3]))
    living = LocalArchive(root)
    living.put_many(MAILS[:2])
    seal_pending(engine, LocalArchive(root), now=NOON)
    assert [living.holds(mail.sha256, Suffix.MAIL) for mail in MAILS[:3]] == [True, True, False]


def test_a_disk_that_goes_away_while_we_run_is_not_written_to(root: Path) -> None:
    archive = LocalArchive(root)
    archive.put_many(MAILS[:1])
    root.rename(root.with_name("elsewhere"))
    root.mkdir()
    with pytest.raises(Exception, match="mounted"):
        archive.put_many(MAILS)
    assert list(root.iterdir()) == []


def test_half_written_ledger_files_of_dead_runs_are_dropped_and_those_of_living_ones_kept(
    engine: Engine, root: Path
) -> None:
    LocalArchive(root).put_many(MAILS[:1])
    for folder, earlier in (("underway", False), ("ledger", True)):
        dead, living = (root / folder / f".0000000{number}.jsonl.abc.tmp" for number in (1, 2))
        dead.parent.mkdir(exist_ok=True)
        for path in (dead, living):
            path.write_bytes(b"half")
            os.utime(path, (0, 0))
        with osfiles.locked(living):
            seal_pending(engine, LocalArchive(root), now=NOON)
            take_up(engine, LocalArchive(root), of_earlier_releases=earlier)
        assert not dead.exists(), folder
        assert living.exists(), folder
        living.unlink()
