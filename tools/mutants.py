"""Would the tests notice if a decision were another? Changes one deciding expression at a time and runs the tests.

    python tools/mutants.py [--sample N] [--seed N] [--jobs N] [--list] [MODULE ...]

`mutants.toml` beside this file says which modules decide, which tests concern each, and which mutants are known to be
equal to what they replace, with the reason: on the one `line` that is quoted, or else wherever they stand. A mutant is
a small change of one expression: a comparison turned, a condition negated or left out, `and` for `or`, a bound moved by
one, a filter dropped, a statement not carried out.
Status 1 when fewer than nine of ten sampled mutants are killed; the survivors are listed with their lines.
"""

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).resolve().parent.parent
PLAN = Path(__file__).with_suffix(".toml")
ENOUGH = 0.9

_TURNED = {
    ast.Lt: ("<=", ">="), ast.LtE: ("<", ">"), ast.Gt: (">=", "<="), ast.GtE: (">", "<"),
    ast.Eq: ("!=",), ast.NotEq: ("==",), ast.Is: ("is not",), ast.IsNot: ("is",),
    ast.In: ("not in",), ast.NotIn: ("in",),
}  # fmt: skip
_TWINS = {"any": "all", "all": "any", "min": "max", "max": "min"}
# Words for people and for logs decide nothing.
_TOLD = {"log", "crash", "_", "N_", "ngettext"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: the text between two offsets of a module becomes another."""

    module: str
    start: int
    stop: int
    text: str
    line: int
    before: str
    quoted: str  # the line on which it begins

    @property
    def name(self) -> str:
        """What it changes, as `mutants.toml` names it."""
        return f"{self.before} -> {self.text}"


class _Finder(ast.NodeVisitor):
    """Collects the mutants of one module."""

    def __init__(self, module: str, source: str) -> None:
        self.module, self.source = module, source
        self.found: list[Mutant] = []
        encoded = source.encode()
        starts = [0]
        for line in encoded.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        self._starts, self._encoded, self._lines = starts, encoded, source.splitlines()

    def _offsets(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._starts[node.lineno - 1] + node.col_offset, self._starts[node.end_lineno - 1] + node.end_col_offset

    def _add(self, node: ast.expr | ast.stmt, text: str) -> None:
        start, stop = self._offsets(node)
        before = " ".join(self._encoded[start:stop].decode().split())
        if before != text:
            quoted = self._lines[node.lineno - 1].strip()
            self.found.append(Mutant(self.module, start, stop, text, node.lineno, before, quoted))

    def _text(self, node: ast.AST) -> str:
        return ast.unparse(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        for at, operator in enumerate(node.ops):
            for turned in _TURNED.get(type(operator), ()):
                parts = [self._text(node.left)]
                for place, (one, right) in enumerate(zip(node.ops, node.comparators, strict=True)):
                    parts += [turned if place == at else _symbol(one), self._text(right)]
                self._add(node, f"({' '.join(parts)})")
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        twin = " or " if isinstance(node.op, ast.And) else " and "
        self._add(node, f"({twin.join(f'({self._text(one)})' for one in node.values)})")
        for left_out in range(len(node.values)):
            rest = [one for at, one in enumerate(node.values) if at != left_out]
            same = " and " if isinstance(node.op, ast.And) else " or "
            self._add(node, f"({same.join(f'({self._text(one)})' for one in rest)})")
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            self._add(node, f"bool({self._text(node.operand)})")
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        twins = {ast.Add: "-", ast.Sub: "+", ast.BitOr: "&", ast.BitAnd: "|"}
        if type(node.op) in twins and not _is_text(node):
            self._add(node, f"({self._text(node.left)} {twins[type(node.op)]} {self._text(node.right)})")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if type(node.value) is int:
            self._add(node, str(node.value + 1))
        elif type(node.value) is bool:
            self._add(node, str(not node.value))

    def visit_If(self, node: ast.If) -> None:
        self._add(node.test, f"(not ({self._text(node.test)}))")
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._add(node, f"({self._text(node.body)})")
        self._add(node, f"({self._text(node.orelse)})")
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for one in node.ifs:
            self._add(one, "True")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func.id if isinstance(node.func, ast.Name) else ""
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        if called in _TOLD or (isinstance(owner, ast.Name) and owner.id in _TOLD) or called.endswith("Error"):
            return
        if called in _TWINS and len(node.args) == 1:
            self._add(node.func, _TWINS[called])
        if isinstance(node.func, ast.Attribute) and node.func.attr == "where":
            for left_out in range(len(node.args)):
                rest = [self._text(one) for at, one in enumerate(node.args) if at != left_out]
                self._add(node, f"{self._text(node.func)}({', '.join(rest)})")
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Constant):
            return  # a docstring
        if isinstance(node.value, ast.Yield) or (isinstance(node.value, ast.Call) and not _is_told(node.value)):
            self._add(node, "pass")
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)  # annotations decide nothing

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for one in [*node.args.defaults, *node.args.kw_defaults, *node.body]:
            if one is not None:
                self.visit(one)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        for one in node.body:
            self.visit(one)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for one in node.body:
            self.visit(one)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Words."""


def _symbol(operator: ast.cmpop) -> str:
    words = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.Is: "is",
             ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in"}  # fmt: skip
    return words[type(operator)]


def _is_text(node: ast.BinOp) -> bool:
    """Joined texts and tuples are no arithmetic."""
    kinds = (ast.JoinedStr, ast.Tuple, ast.List, ast.Starred)
    sides = (node.left, node.right)
    return any(
        isinstance(one, kinds) or (isinstance(one, ast.Constant) and isinstance(one.value, str | bytes))
        for one in sides
    )


def _is_told(call: ast.Call) -> bool:
    owner = call.func.value if isinstance(call.func, ast.Attribute) else call.func
    return isinstance(owner, ast.Name) and owner.id in _TOLD


def mutants_of(module: str) -> list[Mutant]:
    """Every mutant of a module, each once."""
    source = (ROOT / module).read_text("utf-8")
    finder = _Finder(module, source)
    finder.visit(ast.parse(source))
    return list(dict.fromkeys(finder.found))


class Workshop:
    """Copies of the working tree in which mutants are tried, one for each job."""

    def __init__(self, jobs: int, folder: Path) -> None:
        self._free: SimpleQueue[Path] = SimpleQueue()
        for number in range(jobs):
            copy = folder / str(number)
            shutil.copytree(
                ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", ".*_cache", "__pycache__", "*.zip")
            )
            self._free.put(copy)

    def killed(self, mutant: Mutant | None, tests: Sequence[str], *, seconds: float) -> bool:
        """Whether the tests fail with the mutant in place; None: as it is."""
        copy = self._free.get()
        try:
            if mutant is None:
                return _failed(copy, tests, seconds)
            file = copy / mutant.module
            whole = file.read_bytes()
            file.write_bytes(whole[: mutant.start] + mutant.text.encode() + whole[mutant.stop :])
            try:
                return _failed(copy, tests, seconds)
            finally:
                file.write_bytes(whole)
        finally:
            self._free.put(copy)


def _failed(copy: Path, tests: Sequence[str], seconds: float) -> bool:
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "--no-header",
        "-p",
        "no:cacheprovider",
        "-m",
        "not postgres and not dovecot and not postfix",
        *tests,
    ]
    try:
        ran = subprocess.run(command, cwd=copy, env=environment, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return True  # a mutant that never ends is noticed
    return ran.returncode != 0


class Equal:
    """The mutants that are known to be equal."""

    def __init__(self, entries: Sequence[dict[str, str]]) -> None:
        self._entries = {(one["module"], one["mutant"], one.get("line")) for one in entries}
        self._met: set[tuple[str, str, str | None]] = set()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, one: Mutant) -> bool:
        met = {(one.module, one.name, None), (one.module, one.name, one.quoted)} & self._entries
        self._met |= met
        return bool(met)

    def stale(self, modules: Container[str]) -> list[str]:
        """Entries of these modules that name no mutant (any more)."""
        return sorted(f"{one[0]}: {one[1]}" for one in self._entries - self._met if one[0] in modules)


