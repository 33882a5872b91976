"""What would a user believe wrongly? Every signature fault of the catalogue, made by OpenSSL, judged by both."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import cms as asn1_cms
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.x509.oid import ExtendedKeyUsageOID

from pec_tracker import anchors
from pec_tracker.pec import cms as our_cms
from pec_tracker.pec.evidence import CHECKS, Verdict
from pec_tracker.pec.evidence import Signer as EvidenceSigner
from pec_tracker.pec.read import read
from pec_tracker.pec.signature import Verification, verify
from pec_tracker.pec.trust import Anchor, Trust
from tests.factory import ca, cms, receipts
from tests.factory.ca import Identity
from tests.factory.mime import between, entity, joined
from tests.pec import openssl

ISSUED = receipts.ISSUED_AT
NOW = datetime(2026, 11, 1, tzinfo=UTC)
SAMPLE = Path(__file__).parents[3] / "shared" / "samples" / "acceptance-2026-aruba.eml"

ROOT = receipts.root_authority()
AUTHORITY = receipts.pec_authority()
PROVIDER = receipts.provider_identity()
OTHER = ca.provider(AUTHORITY, address="posta-certificata@altro.example", key="other")
NAMES = {"country": "IT", "organization": "Prova", "common_name": "PEC CA di prova"}
FORGED_ROOT = ca.root(key="forged-root")
FORGED_AUTHORITY = ca.pec_ca(FORGED_ROOT, NAMES, key="forged-authority")
FORGED = ca.provider(FORGED_AUTHORITY, key="forged")


def trusting(*identities: Identity, intermediates: Sequence[Identity] = ()) -> Trust:
    """The user's own anchors."""
    named = tuple(Anchor(one.der, "test", "test", None, pec_cas_only=False) for one in identities)
    return Trust(anchors=named, intermediates=tuple(one.der for one in intermediates))


def verified(raw: bytes, trust: Trust | None = None, *, at: datetime | None = None) -> Verification:
    """The verification of a mail as the reader sees it."""
    return verify(raw, read(raw), trust or receipts.trust(), at=at, now=NOW)


def by_openssl(
    *signers: Identity, options: Sequence[str] = (), extra: Sequence[Identity] = (AUTHORITY,)
) -> Callable[[bytes], bytes]:
    """What signs a receipt's content with the `openssl` command."""
    return lambda content: openssl.sign(content, *signers, options=options, extra=extra)


def mail(*signers: Identity, options: Sequence[str] = (), extra: Sequence[Identity] = (AUTHORITY,)) -> bytes:
    """An acceptance receipt signed by OpenSSL."""
    return receipts.receipt("accettazione", signature=by_openssl(*signers, options=options, extra=extra))


def under(authority: Identity, leaf: Identity | None = None) -> bytes:
    """An acceptance whose signer stands under another authority, which comes with it."""
    return mail(leaf or ca.provider(authority), extra=(authority,))


def trimmed() -> bytes:
    """A gateway took the blank at the end of a signed line."""
    signed = receipts.receipt("accettazione", subject="Fine con blank", signature=lambda _: b"")
    content = receipts.signed_content("una riga \nun'altra", daticert=None, original=None)
    content = content.replace(b"una riga=20\r\n", b"una riga \r\n")
    whole = receipts.wrapped(_headers(signed), content, signature=by_openssl(PROVIDER))
    assert b"una riga \r\n" in whole
    return whole.replace(b"una riga \r\n", b"una riga\r\n")


def footed() -> bytes:
    """A list manager wrapped the signed mail to put its footer below."""
    signed = mail(PROVIDER)
    head, _, body = signed.partition(b"Content-Type: multipart/signed")
    footer = entity(["Content-Type: text/plain"], b"_____\r\nLista di prova\r\n")
    parts = [b"Content-Type: multipart/signed" + body, footer]
    return head + joined(['Content-Type: multipart/mixed; boundary="lista"']) + b"\r\n" + between("lista", parts)


def third_part() -> bytes:
    """Something was put after the signature, inside the multipart/signed."""
    signed = mail(PROVIDER)
    closing = signed.rstrip().rpartition(b"\r\n")[2]
    extra = entity(["Content-Type: text/plain"], b"allegato in coda\r\n")
    cut = signed.rindex(closing)
    return signed[:cut] + closing.removesuffix(b"--") + b"\r\n" + extra + closing + b"\r\n"


def swapped() -> bytes:
    """A genuine signature over another daticert."""
    genuine = receipts.receipt("errore-consegna", error="no-dest", signature=by_openssl(PROVIDER))
    forged = receipts.receipt("avvenuta-consegna", signature=lambda _: _signature_of(genuine))
    assert read(forged).daticert is not None
    return forged


