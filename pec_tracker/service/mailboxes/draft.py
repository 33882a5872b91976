"""What is still to be asked before a mailbox can be added, and is an answer right? Told before the next question.

A password that is typed in is kept in the system's keyring, or in a file of the user's own; the configuration names it.
"""

import re
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pec_tracker import config_source, secret
from pec_tracker.secret import SecretSource
from pec_tracker.service.mailboxes.add import NAME_COLUMN, NewMailbox, settings_of, text_with

ADDRESS: Final = "address"
PROVIDER: Final = "provider"
PASSWORD: Final = "password"  # no column: the password itself, or nothing where a variable holds it
VARIABLE: Final = "password_env"
_SECRETS: Final = tuple(f"password_{source.value}" for source in SecretSource)

# For what is not known yet, so that the rest can be held to the rules of the whole.
_ANYTHING: Final = {ADDRESS: "nobody@pec.invalid", "login": "x", "smtp_host": "x", "imap_host": "x"}

_SOMEWHERE: Final = "X"  # a variable whose content nobody asks for

SERVICE: Final = "pec-tracker"  # of its entries in a keyring

ORDER: Final = (NAME_COLUMN, ADDRESS, PROVIDER)
# Who comes from a webmail knows the address; it suggests the rest.
ADDRESS_FIRST: Final = (ADDRESS, PROVIDER, NAME_COLUMN)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the configuration asks of a mailbox: by provider which cells it needs beside the address; `validate`, which
    raises ConfigurationError for what is none; and which provider an address tells by its domain, if any."""

    needs: Mapping[str, tuple[str, ...]]
    validate: Callable[[config_source.Source], object]
    serving: Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Draft:
    """A mailbox that is being put together: `cells` by column of `mailboxes.add`; `password` is in no column."""

    cells: Mapping[str, str | None]
    password: str | None = None

    @property
    def name(self) -> str:
        """What it is to be called; empty where nobody has said it."""
        return self.cells.get(NAME_COLUMN) or ""

    @property
    def mailbox(self) -> NewMailbox:
        """As it stands."""
        return NewMailbox(self.name, settings_of(self.cells))

    def answered(self, column: str, text: str) -> "Draft":
        """With one answer more. The password may be empty: then a variable holds it."""
        if column == PASSWORD:
            return replace(self, password=text)
        return replace(self, cells={**self.cells, column: text})

    def missing(self, rules: Rules, *, order: Sequence[str] = ORDER) -> str | None:
        """What is to be asked next, of what every mailbox needs in this *order*; None where nothing is missing."""
        for column in (*order, *rules.needs.get(self.cells.get(PROVIDER) or "", ())):
            if not self.cells.get(column):
                return column
        if self.password or any(self.cells.get(column) for column in _SECRETS):
            return None
        return PASSWORD if self.password is None else VARIABLE

    def suggestion(self, column: str, rules: Rules, *, taken: Container[str] = ()) -> str | None:
        """What the answer may well be; no name that is *taken*."""
        address = self.cells.get(ADDRESS) or ""
        match column:
            case "password_env":
                return f"PEC_{re.sub(r'[^A-Z0-9]', '_', self.name.upper())}_PASSWORD"
            case "provider":
                return rules.serving(address)
            case "mailbox":
                return _free_name(address.partition("@")[0].lower(), taken)
        return None

    def check(self, file: Path, rules: Rules) -> None:
        """Raises UsageError, ConfigurationError where it does not fit the configuration of *file* as far as it goes."""
        provider = self.cells.get(PROVIDER) or next(iter(rules.needs))
        anything = {PROVIDER: provider, ADDRESS: _ANYTHING[ADDRESS]}
        anything |= {column: _ANYTHING[column] for column in rules.needs.get(provider, ())}
        given = {column: text for column, text in self.cells.items() if text}
        if not any(column in given for column in _SECRETS):
            anything[VARIABLE] = _SOMEWHERE
        whole = replace(self, cells={NAME_COLUMN: "x", **anything, **given})
        text_with(file, [whole.mailbox], rules.validate)

    def as_if(self) -> "Draft":
        """The same with a password in some variable where it is typed and not kept yet: what can be tried out."""
        return replace(self, cells={**self.cells, VARIABLE: _SOMEWHERE}) if self.password else self

    def with_password_kept(self, file: Path) -> "Draft":
        """The same, the password kept where only the user reads it. UsageError where it can't be."""
        if not self.password:
            return self
        ref = secret.keep(self.password, entry=f"{SERVICE}/{self.name}", file=file.parent / f"{self.name}.password")
        return Draft({**self.cells, f"password_{ref.source.value}": ref.name})


def _free_name(wish: str, taken: Container[str]) -> str | None:
    """A mailbox's name made of *wish*, and of a number where that is taken; None where nothing of it can be used."""
    name = re.sub(r"[^a-z0-9_-]+", "-", wish).strip("-_")[:50]
    names = (name, *(f"{name}-{number}" for number in range(2, 1000)))
    return next((one for one in names if one not in taken), None) if name else None
