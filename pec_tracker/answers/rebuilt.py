"""What is answered when the database was made again? What the archive gave back, what is carried over, what is lost."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pec_tracker.texts import _, ngettext

if TYPE_CHECKING:
    from pathlib import Path

    from pec_tracker.service.upkeep.rebuild import Rebuilt


def rebuilt_facts(result: "Rebuilt", aside: "Path | None") -> dict[str, Any]:
    """What came of it as a JSON object (contract of `rebuild`); *aside* is where the old database is now."""
    return {
        "segments": result.segments,
        "lines": result.lines,
        "mails": result.mails,
        "messages": result.messages,
        "uncertain": result.uncertain,
        "missing": list(result.missing),
        "carried": result.carried,
        "written_again": list(result.mended),
        "old_database_unreadable": result.old_unreadable,
        "old_database": aside,
        "contacts": result.contacts,
        "address_book_lost": result.book_lost,
        "drafts": result.drafts,
    }


def rebuilt_lines(result: "Rebuilt") -> Iterator[str]:
    """The same in words."""
    yield _("{mails} mails and {messages} messages, from {lines} ledger lines under {segments} seals.").format(
        mails=result.mails, messages=result.messages, lines=result.lines, segments=result.segments
    )
    if result.uncertain:
        yield _("{count} messages may have left; see: pec-tracker outbox list").format(count=result.uncertain)
    if result.carried:
        told = ngettext(
            "{count} act that only the old database knew was carried over.",
            "{count} acts that only the old database knew were carried over.",
            result.carried,
        )
        yield told.format(count=result.carried)
    if result.contacts:
        told = ngettext(
            "{count} contact of the address book was carried over.",
            "{count} contacts of the address book were carried over.",
            result.contacts,
        )
        yield told.format(count=result.contacts)
    if result.book_lost:
        yield _(
            "The address book was in the old database alone: name a copy of it with --old-database, or bring in an "
            "export with contacts import."
        )
    if result.drafts:
        told = ngettext("{count} draft was carried over.", "{count} drafts were carried over.", result.drafts)
        yield told.format(count=result.drafts)
    for name in result.mended:
        yield _("written again from the old database: {name}").format(name=name)
    if result.old_unreadable:
        yield _("The old database could not be read: what it alone knew (acts of its last minute) is not carried over.")
    for name in result.missing:
        yield _("missing in the archive: {name}").format(name=name)


def aside_text(aside: "Path") -> str:
    """Where the old database is now."""
    return _("The old database is now {file}.").format(file=aside)
