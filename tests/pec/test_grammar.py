"""Two elements where one may be: a user's opponent would choose which one he reads. Such a receipt proves nothing."""

from collections.abc import Callable

import pytest
from lxml import etree

from pec_tracker.pec import daticert, grammar
from pec_tracker.pec.daticert import Daticert, examine
from tests.factory.receipts import daticert_xml

WHOLE = daticert_xml(
    "avvenuta-consegna", receipt_form="completa", recipient="anna@pec.example", recipients=["anna@pec.example"]
).decode()


def faults(xml: str | bytes) -> tuple[str, ...]:
    found = examine(xml.encode() if isinstance(xml, str) else xml)
    assert isinstance(found, Daticert), found
    return found.faults


def put(old: str, new: str) -> str:
    assert old in WHOLE, old
    return WHOLE.replace(old, new, 1)


def test_what_providers_write_has_no_fault() -> None:
    assert faults(WHOLE) == ()


@pytest.mark.parametrize(
    "xml",
    [
        put("</risposte>", "</risposte>a"),
        put("<dati>", "<dati>testo<!-- nota --><?x y?>"),
        put("<dati>", "<dati><nuovo>x</nuovo>"),
        put("<dati>", '<dati><s:Signature xmlns:s="urn:s"><s:Value>x</s:Value></s:Signature>'),
        put("<mittente>", "<mittente><!-- nota -->"),
        put("<consegna>anna", "<consegna><![CDATA[anna]]>"),
        put("<consegna>anna", "<consegna>\n   anna"),
        put("<risposte>", '<destinatari tipo="certificato">anna@pec.example</destinatari><risposte>'),
        put("<postacert ", '<postacert xmlns:i="urn:i" i:noNamespaceSchemaLocation="x.xsd" '),
        put(' errore="nessuno"', ""),
        put('    <ricevuta tipo="completa" />\n', ""),
        put("<gestore-emittente>Gestore di Prova S.p.A.</gestore-emittente>", ""),
        put("<risposte>mittente@pec.example</risposte>", ""),
        put('<destinatari tipo="certificato">anna@pec.example</destinatari>', ""),
    ],
)
def test_what_is_seen_or_harmless_still_counts(xml: str) -> None:
    assert faults(xml) == ()


ONE_OF_EACH = ("mittente", "risposte", "oggetto", "gestore-emittente", "identificativo", "msgid", "consegna")


@pytest.mark.parametrize("name", ONE_OF_EACH)
@pytest.mark.parametrize("value", ["altro@pec.example", ""])
def test_a_second_element_takes_the_proof_away(name: str, value: str) -> None:
    twice = f"<{name}>{value}</{name}>"

    assert "daticert-duplicate-element" in faults(put(f"<{name}>", f"{twice}<{name}>"))
    assert "daticert-duplicate-element" in faults(put(f"</{name}>", f"</{name}>{twice}"))


@pytest.mark.parametrize(
    "second",
    [
        '<data zona="+0100"><giorno>01/12/2026</giorno><ora>10:00:00</ora></data>',
        '<ricevuta tipo="sintetica"/>',
        "</dati><dati><consegna>altri@pec.example</consegna>",
        "</dati><intestazione><mittente>altri@pec.example</mittente></intestazione><dati>",
    ],
)
def test_a_second_section_time_or_form_takes_the_proof_away(second: str) -> None:
    assert "daticert-duplicate-element" in faults(put("</dati>", f"{second}</dati>"))


@pytest.mark.parametrize("name", ["giorno", "ora"])
def test_a_second_day_or_hour_takes_the_proof_away(name: str) -> None:
    assert "daticert-duplicate-element" in faults(put(f"<{name}>", f"<{name}>01/12/2026</{name}><{name}>"))


@pytest.mark.parametrize(
    "name", ["intestazione", "dati", "mittente", "data", "giorno", "consegna", "destinatari", "postacert"]
)
def test_another_namespace_takes_the_proof_away(name: str) -> None:
    opened = f"<{name}" + (">" if f"<{name}>" in WHOLE else " ")
    prefixed = put(opened, f'<e:{name} xmlns:e="urn:e"{opened[-1]}').replace(f"</{name}>", f"</e:{name}>", 1)

    assert "daticert-namespace" in faults(prefixed)
    assert "daticert-namespace" in faults(put(opened, f'<{name} xmlns="urn:e"{opened[-1]}'))


@pytest.mark.parametrize("attribute", ["tipo", "errore"])
def test_an_attribute_in_another_namespace_takes_the_proof_away(attribute: str) -> None:
    assert "daticert-namespace" in faults(put("<postacert ", f'<postacert xmlns:e="urn:e" e:{attribute}="altro" '))


