"""Where does a message stand with one recipient? A pure function of its evidence and the time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pec_tracker.pec.evidence import Evidence, address_key, time_key
from pec_tracker.pec.sending import SendState
from pec_tracker.pec.standard import (
    DELAY_24_HOURS,
    FIRST_NOTICE_HOURS,
    SECOND_NOTICE_EARLIEST_HOURS,
    SECOND_NOTICE_HOURS,
    Kind,
    RecipientType,
)
from pec_tracker.pec.states import NextStep, State, next_step
from pec_tracker.pec.traits import TRAITS, About

ACCEPTANCE_DUE: Final = timedelta(minutes=15)  # our own expectation: receipts are seen within a minute
FIRST_NOTICE: Final = timedelta(hours=FIRST_NOTICE_HOURS)
SECOND_NOTICE: Final = timedelta(hours=SECOND_NOTICE_HOURS)
SECOND_NOTICE_EARLIEST: Final = timedelta(hours=SECOND_NOTICE_EARLIEST_HOURS)


@dataclass(frozen=True, slots=True)
class Journey:
    """The state of one message towards one recipient.

    `state_at` is the certified time of the evidence that decided. `evidence` holds the keys of the evidence that
    counts, best first. `error_code` and `error_detail` are the provider's, on failure. `due_at` is when the next
    evidence is due; `overdue` says that it has passed. `contradictions` names conflicts (`delivery-and-failure` ...).
    """

    recipient: str
    state: State
    state_at: datetime | None
    accepted_at: datetime | None
    delivered_at: datetime | None
    error_code: str | None
    error_detail: str | None
    due_at: datetime | None
    overdue: bool
    contradictions: tuple[str, ...]
    evidence: tuple[str, ...]
    next_step: NextStep


# What a person should look at first; the order in which a message's worst recipient is found.
_ATTENTION: Final = (
    State.NOT_ACCEPTED,
    State.FAILED,
    State.DELAYED,
    State.AWAITING_ACCEPTANCE,
    State.ACCEPTED,
    State.EXTERNAL,
    State.DELIVERED,
)


# AgID integrative note 12: the code at the head of errore-esteso says more than @errore (seen: `altro` with 5.1.1).
@dataclass(frozen=True, slots=True)
class _Course:
    """The evidence of one recipient by what it says, each in order of time."""

    deliveries: tuple[Evidence, ...]
    failures: tuple[Evidence, ...]
    refusals: tuple[Evidence, ...]
    delays: tuple[Evidence, ...]
    acceptances: tuple[Evidence, ...]
    asides: tuple[Evidence, ...]
    external: bool

    @property
    def best_first(self) -> tuple[Evidence, ...]:
        return self.deliveries + self.failures + self.refusals + self.delays + self.acceptances + self.asides


def journey(
    recipient: str,
    evidence: Sequence[Evidence],
    *,
    now: datetime,
    submitted_at: datetime | None,
    send_state: SendState = SendState.SUBMITTED,
) -> Journey:
    """The state of a message towards `recipient`, from its evidence in any order and however often repeated.

    `evidence` is what counts for the message, trusted and agreeing; what concerns other recipients is left out here.
    Certified times decide (RFC 6109 4.3); `now` and `submitted_at`, our own clock's, only say what is due; and
    `send_state`, what is to be done as long as nothing certifies anything.
    """
    return journeys([recipient], evidence, now=now, submitted_at=submitted_at, send_state=send_state)[0]


def journeys(
    recipients: Iterable[str],
    evidence: Sequence[Evidence],
    *,
    now: datetime,
    submitted_at: datetime | None,
    send_state: SendState = SendState.SUBMITTED,
) -> tuple[Journey, ...]:
    """The `journey` of each recipient, in their order. The evidence is sorted once: an acceptance may list thousands,
    and so may each of their receipts."""
    index = _Index.of(evidence)
    return tuple(
        _journey(one, _course(one, index), now=now, submitted_at=submitted_at, send_state=send_state)
        for one in recipients
    )


def _journey(
    recipient: str, course: _Course, *, now: datetime, submitted_at: datetime | None, send_state: SendState
) -> Journey:
    state, deciding = _state(course)
    accepted_at = _time_of_first(course.acceptances)
    due_at = _due_at(state, deciding, accepted_at=accepted_at, submitted_at=submitted_at, now=now)
    overdue = due_at is not None and now > due_at
    failed = deciding if state in (State.FAILED, State.NOT_ACCEPTED, State.DELAYED) else None
    return Journey(
        recipient=recipient,
        state=state,
        state_at=deciding.issued_at if deciding else None,
        accepted_at=accepted_at,
        delivered_at=_time_of_first(course.deliveries),
        error_code=failed.error_code if failed else None,
        error_detail=failed.error_detail if failed else None,
        due_at=due_at,
        overdue=overdue,
        contradictions=tuple(_contradictions(course)),
        evidence=tuple(dict.fromkeys(one.key for one in course.best_first)),
        next_step=next_step(state, deciding, overdue=overdue, send_state=send_state),
    )


@dataclass(frozen=True, slots=True)
class Due:
    """What the clock alone says of a journey: what is due when, whether that has passed, and so what to do."""

    due_at: datetime | None
    overdue: bool
    next_step: NextStep


def due(
    state: State, *, accepted_at: datetime | None, due_at: datetime | None, next_step: NextStep, now: datetime
) -> Due:
    """What is due by *now* of a journey that was looked at earlier, no evidence having come since."""
    if state is State.ACCEPTED and due_at is not None and accepted_at is not None and now > accepted_at + FIRST_NOTICE:
        due_at = accepted_at + SECOND_NOTICE
    overdue = due_at is not None and now > due_at
    waits = next_step in (NextStep.WAIT_ACCEPTANCE, NextStep.WAIT_DELIVERY)
    return Due(due_at, overdue, NextStep.ASK_PROVIDER if overdue and waits else next_step)


def summary(journeys: Iterable[Journey]) -> State:
    """The state of a whole message: of the recipient who most needs a person's attention."""
    return min((one.state for one in journeys), key=_ATTENTION.index, default=State.AWAITING_ACCEPTANCE)


