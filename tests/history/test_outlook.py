"""What a user would lose: years of receipts filed in Outlook, whose signatures an import would break or pass over."""

import hashlib
import io
import json
import zipfile
from pathlib import Path

import olefile
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from pec_tracker.archive.objects import Suffix
from pec_tracker.askers import OPERATOR
from pec_tracker.db.engine import open_engine, sqlite_url
from pec_tracker.db.tables import Ledger, Mail, SentCopy
from pec_tracker.pec import mime
from pec_tracker.pec.fingerprint import leaves
from pec_tracker.pec.read import read
from pec_tracker.pec.standard import Kind
from pec_tracker.service.house import Account, House
from pec_tracker.service.importing import outlook
from pec_tracker.service.importing.import_ import Imported, bring_in
from pec_tracker.service.importing.outlook import Letter, letters
from pec_tracker.service.importing.outlook_file import OutlookError
from pec_tracker.service.queries.show import show
from pec_tracker.service.upkeep.check import check
from pec_tracker.service.upkeep.rebuild import rebuild
from tests.archive.folders import object_path
from tests.factory import receipts
from tests.history.compound import compound
from tests.history.msg import by_value, embedded, item, msg, signed
from tests.service.house import OWNER, bring, count, objects, open_house, place_of, rows

SENT = receipts.original(subject="Diffida")
ACCEPTANCE = receipts.receipt("accettazione", subject="Diffida")
DELIVERY = receipts.receipt("avvenuta-consegna", subject="Diffida", original=SENT)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "filed"
    made.mkdir()
    return made


def imported(house: House, folder: Path, *files: bytes, account: Account | None = None) -> Imported:
    for number, content in enumerate(files):
        (folder / f"{number}.msg").write_bytes(content)
    return bring_in(OPERATOR, house, [folder], account=account)


def states(house: House) -> list[str]:
    return [one.state for one in show(OPERATOR, house, receipts.REFERENCE).message.recipients]


def only(raw: bytes) -> bytes:
    """The one mail of a .msg."""
    (letter,) = letters(raw)
    assert letter.outlook == raw
    return letter.raw


def test_fixtures_are_sound_compound_files() -> None:
    for content in (signed(DELIVERY), msg("IPM.Note", attachments=[embedded(item("IPM.Note", body="x" * 9000))])):
        with olefile.OleFileIO(io.BytesIO(content), raise_defects=olefile.DEFECT_POTENTIAL) as ole:
            assert ole.exists("__properties_version1.0")


# --- signed mail ---


def test_signatures_of_receipts_filed_in_outlook_hold(house: House, account: Account, folder: Path) -> None:
    result = imported(house, folder, signed(ACCEPTANCE), signed(DELIVERY), account=account)
    assert (result.taken.archived, result.taken.proof, result.unread) == (2, 2, ())
    assert states(house) == ["delivered"]
    assert all("rebuilt-from-msg" in row.warnings for row in rows(house.engine, select(Mail.warnings)))


def test_outlook_files_are_kept_and_named_in_the_ledger(house: House, account: Account, folder: Path) -> None:
    filed = signed(ACCEPTANCE)
    imported(house, folder, filed, account=account)
    sha256 = hashlib.sha256(filed).hexdigest()
    assert house.archive.get(sha256, Suffix.OUTLOOK) == filed
    (line,) = [row.line for row in rows(house.engine, select(Ledger.line).where(Ledger.act == "mail.converted"))]
    (mail,) = rows(house.engine, select(Mail.sha256))
    told = {"mailbox": account.key, "mail": mail.sha256, "outlook": sha256, "asker": "operator"}
    assert json.loads(line)["facts"] == told
    assert check(OPERATOR, house.engine, house.archive).sound
    object_path(house.archive, sha256, Suffix.OUTLOOK).unlink()
    assert [finding.object for finding in check(OPERATOR, house.engine, house.archive).findings] == [f"{sha256}.msg"]


def test_the_same_files_twice_change_nothing(house: House, account: Account, folder: Path) -> None:
    files = (signed(ACCEPTANCE), msg("IPM.Note", subject="x", attachments=[by_value("r.eml", DELIVERY)]))
    imported(house, folder, *files, account=account)
    before = objects(house), count(house.engine, Ledger), count(house.engine, Mail)
    again = imported(house, folder, *files, account=account)
    assert (again.taken.archived, again.taken.known) == (0, 3)
    assert (objects(house), count(house.engine, Ledger), count(house.engine, Mail)) == before


