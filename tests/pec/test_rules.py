"""What an access point would refuse is refused here first, from the bytes, whoever composed them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pec_tracker.errors import UsageError
from pec_tracker.pec.address import Named, addresses_in, is_valid, typed_in
from pec_tracker.pec.compose import Attachment, Draft, Outgoing, compose, new_tracker_id
from pec_tracker.pec.finding import Severity, refused
from pec_tracker.pec.limits import Limits
from pec_tracker.pec.rules import check, check_draft
from pec_tracker.pec.standard import ReceiptForm

ACCOUNT = "studio@pec.example"
DRAFT = Draft(sender=ACCOUNT, to=("anna@pec.example",), cc=("bruno@pec.example",), subject="Prova", text="Buongiorno")
GOOD = compose(DRAFT, tracker_id=new_tracker_id(bytes(16)), now=datetime(2026, 3, 2, 9, tzinfo=UTC))

Change = Callable[[bytes], bytes]


def found(outgoing: Outgoing, *, limits: Limits | None = None) -> set[str]:
    return {one.rule for one in check(outgoing, account=ACCOUNT, limits=limits or Limits())}


def refusals(outgoing: Outgoing, *, limits: Limits | None = None) -> set[str]:
    return {one.rule for one in refused(check(outgoing, account=ACCOUNT, limits=limits or Limits()))}


def swapped(old: bytes, new: bytes) -> Change:
    def change(raw: bytes) -> bytes:
        assert old in raw
        return raw.replace(old, new, 1)

    return change


def added(line: bytes) -> Change:
    return lambda raw: line + b"\r\n" + raw


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("from-missing", swapped(b"From: studio@pec.example\r\n", b"")),
        ("from-several", added(b"From: studio@pec.example")),
        ("from-several", swapped(b"From: studio", b"From: other@pec.example, studio")),
        ("from-not-account", swapped(b"From: studio", b"From: altro")),
        ("sender-differs", added(b"Sender: altro@pec.example")),
        ("sender-differs", added(b"Sender: nobody")),
        ("to-missing", swapped(b"To: anna@pec.example", b"To:")),
        ("to-missing", swapped(b"To: anna@pec.example\r\n", b"")),
        ("to-missing", swapped(b"To: anna@pec.example", b"To: undisclosed-recipients:;")),
        ("bcc-present", added(b"Bcc: spia@evil.example")),
        ("bcc-present", added(b"bcc:")),
        ("resent-present", added(b"Resent-To: spia@evil.example")),
        ("address-invalid", swapped(b"To: anna@", b"To: an..na@")),
        ("address-header-unreadable", swapped(b"To: anna@", b"To: anna anna@")),
        ("address-header-unreadable", swapped(b"To: anna", b"To: anna@pec.example (anna), anna")),
        ("recipient-not-in-header", swapped(b"Cc: bruno@pec.example\r\n", b"")),
        ("recipient-not-in-envelope", swapped(b"Cc: ", b"Cc: carla@pec.example, ")),
        ("recipient-twice", swapped(b"Cc: ", b"Cc: Anna@pec.example, ")),
        ("message-id-missing", swapped(b"Message-ID: ", b"X-Other: ")),
        ("message-id-differs", swapped(b"Message-ID: <pt.", b"Message-ID: <other.")),
        ("date-missing", swapped(b"Date: ", b"X-Date: ")),
        ("header-twice", added(b"Subject: due")),
        ("header-twice", added(b"To: anna@pec.example")),
        ("header-malformed", added(b"no field at all")),
        ("header-malformed", swapped(b"Subject: Prova\r\n", b"Subject: Prova\r\n \r\n")),
        ("header-control", swapped(b"Subject: Prova", b"Subject: Pr\x01ova")),
        ("header-control", swapped(b"Subject: Prova", "Subject: Però".encode())),
        ("bare-line-end", swapped(b"Buongiorno", b"Buon\ngiorno")),
        ("bare-line-end", swapped(b"Buongiorno", b"Buon\rgiorno")),
        ("bare-line-end", swapped(b"Subject: Prova", b"Subject: Prova\nBcc: spia@evil.example")),
        ("bcc-present", swapped(b"Subject: Prova", b"Subject: Prova\nBcc: spia@evil.example")),
        ("bcc-present", swapped(b"Subject: Prova", b"Subject: Prova\rBcc: spia@evil.example")),
        ("nul", swapped(b"Buongiorno", b"Buon\0giorno")),
        ("line-too-long", swapped(b"Buongiorno", b"x" * 999)),
    ],
)
def test_the_access_point_would_refuse(rule: str, change: Change) -> None:
    assert rule in refusals(replace(GOOD, raw=change(GOOD.raw)))


def test_a_good_message_is_refused_nothing_and_a_line_of_998_is_fine() -> None:
    assert refusals(GOOD) == set()
    assert refusals(replace(GOOD, raw=GOOD.raw.replace(b"Buongiorno", b"x" * 998))) == set()


def test_names_and_case_of_addresses_do_not_matter() -> None:
    raw = GOOD.raw.replace(b"From: studio@pec.example", b'From: "Studio, Rossi" <STUDIO@pec.example>')
    assert refusals(replace(GOOD, raw=raw)) == set()


def test_the_envelope_is_held_against_the_header() -> None:
    assert "mail-from-not-account" in refusals(replace(GOOD, mail_from="bounce+1@pec.example"))
    assert "recipient-not-in-header" in refusals(replace(GOOD, rcpt_to=(*GOOD.rcpt_to, "spia@pec.example")))
    assert "recipient-not-in-envelope" in refusals(replace(GOOD, rcpt_to=GOOD.rcpt_to[:1]))
    assert "recipient-twice" in refusals(replace(GOOD, rcpt_to=(*GOOD.rcpt_to, GOOD.rcpt_to[0])))
    assert "address-invalid" in refusals(replace(GOOD, rcpt_to=(*GOOD.rcpt_to, "perché@pec.example")))


def test_limits_of_the_provider() -> None:
    size = len(GOOD.raw)
    assert refusals(GOOD, limits=Limits(max_recipients=2, max_product=2 * size, max_size=size)) == set()
    assert refusals(GOOD, limits=Limits(max_recipients=1)) == {"too-many-recipients"}
    assert refusals(GOOD, limits=Limits(max_product=2 * size - 1)) == {"too-large-for-recipients"}
    assert refusals(GOOD, limits=Limits(max_size=size - 1)) == {"too-large"}
    (large,) = refused(check(GOOD, account=ACCOUNT, limits=Limits(max_size=size - 1)))
    assert (large.measured, large.limit) == (size, size - 1)
    assert refusals(GOOD, limits=Limits(max_product=None)) == set()


def advice(**changes: object) -> set[str]:
    outgoing = compose(
        replace(DRAFT, cc=(), **changes),  # type: ignore[arg-type]
        tracker_id=GOOD.tracker_id,
        now=GOOD.composed_at,
    )
    assert refusals(outgoing) == set()
    return found(outgoing)


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("subject-empty", {"subject": "  "}),
        ("subject-long", {"subject": "è" * 256}),
        ("many-recipients", {"to": ("a@pec.example", "b@pec.example")}),
        ("receipt-weaker", {"receipt_form": ReceiptForm.BRIEF}),
        ("receipt-weaker", {"receipt_form": ReceiptForm.SYNTHETIC}),
        ("attachment-empty", {"attachments": (Attachment("a.pdf", b""),)}),
        ("attachment-blocked", {"attachments": (Attachment("a.pdf.EXE", b"MZ"),)}),
        ("attachment-blocked", {"attachments": (Attachment("è.js . ", b"x"),)}),
        ("attachment-missing", {"text": "Trova in allegato la fattura"}),
        ("attachment-missing", {"text": "Please find attached"}),
    ],
)
def test_what_may_go_but_is_seldom_meant_is_said(rule: str, changes: dict[str, object]) -> None:
    assert rule in advice(**changes)


def test_no_advice_without_cause() -> None:
    assert advice() == set()
    assert advice(text="> Trova in allegato\nGrazie") == set()
    assert advice(text="In allegato.", attachments=(Attachment("a.pdf", b"%PDF"),)) == set()


def test_foreign_bytes_are_advised_on() -> None:
    assert "eight-bit-body" in found(replace(GOOD, raw=GOOD.raw.replace(b"Buongiorno", "Però".encode())))
    assert "receipt-form-unknown" in found(replace(GOOD, raw=b"X-TipoRicevuta: corta\r\n" + GOOD.raw))
    long_id = "x" * 70 + "@pec.example"
    raw = GOOD.raw.replace(GOOD.reference.encode(), long_id.encode())
    assert "message-id-long" in found(replace(GOOD, raw=raw, reference=long_id))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 400))
def test_any_bytes_are_judged_without_a_crash(junk: bytes, at: int) -> None:
    assert check(replace(GOOD, raw=junk), account=ACCOUNT, limits=Limits())
    check(replace(GOOD, raw=GOOD.raw[:at] + junk + GOOD.raw[at:]), account=ACCOUNT, limits=Limits())


def test_every_finding_names_its_rule_place_and_source() -> None:
    for one in check(replace(GOOD, raw=b"", rcpt_to=()), account=ACCOUNT, limits=Limits()):
        assert one.rule
        assert one.where
        assert one.source


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("from-not-account", {"sender": "altro@pec.example"}),
        ("to-missing", {"to": ()}),
        ("address-invalid", {"to": ("perché@pec.example",)}),
        ("address-invalid", {"cc": ("a@pec.example\r\nBcc: b@pec.example",)}),
        ("address-invalid", {"reply_to": "nobody"}),
        ("header-injection", {"subject": "a\r\nBcc: b@pec.example"}),
        ("header-injection", {"subject": "a\u2028b"}),
        ("header-injection", {"sender_name": "a\nb"}),
        ("header-injection", {"attachments": (Attachment("a\r\nb.pdf", b"x"),)}),
        ("text-not-unicode", {"text": "\ud800"}),
        ("text-not-unicode", {"attachments": (Attachment("\udfff.pdf", b"x"),)}),
    ],
)
def test_a_bad_draft_is_refused_before_it_is_composed(rule: str, changes: dict[str, object]) -> None:
    findings = check_draft(replace(DRAFT, **changes), account=ACCOUNT)  # type: ignore[arg-type]
    assert rule in {one.rule for one in refused(findings)}


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("attachment-renamed", {"attachments": (Attachment("../a.pdf", b"x"),)}),
        ("attachment-renamed", {"attachments": (Attachment("a\u202e.pdf", b"x"),)}),
        ("attachment-type-replaced", {"attachments": (Attachment("a.eml", b"x", "message/rfc822"),)}),
        ("in-reply-to-left-out", {"in_reply_to": "<è@x>"}),
    ],
)
def test_what_compose_changes_in_a_draft_is_said(rule: str, changes: dict[str, object]) -> None:
    findings = check_draft(replace(DRAFT, **changes), account=ACCOUNT)  # type: ignore[arg-type]
    assert [(one.rule, one.severity) for one in findings] == [(rule, Severity.ADVISE)]


@pytest.mark.parametrize(
    ("value", "addresses"),
    [
        ("", ()),
        ("a@b.it", ("a@b.it",)),
        ("A <a@b.it>, c@d.it", ("a@b.it", "c@d.it")),
        ('"A, B <x@y.it>" <a@b.it>', ("a@b.it",)),
        ("a@b.it,\r\n c@d.it", ("a@b.it", "c@d.it")),
        ("a@b.it,", None),
        ("a@b.it,,c@d.it", None),
        ('"open <a@b.it>', None),
        ("<a@b.it> <c@d.it>", None),
        ("group: a@b.it;", None),
        ("a@b.it (comment)", None),
        ("a@b.it c@d.it", None),
    ],
)
def test_address_headers_are_read_for_certain_or_not_at_all(value: str, addresses: tuple[str, ...] | None) -> None:
    assert addresses_in(value) == addresses


@pytest.mark.parametrize(
    ("text", "recipients"),
    [
        ("", ()),
        ("a@b.it", (Named("a@b.it"),)),
        ("nobody", (Named("nobody"),)),
        ("Mario Rossi <m.rossi@pec.it>", (Named("m.rossi@pec.it", "Mario Rossi"),)),
        ("a@b.it; c@d.it,<e@f.it>;", (Named("a@b.it"), Named("c@d.it"), Named("e@f.it"))),
        ('"Rossi, Mario; figlio" <m@pec.it>, x@y.it', (Named("m@pec.it", "Rossi, Mario; figlio"), Named("x@y.it"))),
        (r'"D\'Amico \"Gigi\" <x@y.it>" <a@b.it>', None),
        (r'"D\'Amico \"Gigi\"" <a@b.it>', (Named("a@b.it", 'D\'Amico "Gigi"'),)),
        ("Però & C. (Milano) <x@y.it>", (Named("x@y.it", "Però & C. (Milano)"),)),
        ("'A@b.it' <a@B.it>", (Named("a@B.it"),)),
        ("Rossi, Mario <m.rossi@pec.it>", None),
        ("a@b.it c@d.it", None),
        ("Mario Rossi m.rossi@pec.it", None),
        ("a@b.it <c@d.it>", None),
        ("Amici: a@b.it, c@d.it;", None),
        ('"open <a@b.it>', None),
        ('a@b.it"', None),
        ("Mario <a@b.it> <c@d.it>", None),
        ("Mario\nBcc: <a@b.it>", None),
        ("Mario <>", None),
    ],
)
def test_typed_recipients_are_read_as_they_were_meant_or_refused(
    text: str, recipients: tuple[Named, ...] | None
) -> None:
    if recipients is not None:
        assert typed_in(text) == recipients
        return
    with pytest.raises(UsageError):
        typed_in(text)


@given(st.text("ab@.<>\",;: \\\n'", max_size=30))
def test_whatever_is_typed_every_address_stood_there_whole(text: str) -> None:
    try:
        typed = typed_in(text)
    except UsageError:
        return
    assert all(one.address in text and not set(one.address) & set('<>",; \n') for one in typed)


@given(st.text(max_size=40))
def test_a_valid_address_is_ascii_without_blanks_or_line_ends(text: str) -> None:
    for candidate in (text, text + "@pec.example", "a@" + text):
        if is_valid(candidate):
            assert candidate.isascii()
            assert not any(letter.isspace() or letter in '<>,;:"()' for letter in candidate)
