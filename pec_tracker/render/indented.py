"""How is a large report written as JSON, one space a level? As `json.dumps(value, ensure_ascii=False, indent=1)` does.

That spends most of a package's time on the list of recipients, which every receipt of a message repeats: a list that
was written once at a level is not written again. A report is given in pieces, none larger than one of its entries.
"""

import json
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any

# Shorter lists are written as fast as they are recognised.
_LONG = 16

# `json.dumps` would make an encoder for each value.
_json = json.JSONEncoder(ensure_ascii=False).encode

# Long lists as they were written, by the line that they begin with and by what they are: the object, or their text.
_Written = dict[tuple[str, int | bytes], str]


def indented(value: Any) -> str:
    """*value* as JSON text."""
    return "".join(pieces(value))


def pieces(value: Any) -> Iterator[str]:
    """What `indented` gives, piece by piece: of an object, of each of its values, the entries one by one."""
    written: _Written = {}
    if not value or not isinstance(value, dict):
        yield _text(value, "\n", written)
        return
    before = "{\n "
    for key, one in value.items():
        yield f"{before}{_key(key)}: "
        if one and isinstance(one, list | tuple):
            yield from _around("[\n  ", (_text(entry, "\n  ", written) for entry in one), ",\n  ", "\n ]")
        else:
            yield _text(one, "\n ", written)
        before = ",\n "
    yield "\n}"


def _around(before: str, texts: Iterable[str], between: str, after: str) -> Iterator[str]:
    for text in texts:
        yield before
        yield text
        before = between
    yield after


def _text(value: Any, line: str, written: _Written) -> str:
    """*value*, whose lines begin with *line*; *written* are the long lists so far."""
    if not value or not isinstance(value, dict | list | tuple):
        return _json(value)
    deeper = line + " "
    if isinstance(value, dict):
        pairs = (f"{_key(key)}: {_text(one, deeper, written)}" for key, one in value.items())
        return f"{{{deeper}{f',{deeper}'.join(pairs)}{line}}}"
    if len(value) < _LONG:
        return _listed(value, line, written)
    known = (line, id(value))  # one and the same list, which its report holds for as long as this takes
    if known not in written:
        equal = (line, sha256(_json(value).encode("utf-8", "surrogatepass")).digest())
        if equal not in written:
            written[equal] = _listed(value, line, written)
        written[known] = written[equal]
    return written[known]


def _listed(value: list[Any] | tuple[Any, ...], line: str, written: _Written) -> str:
    deeper = line + " "
    return f"[{deeper}{f',{deeper}'.join(_text(one, deeper, written) for one in value)}{line}]"


def _key(key: Any) -> str:
    """A name as JSON writes it: what is no text becomes one."""
    return _json(key) if isinstance(key, str) else json.dumps({key: 0})[1:-4]
