"""Which document is whose? Each row gets its own file, and a file that two rows or none would get is a fault.

The wrong document to the wrong owner is the worst accident of all. A name matches whole words only: 3 is not 13.
"""

import csv
import hashlib
import io
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pec_tracker.errors import UsageError
from pec_tracker.render.tables import meant
from pec_tracker.service.campaigns.checked import Fault, File
from pec_tracker.service.campaigns.definition import Definition
from pec_tracker.service.campaigns.listed import ListedRow
from pec_tracker.service.campaigns.placeholders import filled, placeholders
from pec_tracker.service.contacts.book import place_of

MAX_FILES: Final = 20_000  # in a folder
INDEX: Final = "index.csv"  # what `campaign split` writes beside the files
_SEPARATOR: Final = ";"  # between the names in one cell
_MARK: Final = re.compile(r"\x00(\d+)\x00")


@dataclass(frozen=True, slots=True)
class Found:
    """The files of each row, by its place in the list; what does not fit, as (row or None, fault, facts)."""

    files: Mapping[int, tuple[Path, ...]] = field(default_factory=dict)
    faults: tuple[tuple[int | None, Fault, Mapping[str, object]], ...] = ()


def find_documents(definition: Definition, rows: Sequence[ListedRow]) -> Found:
    """Each row's own documents. UsageError where the folder, or its index, cannot be read."""
    if not definition.personal:
        return Found()
    folder = Path(definition.folder) if definition.folder else Path(definition.list_file or ".").parent
    if definition.file_column is not None:
        return _named(folder, rows)
    there = _files_in(folder)
    if definition.file_pattern is not None:
        return _matched(there, rows, _by_pattern(definition.file_pattern))
    return _matched(there, rows, _by_index(folder))


def read_file(path: Path, *, name: str | None = None) -> tuple[File, bytes]:
    """A document's facts and bytes. Raises OSError."""
    content = path.read_bytes()
    return File(str(path), name or path.name, hashlib.sha256(content).hexdigest(), len(content)), content


def _files_in(folder: Path) -> list[Path]:
    """The files of a folder, without hidden ones and the index."""
    try:
        with os.scandir(folder) as entries:
            found = [Path(one.path) for one in entries if one.is_file() and not one.name.startswith((".", "~$"))]
    except OSError as error:
        raise UsageError(
            "the folder {folder} cannot be read: {reason}", folder=str(folder), reason=error.strerror or str(error)
        ) from error
    if len(found) > MAX_FILES:
        raise UsageError(
            "the folder {folder} holds more than {limit} files; put this campaign's documents into one of their own",
            folder=str(folder),
            limit=MAX_FILES,
        )
    return sorted(one for one in found if one.name.casefold() != INDEX)


def _named(folder: Path, rows: Sequence[ListedRow]) -> Found:
    """By a column that names the file, or several with `;` between."""
    files: dict[int, tuple[Path, ...]] = {}
    faults: list[tuple[int | None, Fault, Mapping[str, object]]] = []
    for at, row in enumerate(rows):
        named = [folder / one.strip() for one in row.file.split(_SEPARATOR) if one.strip()]
        there = tuple(one for one in named if _is_within(folder, one))
        missing = [one.name for one in named if one not in there]
        if missing or not named:
            faults.append((at, Fault.NO_FILE, {"file": ", ".join(missing)}))
        files[at] = there
    return Found(files, (*faults, *_of_two(files, rows)))


def _is_within(folder: Path, file: Path) -> bool:
    """Whether it is a file of the folder: a list from elsewhere must not reach any other."""
    return file.is_file() and file.resolve().is_relative_to(folder.resolve())


_Matches = Callable[[ListedRow, Sequence[Path]], list[Path]]


def _matched(there: Sequence[Path], rows: Sequence[ListedRow], matches: _Matches) -> Found:
    files: dict[int, tuple[Path, ...]] = {}
    faults: list[tuple[int | None, Fault, Mapping[str, object]]] = []
    fitting: dict[int, tuple[Path, ...]] = {}
    for at, row in enumerate(rows):
        fitting[at] = found = tuple(matches(row, there))
        if len(found) != 1:
            fault = Fault.SEVERAL_FILES if found else Fault.NO_FILE
            faults.append((at, fault, {"file": ", ".join(one.name for one in found)}))
        files[at] = found if len(found) == 1 else ()
    taken = {one for some in fitting.values() for one in some}
    nobodys = [(None, Fault.FILE_OF_NOBODY, {"file": one.name}) for one in there if one not in taken]
    return Found(files, (*faults, *_of_two(fitting, rows), *nobodys))


