"""What a sender can do who knows the format: change what he likes, and make everything around it fit."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pec_tracker.render import canonical_zip, sincro, verify_package
from pec_tracker.service.proof import members as proof_package
from pec_tracker.service.proof.make import Package
from pec_tracker.service.proof.report import frame_of
from pec_tracker.service.proof.sources import Sources, is_source

Report = dict[str, Any]


def members_of(package: Package) -> dict[str, bytes]:
    """The members of a package."""
    return dict(canonical_zip.unpack(package.content).members)


def with_report(package: Package, change: Callable[[Report], object]) -> bytes:
    """The package that says something else: report, README, summary and metadata made anew by the product itself."""
    members = members_of(package)
    report: Report = json.loads(members["report.json"])
    change(report)
    return made_anew({name: raw for name, raw in members.items() if is_source(name)}, report)


def made_anew(sources: Mapping[str, bytes], report: Report) -> bytes:
    """A package of these sources that tells this report."""
    return canonical_zip.pack(proof_package.assemble(Sources(frame_of(report), dict(sources)), report))


def with_members(members: Mapping[str, bytes]) -> bytes:
    """A package of these very members: index, sums and ZIP made anew."""
    report = json.loads(members["report.json"])
    listing = {"SHA256SUMS", "metadata/PIndex.xml"}
    others = {name: raw for name, raw in members.items() if name not in listing}
    others["metadata/PIndex.xml"] = sincro.index(report, others)
    return canonical_zip.pack({**others, "SHA256SUMS": proof_package.sums(others)})


def found_alone(raw: bytes, *authorities: Path) -> dict[str, str]:
    """What the verifier that stands alone finds, by member."""
    return dict(verify_package.verify(raw, {}, list(authorities)))
