"""What a lawyer or an administrator would lose: a notification that is null, or a convocation that comes too late."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from pec_tracker.contact_tokens import AddressKind, Register
from pec_tracker.pec.compose import Attachment, Draft, Outgoing, compose, new_tracker_id
from pec_tracker.pec.evidence import address_key
from pec_tracker.pec.finding import Severity, refused
from pec_tracker.pec.rule_profiles import LAW53_SUBJECT, Circumstances, Origin, Profile, check_profile
from pec_tracker.pec.standard import ReceiptForm
from tests.pec.test_signed_documents import envelope, signed_pdf

LAWYER, DEBTOR, OWNER = "avvocato@pec.example", "debitore@pec.example", "anna@pec.example"
TODAY = date(2026, 11, 27)
ACT = Attachment("atto.pdf.p7m", envelope())
RELATA = Attachment("Relata di notificazione.pdf.p7m", envelope(b"%PDF-1.7 relata"))
DRAFT = Draft(sender=LAWYER, to=(DEBTOR,), subject=LAW53_SUBJECT, text="Si notifica.", attachments=(ACT, RELATA))
SENDER = Origin(Register.REGINDE, TODAY, kept=True)
SEEN = Origin(Register.INI_PEC, TODAY, kept=True)


def made(**changes: object) -> Outgoing:
    draft = replace(DRAFT, **changes)  # type: ignore[arg-type]
    return compose(draft, tracker_id=new_tracker_id(bytes(16)), now=datetime(2026, 11, 27, 9, tzinfo=UTC))


def notified(outgoing: Outgoing | None = None, *, sender: Origin = SENDER, seen: Origin = SEEN) -> dict[str, Severity]:
    origins = {address_key(LAWYER): sender, address_key(DEBTOR): seen}
    found = check_profile(Profile.LAW53, outgoing or made(), Circumstances(TODAY, origins))
    return {one.rule: one.severity for one in found}


def stops(rules: dict[str, Severity]) -> set[str]:
    return {rule for rule, severity in rules.items() if severity is Severity.REFUSE}


def test_a_notification_that_has_everything_goes_and_says_that_no_signature_was_verified() -> None:
    assert notified() == {"law53-relata-signature": Severity.ADVISE}


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("law53-subject", {"subject": "Notifica"}),
        ("law53-subject", {"subject": "notificazione ai sensi della legge n. 53"}),
        ("law53-receipt-not-complete", {"receipt_form": ReceiptForm.BRIEF}),
        ("law53-receipt-not-complete", {"receipt_form": ReceiptForm.SYNTHETIC}),
        ("law53-relata-missing", {"attachments": (ACT,)}),
        ("law53-relata-missing", {"attachments": (ACT, replace(RELATA, name="Correlata.pdf.p7m"))}),
        ("law53-act-missing", {"attachments": (RELATA,)}),
        ("law53-relata-unsigned", {"attachments": (ACT, Attachment("relata.pdf", b"%PDF-1.7 relata"))}),
        ("law53-relata-unsigned", {"attachments": (ACT, Attachment("relata.pdf.p7m", b"%PDF-1.7 relata"))}),
    ],
)
def test_a_notification_that_would_be_null_does_not_go(rule: str, changes: dict[str, object]) -> None:
    assert rule in stops(notified(made(**changes)))


@pytest.mark.parametrize("name", ["relata.pdf", "RELATA_notifica.pdf", "relazione di notificazione.pdf"])
def test_a_relata_may_be_signed_inside_the_pdf(name: str) -> None:
    assert stops(notified(made(attachments=(ACT, Attachment(name, signed_pdf()))))) == set()


def test_each_finding_names_the_file_the_address_or_the_part_that_it_is_about() -> None:
    outgoing = made(subject="x", receipt_form=ReceiptForm.BRIEF, attachments=(Attachment("relata.pdf", b"%PDF"),))
    found = check_profile(Profile.LAW53, outgoing, Circumstances(TODAY, {address_key(LAWYER): SENDER}))
    assert [(one.rule, one.where) for one in found] == [
        ("law53-subject", "subject"),
        ("law53-receipt-not-complete", "breve"),
        ("law53-act-missing", "message"),
        ("law53-relata-unsigned", "relata.pdf"),
        ("law53-register-missing", DEBTOR),
    ]


def test_what_is_written_of_the_subject_beside_the_laws_words_is_told_and_case_is_not() -> None:
    assert "law53-subject-longer" in notified(made(subject=f"{LAW53_SUBJECT} - Rossi c. Verdi"))
    assert notified(made(subject="Notificazione  ai sensi della Legge n. 53 del 1994")).keys() == {
        "law53-relata-signature"
    }


@pytest.mark.parametrize(
    ("rule", "seen"),
    [
        ("law53-register-missing", Origin()),
        ("law53-register-missing", Origin(kept=True)),
        ("law53-register-not-public", replace(SEEN, register=Register.GIVEN)),
        ("law53-register-not-public", replace(SEEN, register=Register.ELECTED)),
        ("law53-look-up-undated", replace(SEEN, looked_up_on=None)),
        ("law53-look-up-in-future", replace(SEEN, looked_up_on=TODAY + timedelta(days=1))),
        ("law53-look-up-not-kept", replace(SEEN, kept=False)),
    ],
)
def test_an_address_that_no_register_is_known_to_give_is_not_notified(rule: str, seen: Origin) -> None:
    assert rule in stops(notified(seen=seen))


@pytest.mark.parametrize(
    ("rule", "seen"),
    [
        ("law53-look-up-old", replace(SEEN, looked_up_on=TODAY - timedelta(days=1))),
        ("law53-ipa-subsidiary", replace(SEEN, register=Register.IPA)),
        ("law53-registers-differ", replace(SEEN, several=True)),
    ],
)
def test_what_a_lawyer_should_know_of_a_register_is_told_and_stops_nothing(rule: str, seen: Origin) -> None:
    found = notified(seen=seen)
    assert found[rule] is Severity.ADVISE
    assert stops(found) == set()


def test_the_senders_own_register_is_needed_too() -> None:
    assert "law53-sender-register-missing" in stops(notified(sender=Origin()))
    assert "law53-sender-register-not-public" in stops(notified(sender=replace(SENDER, register=Register.GIVEN)))
    assert notified(sender=replace(SENDER, kept=False))["law53-sender-look-up-not-kept"] is Severity.ADVISE


def convoked(
    call: date | None, *, kind: AddressKind | None = AddressKind.PEC, confirmed: str = ""
) -> dict[str, Severity]:
    kinds = {} if kind is None else {address_key(OWNER): kind}
    known = Circumstances(TODAY, kinds=kinds, call=call, confirmed=frozenset({confirmed}))
    found = check_profile(Profile.ASSEMBLY, made(to=(OWNER,), subject="Convocazione"), known)
    return {one.rule: one.severity for one in found}


@pytest.mark.parametrize(
    ("days", "rules"),
    [
        (-1, {"assembly-too-late": Severity.REFUSE}),
        (0, {"assembly-too-late": Severity.REFUSE}),
        (4, {"assembly-too-late": Severity.REFUSE}),
        (5, {"assembly-at-the-limit": Severity.ADVISE}),  # Cass. 18635/2021: received 29 March, call 3 April
        (6, {}),
        (60, {}),
    ],
)
def test_five_days_before_the_first_call_are_the_limit(days: int, rules: dict[str, Severity]) -> None:
    assert convoked(TODAY + timedelta(days=days)) == rules


def test_the_days_are_told() -> None:
    known = Circumstances(TODAY, kinds={address_key(OWNER): AddressKind.PEC}, call=TODAY + timedelta(days=3))
    (late,) = check_profile(Profile.ASSEMBLY, made(to=(OWNER,)), known)
    assert (late.measured, late.limit) == (3, 5)


def test_a_convocation_to_an_ordinary_mailbox_is_stopped_and_one_to_an_unknown_address_is_told() -> None:
    call = TODAY + timedelta(days=10)
    assert convoked(call, kind=AddressKind.MAIL) == {"assembly-ordinary-address": Severity.REFUSE}
    assert convoked(call, kind=None) == {"assembly-address-unknown": Severity.ADVISE}
    assert convoked(None) == {"assembly-call-unknown": Severity.ADVISE}


def test_what_a_person_confirms_goes_and_is_still_told() -> None:
    call = TODAY + timedelta(days=2)
    found = convoked(call, kind=AddressKind.MAIL, confirmed="assembly-too-late")
    assert found == {"assembly-too-late": Severity.ADVISE, "assembly-ordinary-address": Severity.REFUSE}


def test_nothing_of_a_notification_can_be_confirmed_away() -> None:
    known = Circumstances(TODAY, confirmed=frozenset({"law53-register-missing", "law53-subject"}))
    found = check_profile(Profile.LAW53, made(subject="x"), known)
    assert {"law53-register-missing", "law53-subject"} <= {one.rule for one in refused(found)}
