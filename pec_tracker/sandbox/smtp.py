"""How does a client hand a message over? SMTP submission with login, as a PEC provider's server answers.

Refused in the dialogue itself, as real providers do: a login (535), a sender address that is not the login's own
(553 5.7.1, seen: Aruba), a malformed recipient (501), too many of them (452), a message far too large (552). Everything
else is taken, and answered by a receipt or a notice.
"""

import asyncio
import logging
import secrets
import ssl
from typing import Any, NoReturn

import structlog
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from pec_tracker.clock import Clock
from pec_tracker.sandbox.access_point import valid_address
from pec_tracker.sandbox.exchange import Exchange
from pec_tracker.sandbox.failures import Failures, Moment, Verb
from pec_tracker.sandbox.plan import Submission
from pec_tracker.sandbox.store import Account, Store

log = structlog.get_logger()

IDENT = "PEC sandbox"
_HALF_A_BODY = 1024  # how much of a message is read before a cut in its middle

# aiosmtpd writes every command, addresses included, at INFO.
logging.getLogger("mail.log").setLevel(logging.ERROR)


async def serve_smtp(
    desk: "Desk", *, host: str, port: int, starttls_port: int, context: ssl.SSLContext
) -> tuple[asyncio.Server, asyncio.Server]:
    """Listen twice: TLS from the first byte on *port*, STARTTLS (required) on *starttls_port*; 0 picks a free one."""
    loop = asyncio.get_running_loop()
    implicit = await loop.create_server(lambda: _Dialogue(desk), host, port, ssl=context)
    upgraded = await loop.create_server(lambda: _Dialogue(desk, starttls=context), host, starttls_port)
    return implicit, upgraded


class Desk:
    """The handler of aiosmtpd: decides what is answered to each verb. Its `handle_*` names are that library's."""

    def __init__(self, *, store: Store, exchange: Exchange, failures: Failures, clock: Clock) -> None:
        self.exchange = exchange
        self.failures = failures
        self.dialogues: set[SMTP] = set()
        self._store = store
        self._clock = clock

    def hang_up(self) -> None:
        """End every connection at once: closing TLS politely takes a client that answers."""
        for dialogue in list(self.dialogues):
            _abort(dialogue)

    def login(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any) -> AuthResult:
        """Compare user name and password; refused by 535, without saying which of the two was wrong."""
        account = self._account_of(given)
        return AuthResult(success=account is not None, handled=False, auth_data=account)

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.failures.take(Moment.BEFORE_MAIL):
            await cut(server)
        refusal = await self.fault_at(Verb.MAIL)
        if refusal is not None:
            return refusal
        account = session.auth_data
        assert isinstance(account, Account)  # what `login` gave
        if address.lower() != account.address.lower():
            return f"553 5.7.1 <{address}>: Sender address rejected: not owned by user {account.login}"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Ok"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        refusal = await self.fault_at(Verb.RCPT)
        if refusal is not None:
            return refusal
        if not valid_address(address):
            return "501 5.1.3 Bad recipient address syntax"
        if len(envelope.rcpt_tos) >= self.exchange.limits.recipients:
            return "452 4.5.3 Error: too many recipients"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 Ok"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """After the final dot."""
        if self.failures.take(Moment.AFTER_DOT_LOST):
            await cut(server)
        refusal = await self.fault_at(Verb.DOT)
        if refusal is not None:
            return refusal
        self.exchange.submit(
            Submission(
                mail_from=str(envelope.mail_from),
                rcpt_to=tuple(envelope.rcpt_tos),
                raw=bytes(envelope.original_content or b""),
                at=self._clock.now(),
            )
        )
        if self.failures.take(Moment.AFTER_DOT_KEPT):
            await cut(server)
        return f"250 2.0.0 Ok: queued as {len(self.exchange.sent):08X}"

    async def handle_exception(self, error: Exception) -> str:
        """aiosmtpd asks here what to answer when a command failed within the server."""
        log.error("sandbox.smtp_failed", exc_info=error)
        return "451 4.3.0 Error: the sandbox failed on this command"

    async def fault_at(self, verb: Verb) -> str | None:
        """The reply that a fault puts in place of the usual one; None after no more than a delay."""
        fault = self.failures.take(verb)
        if fault is None:
            return None
        if fault.seconds:
            await asyncio.sleep(fault.seconds)
        return fault.reply

    def _account_of(self, given: Any) -> Account | None:
        if not isinstance(given, LoginPassword):
            return None
        account = self._store.account_for_login(given.login.decode("utf-8", "replace"))
        if account is None or not secrets.compare_digest(given.password, account.password.encode()):
            return None
        return account


class _Dialogue(SMTP):
    """One connection. Adds to aiosmtpd: login over TLS from the first byte, and faults around DATA."""

    def __init__(self, desk: Desk, *, starttls: ssl.SSLContext | None = None) -> None:
        super().__init__(
            desk,
            hostname="localhost",
            ident=IDENT,
            data_size_limit=desk.exchange.limits.message_bytes,
            tls_context=starttls,
            require_starttls=starttls is not None,
            auth_required=True,
            authenticator=desk.login,
        )
        self._desk = desk
        self._login_refusal: str | None = None
        if starttls is None:
            # aiosmtpd knows of encryption by STARTTLS only: here it was there before SMTP began. Its own argument for
            # this warns of an insecurity that is not there.
            self._auth_require_tls = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._desk.dialogues.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._desk.dialogues.discard(self)
        super().connection_lost(error)

    async def smtp_AUTH(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
        """Faults of the login come before the credentials are looked at.

        A refusal lasts for the connection: clients try one mechanism after the other (smtplib does).
        """
        self._login_refusal = self._login_refusal or await self._desk.fault_at(Verb.LOGIN)
        if self._login_refusal is not None:
            await self.push(self._login_refusal)
        else:
            await super().smtp_AUTH(arg)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
        """Faults that come before the message is whole; then aiosmtpd's own."""
        failures = self._desk.failures
        if failures.take(Moment.AFTER_RCPT):
            await cut(self)
        refusal = await self._desk.fault_at(Verb.DATA)
        if refusal is not None:
            await self.push(refusal)
        elif failures.take(Moment.MID_DATA):
            await self.push("354 End data with <CR><LF>.<CR><LF>")
            await self._reader.read(_HALF_A_BODY)
            await cut(self)
        else:
            await super().smtp_DATA(arg)


async def cut(server: SMTP) -> NoReturn:
    """Drop the connection without a word; the dialogue's task ends here, cancelled when the loss is noticed."""
    _abort(server)
    await asyncio.Event().wait()
    raise AssertionError("an event that nobody sets was set")


def _abort(dialogue: SMTP) -> None:
    transport = dialogue.transport
    if transport is not None:
        assert isinstance(transport, asyncio.WriteTransport)  # TLS or not, what a stream protocol is given
        transport.abort()
