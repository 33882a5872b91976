"""Other programs hand messages over: what was said 250 to is in the outbox, what breaks a rule is told in words."""

import signal
import smtplib
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from functools import partial
from pathlib import Path

import pytest

from tests.gateway.running import ADDRESS, PASSWORD, Gateway, gateway, prepared, written
from tests.servers.certificates import Authority
from tests.servers.programs import program, wait_until
from tests.servers.relayhost import RelayHost

ROSSI, VERDI, NERI = "rossi@pec.example.it", "verdi@pec.example.it", "neri@pec.example.it"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One gateway for the tests that only look at replies and at what they themselves sent."""
    with gateway(tmp_path_factory.mktemp("shared"), settings="connections = 60") as running:
        yield running


def subjects(running: Gateway) -> list[str]:
    return [message["subject"] for message in running.messages()]


def refusal(running: Gateway, mail: EmailMessage, to: list[str], sender: str = ADDRESS) -> tuple[int, str]:
    """The code and the text with which a message is refused."""
    with running.client() as client:
        steps: list[Callable[[], tuple[int, bytes]]] = [
            partial(client.mail, sender),
            *(partial(client.rcpt, one) for one in to),
            partial(client.data, raw(mail)),
        ]
        for step in steps:
            code, told = step()
            if code >= 400:
                return code, told.decode("ascii")
    raise AssertionError("it was taken")


def raw(mail: EmailMessage) -> bytes:
    """The message as it goes over the wire."""
    return mail.as_bytes(policy=mail.policy.clone(linesep="\r\n"))


def data(running: Gateway, content: bytes, to: str = ROSSI) -> bytes:
    """The reply to bytes that are sent as they are after DATA, the final dot included."""
    with running.client() as client:
        client.mail(ADDRESS)
        client.rcpt(to)
        client.docmd("DATA")
        client.send(content)
        return client.getreply()[1]


def test_what_is_taken_is_in_the_outbox_under_our_message_id_with_the_programs_own_beside_it(shared: Gateway) -> None:
    with shared.client() as client:
        client.send_message(written(ROSSI, subject="Sollecito è qui", Message_ID="<42@gestionale.local>"))
    message = shared.messages()[0]
    assert (message["subject"], message["send_state"]) == ("Sollecito è qui", "queued")
    raw = shared.home.run("--config", "gateway.toml", "show", message["key"], "--json").stdout
    assert f"pt.{message['key']}@pec.example.it" in raw
    archived = next(
        path.read_bytes() for path in shared.home.folder.rglob("*.eml") if b"42@gestionale.local" in path.read_bytes()
    )
    assert archived.count(b"\r\nMessage-ID:") == 1
    assert f"X-PEC-Tracker: {message['key']}\r\n".encode() in archived
    assert b"X-PEC-Tracker-Client-Message-ID: <42@gestionale.local>\r\n" in archived


def test_the_same_message_id_leaves_once_however_often_it_is_handed_over(shared: Gateway) -> None:
    mail = written(ROSSI, subject="Una volta", Message_ID="<once@gestionale.local>")
    replies = []
    for _ in range(3):
        with shared.client() as client:
            client.mail(ADDRESS)
            client.rcpt(ROSSI)
            replies.append(client.data(raw(mail)))
    assert [code for code, _ in replies] == [250, 250, 250]
    assert b"already" in replies[1][1]
    assert subjects(shared).count("Una volta") == 1


def test_another_letter_with_the_same_message_id_is_refused_not_taken_for_the_first(shared: Gateway) -> None:
    with shared.client() as client:
        client.send_message(written(ROSSI, subject="Prima", Message_ID="<reused@gestionale.local>"))
    code, told = refusal(
        shared, written(ROSSI, subject="Prima", text="Altro.", Message_ID="<reused@gestionale.local>"), [ROSSI]
    )
    assert code == 554
    assert "Message-ID" in told
    # To others it is another letter.
    with shared.client() as client:
        client.send_message(written(VERDI, subject="Prima", text="Altro.", Message_ID="<reused@gestionale.local>"))
    assert subjects(shared).count("Prima") == 2


def test_programs_that_give_no_message_id_send_each_message(shared: Gateway) -> None:
    for _ in range(2):
        with shared.client() as client:
            client.sendmail(ADDRESS, [ROSSI], raw(written(ROSSI, subject="Senza nome")))
    assert subjects(shared).count("Senza nome") == 2


def from_another() -> EmailMessage:
    """A message whose MAIL FROM may be right, and whose From is another's."""
    mail = written(ROSSI)
    mail.replace_header("From", "altro@pec.example.it")
    return mail


