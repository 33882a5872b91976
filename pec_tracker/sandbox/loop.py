"""Which thread does the sandbox's work? One of its own, with one event loop: nothing in the sandbox needs a lock."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")

_CLOSING_SECONDS = 0.02  # for transports to be closed by the loop


class LoopThread:
    """A thread that runs *opening* in a new event loop, then whatever it set in motion, until stopped.

    *opening* returns what is to be called at the end, such as a server's `close`.
    """

    def __init__(self, opening: Callable[[], Awaitable[list[Callable[[], object]]]]) -> None:
        self._opening = opening
        self._opened: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="pec-sandbox", daemon=True)
        self._thread.start()
        try:
            self._opened.result()
        except BaseException:
            self._thread.join()
            raise

    def stop(self) -> None:
        """Close everything, end every task, and wait for the thread."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def wait(self, seconds: float) -> bool:
        """Wait for the thread's end, at most so long; whether it still runs."""
        self._thread.join(timeout=seconds)
        return self._thread.is_alive()

    def call(self, act: Callable[[], T]) -> T:
        """The result of *act*, run in the loop; raises what it raises. From any thread."""
        if threading.current_thread() is self._thread:
            return act()
        done: concurrent.futures.Future[T] = concurrent.futures.Future()
        self._loop.call_soon_threadsafe(_fulfil, done, act)
        return done.result()

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        try:
            closing = await self._opening()
        except Exception as error:  # noqa: BLE001 - raised in the thread that waits for the opening
            self._opened.set_exception(error)
            return
        self._opened.set_result(None)
        await self._stopping.wait()
        for close in closing:
            close()
        await _end_other_tasks()


def _fulfil(done: "concurrent.futures.Future[T]", act: Callable[[], T]) -> None:
    try:
        done.set_result(act())
    except Exception as error:  # noqa: BLE001 - raised in the thread that asked
        done.set_exception(error)


async def _end_other_tasks() -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(_CLOSING_SECONDS)
