"""How are letters brought into one form? As Unicode says (UAX 15), in a time that a hostile text cannot square.

Putting thousands of marks on one letter in order takes the square of their number. No real text has more than thirty
(UAX 15, "Stream-Safe Text Format"): past that the marks are ordered in pieces.
"""

import re
import unicodedata
from typing import Final, Literal

MOST_MARKS: Final = 30

_MAY_BE_MARKS = re.compile(f"[\u0300-\U0010ffff]{{{MOST_MARKS + 1}}}")


def normal(form: Literal["NFC", "NFD", "NFKC", "NFKD"], text: str) -> str:
    """*text* in a normal form of Unicode."""
    if text.isascii() or _MAY_BE_MARKS.search(text) is None:
        return unicodedata.normalize(form, text)
    pieces: list[str] = []
    begun = marks = 0
    for at, letter in enumerate(text):
        marks = marks + 1 if unicodedata.combining(letter) else 0
        if marks > MOST_MARKS:
            pieces.append(unicodedata.normalize(form, text[begun:at]))
            begun, marks = at, 1
    return "".join([*pieces, unicodedata.normalize(form, text[begun:])])
