"""Where two readers would say different things of who, to whom, what and when, does the mail count as proof? Never.

Two thousand receipts, each signed by a trusted provider and each odd in up to three ways (`forms`), are read by our
reader, OpenSSL, the standard library's mail and XML parsers and the stand-alone verifier of packages.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pec_tracker.pec.agree import Known, judge
from pec_tracker.pec.compose import Attachment, Draft, compose, new_tracker_id
from pec_tracker.pec.evidence import Evidence, Verdict
from pec_tracker.pec.fingerprint import fingerprint
from pec_tracker.pec.read import evidence_of, read
from pec_tracker.pec.signature import verify
from tests.differential import forms, others
from tests.differential.forms import EDITS, Form
from tests.factory import ca, receipts
from tests.pec import openssl

NOW = receipts.ISSUED_AT + timedelta(hours=1)
SENT_AT = receipts.ISSUED_AT.astimezone(UTC) - timedelta(minutes=1)
OUTGOING = compose(
    Draft(
        sender=receipts.SENDER,
        to=(receipts.RECIPIENT,),
        subject="Diffida però",
        text="Si diffida dal ritardo, già grave.",
        attachments=(Attachment("atto.pdf", b"%PDF-1.7 prova"),),
    ),
    tracker_id=new_tracker_id(bytes(16)),
    now=SENT_AT,
)
KNOWN = Known(
    composed=True,
    sender=receipts.SENDER,
    recipients=(receipts.RECIPIENT,),
    subject="Diffida però",
    reference=OUTGOING.reference,
    identifier=None,
    fingerprint=fingerprint(OUTGOING.raw),
)
KINDS = ("accettazione", "avvenuta-consegna", "errore-consegna", "preavviso-errore-consegna")

# Seen in real mail, or named by those who know it.
SEEN_OR_HARMLESS = (
    *("nothing", "original before", "quoted-printable", "8bit", "received", "new ids", "stray text"),
    *("capitals", "octets", "as text", "no disposition", "zone with colon", "CDATA", "UTF-16"),
)

_seen: Counter[str] = Counter()


@dataclass(frozen=True, slots=True)
class Ours:
    """What our reader says of a mail, and whether it counts as proof."""

    evidence: Evidence
    counts: bool


def form_of(kind: str) -> Form:
    """A plain receipt of this kind about the message that was sent."""
    about_one = kind != "accettazione"
    xml = receipts.daticert_xml(
        kind,
        subject="Diffida però",
        reference=OUTGOING.reference,
        recipient=receipts.RECIPIENT if about_one else None,
        receipt_form="completa" if kind == "avvenuta-consegna" else None,
    )
    return Form(kind, xml.decode(), OUTGOING.raw if kind == "avvenuta-consegna" else None)


def mail_of(form: Form) -> bytes:
    """The mail, signed by the provider."""
    top = [
        f"From: {ca.ADDRESS}",
        f"To: {receipts.SENDER}",
        "Subject: RICEVUTA",
        f"X-Ricevuta: {form.kind}",
        f"X-Riferimento-Message-ID: <{OUTGOING.reference}>",
        *form.outer,
    ]
    return receipts.wrapped(top, form.content(), signers=receipts.default_signers(receipts.ISSUED_AT))


def ours(raw: bytes) -> Ours:
    """As the house judges a mail that a server held when it was certified."""
    mail = read(raw)
    done = verify(raw, mail, receipts.trust(), now=NOW)
    key = hashlib.sha256(raw).hexdigest()
    evidence = evidence_of(key, mail, done.verdict, signer=done.who, arrived_at=receipts.ISSUED_AT)
    (judged,) = judge([evidence], KNOWN)
    return Ours(evidence, judged.counts and not evidence.faults)


def disagreements(raw: bytes, evidence: Evidence) -> Iterator[str]:
    """What another reader says otherwise than we do."""
    for reading in others.said(raw):
        if reading is not None:
            yield from _differences(reading, evidence)
    if others.senders(raw) != [ca.ADDRESS]:
        yield "the sender of the receipt"
    inside = others.letter_inside(raw)
    if evidence.enclosed is not None and inside != others.letter(OUTGOING.raw):
        yield "the message that is enclosed"


def _differences(reading: others.Said, evidence: Evidence) -> Iterator[str]:
    pairs = {
        "kind": ((reading.tipo or "").lower(), evidence.tipo),
        "sender": (reading.sender, evidence.sender),
        "recipient": (reading.recipient, evidence.recipient),
        "identifier": (others.bare(reading.identifier), evidence.identifier),
        "reference": (others.bare(reading.reference), evidence.reference),
        "form": (reading.form, evidence.receipt_form),
        "time": (_instant(reading), evidence.issued_at),
    }
    yield from (name for name, (theirs, our) in pairs.items() if theirs != our)
    if set(reading.recipients) != {(one.address, one.type) for one in evidence.recipients}:
        yield "recipients"


def _instant(reading: others.Said) -> datetime | None:
    try:
        text = f"{reading.day} {reading.hour} {(reading.zone or '').replace(':', '')}"
        return datetime.strptime(text, "%d/%m/%Y %H:%M:%S %z")
    except ValueError:
        return None


@given(st.sampled_from(KINDS), st.lists(st.sampled_from(sorted(EDITS)), min_size=0, max_size=3))
@settings(max_examples=2000, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def _every_reader(kind: str, edits: list[str]) -> None:
    raw = mail_of(forms.made(form_of(kind), edits))
    found = ours(raw)
    differ = sorted(set(disagreements(raw, found.evidence)))
    _seen["mails"] += 1
    _seen["disagree"] += bool(differ)
    _seen["count"] += found.counts
    if found.counts:
        assert differ == [], f"{kind}, {edits}: it counts, and another reader says otherwise: {differ}"
        assert found.evidence.verdict is Verdict.TRUSTED
        assert openssl.holds(raw, receipts.root_authority(), at=receipts.ISSUED_AT), f"{kind}, {edits}"


@pytest.mark.timeout(600)
def test_what_two_readers_read_differently_is_no_proof(capsys: pytest.CaptureFixture[str]) -> None:
    _every_reader()
    with capsys.disabled():
        print(
            f"\n{_seen['mails']} mails: of {_seen['disagree']} two readers say different things, {_seen['count']} count"
        )
    assert _seen["mails"] >= 2000
    assert _seen["disagree"] > 200
    assert _seen["count"] > 100


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("edit", SEEN_OR_HARMLESS)
def test_what_real_mail_has_counts(kind: str, edit: str) -> None:
    assert ours(mail_of(EDITS[edit](form_of(kind)))).counts


@pytest.mark.parametrize("edit", sorted(EDITS))
def test_each_departure_alone(edit: str) -> None:
    for kind in KINDS:
        raw = mail_of(EDITS[edit](form_of(kind)))
        found = ours(raw)
        assert not (found.counts and list(disagreements(raw, found.evidence))), kind
