"""What came back against what we keep: each way in which two copies of a mail can differ, and what it means."""

import base64
import hashlib
from dataclasses import replace

import pytest

from pec_tracker.pec.evidence import Fingerprint
from pec_tracker.pec.fingerprint import fingerprint
from pec_tracker.pec.original import NOTHING, POINTS, SOFT, Comparison, compare, reads_the_same

TEXT = "Si diffida.\r\n"
CONTENT = b"%PDF-1.4 contratto\r\n" * 20


def mail(
    *,
    head: str = "",
    subject: str = "Diffida",
    text: str = TEXT,
    content: bytes = CONTENT,
    encoding: str = "base64",
    name: str = "atto.pdf",
    preamble: str = "",
    disposition: str = "attachment",
) -> bytes:
    """A mail with a text and an attachment."""
    body = content if encoding == "8bit" else base64.encodebytes(content).replace(b"\n", b"\r\n")
    return (
        (
            f"From: a@b.it\r\nTo: c@d.it\r\nSubject: {subject}\r\n{head}MIME-Version: 1.0\r\n"
            f"Content-Type: multipart/mixed; boundary=BB\r\n\r\n{preamble}"
            f"--BB\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}"
            f"\r\n--BB\r\nContent-Type: application/pdf; name={name}\r\nContent-Transfer-Encoding: {encoding}\r\n"
            f"Content-Disposition: {disposition}; filename={name}\r\n\r\n"
        ).encode()
        + body
        + b"\r\n--BB--\r\n"
    )


OURS = fingerprint(mail())


def older(one: Fingerprint) -> Fingerprint:
    """As an earlier release took it."""
    parts = tuple(replace(part, head=None, clean=None) for part in one.parts)
    return replace(one, head=None, multiparts=(), parts=parts)


def of(
    theirs: Fingerprint | None, *, ours: Fingerprint | None = OURS, composed: bool = True, brief: bool = False
) -> Comparison:
    """How *theirs* compares."""
    return compare(theirs, ours, composed=composed, brief=brief)


def failed(comparison: Comparison) -> set[str]:
    """The points that are false."""
    return {name for name, value in comparison.points.items() if value is False}


def test_without_one_of_both_nothing_is_known() -> None:
    assert of(None) == of(OURS, ours=None) == of(None, ours=None) == NOTHING
    assert NOTHING.same is None
    assert set(NOTHING.points) == set(POINTS)


@pytest.mark.parametrize("composed", [True, False])
@pytest.mark.parametrize("brief", [True, False])
def test_the_same_mail_is_the_same_in_every_point(composed: bool, brief: bool) -> None:
    found = of(OURS, composed=composed, brief=brief)
    assert (found.same, found.limits, set(found.points.values())) == (True, (), {True})


@pytest.mark.parametrize(
    ("changed", "points"),
    [
        ({"subject": "Altro"}, {"original_subject"}),
        ({"text": "Altro.\r\n"}, {"original_body"}),
        ({"content": b"altro"}, {"original_body"}),
        ({"name": "altro.pdf"}, {"original_type", "original_disposition"}),
        ({"disposition": "inline"}, {"original_disposition"}),
        ({"preamble": "Nota: vedere sotto\r\n"}, {"original_body"}),
        ({"head": "Cc: x@y.it\r\n"}, {"original_cc"}),
        ({"head": "Date: Mon, 2 Mar 2026 10:00:00 +0100\r\n"}, {"original_date"}),
        ({"head": "Reply-To: x@y.it\r\n"}, {"original_reply_to"}),
        ({"head": "Importance: high\r\n"}, {"original_other"}),
        ({"head": "Content-Language: de\r\n"}, {"original_other"}),
        ({"head": "Resent-To: x@y.it\r\n"}, {"original_other"}),
        ({"head": "List-Unsubscribe: <https://x.it>\r\n"}, {"original_other"}),
        ({"head": "una riga che non è un campo\r\n"}, {"original_other"}),
        ({"head": f"{'x' * 80}: y\r\n"}, {"original_other"}),  # a name that is kept as its hash
    ],
)
def test_each_difference_is_told_by_its_point_of_a_found_message_too(
    changed: dict[str, object], points: set[str]
) -> None:
    theirs = fingerprint(mail(**changed))  # type: ignore[arg-type]
    found = of(theirs, composed=False)
    assert failed(found) == points
    assert found.same is (points <= SOFT)
    assert set(found.limits) == {name.replace("_", "-") for name in points & SOFT}
    assert reads_the_same(theirs, OURS) is found.same
    assert of(theirs).same is found.same


