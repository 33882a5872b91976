"""A package holds everything that was sealed of a message, the same bytes every time, proof apart from the rest."""

import hashlib
import io
import json
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from pec_tracker.archive.objects import Suffix
from pec_tracker.askers import OPERATOR
from pec_tracker.db.engine import open_engine, sqlite_url
from pec_tracker.db.tables import Mail, Message
from pec_tracker.errors import NotFoundError
from pec_tracker.pec.trust import Trust
from pec_tracker.render import canonical_zip
from pec_tracker.service.proof.make import Package, proof
from pec_tracker.service.proof.verify import verify_package
from pec_tracker.service.queries.show import show
from pec_tracker.service.sending.send import Queued
from pec_tracker.service.trust import folder as trust_folder
from pec_tracker.service.trust.anchors import keep_answers
from pec_tracker.service.upkeep.rebuild import rebuild
from tests.archive.folders import folder_of
from tests.factory import ca, receipts
from tests.proof.house import ANNA, BRUNO, CARLA, SUBJECT, Desk, desk, receipt


def members_of(package: Package) -> Mapping[str, bytes]:
    """As any unzip sees them."""
    with zipfile.ZipFile(io.BytesIO(package.content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_package_made_twice_is_the_same_bytes_and_says_what_it_holds(
    told: tuple[Desk, Queued], package: Package
) -> None:
    here, queued = told
    assert proof(OPERATOR, here.house, queued.key).content == package.content
    later = here.later(timedelta(days=400))
    assert proof(OPERATOR, later.house, f"<{queued.reference}>").content == package.content
    assert tuple(sorted(members_of(package))) == package.members


def test_package_holds_exactly_what_show_calls_proof_and_the_rest_apart(
    told: tuple[Desk, Queued], package: Package
) -> None:
    here, queued = told
    shown = {one.sha256: one for one in show(OPERATOR, here.house, queued.key).evidence}
    members = members_of(package)
    counting = {hashlib.sha256(raw).hexdigest() for name, raw in members.items() if name.startswith("receipts/")}
    others = {hashlib.sha256(raw).hexdigest() for name, raw in members.items() if name.startswith("not-proof/")}
    assert counting == {sha256 for sha256, one in shown.items() if one.counts}
    assert others == {sha256 for sha256, one in shown.items() if not one.counts}
    for entry in (*package.report["proof"], *package.report["not_proof"]):
        assert entry["agreement"] == shown[entry["sha256"]].agreement
        assert entry["verification"]["verdict"] == shown[entry["sha256"]].verdict
    forged, altered = package.report["not_proof"]
    assert (forged["verification"]["verdict"], forged["verification"]["reasons"]) == ("intact", ["no-chain"])
    assert (altered["verification"]["verdict"], altered["verification"]["reasons"]) == ("broken", ["digest-differs"])


def test_every_raw_byte_is_the_archives_own(told: tuple[Desk, Queued], package: Package) -> None:
    here, queued = told
    members = members_of(package)
    assert members["message/original.eml"] == here.raw_of(queued)
    for entry in (*package.report["proof"], *package.report["not_proof"]):
        assert members[entry["member"]] == here.house.archive.get(entry["sha256"], Suffix.MAIL)
    ledger = folder_of(here.house.archive) / "ledger"
    sealed = b"".join(path.read_bytes() for path in sorted(ledger.glob("*.jsonl")))
    lines = [raw for name, raw in members.items() if name.startswith("ledger/") and name.endswith(".json")]
    assert len(lines) == 8  # the mailbox, the message, that its receipts show it sent, five receipts
    assert all(line in sealed and line.endswith(b"\n") for line in lines)
    for path in ledger.glob("*.seal"):
        assert members[f"ledger/{path.name}"] == path.read_bytes()


def test_report_says_each_check_the_time_and_the_anchor(package: Package) -> None:
    accepted = package.report["proof"][0]
    done = accepted["verification"]
    assert done["at"] == "2026-03-02T10:15:30+01:00"
    assert set(done["checks"]) == {
        "structure", "digest", "signature", "chain", "valid_now", "signer_address", "provider_domain", "revocation",
    }  # fmt: skip
    assert done["not_checked"] == ["provider_domain", "revocation"]
    (anchor,) = package.report["anchors"]
    assert done["anchor"] == anchor["sha256"] == hashlib.sha256(receipts.root_authority().der).hexdigest()
    assert anchor["reason"] == "test authority"
    assert set(accepted["agreement"]) > {
        "grammar", "certified_time", "clocks", "certificate", "sender", "recipients", "recipient", "subject",
        "reference", "identifier", "issuer", "order_of_times", "enclosed", "original", "original_type",
    }  # fmt: skip
    assert done["organization"] == "Gestore di Prova S.p.A."
    assert {journey["recipient"]: journey["state"] for journey in package.report["journeys"]} == {
        ANNA: "delivered",
        BRUNO: "failed",
    }
    assert "ledger-times-self-asserted" in package.report["limits"]
    assert str(Path.home()) not in json.dumps(package.report)


def test_what_comes_later_changes_no_package_of_the_past(tmp_path: Path) -> None:
    here = desk(tmp_path)
    queued = here.compose(ANNA, BRUNO)
    raw = here.raw_of(queued)
    here.take_in(receipt(queued, "accettazione"), receipt(queued, "avvenuta-consegna", to=ANNA, original=raw, after=9))
    before = proof(OPERATOR, here.house, queued.key)
    seal = before.report["as_of"]["seal"]
    after = here.later(timedelta(hours=1))
    after.take_in(receipt(queued, "avvenuta-consegna", to=BRUNO, original=raw, after=3600))
    now = proof(OPERATOR, after.house, queued.key)
    assert now.content != before.content
    assert len(now.report["proof"]) == 3
    assert proof(OPERATOR, after.house, queued.key, as_of=seal).content == before.content
    at = here.house.clock.now() + timedelta(minutes=1)
    assert proof(OPERATOR, after.house, queued.key, as_of=at).content == before.content
    with pytest.raises(NotFoundError):
        proof(OPERATOR, after.house, queued.key, as_of=99)
    with pytest.raises(NotFoundError):
        proof(OPERATOR, after.house, queued.key, as_of=here.house.clock.now() - timedelta(days=1))


def test_unsealed_acts_are_sealed_first(tmp_path: Path) -> None:
    here = desk(tmp_path)
    queued = here.compose(ANNA)
    made = proof(OPERATOR, here.house, queued.key)
    assert made.report["as_of"]["seal"] == 1
    assert made.report["proof"] == []
    assert "delivery-missing" in made.report["limits"]
    assert verify_package(made.content, receipts.trust()).sound


def test_package_for_one_recipient_leaves_the_others_receipts_out(told: tuple[Desk, Queued]) -> None:
    here, queued = told
    made = proof(OPERATOR, here.house, queued.key, recipient=ANNA.upper())
    about = [entry["recipient"] for entry in made.report["proof"]]
    assert about == [None, ANNA]
    assert made.report["not_proof"] == []
    assert [journey["recipient"] for journey in made.report["journeys"]] == [ANNA]
    assert verify_package(made.content, receipts.trust()).sound
    with pytest.raises(NotFoundError):
        proof(OPERATOR, here.house, queued.key, recipient=CARLA)


def test_message_sent_by_other_means_is_held_to_its_copy_or_to_its_receipts(tmp_path: Path) -> None:
    here = desk(tmp_path)
    raw = receipts.original(to=[ANNA], subject="Altro", reference="altro@client.example")
    facts = {"recipients": [ANNA], "subject": "Altro", "reference": "altro@client.example"}
    here.take_in(receipts.receipt("accettazione", **facts))  # type: ignore[arg-type]
    alone = proof(OPERATOR, here.house, "altro@client.example")
    assert alone.report["message"]["held_to"] == "receipts"
    assert "held-to-receipts" in alone.report["limits"]
    here.take_in(raw)
    with_copy = proof(OPERATOR, here.house, "altro@client.example")
    assert with_copy.report["message"]["held_to"] == "copy"
    assert members_of(with_copy)["message/original.eml"] == raw
    for made in (alone, with_copy):
        assert len(made.report["proof"]) == 1
        assert verify_package(made.content, receipts.trust()).sound


def test_revocation_answers_at_hand_come_along_and_speak_again(tmp_path: Path) -> None:
    of_authority, of_another = (
        ca.revocation_list(issuer, this_update=ca.FROM_2020, next_update=ca.UNTIL_2040)
        for issuer in (receipts.pec_authority(), ca.root(key="elsewhere"))
    )
    trust = receipts.trust()
    here = desk(tmp_path, trust=Trust(anchors=trust.anchors, crls=(of_another, of_authority)))
    queued = here.compose(ANNA)
    here.take_in(receipt(queued, "accettazione"))
    made = proof(OPERATOR, here.house, queued.key)
    members = members_of(made)
    assert [members[name] for name in members if name.startswith("revocation/")] == [of_authority]
    assert made.report["proof"][0]["verification"]["checks"]["revocation"] is True
    # Whoever verifies has the root, but not the list: the package's own speaks, being signed by the authority.
    assert verify_package(made.content, trust).sound


def test_without_typst_the_package_is_made_and_says_that_the_summary_is_missing(
    told: tuple[Desk, Queued], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, queued = told
    monkeypatch.setitem(sys.modules, "typst", None)
    made = proof(OPERATOR, here.house, queued.key)
    assert not any(name.endswith(".pdf") for name in made.members)
    assert "no-summary-pdf" in made.report["limits"]
    assert b"no summary as PDF" in members_of(made)["README.txt"]
    assert verify_package(made.content, receipts.trust()).sound


def test_subject_that_looks_like_a_command_stays_a_subject(tmp_path: Path) -> None:
    here = desk(tmp_path)
    subject = "{seal} `rm -rf` $(x) }] #eval \\ " + SUBJECT
    queued = here.compose(ANNA, subject=subject)
    here.take_in(receipt(queued, "accettazione", subject=subject))
    made = proof(OPERATOR, here.house, queued.key)
    assert made.report["message"]["subject"] == subject
    assert verify_package(made.content, receipts.trust()).sound
    commands = [line for line in members_of(made)["README.txt"].decode().splitlines() if line.startswith("    $ ")]
    assert not any("rm -rf" in command for command in commands)


def test_zip_is_written_one_way_and_every_bit_of_it_counts() -> None:
    members = {"b/ü.txt": b"two", "a.txt": b"", "b/c.eml": b"x" * 70}
    raw = canonical_zip.pack(members)
    assert canonical_zip.unpack(raw).members == members
    assert not canonical_zip.unpack(raw).faults
    for at in range(len(raw)):
        for bit in range(8):
            flipped = bytearray(raw)
            flipped[at] ^= 1 << bit
            assert canonical_zip.unpack(bytes(flipped)).faults, (at, bit)
    assert canonical_zip.unpack(raw + b"\0").faults
    assert canonical_zip.unpack(raw[:-1]).faults
    assert canonical_zip.unpack(b"").faults


def test_rebuilt_database_gives_the_same_package(told: tuple[Desk, Queued], package: Package, tmp_path: Path) -> None:
    here, queued = told
    seal = package.report["as_of"]["seal"]
    engine = open_engine(sqlite_url(tmp_path / "rebuilt.db"))
    house = replace(here.house, engine=engine)
    rebuild(OPERATOR, house)
    assert proof(OPERATOR, house, queued.key, as_of=seal).content == package.content
    engine.dispose()


def test_trust_and_answers_learned_later_change_no_package_of_the_past(tmp_path: Path) -> None:
    made = desk(tmp_path)
    folder = tmp_path / "trust"
    here = replace(made, house=replace(made.house, trust_folder=folder))
    queued = here.compose(ANNA)
    here.take_in(receipt(queued, "accettazione"))
    before = proof(OPERATOR, here.house, queued.key)
    later = here.later(timedelta(days=1))
    crl = ca.revocation_list(receipts.pec_authority(), this_update=ca.FROM_2020, next_update=ca.UNTIL_2040)
    keep_answers(later.house, [crl], [])
    known = trust_folder.kept(folder)
    assert known.crls == (crl,)
    grown = replace(receipts.trust(), crls=known.crls)
    after = later.trusting(grown)
    assert proof(OPERATOR, after.house, queued.key, as_of=before.report["as_of"]["seal"]).content == before.content
    now = proof(OPERATOR, after.house, queued.key)
    assert now.report["proof"][0]["verification"]["checks"]["revocation"] is True
    assert verify_package(now.content, receipts.trust()).sound


def test_mail_that_names_another_message_is_in_no_package_of_this_one(tmp_path: Path) -> None:
    """Though it has its identifier, and an earlier release linked it so."""
    here = desk(tmp_path)
    queued = here.compose(ANNA)
    mine = receipt(queued, "accettazione")
    nameless = receipt(queued, "avvenuta-consegna", to=ANNA, reference=None)
    others = receipt(queued, "avvenuta-consegna", to=ANNA, reference="altro@pec.example")
    here.take_in(mine, nameless, others)
    with here.house.engine.begin() as connection:
        message = connection.scalar(select(Message.id).where(Message.key == queued.key))
        connection.execute(update(Mail).where(Mail.role.is_not(None)).values(message_id=message, role="evidence"))
    held = proof(OPERATOR, here.house, queued.key).files
    assert {mine, nameless} <= set(held.values())
    assert others not in set(held.values())
