"""Where a message stands with one recipient: the same answer from the same evidence, however it comes."""

import random as randomly
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pec_tracker.pec.evidence import CertifiedRecipient, Evidence, Verdict
from pec_tracker.pec.journey import Due, Journey, due, journey, summary
from pec_tracker.pec.sending import SendState
from pec_tracker.pec.standard import Kind
from pec_tracker.pec.states import NextStep, State, next_step

SENT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ANNA, BRUNO = "anna@pec.example", "bruno@pec.example"
HOUR = timedelta(hours=1)


def evidence(kind: Kind, *, after: float = 0.01, to: str | None = None, **changes: object) -> Evidence:
    about_one = kind not in (Kind.ACCEPTANCE, Kind.NON_ACCEPTANCE)
    one = Evidence(
        key=f"{kind}-{after}-{to}-{sorted(changes)}",
        kind=kind,
        verdict=Verdict.TRUSTED,
        issued_at=SENT + after * HOUR,
        recipients=(CertifiedRecipient(ANNA, "certificato"), CertifiedRecipient(BRUNO, "esterno")),
        recipient=to or (ANNA if about_one else None),
        error="nessuno",
    )
    return replace(one, **changes)  # type: ignore[arg-type]


ACCEPTED = evidence(Kind.ACCEPTANCE)
DELIVERED = evidence(Kind.DELIVERY, after=0.02)
FAILED = evidence(Kind.NON_DELIVERY, after=0.02, error="altro", error_code="5.1.1", error_detail="5.1.1 - X - no")
REFUSED = evidence(Kind.NON_ACCEPTANCE, after=0.02, error="altro")
NOTICE_12H = evidence(Kind.DELAY_NOTICE, after=12.1)
NOTICE_24H = evidence(Kind.DELAY_NOTICE, after=23, error_code="5.4.1")


def of(*given: Evidence, to: str = ANNA, after: float = 1) -> Journey:
    return journey(to, given, now=SENT + after * HOUR, submitted_at=SENT)


@pytest.mark.parametrize(
    ("given_evidence", "state", "contradictions"),
    [
        ((), State.AWAITING_ACCEPTANCE, ()),
        ((ACCEPTED,), State.ACCEPTED, ()),
        ((ACCEPTED, DELIVERED), State.DELIVERED, ()),
        ((DELIVERED,), State.DELIVERED, ()),
        ((ACCEPTED, FAILED), State.FAILED, ()),
        ((REFUSED,), State.NOT_ACCEPTED, ()),
        ((ACCEPTED, NOTICE_12H), State.DELAYED, ()),
        ((NOTICE_12H,), State.DELAYED, ()),
        ((ACCEPTED, NOTICE_12H, DELIVERED), State.DELIVERED, ()),
        ((ACCEPTED, NOTICE_12H, NOTICE_24H), State.FAILED, ()),
        ((NOTICE_24H,), State.FAILED, ()),
        ((ACCEPTED, NOTICE_24H, DELIVERED), State.DELIVERED, ("delivery-and-failure",)),
        ((ACCEPTED, FAILED, DELIVERED), State.DELIVERED, ("delivery-and-failure",)),
        ((DELIVERED, REFUSED), State.DELIVERED, ("delivery-and-not-accepted",)),
        ((FAILED, REFUSED), State.FAILED, ("failure-and-not-accepted",)),
        ((ACCEPTED, REFUSED), State.NOT_ACCEPTED, ("refusal-after-acceptance",)),
        ((replace(REFUSED, issued_at=SENT), ACCEPTED), State.NOT_ACCEPTED, ("acceptance-after-refusal",)),
        ((DELIVERED, evidence(Kind.DELIVERY, after=3)), State.DELIVERED, ("two-deliveries",)),
        ((ACCEPTED, evidence(Kind.ACCEPTANCE, after=3)), State.ACCEPTED, ("two-acceptances",)),
        ((DELIVERED, replace(DELIVERED, key="again")), State.DELIVERED, ()),
        ((DELIVERED, replace(DELIVERED, key="again", issued_at=None)), State.DELIVERED, ()),
    ],
)
def test_the_best_evidence_decides_and_contradictions_are_named(
    given_evidence: tuple[Evidence, ...], state: State, contradictions: tuple[str, ...]
) -> None:
    found = of(*given_evidence)
    assert (found.state, found.contradictions) == (state, contradictions)