def test_a_program_may_add_fields_to_the_copy_it_keeps_but_nobody_to_what_we_composed() -> None:
    theirs = fingerprint(mail(head="X-Mailer: Programma\r\n"))
    assert of(theirs, composed=False).same is True
    assert failed(of(theirs)) == {"original_other"}


def test_two_copies_of_one_mail_may_have_other_fields_of_programs_and_no_hashes_in_place_of_content() -> None:
    assert reads_the_same(fingerprint(mail(head="X-Mailer: Programma\r\n")), OURS) is True
    assert reads_the_same(briefly(hashed=OURS.parts[1].sha1), OURS) is False


def test_a_field_within_a_part_is_one_that_a_program_may_show() -> None:
    field = b"Content-Type: application/pdf"
    theirs = fingerprint(mail().replace(field, b"X-Nota: bozza\r\n" + field))
    assert failed(of(theirs, composed=False)) == {"original_other"}
    (whole,) = OURS.multiparts
    inner = replace(OURS, body="0" * 64, multiparts=(whole, replace(whole, path="2", head=(("x-nota", "bozza"),))))
    without = replace(inner, body="1" * 64, multiparts=(whole, replace(whole, path="2", head=())))
    assert failed(of(inner, ours=without, composed=False)) == {"original_other"}


def test_a_multipart_more_is_a_difference_though_it_holds_nothing() -> None:
    more = replace(OURS, body="0" * 64, multiparts=(*OURS.multiparts, replace(OURS.multiparts[0], path="3")))
    assert failed(of(more, composed=False)) == {"original_body"}
    assert failed(of(OURS, ours=more, composed=False)) == {"original_body"}


def test_a_field_that_one_copy_has_twice_is_a_difference() -> None:
    once, twice = (fingerprint(mail(head="Cc: x@y.it\r\n" * times)) for times in (1, 2))
    assert failed(of(twice, ours=once, composed=False)) == {"original_cc"}


# --- another transfer encoding


def test_a_found_message_may_be_encoded_otherwise_and_that_is_said() -> None:
    theirs = fingerprint(mail(encoding="8bit"))
    found = of(theirs, composed=False)
    assert (found.same, found.limits) == (None, ("original-re-encoded",))
    assert found.points["original_encoding"] is None
    assert found.points["original_body"] is True
    assert of(theirs).same is False, "what we composed comes back as it was"


def test_re_encoded_and_something_else_is_no_less_false() -> None:
    theirs = fingerprint(mail(encoding="8bit", content=b"altro"))
    found = of(theirs, composed=False)
    assert (failed(found), found.limits) == ({"original_body", "original_encoding"}, ())
    renamed = fingerprint(mail(encoding="8bit", name="altro.pdf"))
    assert failed(of(renamed, composed=False)) == {"original_type", "original_disposition"}


@pytest.mark.parametrize("unclean", ["theirs", "ours", "both"])
def test_what_two_readers_decode_differently_is_no_re_encoding(unclean: str) -> None:
    """Letters that are no base64: some programs pass over them, others stop."""
    theirs, ours = fingerprint(mail(encoding="8bit")), OURS
    dirty = [replace(part, clean=False) if part.path == "2" else part for part in OURS.parts]
    theirs_dirty = [replace(part, clean=False) if part.path == "2" else part for part in theirs.parts]
    if unclean in ("ours", "both"):
        ours = replace(OURS, parts=tuple(dirty))
    if unclean in ("theirs", "both"):
        theirs = replace(theirs, parts=tuple(theirs_dirty))
    found = of(theirs, ours=ours, composed=False)
    assert failed(found) >= {"original_body", "original_encoding"}
    assert "original-re-encoded" not in found.limits


def test_one_part_re_encoded_makes_another_no_less_different() -> None:
    """Of two attachments one is the same in another encoding, and the other says an encoding that it does not have."""
    text, pdf = fingerprint(mail(encoding="8bit")).parts
    assert text.head is not None
    bent = replace(text, head=(*text.head, ("content-transfer-encoding", "x-altro")), clean=False)
    theirs = replace(OURS, body="0" * 64, parts=(bent, pdf))
    found = of(theirs, composed=False)
    assert (failed(found), found.limits) == ({"original_encoding"}, ("original-re-encoded",))


def test_unclean_but_the_very_same_bytes_are_the_same() -> None:
    dirty = replace(OURS, body="0" * 64, parts=tuple(replace(part, clean=False) for part in OURS.parts))
    assert of(dirty, composed=False).same is True


# --- brief receipts


