"""What is answered about whom we trust? Every anchor with its use and why, what changed, what was judged again."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from pec_tracker.texts import N_, _, ngettext, words

if TYPE_CHECKING:
    from pec_tracker.service.intake.recheck import Rechecked
    from pec_tracker.service.trust.anchors import AnchorShown, Changed

FINGERPRINT_SHOWN: Final = 16  # digits in a list

_USES: Final = {
    "pec-authorities": N_("public root, only through the authorities of PEC: {authorities}"),
    "sandbox": N_("the sandbox: for tests, proves nothing to anybody else"),
    "authority": N_("authority: whatever it certifies for mail"),
    "signer": N_("one signer: {addresses}"),
}
# The reasons that are ours; a user's own stay as he wrote them. The last names a file.
_REASONS: Final = {
    "public root, for the authorities of Italian PEC only": N_("public root, for the authorities of Italian PEC only"),
    "named by the user": N_("named by the user"),
}
_LISTED: Final = N_("in the list {file}")


def anchor_facts(one: "AnchorShown") -> dict[str, Any]:
    """One anchor as a JSON object (contract of `trust list` and `trust show`)."""
    return {
        "fingerprint": one.fingerprint,
        "name": one.name,
        "issuer": one.issuer,
        "serial": one.serial,
        "key_bits": one.key_bits,
        "not_before": one.not_before,
        "not_after": one.not_after,
        "valid_now": one.valid_now,
        "use": one.use,
        "authorities": one.authorities,
        "addresses": one.addresses,
        "domains": one.domains,
        "source": one.source,
        "reason": one.reason,
        "since": one.since,
        "kept": one.kept,
    }


def table(anchors: "Sequence[AnchorShown]") -> tuple[list[str], list[tuple[object, ...]]]:
    """Columns and rows, one an anchor."""
    columns = [_("Fingerprint"), _("Name"), _("Valid until"), _("Use"), _("Source"), _("Since"), _("Reason")]
    return columns, [
        (
            one.fingerprint[:FINGERPRINT_SHOWN],
            one.name,
            _until(one),
            use_text(one),
            one.source,
            one.since,
            reason_text(one.reason),
        )
        for one in anchors
    ]


def list_notes(anchors: "Sequence[AnchorShown]") -> Iterator[str]:
    """What a list of anchors should make a person think of."""
    if not anchors:
        yield _("No anchor is known: no signature can be trusted. Add the authorities with: trust add FILE")
    if any(one.use == "sandbox" for one in anchors):
        yield _("A sandbox is trusted here: what it signs is good for tests only.")


def anchor_lines(one: "AnchorShown") -> list[tuple[str, str]]:
    """Label and text of each fact of an anchor, the absent ones left out."""
    lines = [
        (_("Name"), one.name),
        (_("SHA-256"), fingerprint_text(one.fingerprint)),
        (_("Issuer"), one.issuer),
        (_("Serial number"), one.serial),
        (_("Key"), _("RSA, {bits} bits").format(bits=one.key_bits) if one.key_bits else _("not RSA")),
        (_("Valid"), f"{one.not_before.date()} - {one.not_after.date()}"),
        (_("Valid today"), _("yes") if one.valid_now else _("no")),
        (_("Use"), use_text(one)),
        (_("Addresses"), ", ".join(one.addresses)),
        (_("May certify"), ", ".join(one.domains)),
        (_("Source"), one.source),
        (_("Since"), one.since.isoformat() if one.since else ""),
        (_("Reason"), reason_text(one.reason)),
    ]
    return [(label, text) for label, text in lines if text]


def fingerprint_text(sha256: str) -> str:
    """A certificate's SHA-256 as other programs show it."""
    return ":".join(sha256[at : at + 2].upper() for at in range(0, len(sha256), 2))


def use_text(one: "AnchorShown") -> str:
    """What an anchor is good for."""
    addresses = ", ".join(one.addresses) or "-"
    return _(_USES[one.use]).format(authorities=", ".join(one.authorities), addresses=addresses)


def reason_text(reason: str) -> str:
    """Why it is trusted: ours in the asker's language, a user's own as it was written."""
    before, _field, _after = _LISTED.partition("{file}")
    if reason.startswith(before):
        return _(_LISTED).format(file=reason.removeprefix(before))
    return words.word(_REASONS, reason)


def changed_facts(changed: "Changed") -> dict[str, Any]:
    """What changed as a JSON object (contract of `trust add` and `trust update`)."""
    groups = {
        "added": changed.added,
        "known": changed.known,
        "withdrawn": changed.withdrawn,
        "unlisted": changed.unlisted,
    }
    lists = {name: list(map(anchor_facts, anchors)) for name, anchors in groups.items()}
    return {**lists, "answers": changed.answers}


def changed_lines(changed: "Changed") -> Iterator[str]:
    """The same in words, one line an anchor."""
    yield from _group_lines(_("added"), changed.added)
    yield from _group_lines(_("known already"), changed.known)
    yield from _group_lines(_("withdrawn"), changed.withdrawn)
    yield from _group_lines(_("no longer in the list, still trusted"), changed.unlisted)
    if changed.answers:
        count = changed.answers
        told = ngettext("{count} revocation list kept.", "{count} revocation lists kept.", count)
        yield told.format(count=count)


def changed_notes(changed: "Changed") -> Iterator[str]:
    """What follows from it, and what there is to do."""
    if any(one.use == "sandbox" for one in changed.added):
        yield _("A sandbox is trusted from now on: what it signs is good for tests only.")
    if changed.added or changed.withdrawn:
        yield _("Judge what is archived again with: pec-tracker trust recheck. Restart serve if it runs.")


def rechecked_facts(result: "Rechecked") -> dict[str, Any]:
    """What was judged again as a JSON object (contract of `trust recheck`)."""
    changed = [{"from": before, "to": after, "count": count} for (before, after), count in result.changed.items()]
    return {"looked_at": result.looked_at, "changed": changed, "linked": result.linked, "missing": result.missing}


def rechecked_lines(result: "Rechecked") -> Iterator[str]:
    """The same in words, without what could not be read."""
    count = result.looked_at
    told = ngettext("{count} signature verified again.", "{count} signatures verified again.", count)
    yield told.format(count=count)
    for (before, after), count in sorted(result.changed.items()):
        was, now = words.word(words.VERDICTS, before), words.word(words.VERDICTS, after)
        yield _("{count:>6}  {before} -> {after}").format(count=count, before=was, after=now)
    if not result.changed:
        yield _("No verdict changed.")
    if result.linked:
        yield _("{count} mails that waited found their message.").format(count=result.linked)


def missing_lines(result: "Rechecked") -> list[str]:
    """The mails whose bytes could not be read."""
    line = _("{file}: its bytes are missing or damaged; run check")
    return [line.format(file=f"{sha256}.eml") for sha256 in result.missing]


def _until(one: "AnchorShown") -> object:
    day = one.not_after.date()
    return day if one.valid_now else _("{date} (not valid today)").format(date=day)


def _group_lines(word: str, anchors: "Sequence[AnchorShown]") -> Iterator[str]:
    for one in anchors:
        yield f"{one.fingerprint[:FINGERPRINT_SHOWN]}  {one.name} ({use_text(one)}): {word}"
