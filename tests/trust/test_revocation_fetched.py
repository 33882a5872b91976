"""What a user would lose: the answer of the day about a provider's certificate, which nobody gives years later."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

from pec_tracker.archive.objects import Suffix
from pec_tracker.askers import OPERATOR
from pec_tracker.errors import ServerError
from pec_tracker.pec.read import read
from pec_tracker.pec.signature import verify
from pec_tracker.service.house import House
from pec_tracker.service.trust import anchors as trust
from pec_tracker.service.trust.revocation import refresh
from pec_tracker.service.upkeep.check import check
from pec_tracker.wire.http import exchange
from tests.factory import ca, cms, receipts
from tests.servers.programs import free_port
from tests.trust.houses import NOW, acts, again, arrive, given, root_file
from tests.trust.webserver import WebServer

DAY = timedelta(days=1)


@pytest.fixture
def web() -> Iterator[WebServer]:
    with WebServer() as server:
        yield server


def signed_by(identity: ca.Identity) -> bytes:
    issued = NOW - timedelta(hours=1)
    return receipts.receipt("accettazione", issued_at=issued, signers=(cms.Signer(identity, signed_at=issued),))


def with_crl(web: WebServer, path: str = "/list.crl") -> ca.Identity:
    """A provider whose certificate names a CRL of this server."""
    name = x509.UniformResourceIdentifier(web.url(path))
    point = x509.DistributionPoint([name], None, None, None)
    return ca.provider(receipts.pec_authority(), extra=((x509.CRLDistributionPoints([point]), False),))


def with_ocsp(web: WebServer) -> ca.Identity:
    """A provider whose certificate names an OCSP responder of this server, and no list."""
    place = x509.UniformResourceIdentifier(web.url("/ocsp"))
    access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, place)
    return ca.provider(receipts.pec_authority(), extra=((x509.AuthorityInformationAccess([access]), False),))


def crl(revoked: dict[int, datetime] | None = None, *, issuer: ca.Identity | None = None) -> bytes:
    signer = issuer or receipts.pec_authority()
    return ca.revocation_list(signer, revoked, this_update=NOW - DAY, next_update=NOW + DAY)


def responder(identity: ca.Identity) -> bytes:
    issuer = receipts.pec_authority()
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=identity.certificate,
        issuer=issuer.certificate,
        algorithm=hashes.SHA1(),
        cert_status=ocsp.OCSPCertStatus.GOOD,
        this_update=NOW - DAY,
        next_update=NOW + DAY,
        revocation_time=None,
        revocation_reason=None,
    )
    answer = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, issuer.certificate).sign(issuer.key, hashes.SHA256())
    return answer.public_bytes(Encoding.DER)


def trusting(house: House, tmp_path: Path, raw: bytes) -> House:
    """The house knows the provider's root, and has a receipt of his."""
    trust.add(OPERATOR, house, given(root_file(tmp_path)), reason="manual")
    known = again(house)
    arrive(known, [raw])
    return known


def revocation_of(house: House, raw: bytes) -> bool | None:
    return verify(raw, read(raw), house.trust, now=NOW).checks["revocation"]


def test_a_list_is_fetched_kept_and_used(house: House, tmp_path: Path, web: WebServer) -> None:
    web.pages["/list.crl"] = crl()
    raw = signed_by(with_crl(web))
    known = trusting(house, tmp_path, raw)
    assert revocation_of(known, raw) is None
    fetched = refresh(known)
    assert (fetched.kept, fetched.failures) == (1, ())
    assert revocation_of(again(known), raw) is True
    assert acts(known.engine).count("revocation.kept") == 1
    assert known.archive.holds(hashlib.sha256(crl()).hexdigest(), Suffix.CERTIFICATE)
    assert check(OPERATOR, known.engine, known.archive).sound


def test_an_answer_that_speaks_for_today_is_not_asked_for_again(house: House, tmp_path: Path, web: WebServer) -> None:
    web.pages["/list.crl"] = crl()
    known = trusting(house, tmp_path, signed_by(with_crl(web)))
    refresh(known)
    assert refresh(again(known)).kept == 0
    assert web.asked == ["/list.crl"]


def test_a_revoked_certificate_is_known_from_then_on(house: House, tmp_path: Path, web: WebServer) -> None:
    identity = with_crl(web)
    web.pages["/list.crl"] = crl({identity.certificate.serial_number: NOW - DAY})
    raw = signed_by(identity)
    known = trusting(house, tmp_path, raw)
    refresh(known)
    assert revocation_of(again(known), raw) is False


def test_a_responder_is_asked_where_there_is_no_list(house: House, tmp_path: Path, web: WebServer) -> None:
    identity = with_ocsp(web)
    web.pages["/ocsp"] = lambda body: responder(identity) if ocsp.load_der_ocsp_request(body) else b""
    raw = signed_by(identity)
    known = trusting(house, tmp_path, raw)
    assert refresh(known).kept == 1
    assert revocation_of(again(known), raw) is True


@pytest.mark.parametrize("page", [b"<html>", b"", None])
def test_garbage_and_silence_keep_nothing_and_stop_nothing(
    house: House, tmp_path: Path, web: WebServer, page: bytes | None
) -> None:
    if page is not None:
        web.pages["/list.crl"] = page
    known = trusting(house, tmp_path, signed_by(with_crl(web)))
    fetched = refresh(known)
    assert fetched.kept == 0
    assert again(known).trust.crls == ()
    assert bool(fetched.failures) == (page is None)


def test_somebody_elses_list_is_not_kept(house: House, tmp_path: Path, web: WebServer) -> None:
    stranger = ca.pec_ca(ca.root(key="stranger-root"), key="stranger-ca")
    web.pages["/list.crl"] = crl(issuer=stranger)
    known = trusting(house, tmp_path, signed_by(with_crl(web)))
    assert refresh(known).kept == 0


def test_a_strangers_mail_makes_us_ask_nobody(house: House, tmp_path: Path, web: WebServer) -> None:
    """The addresses in certificates that nobody vouches for are the sender's own wishes."""
    name = x509.UniformResourceIdentifier(web.url("/internal"))
    point = x509.DistributionPoint([name], None, None, None)
    authority = ca.pec_ca(ca.root(key="stranger-root"), key="stranger-ca")
    stranger = ca.provider(authority, key="stranger", extra=((x509.CRLDistributionPoints([point]), False),))
    known = trusting(house, tmp_path, signed_by(stranger))
    refresh(known)
    assert web.asked == []


def test_the_round_asks_at_most_every_few_hours(house: House, tmp_path: Path, web: WebServer) -> None:
    known = trusting(house, tmp_path, signed_by(with_crl(web)))
    refresh(known, due_only=True)
    refresh(replace(known), due_only=True)
    assert web.asked == ["/list.crl"]


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1/x", "http:///x", "http://127.0.0.1:99999/", "http://a b/", "nothing", "http://[::1"]
)
def test_an_address_that_is_none_is_an_error_for_people(url: str) -> None:
    with pytest.raises(ServerError):
        exchange(url)


def test_a_server_that_is_not_there_or_says_too_much_is_an_error_for_people(web: WebServer) -> None:
    with pytest.raises(ServerError):
        exchange(f"http://127.0.0.1:{free_port()}/")
    web.pages["/long"] = b"x" * 2000
    with pytest.raises(ServerError):
        exchange(web.url("/long"), largest=1000)
    assert len(exchange(web.url("/long"), largest=2000)) == 2000
