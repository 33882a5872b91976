"""Can a user tell us what his provider's servers say, without telling who he is?"""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from pec_tracker.answers import provider_report
from pec_tracker.providers import provider
from pec_tracker.sandbox.server import Sandbox, SandboxSettings
from pec_tracker.secret import SecretRef, SecretSource
from pec_tracker.service.mailboxes.configured import Configured
from pec_tracker.service.mailboxes.trial import Trial
from pec_tracker.wire.endpoint import Endpoint
from pec_tracker.wire.probe import Probe
from tests.cli.running import Home, HomeInside
from tests.cli.test_mailbox import ADDRESS, config_of, mailbox_text


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> HomeInside:
    return HomeInside(Home(tmp_path, {"PEC_TEST": "sandbox", "PEC_WRONG": "not the password"}), monkeypatch, capsys)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(tmp_path_factory.mktemp("sandbox"))) as running:
        yield running


def test_a_report_says_what_the_servers_can_do_and_nobodys_address(home: HomeInside, sandbox: Sandbox) -> None:
    config_of(home, mailbox_text(sandbox))
    ran = home.run("provider", "report", "custom")
    assert ran.returncode == 0, ran.stderr
    for told in (
        "# imap.greeting: ",
        "# imap.capabilities: ",
        "UIDPLUS",
        "# smtp.extensions: ",
        "# smtp.lacks: ",
        "TLSv1",
    ):
        assert told in ran.stdout
    assert ADDRESS not in ran.stdout
    assert "password" not in ran.stdout
    table = tomllib.loads(ran.stdout)["provider"]  # 127.0.0.1 tells no name
    assert table["smtp"]["port"] == sandbox.smtp_port
    named = home.run("provider", "report", "studio", "--with-address", "--json").stdout
    assert ADDRESS in json.loads(named)["text"]
    assert tomllib.loads(json.loads(named)["text"])["provider"]["domains"] == [ADDRESS.partition("@")[2]]


def test_what_is_printed_can_be_put_beside_the_configuration(home: HomeInside, sandbox: Sandbox) -> None:
    file = config_of(home, mailbox_text(sandbox))
    printed = home.run("provider", "report", "studio").stdout
    (home.folder / "providers.toml").write_text(printed, "utf-8")
    lines = file.read_text("utf-8").replace('"custom"', '"provider"').splitlines()
    servers = ("smtp.host", "smtp.port", "imap.host", "imap.port")
    file.write_text("\n".join(line for line in lines if not line.startswith(servers)), "utf-8")
    assert home.run("mailbox", "test").returncode == 0


def test_a_server_that_refuses_is_reported_without_a_table(home: HomeInside, sandbox: Sandbox) -> None:
    config_of(home, mailbox_text(sandbox, secret="PEC_WRONG"))
    ran = home.run("provider", "report", "studio")
    assert ran.returncode == 3
    assert "# imap.error: " in ran.stdout
    assert "[provider]" not in ran.stdout
    ran = home.run("provider", "report", "aruba")
    assert (ran.returncode, "mailboxes: studio" in ran.stderr) == (2, True)


def test_what_a_server_says_of_its_user_is_left_out_and_private_folders_are_not_named() -> None:
    endpoint = Endpoint("imap.mio-gestore.example", 993)
    one = Configured(
        "studio", "studio@avv-rossi.example", None, "custom", "Custom", "M12345",
        SecretRef(SecretSource.ENV, "X"), endpoint, endpoint, None, None,
    )  # fmt: skip
    greeting = "ready for M12345 (Studio@avv-rossi.example, other@host.example) from 198.51.100.7 and 2001:db8::1:2:3"
    facts = (("tls", "TLSv1.3"), ("greeting", greeting), ("sent_folder", "INBOX/studio@avv-rossi.example/Inviata"))
    trial = Trial(imap=Probe("ready", facts=(*facts, ("folders", "12"))), smtp=Probe("ready", facts=facts[:2]))
    text = provider_report.report_text(provider("custom"), one, trial, named=False)
    for secret in ("M12345", "avv-rossi", "other@", "198.51.100.7", "2001:db8"):
        assert secret not in text
    assert tomllib.loads(text)["mio-gestore"]["login"] == "user-id"
