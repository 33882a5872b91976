"""What a user would lose: a mail of years ago that an import passes over, changes, or takes in twice."""

import io
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from pec_tracker.archive.objects import Suffix
from pec_tracker.askers import OPERATOR
from pec_tracker.db.passing import Alert
from pec_tracker.db.tables import Ledger, Mail
from pec_tracker.service.house import Account, House
from pec_tracker.service.importing import mail_files
from pec_tracker.service.importing.import_ import Imported, bring_in
from pec_tracker.service.importing.mbox import split_mbox, unquoted
from pec_tracker.service.queries.find import Query, find
from pec_tracker.service.queries.show import show
from tests.archive.folders import folder_of
from tests.factory import receipts
from tests.service.house import OWNER, count, objects, rows, state

SENT = receipts.original(subject="Diffida")
ACCEPTANCE = receipts.receipt("accettazione", subject="Diffida")
DELIVERY = receipts.receipt("avvenuta-consegna", subject="Diffida", original=SENT)
MAILS = (ACCEPTANCE, DELIVERY, SENT)


def lf(raw: bytes) -> bytes:
    return raw.replace(b"\r\n", b"\n")


def mbox(*mails: bytes, end: bytes = b"\n") -> bytes:
    from_line = b"From mittente@pec.example Mon Mar  2 10:15:30 2026" + end
    return b"".join(from_line + raw + end for raw in mails)


def zipped(members: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return written.getvalue()


def as_files(folder: Path) -> None:
    for number, raw in enumerate(MAILS):
        (folder / f"{number}.EML").write_bytes(raw)


def as_mbox_crlf(folder: Path) -> None:
    (folder / "Inbox").write_bytes(mbox(*MAILS, end=b"\r\n"))


def as_maildir(folder: Path) -> None:
    for part in ("cur", "new", "tmp"):
        (folder / "Mail" / ".Sent" / part).mkdir(parents=True)
    (folder / "Mail/.Sent/cur/1.host:2,S").write_bytes(ACCEPTANCE)
    (folder / "Mail/.Sent/cur/2.host:2,").write_bytes(DELIVERY)
    (folder / "Mail/.Sent/new/3.host").write_bytes(SENT)
    (folder / "Mail/.Sent/tmp/4.host").write_bytes(b"Subject: half writ")


def as_zip(folder: Path) -> None:
    members = {"a/b/one.eml": ACCEPTANCE, "Maildir/cur/2:2,S": DELIVERY, "deep/er/box": mbox(SENT, end=b"\r\n")}
    (folder / "years.zip").write_bytes(zipped({**members, "a/readme.txt": b"not a mail", "empty/": b""}))


def as_nested_folders(folder: Path) -> None:
    (folder / "2024" / "march").mkdir(parents=True)
    (folder / "2024/march/box.zip").write_bytes(zipped({"x.eml": ACCEPTANCE}))
    (folder / "2024/mbox").write_bytes(mbox(DELIVERY, end=b"\r\n"))
    (folder / "2024/sent.eml").write_bytes(SENT)
    (folder / "2024/notes.txt").write_text("not a mail")
    (folder / "2024/empty.mbox").write_bytes(b"")


FORMS: list[Callable[[Path], None]] = [as_files, as_mbox_crlf, as_maildir, as_zip, as_nested_folders]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "old mails"
    made.mkdir()
    return made


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_every_form_gives_the_same_mails_and_a_second_time_nothing(
    house: House, account: Account, folder: Path, form: Callable[[Path], None]
) -> None:
    form(folder)
    first = bring_in(OPERATOR, house, [folder], account=account)
    assert (first.taken.archived, first.files, first.unread) == (3, 3, ())
    for raw in MAILS:
        assert any(house.archive.get(row.sha256, Suffix.MAIL) == raw for row in rows(house.engine, select(Mail.sha256)))
    before = (objects(house), count(house.engine, Ledger), ledger_files(house))
    again = bring_in(OPERATOR, house, [folder], account=account)
    assert (again.taken.archived, again.taken.known, again.linked) == (0, 3, 0)
    assert (objects(house), count(house.engine, Ledger), ledger_files(house)) == before
    dossier = show(OPERATOR, house, receipts.REFERENCE)
    assert [one.state for one in dossier.message.recipients] == ["delivered"]
    assert [mail.role for mail in dossier.mails] == ["sent-copy"]


def ledger_files(house: House) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder_of(house.archive) / "ledger").iterdir()}


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)], ids=str)
def test_copies_of_sent_mail_find_their_receipts_in_any_order(
    house: House, account: Account, folder: Path, order: tuple[int, ...]
) -> None:
    for number in order:
        (folder / "one.eml").write_bytes(MAILS[number])
        bring_in(OPERATOR, house, [folder], account=account)
    dossier = show(OPERATOR, house, receipts.REFERENCE)
    assert [mail.role for mail in dossier.mails] == ["sent-copy"]
    assert dossier.raw is not None
    assert [(one.kind, one.counts) for one in dossier.evidence] == [("acceptance", True), ("delivery", True)]
    assert [(one.address, one.role) for one in dossier.message.recipients] == [(receipts.RECIPIENT, "to")]