def _last_byte_altered(signature: bytes) -> bytes:
    """The value is the last thing in a SignedData of one signer without unsigned attributes."""
    return signature[:-1] + bytes([signature[-1] ^ 1])


def _headers(raw: bytes) -> list[str]:
    head = raw.partition(b"MIME-Version")[0].decode().replace("\r\n ", " ")
    return head.splitlines()


def _signature_of(raw: bytes) -> bytes:
    signed = read(raw).signed
    assert signed is not None
    assert signed.signature is not None
    return signed.signature


@dataclass(frozen=True)
class Row:
    """One row of the catalogue: how the mail is made, our answer, and OpenSSL's where it is not the same."""

    make: Callable[[], bytes]
    verdict: str
    checks: Mapping[str, bool | None] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    weak: tuple[str, ...] = ()
    form: str | None = None
    anchors: tuple[Identity, ...] = (ROOT,)
    known: tuple[Identity, ...] = ()
    at: datetime = ISSUED
    openssl_differs: str = ""  # why OpenSSL answers otherwise than "accepted exactly when trusted"


OLD = ca.provider(AUTHORITY, key="old", not_before=ca.FROM_2020, not_after=datetime(2026, 6, 1, tzinfo=UTC))
LATER = ca.provider(AUTHORITY, key="later", not_before=datetime(2026, 6, 1, tzinfo=UTC))
REISSUED = ca.pec_ca(ROOT, NAMES, not_before=datetime(2025, 1, 1, tzinfo=UTC))
EXPIRED_AUTHORITY = ca.pec_ca(ROOT, NAMES, not_after=datetime(2026, 1, 1, tzinfo=UTC))
SHA1_AUTHORITY = ca.pec_ca(ROOT, NAMES, digest="sha1", key="sha1-authority")
FINE = {"structure": True, "digest": True, "signature": True, "chain": True, "signer_address": True}
HOLDS = {"structure": True, "digest": True, "signature": True}
GENUINE, FALSE = cms.Signer(PROVIDER), cms.Signer(PROVIDER, claimed_digest=b"\x00" * 32)
CARRIED = (PROVIDER.der, AUTHORITY.der)
PSS = ("-keyopt", "rsa_padding_mode:pss")
CONSTRAINED = ca.pec_ca(ROOT, NAMES, key="constrained", domains=("altrove.example",))
DIRECTORY = ca.pec_ca(ROOT, NAMES, key="directory", directories=(ca.name(country="IT", organization="Altro S.p.A."),))
OUR_DOMAIN = ca.pec_ca(ROOT, NAMES, key="ours", domains=("pec.example",), directories=(ca.name(country="IT"),))
EXCLUDED = ca.pec_ca(ROOT, NAMES, key="excluded", excluded=("pec.example",))

