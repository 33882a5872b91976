"""Does the configuration say what the user meant, and does a mistake in it name itself?"""

import os
import re
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pec_tracker import config, config_source, secret
from pec_tracker.config_problems import known_keys
from pec_tracker.errors import ConfigurationError
from pec_tracker.providers import LoginForm, names, provider
from pec_tracker.secret import SecretRef, SecretSource
from pec_tracker.texts import activate, error_text
from pec_tracker.wire.endpoint import Security

EXAMPLE = Path(__file__).parent.parent / "config.example.toml"
STUDIO = """
[mailbox.studio]
address = "studio@pec.example.it"
provider = "aruba"
password_env = "STUDIO_PASSWORD"
"""

Write = Callable[[str], Path]


@pytest.fixture(autouse=True)
def _own_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for variable in list(os.environ):
        if variable.startswith("PEC_TRACKER"):
            monkeypatch.delenv(variable)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.chdir(tmp_path)
    activate("en")
    yield
    activate("en")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str) -> Path:
        file = tmp_path / "conf" / "own.toml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, "utf-8")
        return file

    return written


def complaint(file: Path | None = None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        config.load(file)
    return error_text(caught.value)


# Where it is found


def test_without_any_file_the_defaults_hold(tmp_path: Path) -> None:
    found = config.load()
    assert found.data == tmp_path / "share" / "pec-tracker"
    assert found.database_url == f"sqlite:///{tmp_path}/share/pec-tracker/pec-tracker.db"
    assert (found.retention.months, found.quota.warn_percent, found.quota.alarm_percent) == (30, 80, 90)
    assert found.mailboxes == {}


def test_files_are_found_in_the_promised_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def place(path: Path, months: int) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"[retention]\nmonths = {months}\n")
        return path

    place(tmp_path / "home/pec-tracker/config.toml", 1)
    assert config.load().retention.months == 1
    place(tmp_path / "config.toml", 2)
    assert config.load().retention.months == 2
    monkeypatch.setenv("PEC_TRACKER_CONFIG", str(place(tmp_path / "third.toml", 3)))
    assert config.load().retention.months == 3
    assert config.load(place(tmp_path / "fourth.toml", 4)).retention.months == 4


def test_a_named_file_that_is_not_there_is_an_error_and_not_the_defaults(tmp_path: Path) -> None:
    assert "no such configuration file" in complaint(tmp_path / "absent.toml")


