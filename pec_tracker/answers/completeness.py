"""What is answered about a mailbox held against its server? Folder by folder: what is there, here, nowhere."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from pec_tracker.answers.quarantine import reason_text
from pec_tracker.texts import _, error_text

if TYPE_CHECKING:
    from pec_tracker.errors import PecTrackerError
    from pec_tracker.service.collecting.completeness import Completeness, FolderReport

QUARANTINED_TOLD: Final = 20


def completeness_facts(report: "Completeness") -> dict[str, Any]:
    """One mailbox as a JSON object (contract of `report completeness`)."""
    return {
        "mailbox": report.mailbox,
        "complete": report.complete,
        "folders": list(map(_folder_facts, report.folders)),
        "absent": list(report.absent),
        "vanished": [{"folder": name, "seen": count} for name, count in report.vanished],
        "error": None,
    }


def unasked_facts(mailbox: str, error: "PecTrackerError") -> dict[str, Any]:
    """The same of a mailbox whose server could not be asked."""
    nothing = {"complete": False, "folders": [], "absent": [], "vanished": []}
    return {"mailbox": mailbox, **nothing, "error": error_text(error)}


def _folder_facts(folder: "FolderReport") -> dict[str, Any]:
    return {
        "folder": folder.name,
        "collected": folder.collected,
        "complete": folder.complete,
        "uidvalidity": folder.uidvalidity,
        "on_server": folder.on_server,
        "archived": folder.archived,
        "quarantined": [{"uid": uid, "reason": reason} for uid, reason in folder.quarantined],
        "missing": list(folder.missing),
        "others": list(folder.others),
        "gone": folder.gone,
        "error": None if folder.failure is None else error_text(folder.failure),
    }


def table(reports: "Sequence[Completeness]") -> tuple[list[str], list[tuple[object, ...]]]:
    """Columns and rows, one a folder."""
    columns = [_("Mailbox"), _("Folder"), _("On the server"), _("Archived"), _("Quarantine"), _("Not collected")]
    return [*columns, _("Gone"), _("Verdict")], [
        (
            report.mailbox,
            folder.name,
            folder.on_server,
            folder.archived,
            len(folder.quarantined),
            len(folder.missing) + len(folder.others),
            folder.gone,
            verdict_text(folder),
        )
        for report in reports
        for folder in report.folders
    ]


def verdict_text(folder: "FolderReport") -> str:
    """Whether the archive holds all that the folder has."""
    if folder.failure is not None:
        return _("cannot be read: {error}").format(error=error_text(folder.failure))
    if not folder.collected:
        return _("left out by the configuration")
    return _("complete") if folder.complete else _("not complete")


def more_lines(report: "Completeness") -> Iterator[str]:
    """What a table has no room for: why some are in quarantine, and folders that only one side has."""
    for folder in report.folders:
        yield from _folder_lines(report.mailbox, folder)
    for name in report.absent:
        line = _("{mailbox}: the server has no folder {folder}; correct folders.include of the mailbox")
        yield line.format(mailbox=report.mailbox, folder=name)
    for name, count in report.vanished:
        line = _("{mailbox}: the folder {folder} is no longer on the server; {count} mails were seen in it")
        yield line.format(mailbox=report.mailbox, folder=name, count=count)


def _folder_lines(mailbox: str, folder: "FolderReport") -> Iterator[str]:
    line = _("{mailbox}, {folder}, UID {uid}: {reason}")
    for uid, reason in folder.quarantined[:QUARANTINED_TOLD]:
        yield line.format(mailbox=mailbox, folder=folder.name, uid=uid, reason=reason_text(reason))
    if folder.others:
        yield _(
            "{mailbox}, {folder}: under {count} UIDs the server shows other mails than those collected (it was "
            "restored, it seems); the first is {uid}"
        ).format(mailbox=mailbox, folder=folder.name, count=len(folder.others), uid=folder.others[0])
    more = len(folder.quarantined) - QUARANTINED_TOLD
    if more > 0:
        yield _("and {count} more: pec-tracker quarantine list").format(count=more)


def notes(reports: "Sequence[Completeness]") -> Iterator[str]:
    """What there is to do about it, and what a column means that is not zero."""
    folders = [folder for report in reports for folder in report.folders]
    if any(folder.missing or folder.others or folder.quarantined for folder in folders):
        yield _("Ask again for what is not collected: pec-tracker collect, or pec-tracker quarantine retry.")
    if any(folder.gone for folder in folders):
        yield _("Gone: seen there once, and deleted or moved since; what was archived stays.")
