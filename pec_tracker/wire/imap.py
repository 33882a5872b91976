"""What lies in the mailbox on the server? Looks, fetches whole mails byte for byte, cleans, reads the quota.

Nothing here changes a flag, except `expunge`. No network or protocol fault escapes as anything but ServerError,
LoginRefusedError or TlsError; after one that is not a FolderError the connection is closed: open another.
"""

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import imapclient
import structlog
from imapclient.imap_utf7 import encode as encode_utf7
from imapclient.response_parser import parse_response

from pec_tracker.errors import LoginRefusedError, PecTrackerError, TlsError
from pec_tracker.wire.endpoint import Endpoint, Login
from pec_tracker.wire.imap_dialogue import Dialogue, FolderError, decoded
from pec_tracker.wire.imap_fetch import as_internal_date, uid_set
from pec_tracker.wire.imap_folders import DRAFTS, JUNK, SENT, TRASH, FolderName, folder_names
from pec_tracker.wire.imap_mails import BATCH_BYTES, BATCH_UIDS, Fetched, Identity, Mails
from pec_tracker.wire.imap_socket import ImapSocket, quoted
from pec_tracker.wire.probe import Probe
from pec_tracker.wire.reach import clean_text

__all__ = [
    "DRAFTS",
    "JUNK",
    "SENT",
    "TRASH",
    "Fetched",
    "FolderError",
    "FolderName",
    "FolderStatus",
    "Identity",
    "ImapConnection",
    "Quota",
    "probe_imap",
]

log = structlog.get_logger()

_NEVER_ON_ONE_LINE = re.compile(r"[\r\n\0]")


@dataclass(frozen=True, slots=True)
class FolderStatus:
    """One folder's counters. `highestmodseq` is None where the server has no CONDSTORE."""

    messages: int
    uidnext: int
    uidvalidity: int
    highestmodseq: int | None


@dataclass(frozen=True, slots=True)
class Quota:
    """The storage used under one quota root, in bytes; `limit_bytes` None means that none is told."""

    root: str
    used_bytes: int
    limit_bytes: int | None


