"""How do the user's anchors lie in DATA/trust? One certificate a file, with what is known of it beside it.

    DATA/trust/<sha256>.der       a certificate
    DATA/trust/<sha256>.json      where it came from, since when, why it is trusted
    DATA/trust/<sha256>.crl|.ocsp an answer about revocation

Each act is in the archive and the ledger first (`service.trust.anchors`), so that the folder can be made again.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from pec_tracker import osfiles
from pec_tracker.errors import ConfigurationError
from pec_tracker.pec.trust import Anchor, Trust

ANSWERS: Final = (".crl", ".ocsp")


@dataclass(frozen=True, slots=True)
class Kept:
    """What `<sha256>.json` says. `listed`: it came by `update`, as one of a list."""

    sha256: str
    source: str
    reason: str
    added: str
    listed: bool


def kept(folder: Path) -> Trust:
    """The user's anchors and revocation answers in DATA/trust. ConfigurationError for what cannot be read there."""
    if not folder.is_dir():
        return Trust()
    anchors = tuple(_anchor(folder, one) for one in entries(folder))
    answers = [tuple(_bytes(path) for path in sorted(folder.glob(f"*{suffix}"))) for suffix in ANSWERS]
    return Trust(anchors=anchors, crls=answers[0], ocsp=answers[1])


def entries(folder: Path) -> list[Kept]:
    """What is known of every certificate in *folder*. ConfigurationError for what we did not write."""
    return [_entry(path) for path in sorted(folder.glob("*.json"))] if folder.is_dir() else []


def _entry(path: Path) -> Kept:
    try:
        return Kept(**json.loads(_bytes(path)))
    except (ValueError, TypeError) as error:
        raise _not_ours(path) from error


def _anchor(folder: Path, entry: Kept) -> Anchor:
    path = folder / f"{entry.sha256}.der"
    der = _bytes(path)
    if sha256_of(der) != entry.sha256:
        raise _not_ours(path)
    return as_anchor(entry, der)


def as_anchor(entry: Kept, der: bytes) -> Anchor:
    """The anchor that an entry and its certificate make."""
    return Anchor(der, entry.source, entry.reason, date.fromisoformat(entry.added), pec_cas_only=False)


def as_json(entry: Kept) -> dict[str, Any]:
    """An entry as its file and its record hold it."""
    return {name: getattr(entry, name) for name in Kept.__dataclass_fields__}


def write(folder: Path, entry: Kept, der: bytes) -> None:
    """The certificate first: an entry never speaks of one that is not there."""
    create(folder / f"{entry.sha256}.der", der)
    create(folder / f"{entry.sha256}.json", (json.dumps(as_json(entry), ensure_ascii=False, indent=1) + "\n").encode())


def create(path: Path, content: bytes) -> None:
    """Write a new file, durably; one that is there stays."""
    with osfiles.disk_errors(path.parent):
        osfiles.create_durably(path, content)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _not_ours(path) from error


def _not_ours(path: Path) -> ConfigurationError:
    return ConfigurationError(
        "{file} is not as `trust add` wrote it; bring it back from a backup, or take it away and add it again",
        file=path,
    )


def sha256_of(der: bytes) -> str:
    """The name of a certificate or an answer: its SHA-256, hex."""
    return hashlib.sha256(der).hexdigest()


def take_away(folder: Path, names: Sequence[str]) -> None:
    """Remove these anchors (by the SHA-256 of the certificate), the entry first."""
    for name in names:
        (folder / f"{name}.json").unlink(missing_ok=True)
        (folder / f"{name}.der").unlink(missing_ok=True)
    osfiles.sync_folder(folder)
