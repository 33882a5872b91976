"""The verifier that stands alone holds report.json against what follows: receipts, message, journeys, lines, stamps."""

import json
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from pec_tracker.render import verify_package as alone
from pec_tracker.render.verify_package import Certificate, Message, Openssl, Package, Receipt, Result, Seal, Signatures
from tests.factory import receipts as factory

AT = datetime(2026, 3, 2, 9, 15, 30, tzinfo=UTC)
WRITTEN = "2026-03-02T09:15:30+00:00"
ME, ANNA, BRUNO = "studio@pec.example", "anna@pec.example", "bruno@pec.example"
PROVA = bytes.fromhex("3010 310e 300c 0603550403 0c0550726f7661")  # a name: CN=Prova


def package(members: dict[str, bytes], report: dict[str, Any]) -> Package:
    made = object.__new__(Package)
    made.members, made.report, made.result = members, report, Result()
    return made


def acceptance(member: str = "receipts/001-acceptance.eml", **facts: Any) -> Receipt:
    signer = Certificate(b"", PROVA, PROVA, AT + timedelta(days=9), "", 2048, b"")
    settled: dict[str, Any] = {"tipo": "accettazione", "issued": AT, "trusted": True, "signer": signer, "xml": b"x"}
    return Receipt(member, member.encode(), kind="acceptance", **{**settled, **facts})


def entry(one: Receipt, *, counts: bool = True) -> dict[str, Any]:
    told = {name: getattr(one, name, None) for name in alone.COMPARED}
    verification = {"verdict": "trusted", "reasons": [], "at": WRITTEN, "signer": "Prova"}
    more = {"member": one.member, "sha256": one.key, "counts": counts, "verification": verification}
    return {**told, "issued_at": WRITTEN, **more}


EXTRACT = {"daticert/001-acceptance.xml": b"x"}
ODD = acceptance("not-proof/002-acceptance.eml", faults=["odd"], xml=None)


@pytest.mark.parametrize(
    ("proof", "not_proof", "receipts", "found"),
    [
        ([entry(acceptance())], [], [acceptance()], []),
        ([entry(acceptance())], [entry(ODD, counts=False)], [acceptance(), ODD], []),
        ([], [], [acceptance()], ["receipts/001-acceptance.eml", "report.json"]),
        ([entry(acceptance())], [], [], ["receipts/001-acceptance.eml", "report.json"]),
        ([entry(acceptance()), entry(acceptance())], [], [acceptance()], ["report.json"]),
        ([entry(acceptance())], [], [acceptance(), ODD], ["not-proof/002-acceptance.eml", "report.json"]),
        ([entry(acceptance(subject="x"))], [], [acceptance()], ["receipts/001-acceptance.eml"]),
        ([entry(acceptance())], [], [acceptance(xml=b"y")], ["daticert/001-acceptance.xml"]),
        ([], [entry(acceptance(), counts=False)], [acceptance()], ["receipts/001-acceptance.eml"] * 2),
    ],
)
def test_each_receipt_is_listed_once_and_as_it_is(
    proof: list[Any], not_proof: list[Any], receipts: list[Receipt], found: list[str]
) -> None:
    made = package(EXTRACT, {"proof": proof, "not_proof": not_proof})
    assert [member for member, _ in made.evidence(receipts)] == found


# --- message and journeys ---

LETTER = b"Subject: Diffida\n\nbody"


def state(name: str, **more: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        "recipient": name, "state": "accepted", "state_at": WRITTEN, "accepted_at": WRITTEN, "delivered_at": None,
        "error_code": None, "error_detail": None, "contradictions": [],
        "evidence": [sha256(b"receipts/001-acceptance.eml").hexdigest()],
    }  # fmt: skip
    return told | more


