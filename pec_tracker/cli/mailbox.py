"""`pec-tracker mailbox`: which mailboxes are there, how is one added, and do their servers take us?"""

import sys
import tomllib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pec_tracker import config_source, texts
from pec_tracker.answers import mailbox as answers
from pec_tracker.answers.plain import clean
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.options import Group, argument, json_option, option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.errors import Exit, PecTrackerError, UsageError
from pec_tracker.pec.sending import SendState
from pec_tracker.texts import N_, _

if TYPE_CHECKING:
    from pec_tracker.config import Config, MailboxConfig
    from pec_tracker.service.mailboxes.add import NewMailbox
    from pec_tracker.service.mailboxes.trial import Trial
    from pec_tracker.service.sending.attempt import Dispatched
    from pec_tracker.wire.endpoint import Endpoint


@click.group("mailbox", cls=Group, help=N_("Add, list and test mailboxes."))
def command() -> None:
    """Only the group: each subcommand says what it does."""


@command.command(
    "list",
    help=N_("List the configured mailboxes, their servers and where their passwords are kept."),
    epilog="pec-tracker mailbox list --json",
)
@json_option
@pass_cli
def list_mailboxes(cli: Cli, *, as_json: bool) -> None:
    """One row a mailbox, in the order of the file."""
    output = cli.output(as_json=as_json)
    mailboxes = cli.config().mailboxes
    if as_json:
        for name, mailbox in mailboxes.items():
            output.record(_facts(name, mailbox))
        return
    output.table(
        [_("Name"), _("Address"), _("Provider"), "SMTP", "IMAP", _("Password")],
        [_row(name, mailbox) for name, mailbox in mailboxes.items()],
    )
    if not mailboxes:
        output.note(_("No mailbox is configured. Add one with: pec-tracker mailbox add"))


def _facts(name: str, mailbox: "MailboxConfig") -> dict[str, Any]:
    from pec_tracker.config import endpoints

    smtp, imap = endpoints(mailbox)
    return {
        "mailbox": name,
        "address": mailbox.address,
        "name": mailbox.name,
        "provider": mailbox.provider,
        "login": mailbox.user,
        "password": {"source": mailbox.secret.source, "name": mailbox.secret.name},
        "smtp": {"host": smtp.host, "port": smtp.port, "security": smtp.security},
        "imap": {"host": imap.host, "port": imap.port, "security": imap.security},
        "sent_folder": mailbox.sent,
        "reply_to": mailbox.reply_to,
    }


def _row(name: str, mailbox: "MailboxConfig") -> list[str]:
    from pec_tracker.config import endpoints

    smtp, imap = endpoints(mailbox)
    secret = f"{mailbox.secret.source}: {mailbox.secret.name}"
    return [name, mailbox.address, mailbox.profile.title, _where(smtp), _where(imap), secret]


def _where(endpoint: "Endpoint") -> str:
    return f"{endpoint.host}:{endpoint.port} {endpoint.security}"


