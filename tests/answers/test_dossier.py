"""In what order did it happen, and why is some evidence no proof? Told in words, with no house behind them."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from pec_tracker import texts
from pec_tracker.answers import dossier as answers
from pec_tracker.answers.plain import to_json
from pec_tracker.service.queries.show import AttemptShown, MailShown
from tests.answers.conftest import SECOND, dossier, evidence, message, recipient


def attempt(**changed: Any) -> AttemptShown:
    facts: dict[str, Any] = {
        "number": 1, "started_at": SECOND.replace(microsecond=700_000), "ended_at": SECOND, "outcome": "submitted",
        "stage": "reply", "code": 250, "reply": "ok", "problem": None,
    }  # fmt: skip
    return AttemptShown(**{**facts, **changed})


def test_in_one_second_our_attempt_the_acceptance_the_delivery_and_other_mails_stand_in_that_order() -> None:
    # The same second, said in another zone.
    rome = SECOND.astimezone(timezone(timedelta(hours=1)))
    shown = dossier(
        evidence=(evidence(at=None, kind="ordinary"), evidence(), evidence(at=rome, kind="acceptance", recipient=None)),
        mails=(MailShown("sent-copy", "ordinary", "ef" * 32, None, None, SECOND),),
        attempts=(attempt(),),
    )
    assert [(one.when, one.what) for one in answers.timeline(shown)] == [
        ("02/03/2026 11:15:30", "attempt 1 to send (our clock): sent"),
        ("02/03/2026 11:15:30", "acceptance receipt"),
        ("02/03/2026 11:15:30", "delivery receipt, piena@azienda.test"),
        ("02/03/2026 11:15:30", "copy in the folder of sent messages"),
        ("time not known", "ordinary mail, piena@azienda.test"),
    ]


def test_the_timeline_speaks_italian() -> None:
    texts.activate("it")
    (one,) = answers.timeline(dossier(evidence=(evidence(),)))
    assert one.what == "ricevuta di avvenuta consegna, piena@azienda.test"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (
            {"verdict": "broken", "verification": {"reasons": [], "checks": {"digest": False, "chain": True}}},
            ["NOT PROOF; signature: altered", "does not hold: content as signed"],
        ),
        (
            {"disagrees": ("subject",)},
            ["NOT PROOF; signature: trusted", "disagrees with the message on: subject"],
        ),
        ({"agreement": None}, ["NOT PROOF; trusted, but nothing is known of the message to hold it against"]),
        ({}, ["trusted, but of a kind that moves no state"]),
    ],
)
def test_evidence_that_is_no_proof_says_exactly_why(changed: dict[str, Any], told: list[str]) -> None:
    assert answers.no_proof(evidence(counts=False, **changed)) == told


def test_an_attempt_that_failed_says_how_far_it_came_and_who_said_what() -> None:
    lost = attempt(outcome="deferred", stage="data", code=451, reply="riprovare")
    (one,) = answers.timeline(dossier(attempts=(lost,)))
    assert one.beside == ["the server said: 451 riprovare", "it had come to: announcing the message"]


def test_only_what_is_known_stands_in_the_heading() -> None:
    lines = dict(answers.heading(dossier(message=message(subject=None))))
    assert lines["Message-ID"] == "<pt.k7f3qv2mx5a1@pec.test>"
    assert "Subject" not in lines
    assert "Case" not in lines


def test_failures_and_contradictions_are_remarked_for_each_recipient() -> None:
    both = recipient(contradictions=("delivery-and-failure",))
    first, second = answers.remarks(message(recipients=(both, recipient(error_code=None, error_detail=None))))
    assert first == "piena@azienda.test: the mailbox is full: 5.2.2 - Gestore - casella piena"
    assert second.startswith("piena@azienda.test: contradiction: ")


def test_the_object_of_a_dossier_is_the_messages_with_more() -> None:
    facts = answers.dossier_facts(dossier(evidence=(evidence(),), attempts=(attempt(),)))
    assert facts["key"] == "k7f3qv2mx5a1"
    assert facts["evidence"][0]["kind"] == "delivery"
    assert facts["attempts"][0]["problem"] is None
    kept = evidence(verification={"at": "2026-03-02T11:15:30+01:00", "checks": {}})
    (shown,) = answers.dossier_facts(dossier(evidence=(kept,)))["evidence"]
    assert to_json(shown["verification"]) == '{"at": "2026-03-02T10:15:30+00:00", "checks": {}}'
    assert datetime(2026, 3, 2, 10, 15, 30, tzinfo=UTC) == facts["submitted_at"]
