"""Can scripts and people rely on the command line: statuses, languages, output, speed, and `inspect`?"""

import errno
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from pec_tracker import errors
from pec_tracker.answers.plain import clean, to_json
from pec_tracker.cli import main, root
from pec_tracker.cli.options import Command, Moment
from pec_tracker.cli.output import Output, cell_text
from pec_tracker.clock import ROME
from pec_tracker.texts.times import rome_time
from tests.cli.running import Home

SAMPLE = Path(__file__).parents[3] / "shared/samples/acceptance-2026-aruba.eml"
PLAIN = (
    b"From: a@example.it\r\nTo: b@example.it\r\nSubject: \x1b[31mred\x1b[0m =?utf-8?q?=E2=80=AEtxt?=\r\n\r\nhello\r\n"
)

CONTRACT = {
    *("schema", "file", "kind", "tipo", "error", "error_code", "error_detail", "reference", "identifier", "issued_at"),
    *("provider", "sender", "recipients", "recipient", "receipt_form", "subject", "has_original", "signature"),
    "warnings",
}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def ends_with(monkeypatch: pytest.MonkeyPatch, outcome: BaseException | object) -> int:
    """The status of a run whose command raises or returns `outcome`."""

    @click.command("act", cls=Command)
    def act() -> object:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    monkeypatch.setattr(root.LazyGroup, "get_command", lambda *_: act)
    return main.run(["act"])


