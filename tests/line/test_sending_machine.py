"""The outbox against a model: whatever happens in whatever order, nothing goes twice and nothing silently stays.

PEC_TRACKER_MACHINE_STEPS says how many steps are played at random (default 10,000); Hypothesis
plays 2,000 more.
"""

import logging
import os
from collections import Counter
from collections.abc import Iterator
from random import Random

import hypothesis.strategies as st
import pytest
import structlog
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pec_tracker.pec.sending import Event
from tests.line.sending_machine import Outbox

STEPS = int(os.environ.get("PEC_TRACKER_MACHINE_STEPS", "10000"))
REPLIES = (Event.SERVER_TOOK, Event.SERVER_DEFERRED, Event.SERVER_REFUSED, Event.REPLY_LOST)
DECISIONS = (Event.RESENT, Event.SETTLED_SENT, Event.SETTLED_ABANDONED)
ON_ONE = ("claim", "commit", "deliver", "release", "crash", "recover", "receipt", "doubtful_receipt")
# What happens all day, and what happens once a year.
WEIGHTS = {
    "claim": 200, "commit": 200, "deliver": 200, "reply": 300, "receipt": 30, "decide": 40, "recover": 15, "crash": 15,
    "release": 15, "queue": 60, "doubtful_receipt": 4, "back_up": 4, "restore": 2, "rebuild": 1,
}  # fmt: skip
MESSAGES = 12


def played(outbox: Outbox, random: Random) -> tuple[str, int | None]:
    """One step at random that can be taken now: its name, and the message that it was about, None for all."""
    while True:
        (step,) = random.choices(list(WEIGHTS), list(WEIGHTS.values()))
        message = random.randint(1, max(1, len(outbox.kept)))
        if step == "queue" or not outbox.kept:
            step, done = "queue", len(outbox.kept) < MESSAGES and outbox.queue()
        elif step in ON_ONE:
            done = getattr(outbox, step)(message)
        elif step == "reply":
            done = outbox.reply(message, random.choices(REPLIES, (6, 2, 1, 1))[0])
        elif step == "decide":
            done = outbox.decide(message, random.choice(DECISIONS))
        elif step == "restore":
            done = outbox.restore(random.randrange(1_000))
        else:
            done = getattr(outbox, step)()
        outbox.steps += 1
        if done:
            return step, message if step in (*ON_ONE, "reply", "decide") else None


@pytest.fixture
def quiet() -> Iterator[None]:
    """Thousands of log lines would take longer than what they tell of."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("quiet")
def test_whatever_happens_nothing_goes_twice_and_nothing_silently_stays() -> None:
    seed = int(os.environ.get("PEC_TRACKER_MACHINE_SEED", "20261126"))
    random = Random(seed)
    taken: Counter[str] = Counter()
    left = 0
    while taken.total() < STEPS:
        outbox = Outbox()
        for _ in range(min(200, STEPS - taken.total())):
            step, message = played(outbox, random)
            taken[step] += 1
            outbox.check(message)
        outbox.check()
        left += sum(one.left for one in outbox.kept.values())
        outbox.engine.dispose()
    print(f"\n{taken.total()} steps, {left} messages left; {dict(taken.most_common())}")
    assert set(taken) >= {*ON_ONE, "reply", "decide", "queue", "back_up", "restore", "rebuild"}
    assert left > STEPS / 50, "a machine that sends nothing shows nothing"


class SendingMachine(RuleBasedStateMachine):
    """The same steps, found and shortened by Hypothesis."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox = Outbox()
        self.outbox.queue()

    @rule()
    def queue(self) -> None:
        if len(self.outbox.kept) < 3:
            self.outbox.queue()
        self.outbox.steps += 1

    @rule(message=st.integers(1, 3), step=st.sampled_from(ON_ONE))
    def on_one(self, message: int, step: str) -> None:
        if message in self.outbox.kept:
            getattr(self.outbox, step)(message)
        self.outbox.steps += 1

    @rule(message=st.integers(1, 3), event=st.sampled_from(REPLIES))
    def reply(self, message: int, event: Event) -> None:
        if message in self.outbox.kept:
            self.outbox.reply(message, event)
        self.outbox.steps += 1

    @rule(message=st.integers(1, 3), event=st.sampled_from(DECISIONS))
    def decide(self, message: int, event: Event) -> None:
        if message in self.outbox.kept:
            self.outbox.decide(message, event)
        self.outbox.steps += 1

    @rule(step=st.sampled_from(("back_up", "rebuild")))
    def at_large(self, step: str) -> None:
        getattr(self.outbox, step)()
        self.outbox.steps += 1

    @rule(which=st.integers(0, 5))
    def restore(self, which: int) -> None:
        self.outbox.restore(which)
        self.outbox.steps += 1

    @invariant()
    def holds(self) -> None:
        self.outbox.check()

    def teardown(self) -> None:
        self.outbox.engine.dispose()


TestSendingMachine = SendingMachine.TestCase
TestSendingMachine.settings = settings(
    max_examples=50, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
