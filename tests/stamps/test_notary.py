"""What a user would lose: the provider's dated word about the ledger, or a message a day too many."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from pec_tracker import crash
from pec_tracker.askers import OPERATOR
from pec_tracker.clock import Clock
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Ledger, Stamp
from pec_tracker.ledger.quotes import Quote, quoted
from pec_tracker.ledger.segments import (
    read_seal,
)
from pec_tracker.service.dating.notary import record_acceptances, write_to_self
from pec_tracker.service.house import House
from tests.factory import ca, cms, receipts
from tests.stamps.notaries import OWN, acceptance, arrive, notary_account, queued


def stamps(house: House) -> list[tuple[int, str, str, datetime]]:
    with reading(house.engine) as connection:
        rows = connection.execute(select(Stamp).order_by(Stamp.id))
        return [(row.seal_number, row.kind, row.source, row.stamped_at) for row in rows]


def lines_of(house: House, act: str) -> int:
    with reading(house.engine) as connection:
        return len(connection.execute(select(Ledger.id).where(Ledger.act == act)).all())


def at_time(house: House, at: datetime) -> House:
    return replace(house, clock=Clock(started=datetime.now(UTC), origin=at))


def test_the_newest_seal_is_quoted_to_ourselves_once_a_day(house: House) -> None:
    account = notary_account(house)
    first = write_to_self(OPERATOR, house, account)
    assert first is not None
    assert write_to_self(OPERATOR, house, account) is None
    ((key, _reference, subject),) = queued(house, account)
    quote = quoted(subject)
    assert key == first
    assert quote is not None
    assert read_seal(house.archive.ledger, quote.number).sha256 == quote.sha256
    tomorrow = at_time(house, datetime.now(UTC) + timedelta(days=1))
    assert write_to_self(OPERATOR, tomorrow, account) not in (None, first)
    assert len(queued(house, account)) == 2


def test_the_day_is_italys(house: House) -> None:
    account = notary_account(house)
    before, after = (at_time(house, datetime(2026, 7, 1, hour, 30, tzinfo=UTC)) for hour in (21, 22))
    assert write_to_self(OPERATOR, before, account) != write_to_self(OPERATOR, after, account)
    assert len(queued(house, account)) == 2


def test_a_mailbox_that_did_not_ask_for_it_writes_nothing(house: House) -> None:
    account = notary_account(house, notary=False)
    assert write_to_self(OPERATOR, house, account) is None
    assert queued(house, account) == []


def test_two_processes_write_one_message(house: House) -> None:
    account = notary_account(house)
    keys: list[str | None] = []
    gate = threading.Barrier(4)

    def run() -> None:
        gate.wait()
        keys.append(write_to_self(OPERATOR, house, account))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 4
    assert len([key for key in keys if key]) == 1
    assert len(queued(house, account)) == 1


@pytest.mark.parametrize("point", ["queue.archived", "queue.committed", "notary.queued"])
def test_a_crash_leaves_one_message_a_day(house: House, monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    class Killed(BaseException):
        pass

    def die(here: str) -> None:
        if here == point:
            raise Killed

    account = notary_account(house)
    monkeypatch.setattr(crash, "at", die)
    with pytest.raises(Killed):
        write_to_self(OPERATOR, house, account)
    monkeypatch.undo()
    write_to_self(OPERATOR, house, account)
    assert len(queued(house, account)) == 1


def test_the_acceptance_dates_the_seal(house: House) -> None:
    account = notary_account(house)
    write_to_self(OPERATOR, house, account)
    ((_key, reference, subject),) = queued(house, account)
    raw = acceptance(house, reference, subject)
    arrive(house, account, raw)
    assert record_acceptances(OPERATOR, house, account) == 1
    assert record_acceptances(OPERATOR, house, account) == 0
    ((number, kind, _source, at),) = stamps(house)
    quote = quoted(subject)
    assert quote is not None
    assert (number, kind) == (quote.number, "pec")
    assert abs(at - datetime.now(UTC)) < timedelta(minutes=1)
    assert lines_of(house, "seal.notarised") == 1


def forged(house: House, reference: str, subject: str) -> bytes:
    signer = ca.provider(ca.pec_ca(ca.root(key="other-root"), key="other-ca"), key="other")
    issued = house.clock.now().replace(microsecond=0)
    return receipts.receipt(
        "accettazione",
        sender=OWN,
        recipients=[OWN],
        subject=subject,
        reference=reference,
        issued_at=issued,
        signers=(cms.Signer(signer, signed_at=issued),),
    )


def other_hash(house: House, reference: str, subject: str) -> bytes:
    return acceptance(house, reference, subject[:-4] + "0000")


def other_number(house: House, reference: str, subject: str) -> bytes:
    return acceptance(house, reference, Quote(41, subject[-64:]).subject)


@pytest.mark.parametrize("bend", [forged, other_hash, other_number])
def test_what_is_no_proof_dates_nothing(house: House, bend: Callable[[House, str, str], bytes]) -> None:
    account = notary_account(house)
    write_to_self(OPERATOR, house, account)
    ((_key, reference, subject),) = queued(house, account)
    arrive(house, account, bend(house, reference, subject))
    assert record_acceptances(OPERATOR, house, account) == 0
    assert stamps(house) == []


@pytest.mark.parametrize(
    "subject",
    [None, "", "pec-tracker sigillo 42 " + "a" * 64, "pec-tracker sigillo 00000042 " + "A" * 64, "pec-tracker sigillo"],
)
def test_other_subjects_quote_nothing(subject: str | None) -> None:
    assert quoted(subject) is None


def test_a_folded_subject_quotes_the_same() -> None:
    quote = Quote(42, "ab" * 32)
    assert quoted(quote.subject.replace(" ", "\r\n ")) == quote
