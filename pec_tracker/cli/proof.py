"""`pec-tracker proof`: what proves this message? A package for anyone, a folder for a court, by name or by look-up."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from pec_tracker import osfiles, texts
from pec_tracker.answers.messages import journey_rows
from pec_tracker.answers.plain import clean
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.find import Day
from pec_tracker.cli.options import Command, Moment, argument, json_option, option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.cli.written import force_option, refuse_existing, usable, write_file
from pec_tracker.errors import Exit, NotFoundError, UsageError
from pec_tracker.pec.evidence import address_key
from pec_tracker.texts import N_, _

if TYPE_CHECKING:
    from pec_tracker.service.house import House
    from pec_tracker.service.proof.court_folder import Filing
    from pec_tracker.service.proof.make import Package
    from pec_tracker.service.queries.find import FoundMessage
    from pec_tracker.service.queries.lookup import Wanted

COURTS: Final = ("pct", "ptt")


class SealOrMoment(Moment):
    """The number of a seal, or a time."""

    name = "seal|time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """An int for digits alone, else the time that `value` says."""
        text = str(value).strip()
        return int(text) if text.isascii() and text.isdecimal() else super().convert(value, param, ctx)


@click.command(
    "proof",
    cls=Command,
    help=N_(
        "Make the proof package of a message: a ZIP that anyone can verify with openssl and sha256sum alone.\n\n"
        "MESSAGE is a key, a Message-ID or an identifier. Without it the message is looked up by the conditions given; "
        "if several answer they are listed and the status is 1. What was not sealed yet is sealed first. The same seal "
        "always gives the same bytes. Without --output the file is named after the message. Nothing that is there is "
        "overwritten without --force. With --for, OUTPUT is a folder with the untouched receipts as the court wants "
        "them; the status is 1 if a delivery is missing."
    ),
    epilog="""pec-tracker proof k7f3qv2m
        pec-tracker proof k7f3qv2m -o proof.zip
        pec-tracker proof k7f3qv2m --recipient anna@pec.example.it --lang it -o fascicolo.zip
        pec-tracker proof --recipient anna@pec.example.it --attachment contratto.pdf -o proof.zip
        pec-tracker proof k7f3qv2m --for pct -o deposito""",
)
@argument("message", metavar="[MESSAGE]", required=False, help=N_("Key, Message-ID or identifier."))
@option("-o", "--output", "target", metavar="OUTPUT", type=click.Path(path_type=Path),
        help=N_("The file to write; with --for, the folder."))  # fmt: skip
@option("--recipient", metavar="ADDRESS", help=N_("Only what is about this recipient."))
@option("--as-of", metavar="SEAL|TIME", type=SealOrMoment(), help=N_("As the ledger stood at this seal, or time."))
@option("--for", "court", type=click.Choice(COURTS), help=N_("Write a folder for this court instead."))
@option("--subject", metavar="WORDS", help=N_("Look up: with these words in the subject."))
@option("--case", metavar="TEXT", help=N_("Look up: of this case."))
@option("--attachment", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help=N_("Look up: with this very file attached, whatever its name."))  # fmt: skip
@option("--between", metavar="DAY DAY", nargs=2, type=Day(), help=N_("Look up: of these days, both included."))
@option("--lang", "language", type=click.Choice(texts.LANGUAGES), help=N_("The package's language."))
@force_option
@json_option
@pass_cli
def command(
    cli: Cli,
    *,
    message: str | None,
    target: Path | None,
    recipient: str | None,
    as_of: int | datetime | None,
    court: str | None,
    subject: str | None,
    case: str | None,
    attachment: Path | None,
    between: tuple[date, date] | None,
    language: str | None,
    force: bool,
    as_json: bool,
) -> Exit:
    """Find the one message, then write its package or its folder."""
    from pec_tracker.service.queries.lookup import Wanted

    if court is not None and target is None:
        raise UsageError("name the folder to write with --output")
    if court is None and target is not None:
        refuse_existing(target, force=force)
    house, output = cli.app().house, cli.output(as_json=as_json)
    content = None
    if attachment is not None:
        with usable(attachment):
            content = attachment.read_bytes()
    since, until = between or (None, None)
    if message is None:
        found = _one(house, output, Wanted(recipient, subject, case, since, until, content))
        if found is None:
            return Exit.FINDING
        message, recipient = found.key, _recipient(found, recipient)
    elif subject or case or content is not None or between:
        raise UsageError("name a MESSAGE, or look it up by conditions, not both")
    if court is not None and target is not None:
        return _file(house, output, message, court, target, recipient=recipient, as_of=as_of)
    package = _package(house, message, recipient=recipient, as_of=as_of, language=language or texts.current())
    named = target or Path(_("proof-{key}.zip").format(key=package.report["message"]["key"]))
    written = _Written()
    write_file(named, written.passing(package.pieces()), force=force)
    if output.json:
        output.record(_package_facts(named, package, written))
    else:
        _tell_package(output, named, package, written)
    return Exit.DONE


def _one(house: "House", output: Output, wanted: "Wanted") -> "FoundMessage | None":
    """The only message that answers; several are listed, and None is returned."""
    from pec_tracker.service.queries.lookup import Wanted, look_up

    if wanted == Wanted():
        raise UsageError("name a MESSAGE, or say what to look for: --recipient, --subject, --attachment, --case")
    found = look_up(OPERATOR, house, wanted)
    if not found:
        raise NotFoundError("no message answers to these conditions; `pec-tracker find` shows what there is")
    if len(found) == 1:
        return found[0]
    _tell_several(output, found)
    return None


def _tell_several(output: Output, found: "list[FoundMessage]") -> None:
    if output.json:
        for one in found:
            output.record({"key": one.key, "subject": one.subject, "case": one.case, "created_at": one.created_at})
        return
    output.say(_("{count} messages answer; name one by its key:").format(count=len(found)))
    rows = [(one.key, one.created_at, ", ".join(who.address for who in one.recipients), one.subject) for one in found]
    output.table([_("Key"), _("Date"), _("Recipient"), _("Subject")], rows)


def _recipient(found: "FoundMessage", asked: str | None) -> str | None:
    """The recipient that the look-up asked for, if it fits just one; the whole message else."""
    if asked is None:
        return None
    fitting = [one.address for one in found.recipients if address_key(asked) in address_key(one.address)]
    return fitting[0] if len(fitting) == 1 else None


# --- the package ---


def _package(
    house: "House", message: str, *, recipient: str | None, as_of: int | datetime | None, language: str
) -> "Package":
    from pec_tracker.service.proof.make import proof

    return proof(OPERATOR, house, message, recipient=recipient, as_of=as_of, language=language)


class _Written:
    """How many bytes went by, and their hash."""

    def __init__(self) -> None:
        self.size = 0
        self._hash = hashlib.sha256()

    def passing(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The *pieces*, counted."""
        for piece in pieces:
            self.size += len(piece)
            self._hash.update(piece)
            yield piece

    @property
    def sha256(self) -> str:
        """The SHA-256 of all that went by."""
        return self._hash.hexdigest()


