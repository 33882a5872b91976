"""What does a check make of a campaign? Each row's letter, whole; and everything that speaks against sending it.

A checked campaign is known by its id, a digest of all of it: what was checked by that id is what is sent.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final, Self

from pec_tracker.campaign_tokens import Channel

CHECK_ID: Final = 10  # letters of an id: enough for whoever types one


class Weight(StrEnum):
    """What follows from a fault."""

    STOPS = "stops"  # the campaign cannot be started
    SKIPS = "skips"  # the row is left out
    ADVISES = "advises"


class Fault(StrEnum):
    """What can be wrong, in the order in which it is told: the list, its addresses, documents, texts, letters."""

    SAME_KEY = "same-key"
    BAD_CHANNEL = "bad-channel"
    NO_CHANNEL = "no-channel"
    NO_POSTAL_ADDRESS = "no-postal-address"
    NO_ADDRESS = "no-address"
    BAD_ADDRESS = "bad-address"
    UNKNOWN_ADDRESS = "unknown-address"
    SAME_ADDRESS = "same-address"
    NO_FILE = "no-file"
    SEVERAL_FILES = "several-files"
    FILE_OF_TWO = "file-of-two"
    FILE_OF_NOBODY = "file-of-nobody"
    FILE_UNREADABLE = "file-unreadable"
    DOCUMENT_TWICE = "document-twice"
    NAMES_ANOTHER = "names-another"
    NOT_LOOKED_INTO = "not-looked-into"
    EMPTY_VALUE = "empty-value"
    BAD_VALUE = "bad-value"
    RULE = "rule"
    NO_ROWS = "no-rows"
    NO_SPACE = "no-space"
    NO_AGREEMENT = "no-agreement"


CLASSES: Final[Mapping[str, tuple[Fault, ...]]] = {
    "list": (Fault.SAME_KEY, Fault.NO_ROWS, Fault.BAD_CHANNEL, Fault.NO_CHANNEL),
    "addresses": (
        Fault.NO_ADDRESS, Fault.BAD_ADDRESS, Fault.UNKNOWN_ADDRESS, Fault.NO_POSTAL_ADDRESS, Fault.SAME_ADDRESS,
    ),
    "documents": (
        Fault.NO_FILE, Fault.SEVERAL_FILES, Fault.FILE_OF_TWO, Fault.FILE_OF_NOBODY, Fault.FILE_UNREADABLE,
        Fault.DOCUMENT_TWICE, Fault.NAMES_ANOTHER, Fault.NOT_LOOKED_INTO,
    ),
    "texts": (Fault.EMPTY_VALUE, Fault.BAD_VALUE),
    "letters": (Fault.RULE, Fault.NO_SPACE, Fault.NO_AGREEMENT),
}  # fmt: skip

WEIGHTS: Final[Mapping[Fault, Weight]] = {
    Fault.NO_ADDRESS: Weight.SKIPS,
    Fault.BAD_ADDRESS: Weight.SKIPS,
    Fault.UNKNOWN_ADDRESS: Weight.SKIPS,
    Fault.NO_POSTAL_ADDRESS: Weight.SKIPS,
    Fault.SAME_ADDRESS: Weight.ADVISES,
    Fault.NOT_LOOKED_INTO: Weight.ADVISES,
}

# What may be wanted all the same; whoever accepts it says so, and the record keeps it.
ACCEPTABLE: Final = frozenset(
    {
        Fault.FILE_OF_NOBODY, Fault.FILE_OF_TWO, Fault.DOCUMENT_TWICE, Fault.NAMES_ANOTHER, Fault.EMPTY_VALUE,
        Fault.UNKNOWN_ADDRESS,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: with which row (its number in the list; None: with the whole), what it says there."""

    fault: Fault
    weight: Weight
    row: int | None = None
    name: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class File:
    """A document: where it is, what the recipient sees it called, and the bytes that were checked."""

    path: str
    name: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Letter:
    """One row as it was checked. `skipped`: the fault that left it out; `with_row`: the row (key) whose letter names it
    too. `postal`: the lines of its postal address."""

    key: str
    number: int
    name: str
    unit: str
    address: str
    channel: Channel | None
    subject: str = ""
    text: str = ""
    files: tuple[File, ...] = ()
    tax_code: str = ""
    postal: tuple[str, ...] = ()
    skipped: Fault | None = None
    with_row: str | None = None

    @property
    def sends(self) -> bool:
        """Whether it is a letter of its own that we send."""
        return self.skipped is None and self.with_row is None

    def as_json(self) -> dict[str, Any]:
        """As the database and the record keep it: without what is empty."""
        return {name: value for name, value in asdict(self).items() if value not in ("", None, ())}

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> Self:
        """What `as_json` gave."""
        facts = dict(kept)
        facts.setdefault("unit", "")
        facts.setdefault("address", "")
        facts.setdefault("name", "")
        channel, skipped = facts.get("channel"), facts.get("skipped")
        facts["channel"] = None if channel is None else Channel(channel)
        facts["skipped"] = None if skipped is None else Fault(skipped)
        facts["files"] = tuple(File(**one) for one in facts.get("files", ()))
        facts["postal"] = tuple(facts.get("postal", ()))
        return cls(**facts)

    @property
    def content_digest(self) -> str:
        """By it two letters say the same to the same: where it goes, and every byte of it."""
        facts = [self.channel, self.address, self.subject, self.text, [[one.name, one.sha256] for one in self.files]]
        return hashlib.sha256(_canonical([*facts, list(self.postal)])).hexdigest()


@dataclass(frozen=True, slots=True)
class Checked:
    """A campaign's letters as they were checked, with what all have in common."""

    letters: tuple[Letter, ...]
    shared: tuple[File, ...]
    receipt_form: str
    case: str | None
    mailbox: str  # its ledger key
    accepted: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Known by this: a digest of all of it, short enough to be typed."""
        digest = hashlib.sha256(_canonical(self.as_json())).digest()
        return base64.b32encode(digest).decode("ascii").lower()[:CHECK_ID]

    def as_json(self) -> dict[str, Any]:
        """As the database and the record keep it."""
        return {
            "letters": [one.as_json() for one in self.letters],
            "shared": [asdict(one) for one in self.shared],
            "receipt_form": self.receipt_form,
            "case": self.case,
            "mailbox": self.mailbox,
            "accepted": list(self.accepted),
        }

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> Self:
        """What `as_json` gave."""
        return cls(
            tuple(Letter.of_json(one) for one in kept["letters"]),
            tuple(File(**one) for one in kept["shared"]),
            kept["receipt_form"],
            kept["case"],
            kept["mailbox"],
            tuple(kept.get("accepted", ())),
        )

    def sent(self, channel: Channel) -> Iterator[Letter]:
        """The letters that go by this way."""
        return (one for one in self.letters if one.sends and one.channel is channel)


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
