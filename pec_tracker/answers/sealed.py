"""What is answered when the ledger was sealed? What was sealed now, and who dates it from outside."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pec_tracker.texts import _, error_text, ngettext

if TYPE_CHECKING:
    from pec_tracker.service.dating.seal import Sealing
    from pec_tracker.service.dating.stamps import Stamping


def sealing_facts(sealing: "Sealing") -> dict[str, Any]:
    """What was sealed and what dates it as a JSON object (contract of `seal`)."""
    stamping = sealing.stamping
    return {
        "sealed": [{"seal": one.number, "lines": len(one.entries), "sha256": one.sha256} for one in sealing.sealed],
        "stamps": [{"seal": row[0], "kind": row[1], "source": row[2], "at": row[3]} for row in sealing.dated],
        "newest": stamping.seal,
        "stamped": stamping.stamped,
        "failures": [{"authority": name, "text": error_text(error)} for name, error in stamping.failures],
    }


def sealed_text(sealing: "Sealing") -> str:
    """How many acts were sealed."""
    count = sealing.acts
    return ngettext("{count} act sealed.", "{count} acts sealed.", count).format(count=count)


def failure_lines(stamping: "Stamping") -> list[str]:
    """The authorities that gave no time-stamp, each with why."""
    line = _("{authority} gave no time-stamp: {reason}")
    return [line.format(authority=name, reason=error_text(error)) for name, error in stamping.failures]


def stamped_text(stamping: "Stamping") -> str | None:
    """What became of the newest seal; None where every authority failed, which `failure_lines` says."""
    if stamping.seal is None:
        return _("Nothing is sealed yet, so there is nothing to stamp.")
    if stamping.stamped is None:
        return None
    told = _("Seal {seal} is time-stamped.") if stamping.new else _("Seal {seal} was time-stamped already.")
    return told.format(seal=seal_text(stamping.seal))


def no_authority_text() -> str:
    """That nobody can be asked for a time-stamp."""
    return _("No time-stamp authority is configured; write one under [stamps].")


def table(sealing: "Sealing") -> tuple[list[str], "Iterator[tuple[object, ...]]"]:
    """Columns and rows, one a dated seal."""
    columns = [_("Seal"), _("Dated by"), _("Source"), _("Time")]
    return columns, ((seal_text(number), _kind(kind), source, at) for number, kind, source, at in sealing.dated)


def seal_text(number: int) -> str:
    """A seal's number as its file has it."""
    return f"{number:08}"


def _kind(kind: str) -> str:
    return {"rfc3161": _("time-stamp"), "pec": _("PEC acceptance")}.get(kind, kind)