@command.command(
    "add",
    help=N_(
        "Add a mailbox to the configuration file; what is not given is asked for.\n\n"
        "The file keeps its comments, and is made when there is none. A password is never asked for nor written: "
        "name the variable, file or keyring entry (SERVICE/USER) that holds it.\n\n"
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
@option("--address", metavar="ADDRESS", help=N_("The PEC address."))
@option("--provider", metavar="NAME", help=N_("The provider: aruba, legalmail or custom."))
@option("--display-name", metavar="NAME", help=N_("The name shown beside the address."))
@option("--login", metavar="USER", help=N_("The user name, where it is not the address."))
@option("--password-env", metavar="VARIABLE", help=N_("The environment variable that holds the password."))
@option("--password-file", metavar="FILE", help=N_("The file that holds the password."))
@option("--password-keyring", metavar="SERVICE/USER", help=N_("The keyring entry that holds the password."))
@option("--reply-to", metavar="ADDRESS", help=N_("Where answers should go."))
@option("--smtp-host", metavar="HOST", help=N_("The submission server, where it is not the provider's."))
@option("--smtp-port", metavar="PORT", type=click.IntRange(1, 65535), help=N_("Its port."))
@option("--smtp-security", type=click.Choice(["tls", "starttls"]), help=N_("Its encryption."))
@option("--smtp-ca-file", metavar="FILE", help=N_("An authority to trust for it, beside the system's."))
@option("--imap-host", metavar="HOST", help=N_("The IMAP server, where it is not the provider's."))
@option("--imap-port", metavar="PORT", type=click.IntRange(1, 65535), help=N_("Its port."))
@option("--imap-security", type=click.Choice(["tls", "starttls"]), help=N_("Its encryption."))
@option("--imap-ca-file", metavar="FILE", help=N_("An authority to trust for it, beside the system's."))
@json_option
@pass_cli
def add(cli: Cli, /, *, name: str | None, csv_file: Path | None, as_json: bool, **given: Any) -> None:
    """Check everything first, then write the file once."""
    from pec_tracker.service.mailboxes.add import from_csv

    if csv_file is None:
        added = [_asked(name, given)]
    elif name or any(given.values()):
        raise UsageError("--from takes everything from the CSV; leave the other options out")
    else:
        added = from_csv(csv_file, lambda row: _check(row, Path(csv_file.name)))
    file = config_source.to_edit(cli.config_file)
    _add_to(file, added)
    _tell_added(cli.output(as_json=as_json), file, added)


def _asked(name: str | None, given: Mapping[str, Any]) -> "NewMailbox":
    """One mailbox from the options; on a terminal, what is missing is asked for."""
    from pec_tracker.service.mailboxes.add import NewMailbox, settings_of

    cells = {column: None if value is None else str(value) for column, value in given.items()}
    cells["name"] = cells.pop("display_name", None)
    name = name or _ask(_("Name of the mailbox (yours: studio, amministrazione ...)"), "NAME")
    cells["address"] = cells["address"] or _ask(_("PEC address"), "--address")
    cells["provider"] = cells["provider"] or _ask_provider()
    if cells["provider"] == "legalmail":
        cells["login"] = cells["login"] or _ask(_("User ID (M and digits)"), "--login")
    if cells["provider"] == "custom":
        cells["smtp_host"] = cells["smtp_host"] or _ask(_("SMTP server"), "--smtp-host")
        cells["imap_host"] = cells["imap_host"] or _ask(_("IMAP server"), "--imap-host")
    if not any(cells[f"password_{source}"] for source in ("env", "file", "keyring")):
        variable = f"PEC_{name.upper().replace('-', '_')}_PASSWORD"
        cells["password_env"] = _ask(
            _("Environment variable that holds the password"), "--password-env", default=variable
        )
    return NewMailbox(name, settings_of(cells))


def _ask_provider() -> str:
    from pec_tracker.providers import names

    return _ask(_("Provider"), "--provider", choices=names())


def _ask(question: str, declaration: str, *, default: str | None = None, choices: tuple[str, ...] = ()) -> str:
    if not sys.stdin.isatty():
        raise UsageError("{option} is missing, and there is no terminal to ask on", option=declaration)
    answer: str = click.prompt(question, default=default, type=click.Choice(choices) if choices else str, err=True)
    return answer


def _check(row: "NewMailbox", file: Path) -> None:
    """Raise ConfigurationError unless `row` alone is a valid mailbox."""
    from pec_tracker.config import validate

    validate(config_source.Source(file=file, tree={"mailbox": {row.name: row.settings}}))


def _add_to(file: Path, added: list["NewMailbox"]) -> None:
    """Write `added` into `file`, unless the whole would not be a valid configuration."""
    from pec_tracker.config import validate
    from pec_tracker.service.mailboxes.add import with_mailboxes, write

    config_source.read(file if file.exists() else None)  # what is there must be readable before we add to it
    before = file.read_bytes().decode("utf-8-sig") if file.exists() else ""
    after = with_mailboxes(before, added)
    validate(config_source.Source(file=file, tree=tomllib.loads(after)))
    write(file, after)


def _tell_added(output: Output, file: Path, added: list["NewMailbox"]) -> None:
    names = [mailbox.name for mailbox in added]
    if output.json:
        output.record({"file": file, "added": names})
        return
    told = texts.ngettext("{count} mailbox added to {file}.", "{count} mailboxes added to {file}.", len(names))
    output.say(told.format(count=len(names), file=file))
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
    from pec_tracker.config import endpoints, login
    from pec_tracker.service.mailboxes.trial import try_out

    config = cli.config()
    output = cli.output(as_json=as_json)
    status = Exit.DONE
    for name in _chosen(config, names):
        mailbox = config.mailbox(name)
        smtp, imap = endpoints(mailbox)
        trial = try_out(smtp=smtp, imap=imap, login=partial(login, mailbox))
        sent = _send_trial(cli, name) if sending and trial.ready else None
        status = max(status, _status(trial), _sent_status(sent))
        if as_json:
            output.record(answers.trial_facts(name, trial, sent))
        else:
            _tell_trial(output, name, trial, smtp=smtp, imap=imap)
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
        output.record({"mailbox": name, "resumed": True})
    else:
        output.say(_("{name} may log in again.").format(name=clean(name)))


def _chosen(config: "Config", names: tuple[str, ...]) -> tuple[str, ...]:
    if not names and not config.mailboxes:
        raise UsageError("no mailbox is configured; add one with: pec-tracker mailbox add")
    return names or tuple(config.mailboxes)


def _errors(trial: "Trial") -> list[PecTrackerError]:
    probes = [probe.error for probe in (trial.imap, trial.smtp) if probe is not None]
    return [error for error in (trial.secret, *probes) if error is not None]


def _status(trial: "Trial") -> Exit:
    return max((error.status for error in _errors(trial)), default=Exit.DONE)


def _tell_trial(output: Output, name: str, trial: "Trial", *, smtp: "Endpoint", imap: "Endpoint") -> None:
    output.say(answers.ready_text(name, trial))
    if trial.secret:
        output.say(f"  {_('password')}: {texts.error_text(trial.secret)}")
        return
    output.say(f"  IMAP {_where(imap)}: {answers.probe_text(trial.imap)}")
    output.say(f"  SMTP {_where(smtp)}: {answers.probe_text(trial.smtp)}")
