"""Which folders are there, and how full? The commands on folders and quota (RFC 3501 6.3, RFC 5258, 6154, 9208)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pec_tracker.errors import NotFoundError, UsageError
from pec_tracker.sandbox.imap_grammar import SYSTEM_FLAGS, BadCommandError, Cursor, quoted
from pec_tracker.sandbox.imap_names import encode_name, pattern_regex
from pec_tracker.sandbox.imap_session import RefusedError, Session
from pec_tracker.sandbox.store import Folder, Mailbox
from pec_tracker.sandbox.store_folder import SEPARATOR, parents

QUOTA_ROOT: Final = b'"User quota"'
SELECTIONS: Final = frozenset({"SUBSCRIBED", "SPECIAL-USE", "REMOTE", "RECURSIVEMATCH"})
RETURNS: Final = frozenset({"SUBSCRIBED", "SPECIAL-USE", "CHILDREN"})

STATUS_ITEMS: Final[dict[str, Callable[[Folder], int]]] = {
    "MESSAGES": lambda folder: len(folder.mails),
    "RECENT": lambda folder: 0,
    "UIDNEXT": lambda folder: folder.next_uid,
    "UIDVALIDITY": lambda folder: folder.uidvalidity,
    "UNSEEN": Folder.unseen,
    "SIZE": Folder.size,
}


async def select(session: Session, arguments: Cursor) -> str:
    """SELECT"""
    return _open(session, arguments, read_only=False)


async def examine(session: Session, arguments: Cursor) -> str:
    """EXAMINE"""
    return _open(session, arguments, read_only=True)


def _open(session: Session, arguments: Cursor, *, read_only: bool) -> str:
    name = arguments.name()
    if arguments.skip(b" "):
        arguments.many(arguments.atom)  # parameters of extensions that are not here (RFC 4466)
    arguments.end()
    session.view = None  # a SELECT that fails leaves no folder open (RFC 3501 6.3.1)
    folder = session.folder(name)
    view = session.open(folder, read_only=read_only)
    flags = " ".join([*SYSTEM_FLAGS, *sorted(_keywords(folder))])
    line = session.wire.line
    line(f"* FLAGS ({flags})")
    line(f"* {len(view.uids)} EXISTS")
    line("* 0 RECENT")
    unseen = next((n for n, mail in enumerate(folder.mails.values(), 1) if "\\Seen" not in mail.flags), None)
    if unseen:
        line(f"* OK [UNSEEN {unseen}] first unseen")
    line(f"* OK [PERMANENTFLAGS ({'' if read_only else flags + chr(32) + chr(92) + '*'})] flags that stay")
    line(f"* OK [UIDVALIDITY {folder.uidvalidity}] UIDs are valid")
    line(f"* OK [UIDNEXT {folder.next_uid}] the next UID")
    return "[READ-ONLY] opened" if read_only else "[READ-WRITE] opened"


def _keywords(folder: Folder) -> set[str]:
    return {flag for mail in folder.mails.values() for flag in mail.flags if not flag.startswith("\\")}


async def create(session: Session, arguments: Cursor) -> str:
    """CREATE: a separator at the end only says that folders will follow below."""
    name = arguments.name().removesuffix(SEPARATOR)
    arguments.end()
    return _changed(lambda: session.mailbox.create(name))


async def delete(session: Session, arguments: Cursor) -> str:
    """DELETE"""
    name = arguments.name()
    arguments.end()
    return _changed(lambda: session.mailbox.delete(name))


async def rename(session: Session, arguments: Cursor) -> str:
    """RENAME"""
    old = arguments.name()
    arguments.space()
    new = arguments.name()
    arguments.end()
    return _changed(lambda: session.mailbox.rename(old, new))


def _changed(change: Callable[[], object]) -> str:
    try:
        change()
    except NotFoundError as error:
        raise RefusedError("[NONEXISTENT] no such folder") from error
    except UsageError as error:
        raise RefusedError("[CANNOT] that name is taken or cannot be") from error
    return "done"


async def subscribe(session: Session, arguments: Cursor) -> str:
    """SUBSCRIBE"""
    name = arguments.name()
    arguments.end()
    session.mailbox.subscribe(name)
    return "done"


async def unsubscribe(session: Session, arguments: Cursor) -> str:
    """UNSUBSCRIBE"""
    name = arguments.name()
    arguments.end()
    session.mailbox.unsubscribe(name)
    return "done"


async def namespace(session: Session, arguments: Cursor) -> str:
    """NAMESPACE (RFC 2342): one's own folders, no others."""
    arguments.end()
    session.wire.line(f'* NAMESPACE (("" "{SEPARATOR}")) NIL NIL')
    return "done"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a LIST asks for: which folders, and which STATUS of each."""

    patterns: tuple[str, ...]
    reference: str
    selections: frozenset[str]
    returns: frozenset[str]
    status: tuple[str, ...]


async def list_folders(session: Session, arguments: Cursor) -> str:
    """LIST, with what RFC 5258 (extended), 5819 (STATUS) and 6154 (SPECIAL-USE) add."""
    wanted = _read_list(arguments)
    if wanted.patterns == ("",):
        session.wire.line(f'* LIST (\\Noselect) "{SEPARATOR}" ""')
        return "done"
    mailbox = session.mailbox
    for name in _matching(mailbox, wanted):
        attributes = _attributes(mailbox, name, wanted, special_use=session.has("SPECIAL-USE"))
        _list_line(session, "LIST", attributes, name)
        folder = mailbox.folders.get(name)
        if wanted.status and folder:
            _status_line(session, name, folder, wanted.status)
        await session.wire.relieve()
    return "done"


async def list_subscribed(session: Session, arguments: Cursor) -> str:
    """LSUB"""
    reference = arguments.name()
    arguments.space()
    pattern = pattern_regex(reference, arguments.pattern())
    arguments.end()
    for name in sorted(filter(pattern.fullmatch, session.mailbox.subscribed)):
        _list_line(session, "LSUB", [], name)
    return "done"


def _read_list(arguments: Cursor) -> Wanted:
    selections: list[str] = []
    if arguments.next_is(b"("):
        selections = arguments.many(arguments.atom)
        arguments.space()
    reference = arguments.name()
    arguments.space()
    patterns = arguments.one_or_many(arguments.pattern)
    returns: set[str] = set()
    status: list[str] = []
    if not arguments.at_end():
        arguments.space()
        if arguments.atom() != "RETURN":
            raise BadCommandError("RETURN expected")
        arguments.space()
        arguments.many(lambda: _read_return(arguments, returns, status))
    arguments.end()
    if not SELECTIONS.issuperset(selections):
        raise BadCommandError("no such selection")
    return Wanted(tuple(patterns), reference, frozenset(selections), frozenset(returns), tuple(status))


def _read_return(arguments: Cursor, returns: set[str], status: list[str]) -> None:
    word = arguments.atom()
    if word == "STATUS":
        arguments.space()
        status += _read_status_items(arguments)
    elif word in RETURNS:
        returns.add(word)
    else:
        raise BadCommandError("no such return option")


def _matching(mailbox: Mailbox, wanted: Wanted) -> list[str]:
    names = set(mailbox.folders)
    names.update(above for name in mailbox.folders for above in parents(name))
    if "SUBSCRIBED" in wanted.selections:
        names = set(mailbox.subscribed)
    if "SPECIAL-USE" in wanted.selections:
        names = {name for name in names if (folder := mailbox.folders.get(name)) and folder.special_use}
    patterns = [pattern_regex(wanted.reference, pattern) for pattern in wanted.patterns]
    return sorted(name for name in names if any(pattern.fullmatch(name) for pattern in patterns))


def _attributes(mailbox: Mailbox, name: str, wanted: Wanted, *, special_use: bool) -> list[str]:
    folder = mailbox.folders.get(name)
    attributes = [] if folder else ["\\Noselect"]
    if "CHILDREN" in wanted.returns:
        below = name + SEPARATOR
        has_children = any(other.startswith(below) for other in mailbox.folders)
        attributes.append("\\HasChildren" if has_children else "\\HasNoChildren")
    if folder and folder.special_use and special_use:
        attributes.append(folder.special_use)
    if "SUBSCRIBED" in wanted.returns | wanted.selections and name in mailbox.subscribed:
        attributes.append("\\Subscribed")
    return attributes


def _list_line(session: Session, command: str, attributes: list[str], name: str) -> None:
    head = f'* {command} ({" ".join(attributes)}) "{SEPARATOR}" '.encode("ascii")
    session.wire.write(head, quoted(encode_name(name)), b"\r\n")


async def status(session: Session, arguments: Cursor) -> str:
    """STATUS"""
    name = arguments.name()
    arguments.space()
    items = _read_status_items(arguments)
    arguments.end()
    folder = session.folder(name)
    _status_line(session, folder.name, folder, tuple(items))
    return "done"


def _read_status_items(arguments: Cursor) -> list[str]:
    items = arguments.many(arguments.atom)
    if not items or not STATUS_ITEMS.keys() >= set(items):
        raise BadCommandError("no such status item")
    return items


def _status_line(session: Session, name: str, folder: Folder, items: tuple[str, ...]) -> None:
    values = " ".join(f"{item} {STATUS_ITEMS[item](folder)}" for item in items)
    session.wire.write(b"* STATUS ", quoted(encode_name(name)), f" ({values})\r\n".encode("ascii"))


async def get_quota_root(session: Session, arguments: Cursor) -> str:
    """GETQUOTAROOT: all folders share one quota."""
    session.require("QUOTA")
    name = arguments.name()
    arguments.end()
    session.folder(name)
    session.wire.write(b"* QUOTAROOT ", quoted(encode_name(name)), b" ", QUOTA_ROOT, b"\r\n")
    _quota_line(session)
    return "done"


async def get_quota(session: Session, arguments: Cursor) -> str:
    """GETQUOTA"""
    session.require("QUOTA")
    root = arguments.astring()
    arguments.end()
    if quoted(root) != QUOTA_ROOT:
        raise RefusedError("[NONEXISTENT] no such quota root")
    _quota_line(session)
    return "done"


def _quota_line(session: Session) -> None:
    mailbox = session.mailbox
    # RFC 9208 5.1: STORAGE counts units of 1,024 octets.
    used, limit = -(-mailbox.used // 1024), mailbox.account.quota_bytes // 1024
    session.wire.write(b"* QUOTA ", QUOTA_ROOT, b" (STORAGE %d %d)\r\n" % (used, limit))
