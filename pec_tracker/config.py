"""What did the user configure? Every key with its default and its rule; `config.example.toml` explains each.

A wrong value or an unknown key is a ConfigurationError that names the file (or the variable), the key and the remedy.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import (
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from pec_tracker import config_source
from pec_tracker.clock import Clock
from pec_tracker.config_problems import InvalidValueError, configuration_error
from pec_tracker.config_sections import (
    Address,
    ClockConfig,
    CollectConfig,
    ConfigPath,
    Count,
    GatewayConfig,
    LogConfig,
    OutboxConfig,
    Port,
    Positive,
    QuotaConfig,
    RetentionConfig,
    RevocationConfig,
    SecretKeys,
    Section,
    StampsConfig,
)  # fmt: skip
from pec_tracker.config_source import Source
from pec_tracker.errors import ConfigurationError
from pec_tracker.own_providers import beside
from pec_tracker.pec.limits import Limits
from pec_tracker.providers import MEGABYTE, Catalogue, LoginForm, Provider, built_in
from pec_tracker.secret import resolve
from pec_tracker.service.mailboxes.configured import Configured
from pec_tracker.settings import Folders, Pace, Quota, Terms
from pec_tracker.wire.endpoint import Endpoint, Login, Security

MAILBOX_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class ServerConfig(Section):
    """One server of a mailbox; what is not given comes from the provider's profile."""

    host: str | None = None
    port: Port | None = None
    security: Security | None = None
    ca_file: ConfigPath | None = None
    timeout_seconds: Positive = 60.0


class FoldersConfig(Section):
    """Which folders are collected. Empty `include`: all but Trash, Drafts and Junk, and those in `exclude`."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


class LimitsConfig(Section):
    """The access point's limits for this mailbox, where they differ from the provider's usual ones."""

    max_recipients: Count | None = None
    max_product_mb: Positive | None = None
    max_size_mb: Positive | None = None


class MailboxConfig(SecretKeys):
    """One PEC mailbox: who it is, where its servers are, where its password is kept."""

    address: Address
    name: str | None = None
    formerly: tuple[str, ...] = ()
    provider: str
    login: str | None = None
    smtp: ServerConfig = ServerConfig()
    imap: ServerConfig = ServerConfig()
    folders: FoldersConfig = FoldersConfig()
    sent_folder: str | None = None
    reply_to: Address | None = None
    messages_per_minute: Positive | None = None
    messages_per_hour: Count | None = None
    messages_per_day: Count | None = None
    limits: LimitsConfig = LimitsConfig()
    copy_to_sent: bool = True
    interval_minutes: Positive | None = None
    retention_months: Count | None = None
    quota_bytes: Count | None = None
    notary: bool = False

    _profile: Provider = PrivateAttr()

    @field_validator("provider")
    @classmethod
    def _known_provider(cls, value: str, info: ValidationInfo) -> str:
        names = _providers(info.context).names()
        if value not in names:
            raise InvalidValueError(
                "{value!r} is not a provider that we know; choose one of: {choices}. For any other write custom, and "
                "the servers that it gives you (smtp.host, imap.host)",
                value=value,
                choices=", ".join(names),
            )
        return value

    def model_post_init(self, context: Any, /) -> None:
        """The profile is looked up once, in the catalogue that the mailbox was checked with."""
        self._profile = _providers(context).provider(self.provider)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.login is None and self.profile.login is LoginForm.USER_ID:
            raise InvalidValueError(
                "{provider} takes its own user name, not the address; write it as login", provider=self.profile.title
            )
        for service, own, usual in (
            ("smtp", self.smtp, self.profile.smtp),
            ("imap", self.imap, self.profile.imap),
        ):
            if own.host is None and usual is None:
                raise InvalidValueError(
                    "a {provider} mailbox names its servers; write {service}.host",
                    provider=self.provider,
                    service=service,
                )
        return self

    @property
    def profile(self) -> Provider:
        """The provider's profile."""
        return self._profile

    @property
    def user(self) -> str:
        """The user name of both servers."""
        return self.login or self.address

    @property
    def pace(self) -> Pace:
        """How fast it may send, this mailbox's own over its provider's."""
        usual = self.profile
        return Pace(
            self.messages_per_minute or usual.messages_per_minute,
            self.messages_per_hour or usual.messages_per_hour,
            self.messages_per_day or usual.messages_per_day,
        )

    @property
    def sent(self) -> str | None:
        """The folder of sent messages; None: ask the server (SPECIAL-USE, then names)."""
        return self.sent_folder or self.profile.sent_folder

    @property
    def chosen_folders(self) -> Folders:
        """Which folders are collected, and which holds the sent mails."""
        return Folders(self.folders.include, self.folders.exclude, self.sent)

    @property
    def sending_limits(self) -> Limits:
        """The access point's limits, this mailbox's own over its provider's."""
        usual, own = self.profile.limits, self.limits
        return Limits(
            max_recipients=own.max_recipients or usual.max_recipients,
            max_product=_megabytes(own.max_product_mb) or usual.max_product,
            max_size=_megabytes(own.max_size_mb) or usual.max_size,
            turns_back_programs=usual.turns_back_programs,
        )


