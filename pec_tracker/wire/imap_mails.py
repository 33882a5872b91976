"""How do whole mails come from the open folder? Each UID asked for exactly once, memory bounded by the batch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pec_tracker.wire.imap_dialogue import Dialogue, FolderError
from pec_tracker.wire.imap_fetch import Answer, answers, uid_set
from pec_tracker.wire.imap_spool import SPOOL_OVER, spooled

BATCH_BYTES = 8 * 1024 * 1024
BATCH_UIDS = 500  # a command line stays short whatever the gaps
_DOUBTS = 3  # so many mails may prove shorter than announced, and be just so, before the server is believed


@dataclass(frozen=True, slots=True)
class Fetched:
    """One mail as the server gave it: `raw`, or `path` of a spooled file when it is over 8 MB.

    `internal_at` is aware, with the server's offset. `size` is in bytes: of what came, else as the server says.
    Without raw and path the server gave nothing: the mail is gone (`reason` None), or was refused (`reason`).
    The one who asked deletes the spooled file.
    """

    uid: int
    internal_at: datetime | None
    size: int
    raw: bytes | None
    path: Path | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """By what a mail is known again without fetching it: its size in bytes and its arrival, as the server says."""

    size: int | None
    internal_at: datetime | None


class Mails:
    """The mails of the folder that is open in a dialogue. BODY.PEEK only: no flag is ever changed."""

    def __init__(self, dialogue: Dialogue) -> None:
        self._dialogue = dialogue
        self._imap = dialogue.imap
        self._doubts = _DOUBTS

    def identities(self, uids: Sequence[int]) -> dict[int, Identity]:
        """Size and arrival of each of these mails of which the server tells."""
        found: dict[int, Identity] = {}
        for start in range(0, len(uids), BATCH_UIDS):
            for answer in self._answers(uids[start : start + BATCH_UIDS], "(UID RFC822.SIZE INTERNALDATE)"):
                if answer.uid is not None:
                    before = found.get(answer.uid, Identity(None, None))
                    found[answer.uid] = Identity(answer.size or before.size, answer.internal_at or before.internal_at)
        return found

    def sizes(self, uids: Sequence[int]) -> dict[int, int]:
        """The size in bytes of each of these mails that is still there, as the server says it."""
        found: dict[int, int] = {}
        for start in range(0, len(uids), BATCH_UIDS):
            chunk = uids[start : start + BATCH_UIDS]
            for answer in self._answers(chunk, "(UID RFC822.SIZE)"):
                if answer.uid is not None:
                    found[answer.uid] = answer.size or found.get(answer.uid, 0)
        return {uid: found[uid] for uid in uids if uid in found}

    def fetch(self, uids: Sequence[int], *, spool: Path, batch_bytes: int = BATCH_BYTES) -> Iterator[list[Fetched]]:
        """Whole mails of the open folder, in the order of `uids`, in batches of about `batch_bytes`.

        Each UID asked for comes back exactly once. At most 500 a batch; a mail over 8 MB comes alone, in pieces, as a
        file in `spool`. What is held in memory is bounded by the batch.
        """
        each_once = list(dict.fromkeys(uids))
        for start in range(0, len(each_once), BATCH_UIDS):
            chunk = each_once[start : start + BATCH_UIDS]
            sizes = self._sizes_of_all(chunk)
            for batch in _batches(chunk, sizes, batch_bytes):
                large = len(batch) == 1 and sizes.get(batch[0], 0) > SPOOL_OVER
                yield [self._large(batch[0], spool)] if large else self._batch(batch, sizes)

    def _sizes_of_all(self, uids: Sequence[int]) -> dict[int, int]:
        """As `sizes`, but a refusal stops nothing: what can't be weighed counts as 0 and is refused when fetched."""
        try:
            return self.sizes(uids)
        except FolderError:
            sizes: dict[int, int] = {}
        for uid in uids:
            try:
                sizes.update(self.sizes([uid]))
            except FolderError:
                sizes[uid] = 0
        return sizes

    def _answers(self, uids: Sequence[int], items: str) -> list[Answer]:
        """Answers to one FETCH. What the server says about mails not asked for is dropped."""
        if not uids:
            return []
        with self._dialogue.speaking():
            self._imap.untagged_responses.pop("FETCH", None)  # said between commands: flags, which we don't read
            said = self._dialogue.ok(*self._imap.uid("FETCH", uid_set(uids), items))
            wanted = set(uids)
            return [answer for answer in answers(said) if answer.uid in wanted]

    def _batch(self, uids: Sequence[int], sizes: dict[int, int]) -> list[Fetched]:
        present = [uid for uid in uids if uid in sizes]
        try:
            got = self._bodies(present)
        except FolderError as refusal:
            got = self._singly(present, sizes, refusal)
        self._ask_again_for_short(got, sizes)
        return [got.get(uid) or Fetched(uid, None, sizes.get(uid, 0), None, None) for uid in uids]

    def _ask_again_for_short(self, got: dict[int, Fetched], sizes: dict[int, int]) -> None:
        """A mail that came shorter than announced is asked for once more, alone, and the longer one is kept.

        Servers that reckon sizes otherwise than they send are believed after a few such mails.
        """
        for uid, mail in got.items():
            if mail.raw is None or mail.size >= sizes[uid] or self._doubts == 0:
                continue
            again = self._bodies([uid]).get(uid)
            if again is not None and again.size > mail.size:
                got[uid] = again
            else:
                self._doubts -= 1

    def _bodies(self, uids: Sequence[int]) -> dict[int, Fetched]:
        got: dict[int, Fetched] = {}
        for answer in self._answers(uids, "(UID INTERNALDATE BODY.PEEK[])"):
            if answer.uid is not None and answer.body is not None:
                got[answer.uid] = Fetched(answer.uid, answer.internal_at, len(answer.body), answer.body, None)
        return got

    def _singly(self, uids: Sequence[int], sizes: dict[int, int], refusal: FolderError) -> dict[int, Fetched]:
        """One by one after a NO to all together (RFC 2180 4.1.2: one expunged mail may cause it)."""
        if len(uids) == 1:
            return {uids[0]: Fetched(uids[0], None, sizes[uids[0]], None, None, reason=str(refusal))}
        got: dict[int, Fetched] = {}
        refused = 0
        for uid in uids:
            try:
                got.update(self._bodies([uid]))
            except FolderError as error:
                refused += 1
                got[uid] = Fetched(uid, None, sizes[uid], None, None, reason=str(error))
        if refused == len(uids):
            raise refusal  # not a mail's fault: the server refuses everything
        return got

    def _large(self, uid: int, spool: Path) -> Fetched:
        def piece(start: int, count: int) -> Answer | None:
            found = self._answers([uid], f"(UID INTERNALDATE BODY.PEEK[]<{start}.{count}>)")
            return next((answer for answer in found if answer.body is not None), None)

        try:
            with self._dialogue.speaking():
                path, size, internal_at = spooled(piece, spool)
        except FolderError as refusal:
            return Fetched(uid, None, 0, None, None, reason=str(refusal))
        return Fetched(uid, internal_at, size, None, path)


def _batches(uids: Sequence[int], sizes: dict[int, int], batch_bytes: int) -> Iterator[list[int]]:
    """Runs of `uids` of at most `batch_bytes` together; a larger mail, or one to be spooled, stands alone."""
    limit = min(batch_bytes, SPOOL_OVER)
    batch: list[int] = []
    weight = 0
    for uid in uids:
        size = sizes.get(uid, 0)
        if batch and weight + size > limit:
            yield batch
            batch, weight = [], 0
        batch.append(uid)
        weight += size
    if batch:
        yield batch
