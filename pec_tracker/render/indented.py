"""How is a large report written as JSON, one space a level? As `json.dumps(value, ensure_ascii=False, indent=1)` does.

That spends most of a package's time on the list of recipients, which every receipt of a message repeats: a list that
was written once at a level is not written again.
"""

import json
from hashlib import sha256
from typing import Any

# Shorter lists are written as fast as they are recognised.
_LONG = 16

# Long lists as they were written, by the line that they begin with and by what they are: the object, or their text.
_Written = dict[tuple[str, int | bytes], str]


def indented(value: Any) -> str:
    """*value* as JSON text."""
    return _text(value, "\n", {})


def _text(value: Any, line: str, written: _Written) -> str:
    """*value*, whose lines begin with *line*; *written* are the long lists so far."""
    if not value or not isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False)
    deeper = line + " "
    if isinstance(value, dict):
        pairs = (f"{_key(key)}: {_text(one, deeper, written)}" for key, one in value.items())
        return f"{{{deeper}{f',{deeper}'.join(pairs)}{line}}}"
    if len(value) < _LONG:
        return _listed(value, line, written)
    known = (line, id(value))  # one and the same list, which its report holds for as long as this takes
    if known not in written:
        equal = (line, sha256(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")).digest())
        if equal not in written:
            written[equal] = _listed(value, line, written)
        written[known] = written[equal]
    return written[known]


def _listed(value: list[Any] | tuple[Any, ...], line: str, written: _Written) -> str:
    deeper = line + " "
    return f"[{deeper}{f',{deeper}'.join(_text(one, deeper, written) for one in value)}{line}]"


def _key(key: Any) -> str:
    """A name as JSON writes it: what is no text becomes one."""
    return json.dumps(key, ensure_ascii=False) if isinstance(key, str) else json.dumps({key: 0})[1:-4]
