"""How does another process ask a running sandbox for a mail? By a file in its folder, answered by a file beside it."""

import json
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

from pec_tracker.errors import PecTrackerError, ServerError, UsageError
from pec_tracker.sandbox.server import DIRECTIONS, Sandbox

FOLDER = "requests"
_POLL_SECONDS = 0.05


def ask(folder: Path, wish: dict[str, Any], *, timeout: float = 10.0) -> int:
    """Have the sandbox that runs in *folder* inject a mail (the arguments of `Sandbox.inject`); its UID.

    Raises ServerError where none runs there or it does not answer, UsageError where it cannot do that.
    """
    if not (folder / DIRECTIONS).is_file():
        raise ServerError("no sandbox runs in {folder}; start it with: pec-tracker sandbox --folder ...", folder=folder)
    place = folder / FOLDER
    place.mkdir(exist_ok=True)
    name = uuid.uuid4().hex
    _write(place / f"{name}.wish", wish)
    answer = place / f"{name}.answer"
    end = time.monotonic() + timeout
    while not answer.is_file():
        if time.monotonic() > end:
            (place / f"{name}.wish").unlink(missing_ok=True)
            raise ServerError("the sandbox in {folder} does not answer; is it still running?", folder=folder)
        time.sleep(_POLL_SECONDS)
    said = json.loads(answer.read_text(encoding="utf-8"))
    answer.unlink()
    if "uid" not in said:
        raise UsageError("the sandbox cannot do that: {reason}", reason=said["refused"])
    return int(said["uid"])


def forget_all(folder: Path) -> None:
    """Drop what was asked of an earlier run of the sandbox in *folder*, and answers that nobody took."""
    for left in (folder / FOLDER).glob("*"):
        left.unlink(missing_ok=True)


def answer_all(sandbox: Sandbox) -> int:
    """Do what other processes have asked for; how many wishes there were."""
    wishes = sorted((sandbox.settings.folder / FOLDER).glob("*.wish"))
    for wish in wishes:
        with suppress(FileNotFoundError):  # who asked has given up meanwhile
            said = _answer(sandbox, wish.read_bytes())
            wish.unlink()
            _write(wish.with_suffix(".answer"), said)
    return len(wishes)


def _answer(sandbox: Sandbox, wish: bytes) -> dict[str, Any]:
    try:
        return {"uid": sandbox.inject(**json.loads(wish))}
    except (PecTrackerError, ValueError, TypeError) as error:
        return {"refused": str(error)}


def _write(path: Path, content: dict[str, Any]) -> None:
    aside = path.with_suffix(".tmp")
    aside.write_text(json.dumps(content), encoding="utf-8")
    aside.replace(path)
