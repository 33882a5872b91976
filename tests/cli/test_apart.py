"""What a user would lose where database and archive do not belong together: acts, sealed into nothing."""

import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.archive.killed import killed_at
from tests.cli.desk import Desk
from tests.factory import receipts

SUBJECT = "Diffida ad adempiere"


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("DESK_PASSWORD", "sandbox")
    made = Desk(tmp_path, capsys)
    made.configure()
    sent = receipts.original(subject=SUBJECT)
    made.mail("sent.eml", sent)
    made.mail("acceptance.eml", receipts.receipt("accettazione", subject=SUBJECT))
    assert made.run("import", made.folder / "mails", "--mailbox", "studio").status == 0
    return made


def archive(desk: Desk) -> Path:
    return desk.folder / "data" / "archive"


def database(desk: Desk) -> Path:
    return desk.folder / "data" / "pec-tracker.db"


def another_day(desk: Desk, count: int = 1) -> None:
    """Some more acts, each sealed by itself."""
    for number in range(count):
        file = desk.mail(f"later-{number}.eml", f"From: a@b.it\r\nSubject: {number}\r\n\r\nlater\r\n".encode())
        assert desk.run("import", file, "--mailbox", "studio").status == 0


def send(desk: Desk) -> tuple[str, ...]:
    return ("send", "--to", "x@pec.test", "--subject", "Nuova", "--text", "Buongiorno", "--queue-only")


def files(folder: Path) -> dict[str, bytes]:
    shelves = (folder / "objects", folder / "ledger")
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for shelf in shelves
        for path in shelf.rglob("*")
        if path.is_file()
    }


def writing_is_refused(desk: Desk, word: str) -> None:
    for arguments in (
        send(desk),
        ("import", str(desk.folder / "mails"), "--mailbox", "studio"),
        ("collect",),
        ("seal",),
        ("serve",),
    ):
        ran = desk.run(*arguments)
        assert ran.status == 4, arguments
        assert word in ran.words, arguments


def test_an_empty_mount_point_is_never_written_to(desk: Desk) -> None:
    archive(desk).rename(desk.folder / "elsewhere")
    archive(desk).mkdir()
    writing_is_refused(desk, "mounted")
    assert list(archive(desk).iterdir()) == []
    status = desk.run("status", "--json")
    assert status.status == 1
    assert [need["kind"] for need in status.record["needs"]] == ["archive-emptied"]
    assert "mounted" in desk.run("find").words
    assert desk.run("rebuild").status == 4
    archive(desk).rmdir()
    (desk.folder / "elsewhere").rename(archive(desk))
    assert desk.run(*send(desk)).status == 0


def test_another_archive_is_never_written_to(desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "other").mkdir()
    other = Desk(tmp_path / "other", capsys)
    other.configure()
    another_day(other, 3)
    archive(desk).rename(desk.folder / "elsewhere")
    shutil.copytree(archive(other), archive(desk))
    before = files(archive(desk))
    writing_is_refused(desk, "another archive")
    assert desk.run("rebuild").status == 4
    assert files(archive(desk)) == before
    assert [need["kind"] for need in desk.run("status", "--json").record["needs"]] == ["another-archive"]


def test_yesterdays_archive_is_not_written_after_a_gap_and_is_made_whole(desk: Desk) -> None:
    yesterday = desk.folder / "yesterday"
    shutil.copytree(archive(desk), yesterday)
    another_day(desk, 3)
    today = files(archive(desk))
    shutil.rmtree(archive(desk))
    shutil.copytree(yesterday, archive(desk))
    writing_is_refused(desk, "check --repair")
    assert [need["kind"] for need in desk.run("status", "--json").record["needs"]] == ["archive-older"]
    ran = desk.run("check", "--repair")
    assert ran.status == 1  # the mails are still gone, and named
    now = files(archive(desk))
    lost = {name for name in today if name not in now}
    assert all(name.endswith(".eml") for name in lost)
    assert all(Path(name).name in ran.words for name in lost)
    assert {name: content for name, content in today.items() if name not in lost} == now
    assert desk.run("import", desk.folder / "mails", "--mailbox", "studio").status == 0
    assert files(archive(desk)).keys() >= today.keys()
    assert desk.run("check").status == 0


