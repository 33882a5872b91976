"""What a user would lose: a table whole on any terminal. Every command that prints one, long names, both languages."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import update

from pec_tracker.cli.layout import WIDTH, Layout
from pec_tracker.db.engine import open_engine, sqlite_url, writing
from pec_tracker.db.tables import Mailbox
from tests.cli.desk import Desk
from tests.factory import receipts
from tests.sandbox.materials import SENDER, letter
from tests.sandbox.running import sandbox_in

LONG = f"{'ufficio.protocollo.'}{'x' * 21}@comune.example.test"  # 60 characters
SUBJECT = "Convocazione dell'assemblea ordinaria dei condomini del fabbricato di via Garibaldi in prima convocazione"

COMMANDS = [
    ["find"],
    ["status"],
    ["outbox", "list"],
    ["mailbox", "list"],
    ["quarantine", "list"],
    ["report", "retention"],
    ["report", "retention", "--by-month"],
    ["report", "case", "2026/12"],
    ["trust", "list"],
    ["check"],
    ["seal"],
    ["sandbox", "behaviours"],
    ["sandbox", "inject"],
]


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk whose mailbox is suspended: a message sent elsewhere, one that waits, and a mail that nobody can read."""
    monkeypatch.setenv("DESK_PASSWORD", "sandbox")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    desk = Desk(tmp_path, capsys)
    desk.configure()
    mails = [
        desk.mail("sent.eml", receipts.original(subject=SUBJECT)),
        desk.mail("acceptance.eml", receipts.receipt("accettazione", subject=SUBJECT)),
        desk.mail("unread.eml", b"\x00\xff\x00"),
    ]
    desk.run("import", *mails, "--mailbox", "studio")
    letter = desk.folder / "letter.txt"
    letter.write_text("Gentile condomino", encoding="utf-8")
    to = ["--to", LONG, "--to", receipts.RECIPIENT]
    sent = desk.run(
        "send", *to, "--subject", SUBJECT, "--text-file", letter, "--case", "2026/12", "--queue-only", "--json"
    )
    assert sent.status == 0, sent.words
    engine = open_engine(sqlite_url(desk.folder / "data" / "pec-tracker.db"))
    with writing(engine) as connection:
        when = datetime(2026, 3, 2, 9, 15, 30, tzinfo=UTC)
        reason = "the provider refused the login for a reason that takes more words than a line has"
        connection.execute(update(Mailbox).values(suspended_at=when, suspended_reason=reason))
    engine.dispose()
    return desk


