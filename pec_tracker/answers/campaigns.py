"""What is answered about campaigns? Where each stands, its rows, what goes again, and its letters to be seen.

A row stands where its letter does; a row that another's letter names stands where that one does.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from pec_tracker.answers.messages import failure_parts, journey_text, next_text, send_state_text
from pec_tracker.answers.plain import certified_text, clean
from pec_tracker.campaign_tokens import Channel, RowState
from pec_tracker.pec.sending import SendState
from pec_tracker.pec.states import State
from pec_tracker.service.campaigns.difference import Standing
from pec_tracker.texts import N_, _, campaigns, facts_text, ngettext, words
from pec_tracker.texts.times import rome_cell, rome_minute, rome_time

if TYPE_CHECKING:
    from pec_tracker.service.campaigns.campaigns import Kept, Overview
    from pec_tracker.service.campaigns.preview import Preview, Previewed
    from pec_tracker.service.campaigns.report import Report
    from pec_tracker.service.campaigns.retry import Retried
    from pec_tracker.service.campaigns.rows import RowStanding

COLUMNS: Final = (
    N_("Row"), N_("Unit"), N_("Name"), N_("Sent by"), N_("Address"), N_("State"), N_("Certified time"), N_("Why"),
    N_("Next step"), N_("Key"),
)  # fmt: skip


def campaign_facts(campaign: "Kept") -> dict[str, Any]:
    """A campaign as a JSON object: what every command about one begins with."""
    return {
        "campaign": campaign.name,
        "key": campaign.key,
        "mailbox": campaign.mailbox,
        "state": campaign.state,
        "check": campaign.check_id,
        "checked_at": campaign.checked_at,
        "started_check": campaign.started_check,
        "started_at": campaign.started_at,
        "created_at": campaign.created_at,
    }


def overview_facts(overview: "Overview") -> dict[str, Any]:
    """One of a list (contract of `campaign list`)."""
    return {**campaign_facts(overview.campaign), "rows": overview.rows}


def table(found: "Sequence[Overview]") -> tuple[list[str], list[tuple[object, ...]]]:
    """Columns and rows, one a campaign."""
    columns = [_("Campaign"), _("Mailbox"), _("State"), _("Started"), _("Rows")]
    return columns, [
        (
            one.campaign.name,
            one.campaign.mailbox,
            words.word(campaigns.STATES, one.campaign.state),
            one.campaign.started_at,
            sum(one.rows.values()) or None,
        )
        for one in found
    ]


# --- where it stands ---


def report_facts(report: "Report", end: datetime | None) -> dict[str, Any]:
    """Where a campaign stands as a JSON object (contract of `campaign status`)."""
    return {
        **campaign_facts(report.campaign),
        "over": report.over,
        "waiting": report.waiting,
        "rows": len(report.rows),
        "states": {state.value: count for state, count in sorted(report.states.items())},
        "letters": _counts(report),
        "expected_end": end,
    }


def _counts(report: "Report") -> dict[str, dict[str, int]]:
    counts = {way.value: {one.value: report.count(way, one) for one in Standing} for way in Channel}
    return {way: found for way, found in counts.items() if any(found.values())}


def status_lines(report: "Report", end: datetime | None) -> Iterator[str]:
    """Where it stands: one sentence, then what needs a person."""
    campaign = report.campaign
    yield _("{name}: {state}").format(name=campaign.name, state=words.word(campaigns.STATES, campaign.state))
    if campaign.state == "draft":
        yield _("Nothing of it was started: campaign check, then campaign start.")
        return
    yield _progress(report, end)
    if campaign.state == "paused":
        yield _("Paused: no other letter is written. Those already sent go on getting their receipts.")
    yield from _odd(report)


def _progress(report: "Report", end: datetime | None) -> str:
    letters = [one for one in report.rows if one.channel is Channel.PEC and _is_letter(one)]
    standings = Counter(one.standing for one in letters)
    left = sum(one.send_state is SendState.SUBMITTED or one.standing is Standing.DELIVERED for one in letters)
    parts = [
        _("{sent} of {count} sent").format(sent=left, count=len(letters)),
        _("{count} delivered").format(count=standings[Standing.DELIVERED]),
        _("{count} not delivered").format(count=standings[Standing.FAILED]),
    ]
    stopped = report.states.get(RowState.STOPPED, 0)
    parts += [_("{count} stopped").format(count=stopped)] if stopped else []
    told = ", ".join(parts) + "."
    return told if end is None else f"{told} {_('Expected end: {time}.').format(time=rome_minute(end))}"


def _is_letter(one: "RowStanding") -> bool:
    return one.state in ("waiting", "queued", "stopped")


def _odd(report: "Report") -> Iterator[str]:
    failed = [one for one in report.to_be_seen_to if one.standing is Standing.FAILED]
    others = [one for one in report.to_be_seen_to if one.standing is not Standing.FAILED]
    for one in (*failed, *others):
        where = f" ({one.letter.unit})" if one.letter.unit else ""
        named = _("Row {row}, {name}").format(row=one.letter.number, name=f"{one.letter.name}{where}")
        yield f"  {named}: {'; '.join(filter(None, (state_text(one), why(one))))}"
    if failed:
        yield _("Correct the list (campaign update) or send again what can arrive: campaign retry-failed")


# --- its rows ---


def row_facts(one: "RowStanding") -> dict[str, Any]:
    """One row as a JSON object (contract of `campaign report`)."""
    return {
        "row": one.letter.number,
        "unit": one.letter.unit or None,
        "name": one.letter.name,
        "channel": one.channel,
        "address": one.letter.address or None,
        "row_state": one.state,
        "outcome": one.standing,
        "state": one.journey,
        "send_state": one.send_state,
        "at": one.at,
        "certified_at": certified_text(one.at),
        "error_code": one.error_code,
        "error_detail": one.error_detail,
        "next_step": one.next_step,
        "problem": None if one.problem is None else facts_text(one.problem),
        "skipped": one.letter.skipped,
        "tries": one.tries + 1 if one.message else 0,
        "key": one.message,
        "reference": one.reference,
        "files": [file.name for file in one.letter.files],
        "noted": list((one.outcome or {}).get("events", ())),
    }


def columns() -> list[str]:
    """COLUMNS in the language spoken now."""
    return [_(name) for name in COLUMNS]


def rows(report: "Report") -> list[list[object]]:
    """The rows as text, each time with its zone; columns as in COLUMNS."""
    return [list(_row(one, rome_time)) for one in report.rows]


def rows_table(report: "Report", shown: Sequence[str]) -> tuple[list[str], list[list[object]]]:
    """Only the columns *shown*, by their English names and in that order."""
    places = [COLUMNS.index(name) for name in shown]
    told = [list(_row(one, rome_cell)) for one in report.rows]
    return [_(COLUMNS[at]) for at in places], [[row[at] for at in places] for row in told]


def _row(one: "RowStanding", written: Callable[[datetime | None], str]) -> Iterator[object]:
    yield one.letter.number
    yield one.letter.unit
    yield one.letter.name
    yield "-" if one.channel is None else words.word(campaigns.CHANNELS, one.channel)
    yield one.letter.address
    yield state_text(one)
    yield written(one.at) if one.at else ""
    yield why(one)
    yield next_text(one.next_step) if one.next_step and one.state == "queued" else ""
    yield one.message or ""


def state_text(one: "RowStanding") -> str:
    """Where a row stands, in a word or two: what receipts say, else the outbox, else the list or a person's note."""
    events = (one.outcome or {}).get("events", ())
    if events:
        told = words.word(campaigns.NOTED, events[-1]["what"])
        return _("{what} on {day} (noted, not certified)").format(what=told, day=day_text(events[-1]["day"]))
    if one.state not in (RowState.QUEUED, RowState.MERGED):
        return words.word(campaigns.ROW_STATES, one.state)
    if one.journey is not None and one.journey is not State.AWAITING_ACCEPTANCE:
        return journey_text(one.journey)
    if one.send_state is not None and one.send_state is not SendState.SUBMITTED:
        return send_state_text(one.send_state)
    return journey_text(one.journey) if one.journey is not None else words.word(campaigns.ROW_STATES, one.state)


