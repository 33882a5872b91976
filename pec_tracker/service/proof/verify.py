"""Is a proof package as it was made, and does all that it says hold? Asked of its bytes alone, under the trust given.

Everything that can be made from the package's sources is made once more and compared, the report too: its receipts are
verified and held against the message again. Nothing in a package is an anchor, and nothing in it decides what is
compared: what another release may have written otherwise is compared all the same, and where it differs the outcome is
that it was not compared.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, BinaryIO, Final

import structlog

from pec_tracker.pec.certificate import certificate
from pec_tracker.pec.trust import Trust
from pec_tracker.render import canonical_zip, pdf
from pec_tracker.render.members import Members
from pec_tracker.render.readme import README_NAMES
from pec_tracker.service.proof import members as proof_package
from pec_tracker.service.proof import verify_summary
from pec_tracker.service.proof.members import INDEX, REPORT, SUMS, VERIFIER
from pec_tracker.service.proof.report import SCHEMA, examine, frame_of, sha256_of
from pec_tracker.service.proof.sources import CERTIFICATES, RECEIPTS, Sources, is_source
from pec_tracker.service.proof.stamps import IMPOSSIBLE
from pec_tracker.service.proof.verify_ledger import ledger_findings
from pec_tracker.service.proof.verify_report import by_member, loaded, pairs, paths, without_same
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
    "report-differs": N_("report.json says of it otherwise than what was found now"),
    "line-not-sealed": N_("the ledger line does not stand in a seal as it is"),
    "line-of-another-message": N_("the ledger line is about another message"),
    "seal-malformed": N_("it is not a seal"),
    "seal-chain-broken": N_("the seal does not follow the one before"),
    "head-malformed": N_("it is no head of a seal"),
    "seal-missing": N_("there is no seal"),
    "mail-not-in-ledger": N_("no sealed line names this mail"),
    "mail-missing": N_("the mail that this line names is missing"),
    "record-not-in-ledger": N_("no sealed line names this record"),
    "record-missing": N_("the record that this line names is missing"),
    "record-unreadable": N_("the record cannot be read"),
    "name-is-not-hash": N_("its name is not its SHA-256"),
    "stamp-differs": N_("it does not date the seal beside it"),
    "attachment-differs": N_("the mails attached to it are not those of the package: {detail}"),
    "folder-differs": N_("it is in the wrong folder: receipts/ holds what counts as proof, not-proof/ the rest"),
    "stamp-older-than-its-lines": N_("the time-stamp is older than the newest line of the seal that it is over"),
    "stamp-younger-than-the-next-seal": N_(
        "the time-stamp is younger than the lines of the seal that follows: its lines were dated back"
    ),
}
# What could not be compared, each with a detail. Any of them, and the package does not simply hold.
NOTES: Final[Mapping[str, str]] = {
    "other-release": N_("it says that release {detail} made it, and this release writes it otherwise"),
    "report-of-other-release": N_("report.json lacks what this release says of it: {detail}"),
    "summary-not-compared": N_("the words of the summary (PDF)"),
    "stamp-not-verified": N_("the time-stamp {detail}: its authority is not known here (--tsa-ca names one)"),
}

# What a report of another shape than ours raises where it is read: it alone is taken as it is, and compared afterwards.
_MISSHAPEN: Final = (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True)
class PackageFinding:
    """One disagreement: a stable name (see FINDINGS), the member that it is about, and what differs."""

    kind: str
    member: str
    detail: str = ""


class Outcome(StrEnum):
    """What verifying a package comes to; a status of the command for each."""

    HOLDS = "holds"
    NOT_COMPARED = "holds-not-compared"  # what was compared holds, but not everything could be
    DOES_NOT_HOLD = "does-not-hold"


@dataclass(frozen=True, slots=True)
class UnknownAuthority:
    """An authority that the package names and this machine does not know; its certificate's SHA-256, if it is here."""

    name: str
    sha256: str | None


