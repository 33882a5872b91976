"""Is every path found, and none that should not be? Path building apart from any mail."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from pec_tracker.pec import ber, names
from pec_tracker.pec.certificate import Certificate, certificate
from pec_tracker.pec.chain import Builder, Path
from pec_tracker.pec.names import NameConstraints
from pec_tracker.pec.trust import Anchor, Trust
from tests.factory import ca
from tests.factory.ca import Identity

T = datetime(2026, 3, 2, tzinfo=UTC)
ROOT = ca.root(key="chain-root")
AUTHORITY = ca.pec_ca(ROOT, key="chain-ca")
LEAF = ca.provider(AUTHORITY, key="chain-leaf")


def read(identity: Identity) -> Certificate:
    """The facts of an identity's certificate."""
    parsed = certificate(identity.der)
    assert parsed is not None
    return parsed


def paths(leaf: Identity, *carried: Identity, anchors: tuple[Identity, ...] = (ROOT,)) -> tuple[Path, ...]:
    """The paths from a leaf, with these certificates at hand."""
    trust = Trust(anchors=tuple(Anchor(one.der, "test", "test", None, pec_cas_only=False) for one in anchors))
    return Builder(trust).paths(read(leaf), tuple(one.der for one in carried))


def test_path_goes_from_leaf_to_anchor() -> None:
    (path,) = paths(LEAF, AUTHORITY, LEAF)
    assert [one.der for one in path.certificates] == [LEAF.der, AUTHORITY.der, ROOT.der]
    assert path.problems == ()
    assert path.holds_at(T)


def test_each_certificate_of_the_path_must_be_valid() -> None:
    late, early = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    for short in (
        (ca.root(key="chain-root", not_after=early), AUTHORITY, LEAF),
        (ROOT, ca.pec_ca(ROOT, key="chain-ca", not_after=early), LEAF),
        (ROOT, AUTHORITY, ca.provider(AUTHORITY, key="chain-leaf", not_before=late)),
    ):
        root, authority, leaf = short
        (path,) = paths(leaf, authority, anchors=(root,))
        assert path.problems == ()
        assert not path.holds_at(T)


def test_first_and_last_second_of_validity_count() -> None:
    (path,) = paths(ca.provider(AUTHORITY, key="chain-leaf", not_before=T, not_after=T + timedelta(days=1)), AUTHORITY)
    assert path.holds_at(T)
    assert path.holds_at(T + timedelta(days=1))
    assert not path.holds_at(T - timedelta(seconds=1))
    assert not path.holds_at(T + timedelta(days=1, seconds=1))


def test_of_two_issues_of_an_authority_both_paths_are_found() -> None:
    old = ca.pec_ca(ROOT, key="chain-ca", not_after=datetime(2026, 1, 1, tzinfo=UTC))
    found = paths(LEAF, old, AUTHORITY)
    assert len(found) == 2
    assert [path.holds_at(T) for path in found].count(True) == 1


def test_cross_signed_authorities_end_no_search() -> None:
    """Two authorities that certify each other: every path is found, and it ends."""
    one = {"organization": "A", "common_name": "A"}
    two = {"organization": "B", "common_name": "B"}
    a, b = ca.root(one, key="cross-a"), ca.root(two, key="cross-b")
    a_by_b, b_by_a = ca.pec_ca(b, one, key="cross-a"), ca.pec_ca(a, two, key="cross-b")
    leaf = ca.provider(a, key="chain-leaf")
    found = paths(leaf, a_by_b, b_by_a, a, b, anchors=(b,))
    assert found
    assert all(path.certificates[-1].der == b.der for path in found)


def test_hundreds_of_namesakes_are_given_up_in_time() -> None:
    namesakes = [ca.pec_ca(ROOT, key="chain-ca", not_after=T + timedelta(days=days)) for days in range(60)]
    assert len(paths(LEAF, *namesakes)) <= 16


def test_many_issues_of_a_root_are_given_up_in_time() -> None:
    roots = tuple(ca.root(key="chain-root", not_after=T + timedelta(days=days)) for days in range(20))
    assert len(paths(LEAF, AUTHORITY, anchors=roots)) == 16


