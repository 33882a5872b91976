"""What a user would lose: years of mail believed to be in, a file that was never named, a day to one hostile file."""

import io
import os
import stat
import struct
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select

from pec_tracker.askers import OPERATOR
from pec_tracker.db.tables import Mail
from pec_tracker.service.house import Account, House
from pec_tracker.service.importing import mail_files
from pec_tracker.service.importing.import_ import bring_in
from pec_tracker.service.importing.mail_files import Unread, mails_in
from pec_tracker.service.importing.mbox import split_mbox
from pec_tracker.service.importing.outlook import letters
from pec_tracker.service.importing.outlook_file import OutlookError
from tests import growth
from tests.factory import receipts
from tests.history.compound import compound
from tests.history.msg import by_value, embedded, item, msg
from tests.service.house import count, rows

MAIL = b"Subject: x\r\nFrom: a@pec.example\r\n\r\nCiao\r\n"
ACCEPTANCE = receipts.receipt("accettazione")


def zipped(members: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return written.getvalue()


FOREIGN = {
    "outlook.pst": (b"!BDN" + bytes(4) + b"SM" + bytes(600), "outlook-store"),
    "outlook.ost": (b"!BDN" + bytes(4) + b"SO" + bytes(600), "outlook-store"),
    "ricevuta.pdf": (b"%PDF-1.7\n", "pdf"),
    "atto.docx": (zipped({"[Content_Types].xml": b"<x/>", "word/document.xml": b"<x/>"}), "document"),
    "foglio.ods": (zipped({"mimetype": b"application/vnd.oasis"}, method=zipfile.ZIP_STORED), "document"),
    "vecchio.doc": (compound({"WordDocument": b"x" * 5000}), "document"),
    "Inbox.msf": (b'// <!-- <mdb:mork:z v="1.4"/> -->\n', "thunderbird-index"),
    "Posta in arrivo.dbx": (b"\xcf\xad\x12\xfe" + bytes(100), "outlook-express"),
    "1.emlx": (b"42      \nSubject: x\n\nCiao\n", "apple-mail"),
    "winmail.dat": (b"\x78\x9f\x3e\x22" + bytes(20), "outlook-attachment"),
    "global-messages-db.sqlite": (b"SQLite format 3\x00" + bytes(100), "database"),
    "foto.jpg": (b"\xff\xd8\xff\xe0" + bytes(20), "picture"),
    "posta.rar": (b"Rar!\x1a\x07\x01\x00", "packed"),
    "posta.tar": (bytes(257) + b"ustar\x00" + bytes(300), "packed"),
    "atto.pdf.p7m": (b"\x30\x82\x10\x00\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", "signed-file"),
    "setup.exe": (b"MZ\x90\x00\x03\x00", "program"),
    "17": (MAIL, "unnamed-mail"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "old mails"
    made.mkdir()
    return made


def told(*paths: Path) -> tuple[list[bytes], dict[str, str]]:
    """The mails under *paths*, and what was left out: the end of its name, and why."""
    unread: list[Unread] = []
    found = [letter.raw for letter in mails_in(paths, unread)]
    return found, {one.source.rpartition("/")[2].rpartition("!")[2]: one.reason for one in unread}


# --- what is no mail ---


@pytest.mark.parametrize("place", ["folder", "zip", "named"])
def test_mailbox_of_another_program_is_never_taken_for_imported(
    house: House, account: Account, folder: Path, place: str
) -> None:
    expected = {name: reason for name, (_, reason) in FOREIGN.items()}
    contents = {name: content for name, (content, _) in FOREIGN.items()}
    if place == "zip":
        (folder / "x.zip").write_bytes(zipped(contents))
    else:
        for name, content in contents.items():
            (folder / name).write_bytes(content)
    if place == "named":
        del expected["17"]  # he says that it is one
    result = bring_in(OPERATOR, house, sorted(folder.iterdir()) if place == "named" else [folder], account=account)
    named = {one.source.rpartition("/")[2].removeprefix("x.zip!"): one.reason for one in result.unread}
    assert named == expected
    assert result.taken.archived == (1 if place == "named" else 0)
    assert rows(house.engine, select(Mail.id).where(Mail.kind == "unreadable")) == []


def test_what_another_program_wrote_under_the_name_of_a_mail_is_told_by_its_content(folder: Path) -> None:
    for name, (content, _) in FOREIGN.items():
        if not name.endswith(("emlx", "17")):
            (folder / f"{name}.eml").write_bytes(content)
    found, unread = told(folder)
    assert found == []
    assert unread["outlook.pst.eml"] == "outlook-store"
    assert unread["ricevuta.pdf.eml"] == "pdf"
    assert len(unread) == len(FOREIGN) - 2


def test_odd_file_that_the_user_himself_calls_a_mail_is_kept(house: House, account: Account, folder: Path) -> None:
    odd = [b"", b"\0" * 500, b"%PDF-1.7\n", b"solo parole\n"]
    for number, content in enumerate(odd):
        (folder / f"{number}.eml").write_bytes(content)
    result = bring_in(OPERATOR, house, sorted(folder.iterdir()), account=account)
    assert (result.taken.archived, result.unread) == (len(odd), ())
    (folder / "note").write_bytes(b"solo parole\n")
    assert told(folder / "note") == ([], {"note": "not-a-mail"})


def test_index_of_thunderbird_is_missed_only_where_its_mails_are(folder: Path) -> None:
    index = FOREIGN["Inbox.msf"][0]
    mbox = b"From a@b Mon Mar  2 10:15:30 2026\n" + MAIL
    (folder / "Inbox").write_bytes(mbox)
    (folder / "Inbox.msf").write_bytes(index)
    (folder / "Sent.msf").write_bytes(index)
    (folder / "Empty").write_bytes(b"")
    (folder / "Empty.msf").write_bytes(index)
    (folder / "x.zip").write_bytes(zipped({"m/Inbox": mbox, "m/Inbox.msf": index}))
    assert told(folder) == ([MAIL, MAIL], {"Sent.msf": "thunderbird-index", "Empty.msf": "thunderbird-index"})


def test_what_a_mac_writes_beside_mails_is_neither_mail_nor_missed(folder: Path) -> None:
    double = b"\x00\x05\x16\x07\x00\x02\x00\x00" + bytes(50)
    (folder / "x.zip").write_bytes(zipped({"a.eml": MAIL, "__MACOSX/._a.eml": double}))
    (folder / "._b.eml").write_bytes(double)
    assert told(folder) == ([MAIL], {})


def test_zip_without_a_mail_is_named(folder: Path) -> None:
    (folder / "x.zip").write_bytes(zipped({"readme.txt": b"Ciao"}))
    assert told(folder) == ([], {"x.zip": "no-mail-in-it"})


# --- links and devices ---


def test_link_out_of_the_folder_brings_in_nothing_that_was_not_asked_for(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.eml").write_bytes(MAIL)
    (folder / "own.eml").write_bytes(ACCEPTANCE)
    (folder / "l.eml").symlink_to(outside / "secret.eml")
    (folder / "linked").symlink_to(outside)
    (folder / "again.eml").symlink_to(folder / "own.eml")
    (folder / "a.eml").symlink_to(folder / "b.eml")
    (folder / "b.eml").symlink_to(folder / "a.eml")
    os.mkfifo(folder / "pipe")
    entry = zipfile.ZipInfo("link.eml")
    entry.create_system, entry.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(folder / "x.zip", "w") as archive:
        archive.writestr(entry, b"/etc/passwd")
    found, unread = told(folder)
    assert found == [ACCEPTANCE]
    assert unread == {
        "l.eml": "link", "linked": "link", "a.eml": "link", "b.eml": "link", "pipe": "not-a-file", "link.eml": "link",
    }  # fmt: skip


def test_link_that_the_user_names_himself_is_followed(folder: Path, tmp_path: Path) -> None:
    (folder / "a.eml").write_bytes(MAIL)
    (tmp_path / "link").symlink_to(folder)
    (tmp_path / "link.eml").symlink_to(folder / "a.eml")
    assert told(tmp_path / "link", tmp_path / "link.eml") == ([MAIL, MAIL], {})


# --- bombs ---


def test_mail_that_a_small_zip_unpacks_to_without_measure_is_left_out_and_the_others_come_in(folder: Path) -> None:
    bomb = b"Subject: x\r\n\r\n" + bytes(40 * 1024 * 1024)
    (folder / "x.zip").write_bytes(zipped({"bomb.eml": bomb, "good.eml": ACCEPTANCE, "big.mbox": b"From " + bomb}))
    assert told(folder) == ([ACCEPTANCE], {"bomb.eml": "zip-bomb", "big.mbox": "zip-bomb"})


def test_zip_of_many_bombs_stops_where_no_mailbox_goes_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail_files, "FREE", 3_000_000)
    (folder / "x.zip").write_bytes(zipped({f"{n}.eml": MAIL + bytes(1_000_000) for n in range(20)}))
    (folder / "y.eml").write_bytes(ACCEPTANCE)
    found, unread = told(folder)
    assert (len(found), found[-1]) == (3, ACCEPTANCE)
    assert unread == {"x.zip": "zip-bomb"}


def test_member_that_says_it_is_small_unpacks_to_no_more(folder: Path) -> None:
    raw = bytearray(zipped({"a.eml": MAIL + bytes(5_000_000)}))
    for at in (raw.index(b"PK\x03\x04") + 22, raw.index(b"PK\x01\x02") + 24):
        raw[at : at + 4] = struct.pack("<I", 100)
    (folder / "x.zip").write_bytes(raw)
    assert told(folder) == ([], {"a.eml": "BadZipFile"})


def test_outlook_file_whose_mails_lie_within_each_other_unfolds_to_a_measure() -> None:
    nested = item("IPM.Note", body="x" * 1_500_000)
    for _ in range(7):
        nested = item("IPM.Note", attachments=[embedded(nested)])
    assert len(letters(msg("IPM.Note", attachments=[embedded(nested)]))) == 9
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("pec_tracker.service.importing.outlook.FREE", 1_000_000)
        patched.setattr("pec_tracker.service.importing.outlook.MAX_UNFOLDED", 2)
        with pytest.raises(OutlookError, match="unfolds-too-far"):
            letters(msg("IPM.Note", attachments=[embedded(nested)]))


@pytest.mark.parametrize("at", [44, 64, 72], ids=["FAT", "mini FAT", "DIFAT"])
def test_table_of_sectors_that_is_longer_than_its_file_is_damage(at: int) -> None:
    raw = bytearray(msg("IPM.Note", body="x" * 9_000))
    raw[at : at + 4] = b"\xff\xff\xff\x0f"
    with pytest.raises(OutlookError, match="outlook-damaged"):
        letters(bytes(raw))


def test_chain_of_sectors_that_runs_in_a_loop_is_read_to_the_files_length_only() -> None:
    raw = bytearray(msg("IPM.Note", body="x" * 200))
    (directory,) = struct.unpack_from("<I", raw, 48)
    root = 512 * (directory + 1)
    raw[root + 120 : root + 124] = b"\xfe\xff\xff\x7f"  # the stream of all small ones: 2 GiB

    def refused() -> None:
        with pytest.raises(OutlookError, match="outlook-damaged"):
            letters(bytes(raw))

    growth.within(1, refused)


# --- time that grows with the size ---


def from_lines(size: int) -> Callable[[], int]:
    raw = b"From a\nS: x\n\nFrom " + b"1:11 " * (size // 5)
    return lambda: len(list(split_mbox(raw)))


def many_from_lines(size: int) -> Callable[[], int]:
    raw = b"From a\nS: x\n" + (b"\nFrom " + b"1:11 " * 100 + b"\n") * (size // 507)
    return lambda: len(list(split_mbox(raw)))


def outlook_attachments(size: int) -> Callable[[], int]:
    raw = msg("IPM.Note", attachments=[by_value("a.bin", b"x")] * (size // 725))
    return lambda: len(letters(raw))


def outlook_addresses(size: int) -> Callable[[], int]:
    raw = msg("IPM.Note", to=["@" * (size // 2) + " x"])
    return lambda: len(letters(raw))


def one_letter(form: Callable[[int], Callable[[], int]], size: int) -> Callable[[], None]:
    letters_of = form(size)

    def read() -> None:
        assert letters_of() == 1

    return read


@pytest.mark.parametrize("form", [from_lines, many_from_lines, outlook_attachments, outlook_addresses])
def test_hostile_file_twice_as_large_takes_twice_as_long_and_no_more(form: Callable[[int], Callable[[], int]]) -> None:
    growth.proportional(partial(one_letter, form), [500_000, 1_000_000, 2_000_000, 4_000_000], floor=0.3)


def test_line_of_thirty_megabytes_in_an_mbox_is_split_in_seconds() -> None:
    growth.within(10, one_letter(from_lines, 30_000_000))


def test_import_of_a_folder_of_other_programs_files_leaves_no_row(house: House, account: Account, folder: Path) -> None:
    (folder / "outlook.pst").write_bytes(FOREIGN["outlook.pst"][0])
    bring_in(OPERATOR, house, [folder], account=account)
    assert count(house.engine, Mail) == 0
