"""`pec-tracker mailbox edit` and `rename`: how is a mailbox changed without losing what is archived of it?"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from pec_tracker import config_source
from pec_tracker.answers import mailbox as answers
from pec_tracker.answers.plain import clean
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.asking import ask_password, changed_options, complain
from pec_tracker.cli.options import Command, argument, json_option, option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.cli.trying import config_of, is_refused, status_of, tell_trial, tried
from pec_tracker.errors import Exit, PecTrackerError
from pec_tracker.texts import N_, _

if TYPE_CHECKING:
    from pec_tracker.config import Config
    from pec_tracker.service.mailboxes.configured import Configured
    from pec_tracker.service.mailboxes.edit import Changes
    from pec_tracker.service.mailboxes.trial import Trial

PASSWORDS: Final = 3  # so many may be typed: providers lock accounts
NONE: Final = "-"  # typed where nothing is wanted

Given = dict[str, str | int | float | None]


@click.command(
    "edit",
    cls=Command,
    help=N_(
        "Change a mailbox: its servers, user, password, provider, shown name, pace.\n\n"
        "On a terminal everything is asked, with what holds now; otherwise options say what changes, and an empty text "
        "takes it out, so that the provider's own holds again. Another provider brings its own servers and user. The "
        "servers are tried first, and nothing is changed where they do not take the mailbox. The file keeps its "
        "comments. Another address is another mailbox: `mailbox add`."
    ),
    epilog="""pec-tracker mailbox edit studio
        pec-tracker mailbox edit studio --smtp-host pro-smtps.example.it --smtp-port 465
        pec-tracker mailbox edit studio --display-name "Studio Rossi" --pace 4
        pec-tracker mailbox edit studio --provider aruba --password-env PEC_STUDIO_PASSWORD""",
)
@argument("name", metavar="NAME", help=N_("The mailbox."))
@changed_options
@option("--pace", "messages_per_minute", metavar="NUMBER", type=click.FloatRange(0, min_open=True),
        help=N_("How many messages a minute may leave."))  # fmt: skip
@option("--sent-folder", metavar="FOLDER", help=N_("The folder of sent messages."))
@option("--no-test", "untested", is_flag=True, help=N_("Change it without trying the servers."))
@json_option
@pass_cli
def edit(cli: Cli, /, *, name: str, untested: bool, as_json: bool, **given: Any) -> Exit:
    """What is to change, the servers' word about it, then the file."""
    from pec_tracker.service.mailboxes.edit import changes_of, section_of

    file, output, config = config_source.to_edit(cli.config_file), cli.output(as_json=as_json), cli.config()
    section = section_of(file, name)
    given["name"] = given.pop("display_name")
    password = ""
    asked = all(value is None for value in given.values()) and sys.stdin.isatty() and not as_json
    if asked:
        given, password = _asked(file, _configured(config, name), section)
    changes = changes_of(section, given)
    if not changes and not password:
        return _nothing(output, file, name, asked=asked)
    trial = None
    if not untested and (changes.at_the_servers or password):
        trial, password = _tried(output, file, name, changes, password)
        if not trial.ready:
            _tell_refused(output, file, name, trial)
            return status_of(trial)
    changes = _with_password_kept(cli, file, name, changes, password)
    _replace(output, file, name, changes, trial)
    return Exit.DONE


def _configured(config: "Config", name: str) -> "Configured":
    from pec_tracker.config import configured

    return next(one for one in configured(config) if one.name == name)


def _nothing(output: Output, file: Path, name: str, *, asked: bool) -> Exit:
    """Nothing differs from what holds already."""
    if not asked and not output.json:
        output.note(_("Say what is to change with options; on a terminal without any it is asked."))
    if output.json:
        output.record(answers.changed_facts(file, name, (), None))
    else:
        output.say(clean(answers.changed_text(file, name, ())))
    return Exit.DONE


# --- asked ---


def _asked(file: Path, one: "Configured", section: Mapping[str, Any]) -> tuple[Given, str]:
    """What a person changes, one question after the other, and the password where a new one is typed."""
    from pec_tracker.config import needs
    from pec_tracker.own_providers import beside

    given: Given = {}
    needed = needs(beside(file))
    now: dict[str, str | int] = {
        "name": one.display_name or "", "provider": one.provider, "login": one.login,
        "smtp_host": one.smtp.host, "smtp_port": one.smtp.port, "smtp_security": one.smtp.security.value,
        "imap_host": one.imap.host, "imap_port": one.imap.port, "imap_security": one.imap.security.value,
    }  # fmt: skip
    _ask_for("name", file, one.name, section, given, now)
    _ask_for("provider", file, one.name, section, given, now, kind=click.Choice(tuple(needed)))
    if "provider" in given:
        for column in needed[str(given["provider"])]:
            _ask_for(column, file, one.name, section, given, {})
    else:
        for column in list(now)[2:]:
            port, security = column.endswith("_port"), column.endswith("_security")
            kind = click.IntRange(1, 65535) if port else click.Choice(["tls", "starttls"]) if security else None
            _ask_for(column, file, one.name, section, given, now, kind=kind)
    return given, ask_password(again=True)


