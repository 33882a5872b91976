"""How does the ledger lie in a folder? As plain files beside each other, each made durable before it has its name."""

from collections.abc import Callable
from pathlib import Path

from pec_tracker import osfiles
from pec_tracker.archive.archive import NO_FILE
from pec_tracker.archive.underway import notes_folder


def ledger_folder(root: Path) -> Path:
    """Where segments, seals, heads and time-stamps lie."""
    return root / "ledger"


class LocalLedger:
    """The ledger of the archive in the folder *root*. *ready* is asked before each writing, and makes what lacks."""

    def __init__(self, root: Path, ready: Callable[[], None]) -> None:
        self._root = root
        self._folder = ledger_folder(root)
        self._ready = ready

    @property
    def place(self) -> str:
        """See `LedgerShelf.place`."""
        return str(self._folder)

    def create(self, name: str, content: bytes) -> bool:
        """See `LedgerShelf.create`."""
        self._ready()
        with osfiles.disk_errors(self._folder):
            return osfiles.create_durably(self._folder / name, content, by_way_of=notes_folder(self._root))

    def read(self, name: str) -> bytes | None:
        """See `LedgerShelf.read`."""
        with osfiles.disk_errors(self._folder):
            try:
                return (self._folder / name).read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                return None

    def holds(self, name: str) -> bool:
        """See `LedgerShelf.holds`."""
        return (self._folder / name).is_file()

    def names(self) -> list[str]:
        """See `LedgerShelf.names`. What a killed writer left aside is passed over."""
        with osfiles.disk_errors(self._folder):
            if not self._folder.is_dir():
                return []
            found = [path.name if path.is_file() else f"{path.name}{NO_FILE}" for path in self._folder.iterdir()]
            return sorted(name for name in found if not (name.startswith(".") and name.endswith(".tmp")))
