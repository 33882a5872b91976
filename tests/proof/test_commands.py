"""`proof` and `verify` on the command line: statuses, files, and what a person is told."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from pec_tracker import texts
from pec_tracker.pec.headers import headers_of
from tests.cli.desk import Desk
from tests.factory import receipts

SUBJECT = "Diffida"


@pytest.fixture
def here(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Desk]:
    """A house with one message that was delivered, and one that only left."""
    made = Desk(tmp_path, capsys)
    made.configure()
    contract = ("contratto.pdf", b"the contract")
    sent = receipts.original(subject=SUBJECT, attachments=[contract])
    other = receipts.original(subject="Altro", reference="altro@pec.example", attachments=[contract])
    files = [
        made.mail("accepted.eml", receipts.receipt("accettazione", subject=SUBJECT)),
        made.mail("delivered.eml", receipts.receipt("avvenuta-consegna", subject=SUBJECT, original=sent)),
        made.mail("sent.eml", sent),
        made.mail(
            "other.eml",
            receipts.receipt("accettazione", subject="Altro", reference="altro@pec.example", identifier="altro.1@x"),
        ),
        made.mail("other-sent.eml", other),
    ]
    assert made.run("import", "--mailbox", "studio", *files).status == 0
    yield made
    texts.activate("en")


def test_package_is_made_and_verified_on_the_command_line(here: Desk) -> None:
    target = here.folder / "proof.zip"
    made = here.run("proof", f"<{receipts.REFERENCE}>", "-o", target, "--json")
    assert made.status == 0, made.err
    assert made.record["journeys"][0]["state"] == "delivered"
    assert here.run("verify", target, "--trust", here.folder / "root.pem").status == 0
    untrusted = here.run("verify", target)
    assert untrusted.status == 1
    assert "an authority that this computer does not know (Radice di prova)" in untrusted.out
    assert "verify again with --trust FILE" in untrusted.words
    assert "report-differs" not in untrusted.out
    assert "receipts/001-acceptance.eml (report-differs)" in here.run("verify", target, "--details").out
    raw = bytearray(target.read_bytes())
    raw[200] ^= 1
    target.write_bytes(raw)
    damaged = here.run("verify", target, "--trust", here.folder / "root.pem", "--json")
    assert damaged.status == 1
    assert damaged.record["sound"] is False
    assert damaged.record["findings"]
    assert here.run("verify", here.folder / "nowhere.zip").status == 2


def test_package_in_italian_by_the_commands_language(here: Desk) -> None:
    target = here.folder / "fascicolo.zip"
    assert here.run("proof", receipts.REFERENCE, "--lang", "it", "-o", target).status == 0
    assert b"LEGGIMI.txt" in target.read_bytes()


def test_look_up_finds_the_one_message_and_lists_several(here: Desk) -> None:
    target = here.folder / "proof.zip"
    contract = here.mail("any-name.bin", b"the contract")
    several = here.run("proof", "--attachment", contract, "-o", target)
    assert several.status == 1
    assert not target.exists()
    assert "2 messages answer" in several.out
    one = here.run(
        "proof", "--recipient", "destinatario@", "--subject", "diffida", "--attachment", contract, "-o", target
    )
    assert one.status == 0, one.err
    assert target.exists()
    target.unlink()
    none = here.run("proof", "--subject", "unmentioned", "-o", target)
    assert none.status == 1
    assert here.run("proof", "-o", target).status == 2
    assert here.run("proof", receipts.REFERENCE, "--subject", "x", "-o", target).status == 2
    days = here.run("proof", "--recipient", "destinatario@", "--between", "2026-03-03", "2026-03-04", "-o", target)
    assert days.status == 1


def test_folder_for_the_court_is_written_once_and_a_missing_delivery_is_said(here: Desk) -> None:
    folder = here.folder / "deposito"
    filed = here.run("proof", receipts.REFERENCE, "--for", "pct", "-o", folder)
    assert filed.status == 0, filed.err
    mails = sorted(path.name for path in folder.glob("*.eml"))
    assert mails == ["01_accettazione.eml", "02_consegna_destinatario-pec-example.eml"]
    rows = list(csv.DictReader(io.StringIO((folder / "ids.csv").read_text("utf-8-sig"))))
    headers = headers_of((folder / mails[1]).read_bytes())
    assert headers is not None
    assert rows[1]["message_id_ricevuta"] == headers.message_id
    assert here.run("proof", receipts.REFERENCE, "--for", "pct", "-o", folder).status == 2
    missing = here.run("proof", "altro@pec.example", "--for", "ptt", "-o", here.folder / "other")
    assert missing.status == 1
    assert "there is no delivery receipt" in missing.words


def test_as_of_takes_a_seal_or_a_time(here: Desk) -> None:
    assert here.run("proof", receipts.REFERENCE, "--as-of", "1", "-o", here.folder / "first.zip").status == 0
    target = here.folder / "proof.zip"
    assert here.run("proof", receipts.REFERENCE, "--as-of", "99", "-o", target).status == 1
    assert here.run("proof", receipts.REFERENCE, "--as-of", "01/01/2020", "-o", target).status == 1
    assert here.run("proof", receipts.REFERENCE, "--as-of", "yesterday", "-o", target).status == 2


def test_file_that_cannot_be_written_is_said(here: Desk) -> None:
    ran = here.run("proof", receipts.REFERENCE, "-o", here.folder / "no" / "such" / "proof.zip")
    assert ran.status == 2
    assert "cannot be used" in ran.err
