"""What becomes of a message follows from its recipients' addresses, as the table says, and repeats byte for byte."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pec_tracker.pec.read import Mail, read
from pec_tracker.pec.standard import Kind
from pec_tracker.sandbox.access_point import Limits
from pec_tracker.sandbox.behaviours import BEHAVIOURS, behaviour_of
from pec_tracker.sandbox.inject import INJECTIONS
from pec_tracker.sandbox.plan import Handover, Mailing, Plan, Submission, plan
from tests.sandbox.materials import NOON, SENDER, letter, offices, openssl_accepts

ACCEPTED = "acceptance"
DELIVERED = "delivery"
DELAYED = "delay-notice"

# What the sender gets, in order of arrival: kind, and the code at the head of errore-esteso.
EXPECTED: dict[str, list[tuple[str, str | None]]] = {
    "consegnata": [(ACCEPTED, None), (DELIVERED, None)],
    "tardiva": [(ACCEPTED, None), (DELAYED, None), (DELIVERED, None)],
    "oltre-24-ore": [(ACCEPTED, None), (DELAYED, None), (DELAYED, "5.4.1"), (DELIVERED, None)],
    "piena": [(ACCEPTED, None), ("non-delivery", "5.2.2")],
    "inesistente": [(ACCEPTED, None), ("non-delivery", "5.1.1")],
    "inesistente-altro": [(ACCEPTED, None), ("non-delivery", "5.1.1")],
    "disabilitata": [(ACCEPTED, None), ("non-delivery", "5.2.1")],
    "virus": [(ACCEPTED, None), ("non-delivery", "5.5.1")],
    "virus-mittente": [("non-acceptance", "5.5.1")],
    "non-accettata": [("non-acceptance", None)],
    "no-dominio": [(ACCEPTED, None), ("non-delivery", "5.1.2")],
    "silenzio": [(ACCEPTED, None), (DELAYED, None), (DELAYED, "5.4.1")],
    "esterno": [(ACCEPTED, None)],
    "accettazione-tardiva": [(DELIVERED, None), (ACCEPTED, None)],
    "doppia": [(ACCEPTED, None), (ACCEPTED, None), (DELIVERED, None), (DELIVERED, None)],
    "contraddittoria": [(ACCEPTED, None), (DELIVERED, None), ("non-delivery", "5.1.1")],
}


def planned(raw: bytes, *rcpt_to: str, mail_from: str = SENDER, seed: int = 0, limits: Limits | None = None) -> Plan:
    """What becomes of *raw*, sent at noon."""
    submission = Submission(mail_from, rcpt_to, raw, NOON)
    return plan(submission, offices=offices(), seed=seed, number=1, limits=limits or Limits())


def to_one(address: str, *, headers: str = "") -> Plan:
    """A message to one address."""
    return planned(letter(to=address, headers=headers), address)


def mailings(made: Plan) -> list[Mailing]:
    """What the sender gets if no mailbox is full, by time."""
    flat = [one for item in made.items for one in (item.delivered if isinstance(item, Handover) else (item,))]
    return sorted(flat, key=lambda mailing: mailing.due)


def arriving(made: Plan) -> list[Mail]:
    """The same, read by our reader."""
    return [read(mailing.raw()) for mailing in mailings(made)]


def code(mail: Mail) -> str | None:
    """The failure code of a mail."""
    return mail.daticert.error_code if mail.daticert else None


def test_every_row_of_the_table_is_expected_of_something() -> None:
    assert set(EXPECTED) == {row.name for row in BEHAVIOURS}


@pytest.mark.parametrize("name", EXPECTED)
def test_recipient_gets_the_behaviour_of_its_local_part(name: str) -> None:
    found = arriving(to_one(f"{name}@pec.test"))
    assert [(mail.kind.value, code(mail)) for mail in found] == EXPECTED[name]


def test_english_aliases_upper_case_and_tags_mean_the_same() -> None:
    for index, one in enumerate(BEHAVIOURS):
        for local in (one.name, *one.aliases):
            assert behaviour_of(f"{local}+{index}@azienda.test") is one
            assert behaviour_of(f"{local.upper()}@azienda.test") is one


def test_unknown_local_parts_are_delivered() -> None:
    assert behaviour_of("mario.rossi@azienda.test").name == "consegnata"


@pytest.mark.parametrize(
    ("name", "error"),
    [("inesistente", "no-dest"), ("inesistente-altro", "altro"), ("no-dominio", "no-dominio"), ("virus", "virus")],
)
def test_failures_carry_the_errore_of_their_variant(name: str, error: str) -> None:
    last = arriving(to_one(f"{name}@pec.test"))[-1]
    assert last.daticert is not None
    assert last.daticert.error == error


def test_silence_speaks_at_twelve_and_twenty_four_hours() -> None:
    certified = [mail.daticert.issued_at for mail in arriving(to_one("silenzio@pec.test")) if mail.daticert]
    hours = [(at - NOON) // timedelta(hours=1) for at in certified if at]
    assert hours == [0, 12, 24]


def test_late_delivery_comes_between_the_two_notices() -> None:
    due = mailings(to_one("tardiva@pec.test"))[-1].due
    assert timedelta(hours=12) < due - NOON < timedelta(hours=24)


def test_acceptance_after_delivery_still_certifies_the_earlier_time() -> None:
    delivery, acceptance = arriving(to_one("accettazione-tardiva@pec.test"))
    assert delivery.daticert is not None
    assert acceptance.daticert is not None
    assert acceptance.daticert.issued_at == NOON
    assert delivery.daticert.issued_at is not None
    assert delivery.daticert.issued_at > NOON


def test_twice_means_the_same_acceptance_and_another_mail_with_the_same_delivery() -> None:
    first, again, delivery, anew = [mailing.raw() for mailing in mailings(to_one("doppia@pec.test"))]
    assert first == again
    assert delivery != anew
    assert read(delivery).daticert == read(anew).daticert


def test_delivery_is_certified_by_the_recipient_s_provider_and_acceptance_by_the_sender_s() -> None:
    acceptance, delivery = mailings(to_one("consegnata@azienda.test"))
    assert acceptance.office.provider.domain == "gestore.sandbox.test"
    assert delivery.office.provider.domain == "postaprova.test"
    assert openssl_accepts(delivery.raw())


@pytest.mark.parametrize(
    ("asked", "given"), [("breve", "breve"), ("Sintetica", "sintetica"), ("completa", "completa"), ("boh", "completa")]
)
def test_form_of_the_receipt_is_the_one_asked_for(asked: str, given: str) -> None:
    delivery = arriving(to_one("consegnata@pec.test", headers=f"X-TipoRicevuta: {asked}\r\n"))[-1]
    assert delivery.daticert is not None
    assert delivery.daticert.receipt_form == given


def test_copy_gets_the_synthetic_form_and_every_recipient_a_receipt_of_its_own() -> None:
    made = planned(letter(to="a@pec.test", headers="Cc: b@azienda.test\r\n"), "a@pec.test", "b@azienda.test")
    found = [mail.daticert for mail in arriving(made) if mail.kind is Kind.DELIVERY and mail.daticert]
    assert {(one.recipient, one.receipt_form) for one in found} == {
        ("a@pec.test", "completa"),
        ("b@azienda.test", "sintetica"),
    }


def test_recipients_behave_each_in_its_own_way() -> None:
    made = planned(
        letter(to="consegnata@pec.test, piena@pec.test, esterno@ordinaria.test"),
        "consegnata@pec.test",
        "piena@pec.test",
        "esterno@ordinaria.test",
    )
    acceptance, *others = arriving(made)
    assert acceptance.daticert is not None
    assert [one.type for one in acceptance.daticert.recipients] == ["certificato", "certificato", "esterno"]
    assert sorted(mail.kind.value for mail in others) == ["delivery", "non-delivery"]


def test_receipts_of_one_message_share_identifier_and_reference_and_have_ids_of_their_own() -> None:
    made = to_one("oltre-24-ore@pec.test")
    found = arriving(made)
    assert {mail.daticert.identifier for mail in found if mail.daticert} == {made.transaction.identifier}
    assert {mail.reference for mail in found} == {"prova.1@pec.sandbox.test"}
    assert len({mail.headers.message_id for mail in found if mail.headers}) == len(found)


def test_same_seed_repeats_every_byte_and_another_seed_does_not() -> None:
    def bytes_of(seed: int) -> list[bytes]:
        made = planned(letter(to="tardiva@pec.test"), "tardiva@pec.test", seed=seed)
        return [mailing.raw() for mailing in mailings(made)]

    assert bytes_of(7) == bytes_of(7)
    assert bytes_of(7) != bytes_of(8)


@pytest.mark.parametrize(
    ("raw", "rcpt_to", "said"),
    [
        (letter(headers="Bcc: nascosta@pec.test\r\n"), ["consegnata@pec.test"], "Bcc"),
        (
            letter().replace(b"To: consegnata@pec.test\r\n", b"Cc: consegnata@pec.test\r\n"),
            ["consegnata@pec.test"],
            "To",
        ),
        (letter(), ["altra@pec.test"], "RCPT TO"),
        (letter(), ["consegnata@pec.test", "altra@pec.test"], "RCPT TO"),
        (letter(to="consegnata@pec.test, altra@pec.test"), ["consegnata@pec.test"], "RCPT TO"),
        (letter(to="senza-chiocciola"), ["consegnata@pec.test"], "not valid"),
        (letter(headers="From: altro@pec.sandbox.test\r\n"), ["consegnata@pec.test"], "From"),
        (letter().replace(SENDER.encode(), b"altro@pec.sandbox.test"), ["consegnata@pec.test"], "MAIL FROM"),
        (letter().replace(SENDER.encode(), b"a@pec.test, b@pec.test"), ["consegnata@pec.test"], "From"),
    ],
)
def test_message_that_breaks_a_formal_rule_reaches_nobody(raw: bytes, rcpt_to: list[str], said: str) -> None:
    made = planned(raw, *rcpt_to)
    assert made.refusal is not None
    assert said in made.refusal
    (notice,) = arriving(made)
    assert notice.kind is Kind.NON_ACCEPTANCE
    assert not any(isinstance(item, Handover) for item in made.items)


def test_size_times_recipients_is_limited_and_each_alone_is_not() -> None:
    limits = replace(Limits(), bytes_times_recipients=1000)
    raw = letter(to="a@pec.test, b@pec.test", body="x" * 500)
    assert planned(raw, "a@pec.test", "b@pec.test", limits=limits).refusal is not None
    alone = letter(to="a@pec.test", body="x" * 500)
    assert planned(alone, "a@pec.test", limits=limits).refusal is None


def test_addresses_match_without_case_and_each_counts_once() -> None:
    made = planned(
        letter(to="Consegnata@PEC.test", headers="Cc: consegnata@pec.test\r\n"),
        "consegnata@pec.test",
        "CONSEGNATA@pec.test",
    )
    assert made.refusal is None
    assert [one.address for one in made.transaction.recipients] == ["consegnata@pec.test"]


def test_one_virus_among_many_recipients_stops_the_message_for_all() -> None:
    made = planned(letter(to="a@pec.test, virus-mittente@pec.test"), "a@pec.test", "virus-mittente@pec.test")
    assert [mail.kind for mail in arriving(made)] == [Kind.NON_ACCEPTANCE]


def test_the_documented_tables_are_the_ones_in_force() -> None:
    written = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")
    for row in BEHAVIOURS:
        aliases = ", ".join(f"`{alias}`" for alias in row.aliases)
        assert f"| `{row.name}` | {aliases} | {row.explanation} |" in written
    for injection, explanation in INJECTIONS.items():
        assert f"| `{injection}` | {explanation} |" in written


HEADER_LINES = st.lists(
    st.one_of(
        st.binary(max_size=60),
        st.builds(
            lambda name, value: name + b": " + value,
            st.sampled_from([b"From", b"To", b"Cc", b"Subject", b"Message-ID", b"Content-Type", b"X-TipoRicevuta"]),
            st.one_of(
                st.binary(max_size=80),
                st.sampled_from([b"=?utf-8?b?!!!?=", b"=?x?q?=", b"<a", b"multipart/x; boundary="]),
            ),
        ),
    ),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(lines=HEADER_LINES, body=st.binary(max_size=300))
def test_any_bytes_get_an_answer_that_can_be_read(lines: list[bytes], body: bytes) -> None:
    raw = b"\r\n".join([*lines, b"", body])
    for mail in arriving(planned(raw, "consegnata@pec.test")):
        assert mail.kind in (Kind.ACCEPTANCE, Kind.NON_ACCEPTANCE, Kind.DELIVERY)


@settings(max_examples=60, deadline=None)
@given(lines=HEADER_LINES, body=st.binary(max_size=300))
def test_odd_headers_beside_good_ones_change_no_certified_fact(lines: list[bytes], body: bytes) -> None:
    good = letter(headers="X-TipoRicevuta: breve\r\n").partition(b"\r\n\r\n")[0]
    odd = [b"X-" + line.replace(b"\r", b"").replace(b"\n", b"") for line in lines]
    found = arriving(planned(b"\r\n".join([good, *odd, b"", body]), "consegnata@pec.test"))
    assert [(mail.kind, mail.subject, mail.reference) for mail in found] == [
        (Kind.ACCEPTANCE, "Prova", "prova.1@pec.sandbox.test"),
        (Kind.DELIVERY, "Prova", "prova.1@pec.sandbox.test"),
    ]
