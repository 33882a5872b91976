"""A court gets the receipts untouched, under names that it takes, and never one that the law refuses."""

import csv
import hashlib
import io
import re
from pathlib import Path

import pytest

from pec_tracker.askers import OPERATOR
from pec_tracker.errors import RuleError, UsageError
from pec_tracker.service.importing.import_ import bring_in
from pec_tracker.service.proof import court_folder as filing_module
from pec_tracker.service.proof.court_folder import Problem, courts, filing
from pec_tracker.service.sending.send import Queued
from tests.archive.folders import folder_of
from tests.history.msg import by_value, embedded, item, msg, signed
from tests.proof.house import ANNA, BRUNO, Desk, desk, receipt


@pytest.mark.parametrize("court", ["pct", "ptt"])
def test_folder_holds_the_untouched_pair_and_says_who_did_not_get_it(told: tuple[Desk, Queued], court: str) -> None:
    here, queued = told
    made = filing(OPERATOR, here.house, queued.key, court)
    assert list(made.files) == [
        "01_accettazione.eml",
        "02_consegna_anna-pec-example.eml",
        "03_mancata-consegna_bruno-pec-example.eml",
        "ids.csv",
    ]
    assert made.problems == (Problem(BRUNO, "no-delivery"),)
    kept = {path.read_bytes() for path in (folder_of(here.house.archive) / "objects").rglob("*.eml")}
    assert all(raw in kept for name, raw in made.files.items() if name.endswith(".eml"))
    limits = courts()[court]
    assert limits.source
    assert all(re.fullmatch(limits.names, name.removesuffix(".eml")) for name in made.files if name.endswith(".eml"))


def test_ids_name_every_file_with_its_identifiers(told: tuple[Desk, Queued]) -> None:
    here, queued = told
    made = filing(OPERATOR, here.house, queued.key, "pct", recipient=ANNA)
    assert made.problems == ()
    rows = list(csv.DictReader(io.StringIO(made.files["ids.csv"].decode("utf-8-sig"))))
    assert [row["documento"] for row in rows] == ["accettazione", "consegna"]
    for row in rows:
        assert row["file"] in made.files
        assert row["riferimento"] == queued.reference
        assert row["identificativo"] == f"opec.{queued.key}@pec.example"
        assert row["message_id_ricevuta"]
    assert rows[1]["destinatario"] == ANNA
    assert rows[1]["ora_certificata"] == "2026-03-02T10:15:50+01:00"


@pytest.mark.parametrize("form", ["breve", "sintetica"])
def test_delivery_that_is_not_complete_is_refused_with_the_reason(tmp_path: Path, form: str) -> None:
    here = desk(tmp_path)
    queued = here.compose(ANNA)
    original = here.raw_of(queued) if form == "breve" else None  # which it encloses whole
    delivered = receipt(queued, "avvenuta-consegna", to=ANNA, receipt_form=form, original=original)
    here.take_in(receipt(queued, "accettazione"), delivered)
    with pytest.raises(RuleError, match="law 53/1994 needs the complete one"):
        filing(OPERATOR, here.house, queued.key, "pct")


def test_complete_receipt_wins_over_a_brief_one(tmp_path: Path) -> None:
    here = desk(tmp_path)
    queued = here.compose(ANNA)
    raw = here.raw_of(queued)
    brief = receipt(queued, "avvenuta-consegna", to=ANNA, receipt_form="sintetica")
    complete = receipt(queued, "avvenuta-consegna", to=ANNA, original=raw, after=1)
    here.take_in(receipt(queued, "accettazione"), brief, complete)
    made = filing(OPERATOR, here.house, queued.key, "ptt")
    assert made.problems == ()
    assert complete in made.files.values()


def test_forged_delivery_is_not_filed(told: tuple[Desk, Queued]) -> None:
    here, queued = told
    made = filing(OPERATOR, here.house, queued.key, "ptt", recipient=BRUNO)
    assert made.problems == (Problem(BRUNO, "no-delivery"),)
    assert not any("_consegna" in name for name in made.files)


