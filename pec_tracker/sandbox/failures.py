"""What goes wrong, and when? Faults on demand: each is asked for, happens so many times, and is over."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pec_tracker.clock import Clock


class Verb(StrEnum):
    """A step of the SMTP dialogue that the server answers."""

    LOGIN = "login"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    DOT = "dot"  # the answer after the final dot


class Moment(StrEnum):
    """Where a connection can be cut."""

    BEFORE_MAIL = "before-mail"  # instead of the answer to MAIL
    AFTER_RCPT = "after-rcpt"  # instead of the answer to DATA
    MID_DATA = "mid-data"
    AFTER_DOT_LOST = "after-dot-lost"  # instead of the last answer; the message is gone
    AFTER_DOT_KEPT = "after-dot-kept"  # instead of the last answer; the message goes out, receipts come


@dataclass(slots=True, eq=False)
class Fault:
    """A fault still to happen: `skip` occasions pass first, then it happens `times` times."""

    at: Verb | Moment
    times: int
    skip: int
    reply: str | None = None
    seconds: float = 0.0


class Failures:
    """The faults that were asked for. Its methods may be called from any thread while the sandbox runs.

    Each method adds one: `times` says how often it happens, `skip` how many occasions go well before.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._faults: list[Fault] = []
        self._hidden_until: datetime | None = None

    def refuse_login(self, *, times: int = 1, skip: int = 0) -> None:
        """Answer good credentials with 535, for so many connections, as an expired client password does."""
        self.reply(Verb.LOGIN, "535 5.7.8 Authentication credentials invalid", times=times, skip=skip)

    def reply(self, verb: Verb, reply: str, *, times: int = 1, skip: int = 0) -> None:
        """Answer *verb* with *reply*, a whole line such as `451 4.3.2 try again later`, instead of doing it."""
        self._faults.append(Fault(verb, times, skip, reply=reply))

    def drop(self, moment: Moment, *, times: int = 1, skip: int = 0) -> None:
        """Cut the connection at *moment*, without a word."""
        self._faults.append(Fault(moment, times, skip))

    def delay(self, verb: Verb, seconds: float, *, times: int = 1, skip: int = 0) -> None:
        """Answer *verb* only after so many real seconds, then as usual."""
        self._faults.append(Fault(verb, times, skip, seconds=seconds))

    def hide_receipts(self, span: timedelta) -> None:
        """Hold back what would reach senders for *span* on the clock; then it arrives, certified times unchanged."""
        self._hidden_until = self._clock.now() + span

    def clear(self) -> None:
        """Forget every fault that has not happened yet, and hold back nothing more (what is held comes as it would)."""
        self._faults.clear()
        self._hidden_until = None

    @property
    def hidden_until(self) -> datetime | None:
        """Until when receipts are held back; None when they are not."""
        if self._hidden_until is not None and self._clock.now() >= self._hidden_until:
            self._hidden_until = None
        return self._hidden_until

    def take(self, at: Verb | Moment) -> Fault | None:
        """The fault that happens now at *at*, used up by this call; None when all goes well."""
        for fault in list(self._faults):
            if fault.at is not at:
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            fault.times -= 1
            if fault.times <= 0 and fault in self._faults:
                self._faults.remove(fault)
            return fault
        return None