def day_text(day: str) -> str:
    """A day in ISO 8601 as one writes it."""
    return "/".join(reversed(day.split("-")))


def why(one: "RowStanding") -> str:
    """Why it does not go, or did not arrive."""
    if one.problem is not None:
        return facts_text(one.problem)
    if one.letter.skipped is not None:
        return _(campaigns.FAULTS[one.letter.skipped])
    return "; ".join(failure_parts(one.error_code, one.error_detail))


def received_text(report: "Report") -> str:
    """How many have it, over all ways."""
    counted = [one for one in report.rows if one.state != "gone"]
    received = sum(one.standing is Standing.DELIVERED for one in counted)
    return _("{received} of {count} received.").format(received=received, count=len(counted))


# --- what is done ---


def started_text(campaign: "Kept", waiting: int) -> str:
    """That it runs."""
    told = ngettext(
        "{name} runs: {count} letter is to be sent.", "{name} runs: {count} letters are to be sent.", waiting
    )
    return told.format(name=campaign.name, count=waiting)


def left_text(waiting: int) -> str:
    """What to do about letters that have not left yet."""
    told = ngettext(
        "{count} letter has not left yet: a running `serve` goes on with it, or campaign run.",
        "{count} letters have not left yet: a running `serve` goes on with them, or campaign run.",
        waiting,
    )
    return told.format(count=waiting)