def test_a_lost_archive_begins_anew_only_when_that_is_said(desk: Desk) -> None:
    ledger = {name: content for name, content in files(archive(desk)).items() if name.startswith("ledger")}
    shutil.rmtree(archive(desk))
    assert desk.run("check", "--repair").status == 4
    assert not archive(desk).exists()
    assert desk.run("check", "--repair", "--into-empty").status == 1
    assert {name: files(archive(desk))[name] for name in ledger} == ledger
    assert desk.run("import", desk.folder / "mails", "--mailbox", "studio").status == 0


def test_an_archive_of_an_earlier_release_is_given_its_identity(desk: Desk) -> None:
    (archive(desk) / "IDENTITY").unlink()
    with sqlite3.connect(database(desk)) as connection:
        connection.execute("DELETE FROM archive")
    assert desk.run("seal").status == 0
    assert (archive(desk) / "IDENTITY").is_file()
    archive(desk).rename(desk.folder / "elsewhere")
    archive(desk).mkdir()
    assert desk.run("seal").status == 4


@pytest.mark.parametrize("name", ["00000002.jsonl", "00000002.seal", "00000004.jsonl", "00000004.seal"])
def test_one_lost_ledger_file_is_written_again_from_the_database(desk: Desk, name: str) -> None:
    another_day(desk, 3)
    file = archive(desk) / "ledger" / name
    content = file.read_bytes()
    file.unlink()
    assert desk.run("rebuild").status == 0
    assert file.read_bytes() == content
    assert desk.run("check").status == 0
    with sqlite3.connect(database(desk)) as connection:
        (known,) = connection.execute("SELECT identity FROM archive").fetchone()
    assert known in (archive(desk) / "IDENTITY").read_text()


@pytest.mark.parametrize("name", ["00000001.jsonl", "00000002.jsonl", "00000004.jsonl"])
def test_one_lost_segment_without_a_database_is_named_and_the_rest_comes_back(desk: Desk, name: str) -> None:
    another_day(desk, 3)
    (archive(desk) / "ledger" / name).unlink()
    for left in database(desk).parent.glob("pec-tracker.db*"):
        left.unlink()
    ran = desk.run("rebuild", "--json")
    assert ran.status == 1
    assert name in ran.record["missing"]
    assert ran.record["mails"] >= 2
    assert desk.run("status").status in (0, 1)
    assert desk.run("import", desk.folder / "mails", "--mailbox", "studio").status == 0


@pytest.mark.parametrize("name", ["00000001.seal", "00000002.seal", "00000004.seal"])
def test_one_lost_seal_without_a_database_follows_from_its_segment(desk: Desk, name: str) -> None:
    another_day(desk, 3)
    file = archive(desk) / "ledger" / name
    content = file.read_bytes()
    file.unlink()
    for left in database(desk).parent.glob("pec-tracker.db*"):
        left.unlink()
    assert desk.run("rebuild").status == 0
    assert file.read_bytes() == content


def test_every_record_lost_is_named_and_the_rest_comes_back(desk: Desk) -> None:
    assert desk.run(*send(desk)).status == 0
    assert desk.run("seal").status == 0
    records = sorted((archive(desk) / "objects").rglob("*.json"))
    for record in records:
        record.unlink()
    for left in database(desk).parent.glob("pec-tracker.db*"):
        left.unlink()
    ran = desk.run("rebuild", "--json")
    assert ran.status == 1
    assert {record.name for record in records} <= set(ran.record["missing"])
    assert ran.record["messages"] == 2
    assert "x@pec.test" in desk.run("find").words
    assert "Nuova" in desk.run("outbox", "list").words


