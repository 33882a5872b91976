"""What a user would lose: a damaged, missing or planted piece of evidence that a check passes over."""

import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, insert, select

from pec_tracker.archive import rehash_all
from pec_tracker.archive.local import LocalArchive
from pec_tracker.archive.objects import Object, Suffix
from pec_tracker.askers import OPERATOR
from pec_tracker.db.engine import open_engine, reading, sqlite_url
from pec_tracker.db.tables import Certificate, Mail, Mailbox
from pec_tracker.ledger.lines import append, new_line
from pec_tracker.ledger.seals import seal_pending
from pec_tracker.service.upkeep.check import CheckReport, check
from tests.archive.killed import in_another_process, killed_at

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MAILS = [Object(b"From: %d\r\n\r\nwords\r\n" % number, Suffix.MAIL) for number in range(24)]
RECORD = Object(b'{"case":"12/2026"}', Suffix.RECORD)
CERTIFICATE = Object(b"\x30\x03\x02\x01\x00", Suffix.CERTIFICATE)


@pytest.fixture
def archive(tmp_path: Path) -> LocalArchive:
    return LocalArchive(tmp_path / "archive")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    sqlite = request.param == "sqlite"
    opened = open_engine(sqlite_url(tmp_path / "tracker.db") if sqlite else request.getfixturevalue("postgres_url"))
    yield opened
    opened.dispose()


@pytest.fixture
def kept(engine: Engine, archive: LocalArchive) -> Engine:
    """24 mails, a record and a certificate, kept as a collect keeps them, and sealed."""
    archive.put_many([*MAILS, RECORD, CERTIFICATE])
    lines = [new_line("mail.archived", at=NOON, mail=mail.sha256) for mail in MAILS]
    lines.append(new_line("message.queued", at=NOON, record=RECORD.sha256, certificates=[CERTIFICATE.sha256]))
    with engine.begin() as connection:
        box = connection.execute(insert(Mailbox).values(key="k", name="box", known_at=NOON)).inserted_primary_key
        assert box is not None
        for mail in MAILS:
            connection.execute(insert(Mail).values(mailbox_id=box[0], sha256=mail.sha256, **_mail_columns(mail)))
        connection.execute(
            insert(Certificate).values(
                sha256=CERTIFICATE.sha256, subject="CN=a", issuer="CN=b", not_before=NOON, not_after=NOON
            )
        )
        append(connection, lines)
    seal_pending(engine, archive, now=NOON)
    return engine


def _mail_columns(mail: Object) -> dict[str, object]:
    return {
        "size": len(mail.content),
        "origin": "collected",
        "kind": "ordinary",
        "archived_at": NOON,
        "reader_version": 1,
        "warnings": [],
    }


def named(report: CheckReport) -> set[tuple[str, str]]:
    assert all(finding.detail for finding in report.findings)
    return {(finding.kind.value, finding.object) for finding in report.findings}


def test_sound_archive_has_no_findings_and_is_counted(kept: Engine, archive: LocalArchive) -> None:
    done: list[tuple[int, int]] = []
    report = check(OPERATOR, kept, archive, processes=1, progress=lambda *counts: done.append(counts))
    assert report.sound
    everything = [*MAILS, RECORD, CERTIFICATE]
    assert (report.objects, report.bytes) == (26, sum(len(each.content) for each in everything))
    assert (report.seals, report.lines, report.mails) == (1, 25, 24)
    assert done[-1] == (26, 26)
    assert check(OPERATOR, None, archive).sound


def test_archive_that_was_never_used_is_sound(engine: Engine, archive: LocalArchive) -> None:
    assert named(check(OPERATOR, engine, archive)) == set()
    assert named(check(OPERATOR, None, archive)) == {("format-missing", "FORMAT")}


def test_any_single_byte_flipped_in_an_object_is_found_and_named(kept: Engine, archive: LocalArchive) -> None:
    chance = random.Random(3)
    for _ in range(200):
        victim = chance.choice([*MAILS, RECORD, CERTIFICATE])
        path = archive.path(victim.sha256, victim.suffix)
        flipped = bytearray(victim.content)
        flipped[chance.randrange(len(flipped))] ^= chance.randrange(1, 256)
        path.chmod(0o600)
        path.write_bytes(flipped)
        assert named(check(OPERATOR, None, archive)) == {("object-damaged", path.name)}
        path.write_bytes(victim.content)
    assert check(OPERATOR, kept, archive).sound


@pytest.mark.parametrize("left", [0, 5])
def test_truncated_object_is_named(kept: Engine, archive: LocalArchive, left: int) -> None:
    path = archive.path(MAILS[0].sha256, Suffix.MAIL)
    path.chmod(0o600)
    path.write_bytes(MAILS[0].content[:left])
    assert named(check(OPERATOR, kept, archive)) == {("object-damaged", path.name)}


