"""Is a user told why a letter has not left yet, where nothing is wrong and only the provider's pace keeps it?"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pec_tracker.sandbox.server import Sandbox, SandboxSettings
from tests.cli.running import Home, HomeInside
from tests.cli.test_mailbox import config_of, mailbox_text

LETTER = ("send", "--to", "a@pec.sandbox.test", "--subject", "Prova", "--text", "Buongiorno")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> HomeInside:
    return HomeInside(Home(tmp_path, {"PEC_TEST": "sandbox"}), monkeypatch, capsys)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(tmp_path / "sandbox")) as running:
        yield running


def test_what_the_pace_keeps_says_for_how_long_and_how_many_a_minute(home: HomeInside, sandbox: Sandbox) -> None:
    text = mailbox_text(sandbox)
    config_of(home, text.replace('provider = "custom"', 'provider = "custom"\nmessages_per_minute = 1'))
    assert home.run("collect").returncode == 0
    key = json.loads(home.run(*LETTER, "--queue-only", "--json").stdout)["key"]
    assert "provider takes" not in home.run("outbox", "list").stderr  # it may leave at once
    assert home.run("outbox", "send").returncode == 0
    other = json.loads(home.run(*LETTER, "--queue-only", "--json").stdout)["key"]
    assert home.run("collect").returncode == 0
    for asked in (("outbox", "list"), ("show", other)):
        told = home.run(*asked).stderr
        assert re.search(r"studio: the next one may leave in \d+ s: the provider takes 1 message a minute", told), asked
    assert "provider takes" not in home.run("show", key).stderr
