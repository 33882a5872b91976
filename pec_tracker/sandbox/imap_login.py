"""Who is there? The commands of any state, and those that encrypt and log in (RFC 3501 6.1, 6.2)."""

import base64
import binascii
from typing import Final

from pec_tracker.sandbox.imap_grammar import BadCommandError, Cursor
from pec_tracker.sandbox.imap_session import RefusedError, Session
from pec_tracker.sandbox.imap_wire import ClosedError

LOGIN_REFUSED: Final = "[AUTHENTICATIONFAILED] wrong user name or password"


async def capability(session: Session, arguments: Cursor) -> str:
    """CAPABILITY"""
    arguments.end()
    session.wire.line(f"* CAPABILITY {session.capabilities()}")
    return "done"


async def noop(session: Session, arguments: Cursor) -> str:
    """NOOP: what changed is told with every answer."""
    arguments.end()
    return "done"


async def identify(session: Session, arguments: Cursor) -> str:
    """ID (RFC 2971): what the client says of itself is of no use here."""
    session.wire.line('* ID ("name" "pec-tracker sandbox")')
    return "done"


async def enable(session: Session, arguments: Cursor) -> str:
    """ENABLE (RFC 5161): there is nothing to enable."""
    session.wire.line("* ENABLED")
    return "done"


async def logout(session: Session, arguments: Cursor) -> str:
    """LOGOUT"""
    arguments.end()
    session.wire.line("* BYE logging out")
    session.afterwards = _leave
    return "done"


async def starttls(session: Session, arguments: Cursor) -> str:
    """STARTTLS: the handshake follows the answer."""
    arguments.end()
    context = session.encryption.context
    if context is None or not session.must_encrypt:
        raise BadCommandError("already encrypted, or no encryption to be had")

    async def handshake() -> None:
        await session.wire.start_tls(context)
        session.encrypted = True

    session.afterwards = handshake
    return "begin the handshake"


async def login(session: Session, arguments: Cursor) -> str:
    """LOGIN"""
    user = arguments.astring()
    arguments.space()
    password = arguments.astring()
    arguments.end()
    return _enter(session, user, password)


async def authenticate(session: Session, arguments: Cursor) -> str:
    """AUTHENTICATE PLAIN, its answer in the command (SASL-IR, RFC 4959) or asked for."""
    if arguments.atom() != "PLAIN":
        raise RefusedError("[CANNOT] only PLAIN is spoken here")
    if arguments.at_end():
        await session.wire.ask_for_more()
        answer = await session.wire.read_line()
    else:
        arguments.space()
        answer = arguments.command[arguments.at :]
    try:
        _, user, password = base64.b64decode(answer, validate=True).split(b"\0")
    except (binascii.Error, ValueError) as error:
        raise BadCommandError("not an answer of PLAIN") from error
    return _enter(session, user, password)


def _enter(session: Session, user: bytes, password: bytes) -> str:
    if session.must_encrypt:
        raise RefusedError("[PRIVACYREQUIRED] begin with STARTTLS")
    if session.address is not None:
        raise BadCommandError("logged in already")
    account = session.store.account_for_login(user.decode("utf-8", "replace"))
    if session.faults.refuse_login or account is None or account.password.encode() != password:
        raise RefusedError(LOGIN_REFUSED)
    session.address = account.address
    return f"[CAPABILITY {session.capabilities()}] logged in"


async def _leave() -> None:
    raise ClosedError
