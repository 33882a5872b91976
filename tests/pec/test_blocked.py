"""What a user would lose: a message that its provider turns back for a file in it, after the term has gone by."""

import io
import random
import zipfile
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pec_tracker import providers
from pec_tracker.pec import blocked
from pec_tracker.pec.compose import Attachment, Draft, Outgoing, compose, new_tracker_id
from pec_tracker.pec.finding import Severity, refused
from pec_tracker.pec.limits import Limits
from pec_tracker.pec.rules import check

PROGRAM = b"MZ".ljust(60, b"\0") + (64).to_bytes(4, "little") + b"PE\0\0"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(512, b"\0")
STRICT = Limits(turns_back_programs="Gestore di Prova")


def zipped(**members: bytes) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), content)
    return whole.getvalue()


def encrypted(content: bytes) -> bytes:
    """The same with every member said to be encrypted."""
    changed = bytearray(content)
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = -1
        while (place := changed.find(mark, place + 1)) >= 0:
            changed[place + at] |= 1
    return bytes(changed)


def made(name: str, content: bytes) -> Outgoing:
    draft = Draft("a@pec.example", ("b@pec.example",), subject="x", text="x", attachments=(Attachment(name, content),))
    return compose(draft, tracker_id=new_tracker_id(bytes(16)), now=datetime(2026, 3, 2, 9, tzinfo=UTC))


def found(name: str, content: bytes, limits: Limits | None = None) -> list[tuple[str, str]]:
    return [(one.rule, one.where) for one in blocked.blocked(made(name, content).raw, limits or Limits())]


@pytest.mark.parametrize(
    "name",
    [
        "a.exe",
        "a.JS",
        "a.pdf.vbs",
        "a.scr.",
        "a.bat",
        "a.cmd",
        "a.com",
        "a.msi",
        "a.jar",
        "a.ps1",
        "a.lnk",
        "a.exe.p7m",
        "a.msh1xml",
    ],
)
def test_a_program_is_told_by_its_name_and_refused_where_the_provider_turns_it_back(name: str) -> None:
    assert [rule for rule, _ in found(name, b"x")] == ["attachment-blocked"]
    (one,) = blocked.blocked(made(name, b"x").raw, STRICT)
    assert (one.rule, one.severity, one.who) == ("attachment-turned-back", Severity.REFUSE, "Gestore di Prova")
    assert refused(check(made(name, b"x"), account="a@pec.example", limits=STRICT)) == [one]


@pytest.mark.parametrize("name", ["a.pdf", "a.docx", "a.p7m", "exe", "a.xml", "a.jpg", "a.eml", ""])
def test_a_document_is_not_taken_for_a_program(name: str) -> None:
    assert found(name, b"x") == []


def test_a_program_is_found_under_another_name_and_inside_of_archives() -> None:
    assert found("a.pdf", PROGRAM) == [("attachment-blocked", "a.pdf")]
    assert found("a.pdf", PROGRAM, STRICT) == [("attachment-turned-back", "a.pdf")]
    assert found("a.zip", zipped(b_txt=PROGRAM), STRICT) == [("attachment-turned-back", "a.zip/b.txt")]
    assert found("a.sys", PROGRAM, STRICT) == [("attachment-blocked", "a.sys")]  # on nobody's list
    assert found("a.pdf", b"PK" + PROGRAM[2:]) == []
    assert found("a.pdf", b"MZ is how it begins".ljust(80)) == []
    assert found("a.zip", zipped(b_txt=b"x", dir__setup_exe=b"x")) == [("attachment-blocked", "a.zip/dir/setup.exe")]
    assert found("a.zip", zipped(b_txt=PROGRAM)) == [("attachment-blocked", "a.zip/b.txt")]
    inner = zipped(c_js=b"x")
    assert found("a.zip", zipped(b_zip=inner)) == [("attachment-blocked", "a.zip/b.zip/c.js")]
    assert found("a.zip", zipped(b_sys=PROGRAM), STRICT) == [("attachment-blocked", "a.zip/b.sys")]
    long = zipped(a_bin=random.Random(1).randbytes(5_000), c_js=b"x")  # longer than what is read of every file
    assert found("a.zip", zipped(b_zip=long)) == [("attachment-blocked", "a.zip/b.zip/c.js")]
    assert found("a.dat", zipped(b_dat=inner), STRICT) == [("attachment-turned-back", "a.dat/b.dat/c.js")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.docm", b"x"),
        ("a.XLSM", b"x"),
        ("a.docx", zipped(word__vbaProject_bin=b"x")),
        ("a.doc", OLE + "_VBA_PROJECT".encode("utf-16-le")),
    ],
)
def test_a_document_with_macros_is_told_and_may_go(name: str, content: bytes) -> None:
    assert found(name, content, STRICT) == [("attachment-macros", name)]


