"""`inspect`: one JSON object a mail, whose keys scripts rely on."""

import json
import subprocess
import sys
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pec_tracker.answers.inspected import inspected_facts
from pec_tracker.pec.evidence import CHECKS
from pec_tracker.pec.trust import Trust
from pec_tracker.service.inspect import inspect
from tests.factory.receipts import anomaly_envelope, original, receipt, trust
from tests.pec.mails import dummy, plain

NOW = datetime(2026, 11, 23, tzinfo=UTC)
SAMPLES = Path(__file__).parents[2].parent / "shared" / "samples"

KEYS = [
    "file",
    "kind",
    "tipo",
    "error",
    "error_code",
    "error_detail",
    "reference",
    "identifier",
    "issued_at",
    "provider",
    "sender",
    "recipients",
    "recipient",
    "receipt_form",
    "subject",
    "has_original",
    "signature",
    "warnings",
]
SIGNATURE_KEYS = ["verdict", "digest_algorithm", "signer", "signer_address", "issuer", "signed_at", "checks"]


def inspected(raw: bytes, *, by: Trust | None = None) -> dict[str, object]:
    """The report, checked to be the JSON that was promised."""
    found = inspected_facts("mail.eml", inspect(raw, trust=by or Trust(), at=None, now=NOW))
    assert list(found) == KEYS
    assert list(found["signature"]) == SIGNATURE_KEYS
    assert list(found["signature"]["checks"]) == list(CHECKS)
    assert json.loads(json.dumps(found)) == found
    return found


def test_a_signed_receipt_is_reported_whole() -> None:
    found = inspected(receipt("avvenuta-consegna", original=original()), by=trust())

    signature = found.pop("signature")
    assert isinstance(signature, dict)
    assert found == {
        "file": "mail.eml",
        "kind": "delivery",
        "tipo": "avvenuta-consegna",
        "error": "nessuno",
        "error_code": None,
        "error_detail": None,
        "reference": "pt.original@pec.example",
        "identifier": "opec2110.20260302101530.00123.456.1.1@pec.example",
        "issued_at": "2026-03-02T10:15:30+01:00",
        "provider": "Gestore di Prova S.p.A.",
        "sender": "mittente@pec.example",
        "recipients": [{"address": "destinatario@pec.example", "type": "certificato"}],
        "recipient": "destinatario@pec.example",
        "receipt_form": "completa",
        "subject": "Prova",
        "has_original": True,
        "warnings": [],
    }
    assert signature["verdict"] == "trusted"
    assert signature["digest_algorithm"] == "sha-256"
    assert signature["signer_address"] == "posta-certificata@pec.example"
    assert signature["signed_at"] == "2026-03-02T09:15:31+00:00"


def test_a_signer_that_nobody_trusts_is_reported_with_the_reason() -> None:
    found = inspected(receipt("accettazione"))

    assert found["kind"] == "acceptance"
    assert found["signature"]["verdict"] == "intact"  # type: ignore[index]
    assert found["warnings"]


def test_a_failure_is_reported_with_its_code_and_words() -> None:
    words = "5.1.1 - ARUBA PEC S.p.A. - indirizzo non valido"

    found = inspected(dummy("errore-consegna", error="altro", error_detail=words))

    assert (found["error"], found["error_code"], found["error_detail"]) == ("altro", "5.1.1", words)
    assert found["signature"]["verdict"] == "broken"  # type: ignore[index]


def test_a_mail_without_certification_data_says_null() -> None:
    found = inspected(plain("From: a@b.it", "Subject: ciao", "X-Riferimento-Message-ID: <x@y.it>"))

    assert (found["kind"], found["sender"], found["subject"], found["reference"]) == (
        "ordinary",
        "a@b.it",
        "ciao",
        "x@y.it",
    )
    absent = ("tipo", "error", "error_code", "error_detail", "identifier", "issued_at", "provider", "receipt_form")
    assert [found[key] for key in absent] == [None] * len(absent)
    assert (found["recipients"], found["recipient"], found["has_original"], found["warnings"]) == ([], None, False, [])
    assert found["signature"]["verdict"] == "unsigned"  # type: ignore[index]


def test_an_anomaly_envelope_is_reported_with_the_headers_facts() -> None:
    found = inspected(anomaly_envelope(original(sender="qualcuno@mail.example")), by=trust())

    assert (found["kind"], found["tipo"], found["issued_at"]) == ("anomaly-envelope", None, None)
    assert found["sender"] == "posta-certificata@pec.example"
    assert found["has_original"] is True


@pytest.mark.parametrize("raw", [b"", b"\x00", b"\r\n", b"no header"])
def test_bytes_that_are_no_mail_are_reported_as_unreadable(raw: bytes) -> None:
    assert inspected(raw)["kind"] == "unreadable"


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_bytes_get_a_report(raw: bytes) -> None:
    inspected(raw)


def test_mail_as_it_arrives_today_is_reported() -> None:
    for path in SAMPLES.glob("*.eml"):  # none where the samples are not at hand
        found = inspected(path.read_bytes())
        expected = "broken" if path.name.startswith("acceptance-2026") else "unsigned"
        assert found["signature"]["verdict"] == expected  # type: ignore[index]
        assert found["provider"]


def test_thousands_of_mails_take_no_more_memory_than_a_few() -> None:
    anchors = trust()
    mails = [receipt("accettazione", reference=f"m{n}@x.it") for n in range(20)]
    for raw in mails:
        inspected(raw, by=anchors)
    tracemalloc.start()
    base = tracemalloc.get_traced_memory()[0]

    for n in range(2_000):
        inspected_facts(f"{n}.eml", inspect(mails[n % 20] + b" " * n, trust=anchors, at=None, now=NOW))

    grown = tracemalloc.get_traced_memory()[0] - base
    tracemalloc.stop()
    assert grown < 1_000_000


def test_inspect_starts_without_the_database_or_the_configuration() -> None:
    program = (
        "import sys, pec_tracker.answers.inspected, pec_tracker.service.inspect;"
        "heavy = {'sqlalchemy', 'pydantic', 'pydantic_settings', 'rich', 'alembic', 'imapclient', 'aiosmtplib',"
        " 'pec_tracker.config', 'pec_tracker.app', 'pec_tracker.db', 'pec_tracker.archive', 'pec_tracker.wire'};"
        "print(*sorted(heavy & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.split() == []