def is_final_delay(notice: Evidence, *, accepted_at: datetime | None) -> bool:
    """Whether a delay notice closes the transaction, as the one after 24 h does (RFC 6109 3.1.6).

    Both notices look alike. The second says 5.4.1 (seen: several providers), and comes no earlier than 22 h after the
    acceptance; the first leaves delivery possible.
    """
    if notice.error_code == DELAY_24_HOURS:
        return True
    if notice.issued_at is None or accepted_at is None:
        return False
    return notice.issued_at - accepted_at >= SECOND_NOTICE_EARLIEST


@dataclass(frozen=True, slots=True)
class _Index:
    """The evidence of a message, each once, in order of time: what is about everybody, and what about whom."""

    about_all: tuple[Evidence, ...]
    about: Mapping[str, Sequence[Evidence]]  # by address key
    external: Mapping[str, bool]  # what the first acceptance that lists the address says of it

    @classmethod
    def of(cls, evidence: Sequence[Evidence]) -> "_Index":
        about_all: list[Evidence] = []
        about: dict[str, list[Evidence]] = {}
        external: dict[str, bool] = {}
        for one in sorted({(one.key, one.recipient): one for one in evidence}.values(), key=time_key):
            if TRAITS[one.kind].about is About.ALL:
                about_all.append(one)
            for key in _concerned(one):
                about.setdefault(key, []).append(one)
            if one.kind is Kind.ACCEPTANCE:
                external = {**_externals(one), **external}
        return cls(tuple(about_all), about, external)


def _concerned(one: Evidence) -> Iterable[str]:
    """Whom evidence speaks of: by `consegna`, or else the only one that it lists."""
    about = TRAITS[one.kind].about
    if about not in (About.ONE, About.NOBODY):
        return ()
    if one.recipient is not None:
        return (address_key(one.recipient),)
    listed = {address_key(recipient.address) for recipient in one.recipients}
    return listed if about is About.NOBODY or len(listed) == 1 else ()


