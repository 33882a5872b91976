"""What a user would lose where one operating system's way is taken for every one's."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pec_tracker import osfiles
from pec_tracker.errors import DiskFullError, StorageError
from tests.archive.killed import in_another_process


def test_file_appears_once_and_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "00000001.seal"
    assert osfiles.create_durably(path, b"first")
    assert not osfiles.create_durably(path, b"second")
    assert path.read_bytes() == b"first"
    assert [each.name for each in tmp_path.iterdir()] == ["00000001.seal"]


def test_file_system_without_links_behaves_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As exFAT and some network shares are."""

    def refuse(source: Path, target: Path) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    test_file_appears_once_and_is_not_replaced(tmp_path)


def test_kept_files_are_private_and_not_for_writing(tmp_path: Path) -> None:
    osfiles.make_private_folder(tmp_path / "deep" / "folder")
    osfiles.create(tmp_path / "deep" / "folder" / "mail", b"words", synced=True)
    if not osfiles.WINDOWS:
        assert (tmp_path / "deep" / "folder").stat().st_mode & 0o777 == 0o700
        assert (tmp_path / "deep" / "folder" / "mail").stat().st_mode & 0o777 == 0o400


def test_new_file_never_replaces_an_old_one(tmp_path: Path) -> None:
    osfiles.create(tmp_path / "mail", b"first", synced=False)
    with pytest.raises(FileExistsError):
        osfiles.create(tmp_path / "mail", b"second", synced=False)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_every_kind_of_no_room_is_a_full_disk(tmp_path: Path, number: int) -> None:
    with pytest.raises(DiskFullError, match="free some space"), osfiles.disk_errors(tmp_path):
        raise OSError(number, os.strerror(number))


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.EROFS])
def test_other_refusals_say_what_and_where(tmp_path: Path, number: int) -> None:
    with pytest.raises(StorageError) as refusal, osfiles.disk_errors(tmp_path):
        raise OSError(number, os.strerror(number), str(tmp_path / "mail"))
    assert not isinstance(refusal.value, DiskFullError)
    assert os.strerror(number) in str(refusal.value)
    assert str(tmp_path / "mail") in str(refusal.value)


def test_whole_file_system_is_synced_where_it_can_report_failures(tmp_path: Path) -> None:
    with osfiles.whole_sync(tmp_path) as sync:
        (tmp_path / "mail").write_bytes(b"words")
        if sync is not None:
            sync()
    if osfiles.kernel_version(os.uname().release) >= osfiles.SYNCFS_REPORTS_SINCE:
        assert sync is not None


@pytest.mark.parametrize(
    ("release", "version"),
    [("6.18.44-fc", (6, 18)), ("5.4.0-150-generic", (5, 4)), ("5.10", (5, 10)), ("4.4-rc1", (4, 4)), ("", (0, 0))],
)
def test_old_kernels_are_known(release: str, version: tuple[int, int]) -> None:
    assert osfiles.kernel_version(release) == version


@given(st.text())
def test_odd_kernel_names_are_taken_for_old_ones(release: str) -> None:
    assert osfiles.kernel_version(release) >= (0, 0)


def test_one_process_at_a_time_holds_a_lock_and_death_frees_it(tmp_path: Path) -> None:
    lock = tmp_path / "lock"

    def expect(held: bool) -> None:
        with osfiles.locked(lock) as alone:
            assert alone is held

    with osfiles.locked(lock) as alone:
        assert alone
        assert in_another_process(lambda: expect(False)) == 0
    assert in_another_process(lambda: expect(True)) == 0
    expect(True)
