"""Does our CMS walker read what an independent library reads, in every encoding that signers use?"""

import random
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from asn1crypto import cms as asn1_cms
from hypothesis import given, settings
from hypothesis import strategies as st

from pec_tracker.pec import ber, cms
from tests.factory import cms as factory
from tests.factory import receipts
from tests.factory.cms import Signer
from tests.pec import openssl

PROVIDER = receipts.provider_identity()
CONTENT = b"Content-Type: text/plain\r\n\r\nprova\r\n"
MADE = {
    "der": factory.sign(CONTENT, Signer(PROVIDER)),
    "indefinite": factory.sign(CONTENT, Signer(PROVIDER), indefinite=True),
    "pss": factory.sign(CONTENT, Signer(PROVIDER, digest="sha512", pss=True, key_id=True)),
    "no attributes": factory.sign(CONTENT, Signer(PROVIDER, attributes=False)),
    "two": factory.sign(CONTENT, Signer(PROVIDER), Signer(PROVIDER, digest="sha1")),
    "openssl": openssl.sign(CONTENT, PROVIDER),
    "openssl stream": openssl.sign(CONTENT, PROVIDER, options=("-stream", "-indef", "-md", "sha384")),
    "openssl cades": openssl.sign(CONTENT, PROVIDER, options=("-cades", "-keyid")),
}


def _by_asn1crypto(encoded: bytes) -> list[tuple[object, ...]]:
    """The same facts, by asn1crypto."""
    data = asn1_cms.ContentInfo.load(encoded, strict=True)["content"]
    facts: list[tuple[object, ...]] = []
    for info in data["signer_infos"]:
        attributes = info["signed_attrs"]
        values = {one["type"].native: one["values"][0] for one in attributes} if attributes else {}
        time = values.get("signing_time")
        digest = values.get("message_digest")
        facts.append(
            (
                info["digest_algorithm"]["algorithm"].native,
                info["signature"].native,
                info["sid"].name,
                time.native if time is not None else None,
                digest.native if digest is not None else None,
                attributes.untag().dump() if attributes else None,
            )
        )
    return [*facts, tuple(one.chosen.dump() for one in data["certificates"])]


def _by_us(encoded: bytes) -> list[tuple[object, ...]]:
    data = cms.parse(encoded)
    facts: list[tuple[object, ...]] = [
        (
            info.digest,
            info.value,
            "subject_key_identifier" if info.key_id is not None else "issuer_and_serial_number",
            info.attributes.signed_at if info.attributes else None,
            info.attributes.message_digest if info.attributes else None,
            info.attributes.signed if info.attributes else None,
        )
        for info in data.signers
    ]
    return [*facts, data.certificates]


@pytest.mark.parametrize("name", MADE)
def test_reads_what_asn1crypto_reads(name: str) -> None:
    assert _by_us(MADE[name]) == _by_asn1crypto(MADE[name])


