"""What a user would lose: proof that was there all along, once its authority is known; or a rebuild that forgets it."""

from pathlib import Path

import pytest
from sqlalchemy import select

from pec_tracker import crash
from pec_tracker.archive.objects import Suffix
from pec_tracker.askers import OPERATOR
from pec_tracker.db.engine import open_engine, reading, sqlite_url
from pec_tracker.db.passing import Alert
from pec_tracker.ledger.seals import seal_pending
from pec_tracker.service.house import House
from pec_tracker.service.intake.recheck import recheck
from pec_tracker.service.trust import anchors as trust
from pec_tracker.service.trust.folder import kept
from pec_tracker.service.upkeep.rebuild import rebuild
from tests.factory import receipts
from tests.trust.houses import acts, again, answers, arrive, given, house_in, journeys, root_file, verdicts

ACCEPTANCE = receipts.receipt("accettazione")
DELIVERY = receipts.receipt("avvenuta-consegna", original=receipts.original())


def open_alerts(house: House) -> int:
    with reading(house.engine) as connection:
        return len(connection.execute(select(Alert.id).where(Alert.settled_at.is_(None))).all())


def trusted_later(house: House, tmp_path: Path) -> House:
    """Receipts came while nobody knew their authority; then it was added."""
    arrive(house, [ACCEPTANCE, DELIVERY])
    trust.add(OPERATOR, house, given(root_file(tmp_path)), reason="manual")
    return again(house)


def test_receipts_become_proof_when_their_authority_is_added(house: House, tmp_path: Path) -> None:
    known = trusted_later(house, tmp_path)
    assert journeys(house.engine) == []
    result = recheck(OPERATOR, known)
    assert dict(result.changed) == {("intact", "trusted"): 2}
    assert result.linked == 2
    assert verdicts(house.engine) == [
        ("acceptance", "trusted", "intact", True),
        ("delivery", "trusted", "intact", True),
    ]
    assert [(address, state) for _, address, state in journeys(house.engine)] == [(receipts.RECIPIENT, "delivered")]
    assert open_alerts(house) == 0
    assert acts(house.engine).count("evidence.reverified") == 1


def test_a_second_recheck_changes_nothing(house: House, tmp_path: Path) -> None:
    known = trusted_later(house, tmp_path)
    recheck(OPERATOR, known)
    before = answers(house.engine)
    result = recheck(OPERATOR, known, every=True)
    assert (result.looked_at, dict(result.changed), result.linked) == (2, {}, 0)
    assert answers(house.engine) == before
    assert acts(house.engine).count("evidence.reverified") == 1


def test_what_loses_its_authority_is_no_proof_any_more(house: House, tmp_path: Path) -> None:
    known = trusted_later(house, tmp_path)
    recheck(OPERATOR, known)
    result = recheck(OPERATOR, house, every=True)  # the house as it was: it trusts nobody
    assert dict(result.changed) == {("trusted", "intact"): 2}
    assert {state for _, _, state in journeys(house.engine)} <= {"awaiting_acceptance"}
    assert open_alerts(house) >= 2


def test_a_mail_that_is_gone_is_named_and_stops_nothing(house: House, tmp_path: Path) -> None:
    known = trusted_later(house, tmp_path)
    missing = next(name for name, suffix, _ in house.archive.objects() if suffix is Suffix.MAIL)
    house.archive.delete(missing, Suffix.MAIL)
    result = recheck(OPERATOR, known)
    assert result.missing == (missing,)
    assert result.looked_at == 1


@pytest.mark.parametrize("point", ["recheck.archived", "recheck.before-commit", "recheck.committed"])
def test_a_recheck_killed_anywhere_ends_the_same_when_repeated(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    class Killed(BaseException):
        pass

    def die(here: str) -> None:
        if here == point:
            raise Killed

    known = trusted_later(house, tmp_path)
    monkeypatch.setattr(crash, "at", die)
    with pytest.raises(Killed):
        recheck(OPERATOR, known)
    monkeypatch.undo()
    recheck(OPERATOR, known)
    assert [row[:3] for row in verdicts(house.engine)] == [
        ("acceptance", "trusted", "intact"),
        ("delivery", "trusted", "intact"),
    ]
    assert acts(house.engine).count("evidence.reverified") == 1


@pytest.mark.parametrize("with_folder", [True, False])
@pytest.mark.parametrize("rechecked", [True, False])
def test_a_rebuild_answers_the_same(house: House, tmp_path: Path, rechecked: bool, with_folder: bool) -> None:
    """By the trust of each day: what was not judged again stays as it was; the lost anchors come back."""
    known = trusted_later(house, tmp_path)
    if rechecked:
        recheck(OPERATOR, known)
    later = receipts.receipt("accettazione", reference="pt.other@pec.example", identifier="other@pec.example")
    arrive(known, [later])
    seal_pending(house.engine, house.archive, now=house.clock.now())
    before = answers(house.engine)
    if not with_folder:
        for file in (tmp_path / "trust").iterdir():
            file.unlink()
    engine = open_engine(sqlite_url(tmp_path / "rebuilt.db"))
    try:
        rebuild(OPERATOR, house_in(tmp_path, engine))
        assert answers(engine) == before
    finally:
        engine.dispose()
    assert len(kept(tmp_path / "trust").anchors) == 1
