"""The verifier that stands alone reads sums, seals, lines, stamps, index and summary, and tells what came of it."""

import json
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from pec_tracker.render import verify_package as alone
from pec_tracker.render.verify_package import Certificate, Message, Receipt, Result, Seal, Stamp

AT = datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


def digest(content: bytes) -> str:
    return sha256(content).hexdigest()


def sums(text: str, **more: bytes) -> list[tuple[str, str]]:
    return list(alone.sums_findings({"a": b"abc", "b": b"", **more, "SHA256SUMS": text.encode()}))


ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-4
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
NOT_SO, WRONG = "is not written as it should be", "does not have the SHA-256 that SHA256SUMS says"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"{ABC}  a\n{EMPTY}  b\n", []),
        (f"{EMPTY}  b\n{ABC}  a\n", [("SHA256SUMS", NOT_SO)]),
        (f"{ABC}  a\n{EMPTY}  b", [("SHA256SUMS", NOT_SO)]),
        (f"{ABC} *a\n{EMPTY}  b\n", [("SHA256SUMS", NOT_SO)]),
        (f"{ABC}  a\n{EMPTY}  b\n\n", [("SHA256SUMS", NOT_SO)]),
        (f"{EMPTY}  a\n{EMPTY}  b\n", [("a", WRONG)]),
        (f"{ABC}  a\n", [("b", "is not in SHA256SUMS")]),
        (f"{ABC}  a\n{EMPTY}  b\n{EMPTY}  c\n", [("c", "is missing")]),
        ("", [("a", "is not in SHA256SUMS"), ("b", "is not in SHA256SUMS")]),
    ],
)
def test_sums_list_every_other_member(text: str, found: list[tuple[str, str]]) -> None:
    assert sums(text) == found
    assert list(alone.sums_findings({"a": b"abc"})) == [("SHA256SUMS", "is missing")]


# --- seals and lines ---

ONE, TWO = "0" * 25 + "1", "0" * 25 + "2"


def line(number: str = ONE, **facts: Any) -> bytes:
    whole = {"id": number, "act": "mail.archived", "at": "2026-03-02T09:15:00Z", "facts": {}, **facts}
    return (json.dumps(whole, sort_keys=True, separators=(",", ":")) + "\n").encode()


def seal(lines: dict[str, bytes], previous: str = "none") -> bytes:
    rows = "".join(f"{digest(content)}  {number}.json\n" for number, content in lines.items())
    return f"# previous {previous}\n{rows}".encode()


FIRST = seal({ONE: line()})
SECOND_SEAL = seal({TWO: line(TWO)}, digest(FIRST))


@pytest.mark.parametrize(
    ("members", "numbers", "found"),
    [
        ({"00000001": FIRST}, [1], []),
        ({"00000007": FIRST, "00000008": SECOND_SEAL}, [7, 8], []),
        ({"19999999": FIRST, "20000000": SECOND_SEAL}, [19_999_999, 20_000_000], []),
        ({"00000001": FIRST, "00000003": SECOND_SEAL}, [1, 3], [("ledger/", "lacks a seal")]),
        ({}, [], [("ledger/", "lacks a seal")]),
        ({"00000001": FIRST, "00000002": seal({TWO: line(TWO)}, "0" * 64)}, [1, 2],
         [("ledger/00000002.seal", "does not follow the seal before")]),
        ({"00000001": FIRST, "00000002": seal({TWO: line(TWO)})}, [1, 2],
         [("ledger/00000002.seal", "does not follow the seal before")]),
        ({"00000005": SECOND_SEAL}, [5], []),
        ({"00000001": FIRST + b"x"}, [1], [("ledger/00000001.seal", "is no seal")]),
        ({"00000001": FIRST[1:]}, [1], [("ledger/00000001.seal", "is no seal")]),
        ({"00000001": b"# previous none\n"}, [1], [("ledger/00000001.seal", "is no seal")]),
        ({"0000001": FIRST, "00000001": FIRST}, [1], []),
        ({"000000001": FIRST}, [1], [("ledger/000000001.seal", "is no seal")]),
        ({"1" * 16: FIRST}, [], [("ledger/", "lacks a seal")]),
    ],
)  # fmt: skip
def test_seals_follow_each_other(members: dict[str, bytes], numbers: list[int], found: list[tuple[str, str]]) -> None:
    seals, findings = alone.seals_of({f"ledger/{name}.seal": content for name, content in members.items()})
    assert [one.number for one in seals] == numbers
    assert findings == found


