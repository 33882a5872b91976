"""What a user would lose: a mail that was said to be kept and is not, or is not the same."""

import ctypes
import errno
import hashlib
import os
import resource
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pec_tracker import osfiles
from pec_tracker.archive.local import LocalArchive
from pec_tracker.archive.objects import Object, Suffix
from pec_tracker.errors import DiskFullError, ObjectDamagedError, ObjectMissingError, StorageError
from tests.archive.killed import at_once, in_another_process, killed_at

ONE_BY_ONE = 1_000_000
POINTS = ["archive.before-write", "archive.written", "archive.synced", "archive.renamed", "archive.done"]


def mails(count: int, *, size: int = 300) -> list[Object]:
    return [Object(f"mail {number}\r\n".encode() * (size // 8), Suffix.MAIL) for number in range(count)]


def files(root: Path) -> list[Path]:
    return sorted(path for path in (root / "objects").rglob("*") if path.is_file())


@pytest.fixture(params=[1, ONE_BY_ONE], ids=["synced-together", "synced-one-by-one"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> LocalArchive:
    return LocalArchive(tmp_path / "archive", whole_sync_from=request.param)


def test_kept_bytes_come_back_unchanged(archive: LocalArchive) -> None:
    kept = [Object(b"", Suffix.MAIL), Object(b"{}", Suffix.RECORD), Object(bytes(range(256)) * 5_000, Suffix.MAIL)]
    names = archive.put_many(kept)
    assert names == [hashlib.sha256(each.content).hexdigest() for each in kept]
    assert [archive.get(name, each.suffix) for name, each in zip(names, kept, strict=True)] == [
        each.content for each in kept
    ]


def test_files_are_plain_and_sha256sum_agrees_with_their_names(archive: LocalArchive) -> None:
    archive.put_many(mails(20))
    listed = subprocess.run(["sha256sum", *map(str, files(archive.root))], capture_output=True, text=True, check=True)
    for line in listed.stdout.splitlines():
        digest, _, path = line.partition("  ")
        assert Path(path).name == f"{digest}.eml"
        assert Path(path).parent.name == digest[:2]


def test_the_folder_says_what_it_is(archive: LocalArchive) -> None:
    archive.put_many(mails(1))
    assert (archive.root / "FORMAT").read_text().startswith("pec-tracker archive 1\n")


def test_folder_of_another_format_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "FORMAT").write_text("pec-tracker archive 2\n")
    with pytest.raises(StorageError, match="newer release"):
        LocalArchive(tmp_path)


def test_keeping_twice_changes_nothing(archive: LocalArchive) -> None:
    kept = [*mails(5), *mails(5)]
    first = archive.put_many(kept)
    before = [(path, path.stat().st_mtime_ns, path.stat().st_ino) for path in files(archive.root)]
    assert len(before) == 5
    assert LocalArchive(archive.root).put_many(kept) == first
    assert [(path, path.stat().st_mtime_ns, path.stat().st_ino) for path in files(archive.root)] == before


def test_keeping_nothing_makes_nothing(archive: LocalArchive) -> None:
    assert archive.put_many([]) == []
    assert not archive.root.exists()
    assert list(archive.objects()) == []


def test_altered_object_is_named_and_never_overwritten(archive: LocalArchive) -> None:
    kept = mails(3)
    name = archive.put_many(kept)[1]
    path = archive.path(name, Suffix.MAIL)
    path.chmod(0o600)
    path.write_bytes(b"x" + kept[1].content[1:])
    altered = path.read_bytes()
    with pytest.raises(ObjectDamagedError, match=name):
        archive.put_many(kept)
    with pytest.raises(ObjectDamagedError, match=name):
        archive.get(name, Suffix.MAIL)
    assert path.read_bytes() == altered


@pytest.mark.parametrize("left", [0, 1, 200])
def test_truncated_leftover_is_made_whole_when_the_mail_comes_again(archive: LocalArchive, left: int) -> None:
    kept = mails(2)
    name = archive.put_many(kept)[0]
    path = archive.path(name, Suffix.MAIL)
    path.chmod(0o600)
    path.write_bytes(kept[0].content[:left])
    archive.put_many(kept)
    assert archive.get(name, Suffix.MAIL) == kept[0].content


def test_missing_object_is_named(archive: LocalArchive) -> None:
    name = archive.put_many(mails(1))[0]
    archive.delete(name, Suffix.MAIL)
    archive.delete(name, Suffix.MAIL)
    assert not archive.holds(name, Suffix.MAIL)
    with pytest.raises(ObjectMissingError, match=name):
        archive.get(name, Suffix.MAIL)


def test_name_that_is_no_sha256_reaches_no_file(archive: LocalArchive) -> None:
    for name in ("../../etc/passwd", "A" * 64, "a" * 63, ""):
        with pytest.raises(ValueError):
            archive.path(name, Suffix.MAIL)


def test_every_object_is_listed_with_its_size_and_nothing_else(archive: LocalArchive) -> None:
    kept = [*mails(30), Object(b"{}", Suffix.RECORD)]
    archive.put_many(kept)
    (archive.root / "objects" / "notes.txt").write_text("not ours")
    expected = {(each.sha256, each.suffix, len(each.content)) for each in kept}
    assert set(archive.objects()) == expected


@settings(max_examples=30, deadline=None)
@given(contents=st.lists(st.binary(max_size=200), max_size=25))
def test_any_bytes_in_any_repetition_are_kept(contents: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        archive = LocalArchive(Path(folder) / "archive")
        kept = [Object(content, Suffix.MAIL) for content in contents]
        archive.put_many(kept[::2])
        names = archive.put_many(kept + kept[:3])
        assert [archive.get(name, Suffix.MAIL) for name in names] == contents + contents[:3]


@pytest.mark.parametrize("point", POINTS)
def test_kill_at_any_point_leaves_every_object_whole_or_absent(archive: LocalArchive, point: str) -> None:
    kept = mails(20)
    assert killed_at(point, lambda: archive.put_many(kept))
    for name, suffix, _ in archive.objects():
        assert hashlib.sha256(archive.get(name, suffix)).hexdigest() == name
    if point in ("archive.renamed", "archive.done"):
        assert len(list(archive.objects())) == 20
    archive.put_many(kept)
    assert {name for name, _, _ in archive.objects()} == {each.sha256 for each in kept}


def test_what_a_killed_run_left_aside_is_dropped_a_day_later(archive: LocalArchive) -> None:
    assert killed_at("archive.synced", lambda: archive.put_many(mails(3)))
    aside = archive.root / "objects" / ".tmp"
    leftovers = sorted(aside.iterdir())
    assert len(leftovers) == 3
    os.utime(leftovers[0], (0, 0))
    LocalArchive(archive.root).put_many(mails(1))
    assert sorted(aside.iterdir()) == leftovers[1:]  # the young ones may belong to a run that still writes


def test_two_processes_that_keep_the_same_mails_do_no_harm(archive: LocalArchive) -> None:
    kept = mails(200)
    assert at_once([lambda: archive.put_many(kept)] * 2) == [0, 0]
    assert {name for name, _, _ in archive.objects()} == {each.sha256 for each in kept}
    assert all(archive.get(each.sha256, Suffix.MAIL) == each.content for each in kept)


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """As a full disk does, writing stops in the middle of a file; without any privilege."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_full_disk_says_where_and_leaves_nothing_half_written(archive: LocalArchive) -> None:
    small = mails(5)
    archive.put_many(small)
    with files_of_at_most(8_192), pytest.raises(DiskFullError, match="free some space") as refusal:
        archive.put_many([*mails(20, size=1_000), *mails(1, size=100_000)])
    assert str(archive.root) in str(refusal.value)
    assert {path.name for path in files(archive.root)} == {f"{each.sha256}.eml" for each in small}
    archive.put_many(mails(20, size=1_000))
    assert len(files(archive.root)) == 25


def test_really_full_file_system_leaves_nothing_half_written(tmp_path: Path) -> None:
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", tmp_path]).returncode:
        return  # without privileges the limit on file sizes above stands for it
    try:
        archive = LocalArchive(tmp_path / "archive")
        archive.put_many(mails(5))
        with pytest.raises(DiskFullError):
            archive.put_many(mails(200, size=4_000))
        assert len(files(archive.root)) == 5
        archive.put_many(mails(10))
        archive.close()
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_system_without_a_whole_sync_keeps_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(osfiles, "_syncfs", lambda: None)
    archive = LocalArchive(tmp_path / "archive", whole_sync_from=1)
    names = archive.put_many(mails(20))
    assert [archive.get(name, Suffix.MAIL) for name in names] == [mail.content for mail in mails(20)]


def test_write_that_failed_behind_our_back_is_reported_and_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fails after write() had returned: only the sync says so."""

    def failing_sync(descriptor: int) -> int:
        ctypes.set_errno(errno.EIO)
        return -1

    archive = LocalArchive(tmp_path / "archive")
    with monkeypatch.context() as broken:
        broken.setattr(osfiles, "_syncfs", lambda: failing_sync)
        with pytest.raises(StorageError, match="check the disk"):
            archive.put_many(mails(20))
    assert files(archive.root) == []
    archive.put_many(mails(20))
    assert len(files(archive.root)) == 20


def test_archive_that_may_not_be_written_is_a_named_error() -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        (folder / "archive").mkdir()
        (folder / "archive").chmod(0o555)
        folder.chmod(0o755)

        def keep() -> None:
            if os.geteuid() == 0:
                os.setuid(65534)
            with pytest.raises(StorageError, match="permissions"):
                LocalArchive(folder / "archive").put_many(mails(1))

        assert in_another_process(keep) == 0
    finally:
        (folder / "archive").chmod(0o755)
        (folder / "archive").rmdir()
        folder.rmdir()


def test_archive_where_a_file_stands_is_a_named_error(tmp_path: Path) -> None:
    (tmp_path / "archive").write_text("a file")
    with pytest.raises(StorageError, match="archive"):
        LocalArchive(tmp_path / "archive")
