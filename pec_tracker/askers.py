"""Who asks, what may he, and on which mailboxes? Every verb takes an `Asker` first (`service/verbs.py`).

What somebody may not see does not exist for him: it is *not found*, and is in no list and no count.
"""

import getpass
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pec_tracker.errors import ForbiddenError, NotFoundError


class Act(StrEnum):
    """What a verb does, as rights name it."""

    READ = "read"  # see messages, receipts, states, alerts
    PROVE = "prove"  # make a package of one message
    SEND = "send"  # write and send, acknowledge alerts
    DECIDE = "decide"  # settle, resend or give up what waits
    TAKE_IN = "take-in"  # collect from the server, import files
    KEEP = "keep"  # exports, repairs, what becomes of kept mail
    TRUST = "trust"  # whom we trust
    ADMINISTER = "administer"  # mailboxes, logins
    AUDIT = "audit"  # checks, seals, dates: the ledger without contents


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: *key* stands in ledger lines and names nobody, *name* is for people.

    *mailboxes* are row ids; None is every mailbox, also one that is yet to come.
    """

    key: str
    name: str
    may: frozenset[Act]
    mailboxes: frozenset[int] | None = None

    def sees(self, mailbox_id: int | None) -> bool:
        """Whether the mailbox exists for him; what belongs to none is seen by who sees all."""
        return self.mailboxes is None or mailbox_id in self.mailboxes

    def require(self, act: Act, *, of_all: bool = False) -> None:
        """Raises ForbiddenError for what he may not do; *of_all*: to the whole house."""
        if act not in self.may or (of_all and self.mailboxes is not None):
            raise ForbiddenError("{name} may not do this ({act}); ask an administrator", name=self.name, act=act.value)

    def require_mailbox(self, mailbox_id: int, name: str) -> None:
        """Raises NotFoundError for a mailbox that does not exist for him."""
        if not self.sees(mailbox_id):
            raise NotFoundError("there is no mailbox {name}", name=name)


# Who sits at the command line is who may read the files: nobody is asked for a password there.
OPERATOR: Final = Asker("operator", "operator", frozenset(Act))
DAEMON: Final = Asker("daemon", "daemon", frozenset(Act))


def signature(asker: Asker) -> str:
    """Who decides, for a record: at the command line the user logged in, where the system knows one (a container may
    not)."""
    if asker is not OPERATOR:
        return asker.name
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def gateway(mailbox_id: int) -> Asker:
    """A program that hands messages over: it may send, from its mailbox alone."""
    return Asker("gateway", "gateway", frozenset({Act.SEND}), frozenset({mailbox_id}))
