"""Is a proof package as it was made, and does all that it says hold? Asked of its bytes alone, under the trust given.

Everything that can be made from the package's sources is made once more and compared, the report too: its receipts are
verified and held against the message again. Nothing in a package is an anchor.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from pec_tracker.pec.trust import Trust
from pec_tracker.render import canonical_zip, pdf
from pec_tracker.render.readme import README_NAMES
from pec_tracker.service import proof_package
from pec_tracker.service.proof_package import INDEX, REPORT, SUMS, VERIFIER
from pec_tracker.service.proof_report import SCHEMA, examine, frame_of
from pec_tracker.service.proof_sources import Sources, is_source
from pec_tracker.service.verify_ledger import ledger_findings
from pec_tracker.texts import N_

log = structlog.get_logger()

# What each kind of finding says; `{detail}` where one is given.
FINDINGS: Final[Mapping[str, str]] = {
    "zip-unreadable": N_("this is not a package: no ZIP as packages are written"),
    "zip-header": N_("the ZIP's header of this member does not fit its bytes"),
    "zip-content": N_("the bytes of this member are not those of the ZIP's header"),
    "zip-directory": N_("the ZIP's directory does not say of this member what its header says"),
    "zip-end": N_("the end of the ZIP is not as packages are written"),
    "zip-trailing": N_("something follows the end of the ZIP"),
    "zip-twice": N_("there are two members of this name"),
    "sum-differs": N_("its SHA-256 is not the one in SHA256SUMS"),
    "sum-missing": N_("SHA256SUMS does not list it"),
    "member-missing": N_("it is missing from the package"),
    "member-extra": N_("it does not belong into the package"),
    "member-differs": N_("it is not what the package's own sources give"),
    "report-unreadable": N_("it cannot be read as a report"),
    "report-differs": N_("the report says otherwise than what was found now: {detail}"),
    "line-not-sealed": N_("the ledger line does not stand in a seal as it is"),
    "line-of-another-message": N_("the ledger line is about another message"),
    "seal-malformed": N_("it is not a seal"),
    "seal-chain-broken": N_("the seal does not follow the one before"),
    "seal-missing": N_("there is no seal"),
    "mail-not-in-ledger": N_("no sealed line names this mail"),
    "mail-missing": N_("the mail that this line names is missing"),
    "record-not-in-ledger": N_("no sealed line names this record"),
    "record-missing": N_("the record that this line names is missing"),
    "record-unreadable": N_("the record cannot be read"),
    "name-is-not-hash": N_("its name is not its SHA-256"),
    "stamp-differs": N_("it does not date the seal beside it"),
    "attachment-differs": N_("the mails attached to it are not those of the package: {detail}"),
}
NOTES: Final[Mapping[str, str]] = {
    "other-release": N_("made by release {detail}: README, metadata and verifier could not be compared"),
    "summary-not-compared": N_("the summary's words could not be compared: made by another release of typst, or none"),
}

# What a report of another shape than ours raises where it is read: it alone is taken as it is, and compared afterwards.
_MISSHAPEN: Final = (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True)
class PackageFinding:
    """One disagreement: a stable name (see FINDINGS), the member that it is about, and what differs."""

    kind: str
    member: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PackageCheck:
    """What verifying a package gave. `notes` are what could not be compared (NOTES), with a detail each.

    `report` is the one made now, under the trust given; None where the package could not be read.
    """

    findings: tuple[PackageFinding, ...]
    notes: tuple[tuple[str, str], ...]
    report: Mapping[str, Any] | None

    @property
    def sound(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


def verify_package(raw: bytes, trust: Trust) -> PackageCheck:
    """Verify the bytes of a package. Whatever they are, the answer is findings, never an error."""
    unpacked = canonical_zip.unpack(raw)
    findings = [PackageFinding(fault.kind, fault.member) for fault in unpacked.faults]
    notes: list[tuple[str, str]] = []
    fresh: Mapping[str, Any] | None = None
    if unpacked.members:
        findings += _sums(unpacked.members)
        report = _report(unpacked.members)
        if report is None:
            findings.append(PackageFinding("report-unreadable", REPORT))
        else:
            try:
                fresh = _deeply(unpacked.members, report, trust, findings, notes)
            except _MISSHAPEN:
                findings.append(PackageFinding("report-unreadable", REPORT))
    log.info("package.verified", members=len(unpacked.members), findings=len(findings))
    return PackageCheck(tuple(dict.fromkeys(findings)), tuple(notes), fresh)


def _report(members: Mapping[str, bytes]) -> Mapping[str, Any] | None:
    """The package's report, as far as it can be worked with."""
    try:
        report = json.loads(members[REPORT])
        if report["schema"] != SCHEMA or report["language"] not in README_NAMES:
            return None
        frame_of(report)
    except _MISSHAPEN:
        return None
    return report if isinstance(report, dict) else None


def _sums(members: Mapping[str, bytes]) -> Iterator[PackageFinding]:
    """SHA256SUMS against every other member, and its own form."""
    others = {name: content for name, content in members.items() if name != SUMS}
    told = members.get(SUMS)
    if told is None:
        yield PackageFinding("member-missing", SUMS)
        return
    right = proof_package.sums(others)
    if told == right:
        return
    listed = {line[66:]: line[:64] for line in told.decode("utf-8", "surrogateescape").splitlines()}
    named = False
    for line in right.decode("utf-8", "surrogateescape").splitlines():
        name = line[66:]
        if listed.get(name) != line[:64]:
            named = True
            yield PackageFinding("sum-differs" if name in listed else "sum-missing", name)
    for name in sorted(listed.keys() - others.keys()):
        named = True
        yield PackageFinding("member-missing", name)
    if not named:
        yield PackageFinding("member-differs", SUMS)


