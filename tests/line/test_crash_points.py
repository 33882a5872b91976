"""kill -9 anywhere: nothing collected twice or lost, nothing sent twice, nothing silently not sent."""

from collections.abc import Callable

import pytest

from pec_tracker.askers import OPERATOR
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service.collecting.collect import collect
from pec_tracker.service.sending.dispatch import dispatch
from pec_tracker.service.sending.outbox import waiting
from pec_tracker.service.sending.sent_copy import copy_to_sent
from tests.archive.killed import killed_at
from tests.line.crashes import (
    NOBODY_KNOWS,
    NOTHING_LEFT,
    SETTLED,
    first_and_last,
    killed_at_pass,
    points_passed,
)
from tests.line.dump import differing, dump, files
from tests.line.houses import Home, account_at, journeys, queued, standing_clock, states
from tests.line.story import sent_elsewhere
from tests.sandbox.materials import SENDER, letter

COLLECT_POINTS = {
    "archive.before-write", "archive.written", "archive.synced", "archive.renamed", "archive.done",
    "collect.fetched", "intake.archived", "intake.before-commit", "intake.committed", "collect.batch-done",
    "seal.segment-written", "seal.head-written", "seal.seal-written", "seal.before-commit", "seal.committed",
}  # fmt: skip

pytestmark = pytest.mark.usefixtures("short_leases")


def fill(sandbox: Sandbox) -> None:
    """Three folders of mails: receipts, copies, one mail twice, one empty."""
    sent_elsewhere(sandbox)
    sandbox.wait_until_quiet()
    for number in range(3):
        sandbox.deliver(SENDER, letter(headers=f"X-N: {number}\r\n"))
    sandbox.deliver(SENDER, letter(headers="X-N: 1\r\n"), folder="INBOX.Inviata")
    sandbox.deliver(SENDER, b"")


def collector(home: Home, sandbox: Sandbox) -> Callable[[], object]:
    """One collect by a process of its own."""

    def act() -> None:
        house = home.open()
        collect(OPERATOR, house, account_at(house, sandbox))

    return act


def test_a_collect_killed_anywhere_and_repeated_is_as_one_collect(
    new_home: Callable[..., Home], sandbox: Sandbox
) -> None:
    fill(sandbox)
    clock = standing_clock(sandbox.clock)
    once = new_home()
    once.clock = clock
    passed = points_passed(collector(once, sandbox))
    assert set(passed) >= COLLECT_POINTS
    rows, objects = dump(once.engines[-1], same_ledger=False), files(once.folder / "archive")
    for number in first_and_last(passed):
        home = new_home()
        home.clock = clock
        killed_at_pass(number, collector(home, sandbox))
        collector(home, sandbox)()
        where = f"killed at {passed[number]}, pass {number}"
        assert files(home.folder / "archive") == objects, where
        assert differing(dump(home.engines[-1], same_ledger=False), rows) == {}, where
        collector(home, sandbox)()
        assert differing(dump(home.engines[-1], same_ledger=False), rows) == {}, f"again, {where}"
        home.close()


@pytest.mark.postgres
def test_a_collect_killed_in_its_transaction_leaves_nothing_on_postgresql(
    new_home: Callable[..., Home], sandbox: Sandbox, postgres_url: str
) -> None:
    fill(sandbox)
    home = new_home(url=postgres_url)
    for point in ("intake.archived", "intake.before-commit", "intake.committed", "seal.before-commit"):
        assert killed_at(point, collector(home, sandbox))
    collector(home, sandbox)()
    found = dump(home.engines[-1], same_ledger=False)
    other = new_home()
    collector(other, sandbox)()
    expected = dump(other.engines[-1], same_ledger=False)
    assert [len(found[table]) for table in ("mail", "sighting", "evidence", "message", "ledger")] == [
        len(expected[table]) for table in ("mail", "sighting", "evidence", "message", "ledger")
    ]


@pytest.fixture
def sender(home: Home, sandbox: Sandbox) -> Callable[[], object]:
    """One message queued, and a process that sends."""
    house = home.open()
    queued(house, account_at(house, sandbox))
    house.engine.dispose()

    def act() -> None:
        again = home.open(start=house.start)
        dispatch(OPERATOR, again, account_at(again, sandbox))

    return act


def test_the_points_of_a_dispatch_are_all_known(sender: Callable[[], object]) -> None:
    passed = {point for point in points_passed(sender) if point.startswith(("dispatch.", "smtp."))}
    assert passed == {*NOTHING_LEFT, *NOBODY_KNOWS, *SETTLED}


@pytest.mark.parametrize("point", NOTHING_LEFT)
def test_a_dispatch_killed_before_the_point_of_no_return_sends_once_afterwards(
    home: Home, sandbox: Sandbox, sender: Callable[[], object], point: str
) -> None:
    assert killed_at(point, sender)
    assert sandbox.sent == []
    house = home.open()
    assert [entry.send_state for entry in waiting(OPERATOR, house)] == ["sending"]  # in sight all the while
    sender()
    assert set(states(house).values()) == {"submitted"}
    assert len(sandbox.sent) == 1


@pytest.mark.parametrize("point", NOBODY_KNOWS)
def test_a_dispatch_killed_after_it_is_uncertain_and_never_sends_again(
    home: Home, sandbox: Sandbox, sender: Callable[[], object], point: str
) -> None:
    assert killed_at(point, sender)
    for _ in range(3):
        sender()
    house = home.open()
    assert [entry.send_state for entry in waiting(OPERATOR, house)] == ["uncertain"]
    assert len(sandbox.sent) <= 1
    sandbox.wait_until_quiet()
    collect(OPERATOR, house, account_at(house, sandbox))
    left = len(sandbox.sent)
    assert set(states(house).values()) == {"submitted" if left else "uncertain"}
    assert set(journeys(house).values()) == {"delivered" if left else "awaiting_acceptance"}
    sender()
    assert len(sandbox.sent) == left


@pytest.mark.parametrize("point", SETTLED)
def test_a_dispatch_killed_at_its_end_has_sent_and_says_so(
    home: Home, sandbox: Sandbox, sender: Callable[[], object], point: str
) -> None:
    assert killed_at(point, sender)
    sender()
    assert set(states(home.open()).values()) == {"submitted"}
    assert len(sandbox.sent) == 1


@pytest.mark.parametrize("point", ["archive.written", "queue.archived", "queue.committed"])
def test_a_message_counts_as_queued_only_once_it_is_committed(home: Home, sandbox: Sandbox, point: str) -> None:
    def act() -> None:
        house = home.open()
        queued(house, account_at(house, sandbox))

    assert killed_at(point, act)
    house = home.open()
    assert len(states(house)) == (1 if point == "queue.committed" else 0)
    account = account_at(house, sandbox)
    collect(OPERATOR, house, account)  # the fence: it was queued before this process started
    dispatch(OPERATOR, house, account)
    assert len(sandbox.sent) == (1 if point == "queue.committed" else 0)


def test_a_copy_is_put_into_sent_once_though_we_die_before_noting_it(
    home: Home, sandbox: Sandbox, sender: Callable[[], object]
) -> None:
    sender()
    sandbox.wait_until_quiet()

    def act() -> None:
        house = home.open()
        copy_to_sent(OPERATOR, house, account_at(house, sandbox, copy_to_sent=True))

    assert killed_at("copy.put", act)
    act()
    assert len(sandbox.mails(SENDER, "INBOX.Inviata")) == 1
