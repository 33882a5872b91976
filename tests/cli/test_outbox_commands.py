"""What a user would lose: a letter that waits and does not say why, or that he cannot stop."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pec_tracker.clock import Clock
from pec_tracker.sandbox.failures import Moment, Verb
from pec_tracker.sandbox.providers import PASSWORD
from pec_tracker.sandbox.server import Sandbox, SandboxSettings
from pec_tracker.sandbox.store import Account
from tests.cli.desk import Desk

TEXT = ("--to", "consegnata@azienda.test", "--text", "x")
ADDRESS = "uscita@pec.sandbox.test"


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Sandbox]:
    clock = Clock.accelerated(origin=datetime.now(UTC), factor=1)
    with Sandbox(SandboxSettings(tmp_path / "box", clock=clock)) as running:
        running.add_account(Account(ADDRESS, ADDRESS, PASSWORD))
        yield running


@pytest.fixture
def desk(box: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("DESK_PASSWORD", PASSWORD)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    pem = box.ca_file.read_bytes()
    desk = Desk(tmp_path, capsys, ADDRESS, ADDRESS, smtp=box.smtp_port, imap=box.imap_port, root_pem=pem)
    desk.configure()
    return desk


def test_a_letter_that_waits_is_shown_whole_and_cancelled(desk: Desk) -> None:
    key = str(desk.run("send", *TEXT, "--subject", "Prima", "--queue-only", "--json").record["key"])
    shown = desk.run("outbox", "show", key[:8])
    assert (shown.status, "consegnata@azienda.test" in shown.out) == (0, True), shown.words
    assert "a single letter: passes the others" in shown.words
    assert "outbox send" in shown.words
    cancelled = desk.run("outbox", "cancel", key, "--reason", "allegato sbagliato", "--json").record
    assert (cancelled["key"], cancelled["send_state"]) == (key, "abandoned")
    assert desk.run("outbox", "show", key, "--json").record["send_state"] == "abandoned"
    assert "outbox resend" in desk.run("outbox", "show", key).words
    assert desk.run("outbox", "cancel", key, "--reason", "ancora").status == 2
    assert desk.run("outbox", "send", "--json").record["sent"] == []


def test_too_much_traffic_says_until_when_and_at_which_pace_and_is_ended_by_hand(box: Sandbox, desk: Desk) -> None:
    box.failures.reply(Verb.MAIL, '550 5.7.1 blocked "Class Of Service" - Too much traffic from this sender')
    assert desk.run("send", *TEXT, "--subject", "Prima").status == 3
    for command in ("outbox", "list"), ("status",):
        told = desk.run(*command)
        assert "3000 messages a minute now" in told.words or "…" in told.words, told.words
    (entry,) = desk.run("outbox", "list", "--json").records
    assert (entry["held"]["why"], entry["held"]["count"], entry["priority"]) == ("traffic", 3000, "normal")
    resumed = desk.run("outbox", "resume", "--json").record
    assert (resumed["due"], resumed["usual_pace"]) == (1, True)
    assert desk.run("outbox", "list", "--json").record["held"] is None
    assert "is due now" in desk.run("outbox", "resume").words or "are due now" in desk.run("outbox", "resume").words
    assert [one["send_state"] for one in desk.run("outbox", "send", "--json").record["sent"]] == ["submitted"]


def test_what_a_search_on_the_server_found_is_told_with_the_message(box: Sandbox, desk: Desk) -> None:
    box.failures.drop(Moment.AFTER_DOT_LOST)
    key = str(desk.run("send", *TEXT, "--subject", "Prima", "--json").record["key"])
    desk.run("collect")
    assert "on the server in" in desk.run("outbox", "show", key).words
    record = desk.run("outbox", "show", key, "--json").record
    assert record["searched"]["unable"] == 0
    assert [one["outcome"] for one in record["tried"]] == ["uncertain"]
    assert "Cercato" in desk.run("outbox", "show", key, language="it").words


def test_an_agreement_is_acknowledged_only_where_the_provider_wants_one(desk: Desk) -> None:
    ran = desk.run("mailbox", "acknowledge", "studio", "--note", "prot. 1204")
    assert (ran.status, "wants no agreement" in ran.words) == (2, True)
    config = desk.config
    config.write_text(config.read_text().replace('provider = "custom"', 'provider = "legalmail"'))
    assert desk.run("mailbox", "acknowledge", "studio", "--note", "prot. 1204", "--json").record["acknowledged"]
    assert "the agreement is noted" in desk.run("mailbox", "acknowledge", "studio", "--note", "prot. 1204").words