@pytest.mark.parametrize(
    "xml",
    [
        put("</risposte>", "</risposte><consegna>altri@pec.example</consegna>"),
        put("<dati>", "<consegna>altri@pec.example</consegna><dati>"),
        put("<dati>", "<dati><nuovo><consegna>altri@pec.example</consegna></nuovo>"),
        put("<dati>", "<dati><Consegna>altri@pec.example</Consegna>"),
        put("<dati>", "<dati><mittente>altri@pec.example</mittente>"),
        put("</intestazione>", "<dati><consegna>altri@pec.example</consegna></dati></intestazione>"),
        put("<dati>", "<postacert><dati><consegna>altri@pec.example</consegna></dati></postacert><dati>"),
        put("<dati>", "<dati><giorno>01/12/2026</giorno>"),
        put("<data ", "<postacert/><data "),
    ],
)
def test_an_element_where_none_belongs_takes_the_proof_away(xml: str) -> None:
    assert "daticert-misplaced-element" in faults(xml)


@pytest.mark.parametrize("name", [*ONE_OF_EACH, "giorno", "ora"])
def test_elements_inside_a_text_take_the_proof_away(name: str) -> None:
    assert "daticert-nested-element" in faults(put(f"</{name}>", f"<b>altro</b></{name}>"))


@pytest.mark.parametrize("between", ["<!-- x -->", "<?x y?>", "<!-- x --><!-- y -->", "<?x y?><!-- x -->"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_text_cut_in_two_by_a_comment_takes_the_proof_away(between: str, encoding: str) -> None:
    xml = put("<consegna>anna@pec.example", f"<consegna>anna@pec.example{between}.altri.example")

    assert faults(xml.replace("UTF-8", encoding).encode(encoding)) == ("daticert-split-text",)


@pytest.mark.parametrize(
    "drop",
    ["<mittente>mittente@pec.example</mittente>", "mittente@pec.example"],
)
def test_without_a_sender_there_is_no_proof(drop: str) -> None:
    assert faults(put(drop, "")) == ("daticert-without-sender",)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<giorno>02/03/2026</giorno>", ""),
        ("<ora>10:15:30</ora>", ""),
        ("02/03/2026", "31/02/2026"),
        ("10:15:30", "24:00:00"),
        ("02/03/2026", "\u00a002/03/2026"),
        (' zona="+0100"', ""),
        ('zona="+0100"', 'zona="+9900"'),
    ],
)
def test_without_an_instant_there_is_no_proof(old: str, new: str) -> None:
    assert faults(put(old, new)) == ("daticert-without-time",)


def test_without_any_date_there_is_no_proof() -> None:
    start, end = WHOLE.index("<data "), WHOLE.index("</data>") + len("</data>")

    assert faults(WHOLE[:start] + WHOLE[end:]) == ("daticert-without-time",)


@pytest.mark.parametrize(
    "address",
    [
        "anna@pec.example\u200b",
        "\u00a0anna@pec.example",
        "anna@pec.example\ufeff",
        "anna @pec.example",
        "anna@pec.example&#10;altri@pec.example",
        "anna@pec.example&#13;",
        "anna@pec.example, altri@pec.example",
        "Anna &lt;anna@pec.example&gt;",
        "anna@pec.example\x7f",
        "anna@pec.example\u2028",
        "luc\u212aa@pec.example",  # the Kelvin sign, which is k in lower case
        "anna@pec\uff0eexample",
    ],
)
@pytest.mark.parametrize("name", ["mittente", "consegna"])
def test_an_address_that_readers_trim_differently_is_nobody(name: str, address: str) -> None:
    start, end = WHOLE.index(f"<{name}>"), WHOLE.index(f"</{name}>")
    found = faults(f"{WHOLE[:start]}<{name}>{address}{WHOLE[end:]}")

    # A reference to a line end at the very end is trimmed by everyone.
    assert found == (() if address.endswith("&#13;") else ("daticert-odd-address",))


@pytest.mark.parametrize("name", ["identificativo", "msgid"])
@pytest.mark.parametrize("letter", ["\u200b", "\u00a0", "\u212a"])
def test_an_identifier_with_letters_that_nobody_sees_is_none(name: str, letter: str) -> None:
    assert faults(put(f"</{name}>", f"{letter}</{name}>")) == ("daticert-odd-identifier",)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('tipo="avvenuta-consegna"', 'tipo="Avvenuta-Consegna"'),
        ('tipo="avvenuta-consegna"', 'tipo=" avvenuta-consegna "'),
        ('errore="nessuno"', 'errore="NESSUNO"'),
        ('<destinatari tipo="certificato"', '<destinatari tipo="Esterno"'),
        ('tipo="completa"', 'tipo="COMPLETA"'),
    ],
)
def test_a_token_in_another_case_is_another_token_to_some(old: str, new: str) -> None:
    assert faults(put(old, new)) == ("daticert-odd-token",)


def test_one_recipient_of_two_types_is_a_guess() -> None:
    xml = put("<risposte>", '<destinatari tipo="esterno">ANNA@pec.example</destinatari><risposte>')

    assert faults(xml) == ("daticert-recipient-of-two-types",)


