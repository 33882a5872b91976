"""A letter that another program hands over, again and again, with kill -9 at every step: queued once, sent once."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from pec_tracker.askers import OPERATOR
from pec_tracker.db.engine import reading, writing
from pec_tracker.db.tables import Message
from pec_tracker.pec.relay import Handed
from pec_tracker.pec.sending import SendState
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service.house import Account, House
from pec_tracker.service.sending.dispatch import dispatch
from pec_tracker.service.sending.relay import IdTakenError, relay
from pec_tracker.service.sending.send import RefusedByRulesError, queue_outgoing
from tests.archive.killed import at_once
from tests.line.crashes import first_and_last, killed_at_pass, points_passed
from tests.line.houses import Home, account_at, states
from tests.sandbox.materials import SENDER

ONE, TWO, THREE = "consegnata@pec.test", "due@pec.test", "tre@pec.test"
WINDOW = timedelta(days=10_000)  # at the sandbox a day lasts a second, and a busy machine takes many

pytestmark = pytest.mark.usefixtures("short_leases")


def handed(*to: str, client_id: str = "7@gestionale.local", text: str = "Buongiorno.", subject: str = "Atto") -> Handed:
    head = f"From: {SENDER}\r\nTo: {', '.join(to)}\r\nSubject: {subject}\r\nMessage-ID: <{client_id}>\r\n"
    return Handed(SENDER, to, f"{head}Date: Fri, 27 Nov 2026 10:00:00 +0100\r\n\r\n{text}\r\n".encode())


def subjects(house: House) -> Counter[str | None]:
    with reading(house.engine) as connection:
        return Counter(connection.execute(select(Message.subject)).scalars())


@pytest.mark.parametrize("split", [False, True])
def test_killed_at_any_step_and_handed_over_again_it_is_there_once(
    new_home: Callable[..., Home], sandbox: Sandbox, split: bool
) -> None:
    letter = handed(ONE, TWO, THREE)

    def taker(home: Home) -> Callable[[], object]:
        def act() -> None:
            house = home.open()
            relay(OPERATOR, house, account_at(house, sandbox), letter, split=split, same_within=WINDOW)

        return act

    passed = points_passed(taker(new_home()))
    assert {"queue.archived", "queue.committed", "seal.committed"} <= set(passed)
    for number in first_and_last(passed):
        home = new_home()
        killed_at_pass(number, taker(home))
        taker(home)()
        taker(home)()
        assert subjects(home.open()) == {"Atto": 3 if split else 1}, passed[number]


def test_two_that_take_the_same_letter_at_once_queue_it_once(home_on_either: Home, sandbox: Sandbox) -> None:
    def act() -> None:
        house = home_on_either.open()
        relay(OPERATOR, house, account_at(house, sandbox), handed(ONE), same_within=WINDOW)

    assert 0 in at_once([act, act])
    act()
    assert subjects(home_on_either.open()) == {"Atto": 1}


def test_what_was_relayed_is_sent_and_proven_like_any_other(home: Home, sandbox: Sandbox) -> None:
    house = home.open()
    account = account_at(house, sandbox)
    [taken] = relay(OPERATOR, house, account, handed(ONE), same_within=WINDOW)
    dispatch(OPERATOR, house, account)
    assert states(house) == {taken.key: SendState.SUBMITTED}
    assert len(sandbox.sent) == 1
    assert b"X-PEC-Tracker-Client-Message-ID: <7@gestionale.local>" in sandbox.sent[0].submission.raw


def test_what_came_to_nothing_or_was_long_ago_is_a_new_letter(house: House, account: Account) -> None:
    [first] = relay(OPERATOR, house, account, handed(ONE), same_within=WINDOW)
    with writing(house.engine) as connection:
        connection.execute(update(Message).values(send_state=SendState.ABANDONED))
    [second] = relay(OPERATOR, house, account, handed(ONE), same_within=WINDOW)
    with writing(house.engine) as connection:
        connection.execute(update(Message).values(created_at=house.clock.now() - 2 * WINDOW))
    [third] = relay(OPERATOR, house, account, handed(ONE), same_within=WINDOW)
    assert len({first.key, second.key, third.key}) == 3
    assert not any(taken.known for taken in (first, second, third))


@pytest.mark.parametrize("other", [{"text": "Altro."}, {"subject": "Altro"}])
def test_another_letter_under_the_same_message_id_is_refused(
    house: House, account: Account, other: dict[str, str]
) -> None:
    relay(OPERATOR, house, account, handed(ONE), same_within=WINDOW)
    with pytest.raises(IdTakenError):
        relay(OPERATOR, house, account, handed(ONE, **other), same_within=WINDOW)
    assert subjects(house) == {"Atto": 1}


def test_without_a_window_each_handing_over_is_a_letter(house: House, account: Account) -> None:
    for _ in range(2):
        relay(OPERATOR, house, account, handed(ONE), same_within=timedelta(0))
    assert subjects(house) == {"Atto": 2}


def test_one_recipient_that_cannot_be_written_to_stops_all_letters(house: House, account: Account) -> None:
    with pytest.raises(RefusedByRulesError):
        relay(OPERATOR, house, account, handed(ONE, "senza-dominio"), split=True, same_within=WINDOW)
    assert subjects(house) == {}


def test_a_fault_between_two_letters_is_mended_by_the_next_try(
    house: House, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def failing(*arguments: object, **named: object) -> object:
        calls.append(1)
        if len(calls) == 2:
            raise OSError("the disk sleeps")
        return queue_outgoing(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr("pec_tracker.service.sending.relay.queue_outgoing", failing)
    with pytest.raises(OSError, match="sleeps"):
        relay(OPERATOR, house, account, handed(ONE, TWO, THREE), split=True, same_within=WINDOW)
    taken = relay(OPERATOR, house, account, handed(ONE, TWO, THREE), split=True, same_within=WINDOW)
    assert [one.known for one in taken] == [True, False, False]
    assert subjects(house) == {"Atto": 3}
