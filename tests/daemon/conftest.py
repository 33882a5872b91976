"""A PEC provider for each watch that is kept."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pec_tracker import config
from pec_tracker.app import App, build
from pec_tracker.sandbox.server import Sandbox
from tests.sandbox.running import PASSWORD, sandbox_in

ROOT = Path(__file__).parents[2]

HEAD = """
data = "data"
trust = ["{ca}"]
language = "en"

[clock]
started = {started}
origin = {origin}
factor = {factor}

[collect]
interval_minutes = 1440
jitter_seconds = 0
"""

MAILBOX = """
[mailbox.{name}]
address = "{address}"
provider = "custom"
login = "{login}"
password_env = "PEC_TEST_PASSWORD"
messages_per_minute = 600
smtp = {{ host = "localhost", port = {smtp}, security = "tls", ca_file = "{ca}" }}
imap = {{ host = "localhost", port = {imap}, security = "tls", ca_file = "{ca}" }}
"""


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """A PEC provider where a day lasts a second."""
    with sandbox_in(tmp_path / "sandbox") as running:
        yield running


@pytest.fixture
def written(tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes a configuration: each mailbox by name, with its address and, where it is not the sandbox's, its port."""
    monkeypatch.setenv("PEC_TEST_PASSWORD", PASSWORD)

    def write(**mailboxes: tuple[str, int | None]) -> Path:
        clock = sandbox.clock
        text = HEAD.format(
            ca=sandbox.ca_file,
            started=clock.started.isoformat(),
            origin=clock.origin.isoformat(),
            factor=clock.factor,
        )
        logins = {one.address: one.login for one in sandbox.settings.accounts}
        for name, (address, imap) in mailboxes.items():
            text += MAILBOX.format(
                name=name,
                address=address,
                login=logins[address],
                smtp=sandbox.smtp_port,
                imap=imap or sandbox.imap_port,
                ca=sandbox.ca_file,
            )
        (tmp_path / "config.toml").write_text(text)
        return tmp_path / "config.toml"

    return write


@pytest.fixture
def served() -> Iterator[Callable[[Path], subprocess.Popen[bytes]]]:
    """Starts the command and returns once it watches."""
    with ExitStack() as running:

        def start(file: Path) -> subprocess.Popen[bytes]:
            command = [sys.executable, "-m", "pec_tracker", "--config", str(file), "serve", "--json"]
            log = (file.parent / "serve.log").open("ab")
            running.callback(log.close)
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, cwd=ROOT, env=dict(os.environ))
            running.callback(_end, process)
            assert process.stdout is not None
            line = process.stdout.readline()
            assert b"started" in line, (file.parent / "serve.log").read_text()
            return process

        yield start


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.communicate()


@pytest.fixture
def opened() -> Iterator[Callable[[Path], App]]:
    """Opens the same house in this process, to queue and to look."""
    with ExitStack() as open_:

        def open_house(file: Path) -> App:
            app = build(config.load(file))
            open_.callback(app.house.engine.dispose)
            return app

        yield open_house