def test_the_issuer_is_found_behind_sixty_forged_namesakes() -> None:
    """64 signatures are looked at for one signer: those of the forged, the issuer's, and that of its root."""
    forged = [ca.pec_ca(ROOT, key="chain-forged", not_after=T + timedelta(days=days)) for days in range(63)]
    assert len(paths(LEAF, *forged[:62], AUTHORITY)) == 1
    assert paths(LEAF, *forged, AUTHORITY) == ()


def test_self_issued_authorities_in_a_ring_are_given_up_in_time() -> None:
    ring = [ca.root(ca.AGID_CA1, key="chain-ca", not_after=T + timedelta(days=days)) for days in range(40)]
    assert paths(LEAF, *ring) == ()


def test_deepest_chain_has_eight_certificates() -> None:
    authorities = [ROOT]
    for level in range(7):
        names_ = {"organization": "Prova", "common_name": f"Livello {level}"}
        authorities.append(ca.pec_ca(authorities[-1], names_, key="chain-ca"))
    for depth, found in ((6, 1), (7, 0)):
        leaf = ca.provider(authorities[depth], key="chain-leaf")
        assert len(paths(leaf, *authorities[1:])) == found


def test_other_names_of_the_signer_are_held_against_the_constraints() -> None:
    """AgID CA1 excludes all DNS names and IP addresses (seen in its certificate)."""
    without_hosts = (x509.NameConstraints(None, [x509.DNSName("")]), False)
    authority = ca.pec_ca(ROOT, key="chain-ca", extra=(without_hosts,))
    both = x509.SubjectAlternativeName([x509.RFC822Name(ca.ADDRESS), x509.DNSName("pec.example")])
    leaf = ca.provider(authority, key="chain-leaf", address=None, extra=((both, False),))
    assert [path.problems for path in paths(leaf, authority)] == [("name-constraints",)]
    assert [path.problems for path in paths(LEAF, authority)] == [()]


def test_path_without_problems_comes_first() -> None:
    barred = ca.pec_ca(ROOT, key="chain-ca", usages=(ExtendedKeyUsageOID.SERVER_AUTH,))
    for carried in ((barred, AUTHORITY), (AUTHORITY, barred)):
        assert [path.problems for path in paths(LEAF, *carried)] == [(), ("extended-key-usage",)]


def test_forged_namesake_of_the_issuer_is_passed_over() -> None:
    forged = ca.pec_ca(ca.root(key="chain-forged"), key="chain-forged-ca")
    (path,) = paths(LEAF, forged, AUTHORITY)
    assert path.certificates[1].der == AUTHORITY.der


def test_path_length_is_kept() -> None:
    below = ca.pec_ca(AUTHORITY, {"organization": "Sotto", "common_name": "Sotto"}, key="chain-below")
    limited = ca.pec_ca(ROOT, key="chain-ca", path_length=0)
    leaf = ca.provider(below, key="chain-leaf")
    assert [path.problems for path in paths(leaf, below, limited)] == [("path-length",)]
    assert [path.problems for path in paths(LEAF, limited)] == [()]


def test_authority_for_web_servers_alone_certifies_no_mail() -> None:
    web = ca.pec_ca(ROOT, key="chain-ca", usages=(ExtendedKeyUsageOID.SERVER_AUTH,))
    both = ca.pec_ca(
        ROOT, key="chain-ca", usages=(ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.EMAIL_PROTECTION)
    )
    assert [path.problems for path in paths(LEAF, web)] == [("extended-key-usage",)]
    assert [path.problems for path in paths(LEAF, both)] == [()]


def test_short_authority_keys_are_refused() -> None:
    short = ca.pec_ca(ROOT, key="chain-short", bits=1024)
    assert [path.problems for path in paths(ca.provider(short, key="chain-leaf"), short)] == [("key-size",)]