def test_rebuilt_database_knows_what_was_rebuilt_from_outlook(
    house: House, account: Account, folder: Path, tmp_path: Path
) -> None:
    imported(house, folder, signed(ACCEPTANCE), signed(DELIVERY), account=account)
    engine = open_engine(sqlite_url(tmp_path / "again.db"))
    again = open_house(str(engine.url), tmp_path)
    report = rebuild(OPERATOR, again)
    columns = select(Mail.sha256, Mail.kind, Mail.warnings, Mail.role).order_by(Mail.sha256)
    assert report.missing == ()
    assert rows(again.engine, columns) == rows(house.engine, columns)
    assert check(OPERATOR, again.engine, again.archive).sound
    again.engine.dispose()
    engine.dispose()


@pytest.mark.parametrize(
    "headers",
    [
        "Microsoft Mail Internet Headers Version 2.0\r\n{}",
        "{}",
        "\r\n{}\r\n\r\n",
        "{}X-Long: a\r\n\tb\r\n c\r\n",
    ],
)
def test_headers_as_outlook_keeps_them_spoil_no_signature(headers: str) -> None:
    header = DELIVERY.partition(b"\r\n\r\n")[0].decode() + "\r\n"
    raw = only(signed(DELIVERY, headers=headers.format(header).replace("\r\n", "\n")))
    read_back = read(raw)
    assert read_back.kind is Kind.DELIVERY
    assert read_back.headers is not None
    assert read_back.headers.subject == read(DELIVERY).headers.subject  # type: ignore[union-attr]
    assert len(mime.entity(raw).fields.all(b"content-type")) == 1
    assert b"Microsoft" not in raw.partition(b"\r\n\r\n")[0]


def test_signed_entity_is_kept_to_the_last_byte() -> None:
    body = DELIVERY.partition(b"\r\n\r\n")[2]
    assert only(signed(DELIVERY)).endswith(b"\r\n\r\n" + body)
    assert only(signed(DELIVERY, entity=body)).endswith(b"\r\n\r\n" + body)  # its header with the transport's
    whole = only(signed(DELIVERY, entity=DELIVERY))
    assert whole.partition(b"\r\n")[2].endswith(DELIVERY)
    for raw in (only(signed(DELIVERY, entity=body)), whole):
        assert read(raw).kind is Kind.DELIVERY


def test_altered_receipt_in_outlook_is_no_proof(house: House, account: Account, folder: Path) -> None:
    forged = signed(ACCEPTANCE.replace(b"il messaggio", b"un messaggio", 1))
    result = imported(house, folder, forged, account=account)
    assert result.taken.proof == 0


def test_receipt_whose_signature_outlook_took_apart_is_kept_and_is_no_proof(
    house: House, account: Account, folder: Path
) -> None:
    headers = ACCEPTANCE.partition(b"\r\n\r\n")[0].decode()
    parts = [by_value("daticert.xml", receipts.daticert_xml("accettazione")), by_value("smime.p7s", b"\x30\x80")]
    result = imported(
        house, folder, msg("IPM.Note", headers=headers, body="Ricevuta", attachments=parts), account=account
    )
    assert (result.taken.archived, result.taken.proof) == (1, 0)
    (mail,) = rows(house.engine, select(Mail.kind, Mail.warnings))
    assert mail.kind == "ordinary"
    assert {"pec-headers-unsigned", "rebuilt-from-msg"} <= set(mail.warnings)


# --- plain mail ---


def test_plain_mail_is_put_together_from_what_outlook_says() -> None:
    raw = only(
        msg(
            "IPM.Note",
            subject="Perché no",
            body="Così è.\r\n",
            html=b"<p>Cos\xc3\xac</p>",
            sender="mittente@pec.example",
            sender_name="Mittente, d'ufficio",
            to=["anna@pec.example", "bruno@pec.example"],
            cc=["carla@pec.example"],
            reference="<uno@pec.example>",
            attachments=[by_value("però.pdf", b"%PDF", mime="application/pdf"), by_value("../x.bin", b"\0")],
        )
    )
    headers = read(raw).headers
    assert headers is not None
    assert headers.subject == "Perché no"
    assert headers.from_addresses == ("mittente@pec.example",)
    assert headers.to_addresses == ("anna@pec.example", "bruno@pec.example")
    assert headers.cc_addresses == ("carla@pec.example",)
    assert headers.message_id == "uno@pec.example"
    assert headers.date is not None
    assert headers.date.isoformat() == "2026-03-02T09:15:30+00:00"
    told = [(leaf.type, leaf.filename, mime.decoded(raw, leaf)) for _, leaf in leaves(raw)]
    assert told == [
        ("text/plain", None, "Così è.\r\n".encode()),
        ("text/html", None, "<p>Così</p>".encode()),
        ("application/pdf", "però.pdf", b"%PDF"),
        ("application/octet-stream", "x.bin", b"\0"),
    ]


