"""What does its user say of a campaign? Where the list is, what is written, which documents go with it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from pec_tracker.campaign_tokens import Channel


@dataclass(frozen=True, slots=True)
class Definition:
    """All that is said of a campaign; `check` makes letters of it.

    The list is a file (`list_file`, absolute) or a condominium of the address book. `subject` and `text` may hold
    `{column}`. `shared` (absolute paths) go to all. Each row's own document: named by `file_column`, or by
    `file_pattern`, both within `folder`; or `folder` is what `campaign split` wrote. `accepted` are faults that are
    known and wanted. `without_pec`: how a row goes that has no PEC address; None: it is left out.
    """

    subject: str
    text: str
    list_file: str | None = None
    condominium: str | None = None
    sheet: str | None = None
    columns: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    file_column: str | None = None
    file_pattern: str | None = None
    folder: str | None = None
    key_column: str | None = None
    channel_column: str | None = None
    without_pec: Channel | None = None
    merge: bool = False
    case: str | None = None
    receipt_form: str = "completa"
    accepted: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As the database and the record keep it."""
        return asdict(self)

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> Self:
        """What `as_json` gave; what another release added is passed over."""
        known = {one.name: kept[one.name] for one in fields(cls) if one.name in kept}
        for name in ("columns", "shared", "accepted"):
            known[name] = tuple(known.get(name, ()))
        if known.get("without_pec") is not None:
            known["without_pec"] = Channel(known["without_pec"])
        return cls(**known)

    @property
    def personal(self) -> bool:
        """Whether each row has a document of its own."""
        return bool(self.file_column or self.file_pattern or self.folder)
