"""What did a trial of one server show? The answer of `mailbox test`, for SMTP and IMAP alike."""

from dataclasses import dataclass, field

from pec_tracker.errors import PecTrackerError


@dataclass(frozen=True, slots=True)
class Probe:
    """How far a trial login came, and why no further.

    `stage` is where it ended: connect, tls, login, or ready (all went well). `error` says what is wrong and what to
    do, None when ready. `facts` are (name, value) pairs that the server told about itself: `tls` (version),
    `size_limit` (bytes), `folders`, `quota_root`, `quota_used`, `quota_limit` (bytes), `capabilities`,
    `extensions`, `greeting`, and the folders that have a use: `sent_folder`, `trash_folder`, `drafts_folder`,
    `junk_folder`.
    """

    stage: str
    error: PecTrackerError | None = None
    facts: tuple[tuple[str, str], ...] = field(default=())

    @property
    def ready(self) -> bool:
        """Whether the server took the login."""
        return self.error is None