def test_texts_of_old_outlooks_are_read_in_their_code_page() -> None:
    raw = only(msg("IPM.Note", codepage=1252, subject="Perché € no", body="Così"))
    headers = read(raw).headers
    assert headers is not None
    assert headers.subject == "Perché € no"
    assert "Così".encode() in [mime.decoded(raw, leaf) for _, leaf in leaves(raw)]


def test_rebuilt_copy_of_a_sent_mail_spoils_no_proof(house: House, account: Account, folder: Path) -> None:
    copy = msg(
        "IPM.Note", subject="Diffida", body="Altro testo", sender=OWNER, to=[receipts.RECIPIENT],
        reference=f"<{receipts.REFERENCE}>",
    )  # fmt: skip
    imported(house, folder, copy, signed(ACCEPTANCE), signed(DELIVERY), account=account)
    assert states(house) == ["delivered"]
    assert count(house.engine, SentCopy) == 0


def test_headers_are_never_injected_by_what_a_mail_says() -> None:
    raw = only(msg("IPM.Note", subject="a\r\nX-Ricevuta: accettazione", sender="a@b\r\nX-Trasporto: x", body="x"))
    headers = read(raw).headers
    assert headers is not None
    assert (headers.ricevuta, headers.trasporto, headers.from_addresses) == (None, None, ())


# --- mails within ---


def test_receipts_filed_as_attachments_of_a_mail_are_imported_too(house: House, account: Account, folder: Path) -> None:
    inner = item(
        "IPM.Note.SMIME.MultipartSigned",
        headers=DELIVERY.partition(b"\r\n\r\n")[0].decode(),
        attachments=[
            by_value(
                "smime.p7m", DELIVERY[DELIVERY.index(b"Content-Type: multipart/signed") :], mime="multipart/signed"
            )
        ],
    )
    outer = msg("IPM.Note", subject="Ricevute", attachments=[by_value("a.eml", ACCEPTANCE), embedded(inner)])
    result = imported(house, folder, outer, account=account)
    assert (result.taken.archived, result.taken.proof) == (3, 2)
    assert states(house) == ["delivered"]
    kept = {house.archive.get(row.sha256, Suffix.MAIL) for row in rows(house.engine, select(Mail.sha256))}
    assert ACCEPTANCE in kept
    assert check(OPERATOR, house.engine, house.archive).sound


def test_outlook_file_attached_to_another_is_rebuilt_from_its_own_bytes() -> None:
    inner = signed(ACCEPTANCE)
    outer = msg("IPM.Note", subject="Inoltro", attachments=[by_value("ricevuta.msg", inner)])
    first, second = letters(outer)
    assert (first.outlook, second.outlook) == (outer, inner)
    assert read(second.raw).kind is Kind.ACCEPTANCE


def test_items_that_are_no_mail_stay_in_the_file() -> None:
    outer = msg("IPM.Note", body="x", attachments=[embedded(item("IPM.Appointment", subject="Udienza"))])
    assert len(letters(outer)) == 1


def test_mails_in_mails_without_end_stop_at_a_depth() -> None:
    tree = item("IPM.Note", body="il più interno")
    for _ in range(outlook.MAX_DEPTH + 5):
        tree = item("IPM.Note", body="x", attachments=[embedded(tree)])
    found = letters(compound({**item("IPM.Note", place="file", body="x", attachments=[embedded(tree)])}))
    assert len(found) == outlook.MAX_DEPTH + 1


def test_signed_contract_attached_to_a_plain_mail_is_only_an_attachment() -> None:
    raw = only(
        msg("IPM.Note", body="x", attachments=[by_value("contratto.pdf.p7m", b"\x30", mime="application/pkcs7-mime")])
    )
    assert [leaf.filename for _, leaf in leaves(raw)] == [None, "contratto.pdf.p7m"]
    opaque = only(msg("IPM.Note.SMIME", subject="x", attachments=[by_value("smime.p7m", b"\x30")]))
    assert "opaque-signature" in read(opaque).warnings


# --- odd files ---


