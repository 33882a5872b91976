"""Evidence counts only where it is about the very message: each point is held against what is known."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pec_tracker.pec.agree import Known, acceptance, agree, conflicts, consensus, judge, same_subject
from pec_tracker.pec.compose import Attachment, Draft, compose, new_tracker_id
from pec_tracker.pec.evidence import CertifiedRecipient, Evidence, Fingerprint, Part, Signer, Verdict
from pec_tracker.pec.fingerprint import fingerprint
from pec_tracker.pec.original import POINTS
from pec_tracker.pec.read import evidence_of, read
from pec_tracker.pec.standard import Kind
from tests.factory.receipts import receipt

SENT_AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ROME = timezone(timedelta(hours=1))
ANNA, BRUNO = "anna@pec.example", "bruno@pec.example"
ALL = (CertifiedRecipient("ANNA@pec.example", "certificato"), CertifiedRecipient(BRUNO, "esterno"))

DRAFT = Draft(
    sender="studio@pec.example",
    to=(ANNA,),
    cc=(BRUNO,),
    subject="Diffida però",
    text="Testo",
    attachments=(Attachment("atto.pdf", b"%PDF-1.7"), Attachment("elenco.csv", b"a;b\r\n")),
)
OUTGOING = compose(DRAFT, tracker_id=new_tracker_id(bytes(16)), now=SENT_AT)
KNOWN = Known(
    composed=True,
    sender=DRAFT.sender,
    recipients=(ANNA, BRUNO),
    subject=DRAFT.subject,
    reference=OUTGOING.reference,
    identifier=None,
    fingerprint=fingerprint(OUTGOING.raw),
    made_at=SENT_AT,
)
ACCEPTANCE = Evidence(
    key="a" * 64,
    kind=Kind.ACCEPTANCE,
    verdict=Verdict.TRUSTED,
    issued_at=datetime(2026, 3, 2, 10, 0, 20, tzinfo=ROME),
    sender="Studio@PEC.example",
    recipients=ALL,
    subject="Diffida però",
    reference=OUTGOING.reference.upper(),
    identifier="opec.1@pec.example",
)


def as_returned(raw: bytes) -> Fingerprint:
    """The original as a provider encloses it: traces before, the two ids at the end, the last line break gone."""
    head, _, body = raw.partition(b"\r\n\r\n")
    own = b"\r\n".join(line for line in head.split(b"\r\n") if not line.startswith(b"Message-ID:"))
    return fingerprint(
        b"Received: from client by mx.pec.example;\r\n Mon, 2 Mar 2026 10:00:00 +0100\r\n"
        + own
        + b"\r\nMessage-ID: <opec.1@pec.example>\r\nX-Riferimento-Message-ID: <x@y>\r\n\r\n"
        + body.removesuffix(b"\r\n")
    )


DELIVERY = replace(
    ACCEPTANCE,
    key="d" * 64,
    kind=Kind.DELIVERY,
    issued_at=datetime(2026, 3, 2, 10, 0, 40, tzinfo=ROME),
    recipient=ANNA,
    receipt_form="completa",
    enclosed=as_returned(OUTGOING.raw),
)


def points(
    evidence: Evidence,
    known: Known = KNOWN,
    *,
    accepted_at: datetime | None = None,
    submitted_at: datetime | None = None,
    now: datetime | None = None,
) -> dict[str, bool | None]:
    return dict(agree(evidence, known, accepted_at=accepted_at, submitted_at=submitted_at, now=now).points)


def briefly(parts: Sequence[Part], *, encoded: bool = True) -> tuple[Part, ...]:
    """The parts as a brief receipt encloses them: named ones as hashes."""
    return tuple(
        replace(
            part,
            filename=f"{part.filename}.hash",
            content_type="text/plain",
            sha256="0" * 64,
            brief_hash=part.sha1_encoded if encoded else part.sha1,
        )
        if part.filename
        else part
        for part in parts
    )


def test_genuine_evidence_agrees_on_every_point_that_it_speaks_of() -> None:
    assert points(ACCEPTANCE, submitted_at=SENT_AT) == {
        "grammar": True,
        "certified_time": True,
        "clocks": True,
        "certificate": None,
        "sender": True,
        "recipients": True,
        "recipient": None,
        "subject": True,
        "reference": True,
        "identifier": None,
        "issuer": None,
        "order_of_times": True,
        "enclosed": None,
        "original": None,
        **dict.fromkeys(POINTS),
    }
    known = replace(KNOWN, identifier="OPEC.1@pec.example")
    found = agree(DELIVERY, known, accepted_at=ACCEPTANCE.issued_at, submitted_at=SENT_AT)
    assert found.holds
    assert [name for name, value in found.points if value is not True] == ["certificate", "issuer"]


@pytest.mark.parametrize(
    ("point", "changes"),
    [
        ("sender", {"sender": "altro@pec.example"}),
        ("recipient", {"recipient": "estraneo@pec.example"}),
        ("recipients", {"recipients": (*ALL, CertifiedRecipient("estraneo@pec.example", "certificato"))}),
        ("subject", {"subject": "Diffida"}),
        ("subject", {"subject": "DIFFIDA PERÒ"}),
        ("reference", {"reference": "pt.other@pec.example"}),
        ("reference", {"reference": None, "identifier": None}),
        ("identifier", {"identifier": "opec.2@pec.example"}),
        ("order_of_times", {"issued_at": SENT_AT - timedelta(minutes=6)}),
        ("original", {"enclosed": as_returned(OUTGOING.raw.replace(b"JVBERi0x", b"JVBERi0y"))}),
    ],
)
def test_one_point_that_differs_takes_its_proof_away(point: str, changes: dict[str, object]) -> None:
    known = replace(KNOWN, identifier=ACCEPTANCE.identifier)
    evidence = replace(DELIVERY, **changes)  # type: ignore[arg-type]
    found = agree(evidence, known, accepted_at=ACCEPTANCE.issued_at, submitted_at=SENT_AT)
    assert [name for name in found.failed if not name.startswith("original_")] == [point]
    assert not found.holds


def test_an_acceptance_lists_all_recipients_and_other_kinds_may_list_their_own() -> None:
    assert points(replace(ACCEPTANCE, recipients=ALL[:1]))["recipients"] is False
    assert points(replace(DELIVERY, recipients=ALL[:1]))["recipients"] is True
    assert points(replace(DELIVERY, recipients=()))["recipients"] is None


def test_a_receipt_without_reference_is_tied_by_a_known_identifier_only() -> None:
    nameless = replace(DELIVERY, reference=None)
    assert points(nameless)["reference"] is False
    assert points(nameless, replace(KNOWN, identifier="opec.1@pec.example"))["reference"] is None
    assert points(nameless, replace(KNOWN, reference=None))["reference"] is None


def test_what_is_not_known_of_a_message_no_receipt_disagrees_with() -> None:
    assert points(ACCEPTANCE, replace(KNOWN, sender=""))["sender"] is None
    nobody = replace(KNOWN, recipients=())
    assert points(ACCEPTANCE, nobody)["recipients"] is None
    assert points(DELIVERY, nobody)["recipient"] is None
    assert points(replace(DELIVERY, recipient=None))["recipient"] is None


def test_only_a_delivery_may_be_brief() -> None:
    assert KNOWN.fingerprint is not None
    enclosed = replace(KNOWN.fingerprint, body="0" * 64, parts=briefly(KNOWN.fingerprint.parts))
    for kind, same in ((Kind.DELIVERY, True), (Kind.NON_DELIVERY, False)):
        assert points(replace(DELIVERY, kind=kind, receipt_form="breve", enclosed=enclosed))["original"] is same


def test_a_provider_that_signs_under_another_name_is_told_and_counts() -> None:
    own = signed_by(ACCEPTANCE, "primo", provider="PRIMO SPA", arrived_at=SENT_AT)
    assert agree(own, KNOWN).limits == ()
    other = agree(replace(own, provider="Secondo S.p.A."), KNOWN)
    assert (other.holds, other.limits) == (True, ("provider-differs",))


def test_clocks_may_differ_by_five_minutes_and_only_for_what_we_sent() -> None:
    early = replace(DELIVERY, issued_at=SENT_AT - timedelta(minutes=5))
    assert points(early, submitted_at=SENT_AT)["order_of_times"] is True
    long_before = replace(DELIVERY, issued_at=SENT_AT - timedelta(days=1))
    assert points(long_before, replace(KNOWN, composed=False), submitted_at=SENT_AT)["order_of_times"] is None
    assert points(long_before, accepted_at=SENT_AT)["order_of_times"] is False
    assert points(replace(ACCEPTANCE, issued_at=None), submitted_at=SENT_AT)["order_of_times"] is None
    between = replace(DELIVERY, issued_at=SENT_AT + timedelta(minutes=1))
    later = SENT_AT + timedelta(minutes=7)
    assert points(between, accepted_at=later, submitted_at=SENT_AT)["order_of_times"] is False


@pytest.mark.parametrize(
    ("certified", "sent", "same"),
    [
        ("Fattura  n. 1\r\n\tdi marzo ", "Fattura n. 1 di marzo", True),
        ("pero\u0300", "però", True),
        ("=?utf-8?B?cGVyw7I=?=", "però", True),
        ("=?utf-8?B?cGVyw7I=?=", "=?utf-8?B?cGVyw7I=?=", True),
        ("=?nonsense?B?cGVy?=", "però", False),
        ("ab", "a\x01b", True),
        ("per\ufffd\ufffd 🎉", "però 🎉", True),
        ("per\ufffd", "pero", False),
        ("per\ufffd tutti", "però nessuno", False),
        ("però", "perì", False),
        ("Però", "però", False),
        ("", "", True),
        ("", "x", False),
    ],
)
def test_only_what_mail_does_to_a_subject_is_tolerated(certified: str, sent: str, same: bool) -> None:
    assert same_subject(certified, sent) is same


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=80))
def test_a_subject_agrees_with_itself(subject: str) -> None:
    assert same_subject(subject, subject)


def test_a_subject_of_broken_letters_is_compared_in_an_instant() -> None:
    assert not same_subject("\ufffdà" * 50_000 + "x", "à" * 100_000 + "y")


@pytest.mark.parametrize("encoded", [True, False])
def test_a_brief_receipt_agrees_by_the_hashes_of_what_we_sent(encoded: bool) -> None:
    assert KNOWN.fingerprint is not None
    parts = briefly(KNOWN.fingerprint.parts, encoded=encoded)
    enclosed = replace(KNOWN.fingerprint, body="0" * 64, parts=parts)
    brief = replace(DELIVERY, receipt_form="breve", enclosed=enclosed)
    assert points(brief)["original"] is True
    assert points(replace(brief, receipt_form="completa"))["original"] is False
    wrong_hash = replace(parts[1], brief_hash=hashlib.sha1(b"other").hexdigest())
    for bent in (
        (parts[0], wrong_hash, parts[2]),  # another file
        (replace(parts[0], sha256="1" * 64), *parts[1:]),  # another text
        (parts[0], replace(parts[1], filename="altro.pdf.hash"), parts[2]),
        parts[:2],  # a file left out
        (*parts, replace(parts[2], path="4")),  # a file added
        (),
    ):
        assert points(replace(brief, enclosed=replace(enclosed, parts=bent)))["original"] is False


def test_our_own_message_comes_back_byte_for_byte_a_found_one_may_be_re_encoded() -> None:
    assert KNOWN.fingerprint is not None
    recoded = replace(KNOWN.fingerprint, body="0" * 64)
    complete = replace(DELIVERY, enclosed=recoded)
    assert points(complete)["original"] is False
    found = replace(KNOWN, composed=False)
    assert points(complete, found)["original"] is True
    changed = replace(recoded, parts=(replace(recoded.parts[0], sha256="1" * 64), *recoded.parts[1:]))
    assert points(replace(DELIVERY, enclosed=changed), found)["original"] is False


def test_what_a_provider_really_encloses_agrees_with_what_we_sent() -> None:
    raw = receipt(
        "avvenuta-consegna",
        sender=DRAFT.sender,
        subject=DRAFT.subject,
        reference=OUTGOING.reference,
        recipients=[(ANNA, "certificato"), (BRUNO, "certificato")],
        recipient=ANNA,
        original=OUTGOING.raw,
    )
    found = agree(evidence_of("k" * 64, read(raw), Verdict.TRUSTED), KNOWN)
    assert found.failed == ()
    assert dict(found.points)["original"] is True


def test_a_delivery_that_came_before_its_acceptance_is_judged_by_it_later() -> None:
    other = replace(DELIVERY, identifier="opec.other@pec.example")
    assert [one.counts for one in judge([other], KNOWN)] == [True]
    assert [(one.evidence.kind, one.counts) for one in judge([other, ACCEPTANCE], KNOWN)] == [
        (Kind.ACCEPTANCE, True),
        (Kind.DELIVERY, False),
    ]


@pytest.mark.parametrize("verdict", [Verdict.INTACT, Verdict.BROKEN, Verdict.UNSIGNED])
def test_evidence_that_is_not_trusted_never_counts_and_teaches_nothing(verdict: Verdict) -> None:
    forged = replace(ACCEPTANCE, verdict=verdict, identifier="forged@evil.example", key="0" * 64)
    judged = {one.evidence.key: one.counts for one in judge([forged, ACCEPTANCE, DELIVERY], KNOWN)}
    assert judged == {forged.key: False, ACCEPTANCE.key: True, DELIVERY.key: True}
    assert acceptance([forged], KNOWN) is None
    assert consensus([forged], mailbox=None, sent_copy=None, sent_recipients=()) is None


def test_what_a_found_message_is_comes_from_the_copy_in_sent() -> None:
    copy = fingerprint(OUTGOING.raw)
    known = consensus([DELIVERY, ACCEPTANCE], mailbox=DRAFT.sender, sent_copy=copy, sent_recipients=(ANNA, BRUNO))
    assert known == replace(KNOWN, composed=False, identifier="opec.1@pec.example", made_at=None)
    assert all(one.counts for one in judge([DELIVERY, ACCEPTANCE], known))


def test_without_a_copy_it_comes_from_the_earliest_acceptance() -> None:
    late = replace(ACCEPTANCE, key="1" * 64, subject="Altro", issued_at=SENT_AT + timedelta(days=2))
    enclosing = replace(DELIVERY, enclosed=as_returned(OUTGOING.raw))
    known = consensus([late, enclosing, ACCEPTANCE], mailbox=DRAFT.sender, sent_copy=None, sent_recipients=())
    assert known is not None
    assert (known.subject, known.identifier) == (ACCEPTANCE.subject, ACCEPTANCE.identifier)
    assert known.recipients == ("ANNA@pec.example", BRUNO)
    assert known.fingerprint == enclosing.enclosed
    assert [one.counts for one in judge([late, enclosing, ACCEPTANCE], known)] == [True, True, False]


def test_without_an_acceptance_receipts_of_two_recipients_stand_together() -> None:
    one = replace(DELIVERY, recipients=(), recipient=ANNA)
    other = replace(DELIVERY, key="e" * 64, kind=Kind.NON_DELIVERY, recipients=ALL[1:], recipient=BRUNO)
    known = consensus([other, one], mailbox=None, sent_copy=None, sent_recipients=())
    assert known is not None
    assert all(judged.counts for judged in judge([one, other], known))


def test_evidence_and_copies_of_another_sender_are_no_source() -> None:
    foreign = replace(ACCEPTANCE, sender="altro@pec.example")
    nameless = replace(ACCEPTANCE, sender=None)
    copy = replace(fingerprint(OUTGOING.raw), sender="altro@pec.example")
    assert consensus([foreign, nameless], mailbox=DRAFT.sender, sent_copy=copy, sent_recipients=(ANNA,)) is None
    assert consensus([foreign], mailbox=None, sent_copy=None, sent_recipients=()) is not None
    for alone in ([nameless], []):
        copied = None if alone else replace(copy, sender=None)
        known = consensus(alone, mailbox=None, sent_copy=copied, sent_recipients=(ANNA,))
        assert known is not None
        assert known.sender == "", "nobody is named, and nobody is made up"


@pytest.mark.parametrize("changes", [{"faults": ("daticert-duplicate-element",)}, {"issued_at": None}])
def test_what_certifies_nothing_says_nothing_of_a_found_message(changes: dict[str, object]) -> None:
    broken = replace(ACCEPTANCE, **changes)  # type: ignore[arg-type]
    assert consensus([broken], mailbox=None, sent_copy=None, sent_recipients=()) is None


evidence_values = st.builds(
    replace,
    st.sampled_from([ACCEPTANCE, DELIVERY]),
    key=st.sampled_from("0123456789"),
    verdict=st.sampled_from([Verdict.TRUSTED, Verdict.TRUSTED, Verdict.BROKEN]),
    issued_at=st.none() | st.integers(-2, 4).map(lambda hours: SENT_AT + timedelta(hours=hours)),
    subject=st.sampled_from([None, "Diffida però", "Altro"]),
    identifier=st.sampled_from([None, "opec.1@pec.example", "opec.2@pec.example"]),
    recipients=st.sampled_from([(), ALL, ALL[:1], ALL[1:]]),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(evidence_values, max_size=6, unique_by=lambda one: one.key),
    st.randoms(use_true_random=False),
    st.booleans(),
)
def test_neither_order_nor_repetition_changes_what_agrees(
    evidence: list[Evidence], random: Random, has_copy: bool
) -> None:
    shuffled = evidence + evidence[:3]
    random.shuffle(shuffled)
    copy = fingerprint(OUTGOING.raw) if has_copy else None
    results = [
        consensus(order, mailbox=DRAFT.sender, sent_copy=copy, sent_recipients=(ANNA, BRUNO))
        for order in (evidence, shuffled)
    ]
    assert results[0] == results[1]
    assert judge(evidence, KNOWN, submitted_at=SENT_AT) == judge(shuffled, KNOWN, submitted_at=SENT_AT)


@pytest.mark.parametrize("keys", ["ad", "da"])
def test_in_one_second_an_acceptance_comes_before_its_delivery_whatever_their_keys(keys: str) -> None:
    accepted = replace(ACCEPTANCE, key=keys[0] * 64)
    delivered = replace(DELIVERY, key=keys[1] * 64, issued_at=ACCEPTANCE.issued_at)
    for order in ([accepted, delivered], [delivered, accepted]):
        assert [one.evidence for one in judge(order, KNOWN)] == [accepted, delivered]
        assert [one.counts for one in judge(order, KNOWN)] == [True, True]


# --- the message by its evidence alone (`consensus`)


def of_several(*evidence: Evidence) -> Known:
    """What evidence in any order says of the message that it is about."""
    now = SENT_AT + timedelta(days=1)
    found = [
        consensus(order, mailbox=None, sent_copy=None, sent_recipients=(), now=now)
        for order in (evidence, evidence[::-1])
    ]
    assert found[0] == found[1]
    assert found[0] is not None
    return found[0]


def test_without_an_acceptance_the_recipients_are_put_together_from_what_is_about_the_same_message() -> None:
    to_anna = replace(DELIVERY, recipients=ALL[:1])
    to_bruno = replace(DELIVERY, key="e" * 64, recipients=ALL[1:], recipient=BRUNO)
    other = replace(DELIVERY, key="f" * 64, recipients=(CertifiedRecipient("carla@pec.example", "certificato"),),
                    recipient="carla@pec.example", reference="another@x", identifier="opec.9@pec.example")  # fmt: skip
    assert set(map(str.lower, of_several(to_anna, to_bruno).recipients)) == {ANNA, BRUNO}
    assert set(map(str.lower, of_several(to_anna, to_bruno, other).recipients)) == {ANNA, BRUNO}
    for missing in ({"reference": None}, {"identifier": None}):
        by_the_other = replace(to_bruno, issued_at=DELIVERY.issued_at, **missing)  # type: ignore[arg-type]
        assert set(map(str.lower, of_several(to_anna, by_the_other).recipients)) == {ANNA, BRUNO}


def test_deliveries_that_agree_with_each_other_outweigh_no_acceptance() -> None:
    """Two that a clock puts before the acceptance, about something else."""
    strange = [
        replace(DELIVERY, key=key * 64, subject="Altro", issued_at=SENT_AT, recipient=to)
        for key, to in (("0", ANNA), ("1", BRUNO))
    ]
    assert of_several(ACCEPTANCE, *strange).subject == ACCEPTANCE.subject


def test_without_an_acceptance_one_strange_delivery_does_not_make_the_others_disagree() -> None:
    strange = replace(DELIVERY, key="0" * 64, subject="Altro", identifier="opec.0@x", issued_at=SENT_AT)
    to_bruno = replace(DELIVERY, key="e" * 64, recipient=BRUNO)
    known = of_several(strange, DELIVERY, to_bruno)
    assert (known.subject, known.identifier) == (DELIVERY.subject, DELIVERY.identifier)
    assert of_several(strange, DELIVERY).subject == "Altro", "among equals the earliest"


def test_a_brief_receipt_is_no_source_of_what_the_message_was() -> None:
    assert KNOWN.fingerprint is not None
    brief = replace(KNOWN.fingerprint, parts=briefly(KNOWN.fingerprint.parts))
    short = replace(DELIVERY, receipt_form="breve", enclosed=brief)
    assert of_several(ACCEPTANCE, short).fingerprint is None
    assert (
        of_several(ACCEPTANCE, short, replace(DELIVERY, key="e" * 64, recipient=BRUNO)).fingerprint == DELIVERY.enclosed
    )


def test_what_a_found_message_was_is_what_most_receipts_that_agree_enclose() -> None:
    other = as_returned(OUTGOING.raw.replace(b"JVBERi0x", b"JVBERi0y"))
    early = replace(DELIVERY, key="0" * 64, enclosed=other, issued_at=SENT_AT + timedelta(seconds=30))
    to_bruno = replace(DELIVERY, key="e" * 64, recipient=BRUNO)
    assert of_several(ACCEPTANCE, early, DELIVERY, to_bruno).fingerprint == DELIVERY.enclosed
    assert of_several(ACCEPTANCE, early, DELIVERY).fingerprint == other, "among equals the earliest"
    foreign = replace(early, subject="Altro")
    assert of_several(ACCEPTANCE, foreign, DELIVERY).fingerprint == DELIVERY.enclosed


def test_what_evidence_alone_says_is_of_a_found_message_and_names_its_sender() -> None:
    known = of_several(ACCEPTANCE, DELIVERY)
    assert (known.composed, known.sender, known.reference) == (False, ACCEPTANCE.sender, ACCEPTANCE.reference)


@pytest.mark.parametrize("fact", ["sender", "subject", "reference", "identifier"])
def test_acceptances_that_differ_in_one_fact_are_two_and_the_deliveries_say_which_is_right(fact: str) -> None:
    strange = replace(ACCEPTANCE, key="0" * 64, issued_at=SENT_AT, **{fact: "altro@pec.example"})  # type: ignore[arg-type]
    for deliveries in ([DELIVERY], [DELIVERY, replace(DELIVERY, key="e" * 64, recipient=BRUNO)]):
        known = of_several(strange, ACCEPTANCE, *deliveries)
        assert getattr(known, fact) == getattr(ACCEPTANCE, fact)


def test_acceptances_that_differ_in_their_recipients_are_two() -> None:
    strange = replace(ACCEPTANCE, key="0" * 64, issued_at=SENT_AT, recipients=ALL[:1])
    to_bruno = replace(DELIVERY, key="e" * 64, recipient=BRUNO)
    assert of_several(strange, ACCEPTANCE, to_bruno).recipients == ("ANNA@pec.example", BRUNO)


def test_two_recipients_receipts_outweigh_two_of_one() -> None:
    strange = replace(ACCEPTANCE, key="0" * 64, subject="Altro", identifier="opec.0@x", issued_at=SENT_AT)
    false = replace(DELIVERY, subject="Altro", identifier="opec.0@x")
    to_bruno = replace(DELIVERY, key="e" * 64, recipient=BRUNO)
    twice = (replace(false, key="1" * 64), replace(false, key="2" * 64))
    assert of_several(strange, ACCEPTANCE, *twice, DELIVERY, to_bruno).subject == ACCEPTANCE.subject


def test_an_acceptance_lists_all_recipients_and_nobody_adds_to_them() -> None:
    stranger = replace(DELIVERY, recipients=(*ALL, CertifiedRecipient("carla@pec.example", "certificato")))
    assert set(map(str.lower, of_several(ACCEPTANCE, stranger).recipients)) == {ANNA, BRUNO}


def test_of_acceptances_that_say_different_things_the_one_that_the_rest_agrees_with_is_the_messages() -> None:
    earlier = replace(ACCEPTANCE, key="0" * 64, subject="Altro", issued_at=SENT_AT, identifier="opec.0@pec.example")
    assert of_several(earlier, ACCEPTANCE, DELIVERY).subject == ACCEPTANCE.subject
    assert of_several(earlier, ACCEPTANCE).subject == "Altro", "among equals the earliest"
    twice = replace(ACCEPTANCE, key="b" * 64)
    assert of_several(ACCEPTANCE, twice).identifier == ACCEPTANCE.identifier


# --- what contradicts the rest is told


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"identifier": "opec.9@pec.example"}, ("two-identifiers",)),
        ({"identifier": "opec.9@pec.example", "issued_at": SENT_AT + timedelta(minutes=1)}, ("two-identifiers",)),
        ({"identifier": "opec.9@pec.example", "subject": "Altro"}, ()),
        ({"subject": "Altro"}, ()),
        ({"identifier": "opec.9@pec.example", "verdict": Verdict.INTACT}, ()),
        ({"identifier": "opec.9@pec.example", "kind": Kind.TRANSPORT_ENVELOPE}, ()),
        ({}, ()),
    ],
)
def test_trusted_evidence_that_differs_in_nothing_but_its_identifier_is_a_contradiction(
    changes: dict[str, object], told: tuple[str, ...]
) -> None:
    """What is not trusted contradicts nothing, and what is about another message neither."""
    second = replace(DELIVERY, key="e" * 64, recipient=BRUNO, **changes)  # type: ignore[arg-type]
    assert conflicts(judge([ACCEPTANCE, DELIVERY, second], KNOWN)) == told


def test_a_refusal_by_another_provider_than_the_accepting_one_is_a_contradiction() -> None:
    signed = replace(ACCEPTANCE, signer=Signer("posta-certificata@a.example", "Primo S.p.A.", None))
    other = replace(
        ACCEPTANCE, key="e" * 64, kind=Kind.NON_ACCEPTANCE, issued_at=SENT_AT + timedelta(minutes=5),
        signer=Signer("posta-certificata@b.example", "Altro S.p.A.", None),
    )  # fmt: skip
    assert "two-issuers" in conflicts(judge([signed, DELIVERY, other], KNOWN))


# --- what evidence is held to together


def judged(*evidence: Evidence, known: Known = KNOWN) -> dict[str, bool]:
    """What counts, by key."""
    return {one.evidence.key: one.counts for one in judge(evidence, known)}


def signed_by(one: Evidence, name: str, **changes: object) -> Evidence:
    """The same, signed by a provider of this name."""
    signer = Signer(f"posta-certificata@{name}.example", f"{name} S.p.A.", None)
    return replace(one, signer=signer, **changes)  # type: ignore[arg-type]


def test_each_recipients_provider_signs_for_itself() -> None:
    to_anna = signed_by(DELIVERY, "primo")
    to_bruno = signed_by(DELIVERY, "secondo", key="e" * 64, recipient=BRUNO)
    assert set(judged(to_anna, to_bruno).values()) == {True}
    assert set(judged(signed_by(ACCEPTANCE, "terzo"), to_anna, to_bruno).values()) == {True}


def test_a_recipients_provider_whose_clock_is_behind_does_not_stand_for_the_senders() -> None:
    early = signed_by(DELIVERY, "primo", issued_at=SENT_AT)
    assert set(judged(early, signed_by(ACCEPTANCE, "terzo")).values()) == {True}


def test_a_receipt_that_names_nobody_ends_nothing() -> None:
    assert judged(ACCEPTANCE, replace(DELIVERY, recipient=None))[ACCEPTANCE.key] is True


def test_one_mail_that_was_read_for_two_recipients_is_one_in_any_order() -> None:
    for others in ((BRUNO, ANNA), (None, ANNA)):
        read_twice = [replace(DELIVERY, recipient=to) for to in others]
        assert judge(read_twice, KNOWN) == judge(read_twice[::-1], KNOWN)
        assert [one.evidence.recipient for one in judge(read_twice, KNOWN)] == [max(filter(None, others))]


def test_who_refuses_or_delays_is_who_accepts() -> None:
    accepted = signed_by(ACCEPTANCE, "primo")
    for kind in (Kind.NON_ACCEPTANCE, Kind.DELAY_NOTICE):
        later = {"key": "e" * 64, "kind": kind, "issued_at": SENT_AT + timedelta(hours=13)}
        assert judged(accepted, signed_by(ACCEPTANCE, "primo", **later))["e" * 64] is True
        assert judged(accepted, signed_by(ACCEPTANCE, "altro", **later))["e" * 64] is False


def test_nothing_is_delivered_before_it_was_accepted() -> None:
    early = replace(DELIVERY, issued_at=SENT_AT - timedelta(minutes=6))
    assert judged(ACCEPTANCE, early) == {ACCEPTANCE.key: True, early.key: False}
    assert judged(ACCEPTANCE, DELIVERY) == {ACCEPTANCE.key: True, DELIVERY.key: True}


def test_what_followed_the_first_of_two_equal_acceptances_is_in_order() -> None:
    """The second, which the server saw arrive, leads; the message was accepted at the time of the first."""
    again = replace(ACCEPTANCE, key="b" * 64, issued_at=SENT_AT + timedelta(hours=2), arrived_at=SENT_AT)
    assert set(judged(ACCEPTANCE, DELIVERY, again).values()) == {True}
    other = replace(ACCEPTANCE, identifier="opec.0@pec.example")
    unnamed = replace(DELIVERY, identifier=None)
    assert judged(other, unnamed, again) == {other.key: False, DELIVERY.key: False, again.key: True}
    nameless = replace(ACCEPTANCE, identifier=None, issued_at=SENT_AT + timedelta(hours=2))
    assert judged(nameless, unnamed) == {nameless.key: True, DELIVERY.key: False}


def test_a_known_identifier_ties_what_an_acceptance_without_one_does_not() -> None:
    known = replace(KNOWN, identifier=ACCEPTANCE.identifier)
    nameless, bare = replace(ACCEPTANCE, identifier=None), replace(DELIVERY, reference=None)
    assert judged(nameless, bare, known=known) == {nameless.key: True, bare.key: True}


def test_a_refusal_of_another_message_leads_nothing() -> None:
    accepted = signed_by(ACCEPTANCE, "primo")
    refused = signed_by(ACCEPTANCE, "altro", key="0" * 64, kind=Kind.NON_ACCEPTANCE, issued_at=SENT_AT)
    assert judged(replace(refused, reference="another@x"), accepted) == {refused.key: False, accepted.key: True}
    assert judged(refused, accepted) == {refused.key: True, accepted.key: False}, "of its own message it does"


def test_an_acceptance_without_reference_teaches_no_identifier_for_itself() -> None:
    bare = replace(ACCEPTANCE, reference=None)
    assert judged(bare) == {bare.key: False}
    delivered = replace(DELIVERY, reference=None)
    assert judged(ACCEPTANCE, delivered) == {ACCEPTANCE.key: True, delivered.key: True}
    assert judged(bare, delivered) == {bare.key: False, delivered.key: False}


def test_what_certifies_nothing_needs_no_time_and_no_sender() -> None:
    envelope = replace(ACCEPTANCE, kind=Kind.TRANSPORT_ENVELOPE, issued_at=None, sender=None)
    found = dict(agree(envelope, KNOWN).points)
    assert (found["certified_time"], found["sender"]) == (None, None)
    for missing in ({"issued_at": None}, {"sender": None}):
        assert False in dict(agree(replace(ACCEPTANCE, **missing), KNOWN).points).values()  # type: ignore[arg-type]


def test_a_composed_messages_date_is_no_clock() -> None:
    """It is what our own clock said; where that is not known, nothing is held against it."""
    assert KNOWN.fingerprint is not None
    dated = replace(KNOWN.fingerprint, date=SENT_AT + timedelta(days=3))
    assert points(ACCEPTANCE, replace(KNOWN, made_at=None, fingerprint=dated))["clocks"] is None


def test_a_found_messages_own_date_is_one_of_its_clocks() -> None:
    """Its Date stands in what the receipt encloses, or in the copy: what is certified days before it is not true."""
    assert KNOWN.fingerprint is not None
    now = SENT_AT + timedelta(days=4)
    for dated, clocks in ((SENT_AT, True), (SENT_AT + timedelta(days=3), False)):
        ours = replace(KNOWN.fingerprint, date=dated)
        found = replace(KNOWN, composed=False, made_at=None, fingerprint=ours)
        bare = replace(DELIVERY, enclosed=None, receipt_form="sintetica")
        for one in (bare, replace(DELIVERY, enclosed=ours)):
            assert dict(agree(one, found, now=now).points)["clocks"] is clocks
        nothing = replace(found, fingerprint=None)
        assert dict(agree(replace(DELIVERY, enclosed=ours), nothing, now=now).points)["clocks"] is clocks


# --- of several acceptances of one message, which is the true one?


def leads(*evidence: Evidence) -> str:
    """The key of the acceptance that the rest is held to."""
    found = {(acceptance(order, KNOWN) or ACCEPTANCE).key for order in (evidence, evidence[::-1])}
    assert len(found) == 1
    return found.pop()


EARLY = replace(ACCEPTANCE, key="0" * 64, identifier="opec.0@pec.example", issued_at=SENT_AT + timedelta(seconds=1))


def test_the_acceptance_whose_identifier_more_recipients_providers_quote_leads() -> None:
    assert leads(EARLY, ACCEPTANCE) == EARLY.key, "with nothing else the earliest"
    assert leads(EARLY, ACCEPTANCE, DELIVERY) == ACCEPTANCE.key
    false = replace(DELIVERY, key="1" * 64, identifier=EARLY.identifier)
    again = replace(false, key="2" * 64)
    to_bruno = replace(DELIVERY, key="e" * 64, recipient=BRUNO)
    assert leads(EARLY, ACCEPTANCE, false, again, DELIVERY, to_bruno) == ACCEPTANCE.key, "one recipient counts once"
    failed = replace(false, kind=Kind.NON_DELIVERY, enclosed=None)
    assert leads(EARLY, ACCEPTANCE, false, failed, DELIVERY) == EARLY.key, "two kinds are two voices"


def test_an_acceptance_without_an_identifier_is_quoted_by_nobody() -> None:
    assert leads(replace(EARLY, identifier=None), ACCEPTANCE, DELIVERY) == ACCEPTANCE.key


def test_who_quotes_an_identifier_alone_is_a_voice_too() -> None:
    assert leads(EARLY, ACCEPTANCE, replace(DELIVERY, reference=None)) == ACCEPTANCE.key


def test_a_refusal_is_no_acceptance_and_binds_who_accepts() -> None:
    refused = signed_by(EARLY, "primo", key="1" * 64, kind=Kind.NON_ACCEPTANCE, identifier=ACCEPTANCE.identifier)
    assert leads(refused, signed_by(ACCEPTANCE, "primo")) == ACCEPTANCE.key
    for order in ([refused, signed_by(ACCEPTANCE, "altro")], [refused]):
        assert acceptance(order, KNOWN) is None


def test_the_provider_of_which_more_is_there_leads() -> None:
    notice = signed_by(
        ACCEPTANCE, "due", key="2" * 64, kind=Kind.DELAY_NOTICE, recipient=ANNA, issued_at=SENT_AT + timedelta(hours=13)
    )
    to_bruno = replace(notice, key="3" * 64, recipient=BRUNO)
    other = signed_by(notice, "uno", key="4" * 64)
    assert leads(signed_by(EARLY, "uno"), other, signed_by(ACCEPTANCE, "due"), notice, to_bruno) == ACCEPTANCE.key


def test_the_senders_own_provider_is_no_voice_for_itself() -> None:
    delay = replace(
        EARLY, key="1" * 64, kind=Kind.DELAY_NOTICE, recipient=ANNA, issued_at=SENT_AT + timedelta(hours=13)
    )
    assert leads(EARLY, ACCEPTANCE, delay, DELIVERY) == ACCEPTANCE.key


def test_the_acceptance_that_the_server_saw_arrive_leads() -> None:
    arrived = replace(ACCEPTANCE, arrived_at=SENT_AT + timedelta(minutes=2))
    assert leads(EARLY, arrived) == arrived.key
    late = replace(ACCEPTANCE, arrived_at=SENT_AT + timedelta(days=30))
    assert leads(EARLY, late) == EARLY.key


def test_the_acceptance_whose_identifier_is_its_signers_leads() -> None:
    own = replace(ACCEPTANCE, signer=Signer("posta-certificata@pec.example", "Gestore", None))
    foreign = replace(EARLY, signer=Signer("posta-certificata@altro.example", "Altro", None))
    assert leads(foreign, own) == own.key


def test_a_complete_receipt_without_the_original_is_one_only_for_who_stands_in_cc() -> None:
    known = replace(KNOWN, copied=(BRUNO,))
    bare = replace(DELIVERY, enclosed=None)
    for to, enclosed in ((ANNA, False), (BRUNO, None), (None, False)):
        assert dict(agree(replace(bare, recipient=to), known).points)["enclosed"] is enclosed
    for changes in ({"receipt_form": "sintetica"}, {"receipt_form": None}, {"kind": Kind.NON_DELIVERY}):
        assert dict(agree(replace(bare, **changes), known).points)["enclosed"] is None
    assert dict(agree(DELIVERY, known).points)["enclosed"] is True
    assert dict(agree(replace(bare, receipt_form="COMPLETA"), known).points)["enclosed"] is False
