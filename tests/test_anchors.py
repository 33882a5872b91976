"""Does every form in which certificates are handed over become an anchor, and is what is wrong said plainly?"""

import base64
import textwrap
from dataclasses import replace
from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest
from asn1crypto import cms as asn1_cms
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, pkcs7

from pec_tracker import anchors
from pec_tracker.errors import UsageError
from pec_tracker.pec import trust as pec_trust
from pec_tracker.pec.certificate import certificate
from pec_tracker.pec.trust import is_pec_root
from tests import growth
from tests.factory import ca, cms, receipts

TODAY = date(2026, 11, 1)
ROOT = receipts.root_authority()
AUTHORITY = receipts.pec_authority()
CRL = ca.revocation_list(AUTHORITY, this_update=receipts.ISSUED_AT, next_update=ca.UNTIL_2040)


def ldif(*ders: bytes) -> bytes:
    """The provider directory (RFC 6109 4.5): folded base64 values among others."""
    entries = []
    for der in ders:
        value = "providerCertificate;binary:: " + base64.b64encode(der).decode()
        entries += ["dn: providerName=Gestore,o=postacert", "providerCertificateHash: 0123456789abcdef"]
        entries += ["managedDomains: pec.example", "\n ".join(textwrap.wrap(value, 76, drop_whitespace=False)), ""]
    return "\n".join(entries).encode()


def signed_file(content: bytes) -> bytes:
    """A file signed as a whole (.p7m)."""
    made = asn1_cms.ContentInfo.load(cms.sign(content, cms.Signer(receipts.provider_identity())))
    made["content"]["encap_content_info"]["content"] = content
    return bytes(made.dump(force=True))


