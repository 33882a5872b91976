"""What lies in a proof package beside the mails? Everything that can be made from them and the report, made one way."""

import ssl
from collections.abc import Iterable, Mapping
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from pec_tracker.pec import mime
from pec_tracker.pec.daticert import parse
from pec_tracker.pec.fingerprint import leaves
from pec_tracker.pec.read import Mail, certified_xml
from pec_tracker.render import annex5, pdf, sincro
from pec_tracker.render.indented import indented
from pec_tracker.render.members import Members
from pec_tracker.render.readme import README_NAMES, chain_numbers, readme
from pec_tracker.render.wording import section
from pec_tracker.service.proof import summary as proof_summary
from pec_tracker.service.proof.sources import CERTIFICATES, ORIGINAL, Sources

REPORT: Final = "report.json"
SUMS: Final = "SHA256SUMS"
VERIFIER: Final = "verify_package.py"
INDEX: Final = "metadata/PIndex.xml"


def _version() -> str:
    try:
        return version("pec-tracker")
    except PackageNotFoundError:  # run from its source, never installed
        return "0"


VERSION: Final = _version()


def pdf_is_possible() -> bool:
    """Whether the summary can be made here."""
    return pdf.is_possible()


def assemble(sources: Sources, report: Mapping[str, Any]) -> Members:
    """All members of the package, by name."""
    members = Members().joined(sources.members, derived(sources, report))
    if sources.frame.pdf:
        members = members.joined({summary_name(report): summary(sources, report)})
    return completed(members, report)


def derived(sources: Sources, report: Mapping[str, Any]) -> dict[str, bytes]:
    """What is made from sources and report alone: nothing of it depends on other derived members."""
    return {
        REPORT: encoded(report),
        VERIFIER: (Path(pdf.__file__).parent / VERIFIER).read_bytes(),
        **_daticerts(sources),
        **_pems(sources, report),
        **_metadata(sources, report),
    }


def completed(members: Members, report: Mapping[str, Any]) -> Members:
    """*members* with those that list the others: README, index, sums."""
    names = {README_NAMES[report["language"]], INDEX, SUMS}
    listed = members.only(lambda name: name not in names)
    listed = listed.joined({README_NAMES[report["language"]]: readme(report, sorted({*listed, *names}))})
    listed = listed.joined({INDEX: sincro.index(report, listed)})
    return listed.joined({SUMS: sums(listed)})


def summary_name(report: Mapping[str, Any]) -> str:
    """The member that is the summary."""
    return section(report["language"], "summary")["pdf"]


def summary(sources: Sources, report: Mapping[str, Any]) -> bytes:
    """The summary as PDF/A-3b, every raw mail attached."""
    return pdf.summary(summary_facts(sources, report), attached(sources))


def summary_facts(sources: Sources, report: Mapping[str, Any]) -> dict[str, Any]:
    """The facts that the summary prints and carries."""
    acts = sorted(sources.lines().values(), key=lambda line: line.id)
    return proof_summary.facts(report, acts, encoded(report))


def attached(sources: Sources) -> Members:
    """The mails that the summary carries."""
    return Members().joined(sources.members).only(lambda name: name.endswith(".eml"))


def encoded(report: Mapping[str, Any]) -> bytes:
    """The report as its member holds it."""
    return (indented(report) + "\n").encode("utf-8", "replace")


def sums(members: Mapping[str, bytes]) -> bytes:
    """SHA256SUMS over *members*, in the format of sha256sum."""
    lines = (f"{sha256(members[name]).hexdigest()}  {name}\n" for name in sorted(members))
    return "".join(lines).encode("utf-8", "surrogateescape")  # a damaged name is none in UTF-8


def _daticerts(sources: Sources) -> dict[str, bytes]:
    extracts = {}
    for member, raw in sources.evidence:
        xml = _daticert_xml(raw, sources.readings.of(raw).mail)
        if xml is not None:
            extracts[f"daticert/{_stem(member)}.xml"] = xml
    return extracts


def _daticert_xml(raw: bytes, mail: Mail) -> bytes | None:
    """The certification data that was read, as it lies in the mail."""
    if mail.signed is None or mail.daticert is None:
        return None
    content = mime.entity(raw, mail.signed.content)
    parts = tuple(mime.entity(raw, span) for span in mime.children(raw, content))
    known = certified_xml(raw, parts)  # parsing it a second time would say the same
    decoded = (mime.decoded(raw, part) for part in parts)
    found = (xml for xml in decoded if xml is not None and (xml == known or parse(xml) == mail.daticert))
    return next(found, None)


def _pems(sources: Sources, report: Mapping[str, Any]) -> dict[str, bytes]:
    """Each certificate as PEM; of each chain that held, the anchor and what stands between it and the leaf."""
    ders = {sha256(der).hexdigest(): der for name, der in sources.under(CERTIFICATES) if name.endswith(".der")}
    members = {f"{CERTIFICATES}{name[:16]}.pem": _pem([der]) for name, der in ders.items()}
    for chain, number in chain_numbers(report).items():
        known = [ders[name] for name in chain if name in ders]
        members[f"{CERTIFICATES}chain-{number}-anchor.pem"] = _pem(known[-1:])
        if len(known) > 2:
            members[f"{CERTIFICATES}chain-{number}-intermediates.pem"] = _pem(known[1:-1])
    return members


def _pem(ders: Iterable[bytes]) -> bytes:
    return "".join(map(ssl.DER_cert_to_PEM_cert, ders)).encode("ascii")


def _metadata(sources: Sources, report: Mapping[str, Any]) -> dict[str, bytes]:
    message, tool = report["message"], report["tool"]
    members = {
        f"metadata/{_stem(entry['member'])}.xml": annex5.of_evidence(entry, message, tool)
        for entry in (*report["proof"], *report["not_proof"])
    }
    raw = sources.members.get(ORIGINAL)
    if raw is not None and message["sha256"]:
        names = [leaf.filename for _, leaf in leaves(raw) if leaf.filename]
        members["metadata/original.xml"] = annex5.of_message(message, names, tool)
    return members


def _stem(member: str) -> str:
    return member.rpartition("/")[2].removesuffix(".eml")
