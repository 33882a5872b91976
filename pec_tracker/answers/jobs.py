"""What is answered about the watch? Each job: how it last ended, when it is next due, and since when it runs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pec_tracker.job_names import JobName, Outcome
from pec_tracker.texts import _, facts_text, notices, words
from pec_tracker.texts.times import rome_minute

if TYPE_CHECKING:
    from pec_tracker.service.rounds.job_rows import JobRow


def job_facts(row: "JobRow") -> dict[str, Any]:
    """One job as a JSON object (contract of `jobs`)."""
    return {
        "job": row.name,
        "mailbox": row.mailbox,
        "ended_at": row.ended_at,
        "outcome": row.outcome,
        "problem": None if row.problem is None else facts_text(row.problem),
        "next_at": row.next_at,
        "running_since": row.running_since,
        "noted_at": row.noted_at,
        "kept": row.kept,
    }


def table(rows: "Sequence[JobRow]") -> tuple[list[str], list[tuple[object, ...]]]:
    """Columns and rows, one a job."""
    columns = [_("Mailbox"), _("Job"), _("Last ended"), _("Outcome"), _("Next")]
    return columns, [
        (
            row.mailbox,
            words.word(notices.JOBS, row.name),
            None if row.ended_at is None else rome_minute(row.ended_at),
            None if row.outcome is None else words.word(notices.OUTCOMES, row.outcome),
            _next(row),
        )
        for row in rows
    ]


def problem_lines(rows: "Sequence[JobRow]") -> list[str]:
    """Why those failed that did."""
    return [
        _("{job} of {mailbox}: {reason}").format(
            job=words.word(notices.JOBS, row.name), mailbox=row.mailbox or "-", reason=facts_text(row.problem)
        )
        for row in rows
        if row.outcome is Outcome.FAILED and row.problem is not None
    ]


def keeper_text(rows: "Sequence[JobRow]") -> str | None:
    """What is to be said of who keeps the watch; None where somebody does."""
    if not rows:
        return _("No watch was ever kept here: start it with `pec-tracker serve`.")
    if any(row.kept for row in rows):
        return None
    noted = rome_minute(max(row.noted_at for row in rows))
    return _("Nobody keeps the watch: this is how it stood at {noted}. Start it with `pec-tracker serve`.").format(
        noted=noted
    )


def _next(row: "JobRow") -> object:
    if not row.kept:
        return None
    if row.running_since is not None:
        return _("at work since {since}").format(since=rome_minute(row.running_since))
    if row.next_at is None and row.name is JobName.DISPATCH:
        return _("when a message waits")
    return None if row.next_at is None else rome_minute(row.next_at)