FORMS = {
    "pem": ROOT.pem + AUTHORITY.pem,
    "pem with words between": b"Radice\n" + ROOT.pem + b"\nCA\n" + AUTHORITY.pem,
    "pkcs7 der": pkcs7.serialize_certificates([ROOT.certificate, AUTHORITY.certificate], Encoding.DER),
    "pkcs7 pem": pkcs7.serialize_certificates([ROOT.certificate, AUTHORITY.certificate], Encoding.PEM),
    "ldif": ldif(ROOT.der, AUTHORITY.der),
    "ldif with CRLF": ldif(ROOT.der, AUTHORITY.der).replace(b"\n", b"\r\n"),
    "signed ldif": signed_file(ldif(ROOT.der, AUTHORITY.der)),
    "bundle with one that cannot be read": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    + ROOT.pem
    + AUTHORITY.pem,
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_its_certificates(form: str, tmp_path: Path) -> None:
    file = tmp_path / "anchors"
    file.write_bytes(FORMS[form])
    trust = anchors.from_paths([file])
    assert {anchor.der for anchor in trust.anchors} == {ROOT.der, AUTHORITY.der}
    for anchor in trust.anchors:
        assert (anchor.source, anchor.reason) == (str(file), anchors.NAMED_BY_USER)
        assert isinstance(anchor.since, date)
        assert not anchor.pec_cas_only


def test_one_der_certificate_is_one_anchor(tmp_path: Path) -> None:
    (tmp_path / "root.cer").write_bytes(ROOT.der)
    assert [anchor.der for anchor in anchors.from_paths([tmp_path / "root.cer"]).anchors] == [ROOT.der]


def test_folder_gives_all_its_files_hold_and_passes_over_the_rest(tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_bytes(ROOT.pem)
    (tmp_path / "ca.der").write_bytes(AUTHORITY.der)
    (tmp_path / "again.pem").write_bytes(ROOT.pem)
    (tmp_path / "list.crl").write_bytes(CRL)
    (tmp_path / "LEGGIMI.txt").write_text("Certificati della sede")
    trust = anchors.from_paths([tmp_path])
    assert sorted(anchor.der for anchor in trust.anchors) == sorted([ROOT.der, AUTHORITY.der])
    assert trust.crls == (CRL,)


def test_signers_of_a_signed_list_are_no_anchors(tmp_path: Path) -> None:
    (tmp_path / "igpec.p7m").write_bytes(signed_file(ldif(ROOT.der)))
    assert [anchor.der for anchor in anchors.from_paths([tmp_path]).anchors] == [ROOT.der]


@pytest.mark.parametrize("content", [b"", b"ciao", b"\x30\x03\x02\x01\x01", b"-----BEGIN X-----\n!\n-----END X-----"])
def test_file_without_certificates_is_named(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "sbagliato.pem"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=r"sbagliato\.pem holds no certificate .* PEM, DER"):
        anchors.from_paths([file])


def test_file_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match=r"assente\.pem cannot be read"):
        anchors.from_paths([Path("assente.pem")])


def test_private_keys_beside_certificates_are_not_taken(tmp_path: Path) -> None:
    (tmp_path / "both.pem").write_bytes(ROOT.key_pem + ROOT.pem)
    trust = anchors.from_paths([tmp_path / "both.pem"])
    assert [anchor.der for anchor in trust.anchors] == [ROOT.der]


def test_default_anchors_are_the_roots_of_pec_alone() -> None:
    trust = anchors.default(TODAY)
    assert trust.anchors, "certifi always brings the root above AgID CA1"
    for anchor in trust.anchors:
        parsed = certificate(anchor.der)
        assert parsed is not None
        assert is_pec_root(parsed)
        assert anchor.pec_cas_only
        assert (anchor.since, anchor.reason) == (TODAY, anchors.PUBLIC_ROOT)
        assert anchor.source


def test_default_anchors_come_from_certifi_where_the_system_has_no_store(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    monkeypatch.setattr(anchors, "_BUNDLES", ())
    assert any("certifi" in anchor.source for anchor in anchors.default(TODAY).anchors)


def test_default_anchors_are_read_from_the_systems_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    actalis = ca.root(ca.ACTALIS_ROOT, key="actalis")
    (tmp_path / "bundle.pem").write_bytes(ROOT.pem + actalis.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "bundle.pem"))
    pinned = tuple(replace(one, root_key=_key_sha256(actalis)) for one in pec_trust.PEC_AUTHORITIES)
    monkeypatch.setattr(pec_trust, "PEC_AUTHORITIES", pinned)
    sources = {anchor.der: anchor.source for anchor in anchors.default(TODAY).anchors}
    assert sources[actalis.der] == str(tmp_path / "bundle.pem")
    assert ROOT.der not in sources


def test_a_root_under_a_public_name_in_the_machines_store_is_no_anchor(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    namesake = ca.root(ca.ACTALIS_ROOT, key="namesake")
    (tmp_path / "bundle.pem").write_bytes(namesake.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "bundle.pem"))
    found = {anchor.der for anchor in anchors.default(TODAY).anchors}
    assert found  # those of certifi
    assert namesake.der not in found


def test_public_roots_among_the_users_own_are_told_apart(tmp_path: Path) -> None:
    (public,) = [one for one in anchors.default(TODAY).anchors if b"Actalis" in one.der][:1]
    (tmp_path / "both.der").write_bytes(public.der)
    (tmp_path / "own.pem").write_bytes(ROOT.pem)
    assert [one.der for one in anchors.public_among(anchors.from_paths([tmp_path]))] == [public.der]


def _key_sha256(identity: ca.Identity) -> str:
    key = identity.key.public_key()
    return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def test_default_anchors_are_there_at_once() -> None:
    growth.within(0.5, lambda: anchors.default(TODAY))  # measured 0.01 s: `inspect` must start fast


def test_named_anchors_stand_beside_the_default_ones(tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_bytes(ROOT.pem)
    default, named = anchors.default(TODAY), anchors.from_paths([tmp_path])
    both = anchors.combined(default, named)
    assert both.anchors == (*default.anchors, *named.anchors)
    assert anchors.combined(both, named) == both
