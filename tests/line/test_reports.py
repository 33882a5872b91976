"""How full, and kept for how long: told in time, told once, and not any more when it is over."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from pec_tracker.askers import OPERATOR
from pec_tracker.clock import ROME
from pec_tracker.db.engine import reading
from pec_tracker.db.passing import Alert, QuotaSample
from pec_tracker.db.tables import Recipient
from pec_tracker.sandbox.providers import DEFAULT_ACCOUNTS
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service.collecting.collect import collect
from pec_tracker.service.house import Account, House
from pec_tracker.service.quota.ask import QuotaReport, quota, worst
from pec_tracker.service.quota.space import Level, level_of
from pec_tracker.service.retention.terms import add_months, dossier_terms, retention
from pec_tracker.service.rounds.jobs import tell_of_hanging
from pec_tracker.service.sending.dispatch import dispatch
from pec_tracker.settings import Quota, Terms
from tests.line.houses import Home, account_at, message_of, one_round, open_alerts, queued
from tests.sandbox.materials import SENDER, letter
from tests.sandbox.running import imap, sandbox_in

LIMIT = 1 << 20


def ask(house: House, account: Account) -> QuotaReport:
    return quota(OPERATOR, house, account)


class TestQuota:
    """A full mailbox receives nothing: a person must know before."""

    @pytest.fixture
    def sandbox(self, tmp_path: Path) -> Iterator[Sandbox]:
        small = replace(DEFAULT_ACCOUNTS[0], quota_bytes=LIMIT)
        with sandbox_in(tmp_path / "sandbox", accounts=(small,)) as running:
            yield running

    def fill_to(self, sandbox: Sandbox, percent: int) -> None:
        used = sum(map(len, sandbox.mails(SENDER)))
        missing = LIMIT * percent // 100 - used
        frame = len(letter(body=""))
        sandbox.deliver(SENDER, letter(body="x" * (missing - frame)))

    def test_warning_alarm_and_relief_are_each_told_once(
        self, house: House, account: Account, sandbox: Sandbox
    ) -> None:
        told = []
        for percent in (50, 81, 81, 92, 92):
            if sum(map(len, sandbox.mails(SENDER))) < LIMIT * percent // 100 - 1000:
                self.fill_to(sandbox, percent)
            report = ask(house, account)
            told.append((report.level, open_alerts(house)))
        assert told == [
            (Level.FINE, []),
            (Level.WARNING, ["quota-warning"]),
            (Level.WARNING, ["quota-warning"]),
            (Level.ALARM, ["quota-alarm"]),
            (Level.ALARM, ["quota-alarm"]),
        ]
        with imap(sandbox) as client:
            client.select("INBOX")
            client.store("1:*", "+FLAGS", "(\\Deleted)")
            client.expunge()
        assert (ask(house, account).level, open_alerts(house)) == (Level.FINE, [])
        with reading(house.engine) as connection:
            assert len(connection.execute(select(Alert.id)).all()) == 2  # the same rows, opened and settled
            assert len(connection.execute(select(QuotaSample.id)).all()) == 6

    def test_a_server_that_does_not_say_is_added_up_against_the_configured_limit(
        self, house: House, account: Account, sandbox: Sandbox
    ) -> None:
        sandbox.imap_faults.without = {"QUOTA"}
        self.fill_to(sandbox, 85)
        assert ask(house, account).level is Level.UNKNOWN
        report = ask(house, replace(account, quota=Quota(LIMIT)))
        assert report.level is Level.WARNING
        assert report.used == sum(map(len, sandbox.mails(SENDER)))

    def test_the_watch_asks_once_an_hour(self, house: House, account: Account, sandbox: Sandbox) -> None:
        clock = replace(sandbox.clock, factor=1e-12)
        standing = replace(house, clock=clock)
        for minutes in (0, 30, 59, 60, 61):
            now = replace(clock, origin=clock.origin + timedelta(minutes=minutes))
            one_round(replace(standing, clock=now), account)
        with reading(house.engine) as connection:
            assert len(connection.execute(select(QuotaSample.id)).all()) == 2


def test_a_round_tells_of_folders_that_it_could_not_read_until_it_can(
    house: House, account: Account, sandbox: Sandbox
) -> None:
    sandbox.deliver(SENDER, letter())
    sandbox.imap_faults.answer("EXAMINE", "NO not now")
    for _ in range(2):
        one_round(house, account)
        assert open_alerts(house) == ["collect-failed"]
    sandbox.imap_faults.answers.clear()
    one_round(house, account)
    assert open_alerts(house) == []


def test_a_message_that_is_never_accepted_becomes_overdue(house: House, account: Account, sandbox: Sandbox) -> None:
    sandbox.failures.hide_receipts(timedelta(days=365))
    key = queued(house, account).key
    dispatch(OPERATOR, house, account)
    one_round(house, account)
    with reading(house.engine) as connection:
        overdue = connection.scalars(
            select(Recipient.overdue).where(Recipient.message_id == message_of(house, key).id)
        ).all()
    assert overdue == [True]


@pytest.mark.parametrize(
    ("percent", "level"),
    [(None, Level.UNKNOWN), (79.9, Level.FINE), (80, Level.WARNING), (89.9, Level.WARNING), (90, Level.ALARM)],
)
def test_levels_begin_at_their_percentage(percent: float | None, level: Level) -> None:
    assert level_of(percent, Quota()) is level


def test_the_worst_of_several_mailboxes_counts() -> None:
    reports = [
        QuotaReport("a", 1, None, None, level, datetime(2026, 1, 1, tzinfo=UTC))
        for level in (Level.FINE, Level.UNKNOWN, Level.WARNING)
    ]
    assert worst(reports) is Level.WARNING
    assert worst([]) is Level.FINE


class TestRetention:
    """What is kept until when; nothing is purged by looking."""

    def test_each_dossier_ends_its_term_after_its_last_date(self, home: Home, sandbox: Sandbox) -> None:
        house = home.open()
        account, other = account_at(house, sandbox), account_at(house, sandbox, "segreteria@studio.sandbox.test")
        queued(house, account, "silenzio@pec.test", subject="Breve")
        queued(house, other, subject="Lunga")
        dispatch(OPERATOR, house, account)
        dispatch(OPERATOR, house, other)
        sandbox.wait_until_quiet()
        collect(OPERATOR, house, account)
        report = retention(OPERATOR, house, terms=Terms(30, {other.name: 120}))
        short, long = dossier_terms(OPERATOR, house, terms=Terms(30, {other.name: 120}))
        assert [short.subject, long.subject] == ["Breve", "Lunga"]
        assert short.last_at == message_of(house, short.key).last_at
        assert short.expires_at == add_months(short.last_at, 30)
        assert (long.expires_at.year - short.expires_at.year) in (7, 8)
        assert [count for _, count in report.months] == [1, 1]
        assert report.months[0][0] == f"{short.expires_at.astimezone(ROME):%Y-%m}"
        assert (short.expired, long.expired) == (False, False)
        later = replace(house, clock=replace(house.clock, origin=house.clock.origin + timedelta(days=31 * 31)))
        assert [term.expired for term in dossier_terms(OPERATOR, later, terms=Terms(30, {other.name: 120}))] == [
            True,
            False,
        ]
        assert retention(OPERATOR, later, terms=Terms(30, {other.name: 120})).expired == 1

    def test_an_empty_house_expires_nothing(self, home: Home) -> None:
        house = home.open()
        assert retention(OPERATOR, house, terms=Terms(30)).dossiers == 0
        assert list(dossier_terms(OPERATOR, house, terms=Terms(30))) == []

    @pytest.mark.parametrize(
        ("start", "months", "end"),
        [
            ((2026, 8, 31), 30, (2029, 2, 28)),
            ((2026, 8, 31), 18, (2028, 2, 29)),
            ((2026, 12, 15), 1, (2027, 1, 15)),
            ((2026, 1, 30), 1, (2026, 2, 28)),
            ((2026, 3, 5), 120, (2036, 3, 5)),
        ],
    )
    def test_terms_in_months_end_on_the_same_day_or_the_last(
        self, start: tuple[int, int, int], months: int, end: tuple[int, int, int]
    ) -> None:
        began = datetime(*start, 12, 30, tzinfo=ROME)
        ended = add_months(began, months).astimezone(ROME)
        assert (ended.year, ended.month, ended.day, ended.hour) == (*end, 12)


def test_a_round_that_gives_no_sign_of_life_is_told_of_until_it_does(home: Home, sandbox: Sandbox) -> None:
    house = home.open()
    account = account_at(house, sandbox)
    for silent_for, alerts in ((None, []), (59.0, []), (61.0, ["round-hanging"]), (0.2, []), (61.0, ["round-hanging"]),
                               (None, [])):  # fmt: skip
        tell_of_hanging(OPERATOR, house, account, silent_for, after=timedelta(minutes=1))
        assert open_alerts(house) == alerts
