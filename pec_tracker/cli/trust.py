"""`pec-tracker trust`: whom are signatures held to, since when and why; and what changes when that changes?"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from pec_tracker.answers.plain import clean
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.options import Group, argument, json_option, option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.errors import Exit, UsageError
from pec_tracker.texts import N_, _, ngettext, words

if TYPE_CHECKING:
    from pec_tracker.pec.trust import Trust
    from pec_tracker.service.intake.recheck import Rechecked
    from pec_tracker.service.trust.anchors import AnchorShown, Changed

_USES: Final = {
    "pec-authorities": N_("public root, only through the authorities of PEC: {authorities}"),
    "sandbox": N_("the sandbox: for tests, proves nothing to anybody else"),
    "authority": N_("authority: whatever it certifies for mail"),
    "signer": N_("one signer: {addresses}"),
}
_REASONS: Final = {
    "public root, for the authorities of Italian PEC only": N_("public root, for the authorities of Italian PEC only"),
    "named by the user": N_("named by the user"),
}


@click.group("trust", cls=Group, help=N_("See, add and update the authorities that signatures are held to."))
def command() -> None:
    """Only the group: each subcommand says what it does."""


@command.command(
    "list",
    help=N_(
        "List every anchor: the default ones, those of the configuration and those that were added.\n\n"
        "The default anchors need no download: they are this computer's public roots, but only through the "
        "authorities that Italian PEC has used."
    ),
    epilog="""pec-tracker trust list
        pec-tracker trust list --json | jq 'select(.use == "sandbox")'""",
)
@json_option
@pass_cli
def list_anchors(cli: Cli, *, as_json: bool) -> None:
    """One row an anchor."""
    from pec_tracker.service.trust import anchors as trust

    house = cli.app().house
    output = cli.output(as_json=as_json)
    anchors = trust.shown(OPERATOR, house, now=house.clock.now())
    if as_json:
        for one in anchors:
            output.record(_facts(one))
        return
    columns = [_("Fingerprint"), _("Name"), _("Valid until"), _("Use"), _("Source"), _("Since"), _("Reason")]
    output.table(columns, [_row(one) for one in anchors])
    if not anchors:
        output.note(_("No anchor is known: no signature can be trusted. Add the authorities with: trust add FILE"))
    if any(one.use == "sandbox" for one in anchors):
        output.note(_("A sandbox is trusted here: what it signs is good for tests only."))


@command.command(
    "show",
    help=N_("Show one anchor in full. NAME is a fingerprint, its first 8 digits or more, or a part of the name."),
    epilog="""pec-tracker trust show Actalis
        pec-tracker trust show 55926084ec963a64""",
)
@argument("name", metavar="FINGERPRINT|NAME", help=N_("Which anchor."))
@json_option
@pass_cli
def show(cli: Cli, *, name: str, as_json: bool) -> None:
    """Every fact of the anchors that the name fits."""
    from pec_tracker.service.trust import anchors as trust

    house = cli.app().house
    output = cli.output(as_json=as_json)
    for one in trust.named(OPERATOR, house, name, now=house.clock.now()):
        if as_json:
            output.record(_facts(one))
            continue
        for label, text in _lines(one):
            if text:
                output.say(f"{label + ':':<22}{clean(text)}")
        output.say()


_public_root_option = option(
    "--public-root",
    is_flag=True,
    help=N_(
        "Add it even if it is a public root of this machine: whoever has from it, or from any authority below it, a "
        "certificate for an address posta-certificata@ could then sign what counts as proof."
    ),
)


def _refuse_public(path: Path, given: "Trust") -> None:
    """A root that certifies anybody's mail is taken only from who knows what that opens."""
    from pec_tracker import anchors
    from pec_tracker.pec.certificate import certificate

    found = [one for anchor in anchors.public_among(given) if (one := certificate(anchor.der)) is not None]
    if found:
        raise UsageError(
            "{file} holds a public root of this machine ({name}). It certifies mail addresses for anybody, not for PEC "
            "providers alone: whoever has from it, or from any authority below it, a certificate for an address "
            "posta-certificata@ could then sign what counts as proof. The roots of Italian PEC are trusted already, "
            "and only through the authorities of PEC. If you want this one without that limit, say --public-root",
            file=path.name,
            name=found[0].common_name or found[0].organization or "-",
        )


