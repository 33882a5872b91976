"""One sealer: what verbs write is sealed in one place, and nobody lists the ledger's folder for it."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from pec_tracker.askers import OPERATOR
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Ledger
from pec_tracker.errors import ServerError
from pec_tracker.ledger.segments import (
    list_files,
)
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service.collecting.collect import collect
from pec_tracker.service.house import Account, House
from pec_tracker.service.proof.make import proof
from pec_tracker.service.sending.dispatch import dispatch
from tests.archive.folders import folder_of
from tests.line.houses import one_round, open_alerts, queued, sealing_round, states
from tests.plans import asked
from tests.sandbox.materials import SENDER


def unsealed(house: House) -> int:
    """How many lines wait."""
    with reading(house.engine) as connection:
        return connection.execute(select(func.count()).where(Ledger.seal_number.is_(None))).scalar_one()


def seals(house: House) -> int:
    """How many seals the archive has."""
    return len(list_files(house.archive.ledger).seals)


@pytest.fixture
def served(house: House) -> House:
    """The house as `serve` has it."""
    return replace(house, served=True)


def test_many_collects_and_sendings_of_one_minute_become_one_seal(
    served: House, account: Account, sandbox: Sandbox
) -> None:
    keys = [queued(served, account, subject=f"Numero {number}").key for number in range(3)]
    before = seals(served)
    for _ in range(3):
        dispatch(OPERATOR, served, account)
        sandbox.wait_until_quiet()
        collect(OPERATOR, served, account)
        sandbox.deliver(SENDER, f"From: x{os.urandom(4).hex()}\r\n\r\n".encode())
    assert (seals(served), unsealed(served) > 0) == (before, True)
    assert set(states(served).values()) == {"submitted"}
    sealing_round(served)
    assert (seals(served), unsealed(served)) == (before + 1, 0)
    assert list((folder_of(served.archive) / "underway").glob("*.attempt")) == []
    assert len(keys) == 3


def test_a_queued_message_waits_for_no_sealer(served: House, account: Account) -> None:
    """A lost database must not take it along."""
    queued(served, account)
    assert unsealed(served) == 0


def test_a_proof_has_everything_that_was_written_a_moment_ago(
    served: House, account: Account, sandbox: Sandbox
) -> None:
    key = queued(served, account).key
    dispatch(OPERATOR, served, account)
    sandbox.wait_until_quiet()
    collect(OPERATOR, served, account)
    assert unsealed(served)
    made = proof(OPERATOR, served, key)
    assert unsealed(served) == 0
    assert "receipts/002-delivery.eml" in made.members


def test_by_hand_each_command_leaves_its_lines_sealed(house: House, account: Account, sandbox: Sandbox) -> None:
    queued(house, account)
    dispatch(OPERATOR, house, account)
    sandbox.wait_until_quiet()
    collect(OPERATOR, house, account)
    assert unsealed(house) == 0


def test_nobody_lists_the_ledgers_folder_to_collect_to_send_or_to_seal(
    house: House, account: Account, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After some years it has a million files."""
    queued(house, account)
    dispatch(OPERATOR, house, account)
    listed: list[str] = []
    for name in ("scandir", "listdir"):
        really = getattr(os, name)

        def counted(path: Any = ".", really: Any = really) -> Any:
            listed.append(str(path))
            return really(path)

        monkeypatch.setattr(os, name, counted)
    sandbox.wait_until_quiet()
    collect(OPERATOR, house, account)
    queued(house, account, subject="La seconda")
    dispatch(OPERATOR, house, account)
    sealing_round(house)
    assert [path for path in listed if Path(path).name == "ledger"] == []


def test_a_round_of_serve_in_which_nothing_happens_writes_nothing(
    served: House, account: Account, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    standing = replace(served, clock=replace(served.clock, factor=1e-9))  # within the minute, and the hour of the quota

    def once() -> None:
        one_round(standing, account)
        sealing_round(standing)

    monkeypatch.setattr(
        "pec_tracker.service.rounds.jobs.stamp_newest", lambda *_facts, **_named: None
    )  # asks an authority
    for _ in range(3):  # the folder's copy of today's PEC to oneself, and what answers it
        once()
        sandbox.wait_until_quiet()
    with asked(served.engine) as noted:
        once()
    assert noted.writes == []


def test_an_alert_of_a_failed_step_is_closed_by_the_next_that_works(
    served: House, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_facts: object, **_named: object) -> None:
        raise ServerError("no")

    with monkeypatch.context() as patch:
        patch.setattr("pec_tracker.service.rounds.jobs.seal_now", fail)
        sealing_round(served)
    assert "seal-failed" in open_alerts(served)
    sealing_round(served)
    assert "seal-failed" not in open_alerts(served)
