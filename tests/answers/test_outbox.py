"""Did it leave, and what now? A person reads it in his language, a script by keys that never go missing."""

from dataclasses import replace

import pytest

from pec_tracker import texts
from pec_tracker.answers import outbox
from pec_tracker.answers.messages import said
from pec_tracker.errors import ServerError, StorageError
from pec_tracker.pec.finding import Finding, Severity
from pec_tracker.pec.sending import SendState
from pec_tracker.service.sending.attempt import Dispatched
from pec_tracker.service.sending.outbox import OutboxEntry
from pec_tracker.service.sending.send import Queued, RefusedByRulesError
from pec_tracker.service.sending.send_now import Standing
from pec_tracker.texts import error_facts
from tests.answers.conftest import SECOND

LOST = ServerError("the connection to {host} was lost", host="smtp.test")
ADVICE = Finding("subject-empty", Severity.ADVISE, "subject", "us")
QUEUED = Queued("k7f3qv2mx5a1", "pt.k7f3qv2mx5a1@pec.test", ("a@pec.test", "b@pec.test"), (ADVICE,))
WAITS = OutboxEntry("k7f3qv2mx5a1", "studio", "deferred", "Diffida", SECOND, SECOND, 2, "riprovare", None, None)


@pytest.mark.parametrize("state", SendState)
def test_whoever_sends_reads_what_happens_now(state: SendState) -> None:
    told = outbox.next_text(QUEUED, Standing(state, next_attempt_at=SECOND))
    assert (told is None) == (state is SendState.ABANDONED)
    assert "{" not in (told or "")


def test_a_deferred_message_says_when_in_both_languages() -> None:
    standing = Standing(SendState.DEFERRED, code=451, reply="riprovare", next_attempt_at=SECOND)
    assert "from 02/03/2026 11:15:30 (+0100) on" in (outbox.next_text(QUEUED, standing) or "")
    lines = dict(outbox.standing_lines(QUEUED, standing))
    assert lines["The server said"] == "451 riprovare"
    assert lines["Recipients"] == "a@pec.test, b@pec.test"
    texts.activate("it")
    assert dict(outbox.standing_lines(QUEUED, standing))["Destinatari"] == "a@pec.test, b@pec.test"


def test_what_the_server_never_said_is_not_told_as_its_words() -> None:
    standing = Standing(SendState.UNCERTAIN, problem=error_facts(LOST))
    lines = dict(outbox.standing_lines(QUEUED, standing))
    assert lines["Reason"] == "the connection to smtp.test was lost"
    assert "The server said" not in lines
    assert outbox.standing_facts("studio", QUEUED, standing)["problem"] == "the connection to smtp.test was lost"


def test_an_error_is_told_first_and_says_itself_what_to_do() -> None:
    standing = Standing(SendState.SENDING, error=StorageError("the disk is full"))
    assert dict(outbox.standing_lines(QUEUED, standing))["Error"] == "the disk is full"
    assert outbox.next_text(QUEUED, standing) is None
    assert outbox.standing_facts("studio", QUEUED, standing)["error"] == "the disk is full"


def test_a_refused_message_has_the_keys_of_a_sent_one() -> None:
    error = RefusedByRulesError((replace(ADVICE, severity=Severity.REFUSE),))
    refused = outbox.refused_facts("studio", error)
    assert set(refused) == set(outbox.standing_facts("studio", QUEUED, Standing(SendState.SUBMITTED)))
    assert refused["key"] is None
    assert refused["findings"][0]["rule"] == "subject-empty"


def test_advice_names_where() -> None:
    assert outbox.advice_text(ADVICE).startswith("Advice: ")
    assert outbox.advice_text(ADVICE).endswith("(subject)")


def test_the_outbox_says_why_each_waits_and_until_when() -> None:
    columns, rows = outbox.table([WAITS, replace(WAITS, send_state="refused")], {WAITS.key: "k7f3"})
    assert rows[0] == ("k7f3", "studio", SECOND, "deferred, will be tried again", 2, SECOND, "riprovare", "Diffida")
    assert rows[1][5] is None
    assert len(columns) == len(rows[0])


def test_what_was_tried_is_told_with_the_servers_words_or_ours() -> None:
    sent = [
        Dispatched("k7f3qv2mx5a1", "submitted", 250, "ok", "reply"),
        Dispatched("m2", "deferred", None, "", "connect", LOST),
    ]
    assert outbox.sent_lines("studio", sent, waiting=[WAITS]) == [
        "studio: 2 tried, 1 still waiting",
        "  k7f3qv2m  sent  250 ok",
        "  m2  deferred, will be tried again  the connection to smtp.test was lost",
        "  the next attempt is due at 02/03/2026 11:15:30 (+0100): pec-tracker outbox send, or serve, makes it",
        f"  it waits because: {said(WAITS.reply, WAITS.problem)}",
    ]
    facts = outbox.sent_facts("studio", sent, waiting=[WAITS])
    assert [one["problem"] for one in facts["sent"]] == [None, "the connection to smtp.test was lost"]
    assert facts["error"] is None
    assert outbox.sent_facts("studio", error=LOST)["error"] == "the connection to smtp.test was lost"


def test_a_decision_is_said_with_the_whole_key() -> None:
    assert outbox.decision_text("k7f3", SendState.ABANDONED) == "Message k7f3: abandoned"
    assert outbox.decision_facts("k7f3", SendState.QUEUED) == {"key": "k7f3", "send_state": "queued"}


def test_a_refused_size_says_how_much_it_is_and_how_much_may_be() -> None:
    large = Finding("too-large-for-recipients", Severity.REFUSE, "message", "", measured=32505856, limit=31457280)
    assert outbox.finding_text(large).endswith("(message): 31.00 MB, the limit is 30.00 MB")
    many = Finding("too-many-recipients", Severity.REFUSE, "envelope", "", measured=61, limit=50)
    assert outbox.finding_text(many).endswith("(envelope): 61, the limit is 50")
