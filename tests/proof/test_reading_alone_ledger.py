"""The verifier that stands alone reads ZIP, sums, seals, lines, certificates and stamps, and says what is wrong."""

import hashlib
import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pec_tracker.render import verify_package as alone
from pec_tracker.render.verify_package import Certificate, Message, Package, Receipt, Result, Seal, Stamp
from tests.factory import ca

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# --- the ZIP ---


def written(members: dict[str, bytes]) -> bytes:
    return b"".join(piece for piece, _ in alone.zip_pieces(members))


MEMBERS = {"b.txt": b"due", "a.txt": b"uno", "c/ù.txt": b""}


def test_a_zip_as_packages_are_written_is_read_and_nothing_is_found() -> None:
    assert alone.unzip(written(MEMBERS)) == (MEMBERS, [])


def test_every_byte_that_is_not_as_packages_are_written_is_named_by_its_member() -> None:
    raw = written(MEMBERS)
    changed = {}
    for at in range(len(raw)):
        odd = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        members, findings = alone.unzip(odd)
        changed[at] = bool(findings) or members != MEMBERS
    assert all(changed.values())


@pytest.mark.parametrize("raw", [b"", b"PK", b"PK\x05\x06" + bytes(18), b"no zip at all, but longer than an end is"])
def test_what_is_no_zip_has_no_members(raw: bytes) -> None:
    assert alone.unzip(raw) == ({}, [("ZIP", "is no ZIP as packages are written")])


def test_something_behind_the_zip_is_found() -> None:
    members, findings = alone.unzip(written(MEMBERS) + b"x")
    assert (members, findings) == (MEMBERS, [("ZIP", "is followed by something")])


def test_a_zip_with_damaged_headers_is_read_by_its_directory() -> None:
    raw = written(MEMBERS)
    odd = b"XX" + raw[2:]
    members, findings = alone.unzip(odd)
    assert members == MEMBERS
    assert findings == [("a.txt", "does not lie in the ZIP as packages are written")]


def test_a_member_that_is_cut_off_is_no_member() -> None:
    assert alone.members_by_headers(written({"a": b"x" * 100})[:60]) == {}
    assert alone.members_by_directory(written({"a": b"x"})[:-1]) == {}


# --- sums ---


def summed(members: dict[str, bytes]) -> dict[str, bytes]:
    sums = "".join(f"{sha256(members[name])}  {name}\n" for name in sorted(members))
    return {**members, "SHA256SUMS": sums.encode()}


def test_sums_that_are_right_say_nothing() -> None:
    assert list(alone.sums_findings(summed({"a": b"1", "b": b"2"}))) == []


@pytest.mark.parametrize(
    ("change", "findings"),
    [
        ({"a": b"x"}, [("a", "does not have the SHA-256 that SHA256SUMS says")]),
        ({"c": b"x"}, [("c", "is not in SHA256SUMS")]),
        ({"a": None}, [("a", "is missing")]),
        ({"SHA256SUMS": None}, [("SHA256SUMS", "is missing")]),
    ],
)
def test_a_sum_that_is_wrong_is_named(change: dict[str, bytes | None], findings: list[tuple[str, str]]) -> None:
    changed = {**summed({"a": b"1", "b": b"2"}), **change}
    members = {name: content for name, content in changed.items() if content is not None}
    assert list(alone.sums_findings(members)) == findings


def test_sums_in_another_order_are_found() -> None:
    members = summed({"a": b"1", "b": b"2"})
    members["SHA256SUMS"] = b"".join(sorted(members["SHA256SUMS"].splitlines(keepends=True), reverse=True))
    if members["SHA256SUMS"] == summed({"a": b"1", "b": b"2"})["SHA256SUMS"]:
        members["SHA256SUMS"] += b"\n"
    assert list(alone.sums_findings(members)) == [("SHA256SUMS", "is not written as it should be")]


# --- seals and lines ---

DIGITS = "0123456789abcdefghijklmnopqrstuv"


def line_id(at: datetime, last: str = "0") -> str:
    """The id of a line of this time: 56 bits of microseconds, and chance."""
    value = int((at - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)) << 4
    letters = ""
    for _ in range(12):
        letters = DIGITS[value % 32] + letters
        value //= 32
    return letters + "0" * 13 + last


def line(act: str, at: datetime = NOON, last: str = "0", **facts: Any) -> tuple[str, bytes]:
    own = {"act": act, "at": at.isoformat().replace("+00:00", "Z"), "facts": facts, "id": line_id(at, last)}
    content = (json.dumps(own, sort_keys=True, separators=(",", ":")) + "\n").encode()
    return f"ledger/{own['id']}.json", content


