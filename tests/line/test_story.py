"""The main job, end to end: what is sent comes back as receipts, and one look says where it stands."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from pec_tracker.askers import OPERATOR
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Evidence, Mail, Message, Sighting
from pec_tracker.sandbox.inject import Injection
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service.collecting.collect import collect
from pec_tracker.service.house import Account, House
from pec_tracker.service.sending.dispatch import dispatch
from pec_tracker.service.sending.sent_copy import copy_to_sent
from tests.line.houses import Home, account_at, journeys, message_of, open_alerts, queued, states
from tests.line.story import BEHAVIOURS, FORGERIES, SECOND_MAILBOX, send_to_all, sent_elsewhere
from tests.sandbox.materials import SENDER, letter


def count(house: House, column: object, *conditions: object) -> int:
    with reading(house.engine) as connection:
        return connection.execute(select(func.count(column)).where(*conditions)).scalar_one()  # type: ignore[arg-type]


def test_every_recipient_stands_where_the_receipts_say(home_on_either: Home, sandbox: Sandbox) -> None:
    house = home_on_either.open()
    account = account_at(house, sandbox)
    send_to_all(house, account)
    sandbox.wait_until_quiet()
    collected = collect(OPERATOR, house, account)
    assert journeys(house) == BEHAVIOURS
    assert collected.complete
    assert collected.taken.archived == len(sandbox.mails(SENDER)) - 1  # one acceptance came twice, the very same
    assert set(states(house).values()) == {"submitted"}
    assert set(open_alerts(house)) == {"not-delivered"}
    again = collect(OPERATOR, house, account)
    assert (again.taken.archived, again.taken.known) == (0, 0)
    assert journeys(house) == BEHAVIOURS


def test_each_mailbox_keeps_to_itself(home: Home, sandbox: Sandbox) -> None:
    house = home.open()
    first, second = account_at(house, sandbox), account_at(house, sandbox, SECOND_MAILBOX)
    queued(house, first, SECOND_MAILBOX, subject="All'ufficio")
    dispatch(OPERATOR, house, first)
    sandbox.wait_until_quiet()
    collect(OPERATOR, house, second)
    assert journeys(house) == {SECOND_MAILBOX: "awaiting_acceptance"}  # the envelope is no evidence of ours
    collect(OPERATOR, house, first)
    assert journeys(house) == {SECOND_MAILBOX: "delivered"}
    assert count(house, Message.id) == 1


def test_what_other_programs_send_is_found_and_tracked(house: House, account: Account, sandbox: Sandbox) -> None:
    sent_elsewhere(sandbox)
    sandbox.wait_until_quiet()
    collect(OPERATOR, house, account)
    with reading(house.engine) as connection:
        (message,) = connection.execute(select(Message)).all()
    assert (message.origin, message.send_state, message.state) == ("found", "submitted", "delivered")
    assert journeys(house) == {"consegnata@pec.test": "delivered"}


def test_a_reply_is_linked_to_the_message_that_it_answers(house: House, account: Account, sandbox: Sandbox) -> None:
    sent = queued(house, account)
    dispatch(OPERATOR, house, account)
    sandbox.wait_until_quiet()
    collect(OPERATOR, house, account)
    sandbox.inject(Injection.REPLY)
    collect(OPERATOR, house, account)
    message = message_of(house, sent.key)
    assert count(house, Mail.id, Mail.role == "reply", Mail.message_id == message.id) == 1
    assert count(house, Evidence.id, Evidence.message_id == message.id, Evidence.counts) == 2


@pytest.mark.parametrize("forgery", FORGERIES)
def test_no_forgery_moves_a_journey(house: House, account: Account, sandbox: Sandbox, forgery: Injection) -> None:
    queued(house, account, "silenzio@pec.test")
    dispatch(OPERATOR, house, account)
    sandbox.wait_until_quiet()
    collect(OPERATOR, house, account)
    assert journeys(house) == {"silenzio@pec.test": "failed"}
    before = open_alerts(house)
    sandbox.inject(forgery)
    assert collect(OPERATOR, house, account).taken.archived == 1
    assert journeys(house) == {"silenzio@pec.test": "failed"}
    assert count(house, Evidence.id, Evidence.counts, Evidence.kind == "delivery") == 0
    if forgery is not Injection.FORGED_NESTED:  # that one is an honest envelope around a lie
        assert "evidence-not-proof" in open_alerts(house)
    assert set(before) <= set(open_alerts(house))


class TestCopyInSent:
    """`copy_to_sent`: what left is seen in the webmail, once."""

    @pytest.fixture
    def copying(self, account: Account) -> Account:
        return replace(account, copy_to_sent=True)

    @pytest.fixture
    def sent(self, house: House, copying: Account, sandbox: Sandbox) -> str:
        key = queued(house, copying).key
        dispatch(OPERATOR, house, copying)
        sandbox.wait_until_quiet()
        return key

    def test_the_very_bytes_lie_there_and_are_no_new_message(
        self, house: House, copying: Account, sandbox: Sandbox, sent: str
    ) -> None:
        assert copy_to_sent(OPERATOR, house, copying).made == 1
        assert sandbox.mails(SENDER, "INBOX.Inviata") == [sandbox.sent[0].submission.raw]
        collected = collect(OPERATOR, house, copying)
        assert collected.taken.known == 1
        assert count(house, Message.id) == 1
        assert count(house, Mail.id, Mail.role == "original") == 1
        assert count(house, Sighting.uid) == 3
        assert copy_to_sent(OPERATOR, house, copying).made == 0
        assert len(sandbox.mails(SENDER, "INBOX.Inviata")) == 1

    def test_the_providers_own_copy_is_left_alone(
        self, house: House, copying: Account, sandbox: Sandbox, sent: str
    ) -> None:
        own = sandbox.sent[0].submission.raw.replace(b"MIME-Version", b"X-Kept-By: provider\r\nMIME-Version", 1)
        sandbox.deliver(SENDER, own, folder="INBOX.Inviata")
        copies = copy_to_sent(OPERATOR, house, copying)
        assert (copies.found, copies.made) == (1, 0)
        assert sandbox.mails(SENDER, "INBOX.Inviata") == [own]
        collect(OPERATOR, house, copying)
        assert count(house, Message.id) == 1

    def test_a_collected_copy_needs_no_look_at_the_server(
        self, house: House, copying: Account, sandbox: Sandbox, sent: str
    ) -> None:
        sandbox.deliver(SENDER, sandbox.sent[0].submission.raw, folder="INBOX.Inviata")
        collect(OPERATOR, house, copying)
        sandbox.imap_faults.refuse_login = True
        assert copy_to_sent(OPERATOR, house, copying).found == 1

    def test_a_full_mailbox_changes_no_send_state(
        self, house: House, copying: Account, sandbox: Sandbox, sent: str
    ) -> None:
        sandbox.imap_faults.answer("APPEND", "NO [OVERQUOTA] full")
        with pytest.raises(Exception, match="OVERQUOTA"):
            copy_to_sent(OPERATOR, house, copying)
        assert states(house) == {sent: "submitted"}
        sandbox.imap_faults.answers.clear()
        assert copy_to_sent(OPERATOR, house, copying).made == 1

    def test_nobody_is_copied_who_did_not_leave_or_does_not_want_it(
        self, house: House, account: Account, copying: Account, sandbox: Sandbox, sent: str
    ) -> None:
        assert copy_to_sent(OPERATOR, house, account).made == 0
        queued(house, copying, subject="Non ancora partita")
        assert copy_to_sent(OPERATOR, house, copying).made == 1
        assert len(sandbox.mails(SENDER, "INBOX.Inviata")) == 1


def test_a_mail_in_two_folders_is_one_mail_seen_twice(house: House, account: Account, sandbox: Sandbox) -> None:
    raw = letter(headers="X-N: due volte\r\n")
    for folder in ("INBOX", "INBOX.Inviata", "INBOX"):
        sandbox.deliver(SENDER, raw, folder=folder)
    collect(OPERATOR, house, account)
    assert count(house, Mail.id) == 1
    assert count(house, Sighting.uid) == 3


def test_two_homes_that_collect_the_same_mailbox_say_the_same(new_home: Callable[..., Home], sandbox: Sandbox) -> None:
    found = []
    sent_elsewhere(sandbox)
    sandbox.wait_until_quiet()
    for _ in range(2):
        house = new_home().open()
        collect(OPERATOR, house, account_at(house, sandbox))
        found.append((journeys(house), states(house)))
    assert found[0] == found[1]