def _of_two(
    files: Mapping[int, Sequence[Path]], rows: Sequence[ListedRow]
) -> Iterator[tuple[int | None, Fault, Mapping[str, object]]]:
    """A file that two rows fit, but for those who own one unit together."""
    whose: dict[Path, list[int]] = defaultdict(list)
    for at, found in files.items():
        for one in found:
            whose[one].append(at)
    for path, owners in whose.items():
        places = {rows[one].place or f"#{one}" for one in owners}
        if len(places) > 1:
            numbers = [rows[one].number for one in owners]
            yield from ((one, Fault.FILE_OF_TWO, {"file": path.name, "rows": numbers}) for one in owners)


def _by_pattern(pattern: str) -> _Matches:
    """A file's name with `{column}` and `*`; what a column says stands alone in it: 3 is neither 13 nor 3A."""
    names = placeholders(pattern)
    if not names:
        raise UsageError(
            "the pattern {pattern} names no column, so that all rows would get one file; write which column is in the "
            "names, as in {example}",
            pattern=pattern,
            example="*-{interno}.pdf",
        )
    marks = {name: f"\x00{at}\x00" for at, name in enumerate(names)}
    form = _MARK.split(filled(pattern, marks).casefold())
    loose = [(form[at - 1].endswith("*"), form[at + 1].startswith("*")) for at in range(1, len(form), 2)]

    def matches(row: ListedRow, there: Sequence[Path]) -> list[Path]:
        said = [filled(f"{{{name}}}", row.values).strip().casefold() for name in names]
        if not all(said):
            return []
        parts = [
            _alone(said[int(part)], *loose[at // 2]) if at % 2 else ".*".join(map(re.escape, part.split("*")))
            for at, part in enumerate(form)
        ]
        wanted = re.compile("".join(parts))
        return [one for one in there if wanted.fullmatch(one.name.casefold())]

    return matches


def _alone(value: str, before: bool, after: bool) -> str:
    """*value* where no letter or digit touches it; what no file name holds may be a dash or an underscore there.

    Where anything may stand *before* or *after*, no single letter and no bis does: 1-A is neither 1 nor A-1.
    """
    safe = "".join("[-_ ]?" if letter in '/\\:*?"<>| ' else re.escape(letter) for letter in value)
    no_letter = r"(?<!(?<![^\W_])[a-z][-_ ])" if before else ""
    no_part = r"(?![-_ ](?:[a-z]|bis|ter|quater)(?![^\W_]))" if after else ""
    return rf"(?<![^\W_]){no_letter}{safe}(?![^\W_]){no_part}"


def _by_index(folder: Path) -> _Matches:
    """By what `campaign split` wrote: whose each file is, by unit, staircase and unit, or tax code."""
    whose = _index_of(folder)

    def matches(row: ListedRow, there: Sequence[Path]) -> list[Path]:
        names = {_key(row.unit), _key(row.label), _key(row.tax_code)} - {""}
        return [one for one in there if whose.get(one.name.casefold()) in names]

    return matches


def _index_of(folder: Path) -> dict[str, str]:
    """By a file's name, whose it is."""
    index = folder / INDEX
    try:
        rows = list(csv.reader(io.StringIO(index.read_bytes().decode("utf-8-sig"), newline=""), delimiter=";"))
        if rows and len(rows[0]) < len(("owner", "file")):
            rows = list(csv.reader(io.StringIO(index.read_bytes().decode("utf-8-sig"), newline="")))
        return {meant(row[1]).strip().casefold(): _key(meant(row[0])) for row in rows[1:] if len(row) > 1}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(
            "the folder {folder} holds no {index} that says whose each file is; say it with --file-column or "
            "--file-pattern, or let `campaign split` write the folder",
            folder=str(folder),
            index=INDEX,
        ) from error


def _key(owner: str) -> str:
    place = place_of("", owner, None) if owner else None
    return "" if place is None else place.unit_key
