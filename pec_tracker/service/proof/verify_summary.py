"""Does a summary say what its package gives? Its attached mails and facts, and the words on its pages; without typst.

The words are those that a PDF reader finds; shapes and drawings (the journey's line, the code) are not compared. Where
the same typst is at hand, comparing the bytes says more.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Literal

from pec_tracker.render import pdf
from pec_tracker.render.pdf_file import NotReadError
from pec_tracker.render.pdf_text import pages

Words = Literal["same", "differ", "not-compared"]

# Blanks are where lines happen to break; the zero-width one is where they may.
_BLANK: Final = "\u200b"
# What a file damaged on purpose may raise beside NotReadError, all of it meaning that it cannot be read.
_BROKEN: Final = (NotReadError, ValueError, IndexError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`attachments_ok`: just the package's mails are attached. `facts_ok`: the attached facts are those expected; None
    where none are attached, as in packages of releases before they were. `words`: the text on the pages, `differ` too
    where there is a PDF of another form than summaries have; `not-compared` where it cannot be read."""

    attachments_ok: bool
    facts_ok: bool | None
    words: Words

    @property
    def sound(self) -> bool:
        """Everything was compared and is the same."""
        return self.attachments_ok and self.facts_ok is True and self.words == "same"


def compare(summary: bytes, expected_facts: Mapping[str, Any], mails: Iterable[bytes]) -> Comparison:
    """Hold the bytes of a summary against the facts that the report gives (`proof.members.summary_facts`) and the
    package's mails. Never raises, whatever the bytes are."""
    carried = pdf.attached_facts(summary)
    return Comparison(
        attachments_ok=sorted(map(_digest, pdf.attachments(summary))) == sorted(map(_digest, mails)),
        facts_ok=carried == [pdf.encoded(expected_facts)] if carried else None,
        words=_words(summary, expected_facts) if carried else "not-compared",
    )


def _words(summary: bytes, expected_facts: Mapping[str, Any]) -> Words:
    try:
        shown = [_bare(page) for page in pages(summary)]
    except _BROKEN:
        return "not-compared"
    wanted = _bare("".join(pdf.printed(expected_facts)))
    heads = [_bare(head) for head in pdf.heads(expected_facts)]
    return "same" if _follows("".join(wanted), shown, heads) else "differ"


def _follows(wanted: str, shown: list[str], heads: list[str]) -> bool:
    """Whether the pages say one after the other what is wanted. Each page ends with its number, and one on which a
    table goes on begins with the table's head."""
    at = 0
    for number, page in enumerate(shown, 1):
        foot = f"{number}/{len(shown)}"
        if not page.endswith(foot):
            return False
        body = page.removesuffix(foot)
        begun = [body, *(body.removeprefix(head) for head in heads if number > 1 and body.startswith(head))]
        fitting = next((one for one in begun if wanted.startswith(one, at)), None)
        if fitting is None:
            return False
        at += len(fitting)
    return at == len(wanted)


def _digest(mail: bytes) -> bytes:
    return sha256(mail).digest()


def _bare(text: str) -> str:
    return "".join(_letters(text))


def _letters(text: str) -> Iterator[str]:
    return (letter for letter in text if not letter.isspace() and letter not in _BLANK)
