"""Metadata hold what mails say: no subject may break the XML, or write elements of its own into it."""

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from pec_tracker.render.xml import Element, document

# Without what XML's own rules change when it is read: line ends, and blanks in attributes.
plain = st.text(
    st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff\x85\u2028"), max_size=40
)


@settings(max_examples=100, deadline=None)
@given(plain, plain)
def test_any_text_is_read_back_as_it_was(text: str, attribute: str) -> None:
    read = etree.fromstring(document(Element("Oggetto", text, {"di": attribute})))
    assert (read.text or "", read.get("di"), len(read)) == (text, attribute, 0)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40))
def test_whatever_a_mail_holds_the_document_can_be_read(text: str) -> None:
    assert len(etree.fromstring(document(Element("a", [Element("b", text, {"c": text})])))) == 1


def test_a_subject_cannot_write_elements_of_its_own() -> None:
    hostile = "</Oggetto><Hash>0</Hash><!-- ]]> & \"'"
    read = etree.fromstring(document(Element("Documento", [Element("Oggetto", hostile, {"di": hostile})])))
    assert [child.tag for child in read] == ["Oggetto"]
    assert (read[0].text, read[0].get("di")) == (hostile, hostile)


def test_what_xml_cannot_hold_is_left_out() -> None:
    assert etree.fromstring(document(Element("a", "uno\0\x0b\x1f\ud800\uffffdue"))).text == "unodue"


def test_elements_stand_a_line_each_in_their_order() -> None:
    told = document(Element("a", [Element("b", "1"), Element("c", [Element("d")]), Element("b", "2", {"x": "y"})]))
    assert told.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n<a>\n  <b>1</b>\n  <c>\n    <d/>\n  </c>\n  <b x="y">2</b>\n</a>\n'
    )
