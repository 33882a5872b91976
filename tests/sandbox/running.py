"""A sandbox that runs while a test does, and clients that speak to it as strangers would: smtplib, imaplib."""

import imaplib
import shutil
import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pec_tracker.clock import Clock
from pec_tracker.sandbox.access_point import Limits
from pec_tracker.sandbox.providers import DEFAULT_ACCOUNTS
from pec_tracker.sandbox.server import Sandbox, SandboxSettings
from pec_tracker.sandbox.store import Account
from tests.sandbox.materials import SENDER, authority_folder, letter

PASSWORD = "sandbox"
ORIGIN = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
A_DAY_A_SECOND = 86_400.0


def sandbox_in(
    folder: Path,
    *,
    factor: float = A_DAY_A_SECOND,
    limits: Limits | None = None,
    accounts: Sequence[Account] = DEFAULT_ACCOUNTS,
) -> Sandbox:
    """A sandbox on free ports, whose clock begins at ORIGIN; its CA is the tests' own, for keys take long to make."""
    if not (folder / "ca").exists():
        shutil.copytree(authority_folder(), folder / "ca")
    clock = Clock.accelerated(origin=ORIGIN, factor=factor)
    return Sandbox(SandboxSettings(folder, clock=clock, limits=limits or Limits(), accounts=accounts))


def trusting(sandbox: Sandbox) -> ssl.SSLContext:
    """TLS that trusts the sandbox's CA and nothing else."""
    return ssl.create_default_context(cafile=str(sandbox.ca_file))


@contextmanager
def smtp(sandbox: Sandbox, *, user: str = SENDER) -> Iterator[smtplib.SMTP_SSL]:
    """A session on the TLS port, logged in."""
    client = smtplib.SMTP_SSL("localhost", sandbox.smtp_port, context=trusting(sandbox), timeout=10)
    try:
        client.login(user, PASSWORD)
        yield client
    finally:
        client.close()


@contextmanager
def imap(sandbox: Sandbox, *, user: str = SENDER) -> Iterator[imaplib.IMAP4_SSL]:
    """A session on the TLS port, logged in."""
    client = imaplib.IMAP4_SSL("localhost", sandbox.imap_port, ssl_context=trusting(sandbox), timeout=10)
    try:
        client.login(user, PASSWORD)
        yield client
    finally:
        client.shutdown()


def send(sandbox: Sandbox, to: str, *, raw: bytes | None = None) -> None:
    """One message to one address."""
    with smtp(sandbox) as client:
        client.sendmail(SENDER, [to], raw or letter(to=to))
