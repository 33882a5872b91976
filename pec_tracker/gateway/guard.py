"""How is the gateway kept free for those who use it? A count of connections, and a pause for who guesses passwords."""

import hmac
from collections import deque
from collections.abc import Callable
from typing import Final

from pec_tracker.answers import gateway as answers

GUESSES: Final = 10  # wrong passwords from one address within PAUSE_SECONDS; then it waits
PAUSE_SECONDS: Final = 300.0
REMEMBERED: Final = 10_000  # addresses at most


class Guard:
    """Counts connections and wrong passwords. Not for several threads: the dialogues run in one.

    `clock` gives seconds that only grow.
    """

    def __init__(self, *, connections: int, clock: Callable[[], float]) -> None:
        self._most = connections
        self._clock = clock
        self._open = 0
        self._wrong: dict[str, deque[float]] = {}

    def enter(self, address: str) -> str | None:
        """Count a new connection; the reply that turns it away where it is one too many, or its address must wait."""
        if self._guesses(address) >= GUESSES:
            return answers.locked_reply()
        if self._open >= self._most:
            return answers.full_reply()
        self._open += 1
        return None

    def leave(self) -> None:
        """A connection that was counted has ended."""
        self._open -= 1

    def failed(self, address: str) -> None:
        """A wrong password came from *address*."""
        if len(self._wrong) >= REMEMBERED:
            self._wrong.pop(next(iter(self._wrong)))
        self._wrong.setdefault(address, deque(maxlen=GUESSES)).append(self._clock())

    def locked(self, address: str) -> bool:
        """Whether *address* must wait before it may try another password."""
        return self._guesses(address) >= GUESSES

    @staticmethod
    def same(given: bytes, password: bytes) -> bool:
        """Whether a password is the one that is kept, in a time that says nothing of it; an empty one never is."""
        return bool(password) & hmac.compare_digest(given, password)

    def _guesses(self, address: str) -> int:
        wrong = self._wrong.get(address, ())
        return sum(self._clock() - at < PAUSE_SECONDS for at in wrong)
