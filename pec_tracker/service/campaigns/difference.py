"""What does a corrected list change? What is proven stays, changed and new rows go, nothing goes twice.

A row is the same by its key. One whose key changed (a name corrected, a tax code added) is known by its unit or
address.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from pec_tracker.campaign_tokens import RowState
from pec_tracker.pec.evidence import address_key
from pec_tracker.service.campaigns.checked import Letter
from pec_tracker.service.contacts.book import words_key


class Standing(StrEnum):
    """What became of a row's letter."""

    NONE = "none"  # it has none, or none that left or may leave
    OPEN = "open"  # it is on its way, or nobody knows yet
    DELIVERED = "delivered"
    FAILED = "failed"  # proven, or refused, or given up: it did not arrive


class Change(StrEnum):
    """What a new list means for a row."""

    NEW = "new"
    SAME = "same"
    CORRECTED = "corrected"  # nothing of it has left: the new letter takes the place of the old one
    AGAIN = "again"  # it did not arrive as it was: the new letter is sent
    KEPT = "kept"  # it was delivered as it was: the new letter is not sent
    OPEN = "open"  # its outcome is not known: the new letter is not sent
    LEFT_OUT = "left-out"  # it did not arrive, and the new list leaves it out: nothing is sent
    GONE = "gone"  # the list has it no more, and nothing of it has left
    SENT_AND_GONE = "sent-and-gone"  # the list has it no more; what was sent stays sent


@dataclass(frozen=True, slots=True)
class RowNow:
    """A row of the list that was started, and what became of its letter."""

    letter: Letter
    state: RowState
    standing: Standing


@dataclass(frozen=True, slots=True)
class RowChange:
    """What becomes of a row: `letter` has the key of the row that it is; `before` what stood there."""

    change: Change
    letter: Letter
    before: Letter | None = None


def difference(now: Sequence[RowNow], new: Sequence[Letter]) -> list[RowChange]:
    """What the *new* letters change, in their order; then what the new list has no more."""
    known = {one.letter.key: one for one in now}
    matched: dict[str, RowNow] = {letter.key: known[letter.key] for letter in new if letter.key in known}
    left = [one for one in now if one.letter.key not in matched]
    for same in (_tax_code, _unit_and_address, _unit_and_name, _address_and_name, _address):
        left = _match(same, [one for one in new if one.key not in matched], left, matched)
    renamed = {letter.key: one.letter.key for letter in new if (one := matched.get(letter.key)) is not None}
    changes = []
    for letter in new:
        one = matched.get(letter.key)
        as_known = replace(
            letter,
            key=renamed.get(letter.key, letter.key),
            with_row=None if letter.with_row is None else renamed.get(letter.with_row, letter.with_row),
        )
        before = None if one is None else one.letter
        changes.append(RowChange(Change.NEW if one is None else _change(one, as_known), as_known, before))
    for one in left:
        gone = Change.GONE if one.standing is Standing.NONE else Change.SENT_AND_GONE
        changes.append(RowChange(gone, one.letter, one.letter))
    return changes


def _change(one: RowNow, letter: Letter) -> Change:
    same = one.letter.content_digest == letter.content_digest and one.letter.sends == letter.sends
    if same and one.state is not RowState.STOPPED and one.state is not RowState.GONE:
        return Change.SAME
    match one.standing:
        case Standing.NONE:
            return Change.CORRECTED
        case Standing.DELIVERED:
            return Change.KEPT
        case Standing.FAILED:
            return Change.AGAIN if letter.sends else Change.LEFT_OUT
        case Standing.OPEN:
            return Change.OPEN


# What of a new list is sent.
SENT: Final = frozenset({Change.NEW, Change.CORRECTED, Change.AGAIN})

_Trait = Callable[[Letter], object]


def _match(same: _Trait, new: Sequence[Letter], left: Sequence[RowNow], matched: dict[str, RowNow]) -> list[RowNow]:
    """Pair what has one trait in common where it is one on either side; what of *left* has no pair."""
    olds: Mapping[object, list[RowNow]] = _by(same, left, lambda one: one.letter)
    news: Mapping[object, list[Letter]] = _by(same, new, lambda one: one)
    paired = set()
    for trait, letters in news.items():
        if len(letters) == 1 and len(olds.get(trait, ())) == 1:
            matched[letters[0].key] = olds[trait][0]
            paired.add(olds[trait][0].letter.key)
    return [one for one in left if one.letter.key not in paired]


def _by(same: _Trait, items: Sequence[object], letter_of: Callable[..., Letter]) -> dict[object, list]:  # type: ignore[type-arg]
    found: dict[object, list[object]] = defaultdict(list)
    for one in items:
        trait = same(letter_of(one))
        if trait is not None:
            found[trait].append(one)
    return found


def _tax_code(letter: Letter) -> object:
    return (letter.unit, letter.tax_code) if letter.tax_code else None


def _unit_and_address(letter: Letter) -> object:
    return (letter.unit, address_key(letter.address)) if letter.unit and letter.address else None


def _unit_and_name(letter: Letter) -> object:
    return (letter.unit, words_key(letter.name)) if letter.unit else None


def _address_and_name(letter: Letter) -> object:
    return (address_key(letter.address), words_key(letter.name)) if letter.address else None


def _address(letter: Letter) -> object:
    return address_key(letter.address) if letter.address and letter.sends else None
