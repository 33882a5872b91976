"""Did the message leave? Submits one message at a time, so that the answer is never a guess.

The final dot is the point of no return: before it nothing has been sent, after it only the server's reply tells.
`Submitter.submit` therefore drives DATA itself and calls `before_final_dot` right before the dot: the caller commits
the attempt there, so that a crash afterwards leaves an open attempt and never a second sending.
"""

import re
import socket
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

import structlog
from aiosmtplib.response import SMTPResponse

from pec_tracker import crash
from pec_tracker.errors import LoginRefusedError, PecTrackerError, RuleError, ServerError
from pec_tracker.wire.endpoint import Endpoint, Login
from pec_tracker.wire.loop_thread import LoopThread
from pec_tracker.wire.probe import Probe
from pec_tracker.wire.reach import lost, unreachable
from pec_tracker.wire.smtp_reply import SendOutcome, SendResult, judged, lost_at
from pec_tracker.wire.smtp_session import SmtpBrokenError, SmtpSession
from pec_tracker.wire.tls import client_context

__all__ = ["SendOutcome", "SendResult", "Submitter", "probe_smtp"]

T = TypeVar("T")

log = structlog.get_logger()

_NOT_AN_ADDRESS = re.compile(r"[^\x21-\x7e]|[<>]")


class Submitter:
    """One mailbox's way out: a connection that is opened when needed, reused, and reopened when it was lost.

    A context manager; used from one thread at a time, except `close`, which may come from another and ends a
    submission that is under way (its outcome is then what the stage says).
    """

    def __init__(self, endpoint: Endpoint, login: Login) -> None:
        self._endpoint = endpoint
        self._login = login
        self._loop: LoopThread | None = None
        self._session: SmtpSession | None = None
        self._stage = "connect"
        self._busy = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def connect(self) -> None:
        """Connect, encrypt, log in; nothing to do when that is so already.

        Raises LoginRefusedError (don't try again by yourself), TlsError, ServerError.
        """
        if self._session is not None and self._session.alive:
            return
        self._drop()
        self._stage = "connect"
        context = client_context(self._endpoint)
        loop = self._loop = self._loop or LoopThread("smtp")
        try:
            sock = socket.create_connection((self._endpoint.host, self._endpoint.port), self._endpoint.timeout)
        except (OSError, UnicodeError) as error:  # a label that IDNA can't encode is a UnicodeError
            raise unreachable(self._endpoint, error) from error
        self._stage = "tls"
        try:
            self._session = loop.run(SmtpSession.greeted(self._endpoint, sock, context))
            self._stage = "login"
            loop.run(self._session.log_in(self._login))
        except ConnectionAbortedError as error:
            raise lost(self._endpoint, error) from error
        except BaseException:
            self._drop()
            raise
        log.debug("smtp.connected", host=self._endpoint.host, port=self._endpoint.port)

    def submit(
        self, *, mail_from: str, rcpt_to: Sequence[str], raw: bytes, before_final_dot: Callable[[], None]
    ) -> SendResult:
        """Hand `raw` (CRLF line ends, sent as it is) to the server for all of `rcpt_to`, or for none.

        `before_final_dot` is called once, in this thread, when everything but the final dot has been sent; if it
        raises, the connection is dropped, nothing has been sent, and its exception propagates. A server that cannot
        be reached is a DEFERRED result; a refused login raises LoginRefusedError: no further message can go.
        """
        refusal = unsendable(mail_from=mail_from, rcpt_to=rcpt_to, raw=raw)
        if refusal is not None:
            return refusal
        try:
            self._make_ready()
        except LoginRefusedError:
            raise
        except ServerError as error:
            return lost_at(self._stage, error)
        try:
            session = self._connected()
            self._busy = True
            result = self._offer(session, mail_from, rcpt_to, raw) or self._deliver(session, raw, before_final_dot)
        except SmtpBrokenError as broken:
            self._drop()
            result = lost_at(self._stage, broken.problem)
        except BaseException:
            self._drop()
            raise
        finally:
            self._busy = False
        log.debug("smtp.submitted", outcome=result.outcome, stage=result.stage, code=result.code)
        return result

    def close(self) -> None:
        """Say goodbye and end the connection and its thread; harmless when repeated."""
        session, self._session = self._session, None
        loop, self._loop = self._loop, None
        if loop is None:
            return
        try:
            if session is not None:  # in the middle of a message, a goodbye would become part of it
                loop.run(session.drop() if self._busy else session.quit())
        finally:
            loop.close()

    def facts(self) -> tuple[tuple[str, str], ...]:
        """What the connected server told about itself, as in `Probe.facts`."""
        if self._session is None:
            return ()
        limit = self._session.offers("size")
        size = (("size_limit", limit),) if limit else ()
        told = (("extensions", self._session.extensions), ("greeting", self._session.greeting))
        return (("tls", self._session.tls_version), *size, *told)

    @property
    def stage(self) -> str:
        """How far the last call came: connect, tls, login, mail, rcpt, data, body, dot or reply."""
        return self._stage

    def _make_ready(self) -> None:
        """A connection with no message begun on it; one that the server closed while idle is opened again."""
        self._stage = "connect"
        if self._session is not None and self._session.alive:
            with suppress(SmtpBrokenError):  # servers close idle connections: that is no fault
                if self._wait(self._session.say(b"RSET")).code == 250:
                    return
            self._drop()
        self.connect()

    def _connected(self) -> SmtpSession:
        if self._session is None:
            raise SmtpBrokenError(lost(self._endpoint))
        return self._session

    def _offer(self, session: SmtpSession, mail_from: str, rcpt_to: Sequence[str], raw: bytes) -> SendResult | None:
        """Sender, recipients and DATA: None when the server waits for the body, else why not."""
        options = [f"SIZE={len(raw)}".encode()] if session.offers("size") is not None else []
        if not raw.isascii():
            if session.offers("8bitmime") is None:
                error = RuleError("the server takes no 8-bit mail, and a signed message cannot be re-encoded")
                return _refused("mail", error)
            options.append(b"BODY=8BITMIME")
        crash.at("smtp.before-mail")
        self._stage = "mail"
        reply = self._wait(session.say(b"MAIL", f"FROM:<{mail_from}>".encode(), *options))
        if not 200 <= reply.code <= 299:
            return self._turned_down(session, reply)
        self._stage = "rcpt"
        for recipient in rcpt_to:
            reply = self._wait(session.say(b"RCPT", f"TO:<{recipient}>".encode()))
            if not 200 <= reply.code <= 299:
                return self._turned_down(session, reply, recipient=recipient)
        crash.at("smtp.after-rcpt")
        self._stage = "data"
        reply = self._wait(session.say(b"DATA"))
        return None if reply.code == 354 else self._turned_down(session, reply)

    def _deliver(self, session: SmtpSession, raw: bytes, before_final_dot: Callable[[], None]) -> SendResult:
        """The body, the caller's commit, the final dot, the reply."""
        self._stage = "body"
        early = self._wait(session.send_body(raw))
        if early is None:
            crash.at("smtp.before-dot")
            before_final_dot()
            early = self._wait(session.early_reply())
        if early is not None:
            self._drop()  # the server would take the rest of the body for commands
            return judged(stage="body", code=early.code, text=early.message)
        self._wait(session.write_dot())
        self._stage = "dot"
        crash.at("smtp.after-dot")
        reply = self._wait(session.final_reply())
        self._stage = "reply"
        crash.at("smtp.after-reply")
        return judged(stage="reply", code=reply.code, text=reply.message)

    def _turned_down(self, session: SmtpSession, reply: SMTPResponse, *, recipient: str | None = None) -> SendResult:
        """The result of a command that was not taken; the message begun is taken back."""
        result = judged(stage=self._stage, code=reply.code, text=reply.message, recipient=recipient)
        try:
            if not 400 <= reply.code <= 599 or self._wait(session.say(b"RSET")).code != 250:
                self._drop()
        except SmtpBrokenError:
            self._drop()
        return result

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        loop = self._loop
        if loop is None:
            work.close()
            raise SmtpBrokenError(lost(self._endpoint))
        try:
            return loop.run(work)
        except ConnectionAbortedError as error:  # `close` was called from another thread
            raise SmtpBrokenError(lost(self._endpoint)) from error

    def _drop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            with suppress(SmtpBrokenError):
                self._wait(session.drop())


