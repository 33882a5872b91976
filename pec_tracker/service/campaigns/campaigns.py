"""Which campaigns are there, and what is said of each? Made, changed before the start, named, listed.

A campaign's key is made of its name, and its letters' keys of that: whoever makes it again after everything was lost
comes to the same letters, and those that the archive knows are not written twice.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Select, delete, func, insert, select, update

from pec_tracker.askers import Act, Asker
from pec_tracker.campaign_tokens import CampaignState
from pec_tracker.db.base import table
from pec_tracker.db.book import ColumnMapping
from pec_tracker.db.campaigns import Campaign, CampaignRow
from pec_tracker.db.engine import in_one_transaction, reading
from pec_tracker.db.tables import Mailbox
from pec_tracker.errors import NotFoundError, UsageError
from pec_tracker.service.campaigns.checked import ACCEPTABLE
from pec_tracker.service.campaigns.definition import Definition
from pec_tracker.service.campaigns.placeholders import placeholders
from pec_tracker.service.contacts.book import words_key
from pec_tracker.service.contacts.columns import said_mapping, table_of
from pec_tracker.service.contacts.sheets import read
from pec_tracker.service.house import Account, House
from pec_tracker.service.verbs import among, verb

MAX_NAME: Final = 200  # characters
NAMED_AT_MOST: Final = 6  # of several that may be meant


@dataclass(frozen=True, slots=True)
class Kept:
    """A campaign as the database has it; `mailbox` is the name of the mailbox that it is sent from."""

    id: int
    key: str
    name: str
    mailbox_id: int
    mailbox: str
    state: CampaignState
    definition: Definition
    check_id: str | None
    checked_at: datetime | None
    previewed: tuple[str, ...]
    started_check: str | None
    started_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Overview:
    """A campaign in a list: how many rows stand in which state."""

    campaign: Kept
    rows: Mapping[str, int]


def campaign_key(name: str) -> str:
    """The key of the campaign that is called so: the same for the same words."""
    digest = hashlib.sha256(f"campaign {words_key(name, ordered=True)}".encode()).digest()
    return "c" + base64.b32encode(digest).decode("ascii").lower()[:15]


@verb(Act.SEND)
def new_campaign(asker: Asker, house: House, account: Account, name: str, definition: Definition) -> Kept:
    """Make a campaign that is called *name*. UsageError where there is one, or *definition* says too little."""
    name = " ".join(name.split())
    if not words_key(name) or len(name) > MAX_NAME:
        raise UsageError("a campaign needs a name of at most {count} characters, with a word in it", count=MAX_NAME)
    _require_sense(definition)
    row = {
        "key": campaign_key(name),
        "name": name,
        "mailbox_id": account.id,
        "state": CampaignState.DRAFT.value,
        "definition": definition.as_json(),
        "previewed": [],
        "created_at": house.clock.now(),
    }

    def work(connection: Connection) -> None:
        if connection.execute(select(Campaign.id).where(Campaign.key == row["key"])).first() is not None:
            raise UsageError(
                "there is a campaign {name} already; `campaign update` gives it another list, or choose another name",
                name=name,
            )
        connection.execute(insert(table(Campaign)), [row])
        _remember(connection, definition, house.clock.now())

    in_one_transaction(house.engine, work)
    return campaign_named(asker, house, name)


@verb(Act.SEND)
def redefine(asker: Asker, house: House, name: str, changes: Mapping[str, Any]) -> Kept:
    """Say something else of a campaign (fields of `Definition`); it is to be checked anew. UsageError."""
    campaign = campaign_named(asker, house, name)
    if campaign.state is CampaignState.CANCELLED:
        raise UsageError("the campaign {name} was cancelled; make a new one", name=campaign.name)
    definition = Definition.of_json({**campaign.definition.as_json(), **changes})
    _require_sense(definition)

    def work(connection: Connection) -> None:
        kept: dict[str, Any] = {"definition": definition.as_json(), "checked": None, "check_id": None, "previewed": []}
        connection.execute(update(Campaign).where(Campaign.id == campaign.id).values(kept))
        _remember(connection, definition, house.clock.now())

    in_one_transaction(house.engine, work)
    return campaign_named(asker, house, campaign.name)


@verb(Act.SEND)
def remove_draft(asker: Asker, house: House, name: str) -> str:
    """Remove a campaign of which nothing was started; its name. UsageError where something was."""
    campaign = campaign_named(asker, house, name)
    gone = delete(Campaign).where(Campaign.id == campaign.id, Campaign.state == CampaignState.DRAFT.value)
    if in_one_transaction(house.engine, lambda connection: connection.execute(gone).rowcount) == 0:
        raise UsageError("{name} was started, so it stays; `campaign cancel` ends it", name=campaign.name)
    return campaign.name


@verb(Act.READ)
def campaign_named(asker: Asker, house: House, name: str) -> Kept:
    """The campaign of this name, or the only one whose name begins so. NotFoundError, UsageError where several do."""
    key, beginning = campaign_key(name), words_key(name, ordered=True)
    with reading(house.engine) as connection:
        exact = connection.execute(_columns(asker).where(Campaign.key == key)).one_or_none()
        if exact is not None:
            return _kept(exact)
        all_of = [_kept(row) for row in connection.execute(_columns(asker).order_by(Campaign.id.desc()))]
    found = [one for one in all_of if beginning and words_key(one.name, ordered=True).startswith(beginning)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(
            "several campaigns begin with {name}: {names}",
            name=name,
            names="; ".join(one.name for one in found[:NAMED_AT_MOST]),
        )
    raise NotFoundError("there is no campaign {name}; `campaign list` shows them", name=name)


@verb(Act.READ)
def list_campaigns(asker: Asker, house: House) -> list[Overview]:
    """Every campaign, the newest first."""
    counted = select(CampaignRow.campaign_id, CampaignRow.state, func.count()).group_by(
        CampaignRow.campaign_id, CampaignRow.state
    )
    with reading(house.engine) as connection:
        rows: dict[int, dict[str, int]] = {}
        for campaign_id, state, count in connection.execute(counted):
            rows.setdefault(campaign_id, {})[state] = count
        found = connection.execute(_columns(asker).order_by(Campaign.created_at.desc(), Campaign.id.desc()))
        return [Overview(_kept(row), rows.get(row.id, {})) for row in found]


def _columns(asker: Asker) -> Select[Any]:
    columns = (
        Campaign.id, Campaign.key, Campaign.name, Campaign.mailbox_id, Mailbox.name.label("mailbox"), Campaign.state,
        Campaign.definition, Campaign.check_id, Campaign.checked_at, Campaign.previewed, Campaign.started_check,
        Campaign.started_at, Campaign.created_at,
    )  # fmt: skip
    joined = select(*columns).join(Mailbox, Mailbox.id == Campaign.mailbox_id)
    return joined.where(among(asker, Campaign.mailbox_id))


def _kept(row: Any) -> Kept:
    facts = dict(row._mapping)
    facts["state"] = CampaignState(facts["state"])
    facts["definition"] = Definition.of_json(facts["definition"])
    facts["previewed"] = tuple(facts["previewed"])
    return Kept(**facts)


def _require_sense(definition: Definition) -> None:
    """UsageError for what no check could make letters of."""
    if (definition.list_file is None) == (definition.condominium is None):
        raise UsageError("say in one way who gets it: --list FILE, or --condominium NAME of the address book")
    if not definition.subject.strip():
        raise UsageError("the subject is empty; a court and a clerk look for it first")
    if definition.file_column is not None and definition.file_pattern is not None:
        raise UsageError("say in one way whose each document is: --file-column, or --file-pattern")
    for text in (definition.subject, definition.text, definition.file_pattern or ""):
        placeholders(text)
    unknown = [one for one in definition.accepted if one not in ACCEPTABLE]
    if unknown:
        raise UsageError(
            "{fault} cannot be accepted; what can: {faults}",
            fault=unknown[0],
            faults=", ".join(sorted(one.value for one in ACCEPTABLE)),
        )


def _remember(connection: Connection, definition: Definition, now: datetime) -> None:
    """What was said of the columns holds for every list with the same ones, as in an import of contacts."""
    said = said_mapping(definition.columns)
    if not said or definition.list_file is None:
        return
    found = table_of(read(Path(definition.list_file).read_bytes(), sheet=definition.sheet), said, {})
    kept = connection.execute(select(ColumnMapping.fields).where(ColumnMapping.headers_key == found.key)).scalar()
    if kept is None:
        connection.execute(insert(table(ColumnMapping)), [{"headers_key": found.key, "fields": said, "at": now}])
        return
    both = {**kept, **said}
    connection.execute(update(ColumnMapping).where(ColumnMapping.headers_key == found.key).values(fields=both))
