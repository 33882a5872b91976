"""Is `collect` as fast as the pair that people use to fetch, store and index mail: mbsync and notmuch?

On the same Dovecot, the same receipts of 2 to 60 kB, in turn. Ours also makes the archive durable, reads, checks every
signature with its chain, links, and indexes; the pair fetches, stores (FSync on) and indexes.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.material import ADDRESS, bulk, office
from bench.watch import Run, watched
from pec_tracker.sandbox.bulk import bulk_receipts
from pec_tracker.wire.endpoint import Login
from tests.servers.certificates import Authority as ServerAuthority
from tests.servers.dovecot import Dovecot


@dataclass(frozen=True, slots=True)
class Measured:
    """Every counted run of one way."""

    runs: tuple[Run, ...]

    @property
    def seconds(self) -> float:
        """The median."""
        return statistics.median(run.seconds for run in self.runs)

    @property
    def peak_bytes(self) -> int:
        """The highest."""
        return max(run.peak_bytes for run in self.runs)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`ours` beside `mbsync` and `notmuch`, on `count` mails of `total_bytes` in all."""

    count: int
    total_bytes: int
    ours: Measured
    mbsync: Measured
    notmuch: Measured
    idle: Measured

    def lines(self) -> list[str]:
        """What to print."""
        pair = [one.seconds + two.seconds for one, two in zip(self.mbsync.runs, self.notmuch.runs, strict=True)]
        ratios = [ours.seconds / both for ours, both in zip(self.ours.runs, pair, strict=True)]
        alone = [ours.seconds / one.seconds for ours, one in zip(self.ours.runs, self.mbsync.runs, strict=True)]
        rate = self.count / self.ours.seconds
        return [
            f"collect, {self.count} receipts, {self.total_bytes / 1e6:.0f} MB, {len(self.ours.runs)} runs in turn:",
            f"  pec-tracker collect  {self.ours.seconds:6.2f} s  ({rate:.0f} mails/s)"
            f"  peak {self.ours.peak_bytes / 1e6:.0f} MB",
            f"  mbsync (FSync yes)   {self.mbsync.seconds:6.2f} s",
            f"  notmuch new          {self.notmuch.seconds:6.2f} s",
            f"  ratio to the pair    {statistics.median(ratios):6.2f}    (required <= 1, goal <= 0.5)",
            f"  ratio to mbsync      {statistics.median(alone):6.2f}    (goal <= 1)",
            f"  collect, nothing new {self.idle.seconds:6.2f} s",
        ]


def compare(*, count: int, rounds: int) -> Comparison:
    """Measure all three, in turn, `rounds` times after one round that warms the caches and does not count."""
    for program, package in (("mbsync", "isync"), ("notmuch", "notmuch")):
        if shutil.which(program) is None:
            raise SystemExit(f"{program} is missing: apt-get install {package}")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        return _compare(folder, count=count, rounds=rounds)


def _compare(folder: Path, *, count: int, rounds: int) -> Comparison:
    authority = ServerAuthority(folder)
    with Dovecot(authority) as dovecot:
        ca = folder / "ca"
        login = dovecot.add_user(ADDRESS)
        total = _fill(dovecot, login, ca, count)
        ways = _Ways(folder, dovecot, authority, login, ca)
        results: dict[str, list[Run]] = {"ours": [], "mbsync": [], "notmuch": [], "idle": []}
        steps: tuple[tuple[str, Callable[[int], Run]], ...] = (
            ("ours", ways.ours),
            ("idle", ways.idle),
            ("mbsync", ways.mbsync),
            ("notmuch", ways.notmuch),
        )
        for number in range(rounds + 1):
            for way, step in steps:
                run = step(number)
                if number:
                    results[way].append(run)
        return Comparison(
            count, total, *(Measured(tuple(results[way])) for way in ("ours", "mbsync", "notmuch", "idle"))
        )


def _fill(dovecot: Dovecot, login: Login, ca: Path, count: int) -> int:
    mails = list(bulk_receipts(bulk(count), office=office(ca)))
    dovecot.append(login, mails)
    return sum(map(len, mails))


class _Ways:
    def __init__(self, folder: Path, dovecot: Dovecot, authority: ServerAuthority, login: Login, ca: Path) -> None:
        self._folder = folder
        self._dovecot = dovecot
        self._login = login
        self._ca_file = authority.root
        self._receipt_ca = ca / "root.pem"
        self._log = folder / "log"
        self._env = {**os.environ, "BENCH_PASSWORD": login.password, "LANG": "C.UTF-8"}

    def ours(self, number: int) -> Run:
        """A new archive and database, filled by `collect`."""
        config = self._config(number)
        return watched(self._command("--config", str(config), "collect", "--json"), env=self._env, log=self._log)

    def idle(self, number: int) -> Run:
        """`collect` once more: nothing has come."""
        config = self._folder / f"ours-{number}" / "config.toml"
        run = watched(self._command("--config", str(config), "collect", "--json"), env=self._env, log=self._log)
        shutil.rmtree(config.parent)
        return run

    def mbsync(self, number: int) -> Run:
        """A new Maildir, filled by mbsync with FSync."""
        store = self._folder / f"mbsync-{number}"
        store.mkdir()
        rc = store / "mbsyncrc"
        rc.write_text(
            f"FSync yes\n\n"
            f"IMAPAccount a\nHost localhost\nPort {self._dovecot.imaps_port}\nUser {self._login.user}\n"
            f'PassCmd "echo $BENCH_PASSWORD"\nSSLType IMAPS\nCertificateFile {self._ca_file}\n\n'
            "IMAPStore far\nAccount a\n\n"
            f"MaildirStore near\nPath {store}/mail/\nInbox {store}/mail/INBOX\nSubFolders Verbatim\n\n"
            "Channel c\nFar :far:\nNear :near:\nPatterns INBOX\nCreate Near\nSync Pull\n"
            f"SyncState {store}/state/\n"
        )
        (store / "mail").mkdir()
        (store / "state").mkdir()
        return watched(["mbsync", "-q", "-c", str(rc), "c"], env=self._env, log=self._log)

    def notmuch(self, number: int) -> Run:
        """An index over the Maildir that mbsync has just filled."""
        store = self._folder / f"mbsync-{number}"
        rc = store / "notmuchrc"
        rc.write_text(f"[database]\npath={store}/mail\n[user]\nname=b\nprimary_email={ADDRESS}\n[new]\ntags=new\n")
        run = watched(["notmuch", "new", "--quiet"], env={**self._env, "NOTMUCH_CONFIG": str(rc)}, log=self._log)
        shutil.rmtree(store)
        return run

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "pec_tracker", *arguments]

    def _config(self, number: int) -> Path:
        place = self._folder / f"ours-{number}"
        place.mkdir()
        config = place / "config.toml"
        config.write_text(
            f'data = "data"\ntrust = ["{self._receipt_ca}"]\n'
            f'[mailbox.bench]\naddress = "{ADDRESS}"\nprovider = "custom"\nlogin = "{self._login.user}"\n'
            'password_env = "BENCH_PASSWORD"\n'
            f'smtp = {{ host = "127.0.0.1", port = 1 }}\n'
            f'imap = {{ host = "127.0.0.1", port = {self._dovecot.imaps_port}, ca_file = "{self._ca_file}" }}\n'
        )
        subprocess.run(["sync"], check=True)  # nothing of the run before is still on its way to the disk
        return config