def test_missing_objects_are_named_with_and_without_a_database(kept: Engine, archive: LocalArchive) -> None:
    for lost in (MAILS[3], RECORD, CERTIFICATE):
        archive.delete(lost.sha256, lost.suffix)
    expected = {("object-missing", f"{lost.sha256}{lost.suffix}") for lost in (MAILS[3], RECORD, CERTIFICATE)}
    assert named(check(OPERATOR, kept, archive)) == named(check(OPERATOR, None, archive)) == expected


def test_objects_that_nobody_names_are_named(kept: Engine, archive: LocalArchive) -> None:
    planted = Object(b"a receipt that never came", Suffix.MAIL)
    archive.put_many([planted])
    assert named(check(OPERATOR, kept, archive)) == {("object-extra", f"{planted.sha256}.eml")}
    assert named(check(OPERATOR, None, archive)) == {("object-extra", f"{planted.sha256}.eml")}


def test_what_an_interrupted_run_kept_is_no_longer_extra_when_it_is_written_down(
    kept: Engine, archive: LocalArchive
) -> None:
    late = Object(b"collected again after the crash", Suffix.MAIL)
    assert killed_at("archive.done", lambda: archive.put_many([late]))
    assert not check(OPERATOR, kept, archive).sound
    with kept.begin() as connection:
        box = connection.scalar(select(Mailbox.id))
        connection.execute(insert(Mail).values(mailbox_id=box, sha256=late.sha256, **_mail_columns(late)))
        append(connection, [new_line("mail.archived", at=NOON, mail=late.sha256)])
    assert check(OPERATOR, kept, archive).sound
    assert named(check(OPERATOR, None, archive)) == {("object-extra", f"{late.sha256}.eml")}  # until it is sealed


def test_mails_kept_while_a_check_runs_are_no_findings(kept: Engine, archive: LocalArchive) -> None:
    late = Object(b"arrived meanwhile", Suffix.MAIL)

    def collect(done: int, total: int) -> None:
        if done == total and not archive.holds(late.sha256, Suffix.MAIL):
            archive.put_many([late])
            with kept.begin() as connection:
                box = connection.scalar(select(Mailbox.id))
                connection.execute(insert(Mail).values(mailbox_id=box, sha256=late.sha256, **_mail_columns(late)))
                append(connection, [new_line("mail.archived", at=NOON, mail=late.sha256)])

    assert check(OPERATOR, kept, archive, progress=collect).sound


def test_renamed_object_is_damaged_where_it_is_and_missing_where_it_was(kept: Engine, archive: LocalArchive) -> None:
    path = archive.path(MAILS[0].sha256, Suffix.MAIL)
    other = path.with_name(path.name[:2] + "0" * 62 + ".eml")
    path.rename(other)
    assert named(check(OPERATOR, kept, archive)) == {
        ("object-damaged", other.name),
        ("object-extra", other.name),
        ("object-missing", path.name),
    }


def test_misplaced_and_foreign_files_are_named(kept: Engine, archive: LocalArchive) -> None:
    objects = archive.root / "objects"
    path = archive.path(MAILS[0].sha256, Suffix.MAIL)
    other = objects / ("00" if path.parent.name != "00" else "01")
    other.mkdir(exist_ok=True)
    (other / path.name).write_bytes(MAILS[0].content)
    (other / f"{'0' * 64}.exe").write_text("")
    (path.parent / f"{path.parent.name}{'0' * 62}.eml").mkdir()
    (path.parent / f"{path.parent.name}{'1' * 62}.eml").symlink_to(path)
    (objects / "notes.txt").write_text("mine")
    (archive.root / "ledger" / "notes.txt").write_text("mine")
    assert named(check(OPERATOR, kept, archive)) == {
        ("object-misnamed", f"objects/{other.name}/{path.name}"),
        ("foreign-file", f"objects/{other.name}/{'0' * 64}.exe"),
        ("foreign-file", f"objects/{path.parent.name}/{path.parent.name}{'0' * 62}.eml"),
        ("foreign-file", f"objects/{path.parent.name}/{path.parent.name}{'1' * 62}.eml"),
        ("foreign-file", "objects/notes.txt"),
        ("foreign-file", "ledger/notes.txt"),
    }


def test_mail_that_the_database_lost_is_named(kept: Engine, archive: LocalArchive) -> None:
    with kept.begin() as connection:
        connection.execute(delete(Mail).where(Mail.sha256 == MAILS[5].sha256))
    assert named(check(OPERATOR, kept, archive)) == {("database-mail-missing", f"{MAILS[5].sha256}.eml")}