@command.command(
    "add",
    help=N_(
        "Trust more certificates, beside the default anchors and never instead.\n\n"
        "PATH is a file (PEM, DER, PKCS#7, or an LDIF of the provider directory, plain or signed) or a folder of "
        "these; the signature of a signed list is not verified. Every certificate there becomes an anchor; revocation "
        "lists are kept too. What is known already changes nothing. Evidence that was archived before is judged "
        "again with `trust recheck`."
    ),
    epilog="""pec-tracker trust add gestore.pem --reason "root of our provider, from its manual of 2026"
        pec-tracker trust add anchors/ --reason "handed over by the former administrator"
        pec-tracker trust recheck""",
)
@argument("path", metavar="FILE|FOLDER", type=click.Path(exists=True, path_type=Path), help=N_("The certificates."))
@option("--reason", metavar="TEXT", required=True, help=N_("Why they are trusted: shown beside them for years."))
@_public_root_option
@json_option
@pass_cli
def add(cli: Cli, *, path: Path, reason: str, public_root: bool, as_json: bool) -> None:
    """Add, and say what is new."""
    from pec_tracker import anchors
    from pec_tracker.service.trust import anchors as trust

    given = anchors.from_paths([path])
    if not public_root:
        _refuse_public(path, given)
    _tell_changes(cli.output(as_json=as_json), trust.add(OPERATOR, cli.app().house, given, reason=reason))


@command.command(
    "update",
    help=N_(
        "Bring the list of providers' certificates up to date from FILE: an LDIF of the provider directory (IGPEC) or "
        "a bundle.\n\n"
        "New ones are added. Those of an earlier list that are missing in FILE stay trusted, because old receipts "
        "rest on them, and are named; with --replace they are withdrawn."
    ),
    epilog="""pec-tracker trust update igpec.ldif --reason "provider directory of November 2026"
        pec-tracker trust update igpec.ldif.p7m --replace --reason "correction of the list of May" """,
)
@argument("path", metavar="FILE", type=click.Path(exists=True, path_type=Path), help=N_("The new list."))
@option("--reason", metavar="TEXT", default="", help=N_("Why it is trusted (default: that the list says so)."))
@option("--replace", "replacing", is_flag=True, help=N_("Withdraw what the list no longer holds."))
@_public_root_option
@json_option
@pass_cli
def update(cli: Cli, *, path: Path, reason: str, replacing: bool, public_root: bool, as_json: bool) -> None:
    """Extend or replace, and say what changed."""
    from pec_tracker import anchors
    from pec_tracker.service.trust import anchors as trust

    given = anchors.from_paths([path])
    if not public_root:
        _refuse_public(path, given)
    why = reason or _("in the list {file}").format(file=path.name)
    changed = trust.update(OPERATOR, cli.app().house, given, reason=why, replacing=replacing)
    _tell_changes(cli.output(as_json=as_json), changed)


@command.command(
    "recheck",
    help=N_(
        "Verify archived evidence again with the trust of today, from its bytes.\n\n"
        "What is not trusted is judged again (with --all everything); journeys and links follow. The verdict at "
        "arrival stays beside the new one. The status is 1 when a mail's bytes could not be read."
    ),
    epilog="""pec-tracker trust recheck
        pec-tracker trust recheck --all""",
)
@option("--all", "every", is_flag=True, help=N_("Also what is trusted already."))
@json_option
@pass_cli
def recheck(cli: Cli, *, every: bool, as_json: bool) -> Exit:
    """Judge again, and count."""
    from pec_tracker.service.intake import recheck as service

    output = cli.output(as_json=as_json)
    with output.progress(_("Verifying")) as progress:
        result = service.recheck(OPERATOR, cli.app().house, every=every, progress=progress.reach)
    if as_json:
        changed = [{"from": before, "to": after, "count": count} for (before, after), count in result.changed.items()]
        output.record(
            {"looked_at": result.looked_at, "changed": changed, "linked": result.linked, "missing": result.missing}
        )
    else:
        _tell_rechecked(output, result)
    return Exit.FINDING if result.missing else Exit.DONE