class Config(Section):
    """The whole configuration. `mailboxes` is written `[mailbox.NAME]`."""

    data: ConfigPath = Field(default_factory=config_source.user_data_folder)
    state: ConfigPath = Field(default_factory=config_source.user_state_folder)
    database: str | None = Field(default=None, repr=False)  # a PostgreSQL address may hold a password
    language: Literal["auto", "it", "en"] = "auto"
    trust: tuple[ConfigPath, ...] = ()
    log: LogConfig = LogConfig()
    clock: ClockConfig = ClockConfig()
    collect: CollectConfig = CollectConfig()
    outbox: OutboxConfig = OutboxConfig()
    retention: RetentionConfig = RetentionConfig()
    quota: QuotaConfig = QuotaConfig()
    stamps: StampsConfig = StampsConfig()
    revocation: RevocationConfig = RevocationConfig()
    gateway: GatewayConfig = GatewayConfig()
    mailboxes: dict[str, MailboxConfig] = Field(default={}, alias="mailbox")
    _file: Path | None = PrivateAttr(default=None)

    @property
    def file(self) -> Path | None:
        """Where it was read from; None where no file was."""
        return self._file

    @field_validator("database")
    @classmethod
    def _database_url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("sqlite:", "postgresql:", "postgresql+psycopg:")):
            raise InvalidValueError("write the database as sqlite:///FILE or postgresql://user@host/name")
        return value

    @field_validator("mailboxes")
    @classmethod
    def _mailbox_names(cls, value: dict[str, MailboxConfig]) -> dict[str, MailboxConfig]:
        for name in value:
            if not MAILBOX_NAME.fullmatch(name):
                raise InvalidValueError(
                    "{name!r} cannot name a mailbox; use lower-case letters, digits, - and _", name=name
                )
        _one_name_each(value)
        _one_past_each(value)
        return value

    @model_validator(mode="after")
    def _gateway_mailboxes(self) -> Self:
        for name, login in self.gateway.login.items():
            if login.mailbox not in self.mailboxes:
                raise InvalidValueError(
                    "the gateway's login {login} is for a mailbox {name!r}, which is not there; configured: {names}",
                    login=name,
                    name=login.mailbox,
                    names=", ".join(self.mailboxes) or "-",
                )
        return self

    @property
    def database_url(self) -> str:
        """The database's address: as configured, else an SQLite file in the data folder."""
        return self.database or f"sqlite:///{self.data / 'pec-tracker.db'}"

    @property
    def archive(self) -> Path:
        """The archive's folder."""
        return self.data / "archive"

    def mailbox(self, name: str) -> MailboxConfig:
        """The mailbox called `name`, or the one with this address. ConfigurationError when there is none."""
        if name in self.mailboxes:
            return self.mailboxes[name]
        for mailbox in self.mailboxes.values():
            if mailbox.address.lower() == name.lower():
                return mailbox
        raise ConfigurationError(
            "no mailbox is called {name!r}; configured: {names}", name=name, names=", ".join(self.mailboxes) or "-"
        )

    def space(self, mailbox: MailboxConfig) -> Quota:
        """The space of `mailbox`, and when it is told of."""
        return Quota(mailbox.quota_bytes, self.quota.warn_percent, self.quota.alarm_percent)

    @property
    def terms(self) -> Terms:
        """How long dossiers are kept."""
        own = {name: one.retention_months for name, one in self.mailboxes.items() if one.retention_months is not None}
        return Terms(self.retention.months, own)

    def real_or_shared_clock(self) -> Clock:
        """The clock to pass around. ConfigurationError when its file cannot be read."""
        if self.clock.file is not None:
            return Clock.shared(self.clock.file)
        if self.clock.started is not None and self.clock.origin is not None:
            return Clock(started=self.clock.started, origin=self.clock.origin, factor=self.clock.factor)
        return Clock()


