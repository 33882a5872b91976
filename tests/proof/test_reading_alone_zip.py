"""The verifier that stands alone reads a ZIP byte for byte: what lies in it, and where it is not written as ours are.

The bytes are written out from the ZIP format's own tables (APPNOTE 4.3.7, 4.3.12, 4.3.16).
"""

import os
import struct
from pathlib import Path

import pytest

from pec_tracker.render import verify_package as alone

# One member "a" with the bytes "hello": version 2.0, UTF-8 names, stored, 1 January 1980, CRC-32 0x3610A686.
LOCAL = bytes.fromhex("504b0304 1400 0008 0000 0000 2100 86a61036 05000000 05000000 0100 0000") + b"a" + b"hello"
ENTRY = (
    bytes.fromhex(
        "504b0102 1400 1400 0008 0000 0000 2100 86a61036 05000000 05000000 0100 0000 0000 0000 0000 00000000 00000000"
    )
    + b"a"
)
END = bytes.fromhex("504b0506 0000 0000 0100 0100 2f000000 24000000 0000")
ONE = LOCAL + ENTRY + END
# A second member "è" with the byte "x": CRC-32 0x8CDC1683; the first lies before it by the order of names.
LOCAL_2 = bytes.fromhex("504b0304 1400 0008 0000 0000 2100 8316dc8c 01000000 01000000 0200 0000") + b"\xc3\xa8" + b"x"
ENTRY_2 = (
    bytes.fromhex(
        "504b0102 1400 1400 0008 0000 0000 2100 8316dc8c 01000000 01000000 0200 0000 0000 0000 0000 00000000 24000000"
    )
    + b"\xc3\xa8"
)
END_2 = bytes.fromhex("504b0506 0000 0000 0200 0200 5f000000 45000000 0000")
TWO = LOCAL + LOCAL_2 + ENTRY + ENTRY_2 + END_2
NOT_SO = "does not lie in the ZIP as packages are written"
NO_ZIP = [("ZIP", "is no ZIP as packages are written")]


def test_zip_of_ours_holds_its_members_and_nothing_is_found() -> None:
    assert alone.unzip(ONE) == ({"a": b"hello"}, [])
    assert alone.unzip(TWO) == ({"a": b"hello", "è": b"x"}, [])


def test_pieces_are_those_of_the_format() -> None:
    pieces = list(alone.zip_pieces({"è": b"x", "a": b"hello"}))
    assert b"".join(piece for piece, _ in pieces) == TWO
    assert [name for _, name in pieces] == ["a", "a", "è", "è", "a", "è", "ZIP"]
    assert b"".join(piece for piece, _ in alone.zip_pieces({})) == bytes.fromhex("504b0506" + "00" * 18)


@pytest.mark.parametrize("at", range(len(TWO)))
def test_no_byte_of_a_zip_can_change_unseen(at: int) -> None:
    changed = TWO[:at] + bytes([TWO[at] ^ 1]) + TWO[at + 1 :]
    members, findings = alone.unzip(changed)
    assert findings or members != {"a": b"hello", "è": b"x"}
    if at >= len(LOCAL) + len(LOCAL_2):  # the directory and the end: the members are still read by their headers
        assert members == {"a": b"hello", "è": b"x"}
        assert findings


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (ONE + b"\n", [("ZIP", "is followed by something")]),
        (ONE[:-1], [("ZIP", NOT_SO), ("ZIP", "is followed by something")]),
        (LOCAL + b"?" + ENTRY + END, [("a", NOT_SO), ("ZIP", NOT_SO), ("ZIP", "is followed by something")]),
        (b"", NO_ZIP),
        (b"PK", NO_ZIP),
        (END, NO_ZIP),
        (bytes.fromhex("504b0506" + "00" * 18), NO_ZIP),
        (LOCAL, NO_ZIP),
        (LOCAL[:30], NO_ZIP),
        (LOCAL[:29], NO_ZIP),
        (LOCAL[:-1], NO_ZIP),
    ],
)
def test_what_is_no_zip_of_ours_is_said(raw: bytes, said: list[tuple[str, str]]) -> None:
    found = alone.unzip(raw)[1]
    assert found == said


def test_members_are_read_by_their_headers_where_the_directory_is_damaged() -> None:
    damaged = LOCAL + b"XX" + ENTRY[2:] + END
    assert alone.members_by_headers(damaged) == {"a": b"hello"}
    assert alone.members_by_headers(LOCAL + ENTRY + b"XX" + END[2:]) == {"a": b"hello"}
    assert alone.members_by_headers(LOCAL + b"XX" + ENTRY[2:] + END[:-6] + bytes.fromhex("25000000 0000")) == {}
    assert alone.members_by_headers(LOCAL + END) == {"a": b"hello"}
    extra = LOCAL[:28] + b"\x03\x00" + b"a" + b"xyz" + b"hello"
    assert alone.members_by_headers(extra + ENTRY + END) == {"a": b"hello"}
    bare = bytes.fromhex("504b0304 1400 0008 0000 0000 2100 00000000 00000000 00000000 0000 0000")
    assert alone.members_by_headers(LOCAL + bare + END) == {"a": b"hello", "": b""}


