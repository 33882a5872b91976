"""How does a command write a file for a person? Private, whole or not at all, and nothing that is there is lost."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pec_tracker import osfiles
from pec_tracker.cli.options import option
from pec_tracker.errors import UsageError
from pec_tracker.texts import N_

F = TypeVar("F", bound=Callable[..., Any])


def force_option(command: F) -> F:
    """`--force`: the parameter `force`."""
    return option("--force", is_flag=True, help=N_("Replace a file that is there already."))(command)


def refuse_existing(path: Path, *, force: bool) -> None:
    """UsageError where *path* is there and *force* was not given: said before the work, and seen again at its end."""
    if not force and (path.exists() or path.is_symlink()):
        raise _exists(path)


def write_file(path: Path, content: bytes | Iterable[bytes], *, force: bool) -> None:
    """Write *content*. UsageError where *path* is there and *force* was not given, or where it cannot be written."""
    with usable(path):
        try:
            osfiles.write_out(path, content, replace=force)
        except FileExistsError as error:
            raise _exists(path) from error


@contextmanager
def usable(path: Path) -> Iterator[None]:
    """What the system refuses about *path* within the block, as a UsageError that names it."""
    try:
        yield
    except OSError as error:
        raise UsageError(
            "{file} cannot be used ({reason}); name another",
            file=path,
            reason=error.strerror or type(error).__name__,
        ) from error


def export(path: Path, content: bytes, *, force: bool) -> None:
    """Write *content* as `write_file` does; where the disk refuses, StorageError."""
    with osfiles.disk_errors(path.parent):
        try:
            osfiles.write_out(path, content, replace=force)
        except FileExistsError as error:
            raise _exists(path) from error


def _exists(path: Path) -> UsageError:
    return UsageError("{file} is there already, and is not overwritten; name another, or add --force", file=path)
