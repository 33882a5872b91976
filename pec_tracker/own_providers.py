"""Which providers does the user know beside ours, or know better? A file `providers.toml` beside the configuration.

It is written like ours: a table a provider. One of a built-in name changes the keys that it holds and leaves the rest.
"""

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

from pydantic import Field, ValidationError, field_validator

from pec_tracker import config_source
from pec_tracker.config_problems import NO_SUCH_KEY, InvalidValueError, configuration_error
from pec_tracker.config_sections import Count, Port, Positive, Section
from pec_tracker.config_source import Source
from pec_tracker.errors import ConfigurationError
from pec_tracker.providers import Basis, Catalogue, LoginForm, built_in, built_in_tables, profile_of
from pec_tracker.wire.endpoint import Security

FILE: Final = "providers.toml"
CUSTOM: Final = "custom"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_PORTS: Final = {
    "smtp": {Security.TLS: 465, Security.STARTTLS: 587},
    "imap": {Security.TLS: 993, Security.STARTTLS: 143},
}
# What holds where the file says nothing: what every provider must allow, and a careful pace.
_USUAL: Final = {"login": "address", "max_recipients": 50, "max_product_mb": 30, "messages_per_minute": 6}


class ServerTable(Section):
    """One server. Of a built-in provider what is not given stays."""

    host: str | None = Field(default=None, min_length=1)
    port: Port | None = None
    security: Security | None = None


class ProviderTable(Section):
    """One provider, or what is to be changed of one."""

    title: str | None = None
    domains: tuple[str, ...] | None = None
    basis: Basis | None = None
    source: dict[str, str] | None = None
    checked_on: date | None = None
    smtp: ServerTable | None = None
    imap: ServerTable | None = None
    sent_folder: str | None = None
    login: LoginForm | None = None
    max_recipients: Count | None = None
    max_product_mb: Positive | None = None
    messages_per_minute: Positive | None = None
    password_days: Count | None = None
    agreement: bool | None = None
    notes: dict[str, str] | None = None


class ProvidersFile(Section):
    """The file: a table a provider."""

    provider: dict[str, ProviderTable]

    @field_validator("provider")
    @classmethod
    def _names(cls, value: dict[str, ProviderTable]) -> dict[str, ProviderTable]:
        for name in value:
            if name == CUSTOM or not _NAME.fullmatch(name):
                raise InvalidValueError(
                    "{name!r} cannot name a provider; use lower-case letters, digits, - and _, and not custom",
                    name=name,
                )
        return value


def beside(config_file: Path | None) -> Catalogue:
    """The built-in providers and those of the file beside *config_file*, which win. ConfigurationError."""
    file = None if config_file is None else config_file.parent / FILE
    if file is None or not file.is_file():
        return built_in()
    source = config_source.read_file(file)
    try:
        own = ProvidersFile.model_validate({"provider": source.tree}).provider
    except ValidationError as error:
        raise _in_file(configuration_error(error.errors()[0], source, ProvidersFile)) from None
    tables = {
        name: _whole(name, table.model_dump(mode="json", exclude_none=True), source) for name, table in own.items()
    }
    profiles = dict(built_in().profiles)
    custom = profiles.pop(CUSTOM)
    profiles |= {name: profile_of(name, _dated(table), own=file) for name, table in tables.items()}
    return Catalogue({**profiles, CUSTOM: custom})


def _in_file(error: ConfigurationError) -> ConfigurationError:
    """The same of a key as the file has it: there every table is a provider's."""
    key, problem = str(error.params["key"]).removeprefix("provider."), error.params["problem"]
    if isinstance(problem, ConfigurationError) and problem.template == NO_SUCH_KEY:
        problem = ConfigurationError(
            "there is no such key; `pec-tracker provider show aruba --toml` shows what can be said"
        )
    return ConfigurationError(error.template, **{**error.params, "key": key, "problem": problem})


def _whole(name: str, table: Mapping[str, Any], source: Source) -> dict[str, Any]:
    """*table* over the built-in one of its name, and what is usual below both."""
    below = built_in_tables().get(name, {})
    whole = {**_USUAL, "title": name, **below, **table}
    if "basis" not in table and name in built_in_tables() and ("source" in table or "checked_on" in table):
        whole.pop("basis", None)
    for service, ports in _PORTS.items():
        if service not in whole:
            continue
        server = {**below.get(service, {}), **table.get(service, {})}
        if "host" not in server:
            raise ConfigurationError(
                "{place}: {key}: {problem}",
                place=str(source.file),
                key=f"{name}.{service}.host",
                problem=ConfigurationError("this key is missing; write it"),
            )
        security = Security(server.get("security", Security.TLS))
        whole[service] = {"port": ports[security], **server, "security": security}
    return whole


def _dated(table: Mapping[str, Any]) -> Mapping[str, Any]:
    checked_on = table.get("checked_on")
    return {**table, "checked_on": date.fromisoformat(checked_on)} if isinstance(checked_on, str) else table
