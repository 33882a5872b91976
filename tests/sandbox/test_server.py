"""The sandbox as a whole: what is sent over SMTP comes back as receipts over IMAP, and the folder tells where it is."""

import json
import os
import smtplib
import socket
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pec_tracker.clock import Clock
from pec_tracker.errors import NotFoundError, ServerError, UsageError
from pec_tracker.pec.read import read
from pec_tracker.pec.standard import Kind
from pec_tracker.sandbox.inject import INJECTIONS, Injection
from pec_tracker.sandbox.providers import DEFAULT_ACCOUNTS
from pec_tracker.sandbox.server import DIRECTIONS, Sandbox, SandboxSettings
from pec_tracker.sandbox.store import Account
from tests.sandbox.materials import SENDER, letter, openssl_accepts
from tests.sandbox.running import ORIGIN, imap, sandbox_in, send, trusting

RECEIVER = "segreteria@studio.sandbox.test"


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with sandbox_in(tmp_path) as running:
        yield running


def kinds(sandbox: Sandbox, address: str = SENDER) -> list[Kind]:
    """What lies in an INBOX."""
    return [read(raw).kind for raw in sandbox.mails(address)]


def test_receipts_of_a_message_sent_by_smtp_are_read_by_imap(sandbox: Sandbox) -> None:
    send(sandbox, "silenzio@pec.test")
    sandbox.wait_until_quiet()
    with imap(sandbox) as client:
        client.select("INBOX", readonly=True)
        _, found = client.uid("FETCH", "1:*", "(BODY.PEEK[])")
        raws = [item[1] for item in found if isinstance(item, tuple)]
    assert raws == sandbox.mails(SENDER)
    assert kinds(sandbox) == [Kind.ACCEPTANCE, Kind.DELAY_NOTICE, Kind.DELAY_NOTICE]
    assert all(openssl_accepts(raw, sandbox.ca_file) for raw in raws)


def test_message_to_another_mailbox_arrives_there_in_its_envelope(sandbox: Sandbox) -> None:
    send(sandbox, RECEIVER)
    sandbox.wait_until_quiet()
    (envelope,) = [read(raw) for raw in sandbox.mails(RECEIVER)]
    assert envelope.kind is Kind.TRANSPORT_ENVELOPE
    assert envelope.original is not None
    assert envelope.original.endswith(letter().partition(b"\r\n\r\n")[2])
    assert kinds(sandbox) == [Kind.ACCEPTANCE, Kind.DELIVERY]


def test_message_to_oneself_brings_receipts_and_envelope(sandbox: Sandbox) -> None:
    send(sandbox, SENDER)
    sandbox.wait_until_quiet()
    assert sorted(kinds(sandbox)) == [Kind.ACCEPTANCE, Kind.DELIVERY, Kind.TRANSPORT_ENVELOPE]


def test_message_to_a_mailbox_without_room_is_not_delivered(sandbox: Sandbox) -> None:
    sandbox.add_account(Account("colma@pec.test", "colma@pec.test", "sandbox", quota_bytes=100))
    send(sandbox, "colma@pec.test")
    sandbox.wait_until_quiet()
    last = read(sandbox.mails(SENDER)[-1])
    assert last.daticert is not None
    assert (last.kind, last.daticert.error_code) == (Kind.NON_DELIVERY, "5.2.2")
    assert sandbox.mails("colma@pec.test") == []


def test_receipts_that_find_no_room_are_lost_without_harm_to_others(sandbox: Sandbox) -> None:
    sandbox.add_account(replace(DEFAULT_ACCOUNTS[0], quota_bytes=100))
    send(sandbox, RECEIVER)
    sandbox.wait_until_quiet()
    assert (kinds(sandbox), kinds(sandbox, RECEIVER)) == ([], [Kind.TRANSPORT_ENVELOPE])


def test_hidden_receipts_come_later_with_their_times_unchanged(tmp_path: Path) -> None:
    with sandbox_in(tmp_path) as sandbox:
        sandbox.failures.hide_receipts(timedelta(hours=20))
        send(sandbox, "consegnata@pec.test")
        assert kinds(sandbox) == []
        sandbox.wait_until_quiet()
        assert sandbox.clock.now() - ORIGIN > timedelta(hours=20)
        acceptance = read(sandbox.mails(SENDER)[0])
    assert acceptance.daticert is not None
    assert acceptance.daticert.issued_at == sandbox.sent[0].submission.at.replace(microsecond=0)


def test_another_process_finds_everything_in_the_directions(sandbox: Sandbox, tmp_path: Path) -> None:
    told = json.loads((tmp_path / DIRECTIONS).read_bytes())
    assert told["smtp_port"] == sandbox.smtp_port
    assert told["imap_starttls_port"] == sandbox.imap_starttls_port
    assert Path(told["ca_file"]).read_bytes() == sandbox.ca_file.read_bytes()
    assert [account["address"] for account in told["accounts"]] == [one.address for one in DEFAULT_ACCOUNTS]
    times = {key: datetime.fromisoformat(told["clock"][key]) for key in ("started", "origin")}
    assert Clock(**times, factor=told["clock"]["factor"]) == sandbox.clock


def test_keys_and_passwords_are_readable_by_their_owner_only(sandbox: Sandbox, tmp_path: Path) -> None:
    private = [tmp_path / DIRECTIONS, *(tmp_path / "ca").glob("*.key")]
    assert len(private) >= 5
    if os.name == "posix":  # elsewhere files have no such modes
        assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}