def _externals(acceptance: Evidence) -> dict[str, bool]:
    """Whether each address is an ordinary mailbox; one that is listed both ways is held to be certified."""
    found: dict[str, bool] = {}
    for recipient in acceptance.recipients:
        key = address_key(recipient.address)
        found[key] = recipient.type == RecipientType.EXTERNAL.value and found.get(key, True)
    return found


def _course(recipient: str, index: _Index) -> _Course:
    """What concerns `recipient`, sorted by what it says of him."""
    key = address_key(recipient)
    own = index.about.get(key, ())
    acceptances = _showing(State.ACCEPTED, index.about_all)
    accepted_at = _time_of_first(acceptances)
    notices = _showing(State.DELAYED, own)
    final = tuple(one for one in notices if is_final_delay(one, accepted_at=accepted_at))
    return _Course(
        deliveries=_showing(State.DELIVERED, own),
        failures=tuple(sorted(_showing(State.FAILED, own) + final, key=time_key)),
        refusals=_showing(State.NOT_ACCEPTED, index.about_all),
        delays=tuple(one for one in notices if one not in final),
        acceptances=acceptances,
        asides=tuple(one for one in own if TRAITS[one.kind].about is About.NOBODY),
        external=index.external.get(key, False),
    )


def _showing(state: State, evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    return tuple(one for one in evidence if TRAITS[one.kind].shows is state)


def _state(course: _Course) -> tuple[State, Evidence | None]:
    """The best state that the evidence gives, and the earliest evidence that gives it."""
    claims = (
        (State.DELIVERED, course.deliveries),
        (State.FAILED, course.failures),
        (State.NOT_ACCEPTED, course.refusals),
        (State.EXTERNAL, course.acceptances if course.external else ()),
        (State.DELAYED, course.delays),
        (State.ACCEPTED, course.acceptances),
    )
    for state, evidence in claims:
        if evidence:
            return state, evidence[0]
    return State.AWAITING_ACCEPTANCE, None


def _due_at(
    state: State,
    deciding: Evidence | None,
    *,
    accepted_at: datetime | None,
    submitted_at: datetime | None,
    now: datetime,
) -> datetime | None:
    """When the next evidence is due. A receipt or notice at 12 h may be missing for good reason (RFC 6109 3.1.6: the
    recipient's provider took the message in charge), so after 12 h what is due is the end at 24 h.
    """
    if state is State.AWAITING_ACCEPTANCE:
        return submitted_at + ACCEPTANCE_DUE if submitted_at else None
    if state not in (State.ACCEPTED, State.DELAYED):
        return None
    if accepted_at is None:  # a delay notice without its acceptance: it comes at 12 h
        noticed_at = deciding.issued_at if deciding else None
        return noticed_at + SECOND_NOTICE - FIRST_NOTICE if noticed_at else None
    if state is State.ACCEPTED and now <= accepted_at + FIRST_NOTICE:
        return accepted_at + FIRST_NOTICE
    return accepted_at + SECOND_NOTICE


def _contradictions(course: _Course) -> Iterable[str]:
    """Names of what cannot both be true. A 12 h notice and a delivery can."""
    if course.deliveries and course.failures:
        yield "delivery-and-failure"
    if course.deliveries and course.refusals:
        yield "delivery-and-not-accepted"
    if course.deliveries and course.external:
        yield "delivery-to-external"
    if course.failures and course.refusals:
        yield "failure-and-not-accepted"
    if course.acceptances and course.refusals:
        first, refusal = course.acceptances[0], course.refusals[0]
        yield "acceptance-after-refusal" if time_key(refusal) < time_key(first) else "refusal-after-acceptance"
    if _differ_in_time(course.deliveries):
        yield "two-deliveries"
    if _differ_in_time(course.acceptances):
        yield "two-acceptances"


def _differ_in_time(evidence: Sequence[Evidence]) -> bool:
    """More than one certified time: not the same receipt, sent twice."""
    return len({one.issued_at for one in evidence if one.issued_at is not None}) > 1


def _time_of_first(evidence: Sequence[Evidence]) -> datetime | None:
    """The certified time of the first of `evidence`, which is in order of time."""
    return evidence[0].issued_at if evidence else None