def test_plain_mail_of_somebody_else_with_our_message_id_is_not_taken_for_our_copy(
    house: House, account: Account, folder: Path
) -> None:
    stranger = receipts.original(sender="mallory@pec.example", to=("x@pec.example",), subject="Altro")
    (folder / "0.eml").write_bytes(stranger)
    (folder / "1.eml").write_bytes(ACCEPTANCE)
    (folder / "2.eml").write_bytes(DELIVERY)
    bring_in(OPERATOR, house, [folder], account=account)
    dossier = show(OPERATOR, house, receipts.REFERENCE)
    assert dossier.raw is None
    assert [(one.address, one.state) for one in dossier.message.recipients] == [(receipts.RECIPIENT, "delivered")]


def test_import_into_a_mailbox_joins_what_was_collected_there(house: House, account: Account, folder: Path) -> None:
    as_files(folder)
    bring_in(OPERATOR, house, [folder], account=account)
    assert find(OPERATOR, house, Query(mailbox="office")).total == 1
    assert account.address == OWNER


# --- mbox ---


def test_mail_is_the_same_whether_another_follows_it_or_not() -> None:
    for end, mails in ((b"\n", [lf(raw) for raw in MAILS]), (b"\r\n", list(MAILS))):
        for number in range(1, 4):
            assert list(split_mbox(mbox(*mails[:number], end=end))) == mails[:number]
    assert list(split_mbox(mbox(ACCEPTANCE).removesuffix(b"\n"))) == [ACCEPTANCE]


def test_sentence_that_begins_with_from_ends_no_mail() -> None:
    raw = b"Subject: x\n\nHello.\n\nFrom now on at 10 o'clock.\n\nFrom 12:30 to 13:00 we eat.\n"
    assert list(split_mbox(mbox(raw))) == [raw]


@pytest.mark.parametrize("line", [b"From - Mon Mar 02 10:15:30 2026", b"From a@b Mon Mar  2 10:15 2026 +0100"])
def test_separators_of_other_programs_are_known(line: bytes) -> None:
    raw = b"Subject: x\n\nHello.\n"
    assert list(split_mbox((line + b"\n" + raw + b"\n") * 3)) == [raw] * 3


def signed_with(line: bytes) -> bytes:
    """A receipt whose signed text has a line that begins with *line*."""
    content = receipts.signed_content("Ricevuta.", daticert=receipts.daticert_xml("accettazione"), original=None)
    content = content.replace(b"Ricevuta.", b"Ricevuta.\r\n" + line + b"Roma", 1)
    headers = ["From: posta-certificata@pec.example", f"To: {OWNER}", "X-Ricevuta: accettazione", "Subject: x"]
    return receipts.wrapped(headers, content, signers=receipts.default_signers(receipts.ISSUED_AT))


@pytest.mark.parametrize("line", [b"From ", b">From ", b">>From "])
@pytest.mark.parametrize("quoting", ["mboxrd", "none"])
def test_signature_survives_the_quoting_of_an_mbox(
    house: House, account: Account, folder: Path, line: bytes, quoting: str
) -> None:
    genuine = signed_with(line)
    stored = genuine.replace(b"\r\n" + line + b"Roma", b"\r\n>" + line + b"Roma") if quoting == "mboxrd" else genuine
    (folder / "mbox").write_bytes(mbox(stored, end=b"\r\n"))
    assert bring_in(OPERATOR, house, [folder], account=account).taken.proof == 1
    assert [house.archive.get(row.sha256, Suffix.MAIL) for row in rows(house.engine, select(Mail.sha256))] == [genuine]


