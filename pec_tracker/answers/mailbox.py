"""What is answered about mailboxes? How they are configured, what is asked when one is added, what a trial gave."""

from typing import TYPE_CHECKING, Any, Final

from pec_tracker.answers.messages import dispatched_facts, dispatched_said, send_state_text
from pec_tracker.answers.quota import MEBIBYTE, used_text
from pec_tracker.texts import N_, _, error_text, ngettext

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from pec_tracker.service.mailboxes.configured import Configured
    from pec_tracker.service.mailboxes.trial import Probe, Trial
    from pec_tracker.service.sending.attempt import Dispatched

# What a server tells as a number (wire.probe keeps every fact as text).
_NUMBERS: Final = ("size_limit", "folders", "quota_used", "quota_limit")


# What is asked when a mailbox is added, by column (service.mailboxes.add, .draft).
_QUESTIONS: Final = {
    "mailbox": N_("Name of the mailbox (yours: studio, amministrazione ...)"),
    "address": N_("PEC address"),
    "provider": N_("Provider (custom: any other, whose servers you name)"),
    "login": N_("User ID (M and digits)"),
    "smtp_host": N_("SMTP server"),
    "imap_host": N_("IMAP server"),
    "name": N_("Name shown beside the address (-: none)"),
    "smtp_port": N_("SMTP port"),
    "smtp_security": N_("SMTP encryption"),
    "imap_port": N_("IMAP port"),
    "imap_security": N_("IMAP encryption"),
    "password": N_("Password (it is not shown; nothing: a variable holds it)"),
    "password_env": N_("Environment variable that holds the password"),
}


# --- as they are configured ---


def configured_facts(one: "Configured") -> dict[str, Any]:
    """One mailbox as a JSON object (contract of `mailbox list`)."""
    return {
        "mailbox": one.name,
        "address": one.address,
        "name": one.display_name,
        "provider": one.provider,
        "login": one.login,
        "password": {"source": one.secret.source, "name": one.secret.name},
        "smtp": {"host": one.smtp.host, "port": one.smtp.port, "security": one.smtp.security},
        "imap": {"host": one.imap.host, "port": one.imap.port, "security": one.imap.security},
        "sent_folder": one.sent_folder,
        "reply_to": one.reply_to,
    }


def table(mailboxes: "Sequence[Configured]") -> tuple[list[str], list[tuple[object, ...]]]:
    """Columns and rows, one a mailbox."""
    return [_("Name"), _("Address"), _("Provider"), "SMTP", "IMAP", _("Password")], [
        (
            one.name,
            one.address,
            provider_text(one),
            smtp_text(one),
            imap_text(one),
            f"{one.secret.source}: {one.secret.name}",
        )
        for one in mailboxes
    ]


def provider_text(one: "Configured") -> str:
    """What the provider is called."""
    return _("another") if one.provider == "custom" else one.provider_title


def smtp_text(one: "Configured") -> str:
    """Where it sends."""
    return f"{one.smtp.host}:{one.smtp.port} {one.smtp.security}"


def imap_text(one: "Configured") -> str:
    """Where it is read."""
    return f"{one.imap.host}:{one.imap.port} {one.imap.security}"


# --- one is added ---


def question_text(column: str) -> str:
    """What is asked for *column*."""
    return _(_QUESTIONS[column])


def added_facts(file: "Path", names: "Sequence[str]") -> dict[str, Any]:
    """What was added as a JSON object (contract of `mailbox add`)."""
    return {"file": file, "added": list(names)}


def added_text(file: "Path", names: "Sequence[str]") -> str:
    """How many were added, and where."""
    told = ngettext("{count} mailbox added to {file}.", "{count} mailboxes added to {file}.", len(names))
    return told.format(count=len(names), file=file)


def kept_text(settings: "Mapping[str, Any]", folder: "Path") -> str | None:
    """Where the password is now that was typed in."""
    if "password_keyring" in settings:
        return _("The password is in this computer's keyring, as {name}.").format(name=settings["password_keyring"])
    if "password_file" in settings:
        file = folder / settings["password_file"]
        return _("The password is in the file {file}, which only you can read.").format(file=file)
    return None


def removed_facts(file: "Path", name: str) -> dict[str, Any]:
    """What was taken out as a JSON object (contract of `mailbox remove`)."""
    return {"file": file, "removed": name}


def removed_text(file: "Path", name: str) -> str:
    """The same in words."""
    return _("{name} is no longer in {file}; what is archived of it stays.").format(name=name, file=file)


def changed_facts(file: "Path", name: str, columns: "Iterable[str]", trial: "Trial | None") -> dict[str, Any]:
    """What was changed as a JSON object (contract of `mailbox edit`); `test` is null where nothing was tried."""
    tested = None if trial is None else trial_facts(name, trial, None)
    return {"file": file, "mailbox": name, "changed": list(columns), "test": tested}


def changed_text(file: "Path", name: str, columns: "Iterable[str]") -> str:
    """The same in words."""
    listed = ", ".join(columns)
    if not listed:
        return _("{name}: nothing was to be changed.").format(name=name)
    return _("{name} is changed in {file}: {columns}.").format(name=name, file=file, columns=listed)


def password_text(name: str) -> str:
    """That only the password was replaced, where it is kept."""
    return _("{name}: the new password has taken the place of the old one.").format(name=name)


def renamed_facts(file: "Path", old: str, new: str) -> dict[str, Any]:
    """What a mailbox is called as a JSON object (contract of `mailbox rename`)."""
    return {"file": file, "mailbox": new, "formerly": old}


def renamed_text(old: str, new: str) -> str:
    """The same in words."""
    return _("{old} is called {new} now; what is archived of it stays its own.").format(old=old, new=new)


def acknowledged_facts(name: str, provider: str) -> dict[str, Any]:
    """That its provider agreed, as a JSON object (contract of `mailbox acknowledge`)."""
    return {"mailbox": name, "provider": provider, "acknowledged": True}


def acknowledged_text(name: str) -> str:
    """The same in words."""
    return _("{mailbox}: the agreement is noted; what programs queue may leave").format(mailbox=name)


def resumed_facts(name: str) -> dict[str, Any]:
    """That a mailbox logs in again as a JSON object (contract of `mailbox resume`)."""
    return {"mailbox": name, "resumed": True}


def resumed_text(name: str) -> str:
    """The same in words."""
    return _("{name} may log in again.").format(name=name)


# --- it was tried ---


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


def trial_lines(one: "Configured", trial: "Trial") -> list[str]:
    """What each server said, or why there was no password to try with."""
    if trial.secret:
        return [f"  {_('password')}: {error_text(trial.secret)}"]
    return [
        f"  IMAP {imap_text(one)}: {probe_text(trial.imap)}",
        f"  SMTP {smtp_text(one)}: {probe_text(trial.smtp)}",
    ]


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
