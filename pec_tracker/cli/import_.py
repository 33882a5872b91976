"""`pec-tracker import`: what do the mails of years hold, and what of it is proof?"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from pec_tracker.answers.collected import kind_lines, taken_facts
from pec_tracker.answers.plain import clean
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.history import history_facts, tell_history
from pec_tracker.cli.options import Command, argument, json_option, option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.errors import Exit
from pec_tracker.texts import N_, _, ngettext, notices, words

if TYPE_CHECKING:
    from pec_tracker.app import App
    from pec_tracker.service.house import Account
    from pec_tracker.service.importing.import_ import Imported

# How many mails that belong to no mailbox are named; all are counted, and --json names them all.
NAMED: Final = 5


@click.command(
    "import",
    cls=Command,
    help=N_(
        "Import mails into the archive and the index: .eml and Outlook's .msg files, mbox, Maildir, folders and .zip "
        "of these.\n\n"
        "They are read, verified and linked like collected ones. The same input twice changes nothing. With --mailbox "
        "they are taken as mail of that mailbox; without it as mail of the only one, and of several each goes to the "
        "one that its receipt or its sender names. At the end it says what of the mailbox's past is proof and what is "
        "missing. The status is 1 when a file could not be read or a signature does not hold, 2 when a path does not "
        "exist or a mail names none of the mailboxes."
    ),
    epilog="""pec-tracker import ricevute/
        pec-tracker import archivio-2019.zip posta.mbox --mailbox studio
        pec-tracker import --json Maildir/ | jq .verdicts""",
)
@option("--mailbox", metavar="NAME", help=N_("The mailbox that the mails belong to."))
@json_option
@argument(
    "paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path), help=N_("What to import.")
)
@pass_cli
def command(cli: Cli, *, mailbox: str | None, as_json: bool, paths: tuple[Path, ...]) -> Exit:
    """Import everything, and count."""
    from pec_tracker.service.importing.history import history

    app = cli.app()
    account = app.account(mailbox) if mailbox is not None else None
    output = cli.output(as_json=as_json)
    imported = _bring_in(app, output, paths, account)
    past = history(OPERATOR, app.house, sorted(imported.archived))
    if as_json:
        output.record({**_facts(app, imported), "history": history_facts(past)})
    else:
        _tell(output, app, imported)
        tell_history(output, past)
    if imported.homeless:
        _tell_homeless(app, imported)
    return _status(imported)


def _bring_in(app: "App", output: Output, paths: Sequence[Path], account: "Account | None") -> "Imported":
    """Import; what belongs to no mailbox is asked about on a terminal, once for all of it."""
    from pec_tracker.service.importing.import_ import bring_in

    accounts = app.accounts()
    with output.progress(_("Importing")) as progress:
        imported = bring_in(OPERATOR, app.house, paths, accounts=accounts, account=account, progress=progress.reach)
    chosen = _ask(imported, [one.name for one in accounts]) if imported.homeless and not output.json else ""
    if not chosen:
        return imported
    left = {one.sha256 for one in imported.homeless}
    with output.progress(_("Importing")) as progress:
        rest = bring_in(
            OPERATOR,
            app.house,
            paths,
            accounts=accounts,
            account=app.account(chosen),
            only=left,
            progress=progress.reach,
        )
    archived = {
        row_id: imported.archived.get(row_id, 0) + rest.archived.get(row_id, 0)
        for row_id in imported.archived.keys() | rest.archived.keys()
    }
    linked = imported.linked + rest.linked
    return replace(imported, archived=archived, taken=imported.taken + rest.taken, linked=linked, homeless=())


def _ask(imported: "Imported", names: Sequence[str]) -> str:
    """The mailbox for what names none; empty: leave it out, as where there is no terminal."""
    if not sys.stdin.isatty():
        return ""
    count = len(imported.homeless)
    question = ngettext(
        "{count} mail names none of your mailboxes ({names}). Which one does it belong to? Nothing: leave it out",
        "{count} mails name none of your mailboxes ({names}). Which one do they belong to? Nothing: leave them out",
        count,
    )
    choices = click.Choice([*names, ""])
    answer: str = click.prompt(
        question.format(count=count, names=", ".join(names)),
        default="",
        show_default=False,
        type=choices,
        show_choices=False,
        err=True,
    )
    return answer


def _status(imported: "Imported") -> Exit:
    if imported.homeless or any(unread.reason == "not-there" for unread in imported.unread):
        return Exit.USAGE
    unproven = sum(count for verdict, count in (imported.taken.verdicts or {}).items() if verdict != "trusted")
    return Exit.FINDING if imported.unread or unproven else Exit.DONE


def _mailboxes(app: "App", imported: "Imported") -> dict[str, int]:
    """How many mails went into which configured mailbox."""
    return {one.name: imported.archived[one.id] for one in app.accounts() if one.id in imported.archived}


def _tell_homeless(app: "App", imported: "Imported") -> None:
    """An error that says what was left out and how it comes in; what belongs to a mailbox is there already."""
    count = len(imported.homeless)
    text = ngettext(
        "{count} mail names none of the mailboxes and was left out: {files}. Import it again and say which mailbox, "
        "with --mailbox; configured: {names}",
        "{count} mails name none of the mailboxes and were left out: {files}. Import them again and say which mailbox, "
        "with --mailbox; configured: {names}",
        count,
    )
    files = [clean(one.source) for one in imported.homeless[:NAMED]]
    if count > NAMED:
        files.append(_("and {count} more").format(count=count - NAMED))
    message = text.format(count=count, files=", ".join(files), names=", ".join(app.config.mailboxes))
    click.echo(_("Error: {message}").format(message=message), err=True)


def _facts(app: "App", imported: "Imported") -> dict[str, Any]:
    return {
        "mails": imported.files,
        "mailboxes": _mailboxes(app, imported),
        **taken_facts(imported.taken),
        "linked": imported.linked,
        "unread": [{"source": unread.source, "reason": unread.reason} for unread in imported.unread],
        "without_mailbox": [{"source": one.source, "sha256": one.sha256} for one in imported.homeless],
    }


def _tell(output: Output, app: "App", imported: "Imported") -> None:
    taken = imported.taken
    if taken.archived:
        told = ngettext("{count} mail archived", "{count} mails archived", taken.archived)
        output.say(
            _("{archived}, {known} known already").format(archived=told.format(count=taken.archived), known=taken.known)
        )
        shares = _mailboxes(app, imported)
        if len(app.config.mailboxes) > 1:
            for name, count in shares.items():
                output.say(_("{count:>6}  into the mailbox {name}").format(count=count, name=name))
        for line in kind_lines(taken.kinds):
            output.say(line)
        _tell_verdicts(output, imported)
    elif taken.known:
        output.say(_("Nothing new: all {count} mails are in the archive already.").format(count=taken.known))
    elif not imported.homeless:
        output.say(_("No mail was found there."))
    for unread in imported.unread:
        reason = words.word(notices.UNREAD, unread.reason)
        line = _("{file}: not imported ({reason})").format(file=clean(unread.source), reason=reason)
        click.echo(line, err=True)


def _tell_verdicts(output: Output, imported: "Imported") -> None:
    """What can be proof and what cannot, by verdict."""
    if imported.taken.verdicts:
        output.say(_("Signatures (only the trusted ones can be proof):"))
    for verdict in words.VERDICTS:
        count = (imported.taken.verdicts or {}).get(verdict, 0)
        if count:
            output.say(f"{count:>6}  {words.word(words.VERDICTS, verdict)}")
    if imported.linked:
        output.say(_("{count} mails that waited found their message.").format(count=imported.linked))
