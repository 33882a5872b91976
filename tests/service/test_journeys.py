"""What a user would lose: a journey that depends on the order in which mail comes, or that a forgery moves."""

import functools
import itertools
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from pec_tracker.archive.objects import Suffix
from pec_tracker.askers import OPERATOR
from pec_tracker.db.passing import Alert
from pec_tracker.db.tables import Evidence, Mail, Message, Recipient
from pec_tracker.service.house import Account, House
from pec_tracker.service.queries.find import FoundMessage, Query, find
from pec_tracker.service.queries.show import show
from tests.factory import ca, cms, receipts
from tests.factory.mime import b64
from tests.service.house import (
    NOW,
    OWNER,
    Thing,
    account_of,
    bring,
    compose_as,
    differences,
    in_folder,
    place_of,
    rows,
    state,
)

ANNA, BRUNO = "anna@pec.example", "Bruno@pec.example"
BOTH = (ANNA, BRUNO)
COMPOSED, FOUND = "pt.composed@pec.example", "Found-by.others@pec.example"
ONE, TWO = "opec.1@pec.example", "opec.2@pec.example"
numbers = itertools.count(1)


def at(**later: float) -> dict[str, object]:
    return {"issued_at": receipts.ISSUED_AT + timedelta(**later)}


@functools.cache
def sent() -> bytes:
    return receipts.original(to=BOTH, subject="Diffida", reference=COMPOSED)


@functools.cache
def copy() -> bytes:
    return receipts.original(to=(ANNA,), cc=(BRUNO,), subject="Fattura già pagata", reference=FOUND)


def about(kind: str, **facts: object) -> bytes:
    known = {"recipients": BOTH, "subject": "Diffida", "reference": COMPOSED, "identifier": ONE}
    return receipts.receipt(kind, **{**known, **facts})  # type: ignore[arg-type]


def about_found(kind: str, **facts: object) -> bytes:
    known = {"recipients": BOTH, "subject": "Fattura già pagata", "reference": FOUND, "identifier": TWO}
    return receipts.receipt(kind, **{**known, **facts})  # type: ignore[arg-type]


def forger() -> tuple[cms.Signer, ...]:
    """A self-made authority with the very names of the provider's."""
    authority = ca.pec_ca(
        ca.root(key="forged-root"),
        {"country": "IT", "organization": "Prova", "common_name": "PEC CA di prova"},
        key="forged-authority",
    )
    return (cms.Signer(ca.provider(authority, key="forged"), signed_at=receipts.ISSUED_AT),)


@functools.cache
def swapped() -> bytes:
    """The genuine signature of another message's receipt over a certification of ours."""
    genuine = about("avvenuta-consegna", recipient=BRUNO, reference="pt.other@pec.example", subject="Altro")
    ours = receipts.daticert_xml(
        "avvenuta-consegna",
        recipients=BOTH,
        recipient=BRUNO,
        subject="Diffida",
        reference=COMPOSED,
        identifier=ONE,
        receipt_form="completa",
    )
    begins = genuine.index(b'filename="daticert.xml"')
    begins = genuine.index(b"\r\n\r\n", begins) + 4
    ends = genuine.index(b"--=_certified", begins)
    return genuine[:begins] + b64(ours) + b"\r\n" + genuine[ends:]


@functools.cache
def broken_byte() -> bytes:
    genuine = about("avvenuta-consegna", recipient=BRUNO, **at(minutes=3))
    return genuine.replace(b"Content-Disposition: inline", b"Content-Disposition: Inline", 1)


@functools.cache
def nested() -> bytes:
    """A receipt that is none, enclosed in what its sender's provider genuinely signed."""
    fake = about("avvenuta-consegna", recipient=BRUNO, signers=forger())
    return receipts.receipt(
        "posta-certificata",
        sender="forger@pec.example",
        recipients=(OWNER,),
        subject="CONSEGNA: Diffida",
        reference="forged.1@pec.example",
        identifier="opec.forged@pec.example",
        original=fake,
    )


@functools.cache
def only_headers() -> bytes:
    return receipts.original(
        sender=ca.ADDRESS,
        to=(OWNER,),
        subject="CONSEGNA: Diffida",
        reference="plain.1@pec.example",
        headers=("X-Ricevuta: avvenuta-consegna", f"X-Riferimento-Message-ID: <{COMPOSED}>"),
    )


