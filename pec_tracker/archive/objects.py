"""What is an object? Bytes that are named by their SHA-256 and written once; an archive keeps them."""

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum


class Suffix(StrEnum):
    """What an object holds, as the end of its file's name: it opens by double click."""

    MAIL = ".eml"
    RECORD = ".json"
    CERTIFICATE = ".der"
    OUTLOOK = ".msg"  # an Outlook item file, kept beside the mails that were rebuilt from it
    PDF = ".pdf"  # what a register showed of an address, as a page or as a picture (PNG, JPEG)
    PNG = ".png"
    JPEG = ".jpg"


@dataclass(frozen=True, slots=True)
class Object:
    """Bytes to keep; `sha256` is their name, in hex."""

    content: bytes = field(repr=False)
    suffix: Suffix
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha256", hashlib.sha256(self.content).hexdigest())
