"""What is this mail, and what does its signature say? Without a database; told by `answers.inspected`."""

from dataclasses import dataclass
from datetime import datetime

from pec_tracker.pec.evidence import Verdict
from pec_tracker.pec.read import Mail, read
from pec_tracker.pec.signature import Verification, verify
from pec_tracker.pec.trust import Trust


@dataclass(frozen=True, slots=True)
class Inspected:
    """One mail, read, and what was verified of its signature."""

    mail: Mail
    verification: Verification

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is odd about the mail, and why its signature is no more than it is; that there is none is the verdict.

        Stable names (`texts.findings.WARNINGS`).
        """
        done = self.verification
        reasons = () if done.verdict is Verdict.UNSIGNED else done.reasons
        return tuple(dict.fromkeys((*self.mail.warnings, *reasons, *done.weak)))


def inspect(raw: bytes, *, trust: Trust, at: datetime | None, now: datetime) -> Inspected:
    """Read and verify one mail. Raises nothing, whatever `raw` is.

    `at` is the time at which the signature is judged (default: the daticert's own time, else the signing time),
    `now` the time of the check `valid_now`; both aware.
    """
    mail = read(raw)
    return Inspected(mail, verify(raw, mail, trust, at=at, now=now))