def judged(
    change: Any = None, *, held_to: str = "composed", recipients: tuple[str, ...] = (ANNA,), **facts: Any
) -> tuple[list[tuple[str, str]], Result]:
    report: dict[str, Any] = {
        "recipient": None,
        "journeys": [state(each) for each in recipients],
        "message": {
            "held_to": held_to, "subject": "Diffida", "sender": ME, "recipients": list(recipients), "reference": "r",
            "identifier": "i", "member": "message/original.eml", "sha256": sha256(LETTER).hexdigest(),
            "queued_at": WRITTEN, "submitted_at": None,
        },
    }  # fmt: skip
    if change:
        change(report)
    made = package({}, deepcopy(report))
    made.result.message = Message(
        held_to=held_to, sender=ME, recipients=list(recipients), subject="Diffida", reference="r", identifier="i",
        original=LETTER, queued=AT,
    )  # fmt: skip
    return list(made.judged([acceptance(**facts), ODD])), made.result


def test_report_that_tells_what_follows_holds() -> None:
    found, result = judged()
    assert found == []
    assert [one["recipient"] for one in result.journeys] == [ANNA]
    assert [one.member for one in result.proof] == ["receipts/001-acceptance.eml"]
    assert result.remarks == []
    assert judged(recipients=(ANNA, BRUNO))[0] == []


@pytest.mark.parametrize("name", ["held_to", "subject", "sender", "recipients", "reference", "identifier", "member",
                                  "sha256", "queued_at", "submitted_at"])  # fmt: skip
def test_each_fact_of_the_message_is_compared(name: str) -> None:
    found, _ = judged(lambda report: report["message"].update({name: "other"}))
    assert found == [("report.json", f"says otherwise of the message's {name} than its bytes")]


@pytest.mark.parametrize("name", ["state", "state_at", "accepted_at", "delivered_at", "error_code", "error_detail",
                                  "contradictions", "evidence"])  # fmt: skip
def test_each_fact_of_a_journey_is_compared(name: str) -> None:
    found, _ = judged(lambda report: report["journeys"][0].update({name: "other"}))
    ((member, text),) = found
    assert (member, text.startswith(f"says {name} other of {ANNA}; it follows: ")) == ("report.json", True)


def test_one_journey_for_each_recipient() -> None:
    found, _ = judged(lambda report: report.update(journeys=[]))
    assert len(found) == 7  # six facts of it are something
    assert found[-1] == ("report.json", "does not tell one journey for each recipient")
    found, _ = judged(lambda report: report["journeys"].append(state(BRUNO)))
    assert found == [("report.json", "does not tell one journey for each recipient")]


def test_package_about_one_recipient_says_so() -> None:
    def about(report: dict[str, Any]) -> None:
        report["recipient"] = BRUNO.upper()
        report["journeys"] = [state(BRUNO)]

    found, result = judged(about, recipients=(ANNA, BRUNO))
    assert found == []
    assert [one["recipient"] for one in result.journeys] == [BRUNO]
    assert result.remarks == [f"It is about {BRUNO.upper()} only."]


def test_recipient_that_only_a_receipt_names_has_a_journey() -> None:
    _, result = judged(recipient=BRUNO)
    assert [one["recipient"] for one in result.journeys] == [ANNA, BRUNO]
    _, result = judged(recipient=ANNA.upper())
    assert [one["recipient"] for one in result.journeys] == [ANNA]


@pytest.mark.parametrize(
    ("held_to", "said", "holds"),
    [
        ("composed", ["copies-differ"], False), ("copy", ["copies-differ"], True), ("copy", ["copy-differs"], True),
        ("copy", ["two-acceptances"], False), ("copy", None, False), ("receipts", [], True),
    ],
)  # fmt: skip
def test_copies_that_differ_are_said_of_found_messages_alone(held_to: str, said: Any, holds: bool) -> None:
    found, _ = judged(lambda report: report["journeys"][0].update(contradictions=said), held_to=held_to)
    assert (found == []) is holds


# --- lines, seals, stamps ---

NUMBER = "0" * 26
SEAL = Seal("ledger/00000003.seal", 3, {NUMBER: ""}, AT)
LINES = {f"ledger/{NUMBER}.json": {"id": NUMBER, "at": "2026-03-02T09:15:30Z", "act": "mail.archived", "facts": {}}}
LISTED = {"id": NUMBER, "at": WRITTEN, "act": "mail.archived", "seal": 3}
SEALED = {"number": 3, "sha256": sha256(b"seal").hexdigest(), "lines": 1}


