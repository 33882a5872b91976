"""The page that a judge reads: says what was sent and what became of it, and no word of it can be changed unseen."""

import email
import email.policy
import hashlib
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pec_tracker.askers import OPERATOR
from pec_tracker.pec.contents import MAX_TEXT, contents
from pec_tracker.render import canonical_zip, pdf, pdf_text
from pec_tracker.render.wording import section, template
from pec_tracker.service.proof import members as proof_package
from pec_tracker.service.proof.make import Package, proof
from pec_tracker.service.proof.report import frame_of
from pec_tracker.service.proof.sentences import moment
from pec_tracker.service.proof.sources import Sources, is_source
from pec_tracker.service.proof.verify_summary import compare
from pec_tracker.service.queries.show import show
from pec_tracker.service.sending.send import Queued
from tests.proof.house import ANNA, BRUNO, CARLA, CONTRACT, Desk, desk, receipt


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, Queued]:
    """Anna alone, and she got it; a stranger's receipt says the same."""
    here = desk(tmp_path_factory.mktemp("delivered"))
    queued = here.compose(ANNA)
    raw = here.raw_of(queued)
    here = here.later(timedelta(minutes=5))
    here.take_in(
        receipt(queued, "accettazione"),
        receipt(queued, "avvenuta-consegna", to=ANNA, original=raw, after=20),
        receipt(queued, "avvenuta-consegna", to=ANNA, original=raw, after=30, subject="Altro"),
    )
    return here, queued


@pytest.fixture(scope="module")
def simple(delivered: tuple[Desk, Queued]) -> Package:
    here, queued = delivered
    return proof(OPERATOR, here.house, queued.key, language="it")


def parts(made: Package) -> tuple[bytes, dict[str, Any], Mapping[str, bytes]]:
    """The summary, the facts that its package gives, and the mails."""
    members = canonical_zip.unpack(made.content).members
    sources = Sources(frame_of(made.report), {name: raw for name, raw in members.items() if is_source(name)})
    facts = proof_package.summary_facts(sources, made.report, made.report_sha256)
    return members[proof_package.summary_name(made.report)], facts, proof_package.attached(sources)


def words_of(made: Package) -> str:
    """The page as one line of words."""
    summary, _, _ = parts(made)
    return " ".join("".join(pdf_text.pages(summary)).replace("\u200b", "").split())


def printed_lead(made: Package) -> str:
    _, facts, _ = parts(made)
    lead = next(block for block in facts["blocks"] if block["kind"] == "lead")
    return " ".join(lead["texts"]).replace("\u200b", "")


def test_delivered_message_is_told_in_one_sentence_on_one_page(simple: Package) -> None:
    summary, _, _ = parts(simple)
    (page,) = pdf_text.pages(summary)
    lead = printed_lead(simple)
    assert (
        "inviato da mittente@pec.example il 02/03/2026 alle 10:15:30, è stato consegnato nella casella di "
        "anna@pec.example il 02/03/2026 alle 10:15:50, come attesta la ricevuta firmata dal gestore "
        "Gestore di Prova S.p.A. (posta-certificata@pec.example)."
    ) in lead
    assert "La ricevuta di avvenuta consegna completa contiene esattamente questo messaggio" in lead
    assert "contratto.pdf" in page
    assert hashlib.sha256(CONTRACT).hexdigest() in page.replace("\u200b", "")
    assert "R.G. 12/2026" in page
    assert page.count("Europe/Rome") == 1
    assert "(+0100)" not in page
    assert "DPR 11 febbraio 2005, n. 68, art. 6" in page


def test_what_does_not_count_is_one_line_of_a_delivered_message_and_a_table_of_another(
    simple: Package, package: Package
) -> None:
    assert "Altre mail nella cartella not-proof/: 1." in words_of(simple)
    assert section("it", "summary")["rejected"] not in words_of(simple)
    assert section("en", "summary")["rejected"] in words_of(package)
    assert "not-proof/004-delivery.eml" in words_of(package)


@pytest.mark.parametrize(("language", "told"), [("it", "NON è stato consegnato"), ("en", "was NOT delivered")])
def test_message_that_did_not_arrive_is_never_told_as_delivered(tmp_path: Path, language: str, told: str) -> None:
    here = desk(tmp_path)
    queued = here.compose(BRUNO)
    failed = receipt(queued, "errore-consegna", to=BRUNO, after=30, error="altro", error_detail="5.2.2 - casella piena")
    here.later(timedelta(minutes=5)).take_in(receipt(queued, "accettazione"), failed)
    lead = printed_lead(proof(OPERATOR, here.house, queued.key, language=language))
    assert told in lead
    assert "10:16:00" in lead
    assert "esattamente" not in lead
    assert "exactly" not in lead


def test_message_without_receipts_is_not_said_to_have_been_sent(tmp_path: Path) -> None:
    here = desk(tmp_path)
    queued = here.compose(ANNA)
    made = proof(OPERATOR, here.house, queued.key, language="it")
    assert "non risulta inviato (stato: in coda)" in printed_lead(made)
    assert section("it", "summary")["sent"] not in words_of(made)