class ImapConnection:
    """One logged-in connection; a context manager; used from one thread."""

    def __init__(self, dialogue: Dialogue) -> None:
        self._dialogue = dialogue
        self._imap = dialogue.imap
        self._client = _Client(dialogue)
        self._mails = Mails(dialogue)
        self._folder: tuple[str, int] | None = None  # name and UIDVALIDITY of the folder that is open

    @classmethod
    def connect(cls, endpoint: Endpoint, login: Login) -> Self:
        """Connect, encrypt, log in. Raises LoginRefusedError (don't try again by yourself), TlsError, ServerError."""
        dialogue = Dialogue(endpoint)
        dialogue.log_in(login)
        log.debug("imap.connected", host=endpoint.host, port=endpoint.port)
        return cls(dialogue)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Say goodbye if the server listens, and close; harmless when repeated."""
        self._dialogue.log_out()

    @property
    def round_trips(self) -> int:
        """Commands sent so far on this connection, the login's included."""
        return int(self._imap.tagnum)

    @property
    def tls_version(self) -> str:
        """The version of TLS in use, such as `TLSv1.3`."""
        return self._imap.sock.version() or ""

    @property
    def greeting(self) -> str:
        """The server's first words, on one line."""
        return clean_text(bytes(self._imap.welcome or b"").decode("utf-8", "replace"), limit=200)

    def capabilities(self) -> frozenset[str]:
        """What the server says it can do, in upper case."""
        with self._dialogue.speaking():
            return frozenset(word.decode("latin-1").upper() for word in self._client.capabilities())

    def folders(self) -> list[FolderName]:
        """Every folder, in the server's order."""
        with self._dialogue.speaking():
            return folder_names(self._client.list_folders())

    def status(self, name: str) -> FolderStatus:
        """A folder's counters without opening it. Raises FolderError when the server refuses (it may be gone)."""
        condstore = "CONDSTORE" in self.capabilities()
        items = ["MESSAGES", "UIDNEXT", "UIDVALIDITY", *(["HIGHESTMODSEQ"] if condstore else [])]
        with self._dialogue.speaking():
            said = self._client.folder_status(_one_line(name), items)
            return FolderStatus(
                messages=int(said[b"MESSAGES"]),
                uidnext=int(said[b"UIDNEXT"]),
                uidvalidity=int(said[b"UIDVALIDITY"]),
                highestmodseq=_modseq(said),
            )

    def examine(self, name: str) -> FolderStatus:
        """Open a folder for reading only. Raises FolderError when the server refuses (it may be gone)."""
        return self._select(name, readonly=True)

    def uids_from(self, first: int) -> list[int]:
        """The UIDs of the open folder from `first` on, ascending. A server's habit of always giving the last is undone.

        RFC 3501 6.4.8: `n:*` contains the last UID even when it is below n.
        """
        return [uid for uid in self._search("UID", f"{first}:*") if uid >= first]

    def all_uids(self) -> list[int]:
        """Every UID of the open folder, ascending."""
        return self._search("ALL")

    def listed(self, uids: Sequence[int]) -> list[int]:
        """Those of *uids* that the open folder still has, ascending."""
        found: list[int] = []
        for start in range(0, len(uids), BATCH_UIDS):
            chunk = uids[start : start + BATCH_UIDS]
            found += set(self._search("UID", uid_set(chunk))) & set(chunk)
        return sorted(found)

    def search_reference(self, reference: str) -> list[int]:
        """UIDs in the open folder of mails that carry this Message-ID, or quote it as a receipt does."""
        if not reference or _NEVER_ON_ONE_LINE.search(reference) or not reference.isascii():
            return []  # no Message-ID that came by mail can hold these
        text = quoted(reference)
        return self._search("OR", "HEADER", "X-Riferimento-Message-ID", text, "HEADER", "Message-ID", text)

    def sizes(self, uids: Sequence[int]) -> dict[int, int]:
        """The size in bytes of each of these mails that is still there, as the server says it."""
        return self._mails.sizes(uids)

    def identities(self, uids: Sequence[int]) -> dict[int, Identity]:
        """Size and arrival of each of these mails of which the server tells."""
        return self._mails.identities(uids)

    def fetch(self, uids: Sequence[int], *, spool: Path, batch_bytes: int = BATCH_BYTES) -> Iterator[list[Fetched]]:
        """Whole mails of the open folder, in the order of `uids`, in batches of about `batch_bytes`.

        Each UID asked for comes back exactly once. At most 500 a batch; a mail over 8 MB comes alone, in pieces, as a
        file in `spool`. What is held in memory is bounded by the batch.
        """
        return self._mails.fetch(uids, spool=spool, batch_bytes=batch_bytes)

    def quota(self) -> list[Quota]:
        """The storage quota of each root of the inbox; empty where the server has or tells none."""
        if "QUOTA" not in self.capabilities():
            return []
        try:
            with self._dialogue.speaking():
                kind, said = self._imap.getquotaroot("INBOX")
                roots: Any = said[1] if kind == "OK" and len(said) > 1 else []
                return _quotas(parse_response([line for line in roots if line is not None]))
        except FolderError:
            return []

    def append(
        self, folder: str, raw: bytes, *, flags: Sequence[str] = (), internal_at: datetime | None = None
    ) -> int | None:
        """Store `raw` (exactly these bytes) in a folder. The new UID where the server tells it (UIDPLUS), else None.

        Raises FolderError when the server refuses: no such folder, or no room.
        """
        with self._dialogue.speaking():
            date = as_internal_date(internal_at) if internal_at is not None else None
            name = quoted(encode_utf7(_one_line(folder)).decode("ascii"))
            said = self._imap.append_exactly(name, f"({' '.join(flags)})", date, raw)
            match = re.search(r"\[APPENDUID \d+ (\d+)\]", said, re.I)
            return int(match[1]) if match else None

    def expunge(self, uids: Sequence[int]) -> None:
        """Delete exactly these mails of the open folder, for ever.

        Raises FolderError, having done nothing, where the server has no UIDPLUS (a plain EXPUNGE would take what
        others marked), or where the folder is no longer the one that was opened (another UIDVALIDITY).
        """
        if "UIDPLUS" not in self.capabilities():
            raise FolderError(
                "{host}:{port} cannot delete single mails (no UIDPLUS); "
                "nothing was deleted: delete them in the webmail",
                host=self._dialogue.endpoint.host,
                port=self._dialogue.endpoint.port,
            )
        if self._folder is None or not uids:
            return
        name, uidvalidity = self._folder
        if self._select(name, readonly=False).uidvalidity != uidvalidity:
            raise FolderError("the folder was made anew on the server; nothing was deleted: collect again first")
        for start in range(0, len(uids), BATCH_UIDS):
            chunk = uid_set(uids[start : start + BATCH_UIDS])
            with self._dialogue.speaking():
                self._dialogue.ok(*self._imap.uid("STORE", chunk, "+FLAGS.SILENT", r"(\Deleted)"))
                self._dialogue.ok(*self._imap.uid("EXPUNGE", chunk))

    def wait(self, seconds: float) -> bool:
        """Wait at most `seconds` for a change in the open folder: was there one? IDLE, else a pause and NOOP."""
        if "IDLE" in self.capabilities():
            with self._dialogue.speaking():
                return self._imap.wait_for_change(seconds)
        time.sleep(seconds)
        with self._dialogue.speaking():
            before = self._imap.untagged_responses.pop("EXISTS", None)
            self._dialogue.ok(*self._imap.noop())
            return self._imap.untagged_responses.get("EXISTS", before) != before

    def _select(self, name: str, *, readonly: bool) -> FolderStatus:
        self._folder = None
        with self._dialogue.speaking():
            said = self._client.select_folder(_one_line(name), readonly=readonly)
            status = FolderStatus(
                messages=int(said[b"EXISTS"]),
                uidnext=int(said.get(b"UIDNEXT", 0)),
                uidvalidity=int(said[b"UIDVALIDITY"]),
                highestmodseq=_modseq(said),
            )
        self._folder = (name, status.uidvalidity)
        return status

    def _search(self, *criteria: str) -> list[int]:
        with self._dialogue.speaking():
            self._imap.untagged_responses.pop("SEARCH", None)
            said = self._dialogue.ok(*self._imap.uid("SEARCH", *criteria))
            words = b" ".join(line.partition(b"(")[0] for line in said if line).split()
            return sorted({int(word) for word in words})


