"""By which keys does a mail find the message that it belongs to?

Keys are looked for, not believed: outer headers are among them, so that a forgery is shown beside the message that it
claims to be about. What counts as proof is `agree`'s to say, from what is signed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pec_tracker.pec.evidence import address_key, ascii_lower, bare_id
from pec_tracker.pec.headers import Headers, headers_of
from pec_tracker.pec.read import Mail
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
    daticert, outer = mail.daticert, mail.headers
    inner = headers_of(mail.original) if mail.original else None
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


def same(a: str | None, b: str | None) -> bool:
    """Whether two ids name one message: exactly, or but for case (providers may echo them in other cases).

    Blanks, folding and `<>` do not count. Nothing is url-decoded: that would make a blank of `+`.
    """
    left, right = bare_id(a), bare_id(b)
    if left is None or right is None:
        return False
    return left == right or ascii_lower(left) == ascii_lower(right)


def _replies_to(*headers: Headers | None) -> tuple[str, ...]:
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
