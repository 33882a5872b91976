"""What a user would lose: acts sealed into the wrong archive, or sent twice by a database of yesterday."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete

from pec_tracker.archive.local import LocalArchive, read_identity
from pec_tracker.archive.objects import Object, Suffix
from pec_tracker.db.tables import ArchiveRow
from pec_tracker.errors import ApartError
from pec_tracker.ledger.mend import write_again
from pec_tracker.ledger.seals import seal_pending
from pec_tracker.ledger.together import Disagreement, disagreement, meet
from tests.archive.folders import shelf
from tests.ledger.ledgers import NOON, write_lines


def sealed(engine: Engine, root: Path, times: int = 3) -> None:
    LocalArchive(root).put_many([Object(b"{}", Suffix.RECORD)])
    for _ in range(times):
        write_lines(engine, 3)
        seal_pending(engine, LocalArchive(root), now=NOON)


def test_a_new_database_and_no_archive_belong_together(engine: Engine, root: Path) -> None:
    assert disagreement(engine, LocalArchive(root)) is None
    sealed(engine, root)
    assert disagreement(engine, LocalArchive(root)) is None
    assert meet(engine, LocalArchive(root)).identity == read_identity(root)


@pytest.mark.parametrize("identified", [True, False])
def test_each_way_of_not_belonging_together_has_its_name(
    engine: Engine, root: Path, tmp_path: Path, identified: bool
) -> None:
    sealed(engine, root, 2)
    yesterday = shutil.copytree(root, tmp_path / "yesterday")
    sealed(engine, root, 2)
    empty = tmp_path / "empty"
    empty.mkdir()
    other = tmp_path / "other"
    shutil.copytree(root, other)
    (other / "IDENTITY").chmod(0o600)
    (other / "IDENTITY").write_text(f"pec-tracker archive identity\n{'0' * 32}\n")
    for number in range(1, 5):
        (other / "ledger" / f"{number:08}.seal").chmod(0o600)
        (other / "ledger" / f"{number:08}.seal").write_bytes(b"# previous none\n" + b"%d" % number)
    if not identified:  # as an earlier release left them
        for folder in (root, yesterday, other):
            (folder / "IDENTITY").unlink()
        with engine.begin() as connection:
            connection.execute(delete(ArchiveRow))
    assert disagreement(engine, LocalArchive(yesterday)) is Disagreement.ARCHIVE_OLDER
    assert disagreement(engine, LocalArchive(empty)) is Disagreement.ARCHIVE_EMPTIED
    assert disagreement(engine, LocalArchive(tmp_path / "nowhere")) is Disagreement.ARCHIVE_EMPTIED
    assert disagreement(engine, LocalArchive(other)) is Disagreement.ANOTHER_ARCHIVE
    assert disagreement(engine, LocalArchive(root)) is None
    for folder in (yesterday, empty, other):
        write_lines(engine, 1)
        with pytest.raises(ApartError):
            seal_pending(engine, LocalArchive(folder), now=NOON)


def test_what_is_written_again_has_the_bytes_that_it_had(engine: Engine, root: Path) -> None:
    sealed(engine, root, 5)
    files = {path: path.read_bytes() for path in (root / "ledger").iterdir()}
    for path in files:
        path.unlink()
    assert set(write_again(engine, shelf(root)).written) == {path.name for path in files}
    assert {path: path.read_bytes() for path in (root / "ledger").iterdir()} == files


def test_an_altered_line_in_the_database_is_never_written_as_a_sealed_one(engine: Engine, root: Path) -> None:
    sealed(engine, root, 2)
    gone = root / "ledger" / "00000002.jsonl"
    gone.unlink()
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE ledger SET line = replace(line, 'act', 'atc') WHERE seal_number = 2")
    assert write_again(engine, shelf(root)).lost == ("00000002.jsonl",)
    assert not gone.exists()
