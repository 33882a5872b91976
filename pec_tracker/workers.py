"""Who does work beside this process? Worker processes that end when it does, however it ends.

Python's own pools do not notice that the process which made them was killed: their workers would wait for ever.
"""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from typing import Any

from pec_tracker import garbage


def pool(processes: int, begin: Callable[..., None] | None = None, *arguments: Any) -> ProcessPoolExecutor:
    """Worker processes, each of which calls *begin* with *arguments* first.

    Spawned, not forked: this process may have threads, and Windows knows no other way.
    """
    return ProcessPoolExecutor(processes, get_context("spawn"), initializer=_begin_work, initargs=(begin, arguments))


def _begin_work(begin: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
    garbage.look_seldom()
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    if begin is not None:
        begin(*arguments)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)  # nobody is left who would take an answer
