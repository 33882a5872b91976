"""Does the first thing that a newcomer tries work: eight PEC, their receipts, and a folder to look into?"""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pec_tracker.cli.demo import LETTERS
from pec_tracker.errors import Exit
from tests.cli.running import Home

PATIENCE = 100  # seconds; half a minute is usual
COLUMNS = 80

# Where each recipient stands at the end, with the code that opens errore-esteso.
EXPECTED = {
    "consegnata@azienda.test": ("delivered", None),
    "per.conoscenza@azienda.test": ("delivered", None),
    "tardiva@azienda.test": ("delivered", None),
    "piena@azienda.test": ("failed", "5.2.2"),
    "inesistente@azienda.test": ("failed", "5.1.1"),
    "inesistente-altro@azienda.test": ("failed", "5.1.1"),
    "no-dominio@nessuno.test": ("failed", "5.1.2"),
    "virus@azienda.test": ("failed", "5.5.1"),
    "silenzio@azienda.test": ("failed", "5.4.1"),
    "esterno@posta.test": ("external", None),
    "doppia@azienda.test": ("delivered", None),
    "accettazione-tardiva@pec.test": ("delivered", None),
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2 * PATIENCE)]


@dataclass(frozen=True, slots=True)
class Shown:
    """A demo that has ended: where, and what it said."""

    home: Home
    status: int
    out: str
    err: str

    @property
    def folder(self) -> Path:
        return self.home.folder / "place"

    def look(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """A command on what the demo has left."""
        return self.home.run("--config", self.folder / "config.toml", *arguments)


def standing(records: str) -> dict[str, tuple[str, str | None]]:
    """State and code of each recipient, out of the JSON lines of `find` or `demo`."""
    messages: list[dict[str, Any]] = [json.loads(line) for line in records.splitlines()]
    recipients = [one for message in messages for one in message["recipients"]]
    return {one["address"]: (one["state"], one["error_code"]) for one in recipients}


def start(home: Home, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "pec_tracker", *arguments, "--folder", "place"],
        env=home.environment(),
        cwd=home.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def ended(home: Home, process: "subprocess.Popen[str]") -> Shown:
    out, err = process.communicate(timeout=PATIENCE)
    return Shown(home, process.returncode, out, err)


@pytest.fixture(scope="module")
def demos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Shown]]:
    """The demo in English, in Italian and for a script, all at the same time: it mostly waits."""
    kinds = {"english": ["demo"], "italian": ["--lang", "it", "demo"], "scripted": ["demo", "--json"]}
    homes = {kind: Home(tmp_path_factory.mktemp(kind)) for kind in kinds}
    running = {kind: start(homes[kind], *arguments) for kind, arguments in kinds.items()}
    try:
        yield {kind: ended(homes[kind], process) for kind, process in running.items()}
    finally:
        for process in running.values():
            process.kill()
            process.wait()


@pytest.fixture
def english(demos: dict[str, Shown]) -> Shown:
    return demos["english"]


@pytest.fixture
def scripted(demos: dict[str, Shown]) -> Shown:
    return demos["scripted"]


@pytest.fixture
def italian(demos: dict[str, Shown]) -> Shown:
    return demos["italian"]


def test_all_eight_are_where_their_recipients_put_them(english: Shown) -> None:
    assert (english.status, english.err.count("Error")) == (Exit.DONE, 0)
    found = english.look("find", "--json")
    messages: list[dict[str, Any]] = [json.loads(line) for line in found.stdout.splitlines()]
    assert [message["subject"] for message in reversed(messages)] == [letter.subject for letter in LETTERS]
    stands = {
        one["address"]: (one["state"], one["error_code"]) for message in messages for one in message["recipients"]
    }
    assert stands == EXPECTED


def test_every_certified_time_is_in_the_past(english: Shown) -> None:
    ran = english.look("status", "--json")
    assert ran.returncode == Exit.FINDING
    assert english.look("find", "--overdue", "--json").stdout == ""


def test_the_table_is_readable_in_both_languages(english: Shown, italian: Shown) -> None:
    assert italian.status == Exit.DONE
    for shown, words in ((english, "not delivered"), (italian, "non consegnato")):
        lines = shown.out.splitlines()
        assert max(map(len, lines)) <= COLUMNS
        assert shown.out.count(words) >= 5
        assert all(address in shown.out for address in EXPECTED)
        assert len(lines) == 3 + len(LETTERS) + len(EXPECTED) + sum(code is not None for _, code in EXPECTED.values())