def decided_text(campaign: "Kept", queued: int) -> str:
    """What was decided about a campaign, and what of it leaves all the same."""
    match campaign.state:
        case "paused":
            told = _("{name} is paused: no other letter is written. Those sent go on getting their receipts.")
        case "cancelled":
            told = _("{name} is cancelled: no other letter is written. Those sent go on getting their receipts.")
        case _:
            told = _("{name} goes on.")
    parts = [told.format(name=campaign.name)]
    if queued and campaign.state != "running":
        more = ngettext(
            "{count} letter is in the outbox already and leaves all the same.",
            "{count} letters are in the outbox already and leave all the same.",
            queued,
        )
        parts.append(more.format(count=queued))
    return " ".join(parts)


def retried_facts(retried: "Retried", *, dry: bool) -> dict[str, Any]:
    """What goes again as a JSON object (contract of `campaign retry-failed`)."""
    return {
        **campaign_facts(retried.campaign),
        "written": not dry and bool(retried.again),
        "again": [one.letter.number for one in retried.again],
        "to_be_corrected": [one.letter.number for one in retried.to_be_corrected],
    }


def retried_lines(retried: "Retried", *, dry: bool) -> Iterator[str]:
    """What goes again, and what is to be corrected first."""
    if not retried.again and not retried.to_be_corrected:
        yield _("No letter is proven to have failed.")
        return
    if retried.again:
        yield _("Would be sent again:") if dry else _("Sent again:")
        yield from (f"  {_named(one)}" for one in retried.again)
    if retried.to_be_corrected:
        yield _("To be corrected in the list first (campaign update):")
        yield from (f"  {_named(one)}" for one in retried.to_be_corrected)


def _named(one: "RowStanding") -> str:
    told = ": ".join(filter(None, (f"{one.letter.name} <{one.letter.address}>", why(one))))
    return _("row {row}: {text}").format(row=one.letter.number, text=told)


# --- its letters to be seen ---


def preview_facts(one: "Preview", *, written: Sequence[str] = ()) -> dict[str, Any]:
    """A letter as a JSON object (contract of `campaign preview`)."""
    return {
        "row": one.letter.number,
        "name": one.letter.name,
        "channel": one.letter.channel,
        "to": one.letter.address or None,
        "subject": one.letter.subject,
        "text": one.letter.text,
        "attachments": [{"name": file.name, "bytes": len(file.content)} for file in one.documents],
        "files": list(written),
    }


def preview_lines(one: "Preview") -> Iterator[str]:
    """A letter as its reader will see it."""
    letter = one.letter
    yield _("--- Row {row}: {name} ---").format(row=letter.number, name=clean(letter.name))
    yield _("To: {address}").format(address=clean(letter.address or ", ".join(letter.postal) or letter.name))
    yield _("Subject: {subject}").format(subject=clean(letter.subject))
    for file in one.documents:
        yield _("Attachment: {name} ({size} kB)").format(name=clean(file.name), size=-(-len(file.content) // 1000))
    yield ""
    yield from map(clean, letter.text.splitlines())
    yield ""


def unseen_text(previewed: "Previewed") -> str:
    """Which letters must still be seen before a start."""
    if not previewed.unseen:
        return _("Seen. To send it: campaign start --check {check}").format(check=previewed.campaign.check_id)
    told = _("Still to be seen before the start: rows {rows}")
    return told.format(rows=", ".join(map(str, previewed.unseen)))
