"""Does the command line keep a lawyer from a null notification, and an administrator from a late convocation?"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pec_tracker.clock import ROME
from pec_tracker.pec.rule_profiles import LAW53_SUBJECT
from tests.cli.desk import Desk
from tests.pec.test_signed_documents import envelope


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("DESK_PASSWORD", "sandbox")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    desk = Desk(tmp_path, capsys)
    desk.configure()
    return desk


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """An act and a relata, both signed, as options."""
    for name in ("atto.pdf.p7m", "relata.pdf.p7m"):
        (tmp_path / name).write_bytes(envelope())
    return [word for name in ("atto.pdf.p7m", "relata.pdf.p7m") for word in ("--attach", str(tmp_path / name))]


def day(days: int = 0) -> str:
    return (datetime.now(UTC).astimezone(ROME) + timedelta(days=days)).strftime("%d/%m/%Y")


def test_a_notification_goes_with_everything_and_show_says_what_was_looked_up(
    desk: Desk, files: list[str], tmp_path: Path
) -> None:
    page = tmp_path / "visura.pdf"
    page.write_bytes(b"%PDF-1.7 INAD")
    asked = ["send", "--queue-only", "--profile", "law53", "--to", "debitore@pec.example", "--text", "Si notifica."]
    asked += [*files, "--subject", LAW53_SUBJECT]
    refused = desk.run(*asked)
    assert refused.status == 1
    assert "contacts edit --register --looked-up-on [law53-register-missing; " in refused.words
    for name, address, register in (("Bianchi", desk.address, "reginde"), ("Verdi", "debitore@pec.example", "inad")):
        said = ("--pec", address, "--register", register, "--looked-up-on", day())
        assert desk.run("contacts", "add", name, *said).status == 0
    refused = desk.run(*asked, language="it")
    assert refused.status == 1
    assert "consultazione dell'elenco per questo indirizzo non è conservata (debitore@pec.example)" in refused.words
    sent = desk.run(*asked, "--look-up", f"debitore@pec.example={page}", "--json")
    assert sent.status == 0, sent.words
    assert {one["rule"] for one in sent.record["findings"]} >= {"law53-relata-signature"}
    shown = desk.run("show", sent.record["key"], language="it")
    assert "Profilo: notificazione dell'avvocato, L. 53/1994" in shown.words
    assert f"debitore@pec.example: INAD, consultato il {day()}" in shown.words
    assert "conservata: visura.pdf, archiviata come " in shown.words
    facts = desk.run("show", sent.record["key"], "--json").record["profile"]
    assert [one["register"] for one in facts["origins"]] == ["reginde", "inad"]


def test_a_brief_receipt_is_refused_for_a_notification(desk: Desk, files: list[str]) -> None:
    asked = ["--profile", "law53", "--receipt", "breve", "--to", "a@pec.example", "--subject", LAW53_SUBJECT]
    ran = desk.run("send", *asked, "--text", "x", *files, language="it")
    assert ran.status == 1
    assert "la notificazione richiede la ricevuta completa" in ran.words


def test_a_late_convocation_stops_and_goes_when_somebody_says_so(desk: Desk) -> None:
    asked = ["send", "--queue-only", "--profile", "assembly", "--call", day(3), "--to", "anna@pec.example"]
    asked += ["--subject", "Convocazione", "--text", "x"]
    late = desk.run(*asked, language="it")
    assert late.status == 1
    assert "è tardiva" in late.words
    assert ": 3 giorni" in late.words
    assert "--confirm assembly-too-late" in late.words
    assert desk.run(*asked, "--confirm", "assembly-too-late").status == 0


def test_lint_tells_who_signed_and_holds_a_letter_to_the_profile(desk: Desk, tmp_path: Path) -> None:
    letter = tmp_path / "lettera.eml"
    letter.write_bytes(
        f"From: {desk.address}\r\nTo: a@pec.example, b@pec.it\r\nSubject: Convocazione\r\n\r\nBuongiorno.".encode()
    )
    ran = desk.run("lint", "--profile", "assembly", "--call", day(5), str(letter), language="it")
    assert ran.status == 0
    assert "al limite: esattamente 5 giorni" in ran.words
    assert "non è noto se questo indirizzo sia una PEC (a@pec.example)" in ran.words
    assert "(b@pec.it)" not in ran.words  # a provider's own domain


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--call", "01/12/2026"], "add --profile"),
        (["--profile", "law53", "--look-up", "visura.pdf"], "write ADDRESS=FILE"),
        (["--profile", "law53", "--look-up", "a@pec.example=missing.pdf"], "cannot be read"),
        (["--profile", "law54"], "is none of: law53"),
        (["--profile", "assembly", "--confirm", "law53-subject"], "law53-subject"),
    ],
)
def test_options_that_mean_nothing_are_said(desk: Desk, more: list[str], says: str) -> None:
    ran = desk.run("send", "--to", "a@pec.example", "--subject", "x", "--text", "x", *more)
    assert ran.status == 2
    assert says in ran.words