def _deeply(
    members: Mapping[str, bytes],
    report: Mapping[str, Any],
    trust: Trust,
    findings: list[PackageFinding],
    notes: list[tuple[str, str]],
) -> Mapping[str, Any]:
    sources = Sources(frame_of(report), {name: raw for name, raw in members.items() if is_source(name)})
    findings += [PackageFinding(kind, member) for kind, member in ledger_findings(sources)]
    fresh = examine(sources, trust).report
    findings += _differences(report, fresh)
    findings += [PackageFinding("stamp-differs", one["member"]) for one in fresh["stamps"] if not one["holds"]]
    if sources.frame.pdf:
        findings += _attachments(members, sources, report)
        # It takes longer than all the rest, and where its sources are not as they were it cannot be the same.
        if not findings and not _summary_is_same(members, sources, report, findings):
            notes.append(("summary-not-compared", ""))
    findings += _remade(members, sources, report, notes)
    return fresh


def _remade(
    members: Mapping[str, bytes], sources: Sources, report: Mapping[str, Any], notes: list[tuple[str, str]]
) -> Iterator[PackageFinding]:
    """What is made from others, made once more; and whatever is neither a source nor made from one."""
    own_release = sources.frame.version == proof_package.VERSION
    summary = proof_package.summary_name(report) if sources.frame.pdf else None
    made = {**sources.members, **proof_package.derived(sources, report)}
    if summary is not None:
        made[summary] = members.get(summary, b"")
    made = proof_package.completed(made, report)
    changing = (README_NAMES[report["language"]], VERIFIER, INDEX, SUMS)
    for name in sorted(made.keys() - sources.members.keys()):
        by_release = name in changing or name.startswith("metadata/")
        if name not in members:
            yield PackageFinding("member-missing", name)
        elif members[name] != made[name] and name != SUMS and (own_release or not by_release):
            yield PackageFinding("member-differs", name)
    for name in sorted(members.keys() - made.keys()):
        yield PackageFinding("member-extra", name)
    if not own_release:
        notes.append(("other-release", sources.frame.version))


def _attachments(members: Mapping[str, bytes], sources: Sources, report: Mapping[str, Any]) -> Iterator[PackageFinding]:
    name = proof_package.summary_name(report)
    attached = set(pdf.attachments(members.get(name, b"")))
    mails = proof_package.attached(sources)
    lacking = [mail for mail, raw in mails.items() if raw not in attached]
    if lacking or attached - set(mails.values()):
        yield PackageFinding("attachment-differs", name, ", ".join(sorted(lacking)) or "-")


def _summary_is_same(
    members: Mapping[str, bytes], sources: Sources, report: Mapping[str, Any], findings: list[PackageFinding]
) -> bool:
    """Compare the summary with one made now; False where that is not possible with the same typst and release."""
    if sources.frame.version != proof_package.VERSION or not pdf.is_possible():
        return False
    name = proof_package.summary_name(report)
    made = proof_package.summary(sources, report)
    if pdf.producer(made) != pdf.producer(members.get(name, b"")):
        return False
    if made != members.get(name):
        findings.append(PackageFinding("member-differs", name))
    return True


def _differences(told: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[PackageFinding]:
    """Where the package's report and the one made now differ: by evidence, then the rest."""
    ours, theirs = _by_member(found), _by_member(told)
    for member in sorted(ours.keys() | theirs.keys()):
        if ours.get(member) != theirs.get(member):
            yield PackageFinding("report-differs", member, _listed(_paths(theirs.get(member), ours.get(member))))
    if _rest(told) != _rest(found):
        yield PackageFinding("report-differs", REPORT, _listed(_paths(_rest(told), _rest(found))))


def _listed(paths: Iterator[str]) -> str:
    """The first of them, and that there are more."""
    some = list(paths)
    return ", ".join([*some[:6], *(["..."] if len(some) > 6 else [])])


def _by_member(report: Mapping[str, Any]) -> dict[str, Any]:
    entries = (*report["proof"], *report["not_proof"])
    return {str(entry["member"]): entry for entry in entries}


def _rest(report: Mapping[str, Any]) -> dict[str, Any]:
    """All but the evidence; where an anchor was found, and why somebody trusts it, is each machine's own matter."""
    own = ("source", "reason")
    anchors = [{name: value for name, value in one.items() if name not in own} for one in report["anchors"]]
    order = [[entry["member"] for entry in report[part]] for part in ("proof", "not_proof")]
    return {**{name: report[name] for name in report if name not in ("proof", "not_proof")}, "anchors": anchors,
            "order": order}  # fmt: skip


def _paths(told: Any, found: Any, path: str = "") -> Iterator[str]:
    """Where two JSON values differ, with both values where they are small."""
    if isinstance(told, Mapping) and isinstance(found, Mapping):
        for name in sorted(told.keys() | found.keys()):
            yield from _paths(told.get(name), found.get(name), f"{path}.{name}" if path else name)
    elif isinstance(told, list) and isinstance(found, list) and len(told) == len(found):
        for at, (one, other) in enumerate(zip(told, found, strict=True)):
            yield from _paths(one, other, f"{path}[{at}]")
    elif told != found or type(told) is not type(found):
        yield f"{path or 'entry'} {_short(told)} -> {_short(found)}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
