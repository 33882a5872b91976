"""A package made, verified, filed; a mail inspected: what holds and what does not is told alike in both languages."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pec_tracker import texts
from pec_tracker.answers import inspected, packaged, verified
from pec_tracker.pec.evidence import CHECKS
from pec_tracker.pec.trust import Trust
from pec_tracker.service.inspect import inspect
from pec_tracker.service.proof.court_folder import Filing, Problem, courts
from pec_tracker.service.proof.make import Weighed
from pec_tracker.service.proof.verify import PackageCheck, PackageFinding, UnknownAuthority
from tests.answers.conftest import SECOND, message
from tests.factory.receipts import original, receipt, trust

FILE = Path("proof.zip")
REPORT: dict[str, Any] = {
    "message": {"key": "k7f3", "reference": "a@b", "sender": None, "subject": "Diffida"},
    "journeys": [{"recipient": "a@pec.test", "state": "delivered", "state_at": "2026-03-02T11:15:30+01:00"}],
    "proof": [
        {
            "member": "receipts/1.eml",
            "verification": {"signer": "Gestore", "signer_address": "posta-certificata@g.it", "issuer": "AgID CA1"},
        }
    ],
    "not_proof": [{"member": "not-proof/2.eml"}],
    "as_of": {"seal": 3, "at": "2026-03-02T10:15:30+00:00"},
    "limits": ["sender-chose"],
    "pdf": False,
}
DIFFERS = PackageFinding("report-differs", "receipts/1.eml", "verification.checks")
STRANGER = UnknownAuthority("Radice Altrui", "ab" * 32)
HOLDS = PackageCheck((), (), REPORT)
NOT_COMPARED = PackageCheck((), (("other-release", "9.9"),), REPORT)


@pytest.mark.parametrize(
    ("check", "english", "italian"),
    [
        (HOLDS, "everything holds", "tutto regge"),
        (NOT_COMPARED, "was NOT compared", "NON è stato confrontato"),
        (PackageCheck((DIFFERS,), (), REPORT), "it does NOT hold", "NON regge"),
    ],
)
def test_whether_a_package_holds_is_the_first_thing_said(check: PackageCheck, english: str, italian: str) -> None:
    assert english in next(verified.outcome_lines(FILE, check))
    texts.activate("it")
    assert italian in next(verified.outcome_lines(FILE, check))


def test_what_could_not_be_compared_is_named() -> None:
    assert list(verified.outcome_lines(FILE, NOT_COMPARED))[1:] == [
        "Not compared:",
        "- it says that release 9.9 made it, and this release writes it otherwise",
    ]


def test_an_authority_that_is_not_known_is_told_instead_of_what_follows_from_it() -> None:
    check = PackageCheck((DIFFERS,), (), REPORT, (STRANGER,))
    brief = list(verified.finding_lines(check, details=False))
    assert "Radice Altrui" in brief[0]
    assert "AB:AB:" in brief[1]
    assert brief[2:] == ["Findings: 1", "--details shows every difference."]
    whole = list(verified.finding_lines(check, details=True))
    assert whole[2].endswith("[verification.checks]")
    facts = verified.check_facts(FILE, check)
    assert facts["findings"][0]["kind"] == "report-differs"
    assert facts["unknown_authorities"] == [{"name": "Radice Altrui", "sha256": "ab" * 32}]
    texts.activate("it")
    assert "Rilievi: 1" in verified.finding_lines(check, details=False)


def test_what_holds_is_told_with_who_signed_and_what_it_does_not_show() -> None:
    assert verified.message_text(REPORT) == "Message a@b, sent by -: Diffida"
    assert verified.table(REPORT)[1] == [("a@pec.test", "delivered", "02/03/2026 11:15:30")]
    lines = list(verified.package_lines(REPORT))
    assert "1, by Gestore <posta-certificata@g.it>, certified by AgID CA1" in lines[0]
    assert lines[-3] == "Keep in mind:"
    texts.activate("it")
    assert verified.table(REPORT)[1][0][1] == "consegnato"
    assert list(verified.package_lines(REPORT))[-2:] != lines[-2:]


def test_a_package_is_weighed_as_it_is_written() -> None:
    written = Weighed()
    assert b"".join(written.passing([b"ab", b"c"])) == b"abc"
    made: Any = SimpleNamespace(report=REPORT, report_sha256="cd" * 32, members=("report.json",))
    lines = packaged.package_lines(FILE, made, written)
    assert lines[0] == "proof.zip: 3 bytes, as of seal 3"
    assert lines[1].endswith("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    assert lines[3] == "Proof: 1 receipts; not proof: 1"
    facts = packaged.package_facts(FILE, made, written)
    assert (facts["size"], facts["proof"], facts["members"]) == (3, ["receipts/1.eml"], ("report.json",))
    assert len(list(packaged.package_notes(made))) == 2
    texts.activate("it")
    assert packaged.table(made)[1] == [("a@pec.test", "consegnato", SECOND)]


@pytest.mark.parametrize(
    ("message", "recipients", "name"),
    [
        ({"key": "k7f3"}, ["a@pec.test", "b@pec.test"], "proof-k7f3.zip"),
        (
            {"key": "k7f3", "queued_at": "2026-03-01T23:30:00+00:00"},
            ["a@pec.test"],
            "proof-2026-03-02-a@pec.test-k7f3.zip",
        ),
        (
            {"key": "k7f3qv2mx5a1", "subject": "Diffida: perché/no? 100% ..."},
            [],
            "proof-diffida-perche-no-100-k7f3qv2m.zip",
        ),
        ({"key": "k7f3", "subject": "../CON\x00|<>*\u202efdp. "}, [], "proof-con-fdp-k7f3.zip"),
        ({"key": "k7f3", "subject": "日本 " + "x" * 300}, [], f"proof-{'x' * 39}-k7f3.zip"),
    ],
)
def test_a_package_names_itself_so_that_it_is_found_again_on_any_system(
    message: dict[str, Any], recipients: list[str], name: str
) -> None:
    report = {"message": message, "journeys": [{"recipient": one} for one in recipients]}
    made: Any = SimpleNamespace(report=report)
    assert packaged.file_name(made) == name
    texts.activate("it")
    assert packaged.file_name(made) == name.replace("proof-", "fascicolo-")


def test_of_several_messages_each_is_named_by_its_whole_key() -> None:
    found = [message(), message(key="abc", case="2026/1")]
    assert packaged.candidates_text(found).startswith("2 messages answer")
    columns, rows = packaged.candidates_table(found)
    assert rows[0] == ("k7f3qv2mx5a1", SECOND, "piena@azienda.test", "Diffida")
    assert len(columns) == 4
    assert packaged.candidate_facts(found[1])["case"] == "2026/1"


def test_a_folder_for_a_court_says_what_is_missing() -> None:
    made = Filing(courts()["pct"], {"01.eml": b""}, (Problem("a@pec.test", "no-delivery"),))
    lines = list(packaged.filing_lines(Path("deposito"), made))
    assert lines[1] == "  01.eml"
    assert lines[2].startswith("a@pec.test: there is no delivery receipt")
    assert packaged.filing_facts(Path("deposito"), made)["problems"] == [
        {"recipient": "a@pec.test", "kind": "no-delivery"}
    ]
    texts.activate("it")
    assert "manca la ricevuta di avvenuta consegna" in list(packaged.filing_lines(Path("deposito"), made))[2]


def test_a_mail_says_what_it_is_and_which_checks_do_not_hold() -> None:
    raw = receipt("avvenuta-consegna", original=original())
    held = inspect(raw, trust=trust(), at=None, now=SECOND)
    lines = dict(inspected.inspected_lines(held))
    assert (lines["Kind"], lines["Signature"]) == ("delivery receipt", "trusted")
    assert "About" not in lines
    assert "Does not hold" not in lines
    strange = inspect(raw, trust=Trust(), at=None, now=SECOND)
    texts.activate("it")
    lines = dict(inspected.inspected_lines(strange))
    assert lines["Firma"] == "integra, firmatario non attendibile"
    assert "catena dei certificati" in lines["Non regge"]
    facts = inspected.inspected_facts("a.eml", strange)
    assert list(facts["signature"]["checks"]) == list(CHECKS)
    assert "rem" not in facts


def test_a_failure_is_told_with_our_words_before_the_providers() -> None:
    detail = "5.1.1 - Gestore - indirizzo non valido"
    raw = receipt("errore-consegna", error="no-dest", error_detail=detail)
    lines = dict(inspected.inspected_lines(inspect(raw, trust=trust(), at=None, now=SECOND)))
    assert lines["Failure"] == f"the address does not exist: {detail}"
    assert "Delivered to" not in lines
