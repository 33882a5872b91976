"""Does an Italian administrator read the same manual and the same settings as an English one?"""

import os
import re
import tomllib

import pytest

from pec_tracker import config
from tests.newcomer import documents
from tests.newcomer.documents import ROOT

MANUALS = ("docs/operations.md", "docs/operazioni.md")
EXAMPLES = ("config.example.toml", "config.example.it.toml")
READMES = ("README.md", "README.it.md")
# What is code in a sentence and is no command: settings, tokens of `--json`, places, names of commands.
SETTING = re.compile(r"[a-z][\w./\[\]-]*( = .+)?|\[\w+\]|DATA/.*|PEC_TRACKER_\w+|~/.*")


def settings(document: str) -> set[str]:
    """The code spans of a manual: its commands, settings, tokens and places."""
    return set(documents.code_spans(documents.read(document)))


def levels(document: str) -> list[str]:
    return [line.split()[0] for line in documents.read(document).splitlines() if re.match(r"#+ ", line)]


def commands(document: str) -> list[str]:
    return [one.line for one in documents.commands(documents.read(document))]


def keys(example: str) -> list[str]:
    """The lines of an example configuration that are no comment; a key that is set aside stands right after its `#`."""
    return [line for line in documents.read(example).splitlines() if line and not re.match(r"#( |$)", line)]


def test_both_manuals_have_the_same_sections() -> None:
    assert levels(MANUALS[0]) == levels(MANUALS[1])
    assert len(levels(MANUALS[0])) > 12


def test_both_manuals_have_the_same_commands_and_blocks() -> None:
    assert commands(MANUALS[0]) == commands(MANUALS[1])
    first, second = ([block.language for block in documents.blocks(documents.read(name))] for name in MANUALS)
    assert first == second


def test_both_manuals_name_the_same_settings() -> None:
    assert settings(MANUALS[0]) == settings(MANUALS[1])
    assert len({span for span in settings(MANUALS[0]) if SETTING.fullmatch(span)}) > 20


def test_both_manuals_lead_to_each_other() -> None:
    assert "](operazioni.md)" in documents.read(MANUALS[0])
    assert "](operations.md)" in documents.read(MANUALS[1])


def test_both_examples_have_the_same_keys_and_values() -> None:
    assert keys(EXAMPLES[0]) == keys(EXAMPLES[1])
    uncommented = [tomllib.loads(re.sub(r"(?m)^#(?=\w)", "", documents.read(name))) for name in EXAMPLES]
    assert uncommented[0] == uncommented[1]


def test_both_examples_load(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PEC_TRACKER")]:
        monkeypatch.delenv(name)
    first, second = (config.load(ROOT / name) for name in EXAMPLES)
    assert first.model_dump() == second.model_dump()


@pytest.mark.parametrize("readme", READMES)
def test_every_readme_names_both_languages_of_manual_and_settings(readme: str) -> None:
    text = documents.read(readme)
    assert [name for name in (*MANUALS, *EXAMPLES) if f"({name})" not in text] == []
