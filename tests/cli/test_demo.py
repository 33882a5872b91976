"""Is what the demo prints fit for a terminal, and for the shell into which it is typed?"""

import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pec_tracker import osfiles, texts
from pec_tracker.answers.messages import coded_text
from pec_tracker.cli import demo
from pec_tracker.cli.main import run
from pec_tracker.errors import Exit
from pec_tracker.sandbox.behaviours import BEHAVIOURS
from pec_tracker.service.queries.find import FoundMessage, RecipientState
from pec_tracker.texts import words

COLUMNS = 100
BORDERS = 10  # of a table with three columns on a terminal
STAMP = len("21/11/2026 23:55:17")

RECIPIENT = RecipientState(
    address="piena@azienda.test",
    role="to",
    type="certificato",
    state="failed",
    state_at=datetime(2026, 11, 21, 23, 55, 17, tzinfo=UTC),
    error_code="5.2.2",
    error_detail="5.2.2 - Gestore - casella piena",
    due_at=None,
    overdue=False,
    next_step="resend-later",
    contradictions=(),
)
MESSAGE = FoundMessage(
    key="k7f3qv2mx5a1",
    mailbox="demo",
    origin="composed",
    reference=None,
    identifier=None,
    subject="Richiesta di accesso",
    sender=None,
    case=None,
    send_state="submitted",
    state="failed",
    created_at=datetime(2026, 11, 21, tzinfo=UTC),
    recipients=(RECIPIENT,),
)


@pytest.fixture(params=texts.LANGUAGES)
def language(request: pytest.FixtureRequest) -> Iterator[str]:
    texts.activate(request.param)
    yield request.param
    texts.activate("en")


def test_the_last_table_fits_into_100_columns_in_both_languages(language: str) -> None:
    first, second = [texts._("Message and recipients")], [texts._("State")]
    for letter in demo.LETTERS:
        for address in letter.to + letter.cc:
            for code in (*words.FAILURE_CODES, None):
                recipient = replace(RECIPIENT, address=address, error_code=code)
                for row in demo._rows(replace(MESSAGE, subject=letter.subject, recipients=(recipient,)), "k7f3qv2m"):
                    first.append(row[0])
                    second.append(row[1])
    second += [words.word(words.STATES, state) for state in words.STATES]
    assert max(map(len, first)) + max(map(len, second)) + STAMP + BORDERS <= COLUMNS


def test_why_a_letter_was_not_delivered_stands_under_its_recipient() -> None:
    assert list(demo._rows(MESSAGE, "k7f3qv2m")) == [
        ("k7f3qv2m  Richiesta di accesso", "", "", ""),
        ("", "piena@azienda.test", "not delivered", "22/11/2026 00:55"),
        ("    5.2.2: the mailbox is full", "", "", ""),
    ]


def test_a_failure_code_that_nobody_knows_is_shown_as_it_is() -> None:
    assert coded_text("5.9.9") == "5.9.9"


def test_every_letter_asks_the_sandbox_for_a_behaviour_that_it_has() -> None:
    known = {name for behaviour in BEHAVIOURS for name in (behaviour.name, *behaviour.aliases)}
    asked = {address.partition("@")[0] for letter in demo.LETTERS for address in letter.to}
    assert asked <= known
    assert len(demo.LETTERS) == 8


def test_what_is_printed_can_be_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(osfiles, "WINDOWS", False)
    assert demo._typed(["a b/pec-tracker", "--config", "c's.toml"]) == """'a b/pec-tracker' --config 'c'"'"'s.toml'"""
    monkeypatch.setattr(osfiles, "WINDOWS", True)
    assert demo._typed([r"C:\a b\pec-tracker", "check"]) == r'"C:\a b\pec-tracker" check'


def test_the_program_is_named_as_it_was_called(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "pec_tracker" / "__main__.py")])
    assert demo._program() == [sys.executable, "-m", "pec_tracker"]
    called = str(tmp_path / "bin" / "pec-tracker")
    monkeypatch.setattr(sys, "argv", [called])
    monkeypatch.setattr("shutil.which", lambda _name: None)
    assert demo._program() == [called]
    monkeypatch.setattr("shutil.which", lambda _name: called)
    assert demo._program() == ["pec-tracker"]


@pytest.mark.parametrize("taken", ["a file in it", "no folder"])
def test_a_folder_that_holds_something_is_left_alone(
    taken: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "place"
    if taken == "no folder":
        place.write_bytes(b"mine")
    else:
        place.mkdir()
        (place / "file").write_bytes(b"mine")
    assert run(["demo", "--folder", str(place)]) == Exit.USAGE
    assert "is not empty; name a new folder with --folder" in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == ([place] if place.is_file() else [place, place / "file"])


def test_without_typst_the_proof_is_made_and_says_that_the_pdf_was_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "LETTERS", demo.LETTERS[:1] * 3)
    monkeypatch.setattr("pec_tracker.render.pdf.find_spec", lambda _name: None)
    place = tmp_path / "place"
    assert run(["--lang", "en", "demo", "--folder", str(place)]) == Exit.DONE
    said = capsys.readouterr().err
    assert "Its summary as PDF was left out; the extra pec-tracker[pdf] makes it." in said
    assert "The package was verified: everything holds." in said
    with zipfile.ZipFile(place / "proof.zip") as package:
        assert "summary.pdf" not in package.namelist()
