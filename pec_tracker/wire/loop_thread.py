"""Where does asyncio live in a synchronous program? In one thread with one loop, driven by blocking calls."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """An event loop in a thread of its own; it sees a server hang up even while nobody is waiting for it."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` in the loop and wait for it; an exception here (an interrupt) cancels it there.

        Raises ConnectionAbortedError when the loop is closed meanwhile.
        """
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except CancelledError as error:
            raise ConnectionAbortedError("closed while waiting") from error
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Cancel what still runs, end the loop and its thread; harmless when repeated."""
        if self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(_cancel_rest())
        finally:
            self._loop.close()


async def _cancel_rest() -> None:
    rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    for _ in range(3):
        await asyncio.sleep(0)  # an aborted transport closes its socket in the next rounds: TLS, then TCP
