"""Two at once on one mailbox, on both engines: the same result as one, and no message twice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text, update

from pec_tracker.askers import OPERATOR
from pec_tracker.db import leases
from pec_tracker.db.engine import reading, writing
from pec_tracker.db.passing import Lease
from pec_tracker.db.tables import Attempt, Ledger, Message
from pec_tracker.errors import UsageError
from pec_tracker.ledger import seals
from pec_tracker.sandbox.failures import Verb
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service.collecting.collect import collect, lease_name
from pec_tracker.service.mailboxes.known import known_mailbox
from pec_tracker.service.sending import attempt
from pec_tracker.service.sending import dispatch as dispatching
from pec_tracker.service.sending.dispatch import dispatch
from pec_tracker.service.sending.outbox import recover, settle, waiting
from tests.archive.killed import at_once, killed_at
from tests.line.dump import differing, dump, files
from tests.line.houses import Home, account_at, journeys, queued, standing_clock, states
from tests.line.story import sent_elsewhere
from tests.sandbox.materials import SENDER, letter
from tests.servers.programs import wait_until


def collector(home: Home, sandbox: Sandbox) -> Callable[[], object]:
    def act() -> None:
        house = home.open()
        collect(OPERATOR, house, account_at(house, sandbox))

    return act


def dispatcher(home: Home, sandbox: Sandbox, start: Any) -> Callable[[], object]:
    def act() -> None:
        house = home.open(start=start)
        dispatch(OPERATOR, house, account_at(house, sandbox))

    return act


@pytest.fixture
def full(sandbox: Sandbox) -> Sandbox:
    """Receipts, copies, duplicates: about sixty mails."""
    for number in range(3):
        sent_elsewhere(sandbox, number=number)
    for number in range(40):
        sandbox.deliver(SENDER, letter(headers=f"X-N: {number % 30}\r\n"))
    sandbox.wait_until_quiet()
    return sandbox


def test_collectors_that_ignore_each_other_bring_what_one_brings(
    new_home: Callable[..., Home], home_on_either: Home, full: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any lease, which only saves work: the constraints alone keep the promise."""
    monkeypatch.setattr(leases, "LEASE", timedelta(0))
    once = new_home()
    once.clock = home_on_either.clock = standing_clock(full.clock)
    collector(once, full)()
    assert at_once([collector(home_on_either, full)] * 3) == [0, 0, 0]
    house = home_on_either.open()
    assert files(home_on_either.folder / "archive") == files(once.folder / "archive")
    there, expected = dump(house.engine, same_ledger=False), dump(once.engines[-1], same_ledger=False)
    if house.engine.dialect.name == "postgresql":
        there.pop("search"), expected.pop("search")  # the same words, as another type writes them
    assert differing(there, expected) == {}
    assert seals.seal_pending(house.engine, house.archive, now=house.clock.now()) == []
    with reading(house.engine) as connection:
        assert connection.scalars(select(Ledger.id).where(Ledger.seal_number.is_(None))).all() == []


def test_the_second_collector_leaves_the_work_to_the_first(home_on_either: Home, sandbox: Sandbox) -> None:
    house = home_on_either.open()
    account = account_at(house, sandbox)
    with leases.held(house.engine, lease_name(account), presence=house.presence) as mine:
        assert mine is not None
        collected = collect(OPERATOR, house, account)
        assert collected.busy
        assert not collected.complete
    assert collect(OPERATOR, house, account).complete


