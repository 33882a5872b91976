"""Where is the password? A reference in the configuration, resolved when used; never logged or printed.

One that the user types in is kept once, in the system's keyring or in a file of his own.
"""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import structlog

from pec_tracker import osfiles
from pec_tracker.errors import ConfigurationError, UsageError

_log = structlog.get_logger()


class SecretSource(StrEnum):
    """Where a secret is kept; the value is the end of the configuration's key (`password_env` ...)."""

    ENV = "env"
    FILE = "file"
    KEYRING = "keyring"


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Names a secret without holding it: a variable, a file, or `SERVICE/USER` in the system's keyring."""

    source: SecretSource
    name: str


def resolve(ref: SecretRef) -> str:
    """The secret itself. Raises ConfigurationError when it is not there, is empty or cannot be read."""
    secret = _READERS[ref.source](ref.name)
    if not secret:
        raise ConfigurationError("the secret in {where} is empty", where=ref.name)
    return secret


def keep(secret: str, *, entry: str, file: Path) -> SecretRef:
    """Keep *secret* in the system's keyring under *entry* (SERVICE/USER), or where there is none in *file*, which only
    the user may read. A file that holds it already is the one: a run that was cut off before had written it.
    UsageError where the file holds anything else, StorageError.
    """
    if _into_keyring(secret, entry):
        return SecretRef(SecretSource.KEYRING, entry)
    with osfiles.disk_errors(file.parent):
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            osfiles.write_out(file, f"{secret}\n".encode(), replace=False)
        except FileExistsError as error:
            if _holds(file, secret):
                return SecretRef(SecretSource.FILE, file.name)
            raise UsageError(
                "{file} is there already, and is not overwritten: name the file that holds the password with "
                "--password-file",
                file=file,
            ) from error
    return SecretRef(SecretSource.FILE, file.name)


def keep_again(secret: str, ref: SecretRef, *, entry: str, file: Path) -> SecretRef:
    """Keep *secret* where the one before is (*ref*), which it replaces; one that a variable holds cannot be replaced,
    so it goes where `keep` says. UsageError, StorageError.
    """
    if ref.source is SecretSource.KEYRING and _into_keyring(secret, ref.name):
        return ref
    if ref.source is SecretSource.FILE and _is_one_line(Path(ref.name)):
        with osfiles.disk_errors(Path(ref.name).parent):
            osfiles.write_out(Path(ref.name), f"{secret}\n".encode(), replace=True)
        return ref
    return keep(secret, entry=entry, file=file)


def _is_one_line(file: Path) -> bool:
    """Whether nothing is lost where a password takes the place of this file; one that is not there can be made."""
    try:
        return len(file.read_bytes().splitlines()) <= 1
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _holds(file: Path, secret: str) -> bool:
    try:
        return _from_file(str(file)) == secret
    except ConfigurationError:
        return False


def _into_keyring(secret: str, entry: str) -> bool:
    """Whether it is there now; a machine may have no keyring, or one that is locked or forgets."""
    import keyring
    from keyring.errors import KeyringError

    service, _, user = entry.partition("/")
    try:
        keyring.set_password(service, user, secret)
        return keyring.get_password(service, user) == secret
    except (KeyringError, RuntimeError):
        return False


def _from_environment(variable: str) -> str:
    try:
        return os.environ[variable]
    except KeyError:
        raise ConfigurationError(
            "the environment variable {variable} is not set; it should hold the mailbox's password", variable=variable
        ) from None


def _from_file(name: str) -> str:
    path = Path(name)
    try:
        text = path.read_text("utf-8-sig")  # Notepad and PowerShell 5 put a mark before the first letter
        status = path.stat()
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            "the password file {path} is not written in UTF-8; save it again as UTF-8", path=path
        ) from error
    except OSError as error:
        raise ConfigurationError(
            "the password file {path} cannot be read ({reason}); check that it exists and is yours",
            path=path,
            reason=error.strerror or type(error).__name__,
        ) from error
    if _others_may_read(status):
        _log.warning("secret.file_exposed", path=str(path), mode=oct(stat.S_IMODE(status.st_mode)))
    return text.split("\n", 1)[0].rstrip("\r")


def _others_may_read(status: os.stat_result) -> bool:
    # Windows keeps rights in access lists and says nothing of them in the mode; its results have file attributes.
    says_rights = not hasattr(status, "st_file_attributes")
    return says_rights and bool(status.st_mode & stat.S_IROTH)


def _from_keyring(name: str) -> str:
    import keyring  # slow, and needed by few
    from keyring.errors import KeyringError

    service, _, user = name.partition("/")
    try:
        secret = keyring.get_password(service, user)
    except KeyringError as error:
        raise ConfigurationError(
            "this machine has no usable keyring for {name}; use password_env or password_file instead", name=name
        ) from error
    if secret is None:
        raise ConfigurationError(
            "the keyring has no password for {name}; store it with: keyring set {service} {user}",
            name=name,
            service=service,
            user=user,
        )
    return secret


_READERS: Final[dict[SecretSource, Callable[[str], str]]] = {
    SecretSource.ENV: _from_environment,
    SecretSource.FILE: _from_file,
    SecretSource.KEYRING: _from_keyring,
}
