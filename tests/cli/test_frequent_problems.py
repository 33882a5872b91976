"""What keeps people from sending: does `mailbox test` name it and what to do, in both languages, at real sockets?"""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pec_tracker import texts
from pec_tracker.wire.endpoint import Security
from tests.cli.running import Home, HomeInside
from tests.servers.certificates import Authority
from tests.servers.scripted import ScriptedServer
from tests.servers.scripted_imap import ImapScript
from tests.servers.scripted_smtp import SmtpScript

GOOD_IMAP = {"LIST": [b'* LIST (\\HasNoChildren) "/" INBOX'], "GETQUOTAROOT": [b"* QUOTAROOT INBOX"]}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> HomeInside:
    return HomeInside(Home(tmp_path, {"PEC_TEST": "segreta"}), monkeypatch, capsys)


def problems(
    home: HomeInside, authority: Authority, *, imap: int, smtp: int = 1, security: str = "tls", trusted: bool = True
) -> tuple[str, str]:
    """What `mailbox test` says of both servers at these ports, in English and in Italian."""
    ca_file = f"ca_file = {json.dumps(str(authority.root))}, " if trusted else ""
    server = f'host = "127.0.0.1", {ca_file}timeout_seconds = 0.5, security = "{security}"'
    (home.folder / "config.toml").write_text(
        '[mailbox.studio]\naddress = "a@pec.example"\nprovider = "custom"\npassword_env = "PEC_TEST"\n'
        f"imap = {{ {server}, port = {imap} }}\nsmtp = {{ {server}, port = {smtp} }}\n"
    )
    told = []
    for language in ("en", "it"):
        ran = home.run("--lang", language, "mailbox", "test")
        assert ran.returncode == 3
        assert "segreta" not in ran.stdout + ran.stderr
        assert "mailbox edit studio" in ran.stderr
        told.append(" ".join(ran.stdout.split()))
    texts.activate("en")
    return told[0], told[1]


@contextmanager
def hanging_up() -> Iterator[int]:
    """A port behind a firewall that takes each connection and ends it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                try:
                    listening.accept()[0].close()
                except TimeoutError:
                    continue

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        over.set()
        thread.join()


def closed() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_closed_port_names_firewall_and_port(home: HomeInside, test_ca: Authority) -> None:
    english, italian = problems(home, test_ca, imap=closed(), smtp=closed())
    assert english.count("refused the connection; check host and port, and whether a firewall") == 2
    assert italian.count("verificare host e porta, e che un firewall o un antivirus non la blocchi") == 2


def test_a_port_that_says_nothing_names_the_port_and_the_firewall(home: HomeInside, test_ca: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        english, italian = problems(home, test_ca, imap=port, smtp=port)
        assert english.count("did not answer within 0.5 seconds; check the port, and whether a firewall blocks it") == 2
        assert italian.count("firewall") == 2
        english, italian = problems(home, test_ca, imap=port, smtp=port, security="starttls")
        assert english.count("this port may want TLS from the first byte: set this server's security to tls") == 2
        assert italian.count("tls") >= 2


def test_a_connection_that_is_cut_at_once_names_firewall_and_antivirus(home: HomeInside, test_ca: Authority) -> None:
    with hanging_up() as port:
        english, italian = problems(home, test_ca, imap=port, smtp=port)
    assert (
        english.count("ended it at once; check the port and its security (tls, starttls), and whether a firewall") == 2
    )
    assert italian.count("un firewall o un antivirus") == 2


def test_a_plain_port_where_tls_is_wanted_says_starttls(home: HomeInside, test_ca: Authority) -> None:
    with (
        ScriptedServer(test_ca, ImapScript(), plain=True) as imap,
        ScriptedServer(test_ca, SmtpScript(), plain=True) as smtp,
    ):
        english, italian = problems(home, test_ca, imap=imap.endpoint().port, smtp=smtp.endpoint().port)
    assert (
        english.count(
            "does not speak TLS from the first byte; check the port, or set this server's security to starttls"
        )
        == 2
    )
    assert italian.count("starttls") == 2


def test_a_port_that_offers_no_encryption_gets_no_password(home: HomeInside, test_ca: Authority) -> None:
    imap, smtp = ImapScript(), SmtpScript()
    with (
        ScriptedServer(test_ca, imap, security=Security.STARTTLS) as one,
        ScriptedServer(test_ca, smtp, security=Security.STARTTLS) as other,
    ):
        imap_port, smtp_port = one.endpoint().port, other.endpoint().port
        english, italian = problems(home, test_ca, imap=imap_port, smtp=smtp_port, security="starttls")
    assert english.count("offers no encryption (STARTTLS), so nothing was sent, the password neither") == 2
    assert italian.count("STARTTLS") == 2
    assert "AUTH" not in smtp.heard
    assert not any(command.upper().startswith(("LOGIN", "AUTHENTICATE")) for command in imap.heard)


def test_a_certificate_of_the_antivirus_is_called_so_and_gets_no_password(
    home: HomeInside, test_ca: Authority, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, name="Antivirus Web Shield Root")
    imap, smtp = ImapScript(), SmtpScript()
    with (
        ScriptedServer(test_ca, imap, certificate=stranger.issue()) as one,
        ScriptedServer(test_ca, smtp, certificate=stranger.issue()) as other,
    ):
        english, italian = problems(home, test_ca, imap=one.endpoint().port, smtp=other.endpoint().port)
    assert english.count("an antivirus or a proxy may be reading the connection") == 2
    assert italian.count("antivirus") == 2
    assert imap.heard == smtp.heard == []


@pytest.mark.parametrize(
    ("imap_says", "smtp_says", "english", "italian"),
    [
        (b"[AUTHENTICATIONFAILED] wrong", b"535 5.7.8 no", "check user name and password", "nome utente e password"),
        (b"account locked", b"535 5.7.8 Account bloccato", "locked the account: unlock it", "bloccato l'account"),
        (b"[LIMIT2] too many failures", b"550 user disabled", "locked the account: unlock it", "bloccato l'account"),
        (b"[EXPIRED] password", b"535 password scaduta", "make a new one", "crearne una nuova"),
    ],
)
def test_a_refused_login_says_whether_it_is_wrong_locked_or_over(
    home: HomeInside, test_ca: Authority, imap_says: bytes, smtp_says: bytes, english: str, italian: str
) -> None:
    refusing, good = ImapScript({"LOGIN": [b"NO " + imap_says]}), ImapScript(GOOD_IMAP)
    with (
        ScriptedServer(test_ca, refusing) as wrong,
        ScriptedServer(test_ca, good) as right,
        ScriptedServer(test_ca, SmtpScript({"AUTH": smtp_says})) as smtp,
    ):
        for port in (wrong.endpoint().port, right.endpoint().port):
            told = problems(home, test_ca, imap=port, smtp=smtp.endpoint().port)
            assert english in told[0], told
            assert italian in told[1], told
