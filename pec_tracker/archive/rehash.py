"""Do the bytes still match their names? Runs in worker processes, so it imports next to nothing."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass

_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0)

# One system call for nearly every mail; a larger buffer would cost more to obtain than it saves.
READ_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Rehash:
    """What reading some files of a folder again gave: how much, which differ, which cannot be read and why."""

    count: int
    size: int
    damaged: tuple[str, ...]
    unreadable: tuple[tuple[str, str], ...]


def rehash(folder: str, names: Sequence[str]) -> Rehash:
    """Hash the files *names* of *folder* again; each name begins with the SHA-256 that its bytes must have."""
    size = 0
    damaged: list[str] = []
    unreadable: list[tuple[str, str]] = []
    for name in names:
        try:
            digest, length = _hash(f"{folder}/{name}")
        except OSError as error:
            unreadable.append((name, error.strerror or type(error).__name__))
            continue
        size += length
        if digest != name[:64]:
            damaged.append(name)
    return Rehash(len(names), size, tuple(damaged), tuple(unreadable))


def _hash(path: str) -> tuple[str, int]:
    descriptor = os.open(path, _READ)
    try:
        read = os.read(descriptor, READ_BYTES)
        digest = hashlib.sha256(read)
        size = len(read)
        while len(read) == READ_BYTES:
            read = os.read(descriptor, READ_BYTES)
            digest.update(read)
            size += len(read)
    finally:
        os.close(descriptor)
    return digest.hexdigest(), size
