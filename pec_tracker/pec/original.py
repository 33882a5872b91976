"""Does an enclosed original read the same as the message that we keep? Point by point; see docs/decisions/0009."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pec_tracker.pec.evidence import Fingerprint, Head, Part

# A difference in these alone is a limit that is said, and no refusal.
SOFT: Final = frozenset({"original_date", "original_reply_to"})

POINTS: Final = (
    "original_body",
    "original_type",
    "original_encoding",
    "original_disposition",
    "original_from",
    "original_to",
    "original_cc",
    "original_subject",
    "original_date",
    "original_reply_to",
    "original_other",
)

# Beside `content-*`, `resent-*` and `list-*`: what a mail program shows or obeys. Lines that are no field ("") are
# among them: to some programs they end the header. Programs add others of their own to the copy that they keep.
SHOWN: Final = frozenset(
    {
        "",
        "from",
        "sender",
        "to",
        "cc",
        "bcc",
        "reply-to",
        "subject",
        "date",
        "mime-version",
        "in-reply-to",
        "references",
        "comments",
        "keywords",
        "organization",
        "importance",
        "priority",
        "x-priority",
        "x-msmail-priority",
        "sensitivity",
        "disposition-notification-to",
        "return-receipt-to",
        "mail-followup-to",
        "followup-to",
        "newsgroups",
        "expires",
        "supersedes",
        "archived-at",
        "autocrypt",
        "face",
        "x-face",
    }
)

_POINT_OF: Final = {
    "content-type": "original_type",
    "content-transfer-encoding": "original_encoding",
    "content-disposition": "original_disposition",
    "from": "original_from",
    "to": "original_to",
    "cc": "original_cc",
    "subject": "original_subject",
    "date": "original_date",
    "reply-to": "original_reply_to",
}
_HASH_SUFFIX: Final = ".hash"  # RFC 6109 3.3.2.2


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two copies of a message stand to each other: a value for each of POINTS, their summary, and the limits.

    Limits: `brief-sha1` (attachments are bound by SHA-1 and name alone), `original-re-encoded`, `original-cut`,
    `original-not-known` (an earlier release took one of the fingerprints), `original-date`, `original-reply-to`.
    """

    points: Mapping[str, bool | None]
    limits: tuple[str, ...] = ()

    @property
    def same(self) -> bool | None:
        """False if a point that refuses is false, true if all of those are true, else None."""
        held = [value for name, value in self.points.items() if name not in SOFT]
        return False if False in held else None if None in held else True


NOTHING: Final = Comparison(dict.fromkeys(POINTS))


def compare(theirs: Fingerprint | None, ours: Fingerprint | None, *, composed: bool, brief: bool) -> Comparison:
    """The original that came back (*theirs*) against the message that we keep (*ours*).

    `composed`: we made ours, so that it comes back byte for byte, but for a brief receipt. Else another program wrote
    the copy, and equal decoded parts are enough.
    """
    if theirs is None or ours is None:
        return NOTHING
    if theirs.head is None or ours.head is None:
        return _of_an_earlier_release(theirs, ours, whole=composed and not brief)
    notes: dict[str, bool | None] = dict.fromkeys(POINTS, True)
    _hold(notes, _differing(theirs.head, ours.head, every=composed), skipped="content-")
    top = list(_differing(_content(theirs.head), _content(ours.head), every=True))
    limits: list[str] = []
    if theirs.body == ours.body and not top:
        pass
    elif composed and not brief:
        notes["original_body"] = theirs.body == ours.body
        _hold(notes, top)
    else:
        limits += _by_parts(notes, theirs, ours, brief=brief)
    limits += [name.replace("_", "-") for name in sorted(SOFT) if notes[name] is False]
    return Comparison(notes, tuple(limits))


def reads_the_same(one: Fingerprint, other: Fingerprint) -> bool | None:
    """Whether two copies of one message read the same to whoever opens them."""
    return compare(one, other, composed=False, brief=False).same


def _hold(notes: dict[str, bool | None], names: Iterator[str] | list[str], *, skipped: str | None = None) -> None:
    """Note the points of fields that differ as false."""
    for name in names:
        if skipped is None or not name.startswith(skipped):
            notes[_POINT_OF.get(name, "original_other")] = False


