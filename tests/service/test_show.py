"""What a user would lose: the dossier under one of its names, or a line of its timeline."""

import hashlib
from datetime import timedelta
from typing import Any

import pytest

from pec_tracker.askers import OPERATOR
from pec_tracker.errors import NotFoundError, UsageError
from pec_tracker.pec.compose import Draft
from pec_tracker.service.house import Account, House
from pec_tracker.service.queries.show import show
from pec_tracker.service.sending.send import queue
from tests.factory import receipts
from tests.service.house import OWNER, Thing, account_of, bring, compose_as, place_of

KEY = "abcdefghijklmnopqrst"


@pytest.fixture
def dossier(house: House, account: Account) -> Account:
    """A composed message with its receipts, a forged one, its copy and an answer."""
    sent = receipts.original()
    compose_as(house, account, sent, key=KEY, reference=receipts.REFERENCE, to=(receipts.RECIPIENT,))
    answer = receipts.original(
        sender=receipts.RECIPIENT, to=(OWNER,), subject="Re: Prova", reference="re@pec.example",
        headers=(f"References: <{receipts.REFERENCE}>",),
    )  # fmt: skip
    copy = sent.replace(b"MIME-Version", b"X-Saved: yes\r\nMIME-Version")
    later = receipts.ISSUED_AT + timedelta(seconds=40)
    mails = [
        receipts.receipt("avvenuta-consegna", original=sent, issued_at=later),
        receipts.receipt("accettazione"),
        receipts.receipt("avvenuta-consegna", subject="Altro", issued_at=later + timedelta(seconds=1)),
        answer,
    ]
    bring(house, place_of(account), [*map(Thing, mails), Thing(copy, sent=True)])
    return account


@pytest.mark.parametrize(
    "name",
    [KEY, KEY[:4], KEY[:9].upper(), receipts.REFERENCE, f"<{receipts.REFERENCE.upper()}>", receipts.IDENTIFIER],
)
def test_message_is_shown_by_each_of_its_names(house: House, dossier: Account, name: str) -> None:
    assert show(OPERATOR, house, name).message.key == KEY


@pytest.mark.parametrize("name", ["", "abc", "zzzz", "%%%%", "____", "<>", "a" * 5000, "a\x00b", "\ud800bcd"])
def test_name_of_no_message_is_said_to_be_none(house: House, dossier: Account, name: str) -> None:
    with pytest.raises(NotFoundError):
        show(OPERATOR, house, name)


def test_beginning_of_two_keys_asks_for_more(house: House, dossier: Account, account: Account) -> None:
    other = receipts.original(reference="other@pec.example")
    compose_as(house, account, other, key=KEY[:6] + "z" * 14, reference="other@pec.example", to=("x@pec.example",))
    with pytest.raises(UsageError):
        show(OPERATOR, house, KEY[:6])
    assert show(OPERATOR, house, KEY[:7]).message.key == KEY


def test_timeline_is_in_certified_order_with_verdicts_and_what_disagrees(house: House, dossier: Account) -> None:
    shown = show(OPERATOR, house, KEY)
    assert [(one.kind, one.verdict, one.counts, one.disagrees) for one in shown.evidence] == [
        ("acceptance", "trusted", True, ()),
        ("delivery", "trusted", True, ()),
        ("delivery", "trusted", False, ("subject",)),
    ]
    first = shown.evidence[0]
    assert first.at == receipts.ISSUED_AT
    assert first.at is not None
    assert first.at.utcoffset() == timedelta(hours=1)  # as the provider wrote it
    assert (first.provider, first.identifier) == (receipts.PROVIDER, receipts.IDENTIFIER)
    assert first.verification["checks"]["signature"] is True
    assert sorted(mail.role for mail in shown.mails) == ["reply", "sent-copy"]
    (recipient,) = shown.message.recipients
    assert (recipient.state, recipient.contradictions) == ("delivered", ())


def test_message_that_waits_has_an_empty_timeline(house: House, account: Account) -> None:
    queued = queue(OPERATOR, house, account, Draft(sender=OWNER, to=("a@pec.example",), subject="x", text="x"))
    shown = show(OPERATOR, house, queued.key)
    assert (shown.evidence, shown.attempts, shown.mails) == ((), (), ())
    assert shown.message.send_state == "queued"


def test_same_message_in_two_mailboxes_is_told_apart_by_its_key(house: House) -> None:
    for name in ("one", "two"):
        account = account_of(house, name, OWNER)
        bring(house, place_of(account), [receipts.receipt("accettazione")])
    with pytest.raises(UsageError):
        show(OPERATOR, house, receipts.REFERENCE)


def test_timeline_of_one_second_begins_with_the_acceptance_whatever_the_hashes(house: House, account: Account) -> None:
    hashes_agree = set()
    for number in range(40):
        about: dict[str, Any] = {"reference": f"{number}@pec.example", "identifier": f"opec.{number}@pec.example"}
        accepted, delivered = receipts.receipt("accettazione", **about), receipts.receipt("avvenuta-consegna", **about)
        hashes_agree.add(hashlib.sha256(accepted).digest() < hashlib.sha256(delivered).digest())
        bring(house, place_of(account), [delivered, accepted])
        shown = show(OPERATOR, house, f"{number}@pec.example").evidence
        assert [one.kind for one in shown] == ["acceptance", "delivery"]
        if hashes_agree == {True, False}:
            return
    raise AssertionError("both orders of the hashes were wanted")