def unsendable(*, mail_from: str, rcpt_to: Sequence[str], raw: bytes) -> SendResult | None:
    """Why these must not go on the wire at all, None when they may: nothing here would survive it unchanged.

    A bare CR or LF lets one server see two messages where another sees one (RFC 5321 2.3.8).
    """
    ends = raw.count(b"\r\n")
    if raw.count(b"\n") != ends or raw.count(b"\r") != ends:
        return _refused("body", RuleError("the message has a line end that is not CR LF; it was not sent"))
    if not raw.endswith(b"\r\n"):
        return _refused("body", RuleError("the message does not end with CR LF; it was not sent"))
    if not mail_from or _NOT_AN_ADDRESS.search(mail_from):
        return _refused("mail", RuleError("the sender's address cannot be written in SMTP; nothing was sent"))
    if not rcpt_to:
        return _refused("rcpt", RuleError("the message has no recipient; it was not sent"))
    for recipient in rcpt_to:
        if not recipient or _NOT_AN_ADDRESS.search(recipient):
            error = RuleError("a recipient's address cannot be written in SMTP; nothing was sent")
            return _refused("rcpt", error, recipient)
    return None


def probe_smtp(endpoint: Endpoint, login: Login) -> Probe:
    """Connect, encrypt and log in once, send nothing, and say what was seen or what is wrong and what to do."""
    with Submitter(endpoint, login) as submitter:
        try:
            submitter.connect()
            return Probe(stage="ready", facts=submitter.facts())
        except PecTrackerError as error:
            return Probe(stage=submitter.stage, error=error)


def _refused(stage: str, problem: PecTrackerError, recipient: str | None = None) -> SendResult:
    return SendResult(
        outcome=SendOutcome.REFUSED, code=None, reply="", stage=stage, recipient=recipient, problem=problem
    )
