"""The verifier that stands alone decides itself what a receipt certifies, and what it may not."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from pec_tracker.render import verify_package as alone
from pec_tracker.render.verify_package import Certificate, Message, Receipt
from tests.factory import receipts

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ROME = timezone(timedelta(hours=1))
MINUTE = timedelta(minutes=1)

HEAD = (
    '<intestazione><mittente>a@pec.it</mittente><destinatari tipo="certificato">b@pec.it</destinatari>'
    "<risposte>a@pec.it</risposte><oggetto>Prova</oggetto></intestazione>"
)
DATA = (
    '<dati><gestore-emittente>Gestore</gestore-emittente><data zona="+0100"><giorno>02/03/2026</giorno>'
    "<ora>10:00:00</ora></data><identificativo>i@pec.it</identificativo><msgid>&lt;m@pec.it&gt;</msgid>"
    '<ricevuta tipo="completa"/><consegna>b@pec.it</consegna></dati>'
)
XML = f'<postacert tipo="avvenuta-consegna" errore="nessuno">{HEAD}{DATA}</postacert>'


def said(xml: str) -> list[alone.Element]:
    return alone.Tree(xml.encode()).elements


def read(xml: str = XML) -> Receipt:
    receipt = Receipt("receipts/001-delivery.eml", b"raw")
    alone.read_certified(receipt, said(xml))
    return receipt


def faults(xml: str) -> set[str]:
    elements = said(xml)
    receipt = Receipt("x", b"")
    alone.read_certified(receipt, elements)
    return {*alone.grammar_faults(receipt, elements), *alone.text_faults(elements)}


# --- what the certification data say ---


def test_every_element_is_read_where_the_grammar_has_it() -> None:
    one = read()
    assert (one.tipo, one.kind, one.error) == ("avvenuta-consegna", "delivery", "nessuno")
    assert (one.provider, one.sender, one.recipient) == ("Gestore", "a@pec.it", "b@pec.it")
    assert one.recipients == [{"address": "b@pec.it", "type": "certificato"}]
    assert (one.subject, one.receipt_form) == ("Prova", "completa")
    assert (one.reference, one.identifier) == ("m@pec.it", "i@pec.it")
    assert one.issued == datetime(2026, 3, 2, 10, 0, tzinfo=ROME)
    assert (one.error_code, one.error_detail) == (None, None)
    assert faults(XML) == set()


@pytest.mark.parametrize(
    ("old", "new", "name", "value"),
    [
        ('errore="nessuno"', "", "error", "nessuno"),
        ('errore="nessuno"', 'errore="no-dest"', "error", "no-dest"),
        ("avvenuta-consegna", "accettazione", "kind", "acceptance"),
        ("avvenuta-consegna", "Accettazione", "kind", "acceptance"),
        ("avvenuta-consegna", "preavviso-errore-consegna", "kind", "delay-notice"),
        ("avvenuta-consegna", "mancata-consegna", "kind", "non-delivery"),
        ("avvenuta-consegna", "altro", "kind", "unreadable"),
        ("<consegna>b@pec.it</consegna>", "", "recipient", None),
        ("&lt;m@pec.it&gt;", "m@pec.it", "reference", "m@pec.it"),
        ("&lt;m@pec.it&gt;", "&amp;lt;m@pec.it&amp;gt;", "reference", "m@pec.it"),
        ("<oggetto>Prova</oggetto>", "", "subject", None),
        ("<oggetto>Prova</oggetto>", "<oggetto>\n  Prova\n </oggetto>", "subject", "Prova"),
        (' tipo="certificato"', "", "recipients", [{"address": "b@pec.it", "type": "certificato"}]),
        ('tipo="certificato"', 'tipo="esterno"', "recipients", [{"address": "b@pec.it", "type": "esterno"}]),
        ("b@pec.it</destinatari>", "</destinatari>", "recipients", []),
        ("<consegna>", "<errore-esteso>5.1.1 - no</errore-esteso><consegna>", "error_code", "5.1.1"),
        ("<consegna>", "<errore-esteso>5.1.1.2 no</errore-esteso><consegna>", "error_code", None),
        ("<consegna>", "<errore-esteso>no 5.1.1</errore-esteso><consegna>", "error_detail", "no 5.1.1"),
    ],
)
def test_one_element_says_one_thing(old: str, new: str, name: str, value: object) -> None:
    assert getattr(read(XML.replace(old, new)), name) == value


@pytest.mark.parametrize(
    "xml",
    [
        XML.replace("avvenuta-consegna", ""),
        XML.replace("<identificativo>i@pec.it</identificativo>", "").replace("<msgid>&lt;m@pec.it&gt;</msgid>", ""),
        XML.replace("postacert", "altro"),
        f"<x>{XML}</x>",
    ],
)
def test_what_is_about_no_message_or_no_postacert_is_not_read(xml: str) -> None:
    with pytest.raises(alone.UnreadableError):
        read(xml)


@pytest.mark.parametrize(
    "xml",
    [
        b"<!DOCTYPE postacert>" + XML.encode(),
        b"<postacert>",
        b"",
        XML.encode() + b"<more/>",
        b"<a>" * 60_000,
        b"<a>\xff</a>\xc3\xa9" + b"\x00\x01",
    ],
)
def test_an_xml_that_could_be_read_two_ways_is_not_read(xml: bytes) -> None:
    with pytest.raises(alone.UnreadableError):
        alone.Tree(xml)


def test_an_xml_of_another_alphabet_is_read_as_its_bytes_are() -> None:
    assert alone.Tree("<a>perché</a>".encode("latin-1")).elements[0].text == "perché"
    assert alone.Tree("<a>perché</a>".encode("utf-16")).elements[0].text == "perché"
    assert alone.Tree(b'<?xml version="1.1" encoding="utf-8"?><a/>').version == "1.1"
    assert alone.Tree(b"\x00 <a/> \n\x00").elements[0].path == "a"


# --- certified times ---


@pytest.mark.parametrize(
    ("day", "hour", "zone", "at"),
    [
        ("02/03/2026", "10:00:00", "+0100", "2026-03-02T10:00:00+01:00"),
        ("2-3-2026", "9.05", "-0530", "2026-03-02T09:05:00-05:30"),
        ("02.03.2026", "10:00:59", "+01:00", "2026-03-02T10:00:59+01:00"),
        ("02/03/2026", "10:00:00", "Z", "2026-03-02T10:00:00+00:00"),
        ("02/03/2026", "10:00:00", "z", "2026-03-02T10:00:00+00:00"),
        ("02/03/2026", "10:00:00", "+1559", "2026-03-02T10:00:00+15:59"),
        ("02/03/2026", "10:00:00", "+1600", None),
        ("02/03/2026", "10:00:00", "+0160", None),
        ("02/03/2026", "10:00:00", "", None),
        ("02/03/2026", "10:00:00", None, None),
        ("02/03/2026", None, "+0100", None),
        (None, "10:00:00", "+0100", None),
        ("31/02/2026", "10:00:00", "+0100", None),
        ("02/03/2026", "24:00:00", "+0100", None),
        ("02/03/26", "10:00:00", "+0100", None),
        ("02/03/2026", "10", "+0100", None),
    ],
)
def test_a_certified_time_has_a_day_an_hour_and_a_zone(
    day: str | None, hour: str | None, zone: str | None, at: str | None
) -> None:
    found = alone.moment(day, hour, zone)
    assert (found.isoformat() if found else None) == at


# --- what forbids that it certifies ---


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("<consegna>b@pec.it</consegna>", "<consegna>b@pec.it</consegna><consegna>c@pec.it</consegna>",
         "consegna more than once"),
        ("</intestazione>", "</intestazione><intestazione/>", "intestazione more than once"),
        ("<consegna>", '<x:consegna xmlns:x="urn:x">b@pec.it</x:consegna><consegna>',
         "an element of another namespace"),
        ("<dati>", "<dati><mittente>x@pec.it</mittente>", "mittente in another place"),
        ("</postacert>", "<postacert/></postacert>", "postacert in another place"),
        ("<giorno>02/03/2026</giorno>", "", "no certified time"),
        ("<mittente>a@pec.it</mittente>", "", "no sender"),
        ('<data zona="+0100">', '<data zona="+0100" x:zona="-1200" xmlns:x="urn:x">',
         "an attribute of another namespace"),
        ("avvenuta-consegna", "AVVENUTA-consegna", "tipo of postacert written in another way"),
        ('tipo="certificato"', 'tipo=" certificato"', "tipo of destinatari written in another way"),
        ('tipo="completa"', 'tipo="Completa"', "tipo of ricevuta written in another way"),
        ("<consegna>b@pec.it", "<consegna><b/>b@pec.it", "an element within consegna"),
        ("<consegna>b@pec.it", "<consegna>b@<!-- -->pec.it", "consegna cut in two by a comment"),
        ("<consegna>b@pec.it", "<consegna>b@pec.it, c@pec.it", "an odd address in consegna"),
        ("<consegna>b@pec.it", "<consegna>b\u200b@pec.it", "an odd address in consegna"),
        ("<mittente>a@pec.it", "<mittente>\uff41@pec.it", "an odd address in mittente"),
        ("<identificativo>i@", "<identificativo>i\x7f@", "an odd identifier in identificativo"),
        ("<msgid>", "<msgid>\u00ad", "an odd identifier in msgid"),
        ("</destinatari>", '</destinatari><destinatari tipo="esterno">B@pec.it</destinatari>',
         "a recipient of two types"),
    ],
)  # fmt: skip
def test_a_fault_forbids_that_it_certifies_and_is_named(old: str, new: str, fault: str) -> None:
    assert fault in faults(XML.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("</destinatari>", '</destinatari><destinatari tipo="esterno">c@altro.it</destinatari>'),
        ("<oggetto>Prova", "<oggetto>Perché, non è così?"),
        ("<consegna>b@pec.it", "<consegna>\n b@pec.it \n"),
        ("<oggetto>", "<!-- a word --><oggetto>"),
        ("<consegna>", "<ricezione>b@pec.it</ricezione><consegna>"),
        ('tipo="completa"', 'tipo="altra"'),
    ],
)
def test_what_providers_are_seen_to_write_is_no_fault(old: str, new: str) -> None:
    assert faults(XML.replace(old, new)) == set()


@pytest.mark.parametrize(
    ("text", "blurred"),
    [("a@pec.it", False), ("perché", False), ("a\x7fb", True), ("a\u200bb", True), ("\uff41", True), ("\u00a0", True),
     ("\ufb01", True)],
)  # fmt: skip
def test_a_letter_that_some_take_for_another_is_seen(text: str, blurred: bool) -> None:
    assert alone.is_blurred(text) is blurred


# --- the layout of a whole receipt ---


def layout(change: Callable[[bytes], bytes]) -> list[str]:
    return alone.read_receipt("receipts/001.eml", change(receipts.receipt("avvenuta-consegna"))).faults


def test_a_receipt_as_providers_write_it_has_no_fault() -> None:
    original = receipts.original()
    one = alone.read_receipt("receipts/001.eml", receipts.receipt("avvenuta-consegna", original=original))
    assert one.faults == []
    assert one.kind == "delivery"
    assert one.original == original
    assert one.xml is not None


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (b"multipart/signed", b"multipart/mixed", "no certification data"),
        (b"daticert.xml", b"altro.txt", "no certification data"),
    ],
)
def test_a_mail_laid_out_otherwise_certifies_nothing(old: bytes, new: bytes, fault: str) -> None:
    found = layout(lambda raw: raw.replace(old, new).replace(b"application/xml", b"application/octet-stream"))
    assert fault in found


# --- journeys ---


def evidence(kind: str, minutes: float = 0, **changes: Any) -> Receipt:
    """Evidence that counts, so many minutes after noon."""
    own = {
        "recipients": [{"address": "b@pec.it", "type": "certificato"}],
        "recipient": None if kind in ("acceptance", "non-acceptance") else "b@pec.it",
        "issued": NOON + minutes * MINUTE,
        "identifier": "i@pec.it",
        "reference": "m@pec.it",
        "trusted": True,
        "issuer": ("pec.it", "gestore"),
        "sender": "a@pec.it",
    }
    return Receipt(f"receipts/{kind}.eml", f"{kind} {minutes} {changes}".encode(), kind=kind, **{**own, **changes})


def state(*counting: Receipt, recipient: str = "b@pec.it") -> dict[str, Any]:
    return alone.journey(recipient, sorted(counting, key=lambda one: one.order))


@pytest.mark.parametrize(
    ("counting", "name", "contradictions"),
    [
        ([], "awaiting_acceptance", []),
        ([evidence("acceptance")], "accepted", []),
        ([evidence("acceptance"), evidence("delivery", 1)], "delivered", []),
        ([evidence("acceptance"), evidence("non-delivery", 1)], "failed", []),
        ([evidence("non-acceptance")], "not_accepted", []),
        ([evidence("acceptance"), evidence("delay-notice", 12 * 60)], "delayed", []),
        ([evidence("acceptance"), evidence("delay-notice", 22 * 60)], "failed", []),
        ([evidence("acceptance"), evidence("delay-notice", 22 * 60 - 1)], "delayed", []),
        ([evidence("acceptance"), evidence("delay-notice", 1, error_code="5.4.1")], "failed", []),
        ([evidence("delay-notice", 24 * 60)], "delayed", []),
        ([evidence("acceptance"), evidence("delay-notice", 720), evidence("delivery", 800)], "delivered", []),
        ([evidence("delivery", 1), evidence("non-delivery", 2)], "delivered", ["delivery-and-failure"]),
        ([evidence("delivery", 1), evidence("non-acceptance", 2)], "delivered", ["delivery-and-not-accepted"]),
        ([evidence("non-delivery", 1), evidence("non-acceptance", 2)], "failed", ["failure-and-not-accepted"]),
        ([evidence("acceptance"), evidence("non-acceptance", 2)], "not_accepted", ["refusal-after-acceptance"]),
        ([evidence("non-acceptance"), evidence("acceptance", 2)], "not_accepted", ["acceptance-after-refusal"]),
        ([evidence("delivery", 1), evidence("delivery", 2)], "delivered", ["two-deliveries"]),
        ([evidence("delivery", 1), evidence("delivery", 1, identifier="j")], "delivered", []),
        ([evidence("acceptance"), evidence("acceptance", 2)], "accepted", ["two-acceptances"]),
        ([evidence("taken-in-charge")], "awaiting_acceptance", []),
    ],
)
def test_the_best_that_evidence_gives_is_the_state(
    counting: list[Receipt], name: str, contradictions: list[str]
) -> None:
    found = state(*counting)
    assert (found["state"], found["contradictions"]) == (name, contradictions)


OUTSIDE = [{"address": "b@pec.it", "type": "esterno"}]


@pytest.mark.parametrize(
    ("counting", "name", "contradictions"),
    [
        ([evidence("acceptance", recipients=OUTSIDE)], "external", []),
        ([evidence("acceptance", recipients=OUTSIDE), evidence("delivery", 1)], "delivered", ["delivery-to-external"]),
        ([evidence("acceptance", recipients=[*OUTSIDE, {"address": "B@pec.it", "type": "certificato"}])], "accepted",
         []),
        ([evidence("acceptance", recipients=[{"address": "c@pec.it", "type": "esterno"}])], "accepted", []),
    ],
)  # fmt: skip
def test_an_ordinary_mailbox_is_not_delivered_to(counting: list[Receipt], name: str, contradictions: list[str]) -> None:
    found = state(*counting)
    assert (found["state"], found["contradictions"]) == (name, contradictions)


def test_a_state_tells_its_times_its_code_and_its_evidence() -> None:
    accepted = evidence("acceptance")
    failed = evidence("non-delivery", 3, error_code="5.1.1", error_detail="5.1.1 nobody")
    found = state(failed, accepted)
    assert found["recipient"] == "b@pec.it"
    assert (found["accepted_at"], found["delivered_at"]) == (NOON.isoformat(), None)
    assert found["state_at"] == (NOON + 3 * MINUTE).isoformat()
    assert (found["error_code"], found["error_detail"]) == ("5.1.1", "5.1.1 nobody")
    assert found["evidence"] == [failed.key, accepted.key]
    done = state(evidence("delivery", 1, error_code="9"))
    assert (done["error_code"], done["delivered_at"]) == (None, (NOON + MINUTE).isoformat())


def test_evidence_of_another_recipient_says_nothing() -> None:
    assert state(evidence("delivery", 1), recipient="c@pec.it")["state"] == "awaiting_acceptance"
    assert state(evidence("delivery", 1), recipient="B@PEC.it")["state"] == "delivered"
    both = [{"address": "b@pec.it", "type": "x"}, {"address": "c@pec.it", "type": "x"}]
    assert not alone.concerns(evidence("non-delivery", recipient=None, recipients=both), "b@pec.it")
    assert alone.concerns(evidence("non-delivery", recipient=None), "b@pec.it")


# --- agreement with the message ---


CERTIFICATE = Certificate(b"", b"", b"", NOON + timedelta(days=300), "", 2048, b"")
MESSAGE = Message(
    held_to="composed", sender="a@pec.it", recipients=["b@pec.it"], subject="Prova", reference="m@pec.it",
    queued=NOON - MINUTE,
)  # fmt: skip


def points(one: Receipt, message: Message = MESSAGE, *, now: datetime = NOON + timedelta(days=1)) -> list[str]:
    return list(alone.points(replace(one, signer=one.signer or CERTIFICATE), message, now))


LISTED = [{"address": each, "type": "certificato"} for each in ("b@pec.it", "c@pec.it")]


@pytest.mark.parametrize(
    ("one", "disagrees"),
    [
        (evidence("acceptance", subject="Prova"), []),
        (evidence("acceptance", sender="A@PEC.it"), []),
        (evidence("acceptance", sender="x@pec.it"), ["sender"]),
        (evidence("acceptance", recipients=LISTED), ["recipients"]),
        (evidence("delivery", recipients=LISTED), ["recipients"]),
        (evidence("delivery", recipients=[]), []),
        (evidence("delivery", recipient="c@pec.it", recipients=[]), ["recipient"]),
        (evidence("acceptance", subject="Altro"), ["subject"]),
        (evidence("acceptance", reference="n@pec.it"), ["reference"]),
        (evidence("acceptance", reference=None), ["reference"]),
        (evidence("delivery", reference=None), []),
        (evidence("delivery", reference=None, identifier=None), ["reference"]),
        (evidence("delivery", receipt_form="completa"), ["its original, which it does not enclose"]),
        (evidence("delivery", receipt_form="breve"), ["its original, which it does not enclose"]),
        (evidence("delivery", receipt_form="sintetica"), []),
        (evidence("acceptance", issued=None), ["the clocks"]),
        (evidence("acceptance", -24 * 60), []),
        (evidence("acceptance", -24 * 60 - 2), ["the clocks"]),
        (evidence("acceptance", 48 * 60), []),
        (evidence("acceptance", 48 * 60 + 1), ["the clocks"]),
        (evidence("acceptance", 72 * 60, arrived=NOON + timedelta(days=5)), []),
        (evidence("acceptance", 72 * 60, arrived=NOON + timedelta(days=5, minutes=1)), ["the clocks"]),
    ],
)
def test_a_receipt_agrees_in_every_point_or_names_it(one: Receipt, disagrees: list[str]) -> None:
    assert points(one) == disagrees


def test_of_fewer_recipients_a_delivery_may_speak_and_an_acceptance_may_not() -> None:
    two = replace(MESSAGE, recipients=["b@pec.it", "c@pec.it"])
    assert points(evidence("delivery"), two) == []
    assert points(evidence("acceptance"), two) == ["recipients"]


@pytest.mark.parametrize(
    ("until", "bits", "arrived", "held_to", "holds"),
    [
        (NOON, 2048, None, "composed", True),
        (NOON - 2 * MINUTE, 2048, None, "composed", False),
        (NOON - 2 * MINUTE, 2048, NOON - 3 * MINUTE, "composed", True),
        (NOON - 2 * MINUTE, 2048, NOON, "composed", False),
        (NOON, 1024, None, "composed", False),
        (NOON, 1024, None, "copy", True),
        (NOON, 1024, NOON, "copy", False),
        (NOON, 1024, datetime(2018, 12, 31, tzinfo=UTC), "copy", True),
        (NOON, 1024, datetime(2019, 1, 1, tzinfo=UTC), "copy", False),
    ],
)
def test_a_key_signs_for_messages_of_its_time(
    until: datetime, bits: int, arrived: datetime | None, held_to: str, holds: bool
) -> None:
    signer = replace(CERTIFICATE, until=until, bits=bits)
    one = evidence("acceptance", signer=signer, arrived=arrived)
    assert alone.could_sign(one, replace(MESSAGE, held_to=held_to)) is holds


def test_nobody_signed_and_nobody_could() -> None:
    assert not alone.could_sign(evidence("acceptance"), MESSAGE)


@pytest.mark.parametrize(
    ("certified", "sent", "same"),
    [
        ("Prova", "Prova", True),
        (" Prova  uno", "Prova uno", True),
        ("Perche\u0301", "Perché", True),
        ("=?utf-8?q?Prova?=", "Prova", True),
        ("Perch\ufffd", "Perché", True),
        ("Perch\ufffd\ufffd", "Perché", True),
        ("Perch\ufffd", "Perche", False),
        ("Perch\ufffd no", "Perché sì", False),
        ("Prova", "prova", False),
        ("", "Prova", False),
        ("Pro\x01va", "Prova", True),
    ],
)
def test_a_subject_is_the_same_but_for_what_providers_break(certified: str, sent: str, same: bool) -> None:
    assert alone.same_subject(certified, sent) is same


@pytest.mark.parametrize(
    ("name", "plain"),
    [("Gestore S.p.A.", "gestore"), ("GESTORE SPA", "gestore"), ("Gestòre srl socio unico", "gestore"),
     ("Altro Gestore", "altrogestore"), ("Società per Azioni", ""), ("", "")],
)  # fmt: skip
def test_a_provider_is_known_without_his_legal_form(name: str, plain: str) -> None:
    assert alone.organization(name) == plain


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("a.it", "x"), ("a.it", "y"), True),
        (("a.it", "x"), ("b.it", "x"), True),
        (("a.it", "x"), ("b.it", "y"), False),
        (("a.it", ""), ("b.it", ""), False),
        (("", ""), ("b.it", "y"), True),
    ],
)
def test_two_signers_are_one_provider_by_domain_or_by_name(
    one: tuple[str, str], other: tuple[str, str], same: bool
) -> None:
    assert alone.same_provider(Receipt("", b"", issuer=one), Receipt("", b"", issuer=other)) is same


# --- together ---


def held(*all_: Receipt, message: Message = MESSAGE) -> list[list[str]]:
    """What each disagrees in, held together."""
    signed = [replace(one, signer=CERTIFICATE) for one in all_]
    alone.agree(signed, replace(message), NOON + timedelta(days=1))
    return [one.disagrees for one in signed]


def test_the_acceptance_with_which_most_agrees_leads() -> None:
    false, true = evidence("acceptance", -1, identifier="x@pec.it"), evidence("acceptance", identifier="i@pec.it")
    assert held(false, true, evidence("delivery", 1)) == [["identifier"], [], []]


def test_another_providers_acceptance_does_not_stand_beside_the_first() -> None:
    other = evidence("acceptance", 1, issuer=("altro.it", "altro"))
    assert held(evidence("acceptance"), other, evidence("delivery", 2)) == [[], ["issuer"], []]


def test_a_delivery_before_its_acceptance_is_out_of_order() -> None:
    assert held(evidence("acceptance"), evidence("delivery", -5)) == [[], []]
    assert held(evidence("acceptance"), evidence("delivery", -6)) == [[], ["order_of_times"]]


def test_a_receipt_without_a_reference_follows_by_its_identifier() -> None:
    assert held(evidence("acceptance"), evidence("delivery", 1, reference=None)) == [[], []]
    stray = evidence("delivery", 1, reference=None, identifier="x@pec.it")
    assert held(evidence("acceptance"), stray) == [[], ["identifier", "reference"]]
    assert held(evidence("delivery", 1, reference=None)) == [["reference"]]


def test_what_does_not_count_leads_nobody() -> None:
    forged = evidence("acceptance", -1, identifier="x@pec.it", trusted=False)
    assert held(forged, evidence("delivery", 1))[1] == []


@pytest.mark.parametrize(
    ("changes", "counts"),
    [({}, True), ({"trusted": False}, False), ({"faults": ["x"]}, False), ({"disagrees": ["x"]}, False),
     ({"kind": "taken-in-charge"}, False), ({"kind": "transport-envelope"}, False)],
)  # fmt: skip
def test_only_what_is_trusted_whole_and_agreeing_counts(changes: dict[str, Any], counts: bool) -> None:
    assert replace(evidence("delivery"), **changes).counts is counts


def test_contradictions_are_told_of_trusted_evidence_that_agrees_in_the_rest() -> None:
    def told(*failed: Iterable[str]) -> list[str]:
        return alone.conflicts([replace(evidence("acceptance"), disagrees=list(one)) for one in failed])

    assert told(["identifier"]) == ["two-identifiers"]
    assert told(["issuer", "order_of_times"]) == ["two-issuers"]
    assert told(["identifier", "sender"]) == []
    assert told([]) == []
    assert alone.conflicts([replace(evidence("acceptance", trusted=False), disagrees=["issuer"])]) == []


def test_evidence_stands_in_order_of_time_and_then_of_kind() -> None:
    late, early = evidence("acceptance", 1), evidence("delivery", 0)
    assert sorted([late, early], key=lambda one: one.order) == [early, late]
    together = [evidence("delivery"), evidence("acceptance"), evidence("unreadable", issued=None)]
    assert [one.kind for one in sorted(together, key=lambda one: one.order)] == ["acceptance", "delivery", "unreadable"]
