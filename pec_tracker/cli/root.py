"""What is `pec-tracker` as a command? Its global options, its list of commands, and what every command is given.

A command's module is imported only when that command is used, so that `inspect --help` answers at once.
"""

import importlib
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pec_tracker import texts
from pec_tracker.cli.options import Group, option, speak
from pec_tracker.cli.output import Output
from pec_tracker.texts import N_, _

if TYPE_CHECKING:
    from pec_tracker.app import App
    from pec_tracker.config import Config


@dataclass(frozen=True, slots=True)
class Entry:
    """One command: where it is (`module:attribute`) and its line in the list."""

    target: str
    summary: str


# In the order of the list: the beginning, the way of a message first, then the archive, then the house.
COMMANDS: Final[dict[str, Entry]] = {
    "setup": Entry("pec_tracker.cli.setup:command", N_("Connect a PEC mailbox: asks, tests, sends a trial PEC.")),
    "send": Entry("pec_tracker.cli.send:command", N_("Send a PEC, or queue it.")),
    "campaign": Entry("pec_tracker.cli.campaign:command", N_("Letters to many: each once, each its own document.")),
    "draft": Entry("pec_tracker.cli.draft:command", N_("Write a letter in several goes, and send it.")),
    "lint": Entry("pec_tracker.cli.lint:command", N_("Check a message by the rules of PEC, and send nothing.")),
    "collect": Entry("pec_tracker.cli.collect:command", N_("Fetch and archive what is new in the mailboxes.")),
    "find": Entry("pec_tracker.cli.find:command", N_("Find messages and where they stand.")),
    "show": Entry("pec_tracker.cli.show:command", N_("Show one message: its timeline for each recipient.")),
    "status": Entry("pec_tracker.cli.status:command", N_("Show what waits, what failed and what to do.")),
    "report": Entry("pec_tracker.cli.report:command", N_("Report on quota, retention and completeness.")),
    "serve": Entry("pec_tracker.cli.serve:command", N_("Send and collect on a schedule until stopped.")),
    "gateway": Entry("pec_tracker.cli.gateway:command", N_("Take messages from other programs by SMTP.")),
    "jobs": Entry("pec_tracker.cli.jobs:command", N_("Show what serve does, when next and how it ended.")),
    "contacts": Entry("pec_tracker.cli.contacts:command", N_("The address book: owners, units, addresses.")),
    "outbox": Entry("pec_tracker.cli.outbox:command", N_("See and settle messages that have not left.")),
    "quarantine": Entry("pec_tracker.cli.quarantine:command", N_("See and retry mails that could not be read.")),
    "inspect": Entry("pec_tracker.cli.inspect:command", N_("Read receipts and envelopes, with no database.")),
    "import": Entry("pec_tracker.cli.import_:command", N_("Import old mails into the archive.")),
    "proof": Entry("pec_tracker.cli.proof:command", N_("Make the proof package of a message.")),
    "verify": Entry("pec_tracker.cli.verify:command", N_("Verify a proof package.")),
    "check": Entry("pec_tracker.cli.check:command", N_("Check archive, ledger, seals and database.")),
    "seal": Entry("pec_tracker.cli.seal:command", N_("Seal the ledger and have it dated from outside.")),
    "rebuild": Entry("pec_tracker.cli.rebuild:command", N_("Make the database again from the archive.")),
    "mailbox": Entry("pec_tracker.cli.mailbox:command", N_("Add, list and test mailboxes.")),
    "provider": Entry("pec_tracker.cli.provider:command", N_("See the providers that are known, with their settings.")),
    "trust": Entry("pec_tracker.cli.trust:command", N_("See and add the authorities that signatures are held to.")),
    "demo": Entry("pec_tracker.cli.demo:command", N_("Try everything: eight PEC through the sandbox.")),
    "sandbox": Entry("pec_tracker.cli.sandbox:command", N_("Run a PEC provider in a box, to try everything.")),
}


