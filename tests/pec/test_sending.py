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
