"""Which folders are there, and what are they for? LIST and SPECIAL-USE (RFC 6154), else the names people use. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

SENT = r"\Sent"
TRASH = r"\Trash"
DRAFTS = r"\Drafts"
JUNK = r"\Junk"
_USES = {use.lower(): use for use in (SENT, TRASH, DRAFTS, JUNK, r"\Archive", r"\All", r"\Flagged")}

# Where the server doesn't say: word beginnings seen in the mailboxes of Italian providers and of mail programs.
_BY_NAME = {
    SENT: re.compile(r"(?<![^\W_])(?:inviat|spedit|sent)", re.I),
    TRASH: re.compile(r"(?<![^\W_])(?:cestin|eliminat|trash|deleted)", re.I),
    DRAFTS: re.compile(r"(?<![^\W_])(?:bozz|draft)", re.I),
    JUNK: re.compile(r"(?<![^\W_])(?:junk|spam|indesiderat)", re.I),
}


@dataclass(frozen=True, slots=True)
class FolderName:
    """One folder as LIST shows it. `special_use` is a token of RFC 6154, such as `\\Sent`, or None."""

    name: str
    special_use: str | None
    selectable: bool


def folder_names(listed: Iterable[tuple[Sequence[bytes], bytes | None, str]]) -> list[FolderName]:
    """Folders from (attributes, delimiter, decoded name), each once; uses that no folder claims are read from names."""
    folders: dict[str, FolderName] = {}
    delimiters: dict[str, str] = {}
    for attributes, delimiter, name in listed:
        words = {word.decode("latin-1").lower() for word in attributes}
        use = next((_USES[word] for word in sorted(words) if word in _USES), None)
        selectable = not words & {r"\noselect", r"\nonexistent"}
        folders[name] = FolderName(name=name, special_use=use, selectable=selectable)
        delimiters[name] = (delimiter or b"").decode("latin-1")
    claimed = {folder.special_use for folder in folders.values()}
    for use, pattern in _BY_NAME.items():
        if use not in claimed:
            _guess(folders, delimiters, use, pattern)
    return list(folders.values())


def _guess(folders: dict[str, FolderName], delimiters: dict[str, str], use: str, pattern: re.Pattern[str]) -> None:
    """Mark the topmost folder whose own name (its last part) fits."""
    fitting = [
        folder
        for folder in folders.values()
        if folder.selectable and folder.special_use is None and pattern.search(_leaf(folder.name, delimiters))
    ]
    if fitting:
        best = min(fitting, key=lambda folder: (len(folder.name), folder.name))
        folders[best.name] = replace(best, special_use=use)


def _leaf(name: str, delimiters: dict[str, str]) -> str:
    delimiter = delimiters[name]
    return name.rsplit(delimiter, 1)[-1] if delimiter else name
