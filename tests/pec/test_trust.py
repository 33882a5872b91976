"""Which chains does a user trust who named no anchor? Public roots, through the authorities of Italian PEC alone."""

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pec_tracker import anchors
from pec_tracker.pec import trust as pec_trust
from pec_tracker.pec.certificate import certificate
from pec_tracker.pec.evidence import Verdict
from pec_tracker.pec.read import read
from pec_tracker.pec.signature import Verification, verify
from pec_tracker.pec.trust import Anchor, Trust, is_pec_root
from tests.factory import ca, receipts
from tests.factory.ca import Identity
from tests.factory.cms import Signer

NOW = datetime(2026, 11, 1, tzinfo=UTC)
IN_2016 = datetime(2016, 5, 1, tzinfo=UTC)
IN_2010, IN_2030 = datetime(2010, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)
BALTIMORE = {
    "country": "IE",
    "organization": "Baltimore",
    "unit": "CyberTrust",
    "common_name": "Baltimore CyberTrust Root",
}
DIGITPA = {"country": "IT", "organization": "DigitPA", "common_name": "DigitPA CA1"}

ACTALIS = ca.root(ca.ACTALIS_ROOT, key="actalis")
AGID = ca.pec_ca(ACTALIS, key="agid", domains=("pec.example",), directories=(ca.name(country="IT"),))


BALTIMORE_ROOT = ca.root(BALTIMORE, key="baltimore", not_before=IN_2010)


@pytest.fixture(autouse=True)
def _roots_of_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' own roots in place of the two public ones: nobody has the keys of those."""
    keys = {"AgID CA1": ACTALIS, "DigitPA CA1": BALTIMORE_ROOT}
    pinned = tuple(replace(one, root_key=spki(keys[one.common_name])) for one in pec_trust.PEC_AUTHORITIES)
    monkeypatch.setattr(pec_trust, "PEC_AUTHORITIES", pinned)


def spki(identity: Identity) -> str:
    """SHA-256 of the public key as `openssl x509 -pubkey | openssl pkey -pubin -outform DER | sha256sum` says it."""
    key = identity.key.public_key()
    return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def public(*roots: Identity) -> Trust:
    """Trust as by default: these are public roots."""
    return Trust(anchors=tuple(Anchor(one.der, "system", "public root", None, pec_cas_only=True) for one in roots))


def received(leaf: Identity, authority: Identity, trust: Trust, *, at: datetime = receipts.ISSUED_AT) -> Verification:
    """The verification of an acceptance signed by `leaf`, which carries it and its authority."""
    raw = receipts.receipt("accettazione", signers=(Signer(leaf),), certificates=(leaf.der, authority.der))
    return verify(raw, read(raw), trust, at=at, now=NOW)


def test_provider_under_agid_ca1_and_actalis_is_trusted() -> None:
    result = received(ca.provider(AGID), AGID, public(ACTALIS))
    assert result.verdict is Verdict.TRUSTED
    assert result.checks["provider_domain"] is True
    assert result.anchor_source == "system"


def test_reissued_authority_is_trusted_by_its_name_and_the_roots_signature() -> None:
    reissued = ca.pec_ca(ACTALIS, key="agid-new-key", not_before=datetime(2025, 1, 1, tzinfo=UTC))
    assert received(ca.provider(reissued), reissued, public(ACTALIS)).verdict is Verdict.TRUSTED


@pytest.mark.parametrize(
    "subject",
    [
        {"country": "IT", "organization": "Actalis S.p.A.", "common_name": "Actalis Client Authentication CA G3"},
        {**ca.AGID_CA1, "organization": "Un'altra Agenzia"},
        {**ca.AGID_CA1, "common_name": "AgID CA2"},
    ],
)
def test_other_authorities_under_the_same_root_are_not_pecs(subject: dict[str, str]) -> None:
    other = ca.pec_ca(ACTALIS, subject, key="other-ca")
    result = received(ca.provider(other), other, public(ACTALIS))
    assert (result.verdict, result.checks["chain"]) == (Verdict.INTACT, False)
    assert "not-a-pec-authority" in result.reasons


