"""Which words does a text hold, case and accents apart? The same answer for what is kept and for what is asked."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain, islice

from pec_tracker.pec import letters

MAX_WORDS = 20_000  # of one mail; beyond, a text is no longer something that a person looks for
MAX_WORD = 100
MAX_FOLDED = 20_000  # letters at once: one may decompose into 18 (U+FDFA), and a subject may be of a megabyte
MAX_BEYOND_ASCII = 1_000_000  # letters of one mail
MAX_LETTERS = 200_000  # of all words together: a tsvector holds 1 MB (PostgreSQL 12.11)

_WORD = re.compile(r"[\w@.+\-]+")
_INNER = re.compile(r"[^\W_]+")
_EDGE = "@.-_+"
# ASCII that is no part of a word becomes a blank; what lies beyond ASCII is looked at word by word.
_SEPARATED = bytes(code if code > 127 or chr(code).isalnum() or chr(code) in _EDGE else 0x20 for code in range(256))


def fold(words: str) -> str:
    """*words* without case and accents: `Però` and `PERO` become `pero`.

    Beyond ASCII, of the first MAX_FOLDED letters.
    """
    if words.isascii():
        return words.lower()
    decomposed = letters.normal("NFKD", words[:MAX_FOLDED])
    return "".join(character for character in decomposed if not unicodedata.combining(character)).casefold()


def cut(texts: Iterable[str | None]) -> list[str]:
    """The distinct folded words of *texts*; an address counts whole and by its parts."""
    words: dict[str, None] = {}
    left = MAX_BEYOND_ASCII
    # Long texts repeat their words: each distinct one is folded and cut once.
    for written in dict.fromkeys(chain.from_iterable(_written(part) for part in texts if part)):
        if written.isascii():
            words.update(_tokens(written) if len(written) <= MAX_WORD else _cut(written.lower().decode("ascii")))
        else:
            # Scripts without blanks between words make long runs: each is folded a piece at a time.
            text = written.decode("utf-8")[:left]
            left -= len(text)
            for at in range(0, len(text), MAX_FOLDED):
                for folded in _WORD.findall(fold(text[at : at + MAX_FOLDED])):
                    words.update(_cut(folded))
                if len(words) >= MAX_WORDS:
                    break
        if len(words) >= MAX_WORDS:
            break
    return list(_within_letters(islice(words, MAX_WORDS)))


def _written(part: str) -> list[bytes]:
    """The words as they stand, in UTF-8: bytes are translated ten times as fast as letters."""
    return part.encode("utf-8", "replace").translate(_SEPARATED).split()


def _cut(whole: str) -> dict[str, None]:
    """A folded word, and its parts where it has some."""
    token = whole.strip(_EDGE)
    if not token:
        return {}
    if token.isalnum():
        return {token[:MAX_WORD]: None}
    return dict.fromkeys((token[:MAX_WORD], *(inner[:MAX_WORD] for inner in _INNER.findall(token))))


@lru_cache(maxsize=4096)
def _tokens(written: bytes) -> dict[str, None]:
    """`_cut` of a word in ASCII: receipts repeat the words of their form, and the addresses of their message."""
    return _cut(written.lower().decode("ascii"))


def _within_letters(words: Iterable[str]) -> Iterator[str]:
    letters = 0
    for word in words:
        letters += len(word)
        if letters > MAX_LETTERS:
            return
        yield word
