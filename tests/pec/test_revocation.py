"""Would a revoked provider be believed, or an honest one doubted? CRLs and OCSP answers at a time T."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from pec_tracker.pec.certificate import Certificate, certificate
from pec_tracker.pec.revocation import good_at, statements
from tests.factory import ca
from tests.factory.ca import Identity

T = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)
ROOT = ca.root(key="revocation-root")
AUTHORITY = ca.pec_ca(ROOT, key="revocation-ca")
LEAF = ca.provider(AUTHORITY, key="revocation-leaf", not_after=T + 100 * DAY)
SERIAL = LEAF.certificate.serial_number


def read(identity: Identity) -> Certificate:
    """The facts of an identity's certificate."""
    parsed = certificate(identity.der)
    assert parsed is not None
    return parsed


def standing(*, crls: tuple[bytes, ...] = (), answers: tuple[bytes, ...] = (), at: datetime = T) -> bool | None:
    """The leaf's standing at a time, by these answers."""
    said = statements(read(LEAF), read(AUTHORITY), crls, answers)
    return good_at(said, at, expired=read(LEAF).not_after)


def crl(
    revoked: dict[int, datetime] | None = None,
    *,
    issuer: Identity = AUTHORITY,
    made: datetime = T - DAY,
    until: datetime = T + DAY,
) -> bytes:
    """A CRL that is current at T unless told otherwise."""
    return ca.revocation_list(issuer, revoked, this_update=made, next_update=until)


def answer(
    *,
    revoked_since: datetime | None = None,
    made: datetime = T - DAY,
    until: datetime | None = T + DAY,
    about: Identity = LEAF,
    responder: Identity = AUTHORITY,
) -> bytes:
    """An OCSP answer, signed by the authority or a responder that comes along."""
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=about.certificate,
        issuer=AUTHORITY.certificate,
        algorithm=hashes.SHA1(),
        cert_status=ocsp.OCSPCertStatus.GOOD if revoked_since is None else ocsp.OCSPCertStatus.REVOKED,
        this_update=made,
        next_update=until,
        revocation_time=revoked_since,
        revocation_reason=None,
    )
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, responder.certificate)
    if responder is not AUTHORITY:
        builder = builder.certificates([responder.certificate])
    return builder.sign(responder.key, hashes.SHA256()).public_bytes(Encoding.DER)


def test_without_answers_nothing_is_known() -> None:
    assert standing() is None


def test_current_crl_without_the_certificate_says_good() -> None:
    assert standing(crls=(crl(),)) is True


def test_revoked_before_is_revoked_and_revoked_after_was_good() -> None:
    listed = crl({SERIAL: T}, made=T + 2 * DAY, until=T + 3 * DAY)
    assert standing(crls=(listed,)) is False
    assert standing(crls=(listed,), at=T - timedelta(seconds=1)) is True
    assert standing(crls=(listed,), at=T + 50 * DAY) is False


def test_answer_that_was_out_of_date_then_says_nothing() -> None:
    assert standing(crls=(crl(made=T - 9 * DAY, until=T - DAY),)) is None
    assert standing(answers=(answer(made=T - 9 * DAY, until=T - DAY),)) is None
    assert standing(answers=(answer(until=None),)) is None


def test_later_answer_speaks_for_the_past_until_the_certificate_expired() -> None:
    assert standing(crls=(crl(made=T + 90 * DAY, until=T + 91 * DAY),)) is True
    assert standing(crls=(crl(made=T + 101 * DAY, until=T + 102 * DAY),)) is None


def test_forged_or_foreign_crls_say_nothing() -> None:
    namesake = ca.pec_ca(ROOT, key="revocation-forged")
    assert standing(crls=(crl(issuer=namesake),)) is None
    assert standing(crls=(crl(issuer=ROOT),)) is None
    assert standing(crls=(crl({SERIAL: T - DAY}, issuer=namesake), crl())) is True
    altered = crl()[:-1] + bytes((crl()[-1] ^ 1,))
    assert standing(crls=(altered, b"no CRL")) is None


def test_authority_that_may_not_sign_crls_is_not_heard() -> None:
    mute = ca.pec_ca(ROOT, key="revocation-mute", cert_sign=False)
    leaf = ca.provider(mute, key="revocation-leaf")
    assert statements(read(leaf), read(mute), (crl(issuer=mute),), ()) == ()


def test_other_certificates_in_the_crl_do_not_matter() -> None:
    assert standing(crls=(crl({SERIAL + 1: T - DAY}),)) is True


def test_key_lost_before_the_revocation_counts_from_its_loss() -> None:
    entry = (
        x509.RevokedCertificateBuilder()
        .serial_number(SERIAL)
        .revocation_date(T + DAY)
        .add_extension(x509.InvalidityDate((T - DAY).replace(tzinfo=None)), critical=False)
        .build()
    )
    assert standing(crls=(_crl_with(entry, made=T + 2 * DAY),)) is False


@pytest.mark.parametrize(
    ("only", "known"),
    [
        ({"only_contains_user_certs": True}, True),
        ({"only_contains_ca_certs": True}, None),
        ({"indirect_crl": True}, None),
    ],
)
def test_partial_crls_speak_only_for_what_they_cover(only: dict[str, bool], known: bool | None) -> None:
    point = x509.IssuingDistributionPoint(
        full_name=None,
        relative_name=None,
        only_contains_user_certs=only.get("only_contains_user_certs", False),
        only_contains_ca_certs=only.get("only_contains_ca_certs", False),
        only_some_reasons=None,
        indirect_crl=only.get("indirect_crl", False),
        only_contains_attribute_certs=False,
    )
    assert standing(crls=(_crl_with(None, made=T - DAY, point=point),)) is known


def test_ocsp_says_good_or_revoked() -> None:
    assert standing(answers=(answer(),)) is True
    assert standing(answers=(answer(revoked_since=T - DAY, made=T, until=None),)) is False
    assert standing(answers=(answer(revoked_since=T + DAY, made=T + 2 * DAY, until=None),)) is True
    assert standing(crls=(crl(),), answers=(answer(revoked_since=T - DAY),)) is False


def test_ocsp_about_another_certificate_says_nothing() -> None:
    other = ca.provider(AUTHORITY, key="revocation-leaf", address="x@pec.example")
    assert standing(answers=(answer(about=other),)) is None


def test_only_responders_that_the_issuer_certified_for_it_are_heard() -> None:
    signing = (ExtendedKeyUsageOID.OCSP_SIGNING,)
    responder = ca.provider(AUTHORITY, key="responder", usages=signing)
    expired = ca.provider(AUTHORITY, key="responder", usages=signing, not_after=T - 30 * DAY)
    unfit = ca.provider(AUTHORITY, key="responder")
    foreign = ca.provider(ROOT, key="responder", usages=signing)
    assert standing(answers=(answer(responder=responder),)) is True
    for one in (expired, unfit, foreign):
        assert standing(answers=(answer(responder=one),)) is None


def _crl_with(
    entry: x509.RevokedCertificate | None, *, made: datetime, point: x509.IssuingDistributionPoint | None = None
) -> bytes:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(AUTHORITY.certificate.subject)
        .last_update(made)
        .next_update(T + 3 * DAY)
    )
    if entry is not None:
        builder = builder.add_revoked_certificate(entry)
    if point is not None:
        builder = builder.add_extension(point, critical=True)
    return builder.sign(AUTHORITY.key, hashes.SHA256()).public_bytes(Encoding.DER)