FORGERIES: dict[str, Callable[[], bytes]] = {
    "self-made authority": lambda: about("avvenuta-consegna", recipient=BRUNO, signers=forger()),
    "swapped daticert": swapped,
    "nested in a genuine envelope": nested,
    "plain mail with the headers": only_headers,
    "one byte changed": broken_byte,
}


def reply(answered: str, number: int) -> bytes:
    """An answer, in the envelope of its sender's provider."""
    inner = receipts.original(
        sender=ANNA, to=(OWNER,), subject="Re: Fattura", reference=f"re.{number}@pec.example",
        headers=(f"In-Reply-To: <{answered}>", f"References: <unknown@pec.example> <{answered}>"),
    )  # fmt: skip
    return receipts.receipt(
        "posta-certificata", sender=ANNA, recipients=(OWNER,), subject="Re: Fattura",
        reference=f"re.{number}@pec.example", identifier=f"opec.re.{number}@pec.example", original=inner,
    )  # fmt: skip


@functools.cache
def everything() -> tuple[Thing, ...]:
    """Two messages' mails: one that we composed, one that left by other means."""
    resaved = copy().replace(b"MIME-Version", b"X-Saved-By: a mail program\r\nMIME-Version", 1)
    mails = [
        about("accettazione"),
        about("avvenuta-consegna", recipient=ANNA, original=sent(), **at(minutes=1)),
        about("preavviso-errore-consegna", recipient=BRUNO, error="altro", **at(hours=12)),
        about("errore-consegna", recipient=BRUNO, error="no-dest", error_detail="5.1.1 - sconosciuto", **at(hours=13)),
        *(forgery() for forgery in FORGERIES.values()),
        about_found("accettazione"),
        about_found("avvenuta-consegna", recipient=ANNA, original=copy(), **at(minutes=2)),
        about_found("avvenuta-consegna", recipient=BRUNO, reference=None, **at(minutes=3)),
        about_found("preavviso-errore-consegna", recipient=BRUNO, error="altro", error_detail="5.4.1", **at(hours=24)),
        reply(FOUND, 1),
        reply(TWO, 2),
        reply(ONE, 3),
        about("avvenuta-consegna", recipient=ANNA, sender="other@pec.example", reference="pt.not.ours@pec.example"),
    ]
    return (*(Thing(raw) for raw in mails), Thing(copy(), sent=True), Thing(resaved, sent=True))


def brought(house: House, batches: Sequence[Sequence[Thing]]) -> Account:
    """A new mailbox that is brought these batches; found messages of it are told apart by their references."""
    account = account_of(house, f"box {next(numbers)}")
    compose_as(house, account, sent(), key=f"{'abcdefgh' * 2}{next(numbers):06}", reference=COMPOSED, to=BOTH)
    for batch in batches:
        bring(house, place_of(account), batch)
    return account


@pytest.mark.timeout(300)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.permutations(range(19)),
    again=st.lists(st.integers(0, 18), max_size=4),
    cuts=st.sets(st.integers(1, 22), max_size=5),
)
def test_no_order_repetition_or_batching_changes_what_is_known(
    house: House, order: list[int], again: list[int], cuts: set[int]
) -> None:
    things = everything()
    assert len(things) == 19
    straight = state(house, brought(house, [things]))
    shuffled = [things[number] for number in (*order, *again)]
    edges = [0, *sorted(cuts), len(shuffled)]
    batches = [shuffled[start:end] for start, end in itertools.pairwise(edges)]
    assert differences(straight, state(house, brought(house, batches))) == {}


def test_one_mail_at_a_time_backwards_is_the_same_as_all_at_once(house: House) -> None:
    things = everything()
    straight = state(house, brought(house, [things]))
    assert differences(straight, state(house, brought(house, [[thing] for thing in reversed(things)]))) == {}