def test_critical_extensions_that_are_not_understood_refuse_the_path() -> None:
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
    leaf = ca.provider(AUTHORITY, key="chain-leaf", extra=((unknown, True),))
    authority = ca.pec_ca(ROOT, key="chain-ca", extra=((unknown, True),))
    assert [path.problems for path in paths(leaf, AUTHORITY)] == [("critical-extension",)]
    assert [path.problems for path in paths(LEAF, authority)] == [("critical-extension",)]
    harmless = ca.provider(AUTHORITY, key="chain-leaf", extra=((unknown, False),))
    assert [path.problems for path in paths(harmless, AUTHORITY)] == [()]


def test_old_root_of_version_1_can_be_an_anchor_but_no_intermediate() -> None:
    old = Identity(ca.resigned(ROOT.certificate, ROOT.key, "sha256", version1=True), ROOT.key)
    assert [path.problems for path in paths(LEAF, AUTHORITY, anchors=(old,))] == [()]
    middle = Identity(ca.resigned(AUTHORITY.certificate, ROOT.key, "sha256", version1=True), AUTHORITY.key)
    assert [path.problems for path in paths(LEAF, middle)] == [("ca-constraints",)]


def test_signer_named_like_its_authority_is_still_constrained() -> None:
    """RFC 5280 6.1.3 (b) exempts self-issued certificates, but not the last."""
    authority = ca.pec_ca(ROOT, key="chain-ca", domains=("altrove.example",))
    leaf = ca.provider(authority, key="chain-leaf", subject=ca.AGID_CA1)
    assert [path.problems for path in paths(leaf, authority)] == [("name-constraints",)]


def test_self_issued_authority_is_exempt_from_constraints_and_the_signer_is_not() -> None:
    """RFC 5280 6.1.3 (b): an authority that changes its key certifies its new one under its own name."""
    allowed = (ca.name(country="IT", organization="Gestore di Prova S.p.A."),)
    old = ca.pec_ca(ROOT, key="chain-ca", directories=allowed)
    new = ca.pec_ca(old, key="chain-new-key")
    assert [path.problems for path in paths(ca.provider(new, key="chain-leaf"), new, old)] == [()]
    stranger = ca.provider(new, key="chain-leaf", subject={"country": "IT", "organization": "Altro"})
    assert [path.problems for path in paths(stranger, new, old)] == [("name-constraints",)]


def test_every_authority_below_a_constrained_one_is_held_to_its_names() -> None:
    allowed = (ca.name(country="IT", organization="Gestore di Prova S.p.A."),)
    limited = ca.pec_ca(ROOT, key="chain-ca", directories=allowed)
    below = ca.pec_ca(limited, {"organization": "Altrove", "common_name": "Altrove"}, key="chain-below")
    assert [path.problems for path in paths(ca.provider(below, key="chain-leaf"), below, limited)] == [
        ("name-constraints",)
    ]


def test_an_anchor_must_be_an_authority_to_vouch_for_another() -> None:
    no_authority = ca.pec_ca(ROOT, key="chain-no-ca", is_ca=False)
    leaf = ca.provider(no_authority, key="chain-leaf")
    assert [path.problems for path in paths(leaf, anchors=(no_authority,))] == [("ca-constraints",)]


def test_the_purposes_of_an_anchor_are_its_owners_business() -> None:
    """What the anchor says it is for is not asked: it was named as what to trust."""
    web = ca.pec_ca(ROOT, key="chain-ca", usages=(ExtendedKeyUsageOID.SERVER_AUTH,))
    assert [path.problems for path in paths(LEAF, anchors=(web,))] == [()]


def test_keys_that_are_not_rsa_are_refused_and_stop_nothing() -> None:
    """RFC 6109 5.5 asks for RSA."""
    leaf = elliptic(AUTHORITY)
    (path,) = paths(leaf, AUTHORITY)
    assert "key-size" in path.problems
    assert path.weak == ()


def test_an_old_digest_anywhere_below_the_anchor_is_said() -> None:
    old = ca.pec_ca(ROOT, key="chain-ca", digest="sha1")
    assert [path.weak for path in paths(LEAF, old)] == [("sha1-certificate",)]
    anchor = ca.root(key="chain-root", digest="sha1")
    assert [path.weak for path in paths(LEAF, AUTHORITY, anchors=(anchor,))] == [()]