def test_what_is_encrypted_is_told_once_and_its_names_are_looked_at_all_the_same() -> None:
    locked = encrypted(zipped(a_pdf=b"x", b_pdf=b"x", c_exe=b"x"))
    assert found("a.zip", locked) == [("attachment-encrypted", "a.zip"), ("attachment-blocked", "a.zip/c.exe")]
    assert found("a.docx", OLE + "EncryptedPackage".encode("utf-16-le")) == [("attachment-encrypted", "a.docx")]


def test_what_is_not_looked_into_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found("a.rar", b"x") == [("attachment-not-looked-into", "a.rar")]
    assert found("a.zip", b"no archive") == [("attachment-not-looked-into", "a.zip")]
    whole = zipped(b_txt=b"x" * 40)
    assert found("a.zip", whole.replace(b"PK\x01\x02", b"PK\x01\x03")) == [("attachment-not-looked-into", "a.zip")]
    damaged = whole[:40] + b"\xff" * 4 + whole[44:]  # its list holds, the bytes of its member do not
    assert found("a.zip", damaged) == [("attachment-not-looked-into", "a.zip")]
    damaged = zipped(b_txt=b"x" * 40, c_exe=b"x")
    damaged = damaged[:40] + b"\xff" * 4 + damaged[44:]
    assert found("a.zip", damaged)[0] == ("attachment-blocked", "a.zip/c.exe")
    locator = b"PK\x06\x07".ljust(20, b"\0")  # a second list, of any length (ZIP64)
    assert found("a.zip", whole[:-22] + locator + whole[-22:]) == [("attachment-not-looked-into", "a.zip")]
    deep = zipped(d_exe=b"x")
    for _ in range(blocked.MAX_DEPTH):
        deep = zipped(d_zip=deep)
    assert found("a.zip", deep) == [("attachment-not-looked-into", "a.zip/d.zip/d.zip/d.zip")]
    many = zipped(**{f"file{number}_txt": b"x" for number in range(60)})
    monkeypatch.setattr(blocked, "MAX_DIRECTORY", 1_000)
    assert found("a.zip", many) == [("attachment-not-looked-into", "a.zip")]


def test_an_archive_that_unpacks_to_gigabytes_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocked, "_Budget", lambda: _budget(10_000))
    bomb = zipped(bomb_zip=bytes(50_000_000))
    assert len(bomb) < 100_000
    assert found("a.zip", bomb) == [("attachment-not-looked-into", "a.zip/bomb.zip")]
    many = zipped(**{f"file{number}_txt": bytes(2_000) for number in range(20)})
    assert {rule for rule, _ in found("a.zip", many)} == {"attachment-not-looked-into"}


def _budget(left: int) -> object:
    return type("Budget", (), {"left": left})()


def test_a_thousand_findings_are_not_told() -> None:
    assert len(found("a.zip", zipped(**{f"file{n}_exe": b"x" for n in range(100)}))) == blocked.TOLD


@given(st.binary(max_size=200), st.integers(0, 400))
def test_no_bytes_end_in_a_crash(junk: bytes, at: int) -> None:
    whole = zipped(b_txt=PROGRAM, c_zip=zipped(d_txt=b"x"))
    found("a.zip", whole[:at] + junk + whole[at + len(junk) :])
    found("a.doc", OLE + junk)


def test_which_providers_turn_programs_back_is_known_by_their_own_pages() -> None:
    strict = {name for name in providers.names() if providers.provider(name).limits.turns_back_programs}
    assert strict == {"aruba", "actalis", "poste"}
    assert providers.provider("aruba").limits.turns_back_programs == "Aruba PEC"
