"""The bytes that leave: what a user wrote is what the recipient reads, and nobody on the way has to rewrite it."""

import email
import email.policy
import email.utils
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pec_tracker.errors import RuleError
from pec_tracker.pec.compose import Attachment, Draft, Outgoing, compose, message_id, new_tracker_id
from pec_tracker.pec.encode import file_name
from pec_tracker.pec.finding import refused
from pec_tracker.pec.fingerprint import fingerprint
from pec_tracker.pec.limits import Limits
from pec_tracker.pec.rules import check, check_draft
from pec_tracker.pec.standard import ReceiptForm

NOW = datetime(2026, 7, 1, 10, 0, tzinfo=UTC)
TRACKER_ID = new_tracker_id(bytes(range(16)))

any_text = st.text(max_size=200)
# What may stand in a subject: anything but controls, line breaks and half characters.
clean_text = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=300)
local_parts = st.text("abcdefghijklmnopqrstuvwxyz0123456789_+-", min_size=1, max_size=20)
addresses = st.builds(
    "{}@{}".format, local_parts, st.sampled_from(["pec.example", "studio.pec.example", "xn--caff-8oa.pec.it"])
)
attachments = st.builds(
    Attachment, name=clean_text.filter(bool), content=st.binary(max_size=300), content_type=st.none() | st.just("a/b")
)
drafts = st.builds(
    Draft,
    sender=st.just("Studio.Rossi@pec.example"),
    to=st.lists(addresses, min_size=1, max_size=5).map(tuple),
    cc=st.lists(addresses, max_size=3).map(tuple),
    subject=clean_text,
    text=st.text(st.characters(exclude_categories=["Cs"]), max_size=400),
    sender_name=st.none() | clean_text,
    reply_to=st.none() | addresses,
    html=st.none() | clean_text,
    attachments=st.lists(attachments, max_size=3).map(tuple),
    receipt_form=st.sampled_from(ReceiptForm),
    in_reply_to=st.none() | st.just("<opec2110.1@pec.example>"),
    names=st.dictionaries(addresses, clean_text, max_size=4),
)


def composed(**changes: object) -> Outgoing:
    fields: dict[str, object] = {
        "sender": "studio@pec.example",
        "to": ("anna@pec.example",),
        "subject": "Prova",
        "text": "Buongiorno\n",
    }
    return compose(Draft(**(fields | changes)), tracker_id=TRACKER_ID, now=NOW)  # type: ignore[arg-type]


def parsed(outgoing: Outgoing) -> EmailMessage:
    return email.message_from_bytes(outgoing.raw, policy=email.policy.default)


def people(outgoing: Outgoing, field: str) -> list[tuple[str, str]]:
    """Name and address of each; by the library's older reader, its newer one parts names of several encoded words."""
    listed = email.utils.getaddresses([email.message_from_bytes(outgoing.raw)[field]])
    return [(str(make_header(decode_header(name))), address) for name, address in listed]


