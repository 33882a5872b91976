"""Do the documents tell the truth: to an expert with `sha256sum`, to an administrator, to whoever changes the code?"""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest

from pec_tracker.archive.local import FORMAT_LINE
from pec_tracker.cli.root import COMMANDS, root
from pec_tracker.clock import Clock
from pec_tracker.errors import Exit
from pec_tracker.sandbox.providers import PASSWORD
from pec_tracker.sandbox.server import Sandbox, SandboxSettings
from pec_tracker.sandbox.store import Account
from tests.newcomer import documents
from tests.newcomer.documents import OURS, ROOT
from tests.newcomer.reader import ADDRESS, Reader

FORMATS = ("docs/archive-format.md", "docs/formato-archivio.md")
SENDING = "pec-tracker send --to {address} --subject Prova --text-file letter.txt"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A reader who has sent a letter, collected its receipts and imported an old mail."""
    folder = tmp_path_factory.mktemp("house")
    clock = Clock.accelerated(origin=datetime.now(UTC), factor=1000)
    account = Account(ADDRESS, ADDRESS, PASSWORD)
    (folder / "home").mkdir()
    with (
        Sandbox(SandboxSettings(folder / "box", clock=clock, accounts=(account,))) as sandbox,
        pytest.MonkeyPatch.context() as patch,
    ):
        reader = Reader(folder / "home", "en", sandbox)
        reader.settle_in(patch)
        for line in (
            "pec-tracker mailbox add studio --address studio.rossi@pec.it --provider aruba --password-file p",
            SENDING.format(address="condomino@pec.it"),
            "pec-tracker collect",
            "pec-tracker import receipt.eml",
        ):
            assert reader.type(line).status == Exit.DONE, line
        yield reader


@pytest.fixture
def archive(house: Reader, tmp_path: Path) -> Path:
    """A copy of that archive, as an expert is handed one."""
    copy = tmp_path / "archive"
    shutil.copytree(house.configuration.parent / "data" / "archive", copy)
    return copy


def in_shell(archive: Path, line: str) -> "subprocess.CompletedProcess[str]":
    """Type *line* in the folder *archive*."""
    mail = next(archive.glob("objects/*/*.eml"))
    line = line.replace("objects/ab/OBJECT.eml", str(mail.relative_to(archive))).replace("SHA256", mail.stem)
    return subprocess.run(["sh", "-c", line], cwd=archive, capture_output=True, text=True, check=False)


def typed(document: str) -> list[str]:
    return [one.line for one in documents.commands(documents.read(document))]


def line_with(words: str) -> str:
    (line,) = [line for line in typed(FORMATS[0]) if words in line]
    return line


def test_an_experts_commands_find_a_sound_archive_sound(archive: Path) -> None:
    answers = {line: in_shell(archive, line) for line in typed(FORMATS[0])}
    assert len(answers) >= 9
    assert {line: ran.stderr for line, ran in answers.items() if ran.returncode != 0} == {}
    assert answers[line_with("for file in")].stdout == ""
    assert answers[line_with("for seal in")].stdout == ""

    hashed, listed = answers[line_with("sed -n 2p")].stdout, answers[line_with("sed -n 3p")].stdout
    assert hashed.split()[0] == listed.split()[0]
    seal, first = answers[line_with("sha256sum ledger")].stdout, answers[line_with("head -n 1 ledger")].stdout
    assert first.split() == ["#", "previous", seal.split()[0]]
    object_hash, name = answers[line_with("sha256sum objects/ab")].stdout.split()
    assert Path(name).stem == object_hash


def test_an_experts_commands_find_an_altered_object(archive: Path) -> None:
    altered = next(archive.glob("objects/*/*.eml"))
    content = altered.read_bytes()
    altered.chmod(0o600)
    altered.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    ran = in_shell(archive, line_with("for file in"))
    assert ran.returncode != 0
    assert altered.name in ran.stdout


@pytest.mark.parametrize("damage", ["altered", "deleted", "inserted"])
def test_an_experts_commands_find_a_line_that_is_not_as_it_was_sealed(archive: Path, damage: str) -> None:
    segment = archive / "ledger" / "00000001.jsonl"
    lines = segment.read_bytes().splitlines(keepends=True)
    changed = {
        "altered": [lines[0].replace(b'"at":"20', b'"at":"19'), *lines[1:]],
        "deleted": lines[:-1],
        "inserted": [*lines, lines[0]],
    }[damage]
    segment.chmod(0o600)
    segment.write_bytes(b"".join(changed))
    block = next(block for block in documents.blocks(documents.read(FORMATS[0]), "sh") if "mkdir lines" in block.text)
    assert [in_shell(archive, line).returncode for line in block.text.splitlines()].count(0) < 4


def test_an_experts_commands_find_a_seal_that_was_made_again(archive: Path) -> None:
    seal = archive / "ledger" / "00000001.seal"
    seal.chmod(0o600)
    seal.write_bytes(seal.read_bytes().replace(b"a", b"b", 1))
    assert "00000002.seal does not follow" in in_shell(archive, line_with("for seal in")).stdout


def test_both_languages_give_an_expert_the_same_commands() -> None:
    assert typed(FORMATS[0]) == typed(FORMATS[1])
    spans = [[span for span in documents.code_spans(documents.read(name)) if " " in span] for name in FORMATS]
    assert spans[0] == spans[1]


@pytest.mark.parametrize("document", FORMATS)
def test_the_layout_in_the_document_is_the_archives(archive: Path, document: str) -> None:
    (layout,) = documents.blocks(documents.read(document), "")
    shown = {line.split()[0] for line in layout.text.splitlines()[1:]}
    found = set()
    for file in archive.rglob("*"):
        if file.is_file():
            name = file.relative_to(archive).as_posix()
            name = re.sub(r"\b[0-9a-f]{16}\b", "<run>", name)
            found.add(re.sub(r"\b[0-9a-f]{64}\b", "<sha256>", re.sub(r"/[0-9a-f]{2}/", "/ab/", name)))
    assert {re.sub(r"\d{8}", "00000001", name) for name in found} <= shown
    assert (archive / "FORMAT").read_text(encoding="ascii").startswith(FORMAT_LINE)
    assert "(`FORMAT` says version 1)" in documents.read("docs/architecture.md")
    assert FORMAT_LINE.endswith(" 1")


@pytest.mark.parametrize(("document", "language"), [("docs/operations.md", "en"), ("docs/operazioni.md", "it")])
def test_checking_says_what_the_operations_page_shows(house: Reader, document: str, language: str) -> None:
    (one,) = [one for one in documents.commands(documents.read(document)) if one.answer is not None]
    answer = house.type(one.line.replace("pec-tracker ", f"pec-tracker --lang {language} ", 1))
    assert answer.status == Exit.DONE
    assert documents.fits(one.answer or (), answer.lines), answer.lines


DOCUMENTS = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/**/*.md"))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_in_the_documents_can_be_typed(document: str) -> None:
    """Every subcommand and option of a command exists; a command is one that COMMANDS names."""
    for line in typed(document):
        if not line.startswith(OURS):
            continue
        words = shlex.split(line.replace("...", "X"))[1:]
        assert words[0] in COMMANDS, line
        with root.make_context("pec-tracker", [], resilient_parsing=True) as context:
            command = root.get_command(context, words[0])
        if command is None:
            continue
        if isinstance(command, click.Group) and len(words) > 1 and not words[1].startswith("-"):
            assert words[1] in command.commands, line
            command = command.commands[words[1]]
        known = {name for parameter in command.params for name in parameter.opts} | {"--help"}
        assert {word for word in words if word.startswith("--") and len(word) > 2} <= known, line


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    place = (ROOT / document).parent
    links = re.findall(r"\]\(([^)#]+)\)", documents.read(document))
    assert [link for link in links if not (place / link).exists()] == []


def test_the_rooms_of_the_document_are_the_folders_of_the_package() -> None:
    rows = documents.rows(documents.read("docs/architecture.md"), "## The rooms")
    rooms = {path.parent.name for path in ROOT.glob("pec_tracker/*/__init__.py")}
    assert {row[0].strip("`") for row in rows} == rooms


def test_what_to_look_into_for_a_change_is_there() -> None:
    text = documents.read("docs/architecture.md")
    named = [span for span in documents.code_spans(text) if re.fullmatch(r"[\w./-]+\.(py|toml|md)", span)]
    assert len(named) > 20
    assert [name for name in named if not (ROOT / "pec_tracker" / name).exists() and not (ROOT / name).exists()] == []
