"""What did a trial of a mailbox teach of its provider? For the authors, and as a table for a file of the user's own.

Keys are not translated: whoever keeps the table of providers reads it. It holds no password; nobody's address and user
name either, unless they are asked for. Of folders only those are named that every mailbox has.
"""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from pec_tracker.answers.provider import toml_table
from pec_tracker.texts import error_text

if TYPE_CHECKING:
    from pec_tracker.providers import Provider
    from pec_tracker.service.mailboxes.configured import Configured
    from pec_tracker.service.mailboxes.trial import Probe, Trial

_ADDRESS: Final = re.compile(r"[^\s<>\"'(),;:=]+@[^\s<>\"'(),;:]+")
_IP: Final = re.compile(
    r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])|(?<![\w:])(?:[0-9a-f]{0,4}:){3,7}[0-9a-f]{0,4}", re.I
)
_FOLDERS: Final = ("sent_folder", "trash_folder", "drafts_folder", "junk_folder")
_TOLD: Final = {
    "imap": ("tls", "greeting", "capabilities", *_FOLDERS),
    "smtp": ("tls", "greeting", "extensions", "size_limit"),
}
# What we use where it is there: without it something is slower, or has to be guessed.
_USED: Final = {
    "imap": ("CONDSTORE", "IDLE", "NAMESPACE", "QUOTA", "SPECIAL-USE", "UIDPLUS"),
    "smtp": ("8BITMIME", "PIPELINING", "SIZE"),
}


def report_text(profile: "Provider", one: "Configured", trial: "Trial", *, named: bool) -> str:
    """The report: comments, then the table where both servers took us. *named*: with address and user name."""
    lines = [f"provider: {profile.name} ({'built-in' if profile.own is None else 'own'})"]
    if named:
        lines += [f"address: {one.address}", f"login: {one.login}"]
    for service in ("imap", "smtp"):
        lines += [f"{service}.{key}: {value}" for key, value in _facts(service, one, trial).items()]
    text = "\n".join(f"# {line if named else _nameless(line, one)}" for line in lines)
    return (
        f"{text}\n{toml_table(_name(profile, one), _table(profile, one, trial, named=named))}" if trial.ready else text
    )


def report_facts(profile: "Provider", one: "Configured", trial: "Trial", *, named: bool) -> dict[str, Any]:
    """The same as a JSON object (contract of `provider report`)."""
    servers = {
        service: {
            key: value if named or not isinstance(value, str) else _nameless(value, one)
            for key, value in _facts(service, one, trial).items()
        }
        for service in ("imap", "smtp")
    }
    text = report_text(profile, one, trial, named=named)
    return {"provider": profile.name, "ready": trial.ready, **servers, "text": text}


def _facts(service: str, one: "Configured", trial: "Trial") -> dict[str, str]:
    """What is told of one server, by key."""
    at = one.imap if service == "imap" else one.smtp
    probe = trial.imap if service == "imap" else trial.smtp
    facts = {"server": f"{at.host}:{at.port} {at.security}", "stage": "-" if probe is None else probe.stage}
    if probe is None:
        return facts
    if probe.error is not None:
        return {**facts, "error": error_text(probe.error)}
    known = dict(probe.facts)
    return {**facts, **{key: known[key] for key in _TOLD[service] if key in known}, "lacks": _lacking(service, probe)}


def _lacking(service: str, probe: "Probe") -> str:
    words = set(re.split(r"[\s,]+", dict(probe.facts).get("capabilities" if service == "imap" else "extensions", "")))
    return " ".join(one for one in _USED[service] if one not in words) or "-"


def _nameless(text: str, one: "Configured") -> str:
    """Without who it is, and from where: addresses, the user name, numbers of the network."""
    for own in (one.address, one.login):
        text = re.sub(re.escape(own), "<address>", text, flags=re.I)
    return _IP.sub("<ip>", _ADDRESS.sub("<address>", text))


def _table(profile: "Provider", one: "Configured", trial: "Trial", *, named: bool) -> Mapping[str, Any]:
    servers = {"smtp": one.smtp, "imap": one.imap}
    seen = dict(trial.imap.facts if trial.imap else ())
    sent = profile.sent_folder or seen.get("sent_folder")
    return {
        "title": profile.title if profile.name != "custom" else _name(profile, one),
        **({"domains": [one.address.rpartition("@")[2]]} if named and profile.name == "custom" else {}),
        **{name: {"host": at.host, "port": at.port, "security": at.security} for name, at in servers.items()},
        **({"sent_folder": sent if named else _nameless(sent, one)} if sent else {}),
        "login": profile.login if profile.name != "custom" or one.login == one.address else "user-id",
        "max_recipients": profile.limits.max_recipients,
        "messages_per_minute": profile.messages_per_minute,
    }


def _name(profile: "Provider", one: "Configured") -> str:
    """The provider's; of any other the domain of its servers."""
    if profile.name != "custom":
        return profile.name
    labels: Iterator[str] = (
        label for label in one.smtp.host.lower().split(".")[-2:-1] if re.fullmatch(r"[a-z][a-z0-9-]*", label)
    )
    return next(labels, "provider")
