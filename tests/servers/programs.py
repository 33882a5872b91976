"""Where are the programs of the real servers, and as whom do they run? Missing ones fail the test by name.

Servers live in short folders of their own: socket paths are limited to about 100 bytes, and the folder must belong
to the user as whom the server runs.
"""

import grp
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_EXTRA_FOLDERS = ("/usr/sbin", "/usr/lib/dovecot", "/usr/lib/postfix/sbin")


class MissingProgramError(Exception):
    """A server that the test needs is not installed here; the text says what to install."""


@dataclass(frozen=True, slots=True)
class ServiceUser:
    """As whom a server runs. As root that is nobody: PostgreSQL refuses root, Dovecot's mail users may not be it."""

    name: str
    group: str
    uid: int
    gid: int

    def command(self, *words: str | Path) -> list[str]:
        """`words` as a command of this user."""
        plain = [str(word) for word in words]
        if os.geteuid() == self.uid:
            return plain
        ids = [f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups"]
        return [str(program("setpriv", package="util-linux")), *ids, *plain]


def service_user() -> ServiceUser:
    """nobody when we are root, else ourselves."""
    entry = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    return ServiceUser(entry.pw_name, grp.getgrgid(entry.pw_gid).gr_name, entry.pw_uid, entry.pw_gid)


def program(name: str, *, package: str, folders: tuple[str, ...] = ()) -> Path:
    """The path of a program. Raises MissingProgramError, which names the Debian package."""
    found = shutil.which(name) or shutil.which(name, path=os.pathsep.join((*folders, *_EXTRA_FOLDERS)))
    if found is None:
        raise MissingProgramError(
            f"this test needs the program {name}, Debian package {package}: "
            f"run tools/test-servers.sh, or apt-get install {package}"
        )
    return Path(found)


def service_folder(prefix: str, *, user: ServiceUser | None = None) -> Path:
    """A new short folder under /tmp that belongs to `user`, and that others may enter."""
    folder = Path(tempfile.mkdtemp(prefix=f"{prefix}-", dir="/tmp"))
    folder.chmod(0o755)
    if user is not None and user.uid != os.geteuid():
        os.chown(folder, user.uid, user.gid)
    return folder


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(ready: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Return when `ready()` holds. Raises TimeoutError saying `what`."""
    ends = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > ends:
            raise TimeoutError(f"not so after {seconds:g} seconds: {what}")
        time.sleep(0.02)


def listening(port: int) -> bool:
    """Whether something takes connections on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def stop(process: subprocess.Popen[bytes], signal_number: int, *, seconds: float = 10) -> None:
    """End one process by `signal_number`, by SIGKILL when it takes longer than `seconds`."""
    if process.poll() is None:
        process.send_signal(signal_number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
