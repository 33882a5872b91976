"""What can be wrong with what we keep? Each disagreement has a stable name that scripts may rely on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class FindingKind(StrEnum):
    """The names of the disagreements between objects, ledger, seals and database."""

    FORMAT_MISSING = "format-missing"
    FORMAT_UNKNOWN = "format-unknown"
    FOLDER_UNREADABLE = "folder-unreadable"
    FOREIGN_FILE = "foreign-file"

    OBJECT_MISSING = "object-missing"
    OBJECT_DAMAGED = "object-damaged"
    OBJECT_UNREADABLE = "object-unreadable"
    OBJECT_MISNAMED = "object-misnamed"
    OBJECT_EXTRA = "object-extra"

    SEGMENT_MISSING = "segment-missing"
    SEGMENT_UNREADABLE = "segment-unreadable"
    LINE_EDITED = "line-edited"
    LINE_MISSING = "line-missing"
    LINE_EXTRA = "line-extra"
    LINE_MOVED = "line-moved"

    SEAL_MISSING = "seal-missing"
    SEAL_UNREADABLE = "seal-unreadable"
    SEAL_MALFORMED = "seal-malformed"
    SEAL_REPLACED = "seal-replaced"
    SEAL_UNFINISHED = "seal-unfinished"
    SEAL_UNRECORDED = "seal-unrecorded"
    CHAIN_BROKEN = "chain-broken"

    HEAD_MISSING = "head-missing"
    HEAD_UNREADABLE = "head-unreadable"
    HEAD_REPLACED = "head-replaced"

    STAMP_MISSING = "stamp-missing"
    STAMP_UNREADABLE = "stamp-unreadable"
    STAMP_MISMATCH = "stamp-mismatch"
    STAMP_BROKEN = "stamp-broken"
    STAMP_UNTRUSTED = "stamp-untrusted"
    STAMP_REPLACED = "stamp-replaced"
    STAMP_UNRECORDED = "stamp-unrecorded"
    STAMP_WITHOUT_SEAL = "stamp-without-seal"

    NOTARY_MISSING = "notary-missing"
    NOTARY_UNTRUSTED = "notary-untrusted"
    NOTARY_MISMATCH = "notary-mismatch"
    NOTARY_WITHOUT_SEAL = "notary-without-seal"

    DATABASE_UNREADABLE = "database-unreadable"
    DATABASE_LINE_EDITED = "database-line-edited"
    DATABASE_LINE_MISSING = "database-line-missing"
    DATABASE_LINE_EXTRA = "database-line-extra"
    DATABASE_LINE_MOVED = "database-line-moved"
    DATABASE_SEAL_EDITED = "database-seal-edited"
    DATABASE_MAIL_MISSING = "database-mail-missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """One disagreement: `object` names the file, or the line in it (`00000042.jsonl:7`).

    `template` is the English text with `{names}`, which is also its key in the translations; `params` fills them.
    """

    kind: FindingKind
    object: str
    template: str
    params: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def detail(self) -> str:
        """The text for a person, in English."""
        return self.template.format(**self.params)
