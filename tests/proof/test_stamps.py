"""What dates the ledger from outside comes along, is verified, and changes no package of an earlier seal."""

import hashlib
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from pec_tracker.askers import OPERATOR
from pec_tracker.db.engine import in_one_transaction
from pec_tracker.db.tables import Stamp
from pec_tracker.render import canonical_zip
from pec_tracker.service.proof import members as proof_package
from pec_tracker.service.proof.make import Package, proof
from pec_tracker.service.proof.stamps import read_token
from pec_tracker.service.proof.verify import PackageFinding, verify_package
from pec_tracker.service.sending.send import Queued
from tests.archive.folders import folder_of
from tests.factory import receipts
from tests.proof.house import ANNA, SENDER, Desk, desk, receipt

CONFIG = """
[tsa]
default_tsa = t
[t]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
default_policy = 1.2.3.4
digests = sha256
ess_cert_id_alg = sha256
signer_digest = sha256
[ext]
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[req]
distinguished_name = dn
[dn]
"""


def openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], capture_output=True, check=True)


def time_stamp(folder: Path, seal: Path, target: Path) -> Path:
    """A response of a time-stamp authority over *seal*, by OpenSSL; returns the authority's certificate."""
    config, certificate = folder / "tsa.cnf", folder / "tsa.pem"
    config.write_text(CONFIG.format(folder=folder))
    (folder / "serial").write_text("01")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Marca", "-config", config, "-extensions",
            "ext", "-keyout", folder / "tsa.key", "-out", certificate)  # fmt: skip
    openssl("ts", "-query", "-data", seal, "-sha256", "-cert", "-out", folder / "query")
    openssl("ts", "-reply", "-queryfile", folder / "query", "-config", config, "-out", target)
    return certificate


@pytest.fixture
def sealed(tmp_path: Path) -> tuple[Desk, Queued]:
    """A house with one accepted message, sealed in seal 2, after what was queued."""
    here = desk(tmp_path / "house")
    queued = here.compose(ANNA)
    here.take_in(receipt(queued, "accettazione"))
    return here, queued


def members_of(made: Package) -> dict[str, bytes]:
    return dict(canonical_zip.unpack(made.content).members)


def test_time_stamp_comes_along_once_the_ledger_has_gone_beyond_it(sealed: tuple[Desk, Queued], tmp_path: Path) -> None:
    here, queued = sealed
    before = proof(OPERATOR, here.house, queued.key)
    seal = folder_of(here.house.archive) / "ledger/00000002.seal"
    authority = time_stamp(tmp_path, seal, seal.with_suffix(".tsr"))
    assert proof(OPERATOR, here.house, queued.key, as_of=2).content == before.content
    later = here.later(datetime.now(UTC) + timedelta(days=1) - here.house.clock.now())
    later.compose(ANNA)
    made = proof(OPERATOR, later.house, queued.key)
    (stamp,) = made.report["stamps"]
    # Its authority is not known here, so that nothing of it was verified: see test_dated.
    assert (stamp["member"], stamp["seal"], stamp["kind"], stamp["holds"]) == (
        "ledger/00000002.tsr",
        2,
        "rfc3161",
        None,
    )
    assert "ledger-times-self-asserted" in made.report["limits"]
    assert verify_package(made.content, receipts.trust()).sound
    members = members_of(made)
    (command,) = [line for line in members["README.txt"].decode().splitlines() if "openssl ts -verify" in line]
    folder = tmp_path / "package"
    for name, content in members.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    subprocess.run([*command.split()[:-1], str(authority)], cwd=folder, capture_output=True, check=True)


def test_time_stamp_over_another_seal_is_named(sealed: tuple[Desk, Queued], tmp_path: Path) -> None:
    here, queued = sealed
    other = tmp_path / "other"
    other.write_bytes(b"another seal")
    time_stamp(tmp_path, other, folder_of(here.house.archive) / "ledger/00000002.tsr")
    later = here.later(datetime.now(UTC) + timedelta(days=1) - here.house.clock.now())
    later.compose(ANNA)
    made = proof(OPERATOR, later.house, queued.key)
    assert made.report["stamps"][0]["holds"] is False
    assert "ledger-times-self-asserted" in made.report["limits"]
    assert (
        PackageFinding("stamp-differs", "ledger/00000002.tsr")
        in verify_package(made.content, receipts.trust()).findings
    )


def test_what_is_no_time_stamp_is_none() -> None:
    assert read_token(b"") is None
    assert read_token(b"0\x03\x02\x01\x00") is None


def test_acceptance_that_quotes_a_seal_dates_it(sealed: tuple[Desk, Queued]) -> None:
    here, queued = sealed
    seal = (folder_of(here.house.archive) / "ledger/00000002.seal").read_bytes()
    quoting = f"pec-tracker: sigillo 2 {hashlib.sha256(seal).hexdigest()}"
    at = receipts.ISSUED_AT + timedelta(hours=1)
    acceptance = receipts.receipt(
        "accettazione", subject=quoting, recipients=[SENDER], reference="notary@pec.example", issued_at=at
    )
    later = here.later(timedelta(hours=2))
    later.take_in(acceptance)
    sha256 = hashlib.sha256(acceptance).hexdigest()
    row = {"seal_number": 2, "kind": "pec", "source": sha256, "sha256": sha256, "stamped_at": at}
    in_one_transaction(here.house.engine, lambda connection: connection.execute(insert(Stamp).values(row)))
    made = proof(OPERATOR, later.house, queued.key)
    (stamp,) = made.report["stamps"]
    assert (stamp["seal"], stamp["kind"], stamp["at"], stamp["holds"]) == (2, "pec", at.isoformat(), True)
    assert members_of(made)[stamp["member"]] == acceptance
    assert verify_package(made.content, receipts.trust()).sound
    assert proof(OPERATOR, later.house, queued.key, as_of=2).report["stamps"] == []
    members = members_of(made)
    members[stamp["member"]] = receipt(queued, "accettazione")
    others = {name: content for name, content in members.items() if name != "SHA256SUMS"}
    forged = canonical_zip.pack({**others, "SHA256SUMS": proof_package.sums(others)})
    assert PackageFinding("stamp-differs", stamp["member"]) in verify_package(forged, receipts.trust()).findings