def seal(number: int, lines: list[tuple[str, bytes]], previous: bytes | None) -> tuple[str, bytes]:
    head = f"# previous {sha256(previous) if previous else 'none'}\n"
    rows = "".join(f"{sha256(content)}  {name[7:]}\n" for name, content in lines)
    return f"ledger/{number:08}.seal", (head + rows).encode()


ONE, TWO = line("message.queued", message="k"), line("message.submitted", NOON + timedelta(minutes=1), message="k")
FIRST = seal(7, [ONE], None)
SECOND = seal(8, [TWO], FIRST[1])
LEDGER = dict([ONE, TWO, FIRST, SECOND])


def test_a_chain_of_seals_that_holds_says_nothing() -> None:
    seals, findings = alone.seals_of(LEDGER)
    assert findings == []
    assert [(one.number, one.newest) for one in seals] == [(7, NOON), (8, NOON + timedelta(minutes=1))]
    assert seals[0].lines == {ONE[0][7:-5]: sha256(ONE[1])}
    lines, more = alone.lines_of(LEDGER, seals, "k")
    assert more == []
    assert {one["act"] for one in lines.values()} == {"message.queued", "message.submitted"}


@pytest.mark.parametrize(
    ("change", "findings"),
    [
        ({FIRST[0]: b"# previous none\n"}, ["is no seal", "does not follow the seal before"]),
        ({FIRST[0]: FIRST[1] + b"x\n"}, ["is no seal", "does not follow the seal before"]),
        ({FIRST[0]: FIRST[1].replace(b"none", b"nope")}, ["is no seal", "does not follow the seal before"]),
        ({SECOND[0]: SECOND[1].replace(b"# previous " + SECOND[1][11:75], b"# previous " + b"0" * 64)},
         ["does not follow the seal before"]),
    ],
)  # fmt: skip
def test_a_seal_that_is_none_or_does_not_follow_is_named(change: dict[str, bytes], findings: list[str]) -> None:
    assert [text for _, text in alone.seals_of({**LEDGER, **change})[1]] == findings


def test_a_seal_that_is_lacking_is_named() -> None:
    third = seal(9, [TWO], SECOND[1])
    without = {name: content for name, content in {**LEDGER, **dict([third])}.items() if name != SECOND[0]}
    assert [text for _, text in alone.seals_of(without)[1]] == ["does not follow the seal before", "lacks a seal"]
    assert alone.seals_of({}) == ([], [("ledger/", "lacks a seal")])


def test_a_line_that_is_changed_added_or_of_another_message_is_named() -> None:
    seals, _ = alone.seals_of(LEDGER)
    changed = {**LEDGER, ONE[0]: ONE[1].replace(b"queued", b"quoted")}
    assert alone.lines_of(changed, seals, "k")[1] == [(ONE[0], "does not stand in a seal as it is")]
    stray = line("message.queued", last="1", message="k")
    assert alone.lines_of({**LEDGER, **dict([stray])}, seals, "k")[1] == [
        (stray[0], "does not stand in a seal as it is")
    ]
    found, findings = alone.lines_of(LEDGER, seals, "other")
    assert findings == [(name, "is about another message") for name in (ONE[0], TWO[0])]
    assert len(found) == 2


def test_a_line_that_is_not_written_to_the_letter_is_no_line() -> None:
    name, content = ONE
    loose = content.replace(b":", b": ", 1)
    name_of_seal, sealed = seal(1, [(name, loose)], None)
    members = {name: loose, name_of_seal: sealed}
    assert alone.lines_of(members, alone.seals_of(members)[0], "k")[1] == [(name, "is no ledger line")]


def test_every_mail_and_record_is_named_by_a_line_and_every_named_one_is_there() -> None:
    mail, kept = b"mail", b"{}"
    act = line("mail.archived", mail=sha256(mail))
    box = line("mailbox.known", last="1", record=sha256(kept))
    lines = {act[0]: json.loads(act[1]), box[0]: json.loads(box[1])}
    members = {"receipts/001-delivery.eml": mail, f"records/{sha256(kept)}.json": kept}
    assert list(alone.named_findings(members, lines)) == []
    assert list(alone.named_findings({}, lines)) == [
        (act[0], "names a mail that is missing"), (box[0], "names a record that is missing"),
    ]  # fmt: skip
    assert list(alone.named_findings(members, {})) == [(name, "is named by no sealed line") for name in members]
    odd = {**members, f"records/{sha256(kept)}.json": b"[]"}
    assert (f"records/{sha256(kept)}.json", "is named by no sealed line") in alone.named_findings(odd, lines)


