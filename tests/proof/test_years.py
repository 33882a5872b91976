"""A package made after years is as small as on the first day, and as strict: each link to the newest seal is held."""

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from pec_tracker.askers import OPERATOR
from pec_tracker.ledger.seals import seal_pending
from pec_tracker.render import canonical_zip, verify_package
from pec_tracker.service.proof.make import Package, proof
from pec_tracker.service.proof.verify import verify_package as verify
from pec_tracker.service.sending.send import Queued
from tests.archive.folders import folder_of
from tests.factory import receipts
from tests.ledger.ledgers import write_lines
from tests.ledger.test_heads import as_old_releases_sealed
from tests.proof.house import ANNA, Desk, desk, receipt
from tests.proof.test_readme import failing, unpacked

SEALS = 300


def told_once(folder: Path) -> tuple[Desk, Queued]:
    """One message, accepted and delivered, in the first seals of a ledger."""
    here = desk(folder)
    queued = here.compose(ANNA)
    here.take_in(receipt(queued, "accettazione"))
    here.take_in(receipt(queued, "avvenuta-consegna", to=ANNA, original=here.raw_of(queued), after=20))
    return here, queued


def goes_on(here: Desk, seals: int) -> None:
    """So many more seals, of acts about other things."""
    for number in range(seals):
        now = here.house.clock.now() + timedelta(minutes=number + 1)
        write_lines(here.house.engine, 3, at=now)
        seal_pending(here.house.engine, here.house.archive, now=now)


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, Queued]:
    """A message, and three hundred seals after it."""
    here, queued = told_once(tmp_path_factory.mktemp("old"))
    goes_on(here, SEALS)
    return here, queued


@pytest.fixture(scope="module")
def made(old: tuple[Desk, Queued]) -> Package:
    here, queued = old
    return proof(OPERATOR, here.house, queued.key)


def kinds(package: bytes) -> set[tuple[str, str]]:
    found = verify(package, receipts.trust())
    return {(one.kind, one.member) for one in found.findings}


def alone(package: bytes, root_pem: Path) -> list[verify_package.Finding]:
    return verify_package.examined(package, {}, [root_pem], []).findings


def bent(package: Package, others: Mapping[str, bytes | None]) -> bytes:
    """The package with other members, and sums that fit them; None takes one away."""
    members = {name: raw for name, raw in {**package.files, **others}.items() if raw is not None}
    sums = "".join(
        f"{hashlib.sha256(members[name]).hexdigest()}  {name}\n" for name in sorted(members) if name != "SHA256SUMS"
    )
    return canonical_zip.pack(members | {"SHA256SUMS": sums.encode()})


def test_package_does_not_grow_with_the_seals_between(made: Package, root_pem: Path, tmp_path: Path) -> None:
    ledger = [name for name in made.members if name.startswith("ledger/")]
    seals = [name for name in ledger if name.endswith(".seal")]
    assert len(seals) <= 5  # those that list its lines, and the newest of three hundred
    assert made.report["as_of"]["seal"] > SEALS
    assert len([name for name in ledger if name.endswith(".head")]) <= 60
    assert verify(made.content, receipts.trust()).findings == ()
    assert alone(made.content, root_pem) == []
    assert failing(unpacked(made, tmp_path)) == []


def test_each_link_to_the_newest_seal_is_held(made: Package, root_pem: Path) -> None:
    links = [name for name in made.members if name.endswith((".seal", ".head"))]
    for name in links:
        without = bent(made, {name: None})
        assert kinds(without), f"{name} taken away"
        assert alone(without, root_pem), f"{name} taken away"
        other = bent(made, {name: made.files[name].replace(b"0", b"1", 1)})
        assert kinds(other), f"{name} changed"
        assert alone(other, root_pem), f"{name} changed"


def test_seal_that_nothing_leads_to_lists_nothing_for_good(made: Package, root_pem: Path) -> None:
    """A sender who makes up a seal of long ago: no head names it."""
    line = sorted(name for name in made.members if name.startswith("ledger/") and name.endswith(".json"))[0]
    forged = f"# previous none\n{'a' * 64}  {line[7:]}\n".encode()
    package = bent(made, {"ledger/00000100.seal": forged})
    assert "seal-chain-broken" in {kind for kind, _ in kinds(package)}
    assert ("ledger/", "lacks a seal") in alone(package, root_pem)
    again = bent(made, {"ledger/000000001.seal": made.files["ledger/00000001.seal"]})
    assert ("seal-malformed", "ledger/000000001.seal") in kinds(again)
    assert ("ledger/000000001.seal", "is no seal") in alone(again, root_pem)


def test_head_that_leads_nowhere_does_not_belong(made: Package, root_pem: Path) -> None:
    stray = f"{'a' * 64}  00000002.seal\n{'b' * 64}  00000001.head\n".encode()
    name = next(
        f"ledger/{number:08}.head" for number in range(17, SEALS) if f"ledger/{number:08}.head" not in made.files
    )
    package = bent(made, {name: stray})
    assert ("head-malformed", name) in kinds(package)
    assert (name, "is no head of a seal") in alone(package, root_pem)
    number = int(name[7:-5])
    stray = f"{'a' * 64}  {number:08}.seal\n{'b' * 64}  {number - 1:08}.head\n".encode()
    package = bent(made, {name: stray})
    assert ("seal-chain-broken", name) in kinds(package)
    assert (name, "leads to no seal") in alone(package, root_pem)


def test_package_as_of_an_earlier_seal_ends_there(old: tuple[Desk, Queued]) -> None:
    here, queued = old
    early = proof(OPERATOR, here.house, queued.key, as_of=5)
    ties = {name[7:] for name in early.members if name.endswith((".seal", ".head"))}
    assert ties == {f"{number:08}.seal" for number in (1, 2, 3, 5)} | {f"{number:08}.head" for number in (1, 2, 3, 4)}
    assert verify(early.content, receipts.trust()).findings == ()


@pytest.mark.parametrize("goes_on_anew", [False, True])
def test_ledger_of_an_old_release_proves_as_before(tmp_path: Path, root_pem: Path, goes_on_anew: bool) -> None:
    here, queued = told_once(tmp_path / "house")
    goes_on(here, 20)
    as_old_releases_sealed(here.house.engine, folder_of(here.house.archive))
    if goes_on_anew:
        goes_on(here, 2)
    package = proof(OPERATOR, here.house, queued.key)
    heads = [name for name in package.members if name.endswith(".head")]
    seals = [name for name in package.members if name.endswith(".seal")]
    assert bool(heads) is goes_on_anew
    assert (len(seals) > 20) is not goes_on_anew
    assert verify(package.content, receipts.trust()).findings == ()
    assert alone(package.content, root_pem) == []
    assert failing(unpacked(package, tmp_path / "package")) == []
