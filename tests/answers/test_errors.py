"""A script that asked for JSON gets an object when a command fails too, and never has to read a sentence."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from pec_tracker import texts
from pec_tracker.answers import errors, mailbox
from pec_tracker.answers.plain import certified_text, to_json
from pec_tracker.cli.main import run
from pec_tracker.errors import LoginRefusedError, NotFoundError, PecTrackerError, ServerError, StorageError
from pec_tracker.service.mailboxes.trial import Probe, Trial
from pec_tracker.service.sending.attempt import Dispatched


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (NotFoundError("x"), "not-found"),
        (LoginRefusedError("x"), "login-refused"),
        (StorageError("x"), "storage"),
        (PecTrackerError("x"), "pec-tracker"),
    ],
)
def test_the_kind_of_an_error_is_a_token(error: PecTrackerError, kind: str) -> None:
    assert errors.kind_of(error) == kind


def test_text_is_translated_and_kind_and_params_are_not() -> None:
    inner = ServerError("the connection to {host} was lost", host=Path("smtp.test"))
    error = NotFoundError("no message is called {name}; `pec-tracker find` shows the keys", name="k7f3", why=inner)
    texts.activate("it")
    told = json.loads(to_json(errors.error_facts(error)))["error"]
    assert told["kind"] == "not-found"
    assert told["text"].startswith("nessun messaggio")
    assert told["params"]["name"] == "k7f3"
    assert told["params"]["why"]["kind"] == "server"
    assert told["params"]["why"]["params"] == {"host": "smtp.test"}


@pytest.mark.parametrize(
    ("arguments", "kind", "status"),
    [
        (["show", "k7f3", "--jsn", "--json"], "usage", 2),
        (["--config", "absent.toml", "find", "--json"], "configuration", 2),
    ],
)
def test_a_command_that_fails_tells_the_person_and_the_script(
    arguments: list[str], kind: str, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == status
    told = capsys.readouterr()
    record = json.loads(told.out)
    assert record["schema"] == 1
    assert record["error"]["kind"] == kind
    assert record["error"]["text"].splitlines()[0] in told.err
    assert run([one for one in arguments if one != "--json"]) == status
    assert capsys.readouterr().out == ""


def test_a_value_that_reads_as_the_option_asks_for_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--config", "absent.toml", "find", "--", "--json"]) == 2
    assert capsys.readouterr().out == ""


def test_every_time_of_an_object_is_in_utc_and_the_providers_own_beside_it() -> None:
    rome = datetime(2026, 3, 2, 11, 15, 30, tzinfo=timezone(timedelta(hours=1)))
    assert to_json([rome, rome.astimezone(UTC)]) == '["2026-03-02T10:15:30+00:00", "2026-03-02T10:15:30+00:00"]'
    assert certified_text(rome) == "2026-03-02T11:15:30+01:00"
    assert certified_text(None) is None


def test_what_a_server_counts_is_a_number() -> None:
    told = (("tls", "TLSv1.3"), ("folders", "5"), ("quota_used", "1048576"), ("quota_limit", "2097152"))
    trial = Trial(imap=Probe("ready", facts=told), smtp=Probe("ready", facts=(("size_limit", "31457280"),)))
    facts: dict[str, Any] = mailbox.trial_facts("studio", trial, None)
    assert facts["imap"]["facts"] == {"tls": "TLSv1.3", "folders": 5, "quota_used": 1048576, "quota_limit": 2097152}
    assert facts["smtp"]["facts"] == {"size_limit": 31457280}
    assert mailbox.probe_text(trial.imap) == "login taken; TLSv1.3; folders: 5; space used: 1 of 2 MB (50.0 %)"
    texts.activate("it")
    assert mailbox.probe_text(trial.smtp) == "accesso riuscito; messaggi fino a 30 MB"


def test_a_trial_message_whose_answer_was_lost_is_told_and_not_a_fault() -> None:
    lost = Dispatched("k7f3", "uncertain", None, "", "dot", ServerError("the connection was lost"))
    facts = json.loads(to_json(mailbox.trial_facts("studio", Trial(), lost)))
    assert facts["sent"]["problem"] == "the connection was lost"
    assert "the connection was lost" in mailbox.sent_text(lost)
