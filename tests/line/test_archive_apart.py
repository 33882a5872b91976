"""What a user would lose: a PEC that leaves although its proof has nowhere to go."""

import shutil

import pytest

from pec_tracker.archive.archive import LedgerShelf
from pec_tracker.askers import OPERATOR
from pec_tracker.errors import ApartError
from pec_tracker.ledger import together
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service.collecting.collect import collect
from pec_tracker.service.sending.dispatch import dispatch
from pec_tracker.service.upkeep.repair import repair
from tests.archive.folders import folder_of
from tests.line.houses import Home, account_at, queued


@pytest.mark.parametrize("loss", ["yesterday's", "empty"])
def test_nothing_leaves_and_nothing_comes_while_the_archive_is_not_the_one(
    home: Home, sandbox: Sandbox, loss: str
) -> None:
    house = home.open()
    account = account_at(house, sandbox)
    root = folder_of(house.archive)
    collect(OPERATOR, house, account)
    queued(house, account)
    shutil.copytree(root, home.folder / "yesterday")
    dispatch(OPERATOR, house, account)
    sandbox.wait_until_quiet()
    collect(OPERATOR, house, account)
    queued(house, account)
    today = home.folder / "today"
    root.rename(today)
    if loss == "empty":
        root.mkdir()
    else:
        shutil.copytree(home.folder / "yesterday", root)
    before = sorted(path.name for path in root.rglob("*"))
    for verb in (dispatch, collect):
        with pytest.raises(ApartError):
            verb(OPERATOR, house, account)
    assert len(sandbox.sent) == 1
    assert sorted(path.name for path in root.rglob("*")) == before
    shutil.rmtree(root)
    today.rename(root)
    assert len(dispatch(OPERATOR, house, account)) == 1
    assert len(sandbox.sent) == 2


def test_a_ledger_that_was_written_again_sends_on(home: Home, sandbox: Sandbox) -> None:
    house = home.open()
    account = account_at(house, sandbox)
    collect(OPERATOR, house, account)
    queued(house, account)
    dispatch(OPERATOR, house, account)
    queued(house, account)
    newest = max((folder_of(house.archive) / "ledger").glob("*.seal"))
    content = newest.read_bytes()
    newest.unlink()
    newest.with_suffix(".jsonl").unlink()
    with pytest.raises(ApartError):
        dispatch(OPERATOR, house, account)
    assert repair(OPERATOR, house.engine, house.archive).lost == ()
    assert newest.read_bytes() == content
    assert len(dispatch(OPERATOR, house, account)) == 1


def test_a_seal_that_another_process_makes_just_now_is_no_sign_of_an_old_database(
    home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, other = home.open(), home.open()
    queued(house, account_at(house, sandbox))
    looked_for, meanwhile = together.is_there, iter([None])

    def is_there(shelf: LedgerShelf, number: int) -> bool:
        for _ in meanwhile:  # between the look at the database and the one at the archive
            queued(other, account_at(other, sandbox))
        return looked_for(shelf, number)

    monkeypatch.setattr(together, "is_there", is_there)
    together.require(house.engine, house.archive)
    assert next(meanwhile, "came") == "came"
