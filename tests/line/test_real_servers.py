"""The same story where nothing is ours: Postfix takes the message, Dovecot keeps what comes back."""

import email
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from pec_tracker.archive.objects import Suffix
from pec_tracker.askers import OPERATOR
from pec_tracker.clock import Clock
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Mail, Message
from pec_tracker.errors import ServerError
from pec_tracker.service.collecting.collect import collect
from pec_tracker.service.house import Account, House
from pec_tracker.service.mailboxes.known import known_mailbox
from pec_tracker.service.quota.ask import quota
from pec_tracker.service.quota.space import Level
from pec_tracker.service.sending.dispatch import dispatch
from pec_tracker.service.sending.sent_copy import copy_to_sent
from pec_tracker.settings import Quota
from pec_tracker.wire.endpoint import Login
from tests.archive.killed import killed_at
from tests.factory import receipts
from tests.line.conftest import ENGINES
from tests.line.crashes import NOBODY_KNOWS, NOTHING_LEFT, SETTLED
from tests.line.houses import Home, journeys, new_sqlite, queued, states
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.faultproxy import FaultProxy, Faults
from tests.servers.postfix import Postfix
from tests.servers.programs import wait_until

pytestmark = [pytest.mark.dovecot, pytest.mark.postfix]

IDLE_ROUND_TRIPS = 6


@pytest.fixture
def real_house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """A house in real time that trusts the factory's providers; on SQLite, where a test does not say."""
    engine = getattr(request, "param", "sqlite")
    url = request.getfixturevalue("postgres_url") if engine == "postgres" else new_sqlite(tmp_path)
    home = Home(tmp_path, url, tmp_path, Clock())
    yield home.open(trust=receipts.trust())
    home.close()


@pytest.fixture
def mailbox(real_house: House, dovecot: Dovecot, postfix: Postfix) -> Account:
    """A mailbox of Dovecot's that sends by Postfix."""
    return account_of(real_house, dovecot, postfix)


def account_of(house: House, dovecot: Dovecot, postfix: Postfix, *, quota_kilobytes: int | None = None) -> Account:
    login = dovecot.add_user(quota_kilobytes=quota_kilobytes)
    row_id, key = known_mailbox(house, login.user.partition("@")[0], login.user)
    return Account(row_id, key, "vera", login.user, postfix.endpoint(), dovecot.endpoint(), lambda: login)


def arrived(dovecot: Dovecot, user: str, folder: str = "INBOX") -> list[bytes]:
    """What lies in a folder of Dovecot's, as a person's mail program sees it."""
    with dovecot.client(Login(user, PASSWORD)) as client:
        client.select_folder(folder, readonly=True)
        uids = client.search()
        return [found[b"BODY[]"] for found in client.fetch(uids, ["BODY.PEEK[]"]).values()] if uids else []


def arrived_somehow(dovecot: Dovecot, user: str) -> bool:
    return bool(arrived(dovecot, user))


def receipt(kind: str, raw: bytes, account: Account, message: Any, recipient: str, **more: Any) -> bytes:
    """What the provider answers about the message as Postfix delivered it."""
    issued_at = (message.created_at + timedelta(seconds=5)).replace(microsecond=0)
    return receipts.receipt(
        kind,
        sender=account.address,
        recipients=[recipient],
        subject=message.subject,
        reference=message.reference,
        issued_at=issued_at,
        original=raw if kind == "avvenuta-consegna" else None,
        **more,
    )


