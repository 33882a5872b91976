"""What waits is in sight, what is uncertain asks, and what a person decides is in writing."""

import getpass
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from pec_tracker.archive.objects import Suffix
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Ledger
from pec_tracker.errors import NotFoundError, UsageError
from pec_tracker.ledger import lines
from pec_tracker.sandbox.failures import Moment, Verb
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service import records
from pec_tracker.service.collect import collect
from pec_tracker.service.dispatch import dispatch
from pec_tracker.service.house import Account, House
from pec_tracker.service.outbox import resend, settle, waiting
from tests.line.houses import journeys, message_of, open_alerts, queued, states


@pytest.fixture
def uncertain(house: House, account: Account, sandbox: Sandbox) -> str:
    """The key of a message that was lost after the final dot."""
    key = queued(house, account).key
    sandbox.failures.drop(Moment.AFTER_DOT_LOST)
    dispatch(house, account)
    return key


def decisions(house: House) -> list[tuple[str, str, str]]:
    """The persons' decisions in the ledger: act, and what and why of its record."""
    with reading(house.engine) as connection:
        acts = [lines.decode(text) for text in connection.scalars(select(Ledger.line).order_by(Ledger.id))]
    found = []
    for act in acts:
        if act.facts.get("by") == "person":
            record = records.read_record(house.archive.get(str(act.facts["record"]), Suffix.RECORD))
            found.append((act.act, str(record["what"]), str(record["reason"])))
    return found


def test_an_uncertain_message_is_asked_about_once_and_never_resent_by_itself(
    house: House, account: Account, sandbox: Sandbox, uncertain: str
) -> None:
    for _ in range(3):
        collect(house, account)
        assert dispatch(house, account) == []
    assert open_alerts(house) == ["send-uncertain", "uncertain-unresolved"]
    assert [entry.key for entry in waiting(house)] == [uncertain]
    assert sandbox.sent == []


def test_it_is_not_asked_about_before_its_time(house: House, account: Account, uncertain: str) -> None:
    collect(replace(house, uncertain_after=timedelta(days=3650)), account)
    assert open_alerts(house) == ["send-uncertain"]


def test_resent_by_a_person_it_goes_and_the_decision_is_in_the_ledger(
    house: House, account: Account, sandbox: Sandbox, uncertain: str
) -> None:
    collect(house, account)
    resend(house, uncertain, reason="il destinatario non ha nulla")
    assert open_alerts(house) == []
    assert [one.send_state for one in dispatch(house, account)] == ["submitted"]
    assert decisions(house) == [("message.requeued", "resend", "il destinatario non ha nulla")]
    assert len(sandbox.sent) == 1
    assert message_of(house, uncertain).attempts == 2


@pytest.mark.parametrize(("sent", "state"), [(True, "submitted"), (False, "abandoned")])
def test_settled_by_a_person_it_never_goes(
    house: House, account: Account, sandbox: Sandbox, uncertain: str, sent: bool, state: str
) -> None:
    settle(house, uncertain, sent=sent, reason="ho telefonato")
    assert states(house) == {uncertain: state}
    assert dispatch(house, account) == []
    assert decisions(house) == [(f"message.{state}", f"settle {state}", "ho telefonato")]
    assert open_alerts(house) == []
    assert sandbox.sent == []
    assert waiting(house) == [] or not sent


def test_a_receipt_that_comes_after_it_was_given_up_is_still_shown(
    house: House, account: Account, sandbox: Sandbox
) -> None:
    key = queued(house, account).key
    sandbox.failures.drop(Moment.AFTER_DOT_KEPT)
    dispatch(house, account)
    settle(house, key, sent=False, reason="sembrava persa")
    sandbox.wait_until_quiet()
    collect(house, account)
    assert journeys(house) == {"consegnata@pec.test": "delivered"}
    assert dispatch(house, account) == []


def test_a_refused_message_is_corrected_by_resending_or_given_up(
    house: House, account: Account, sandbox: Sandbox
) -> None:
    sandbox.failures.reply(Verb.DOT, "554 5.7.1 no", times=2)
    first, second = queued(house, account).key, queued(house, account, subject="La seconda").key
    dispatch(house, account)
    assert open_alerts(house) == ["send-refused", "send-refused"]
    resend(house, first, reason="il gestore ha corretto")
    settle(house, second, sent=False, reason="non serve")
    assert open_alerts(house) == []
    dispatch(house, account)
    assert states(house) == {first: "submitted", second: "abandoned"}


def test_a_waiting_message_is_given_up_and_does_not_go(house: House, account: Account, sandbox: Sandbox) -> None:
    key = queued(house, account).key
    settle(house, key, sent=False, reason="sbagliata")
    assert dispatch(house, account) == []
    assert sandbox.sent == []


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_a_decision_without_a_reason_is_none(house: House, uncertain: str, reason: str) -> None:
    with pytest.raises(UsageError, match="say why"):
        resend(house, uncertain, reason=reason)
    assert states(house) == {uncertain: "uncertain"}


def test_nothing_can_be_decided_about_what_left_or_is_not_there(
    house: House, account: Account, sandbox: Sandbox
) -> None:
    key = queued(house, account).key
    with pytest.raises(UsageError, match="nothing to decide"):
        settle(house, key, sent=True, reason="ho un sospetto")
    dispatch(house, account)
    with pytest.raises(UsageError, match="nothing to decide"):
        resend(house, key, reason="ancora")
    with pytest.raises(UsageError, match="nothing to decide"):
        settle(house, key, sent=False, reason="via")
    with pytest.raises(NotFoundError):
        resend(house, "nessuno", reason="chissà")
    assert len(sandbox.sent) == 1


def test_a_decision_needs_no_user_name_of_the_system(
    house: House, uncertain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container, whose user number has no name."""

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr(getpass, "getuser", nobody)
    settle(house, uncertain, sent=True, reason="ho telefonato")
    assert states(house) == {uncertain: "submitted"}
