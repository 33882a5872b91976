"""Which pages of a printout belong to whom? Management programs print one PDF for all owners; each must get its own.

The wrong document to the wrong owner is the worst accident of all, so nothing is guessed: what does not fit is said,
with its pages, and then nothing is cut.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from pec_tracker.errors import UsageError


class Mark(StrEnum):
    """What on a page says whose it is."""

    LABEL = "label"  # a word, and the value after it: "Interno 3"
    PATTERN = "pattern"  # a regular expression with a group, or two: staircase and unit
    TAX_CODE = "tax-code"
    BOOKMARK = "bookmark"


class Fault(StrEnum):
    """Why a printout is not cut."""

    NO_TEXT = "no-text"  # not one page holds text: a scan
    NO_OWNER = "page-without-owner"
    SEVERAL_OWNERS = "page-of-several-owners"
    APART = "owner-in-several-places"  # his pages do not follow each other
    NOT_LISTED = "owner-not-in-the-list"
    NO_PAGE = "owner-without-page"
    ALIKE = "owners-look-alike"  # 3 and 03, 1A and 1 a
    OTHERS = "names-another-owner"  # his pages bear the tax code or the name of another


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault: whose pages it is about ("" for none), which pages (from 1), and who else is in it."""

    fault: Fault
    owner: str = ""
    pages: tuple[int, ...] = ()
    other: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """The pages (from 1) of one owner, in the order of the printout."""

    owner: str
    pages: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Cut:
    """How a printout falls apart; `parts` are to be cut only where `findings` is empty."""

    parts: tuple[Part, ...]
    findings: tuple[Finding, ...] = field(default=())


# A natural person's tax code (DM 23 Dec 1976), with the letters that stand for digits where two would be the same.
_TAX_CODE: Final = r"\b([A-Z]{6}[0-9LMNPQRSTUV]{2}[A-EHLMPRST][0-9LMNPQRSTUV]{2}[A-Z][0-9LMNPQRSTUV]{3}[A-Z])\b"
_LEAST: Final = 4  # letters and digits of a mark; a shorter one is in many words
# After a label: "Interno 3", "Int. 12/A", "INTERNO N. 4 bis", "interno 3 B". A letter that stands apart counts where it
# is a capital: to take "3 A" and "3 B" for one would give each the other's pages.
_VALUE: Final = (
    r"[\s.:]*(?:n(?:[.°º]|um(?:ero|\.)?)?\s*)?"
    r"(\d+(?:\s?/\s?[A-Za-z0-9]+|[A-Za-z]|\s?(?:bis|ter|quater)|[ \t](?-i:[A-Z]))?)(?!\w)"
)


def marked(texts: Sequence[str], mark: Mark, what: str = "") -> list[tuple[str, ...]]:
    """The owners that each page names, without repetition; *what* is the label or the pattern.

    UsageError where the pattern is none, or has not one group or two: of two, the staircase comes first.
    """
    pattern = pattern_of(mark, what)
    named = ([" ".join(found.groups("")) for found in pattern.finditer(text)] for text in texts)
    return [tuple(dict.fromkeys(map(tidy, owners))) for owners in named]


def begun(starts: Sequence[tuple[str, int]], pages: int) -> list[tuple[str, ...]]:
    """The owner of each of *pages*, where bookmarks (title, page from 0) say on which page each begins."""
    owners: list[tuple[str, ...]] = [()] * pages
    for (title, first), following in zip(starts, [*(page for _, page in starts[1:]), pages], strict=True):
        for page in range(first, max(following, first + 1)):
            owners[page] = (*owners[page], tidy(title))
    return owners


def tidy(owner: str) -> str:
    """An owner as he is compared and shown: spaces as one, none at the ends."""
    return " ".join(owner.split())