@pytest.mark.parametrize("real_house", ENGINES, indirect=True)
def test_sent_by_postfix_and_collected_from_dovecot_it_is_delivered(
    real_house: House, mailbox: Account, dovecot: Dovecot
) -> None:
    good, full = dovecot.add_user().user, dovecot.add_user().user
    for recipient, subject in ((good, "Buona nuova – così è"), (full, "Casella piena")):
        queued(real_house, mailbox, recipient, subject=subject)
    assert {sent.send_state for sent in dispatch(OPERATOR, real_house, mailbox)} == {"submitted"}
    with reading(real_house.engine) as connection:
        messages = {row.subject: row for row in connection.execute(select(Message))}
    for recipient in (good, full):
        wait_until(partial(arrived_somehow, dovecot, recipient), seconds=15, what="Postfix delivers")
    sent = real_house.archive.get(messages["Buona nuova – così è"].raw, Suffix.MAIL)
    assert sent.partition(b"\r\n\r\n")[2] == arrived(dovecot, good)[0].partition(b"\r\n\r\n")[2]
    answers = [
        receipt("accettazione", sent, mailbox, messages["Buona nuova – così è"], good),
        receipt("avvenuta-consegna", sent, mailbox, messages["Buona nuova – così è"], good),
        receipt("accettazione", sent, mailbox, messages["Casella piena"], full),
        receipt(
            "errore-consegna", sent, mailbox, messages["Casella piena"], full,
            error="altro", error_detail="5.2.2 - Gestore di Prova - casella piena",
        ),
    ]  # fmt: skip
    for raw in answers:
        dovecot.deliver(mailbox.address, raw)  # by LMTP, which puts its trace on top
    collected = collect(OPERATOR, real_house, mailbox)
    assert (collected.complete, collected.taken.proof) == (True, 4)
    assert journeys(real_house) == {good: "delivered", full: "failed"}
    assert collect(OPERATOR, real_house, mailbox).taken.archived == 0
    later = replace(real_house, clock=Clock(origin=Clock().origin + timedelta(minutes=10)))
    copying = replace(mailbox, copy_to_sent=True)
    assert copy_to_sent(OPERATOR, later, copying).made == 2
    assert sent in arrived(dovecot, mailbox.address, "Sent")
    assert collect(OPERATOR, later, mailbox).taken.known == 2
    assert set(states(real_house).values()) == {"submitted"}
    with reading(real_house.engine) as connection:
        assert connection.scalar(select(func.count(Message.id))) == 2


def test_only_the_mailbox_itself_may_send_as_itself(real_house: House, mailbox: Account, dovecot: Dovecot) -> None:
    other = dovecot.add_user().user
    key = queued(real_house, replace(mailbox, address=other), mailbox.address).key
    assert [one.send_state for one in dispatch(OPERATOR, real_house, mailbox)] == ["refused"]
    assert states(real_house) == {key: "refused"}


@pytest.mark.timeout(400)  # some dozens of processes on what may be a busy machine
@pytest.mark.usefixtures("short_leases")
def test_killed_at_each_step_of_a_dialogue_with_postfix_a_letter_arrives_once_or_is_said_to_be_uncertain(
    tmp_path: Path, dovecot: Dovecot, postfix: Postfix
) -> None:
    home = Home(tmp_path, new_sqlite(tmp_path), tmp_path, Clock())
    house = home.open(trust=receipts.trust())
    mailbox = account_of(house, dovecot, postfix)
    good = dovecot.add_user().user
    keys = {}
    for point in (*NOTHING_LEFT, *NOBODY_KNOWS, *SETTLED):
        key = keys[point] = queued(house, mailbox, good, subject=point).key
        start = house.start
        house.engine.dispose()

        def sender(key: str = key, start: Any = start) -> None:
            again = home.open(trust=receipts.trust(), start=start)
            dispatch(OPERATOR, again, mailbox, only=[key])

        assert killed_at(point, sender), point
        for _ in range(2):
            sender()
    wait_until(lambda: postfix.waiting() == 0, seconds=30, what="Postfix has delivered all that it took")
    there = Counter(str(email.message_from_bytes(raw)["Subject"]) for raw in arrived(dovecot, good))
    found = states(house)
    home.close()
    for point in NOTHING_LEFT:
        assert (there[point], found[keys[point]]) == (1, "submitted"), point
    for point in NOBODY_KNOWS:
        assert found[keys[point]] == "uncertain", point
        assert there[point] <= 1, point
    for point in ("smtp.after-reply", "dispatch.replied"):
        assert there[point] == 1, point  # Postfix said 250: a second one would have been the double
    for point in ("dispatch.attempt-committed", "dispatch.attempt-noted"):
        assert there[point] == 0, point
    for point in SETTLED:
        assert (there[point], found[keys[point]]) == (1, "submitted"), point


