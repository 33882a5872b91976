"""What is answered about a printout that is cut? Each owner's pages, or what does not fit, with its pages."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from pec_tracker.texts import N_, _, ngettext

if TYPE_CHECKING:
    from pec_tracker.service.campaigns.printout import Finding
    from pec_tracker.service.campaigns.split import Split

_FAULTS: Final = {
    "no-text": N_("the PDF holds no text: it is a scan. Print it as a PDF from the program, or cut it by bookmarks"),
    "page-without-owner": N_("on {pages} nothing says whose they are; --continued gives them to the owner before"),
    "page-of-several-owners": N_("{pages}: of {owner}, and of {other} too"),
    "owner-in-several-places": N_(
        "{owner} is on {pages}, which do not follow each other; --gathered puts them together"
    ),
    "owner-not-in-the-list": N_("{owner} ({pages}) is not in the list"),
    "owner-without-page": N_("{owner} has no page"),
    "owners-look-alike": N_("{owner} and {other} look alike: is it one owner, written in two ways?"),
    "names-another-owner": N_("{pages}, of {owner}, bear the name or the tax code of {other}"),
}
_LIKE: Final = N_("{owner} ({pages}) is not in the list; {other} looks like it")


def split_facts(split: "Split", folder: str | None) -> dict[str, Any]:
    """What came of a printout as a JSON object (contract of `campaign split`)."""
    return {
        "pages": split.pages,
        "folder": folder,
        "parts": [{"owner": part.owner, "pages": part.pages} for part in split.cut.parts],
        "files": [{"owner": one.owner, "file": one.name, "pages": one.pages} for one in split.files],
        "findings": [
            {"fault": one.fault, "owner": one.owner, "pages": one.pages, "other": one.other, "text": finding_text(one)}
            for one in split.cut.findings
        ],
    }


def finding_text(finding: "Finding") -> str:
    """One thing that does not fit."""
    sentence = _LIKE if finding.fault == "owner-not-in-the-list" and finding.other else _FAULTS[finding.fault]
    return _(sentence).format(owner=finding.owner, other=finding.other, pages=pages_text(finding.pages))


def pages_text(pages: Sequence[int]) -> str:
    """Pages as a person lists them: runs put together."""
    runs: list[tuple[int, int]] = []
    for page in pages:
        if runs and page == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], page)
        else:
            runs.append((page, page))
    listed = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)
    return ngettext("page {pages}", "pages {pages}", len(pages)).format(pages=listed)


def table(split: "Split") -> tuple[list[str], list[tuple[object, ...]]]:
    """Columns and rows, one an owner."""
    columns = [_("Owner"), _("Pages"), _("File")]
    files = {one.owner: one.name for one in split.files}
    return columns, [(part.owner, _listed(part.pages), files.get(part.owner)) for part in split.cut.parts]


def _listed(pages: Sequence[int]) -> str:
    return pages_text(pages).partition(" ")[2]


def csv_rows(split: "Split") -> tuple[list[str], list[tuple[object, ...]]]:
    """The same for a campaign's list: which file is whose."""
    return [_("Owner"), _("File"), _("Pages")], [(one.owner, one.name, _listed(one.pages)) for one in split.files]


def finding_lines(split: "Split") -> Iterator[str]:
    """Everything that does not fit, and that nothing was cut for it."""
    for finding in split.cut.findings:
        yield f"- {finding_text(finding)}"
    count = len(split.cut.findings)
    if count:
        told = ngettext(
            "{count} thing does not fit: nothing was cut.", "{count} things do not fit: nothing was cut.", count
        )
        yield told.format(count=count)


def done_text(split: "Split", folder: str) -> str:
    """Where the files are."""
    told = ngettext(
        "{count} file, of {pages} pages, in {folder}", "{count} files, of {pages} pages, in {folder}", len(split.files)
    )
    return told.format(count=len(split.files), pages=split.pages, folder=folder)
