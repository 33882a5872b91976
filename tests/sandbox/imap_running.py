"""The sandbox's IMAP server in a thread with a loop of its own: the clients that test it wait for their answers."""

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from imapclient import IMAPClient

from pec_tracker.clock import Clock
from pec_tracker.sandbox.imap import ImapFaults, serve_imap
from pec_tracker.sandbox.store import Account, Store

HOST: Final = "127.0.0.1"
ADDRESS: Final = "ufficio@pec.example.it"
LOGIN: Final = "ufficio"
PASSWORD: Final = 'se"gre\\to'
AT: Final = datetime(2026, 3, 1, 10, 30, tzinfo=UTC)

T = TypeVar("T")


@dataclass
class RunningImap:
    """A server under test. The store belongs to the server's loop: reach it by `call` only."""

    store: Store
    port: int
    loop: asyncio.AbstractEventLoop
    faults: ImapFaults = field(default_factory=ImapFaults)

    def call(self, act: Callable[[], T]) -> T:
        """What `act` gives back when run in the server's loop."""

        async def run() -> T:
            return act()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(timeout=60)

    def deliver(self, raw: bytes, *, folder: str = "INBOX", flags: tuple[str, ...] = ()) -> int:
        """Put a mail into the mailbox; its UID."""
        return self.call(lambda: self.store.deliver(ADDRESS, raw, folder=folder, flags=flags, internal_at=AT))

    def client(self, *, login: bool = True, patience: float = 20) -> IMAPClient:
        """A client in clear, logged in, that waits `patience` seconds for an answer."""
        client = IMAPClient(HOST, self.port, ssl=False, timeout=patience)
        if login:
            client.login(LOGIN, PASSWORD)
        return client


def account(quota_bytes: int = 1 << 30) -> Account:
    """The account under test."""
    return Account(ADDRESS, LOGIN, PASSWORD, quota_bytes)


@contextmanager
def running_imap(
    store: Store, *, ssl_context: ssl.SSLContext | None = None, starttls: bool = False
) -> Iterator[RunningImap]:
    """A server of `store` on a free port, stopped at the end."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    faults = ImapFaults()

    def wait_for(coroutine: Awaitable[T]) -> T:
        return asyncio.run_coroutine_threadsafe(_awaited(coroutine), loop).result(timeout=20)

    server = wait_for(
        serve_imap(store, host=HOST, port=0, ssl_context=ssl_context, starttls=starttls, clock=Clock(), faults=faults)
    )
    try:
        yield RunningImap(store, server.sockets[0].getsockname()[1], loop, faults)
    finally:
        wait_for(_stop(server))
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=20)
        loop.close()


async def _awaited(coroutine: Awaitable[T]) -> T:
    return await coroutine


async def _stop(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0.05)  # for the transports to close their sockets


@dataclass(frozen=True)
class TestCertificates:
    """A certificate authority as a file, and a server context with a certificate of its for 127.0.0.1."""

    __test__ = False
    authority: Path
    server: ssl.SSLContext


def make_certificates(folder: Path) -> TestCertificates:
    """Make an authority and a server certificate in `folder`."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    ca = _certificate(ca_name, ca_name, ca_key, ca_key, x509.BasicConstraints(ca=True, path_length=0))
    alternative = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address(HOST))])
    certificate = _certificate(name, ca_name, key, ca_key, alternative)
    authority, chain = folder / "ca.pem", folder / "server.pem"
    authority.write_bytes(ca.public_bytes(Encoding.PEM))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    chain.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return TestCertificates(authority, context)


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=30))
    return builder.add_extension(extension, critical=True).sign(issuer_key, hashes.SHA256())
