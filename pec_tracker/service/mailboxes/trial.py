"""Do a mailbox's servers take us? A trial login into both that changes nothing there."""

from collections.abc import Callable
from dataclasses import dataclass

from pec_tracker.errors import LoginRefusedError, PecTrackerError
from pec_tracker.wire.endpoint import Endpoint, Login
from pec_tracker.wire.imap import probe_imap
from pec_tracker.wire.probe import Probe as Probe  # part of what a trial tells
from pec_tracker.wire.smtp import probe_smtp


@dataclass(frozen=True, slots=True)
class Trial:
    """What both servers said. `secret` is why there was no password to try with; `smtp` is None when not tried."""

    secret: PecTrackerError | None = None
    imap: Probe | None = None
    smtp: Probe | None = None

    @property
    def ready(self) -> bool:
        """Both servers took the login."""
        return all(probe is not None and probe.ready for probe in (self.imap, self.smtp))

    @property
    def errors(self) -> tuple[PecTrackerError, ...]:
        """All that went wrong."""
        found = (self.secret, *(probe.error for probe in (self.imap, self.smtp) if probe is not None))
        return tuple(error for error in found if error is not None)


def try_out(*, smtp: Endpoint, imap: Endpoint, login: Callable[[], Login]) -> Trial:
    """Log into both servers and look around. A password that IMAP refused is not offered again: accounts get locked."""
    try:
        known = login()
    except PecTrackerError as error:
        return Trial(secret=error)
    looked = probe_imap(imap, known)
    if isinstance(looked.error, LoginRefusedError):
        return Trial(imap=looked)
    return Trial(imap=looked, smtp=probe_smtp(smtp, known))
