"""What a user would lose: acts that were never sealed, sealed twice, or that no expert can check without us."""

import hashlib
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, func, select, update

from pec_tracker.archive.local import LocalArchive
from pec_tracker.db.engine import open_engine, reading, sqlite_url
from pec_tracker.db.tables import Ledger, Seal
from pec_tracker.errors import LedgerError
from pec_tracker.ledger.lines import encode
from pec_tracker.ledger.seals import seal_pending
from pec_tracker.ledger.segments import (
    list_files,
    newest_seal_number,
    read_segments,
    write_segment,
)
from pec_tracker.ledger.together import Disagreement, disagreement
from pec_tracker.ledger.verify import verify_ledger
from tests.archive.folders import seal_path, segment_path, shelf
from tests.archive.killed import at_once, killed_at
from tests.ledger.ledgers import NOON, overwrite, sealed_ledger, write_lines

POINTS = ["seal.segment-written", "seal.head-written", "seal.seal-written", "seal.before-commit", "seal.committed"]


def seal_in_new_process(engine: Engine, root: Path) -> None:
    """As another run would: with connections of its own."""
    own = open_engine(engine.url.render_as_string(hide_password=False))
    seal_pending(own, LocalArchive(root), now=NOON)


def sealed_ids(root: Path) -> list[str]:
    return [line.id for segment in read_segments(shelf(root)) for line in segment.lines]


def is_older(engine: Engine, root: Path) -> bool:
    """Whether the archive is taken for newer than the database."""
    return disagreement(engine, LocalArchive(root)) is Disagreement.DATABASE_OLDER