@pytest.mark.parametrize(
    ("name", "mail"),
    [("message/original.eml", True), ("receipts/1.eml", True), ("not-proof/1.eml", True), ("notary/1.eml", False),
     ("receipts/1.xml", False), ("x/receipts/1.eml", False)],
)  # fmt: skip
def test_a_mail_is_what_lies_in_its_folders(name: str, mail: bool) -> None:
    assert alone.is_mail(name) is mail


# --- stamps ---


def stamp(number: int = 7, at: datetime | None = NOON, **changes: Any) -> Stamp:
    return Stamp(Seal("", number, {"a": ""}, NOON), f"ledger/{number:08}.tsr", at=at, **changes)


NEXT = Seal("", 8, {"b": ""}, NOON + timedelta(minutes=1))


@pytest.mark.parametrize(
    ("one", "seals", "text"),
    [
        (stamp(), [NEXT], None),
        (stamp(wrong="x"), [NEXT], "x"),
        (stamp(at=NOON - timedelta(minutes=5)), [], None),
        (stamp(at=NOON - timedelta(minutes=6)), [], "is older than the newest line"),
        (stamp(at=NOON + timedelta(days=2, minutes=1)), [NEXT], None),
        (stamp(at=NOON + timedelta(days=2, minutes=2)), [NEXT], "is younger than the lines of the seal that follows"),
        (stamp(at=NOON + timedelta(days=9)), [], None),
        (stamp(at=None), [NEXT], None),
    ],
)
def test_a_stamp_that_the_seals_speak_against_is_a_finding(one: Stamp, seals: list[Seal], text: str | None) -> None:
    found = [said for _, said in alone.stamp_findings([one], seals)]
    assert found == [] if text is None else found[0].startswith(text)


def test_what_is_dated_from_outside_ends_at_the_newest_stamped_seal() -> None:
    seals = [Seal("", 7, {"a" * 26: ""}, NOON), Seal("", 8, {"b" * 26: ""}, NOON)]
    lines: dict[str, dict[str, Any]] = {f"ledger/{'a' * 26}.json": {}, f"ledger/{'b' * 26}.json": {}}
    assert alone.vouched([], seals, lines).startswith("Nothing from outside dates")
    said = alone.vouched([stamp(7), stamp(6)], seals, lines)
    assert "up to seal 7 was written by 2026-03-02T12:00:00+00:00 (ledger/00000007.tsr); 1 line(s)" in said
    assert "line(s)" not in alone.vouched([stamp(8)], seals, lines)


def test_the_time_of_a_line_stands_in_its_id() -> None:
    at = datetime(2026, 3, 2, 10, 11, 12, 345678, tzinfo=UTC)
    assert alone.time_of_id(line_id(at, "v")) == at


# --- certificates ---


def test_a_certificate_is_read_as_the_authority_wrote_it() -> None:
    root = ca.root()
    one = alone.certificate(root.der)
    assert one is not None
    assert alone.name_part(one.subject, alone.COMMON_NAME) == "Radice di prova"
    assert alone.name_part(one.subject, alone.ORGANIZATION) == "Prova"
    assert alone.name_part(one.subject, b"\x55\x04\x2a") == ""
    assert one.subject == one.issuer
    assert (one.bits, one.until, one.usable) == (2048, ca.UNTIL_2040, True)
    assert one.pem == root.pem
    assert one.algorithm == bytes.fromhex("2a864886f70d01010b")  # sha256WithRSAEncryption
    assert alone.from_pem(root.pem + b"x" + root.pem) == [one, one]


