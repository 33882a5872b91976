"""What lies on the archive's shelves, and what lies there that should not?"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pec_tracker.archive.finding import Finding, FindingKind
from pec_tracker.archive.objects import Suffix

INCOMING = ".tmp"
_SHELF = re.compile(r"[0-9a-f]{2}")
_NAME = re.compile(r"[0-9a-f]{64}(?:" + "|".join(re.escape(suffix) for suffix in Suffix) + ")")


@dataclass(frozen=True, slots=True)
class Shelf:
    """One folder of objects: the files whose names are right for it, sorted; what is wrong with the others."""

    folder: Path
    names: tuple[str, ...]
    findings: tuple[Finding, ...]


def is_object_name(name: str) -> bool:
    """Whether *name* is a SHA-256 and one of our suffixes."""
    return _NAME.fullmatch(name) is not None


def scan(objects: Path) -> Iterator[Shelf]:
    """Every shelf under the folder *objects*, in order. What cannot be listed is a finding, never an error."""
    try:
        with os.scandir(objects) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except FileNotFoundError:
        return  # nothing was ever kept
    except OSError as error:
        yield Shelf(objects, (), (unreadable_folder(str(objects), objects.name, _reason(error)),))
        return
    for entry in entries:
        if _SHELF.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
            yield _shelf(Path(entry.path))
        elif entry.name != INCOMING:
            yield Shelf(objects, (), (foreign_file(f"{objects.name}/{entry.name}"),))


def _shelf(folder: Path) -> Shelf:
    names: list[str] = []
    findings: list[Finding] = []
    place = f"{folder.parent.name}/{folder.name}"
    try:
        with os.scandir(folder) as listing:
            for entry in listing:
                if not is_object_name(entry.name) or not entry.is_file(follow_symlinks=False):
                    findings.append(foreign_file(f"{place}/{entry.name}"))
                elif entry.name[:2] != folder.name:
                    findings.append(_misnamed(f"{place}/{entry.name}"))
                else:
                    names.append(entry.name)
    except OSError as error:
        findings.append(unreadable_folder(str(folder), place, _reason(error)))
    return Shelf(folder, tuple(sorted(names)), tuple(findings))


def unreadable_folder(folder: str, place: str, reason: str) -> Finding:
    """That *folder*, called *place* in reports, cannot be listed."""
    return Finding(
        FindingKind.FOLDER_UNREADABLE,
        place,
        "the folder {folder} cannot be listed ({reason}); check its permissions and the disk",
        {"folder": folder, "reason": reason},
    )


def foreign_file(place: str) -> Finding:
    """That something lies at *place* which is none of ours."""
    return Finding(FindingKind.FOREIGN_FILE, place, "the archive did not put this here; move it elsewhere")


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _misnamed(place: str) -> Finding:
    return Finding(
        FindingKind.OBJECT_MISNAMED,
        place,
        "this object lies in the wrong folder; it belongs where the first two characters of its name say",
    )
