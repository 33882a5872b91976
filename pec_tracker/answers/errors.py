"""How does a command that failed say so to a script? One object, whatever the error: its kind, text and figures."""

import re
from collections.abc import Mapping
from typing import Any

from pec_tracker.errors import PecTrackerError
from pec_tracker.texts import error_text


def error_facts(error: PecTrackerError) -> dict[str, Any]:
    """An error as a JSON object: `kind` is a stable name, `text` in the language spoken now, `params` what fills it."""
    params = {name: _param(value) for name, value in error.params.items()}
    return fault_facts(kind_of(error), error_text(error), params)


def fault_facts(kind: str, text: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The same of what is no error of ours: a wrong option, an interruption, an unexpected fault."""
    return {"error": {"kind": kind, "text": text, "params": dict(params or {})}}


def kind_of(error: PecTrackerError) -> str:
    """The name of an error's class as a token: `NotFoundError` is `not-found`."""
    name = type(error).__name__.removesuffix("Error") or "error"
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()


def _param(value: object) -> object:
    if isinstance(value, PecTrackerError):
        return error_facts(value)["error"]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
