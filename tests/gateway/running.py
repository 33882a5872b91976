"""A gateway as users run it: a process of its own, with a configuration, and a mailbox whose servers it never needs."""

import json
import signal
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from tests.cli.running import Home
from tests.servers.programs import free_port

ADDRESS = "studio@pec.example.it"
PASSWORD = "parola-del-gestionale"

_CONFIG = """
[mailbox.studio]
address = "{address}"
provider = "custom"
password_env = "NOWHERE"
smtp.host = "smtp.example.it"
imap.host = "imap.example.it"
limits.max_recipients = 50

[gateway]
port = {port}
{gateway}

[gateway.login.gestionale]
mailbox = "studio"
password_env = "PEC_GATEWAY"
{login}
"""


@dataclass(slots=True)
class Gateway:
    """A gateway's home and port, and what is in its outbox."""

    home: Home
    port: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None)

    def client(self) -> smtplib.SMTP:
        """A program that has logged in."""
        client = smtplib.SMTP("127.0.0.1", self.port, timeout=20)
        client.login("gestionale", PASSWORD)
        return client

    def messages(self) -> list[dict[str, Any]]:
        """What the house knows as sent or to be sent, the newest first."""
        told = self.home.run("--config", "gateway.toml", "find", "--json")
        assert told.returncode in (0, 1), told.stderr
        return [one for line in told.stdout.splitlines() if "key" in (one := json.loads(line))]

    def alerts(self) -> list[str]:
        """What `status` asks a person to look at."""
        told = self.home.run("--config", "gateway.toml", "status", "--json")
        return [str(alert) for alert in json.loads(told.stdout.splitlines()[0])["alerts"]]

    def start(self) -> None:
        """Start the process, and wait until it says that it listens."""
        command = [sys.executable, "-m", "pec_tracker", "--config", "gateway.toml", "gateway", "--json"]
        self.process = subprocess.Popen(
            command, cwd=self.home.folder, env=self.home.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate(timeout=10)[1].decode()
        assert json.loads(line)["event"] == "started"

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """End it; its status, and what it logged."""
        assert self.process is not None
        self.process.send_signal(sign)
        _, log = self.process.communicate(timeout=20)
        return self.process.returncode, log.decode()


@contextmanager
def gateway(folder: Path, *, settings: str = "", login: str = "") -> Iterator[Gateway]:
    """A gateway that runs until the block ends."""
    made = prepared(folder, settings=settings, login=login)
    made.start()
    try:
        yield made
    finally:
        if made.process is not None and made.process.poll() is None:
            made.stop()


def prepared(folder: Path, *, settings: str = "", login: str = "") -> Gateway:
    """A gateway that is configured and does not run yet."""
    port = free_port()
    text = _CONFIG.format(address=ADDRESS, port=port, gateway=settings, login=login)
    (folder / "gateway.toml").write_text(text, "utf-8")
    return Gateway(Home(folder, {"PEC_GATEWAY": PASSWORD}), port)


def written(*to: str, subject: str = "Convocazione", text: str = "Buongiorno.", **headers: str) -> EmailMessage:
    """A message as a program composes it."""
    mail = EmailMessage()
    mail["From"] = f"Studio Rossi <{ADDRESS}>"
    mail["To"] = ", ".join(to)
    mail["Subject"] = subject
    mail["Date"] = "Fri, 27 Nov 2026 10:00:00 +0100"
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(text)
    return mail
