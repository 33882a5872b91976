"""Can a user add mailboxes without breaking the configuration, and does a trial say what is wrong?"""

import io
import json
import socket
import stat
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import keyring
import pytest
from keyring.errors import NoKeyringError

from pec_tracker import secret
from pec_tracker.sandbox.server import Sandbox, SandboxSettings
from pec_tracker.wire.probe import Probe
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


# add, asked


class Terminal(io.StringIO):
    """A person at a keyboard, who types these lines."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def typed(home: HomeInside, monkeypatch: pytest.MonkeyPatch) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`mailbox add` on a terminal: the lines that are typed, and the password."""

    def add(*lines: str, password: str = "", arguments: Sequence[str | Path] = ()) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr("sys.stdin", Terminal("".join(f"{line}\n" for line in lines)))
        monkeypatch.setattr("click.termui.hidden_prompt_func", lambda _prompt: password)
        return home.run("mailbox", "add", *arguments)

    return add


@pytest.fixture
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without one, and servers that take us."""

    def none(*_: str) -> None:
        raise NoKeyringError

    monkeypatch.setattr(keyring, "set_password", none)
    for probe in ("probe_imap", "probe_smtp"):
        monkeypatch.setattr(f"pec_tracker.service.mailboxes.trial.{probe}", lambda *_: Probe("ready"))


Typed = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.mark.usefixtures("no_keyring")
def test_a_password_that_is_typed_is_kept_where_only_the_user_reads_it_and_tried_at_once(
    home: HomeInside, typed: Typed
) -> None:
    file = config_of(home, COMMENTED)
    ran = typed("studio", "studio@pec.example.it", "aruba", password="segreta àè")
    assert ran.returncode == 0, ran.stderr
    assert tomllib.loads(file.read_text())["mailbox"]["studio"]["password_file"] == "studio.password"
    kept = home.folder / "studio.password"
    assert kept.read_text("utf-8") == "segreta àè\n"
    if sys.platform != "win32":
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert "segreta" not in ran.stdout + ran.stderr + file.read_text()
    assert "studio: ready" in ran.stdout
    assert str(kept) in ran.stderr
    assert "Test it with" not in ran.stderr


@pytest.mark.usefixtures("no_keyring")
def test_an_answer_that_does_not_fit_is_told_before_the_next_question_and_nothing_is_lost(
    home: HomeInside, typed: Typed
) -> None:
    file = config_of(home, COMMENTED)
    ran = typed(
        *("Studio Rossi", "first", "studio-rossi"),
        *("nessuno", "first@pec.example.it", "rossi@pec.example.it"),
        *("gmail", "custom", "smtp.example.it", "imap.example.it", "PEC SECRET", ""),
    )
    assert ran.returncode == 2, ran.stderr  # the variable is not set: the trial says so
    for told in ("lower-case", "already configured", "name@domain", "same address", "is not one of", "not the name"):
        assert told in ran.stderr, told
    assert tomllib.loads(file.read_text())["mailbox"]["studio-rossi"] == {
        "address": "rossi@pec.example.it",
        "provider": "custom",
        "password_env": "PEC_STUDIO_ROSSI_PASSWORD",
        "smtp": {"host": "smtp.example.it"},
        "imap": {"host": "imap.example.it"},
    }


@pytest.mark.usefixtures("no_keyring")
def test_a_password_file_that_is_there_is_not_overwritten(home: HomeInside, typed: Typed) -> None:
    file = config_of(home, COMMENTED)
    (home.folder / "studio.password").write_text("di un altro")
    ran = typed("studio", "studio@pec.example.it", "aruba", password="mia")
    assert ran.returncode == 2
    assert "not overwritten" in ran.stderr
    assert (home.folder / "studio.password").read_text() == "di un altro"
    assert file.read_text() == COMMENTED


def test_a_password_goes_into_the_keyring_where_there_is_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    there: dict[tuple[str, str], str] = {}
    monkeypatch.setattr(keyring, "set_password", lambda service, user, text: there.update({(service, user): text}))
    monkeypatch.setattr(keyring, "get_password", lambda service, user: there.get((service, user)))
    ref = secret.keep("segreta", entry="pec-tracker/studio", file=tmp_path / "studio.password")
    assert secret.resolve(ref) == "segreta"
    assert list(tmp_path.iterdir()) == []


def test_a_keyring_that_forgets_is_not_trusted_with_a_password(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(keyring, "set_password", lambda *_: None)
    monkeypatch.setattr(keyring, "get_password", lambda *_: None)
    secret.keep("segreta", entry="pec-tracker/studio", file=tmp_path / "studio.password")
    assert (tmp_path / "studio.password").read_text() == "segreta\n"


# remove


def test_removing_a_mailbox_leaves_the_rest_of_the_file_as_it_was(home: HomeInside, sandbox: Sandbox) -> None:
    file = config_of(home, mailbox_text(sandbox))
    before = file.read_text()
    arguments = ("--address", "b@pec.example.it", "--provider", "aruba", "--password-env", "X", "--imap-port", "1993")
    assert home.run("mailbox", "add", "altra", *arguments).returncode == 0
    ran = home.run("mailbox", "remove", "altra", "--json")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["removed"] == "altra"
    assert tomllib.loads(file.read_text()) == tomllib.loads(before)
    assert file.read_text().startswith(before.rstrip())
    assert home.run("mailbox", "remove", "altra").returncode == 2


def test_a_mailbox_is_not_removed_while_a_message_of_it_waits(home: HomeInside, sandbox: Sandbox) -> None:
    file = config_of(home, mailbox_text(sandbox))
    before = file.read_text()
    sent = ("send", "--to", "a@pec.test", "--subject", "Prova", "--text", "Buongiorno", "--queue-only", "--json")
    key = json.loads(home.run(*sent).stdout)["key"]
    ran = home.run("mailbox", "remove", "studio")
    assert ran.returncode == 2
    assert "outbox list" in ran.stderr
    assert file.read_text() == before
    home.run("outbox", "settle", key, "--abandon", "--reason", "prova")
    ran = home.run("mailbox", "remove", "studio")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(home.run("find", "--json").stdout)["key"] == key


@pytest.mark.parametrize("word", ["change", "set"])
def test_whoever_would_change_a_mailbox_is_told_how(home: HomeInside, word: str) -> None:
    config_of(home, COMMENTED)
    ran = home.run("mailbox", word, "first")
    assert ran.returncode == 2
    assert "mailbox edit NAME" in ran.stderr


def test_who_names_an_unknown_provider_is_told_what_custom_is_for(home: HomeInside) -> None:
    ran = home.run("mailbox", "add", "x", "--address", "x@b.it", "--provider", "sconosciuto", "--password-env", "X")
    assert "For any other write custom" in ran.stderr


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
