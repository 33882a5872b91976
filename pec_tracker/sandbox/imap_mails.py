"""What is in the open folder, and what becomes of it? The commands on mails (RFC 3501 6.4, RFC 2177, 4315, 6851)."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pec_tracker.sandbox.imap_fetch import Section, flag_list, marks_seen, read_items, render
from pec_tracker.sandbox.imap_grammar import BadCommandError, Cursor
from pec_tracker.sandbox.imap_search import BadCharsetError, Candidate, Numbering, read_search
from pec_tracker.sandbox.imap_session import RefusedError, Session
from pec_tracker.sandbox.imap_wire import joined
from pec_tracker.sandbox.store import Folder, Mail, StoreFull

OVER_QUOTA: Final = "[OVERQUOTA] the mailbox is full"
MAILS_A_TURN: Final = 200  # a search lets other clients have their turn after so many


async def append(session: Session, arguments: Cursor) -> str:
    """APPEND (RFC 3501 6.3.11)"""
    name = arguments.name()
    arguments.space()
    flags: list[str] = []
    if arguments.next_is(b"("):
        flags = arguments.many(arguments.flag)
        arguments.space()
    internal_at = session.clock.now()
    if arguments.next_is(b'"'):
        internal_at = arguments.date_time()
        arguments.space()
    if not arguments.next_is(b"{"):
        raise BadCommandError("a literal expected")
    raw = arguments.string()
    arguments.end()
    folder = session.folder(name, "[TRYCREATE] ")
    try:
        uid = session.mailbox.add(folder, raw, internal_at=internal_at, flags=flags)
    except StoreFull as error:
        raise RefusedError(OVER_QUOTA) from error
    return f"[APPENDUID {folder.uidvalidity} {uid}] kept" if session.has("UIDPLUS") else "kept"


async def fetch(session: Session, arguments: Cursor) -> str:
    """FETCH"""
    return await _fetch(session, arguments, by_uid=False)


async def uid_fetch(session: Session, arguments: Cursor) -> str:
    """UID FETCH"""
    return await _fetch(session, arguments, by_uid=True)


async def _fetch(session: Session, arguments: Cursor, *, by_uid: bool) -> str:
    view, wire = session.opened, session.wire
    chosen = arguments.sequence_set()
    arguments.space()
    items = read_items(arguments, by_uid=by_uid)
    arguments.end()
    reads = marks_seen(items) and not view.read_only
    unsolicited = list(session.faults.during_fetch)
    for number, mail in view.named(chosen, by_uid=by_uid):
        told = items
        if reads and "\\Seen" not in mail.flags:
            _set_flags(session, mail, mail.flags | {"\\Seen"})
            told = items if "FLAGS" in items else [*items, "FLAGS"]
        if any(isinstance(item, Section) for item in items) and session.faults.leaves_out(mail.uid):
            continue
        values = render(mail, told, announce_longer=session.faults.longer_literals)
        wire.write(b"* %d FETCH (" % number, *values, b")\r\n")
        while unsolicited:
            wire.line("* " + unsolicited.pop(0))
        await wire.relieve()
    return "done"


def _set_flags(session: Session, mail: Mail, flags: frozenset[str]) -> None:
    """Change flags of which this client is told at once, so not once more later."""
    view = session.opened
    nothing_pending = view.folder.flags_modseq <= view.flags_told
    view.folder.set_flags(mail.uid, flags)
    if nothing_pending:
        view.flags_told = view.folder.flags_modseq


async def store(session: Session, arguments: Cursor) -> str:
    """STORE"""
    return await _store(session, arguments, by_uid=False)


async def uid_store(session: Session, arguments: Cursor) -> str:
    """UID STORE"""
    return await _store(session, arguments, by_uid=True)


async def _store(session: Session, arguments: Cursor, *, by_uid: bool) -> str:
    view = session.writable
    chosen = arguments.sequence_set()
    arguments.space()
    sign = "+" if arguments.skip(b"+") else "-" if arguments.skip(b"-") else ""
    word = arguments.atom()
    arguments.space()
    flags = frozenset(_flags(arguments))
    arguments.end()
    if word not in ("FLAGS", "FLAGS.SILENT"):
        raise BadCommandError("FLAGS expected")
    for number, mail in view.named(chosen, by_uid=by_uid):
        _set_flags(session, mail, _changed_flags(mail.flags, sign, flags))
        if word == "FLAGS":
            uid = b"UID %d " % mail.uid if by_uid else b""
            session.wire.write(b"* %d FETCH (%bFLAGS %b)\r\n" % (number, uid, flag_list(mail.flags)))
            await session.wire.relieve()
    return "done"


def _flags(arguments: Cursor) -> list[str]:
    if arguments.next_is(b"("):
        return arguments.many(arguments.flag)
    flags = [arguments.flag()]
    while arguments.skip(b" "):
        flags.append(arguments.flag())
    return flags


def _changed_flags(now: frozenset[str], sign: str, flags: frozenset[str]) -> frozenset[str]:
    if sign == "+":
        return now | flags
    return now - flags if sign == "-" else flags


async def search(session: Session, arguments: Cursor) -> str:
    """SEARCH"""
    return await _search(session, arguments, by_uid=False)


async def uid_search(session: Session, arguments: Cursor) -> str:
    """UID SEARCH"""
    return await _search(session, arguments, by_uid=True)


async def _search(session: Session, arguments: Cursor, *, by_uid: bool) -> str:
    view = session.opened
    try:
        question = read_search(arguments, Numbering(view.uids))
    except BadCharsetError as error:
        raise RefusedError("[BADCHARSET (US-ASCII UTF-8)] not a charset spoken here") from error
    found: list[int] = []
    for number, uid in enumerate(tuple(view.uids), 1):
        mail = view.folder.mails.get(uid)
        if mail and question(Candidate(number, mail)):
            found.append(uid if by_uid else number)
        if number % MAILS_A_TURN == 0:
            await asyncio.sleep(0)
    session.wire.line(" ".join(["* SEARCH", *map(str, found)]))
    return "done"


@dataclass(frozen=True, slots=True)
class Transfer:
    """What COPY and MOVE are about: which mails of the open folder go where."""

    uids: Sequence[int]
    target: Folder


def _read_transfer(session: Session, arguments: Cursor, *, by_uid: bool) -> Transfer:
    chosen = arguments.sequence_set()
    arguments.space()
    name = arguments.name()
    arguments.end()
    target = session.folder(name, "[TRYCREATE] ")
    return Transfer([mail.uid for _, mail in session.opened.named(chosen, by_uid=by_uid)], target)


async def copy(session: Session, arguments: Cursor) -> str:
    """COPY"""
    return _copy(session, _read_transfer(session, arguments, by_uid=False))


async def uid_copy(session: Session, arguments: Cursor) -> str:
    """UID COPY"""
    return _copy(session, _read_transfer(session, arguments, by_uid=True))


def _copy(session: Session, transfer: Transfer) -> str:
    try:
        copied = session.mailbox.copy(session.opened.folder, transfer.uids, transfer.target)
    except StoreFull as error:
        raise RefusedError(OVER_QUOTA) from error
    return f"{_copy_code(session, transfer, copied)}copied"


async def move(session: Session, arguments: Cursor) -> str:
    """MOVE"""
    return _move(session, _read_transfer(session, arguments, by_uid=False))


async def uid_move(session: Session, arguments: Cursor) -> str:
    """UID MOVE"""
    return _move(session, _read_transfer(session, arguments, by_uid=True))


def _move(session: Session, transfer: Transfer) -> str:
    session.require("MOVE")
    moved = session.mailbox.move(session.writable.folder, transfer.uids, transfer.target)
    if code := _copy_code(session, transfer, moved):
        session.wire.line(f"* OK {code}moved")  # RFC 6851 4.3: before the EXPUNGEs, which the end of the command tells
    return "moved"


def _copy_code(session: Session, transfer: Transfer, new: Sequence[int]) -> str:
    if not new or not session.has("UIDPLUS"):
        return ""
    return f"[COPYUID {transfer.target.uidvalidity} {joined(transfer.uids)} {joined(new)}] "


async def expunge(session: Session, arguments: Cursor) -> str:
    r"""EXPUNGE: every mail marked \Deleted goes."""
    arguments.end()
    folder = session.writable.folder
    session.mailbox.expunge(folder, _deleted(folder.mails.values()))
    return "done"


async def uid_expunge(session: Session, arguments: Cursor) -> str:
    r"""UID EXPUNGE (RFC 4315): of the named mails, those marked \Deleted go."""
    session.require("UIDPLUS")
    view = session.writable
    chosen = arguments.sequence_set()
    arguments.end()
    session.mailbox.expunge(view.folder, _deleted([mail for _, mail in view.named(chosen, by_uid=True)]))
    return "done"


def _deleted(mails: Iterable[Mail]) -> list[int]:
    return [mail.uid for mail in mails if "\\Deleted" in mail.flags]


async def close(session: Session, arguments: Cursor) -> str:
    r"""CLOSE: what is marked \Deleted goes without a word, and no folder is open."""
    arguments.end()
    view = session.opened
    if not view.read_only:
        session.mailbox.expunge(view.folder, _deleted(view.folder.mails.values()))
    session.view = None
    return "closed"


async def unselect(session: Session, arguments: Cursor) -> str:
    """UNSELECT (RFC 3691): no folder is open, and nothing goes."""
    arguments.end()
    if session.opened:
        session.view = None
    return "closed"


async def check(session: Session, arguments: Cursor) -> str:
    """CHECK: nothing to do here."""
    arguments.end()
    return "done" if session.opened else ""


async def idle(session: Session, arguments: Cursor) -> str:
    """IDLE (RFC 2177): tell what changes until the client says DONE."""
    session.require("IDLE")
    arguments.end()
    folder = session.view.folder if session.view else None
    changed = asyncio.Event()
    await session.wire.ask_for_more("idling")
    line = asyncio.ensure_future(session.wire.read_line())
    if folder:
        folder.listeners.add(changed.set)
    try:
        while not line.done():
            changed.clear()
            if not session.faults.silent_idle:
                await session.announce(expunges=True)
                await session.wire.flush()
            await _first_of(line, changed)
    finally:
        line.cancel()
        if folder:
            folder.listeners.discard(changed.set)
    if (await line).upper() != b"DONE":
        raise BadCommandError("DONE expected")
    return "done"


async def _first_of(line: asyncio.Future[bytes], changed: asyncio.Event) -> None:
    waiting = asyncio.ensure_future(changed.wait())
    either: set[asyncio.Future[Any]] = {line, waiting}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
