"""How does a mail of 60 MB arrive without filling the memory? In pieces, into a file."""

import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from pec_tracker.osfiles import disk_errors, make_private_folder
from pec_tracker.wire.imap_fetch import Answer, GarbledAnswerError

SPOOL_OVER = 8 * 1024 * 1024  # bytes; smaller mails are worth less than a file and its round trips
PIECE_BYTES = 4 * 1024 * 1024


def spooled(piece: Callable[[int, int], Answer | None], folder: Path) -> tuple[Path | None, int, datetime | None]:
    """The file in `folder` that holds the whole mail, its size in bytes, and its internal date.

    `piece(start, count)` gives the answer with at most `count` bytes from `start`, None when the mail is gone: then
    the path is None and no file is left, as after any exception. The mail ends with the first piece that is not full.
    """
    with disk_errors(folder):
        make_private_folder(folder)
        with tempfile.NamedTemporaryFile(dir=folder, prefix="mail-", suffix=".eml", delete=False) as file:
            path = Path(file.name)
    try:
        size, internal_at = _pieces_into(path, piece, folder)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    if size is None:
        path.unlink(missing_ok=True)
        return None, 0, None
    return path, size, internal_at


def _pieces_into(
    path: Path, piece: Callable[[int, int], Answer | None], folder: Path
) -> tuple[int | None, datetime | None]:
    size = 0
    internal_at: datetime | None = None
    with disk_errors(folder), path.open("wb") as file:
        while True:
            answer = piece(size, PIECE_BYTES)
            if answer is None or answer.body is None:
                return None, None
            if len(answer.body) > PIECE_BYTES:
                raise GarbledAnswerError("a piece of a mail is larger than was asked for")
            file.write(answer.body)
            size += len(answer.body)
            internal_at = internal_at or answer.internal_at
            if len(answer.body) < PIECE_BYTES:
                return size, internal_at
