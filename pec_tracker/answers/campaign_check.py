"""What is answered when a campaign is checked? Problems in the user's own rows, one class at a time; then the cost."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from pec_tracker.answers.outbox import finding_facts, finding_text
from pec_tracker.service.campaigns.checked import CLASSES
from pec_tracker.service.campaigns.difference import Change
from pec_tracker.texts import _, campaigns, ngettext, words
from pec_tracker.texts.times import rome_day

if TYPE_CHECKING:
    from pec_tracker.service.campaigns.check import CheckResult, Cost
    from pec_tracker.service.campaigns.checked import Letter, Problem
    from pec_tracker.service.campaigns.difference import RowChange

SHOWN: Final = 15  # rows of one kind; --json and --rejects have them all
MEGABYTE: Final = 1_000_000
_ORDER: Final = ("stops", "skips", "advises")


def check_facts(found: "CheckResult", changes: "Sequence[RowChange]") -> dict[str, Any]:
    """What a check found as a JSON object (contract of `campaign check`)."""
    return {
        "campaign": found.campaign.name,
        "check": found.id,
        "stops": found.stops,
        "problems": [_problem_facts(one) for one in found.problems],
        "letters": {channel.value: count for channel, count in found.cost.letters.items()},
        "skipped": found.cost.skipped,
        "merged": found.cost.merged,
        "seconds": found.cost.duration.total_seconds(),
        "mailbox_bytes": found.cost.mailbox_bytes,
        "free_bytes": found.cost.free,
        "free_bytes_after": found.cost.free_after,
        "changes": [change_facts(one) for one in changes],
        "rows": [_letter_facts(one) for one in found.checked.letters],
    }


def _letter_facts(letter: "Letter") -> dict[str, Any]:
    return {
        "row": letter.number,
        "name": letter.name,
        "unit": letter.unit,
        "channel": letter.channel,
        "address": letter.address or None,
        "files": [one.name for one in letter.files],
        "skipped": letter.skipped,
        "merged": letter.with_row is not None,
    }


def _problem_facts(one: "Problem") -> dict[str, Any]:
    facts = {name: value for name, value in one.facts.items() if name != "finding"}
    if "finding" in one.facts:
        facts |= finding_facts(one.facts["finding"])
    return {
        "row": one.row,
        "name": one.name or None,
        "fault": one.fault,
        "weight": one.weight,
        "text": problem_text(one),
        **facts,
    }


def check_lines(found: "CheckResult") -> Iterator[str]:
    """What was found: what stops it first, one class at a time; what belongs to a line is indented below it."""
    for weight in _ORDER:
        weighed = [one for one in found.problems if one.weight == weight]
        if not weighed:
            continue
        yield _("{what}:").format(what=_(campaigns.WEIGHTS[weight]))
        for name, faults in CLASSES.items():
            of_class = [one for one in weighed if one.fault in faults]
            if of_class:
                yield f"  {_(campaigns.CLASSES[name])}"
                yield from _faults(of_class, faults)


def _faults(found: "Sequence[Problem]", order: Sequence[str]) -> Iterator[str]:
    in_order = sorted(found, key=lambda one: (order.index(one.fault), _rule(one), one.row or 0))
    for (fault, rule), some in groupby(in_order, key=lambda one: (one.fault, _rule(one))):
        alike = list(some)
        if rule and len(alike) > SHOWN:
            yield f"    {rule}: " + _("{count} letters").format(count=len(alike))
            continue
        yield f"    {rule or _(campaigns.FAULTS[fault])}"
        yield from (f"      {row_text(one)}" for one in alike[:SHOWN])
        if len(alike) > SHOWN:
            yield "      " + _("and {count} more; --json has them all").format(count=len(alike) - SHOWN)


def _rule(one: "Problem") -> str:
    """A rule of PEC is told once for all the rows that it is about."""
    return "" if "finding" not in one.facts else finding_text(one.facts["finding"])


def row_text(one: "Problem") -> str:
    """Which row it is, and what it says there."""
    parts = [one.name, *_said(one)]
    told = ": ".join(part for part in parts if part) or "-"
    return told if one.row is None else _("row {row}: {text}").format(row=one.row, text=told)


def problem_text(one: "Problem") -> str:
    """The whole of it in a line."""
    return f"{_rule(one) or _(campaigns.FAULTS[one.fault])}: {row_text(one)}"


def _said(one: "Problem") -> Iterator[str]:
    facts = one.facts
    if facts.get("said"):
        yield str(facts["said"])
    if facts.get("at") is not None:
        yield _("since {day}").format(day=rome_day(facts["at"]))
    if facts.get("file"):
        yield str(facts["file"])
    if facts.get("other"):
        yield _("it names {name}").format(name=facts["other"])
    if facts.get("reason"):
        yield str(facts["reason"])
    if facts.get("rows"):
        rows = [str(row) for row in facts["rows"] if row != one.row]
        yield ngettext("see row {rows}", "see rows {rows}", len(rows)).format(rows=", ".join(rows[:SHOWN]))
    if "needed" in facts:
        told = _("{needed} MB are needed, {free} MB are free")
        yield told.format(needed=_megabytes(facts["needed"]), free=_megabytes(facts["free"]))


def cost_text(cost: "Cost") -> str:
    """What it takes, in one line."""
    total = sum(cost.letters.values())
    ways = ", ".join(f"{count} {words.word(campaigns.CHANNELS, way)}" for way, count in cost.letters.items())
    told = ngettext("{count} recipient: {ways}.", "{count} recipients: {ways}.", total)
    parts = [told.format(count=total, ways=ways or "-")]
    if cost.skipped:
        parts.append(
            ngettext("{count} row is left out.", "{count} rows are left out.", cost.skipped).format(count=cost.skipped)
        )
    if cost.merged:
        merged = ngettext("{count} row goes with another.", "{count} rows go with others.", cost.merged)
        parts.append(merged.format(count=cost.merged))
    if cost.letters:
        parts.append(
            _("Time: {time}. Receipts: {size} MB.").format(
                time=span_text(cost.duration), size=_megabytes(cost.mailbox_bytes)
            )
        )
    if cost.free_after is not None and cost.free_after >= 0:
        parts.append(_("{free} MB free at the end.").format(free=_megabytes(cost.free_after)))
    return " ".join(parts)


def span_text(span: timedelta) -> str:
    """A length of time as one says it."""
    minutes = round(span.total_seconds() / 60)
    if minutes < 1:
        return _("less than a minute")
    hours, rest = divmod(minutes, 60)
    if not hours:
        return ngettext("{count} minute", "{count} minutes", minutes).format(count=minutes)
    return _("{hours} h {minutes} min").format(hours=hours, minutes=rest)


def result_text(found: "CheckResult", unseen: "Sequence[Letter]") -> str:
    """What to do now."""
    if found.id is None:
        told = ngettext(
            "{count} thing is to be corrected first. --rejects FILE writes the rows; campaign update takes the "
            "corrected list.",
            "{count} things are to be corrected first. --rejects FILE writes the rows; campaign update takes the "
            "corrected list.",
            found.stops,
        )
        return told.format(count=found.stops)
    if unseen:
        rows = ", ".join(str(one.number) for one in unseen)
        told = _("Checked as {check}. Look at the letters of rows {rows} before the start: campaign preview")
        return told.format(check=found.id, rows=rows)
    return _("Checked as {check}. To send it: campaign start --check {check}").format(check=found.id)


def change_facts(one: "RowChange") -> dict[str, Any]:
    """What a new list changes in a row, as a JSON object."""
    return {"row": one.letter.number, "name": one.letter.name, "change": one.change}


def change_lines(changes: "Sequence[RowChange]") -> Iterator[str]:
    """What a new list changes: how many rows of each kind, and which."""
    if not changes or all(one.change is Change.NEW for one in changes):
        return
    yield _("Beside the list that was started:")
    for change in Change:
        rows = [one for one in changes if one.change is change]
        if rows:
            yield f"  {_(campaigns.CHANGES[change])}: {len(rows)}"
            if change is not Change.SAME:
                yield from (f"    {_row_name(one)}" for one in rows[:SHOWN])
                if len(rows) > SHOWN:
                    yield "    " + _("and {count} more; --json has them all").format(count=len(rows) - SHOWN)


def _row_name(one: "RowChange") -> str:
    unit = f" ({one.letter.unit})" if one.letter.unit else ""
    return _("row {row}: {text}").format(row=one.letter.number, text=f"{one.letter.name}{unit}")


def rejects_table(found: "CheckResult") -> tuple[list[str], list[tuple[object, ...]]]:
    """The rows to be corrected as they stand in the user's list, with why: columns and rows."""
    reasons: dict[int, list[str]] = {}
    for one in found.problems:
        if one.weight != "advises" and one.row is not None:
            told = [_rule(one) or _(campaigns.FAULTS[one.fault]), *_said(one)]
            reasons.setdefault(one.row, []).append(": ".join(told))
    if found.table is None:
        names = {letter.number: letter for letter in found.checked.letters}
        columns = [_("Name"), _("Unit"), _("Address"), _("Reason")]
        return columns, [
            (names[row].name, names[row].unit, names[row].address, "; ".join(why))
            for row, why in sorted(reasons.items())
        ]
    rows = [row for row in found.table.rows if row.number in reasons]
    width = max([len(found.table.headers), *(len(row.cells) for row in rows)])
    heads = [*found.table.headers, *[""] * (width - len(found.table.headers))]
    return [*heads, _("Row of the file"), _("Reason")], [
        (*row.cells, *[""] * (width - len(row.cells)), row.number, "; ".join(reasons[row.number])) for row in rows
    ]


def _megabytes(count: int) -> str:
    return f"{count / MEGABYTE:.0f}" if count >= 10 * MEGABYTE else f"{count / MEGABYTE:.1f}"