def sampled(plan: dict[str, list[str]], equal: Equal, wanted: int, seed: int) -> list[Mutant]:
    """A random sample of all mutants but those that are known to be equal; the same for the same seed."""
    every = [one for module in sorted(plan) for one in mutants_of(module) if one not in equal]
    if stale := equal.stale(plan):
        sys.exit("\n".join(["known to be equal, and not there:", *stale]))
    if wanted >= len(every):
        return every
    return sorted(random.Random(seed).sample(every, wanted), key=lambda one: (one.module, one.start))


def tried(sample: Sequence[Mutant], plan: dict[str, list[str]], jobs: int) -> Iterator[tuple[Mutant, bool]]:
    """Each mutant with whether it was killed."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder, ThreadPoolExecutor(jobs) as pool:
        workshop = Workshop(jobs, Path(folder))
        limits = {}
        for module in {one.module for one in sample}:
            started = time.monotonic()
            if workshop.killed(None, plan[module], seconds=1200):
                sys.exit(f"the tests of {module} fail as it is: mend that first")
            limits[module] = 30 + 4 * (time.monotonic() - started)
        work = [pool.submit(workshop.killed, one, plan[one.module], seconds=limits[one.module]) for one in sample]
        for one, future in zip(sample, work, strict=True):
            yield one, future.result()


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--sample", type=int, default=400)
    parser.add_argument("--seed", type=int, default=20261126)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--list", action="store_true", help="list the mutants without trying them")
    parser.add_argument("modules", nargs="*")
    chosen = parser.parse_args()
    told = tomllib.loads(PLAN.read_text("utf-8"))
    plan = {module: tests for module, tests in told["tests"].items() if not chosen.modules or module in chosen.modules}
    equal = Equal(told.get("equal", []))
    sample = sampled(plan, equal, chosen.sample, chosen.seed)
    if chosen.list:
        for one in sample:
            print(f"{one.module}:{one.line}: {one.name}")
        return 0
    survivors = []
    for number, (one, killed) in enumerate(tried(sample, plan, chosen.jobs), 1):
        if not killed:
            survivors.append(one)
            print(f"{number}/{len(sample)} survives  {one.module}:{one.line}: {one.name}", flush=True)
    share = 1 - len(survivors) / len(sample)
    print(f"{len(sample)} mutants, {len(sample) - len(survivors)} killed ({share:.1%}), {len(equal)} known to be equal")
    return 0 if share >= ENOUGH else 1


if __name__ == "__main__":
    sys.exit(main())
