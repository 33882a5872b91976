"""By its keys a mail finds its message, whatever case, folding or order the ids come in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pec_tracker.pec.link import keys, same
from pec_tracker.pec.read import read
from pec_tracker.pec.standard import Kind
from tests.factory.receipts import IDENTIFIER, REFERENCE, anomaly_envelope, original, receipt


@pytest.mark.parametrize("tipo", ["accettazione", "non-accettazione", "errore-consegna", "preavviso-errore-consegna"])
def test_a_receipt_finds_its_message_by_reference_and_by_identifier(tipo: str) -> None:
    found = keys(read(receipt(tipo)))
    assert found.references[0] == REFERENCE
    assert found.identifiers == (IDENTIFIER,)
    assert found.replies_to == ()


def test_the_original_in_a_delivery_gives_keys_of_its_own_but_no_reply() -> None:
    ours = original().replace(b"Subject:", b"In-Reply-To: <theirs@pec.example>\r\nReferences: <older@x>\r\nSubject:", 1)
    found = keys(read(receipt("avvenuta-consegna", original=ours)))
    assert found.references[0] == REFERENCE
    assert len(found.references) == len(set(found.references))
    assert found.replies_to == ()


def test_keys_come_most_reliable_first() -> None:
    inner = (
        b"Message-ID: <opec.inner@pec.example>\r\nX-Riferimento-Message-ID: <rif.inner@pec.example>\r\n" + original()
    )
    raw = receipt("avvenuta-consegna", original=inner).replace(
        b"X-Riferimento-Message-ID: <" + REFERENCE.encode(), b"X-Riferimento-Message-ID: <outer@pec.example", 1
    )
    references = keys(read(raw)).references
    assert references[0] == REFERENCE
    assert references[-2:] == ("opec.inner@pec.example", "rif.inner@pec.example")


def test_an_answer_is_linked_to_the_message_that_it_quotes_nearest_first() -> None:
    answer = original(sender="anna@pec.example").replace(
        b"Subject:", b"In-Reply-To:\r\n <OPEC.ours@pec.example>\r\nReferences: <far@x> <near@x>\r\nSubject:", 1
    )
    envelope = read(receipt("posta-certificata", original=answer))
    assert envelope.kind is Kind.TRANSPORT_ENVELOPE
    assert keys(envelope).replies_to == ("OPEC.ours@pec.example", "near@x", "far@x")
    assert keys(read(anomaly_envelope(answer))).replies_to == ("OPEC.ours@pec.example", "near@x", "far@x")
    assert keys(read(answer)).replies_to == ("OPEC.ours@pec.example", "near@x", "far@x")


@pytest.mark.parametrize("raw", [b"", b"\r\n\r\n", b"\0" * 50, b"Subject: only\r\n"])
def test_a_mail_without_ids_has_no_keys(raw: bytes) -> None:
    found = keys(read(raw))
    assert (found.references, found.identifiers, found.replies_to) == ((), (), ())


def test_ids_are_one_but_for_brackets_folding_and_case() -> None:
    assert same("<pt.abc@pec.example>", "pt.abc@pec.example")
    assert same("<pt.abc@\r\n pec.example>", " pt.ABC@PEC.example ")
    assert not same("pt.abc@pec.example", "pt.abd@pec.example")
    assert not same("a+b@x", "a b@y")
    assert not same("a%2Bb@x", "a+b@x")


def test_nothing_is_the_same_as_an_absent_id() -> None:
    assert not same(None, None)
    assert not same("", "")
    assert not same("<>", None)


@given(st.text(), st.text())
def test_sameness_has_no_direction(a: str, b: str) -> None:
    assert same(a, b) == same(b, a)
