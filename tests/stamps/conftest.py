"""A time-stamp authority, and a house with a sealed ledger and nobody on the network."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from pec_tracker import anchors
from pec_tracker.archive.local import LocalArchive
from pec_tracker.clock import Clock
from pec_tracker.db.engine import open_engine, sqlite_url
from pec_tracker.service.house import House, StampAuthority, Start
from tests.factory import receipts
from tests.ledger.ledgers import sealed_ledger
from tests.servers.tsa import TimeStampAuthority


@pytest.fixture(scope="package")
def authority() -> Iterator[TimeStampAuthority]:
    with TimeStampAuthority() as running:
        yield running


@pytest.fixture
def tsa(authority: TimeStampAuthority) -> TimeStampAuthority:
    """The running authority, answering as it should."""
    authority.status, authority.asked, authority.answer = 200, 0, lambda reply: reply
    return authority


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def house(request: pytest.FixtureRequest, tmp_path: Path, tsa: TimeStampAuthority) -> Iterator[House]:
    """A house with three seals that asks the authority for time-stamps, on each engine."""
    archive = LocalArchive(tmp_path / "archive")
    sqlite = request.param == "sqlite"
    engine = open_engine(sqlite_url(tmp_path / "tracker.db") if sqlite else request.getfixturevalue("postgres_url"))
    sealed_ledger(engine, archive.root, [3, 2, 4])
    yield House(
        engine=engine,
        archive=archive,
        trusting=receipts.trust,
        clock=Clock(),
        start=Start(),
        spool=tmp_path,
        authorities=(known(tsa),),
        stamp_every=timedelta(0),
        trust_folder=tmp_path / "trust",
    )
    engine.dispose()


def known(tsa: TimeStampAuthority, name: str = "prova", url: str | None = None) -> StampAuthority:
    """The authority as the configuration would name it."""
    return StampAuthority(name, url or tsa.url, anchors.stamp_roots(tsa.root))