def test_member_has_its_stored_size_and_the_walk_ends_where_the_end_record_says() -> None:
    def sized(stored: int, whole: int, content: bytes) -> bytes:
        return LOCAL[:18] + struct.pack("<LL", stored, whole) + LOCAL[26:31] + content

    def end(offset: int) -> bytes:
        return END[:16] + struct.pack("<L", offset) + END[20:]

    assert alone.members_by_headers(sized(5, 4, b"hello") + END) == {"a": b"hello"}
    assert alone.members_by_headers(sized(100, 5, b"hello") + ENTRY + end(131)) == {}  # it would end behind the file
    last = sized(22, 22, end(53))  # the file ends with the member, which holds such a record
    assert alone.members_by_headers(last) == {"a": end(53)}
    header = LOCAL[:18] + struct.pack("<LL", 0, 30 << 16) + b"\x00" * 4
    assert alone.members_by_headers(header) == {"": b""}


def test_members_are_read_by_the_directory_where_the_headers_are_damaged() -> None:
    for raw in (b"XX" + TWO[2:], LOCAL + b"XX" + TWO[len(LOCAL) + 2 :]):
        assert alone.members_by_headers(raw) == {}
        assert alone.members_by_directory(raw) == {"a": b"hello", "è": b"x"}
        members, findings = alone.unzip(raw)
        assert members == {"a": b"hello", "è": b"x"}
        assert len(findings) == 1
    # an extra field and a comment in an entry are passed over
    longer = ENTRY[:30] + b"\x02\x00" + b"\x01\x00" + ENTRY[34:] + b"xx" + b"c"
    assert alone.members_by_directory(LOCAL + LOCAL_2 + longer + ENTRY_2 + END_2) == {"a": b"hello", "è": b"x"}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        END[:-1],
        b"?" * 60,
        LOCAL + b"XX" + ENTRY[2:] + END,
        LOCAL + ENTRY + END[:8] + b"\x00\x00\x00\x00" + END[12:],  # no entry is counted
        LOCAL + ENTRY + END[:10] + b"\x02\x00" + END[12:],  # one more than there is
        LOCAL + ENTRY + END[:16] + b"\x25" + END[17:],  # it begins elsewhere
        LOCAL + b"PK\x01\x02" + END[:16] + struct.pack("<L", len(LOCAL) + 4) + END[20:],
        b"PK\x01\x02" + END[:16] + b"\x00" + END[17:],  # an entry that ends before it is whole
    ],
)
def test_directory_that_cannot_be_read_gives_nothing(raw: bytes) -> None:
    assert alone.members_by_directory(raw) == {}


def test_members_that_lie_over_each_other_are_none() -> None:
    """Two entries for the one content are more bytes than the file has only when the content is most of it."""
    content = b"x" * 400
    local = LOCAL[:18] + struct.pack("<LL", 400, 400) + LOCAL[26:31] + content
    entry = ENTRY[:20] + struct.pack("<LL", 400, 400) + ENTRY[28:46]
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 2, 2, 94, len(local), 0)
    assert alone.members_by_directory(local + entry + b"a" + entry + b"b" + end) == {}
    rest = entry[:20] + struct.pack("<LL", 147, 147) + entry[28:]  # together the 547 bytes that the file has
    assert len(alone.members_by_directory(local + entry + b"a" + rest + b"b" + end)) == 2
    more = entry[:20] + struct.pack("<LL", 148, 148) + entry[28:]
    assert alone.members_by_directory(local + entry + b"a" + more + b"b" + end) == {}
    once = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, 47, len(local), 0)
    assert alone.members_by_directory(local + entry + b"a" + once) == {"a": content}


def test_entry_may_end_with_the_file() -> None:
    raw = b"PK\x01\x02" + bytes(20) + b"PK\x05\x06" + bytes(6) + b"\x01\x00" + bytes(10)
    assert alone.members_by_directory(raw) == {"": raw[30:]}


def test_bytes_that_are_no_utf8_stay_in_a_name() -> None:
    raw = LOCAL[:30] + b"\xe8hello" + ENTRY[:46] + b"\xe8" + END
    assert alone.unzip(raw) == ({"\udce8": b"hello"}, [])


def test_digest_is_the_published_one() -> None:
    assert alone.sha256(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-4


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Anna@PEC.example", " anna@pec.example ", True),
        ("anna@pec.example", "bruno@pec.example", False),
        (None, "anna@pec.example", False),
        ("anna@pec.example", None, False),
        (None, None, False),
    ],
)
def test_addresses_are_one_in_any_case(one: str | None, other: str | None, same: bool) -> None:
    assert alone.same_address(one, other) is same


def test_folder_holds_its_plain_files_and_names_what_is_none(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c.txt").write_bytes(b"c")
    (tmp_path / "link").symlink_to(tmp_path / "a" / "b" / "c.txt")
    (tmp_path / "way").symlink_to(tmp_path / "a")
    os.mkfifo(tmp_path / "pipe")
    members = alone.read_folder(tmp_path)
    assert members.pop("pipe (no plain file)") == b""
    assert members == {"a/b/c.txt": b"c", "link (no plain file)": b"", "way (no plain file)": b""}
