"""What does the watch cost where nothing happens: `serve` with many mailboxes, each looked into once a minute?"""

import subprocess
import time

import psutil

from bench import houses
from bench.commits import Commits
from bench.figures import Block
from bench.rounds import Bench, Rows
from bench.running import FailedError
from bench.trees import Tree
from tests.servers.certificates import Authority
from tests.servers.dovecot import Dovecot

ROUND_SECONDS = 60
WARM_UP_SECONDS = 90
END_SECONDS = 30


def serve(bench: Bench) -> Block:
    """Percent of a core, transactions that write, and memory; one minute is a round, one tree after the other."""
    bench.folder.chmod(0o755)
    authority = Authority(bench.folder)
    addresses = tuple(f"casella{number}@pec.sandbox.test" for number in range(bench.mailboxes))
    rows = Rows()
    with Dovecot(authority) as dovecot:
        for address in addresses:
            dovecot.add_user(address)
        servers = houses.Servers(dovecot.imaps_port, houses.NOWHERE, authority.root, addresses, interval=1)
        for tree in bench.trees:
            house = houses.new(tree, bench.place(tree, "serve")).configure(servers)
            try:
                _watched(bench, house, rows)
            except FailedError as error:
                rows.failed[tree.name] = str(error)
            house.remove()
    return Block(
        f"serve, {bench.mailboxes} idle mailboxes, each looked into every {ROUND_SECONDS} s",
        (
            rows.figure("of a core", "%", 6, 3),
            rows.figure("transactions that write, a mailbox a round", "", 0, 0),
            rows.figure("transactions that write, a minute in all"),
            rows.figure("memory", "MB"),
        ),
    )


def _watched(bench: Bench, house: houses.House, rows: Rows) -> None:
    tree: Tree = house.tree
    command = tree.command("--config", house.config, "serve", "--json")
    with (house.folder / "said").open("wb") as said:
        process = subprocess.Popen(
            command, env=dict(tree.env(house.folder / "home")), cwd=tree.root, stdout=said, stderr=said
        )
        try:
            time.sleep(WARM_UP_SECONDS)
            for _ in range(bench.rounds):
                if process.poll() is not None:
                    raise FailedError(f"serve ended: {(house.folder / 'said').read_text()[-300:]}")
                rows.add(tree, _minute(psutil.Process(process.pid), house, bench.mailboxes))
        finally:
            process.terminate()
            process.wait(END_SECONDS)


def _minute(process: psutil.Process, house: houses.House, mailboxes: int) -> dict[str, float]:
    before, begun = _cpu(process), time.monotonic()
    with Commits(house.database) as commits:
        time.sleep(ROUND_SECONDS)
        seconds = time.monotonic() - begun
        used = _cpu(process) - before
    return {
        "of a core": 100 * used / seconds,
        "transactions that write, a mailbox a round": commits.count // mailboxes,
        "transactions that write, a minute in all": commits.count,
        "memory": process.memory_full_info().pss / 1e6,
    }


def _cpu(process: psutil.Process) -> float:
    """Seconds so far, of children too."""
    family = [process, *process.children(recursive=True)]
    return sum(times.user + times.system for times in (one.cpu_times() for one in family))