@pytest.mark.parametrize(
    ("lines", "seals", "holds"),
    [
        ([LISTED], [SEALED], True), ([], [SEALED], False), ([LISTED], [], False), ([LISTED] * 2, [SEALED], False),
        ([{**LISTED, "seal": 2}], [SEALED], False), ([LISTED], [{**SEALED, "number": 4}], False),
        ([LISTED], [{**SEALED, "lines": 2}], False), ([LISTED], [{**SEALED, "sha256": ""}], False),
    ],
)  # fmt: skip
def test_lines_and_seals_are_listed(lines: list[Any], seals: list[Any], holds: bool) -> None:
    told = {"lines": lines, "seals": seals}
    found = list(alone.ledger_entry_findings(told, {SEAL.member: b"seal"}, [SEAL], LINES))
    assert (found == []) is holds


@pytest.fixture(scope="module")
def signatures(tmp_path_factory: pytest.TempPathFactory) -> Signatures:
    root, authority = alone.certificate(factory.root_authority().der), factory.pec_authority()
    assert root is not None
    return Signatures(Openssl(tmp_path_factory.mktemp("openssl")), {"certificates/a.der": authority.der}, [root])


QUOTING = f"Sigillo {sha256(b'seal').hexdigest()}"
STAMP = "notary/00000003.01234567.eml"


def stamped(
    signatures: Signatures, raw: bytes, listed: list[dict[str, Any]], name: str = STAMP
) -> tuple[list[tuple[str, str]], list[str]]:
    made = package({name: raw, SEAL.member: b"seal"}, {"stamps": listed})
    made.signatures, made.tool, made.stamp_roots = signatures, signatures.tool, ""
    return list(made.stamped([SEAL], LINES)), made.result.remarks


def test_acceptance_that_quotes_a_seal_dates_it(signatures: Signatures) -> None:
    at = factory.ISSUED_AT.isoformat()
    good = factory.receipt("accettazione", subject=QUOTING)
    said = f"What the ledger says up to seal 3 was written by {at} ({STAMP})."
    assert stamped(signatures, good, [{"member": STAMP, "at": at}]) == ([], [said])
    assert stamped(signatures, good, [])[0] == [(STAMP, "is not what report.json says of it")]
    assert stamped(signatures, good, [{"member": STAMP, "at": WRITTEN + "x"}])[0]
    other = {"member": "notary/9", "at": at}
    assert stamped(signatures, good, [{"member": STAMP, "at": at}, other])[0] == [
        ("notary/9", "is not in the package, and report.json names it")
    ]


@pytest.mark.parametrize(
    ("kind", "subject", "name", "wrong"),
    [
        ("accettazione", "Altro", STAMP, "does not date its seal"),
        ("avvenuta-consegna", QUOTING, STAMP, "does not date its seal"),
        ("accettazione", QUOTING, "notary/00000004.01234567.eml", "dates no seal of this package"),
    ],
)
def test_mail_that_dates_no_seal_is_found(
    signatures: Signatures, kind: str, subject: str, name: str, wrong: str
) -> None:
    found, remarks = stamped(signatures, factory.receipt(kind, subject=subject), [], name)
    assert found == [(name, wrong)]
    assert remarks[-1].startswith("Nothing from outside dates")


def test_stamp_whose_signer_is_unknown_is_a_remark(signatures: Signatures) -> None:
    raw = factory.receipt("accettazione", subject=QUOTING, from_address="posta-certificata@altro.example")
    found, remarks = stamped(signatures, raw, [])
    assert found == []
    assert remarks[0].startswith(f"{STAMP} was NOT verified here: its signature does not hold")
    assert len(remarks) == 2


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b'{\n "schema": 1\n}\n', []),
        (b'{\n "schema": 2\n}\n', ["is of another kind than this program knows"]),
        (b'{"schema": 1}\n', ["is not written as it should be"]),
        (b'{\n "schema": 1\n}', ["is not written as it should be"]),
        (b'{\n "schema": 1,\n "a": "\\u00e8"\n}\n', ["is not written as it should be"]),
        ('{\n "schema": 1,\n "a": "è"\n}\n'.encode(), []),
    ],
)
def test_report_is_written_as_packages_write_it(raw: bytes, found: list[str]) -> None:
    made = package({"report.json": raw}, {})
    assert list(made.report_read()) == [("report.json", text) for text in found]
    assert made.report == json.loads(raw)


