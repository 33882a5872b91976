"""What a lawyer or an administrator would lose: what he looked up, what he was warned of, what a full mailbox means."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from pec_tracker import texts
from pec_tracker.answers import dossier as answers
from pec_tracker.archive.objects import Suffix
from pec_tracker.askers import OPERATOR, Act, Asker
from pec_tracker.clock import ROME
from pec_tracker.errors import UsageError
from pec_tracker.ledger import segments
from pec_tracker.pec.compose import Attachment
from pec_tracker.pec.rule_profiles import LAW53_SUBJECT, Profile
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service.collecting.collect import collect
from pec_tracker.service.contacts.edit import add_contact
from pec_tracker.service.contacts.people import show_contact
from pec_tracker.service.house import Account, House
from pec_tracker.service.queries.show import show
from pec_tracker.service.sending.dispatch import dispatch
from pec_tracker.service.sending.lint import lint
from pec_tracker.service.sending.profiles import MAX_LOOK_UP, LookUp, Wanted
from pec_tracker.service.sending.send import Queued, RefusedByRulesError, queue
from pec_tracker.service.upkeep.check import check
from pec_tracker.service.upkeep.rebuild import rebuild
from pec_tracker.service.upkeep.repair import repair
from tests.line.houses import Home, account_at, draft, journeys, message_of, new_sqlite, queued, standing_clock
from tests.pec.test_signed_documents import envelope
from tests.sandbox.materials import SENDER

FULL, FINE, ORDINARY = "piena@pec.test", "consegnata@pec.test", "esterna@example.org"
FILES = (Attachment("atto.pdf.p7m", envelope()), Attachment("relata.pdf.p7m", envelope(b"%PDF relata")))
PAGE, SCREEN = b"%PDF-1.7 INI-PEC", b"\x89PNG\r\n\x1a\n INI-PEC"


def today(house: House) -> str:
    return house.clock.now().astimezone(ROME).date().isoformat()


def known(house: House, address: str, register: str = "ini-pec", *, name: str = "Verdi Luigi") -> None:
    said = {"pec": address, "register": register, "looked_up_on": today(house)}
    add_contact(OPERATOR, house, {"name": name, **said})


def notified(house: House, account: Account, to: str = FULL, *, seen: tuple[LookUp, ...] | None = None) -> Queued:
    kept = (LookUp(to, "visura.pdf", PAGE), LookUp(SENDER, "mia.png", SCREEN)) if seen is None else seen
    wanted = Wanted(Profile.LAW53, look_ups=kept)
    letter = draft(to, account=account, subject=LAW53_SUBJECT, attachments=FILES)
    return queue(OPERATOR, house, account, letter, wanted=wanted)


def refusals(error: RefusedByRulesError) -> list[tuple[str, str]]:
    return [(one.rule, one.where) for one in error.findings]


@pytest.fixture
def lawyer(house: House, account: Account) -> Account:
    """The mailbox of a lawyer, who is in the book himself, as is the one whom he notifies."""
    known(house, SENDER, "reginde", name="Avv. Bianchi Anna")
    known(house, FULL)
    return account


def test_a_notification_keeps_what_the_registers_showed_where_check_sees_it(house: House, lawyer: Account) -> None:
    done = notified(house, lawyer)
    dossier = show(OPERATOR, house, done.key)
    assert dossier.profile is not None
    sender, recipient = dossier.profile["origins"]
    assert (sender["address"], sender["register"]) == (SENDER, "reginde")
    person = show_contact(OPERATOR, house, FULL).contact.person
    assert (recipient["register"], recipient["looked_up_on"]) == ("ini-pec", str(person.looked_up_on))
    assert (recipient["name"], sender["name"]) == ("visura.pdf", "mia.png")
    assert house.archive.get(recipient["file"][:64], Suffix.PDF) == PAGE
    assert house.archive.get(sender["file"][:64], Suffix.PNG) == SCREEN
    assert check(OPERATOR, house.engine, house.archive).findings == ()
    house.archive.delete(recipient["file"][:64], Suffix.PDF)
    assert [one.object for one in check(OPERATOR, house.engine, house.archive).findings] == [recipient["file"]]


def test_ledger_lines_name_no_address_and_the_file_of_a_look_up_by_its_hash(house: House, lawyer: Account) -> None:
    notified(house, lawyer)
    (line,) = [
        one
        for segment in segments.read_segments(house.archive.ledger, lambda name: None)
        for one in segment.lines
        if one.act == "message.queued"
    ]
    assert "@" not in json.dumps(dict(line.facts))
    assert [len(line.facts[name]) for name in ("pdfs", "pngs")] == [1, 1]  # type: ignore[arg-type]


def test_a_notification_without_a_kept_look_up_leaves_nothing_behind(house: House, lawyer: Account) -> None:
    with pytest.raises(RefusedByRulesError) as refused:
        notified(house, lawyer, seen=())
    assert refusals(refused.value) == [("law53-look-up-not-kept", FULL)]
    with pytest.raises(RefusedByRulesError) as refused:
        notified(house, lawyer, FINE)
    assert refusals(refused.value) == [("law53-register-missing", FINE)]
    assert {suffix for _, suffix, _ in house.archive.objects()} == {Suffix.RECORD}  # of the mailbox


@pytest.mark.parametrize(
    ("look_up", "says"),
    [
        (LookUp("altri@pec.test", "a.pdf", PAGE), "neither sends nor receives"),
        (LookUp(FULL, "a.html", b"<html>"), "neither a PDF nor a picture"),
        (LookUp(FULL, "a.pdf", PAGE.ljust(MAX_LOOK_UP + 1)), "larger than 10 MB"),
    ],
)
def test_what_is_no_look_up_is_not_taken_for_one(house: House, lawyer: Account, look_up: LookUp, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        notified(house, lawyer, seen=(look_up,))


def test_a_rebuilt_or_repaired_house_still_knows_what_a_notification_was(home: Home, sandbox: Sandbox) -> None:
    house = home.open()
    account = account_at(house, sandbox)
    known(house, SENDER, "reginde", name="Avv. Bianchi Anna")
    known(house, FULL)
    key = notified(house, account).key
    row = message_of(house, key)
    house.archive.delete(row.record, Suffix.RECORD)
    assert repair(OPERATOR, house.engine, house.archive).written == (f"{row.record}.json",)
    home.url = new_sqlite(home.folder / "new")
    again = home.open()
    assert rebuild(OPERATOR, again).missing == ()
    assert message_of(again, key).profile == row.profile
    assert check(OPERATOR, again.engine, again.archive).findings == ()


def test_a_full_mailbox_of_a_notification_is_never_answered_with_send_again_later(
    house: House, lawyer: Account, sandbox: Sandbox
) -> None:
    key = notified(house, lawyer).key
    letter = queued(house, lawyer, FULL, subject="Lettera").key
    dispatch(OPERATOR, house, lawyer)
    sandbox.wait_until_quiet()
    collect(OPERATOR, house, lawyer)
    assert journeys(house, subject=LAW53_SUBJECT) == {FULL: "failed"}
    steps = {one: show(OPERATOR, house, one).message.recipients[0].next_step for one in (key, letter)}
    assert steps == {key: "lawyer-decides", letter: "resend-later"}
    told = "\n".join(answers.advice(show(OPERATOR, house, key).message))
    assert FULL in told
    assert "art. 3-ter(2)" in told
    assert "art. 3-ter(3)" in told
    assert list(answers.advice(show(OPERATOR, house, letter).message)) == []
    texts.activate("it")
    try:
        told = "\n".join(answers.advice(show(OPERATOR, house, key).message))
        assert "Decide l'avvocato" in told
        assert "ha eletto uno?" in told
        assert "dieci giorni" not in told  # when it takes effect is not said
        lines = list(answers.profile_lines(show(OPERATOR, house, key)))
        assert any("consultato il" in line for line in lines)
        assert any("visura.pdf" in line for line in lines)
    finally:
        texts.activate("en")


def convoked(house: House, account: Account, *to: str, days: int = 10, confirmed: str = "") -> Queued:
    house = replace(house, clock=standing_clock(house.clock))  # a day lasts a second here: the count must not move
    call = house.clock.now().astimezone(ROME).date() + timedelta(days=days)
    wanted = Wanted(Profile.ASSEMBLY, call, confirmed=frozenset({confirmed}))
    return queue(OPERATOR, house, account, draft(*to, account=account, subject="Convocazione"), wanted=wanted)


def test_a_convocation_to_an_ordinary_mailbox_stops_until_somebody_confirms_it(house: House, account: Account) -> None:
    add_contact(OPERATOR, house, {"name": "Neri Ugo", "mail": "ugo@example.org"})
    with pytest.raises(RefusedByRulesError) as refused:
        convoked(house, account, "ugo@example.org")
    assert refusals(refused.value) == [("assembly-ordinary-address", "ugo@example.org")]
    done = convoked(house, account, "ugo@example.org", confirmed="assembly-ordinary-address")
    assert ("assembly-ordinary-address", "ugo@example.org") in [(one.rule, one.where) for one in done.advice]
    dossier = show(OPERATOR, house, done.key)
    assert dossier.profile is not None
    assert dossier.profile["confirmed"] == ["assembly-ordinary-address"]
    assert any("invalid" in line for line in answers.profile_lines(dossier))


def rules(queued: Queued) -> set[str]:
    return {one.rule for one in queued.advice if one.rule.startswith("assembly")}


def test_whether_an_address_is_pec_is_known_by_receipts_the_book_or_the_providers_domain_or_said_to_be_unknown(
    house: House, account: Account, sandbox: Sandbox
) -> None:
    assert rules(convoked(house, account, FINE)) == {"assembly-address-unknown"}
    dispatch(OPERATOR, house, account)
    sandbox.wait_until_quiet()
    collect(OPERATOR, house, account)
    add_contact(OPERATOR, house, {"name": "Neri Ugo", "mail": FINE})  # the receipt knows better
    assert rules(convoked(house, account, FINE)) == set()
    add_contact(OPERATOR, house, {"name": "Verdi Luigi", "pec": "verdi@pec.test"})
    assert rules(convoked(house, account, "verdi@pec.test", days=5)) == {"assembly-at-the-limit"}
    mine = account_at(house, sandbox, sandbox.settings.accounts[1].address)
    elsewhere = Asker("a", "a", frozenset({Act.SEND, Act.READ}), frozenset({mine.id}))
    raw = f"From: {mine.address}\r\nTo: {FINE}\r\nSubject: Convocazione\r\n\r\nx".encode()
    linted = lint(elsewhere, house, mine, raw, Wanted(Profile.ASSEMBLY))
    assert "assembly-ordinary-address" in {one.rule for one in linted.findings}  # he sees the book alone


def test_an_address_in_a_providers_own_domain_is_pec(home_on_either: Home, sandbox: Sandbox) -> None:
    house = home_on_either.open(provider_domains=frozenset({"pec.test"}))
    done = convoked(
        house, account_at(house, sandbox), "mai.vista@pec.test", FINE, confirmed="assembly-too-late", days=1
    )
    assert rules(done) == {"assembly-too-late"}
    profile = show(OPERATOR, house, done.key).profile
    assert profile is not None
    assert (profile["name"], profile["confirmed"]) == ("assembly", ["assembly-too-late"])
