"""Can a newcomer type what the READMEs say, line by line, and get the answers that stand there?"""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from pec_tracker.cli.root import root
from pec_tracker.clock import Clock
from pec_tracker.errors import Exit
from pec_tracker.sandbox.providers import PASSWORD
from pec_tracker.sandbox.server import Sandbox, SandboxSettings
from pec_tracker.sandbox.store import Account
from tests.newcomer import documents
from tests.newcomer.documents import OURS, ROOT, Typed
from tests.newcomer.reader import ADDRESS, Reader

READMES = {"en": "README.md", "it": "README.it.md"}
HEADINGS = {
    "commands": {"en": "## Every command", "it": "## Tutti i comandi"},
    "statuses": {"en": "## Exit statuses", "it": "## Codici d'uscita"},
    "troubles": {"en": "## When something is wrong", "it": "## Quando qualcosa non va"},
}

# What is typed once to install: its parts are tested one by one.
INSTALLING = ("python3 -m venv .venv", ".venv/bin/pip install -c constraints.txt '.[pdf]'", ". .venv/bin/activate")

# The first takes half a minute: test_demo.py runs it. The second asks at a terminal: tests/cli/test_setup.py answers.
ELSEWHERE = ("pec-tracker demo", "pec-tracker setup")

# What the Italian README calls by Italian names.
ITALIAN_NAMES = {
    "lettera.eml": "letter.eml",
    "stampa.pdf --by Interno": "printout.pdf --by Unit",
    "ricevuta.eml": "receipt.eml",
    "lettera.txt": "letter.txt",
    "avviso.pdf": "notice.pdf",
    "vecchia-posta.zip": "old-mail.zip",
    "archivio.mbox": "archive.mbox",
    "fascicolo.zip": "proof.zip",
    "CHIAVE": "KEY",
}

_CATALOGUE = ROOT / "pec_tracker/texts/locale/it/LC_MESSAGES/pec_tracker.po"


@pytest.fixture(params=list(READMES))
def reader(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    """A newcomer who reads one of the READMEs."""
    clock = Clock.accelerated(origin=datetime.now(UTC), factor=300)
    account = Account(ADDRESS, ADDRESS, PASSWORD)
    (tmp_path / "home").mkdir()
    with Sandbox(SandboxSettings(tmp_path / "box", clock=clock, accounts=(account,))) as sandbox:
        newcomer = Reader(tmp_path / "home", request.param, sandbox)
        newcomer.settle_in(monkeypatch)
        yield newcomer


def typed(language: str) -> list[Typed]:
    return documents.commands(documents.read(READMES[language]))


def test_every_command_line_runs_and_answers_as_it_stands_there(reader: Reader) -> None:
    ours = [one for one in typed(reader.language) if one.line.startswith(OURS) and one.line not in ELSEWHERE]
    assert len(ours) > 20
    for one in ours:
        answer = reader.type(one.line)
        assert answer.status == Exit.DONE, (one.line, answer.lines)
        if one.answer is not None:
            assert documents.fits(one.answer, answer.lines), "\n".join((one.line, *answer.lines))


@pytest.mark.parametrize("language", READMES)
def test_no_command_line_goes_unproven(language: str) -> None:
    others = [one.line for one in typed(language) if not one.line.startswith(OURS)]
    assert [line for line in others if line not in INSTALLING and not line.startswith("make ")] == []


@pytest.mark.parametrize("language", READMES)
def test_what_is_made_by_make_is_there_to_be_made(language: str) -> None:
    for one in typed(language):
        if one.line.startswith("make "):
            planned = subprocess.run(
                ["make", "--dry-run", *one.line.split()[1:]], cwd=ROOT, capture_output=True, text=True, check=True
            )
            assert planned.stdout.strip()
    demo = subprocess.run(["make", "--dry-run", "demo"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert demo.stdout.splitlines()[-1].endswith("/pec-tracker demo")


@pytest.mark.parametrize("language", READMES)
def test_what_installing_names_exists(language: str) -> None:
    text = documents.read(READMES[language])
    project = tomllib.loads(documents.read("pyproject.toml"))["project"]
    assert set(",".join(re.findall(r"\.\[([\w,]+)\]", text)).split(",")) == set(project["optional-dependencies"]) - {
        "dev"
    }
    assert (ROOT / "constraints.txt").is_file()
    assert f"Python {project['requires-python'].removeprefix('>=')}" in text


def test_both_readmes_ask_for_the_same_commands() -> None:
    def english(one: Typed) -> str:
        line = one.line
        for italian, word in ITALIAN_NAMES.items():
            line = line.replace(italian, word)
        return line

    assert [english(one) for one in typed("it")] == [one.line for one in typed("en")]


def test_both_readmes_say_the_same_in_the_same_order() -> None:
    def shape(language: str) -> list[str]:
        text = documents.read(READMES[language])
        return [line.split()[0] for line in text.splitlines() if line.startswith(("#", "```", "|", "- ["))]

    assert shape("it") == shape("en")


@pytest.mark.parametrize("language", READMES)
def test_every_command_is_in_the_table(language: str) -> None:
    rows = documents.rows(documents.read(READMES[language]), HEADINGS["commands"][language])
    listed = {row[0].strip("`").split()[1] for row in rows}
    with root.make_context("pec-tracker", [], resilient_parsing=True) as context:
        assert listed == set(root.list_commands(context))


@pytest.mark.parametrize("language", READMES)
def test_the_exit_statuses_are_those_that_commands_end_with(language: str) -> None:
    rows = documents.rows(documents.read(READMES[language]), HEADINGS["statuses"][language])
    assert [int(row[0]) for row in rows] == [int(status) for status in Exit]


@pytest.mark.parametrize("language", READMES)
def test_what_is_said_in_trouble_is_what_the_program_says(language: str) -> None:
    with _CATALOGUE.open("rb") as stream:
        catalogue = read_po(stream, locale="it")
    said = {re.sub(r"\{[^}]*\}", "…", str(message.id if language == "en" else message.string)) for message in catalogue}
    rows = documents.rows(documents.read(READMES[language]), HEADINGS["troubles"][language])
    assert len(rows) > 8
    quoted = [row[0].strip("`") for row in rows]
    assert [words for words in quoted if not any(words in text for text in said)] == []


@pytest.mark.parametrize("language", READMES)
def test_links_lead_somewhere(language: str) -> None:
    links = re.findall(r"\]\(([^)]+)\)", documents.read(READMES[language]))
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("language", READMES)
def test_the_service_runs_the_program_and_leaves_it_time_to_end(language: str) -> None:
    from pec_tracker.daemon.serve import GRACE_SECONDS

    text = documents.read(READMES[language])
    (unit,) = documents.blocks(text, "ini")
    assert re.search(r"^ExecStart=\S+/pec-tracker serve$", unit.text, re.MULTILINE)
    (seconds,) = re.findall(r"^TimeoutStopSec=(\d+)$", unit.text, re.MULTILINE)
    assert int(seconds) > GRACE_SECONDS
    (task,) = documents.blocks(text, "bat")
    assert 'pec-tracker.exe serve"' in task.text