def _package_facts(target: Path, package: "Package", written: _Written) -> Mapping[str, Any]:

    report = package.report
    return {
        "file": target,
        "sha256": written.sha256,
        "report_sha256": package.report_sha256,
        "size": written.size,
        "key": report["message"]["key"],
        "as_of": report["as_of"],
        "journeys": report["journeys"],
        "proof": [entry["member"] for entry in report["proof"]],
        "not_proof": [entry["member"] for entry in report["not_proof"]],
        "limits": report["limits"],
        "pdf": report["pdf"],
        "members": package.members,
    }


def _tell_package(output: Output, target: Path, package: "Package", written: _Written) -> None:
    from pec_tracker.render.wording import section

    report = package.report
    output.say(_("{file}: {size} bytes, as of seal {seal}").format(
        file=target, size=written.size, seal=report["as_of"]["seal"]))  # fmt: skip
    output.say(f"SHA-256: {written.sha256}")
    output.say(f"SHA-256 (report.json): {package.report_sha256}")
    output.say(_("Proof: {proof} receipts; not proof: {other}").format(
        proof=len(report["proof"]), other=len(report["not_proof"])))  # fmt: skip
    output.table([_("Recipient"), _("State"), _("Certified time")], journey_rows(report["journeys"]))
    limits = section(texts.current(), "limits")
    for limit in report["limits"]:
        output.note(clean(f"- {limits[limit]}"))
    if not report["pdf"]:
        output.note(_("For the summary as PDF install pec-tracker with its extra: pec-tracker[pdf]"))


# --- the folder for a court ---


def _file(
    house: "House",
    output: Output,
    message: str,
    court: str,
    target: Path,
    *,
    recipient: str | None,
    as_of: int | datetime | None,
) -> Exit:
    from pec_tracker.service.proof.court_folder import filing

    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError("{folder} is not an empty folder; name a new one", folder=target)
    made = filing(OPERATOR, house, message, court, recipient=recipient, as_of=as_of)
    with usable(target):
        _write_folder(target, made)
    _tell_filing(output, target, made)
    return Exit.FINDING if made.problems else Exit.DONE


def _write_folder(target: Path, made: "Filing") -> None:
    osfiles.make_private_folder(target)
    for name, content in made.files.items():
        osfiles.write_out(target / name, content, replace=False)


def _tell_filing(output: Output, target: Path, made: "Filing") -> None:
    from pec_tracker.service.proof.court_folder import PROBLEMS

    if output.json:
        problems = [{"recipient": one.recipient, "kind": one.kind} for one in made.problems]
        output.record({"folder": target, "court": made.court.name, "files": list(made.files), "problems": problems})
        return
    output.say(_("{folder}: {count} files for {court}").format(
        folder=target, count=len(made.files), court=made.court.title))  # fmt: skip
    for name in made.files:
        output.say(f"  {clean(name)}")
    for one in made.problems:
        output.say(clean(f"{one.recipient}: {_(PROBLEMS[one.kind])}"))
