"""`pec-tracker report completeness`: does the archive hold every mail that the servers have?"""

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import click

from pec_tracker.answers.plain import clean
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.collect import tell_failed
from pec_tracker.cli.options import Command, json_option, mailbox_option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.cli.rounds import chosen, each
from pec_tracker.errors import Exit, PecTrackerError
from pec_tracker.texts import N_, _, error_text, notices

if TYPE_CHECKING:
    from pec_tracker.app import App
    from pec_tracker.service.collecting.completeness import Completeness, FolderReport
    from pec_tracker.service.house import Account

QUARANTINED_TOLD: Final = 20


@click.command(
    "completeness",
    cls=Command,
    help=N_(
        "Compare the mails on the servers with the archive, folder by folder, mail by mail.\n\n"
        "Nothing is fetched, and nothing is changed on the server or in the archive. Folders that are not collected "
        "(Trash, Drafts and Junk, or as configured) are counted and judged no further. The status is 1 when a "
        "collected folder holds a mail that is not archived, 3 when a server could not be reached. Compared are the "
        "numbers (UIDs) of the mails, and their size and arrival as the server says them."
    ),
    epilog="""pec-tracker report completeness
        pec-tracker report completeness --mailbox studio
        pec-tracker report completeness --json | jq '.folders[] | select(.missing != [])'""",
)
@mailbox_option
@json_option
@pass_cli
def completeness(cli: Cli, *, mailboxes: tuple[str, ...], as_json: bool) -> Exit:
    """One table, a row a folder; those that cannot be asked are told on stderr."""
    app = cli.app()
    output = cli.output(as_json=as_json)
    reports: list[Completeness] = []
    status = each(chosen(app, mailboxes), partial(_compare, app, output, reports), partial(_tell_failed, output))
    if not as_json:
        _tell(output, reports)
    return status


def _compare(app: "App", output: Output, reports: "list[Completeness]", account: "Account") -> Exit:
    from pec_tracker.service.collecting.completeness import completeness

    report = completeness(OPERATOR, app.house, account)
    reports.append(report)
    if output.json:
        output.record(_facts(report))
    return Exit.DONE if report.complete else Exit.FINDING


def _facts(report: "Completeness") -> dict[str, Any]:
    return {
        "mailbox": report.mailbox,
        "complete": report.complete,
        "folders": list(map(_folder_facts, report.folders)),
        "absent": list(report.absent),
        "vanished": [{"folder": name, "seen": count} for name, count in report.vanished],
        "error": None,
    }


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


def _tell_failed(output: Output, account: "Account", error: PecTrackerError) -> None:
    if output.json:
        nothing = {"complete": False, "folders": [], "absent": [], "vanished": []}
        output.record({"mailbox": account.name, **nothing, "error": error_text(error)})
    else:
        tell_failed(account, error)


def _tell(output: Output, reports: "list[Completeness]") -> None:
    output.table(
        [
            _("Mailbox"),
            _("Folder"),
            _("On the server"),
            _("Archived"),
            _("Quarantine"),
            _("Not collected"),
            _("Gone"),
            _("Verdict"),
        ],
        [
            (
                report.mailbox,
                folder.name,
                folder.on_server,
                folder.archived,
                len(folder.quarantined),
                len(folder.missing) + len(folder.others),
                folder.gone,
                _verdict(folder),
            )
            for report in reports
            for folder in report.folders
        ],
    )
    for report in reports:
        _tell_more(output, report)
    if any(folder.missing or folder.others or folder.quarantined for report in reports for folder in report.folders):
        output.note(_("Ask again for what is not collected: pec-tracker collect, or pec-tracker quarantine retry."))
    if any(folder.gone for report in reports for folder in report.folders):
        output.note(_("Gone: seen there once, and deleted or moved since; what was archived stays."))


def _verdict(folder: "FolderReport") -> str:
    if folder.failure is not None:
        return _("cannot be read: {error}").format(error=error_text(folder.failure))
    if not folder.collected:
        return _("left out by the configuration")
    return _("complete") if folder.complete else _("not complete")


def _tell_more(output: Output, report: "Completeness") -> None:
    """What a table has no room for: why some are in quarantine, and folders that only one side has."""
    for folder in report.folders:
        for uid, reason in folder.quarantined[:QUARANTINED_TOLD]:
            line = _("{mailbox}, {folder}, UID {uid}: {reason}").format(
                mailbox=report.mailbox,
                folder=folder.name,
                uid=uid,
                reason=notices.reasons(notices.QUARANTINE, reason),
            )
            output.say(clean(line))
        if folder.others:
            line = _(
                "{mailbox}, {folder}: under {count} UIDs the server shows other mails than those collected (it was "
                "restored, it seems); the first is {uid}"
            ).format(mailbox=report.mailbox, folder=folder.name, count=len(folder.others), uid=folder.others[0])
            output.say(clean(line))
        more = len(folder.quarantined) - QUARANTINED_TOLD
        if more > 0:
            output.say(_("and {count} more: pec-tracker quarantine list").format(count=more))
    for name in report.absent:
        line = _("{mailbox}: the server has no folder {folder}; correct folders.include of the mailbox")
        output.say(clean(line.format(mailbox=report.mailbox, folder=name)))
    for name, count in report.vanished:
        line = _("{mailbox}: the folder {folder} is no longer on the server; {count} mails were seen in it")
        output.say(clean(line.format(mailbox=report.mailbox, folder=name, count=count)))