def test_a_collector_that_died_is_followed_once_its_lease_is_over(
    home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.deliver(SENDER, letter())
    assert killed_at("intake.archived", collector(home, sandbox))
    house = home.open()
    account = account_at(house, sandbox)
    assert collect(OPERATOR, house, account).busy
    monkeypatch.setattr(leases, "LEASE", timedelta(seconds=0.2))
    with writing(house.engine) as connection:
        connection.execute(update(Lease).values(until=leases.until(timedelta(0))))
    assert collect(OPERATOR, house, account).taken.archived == 1


def test_dispatchers_at_once_send_each_message_once(home_on_either: Home, sandbox: Sandbox) -> None:
    house = home_on_either.open()
    account = account_at(house, sandbox)
    keys = {queued(house, account, subject=f"Numero {number}").key for number in range(12)}
    house.engine.dispose()
    assert at_once([dispatcher(home_on_either, sandbox, house.start)] * 3) == [0, 0, 0]
    assert len(sandbox.sent) == len(keys)
    assert states(house) == dict.fromkeys(keys, "submitted")
    with reading(house.engine) as connection:
        assert len(connection.execute(select(Attempt.id)).all()) == len(keys)


def test_a_queue_and_a_collect_meanwhile_lose_nothing(home_on_either: Home, sandbox: Sandbox) -> None:
    house = home_on_either.open()
    account = account_at(house, sandbox)
    queued(house, account)
    house.engine.dispose()

    def queue_more() -> None:
        own = home_on_either.open()
        for number in range(5):
            queued(own, account_at(own, sandbox), subject=f"Altra {number}")

    send = dispatcher(home_on_either, sandbox, house.start)
    assert at_once([send, queue_more, collector(home_on_either, sandbox), send]) == [0, 0, 0, 0]
    send()
    sandbox.wait_until_quiet()
    collect(OPERATOR, house, account)
    assert len(sandbox.sent) == 6
    assert set(states(house).values()) == {"submitted"}
    assert set(journeys(house).values()) == {"delivered"}


def test_processes_that_meet_a_mailbox_at_once_know_it_by_one_row(home_on_either: Home) -> None:
    def meet() -> None:
        known_mailbox(home_on_either.open(), "studio", "studio@pec.example")

    assert at_once([meet] * 4) == [0, 0, 0, 0]
    house = home_on_either.open()
    assert known_mailbox(house, "studio", "studio@pec.example")[0] == 1
    with reading(house.engine) as connection:
        assert len(connection.execute(select(Ledger.id)).all()) == 1


class TestLeaseOfAMessage:
    """A dispatcher that is slow, or asleep, while its lease runs out."""

    def test_taken_over_before_the_attempt_it_sends_nothing(
        self, home_on_either: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        house = home_on_either.open()
        account = account_at(house, sandbox)
        key = queued(house, account).key
        monkeypatch.setattr(leases, "LEASE", timedelta(0))
        commit = attempt.commit_attempt
        taken_over: list[str] = []

        def late(house_: Any, claim: Any) -> None:
            if not taken_over:
                taken_over.append(claim.key)
                assert [
                    one.send_state for one in dispatch(OPERATOR, home_on_either.open(), account)
                ] == []  # fenced: too new
                other = home_on_either.open(start=house.start)
                assert [one.send_state for one in dispatch(OPERATOR, other, account)] == ["submitted"]
            commit(house_, claim)

        monkeypatch.setattr(dispatching, "commit_attempt", late)
        assert dispatch(OPERATOR, house, account) == []
        assert taken_over == [key]
        assert len(sandbox.sent) == 1
        assert states(house) == {key: "submitted"}

    def test_asked_about_after_the_attempt_its_reply_still_counts(
        self, home_on_either: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        house = home_on_either.open()
        account = account_at(house, sandbox)
        key = queued(house, account).key
        monkeypatch.setattr(leases, "LEASE", timedelta(0))
        commit = attempt.commit_attempt

        def then_recovered(house_: Any, claim: Any) -> None:
            commit(house_, claim)
            recover(OPERATOR, house, account)
            assert [entry.send_state for entry in waiting(OPERATOR, house)] == ["uncertain"]

        monkeypatch.setattr(dispatching, "commit_attempt", then_recovered)
        assert [one.send_state for one in dispatch(OPERATOR, house, account)] == ["submitted"]
        assert states(house) == {key: "submitted"}
        with reading(house.engine) as connection:
            (tried,) = connection.execute(select(Attempt)).all()
        assert (tried.outcome, tried.code) == ("submitted", 250)

    def test_a_late_refusal_does_not_touch_what_another_sends_now(
        self, home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        house = home.open()
        account = account_at(house, sandbox)
        key = queued(house, account).key
        sandbox.failures.reply(Verb.RCPT, "451 4.3.0 later")
        conclude = attempt.conclude

        def too_late(house_: Any, account_: Any, claim: Any, result: Any) -> Any:
            with writing(house.engine) as connection:
                connection.execute(update(Message).values(attempts=claim.number + 1, lease_owner="another"))
            return conclude(house_, account_, claim, result)

        monkeypatch.setattr(dispatching, "conclude", too_late)
        dispatch(OPERATOR, house, account)
        assert states(house) == {key: "sending"}


@pytest.mark.postgres
def test_of_two_decisions_at_once_the_second_is_refused_and_not_silently_lost(
    new_home: Callable[..., Home], sandbox: Sandbox, postgres_url: str
) -> None:
    """Who says "it was sent" while another gives the letter up must not believe that his word stands."""
    house = new_home(url=postgres_url).open()
    key = queued(house, account_at(house, sandbox)).key
    with writing(house.engine) as connection:
        connection.execute(update(Message).values(send_state="uncertain"))
    waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    with ThreadPoolExecutor(1) as other, house.engine.connect() as watching:
        with writing(house.engine) as connection:
            connection.execute(update(Message).values(send_state="abandoned"))
            second = other.submit(settle, OPERATOR, house, key, sent=True, reason="ho la ricevuta")
            wait_until(lambda: second.done() or watching.scalar(waits) > 0, seconds=30, what="the second decision")
        with pytest.raises(UsageError, match="given up"):
            second.result(60)
    assert states(house) == {key: "abandoned"}
