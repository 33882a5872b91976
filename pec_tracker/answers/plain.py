"""How does a value leave us? As JSON by the one encoder, or as text that can do nothing to who reads it.

What mails say is shown without control characters: a subject must not move the cursor or recolour a terminal, nor hold
letters that nobody sees. JSON has them escaped: the value is the same, and the line stays one line.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from enum import Enum
from pathlib import PurePath
from typing import Final


def to_json(value: object) -> str:
    """`value` as JSON on one line: times in ISO 8601 and UTC, bytes in hex, dataclasses as objects, enums by value."""
    try:
        text = json.dumps(value, default=_jsonable, ensure_ascii=False)
        text.encode("utf-8")
    except UnicodeEncodeError:  # a lone surrogate: a file name that is not UTF-8
        text = json.dumps(value, default=_jsonable, ensure_ascii=True)
    return _UNSEEN.sub(_escaped, text)


def utc_text(moment: datetime) -> str:
    """A time as every object has it: ISO 8601 in UTC, so that times can be compared as they stand."""
    return moment.astimezone(UTC).isoformat()


def certified_text(moment: datetime | None) -> str | None:
    """A certified time as the provider wrote it, with his own offset."""
    return None if moment is None else moment.isoformat()


def _escaped(unseen: re.Match[str]) -> str:
    units = unseen[0].encode("utf-16-be")
    return "".join(f"\\u{int.from_bytes(units[at : at + 2]):04x}" for at in range(0, len(units), 2))


def _jsonable(value: object) -> object:
    match value:
        case datetime():
            return utc_text(value)
        case date():
            return value.isoformat()
        case Enum():
            return value.value
        case bytes():
            return value.hex()
        case PurePath():
            return str(value)
        case set() | frozenset():
            return sorted(value)
        case Mapping():
            return dict(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    raise TypeError(f"{type(value).__name__} has no JSON form")


def clean(text: str) -> str:
    """`text` without what steers a terminal or cannot be seen: each such letter becomes `?`.

    Those are control characters, direction marks (they can show an address as another), line and paragraph separators,
    whatever has no width, lone surrogates. Italian needs none of them. An emoji of several needs the joiner (U+200D)
    between them, and keeps it there; anywhere else it is `?`, as the tags of regional flags are: both can hide words.
    """
    return _UNSHOWN.sub(lambda found: found["joined"] or "?", text)


# Unicode 15: categories Cc, Cf, Zl, Zp beyond ASCII, which JSON escapes itself; U+007F, which it does not.
_UNSEEN_LETTERS: Final = (
    "\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0001\U000e0020-\U000e007f"
)
_UNSEEN: Final = re.compile(f"[{_UNSEEN_LETTERS}]")
# Arrows to dingbats, and the planes of emoji; before the joiner also a shade or a variation selector.
_EMOJI: Final = "\u2190-\u2bff\U0001f000-\U0001faff"
_UNSHOWN: Final = re.compile(
    f"(?<=[{_EMOJI}\ufe0f])(?P<joined>\u200d)(?=[{_EMOJI}])|[\x00-\x1f\ud800-\udfff{_UNSEEN_LETTERS}]"
)
