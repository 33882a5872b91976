"""Do the commands carry a letter the whole way: sent, collected, shown, on the sandbox's real SMTP and IMAP?"""

import io
import itertools
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pec_tracker.clock import Clock
from pec_tracker.errors import DiskFullError
from pec_tracker.sandbox.failures import Moment, Verb
from pec_tracker.sandbox.providers import PASSWORD
from pec_tracker.sandbox.server import Sandbox, SandboxSettings
from pec_tracker.sandbox.store import Account
from tests.cli.desk import Desk, closed_port

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox whose seconds pass a thousand times as fast."""
    clock = Clock.accelerated(origin=datetime.now(UTC), factor=1000)
    with Sandbox(SandboxSettings(tmp_path_factory.mktemp("box"), clock=clock)) as running:
        yield running


@pytest.fixture
def desk(box: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk with a mailbox of its own in the sandbox."""
    monkeypatch.setenv("DESK_PASSWORD", PASSWORD)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    address = f"studio{next(_numbers)}@pec.sandbox.test"
    box.add_account(Account(address, address, PASSWORD))
    desk = Desk(
        tmp_path,
        capsys,
        address=address,
        login=address,
        smtp=box.smtp_port,
        imap=box.imap_port,
        root_pem=box.ca_file.read_bytes(),
    )
    desk.configure(shared_clock(box))
    return desk


def shared_clock(box: Sandbox) -> str:
    # A day is over in 86 seconds: nobody is expected to look every five minutes of it.
    return f"[clock]\nfile = '{box.settings.folder / 'sandbox.json'}'\n[collect]\ninterval_minutes = 1440\n"


@pytest.fixture
def letter(desk: Desk) -> Callable[..., list[str | Path]]:
    """The arguments of a send to one behaviour of the sandbox."""

    def arguments(to: str = "consegnata@pec.test", *more: str) -> list[str | Path]:
        return ["send", "--to", to, "--subject", "Prova è", "--text", "Buongiorno.", *more]

    return arguments


Letter = Callable[..., list[str | Path]]


def test_a_letter_is_sent_and_its_receipts_are_collected_and_shown(box: Sandbox, desk: Desk, letter: Letter) -> None:
    sent = desk.run(*letter())
    assert sent.status == 0
    assert "State:            sent" in sent.out
    assert "The server said:  250" in sent.out
    assert f"<pt.{sent.out.split()[1]}@pec.sandbox.test>" in sent.out
    box.wait_until_quiet()
    collected = desk.run("collect")
    assert collected.status == 0
    assert "2 archived, 2 of them signed by a trusted provider" in collected.out
    assert "1  delivery receipt" in collected.out
    message, row = desk.run("find").out.splitlines()[2:4]
    assert "delivered" in row
    shown = desk.run("show", message.split()[0]).out.partition("Timeline")[2]
    assert shown.index("attempt 1 to send") < shown.index("acceptance receipt") < shown.index("delivery receipt")
    assert "nothing new" in desk.run("collect").out
    assert desk.run("status").status == 0


def test_the_text_may_come_from_the_standard_input(
    box: Sandbox, desk: Desk, letter: Letter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("Così è.".encode())))
    arguments = letter()[:-2]
    assert desk.run(*arguments, "--text-file", "-").status == 0
    assert desk.run("find", "cosi", "--json").record["recipients"][0]["address"] == "consegnata@pec.test"


def test_a_letter_that_the_server_refuses_is_told_with_its_words(box: Sandbox, desk: Desk, letter: Letter) -> None:
    box.failures.reply(Verb.RCPT, "550 5.1.1 no such user here")
    ran = desk.run(*letter())
    assert ran.status == 1
    assert "refused by the server" in ran.out
    assert "550 5.1.1 no such user here" in ran.out
    assert desk.run("outbox", "list").status == 1
    assert [alert["kind"] for alert in desk.run("status", "--json").record["alerts"]] == ["send-refused"]


def test_a_letter_that_the_server_puts_off_waits_with_status_3(box: Sandbox, desk: Desk, letter: Letter) -> None:
    box.failures.reply(Verb.DATA, "451 4.3.2 try again later")
    ran = desk.run(*letter(), "--json")
    assert ran.status == 3
    assert (ran.record["send_state"], ran.record["code"]) == ("deferred", 451)
    assert ran.record["next_attempt_at"]
    assert desk.run("outbox", "list").status == 0


