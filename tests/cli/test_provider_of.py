"""Before a letter is sent, can a user see whether its address looks like PEC, and that this is only a guess?"""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.desk import Desk
from tests.factory import receipts

pytest.importorskip("dns.resolver")
import dns.message
import dns.resolver
import dns.rrset

ZONE = {"acme.example.": "10 mx1.pec.aruba.it.", "altra.example.": "10 mx.altra.example.", "nulla.example.": "0 ."}


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("DESK_PASSWORD", "sandbox")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    desk = Desk(tmp_path, capsys)
    desk.configure()
    return desk


@pytest.fixture
def name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A name server that knows the ZONE, asked by this process."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listening.bind(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            asked, sender = listening.recvfrom(4096)
            if not asked:
                return
            query = dns.message.from_wire(asked)
            reply = dns.message.make_response(query)
            name = query.question[0].name
            if (record := ZONE.get(str(name))) is not None:
                reply.answer.append(dns.rrset.from_text(name, 60, "IN", "MX", record))
            listening.sendto(reply.to_wire(), sender)

    thread = threading.Thread(target=serve)
    thread.start()
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = listening.getsockname()[1]
    monkeypatch.setattr(dns.resolver, "default_resolver", resolver)
    yield
    listening.sendto(b"", listening.getsockname())
    thread.join()
    listening.close()


@pytest.mark.usefixtures("name_server")
@pytest.mark.parametrize(
    ("address", "likelihood", "provider", "exchangers"),
    [
        ("a@legalmail.it", "probably-pec", "legalmail", []),
        ("a@acme.example", "probably-pec", "aruba", ["mx1.pec.aruba.it"]),
        ("a@altra.example", "unknown", None, ["mx.altra.example"]),
        ("a@nulla.example", "unknown", None, []),
        ("a@ignota.example", "unknown", None, []),
    ],
)
def test_domain_and_servers_give_a_guess_that_is_called_one(
    desk: Desk, address: str, likelihood: str, provider: str | None, exchangers: list[str]
) -> None:
    record = desk.run("provider", "of", address, "--json").record
    assert (record["likelihood"], record["provider"], record["exchangers"]) == (likelihood, provider, exchangers)
    assert "This is a guess" in desk.run("provider", "of", address).out
    assert "È un'ipotesi" in desk.run("provider", "of", address, language="it").out


def test_what_a_receipt_said_is_stronger_than_any_domain(desk: Desk) -> None:
    assert desk.run("provider", "of", receipts.RECIPIENT, "--no-mx", "--json").record["likelihood"] == "unknown"
    desk.mail("sent.eml", receipts.original())
    desk.mail("acceptance.eml", receipts.receipt("accettazione"))
    assert desk.run("import", desk.folder / "mails", "--mailbox", "studio").status == 0
    record = desk.run("provider", "of", receipts.RECIPIENT.upper(), "--no-mx", "--json").record
    assert (record["likelihood"], record["receipts"]["type"]) == ("pec", "certificato")
    assert record["exchangers"] is None
    assert "calls it: certificato" in desk.run("provider", "of", receipts.RECIPIENT, "--no-mx").out


def test_an_address_that_its_acceptance_called_external_is_said_to_give_no_delivery_receipt(desk: Desk) -> None:
    desk.mail("sent.eml", receipts.original())
    desk.mail("acceptance.eml", receipts.receipt("accettazione", recipients=[(receipts.RECIPIENT, "esterno")]))
    assert desk.run("import", desk.folder / "mails", "--mailbox", "studio").status == 0
    assert desk.run("provider", "of", receipts.RECIPIENT, "--no-mx", "--json").record["likelihood"] == "ordinary"


def test_name_servers_that_are_silent_and_a_library_that_is_not_there_are_told_of(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver = dns.resolver.Resolver(configure=False)
    monkeypatch.setattr(dns.resolver, "default_resolver", resolver)  # it has no name server to ask
    ran = desk.run("provider", "of", "a@legalmail.it")
    assert (ran.status, "name servers say nothing of legalmail.it" in ran.err) == (0, True)
    monkeypatch.setattr("pec_tracker.wire.mail_exchangers.find_spec", lambda _name: None)
    ran = desk.run("provider", "of", "a@legalmail.it")
    assert (ran.status, "extra dns" in ran.err, "probably" in ran.out) == (0, True, True)
    assert json.loads(desk.run("provider", "of", "a@legalmail.it", "--json").out)["exchangers"] is None


def test_what_is_no_address_is_refused(desk: Desk) -> None:
    assert desk.run("provider", "of", "nessuno").status == 2
