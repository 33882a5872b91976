"""Can a user change a mailbox, or call it otherwise, without losing a comment, a password or what is archived of it?"""

import json
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.errors import NoKeyringError

from pec_tracker.sandbox.server import Sandbox, SandboxSettings
from tests.cli.running import Home, HomeInside
from tests.cli.test_mailbox import Terminal, config_of, mailbox_text

COMMENTED = """\
# Our office. Keep this line.
[mailbox.first]   # the oldest
address = "first@pec.example.it"
provider = "aruba"  # since 2019
password_env = "FIRST"

# The servers; our own authority.
[mailbox.first.imap]
timeout_seconds = 3  # slow line

[gateway.login.gestionale]
mailbox = "first"
password_env = "GATEWAY"
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> HomeInside:
    return HomeInside(Home(tmp_path, {"PEC_TEST": "sandbox", "PEC_WRONG": "not the password"}), monkeypatch, capsys)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(tmp_path_factory.mktemp("sandbox"))) as running:
        yield running


Typed = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def typed(home: HomeInside, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """A command on a terminal of a machine without a keyring: the lines that are typed, and the passwords in turn."""

    def run(*lines: str, passwords: tuple[str, ...] = ("",), arguments: tuple[str, ...]) -> Any:
        left = list(passwords)
        monkeypatch.setattr("sys.stdin", Terminal("".join(f"{line}\n" for line in lines)))
        monkeypatch.setattr("click.termui.hidden_prompt_func", lambda _prompt: left.pop(0))
        return home.run(*arguments)

    def none(*_: str) -> None:
        raise NoKeyringError

    monkeypatch.setattr(keyring, "set_password", none)
    return run


def section(file: Path, name: str) -> dict[str, Any]:
    keys: dict[str, Any] = tomllib.loads(file.read_text("utf-8"))["mailbox"][name]
    return keys


# edit


def test_what_is_changed_is_changed_and_every_comment_stays(home: HomeInside) -> None:
    file = config_of(home, COMMENTED)
    ran = home.run(
        *("mailbox", "edit", "first", "--display-name", "Studio Però", "--pace", "4", "--smtp-port", "4650"),
        *("--imap-host", "imap.example.it", "--no-test"),
    )
    assert ran.returncode == 0, ran.stderr
    after = file.read_text("utf-8")
    assert [line for line in COMMENTED.splitlines() if line not in after.splitlines()] == []
    assert after.index("Studio Però") < after.index("# The servers")
    assert section(file, "first") == {
        "address": "first@pec.example.it",
        "name": "Studio Però",
        "messages_per_minute": 4.0,
        "provider": "aruba",
        "password_env": "FIRST",
        "smtp": {"port": 4650},
        "imap": {"timeout_seconds": 3, "host": "imap.example.it"},
    }


def test_an_empty_text_brings_the_providers_own_back(home: HomeInside) -> None:
    file = config_of(home, COMMENTED)
    own = ("--imap-host", "imap.example.it", "--imap-port", "1993", "--display-name", "Studio", "--no-test")
    assert home.run("mailbox", "edit", "first", *own).returncode == 0
    assert home.run("mailbox", "edit", "first", "--imap-host", "", "--display-name", "", "--no-test").returncode == 0
    assert section(file, "first") == tomllib.loads(COMMENTED)["mailbox"]["first"]


def test_another_provider_brings_its_own_servers_and_asks_for_its_user(home: HomeInside) -> None:
    file = config_of(home, COMMENTED)
    home.run("mailbox", "edit", "first", "--imap-host", "i.example.it", "--sent-folder", "Sent", "--no-test")
    before = file.read_text("utf-8")
    ran = home.run("mailbox", "edit", "first", "--provider", "legalmail", "--no-test")
    assert (ran.returncode, "login" in ran.stderr) == (2, True)
    assert file.read_text("utf-8") == before
    ran = home.run("mailbox", "edit", "first", "--provider", "legalmail", "--login", "M123", "--no-test")
    assert ran.returncode == 0, ran.stderr
    keys = section(file, "first")
    assert (keys["provider"], keys["login"], keys["imap"]) == ("legalmail", "M123", {"timeout_seconds": 3})
    assert "sent_folder" not in keys


def test_servers_are_tried_before_anything_is_replaced(home: HomeInside, sandbox: Sandbox) -> None:
    file = config_of(home, mailbox_text(sandbox))
    before = file.read_text("utf-8")
    ran = home.run("mailbox", "edit", "studio", "--password-env", "PEC_WRONG", "--display-name", "Studio")
    assert ran.returncode == 3
    assert "refused the login" in ran.stdout
    assert "Nothing was changed" in ran.stderr
    assert file.read_text("utf-8") == before
    ran = home.run("mailbox", "edit", "studio", "--smtp-port", str(sandbox.imap_port), "--json")
    record = json.loads(ran.stdout)
    assert (ran.returncode, record["changed"], record["test"]["ready"]) == (3, [], False)
    assert file.read_text("utf-8") == before


def test_a_wrong_password_and_a_moved_server_are_mended_by_edit(home: HomeInside, sandbox: Sandbox) -> None:
    file = config_of(home, mailbox_text(sandbox, secret="PEC_WRONG", imap_port=1))
    assert "mailbox edit studio" in home.run("mailbox", "test").stderr
    ran = home.run(
        *("mailbox", "edit", "studio", "--password-env", "PEC_TEST", "--imap-port", str(sandbox.imap_port), "--json")
    )
    record = json.loads(ran.stdout)
    assert (ran.returncode, record["test"]["ready"]) == (0, True), ran.stderr
    assert set(record["changed"]) == {"password_env", "imap_port"}
    assert section(file, "studio")["password_env"] == "PEC_TEST"
    assert home.run("mailbox", "test").returncode == 0


def test_a_person_is_asked_with_what_holds_now_and_enter_leaves_it(
    home: HomeInside, sandbox: Sandbox, typed: Typed
) -> None:
    file = config_of(home, mailbox_text(sandbox))
    before = file.read_text("utf-8")
    ran = typed(*[""] * 9, arguments=("mailbox", "edit", "studio"))
    assert ran.returncode == 0, ran.stderr
    assert file.read_text("utf-8") == before
    ran = typed("Studio Rossi", *[""] * 3, "nessuna porta", *[""] * 5, arguments=("mailbox", "edit", "studio"))
    assert ran.returncode == 0, ran.stderr
    assert "not a valid integer" in ran.stderr
    assert section(file, "studio") == {**tomllib.loads(before)["mailbox"]["studio"], "name": "Studio Rossi"}
    ran = typed("-", *[""] * 8, arguments=("mailbox", "edit", "studio"))
    assert tomllib.loads(file.read_text("utf-8")) == tomllib.loads(before)


def test_a_person_who_names_another_host_gets_the_port_and_encryption_agreed_to(home: HomeInside, typed: Typed) -> None:
    file = config_of(home, COMMENTED)
    (home.folder / "providers.toml").write_text('[aruba]\nsmtp = { port = 587, security = "starttls" }\n')
    lines = ["", "", "", "smtp.altro.example.it", *[""] * 5]
    ran = typed(*lines, arguments=("mailbox", "edit", "first", "--no-test"))
    assert ran.returncode == 0, ran.stderr
    assert section(file, "first")["smtp"] == {"host": "smtp.altro.example.it", "port": 587, "security": "starttls"}
    assert section(file, "first")["imap"] == {"timeout_seconds": 3}


def test_a_typed_password_replaces_the_one_in_the_mailboxs_own_file(
    home: HomeInside, sandbox: Sandbox, typed: Typed
) -> None:
    kept = home.folder / "studio.password"
    kept.write_text("superata\n")
    file = config_of(
        home, mailbox_text(sandbox).replace('password_env = "PEC_TEST"', 'password_file = "studio.password"')
    )
    before = file.read_text("utf-8")
    edited = ("mailbox", "edit", "studio")
    ran = typed(*[""] * 9, passwords=("sbagliata", ""), arguments=edited)
    assert (ran.returncode, kept.read_text()) == (3, "superata\n")
    ran = typed(*[""] * 9, passwords=("sbagliata", "sandbox"), arguments=edited)
    assert ran.returncode == 0, ran.stderr
    assert kept.read_text() == "sandbox\n"
    assert "sbagliata" not in ran.stdout + ran.stderr
    assert file.read_text("utf-8") == before


def test_a_password_of_a_variable_gives_way_to_one_that_is_typed(
    home: HomeInside, sandbox: Sandbox, typed: Typed
) -> None:
    file = config_of(home, mailbox_text(sandbox, secret="PEC_WRONG"))
    ran = typed(*[""] * 9, passwords=("sandbox",), arguments=("mailbox", "edit", "studio"))
    assert ran.returncode == 0, ran.stderr
    assert section(file, "studio")["password_file"] == "studio.password"
    assert "password_env" not in section(file, "studio")
    assert home.run("mailbox", "test").returncode == 0


@pytest.mark.parametrize(
    ("text", "name", "says"),
    [
        (COMMENTED, "nobody", "no section [mailbox.nobody]"),
        (COMMENTED.replace("[mailbox.first.imap]", "[mailbox.'first'.imap]"), "first", None),
        ('mailbox = { first = { address = "a@b.it", provider = "aruba", password_env = "X" } }', "first", None),
        (COMMENTED + '[mailbox.second]\naddress = "b@c.it"\nprovider = "aruba"\npassword_env = "X"', "second", None),
        (COMMENTED.replace("\n", "\r\n"), "first", None),
    ],
)
def test_a_file_of_any_form_says_afterwards_only_what_was_wanted(
    home: HomeInside, text: str, name: str, says: str | None
) -> None:
    file = home.folder / "config.toml"
    file.write_bytes(text.encode())
    ran = home.run("mailbox", "edit", name, "--display-name", 'Io "stesso"', "--smtp-port", "25", "--no-test")
    if says is not None:
        assert (ran.returncode, says in ran.stderr) == (2, True)
        assert file.read_bytes() == text.encode()
        return
    assert ran.returncode == 0, ran.stderr
    wanted = tomllib.loads(text)
    wanted["mailbox"][name] |= {"name": 'Io "stesso"', "smtp": {"port": 25}}
    assert tomllib.loads(file.read_text("utf-8")) == wanted
    assert (b"\r\n" in file.read_bytes()) == ("\r\n" in text)


def test_what_a_variable_says_is_not_changed_in_a_file_that_yields_to_it(
    home: HomeInside, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = config_of(home, COMMENTED)
    monkeypatch.setenv("PEC_TRACKER__MAILBOX__FIRST__NAME", "Altro")
    for arguments in (("edit", "first", "--display-name", "Io"), ("rename", "first", "primo")):
        ran = home.run("mailbox", *arguments)
        assert (ran.returncode, "PEC_TRACKER__MAILBOX__FIRST__NAME" in ran.stderr) == (2, True)
    assert file.read_text("utf-8") == COMMENTED


# rename


@pytest.fixture
def queued(home: HomeInside) -> tuple[Path, str]:
    """The configuration file, and the key of a message that waits in the mailbox `first`."""
    file = config_of(home, COMMENTED)
    sent = ("send", "--to", "a@pec.test", "--subject", "Prova", "--text", "Buongiorno", "--queue-only", "--json")
    return file, json.loads(home.run(*sent).stdout)["key"]


def mailbox_of(home: HomeInside, key: str) -> str:
    """What the house calls the mailbox of a message."""
    name: str = json.loads(home.run("show", key, "--json").stdout)["mailbox"]
    return name


def keys_of(home: HomeInside) -> list[str]:
    """The messages that wait in the outbox."""
    return [json.loads(line)["key"] for line in home.run("outbox", "list", "--json").stdout.splitlines()]


def test_a_renamed_mailbox_keeps_its_letters_and_its_comments_and_its_gateway(
    home: HomeInside, queued: tuple[Path, str]
) -> None:
    file, key = queued
    ran = home.run("mailbox", "rename", "first", "primo", "--json")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["mailbox"] == "primo"
    after = file.read_text("utf-8")
    for comment in ("# Our office. Keep this line.", "   # the oldest", "# since 2019", "# slow line"):
        assert comment in after
    tree = tomllib.loads(after)
    assert tree["gateway"]["login"]["gestionale"]["mailbox"] == "primo"
    assert tree["mailbox"]["primo"]["formerly"] == ["first"]
    assert mailbox_of(home, key) == "primo"
    assert home.run("mailbox", "rename", "primo", "tre").returncode == 0
    assert home.run("mailbox", "rename", "tre", "first").returncode == 0
    assert (mailbox_of(home, key), keys_of(home)) == ("first", [key])


def test_a_rebuilt_house_knows_a_renamed_mailbox_as_the_same_one(home: HomeInside, queued: tuple[Path, str]) -> None:
    _file, key = queued
    assert home.run("mailbox", "rename", "first", "primo").returncode == 0
    assert home.run("seal").returncode == 0
    assert home.run("rebuild").returncode == 0
    assert mailbox_of(home, key) == "primo"
    ran = home.run("send", "--to", "b@pec.test", "--subject", "Dopo", "--text", "x", "--queue-only", "--json")
    other = json.loads(ran.stdout)["key"]
    assert mailbox_of(home, other) == "primo"
    assert set(keys_of(home)) == {key, other}
    assert home.run("check").returncode == 0


def test_a_rename_that_stopped_before_the_database_knew_is_ended_by_the_next_command(
    home: HomeInside, queued: tuple[Path, str]
) -> None:
    file, key = queued
    text = file.read_text("utf-8").replace("mailbox.first", "mailbox.primo").replace('"first"', '"primo"')
    file.write_text(text.replace('provider = "aruba"', 'formerly = ["first"]\nprovider = "aruba"'), "utf-8")
    ran = home.run("send", "--to", "b@pec.test", "--subject", "Dopo", "--text", "x", "--queue-only", "--json")
    assert ran.returncode == 0, ran.stderr
    assert mailbox_of(home, key) == mailbox_of(home, json.loads(ran.stdout)["key"]) == "primo"


def test_a_former_name_is_nobody_elses(home: HomeInside, queued: tuple[Path, str]) -> None:
    file, key = queued
    assert home.run("mailbox", "rename", "first", "primo").returncode == 0
    other = ("--address", "b@pec.example.it", "--provider", "aruba", "--password-env", "X")
    ran = home.run("mailbox", "add", "first", *other)
    assert (ran.returncode, "former name of primo" in ran.stderr) == (2, True)
    # Written by hand without the word of it, the archive still knows.
    text = file.read_text("utf-8").replace('formerly = ["first"]\n', "")
    file.write_text(
        text + '[mailbox.first]\naddress = "b@pec.example.it"\nprovider = "aruba"\npassword_env = "X"\n', "utf-8"
    )
    ran = home.run("collect", "--mailbox", "first")
    assert (ran.returncode, "was called first before" in ran.stderr) == (2, True)
    assert mailbox_of(home, key) == "primo"


def test_a_configuration_of_before_the_rename_finds_the_same_mailbox(
    home: HomeInside, queued: tuple[Path, str]
) -> None:
    file, key = queued
    before = file.read_text("utf-8")
    assert home.run("mailbox", "rename", "first", "primo").returncode == 0
    file.write_text(before, "utf-8")
    ran = home.run("send", "--to", "b@pec.test", "--subject", "Dopo", "--text", "x", "--queue-only", "--json")
    assert ran.returncode == 0, ran.stderr
    assert mailbox_of(home, key) == mailbox_of(home, json.loads(ran.stdout)["key"]) == "first"


@pytest.mark.parametrize(
    ("new", "says"),
    [
        ("first", "already configured"),
        ("Primo", "lower-case"),
        ("second", "already configured"),
        ("altra", "stays apart"),
    ],
)
def test_a_name_that_cannot_be_is_refused_and_nothing_changes(
    home: HomeInside, queued: tuple[Path, str], new: str, says: str
) -> None:
    file, _key = queued
    for name in ("altra", "second"):
        arguments = ("--address", f"{name}@b.it", "--provider", "aruba", "--password-env", "X")
        assert home.run("mailbox", "add", name, *arguments).returncode == 0
    sent = ("--to", "a@pec.test", "--subject", "Prova", "--text", "x", "--queue-only", "--json")
    key = json.loads(home.run("send", "--mailbox", "altra", *sent).stdout)["key"]
    home.run("outbox", "settle", key, "--abandon", "--reason", "prova")
    assert home.run("mailbox", "remove", "altra").returncode == 0
    before = file.read_text("utf-8")
    ran = home.run("mailbox", "rename", "first", new)
    assert (ran.returncode, says in ran.stderr) == (2, True), ran.stderr
    assert file.read_text("utf-8") == before