def test_files_that_hold_no_mail_are_named_and_the_others_go_on(house: House, account: Account, folder: Path) -> None:
    contact = msg("IPM.Contact", subject="Anna")
    document = compound({"WordDocument": b"x" * 5000})
    cut = signed(DELIVERY)[:700]
    result = imported(house, folder, contact, document, cut, signed(ACCEPTANCE), account=account)
    assert {Path(one.source).name: one.reason for one in result.unread} == {
        "0.msg": "outlook-not-a-mail",
        "1.msg": "outlook-not-a-mail",
        "2.msg": "outlook-damaged",
    }
    assert states(house) == ["accepted"]


def test_outlook_files_in_a_zip_are_imported(house: House, account: Account, folder: Path) -> None:
    with zipfile.ZipFile(folder / "years.zip", "w") as archive:
        archive.writestr("2019/one.MSG", signed(ACCEPTANCE))
    assert bring_in(OPERATOR, house, [folder], account=account).taken.proof == 1


def test_mail_that_only_says_that_it_was_rebuilt_leaves_no_line(house: House, account: Account) -> None:
    liar = f"X-PEC-Tracker-Rebuilt: msg; sha256={'0' * 64}\r\nFrom: {OWNER}\r\nTo: x@y.example\r\n\r\nx".encode()
    bring(house, place_of(account), [liar])
    assert rows(house.engine, select(Ledger.id).where(Ledger.act == "mail.converted")) == []
    assert count(house.engine, Mail) == 1


def test_streams_that_share_their_bytes_unfold_no_further_than_the_file_is_long() -> None:
    sizes = [200_000, *[5_001] * 8]
    raw = bytearray(msg("IPM.Note", attachments=[by_value(f"{n}.bin", bytes(size)) for n, size in enumerate(sizes)]))
    assert len(letters(bytes(raw))) == 1
    first, *_ = directory_entries_of(raw, 200_000)
    small = directory_entries_of(raw, 5_001)
    assert len(small) == 8
    for at in small:
        raw[at : at + 12] = raw[first : first + 12]
    with pytest.raises(OutlookError, match="outlook-damaged"):
        letters(bytes(raw))


def directory_entries_of(raw: bytearray, size: int) -> list[int]:
    """Where the directory (MS-CFB 2.6.1) says of streams of this size where they lie and how long they are."""
    told = size.to_bytes(8, "little")
    return [at - 4 for at in range(120, len(raw), 128) if raw[at : at + 8] == told]


WHOLE = msg(
    "IPM.Note", subject="Prova", body="x" * 5000, sender="a@b.example", to=["c@d.example"],
    attachments=[by_value("a.eml", ACCEPTANCE), embedded(item("IPM.Note", body="dentro"))],
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=8)), max_size=6),
    st.integers(8, len(WHOLE)),
)
def test_damaged_file_is_read_or_named_and_never_fails_otherwise(changes: list[tuple[int, bytes]], length: int) -> None:
    raw = bytearray(WHOLE)
    for at, content in changes:
        raw[at : at + len(content)] = content
    found, reason = letters_or_reason(bytes(raw[:length]))
    assert bool(found) != (reason in ("outlook-damaged", "outlook-not-a-mail"))
    assert all(read(letter.raw) for letter in found)


def letters_or_reason(raw: bytes) -> tuple[list[Letter], str | None]:
    try:
        return letters(raw), None
    except OutlookError as error:
        return [], error.reason


@settings(max_examples=60, deadline=None)
@given(
    subject=st.text(max_size=120),
    body=st.text(max_size=300),
    name=st.text(max_size=40),
    content=st.binary(max_size=6000),
)
def test_whatever_a_mail_says_comes_back_as_it_was(subject: str, body: str, name: str, content: bytes) -> None:
    clean = [text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace") for text in (subject, body, name)]
    written = [text.replace("\0", "") for text in clean]
    filed = msg("IPM.Note", subject=written[0], body=written[1], attachments=[by_value(written[2], content)])
    assert letters(filed) == letters(filed)
    raw = only(filed)
    found = [(leaf.filename, mime.decoded(raw, leaf)) for _, leaf in leaves(raw)]
    assert found[0][1] == written[1].encode("utf-8", "replace")
    assert found[-1][1] == content
    headers = read(raw).headers
    assert headers is not None
    assert (headers.subject or "").split() == " ".join(
        "".join(
            " " if char < " " or "\x7f" <= char < "\xa0" or char in "\u2028\u2029" else char for char in written[0]
        ).split()
    ).split()
