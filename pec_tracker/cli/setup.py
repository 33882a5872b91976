"""`pec-tracker setup`: how does somebody who comes from a webmail begin? Asked, tried out, written down, and proven.

Nothing is written before the servers took the password, or could not be asked. Run again it goes on where it was.
"""

import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from pec_tracker import config_source
from pec_tracker.answers import mailbox as answers
from pec_tracker.answers.followed import followed_facts
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.asking import agreed, ask_password, completed, draft_of, house_rules, mailbox_options
from pec_tracker.cli.following import DEADLINE, deadline_option, followed, status_of, tell_ending
from pec_tracker.cli.options import Command, argument, json_option, option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.cli.stopping import until_told
from pec_tracker.cli.trying import config_of, is_refused, tell_trial, tried
from pec_tracker.cli.trying import status_of as trial_status
from pec_tracker.errors import Exit, UsageError
from pec_tracker.texts import N_, _

if TYPE_CHECKING:
    from pec_tracker.service.house import Account, House
    from pec_tracker.service.mailboxes.draft import Draft
    from pec_tracker.service.mailboxes.trial import Trial
    from pec_tracker.service.rounds.follow import Followed

PASSWORDS: Final = 3  # so many may be typed: providers lock accounts
RECENT: Final = timedelta(hours=24)  # a trial message that is older is given up: its outcome would have come


@click.command(
    "setup",
    cls=Command,
    help=N_(
        "Connect a PEC mailbox and prove that it works.\n\n"
        "Asks for the address, the provider (known by many addresses) and the password, which is not shown and is kept "
        "in this computer's keyring or in a file that only you can read. Tries both servers, says what is wrong and "
        "what to do, writes the configuration file, then offers a trial PEC to yourself and follows it until it is "
        "delivered. Nothing that is configured is changed; run again it goes on where it was.\n\n"
        "Without a terminal everything is said by options; the provider and the name may be left out where the address "
        "tells them."
    ),
    epilog="""pec-tracker setup
        pec-tracker setup --address studio.rossi@pec.it --password-env PEC_PASSWORD --trial
        pec-tracker setup studio --address studio@pec.example.it --provider legalmail --login M1234567""",
)
@argument("name", metavar="[NAME]", required=False, help=N_("The mailbox's name: lower-case letters, digits, - and _."))
@mailbox_options
@option("--trial/--no-trial", "trial_wanted", default=None,
        help=N_("Send a trial PEC to yourself (default: you are asked; without a terminal none is sent)."))  # fmt: skip
@deadline_option
@json_option
@pass_cli
def command(
    cli: Cli,
    /,
    *,
    name: str | None,
    trial_wanted: bool | None,
    deadline: timedelta | None,
    as_json: bool,
    **given: Any,
) -> Exit:
    """The mailbox first, then its servers, then a PEC to itself."""
    file, output = config_source.to_edit(cli.config_file), cli.output(as_json=as_json)
    cli.start_logs()
    if file.exists():
        cli.config()  # its language, and whether it can be read at all
        cli.forget()
    begun = draft_of(name, given)
    there = _configured_already(file, begun)
    if there is None:
        name, trial = _add(output, file, begun)
    else:
        name, trial = there, _try_again(cli, output, file, there)
    added = there is None and not is_refused(trial)
    facts = {"file": file, "added": added, **answers.trial_facts(name, trial, None)}
    if not trial.ready:
        if not as_json:
            output.note(_next_after_failure(name, trial, added=added or there is not None))
        return _end(output, facts, None, trial_status(trial))
    cli.forget()
    app = cli.app()
    ended = _prove(app.house, output, app.account(name), wanted=trial_wanted, deadline=deadline or DEADLINE)
    if not as_json:
        _tell_next(output, name, ended)
    return _end(output, facts, ended, Exit.DONE if ended is None else status_of(ended))


def _end(output: Output, facts: Mapping[str, Any], ended: "Followed | None", status: Exit) -> Exit:
    if output.json:
        outcome = None if ended is None else {"key": ended.message.key, **followed_facts(ended)}
        output.record({**facts, "outcome": outcome})
    return status


def _configured_already(file: Path, begun: "Draft") -> str | None:
    """The configured mailbox that is meant, to go on with it; None: a new one. UsageError where it is another."""
    from pec_tracker.service.mailboxes.add import NAME_COLUMN, cells_of
    from pec_tracker.service.mailboxes.draft import ADDRESS

    tree = config_source.read(file if file.exists() else None).tree
    mailboxes: Mapping[str, Mapping[str, Any]] = tree.get("mailbox", {})
    given = {column: text for column, text in begun.cells.items() if text and column != NAME_COLUMN}
    address = (given.get(ADDRESS) or "").lower()
    named = [one for one, keys in mailboxes.items() if str(keys.get("address", "")).lower() == address]
    name = begun.name or next(iter(named), None)
    if name is None and not address and len(mailboxes) == 1:
        name = next(iter(mailboxes))
    if name is None or name not in mailboxes:
        return None
    own = cells_of(mailboxes[name])
    if any(own.get(column, "").lower() != text.lower() for column, text in given.items()):
        raise UsageError(
            "{name} is configured already, with other settings, and setup changes nothing of it; change them with: "
            "pec-tracker mailbox edit {name}",
            name=name,
        )
    return name


