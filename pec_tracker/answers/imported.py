"""What is answered when old mails were imported? What came into which mailbox, what can be proof, what was left out."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from pec_tracker.answers.collected import kind_lines, taken_facts
from pec_tracker.answers.history import history_facts
from pec_tracker.texts import _, ngettext, notices, words

if TYPE_CHECKING:
    from pec_tracker.service.house import Account
    from pec_tracker.service.importing.history import History
    from pec_tracker.service.importing.import_ import Imported

# How many mails that belong to no mailbox are named; all are counted, and --json names them all.
NAMED: Final = 5


def imported_facts(imported: "Imported", accounts: "Sequence[Account]", past: "History") -> dict[str, Any]:
    """What came in as a JSON object (contract of `import`)."""
    return {
        "mails": imported.files,
        "mailboxes": _shares(imported, accounts),
        **taken_facts(imported.taken),
        "linked": imported.linked,
        "unread": [{"source": unread.source, "reason": unread.reason} for unread in imported.unread],
        "without_mailbox": [{"source": one.source, "sha256": one.sha256} for one in imported.homeless],
        "history": history_facts(past),
    }


def imported_lines(imported: "Imported", accounts: "Sequence[Account]") -> Iterator[str]:
    """The same in words, without what was not imported."""
    taken = imported.taken
    if taken.archived:
        told = ngettext("{count} mail archived", "{count} mails archived", taken.archived)
        archived = told.format(count=taken.archived)
        yield _("{archived}, {known} known already").format(archived=archived, known=taken.known)
        if len(accounts) > 1:
            for name, count in _shares(imported, accounts).items():
                yield _("{count:>6}  into the mailbox {name}").format(count=count, name=name)
        yield from kind_lines(taken.kinds)
        yield from _verdict_lines(taken.verdicts or {})
        if imported.linked:
            yield _("{count} mails that waited found their message.").format(count=imported.linked)
    elif taken.known:
        yield _("Nothing new: all {count} mails are in the archive already.").format(count=taken.known)
    elif not imported.homeless:
        yield _("No mail was found there.")


def unread_lines(imported: "Imported") -> list[str]:
    """The files that were not imported, each with why."""
    line = _("{file}: not imported ({reason})")
    return [line.format(file=one.source, reason=words.word(notices.UNREAD, one.reason)) for one in imported.unread]


def homeless_question(imported: "Imported", names: Sequence[str]) -> str:
    """Into which mailbox, for the mails that name none."""
    count = len(imported.homeless)
    question = ngettext(
        "{count} mail names none of your mailboxes ({names}). Which one does it belong to? Nothing: leave it out",
        "{count} mails name none of your mailboxes ({names}). Which one do they belong to? Nothing: leave them out",
        count,
    )
    return question.format(count=count, names=", ".join(names))


def homeless_text(imported: "Imported", names: Sequence[str]) -> str:
    """What was left out and how it comes in; what belongs to a mailbox is there already."""
    count = len(imported.homeless)
    text = ngettext(
        "{count} mail names none of the mailboxes and was left out: {files}. Import it again and say which mailbox, "
        "with --mailbox; configured: {names}",
        "{count} mails name none of the mailboxes and were left out: {files}. Import them again and say which mailbox, "
        "with --mailbox; configured: {names}",
        count,
    )
    files = [one.source for one in imported.homeless[:NAMED]]
    if count > NAMED:
        files.append(_("and {count} more").format(count=count - NAMED))
    return text.format(count=count, files=", ".join(files), names=", ".join(names))


def _shares(imported: "Imported", accounts: "Sequence[Account]") -> dict[str, int]:
    """How many mails went into which configured mailbox."""
    return {one.name: imported.archived[one.id] for one in accounts if one.id in imported.archived}


def _verdict_lines(verdicts: Mapping[str, int]) -> Iterator[str]:
    """What can be proof and what cannot, by verdict."""
    if verdicts:
        yield _("Signatures (only the trusted ones can be proof):")
    for verdict in words.VERDICTS:
        if verdicts.get(verdict, 0):
            yield f"{verdicts[verdict]:>6}  {words.word(words.VERDICTS, verdict)}"
