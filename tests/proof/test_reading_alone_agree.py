"""The verifier that stands alone holds each receipt against the message: whom, what, when, and under whose key."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pec_tracker.render import verify_package as alone
from pec_tracker.render.verify_package import Certificate, Message, Receipt

AT = datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
NOW = AT + timedelta(days=1)
ME, ANNA, BRUNO = "studio@pec.example", "anna@pec.example", "bruno@pec.example"
CERTIFICATE = Certificate(b"", b"", b"", AT + timedelta(days=365), "", 2048, b"")
LETTER = b"From: studio@pec.example\nTo: anna@pec.example\nSubject: Diffida\n\nbody\n"


def both(*addresses: str) -> list[dict[str, str]]:
    return [{"address": one, "type": "certificato"} for one in addresses]


def made(kind: str = "acceptance", **facts: Any) -> Receipt:
    settled: dict[str, Any] = {
        "issued": AT, "sender": ME, "recipients": both(ANNA), "subject": "Diffida", "reference": "a@client",
        "identifier": "opec.1@gestore.example", "signer": CERTIFICATE, "trusted": True,
        "issuer": ("gestore.example", "gestore"),
        "recipient": None if kind in ("acceptance", "non-acceptance") else ANNA,
    }  # fmt: skip
    return Receipt(facts.pop("member", "m"), facts.pop("raw", kind.encode()), kind=kind, **{**settled, **facts})


def message(**facts: Any) -> Message:
    settled: dict[str, Any] = {
        "held_to": "composed", "sender": ME, "recipients": [ANNA], "subject": "Diffida", "reference": "a@client",
        "queued": AT,
    }  # fmt: skip
    return Message(**{**settled, **facts})


@pytest.mark.parametrize(
    ("kind", "facts", "of_message", "points"),
    [
        ("acceptance", {}, {}, []),
        ("delivery", {}, {}, []),
        ("acceptance", {"sender": "altro@pec.example"}, {}, ["sender"]),
        ("acceptance", {"sender": "STUDIO@pec.example"}, {}, []),
        ("acceptance", {"sender": None}, {}, []),
        ("acceptance", {"sender": "altro@pec.example"}, {"sender": None}, []),
        ("acceptance", {"recipients": both(ANNA, BRUNO)}, {}, ["recipients"]),
        ("acceptance", {}, {"recipients": [ANNA, BRUNO]}, ["recipients"]),
        ("acceptance", {"recipients": both(BRUNO, ANNA.upper())}, {"recipients": [ANNA, BRUNO]}, []),
        ("acceptance", {"recipients": []}, {}, []),
        ("acceptance", {}, {"recipients": []}, []),
        ("delivery", {}, {"recipients": [ANNA, BRUNO]}, []),
        ("delivery", {"recipients": both(ANNA, BRUNO)}, {}, ["recipients"]),
        ("delivery", {"recipient": BRUNO}, {}, ["recipient"]),
        ("delivery", {"recipient": BRUNO, "recipients": []}, {"recipients": []}, []),
        ("acceptance", {"subject": "Altro"}, {}, ["subject"]),
        ("acceptance", {"subject": None}, {}, []),
        ("acceptance", {}, {"subject": None}, []),
        ("acceptance", {"reference": "b@client"}, {}, ["reference"]),
        ("acceptance", {"reference": "A@client"}, {}, []),
        ("acceptance", {"reference": None}, {}, ["reference"]),
        ("acceptance", {"reference": None}, {"reference": None}, []),
        ("acceptance", {"reference": "b@client"}, {"reference": None}, []),
        ("delivery", {"reference": None}, {}, []),
        ("delivery", {"reference": None, "identifier": None}, {}, ["reference"]),
        ("delivery", {"receipt_form": "completa"}, {}, ["its original, which it does not enclose"]),
        ("acceptance", {"issued": None}, {}, ["the clocks"]),
        ("acceptance", {"signer": None}, {}, ["the end of its certificate"]),
        ("delivery", {"original": LETTER}, {"compared": LETTER}, []),
        ("delivery", {"original": LETTER}, {"compared": None}, []),
        ("delivery", {}, {"compared": LETTER}, []),
        ("delivery", {"original": LETTER + b"more"}, {"compared": LETTER}, ["original's body"]),
    ],
)  # fmt: skip
def test_points_in_which_a_receipt_disagrees(
    kind: str, facts: dict[str, Any], of_message: dict[str, Any], points: list[str]
) -> None:
    assert list(alone.points(made(kind, **facts), message(**of_message), NOW)) == points


@pytest.mark.parametrize(
    ("kind", "facts", "header", "lacks"),
    [
        ("delivery", {"receipt_form": "completa"}, b"To: anna@pec.example\n\n", True),
        ("delivery", {"receipt_form": "Breve"}, b"To: anna@pec.example\n\n", True),
        ("delivery", {"receipt_form": "sintetica"}, b"To: anna@pec.example\n\n", False),
        ("delivery", {"receipt_form": None}, b"To: anna@pec.example\n\n", False),
        ("delivery", {"receipt_form": "completa", "original": b""}, b"To: anna@pec.example\n\n", False),
        ("non-delivery", {"receipt_form": "completa"}, b"To: anna@pec.example\n\n", False),
        ("delivery", {"receipt_form": "completa"}, b"To: bruno@pec.example\nCc: ANNA@pec.example\n\n", False),
        ("delivery", {"receipt_form": "completa"}, b"To: anna@pec.example\nCc: anna@pec.example\n\n", True),
        ("delivery", {"receipt_form": "completa", "recipient": None}, b"Cc: anna@pec.example\n\n", True),
        ("delivery", {"receipt_form": "completa"}, None, True),
    ],
)  # fmt: skip
def test_complete_or_brief_delivery_encloses_the_original_but_for_who_is_in_cc_alone(
    kind: str, facts: dict[str, Any], header: bytes | None, lacks: bool
) -> None:
    """RFC 6109 3.3.2."""
    assert alone.lacks_original(made(kind, **facts), message(compared=header)) is lacks


DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("issued", "arrived", "right"),
    [
        (AT, None, True),
        (AT - DAY, None, True),
        (AT - DAY - SECOND, None, False),
        (NOW + DAY, None, True),
        (NOW + DAY + SECOND, None, False),
        (AT - 9 * DAY, AT - 7 * DAY, True),
        (AT - 9 * DAY, AT - 7 * DAY + SECOND, False),
        (AT - 9 * DAY, AT - 11 * DAY, True),
        (AT - 9 * DAY, AT - 11 * DAY - SECOND, False),
        (NOW + 9 * DAY, NOW + 9 * DAY, True),
        (None, AT, False),
    ],
)
def test_two_of_three_clocks_agree(issued: datetime | None, arrived: datetime | None, right: bool) -> None:
    assert alone.right_time(made(issued=issued, arrived=arrived), message(), NOW) is right
    assert issued is not None or not alone.is_beside(made(issued=issued, arrived=arrived))


def dated(text: str) -> bytes:
    return f"Date: {text}\n\n".encode()


def test_message_is_made_when_it_was_queued_or_at_the_date_of_its_original() -> None:
    own, copy = dated("Mon, 02 Mar 2026 10:00:00 +0100"), dated("Tue, 03 Mar 2026 10:00:00 +0100")
    assert alone.made_at(made(original=own), message(compared=copy)) == AT
    assert alone.made_at(made(original=own), message(held_to="copy", compared=copy)) == AT.replace(minute=0)
    assert alone.made_at(made(), message(held_to="copy", compared=copy)) == AT.replace(minute=0) + DAY
    assert alone.made_at(made(), message(held_to="receipts")) is None
    assert alone.right_time(made(issued=AT - 30 * DAY), message(held_to="receipts"), NOW)


@pytest.mark.parametrize(
    ("value", "at"),
    [
        (b"Mon, 02 Mar 2026 10:00:00 +0100", "2026-03-02T10:00:00+01:00"),
        (b"Mon, 02 Mar 2026 10:00:00 -0000", "2026-03-02T10:00:00+00:00"),
        (b"Mon, 02 Mar 2026 10:00:00", None),
        (b"Mon, 02 Mar 2026 10:00:00 +0100" + b" " * 200 + b"\xe8", "2026-03-02T10:00:00+01:00"),
        (b"Mon, 02 Mar 2026 10:00:00 +0100\xe8", None),
        (b"yesterday", None),
        (b"", None),
    ],
)
def test_date_of_a_mail_has_its_zone(value: bytes, at: str | None) -> None:
    found = alone.mail_date(value)
    assert (found.isoformat() if found else None) == at


LATE = AT + 400 * DAY
SHORT = replace(CERTIFICATE, bits=1024)


@pytest.mark.parametrize(
    ("signer", "facts", "of_message", "could"),
    [
        (CERTIFICATE, {}, {}, True),
        (None, {}, {}, False),
        (CERTIFICATE, {}, {"queued": CERTIFICATE.until}, True),
        (CERTIFICATE, {}, {"queued": LATE}, False),
        (CERTIFICATE, {"arrived": CERTIFICATE.until}, {"queued": LATE}, True),
        (CERTIFICATE, {"arrived": CERTIFICATE.until + SECOND}, {"queued": LATE}, False),
        (CERTIFICATE, {"arrived": CERTIFICATE.until + SECOND}, {}, True),
        (CERTIFICATE, {}, {"queued": None}, True),
        (SHORT, {}, {}, False),
        (SHORT, {}, {"held_to": "copy"}, True),
        (SHORT, {"arrived": datetime(2018, 12, 31, 23, 59, 59, tzinfo=UTC)}, {"held_to": "copy"}, True),
        (SHORT, {"arrived": datetime(2019, 1, 1, tzinfo=UTC)}, {"held_to": "copy"}, False),
        (SHORT, {"arrived": datetime(2018, 1, 1, tzinfo=UTC)}, {}, False),
        (replace(CERTIFICATE, bits=2047), {}, {}, False),
        (SHORT, {"original": dated("Mon, 02 Mar 2099 10:00:00 +0100")}, {"held_to": "copy"}, False),
    ],
)
def test_key_could_still_sign_for_this_message(
    signer: Certificate | None, facts: dict[str, Any], of_message: dict[str, Any], could: bool
) -> None:
    assert alone.could_sign(made(signer=signer, **facts), message(**of_message)) is could


@pytest.mark.parametrize(
    ("certified", "sent", "same"),
    [
        ("Diffida", "Diffida", True), ("Diffida", "diffida", False),
        (" Diffida  e \r\n altro", "Diffida e altro", True),
        ("perche\u0301", "perché", True), ("=?utf-8?q?perch=C3=A9?=", "perché", True), ("Dif\x01fida", "Diffida", True),
        ("perch\ufffd no", "perché no", True), ("perch\ufffd no", "perch no", False),
        ("perch\ufffd no", "percha no", False),
        ("perch\ufffd sì", "perché no", False), ("perch\ufffd a\ufffd", "perché à", False), ("\ufffd", "é", True),
        ("perch? no", "perché no", False), ("perch\ufffd\ufffd x", "perché x", True),
        ("perch\ufffd", "perch\ufffd\ufffd", False),
        ("è\ufffd x \ufffd", "èé x", False), ("", "", True), ("", "x", False),
        ("caffè perch\ufffd", "caffà perché", False),
        ("=?utf-8?q?perch=EF=BF=BD?= no", "perché no", True), ("perché", "perch\ufffd", False),
    ],
)  # fmt: skip
def test_subject_is_one_but_for_blanks_composition_and_broken_letters(certified: str, sent: str, same: bool) -> None:
    assert alone.same_subject(certified, sent) is same


def test_letter_of_many_marks_is_composed_in_pieces() -> None:
    assert alone.normal("NFC", "e\u0301") == "é"
    assert alone.normal("NFC", "abc") == "abc"
    assert alone.normal("NFD", "xé") == "xe\u0301"
    # Of two marks that stand in the wrong order the lower class comes first, but not across a piece's end.
    thirty, beyond = "a" + "\u0301" * 29 + "\u0323", "a" + "\u0301" * 30 + "\u0323"
    assert alone.normal("NFD", thirty) == "a\u0323" + "\u0301" * 29
    assert alone.normal("NFD", beyond) == beyond
    sixty = "a" + "\u0301" * 59 + "\u0323"
    assert alone.normal("NFD", sixty) == "a" + "\u0301" * 30 + "\u0323" + "\u0301" * 29
    assert alone.normal("NFD", sixty.replace("a", "a" + "\u0301")) == "a" + "\u0301" * 60 + "\u0323"
    assert alone.normal("NFD", "é" + "\u0301" * 28 + "b\u0301\u0323") == "e" + "\u0301" * 29 + "b\u0323\u0301"


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Aruba PEC S.p.A.", "arubapec"), ("ARUBA PEC SPA", "arubapec"), ("Società Però S.r.l.", "pero"),
        ("A & B s.n.c.", "ab"), ("A_B", "ab"), ("Socio unico per azioni", ""), ("", ""), ("Straße", "strasse"),
    ],
)  # fmt: skip
def test_organization_is_without_its_legal_form(name: str, key: str) -> None:
    assert alone.organization(name) == key


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("a.it", "a"), ("a.it", "a"), True), (("a.it", "a"), ("b.it", "a"), True), (("a.it", "a"),
        ("a.it", "b"), True),
        (("a.it", "a"), ("b.it", "b"), False), (("a.it", ""), ("b.it", "b"), False), (("", ""), ("b.it", "b"), True),
        (("a.it", ""), ("", "b"), True), (("", "a"), ("", "b"), False),
    ],
)  # fmt: skip
def test_provider_is_one_by_organization_or_domain(one: tuple[str, str], other: tuple[str, str], same: bool) -> None:
    assert alone.same_provider(made(issuer=one), made(issuer=other)) is same


# --- all together ---


def hold(receipts: list[Receipt], held: Message | None = None) -> list[list[str]]:
    alone.hold(receipts, held or message(), NOW)
    return [one.disagrees for one in receipts]


def test_acceptance_with_which_most_deliveries_agree_leads() -> None:
    rival = made(identifier="opec.2@gestore.example", raw=b"0", issued=AT - SECOND)
    first, delivered = made(), made("delivery", issued=AT + SECOND)
    assert hold([rival, first, delivered]) == [["identifier"], [], []]
    assert hold([rival, first]) == [[], ["identifier"]]  # without one, the earliest


def test_support_counts_each_recipient_once() -> None:
    rival, mine = made(identifier="opec.2@gestore.example", raw=b"0", issued=AT - SECOND), made()
    theirs, anna, bruno = (
        made("delivery", identifier=rival.identifier), made("delivery"), made("delivery", recipient=BRUNO)
    )  # fmt: skip
    assert alone.led_by([rival, mine, theirs, anna, bruno])[0] is mine
    assert alone.led_by([rival, mine, theirs, anna, made("delivery", raw=b"again")])[0] is rival


@pytest.mark.parametrize(
    ("identifier", "domain", "fits"),
    [
        ("opec.2@gestore.example", "gestore.example", True), ("opec.2@pec.gestore.example", "gestore.example", True),
        ("opec.2@gestore.example", "pec.gestore.example", True), ("opec.2@altro.example", "gestore.example", False),
        ("opec.2@xgestore.example", "gestore.example", False), ("opec.2", "gestore.example", False),
        (None, "gestore.example", False), ("opec.2@gestore.example", "", False),
        ("opec.2@GESTORE.example", "gestore.example", True),
    ],
)  # fmt: skip
def test_identifier_of_its_signers_domain_leads_what_is_earlier(
    identifier: str | None, domain: str, fits: bool
) -> None:
    early = made(identifier="x@elsewhere.example", issued=AT - SECOND, issuer=("gestore.example", "gestore"))
    late = made(identifier=identifier, issuer=(domain, "gestore"), raw=b"late")
    assert (alone.led_by([early, late])[0] is late) is fits


def test_what_the_server_saw_arrive_leads_and_then_what_stands_with_others() -> None:
    early, seen = made(issued=AT - SECOND), made(raw=b"seen", arrived=AT)
    assert alone.led_by([early, seen]) == [seen, early]
    notice = made("delay-notice", issued=AT + SECOND, issuer=("b.example", "b"))
    alike = made(issuer=("b.example", "b"), identifier="x", raw=b"b", issued=AT)
    lone = made(identifier="x", raw=b"c", issued=AT - SECOND)
    assert alone.led_by([lone, alike, notice])[0] is alike
    delivery = made("delivery")
    assert (
        alone.led_by([delivery, made("virus-notice"), replace(early, trusted=False), replace(early, faults=["x"])])
        == []
    )


@pytest.mark.parametrize("kind", ["delivery", "non-delivery", "delay-notice"])
@pytest.mark.parametrize(("early", "wrong"), [(300, []), (301, ["order_of_times"])])
def test_nothing_comes_more_than_five_minutes_before_the_acceptance(kind: str, early: int, wrong: list[str]) -> None:
    assert hold([made(), made(kind, issued=AT - timedelta(seconds=early))])[1] == wrong
    assert hold([made(identifier=None), made(kind, issued=AT - timedelta(seconds=early))])[1] == wrong
    assert hold([made(), made("non-acceptance", issued=AT - timedelta(hours=1), raw=b"n")])[1] == []


def test_earliest_acceptance_of_the_leading_identifier_is_the_first() -> None:
    again = made(issued=AT + DAY, raw=b"again")
    assert hold([again, made(), made("delivery", issued=AT)]) == [[], [], []]
    assert hold([again, made("delivery", issued=AT)]) == [[], ["order_of_times"]]
    seen = replace(again, arrived=again.issued)  # it leads, and nothing is accepted later for that
    assert hold([seen, made(), made("delivery", issued=AT)]) == [[], [], []]
    other = made(identifier="opec.2@gestore.example", raw=b"other")
    assert hold([seen, other, made("delivery", issued=AT)]) == [[], ["identifier"], ["order_of_times"]]


def test_other_provider_does_not_speak_for_the_senders() -> None:
    other = ("altro.example", "altro")
    assert hold([made(), made("delivery", issuer=other)]) == [[], []]
    assert hold([made(), made("non-acceptance", issuer=other, issued=AT + SECOND)]) == [[], ["issuer"]]
    seen, theirs = made("non-acceptance", arrived=AT), made(issuer=other, identifier="opec.2@altro.example")
    assert hold([seen, theirs]) == [[], ["issuer"]]  # nor does its identifier lead
    assert hold([made(), made("delivery"), made("delay-notice", issuer=other)]) == [[], [], ["issuer"]]


def test_receipt_without_reference_follows_by_its_identifier() -> None:
    no_reference: dict[str, Any] = {"reference": None, "issued": AT + SECOND}
    assert hold([made(), made("delivery", **no_reference)]) == [[], []]
    assert hold([made(), made("delivery", identifier="b", **no_reference)]) == [[], ["identifier", "reference"]]
    assert hold([made(), made(raw=b"2", **no_reference)]) == [[], []]
    assert hold([made(), made(raw=b"2", identifier=None, **no_reference)]) == [[], ["reference", "reference"]]
    assert hold([made("delivery", **no_reference)]) == [["reference"]]
    assert hold([made("delivery", **no_reference)], message(identifier="opec.1@gestore.example")) == [[]]
    assert hold([made("delivery", **no_reference)], message(reference=None)) == [[]]
    assert hold([made("delivery")]) == [[]]
    assert hold([made(**no_reference)], message()) == [["reference"]]


def test_without_a_message_every_receipt_disagrees() -> None:
    assert hold([made(), made("delivery")], Message()) == [["message"], ["message"]]


@pytest.mark.parametrize(
    ("held_to", "receipts", "identifier"),
    [
        ("composed", [made()], "opec.1@gestore.example"),
        ("copy", [made()], "opec.1@gestore.example"),
        ("composed", [made(trusted=False)], None),
        ("composed", [made("delivery")], None),
        ("composed", [made("non-acceptance")], None),
        ("composed", [made("non-acceptance"), made(trusted=False)], None),
    ],
)
def test_message_has_the_identifier_of_its_acceptance(
    held_to: str, receipts: list[Receipt], identifier: str | None
) -> None:
    held = message(held_to=held_to)
    hold(receipts, held)
    assert held.identifier == identifier


@pytest.mark.parametrize(
    ("facts", "names"),
    [
        ({"disagrees": ["identifier"]}, ["two-identifiers"]),
        ({"disagrees": ["issuer", "identifier", "order_of_times"]}, ["two-identifiers", "two-issuers"]),
        ({"disagrees": ["order_of_times"]}, []),
        ({"disagrees": ["identifier", "subject"]}, []),
        ({"disagrees": []}, []),
        ({"disagrees": ["identifier"], "trusted": False}, []),
        ({"disagrees": ["identifier"], "faults": ["x"]}, []),
        ({"disagrees": ["identifier"], "kind": "virus-notice"}, []),
    ],
)
def test_trusted_evidence_that_contradicts_the_rest_is_named(facts: dict[str, Any], names: list[str]) -> None:
    assert alone.conflicts([replace(made(), **facts)]) == names


@pytest.mark.parametrize(
    ("facts", "counts"),
    [
        ({}, True), ({"kind": "non-acceptance"}, True), ({"kind": "delivery"}, True), ({"kind": "non-delivery"}, True),
        ({"kind": "delay-notice"}, True), ({"kind": "virus-notice"}, False), ({"kind": "taken-in-charge"}, False),
        ({"kind": "transport-envelope"}, False), ({"kind": None}, False), ({"trusted": False}, False),
        ({"faults": ["x"]}, False), ({"disagrees": ["x"]}, False),
    ],
)  # fmt: skip
def test_what_is_trusted_faultless_and_agrees_counts(facts: dict[str, Any], counts: bool) -> None:
    assert replace(made(), **facts).counts is counts