REFUSED = [
    (written(ROSSI), [ROSSI], "altro@pec.example.it", 553, "mailbox of this login"),
    (from_another(), [ROSSI], ADDRESS, 550, "From"),
    (written(ROSSI, Sender="altro@pec.example.it"), [ROSSI], ADDRESS, 550, "Sender"),
    (written(ROSSI), [ROSSI, VERDI], ADDRESS, 550, "no Bcc"),
    (written(ROSSI, Bcc=VERDI), [ROSSI], ADDRESS, 550, "no Bcc"),
    (written(ROSSI, VERDI), [ROSSI], ADDRESS, 550, "must receive it"),
    (written(ROSSI), ["rossi@localhost"], ADDRESS, 501, "PEC can carry"),
    (
        written(*(f"a{n}@pec.example.it" for n in range(51))),
        [f"a{n}@pec.example.it" for n in range(51)],
        ADDRESS,
        550,
        "51, the limit is 50",
    ),
]


@pytest.mark.parametrize(("mail", "to", "sender", "code", "told"), REFUSED)
def test_what_breaks_a_rule_is_refused_with_what_to_do(
    shared: Gateway, mail: EmailMessage, to: list[str], sender: str, code: int, told: str
) -> None:
    found, text = refusal(shared, mail, to, sender)
    assert (found, told in text) == (code, True), text
    assert len(text) <= 200
    assert any(told in alert for alert in shared.alerts())


def test_too_large_is_said_with_its_figures(tmp_path: Path) -> None:
    with gateway(tmp_path) as running:
        mail = written(ROSSI, VERDI, NERI)
        mail.add_attachment(b"x" * 9_000_000, maintype="application", subtype="pdf", filename="verbale.pdf")
        code, told = refusal(running, mail, [ROSSI, VERDI, NERI])
        assert code == 552
        assert "MB" in told
        assert "30.00" in told
        with running.client() as client:  # one that says beforehand how much it has
            code, text = client.mail(ADDRESS, ["SIZE=200000000"])
            assert code == 552, text
        assert running.messages() == []


HEAD = b"From: studio@pec.example.it\r\nTo: rossi@pec.example.it\r\nDate: Fri, 27 Nov 2026 10:00:00 +0100\r\n"
SECOND = (
    b"MAIL FROM:<studio@pec.example.it>\r\nRCPT TO:<verdi@pec.example.it>\r\nDATA\r\n"
    b"From: studio@pec.example.it\r\nSubject: Contrabbando\r\n\r\nx\r\n.\r\n"
)


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\n\n.\r\n", b"\r\n.\r"])
def test_a_second_message_is_not_smuggled_in_the_first(shared: Gateway, end: bytes) -> None:
    told = data(shared, HEAD + b"Subject: Uno\r\n\r\nprima" + end + SECOND)
    assert told.startswith(b"5.6.0")
    assert b"line" in told  # what is wrong with it, in words
    assert "Contrabbando" not in subjects(shared)


@pytest.mark.parametrize(
    "line",
    [
        b"Subject: Ciao\nBcc: verdi@pec.example.it",
        b"Subject: Ciao\rX: y",
        b"Senza due punti",
        b"Subject: perch\xc3\xa9",
    ],
)
def test_headers_that_could_be_read_in_two_ways_are_refused(shared: Gateway, line: bytes) -> None:
    before = len(subjects(shared))
    told = data(shared, HEAD + line + b"\r\n\r\nx\r\n.\r\n")
    assert told.startswith(b"5.6.0")
    assert len(told) > len(b"5.6.0 ") + 20
    assert len(subjects(shared)) == before


def test_a_wrong_password_is_refused_and_guessing_ends_in_a_pause(tmp_path: Path) -> None:
    with gateway(tmp_path) as running:
        for _ in range(10):
            with smtplib.SMTP("127.0.0.1", running.port) as client:
                client.ehlo()
                client.user, client.password = "gestionale", "indovino"
                with pytest.raises(smtplib.SMTPAuthenticationError, match="535"):
                    client.auth("plain", client.auth_plain)
        with pytest.raises(smtplib.SMTPConnectError, match="421"):
            smtplib.SMTP("127.0.0.1", running.port)