def test_quoting_is_taken_away_where_no_signature_can_tell() -> None:
    assert unquoted(b"Subject: x\n\n>From Rome\n>>From Milan\n>Fromage\n") == (
        b"Subject: x\n\nFrom Rome\n>From Milan\n>Fromage\n"
    )


def test_large_mbox_takes_time_by_its_size_only(folder: Path) -> None:
    raw = b"Subject: x\n\nHello.\n"
    assert sum(1 for _ in split_mbox(mbox(raw) * 60_000)) == 60_000


# --- .zip ---


def test_archive_that_cannot_be_trusted_is_named_and_the_others_go_on(
    house: House, account: Account, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_files, "MAX_MAIL", 1_000_000)
    monkeypatch.setattr(mail_files, "MAX_UNPACKED", 3_000_000)
    (folder / "0-bomb.zip").write_bytes(zipped({f"{n}.eml": b"x: y\n\n" + b"\0" * 900_000 for n in range(20)}))
    (folder / "1-large.zip").write_bytes(zipped({"large.eml": b"\0" * 2_000_000, "good.eml": ACCEPTANCE}))
    (folder / "2-slip.zip").write_bytes(zipped({"../../../slipped.eml": DELIVERY, "/etc/slipped.eml": SENT}))
    (folder / "3-nested.zip").write_bytes(zipped({"inner.zip": zipped({"a.eml": ACCEPTANCE})}))
    damaged = bytearray(zipped({"damaged.eml": ACCEPTANCE * 20}))
    damaged[200:260] = b"\xff" * 60
    (folder / "4-damaged.zip").write_bytes(damaged)
    (folder / "5-cut.zip").write_bytes(zipped({"cut.eml": ACCEPTANCE})[:-30])
    (folder / "6-locked.zip").write_bytes(locked())
    result = bring_in(OPERATOR, house, [folder], account=account)
    named = {Path(unread.source).name: unread.reason for unread in result.unread}
    assert {name: reason for name, reason in named.items() if "damaged" not in name} == {
        "0-bomb.zip": "zip-bomb",
        "1-large.zip!large.eml": "too-large",
        "3-nested.zip!inner.zip": "zip-in-zip",
        "5-cut.zip": "BadZipFile",
        "6-locked.zip!locked.eml": "encrypted",
    }
    assert any("damaged" in name for name in named)
    assert [one.state for one in show(OPERATOR, house, receipts.REFERENCE).message.recipients] == ["delivered"]
    assert not list(folder.parent.rglob("slipped.eml"))


def locked() -> bytes:
    """A .zip whose member says that it is encrypted."""
    raw = bytearray(zipped({"locked.eml": ACCEPTANCE}, method=zipfile.ZIP_STORED))
    raw[6] |= 1
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    return bytes(raw)


def test_mail_that_ends_like_an_archive_is_a_mail(house: House, account: Account, folder: Path) -> None:
    raw = b"Subject: x\r\n\r\n" + zipped({"a.eml": ACCEPTANCE})
    (folder / "binary.eml").write_bytes(raw)
    bring_in(OPERATOR, house, [folder], account=account)
    assert [row.size for row in rows(house.engine, select(Mail.size))] == [len(raw)]


# --- odd files and mails ---


def test_what_is_no_mail_file_is_named_or_passed_over_and_stops_nothing(
    house: House, account: Account, folder: Path
) -> None:
    as_files(folder)
    os.mkfifo(folder / "pipe.eml")
    (folder / "loop").symlink_to(folder)
    (folder / "dangling.eml").symlink_to(folder / "nowhere")
    result = bring_in(OPERATOR, house, [folder, folder / "missing", folder / "pipe.eml"], account=account)
    assert result.taken.archived == 3
    assert [(Path(unread.source).name, unread.reason) for unread in result.unread] == [
        ("dangling.eml", "link"), ("pipe.eml", "not-a-file"), ("missing", "not-there"), ("pipe.eml", "not-a-file"),
    ]  # fmt: skip


