"""What a user would lose: the list of who received what in a case, and the word that the archive holds everything."""

import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from pec_tracker.cli import collect as collecting
from pec_tracker.cli.output import Output
from pec_tracker.db.engine import open_engine, sqlite_url, writing
from pec_tracker.db.tables import Message
from pec_tracker.errors import ServerError
from pec_tracker.pec.folding import fold
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service.collecting.collect import Collected
from pec_tracker.texts import activate, error_facts, error_text, facts_text, notices
from pec_tracker.wire.imap import FolderError
from tests.cli.desk import Desk
from tests.factory import receipts
from tests.history.msg import msg, signed
from tests.sandbox.materials import SENDER, letter
from tests.sandbox.running import sandbox_in

SUBJECT = "Diffida ad adempiere"


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_PASSWORD", "sandbox")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    """A desk with servers that nobody asks."""
    desk = Desk(tmp_path, capsys)
    desk.configure()
    return desk


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """A provider for the mailbox of the desk."""
    with sandbox_in(tmp_path / "sandbox") as running:
        yield running


@pytest.fixture
def connected(tmp_path: Path, capsys: pytest.CaptureFixture[str], sandbox: Sandbox) -> Desk:
    """A desk whose mailbox lies at the sandbox."""
    login = next(one.login for one in sandbox.settings.accounts if one.address == SENDER)
    pem = sandbox.ca_file.read_bytes()
    desk = Desk(tmp_path, capsys, SENDER, login, smtp=sandbox.smtp_port, imap=sandbox.imap_port, root_pem=pem)
    desk.configure()
    return desk


# --- report completeness ---


def test_complete_mailbox_is_told_and_exits_0(connected: Desk, sandbox: Sandbox) -> None:
    sandbox.deliver(SENDER, letter())
    assert connected.run("collect").status in (0, 1)
    ran = connected.run("report", "completeness")
    assert ran.status == 0
    assert "INBOX" in ran.out
    assert "not complete" not in ran.out
    assert "left out by the configuration" in ran.out


def test_mail_not_collected_is_told_and_exits_1(connected: Desk, sandbox: Sandbox) -> None:
    connected.run("collect")
    sandbox.deliver(SENDER, letter())
    ran = connected.run("report", "completeness", "--mailbox", "studio", language="it")
    assert ran.status == 1
    assert "non completa" in ran.out
    record = connected.run("report", "completeness", "--json").record
    assert (record["mailbox"], record["complete"], record["error"]) == ("studio", False, None)
    inbox = next(one for one in record["folders"] if one["folder"] == "INBOX")
    assert (inbox["on_server"], inbox["archived"], inbox["missing"], inbox["quarantined"]) == (1, 0, [1], [])


def test_quarantined_mail_is_told_with_its_reason(connected: Desk, sandbox: Sandbox) -> None:
    sandbox.deliver(SENDER, letter())
    sandbox.imap_faults.answer("UID FETCH", "NO cannot read it", after=1, times=1)
    connected.run("collect")
    sandbox.imap_faults.answers.clear()
    ran = connected.run("report", "completeness")
    assert ran.status == 1
    assert "studio, INBOX, UID 1: " in ran.out
    assert "quarantine retry" in ran.err
    record = connected.run("report", "completeness", "--json").record
    assert [one["quarantined"] for one in record["folders"] if one["quarantined"]] == [
        [{"uid": 1, "reason": "refused"}]
    ]


def test_server_out_of_reach_exits_3_and_never_says_complete(desk: Desk) -> None:
    ran = desk.run("report", "completeness")
    assert ran.status == 3
    assert "studio" in ran.err
    record = desk.run("report", "completeness", "--json").record
    assert record["complete"] is False
    assert record["error"]


# --- report case ---


@pytest.fixture
def in_a_case(desk: Desk) -> Desk:
    """A desk with a case: one message, which one of its two recipients has received."""
    two = ("anna@pec.example", "=bruno@pec.example")
    facts = {"subject": SUBJECT, "recipients": two}
    desk.mail("acceptance.eml", receipts.receipt("accettazione", **facts))  # type: ignore[arg-type]
    desk.mail("delivery.eml", receipts.receipt("avvenuta-consegna", recipient=two[0], **facts))  # type: ignore[arg-type]
    desk.run("import", desk.folder / "mails", "--mailbox", "studio")
    file_under_case(desk, "2026/114")
    return desk


def file_under_case(desk: Desk, case: str) -> None:
    """What was found by its receipts is given a case, as when it was sent from here."""
    engine = open_engine(sqlite_url(desk.folder / "data" / "pec-tracker.db"))
    with writing(engine) as connection:
        connection.execute(update(Message).values(case=case, case_key=fold(case)))
    engine.dispose()


def test_case_lists_who_received_when_and_who_did_not(in_a_case: Desk) -> None:
    ran = in_a_case.run("report", "case", "2026/114")
    assert ran.status == 1  # one has not received it
    (received,) = [line for line in ran.out.splitlines() if "anna@pec.example" in line]
    (missing,) = [line for line in ran.out.splitlines() if "bruno@pec.example" in line]
    assert "yes" in received
    assert "02/03/2026 10:15:30" in received
    assert " no " in missing
    assert "1 of 2 received." in ran.err


def test_case_in_json_has_one_object_a_recipient(in_a_case: Desk) -> None:
    records = in_a_case.run("report", "case", "2026/114", "--json").records
    assert [(one["recipient"], one["received"], one["state"]) for one in records] == [
        ("anna@pec.example", True, "delivered"),
        ("=bruno@pec.example", False, "accepted"),
    ]
    assert records[0]["subject"] == SUBJECT
    assert records[0]["at"].startswith("2026-03-02T")


def test_exported_cells_are_never_taken_for_formulas(in_a_case: Desk, tmp_path: Path) -> None:
    told, book = tmp_path / "esito.csv", tmp_path / "esito.xlsx"
    ran = in_a_case.run("report", "case", "2026/114", "--csv", told, "--xlsx", book, language="it")
    assert ran.status == 1
    assert str(told) in ran.words
    read = list(csv.reader(io.StringIO(told.read_text("utf-8-sig")), delimiter=";"))
    assert "'=bruno@pec.example" in read[2]
    with zipfile.ZipFile(book) as workbook:
        sheet = workbook.read("xl/worksheets/sheet1.xml")
    assert b"<f>" not in sheet
    assert b"bruno@pec.example" in sheet


def test_unknown_case_is_a_finding_that_says_so(in_a_case: Desk, tmp_path: Path) -> None:
    told = tmp_path / "esito.csv"
    ran = in_a_case.run("report", "case", "nessuna", "--csv", told)
    assert ran.status == 1
    assert "nessuna" in ran.err
    assert not told.exists()


def test_file_that_cannot_be_written_is_told(in_a_case: Desk, tmp_path: Path) -> None:
    ran = in_a_case.run("report", "case", "2026/114", "--csv", tmp_path / "nowhere" / "x.csv")
    assert ran.status == 4
    assert "nowhere" in ran.err


# --- import: what is proof, what is missing ---


def test_import_says_what_is_proof_and_what_is_missing(desk: Desk) -> None:
    desk.mail("1.msg", signed(receipts.receipt("accettazione", subject=SUBJECT)))
    other = {"reference": "due@pec.example", "identifier": "id2@pec.example", "subject": "Senza accettazione"}
    desk.mail("2.eml", receipts.receipt("avvenuta-consegna", **other))  # type: ignore[arg-type]
    desk.mail("3.eml", receipts.receipt("avvenuta-consegna", signers=(), reference="tre@pec.example"))
    ran = desk.run("import", desk.folder / "mails", "--mailbox", "studio")
    assert "2 messages to 2 recipients; 0 with acceptance and delivery" in ran.words
    assert "1 delivered, without the acceptance receipt: " in ran.words
    assert "1 accepted, without a delivery receipt: " in ran.words
    assert "Senza accettazione" in ran.out
    assert "1 receipts of messages that nobody knows" in ran.words
    past = desk.run("import", desk.folder / "mails", "--mailbox", "studio", "--json").record["history"]
    assert (past["messages"], past["proved"], past["signatures_not_trusted"]) == (2, 0, {"unsigned": 1})
    assert past["acceptance_without_delivery"]["count"] == 1
    assert past["acceptance_without_delivery"]["first"][0]["subject"] == SUBJECT


def test_import_names_outlook_files_that_hold_no_mail(desk: Desk) -> None:
    desk.mail("anna.msg", msg("IPM.Contact", subject="Anna"))
    ran = desk.run("import", desk.folder / "mails", language="it")
    assert ran.status == 1
    assert "anna.msg: non importato (un file di Outlook, ma non di un messaggio)" in ran.err


# --- errors that travel inside results ---


def test_error_kept_in_a_result_is_told_in_the_readers_language() -> None:
    inner = FolderError("a folder's name cannot hold a line break")
    error = ServerError(
        "{count} folders could not be read, the first is {folder}: {reason}",
        count=2, folder=Path("INBOX"), reason=inner,
    )  # fmt: skip
    kept = error_facts(error)
    assert kept["params"]["reason"]["template"] == "a folder's name cannot hold a line break"
    assert facts_text(kept) == str(error)
    activate("it")
    assert facts_text(kept) == error_text(error) != str(error)
    assert "la prima è INBOX" in facts_text(kept)
    told = notices.alert_text("collect-failed", {"reason": str(error), "error": kept})
    assert str(error) not in told
    assert facts_text(kept) in told
    assert str(error) in notices.alert_text("collect-failed", {"reason": str(error)})  # as alerts were kept before


def test_folder_that_could_not_be_read_is_told_in_italian(capsys: pytest.CaptureFixture[str]) -> None:
    activate("it")
    error = FolderError("a folder's name cannot hold a line break")
    collecting._tell(Output(), Collected("studio", failures=(("Strana", error),)), [])
    told = capsys.readouterr().out
    assert error_text(error) in told
    assert str(error) not in told
