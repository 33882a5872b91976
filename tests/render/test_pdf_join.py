"""What a user would lose: a summary that opens everywhere, with every mail in it, however many there are."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import typst

from pec_tracker.render import pdf, pdf_file, pdf_join, pdf_text
from pec_tracker.render.wording import template

FACTS: Mapping[str, Any] = {
    "title": "x",
    "tool": "x",
    "language": "it",
    "date": [2026, 3, 2, 10, 15, 8],
    "code": "ab" * 32,
    "blocks": [{"kind": "lead", "texts": ["Consegnato."]}],
}
MAILS = {
    "message/original.eml": b"Subject: a\r\n\r\n" + b"text\r\n" * 300,
    "not-proof/004-delivery.eml": b"",
    "notary/00000001.ab12cd34.eml": b"\xff\x00",
    "receipts/001-acceptance.eml": b"Subject: b\r\n\r\nstream\nendstream\nendobj\n",
    "receipts/002-delivery.eml": bytes(range(256)) * 40,
}


def at_once(folder: Path) -> bytes:
    """The same as typst makes it when it is given everything together."""
    for name, raw in {**MAILS, pdf.FACTS: pdf.encoded(FACTS)}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(raw)
    attaching = template("attached.typ").splitlines()[-1]
    (folder / "main.typ").write_text(template("summary.typ") + attaching + "\n")
    inputs = {
        "facts": pdf.encoded(FACTS).decode("ascii"),
        "drawn": json.dumps({**pdf._code(FACTS["code"]), "files": sorted(MAILS)}),
    }
    return typst.compile(
        folder / "main.typ",
        root=folder,
        sys_inputs=inputs,
        format="pdf",
        pdf_standards=pdf.STANDARD,
        ignore_system_fonts=True,
    )


@pytest.mark.parametrize("together", [1, 2_000, 1_000_000])
def test_every_mail_is_attached_as_typst_would_have_done_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, together: int
) -> None:
    monkeypatch.setattr(pdf, "AT_ONCE", together)
    made, wanted = pdf.summary(FACTS, MAILS), at_once(tmp_path)
    assert {one.name.decode(): one.packed for one in pdf_join.attached_to(made)} == {
        one.name.decode(): one.packed for one in pdf_join.attached_to(wanted)
    }
    assert sorted(pdf.attachments(made)) == sorted(MAILS.values())
    assert pdf.attached_facts(made) == [pdf.encoded(FACTS)]
    assert pdf_text.pages(made) == pdf_text.pages(wanted)
    assert len(made) == len(wanted)
    # What PDF/A asks of the document stands in the catalogue and in the metadata: but for numbers they are typst's own.
    assert [without_numbers(one) for one in (made, wanted)] == [without_numbers(wanted)] * 2


def without_numbers(made: bytes) -> bytes:
    file = pdf_file.opened(made)
    return re.sub(rb"\d+ 0 R", b"", file.dictionary(file.root))


def test_every_object_stands_where_the_table_says(tmp_path: Path) -> None:
    file = pdf_file.opened(pdf.summary(FACTS, MAILS))
    assert sorted(file.places) == list(range(1, file.root + 1))
    for number in file.places:
        assert file.dictionary(number)
    used = {int(one) for number in file.places for one in re.findall(rb"(\d+) 0 R", file.dictionary(number))}
    assert used <= set(file.places)


def test_names_stand_in_the_order_of_their_bytes_and_each_file_is_associated() -> None:
    file = pdf_file.opened(pdf.summary(FACTS, MAILS))
    told = file.dictionary(file.root)
    names = re.findall(rb"\(([^()]*)\)(\d+) 0 R", told)
    assert [name.decode() for name, _ in names] == sorted({*MAILS, pdf.FACTS})
    associated = re.search(rb"/AF\[([0-9R ]*)\]", told)
    assert associated is not None
    assert re.findall(rb"(\d+) 0 R", associated[1]) == [number for _, number in names]


def test_summary_without_a_mail_carries_its_facts() -> None:
    assert [one.name for one in pdf_join.attached_to(pdf.summary(FACTS, {}))] == [pdf.FACTS.encode()]