def _try_again(cli: Cli, output: Output, file: Path, name: str) -> "Trial":
    if not output.json:
        output.say(_("{name} is configured in {file}; its servers are tried.").format(name=name, file=file))
    one, trial = tried(cli.config(), name)
    if not output.json:
        tell_trial(output, name, one, trial)
    return trial


def _add(output: Output, file: Path, begun: "Draft") -> "tuple[str, Trial]":
    """Ask, try out, write down: what a server refused is not written."""
    from pec_tracker.config import validate
    from pec_tracker.service.mailboxes import add as service
    from pec_tracker.service.mailboxes.draft import ADDRESS_FIRST

    rules = house_rules(file)
    if sys.stdin.isatty() and not output.json:
        output.note(_("A PEC mailbox is connected. It is written into {file}.").format(file=file))
    taken = config_source.read(file if file.exists() else None).tree.get("mailbox", {})
    draft = completed(begun, file, rules, order=ADDRESS_FIRST, taken=taken)
    draft.check(file, rules)
    for left in range(PASSWORDS - 1, -1, -1):
        config = config_of(service.text_with(file, [draft.as_if().mailbox], validate), file)
        one, trial = tried(config, draft.name, password=draft.password or None)
        if not output.json:
            tell_trial(output, draft.name, one, trial)
        if not (is_refused(trial) and draft.password and left and sys.stdin.isatty()):
            break
        typed = ask_password(again=True)
        if not typed:
            break
        draft = draft.answered("password", typed)
    if not is_refused(trial):
        _write(output, file, draft)
    return draft.name, trial


def _write(output: Output, file: Path, draft: "Draft") -> None:
    """The password first: a file that names one that is not kept would be of no use."""
    from pec_tracker.config import validate
    from pec_tracker.service.mailboxes import add as service

    kept = draft.with_password_kept(file)
    service.add(file, [kept.mailbox], validate)
    if output.json:
        return
    output.say(answers.added_text(file, [kept.name]))
    if kept != draft and (told := answers.kept_text(kept.mailbox.settings, file.parent)):
        output.note(told)


def _next_after_failure(name: str, trial: "Trial", *, added: bool) -> str:
    if not added:
        return _("Nothing was written. Once that is mended: pec-tracker setup")
    if is_refused(trial) or trial.secret is not None:
        return _(
            "Correct its password or user: pec-tracker mailbox edit {name}, then go on: pec-tracker setup {name}"
        ).format(name=name)
    return _("What you said is kept. Once that is mended: pec-tracker setup {name}").format(name=name)


def _prove(
    house: "House", output: Output, account: "Account", *, wanted: bool | None, deadline: timedelta
) -> "Followed | None":
    """A trial PEC, followed; one that a run before has sent is followed on. None where none is wanted."""
    from pec_tracker.pec.states import State
    from pec_tracker.service.rounds.follow import is_settled, newest_trial
    from pec_tracker.service.sending.trial_message import queue_trial

    before = newest_trial(OPERATOR, house, account)
    if before is not None and not is_settled(before) and house.clock.now() - before.created_at < RECENT:
        output.note(_("The trial PEC of before is followed: {key}").format(key=before.key))
        return _follow(house, output, account, before.key, deadline)
    if wanted is None and before is not None and before.state == State.DELIVERED:
        output.note(_("A trial PEC was delivered before: {key}").format(key=before.key))
        return None
    if wanted is None:
        question = _("Send a trial PEC from {address} to itself, and follow it?").format(address=account.address)
        wanted = sys.stdin.isatty() and not output.json and agreed(question)
    if not wanted:
        return None
    return _follow(house, output, account, queue_trial(OPERATOR, house, account).key, deadline)


def _follow(house: "House", output: Output, account: "Account", key: str, deadline: timedelta) -> "Followed":
    with until_told(output) as stop:
        return followed(house, output, account, key, deadline=deadline, stop=stop)


def _tell_next(output: Output, name: str, ended: "Followed | None") -> None:
    """How the trial ended, and the commands that follow."""
    if ended is not None:
        tell_ending(output, ended)
        if not ended.delivered:
            output.note(_("To go on from here: pec-tracker setup {name}").format(name=name))
            return
    output.note(_("Now send: pec-tracker send --to ADDRESS --subject TEXT --text-file FILE --wait"))
    output.note(_("To let it work by itself: pec-tracker serve"))
