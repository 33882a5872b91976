"""What a user would lose: a mail that lies on the server and in no archive, and nobody says so."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import imapclient
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pec_tracker.askers import OPERATOR
from pec_tracker.errors import ServerError
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service.collecting.collect import collect
from pec_tracker.service.collecting.completeness import FolderReport, Seen, compare, completeness
from pec_tracker.service.house import Account, House
from pec_tracker.service.intake.uids import Sighted
from pec_tracker.settings import Folders
from pec_tracker.wire.endpoint import Login
from pec_tracker.wire.imap import FolderStatus, Identity
from tests.factory import receipts
from tests.line.houses import Home, account_at
from tests.sandbox.materials import SENDER, letter
from tests.servers.dovecot import Dovecot

NewHome = Callable[..., Home]


@pytest.fixture
def house(new_home: NewHome) -> House:
    """A house at the sandbox; it hides the one without servers."""
    return new_home().open()


@pytest.fixture
def account(house: House, sandbox: Sandbox) -> Account:
    """Its mailbox there."""
    return account_at(house, sandbox)


def folder(house: House, account: Account, name: str = "INBOX") -> FolderReport:
    return next(one for one in completeness(OPERATOR, house, account).folders if one.name == name)


def test_mailbox_that_was_collected_is_complete(house: House, account: Account, sandbox: Sandbox) -> None:
    for number in range(3):
        sandbox.deliver(SENDER, letter(headers=f"X-N: {number}\r\n"))
    collect(OPERATOR, house, account)
    report = completeness(OPERATOR, house, account)
    assert report.complete
    inbox = next(one for one in report.folders if one.name == "INBOX")
    assert (inbox.on_server, inbox.archived, inbox.missing, inbox.quarantined, inbox.gone) == (3, 3, (), (), 0)


def test_mail_that_was_not_collected_yet_is_named_by_its_uid(house: House, account: Account, sandbox: Sandbox) -> None:
    sandbox.deliver(SENDER, letter())
    collect(OPERATOR, house, account)
    sandbox.deliver(SENDER, letter(headers="X-N: 2\r\n"))
    inbox = folder(house, account)
    assert (inbox.on_server, inbox.archived, inbox.missing) == (2, 1, (2,))
    assert not completeness(OPERATOR, house, account).complete
    collect(OPERATOR, house, account)
    assert completeness(OPERATOR, house, account).complete


def test_mail_that_the_server_refuses_to_give_is_named_and_is_not_complete(
    house: House, account: Account, sandbox: Sandbox
) -> None:
    sandbox.deliver(SENDER, letter())
    sandbox.imap_faults.answer("UID FETCH", "NO cannot read it", after=1, times=1)
    collect(OPERATOR, house, account)
    sandbox.imap_faults.answers.clear()
    inbox = folder(house, account)
    assert (inbox.archived, inbox.quarantined, inbox.missing) == (0, ((1, "refused"),), ())
    assert not completeness(OPERATOR, house, account).complete, "it lies on the server and in no archive"


def test_folder_that_the_server_refuses_is_not_taken_for_complete(
    house: House, account: Account, sandbox: Sandbox
) -> None:
    collect(OPERATOR, house, account)
    sandbox.imap_faults.answer("EXAMINE", "NO not now")
    report = completeness(OPERATOR, house, account)
    assert not report.complete
    assert all(one.failure is not None for one in report.folders)


def test_folders_left_out_on_purpose_are_shown_and_condemn_nobody(
    house: House, account: Account, sandbox: Sandbox
) -> None:
    sandbox.deliver(SENDER, letter())
    left_out = replace(account, folders=Folders(exclude=("INBOX",)))
    inbox = folder(house, left_out)
    assert (inbox.collected, inbox.on_server, inbox.missing) == (False, 1, (1,))
    assert completeness(OPERATOR, house, left_out).complete


def test_folder_that_is_asked_for_and_not_there_is_a_finding(house: House, account: Account) -> None:
    report = completeness(OPERATOR, house, replace(account, folders=Folders(("INBOX", "Ricevute"))))
    assert (report.absent, report.complete) == (("Ricevute",), False)


def test_server_out_of_reach_is_an_error_and_no_verdict(house: House, account: Account, sandbox: Sandbox) -> None:
    unreachable = replace(account, imap=replace(account.imap, port=1))
    with pytest.raises(ServerError):
        completeness(OPERATOR, house, unreachable)


# --- Dovecot ---


@pytest.fixture
def at_dovecot(house: House, account: Account, dovecot: Dovecot) -> tuple[Account, Login]:
    """The same house with its mailbox at Dovecot."""
    login = dovecot.add_user()
    return replace(account, imap=dovecot.endpoint(), login=lambda: login), login


@pytest.fixture
def person(at_dovecot: tuple[Account, Login], dovecot: Dovecot) -> Iterator[imapclient.IMAPClient]:
    """Somebody in the webmail of that mailbox."""
    with dovecot.client(at_dovecot[1]) as client:
        yield client


def mails(count: int, first: int = 0) -> list[bytes]:
    return [receipts.original(subject=f"Nota {n}", reference=f"n{n}@pec.example") for n in range(first, first + count)]


@pytest.mark.dovecot
def test_real_server_is_compared_and_left_as_it_was(
    house: House, at_dovecot: tuple[Account, Login], person: imapclient.IMAPClient, dovecot: Dovecot
) -> None:
    account, login = at_dovecot
    dovecot.append(login, mails(5))
    dovecot.append(login, mails(2, 5), folder="Pratiche 2026 è")
    collect(OPERATOR, house, account)
    dovecot.append(login, mails(2, 7))
    report = completeness(OPERATOR, house, account)
    inbox = next(one for one in report.folders if one.name == "INBOX")
    assert (inbox.on_server, inbox.archived, inbox.missing) == (7, 5, (6, 7))
    assert {one.name: one.archived for one in report.folders if one.on_server} == {"INBOX": 5, "Pratiche 2026 è": 2}
    assert not report.complete
    person.select_folder("INBOX", readonly=True)
    assert set().union(*person.get_flags(range(1, 8)).values()) <= {rb"\Recent"}
    collect(OPERATOR, house, account)
    assert completeness(OPERATOR, house, account).complete


@pytest.mark.dovecot
def test_mail_deleted_or_moved_by_a_person_is_gone_there_and_kept_here(
    house: House, at_dovecot: tuple[Account, Login], person: imapclient.IMAPClient, dovecot: Dovecot
) -> None:
    account, login = at_dovecot
    dovecot.append(login, mails(4))
    person.create_folder("Vecchie")
    collect(OPERATOR, house, account)
    person.select_folder("INBOX")
    person.delete_messages([1])
    person.expunge([1])
    person.move([2], "Vecchie")
    report = {one.name: one for one in completeness(OPERATOR, house, account).folders}
    assert (report["INBOX"].on_server, report["INBOX"].archived, report["INBOX"].gone) == (2, 2, 2)
    assert report["Vecchie"].missing == (1,)
    collect(OPERATOR, house, account)
    assert completeness(OPERATOR, house, account).complete
    person.delete_folder("Vecchie")
    assert completeness(OPERATOR, house, account).vanished == (("Vecchie", 1),)


@pytest.mark.dovecot
def test_folder_made_anew_is_not_complete_until_it_was_enumerated_again(
    house: House, at_dovecot: tuple[Account, Login], person: imapclient.IMAPClient, dovecot: Dovecot
) -> None:
    account, login = at_dovecot
    dovecot.append(login, mails(3), folder="Pratiche")
    collect(OPERATOR, house, account)
    person.delete_folder("Pratiche")
    dovecot.append(login, mails(2), folder="Pratiche")
    anew = folder(house, account, "Pratiche")
    assert (anew.on_server, anew.archived, anew.missing) == (2, 0, (1, 2))
    collect(OPERATOR, house, account)
    anew = folder(house, account, "Pratiche")
    assert (anew.on_server, anew.archived, anew.gone) == (2, 2, 1)


# --- the comparison itself ---

ARRIVED = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@given(
    there=st.sets(st.integers(1, 30)),
    seen=st.dictionaries(st.tuples(st.integers(1, 2), st.integers(1, 40)), st.none() | st.integers(1, 50)),
    reused=st.sets(st.integers(1, 30)),
)
def test_every_uid_on_the_server_is_counted_exactly_once(
    there: set[int], seen: dict[tuple[int, int], int | None], reused: set[int]
) -> None:
    known = [
        Seen(at, Sighted(uid, mail, None if mail else "gone", size=mail, internal_at=ARRIVED if mail else None))
        for (at, uid), mail in seen.items()
    ]
    said = {uid: Identity(seen.get((2, uid)), ARRIVED) for uid in there} | {
        uid: Identity(9_999, ARRIVED + timedelta(days=1)) for uid in reused & there
    }
    status = FolderStatus(messages=len(there), uidnext=max(there, default=0) + 1, uidvalidity=2, highestmodseq=None)
    report = compare("INBOX", status, sorted(there), known, said, collected=True)
    assert report.archived + len(report.quarantined) + len(report.missing) + len(report.others) == len(there)
    assert set(report.missing) == {uid for uid in there if (2, uid) not in seen}
    assert set(report.others) == {uid for uid in reused & there if seen.get((2, uid)) is not None}
    assert report.complete == (report.archived == len(there))
    assert report.gone <= len(seen)
