"""`pec-tracker import`: what do the mails of years hold, and what of it is proof?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pec_tracker.cli.collect import kind_lines, taken_facts
from pec_tracker.cli.history import history_facts, tell_history
from pec_tracker.cli.options import Command, argument, json_option, option
from pec_tracker.cli.output import Output, clean
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.errors import Exit
from pec_tracker.texts import N_, _, ngettext, notices, words

if TYPE_CHECKING:
    from pec_tracker.service.import_ import Imported


@click.command(
    "import",
    cls=Command,
    help=N_(
        "Import mails into the archive and the index: .eml and Outlook's .msg files, mbox, Maildir, folders and .zip "
        "of these.\n\n"
        "They are read, verified and linked like collected ones. The same input twice changes nothing. With --mailbox "
        "they are taken as mail of that mailbox. At the end it says what of the mailbox's past is proof and what is "
        "missing. The status is 1 when a file could not be read or a signature does not hold, 2 when a path does not "
        "exist."
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
    from pec_tracker.service.history import history
    from pec_tracker.service.import_ import bring_in

    app = cli.app()
    account = app.account(mailbox) if mailbox is not None else None
    output = cli.output(as_json=as_json)
    with output.progress(_("Importing")) as progress:
        imported = bring_in(app.house, paths, account=account, progress=progress.reach)
    past = history(app.house, [imported.mailbox_id])
    if as_json:
        output.record({**_facts(imported), "history": history_facts(past)})
    else:
        _tell(output, imported)
        tell_history(output, past)
    return _status(imported)


def _status(imported: "Imported") -> Exit:
    if any(unread.reason == "not-there" for unread in imported.unread):
        return Exit.USAGE
    unproven = sum(count for verdict, count in (imported.taken.verdicts or {}).items() if verdict != "trusted")
    return Exit.FINDING if imported.unread or unproven else Exit.DONE


def _facts(imported: "Imported") -> dict[str, Any]:
    return {
        "mails": imported.files,
        **taken_facts(imported.taken),
        "linked": imported.linked,
        "unread": [{"source": unread.source, "reason": unread.reason} for unread in imported.unread],
    }


def _tell(output: Output, imported: "Imported") -> None:
    taken = imported.taken
    if taken.archived:
        told = ngettext("{count} mail archived", "{count} mails archived", taken.archived)
        output.say(
            _("{archived}, {known} known already").format(archived=told.format(count=taken.archived), known=taken.known)
        )
        for line in kind_lines(taken.kinds):
            output.say(line)
        _tell_verdicts(output, imported)
    elif imported.files:
        output.say(_("Nothing new: all {count} mails are in the archive already.").format(count=imported.files))
    else:
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
