"""Do the questions of every day, and the reports, answer at once, however many mails are kept?"""

import json

from bench import houses, material
from bench.figures import Block, Figure
from bench.rounds import Bench, Rows, in_turn, prepared
from bench.trees import Tree

FEW = 10_000
COMMON_WORD = "fattura"
SOME_RECIPIENT = "destinatario4242@azienda.test"

COLD = {
    "find, rare": ("find", material.RARE_WORD),
    "find, common": ("find", COMMON_WORD),
    "find, recipient": ("find", "--recipient", SOME_RECIPIENT),
    "show": ("show", material.RARE_ID),
    "status": ("status",),
    "outbox list": ("outbox", "list"),
}
ASKED = ("find rare", "find common", "find recipient", "first page", "show", "status")


def inside(bench: Bench) -> Block:
    """`find`, `show` and `status` in a process that runs already, with few mails and with many."""
    sizes = sorted({min(FEW, bench.mails), bench.mails})
    return Block("questions inside a process", tuple(figure for mails in sizes for figure in _inside(bench, mails)))


def _inside(bench: Bench, mails: int) -> list[Figure]:
    rows = Rows()
    places = prepared(bench, rows, lambda tree: houses.filled(tree, mails))

    def step(tree: Tree, _number: int) -> dict[str, float]:
        arguments = (material.RARE_WORD, COMMON_WORD, SOME_RECIPIENT, material.RARE_ID)
        asked = json.loads(places[tree.name].inside("ask", *arguments).said)
        return {f"{name}, {mails} mails": asked[name]["wall"] for name in ASKED}

    in_turn(bench, step, rows)
    return [rows.figure(f"{name}, {mails} mails", "ms", 10, 3) for name in ASKED]


def cold(bench: Bench) -> Block:
    """The same as commands, start-up included."""
    rows = Rows()
    places = prepared(bench, rows, lambda tree: houses.filled(tree, bench.mails))

    def step(tree: Tree, _number: int) -> dict[str, float]:
        house = places[tree.name]
        runs = {name: house.pec_tracker(*arguments, statuses=(0, 1)) for name, arguments in COLD.items()}
        return {name: run.wall for name, run in runs.items()} | {f"{name}, CPU": run.cpu for name, run in runs.items()}

    in_turn(bench, step, rows)
    walls = tuple(rows.figure(name, "s", 0.4, 0.25) for name in COLD)
    return Block(
        f"questions as commands, {bench.mails} mails", walls + tuple(rows.figure(f"{name}, CPU", "s") for name in COLD)
    )


def retention(bench: Bench) -> Block:
    """`report retention`: the list, and by month."""
    rows = Rows()
    places = prepared(bench, rows, lambda tree: houses.filled(tree, bench.mails))

    def step(tree: Tree, _number: int) -> dict[str, float]:
        house = places[tree.name]
        listed = house.pec_tracker("report", "retention", memory=True)
        by_month = house.pec_tracker("report", "retention", "--by-month", memory=True)
        return {
            "list, wall": listed.wall,
            "list, peak": listed.peak / 1e6,
            "by month, wall": by_month.wall,
            "by month, peak": by_month.peak / 1e6,
        }

    in_turn(bench, step, rows)
    return Block(
        f"report retention, {bench.mails} mails (the figures are for 1,000,000, by month)",
        (
            rows.figure("by month, wall", "s", 3, 1),
            rows.figure("by month, peak", "MB", 150, 150),
            rows.figure("list, wall", "s"),
            rows.figure("list, peak", "MB"),
        ),
    )


def proof(bench: Bench) -> Block:
    """The proof of one message among many mails, in a process that runs already."""
    rows = Rows()
    places = prepared(bench, rows, lambda tree: houses.filled(tree, bench.mails))

    def step(tree: Tree, _number: int) -> dict[str, float]:
        made = json.loads(places[tree.name].inside("prove", material.RARE_ID).said)["proof"]
        return {"wall": made["wall"], "CPU": made["cpu"]}

    in_turn(bench, step, rows)
    return Block(
        f"proof of one message among {bench.mails} mails, inside a process",
        (rows.figure("wall", "ms", 150, 80), rows.figure("CPU", "ms")),
    )
