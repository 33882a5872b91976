"""Whatever is changed in a package is found and named: by our verifier, and by the one that lies in the package."""

import importlib.util
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from pec_tracker.askers import OPERATOR
from pec_tracker.pec.trust import Anchor, Trust
from pec_tracker.render import canonical_zip, pdf, verify_package
from pec_tracker.service.proof import members as proof_package
from pec_tracker.service.proof.make import Package, proof
from pec_tracker.service.proof.report import examine, frame_of
from pec_tracker.service.proof.sources import Sources, is_source
from pec_tracker.service.proof.verify import FINDINGS, Outcome, PackageFinding
from pec_tracker.service.proof.verify import verify_package as verify
from pec_tracker.service.sending.send import Queued
from tests.factory import receipts
from tests.proof.house import ANNA, Desk, desk, receipt

FLIPS = 2_000


@pytest.fixture(scope="module")
def verifier(package: Package, tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The package's own verifier, loaded from the package's own bytes."""
    file = tmp_path_factory.mktemp("verifier") / "verifier_of_package.py"
    file.write_bytes(members_of(package)["verify_package.py"])
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """Two receipts: everything that a package has, and quick to verify thousands of times."""
    here = desk(tmp_path_factory.mktemp("small"))
    queued = here.compose(ANNA)
    raw = here.raw_of(queued)
    here.take_in(receipt(queued, "accettazione"), receipt(queued, "avvenuta-consegna", to=ANNA, original=raw, after=5))
    return proof(OPERATOR, here.house, queued.key)


def members_of(package: Package) -> dict[str, bytes]:
    return dict(canonical_zip.unpack(package.content).members)


def as_forged(members: Mapping[str, bytes]) -> bytes:
    """What a forger would hand over who knows the format: sums and ZIP made anew over changed members."""
    others = {name: content for name, content in members.items() if name != "SHA256SUMS"}
    return canonical_zip.pack({**others, "SHA256SUMS": proof_package.sums(others)})


def flipped(content: bytes, at: int, bit: int) -> bytes:
    changed = bytearray(content)
    changed[at] ^= 1 << bit
    return bytes(changed)


def test_package_holds_under_both_verifiers(package: Package, verifier: ModuleType, root_pem: Path) -> None:
    check = verify(package.content, receipts.trust())
    assert (check.findings, check.notes) == ((), ())
    assert check.report == package.report
    (anchor,) = receipts.trust().anchors
    elsewhere = replace(anchor, source="/another/machine/ca.pem", reason="named by the user")
    assert verify(package.content, Trust(anchors=(elsewhere,))).sound
    assert verifier.verify(package.content, {}, [root_pem]) == []


@pytest.mark.timeout(600)
def test_no_flipped_bit_is_missed_and_each_names_its_member(small: Package, verifier: ModuleType) -> None:
    """Every structure of the ZIP, then anywhere: headers, contents, directory, end."""
    raw, members = small.content, members_of(small)
    chance = random.Random(20_261_123)
    directory = raw.index(b"PK\x01\x02")
    structure = [raw.index(name.encode(), 0) - 1 - chance.randrange(29) for name in list(members)[:20]]
    structure += [chance.randrange(directory, len(raw)) for _ in range(300)] + list(range(len(raw) - 22, len(raw)))
    places = structure + [chance.randrange(len(raw)) for _ in range(FLIPS - len(structure))]
    trust = receipts.trust()
    for at in places:
        changed = flipped(raw, at, chance.randrange(8))
        named = {finding.member for finding in verify(changed, trust).findings}
        assert named, at
        owner = owner_of(raw, members, at)
        assert owner in named or any(name not in members for name in named), (at, owner, named)
        theirs = verifier.unzip(changed)
        assert {*(member for member, _ in theirs[1]), *(member for member, _ in verifier.sums_findings(theirs[0]))}, at


def owner_of(raw: bytes, members: Mapping[str, bytes], at: int) -> str:
    """The member in whose header, content or directory entry a byte lies; `ZIP` for the end."""
    start = 0
    for name in sorted(members):
        start += 30 + len(name.encode()) + len(members[name])
        if at < start:
            return name
    for name in sorted(members):
        start += 46 + len(name.encode())
        if at < start:
            return name
    return "ZIP"


def test_verifier_in_the_package_agrees_on_flips_anywhere(small: Package, verifier: ModuleType, root_pem: Path) -> None:
    chance = random.Random(7)
    for _ in range(25):
        changed = flipped(small.content, chance.randrange(len(small.content)), chance.randrange(8))
        ours = verify(changed, receipts.trust()).findings
        theirs = verifier.verify(changed, {}, [root_pem])
        assert ours
        assert theirs
        assert {finding.member for finding in ours} & {member for member, _ in theirs}


def test_forger_who_makes_sums_and_zip_anew_is_found_at_every_member(package: Package) -> None:
    """One byte in the middle of each member, everything around it made to fit."""
    members = members_of(package)
    trust = receipts.trust()
    for name, content in members.items():
        if name == "SHA256SUMS":
            continue
        changed = {**members, name: flipped(content, len(content) // 2, 0)}
        findings = verify(as_forged(changed), trust).findings
        assert findings, name
        named = {finding.member for finding in findings}
        assert name in named or name.endswith(".seal"), (name, findings)


@pytest.mark.parametrize(
    "member",
    [
        "message/original.eml",
        "receipts/001-acceptance.eml",
        "receipts/002-delivery.eml",
        "not-proof/004-delivery.eml",
        "daticert/002-delivery.xml",
        "ledger/00000001.seal",
        "summary.pdf",
    ],
)
def test_verifier_in_the_package_finds_the_same_forgeries(
    package: Package, verifier: ModuleType, root_pem: Path, member: str
) -> None:
    members = members_of(package)
    content = members[member]
    changed = as_forged({**members, member: flipped(content, len(content) // 2, 0)})
    ours = {finding.member for finding in verify(changed, receipts.trust()).findings}
    theirs = {name for name, _ in verifier.verify(changed, {}, [root_pem])}
    assert theirs
    assert ours & theirs


def test_missing_and_added_members_are_named(package: Package, verifier: ModuleType, root_pem: Path) -> None:
    members = members_of(package)
    trust = receipts.trust()
    for name in members:
        if name != "SHA256SUMS":
            findings = verify(
                as_forged({other: raw for other, raw in members.items() if other != name}), trust
            ).findings
            assert findings, name
    unlisted = canonical_zip.pack({**members, "note.txt": b"x"})
    assert PackageFinding("sum-missing", "note.txt") in verify(unlisted, trust).findings
    listed = as_forged({**members, "receipts/999-delivery.txt": b"x"})
    assert PackageFinding("member-extra", "receipts/999-delivery.txt") in verify(listed, trust).findings
    lacking = canonical_zip.pack({name: raw for name, raw in members.items() if name != "receipts/002-delivery.eml"})
    assert PackageFinding("member-missing", "receipts/002-delivery.eml") in verify(lacking, trust).findings
    assert ("receipts/002-delivery.eml", "is missing") in verifier.verify(lacking, {}, [root_pem])


def rebuilt(members: Mapping[str, bytes], trust: Trust) -> bytes:
    """A package made whole from changed sources, by a forger who has pec-tracker and a trust of his own."""
    report = json.loads(members["report.json"])
    frame = frame_of(report)
    sources = Sources(frame, {name: raw for name, raw in members.items() if is_source(name)})
    return canonical_zip.pack(proof_package.assemble(sources, examine(sources, trust).report))


def test_package_rebuilt_around_another_message_is_found_by_the_sealed_line(package: Package) -> None:
    members = members_of(package)
    members["message/original.eml"] = members["message/original.eml"].replace(b"contratto", b"contrattp")
    findings = verify(rebuilt(members, receipts.trust()), receipts.trust()).findings
    assert PackageFinding("mail-not-in-ledger", "message/original.eml") in findings


def test_package_that_calls_a_forged_receipt_proof_is_found(
    package: Package, verifier: ModuleType, root_pem: Path
) -> None:
    """The forger trusts his own authority, whose certificates are in the package: they are no anchors here."""
    members = members_of(package)
    own = tuple(
        Anchor(raw, "forged", "forged", None, pec_cas_only=False)
        for name, raw in members.items()
        if name.endswith(".der")
    )
    members["receipts/004-delivery.eml"] = members.pop("not-proof/004-delivery.eml")
    forged = rebuilt(members, Trust(anchors=(*own, *receipts.trust().anchors)))
    report = json.loads(canonical_zip.unpack(forged).members["report.json"])
    assert "receipts/004-delivery.eml" in [entry["member"] for entry in report["proof"]]
    findings = verify(forged, receipts.trust()).findings
    assert ("report-differs", "receipts/004-delivery.eml") in {(one.kind, one.member) for one in findings}
    assert "receipts/004-delivery.eml" in {member for member, _ in verifier.verify(forged, {}, [root_pem])}


def test_nothing_in_a_package_is_an_anchor(package: Package) -> None:
    check = verify(package.content, Trust())
    named = {finding.member for finding in check.findings}
    assert {entry["member"] for entry in package.report["proof"]} <= named
    assert check.report is not None
    assert check.report["proof"] == []


def test_report_that_says_more_than_holds_is_named(package: Package) -> None:
    members = members_of(package)
    report = json.loads(members["report.json"])
    report["journeys"][1]["state"] = "delivered"
    sources = Sources(frame_of(report), {name: raw for name, raw in members.items() if is_source(name)})
    forged = canonical_zip.pack(proof_package.assemble(sources, report))
    (finding,) = verify(forged, receipts.trust()).findings
    assert (finding.kind, finding.member) == ("report-differs", "report.json")
    assert 'journeys[1].state "delivered" -> "failed"' in finding.detail


@pytest.mark.parametrize("report", [b"", b"[]", b"{}", b'{"schema": 1}', b"\xff", b'{"schema": 1, "language": "en"}'])
def test_report_that_is_none_is_a_finding_and_no_fault(
    package: Package, verifier: ModuleType, root_pem: Path, report: bytes
) -> None:
    forged = as_forged({**members_of(package), "report.json": report})
    assert "report.json" in {finding.member for finding in verify(forged, receipts.trust()).findings}
    assert "report.json" in {member for member, _ in verifier.verify(forged, {}, [root_pem])}


@pytest.mark.parametrize("raw", [b"", b"PK", b"\0" * 100, b"PK\x05\x06" + b"\0" * 18, b"PK\x03\x04" + b"\xff" * 40])
def test_what_is_no_package_is_a_finding_and_no_fault(verifier: ModuleType, raw: bytes) -> None:
    assert verify(raw, receipts.trust()).findings
    assert verifier.verify(raw, {}, [])


def test_package_of_another_release_is_compared_as_far_as_it_can(
    told: tuple[Desk, Queued], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, queued = told
    monkeypatch.setattr(proof_package, "VERSION", "0.0.1")
    old = proof(OPERATOR, here.house, queued.key)
    monkeypatch.undo()
    check = verify(old.content, receipts.trust())
    assert (check.sound, check.notes, check.outcome) == (True, (), Outcome.HOLDS)  # it writes as this one does


def test_summary_is_pdf_a_3b_by_declaration_and_carries_the_mails_byte_for_byte(package: Package) -> None:
    members = members_of(package)
    summary = members["summary.pdf"]
    assert summary.startswith(b"%PDF-1.7")
    assert b"<pdfaid:part>3</pdfaid:part>" in summary
    assert b"<pdfaid:conformance>B</pdfaid:conformance>" in summary
    mails = [raw for name, raw in members.items() if name.endswith(".eml")]
    assert sorted(pdf.attachments(summary)) == sorted(mails)


def test_every_kind_of_finding_has_its_words() -> None:
    assert all(FINDINGS.values())
    assert Path(verify_package.__file__).read_bytes().startswith(b"#!/usr/bin/env python3")


def test_other_programs_see_the_words_and_take_the_same_mails_out_of_it(package: Package, tmp_path: Path) -> None:
    """Poppler's, where it is installed; our own reader of attachments is held to it."""
    members = members_of(package)
    file = tmp_path / "summary.pdf"
    file.write_bytes(members["summary.pdf"])
    if shutil.which("pdfdetach") is None or shutil.which("pdftotext") is None:
        assert len(list(pdf.attachments(members["summary.pdf"]))) == 6
        return
    names = ["facts.json", *sorted(name for name in members if name.endswith(".eml"))]
    for number, name in enumerate(names, 1):
        target = tmp_path / f"{number}.eml"
        subprocess.run(["pdfdetach", "-save", str(number), "-o", target, file], capture_output=True, check=True)
        if name == "facts.json":
            assert [target.read_bytes()] == pdf.attached_facts(members["summary.pdf"])
        else:
            assert target.read_bytes() == members[name]
    text = subprocess.run(["pdftotext", "-layout", file, "-"], capture_output=True, text=True, check=True).stdout
    assert "[U+1F600]" in text
    assert ANNA in text
    assert "02/03/2026\u00a010:15:50" in text.replace("2026 ", "2026\u00a0")
