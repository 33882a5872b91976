"""Whoever knows the Message-ID can make a mail that looks like the sender's copy: which one is the message?"""

from dataclasses import replace
from datetime import timedelta

import pytest

from pec_tracker.pec.agree import Known
from pec_tracker.pec.compose import compose, new_tracker_id
from pec_tracker.pec.copies import Choice, CopyKind, SentMail, chosen
from pec_tracker.pec.evidence import Evidence, Verdict
from pec_tracker.pec.fingerprint import fingerprint
from pec_tracker.pec.standard import Kind
from tests.pec.test_agree import ACCEPTANCE, ANNA, BRUNO, DRAFT, KNOWN, SENT_AT, as_returned

NOW = SENT_AT + timedelta(days=1)
TRUE = compose(DRAFT, tracker_id=new_tracker_id(bytes(16)), now=SENT_AT).raw
FALSE = compose(replace(DRAFT, text="Altro"), tracker_id=new_tracker_id(bytes(16)), now=SENT_AT).raw
RENAMED = compose(replace(DRAFT, subject="Altro"), tracker_id=new_tracker_id(bytes(16)), now=SENT_AT).raw
CERTIFIED = replace(KNOWN, composed=False, fingerprint=None, made_at=None, identifier="opec.1@pec.example")


def copy(raw: bytes, name: str, *, in_sent: bool = True, travelled: bool = False) -> SentMail:
    found = replace(fingerprint(raw), travelled=travelled)
    return SentMail(name * 64, found, ((ANNA, "to"), (BRUNO, "cc")), SENT_AT, in_sent)


def delivery(raw: bytes, to: str = ANNA) -> Evidence:
    """A complete receipt that encloses *raw*."""
    return replace(
        ACCEPTANCE,
        key=f"d-{to}",
        kind=Kind.DELIVERY,
        issued_at=SENT_AT + timedelta(seconds=30),
        recipient=to,
        receipt_form="completa",
        enclosed=as_returned(raw),
    )


def choice(
    *copies: SentMail, receipts: tuple[Evidence, ...] = (), certified: Known | None = CERTIFIED
) -> tuple[str | None, tuple[str, ...]]:
    """The name of the chosen copy, and what contradicts; the same in any order."""
    found = [chosen(order, receipts, certified, now=NOW) for order in (copies, copies[::-1])]
    assert found[0] == found[1]
    return found[0].copy.sha256[0] if found[0].copy else None, found[0].conflicts


def test_without_copies_there_is_none() -> None:
    assert chosen((), (ACCEPTANCE,), CERTIFIED, now=NOW) == Choice(None)


def test_kinds_say_how_a_copy_came() -> None:
    assert copy(TRUE, "1").kind is CopyKind.SENT_FOLDER
    assert copy(TRUE, "1", in_sent=False).kind is CopyKind.IMPORTED
    assert copy(TRUE, "1", travelled=True).kind is CopyKind.TRAVELLED
    assert copy(TRUE, "1", in_sent=False, travelled=True).kind is CopyKind.TRAVELLED


def test_who_stands_in_to_and_in_cc_is_in_to() -> None:
    both = replace(copy(TRUE, "1"), recipients=((BRUNO, "cc"), (ANNA, "cc"), (ANNA.upper(), "to"), (ANNA, "cc")))
    assert dict(both.roles) == {BRUNO: "cc", ANNA: "to"}


@pytest.mark.parametrize("false_name", ["0", "9"])
def test_the_copy_that_a_receipt_encloses_is_the_message_whatever_its_hash(false_name: str) -> None:
    true, false = copy(TRUE, "5"), copy(FALSE, false_name)
    assert choice(true, false, receipts=(ACCEPTANCE, delivery(TRUE))) == ("5", ("copies-differ",))
    assert choice(true, replace(false, in_sent=False), receipts=(ACCEPTANCE, delivery(TRUE))) == ("5", ())


def test_a_strangers_receipt_makes_no_copy_the_message() -> None:
    forged = replace(delivery(FALSE), verdict=Verdict.INTACT)
    assert choice(copy(TRUE, "5"), copy(FALSE, "0", in_sent=False), receipts=(ACCEPTANCE, forged)) == ("5", ())


def test_a_copy_that_the_receipts_speak_against_is_none() -> None:
    receipts = (ACCEPTANCE, delivery(TRUE))
    assert choice(copy(FALSE, "0"), receipts=receipts) == (None, ("copy-differs",))
    assert choice(copy(FALSE, "0", in_sent=False), receipts=receipts) == (None, ()), "anybody could have made it"
    assert choice(copy(RENAMED, "0"), receipts=(ACCEPTANCE,)) == (None, ("copy-differs",)), (
        "another subject is certified"
    )


def test_where_evidence_is_silent_the_sent_folder_goes_before_a_file_and_that_before_what_travelled() -> None:
    sent, file, travelled = copy(TRUE, "9"), copy(FALSE, "5", in_sent=False), copy(FALSE, "0", travelled=True)
    assert choice(sent, file, travelled) == ("9", ())
    assert choice(file, replace(travelled, fingerprint=replace(fingerprint(TRUE), travelled=True))) == ("5", ())


def test_of_two_that_differ_and_nothing_tells_none_is_the_message_where_receipts_certify_one() -> None:
    assert choice(copy(TRUE, "5"), copy(FALSE, "0"), receipts=(ACCEPTANCE,)) == (None, ("copies-differ",))
    found, conflicts = choice(copy(TRUE, "5"), copy(FALSE, "0"))
    assert (found, conflicts) == ("0", ("copies-differ",)), "without any receipt one must stand"


def test_the_same_content_is_enough_where_an_earlier_release_noted_no_more_of_the_copy() -> None:
    older = copy(TRUE, "5")
    older = replace(older, fingerprint=replace(older.fingerprint, head=None, multiparts=()))
    false = copy(FALSE, "0")
    assert choice(older, false, receipts=(ACCEPTANCE, delivery(TRUE))) == ("5", ("copies-differ",))
    assert (
        choice(
            replace(false, fingerprint=replace(false.fingerprint, head=None)), receipts=(ACCEPTANCE, delivery(TRUE))
        )[0]
        is None
    )


def test_several_of_the_same_contradict_nothing() -> None:
    assert choice(copy(TRUE, "5"), copy(TRUE, "7")) == ("5", ())
    assert choice(copy(TRUE, "5"), copy(TRUE, "7"), receipts=(ACCEPTANCE, delivery(TRUE))) == ("5", ())


def test_of_two_that_receipts_enclose_the_one_of_more_recipients_is_the_message() -> None:
    receipts = (
        ACCEPTANCE,
        delivery(TRUE),
        replace(delivery(FALSE, BRUNO), key="x"),
        replace(delivery(FALSE, ANNA), key="y"),
    )
    assert choice(copy(TRUE, "0"), copy(FALSE, "5"), receipts=receipts)[0] == "5"


def test_nothing_certified_holds_no_copy_against_anything() -> None:
    assert choice(copy(RENAMED, "0"), receipts=(ACCEPTANCE, delivery(TRUE)), certified=None) == ("0", ())
