"""Is this a tax code, and does its check character hold? Codice fiscale of 16 letters, or 11 digits (partita IVA too).

DM 23/12/1976 (GU 345, 29/12/1976): structure and check character of the codice fiscale. An invalid one is told of and
kept, for it stands so in somebody's papers; it identifies nobody.
"""

import re
from typing import Final

_DIGIT: Final = "[0-9LMNPQRSTUV]"  # a letter in place of a digit: two persons with one code (omocodia)
_PERSON: Final = re.compile(rf"[A-Z]{{6}}{_DIGIT}{{2}}[A-EHLMPRST]{_DIGIT}{{2}}[A-Z]{_DIGIT}{{3}}[A-Z]")
_NUMBER: Final = re.compile(r"[0-9]{11}")
_SHORTENED: Final = re.compile(r"[0-9]{8,10}")

# The value of a character in an odd place (1st, 3rd ...), A to Z; a digit counts as the letter of its rank.
_ODD: Final = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)


def normal(written: str) -> str:
    """*written* as a tax code is compared: capitals, without blanks, points and a leading `IT`.

    Spreadsheets take 11 digits for a number and drop its leading zeros: they are put back where the code then holds.
    """
    code = re.sub(r"[\s.\-/]", "", written).upper()
    if re.fullmatch(r"IT[0-9]{11}", code):
        code = code[2:]
    padded = code.zfill(11)
    return padded if _SHORTENED.fullmatch(code) and _holds_number(padded) else code


def holds(code: str) -> bool:
    """Whether *code*, as `normal` gives it, has the form of a tax code and its right check character."""
    if _NUMBER.fullmatch(code):
        return _holds_number(code)
    return _PERSON.fullmatch(code) is not None and _check_character(code[:15]) == code[15]


def is_of_a_body(code: str) -> bool:
    """Whether *code* is of the form that bodies and companies have: 11 digits."""
    return _NUMBER.fullmatch(code) is not None


def _holds_number(digits: str) -> bool:
    """The last of 11 digits is the check digit: the Luhn formula, counted from the left."""
    if not int(digits):
        return False
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[1::2])
    return (sum(map(int, digits[0::2])) + doubled) % 10 == 0


def _check_character(first: str) -> str:
    total = 0
    for place, character in enumerate(first, 1):
        rank = int(character) if character.isdigit() else ord(character) - ord("A")
        total += _ODD[rank] if place % 2 else rank
    return chr(ord("A") + total % 26)
