"""What is answered when a list is taken into the address book? Its problems one class at a time, then what changes."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from pec_tracker.answers.contacts import finding_facts
from pec_tracker.texts import _, contacts, ngettext, words

if TYPE_CHECKING:
    from pec_tracker.service.contacts.entries import Finding
    from pec_tracker.service.contacts.import_ import Imported
    from pec_tracker.service.contacts.plan import Change

SHOWN: Final = 20  # rows of one class; --json and --rejects have them all


def imported_facts(file: str, done: "Imported") -> dict[str, Any]:
    """What came of a list as a JSON object (contract of `contacts import`)."""
    new, corrected = done.rights
    return {
        "file": file,
        "written": done.written,
        "header_row": done.table.header_row,
        "columns": {done.table.headers[at]: field.value for at, field in done.table.fields.items()},
        "unused": done.table.unused,
        "rows": len(done.table.rows),
        "added": len(done.plan.added),
        "changed": len(done.plan.changed),
        "entitlements_added": new,
        "entitlements_changed": corrected,
        "condominiums_added": done.plan.condominiums,
        "left": done.plan.left,
        "skipped": sorted(done.plan.wrong),
        "changes": [_change_facts(one) for one in done.plan.changes],
        "findings": [finding_facts(one) for one in done.plan.findings],
    }


def _change_facts(one: "Change") -> dict[str, Any]:
    return {"row": one.row, "key": one.key, "name": one.name, "field": one.field, "from": one.before, "to": one.after}


def imported_lines(done: "Imported") -> Iterator[str]:
    """The same in words; what belongs to a line is indented below it."""
    if done.table.unused:
        yield _("Columns that are not used: {columns}").format(columns=", ".join(done.table.unused))
    findings = done.plan.findings
    yield from _classes(_("Rows that cannot be taken:"), [one for one in findings if one.wrong])
    yield from _classes(_("To be looked at:"), [one for one in findings if not one.wrong])
    yield from _changes(done.plan.changes)
    yield from _counts(done)


def _classes(heading: str, found: "Sequence[Finding]") -> Iterator[str]:
    if not found:
        return
    yield heading
    for problem, some in groupby(sorted(found, key=lambda one: one.problem), key=lambda one: one.problem):
        alike = sorted(some, key=lambda one: one.row or 0)
        yield f"  {_(contacts.PROBLEMS[problem])}"
        yield from (f"    {_finding_text(one)}" for one in alike[:SHOWN])
        if len(alike) > SHOWN:
            yield "    " + _("and {count} more; --json has them all").format(count=len(alike) - SHOWN)


def _finding_text(one: "Finding") -> str:
    said = words.word(contacts.TITLES, one.said)
    told = ": ".join(part for part in (one.name, said if said != one.name else "") if part)
    if one.row is not None:
        told = _("row {row}: {text}").format(row=one.row, text=told or "-")
    if one.rows:
        rows = ", ".join(map(str, one.rows))
        told += " " + ngettext("(see row {rows})", "(see rows {rows})", len(one.rows)).format(rows=rows)
    return told


def _changes(changes: "Sequence[Change]") -> Iterator[str]:
    if changes:
        yield _("What changes:")
    for one in changes[:SHOWN]:
        label = _(contacts.FIELDS[one.field.replace("_", "-")])
        text = f"{one.name}, {label}: {_value(one, one.before)} → {_value(one, one.after)}"
        yield "    " + _("row {row}: {text}").format(row=one.row, text=text)
    if len(changes) > SHOWN:
        yield "    " + _("and {count} more; --json has them all").format(count=len(changes) - SHOWN)


def _value(one: "Change", value: Any) -> str:
    if value is None:
        return "-"
    tables = {"register": contacts.REGISTERS, "kind": contacts.KINDS}
    return words.word(tables[one.field], value) if one.field in tables else str(value)


def _counts(done: "Imported") -> Iterator[str]:
    new, corrected = done.rights
    for name in done.plan.condominiums:
        yield _("New condominium: {name}").format(name=name)
    told = _(
        "{rows} rows: {added} persons new, {changed} changed; {new} titles new, {corrected} changed; {left} rows "
        "change nothing."
    )
    yield told.format(
        rows=len(done.table.rows),
        added=len(done.plan.added),
        changed=len(done.plan.changed),
        new=new,
        corrected=corrected,
        left=done.plan.left,
    )


def result_text(done: "Imported", *, check: bool) -> str:
    """Whether it was written, and what to do where not."""
    wrong = len(done.plan.wrong)
    if done.written:
        told = ngettext("{count} row was skipped.", "{count} rows were skipped.", wrong).format(count=wrong)
        return _("Written.") + (f" {told}" if wrong else "")
    if check:
        return _("Nothing was written: this was only a check.")
    return _("Nothing was written: correct these rows in the file, or add --skip-wrong to take the others.")


def rejects_table(done: "Imported") -> tuple[list[str], list[tuple[object, ...]]]:
    """The rows that could not be taken as they stand in the file, with why: columns and rows."""
    reasons: dict[int, list[str]] = {}
    for one in done.plan.findings:
        if one.wrong and one.row is not None:
            reasons.setdefault(one.row, []).append(_reason(one))
    width = max((len(row.cells) for row in done.rejected), default=0)
    heads = [*done.table.headers, *[""] * (width - len(done.table.headers))]
    columns = [*heads, _("Row of the file"), _("Reason")]
    return columns, [
        (*row.cells, *[""] * (len(heads) - len(row.cells)), row.number, "; ".join(reasons[row.number]))
        for row in done.rejected
    ]


def _reason(one: "Finding") -> str:
    told = _(contacts.PROBLEMS[one.problem])
    return f"{told} ({one.said})" if one.said else told
