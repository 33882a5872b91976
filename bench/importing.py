"""Does `import` keep its pace when much is kept already, and how large does the database become?"""

from pathlib import Path

from bench import houses, material
from bench.figures import Block
from bench.houses import House
from bench.rounds import Bench, Rows, in_turn, prepared
from bench.running import Run
from bench.trees import Tree


def rates(bench: Bench) -> Block:
    """Mails a second into an empty house, and into one that keeps many."""
    rows = Rows()
    places = prepared(bench, rows, lambda tree: houses.filled(tree, bench.mails))
    mails = material.fresh()
    full = f"with {bench.mails} kept"

    def step(tree: Tree, _number: int) -> dict[str, float]:
        place = bench.place(tree, "import")
        empty = _imported(houses.new(tree, place), mails)
        kept = _imported(places[tree.name].clone(place), mails)
        return {
            "with 0 kept": material.BATCH / empty.wall,
            full: material.BATCH / kept.wall,
            "CPU a mail, with 0 kept": 1000 * empty.cpu / material.BATCH,
            f"CPU a mail, {full}": 1000 * kept.cpu / material.BATCH,
        }

    in_turn(bench, step, rows)
    return Block(
        f"import of {material.BATCH} mails",
        (
            *(rows.figure(name, "/s", 1500, 3000, more=True) for name in ("with 0 kept", full)),
            *(rows.figure(f"CPU a mail, {name}", "ms") for name in ("with 0 kept", full)),
        ),
    )


def _imported(house: House, mails: Path) -> Run:
    houses.settle()
    done = house.pec_tracker("import", "--json", mails, statuses=(0, 1))
    house.remove()
    return done


def size(bench: Bench) -> Block:
    """Bytes of the database for each mail kept."""
    rows = Rows()
    for name, house in prepared(bench, rows, lambda tree: houses.filled(tree, bench.mails)).items():
        files = [house.database, *house.database.parent.glob(f"{house.database.name}-wal")]
        rows.values.setdefault("bytes a mail", {})[name] = [sum(file.stat().st_size for file in files) / bench.mails]
    return Block(f"database, {bench.mails} mails", (rows.figure("bytes a mail", "", 2700, 2000),))


def many(bench: Bench) -> Block:
    """A message with many recipients: its receipts taken in, its proof made and verified."""
    mails = material.many(bench.recipients)
    taken = f"take in {bench.recipients + 1} receipts"

    def step(tree: Tree, _number: int) -> dict[str, float]:
        house = houses.new(tree, bench.place(tree, "many"))
        package = house.folder / "proof.zip"
        houses.settle()
        done = house.pec_tracker("import", "--json", mails, memory=True, statuses=(0, 1))
        made = house.pec_tracker("proof", material.MANY_ID, "--output", package, memory=True)
        held = house.pec_tracker("verify", "--trust", material.root(), package, memory=True, statuses=(0, 1))
        house.remove()
        return {
            taken: done.wall,
            "proof": made.wall,
            "proof, peak": made.peak / 1e6,
            "verify": held.wall,
            "verify, peak": held.peak / 1e6,
        }

    rows = in_turn(bench, step)
    return Block(
        f"a message with {bench.recipients} recipients",
        (
            rows.figure(taken, "s", 3, 1),
            rows.figure("proof", "s", 6, 3),
            rows.figure("proof, peak", "MB", 200, 200),
            rows.figure("verify", "s", 6, 3),
            rows.figure("verify, peak", "MB", 200, 200),
        ),
    )
