"""What is answered about drafts? As they stand, what is attached, which message they became."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from pec_tracker.answers.messages import short_key
from pec_tracker.answers.outbox import linted_facts
from pec_tracker.answers.quota import MEBIBYTE
from pec_tracker.texts import _, words
from pec_tracker.texts.times import rome_second

if TYPE_CHECKING:
    from pec_tracker.service.drafts.kept import KeptAttachment, KeptDraft
    from pec_tracker.service.drafts.write import Deleted
    from pec_tracker.service.sending.lint import Linted

KEY_SHOWN: Final = 8


def draft_facts(draft: "KeptDraft") -> dict[str, Any]:
    """A draft as a JSON object (contract of `draft new`, `edit`, `attach`, `detach`, `show` and `list`)."""
    return {
        "key": draft.key,
        "mailbox": draft.mailbox,
        "version": draft.version,
        "created_at": draft.created_at,
        "changed_at": draft.changed_at,
        "to": draft.to,
        "cc": draft.cc,
        "subject": draft.subject,
        "text": draft.text,
        "html": draft.html,
        "case": draft.case,
        "receipt_form": draft.receipt_form,
        "reply_to": draft.reply_to,
        "in_reply_to": draft.in_reply_to,
        "attachments": [{"name": one.name, "bytes": one.size, "sha256": one.sha256} for one in draft.attachments],
        "message": draft.message,
        "sent_at": draft.sent_at,
    }


def draft_lines(draft: "KeptDraft") -> list[tuple[str, str]]:
    """The same in words: label and text, without the letter's own text."""
    head = [(_("Draft"), draft.key), (_("Mailbox"), draft.mailbox)]
    if draft.message is not None and draft.sent_at is not None:
        became = _("message {key}, on {time}").format(key=short_key(draft.message), time=rome_second(draft.sent_at))
        return [*head, (_("It became"), became)]
    said = [
        (_("To"), ", ".join(draft.to)),
        (_("Cc"), ", ".join(draft.cc)),
        (_("Subject"), draft.subject),
        (_("Case"), draft.case or ""),
        (_("Receipt"), words.word(words.FORMS, draft.receipt_form)),
        (_("Replies to"), draft.reply_to or ""),
        (_("Answers"), f"<{draft.in_reply_to}>" if draft.in_reply_to else ""),
        *((_("Attached"), _file_text(one)) for one in draft.attachments),
        (_("Changed"), rome_second(draft.changed_at)),
    ]
    return [*head, *((label, text) for label, text in said if text)]


def next_text(draft: "KeptDraft") -> str:
    """What to do with it."""
    if draft.message is not None:
        return _("It cannot be changed any more: pec-tracker show {key}").format(key=short_key(draft.message))
    told = _("It has not left: pec-tracker draft check {key}, then pec-tracker draft send {key}")
    return told.format(key=draft.key[:KEY_SHOWN])


def _file_text(one: "KeptAttachment") -> str:
    return _("{name} ({size} MB)").format(name=one.name, size=f"{one.size / MEBIBYTE:.2f}")


def table(drafts: "Sequence[KeptDraft]") -> tuple[list[str], list[tuple[object, ...]]]:
    """Columns and rows, one a draft that has not left."""
    columns = [_("Draft"), _("Mailbox"), _("Changed"), _("Attached"), _("To"), _("Subject")]
    return columns, [
        (
            draft.key[:KEY_SHOWN],
            draft.mailbox,
            draft.changed_at,
            len(draft.attachments),
            ", ".join((*draft.to, *draft.cc)) or None,
            draft.subject or None,
        )
        for draft in drafts
    ]


def checked_facts(key: str, mailbox: str, linted: "Linted") -> dict[str, Any]:
    """What would be said of a draft when it is sent, as a JSON object (contract of `draft check`)."""
    return {"draft": key, **linted_facts(mailbox, linted)}


def deleted_facts(deleted: "Deleted") -> dict[str, Any]:
    """A draft that is gone, as a JSON object (contract of `draft delete`)."""
    return {"key": deleted.key, "message": deleted.message}


def deleted_text(deleted: "Deleted") -> str:
    """The same in words."""
    if deleted.message is None:
        return _("Draft {key} is gone, with what was attached to it.").format(key=deleted.key)
    told = _("Draft {key} is gone. Message {message}, which it became, stays.")
    return told.format(key=deleted.key, message=short_key(deleted.message))


def known_text(key: str) -> str:
    """That a draft had been sent before."""
    return _("Draft {key} had become this message before; it is not sent twice.").format(key=key)
