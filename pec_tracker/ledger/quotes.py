"""How does a PEC quote a seal? By a subject that stays as it is: `pec-tracker sigillo 00000042 <SHA-256>`."""

import re
from dataclasses import dataclass
from typing import Final

PREFIX: Final = "pec-tracker sigillo "
_SUBJECT: Final = re.compile(PREFIX + "([0-9]{8,12}) ([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Quote:
    """A seal as a subject quotes it: its number, the SHA-256 of its file."""

    number: int
    sha256: str

    @property
    def subject(self) -> str:
        """The subject that quotes it."""
        return f"{PREFIX}{self.number:08} {self.sha256}"


def quoted(subject: str | None) -> Quote | None:
    """The seal that a subject quotes, its blanks folded; None where it is another subject."""
    match = _SUBJECT.fullmatch(" ".join((subject or "").split()))
    return Quote(int(match[1]), match[2]) if match else None
