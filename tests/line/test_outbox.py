"""What waits is in sight, what is uncertain asks, and what a person decides is in writing."""

import getpass
import shutil
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from pec_tracker.archive.objects import Suffix
from pec_tracker.askers import OPERATOR
from pec_tracker.db.engine import reading, writing
from pec_tracker.db.tables import Ledger, Message
from pec_tracker.errors import ApartError, DiskFullError, NotFoundError, UsageError
from pec_tracker.ledger import lines, records
from pec_tracker.pec.trust import Trust
from pec_tracker.sandbox.failures import Moment, Verb
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service.collecting.collect import collect
from pec_tracker.service.house import Account, House
from pec_tracker.service.sending.dispatch import dispatch
from pec_tracker.service.sending.outbox import follow_up, recover, resend, settle, waiting
from pec_tracker.service.sending.pace import PAUSE
from pec_tracker.service.upkeep.check import check
from pec_tracker.service.upkeep.rebuild import rebuild
from tests.archive.folders import folder_of
from tests.line.houses import Home, account_at, journeys, message_of, new_sqlite, open_alerts, queued, states
from tests.sandbox.materials import SENDER


@pytest.fixture
def uncertain(house: House, account: Account, sandbox: Sandbox) -> str:
    """The key of a message that was lost after the final dot."""
    key = queued(house, account).key
    sandbox.failures.drop(Moment.AFTER_DOT_LOST)
    dispatch(OPERATOR, house, account)
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
        collect(OPERATOR, house, account)
        assert dispatch(OPERATOR, house, account) == []
    assert open_alerts(house) == ["send-uncertain", "uncertain-unresolved"]
    assert [entry.key for entry in waiting(OPERATOR, house)] == [uncertain]
    assert sandbox.sent == []


def test_it_is_not_asked_about_before_its_time(house: House, account: Account, uncertain: str) -> None:
    collect(OPERATOR, replace(house, uncertain_after=timedelta(days=3650)), account)
    assert open_alerts(house) == ["send-uncertain"]


def test_resent_by_a_person_it_goes_and_the_decision_is_in_the_ledger(
    house: House, account: Account, sandbox: Sandbox, uncertain: str
) -> None:
    collect(OPERATOR, house, account)
    resend(OPERATOR, house, uncertain, reason="il destinatario non ha nulla")
    assert open_alerts(house) == []
    assert [one.send_state for one in dispatch(OPERATOR, house, account)] == ["submitted"]
    assert decisions(house) == [("message.requeued", "resend", "il destinatario non ha nulla")]
    assert len(sandbox.sent) == 1
    assert message_of(house, uncertain).attempts == 2


@pytest.mark.parametrize(("sent", "state"), [(True, "submitted"), (False, "abandoned")])
def test_settled_by_a_person_it_never_goes(
    house: House, account: Account, sandbox: Sandbox, uncertain: str, sent: bool, state: str
) -> None:
    settle(OPERATOR, house, uncertain, sent=sent, reason="ho telefonato")
    assert states(house) == {uncertain: state}
    assert dispatch(OPERATOR, house, account) == []
    assert decisions(house) == [(f"message.{state}", f"settle {state}", "ho telefonato")]
    assert open_alerts(house) == []
    assert sandbox.sent == []
    assert waiting(OPERATOR, house) == [] or not sent


def test_a_receipt_that_comes_after_it_was_given_up_is_still_shown(
    house: House, account: Account, sandbox: Sandbox
) -> None:
    key = queued(house, account).key
    sandbox.failures.drop(Moment.AFTER_DOT_KEPT)
    dispatch(OPERATOR, house, account)
    settle(OPERATOR, house, key, sent=False, reason="sembrava persa")
    sandbox.wait_until_quiet()
    collect(OPERATOR, house, account)
    assert journeys(house) == {"consegnata@pec.test": "delivered"}
    assert dispatch(OPERATOR, house, account) == []


def test_a_refused_message_is_corrected_by_resending_or_given_up(
    house: House, account: Account, sandbox: Sandbox
) -> None:
    sandbox.failures.reply(Verb.DOT, "554 5.7.1 no", times=2)
    first, second = queued(house, account).key, queued(house, account, subject="La seconda").key
    dispatch(OPERATOR, house, account)
    assert open_alerts(house) == ["send-refused", "send-refused"]
    resend(OPERATOR, house, first, reason="il gestore ha corretto")
    settle(OPERATOR, house, second, sent=False, reason="non serve")
    assert open_alerts(house) == []
    dispatch(OPERATOR, house, account)
    assert states(house) == {first: "submitted", second: "abandoned"}


