"""The verifier that stands alone tells where each recipient stands, and what is known of a message without its line."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pec_tracker.render import verify_package as alone
from pec_tracker.render.verify_package import Message, Receipt

AT = datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
ME, ANNA, BRUNO = "studio@pec.example", "anna@pec.example", "bruno@pec.example"
LETTER = b"From: studio@pec.example\nTo: anna@pec.example\nSubject: Diffida\nMessage-ID: <a@client>\n\nbody\n"


def made(kind: str, after: timedelta = timedelta(0), **facts: Any) -> Receipt:
    settled: dict[str, Any] = {
        "issued": AT + after, "sender": ME, "recipients": [{"address": ANNA, "type": "certificato"}],
        "subject": "Diffida", "reference": "a@client", "identifier": "opec.1@gestore.example", "trusted": True,
        "recipient": None if kind in ("acceptance", "non-acceptance") else ANNA,
    }  # fmt: skip
    settled.update(facts)
    return Receipt("m", f"{kind} {after} {sorted(facts)}".encode(), kind=kind, **settled)


def listed(**types: str) -> list[dict[str, str]]:
    return [{"address": f"{name}@pec.example", "type": kind} for name, kind in types.items()]


ACCEPTED, DELIVERED, REFUSED = made("acceptance"), made("delivery", SECOND), made("non-acceptance", SECOND)
FAILED = made("non-delivery", SECOND, error_code="5.2.2", error_detail="5.2.2 - piena")
DELAYED = made("delay-notice", 12 * HOUR, error_code="4.4.1", error_detail="4.4.1 - 12 ore")
CLOSED = made("delay-notice", 24 * HOUR, error_code="4.4.1", error_detail="24 ore")
EXTERNAL = made("acceptance", recipients=listed(anna="esterno"))


@pytest.mark.parametrize(
    ("counting", "state", "deciding", "contradictions"),
    [
        ([], "awaiting_acceptance", None, []),
        ([ACCEPTED], "accepted", ACCEPTED, []),
        ([ACCEPTED, DELIVERED], "delivered", DELIVERED, []),
        ([DELIVERED], "delivered", DELIVERED, []),
        ([ACCEPTED, FAILED], "failed", FAILED, []),
        ([ACCEPTED, DELAYED], "delayed", DELAYED, []),
        ([ACCEPTED, DELAYED, CLOSED], "failed", CLOSED, []),
        ([CLOSED], "delayed", CLOSED, []),
        ([REFUSED], "not_accepted", REFUSED, []),
        ([EXTERNAL], "external", EXTERNAL, []),
        ([EXTERNAL, DELAYED], "external", EXTERNAL, []),
        ([EXTERNAL, FAILED], "failed", FAILED, []),
        ([ACCEPTED, FAILED, DELIVERED], "delivered", DELIVERED, ["delivery-and-failure"]),
        ([ACCEPTED, REFUSED], "not_accepted", REFUSED, ["refusal-after-acceptance"]),
        ([REFUSED, made("acceptance", HOUR)], "not_accepted", REFUSED, ["acceptance-after-refusal"]),
        ([REFUSED, DELIVERED], "delivered", DELIVERED, ["delivery-and-not-accepted"]),
        ([REFUSED, FAILED], "failed", FAILED, ["failure-and-not-accepted"]),
        ([EXTERNAL, DELIVERED], "delivered", DELIVERED, ["delivery-to-external"]),
        ([DELIVERED, made("delivery", HOUR)], "delivered", DELIVERED, ["two-deliveries"]),
        ([DELIVERED, made("delivery", SECOND, subject="x")], "delivered", DELIVERED, []),
        ([ACCEPTED, made("acceptance", HOUR)], "accepted", ACCEPTED, ["two-acceptances"]),
        ([ACCEPTED, made("delivery", recipient=BRUNO)], "accepted", ACCEPTED, []),
        ([ACCEPTED, CLOSED, made("non-delivery", 25 * HOUR)], "failed", CLOSED, []),
    ],
)
def test_journey_is_the_best_that_the_evidence_gives(
    counting: list[Receipt], state: str, deciding: Receipt | None, contradictions: list[str]
) -> None:
    found = alone.journey(ANNA, counting)
    assert (found["recipient"], found["state"]) == (ANNA, state)
    assert found["state_at"] == (deciding.issued.isoformat() if deciding and deciding.issued else None)
    failed = deciding if state in ("failed", "not_accepted", "delayed") else None
    assert (found["error_code"], found["error_detail"]) == (
        (failed.error_code, failed.error_detail) if failed else (None, None)
    )
    assert found["contradictions"] == contradictions


def test_journey_has_its_times_and_its_evidence_best_first() -> None:
    found = alone.journey(ANNA, [ACCEPTED, DELAYED, FAILED, REFUSED, DELIVERED, DELIVERED])
    assert found["accepted_at"] == "2026-03-02T09:15:00+00:00"
    assert found["delivered_at"] == "2026-03-02T09:15:01+00:00"
    assert found["evidence"] == [one.key for one in (DELIVERED, FAILED, REFUSED, DELAYED, ACCEPTED)]
    assert alone.journey(ANNA, [])["accepted_at"] is alone.journey(ANNA, [ACCEPTED])["delivered_at"] is None


@pytest.mark.parametrize(
    ("code", "after", "accepted", "final"),
    [
        ("5.4.1", timedelta(0), None, True), ("4.4.1", 22 * HOUR, AT, True), ("4.4.1", 22 * HOUR - SECOND, AT, False),
        (None, 24 * HOUR, None, False), ("5.4.2", HOUR, AT, False),
    ],
)  # fmt: skip
def test_notice_after_a_day_closes(code: str | None, after: timedelta, accepted: datetime | None, final: bool) -> None:
    """RFC 6109 3.1.6."""
    assert alone.is_final(made("delay-notice", after, error_code=code), accepted) is final
    assert not alone.is_final(made("delay-notice", issued=None), AT)


@pytest.mark.parametrize(
    ("one", "about"),
    [
        (ACCEPTED, True), (REFUSED, True), (made("acceptance", recipients=[]), True), (DELIVERED, True),
        (made("delivery", recipient="ANNA@pec.example"), True), (made("delivery", recipient=BRUNO), False),
        (made("delay-notice", recipient=None), True), (made("delay-notice", recipient=None, recipients=[]), False),
        (made("delay-notice", recipient=None, recipients=listed(anna="x", bruno="x")), False),
        (made("delay-notice", recipient=None, recipients=listed(bruno="x")), False),
    ],
)  # fmt: skip
def test_evidence_is_about_a_recipient(one: Receipt, about: bool) -> None:
    assert alone.concerns(one, ANNA) is about


@pytest.mark.parametrize(
    ("lists", "external"),
    [
        ([listed(anna="esterno")], True), ([listed(anna="certificato")], False), ([], False),
        ([listed(bruno="esterno")], False), ([listed(anna="esterno"), listed(anna="certificato")], True),
        ([listed(anna="certificato"), listed(anna="esterno")], False),
        ([listed(bruno="certificato"), listed(anna="esterno")], True),
        ([[*listed(anna="esterno"), *listed(anna="certificato")]], False),
        ([listed(bruno="certificato", anna="esterno")], True),
    ],
)  # fmt: skip
def test_recipient_is_external_by_the_first_acceptance_that_lists_him(
    lists: list[list[dict[str, str]]], external: bool
) -> None:
    assert alone.is_external(ANNA, [made("acceptance", recipients=each) for each in lists]) is external


def test_evidence_of_one_second_stands_in_the_order_of_its_kind() -> None:
    kinds = ["acceptance", "non-acceptance", "taken-in-charge", "delivery", "non-delivery", "delay-notice",
             "virus-notice", "transport-envelope", "unreadable"]  # fmt: skip
    several = [made(kind) for kind in kinds]
    late, never = made("acceptance", SECOND), made("acceptance", issued=None)
    assert sorted([never, late, *several[::-1]], key=lambda one: one.order) == [*several, late, never]
    assert made("delivery", recipient=ANNA).order[3] == ANNA
    assert made("acceptance").order[3] == ""


# --- what is known of a message ---


def line(act: str, number: int = 1, at: str = "2026-03-02T09:00:00Z", **facts: Any) -> dict[str, Any]:
    return {"id": f"{number:026}", "act": act, "at": at, "facts": facts}


def told(members: dict[str, bytes], *lines: dict[str, Any]) -> Message:
    return alone.message_of(members, {f"ledger/{one['id']}.json": one for one in lines}, "key")


QUEUED = line("message.queued", message="key", record="r")
RECORDS = {
    "records/r.json": b'{"mail_from": "studio@pec.example", "reference": "a@client", "rcpt_to": ["anna@pec.example"]}',
    "records/m.json": b'{"address": "studio@pec.example"}',
    "records/n.json": b'{"address": "nuovo@pec.example"}',
}


def test_message_is_composed_where_its_line_its_record_and_its_bytes_are_there() -> None:
    found = told({**RECORDS, "message/original.eml": LETTER}, QUEUED)
    assert (found.held_to, found.sender, found.recipients) == ("composed", ME, [ANNA])
    assert (found.subject, found.reference, found.compared) == ("Diffida", "a@client", LETTER)
    assert (found.queued, found.submitted, found.owner) == (datetime(2026, 3, 2, 9, 0, tzinfo=UTC), None, None)
    bare = told({**RECORDS, "message/original.eml": b"A: 1\n\n"}, QUEUED)
    assert bare.subject == ""


@pytest.mark.parametrize(
    ("members", "lines", "queued"),
    [
        (RECORDS, [QUEUED], True),
        ({"message/original.eml": LETTER}, [QUEUED], True),
        ({**RECORDS, "message/original.eml": LETTER}, [], False),
        ({**RECORDS, "message/original.eml": LETTER}, [line("message.queued", message="other", record="r")], False),
        ({**RECORDS, "message/original.eml": LETTER}, [line("message.other", message="key", record="r")], False),
        ({"records/r.json": b"[1]", "message/original.eml": LETTER}, [QUEUED], True),
    ],
)
def test_message_that_lacks_one_of_them_is_not_composed(
    members: dict[str, bytes], lines: list[dict[str, Any]], queued: bool
) -> None:
    found = told(members, *lines)
    assert found.held_to is None
    assert (found.queued is not None) is queued
    assert found.original == members.get("message/original.eml")


def test_owner_is_the_newest_and_submission_the_servers_last_word() -> None:
    found = told(
        RECORDS, line("mailbox.known", 2, record="n"), line("mailbox.known", 1, record="m"),
        line("message.submitted", 3, "2026-03-02T09:01:00Z", by="server"),
        line("message.submitted", 4, "2026-03-02T09:02:00Z", by="server"),
        line("message.submitted", 5, "2026-03-02T09:03:00Z", by="operator"),
        line("message.other", 6, "2026-03-02T09:04:00Z", by="server"),
    )  # fmt: skip
    assert found.owner == "nuovo@pec.example"
    assert found.submitted == datetime(2026, 3, 2, 9, 2, tzinfo=UTC)


def test_copy_says_whom_it_was_sent_to() -> None:
    found = Message(owner="x@y.example")
    copy = b"From: a@x.example, b@x.example\nTo: c@x.example\nCc: C@x.example, d@x.example\n"
    copy += b"Subject: s\nMessage-ID: <i>\n\n"
    alone.take_copy(found, copy)
    assert (found.held_to, found.sender, found.subject, found.reference) == ("copy", "a@x.example", "s", "i")
    assert (found.recipients, found.compared) == (["c@x.example", "d@x.example"], copy)
    alone.take_copy(found, b"A: 1\n\n")
    assert (found.sender, found.subject, found.reference, found.recipients) == ("x@y.example", None, None, [])
    nobody = Message()
    alone.take_copy(nobody, b"A: 1\n\n")
    assert nobody.sender == ""


def taken(*receipts: Receipt, owner: str | None = ME) -> Message:
    found = Message(owner=owner)
    alone.take_receipts(found, list(receipts))
    return found


def test_receipts_say_what_the_message_was() -> None:
    found = taken(ACCEPTED, DELIVERED)
    assert (found.held_to, found.sender, found.subject) == ("receipts", ME, "Diffida")
    assert (found.reference, found.identifier) == ("a@client", "opec.1@gestore.example")
    assert found.recipients == [ANNA]
    other = made("acceptance", identifier="2", recipients=listed(bruno="x"))
    assert taken(other, ACCEPTED).recipients == [BRUNO]
    assert taken(other, ACCEPTED, DELIVERED).recipients == [ANNA]
    twice = (made("delivery", HOUR, identifier="2"), made("delivery", identifier="2"))  # one place counts once
    assert taken(ACCEPTED, other, DELIVERED, *twice).recipients == [ANNA]
    assert taken(ACCEPTED, other, made("non-acceptance", identifier="2")).recipients == [BRUNO]
    several = (made("delivery", identifier="2"), made("delivery", identifier="2", recipient=BRUNO), DELIVERED)
    assert taken(ACCEPTED, other, *several).recipients == [BRUNO]


@pytest.mark.parametrize(
    ("facts", "owner", "known"),
    [
        ({}, ME, True), ({"trusted": False}, ME, False), ({"faults": ["x"]}, ME, False), ({"sender": BRUNO}, ME, False),
        ({"sender": BRUNO}, None, True), ({"sender": None}, None, True), ({"kind": "virus-notice"}, ME, False),
    ],
)  # fmt: skip
def test_only_what_certifies_of_the_owners_messages_is_asked(
    facts: dict[str, Any], owner: str | None, known: bool
) -> None:
    one = made("acceptance")
    for name, value in facts.items():
        setattr(one, name, value)
    assert (taken(one, owner=owner).held_to == "receipts") is known


def test_without_an_acceptance_all_that_is_tied_to_the_first_names_recipients() -> None:
    first = made("delivery", HOUR, recipients=[])
    by_reference = made("delivery", identifier="2", recipient=BRUNO, recipients=[])
    by_identifier = made("delivery", reference="b", recipient="carla@pec.example", recipients=[])
    stranger = made("delivery", reference="b", identifier="2", recipient="x@pec.example", recipients=[])
    assert taken(first, by_reference, by_identifier, stranger).recipients == [ANNA, BRUNO, "carla@pec.example"]


def agreed(*receipts: Receipt, original: bytes | None = None, owner: str | None = ME) -> Message:
    found = Message(owner=owner, original=original)
    for one in receipts:
        one.signer = alone.Certificate(b"", b"", b"", AT + 400 * 24 * HOUR, "", 2048, b"")
        one.issuer = ("gestore.example", "gestore")
    alone.agree(list(receipts), found, AT + HOUR)
    return found


def test_copy_is_the_message_unless_receipts_speak_against_it() -> None:
    other = LETTER.replace(b"body", b"altro")
    enclosing: dict[str, Any] = {"original": LETTER, "receipt_form": "completa"}
    assert agreed(made("acceptance"), original=LETTER).held_to == "copy"
    assert agreed(made("acceptance")).held_to == "receipts"
    assert agreed(made("acceptance"), made("delivery", **enclosing), original=LETTER).held_to == "copy"
    against = agreed(made("acceptance"), made("delivery", **enclosing), original=other)
    assert (against.held_to, against.compared) == ("receipts", LETTER)
    untrusted = made("delivery", trusted=False, original=other, receipt_form="completa")
    assert agreed(made("acceptance"), untrusted, original=LETTER).held_to == "copy"
    assert agreed(made("acceptance", subject="Altro"), original=LETTER).held_to == "receipts"
    assert agreed(made("acceptance", subject=None), original=LETTER).held_to == "copy"
    renamed = made("delivery", subject="Altro", **enclosing)
    assert agreed(made("acceptance", subject="Altro"), renamed, original=LETTER).held_to == "copy"
    assert agreed(made("acceptance"), original=LETTER, owner=BRUNO).held_to is None
    assert agreed(made("acceptance"), original=LETTER, owner=None).held_to == "copy"
    assert agreed(original=LETTER, owner=None).held_to == "copy"
    assert agreed(original=LETTER.replace(b"studio", b"altro")).held_to is None
    assert agreed(original=LETTER.replace(b"studio", b"altro"), owner=None).held_to == "copy"
    assert agreed(made("acceptance"), original=b"A: 1\n\n").held_to == "receipts"


def test_most_enclosed_originals_are_the_message() -> None:
    other = LETTER.replace(b"body", b"altro")
    whole: dict[str, Any] = {"receipt_form": "completa"}
    several = [made("delivery", SECOND, original=one, **whole) for one in (other, LETTER, LETTER)]
    assert agreed(made("acceptance"), *several).compared == LETTER
    assert [one.disagrees for one in several] == [["original's parts"], [], []]
    brief = made("delivery", original=LETTER, receipt_form="breve")
    assert agreed(made("acceptance"), brief).compared is None


@pytest.mark.parametrize(
    ("receipts", "against"),
    [
        ([], False), ([made("acceptance")], False), ([made("acceptance", subject="x")], True),
        ([made("acceptance", subject="x"), made("delivery", original=LETTER)], False),
        ([made("delivery", original=LETTER.replace(b"body", b"x"))], True),
        ([made("delivery", original=LETTER.replace(b"body", b"x")), made("acceptance")], True),
        ([made("delivery", subject="x", original=LETTER)], False),
    ],
)  # fmt: skip
def test_copy_is_spoken_against(receipts: list[Receipt], against: bool) -> None:
    assert alone.spoken_against(LETTER, receipts) is against
