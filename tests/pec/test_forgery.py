"""Can any altered byte pass, or any bytes at all bring the verifier down?"""

import random
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from pec_tracker.pec.evidence import CHECKS, Verdict
from pec_tracker.pec.mime import SignedParts
from pec_tracker.pec.read import Mail, read
from pec_tracker.pec.signature import Verification, verify
from tests.factory import ca, cms, receipts

NOW = datetime(2026, 11, 1, tzinfo=UTC)
TRUST = receipts.trust()
RAW = receipts.receipt("avvenuta-consegna", original=receipts.original())
MAIL = read(RAW)


def _parts(mail: Mail) -> SignedParts:
    assert mail.signed is not None
    return mail.signed


def _with_signature(signature: bytes) -> Verification:
    return verify(RAW, replace(MAIL, signed=replace(_parts(MAIL), signature=signature)), TRUST, now=NOW)


def test_no_altered_byte_of_the_signed_part_passes() -> None:
    """Every byte in turn, each changed to another at random."""
    chosen, content = random.Random(1), _parts(MAIL).content
    passed = []
    for at in range(content.start, content.end):
        other = chosen.choice([value for value in range(256) if value != RAW[at]])
        altered = RAW[:at] + bytes((other,)) + RAW[at + 1 :]
        if verify(altered, MAIL, TRUST, now=NOW).verdict is not Verdict.BROKEN:
            passed.append(at)
    assert passed == []


def test_no_altered_byte_of_the_mail_makes_the_reader_see_another_certified_text() -> None:
    """Read anew after each change: what still counts as trusted says what the provider signed."""
    chosen = random.Random(2)
    for at in chosen.sample(range(len(RAW)), 600):
        altered = RAW[:at] + bytes((RAW[at] ^ chosen.randrange(1, 256),)) + RAW[at + 1 :]
        seen = read(altered)
        if verify(altered, seen, TRUST, now=NOW).verdict is Verdict.TRUSTED:
            assert _parts(seen).content.of(altered) == _parts(MAIL).content.of(RAW)
            assert seen.daticert in (MAIL.daticert, None)


def test_no_altered_byte_of_the_cms_changes_what_is_believed() -> None:
    """A change where nothing is signed (a version, a decoy) may leave the verdict, but then also every fact."""
    chosen = random.Random(3)
    signature = _parts(MAIL).signature
    assert signature is not None
    genuine = _with_signature(signature)
    kept = 0
    for at in range(len(signature)):
        altered = signature[:at] + bytes((signature[at] ^ chosen.randrange(1, 256),)) + signature[at + 1 :]
        result = _with_signature(altered)
        if result.verdict is Verdict.TRUSTED:
            kept += 1
            assert replace(result, weak=genuine.weak) == genuine
    assert kept < len(signature) // 20


@settings(max_examples=150, deadline=None)
@given(signature=st.binary(max_size=300))
def test_any_bytes_as_signature_are_judged(signature: bytes) -> None:
    result = _with_signature(signature)
    assert result.verdict is Verdict.BROKEN
    assert tuple(result.checks) == CHECKS


@settings(max_examples=150, deadline=None)
@given(cut=st.integers(0, 2500), length=st.integers(0, 60), put=st.binary(max_size=40))
def test_spliced_signatures_are_judged(cut: int, length: int, put: bytes) -> None:
    signature = _parts(MAIL).signature
    assert signature is not None
    result = _with_signature(signature[:cut] + put + signature[cut + length :])
    assert result.verdict in (Verdict.BROKEN, Verdict.TRUSTED, Verdict.INTACT)


@settings(max_examples=80, deadline=None)
@given(raw=st.one_of(st.binary(max_size=200), st.integers(0, len(RAW)).map(lambda at: RAW[:at])))
def test_any_mail_is_judged(raw: bytes) -> None:
    assert tuple(verify(raw, read(raw), TRUST, now=NOW).checks) == CHECKS


def test_receipt_nested_in_a_genuine_envelope_lends_it_nothing() -> None:
    forged_root = ca.root(key="forged-root")
    authority = ca.pec_ca(forged_root, key="forged-authority")
    forged = receipts.receipt("avvenuta-consegna", signers=(cms.Signer(ca.provider(authority, key="forged")),))
    envelope = receipts.receipt("posta-certificata", original=forged)
    result = verify(envelope, read(envelope), TRUST, now=NOW)
    assert result.verdict is Verdict.TRUSTED
    daticert = read(envelope).daticert
    assert daticert is not None
    assert daticert.tipo == "posta-certificata"
    assert verify(forged, read(forged), TRUST, now=NOW).verdict is Verdict.INTACT


def test_plain_mail_with_the_headers_is_unsigned() -> None:
    raw = receipts.original(sender=ca.ADDRESS, subject="CONSEGNA: Prova", headers=("X-Ricevuta: avvenuta-consegna",))
    assert verify(raw, read(raw), TRUST, now=NOW).verdict is Verdict.UNSIGNED
