"""What a user would lose: tampering with the ledger, or with what dates it, that `check` passes over."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from pec_tracker.archive.objects import Suffix
from pec_tracker.askers import OPERATOR
from pec_tracker.db.engine import open_engine, reading, sqlite_url, writing
from pec_tracker.db.tables import Ledger, Seal, Stamp
from pec_tracker.ledger.seals import seal_pending
from pec_tracker.ledger.segments import (
    list_files,
)
from pec_tracker.pec.trust import Trust
from pec_tracker.service.dating.notary import record_acceptances, write_to_self
from pec_tracker.service.dating.stamps import known_anchors, stamp_newest
from pec_tracker.service.house import House
from pec_tracker.service.upkeep.check import Anchorage, CheckReport, check
from tests.archive.folders import folder_of, seal_path, segment_path, stamp_path
from tests.ledger.ledgers import overwrite
from tests.stamps.notaries import acceptance, arrive, notary_account, queued


@pytest.fixture
def dated(house: House) -> House:
    """A house whose third seal has a time-stamp, and a later one an acceptance."""
    stamp_newest(OPERATOR, house)
    account = notary_account(house)
    write_to_self(OPERATOR, house, account)
    ((_key, reference, subject),) = queued(house, account)
    arrive(house, account, acceptance(house, reference, subject))
    assert record_acceptances(OPERATOR, house, account) == 1
    seal_pending(house.engine, house.archive, now=house.clock.now())
    return house


def examined(house: House, *, alone: bool = False) -> CheckReport:
    anchorage = Anchorage(house.trust, known_anchors(house.authorities), house.clock.now())
    report = check(OPERATOR, None if alone else house.engine, house.archive, anchorage=anchorage)
    assert all(finding.detail for finding in report.findings)
    return report


def about_dates(report: CheckReport) -> set[tuple[str, str]]:
    kinds = ("stamp-", "notary-")
    return {(one.kind.value, one.object) for one in report.findings if one.kind.value.startswith(kinds)}


def notarised(house: House) -> tuple[int, str]:
    with reading(house.engine) as connection:
        row = connection.execute(Stamp.__table__.select().where(Stamp.kind == "pec")).one()
    return int(row.seal_number), str(row.source)


def test_a_dated_ledger_is_sound_and_says_by_whom(dated: House) -> None:
    report = examined(dated)
    assert about_dates(report) == set()
    assert [(one.kind, one.number) for one in report.witnesses or ()] == [
        ("rfc3161", 3),
        ("pec", notarised(dated)[0]),
    ]


def test_the_archive_alone_still_has_its_stamps(dated: House) -> None:
    report = examined(dated, alone=True)
    assert about_dates(report) == set()
    assert ("rfc3161", 3) in [(one.kind, one.number) for one in report.witnesses or ()]


def gone(house: House, path: Path) -> None:
    path.unlink()


def flipped(house: House, path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    overwrite(path, bytes(content))


def garbage(house: House, path: Path) -> None:
    overwrite(path, b"nothing")


@pytest.mark.parametrize(
    ("spoil", "kinds"),
    [
        (gone, {"stamp-missing"}),
        (garbage, {"stamp-replaced", "stamp-unreadable"}),
    ],
)
def test_a_spoilt_stamp_is_named(dated: House, spoil: Callable[[House, Path], None], kinds: set[str]) -> None:
    path = stamp_path(folder_of(dated.archive), 3)
    spoil(dated, path)
    assert about_dates(examined(dated)) == {(kind, path.name) for kind in kinds}


def test_every_altered_byte_of_a_stamp_is_named(dated: House) -> None:
    path = stamp_path(folder_of(dated.archive), 3)
    content = path.read_bytes()
    for at in range(0, len(content), 97):
        overwrite(path, content[:at] + bytes((content[at] ^ 1,)) + content[at + 1 :])
        assert ("stamp-replaced", path.name) in about_dates(examined(dated))


def test_a_seal_rewritten_with_its_database_is_named_by_its_stamp(dated: House) -> None:
    """Whoever has archive and database in hand can make both agree, but not the authority's word."""
    path = seal_path(folder_of(dated.archive), 3)
    overwrite(path, path.read_bytes().replace(b"0", b"1", 1))
    assert ("stamp-mismatch", stamp_path(folder_of(dated.archive), 3).name) in about_dates(examined(dated))


