"""The sections of the configuration that are about no mailbox, and the forms that values take."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from pec_tracker.config_problems import InvalidValueError
from pec_tracker.secret import SecretRef, SecretSource

ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
WEB_ADDRESS: Final = re.compile(r"https?://[!-~]+")


def _absolute(path: Path, info: ValidationInfo) -> Path:
    folder: Path = (info.context or {}).get("folder", Path.cwd())
    return folder / path.expanduser()


def _address(text: str) -> str:
    if not ADDRESS.fullmatch(text):
        raise InvalidValueError("{value!r} is not an address; write it as name@domain", value=text)
    return text


# Relative paths are meant from the folder of the configuration file; `~` is the user's home.
ConfigPath = Annotated[Path, AfterValidator(_absolute)]
Address = Annotated[str, AfterValidator(_address)]
Port = Annotated[int, Field(ge=1, le=65535)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Percent = Annotated[int, Field(ge=1, le=100)]


class Section(BaseModel):
    """A table of the file: frozen, no key beyond those declared."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SecretKeys(Section):
    """A table that names where its password is, in exactly one way."""

    password_env: str | None = None
    password_file: ConfigPath | None = None
    password_keyring: str | None = None

    @field_validator("password_env")
    @classmethod
    def _variable_name(cls, value: str | None) -> str | None:
        # Written here by mistake, the password itself would show in later errors.
        if value is not None and not VARIABLE.fullmatch(value):
            raise InvalidValueError("this is not the name of an environment variable")
        return value

    @field_validator("password_keyring")
    @classmethod
    def _service_and_user(cls, value: str | None) -> str | None:
        if value is not None and not all(value.partition("/")):
            raise InvalidValueError("write the keyring's entry as SERVICE/USER")
        return value

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if len(self._secrets()) != 1:
            raise InvalidValueError(
                "exactly one of password_env, password_file, password_keyring is needed; there are {count}",
                count=len(self._secrets()),
            )
        return self

    def _secrets(self) -> list[SecretRef]:
        named = (
            (SecretSource.ENV, self.password_env),
            (SecretSource.FILE, self.password_file),
            (SecretSource.KEYRING, self.password_keyring),
        )
        return [SecretRef(source, str(name)) for source, name in named if name is not None]

    @property
    def secret(self) -> SecretRef:
        """Where the password is."""
        return self._secrets()[0]


class LogConfig(Section):
    """How `serve` logs; one-off commands log warnings only, unless `--verbose`."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "text", "json"] = "auto"


class ClockConfig(Section):
    """Whose time it is: real time, or an accelerated clock shared with a sandbox (its `sandbox.json`)."""

    file: ConfigPath | None = None
    started: AwareDatetime | None = None
    origin: AwareDatetime | None = None
    factor: Positive = 1.0

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.started is None) != (self.origin is None):
            raise InvalidValueError("started and origin go together")
        if self.file is not None and self.started is not None:
            raise InvalidValueError("give either file, or started and origin")
        if self.factor != 1.0 and self.started is None:
            raise InvalidValueError("factor needs started and origin")
        return self


class CollectConfig(Section):
    """How often `serve` looks into each mailbox; the jitter spreads mailboxes of the same interval."""

    interval_minutes: Positive = 5.0
    jitter_seconds: Annotated[float, Field(ge=0)] = 30.0


class OutboxConfig(Section):
    """When a person is told of a message of which it is uncertain whether it left."""

    uncertain_alert_minutes: Positive = 60.0


class RetentionConfig(Section):
    """How long a dossier is kept after the last of its dates."""

    months: Count = 30  # DPR 68/2005 art. 11(2): as long as the provider keeps its log


class QuotaConfig(Section):
    """From which share of the mailbox's space a warning and an alarm are given."""

    warn_percent: Percent = 80
    alarm_percent: Percent = 90

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.warn_percent > self.alarm_percent:
            raise InvalidValueError("warn_percent must not be above alarm_percent")
        return self


class StampAuthorityConfig(Section):
    """A time-stamp authority (RFC 3161). `ca_file`: at which its certificates end; else the public roots."""

    name: str
    url: str
    ca_file: ConfigPath | None = None

    @field_validator("url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        if not WEB_ADDRESS.fullmatch(value):
            raise InvalidValueError("{value!r} is not a web address; write it as https://HOST/PATH", value=value)
        return value


class StampsConfig(Section):
    """Who dates the newest seal from outside, and how often at most."""

    authorities: tuple[StampAuthorityConfig, ...] = ()
    every_minutes: Annotated[float, Field(ge=0)] = 0.0


class RevocationConfig(Section):
    """Whether lists of revoked certificates are fetched from where the certificates name them."""

    fetch: bool = False


class GatewayLoginConfig(SecretKeys):
    """A login of the gateway, and the mailbox that it writes from."""

    mailbox: str
    split: bool = False


class GatewayConfig(Section):
    """Where other programs hand their messages over (`pec-tracker gateway`), and who may."""

    host: str = "127.0.0.1"
    port: Port = 2525
    tls: Literal["none", "tls", "starttls"] = "none"
    certificate: ConfigPath | None = None
    key: ConfigPath | None = None
    connections: Count = 100
    same_within_hours: Annotated[float, Field(ge=0)] = 24.0
    login: dict[str, GatewayLoginConfig] = {}

    @model_validator(mode="after")
    def _encrypted(self) -> Self:
        if self.tls == "none" and not _is_loopback(self.host):
            raise InvalidValueError(
                "{host} can be reached from other computers, and passwords would cross the network in clear: set tls, "
                "certificate and key, or host = '127.0.0.1'",
                host=self.host,
            )
        if self.tls != "none" and self.certificate is None:
            raise InvalidValueError("tls needs certificate (PEM), and key where it is in a file of its own")
        return self


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