def test_accepted_alone_is_no_delivery(tmp_path: Path) -> None:
    here = desk(tmp_path)
    queued = here.compose(ANNA)
    here.later(timedelta(minutes=5)).take_in(receipt(queued, "accettazione"))
    lead = printed_lead(proof(OPERATOR, here.house, queued.key, language="it"))
    assert "è stato accettato dal gestore del mittente il 02/03/2026 alle 10:15:30" in lead
    assert "Della consegna nella casella di anna@pec.example in questo fascicolo non c'è prova." in lead


def test_many_recipients_are_counted_and_each_stands_in_the_table(tmp_path: Path) -> None:
    here = desk(tmp_path)
    people = [f"condomino{number:02}@pec.example" for number in range(45)]
    queued = here.compose(*people)
    raw = here.raw_of(queued)
    mails = [
        receipt(queued, "avvenuta-consegna", to=one, original=raw, after=20 + n) for n, one in enumerate(people[1:])
    ]
    here = here.later(timedelta(minutes=5))
    here.take_in(receipt(queued, "accettazione"), *mails)
    made = proof(OPERATOR, here.house, queued.key, language="it")
    summary, facts, attached = parts(made)
    assert "era diretto a 45 destinatari. Esito: consegnato: 44 su 45; accettato: 1 su 45." in printed_lead(made)
    assert len(pdf_text.pages(summary)) > 1
    assert all(one in words_of(made) for one in people)
    assert "44 (ultima: 02/03/2026 10:16:33)" in words_of(made)
    assert compare(summary, facts, attached.values()).sound


def test_report_names_every_attachment_as_other_readers_of_mail_see_it(simple: Package) -> None:
    members = canonical_zip.unpack(simple.content).members
    sent = simple.report["message"]
    mail = email.message_from_bytes(members["message/original.eml"], policy=email.policy.default)
    theirs = [(one.get_filename(), one.get_content()) for one in mail.iter_attachments()]
    assert [(one["name"], one["size"], one["sha256"]) for one in sent["attachments"]] == [
        (name, len(content), hashlib.sha256(content).hexdigest()) for name, content in theirs
    ]
    assert sent["text"] == mail.get_body(("plain",)).get_content().replace("\r\n", "\n")  # type: ignore[union-attr]
    assert (sent["text_cut"], sent["contents_of"]) == (False, "message/original.eml")


def test_only_the_complete_receipt_that_counts_is_said_to_enclose_the_message(
    delivered: tuple[Desk, Queued], simple: Package
) -> None:
    entries = {
        entry["member"]: entry["encloses_message"] for entry in (*simple.report["proof"], *simple.report["not_proof"])
    }
    assert entries == {
        "receipts/001-acceptance.eml": None,
        "receipts/002-delivery.eml": True,
        "not-proof/003-delivery.eml": False,
    }
    here, queued = delivered
    shown = show(OPERATOR, here.house, queued.key)
    assert [one.encloses_message for one in shown.evidence] == [None, True, False]
    assert shown.contents is not None
    assert [(one.name, one.size) for one in shown.contents.attachments] == [("contratto.pdf", len(CONTRACT))]


def test_message_sent_by_other_means_is_told_from_what_its_receipt_encloses(tmp_path: Path) -> None:
    other = desk(tmp_path / "other")
    queued = other.compose(CARLA)
    raw = other.raw_of(queued)
    here = desk(tmp_path / "here")
    here.take_in(receipt(queued, "accettazione"), receipt(queued, "avvenuta-consegna", to=CARLA, original=raw, after=9))
    sent = proof(OPERATOR, here.house, f"<{queued.reference}>").report["message"]
    assert sent["contents_of"] == "receipts/002-delivery.eml"
    assert [one["name"] for one in sent["attachments"]] == ["contratto.pdf"]


def test_text_that_is_too_long_is_marked_as_cut() -> None:
    head = b"Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    assert not contents(head + b"x" * MAX_TEXT).cut
    assert contents(head + "è".encode() * (MAX_TEXT + 1)).cut
    assert contents(b"Content-Type: text/html\r\n\r\n<p>x</p>").text is None


# --- no word can be changed unseen ---


