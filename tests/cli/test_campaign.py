"""What a user would lose: to see what is wrong in one's own rows, and what became of each, on 80 columns."""

import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pec_tracker.app import build
from pec_tracker.askers import OPERATOR
from pec_tracker.config import load
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service.campaigns.feed import feed
from tests.cli.desk import Desk
from tests.sandbox.materials import SENDER
from tests.sandbox.running import sandbox_in

WIDTH = 80
NAME = "Assemblea del 3 maggio"
ROWS = """Interno;Nome e cognome;PEC;Indirizzo;CAP;Comune
1;Mario Rossi;consegnata+1@pec.test;Via Garibaldi 3;00100;Roma
2;Anna Bianchi;piena+2@pec.test;;;
13;Luca Neri;lucaneri.pec.test;;;
4;Carla Verdi;;Via Garibaldi 3;00100;Roma
"""


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_PASSWORD", "sandbox")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """A provider for the mailbox of the desk."""
    with sandbox_in(tmp_path / "sandbox") as running:
        yield running


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], sandbox: Sandbox) -> Desk:
    """A desk whose mailbox lies at the sandbox, with a list, and a document for each row but one."""
    login = next(one.login for one in sandbox.settings.accounts if one.address == SENDER)
    pem = sandbox.ca_file.read_bytes()
    desk = Desk(tmp_path, capsys, SENDER, login, smtp=sandbox.smtp_port, imap=sandbox.imap_port, root_pem=pem)
    desk.configure()
    (tmp_path / "elenco.csv").write_text(ROWS, "utf-8")
    documents = tmp_path / "documenti"
    documents.mkdir()
    for unit in ("1", "2", "4"):
        (documents / f"estratto-{unit}.txt").write_text(f"Interno {unit}", "utf-8")
    return desk


def new(desk: Desk, *more: str, language: str = "en") -> object:
    said = ("--subject", "Estratto, interno {interno}", "--text", "Gentile {nome},\nil suo estratto.")
    where = ("--list", str(desk.folder / "elenco.csv"), "--file-pattern", "*-{interno}.txt")
    return desk.run(
        "campaign", "new", NAME, *where, "--folder", str(desk.folder / "documenti"), *said, *more, language=language
    )


def too_wide(text: str) -> list[str]:
    return [line for line in text.splitlines() if len(line) > WIDTH and " " in line.strip()]


def check_id(desk: Desk) -> str:
    found = desk.run("campaign", "check", NAME, "--json")
    return str(found.record["check"])


@pytest.mark.parametrize("language", ["en", "it"])
def test_from_a_list_with_mistakes_to_the_report(desk: Desk, sandbox: Sandbox, language: str) -> None:
    made = new(desk, "--rejects", str(desk.folder / "correggere.csv"), language=language)
    assert made.status == 0, made.words  # type: ignore[attr-defined]
    assert too_wide(made.out) == []  # type: ignore[attr-defined]
    assert ("riga 4: Luca Neri" if language == "it" else "row 4: Luca Neri") in made.out  # type: ignore[attr-defined]
    rejected = list(csv.reader(io.StringIO((desk.folder / "correggere.csv").read_text("utf-8-sig")), delimiter=";"))
    assert [row[:3] for row in rejected[1:]] == [["13", "Luca Neri", "lucaneri.pec.test"], ["4", "Carla Verdi", ""]]

    check = check_id(desk)
    assert desk.run("campaign", "start", NAME, "--check", check, language=language).status == 2, "not looked at yet"
    seen = desk.run("campaign", "preview", NAME, "--to", str(desk.folder / "anteprime"), language=language)
    assert too_wide(seen.out) == []
    assert "Gentile Mario Rossi" in seen.out
    assert (desk.folder / "anteprime" / "2" / "1-estratto-1.txt").read_text("utf-8") == "Interno 1"
    trial = desk.run("campaign", "test", NAME, language=language)
    assert trial.status == 0, trial.words
    assert sandbox.sent[0].submission.rcpt_to == (SENDER,)

    started = desk.run("campaign", "start", NAME, "--check", check, language=language)
    assert started.status == 0, started.words
    assert [one.submission.rcpt_to[0] for one in sandbox.sent[1:]] == ["consegnata+1@pec.test", "piena+2@pec.test"]
    sandbox.wait_until_quiet()
    desk.run("collect", language=language)
    status = desk.run("campaign", "status", NAME[:9], language=language)
    assert status.status == 1
    assert (
        "2 di 2 inviate, 1 consegnate, 1 non consegnate." if language == "it" else "2 of 2 sent, 1 delivered"
    ) in status.out
    report = desk.run("campaign", "report", NAME, "--csv", desk.folder / "e.csv", "--xlsx", desk.folder / "e.xlsx",
                      language=language)  # fmt: skip
    assert (report.status, too_wide(status.out + report.out)) == (1, [])
    told = list(csv.reader(io.StringIO((desk.folder / "e.csv").read_text("utf-8-sig")), delimiter=";"))
    assert [row[2] for row in told[1:]] == ["Mario Rossi", "Anna Bianchi", "Luca Neri", "Carla Verdi"]
    assert b"Anna Bianchi" in zipfile.ZipFile(desk.folder / "e.xlsx").read("xl/worksheets/sheet1.xml")


def test_corrected_and_sent_again_nobody_gets_it_twice(desk: Desk, sandbox: Sandbox) -> None:
    new(desk)
    desk.run("campaign", "preview", NAME)
    desk.run("campaign", "start", NAME, "--check", check_id(desk))
    sandbox.wait_until_quiet()
    desk.run("collect")
    corrected = ROWS.replace("piena+2", "consegnata+2").replace("lucaneri.pec.test", "consegnata+13@pec.test")
    (desk.folder / "corretto.csv").write_text(corrected, "utf-8")
    stopped = desk.run("campaign", "update", NAME, desk.folder / "corretto.csv")
    assert stopped.status == 1, "row 13 has no document"
    assert "no document of its own" in stopped.out
    (desk.folder / "documenti" / "estratto-13.txt").write_text("Interno 13", "utf-8")
    updated = desk.run("campaign", "update", NAME, desk.folder / "corretto.csv")
    assert updated.status == 0, updated.words
    assert "had not arrived: is sent again as it says now: 1" in updated.out
    assert "2 recipients: 2 PEC." in updated.out
    desk.run("campaign", "preview", NAME)
    assert desk.run("campaign", "start", NAME, "--check", check_id(desk)).status == 0
    assert sorted(one.submission.rcpt_to[0] for one in sandbox.sent) == [
        "consegnata+13@pec.test", "consegnata+1@pec.test", "consegnata+2@pec.test", "piena+2@pec.test"
    ]  # fmt: skip
    assert desk.run("campaign", "run", NAME).status == 0
    assert len(sandbox.sent) == 4


def test_letters_that_a_killed_process_left_in_the_outbox_go_with_the_next_run(desk: Desk, sandbox: Sandbox) -> None:
    new(desk)
    desk.run("campaign", "preview", NAME)
    assert desk.run("campaign", "start", NAME, "--check", check_id(desk), "--queue-only").status == 0
    app = build(load(desk.config))
    feed(OPERATOR, app.house, app.account())  # and killed before it sent them
    assert desk.run("campaign", "run", NAME).status == 0
    assert len(sandbox.sent) == 2


def test_everything_that_waits_is_campaigns_too(desk: Desk, sandbox: Sandbox) -> None:
    new(desk)
    desk.run("campaign", "preview", NAME)
    desk.run("campaign", "start", NAME, "--check", check_id(desk), "--queue-only")
    assert desk.run("outbox", "send").status == 0
    assert len(sandbox.sent) == 2


def test_queued_only_paused_resumed_and_cancelled(desk: Desk, sandbox: Sandbox) -> None:
    new(desk)
    desk.run("campaign", "preview", NAME)
    assert desk.run("campaign", "start", NAME, "--check", check_id(desk), "--queue-only").status == 0
    assert "no other letter is written" in desk.run("campaign", "pause", NAME).out
    assert desk.run("campaign", "pause", NAME).status == 2
    assert not sandbox.sent
    assert desk.run("campaign", "resume", NAME, "--queue-only").status == 0
    assert "cancelled" in desk.run("campaign", "cancel", NAME).out
    assert "was cancelled" in desk.run("campaign", "run", NAME).err
    desk.run("outbox", "send")
    assert not sandbox.sent
    [listed] = desk.run("campaign", "list", "--json").records
    assert (listed["campaign"], listed["state"]) == (NAME, "cancelled")
    assert too_wide(desk.run("campaign", "list", language="it").out) == []


def test_a_draft_is_removed_and_leaves_its_name_free(desk: Desk) -> None:
    new(desk)
    assert desk.run("campaign", "cancel", NAME, "--json").record == {"schema": 1, "campaign": NAME, "removed": True}
    assert new(desk).status == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--subject", "x", "--text", "x"], "--list FILE, or --condominium NAME"),
        (["--condominium", "Via Roma 1", "--subject", "x", "--text", "x"], "no condominium"),
        (["--list", "elenco.csv", "--text", "x"], "--subject TEXT"),
        (["--list", "elenco.csv", "--subject", "x"], "give the text once"),
        (["--list", "elenco.csv", "--subject", "{cognome}", "--text", "x"], "no column is called {cognome}"),
        (["--list", "elenco.csv", "--subject", "x", "--text", "{"], "a brace itself is written twice"),
        (["--list", "elenco.csv", "--subject", "x", "--text", "x", "--accept", "no-address"], "cannot be accepted"),
        (["--list", "elenco.csv", "--subject", "x", "--text", "x", "--channel-column", "Canale"], "Canale"),
    ],
)
def test_what_says_too_little_is_refused_in_words(
    desk: Desk, arguments: list[str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(desk.folder)
    made = desk.run("campaign", "new", NAME, *arguments)
    assert made.status in (1, 2), made.words
    assert told in made.words


def test_owners_of_a_condominium_of_the_address_book(desk: Desk, sandbox: Sandbox) -> None:
    house = ["--condominium", "Via Garibaldi 3"]
    desk.run("contacts", "import", desk.folder / "elenco.csv", *house, "--skip-wrong")
    made = desk.run(
        "campaign", "new", "Verbale", *house, "--subject", "Verbale {condominio}", "--text", "Gentile {nome}"
    )
    assert made.status == 0, made.words
    assert "no address" in made.out
    desk.run("campaign", "preview", "Verbale")
    found = desk.run("campaign", "check", "Verbale", "--json").record
    assert desk.run("campaign", "start", "Verbale", "--check", found["check"]).status == 0
    assert {one.submission.rcpt_to[0] for one in sandbox.sent} == {"consegnata+1@pec.test", "piena+2@pec.test"}


def test_rows_with_one_address_get_one_letter_that_names_both(desk: Desk, sandbox: Sandbox) -> None:
    twice = ROWS.replace("piena+2@pec.test", "consegnata+1@pec.test").replace("Anna Bianchi", "Mario Rossi")
    (desk.folder / "elenco.csv").write_text(twice, "utf-8")
    made = new(desk, "--merge")
    assert "1 row goes with another." in made.out  # type: ignore[attr-defined]
    desk.run("campaign", "preview", NAME)
    desk.run("campaign", "start", NAME, "--check", check_id(desk))
    [taken] = sandbox.sent
    assert b"estratto-1.txt" in taken.submission.raw
    assert b"estratto-2.txt" in taken.submission.raw
    assert b"Estratto, interno 1 e 2" in taken.submission.raw
    sandbox.wait_until_quiet()
    desk.run("collect")
    rows = desk.run("campaign", "report", NAME, "--json").records
    assert [row["outcome"] for row in rows] == ["delivered", "delivered", "none", "none"]


@pytest.mark.parametrize("language", ["en", "it"])
def test_paper_and_hand_are_noted_and_the_chair_sees_who_was_convened_in_time(
    desk: Desk, sandbox: Sandbox, language: str
) -> None:
    rows = ROWS.replace("lucaneri.pec.test;;;", ";Via Roma 1;00100;Roma").replace("piena+2", "consegnata+2")
    (desk.folder / "elenco.csv").write_text(rows, "utf-8")
    (desk.folder / "documenti" / "estratto-13.txt").write_text("Interno 13", "utf-8")
    made = new(desk, "--without-pec", "paper", language=language)
    assert made.status == 0, made.words  # type: ignore[attr-defined]
    desk.run("campaign", "preview", NAME)
    assert desk.run("campaign", "start", NAME, "--check", check_id(desk)).status == 0
    assert len(sandbox.sent) == 2
    sandbox.wait_until_quiet()
    desk.run("collect")
    refused = desk.run("campaign", "outcome", NAME, "--row", "2", "--posted", "20/10/2026")
    assert (refused.status, "does not go on paper" in refused.err) == (2, True)
    assert desk.run("campaign", "outcome", NAME, "--row", "4", "--posted", "20/10/2099").status == 2
    desk.run("campaign", "outcome", NAME, "--row", "4", "--posted", "10/01/2026", "--number", "15234567890")
    noted = desk.run("campaign", "outcome", NAME, "--row", "4", "--notice-left", "12/01/2026", language=language)
    assert ("annotato, non certificato" if language == "it" else "noted, not certified") in noted.words
    desk.run("campaign", "outcome", NAME, "--row", "5", "--posted", "10/01/2026")
    desk.run("campaign", "outcome", NAME, "--row", "5", "--returned", "14/01/2026")

    told = desk.run("campaign", "chair", NAME, "--call", "17/01/2026", "--json").record
    by_name = {row["name"]: (row["channel"], row["received"], row["days"], row["outcome"]) for row in told["rows"]}
    assert by_name["Luca Neri"] == ("paper", "2026-01-12", 5, "at-the-limit")
    assert by_name["Carla Verdi"] == ("paper", None, None, "missing")
    assert by_name["Mario Rossi"][3] == "late"
    later = desk.run(
        "campaign", "chair", NAME, "--call", "31/12/2099", "--xlsx", desk.folder / "f.xlsx", language=language
    )
    assert (later.status, too_wide(later.out)) == (1, [])
    assert ("3 su 4 nei termini" if language == "it" else "3 of 4 in time") in later.words
    report = desk.run("campaign", "report", NAME, language=language)
    assert too_wide(report.out) == []
    assert [one["outcome"] for one in desk.run("campaign", "report", NAME, "--json").records] == [
        "delivered", "delivered", "delivered", "failed"
    ]  # fmt: skip
