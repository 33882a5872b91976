"""A client that breaks a rule hears what a real provider's server says; a fault asked for happens, once."""

import smtplib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pec_tracker.pec.read import read
from pec_tracker.pec.standard import Kind
from pec_tracker.sandbox.access_point import Limits
from pec_tracker.sandbox.failures import Moment, Verb
from pec_tracker.sandbox.server import Sandbox
from tests.sandbox.materials import SENDER, letter
from tests.sandbox.running import PASSWORD, sandbox_in, send, smtp, trusting

TO = "consegnata@pec.test"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    folder: Path = tmp_path_factory.mktemp("sandbox")
    with sandbox_in(folder, limits=Limits(recipients=3, message_bytes=20_000)) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_fault_left_over(sandbox: Sandbox) -> Iterator[None]:
    yield
    sandbox.failures.clear()


def count(sandbox: Sandbox) -> int:
    """How many messages SMTP took."""
    return len(sandbox.sent)


def answers(error: smtplib.SMTPException) -> list[tuple[int, bytes]]:
    """What the server said, in whichever exception smtplib puts it."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return list(error.recipients.values())
    assert isinstance(error, smtplib.SMTPResponseException)
    assert isinstance(error.smtp_error, bytes)
    return [(error.smtp_code, error.smtp_error)]


@pytest.mark.parametrize("mechanism", ["auth_plain", "auth_login"])
def test_login_by_either_mechanism(sandbox: Sandbox, mechanism: str) -> None:
    client = smtplib.SMTP_SSL("localhost", sandbox.smtp_port, context=trusting(sandbox))
    client.ehlo()
    client.user, client.password = SENDER, PASSWORD
    name = mechanism.removeprefix("auth_").upper()
    assert client.auth(name, getattr(client, mechanism))[0] == 235
    client.close()


def test_login_name_need_not_be_the_address(sandbox: Sandbox) -> None:
    with smtp(sandbox, user="M1234567") as client:
        assert client.mail("notifiche@altro.sandbox.test")[0] == 250


@pytest.mark.parametrize(("user", "password"), [(SENDER, "sbagliata"), ("nessuno@pec.test", PASSWORD)])
def test_wrong_login_is_refused_with_535(sandbox: Sandbox, user: str, password: str) -> None:
    client = smtplib.SMTP_SSL("localhost", sandbox.smtp_port, context=trusting(sandbox))
    with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
        client.login(user, password)
    assert refused.value.smtp_code == 535
    client.close()


def test_nothing_is_taken_without_login(sandbox: Sandbox) -> None:
    client = smtplib.SMTP_SSL("localhost", sandbox.smtp_port, context=trusting(sandbox))
    client.ehlo()
    assert client.mail(SENDER)[0] == 530
    client.close()


def test_starttls_is_required_before_login(sandbox: Sandbox) -> None:
    client = smtplib.SMTP("localhost", sandbox.smtp_starttls_port)
    client.ehlo()
    assert "auth" not in client.esmtp_features
    assert client.docmd("AUTH", "PLAIN AGEAYg==")[0] == 530
    client.starttls(context=trusting(sandbox))
    client.login(SENDER, PASSWORD)
    assert client.mail(SENDER)[0] == 250
    client.close()


def test_another_s_address_is_refused_as_sender(sandbox: Sandbox) -> None:
    with smtp(sandbox) as client:
        code, text = client.mail("segreteria@studio.sandbox.test")
    assert (code, text[:5]) == (553, b"5.7.1")


def test_too_large_a_message_is_refused_in_the_dialogue(sandbox: Sandbox) -> None:
    before = count(sandbox)
    with smtp(sandbox) as client:
        client.mail(SENDER)
        client.rcpt(TO)
        assert client.data(letter(body="riga\r\n" * 5_000))[0] == 552
    with smtp(sandbox) as client:
        assert client.mail(SENDER, ["SIZE=30000"])[0] == 552
    assert count(sandbox) == before


def test_too_many_or_malformed_recipients_are_refused_one_by_one(sandbox: Sandbox) -> None:
    with smtp(sandbox) as client:
        client.mail(SENDER)
        assert client.rcpt("utente@dominio-senza-punto")[0] == 501
        assert [client.rcpt(f"r{number}@pec.test")[0] for number in range(4)] == [250, 250, 250, 452]


def test_formal_fault_is_taken_by_smtp_and_answered_by_a_notice(sandbox: Sandbox) -> None:
    before = len(sandbox.mails(SENDER))
    send(sandbox, TO, raw=letter(headers="Bcc: altra@pec.test\r\n"))
    sandbox.wait_until_quiet()
    (notice,) = [read(raw) for raw in sandbox.mails(SENDER)[before:]]
    assert notice.kind is Kind.NON_ACCEPTANCE
    assert sandbox.sent[-1].refusal is not None


def test_bytes_arrive_as_they_were_sent_dots_included(sandbox: Sandbox) -> None:
    raw = letter(body=".\r\n..due\r\n\r\nè\r\n")
    send(sandbox, TO, raw=raw)
    assert sandbox.sent[-1].submission.raw == raw
    assert sandbox.sent[-1].transaction.original.body == raw.partition(b"\r\n\r\n")[2]


def test_refused_login_happens_once(sandbox: Sandbox) -> None:
    sandbox.failures.refuse_login()
    with pytest.raises(smtplib.SMTPAuthenticationError), smtp(sandbox):
        pass
    with smtp(sandbox) as client:
        assert client.noop()[0] == 250


@pytest.mark.parametrize("reply", ["451 4.3.2 try again later", "550 5.7.1 refused"])
@pytest.mark.parametrize("verb", [Verb.MAIL, Verb.RCPT, Verb.DATA, Verb.DOT])
def test_reply_asked_for_is_given_at_its_verb(sandbox: Sandbox, verb: Verb, reply: str) -> None:
    before = count(sandbox)
    sandbox.failures.reply(verb, reply)
    code, text = int(reply[:3]), reply[4:].encode()
    with smtp(sandbox) as client:
        with pytest.raises((smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused)) as refused:
            client.sendmail(SENDER, [TO], letter())
        assert (code, text) in answers(refused.value)
    assert count(sandbox) == before
    send(sandbox, TO)
    assert count(sandbox) == before + 1


def test_second_of_three_recipients_can_be_the_one_refused(sandbox: Sandbox) -> None:
    sandbox.failures.reply(Verb.RCPT, "550 5.1.1 no", skip=1)
    with smtp(sandbox) as client:
        client.mail(SENDER)
        assert [client.rcpt(f"r{number}@pec.test")[0] for number in range(3)] == [250, 550, 250]


@pytest.mark.parametrize(
    ("moment", "taken"),
    [
        (Moment.BEFORE_MAIL, 0),
        (Moment.AFTER_RCPT, 0),
        (Moment.MID_DATA, 0),
        (Moment.AFTER_DOT_LOST, 0),
        (Moment.AFTER_DOT_KEPT, 1),
    ],
)
def test_connection_is_cut_at_the_moment_asked_for(sandbox: Sandbox, moment: Moment, taken: int) -> None:
    before = count(sandbox)
    sandbox.failures.drop(moment)
    with smtp(sandbox) as client, pytest.raises((smtplib.SMTPServerDisconnected, OSError)):
        client.sendmail(SENDER, [TO], letter(body="riga\r\n" * 2_000))
    assert count(sandbox) == before + taken


def test_cut_after_the_dot_still_brings_the_receipts_of_a_message_that_was_kept(sandbox: Sandbox) -> None:
    before = len(sandbox.mails(SENDER))
    sandbox.failures.drop(Moment.AFTER_DOT_KEPT)
    with smtp(sandbox) as client, pytest.raises((smtplib.SMTPServerDisconnected, OSError)):
        client.sendmail(SENDER, [TO], letter())
    sandbox.wait_until_quiet()
    assert [read(raw).kind for raw in sandbox.mails(SENDER)[before:]] == [Kind.ACCEPTANCE, Kind.DELIVERY]


def test_delay_holds_the_reply_back(sandbox: Sandbox) -> None:
    sandbox.failures.delay(Verb.MAIL, 0.2)
    with smtp(sandbox) as client:
        began = time.monotonic()
        assert client.mail(SENDER)[0] == 250
    assert time.monotonic() - began >= 0.2
