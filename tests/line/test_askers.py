"""Who may not see a mailbox finds nothing of it, anywhere; who may not do a thing does not begin it."""

import ast
import importlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import select

import pec_tracker
from pec_tracker.askers import DAEMON, OPERATOR, Act, Asker
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Ledger
from pec_tracker.errors import ForbiddenError, NotFoundError
from pec_tracker.ledger import lines
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service.alerts import open_alerts
from pec_tracker.service.collecting import quarantine
from pec_tracker.service.collecting.collect import collect
from pec_tracker.service.house import Account, House
from pec_tracker.service.importing import history
from pec_tracker.service.proof.make import proof
from pec_tracker.service.queries import lookup, status
from pec_tracker.service.queries import short_keys as keys
from pec_tracker.service.queries.case import contest
from pec_tracker.service.queries.find import Query, find
from pec_tracker.service.queries.show import show
from pec_tracker.service.retention import terms as retention
from pec_tracker.service.rounds.jobs import tell_of_hanging
from pec_tracker.service.sending import outbox
from pec_tracker.service.sending.dispatch import dispatch
from pec_tracker.service.sending.send import queue
from pec_tracker.service.verbs import act_of
from pec_tracker.settings import Terms
from tests.line.houses import Home, account_at, draft, one_round, queued

ROOT = Path(pec_tracker.__file__).parent
SERVICE = "pec_tracker.service."
SECRET = "Segretissimo"
OTHER = "segreteria@studio.sandbox.test"

# What the entrances call that asks nobody: it composes the house, or works on what it is given.
NO_VERBS = {
    "mailboxes.known.known_mailbox", "upkeep.carry.what_is_left", "sending.start.at_start",
    "trust.folder.kept",  # before there is a house
    "rounds.jobs.jobs_of", "inspect.inspect",
    "mailboxes.add.add", "mailboxes.add.cells_of", "mailboxes.add.from_csv", "mailboxes.add.text_with",
    "rounds.follow.is_settled", "mailboxes.add.text_without", "mailboxes.add.write",
    "mailboxes.edit.changes_of", "mailboxes.edit.section_of",
    "mailboxes.edit.text_changed", "mailboxes.edit.text_renamed",
    "mailboxes.trial.try_out", "campaigns.split.split", "campaigns.split.listed_in",
    "campaigns.start.to_be_seen", "campaigns.report.expected_end",  # of letters that were asked for
    "proof.verify.verify_package", "queries.lookup.recipient_meant",
}  # fmt: skip


def called_by_entrances() -> Iterator[tuple[str, Callable[..., object]]]:
    """Every function of `service` that the command line, the daemon or the composition imports."""
    for file in (*ROOT.glob("cli/*.py"), *ROOT.glob("daemon/*.py"), *ROOT.glob("gateway/*.py"), ROOT / "app.py"):
        tree = ast.parse(file.read_text("utf-8"))
        modules: dict[str, ModuleType] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pec_tracker.service"):
                for alias in node.names:
                    name = f"{node.module}.{alias.name}"
                    try:
                        modules[alias.asname or alias.name] = importlib.import_module(name)
                    except ModuleNotFoundError:
                        found = getattr(importlib.import_module(str(node.module)), alias.name)
                        yield f"{str(node.module).removeprefix(SERVICE)}.{alias.name}", found
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
                module = modules[node.value.id]
                yield f"{module.__name__.removeprefix(SERVICE)}.{node.attr}", getattr(module, node.attr)


def verbs() -> dict[str, Callable[..., object]]:
    """Those that are functions and take a house, an engine or an account."""
    return {name: one for name, one in called_by_entrances() if inspect.isfunction(one)}


def test_every_verb_that_an_entrance_calls_asks_who_asks() -> None:
    found = verbs()
    assert len(found) > 40
    without = {name for name, one in found.items() if act_of(one) is None}
    assert without - NO_VERBS == set(), "declare it with @verb, or say here why nobody needs to be asked"
    assert NO_VERBS - without == set(), "no longer so"