def _ask_for(
    column: str,
    file: Path,
    name: str,
    section: Mapping[str, Any],
    given: Given,
    now: Mapping[str, str | int],
    *,
    kind: click.ParamType[Any] | None = None,
) -> None:
    """Ask for *column* until the answer fits, and put it into *given* where it is another than what holds *now*."""
    present = now.get(column)
    while True:
        answer = click.prompt(
            answers.question_text(column), default=present, show_default=bool(present), type=kind, err=True
        )
        # Of another host neither port nor encryption follows from the provider: what was agreed to is written down.
        moved = column.endswith(("_port", "_security")) and f"{column.partition('_')[0]}_host" in given
        if answer == present and not moved:
            return
        answer = "" if answer == NONE else answer
        try:
            _check(file, name, section, {**given, column: answer})
        except PecTrackerError as error:
            complain(error)
        else:
            given[column] = answer
            return


def _check(file: Path, name: str, section: Mapping[str, Any], given: Given) -> None:
    """ConfigurationError where the answers so far fit no configuration, whatever those to come are."""
    from pec_tracker.config import needs, validate
    from pec_tracker.own_providers import beside
    from pec_tracker.service.mailboxes.edit import changes_of, text_changed

    to_come = dict.fromkeys(needs(beside(file))[str(given["provider"])], "x") if "provider" in given else {}
    text_changed(file, name, changes_of(section, {**to_come, **given}), validate)


# --- tried and replaced ---


def _tried(output: Output, file: Path, name: str, changes: "Changes", password: str) -> "tuple[Trial, str]":
    """What the servers say to the mailbox as it would be; a password that is typed may be typed again."""
    from pec_tracker.config import validate
    from pec_tracker.service.mailboxes.edit import text_changed

    config = config_of(text_changed(file, name, changes, validate), file)
    for left in range(PASSWORDS - 1, -1, -1):
        one, trial = tried(config, name, password=password or None)
        if not output.json:
            tell_trial(output, name, one, trial)
        if not (is_refused(trial) and password and left and (typed := ask_password(again=True))):
            break
        password = typed
    return trial, password


def _tell_refused(output: Output, file: Path, name: str, trial: "Trial") -> None:
    if output.json:
        output.record(answers.changed_facts(file, name, (), trial))
    else:
        output.note(_("Nothing was changed. Correct what the server said, or change it untried with --no-test."))


def _with_password_kept(cli: Cli, file: Path, name: str, changes: "Changes", password: str) -> "Changes":
    """The password that was typed takes the place of the one before, where that can be; else the file names a new
    place."""
    from pec_tracker import secret
    from pec_tracker.service.mailboxes.draft import SERVICE
    from pec_tracker.service.mailboxes.edit import SECRETS, Changes

    if not password:
        return changes
    before = cli.config().mailbox(name).secret
    entry, own_file = f"{SERVICE}/{name}", file.parent / f"{name}.password"
    ref = secret.keep_again(password, before, entry=entry, file=own_file)
    if ref == before:
        return changes
    gone = {column: None for column in SECRETS if column == f"password_{before.source.value}"}
    return Changes({**changes.values, **gone, f"password_{ref.source.value}": ref.name})


def _replace(output: Output, file: Path, name: str, changes: "Changes", trial: "Trial | None") -> None:
    from pec_tracker.config import validate
    from pec_tracker.service.mailboxes.add import write
    from pec_tracker.service.mailboxes.edit import text_changed

    if changes:
        write(file, text_changed(file, name, changes, validate))
    if output.json:
        output.record(answers.changed_facts(file, name, changes.values, trial))
        return
    output.say(clean(answers.changed_text(file, name, changes.values) if changes else answers.password_text(name)))


@click.command(
    "rename",
    cls=Command,
    help=N_(
        "Call a mailbox otherwise. It stays the same one: its letters, receipts and proof stay its own.\n\n"
        "Its section in the configuration file is renamed, the former name is written into it (`formerly`), and "
        "logins of the gateway follow. Commands and scripts name it by the new name from then on."
    ),
    epilog="pec-tracker mailbox rename studio studio-rossi",
)
@argument("name", metavar="NAME", help=N_("The mailbox."))
@argument("new", metavar="NAME", help=N_("What it is called from now on: lower-case letters, digits, - and _."))
@json_option
@pass_cli
def rename(cli: Cli, *, name: str, new: str, as_json: bool) -> None:
    """The file first, in one step: from then on every command finds the mailbox by its former name."""
    from pec_tracker.config import validate
    from pec_tracker.service.mailboxes.add import write
    from pec_tracker.service.mailboxes.edit import section_of, text_renamed
    from pec_tracker.service.mailboxes.known import require_free

    file, app = config_source.to_edit(cli.config_file), cli.app()
    account = app.account(name)
    section_of(file, account.name)
    require_free(OPERATOR, app.house, account, new)
    write(file, text_renamed(file, account.name, new, validate))
    cli.forget()
    cli.app().account(new)
    output = cli.output(as_json=as_json)
    if as_json:
        output.record(answers.renamed_facts(file, account.name, new))
    else:
        output.say(clean(answers.renamed_text(account.name, new)))