def test_altered_signatures_are_never_read_in_another_sense() -> None:
    """Where both still read an altered CMS, they read the same."""
    chosen, compared = random.Random(4), 0
    for _ in range(400):
        encoded = bytearray(chosen.choice(list(MADE.values())))
        encoded[chosen.randrange(len(encoded))] ^= chosen.randrange(1, 256)
        try:
            theirs, ours = _by_asn1crypto(bytes(encoded)), _by_us(bytes(encoded))
        except (ValueError, TypeError, KeyError):
            continue
        # A digest algorithm that we do not accept is None here, a name or an OID there.
        if all(fact[0] is not None for fact in ours[:-1]):
            compared += 1
            assert ours == theirs
    assert compared > 100


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=120))
def test_any_bytes_are_read_or_refused(encoded: bytes) -> None:
    for prefix in (b"", b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80\x30\x80"):
        with pytest.raises(ber.BerError):
            cms.parse(prefix + encoded)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(ber.BerError):
        cms.parse(b"\x30\x80" * 100_000)


def test_something_after_the_signature_is_refused() -> None:
    with pytest.raises(ber.BerError, match="follows"):
        cms.parse(MADE["der"] + b"\x00")


def _bent(bend: Callable[[asn1_cms.SignerInfo], None]) -> tuple[str, ...]:
    """The faults found in a good CMS whose signer's statement was changed."""
    made = asn1_cms.ContentInfo.load(MADE["der"])
    bend(made["content"]["signer_infos"][0])
    return cms.parse(made.dump(force=True)).signers[0].faults


def _protecting(digest: str, signature: str) -> asn1_cms.CMSAttribute:
    """The attribute of RFC 6211, which repeats the algorithms under the signature."""
    values = [{"digest_algorithm": {"algorithm": digest}, "signature_algorithm": {"algorithm": signature}}]
    return asn1_cms.CMSAttribute({"type": "cms_algorithm_protection", "values": values})


def test_algorithms_that_contradict_each_other_are_a_fault() -> None:
    def other_signature(info: asn1_cms.SignerInfo) -> None:
        info["signature_algorithm"] = {"algorithm": "sha1_rsa"}

    assert _bent(other_signature) == ("algorithms-differ",)
    assert _bent(lambda info: info["signed_attrs"].append(_protecting("sha1", "rsassa_pkcs1v15"))) == (
        "algorithms-differ",
    )
    assert _bent(lambda info: info["signed_attrs"].append(_protecting("sha256", "rsassa_pkcs1v15"))) == ()


def test_attributes_given_twice_or_with_two_values_are_a_fault() -> None:
    def twice(info: asn1_cms.SignerInfo) -> None:
        info["signed_attrs"].append(asn1_cms.CMSAttribute({"type": "message_digest", "values": [b"x" * 32]}))

    def two_values(info: asn1_cms.SignerInfo) -> None:
        next(one for one in info["signed_attrs"] if one["type"].native == "message_digest")["values"].append(b"y" * 32)

    assert _bent(twice) == ("attribute-repeated",)
    assert "attribute-repeated" in _bent(two_values)


def test_attributes_without_a_digest_are_a_fault() -> None:
    def without(info: asn1_cms.SignerInfo) -> None:
        kept = [one for one in info["signed_attrs"] if one["type"].native != "message_digest"]
        info["signed_attrs"] = asn1_cms.CMSAttributes(kept)

    assert _bent(without) == ("no-message-digest",)


@pytest.mark.parametrize(
    "encoded", [b"\x30", b"\x1f\x81\x01\x00", b"\x04\x80\x00\x00", b"\x30\x85\x01\x00\x00\x00\x00"]
)
def test_values_that_cannot_be_are_refused(encoded: bytes) -> None:
    with pytest.raises(ber.BerError):
        ber.value_at(encoded, 0, len(encoded))


def test_attributes_in_ber_are_verified_in_der() -> None:
    """RFC 5652 5.4: whatever the lengths that they are stored with, the value covers their DER."""
    info = cms.parse(MADE["der"]).signers[0]
    assert info.attributes is not None
    der = info.attributes.signed
    inside = der[ber.value_at(der, 0, len(der)).start :]
    assert cms.in_der(b"\x31\x80" + inside + b"\x00\x00") == der
    assert cms.in_der(b"\x31\x83\x00" + len(inside).to_bytes(2, "big") + inside) == der


@pytest.mark.parametrize(
    ("text", "time"),
    [
        (b"\x17\x0d260302091531Z", datetime(2026, 3, 2, 9, 15, 31, tzinfo=UTC)),
        (b"\x17\x0d991231235959Z", datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (b"\x18\x0f20510302091531Z", datetime(2051, 3, 2, 9, 15, 31, tzinfo=UTC)),
        (b"\x17\x0d260332091531Z", None),
        (b"\x17\x0b2603020915Z", None),
        (b"\x17\x11260302091531+0100", None),
    ],
)
def test_signing_times(text: bytes, time: datetime | None) -> None:
    assert cms.time_of(text, ber.value_at(text, 0, len(text))) == time