def _facts(one: "AnchorShown") -> dict[str, Any]:
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


def _row(one: "AnchorShown") -> list[object]:
    until = one.not_after.date() if one.valid_now else _("{date} (not valid today)").format(date=one.not_after.date())
    return [one.fingerprint[:16], clean(one.name), until, _use(one), clean(one.source), one.since, _reason(one)]


def _use(one: "AnchorShown") -> str:
    return _(_USES[one.use]).format(
        authorities=", ".join(one.authorities), addresses=clean(", ".join(one.addresses)) or "-"
    )


def _reason(one: "AnchorShown") -> str:
    return clean(words.word(_REASONS, one.reason))


def _lines(one: "AnchorShown") -> list[tuple[str, str | None]]:
    pairs = [one.fingerprint[at : at + 2].upper() for at in range(0, 64, 2)]
    return [
        (_("Name"), one.name),
        (_("SHA-256"), ":".join(pairs)),
        (_("Issuer"), one.issuer),
        (_("Serial number"), one.serial),
        (_("Key"), _("RSA, {bits} bits").format(bits=one.key_bits) if one.key_bits else _("not RSA")),
        (_("Valid"), f"{one.not_before.date()} - {one.not_after.date()}"),
        (_("Valid today"), _("yes") if one.valid_now else _("no")),
        (_("Use"), _use(one)),
        (_("Addresses"), ", ".join(one.addresses)),
        (_("May certify"), ", ".join(one.domains)),
        (_("Source"), one.source),
        (_("Since"), one.since.isoformat() if one.since else None),
        (_("Reason"), _reason(one)),
    ]


def _tell_changes(output: Output, changed: "Changed") -> None:
    groups = (
        ("added", _("added"), changed.added),
        ("known", _("known already"), changed.known),
        ("withdrawn", _("withdrawn"), changed.withdrawn),
        ("unlisted", _("no longer in the list, still trusted"), changed.unlisted),
    )
    if output.json:
        lists = {name: [_facts(one) for one in anchors] for name, _word, anchors in groups}
        output.record({**lists, "answers": changed.answers})
        return
    for _name, word, anchors in groups:
        _tell_group(output, word, anchors)
    if changed.answers:
        count = changed.answers
        told = ngettext("{count} revocation list kept.", "{count} revocation lists kept.", count)
        output.say(told.format(count=count))
    if any(one.use == "sandbox" for one in changed.added):
        output.note(_("A sandbox is trusted from now on: what it signs is good for tests only."))
    if changed.added or changed.withdrawn:
        output.note(_("Judge what is archived again with: pec-tracker trust recheck. Restart serve if it runs."))


def _tell_group(output: Output, word: str, anchors: Sequence["AnchorShown"]) -> None:
    for one in anchors:
        output.say(f"{one.fingerprint[:16]}  {clean(one.name)} ({_use(one)}): {word}")


def _tell_rechecked(output: Output, result: "Rechecked") -> None:
    count = result.looked_at
    told = ngettext("{count} signature verified again.", "{count} signatures verified again.", count)
    output.say(told.format(count=count))
    for (before, after), count in sorted(result.changed.items()):
        was, now = words.word(words.VERDICTS, before), words.word(words.VERDICTS, after)
        output.say(_("{count:>6}  {before} -> {after}").format(count=count, before=was, after=now))
    if not result.changed:
        output.say(_("No verdict changed."))
    if result.linked:
        output.say(_("{count} mails that waited found their message.").format(count=result.linked))
    for sha256 in result.missing:
        click.echo(_("{file}: its bytes are missing or damaged; run check").format(file=f"{sha256}.eml"), err=True)