def test_an_ordinary_mailbox_waits_for_no_delivery() -> None:
    found = of(ACCEPTED, to=BRUNO, after=100)
    assert (found.state, found.due_at, found.overdue, found.contradictions) == (State.EXTERNAL, None, False, ())
    assert found.state_at == ACCEPTED.issued_at
    delivered = of(ACCEPTED, evidence(Kind.DELIVERY, to=BRUNO), to=BRUNO)
    assert (delivered.state, delivered.contradictions) == (State.DELIVERED, ("delivery-to-external",))
    assert of(ACCEPTED, evidence(Kind.NON_DELIVERY, to=BRUNO), to=BRUNO).state is State.FAILED


def test_who_is_listed_both_ways_has_a_certified_mailbox() -> None:
    both = (CertifiedRecipient(ANNA, "certificato"), CertifiedRecipient(ANNA, "esterno"))
    for listed in (both, both[::-1]):
        assert of(replace(ACCEPTED, recipients=listed)).state is State.ACCEPTED


def test_evidence_of_another_recipient_moves_nothing() -> None:
    found = of(ACCEPTED, evidence(Kind.DELIVERY, to="carla@pec.example"), evidence(Kind.NON_DELIVERY, to=BRUNO))
    assert found.state is State.ACCEPTED
    assert found.evidence == (ACCEPTED.key,)


def test_evidence_without_consegna_counts_only_for_the_one_that_it_lists() -> None:
    nameless = replace(DELIVERED, recipient=None)
    assert of(nameless).state is State.AWAITING_ACCEPTANCE
    assert of(replace(nameless, recipients=nameless.recipients[:1])).state is State.DELIVERED
    assert of(replace(nameless, recipients=())).state is State.AWAITING_ACCEPTANCE


def test_addresses_in_other_case_are_the_same_recipient() -> None:
    found = of(replace(DELIVERED, recipient="Anna@PEC.Example"), to=ANNA)
    assert (found.state, found.recipient) == (State.DELIVERED, ANNA)
    assert of(ACCEPTED, to=BRUNO.upper()).state is State.EXTERNAL


def test_what_passes_between_providers_is_listed_and_moves_nothing() -> None:
    taken = evidence(Kind.TAKEN_IN_CHARGE, recipient=None)
    virus = evidence(Kind.VIRUS_NOTICE)
    found = of(taken, virus)
    assert found.state is State.AWAITING_ACCEPTANCE
    assert set(found.evidence) == {taken.key, virus.key}


@pytest.mark.parametrize("kind", [Kind.TRANSPORT_ENVELOPE, Kind.ANOMALY_ENVELOPE, Kind.REM_EVIDENCE, Kind.ORDINARY])
def test_what_is_no_receipt_is_no_evidence_of_a_journey(kind: Kind) -> None:
    assert of(evidence(kind)) == of()


def test_times_are_the_certified_ones_with_the_providers_offset() -> None:
    found = of(ACCEPTED, DELIVERED, evidence(Kind.DELIVERY, after=5))
    assert found.accepted_at == ACCEPTED.issued_at
    assert found.delivered_at == found.state_at == DELIVERED.issued_at


def test_a_late_notice_without_code_closes_the_transaction_from_22_hours_on() -> None:
    assert ACCEPTED.issued_at is not None
    at_22 = replace(NOTICE_12H, issued_at=ACCEPTED.issued_at + 22 * HOUR)
    just_before = replace(NOTICE_12H, issued_at=ACCEPTED.issued_at + 22 * HOUR - timedelta(seconds=1))
    assert of(ACCEPTED, at_22).state is State.FAILED
    assert of(ACCEPTED, just_before).state is State.DELAYED
    assert of(at_22).state is State.DELAYED  # without an acceptance there is nothing to count from
    assert of(ACCEPTED, replace(NOTICE_12H, issued_at=None)).state is State.DELAYED


