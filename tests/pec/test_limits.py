"""What would a signature cost that was made to cost much? Each limit at its edge, and what is refused beyond."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from pec_tracker.pec.certificate import MAX_EXPONENT_BITS, MAX_RSA_BITS, Certificate, certificate
from pec_tracker.pec.evidence import Verdict
from pec_tracker.pec.read import read
from pec_tracker.pec.signature import verify
from pec_tracker.pec.signers import MAX_NAMED
from tests.factory import receipts
from tests.factory.ca import FROM_2020, Identity
from tests.factory.cms import Signer, sign

PROVIDER = receipts.provider_identity()
AUTHORITY = receipts.pec_authority()


def with_key(key: rsa.RSAPublicKey, *, serial: int = 1, like: Identity = PROVIDER) -> bytes:
    """A certificate for *key* that the authority never signed, with the names of *like*."""
    made = (
        x509.CertificateBuilder()
        .subject_name(like.certificate.subject)
        .issuer_name(like.certificate.issuer)
        .public_key(key)
        .serial_number(serial)
        .not_valid_before(FROM_2020)
        .not_valid_after(FROM_2020 + timedelta(days=3650))
    )
    return made.sign(PROVIDER.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def read_back(*, bits: int = 2048, exponent: int = 65537) -> Certificate:
    """A certificate whose key has so many bits and this exponent, as we read it."""
    modulus = (1 << (bits - 1)) | 1
    found = certificate(with_key(rsa.RSAPublicNumbers(exponent, modulus).public_key()))
    assert found is not None
    return found


@pytest.mark.parametrize(("bits", "usable"), [(MAX_RSA_BITS, True), (MAX_RSA_BITS + 8, False), (16_384, False)])
def test_a_key_of_more_bits_than_anybody_uses_verifies_nothing(bits: int, usable: bool) -> None:
    assert (read_back(bits=bits).key is not None) is usable


@pytest.mark.parametrize(
    ("exponent_bits", "usable"), [(MAX_EXPONENT_BITS, True), (MAX_EXPONENT_BITS + 1, False), (2000, False)]
)
def test_a_key_whose_exponent_makes_each_verification_dear_verifies_nothing(exponent_bits: int, usable: bool) -> None:
    exponent = (1 << (exponent_bits - 1)) | 1
    assert exponent.bit_length() == exponent_bits
    assert (read_back(exponent=exponent).key is not None) is usable


@pytest.mark.parametrize(("decoys", "verdict"), [(MAX_NAMED - 1, Verdict.TRUSTED), (MAX_NAMED, Verdict.BROKEN)])
def test_certificates_of_one_name_and_number_are_tried_a_few_times_only(decoys: int, verdict: Verdict) -> None:
    serial = PROVIDER.certificate.serial_number
    keys = [rsa.RSAPublicNumbers(65537, (1 << 2047) | (2 * number + 1)).public_key() for number in range(decoys)]
    carried = (*(with_key(key, serial=serial) for key in keys), PROVIDER.der, AUTHORITY.der)
    raw = receipts.receipt(
        "accettazione", signature=lambda content: sign(content, Signer(PROVIDER), certificates=carried)
    )
    assert verify(raw, read(raw), receipts.trust(), now=receipts.ISSUED_AT).verdict is verdict


@pytest.mark.parametrize(("count", "verdict"), [(16, Verdict.TRUSTED), (17, Verdict.BROKEN)])
def test_a_signature_of_more_signers_than_are_looked_at_is_none_that_can_be_read(count: int, verdict: Verdict) -> None:
    carried = (PROVIDER.der, AUTHORITY.der)
    raw = receipts.receipt(
        "accettazione", signature=lambda content: sign(content, *[Signer(PROVIDER)] * count, certificates=carried)
    )
    assert verify(raw, read(raw), receipts.trust(), now=receipts.ISSUED_AT).verdict is verdict
