"""What the sandbox's tests are made with: a CA, offices, letters, and OpenSSL as the judge of signatures."""

import atexit
import shutil
import subprocess
import tempfile
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from pec_tracker.sandbox.ca import Authority
from pec_tracker.sandbox.layout import Office
from pec_tracker.sandbox.plan import Offices
from pec_tracker.sandbox.providers import DEFAULT_PROVIDERS, Provider

SENDER = "mittente@pec.sandbox.test"
NOON = datetime(2026, 11, 2, 11, 0, tzinfo=UTC)


@cache
def authority() -> Authority:
    """One CA for all tests of the process; its folder goes at the end."""
    return Authority(_folder())


@cache
def authority_folder() -> Path:
    """The folder of that CA, with every key that a sandbox needs."""
    for provider in DEFAULT_PROVIDERS:
        authority().signer(provider)
    authority().stranger()
    authority().server_context()
    return authority().ca_file.parent


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def office(provider: Provider = DEFAULT_PROVIDERS[0]) -> Office:
    """A provider with its signer."""
    return Office(provider, authority().signer(provider))


@cache
def offices() -> Offices:
    """All the default providers."""
    return Offices([office(provider) for provider in DEFAULT_PROVIDERS])


def letter(*, to: str = "consegnata@pec.test", headers: str = "", body: str = "Buongiorno.\r\n") -> bytes:
    """A message as a client would send it; *headers* are whole lines, added to the usual ones."""
    head = f"From: {SENDER}\r\nTo: {to}\r\nSubject: Prova\r\nMessage-ID: <prova.1@pec.sandbox.test>\r\n{headers}"
    return f"{head}MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n{body}".encode()


def openssl_accepts(raw: bytes, ca_file: Path | None = None) -> bool:
    """Whether `openssl cms -verify -CAfile` does, as a stranger would run it."""
    command = ["openssl", "cms", "-verify", "-CAfile", str(ca_file or authority().ca_file)]
    return subprocess.run(command, input=raw, capture_output=True, check=False).returncode == 0
