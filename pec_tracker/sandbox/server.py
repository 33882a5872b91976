"""Where is the sandbox? On localhost: SMTP, IMAP and providers in one thread, with one event loop and one clock.

    with Sandbox(SandboxSettings(folder)) as sandbox:
        ...  # send to sandbox.smtp_port, collect from sandbox.imap_port, trusting sandbox.ca_file
        sandbox.wait_until_quiet()

While it runs, `sandbox.json` in its folder tells other processes the same: ports, accounts with passwords, the clock.
"""

import asyncio
import json
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import structlog

from pec_tracker.clock import Clock
from pec_tracker.errors import NotFoundError, ServerError, UsageError
from pec_tracker.sandbox.access_point import Limits
from pec_tracker.sandbox.agenda import Agenda
from pec_tracker.sandbox.ca import Authority, write_private
from pec_tracker.sandbox.exchange import Exchange, Sent
from pec_tracker.sandbox.failures import Failures
from pec_tracker.sandbox.imap import serve_imap
from pec_tracker.sandbox.imap_faults import ImapFaults
from pec_tracker.sandbox.inject import Injection, Scene, injected, invented_transaction, letter_to
from pec_tracker.sandbox.layout import Office
from pec_tracker.sandbox.loop import LoopThread
from pec_tracker.sandbox.original import Letter
from pec_tracker.sandbox.plan import Offices
from pec_tracker.sandbox.providers import DEFAULT_ACCOUNTS, DEFAULT_PROVIDERS, Provider
from pec_tracker.sandbox.smtp import Desk, serve_smtp
from pec_tracker.sandbox.store import Account, Store

log = structlog.get_logger()

T = TypeVar("T")

DIRECTIONS = "sandbox.json"
_POLL_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """What to start, and where. Port 0 picks a free one; the last of `providers` serves every domain not claimed.

    `folder` keeps the CA and the mails from one run to the next. Given it, `seed` and `clock`, a run repeats.
    """

    folder: Path
    host: str = "127.0.0.1"
    smtp_port: int = 0
    smtp_starttls_port: int = 0
    imap_port: int = 0
    imap_starttls_port: int = 0
    accounts: Sequence[Account] = DEFAULT_ACCOUNTS
    providers: Sequence[Provider] = DEFAULT_PROVIDERS
    seed: int = 0
    clock: Clock = field(default_factory=Clock)
    limits: Limits = field(default_factory=Limits)


