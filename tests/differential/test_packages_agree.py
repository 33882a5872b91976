"""Whole packages: what our reader, the stand-alone verifier and OpenSSL say of every document in them is the same.

Each package holds a message and very many receipts about it, each signed by a trusted provider and odd in one or two
ways (`forms`). Wherever two readers disagree about a document it must not stand among those that count.
"""

import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from pec_tracker.askers import OPERATOR
from pec_tracker.render import canonical_zip, verify_package
from pec_tracker.service.proof.make import proof
from pec_tracker.service.proof.verify import verify_package as verify
from tests.differential import forms
from tests.differential.forms import EDITS, Form
from tests.factory import ca, receipts
from tests.pec import openssl
from tests.proof.house import Desk, desk

KINDS = ("accettazione", "avvenuta-consegna", "errore-consegna")


def mail_about(here: Desk, reference: str, original: bytes, kind: str, edits: Sequence[str], number: int) -> bytes:
    """A receipt about the desk's message, with these departures."""
    xml = receipts.daticert_xml(
        kind,
        subject="Diffida",
        reference=reference,
        sender=here.account.address,
        recipient=None if kind == "accettazione" else receipts.RECIPIENT,
        receipt_form="completa" if kind == "avvenuta-consegna" else None,
    )
    form = forms.made(Form(kind, xml.decode(), original if kind == "avvenuta-consegna" else None), edits)
    top = [f"From: {ca.ADDRESS}", f"To: {here.account.address}", "Subject: RICEVUTA", f"X-Ricevuta: {kind}",
           f"X-Riferimento-Message-ID: <{reference}>", f"X-Numero: {number}", *form.outer]  # fmt: skip
    return receipts.wrapped(top, form.content(), signers=receipts.default_signers(receipts.ISSUED_AT))


def drawn(seed: int) -> list[tuple[str, list[str]]]:
    """Every departure once for each kind, or pairs of them."""
    every = sorted(EDITS)
    if seed == 0:
        return [(kind, [edit]) for kind in KINDS for edit in every]
    chance = random.Random(seed)
    return [(chance.choice(KINDS), chance.sample(every, 2)) for _ in range(120)]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(3))
def test_every_reader_of_a_package_says_the_same_of_each_document(
    tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    here = desk(tmp_path / "house")
    queued = here.compose(receipts.RECIPIENT, subject="Diffida")
    original = here.raw_of(queued)
    plain = mail_about(here, queued.reference, original, "accettazione", ["nothing"], 0)
    odd = [
        mail_about(here, queued.reference, original, kind, edits, number)
        for number, (kind, edits) in enumerate(drawn(seed), 1)
    ]
    here.take_in(plain, *odd)
    made = proof(OPERATOR, here.house, queued.key)
    members = dict(canonical_zip.unpack(made.content).members)
    report = json.loads(members["report.json"])
    root = tmp_path / "root.pem"
    root.write_bytes(receipts.root_authority().pem)

    ours = verify(made.content, receipts.trust())
    alone = verify_package.examined(made.content, {}, [root], [])
    counting = {entry["member"] for entry in report["proof"]}
    disputed = {finding.member for finding in ours.findings} | {member for member, _ in alone.findings}
    assert disputed & counting == set(), "two readers disagree about what counts as proof"
    assert (ours.findings, alone.findings) == ((), []), "the package of a message holds for each of its readers"
    for member in sorted(counting):
        assert openssl.holds(members[member], receipts.root_authority(), at=receipts.ISSUED_AT), member
    refused = len(report.get("not_proof", []))
    assert counting
    assert refused > 20
    with capsys.disabled():
        print(f"\npackage {seed}: {len(counting) + refused} documents, {len(counting)} count, {len(disputed)} disputed")