def test_seal_knows_its_lines_and_their_newest() -> None:
    # 56 bits of microseconds: 1,000,000 << 4 in base 32 is 0..0F89000 in ten and two letters
    later = "000000" + "0f8900" + "0" * 14
    ((one,), findings) = alone.seals_of({"ledger/00000001.seal": seal({ONE: line(), later: b"x"})})
    assert findings == []
    assert one.lines == {ONE: digest(line()), later: digest(b"x")}
    assert (one.member, one.newest) == ("ledger/00000001.seal", datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    (none,) = alone.seals_of({"ledger/00000001.seal": b"# previous none\n"})[0]
    assert none.newest == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line_id", "microseconds"),
    [("0" * 26, 0), ("00000000000g" + "v" * 14, 1), ("00000000000f" + "v" * 14, 0), ("000000000010" + "0" * 14, 2),
     ("00000000010" + "0" * 15, 64)],
)  # fmt: skip
def test_time_of_a_line_is_in_its_id(line_id: str, microseconds: int) -> None:
    assert alone.time_of_id(line_id) == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


@pytest.mark.parametrize(
    ("content", "sealed", "kept", "found"),
    [
        (line(), None, True, []),
        (line(), line(TWO), False, ["does not stand in a seal as it is"]),
        (line()[:-1], None, False, ["is no ledger line"]),
        (b'{"id":"%b","act":"a","at":"","facts":{}}\n' % ONE.encode(), None, False, ["is no ledger line"]),
        (line(TWO), None, False, ["is no ledger line"]),
        (line(facts=[]), None, False, ["is no ledger line"]),
        (line(act="message.queued", facts={"message": "key"}), None, True, []),
        (line(act="message.queued", facts={"message": "other"}), None, True, ["is about another message"]),
        (line(act="mail.archived", facts={"message": "other"}), None, True, []),
    ],
)
def test_line_stands_in_a_seal_as_it_is(content: bytes, sealed: bytes | None, kept: bool, found: list[str]) -> None:
    name = f"ledger/{ONE}.json"
    seals = [Seal("ledger/00000001.seal", 1, {ONE: digest(sealed or content)}, AT)]
    members = {name: content, "ledger/x.txt": b"", "other.json": b"", "ledger/00000001.seal": b""}
    lines, findings = alone.lines_of(members, seals, "key")
    assert list(lines) == ([name] if kept else [])
    assert findings == [(name, text) for text in found]


def named(members: dict[str, bytes], *lines: tuple[str, dict[str, Any]]) -> list[tuple[str, str]]:
    every = {f"ledger/{at}.json": {"id": str(at), "act": act, "facts": facts} for at, (act, facts) in enumerate(lines)}
    return list(alone.named_findings(members, every))


MAIL, RECORD = {"receipts/a.eml": b"abc"}, {f"records/{ABC}.json": b"abc"}
UNNAMED = "is named by no sealed line"


@pytest.mark.parametrize(
    ("members", "lines", "found"),
    [
        (MAIL, [("mail.archived", {"mail": ABC})], []),
        ({"message/original.eml": b"abc"} | RECORD, [("message.queued", {"mail": ABC, "record": ABC})], []),
        (MAIL, [], [("receipts/a.eml", UNNAMED)]),
        (MAIL, [("mail.other", {"mail": ABC})], [("receipts/a.eml", UNNAMED)]),
        ({"not-proof/a.eml": b"abc"}, [], [("not-proof/a.eml", UNNAMED)]),
        ({"notary/a.eml": b"abc", "receipts/a.txt": b""}, [], []),
        ({}, [("mail.archived", {"mail": ABC})], [("ledger/0.json", "names a mail that is missing")]),
        ({}, [("mailbox.known", {"record": ABC})], [("ledger/0.json", "names a record that is missing")]),
        ({}, [("message.submitted", {"record": ABC})], []),
        (RECORD, [("mailbox.known", {"record": ABC})], []),
        (RECORD, [], [(f"records/{ABC}.json", UNNAMED)]),
        ({f"records/{ABC}.json": b"abd"}, [("mailbox.known", {"record": ABC})], [(f"records/{ABC}.json", UNNAMED)]),
    ],
)
def test_mails_and_records_are_named_by_lines(
    members: dict[str, bytes], lines: list[tuple[str, dict[str, Any]]], found: list[tuple[str, str]]
) -> None:
    assert named(members, *lines) == found


