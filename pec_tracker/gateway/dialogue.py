"""What is said to a mail program that hands over a message? SMTP submission (RFC 6409), and a rule's refusal in words.

250 is said once the message is in the archive and in the outbox, never before: what was said 250 to is sent.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import structlog
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from pec_tracker.answers import gateway as answers
from pec_tracker.askers import Asker
from pec_tracker.errors import PecTrackerError
from pec_tracker.gateway.guard import Guard
from pec_tracker.pec.address import is_valid
from pec_tracker.pec.evidence import address_key
from pec_tracker.pec.headers import headers_of
from pec_tracker.pec.relay import Handed
from pec_tracker.service.house import Account, House
from pec_tracker.service.sending.relay import IdTakenError, note_refusal, relay
from pec_tracker.service.sending.send import RefusedByRulesError

log = structlog.get_logger()

LONGEST_LINE: Final = 1024 * 1024  # bytes; a rule says from where on a line is too long
MOST_RECIPIENTS: Final = 1_000  # of one message; the provider's limit is told of at its end
PATIENCE_SECONDS: Final = 300.0  # for a command, and for the whole of a message (RFC 5321 4.5.3.2.7)

# aiosmtpd writes every command, addresses included, at INFO.
logging.getLogger("mail.log").setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class GatewayLogin:
    """A login of the gateway: whose mailbox it writes from. `password` reads the secret when it is asked for."""

    name: str
    asker: Asker
    account: Account
    password: Callable[[], str]
    split: bool = False  # a message to many becomes one letter for each


class Desk:
    """The handler of aiosmtpd: decides what is answered to each verb. Its `handle_*` names are that library's."""

    def __init__(
        self, house: House, logins: Mapping[str, GatewayLogin], *, same_within: timedelta, guard: Guard, hands: Executor
    ) -> None:
        self.guard = guard
        self.dialogues: set[Dialogue] = set()
        self._at_work: set[asyncio.Future[str]] = set()
        self._house = house
        self._logins = logins
        self._same_within = same_within
        self._hands = hands

    async def end(self, seconds: float) -> None:
        """Let what is in hand end within *seconds*, and its reply go out; then end every connection."""
        if self._at_work:
            await asyncio.wait(self._at_work, timeout=seconds)
            await asyncio.sleep(0)
        for dialogue in list(self.dialogues):
            dialogue.hang_up()

    def login(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any) -> AuthResult:
        """Compare user name and password; refused by 535, without saying which of the two was wrong."""
        login = self._login_of(given)
        if login is None:
            self.guard.failed(peer_of(session))
            log.warning("gateway.login-refused", peer=peer_of(session))
        return AuthResult(success=login is not None, handled=False, auth_data=login)

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        login = _login(session)
        if address_key(address) != address_key(login.account.address):
            return await self._refused(login, "", answers.sender_reply(address))
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Ok"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if not is_valid(address):
            return await self._refused(_login(session), "", answers.recipient_reply(address))
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return "452 4.5.3 Error: too many recipients"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """After the final dot."""
        login = _login(session)
        handed = Handed(str(envelope.mail_from), tuple(envelope.rcpt_tos), bytes(envelope.original_content or b""))
        return await self._in_hand(self._take, login, handed)

    async def handle_exception(self, error: Exception) -> str:
        """aiosmtpd asks here what to answer when a command failed within the server."""
        log.error("gateway.failed", exc_info=error)
        return answers.unexpected_reply()

    def _take(self, login: GatewayLogin, handed: Handed) -> str:
        try:
            taken = relay(
                login.asker, self._house, login.account, handed, split=login.split, same_within=self._same_within
            )
        except RefusedByRulesError as error:
            first = next(one for one in error.findings if one.severity == "refuse")
            return self._told(login, _subject(handed), answers.rule_reply(first))
        except IdTakenError as error:
            return self._told(login, _subject(handed), answers.id_reply(error))
        except PecTrackerError as error:
            log.error("gateway.not-taken", login=login.name, error=type(error).__name__)
            return answers.error_reply(error)
        log.info("gateway.taken", login=login.name, messages=[one.key for one in taken])
        return answers.taken_reply([one.key for one in taken], known=all(one.known for one in taken))

    async def _refused(self, login: GatewayLogin, subject: str, reply: str) -> str:
        return await self._in_hand(self._told, login, subject, reply)

    def _told(self, login: GatewayLogin, subject: str, reply: str) -> str:
        """The reply; the house knows of it too, because the program that gets it may show a bare code."""
        log.warning("gateway.refused", login=login.name, reply=reply)
        try:
            note_refusal(login.asker, self._house, login.account, login=login.name, subject=subject, reply=reply)
        except PecTrackerError as error:
            log.error("gateway.refusal-unnoted", error=type(error).__name__)
        return reply

    async def _in_hand(self, act: Callable[..., str], *arguments: Any) -> str:
        """Archive and database are waited for outside of the dialogues' thread."""
        work = asyncio.get_running_loop().run_in_executor(self._hands, act, *arguments)
        self._at_work.add(work)
        work.add_done_callback(self._at_work.discard)
        # A program that hangs up ends its dialogue, not what was begun for it.
        return await asyncio.shield(work)

    def _login_of(self, given: Any) -> GatewayLogin | None:
        if not isinstance(given, LoginPassword):
            return None
        login = self._logins.get(given.login.decode("utf-8", "replace"))
        known = self.guard.same(given.password, b"" if login is None else login.password().encode())
        return login if known else None