def test_a_letter_lost_after_the_final_dot_is_uncertain_until_a_receipt_tells(
    box: Sandbox, desk: Desk, letter: Letter
) -> None:
    box.failures.drop(Moment.AFTER_DOT_KEPT)
    ran = desk.run(*letter())
    assert ran.status == 1
    assert "uncertain whether it left" in ran.out
    assert "never sent again by itself" in ran.err
    box.wait_until_quiet()
    desk.run("collect")
    assert desk.run("outbox", "list", "--json").records == []
    assert desk.run("find", "--json").record["state"] == "delivered"


def test_what_was_not_delivered_needs_a_person_once(box: Sandbox, desk: Desk, letter: Letter) -> None:
    desk.run(*letter("inesistente@pec.test"))
    box.wait_until_quiet()
    collected = desk.run("collect")
    assert collected.status == 1
    assert "needs your attention" in collected.out
    assert "check the address in a public register" in collected.out
    assert desk.run("collect").status == 0
    record = desk.run("find", "--state", "failed", "--json").record
    assert record["recipients"][0]["error_code"] == "5.1.1"
    assert desk.run("status").status == 1


def test_forged_receipts_move_nothing_and_are_told_with_the_reason(box: Sandbox, desk: Desk, letter: Letter) -> None:
    desk.run(*letter("silenzio@pec.test"))
    box.inject("forged-own-ca", mailbox=desk.address)
    box.inject("forged-altered-byte", mailbox=desk.address)
    collected = desk.run("collect", "--json")
    assert collected.status == 1
    assert {alert["kind"] for alert in collected.record["alerts"]} == {"evidence-not-proof"}
    key = desk.run("find", "--json").record["key"]
    shown = desk.run("show", key, language="it")
    assert shown.out.count("NON È PROVA") == 2
    assert "alterata" in shown.out
    assert desk.run("find", "--state", "delivered", "--json").records == []


def test_one_unreachable_mailbox_does_not_stop_the_others(box: Sandbox, desk: Desk) -> None:
    box.inject("ordinary", mailbox=desk.address)
    unreachable = f"""
[mailbox.lontana]
address = "lontana@pec.example"
provider = "custom"
password_env = "DESK_PASSWORD"
smtp = {{ host = "127.0.0.1", port = {closed_port()} }}
imap = {{ host = "127.0.0.1", port = {closed_port()} }}
"""
    desk.configure(shared_clock(box) + unreachable)
    ran = desk.run("collect", "--json")
    assert ran.status == 3
    assert {record["mailbox"]: record["archived"] for record in ran.records} == {"lontana": 0, "studio": 1}
    assert [record["error"] is None for record in ran.records] == [False, True]


def test_what_was_queued_leaves_by_outbox_send_after_a_collect(box: Sandbox, desk: Desk, letter: Letter) -> None:
    assert desk.run(*letter(), "--queue-only").status == 0
    assert desk.run("outbox", "list", "--json").record["send_state"] == "queued"
    ran = desk.run("outbox", "send")
    assert ran.status == 0
    assert "1 tried, 0 still waiting" in ran.out
    assert desk.run("outbox", "list", "--json").records == []
    assert len([sent for sent in box.sent if sent.submission.mail_from == desk.address]) == 1
    assert desk.run("outbox", "send", "--json").record["sent"] == []


def test_outbox_send_leaves_a_copy_in_the_webmail_and_a_full_mailbox_changes_no_status(
    box: Sandbox, desk: Desk, letter: Letter
) -> None:
    sent = "INBOX.Inviata"
    assert desk.run(*letter()).status == 0
    time.sleep(0.5)  # eight minutes here: a copy of the provider's own has its time first
    box.imap_faults.answer("APPEND", "NO [OVERQUOTA] full")
    try:
        ran = desk.run("outbox", "send")
        assert (ran.status, "no copy could be put" in ran.err) == (0, True)
    finally:
        box.imap_faults.answers.clear()
    assert desk.run("outbox", "send").status == 0
    assert len(box.mails(desk.address, sent)) == 1
    assert desk.run("outbox", "send").status == 0
    assert len(box.mails(desk.address, sent)) == 1