def test_summary_is_compared_without_typst(simple: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    summary, facts, mails = parts(simple)
    monkeypatch.setitem(sys.modules, "typst", None)
    monkeypatch.setitem(sys.modules, "segno", None)
    found = compare(summary, facts, mails.values())
    assert (found.attachments_ok, found.facts_ok, found.words) == (True, True, "same")


def forged(facts: Mapping[str, Any], shown: str, mails: Mapping[str, bytes], source: str | None = None) -> bytes:
    """A summary that carries the true facts and prints others: made with typst itself, so everything else fits."""
    import typst

    attaching = template("attached.typ").splitlines()[-1]
    main = f"{source or template('summary.typ')}\n{attaching}\n".encode()
    files: Any = {"main": main, pdf.FACTS: pdf.encoded(facts), **mails}
    drawn = json.dumps({"size": 1, "code": [[[0, 1]]], "files": sorted(mails)})
    return typst.compile(
        files, sys_inputs={"facts": shown, "drawn": drawn}, format="pdf", pdf_standards="a-3b", ignore_system_fonts=True
    )


@pytest.mark.parametrize(
    ("true", "false"),
    [("10:15:50", "10:15:51"), ("anna@", "anno@"), ("contratto.pdf", "altro.pdf"), ("consegnato", "letto")],
)
def test_changed_word_is_found_though_the_attached_facts_are_right(simple: Package, true: str, false: str) -> None:
    _, facts, mails = parts(simple)
    honest = pdf.encoded(facts).decode("ascii")
    assert compare(forged(facts, honest, mails), facts, mails.values()).words == "same"
    found = compare(forged(facts, honest.replace(true, false), mails), facts, mails.values())
    assert (found.attachments_ok, found.facts_ok, found.words) == (True, True, "differ")


@pytest.mark.parametrize(
    "trick",
    [
        "#place(dx: 2cm, text(fill: white)[x])",
        "#place(dx: 2cm, text(size: 1pt)[x])",
        "#link(\"https://example.org\")[x]",
        "#place(image(bytes(\"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><g opacity='.5'>"
        "<rect width='9' height='9'/><rect width='5' height='5'/></g></svg>\")))",
        "Also delivered.",
    ],
)  # fmt: skip
def test_summary_with_hidden_or_added_things_is_never_called_the_same(simple: Package, trick: str) -> None:
    _, facts, mails = parts(simple)
    source = template("summary.typ") + f"\n{trick}\n"
    made = forged(facts, pdf.encoded(facts).decode("ascii"), mails, source)
    assert compare(made, facts, mails.values()).words != "same"


def test_other_facts_or_other_mails_are_found(simple: Package) -> None:
    summary, facts, mails = parts(simple)
    assert compare(summary, {**facts, "tool": "another"}, mails.values()).facts_ok is False
    fewer = dict(list(mails.items())[1:])
    assert not compare(summary, facts, fewer.values()).attachments_ok
    assert not compare(pdf.summary(facts, fewer), facts, mails.values()).attachments_ok
    assert compare(b"", facts, mails.values()).facts_ok is None
    assert compare(b"%PDF-1.7", facts, []).words == "not-compared"


def test_damaged_summary_is_an_answer_and_no_fault(simple: Package) -> None:
    summary, facts, mails = parts(simple)
    chance = random.Random(11)
    for _ in range(150):
        damaged = bytearray(summary)
        for _ in range(chance.randrange(1, 30)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        compare(bytes(damaged), facts, mails.values())
        compare(summary[: chance.randrange(len(summary))], facts, mails.values())


def test_our_reader_sees_the_words_that_poppler_sees(simple: Package, tmp_path: Path) -> None:
    if shutil.which("pdftotext") is None:
        pytest.skip("needs poppler-utils")
    summary, _, _ = parts(simple)
    file = tmp_path / "summary.pdf"
    file.write_bytes(summary)
    text = subprocess.run(["pdftotext", "-raw", file, "-"], capture_output=True, text=True, check=True).stdout
    ours = "".join("".join(pdf_text.pages(summary)).replace("\u200b", "").split())
    theirs = "".join(text.replace("\u200b", "").split())
    assert sorted(ours) == sorted(theirs)


def test_hour_that_autumn_repeats_is_told_with_its_offset() -> None:
    assert moment(datetime(2026, 10, 25, 0, 30, tzinfo=UTC)) == "25/10/2026\u00a002:30:00\u00a0(+0200)"
    assert moment(datetime(2026, 10, 25, 1, 30, tzinfo=UTC)) == "25/10/2026\u00a002:30:00\u00a0(+0100)"
    assert moment(datetime(2026, 10, 25, 9, 30, tzinfo=UTC)) == "25/10/2026\u00a010:30:00"


def test_any_letters_can_be_drawn_and_are_read_back(simple: Package) -> None:
    """A subject of anybody's making: unassigned and invisible letters, both directions, parentheses without a pair."""
    _, facts, mails = parts(simple)
    chance = random.Random(5)
    letters = [chr(code) for code in range(0x20, 0x250)] + list(
        "\u038b\u038d\u03a2()\\<>—“”€\u200b\u00ad\u202e\u05e9中😀ﬁ"
    )
    for _ in range(6):
        told = ["".join(chance.choices(letters, k=chance.randrange(1, 400))) for _ in range(5)]
        rows = [["".join(chance.choices(letters, k=40)), "02/03/2026"] for _ in range(chance.randrange(1, 90))]
        table = {"kind": "table", "widths": ["1", "auto"], "heads": ["One", "Two"], "rows": rows}
        changed = {**facts, "blocks": [{"kind": "lead", "texts": told}, table]}
        assert compare(pdf.summary(changed, mails), changed, mails.values()).sound
