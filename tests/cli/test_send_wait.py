"""Does `send --wait` tell what becomes of a letter, and end with the status that a script needs?"""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pec_tracker.cli.output import Output
from pec_tracker.cli.stopping import waiting
from pec_tracker.clock import Clock
from pec_tracker.sandbox.failures import Verb
from pec_tracker.sandbox.providers import PASSWORD
from pec_tracker.sandbox.server import Sandbox, SandboxSettings
from pec_tracker.sandbox.store import Account
from pec_tracker.service.sending.pace import Held
from pec_tracker.settings import Why
from tests.cli.desk import Desk, Ran, closed_port

FACTOR = 600
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    clock = Clock.accelerated(origin=datetime.now(UTC), factor=FACTOR)
    with Sandbox(SandboxSettings(tmp_path_factory.mktemp("box"), clock=clock)) as running:
        yield running


@pytest.fixture
def desk(box: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("DESK_PASSWORD", PASSWORD)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("pec_tracker.service.rounds.follow.FIRST_LOOK", 0.05)
    address = f"attesa{next(_numbers)}@pec.sandbox.test"
    box.add_account(Account(address, address, PASSWORD))
    pem = box.ca_file.read_bytes()
    desk = Desk(tmp_path, capsys, address, address, smtp=box.smtp_port, imap=box.imap_port, root_pem=pem)
    desk.configure(shared_clock(box))
    return desk


def shared_clock(box: Sandbox) -> str:
    return f"[clock]\nfile = '{box.settings.folder / 'sandbox.json'}'\n[collect]\ninterval_minutes = 1440\n"


def waited(desk: Desk, *to: str, more: tuple[str, ...] = (), language: str = "en") -> Ran:
    recipients = [word for address in to for word in ("--to", address)]
    text = ("--subject", "Convocazione", "--text", "Buongiorno.", "--wait")
    return desk.run("send", *recipients, *text, *more, language=language)


def test_what_happens_is_told_until_everybody_has_it(desk: Desk) -> None:
    ran = waited(desk, "consegnata@azienda.test", "consegnata@pec.test")
    assert ran.status == 0, ran.words
    told = ran.out
    in_order = ("State: ", "Accepted by your provider: ", "Delivered to consegnata@azienda.test: ")
    assert sorted(in_order, key=told.index) == list(in_order)
    assert "Delivered to consegnata@pec.test: " in told
    assert "Waiting for the receipts until " in ran.err
    assert "Receipts come within minutes" not in ran.err  # that is what we are waiting for
    assert "pec-tracker proof " in ran.err


def test_who_will_not_get_it_is_told_with_what_to_do(desk: Desk) -> None:
    ran = waited(desk, "consegnata@azienda.test", "piena@azienda.test", language="it")
    assert ran.status == 1, ran.words
    assert "Consegnato a consegnata@azienda.test" in ran.out
    assert "Non consegnato a piena@azienda.test (la casella è piena" in ran.out
    assert "piena@azienda.test: non consegnato; " in ran.out
    assert "consegnata@azienda.test: " not in ran.out.partition("piena@azienda.test: non")[2]


def test_a_letter_that_the_provider_does_not_accept_ends_the_waiting(desk: Desk) -> None:
    ran = waited(desk, "non-accettata@azienda.test")
    assert ran.status == 1, ran.words
    assert "Not accepted by your provider" in ran.out


def test_an_ordinary_mailbox_is_not_waited_for_and_proves_no_delivery(desk: Desk) -> None:
    ran = waited(desk, "esterno@posta.test")
    assert ran.status == 1, ran.words
    assert "accepted, ordinary mailbox" in ran.out


def test_the_deadline_is_kept_and_has_a_status_of_its_own(desk: Desk) -> None:
    ran = waited(desk, "silenzio@azienda.test", more=("--deadline", "2m"))
    assert ran.status == 3, ran.words
    assert "Accepted by your provider" in ran.out
    assert "1 recipient has no outcome yet" in ran.err
    assert "silenzio@azienda.test: accepted" in ran.out


def test_a_script_gets_one_object_at_the_end(desk: Desk) -> None:
    ran = waited(desk, "consegnata@azienda.test", "piena@azienda.test", more=("--json",))
    assert ran.status == 1
    told = ran.record
    assert (told["send_state"], told["outcome"]["ending"]) == ("submitted", "settled")
    assert {one["address"]: one["state"] for one in told["outcome"]["journeys"]} == {
        "consegnata@azienda.test": "delivered",
        "piena@azienda.test": "failed",
    }


def test_a_letter_that_the_server_refuses_is_not_waited_for(box: Sandbox, desk: Desk) -> None:
    box.failures.reply(Verb.RCPT, "550 5.1.1 no such user here")
    ran = waited(desk, "consegnata@azienda.test")
    assert ran.status == 1
    assert "Waiting" not in ran.err
    assert "refused by the server" in ran.out


def test_what_was_put_off_leaves_when_its_time_comes(box: Sandbox, desk: Desk) -> None:
    box.failures.reply(Verb.MAIL, "451 4.3.0 try later")
    ran = waited(desk, "consegnata@azienda.test", more=("--deadline", "2h"))
    assert ran.status == 0, ran.words
    assert len([one for one in box.sent if desk.address in one.submission.mail_from and one.refusal is None]) == 1


def test_a_mailbox_that_cannot_be_read_is_told_once_and_tried_until_the_deadline(desk: Desk) -> None:
    broken = desk.config.read_text().replace(f"port = {desk.imap}", f"port = {closed_port()}")
    desk.config.write_text(broken)
    ran = waited(desk, "consegnata@azienda.test", more=("--deadline", "3m"))
    assert ran.status == 3
    assert ran.err.count("We go on trying") == 1


def test_what_makes_no_sense_is_refused_before_anything_is_queued(desk: Desk) -> None:
    for more, says in ((("--queue-only",), "leave --wait out"), (("--deadline", "sempre"), "10m")):
        ran = waited(desk, "consegnata@azienda.test", more=more)
        assert ran.status == 2
        assert says in ran.err
    ran = desk.run("send", "--to", "a@pec.test", "--subject", "x", "--text", "x", "--deadline", "5m")
    assert (ran.status, "add --wait" in ran.err) == (2, True)
    assert desk.run("find", "--json").out == ""


def test_the_wait_for_the_pace_says_what_the_provider_takes(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock(started=datetime.now(UTC), origin=datetime.now(UTC), factor=0.001)
    wait = waiting(Output(), clock, lambda: Held(Why.MINUTE, clock.now(), 5), lambda: True)
    assert not wait(clock.now() + timedelta(seconds=0.04))
    assert "Waiting 40 s: the provider takes 5 messages a minute." in capsys.readouterr().err


def test_a_pause_that_the_provider_wants_is_told_with_its_end(box: Sandbox, desk: Desk) -> None:
    desk.configure()  # the pause is a minute, which the sandbox's clock makes short
    box.failures.reply(Verb.DATA, '550 5.7.1 blocked "Class Of Service" - Too much traffic from this sender')
    text = ("--to", "consegnata@azienda.test", "--subject", "Prima", "--text", "x")
    first, second = desk.run("send", *text), desk.run("send", *text)
    assert (first.status, second.status) == (3, 0), second.words
    assert "the provider takes it from " in second.err
    assert "the next attempt is due at " in desk.run("outbox", "send").out