# Statuses


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (None, 0),
        (errors.Exit.FINDING, 1),
        (errors.RuleError("r"), 1),
        (errors.NotFoundError("n"), 1),
        (errors.UsageError("u"), 2),
        (errors.ConfigurationError("c"), 2),
        (click.UsageError("u"), 2),
        (click.FileError("f"), 2),
        (errors.ServerError("s"), 3),
        (errors.LoginRefusedError("l"), 3),
        (errors.StorageError("d"), 4),
        (ZeroDivisionError("z"), 4),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
    ],
)
def test_every_ending_has_its_status(
    outcome: object, status: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert ends_with(monkeypatch, outcome) == status


def test_an_unexpected_fault_shows_no_traceback_and_keeps_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    ends_with(monkeypatch, ZeroDivisionError("rossi@pec.example.it"))
    told = capsys.readouterr().err
    (log,) = tmp_path.rglob("faults.log")
    assert str(log) in told
    assert "Traceback" not in told
    assert "rossi" not in told  # what a fault says may be a person's
    assert "Traceback" in log.read_text()
    if sys.platform != "win32":
        assert log.stat().st_mode & 0o077 == 0


def test_an_error_text_cannot_steer_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ends_with(monkeypatch, errors.ServerError("said {reply}", reply="\x1b[2Jgone"))
    assert "\x1b" not in capsys.readouterr().err


def test_usage_mistakes_end_in_2_and_say_how_to_go_on(home: Home) -> None:
    for arguments in (["inspct"], ["--nothing"], ["inspect"], ["inspect", "--at", "noon", "x"], []):
        ran = home.run(*arguments)
        assert ran.returncode == 2, arguments
        assert "--help" in ran.stderr
        assert ran.stdout == ""
    assert "inspect" in home.run("inspct").stderr  # the nearest command


def test_a_reader_that_leaves_early_is_no_fault(home: Home) -> None:
    mail = home.folder / "m.eml"
    mail.write_bytes(PLAIN)
    running = subprocess.Popen(
        [sys.executable, "-m", "pec_tracker", "inspect", "--json", *[str(mail)] * 3000],
        env=home.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert running.stdout is not None
    assert running.stderr is not None
    running.stdout.readline()
    running.stdout.close()
    assert running.stderr.read() == b""
    running.stderr.close()
    assert running.wait() == 0


# Speed and what is imported


def test_inspect_imports_neither_database_nor_configuration(home: Home) -> None:
    (home.folder / "m.eml").write_bytes(PLAIN)
    code = (
        "import sys; from pec_tracker.cli.main import run; run(['inspect', 'm.eml']);"
        "print([name for name in ('sqlalchemy', 'pydantic', 'rich', 'pec_tracker.config') if name in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=home.folder, env=home.environment(), capture_output=True, check=True
    )
    assert ran.stdout.splitlines()[-1] == b"[]"


@pytest.mark.parametrize("arguments", [["find"], ["status"], ["outbox", "list"]])
def test_a_look_imports_nothing_that_draws_verifies_or_sends(home: Home, arguments: list[str]) -> None:
    slow = {"rich", "pygments", "apscheduler", "aiosmtplib", "imapclient", "alembic", "typst", "fpdf", "segno"}
    code = (
        f"import sys; sys.argv[1:] = {arguments!r}\n"
        "from pec_tracker.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print('imported', *sorted(name for name in {sorted(slow)!r} if sys.modules.get(name)))"
    )
    for _ in range(2):  # the first makes the database
        ran = subprocess.run(
            [sys.executable, "-c", code], cwd=home.folder, env=home.environment(), capture_output=True, check=True
        )
    assert ran.stdout.splitlines()[-1] == b"imported", ran.stderr


def test_find_imports_nothing_that_reads_a_mail(home: Home) -> None:
    code = (
        "import sys, pec_tracker.service.queries.find\n"
        "unwanted = {'lxml', 'sqlalchemy.dialects.postgresql', 'pec_tracker.pec.signature', 'pec_tracker.pec.read'}\n"
        "print(*sorted(unwanted & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], env=home.environment(), capture_output=True, check=True)
    assert ran.stdout.split() == []


def test_only_commands_that_are_there_are_listed_and_each_has_help(home: Home) -> None:
    listed = home.run("--help").stdout
    for name in root.COMMANDS:
        there = (Path(root.__file__).parent / f"{root.COMMANDS[name].target.split('.')[2].split(':')[0]}.py").exists()
        assert (f"\n  {name} " in listed) == there
        if there:
            ran = home.run(name, "--help")
            assert ran.returncode == 0, name
            assert f"Usage: pec-tracker {name}" in ran.stdout


def test_the_version_is_told(home: Home) -> None:
    assert home.run("--version").stdout.startswith("pec-tracker ")


def test_lang_wins_over_the_environment(tmp_path: Path) -> None:
    home = Home(tmp_path, {"LANG": "it_IT.UTF-8"})
    assert home.run("--help").stdout.startswith("Uso:")
    assert home.run("--lang", "en", "--help").stdout.startswith("Usage:")


@pytest.mark.parametrize(
    "line", [("mailbox", "list", "--lang", "en"), ("mailbox", "--lang=en", "list"), ("--lang", "en", "mailbox", "list")]
)
def test_lang_is_taken_anywhere_on_the_line(home: Home, line: tuple[str, ...]) -> None:
    (home.folder / "config.toml").write_text('language = "it"\n')
    assert "No mailbox" in home.run(*line).stderr


def test_a_mistake_is_told_in_the_language_that_stands_after_it(home: Home) -> None:
    told = home.run("find", "--bogus", "--lang", "it").stderr
    assert told.startswith("Uso:")
    assert "Errore:" in told


def test_the_language_of_a_package_is_not_what_the_program_speaks(home: Home) -> None:
    assert home.run("--lang", "it", "proof", "--lang", "en", "--help").stdout.startswith("Uso:")


@pytest.mark.parametrize("state", ["not_accepted", "non accettato", "Non Accettato", "not accepted"])
def test_a_state_may_be_asked_for_by_its_word(home: Home, state: str) -> None:
    (home.folder / "config.toml").write_text('data = "data"\n')
    ran = home.run("--lang", "it", "find", "--state", state)
    assert (ran.returncode, ran.stderr.strip()) == (0, "Nessun messaggio trovato.")


def test_a_mistyped_state_is_answered_with_tokens_and_words(home: Home) -> None:
    told = home.run("--lang", "it", "find", "--state", "arrivato").stderr
    assert "delivered (consegnato)" in told
    assert "is none of" not in told


def test_the_configurations_language_is_spoken(home: Home) -> None:
    (home.folder / "config.toml").write_text('language = "it"\n')
    assert "Nessuna casella" in home.run("mailbox", "list").stderr
    assert "No mailbox" in home.run("--lang", "en", "mailbox", "list").stderr


# inspect


def test_inspect_says_one_json_object_a_line_in_order(home: Home) -> None:
    (home.folder / "m.eml").write_bytes(PLAIN)
    (home.folder / "empty").write_bytes(b"")
    ran = home.run("inspect", "--json", "empty", "m.eml", "-", stdin=PLAIN)
    told = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [one["file"] for one in told] == ["empty", "m.eml", "-"]
    assert [one["kind"] for one in told] == ["unreadable", "ordinary", "ordinary"]
    assert all(set(one) == CONTRACT and one["schema"] == 1 for one in told)
    assert ran.returncode == 0


def test_inspect_names_what_it_cannot_open_and_goes_on(home: Home) -> None:
    (home.folder / "m.eml").write_bytes(PLAIN)
    ran = home.run("inspect", "--json", "absent.eml", ".", "m.eml")
    assert ran.returncode == 2
    assert "absent.eml" in ran.stderr
    assert [json.loads(line)["file"] for line in ran.stdout.splitlines()] == ["m.eml"]


def test_inspect_shows_no_control_character_of_a_mail(home: Home) -> None:
    (home.folder / "m.eml").write_bytes(PLAIN)
    shown = home.run("inspect", "m.eml").stdout
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "red" in shown


@pytest.mark.skipif(sys.platform != "linux", reason="file names that are not text exist on Linux")
def test_inspect_names_a_file_whose_name_is_not_text(home: Home) -> None:
    name = os.fsdecode(b"caff\xe8.eml")
    (home.folder / name).write_bytes(PLAIN)
    assert json.loads(home.run("inspect", "--json", name).stdout)["file"] == name
    assert home.run("inspect", name).returncode == 0


def test_inspect_of_a_real_receipt_shows_its_facts_in_words(home: Home) -> None:
    if not SAMPLE.exists():  # the sample lies beside the repository, not in it
        return
    shown = home.run("--lang", "it", "inspect", SAMPLE).stdout
    for words in (
        "ricevuta di accettazione",
        "19/09/2026 15:41:19 (+0200)",
        "alterata",
        "il contenuto non è quello firmato",
    ):
        assert words in shown


def test_inspect_wants_trusted_certificates_that_exist(home: Home) -> None:
    (home.folder / "m.eml").write_bytes(PLAIN)
    assert home.run("inspect", "--trust", "absent.pem", "m.eml").returncode == 2
    (home.folder / "no.pem").write_text("nothing")
    assert home.run("inspect", "--trust", "no.pem", "m.eml").returncode == 2


# Output


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True)
class Pair:
    left: object
    right: object


def test_one_json_encoder_for_every_fact() -> None:
    at = datetime(2026, 11, 23, 10, 0, tzinfo=timezone(timedelta(hours=1)))
    value = {"at": at, "pair": Pair(Colour.RED, b"\xff"), "path": Path("a"), "set": {2, 1}, "tuple": (None, "è")}
    assert to_json(value) == (
        '{"at": "2026-11-23T09:00:00+00:00", "pair": {"left": "red", "right": "ff"}, "path": "a", '
        '"set": [1, 2], "tuple": [null, "è"]}'
    )
    with pytest.raises(TypeError):
        to_json(object())


def test_certified_times_are_shown_as_the_law_reads_them() -> None:
    assert rome_time(datetime(2026, 11, 23, 9, 0, tzinfo=UTC)) == "23/11/2026 10:00:00 (+0100)"
    assert rome_time(datetime(2026, 7, 1, 22, 30, tzinfo=UTC)) == "02/07/2026 00:30:00 (+0200)"
    assert rome_time(None) == "-"


def test_a_piped_table_is_aligned_text(capsys: pytest.CaptureFixture[str]) -> None:
    Output().table(["Name", "N"], [["a", 1], ["long name", None]])
    assert capsys.readouterr().out == "Name       N\na          1\nlong name  -\n"
    Output().table(["Name"], [])
    assert capsys.readouterr().out == ""


def test_piped_work_shows_no_progress_and_quiet_says_no_notes(capsys: pytest.CaptureFixture[str]) -> None:
    with Output().progress("Reading", total=2) as progress:
        progress.advance()
    Output(quiet=True).note("beside")
    assert capsys.readouterr() == ("", "")
    Output().note("beside")
    assert capsys.readouterr() == ("", "beside\n")


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_no_text_can_steer_the_terminal(text: str) -> None:
    shown = clean(text)
    assert len(shown) == len(text)
    assert not any(char < " " or "\x7f" <= char <= "\x9f" for char in shown)
    assert "\n" not in cell_text(text)
    shown.encode("utf-8")


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters()))
def test_any_text_is_json_that_can_be_written(text: str) -> None:
    line = to_json({"subject": text})
    assert json.loads(line.encode("utf-8")) == {"subject": text}
    assert "\n" not in line


