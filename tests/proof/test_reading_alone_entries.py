"""The verifier that stands alone holds what report.json says of a mail against it, and says why it is no proof."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pec_tracker.render import verify_package as alone
from pec_tracker.render.verify_package import Certificate, Receipt

AT = datetime(2026, 3, 2, 9, 15, 30, tzinfo=UTC)
PROVA = bytes.fromhex("3010 310e 300c 0603550403 0c0550726f7661")  # a name: CN=Prova
OTHER = "is not the certification data in receipts/001-acceptance.eml"


def entry(**bent: Any) -> tuple[Receipt, dict[str, Any]]:
    one = Receipt(
        "receipts/001-acceptance.eml", b"raw", tipo="accettazione", kind="acceptance", issued=AT, trusted=True
    )
    one.signer = Certificate(b"", PROVA, b"\x30\x00", AT + timedelta(days=1), "", 2048, b"")
    one.sender = "a@x"
    told: dict[str, Any] = {each: getattr(one, each, None) for each in alone.COMPARED}
    told |= {"issued_at": "2026-03-02T09:15:30+00:00", "sha256": one.key, "counts": True}
    told["verification"] = {"verdict": "trusted", "reasons": [], "at": "2026-03-02T09:15:30+00:00", "signer": "Prova"}
    for key, value in bent.items():
        if key in ("member", "faults", "disagrees", "trusted"):
            setattr(one, key, value)
        else:
            (told["verification"] if key in told["verification"] else told)[key] = value
    return one, told


@pytest.mark.parametrize(
    ("bent", "counts", "words"),
    [
        ({}, True, []),
        ({"sha256": "0"}, True, ["is not the mail that report.json names"]),
        ({}, False, ["does not lie in the folder", "counts as proof by all that is looked at here"]),
        ({"member": "not-proof/x.eml"}, True, ["does not lie in the folder"]),
        ({"sender": "b@x"}, True, ["certifies another sender than report.json says: a@x"]),
        ({"issued_at": None}, True, ["certifies another issued_at"]),
        ({"faults": ["odd"]}, True, ["does not count as proof, and report.json counts it: odd"]),
        ({"verdict": "intact"}, True, ["whose signature it does not call trusted"]),
        ({"at": None}, True, ["was signed by another, or at another time"]),
        ({"signer": "Altro"}, True, ["was signed by another, or at another time"]),
    ],
)  # fmt: skip
def test_entry_of_a_mail_is_what_follows(bent: dict[str, Any], counts: bool, words: list[str]) -> None:
    one, told = entry(**bent)
    found = [text for _, text in alone.entry_findings(one, told, counts)]
    assert len(found) == len(words), found
    assert all(word in text for word, text in zip(words, found, strict=True)), found


@pytest.mark.parametrize(
    ("bent", "words"),
    [
        ({"faults": ["odd"]}, []), ({"reasons": ["revoked"], "verdict": "broken"}, ["its signature holds, and report"]),
        ({"reasons": ["revoked"]}, []), ({}, ["counts as proof by all"]),
        ({"faults": ["odd"], "verdict": "broken"}, ["its signature holds, and report"]),
        ({"faults": ["odd"], "verdict": "unsigned"}, ["its signature holds, and report"]),
        ({"faults": ["odd"], "sender": "b@x"}, []),
        ({"disagrees": ["x"], "sender": "b@x"}, ["certifies another sender"]),
        ({"trusted": False, "verdict": "broken"}, []), ({"trusted": False, "verdict": "intact"}, []),
    ],
)  # fmt: skip
def test_entry_of_a_mail_that_does_not_count(bent: dict[str, Any], words: list[str]) -> None:
    one, told = entry(member="not-proof/001-acceptance.eml", counts=False, **bent)
    found = [text for _, text in alone.entry_findings(one, told | {"counts": False}, False)]
    assert len(found) == len(words), found
    assert all(word in text for word, text in zip(words, found, strict=True)), found


@pytest.mark.parametrize("verdict", ["trusted", "intact"])
def test_signature_that_does_not_hold_is_not_told_to(verdict: str) -> None:
    one, told = entry(member="not-proof/x.eml", verdict=verdict, trusted=False)
    one.signer = None
    found = [text for _, text in alone.entry_findings(one, told | {"counts": False}, False)]
    assert found == ["its signature does not hold, and report.json says that it does"]
    with pytest.raises(ValueError, match="nobody signed"):
        alone.signer_of(one)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"signer": None}, "its signature does not hold"),
        ({"trusted": False}, "its signature holds, but no chain leads to an authority of this machine or of --ca"),
        ({"trusted": False, "issued": None, "faults": ["odd"]}, "odd"),
        ({"faults": ["odd"], "disagrees": ["sender"]}, "odd; disagrees in: sender"),
        ({"kind": "virus-notice"}, "it is a virus-notice"),
    ],
)
def test_why_a_mail_is_no_proof_is_said(facts: dict[str, Any], said: str) -> None:
    assert alone.why_not(replace(entry()[0], **facts)) == said


@pytest.mark.parametrize(
    ("members", "facts", "found"),
    [
        ({"daticert/001-acceptance.xml": b"x"}, {"xml": b"x"}, []),
        ({"daticert/001-acceptance.xml": b"y"}, {"xml": b"x"}, [OTHER]),
        ({"daticert/001-acceptance.xml": b"y"}, {}, [OTHER]),
        ({}, {"xml": b"x"}, ["is missing"]), ({}, {"xml": b"x", "kind": None}, []), ({}, {}, []),
    ],
)  # fmt: skip
def test_extract_is_the_certification_data(members: dict[str, bytes], facts: dict[str, Any], found: list[str]) -> None:
    said = list(alone.extract_findings(members, replace(entry()[0], **facts)))
    assert said == [("daticert/001-acceptance.xml", text) for text in found]
