"""`verify` has three outcomes, and no package chooses which: what a person reads is compared, or said not to be."""

import json
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pec_tracker import texts
from pec_tracker.askers import OPERATOR
from pec_tracker.osfiles import WINDOWS
from pec_tracker.render import canonical_zip, pdf
from pec_tracker.service.proof import members as proof_package
from pec_tracker.service.proof import verify_summary
from pec_tracker.service.proof.make import Package, proof
from pec_tracker.service.proof.report import frame_of
from pec_tracker.service.proof.sources import Sources, is_source
from pec_tracker.service.proof.verify import Outcome, verify_package
from pec_tracker.service.proof.verify_summary import Comparison
from pec_tracker.service.sending.send import Queued
from tests.cli.desk import Desk as CommandDesk
from tests.factory import receipts
from tests.proof.forging import members_of, with_members, with_report
from tests.proof.house import ANNA, BRUNO, Desk, desk, receipt

Report = dict[str, Any]


def of_another_release(report: Report) -> None:
    report["tool"]["version"] = "0.0.7"


def test_package_that_calls_itself_another_releases_is_not_simply_right(package: Package) -> None:
    """Its README and its verifier say what the sender likes."""
    members = members_of(package)
    report = with_report(package, of_another_release)
    assert verify_package(report, receipts.trust()).findings == ()
    claimed = dict(proof_package_members(report))
    claimed["README.txt"] = b"RESULT: delivered\n"
    claimed["verify_package.py"] = b'print("Everything holds.")\n'
    check = verify_package(with_members(claimed), receipts.trust())
    assert (check.findings, check.outcome) == ((), Outcome.NOT_COMPARED)
    (told,) = [detail for kind, detail in check.notes if kind == "other-release"]
    assert {"README.txt", "verify_package.py"} <= set(told.removeprefix("0.0.7: ").split(", "))
    own = {**members, "README.txt": b"RESULT: delivered\n"}
    assert verify_package(with_members(own), receipts.trust()).outcome is Outcome.DOES_NOT_HOLD


def proof_package_members(raw: bytes) -> dict[str, bytes]:
    return dict(canonical_zip.unpack(raw).members)


@pytest.mark.parametrize(
    "change",
    [
        lambda report: report["journeys"][1].update(state="delivered"),
        lambda report: report["proof"][0].update(subject="Altro"),
        lambda report: report["message"].update(sender="altro@pec.example"),
        lambda report: report["proof"][0]["verification"].update(signer="Un altro"),
    ],
)
def test_another_release_may_lack_facts_and_may_not_say_others(
    package: Package, change: Callable[[Report], object]
) -> None:
    def both(report: Report) -> None:
        of_another_release(report)
        change(report)

    assert verify_package(with_report(package, both), receipts.trust()).outcome is Outcome.DOES_NOT_HOLD


def test_package_of_before_these_facts_were_written_is_told_what_could_not_be_compared(package: Package) -> None:
    """A report without what was added since: its receipts hold, and that is said."""

    def older(report: Report) -> None:
        of_another_release(report)
        report["limits"].remove("sender-chose")
        for entry in (*report["proof"], *report["not_proof"]):
            entry.pop("arrived_at")
            entry.pop("limits")
            entry["verification"].pop("organization")
            entry["verification"].pop("expires_at")

    members = members_of(package)
    report = json.loads(members["report.json"])
    older(report)
    members["report.json"] = proof_package.encoded(report)
    check = verify_package(with_members(members), receipts.trust())
    assert (check.findings, check.outcome) == ((), Outcome.NOT_COMPARED)
    (lacking,) = [detail for kind, detail in check.notes if kind == "report-of-other-release"]
    assert "arrived_at" in lacking
    assert check.report is not None
    assert check.report["journeys"][0]["state"] == "delivered"


