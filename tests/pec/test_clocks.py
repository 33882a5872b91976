"""An old key must not certify today, nor a stranger's clock undo a letter: three clocks, and two must agree."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pec_tracker.pec.clocks import ARRIVAL, DAY, WEAK_KEY, WEAK_KEYS_UNTIL, held_against, is_vouched
from pec_tracker.pec.evidence import Evidence, Signer, Verdict
from pec_tracker.pec.standard import Kind

MADE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ISSUED = MADE + timedelta(seconds=20)
NOW = MADE + timedelta(days=400)
SECOND = timedelta(seconds=1)
ENDS = datetime(2027, 1, 1, tzinfo=UTC)
SIGNER = Signer("posta-certificata@pec.example", "Gestore", ENDS)
RECEIPT = Evidence("a" * 64, Kind.DELIVERY, Verdict.TRUSTED, issued_at=ISSUED, signer=SIGNER, arrived_at=ISSUED)


def test_how_far_clocks_may_be_wrong_and_when_the_last_short_key_ended() -> None:
    assert (timedelta(hours=24), timedelta(hours=48)) == (DAY, ARRIVAL)
    assert datetime(2018, 12, 31, 23, 59, 59, tzinfo=UTC) + SECOND == WEAK_KEYS_UNTIL


def times(one: Evidence, *, made_at: datetime | None = MADE, now: datetime | None = NOW) -> tuple[bool | None, bool]:
    """Whether the certified time stands, and whether a clock is doubtful."""
    found = held_against(one, composed=True, made_at=made_at, now=now)
    return found.time, "clock-doubtful" in found.limits


@pytest.mark.parametrize(
    ("apart", "vouched"),
    [(timedelta(0), True), (ARRIVAL, True), (-ARRIVAL, True), (ARRIVAL + SECOND, False), (-ARRIVAL - SECOND, False)],
)
def test_a_server_vouches_for_a_time_within_two_days_of_its_own(apart: timedelta, vouched: bool) -> None:
    assert is_vouched(replace(RECEIPT, arrived_at=ISSUED + apart)) is vouched


def test_nothing_vouches_without_a_time_or_an_arrival() -> None:
    assert not is_vouched(replace(RECEIPT, issued_at=None))
    assert not is_vouched(replace(RECEIPT, arrived_at=None))
    assert not is_vouched(replace(RECEIPT, arrived_at=None, issued_at=None))


@pytest.mark.parametrize(
    ("issued_at", "stands"),
    [(MADE - DAY, True), (MADE - DAY - SECOND, False), (NOW + DAY, True), (NOW + DAY + SECOND, False), (NOW, True)],
)
def test_a_time_before_the_message_or_in_the_future_stands_only_where_the_server_vouches(
    issued_at: datetime, stands: bool
) -> None:
    one = replace(RECEIPT, issued_at=issued_at)
    assert times(replace(one, arrived_at=None)) == (stands, False)
    assert times(replace(one, arrived_at=issued_at + timedelta(days=30))) == (stands, False)
    assert times(replace(one, arrived_at=issued_at)) == (True, not stands), "then it is our clock that is wrong"


def test_what_there_is_nothing_to_hold_against_is_not_known() -> None:
    assert times(replace(RECEIPT, issued_at=None)) == (None, False)
    assert times(RECEIPT, made_at=None, now=None) == (None, False)
    assert times(replace(RECEIPT, issued_at=MADE - 9 * DAY, arrived_at=None), made_at=None) == (True, False)
    assert times(replace(RECEIPT, issued_at=NOW + 9 * DAY, arrived_at=None), now=None) == (True, False)


@pytest.mark.parametrize(
    ("arrived_at", "made_at", "holds", "limits"),
    [
        (ENDS, MADE, True, ()),
        (ENDS + SECOND, MADE, True, ("expired-on-arrival",)),
        (None, MADE, True, ("arrival-unknown",)),
        (ENDS, ENDS + SECOND, True, ()),
        (ENDS + SECOND, ENDS, True, ("expired-on-arrival",)),
        (ENDS + SECOND, ENDS + SECOND, False, ("expired-on-arrival",)),
        (None, ENDS + SECOND, False, ("arrival-unknown",)),
        (ENDS + SECOND, None, True, ("expired-on-arrival",)),
    ],
)
def test_an_expired_key_certifies_no_message_younger_than_its_end(
    arrived_at: datetime | None, made_at: datetime | None, holds: bool, limits: tuple[str, ...]
) -> None:
    """Unless the server saw the receipt arrive while the key was good: then our clock made the message too young."""
    for composed in (True, False):
        found = held_against(replace(RECEIPT, arrived_at=arrived_at), composed=composed, made_at=made_at, now=None)
        assert found.certificate is holds
        assert tuple(limit for limit in found.limits if limit != "clock-doubtful") == limits


def test_a_certificate_without_an_end_or_no_certificate_is_held_against_nothing() -> None:
    endless = replace(RECEIPT, signer=replace(SIGNER, expires_at=None))
    found = held_against(endless, composed=True, made_at=MADE, now=NOW)
    assert (found.certificate, found.limits) == (True, ())
    nobody = held_against(replace(RECEIPT, signer=None, arrived_at=None), composed=True, made_at=MADE, now=NOW)
    assert (nobody.certificate, nobody.limits) == (None, ())


OLD = datetime(2017, 5, 2, 9, 0, tzinfo=UTC)
LEAF = Signer("p@x", "G", datetime(2018, 6, 1, tzinfo=UTC), (WEAK_KEY,))
WEAK = replace(RECEIPT, issued_at=OLD, arrived_at=OLD, signer=LEAF)


@pytest.mark.parametrize(
    ("arrived_at", "composed", "holds"),
    [
        (OLD, False, True),
        (WEAK_KEYS_UNTIL - SECOND, False, True),
        (WEAK_KEYS_UNTIL, False, False),
        (WEAK_KEYS_UNTIL + SECOND, False, False),
        (None, False, True),
        (OLD, True, False),
        (None, True, False),
    ],
)
def test_a_key_that_anybody_may_have_factored_counts_only_for_what_arrived_in_its_days(
    arrived_at: datetime | None, composed: bool, holds: bool
) -> None:
    found = held_against(replace(WEAK, arrived_at=arrived_at), composed=composed, made_at=OLD, now=NOW)
    assert (found.certificate, "weak-key" in found.limits) == (holds, True)


def test_a_short_key_that_had_ended_when_the_message_was_made_certifies_nothing() -> None:
    assert LEAF.expires_at is not None
    unseen = replace(WEAK, arrived_at=None)
    assert held_against(unseen, composed=False, made_at=LEAF.expires_at + SECOND, now=NOW).certificate is False


def test_a_strong_key_is_not_called_weak() -> None:
    strong = replace(WEAK, signer=replace(SIGNER, expires_at=WEAK_KEYS_UNTIL, weak=("sha1-digest",)))
    found = held_against(strong, composed=False, made_at=OLD, now=NOW)
    assert (found.certificate, found.limits) == (True, ())
