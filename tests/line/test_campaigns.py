"""What a user would lose: an owner who gets a letter twice, or none, whatever is killed, corrected, uploaded again."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from pec_tracker.askers import DAEMON, OPERATOR
from pec_tracker.campaign_tokens import CampaignState, RowState
from pec_tracker.db.campaigns import Campaign, CampaignRow
from pec_tracker.db.engine import reading, writing
from pec_tracker.db.passing import QuotaSample
from pec_tracker.db.tables import Message
from pec_tracker.errors import UsageError
from pec_tracker.job_names import JobName, Outcome
from pec_tracker.pec.sending import SendState
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service.campaigns.campaigns import campaign_named, list_campaigns, new_campaign
from pec_tracker.service.campaigns.check import check_campaign
from pec_tracker.service.campaigns.checked import Fault
from pec_tracker.service.campaigns.difference import Change
from pec_tracker.service.campaigns.feed import AT_ONCE, feed
from pec_tracker.service.campaigns.preview import preview
from pec_tracker.service.campaigns.report import report
from pec_tracker.service.campaigns.retry import retry_failed
from pec_tracker.service.campaigns.run import feed_more, next_to_send
from pec_tracker.service.campaigns.start import cancel, pause, resume, start
from pec_tracker.service.collecting.collect import collect
from pec_tracker.service.house import Account, House
from pec_tracker.service.rounds.jobs import Decision, job_of_mailbox
from pec_tracker.service.sending.dispatch import dispatch
from pec_tracker.service.upkeep.check import check as check_house
from pec_tracker.service.upkeep.rebuild import rebuild
from pec_tracker.settings import Pace
from tests.archive.killed import at_once
from tests.line.campaigns import (
    NAME,
    addresses,
    arrived,
    begun,
    checked,
    definition,
    letters,
    sent,
    updated,
    write_list,
)
from tests.line.crashes import first_and_last, killed_at_pass, points_passed
from tests.line.houses import Home, account_at, new_sqlite, queued, standing_clock, states

pytestmark = pytest.mark.usefixtures("short_leases")

ROWS = [("1", "Mario Rossi", "consegnata+1@pec.test"), ("2", "Anna Bianchi", "piena+2@pec.test"),
        ("3", "Carla Verdi", "inesistente+3@pec.test"), ("4", "Paolo Neri", "consegnata+4@pec.test")]  # fmt: skip


def standing(house: House) -> dict[str, str]:
    return {one.letter.name: one.journey or one.state for one in report(OPERATOR, house, NAME).rows}


def collected(house: House, account: Account, sandbox: Sandbox) -> None:
    sandbox.wait_until_quiet()
    collect(OPERATOR, house, account)


def test_each_row_gets_one_letter_with_its_own_document(
    house: House, account: Account, sandbox: Sandbox, tmp_path: Path
) -> None:
    begun(house, account, write_list(tmp_path, ROWS))
    sent(house, account)
    collected(house, account, sandbox)
    assert arrived(sandbox) == addresses(ROWS)
    for taken in sandbox.sent:
        unit = taken.submission.rcpt_to[0].partition("+")[2].partition("@")[0]
        assert (
            f"interno {unit}.".encode() in taken.submission.raw
            or f"estratto-{unit}.txt".encode() in taken.submission.raw
        )
    assert standing(house) == {
        "Mario Rossi": "delivered", "Anna Bianchi": "failed", "Carla Verdi": "failed", "Paolo Neri": "delivered"
    }  # fmt: skip


def test_killed_at_any_step_of_the_start_and_of_the_feeding_each_row_has_one_letter(
    new_home: Callable[..., Home], sandbox: Sandbox, tmp_path: Path
) -> None:
    file = write_list(tmp_path / "list", ROWS)

    def ready(home: Home) -> tuple[Callable[[], object], str]:
        house = home.open()
        account = account_at(house, sandbox)
        new_campaign(OPERATOR, house, account, NAME, definition(file))
        check = str(checked(house, account).id)

        def act() -> None:
            house = home.open()
            account = account_at(house, sandbox)
            if campaign_named(OPERATOR, house, NAME).started_check is None:
                start(OPERATOR, house, account, NAME, check=check)
            feed_more(OPERATOR, house, account)

        return act, check

    act, _ = ready(new_home())
    passed = points_passed(act)
    assert {"campaign.archived", "campaign.started", "campaign.letters-archived", "campaign.letters-queued"} <= set(
        passed
    )
    for number in first_and_last(passed):
        home = new_home()
        act, _ = ready(home)
        killed_at_pass(number, act)
        act()
        act()
        house = home.open()
        assert letters(house) == addresses(ROWS), passed[number]
        assert campaign_named(OPERATOR, house, NAME).state is CampaignState.RUNNING


def test_two_that_feed_at_once_write_each_letter_once(home_on_either: Home, sandbox: Sandbox, tmp_path: Path) -> None:
    rows = [(str(unit), f"Nome{unit} Cognome{unit}", f"consegnata+{unit}@pec.test") for unit in range(1, 13)]
    house = home_on_either.open()
    begun(house, account_at(house, sandbox), write_list(tmp_path, rows))

    def act() -> None:
        house = home_on_either.open()
        account = account_at(house, sandbox)
        while feed_more(OPERATOR, house, account):
            pass

    assert at_once([act, act]) == [0, 0]
    assert letters(home_on_either.open()) == addresses(rows)


def test_killed_thrice_and_corrected_twice_meanwhile_each_row_still_has_one_letter(
    home: Home, sandbox: Sandbox, tmp_path: Path
) -> None:
    rows = [(str(unit), f"Nome{unit} Cognome{unit}", f"consegnata+{unit}@pec.test") for unit in range(1, 61)]
    first = [(unit, name, "" if unit in ("7", "11") else address) for unit, name, address in rows[:-2]]
    house = home.open()
    begun(house, account_at(house, sandbox), write_list(tmp_path, first))

    def going() -> None:
        house = home.open()
        sent(house, account_at(house, sandbox))

    chance = random.Random(5)
    for version in (first, rows, rows):
        killed_at_pass(chance.randrange(20, 120), going)
        house = home.open()
        updated(house, account_at(house, sandbox), write_list(tmp_path, version, name=f"{chance.random()}.csv"))
    going()
    house = home.open()
    account = account_at(house, sandbox)
    collected(house, account, sandbox)
    sent(house, account)
    collected(house, account, sandbox)
    assert letters(house) == addresses(rows)
    uncertain = [key for key, state in states(house).items() if state != SendState.SUBMITTED]
    assert arrived(sandbox) == addresses(rows), uncertain
    assert report(OPERATOR, house, NAME).all_received


def test_what_was_delivered_stays_and_what_failed_goes_again_as_the_corrected_list_says(
    house: House, account: Account, sandbox: Sandbox, tmp_path: Path
) -> None:
    begun(house, account, write_list(tmp_path, ROWS))
    sent(house, account)
    collected(house, account, sandbox)
    corrected = [
        ("1", "Mario Rossi", "altra+1@pec.test"), ("2", "Anna Bianchi", "consegnata+2@pec.test"), ROWS[2],
        ("5", "Elena Blu", "consegnata+5@pec.test"),
    ]  # fmt: skip
    (tmp_path / "documenti" / "estratto-4.txt").unlink()
    found = updated(house, account, write_list(tmp_path, corrected, name="corretto.csv"))
    assert [one.number for one in found.due] == [3, 5]
    sent(house, account)
    collected(house, account, sandbox)
    assert arrived(sandbox) == addresses(ROWS) + Counter(["consegnata+2@pec.test", "consegnata+5@pec.test"])
    assert standing(house) == {
        "Mario Rossi": "delivered", "Anna Bianchi": "delivered", "Carla Verdi": "failed", "Paolo Neri": "delivered",
        "Elena Blu": "delivered",
    }  # fmt: skip


def test_retry_sends_again_only_what_is_proven_to_have_failed_and_could_arrive(
    house: House, account: Account, sandbox: Sandbox, tmp_path: Path
) -> None:
    begun(house, account, write_list(tmp_path, ROWS))
    sent(house, account)
    assert retry_failed(OPERATOR, house, NAME).again == (), "nothing is proven yet"
    collected(house, account, sandbox)
    told = retry_failed(OPERATOR, house, NAME, dry=True)
    assert [one.letter.name for one in told.again] == ["Anna Bianchi"]
    assert [one.letter.name for one in told.to_be_corrected] == ["Carla Verdi"]
    with pytest.raises(UsageError, match="row 2"):
        retry_failed(OPERATOR, house, NAME, rows=[2])
    retry_failed(OPERATOR, house, NAME)
    assert retry_failed(OPERATOR, house, NAME).again == (), "it waits already"
    sent(house, account)
    assert arrived(sandbox)["piena+2@pec.test"] == 2
    assert sum(arrived(sandbox).values()) == len(ROWS) + 1


def test_rebuilt_from_the_archive_a_campaign_is_as_it_was_and_sends_nothing_twice(
    home: Home, sandbox: Sandbox, tmp_path: Path
) -> None:
    house = home.open()
    account = account_at(house, sandbox)
    begun(house, account, write_list(tmp_path, ROWS))
    sent(house, account)
    collected(house, account, sandbox)
    retry_failed(OPERATOR, house, NAME)
    sent(house, account)
    collected(house, account, sandbox)
    before = [
        (one.letter, one.state, one.tries, one.message, one.journey) for one in report(OPERATOR, house, NAME).rows
    ]
    home.url = new_sqlite(home.folder / "new")
    new = home.open()
    rebuild(OPERATOR, new)
    told = report(OPERATOR, new, NAME)
    assert [(one.letter, one.state, one.tries, one.message, one.journey) for one in told.rows] == before
    assert told.campaign.state is CampaignState.PAUSED, "a person says whether it goes on"
    resume(OPERATOR, new, NAME)
    sent(new, account_at(new, sandbox))
    assert sum(arrived(sandbox).values()) == len(ROWS) + 1
    assert check_house(OPERATOR, new.engine, new.archive, processes=1).findings == ()


def test_made_again_under_its_name_after_everything_was_lost_it_finds_its_letters(
    home: Home, sandbox: Sandbox, tmp_path: Path
) -> None:
    file = write_list(tmp_path, ROWS)
    house = home.open()
    account = account_at(house, sandbox)
    begun(house, account, file)
    feed(OPERATOR, house, account)
    with writing(house.engine) as connection:  # as where the list's record is lost, and its rows with it
        connection.execute(CampaignRow.__table__.delete())
        connection.execute(Campaign.__table__.delete())
    begun(house, account, file)
    sent(house, account)
    assert letters(house) == arrived(sandbox) == addresses(ROWS)


def test_a_single_letter_passes_a_campaign(house: House, account: Account, sandbox: Sandbox, tmp_path: Path) -> None:
    rows = [(str(unit), f"Nome{unit} Cognome{unit}", f"consegnata+{unit}@pec.test") for unit in range(1, 51)]
    begun(house, account, write_list(tmp_path, rows))
    assert len(feed(OPERATOR, house, account).keys) == AT_ONCE
    urgent = queued(house, account, "urgente@pec.test")
    assert feed(OPERATOR, house, account).nothing, "the outbox is full of letters that have not left"
    dispatch(OPERATOR, house, account)
    assert states(house)[urgent.key] == SendState.SUBMITTED
    assert sum(arrived(sandbox).values()) == AT_ONCE + 1


def test_paused_no_other_letter_is_written_and_resumed_the_rest_go(
    house: House, account: Account, sandbox: Sandbox, tmp_path: Path
) -> None:
    rows = [(str(unit), f"Nome{unit} Cognome{unit}", f"consegnata+{unit}@pec.test") for unit in range(1, 31)]
    begun(house, account, write_list(tmp_path, rows))
    feed(OPERATOR, house, account)
    pause(OPERATOR, house, NAME)
    assert next_to_send(OPERATOR, house, [account]).keys() == {account.id}, "what is in the outbox leaves"
    sent(house, account)
    assert sum(arrived(sandbox).values()) == AT_ONCE
    assert next_to_send(OPERATOR, house, [account]) == {}
    with pytest.raises(UsageError, match="paused already"):
        pause(OPERATOR, house, NAME)
    resume(OPERATOR, house, NAME)
    assert next_to_send(OPERATOR, house, [account]).keys() == {account.id}
    sent(house, account)
    assert arrived(sandbox) == addresses(rows)


def test_the_watch_sends_a_campaign_by_itself(house: House, account: Account, sandbox: Sandbox, tmp_path: Path) -> None:
    rows = [(str(unit), f"Nome{unit} Cognome{unit}", f"consegnata+{unit}@pec.test") for unit in range(1, 51)]
    begun(house, account, write_list(tmp_path, rows))
    assert next_to_send(OPERATOR, house, [account]).keys() == {account.id}
    ended = job_of_mailbox(DAEMON, house, account, JobName.DISPATCH, stop=lambda: False)
    assert (ended.outcome, ended.decision) == (Outcome.DONE, Decision(None))
    assert arrived(sandbox) == addresses(rows)
    assert next_to_send(OPERATOR, house, [account]) == {}


def test_at_the_pace_of_the_provider_the_watch_comes_back_for_the_rest(
    house: House, account: Account, sandbox: Sandbox, tmp_path: Path
) -> None:
    paced = replace(account, pace=Pace(messages_per_minute=5))
    house = replace(house, clock=standing_clock(house.clock))
    rows = [(str(unit), f"Nome{unit} Cognome{unit}", f"consegnata+{unit}@pec.test") for unit in range(1, 13)]
    begun(house, paced, write_list(tmp_path, rows))
    ended = job_of_mailbox(DAEMON, house, paced, JobName.DISPATCH, stop=lambda: False)
    assert sum(arrived(sandbox).values()) == 5
    assert ended.decision == Decision(house.clock.now() + timedelta(minutes=1))


def test_cancelled_nothing_more_is_written(house: House, account: Account, sandbox: Sandbox, tmp_path: Path) -> None:
    file = write_list(tmp_path, ROWS)
    check = begun(house, account, file)
    cancel(OPERATOR, house, NAME)
    sent(house, account)
    assert arrived(sandbox) == Counter()
    with pytest.raises(UsageError, match="cancelled"):
        start(OPERATOR, house, account, NAME, check=check)
    with pytest.raises(UsageError, match="cancelled"):
        resume(OPERATOR, house, NAME)


def test_a_document_that_changed_after_the_check_does_not_leave_and_stops_no_other(
    house: House, account: Account, sandbox: Sandbox, tmp_path: Path
) -> None:
    file = write_list(tmp_path, ROWS)
    begun(house, account, file)
    (tmp_path / "documenti" / "estratto-2.txt").write_text("un altro", "utf-8")
    (tmp_path / "documenti" / "estratto-3.txt").unlink()
    sent(house, account)
    assert arrived(sandbox) == Counter(["consegnata+1@pec.test", "consegnata+4@pec.test"])
    stopped = {
        one.letter.name: one.problem for one in report(OPERATOR, house, NAME).rows if one.state is RowState.STOPPED
    }
    assert stopped.keys() == {"Anna Bianchi", "Carla Verdi"}
    (tmp_path / "documenti" / "estratto-3.txt").write_text("rimesso", "utf-8")
    updated(house, account, file)
    sent(house, account)
    assert arrived(sandbox) == addresses(ROWS)


def test_only_what_was_checked_and_looked_at_is_started(house: House, account: Account, tmp_path: Path) -> None:
    file = write_list(tmp_path, ROWS)
    new_campaign(OPERATOR, house, account, NAME, definition(file))
    with pytest.raises(UsageError, match="not checked"):
        start(OPERATOR, house, account, NAME, check="aaaaaaaaaa")
    first = str(check_campaign(OPERATOR, house, account, NAME).id)
    with pytest.raises(UsageError, match="not yet seen"):
        start(OPERATOR, house, account, NAME, check=first)
    preview(OPERATOR, house, account, NAME, rows=[3])
    with pytest.raises(UsageError, match=r"2 \(Mario Rossi\), 5 \(Paolo Neri\)"):
        start(OPERATOR, house, account, NAME, check=first)
    preview(OPERATOR, house, account, NAME)
    write_list(tmp_path, ROWS[:3])
    assert check_campaign(OPERATOR, house, account, NAME).id is None, "the fourth document is of nobody now"
    (tmp_path / "documenti" / "estratto-4.txt").unlink()
    assert check_campaign(OPERATOR, house, account, NAME).id not in (None, first)
    with pytest.raises(UsageError, match="checked anew"):
        start(OPERATOR, house, account, NAME, check=first)


def test_the_same_list_again_changes_nothing(house: House, account: Account, sandbox: Sandbox, tmp_path: Path) -> None:
    file = write_list(tmp_path, ROWS)
    begun(house, account, file)
    sent(house, account)
    found = updated(house, account, file)
    assert found.due == ()
    sent(house, account)
    assert arrived(sandbox) == addresses(ROWS)


def test_a_key_that_changes_with_a_correction_is_no_new_letter(
    house: House, account: Account, sandbox: Sandbox, tmp_path: Path
) -> None:
    begun(house, account, write_list(tmp_path, ROWS))
    sent(house, account)
    file = write_list(tmp_path, [("1", "Rossi Mario Maria", ROWS[0][2]), *ROWS[1:]], name="corretto.csv")
    assert updated(house, account, file).due == ()
    sent(house, account)
    assert arrived(sandbox) == addresses(ROWS)


def test_with_too_little_space_for_the_receipts_nothing_can_be_started(
    house: House, account: Account, tmp_path: Path
) -> None:
    with writing(house.engine) as connection:
        sample = {"mailbox_id": account.id, "at": house.clock.now(), "used": 990_000, "limit": 1_000_000}
        connection.execute(QuotaSample.__table__.insert(), [sample])
    new_campaign(OPERATOR, house, account, NAME, definition(write_list(tmp_path, ROWS)))
    found = check_campaign(OPERATOR, house, account, NAME)
    assert found.id is None
    [problem] = [one for one in found.problems if one.fault is Fault.NO_SPACE]
    assert problem.facts["free"] == 10_000 < problem.facts["needed"]


def test_an_uncertain_letter_is_not_sent_again_by_any_list(
    house: House, account: Account, sandbox: Sandbox, tmp_path: Path
) -> None:
    begun(house, account, write_list(tmp_path, ROWS[:1]))
    feed(OPERATOR, house, account)
    with writing(house.engine) as connection:
        connection.execute(update(Message).values(send_state=SendState.UNCERTAIN))
    file = write_list(tmp_path, [("1", "Mario Rossi", "altro+1@pec.test")], name="corretto.csv")
    found = updated(house, account, file)
    assert found.due == ()
    assert retry_failed(OPERATOR, house, NAME).again == ()
    sent(house, account)
    assert arrived(sandbox) == Counter()


def test_campaigns_are_listed_with_their_rows(house: House, account: Account, tmp_path: Path) -> None:
    begun(house, account, write_list(tmp_path, ROWS))
    [one] = list_campaigns(OPERATOR, house)
    assert (one.campaign.name, one.rows) == (NAME, {"waiting": 4})
    assert campaign_named(OPERATOR, house, "assemb").name == NAME
    with reading(house.engine) as connection:
        assert len(connection.execute(select(CampaignRow.row_key)).all()) == len(ROWS)


def test_every_change_has_its_word() -> None:
    from pec_tracker.service.campaigns.checked import CLASSES, Weight
    from pec_tracker.texts import campaigns

    assert set(campaigns.CHANGES) == set(Change)
    assert set(campaigns.FAULTS) == set(Fault) == {one for some in CLASSES.values() for one in some}
    assert set(campaigns.WEIGHTS) == set(Weight)
    assert set(campaigns.ROW_STATES) == set(RowState)
    assert set(campaigns.STATES) == set(CampaignState)