def test_summary_is_compared_without_typst_and_what_cannot_be_is_the_result(
    package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = members_of(package)
    sources = Sources(frame_of(package.report), {name: raw for name, raw in members.items() if is_source(name)})
    report = json.loads(members["report.json"])
    report["journeys"][1].update(state="delivered", delivered_at=report["journeys"][0]["delivered_at"])
    facts = proof_package.summary_facts(sources, report, proof_package.report_sha256(report))
    lying = pdf.summary(facts, proof_package.attached(sources))
    monkeypatch.setattr(pdf, "is_possible", lambda: False)
    assert verify_package(package.content, receipts.trust()).outcome is Outcome.HOLDS
    check = verify_package(with_members({**members, "summary.pdf": lying}), receipts.trust())
    assert {(one.kind, one.member) for one in check.findings} == {("member-differs", "summary.pdf")}
    unread = Comparison(attachments_ok=True, facts_ok=True, words="not-compared")
    monkeypatch.setattr(verify_summary, "compare", lambda *_: unread)
    check = verify_package(package.content, receipts.trust())
    assert (check.findings, check.outcome) == ((), Outcome.NOT_COMPARED)
    assert check.notes == (("summary-not-compared", ""),)


def test_limits_say_who_chose_and_whose_word_it_is(package: Package, tmp_path: Path) -> None:
    assert package.report["limits"][0] == "sender-chose"
    here = desk(tmp_path)
    queued = here.compose(ANNA)
    here.take_in(receipt(queued, "accettazione"))
    alone = proof(OPERATOR, here.house, queued.key, recipient=ANNA)
    assert "one-recipient-only" not in alone.report["limits"]  # there is no other
    assert "content-not-certified" in alone.report["limits"]
    here.take_in(receipt(queued, "avvenuta-consegna", to=ANNA, original=here.raw_of(queued), after=5))
    assert "content-not-certified" not in proof(OPERATOR, here.house, queued.key).report["limits"]
    for name in ("README.txt",):
        text = members_of(package)[name].decode()
        assert "THE PROVIDERS' WORD" in text
        assert "--ca certificates/" not in text
        assert text.count("holds under a root that this package brought") == 3
        assert "python3 -I verify_package.py PACKAGE.zip" in text
        assert "signed by Gestore di Prova <posta-certificata@pec.example> (Gestore di Prova S.p.A.)" in text


def test_package_about_one_of_two_says_so(told: tuple[Desk, Queued]) -> None:
    here, queued = told
    made = proof(OPERATOR, here.house, queued.key, recipient=BRUNO)
    assert "one-recipient-only" in made.report["limits"]


def test_provider_that_is_named_otherwise_than_its_certificate_is_shown(tmp_path: Path) -> None:
    here = desk(tmp_path)
    queued = here.compose(ANNA)
    here.take_in(receipt(queued, "accettazione", provider="Tutt'altro Gestore S.r.l."))
    made = proof(OPERATOR, here.house, queued.key)
    assert "provider-differs" in made.report["limits"]
    assert "the provider named is not the organization" in members_of(made)["README.txt"].decode()


# --- on the command line ---


@pytest.fixture
def house(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[CommandDesk]:
    """A house with one delivered message."""
    made = CommandDesk(tmp_path, capsys)
    made.configure()
    sent = receipts.original(subject="Diffida")
    files = [
        made.mail("accepted.eml", receipts.receipt("accettazione", subject="Diffida")),
        made.mail("delivered.eml", receipts.receipt("avvenuta-consegna", subject="Diffida", original=sent)),
        made.mail("sent.eml", sent),
    ]
    assert made.run("import", "--mailbox", "studio", *files).status == 0
    yield made
    texts.activate("en")


def test_result_is_told_in_sentences_and_its_outcome_is_a_word(house: CommandDesk) -> None:
    target, root = house.folder / "p.zip", house.folder / "root.pem"
    made = house.run("proof", receipts.REFERENCE, "-o", target)
    assert made.status == 0
    assert "SHA-256: " in made.out
    held = house.run("verify", "--trust", root, target)
    assert held.status == 0, held.out
    expected = (
        *("everything holds", "Diffida", receipts.SENDER, "02/03/2026 10:15:30", "Keep in mind"),
        *("counts as proof: 2", "certified by PEC CA di prova", "not at a root of Italian PEC"),
    )
    assert [words for words in expected if words not in held.words] == []
    assert house.run("verify", "--trust", root, target, "--json").record["outcome"] == "holds"
    members = proof_package_members(target.read_bytes())
    other = house.folder / "other.zip"
    report = json.loads(members["report.json"])
    of_another_release(report)
    members["report.json"] = proof_package.encoded(report)
    members["README.txt"] = b"RESULT: delivered\n"
    other.write_bytes(with_members(members))
    unread = house.run("verify", "--trust", root, other)
    assert unread.status == 1
    assert "what a person reads was NOT compared" in unread.words
    assert house.run("verify", "--trust", root, other, "--json").record["outcome"] == "holds-not-compared"
    unknown = house.run("verify", target, "--json")
    assert unknown.record["outcome"] == "does-not-hold"
    assert unknown.record["unknown_authorities"][0]["name"] == "Radice di prova"


def test_nothing_that_is_there_is_overwritten_without_being_asked_to(house: CommandDesk) -> None:
    target = house.folder / "p.zip"
    target.write_bytes(b"another proof")
    refused = house.run("proof", receipts.REFERENCE, "-o", target)
    assert refused.status == 2
    assert "--force" in refused.err
    assert target.read_bytes() == b"another proof"
    assert house.run("proof", receipts.REFERENCE, "-o", target, "--force").status == 0
    assert target.read_bytes().startswith(b"PK")
    assert not [path for path in house.folder.iterdir() if path.suffix == ".tmp"]


@pytest.mark.skipif(WINDOWS, reason="permissions and links of Unix")
def test_package_is_private_and_never_written_through_a_link(house: CommandDesk) -> None:
    elsewhere = house.folder / "elsewhere"
    elsewhere.write_bytes(b"precious")
    link = house.folder / "link.zip"
    link.symlink_to(elsewhere)
    assert house.run("proof", receipts.REFERENCE, "-o", link).status == 2
    assert house.run("proof", receipts.REFERENCE, "-o", link, "--force").status == 0
    assert elsewhere.read_bytes() == b"precious"
    assert not link.is_symlink()
    assert stat.S_IMODE(link.stat().st_mode) == 0o600
    dangling = house.folder / "dangling.zip"
    dangling.symlink_to(house.folder / "nowhere")
    assert house.run("proof", receipts.REFERENCE, "-o", dangling).status == 2
    assert not (house.folder / "nowhere").exists()


def test_file_names_itself_where_no_name_is_given(house: CommandDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(house.folder)
    made = house.run("proof", receipts.REFERENCE, "--json")
    assert made.status == 0
    file = house.folder / made.record["file"]
    assert re.fullmatch(rf"proof-\d{{4}}-\d\d-\d\d-.+-{made.record['key'][:8]}\.zip", file.name)
    before = file.read_bytes()
    again = house.run("proof", receipts.REFERENCE)
    assert again.status == 2
    assert "already" in again.err
    assert file.read_bytes() == before
    assert house.run("proof", receipts.REFERENCE, "--for", "pct").status == 2
