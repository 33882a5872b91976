"""The whole way on real servers: rounds write the PEC, the sandbox's provider certifies it, check and rebuild agree."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from pec_tracker import app, config
from pec_tracker.askers import OPERATOR
from pec_tracker.clock import Clock
from pec_tracker.db.engine import open_engine, reading, sqlite_url
from pec_tracker.db.tables import Stamp
from pec_tracker.sandbox.providers import PASSWORD
from pec_tracker.sandbox.server import Sandbox, SandboxSettings
from pec_tracker.sandbox.store import Account
from pec_tracker.service.upkeep.rebuild import rebuild
from tests.cli.desk import Desk
from tests.line.houses import one_round, sealing_round
from tests.servers.tsa import TimeStampAuthority
from tests.stamps.notaries import queued

ADDRESS = "notaio@pec.sandbox.test"


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Sandbox]:
    clock = Clock.accelerated(origin=datetime.now(UTC), factor=10)
    with Sandbox(SandboxSettings(tmp_path / "box", clock=clock)) as running:
        running.add_account(Account(ADDRESS, ADDRESS, PASSWORD))
        yield running


@pytest.fixture
def desk(
    box: Sandbox,
    tsa: TimeStampAuthority,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Desk:
    """A mailbox of the sandbox that has its ledger dated both ways."""
    monkeypatch.setenv("DESK_PASSWORD", PASSWORD)
    made = Desk(
        tmp_path,
        capsys,
        address=ADDRESS,
        login=ADDRESS,
        smtp=box.smtp_port,
        imap=box.imap_port,
        root_pem=box.ca_file.read_bytes(),
    )
    authority = f'{{ name = "prova", url = "{tsa.url}", ca_file = "{tsa.root}" }}'
    clock = f"[clock]\nfile = '{box.settings.folder / 'sandbox.json'}'\n"
    made.configure(f"stamps.authorities = [{authority}]\n{clock}")
    with made.config.open("a", encoding="utf-8") as file:
        file.write("notary = true\n")
    return made


def stamps(engine: Engine) -> list[tuple[int, str, str, str, datetime]]:
    with reading(engine) as connection:
        rows = connection.execute(select(Stamp).order_by(Stamp.seal_number, Stamp.kind))
        return [(row.seal_number, row.kind, row.source, row.sha256, row.stamped_at) for row in rows]


def test_a_day_of_rounds_dates_the_ledger_both_ways(
    box: Sandbox, desk: Desk, tsa: TimeStampAuthority, tmp_path: Path
) -> None:
    built = app.build(config.load(desk.config))
    house, account = built.house, built.account()
    for _ in range(3):
        one_round(house, account)
        sealing_round(house)
        box.wait_until_quiet()
    assert len(queued(house, account)) == 1
    dated = stamps(house.engine)
    assert {kind for _, kind, *_ in dated} == {"rfc3161", "pec"}
    assert tsa.asked == len([kind for _, kind, *_ in dated if kind == "rfc3161"])
    checked = desk.run("check", "--json")
    assert checked.status == 0, checked.out
    assert {one["kind"] for one in checked.record["witnesses"]} == {"rfc3161", "pec"}
    desk.run("seal")
    before = stamps(house.engine)
    engine = open_engine(sqlite_url(tmp_path / "rebuilt.db"))
    try:
        rebuild(OPERATOR, replace(house, engine=engine))
        assert stamps(engine) == before
    finally:
        engine.dispose()
        house.engine.dispose()