def test_last_seals_cut_off_and_changed_format_are_named(kept: Engine, archive: LocalArchive) -> None:
    for path in (archive.root / "ledger").iterdir():
        path.unlink()
    (archive.root / "FORMAT").chmod(0o600)
    (archive.root / "FORMAT").write_text("something else\n")
    assert named(check(OPERATOR, kept, archive)) == {
        ("format-unknown", "FORMAT"),
        ("seal-missing", "00000001.seal"),
        ("segment-missing", "00000001.jsonl"),
    }


def test_database_that_fails_is_a_finding_and_the_archive_is_still_checked(kept: Engine, archive: LocalArchive) -> None:
    with kept.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE certificate RENAME TO lost")
    archive.delete(MAILS[0].sha256, Suffix.MAIL)
    assert named(check(OPERATOR, kept, archive)) == {
        ("database-unreadable", "database"),
        ("object-missing", f"{MAILS[0].sha256}.eml"),
    }


def test_wrong_permissions_are_findings_and_the_rest_is_still_checked() -> None:
    """Run as nobody where the tests run as root, whom no permission stops."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)

    def look() -> None:
        if os.geteuid() == 0:
            os.setuid(65534)
        archive = LocalArchive(folder / "archive")
        archive.put_many(MAILS)
        shelves = sorted({mail.sha256[:2] for mail in MAILS})
        closed, secret = archive.root / "objects" / shelves[0], archive.path(MAILS[-1].sha256, Suffix.MAIL)
        assert secret.parent != closed
        for name in ("00000001.seal", "00000002.seal", "00000002.jsonl"):
            (archive.root / "ledger" / name).write_bytes(
                b"# previous none\n" + b"0" * 64 + b"  " + b"0" * 26 + b".json\n"
            )
        for path in (closed, secret, archive.root / "FORMAT", archive.root / "ledger" / "00000001.seal"):
            path.chmod(0)
        (archive.root / "ledger" / "00000002.jsonl").chmod(0)
        seen = named(check(OPERATOR, None, archive))
        closed.chmod(0o700)
        assert {
            ("folder-unreadable", f"objects/{closed.name}"),
            ("object-unreadable", secret.name),
            ("format-missing", "FORMAT"),
            ("seal-unreadable", "00000001.seal"),
            ("segment-unreadable", "00000002.jsonl"),
        } <= seen
        assert not any(kind == "object-damaged" for kind, _ in seen)
        (archive.root / "ledger").chmod(0)
        assert ("folder-unreadable", "ledger") in named(check(OPERATOR, None, archive))
        (archive.root / "ledger").chmod(0o700)

    try:
        assert in_another_process(look) == 0
    finally:
        shutil.rmtree(folder)


def test_processes_find_what_one_process_finds(
    kept: Engine, archive: LocalArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehash_all, "WORTH_PROCESSES", 1)
    path = archive.path(MAILS[0].sha256, Suffix.MAIL)
    path.chmod(0o600)
    path.write_bytes(b"x")
    report = check(OPERATOR, kept, archive, processes=2)
    assert named(report) == {("object-damaged", path.name)}
    assert report.objects == 26


def test_large_mails_are_read_to_their_last_byte(archive: LocalArchive) -> None:
    sizes = [65_535, 65_536, 65_537, 131_072, 1_000_000]
    large = [Object(os.urandom(size), Suffix.MAIL) for size in sizes]
    archive.put_many(large)
    report = check(OPERATOR, None, archive)
    assert report.bytes == sum(sizes)
    assert {kind for kind, _ in named(report)} == {"object-extra"}
    for each in large:
        path = archive.path(each.sha256, Suffix.MAIL)
        path.chmod(0o600)
        with path.open("r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(bytes([each.content[-1] ^ 1]))
    assert {name for kind, name in named(check(OPERATOR, None, archive)) if kind == "object-damaged"} == {
        f"{each.sha256}.eml" for each in large
    }


def test_sha256sum_and_check_agree_on_what_is_damaged(kept: Engine, archive: LocalArchive) -> None:
    for victim in MAILS[2:5]:
        path = archive.path(victim.sha256, Suffix.MAIL)
        path.chmod(0o600)
        path.write_bytes(victim.content + b" ")
    files = sorted((archive.root / "objects").glob("??/*"))
    listed = subprocess.run(["sha256sum", *map(str, files)], capture_output=True, text=True, check=True).stdout
    wrong = {Path(line[66:]).name for line in listed.splitlines() if line[:64] != Path(line[66:]).name[:64]}
    assert wrong == {name for _, name in named(check(OPERATOR, kept, archive))}
    with reading(kept) as connection:
        assert len(connection.scalars(select(Mail.id)).all()) == len(MAILS)
