"""Is the certified subject the one that was sent? Providers fold, compose and break letters; they change no word."""

import re
import unicodedata

from pec_tracker.pec import letters
from pec_tracker.pec.fields import decoded_text


def same_subject(certified: str, sent: str) -> bool:
    """Whether the provider's `certified` subject is the `sent` one. Case counts; tolerated is only that in `certified`

    - blanks and folding differ: any run of white space is one blank, none at the ends;
    - Unicode is composed otherwise (compared in NFC), or control characters are left out (XML 1.0 2.2 has none);
    - encoded words were left undecoded (RFC 2047);
    - letters outside ASCII were broken into U+FFFD (seen: Aruba 2026). Then those are compared by their place only;
      but a U+FFFD that we sent stands for itself.
    """
    ours = _plain_text(sent)
    for theirs in (_plain_text(certified), _plain_text(decoded_text(certified.encode("utf-8", "replace")))):
        if theirs == ours or ("\ufffd" in theirs and _same_but_broken(theirs, ours)):
            return True
    return False


def _plain_text(text: str) -> str:
    printable = text
    if not text.isprintable():
        printable = "".join(letter for letter in text if letter.isspace() or unicodedata.category(letter) != "Cc")
    return letters.normal("NFC", " ".join(printable.split()))


_BEYOND_ASCII = re.compile("([^\x00-\x7f]+)")


def _same_but_broken(theirs: str, ours: str) -> bool:
    """Whether the texts are equal but for runs beyond ASCII that were broken on the way."""
    left, right = _BEYOND_ASCII.split(theirs), _BEYOND_ASCII.split(ours)
    return len(left) == len(right) and all(
        a == b or ("\ufffd" in a and "\ufffd" not in b and bool(b) and not b.isascii())
        for a, b in zip(left, right, strict=True)
    )