def test_a_refused_login_suspends_the_mailbox_and_status_says_so(
    desk: Desk, letter: Letter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESK_PASSWORD", "wrong")
    ran = desk.run(*letter())
    assert ran.status == 3
    assert "deferred" in ran.out
    status = desk.run("status")
    assert status.status == 1
    assert "suspended" in status.out
    assert desk.run("status", "--json").record["mailboxes"][0]["suspended_at"]
    assert "wrong" not in ran.out + ran.err + status.out  # the password


def test_report_quota_warns_by_status(box: Sandbox, desk: Desk) -> None:
    fine = desk.run("report", "quota")
    assert fine.status == 0
    assert "fine" in fine.out
    address = f"piena{next(_numbers)}@pec.sandbox.test"
    box.add_account(Account(address, address, PASSWORD, quota_bytes=100_000))
    box.deliver(address, b"Subject: grande\r\n\r\n" + b"x" * 85_000)
    full = Desk(
        desk.folder, desk.capsys, address=address, login=address, smtp=desk.smtp, imap=desk.imap, root_pem=desk.root_pem
    )
    full.configure(shared_clock(box))
    warned = full.run("report", "quota", "--json")
    assert warned.status == 1
    assert warned.record["level"] == "warning"
    assert 80 <= warned.record["percent"] < 90


def test_serve_says_when_it_keeps_the_watch_and_ends_when_told(box: Sandbox, desk: Desk, letter: Letter) -> None:
    desk.run(*letter(), "--queue-only")
    command = [sys.executable, "-m", "pec_tracker", "--config", str(desk.config), "serve", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watch:
        assert watch.stdout is not None
        started = json.loads(watch.stdout.readline())
        deadline = time.monotonic() + 30
        while not any(sent.submission.mail_from == desk.address for sent in box.sent) and time.monotonic() < deadline:
            time.sleep(0.1)
        watch.send_signal(signal.SIGTERM)
        out, err = watch.communicate(timeout=20)
    assert (started["event"], started["mailboxes"]) == ("started", ["studio"])
    assert json.loads(out.splitlines()[-1])["event"] == "stopped"
    assert watch.returncode == 0
    assert len([sent for sent in box.sent if sent.submission.mail_from == desk.address]) == 1
    assert desk.address not in err  # the log names nobody


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_in_the_middle_a_send_waits_for_the_servers_word(
    box: Sandbox, desk: Desk, letter: Letter, number: signal.Signals
) -> None:
    box.failures.delay(Verb.DOT, 3.0)
    with started(desk, letter()) as sending:
        noted = desk.folder / "data" / "archive" / "underway"
        while not list(noted.glob("*.attempt")):  # from then on the server thinks
            assert sending.poll() is None
            time.sleep(0.02)
        sending.send_signal(number)
        out, err = sending.communicate(timeout=60)
    assert (sending.returncode, "sent" in out) == (0, True), err
    assert "brought to its end" in err
    assert "Traceback" not in err


def test_told_to_end_while_it_waits_for_its_turn_the_letter_stays_queued_and_that_is_said(
    box: Sandbox, desk: Desk, letter: Letter
) -> None:
    text = desk.config.read_text("utf-8")
    desk.config.write_text(text.replace("messages_per_minute = 6000", "messages_per_minute = 0.001"), "utf-8")
    assert desk.run(*letter()).status == 0
    with started(desk, letter()) as sending:
        assert sending.stderr is not None
        line = sending.stderr.readline()
        assert "Waiting" in line
        sending.send_signal(signal.SIGINT)
        out, err = sending.communicate(timeout=60)
    assert sending.returncode == 130
    assert "State:            queued" in out
    assert "It waits in the outbox" in err


def started(desk: Desk, arguments: list[str | Path]) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "pec_tracker", "--config", str(desk.config), "--lang", "en", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_after_a_full_disk_in_the_dialogue_nobody_is_told_to_send_again(
    box: Sandbox, desk: Desk, letter: Letter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It left; whoever obeyed "run the same command again" would send a second PEC."""

    def full(*_arguments: object, **_more: object) -> None:
        raise DiskFullError("no space is left under {folder}; free some space and run the same command again: "
                            "nothing was left half written", folder="/x")  # fmt: skip

    monkeypatch.setattr("pec_tracker.service.sending.attempt._note_outcome", full)
    ran = desk.run(*letter())
    assert ran.status == 4
    assert len([one for one in box.sent if one.submission.mail_from == desk.address]) == 1
    assert "Do not write it again" in ran.words
    assert "Another process is sending it" not in ran.words


def test_a_refused_decision_is_told_in_the_users_words(box: Sandbox, desk: Desk, letter: Letter) -> None:
    key = desk.run(*letter("consegnata@pec.test", "--json")).record["key"]
    ran = desk.run("outbox", "settle", key, "--sent", "--reason", "di nuovo", language="it")
    assert ran.status == 2
    assert "submitted" not in ran.words
    assert "preso dal gestore" in ran.words
    assert desk.run("check").status == 0


def test_a_suspended_mailbox_is_told_of_in_the_users_language(box: Sandbox, desk: Desk, letter: Letter) -> None:
    box.failures.refuse_login()
    desk.run(*letter(), language="it")
    for arguments in (["status"], ["collect"], ["outbox", "list"]):
        said = desk.run(*arguments, language="it").words
        assert "ha rifiutato l'accesso" in said, arguments
        assert "refused the login" not in said, arguments