@pytest.mark.parametrize(
    ("given_evidence", "after", "due", "overdue", "step"),
    [
        ((), 0.1, SENT + HOUR / 4, False, NextStep.WAIT_ACCEPTANCE),
        ((), 0.25, SENT + HOUR / 4, False, NextStep.WAIT_ACCEPTANCE),  # to the second it is not late
        ((), 0.3, SENT + HOUR / 4, True, NextStep.ASK_PROVIDER),
        ((ACCEPTED,), 1, SENT + 12.01 * HOUR, False, NextStep.WAIT_DELIVERY),
        ((ACCEPTED,), 13, SENT + 24.01 * HOUR, False, NextStep.WAIT_DELIVERY),
        ((ACCEPTED,), 25, SENT + 24.01 * HOUR, True, NextStep.ASK_PROVIDER),
        ((ACCEPTED,), 12.01, SENT + 12.01 * HOUR, False, NextStep.WAIT_DELIVERY),
        ((ACCEPTED, NOTICE_12H), 11, SENT + 24.01 * HOUR, False, NextStep.WAIT_DELIVERY),
        ((ACCEPTED, NOTICE_12H), 13, SENT + 24.01 * HOUR, False, NextStep.WAIT_DELIVERY),
        ((ACCEPTED, NOTICE_12H), 25, SENT + 24.01 * HOUR, True, NextStep.ASK_PROVIDER),
        ((NOTICE_12H,), 13, SENT + 24.1 * HOUR, False, NextStep.WAIT_DELIVERY),
        ((ACCEPTED, DELIVERED), 99, None, False, NextStep.NOTHING),
        ((ACCEPTED, FAILED), 99, None, False, NextStep.CHECK_ADDRESS),
    ],
)
def test_what_is_due_when_and_what_to_do(
    given_evidence: tuple[Evidence, ...], after: float, due: datetime | None, overdue: bool, step: NextStep
) -> None:
    found = of(*given_evidence, after=after)
    assert (found.due_at, found.overdue, found.next_step) == (due, overdue, step)


@pytest.mark.parametrize("after", [0.1, 0.25, 0.26, 12.01, 12.02, 24.01, 24.02, 24.1, 24.2, 99])
@pytest.mark.parametrize(
    "given_evidence",
    [
        (), (ACCEPTED,), (ACCEPTED, NOTICE_12H), (NOTICE_12H,), (ACCEPTED, DELIVERED), (ACCEPTED, FAILED),
        (replace(ACCEPTED, issued_at=None),),
    ],
)  # fmt: skip
def test_what_a_list_shows_later_is_what_the_journey_says_then(
    given_evidence: tuple[Evidence, ...], after: float
) -> None:
    """No evidence has come since: a list that reads what was kept says neither less nor more."""
    kept, then = of(*given_evidence, after=0.1), of(*given_evidence, after=after)
    found = due(
        kept.state, accepted_at=kept.accepted_at, due_at=kept.due_at, next_step=kept.next_step,
        now=SENT + after * HOUR,
    )  # fmt: skip
    assert found == Due(then.due_at, then.overdue, then.next_step)


@pytest.mark.parametrize("state", list(SendState))
def test_what_a_person_decides_is_asked_of_him_however_late_it_is(state: SendState) -> None:
    kept, then = (journey(ANNA, (), now=SENT + after * HOUR, submitted_at=SENT, send_state=state) for after in (0.1, 9))
    found = due(kept.state, accepted_at=None, due_at=kept.due_at, next_step=kept.next_step, now=SENT + 9 * HOUR)
    assert found == Due(then.due_at, True, then.next_step)


def test_nothing_is_due_of_a_message_that_has_not_left() -> None:
    found = journey(ANNA, (), now=SENT, submitted_at=None)
    assert (found.due_at, found.overdue, found.next_step) == (None, False, NextStep.WAIT_ACCEPTANCE)


@pytest.mark.parametrize(
    ("kind", "error", "code", "step"),
    [
        (Kind.NON_DELIVERY, "altro", "5.1.1", NextStep.CHECK_ADDRESS),  # the code says more than @errore
        (Kind.NON_DELIVERY, "no-dest", "5.2.2", NextStep.RESEND_LATER),
        (Kind.NON_DELIVERY, "no-dest", "5.2.1", NextStep.OTHER_CHANNEL),
        (Kind.NON_DELIVERY, "altro", "5.5.1", NextStep.REMOVE_VIRUS),
        (Kind.NON_DELIVERY, "virus", None, NextStep.REMOVE_VIRUS),
        (Kind.NON_DELIVERY, "no-dest", None, NextStep.CHECK_ADDRESS),
        (Kind.NON_DELIVERY, "no-dominio", "9.9.9", NextStep.CHECK_ADDRESS),
        (Kind.NON_DELIVERY, "altro", None, NextStep.OTHER_CHANNEL),
        (Kind.NON_DELIVERY, None, None, NextStep.OTHER_CHANNEL),
        (Kind.DELAY_NOTICE, "nessuno", "5.4.1", NextStep.RESEND_OR_OTHER_CHANNEL),
        (Kind.NON_ACCEPTANCE, "virus", None, NextStep.REMOVE_VIRUS),
        (Kind.NON_ACCEPTANCE, "altro", None, NextStep.CORRECT_AND_RESEND),
    ],
)
def test_the_reason_of_a_failure_says_what_to_do_next(
    kind: Kind, error: str | None, code: str | None, step: NextStep
) -> None:
    found = of(ACCEPTED, evidence(kind, error=error, error_code=code, error_detail="as the provider says"))
    assert (found.next_step, found.error_code, found.error_detail) == (step, code, "as the provider says")


