"""A user's desk for the commands' tests: a configuration file, an SQLite house, receipts, and the command line."""

import json
import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from pec_tracker.cli.main import run
from pec_tracker.db.engine import open_engine, sqlite_url, writing
from pec_tracker.db.tables import Mailbox
from tests.factory import receipts

MAILBOX = "studio"
CONFIG = """
data = "data"
trust = ["root.pem"]
{more}
[mailbox.studio]
address = "{address}"
provider = "custom"
login = "{login}"
password_env = "DESK_PASSWORD"
messages_per_minute = 6000
smtp = {{ host = "127.0.0.1", port = {smtp}, ca_file = "root.pem", timeout_seconds = 5 }}
imap = {{ host = "127.0.0.1", port = {imap}, ca_file = "root.pem", timeout_seconds = 5 }}
"""


def closed_port() -> int:
    """A port of 127.0.0.1 at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command came to."""

    status: int
    out: str
    err: str

    @property
    def records(self) -> list[dict[str, Any]]:
        """The JSON objects on stdout, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def record(self) -> dict[str, Any]:
        """The only JSON object."""
        (only,) = self.records
        return only

    @property
    def words(self) -> str:
        """Everything that was said, blanks folded."""
        return " ".join((self.out + self.err).split())


@dataclass(frozen=True, slots=True)
class Desk:
    """Where commands are run. `smtp` and `imap` are ports of 127.0.0.1; `root_pem` is what the house trusts."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    address: str = receipts.SENDER
    login: str = receipts.SENDER
    smtp: int = field(default_factory=closed_port)
    imap: int = field(default_factory=closed_port)
    root_pem: bytes = field(default_factory=lambda: receipts.root_authority().pem)

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.folder / "config.toml"

    def configure(self, more: str = "") -> None:
        """Write the configuration; `more` stands before the mailbox."""
        (self.folder / "root.pem").write_bytes(self.root_pem)
        settings = {"address": self.address, "login": self.login, "smtp": self.smtp, "imap": self.imap}
        self.config.write_text(CONFIG.format(more=more, **settings), encoding="utf-8")

    def run(self, *arguments: str | Path, language: str = "en") -> Ran:
        """Run `pec-tracker` in this process."""
        self.capsys.readouterr()
        status = run(["--config", str(self.config), "--lang", language, *map(str, arguments)])
        said = self.capsys.readouterr()
        return Ran(status, said.out, said.err)

    def look_through(self, at: datetime | None = None) -> None:
        """As if every mailbox had been collected then, by default at this moment."""
        engine = open_engine(sqlite_url(self.folder / "data" / "pec-tracker.db"))
        with writing(engine) as connection:
            connection.execute(update(Mailbox).values(collected_at=at or datetime.now(UTC)))
        engine.dispose()

    def mail(self, name: str, raw: bytes) -> Path:
        """A file with a mail."""
        file = self.folder / "mails" / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(raw)
        return file
