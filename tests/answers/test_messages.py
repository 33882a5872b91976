"""Which state is THE state, and whose words say why? The same for a terminal, a page and a table."""

from typing import Any

import pytest

from pec_tracker import texts
from pec_tracker.answers import messages
from pec_tracker.errors import ServerError
from pec_tracker.texts import error_facts
from tests.answers.conftest import SECOND, message, recipient


@pytest.mark.parametrize(
    ("send_state", "of_recipient", "english", "italian"),
    [
        ("queued", {"state": "awaiting_acceptance"}, "queued", "in coda"),
        ("submitted", {"state": "awaiting_acceptance"}, "awaiting acceptance", "in attesa dell'accettazione"),
        ("uncertain", {"state": "awaiting_acceptance"}, "uncertain whether it left", "non è certo se sia partito"),
        ("uncertain", {"state": "delivered"}, "delivered", "consegnato"),
        ("submitted", {"state": "accepted", "overdue": True}, "accepted, overdue", "accettato, scaduto"),
    ],
)
def test_before_anything_left_the_state_of_sending_is_told(
    send_state: str, of_recipient: dict[str, Any], english: str, italian: str
) -> None:
    one = recipient(**of_recipient)
    told = message(send_state=send_state, recipients=(one,))
    assert messages.state_text(told, one) == english
    texts.activate("it")
    assert messages.state_text(told, one) == italian


def test_a_contradiction_is_never_left_out_of_the_state() -> None:
    one = recipient(state="delivered", contradictions=("delivery-and-failure",))
    assert messages.state_text(message(), one) == "delivered, contradicted"


def test_our_words_come_before_the_providers() -> None:
    assert messages.failure_parts("5.2.2", "piena") == ["the mailbox is full", "piena"]
    assert messages.failure_text("5.2.2", "piena") == "the mailbox is full: piena"
    assert messages.failure_text("5.2.2", None) == "the mailbox is full: 5.2.2"
    assert messages.failure_text("5.9.9", "strano") == "strano"
    assert messages.failure_text("5.9.9", None) == messages.coded_text("5.9.9") == "5.9.9"
    assert messages.failure_text(None, None) == ""
    texts.activate("it")
    assert messages.failure_text("5.2.2", "piena") == "la casella è piena: piena"
    assert messages.coded_text("5.2.2") == "5.2.2: la casella è piena"


def test_what_the_server_did_not_say_is_told_in_the_askers_language_and_not_as_its_words() -> None:
    problem = error_facts(ServerError("the connection to {host} was lost", host="smtp.test"))
    assert messages.said("250 ok", None, code=250) == "250 250 ok"
    assert messages.said(None, problem) == "the connection to smtp.test was lost"
    assert messages.said(None, None) == ""


def test_a_message_as_an_object_has_every_key_and_no_word() -> None:
    texts.activate("it")
    facts = messages.message_facts(message())
    assert list(facts) == [
        "key", "mailbox", "origin", "message_id", "identifier", "subject", "sender", "case", "send_state", "state",
        "created_at", "recipients",
    ]  # fmt: skip
    assert facts["recipients"] == [
        {
            "address": "piena@azienda.test",
            "role": "to",
            "type": "certificato",
            "state": "failed",
            "state_at": SECOND,
            "certified_at": "2026-03-02T10:15:30+00:00",
            "error_code": "5.2.2",
            "error_detail": "5.2.2 - Gestore - casella piena",
            "due_at": None,
            "overdue": False,
            "next_step": "resend-later",
            "contradictions": (),
        }
    ]
