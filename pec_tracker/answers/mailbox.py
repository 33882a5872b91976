"""What is answered about a mailbox that was tried? How far each server let us come, and what it told of itself."""

from typing import TYPE_CHECKING, Any, Final

from pec_tracker.answers.messages import dispatched_facts, dispatched_said, send_state_text
from pec_tracker.answers.quota import MEBIBYTE, used_text
from pec_tracker.texts import _, error_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pec_tracker.service.mailboxes.trial import Probe, Trial
    from pec_tracker.service.sending.attempt import Dispatched

# What a server tells as a number (wire.probe keeps every fact as text).
_NUMBERS: Final = ("size_limit", "folders", "quota_used", "quota_limit")


def trial_facts(name: str, trial: "Trial", sent: "Dispatched | None") -> dict[str, Any]:
    """A trial as a JSON object (contract of `mailbox test`)."""
    return {
        "mailbox": name,
        "ready": trial.ready,
        "secret": error_text(trial.secret) if trial.secret else None,
        "imap": _probe_facts(trial.imap),
        "smtp": _probe_facts(trial.smtp),
        "sent": None if sent is None else dispatched_facts(sent),
    }


def _probe_facts(probe: "Probe | None") -> dict[str, Any] | None:
    if probe is None:
        return None
    error = error_text(probe.error) if probe.error else None
    facts = {name: int(value) if name in _NUMBERS else value for name, value in probe.facts}
    return {"stage": probe.stage, "error": error, "facts": facts}


def ready_text(name: str, trial: "Trial") -> str:
    """Whether the mailbox can be used."""
    return f"{name}: {_('ready') if trial.ready else _('not ready')}"


def probe_text(probe: "Probe | None") -> str:
    """What one server said, in a line."""
    if probe is None:
        return _("not tried: the password was refused already")
    if probe.error is not None:
        return error_text(probe.error)
    return "; ".join(_told(dict(probe.facts)))


def _told(facts: "Mapping[str, str]") -> list[str]:
    told = [_("login taken")]
    if "tls" in facts:
        told.append(facts["tls"])
    if "folders" in facts:
        told.append(_("folders: {folders}").format(folders=facts["folders"]))
    if "quota_limit" in facts:
        told.append(used_text(int(facts.get("quota_used", "0")), int(facts["quota_limit"])))
    if "size_limit" in facts:
        told.append(_("messages up to {size} MB").format(size=int(facts["size_limit"]) // MEBIBYTE))
    return told


def sent_text(sent: "Dispatched") -> str:
    """What became of the trial message."""
    return f"{_('trial message')} {sent.key}: {send_state_text(sent.send_state)} ({dispatched_said(sent)})"
