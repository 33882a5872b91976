"""No entrance computes: what the command line said by itself, a page or an API would say otherwise."""

import ast
from pathlib import Path

import pytest

import pec_tracker.cli

MODULES = sorted(Path(pec_tracker.cli.__file__).parent.glob("*.py"))


def attributes(tree: ast.AST) -> set[str]:
    return {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def hundreds(tree: ast.AST) -> list[str]:
    """Where something is multiplied by 100, or divided after it: a percentage."""
    products = (node for node in ast.walk(tree) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult))
    return [
        ast.unparse(node)
        for node in products
        if any(isinstance(side, ast.Constant) and side.value == 100 for side in (node.left, node.right))
    ]


def test_the_modules_are_found() -> None:
    assert len(MODULES) > 20


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_the_command_line_turns_no_time_computes_no_percentage_and_reads_no_journey_state(module: Path) -> None:
    tree = ast.parse(module.read_text("utf-8"))
    found = attributes(tree)
    assert not {name for name in found if name.endswith(".astimezone")}
    assert not found & {"words.STATES", "words.KINDS.index", "words.FAILURE_CODES"}
    assert hundreds(tree) == []


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_the_command_line_words_no_token_counts_no_bytes_and_opens_no_room_below_the_service(module: Path) -> None:
    """Tokens get their words in `answers`; the demo and the sandbox have none, and are told where they are made."""
    tree = ast.parse(module.read_text("utf-8"))
    imported = {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module is not None
        for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
    }
    worded = {f"pec_tracker.texts.{table}" for table in ("words", "notices", "findings")}
    assert not imported & (worded | {"hashlib"})
    below = ("pec_tracker.ledger", "pec_tracker.archive", "pec_tracker.render.wording")
    assert [name for name in imported if name.startswith(below)] == []
