"""`pec-tracker mailbox`: which mailboxes are there, how is one added, and do their servers take us?"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from pec_tracker import config_source
from pec_tracker.answers import mailbox as answers
from pec_tracker.answers.plain import clean
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.asking import completed, draft_of, house_rules, mailbox_options
from pec_tracker.cli.mailbox_edit import edit, rename
from pec_tracker.cli.options import Group, argument, json_option, option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.cli.trying import status_of, tell_trial, tried
from pec_tracker.errors import Exit, UsageError
from pec_tracker.pec.sending import SendState
from pec_tracker.texts import N_, _

if TYPE_CHECKING:
    from pec_tracker.config import Config
    from pec_tracker.service.mailboxes.add import NewMailbox
    from pec_tracker.service.sending.attempt import Dispatched

_EDITING: Final = ("change", "set", "modify", "update")


class Mailboxes(Group):
    """The commands, and a word for who looks for one by another name."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that `args` begin with; whoever would change a mailbox is told how."""
        if args and args[0] in _EDITING:
            raise UsageError("a mailbox is changed with: pec-tracker mailbox edit NAME")
        return super().resolve_command(ctx, args)


@click.group("mailbox", cls=Mailboxes, help=N_("Add, list, test, change and remove mailboxes."))
def command() -> None:
    """Only the group: each subcommand says what it does."""


command.add_command(edit)
command.add_command(rename)


@command.command(
    "list",
    help=N_("List the configured mailboxes, their servers and where their passwords are kept."),
    epilog="pec-tracker mailbox list --json",
)
@json_option
@pass_cli
def list_mailboxes(cli: Cli, *, as_json: bool) -> None:
    """One row a mailbox, in the order of the file."""
    from pec_tracker.config import configured

    output = cli.output(as_json=as_json)
    mailboxes = configured(cli.config())
    if as_json:
        for one in mailboxes:
            output.record(answers.configured_facts(one))
        return
    output.table(*answers.table(mailboxes))
    if not mailboxes:
        output.note(_("No mailbox is configured. Add one with: pec-tracker mailbox add"))


@command.command(
    "add",
    help=N_(
        "Add a mailbox to the configuration file; what is not given is asked for.\n\n"
        "The file keeps its comments, and is made when there is none. It never holds a password: name the variable, "
        "file or keyring entry (SERVICE/USER) that does. One that is asked for goes into this computer's keyring or, "
        "where there is none, into a file beside the configuration that only you can read; then the mailbox is "
        "tested.\n\n"
        "--from adds many at once, all or none. The first line of the CSV names its columns: mailbox, address, "
        "provider, and any of name, login, password_env, password_file, password_keyring, reply_to, sent_folder, "
        "smtp_host, smtp_port, smtp_security, smtp_ca_file, and the same with imap."
    ),
    epilog="""pec-tracker mailbox add
        pec-tracker mailbox add studio --address studio@pec.it --provider aruba --password-env PEC_STUDIO_PASSWORD
        pec-tracker mailbox add --from mailboxes.csv""",
)
@argument("name", metavar="[NAME]", required=False, help=N_("The mailbox's name: lower-case letters, digits, - and _."))
@option("--from", "csv_file", metavar="CSV", type=click.Path(path_type=Path), help=N_("Add all mailboxes of this CSV."))
@mailbox_options
@json_option
@pass_cli
def add(cli: Cli, /, *, name: str | None, csv_file: Path | None, as_json: bool, **given: Any) -> Exit:
    """Check everything first, then write the file once; what was asked for is then tried out."""
    from pec_tracker.config import validate
    from pec_tracker.own_providers import beside
    from pec_tracker.service.mailboxes import add as service

    file, output = config_source.to_edit(cli.config_file), cli.output(as_json=as_json)
    if csv_file is not None:
        if name or any(given.values()):
            raise UsageError("--from takes everything from the CSV; leave the other options out")
        added = service.from_csv(csv_file, partial(validate, providers=beside(file)))
        service.add(file, added, validate)
        _tell_added(output, file, added)
        return Exit.DONE
    rules = house_rules(file)
    begun = draft_of(name, given)
    draft = completed(begun, file, rules)
    draft.check(file, rules)
    kept = draft.with_password_kept(file)
    service.add(file, [kept.mailbox], validate)
    asked = draft != begun and not as_json
    _tell_added(output, file, [kept.mailbox], tried=asked)
    if not asked:
        return Exit.DONE
    if kept != draft and (told := answers.kept_text(kept.mailbox.settings, file.parent)):
        output.note(told)
    return _try_out(cli, output, (kept.name,), sending=False)


def _tell_added(output: Output, file: Path, added: "Sequence[NewMailbox]", *, tried: bool = False) -> None:
    names = [mailbox.name for mailbox in added]
    if output.json:
        output.record(answers.added_facts(file, names))
        return
    output.say(answers.added_text(file, names))
    if not tried:
        output.note(_("Test it with: pec-tracker mailbox test {names}").format(names=" ".join(names)))