def briefly(*, hashed: str, name: str | None = "atto.pdf.hash") -> Fingerprint:
    """The original as a brief receipt encloses it."""
    parts = [
        replace(part, brief_hash=hashed, filename=name, sha256="1" * 64, sha1_encoded="2" * 40, head=(("x", "y"),))
        if part.path == "2"
        else part
        for part in OURS.parts
    ]
    return replace(OURS, body="0" * 64, parts=tuple(parts))


def test_a_brief_receipt_binds_attachments_by_their_hash_and_says_so() -> None:
    attached = OURS.parts[1]
    for hashed in (attached.sha1, attached.sha1_encoded, attached.sha1.upper()):
        found = of(briefly(hashed=hashed), brief=True)
        assert (found.same, found.limits) == (True, ("brief-sha1",))
    assert of(briefly(hashed=hashlib.sha1(b"altro").hexdigest()), brief=True).same is False
    assert of(briefly(hashed=attached.sha1, name="altro.hash"), brief=True).same is False
    assert of(briefly(hashed=attached.sha1, name="atto.pdf"), brief=True).same is True
    assert of(briefly(hashed=attached.sha1), brief=False).same is False, "only a brief receipt may hold hashes"
    assert of(briefly(hashed=attached.sha1), brief=False, composed=False).same is False


def test_a_hash_without_a_name_or_of_a_part_without_one_is_that_parts() -> None:
    """How it is called is the provider's choice (RFC 6109 3.3.2.2)."""
    attached = OURS.parts[1]
    unnamed = replace(OURS, parts=(OURS.parts[0], replace(attached, filename=None)))
    assert of(briefly(hashed=attached.sha1, name=None), brief=True).same is True
    assert of(briefly(hashed=attached.sha1, name="parte.hash"), ours=unnamed, brief=True).same is True
    assert of(briefly(hashed="0" * 40, name=None), brief=True).same is False


def test_in_a_brief_receipt_the_text_is_compared_as_in_any() -> None:
    brief = briefly(hashed=OURS.parts[1].sha1)
    bent = replace(brief, parts=(replace(brief.parts[0], sha256="3" * 64), brief.parts[1]))
    assert failed(of(bent, brief=True)) == {"original_body"}


# --- cut


@pytest.mark.parametrize("cut", ["theirs", "ours", "both"])
def test_what_was_cut_at_a_limit_is_not_known_and_never_true(cut: str) -> None:
    theirs = replace(OURS, cut=cut in ("theirs", "both"), body="0" * 64)
    ours = replace(OURS, cut=cut in ("ours", "both"))
    found = of(theirs, ours=ours, composed=False)
    assert (found.points["original_body"], found.same, found.limits) == (None, None, ("original-cut",))
    other = replace(theirs, parts=(replace(theirs.parts[0], sha256="3" * 64), *theirs.parts[1:]))
    assert of(other, ours=ours, composed=False).points["original_body"] is False


def test_a_cut_takes_nothing_from_a_copy_of_the_same_bytes_whatever_a_program_added() -> None:
    theirs = replace(fingerprint(mail(head="X-Mailer: Programma\r\n")), cut=True)
    found = of(theirs, composed=False)
    assert (found.same, found.limits) == (True, ())


# --- fingerprints of an earlier release


@pytest.mark.parametrize("old", ["theirs", "ours", "both"])
def test_of_an_earlier_release_only_the_content_is_known(old: str) -> None:
    theirs = older(OURS) if old in ("theirs", "both") else OURS
    ours = older(OURS) if old in ("ours", "both") else OURS
    found = of(theirs, ours=ours)
    assert (found.same, found.limits) == (None, ("original-not-known",))
    assert found.points["original_body"] is True
    other = replace(theirs, body="0" * 64, parts=(replace(theirs.parts[0], sha256="3" * 64), *theirs.parts[1:]))
    for composed in (True, False):
        assert of(other, ours=ours, composed=composed).points["original_body"] is False
    recoded = replace(theirs, body="0" * 64)
    assert of(recoded, ours=ours, composed=True).points["original_body"] is False
    assert of(recoded, ours=ours, composed=False).points["original_body"] is None
    fewer = replace(recoded, parts=recoded.parts[:1])
    assert of(fewer, ours=ours, composed=False).points["original_body"] is False


def test_of_an_earlier_release_a_brief_receipt_is_held_to_its_hashes() -> None:
    attached = OURS.parts[1]
    assert of(older(briefly(hashed=attached.sha1)), brief=True).points["original_body"] is None
    assert of(older(briefly(hashed="0" * 40)), brief=True).points["original_body"] is False