# Options


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23T10:00", datetime(2026, 11, 23, 10, tzinfo=ROME)),
        ("2026-11-23", datetime(2026, 11, 23, tzinfo=ROME)),
        ("2026-11-23T10:00:00Z", datetime(2026, 11, 23, 10, tzinfo=UTC)),
        ("2026-11-23T10:00:00+0100", datetime(2026, 11, 23, 9, tzinfo=UTC)),
        ("23/11/2026", datetime(2026, 11, 23, tzinfo=ROME)),
        ("23/11/2026 10:00", datetime(2026, 11, 23, 10, tzinfo=ROME)),
        ("23/11/2026 10:00:05", datetime(2026, 11, 23, 10, 0, 5, tzinfo=ROME)),
    ],
)
def test_a_time_without_zone_is_meant_in_rome(text: str, moment: datetime) -> None:
    assert Moment().convert(text, None, None) == moment


@pytest.mark.parametrize("text", ["", "noon", "31/02/2026", "2026-13-01", "23-11-2026"])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        Moment().convert(text, None, None)


def test_one_language_a_run_but_any_number_a_process() -> None:
    help_of = CliRunner().invoke
    assert help_of(root.root, ["--lang", "it", "--help"]).output.startswith("Uso:")
    assert help_of(root.root, ["--lang", "en", "--help"]).output.startswith("Usage:")


def test_a_full_disk_behind_stdout_is_an_internal_fault_not_a_broken_pipe(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert ends_with(monkeypatch, OSError(errno.ENOSPC, "No space left on device")) == 4
