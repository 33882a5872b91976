"""Errors and logs of reading mail name nobody: no address, no name, no subject, whatever the mail is."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from pec_tracker import texts
from tests.cli.desk import Desk
from tests.factory import ca, cms, receipts

# What would be a person's, in every place where a mail can hold it.
NAME = "canarino"
ADDRESS = "canarino.rossi@pec.canary.example"
SUBJECT = "Oggetto canarino segretissimo"
WORDS = "Testo canarino riservato"


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("DESK_PASSWORD", "secret")
    made = Desk(tmp_path, capsys, address=ADDRESS)
    made.configure()
    yield made
    texts.activate("en")


def odd_mails() -> list[bytes]:
    """Genuine, forged, broken, cut and senseless mails, all full of the same person."""
    sent = receipts.original(
        sender=ADDRESS, to=[ADDRESS], subject=SUBJECT, text=WORDS, reference=f"pt.{NAME}@pec.canary.example"
    )
    about = {
        "sender": ADDRESS,
        "recipients": [ADDRESS],
        "subject": SUBJECT,
        "reference": f"pt.{NAME}@pec.canary.example",
        "identifier": f"opec.{NAME}@pec.canary.example",
    }
    forger = cms.Signer(ca.provider(ca.pec_ca(ca.root(key="f"), key="g"), key="h"), signed_at=receipts.ISSUED_AT)
    genuine = receipts.receipt("accettazione", **about)  # type: ignore[arg-type]
    delivery = receipts.receipt("avvenuta-consegna", original=sent, **about)  # type: ignore[arg-type]
    failure = receipts.receipt(
        "errore-consegna",
        error="no-dest",
        error_detail=f"5.1.1 - {ADDRESS} - {WORDS}",
        **about,  # type: ignore[arg-type]
    )
    forged = receipts.receipt("avvenuta-consegna", original=sent, signers=(forger,), **about)  # type: ignore[arg-type]
    broken_xml = receipts.receipt("accettazione", daticert=f"<postacert>{ADDRESS} {SUBJECT}".encode(), **about)  # type: ignore[arg-type]
    doctype = f'<!DOCTYPE a [<!ENTITY e "{ADDRESS}">]><postacert tipo="{WORDS}">&e;</postacert>'.encode()
    bomb = receipts.receipt("accettazione", daticert=doctype, **about)  # type: ignore[arg-type]
    unknown = receipts.receipt("accettazione", daticert=f'<postacert tipo="{SUBJECT}"/>'.encode(), **about)  # type: ignore[arg-type]
    no_signature = receipts.receipt("accettazione", signature=f"{ADDRESS} {SUBJECT}".encode(), **about)  # type: ignore[arg-type]
    headers = f"From: {ADDRESS}\r\nTo: {ADDRESS}\r\nSubject: {SUBJECT}\r\nX-Ricevuta: {NAME}\r\n"
    mails = [genuine, delivery, failure, forged, broken_xml, bomb, unknown, no_signature, sent]
    mails += [
        headers.encode(),
        f"{headers}Content-Type: multipart/signed; boundary={NAME}\r\n\r\n--{NAME}\r\n{WORDS}".encode(),
        f"{headers}Date: {WORDS}\r\nMessage-ID: <[{ADDRESS}]>\r\n\r\n{WORDS}".encode(),
        f"Subject: =?utf-8?B?{NAME}?=\r\nFrom: \x00{ADDRESS}\r\n\r\n".encode(),
        f"{ADDRESS} {SUBJECT} without any header".encode(),
        b"",
        receipts.anomaly_envelope(sent, recipient=ADDRESS, sender=ADDRESS, subject=SUBJECT),
    ]
    chosen = random.Random(7)
    for raw in (genuine, delivery, failure):
        for _ in range(6):
            cut = chosen.randrange(1, len(raw))
            mails.append(raw[:cut])
            mails.append(raw[:cut] + bytes(chosen.randrange(256) for _ in range(20)) + raw[cut + 20 :])
    return mails


def assert_nobody(text: str) -> None:
    for canary in (NAME, "canary", "Rossi", "segretissimo", "riservato"):
        assert canary.lower() not in text.lower()


def test_import_names_nobody_in_errors_or_logs(desk: Desk) -> None:
    files = [desk.mail(f"{number:03}.eml", raw) for number, raw in enumerate(odd_mails())]
    ran = desk.run("--verbose", "import", "--mailbox", "studio", *files)
    assert ran.status == 1
    assert "mails.taken_in" in ran.err
    assert_nobody(ran.err)
    assert_nobody(ran.out)  # counts alone
    again = desk.run("--verbose", "trust", "recheck", "--all")
    assert_nobody(again.err + again.out)
    checked = desk.run("--verbose", "check")
    assert_nobody(checked.err + checked.out)


def test_a_damaged_container_names_nobody(desk: Desk) -> None:
    """A mbox and a zip whose mails are odd: the file is named, nothing of what is in it."""
    mbox = b"".join(b"From MAILER\n" + raw.replace(b"\r\n", b"\n") + b"\n\n" for raw in odd_mails())
    damaged = b"PK\x03\x04" + ADDRESS.encode() + SUBJECT.encode()
    ran = desk.run("--verbose", "import", desk.mail("old.mbox", mbox), desk.mail("old.zip", damaged))
    assert_nobody(ran.err)


def test_inspect_names_nobody_in_errors_or_logs(desk: Desk) -> None:
    """What a mail says is its answer, on stdout; stderr has no word of it."""
    files = [desk.mail(f"{number:03}.eml", raw) for number, raw in enumerate(odd_mails())]
    ran = desk.run("--verbose", "inspect", "--json", *files, desk.folder / "not-there.eml")
    assert ran.status == 2
    assert len(ran.records) == len(files)
    assert_nobody(ran.err)
    for record in ran.records:
        assert_nobody(json.dumps(record["warnings"]))
    assert_nobody(desk.run("--verbose", "inspect", *files).err)
