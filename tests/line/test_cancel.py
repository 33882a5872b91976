"""What a user would lose: the letter that he stopped in time leaves all the same, or what is held never goes on."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from pec_tracker.archive.objects import Suffix
from pec_tracker.askers import OPERATOR
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Mailbox
from pec_tracker.errors import NotFoundError, UsageError
from pec_tracker.sandbox.failures import Moment, Verb
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service.collecting.collect import collect
from pec_tracker.service.house import Account, House
from pec_tracker.service.sending.dispatch import dispatch
from pec_tracker.service.sending.outbox import cancel
from pec_tracker.service.sending.resume import resume_outbox
from pec_tracker.service.sending.waits import waits
from pec_tracker.service.upkeep.rebuild import rebuild
from pec_tracker.settings import Pace
from tests.line.crashes import first_and_last, killed_at_pass, points_passed
from tests.line.houses import Home, account_at, message_of, new_sqlite, queued, states
from tests.line.test_outbox import decisions
from tests.sandbox.materials import SENDER

TOO_MUCH = '550 5.7.1 MAIL from: x blocked "Class Of Service" - Too much traffic from this sender'


def test_what_was_cancelled_is_never_sent_and_why_is_in_the_ledger(
    home: Home, house: House, account: Account, sandbox: Sandbox
) -> None:
    stopped, goes = queued(house, account).key, queued(house, account, subject="Questa sì").key
    cancel(OPERATOR, house, stopped, reason="allegato sbagliato")
    assert [one.key for one in dispatch(OPERATOR, house, account)] == [goes]
    assert decisions(house) == [("message.abandoned", "cancel", "allegato sbagliato")]
    assert len(sandbox.sent) == 1
    rebuilt = replace(home, url=new_sqlite(home.folder.with_name("again"))).open()
    rebuild(OPERATOR, rebuilt)
    assert states(rebuilt) == {stopped: "abandoned", goes: "submitted"}
    assert dispatch(OPERATOR, rebuilt, account_at(rebuilt, sandbox)) == []


def test_what_may_have_left_or_is_decided_about_cannot_be_cancelled(
    house: House, account: Account, sandbox: Sandbox
) -> None:
    uncertain = queued(house, account).key
    sandbox.failures.drop(Moment.AFTER_DOT_LOST)
    dispatch(OPERATOR, house, account)
    sent = queued(house, account, subject="Partita").key
    dispatch(OPERATOR, house, account)
    for key in (uncertain, sent):
        with pytest.raises(UsageError):
            cancel(OPERATOR, house, key, reason="ripensamento")
    assert states(house) == {uncertain: "uncertain", sent: "submitted"}
    assert decisions(house) == []


@pytest.mark.usefixtures("short_leases")
def test_cancelled_by_a_process_that_is_killed_anywhere_it_is_cancelled_or_waits(
    new_home: Callable[..., Home], sandbox: Sandbox
) -> None:
    def act(home: Home, key: str) -> Callable[[], object]:
        return lambda: cancel(OPERATOR, home.open(), key, reason="allegato sbagliato")

    def with_letter() -> tuple[Home, str]:
        home = new_home()
        house = home.open()
        key = queued(house, account_at(house, sandbox)).key
        home.close()
        return home, key

    passed = points_passed(act(*with_letter()))
    assert {"archive.written", "seal.committed"} <= set(passed)
    for number in first_and_last(passed):
        home, key = with_letter()
        killed_at_pass(number, act(home, key))
        house = home.open()
        where = f"killed at {passed[number]}"
        assert states(house)[key] in {"queued", "abandoned"}, where
        if states(house)[key] == "queued":
            act(home, key)()
        account = account_at(house, sandbox)
        collect(OPERATOR, house, account)
        assert dispatch(OPERATOR, house, account) == [], where
        home.close()
    assert sandbox.sent == []


def test_everything_about_a_message_that_waits_is_told(house: House, account: Account, sandbox: Sandbox) -> None:
    key = queued(house, account).key
    sandbox.failures.drop(Moment.AFTER_DOT_LOST)
    dispatch(OPERATOR, house, account)
    sandbox.deliver(SENDER, house.archive.get(message_of(house, key).raw, Suffix.MAIL), folder="INBOX.Inviata")
    collect(OPERATOR, house, account)
    found = waits(OPERATOR, house, account, key)
    assert found.entry.send_state == "uncertain"
    assert found.recipients == ("consegnata@pec.test",)
    assert [(one.number, one.outcome) for one in found.tried] == [(1, "uncertain")]
    assert found.copies == ("INBOX.Inviata",)
    assert found.searched is not None
    assert (found.searched.unable, found.searched.problem) == (0, None)
    left = queued(house, account, subject="Parte").key
    dispatch(OPERATOR, house, account)
    with pytest.raises(NotFoundError, match="does not wait"):
        waits(OPERATOR, house, account, left)


def test_resumed_by_a_person_what_is_held_goes_at_once_at_the_usual_pace(
    house: House, account: Account, sandbox: Sandbox
) -> None:
    account = replace(account, pace=Pace(100))
    keys = [queued(house, account, subject=f"Numero {number}").key for number in range(2)]
    sandbox.failures.reply(Verb.MAIL, TOO_MUCH)
    sandbox.failures.reply(Verb.RCPT, "451 later", times=2)
    dispatch(OPERATOR, house, account)
    with reading(house.engine) as connection:
        assert connection.scalar(select(Mailbox.slowed_to)) == 50
    resumed = resume_outbox(OPERATOR, house, account)
    assert resumed.faster
    assert message_of(house, keys[1]).next_attempt_at <= house.clock.now()
    with reading(house.engine) as connection:
        row = connection.execute(select(Mailbox.slowed_to, Mailbox.slowed_at, Mailbox.paused_until)).one()
    assert tuple(row) == (None, None, None)
    assert not resume_outbox(OPERATOR, house, account).faster
    sandbox.failures.clear()
    dispatch(OPERATOR, house, account, began=house.clock.now() + timedelta(days=1))
    assert set(states(house).values()) == {"submitted"}
