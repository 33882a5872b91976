"""The errors that a person reads: each says what happened, where, and what to do."""

from enum import IntEnum


class Exit(IntEnum):
    """Exit statuses of every command: scripts rely on them."""

    DONE = 0
    FINDING = 1
    USAGE = 2
    SERVER = 3
    INTERNAL = 4
    INTERRUPTED = 130


class PecTrackerError(Exception):
    """Base of every error that the product raises on purpose; `status` is the command's exit status.

    `template` is the English text with `{names}`, which is also its key in the translations; `params` fills them.
    """

    status: Exit = Exit.INTERNAL

    def __init__(self, template: str, **params: object) -> None:
        self.template = template
        self.params = params
        super().__init__(template.format(**params))


class UsageError(PecTrackerError):
    """The command or its arguments ask for something that cannot be."""

    status = Exit.USAGE


class ConfigurationError(PecTrackerError):
    """The configuration file, a key in it, or a secret that it names is missing or wrong."""

    status = Exit.USAGE


class ServerError(PecTrackerError):
    """A mail server cannot be reached, or does not speak as its protocol says."""

    status = Exit.SERVER


class LoginRefusedError(ServerError):
    """The server refused user name or password: not tried again by itself, providers lock accounts."""


class TlsError(ServerError):
    """The server's certificate does not hold, or the server offers no encryption."""


class StorageError(PecTrackerError):
    """The disk or the database refused a write, or gave back other bytes than were written."""


class DiskFullError(StorageError):
    """No space is left where the archive or the database lives."""


class ObjectMissingError(StorageError):
    """An object that the archive should hold is not there."""


class ObjectDamagedError(StorageError):
    """An object's bytes no longer match its name (their SHA-256)."""


class LedgerError(PecTrackerError):
    """A ledger line, segment or seal is not as it was written."""


class ApartError(LedgerError):
    """Archive and database do not belong together as they are now: nothing is written until they do."""


class RuleError(PecTrackerError):
    """A message breaks a rule of PEC, so it was not queued; nothing left."""

    status = Exit.FINDING


class NotFoundError(PecTrackerError):
    """Nothing in the archive answers to what was asked for."""

    status = Exit.FINDING


class ForbiddenError(PecTrackerError):
    """Who asks may not do this, though he may know that it exists."""

    status = Exit.USAGE
