"""`pec-tracker campaign check`, `preview` and `test`: is everything right before anything leaves?"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pec_tracker.answers import campaign_check as answers
from pec_tracker.answers import campaigns
from pec_tracker.answers.plain import clean
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.options import Command, argument, json_option, option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.cli.written import export, force_option, refuse_existing, usable
from pec_tracker.errors import Exit
from pec_tracker.texts import N_, _

if TYPE_CHECKING:
    from pec_tracker.service.campaigns.check import CheckResult, Progress
    from pec_tracker.service.campaigns.preview import Preview

F = TypeVar("F", bound=Callable[..., Any])


def rejects_option(command: F) -> F:
    """`--rejects`: the parameter `rejects`."""
    return option(
        "--rejects",
        metavar="FILE",
        type=click.Path(dir_okay=False, path_type=Path),
        help=N_("Write the rows that are to be corrected, or are left out, to this CSV, each with its reason."),
    )(command)


@click.command(
    "check",
    cls=Command,
    help=N_(
        "Check a campaign: every row, document and letter, and what it takes. Nothing is sent.\n\n"
        "What stops it is told first, in the rows of your own list; rows without a usable address are left out, and "
        "listed. Without anything that stops it the check gets an id, by which it is started. The status is 1 where "
        "something is to be corrected."
    ),
    epilog="""pec-tracker campaign check "Assemblea 2026"
        pec-tracker campaign check "Assemblea 2026" --rejects da-correggere.csv""",
)
@argument("name", metavar="NAME", help=N_("The campaign, or the beginning of its name."))
@rejects_option
@force_option
@json_option
@pass_cli
def check(cli: Cli, *, name: str, rejects: Path | None, force: bool, as_json: bool) -> Exit:
    """What was found."""
    return check_and_tell(cli, name, rejects, force=force, as_json=as_json)


def check_and_tell(cli: Cli, name: str, rejects: Path | None, *, force: bool, as_json: bool) -> Exit:
    """Check the campaign, say what was found, and write the rows to be corrected."""
    from pec_tracker.service.campaigns.campaigns import campaign_named
    from pec_tracker.service.campaigns.check import check_campaign
    from pec_tracker.service.campaigns.start import to_be_seen, what_would_change

    if rejects is not None:
        refuse_existing(rejects, force=force)
    app = cli.app()
    output = cli.output(as_json=as_json)
    campaign = campaign_named(OPERATOR, app.house, name)
    with _progress(output, _("Checking")) as reach:
        found = check_campaign(OPERATOR, app.house, app.account(campaign.mailbox), campaign.name, progress=reach)
    changes = what_would_change(OPERATOR, app.house, campaign.name) if found.id and campaign.started_check else []
    _write_rejects(output, rejects, found, force=force)
    if as_json:
        output.record(answers.check_facts(found, changes))
    else:
        for line in (*answers.check_lines(found), *answers.change_lines(changes)):
            output.text(line)
        output.text(answers.cost_text(found.cost))
        seen = campaign_named(OPERATOR, app.house, campaign.name).previewed
        unseen = [one for one in to_be_seen(found.due) if one.key not in seen]
        output.text(answers.result_text(found, unseen))
    return Exit.FINDING if found.stops else Exit.DONE


@contextmanager
def _progress(output: Output, label: str) -> "Iterator[Progress]":
    with output.progress(label) as bar:
        yield bar.reach


def _write_rejects(output: Output, file: Path | None, found: "CheckResult", *, force: bool) -> None:
    from pec_tracker.render.tables import to_csv

    columns, rows = answers.rejects_table(found)
    if file is not None and rows:
        export(file, to_csv(columns, rows), force=force)
        output.note(_("Written: {file}").format(file=file))


@click.command(
    "preview",
    cls=Command,
    help=N_(
        "Show letters of a checked campaign as they will be: without --row the first, the last and the largest, which "
        "must be seen before it is started.\n\n"
        "With --to they are written as files too: the message (.eml) and each attachment."
    ),
    epilog="""pec-tracker campaign preview "Assemblea 2026" --to anteprime
        pec-tracker campaign preview "Assemblea 2026" --row 14""",
)
@argument("name", metavar="NAME", help=N_("The campaign, or the beginning of its name."))
@option(
    "--row", "rows", metavar="N", type=int, multiple=True, help=N_("The letter of this row of the list (repeatable).")
)
@option(
    "--to",
    "folder",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help=N_("Write the letters and their attachments into this folder."),
)
@force_option
@json_option
@pass_cli
def preview(cli: Cli, *, name: str, rows: tuple[int, ...], folder: Path | None, force: bool, as_json: bool) -> None:
    """The letters, and what must still be seen."""
    from pec_tracker.service.campaigns.campaigns import campaign_named
    from pec_tracker.service.campaigns.preview import preview as look

    app = cli.app()
    output = cli.output(as_json=as_json)
    campaign = campaign_named(OPERATOR, app.house, name)
    seen = look(OPERATOR, app.house, app.account(campaign.mailbox), campaign.name, rows=rows)
    for one in seen.previews:
        written = _write_preview(one, folder, force=force) if folder is not None else []
        if as_json:
            output.record(campaigns.preview_facts(one, written=written))
        else:
            for line in campaigns.preview_lines(one):
                output.text(line)
            for file in written:
                output.note(_("Written: {file}").format(file=file))
    if not as_json:
        output.text(campaigns.unseen_text(seen))


def _write_preview(one: "Preview", folder: Path, *, force: bool) -> list[str]:
    """The letter and its attachments as files; a folder for each row."""
    target = folder / str(one.letter.number)
    files = {target / f"{index}-{file.name}": file.content for index, file in enumerate(one.documents, 1)}
    if one.raw is not None:
        files[target / "messaggio.eml"] = one.raw
    for path in files:
        refuse_existing(path, force=force)
    with usable(target):
        target.mkdir(parents=True, exist_ok=True)
    for path, content in files.items():
        export(path, content, force=force)
    return [str(path) for path in files]


@click.command(
    "test",
    cls=Command,
    help=N_(
        "Send one letter of a checked campaign to the mailbox itself, marked [PROVA], to see what arrives.\n\n"
        "It is a PEC like any other, and no row counts as sent by it."
    ),
    epilog="""pec-tracker campaign test "Assemblea 2026"
        pec-tracker campaign test "Assemblea 2026" --row 14""",
)
@argument("name", metavar="NAME", help=N_("The campaign, or the beginning of its name."))
@option("--row", metavar="N", type=int, help=N_("The letter of this row of the list (default: the first)."))
@json_option
@pass_cli
def test(cli: Cli, *, name: str, row: int | None, as_json: bool) -> Exit:
    """Queued and sent like any other letter."""
    from pec_tracker.cli.send import queue_and_send
    from pec_tracker.service.campaigns.campaigns import campaign_named
    from pec_tracker.service.campaigns.preview import trial_draft

    app = cli.app()
    campaign = campaign_named(OPERATOR, app.house, name)
    account = app.account(campaign.mailbox)
    draft = trial_draft(OPERATOR, app.house, account, campaign.name, row=row)
    output = cli.output(as_json=as_json)
    if not as_json:
        output.note(_("A trial of {name}, to {address}").format(name=clean(campaign.name), address=account.address))
    return queue_and_send(app.house, output, account, draft)
