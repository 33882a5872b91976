"""How fast are mails read and verified, and an archive read again, beside the tools that anyone has?"""

import time
from pathlib import Path

from bench import houses, material
from bench.figures import Block
from bench.rounds import Bench, Rows, in_turn, prepared
from bench.running import Run, run
from bench.trees import Tree

INSPECTED = 4_000
OPENSSL_SAMPLE = 200


def check(bench: Bench) -> Block:
    """`check` of a house with rows and ledger lines for every object, beside sha256sum of the same files."""
    rows = Rows()
    places = prepared(bench, rows, lambda tree: houses.filled(tree, bench.mails))

    def step(tree: Tree, _number: int) -> dict[str, float]:
        house = places[tree.name]
        ours = house.pec_tracker("check", statuses=(0, 1))
        hashed = _sha256sum(house.objects, tree)
        return {
            "wall, ratio to sha256sum": ours.wall / hashed.wall,
            "CPU, ratio to sha256sum": ours.cpu / hashed.cpu,
            "check": ours.wall,
            "sha256sum": hashed.wall,
        }

    in_turn(bench, step, rows)
    return Block(
        f"check of {bench.mails} mails with their ledger lines and rows, beside sha256sum",
        (
            rows.figure("wall, ratio to sha256sum", "", 1.5, 1.1),
            rows.figure("CPU, ratio to sha256sum"),
            rows.figure("check", "s"),
            rows.figure("sha256sum", "s"),
        ),
    )


def _sha256sum(objects: Path, tree: Tree) -> Run:
    command = f"find '{objects}' -type f -print0 | xargs -0 sha256sum > /dev/null"
    return run(["sh", "-c", command], env=tree.env(objects))


def inspect(bench: Bench) -> Block:
    """`inspect` answers at once, and reads and verifies many, beside `openssl cms -verify` as a process for each."""
    files = material.collected(INSPECTED)
    trust = ("--trust", material.root())

    def step(tree: Tree, _number: int) -> dict[str, float]:
        asked = tree.run(tree.command("inspect", "--help"), home=bench.folder)
        every = tree.command("inspect", "--json", *trust, *files)
        done = tree.run(every, home=bench.folder)
        again = tree.run(every, home=bench.folder, memory=True)
        begun = time.perf_counter()
        for file in files[:OPENSSL_SAMPLE]:
            verified = ["openssl", "cms", "-verify", "-in", str(file), "-CAfile", str(material.root())]
            run([*verified, "-out", "/dev/null"], env=tree.env(bench.folder))
        return {
            "inspect --help": asked.wall,
            "mails a second": len(files) / done.wall,
            "openssl cms -verify a second": OPENSSL_SAMPLE / (time.perf_counter() - begun),
            "peak": again.peak / 1e6,
        }

    rows = in_turn(bench, step)
    return Block(
        f"inspect of {len(files)} receipts",
        (
            rows.figure("inspect --help", "s", 0.3, 0.15),
            rows.figure("mails a second", "/s", 1500, 2000, more=True),
            rows.figure("openssl cms -verify a second", "/s"),
            rows.figure("peak", "MB"),
        ),
    )
