"""`pec-tracker proof`: what proves this message? A package for anyone, a folder for a court, by name or by look-up."""

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from pec_tracker import osfiles, texts
from pec_tracker.answers import packaged as answers
from pec_tracker.answers.plain import clean
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.find import Day
from pec_tracker.cli.options import Command, Moment, argument, json_option, option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.cli.written import force_option, refuse_existing, usable, write_file
from pec_tracker.errors import Exit, UsageError
from pec_tracker.texts import N_

if TYPE_CHECKING:
    from pec_tracker.service.house import House
    from pec_tracker.service.proof.court_folder import Filing
    from pec_tracker.service.proof.make import Package, Weighed
    from pec_tracker.service.queries.find import FoundMessage

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
    from pec_tracker.service.proof.make import Weighed, proof
    from pec_tracker.service.queries.lookup import Wanted, candidates, recipient_meant

    if court is not None and target is None:
        raise UsageError("name the folder to write with --output")
    if court is None and target is not None:
        refuse_existing(target, force=force)
    house, output = cli.app().house, cli.output(as_json=as_json)
    content = None if attachment is None else _content(attachment)
    since, until = between or (None, None)
    if message is None:
        found = candidates(OPERATOR, house, Wanted(recipient, subject, case, since, until, content))
        if len(found) > 1:
            return _tell_several(output, found)
        message, recipient = found[0].key, recipient_meant(found[0], recipient)
    elif subject or case or content is not None or between:
        raise UsageError("name a MESSAGE, or look it up by conditions, not both")
    if court is not None and target is not None:
        return _file(house, output, message, court, target, recipient=recipient, as_of=as_of)
    spoken = language or texts.current()
    package = proof(OPERATOR, house, message, recipient=recipient, as_of=as_of, language=spoken)
    named, written = target or Path(answers.file_name(package)), Weighed()
    write_file(named, written.passing(package.pieces()), force=force)
    if output.json:
        output.record(answers.package_facts(named, package, written))
    else:
        _tell_package(output, named, package, written)
    return Exit.DONE


def _content(attachment: Path) -> bytes:
    with usable(attachment):
        return attachment.read_bytes()


def _tell_several(output: Output, found: "list[FoundMessage]") -> Exit:
    if output.json:
        for one in found:
            output.record(answers.candidate_facts(one))
    else:
        output.say(answers.candidates_text(found))
        output.table(*answers.candidates_table(found))
    return Exit.FINDING


def _tell_package(output: Output, target: Path, package: "Package", written: "Weighed") -> None:
    for line in answers.package_lines(target, package, written):
        output.say(line)
    output.table(*answers.table(package))
    for note in answers.package_notes(package):
        output.note(clean(note))


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
    if output.json:
        output.record(answers.filing_facts(target, made))
        return
    for line in answers.filing_lines(target, made):
        output.say(clean(line))
