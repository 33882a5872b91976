"""`pec-tracker demo`: what does all this do? Eight PEC through the sandbox, their receipts, where each stands, a proof.

Nothing leaves this machine: provider, receipts and authority are the sandbox's own, and are said to be so.
"""

import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pec_tracker import osfiles, texts
from pec_tracker.answers.messages import coded_text, message_facts, short, state_text
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.options import Command, json_option, option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.clock import Clock
from pec_tracker.errors import Exit, UsageError
from pec_tracker.texts import N_, _
from pec_tracker.texts.times import rome_minute

if TYPE_CHECKING:
    from pec_tracker.app import App
    from pec_tracker.pec.compose import Draft
    from pec_tracker.sandbox.server import Sandbox
    from pec_tracker.service.house import Account
    from pec_tracker.service.queries.find import FoundMessage

FACTOR: Final = 3600.0  # an hour lasts a second: the 24 hour notice comes in half a minute
BEGINS_BEFORE: Final = timedelta(hours=48)  # so that no certified time of the demo lies in the future
LONGEST: Final = 50.0  # seconds of waiting
PASSWORD_FILE: Final = "password.txt"
PACKAGE: Final = "proof.zip"

CONFIG: Final = """# Written by the demo. The authority in `trust` is the sandbox's own: it is worth nothing elsewhere.
# The sandbox has ended: what was archived can be looked at, but nothing can be sent or collected any more.
data = "data"
state = "state"
language = "{language}"
trust = ["sandbox/ca/{ca_name}"]

[mailbox.demo]
address = "{address}"
name = "Studio Demo"
provider = "custom"
login = "{login}"
password_file = "{password_file}"
messages_per_minute = 6000
smtp = {{ host = "{host}", port = {smtp}, ca_file = "sandbox/ca/{ca_name}" }}
imap = {{ host = "{host}", port = {imap}, ca_file = "sandbox/ca/{ca_name}" }}
"""

CLOCK: Final = """
[clock]
started = {started}
origin = {origin}
factor = {factor}
"""


@dataclass(frozen=True, slots=True)
class Letter:
    """One PEC of the demo: what the sandbox does with it is in the recipients' local parts.

    Subjects and addresses are short enough for the last table to fit into 100 columns.
    """

    to: tuple[str, ...]
    subject: str
    cc: tuple[str, ...] = ()
    form: str = "completa"


LETTERS: Final = (
    Letter(("consegnata@azienda.test",), "Convocazione assemblea", cc=("per.conoscenza@azienda.test",)),
    Letter(("tardiva@azienda.test",), "Diffida ad adempiere"),
    Letter(("piena@azienda.test", "inesistente@azienda.test"), "Richiesta di accesso"),
    Letter(("inesistente-altro@azienda.test", "no-dominio@nessuno.test"), "Sollecito di pagamento"),
    Letter(("virus@azienda.test",), "Fattura in allegato"),
    Letter(("silenzio@azienda.test",), "Recesso dal contratto"),
    Letter(("esterno@posta.test",), "Invito all'incontro", form="breve"),
    Letter(("doppia@azienda.test", "accettazione-tardiva@pec.test"), "Verbale: così è deciso", form="sintetica"),
)


