"""How does a mail program read the sandbox's mailboxes? Over IMAP4rev1, served here: connections and commands.

One connection: greeting, then a command at a time, each read whole, obeyed by the function that bears its name in
`imap_login`, `imap_folders` or `imap_mails`, and answered: OK, NO (it cannot be), or BAD (it makes no sense).
"""

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from pec_tracker.clock import Clock
from pec_tracker.sandbox import imap_folders, imap_login, imap_mails
from pec_tracker.sandbox.imap_faults import ImapFaults
from pec_tracker.sandbox.imap_grammar import BadCommandError, Cursor
from pec_tracker.sandbox.imap_session import Encryption, RefusedError, Session
from pec_tracker.sandbox.imap_wire import MAX_LINE, ClosedError, Wire
from pec_tracker.sandbox.store import Store

__all__ = ["ImapFaults", "serve_imap"]

Command = Callable[[Session, Cursor], Awaitable[str]]

ANYONE: Final[dict[str, Command]] = {
    "CAPABILITY": imap_login.capability,
    "NOOP": imap_login.noop,
    "LOGOUT": imap_login.logout,
    "ID": imap_login.identify,
    "STARTTLS": imap_login.starttls,
    "LOGIN": imap_login.login,
    "AUTHENTICATE": imap_login.authenticate,
}
LOGGED_IN: Final[dict[str, Command]] = {
    "ENABLE": imap_login.enable,
    "SELECT": imap_folders.select,
    "EXAMINE": imap_folders.examine,
    "CREATE": imap_folders.create,
    "DELETE": imap_folders.delete,
    "RENAME": imap_folders.rename,
    "SUBSCRIBE": imap_folders.subscribe,
    "UNSUBSCRIBE": imap_folders.unsubscribe,
    "LIST": imap_folders.list_folders,
    "LSUB": imap_folders.list_subscribed,
    "NAMESPACE": imap_folders.namespace,
    "STATUS": imap_folders.status,
    "GETQUOTAROOT": imap_folders.get_quota_root,
    "GETQUOTA": imap_folders.get_quota,
    "APPEND": imap_mails.append,
    "IDLE": imap_mails.idle,
    "CHECK": imap_mails.check,
    "CLOSE": imap_mails.close,
    "UNSELECT": imap_mails.unselect,
    "EXPUNGE": imap_mails.expunge,
    "UID EXPUNGE": imap_mails.uid_expunge,
    "SEARCH": imap_mails.search,
    "UID SEARCH": imap_mails.uid_search,
    "FETCH": imap_mails.fetch,
    "UID FETCH": imap_mails.uid_fetch,
    "STORE": imap_mails.store,
    "UID STORE": imap_mails.uid_store,
    "COPY": imap_mails.copy,
    "UID COPY": imap_mails.uid_copy,
    "MOVE": imap_mails.move,
    "UID MOVE": imap_mails.uid_move,
}
# While these are answered, mails keep their numbers (RFC 3501 7.4.1).
KEEP_NUMBERS: Final = frozenset({"FETCH", "STORE", "SEARCH"})
TAG: Final = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\+]+')


async def serve_imap(
    store: Store,
    *,
    host: str,
    port: int,
    ssl_context: ssl.SSLContext | None,
    starttls: bool = False,
    clock: Clock,
    faults: ImapFaults | None = None,
) -> asyncio.Server:
    """Serve the mailboxes of `store` at `host`:`port` (0: any free one) until the server is closed.

    With `ssl_context` the connection is encrypted from its first byte, or, with `starttls`, has to be before a login;
    without, it is in clear. `clock` dates what is appended without a date; `faults` may be changed at any time.
    OSError when the port is taken.
    """
    faults = faults or ImapFaults()
    encryption = Encryption(ssl_context, starttls and ssl_context is not None)

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = Wire(reader, writer, faults)
        try:
            with suppress(ClosedError):
                await _converse(Session(store, wire, clock, faults, encryption))
            await wire.close()
        except asyncio.CancelledError:
            return  # the server stops: nobody waits for this task, and asyncio would log its cancellation
        finally:
            wire.abort()

    implicit = ssl_context if not encryption.starttls else None
    return await asyncio.start_server(converse, host, port, ssl=implicit, limit=MAX_LINE)


async def _converse(session: Session) -> None:
    session.wire.line(f"* OK [CAPABILITY {session.capabilities()}] pec-tracker sandbox")
    while True:
        await session.wire.flush()
        arguments = Cursor(await session.wire.read_command())
        try:
            tag = arguments.take(TAG, "a tag").group().decode("ascii")
            arguments.space()
        except BadCommandError as error:
            session.wire.line(f"* BAD {error}")
            continue
        await _answer(session, tag, arguments)


async def _answer(session: Session, tag: str, arguments: Cursor) -> None:
    name = ""
    try:
        name = _name(arguments)
        await asyncio.sleep(session.faults.delay_seconds)
        text = await _injected(session, name) or "OK " + await _obey(session, name, arguments)
    except BadCommandError as error:
        text = f"BAD {error}"
    except RefusedError as error:
        text = f"NO {error}"
    await session.announce(expunges=name not in KEEP_NUMBERS)
    session.wire.line(f"{tag} {text}")
    if session.afterwards:
        then, session.afterwards = session.afterwards, None
        await session.wire.flush()
        await then()


def _name(arguments: Cursor) -> str:
    name = arguments.atom()
    if name == "UID":
        arguments.space()
        name = f"UID {arguments.atom()}"
    return name


async def _injected(session: Session, name: str) -> str | None:
    text = session.faults.answer_to(name)
    if text and text.upper().startswith("BYE"):
        await session.wire.bye(text[4:])
    return text


async def _obey(session: Session, name: str, arguments: Cursor) -> str:
    command = ANYONE.get(name) or LOGGED_IN.get(name)
    if command is None:
        raise BadCommandError("unknown command")
    if name in LOGGED_IN and session.address is None:
        raise BadCommandError("log in first")
    arguments.skip(b" ")
    return await command(session, arguments)