class Sandbox:
    """A PEC provider in a box. Every public method may be called from any thread.

    `failures` (SMTP, receipts) and `imap_faults` are the faults on demand.
    """

    def __init__(self, settings: SandboxSettings) -> None:
        settings.folder.mkdir(parents=True, exist_ok=True)
        self.settings = settings
        self.failures = Failures(settings.clock)
        self.imap_faults = ImapFaults()
        self._authority = Authority(settings.folder / "ca")
        self._offices = Offices([Office(one, self._authority.signer(one)) for one in settings.providers])
        self._store = Store(settings.folder / "mail")
        for account in settings.accounts:
            self._store.add_account(account)
        self._agenda = Agenda(settings.clock)
        self._exchange = self._new_exchange()
        self._ports: dict[str, int] = {}
        self._running: LoopThread | None = None
        self._injections = 0

    # Running

    def start(self) -> Self:
        """Open the ports and write `sandbox.json`. ServerError when a port is taken."""
        if self._running is not None:
            return self
        self._agenda = Agenda(self.clock)
        self._exchange = self._new_exchange()
        try:
            self._running = LoopThread(self._open)
        except OSError as error:
            raise ServerError(
                "the sandbox cannot listen on {host}: {reason}; choose other ports, or 0 for free ones",
                host=self.settings.host,
                reason=error.strerror or str(error),
            ) from error
        write_private(self.settings.folder / DIRECTIONS, json.dumps(self.directions(), indent=2).encode() + b"\n")
        log.info("sandbox.started", accounts=len(self._store.accounts()))
        return self

    def stop(self) -> None:
        """Close ports and connections. What was still to come is forgotten; mails and CA stay in the folder."""
        running, self._running = self._running, None
        if running is None:
            return
        running.stop()
        (self.settings.folder / DIRECTIONS).unlink(missing_ok=True)  # its ports lead nowhere now
        log.info("sandbox.stopped", sent=len(self._exchange.sent))

    def run_forever(self) -> None:
        """Serve until interrupted; KeyboardInterrupt passes through once everything is closed."""
        running = self.start()._running
        try:
            while running is not None and running.wait(0.5):
                pass  # in pieces: a wait without end cannot be interrupted on Windows
        finally:
            self.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # Where it is

    @property
    def smtp_port(self) -> int:
        """SMTP submission, TLS from the first byte."""
        return self._ports["smtp_port"]

    @property
    def smtp_starttls_port(self) -> int:
        """SMTP submission, STARTTLS required."""
        return self._ports["smtp_starttls_port"]

    @property
    def imap_port(self) -> int:
        """IMAP, TLS from the first byte."""
        return self._ports["imap_port"]

    @property
    def imap_starttls_port(self) -> int:
        """IMAP, STARTTLS required."""
        return self._ports["imap_starttls_port"]

    @property
    def ca_file(self) -> Path:
        """The root certificate (PEM) of receipts and servers alike: to be trusted by name, in tests only."""
        return self._authority.ca_file

    @property
    def clock(self) -> Clock:
        """The clock that dates everything here."""
        return self.settings.clock

    def directions(self) -> dict[str, Any]:
        """What `sandbox.json` holds: ports, CA file, accounts with passwords, providers, the clock's three values."""
        clock = self.settings.clock
        return {
            "schema": 1,
            "host": self.settings.host,
            **self._ports,
            "ca_file": str(self.ca_file.resolve()),
            "accounts": [asdict(account) for account in self._store.accounts()],
            "providers": [asdict(provider) for provider in self.settings.providers],
            "seed": self.settings.seed,
            "clock": {
                "started": clock.started.isoformat(),
                "origin": clock.origin.isoformat(),
                "factor": clock.factor,
            },
        }

    # What is in it

    @property
    def sent(self) -> list[Sent]:
        """Every message that SMTP took since the start, in order, refused ones included."""
        return self._in_loop(lambda: list(self._exchange.sent))

    @property
    def pending(self) -> int:
        """How many mails are still to come."""
        return self._in_loop(lambda: len(self._agenda))

    def wait_until_quiet(self, timeout: float = 30.0) -> None:
        """Return when nothing is to come any more. ServerError after *timeout* real seconds."""
        end = time.monotonic() + timeout
        while self.pending:
            if time.monotonic() > end:
                raise ServerError("the sandbox still has {count} mails to come; wait longer", count=self.pending)
            time.sleep(_POLL_SECONDS)

    def mails(self, address: str, folder: str = "INBOX") -> list[bytes]:
        """The mails in a folder, in the order of their UIDs. NotFoundError."""

        def read() -> list[bytes]:
            found = self._store.mailbox(address).folder(folder)
            if found is None:
                raise NotFoundError("the sandbox has no folder {name}; create it first", name=folder)
            return [mail.raw() for mail in found.mails.values()]

        return self._in_loop(read)

    def add_account(self, account: Account) -> None:
        """Offer one more mailbox."""
        self._in_loop(lambda: self._store.add_account(account))

    def deliver(
        self,
        address: str,
        raw: bytes,
        *,
        folder: str = "INBOX",
        flags: Sequence[str] = (),
        internal_at: datetime | None = None,
    ) -> int:
        """Put any bytes into a mailbox; the UID. NotFoundError, StoreFull."""
        at = internal_at or self.clock.now()
        return self._in_loop(lambda: self._store.deliver(address, raw, folder=folder, flags=flags, internal_at=at))

    def roll_back(self, address: str, *, folder: str = "INBOX", to_uid: int) -> None:
        """The provider restores its server: what came after *to_uid* is gone, and its UIDs are given anew."""

        def restore() -> None:
            found = self._store.mailbox(address).folder(folder)
            if found is None:
                raise NotFoundError("the sandbox has no folder {name}; create it first", name=folder)
            found.remove([uid for uid in found.mails if uid > to_uid])
            found.next_uid = to_uid + 1

        self._in_loop(restore)

    def inject(
        self,
        kind: Injection | str,
        *,
        mailbox: str | None = None,
        about: Sent | None = None,
        recipient: str | None = None,
        letter: bytes | None = None,
        folder: str = "INBOX",
    ) -> int:
        """Put a mail of *kind* into *mailbox* (default: the sender's of *about*); the UID.

        *about* is the message that a receipt or a reply refers to (default: the newest sent from the mailbox, or an
        invented one); *recipient* one of its addressees (default: the first); *letter* what the correspondent writes,
        where the kind has one. UsageError for an unknown kind or recipient.
        """
        made = self._in_loop(lambda: self._injected(kind, mailbox=mailbox, about=about, to=recipient, letter=letter))
        return self.deliver(made[0], made[1], folder=folder)

    def _injected(
        self, kind: str, *, mailbox: str | None, about: Sent | None, to: str | None, letter: bytes | None
    ) -> tuple[str, bytes]:
        """The mailbox, and the mail."""
        if kind not in set(Injection):
            raise UsageError(
                "{kind} is nothing to inject; choose one of {kinds}", kind=kind, kinds=", ".join(Injection)
            )
        about = about or self._newest_from(mailbox)
        mailbox = mailbox or (about.submission.mail_from if about else self._store.accounts()[0].address)
        at = self.clock.now().replace(microsecond=0)
        transaction = about.transaction if about else invented_transaction(mailbox, at=at)
        recipients = {one.address.lower(): one for one in transaction.recipients}
        if to is not None and to.lower() not in recipients:
            raise UsageError("{recipient} is no recipient of that message; choose one of its own", recipient=to)
        self._injections += 1
        written = letter_to(mailbox, subject="Una lettera", text="Buongiorno.", at=at, number=self._injections)
        scene = Scene(
            about=transaction,
            mailbox=mailbox,
            recipient=recipients[to.lower()] if to else transaction.recipients[0],
            letter=written if letter is None else Letter.read(letter),
            at=at,
            number=self._injections,
            offices=self._offices,
            authority=self._authority,
        )
        return mailbox, injected(Injection(kind), scene)

    def _newest_from(self, mailbox: str | None) -> Sent | None:
        return next(
            (
                sent
                for sent in reversed(self._exchange.sent)
                if mailbox is None or sent.submission.mail_from.lower() == mailbox.lower()
            ),
            None,
        )

    # Inside

    def _new_exchange(self) -> Exchange:
        return Exchange(
            store=self._store,
            agenda=self._agenda,
            offices=self._offices,
            failures=self.failures,
            seed=self.settings.seed,
            limits=self.settings.limits,
        )

    async def _open(self) -> list[Callable[[], object]]:
        settings, context = self.settings, self._authority.server_context()
        self._agenda_task = asyncio.create_task(self._agenda.run())
        desk = Desk(store=self._store, exchange=self._exchange, failures=self.failures, clock=settings.clock)
        servers: list[asyncio.Server] = []
        try:
            await self._listen(servers, desk, context)
        except OSError:
            for server in servers:
                server.close()
            self._agenda_task.cancel()
            raise
        names = ("smtp_port", "smtp_starttls_port", "imap_port", "imap_starttls_port")
        self._ports = {name: server.sockets[0].getsockname()[1] for name, server in zip(names, servers, strict=True)}
        return [*(server.close for server in servers), desk.hang_up]

    async def _listen(self, servers: list[asyncio.Server], desk: Desk, context: ssl.SSLContext) -> None:
        """All four, in the order of their names in `_open`; those opened before one fails are in *servers*."""
        settings = self.settings
        servers += await serve_smtp(
            desk,
            host=settings.host,
            port=settings.smtp_port,
            starttls_port=settings.smtp_starttls_port,
            context=context,
        )
        for port, starttls in ((settings.imap_port, False), (settings.imap_starttls_port, True)):
            servers.append(
                await serve_imap(
                    self._store,
                    host=settings.host,
                    port=port,
                    ssl_context=context,
                    starttls=starttls,
                    clock=settings.clock,
                    faults=self.imap_faults,
                )
            )

    def _in_loop(self, act: Callable[[], T]) -> T:
        """The result of *act* in the sandbox's thread; before the start and after the stop, in the caller's."""
        return act() if self._running is None else self._running.call(act)
