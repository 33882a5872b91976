"""What is an object? Bytes that are named by their SHA-256 and written once; an archive keeps them."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Suffix(StrEnum):
    """What an object holds, as the end of its file's name: it opens by double click."""

    MAIL = ".eml"
    RECORD = ".json"
    CERTIFICATE = ".der"
    OUTLOOK = ".msg"  # an Outlook item file, kept beside the mails that were rebuilt from it


@dataclass(frozen=True, slots=True)
class Object:
    """Bytes to keep; `sha256` is their name, in hex."""

    content: bytes = field(repr=False)
    suffix: Suffix
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha256", hashlib.sha256(self.content).hexdigest())


class Archive(Protocol):
    """Where the bytes live. Names are hex SHA-256; every reading is hashed again."""

    def put_many(self, objects: Sequence[Object]) -> list[str]:
        """Keep all of *objects*, durable when it returns; their names, in order. Repeating it changes nothing.

        An object already there is read again: ObjectDamagedError when it holds other bytes. Raises DiskFullError,
        StorageError; what it had kept by then is whole.
        """

    def get(self, sha256: str, suffix: Suffix) -> bytes:
        """The bytes of one object. Raises ObjectMissingError, ObjectDamagedError."""

    def holds(self, sha256: str, suffix: Suffix) -> bool:
        """Whether the object is there, without reading it."""

    def delete(self, sha256: str, suffix: Suffix) -> None:
        """Let the object go, durably; nothing happens when it is gone already."""

    def objects(self) -> Iterator[tuple[str, Suffix, int]]:
        """Every object: name, suffix, size in bytes."""