def test_everything_is_linked_where_it_belongs(house: House, account: Account) -> None:
    compose_as(house, account, sent(), key="k" * 20, reference=COMPOSED, to=BOTH)
    for thing in reversed(everything()):
        bring(house, place_of(account), [thing])
    composed, found = show(OPERATOR, house, "k" * 20), show(OPERATOR, house, FOUND)
    assert journeys(composed.message) == {ANNA: "delivered", BRUNO: "failed"}
    assert {one.address: one.error_code for one in composed.message.recipients} == {ANNA: None, BRUNO: "5.1.1"}
    assert journeys(found.message) == {ANNA: "delivered", BRUNO: "delivered"}
    assert {one.address: one.role for one in found.message.recipients} == {ANNA: "to", BRUNO: "cc"}
    assert [one.contradictions for one in found.message.recipients] == [(), ("delivery-and-failure",)]
    assert sorted(mail.role for mail in found.mails) == ["reply", "reply", "sent-copy", "sent-copy"]
    assert [mail.role for mail in composed.mails] == ["reply"]
    assert (found.message.reference, found.message.identifier, found.message.subject) == (
        FOUND,
        TWO,
        "Fattura già pagata",
    )
    assert len(composed.evidence) == 4 + len(FORGERIES)
    assert find(OPERATOR, house, Query()).total == 2  # a receipt about another mailbox's message shows none


def journeys(message: FoundMessage) -> dict[str, str]:
    return {one.address: one.state for one in message.recipients}


@pytest.mark.parametrize("forgery", FORGERIES)
@pytest.mark.parametrize("early", [False, True], ids=["after the acceptance", "before it"])
def test_forged_delivery_moves_nothing_is_kept_shown_and_alarmed_once(
    house: House, account: Account, forgery: str, early: bool
) -> None:
    compose_as(house, account, sent(), key="k" * 20, reference=COMPOSED, to=BOTH)
    raw = FORGERIES[forgery]()
    batches = [[about("accettazione")], [raw], [raw]]
    for batch in reversed(batches) if early else batches:
        bring(house, place_of(account), batch)
    dossier = show(OPERATOR, house, "k" * 20)
    assert set(journeys(dossier.message).values()) == {"accepted"}
    forged = [one for one in dossier.evidence if one.kind != "acceptance"]
    assert [one.counts for one in forged] == [False]
    assert house.archive.get(forged[0].sha256, Suffix.MAIL) == raw
    assert [row.kind for row in rows(house.engine, select(Alert.kind))] == ["evidence-not-proof"]
    bring(house, place_of(account), [about("avvenuta-consegna", recipient=ANNA, **at(minutes=1))])
    assert len(rows(house.engine, select(Alert.kind))) == 1


def test_forgery_about_no_message_of_ours_is_kept_and_alarmed_once(house: House, account: Account) -> None:
    raw = about("avvenuta-consegna", recipient=BRUNO, signers=forger())
    for _ in range(2):
        bring(house, place_of(account), [raw])
    assert find(OPERATOR, house, Query()).total == 0
    assert [row.role for row in rows(house.engine, select(Mail.role))] == ["waiting"]
    assert len(rows(house.engine, select(Alert.id))) == 1
    bring(house, place_of(account), [about("accettazione")])  # now its message is known
    assert sorted(one.counts for one in show(OPERATOR, house, COMPOSED).evidence) == [False, True]
    assert len(rows(house.engine, select(Alert.id))) == 1


def test_alert_that_a_person_has_read_stays_read_until_something_changes(house: House, account: Account) -> None:
    compose_as(house, account, sent(), key="k" * 20, reference=COMPOSED, to=BOTH)
    failure = about("errore-consegna", recipient=BRUNO, error="no-dest", error_detail="5.1.1", **at(hours=1))
    bring(house, place_of(account), [about("accettazione"), failure])
    assert [row.kind for row in rows(house.engine, select(Alert.kind))] == ["not-delivered"]
    with house.engine.begin() as connection:
        connection.execute(update(Alert).values(settled_at=NOW))
    bring(house, place_of(account), [about("avvenuta-consegna", recipient=ANNA, **at(hours=1))])
    assert [row.settled_at for row in rows(house.engine, select(Alert.settled_at))] == [NOW]