def odd_mails() -> Iterator[tuple[str, bytes]]:
    yield "empty", b""
    yield "NUL bytes", b"Subject: \x00a\x00\r\nFrom: a\x00@b\r\nMessage-ID: <\x00x@y>\r\n\r\n\x00\x00body\x00"
    yield "no header", b"\r\n\r\njust words\r\n"
    yield "only a header", b"Subject: x"
    yield "only NUL", b"\x00" * 5000
    yield (
        "lone surrogates",
        (
            b"Subject: =?utf-16?B?2AA=?= =?unicode_escape?Q?=5Cud800?=\r\nFrom: x@y\r\nTo: x@y\r\n"
            b"Content-Type: text/plain; charset=unicode_escape\r\n\r\n\\ud800 \\x00\r\n"
        ),
    )
    yield (
        "5,000 nested parts",
        b"Subject: deep\r\n"
        + b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(5000)),
    )
    long = b"x" * 60_000
    yield (
        "ids and addresses without end",
        (
            b"From: " + long + b"@y.example\r\nTo: " + long + b"@z.example\r\nMessage-ID: <" + long + b"@a>\r\n"
            b"In-Reply-To: <"
            + long
            + b"@b>\r\nX-Ricevuta: accettazione\r\nX-Riferimento-Message-ID: <"
            + long
            + b"@c>\r\n"
            b"Subject: " + long + b"\r\n\r\nbody"
        ),
    )
    yield (
        "a copy with ids without end",
        (b"From: " + OWNER.encode() + b"\r\nTo: " + long + b"@z.example\r\nMessage-ID: <" + long + b"@a>\r\n\r\nbody"),
    )
    yield (
        "a daticert from the year 9999",
        receipts.receipt(
            "accettazione",
            daticert=receipts.daticert_xml("accettazione")
            .replace(b"02/03/2026", b"31/12/9999")
            .replace(b"10:15:30", b"23:59:59")
            .replace(b'"+0100"', b'"-1200"'),
        ),
    )
    yield (
        "a daticert with ids without end",
        receipts.receipt(
            "accettazione",
            reference="r" * 5000 + "@x",
            identifier="i" * 5000,
            recipients=("a" * 5000 + "@pec.example", "b@pec.example"),
        ),
    )
    yield (
        "a date of the year 1",
        b"Date: Mon, 01 Jan 0001 00:00:00 +1400\r\nFrom: a@b\r\nTo: c@d\r\nMessage-ID: <o@x>\r\n\r\nx",
    )


@pytest.mark.parametrize("said", [False, True], ids=["found out", "said"])
def test_odd_mails_are_kept_byte_for_byte_and_the_others_are_read(
    house: House, account: Account, folder: Path, said: bool
) -> None:
    odd = dict(odd_mails())
    for number, raw in enumerate(odd.values()):
        (folder / f"{number:02}.eml").write_bytes(raw)
    (folder / "99.eml").write_bytes(ACCEPTANCE)
    result: Imported = bring_in(OPERATOR, house, [folder], accounts=[account], account=account if said else None)
    assert (result.taken.archived, result.unread) == (len(odd) + 1, ())
    kept = {house.archive.get(row.sha256, Suffix.MAIL) for row in rows(house.engine, select(Mail.sha256))}
    assert kept == {*odd.values(), ACCEPTANCE}
    assert [one.state for one in show(OPERATOR, house, receipts.REFERENCE).message.recipients] == ["accepted"]
    unreadable = rows(house.engine, select(Mail.warnings).where(Mail.kind == "unreadable"))
    assert all(row.warnings for row in unreadable)
    assert len(unreadable) >= 3
    named = rows(house.engine, select(Alert.id).where(Alert.kind == "unreadable"))
    assert len(named) == len(unreadable)
    state(house, account)


def test_mail_of_60_mb_is_kept_and_found(house: House, account: Account, folder: Path) -> None:
    line = b"QUJD" * 19 + b"\r\n"
    raw = receipts.original(subject="Enorme", reference="huge@x", attachments=[("a.bin", b"?")])
    raw = raw.replace(b"Pw==\r\n", line * (60 * 1024 * 1024 // len(line)))
    (folder / "huge.eml").write_bytes(raw)
    assert bring_in(OPERATOR, house, [folder], account=account).taken.archived == 1
    assert [(row.size, row.subject) for row in rows(house.engine, select(Mail.size, Mail.subject))] == [
        (len(raw), "Enorme")
    ]