def test_it_speaks_italian_throughout(english: Shown, italian: Shown) -> None:
    def sentences(shown: Shown) -> set[str]:
        said = [line for line in shown.err.splitlines() if line.strip() and not line.startswith("  ")]
        return {re.sub(r"[\d.]+|\S*/\S*", "", line) for line in said}

    assert len(sentences(english)) >= 6
    assert sentences(english).isdisjoint(sentences(italian))
    assert italian.look("find").stdout.startswith("Chiave")  # and remembers it


def test_the_archive_is_in_the_folder_that_it_names_and_checks(english: Shown) -> None:
    assert "Everything is in place; look further with:" in english.err
    assert len(list((english.folder / "data/archive/objects").glob("*/*.eml"))) >= len(LETTERS) * 2
    checked = english.look("check", "--json")
    assert checked.returncode == Exit.DONE
    assert json.loads(checked.stdout)["sound"] is True


def test_the_commands_that_it_prints_work_as_printed(english: Shown) -> None:
    printed = [line.strip() for line in english.err.splitlines() if line.startswith("  ")]
    assert len(printed) >= 4
    for line in printed:
        ran = subprocess.run(
            shlex.split(line),
            env=english.home.environment(),
            cwd=english.home.folder,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        assert (ran.returncode, ran.stderr.count("Error")) == (Exit.DONE, 0), (line, ran.stderr)
        assert ran.stdout


def test_it_proves_the_one_that_was_delivered(english: Shown, italian: Shown) -> None:
    for shown, readme in ((english, "README.txt"), (italian, "LEGGIMI.txt")):
        assert "proof.zip" in shown.err
        with zipfile.ZipFile(shown.folder / "proof.zip") as package:
            told = json.loads(package.read("report.json"))
            assert {readme, "verify_package.py"} <= set(package.namelist())
        assert {one["state"] for one in told["journeys"]} == {"delivered"}
        assert told["pdf"] is True
    assert "The package was verified: everything holds." in english.err


def test_the_sandboxs_authority_is_trusted_by_name_and_nothing_else_is_left_of_it(english: Shown) -> None:
    configured = tomllib.loads((english.folder / "config.toml").read_text(encoding="utf-8"))
    assert configured["trust"] == ["sandbox/ca/root.pem"]
    assert "clock" not in configured
    assert "Trusted for this demo only: the sandbox's own authority, " in english.err
    assert not (english.folder / "sandbox" / "sandbox.json").exists()


def test_the_password_is_the_owners_alone(english: Shown) -> None:
    if os.name != "nt":
        assert (english.folder / "password.txt").stat().st_mode & 0o077 == 0


def test_a_second_demo_does_not_write_over_the_first(english: Shown) -> None:
    before = sorted(english.folder.rglob("*"))
    ran = english.home.run("demo", "--folder", "place")
    assert ran.returncode == Exit.USAGE
    assert "place is not empty; name a new folder with --folder" in ran.stderr
    assert sorted(english.folder.rglob("*")) == before


@pytest.mark.skipif(
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN, reason="begun in the background, where nobody hears Ctrl-C"
)
def test_interrupted_it_ends_at_once_and_leaves_no_server_and_no_clock(tmp_path: Path) -> None:
    process = start(Home(tmp_path), "demo")
    try:
        assert process.stderr is not None
        while not process.stderr.readline().startswith("Sent: 8 PEC."):
            assert process.poll() is None
        configuration = tmp_path / "place" / "config.toml"
        configured = tomllib.loads(configuration.read_text(encoding="utf-8"))
        ports = [configured["mailbox"]["demo"][server]["port"] for server in ("smtp", "imap")]
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == Exit.INTERRUPTED
        assert process.stderr.read().splitlines()[-1] == "Error: Interrupted."
    finally:
        process.kill()
        process.communicate()
    for port in ports:
        with pytest.raises(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
            pass
    assert "clock" not in tomllib.loads(configuration.read_text(encoding="utf-8"))
    assert not (tmp_path / "place" / "sandbox" / "sandbox.json").exists()