def test_nobody_sends_without_a_login(shared: Gateway) -> None:
    with smtplib.SMTP("127.0.0.1", shared.port) as client:
        client.ehlo()
        assert client.mail(ADDRESS)[0] == 530


def test_one_connection_too_many_is_told_to_come_again(tmp_path: Path) -> None:
    with (
        gateway(tmp_path, settings="connections = 2") as running,
        running.client(),
        running.client(),
        pytest.raises(smtplib.SMTPConnectError, match="421"),
    ):
        smtplib.SMTP("127.0.0.1", running.port)


def test_a_message_to_many_becomes_one_letter_for_each(tmp_path: Path) -> None:
    with gateway(tmp_path, login="split = true") as running:
        mail = written(ROSSI, VERDI, Cc=NERI, Message_ID="<many@gestionale.local>")
        for _ in range(2):
            with running.client() as client:
                client.send_message(mail)
        assert sorted(message["recipients"][0]["address"] for message in running.messages()) == [NERI, ROSSI, VERDI]
        for path in running.home.folder.rglob("*.eml"):
            assert sum(name.encode() in path.read_bytes() for name in (ROSSI, VERDI, NERI)) == 1


@pytest.mark.parametrize("tls", ["tls", "starttls"])
def test_other_computers_come_by_tls(tmp_path: Path, tls: str, test_ca: Authority) -> None:
    certificate = test_ca.issue()
    settings = f'tls = "{tls}"\ncertificate = "{certificate.certificate}"\nkey = "{certificate.key}"'
    context = ssl.create_default_context(cafile=str(test_ca.root))
    with gateway(tmp_path, settings=settings) as running:
        if tls == "tls":
            client: smtplib.SMTP = smtplib.SMTP_SSL("localhost", running.port, context=context)
        else:
            client = smtplib.SMTP("localhost", running.port)
            client.ehlo()
            assert client.mail(ADDRESS)[0] == 530
            client.starttls(context=context)
        with client:
            client.login("gestionale", PASSWORD)
            client.send_message(written(ROSSI))
        assert len(running.messages()) == 1


CLIENTS = {
    "swaks": (
        "swaks --server 127.0.0.1:{port} --auth PLAIN --auth-user gestionale --auth-password {password} "
        "--from {sender} --to {to} --data @{file}"
    ),
    "curl": (
        "curl --silent --show-error --url smtp://127.0.0.1:{port} --user gestionale:{password} "
        "--mail-from {sender} --mail-rcpt {to} --upload-file {file}"
    ),
    "msmtp": (
        "msmtp --host=127.0.0.1 --port={port} --auth=plain --user=gestionale --passwordeval='echo {password}' "
        "--tls=off --from={sender} {to} < {file}"
    ),
}


def by_program(running: Gateway, name: str, mail: EmailMessage, folder: Path) -> subprocess.CompletedProcess[str]:
    """Hand a message to ROSSI over by one of CLIENTS; status 0 is that it heard 250."""
    file = folder / f"{name}-{mail['Subject'].replace(' ', '-')}.eml"
    file.write_bytes(raw(mail))
    command = CLIENTS[name].format(port=running.port, password=PASSWORD, sender=ADDRESS, to=ROSSI, file=file)
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)


def by_smtplib(running: Gateway, mail: EmailMessage) -> bool:
    """Hand a message over by Python's own client; whether it heard 250."""
    try:
        with running.client() as client:
            client.send_message(mail)
    except (OSError, smtplib.SMTPException):
        return False
    return True


KINDS = [*CLIENTS, "smtplib"]


@pytest.mark.timeout(400)  # many programs start here again and again, and a busy machine takes its time
def test_what_was_said_250_to_is_there_after_kill_9_and_what_was_not_leaves_once_when_it_comes_again(
    tmp_path: Path,
) -> None:
    running = prepared(tmp_path)
    said: list[str] = []
    stopped = threading.Event()

    def hand_over(number: int) -> None:
        """Try as such a program's user or queue would, until it heard 250."""
        name = KINDS[number % len(KINDS)]
        mail = written(ROSSI, subject=f"Lettera {number}", Message_ID=f"<{number}@gestionale.local>")
        while not stopped.is_set():
            heard = (
                by_smtplib(running, mail)
                if name == "smtplib"
                else not by_program(running, name, mail, tmp_path).returncode
            )
            if heard:
                said.append(str(mail["Subject"]))
                return
            stopped.wait(0.2)

    running.start()
    with (
        RelayHost(running.port, login="gestionale", password=PASSWORD) as office,
        ThreadPoolExecutor(8) as programs,
    ):
        for number in range(24, 32):
            office.send(written(ROSSI, subject=f"Lettera {number}", Message_ID=f"<{number}@ufficio.example.it>"))
        work = [programs.submit(hand_over, number) for number in range(24)]
        try:
            for enough in (6, 12):
                wait_until(partial(lambda count: len(said) >= count, enough), seconds=90, what=f"{enough} were taken")
                heard = list(said)
                running.stop(signal.SIGKILL)
                assert set(heard) <= set(subjects(running))
                running.start()
            wait_until(lambda: all(one.done() for one in work), seconds=120, what="every program heard 250")
            wait_until(lambda: office.waiting() == 0, seconds=60, what="the office has handed everything over")
        finally:
            stopped.set()
    running.stop()
    assert sorted(subjects(running)) == sorted(f"Lettera {number}" for number in range(32))