def test_a_stamp_of_an_authority_that_is_no_longer_named_is_said_so(dated: House) -> None:
    unknown = replace(dated, authorities=())
    assert about_dates(examined(unknown)) == {("stamp-untrusted", "00000003.tsr")}


def test_a_stamp_that_the_database_forgot_is_named(dated: House) -> None:
    with writing(dated.engine) as connection:
        connection.execute(delete(Stamp).where(Stamp.kind == "rfc3161"))
    assert about_dates(examined(dated)) == {("stamp-unrecorded", "00000003.tsr")}


def cut_off(house: House, first: int) -> None:
    """Take the last seals away, from the archive and from the database: nothing in either tells of them."""
    newest = list_files(house.archive.ledger).newest
    with writing(house.engine) as connection:
        connection.execute(delete(Stamp).where(Stamp.seal_number >= first))
        connection.execute(delete(Ledger).where(Ledger.seal_number >= first))
        connection.execute(delete(Ledger).where(Ledger.seal_number.is_(None)))
        connection.execute(delete(Seal).where(Seal.number >= first))
    for number in range(first, newest + 1):
        seal_path(folder_of(house.archive), number).unlink()
        segment_path(folder_of(house.archive), number).unlink()


def test_the_last_seals_cut_off_are_noticed_by_the_acceptance(dated: House) -> None:
    number, _mail = notarised(dated)
    cut_off(dated, number)
    assert ("notary-without-seal", f"{number:08}.seal") in about_dates(examined(dated))


def test_they_are_noticed_with_a_new_database_too(dated: House, tmp_path: Path) -> None:
    """The acceptance is then a mail that nothing names; it is read all the same."""
    number, _mail = notarised(dated)
    cut_off(dated, number)
    empty = open_engine(sqlite_url(tmp_path / "empty.db"))
    try:
        assert ("notary-without-seal", f"{number:08}.seal") in about_dates(examined(replace(dated, engine=empty)))
    finally:
        empty.dispose()


def test_they_are_noticed_by_a_stamp_that_was_left(dated: House) -> None:
    cut_off(dated, 3)
    assert ("stamp-without-seal", "00000003.tsr") in about_dates(examined(dated))


def test_another_ledger_under_the_same_numbers_is_noticed(dated: House) -> None:
    number, _mail = notarised(dated)
    shutil.copyfile(seal_path(folder_of(dated.archive), 1), dated.spool / "other")
    overwrite(seal_path(folder_of(dated.archive), number), (dated.spool / "other").read_bytes())
    assert ("notary-mismatch", f"{number:08}.seal") in about_dates(examined(dated))


def test_an_acceptance_that_went_missing_is_named(dated: House) -> None:
    number, mail = notarised(dated)
    dated.archive.delete(mail, Suffix.MAIL)
    assert ("notary-missing", f"{mail}.eml") in about_dates(examined(dated))
    assert number not in {one.number for one in examined(dated).witnesses or () if one.kind == "pec"}


def test_an_acceptance_that_is_not_trusted_dates_nothing(dated: House) -> None:
    number, mail = notarised(dated)
    assert number
    assert ("notary-untrusted", f"{mail}.eml") in about_dates(examined(replace(dated, trusting=Trust)))


def test_a_row_that_names_another_mail_is_found(dated: House) -> None:
    with writing(dated.engine) as connection:
        connection.execute(update(Stamp).where(Stamp.kind == "pec").values(source="0" * 64))
    assert ("notary-missing", f"{'0' * 64}.eml") in about_dates(examined(dated))
