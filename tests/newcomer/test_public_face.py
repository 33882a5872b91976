"""Is the repository fit to be read by strangers: does it speak of the project alone, and is it what it says it is?"""

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from pec_tracker import config
from tests.newcomer.documents import ROOT, read, rows

PACKAGE = ROOT / "pec_tracker"
LONGEST_MODULE = 500  # lines; most are under 300
# Goes into every proof package as it is, so it must be one file that needs no other.
ONE_FILE = {"pec_tracker/render/verify_package.py": 2_500}
MADE_HERE = {".git", ".venv", "__pycache__", "demo-output", "bench-output", "dist", "build", "htmlcov"}
BINARY = {".mo", ".pyc", ".png", ".icc", ".ttf", ".otf", ".woff2", ".pdf", ".zip"}

# Each word is written so that these lines do not find themselves.
MACHINE_PATHS = re.compile(r"(?<![\w.<$}])/(?:work|root|mnt|Users|home)/[\w.-]+")
REGISTRIES = re.compile(r"pypi[.]org|python[h]osted|npm[j]s|crates[.]io", re.IGNORECASE)
LEFT_OPEN = re.compile(r"\b(?:[T]ODO|[F]IXME|[X]XX|[H]ACK)\b")
# Papers and people that a reader of the repository has not.
ELSEWHERE = re.compile(
    r"\b(?:[d]esign(?:[.]md)? \d|[d]esign[.]md|[s]tyle[.]md|[p]romises[.]md|[p]ec-reference|[i]ssue \d|[g]enerated with"
    r"|[c]o-authored-by|[t]he lead\b)",
    re.IGNORECASE,
)

# Development tools that are run, not imported, and drivers that a library loads by name.
RUN_NOT_IMPORTED = {
    "import-linter",
    "mypy",
    "ruff",
    "pytest-timeout",
    "pytest-xdist",
    "lxml-stubs",
    "types-psutil",
    "types-olefile",
}
COMES_WITH_ANOTHER = {"pydantic-core"}  # one release of it for each of pydantic's
LOADED_BY_NAME = {"psycopg": "the driver of a postgresql:// address", "tzdata": "zones where the system has none"}


