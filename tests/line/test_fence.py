"""What keeps a restored database from sending again, piece by piece: the notes of attempts, this computer's mark."""

from dataclasses import replace
from pathlib import Path

import pytest

from pec_tracker.archive import attempts
from pec_tracker.askers import OPERATOR
from pec_tracker.sandbox.failures import Verb
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service import sealing
from pec_tracker.service.house import Account, House
from pec_tracker.service.sending import fence
from pec_tracker.service.sending.dispatch import dispatch
from tests.archive.folders import folder_of
from tests.line.houses import message_of, queued, states


def note(house: House, key: str, number: int) -> None:
    """The archive's note that this attempt was begun."""
    attempts.note(folder_of(house.archive), key, number)


def noted(house: House) -> set[tuple[str, int]]:
    """What the archive notes."""
    return set(attempts.noted(folder_of(house.archive)))


def test_an_attempt_that_the_database_lacks_makes_the_message_uncertain_and_no_other(
    house: House, account: Account, sandbox: Sandbox
) -> None:
    tried, other = (queued(house, account, subject=subject).key for subject in ("Tentato", "Mai tentato"))
    note(house, tried, 1)
    fence.recognise(house)
    assert states(house) == {tried: "uncertain", other: "queued"}
    assert message_of(house, tried).attempts == 1
    assert [one.key for one in dispatch(OPERATOR, house, account)] == [other]
    assert len(sandbox.sent) == 1


def test_what_had_left_before_is_not_doubted_for_a_note(house: House, account: Account) -> None:
    """A receipt or a reply has told of it: what the archive notes beside is older news."""
    key = queued(house, account).key
    dispatch(OPERATOR, house, account)
    note(house, key, 2)
    fence.recognise(house)
    assert states(house) == {key: "submitted"}


def test_an_attempt_that_the_database_knows_makes_nothing_uncertain(
    house: House, account: Account, sandbox: Sandbox
) -> None:
    key = queued(house, account).key
    sandbox.failures.reply(Verb.DOT, "451 4.3.0 later")
    dispatch(OPERATOR, house, account)
    note(house, key, 1)
    fence.recognise(house)
    assert states(house) == {key: "deferred"}
    note(house, key, 2)
    fence.recognise(house)
    assert states(house) == {key: "uncertain"}


def test_notes_stay_until_the_ledger_that_tells_of_them_is_sealed(
    house: House, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = queued(house, account).key
    monkeypatch.setattr("pec_tracker.ledger.seals.seal_pending", lambda *_arguments, **_more: [])
    dispatch(OPERATOR, house, account)
    assert noted(house) == {(key, 1)}
    monkeypatch.undo()
    dispatch(OPERATOR, house, account)
    assert noted(house) == set()


def test_a_note_of_an_attempt_that_nobody_knows_stays(house: House, account: Account) -> None:
    first = queued(house, account).key
    note(house, first, 9)
    queued(house, account, subject="La seconda")
    dispatch(OPERATOR, house, account)
    sealing.forget_sealed(house)
    assert (first, 9) not in noted(house), "it was written down as uncertain"
    note(house, "0" * 26, 1)
    sealing.forget_sealed(house)
    assert noted(house) == {("0" * 26, 1)}, "of a message that the database lacks only the archive knows"


def test_a_house_without_a_place_for_marks_sends_and_says_so(house: House, account: Account) -> None:
    unmarked = replace(house, marks=None)
    assert fence.markable(unmarked)
    key = queued(unmarked, account).key
    assert [one.key for one in dispatch(OPERATOR, unmarked, account)] == [key]


@pytest.mark.parametrize(("place", "possible"), [("new/deep/folder", True), ("file/folder", False), ("file", False)])
def test_a_place_where_no_mark_can_be_made_is_known_before_it_is_needed(
    house: House, tmp_path: Path, place: str, possible: bool
) -> None:
    (tmp_path / "file").write_text("a file where a folder should be")
    assert fence.markable(replace(house, marks=tmp_path / place)) is possible