def test_a_waiting_message_is_given_up_and_does_not_go(house: House, account: Account, sandbox: Sandbox) -> None:
    key = queued(house, account).key
    settle(OPERATOR, house, key, sent=False, reason="sbagliata")
    assert dispatch(OPERATOR, house, account) == []
    assert sandbox.sent == []


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_a_decision_without_a_reason_is_none(house: House, uncertain: str, reason: str) -> None:
    with pytest.raises(UsageError, match="say why"):
        resend(OPERATOR, house, uncertain, reason=reason)
    assert states(house) == {uncertain: "uncertain"}


def test_nothing_can_be_decided_about_what_left_or_is_not_there(
    house: House, account: Account, sandbox: Sandbox
) -> None:
    key = queued(house, account).key
    with pytest.raises(UsageError, match="waits in the outbox"):
        settle(OPERATOR, house, key, sent=True, reason="ho un sospetto")
    dispatch(OPERATOR, house, account)
    with pytest.raises(UsageError, match="nothing to decide"):
        resend(OPERATOR, house, key, reason="ancora")
    with pytest.raises(UsageError, match="nothing to decide"):
        settle(OPERATOR, house, key, sent=False, reason="via")
    with pytest.raises(NotFoundError):
        resend(OPERATOR, house, "nessuno", reason="chissà")
    assert len(sandbox.sent) == 1


