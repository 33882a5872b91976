"""Time-stamps as values: what OpenSSL's authority gives is taken, anything else is refused with its reason."""

import random
from contextlib import suppress

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from pec_tracker import anchors
from pec_tracker.ledger.stamps import Fault, StampError, examine, request
from tests.servers.tsa import TimeStampAuthority

SEAL = b"# previous none\n" + b"0" * 64 + b"  " + b"a" * 26 + b".json\n"
NONCE = 4711


def fault(response: bytes, content: bytes, roots: tuple[bytes, ...], nonce: int | None = None) -> Fault:
    with pytest.raises(StampError) as raised:
        examine(response, content, roots, nonce=nonce)
    assert str(raised.value)
    return raised.value.fault


@pytest.fixture(scope="module")
def response(authority: TimeStampAuthority) -> bytes:
    return authority.reply(request(SEAL, NONCE))


@pytest.fixture(scope="module")
def roots(authority: TimeStampAuthority) -> tuple[bytes, ...]:
    return anchors.stamp_roots(authority.root)


@pytest.mark.parametrize("elliptic", [False, True])
def test_a_genuine_stamp_is_taken_and_openssl_agrees(elliptic: bool) -> None:
    with TimeStampAuthority(elliptic=elliptic) as own:
        answer = own.reply(request(SEAL, NONCE))
        shown = examine(answer, SEAL, anchors.stamp_roots(own.root), nonce=NONCE)
        assert shown.authority == "Marche di prova"
        assert shown.at.tzinfo is not None
        assert own.openssl_accepts(answer, SEAL)


def test_a_stamp_over_another_seal_dates_nothing(
    authority: TimeStampAuthority, response: bytes, roots: tuple[bytes, ...]
) -> None:
    other = SEAL.replace(b"a", b"b")
    assert fault(response, other, roots) is Fault.MISMATCH
    assert not authority.openssl_accepts(response, other)


def test_an_old_answer_played_again_is_refused(response: bytes, roots: tuple[bytes, ...]) -> None:
    assert fault(response, SEAL, roots, nonce=NONCE + 1) is Fault.MISMATCH


def test_a_stamp_of_an_unknown_authority_is_not_trusted(response: bytes) -> None:
    with TimeStampAuthority() as other:
        assert fault(response, SEAL, anchors.stamp_roots(other.root)) is Fault.UNTRUSTED
    assert fault(response, SEAL, ()) is Fault.UNTRUSTED


@pytest.mark.parametrize(
    "purposes",
    [(ExtendedKeyUsageOID.EMAIL_PROTECTION,), (ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING)],
)
def test_a_certificate_for_something_else_makes_no_stamp(purposes: tuple[x509.ObjectIdentifier, ...]) -> None:
    """Signed as a stamp is, by a certificate that its authority gave for something else."""
    with TimeStampAuthority(purposes=purposes) as own:
        answer = own.resigned(request(SEAL, NONCE))
        assert fault(answer, SEAL, anchors.stamp_roots(own.root)) is Fault.UNTRUSTED


def test_a_refusal_is_said_to_be_one(authority: TimeStampAuthority, roots: tuple[bytes, ...]) -> None:
    refused = authority.reply(
        request(SEAL, NONCE).replace(bytes.fromhex("608648016503040201"), bytes.fromhex("608648016503040277"))
    )
    assert fault(refused, SEAL, roots) is Fault.REFUSED


def test_no_altered_byte_of_a_stamp_dates_something_else(
    authority: TimeStampAuthority, response: bytes, roots: tuple[bytes, ...]
) -> None:
    """What still passes after a change (an unsigned envelope byte) says the same time, by the same authority."""
    genuine = examine(response, SEAL, roots)
    chosen = random.Random(5)
    passed = 0
    for at in range(len(response)):
        altered = response[:at] + bytes((response[at] ^ chosen.randrange(1, 256),)) + response[at + 1 :]
        try:
            assert examine(altered, SEAL, roots) == genuine
            passed += 1
        except StampError:
            continue
    assert passed < len(response) // 20


@settings(max_examples=150, deadline=None)
@given(garbage=st.binary(max_size=300))
def test_any_bytes_are_judged(garbage: bytes) -> None:
    assert fault(garbage, SEAL, ()) in (Fault.UNREADABLE, Fault.REFUSED)


@settings(max_examples=120, deadline=None)
@given(cut=st.integers(0, 1500), length=st.integers(0, 40), put=st.binary(max_size=30))
def test_spliced_stamps_are_judged(
    response: bytes, roots: tuple[bytes, ...], cut: int, length: int, put: bytes
) -> None:
    spliced = response[:cut] + put + response[cut + length :]
    with suppress(StampError):  # and nothing else
        assert examine(spliced, SEAL, roots) == examine(response, SEAL, roots)
