"""Where a server listens and how we speak to it: host, port, encryption, trust. TLS is always verified."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Security(StrEnum):
    """How the connection is encrypted. There is no unencrypted choice: the access point would refuse it."""

    TLS = "tls"  # from the first byte (SMTP 465, IMAP 993)
    STARTTLS = "starttls"  # upgraded, and required (SMTP 587 or 25, IMAP 143)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One server. `ca_file` adds to the system's authorities; `timeout` is in seconds, for each step."""

    host: str
    port: int
    security: Security = Security.TLS
    ca_file: Path | None = None
    timeout: float = 60.0


@dataclass(frozen=True, slots=True)
class Login:
    """User name and password; the password never shows in `repr`."""

    user: str
    password: str = field(repr=False)