def tracked() -> list[Path]:
    """Every text file that belongs to the repository, or would with the next commit."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if listed.returncode == 0:
        names = [ROOT / name for name in listed.stdout.decode("utf-8").split("\0") if name]
    else:  # an unpacked release, without git
        names = [path for path in ROOT.rglob("*") if not MADE_HERE & set(path.relative_to(ROOT).parts)]
    return [path for path in names if path.is_file() and path.suffix not in BINARY]


def modules(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("forbidden", [MACHINE_PATHS, REGISTRIES, LEFT_OPEN, ELSEWHERE])
def test_the_repository_speaks_of_the_project_alone(forbidden: re.Pattern[str]) -> None:
    found = [
        f"{path.relative_to(ROOT).as_posix()}:{number}: {match[0]}"
        for path in tracked()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if (match := forbidden.search(line))
    ]
    assert found == []


def test_every_module_says_which_question_it_answers() -> None:
    silent = [path for path in modules("pec_tracker", "bench", "tools") if path.name != "__init__.py"]
    assert [str(path.relative_to(ROOT)) for path in silent if not ast.get_docstring(tree_of(path))] == []


def test_every_public_name_has_a_docstring() -> None:
    lacking = [
        f"{path.relative_to(ROOT).as_posix()}:{node.lineno}: {node.name}"
        for path in modules("pec_tracker")
        for node in _public(tree_of(path))
        if not ast.get_docstring(node)
    ]
    assert lacking == []


# Methods that a library calls by its own names: its documentation says what they are for.
CALLED_BY_LIBRARIES = re.compile(r"process_bind_param|process_result_value|handle_[A-Z]+")

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _public(tree: ast.Module | ast.ClassDef) -> Iterator[Definition]:
    """Public classes, functions and methods; setters and other variants of what has a docstring aside."""
    for node in tree.body:
        if isinstance(node, Definition) and not node.name.startswith("_") and not _is_known_elsewhere(node):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from _public(node)


def _is_known_elsewhere(node: Definition) -> bool:
    if CALLED_BY_LIBRARIES.fullmatch(node.name):
        return True
    return any(ast.unparse(one).endswith(("overload", ".setter")) for one in node.decorator_list)


def test_modules_fit_in_the_head() -> None:
    long = {
        name: lines
        for path in modules("pec_tracker")
        if (lines := len(path.read_text(encoding="utf-8").splitlines()))
        > ONE_FILE.get(name := path.relative_to(ROOT).as_posix(), LONGEST_MODULE)
    }
    assert long == {}


def test_no_module_is_called_by_a_word_that_says_nothing() -> None:
    empty = {"utils", "util", "helpers", "helper", "misc", "common", "manager", "stuff", "data", "info"}
    assert [path.name for path in modules("pec_tracker", "tests", "bench") if path.stem.lower() in empty] == []


def test_packages_start_empty_so_that_inspect_starts_fast() -> None:
    filled = [
        path for path in PACKAGE.rglob("__init__.py") if path.parent.name != "texts" and path.read_bytes().strip()
    ]
    assert filled == []


def test_every_room_has_tests() -> None:
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    tested = {path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")}
    of_one_file = {"texts": "test_texts.py"}
    missing = {room for room in rooms - tested if not (ROOT / "tests" / of_one_file.get(room, "-")).is_file()}
    assert missing == set()


def test_the_folders_at_the_top_are_those_that_a_stranger_expects() -> None:
    top = {path.relative_to(ROOT).parts[0] for path in tracked() if len(path.relative_to(ROOT).parts) > 1}
    assert top == {".ci", "alembic", "bench", "docs", "pec_tracker", "tests", "tools"}


def test_the_example_configuration_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PEC_TRACKER")]:
        monkeypatch.delenv(name)
    loaded = config.load(ROOT / "config.example.toml")
    assert list(loaded.mailboxes) == ["studio"]


def test_the_changelog_says_what_comes_next() -> None:
    headings = re.findall(r"^## (.+)$", read("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == "Unreleased"


def test_the_continuous_integration_runs_what_the_readme_says() -> None:
    assert read(".ci/run").rstrip().endswith("make test")
    assert "```sh\nmake test\n```" in read("README.md")


def test_the_makefile_lists_what_it_can() -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    assert {"help", "demo", "test", "bench", "lint", "types", "imports", "unit", "clean"} <= targets
    told = set(re.findall(r"^([a-z]+):.*##", read("Makefile"), re.MULTILINE))
    assert told == targets


# Dependencies: what is imported is declared, what is declared is used


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _declared(requirements: list[str]) -> set[str]:
    return {_normal(re.split(r"[<>=!~;\[ ]", requirement, maxsplit=1)[0]) for requirement in requirements}


def _imported(*folders: str) -> dict[str, str]:
    """Top-level modules of others that are imported, with one file that does; type checking included."""
    own = {"pec_tracker", "tests", "bench", "tools"} | set(sys.stdlib_module_names)
    found: dict[str, str] = {}
    for path in modules(*folders):
        for node in ast.walk(tree_of(path)):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [name.name for name in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            for name in names:
                top = name.partition(".")[0]
                if top not in own:
                    found.setdefault(top, path.relative_to(ROOT).as_posix())
    return found


def _distributions(module: str) -> set[str]:
    return {_normal(name) for name in packages_distributions().get(module, [])}


def _project() -> tuple[set[str], dict[str, set[str]]]:
    project = tomllib.loads(read("pyproject.toml"))["project"]
    extras = {name: _declared(listed) for name, listed in project["optional-dependencies"].items()}
    return _declared(project["dependencies"]), extras


def _undeclared(allowed: set[str], *folders: str) -> dict[str, str]:
    return {module: file for module, file in _imported(*folders).items() if not _distributions(module) & allowed}


def test_everything_that_is_imported_is_declared() -> None:
    required, extras = _project()
    optional = set().union(*(names for extra, names in extras.items() if extra != "dev"))
    assert _undeclared(required | optional | COMES_WITH_ANOTHER, "pec_tracker", "alembic") == {}
    assert _undeclared(required | optional | extras["dev"], "tests", "bench", "tools") == {}


def test_everything_that_is_declared_is_used() -> None:
    required, extras = _project()
    used = set().union(*map(_distributions, _imported("pec_tracker", "alembic")))
    assert required - used - set(LOADED_BY_NAME) == set()
    for name in extras.keys() - {"dev"}:
        assert extras[name] - used - set(LOADED_BY_NAME) == set()
    used |= set().union(*map(_distributions, _imported("tests", "bench", "tools")))
    assert extras["dev"] - used - RUN_NOT_IMPORTED - set(LOADED_BY_NAME) == set()


def test_what_was_tested_is_pinned() -> None:
    required, extras = _project()
    pinned = _declared([line for line in read("constraints.txt").splitlines() if line and not line.startswith("#")])
    assert required | set().union(*extras.values()) <= pinned
    assert all("==" in line for line in read("constraints.txt").splitlines() if line and not line.startswith("#"))


def test_the_documents_that_the_readme_names_are_all_there_are() -> None:
    linked = set(re.findall(r"\(docs/([\w.-]+)\)", read("README.md") + read("README.it.md")))
    assert {path.name for path in (ROOT / "docs").iterdir()} == linked


def test_the_commands_have_rows_in_both_languages() -> None:
    english = [row[0].split()[1] for row in rows(read("README.md"), "## Every command")]
    italian = [row[0].split()[1] for row in rows(read("README.it.md"), "## Tutti i comandi")]
    assert english == italian