def test_no_acceptance_is_said(tmp_path: Path) -> None:
    here = desk(tmp_path)
    queued = here.compose(ANNA)
    here.take_in(receipt(queued, "avvenuta-consegna", to=ANNA, original=here.raw_of(queued)))
    assert filing(OPERATOR, here.house, queued.key, "pct").problems == (Problem(ANNA, "no-acceptance"),)


def test_limits_of_the_court_are_kept(
    told: tuple[Desk, Queued], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here, queued = told
    rules = Path(filing_module.__file__).parent / "courts.toml"
    (tmp_path / "courts.toml").write_text(rules.read_text("utf-8").replace("10_485_760", "3_000"), "utf-8")
    monkeypatch.setattr(filing_module, "__file__", str(tmp_path / "filing.py"))
    courts.cache_clear()
    try:
        with pytest.raises(RuleError, match="bytes in one file"):
            filing(OPERATOR, here.house, queued.key, "ptt")
    finally:
        courts.cache_clear()


def test_unknown_court_is_a_usage_error_that_names_the_known(told: tuple[Desk, Queued]) -> None:
    here, queued = told
    with pytest.raises(UsageError, match="pct, ptt"):
        filing(OPERATOR, here.house, queued.key, "tar")


def from_outlook(here: Desk, *contents: bytes) -> None:
    """Import .msg files into the account."""
    for number, content in enumerate(contents):
        (here.folder / f"{number}.msg").write_bytes(content)
    bring_in(
        OPERATOR, here.house, [here.folder / f"{number}.msg" for number in range(len(contents))], account=here.account
    )


def receipts_kept_in_outlook(here: Desk) -> tuple[Queued, list[bytes]]:
    queued = here.compose(ANNA)
    pair = [
        receipt(queued, "accettazione"),
        receipt(queued, "avvenuta-consegna", to=ANNA, original=here.raw_of(queued), after=1),
    ]
    return queued, pair


def test_receipts_rebuilt_from_outlook_files_are_filed_as_those_files_where_the_court_takes_them(
    tmp_path: Path,
) -> None:
    here = desk(tmp_path)
    queued, pair = receipts_kept_in_outlook(here)
    files = [signed(raw) for raw in pair]
    from_outlook(here, *files)
    made = filing(OPERATOR, here.house, queued.key, "pct")
    assert list(made.files) == ["01_accettazione.msg", "02_consegna_anna-pec-example.msg", "ids.csv"]
    assert list(made.files.values())[:2] == files
    listed = list(csv.DictReader(io.StringIO(made.files["ids.csv"].decode("utf-8-sig"))))
    assert [row["sha256"] for row in listed] == [hashlib.sha256(content).hexdigest() for content in files]
    assert all(row["message_id_ricevuta"] for row in listed)
    with pytest.raises(RuleError, match="rebuilt from an Outlook file"):
        filing(OPERATOR, here.house, queued.key, "ptt")  # takes .eml only


def test_receipt_as_it_was_received_goes_before_one_that_outlook_kept(tmp_path: Path) -> None:
    here = desk(tmp_path)
    queued, pair = receipts_kept_in_outlook(here)
    from_outlook(here, *(signed(raw) for raw in pair))
    here.take_in(*pair)
    made = filing(OPERATOR, here.house, queued.key, "ptt")
    assert list(made.files.values())[:2] == pair


def test_outlook_file_that_only_encloses_the_receipt_is_not_filed_for_it(tmp_path: Path) -> None:
    here = desk(tmp_path)
    queued, (accepted, delivered) = receipts_kept_in_outlook(here)
    header, _, body = delivered.partition(b"\r\n\r\n")
    fields = re.findall(rb"(?im)^content-type:[^\r\n]*(?:\r\n[ \t][^\r\n]*)*", header)
    whole = by_value("smime.p7m", fields[0] + b"\r\n\r\n" + body, mime="multipart/signed")
    inner = item("IPM.Note.SMIME.MultipartSigned", headers=header.decode() + "\r\n\r\n", attachments=[whole])
    from_outlook(here, signed(accepted), msg("IPM.Note", body="Ecco.", attachments=[embedded(inner)]))
    with pytest.raises(RuleError, match="consegna was rebuilt from an Outlook file"):
        filing(OPERATOR, here.house, queued.key, "pct")
