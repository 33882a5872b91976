"""What is answered when mails were taken in? How many of which kind, and what of it needs a person."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pec_tracker.answers.messages import alert_facts, alert_text
from pec_tracker.pec.standard import rank
from pec_tracker.texts import _, error_text, words

if TYPE_CHECKING:
    from pec_tracker.errors import PecTrackerError
    from pec_tracker.service.alerts.open_alerts import OpenAlert
    from pec_tracker.service.collecting.collect import Collected
    from pec_tracker.service.intake.taken import Taken


def collected_facts(collected: "Collected", alerts: "Sequence[OpenAlert]") -> dict[str, Any]:
    """What came into one mailbox as a JSON object (contract of `collect`)."""
    return {
        "mailbox": collected.mailbox,
        "complete": collected.complete,
        "busy": collected.busy,
        "folders": collected.folders,
        "failures": [{"folder": folder, "error": error_text(error)} for folder, error in collected.failures],
        **taken_facts(collected.taken),
        "round_trips": collected.round_trips,
        "alerts": list(map(alert_facts, alerts)),
        "error": None,
    }


def uncollected_facts(nothing: "Collected", error: "PecTrackerError") -> dict[str, Any]:
    """The same of a mailbox whose server could not be asked."""
    return {**collected_facts(nothing, []), "complete": False, "error": error_text(error)}


def taken_facts(taken: "Taken") -> dict[str, Any]:
    """The counts of what was taken in, as they stand in JSON objects."""
    return {
        "archived": taken.archived,
        "known": taken.known,
        "quarantined": taken.quarantined,
        "proof": taken.proof,
        "kinds": dict(taken.kinds or {}),
        "verdicts": dict(taken.verdicts or {}),
    }


def collected_text(collected: "Collected") -> str:
    """What came, in one line."""
    if collected.busy:
        return _("{mailbox}: another process is collecting it").format(mailbox=collected.mailbox)
    return _("{mailbox}: {counts}").format(mailbox=collected.mailbox, counts=_counts(collected.taken))


def failure_lines(collected: "Collected") -> list[str]:
    """The folders that could not be read, and that some mails could not be fetched."""
    line = _("  folder {folder} could not be read: {error}")
    lines = [line.format(folder=folder, error=error_text(error)) for folder, error in collected.failures]
    if collected.taken.quarantined:
        lines.append(_("  some mails could not be fetched; see: pec-tracker quarantine list"))
    return lines


def kind_lines(kinds: Mapping[str, int] | None) -> list[str]:
    """How many mails of which kind, a line each, in the order of `Kind`."""
    ordered = sorted((kinds or {}).items(), key=lambda item: rank(item[0]))
    return [f"{count:>6}  {words.word(words.KINDS, kind)}" for kind, count in ordered]


def alert_lines(alerts: "Sequence[OpenAlert]", *, at_most: int) -> list[str]:
    """What needs a person, a line each; the rest is counted."""
    lines = [_("  needs your attention:")] if alerts else []
    for alert in alerts[:at_most]:
        about = f"{alert.message[:8]}: " if alert.message else ""
        lines.append(f"    {about}{alert_text(alert)}")
    if len(alerts) > at_most:
        lines.append(_("    and {count} more: pec-tracker status").format(count=len(alerts) - at_most))
    return lines


def _counts(taken: "Taken") -> str:
    if not taken.archived and not taken.known and not taken.quarantined:
        return _("nothing new")
    counted = [
        _("{count} archived").format(count=taken.archived),
        _("{count} of them signed by a trusted provider").format(count=taken.proof),
    ]
    if taken.known:
        counted.append(_("{count} known already").format(count=taken.known))
    if taken.quarantined:
        counted.append(_("{count} in quarantine").format(count=taken.quarantined))
    return ", ".join(counted)
