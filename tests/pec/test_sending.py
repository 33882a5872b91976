"""What becomes of a message on its way out: the whole table, held to what a user must be able to rely on."""

from itertools import product

import pytest

from pec_tracker.pec.sending import (
    FOR_A_PERSON,
    HELD_BACK,
    MAY_HAVE_LEFT,
    REPLIED,
    RESENDABLE,
    RESOLVED_BY_RECEIPT,
    WAITING,
    Alerts,
    Event,
    NotPossibleError,
    SendState,
    after,
    change_of,
    possible,
    tokens,
)

EVERY = list(product(SendState, Event))
BY_A_PERSON = {Event.RESENT, Event.SETTLED_SENT, Event.SETTLED_ABANDONED}
MAY_LEAVE_AGAIN = {Event.CLAIMED, Event.RELEASED, Event.RECOVERED, Event.SERVER_DEFERRED}


@pytest.mark.parametrize(("state", "event"), EVERY)
def test_what_may_have_left_goes_again_only_by_a_persons_word_or_the_servers_own_no(
    state: SendState, event: Event
) -> None:
    if state not in possible(event):
        with pytest.raises(NotPossibleError, match=state.value):
            after(state, event)
        return
    change = after(state, event)
    if state in MAY_HAVE_LEFT and change.state in HELD_BACK:
        assert event in BY_A_PERSON | {Event.SERVER_DEFERRED}
    assert change.state is not SendState.SUBMITTED or change.settles == frozenset(Alerts)


@pytest.mark.parametrize("event", list(Event))
def test_nothing_is_silently_not_sent(event: Event) -> None:
    """Whatever does not go by itself is asked about, or a person has decided it."""
    change = change_of(event)
    if change.state in FOR_A_PERSON:
        assert change.raises is not None
        assert change.raises not in change.settles
    if change.state is SendState.ABANDONED:
        assert event in BY_A_PERSON
    assert change.waits is (change.state in WAITING)


@pytest.mark.parametrize("event", list(Event))
def test_what_outlasts_the_database_is_in_the_ledger(event: Event) -> None:
    """What a rebuild could not know otherwise: every end of an attempt, every doubt and every decision."""
    kept_here = {Event.CLAIMED, Event.RELEASED, Event.RECOVERED}
    change = change_of(event)
    assert (change.act is None) is (event in kept_here)
    if change.act not in (None, "message.requeued"):
        assert change.act == f"message.{change.state}"


def test_a_receipt_settles_whatever_we_believed() -> None:
    for state in RESOLVED_BY_RECEIPT:
        assert after(state, Event.PROVEN).state is SendState.SUBMITTED
    assert {*RESOLVED_BY_RECEIPT, SendState.SUBMITTED, SendState.SENDING} == set(SendState)


def test_a_receipt_is_stronger_than_the_servers_no_and_its_yes_than_a_doubt() -> None:
    for event in (Event.SERVER_DEFERRED, Event.SERVER_REFUSED, Event.REPLY_LOST, Event.DOUBTED):
        assert SendState.SUBMITTED not in possible(event)
    assert SendState.UNCERTAIN in possible(Event.SERVER_TOOK)
    assert SendState.SUBMITTED in possible(Event.SERVER_TOOK)


def test_who_is_sent_again_is_asked_about_no_more() -> None:
    for state in RESENDABLE:
        assert after(state, Event.RESENT).settles == frozenset(Alerts)


def test_every_reply_of_the_server_is_an_event() -> None:
    for reply, event in REPLIED.items():
        assert change_of(event).state == reply
    assert set(REPLIED) == {"submitted", "deferred", "refused", "uncertain"}


def test_tokens_are_as_stored_and_in_one_order() -> None:
    assert tokens(WAITING) == ["deferred", "queued"]


def _changes() -> dict[Event, tuple[str, str | None, str | None, set[str], bool, bool, bool | None, bool]]:
    """State, act, raises, settles, reconsidered, waits, left, keeps_reason: as a person reads the rules."""
    every = {"send-uncertain", "uncertain-unresolved", "send-refused", "send-waiting"}
    doubts = {"send-uncertain", "uncertain-unresolved"}
    waits = {"send-waiting"}
    sent, doubtful = "message.submitted", "message.uncertain"
    return {
        Event.CLAIMED: ("sending", None, None, set(), False, False, None, True),
        Event.RELEASED: ("deferred", None, None, set(), False, True, None, False),
        Event.RECOVERED: ("queued", None, None, set(), False, True, None, True),
        Event.SERVER_TOOK: ("submitted", sent, None, every, True, False, True, False),
        Event.SERVER_DEFERRED: ("deferred", "message.deferred", None, doubts, False, True, False, False),
        Event.SERVER_REFUSED: (
            "refused",
            "message.refused",
            "send-refused",
            doubts | waits,
            False,
            False,
            False,
            False,
        ),
        Event.REPLY_LOST: ("uncertain", doubtful, "send-uncertain", waits, True, False, False, False),
        Event.DOUBTED: ("uncertain", doubtful, "send-uncertain", waits, True, False, None, False),
        Event.PROVEN: ("submitted", sent, None, every, False, False, None, False),
        Event.RESENT: ("queued", "message.requeued", None, every, False, True, False, False),
        Event.SETTLED_SENT: ("submitted", sent, None, every, True, False, None, False),
        Event.SETTLED_ABANDONED: ("abandoned", "message.abandoned", None, every, True, False, None, False),
    }


@pytest.mark.parametrize("event", list(Event))
def test_what_follows_from_each_event_is_complete(event: Event) -> None:
    """An alarm, a ledger line, a time to try again or the reason in sight: whatever is missing, somebody misses."""
    change = change_of(event)
    assert (
        change.state, change.act, change.raises, set(change.settles), change.reconsidered, change.waits, change.left,
        change.keeps_reason,
    ) == _changes()[event]  # fmt: skip


@pytest.mark.parametrize(
    ("event", "states"),
    [
        (Event.CLAIMED, "deferred queued"),
        (Event.RELEASED, "sending"),
        (Event.RECOVERED, "sending"),
        (Event.SERVER_TOOK, "sending submitted uncertain"),
        (Event.SERVER_DEFERRED, "sending uncertain"),
        (Event.SERVER_REFUSED, "sending uncertain"),
        (Event.REPLY_LOST, "sending uncertain"),
        (Event.DOUBTED, "deferred queued sending"),
        (Event.PROVEN, "abandoned deferred queued refused uncertain"),
        (Event.RESENT, "abandoned refused submitted uncertain"),
        (Event.SETTLED_SENT, "uncertain"),
        (Event.SETTLED_ABANDONED, "deferred queued refused uncertain"),
    ],
)
def test_each_event_happens_in_these_states_and_no_other(event: Event, states: str) -> None:
    assert tokens(possible(event)) == states.split()


def test_what_waits_what_asks_and_what_may_have_left() -> None:
    assert tokens(HELD_BACK) == ["deferred", "queued", "sending"]
    assert tokens(FOR_A_PERSON) == ["refused", "uncertain"]
    assert tokens(MAY_HAVE_LEFT) == ["submitted", "uncertain"]
    assert tokens(RESENDABLE) == ["abandoned", "refused", "uncertain"]
    assert tokens(RESOLVED_BY_RECEIPT) == ["abandoned", "deferred", "queued", "refused", "uncertain"]