def divide(
    owners: Sequence[tuple[str, ...]],
    *,
    listed: Mapping[str, Collection[str]] | None = None,
    continued: bool = False,
    gathered: bool = False,
) -> Cut:
    """The pages of each owner, from the *owners* that each page names.

    *listed* are all owners that there should be, each with his tax codes and names. With *continued* a page that names
    nobody belongs to the owner before it; with *gathered* an owner's pages may lie apart.
    """
    pages: dict[str, list[int]] = defaultdict(list)
    findings: list[Finding] = []
    nobody: list[int] = []
    before = ""
    for number, named in enumerate(owners, 1):
        if len(named) > 1:
            findings.append(Finding(Fault.SEVERAL_OWNERS, named[0], (number,), ", ".join(named[1:])))
        owner = named[0] if named else before if continued else ""
        if owner:
            pages[owner].append(number)
        else:
            nobody.append(number)
        before = owner
    if nobody:
        findings.append(Finding(Fault.NO_OWNER, pages=tuple(nobody)))
    findings.extend(_alike(pages))
    if not gathered:
        findings.extend(Finding(Fault.APART, owner, tuple(at)) for owner, at in pages.items() if _apart(at))
    if listed is not None:
        expected = {tidy(owner) for owner in listed}
        findings.extend(
            Finding(Fault.NOT_LISTED, owner, tuple(at), _like(owner, expected))
            for owner, at in pages.items()
            if owner not in expected
        )
        findings.extend(Finding(Fault.NO_PAGE, owner) for owner in sorted(expected - set(pages)))
    return Cut(tuple(Part(owner, tuple(at)) for owner, at in pages.items()), tuple(findings))


def of_others(cut: Cut, texts: Sequence[str], listed: Mapping[str, Collection[str]]) -> list[Finding]:
    """Where an owner's pages bear a tax code or a name of another that is none of his: his own are no fault.

    *listed* are the owners, each with his tax codes and names; a name counts in either order of its words.
    """
    of: dict[str, set[str]] = defaultdict(set)
    for owner, marks in listed.items():
        for mark in marks:
            for words in {tuple(_words(mark)), tuple(reversed(_words(mark)))}:
                if len("".join(words)) >= _LEAST:
                    of[" ".join(words)].add(tidy(owner))
    longest = max((len(mark.split()) for mark in of), default=0)
    findings: list[Finding] = []
    for part in cut.parts:
        others: dict[str, list[int]] = defaultdict(list)
        for page in part.pages:
            for run in dict.fromkeys(_runs(_words(texts[page - 1]), longest)):
                if part.owner not in of.get(run, {part.owner}):
                    for other in of[run]:
                        others[other].append(page)
        findings.extend(
            Finding(Fault.OTHERS, part.owner, tuple(dict.fromkeys(at)), other) for other, at in sorted(others.items())
        )
    return findings


def pattern_of(mark: Mark, what: str) -> re.Pattern[str]:
    """What finds whose a page is in its text; UsageError as `marked` raises it."""
    if mark is Mark.TAX_CODE:
        return re.compile(_TAX_CODE)
    if mark is Mark.LABEL:
        return re.compile(rf"\b{re.escape(tidy(what))}{_VALUE}".replace(r"\ ", r"\s+"), re.IGNORECASE)
    try:
        pattern = re.compile(what, re.MULTILINE)
    except re.error as error:
        raise UsageError("{pattern!r} is no regular expression: {reason}", pattern=what, reason=str(error)) from error
    if pattern.groups not in (1, 2):
        raise UsageError(
            "{pattern!r} needs one group in parentheses, which finds whose page it is; or two, the staircase first",
            pattern=what,
        )
    return pattern


def _apart(pages: Sequence[int]) -> bool:
    return pages[-1] - pages[0] + 1 != len(pages)


def _alike(owners: Collection[str]) -> Iterator[Finding]:
    """Two owners that a reader takes for one."""
    seen: dict[str, str] = {}
    for owner in owners:
        first = seen.setdefault(_looks(owner), owner)
        if first != owner:
            yield Finding(Fault.ALIKE, owner, other=first)


def _like(owner: str, others: Collection[str]) -> str:
    return next((other for other in others if _looks(other) == _looks(owner)), "")


def _looks(owner: str) -> str:
    """An owner as a reader in a hurry sees him: no case, spaces or marks, no leading noughts, O as nought."""
    return re.sub(r"(?<![0-9])0+(?=[0-9])", "", re.sub(r"[^0-9a-z]", "", owner.casefold().replace("o", "0")))


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text.casefold())
    return re.findall(r"[^\W_]+", "".join(letter for letter in plain if not unicodedata.combining(letter)))


def _runs(words: Sequence[str], longest: int) -> Iterator[str]:
    """Every run of up to *longest* words that follow each other."""
    for first in range(len(words)):
        for last in range(first + 1, min(first + longest, len(words)) + 1):
            yield " ".join(words[first:last])
