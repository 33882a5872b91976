"""What a user would lose: a mail, or the truth about it, when two of us work at once or a process dies."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from pec_tracker.archive.objects import Suffix
from pec_tracker.askers import OPERATOR
from pec_tracker.db.engine import sqlite_url, writing
from pec_tracker.db.tables import Folder, Ledger, Mail, Message, Sighting
from pec_tracker.errors import StorageError
from pec_tracker.ledger import lines, records, seals
from pec_tracker.service.collecting.quarantine import quarantined
from pec_tracker.service.house import House
from pec_tracker.service.intake.link_late import relink
from pec_tracker.service.intake.study import Arrival
from pec_tracker.service.intake.take_in import take_in
from pec_tracker.service.queries.find import Query, find
from pec_tracker.service.upkeep.check import check
from pec_tracker.service.upkeep.rebuild import rebuild
from tests.archive.killed import at_once, killed_at
from tests.factory import receipts
from tests.service.house import (
    NOW,
    Thing,
    account_of,
    bring,
    count,
    differences,
    in_folder,
    objects,
    open_house,
    place_of,
    rows,
    state,
)

BATCH_POINTS = [
    "archive.before-write",
    "archive.written",
    "archive.synced",
    "archive.renamed",
    "archive.done",
    "intake.archived",
    "intake.before-commit",
    "intake.committed",
]


def letters(number: int) -> list[Thing]:
    """All that belongs to one message: receipts, its copy, an answer."""
    about: dict[str, Any] = {"reference": f"pt.{number}@pec.example", "identifier": f"opec.{number}@pec.example"}
    sent = receipts.original(reference=about["reference"])
    delivered_at = receipts.ISSUED_AT + timedelta(minutes=1)
    answer = receipts.original(
        sender=receipts.RECIPIENT, to=(receipts.SENDER,), reference=f"re.{number}@x",
        headers=(f"In-Reply-To: <{about['identifier']}>",),
    )  # fmt: skip
    return [
        Thing(receipts.receipt("accettazione", **about)),
        Thing(receipts.receipt("avvenuta-consegna", original=sent, issued_at=delivered_at, **about)),
        Thing(receipts.receipt("avvenuta-consegna", issued_at=delivered_at, **{**about, "reference": None})),
        Thing(sent, sent=True),
        Thing(answer),
    ]


def test_the_same_batch_again_changes_no_row_no_line_and_no_file(house: House) -> None:
    account = account_of(house)
    place = in_folder(house, place_of(account), "INBOX")
    first = bring(house, place, letters(1))
    before = (state(house, account), objects(house))
    again = bring(house, place, letters(1), at=NOW + timedelta(days=1))
    assert (first.archived, first.known, again.archived, again.known) == (5, 0, 0, 5)
    assert differences(before[0], state(house, account)) == {}
    assert objects(house) == before[1]


def test_every_uid_has_a_mail_or_a_reason_and_a_late_mail_takes_the_reason_away(house: House) -> None:
    place = in_folder(house, place_of(account_of(house)), "INBOX")
    (folder_id,) = place.folder_records

    def arrive(uid: int, raw: bytes | None, reason: str | None = None) -> None:
        arrival = Arrival(raw=raw, folder_id=folder_id, uid=uid, reason=reason)
        keep = house.archive.put_many
        take_in(house.engine, keep, place, [arrival], trust=house.trust, now=NOW, cursor={folder_id: uid})

    arrive(1, b"Subject: a\r\n\r\nx")
    arrive(2, None, "gone")
    arrive(2, None, "gone")
    arrive(3, b"")
    assert {(one.uid, one.reason) for one in quarantined(OPERATOR, house)} == {(2, "gone"), (None, "empty")}
    arrive(2, b"Subject: b\r\n\r\ny")
    assert [(one.uid, one.reason) for one in quarantined(OPERATOR, house)] == [(None, "empty")]
    assert len(rows(house.engine, select(Sighting.uid).where(Sighting.mail_id.is_not(None)))) == 3
    assert rows(house.engine, select(Folder.last_uid))[0].last_uid == 3  # never back


def test_quarantined_uid_that_gives_a_known_mail_stays_released_after_a_rebuild(house: House, tmp_path: Path) -> None:
    account = account_of(house)
    folder = records.folder(account.key, "INBOX", 1)
    house.archive.put_many([folder])
    place = in_folder(house, place_of(account), "INBOX")
    (folder_id,) = place.folder_records
    place = replace(place, folder_records={folder_id: folder.sha256})
    with writing(house.engine) as connection:
        met = lines.new_line("folder.known", at=NOW, mailbox=account.key, record=folder.sha256)
        lines.append(connection, [met])

    def arrive(uid: int, raw: bytes | None, reason: str | None = None) -> None:
        arrival = Arrival(raw=raw, folder_id=folder_id, uid=uid, reason=reason)
        keep = house.archive.put_many
        take_in(house.engine, keep, place, [arrival], trust=house.trust, now=NOW, cursor={folder_id: uid})

    arrive(1, b"Subject: a\r\n\r\nx")
    arrive(2, None, "refused")
    arrive(2, b"Subject: a\r\n\r\nx")
    assert quarantined(OPERATOR, house) == []
    acts = [row.act for row in rows(house.engine, select(Ledger.act).order_by(Ledger.id))]
    assert acts[-3:] == ["mail.archived", "mail.quarantined", "mail.sighted"]
    arrive(2, b"Subject: a\r\n\r\nx")
    assert count(house.engine, Ledger) == len(acts)
    seals.seal_pending(house.engine, house.archive, now=NOW)
    again = open_house(sqlite_url(tmp_path / "again.db"), tmp_path)
    rebuild(OPERATOR, again)
    assert quarantined(OPERATOR, again) == []
    sighted = select(Sighting.uid).where(Sighting.mail_id.is_not(None)).order_by(Sighting.uid)
    assert [row.uid for row in rows(again.engine, sighted)] == [1, 2]
    again.engine.dispose()


def test_disk_that_refuses_leaves_no_row(house: House) -> None:
    account = account_of(house)

    def refuse(_objects: object) -> None:
        raise StorageError("the disk refuses")

    with pytest.raises(StorageError):
        take_in(house.engine, refuse, place_of(account), [Arrival(letters(1)[0].raw)], trust=house.trust, now=NOW)
    assert count(house.engine, Mail) == 0


def at_the_same_time(house_url: str, folder: Path, batches: list[list[list[Thing]]]) -> list[int]:
    """Each list of batches is brought by a process of its own."""

    def bringing(mine: list[list[Thing]]) -> Callable[[], None]:
        def act() -> None:
            house = open_house(house_url, folder)
            account = account_of(house)
            for batch in mine:
                bring(house, place_of(account), batch)
            relink(house.engine, account.id, now=NOW)
            seals.seal_pending(house.engine, house.archive, now=NOW)
            house.engine.dispose()

        return act

    return at_once([bringing(mine) for mine in batches])


def test_two_processes_with_the_same_mails_leave_what_one_would(
    house_url: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    things = [thing for number in range(12) for thing in letters(number)]
    one_by_one = [[thing] for thing in things]
    other_way = [things[start : start + 7] for start in range(0, len(things), 7)][::-1]
    assert at_the_same_time(house_url, tmp_path, [one_by_one, other_way, [things]]) == [0, 0, 0]
    alone = open_house(f"sqlite:///{tmp_path_factory.mktemp('alone')}/t.db", tmp_path_factory.mktemp("alone"))
    bring(alone, place_of(account_of(alone)), things)
    both = open_house(house_url, tmp_path)
    expected, found = state(alone, account_of(alone)), state(both, account_of(both))
    assert differences(expected, found) == {}
    assert find(OPERATOR, both, Query()).total == 12
    assert check(OPERATOR, both.engine, both.archive).sound
    for house in (alone, both):
        house.engine.dispose()


def test_halves_of_a_dossier_brought_by_two_processes_come_together(house_url: str, tmp_path: Path) -> None:
    halves: list[list[list[Thing]]] = [[], []]
    for number in range(10):
        things = letters(number)
        halves[number % 2].append(things[:2])
        halves[1 - number % 2].append(things[2:])
    assert at_the_same_time(house_url, tmp_path, halves) == [0, 0]
    house = open_house(house_url, tmp_path)
    unlinked = select(Mail.id).where(Mail.message_id.is_(None))
    assert rows(house.engine, unlinked) == []
    assert {row.state for row in rows(house.engine, select(Message.state))} == {"delivered"}
    house.engine.dispose()


def test_threads_of_one_process_do_no_harm_to_each_other(house: House) -> None:
    account = account_of(house)
    things = [thing for number in range(6) for thing in letters(number)]
    failures: list[BaseException] = []

    def work(batch: list[Thing]) -> None:
        try:
            bring(house, place_of(account), batch)
        except BaseException as error:  # noqa: BLE001 - shown below
            failures.append(error)

    threads = [threading.Thread(target=work, args=(batch,)) for batch in (things, things[::-1], things[::2])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    relink(house.engine, account.id, now=NOW)
    assert failures == []
    assert count(house.engine, Mail) == len(things)
    assert {row.state for row in rows(house.engine, select(Message.state))} == {"delivered"}


@pytest.mark.parametrize("point", BATCH_POINTS)
def test_killed_anywhere_a_batch_is_simply_repeated(
    house_url: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, point: str
) -> None:
    things = letters(1)

    def act() -> None:
        house = open_house(house_url, tmp_path)
        bring(house, place_of(account_of(house)), things)

    prepared = open_house(house_url, tmp_path)
    account_of(prepared)
    prepared.engine.dispose()
    assert killed_at(point, act)
    house = open_house(house_url, tmp_path)
    kept = objects(house)
    named = {f"{row.sha256}{Suffix.MAIL}" for row in rows(house.engine, select(Mail.sha256))}
    assert named <= kept  # never a row without its bytes
    bring(house, place_of(account_of(house)), things)
    alone = open_house(f"sqlite:///{tmp_path_factory.mktemp('alone')}/t.db", tmp_path_factory.mktemp("alone"))
    bring(alone, place_of(account_of(alone)), things)
    assert differences(state(alone, account_of(alone)), state(house, account_of(house))) == {}
    assert objects(house) == objects(alone)
    for opened in (alone, house):
        opened.engine.dispose()