@command.command(
    "test",
    help=N_(
        "Log into both servers of each mailbox, and say what is wrong and what to do.\n\n"
        "Checks addresses, ports, encryption, certificates, password, folders and quota; changes nothing. A password "
        "that one server refused is not offered to the other: providers lock accounts."
    ),
    epilog="""pec-tracker mailbox test
        pec-tracker mailbox test studio --send
        pec-tracker mailbox test --json""",
)
@argument("names", metavar="[NAME]...", nargs=-1, help=N_("Mailboxes to test (default: all)."))
@option("--send", "sending", is_flag=True, help=N_("Then send a trial PEC from each mailbox to itself."))
@json_option
@pass_cli
def try_mailboxes(cli: Cli, *, names: tuple[str, ...], sending: bool, as_json: bool) -> Exit:
    """Try each mailbox in turn; the status is the worst of what was found."""
    return _try_out(cli, cli.output(as_json=as_json), names, sending=sending)


def _try_out(cli: Cli, output: Output, names: Sequence[str], *, sending: bool) -> Exit:
    config = cli.config()
    status = Exit.DONE
    for name in _chosen(config, names):
        one, trial = tried(config, name)
        sent = _send_trial(cli, name) if sending and trial.ready else None
        status = max(status, _sent_status(sent), status_of(trial))
        if output.json:
            output.record(answers.trial_facts(name, trial, sent))
        else:
            tell_trial(output, name, one, trial)
            if not trial.ready:
                output.note(
                    _("Change its servers, user or password with: pec-tracker mailbox edit {name}").format(name=name)
                )
            _tell_sent(output, sent)
    return status


def _send_trial(cli: Cli, name: str) -> "Dispatched | None":
    from pec_tracker.service.sending.trial_message import send_trial

    app = cli.app()
    return send_trial(OPERATOR, app.house, app.account(name))


def _sent_status(sent: "Dispatched | None") -> Exit:
    return Exit.DONE if sent is None or sent.send_state == SendState.SUBMITTED else Exit.SERVER


def _tell_sent(output: Output, sent: "Dispatched | None") -> None:
    if sent is None:
        return
    output.say(f"  {clean(answers.sent_text(sent))}")
    output.note(_("See its receipts with: pec-tracker collect, then pec-tracker show {key}").format(key=sent.key))


@command.command(
    "remove",
    help=N_(
        "Take a mailbox out of the configuration file; the rest of the file stays as it is.\n\n"
        "What is archived of it stays, with its proof. It is no longer collected, and nothing is sent from it: while "
        "messages of it wait to leave, it is not removed. Where its password is kept is for you to clear."
    ),
    epilog="pec-tracker mailbox remove studio",
)
@argument("name", metavar="NAME", help=N_("The mailbox."))
@json_option
@pass_cli
def remove(cli: Cli, *, name: str, as_json: bool) -> None:
    """Nothing of the house is changed."""
    from pec_tracker.config import validate
    from pec_tracker.service.mailboxes.add import text_without, write
    from pec_tracker.service.sending.outbox import require_none_waiting

    app = cli.app()
    account = app.account(name)
    require_none_waiting(OPERATOR, app.house, account)
    file = config_source.to_edit(cli.config_file)
    write(file, text_without(file, account.name, validate))
    output = cli.output(as_json=as_json)
    if as_json:
        output.record(answers.removed_facts(file, account.name))
    else:
        output.say(clean(answers.removed_text(file, account.name)))


@command.command(
    "resume",
    help=N_(
        "Let a mailbox log in again that was suspended because its password was refused.\n\n"
        "Not needed when the password was corrected: a mailbox resumes by itself with a new one."
    ),
    epilog="pec-tracker mailbox resume studio",
)
@argument("name", metavar="NAME", help=N_("The mailbox."))
@json_option
@pass_cli
def resume_mailbox(cli: Cli, *, name: str, as_json: bool) -> None:
    """Forget the refusal: a person knows better."""
    from pec_tracker.service.mailboxes.login import resume

    app = cli.app()
    resume(OPERATOR, app.house, app.account(name))
    output = cli.output(as_json=as_json)
    if as_json:
        output.record(answers.resumed_facts(name))
    else:
        output.say(clean(answers.resumed_text(name)))


@command.command(
    "acknowledge",
    help=N_(
        "Say in writing that a mailbox's provider agreed to automatic programs.\n\n"
        "Some contracts allow them only by agreement (provider show). Until somebody says by which, what the gateway "
        "or a campaign queued stays in the outbox; a letter that you send yourself leaves all the same. Who said so, "
        "when and what are written into the ledger."
    ),
    epilog='pec-tracker mailbox acknowledge studio --note "agreement of 3 March 2026, prot. 1204"',
)
@argument("name", metavar="NAME", help=N_("The mailbox."))
@option("--note", metavar="TEXT", required=True, help=N_("By which agreement; it is kept in the ledger."))
@json_option
@pass_cli
def acknowledge_agreement(cli: Cli, *, name: str, note: str, as_json: bool) -> None:
    """A person's word, in writing."""
    from pec_tracker.service.mailboxes.agreement import acknowledge

    app = cli.app()
    account = app.account(name)
    acknowledge(OPERATOR, app.house, account, note=note)
    output = cli.output(as_json=as_json)
    if as_json:
        output.record(answers.acknowledged_facts(name, account.agreement or ""))
    else:
        output.say(clean(answers.acknowledged_text(name)))


def _chosen(config: "Config", names: Sequence[str]) -> Sequence[str]:
    if not names and not config.mailboxes:
        raise UsageError("no mailbox is configured; add one with: pec-tracker mailbox add")
    return names or tuple(config.mailboxes)
