"""What is answered about all that we keep? What was looked at, what disagrees, and from when on others speak for it."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pec_tracker.answers.sealed import seal_text
from pec_tracker.texts import _, facts_text
from pec_tracker.texts.times import rome_time

if TYPE_CHECKING:
    from pec_tracker.service.upkeep.check import CheckReport
    from pec_tracker.service.upkeep.look_over import LookedOver


def looked_over_facts(looked: "LookedOver") -> dict[str, Any]:
    """What was found and mended as a JSON object (contract of `check`)."""
    report = looked.report
    return {
        "sound": report.sound,
        "objects": report.objects,
        "bytes": report.bytes,
        "lines": report.lines,
        "seals": report.seals,
        "mails": report.mails,
        "witnesses": [
            {"kind": one.kind, "seal": one.number, "at": one.at, "source": one.source} for one in report.witnesses or ()
        ],
        "findings": [
            {"kind": one.kind, "object": one.object, "text": _text(one.template, one.params), "params": one.params}
            for one in report.findings
        ],
        "written_again": looked.mended.written,
        "not_written_again": looked.mended.lost,
        "refetched": {one.mailbox: one.restored for one in looked.refetched},
        "set_aside": looked.aside,
    }


def mended_lines(looked: "LookedOver") -> Iterator[str]:
    """What was written again and fetched again, in words."""
    for name in looked.mended.written:
        yield _("written again from the database: {name}").format(name=name)
    for name in looked.mended.lost:
        yield _("the database cannot give it back as it was: {name}").format(name=name)
    for one in looked.refetched:
        yield _("{mailbox}: {count} lost mails fetched again, {missing} are not on the server as they were.").format(
            mailbox=one.mailbox, count=one.restored, missing=len(one.missing)
        )


def aside_lines(looked: "LookedOver") -> list[str]:
    """What was moved out of the archive's shelves."""
    return [_("moved aside: {name}").format(name=name) for name in looked.aside]


def table(report: "CheckReport") -> tuple[list[str], list[tuple[object, ...]]]:
    """Columns and rows, one a kind of thing that was looked at."""
    return [_("Checked"), _("Count")], [
        (_("objects of the archive"), report.objects),
        (_("their bytes"), report.bytes),
        (_("sealed lines of the ledger"), report.lines),
        (_("seals"), report.seals),
        (_("mails in the database"), report.mails),
    ]


def result_lines(report: "CheckReport") -> Iterator[str]:
    """Who dates the ledger from outside, then what disagrees, or that nothing does."""
    yield from _witness_lines(report)
    if report.sound:
        yield _sound_text(report)
        return
    yield _("Findings: {count}").format(count=len(report.findings))
    for one in report.findings:
        yield f"  {one.object} ({one.kind}): {_text(one.template, one.params)}"


def _text(template: str, params: Mapping[str, object]) -> str:
    """One disagreement in words."""
    return facts_text({"template": template, "params": params})


def _sound_text(report: "CheckReport") -> str:
    """That all is well, and no more than can be seen."""
    if report.seals == 0:
        return _("Everything is as it was written; no act is sealed yet.")
    if report.dated >= report.seals:
        return _("Everything is as it was written, up to the newest seal, which is dated from outside.")
    if report.dated:
        return _(
            "All that is here is as it was written. After seal {number}, the newest that is dated from outside, "
            "acts cut off at the end, in archive and database alike, could not be seen."
        ).format(number=seal_text(report.dated))
    return _(
        "All that is here is as it was written. Acts cut off at the end, in archive and database alike, could "
        "not be seen: only a date from outside would show it."
    )


def _witness_lines(report: "CheckReport") -> Iterator[str]:
    """From when on others than ourselves speak for the ledger."""
    if not report.witnesses:
        yield _(
            "Nothing dates the ledger from outside: when its acts happened is our own word alone. "
            "Configure [stamps], or notary for a mailbox."
        )
        return
    first = min(report.witnesses, key=lambda one: one.at)
    newest = max(sorted(report.witnesses, key=lambda one: one.at), key=lambda one: one.number)
    yield _("Dated from outside up to seal {number}, at {time}, by {source}.").format(
        number=seal_text(newest.number), time=rome_time(newest.at), source=_source(newest.kind, newest.source)
    )
    yield _("Before {time}, the first such date, when its acts happened is our own word alone.").format(
        time=rome_time(first.at)
    )


def _source(kind: str, source: str) -> str:
    return _("the provider's acceptance {mail}").format(mail=f"{source[:16]}.eml") if kind == "pec" else source