def text_of(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    content = body.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode()


def lines_ended(text: str) -> str:
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return lines if lines.endswith("\n") else lines + "\n"


@settings(max_examples=150, deadline=None)
@given(drafts)
def test_recipient_reads_the_subject_text_and_files_that_were_written(draft: Draft) -> None:
    message = parsed(compose(draft, tracker_id=TRACKER_ID, now=NOW))
    assert message["Subject"] == draft.subject
    assert lines_ended(text_of(message)) == lines_ended(draft.text)
    # Read by the library's older reader: its newer one trims names.
    attached = [
        part
        for part in email.message_from_bytes(compose(draft, tracker_id=TRACKER_ID, now=NOW).raw).walk()
        if part.get_content_disposition() == "attachment"
    ]
    assert [part.get_filename() for part in attached] == [file_name(one.name) for one in draft.attachments]
    assert [part.get_payload(decode=True) for part in attached] == [one.content for one in draft.attachments]


@settings(max_examples=150, deadline=None)
@given(drafts)
def test_a_valid_draft_is_never_refused_by_the_access_points_checks(draft: Draft) -> None:
    assert refused(check_draft(draft, account="studio.rossi@PEC.example")) == []
    outgoing = compose(draft, tracker_id=TRACKER_ID, now=NOW)
    assert refused(check(outgoing, account="studio.rossi@PEC.example", limits=Limits())) == []


@settings(max_examples=150, deadline=None)
@given(subject=any_text, name=any_text, file=any_text, kind=any_text, answered=any_text)
def test_no_text_of_a_draft_can_begin_a_header_of_its_own(
    subject: str, name: str, file: str, kind: str, answered: str
) -> None:
    evil = "\r\nBcc: spy@evil.example\n\r"
    outgoing = composed(
        subject=subject + evil + subject,
        sender_name=name + evil,
        names={"anna@pec.example": name + evil + name},
        attachments=(Attachment(file + evil, b"x", kind + evil),),
        in_reply_to=answered + evil,
    )
    message = email.message_from_bytes(outgoing.raw)
    assert message["Bcc"] is None
    assert refused(check(outgoing, account="studio@pec.example", limits=Limits())) == []
    assert outgoing.raw.isascii()
    assert outgoing.raw.count(b"\n") == outgoing.raw.count(b"\r\n") == outgoing.raw.count(b"\r")


@pytest.mark.parametrize(
    "address",
    [
        "anna@pec.example\r\nBcc: spy@evil.example",
        "anna@pec.example\n",
        "perché@pec.example",
        "anna@caffè.example",
        "anna",
        "anna@localhost",
        "Anna <anna@pec.example>",
        "a@b.example,c@d.example",
        '"a b"@pec.example',
        "anna@[127.0.0.1]",
        "anna@10.0.0.1",
        ".anna@pec.example",
        "an..na@pec.example",
        "anna@-pec.example",
        "a" * 65 + "@pec.example",
        "a@" + "b." * 130 + "example",
        "",
    ],
)
@pytest.mark.parametrize("field", ["sender", "to", "cc", "reply_to"])
def test_an_address_that_cannot_be_carried_never_becomes_a_message(field: str, address: str) -> None:
    with pytest.raises(RuleError):
        composed(**{field: (address,) if field in ("to", "cc") else address})


def test_a_message_without_to_is_not_composed() -> None:
    with pytest.raises(RuleError, match="To"):
        composed(to=(), cc=("anna@pec.example",))


def test_the_same_draft_gives_the_same_bytes() -> None:
    files = (Attachment("Fattura però.pdf", b"%PDF"),)
    assert composed(html="<p>x</p>", attachments=files) == composed(html="<p>x</p>", attachments=files)


def test_envelope_and_header_name_each_recipient_once() -> None:
    outgoing = composed(to=("b@pec.example", "a@pec.example", "B@PEC.example"), cc=("A@pec.example", "c@pec.example"))
    assert outgoing.rcpt_to == ("b@pec.example", "a@pec.example", "c@pec.example")
    assert parsed(outgoing)["To"] == "b@pec.example, a@pec.example"
    assert parsed(outgoing)["Cc"] == "c@pec.example"


@pytest.mark.parametrize(
    "name",
    [
        "Mario Rossi",
        'Rossi, Mario "Gigi" \\ Avv.',
        "Studio D'Amico & C. (Milano); sede",
        "Società Però S.p.A. di nome assai più lungo di una sola riga di testata, con molte parole, ancora e ancora",
        "=?utf-8?Q?gi=C3=A0?=",
        "spy@evil.example",
    ],
)
def test_a_recipients_name_stands_beside_the_address_and_changes_nobody_who_receives(name: str) -> None:
    outgoing = composed(to=("anna@pec.example", "B@pec.example"), cc=("c@pec.example",), names={
        "anna@PEC.example": name, "c@pec.example": name, "nobody@pec.example": "x"})  # fmt: skip
    assert outgoing.rcpt_to == ("anna@pec.example", "B@pec.example", "c@pec.example")
    assert people(outgoing, "To") == [(name, "anna@pec.example"), ("", "B@pec.example")]
    assert people(outgoing, "Cc") == [(name, "c@pec.example")]
    assert refused(check(outgoing, account="studio@pec.example", limits=Limits())) == []


@pytest.mark.parametrize(
    ("name", "rule"), [("Anna\r\nBcc: spy@evil.example", "header-injection"), ("Anna \udce8", "text-not-unicode")]
)
def test_a_name_that_nobody_meant_as_one_is_refused_before_it_leaves(name: str, rule: str) -> None:
    draft = Draft("a@pec.example", ("anna@pec.example",), "Prova", "x", names={"anna@pec.example": name})
    assert [(one.rule, one.where) for one in refused(check_draft(draft, account="a@pec.example"))] == [
        (rule, "anna@pec.example")
    ]


def test_receipts_can_be_linked_by_message_id_and_tracker_header() -> None:
    outgoing = composed()
    message = parsed(outgoing)
    assert message["Message-ID"] == f"<{outgoing.reference}>" == f"<pt.{TRACKER_ID}@pec.example>"
    assert message["X-PEC-Tracker"] == TRACKER_ID


@given(labels=st.lists(st.text("abcdefgh", min_size=1, max_size=30), min_size=2, max_size=8))
def test_message_id_of_any_domain_is_short_enough_not_to_be_folded(labels: list[str]) -> None:
    assert len(f"<{message_id(TRACKER_ID, domain='.'.join(labels))}>") < 70


def test_date_is_italian_time_in_summer_and_winter() -> None:
    assert parsed(composed())["Date"] == "Wed, 01 Jul 2026 12:00:00 +0200"
    draft = Draft(sender="studio@pec.example", to=("a@pec.example",), subject="s", text="t")
    winter = compose(draft, tracker_id=TRACKER_ID, now=datetime(2026, 1, 1, 23, 30, tzinfo=UTC))
    assert parsed(winter)["Date"] == "Fri, 02 Jan 2026 00:30:00 +0100"


def test_the_complete_receipt_is_asked_for_by_silence_and_others_by_name() -> None:
    assert parsed(composed())["X-TipoRicevuta"] is None
    assert parsed(composed(receipt_form=ReceiptForm.BRIEF))["X-TipoRicevuta"] == "breve"
    assert parsed(composed(receipt_form=ReceiptForm.SYNTHETIC))["X-TipoRicevuta"] == "sintetica"


def test_optional_headers_are_written() -> None:
    message = parsed(composed(reply_to="ufficio@pec.example", in_reply_to="<x@y>", sender_name='Giò "il" Rossi'))
    assert message["Reply-To"] == "ufficio@pec.example"
    assert message["In-Reply-To"] == message["References"] == "<x@y>"
    assert message["From"].addresses[0].display_name == 'Giò "il" Rossi'
    assert parsed(composed(sender_name='Studio "Rossi"'))["From"].addresses[0].display_name == 'Studio "Rossi"'


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\Anna\\atto.pdf", "atto.pdf"),
        ("fattura\u202efdp.exe", "fatturafdp.exe"),
        ("a\r\nb\0c.pdf", "a  b c.pdf"),
        ("perché 🎉.pdf", "perché 🎉.pdf"),
        ('con "virgolette";.pdf', 'con "virgolette";.pdf'),
        ("..", "attachment"),
        ("cartella/", "attachment"),
        ("\ud800.pdf", "\ufffd.pdf"),
        ("x" * 400 + "è.pdf", "x" * 400 + "è.pdf"),
    ],
)
def test_attachment_names_reach_the_recipient_clean(written: str, shown: str) -> None:
    outgoing = composed(attachments=(Attachment(written, b"x"),))
    part = email.message_from_bytes(outgoing.raw).get_payload(1)
    assert isinstance(part, email.message.Message)
    assert part.get_filename() == shown
    assert fingerprint(outgoing.raw).parts[1].filename == shown


