"""What the README says of every command is held for every command: `--json`, help with examples, Italian throughout."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from pec_tracker.cli.main import run
from pec_tracker.cli.root import root
from pec_tracker.texts import activate


def commands(command: click.Command, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that can be run, with the words that name it; groups that only hold others left out."""
    if not isinstance(command, click.Group) or command.invoke_without_command:
        yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from commands(below, *path, name)


EVERY = list(commands(root))
IDS = [" ".join(path) for path, _ in EVERY]

# Words of English that no Italian help has a reason to show; a name that is typed as it stands is taken out first.
ENGLISH = re.compile(
    r"\b(the|and|of|with|from|are|not|this|that|which|to|by|integer|float|range|path|directory|boolean|filename|"
    r"options|commands|usage|examples|default|required|arguments|error|try|invalid|value|missing)\b",
    re.IGNORECASE,
)
TYPED = re.compile(r"--[a-z-]+|pec-tracker [a-z ]+|'[^']*'")


@pytest.fixture(autouse=True)
def _english_afterwards() -> Iterator[None]:
    yield
    activate("en")


def test_the_commands_are_found() -> None:
    assert len(EVERY) > 30
    assert {"send", "mailbox add", "report case", "sandbox inject"} <= set(IDS)


@pytest.mark.parametrize(("path", "command"), EVERY, ids=IDS)
def test_every_command_takes_json_and_shows_examples(path: tuple[str, ...], command: click.Command) -> None:
    assert any("--json" in parameter.opts for parameter in command.params)
    assert command.epilog
    assert "pec-tracker" in command.epilog


# click keeps what it has said of --help: a process of its own, where nobody has spoken English before.
WALK = """
import contextlib, io, json, sys
from pec_tracker.cli.main import run
told = {}
for path in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        status = run(["--lang", "it", *path, "--help"])
    told[" ".join(path)] = [status, out.getvalue()]
print(json.dumps(told))
"""


def test_help_is_italian_down_to_clicks_own_words() -> None:
    paths = [*(path for path, _ in EVERY), (), ("trust",), ("outbox",), ("mailbox",), ("report",), ("quarantine",)]
    walked = subprocess.run(
        [sys.executable, "-c", WALK, json.dumps(paths)], capture_output=True, check=True, encoding="utf-8"
    )
    for path, (status, told) in json.loads(walked.stdout).items():
        assert status == 0, path
        assert "Uso:" in told, path
        assert ENGLISH.findall(TYPED.sub("", told.partition("Esempi:")[0])) == [], path


WRONG = [
    ("find", "--limit", "x"),
    ("find", "--state", "x"),
    ("find", "--since", "31/31/2026"),
    ("find", "--nope"),
    ("sandbox", "--factor", "x"),
    ("mailbox", "add", "x", "--smtp-port", "0"),
    ("mailbox", "add", "x", "--smtp-security", "x"),
    ("proof", "--between", "x"),
    ("proof", "--for", "x"),
    ("verify", "manca.zip"),
    ("inspect", "manca.eml"),
    ("show",),
    ("shwo",),
    ("outbox", "settle", "x"),
    ("jobs", "x"),
    ("send", "--to"),
]


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_what_is_wrong_with_a_command_line_is_said_in_italian(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--lang", "it", *arguments]) == 2
    told = capsys.readouterr().err
    assert told
    assert ENGLISH.findall(TYPED.sub("", told)) == []