def test_a_decision_needs_no_user_name_of_the_system(
    house: House, uncertain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container, whose user number has no name."""

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr(getpass, "getuser", nobody)
    settle(OPERATOR, house, uncertain, sent=True, reason="ho telefonato")
    assert states(house) == {uncertain: "submitted"}


def names(house: House) -> list[str]:
    """Every object of the archive."""
    return sorted(path.name for path in (folder_of(house.archive) / "objects").rglob("*.json"))


def test_a_refused_decision_leaves_nothing_that_looks_like_a_forgery(
    house: House, account: Account, sandbox: Sandbox
) -> None:
    key = queued(house, account).key
    dispatch(OPERATOR, house, account)
    before = names(house)
    for sent in (True, False):
        with pytest.raises(UsageError, match="nothing to decide"):
            settle(OPERATOR, house, key, sent=sent, reason="di nuovo")
    with pytest.raises(UsageError, match="nothing to decide"):
        resend(OPERATOR, house, key, reason="di nuovo")
    with pytest.raises(NotFoundError):
        settle(OPERATOR, house, "nessuno", sent=True, reason="di nuovo")
    assert names(house) == before
    assert check(OPERATOR, house.engine, house.archive).findings == ()


def test_a_decision_on_a_database_that_is_outdated_would_be_lost_and_is_refused(
    home: Home, house: House, account: Account, sandbox: Sandbox, uncertain: str
) -> None:
    home.close()  # brings everything into the one file
    shutil.copy(home.folder / "pec-tracker.db", home.folder / "yesterday.db")
    queued(house, account, subject="Nuova")
    home.close()
    for left in home.folder.glob("pec-tracker.db*"):
        left.unlink()
    shutil.copy(home.folder / "yesterday.db", home.folder / "pec-tracker.db")
    again = home.open()
    before = names(again)
    for decide in (
        lambda: resend(OPERATOR, again, uncertain, reason="non c'è"),
        lambda: settle(OPERATOR, again, uncertain, sent=True, reason="c'è"),
        lambda: queued(again, account_at(again, sandbox)),
    ):
        with pytest.raises(ApartError, match="rebuild"):
            decide()
    assert names(again) == before
    assert states(again) == {uncertain: "uncertain"}


def test_what_receipts_show_as_delivered_goes_again_only_by_a_persons_word_that_says_so(
    house: House, account: Account, sandbox: Sandbox
) -> None:
    key = queued(house, account).key
    dispatch(OPERATOR, house, account)
    sandbox.wait_until_quiet()
    collect(OPERATOR, house, account)
    with pytest.raises(UsageError, match="--again"):
        resend(OPERATOR, house, key, reason="il destinatario non lo trova")
    resend(OPERATOR, house, key, reason="il destinatario non lo trova", again=True)
    sandbox.deliver(SENDER, b"From: x\r\n\r\n")
    collect(OPERATOR, house, account)
    assert states(house) == {key: "queued"}, "the old receipts do not stand for the second sending"
    assert [one.send_state for one in dispatch(OPERATOR, house, account)] == ["submitted"]
    assert decisions(house) == [("message.requeued", "resend again", "il destinatario non lo trova")]
    assert journeys(house) == {"consegnata@pec.test": "delivered"}
    assert len(sandbox.sent) == 2


@pytest.mark.parametrize("state", ["refused", "abandoned", "uncertain"])
def test_a_message_that_a_receipt_shows_as_accepted_is_not_sent_again_by_mistake(
    house: House, account: Account, sandbox: Sandbox, state: str
) -> None:
    """The server took it and then said no, or somebody gave it up too early."""
    key = queued(house, account).key
    dispatch(OPERATOR, house, account)
    sandbox.wait_until_quiet()
    with writing(house.engine) as connection:
        connection.execute(update(Message).values(send_state=state))
    collect(OPERATOR, house, account)
    assert states(house) == {key: "submitted"}
    assert open_alerts(house) == []


def test_a_receipt_that_is_no_proof_settles_nothing_and_keeps_a_waiting_message_back(
    home: Home, sandbox: Sandbox
) -> None:
    house = home.open()
    account = account_at(house, sandbox)
    key = queued(house, account).key
    dispatch(OPERATOR, house, account)
    sandbox.wait_until_quiet()
    stranger = replace(house, trusting=Trust)  # who trusts nobody takes no receipt for proof
    collect(OPERATOR, stranger, account)
    with writing(house.engine) as connection:
        connection.execute(update(Message).values(send_state="uncertain"))
    follow_up(OPERATOR, house, account)
    assert states(house) == {key: "uncertain"}, "a forged receipt must not say that it left"
    with writing(house.engine) as connection:
        connection.execute(update(Message).values(send_state="deferred", next_attempt_at=house.clock.now()))
    other = queued(house, account, subject="Di questo non parla nessuno").key
    assert [one.key for one in dispatch(OPERATOR, house, account)] == [other]
    assert states(house) == {key: "uncertain", other: "submitted"}
    assert len(sandbox.sent) == 2


def test_what_a_receipt_shows_as_sent_is_never_said_to_be_uncertain(
    house: House, account: Account, sandbox: Sandbox
) -> None:
    key = queued(house, account).key
    dispatch(OPERATOR, house, account)
    sandbox.wait_until_quiet()
    collect(OPERATOR, house, account)
    with writing(house.engine) as connection:  # a backup of before the reply was restored, the receipts came first
        connection.execute(update(Message).values(send_state="deferred", next_attempt_at=house.clock.now()))
    assert dispatch(OPERATOR, house, account) == []
    assert states(house) == {key: "submitted"}
    assert len(sandbox.sent) == 1
    with reading(house.engine) as connection:
        told = list(connection.scalars(select(Ledger.line).where(Ledger.line.contains("message.uncertain"))))
    assert told == []


def test_the_receipts_of_one_mailbox_settle_nothing_in_another(home: Home, sandbox: Sandbox) -> None:
    house = home.open()
    ours, theirs = account_at(house, sandbox), account_at(house, sandbox, sandbox.settings.accounts[1].address)
    key = queued(house, ours).key
    dispatch(OPERATOR, house, ours)
    sandbox.wait_until_quiet()
    collect(OPERATOR, house, ours)
    silent = queued(house, ours, subject="Senza ricevute").key
    with writing(house.engine) as connection:
        connection.execute(update(Message).values(send_state="uncertain"))
    follow_up(OPERATOR, house, theirs)
    assert states(house) == {key: "uncertain", silent: "uncertain"}
    follow_up(OPERATOR, house, ours)
    assert states(house) == {key: "submitted", silent: "uncertain"}


def test_killed_before_the_dot_an_earlier_try_that_ended_raises_no_doubt(
    house: House, account: Account, sandbox: Sandbox
) -> None:
    key = queued(house, account).key
    sandbox.failures.reply(Verb.DOT, "451 4.3.0 later")
    assert [one.send_state for one in dispatch(OPERATOR, house, account)] == ["deferred"]
    with writing(house.engine) as connection:
        killed = {"send_state": "sending", "lease_owner": "dead", "lease_until": house.clock.now() - PAUSE}
        connection.execute(update(Message).values(killed))
    recover(OPERATOR, house, account)
    assert states(house) == {key: "queued"}
    assert [one.send_state for one in dispatch(OPERATOR, house, account)] == ["submitted"]


def test_queued_and_the_database_lost_the_archive_still_knows_of_it(home: Home, sandbox: Sandbox) -> None:
    house = home.open()
    account = account_at(house, sandbox)
    key = queued(house, account).key
    home.close()
    home.url = new_sqlite(home.folder / "new")
    house = home.open()
    assert rebuild(OPERATOR, house).uncertain == 1
    assert [entry.key for entry in waiting(OPERATOR, house)] == [key]


def test_a_disk_that_fills_up_as_it_is_sealed_does_not_say_that_nothing_was_queued(
    house: House, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    collected = queued(house, account)

    def full(*_arguments: object, **_more: object) -> None:
        raise DiskFullError("no space is left under {folder}", folder="/x")

    monkeypatch.setattr("pec_tracker.ledger.seals.write_segment", full)
    second = queued(house, account)
    assert (collected.unsealed, isinstance(second.unsealed, DiskFullError)) == (None, True)
    assert set(states(house)) == {collected.key, second.key}