class _Client(imapclient.IMAPClient):  # type: ignore[misc]  # imapclient has no types
    """imapclient's folder and capability handling over our socket."""

    def __init__(self, dialogue: Dialogue) -> None:
        self._ours = dialogue.imap
        endpoint = dialogue.endpoint
        super().__init__(endpoint.host, port=endpoint.port, ssl=True, timeout=endpoint.timeout)
        self._ours.debug = 0  # imapclient turns it up and formats every line for a logger

    def _create_IMAP4(self) -> ImapSocket:  # noqa: N802  # imapclient's name
        return self._ours


# What a trial calls the folders that have a use; the names of others are the user's own affair.
_FACT_OF: Final = {SENT: "sent_folder", TRASH: "trash_folder", DRAFTS: "drafts_folder", JUNK: "junk_folder"}


def probe_imap(endpoint: Endpoint, login: Login) -> Probe:
    """Connect, encrypt, log in, list folders and quota; say what was seen, or what is wrong and what to do."""
    try:
        connection = ImapConnection.connect(endpoint, login)
    except LoginRefusedError as error:
        return Probe(stage="login", error=error)
    except TlsError as error:
        return Probe(stage="tls", error=error)
    except PecTrackerError as error:
        return Probe(stage="connect", error=error)
    with connection:
        try:
            return Probe(stage="ready", facts=_facts(connection))
        except PecTrackerError as error:
            return Probe(stage="login", error=error)


def _facts(connection: ImapConnection) -> tuple[tuple[str, str], ...]:
    folders = connection.folders()
    facts = [("tls", connection.tls_version), ("folders", str(len(folders)))]
    facts += [(_FACT_OF[folder.special_use], folder.name) for folder in folders if folder.special_use in _FACT_OF]
    for quota in connection.quota():
        facts += [("quota_root", quota.root), ("quota_used", str(quota.used_bytes))]
        facts += [("quota_limit", str(quota.limit_bytes))] if quota.limit_bytes is not None else []
    facts += [("capabilities", " ".join(sorted(connection.capabilities()))), ("greeting", connection.greeting)]
    return tuple(facts)


def _quotas(parsed: Sequence[Any]) -> list[Quota]:
    """Pairs of root and (resource, used, limit, ...); STORAGE is in units of 1,024 bytes (RFC 9208 5.1)."""
    quotas: list[Quota] = []
    for root, resources in zip(parsed[::2], parsed[1::2], strict=True):
        for resource, used, limit in zip(resources[::3], resources[1::3], resources[2::3], strict=True):
            if bytes(resource).upper() == b"STORAGE":
                quotas.append(Quota(root=decoded(root), used_bytes=int(used) * 1024, limit_bytes=int(limit) * 1024))
    return quotas


def _modseq(said: dict[bytes, Any]) -> int | None:
    value = said.get(b"HIGHESTMODSEQ")
    return int(value) if value else None


def _one_line(name: str) -> str:
    if _NEVER_ON_ONE_LINE.search(name):
        raise FolderError("a folder's name cannot hold a line break")
    return name