@dataclass(frozen=True, slots=True)
class PackageCheck:
    """What verifying a package gave. `notes` are what could not be compared (NOTES), with a detail each.

    `report` is the one made now, under the trust given; None where the package could not be read. `unknown` are the
    authorities without which signatures that hold are those of strangers.
    """

    findings: tuple[PackageFinding, ...]
    notes: tuple[tuple[str, str], ...]
    report: Mapping[str, Any] | None
    unknown: tuple["UnknownAuthority", ...] = ()

    @property
    def sound(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    @property
    def outcome(self) -> Outcome:
        """Whether it holds, does not, or holds as far as it could be compared."""
        if self.findings:
            return Outcome.DOES_NOT_HOLD
        return Outcome.NOT_COMPARED if self.notes else Outcome.HOLDS


def verify_package(package: bytes | BinaryIO, trust: Trust, *, stamp_roots: Sequence[bytes] = ()) -> PackageCheck:
    """Verify a package: its bytes, or its file, open and seekable, of which a member at a time is held.

    Whatever they are, the answer is findings, never an error; but for what reading the file raises.

    *stamp_roots* (certificates, DER) are where the chain of a time-stamp may end; of none, no stamp is verified.
    """
    unpacked = canonical_zip.unpack(package)
    findings = [PackageFinding(fault.kind, fault.member) for fault in unpacked.faults]
    notes: list[tuple[str, str]] = []
    fresh: Mapping[str, Any] | None = None
    unknown: tuple[UnknownAuthority, ...] = ()
    if unpacked.members:
        findings += _sums(unpacked.members)
        report = _report(unpacked.members)
        if report is None:
            findings.append(PackageFinding("report-unreadable", REPORT))
        else:
            case = _Case(unpacked.members, report, findings, notes)
            try:
                fresh = case.examine(trust, stamp_roots)
                unknown = case.unknown(fresh)
            except _MISSHAPEN:
                findings.append(PackageFinding("report-unreadable", REPORT))
    log.info("package.verified", members=len(unpacked.members), findings=len(findings))
    return PackageCheck(tuple(dict.fromkeys(findings)), tuple(dict.fromkeys(notes)), fresh, unknown)


def _report(members: Mapping[str, bytes]) -> Mapping[str, Any] | None:
    """The package's report, as far as it can be worked with."""
    try:
        report = loaded(members[REPORT])
        if report["schema"] != SCHEMA or report["language"] not in README_NAMES:
            return None
        frame_of(report)
    except _MISSHAPEN:
        return None
    return report if isinstance(report, dict) else None


def _sums(members: Members) -> Iterator[PackageFinding]:
    """SHA256SUMS against every other member, and its own form."""
    others = members.only(lambda name: name != SUMS)
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


class _Case:
    """One package under examination: what it tells, against what is made of its sources now."""

    def __init__(
        self,
        members: Members,
        report: Mapping[str, Any],
        findings: list[PackageFinding],
        notes: list[tuple[str, str]],
    ) -> None:
        self.members, self.report, self.findings, self.notes = members, report, findings, notes
        self.sources = Sources(frame_of(report), members.only(is_source))
        # What another release wrote otherwise is no proof of anything wrong; it is never simply passed over.
        self.own_release = self.sources.frame.version == proof_package.VERSION
        self._told_sha256 = ""

    def examine(self, trust: Trust, stamp_roots: Sequence[bytes]) -> Mapping[str, Any]:
        """Compare everything; the report as it follows from the sources now."""
        self._told_sha256 = proof_package.report_sha256(self.report)
        self.findings += [PackageFinding(kind, member) for kind, member in ledger_findings(self.sources)]
        fresh = examine(self.sources, trust, stamp_roots).report
        self.findings += _folders(fresh)
        self._stamps(fresh)
        self._report(fresh)
        if self.sources.frame.pdf:
            self._summary(fresh)
        self._remade(fresh)
        return fresh

    def unknown(self, fresh: Mapping[str, Any]) -> tuple[UnknownAuthority, ...]:
        """The authorities at which chains end that hold for whoever made the package, and not here."""
        told = by_member(self.report)
        found: dict[UnknownAuthority, None] = {}
        for entry in (*fresh["proof"], *fresh["not_proof"]):
            done, before = entry["verification"], told.get(str(entry["member"]), {}).get("verification", {})
            if before.get("verdict") == "trusted" and done["verdict"] == "intact" and not done["checks"]["chain"]:
                der = self.members.get(f"{CERTIFICATES}{str(before.get('anchor'))[:16]}.der", b"")
                named = certificate(der)
                name = named.common_name if named else done["issuer"]
                found[UnknownAuthority(name or "-", sha256_of(der) if named else None)] = None
        return tuple(found)

    def _stamps(self, fresh: Mapping[str, Any]) -> None:
        """Each time-stamp as it is verified here; whoever made the package may have known another authority."""
        told = {str(one["member"]): one for one in self.report["stamps"]}
        for one in fresh["stamps"]:
            if one["holds"] is False:
                kind = f"stamp-{one['reason']}" if one["reason"] in IMPOSSIBLE else "stamp-differs"
                self.findings.append(PackageFinding(kind, one["member"]))
            elif one["holds"] is None and told.get(one["member"], {}).get("holds"):
                self.notes.append(("stamp-not-verified", one["member"]))

    def _report(self, fresh: Mapping[str, Any]) -> None:
        """The report told, against the one made now: by evidence, then the rest, then the limits."""
        if self._told_sha256 != self.members.weight(REPORT).sha256:
            self.findings.append(PackageFinding("member-differs", REPORT))
        lacking: list[str] = []
        same: dict[tuple[int, int], bool] = {}
        for member, told, found in pairs(self.report, fresh):
            differing = list(paths(*without_same(told, found, same)))
            lacking += [one.path for one in differing if one.lacking and not self.own_release]
            wrong = [str(one) for one in differing if self.own_release or not one.lacking]
            if wrong:
                self.findings.append(PackageFinding("report-differs", member, _listed(wrong)))
                if member != REPORT:
                    self.findings.append(PackageFinding("report-differs", REPORT, member))
        told_limits, found_limits = (_limits_compared(one, self.report, fresh) for one in (self.report, fresh))
        if told_limits != found_limits:
            differing_limits = [f"limits {', '.join(sorted(told_limits ^ found_limits))}"]
            if self.own_release:
                self.findings.append(PackageFinding("report-differs", REPORT, _listed(differing_limits)))
            lacking += differing_limits
        if lacking and not self.own_release:
            self.notes.append(("report-of-other-release", _listed(list(dict.fromkeys(lacking)))))

    def _remade(self, fresh: Mapping[str, Any]) -> None:
        """What is made from others, made once more; and whatever is neither a source nor made from one."""
        report = self.report if self.own_release else fresh
        summary = proof_package.summary_name(report) if self.sources.frame.pdf else None
        made = Members().joined(self.sources.members, proof_package.derived(self.sources, report))
        made = made.joined(self.members.only(lambda name: name == REPORT))
        if summary is not None:
            made = made.joined(
                self.members.only(lambda name: name == summary) if summary in self.members else {summary: b""}
            )
        made = proof_package.completed(made, report)
        changing = (README_NAMES[report["language"]], VERIFIER, INDEX)
        otherwise = []
        for name in sorted(made.keys() - self.sources.members.keys()):
            if name not in self.members:
                self.findings.append(PackageFinding("member-missing", name))
            elif name != SUMS and self.members.weight(name) != made.weight(name):
                if self.own_release or not (name in changing or name.startswith("metadata/")):
                    self.findings.append(PackageFinding("member-differs", name))
                otherwise.append(name)
        for name in sorted(self.members.keys() - made.keys()):
            self.findings.append(PackageFinding("member-extra", name))
        if otherwise and not self.own_release:
            self.notes.append(("other-release", f"{self.sources.frame.version}: {', '.join(otherwise)}"))

    def _summary(self, fresh: Mapping[str, Any]) -> None:
        """The summary: by its bytes where this very typst made it, else its mails, its facts, its words; what cannot
        be compared is said."""
        name, mails = proof_package.summary_name(self.report), proof_package.attached(self.sources)
        summary = self.members.get(name, b"")
        facts = self._summary_facts(fresh)
        # Where its sources are not as they were it cannot be the same, and making it takes long.
        made = pdf.summary(facts, mails) if pdf.is_possible() and not self.findings else None
        if made == summary:
            return
        attached = {sha256_of(mail) for mail in pdf.attachments(summary)}
        lacking = sorted(mail for mail in mails if mails.weight(mail).sha256 not in attached)
        found = verify_summary.compare(summary, facts, mails.values())
        if lacking or not found.attachments_ok:
            self.findings.append(PackageFinding("attachment-differs", name, ", ".join(lacking) or "-"))
        elif not self.findings:
            same_typst = made is not None and pdf.producer(made) == pdf.producer(summary)
            self._summary_compared(name, found, same_typst=same_typst)

    def _summary_facts(self, fresh: Mapping[str, Any]) -> dict[str, Any]:
        if self.own_release:
            return proof_package.summary_facts(self.sources, self.report, self._told_sha256)
        return proof_package.summary_facts(self.sources, fresh, proof_package.report_sha256(fresh))

    def _summary_compared(self, name: str, found: verify_summary.Comparison, *, same_typst: bool) -> None:
        """A summary of other bytes than those made here: by its facts and the words on its pages, where another typst
        made it."""
        if found.sound and not same_typst:
            return
        differs = same_typst or found.facts_ok is False or found.words == "differ"
        if differs and self.own_release:
            self.findings.append(PackageFinding("member-differs", name))
        else:
            self.notes.append(("summary-not-compared", ""))


def _folders(fresh: Mapping[str, Any]) -> Iterator[PackageFinding]:
    """Each mail lies in the folder that says whether it counts."""
    for entry in (*fresh["proof"], *fresh["not_proof"]):
        if entry["counts"] is not str(entry["member"]).startswith(RECEIPTS):
            yield PackageFinding("folder-differs", entry["member"])


def _limits_compared(one: Mapping[str, Any], told: Mapping[str, Any], fresh: Mapping[str, Any]) -> set[str]:
    """The limits of a report, but for the one that depends on which time-stamp authorities are known where."""
    holding = [[stamp.get("holds") for stamp in report["stamps"]] for report in (told, fresh)]
    by_authorities = {"ledger-times-self-asserted"} if holding[0] != holding[1] else set()
    return set(one["limits"]) - by_authorities


def _listed(differences: Sequence[str]) -> str:
    """The first of them, and that there are more."""
    return ", ".join([*differences[:6], *(["..."] if len(differences) > 6 else [])])
