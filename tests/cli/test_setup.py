"""Can somebody who comes from a webmail begin: asked, told what is wrong, and with a first PEC proven?"""

import io
import itertools
import json
import stat
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import keyring
import pytest
from keyring.errors import NoKeyringError

from pec_tracker.clock import Clock
from pec_tracker.sandbox.server import Sandbox, SandboxSettings
from pec_tracker.sandbox.store import Account
from pec_tracker.wire.probe import Probe
from tests.cli.desk import closed_port
from tests.cli.running import Home, HomeInside

PASSWORD = "segreta-7"

_numbers = itertools.count(1)
Typed = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    clock = Clock.accelerated(origin=datetime.now(UTC), factor=600)
    with Sandbox(SandboxSettings(tmp_path_factory.mktemp("box"), clock=clock)) as running:
        yield running


@pytest.fixture
def address(box: Sandbox) -> str:
    address = f"rossi{next(_numbers)}@pec.sandbox.test"
    box.add_account(Account(address, address, PASSWORD))
    return address


@pytest.fixture
def home(
    box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> HomeInside:
    """A computer without a configuration and without a keyring."""

    def none(*_: str) -> None:
        raise NoKeyringError

    monkeypatch.setattr(keyring, "set_password", none)
    monkeypatch.setattr("pec_tracker.service.rounds.follow.FIRST_LOOK", 0.05)
    variables = {
        "PEC_TRACKER__TRUST": json.dumps([str(box.ca_file)]),
        "PEC_TRACKER__CLOCK__FILE": str(box.settings.folder / "sandbox.json"),
        "PEC_TEST": PASSWORD,
        "PEC_WRONG": "non è questa",
    }
    return HomeInside(Home(tmp_path, variables), monkeypatch, capsys)


def servers(box: Sandbox, **changes: object) -> list[str]:
    given: dict[str, object] = {"smtp_port": box.smtp_port, "imap_port": box.imap_port}
    given |= {"smtp_ca_file": box.ca_file, "imap_ca_file": box.ca_file}
    return [word for name, value in (given | changes).items() for word in (f"--{name.replace('_', '-')}", str(value))]


def by_options(box: Sandbox, address: str, variable: str = "PEC_TEST", **changes: object) -> list[str]:
    hosts: dict[str, object] = {"smtp_host": "127.0.0.1", "imap_host": "127.0.0.1", "password_env": variable}
    return ["setup", "--address", address, "--provider", "custom", *servers(box, **(hosts | changes))]


class Terminal(io.StringIO):
    """A person at a keyboard, who types these lines."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def typed(home: HomeInside, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """The command on a terminal: the lines that are typed, and the passwords, one after the other."""

    def run(*arguments: str, lines: tuple[str, ...], passwords: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        hidden = iter(passwords)
        with monkeypatch.context() as sitting:
            sitting.setattr("sys.stdin", Terminal("".join(f"{line}\n" for line in lines)))
            sitting.setattr("click.termui.hidden_prompt_func", lambda _prompt: next(hidden))
            return home.run(*arguments)

    return run


def configuration(home: HomeInside) -> Path:
    return home.folder / "xdg_config_home" / "pec-tracker" / "config.toml"


def mailboxes(home: HomeInside) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = tomllib.loads(configuration(home).read_text("utf-8"))["mailbox"]
    return found


def test_from_nothing_to_a_pec_that_is_proven(home: HomeInside, box: Sandbox, address: str, typed: Typed) -> None:
    name = address.partition("@")[0]
    lines = (address, "custom", "", "127.0.0.1", "127.0.0.1", "sì")
    ran = typed("--lang", "it", "setup", *servers(box), lines=lines, passwords=(PASSWORD,))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert str(configuration(home)) in ran.stdout
    assert f"{name}: pronta" in ran.stdout
    assert f"Consegnato a {address}" in ran.stdout
    assert PASSWORD not in configuration(home).read_text()
    assert mailboxes(home)[name]["password_file"] == f"{name}.password"
    kept = configuration(home).parent / f"{name}.password"
    if sys.platform != "win32":
        assert {stat.S_IMODE(one.stat().st_mode) for one in (kept, configuration(home))} == {0o600}
    key = ran.stderr.partition("pec-tracker proof ")[2].split()[0]
    assert home.run("proof", key).returncode == 0


def test_a_domain_that_is_the_providers_own_tells_it(
    home: HomeInside, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    for probe in ("probe_imap", "probe_smtp"):
        monkeypatch.setattr(f"pec_tracker.service.mailboxes.trial.{probe}", lambda *_: Probe("ready"))
    ran = typed("setup", lines=("Studio.Rossi@pec.it", "", "", "n"), passwords=("x",))
    assert ran.returncode == 0, ran.stderr
    assert mailboxes(home)["studio-rossi"]["provider"] == "aruba"
    ran = home.run("setup", "--address", "altro@legalmail.it", "--login", "M1", "--password-env", "PEC_TEST")
    assert ran.returncode == 0, ran.stderr
    assert mailboxes(home)["altro"]["provider"] == "legalmail"


def test_a_script_that_cannot_be_asked_is_told_which_option_is_missing(home: HomeInside) -> None:
    ran = home.run("setup", "--address", "studio@pec.rossi.it", "--password-env", "PEC_TEST")
    assert ran.returncode == 2
    assert "--provider is missing" in ran.stderr
    assert not configuration(home).exists()


def test_a_script_gets_one_object_and_may_be_run_again(home: HomeInside, box: Sandbox, address: str) -> None:
    first = home.run(*by_options(box, address), "--trial", "--json")
    assert first.returncode == 0, first.stderr
    told = json.loads(first.stdout)
    assert (told["added"], told["ready"], told["outcome"]["state"]) == (True, True, "delivered")
    before = configuration(home).read_text()
    again = home.run(*by_options(box, address), "--json")
    assert again.returncode == 0, again.stderr
    assert (json.loads(again.stdout)["added"], json.loads(again.stdout)["outcome"]) == (False, None)
    assert configuration(home).read_text() == before
    assert len([one for one in box.sent if one.submission.mail_from == address]) == 1


def test_nothing_that_is_configured_is_changed(home: HomeInside, box: Sandbox, address: str) -> None:
    assert home.run(*by_options(box, address)).returncode == 0
    before = configuration(home).read_text()
    ran = home.run("setup", "--address", address, "--provider", "aruba", "--password-env", "PEC_TEST")
    assert ran.returncode == 2
    assert "mailbox edit" in ran.stderr
    assert configuration(home).read_text() == before


def test_a_wrong_password_is_asked_again_and_never_written(
    home: HomeInside, box: Sandbox, address: str, typed: Typed
) -> None:
    lines = (address, "custom", "", "127.0.0.1", "127.0.0.1", "n")
    ran = typed("setup", *servers(box), lines=lines, passwords=("sbagliata", PASSWORD))
    assert ran.returncode == 0, ran.stderr
    assert "refused the login" in ran.stdout
    assert "for mail programs" in ran.stderr  # two-step access is the usual reason
    assert "sbagliata" not in ran.stdout + ran.stderr
    (kept,) = configuration(home).parent.glob("*.password")
    assert kept.read_text().strip() == PASSWORD


def test_a_password_that_stays_wrong_leaves_nothing_behind(
    home: HomeInside, box: Sandbox, address: str, typed: Typed
) -> None:
    lines = (address, "custom", "", "127.0.0.1", "127.0.0.1")
    ran = typed("setup", *servers(box), lines=lines, passwords=("una", "due", "tre", PASSWORD))
    assert ran.returncode == 3
    assert "Nothing was written" in ran.stderr
    assert list(home.folder.rglob("*.password")) == []
    assert not configuration(home).exists()


def test_a_port_that_is_closed_is_told_and_what_was_said_is_kept(home: HomeInside, box: Sandbox, address: str) -> None:
    ran = home.run(*by_options(box, address, smtp_port=closed_port()))
    assert ran.returncode == 3
    assert "check host and port" in ran.stdout
    assert "What you said is kept" in ran.stderr
    assert mailboxes(home)[address.partition("@")[0]]["address"] == address
    again = home.run("setup")
    assert again.returncode == 3
    assert "its servers are tried" in again.stdout


def test_what_was_cut_off_while_the_trial_was_under_way_goes_on_with_that_one(
    home: HomeInside, box: Sandbox, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as during:
        during.setattr("pec_tracker.service.rounds.follow.collect", cut)
        ran = home.run(*by_options(box, address), "--trial")
        assert ran.returncode == 130
    again = home.run("setup", "--trial")
    assert again.returncode == 0, again.stderr
    assert f"Delivered to {address}" in again.stdout
    assert len([one for one in box.sent if one.submission.mail_from == address]) == 1


def test_a_run_cut_off_between_password_and_configuration_can_be_repeated(
    home: HomeInside, box: Sandbox, address: str, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    lines = (address, "custom", "", "127.0.0.1", "127.0.0.1", "n")
    with monkeypatch.context() as during:
        during.setattr("pec_tracker.service.mailboxes.add.add", cut)
        assert typed("setup", *servers(box), lines=lines, passwords=(PASSWORD,)).returncode == 130
    assert not configuration(home).exists()
    ran = typed("setup", *servers(box), lines=lines, passwords=(PASSWORD,))
    assert ran.returncode == 0, ran.stderr
