"""Whose speed is measured? This checkout's, and beside it another commit's: by its command line and stable formats."""

import hashlib
import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.running import FailedError, Run, run

HERE = Path(__file__).resolve().parent.parent
CACHE = HERE / "bench-output"
PASSWORD = "segreta"  # of every mailbox here, on servers that live as long as the bench
_INSIDE = HERE / "bench" / "inside.py"


@dataclass(frozen=True, slots=True)
class Tree:
    """A checkout and the Python that runs it."""

    name: str
    root: Path
    python: str

    def command(self, *arguments: str | Path) -> list[str]:
        """The command `pec-tracker` of this tree."""
        return [self.python, "-m", "pec_tracker", *map(str, arguments)]

    def inside(self, what: str, *arguments: str | Path) -> list[str]:
        """The command that does *what* of `inside.py` in a process of this tree."""
        return [self.python, str(_INSIDE), what, *map(str, arguments)]

    def run(self, command: Sequence[str], *, home: Path, memory: bool = False, statuses: Sequence[int] = (0,)) -> Run:
        """Run one of the commands above to its end. FailedError."""
        return run(command, env=self.env(home), cwd=self.root, memory=memory, statuses=statuses)

    def env(self, home: Path) -> Mapping[str, str]:
        """Its own modules first; nothing of the user's configuration; what it writes for itself lies in *home*."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PEC_TRACKER")}
        told = {f"XDG_{name.upper()}_HOME": str(home / name) for name in ("state", "config", "data")}
        return {**kept, **told, "PYTHONPATH": str(self.root), "BENCH_PASSWORD": PASSWORD, "LANG": "C.UTF-8"}

    def form(self) -> str:
        """A name for what decides how its database looks: houses filled by the same are the same."""
        digest = hashlib.sha256()
        package = self.root / "pec_tracker"
        rooms = (self.root / "alembic" / "versions", package / "db", package / "ledger", package / "archive")
        files = [file for room in rooms for file in room.glob("*.py")]
        files += [file for file in (package / "service").rglob("*.py") if "intake" in str(file.relative_to(package))]
        for file in sorted(files):
            digest.update(file.read_bytes())
        return digest.hexdigest()[:12]


def here() -> Tree:
    """This checkout."""
    return Tree("here", HERE, sys.executable)


def other(named: str) -> Tree:
    """The checkout in the folder *named*, run by its own `.venv` where it has one; else that commit, out of git."""
    folder = Path(named)
    if folder.is_dir():
        python = folder.resolve() / ".venv" / "bin" / "python"
        return Tree(folder.resolve().name, folder.resolve(), str(python) if python.exists() else sys.executable)
    try:
        commit = _git("rev-parse", "--short", "--verify", f"{named}^{{commit}}").decode().strip()
    except subprocess.CalledProcessError as error:
        raise FailedError(f"{named} is neither a folder nor a commit") from error
    root = CACHE / "trees" / commit
    if not root.exists():
        root.mkdir(parents=True)
        with tarfile.open(fileobj=io.BytesIO(_git("archive", commit))) as content:
            content.extractall(root, filter="data")
    return Tree(commit, root, sys.executable)


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=HERE, check=True, capture_output=True).stdout