def _content(head: Head) -> Head:
    return tuple(one for one in head if one[0].startswith("content-"))


def _differing(theirs: Head, ours: Head, *, every: bool) -> Iterator[str]:
    """The names of the fields whose values differ, or that only one of both has."""
    left, right = _by_name(theirs), _by_name(ours)
    for name in sorted(left.keys() | right.keys()):
        if (every or _is_shown(name)) and left.get(name) != right.get(name):
            yield name


def _by_name(head: Head) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in head:
        found.setdefault(name, []).append(value)
    return found


def _is_shown(name: str) -> bool:
    return name in SHOWN or name.startswith(("content-", "resent-", "list-", "sha256:"))


def _by_parts(notes: dict[str, bool | None], theirs: Fingerprint, ours: Fingerprint, *, brief: bool) -> Iterator[str]:
    """Node by node; gives the limits."""
    their_parts = {part.path: part for part in theirs.parts}
    our_parts = {part.path: part for part in ours.parts}
    their_nodes = {node.path: node for node in theirs.multiparts}
    our_nodes = {node.path: node for node in ours.multiparts}
    if their_parts.keys() != our_parts.keys() or their_nodes.keys() != our_nodes.keys():
        notes["original_body"] = False
        return
    for path, node in our_nodes.items():
        _hold(notes, list(_differing(their_nodes[path].head, node.head, every=True)))
        if their_nodes[path].around != node.around:
            notes["original_body"] = False
    hashed = recoded = False
    for path, part in our_parts.items():
        their = their_parts[path]
        if brief and their.brief_hash is not None:
            hashed = True
            if not _is_hash_of(their, part):
                notes["original_body"] = False
            continue
        recoded |= _hold_part(notes, their, part)
    if hashed:
        yield "brief-sha1"
    if recoded:
        yield "original-re-encoded"
        notes["original_encoding"] = None if notes["original_encoding"] else False
    if theirs.cut or ours.cut:
        yield "original-cut"
        notes["original_body"] = None if notes["original_body"] else False


def _hold_part(notes: dict[str, bool | None], their: Part, our: Part) -> bool:
    """Note where two leaves differ; returns whether they are the same content in another transfer encoding."""
    same_bytes = their.sha1_encoded == our.sha1_encoded
    if their.sha256 != our.sha256 or not (same_bytes or (their.clean and our.clean)):
        notes["original_body"] = False
    names = list(_differing(their.head or (), our.head or (), every=True))
    recoded = "content-transfer-encoding" in names and their.sha256 == our.sha256 and bool(their.clean and our.clean)
    if recoded:
        names.remove("content-transfer-encoding")
    _hold(notes, names)
    return recoded


def _is_hash_of(their: Part, our: Part) -> bool:
    """`name.hash` with the SHA-1 of ours, encoded or (seen) decoded.

    How the hash of a part without a name is called is the provider's choice (RFC 6109 3.3.2.2 says nothing of it).
    """
    named = None in (their.filename, our.filename) or their.filename in (
        our.filename,
        f"{our.filename}{_HASH_SUFFIX}",
    )
    return named and (their.brief_hash or "").lower() in (our.sha1_encoded.lower(), our.sha1.lower())


def _of_an_earlier_release(theirs: Fingerprint, ours: Fingerprint, *, whole: bool) -> Comparison:
    """Only bodies and leaves are known: what differs is false, nothing else is more than not known."""
    points: dict[str, bool | None] = dict.fromkeys(POINTS)
    if theirs.body == ours.body:
        points["original_body"] = True
    elif whole or not _same_leaves(theirs, ours):
        points["original_body"] = False
    return Comparison(points, ("original-not-known",))


def _same_leaves(theirs: Fingerprint, ours: Fingerprint) -> bool:
    their_parts = {part.path: part for part in theirs.parts}
    our_parts = {part.path: part for part in ours.parts}
    return their_parts.keys() == our_parts.keys() and all(
        _is_hash_of(their, part) if (their := their_parts[path]).brief_hash else their.sha256 == part.sha256
        for path, part in our_parts.items()
    )
