"""Does the process that holds a lease still live? It keeps a file locked, and the system drops the lock with it.

A number of a process says less: it is given to another one, and means nothing outside its container.
"""

import os
import secrets
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

from pec_tracker import osfiles

_SUFFIX = ".alive"
_FORGOTTEN_SECONDS = 86_400.0  # then no lease names it any more
_SEPARATOR = "|"


class Presence:
    """This process's sign of life in *folder*; without one its holders are only ever outlived by time.

    Threads may share it.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._held: tuple[int, Path, int] | None = None  # process, file, descriptor: locked as long as that is open

    def owner(self) -> str:
        """A name for who holds a lease now, told apart from every other holder: host, sign of life, chance."""
        place = self._sign()
        where = str(place) if place is not None else str(os.getpid())
        return _SEPARATOR.join((socket.gethostname(), where, secrets.token_hex(4)))

    def gone(self, owner: str) -> bool:
        """Whether *owner* was a process of this machine that has ended; False where that cannot be told."""
        host, _, rest = owner.partition(_SEPARATOR)
        place = Path(rest.rpartition(_SEPARATOR)[0])
        if host != socket.gethostname() or place.suffix != _SUFFIX or place.parent != self._folder:
            return False
        with suppress(OSError):
            descriptor = osfiles.hold(place, make=False)
            if descriptor is not None:
                os.close(descriptor)
                return True
        return False

    def _sign(self) -> Path | None:
        with self._lock:
            if self._held is None or self._held[0] != os.getpid():
                self._held = None if self._folder is None else self._begun(self._folder)
            return None if self._held is None else self._held[1]

    def _begun(self, folder: Path) -> tuple[int, Path, int] | None:
        with suppress(OSError):
            osfiles.make_private_folder(folder)
            osfiles.remove_unheld(folder.glob(f"*{_SUFFIX}"), before=time.time() - _FORGOTTEN_SECONDS)
            place = folder / f"{secrets.token_hex(8)}{_SUFFIX}"
            descriptor = osfiles.hold(place)
            if descriptor is not None:
                return os.getpid(), place, descriptor
        return None  # a file system without locks
