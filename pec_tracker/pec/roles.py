"""What is a mail to the message that it belongs to, and how did both come to us? The tokens, each with its meaning."""

from enum import StrEnum


class MailRole(StrEnum):
    """What a mail is to a message; one that is nothing to any has none."""

    ORIGINAL = "original"  # the message as we composed it
    EVIDENCE = "evidence"  # a receipt or notice about it
    WAITING = "waiting"  # evidence of a message that nobody knows yet
    SENT_COPY = "sent-copy"  # the sender's copy
    REPLY = "reply"  # answers it


class MailOrigin(StrEnum):
    """How a mail came into the archive."""

    COLLECTED = "collected"  # from the server
    IMPORTED = "imported"  # from a file
    SENT = "sent"  # we composed it


class MessageOrigin(StrEnum):
    """How a message came to be known."""

    COMPOSED = "composed"  # here
    FOUND = "found"  # by its receipts, or by its copy among the sent mails
