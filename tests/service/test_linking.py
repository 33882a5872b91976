"""What a user would lose: a receipt under another message, or under none, because it came sooner, later, or again."""

import itertools
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from pec_tracker.askers import OPERATOR
from pec_tracker.db.engine import sqlite_url
from pec_tracker.db.tables import Evidence, Mail, Message
from pec_tracker.ledger import seals
from pec_tracker.pec.link import Home, KnownMessages, MessageKeys, Ties, home
from pec_tracker.pec.roles import MailRole
from pec_tracker.service.house import Account, House
from pec_tracker.service.intake.link_late import relink
from pec_tracker.service.upkeep.rebuild import rebuild
from tests.service.house import NOW, account_of, bring, compose_as, open_house, place_of, rows
from tests.service.test_journeys import BOTH, COMPOSED, everything, sent

COUNT = 19
houses = itertools.count(1)


def links(house: House) -> dict[str, tuple[str | None, str | None, str | None]]:
    """Of each mail, by its hash: what it is, to which message, and whose evidence it holds."""
    named = select(Message.id, func.coalesce(Message.reference_key, Message.identifier, Message.key).label("name"))
    names: dict[int | None, str] = {row.id: row.name for row in rows(house.engine, named)}
    columns = select(Mail.sha256, Mail.role, Mail.message_id, Evidence.message_id.label("evidence"))
    joined = columns.outerjoin(Evidence, Evidence.mail_id == Mail.id)
    return {
        row.sha256: (row.role, names.get(row.message_id), names.get(row.evidence)) for row in rows(house.engine, joined)
    }


def with_letter(folder: Path) -> tuple[House, Account]:
    folder.mkdir(parents=True)
    house = open_house(sqlite_url(folder / "tracker.db"), folder)
    account = account_of(house)
    compose_as(house, account, sent(), key="k" * 20, reference=COMPOSED, to=BOTH)
    return house, account


def let_go(house: House) -> None:
    """As where another process brought the messages: every mail waits for its own."""
    with house.engine.begin() as connection:
        linked = Mail.message_id.is_not(None) & (Mail.role != MailRole.ORIGINAL)
        waits = update(Mail).where(linked, Mail.role == MailRole.EVIDENCE)
        connection.execute(waits.values(message_id=None, role=MailRole.WAITING))
        plain = update(Mail).where(linked, Mail.role.in_([MailRole.SENT_COPY, MailRole.REPLY]))
        connection.execute(plain.values(message_id=None, role=None))
        connection.execute(update(Evidence).values(message_id=None))


@pytest.mark.timeout(300)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(COUNT)), cuts=st.sets(st.integers(1, COUNT - 1), max_size=5))
@example(order=list(reversed(range(COUNT))), cuts=set(range(1, COUNT)))
def test_at_once_late_and_rebuilt_every_mail_is_linked_alike(tmp_path: Path, order: list[int], cuts: set[int]) -> None:
    things = everything()
    folder = tmp_path / str(next(houses))
    first, account = with_letter(folder / "first")
    bring(first, place_of(account), things)
    expected = links(first)
    second, account = with_letter(folder / "second")
    for start, end in itertools.pairwise([0, *sorted(cuts), COUNT]):
        bring(second, place_of(account), [things[number] for number in order[start:end]])
    assert links(second) == expected
    seals.seal_pending(second.engine, second.archive, now=NOW)
    again = open_house(sqlite_url(folder / "again.db"), folder / "second")
    rebuild(OPERATOR, again)
    assert links(again) == expected
    let_go(second)
    assert links(second) != expected
    relink(second.engine, account.id, now=NOW)
    assert links(second) == expected
    for house in (first, second, again):
        house.engine.dispose()


NAMES = ["a@x", "B@x", "c@x"]
a_key = st.sampled_from(NAMES)
messages = st.builds(
    MessageKeys, st.uuids().map(str), st.booleans(), st.none() | a_key.map(str.lower), st.none() | a_key
)
ties = st.builds(
    Ties, st.none() | a_key, st.booleans(), st.lists(a_key, max_size=3).map(tuple), st.none() | a_key,
    st.lists(a_key, max_size=3).map(tuple),
)  # fmt: skip


@given(st.lists(messages, max_size=5, unique_by=(lambda one: one.reference or one.name)), ties)
def test_the_order_in_which_messages_are_known_changes_no_home(those: list[MessageKeys], its: Ties) -> None:
    found: set[Home] = set()
    for order in (those, those[::-1], sorted(those, key=lambda one: one.name)):
        known = KnownMessages()
        for one in order:
            known.add(one)
        found.add(home(its, known))
    assert len(found) == 1


def known_of(*those: MessageKeys) -> KnownMessages:
    known = KnownMessages()
    for one in those:
        known.add(one)
    return known


OURS = MessageKeys("ours", composed=True, reference="ours@x", identifier=None)
OTHER = MessageKeys("other", composed=False, reference="other@x", identifier="opec.other")


@pytest.mark.parametrize(
    ("its", "expected"),
    [
        (Ties(is_evidence=True, references=("OTHER@x", "Ours@X")), Home(MailRole.EVIDENCE, "ours")),
        (Ties(is_evidence=True, references=("other@x", "third@x")), Home(MailRole.EVIDENCE, "other")),
        (Ties(is_evidence=True, references=("third@x", "other@x")), Home(MailRole.WAITING, None)),
        (Ties(is_evidence=True, references=("third@x",), identifier="opec.other"), Home(MailRole.WAITING, None)),
        (Ties(is_evidence=True, identifier="opec.other"), Home(MailRole.EVIDENCE, "other")),
        (Ties(copy_of="Ours@x", answers=("other@x",)), Home(MailRole.SENT_COPY, "ours")),
        (Ties(copy_of="third@x", answers=("third@x", "opec.other", "ours@x")), Home(MailRole.REPLY, "other")),
        (Ties(copy_of="third@x"), Home(None, None)),
    ],
)
def test_composed_goes_first_then_the_first_reference_then_the_identifier(its: Ties, expected: Home) -> None:
    assert home(its, known_of(OURS, OTHER)) == expected
