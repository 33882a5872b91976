"""Where may a crash hurt? Named points, at each of which the tests kill the process.

In production `at` does nothing. The tests' launcher installs what it does.
"""

from collections.abc import Callable

_act: Callable[[str], None] | None = None


def at(point: str) -> None:
    """Pass the named point; the tests may end the process here."""
    if _act is not None:
        _act(point)


def install(act: Callable[[str], None] | None) -> None:
    """Have `act` called with the name of each point passed; None restores production's nothing."""
    global _act
    _act = act
