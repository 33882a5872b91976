"""How is a large report written as JSON, one space a level? As `json.dumps(value, ensure_ascii=False, indent=1)` does.

That spends most of a package's time on the list of recipients, which every receipt of a message repeats: a list that
was written once at a level is not written again.
"""

import json
from typing import Any

# Shorter lists are written as fast as they are recognised.
_LONG = 16


def indented(value: Any) -> str:
    """*value* as JSON text."""
    return _text(value, "\n", {})


def _text(value: Any, line: str, written: dict[tuple[str, str], str]) -> str:
    """*value*, whose lines begin with *line*; *written* are the long lists so far."""
    if not value or not isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False)
    deeper = line + " "
    if isinstance(value, dict):
        pairs = (f"{_key(key)}: {_text(one, deeper, written)}" for key, one in value.items())
        return f"{{{deeper}{f',{deeper}'.join(pairs)}{line}}}"
    known = (line, json.dumps(value, ensure_ascii=False)) if len(value) >= _LONG else None
    if known is not None and known in written:
        return written[known]
    text = f"[{deeper}{f',{deeper}'.join(_text(one, deeper, written) for one in value)}{line}]"
    if known is not None:
        written[known] = text
    return text


def _key(key: Any) -> str:
    """A name as JSON writes it: what is no text becomes one."""
    return json.dumps(key, ensure_ascii=False) if isinstance(key, str) else json.dumps({key: 0})[1:-4]