@pytest.mark.parametrize(
    ("name", "asked", "written"),
    [
        ("atto.PDF", None, "application/pdf"),
        ("atto.pdf.p7m", None, "application/pkcs7-mime"),
        ("ricevuta.eml", None, "application/octet-stream"),
        ("ricevuta.eml", "message/rfc822", "application/octet-stream"),
        ("x", "Text/CSV", "text/csv"),
        ("x.pdf", "not a type", "application/octet-stream"),
    ],
)
def test_attachment_type(name: str, asked: str | None, written: str) -> None:
    outgoing = composed(attachments=(Attachment(name, b"x", asked),))
    assert fingerprint(outgoing.raw).parts[1].content_type == written


def test_long_lines_dots_and_from_lines_cross_smtp_unchanged() -> None:
    text = "x" * 5000 + "\n.\n..\nFrom qui\nfine  \n"
    outgoing = composed(text=text, subject="parola " * 150)
    assert max(map(len, outgoing.raw.split(b"\r\n"))) <= 998
    assert b"\r\n." not in outgoing.raw
    assert b"\r\nFrom " not in outgoing.raw
    assert lines_ended(text_of(parsed(outgoing))) == text
    assert parsed(outgoing)["Subject"] == ("parola " * 150)


def test_empty_body_and_empty_attachment_are_still_a_message() -> None:
    message = parsed(composed(text="", subject="", attachments=(Attachment("vuoto.txt", b""),)))
    assert text_of(message).strip() == ""
    assert [part.get_filename() for part in message.iter_attachments()] == ["vuoto.txt"]


@given(st.binary(min_size=10, max_size=20))
def test_tracker_ids_are_lower_case_and_differ(random_bytes: bytes) -> None:
    tracker_id = new_tracker_id(random_bytes)
    assert set(tracker_id) <= set("abcdefghijklmnopqrstuvwxyz234567")
    assert tracker_id != new_tracker_id(bytes([random_bytes[0] ^ 1]) + random_bytes[1:])


@pytest.mark.parametrize("bad", ["", "short", "UPPER" * 5, "a\r\nb" * 6, "../" * 8])
def test_a_tracker_id_that_could_break_a_header_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="tracker id"):
        compose(Draft(sender="a@b.example", to=("c@d.example",), subject="", text=""), tracker_id=bad, now=NOW)
    with pytest.raises(ValueError, match="random bytes"):
        new_tracker_id(b"short")