def _providers(context: Mapping[str, Any] | None) -> Catalogue:
    return (context or {}).get("providers") or built_in()


def load(file: Path | None = None) -> Config:
    """The configuration of `file`, or of where `config_source.find` looks; defaults where there is none."""
    return validate(config_source.read(config_source.find(file)))


def validate(source: Source, *, providers: Catalogue | None = None) -> Config:
    """`source` as a Config, its *providers* those beside it. ConfigurationError for the first thing that is wrong."""
    try:
        context = {"folder": source.folder, "providers": providers or beside(source.file)}
        config = Config.model_validate(source.tree, context=context)
    except ValidationError as error:
        raise configuration_error(error.errors()[0], source, Config) from None
    config._file = source.file
    return config


def endpoints(mailbox: MailboxConfig) -> tuple[Endpoint, Endpoint]:
    """The submission server and the IMAP server of `mailbox`, its own settings over its provider's."""
    return (
        _endpoint(mailbox.smtp, mailbox.profile.smtp, {Security.TLS: 465, Security.STARTTLS: 587}),
        _endpoint(mailbox.imap, mailbox.profile.imap, {Security.TLS: 993, Security.STARTTLS: 143}),
    )


def configured(config: Config) -> list[Configured]:
    """The mailboxes as a person is shown them, in the order of the file."""
    return [_configured(name, mailbox) for name, mailbox in config.mailboxes.items()]


def _configured(name: str, mailbox: MailboxConfig) -> Configured:
    smtp, imap = endpoints(mailbox)
    return Configured(
        name=name,
        address=mailbox.address,
        display_name=mailbox.name,
        provider=mailbox.provider,
        provider_title=mailbox.profile.title,
        login=mailbox.user,
        secret=mailbox.secret,
        smtp=smtp,
        imap=imap,
        sent_folder=mailbox.sent,
        reply_to=mailbox.reply_to,
    )


def needs(providers: Catalogue) -> dict[str, tuple[str, ...]]:
    """By provider, what a mailbox must say beside its address (columns of `service.mailboxes.add`)."""
    return {
        name: tuple(
            column
            for column, wanted in (
                ("login", profile.login is LoginForm.USER_ID),
                ("smtp_host", profile.smtp is None),
                ("imap_host", profile.imap is None),
            )
            if wanted
        )
        for name, profile in providers.profiles.items()
    }


def login(mailbox: MailboxConfig) -> Login:
    """User name and password, the password looked up now. ConfigurationError when it is not where it should be."""
    return Login(user=mailbox.user, password=resolve(mailbox.secret))


def _endpoint(own: ServerConfig, usual: Endpoint | None, ports: dict[Security, int]) -> Endpoint:
    # A host of the mailbox's own is another server: nothing of the provider's fits it any more.
    usual = None if own.host else usual
    security = own.security or (usual.security if usual else Security.TLS)
    usual_port = usual.port if usual and security is usual.security else ports[security]
    return Endpoint(
        host=own.host or (usual.host if usual else ""),
        port=own.port or usual_port,
        security=security,
        ca_file=own.ca_file,
        timeout=own.timeout_seconds,
    )


def _megabytes(count: float | None) -> int | None:
    return None if count is None else int(count * MEGABYTE)


def _one_name_each(mailboxes: dict[str, MailboxConfig]) -> None:
    seen: dict[str, str] = {}
    for name, mailbox in mailboxes.items():
        other = seen.setdefault(mailbox.address.lower(), name)
        if other != name:
            raise InvalidValueError(
                "{name} and {other} have the same address {address}; remove one",
                name=name,
                other=other,
                address=mailbox.address,
            )


def _one_past_each(mailboxes: dict[str, MailboxConfig]) -> None:
    """A mailbox's former name leads to what is archived of it, so it is no other mailbox's."""
    taken = {name: name for name in mailboxes}
    for name, mailbox in mailboxes.items():
        for before in mailbox.formerly:
            other = taken.setdefault(before, name)
            if other != name:
                raise InvalidValueError(
                    "{before} is a former name of {name}, and what is archived under it is that mailbox's; "
                    "call {other} otherwise",
                    before=before,
                    name=name,
                    other=other,
                )