def test_notice_of_24_hours_then_delivery_settles_the_alarm(house: House, account: Account) -> None:
    compose_as(house, account, sent(), key="k" * 20, reference=COMPOSED, to=BOTH)
    notice = about("preavviso-errore-consegna", recipient=ANNA, error="altro", error_detail="5.4.1", **at(hours=24))
    bring(house, place_of(account), [about("accettazione"), notice])
    bring(house, place_of(account), [about("avvenuta-consegna", recipient=ANNA, **at(hours=25))])
    alerts = rows(house.engine, select(Alert.kind, Alert.settled_at).order_by(Alert.kind))
    assert [(row.kind, row.settled_at is None) for row in alerts] == [("contradiction", True), ("not-delivered", False)]


@pytest.mark.parametrize(
    "names",
    [("acceptance",), ("delivery",), ("copy",), ("acceptance", "copy"), ("delivery", "copy")],
    ids="+".join,
)
def test_message_sent_by_other_means_is_found_from_whatever_there_is(
    house: House, account: Account, names: tuple[str, ...]
) -> None:
    there = {
        "acceptance": Thing(about_found("accettazione")),
        "delivery": Thing(about_found("avvenuta-consegna", recipient=ANNA, original=copy(), **at(minutes=2))),
        "copy": Thing(copy(), sent=True),
    }
    for name in names:
        bring(house, place_of(account), [there[name]])
    dossier = show(OPERATOR, house, FOUND)
    assert dossier.message.subject == "Fattura già pagata"
    expected = "delivered" if "delivery" in names else "accepted" if "acceptance" in names else "awaiting_acceptance"
    assert journeys(dossier.message)[ANNA] == expected
    assert (dossier.raw is not None) == ("copy" in names)
    assert all(one.counts for one in dossier.evidence)


def test_acceptance_without_reference_shows_its_message_by_the_identifier(house: House, account: Account) -> None:
    delivery = about_found("avvenuta-consegna", recipient=ANNA, reference=None, **at(minutes=2))
    bring(house, place_of(account), [delivery])
    assert find(OPERATOR, house, Query()).total == 0  # it waits: its acceptance may name the reference
    bring(house, place_of(account), [about_found("accettazione", reference=None)])
    dossier = show(OPERATOR, house, TWO)
    assert journeys(dossier.message)[ANNA] == "delivered"
    assert dossier.message.reference is None


def test_copy_that_lay_elsewhere_first_is_recognised_among_the_sent_ones(house: House, account: Account) -> None:
    bring(house, in_folder(house, place_of(account), "Archive"), [Thing(copy())])
    assert find(OPERATOR, house, Query()).total == 0
    sent_folder = in_folder(house, place_of(account), "Sent")
    for _ in range(2):
        bring(house, sent_folder, [Thing(copy(), sent=True)])
        assert show(OPERATOR, house, FOUND).mails[0].role == "sent-copy"
    assert len(rows(house.engine, select(Mail.id))) == 1


def test_plain_mail_in_our_name_outside_sent_shows_no_message(house: House, account: Account) -> None:
    bring(house, in_folder(house, place_of(account), "INBOX"), [Thing(copy())])
    assert rows(house.engine, select(Message.id)) == []


def test_copy_of_a_composed_message_adds_no_recipient(house: House, account: Account) -> None:
    compose_as(house, account, sent(), key="k" * 20, reference=COMPOSED, to=BOTH)
    altered = receipts.original(to=("mallory@pec.example",), subject="Diffida", reference=COMPOSED)
    bring(house, place_of(account), [Thing(altered, sent=True)])
    assert {row.address for row in rows(house.engine, select(Recipient.address))} == set(BOTH)
    assert show(OPERATOR, house, "k" * 20).mails[0].role == "sent-copy"


def test_own_envelope_is_evidence_whenever_it_comes(house: House, account: Account) -> None:
    to_self = receipts.original(to=(OWNER,), subject="A me", reference="self.1@pec.example")
    facts = {"recipients": (OWNER,), "subject": "A me", "reference": "self.1@pec.example"}
    envelope = receipts.receipt("posta-certificata", original=to_self, **facts)  # type: ignore[arg-type]
    acceptance = receipts.receipt("accettazione", **facts)  # type: ignore[arg-type]
    bring(house, place_of(account), [envelope])
    bring(house, place_of(account), [acceptance])
    assert {one.kind for one in show(OPERATOR, house, "self.1@pec.example").evidence} == {
        "acceptance",
        "transport-envelope",
    }
    assert rows(house.engine, select(Evidence.id).where(Evidence.message_id.is_(None))) == []
