"""REM evidence is kept and shown, and never taken for proof: nobody can verify it here yet."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pec_tracker import texts
from tests.cli.desk import Desk
from tests.factory import cms, receipts
from tests.factory.mime import b64, entity, multipart
from tests.pec.test_rem import ERDS


def rem_mail(*, headers: tuple[str, ...] = ()) -> bytes:
    """A signed mail with ETSI evidence in place of a daticert."""
    words = entity(["Content-Type: text/plain"], b"Evidence\r\n")
    xml = entity(
        [
            'Content-Type: application/xml; name="evidence.xml"',
            "Content-Transfer-Encoding: base64",
        ],
        b64(ERDS),
    )
    outer = [
        "From: posta-certificata@pec.example",
        f"To: {receipts.SENDER}",
        "Subject: REM SubmissionAcceptance: Prova",
        "Message-ID: <rem.1@pec.example>",
        f"X-Riferimento-Message-ID: <{receipts.REFERENCE}>",
        *headers,
    ]
    signer = cms.Signer(receipts.provider_identity(), signed_at=receipts.ISSUED_AT)
    return receipts.wrapped(outer, multipart("mixed", [words, xml], "=_rem"), signers=(signer,))


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("DESK_PASSWORD", "secret")
    made = Desk(tmp_path, capsys)
    made.configure()
    yield made
    texts.activate("en")


def test_inspect_says_what_it_is_and_that_nobody_verified_it(desk: Desk) -> None:
    file = desk.mail("rem.eml", rem_mail())
    said = desk.run("inspect", file).words
    assert "submission accepted (SubmissionAcceptance); not verified here" in said
    assert "2026-09-19" in said or "19/09/2026" in said
    assert "ev-1" in said
    assert "msg-1@rem.example" in said
    record = desk.run("inspect", "--json", file).record
    assert record["kind"] == "rem-evidence"
    assert record["rem"]["verified"] is False
    assert record["rem"]["evidence"][0]["identifier"] == "ev-1"


def test_inspect_says_it_in_italian(desk: Desk) -> None:
    said = desk.run("inspect", desk.mail("rem.eml", rem_mail()), language="it").words
    assert "non verificata qui" in said


def test_the_rem_subject_of_a_receipt_is_noted_and_changes_no_key(desk: Desk) -> None:
    raw = receipts.receipt("accettazione", headers=("X-REM-Subject: REM SubmissionAcceptance: Prova",))
    file = desk.mail("a.eml", raw)
    assert "X-REM-Subject: REM SubmissionAcceptance: Prova" in desk.run("inspect", file).words
    assert "rem" not in desk.run("inspect", "--json", file).record


def test_show_lists_it_beside_the_receipts_and_moves_nothing(desk: Desk) -> None:
    files = [desk.mail("a.eml", receipts.receipt("accettazione")), desk.mail("rem.eml", rem_mail())]
    desk.run("import", "--mailbox", "studio", *files)
    (message,) = desk.run("find", "--json").records
    assert [one["state"] for one in message["recipients"]] == ["accepted"]
    said = desk.run("show", message["key"]).words
    assert "submission accepted (SubmissionAcceptance)" in said
    assert "not verified here" in said
    assert "ev-1" in said