def test_every_line_is_sealed_once_in_the_order_written(engine: Engine, root: Path) -> None:
    lines = write_lines(engine, 2_300)
    seals = seal_pending(engine, LocalArchive(root), now=NOON)
    assert [len(seal.entries) for seal in seals] == [1_000, 1_000, 300]
    assert sealed_ids(root) == [line.id for line in lines]
    assert seal_pending(engine, LocalArchive(root), now=NOON) == []
    with reading(engine) as connection:
        places = connection.execute(select(Ledger.seal_number, Ledger.position).order_by(Ledger.id)).all()
    assert [tuple(place) for place in places] == [(n // 1_000 + 1, n % 1_000 + 1) for n in range(2_300)]
    assert verify_ledger(shelf(root), engine) == []


def test_expert_checks_a_segment_with_split_and_sha256sum(engine: Engine, root: Path, tmp_path: Path) -> None:
    sealed_ledger(engine, root, [3, 120])
    for number, previous in ((1, "none"), (2, hashlib.sha256(seal_path(root, 1).read_bytes()).hexdigest())):
        seal = seal_path(root, number)
        first, *entries = seal.read_text().splitlines()
        assert first == f"# previous {previous}"
        if number == 2:
            head = (root / "ledger/00000001.head").read_bytes()
            assert entries.pop(0) == f"# head {hashlib.sha256(head).hexdigest()}"
            assert head == f"{previous}  00000001.seal\n".encode()
        folder = tmp_path / f"segment{number}"
        folder.mkdir()
        subprocess.run(["split", "-l", "1", "-a", "4", segment_path(root, number), f"{folder}/x"], check=True)
        for piece, entry in zip(sorted(folder.iterdir()), entries, strict=True):
            piece.rename(folder / entry.split("  ")[1])
        checked = subprocess.run(["sha256sum", "-c", "--strict", seal], cwd=folder, capture_output=True, text=True)
        assert checked.returncode == 0, checked.stderr
        assert checked.stdout.count(": OK\n") == len(entries)
        (folder / entries[0].split("  ")[1]).write_text("another act\n")
        assert subprocess.run(["sha256sum", "-c", seal], cwd=folder, capture_output=True).returncode == 1


def test_without_force_a_segment_waits_a_minute_or_until_it_is_full(engine: Engine, root: Path) -> None:
    write_lines(engine, 5)
    assert seal_pending(engine, LocalArchive(root), now=NOON + timedelta(seconds=59), force=False) == []
    assert len(seal_pending(engine, LocalArchive(root), now=NOON + timedelta(seconds=60), force=False)) == 1
    write_lines(engine, 1_001)
    assert [len(seal.entries) for seal in seal_pending(engine, LocalArchive(root), now=NOON, force=False)] == [1_000]


def test_line_without_facts_to_seal_makes_no_file(engine: Engine, root: Path) -> None:
    assert seal_pending(engine, LocalArchive(root), now=NOON) == []
    assert newest_seal_number(shelf(root)) is None
    assert not is_older(engine, root)
    assert verify_ledger(shelf(root), engine) == []


@pytest.mark.parametrize("point", POINTS)
def test_sealing_killed_anywhere_resumes_and_seals_once(engine: Engine, root: Path, point: str) -> None:
    sealed_ledger(engine, root, [4])
    lines = write_lines(engine, 30)
    engine.dispose()
    assert killed_at(point, lambda: seal_in_new_process(engine, root))
    before = {path.name: path.read_bytes() for path in (root / "ledger").iterdir()}
    write_lines(engine, 2)
    assert not is_older(engine, root)
    seal_pending(engine, LocalArchive(root), now=NOON)
    assert sealed_ids(root)[4:34] == [line.id for line in lines]
    assert len(sealed_ids(root)) == 36
    assert verify_ledger(shelf(root), engine) == []
    for name, content in before.items():  # resumed, not remade
        assert (root / "ledger" / name).read_bytes() == content


def test_processes_that_seal_at_once_seal_each_line_once(engine: Engine, root: Path) -> None:
    write_lines(engine, 4_500)
    engine.dispose()
    assert at_once([lambda: seal_in_new_process(engine, root)] * 3) == [0, 0, 0]
    assert len(sealed_ids(root)) == len(set(sealed_ids(root))) == 4_500
    assert verify_ledger(shelf(root), engine) == []


def test_lines_written_while_others_seal_are_sealed_once(engine: Engine, root: Path) -> None:
    engine.dispose()

    def write() -> None:
        own = open_engine(engine.url.render_as_string(hide_password=False))
        for _ in range(30):
            write_lines(own, 7)

    def seal() -> None:
        own = open_engine(engine.url.render_as_string(hide_password=False))
        for _ in range(20):
            seal_pending(own, LocalArchive(root), now=NOON)

    assert at_once([write, seal, seal]) == [0, 0, 0]
    seal_pending(engine, LocalArchive(root), now=NOON)
    assert len(sealed_ids(root)) == len(set(sealed_ids(root))) == 210
    assert verify_ledger(shelf(root), engine) == []


def test_restored_database_is_noticed_and_seals_nothing(engine: Engine, root: Path) -> None:
    """Yesterday's backup, then today's archive: what the backup does not have is taken from the database."""
    sealed_ledger(engine, root, [5, 3, 4])
    assert not is_older(engine, root)
    with engine.begin() as connection:
        connection.execute(delete(Ledger).where(Ledger.seal_number > 1))
        connection.execute(delete(Seal).where(Seal.number > 1))
    write_lines(engine, 2)
    before = list_files(shelf(root))
    assert is_older(engine, root)
    with pytest.raises(LedgerError, match="older than the archive; rebuild"):
        seal_pending(engine, LocalArchive(root), now=NOON)
    assert list_files(shelf(root)) == before
    assert is_older(engine, root)


def test_empty_database_beside_a_full_archive_is_older(engine: Engine, root: Path, tmp_path: Path) -> None:
    sealed_ledger(engine, root, [5])
    fresh = open_engine(sqlite_url(tmp_path / "fresh.db"))
    try:
        assert is_older(fresh, root)
    finally:
        fresh.dispose()


def test_database_of_another_archive_is_told_from_an_older_one(engine: Engine, root: Path, tmp_path: Path) -> None:
    sealed_ledger(engine, root, [1])
    other = open_engine(sqlite_url(tmp_path / "other.db"))
    try:
        sealed_ledger(other, tmp_path / "other", [1, 1])
        assert disagreement(other, LocalArchive(root)) is Disagreement.ANOTHER_ARCHIVE
    finally:
        other.dispose()


def test_segment_left_unsealed_by_a_lost_database_is_kept_for_the_rebuild(engine: Engine, root: Path) -> None:
    sealed_ledger(engine, root, [2])
    lines = write_lines(engine, 3)
    write_segment(shelf(root), 2, [encode(line) for line in lines])
    with engine.begin() as connection:
        connection.execute(delete(Ledger).where(Ledger.seal_number.is_(None)))
    with pytest.raises(LedgerError, match="rebuild"):
        seal_pending(engine, LocalArchive(root), now=NOON)
    assert sealed_ids(root)[2:] == [line.id for line in lines]
    assert is_older(engine, root)


def test_line_changed_before_its_sealing_is_not_sealed(engine: Engine, root: Path) -> None:
    line = write_lines(engine, 1)[0]
    with engine.begin() as connection:
        connection.execute(update(Ledger).values(line=func.replace(Ledger.line, '"uid":0', '"uid": 9')))
    with pytest.raises(LedgerError, match=line.id):
        seal_pending(engine, LocalArchive(root), now=NOON)
    assert list_files(shelf(root)).newest == 0


def test_line_changed_between_segment_and_seal_is_noticed(engine: Engine, root: Path) -> None:
    lines = write_lines(engine, 2)
    write_segment(shelf(root), 1, [encode(line) for line in lines])
    with engine.begin() as connection:
        connection.execute(update(Ledger).values(line=func.replace(Ledger.line, '"uid":1', '"uid":9')))
    with pytest.raises(LedgerError, match=lines[1].id):
        seal_pending(engine, LocalArchive(root), now=NOON)
    with reading(engine) as connection:
        assert connection.scalar(select(func.count()).select_from(Seal)) == 0


@pytest.mark.parametrize("left", [b"", b'{"act":', b"not a line\n"])
def test_segment_that_is_not_ours_stops_sealing_and_is_named(engine: Engine, root: Path, left: bytes) -> None:
    write_lines(engine, 1)
    write_segment(shelf(root), 1, [left.decode()])
    with pytest.raises(LedgerError, match=r"00000001\.jsonl"):
        seal_pending(engine, LocalArchive(root), now=NOON)


def test_hole_in_the_archive_is_not_filled_with_other_lines(engine: Engine, root: Path) -> None:
    sealed_ledger(engine, root, [1])
    write_lines(engine, 1)
    write_segment(shelf(root), 3, ["from another world\n"])
    with pytest.raises(LedgerError, match=r"00000002\.jsonl"):
        seal_pending(engine, LocalArchive(root), now=NOON)


def test_rebuild_is_told_segment_and_line_where_the_ledger_was_changed(engine: Engine, root: Path) -> None:
    sealed_ledger(engine, root, [3, 3])
    path = segment_path(root, 2)
    sound = path.read_bytes()
    overwrite(path, sound.replace(b'"uid":1', b'"uid":8'))
    with pytest.raises(LedgerError, match=r"line 2 of 00000002\.jsonl"):
        list(read_segments(shelf(root)))
    overwrite(path, sound[: sound.rindex(b"\n", 0, -1) + 1])
    with pytest.raises(LedgerError, match=r"00000002\.jsonl has 2 lines, its seal lists 3"):
        list(read_segments(shelf(root)))
    overwrite(path, sound)
    seal_path(root, 1).unlink()
    with pytest.raises(LedgerError, match=r"00000001\.seal is missing"):
        list(read_segments(shelf(root)))
