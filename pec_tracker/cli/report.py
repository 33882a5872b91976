"""`pec-tracker report`: how full are the mailboxes, until when is what kept, is all of it here, who received what?"""

from functools import partial
from typing import TYPE_CHECKING

import click

from pec_tracker.answers import quota as space
from pec_tracker.answers import retention as terms
from pec_tracker.askers import OPERATOR
from pec_tracker.cli import report_case, report_completeness
from pec_tracker.cli.collect import tell_failed
from pec_tracker.cli.options import Group, json_option, mailbox_option, option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.cli.rounds import chosen, each
from pec_tracker.errors import Exit, PecTrackerError
from pec_tracker.texts import N_, _

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pec_tracker.app import App
    from pec_tracker.service.house import Account
    from pec_tracker.service.quota.ask import QuotaReport
    from pec_tracker.service.retention.terms import DossierTerm


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
    from pec_tracker.service.quota.ask import quota
    from pec_tracker.service.quota.space import Level

    report = quota(OPERATOR, app.house, account)
    reports.append(report)
    if output.json:
        output.record(space.quota_facts(report))
    return Exit.FINDING if report.level in (Level.WARNING, Level.ALARM) else Exit.DONE


def _tell_quota(output: Output, reports: "list[QuotaReport]") -> None:
    output.table(*space.table(reports))
    if any(report.limit is None for report in reports):
        output.note(
            _("The server announces no limit: write quota_bytes in the mailbox's section of the configuration.")
        )


def _tell_failed(output: Output, account: "Account", error: PecTrackerError) -> None:
    if output.json:
        output.record(space.unasked_facts(account.name, error))
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
    from pec_tracker.service.queries.short_keys import longer_keys
    from pec_tracker.service.retention.terms import dossier_terms, retention

    app = cli.app()
    output = cli.output(as_json=as_json)
    if by_month:
        report = retention(OPERATOR, app.house, app.config.terms)
        if as_json:
            for month, count in report.months:
                output.record({"month": month, "dossiers": count})
        else:
            output.table(*terms.month_table(report))
        dossiers, expired = report.dossiers, report.expired
    else:
        counted = _Counted(dossier_terms(OPERATOR, app.house, app.config.terms))
        if as_json:
            for term in counted:
                output.record(terms.term_facts(term))
        else:
            output.table(*terms.table(counted, longer_keys(OPERATOR, app.house)))
        dossiers, expired = counted.dossiers, counted.expired
    output.note(terms.counts_text(dossiers, expired))


class _Counted:
    """Passes dossiers on, and knows afterwards how many they were."""

    def __init__(self, dossiers: "Iterable[DossierTerm]") -> None:
        self._dossiers = dossiers
        self.dossiers = self.expired = 0

    def __iter__(self) -> "Iterator[DossierTerm]":
        for term in self._dossiers:
            self.dossiers += 1
            self.expired += term.expired
            yield term
