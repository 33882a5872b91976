"""Can the certified time be true? Three clocks are held against each other: the provider's, the server's at arrival,
and our own; two of them must agree. See docs/decisions/0010.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from pec_tracker.pec.evidence import Evidence

DAY: Final = timedelta(days=1)  # how far our own clock, or the sender's, may be wrong without a word
# Receipts arrive within minutes; a server that was down keeps them waiting for a day.
ARRIVAL: Final = timedelta(days=2)

# The PEC authorities of before 2018 certified keys of 1,024 bits; the last of those leaves ended in 2018.
WEAK_KEY: Final = "rsa-1024"
WEAK_KEYS_UNTIL: Final = datetime(2019, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Clocks:
    """What the clocks say of one evidence.

    `time`: the certified time stands (false: it lies before the message was made, or in the future, and no arrival
    vouches for it). `certificate`: the key could still sign for this message. None: nothing to hold it against.
    """

    time: bool | None
    certificate: bool | None
    limits: tuple[str, ...]


def held_against(evidence: Evidence, *, composed: bool, made_at: datetime | None, now: datetime | None) -> Clocks:
    """`made_at` is when the message was made: by our clock where we composed it, else by the Date of its sender.

    Limits: `clock-doubtful` (our clock or the sender's is wrong: the server's arrival stands beside the certified
    time), `arrival-unknown` (imported), `expired-on-arrival`, `weak-key`.
    """
    time, doubtful = _time(evidence, made_at, now)
    certificate, limits = _certificate(evidence, composed=composed, made_at=made_at)
    return Clocks(time, certificate, (*(("clock-doubtful",) if doubtful else ()), *limits))


def is_vouched(evidence: Evidence) -> bool:
    """Whether the mail arrived at the server when it says that it was certified."""
    if evidence.issued_at is None or evidence.arrived_at is None:
        return False
    return abs(evidence.arrived_at - evidence.issued_at) <= ARRIVAL


def _time(evidence: Evidence, made_at: datetime | None, now: datetime | None) -> tuple[bool | None, bool]:
    issued_at = evidence.issued_at
    if issued_at is None or (made_at is None and now is None):
        return None, False
    early = made_at is not None and issued_at < made_at - DAY
    late = now is not None and issued_at > now + DAY
    if not early and not late:
        return True, False
    vouched = is_vouched(evidence)
    return vouched, vouched


def _certificate(evidence: Evidence, *, composed: bool, made_at: datetime | None) -> tuple[bool | None, list[str]]:
    signer, arrived_at = evidence.signer, evidence.arrived_at
    if signer is None:
        return None, []
    limits = [] if arrived_at is not None else ["arrival-unknown"]
    ends = signer.expires_at
    on_time = ends is not None and arrived_at is not None and arrived_at <= ends
    if ends is not None and arrived_at is not None and not on_time:
        limits.append("expired-on-arrival")
    holds = ends is None or made_at is None or made_at <= ends or on_time
    if WEAK_KEY in signer.weak:
        limits.append("weak-key")
        # Keys that anybody may have factored since: what we composed is younger than all of them.
        holds = holds and not composed and (arrived_at is None or arrived_at < WEAK_KEYS_UNTIL)
    return holds, limits