@pytest.mark.parametrize("name", sorted(set(verbs()) - NO_VERBS))
def test_who_may_nothing_begins_nothing(name: str) -> None:
    nobody = Asker("nobody", "Nessuno", frozenset())
    with pytest.raises(ForbiddenError, match="Nessuno"):
        verbs()[name](nobody, None, None)


@pytest.fixture
def shared(house: House, account: Account, sandbox: Sandbox) -> tuple[House, Account, Account, str]:
    """Two mailboxes with a message each, sent and delivered; of the second the subject and the case are secret."""
    other = account_at(house, sandbox, OTHER)
    queued(house, account, subject="Di tutti")
    secret = queue(OPERATOR, house, other, draft("piena@pec.test", account=other, subject=SECRET), case="S/1").key
    for one in (account, other):
        dispatch(OPERATOR, house, one)
    sandbox.wait_until_quiet()
    for one in (account, other):
        collect(OPERATOR, house, one)
    queue(OPERATOR, house, other, draft("consegnata@pec.test", account=other, subject=SECRET))
    return house, account, other, secret


def answers(house: House, asker: Asker, accounts: list[Account]) -> dict[str, Any]:
    """What every reading verb says."""
    found = find(asker, house, Query())
    return {
        "find": found,
        "find by case": find(asker, house, Query(case="S/1")),
        "find by text": find(asker, house, Query(text=SECRET)),
        "find by mailbox": find(asker, house, Query(mailbox=OTHER)),
        "find by recipient": find(asker, house, Query(recipient="piena")),
        "look_up": lookup.look_up(asker, house, lookup.Wanted(case="S/1")),
        "contest": contest(asker, house, "S/1"),
        "outbox": outbox.waiting(asker, house),
        "quarantine": quarantine.quarantined(asker, house),
        "retention": retention.retention(asker, house, terms=Terms(30)),
        "terms": list(retention.dossier_terms(asker, house, terms=Terms(30))),
        "alerts": open_alerts.open_alerts(asker, house),
        "status": status.status(asker, house, accounts),
        "history": history.history(asker, house, [one.id for one in accounts]),
    }


def test_of_a_mailbox_that_does_not_exist_for_him_nobody_finds_anything(
    shared: tuple[House, Account, Account, str],
) -> None:
    house, account, other, secret = shared
    reader = Asker("r1", "Lettrice", frozenset({Act.READ, Act.PROVE}), frozenset({account.id}))
    everything, little = (answers(house, asker, [account, other]) for asker in (OPERATOR, reader))
    for name in everything:
        for word in (SECRET, OTHER, secret, "piena@pec.test", other.name):
            assert word not in repr(little[name]), name
    assert SECRET in repr(everything["find"])
    assert (everything["find"].total, little["find"].total) == (3, 1)
    assert dict(little["status"].recipients) == {"delivered": 1}
    assert little["history"].messages == 1
    assert len(everything["alerts"]) > len(little["alerts"])


@pytest.mark.parametrize(
    "ask",
    [
        lambda asker, house, other, key: show(asker, house, key),
        lambda asker, house, other, key: show(asker, house, key[:6]),
        lambda asker, house, other, key: show(asker, house, f"pt.{key}@studio.sandbox.test"),
        lambda asker, house, other, key: proof(asker, house, key),
        lambda asker, house, other, key: outbox.resend(asker, house, key, reason="perché sì", again=True),
        lambda asker, house, other, key: outbox.settle(asker, house, key, sent=False, reason="perché sì"),
        lambda asker, house, other, key: collect(asker, house, other),
        lambda asker, house, other, key: dispatch(asker, house, other),
        lambda asker, house, other, key: queue(asker, house, other, draft("a@pec.test", account=other)),
        lambda asker, house, other, key: outbox.waiting(asker, house, account=other),
    ],
)
def test_what_is_done_to_it_is_not_found_like_what_was_never_there(
    shared: tuple[House, Account, Account, str], ask: Callable[..., object]
) -> None:
    house, account, other, key = shared
    anybody = Asker("a1", "Uno", frozenset(Act), frozenset({account.id}))
    with pytest.raises(NotFoundError) as of_another:
        ask(anybody, house, other, key)
    nowhere = replace(other, name="inesistente")
    with pytest.raises(NotFoundError) as of_none:
        ask(anybody, house, nowhere, "0" * 26)
    assert of_another.value.template == of_none.value.template