class Dialogue(SMTP):
    """One connection: aiosmtpd's, with login over TLS from the first byte, and a place in the guard's count."""

    line_length_limit = LONGEST_LINE

    def __init__(self, desk: Desk, *, hostname: str, size: int, starttls: ssl.SSLContext | None = None) -> None:
        super().__init__(
            desk,
            hostname=hostname,
            ident=answers.greeting(),
            data_size_limit=size,
            tls_context=starttls,
            require_starttls=starttls is not None,
            timeout=PATIENCE_SECONDS,
            auth_required=True,
            authenticator=desk.login,
        )
        if starttls is None:
            # aiosmtpd knows of encryption by STARTTLS only: here it was there before SMTP began, or the address is a
            # loopback one. Its own argument for this warns of an insecurity that is not there.
            self._auth_require_tls = False
        self._desk = desk
        self._counted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it; one too many is told so and let go. STARTTLS makes the same connection once more."""
        if not self._counted:
            refusal = self._desk.guard.enter(_address(transport))
            if refusal is not None:
                assert isinstance(transport, asyncio.WriteTransport)
                transport.write(f"{refusal}\r\n".encode())
                transport.close()
                return
            self._counted = True
            self._desk.dialogues.add(self)
        super().connection_made(transport)

    def eof_received(self) -> bool | None:
        """The program has hung up; nobody was let in where it was one too many."""
        return super().eof_received() if self._counted else None

    def connection_lost(self, error: Exception | None) -> None:
        """Give its place back."""
        if self._counted:
            self._counted = False
            self._desk.guard.leave()
            self._desk.dialogues.discard(self)
            super().connection_lost(error)

    async def smtp_AUTH(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
        """Who guessed too often is let go before another guess is looked at."""
        if self._desk.guard.locked(peer_of(self.session)):
            await self.push(answers.locked_reply())
            self.hang_up()
        else:
            await super().smtp_AUTH(arg)

    def hang_up(self) -> None:
        """End the connection once what was said is out."""
        if self.transport is not None:
            self.transport.close()


def peer_of(session: Session | None) -> str:
    """The address that a connection comes from."""
    peer = None if session is None else session.peer
    return str(peer[0]) if isinstance(peer, tuple) and peer else "-"


def _address(transport: asyncio.BaseTransport) -> str:
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple) and peer else "-"


def _login(session: Session) -> GatewayLogin:
    login = session.auth_data
    assert isinstance(login, GatewayLogin)  # what `login` gave: aiosmtpd lets nobody else come so far
    return login


def _subject(handed: Handed) -> str:
    headers = headers_of(handed.raw)
    return (headers.subject if headers is not None else None) or ""