ROWS = {
    "none": Row(lambda: receipts.receipt(signers=()), "unsigned", {"structure": None}, ("no-signature",)),
    "not S/MIME but claims so": Row(
        lambda: receipts.receipt(signature=b"this is no CMS"), "broken", {"structure": True}, ("signature-unreadable",)
    ),
    "empty signature part": Row(lambda: receipts.receipt(signature=b""), "broken", {}, ("signature-empty",)),
    "opaque signature": Row(
        lambda: openssl.sign_opaque(receipts.signed_content("testo", daticert=None, original=None), PROVIDER),
        "unsigned",
        reasons=("no-signature",),
        # OpenSSL opens it, but it carries no intermediate; only an outer multipart/signed is read as PEC.
    ),
    "sha-1": Row(lambda: mail(PROVIDER, options=("-md", "sha1")), "trusted", FINE, weak=("sha1-digest",)),
    "sha-224": Row(lambda: mail(PROVIDER, options=("-md", "sha224")), "trusted", FINE),
    "sha-256": Row(lambda: mail(PROVIDER, options=("-md", "sha256")), "trusted", FINE, form="as-received"),
    "sha-384": Row(lambda: mail(PROVIDER, options=("-md", "sha384")), "trusted", FINE),
    "sha-512": Row(lambda: mail(PROVIDER, options=("-md", "sha512")), "trusted", FINE),
    "RSA-PSS": Row(lambda: mail(PROVIDER, options=PSS), "trusted", FINE),
    "RSA-PSS with SHA-1": Row(
        lambda: mail(PROVIDER, options=("-md", "sha1", *PSS)), "trusted", FINE, weak=("sha1-digest",)
    ),
    "RSA-PSS with SHA-512": Row(lambda: mail(PROVIDER, options=("-md", "sha512", *PSS)), "trusted", FINE),
    "BER indefinite": Row(lambda: mail(PROVIDER, options=("-stream", "-indef")), "trusted", FINE),
    "signer named by key id": Row(lambda: mail(PROVIDER, options=("-keyid",)), "trusted", FINE),
    "no signed attributes": Row(
        lambda: mail(PROVIDER, options=("-noattr",)), "trusted", FINE, weak=("no-signed-attributes",)
    ),
    "no signed attributes, altered": Row(
        lambda: mail(PROVIDER, options=("-noattr",)).replace(b"accettazione:", b"accettazionE:"),
        "broken",
        {"digest": False, "signature": False, "chain": True},
        ("digest-differs", "signature-differs"),
        weak=("no-signed-attributes",),
    ),
    "MD5": Row(
        lambda: mail(PROVIDER, options=("-md", "md5")),
        "broken",
        {"digest": None, "signature": None},
        ("algorithm-unknown",),
        openssl_differs="OpenSSL still computes MD5, which proves nothing",
    ),
    "LF stored": Row(lambda: mail(PROVIDER).replace(b"\r\n", b"\n"), "trusted", FINE, form="crlf"),
    "LF stored, no signed attributes": Row(
        lambda: mail(PROVIDER, options=("-noattr",)).replace(b"\r\n", b"\n"), "trusted", FINE, form="crlf",
        weak=("no-signed-attributes",),
    ),
    "signed over LF, sent as CRLF": Row(
        lambda: receipts.receipt(signature=lambda text: by_openssl(PROVIDER)(text.replace(b"\r\n", b"\n"))),
        "trusted",
        FINE,
        form="lf",
        openssl_differs="OpenSSL hashes the CRLF form alone; the words are the same in both",
    ),
    "one byte of the content altered": Row(
        lambda: mail(PROVIDER).replace(b"accettazione:", b"accettazionE:"),
        "broken",
        {"digest": False, "signature": True, "chain": True},
        ("digest-differs",),
    ),
    "one byte of the signature altered": Row(
        lambda: receipts.receipt(signature=lambda text: _last_byte_altered(by_openssl(PROVIDER)(text))),
        "broken",
        {"digest": True, "signature": False, "chain": True},
        ("signature-differs",),
    ),
    "MD5, no signed attributes": Row(
        lambda: mail(PROVIDER, options=("-noattr", "-md", "md5")),
        "broken",
        {"digest": None, "signature": None, "chain": True},
        ("algorithm-unknown",),
        weak=("no-signed-attributes",),
        openssl_differs="OpenSSL still computes MD5, which proves nothing",
    ),
    "no certificates at all, no signed attributes": Row(
        lambda: mail(PROVIDER, options=("-nocerts", "-noattr"), extra=()), "broken",
        {"digest": None, "signature": None, "chain": None}, ("algorithm-unknown", "no-signer-certificate"),
        weak=("no-signed-attributes",),
    ),
    "signed attributes without a digest": Row(
        lambda: receipts.receipt(
            signature=lambda text: cms.sign(
                text, cms.Signer(PROVIDER, with_digest=False), certificates=CARRIED
            )
        ),
        "broken",
        {"digest": False, "signature": False},
        ("no-message-digest", "digest-differs", "signature-differs"),
    ),
    "trailing blanks trimmed": Row(trimmed, "broken", {"digest": False, "signature": True}, ("digest-differs",)),
    "mailman footer around it": Row(footed, "unsigned", {"structure": None}, ("no-signature",)),
    "a part after the signature": Row(third_part, "broken", {"structure": False}, ("structure",)),
    "bytes after the CMS": Row(
        lambda: receipts.receipt(signature=lambda text: by_openssl(PROVIDER)(text) + b"\x00\x00"),
        "broken",
        {"digest": None},
        ("signature-unreadable",),
        openssl_differs="OpenSSL leaves unread what follows the CMS",
    ),
    "expired today, valid then": Row(
        lambda: mail(OLD), "trusted", {**FINE, "valid_now": False}, at=ISSUED
    ),
    "valid now, not then": Row(
        lambda: mail(LATER), "intact", {**HOLDS, "chain": False, "valid_now": True}, ("certificate-not-yet-valid",)
    ),
    "expired then": Row(
        lambda: mail(OLD), "intact", {**HOLDS, "chain": False}, ("certificate-expired",),
        at=datetime(2026, 7, 1, tzinfo=UTC),
    ),
    "authority expired then": Row(
        lambda: mail(PROVIDER, extra=(EXPIRED_AUTHORITY,)), "intact", {**HOLDS, "chain": False},
        ("certificate-expired",),
    ),
    "authority reissued, both there": Row(
        lambda: mail(PROVIDER, extra=(EXPIRED_AUTHORITY, REISSUED)), "trusted", {**FINE, "valid_now": True}
    ),
    "authority reissued, new one known": Row(
        lambda: mail(PROVIDER, extra=(EXPIRED_AUTHORITY,)), "trusted", FINE, known=(REISSUED,),
    ),
    "intermediate absent": Row(
        lambda: mail(PROVIDER, extra=()), "intact", {**HOLDS, "chain": False}, ("no-chain",)
    ),
    "intermediate absent but known": Row(lambda: mail(PROVIDER, extra=()), "trusted", FINE, known=(AUTHORITY,)),
    "intermediate absent but an anchor": Row(
        lambda: mail(PROVIDER, extra=()), "trusted", FINE, anchors=(AUTHORITY,)
    ),
    "the signer itself an anchor": Row(lambda: mail(PROVIDER, extra=()), "trusted", FINE, anchors=(PROVIDER,)),
    "no certificates at all": Row(
        lambda: mail(PROVIDER, options=("-nocerts",), extra=()), "broken",
        {"digest": True, "signature": None, "chain": None}, ("no-signer-certificate",),
    ),
    "no certificates, signer known": Row(
        lambda: mail(PROVIDER, options=("-nocerts",), extra=()), "trusted", FINE, known=(PROVIDER, AUTHORITY)
    ),
    "decoy certificates": Row(
        lambda: mail(PROVIDER, extra=(FORGED, OTHER, FORGED_AUTHORITY, AUTHORITY, FORGED_ROOT)), "trusted", FINE
    ),
    "signer's address is not From": Row(
        lambda: receipts.receipt(from_address="qualcuno@pec.example", signature=by_openssl(PROVIDER)),
        "intact",
        {**HOLDS, "chain": True, "signer_address": False},
        ("sender-is-not-signer",),
        openssl_differs="the command does not look at From",
    ),
    "From in other letters": Row(
        lambda: receipts.receipt(from_address="Posta-Certificata@PEC.example", signature=by_openssl(PROVIDER)),
        "trusted",
        FINE,
    ),
    "no From": Row(
        lambda: receipts.receipt(from_address=None, signature=by_openssl(PROVIDER)),
        "intact",
        {**HOLDS, "signer_address": None},
        ("no-single-sender",),
        openssl_differs="the command does not look at From",
    ),
    "two addresses in From": Row(
        lambda: receipts.receipt(from_address=f"{ca.ADDRESS}, x@pec.example", signature=by_openssl(PROVIDER)),
        "intact",
        {**HOLDS, "signer_address": None},
        ("no-single-sender",),
        openssl_differs="the command does not look at From",
    ),
    "right CA, wrong person": Row(
        lambda: mail(OTHER),
        "intact",
        {**HOLDS, "chain": True, "signer_address": False},
        ("sender-is-not-signer",),
        openssl_differs="the command does not look at From",
    ),
    "self-made CA with the very names": Row(
        lambda: mail(FORGED, extra=(FORGED_AUTHORITY, FORGED_ROOT)),
        "intact",
        {**HOLDS, "chain": False, "signer_address": True},
        ("no-chain",),
    ),
    "self-made CA, the genuine one beside it": Row(
        lambda: mail(FORGED, extra=(FORGED_AUTHORITY, AUTHORITY, PROVIDER)), "intact", {"chain": False}, ("no-chain",)
    ),
    "daticert swapped": Row(swapped, "broken", {"digest": False, "signature": True}, ("digest-differs",)),
    "two signers, one is the sender": Row(lambda: mail(OTHER, PROVIDER), "trusted", FINE),
    "two signers, the sender's forged": Row(
        lambda: mail(OTHER, FORGED, extra=(AUTHORITY, FORGED_AUTHORITY)), "intact",
        {"chain": False, "signer_address": True}, ("no-chain",),
    ),
    "two signers, the stranger's forged": Row(
        lambda: mail(ca.provider(FORGED_AUTHORITY, address="x@altro.example", key="forged"), PROVIDER), "intact", FINE,
        ("other-signer",),
    ),
    "two signatures of the provider, one false": Row(
        lambda: receipts.receipt(signers=(GENUINE, FALSE), certificates=CARRIED), "intact", FINE, ("other-signer",)
    ),
    "two signatures of the provider, the false one first": Row(
        lambda: receipts.receipt(signers=(FALSE, GENUINE), certificates=CARRIED), "intact", FINE, ("other-signer",)
    ),
    "digest algorithm that the signature does not announce": Row(
        lambda: receipts.receipt(
            signature=lambda text: cms.sign(text, GENUINE, certificates=CARRIED, announced=("sha1",))
        ),
        "broken",
        {"digest": True, "signature": False},
        ("digest-not-announced", "signature-differs"),
    ),
    "another content inside the signature": Row(
        lambda: receipts.receipt(
            signature=lambda text: cms.sign(text, GENUINE, certificates=CARRIED, enclosed=b"un altro testo")
        ),
        "trusted",
        FINE,
        weak=("attached-content",),
    ),
    "a person's certificate of the same authority": Row(
        lambda: receipts.receipt(
            from_address="mario.rossi@pec.example",
            signature=by_openssl(ca.provider(AUTHORITY, address="mario.rossi@pec.example", key="person")),
        ),
        "intact",
        {**HOLDS, "chain": True, "signer_address": False},
        ("signer-is-not-a-provider",),
        openssl_differs="the command does not ask whose address it is",
    ),
    "a person's address that begins like a provider's": Row(
        lambda: receipts.receipt(
            from_address="posta-certificata.it@pec.example",
            signature=by_openssl(ca.provider(AUTHORITY, address="posta-certificata.it@pec.example", key="person")),
        ),
        "intact",
        {**HOLDS, "chain": True, "signer_address": False},
        ("signer-is-not-a-provider",),
        openssl_differs="the command does not ask whose address it is",
    ),
    "1,024-bit key": Row(
        lambda: mail(ca.provider(AUTHORITY, key="short", bits=1024)), "intact", {**HOLDS, "chain": False},
        ("key-size",), weak=("rsa-1024",),
        openssl_differs="OpenSSL's default security level accepts 1,024 bits",
    ),
    "SHA-1-signed chain": Row(
        lambda: under(SHA1_AUTHORITY, ca.provider(SHA1_AUTHORITY, digest="sha1")), "trusted", FINE,
        weak=("sha1-certificate",),
    ),
    "no EKU": Row(lambda: mail(ca.provider(AUTHORITY, usages=None)), "trusted", FINE),
    "EKU of a web server": Row(
        lambda: mail(ca.provider(AUTHORITY, usages=(ExtendedKeyUsageOID.SERVER_AUTH,))), "intact",
        {**HOLDS, "chain": False}, ("extended-key-usage",),
    ),
    "no key usage": Row(lambda: mail(ca.provider(AUTHORITY, digital_signature=None)), "trusted", FINE),
    "key usage for encryption": Row(
        lambda: mail(ca.provider(AUTHORITY, digital_signature=False)), "intact", {**HOLDS, "chain": False},
        ("key-usage",),
    ),
    "issuer is no authority": Row(
        lambda: under(ca.pec_ca(ROOT, NAMES, key="no-ca", is_ca=False)), "intact", {"chain": False}, ("ca-constraints",)
    ),
    "issuer may not sign certificates": Row(
        lambda: under(ca.pec_ca(ROOT, NAMES, key="no-sign", cert_sign=False)), "intact", {"chain": False},
        ("key-usage",),
    ),
    "domain within the constraints": Row(lambda: under(OUR_DOMAIN), "trusted", FINE),
    "domain outside the constraints": Row(
        lambda: under(CONSTRAINED), "intact", {"chain": False}, ("name-constraints",)
    ),
    "domain excluded": Row(lambda: under(EXCLUDED), "intact", {"chain": False}, ("name-constraints",)),
    "directory name outside the constraints": Row(
        lambda: under(DIRECTORY), "intact", {"chain": False}, ("name-constraints",)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_catalogue_of_signatures(name: str) -> None:
    row = ROWS[name]
    raw = row.make()
    result = verified(raw, trusting(*row.anchors, intermediates=row.known), at=row.at)
    assert result.verdict == row.verdict
    assert {check: result.checks[check] for check in row.checks} == row.checks
    assert result.reasons == row.reasons
    assert result.weak == row.weak
    assert row.form in (None, result.form)
    assert tuple(result.checks) == CHECKS
    assert (result.verdict is Verdict.TRUSTED) == (not result.reasons)


@pytest.mark.parametrize("name", ROWS)
def test_openssl_gives_the_same_answer_or_the_row_says_why_not(name: str) -> None:
    row = ROWS[name]
    accepted = openssl.holds(row.make(), *row.anchors, at=row.at, known=row.known)
    agrees = accepted == (row.verdict == "trusted")
    assert agrees == (not row.openssl_differs)


def test_time_is_the_daticerts_own_unless_one_is_given() -> None:
    raw = mail(PROVIDER)
    assert verified(raw).at == ISSUED
    assert verified(raw, at=NOW).at == NOW
    assert verified(raw, at=datetime(2026, 5, 1)).at == datetime(2026, 5, 1, tzinfo=UTC)  # noqa: DTZ001


def test_without_a_daticert_the_signing_time_counts() -> None:
    when = datetime(2026, 2, 1, 12, tzinfo=UTC)
    raw = receipts.anomaly_envelope(receipts.original(), signers=(cms.Signer(PROVIDER, signed_at=when),))
    result = verified(raw)
    assert (result.at, result.signed_at, result.verdict) == (when, when, Verdict.TRUSTED)


def test_without_any_time_the_chain_cannot_be_checked() -> None:
    raw = receipts.anomaly_envelope(receipts.original(), signers=(cms.Signer(PROVIDER, signed_at=None),))
    result = verified(raw)
    assert (result.at, result.checks["chain"], result.checks["valid_now"]) == (None, None, True)
    assert (result.verdict, result.reasons) == (Verdict.INTACT, ("no-time",))


def test_signer_issuer_and_chain_are_named() -> None:
    result = verified(mail(PROVIDER))
    assert (result.signer, result.issuer) == ("Gestore di Prova", "PEC CA di prova")
    assert result.signer_address == ca.ADDRESS
    assert result.digest_algorithm == "sha-256"
    assert result.certificates == (PROVIDER.der, AUTHORITY.der, ROOT.der)
    assert result.anchor_source == "tests"


def test_who_signed_is_said_by_the_certificate() -> None:
    result = verified(mail(OLD))
    assert result.who == EvidenceSigner(ca.ADDRESS, "Gestore di Prova S.p.A.", OLD.certificate.not_valid_after_utc)
    assert verified(receipts.receipt(signers=())).who is None


def test_without_a_chain_only_the_signer_is_named() -> None:
    result = verified(mail(PROVIDER, extra=()))
    assert result.certificates == (PROVIDER.der,)
    assert result.anchor_source is None
    assert verified(mail(OLD), at=datetime(2026, 7, 1, tzinfo=UTC)).anchor_source is None  # a chain, but expired


def test_without_a_signature_part_a_mail_is_unsigned_though_it_says_signed() -> None:
    whole = mail(PROVIDER)
    boundary = re.search(rb'boundary="?([^";\r\n]+)', whole[whole.index(b"multipart/signed") :])
    assert boundary is not None
    mark = b"--" + boundary[1]
    first, content, _signature = whole.split(mark)[:3]
    result = verified(first + mark + content + mark + b"--\r\n")
    assert (result.verdict, result.checks["structure"], result.reasons) == (Verdict.UNSIGNED, False, ("no-signature",))


def test_a_persons_own_signed_mail_is_no_providers_and_an_envelope_is() -> None:
    person = ca.provider(AUTHORITY, address="mario.rossi@pec.example", key="person")
    content = receipts.signed_content("una lettera", daticert=None, original=None)
    headers = ["From: mario.rossi@pec.example", "To: a@pec.example", "Subject: x"]
    own = receipts.wrapped(headers, content, signature=by_openssl(person))
    assert verified(own).verdict is Verdict.TRUSTED
    for trasporto in ("posta-certificata", "errore"):
        claimed = receipts.wrapped([*headers, f"X-Trasporto: {trasporto}"], content, signature=by_openssl(person))
        result = verified(claimed)
        assert (result.verdict, result.reasons) == (Verdict.INTACT, ("signer-is-not-a-provider",))


def test_attributes_stored_in_ber_are_signed_in_der() -> None:
    """RFC 5652 5.4: the value covers the DER encoding, however the attributes are stored."""
    raw = receipts.receipt(
        "accettazione", signature=lambda text: cms.sign(text, GENUINE, certificates=CARRIED, loose_attributes=True)
    )
    assert verified(raw).verdict is Verdict.TRUSTED
    assert openssl.holds(raw, ROOT, at=ISSUED)
    altered = raw.replace(b"accettazione:", b"accettazionE:")
    assert verified(altered).verdict is Verdict.BROKEN


def test_a_value_over_attributes_as_they_are_stored_in_ber_is_no_signature() -> None:
    """OpenSSL refuses it: what is called proof must hold for whoever verifies by hand."""

    def made(text: bytes) -> bytes:
        whole = cms.sign(text, GENUINE, certificates=CARRIED, loose_attributes=True)
        (info,) = our_cms.parse(whole).signers
        assert info.attributes is not None
        value = PROVIDER.key.sign(info.attributes.signed, padding.PKCS1v15(), hashes.SHA256())
        return whole.replace(info.value, value)

    raw = receipts.receipt(signature=made)
    assert (verified(raw).verdict, verified(raw).checks["signature"]) == (Verdict.BROKEN, False)
    assert not openssl.holds(raw, ROOT, at=ISSUED)


def test_lists_of_revocations_are_asked_only_where_there_is_a_chain_and_a_time() -> None:
    empty = ca.revocation_list(
        AUTHORITY, this_update=datetime(2026, 4, 1, tzinfo=UTC), next_update=datetime(2026, 5, 1, tzinfo=UTC)
    )
    trust = Trust(anchors=receipts.trust().anchors, crls=(empty,))
    assert verified(mail(PROVIDER), trust).checks["revocation"] is True
    assert verified(mail(PROVIDER, extra=()), trust).checks["revocation"] is None
    timeless = receipts.anomaly_envelope(receipts.original(), signers=(cms.Signer(PROVIDER, signed_at=None),))
    assert verified(timeless, trust).checks["revocation"] is None


def test_the_last_second_of_a_certificate_is_valid_and_the_next_is_not() -> None:
    end = OLD.certificate.not_valid_after_utc
    assert verified(mail(OLD), at=end).reasons == ()
    assert verified(mail(OLD), at=end + timedelta(seconds=1)).reasons == ("certificate-expired",)
    begin = LATER.certificate.not_valid_before_utc
    assert verified(mail(LATER), at=begin).reasons == ()
    assert verified(mail(LATER), at=begin - timedelta(seconds=1)).reasons == ("certificate-not-yet-valid",)


def test_an_earlier_mail_lends_no_intermediate_to_a_later_one() -> None:
    trust = receipts.trust()
    complete, lacking = mail(PROVIDER), mail(PROVIDER, extra=())
    assert verified(complete, trust).verdict is Verdict.TRUSTED
    assert verified(lacking, trust).verdict is Verdict.INTACT
    assert verified(complete, trust).verdict is Verdict.TRUSTED


def test_one_mail_at_many_times_is_judged_anew_each_time() -> None:
    trust, raw = receipts.trust(), mail(OLD)
    times = [ISSUED, datetime(2026, 7, 1, tzinfo=UTC), ISSUED, datetime(2019, 1, 1, tzinfo=UTC)]
    chains = [verified(raw, trust, at=time).checks["chain"] for time in times]
    assert chains == [True, False, True, False]


def test_what_one_trust_accepts_another_does_not() -> None:
    raw = mail(PROVIDER)
    assert verified(raw, receipts.trust()).verdict is Verdict.TRUSTED
    assert verified(raw, Trust()).verdict is Verdict.INTACT
    assert verified(raw, trusting(FORGED_ROOT)).verdict is Verdict.INTACT


def test_revoked_signer_is_not_trusted_from_then_on() -> None:
    since = datetime(2026, 3, 1, tzinfo=UTC)
    crl = ca.revocation_list(
        AUTHORITY,
        {PROVIDER.certificate.serial_number: since},
        this_update=datetime(2026, 4, 1, tzinfo=UTC),
        next_update=datetime(2026, 5, 1, tzinfo=UTC),
    )
    trust = Trust(anchors=receipts.trust().anchors, crls=(crl,))
    after, before = (
        verified(mail(PROVIDER), trust),
        verified(mail(PROVIDER), trust, at=datetime(2026, 2, 1, tzinfo=UTC)),
    )
    assert (after.checks["revocation"], after.verdict, after.reasons) == (False, Verdict.INTACT, ("revoked",))
    assert (before.checks["revocation"], before.verdict) == (True, Verdict.TRUSTED)


def test_signer_under_a_revoked_authority_is_not_trusted() -> None:
    crl = ca.revocation_list(
        ROOT,
        {AUTHORITY.certificate.serial_number: datetime(2026, 3, 1, tzinfo=UTC)},
        this_update=datetime(2026, 3, 1, tzinfo=UTC),
        next_update=datetime(2026, 5, 1, tzinfo=UTC),
    )
    result = verified(mail(PROVIDER), Trust(anchors=receipts.trust().anchors, crls=(crl,)))
    assert (result.checks["revocation"], result.verdict) == (False, Verdict.INTACT)


def test_of_two_certificates_of_the_signers_key_the_valid_one_counts() -> None:
    former = ca.provider(AUTHORITY, key="renewed", not_after=datetime(2025, 1, 1, tzinfo=UTC))
    current = ca.provider(AUTHORITY, key="renewed", not_before=datetime(2024, 12, 1, tzinfo=UTC))
    raw = receipts.receipt(
        signers=(cms.Signer(current, key_id=True),), certificates=(former.der, current.der, AUTHORITY.der)
    )
    result = verified(raw)
    assert (result.certificates[0], result.verdict) == (current.der, Verdict.TRUSTED)
    before = verified(raw, at=datetime(2024, 6, 1, tzinfo=UTC))
    assert (before.certificates[0], before.verdict) == (former.der, Verdict.TRUSTED)


def test_a_decoy_under_the_signers_own_name_and_number_takes_nothing_away() -> None:
    genuine = PROVIDER.certificate
    decoy = x509.CertificateBuilder(
        genuine.issuer,
        genuine.subject,
        FORGED.key.public_key(),
        genuine.serial_number,
        genuine.not_valid_before_utc,
        genuine.not_valid_after_utc,
        list(genuine.extensions),
    ).sign(FORGED_AUTHORITY.key, hashes.SHA256())
    der = decoy.public_bytes(serialization.Encoding.DER)
    for carried in ((der, *CARRIED), (*CARRIED, der)):
        result = verified(receipts.receipt(signers=(GENUINE,), certificates=carried))
        assert (result.verdict, result.certificates[0]) == (Verdict.TRUSTED, PROVIDER.der)


def test_of_several_addresses_the_one_in_from_is_named() -> None:
    several = x509.SubjectAlternativeName(
        [x509.RFC822Name(f"posta-certificata@{at}") for at in ("a.example", "b.example")]
    )
    signer = ca.provider(AUTHORITY, address=None, key="several", extra=((several, False),))
    for sender in ("posta-certificata@a.example", "posta-certificata@b.example"):
        result = verified(receipts.receipt(from_address=sender, signature=by_openssl(signer)))
        assert (result.verdict, result.signer_address) == (Verdict.TRUSTED, sender)
    stranger = verified(receipts.receipt(from_address="posta-certificata@c.example", signature=by_openssl(signer)))
    assert (stranger.verdict, stranger.signer_address) == (Verdict.INTACT, "posta-certificata@a.example")


def test_an_unknown_signature_algorithm_is_said_and_stops_nothing() -> None:
    raw = receipts.receipt(
        signature=lambda text: cms.sign(text, cms.Signer(PROVIDER, algorithm="sha256_ecdsa"), certificates=CARRIED)
    )
    result = verified(raw)
    assert (result.verdict, result.checks["signature"]) == (Verdict.BROKEN, None)
    assert result.reasons == ("algorithm-unknown",)


def test_contradicting_signed_attributes_break_the_signature() -> None:
    raw = receipts.receipt(signers=(cms.Signer(PROVIDER, content_type="1.2.840.113549.1.9.16.1.4"),))
    result = verified(raw)
    assert (result.verdict, result.checks["signature"]) == (Verdict.BROKEN, False)
    assert "content-type-differs" in result.reasons


@pytest.mark.parametrize("fault", ["algorithms-differ", "digest-not-announced"])
def test_what_contradicts_itself_is_no_signature_without_attributes_either(fault: str) -> None:
    """OpenSSL refuses it: what is called proof must hold for whoever verifies by hand."""

    def made(text: bytes) -> bytes:
        signer = cms.Signer(PROVIDER, algorithm="sha256_rsa", attributes=False)
        whole = asn1_cms.ContentInfo.load(cms.sign(text, signer, certificates=CARRIED))
        if fault == "algorithms-differ":
            whole["content"]["signer_infos"][0]["digest_algorithm"] = {"algorithm": "sha512"}
        whole["content"]["digest_algorithms"] = [{"algorithm": "sha512"}]
        return bytes(whole.dump(force=True))

    raw = receipts.receipt(signature=made)
    result = verified(raw)
    assert (result.verdict, result.checks["signature"]) == (Verdict.BROKEN, False)
    assert fault in result.reasons
    assert not openssl.holds(raw, ROOT, at=ISSUED)


@pytest.mark.parametrize("attributes", [True, False])
def test_an_unknown_digest_is_said_and_nothing_is_held_to_another(attributes: bool) -> None:
    def made(text: bytes) -> bytes:
        signer = cms.Signer(PROVIDER, algorithm="sha256_rsa", attributes=attributes)
        whole = asn1_cms.ContentInfo.load(cms.sign(text, signer, certificates=CARRIED))
        whole["content"]["signer_infos"][0]["digest_algorithm"] = {"algorithm": "md5"}
        return bytes(whole.dump(force=True))

    result = verified(receipts.receipt(signature=made))
    assert (result.verdict, result.checks["digest"], result.checks["signature"]) == (Verdict.BROKEN, None, None)
    assert "algorithm-unknown" in result.reasons


def test_signed_attributes_cannot_be_passed_off_as_content() -> None:
    """A signature over attributes, shown as one without attributes over a content that is those very bytes."""
    genuine = _signature_of(mail(PROVIDER))
    info = asn1_cms.ContentInfo.load(genuine)["content"]["signer_infos"][0]
    attributes = info["signed_attrs"].untag().dump()
    stripped = asn1_cms.ContentInfo.load(genuine)
    del stripped["content"]["signer_infos"][0]["signed_attrs"]
    raw = receipts.wrapped(_headers(mail(PROVIDER)), attributes, signature=stripped.dump(force=True))
    assert verified(raw).verdict is Verdict.BROKEN


def test_real_acceptance_of_2026_has_a_broken_digest_and_a_good_chain() -> None:
    """Anonymised upstream, so its digest differs; its certificates lead to a public root of a stock system."""
    if not SAMPLE.exists():
        return
    raw = SAMPLE.read_bytes()
    result = verify(raw, read(raw), anchors.default(NOW.date()), now=NOW)
    assert result.verdict is Verdict.BROKEN
    assert result.checks == {
        "structure": True,
        "digest": False,
        "signature": True,
        "chain": True,
        "valid_now": True,
        "signer_address": True,
        "provider_domain": True,
        "revocation": None,
    }
    assert (result.signer, result.issuer) == ("Aruba PEC S.p.A.", "AgID CA1")
    assert result.digest_algorithm == "sha-256"
    assert result.signed_at == datetime(2026, 9, 19, 13, 41, 19, tzinfo=UTC)