def test_pec_authority_under_another_root_is_not_pecs() -> None:
    elsewhere = ca.root(BALTIMORE, key="baltimore")
    authority = ca.pec_ca(elsewhere, key="agid-elsewhere")
    result = received(ca.provider(authority), authority, public(elsewhere))
    assert "not-a-pec-authority" in result.reasons


def test_pec_authority_below_another_authority_is_not_pecs() -> None:
    """Whoever sells certificates under the root could give one this name: the root itself must have."""
    between = ca.pec_ca(ACTALIS, {"organization": "Actalis S.p.A.", "common_name": "Intermedia"}, key="between")
    authority = ca.pec_ca(between, key="agid-below")
    leaf = ca.provider(authority)
    raw = receipts.receipt(signers=(Signer(leaf),), certificates=(leaf.der, authority.der, between.der))
    assert "not-a-pec-authority" in verify(raw, read(raw), public(ACTALIS), now=NOW).reasons


def test_signer_directly_under_a_public_root_is_not_pecs() -> None:
    leaf = ca.provider(ACTALIS)
    assert "not-a-pec-authority" in received(leaf, AGID, public(ACTALIS)).reasons


def test_public_root_that_the_user_names_too_is_trusted_without_the_restriction() -> None:
    other = ca.pec_ca(ACTALIS, {"organization": "Actalis S.p.A.", "common_name": "Altra CA"}, key="other-ca")
    named = Anchor(ACTALIS.der, "mine.pem", "named by the user", None, pec_cas_only=False)
    trust = Trust(anchors=(*public(ACTALIS).anchors, named))
    result = received(ca.provider(other), other, trust)
    assert (result.verdict, result.anchor_source) == (Verdict.TRUSTED, "mine.pem")
    assert result.checks["provider_domain"] is None


def test_of_a_root_that_is_public_and_the_users_own_the_public_one_is_named() -> None:
    both = Trust(
        anchors=(
            Anchor(ACTALIS.der, "mine", "mine", None, pec_cas_only=False),
            Anchor(ACTALIS.der, "system", "public root", None, pec_cas_only=True),
        )
    )
    result = received(ca.provider(AGID), AGID, both)
    assert (result.verdict, result.anchor_source) == (Verdict.TRUSTED, "system")


def test_what_the_root_forbids_its_authority_of_pec_cannot_allow() -> None:
    root = ca.pec_ca(ACTALIS, ca.ACTALIS_ROOT, key="actalis", excluded=("pec.example",))
    result = received(ca.provider(AGID), AGID, public(root))
    assert (result.verdict, result.reasons) == (Verdict.INTACT, ("name-constraints",))


def test_a_public_root_signs_no_receipt_itself() -> None:
    leaf = ca.provider(AGID, key="actalis")
    trusted = Trust(anchors=(Anchor(leaf.der, "system", "public root", None, pec_cas_only=True),))
    assert received(leaf, AGID, trusted).verdict is Verdict.INTACT


def test_domain_that_the_pec_authority_may_not_certify_is_not_trusted() -> None:
    leaf = ca.provider(AGID, address="posta-certificata@altrove.example")
    raw = receipts.receipt(
        signers=(Signer(leaf),), certificates=(leaf.der, AGID.der), from_address="posta-certificata@altrove.example"
    )
    result = verify(raw, read(raw), public(ACTALIS), now=NOW)
    assert (result.verdict, result.checks["chain"], result.checks["provider_domain"]) == (Verdict.INTACT, True, False)
    assert result.reasons == ("provider-domain",)


def test_what_the_user_trusts_is_trusted_even_where_the_default_would_not() -> None:
    leaf = ca.provider(AGID, address="posta-certificata@altrove.example", subject={"country": "FR"})
    free = ca.pec_ca(ACTALIS, key="agid")
    named = Anchor(free.der, "mine.pem", "named by the user", None, pec_cas_only=False)
    raw = receipts.receipt(
        signers=(Signer(leaf),), certificates=(leaf.der, AGID.der), from_address="posta-certificata@altrove.example"
    )
    trust = Trust(anchors=(*public(ACTALIS).anchors, named))
    result = verify(raw, read(raw), trust, now=NOW)
    assert (result.verdict, result.anchor_source) == (Verdict.TRUSTED, "mine.pem")


