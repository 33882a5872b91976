"""What a user would lose: privacy, where mails stay in a temporary folder; and knowing that a disk is full."""

import os
import tempfile
from pathlib import Path

import pytest

from pec_tracker.errors import StorageError
from pec_tracker.render import pdf, workshop
from tests.archive.killed import killed_at


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def made() -> bytes:
    told = {"title": "x", "tool": "x", "language": "it", "date": [2026, 3, 2, 10, 15, 8], "code": "x", "blocks": []}
    return pdf.summary(told, {"receipts/001.eml": b"a mail"})


def aged(folder: Path) -> None:
    """As if it was made an hour ago."""
    an_hour_ago = folder.stat().st_mtime - 3600
    os.utime(folder, (an_hour_ago, an_hour_ago))


def test_mails_of_a_killed_run_go_with_the_next_one(place: Path) -> None:
    assert killed_at("summary.files-written", made)
    (left,) = place.iterdir()
    assert [path.read_bytes() for path in left.rglob("*.eml")] == [b"a mail"]
    with workshop.workshop():
        assert left.exists(), "it is younger than a minute: it may be another's that begins"
    aged(left)
    with workshop.workshop() as folder:
        assert list(place.iterdir()) == [folder.parent]
    assert list(place.iterdir()) == []


def test_a_folder_in_which_a_process_works_stays(place: Path) -> None:
    with workshop.workshop() as first:
        (first / "a.eml").write_bytes(b"a mail")
        aged(first.parent)
        with workshop.workshop():
            assert (first / "a.eml").exists()


def test_folder_that_is_none_of_ours_stays(place: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "a.eml").write_bytes(b"a mail")
    link = place / f"{workshop.PREFIX}link"
    link.symlink_to(elsewhere)
    other = place / "other"
    other.mkdir()
    aged(other)
    with workshop.workshop():
        pass
    assert link.is_symlink()
    assert other.exists()
    assert (elsewhere / "a.eml").exists()


def test_folder_that_cannot_be_written_is_named(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(place / "gone"))
    with pytest.raises(StorageError, match="gone"):
        made()