def test_a_code_in_what_is_no_failure_is_no_reason_of_one() -> None:
    for one in (replace(ACCEPTED, error_code="5.1.1"), replace(DELIVERED, error_code="5.1.1", error_detail="x")):
        assert (of(one).error_code, of(one).error_detail) == (None, None)


@pytest.mark.parametrize(
    ("state", "step"), [(State.NOT_ACCEPTED, NextStep.CORRECT_AND_RESEND), (State.FAILED, NextStep.OTHER_CHANNEL)]
)
def test_without_the_notice_at_hand_what_its_state_asks_for_is_said(state: State, step: NextStep) -> None:
    assert next_step(state, None, overdue=False, send_state=SendState.SUBMITTED) is step


def test_the_worst_recipient_stands_for_the_message() -> None:
    delivered, external, failed = of(ACCEPTED, DELIVERED), of(ACCEPTED, to=BRUNO), of(ACCEPTED, FAILED)
    assert summary([delivered, delivered]) is State.DELIVERED
    assert summary([delivered, external]) is State.EXTERNAL
    assert summary([external, of(ACCEPTED), of(ACCEPTED, NOTICE_12H)]) is State.DELAYED
    assert summary([delivered, failed, external]) is State.FAILED
    assert summary([]) is State.AWAITING_ACCEPTANCE


pieces = st.builds(
    replace,
    st.sampled_from([ACCEPTED, DELIVERED, FAILED, REFUSED, NOTICE_12H, NOTICE_24H, evidence(Kind.VIRUS_NOTICE)]),
    key=st.integers(0, 10**6).map(str),
    issued_at=st.none() | st.integers(0, 30).map(lambda hours: SENT + hours * HOUR),
    recipient=st.sampled_from([None, ANNA, BRUNO]),
    error_code=st.sampled_from([None, "5.1.1", "5.4.1"]),
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(pieces, max_size=8, unique_by=lambda one: one.key),
    st.randoms(use_true_random=False),
    st.sampled_from([ANNA, BRUNO]),
    st.integers(0, 48),
)
def test_any_order_and_any_repetition_give_the_same_journey(
    given_evidence: list[Evidence], random: randomly.Random, to: str, after: int
) -> None:
    shuffled = given_evidence + given_evidence[:4]
    random.shuffle(shuffled)
    assert of(*given_evidence, to=to, after=after) == of(*shuffled, to=to, after=after)


@settings(max_examples=200, deadline=None)
@given(st.lists(pieces, max_size=6, unique_by=lambda one: one.key), pieces)
def test_more_evidence_never_worsens_what_was_delivered(given_evidence: list[Evidence], more: Evidence) -> None:
    assume(more.key not in {one.key for one in given_evidence})  # a key names one evidence
    if of(*given_evidence).state is State.DELIVERED:
        assert of(*given_evidence, more).state is State.DELIVERED


@pytest.mark.parametrize("keys", ["ad", "da"])
def test_in_one_second_a_refusal_comes_after_the_acceptance_whatever_their_keys(keys: str) -> None:
    accepted, refused = replace(ACCEPTED, key=keys[0]), replace(REFUSED, key=keys[1], issued_at=ACCEPTED.issued_at)
    for order in ((accepted, refused), (refused, accepted)):
        assert of(*order).contradictions == ("refusal-after-acceptance",)


def test_24_hours_without_delivery_are_not_told_as_a_full_mailbox() -> None:
    for notice in (NOTICE_24H, replace(NOTICE_24H, error_code=None)):
        assert of(ACCEPTED, notice).next_step is NextStep.RESEND_OR_OTHER_CHANNEL
