"""By which keys does a mail find the message that it belongs to, and which is it? One rule, however the mail came.

Which message a mail is given may not depend on what came before it. So composed messages, which are there before
anything about them can come, are looked for by every reference; all others by the first alone; and the provider's
identifier counts only for a mail that names no reference.

Keys are looked for, not believed: outer headers are among them, so that a forgery is shown beside the message that it
claims to be about. What counts as proof is `agree`'s to say, from what is signed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from pec_tracker.pec.evidence import address_key, ascii_lower, bare_id
from pec_tracker.pec.headers import Headers, Ids, ids_of
from pec_tracker.pec.read import Mail
from pec_tracker.pec.roles import MailRole
from pec_tracker.pec.traits import TRAITS

# Ids and addresses longer than a line may be (RFC 5322 2.1.1) are no keys: an index of PostgreSQL takes 2,704 bytes.
MAX_KEY: Final = 998


@dataclass(frozen=True, slots=True)
class LinkKeys:
    """Keys in the order in which they are tried; ids without `<>`, exact as written (compare also lower-case).

    `references`: daticert msgid, X-Riferimento-Message-ID, Message-ID of the enclosed original and its own
    X-Riferimento-Message-ID. `identifiers`: the provider's identificativo. `replies_to`: ids that an incoming
    envelope or ordinary mail answers (In-Reply-To, References, of the envelope and of its original); each may be the
    reference of one of our messages or its identifier, which is the Message-ID that its recipient saw.
    """

    references: tuple[str, ...]
    identifiers: tuple[str, ...]
    replies_to: tuple[str, ...]


def keys(mail: Mail) -> LinkKeys:
    """The keys of `mail`, most reliable first, each once."""
    return keys_with(mail, ids_of(mail.original) if mail.original else None)


def keys_with(mail: Mail, inner: Headers | Ids | None) -> LinkKeys:
    """The keys of `mail`; `inner` are the ids, or all headers, of the original that it encloses."""
    daticert, outer = mail.daticert, mail.headers
    return LinkKeys(
        references=_distinct(
            [
                daticert.reference if daticert else None,
                outer.reference if outer else None,
                inner.message_id if inner else None,
                inner.reference if inner else None,
            ]
        ),
        identifiers=_distinct([daticert.identifier if daticert else None]),
        replies_to=_replies_to(outer, inner) if TRAITS[mail.kind].answers else (),
    )


def claimed_references(mail: Mail, inner: Headers | Ids | None, known: LinkKeys) -> tuple[str, ...]:
    """The references among `known`, the mail's keys, as they are looked for; `inner` are those of its original.

    An envelope that encloses a would-be receipt belongs where that one claims to.
    """
    references = known.references
    if "original-claims-receipt" in mail.warnings and inner is not None and inner.reference is not None:
        references = (inner.reference, *references)
    return tuple(filter(is_key, references))


@dataclass(frozen=True, slots=True)
class Ties:
    """What ties one mail to messages, in order, of what an index can hold.

    `copy_of`: the Message-ID of a plain mail that may be the sender's copy. `is_evidence`: it is a receipt or claims to
    be one, about the message that `references` and `identifier` name. `answers`: the ids that it answers.
    """

    copy_of: str | None = None
    is_evidence: bool = False
    references: tuple[str, ...] = ()
    identifier: str | None = None
    answers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MessageKeys:
    """By what a message is found. `name` is its own for good: of two with one identifier the first by name counts."""

    name: str
    composed: bool
    reference: str | None
    identifier: str | None


@dataclass(slots=True)
class KnownMessages:
    """The messages that mails may belong to, by their keys."""

    by_reference: dict[str, MessageKeys] = field(default_factory=dict)
    by_identifier: dict[str, MessageKeys] = field(default_factory=dict)

    def add(self, message: MessageKeys) -> None:
        """Find *message* too."""
        if message.reference:
            self.by_reference[reference_key(message.reference)] = message
        if message.identifier:
            there = self.by_identifier.get(message.identifier, message)
            self.by_identifier[message.identifier] = min(message, there, key=lambda one: one.name)


@dataclass(frozen=True, slots=True)
class Home:
    """What a mail is, and the name of the message to which it is that; None where that is not known (yet)."""

    role: MailRole | None
    message: str | None


def home(ties: Ties, known: KnownMessages) -> Home:
    """Where a mail belongs. That a copy also answers another message, or names one, counts less."""
    if ties.copy_of is not None:
        copied = known.by_reference.get(reference_key(ties.copy_of))
        if copied is not None:
            return Home(MailRole.SENT_COPY, copied.name)
    if ties.is_evidence:
        about = _about(ties, known)
        return Home(MailRole.WAITING, None) if about is None else Home(MailRole.EVIDENCE, about.name)
    for key in ties.answers:
        answered = known.by_reference.get(reference_key(key)) or known.by_identifier.get(key)
        if answered is not None:
            return Home(MailRole.REPLY, answered.name)
    return Home(None, None)


def _about(ties: Ties, known: KnownMessages) -> MessageKeys | None:
    named = [known.by_reference.get(reference_key(reference)) for reference in ties.references]
    composed = next((one for one in named if one is not None and one.composed), None)
    if composed is not None or named:
        return composed or named[0]
    return known.by_identifier.get(ties.identifier) if ties.identifier else None


def same(a: str | None, b: str | None) -> bool:
    """Whether two ids name one message: exactly, or but for case (providers may echo them in other cases).

    Blanks, folding and `<>` do not count. Nothing is url-decoded: that would make a blank of `+`.
    """
    left, right = bare_id(a), bare_id(b)
    if left is None or right is None:
        return False
    return left == right or ascii_lower(left) == ascii_lower(right)


def _replies_to(*headers: Headers | Ids | None) -> tuple[str, ...]:
    """What the mail answers: the nearest first (In-Reply-To, then References from its end)."""
    present = [one for one in headers if one is not None]
    answered = [identifier for one in present for identifier in one.in_reply_to]
    return _distinct([*answered, *(identifier for one in present for identifier in reversed(one.references))])


def _distinct(ids: Iterable[str | None]) -> tuple[str, ...]:
    """`ids` without `<>`, in order, each once."""
    return tuple(dict.fromkeys(bare for bare in map(bare_id, ids) if bare is not None))


def reference_key(reference: str) -> str:
    """The form in which references are compared: providers echo them in other cases."""
    return ascii_lower(reference)


def same_address(one: str | None, other: str | None) -> bool:
    """Whether both are there and mean one mailbox."""
    return one is not None and other is not None and address_key(one) == address_key(other)


def is_key(text: str) -> bool:
    """Whether an id or an address can be looked for: not longer than a line."""
    return len(text.encode("utf-8", "replace")) <= MAX_KEY