@pytest.mark.parametrize("cut", [0, 1, 10, 200])
def test_what_is_no_certificate_is_none(cut: int) -> None:
    assert alone.certificate(ca.root().der[:cut]) is None
    assert alone.from_pem(b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----") == []
    assert alone.certificate(ca.root().der + b"\x30\x00") is None


@pytest.mark.parametrize(
    ("der", "items"),
    [
        (b"", []),
        (b"\x02\x01\x05", [(2, b"\x02\x01\x05", b"\x05")]),
        (b"\x05\x00\x02\x01\x07", [(5, b"\x05\x00", b""), (2, b"\x02\x01\x07", b"\x07")]),
        (b"\x04\x81\x02ab", [(4, b"\x04\x81\x02ab", b"ab")]),
        (b"\x04\x82\x00\x02ab", [(4, b"\x04\x82\x00\x02ab", b"ab")]),
    ],
)
def test_der_is_cut_into_its_elements(der: bytes, items: list[tuple[int, bytes, bytes]]) -> None:
    assert alone.der_items(der) == items


@pytest.mark.parametrize("der", [b"\x02", b"\x02\x02\x05", b"\x02\x80", b"\x02\x85\x00\x00\x00\x00\x01x", b"\x30\x81"])
def test_what_is_cut_off_or_too_long_is_no_der(der: bytes) -> None:
    with pytest.raises(ValueError, match="no DER"):
        alone.der_items(der)


@pytest.mark.parametrize(
    ("tag", "text", "at"),
    [
        (0x17, "500101000000Z", datetime(1950, 1, 1, tzinfo=UTC)),
        (0x17, "491231235959Z", datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (0x18, "20500101000000Z", datetime(2050, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_year_of_two_digits_turns_at_fifty(tag: int, text: str, at: datetime) -> None:
    assert alone.der_time(tag, b"", text.encode()) == at


@pytest.mark.parametrize(
    ("bits", "algorithm", "usable"),
    [(2048, b"", True), (2047, b"", False), (4096, alone.MD_RSA[0], False), (4096, alone.MD_RSA[1], False),
     (0, b"", False), (2048, alone.SHA1_RSA, True)],
)  # fmt: skip
def test_an_authority_has_a_long_key_and_no_broken_digest(bits: int, algorithm: bytes, usable: bool) -> None:
    assert Certificate(b"", b"", b"", NOON, "", bits, algorithm).usable is usable


def test_certificates_are_what_their_names_say() -> None:
    root = ca.root()
    name = f"certificates/{sha256(root.der)[:16]}"
    good = {f"{name}.der": root.der, f"{name}.pem": root.pem, "certificates/chain-1-anchor.pem": root.pem}
    assert list(alone.certificate_findings(good)) == []
    assert list(alone.certificate_findings({**good, f"{name}.pem": b"x"})) == [(f"{name}.pem", f"is not {name}.der")]
    moved = {"certificates/0000000000000000.der": root.der, "certificates/0000000000000000.pem": root.pem}
    assert list(alone.certificate_findings(moved)) == [
        ("certificates/0000000000000000.der", "does not have the SHA-256 in its name")
    ]
    assert list(alone.certificate_findings({"certificates/chain-1-anchor.pem": root.pem})) == [
        ("certificates/chain-1-anchor.pem", "holds a certificate that is not in certificates/")
    ]


# --- the index, the attachments, the shapes ---


def indexed(members: dict[str, bytes]) -> dict[str, bytes]:
    rows = "".join(
        f'<Path>{name}</Path>\n  <Hash hashFunction="SHA-256">{sha256(content)}</Hash>'
        for name, content in members.items()
    )
    return {**members, "metadata/PIndex.xml": f"<PIndex>{rows}</PIndex>".encode(), "SHA256SUMS": b""}


def test_the_index_lists_every_other_file() -> None:
    members = indexed({"a": b"1", "b": b"2"})
    assert list(alone.index_findings(members)) == []
    wrong = "is not what metadata/PIndex.xml says"
    assert list(alone.index_findings({**members, "a": b"x"})) == [("a", wrong)]
    assert list(alone.index_findings({**members, "c": b"x"})) == [("c", wrong)]
    assert list(alone.index_findings({name: members[name] for name in members if name != "b"})) == [("b", wrong)]


def test_files_in_a_pdf_are_found_one_behind_the_other() -> None:
    packed = zlib.compress(b"due")
    pdf = b"%PDF"
    for content, form in ((b"uno", b""), (packed, b"/Filter/FlateDecode"), (b"no", b"/Filter/FlateDecode")):
        pdf += b"<</Length %d/Type/EmbeddedFile%b/Params 1>>\nstream\n%b\nendstream" % (len(content), form, content)
    assert list(alone.attachments(pdf)) == [b"uno", b"due"]
    assert list(alone.attachments(b"<</Length 99/Type/EmbeddedFile>>\nstream\nshort")) == []


@pytest.mark.parametrize(
    ("name", "belongs"),
    [
        ("message/original.eml", True), ("message/copy-01.eml", True), ("receipts/001-delivery.eml", True),
        ("not-proof/001-x.eml", True), ("ledger/00000001.seal", True), ("ledger/00000001.tsr", True),
        ("notary/00000001.abcdef01.eml", True), ("daticert/001-delivery.xml", True), ("report.json", True),
        ("summary.pdf", True), ("message/copy-1.eml", False), ("receipts/01-delivery.eml", False),
        ("receipts/001-delivery.eml.exe", False), ("json.py", False), ("ledger/1.seal", False), ("", False),
        ("../report.json", False),
    ],
)  # fmt: skip
def test_only_what_packages_hold_belongs_in_one(name: str, belongs: bool) -> None:
    assert (alone.SHAPES.fullmatch(name) is not None) is belongs


# --- what is said ---


def test_a_check_that_stumbles_is_a_finding_and_no_fault_of_the_program() -> None:
    result = Result()

    def stumbling() -> Iterator[tuple[str, str]]:
        yield "a", "b"
        raise KeyError("x")

    result.add("m", stumbling)
    assert result.findings == [("m", "or what it names cannot be read (KeyError)")]
    result.add("m", lambda: iter([("a", "b")]))
    assert result.findings[1:] == [("a", "b")]

    def broken() -> Iterator[tuple[str, str]]:
        raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        result.add("m", broken)


def proof(**changes: Any) -> Receipt:
    root = alone.certificate(ca.root().der)
    one = Receipt("receipts/001-delivery.eml", b"", kind="delivery", issued=NOON, signer=root, trusted=True)
    return replace(one, provider="Gestore", original=b"x", **changes)


def said(**changes: Any) -> list[str]:
    message = Message(held_to="composed", sender="a@pec.it", subject="Prova", reference="m@pec.it", original=b"x")
    journey = {"recipient": "b@pec.it", "state": "delivered", "state_at": "2026", "contradictions": []}
    result = Result(journeys=[journey], proof=[proof()], message=message, remarks=["a remark"])
    return list(alone.told(replace(result, **changes)))


def test_what_holds_is_told_with_what_was_not_compared() -> None:
    lines = said()
    assert lines[0] == "It holds as far as this program looks: 1 signature(s) of what counts as proof verified."
    assert lines[1] == "Message m@pec.it of a@pec.it: Prova"
    assert lines[2] == "  b@pec.it: delivered 2026"
    assert "signed by Radice di prova (Prova), certified by Radice di prova; provider named: Gestore" in lines[3]
    assert "a remark" in lines
    assert not any("OLD" in line or "YOU named" in line or "not composed" in line for line in lines)
    assert not any(line.startswith("No delivery receipt") for line in lines)
    assert lines[-len(alone.NOT_COMPARED) :] == [f"  - {what}" for what in alone.NOT_COMPARED]


def test_what_does_not_hold_says_each_finding_and_no_word_of_holding() -> None:
    assert said(findings=[("a", "is missing")]) == ["a: is missing", "Findings: 1. It does NOT hold."]


def test_a_named_authority_an_old_key_and_a_foreign_message_are_said() -> None:
    root = alone.certificate(ca.root().der)
    assert root is not None
    old = proof(signer=replace(root, bits=1024, algorithm=alone.SHA1_RSA), named=True)
    lines = said(proof=[old])
    assert any("; OLD: 1024-bit key, SHA-1" in line for line in lines)
    assert any("YOU named (--ca), and no root of Italian PEC: Radice di prova." in line for line in lines)
    assert any("receipts were held against the copy." in line for line in said(message=Message(held_to="copy")))
    assert any("nothing is known." in line for line in said(message=Message()))
    assert any(line.startswith("No delivery receipt") for line in said(proof=[proof(kind="acceptance")]))
    odd = {"recipient": "b", "state": "delivered", "state_at": None, "contradictions": ["x", "y"]}
    assert "  b: delivered  (contradictions: x, y)" in said(journeys=[odd])


@pytest.mark.parametrize(
    ("text", "printed"),
    [("plain ~", "plain ~"), ("è", "\\xe8"), ("a\x1b[2J", "a\\x1b[2J"), ("a\nb", "a\\x0ab"), ("\u202e", "\\u202e")],
)
def test_nothing_that_a_package_says_drives_the_terminal(text: str, printed: str) -> None:
    assert alone.printable(text) == printed


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (Receipt("", b""), "its signature does not hold"),
        (proof(trusted=False), "its signature holds, but no chain leads to an authority of this machine or of --ca"),
        (proof(faults=["a"], disagrees=["b"]), "a; disagrees in: b"),
        (proof(kind="taken-in-charge"), "it is a taken-in-charge"),
        (proof(trusted=False, issued=None, faults=["no certified time"]), "no certified time"),
    ],
)
def test_what_is_no_proof_says_why(one: Receipt, why: str) -> None:
    assert alone.why_not(one) == why


def entry(one: Receipt, **changes: Any) -> dict[str, Any]:
    told = {name: getattr(one, name, None) for name in alone.COMPARED}
    done = {"verdict": "trusted", "reasons": [], "at": NOON.isoformat(), "signer": "Radice di prova"}
    return {**told, "issued_at": NOON.isoformat(), "sha256": one.key, "counts": True, "verification": done, **changes}


ANOTHER = {"verdict": "trusted", "reasons": [], "at": NOON.isoformat(), "signer": "Un altro"}


@pytest.mark.parametrize(
    ("one", "changes", "counts", "findings"),
    [
        (proof(tipo="x"), {}, True, []),
        (proof(tipo="x"), {"sha256": "0"}, True, ["is not the mail that report.json names"]),
        (proof(tipo="x"), {"counts": False}, True, ["does not lie in the folder"]),
        (proof(tipo="x"), {"recipient": "c"}, True, ["certifies another recipient than report.json says: None"]),
        (proof(tipo="x"), {"issued_at": "2025"}, True, ["certifies another issued_at"]),
        (proof(tipo="x", trusted=False), {}, True, ["does not count as proof, and report.json counts it"]),
        (proof(tipo="x"), {"verification": ANOTHER}, True, ["was signed by another, or at another time"]),
        (proof(tipo="x"), {"verification": {**ANOTHER, "verdict": "broken"}}, True,
         ["counts receipts/001", "its signature holds, and", "was signed by another"]),
        (replace(proof(tipo="x"), member="not-proof/001.eml"), {"counts": False}, False, ["counts as proof by all"]),
    ],
)  # fmt: skip
def test_what_the_report_says_of_a_mail_is_held_against_its_bytes(
    one: Receipt, changes: dict[str, Any], counts: bool, findings: list[str]
) -> None:
    found = [text for _, text in alone.entry_findings(one, entry(one, **changes), counts)]
    assert len(found) == len(findings)
    assert all(text.startswith(start) for text, start in zip(found, findings, strict=True))


def test_an_extract_is_the_certification_data_of_its_mail() -> None:
    one = Receipt("receipts/001-delivery.eml", b"", kind="delivery", xml=b"<a/>")
    name = "daticert/001-delivery.xml"
    assert list(alone.extract_findings({name: b"<a/>"}, one)) == []
    assert list(alone.extract_findings({}, one)) == [(name, "is missing")]
    assert list(alone.extract_findings({name: b"<b/>"}, one)) == [
        (name, "is not the certification data in receipts/001-delivery.eml")
    ]
    assert list(alone.extract_findings({}, replace(one, xml=None))) == []
    assert list(alone.extract_findings({name: b""}, replace(one, xml=None))) != []
    assert list(alone.extract_findings({}, replace(one, kind=None))) == []


def test_what_cannot_run_is_said_with_status_two(capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    assert alone.main([str(tmp_path / "no.zip")]) == 2
    assert capsys.readouterr().err.startswith("cannot run: ")
    (tmp_path / "odd.zip").write_bytes(b"no zip")
    assert alone.main([str(tmp_path / "odd.zip")]) == 1
    assert "It does NOT hold." in capsys.readouterr().out
    assert struct.calcsize("<4s4H2LH") == alone.END.size


def test_a_folder_is_read_with_every_plain_file_and_names_what_is_none(tmp_path: Any) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"1")
    (tmp_path / "c").symlink_to(tmp_path / "a" / "b")
    assert alone.read_folder(tmp_path) == {"a/b": b"1", "c (no plain file)": b""}


def test_a_report_of_another_kind_or_written_otherwise_is_found() -> None:
    def found(raw: bytes) -> list[tuple[str, str]]:
        package = Package.__new__(Package)
        package.members = {"report.json": raw}
        return list(package.report_read())

    good = (json.dumps({"schema": 1, "a": "è"}, ensure_ascii=False, indent=1) + "\n").encode()
    assert found(good) == []
    assert found(good.replace(b"1,", b"2,")) == [("report.json", "is of another kind than this program knows")]
    twice = good.replace(b'{\n "schema": 1', b'{\n "schema": 1,\n "schema": 1')
    assert found(twice) == [("report.json", "is not written as it should be")]
