"""What a user would lose: a house that stays quick, and does not keep others waiting, when there is nothing new."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from pec_tracker.askers import OPERATOR
from pec_tracker.db.tables import Mailbox
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service.collecting.collect import collect
from pec_tracker.service.house import Account, House
from pec_tracker.service.sending import fence
from pec_tracker.service.sending.dispatch import dispatch
from tests.cli.running import Home as CommandHome
from tests.line.houses import Home, account_at, queued
from tests.plans import asked, walks
from tests.sandbox.materials import SENDER
from tests.sandbox.running import PASSWORD
from tests.service.house import rows


@pytest.fixture
def looked_through(house: House, account: Account, sandbox: Sandbox) -> None:
    """A message was sent, its receipts were collected, and nothing is new since."""
    queued(house, account)
    collect(OPERATOR, house, account)
    dispatch(OPERATOR, house, account)
    sandbox.wait_until_quiet()
    collect(OPERATOR, house, account)
    with house.engine.begin() as connection:  # the sandbox's days last a second: this is "a moment ago" for it too
        connection.execute(update(Mailbox).values(collected_at=house.clock.now() + timedelta(seconds=0)))


def test_a_collect_that_finds_nothing_takes_no_write_lock(
    house: House, account: Account, looked_through: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pec_tracker.service.collecting.after_collect.NOTED_EVERY", timedelta(days=365))
    with asked(house.engine) as noted:
        assert collect(OPERATOR, house, account).complete
    assert noted.writes == []


def test_a_collect_that_finds_nothing_walks_through_nothing_that_is_kept(
    house: House, account: Account, looked_through: None
) -> None:
    with asked(house.engine) as noted:
        collect(OPERATOR, house, account)
    assert walks(house.engine, noted, "mail", "message", "recipient", "ledger", "evidence", "answer", "sighting") == []


def test_when_it_was_looked_through_is_noted_all_the_same(
    house: House, account: Account, looked_through: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pec_tracker.service.collecting.after_collect.NOTED_EVERY", timedelta(0))
    before = house.clock.now()
    collect(OPERATOR, house, account)
    assert rows(house.engine, Mailbox.__table__.select())[0].collected_at >= before


def test_a_process_that_starts_now_and_finds_nothing_writes_nothing_either(
    home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = home.open()
    queued(first, account_at(first, sandbox))
    collect(OPERATOR, first, account_at(first, sandbox))
    home.close()
    monkeypatch.setattr("pec_tracker.service.collecting.after_collect.NOTED_EVERY", timedelta(days=365))
    with closing(sqlite3.connect(home.folder / "pec-tracker.db")) as onlooker:
        version = "PRAGMA data_version"  # another when somebody else has written (sqlite.org/pragma.html)
        before = onlooker.execute(version).fetchone()
        house = home.open()
        account = account_at(house, sandbox)
        assert collect(OPERATOR, house, account).complete
        assert fence.looked_through(house, account), "what waits may leave: this process has looked"
        home.close()
        assert onlooker.execute(version).fetchone() == before


def test_a_collect_that_finds_nothing_does_not_wait_for_what_reads_mails(tmp_path: Path, sandbox: Sandbox) -> None:
    (tmp_path / "config.toml").write_text(
        f'data = "data"\n[mailbox.m]\naddress = "{SENDER}"\nprovider = "custom"\npassword_env = "P"\n'
        f"smtp = {{ host = '127.0.0.1', port = {sandbox.smtp_port}, ca_file = '{sandbox.ca_file}' }}\n"
        f"imap = {{ host = '127.0.0.1', port = {sandbox.imap_port}, ca_file = '{sandbox.ca_file}' }}\n"
    )
    heavy = ("cryptography", "lxml", "pec_tracker.pec.signature", "pec_tracker.service.intake.take_in")
    script = (
        "import sys\nfrom pec_tracker.cli.main import run\n"
        "assert run(['--config', 'config.toml', 'collect']) == 0\n"
        f"print('imported', *(name for name in {heavy!r} if name in sys.modules))"
    )
    home = CommandHome(tmp_path, {"P": PASSWORD})
    assert home.run("--config", "config.toml", "collect").returncode == 0
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=home.environment(), capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines()[-1] == "imported"