def ledger(signatures: Signatures, *, mails: dict[str, bytes] | None = None, **bent: Any) -> list[tuple[str, str]]:
    """What is found in a ledger of one seal and one line, about a message of which nothing but *mails* is known."""
    line = b'{"act":"mail.other","at":"2026-03-02T09:15:30Z","facts":{},"id":"' + NUMBER.encode() + b'"}\n'
    seal = f"# previous none\n{sha256(line).hexdigest()}  {NUMBER}.json\n".encode()
    digest = sha256(seal).hexdigest()
    report = {
        "as_of": {"seal": 3, "sha256": digest, "at": "1970-01-01T00:00:00+00:00"},
        "message": {"key": "k", "recipients": []}, "recipient": None,
        "ledger": {"lines": [{**LISTED, "act": "mail.other"}], "seals": [{**SEALED, "sha256": digest}]},
        "proof": [], "not_proof": [], "journeys": [], "stamps": [], **bent,
    }  # fmt: skip
    made = package({f"ledger/{NUMBER}.json": line, "ledger/00000003.seal": seal, **(mails or {})}, report)
    made.signatures, made.tool, made.stamp_roots = signatures, signatures.tool, ""
    return list(made.ledger())


@pytest.mark.parametrize(
    ("bent", "member"),
    [
        ({}, None),
        ({"as_of": {"seal": 2}}, "ledger/00000003.seal"),
        ({"ledger": {"lines": [], "seals": []}}, "report.json"),
        ({"message": {"key": "k", "recipients": [ANNA]}}, "report.json"),
        ({"stamps": [{"member": "x"}]}, "x"),
        ({"proof": [entry(acceptance())]}, "receipts/001-acceptance.eml"),
    ],
)
def test_ledger_and_what_rests_on_it_is_compared(
    signatures: Signatures, bent: dict[str, Any], member: str | None
) -> None:
    found = ledger(signatures, **bent)
    assert (found[0][0] if found else None) == member


def test_receipt_of_another_message_that_the_report_counts_is_found(signatures: Signatures) -> None:
    mails = {
        "receipts/001-acceptance.eml": factory.receipt("accettazione"),
        "receipts/002-delivery.eml": factory.receipt("avvenuta-consegna", reference="b@client", identifier="opec.9@x"),
    }
    told = [entry(alone.read_receipt(name, raw)) for name, raw in mails.items()]
    found = dict(ledger(signatures, mails=mails, proof=told))
    assert "does not count as proof" in found["receipts/002-delivery.eml"]
    assert "disagrees in: reference" in found["receipts/002-delivery.eml"]


def test_receipts_are_read_in_order_and_know_when_they_arrived(signatures: Signatures) -> None:
    early, late = (
        factory.receipt("accettazione", issued_at=factory.ISSUED_AT + timedelta(seconds=more)) for more in (0, 9)
    )
    made = package({"receipts/001-a.eml": late, "not-proof/002-b.eml": early, "notary/x.eml": early, "a.txt": b""}, {})
    made.signatures = signatures

    def archived(raw: bytes, at: str | None, act: str = "mail.archived") -> dict[str, Any]:
        return {"act": act, "facts": {"mail": sha256(raw).hexdigest(), "internal_at": at}}

    lines = [
        archived(late, "2026-03-02T09:16:00Z"), archived(late, "2026-03-02T09:15:59Z"), archived(late, None),
        archived(late, "2026-03-01T09:16:00Z", "mail.other"), archived(early, None),
    ]  # fmt: skip
    found = made.receipts({str(at): one for at, one in enumerate(lines)})
    assert [one.member for one in found] == ["not-proof/002-b.eml", "receipts/001-a.eml"]
    assert [one.arrived for one in found] == [None, datetime(2026, 3, 2, 9, 15, 59, tzinfo=UTC)]
    assert all(one.trusted for one in found)
