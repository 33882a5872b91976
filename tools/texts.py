"""Which texts does the code show, and are they all in Italian? Keeps the catalogue in step with the code.

    python tools/texts.py [update]   add new texts to the .po, drop those that are gone, then compile
    python tools/texts.py compile    write the .mo from the .po
    python tools/texts.py missing    list the texts without a translation; status 1 if there are any

Texts are the literals in `_()`, `N_()` and `ngettext()`, the first argument where an error for people is made, every
sentence of the modules that make `archive.finding` findings, and where each rule of `pec.finding` comes from.
click's own texts belong to the catalogue too, because click looks them up in it.
"""

import ast
import itertools
import sys
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

import click
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
PO = ROOT / "pec_tracker/texts/locale/it/LC_MESSAGES/pec_tracker.po"
MO = PO.with_suffix(".mo")

_RULES = ROOT / "pec_tracker/pec/finding.py"

_MARKS = {"_", "N_"}

_FINDINGS = "pec_tracker.archive.finding"

# click passes this one through a variable.
_CLICK_EXTRA = {"required"}

Text = str | tuple[str, str]


def code_texts() -> dict[Text, set[str]]:
    """Every text of our code, with the files that show it."""
    files = {path: ast.parse(path.read_text("utf-8")) for path in sorted((ROOT / "pec_tracker").rglob("*.py"))}
    errors = _error_classes(files.values())
    found: dict[Text, set[str]] = {}
    for path, tree in files.items():
        sources = _rule_sources(tree) if path == _RULES else ()
        for text in itertools.chain(_texts(tree, errors), _finding_templates(tree), sources):
            found.setdefault(text, set()).add(path.relative_to(ROOT).as_posix())
    return found


def click_texts() -> set[Text]:
    """Every text of the installed click."""
    found: set[Text] = set(_CLICK_EXTRA)
    for path in Path(click.__file__).parent.glob("*.py"):
        found.update(_texts(ast.parse(path.read_text("utf-8")), errors=set()))
    return found


def _error_classes(trees: Iterable[ast.Module]) -> set[str]:
    """The names of PecTrackerError and of all that derive from it, however deep."""
    bases: dict[str, set[str]] = {}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                bases[node.name] = {base.id for base in node.bases if isinstance(base, ast.Name)}
    known = {"PecTrackerError"}
    while more := {name for name, above in bases.items() if name not in known and above & known}:
        known |= more
    return known


def _texts(tree: ast.Module, errors: set[str]) -> Iterator[Text]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name in errors:
            yield from _own_templates(node)
        elif isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            literals = _literals(node)
            if name == "ngettext" and len(literals) == 2:
                yield literals[0], literals[1]
            elif name in _MARKS | errors and literals and literals[0]:
                yield literals[0]


def _own_templates(error: ast.ClassDef) -> Iterator[Text]:
    """The template that an error gives itself: `super().__init__("...")`."""
    for node in ast.walk(error):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "super().__init__":
            yield from _literals(node)[:1]


def _finding_templates(tree: ast.Module) -> Iterator[Text]:
    """The sentences of a module that makes findings: archive and ledger know no catalogue and cannot mark them."""
    nodes = list(ast.walk(tree))
    imports = (node for node in nodes if isinstance(node, ast.ImportFrom) and node.module == _FINDINGS)
    if not any(name.name == "FindingKind" for node in imports for name in node.names):
        return
    docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.Constant) and id(node) not in docstrings:
            text = node.value
            if isinstance(text, str) and " " in text.strip():
                yield text


def _rule_sources(tree: ast.Module) -> Iterator[Text]:
    """Where the rules come from: `pec` knows no catalogue and cannot mark them."""
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Dict):
            yield from (ast.literal_eval(value) for value in node.value.values)


def _literals(call: ast.Call) -> list[str]:
    """The literal texts that the call's positional arguments begin with, at most two."""
    texts = itertools.takewhile(lambda arg: isinstance(arg, ast.Constant), call.args[:2])
    return [arg.value for arg in texts if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]


def catalogue() -> Catalog:
    """The catalogue as it is written."""
    with PO.open("rb") as stream:
        return read_po(stream, locale="it", domain="pec_tracker")


def updated(old: Catalog) -> Catalog:
    """`old` with the texts of today: new ones untranslated, those that are gone left out."""
    new = Catalog(
        locale="it",
        domain="pec_tracker",
        project="pec-tracker",
        header_comment="# Italian texts of pec-tracker and of click. Kept in step by `make texts`.",
        fuzzy=False,
        creation_date=old.creation_date,
        revision_date=old.revision_date,
        version="1",
        last_translator="pec-tracker",
        language_team="Italian",
        msgid_bugs_address="-",
    )
    ours = code_texts()
    for text in sorted({*ours, *click_texts()}, key=str):
        key = text if isinstance(text, str) else text[0]
        before = old.get(key)
        string = before.string if before is not None else None
        places = [(place, 0) for place in sorted(ours.get(text, {"click"}))]
        new.add(text, string=_fitting(text, string), locations=places)
    return new


def _fitting(text: Text, string: object) -> str | tuple[str, ...]:
    if isinstance(text, tuple):
        return string if isinstance(string, tuple) else ("", "")
    return string if isinstance(string, str) else ""


def compiled(texts: Catalog) -> bytes:
    """The bytes of the .mo for `texts`."""
    stream = BytesIO()
    write_mo(stream, texts)
    return stream.getvalue()


def missing(texts: Catalog) -> list[str]:
    """The texts of the code (click's included) that have no translation in `texts`."""
    lacking = []
    for text in {*code_texts(), *click_texts()}:
        message = texts.get(text if isinstance(text, str) else text[0])
        strings = () if message is None else (message.string,) if isinstance(message.string, str) else message.string
        if not strings or not all(strings):
            lacking.append(str(text))
    return sorted(lacking)


def main(verb: str) -> int:
    """Do what the module's docstring says of `verb`."""
    match verb:
        case "update":
            stream = BytesIO()
            write_po(stream, updated(catalogue()), width=110, include_lineno=False)
            PO.write_bytes(stream.getvalue())
            MO.write_bytes(compiled(catalogue()))
        case "compile":
            MO.write_bytes(compiled(catalogue()))
        case "missing":
            lacking = missing(catalogue())
            sys.stdout.write("".join(f"{text!r}\n" for text in lacking))
            return 1 if lacking else 0
        case _:
            sys.stdout.write(__doc__ or "")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "update"))
