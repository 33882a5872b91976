"""What a user would lose: mails that the archive lost and that still lie on the server, because nobody asked again."""

from pec_tracker.archive.objects import Suffix
from pec_tracker.askers import OPERATOR
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service.collecting.collect import collect
from pec_tracker.service.collecting.refetch import refetch
from pec_tracker.service.sending.dispatch import dispatch
from pec_tracker.service.upkeep.check import check
from tests.archive.folders import folder_of
from tests.line.houses import Home, account_at, queued


def test_lost_mails_are_fetched_again_and_what_is_nowhere_is_named(home: Home, sandbox: Sandbox) -> None:
    house = home.open()
    account = account_at(house, sandbox)
    collect(OPERATOR, house, account)
    queued(house, account)
    dispatch(OPERATOR, house, account)
    sandbox.wait_until_quiet()
    collect(OPERATOR, house, account)
    mails = list((folder_of(house.archive) / "objects").rglob("*.eml"))
    before = {path: path.read_bytes() for path in mails}
    for path in mails:
        path.unlink()
    assert collect(OPERATOR, house, account).taken.archived == 0
    done = refetch(OPERATOR, house, account)
    assert done.restored == len(mails) - 1
    (sent,) = done.missing  # what we composed lies on no server
    assert {path for path in mails if path.exists()} == {path for path in mails if path.name != sent}
    assert all(path.read_bytes() == before[path] for path in mails if path.exists())
    assert [one.object for one in check(OPERATOR, house.engine, house.archive).findings] == [sent]
    assert not house.archive.holds(sent[:64], Suffix.MAIL)
    assert refetch(OPERATOR, house, account).restored == 0
