"""How does a command go through several mailboxes? One that fails is told of, and the others go on."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pec_tracker.errors import Exit, PecTrackerError, StorageError, UsageError

if TYPE_CHECKING:
    from pec_tracker.app import App
    from pec_tracker.service.house import Account


def chosen(app: "App", names: Sequence[str]) -> "list[Account]":
    """The accounts called *names*, each once; all of them without names. UsageError, ConfigurationError."""
    if not names and not app.config.mailboxes:
        raise UsageError("no mailbox is configured; add one with: pec-tracker mailbox add")
    if not names:
        return app.accounts()
    return list({account.id: account for account in map(app.account, names)}.values())


def each(
    accounts: "Sequence[Account]",
    act: "Callable[[Account], Exit]",
    failed: "Callable[[Account, PecTrackerError], None]",
) -> Exit:
    """Do *act* with each account, *failed* where it raised; the worst status. StorageError ends it: all share that."""
    status = Exit.DONE
    for account in accounts:
        try:
            status = max(status, act(account))
        except StorageError:
            raise
        except PecTrackerError as error:
            failed(account, error)
            status = max(status, error.status)
    return status