def test_fifty_programs_of_every_kind_at_once_lose_nothing(shared: Gateway, tmp_path: Path) -> None:
    def hand_over(number: int) -> str:
        mail = written(ROSSI, subject=f"Insieme {number}")
        name = [*KINDS, "postfix"][number % 5]
        if name == "postfix":
            office.send(mail)
            return ""
        if name == "smtplib":
            return "" if by_smtplib(shared, mail) else "smtplib heard no 250"
        ran = by_program(shared, name, mail, tmp_path)
        return "" if ran.returncode == 0 else f"{name}: {ran.stdout}{ran.stderr}"

    with RelayHost(shared.port, login="gestionale", password=PASSWORD) as office:
        with ThreadPoolExecutor(50) as programs:
            assert [told for told in programs.map(hand_over, range(50)) if told] == []
        wait_until(lambda: office.waiting() == 0, seconds=60, what="the office has handed everything over")
    expected = sorted(f"Insieme {number}" for number in range(50))
    assert sorted(one for one in subjects(shared) if one.startswith("Insieme ")) == expected


@pytest.mark.parametrize("name", CLIENTS)
def test_the_usual_programs_hand_over_and_show_why_one_is_refused(shared: Gateway, tmp_path: Path, name: str) -> None:
    program(name, package=name)
    ran = by_program(shared, name, written(ROSSI, subject=f"Con {name}"), tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"Con {name}" in subjects(shared)
    refused = by_program(shared, name, written(ROSSI, VERDI, subject=f"Senza {name}"), tmp_path)
    assert refused.returncode != 0
    # curl says only that something is wrong; what it is stands among the alerts.
    told = refused.stdout + refused.stderr
    assert ("550" in told and "must receive it" in told) or name == "curl"
    assert any("must receive it" in alert for alert in shared.alerts())
    assert f"Senza {name}" not in subjects(shared)


def test_a_mail_server_relays_all_that_it_has_also_what_it_took_while_the_gateway_was_down(tmp_path: Path) -> None:
    running = prepared(tmp_path)
    with RelayHost(running.port, login="gestionale", password=PASSWORD) as office:
        for number in range(10):
            office.send(written(ROSSI, subject=f"Ufficio {number}", Message_ID=f"<{number}@ufficio.example.it>"))
        running.start()
        wait_until(lambda: len(running.messages()) == 10, seconds=60, what="the office's mail is in the outbox")
        running.stop(signal.SIGKILL)
        office.send(written(ROSSI, subject="Ufficio 10", Message_ID="<10@ufficio.example.it>"))
        running.start()
        wait_until(lambda: office.waiting() == 0, seconds=60, what="the office has handed everything over")
        running.stop()
    assert sorted(subjects(running)) == sorted(f"Ufficio {number}" for number in range(11))


def test_a_program_that_hangs_up_in_the_middle_sends_nothing(shared: Gateway) -> None:
    client = shared.client()
    client.mail(ADDRESS)
    client.rcpt(ROSSI)
    client.docmd("DATA")
    client.send(b"From: studio@pec.example.it\r\nSubject: Troncata\r\n\r\nmezza")
    assert isinstance(client.sock, socket.socket)
    client.sock.close()
    assert "Troncata" not in subjects(shared)


def test_it_ends_politely_and_says_no_secret(tmp_path: Path) -> None:
    running = prepared(tmp_path)
    running.start()
    with running.client() as client:
        client.send_message(written(ROSSI))
    status, log = running.stop()
    assert status == 0
    assert PASSWORD not in log
    assert "gateway.taken" in log