# --- stamps ---


def sealed(number: int, newest: datetime = AT) -> Seal:
    return Seal(f"ledger/{number:08}.seal", number, {f"line{number}": ""}, newest)


OLDER = "is older than the newest line of its seal: the ledger's times are not what they say"
YOUNGER = "is younger than the lines of the seal that follows: its lines were dated back"


@pytest.mark.parametrize(
    ("stamp", "found"),
    [
        ({"at": AT}, []), ({"at": AT - timedelta(minutes=5)}, []),
        ({"at": AT - timedelta(minutes=5, seconds=1)}, [OLDER]),
        ({"at": None}, []), ({"at": None, "wrong": "is wrong"}, ["is wrong"]), ({"at": AT + 3 * DAY}, []),
        ({"at": AT + 3 * DAY + SECOND}, [YOUNGER]),
    ],
)  # fmt: skip
def test_stamp_is_possible_beside_the_seals(stamp: dict[str, Any], found: list[str]) -> None:
    seals = [sealed(1), sealed(2, AT + DAY)]
    assert list(alone.stamp_findings([Stamp(seals[0], "s", **stamp)], seals)) == [("s", text) for text in found]
    assert list(alone.stamp_findings([Stamp(seals[1], "s", at=AT + 30 * DAY)], seals)) == []


def test_up_to_where_the_ledger_is_dated_is_said() -> None:
    seals = [sealed(1), sealed(2), sealed(3)]
    lines: dict[str, Any] = {f"ledger/line{number}.json": {} for number in (1, 2, 3)}
    assert alone.vouched([], seals, lines).startswith("Nothing from outside dates")
    first, second = Stamp(seals[0], "a", at=AT), Stamp(seals[1], "b", at=AT)
    said = alone.vouched([first, second], seals, lines)
    assert said == (
        "What the ledger says up to seal 2 was written by 2026-03-02T09:15:00+00:00 (b)"
        "; 1 line(s) here are later, and the sender's word."
    )
    assert alone.vouched([Stamp(seals[2], "c", at=AT)], seals, lines).endswith("(c).")


# --- the rest of the package ---


@pytest.mark.parametrize(
    ("name", "belongs"),
    [
        ("message/original.eml", True), ("message/copy-01.eml", True), ("message/copy-1.eml", False),
        ("receipts/001-delivery.eml", True), ("receipts/01-delivery.eml", False), ("not-proof/012-x.eml", True),
        (f"records/{ABC}.json", True), (f"ledger/{ONE}.json", True), ("ledger/00000001.tsr", True),
        ("summary.txt", False),
        ("notary/00000001.0123abcd.eml", True), ("certificates/0123456789abcdef.pem", True), ("json.py", False),
        ("certificates/chain-1-anchor.pem", True), ("metadata/PIndex.xml", True), ("report.json\n", False),
    ],
)  # fmt: skip
def test_only_what_packages_have_belongs(name: str, belongs: bool) -> None:
    assert (alone.SHAPES.fullmatch(name) is not None) is belongs


def index(*listed: tuple[str, str]) -> bytes:
    return "".join(
        f'<Path>{name}</Path>\n  <Hash hashFunction="SHA-256">{value}</Hash>' for name, value in listed
    ).encode()


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        ([("a", ABC)], []), ([("a", EMPTY)], ["a"]), ([], ["a"]), ([("a", ABC), ("b", ABC)], ["b"]),
        ([("a", ABC), ("SHA256SUMS", ABC)], []),
    ],
)  # fmt: skip
def test_index_lists_every_other_file(listed: list[tuple[str, str]], found: list[str]) -> None:
    members = {"a": b"abc", "SHA256SUMS": b"", "metadata/PIndex.xml": index(*listed)}
    assert [name for name, _ in alone.index_findings(members)] == found