def elliptic(issuer: Identity) -> Identity:
    """A provider's certificate over a key of an elliptic curve."""
    like = ca.provider(issuer, key="chain-leaf").certificate
    builder = x509.CertificateBuilder(
        issuer.certificate.subject,
        like.subject,
        ec.generate_private_key(ec.SECP256R1()).public_key(),
        7,
        like.not_valid_before_utc,
        like.not_valid_after_utc,
        list(like.extensions),
    )
    return Identity(builder.sign(issuer.key, hashes.SHA256()), issuer.key)


def test_certificates_that_cannot_be_read_are_passed_over() -> None:
    trust = Trust(anchors=(Anchor(b"no certificate", "x", "x", None, False), Anchor(ROOT.der, "x", "x", None, False)))
    assert len(Builder(trust).paths(read(LEAF), (b"\x30\x00", AUTHORITY.der))) == 1
    assert certificate(b"") is None


def test_mail_constraints_are_hosts_domains_or_mailboxes() -> None:
    """RFC 5280 4.2.1.10."""

    def allows(base: str, address: str) -> bool:
        return NameConstraints(permitted_mail=(base,)).allow((), (address,), frozenset())

    assert allows("pec.example", "a@pec.example")
    assert allows("PEC.example", "a@Pec.Example")
    assert not allows("pec.example", "a@sub.pec.example")
    assert not allows("pec.example", "a@notpec.example")
    assert allows(".pec.example", "a@sub.pec.example")
    assert not allows(".pec.example", "a@pec.example")
    assert allows("a@pec.example", "a@pec.example")
    assert not allows("a@pec.example", "b@pec.example")
    assert not NameConstraints(excluded_mail=("pec.example",)).allow((), ("a@pec.example",), frozenset())


def test_directory_constraints_are_the_first_parts_of_a_name() -> None:
    def name(**fields: str) -> names.DirectoryName:
        return names.comparable(ca.name(**fields).public_bytes())

    within = NameConstraints(permitted_directories=(name(country="IT", organization="Gestore  S.p.A."),))
    assert within.allow(name(country="it", organization="GESTORE S.p.A.", common_name="x"), (), frozenset())
    assert not within.allow(name(country="IT", organization="Altro"), (), frozenset())
    assert not within.allow(name(country="IT"), (), frozenset())
    assert within.allow((), (), frozenset())


def test_constrained_names_that_are_not_understood_are_refused() -> None:
    constraints = NameConstraints(other_forms=frozenset({"DNSName"}))
    assert not constraints.allow((), (), frozenset({"DNSName"}))
    assert constraints.allow((), (), frozenset({"UniformResourceIdentifier"}))


def test_names_compare_across_string_types_and_letters() -> None:
    def encoded(tag: int, text: bytes) -> bytes:
        value = ber.wrapped(ber.OID, names.COMMON_NAME) + ber.wrapped(tag, text)
        return ber.wrapped(ber.SEQUENCE, ber.wrapped(ber.SET, ber.wrapped(ber.SEQUENCE, value)))

    utf8, printable = encoded(0x0C, b"AgID  CA1 "), encoded(0x13, b"agid ca1")
    wide = encoded(0x1E, "AgID CA1".encode("utf-16-be"))
    assert names.comparable(utf8) == names.comparable(printable) == names.comparable(wide)
    assert names.comparable(utf8) != names.comparable(encoded(0x13, b"AgID CA2"))
    assert names.attribute(wide, names.COMMON_NAME) == "AgID CA1"


def test_address_in_the_subject_counts_only_without_alternative_names() -> None:
    key = ca.private_key("chain-leaf")
    subject = x509.Name([x509.NameAttribute(x509.NameOID.EMAIL_ADDRESS, "vecchia@pec.example")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(AUTHORITY.certificate.subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(ca.FROM_2020)
        .not_valid_after(ca.UNTIL_2040)
    )
    legacy = Identity(builder.sign(AUTHORITY.key, hashes.SHA256()), key)
    assert read(legacy).addresses == ("vecchia@pec.example",)
    assert read(LEAF).addresses == (ca.ADDRESS,)