def test_an_empty_recipient_is_a_guess() -> None:
    assert faults(put("<risposte>", "<destinatari/><risposte>")) == ("daticert-empty-recipient",)


def test_more_recipients_than_are_read_are_said() -> None:
    many = [f"a{number}@pec.example" for number in range(daticert.MAX_RECIPIENTS + 1)]

    assert faults(daticert_xml("accettazione", recipients=many[:-1])) == ()
    assert faults(daticert_xml("accettazione", recipients=many)) == ("daticert-too-many-recipients",)


@pytest.mark.parametrize(
    ("encode", "expected"),
    [
        (lambda xml: xml.replace(">Prova<", ">Però<").encode("iso-8859-15"), ()),  # only the subject, by the letter
        (lambda xml: xml.replace("Gestore", "Però").encode("iso-8859-15"), ("daticert-encoding",)),
        (lambda xml: b"\xef\xbb\xbf" + xml.replace("UTF-8", "ISO-8859-1").encode(), ()),
        (
            lambda xml: b"\xef\xbb\xbf" + xml.replace("UTF-8", "ISO-8859-1").replace("Gestore", "Però").encode(),
            ("daticert-encoding",),
        ),
        (lambda xml: xml.replace("UTF-8", "UTF-7").encode("utf-7"), ("daticert-unknown-encoding",)),
        (lambda xml: xml.replace("UTF-8", "UTF-32").encode("utf-32"), ("daticert-unknown-encoding",)),
        (lambda xml: xml.replace("UTF-8", "Shift_JIS").encode("shift_jis"), ("daticert-unknown-encoding",)),
        (lambda xml: xml.replace('"1.0"', '"1.1"').encode(), ("daticert-xml-version",)),
        (lambda xml: xml.replace("UTF-8", "ISO-8859-15").encode("iso-8859-15"), ()),
        (lambda xml: xml.replace("UTF-8", "UTF-16").encode("utf-16"), ()),
    ],
)
def test_encodings_that_readers_take_differently_prove_nothing(
    encode: Callable[[str], bytes], expected: tuple[str, ...]
) -> None:
    assert faults(encode(WHOLE)) == expected


# --- the pieces of the grammar


def test_the_deciding_texts_are_kind_people_time_and_names_with_all_that_lies_inside() -> None:
    root = etree.fromstring(put("<consegna>anna", "<consegna><b>per </b>anna").encode())
    texts = list(grammar.deciding_texts(root))
    assert texts[0] == "avvenuta-consegna"
    for word in ("mittente@pec.example", "anna@pec.example", "per anna@pec.example"):
        assert any(word in text for text in texts), word
    bare = etree.fromstring(b"<postacert><dati/></postacert>")
    assert list(grammar.deciding_texts(bare)) == [""]


def test_a_comment_has_no_name_and_no_text_is_lost_to_what_lies_inside() -> None:
    assert grammar.local_name(etree.Comment("nota")) == ""
    assert grammar.local_name(etree.fromstring("<a:b xmlns:a='urn:a'/>")) == "b"
    assert grammar.text_of(etree.fromstring("<o>a<b>c</b>d</o>")) == "acd"
    assert grammar.text_of(etree.fromstring("<o/>")) == ""


def with_comments(xml: str) -> bool:
    return grammar.is_split(etree.fromstring(xml.encode(), etree.XMLParser(remove_comments=False)))


def test_a_comment_splits_a_text_and_not_the_blanks_between_elements() -> None:
    assert with_comments(put("anna@pec", "anna@<!-- -->pec"))
    assert with_comments(put("<consegna>anna", "<consegna>an<?x y?>na"))
    assert not with_comments(put("<consegna>anna", "<consegna><!-- -->anna"))
    assert not with_comments(put("<dati>", "<dati>uno<!-- -->due")), "where no text is read, none is cut"


@pytest.mark.parametrize(
    ("address", "odd"),
    [
        ("perch\u00e9@pec.example", False),
        ("\u00e0nna.b@pec.example", False),
        ("anna@pec.exam\u212ale", True),  # the Kelvin sign: an ASCII k once it is lower-case
        ("anna\u200b@pec.example", True),
        ("anna\u00a0@pec.example", True),
        ("an\u00ada@pec.example", True),
        ("anna\x7f@pec.example", True),
        ("\uff41nna@pec.example", True),
    ],
)
def test_letters_that_nobody_sees_or_that_look_like_others_are_odd_and_accents_are_not(address: str, odd: bool) -> None:
    assert ("daticert-odd-address" in faults(WHOLE.replace("anna@pec.example", address))) is odd


def test_a_token_of_another_namespace_is_told_as_that_alone() -> None:
    assert faults(put("<postacert ", '<postacert xmlns:n="urn:n" n:tipo="Accettazione" ')) == ("daticert-namespace",)