def test_provider_whose_name_is_outside_the_directory_constraints_is_not_trusted() -> None:
    leaf = ca.provider(AGID, subject={"country": "FR", "organization": "Gestore", "common_name": "Gestore"})
    assert received(leaf, AGID, public(ACTALIS)).checks["provider_domain"] is False


def test_pec_authority_without_constraints_leaves_the_domain_unchecked() -> None:
    free = ca.pec_ca(ACTALIS, key="agid-free")
    result = received(ca.provider(free), free, public(ACTALIS))
    assert (result.verdict, result.checks["provider_domain"]) == (Verdict.TRUSTED, None)


def test_mail_of_2016_under_digitpa_ca1_still_verifies() -> None:
    """1,024-bit key, no EKU, SHA-1 throughout: genuine then."""
    root = ca.root(BALTIMORE, key="baltimore", digest="sha1", not_before=IN_2010, not_after=IN_2030)
    authority = ca.pec_ca(root, DIGITPA, key="digitpa", digest="sha1", not_before=IN_2010, not_after=IN_2030)
    leaf = ca.provider(
        authority,
        key="of-2014",
        bits=1024,
        digest="sha1",
        usages=None,
        not_before=IN_2010,
        not_after=datetime(2017, 1, 1, tzinfo=UTC),
    )
    raw = receipts.receipt(
        "accettazione",
        issued_at=IN_2016,
        signers=(Signer(leaf, digest="sha1", signed_at=IN_2016),),
        certificates=(leaf.der, authority.der),
    )
    result = verify(raw, read(raw), public(root), now=NOW)
    assert result.verdict is Verdict.TRUSTED
    assert result.weak == ("sha1-digest", "sha1-certificate", "rsa-1024")
    assert (result.checks["valid_now"], result.checks["provider_domain"]) == (False, None)

    named = Trust(anchors=(Anchor(root.der, "mine", "mine", None, pec_cas_only=False),))
    assert verify(raw, read(raw), named, now=NOW).reasons == ("key-size",)


def test_short_key_under_agid_ca1_is_refused() -> None:
    result = received(ca.provider(AGID, key="short", bits=1024), AGID, public(ACTALIS))
    assert (result.verdict, result.reasons) == (Verdict.INTACT, ("key-size",))


def test_roots_are_known_by_their_keys() -> None:
    def says(identity: Identity) -> bool:
        parsed = certificate(identity.der)
        assert parsed is not None
        return is_pec_root(parsed)

    assert says(ACTALIS)
    assert says(BALTIMORE_ROOT)
    assert says(ca.root(ca.ACTALIS_ROOT, key="actalis", not_before=IN_2010))  # issued again with the same key
    assert not says(ca.root(ca.ACTALIS_ROOT, key="namesake"))
    assert not says(ca.root(key="another"))


def test_a_root_that_anybody_made_under_the_public_name_proves_nothing() -> None:
    namesake = ca.root(ca.ACTALIS_ROOT, key="namesake")
    authority = ca.pec_ca(namesake, key="namesakes-agid", domains=("pec.example",))
    result = received(ca.provider(authority), authority, public(namesake))
    assert (result.verdict, result.reasons) == (Verdict.INTACT, ("not-a-pec-authority",))
    assert result.checks["provider_domain"] is None


def test_the_pins_are_the_keys_of_the_public_roots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    found = [certificate(anchor.der) for anchor in anchors.default(NOW.date()).anchors]
    names = {one.common_name for one in found if one is not None}
    assert "Actalis Authentication Root CA" in names  # certifi brings it, whatever the machine has
    assert names <= {"Actalis Authentication Root CA", "Baltimore CyberTrust Root"}


def test_names_are_read_whatever_their_string_types() -> None:
    built = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Perché No S.p.A.")])
    assert "Perché No S.p.A." in built.rfc4514_string()
    parsed = certificate(ca.root({"common_name": "Perché No S.p.A."}, key="actalis").der)
    assert parsed is not None
    assert parsed.common_name == "Perché No S.p.A."
