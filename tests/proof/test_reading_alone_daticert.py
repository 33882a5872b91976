"""The verifier that stands alone reads certification data by RFC 6109 4.4, and refuses what two could read two ways."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from pec_tracker.render import verify_package as alone
from pec_tracker.render.verify_package import Receipt, Tree, UnreadableError

XML = """<?xml version="1.0" encoding="UTF-8"?>
<postacert tipo="avvenuta-consegna" errore="nessuno">
  <intestazione>
    <mittente>studio@pec.example</mittente>
    <destinatari tipo="certificato">anna@pec.example</destinatari>
    <destinatari tipo="esterno">bruno@mail.example</destinatari>
    <risposte>studio@pec.example</risposte>
    <oggetto>Diffida: perché no?</oggetto>
  </intestazione>
  <dati>
    <gestore-emittente>Gestore di Prova</gestore-emittente>
    <data zona="+0100"><giorno>02/03/2026</giorno><ora>10:15:30</ora></data>
    <identificativo>opec.1@pec.example</identificativo>
    <msgid>&lt;a@client.example&gt;</msgid>
    <ricevuta tipo="completa"/>
    <consegna>anna@pec.example</consegna>
  </dati>
</postacert>
"""


def receipt_mail(xml: str | bytes = XML, **bent: str) -> bytes:
    """A receipt as providers write it, of this certification data; its signature is no matter here."""
    layout = {
        "outer": 'multipart/signed; boundary="s"', "outer_more": "", "inner": 'multipart/mixed; boundary="m"',
        "inner_more": "", "type": 'application/xml; name="daticert.xml"', "encoding": "8bit", "more": "",
        "original": "Content-Type: message/rfc822; name=postacert.eml\n\nSubject: x\n\nbody", "after": "",
    } | bent  # fmt: skip
    text = xml if isinstance(xml, bytes) else xml.encode()
    head = "Content-Type: {outer}\n{outer_more}\n--s\nContent-Type: {inner}\n{inner_more}\n--m\n\nwords\n--m\n"
    head += "Content-Type: {type}\nContent-Transfer-Encoding: {encoding}\n{more}\n"
    original = f"\n--m\n{layout['original']}" if layout["original"] else ""
    tail = f"{original}{layout['after']}\n--m--\n--s\nContent-Type: application/pkcs7-signature\n\nx\n--s--\n"
    return head.format(**layout).encode() + text + tail.encode()


def read(xml: str | bytes = XML, **bent: str) -> Receipt:
    return alone.read_receipt("receipts/001-delivery.eml", receipt_mail(xml, **bent))


def changed(old: str, new: str) -> str:
    assert old in XML
    return XML.replace(old, new, 1)


def test_receipt_says_what_it_certifies() -> None:
    one = read()
    assert one.faults == []
    assert (one.tipo, one.kind, one.error, one.error_code, one.error_detail) == (
        "avvenuta-consegna", "delivery", "nessuno", None, None
    )  # fmt: skip
    assert one.issued == datetime(2026, 3, 2, 9, 15, 30, tzinfo=UTC)
    assert one.issued.utcoffset() == timedelta(hours=1)
    assert (one.provider, one.sender, one.recipient) == ("Gestore di Prova", "studio@pec.example", "anna@pec.example")
    assert one.recipients == [
        {"address": "anna@pec.example", "type": "certificato"}, {"address": "bruno@mail.example", "type": "esterno"}
    ]  # fmt: skip
    assert (one.receipt_form, one.subject) == ("completa", "Diffida: perché no?")
    assert (one.reference, one.identifier) == ("a@client.example", "opec.1@pec.example")
    assert one.original == b"Subject: x\n\nbody"
    assert one.xml == XML.encode()[:-1] + b"\n"


@pytest.mark.parametrize(
    ("old", "new", "name", "value"),
    [
        ('errore="nessuno"', "", "error", "nessuno"),
        ('errore="nessuno"', 'errore=" altro "', "error", "altro"),
        ('tipo="avvenuta-consegna"', 'tipo="accettazione"', "kind", "acceptance"),
        ('tipo="avvenuta-consegna"', 'tipo="non-accettazione"', "kind", "non-acceptance"),
        ('tipo="avvenuta-consegna"', 'tipo="presa-in-carico"', "kind", "taken-in-charge"),
        ('tipo="avvenuta-consegna"', 'tipo="errore-consegna"', "kind", "non-delivery"),
        ('tipo="avvenuta-consegna"', 'tipo="mancata-consegna"', "kind", "non-delivery"),
        ('tipo="avvenuta-consegna"', 'tipo="preavviso-errore-consegna"', "kind", "delay-notice"),
        ('tipo="avvenuta-consegna"', 'tipo="rilevazione-virus"', "kind", "virus-notice"),
        ('tipo="avvenuta-consegna"', 'tipo="posta-certificata"', "kind", "transport-envelope"),
        ('tipo="avvenuta-consegna"', 'tipo="altro"', "kind", "unreadable"),
        ('tipo="avvenuta-consegna"', "", "kind", None),
        ('<destinatari tipo="esterno">', "<destinatari>", "recipients",
         [{"address": "anna@pec.example", "type": "certificato"},
          {"address": "bruno@mail.example", "type": "certificato"}]),
        ("bruno@mail.example", " ", "recipients", [{"address": "anna@pec.example", "type": "certificato"}]),
        ("<oggetto>Diffida: perché no?</oggetto>", "", "subject", None),
        ("Diffida: perché no?", "", "subject", ""),
        ("Diffida: perché no?", " Diffida ", "subject", " Diffida "),
        ("opec.1@pec.example", " &lt;opec.1@pec.example&gt; ", "identifier", "opec.1@pec.example"),
        ("<identificativo>opec.1@pec.example</identificativo>", "", "identifier", None),
        ("&lt;a@client.example&gt;", "&amp;lt;a@client.example&amp;gt;", "reference", "a@client.example"),
        ("&lt;a@client.example&gt;", "&amp;lt;a@client.example", "reference", "&lt;a@client.example"),
        ("&lt;a@client.example&gt;", "a@client.example&amp;gt;", "reference", "a@client.example&gt;"),
        ("<msgid>&lt;a@client.example&gt;</msgid>", "", "reference", None),
        ("<gestore-emittente>Gestore di Prova</gestore-emittente>", "", "provider", None),
        ("<consegna>anna@pec.example</consegna>", "", "recipient", None),
        ('<ricevuta tipo="completa"/>', "", "receipt_form", None),
        ("</dati>", "<errore-esteso>5.2.2 - piena</errore-esteso></dati>", "error_code", "5.2.2"),
        ("</dati>", "<errore-esteso> 5.1.1: no</errore-esteso></dati>", "error_code", "5.1.1"),
        ("</dati>", "<errore-esteso>5.1.1.2</errore-esteso></dati>", "error_code", None),
        ("</dati>", "<errore-esteso>5.1.1234</errore-esteso></dati>", "error_code", None),
        ("</dati>", "<errore-esteso>no 5.1.1</errore-esteso></dati>", "error_code", None),
        ("</dati>", "<errore-esteso>5.2.2 - piena</errore-esteso></dati>", "error_detail", "5.2.2 - piena"),
    ],
)  # fmt: skip
def test_each_element_gives_its_fact(old: str, new: str, name: str, value: object) -> None:
    assert getattr(read(changed(old, new)), name) == value


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("</dati>", "<consegna>b@x.example</consegna></dati>", "consegna more than once"),
        ("<oggetto>", "<oggetto>a</oggetto><oggetto>", "oggetto more than once"),
        ("<mittente>", "<dati/><mittente>", "dati in another place"),
        ("<consegna>anna@pec.example</consegna>", "<x><consegna>a@x.example</consegna></x>",
         "consegna in another place"),
        ("</dati>", "<destinatari>c@x.example</destinatari></dati>", "destinatari in another place"),
        ("</dati>", "<x:ricezione xmlns:x='y'/></dati>", "an element of another namespace"),
        ("</dati>", "<x:consegna xmlns:x='y'/></dati>", "consegna in another place"),
        ("</dati>", "<Postacert/></dati>", "postacert in another place"),
        ("</dati>", "<postacert/></dati>", "postacert in another place"),
        ("<giorno>02/03/2026</giorno>", "", "no certified time"),
        ("<mittente>studio@pec.example</mittente>", "", "no sender"),
        ('tipo="avvenuta-consegna"', 'xmlns:x="y" x:tipo="a" tipo="avvenuta-consegna"',
         "an attribute of another namespace"),
        ("<data ", "<data xmlns:x='y' x:zona='+0100' ", "an attribute of another namespace"),
        ("<postacert ", "<postacert xmlns:x='y' x:errore='a' ", "an attribute of another namespace"),
        ('tipo="avvenuta-consegna"', 'tipo="Avvenuta-Consegna"', "tipo of postacert written in another way"),
        ('tipo="avvenuta-consegna"', 'tipo=" avvenuta-consegna"', "tipo of postacert written in another way"),
        ('tipo="esterno"', 'tipo="Esterno"', "tipo of destinatari written in another way"),
        ('tipo="completa"', 'tipo="completa "', "tipo of ricevuta written in another way"),
        ("<oggetto>", "<oggetto><b/>", "an element within oggetto"),
        ("Diffida:", "Diffida:<!-- x -->", "oggetto cut in two by a comment"),
        ("Diffida:", "Diffida:<?x y?>", "oggetto cut in two by a comment"),
        ("<mittente>studio", "<mittente>studio ", "an odd address in mittente"),
        ("<consegna>anna", "<consegna>anna,", "an odd address in consegna"),
        ("<consegna>anna", "<consegna>&lt;anna", "an odd address in consegna"),
        ("certificato\">anna", "certificato\">&gt;anna", "an odd address in destinatari"),
        ("certificato\">anna", "certificato\">an;na", "an odd address in destinatari"),
        ("<consegna>anna", "<consegna>an\u200bna", "an odd address in consegna"),
        ("<consegna>anna", "<consegna>\uff41nna", "an odd address in consegna"),
        ("opec.1", "opec.\u200b1", "an odd identifier in identificativo"),
        ("a@client", "\uff41@client", "an odd identifier in msgid"),
        ("bruno@mail.example", "ANNA@pec.example", "a recipient of two types"),
        ('version="1.0"', 'version="1.1"', "certification data in XML of another version"),
    ],
)  # fmt: skip
def test_what_two_readers_may_read_differently_certifies_nothing(old: str, new: str, fault: str) -> None:
    assert fault in " | ".join(read(changed(old, new)).faults)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Diffida:", "<!-- x -->Diffida:"),
        ("perché no?", "perché no?<!-- x -->"),
        ("<oggetto>", "<!-- x --><oggetto>"),
        ("Diffida", "<![CDATA[Diffida]]>"),
        ("bruno@mail.example", "Bruno@mail.example"),
        ("<mittente>studio@pec.example", "<mittente>\n  studio@pec.example\t"),
        ("<risposte>", "<risposte x='y'>"),
        ("</dati>", "<altro>a<b/></altro></dati>"),
        ("</dati>", "<altro xmlns:x='y' x:nome='a'/></dati>"),
        ("</dati>", "<ricezione>a@x.example</ricezione><ricezione>b@x.example</ricezione></dati>"),
        ("Diffida", "\uff24\u200b"),
        ("studio@pec.example</m", "perché@pec.example</m"),
        ('tipo="esterno"', ""),
        ('<?xml version="1.0" encoding="UTF-8"?>\n', ""),
    ],
)
def test_what_everybody_reads_alike_is_no_fault(old: str, new: str) -> None:
    assert read(changed(old, new)).faults == []


@pytest.mark.parametrize(
    ("xml", "said"),
    [
        ("<postacert", "cannot be compared here"),
        ("", "cannot be compared here"),
        ("<altro/>", "it is no postacert"),
        (XML.replace("<postacert", "<!DOCTYPE postacert><postacert"), "it has a document type"),
        (changed('tipo="avvenuta-consegna" ', ""), "it says no tipo"),
        ("<postacert tipo='accettazione'/>", "is about no message"),
        (XML.replace("UTF-8", "x-none"), "cannot be compared here"),
        ("<postacert>" + "<x/>" * 49_999 + "</postacert>", "it says no tipo"),
        ("<postacert>" + "<x/>" * 50_000 + "</postacert>", "too many elements"),
    ],
)
def test_certification_data_that_cannot_be_read_is_said(xml: str, said: str) -> None:
    one = read(xml)
    assert one.kind is None
    (told,) = [fault for fault in one.faults if said in fault]
    assert told.startswith("its certification data cannot be compared here: ")


@pytest.mark.parametrize("kept", ["identificativo", "msgid"])
def test_receipt_of_one_id_is_about_a_message(kept: str) -> None:
    xml = changed("<msgid>&lt;a@client.example&gt;</msgid>", "") if kept == "identificativo" else XML
    xml = xml.replace("<identificativo>opec.1@pec.example</identificativo>", "") if kept == "msgid" else xml
    assert read(xml).kind == "delivery"


@pytest.mark.parametrize(
    ("xml", "subject"),
    [
        (XML.encode(), "Diffida: perché no?"),
        (b"\xef\xbb\xbf" + XML.encode(), "Diffida: perché no?"),
        (b" \r\n" + XML.encode() + b"\x00\x00", "Diffida: perché no?"),
        (XML.encode("iso-8859-15"), "Diffida: perché no?"),  # though it says UTF-8
        (XML.replace("?</o", "€</o").encode("iso-8859-15"), "Diffida: perché no€"),
        (XML.replace("UTF-8", "iso-8859-1").encode("latin-1"), "Diffida: perché no?"),
        (XML.replace("UTF-8", "UTF-16").encode("utf-16"), "Diffida: perché no?"),
        (XML.replace("UTF-8", "UTF-16").encode("utf-16-be"), "Diffida: perché no?"),
        (XML.replace("UTF-8", "UTF-16").encode("utf-16-le"), "Diffida: perché no?"),
    ],
)
def test_certification_data_is_read_in_its_encoding(xml: bytes, subject: str) -> None:
    tree = Tree(xml)
    assert [one.text for one in tree.elements if one.path == "postacert/intestazione/oggetto"] == [subject]


@pytest.mark.parametrize("xml", [b"<a>\xe8", b"\xff\xfe<\x00a\x00", b"<a>", b"<?xml version='1.0' encoding='x'?><a/>"])
def test_broken_xml_is_unreadable(xml: bytes) -> None:
    with pytest.raises(UnreadableError):
        Tree(xml)


def test_elements_have_their_paths_and_all_text_inside() -> None:
    tree = Tree(b"<?xml version='1.0' encoding='UTF-8'?><a x='1'>1<b>2</b>3<c><d><e><f><g>4</g></f></e></d></c></a>")
    assert [(one.path, one.text, one.nested) for one in tree.elements] == [
        ("a", "1234", True), ("a/b", "2", False), ("a/c", "4", True), ("a/c/d", "4", True), ("a/c/d/e", "4", True),
        ("a/c/d/e/f", "", True), ("a/c/d/e/f/./g", "", False),  # deeper than the grammar goes
    ]  # fmt: skip
    assert tree.elements[0].attributes == {"x": "1"}
    assert (tree.version, tree.encoding) == ("1.0", "UTF-8")
    assert (Tree(b"<a/>").version, Tree(b"<a/>").encoding) == (None, None)


@pytest.mark.parametrize(
    ("xml", "split"),
    [
        (b"<a>1<!-- -->2</a>", True), (b"<a><!-- -->2</a>", False), (b"<a>1<!-- --></a>", False),
        (b"<a> <!-- -->2</a>", False), (b"<a>1<!-- --> </a>", False), (b"<a>1<?p?>2</a>", True),
        (b"<a>1<!-- --><!-- -->2</a>", True), (b"<a><!-- -->1<!-- -->2<!-- --></a>", True),
        (b"<!-- --><a>1</a>", False),
        (b"<a>12</a><!-- -->", False), (b"<a>" + b"<!-- -->" * 99 + b"1<!-- -->2</a>", True),
        (b"<a>" + b"<!-- -->" * 100 + b"1<!-- -->2</a>", False),  # past a hundred none is looked at
    ],
)  # fmt: skip
def test_comment_between_two_pieces_of_text_is_seen(xml: bytes, split: bool) -> None:
    assert Tree(xml).elements[0].split is split


@pytest.mark.parametrize(
    ("day", "hour", "zone", "at"),
    [
        ("02/03/2026", "10:15:30", "+0100", datetime(2026, 3, 2, 10, 15, 30, tzinfo=timezone(timedelta(hours=1)))),
        ("2-3-2026", "1.05", "+01:00", datetime(2026, 3, 2, 1, 5, tzinfo=timezone(timedelta(hours=1)))),
        ("2.3.2026", "10:15:30", "Z", datetime(2026, 3, 2, 10, 15, 30, tzinfo=UTC)),
        ("02/03/2026", "10:15:30", "z", datetime(2026, 3, 2, 10, 15, 30, tzinfo=UTC)),
        ("02/03/2026", "10:15:30", "-0330",
         datetime(2026, 3, 2, 10, 15, 30, tzinfo=timezone(-timedelta(hours=3, minutes=30)))),
        ("02/03/2026", "10:15:30", "+1559", datetime(2026, 3, 1, 18, 16, 30, tzinfo=UTC)),
        ("02/03/2026", "10:15:30", "+1600", None),
        ("02/03/2026", "10:15:30", "+0160", None),
        ("02/03/2026", "10:15:30", "CET", None),
        ("02/03/2026", "10:15:30", None, None),
        ("02/03/2026", "10:15:30", "", None),
        ("31/02/2026", "10:15:30", "+0100", None),
        ("02/03/2026", "25:15:30", "+0100", None),
        ("02/03/2026", None, "+0100", None),
        (None, "10:15:30", "+0100", None),
        ("02/03/26", "10:15:30", "+0100", None),
        ("02/03/2026 ", "10:15:30", "+0100", None),
        ("02/03/2026", "10:5:30", "+0100", None),
    ],
)  # fmt: skip
def test_certified_time_is_read_with_its_offset(
    day: str | None, hour: str | None, zone: str | None, at: datetime | None
) -> None:
    found = alone.moment(day, hour, zone)
    assert found == at
    if zone == "-0330":
        assert found is not None
        assert found.isoformat() == "2026-03-02T10:15:30-03:30"


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("Prova", "Prova"), ("\n   Prova  \n  ", "Prova"), ("  Prova ", "  Prova "), ("\n Prova ", "Prova "),
        (" Prova\n", " Prova"), (" \n Prova", "Prova"), ("Prova \n \t", "Prova"), ("", ""), ("   ", "   "),
        ("\n  \n", ""), ("Pro\n va", "Pro\n va"),
    ],
)  # fmt: skip
def test_subject_is_without_the_line_breaks_of_pretty_printing(text: str, subject: str) -> None:
    assert alone.subject_of(text) == subject


@pytest.mark.parametrize(
    ("text", "blurred"),
    [
        ("anna@pec.example", False), ("perché", False), ("\x7f", True), ("a\u200b", True), ("\uff41", True),
        ("\u00a0", True), ("\ufb01", True), ("а", False), ("\u00ad", True), ("\ud7a3", False), ("", False),
    ],
)  # fmt: skip
def test_letters_that_nobody_sees_or_takes_for_ascii_are_seen(text: str, blurred: bool) -> None:
    assert alone.is_blurred(text) is blurred
