"""What is answered about mails that gave nothing? Each with why, and what came when they were asked for again."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pec_tracker.answers.collected import kind_lines, taken_facts
from pec_tracker.texts import _, error_text, notices

if TYPE_CHECKING:
    from pec_tracker.errors import PecTrackerError
    from pec_tracker.service.collecting.quarantine import Quarantined
    from pec_tracker.service.intake.taken import Taken


def entry_facts(entry: "Quarantined") -> dict[str, Any]:
    """One of them as a JSON object (contract of `quarantine list`)."""
    return {
        "mailbox": entry.mailbox,
        "folder": entry.folder,
        "uid": entry.uid,
        "reason": entry.reason,
        "seen_at": entry.seen_at,
        "sha256": entry.sha256,
    }


def table(entries: "Sequence[Quarantined]") -> tuple[list[str], list[tuple[object, ...]]]:
    """Columns and rows, one a mail."""
    columns = [_("Mailbox"), _("Folder"), "UID", _("Seen"), _("Reason"), "SHA-256"]
    return columns, [
        (entry.mailbox, entry.folder, entry.uid, entry.seen_at, reason_text(entry.reason), entry.sha256)
        for entry in entries
    ]


def reason_text(reason: str) -> str:
    """Why there is no mail, or none that can be read, in words."""
    return notices.reasons(notices.QUARANTINE, reason)


def retried_facts(mailbox: str, taken: "Taken", error: "PecTrackerError | None" = None) -> dict[str, Any]:
    """What came of one mailbox now as a JSON object (contract of `quarantine retry`); *error*: it was not asked."""
    return {"mailbox": mailbox, **taken_facts(taken), "error": None if error is None else error_text(error)}


def retried_lines(mailbox: str, taken: "Taken") -> list[str]:
    """The same in words: the counts, then each kind."""
    counts = _("{came} came, {missing} did not").format(came=taken.archived + taken.known, missing=taken.quarantined)
    return [
        _("{mailbox}: {counts}").format(mailbox=mailbox, counts=counts),
        *(f"  {line}" for line in kind_lines(taken.kinds)),
    ]
