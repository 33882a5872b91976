"""What does it cost inside a process that runs already? Run by the Python of the tree that is measured.

Imports nothing of the bench. What this tree calls by another name than earlier ones is looked for under both.

    python inside.py WHAT CONFIG [ARGUMENT ...]      prints one JSON object
"""

import importlib
import json
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

Work = Callable[[], object]
WARM_UPS = 2
REPEATS = 7


def found(*names: str) -> Any:
    """The first of these modules that is there."""
    for name in names:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError:
            continue
    raise SystemExit(f"none of these modules is there: {', '.join(names)}")


def asker() -> tuple[Any, ...]:
    """Who asks, where verbs want to know."""
    try:
        return (importlib.import_module("pec_tracker.askers").OPERATOR,)
    except ModuleNotFoundError:
        return ()


def built(config: str) -> Any:
    """The collaborators that the configuration names."""
    settings = importlib.import_module("pec_tracker.config")
    return importlib.import_module("pec_tracker.app").build(settings.load(Path(config)))


def timed(work: Work) -> dict[str, float]:
    """The median of some repetitions, in milliseconds on the clock and of the processor."""
    walls, cpus = [], []
    for number in range(WARM_UPS + REPEATS):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        if number >= WARM_UPS:
            walls.append(1000 * (time.perf_counter() - wall))
            cpus.append(1000 * (time.process_time() - cpu))
    return {"wall": sorted(walls)[REPEATS // 2], "cpu": sorted(cpus)[REPEATS // 2]}


def ask(app: Any, rare: str, common: str, recipient: str, message: str) -> dict[str, dict[str, float]]:
    """`find` in its forms, `show` and `status`."""
    searching = found("pec_tracker.service.queries.find", "pec_tracker.service.find")
    find, query = searching.find, searching.Query
    show = found("pec_tracker.service.queries.show", "pec_tracker.service.show").show
    status = found("pec_tracker.service.queries.status", "pec_tracker.service.status").status
    who, house, accounts = asker(), app.house, app.accounts()
    assert find(*who, house, query(text=rare)).total == 1
    works: dict[str, Work] = {
        "find rare": lambda: find(*who, house, query(text=rare)),
        "find common": lambda: find(*who, house, query(text=common)),
        "find recipient": lambda: find(*who, house, query(recipient=recipient)),
        "first page": lambda: find(*who, house, query()),
        "show": lambda: show(*who, house, message),
        "status": lambda: status(*who, house, accounts),
    }
    return {name: timed(work) for name, work in works.items()}


def prove(app: Any, message: str) -> dict[str, dict[str, float]]:
    """The proof package of one message, its bytes included."""
    proof = found("pec_tracker.service.proof.make", "pec_tracker.service.proof").proof
    return {"proof": timed(lambda: proof(*asker(), app.house, message).content)}


def queue(app: Any, count: str) -> dict[str, int]:
    """Queue *count* messages of 8 kB."""
    sending = found("pec_tracker.service.sending.send", "pec_tracker.service.send")
    draft = importlib.import_module("pec_tracker.pec.compose").Draft
    account = app.account()
    line = "Si comunica quanto segue, con ogni riserva e senza alcun riconoscimento.\n"
    for number in range(int(count)):
        letter = draft(
            sender=account.address,
            to=(f"destinatario{number}@azienda.test",),
            subject=f"Comunicazione n. {number}",
            text=line * (7_400 // len(line)),
        )
        sending.queue(*asker(), app.house, account, letter)
    return {"queued": int(count)}


def dispatch(app: Any, count: str) -> dict[str, float]:
    """Send *count* of the messages that wait: milliseconds of the processor for each."""
    collecting = found("pec_tracker.service.collecting.collect", "pec_tracker.service.collect")
    sending = found("pec_tracker.service.sending.dispatch", "pec_tracker.service.dispatch")
    account, sent = app.account(), [0]
    collecting.collect(*asker(), app.house, account)  # what was queued before this process waits for it

    def progress(done: int) -> None:
        sent[0] = done

    wall, cpu = time.perf_counter(), time.process_time()
    sending.dispatch(*asker(), app.house, account, progress=progress, stop=lambda: sent[0] >= int(count))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert sent[0] == int(count), f"{sent[0]} of {count} messages were sent"
    return {"wall": 1000 * wall / sent[0], "cpu": 1000 * cpu / sent[0]}


def main() -> None:
    """Do what is asked for, and print what it took."""
    works: dict[str, Callable[..., object]] = {"ask": ask, "prove": prove, "queue": queue, "dispatch": dispatch}
    what, config, *arguments = sys.argv[1:]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    print(json.dumps(works[what](built(config), *arguments)))


if __name__ == "__main__":
    main()
