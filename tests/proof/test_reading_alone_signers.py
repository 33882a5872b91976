"""The verifier that stands alone reads certificates by X.690 and RFC 5280, and asks openssl who signed."""

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from pec_tracker.render import verify_package as alone
from pec_tracker.render.verify_package import Certificate, Openssl, Receipt, Signatures
from tests.factory import ca, cms, receipts

AT = datetime(2026, 3, 2, 9, 15, 30, tzinfo=UTC)

# --- DER (X.690 8.1) ---


@pytest.mark.parametrize(
    ("der", "items"),
    [
        ("", []),
        ("0500", [(5, "0500", "")]),
        ("020101 0500", [(2, "020101", "01"), (5, "0500", "")]),
        ("047f" + "00" * 127, [(4, "047f" + "00" * 127, "00" * 127)]),
        ("048180" + "00" * 128, [(4, "048180" + "00" * 128, "00" * 128)]),
        ("04820001 aa", [(4, "04820001aa", "aa")]),
        ("0484000000 01 aa 0500", [(4, "048400000001aa", "aa"), (5, "0500", "")]),
    ],
)
def test_elements_lie_side_by_side(der: str, items: list[tuple[int, str, str]]) -> None:
    expected = [(tag, bytes.fromhex(whole), bytes.fromhex(content)) for tag, whole, content in items]
    assert alone.der_items(bytes.fromhex(der)) == expected


@pytest.mark.parametrize("der", ["04", "0401", "0480", "0480 0000", "0485 0000000001 aa", "048102 aa", "0500 04"])
def test_what_is_no_der_is_refused(der: str) -> None:
    with pytest.raises(ValueError, match="no DER"):
        alone.der_items(bytes.fromhex(der))


