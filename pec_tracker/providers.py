"""What does each PEC provider ask of its clients? Servers, login, folders, limits and pace, from `providers.toml`."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from pec_tracker.pec.address import domain_of
from pec_tracker.pec.limits import Limits
from pec_tracker.wire.endpoint import Endpoint, Security

MEGABYTE: Final = 1024 * 1024


class LoginForm(StrEnum):
    """What the provider takes as user name."""

    ADDRESS = "address"
    USER_ID = "user-id"


class Basis(StrEnum):
    """What a profile rests on."""

    VERIFIED = "verified"  # the provider's own page, or real sends
    REPORTED = "reported"  # what public clients say; nobody of us has tried it


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider's profile. `smtp`, `imap` and `sent_folder` are None where the mailbox must name its own.

    `source` says, by language, where it was read, and `checked_on` when; nothing where nothing is claimed. After
    `password_days` a password for mail programs ends, where it does. With `agreement` the contract allows automated
    programs only where the provider agreed. `notes` are for its users, by language.
    """

    name: str
    title: str
    smtp: Endpoint | None
    imap: Endpoint | None
    sent_folder: str | None
    login: LoginForm
    limits: Limits
    messages_per_minute: float
    messages_per_hour: int | None = None
    messages_per_day: int | None = None
    basis: Basis | None = None
    source: Mapping[str, str] = field(default_factory=dict)
    checked_on: date | None = None
    password_days: int | None = None
    agreement: bool = False
    notes: Mapping[str, str] = field(default_factory=dict)
    domains: tuple[str, ...] = ()  # its own, in which it gives addresses
    own: Path | None = None  # the user's file that says it, or changes something of it; None: as it is built in


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The providers that a mailbox may name, in order."""

    profiles: Mapping[str, Provider]

    def names(self) -> tuple[str, ...]:
        """What they are called."""
        return tuple(self.profiles)

    def provider(self, name: str) -> Provider:
        """The profile called `name`; KeyError for a name that is not in `names()`."""
        return self.profiles[name]

    def serving(self, address: str) -> str | None:
        """The provider in whose own domain *address* lies; None where the domain says nothing."""
        domain = domain_of(address.strip())
        return next((name for name, profile in self.profiles.items() if domain in profile.domains), None)

    def own_domains(self) -> frozenset[str]:
        """The domains in which a provider gives addresses itself: whatever lies there is PEC."""
        return frozenset(domain for profile in self.profiles.values() for domain in profile.domains)

    def of_exchanger(self, host: str) -> str | None:
        """The provider beside whose servers a mail exchanger stands, by their domain; None where it says nothing."""
        for name, profile in self.profiles.items():
            servers = [at.host for at in (profile.smtp, profile.imap) if at is not None]
            homes = {*profile.domains, *(server.partition(".")[2] for server in servers)}
            if any("." in home and (host == home or host.endswith(f".{home}")) for home in homes):
                return name
        return None


@cache
def built_in() -> Catalogue:
    """Those of `providers.toml`."""
    return Catalogue({name: profile_of(name, table) for name, table in built_in_tables().items()})


@cache
def built_in_tables() -> Mapping[str, Mapping[str, Any]]:
    """The same as they are written."""
    return tomllib.loads(files("pec_tracker").joinpath("providers.toml").read_text("utf-8"))


def names() -> tuple[str, ...]:
    """The names of the built-in providers, in the order of the file."""
    return built_in().names()


def provider(name: str) -> Provider:
    """The built-in profile called `name`; KeyError for a name that is not in `names()`."""
    return built_in().provider(name)


def serving(address: str) -> str | None:
    """The built-in provider in whose own domain *address* lies; None where the domain says nothing."""
    return built_in().serving(address)


def profile_of(name: str, table: Mapping[str, Any], *, own: Path | None = None) -> Provider:
    """The profile that a whole *table* says; *own* is the user's file that said all or some of it."""
    return Provider(
        name=name,
        title=table["title"],
        smtp=_endpoint(table.get("smtp")),
        imap=_endpoint(table.get("imap")),
        sent_folder=table.get("sent_folder"),
        login=LoginForm(table["login"]),
        limits=Limits(
            max_recipients=table["max_recipients"],
            max_product=int(table["max_product_mb"] * MEGABYTE),
            turns_back_programs=table["title"] if table.get("turns_back_programs") else None,
        ),
        messages_per_minute=table["messages_per_minute"],
        messages_per_hour=table.get("messages_per_hour"),
        messages_per_day=table.get("messages_per_day"),
        basis=Basis(table["basis"]) if "basis" in table else None,
        source=table.get("source", {}),
        checked_on=table.get("checked_on"),
        password_days=table.get("password_days"),
        agreement=table.get("agreement", False),
        notes=table.get("notes", {}),
        domains=tuple(table.get("domains", ())),
        own=own,
    )


def _endpoint(table: Mapping[str, Any] | None) -> Endpoint | None:
    if table is None:
        return None
    return Endpoint(host=table["host"], port=table["port"], security=Security(table["security"]))
