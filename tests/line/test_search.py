"""What a user would lose: the word of receipts that lie where no collect comes, on a letter that may have left."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select, update

from pec_tracker.archive.objects import Suffix
from pec_tracker.askers import OPERATOR
from pec_tracker.clock import Clock
from pec_tracker.db.engine import reading, writing
from pec_tracker.db.passing import Searched
from pec_tracker.db.tables import Mail, Message, Sighting
from pec_tracker.errors import UsageError
from pec_tracker.sandbox.failures import Moment
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service.collecting.collect import collect
from pec_tracker.service.house import Account, House
from pec_tracker.service.sending.dispatch import dispatch
from pec_tracker.service.sending.outbox import resend
from pec_tracker.settings import Folders
from tests.line.crashes import first_and_last, killed_at_pass, points_passed
from tests.line.houses import Home, account_at, journeys, message_of, queued, standing_clock, states
from tests.sandbox.materials import SENDER, letter

TRASH = "Trash"
SENT = "INBOX.Inviata"


@pytest.fixture
def inbox_only(account: Account) -> Account:
    """The mailbox, of which the inbox alone is collected."""
    return replace(account, folders=Folders(include=("INBOX",)))


def uncertain(house: House, account: Account, sandbox: Sandbox, *, left: bool) -> str:
    """The key of a message that was lost after the final dot; whose receipts are in the inbox, where it *left*."""
    key = queued(house, account).key
    sandbox.failures.drop(Moment.AFTER_DOT_KEPT if left else Moment.AFTER_DOT_LOST)
    dispatch(OPERATOR, house, account)
    sandbox.wait_until_quiet()
    return key


def moved(sandbox: Sandbox, folder: str) -> int:
    """A person moved all of the inbox into *folder*: how many mails."""
    mails = sandbox.mails(SENDER)
    for raw in mails:
        sandbox.deliver(SENDER, raw, folder=folder)
    sandbox.roll_back(SENDER, to_uid=0)
    return len(mails)


def searched(house: House) -> list[tuple[int, int, bool]]:
    """Of each message searched for: folders asked, those that could not tell, whether the server said why."""
    with reading(house.engine) as connection:
        rows = connection.execute(select(Searched.folders, Searched.unable, Searched.problem)).all()
    return [(row.folders, row.unable, row.problem is not None) for row in rows]


def test_receipts_that_a_person_moved_out_of_what_is_collected_resolve_it(
    house: House, inbox_only: Account, sandbox: Sandbox
) -> None:
    key = uncertain(house, inbox_only, sandbox, left=True)
    assert moved(sandbox, TRASH) == 2
    sandbox.deliver(SENDER, letter(), folder=TRASH)  # not about us: stays where it is
    collected = collect(OPERATOR, house, inbox_only)
    assert (collected.complete, collected.taken.archived) == (True, 2)
    assert states(house) == {key: "submitted"}
    assert set(journeys(house).values()) == {"delivered"}


def test_a_copy_among_the_sent_mails_is_shown_and_proves_nothing(
    house: House, inbox_only: Account, sandbox: Sandbox
) -> None:
    key = uncertain(house, inbox_only, sandbox, left=False)
    row = message_of(house, key)
    sandbox.deliver(SENDER, house.archive.get(row.raw, Suffix.MAIL), folder=SENT)
    collect(OPERATOR, house, inbox_only)
    assert states(house) == {key: "uncertain"}
    with pytest.raises(UsageError, match="a copy of message"):
        resend(OPERATOR, house, key, reason="non risulta")
    assert sandbox.sent == []


def test_what_is_not_found_stays_uncertain_and_the_search_is_noted(
    house: House, account: Account, sandbox: Sandbox
) -> None:
    key = uncertain(house, account, sandbox, left=False)
    for _ in range(2):
        assert collect(OPERATOR, house, account).complete
    assert states(house) == {key: "uncertain"}
    [(folders, unable, problem)] = searched(house)
    assert folders >= 3
    assert (unable, problem) == (0, False)


def test_a_folder_that_is_missing_keeps_nothing_from_being_searched(
    house: House, account: Account, sandbox: Sandbox
) -> None:
    account = replace(account, folders=Folders(include=("INBOX", "Che non c'è")))
    key = uncertain(house, account, sandbox, left=True)
    moved(sandbox, TRASH)
    assert not collect(OPERATOR, house, account).complete
    assert states(house) == {key: "submitted"}


def test_what_stays_uncertain_is_searched_for_no_more_than_every_hour_at_last(home: Home, sandbox: Sandbox) -> None:
    home.clock = standing_clock(home.clock)
    house = home.open()
    account = account_at(house, sandbox)
    key = uncertain(house, account, sandbox, left=False)
    with writing(house.engine) as connection:
        connection.execute(update(Message).values(created_at=house.clock.now() - timedelta(days=9)))
    searches = []
    for minutes in (0, 1, 59, 60):
        now = replace(house, clock=standing_clock(house.clock))
        now = replace(now, clock=Clock(now.clock.started, house.clock.now() + timedelta(minutes=minutes), 1e-12))
        collect(OPERATOR, now, account)
        with reading(house.engine) as connection:
            searches.append(connection.scalars(select(Searched.at)).one())
    assert states(house) == {key: "uncertain"}
    assert searches[0] == searches[1] == searches[2]
    assert searches[3] - searches[0] >= timedelta(minutes=59)


def test_a_server_that_does_not_search_by_header_is_named_and_ends_no_collect(
    house: House, inbox_only: Account, sandbox: Sandbox
) -> None:
    key = uncertain(house, inbox_only, sandbox, left=True)
    moved(sandbox, TRASH)
    sandbox.imap_faults.answer("UID SEARCH", "NO [CANNOT] no search by header here")
    collected = collect(OPERATOR, house, inbox_only)
    assert (collected.complete, states(house)) == (True, {key: "uncertain"})
    assert searched(house)[0][1:] == (1, True)


def test_a_server_that_breaks_off_at_the_search_ends_no_collect_and_is_asked_again(
    house: House, inbox_only: Account, sandbox: Sandbox
) -> None:
    key = uncertain(house, inbox_only, sandbox, left=True)
    moved(sandbox, TRASH)
    sandbox.imap_faults.answer("UID SEARCH", "BYE enough", times=1)
    assert collect(OPERATOR, house, inbox_only).complete
    assert states(house) == {key: "uncertain"}
    collect(OPERATOR, house, inbox_only)
    assert states(house) == {key: "submitted"}


def test_a_server_that_finds_everything_whatever_is_asked_gives_us_no_mails_of_others(
    house: House, inbox_only: Account, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    uncertain(house, inbox_only, sandbox, left=False)
    sandbox.deliver(SENDER, letter(), folder=TRASH)
    monkeypatch.setattr("pec_tracker.wire.imap.ImapConnection.search_reference", lambda self, _: self.all_uids())
    assert collect(OPERATOR, house, inbox_only).complete
    assert searched(house)[0][1:] == (1, True)
    with reading(house.engine) as connection:
        assert len(connection.scalars(select(Mail.id)).all()) == 1  # the message itself


@pytest.mark.usefixtures("short_leases")
def test_a_search_killed_anywhere_and_repeated_takes_in_once_and_sends_nothing(
    new_home: Callable[..., Home], sandbox: Sandbox
) -> None:
    def act(home: Home) -> None:
        house = home.open()
        collect(OPERATOR, house, replace(account_at(house, sandbox), folders=Folders(include=("INBOX",))))

    first = new_home()
    first.clock = standing_clock(sandbox.clock)
    house = first.open()
    key = uncertain(house, replace(account_at(house, sandbox), folders=Folders(include=("INBOX",))), sandbox, left=True)
    moved(sandbox, TRASH)
    first.close()

    def another() -> Home:
        home = new_home()
        shutil.copytree(first.folder, home.folder, dirs_exist_ok=True)
        shutil.copytree(first.marks, home.marks, dirs_exist_ok=True)
        return home

    passed = points_passed(partial(act, another()))
    assert {"collect.fetched", "intake.committed", "seal.committed"} <= set(passed)
    for number in first_and_last(passed):
        home = another()
        killed_at_pass(number, partial(act, home))
        act(home)
        where = f"killed at {passed[number]}"
        assert states(home.open()) == {key: "submitted"}, where
        with reading(home.engines[-1]) as connection:
            assert len(connection.scalars(select(Sighting.uid)).all()) == 2, where
        home.close()
    assert len(sandbox.sent) == 1
