"""What lies in a proof package beside the mails? Everything that can be made from them and the report, made one way."""

import ssl
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from pec_tracker.pec import mime
from pec_tracker.pec.fingerprint import leaves
from pec_tracker.pec.mime import Span
from pec_tracker.pec.read import certified_xml
from pec_tracker.render import annex5, indented, pdf, sincro
from pec_tracker.render.members import Held, Members, Reader, Written
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
        facts = summary_facts(sources, report, members.weight(REPORT).sha256)
        members = members.joined({summary_name(report): pdf.summary(facts, attached(sources))})
    return completed(members, report)


def derived(sources: Sources, report: Mapping[str, Any]) -> Members:
    """What is made from sources and report alone: nothing of it depends on other derived members."""
    large: dict[str, Held] = {REPORT: Written(partial(_written, report)), **_daticerts(sources)}
    small = {
        VERIFIER: (Path(pdf.__file__).parent / VERIFIER).read_bytes(),
        **_pems(sources, report),
        **_metadata(sources, report),
    }
    return Members(large).joined(small)


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


def summary_facts(sources: Sources, report: Mapping[str, Any], report_sha256: str) -> dict[str, Any]:
    """The facts that the summary prints and carries; *report_sha256* is that of its member."""
    acts = sorted(sources.lines().values(), key=lambda line: line.id)
    return proof_summary.facts(report, acts, report_sha256)


def attached(sources: Sources) -> Members:
    """The mails that the summary carries."""
    return Members().joined(sources.members).only(lambda name: name.endswith(".eml"))


def encoded(report: Mapping[str, Any]) -> bytes:
    """The report as its member holds it."""
    written = BytesIO()
    written.writelines(_written(report))
    return written.getvalue()


def report_sha256(report: Mapping[str, Any]) -> str:
    """The SHA-256 of the report as its member holds it."""
    weighed = sha256()
    for piece in _written(report):
        weighed.update(piece)
    return weighed.hexdigest()


def _written(report: Mapping[str, Any]) -> Iterator[bytes]:
    for piece in indented.pieces(report):
        yield piece.encode("utf-8", "replace")
    yield b"\n"


def sums(members: Mapping[str, bytes]) -> bytes:
    """SHA256SUMS over *members*, in the format of sha256sum."""
    listed = Members().joined(members)
    lines = (f"{listed.weight(name).sha256}  {name}\n" for name in sorted(listed))
    return "".join(lines).encode("utf-8", "surrogateescape")  # a damaged name is none in UTF-8


def _daticerts(sources: Sources) -> dict[str, Reader]:
    extracts: dict[str, Reader] = {}
    for member, raw in sources.evidence:
        mail = sources.readings.of(raw).mail
        if mail.daticert is not None and mail.signed is not None:
            extracts[f"daticert/{_stem(member)}.xml"] = partial(_daticert_xml, sources, member, mail.signed.content)
    return extracts


def _daticert_xml(sources: Sources, member: str, signed: Span) -> bytes:
    """The certification data that was read, as it lies in the mail."""
    raw = sources.members[member]
    parts = tuple(mime.entity(raw, span) for span in mime.children(raw, mime.entity(raw, signed)))
    return certified_xml(raw, parts) or b""


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
