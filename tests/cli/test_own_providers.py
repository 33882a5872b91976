"""Can a user add the provider that we do not know, and correct the one that we know wrongly, without waiting for us?"""

import json
import tomllib
from pathlib import Path

import pytest

from pec_tracker.providers import names
from tests.cli.running import Home, HomeInside

OWN = """\
[miapec]
title = "La Mia PEC"
domains = ["miapec.example.it"]
smtp = { host = "smtp.miapec.example.it" }
imap = { host = "imap.miapec.example.it", security = "starttls" }

[aruba]
imap.port = 1993
messages_per_minute = 2.5
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> HomeInside:
    (tmp_path / "config.toml").write_text("")
    return HomeInside(Home(tmp_path), monkeypatch, capsys)


def own(home: HomeInside, text: str) -> Path:
    file = home.folder / "providers.toml"
    file.write_text(text, "utf-8")
    return file


def shown(home: HomeInside, name: str) -> dict[str, object]:
    facts: dict[str, object] = json.loads(home.run("provider", "show", name, "--json").stdout)
    return facts


def test_a_provider_of_ones_own_is_listed_and_said_to_be_ones_own(home: HomeInside) -> None:
    file = own(home, OWN)
    records = [json.loads(line) for line in home.run("provider", "list", "--json").stdout.splitlines()]
    assert [one["provider"] for one in records] == [*names()[:-1], "miapec", "custom"]
    assert {one["provider"] for one in records if one["origin"] == "own"} == {"miapec", "aruba"}
    assert str(file) in "".join(home.run("provider", "show", "miapec").stdout.split())  # wrapped
    facts = shown(home, "miapec")
    assert facts["smtp"] == {"host": "smtp.miapec.example.it", "port": 465, "security": "tls"}
    assert facts["imap"] == {"host": "imap.miapec.example.it", "port": 143, "security": "starttls"}


def test_of_a_known_provider_only_what_is_written_differs(home: HomeInside) -> None:
    before = shown(home, "aruba")
    file = own(home, OWN)
    changed = {"imap": {"host": "imaps.pec.aruba.it", "port": 1993, "security": "tls"}, "messages_per_minute": 2.5}
    assert shown(home, "aruba") == {**before, **changed, "origin": "own", "file": str(file)}


def test_a_mailbox_of_it_is_added_and_its_address_tells_it(home: HomeInside) -> None:
    own(home, OWN)
    ran = home.run("setup", "--address", "a@miapec.example.it", "--password-env", "NOWHERE")
    assert "smtp_host" not in ran.stderr
    written = tomllib.loads((home.folder / "config.toml").read_text())
    assert written["mailbox"]["a"]["provider"] == "miapec"
    row = home.run("mailbox", "list", "--json").stdout
    assert json.loads(row)["imap"]["host"] == "imap.miapec.example.it"
    (home.folder / "more.csv").write_text("mailbox,address,provider,password_env\nb,b@x.it,miapec,X\n")
    assert home.run("mailbox", "add", "--from", "more.csv").returncode == 0
    (home.folder / "providers.toml").unlink()
    ran = home.run("mailbox", "list")
    assert (ran.returncode, "'miapec' is not a provider that we know" in ran.stderr) == (2, True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[x]\nsmtp = { hots = 'a.it' }", "x.smtp.hots: there is no such key; did you mean host?"),
        ("[x]\nquota = 3", "x.quota: there is no such key; `pec-tracker provider show"),
        ("[x]\nsmtp = { port = 25 }", "x.smtp.host: this key is missing"),
        ("[x]\nsmtp = { host = 'a.it', security = 'none' }", "x.smtp.security: 'none' is not one of the choices"),
        ("[x]\nmessages_per_minute = 0", "x.messages_per_minute: the value must be above 0"),
        ("[x]\npassword = 'segreta'", "a password is never written here"),
        ("[custom]\ntitle = 'x'", "cannot name a provider"),
        ("['Mia PEC']\ntitle = 'x'", "cannot name a provider"),
        ("title = 'x'", "title: a section is needed"),
        ("[x", "not valid TOML"),
    ],
)
def test_a_mistake_in_it_names_file_and_key_and_what_to_do(home: HomeInside, text: str, says: str) -> None:
    file = own(home, text)
    for asked in (("provider", "list"), ("mailbox", "list")):
        ran = home.run(*asked)
        assert (ran.returncode, says in ran.stderr, str(file) in ran.stderr) == (2, True, True), ran.stderr
        assert "segreta" not in ran.stderr


@pytest.mark.parametrize("name", names()[:-1])
def test_a_table_that_is_printed_is_a_table_that_can_be_written(home: HomeInside, name: str) -> None:
    before = shown(home, name)
    own(home, home.run("provider", "show", name, "--toml").stdout)
    assert shown(home, name) == {**before, "origin": "own", "file": str(home.folder / "providers.toml")}