def test_alerts_of_another_mailbox_are_not_acknowledged(shared: tuple[House, Account, Account, str]) -> None:
    house, account, _, _ = shared
    anybody = Asker("a1", "Uno", frozenset(Act), frozenset({account.id}))
    alerts = open_alerts.open_alerts(OPERATOR, house)
    with pytest.raises(NotFoundError):
        open_alerts.acknowledge(anybody, house, alerts)
    assert open_alerts.open_alerts(OPERATOR, house) == alerts


def test_a_short_key_is_as_long_as_he_needs_it(shared: tuple[House, Account, Account, str]) -> None:
    house, account, _, _ = shared
    reader = Asker("r1", "Lettrice", frozenset({Act.READ}), frozenset({account.id}))
    (message,) = find(reader, house, Query()).messages
    short = keys.short_keys(reader, house, [message.key])[message.key]
    assert show(reader, house, short).message.key == message.key


@pytest.mark.parametrize("missing", [Act.SEND, Act.DECIDE, Act.TAKE_IN])
def test_a_right_that_is_missing_is_said_and_nothing_happens(
    house: House, account: Account, sandbox: Sandbox, missing: Act
) -> None:
    key = queued(house, account).key
    asker = Asker("u7", "Ugo", frozenset(set(Act) - {missing}))
    does: dict[Act, Callable[[], object]] = {
        Act.SEND: lambda: dispatch(asker, house, account),
        Act.DECIDE: lambda: outbox.settle(asker, house, key, sent=False, reason="sì"),
        Act.TAKE_IN: lambda: collect(asker, house, account),
    }
    with pytest.raises(ForbiddenError, match="Ugo"):
        does[missing]()
    assert [one.send_state for one in outbox.waiting(OPERATOR, house)] == ["queued"]
    assert sandbox.sent == []


def acts_by(house: House) -> dict[str, set[str | None]]:
    """Who asked, by the ledger, for each act."""
    found: dict[str, set[str | None]] = {}
    with reading(house.engine) as connection:
        for text in connection.scalars(select(Ledger.line)):
            line = lines.decode(text)
            asker = line.facts.get("asker")
            found.setdefault(line.act, set()).add(None if asker is None else str(asker))
    return found


def test_every_line_says_who_asked_also_those_made_in_the_middle_of_a_dialogue(home: Home, sandbox: Sandbox) -> None:
    house = home.open()
    account = account_at(house, sandbox)
    before = acts_by(house)
    ugo = Asker("u7", "Ugo", frozenset(Act))
    queue(ugo, house, account, draft("consegnata@pec.test", account=account))
    dispatch(DAEMON, house, account)
    sandbox.wait_until_quiet()
    collect(DAEMON, house, account)
    after = {act: who for act, who in acts_by(house).items() if act not in before}
    assert after["message.queued"] == {"u7"}
    assert after["message.attempted"] == after["message.submitted"] == {"daemon"}
    assert {who for act, askers in after.items() if act.startswith("mail") for who in askers} == {"daemon"}
    assert None not in {who for askers in after.values() for who in askers}


def test_a_round_of_the_daemon_is_asked_for_by_the_daemon(home: Home, sandbox: Sandbox) -> None:
    house = home.open()
    account = account_at(house, sandbox)
    queued(house, account)
    one_round(house, account, asker=DAEMON)
    assert acts_by(house)["message.submitted"] == {"daemon"}
    tell_of_hanging(DAEMON, house, account, None, after=timedelta(minutes=5))