@click.command(
    "demo",
    cls=Command,
    help=N_(
        "Send eight PEC through the sandbox, collect the receipts, show where each stands, and prove one.\n\n"
        "Nothing leaves this machine. An hour lasts a second, so that the 24 hour notice comes too. "
        "What is archived stays in the folder that is named at the end."
    ),
    epilog=N_(
        """pec-tracker demo
        pec-tracker demo --folder try-it"""
    ),
)
@option("--folder", type=click.Path(path_type=Path), help=N_("Where to put everything (default: demo-output/TIME)."))
@json_option
@pass_cli
def command(cli: Cli, *, folder: Path | None, as_json: bool) -> Exit:
    """Run the sandbox and the tracker side by side, in one process, over real SMTP and IMAP."""
    from pec_tracker.sandbox.server import Sandbox, SandboxSettings
    from pec_tracker.service.collecting.collect import collect
    from pec_tracker.service.upkeep.check import check

    cli.start_logs()
    output = cli.output(as_json=as_json)
    place = _new_folder(folder)
    clock = Clock.accelerated(origin=datetime.now(UTC) - BEGINS_BEFORE, factor=FACTOR)
    with Sandbox(SandboxSettings(place / "sandbox", clock=clock)) as sandbox, _opened(place, sandbox) as app:
        account = app.account("demo")
        output.note(_("Sandbox: SMTP and IMAP on {host}, an hour lasts a second.").format(host=sandbox.settings.host))
        output.note(_("Trusted for this demo only: the sandbox's own authority, {file}").format(file=sandbox.ca_file))
        _send(app, account, output)
        complete = _collect(lambda: collect(OPERATOR, app.house, account).taken.archived, sandbox, output)
        _show(app, output)
        output.note("")
        delivered, failed = _key_of(app, LETTERS[0].subject), _key_of(app, LETTERS[2].subject)
        proven = _prove(app, delivered, place / PACKAGE, sandbox.ca_file, output)
        report = check(OPERATOR, app.house.engine, app.house.archive)
    if not complete:
        output.note(_("Not every receipt came within {seconds} seconds.").format(seconds=round(LONGEST)))
    output.note(_("Archive, ledger and seals checked: {count} findings.").format(count=len(report.findings)))
    output.note(_("Everything is in {folder}; look further with:").format(folder=place))
    for further in _further(place, sandbox.ca_file, delivered=delivered, failed=failed):
        output.note(f"  {_typed([*_program(), *further])}")
    return Exit.DONE if complete and proven and report.sound else Exit.FINDING


def _new_folder(folder: Path | None) -> Path:
    place = folder or Path("demo-output") / f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise UsageError("{folder} is not empty; name a new folder with --folder", folder=place)
    with osfiles.disk_errors(place):
        place.mkdir(parents=True, exist_ok=True)
    return place


@contextmanager
def _opened(place: Path, sandbox: "Sandbox") -> "Iterator[App]":
    """The house on one clock with the sandbox, from a configuration that points at it.

    Afterwards, interrupted or not, the configuration forgets that clock: who looks later lives in real time.
    """
    from pec_tracker import config
    from pec_tracker.app import build

    sender = sandbox.settings.accounts[0]
    clock = sandbox.clock
    osfiles.create(place / PASSWORD_FILE, sender.password.encode(), synced=False)
    lasting = CONFIG.format(
        language=texts.current(),
        address=sender.address,
        login=sender.login,
        password_file=PASSWORD_FILE,
        host=sandbox.settings.host,
        smtp=sandbox.smtp_port,
        imap=sandbox.imap_port,
        ca_name=sandbox.ca_file.name,
    )
    timing = CLOCK.format(started=clock.started.isoformat(), origin=clock.origin.isoformat(), factor=clock.factor)
    file = place / "config.toml"
    file.write_text(lasting + timing, encoding="utf-8")
    try:
        app = build(config.load(file))
        try:
            yield app
        finally:
            app.house.engine.dispose()
    finally:
        file.write_text(lasting, encoding="utf-8")


def _drafts(account: "Account") -> "Sequence[Draft]":
    from pec_tracker.pec.compose import Attachment, Draft
    from pec_tracker.pec.standard import ReceiptForm

    return [
        Draft(
            sender=account.address,
            sender_name=account.sender_name,
            to=letter.to,
            cc=letter.cc,
            subject=letter.subject,
            text="Gentili Signori,\n\nsi trasmette quanto in oggetto.\n\nDistinti saluti\n",
            attachments=(Attachment("documento.txt", b"Questo testo sta per un documento.\n"),),
            receipt_form=ReceiptForm(letter.form),
        )
        for letter in LETTERS
    ]


def _send(app: "App", account: "Account", output: Output) -> None:
    from pec_tracker.service.sending.dispatch import dispatch
    from pec_tracker.service.sending.send import queue

    drafts = _drafts(account)
    with output.progress(_("Sending"), total=len(drafts)) as progress:
        for number, draft in enumerate(drafts, 1):
            queued = queue(OPERATOR, app.house, account, draft, case=f"2026/{number:03}")
            dispatch(OPERATOR, app.house, account, only=[queued.key])
            progress.advance()
    output.note(_("Sent: {count} PEC.").format(count=len(drafts)))


