"""The verifier that stands alone derives everything from bytes: no word of the package's report turns a check off."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pec_tracker.askers import OPERATOR
from pec_tracker.pec.daticert import parse
from pec_tracker.pec.headers import headers_of
from pec_tracker.pec.trust import PEC_AUTHORITIES, Anchor, Trust
from pec_tracker.render import canonical_zip, verify_package
from pec_tracker.render.readme import ROOT_NAMES
from pec_tracker.service.proof import members as proof_package
from pec_tracker.service.proof.make import Package, proof
from pec_tracker.service.proof.verify import verify_package as verify
from tests import growth
from tests.factory import ca, cms, receipts
from tests.factory.mime import joined
from tests.proof.forging import found_alone, members_of, with_members, with_report
from tests.proof.house import ANNA, BRUNO, SENDER, SUBJECT, Desk, desk, receipt

Report = dict[str, Any]
AT = receipts.ISSUED_AT.isoformat()


@pytest.fixture(scope="module")
def accepted(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """A message that was accepted, and of which no delivery is known."""
    here = desk(tmp_path_factory.mktemp("accepted"))
    queued = here.compose(ANNA)
    here.take_in(receipt(queued, "accettazione"))
    return proof(OPERATOR, here.house, queued.key)


def journeys_delivered(report: Report) -> None:
    for one in report["journeys"]:
        one.update(state="delivered", state_at=AT, delivered_at=AT)


def entry_is_a_delivery(report: Report) -> None:
    journeys_delivered(report)
    report["proof"][0].update(kind="delivery", recipient=ANNA, receipt_form="completa")


def tipo_is_none(report: Report) -> None:
    entry_is_a_delivery(report)
    report["proof"][0].update(tipo=None)


@pytest.mark.parametrize(
    "change",
    [
        journeys_delivered,
        entry_is_a_delivery,
        tipo_is_none,
        lambda report: report["proof"][0]["verification"].update(at="2021-03-02T10:15:30+01:00"),
        lambda report: report["proof"][0].update(issued_at="2026-03-02T10:15:30-05:00"),
        lambda report: report["proof"][0].update(subject="Altro"),
        lambda report: report["proof"][0].update(recipients=[]),
        lambda report: report["proof"][0].update(provider="Un altro gestore"),
        lambda report: report["journeys"][0].update(accepted_at=None),
        lambda report: report["journeys"][0].update(contradictions=["two-acceptances"]),
        lambda report: report["message"].update(subject="Altro"),
        lambda report: report["message"].update(held_to="receipts"),
        lambda report: report["message"].update(queued_at="2020-01-01T00:00:00+00:00"),
        lambda report: report.update(journeys=[]),
    ],
)
def test_report_that_says_other_than_the_bytes_is_found(
    accepted: Package, root_pem: Path, change: Callable[[Report], object]
) -> None:
    assert found_alone(accepted.content, root_pem) == {}
    assert found_alone(with_report(accepted, change), root_pem)


def test_extract_that_is_left_out_is_missed(accepted: Package, root_pem: Path) -> None:
    members = members_of(accepted)
    del members["daticert/001-acceptance.xml"]
    assert "daticert/001-acceptance.xml" in found_alone(with_members(members), root_pem)


def counted(report: Report) -> None:
    """Everything counts, and its signatures are trusted, says the report."""
    moved = report.pop("not_proof")
    report["proof"] = sorted([*report["proof"], *moved], key=lambda one: str(one["member"]).rpartition("/")[2])
    report["not_proof"] = []
    for entry in report["proof"]:
        entry.update(counts=True, disagrees=[])
        entry["verification"].update(verdict="trusted", reasons=[])


def forged_to_count(here: Desk, key: str, root_pem: Path) -> tuple[Package, dict[str, str]]:
    """The package of the message with all that does not count renamed into receipts/; and what is found then."""
    made = proof(OPERATOR, here.house, key)
    members = members_of(made)
    for name in [name for name in members if name.startswith("not-proof/")]:
        members[name.replace("not-proof/", "receipts/")] = members.pop(name)
    report = json.loads(members["report.json"])
    counted(report)
    for entry in report["proof"]:
        entry["member"] = entry["member"].replace("not-proof/", "receipts/")
    members["report.json"] = (json.dumps(report, ensure_ascii=False, indent=1) + "\n").encode()
    return made, found_alone(with_members(members), root_pem)


@pytest.mark.parametrize(
    ("bend", "said"),
    [
        (
            lambda xml: xml.replace(b"    </dati>", b"    <consegna>bruno@pec.example</consegna>\n    </dati>"),
            "consegna",
        ),
        (lambda xml: xml.replace(b"<giorno>", b"<giorno>27/11/2026</giorno><giorno>"), "giorno"),
        (lambda xml: xml.replace(b"<dati>", b"<dati><data/></dati><dati>"), "dati"),
        (
            lambda xml: xml.replace(b"<data ", b'<e:data xmlns:e="e" ').replace(b"</data>", b"</e:data>"),
            "namespace",
        ),
        (lambda xml: xml.replace(b"<intestazione>", b"<intestazione><mittente>x@pec.example</mittente>"), "mittente"),
        (lambda xml: xml.replace(b'<data zona="+0100">', b"<data>"), "no certified time"),
        (lambda xml: xml.replace(b"<mittente>mittente@pec.example</mittente>", b""), "no sender"),
        (lambda xml: xml.replace(b"<oggetto>", b"<oggetto><consegna>x@y.example</consegna>"), "another place"),
    ],
)
def test_repeated_moved_foreign_or_missing_elements_do_not_count(
    tmp_path: Path, root_pem: Path, bend: Callable[[bytes], bytes], said: str
) -> None:
    here = desk(tmp_path)
    queued = here.compose(ANNA)
    xml = receipts.daticert_xml(
        "avvenuta-consegna", recipients=[ANNA], subject=SUBJECT, reference=queued.reference, recipient=ANNA,
        identifier=f"opec.{queued.key}@pec.example", receipt_form="completa",
    )  # fmt: skip
    assert bend(xml) != xml
    bent = receipt(queued, "avvenuta-consegna", to=ANNA, original=here.raw_of(queued), daticert=bend(xml))
    here.take_in(receipt(queued, "accettazione"), bent)
    _, found = forged_to_count(here, queued.key, root_pem)
    (told,) = [text for text in found.values() if "does not count as proof" in text]
    assert said in told


def test_complete_receipt_that_encloses_nothing_or_another_reading_does_not_count(
    tmp_path: Path, root_pem: Path
) -> None:
    here = desk(tmp_path)
    queued = here.compose(ANNA)
    raw = here.raw_of(queued)
    headers = headers_of(raw)
    assert headers is not None
    boundary = raw.partition(b'boundary="')[2].partition(b'"')[0]
    for number, original in enumerate(
        (
            None,
            raw.replace(b'boundary="' + boundary, b'boundary="=_other', 1),
            raw.replace(b"From: ", b"From: =?utf-8?q?Direttore?= ", 1),
            raw.replace(b"\r\nTo: ", b"\r\nCc: terzo@pec.example\r\nTo: ", 1),
            raw.replace(b"multipart/mixed", b"multipart/alternative", 1),
            raw.replace(b"Si diffida", b"Si augura", 1) if b"Si diffida" in raw else raw + b"postilla",
        )
    ):
        assert original != raw
        again = desk(tmp_path / str(number))
        other = again.compose(ANNA)
        if original is not None:
            original = original.replace(queued.reference.encode(), other.reference.encode())
        mine = again.raw_of(other)
        bent = original if original is None else bent_like(raw, original, mine)
        again.take_in(
            receipt(other, "accettazione"),
            receipt(other, "avvenuta-consegna", to=ANNA, original=bent, receipt_form="completa"),
        )
        made, found = forged_to_count(again, other.key, root_pem)
        assert [entry["kind"] for entry in made.report["proof"]] == ["acceptance"], number
        assert any("original" in text for text in found.values()), (number, found)


def bent_like(raw: bytes, bent: bytes, mine: bytes) -> bytes:
    """The same change in another message: every line that was changed."""
    before, after = raw.split(b"\r\n"), bent.split(b"\r\n")
    lines = mine.split(b"\r\n")
    if len(before) != len(after):
        added = [line for line in after if line not in before]
        return b"\r\n".join([*added, *lines]) if len(after) > len(before) else mine + b"\r\npostilla"
    changed = [at for at, (one, other) in enumerate(zip(before, after, strict=True)) if one != other]
    for at in changed:
        old_word, new_word = before[at], after[at]
        lines[at] = new_word if b"boundary" not in old_word else lines[at].replace(b"=_", b"=_x", 1)
        if lines[at] == mine.split(b"\r\n")[at]:
            lines[at] = lines[at] + b"x"
    return b"\r\n".join(lines)


def test_folder_is_what_says_whether_a_mail_counts(package: Package, root_pem: Path) -> None:
    members = members_of(package)
    report = json.loads(members["report.json"])
    (forged,) = [entry for entry in report["not_proof"] if entry["verification"]["verdict"] == "intact"]
    name = forged["member"].replace("not-proof/", "receipts/")
    members[name] = members.pop(forged["member"])
    forged["member"] = name
    members["report.json"] = (json.dumps(report, ensure_ascii=False, indent=1) + "\n").encode()
    raw = with_members(members)
    assert name in found_alone(raw, root_pem)
    assert ("folder-differs", name) in {(one.kind, one.member) for one in verify(raw, receipts.trust()).findings}


def test_what_counts_cannot_be_hidden_among_what_does_not(package: Package, root_pem: Path) -> None:
    members = members_of(package)
    report = json.loads(members["report.json"])
    failed = report["proof"].pop()
    assert failed["kind"] == "non-delivery"
    failed["counts"] = False
    hidden = failed["member"].replace("receipts/", "not-proof/")
    members[hidden] = members.pop(failed["member"])
    failed["member"] = hidden
    report["not_proof"].append(failed)
    report["journeys"][1].update(state="accepted", state_at=AT, error_code=None, error_detail=None)
    members["report.json"] = (json.dumps(report, ensure_ascii=False, indent=1) + "\n").encode()
    assert hidden in found_alone(with_members(members), root_pem)


def test_personal_certificate_under_the_same_authority_issues_no_receipt(tmp_path: Path, root_pem: Path) -> None:
    here = desk(tmp_path)
    queued = here.compose(ANNA)
    person = ca.provider(receipts.pec_authority(), address="mario.rossi@evil.example", key="person")
    signer = cms.Signer(person, signed_at=receipts.ISSUED_AT)
    here.take_in(receipt(queued, "accettazione", from_address="mario.rossi@evil.example", signers=(signer,)))
    _, found = forged_to_count(here, queued.key, root_pem)
    assert any("posta-certificata" in text for text in found.values())


def test_acceptance_of_another_provider_does_not_count_beside_ours(tmp_path: Path, root_pem: Path) -> None:
    here = desk(tmp_path)
    queued = here.compose(ANNA)
    elsewhere = ca.provider(
        receipts.pec_authority(), address="posta-certificata@altro.example", key="elsewhere",
        subject={"country": "IT", "organization": "Altro Gestore", "common_name": "Altro"},
    )  # fmt: skip
    signer = cms.Signer(elsewhere, signed_at=receipts.ISSUED_AT)
    refused = receipt(
        queued, "non-accettazione", after=5, from_address="posta-certificata@altro.example", signers=(signer,)
    )
    here.take_in(receipt(queued, "accettazione"), refused)
    made, found = forged_to_count(here, queued.key, root_pem)
    assert [entry["kind"] for entry in made.report["proof"]] == ["acceptance"]
    assert any("issuer" in text for text in found.values())


def test_evidence_certified_before_the_message_was_made_or_by_an_expired_key_does_not_count(
    tmp_path: Path, root_pem: Path
) -> None:
    for number, at in enumerate((receipts.ISSUED_AT - timedelta(days=3), receipts.ISSUED_AT + timedelta(days=300))):
        here = desk(tmp_path / str(number))
        queued = here.compose(ANNA)
        here.take_in(receipt(queued, "accettazione", issued_at=at))
        made, found = forged_to_count(here, queued.key, root_pem)
        assert made.report["proof"] == []
        assert any("clocks" in text for text in found.values())
    here = desk(tmp_path / "expired")
    queued = here.compose(ANNA)
    until = receipts.ISSUED_AT - timedelta(days=30)
    old = ca.provider(receipts.pec_authority(), key="expired", not_after=until)
    early = until - timedelta(days=1)
    signed = receipt(queued, "accettazione", issued_at=early, signers=(cms.Signer(old, signed_at=early),))
    here.take_in(signed)
    made, found = forged_to_count(here, queued.key, root_pem)
    assert made.report["proof"] == []
    assert any("end of its certificate" in text for text in found.values())


def test_short_key_is_no_reason_to_check_less_on_the_reports_word(tmp_path: Path, root_pem: Path) -> None:
    here = desk(tmp_path)
    queued = here.compose(ANNA)
    short = ca.provider(receipts.pec_authority(), key="short", bits=1024)
    here.take_in(receipt(queued, "accettazione", signers=(cms.Signer(short, signed_at=receipts.ISSUED_AT),)))
    members = members_of(proof(OPERATOR, here.house, queued.key))
    report = json.loads(members["report.json"])
    assert report["proof"] == []
    _, found = forged_to_count(here, queued.key, root_pem)
    assert any("no chain leads" in text for text in found.values())


# --- whom it trusts ---


def public_chain(key: str) -> tuple[ca.Identity, ca.Identity, cms.Signer]:
    """A root, an authority and a provider with the names of those of Italian PEC."""
    root = ca.root(ca.ACTALIS_ROOT, key=f"{key}-root")
    authority = ca.pec_ca(root, key=f"{key}-ca")
    signer = ca.provider(authority, key=f"{key}-provider")
    return root, authority, cms.Signer(signer, signed_at=receipts.ISSUED_AT)


def package_under(folder: Path, root: ca.Identity, authority: ca.Identity, signer: cms.Signer) -> Package:
    anchor = Anchor(root.der, "store", "public root", None, pec_cas_only=False)
    here = desk(folder, trust=Trust(anchors=(anchor,)))
    queued = here.compose(ANNA)
    here.take_in(receipt(queued, "accettazione", signers=(signer,), certificates=(signer.identity.der, authority.der)))
    return proof(OPERATOR, here.house, queued.key)


def test_root_of_the_right_name_and_another_key_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, authority, signer = public_chain("false")
    made = package_under(tmp_path / "house", root, authority, signer)
    store = tmp_path / "store.pem"
    store.write_bytes(root.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(store))
    assert any("no chain leads" in text for text in found_alone(made.content).values())


def test_public_root_is_known_by_its_key_alone_and_counts_through_the_authority_of_pec(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, authority, signer = public_chain("true")
    made = package_under(tmp_path / "house", root, authority, signer)
    store = tmp_path / "store.pem"
    store.write_bytes(root.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(store))
    facts = verify_package.certificate(root.der)
    assert facts is not None
    agid = ("AgID CA1", "Agenzia per l'Italia Digitale", False)
    monkeypatch.setattr(verify_package, "PEC_ROOTS", {facts.key_sha256: agid})
    held = verify_package.examined(made.content, {}, [], [])
    assert held.findings == []
    assert not any("YOU named" in line for line in verify_package.told(held))
    other = package_under(tmp_path / "other", root, ca.pec_ca(root, {"common_name": "Altra CA"}, key="true-other"),
                          cms.Signer(ca.provider(ca.pec_ca(root, {"common_name": "Altra CA"}, key="true-other"),
                                                 key="true-leaf"), signed_at=receipts.ISSUED_AT))  # fmt: skip
    assert any("no chain leads" in text for text in found_alone(other.content).values())


def test_pins_are_the_same_wherever_they_stand() -> None:
    pinned = {one.root_key: (one.common_name, one.organization, one.legacy_leaves) for one in PEC_AUTHORITIES}
    assert pinned == verify_package.PEC_ROOTS
    assert {one.root_key: one.root_common_name for one in PEC_AUTHORITIES} == ROOT_NAMES
    machine = {one.key_sha256 for one in verify_package.machine_roots()}
    assert machine & verify_package.PEC_ROOTS.keys()


def test_result_says_that_it_holds_under_an_authority_that_the_reader_named(accepted: Package, root_pem: Path) -> None:
    said = list(verify_package.told(verify_package.examined(accepted.content, {}, [root_pem], [])))
    assert any("authority that YOU named" in line and "PEC CA di prova" in line for line in said)
    assert not any(line.startswith("Everything holds") for line in said)
    assert "NOT compared here:" in said


# --- what it reads ---


@pytest.mark.parametrize(
    "written",
    [
        lambda text: text.replace("UTF-8", "UTF-16").encode("utf-16"),
        lambda text: text.replace("UTF-8", "UTF-16").encode("utf-16-be"),
        lambda text: text.encode("iso-8859-15"),  # it still declares UTF-8
        lambda text: text.replace("UTF-8", "ISO-8859-15").encode("iso-8859-15"),
        lambda text: text.replace("UTF-8", "windows-1252").encode("cp1252"),
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.replace("<oggetto>", "<oggetto><!-- c -->").replace("perch", "<![CDATA[perch]]>").encode(),
    ],
)
def test_odd_but_genuine_certification_data_reads_as_our_reader_reads_it(
    tmp_path: Path, root_pem: Path, written: Callable[[str], bytes]
) -> None:
    subject = "perché no? costa 5 €"
    here = desk(tmp_path)
    queued = here.compose(ANNA, subject=subject)
    text = receipts.daticert_xml(
        "accettazione", recipients=[ANNA], subject=subject, reference=queued.reference, identifier="opec.1@pec.example"
    ).decode()
    xml = written(text)
    if parse(xml) is None:
        pytest.skip("our reader does not read it either")
    here.take_in(receipt(queued, "accettazione", subject=subject, daticert=xml))
    made = proof(OPERATOR, here.house, queued.key)
    found = found_alone(made.content, root_pem)
    assert found == {} or all("cannot be compared here" in one or "is missing" in one for one in found.values()), found
    assert (found == {}) is (made.report["proof"] != [] or made.report["not_proof"] != [])


def test_encoding_that_it_does_not_know_is_said_and_is_no_other_word(tmp_path: Path, root_pem: Path) -> None:
    assert "cannot be compared here" in (
        verify_package.read_receipt("x", receipts.receipt(
            "accettazione", daticert=receipts.daticert_xml("accettazione").replace(b"UTF-8", b"x-unknown"))).faults[0]
    )  # fmt: skip


# --- whatever is in it ---


def changed_report(accepted: Package, content: bytes) -> bytes:
    return with_raw_report(members_of(accepted), content)


def with_raw_report(members: dict[str, bytes], content: bytes) -> bytes:
    others = {**members, "report.json": content}
    del others["SHA256SUMS"]
    return canonical_zip.pack({**others, "SHA256SUMS": proof_package.sums(others)})


def test_any_value_anywhere_in_the_report_is_a_finding_and_no_fault(accepted: Package, root_pem: Path) -> None:
    """Each value in turn is replaced by something of another shape."""
    report = json.loads(members_of(accepted)["report.json"])
    compared = {"as_of", "message", "journeys", "proof", "not_proof", "ledger", "stamps"}
    for path in [path for path in paths(report) if path[0] in compared][::7]:
        values: tuple[Any, ...] = (None, [], {}, 7, "x" * 50, True, -1.5)
        for value in values:
            copy = json.loads(json.dumps(report))
            at = copy
            for step in path[:-1]:
                at = at[step]
            at[path[-1]] = value
            verify_package.verify(
                changed_report(accepted, (json.dumps(copy, ensure_ascii=False, indent=1) + "\n").encode()),
                {},
                [root_pem],
            )


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [one for name in value for one in [(*at, name), *paths(value[name], (*at, name))]]
    if isinstance(value, list):
        return [one for number in range(len(value)) for one in [(*at, number), *paths(value[number], (*at, number))]]
    return []


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b"9" * 100_000,
        b'{"schema": 1, "schema": 1}',
        b"\x00",
        b'{"schema": 1, "message": {"key": "\\ud800"}}',
        b"NaN",
    ],
)
def test_report_that_is_no_report_is_a_finding(accepted: Package, root_pem: Path, content: bytes) -> None:
    assert "report.json" in found_alone(changed_report(accepted, content), root_pem)


def test_key_that_stands_twice_in_the_report_is_found(accepted: Package, root_pem: Path) -> None:
    raw = members_of(accepted)["report.json"].replace(
        b'   "state": "accepted",', b'   "state": "delivered",\n   "state": "accepted",'
    )
    assert "report.json" in found_alone(changed_report(accepted, raw), root_pem)


def test_what_does_not_belong_is_named_and_cannot_speak_to_the_terminal(
    accepted: Package, root_pem: Path, tmp_path: Path
) -> None:
    members = members_of(accepted)
    name = "\x1b[2J\x1b[1;1HIt holds\x9b\u202e.txt"
    file = tmp_path / "p.zip"
    file.write_bytes(with_members({**members, name: b"x", "summary.txt": b"delivered"}))
    program = Path(verify_package.__file__)
    said = subprocess.run(
        [sys.executable, "-I", program, "--ca", root_pem, file], capture_output=True, check=False, cwd=tmp_path
    )
    assert said.returncode == 1
    assert b"\x1b" not in said.stdout
    assert b"summary.txt: does not belong here" in said.stdout


def test_members_that_lie_over_each_other_take_no_memory() -> None:
    """A directory of 60,000 entries, each of which names the same two megabytes."""
    content = b"x" * 2_000_000
    piece = verify_package.ENTRY.pack(b"PK\x01\x02", 20, 20, 0x800, 0, 0, 33, 0, len(content), len(content), 1,
                                      0, 0, 0, 0, 0, 0)  # fmt: skip
    directory = b"".join(piece + bytes([65 + number % 26]) for number in range(60_000))
    raw = content + directory
    raw += verify_package.END.pack(b"PK\x05\x06", 0, 0, 60_000, 60_000, len(directory), len(content), 0)

    def unpacked() -> None:
        assert verify_package.unzip(raw)[1]
        assert canonical_zip.unpack(raw).faults

    growth.within(5, unpacked)


@pytest.mark.parametrize(
    "worst",
    [
        lambda size: b"Content-Type: multipart/signed; " + b'a="\\' * (size // 4) + b"\r\n\r\nx",
        lambda size: b"From: " + b"=?utf-8?q?x" * (size // 11) + b"\r\n\r\nx",
        lambda size: b"From: " + b"a(" * (size // 2) + b"\r\n\r\nx",
        lambda size: b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + b"--b" * (size // 3),
        lambda size: b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + b"--b\r\n" * (size // 5),
        lambda size: joined(["Subject: " + " " * size]) + b"\r\n",
    ],
)
def test_reading_is_linear_in_the_worst_mail(worst: Callable[[int], bytes]) -> None:
    def read(raw: bytes) -> None:
        verify_package.read_receipt("x", raw)
        enclosing = verify_package.Receipt("x", b"", original=raw)
        list(verify_package.original_points(enclosing, verify_package.Message(held_to="copy", compared=raw + b"y")))

    growth.proportional(lambda size: partial(read, worst(size)), [500_000, 1_000_000, 2_000_000])


def test_subject_of_blanks_is_read_at_once() -> None:
    growth.within(1, lambda: verify_package.subject_of("x" + "\n" * 500_000 + "x"))
    assert verify_package.subject_of("x" + "\n" * 500_000 + "x").count("\n") == 500_000
    assert verify_package.subject_of("\n   Prova  \n  ") == "Prova"
    assert verify_package.subject_of("  Prova ") == "  Prova "


def test_no_module_that_lies_beside_it_is_taken_for_pythons(accepted: Package, root_pem: Path, tmp_path: Path) -> None:
    folder = tmp_path / "package"
    for name, content in members_of(accepted).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    for name in ("json.py", "argparse.py", "hashlib.py"):
        (folder / name).write_text("print('Everything holds.')\nraise SystemExit(0)\n", "utf-8")
    release = tmp_path / "release" / "verify_package.py"
    release.parent.mkdir()
    shutil.copy(verify_package.__file__, release)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    commands = [[sys.executable, "-I", str(release)], [sys.executable, str(folder / "verify_package.py")]]
    for command in commands:
        said = subprocess.run(
            [*command, "--ca", str(root_pem), str(folder)], capture_output=True, text=True, check=False, env=environment
        )
        assert said.returncode == 1
        assert "json.py: does not belong here" in said.stdout


def test_symbolic_link_in_a_folder_is_no_member(accepted: Package, root_pem: Path, tmp_path: Path) -> None:
    folder = tmp_path / "package"
    for name, content in members_of(accepted).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    kept = folder / "message" / "original.eml"
    kept.rename(tmp_path / "elsewhere.eml")
    kept.symlink_to(tmp_path / "elsewhere.eml")
    members = verify_package.read_folder(folder)
    findings = verify_package.verify(None, members, [root_pem])
    assert any("no plain file" in member for member, _ in findings)


def test_found_message_is_held_to_its_copy_as_the_house_holds_it(tmp_path: Path, root_pem: Path) -> None:
    here = desk(tmp_path)
    raw = receipts.original(to=[ANNA, BRUNO], subject="Altro", reference="altro@client.example")
    facts: dict[str, Any] = {"recipients": [ANNA, BRUNO], "subject": "Altro", "reference": "altro@client.example"}
    delivered = receipts.receipt("avvenuta-consegna", recipient=ANNA, original=raw, **facts)
    here.take_in(receipts.receipt("accettazione", **facts), delivered)
    assert found_alone(proof(OPERATOR, here.house, "altro@client.example").content, root_pem) == {}
    here.take_in(raw)
    made = proof(OPERATOR, here.house, "altro@client.example")
    assert made.report["message"]["held_to"] == "copy"
    assert found_alone(made.content, root_pem) == {}
    lying = with_report(made, lambda report: report["message"].update(held_to="composed"))
    assert "report.json" in found_alone(lying, root_pem)
    assert made.report["message"]["sender"] == SENDER


def test_copy_that_reads_otherwise_than_what_was_delivered_is_not_the_message(tmp_path: Path, root_pem: Path) -> None:
    """The same body under another boundary: a mail program shows something else."""
    shown = "".join(
        f"--{boundary}\r\nContent-Type: text/plain\r\n\r\n{text}\r\n--{boundary}--\r\n"
        for boundary, text in (("AAAA", "Auguri."), ("BBBB", "DIFFIDA."))
    )
    head = joined(
        [f"From: {SENDER}", f"To: {ANNA}", "Subject: Altro", "Date: Mon, 02 Mar 2026 10:15:00 +0100",
         "Message-ID: <altro@client.example>", "MIME-Version: 1.0"]
    )  # fmt: skip
    sent, kept = (
        head + f'Content-Type: multipart/mixed; boundary="{boundary}"\r\n\r\n{shown}'.encode()
        for boundary in ("AAAA", "BBBB")
    )
    facts: dict[str, Any] = {"recipients": [ANNA], "subject": "Altro", "reference": "altro@client.example"}
    here = desk(tmp_path)
    here.take_in(
        receipts.receipt("accettazione", **facts), receipts.receipt("avvenuta-consegna", original=sent, **facts), kept
    )
    made = proof(OPERATOR, here.house, "altro@client.example")
    assert found_alone(made.content, root_pem) == {}
    said = with_report(made, lambda report: report["message"].update(held_to="copy"))
    assert made.report["message"]["held_to"] != "copy"
    assert "report.json" in found_alone(said, root_pem)


def test_dates_are_read_as_in_certificates() -> None:
    facts = verify_package.certificate(ca.root().der)
    assert facts is not None
    assert facts.until == datetime(2040, 1, 1, tzinfo=UTC)
    assert verify_package.certificate(b"0\x03\x02\x01\x00") is None
    assert verify_package.certificate(b"") is None