def attached(content: bytes, *, packed: bool = True, length: int | None = None) -> bytes:
    stored = zlib.compress(content) if packed else content
    word = b"/Filter/FlateDecode" if packed else b""
    size = len(stored) if length is None else length
    return b"<</Length %d/Type/EmbeddedFile%b/Params<<>>>>\nstream\n" % (size, word) + stored + b"\nendstream\n"


@pytest.mark.parametrize(
    ("pdf", "found"),
    [
        (b"", []), (b"%PDF" + attached(b"one") + b"x" + attached(b"two", packed=False), [b"one", b"two"]),
        (attached(attached(b"inner", packed=False), packed=False), [attached(b"inner", packed=False)]),
        (attached(b"one", length=10_000) + attached(b"two"), [b"two"]),
        (attached(b"one").replace(b"x", b"!", 1) + attached(b"two"), [b"two"]),
        (attached(b"one", packed=False)[: -len(b"\nendstream\n")], [b"one"]),
    ],
)  # fmt: skip
def test_attachments_of_a_summary_lie_one_behind_the_other(pdf: bytes, found: list[bytes]) -> None:
    assert list(alone.attachments(pdf)) == found


def test_attachments_beyond_what_a_package_holds_are_not_unpacked() -> None:
    packer = zlib.compressobj(1)
    bomb = b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(256)), packer.flush()])
    pdf = b"<</Length %d/Type/EmbeddedFile/Filter/FlateDecode>>\nstream\n%b\n" % (len(bomb), bomb)
    assert [*alone.attachments(attached(b"one") + pdf + attached(b"two"))] == [b"one"]
    assert [*alone.attachments(pdf + attached(b"two"))] == []


def summary(report: dict[str, Any], members: dict[str, bytes]) -> list[tuple[str, str]]:
    package = object.__new__(alone.Package)
    package.members, package.report = members, report
    return list(package.summary())


PDF = attached(b"mail") + attached(b'{"facts": 1}')
MISSING, ALIEN, OTHER = "is missing", "does not belong here", "the mails attached to it are not those of the package"


@pytest.mark.parametrize(
    ("report", "members", "found"),
    [
        (("en", True), {"README.txt": b"", "summary.pdf": PDF}, []),
        (("it", True), {"LEGGIMI.txt": b"", "riepilogo.pdf": PDF}, []),
        (("en", False), {"README.txt": b""}, []),
        (("en", False), {"README.txt": b"", "summary.pdf": PDF}, [("summary.pdf", ALIEN)]),
        (("en", True), {"README.txt": b""}, [("summary.pdf", MISSING)]),
        (("it", False), {"README.txt": b""}, [("LEGGIMI.txt", MISSING), ("README.txt", ALIEN)]),
        (("en", True), {"README.txt": b"", "summary.pdf": attached(b"{}")}, [("summary.pdf", OTHER)]),
        (("en", True), {"README.txt": b"", "summary.pdf": attached(b"mail")}, []),
        (("en", True), {"README.txt": b"", "summary.pdf": PDF + attached(b"{}")}, [("summary.pdf", OTHER)]),
        (
            ("en", True),
            {"README.txt": b"", "summary.pdf": attached(b"mail") + attached(b"x")},
            [("summary.pdf", OTHER)],
        ),
    ],
)
def test_mails_attached_to_the_summary_are_the_packages(
    report: tuple[str, bool], members: dict[str, bytes], found: list[tuple[str, str]]
) -> None:
    assert summary({"language": report[0], "pdf": report[1]}, {"receipts/a.eml": b"mail", **members}) == found


# --- the result ---

# A name of one RDN with a common name in UTF-8, and one with an organization beside it.
NAME = bytes.fromhex("301c 310e 300c 0603550403 0c0550726f7661 310a 3008 060355040a 0c0141")
SHA1 = bytes.fromhex("2a864886f70d010105")  # sha1WithRSAEncryption, 1.2.840.113549.1.1.5
SIGNER = Certificate(b"", NAME, NAME, AT, "", 2048, b"")