@pytest.mark.parametrize(
    ("tag", "written", "at"),
    [
        (0x17, "260302091530Z", AT), (0x17, "490101000000Z", datetime(2049, 1, 1, tzinfo=UTC)),
        (0x17, "500101000000Z", datetime(1950, 1, 1, tzinfo=UTC)), (0x18, "20260302091530Z", AT),
        (0x17, "990101000000Z", datetime(1999, 1, 1, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_time_of_a_certificate(tag: int, written: str, at: datetime) -> None:
    """RFC 5280 4.1.2.5.1."""
    assert alone.der_time(tag, b"", written.encode()) == at


def name(*pairs: str) -> bytes:
    """A distinguished name of one pair in each set, less than 128 bytes long."""
    sets = b"".join(bytes([0x31, len(one) + 2, 0x30, len(one)]) + one for one in map(bytes.fromhex, pairs))
    return bytes([0x30, len(sets)]) + sets


@pytest.mark.parametrize(
    ("pairs", "common_name"),
    [
        (["0603550403 0c05 50726f7661"], "Prova"),
        (["060355040a 0c01 41", "0603550403 1305 50726f7661"], "Prova"),
        (["0603550403 0c01 41", "0603550403 0c01 42"], "A"),
        (["0603550403 0c02 c3a8"], "è"),
        (["0603550403 1401 e8"], "è"),
        (["0603550403 1e04 00e80041"], "èA"),
        (["0603550403 0c01 e8"], "\ufffd"),
        (["060355040a 0c01 41"], ""),
        ([], ""),
    ],
)
def test_first_common_name_of_a_name(pairs: list[str], common_name: str) -> None:
    assert alone.name_part(name(*pairs), bytes.fromhex("550403")) == common_name


def test_certificate_has_its_facts() -> None:
    leaf = receipts.provider_identity()
    facts = alone.certificate(leaf.der)
    assert facts is not None
    assert (facts.der, facts.bits, facts.until) == (leaf.der, 2048, datetime(2040, 1, 1, tzinfo=UTC))
    assert facts.algorithm == bytes.fromhex("2a864886f70d01010b")  # sha256WithRSAEncryption, RFC 8017
    assert alone.name_part(facts.subject, b"\x55\x04\x0a") == "Gestore di Prova S.p.A."
    above = alone.certificate(receipts.pec_authority().der)
    assert above is not None
    assert facts.issuer == above.subject
    assert facts.subject != facts.issuer
    assert facts.pem == leaf.pem


@pytest.mark.parametrize("broken", [b"", b"0", b"0\x00", b"0\x03\x02\x01\x00"])
def test_bytes_that_are_no_certificate_are_none(broken: bytes) -> None:
    assert alone.certificate(broken) is None
    assert alone.certificate(receipts.root_authority().der + b"\x05\x00") is None
    assert alone.certificate(receipts.root_authority().der[:-1]) is None


@pytest.mark.parametrize(
    ("bits", "algorithm", "usable"),
    [
        (2048, "2a864886f70d01010b", True), (2047, "2a864886f70d01010b", False), (0, "2a8648ce3d040302", False),
        (4096, "2a864886f70d010104", False), (4096, "2a864886f70d010102", False), (4096, "2a864886f70d010105", True),
    ],
)  # fmt: skip
def test_certificate_above_a_leaf_has_a_long_key_and_no_md5(bits: int, algorithm: str, usable: bool) -> None:
    assert Certificate(b"", b"", b"", AT, "", bits, bytes.fromhex(algorithm)).usable is usable


def test_certificates_are_read_one_after_the_other() -> None:
    root, authority = receipts.root_authority(), receipts.pec_authority()
    junk = b"-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n"
    broken = b"-----BEGIN CERTIFICATE-----\nQ\n-----END CERTIFICATE-----\n"
    found = alone.from_pem(b"words\n" + root.pem + junk + broken + authority.pem + root.pem.partition(b"-----END")[0])
    assert [one.der for one in found] == [root.der, authority.der, root.der]
    assert alone.pem(found[:2]) == root.pem + authority.pem


def member(content: bytes) -> str:
    return f"certificates/{sha256(content).hexdigest()[:16]}.der"


def test_certificates_are_the_ones_in_their_names() -> None:
    root, authority = receipts.root_authority(), receipts.pec_authority()
    name = member(root.der)
    pem_name = name.replace(".der", ".pem")
    good = {name: root.der, pem_name: root.pem, "certificates/chain-1-anchor.pem": root.pem, "other.der": b""}
    assert list(alone.certificate_findings(good)) == []
    assert list(alone.certificate_findings({name: authority.der, pem_name: authority.pem})) == [
        (name, "does not have the SHA-256 in its name")
    ]
    last = "0" if name[-5] != "0" else "1"
    misnamed = f"{name[:-5]}{last}.der"
    assert list(alone.certificate_findings({misnamed: root.der, misnamed.replace(".der", ".pem"): root.pem})) == [
        (misnamed, "does not have the SHA-256 in its name")
    ]
    assert list(alone.certificate_findings({name: root.der})) == [(pem_name, f"is not {name}")]
    chain = "certificates/chain-2-intermediates.pem"
    assert list(alone.certificate_findings({**good, chain: root.pem + authority.pem})) == [
        (chain, "holds a certificate that is not in certificates/")
    ]
    elsewhere = {**good, "other.der": authority.der, "certificates/authority": authority.der, chain: authority.pem}
    assert [name for name, _ in alone.certificate_findings(elsewhere)] == [chain]


# --- who signed (RFC 5652, RFC 8551) ---


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Openssl:
    return Openssl(tmp_path_factory.mktemp("openssl"))


def facts(identity: ca.Identity) -> Certificate:
    found = alone.certificate(identity.der)
    assert found is not None
    return found


def test_signature_holds_in_each_form_of_line_ends_and_for_no_other_bytes(tool: Openssl) -> None:
    raw = receipts.receipt("accettazione")
    carried = [facts(receipts.pec_authority())]
    (signer,) = tool.signers(raw, carried)
    assert signer.der == receipts.provider_identity().der
    assert [one.der for one in tool.signers(raw.replace(b"\r\n", b"\n"), carried)] == [signer.der]
    on_lf = receipts.receipt(
        "accettazione",
        signature=lambda content: cms.sign(content.replace(b"\r\n", b"\n"), *receipts.default_signers(AT)),
    )
    assert [one.der for one in tool.signers(on_lf, carried)] == [signer.der]
    assert tool.address_of(signer) == [ca.ADDRESS]
    for bent in (
        raw.replace(b"Gestore", b"Gestorf").replace(b"multipart/mixed", b"multipart/MIXED"),
        raw.replace(b"multipart/signed", b"multipart/mixed", 1),
        raw.replace(b'protocol="application/pkcs7-signature"', b'protocol="application/pgp-signature"', 1),
        raw.replace(b"Content-Type: application/pkcs7-signature", b"Content-Type: application/octet-stream", 1),
        b"",
    ):
        assert bent != raw
        assert tool.signers(bent, carried) == []
    older = raw.replace(b"application/pkcs7-signature", b"application/x-pkcs7-signature")
    assert [one.der for one in tool.signers(older, carried)] == [signer.der]


def test_signature_over_md5_is_none(tool: Openssl) -> None:
    def with_md5(content: bytes) -> bytes:
        return cms.sign(content, *receipts.default_signers(AT)) + bytes.fromhex("06082a864886f70d0205")

    def with_more(content: bytes) -> bytes:
        return cms.sign(content, *receipts.default_signers(AT)) + bytes.fromhex("06082a864886f70d0206")

    carried = [facts(receipts.pec_authority())]
    assert tool.signers(receipts.receipt("accettazione", signature=with_md5), carried) == []
    assert tool.signers(receipts.receipt("accettazione", signature=with_more), carried)


def judged(tool: Openssl, authorities: list[Certificate], **bent: Any) -> Receipt:
    raw = receipts.receipt("accettazione", **bent)
    one = alone.read_receipt("receipts/001-acceptance.eml", raw)
    authority = receipts.pec_authority()
    Signatures(
        tool, {"certificates/1.der": authority.der, "certificates/1.pem": b"", "2.der": b"x"}, authorities
    ).judge(one)
    return one


def test_receipt_is_trusted_under_an_authority_that_is_named(tool: Openssl) -> None:
    one = judged(tool, [facts(receipts.root_authority())])
    assert (one.trusted, one.named, one.faults) == (True, True, [])
    assert one.signer is not None
    assert one.issuer == (ca.ADDRESS.partition("@")[2], "gestorediprova")
    alone_ = judged(tool, [])
    assert (alone_.trusted, alone_.named) == (False, True)
    assert alone_.signer is not None


def test_signer_that_is_not_the_sender_vouches_for_nothing(tool: Openssl) -> None:
    root = [facts(receipts.root_authority())]
    other = judged(tool, root, from_address="posta-certificata@altro.example")
    assert (other.trusted, other.issuer) == (False, ("", ""))
    assert other.signer is not None
    nobody = judged(tool, root, from_address=f"a@x.example, {ca.ADDRESS}")
    assert (nobody.trusted, nobody.issuer) == (False, ("", ""))
    broken = judged(tool, root, signature=b"broken")
    assert (broken.trusted, broken.signer) == (False, None)
    undated = judged(tool, root, daticert=receipts.daticert_xml("accettazione").replace(b'zona="+0100"', b""))
    assert (undated.trusted, undated.signer is not None) == (False, True)


def test_person_under_the_same_authority_is_no_provider(tool: Openssl) -> None:
    person = ca.provider(receipts.pec_authority(), address="mario@gestore.example", key="person-alone")
    signers = (cms.Signer(person, signed_at=AT),)
    one = judged(tool, [facts(receipts.root_authority())], from_address="mario@gestore.example", signers=signers)
    assert one.trusted
    assert one.faults == ["its signer is mario@gestore.example, and not posta-certificata@ a provider"]


def test_every_signer_must_hold(tool: Openssl) -> None:
    stray_root = ca.root(key="stray-root")
    stray = ca.provider(ca.pec_ca(stray_root, key="stray-ca"), key="stray")
    both = (*receipts.default_signers(AT), cms.Signer(stray, signed_at=AT))
    one = judged(tool, [facts(receipts.root_authority())], signers=both)
    assert one.signer is not None
    assert not one.trusted


@pytest.mark.parametrize(
    ("public", "own", "trusted", "named"),
    [((True, True), (), True, False), ((True, False), (1,), True, True), ((True, False), (0,), False, True),
     ((False, False), (0, 1), True, True), ((False, True), (), False, True)],
)  # fmt: skip
def test_receipt_is_under_a_named_authority_where_one_signer_is(
    tool: Openssl, monkeypatch: pytest.MonkeyPatch, public: tuple[bool, bool], own: tuple[int, ...], trusted: bool,
    named: bool,
) -> None:  # fmt: skip
    stray = ca.provider(receipts.pec_authority(), key="second-alone")
    ders = (receipts.provider_identity().der, stray.der)
    monkeypatch.setattr(Signatures, "public", lambda _, leaf, __: public[ders.index(leaf.der)])
    monkeypatch.setattr(Signatures, "under_own", lambda _, leaf, __: ders.index(leaf.der) in own)
    one = judged(tool, [], signers=(*receipts.default_signers(AT), cms.Signer(stray, signed_at=AT)))
    assert (one.trusted, one.named) == (trusted, named)


def test_chain_leads_to_a_root_at_a_time(tool: Openssl) -> None:
    leaf, authority, root = (
        facts(one) for one in (receipts.provider_identity(), receipts.pec_authority(), receipts.root_authority())
    )
    assert tool.leads(leaf, [authority], [root], AT)
    assert not tool.leads(leaf, [], [root], AT)
    assert not tool.leads(leaf, [authority], [], AT)
    assert not tool.leads(leaf, [authority], [root], datetime(2041, 1, 1, tzinfo=UTC))
    assert not tool.leads(leaf, [authority], [root], datetime(2019, 1, 1, tzinfo=UTC))
    assert not tool.leads(leaf, [authority], [facts(ca.root(key="stray-root"))], AT)


def test_short_or_sha1_keys_are_led_to_at_the_lower_level(tool: Openssl) -> None:
    root, authority = receipts.root_authority(), receipts.pec_authority()
    short = facts(ca.provider(authority, key="short-alone", bits=1024))
    old = facts(ca.provider(authority, key="old-alone", digest="sha1"))
    for leaf in (short, old):
        assert tool.leads(leaf, [facts(authority)], [facts(root)], AT)
    old_ca = ca.pec_ca(root, key="old-ca", digest="sha1")
    assert tool.leads(facts(ca.provider(old_ca, key="new-alone")), [facts(old_ca)], [facts(root)], AT)


@pytest.mark.parametrize(
    ("names", "legacy", "bits", "digest", "issuer_is_root", "trusted"),
    [
        (None, False, 2048, "sha256", True, True), (None, False, 1024, "sha256", True, False),
        (None, True, 1024, "sha256", True, True), (None, True, 2048, "sha1", True, True),
        ("common_name", False, 2048, "sha256", True, False), ("organization", False, 2048, "sha256", True, False),
        (None, False, 2048, "sha256", False, False),
    ],
)  # fmt: skip
def test_public_root_vouches_through_its_one_authority(
    tool: Openssl, monkeypatch: pytest.MonkeyPatch, names: str | None, legacy: bool, bits: int, digest: str,
    issuer_is_root: bool, trusted: bool,
) -> None:  # fmt: skip
    root = ca.root(ca.ACTALIS_ROOT, key="public-root")
    above = root if issuer_is_root else ca.pec_ca(root, {"common_name": "between"}, key="public-between")
    authority = ca.pec_ca(above, {**ca.AGID_CA1, **({names: "Altro"} if names else {})}, key="public-ca")
    leaf = facts(ca.provider(authority, key=f"public-{bits}", bits=bits, digest=digest))
    known = ("AgID CA1", "Agenzia per l'Italia Digitale", legacy)
    monkeypatch.setattr(alone, "PEC_ROOTS", {facts(root).key_sha256: known})
    members = {f"certificates/{at}.der": one.der for at, one in enumerate((authority, above))}
    found = Signatures(tool, members, [facts(root), facts(ca.root(key="stray-root"))])
    assert found.own == [facts(ca.root(key="stray-root"))]
    assert found.public(leaf, AT) is trusted
    assert not found.public(replace(leaf, algorithm=bytes.fromhex("2a864886f70d010104")), AT)
    assert not found.under_own(leaf, AT)


def test_authority_of_a_short_key_or_under_another_of_the_roots_name_is_none(
    tool: Openssl, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = ca.root(ca.ACTALIS_ROOT, key="public-root")
    monkeypatch.setattr(
        alone, "PEC_ROOTS", {facts(root).key_sha256: ("AgID CA1", "Agenzia per l'Italia Digitale", True)}
    )
    renewed = ca.pec_ca(root, ca.ACTALIS_ROOT, key="renewed-root")  # of the root's name, certified by the root
    for above, bits in ((root, 1024), (renewed, 2048)):
        authority = ca.pec_ca(above, key=f"weak-ca-{bits}", bits=bits)
        leaf = facts(ca.provider(authority, key="weak-leaf", digest="sha1"))
        members = {"certificates/1.der": authority.der, "certificates/2.der": renewed.der}
        assert not Signatures(tool, members, [facts(root)]).public(leaf, AT)


def test_certificates_of_the_package_are_those_in_its_folder(tool: Openssl) -> None:
    root, authority = receipts.root_authority(), receipts.pec_authority()
    members = {"certificates/a.der": root.der, "certificates/b.der": root.der, "certificates/c.der": b"junk"}
    others = {"other.der": authority.der, "certificates/a.crl": authority.der}
    assert [one.der for one in Signatures(tool, {**members, **others}, []).carried] == [root.der]


def test_under_a_named_authority_every_key_is_long(tool: Openssl) -> None:
    root = receipts.root_authority()
    for authority_bits, leaf_bits, trusted in ((2048, 2048, True), (1024, 2048, False), (2048, 1024, False)):
        authority = ca.pec_ca(root, key=f"own-ca-{authority_bits}", bits=authority_bits)
        leaf = facts(ca.provider(authority, key=f"own-{leaf_bits}", bits=leaf_bits, digest="sha1"))
        found = Signatures(tool, {"certificates/1.der": authority.der}, [facts(root)])
        assert found.under_own(leaf, AT) is trusted
    short_root = facts(ca.root(key="short-root", bits=1024))
    assert Signatures(tool, {}, [short_root]).own == []


def test_openssl_of_the_folder_in_which_it_runs_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "openssl"
    fake.write_text("#!/bin/sh\nexit 0\n", "utf-8")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OSError, match="no openssl command"):
        Openssl(tmp_path)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(OSError, match="no openssl command"):
        Openssl(tmp_path)


def test_machines_store_is_read_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "store.pem"
    store.write_bytes(receipts.root_authority().pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(store))
    assert [one.der for one in alone.machine_roots()] == [receipts.root_authority().der]
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    monkeypatch.setattr(alone, "STORES", (str(tmp_path), str(store)))
    assert [one.der for one in alone.machine_roots()] == [receipts.root_authority().der]
    monkeypatch.setattr(alone, "STORES", ())
    assert alone.machine_roots() == []
