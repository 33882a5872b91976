"""How is one text written to each? `{nome}` stands for what the row says under that column; `{{` is a brace.

A name is compared as headers are: without case, accents and signs. Whatever else stands in braces is refused, so that
no letter leaves with a brace that somebody meant for a name.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from pec_tracker.errors import UsageError
from pec_tracker.service.contacts.columns import header_name

_TOKEN: Final = re.compile(r"\{\{|\}\}|\{([^{}\r\n]{1,80})\}|[{}]")


def placeholders(text: str) -> list[str]:
    """The names that *text* asks for, as they are compared, each once. UsageError for a brace that stands alone."""
    return list(dict.fromkeys(name for _start, _end, name in _tokens(text) if name is not None))


def filled(text: str, values: Mapping[str, str]) -> str:
    """*text* with each name's value. UsageError for a name that *values* lacks."""
    parts: list[str] = []
    at = 0
    for start, end, name in _tokens(text):
        parts.append(text[at:start])
        parts.append(text[start] if name is None else values[name] if name in values else _lacking(name, values))
        at = end
    return "".join([*parts, text[at:]])


def require_known(text: str, values: Mapping[str, str]) -> None:
    """UsageError where *text* asks for a name that *values* lacks."""
    for name in placeholders(text):
        if name not in values:
            _lacking(name, values)


def _tokens(text: str) -> Iterator[tuple[int, int, str | None]]:
    """Where names (as compared) and doubled braces (None) stand."""
    for found in _TOKEN.finditer(text):
        if found[0] in ("{{", "}}"):
            yield found.start(), found.end(), None
            continue
        name = header_name(found[1] or "")
        if not name:
            line = text.count("\n", 0, found.start()) + 1
            raise UsageError(
                "line {line} of the text holds a brace that belongs to no column name; a brace itself is written "
                "twice: {{{{ or }}}}",
                line=line,
            )
        yield found.start(), found.end(), name


def _lacking(name: str, values: Mapping[str, str]) -> str:
    raise UsageError(
        "no column is called {{{name}}}; there are: {names}",
        name=name,
        names=", ".join(f"{{{one.replace(' ', '_')}}}" for one in sorted(values)),
    )