def _collect(once: Callable[[], int], sandbox: "Sandbox", output: Output) -> bool:
    """Collect until the sandbox has nothing more to send, the 24 hour notice included; whether that came in time."""
    end = time.monotonic() + LONGEST
    archived = 0
    with output.progress(_("Collecting")) as progress:
        while True:
            quiet = sandbox.pending == 0
            taken = once()
            archived += taken
            progress.advance(taken)
            if quiet or time.monotonic() > end:
                break
            time.sleep(0.5)
    output.note(_("Collected: {count} mails.").format(count=archived))
    return quiet


def _show(app: "App", output: Output) -> None:
    """The eight in the order in which they were sent: a table, or the JSON objects of `find`."""
    from pec_tracker.service.queries.find import Query, find
    from pec_tracker.service.queries.short_keys import short_keys

    messages = find(OPERATOR, app.house, Query()).messages[::-1]
    if output.json:
        for message in messages:
            output.record(message_facts(message))
        return
    keys = short_keys(OPERATOR, app.house, (message.key for message in messages))
    output.note("")
    output.table(
        [_("Message"), _("Recipient"), _("State"), _("Certified time")],
        [row for message in messages for row in _rows(message, short(keys, message.key))],
        breaks=(1,),
    )


def _rows(message: "FoundMessage", key: str) -> "Iterator[tuple[str, ...]]":
    """The message, then each recipient, then why it was not delivered."""
    yield f"{key}  {message.subject}", "", "", ""
    for recipient in message.recipients:
        yield "", recipient.address, state_text(message, recipient), rome_minute(recipient.state_at)
        if recipient.error_code:
            yield f"    {coded_text(recipient.error_code)}", "", "", ""


def _prove(app: "App", key: str, file: Path, authority: Path, output: Output) -> bool:
    """Write the proof package of the message and verify it, as `proof` and `verify` do; whether all of it holds."""
    from pec_tracker import anchors
    from pec_tracker.service.proof.make import proof
    from pec_tracker.service.proof.verify import verify_package

    package = proof(OPERATOR, app.house, key, language=texts.current())
    with osfiles.disk_errors(file):
        file.write_bytes(package.content)
    output.note(_("Proof package of {key}, to be verified by anyone, without pec-tracker: {file}").format(
        key=key, file=file))  # fmt: skip
    if not package.report["pdf"]:
        output.note(_("Its summary as PDF was left out; the extra pec-tracker[pdf] makes it."))
    trust = anchors.combined(anchors.default(app.house.clock.now().date()), anchors.from_paths([authority]))
    found = len(verify_package(file.read_bytes(), trust).findings)
    told = _("The package has {count} findings.") if found else _("The package was verified: everything holds.")
    output.note(told.format(count=found))
    return not found


def _further(place: Path, authority: Path, *, delivered: str, failed: str) -> "Iterator[list[str]]":
    """What to type next, without the program's name; each works as long as the folder is there."""
    proving = ["proof", delivered, "--output", str(place / "again.zip")]
    for typed in (["show", failed], ["find", "piena"], ["check"], ["report", "retention"], proving):
        yield ["--config", str(place / "config.toml"), *typed]
    yield ["verify", "--trust", str(authority), str(place / PACKAGE)]


def _key_of(app: "App", subject: str) -> str:
    """What `show` takes for the message with this subject."""
    from pec_tracker.service.queries.find import Query, find
    from pec_tracker.service.queries.short_keys import short_keys

    key = find(OPERATOR, app.house, Query(subject=subject)).messages[0].key
    return short(short_keys(OPERATOR, app.house, [key]), key)


def _program() -> list[str]:
    """How this program was called, so that what is printed can be typed."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return [sys.executable, "-m", "pec_tracker"]
    found = shutil.which("pec-tracker")
    return ["pec-tracker"] if found and Path(found).resolve() == called.resolve() else [sys.argv[0]]


def _typed(arguments: Sequence[str]) -> str:
    """A command line as this system's shell takes it."""
    return subprocess.list2cmdline(arguments) if osfiles.WINDOWS else shlex.join(arguments)
