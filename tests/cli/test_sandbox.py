"""Can other software be tried against the sandbox from the command line, without a line of Python?"""

import imaplib
import json
import signal
import smtplib
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pec_tracker.cli.main import run
from pec_tracker.errors import Exit, ServerError
from pec_tracker.sandbox import requests
from pec_tracker.sandbox.behaviours import BEHAVIOURS
from pec_tracker.sandbox.inject import INJECTIONS
from tests.cli.running import Home
from tests.sandbox.running import sandbox_in

LETTER = (
    b"From: mittente@pec.sandbox.test\r\nTo: consegnata@azienda.test\r\nSubject: prova\r\n"
    b"Message-ID: <prova@pec.sandbox.test>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nBuongiorno.\r\n"
)


@dataclass(frozen=True, slots=True)
class Started:
    """`pec-tracker sandbox --json` as a process, and what it said of itself."""

    home: Home
    process: "subprocess.Popen[str]"
    directions: dict[str, Any]

    def end(self, number: int) -> int:
        """Its exit status after the signal."""
        self.process.send_signal(number)
        return self.process.wait(timeout=20)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    home = Home(tmp_path)
    arguments = [sys.executable, "-m", "pec_tracker", "sandbox", "--folder", "box", "--factor", "3600", "--json"]
    process = subprocess.Popen(
        arguments, env=home.environment(), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    with process:
        assert process.stdout is not None
        yield Started(home, process, json.loads(process.stdout.readline()))
        process.kill()


def test_a_strangers_program_can_send_and_collect_from_what_the_command_says(started: Started) -> None:
    said = started.directions
    account = said["accounts"][0]
    tls = ssl.create_default_context(cafile=said["ca_file"])
    with smtplib.SMTP_SSL(said["host"], said["smtp_port"], context=tls) as smtp:
        smtp.login(account["login"], account["password"])
        smtp.sendmail(account["address"], ["consegnata@azienda.test"], LETTER)
    assert started.home.run("sandbox", "inject", "reply", "--folder", "box").returncode == Exit.DONE
    with imaplib.IMAP4_SSL(said["host"], said["imap_port"], ssl_context=tls) as imap:
        imap.login(account["login"], account["password"])
        imap.select(readonly=True)
        assert imap.search(None, "HEADER", "X-Trasporto", "posta-certificata")[1] != [b""]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_told_to_and_leaves_no_directions_to_closed_ports(started: Started, number: int) -> None:
    directions = started.home.folder / "box" / "sandbox.json"
    assert directions.is_file()
    assert started.end(number) == Exit.DONE
    assert not directions.exists()


def test_what_it_cannot_do_is_said_with_the_choices(started: Started) -> None:
    ran = started.home.run("sandbox", "inject", "nothing-like-it", "--folder", "box")
    assert ran.returncode == Exit.USAGE
    assert "forged-own-ca" in ran.stderr


def test_a_mail_cannot_be_asked_of_a_sandbox_that_does_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["sandbox", "inject", "reply", "--folder", str(tmp_path)]) == Exit.SERVER
    assert "no sandbox runs in" in capsys.readouterr().err


def test_behaviours_and_kinds_are_listed_for_people_and_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sandbox", "behaviours", "--json"]) == Exit.DONE
    listed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["name"] for row in listed] == [behaviour.name for behaviour in BEHAVIOURS]
    assert run(["sandbox", "behaviours"]) == Exit.DONE
    shown = capsys.readouterr().out
    assert all(behaviour.name in shown for behaviour in BEHAVIOURS)
    assert run(["sandbox", "inject", "--json"]) == Exit.DONE
    kinds = [json.loads(line)["kind"] for line in capsys.readouterr().out.splitlines()]
    assert kinds == list(INJECTIONS)
    assert run(["sandbox", "inject"]) == Exit.DONE
    shown = capsys.readouterr().out
    assert all(str(kind) in shown for kind in INJECTIONS)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["--factor", "0"], "must be above 0"), (["--origin", "soon"], "is not a time")],
)
def test_a_clock_that_cannot_run_is_refused(
    arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["sandbox", "--folder", str(tmp_path / "box"), *arguments]) == Exit.USAGE
    assert says in capsys.readouterr().err
    assert not (tmp_path / "box").exists()


def test_no_wish_however_odd_ends_the_sandbox(tmp_path: Path) -> None:
    place = tmp_path / requests.FOLDER
    place.mkdir()
    odd = [b"", b"\xff\xfe", b"[]", b"7", b'{"kind": 1}', b'{"kind": "reply", "folder": "gone"}', b'{"other": "x"}']
    for number, wish in enumerate(odd):
        (place / f"{number}.wish").write_bytes(wish)
    with sandbox_in(tmp_path) as sandbox:
        assert requests.answer_all(sandbox) == len(odd)
        assert requests.answer_all(sandbox) == 0
    answers = [json.loads(answer.read_bytes()) for answer in place.glob("*.answer")]
    assert ["refused" in answer for answer in answers] == [True] * len(odd)


def test_what_was_asked_of_an_earlier_run_is_forgotten(tmp_path: Path) -> None:
    place = tmp_path / requests.FOLDER
    requests.forget_all(tmp_path)
    place.mkdir()
    (place / "old.wish").write_bytes(b'{"kind": "ordinary"}')
    (place / "old.answer").write_bytes(b'{"uid": 7}')
    requests.forget_all(tmp_path)
    assert list(place.iterdir()) == []


def test_a_sandbox_that_died_is_not_waited_for_without_end(tmp_path: Path) -> None:
    (tmp_path / "sandbox.json").write_bytes(b"{}")
    with pytest.raises(ServerError, match="does not answer; is it still running"):
        requests.ask(tmp_path, {"kind": "reply"}, timeout=0.1)
    assert list((tmp_path / requests.FOLDER).iterdir()) == []
