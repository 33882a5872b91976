"""Does a document speak of somebody else? Its name and its first page are held against every other row's marks."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pec_tracker.service.campaigns.checked import File
from pec_tracker.service.campaigns.listed import ListedRow
from pec_tracker.service.campaigns.printout import Cut, Part, of_others


def naming_others(
    rows: Sequence[ListedRow], files: Mapping[int, Sequence[File]], texts: Mapping[str, str]
) -> Iterator[tuple[int, str, str]]:
    """Rows (by place) whose file bears the tax code or name of another owner: the row, the file, who else.

    *texts* are the first pages by the file's SHA-256. Those who own a unit together are one owner.
    """
    listed: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        listed[_owner(row)].update(filter(None, (row.name, row.tax_code)))
    parts, pages, of = [], [], []
    for at, found in files.items():
        for file in found:
            pages.append(f"{Path(file.name).stem}\n{texts.get(file.sha256, '')}")
            parts.append(Part(_owner(rows[at]), (len(pages),)))
            of.append((at, file.name))
    names = {_owner(row): row.name for row in rows}
    for finding in of_others(Cut(tuple(parts), ()), pages, listed):
        for page in finding.pages:
            at, file_name = of[page - 1]
            yield at, file_name, names.get(finding.other, finding.other)


def documents_twice(
    rows: Sequence[ListedRow], files: Mapping[int, Sequence[File]]
) -> Iterator[tuple[int, str, list[int]]]:
    """Rows of different owners whose own files hold the same bytes: the row, the file, all rows (numbers)."""
    whose: dict[str, list[tuple[int, File]]] = defaultdict(list)
    for at, found in files.items():
        for file in found:
            whose[file.sha256].append((at, file))
    for same in whose.values():
        owners = {_owner(rows[at]) for at, _file in same}
        paths = {file.path for _at, file in same}
        if len(owners) > 1 and len(paths) > 1:  # one path is `file-of-two`
            numbers = [rows[at].number for at, _file in same]
            yield from ((at, file.name, numbers) for at, file in same)


def _owner(row: ListedRow) -> str:
    return row.place or row.key