@dataclass(slots=True)
class Cli:
    """What every command is given: the global options, and configuration and collaborators once they are asked for."""

    config_file: Path | None = None
    language: str | None = None
    quiet: bool = False
    verbose: int = 0
    _config: "Config | None" = field(default=None, init=False)
    _app: "App | None" = field(default=None, init=False)

    def output(self, *, as_json: bool = False) -> Output:
        """Where the command speaks."""
        return Output(json=as_json, quiet=self.quiet)

    def start_logs(self) -> None:
        """Send log events to stderr: warnings, or more with `--verbose`, or errors only with `--quiet`."""
        from pec_tracker.cli import logs

        level = "error" if self.quiet else ("warning", "info", "debug")[min(self.verbose, 2)]
        logs.configure(level=level)

    def start_service_logs(self) -> None:
        """Send log events to stderr as the configuration's [log] says; `--verbose` and `--quiet` win."""
        from pec_tracker.cli import logs

        log = self.config().log
        level = "error" if self.quiet else (log.level, "info", "debug")[min(self.verbose, 2)]
        logs.configure(level=level, form=log.format)

    def config(self) -> "Config":
        """The configuration, read once. ConfigurationError."""
        if self._config is None:
            from pec_tracker import config

            self.start_logs()
            self._config = config.load(self.config_file)
            if self.language is None and self._config.language != "auto":
                texts.activate(self._config.language)
        return self._config

    def forget(self) -> None:
        """The configuration was changed: read it again when it is next asked for."""
        self._config = self._app = None

    def app(self) -> "App":
        """The collaborators that the configuration names, built once."""
        if self._app is None:
            from pec_tracker.app import build

            self._app = build(self.config())
            click.get_current_context().find_root().call_on_close(self._app.house.engine.dispose)
            if self._app.apart is not None:  # what only reads goes on; what would write is refused
                click.echo(_("Warning: {message}").format(message=texts.error_text(self._app.apart)), err=True)
        return self._app


class BrokenOutput(Exception):  # noqa: N818 - no error: what reads our output has seen enough
    """A pipe broke while a command ran. click would end the run with status 1 for it, which means a finding here."""


pass_cli = click.make_pass_decorator(Cli)


class LazyGroup(Group):
    """A group whose commands are named by COMMANDS and imported when used; a command without a module is not there."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands that are there, in the order of COMMANDS."""
        return [name for name, entry in COMMANDS.items() if find_spec(entry.target.partition(":")[0])]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command called `cmd_name`; None if there is none."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module, _separator, attribute = COMMANDS[cmd_name].target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that `args` begin with; for a mistyped one the nearest is suggested."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand:
            raise click.exceptions.NoSuchCommand(args[0], possibilities=self.list_commands(ctx), ctx=ctx) from None

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; a broken pipe is left to `main`."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise BrokenOutput from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any."""
        rows = [(name, _(COMMANDS[name].summary)) for name in self.list_commands(ctx)]
        if rows:
            with formatter.section(_("Commands")):
                formatter.write_dl(rows)


def _show_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from importlib.metadata import PackageNotFoundError, version

        try:
            told = version("pec-tracker")
        except PackageNotFoundError:  # run from its source, never installed
            told = "-"
        click.echo(f"pec-tracker {told}")
        ctx.exit()


@click.command(
    "pec-tracker",
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    help=N_("Send PEC by the rules, follow every receipt, archive every byte, prove delivery years later."),
    epilog="""pec-tracker inspect receipt.eml
        pec-tracker --lang it mailbox list
        pec-tracker send --help""",
)
@option(
    "--config",
    "config_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help=N_("The configuration file (default: PEC_TRACKER_CONFIG, ./config.toml, the user's configuration folder)."),
)
@option(
    "--lang",
    "language",
    type=click.Choice(texts.LANGUAGES),
    is_eager=True,
    callback=speak,
    help=N_("Speak Italian or English (default: the configuration's, else LANG)."),
)
@option("-q", "--quiet", is_flag=True, help=N_("Say nothing but the answer and errors."))
@option("-v", "--verbose", count=True, help=N_("Log what is done; twice for every detail."))
@option("--debug", is_flag=True, help=N_("Show the traceback of an unexpected fault."))
@option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help=N_("Show the version.")
)
@click.pass_context
def root(
    ctx: click.Context, *, config_file: Path | None, language: str | None, quiet: bool, verbose: int, debug: bool
) -> None:
    """Keep the global options for the command that follows (`debug` is read where faults end, in `main`)."""
    ctx.obj = Cli(config_file=config_file, language=language, quiet=quiet, verbose=verbose)
