"""Can a user add mailboxes without breaking the configuration, and does a trial say what is wrong?"""

import json
import socket
import stat
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from pec_tracker.sandbox.server import Sandbox, SandboxSettings
from tests.cli.running import Home, HomeInside

ADDRESS = "mittente@pec.sandbox.test"
COMMENTED = """\
# Our office. Keep this line.
[retention]
months = 120  # ten years

[mailbox.first]   # the oldest
address = "first@pec.example.it"
provider = "aruba"
password_env = "FIRST"
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> HomeInside:
    return HomeInside(Home(tmp_path, {"PEC_TEST": "sandbox", "PEC_WRONG": "not the password"}), monkeypatch, capsys)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(tmp_path_factory.mktemp("sandbox"))) as running:
        yield running


def config_of(home: HomeInside, text: str) -> Path:
    file = home.folder / "config.toml"
    file.write_text(text, "utf-8")
    return file


def mailbox_text(sandbox: Sandbox, *, name: str = "studio", secret: str = "PEC_TEST", **changes: object) -> str:
    keys: dict[str, object] = {
        "smtp.host": "127.0.0.1",
        "smtp.port": sandbox.smtp_port,
        "smtp.ca_file": str(sandbox.ca_file),
        "imap.host": "127.0.0.1",
        "imap.port": sandbox.imap_port,
        "imap.ca_file": str(sandbox.ca_file),
        "imap.timeout_seconds": 3,
        "smtp.timeout_seconds": 3,
        **{key.replace("_", ".", 1): value for key, value in changes.items()},
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in keys.items() if value is not None]
    return (
        f'[mailbox.{name}]\naddress = "{ADDRESS}"\nprovider = "custom"\npassword_env = "{secret}"\n'
        + "\n".join(lines)
        + "\n"
    )


# add


def test_adding_keeps_every_comment_and_every_byte_before(home: HomeInside) -> None:
    file = config_of(home, COMMENTED)
    ran = home.run(
        *("mailbox", "add", "studio", "--address", "studio@pec.example.it", "--provider", "legalmail"),
        *("--login", "M123", "--password-file", "secrets/studio", "--smtp-port", "4650"),
    )
    assert ran.returncode == 0, ran.stderr
    assert file.read_text().startswith(COMMENTED)
    assert tomllib.loads(file.read_text())["mailbox"]["studio"] == {
        "address": "studio@pec.example.it",
        "provider": "legalmail",
        "login": "M123",
        "password_file": "secrets/studio",
        "smtp": {"port": 4650},
    }


def test_adding_makes_the_users_file_when_there_is_none_and_keeps_it_private(home: HomeInside) -> None:
    ran = home.run(
        *("mailbox", "add", "studio", "--address", "a@pec.example.it", "--provider", "aruba", "--password-env", "X"),
        "--json",
    )
    told = json.loads(ran.stdout)
    file = Path(told["file"])
    assert (told["schema"], told["added"]) == (1, ["studio"])
    assert file.is_relative_to(home.folder / "xdg_config_home")
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "a@pec.example.it" in home.run("mailbox", "list").stdout


def test_a_named_file_that_is_not_there_is_made(home: HomeInside) -> None:
    own = home.folder / "new" / "own.toml"
    arguments = ("mailbox", "add", "s", "--address", "a@b.it", "--provider", "aruba", "--password-env", "X")
    assert home.run("--config", own, *arguments).returncode == 0
    assert own.exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["first", "--address", "x@b.it", "--provider", "aruba", "--password-env", "X"], "already configured"),
        (["x", "--address", "first@pec.example.it", "--provider", "aruba", "--password-env", "X"], "same address"),
        (["Big", "--address", "x@b.it", "--provider", "aruba", "--password-env", "X"], "lower-case"),
        (["x", "--address", "nobody", "--provider", "aruba", "--password-env", "X"], "name@domain"),
        (["x", "--address", "x@b.it", "--provider", "gmail", "--password-env", "X"], "legalmail"),
        (["x", "--address", "x@b.it", "--provider", "aruba"], "--password-env is missing"),
        (["x", "--provider", "aruba"], "--address is missing"),
        (["x", "--from", "a.csv"], "leave the other options out"),
    ],
)
def test_what_would_not_be_valid_is_refused_and_the_file_stays(
    home: HomeInside, arguments: list[str], says: str
) -> None:
    file = config_of(home, COMMENTED)
    ran = home.run("mailbox", "add", *arguments)
    assert ran.returncode == 2
    assert says in ran.stderr
    assert file.read_text() == COMMENTED


def test_a_file_that_is_broken_already_is_not_touched(home: HomeInside) -> None:
    file = config_of(home, "[retention]\nmonths = 'x'\n")
    arguments = ["--address", "x@b.it", "--provider", "aruba", "--password-env", "X"]
    ran = home.run("mailbox", "add", "x", *arguments)
    assert ran.returncode == 2
    assert "retention.months" in ran.stderr
    assert file.read_text() == "[retention]\nmonths = 'x'\n"


# add --from


def test_many_are_added_from_a_spreadsheet(home: HomeInside) -> None:
    config_of(home, COMMENTED)
    rows = "\ufeffmailbox;address;provider;login;password_env;imap_host;imap_port;smtp_host\r\n"
    rows += "a;a@pec.example.it;aruba;;PEC_A;;;\r\n\r\n"
    rows += "b;b@pec.example.it;custom;bb;PEC_B;i.example.it;1993;s.example.it\r\n"
    (home.folder / "many.csv").write_text(rows, "utf-8", newline="")
    ran = home.run("mailbox", "add", "--from", "many.csv")
    assert ran.returncode == 0, ran.stderr
    assert "2 mailboxes added" in ran.stdout
    listed = [json.loads(line) for line in home.run("mailbox", "list", "--json").stdout.splitlines()]
    assert [one["mailbox"] for one in listed] == ["first", "a", "b"]
    assert listed[2]["imap"] == {"host": "i.example.it", "port": 1993, "security": "tls"}
    assert listed[2]["password"] == {"source": "env", "name": "PEC_B"}


def test_one_bad_line_adds_none_and_every_fault_has_its_line(home: HomeInside) -> None:
    file = config_of(home, COMMENTED)
    (home.folder / "many.csv").write_text(
        "mailbox,address,provider,password_env\n"
        "a,a@pec.example.it,aruba,PEC_A\n"
        "b,nonsense,aruba,PEC_B\n"
        "c,c@pec.example.it,aruba,\n"
        "a,d@pec.example.it,aruba,PEC_D\n"
    )
    ran = home.run("mailbox", "add", "--from", "many.csv")
    assert ran.returncode == 2
    told = ran.stderr.splitlines()
    assert [line.split(":")[0] for line in told[1:]] == ["3", "4", "5"]
    assert "name@domain" in told[1]
    assert "exactly one" in told[2]
    assert "line 2" in told[3]
    assert file.read_text() == COMMENTED


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("mailbox,address\na,b\n", "provider"),
        ("mailbox,address,provider,colour\n", "colour"),
        ("", "mailbox, address, provider"),
    ],
)
def test_a_spreadsheet_with_other_columns_is_refused(home: HomeInside, text: str, says: str) -> None:
    (home.folder / "many.csv").write_text(text)
    ran = home.run("mailbox", "add", "--from", "many.csv")
    assert ran.returncode == 2
    assert says in ran.stderr


# list


def test_the_list_tells_where_passwords_are_and_never_what(home: HomeInside, sandbox: Sandbox) -> None:
    config_of(home, mailbox_text(sandbox))
    ran = home.run("mailbox", "list")
    assert "env: PEC_TEST" in ran.stdout
    assert "PEC_TEST" in home.run("mailbox", "list", "--json").stdout


# test


def tried(home: HomeInside, *arguments: str) -> tuple[int, dict[str, object]]:
    ran = home.run("mailbox", "test", "--json", *arguments)
    assert "not the password" not in ran.stdout + ran.stderr
    return ran.returncode, json.loads(ran.stdout)


def error_of(told: dict[str, object], service: str) -> str:
    facts = told[service]
    assert isinstance(facts, dict)
    return str(facts["error"])


def test_a_mailbox_whose_servers_take_us_is_ready(home: HomeInside, sandbox: Sandbox) -> None:
    config_of(home, mailbox_text(sandbox))
    status, told = tried(home)
    assert (status, told["ready"]) == (0, True)
    shown = home.run("mailbox", "test", "studio").stdout
    assert "studio: ready" in shown
    assert "TLSv1" in shown
    assert "space used: 0 of 1024 MB" in shown


def test_a_wrong_password_is_offered_to_one_server_only(home: HomeInside, sandbox: Sandbox) -> None:
    config_of(home, mailbox_text(sandbox, secret="PEC_WRONG"))
    status, told = tried(home)
    assert (status, told["ready"], told["smtp"]) == (3, False, None)
    assert "refused the login" in error_of(told, "imap")


def test_a_password_that_is_not_there_is_told_before_any_connection(home: HomeInside, sandbox: Sandbox) -> None:
    config_of(home, mailbox_text(sandbox, secret="PEC_NOWHERE"))
    status, told = tried(home)
    assert status == 2
    assert "PEC_NOWHERE is not set" in str(told["secret"])


def test_an_unknown_authority_is_told_with_its_remedy(home: HomeInside, sandbox: Sandbox) -> None:
    config_of(home, mailbox_text(sandbox, imap_ca_file=None))
    status, told = tried(home)
    assert status == 3
    assert "ca_file" in error_of(told, "imap")


def test_a_closed_port_is_told_as_refused(home: HomeInside, sandbox: Sandbox) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        config_of(home, mailbox_text(sandbox, smtp_port=taken.getsockname()[1]))
        status, told = tried(home)
    assert status == 3
    assert "check host and port" in error_of(told, "smtp")


def test_the_port_of_starttls_is_told_as_such(home: HomeInside, sandbox: Sandbox) -> None:
    config_of(home, mailbox_text(sandbox, smtp_port=sandbox.smtp_starttls_port))
    _, told = tried(home)
    assert "starttls" in error_of(told, "smtp")


def test_a_port_that_never_answers_is_told_as_such(home: HomeInside, sandbox: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config_of(home, mailbox_text(sandbox, imap_port=silent.getsockname()[1], imap_timeout_seconds=0.5))
        _, told = tried(home)
    assert "0.5 seconds" in error_of(told, "imap")


def test_a_name_that_is_not_configured_lists_those_that_are(home: HomeInside, sandbox: Sandbox) -> None:
    config_of(home, mailbox_text(sandbox))
    ran = home.run("mailbox", "test", "stduio")
    assert ran.returncode == 2
    assert "studio" in ran.stderr


def test_a_trial_pec_reaches_its_own_mailbox(home: HomeInside, sandbox: Sandbox) -> None:
    config_of(home, mailbox_text(sandbox))
    before = len(sandbox.sent)
    status, told = tried(home, "--send")
    assert status == 0, told
    sent = told["sent"]
    assert isinstance(sent, dict)
    assert sent["send_state"] == "submitted"
    (left,) = sandbox.sent[before:]
    assert (left.refusal, tuple(left.submission.rcpt_to)) == (None, (ADDRESS,))


def test_a_suspended_mailbox_may_be_resumed(home: HomeInside, sandbox: Sandbox) -> None:
    config_of(home, mailbox_text(sandbox))
    ran = home.run("mailbox", "resume", "studio")
    assert ran.returncode == 0, ran.stderr
    assert "studio" in ran.stdout
