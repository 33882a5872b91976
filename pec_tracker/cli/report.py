"""`pec-tracker report`: how full are the mailboxes, until when is what kept, is all of it here, who received what?"""

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import click

from pec_tracker.askers import OPERATOR
from pec_tracker.cli import report_case, report_completeness
from pec_tracker.cli.collect import tell_failed
from pec_tracker.cli.messages import short
from pec_tracker.cli.options import Group, json_option, mailbox_option, option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.cli.rounds import chosen, each
from pec_tracker.clock import ROME
from pec_tracker.errors import Exit, PecTrackerError
from pec_tracker.texts import N_, _, error_text, ngettext, notices, words

if TYPE_CHECKING:
    from pec_tracker.app import App
    from pec_tracker.service.house import Account
    from pec_tracker.service.report import QuotaReport, RetentionReport

_MEBIBYTE: Final = 1024 * 1024


@click.group(
    "report",
    cls=Group,
    help=N_("Report on space, retention, completeness of the archive, and on who received what in a case."),
)
def command() -> None:
    """Only the group: each subcommand says what it does."""


command.add_command(report_completeness.completeness)
command.add_command(report_case.case)


@command.command(
    "quota",
    help=N_(
        "Ask each server how much of the mailbox's space is used.\n\n"
        "The status is 1 from the warning on (80 %, or as configured): a full PEC mailbox receives nothing. It is 3 "
        "when a server could not be reached."
    ),
    epilog="""pec-tracker report quota
        pec-tracker report quota --mailbox studio --json""",
)
@mailbox_option
@json_option
@pass_cli
def quota(cli: Cli, *, mailboxes: tuple[str, ...], as_json: bool) -> Exit:
    """One row a mailbox; those that cannot be asked are told on stderr."""
    app = cli.app()
    output = cli.output(as_json=as_json)
    reports: list[QuotaReport] = []
    status = each(chosen(app, mailboxes), partial(_ask, app, output, reports), partial(_tell_failed, output))
    if not as_json:
        _tell_quota(output, reports)
    return status


def _ask(app: "App", output: Output, reports: "list[QuotaReport]", account: "Account") -> Exit:
    from pec_tracker.service.report import Level, quota

    limits = app.config.quota
    report = quota(OPERATOR, app.house, account, warn_percent=limits.warn_percent, alarm_percent=limits.alarm_percent)
    reports.append(report)
    if output.json:
        output.record(_quota_facts(report))
    return Exit.FINDING if report.level in (Level.WARNING, Level.ALARM) else Exit.DONE


def _quota_facts(report: "QuotaReport") -> dict[str, Any]:
    return {
        "mailbox": report.mailbox,
        "used": report.used,
        "limit": report.limit,
        "percent": None if report.percent is None else round(report.percent, 1),
        "level": report.level,
        "at": report.at,
        "error": None,
    }


def _tell_quota(output: Output, reports: "list[QuotaReport]") -> None:
    output.table(
        [_("Mailbox"), _("Used (MB)"), _("Limit (MB)"), _("Percent"), _("Level")],
        [
            (
                report.mailbox,
                _megabytes(report.used),
                None if report.limit is None else _megabytes(report.limit),
                None if report.percent is None else f"{report.percent:.1f} %",
                words.word(notices.LEVELS, report.level),
            )
            for report in reports
        ],
    )
    if any(report.limit is None for report in reports):
        output.note(
            _("The server announces no limit: write quota_bytes in the mailbox's section of the configuration.")
        )


def _megabytes(count: int) -> str:
    return f"{count / _MEBIBYTE:.1f}"


def _tell_failed(output: Output, account: "Account", error: PecTrackerError) -> None:
    if output.json:
        nothing = dict.fromkeys(("used", "limit", "percent", "level", "at"))
        output.record({"mailbox": account.name, **nothing, "error": error_text(error)})
    else:
        tell_failed(account, error)


@command.command(
    "retention",
    help=N_(
        "List until when each message and its evidence are kept, the next to expire first.\n\n"
        "A dossier is kept until the last of its dates plus the mailbox's term (30 months, or as configured). This "
        "only reports: nothing is removed."
    ),
    epilog="""pec-tracker report retention
        pec-tracker report retention --by-month
        pec-tracker report retention --json | jq 'select(.expired)'""",
)
@option("--by-month", is_flag=True, help=N_("Count how many expire in which month."))
@json_option
@pass_cli
def retention(cli: Cli, *, by_month: bool, as_json: bool) -> None:
    """One row a dossier, or a month."""
    from pec_tracker.service.keys import short_keys
    from pec_tracker.service.report import retention

    app = cli.app()
    output = cli.output(as_json=as_json)
    default = app.config.retention.months
    months = {name: mailbox.retention_months or default for name, mailbox in app.config.mailboxes.items()}
    report = retention(OPERATOR, app.house, months_of=months, default_months=default)
    if by_month:
        _tell_months(output, report)
    elif as_json:
        _record_dossiers(output, report)
    else:
        _tell_dossiers(output, report, short_keys(OPERATOR, app.house, (term.key for term in report.dossiers)))
    expired = sum(term.expired for term in report.dossiers)
    dossiers = len(report.dossiers)
    counts = ngettext(
        "{dossiers} dossier, {expired} past its term.", "{dossiers} dossiers, {expired} past their term.", dossiers
    )
    output.note(counts.format(dossiers=dossiers, expired=expired) + " " + _("Nothing is removed by this report."))


def _record_dossiers(output: Output, report: "RetentionReport") -> None:
    for term in report.dossiers:
        output.record(
            {
                "key": term.key,
                "mailbox": term.mailbox,
                "subject": term.subject,
                "case": term.case,
                "last_at": term.last_at,
                "expires_at": term.expires_at,
                "expired": term.expired,
            }
        )


def _tell_dossiers(output: Output, report: "RetentionReport", keys: dict[str, str]) -> None:
    output.table(
        [_("Key"), _("Mailbox"), _("Last date"), _("Kept until"), _("Subject"), _("Case")],
        [
            (
                short(keys, term.key),
                term.mailbox,
                term.last_at.astimezone(ROME).strftime("%d/%m/%Y"),
                term.expires_at.strftime("%d/%m/%Y") + (_(" (past)") if term.expired else ""),
                term.subject,
                term.case,
            )
            for term in report.dossiers
        ],
    )


def _tell_months(output: Output, report: "RetentionReport") -> None:
    if output.json:
        for month, count in report.months:
            output.record({"month": month, "dossiers": count})
        return
    rows = [(f"{month[5:]}/{month[:4]}", count) for month, count in report.months]
    output.table([_("Month"), _("Dossiers that expire")], rows)
