"""How does a run end? Every error as a text for a person and an exit status that scripts rely on (`errors.Exit`)."""

import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from pec_tracker import garbage, texts
from pec_tracker.answers.errors import error_facts, fault_facts
from pec_tracker.answers.plain import clean
from pec_tracker.cli.options import language_asked
from pec_tracker.cli.output import Output, spare_rich
from pec_tracker.cli.root import BrokenOutput, root
from pec_tracker.errors import Exit, PecTrackerError
from pec_tracker.osfiles import end_as_by_ctrl_c
from pec_tracker.texts import _


def main() -> None:
    """The command `pec-tracker`."""
    end_as_by_ctrl_c()
    spare_rich()
    garbage.look_seldom()
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run the command line `arguments` and return its exit status."""
    texts.activate(language_asked(arguments) or "auto")
    _speak_utf8()
    try:
        status = _status(root.main(args=list(arguments), prog_name="pec-tracker", standalone_mode=False))
        sys.stdout.flush()
    except (BrokenOutput, BrokenPipeError) as error:
        return _reader_left() if _nobody_reads() else _unexpected(error, debug="--debug" in arguments)
    except KeyboardInterrupt:
        return _failed(click.Abort(), arguments)
    except Exception as error:  # noqa: BLE001 - the last resort: nothing may end in a bare traceback
        return _failed(error, arguments)
    return status


def _failed(error: Exception, arguments: Sequence[str]) -> int:
    """Tell the error to the person, on stderr, and on stdout to the script that asked for JSON; the exit status."""
    debug = "--debug" in arguments
    match error:
        case click.ClickException():  # usage: wrong option, missing argument, no such file
            error.show()
            status, facts = Exit.USAGE, fault_facts("usage", error.format_message())
        case PecTrackerError():
            _complain(texts.error_text(error))
            if debug:
                traceback.print_exception(error)
            status, facts = error.status, error_facts(error)
        case click.Abort():
            _complain(_("Interrupted."))
            status, facts = Exit.INTERRUPTED, fault_facts("interrupted", _("Interrupted."))
        case _:
            status = _unexpected(error, debug=debug)
            facts = fault_facts("unexpected", _unexpected_text(error), {"kind": type(error).__name__})
    if _asks_for_json(arguments):
        return _told_as_json(facts, status)
    return status


def _told_as_json(facts: Mapping[str, Any], status: Exit) -> int:
    try:
        Output(json=True).record(facts)
        sys.stdout.flush()
    except BrokenPipeError:
        _reader_left()
    return status


def _asks_for_json(arguments: Sequence[str]) -> bool:
    """Whether `--json` is among the options, also of a command line that could not be understood."""
    options = list(arguments)
    return "--json" in (options[: options.index("--")] if "--" in options else options)


def _status(returned: object) -> int:
    """A command returns its exit status, or nothing for done."""
    return returned if isinstance(returned, int) else Exit.DONE


def _complain(text: str) -> None:
    click.echo(_("Error: {message}").format(message="\n".join(map(clean, text.splitlines()))), err=True)


def _nobody_reads() -> bool:
    """Whether the broken pipe is our output's, and not a server's connection."""
    try:
        sys.stdout.write("\n")  # an empty write would not notice
        sys.stdout.flush()
    except BrokenPipeError:
        return True
    return False


def _reader_left() -> int:
    # The reader of our output (`head`, a pager) has seen enough. Python would complain once more when it closes stdout.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return Exit.DONE


def _unexpected_text(error: Exception) -> str:
    text = _("an unexpected fault ({kind}); nothing that was archived is touched")
    return text.format(kind=type(error).__name__)


def _unexpected(error: Exception, *, debug: bool) -> Exit:
    if debug:
        traceback.print_exception(error)
        return Exit.INTERNAL
    _complain(_unexpected_text(error))
    written = _keep_traceback(error)
    if written:
        click.echo(_("Its details are in {file}; please report it with them.").format(file=written), err=True)
    else:
        click.echo(_("Run it again with --debug before the command to see its details."), err=True)
    return Exit.INTERNAL


def _keep_traceback(error: Exception) -> Path | None:
    """Append the traceback to the user's fault log, readable by the user alone; None where that cannot be."""
    import platformdirs

    file = platformdirs.user_log_path("pec-tracker", appauthor=False) / "faults.log"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as log:  # noqa: PTH123
            log.write(f"{datetime.now(UTC).isoformat()}\n")
            traceback.print_exception(error, file=log)
    except OSError:
        return None
    return file


def _speak_utf8() -> None:
    """Let no character of a mail stop the output, whatever the terminal's encoding; pipes and files get UTF-8."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # absent where a test replaced the stream
        if reconfigure is not None:
            encoding = stream.encoding if stream.isatty() else "utf-8"
            reconfigure(encoding=encoding, errors="backslashreplace")
