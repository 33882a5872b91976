"""What is answered about the providers? Servers, login, limits and pace of each, and what that knowledge rests on."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from pec_tracker.texts import N_, _, language, ngettext, words

if TYPE_CHECKING:
    from pec_tracker.providers import Provider

MEGABYTE: Final = 1024 * 1024

_BASES: Final = {"verified": N_("verified"), "reported": N_("reported")}
_LOGINS: Final = {"address": N_("the PEC address"), "user-id": N_("a user name that the provider gives")}
_SECURITY: Final = {"tls": "TLS", "starttls": "STARTTLS", "none": N_("no encryption")}


def provider_facts(one: "Provider") -> dict[str, Any]:
    """One provider as a JSON object (contract of `provider list` and `provider show`)."""
    return {
        "provider": one.name,
        "title": one.title,
        "origin": "built-in" if one.own is None else "own",
        "file": one.own,
        "basis": one.basis,
        "source": one.source.get(language.current()),
        "checked_on": one.checked_on,
        **_server_facts(one),
        "login": one.login,
        "sent_folder": one.sent_folder,
        "max_recipients": one.limits.max_recipients,
        "max_product_bytes": one.limits.max_product,
        "turns_back_programs": one.limits.turns_back_programs is not None,
        "messages_per_minute": one.messages_per_minute,
        "messages_per_hour": one.messages_per_hour,
        "messages_per_day": one.messages_per_day,
        "password_days": one.password_days,
        "agreement": one.agreement,
        "note": one.notes.get(language.current()),
    }


def table(providers: "Iterable[Provider]") -> tuple[list[str], list[tuple[object, ...]]]:
    """Columns and rows, one a provider."""
    columns = [_("Provider"), _("Name"), _("Pace"), _("Settings")]
    return columns, [
        (one.name, one.title, _("{count:g}/min").format(count=one.messages_per_minute), _word_of(one))
        for one in providers
    ]


def _word_of(one: "Provider") -> str:
    return words.word(_BASES, one.basis) if one.own is None else _("yours")


def lines(one: "Provider") -> Iterator[tuple[str, str]]:
    """Label and text, one a line."""
    yield _("Provider"), f"{one.name} ({one.title})"
    yield _("Settings"), _basis(one)
    yield from _servers(one)
    yield _("User name"), words.word(_LOGINS, one.login)
    yield _("Sent folder"), one.sent_folder or _("as the server marks it")
    yield _("Limits"), _limits(one)
    yield _("Pace"), _pace(one)
    if one.password_days is not None:
        days = ngettext(
            "the one for mail programs ends after {count} day",
            "the one for mail programs ends after {count} days",
            one.password_days,
        )
        yield _("Password"), days.format(count=one.password_days)
    if one.agreement:
        yield _("Contract"), _("automated programs only by agreement: ask the provider before sending many")
    if note := one.notes.get(language.current()):
        yield _("Note"), note


def list_notes(providers: "Sequence[Provider]") -> Iterator[str]:
    """What a list of providers should make a person think of."""
    if any(one.basis == "reported" for one in providers):
        yield _(
            "Reported settings come from public sources: `mailbox test` says whether they fit. Any other provider: "
            "custom, with the servers of its welcome mail."
        )


def _pace(one: "Provider") -> str:
    caps = [
        (one.messages_per_hour, _("{count} an hour")),
        (one.messages_per_day, _("{count} a day")),
    ]
    most = [text.format(count=count) for count, text in caps if count is not None]
    return ", ".join([_("{count:g} messages a minute").format(count=one.messages_per_minute), *most])


def _basis(one: "Provider") -> str:
    if one.own is not None:
        return _("yours, from {file}").format(file=one.own)
    if one.basis is None or one.checked_on is None:
        return _("the mailbox says its own")
    return _("{basis}: {source} (read on {day})").format(
        basis=words.word(_BASES, one.basis),
        source=one.source.get(language.current()),
        day=f"{one.checked_on:%d/%m/%Y}",
    )


def toml_of(one: "Provider") -> str:
    """The provider as a table for a file of the user's own: what a mailbox of it needs, without our sources."""
    table: dict[str, Any] = {"title": one.title}
    if one.domains:
        table["domains"] = list(one.domains)
    table |= {name: at for name, at in _server_facts(one).items() if at is not None}
    if one.sent_folder is not None:
        table["sent_folder"] = one.sent_folder
    table |= {
        "login": one.login,
        "max_recipients": one.limits.max_recipients,
        "max_product_mb": _number((one.limits.max_product or 0) / MEGABYTE),
        "messages_per_minute": one.messages_per_minute,
    }
    if one.password_days is not None:
        table["password_days"] = one.password_days
    return toml_table(one.name, table)


def toml_table(name: str, table: Mapping[str, Any]) -> str:
    """*table* under its *name*, a line a key."""
    return "\n".join([f"[{name}]", *(f"{key} = {_toml_value(value)}" for key, value in table.items())])


def _toml_value(value: object) -> str:
    """Texts, numbers, lists and tables of them, on one line; JSON's strings are TOML's."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml_value(one)}" for key, one in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _number(value: float) -> float:
    return int(value) if value.is_integer() else value


def _servers(one: "Provider") -> Iterator[tuple[str, str]]:
    for label, endpoint in ((_("SMTP server"), one.smtp), (_("IMAP server"), one.imap)):
        if endpoint is None:
            yield label, _("the mailbox names it")
            continue
        security = words.word(_SECURITY, endpoint.security)
        yield label, f"{endpoint.host}, {_('port {port}').format(port=endpoint.port)}, {security}"


def _server_facts(one: "Provider") -> dict[str, Any]:
    return {
        name: None if at is None else {"host": at.host, "port": at.port, "security": at.security}
        for name, at in (("smtp", one.smtp), ("imap", one.imap))
    }


def _limits(one: "Provider") -> str:
    product = (one.limits.max_product or 0) // MEGABYTE
    return _("{recipients} recipients a message; {megabytes} MB of size times recipients").format(
        recipients=one.limits.max_recipients, megabytes=product
    )