def result(**facts: Any) -> Result:
    one = Receipt("receipts/001-delivery.eml", b"", kind="delivery", issued=AT, signer=SIGNER, original=b"")
    journey: dict[str, Any] = {"recipient": "a@x", "state": "delivered", "state_at": None, "contradictions": []}
    known = Message(held_to="composed", reference="r", sender="s", subject="t", original=b"x")
    return replace(Result(proof=[one], journeys=[journey], message=known, remarks=["Remark."]), **facts)


def test_what_does_not_hold_is_told_and_nothing_else() -> None:
    assert list(alone.told(result(findings=[("a", "is b"), ("c", "is d")]))) == [
        "a: is b", "c: is d", "Findings: 2. It does NOT hold."
    ]  # fmt: skip


def test_what_holds_is_told_with_its_limits() -> None:
    said = list(alone.told(result()))
    assert said[:3] == [
        "It holds as far as this program looks: 1 signature(s) of what counts as proof verified.",
        "Message r of s: t",
        "  a@x: delivered ",
    ]
    assert not any("OLD" in one or "YOU named" in one or "not composed" in one or "encloses" in one for one in said)
    assert "Remark." in said
    assert f"  - {next(iter(alone.NOT_COMPARED))}" in said


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda: result(message=Message(held_to="copy", original=b"x")), "receipts were held against the copy."),
        (lambda: result(message=Message()), "nothing is known."),
        (lambda: result(message=Message(held_to="composed")), "receipts were held against the composed."),
        (lambda: result(proof=[]), "No delivery receipt here encloses the message"),
        (lambda: result(proof=[replace(result().proof[0], original=None)]), "No delivery receipt here encloses"),
        (lambda: result(proof=[replace(result().proof[0], kind="acceptance")]), "No delivery receipt here encloses"),
        (lambda: result(proof=[replace(result().proof[0], named=True)]), "under an authority that YOU named"),
        (lambda: result(proof=[replace(result().proof[0], signer=replace(SIGNER, bits=1024))]), "OLD: 1024-bit key"),
        (lambda: result(proof=[replace(result().proof[0], signer=replace(SIGNER, bits=2047))]), "OLD: 2047-bit key"),
        (lambda: result(proof=[replace(result().proof[0], signer=replace(SIGNER, algorithm=SHA1))]), "OLD: SHA-1"),
        (lambda: result(journeys=[{**result().journeys[0], "contradictions": ["x", "y"]}]), "(contradictions: x, y)"),
    ],
)  # fmt: skip
def test_each_limit_has_its_word(change: Any, word: str) -> None:
    assert word in "\n".join(alone.told(change()))
    assert word not in "\n".join(alone.told(result()))


@pytest.mark.parametrize(
    ("text", "plain"),
    [("abc", "abc"), ("perché", "perch\\xe9"), ("\x1b[2J", "\\x1b[2J"), ("a\nb", "a\\x0ab"), ("\ud800", "\\ud800")],
)
def test_line_for_a_terminal_is_plain(text: str, plain: str) -> None:
    assert alone.printable(text) == plain


def test_status_says_whether_it_could_run_and_whether_it_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert alone.main([str(tmp_path / "missing.zip")]) == 2
    assert "cannot run" in capsys.readouterr().err
    (tmp_path / "bad.zip").write_bytes(b"bad")
    assert alone.main([str(tmp_path / "bad.zip")]) == 1
    assert capsys.readouterr().out == "ZIP: is no ZIP as packages are written\nFindings: 1. It does NOT hold.\n"
    assert alone.main([str(tmp_path)]) == 1
    assert "bad.zip: does not belong here\n" in capsys.readouterr().out
    monkeypatch.setattr(alone, "examined", lambda *_: result())
    assert alone.main([str(tmp_path)]) == 0


def test_check_that_stumbles_is_a_finding_and_no_fault() -> None:
    found = Result()

    def stumbles() -> Iterator[tuple[str, str]]:
        yield "a", "b"
        raise KeyError("x")

    found.add("report.json", stumbles)
    assert found.findings == [("report.json", "or what it names cannot be read (KeyError)")]
    found.add("x", lambda: iter([("a", "b")]))
    assert found.findings[1:] == [("a", "b")]

    def fails() -> Iterator[tuple[str, str]]:
        raise OSError

    with pytest.raises(OSError):
        found.add("x", fails)
