"""Who follows a document? A reader with a folder of their own, a mailbox at the sandbox, and a few files.

Documents name a mailbox at a real provider. The reader's is at the sandbox instead: as soon as `mailbox add` has
written the configuration, its servers are replaced there, and answers show the provider's names again.
"""

import io
import os
import re
import shlex
import signal
import subprocess
import sys
import zipfile
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import typst

from pec_tracker.cli.main import run
from pec_tracker.sandbox.providers import PASSWORD
from pec_tracker.sandbox.server import Sandbox
from tests.cli.running import Home
from tests.factory import receipts
from tests.servers.programs import free_port

ADDRESS = "studio.rossi@pec.it"
ENDPOINTS = """
data = "data"
trust = ['{ca}', '{authority}']

[clock]
file = '{clock}'

[mailbox.studio]
address = "{address}"
provider = "custom"
password_file = "studio.password"
messages_per_minute = 6000
smtp = {{ host = "127.0.0.1", port = {smtp}, ca_file = '{ca}' }}
imap = {{ host = "127.0.0.1", port = {imap}, ca_file = '{ca}' }}
"""

GATEWAY = """
[gateway]
port = {port}

[gateway.login.management]
mailbox = "studio"
password_file = "studio.password"
"""

LETTER = b"From: studio.rossi@pec.it\nTo: condomino@pec.it\nSubject: Convocazione\n\nLa convoco.\n"

# What a document calls a thing, and where the reader has it.
KEY_WORDS = ("KEY", "CHIAVE")
UNTIL_STOPPED = ("pec-tracker serve", "pec-tracker gateway", "pec-tracker sandbox")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command came to: everything that it said, in order, and its status."""

    status: int
    lines: list[str]


@dataclass(slots=True)
class Reader:
    """Types commands in *folder*, in the language of the document."""

    folder: Path
    language: str
    sandbox: Sandbox
    home: Home = field(init=False)

    def __post_init__(self) -> None:
        self.home = Home(self.folder, {"LANG": {"it": "it_IT.UTF-8", "en": "C.UTF-8"}[self.language]})

    @property
    def configuration(self) -> Path:
        """The user's own configuration file, which `mailbox add` makes."""
        return self.folder / "xdg_config_home" / "pec-tracker" / "config.toml"

    def settle_in(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Live in the folder until the test ends, with the files that documents speak of."""
        for name, value in self.home.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(self.folder)
        mail = receipts.receipt("posta-certificata")  # a PEC that somebody sent to the reader
        (self.folder / "authority.pem").write_bytes(receipts.root_authority().pem)
        for name in ("receipt.eml", "ricevuta.eml", "Maildir/new/1", "Maildir/cur/2:2,S"):
            file = self.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(mail)
        (self.folder / "Maildir/tmp").mkdir()
        for name in ("letter.txt", "lettera.txt"):
            (self.folder / name).write_text("Gentile condomino,\n\nla convoco.\n", encoding="utf-8")
        for name in ("letter.eml", "lettera.eml"):
            (self.folder / name).write_bytes(LETTER)
        for name, word in (("printout.pdf", "Unit"), ("stampa.pdf", "Interno")):
            text = "\n#pagebreak()\n".join(f"{word} {number}" for number in (1, 2))
            (self.folder / name).write_bytes(typst.compile(text.encode(), format="pdf"))
        for name in ("notice.pdf", "avviso.pdf"):
            (self.folder / name).write_bytes(b"%PDF-1.4\n")
        for name in ("archive.mbox", "archivio.mbox"):
            (self.folder / name).write_bytes(
                b"From a Mon Nov 23 10:00:00 2026\n" + mail.replace(b"\r\n", b"\n") + b"\n"
            )
        for name in ("old-mail.zip", "vecchia-posta.zip"):
            with zipfile.ZipFile(self.folder / name, "w") as packed:
                packed.writestr("one.eml", mail)

    def type(self, line: str) -> Answer:
        """Run one command line of ours; whoever it waits for is waited for."""
        words = [word for part in shlex.split(line.replace("~", str(self.folder)))[1:] for word in self._meant(part)]
        if words[0] == "gateway":
            with self.configuration.open("a", encoding="utf-8") as file:
                file.write(GATEWAY.format(port=free_port()))
        if line.startswith(UNTIL_STOPPED) and not set(words) & {"behaviours", "inject"}:
            return self._stopped(words)
        if words[0] == "collect":
            self.sandbox.wait_until_quiet()
        if words[0] == "verify":  # without a configuration, so what is trusted there says nothing
            words += ["--trust", str(self.sandbox.ca_file.resolve())]
        if words[0] == "rebuild":
            (self.configuration.parent / "data" / "pec-tracker.db").unlink()
        if words[0] == "status":  # the sandbox's quarter of an hour is over in seconds, and nobody would have looked
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                run(["collect"])
        said = io.StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            status = run(words)
        if words[:2] == ["mailbox", "add"]:
            self._move_to_sandbox()
        return Answer(int(status), self._as_documented(said.getvalue()))

    def _meant(self, word: str) -> list[str]:
        if word in KEY_WORDS:
            said = io.StringIO()
            with redirect_stdout(said):
                run(["--quiet", "find", "--limit", "1"])
            return [said.getvalue().splitlines()[2].split()[0]]
        return sorted(map(str, Path().glob(word))) if "*" in word else [word]

    def _stopped(self, words: list[str]) -> Answer:
        """The command as a process of its own, asked to end as soon as it has said something."""
        arguments = [sys.executable, "-u", "-m", "pec_tracker", *words]
        pipe = subprocess.PIPE
        with subprocess.Popen(
            arguments, env=self.home.environment(), cwd=self.folder, stdout=pipe, stderr=subprocess.STDOUT
        ) as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            process.send_signal(signal.SIGINT)
            rest = process.stdout.read()
            process.wait(timeout=20)
        return Answer(process.returncode, (first + rest).decode("utf-8").splitlines())

    def _move_to_sandbox(self) -> None:
        place = self.configuration.parent
        (place / "studio.password").write_text(PASSWORD + "\n", encoding="utf-8")
        (place / "studio.password").chmod(0o600)
        ca = self.sandbox.ca_file.resolve()
        self.configuration.write_text(
            ENDPOINTS.format(
                address=ADDRESS,
                ca=ca,
                authority=(self.folder / "authority.pem").resolve(),
                clock=(self.sandbox.settings.folder / "sandbox.json").resolve(),
                smtp=self.sandbox.smtp_port,
                imap=self.sandbox.imap_port,
            ),
            encoding="utf-8",
        )

    def _as_documented(self, said: str) -> list[str]:
        said = said.replace(f"127.0.0.1:{self.sandbox.smtp_port}", "smtps.pec.aruba.it:465")
        said = said.replace(f"127.0.0.1:{self.sandbox.imap_port}", "imaps.pec.aruba.it:993")
        return re.sub(re.escape(str(self.folder)) + re.escape(os.sep), "", said).splitlines()
