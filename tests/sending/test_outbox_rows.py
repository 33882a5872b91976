"""The one writer of send states: what it writes, what it leaves alone, and what a rebuild replays."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from pec_tracker.db.engine import writing
from pec_tracker.db.passing import Alert
from pec_tracker.db.tables import Message
from pec_tracker.ledger import lines
from pec_tracker.ledger.acts import LedgerAct
from pec_tracker.pec.sending import Change, Event
from pec_tracker.service.house import Account, House
from pec_tracker.service.journeys.send_state_rows import happened, replayed
from tests.line.houses import message_of, open_alerts, queued, states
from tests.sending.offline import NOW, alerts, told, write

LATER = NOW + timedelta(minutes=7)


def event(house: House, what: Event, key: str, **more: Any) -> Change | None:
    """It happened to the message."""
    with writing(house.engine) as connection:
        return happened(connection, what, message_of_id(house, key), at=LATER, **more)


def message_of_id(house: House, key: str) -> int:
    """The number of a message."""
    return int(message_of(house, key).id)


def alert_about(house: House, key: str, kind: str, topic: str) -> None:
    """An alert stands open about the message."""
    with writing(house.engine) as connection:
        connection.execute(
            insert(Alert).values(
                kind=kind, topic=topic, severity="alarm", at=NOW, message_id=message_of_id(house, key), facts={}
            )
        )


def test_an_event_changes_its_own_message_and_no_other(house: House, account: Account) -> None:
    one, other = queued(house, account).key, queued(house, account, subject="L'altra").key
    assert event(house, Event.CLAIMED, one) is not None
    assert states(house) == {one: "sending", other: "queued"}


def test_what_cannot_happen_writes_neither_state_nor_ledger_nor_alarm(house: House, account: Account) -> None:
    key = queued(house, account).key
    assert event(house, Event.REPLY_LOST, key, reply="di un altro") is None
    assert states(house) == {key: "queued"}
    assert message_of(house, key).reply is None
    assert told(house, "message.uncertain") == []
    assert alerts(house) == []


def test_a_message_that_changed_meanwhile_is_left_to_who_changed_it(house: House, account: Account) -> None:
    key = queued(house, account).key
    assert event(house, Event.CLAIMED, key, when=(Message.attempts == 3,)) is None
    assert states(house) == {key: "queued"}
    assert event(house, Event.CLAIMED, key, when=(Message.attempts == 0,)) is not None


def test_a_lease_ends_with_the_event_unless_the_event_brings_one(house: House, account: Account) -> None:
    key = queued(house, account).key
    event(house, Event.CLAIMED, key, lease_owner="io", lease_until=LATER, attempts=1)
    row = message_of(house, key)
    assert (row.lease_owner, row.lease_until, row.attempts) == ("io", LATER, 1)
    event(house, Event.RELEASED, key)
    row = message_of(house, key)
    assert (row.lease_owner, row.lease_until) == (None, None)


def test_what_waits_has_a_time_at_which_it_is_tried_and_what_does_not_has_none(house: House, account: Account) -> None:
    key = queued(house, account).key
    event(house, Event.CLAIMED, key)
    assert message_of(house, key).next_attempt_at is None
    event(house, Event.RELEASED, key)
    assert message_of(house, key).next_attempt_at == LATER
    event(house, Event.CLAIMED, key)
    event(house, Event.SERVER_DEFERRED, key, line={"by": "server"}, next_attempt_at=LATER + timedelta(hours=1))
    assert message_of(house, key).next_attempt_at == LATER + timedelta(hours=1)


def test_the_reason_stays_in_sight_while_it_is_tried_again_and_goes_with_an_answer(
    house: House, account: Account
) -> None:
    key = queued(house, account).key
    write(house, key, send_state="deferred", reply="451 più tardi", problem={"text": "x"})
    event(house, Event.CLAIMED, key)
    row = message_of(house, key)
    assert (row.reply, row.problem) == ("451 più tardi", {"text": "x"})
    event(house, Event.SERVER_TOOK, key, line={"by": "server"})
    row = message_of(house, key)
    assert (row.reply, row.problem) == (None, None)


def test_when_it_left_is_noted_taken_back_or_left_alone(house: House, account: Account) -> None:
    key = queued(house, account).key
    event(house, Event.CLAIMED, key)
    event(house, Event.SERVER_TOOK, key, line={"by": "server"})
    assert message_of(house, key).submitted_at == LATER
    event(house, Event.RESENT, key, line={"by": "person"})
    assert message_of(house, key).submitted_at is None
    write(house, key, submitted_at=NOW)
    event(house, Event.DOUBTED, key, line={"by": "copy"})
    assert message_of(house, key).submitted_at == NOW


def test_the_ledger_tells_what_happened_to_which_message_and_by_whom(house: House, account: Account) -> None:
    key = queued(house, account).key
    event(house, Event.CLAIMED, key)
    event(house, Event.REPLY_LOST, key, line={"by": "server", "number": 1})
    (line,) = told(house, "message.uncertain")
    assert (line.facts["message"], line.facts["by"], line.facts["number"], line.at) == (key, "server", 1, LATER)


def test_an_alarm_names_its_message_and_mailbox_and_why(house: House, account: Account) -> None:
    key = queued(house, account).key
    event(house, Event.CLAIMED, key)
    event(house, Event.REPLY_LOST, key, topic=f"{key}/1", facts={"stage": "reply"})
    (alert,) = alerts(house)
    assert (alert.kind, alert.topic, alert.severity, alert.at) == ("send-uncertain", f"{key}/1", "alarm", LATER)
    assert (alert.message_id, alert.mailbox_id) == (message_of(house, key).id, account.id)
    assert alert.facts == {"stage": "reply"}


def test_an_alarm_without_a_topic_of_its_own_is_about_the_message(house: House, account: Account) -> None:
    key = queued(house, account).key
    event(house, Event.DOUBTED, key, line={"by": "copy"})
    assert [alert.topic for alert in alerts(house)] == [key]


def test_what_is_answered_is_asked_no_more_and_what_is_not_stays_open(house: House, account: Account) -> None:
    one, other = queued(house, account).key, queued(house, account, subject="L'altra").key
    alert_about(house, one, "send-waiting", one)
    alert_about(house, one, "send-refused", one)
    alert_about(house, other, "send-waiting", other)
    event(house, Event.DOUBTED, one, line={"by": "copy"})  # answers the waiting alone
    assert [(alert.kind, alert.topic) for alert in alerts(house)] == [
        ("send-refused", one),
        ("send-waiting", other),
        ("send-uncertain", one),
    ]
    event(house, Event.SETTLED_SENT, one, line={"by": "person"})
    assert [(alert.kind, alert.topic) for alert in alerts(house)] == [("send-waiting", other)]


def test_an_event_that_answers_nothing_closes_nothing(house: House, account: Account) -> None:
    key = queued(house, account).key
    alert_about(house, key, "send-waiting", key)
    event(house, Event.CLAIMED, key)
    assert open_alerts(house) == ["send-waiting"]


@pytest.mark.parametrize(
    ("act", "by", "expected"),
    [
        ("message.submitted", "server", Event.SERVER_TOOK),
        ("message.submitted", None, Event.SERVER_TOOK),
        ("message.submitted", "receipt", Event.PROVEN),
        ("message.submitted", "person", Event.SETTLED_SENT),
        ("message.deferred", "server", Event.SERVER_DEFERRED),
        ("message.deferred", None, Event.SERVER_DEFERRED),
        ("message.deferred", "withdrawn", Event.RELEASED),
        ("message.refused", "server", Event.SERVER_REFUSED),
        ("message.uncertain", "server", Event.REPLY_LOST),
        ("message.uncertain", None, Event.REPLY_LOST),
        ("message.uncertain", "crash", Event.DOUBTED),
        ("message.uncertain", "copy", Event.DOUBTED),
        ("message.requeued", "person", Event.RESENT),
        ("message.abandoned", "person", Event.SETTLED_ABANDONED),
        ("message.attempted", None, None),
        ("message.submitted", "nobody", None),
    ],
)
def test_a_rebuild_replays_each_line_as_what_it_was(act: str, by: str | None, expected: Event | None) -> None:
    facts = {} if by is None else {"by": by}
    assert replayed(lines.new_line(LedgerAct(act), at=NOW, message="k", **facts)) is expected
