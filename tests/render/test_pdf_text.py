"""A PDF made to keep its reader busy: the time grows with its size and no faster."""

import contextlib
import zlib
from functools import partial

import pytest

from pec_tracker.render import pdf_text
from pec_tracker.render.pdf_file import MAX_STREAM, NotReadError
from tests import growth


def document(program: bytes) -> bytes:
    """One page with this program, in the form that typst writes."""
    objects = [
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
        b"<</ProcSet[/PDF]/Font<<>>>>",
        b"<</Type/Page/Resources 2 0 R/Parent 1 0 R/Contents 4 0 R>>",
        b"<</Length %d/Filter/FlateDecode>>\nstream\n%b\nendstream" % (len(packed := zlib.compress(program)), packed),
        b"<</Type/Catalog/Pages 1 0 R>>",
    ]
    made, places = b"%PDF-1.7\n", []
    for number, one in enumerate(objects, 1):
        places.append(len(made))
        made += b"%d 0 obj\n" % number + one + b"\nendobj\n"
    table = b"".join(b"%010d 00000 n\r\n" % place for place in places)
    head = b"xref\n0 6\n0000000000 65535 f\r\n" + table
    return made + head + b"trailer\n<</Size 6/Root 5 0 R>>\nstartxref\n%d\n%%%%EOF" % len(made)


def read(pdf: bytes) -> None:
    with contextlib.suppress(NotReadError):
        pdf_text.pages(pdf)


@pytest.mark.parametrize(
    "form", [b"(", b"()", b"(\\(", b"<", b"<0", b"<<a ", b"<< ", b"[", b"/", b"+", b".", b"0.", b"1 ", b"q "]
)
def test_worst_programs_take_time_in_proportion(form: bytes) -> None:
    growth.proportional(lambda size: partial(read, document(form * (size // len(form)))), [400_000, 800_000])


def test_page_that_unpacks_without_end_is_refused() -> None:
    with pytest.raises(NotReadError):
        pdf_text.pages(document(b" " * (MAX_STREAM + 1)))


def test_page_is_read_as_it_is_written() -> None:
    assert pdf_text.pages(document(b"q 1 0 0 1 0 0 cm Q")) == [""]
    assert pdf_text.pages(document(b"(a(b)\\)(()c)) 1 g")) == [""]  # pairs of parentheses need no escape
    with pytest.raises(NotReadError):
        pdf_text.pages(document(b"/x0 Do"))
