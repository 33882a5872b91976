"""`pec-tracker sandbox`: a PEC provider in a box, to try mail software against; nothing leaves the machine."""

import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pec_tracker import osfiles
from pec_tracker.cli.options import Group, Moment, argument, json_option, option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.clock import Clock
from pec_tracker.errors import Exit, UsageError
from pec_tracker.texts import N_, _

if TYPE_CHECKING:
    from pec_tracker.sandbox.inject import Injection
    from pec_tracker.sandbox.server import Sandbox

FOLDER: Final = Path("sandbox")
LOOK_SECONDS: Final = 0.2

_folder_option = option(
    "--folder",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    default=FOLDER,
    show_default=True,
    help=N_("Where it lives."),
)


@click.group(
    "sandbox",
    cls=Group,
    invoke_without_command=True,
    help=N_(
        "Run a PEC provider in a box, until SIGTERM or Ctrl-C.\n\n"
        "SMTP and IMAP on this machine only, with receipts of every kind, signed by an authority of its own that "
        "lies in the folder. What happens to a message is in the recipient's address: see the behaviours. "
        "Its accounts, ports and authority are written to FOLDER/sandbox.json."
    ),
    epilog=N_(
        """pec-tracker sandbox
        pec-tracker sandbox --folder box --factor 3600
        pec-tracker sandbox behaviours
        pec-tracker sandbox inject reply --folder box"""
    ),
)
@_folder_option
@option("--host", default="127.0.0.1", show_default=True, help=N_("The address to listen on."))
@option("--smtp-port", type=int, default=0, help=N_("SMTP with TLS (0: any free port)."))
@option("--smtp-starttls-port", type=int, default=0, help=N_("SMTP with STARTTLS (0: any free port)."))
@option("--imap-port", type=int, default=0, help=N_("IMAP with TLS (0: any free port)."))
@option("--imap-starttls-port", type=int, default=0, help=N_("IMAP with STARTTLS (0: any free port)."))
@option("--seed", type=int, default=0, show_default=True, help=N_("The same seed gives the same delays and names."))
@option("--factor", type=float, default=1.0, show_default=True, help=N_("How many times faster its clock runs."))
@option("--origin", metavar="TIME", type=Moment(), help=N_("What its clock shows at the start (default: now)."))
@json_option
@pass_cli
@click.pass_context
def command(
    ctx: click.Context,
    cli: Cli,
    *,
    folder: Path,
    host: str,
    smtp_port: int,
    smtp_starttls_port: int,
    imap_port: int,
    imap_starttls_port: int,
    seed: int,
    factor: float,
    origin: datetime | None,
    as_json: bool,
) -> Exit | None:
    """Start it, say where it is, and serve until interrupted."""
    if ctx.invoked_subcommand is not None:
        return None
    from pec_tracker.sandbox.requests import answer_all, forget_all
    from pec_tracker.sandbox.server import Sandbox, SandboxSettings

    cli.start_logs()
    settings = SandboxSettings(
        folder,
        host=host,
        smtp_port=smtp_port,
        smtp_starttls_port=smtp_starttls_port,
        imap_port=imap_port,
        imap_starttls_port=imap_starttls_port,
        seed=seed,
        clock=_clock(origin, factor),
    )
    stopping = osfiles.ToldToStop()
    forget_all(folder)
    with Sandbox(settings) as sandbox:
        _announce(cli.output(as_json=as_json), sandbox)
        while not stopping():
            answer_all(sandbox)
            time.sleep(LOOK_SECONDS)
    return Exit.DONE


@command.command(
    "behaviours",
    help=N_("List what happens to a message, by the recipient's local part."),
    epilog="pec-tracker sandbox behaviours --json",
)
@json_option
@pass_cli
def behaviours(cli: Cli, *, as_json: bool) -> None:
    """The table of behaviours."""
    from pec_tracker.sandbox.behaviours import BEHAVIOURS

    output = cli.output(as_json=as_json)
    if as_json:
        for row in BEHAVIOURS:
            output.record({"name": row.name, "aliases": list(row.aliases), "explanation": row.explanation})
        return
    output.table(
        [_("Local part"), _("Also"), _("What happens")],
        [[row.name, ", ".join(row.aliases), _(row.explanation)] for row in BEHAVIOURS],
    )


@command.command(
    "inject",
    help=N_(
        "Put a mail into a mailbox of the sandbox that runs in FOLDER: a PEC, a reply, an anomaly, a forgery.\n\n"
        "Without KIND, the kinds are listed. What is about a message is about the newest one that was sent."
    ),
    epilog=N_(
        """pec-tracker sandbox inject
        pec-tracker sandbox inject forged-own-ca --folder box --mailbox mittente@pec.sandbox.test"""
    ),
)
@_folder_option
@option("--mailbox", metavar="ADDRESS", help=N_("Whose mailbox (default: the newest sender's)."))
@option("--recipient", metavar="ADDRESS", help=N_("The recipient that the mail is about."))
@argument("kind", required=False, help=N_("What to put in."))
@json_option
@pass_cli
def inject(
    cli: Cli, *, folder: Path, mailbox: str | None, recipient: str | None, kind: str | None, as_json: bool
) -> None:
    """Ask the running sandbox for the mail."""
    from pec_tracker.sandbox.inject import INJECTIONS
    from pec_tracker.sandbox.requests import ask

    output = cli.output(as_json=as_json)
    if kind is None:
        _list_kinds(output, INJECTIONS)
        return
    uid = ask(folder, {"kind": kind, "mailbox": mailbox, "recipient": recipient})
    if as_json:
        output.record({"kind": kind, "uid": uid})
    else:
        output.say(_("Delivered, UID {uid}.").format(uid=uid))


def _list_kinds(output: Output, kinds: "Mapping[Injection, str]") -> None:
    if output.json:
        for kind, explanation in kinds.items():
            output.record({"kind": kind, "explanation": explanation})
        return
    output.table([_("Kind"), _("What it is")], [[kind.value, _(explanation)] for kind, explanation in kinds.items()])


def _clock(origin: datetime | None, factor: float) -> Clock:
    if factor <= 0:
        raise UsageError("the clock's factor must be above 0")
    if origin is None and factor == 1.0:
        return Clock()
    return Clock.accelerated(origin=origin or datetime.now(UTC), factor=factor)


def _announce(output: Output, sandbox: "Sandbox") -> None:
    directions = sandbox.directions()
    if output.json:
        output.record(directions)
        sys.stdout.flush()  # who started this waits for the ports
        return
    output.say(_("The sandbox is running. Ctrl-C ends it."))
    output.say()
    host = directions["host"]
    rows = [
        [_("SMTP, TLS"), f"{host}:{sandbox.smtp_port}"],
        [_("SMTP, STARTTLS"), f"{host}:{sandbox.smtp_starttls_port}"],
        [_("IMAP, TLS"), f"{host}:{sandbox.imap_port}"],
        [_("IMAP, STARTTLS"), f"{host}:{sandbox.imap_starttls_port}"],
        [_("Its authority (trust it for tests only)"), str(sandbox.ca_file)],
    ]
    output.table([_("What"), _("Where")], rows)
    output.say()
    accounts = [[row["address"], row["login"], row["password"]] for row in directions["accounts"]]
    output.table([_("Address"), _("User name"), _("Password")], accounts)
    sys.stdout.flush()