@pytest.mark.parametrize("moment", ["up", "down"])
def test_a_line_to_postfix_that_is_cut_anywhere_brings_a_letter_once_or_says_that_it_is_uncertain(
    real_house: House,
    mailbox: Account,
    dovecot: Dovecot,
    postfix: Postfix,
    fault_proxy: Callable[[int], FaultProxy],
    moment: str,
) -> None:
    good = dovecot.add_user().user
    proxy = fault_proxy(mailbox.smtp.port)
    by_proxy = replace(mailbox, smtp=replace(mailbox.smtp, port=proxy.port))
    queued(real_house, mailbox, good, subject="intera")
    dispatch(OPERATOR, real_house, by_proxy)
    whole = getattr(proxy.connections[0], moment)
    keys = {}
    for at in range(0, whole, max(1, whole // 12)):
        keys[f"{moment} {at}"] = key = queued(real_house, mailbox, good, subject=f"{moment} {at}").key
        proxy.faults = Faults(**{f"cut_{moment}": at})
        with suppress(ServerError):
            dispatch(OPERATOR, real_house, by_proxy, only=[key])
        proxy.faults = Faults()
    later = replace(real_house, clock=Clock(origin=Clock().origin + timedelta(days=1)))
    dispatch(OPERATOR, later, by_proxy)
    wait_until(lambda: postfix.waiting() == 0, seconds=30, what="Postfix has delivered all that it took")
    there = Counter(str(email.message_from_bytes(raw)["Subject"]) for raw in arrived(dovecot, good))
    found = states(real_house)
    for subject, key in keys.items():
        assert there[subject] <= 1, subject
        assert (there[subject], found[key]) == (1, "submitted") or found[key] == "uncertain", subject
    assert "submitted" in found.values()


def test_a_full_mailbox_is_told_of_by_the_servers_own_quota(
    real_house: House, dovecot: Dovecot, postfix: Postfix
) -> None:
    account = account_of(real_house, dovecot, postfix, quota_kilobytes=100)
    dovecot.append(account.login(), [b"From: x@pec.example\r\n\r\n" + b"x" * 78 * 1024 + b"\r\n" for _ in range(1)])
    assert quota(OPERATOR, real_house, replace(account, quota=Quota(warn_percent=70))).level is Level.WARNING


def test_uidvalidity_that_changes_on_dovecot_doubles_nothing(
    real_house: House, mailbox: Account, dovecot: Dovecot
) -> None:
    login = mailbox.login()
    raws = [b"From: x@pec.example\r\nX-N: %d\r\n\r\nciao\r\n" % number for number in range(5)]
    dovecot.append(login, raws, folder="Pratiche 2026 – è")
    assert collect(OPERATOR, real_house, mailbox).taken.archived == 5
    with dovecot.client(login) as client:
        client.delete_folder("Pratiche 2026 – è")
    dovecot.append(login, [*raws, b"From: x@pec.example\r\n\r\nnuova\r\n"], folder="Pratiche 2026 – è")
    collected = collect(OPERATOR, real_house, mailbox)
    assert (collected.taken.archived, collected.taken.known) == (1, 5)


def test_sessions_that_dovecot_throws_out_are_collected_next_time(
    real_house: House, mailbox: Account, dovecot: Dovecot
) -> None:
    login = mailbox.login()
    dovecot.append(login, [b"From: x@pec.example\r\nX-N: %d\r\n\r\nciao\r\n" % number for number in range(1_200)])

    def thrown_out(done: int, _all: int) -> None:
        if done == 500:
            dovecot.kill_sessions(login)

    with pytest.raises(Exception, match="connection"):
        collect(OPERATOR, real_house, mailbox, progress=thrown_out)
    assert collect(OPERATOR, real_house, mailbox).complete
    with reading(real_house.engine) as connection:
        assert connection.scalar(select(func.count(Mail.id))) == 1_200


@pytest.mark.slow
def test_an_idle_collect_of_four_thousand_mails_asks_little_and_downloads_nothing(
    real_house: House, mailbox: Account, dovecot: Dovecot, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    login = mailbox.login()
    dovecot.append(login, (b"From: x@pec.example\r\nX-N: %d\r\n\r\nciao\r\n" % number for number in range(4_000)))
    assert collect(OPERATOR, real_house, mailbox).taken.archived == 4_000
    proxy = fault_proxy(mailbox.imap.port)
    idle = collect(OPERATOR, real_house, replace(mailbox, imap=replace(mailbox.imap, port=proxy.port)))
    assert idle.complete
    assert idle.round_trips <= IDLE_ROUND_TRIPS + idle.folders
    assert proxy.connections[0].down < 10_000
