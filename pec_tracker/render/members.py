"""How does a package of a hundred megabytes not lie in memory? Its large members are read when they are asked for."""

from collections.abc import Callable, Iterator, Mapping

Reader = Callable[[], bytes]


class Members(Mapping[str, bytes]):
    """Members of a package by name: bytes that are held, or a reader that brings them, each time anew."""

    def __init__(self, held: Mapping[str, bytes | Reader] | None = None) -> None:
        self._held: dict[str, bytes | Reader] = dict(held or {})

    def __getitem__(self, name: str) -> bytes:
        held = self._held[name]
        return held if isinstance(held, bytes) else held()

    def __contains__(self, name: object) -> bool:
        return name in self._held  # without reading it

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def joined(self, *others: Mapping[str, bytes]) -> "Members":
        """These and *others*, of which the last one counts; nothing is read."""
        held = dict(self._held)
        for other in others:
            held.update(other._held if isinstance(other, Members) else other)
        return Members(held)

    def named(self, names: Mapping[str, str]) -> "Members":
        """Those that *names* gives by their names here, under its own names; nothing is read."""
        return Members({new: self._held[old] for new, old in names.items()})

    def only(self, wanted: Callable[[str], bool]) -> "Members":
        """Those whose names are *wanted*; nothing is read."""
        return Members({name: held for name, held in self._held.items() if wanted(name)})
