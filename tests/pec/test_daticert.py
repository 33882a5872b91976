"""Certification data: what a provider certified is never lost to how it wrote its XML, nor bent by who wrote it."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pec_tracker.pec import daticert
from pec_tracker.pec.daticert import Daticert, Refusal, error_code, examine, parse
from pec_tracker.pec.evidence import CertifiedRecipient
from tests.factory.receipts import daticert_xml

WHOLE = daticert_xml(
    "errore-consegna",
    error="no-dest",
    error_detail="5.1.1 - Gestore - indirizzo non valido",
    recipients=["anna@pec.example", ("bruno@mail.example", "esterno")],
    recipient="anna@pec.example",
    receipt_form="completa",
    taken_by=["gestore@pec.example"],
    subject='Perché "no" & <sì> 🙂',
)


def read(xml: bytes) -> Daticert:
    found = examine(xml)
    assert isinstance(found, Daticert), found
    return found


def made(*, head: str = "", facts: str = "<identificativo>i@x.it</identificativo>", root: str = 'tipo="x"') -> bytes:
    """A minimal daticert with the given elements."""
    return f"<postacert {root}><intestazione>{head}</intestazione><dati>{facts}</dati></postacert>".encode()


def dated(day: str = "02/03/2026", time: str = "10:15:30", zone: str | None = "+0100") -> bytes:
    attribute = "" if zone is None else f' zona="{zone}"'
    moment = f"<data{attribute}><giorno>{day}</giorno><ora>{time}</ora></data><msgid>m@x.it</msgid>"
    return made(facts=moment)


def test_every_field_is_read_as_the_provider_wrote_it() -> None:
    found = read(WHOLE)

    assert found == Daticert(
        tipo="errore-consegna",
        error="no-dest",
        error_code="5.1.1",
        error_detail="5.1.1 - Gestore - indirizzo non valido",
        sender="mittente@pec.example",
        recipients=(
            CertifiedRecipient("anna@pec.example", "certificato"),
            CertifiedRecipient("bruno@mail.example", "esterno"),
        ),
        replies="mittente@pec.example",
        subject='Perché "no" & <sì> 🙂',
        provider="Gestore di Prova S.p.A.",
        issued_at=datetime(2026, 3, 2, 10, 15, 30, tzinfo=timezone(timedelta(hours=1))),
        issued_text="02/03/2026 10:15:30 +0100",
        identifier="opec2110.20260302101530.00123.456.1.1@pec.example",
        reference="pt.original@pec.example",
        receipt_form="completa",
        recipient="anna@pec.example",
        taken_by=("gestore@pec.example",),
        warnings=(),
    )


@given(
    st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Zl", "Zp")), max_size=998),
    st.integers(min_value=0, max_value=4_000_000_000),
    st.integers(min_value=-12 * 60, max_value=14 * 60),
)
@settings(max_examples=100, deadline=None)
def test_any_subject_and_time_come_back_exactly(subject: str, seconds: int, minutes: int) -> None:
    issued_at = datetime.fromtimestamp(seconds, timezone(timedelta(minutes=minutes)))

    found = read(daticert_xml("accettazione", subject=subject, issued_at=issued_at))

    assert found.subject == subject
    assert found.issued_at == issued_at
    assert found.issued_at.utcoffset() == issued_at.utcoffset()
    assert found.warnings == ()


def test_absent_attributes_take_the_defaults_of_the_dtd() -> None:
    found = read(made(head="<destinatari>a@b.it</destinatari>"))

    assert found.error == "nessuno"
    assert found.recipients == (CertifiedRecipient("a@b.it", "certificato"),)


@pytest.mark.parametrize(
    "encode",
    [
        lambda xml: b"\xef\xbb\xbf" + xml,
        lambda xml: xml.decode().replace("UTF-8", "UTF-16").encode("utf-16"),
        lambda xml: xml.decode().encode("utf-16"),  # the declaration says UTF-8
        lambda xml: xml.decode().replace("UTF-8", "UTF-16").encode("utf-16-le"),
        lambda xml: xml.decode().replace("UTF-8", "UTF-16").encode("utf-16-be"),
        lambda xml: b"\x00\r\n " + xml + b"\n\r\n\x00\x00",
        lambda xml: xml.replace(b"\n", b"\r\n"),
        lambda xml: xml.replace(b'<?xml version="1.0" encoding="UTF-8"?>\n', b""),
    ],
    ids=["bom", "utf-16", "utf-16 said utf-8", "utf-16-le", "utf-16-be", "padded", "crlf", "undeclared"],
)
def test_encodings_and_padding_lose_nothing(encode: object) -> None:
    assert callable(encode)
    assert read(encode(WHOLE)) == read(WHOLE)


@pytest.mark.parametrize("declared", ["ISO-8859-15", "iso-8859-1", "windows-1252"])
def test_latin_daticert_that_says_so(declared: str) -> None:
    xml = daticert_xml("accettazione", subject="Perché").decode().replace("UTF-8", declared)

    assert read(xml.encode("iso-8859-15")).subject == "Perché"


def test_latin_bytes_declared_as_utf_8_are_read_with_a_warning() -> None:
    found = read(daticert_xml("accettazione", subject="Perché 5 €").decode().encode("iso-8859-15"))

    assert found.subject == "Perché 5 €"
    assert found.warnings == ("daticert-encoding",)


def test_a_byte_order_mark_alone_says_no_other_encoding() -> None:
    found = read(b"\xef\xbb\xbf" + made(head="<mittente>a@x.it</mittente><oggetto>Perch\u00e9</oggetto>"))

    assert found.subject == "Perch\u00e9"
    assert "daticert-encoding" not in found.faults
    for declared, differs in (("UTF-8", False), ("iso-8859-1", True)):
        said = f'\ufeff<?xml version="1.0" encoding="{declared}"?>'.encode()
        found = read(said + made(head="<mittente>perch\u00e9@x.it</mittente>"))
        assert ("daticert-encoding" in found.faults) is differs


def test_stray_text_comments_and_cdata_are_passed_over() -> None:
    xml = WHOLE.replace(b"</risposte>", b"</risposte>a<!-- <tipo/> --><?pi x?>")
    xml = xml.replace(b"<mittente>mittente@", b"<mittente><!-- no --><![CDATA[mittente]]>@")

    assert read(xml) == read(WHOLE)


def test_a_namespace_changes_nothing_that_is_read_but_takes_the_proof_away() -> None:
    xml = WHOLE.replace(b"<postacert ", b'<p:postacert xmlns:p="urn:x" xmlns="urn:y" ')
    xml = xml.replace(b"</postacert>", b"</p:postacert>")

    assert read(xml) == replace(read(WHOLE), faults=("daticert-namespace",))


@pytest.mark.parametrize(
    ("xml", "why"),
    [
        (b"", Refusal.NOT_XML),
        (b"\x00", Refusal.NOT_XML),
        (b"hello", Refusal.NOT_XML),
        (WHOLE[:-20], Refusal.NOT_XML),
        (WHOLE + b"<postacert/>", Refusal.NOT_XML),
        (WHOLE.replace(b"?>", b"?><!DOCTYPE postacert>"), Refusal.DOCTYPE),
        (WHOLE.replace(b"?>", b'?><!DOCTYPE postacert SYSTEM "http://127.0.0.1:9/d.dtd">'), Refusal.DOCTYPE),
        (WHOLE.replace(b"?>", b'?><!DOCTYPE postacert [<!ENTITY a "b">]>'), Refusal.DOCTYPE),
        (
            WHOLE.replace(b"?>", b'?><!DOCTYPE postacert [<!ATTLIST postacert errore CDATA "virus">]>'),
            Refusal.DOCTYPE,
        ),
        (WHOLE.replace(b"5.1.1", b"&unknown;"), Refusal.NOT_XML),
        (b"<html/>", Refusal.NOT_POSTACERT),
        (WHOLE.replace(b' tipo="errore-consegna"', b""), Refusal.NO_TIPO),
        (WHOLE.replace(b"errore-consegna", b" "), Refusal.NO_TIPO),
        (made(facts=""), Refusal.NO_IDENTIFIERS),
        (made(facts="<identificativo> </identificativo><msgid>&lt;&gt;</msgid>"), Refusal.NO_IDENTIFIERS),
        (b'<postacert tipo="accettazione"/>', Refusal.NO_IDENTIFIERS),
        (WHOLE + b" " * daticert.MAX_SIZE, Refusal.TOO_LARGE),
        (b"<a>" * 100_000, Refusal.NOT_XML),
        (made(facts="<a>" * 300 + "</a>" * 300 + "<msgid>m@x.it</msgid>"), Refusal.NOT_XML),
        (made(facts="<msgid>\uffff@x.it</msgid>"), Refusal.NOT_XML),
    ],
)
def test_what_is_no_certification_data_is_refused_by_name(xml: bytes, why: Refusal) -> None:
    assert examine(xml) is why
    assert parse(xml) is None


def test_billion_laughs_cost_nothing() -> None:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    xml = f'<!DOCTYPE postacert [<!ENTITY l0 "lol">{entities}]><postacert tipo="&l11;"><dati>&l11;</dati></postacert>'

    assert parse(xml.encode()) is None


def test_no_file_is_read_through_an_external_entity(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("segreto")
    doctype = f'<!DOCTYPE postacert [<!ENTITY x SYSTEM "{secret.as_uri()}">]>'.encode()

    assert parse(WHOLE.replace(b"?>", b"?>" + doctype).replace(b"5.1.1", b"&x;")) is None


def test_an_unknown_tipo_and_errore_are_kept_as_text() -> None:
    found = read(made(root='tipo="nuovo-tipo" errore="eccezione-formale"'))

    assert (found.tipo, found.error) == ("nuovo-tipo", "eccezione-formale")
    assert "unknown-errore" in found.warnings


def test_missing_sections_are_named() -> None:
    found = read(b'<postacert tipo="x"><dati><msgid>m@x.it</msgid></dati></postacert>')

    assert found.sender is None
    assert found.subject is None
    assert found.recipients == ()
    assert found.warnings == ("daticert-without-intestazione", "date-missing")


def test_the_first_of_duplicate_elements_counts_with_a_warning() -> None:
    found = read(made(facts="<msgid>uno@x.it</msgid><msgid>due@x.it</msgid><consegna>a@b.it</consegna>"))

    assert found.reference == "uno@x.it"
    assert "daticert-duplicate-element" in found.warnings
    twice = made().replace(b"</postacert>", b"<dati><identificativo>altro@x.it</identificativo></dati></postacert>")
    assert read(twice).identifier == "i@x.it"
    assert "daticert-duplicate-element" in read(twice).warnings
    assert "daticert-duplicate-element" not in read(made()).warnings


@pytest.mark.parametrize(
    ("written", "reference"),
    [
        ("&lt;M.a+b@X.it&gt;", "M.a+b@X.it"),
        ("M.a@x.it", "M.a@x.it"),
        ("  &lt;lungo.\n   davvero@x.it&gt;\n", "lungo.davvero@x.it"),
        ("&lt;a%2Bb%40c@x.it&gt;", "a%2Bb%40c@x.it"),
        ("&amp;lt;a@x.it&amp;gt;", "a@x.it"),
        ("<![CDATA[<a@x.it>]]>", "a@x.it"),
        ("&amp;lt;a@x.it", "&lt;a@x.it"),
        ("a@x.it&amp;gt;", "a@x.it&gt;"),
        ("", None),
    ],
)
def test_the_reference_is_never_changed_but_for_brackets_and_folding(written: str, reference: str | None) -> None:
    found = read(made(facts=f"<identificativo>i@x.it</identificativo><msgid>{written}</msgid>"))

    assert found.reference == reference


def test_a_message_without_message_id_is_found_by_its_identifier() -> None:
    found = read(daticert_xml("accettazione", reference=None))

    assert found.reference is None
    assert found.identifier == "opec2110.20260302101530.00123.456.1.1@pec.example"


@pytest.mark.parametrize(
    ("zone", "hours"),
    [("+0100", 1), ("+01:00", 1), ("+01,00", 1), ("-0530", -5.5), ("Z", 0), ("+0000", 0), ("+1559", 15 + 59 / 60)],
)
def test_zones_of_every_writing(zone: str, hours: float) -> None:
    found = read(dated(zone=zone))

    assert found.issued_at == datetime(2026, 3, 2, 10, 15, 30, tzinfo=timezone(timedelta(hours=hours)))
    assert found.warnings == ()


def test_a_time_without_seconds_is_read_and_none_at_all_has_no_words() -> None:
    assert read(dated(time="10:15")).issued_at == datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
    assert read(made(facts="<data><giorno/></data><msgid>m@x.it</msgid>")).issued_text is None


def test_half_past_midnight_in_summer_is_the_day_before_in_utc() -> None:
    found = read(dated(day="01/07/2026", time="00:30:00", zone="+0200"))

    assert found.issued_at is not None
    assert found.issued_at.astimezone(UTC) == datetime(2026, 6, 30, 22, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "time", "zone", "warning"),
    [
        ("31/02/2026", "10:15:30", "+0100", "date-unreadable"),
        ("2026", "10:15:30", "+0100", "date-unreadable"),
        ("", "10:15:30", "+0100", "date-unreadable"),
        ("02/03/2026", "25:00:00", "+0100", "date-unreadable"),
        ("02/03/2026", "", "+0100", "date-unreadable"),
        ("02/03/0000", "10:15:30", "+0100", "date-unreadable"),
        ("٠٢/٠٣/٢٠٢٦", "10:15:30", "+0100", "date-unreadable"),
        ("02/03/2026", "10:15:30", "+9900", "zone-unreadable"),
        ("02/03/2026", "10:15:30", "+1600", "zone-unreadable"),
        ("02/03/2026", "10:15:30", "+0160", "zone-unreadable"),
        ("02/03/2026", "10:15:30", "CET", "zone-unreadable"),
        ("02/03/2026", "10:15:30", None, "zone-missing"),
        ("02/03/2026", "10:15:30", "", "zone-missing"),
    ],
)
def test_a_time_that_cannot_be_read_is_none_with_its_words_kept(
    day: str, time: str, zone: str | None, warning: str
) -> None:
    found = read(dated(day, time, zone))

    assert found.issued_at is None
    assert found.issued_text == " ".join(part for part in (day, time, zone) if part)
    assert found.warnings == (warning,)


@pytest.mark.parametrize(
    ("detail", "code"),
    [
        ("5.1.1 - Aruba Pec - indirizzo non valido", "5.1.1"),
        ("\n  5.2.2 - Gestore - casella piena", "5.2.2"),
        ("5.5.1, Gestore, presenza di un virus nel messaggio", "5.5.1"),
        ("5.4.1 nelle prime ventiquattro ore", "5.4.1"),
        ("5.1.10 - G - t", "5.1.10"),
        ("errore 5.1.1", None),
        ("5.1.1.9 - un indirizzo", None),
        ("nessun codice", None),
        ("", None),
        (None, None),
    ],
)
def test_the_failure_code_is_the_head_of_the_detail(detail: str | None, code: str | None) -> None:
    assert error_code(detail) == code


def test_a_subject_with_elements_in_it_keeps_its_words() -> None:
    assert read(made(head="<oggetto>a <b>c</b> d</oggetto>")).subject == "a c d"


@pytest.mark.parametrize(
    ("written", "subject"),
    [
        ("<oggetto/>", ""),
        ("<oggetto>\n    Prova\n  </oggetto>", "Prova"),
        ("<oggetto> x </oggetto>", " x "),
        ("", None),
    ],
)
def test_an_empty_subject_is_not_an_absent_one(written: str, subject: str | None) -> None:
    assert read(made(head=written)).subject == subject


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_no_bytes_make_it_raise(xml: bytes) -> None:
    examine(xml)


@given(st.integers(0, len(WHOLE) - 1), st.binary(max_size=6), st.integers(0, 12))
@settings(max_examples=300, deadline=None)
def test_no_damage_makes_it_raise(at: int, put: bytes, removed: int) -> None:
    examine(WHOLE[:at] + put + WHOLE[at + removed :])


@pytest.mark.parametrize(("more", "refused"), [(0, False), (1, True)])
def test_two_megabytes_are_read_and_no_more(more: int, refused: bool) -> None:
    found = examine(WHOLE.ljust(2 * 1024 * 1024 + more))

    assert (found is Refusal.TOO_LARGE) is refused
    assert isinstance(found, Daticert) is not refused


def test_a_thousand_recipients_are_read_and_no_more() -> None:
    everybody = [f"a{number}@pec.example" for number in range(1_001)]

    found = parse(daticert_xml("accettazione", recipients=everybody))

    assert found is not None
    assert [one.address for one in found.recipients] == everybody[:1_000]


def test_random_bytes_of_two_megabytes_are_refused() -> None:
    assert parse(os.urandom(daticert.MAX_SIZE)) is None