class Recorded:
    """What tables print, apart from the sentences beside them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lines: list[str] = []
        print_row = Layout.row

        def row(layout: Layout, cells: Sequence[str]) -> Iterator[str]:
            for line in print_row(layout, cells):
                self.lines.append(line)
                yield line

        monkeypatch.setattr(Layout, "row", row)

    def too_wide(self) -> list[str]:
        """The lines that 80 columns break, but for those of one word."""
        return [line for line in self.lines if len(line) > WIDTH and " " in line.strip()]


@pytest.mark.parametrize("language", ["en", "it"])
def test_every_table_fits_eighty_columns_and_cuts_nothing(
    desk: Desk, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = Recorded(monkeypatch)
    key = desk.run("find", "--subject", SUBJECT, "--json").records[0]["key"]
    for command in [*COMMANDS, ["show", key]]:
        told = desk.run(*command, language=language)
        assert told.status in (0, 1), (command, told.words)
        assert recorded.too_wide() == [], command
        assert "…" not in told.out, command
        assert [line for line in recorded.lines if "(+0" in line] == [], command
    assert len(recorded.lines) > 2 * len(COMMANDS)
    for command in (["find"], ["report", "case", "2026/12"], ["show", key]):
        assert LONG in desk.run(*command, language=language).out, command


@pytest.fixture
def connected(desk: Desk, tmp_path: Path) -> Iterator[Desk]:
    """A desk whose mailbox lies at a provider: folders with long names, one of them with a mail that did not come."""
    with sandbox_in(tmp_path / "sandbox") as sandbox:
        login = next(one.login for one in sandbox.settings.accounts if one.address == SENDER)
        pem = sandbox.ca_file.read_bytes()
        there = Desk(tmp_path, desk.capsys, SENDER, login, smtp=sandbox.smtp_port, imap=sandbox.imap_port, root_pem=pem)
        (tmp_path / "data").rename(tmp_path / "of-the-desk")
        there.configure()
        sandbox.deliver(SENDER, letter())
        sandbox.imap_faults.answer("UID FETCH", "NO cannot read it", after=1, times=1)
        there.run("collect")
        sandbox.imap_faults.answers.clear()
        sandbox.deliver(SENDER, letter())
        yield there


@pytest.mark.parametrize("language", ["en", "it"])
def test_what_a_server_tells_fits_too(connected: Desk, language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = Recorded(monkeypatch)
    for command in (["report", "quota"], ["report", "completeness"], ["quarantine", "list"], ["quarantine", "retry"]):
        told = connected.run(*command, language=language)
        assert told.status in (0, 1), (command, told.words)
        assert recorded.too_wide() == [], command
    assert len(recorded.lines) > 10


@pytest.mark.parametrize("language", ["en", "it"])
def test_proof_its_verification_and_the_mails_themselves_fit(
    desk: Desk, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = Recorded(monkeypatch)
    (key,) = {one["key"] for one in desk.run("find", "--json").records if one["origin"] != "composed"}
    desk.run("proof", key, "-o", desk.folder / "proof.zip")
    desk.run("verify", desk.folder / "proof.zip", "--trust", desk.folder / "root.pem", language=language)
    desk.run("proof", "--subject", SUBJECT, "-o", desk.folder / "other.zip", language=language)
    assert len(recorded.lines) > 4
    assert recorded.too_wide() == []
    mails = sorted((desk.folder / "mails").iterdir())
    for command in (["inspect", *mails], ["trust", "show", "root"], ["import", *mails]):
        told = desk.run(*command, language=language).out
        labelled = [line.partition(":  ")[2].strip() for line in told.splitlines() if len(line) > WIDTH]
        assert [text for text in labelled if " " in text] == [], command  # a fingerprint is one word, and stays whole


def test_a_terminal_shows_what_a_pipe_gets(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    piped = {tuple(command): desk.run(*command).out for command in COMMANDS if command != ["status"]}
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda _self: True, raising=False)
    monkeypatch.setattr(os, "get_terminal_size", lambda *_: os.terminal_size((40, 20)))
    monkeypatch.setenv("COLUMNS", "40")
    assert {command: desk.run(*command).out for command in piped} == piped


def test_json_is_one_line_however_long(desk: Desk) -> None:
    (found, *_) = desk.run("find", "--json").out.splitlines()
    assert json.loads(found)["schema"] == 1
    assert len(found) > WIDTH


OWNERS = (
    f"Interno;Scala;Proprietario;Cod. fiscale;PEC;Indirizzo\n"
    f"1;A;{'Immobiliare Garibaldi ' * 4};00743110157;{LONG};{'Via Giuseppe Garibaldi ' * 4}\n"
    f"2;A;Bianchi Anna;;{LONG}x.@;Via Roma 1\n"
)


@pytest.mark.parametrize("language", ["en", "it"])
def test_the_address_book_fits_too(desk: Desk, language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = Recorded(monkeypatch)
    (desk.folder / "owners.csv").write_text(OWNERS, encoding="utf-8")
    house = ["--condominium", SUBJECT]
    taken = desk.run("contacts", "import", desk.folder / "owners.csv", *house, "--skip-wrong", language=language)
    assert (taken.status, taken.err) == (1, "")
    desk.run("contacts", "edit", LONG, "--pec", "nuovo@pec.example", "--mail", f"m{LONG}", language=language)
    shown = desk.run("contacts", "show", "immobiliare", language=language)
    for said in (taken.out, shown.out):
        assert [line for line in said.splitlines() if len(line) > WIDTH and " " in line.strip()] == []
    for command in (["list"], ["list", *house], ["condominium"]):
        told = desk.run("contacts", *command, language=language)
        assert told.status == 0, told.words
        assert recorded.too_wide() == [], command
    assert len(recorded.lines) > 8
