"""In which installation is it measured? One with its configuration, archive and database; the big ones are kept."""

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import material
from bench.running import Run
from bench.trees import CACHE, Tree

CONFIG = """data = "data"
trust = ["{trust}"]
language = "en"
"""
MAILBOX = """
[mailbox.{name}]
address = "{address}"
provider = "custom"
login = "{login}"
password_env = "BENCH_PASSWORD"
messages_per_minute = 1000000
copy_to_sent = false
interval_minutes = {interval}
smtp = {{ host = "localhost", port = {smtp}{ca_file} }}
imap = {{ host = "localhost", port = {imap}{ca_file} }}
limits = {{ max_recipients = 500, max_product_mb = 1000 }}
"""
NOWHERE = 1  # a port at which nobody listens


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the house's mailboxes are; by default nowhere."""

    imap: int = NOWHERE
    smtp: int = NOWHERE
    ca_file: Path | None = None
    addresses: tuple[str, ...] = (material.ADDRESS,)
    interval: int = 5


@dataclass(frozen=True, slots=True)
class House:
    """An installation of *tree* in *folder*."""

    tree: Tree
    folder: Path

    @property
    def config(self) -> Path:
        """Its configuration."""
        return self.folder / "config.toml"

    @property
    def database(self) -> Path:
        """Its database."""
        return self.folder / "data" / "pec-tracker.db"

    @property
    def objects(self) -> Path:
        """The bytes that it keeps."""
        return self.folder / "data" / "archive" / "objects"

    def configure(self, servers: Servers) -> "House":
        """Write its configuration; the same house."""
        ca_file = "" if servers.ca_file is None else f', ca_file = "{servers.ca_file}"'
        text = CONFIG.format(trust=material.root())
        for number, address in enumerate(servers.addresses):
            text += MAILBOX.format(
                name=f"bench{number}",
                address=address,
                login=address,
                interval=servers.interval,
                smtp=servers.smtp,
                imap=servers.imap,
                ca_file=ca_file,
            )
        self.config.write_text(text)
        return self

    def pec_tracker(self, *arguments: str | Path, memory: bool = False, statuses: Sequence[int] = (0,)) -> Run:
        """Run the command with this configuration. FailedError."""
        command = self.tree.command("--config", self.config, *arguments)
        return self.tree.run(command, home=self.folder / "home", memory=memory, statuses=statuses)

    def inside(self, what: str, *arguments: str) -> Run:
        """Run *what* of `inside.py` with this configuration. FailedError."""
        return self.tree.run(self.tree.inside(what, self.config, *arguments), home=self.folder / "home")

    def clone(self, folder: Path) -> "House":
        """The same house in another folder: objects, which nobody changes, are linked, all else is copied."""

        def copy(source: str, target: str) -> None:
            (os.link if Path(source).is_relative_to(self.objects) else shutil.copy2)(source, target)

        shutil.copytree(self.folder, folder, copy_function=copy)
        return House(self.tree, folder)

    def remove(self) -> None:
        """Remove it."""
        shutil.rmtree(self.folder)


def new(tree: Tree, folder: Path) -> House:
    """An empty house in a new *folder*."""
    folder.mkdir(parents=True)
    (folder / "home").mkdir()
    return House(tree, folder).configure(Servers())


def filled(tree: Tree, mails: int) -> House:
    """A house that has imported *mails* receipts and the two of the rare message; kept in the cache."""
    files = material.kept(mails)

    def fill(house: House) -> None:
        house.pec_tracker("import", "--json", *files, statuses=(0, 1))

    return _cached(tree, f"filled-{mails}", fill)


def queued(tree: Tree, messages: int) -> House:
    """A house in whose outbox *messages* of 8 kB wait; kept in the cache."""
    return _cached(tree, f"queued-{messages}", lambda house: house.inside("queue", str(messages)))


def _cached(tree: Tree, name: str, fill: Callable[[House], object]) -> House:
    house = House(tree, CACHE / "houses" / f"{tree.form()}-{name}")
    if not house.folder.exists():
        beside = house.folder.with_name(f"{house.folder.name}.new")
        shutil.rmtree(beside, ignore_errors=True)
        fill(new(tree, beside))
        beside.replace(house.folder)
        settle()
    return house.configure(Servers())


def settle() -> None:
    """Nothing of what was done before is still on its way to the disk."""
    subprocess.run(["sync"], check=True)