def test_mails_and_ca_survive_a_restart(tmp_path: Path) -> None:
    with sandbox_in(tmp_path) as first:
        send(first, "consegnata@pec.test")
        first.wait_until_quiet()
        before, ca = first.mails(SENDER), first.ca_file.read_bytes()
    assert not (tmp_path / DIRECTIONS).exists()
    with sandbox_in(tmp_path) as second:
        assert second.mails(SENDER) == before
        assert second.ca_file.read_bytes() == ca


def test_taken_port_is_named_and_nothing_is_left_running(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = SandboxSettings(tmp_path, imap_starttls_port=taken.getsockname()[1])
        with pytest.raises(ServerError, match=r"127\.0\.0\.1"):
            Sandbox(settings).start()


def test_stopped_sandbox_answers_no_more(tmp_path: Path) -> None:
    sandbox = sandbox_in(tmp_path).start()
    port = sandbox.smtp_port
    client = smtplib.SMTP_SSL("localhost", port, context=trusting(sandbox))
    sandbox.stop()
    with pytest.raises((smtplib.SMTPServerDisconnected, OSError)):
        client.noop()
    client.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)


def test_serving_for_ever_ends_when_the_sandbox_is_stopped(tmp_path: Path) -> None:
    sandbox = sandbox_in(tmp_path).start()
    serving = threading.Thread(target=sandbox.run_forever)
    serving.start()
    send(sandbox, "consegnata@pec.test")
    assert serving.is_alive()
    sandbox.stop()
    serving.join(timeout=5)
    assert not serving.is_alive()


SOUND = {
    Injection.TRANSPORT_ENVELOPE: Kind.TRANSPORT_ENVELOPE,
    Injection.REPLY: Kind.TRANSPORT_ENVELOPE,
    Injection.ANOMALY_ENVELOPE: Kind.ANOMALY_ENVELOPE,
    Injection.TAKEN_IN_CHARGE: Kind.TAKEN_IN_CHARGE,
    Injection.VIRUS_NOTICE: Kind.VIRUS_NOTICE,
    Injection.STRANGERS_RECEIPT: Kind.DELIVERY,
    Injection.FORGED_NESTED: Kind.TRANSPORT_ENVELOPE,  # the envelope is genuine, what it carries is not
    Injection.FORGED_WRONG_PERSON: Kind.DELIVERY,  # OpenSSL does not ask whose certificate it is
}
UNSOUND = {
    Injection.ORDINARY: Kind.ORDINARY,
    Injection.FORGED_OWN_CA: Kind.DELIVERY,
    Injection.FORGED_SWAPPED_DATICERT: Kind.DELIVERY,
    Injection.FORGED_HEADERS_ONLY: Kind.ORDINARY,
    Injection.FORGED_ALTERED_BYTE: Kind.DELIVERY,
}


def test_every_kind_can_be_injected_and_is_what_it_is_said_to_be(sandbox: Sandbox) -> None:
    assert set(INJECTIONS) == set(Injection) == set(SOUND) | set(UNSOUND)
    send(sandbox, "inesistente@pec.test")
    sandbox.wait_until_quiet()
    for injection in Injection:
        sandbox.inject(injection)
        raw = sandbox.mails(SENDER)[-1]
        assert read(raw).kind is {**SOUND, **UNSOUND}[injection]
        assert openssl_accepts(raw, sandbox.ca_file) is (injection in SOUND)


@pytest.mark.parametrize("injection", [one for one in Injection if one.startswith("forged") and "only" not in one])
def test_forged_delivery_quotes_the_message_rightly(sandbox: Sandbox, injection: Injection) -> None:
    send(sandbox, "inesistente@pec.test")
    sandbox.inject(injection)
    mail = read(sandbox.mails(SENDER)[-1])
    if injection is Injection.FORGED_NESTED:
        assert mail.original is not None
        mail = read(mail.original)
    assert mail.kind is Kind.DELIVERY
    assert mail.daticert is not None
    assert mail.daticert.recipient == "inesistente@pec.test"
    assert mail.daticert.identifier == sandbox.sent[0].transaction.identifier
    assert mail.daticert.reference == "prova.1@pec.sandbox.test"


def test_reply_quotes_the_identifier_that_its_writer_saw(sandbox: Sandbox) -> None:
    send(sandbox, RECEIVER)
    sandbox.inject(Injection.REPLY)
    mail = read(sandbox.mails(SENDER)[-1])
    assert mail.original is not None
    assert f"In-Reply-To: <{sandbox.sent[0].transaction.identifier}>".encode() in mail.original
    assert mail.subject == "Re: Prova"


def test_any_letter_can_be_injected_into_any_folder(sandbox: Sandbox) -> None:
    written = letter(to=RECEIVER, body="Parole mie.\r\n")
    sandbox.inject("ordinary", mailbox=RECEIVER, letter=written, folder="Junk")
    assert sandbox.mails(RECEIVER, "Junk") == [written]


def test_nonsense_is_refused_by_name(sandbox: Sandbox) -> None:
    send(sandbox, RECEIVER)
    with pytest.raises(UsageError, match="boh"):
        sandbox.inject("boh")
    with pytest.raises(UsageError, match="altri"):
        sandbox.inject(Injection.FORGED_OWN_CA, recipient="altri@pec.test")
    with pytest.raises(NotFoundError):
        sandbox.deliver("nessuno@pec.test", b"x")