def test_a_message_that_only_an_outdated_database_knows_is_carried_over(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Queued by an earlier release, that did not seal at once."""
    monkeypatch.setattr("pec_tracker.service.sending.send._seal", lambda _house: None)
    yesterday = desk.folder / "yesterday.db"
    assert desk.run(*send(desk)).status == 0
    shutil.copy(database(desk), yesterday)
    with sqlite3.connect(yesterday) as connection:  # as when it was queued on the outdated database
        key = connection.execute("SELECT key FROM message WHERE origin = 'composed'").fetchone()[0]
        line = connection.execute("SELECT line_id FROM ledger WHERE act = 'message.queued'").fetchone()[0]
    with sqlite3.connect(database(desk)) as connection:
        connection.execute("DELETE FROM ledger WHERE line_id = ?", (line,))
        connection.execute("DELETE FROM search WHERE rowid IN (SELECT id FROM mail WHERE origin = 'sent')")
        connection.execute("DELETE FROM mail WHERE origin = 'sent'")
        connection.execute("DELETE FROM recipient WHERE message_id IN (SELECT id FROM message WHERE key = ?)", (key,))
        connection.execute("DELETE FROM message WHERE key = ?", (key,))
    another_day(desk, 2)
    for left in database(desk).parent.glob("pec-tracker.db*"):
        left.unlink()
    shutil.copy(yesterday, database(desk))
    writing_is_refused(desk, "rebuild")
    ran = desk.run("rebuild", "--json")
    assert ran.record["carried"] >= 1
    assert key in desk.run("outbox", "list", "--json").out
    assert desk.run("check").status == 0


def test_going_back_to_an_older_release_keeps_what_was_not_sealed(desk: Desk) -> None:
    assert desk.run(*send(desk)).status == 0
    with sqlite3.connect(database(desk)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert desk.run("find").status == 2
    ran = desk.run("rebuild", "--json")
    assert ran.status == 0
    assert ran.record["messages"] == 2


def test_a_database_that_does_not_say_its_release_is_named(desk: Desk) -> None:
    with sqlite3.connect(database(desk)) as connection:
        connection.execute("DELETE FROM alembic_version")
    ran = desk.run("find")
    assert ran.status == 4
    assert "rebuild" in ran.words
    assert desk.run("rebuild").status == 0


def test_status_knows_that_no_mailbox_is_configured(desk: Desk) -> None:
    whole = desk.config.read_text()
    desk.config.write_text(whole[: whole.index("[mailbox.studio]")])
    ran = desk.run("status", "--json")
    assert ran.status == 1
    assert [need["kind"] for need in ran.record["needs"]] == ["no-mailbox"]


def test_a_new_installation_is_sound(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    desk = Desk(tmp_path, capsys)
    desk.configure()
    whole = desk.config.read_text()
    desk.config.write_text(whole[: whole.index("[mailbox.studio]")])
    assert desk.run("check").status == 0


def test_a_copy_on_a_read_only_medium_can_be_looked_at(desk: Desk) -> None:
    data = desk.folder / "data"
    if subprocess.run(["mount", "--bind", data, data]).returncode:
        pytest.skip("without privileges nothing can be mounted")
    try:
        key = desk.run("find", "--json").records[0]["key"]
        subprocess.run(["mount", "-o", "remount,bind,ro", data], check=True)
        assert not os.access(data, os.W_OK)
        for arguments in (("find",), ("check",), ("status",), ("show", key)):
            ran = desk.run(*arguments)
            assert ran.status in (0, 1), (arguments, ran.words)
            assert "Error" not in ran.words, arguments
        assert desk.run("check").status == 0
        assert desk.run(*send(desk)).status == 4
    finally:
        subprocess.run(["umount", data], check=True)


def test_a_damaged_identity_is_written_again_where_the_seals_agree(desk: Desk) -> None:
    file = archive(desk) / "IDENTITY"
    whole = file.read_bytes()
    file.chmod(0o600)
    file.write_bytes(whole[:-5])
    assert desk.run(*send(desk)).status == 0
    assert file.read_bytes() == whole


def test_an_orphan_is_moved_aside_only_when_asked_and_the_ledger_says_so(desk: Desk) -> None:
    digest = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"  # of one zero byte
    shelf = archive(desk) / "objects" / "6e"
    shelf.mkdir(exist_ok=True)
    (shelf / f"{digest}.eml").write_bytes(b"\0")
    assert desk.run("seal").status == 0
    assert digest in desk.run("check").words
    assert digest in desk.run("check", "--set-aside").words
    assert desk.run("check").status == 0
    assert (archive(desk) / "aside" / f"{digest}.eml").read_bytes() == b"\0"
    assert any(digest in path.read_text() for path in (archive(desk) / "ledger").glob("*.jsonl"))
    assert desk.run("rebuild").status == 0


@pytest.mark.parametrize("point", ["intake.archived", "queue.archived"])
def test_after_a_kill_check_is_clean_and_nothing_is_lost(desk: Desk, point: str) -> None:
    file = desk.mail("new.eml", b"From: a@b.it\r\nSubject: nuova\r\n\r\nnuova\r\n")
    arguments: tuple[str, ...] = ("import", str(file), "--mailbox", "studio")
    if point == "queue.archived":
        arguments = send(desk)
    before = len(files(archive(desk)))
    assert killed_at(point, lambda: desk.run(*arguments))
    assert len(files(archive(desk))) > before
    assert desk.run("check").status == 0
    assert list((archive(desk) / "aside").iterdir())
    assert desk.run(*arguments).status == 0
    assert desk.run("check").status == 0
