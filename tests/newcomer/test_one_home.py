"""Who looks for where something is decided finds one place: no state, act or alert is spelled out elsewhere."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import pec_tracker
from pec_tracker.ledger.acts import REPLAYED_BY, LedgerAct
from pec_tracker.pec.sending import Event, SendState, change_of
from pec_tracker.pec.standard import Kind
from pec_tracker.pec.traits import TRAITS
from pec_tracker.service.alerts.kinds import AlertKind
from pec_tracker.texts import notices, words

ROOT = Path(pec_tracker.__file__).parent
# It shares no code with the rest on purpose.
ALONE = ROOT / "render/verify_package.py"


def modules() -> Iterator[tuple[Path, ast.Module]]:
    """Every module but words, the sandbox and the verifier that stands alone."""
    for file in sorted(ROOT.rglob("*.py")):
        if file != ALONE and not {"sandbox", "texts"} & set(file.relative_to(ROOT).parts):
            yield file.relative_to(ROOT), ast.parse(file.read_text("utf-8"))


def is_about(node: ast.AST, name: str) -> bool:
    return name in ast.unparse(node)


def test_no_send_state_is_spelled_out_but_where_states_are_defined() -> None:
    states = {state.value for state in SendState}
    found = []
    for file, tree in modules():
        if file == Path("pec/sending.py"):
            continue
        for node in ast.walk(tree):
            texts = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and one.value in states]
            compared = isinstance(node, ast.Compare) and is_about(node.left, "send_state")
            given = isinstance(node, ast.keyword) and node.arg == "send_state"
            called = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "in_"
            if texts and (compared or given or (called and is_about(node, "send_state"))):
                found.append(f"{file}:{getattr(node, 'lineno', 0)}: {texts}")
    assert found == []


def test_only_one_module_writes_a_send_state() -> None:
    writers = set()
    for file, tree in modules():
        for node in ast.walk(tree):
            writes = isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".values")
            if writes and isinstance(node, ast.Call) and any(one.arg == "send_state" for one in node.keywords):
                writers.add(str(file))
    # A message begins as queued; a rebuild repeats that an attempt was begun.
    assert writers <= {
        "service/journeys/send_state_rows.py",
        "service/sending/send.py",
        "service/upkeep/replayed_rows.py",
    }


def test_every_line_names_its_act_from_the_one_list_and_every_act_is_written() -> None:
    named: set[str] = set()
    for file, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "new_line":
                told = ast.unparse(node.args[0])
                assert told.startswith("LedgerAct"), f"{file}:{node.lineno}: {told}"
                named |= {one.attr for one in ast.walk(node.args[0]) if isinstance(one, ast.Attribute)}
    by_table = {LedgerAct(act).name for event in Event if (act := change_of(event).act) is not None}
    assert {act.name for act in LedgerAct} - named - by_table == set()


def test_every_act_has_its_replay_or_says_why_it_needs_none() -> None:
    assert set(REPLAYED_BY) == set(LedgerAct)
    for act, by in REPLAYED_BY.items():
        if by.startswith("no rows: "):
            continue
        source = (ROOT / f"service/{by}.py").read_text("utf-8")
        spelled = f"LedgerAct.{act.name}" in source or (by == "upkeep/rebuild" and "MAILS" in source)
        assert spelled or (by == "journeys/send_state_rows" and "REPLIED" in source), act


@pytest.mark.parametrize("kind", list(AlertKind))
def test_every_alert_has_its_sentence(kind: AlertKind) -> None:
    assert kind.value in notices.ALERTS


def test_no_sentence_is_for_an_alert_that_is_never_raised() -> None:
    assert set(notices.ALERTS) == {kind.value for kind in AlertKind}
    raised = "\n".join(file.read_text("utf-8") for file in (ROOT / "service").rglob("*.py"))
    steps = {kind for kind in AlertKind if kind.value.endswith("-failed") and kind is not AlertKind.STAMP_FAILED}
    for kind in set(AlertKind) - steps:
        assert f"AlertKind.{kind.name}" in raised or kind.value in {"send-refused", "send-uncertain"}, kind


def test_every_state_has_its_word() -> None:
    assert {state.value for state in SendState} <= set(words.SEND_STATES)


def test_which_kinds_behave_alike_is_said_in_the_table_of_their_traits_alone() -> None:
    found = []
    for file, tree in modules():
        for node in ast.walk(tree):
            listed = node.elts if isinstance(node, ast.Set | ast.Tuple | ast.List) else []
            if sum(ast.unparse(one).startswith("Kind.") for one in listed) > 1:
                found.append(f"{file}:{getattr(node, 'lineno', 0)}: {ast.unparse(node)}")
    assert found == []


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_has_its_traits_and_its_word(kind: Kind) -> None:
    assert kind in TRAITS
    assert kind.value in words.KINDS


LONGEST_MODULE, LONGEST_FUNCTION = 400, 50


def test_every_module_and_every_function_can_be_read_at_one_sitting() -> None:
    """But the verifier, which is one file on purpose."""
    long = []
    for file in sorted(ROOT.rglob("*.py")):
        text = file.read_text("utf-8")
        if file != ALONE and text.count("\n") > LONGEST_MODULE:
            long.append(f"{file.relative_to(ROOT)}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)) if file != ALONE else ():
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > LONGEST_FUNCTION:
                    long.append(f"{file.relative_to(ROOT)}: {node.name}, {lines} lines")
    assert long == []
