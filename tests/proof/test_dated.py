"""Only a time-stamp that holds, of its time, dates the ledger: for the house, for `verify`, and without us."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import cms, tsp

from pec_tracker import anchors
from pec_tracker.askers import OPERATOR
from pec_tracker.ledger.stamps import request
from pec_tracker.render import verify_package
from pec_tracker.service.house import StampAuthority
from pec_tracker.service.proof.make import Package, proof
from pec_tracker.service.proof.verify import Outcome
from pec_tracker.service.proof.verify import verify_package as verify
from pec_tracker.service.sending.send import Queued
from tests.archive.folders import folder_of
from tests.factory import receipts
from tests.proof.house import ANNA, Desk, desk, receipt
from tests.servers.tsa import TimeStampAuthority

UNSIGNED_AT = datetime(2021, 5, 5, tzinfo=UTC)
SELF_ASSERTED = "ledger-times-self-asserted"


@pytest.fixture(scope="module")
def tsa() -> Iterator[TimeStampAuthority]:
    """An authority, asked without a network."""
    with TimeStampAuthority() as running:
        yield running


def house_at(folder: Path, tsa: TimeStampAuthority, at: datetime) -> tuple[Desk, Queued]:
    """A house that knows the authority, with one accepted message of that time, sealed in seal 2."""
    made = desk(folder)
    known = StampAuthority("prova", "http://127.0.0.1:1", anchors.stamp_roots(tsa.root))
    here = replace(made, house=replace(made.house, authorities=(known,)))
    here = here.later(at - here.house.clock.now())
    queued = here.compose(ANNA)
    here.take_in(receipt(queued, "accettazione", issued_at=at + timedelta(seconds=2)))
    return here, queued


def seal_of(here: Desk, number: int = 2) -> Path:
    return folder_of(here.house.archive) / f"ledger/{number:08}.seal"


def stamped(here: Desk, tsa: TimeStampAuthority, number: int = 2) -> None:
    """What `openssl ts` answers, beside the seal."""
    seal = seal_of(here, number)
    seal.with_suffix(".tsr").write_bytes(tsa.reply(request(seal.read_bytes(), 4711)))


def proved_later(here: Desk, queued: Queued, span: timedelta = timedelta(days=1)) -> Package:
    """The package of a later seal: a stamp comes along once the ledger has gone beyond it."""
    later = here.later(span)
    later.compose(ANNA, subject="Altro")
    return proof(OPERATOR, later.house, queued.key)


def alone(package: Package, root_pem: Path, *tsa_roots: Path) -> verify_package.Result:
    """The verifier that stands alone."""
    return verify_package.examined(package.content, {}, [root_pem], list(tsa_roots))


def without_signer(seal: bytes, at: datetime) -> bytes:
    """A response over a seal that nobody signed."""
    asked = tsp.TimeStampReq.load(request(seal, 1))
    info = tsp.TSTInfo(
        {"version": "v1", "policy": "1.2.3.4", "message_imprint": asked["message_imprint"], "serial_number": 7,
         "gen_time": at}
    )  # fmt: skip
    signed = cms.SignedData(
        {"version": "v3", "digest_algorithms": [{"algorithm": "sha256"}], "signer_infos": [],
         "encap_content_info": {"content_type": "tst_info", "content": info}}
    )  # fmt: skip
    token = cms.ContentInfo({"content_type": "signed_data", "content": signed})
    return bytes(tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": token}).dump())


def test_stamp_of_its_time_dates_the_ledger_where_its_authority_is_known(
    tmp_path: Path, tsa: TimeStampAuthority, root_pem: Path
) -> None:
    here, queued = house_at(tmp_path / "house", tsa, datetime.now(UTC) - timedelta(minutes=10))
    stamped(here, tsa)
    made = proved_later(here, queued)
    (stamp,) = made.report["stamps"]
    assert (stamp["holds"], stamp["authority"], stamp["reason"]) == (True, "Marche di prova", None)
    assert SELF_ASSERTED not in made.report["limits"]
    known = verify(made.content, receipts.trust(), stamp_roots=anchors.stamp_roots(tsa.root))
    assert (known.findings, known.outcome) == ((), Outcome.HOLDS)
    unknown = verify(made.content, receipts.trust())
    assert (unknown.findings, unknown.outcome) == ((), Outcome.NOT_COMPARED)
    assert ("stamp-not-verified", "ledger/00000002.tsr") in unknown.notes
    assert unknown.report is not None
    assert SELF_ASSERTED in unknown.report["limits"]
    with_root, without = alone(made, root_pem, tsa.root), alone(made, root_pem)
    assert with_root.findings == without.findings == []
    assert any("up to seal 2 was written by" in text for text in with_root.remarks)
    assert any("was NOT verified here" in text for text in without.remarks)
    assert any("Nothing from outside dates" in text for text in without.remarks)


def test_time_stamp_that_nobody_signed_dates_nothing(tmp_path: Path, tsa: TimeStampAuthority, root_pem: Path) -> None:
    here, queued = house_at(tmp_path / "house", tsa, datetime.now(UTC))
    seal = seal_of(here)
    seal.with_suffix(".tsr").write_bytes(without_signer(seal.read_bytes(), UNSIGNED_AT))
    made = proved_later(here, queued)
    assert made.report["stamps"][0]["holds"] is False
    assert SELF_ASSERTED in made.report["limits"]
    found = verify(made.content, receipts.trust(), stamp_roots=anchors.stamp_roots(tsa.root)).findings
    assert ("stamp-differs", "ledger/00000002.tsr") in {(one.kind, one.member) for one in found}
    assert "ledger/00000002.tsr" in {member for member, _ in alone(made, root_pem, tsa.root).findings}


def test_stamp_older_than_the_lines_that_it_is_over_is_impossible(
    tmp_path: Path, tsa: TimeStampAuthority, root_pem: Path
) -> None:
    here, queued = house_at(tmp_path / "house", tsa, datetime.now(UTC) + timedelta(days=30))
    stamped(here, tsa)
    made = proved_later(here, queued)
    assert made.report["stamps"][0]["reason"] == "older-than-its-lines"
    assert SELF_ASSERTED in made.report["limits"]
    found = verify(made.content, receipts.trust(), stamp_roots=anchors.stamp_roots(tsa.root)).findings
    assert "stamp-older-than-its-lines" in {one.kind for one in found}
    assert "ledger/00000002.tsr" in {member for member, _ in alone(made, root_pem, tsa.root).findings}


def test_stamp_of_long_afterwards_does_not_vouch_for_the_times_of_the_lines(
    tmp_path: Path, tsa: TimeStampAuthority
) -> None:
    here, queued = house_at(tmp_path / "house", tsa, datetime.now(UTC) - timedelta(days=200))
    stamped(here, tsa)
    made = proved_later(here, queued, timedelta(days=201))
    assert made.report["stamps"][0]["holds"] is True
    assert SELF_ASSERTED in made.report["limits"]


def test_stamp_younger_than_the_seal_after_it_says_that_lines_were_dated_back(
    tmp_path: Path, tsa: TimeStampAuthority, root_pem: Path
) -> None:
    here, queued = house_at(tmp_path / "house", tsa, datetime.now(UTC) - timedelta(days=200))
    soon = here.later(timedelta(minutes=5))
    soon.take_in(receipt(queued, "avvenuta-consegna", to=ANNA, original=here.raw_of(queued),
                         issued_at=here.house.clock.now() + timedelta(minutes=1)))  # fmt: skip
    stamped(here, tsa)
    made = proved_later(here, queued, timedelta(days=201))
    assert made.report["stamps"][0]["reason"] == "younger-than-the-next-seal"
    found = verify(made.content, receipts.trust(), stamp_roots=anchors.stamp_roots(tsa.root)).findings
    assert "stamp-younger-than-the-next-seal" in {one.kind for one in found}
    assert any("dated back" in text for _, text in alone(made, root_pem, tsa.root).findings)


def test_only_what_lies_under_the_newest_stamped_seal_is_vouched_for(
    tmp_path: Path, tsa: TimeStampAuthority, root_pem: Path
) -> None:
    here, queued = house_at(tmp_path / "house", tsa, datetime.now(UTC) - timedelta(minutes=10))
    stamped(here, tsa)
    later = here.later(timedelta(hours=1))
    later.take_in(receipt(queued, "avvenuta-consegna", to=ANNA, original=here.raw_of(queued),
                          issued_at=here.house.clock.now() + timedelta(seconds=30)))  # fmt: skip
    made = proof(OPERATOR, later.house, queued.key)
    assert made.report["stamps"][0]["holds"] is True
    assert SELF_ASSERTED in made.report["limits"]
    assert any("line(s) here are later" in text for text in alone(made, root_pem, tsa.root).remarks)
