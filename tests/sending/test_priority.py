"""What a user would lose: his one urgent letter behind a thousand others, or a contract that allows no programs."""

from dataclasses import replace

import pytest

from pec_tracker.archive.objects import Suffix
from pec_tracker.askers import OPERATOR
from pec_tracker.errors import UsageError
from pec_tracker.ledger import records
from pec_tracker.pec.compose import compose, new_tracker_id
from pec_tracker.pec.relay import Handed
from pec_tracker.pec.sending import Priority
from pec_tracker.service.house import Account, House
from pec_tracker.service.mailboxes.agreement import acknowledge, missing
from pec_tracker.service.sending.outbox import waiting
from pec_tracker.service.sending.relay import relay
from pec_tracker.service.sending.send import queue_outgoing
from pec_tracker.service.sending.turns import next_turns
from pec_tracker.service.upkeep.rebuild import rebuild
from pec_tracker.settings import Why
from tests.line.houses import Home, draft, message_of, new_sqlite, queued
from tests.sending.offline import MINUTE, NOW, account_of, alerts, opened, round_of, told, write


def bulk(house: House, account: Account, number: int) -> str:
    """A letter of a list, in the outbox."""
    letter = draft("consegnata@pec.test", account=account, subject=f"Convocazione {number}")
    outgoing = compose(letter, tracker_id=new_tracker_id(bytes([number] * 16)), now=NOW)
    return queue_outgoing(house, account, outgoing, receipt_form="completa", priority=Priority.BULK).key


def handed(house: House, account: Account) -> str:
    """A letter of another program, in the outbox."""
    raw = f"From: {account.address}\r\nTo: consegnata@pec.test\r\nSubject: Atto\r\n\r\nBuongiorno.\r\n".encode()
    (taken,) = relay(
        OPERATOR, house, account, Handed(account.address, ("consegnata@pec.test",), raw), same_within=MINUTE
    )
    return taken.key


def next_of(house: House, account: Account) -> str | None:
    """The letter that would go next."""
    row = round_of(house, account)._next()
    return None if row is None else str(row.key)


def test_a_single_letter_passes_what_programs_and_lists_have_waiting(house: House, account: Account) -> None:
    many, program = [bulk(house, account, number) for number in range(3)], handed(house, account)
    assert next_of(house, account) == program
    single = queued(house, account, subject="Urgente").key
    for key in (*many, program):
        write(house, key, created_at=NOW - MINUTE)
    assert next_of(house, account) == single
    write(house, single, send_state="submitted")
    assert next_of(house, account) == program
    write(house, many[2], created_at=NOW - 2 * MINUTE)
    write(house, program, send_state="submitted")
    assert next_of(house, account) == many[2], "among equals the oldest"


def test_the_priority_is_shown_and_a_rebuild_makes_it_again(home: Home, house: House, account: Account) -> None:
    keys = {bulk(house, account, 1): "bulk", handed(house, account): "program", queued(house, account).key: "normal"}
    assert {one.key: one.priority for one in waiting(OPERATOR, house)} == keys
    url = new_sqlite(home.folder.with_name("again"))
    rebuilt = opened(replace(home, url=url, engines=home.engines))
    rebuild(OPERATOR, rebuilt)
    assert {key: Priority.of(message_of(rebuilt, key).priority) for key in keys} == keys


@pytest.fixture
def unagreed(house: House) -> Account:
    """A mailbox whose provider allows automatic programs only by agreement."""
    return replace(account_of(house), agreement="legalmail")


def test_without_the_agreement_no_program_sends_and_a_person_still_does(house: House, unagreed: Account) -> None:
    waits = {bulk(house, unagreed, 1), handed(house, unagreed)}
    assert next_of(house, unagreed) is None
    assert next_turns(OPERATOR, house, [unagreed]) == {}, "the watch does not come for nothing"
    entries = waiting(OPERATOR, house, unagreed)
    assert {(one.key, one.held.why if one.held else None, one.next_attempt_at) for one in entries} == {
        (key, Why.AGREEMENT, None) for key in waits
    }
    assert [alert.kind for alert in alerts(house)] == ["agreement-missing"], "once for all of them"
    single = queued(house, unagreed, subject="Mia").key
    assert next_of(house, unagreed) == single
    assert next_turns(OPERATOR, house, [unagreed]) == {unagreed.id: NOW}


def test_acknowledged_in_writing_it_leaves_and_who_said_so_is_in_the_ledger(
    home: Home, house: House, unagreed: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = bulk(house, unagreed, 1)
    monkeypatch.setattr("getpass.getuser", lambda: "rossi")
    acknowledge(OPERATOR, house, unagreed, note="accordo del 3 marzo, prot. 1204")
    assert next_of(house, unagreed) == key
    assert alerts(house) == []
    (act,) = told(house, "mailbox.acknowledged")
    record = records.read_record(house.archive.get(str(act.facts["record"]), Suffix.RECORD))
    assert (record["by"], record["note"], record["provider"]) == (
        "rossi",
        "accordo del 3 marzo, prot. 1204",
        "legalmail",
    )
    url = new_sqlite(home.folder.with_name("again"))
    rebuilt = opened(replace(home, url=url, engines=home.engines))
    rebuild(OPERATOR, rebuilt)
    assert not missing(OPERATOR, rebuilt, unagreed)


def test_with_another_provider_it_is_asked_anew(house: House, unagreed: Account) -> None:
    acknowledge(OPERATOR, house, unagreed, note="accordo")
    assert missing(OPERATOR, house, replace(unagreed, agreement="altro"))
    assert not missing(OPERATOR, house, replace(unagreed, agreement=None))


@pytest.mark.parametrize(
    ("provider", "note", "says"), [(None, "x", "wants no agreement"), ("legalmail", " ", "--note")]
)
def test_what_says_nothing_is_not_written(house: House, provider: str | None, note: str, says: str) -> None:
    account = replace(account_of(house), agreement=provider)
    with pytest.raises(UsageError, match=says):
        acknowledge(OPERATOR, house, account, note=note)
    assert told(house, "mailbox.acknowledged") == []