def test_environment_wins_over_the_file_key_by_key(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEC_TRACKER__COLLECT__INTERVAL_MINUTES", "7.5")
    monkeypatch.setenv("PEC_TRACKER__MAILBOX__STUDIO__COPY_TO_SENT", "false")
    monkeypatch.setenv("PEC_TRACKER__MAILBOX__STUDIO__FOLDERS__EXCLUDE", '["INBOX.Old", "Ads"]')
    found = config.load(write("[collect]\ninterval_minutes = 5\njitter_seconds = 1\n" + STUDIO))
    assert (found.collect.interval_minutes, found.collect.jitter_seconds) == (7.5, 1)
    assert found.mailbox("studio").copy_to_sent is False
    assert found.mailbox("studio").folders.exclude == ("INBOX.Old", "Ads")


def test_relative_paths_are_meant_from_the_files_folder(write: Write) -> None:
    file = write('data = "here"\ntrust = ["ca.pem", "/abs/ca.pem"]\n')
    found = config.load(file)
    assert found.data == file.parent / "here"
    assert found.trust == (file.parent / "ca.pem", Path("/abs/ca.pem"))


# What a mistake says


@pytest.mark.parametrize(
    ("text", "key", "says"),
    [
        ("[collect]\ninterval_minuts = 3", "collect.interval_minuts", "interval_minutes"),
        ("[colect]\nx = 3", "colect", "collect"),
        (STUDIO + "adress = 'x'", "mailbox.studio.adress", "address"),
        (STUDIO + "smtp.prot = 1", "mailbox.studio.smtp.prot", "port"),
        (STUDIO + "zzz = 1", "mailbox.studio.zzz", "config.example.toml"),
        ("[retention]\nmonths = 'many'", "retention.months", "whole number"),
        ("[retention]\nmonths = 0", "retention.months", "at least 1"),
        ("[retention]\nmonths = 2.5", "retention.months", "whole number"),
        ("[collect]\ninterval_minutes = 0", "collect.interval_minutes", "above 0"),
        ("[quota]\nwarn_percent = 101", "quota.warn_percent", "at most 100"),
        ("[quota]\nwarn_percent = 95", "quota", "must not be above"),
        ("language = 'fr'", "language", "'auto', 'it' or 'en'"),
        ("[log]\nlevel = 'loud'", "log.level", "choices"),
        ("data = 3", "data", "path in quotes"),
        ("trust = 'ca.pem'", "trust", "list in brackets"),
        ("collect = 3", "collect", "section"),
        ("mailbox = 3", "mailbox", "section"),
        ("database = 'mysql://x'", "database", "sqlite:///FILE"),
        ("[clock]\nstarted = 2026-11-23T10:00:00+01:00", "clock", "go together"),
        ("[clock]\nfactor = 3600", "clock", "needs started and origin"),
        ("[clock]\nstarted = 2026-11-23T10:00:00\norigin = 2026-11-23T10:00:00", "clock.started", "zone"),
        ("[mailbox.Studio]\naddress='a@b.it'\nprovider='aruba'\npassword_env='X'", "mailbox", "lower-case"),
        ("[mailbox.x]\nprovider='aruba'\npassword_env='X'", "mailbox.x.address", "missing"),
        ("[mailbox.x]\naddress='città@b.it'\nprovider='aruba'\npassword_env='X'", "mailbox.x.address", "name@domain"),
        ("[mailbox.x]\naddress='a@b.it'\nprovider='libero'\npassword_env='X'", "mailbox.x.provider", "legalmail"),
        ("[mailbox.x]\naddress='a@b.it'\nprovider='aruba'", "mailbox.x", "exactly one"),
        (STUDIO + "password_file = 'x'", "mailbox.studio", "exactly one"),
        (STUDIO + "smtp.security = 'none'", "mailbox.studio.smtp.security", "choices"),
        (STUDIO + "smtp.port = 70000", "mailbox.studio.smtp.port", "at most 65535"),
        ("[mailbox.x]\naddress='a@b.it'\nprovider='legalmail'\npassword_env='X'", "mailbox.x", "user name"),
        ("[mailbox.x]\naddress='a@b.it'\nprovider='custom'\npassword_env='X'", "mailbox.x", "smtp.host"),
        ("[mailbox.x]\naddress='a@b.it'\nprovider='aruba'\npassword_keyring='X'", "mailbox.x.password_keyring", "USER"),
        (STUDIO + STUDIO.replace("studio]", "other]"), "mailbox", "same address"),
        ("[mailbox\n", None, "not valid TOML"),
    ],
)
def test_a_mistake_names_file_key_and_remedy(write: Write, text: str, key: str | None, says: str) -> None:
    file = write(text)
    told = complaint(file)
    assert str(file) in told
    assert says in told
    if key:
        assert f" {key}: " in told


def test_a_mistake_in_the_environment_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEC_TRACKER__COLLECT__INTERVAL_MINUTS", "3")
    assert complaint().startswith("PEC_TRACKER__COLLECT__INTERVAL_MINUTS: ")
    monkeypatch.delenv("PEC_TRACKER__COLLECT__INTERVAL_MINUTS")
    monkeypatch.setenv("PEC_TRACKER__TRUST", "[oops")
    assert complaint().startswith("PEC_TRACKER__TRUST: ")


def test_a_database_password_shows_neither_in_errors_nor_in_repr(write: Write) -> None:
    assert "hunter2" not in complaint(write("database = 'mysql://u:hunter2@h/d'"))
    assert "hunter2" not in repr(config.load(write("database = 'postgresql://u:hunter2@h/d'")))


@pytest.mark.parametrize("mistake", ["password = 'hunter2-x'", "password_env = 'hunter2-x'"])
def test_a_password_written_by_mistake_is_never_repeated(write: Write, mistake: str) -> None:
    told = complaint(write("[mailbox.x]\naddress='a@b.it'\nprovider='aruba'\n" + mistake))
    assert "hunter2" not in told


def test_a_mistake_is_told_in_italian_too(write: Write) -> None:
    activate("it")
    assert "si intendeva interval_minutes" in complaint(write("[collect]\ninterval_minuts = 3"))


# The example is the reference


def test_every_key_stands_in_the_example_with_its_true_default() -> None:
    commented = EXAMPLE.read_text("utf-8")
    live = re.sub(r"^#(?=\w+ = )", "", commented, flags=re.MULTILINE)
    live = re.sub(r"^(password_file|password_keyring|file) = .*$", r"#\g<0>", live, flags=re.MULTILINE)
    written = tomllib.loads(live)
    config.validate(config_source.Source(file=EXAMPLE, tree=written))

    def walk(section: tuple[str, ...], tree: dict[str, object]) -> None:
        for key in known_keys(section, config.Config):
            assert re.search(rf"^#?(\[.*\b)?{key}\b", commented, re.MULTILINE), (*section, key)
            below = tree.get(key)
            if isinstance(below, dict):
                name = {"mailbox": "studio", "login": "management"}.get(key)  # the user's own
                walk((*section, key, *([name] if name else [])), below[name] if name else below)

    walk((), written)
    defaults = config.Config()
    for section in ("log", "collect", "outbox", "retention", "quota", "gateway"):
        for key, value in written[section].items():
            if key in ("login", "certificate", "key"):
                continue  # none by default
            assert getattr(getattr(defaults, section), key) == value, (section, key)


def test_the_example_as_it_is_loads() -> None:
    assert config.load(EXAMPLE).mailbox("studio").profile.title == "Aruba PEC"


# Servers and limits


def test_servers_come_from_the_provider_unless_the_mailbox_says_otherwise(write: Write) -> None:
    file = write(
        STUDIO + "[mailbox.studio.imap]\nhost = 'mail.example.it'\nsecurity = 'starttls'\nca_file = 'ca.pem'\n"
    )
    smtp, imap = config.endpoints(config.load(file).mailbox("studio"))
    assert (smtp.host, smtp.port, smtp.security) == ("smtps.pec.aruba.it", 465, Security.TLS)
    assert (imap.host, imap.port, imap.security) == ("mail.example.it", 143, Security.STARTTLS)
    assert imap.ca_file == file.parent / "ca.pem"


@pytest.mark.parametrize("name", names())
def test_every_provider_profile_is_whole(name: str) -> None:
    profile = provider(name)
    assert profile.limits.max_recipients >= 50  # DM 2 Nov 2005 art. 12
    assert profile.limits.max_product is not None
    assert profile.limits.max_product >= 30 * 1024 * 1024
    assert profile.messages_per_minute > 0
    if name != "custom":
        assert profile.smtp is not None
        assert profile.imap is not None
        assert profile.basis is not None
        assert set(profile.source) == {"en", "it"}
        assert profile.checked_on is not None
    assert set(profile.notes) in (set(), {"en", "it"})


def test_legalmail_stays_below_the_rate_that_it_blocks() -> None:
    assert provider("legalmail").messages_per_minute < 6
    assert provider("legalmail").login is LoginForm.USER_ID


def test_limits_of_the_mailbox_go_over_the_providers(write: Write) -> None:
    mailbox = config.load(write(STUDIO + "limits.max_product_mb = 1\nlimits.max_size_mb = 2\n")).mailbox("studio")
    limits = mailbox.sending_limits
    assert (limits.max_recipients, limits.max_product, limits.max_size) == (500, 1024 * 1024, 2 * 1024 * 1024)
    assert limits.turns_back_programs == "Aruba PEC"


def test_a_mailbox_is_found_by_name_or_address_and_a_wrong_name_lists_them(write: Write) -> None:
    found = config.load(write(STUDIO))
    assert found.mailbox("Studio@pec.example.it") is found.mailbox("studio")
    with pytest.raises(ConfigurationError, match="configured: studio"):
        found.mailbox("stduio")


def test_the_clock_of_a_sandbox_is_read_from_its_folder(write: Write) -> None:
    file = write("[clock]\nfile = 'sandbox.json'\n")
    with pytest.raises(ConfigurationError, match="start the sandbox first"):
        config.load(file).real_or_shared_clock()
    (file.parent / "sandbox.json").write_text(
        '{"clock": {"started": "2026-11-23T10:00:00+00:00", "origin": "2030-01-01T00:00:00+00:00", "factor": 3600}}'
    )
    clock = config.load(file).real_or_shared_clock()
    assert clock.at(datetime(2026, 11, 23, 10, 0, 1, tzinfo=UTC)) == datetime(2030, 1, 1, 1, tzinfo=UTC)


# Secrets


def test_the_password_is_read_when_used_from_the_environment(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    mailbox = config.load(write(STUDIO)).mailbox("studio")
    with pytest.raises(ConfigurationError, match="STUDIO_PASSWORD is not set"):
        config.login(mailbox)
    monkeypatch.setenv("STUDIO_PASSWORD", "s3cret")
    known = config.login(mailbox)
    assert (known.user, known.password) == ("studio@pec.example.it", "s3cret")
    assert "s3cret" not in repr(known) + repr(mailbox)


def test_a_password_file_loses_its_line_end_only(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b" with blanks \r\nsecond line\n")
    file.chmod(0o600)
    assert secret.resolve(SecretRef(SecretSource.FILE, str(file))) == " with blanks "


def test_a_password_file_written_by_notepad_holds_the_password(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b"\xef\xbb\xbfs3cret\r\n")
    assert secret.resolve(SecretRef(SecretSource.FILE, str(file))) == "s3cret"


def test_a_password_file_in_another_encoding_says_how_to_save_it(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes("s3cret".encode("utf-16"))
    with pytest.raises(ConfigurationError, match="save it again as UTF-8"):
        secret.resolve(SecretRef(SecretSource.FILE, str(file)))


def test_a_password_file_that_all_may_read_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "secret"
    file.write_text("s3cret")
    file.chmod(0o644)
    assert secret.resolve(SecretRef(SecretSource.FILE, str(file))) == "s3cret"
    told = "".join(capsys.readouterr())
    assert "secret.file_exposed" in told
    assert "s3cret" not in told


@pytest.mark.parametrize("content", [None, b"", b"\nsecond"])
def test_a_missing_or_empty_password_file_is_told_without_guessing(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=re.escape(str(file))):
        secret.resolve(SecretRef(SecretSource.FILE, str(file)))


def test_a_machine_without_keyring_is_told_what_to_use_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring
    from keyring.backends import fail

    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())  # type: ignore[no-untyped-call]
    try:
        with pytest.raises(ConfigurationError, match="password_env or password_file"):
            secret.resolve(SecretRef(SecretSource.KEYRING, "pec-tracker/studio"))
    finally:
        keyring.set_keyring(before)
