"""A package that was made twice must be the same file, and a changed byte must be told by the member that it hit."""

import io
import zipfile

from hypothesis import given, settings
from hypothesis import strategies as st

from pec_tracker.render.canonical_zip import Fault, pack, unpack

MEMBERS = {"README.txt": b"read me\n", "ledger/00000001.seal": b"# previous none\n", "receipts/è.eml": b"\0\xff" * 50}

members = st.dictionaries(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20),
    st.binary(max_size=60),
    min_size=1,
    max_size=5,
)


@settings(max_examples=60, deadline=None)
@given(members)
def test_any_unzip_gets_the_members_back_byte_for_byte(written: dict[str, bytes]) -> None:
    raw = pack(written)
    assert dict(unpack(raw).members) == written
    assert unpack(raw).faults == ()
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        assert archive.testzip() is None
        assert [archive.read(info) for info in archive.infolist()] == [written[name] for name in sorted(written)]


def test_the_order_in_which_members_were_gathered_does_not_show() -> None:
    assert pack(MEMBERS) == pack(dict(reversed(MEMBERS.items())))


def test_nothing_of_the_day_or_the_machine_is_in_it() -> None:
    with zipfile.ZipFile(io.BytesIO(pack(MEMBERS))) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {(info.create_system, info.external_attr, info.extra, info.comment) for info in archive.infolist()} == {
            (0, 0, b"", b"")
        }
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}


def test_no_byte_can_be_changed_unnoticed() -> None:
    raw = pack(MEMBERS)
    for at in range(len(raw)):
        changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        assert unpack(changed).faults, at


def test_a_changed_content_is_told_by_its_member() -> None:
    assert unpack(pack(MEMBERS).replace(b"read me", b"read ME")).faults[0].member == "README.txt"


def test_what_is_cut_off_appended_or_no_zip_is_told() -> None:
    raw = pack(MEMBERS)
    assert unpack(raw + b"\0").faults == (Fault("ZIP", "zip-trailing"),)
    assert all(unpack(raw[:length]).faults for length in range(len(raw)))
    assert unpack(pack({})).faults == (Fault("ZIP", "zip-unreadable"),)


def test_a_member_of_the_same_name_twice_is_told() -> None:
    raw = pack({"a": b"one", "b": b"two"})
    assert Fault("a", "zip-twice") in unpack(raw.replace(b"b" + b"two", b"a" + b"two")).faults


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"", b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"]))
def test_no_file_whatever_stops_the_reader(raw: bytes, mark: bytes) -> None:
    for hostile in (mark + raw, raw + mark, raw + mark + bytes(18)):
        assert unpack(hostile).faults
