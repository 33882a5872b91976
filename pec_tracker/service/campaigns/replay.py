"""How does a rebuild make campaigns again? From the record of each list that was started, and the letters' keys.

A campaign that ran is paused afterwards: whether it goes on is a person's to say. Drafts are gone with the database.
"""

from sqlalchemy import Connection, insert, select, update

from pec_tracker.archive.archive import Archive
from pec_tracker.archive.objects import Suffix
from pec_tracker.campaign_tokens import CampaignState, RowState
from pec_tracker.db.base import table
from pec_tracker.db.campaigns import Campaign, CampaignRow
from pec_tracker.db.chunks import chunks
from pec_tracker.db.tables import Mailbox, Message
from pec_tracker.ledger import lines, records
from pec_tracker.ledger.acts import LedgerAct
from pec_tracker.service.campaigns.checked import Checked
from pec_tracker.service.campaigns.definition import Definition
from pec_tracker.service.campaigns.feed import letter_key
from pec_tracker.service.campaigns.outcomes_noted import add_event
from pec_tracker.service.campaigns.start import write_list

_STATES = {
    LedgerAct.CAMPAIGN_PAUSED: CampaignState.PAUSED,
    LedgerAct.CAMPAIGN_RESUMED: CampaignState.PAUSED,
    LedgerAct.CAMPAIGN_CANCELLED: CampaignState.CANCELLED,
}
REPLAYED = frozenset({LedgerAct.CAMPAIGN_STARTED, LedgerAct.CAMPAIGN_OUTCOME, *_STATES})


def replay(connection: Connection, archive: Archive, act: lines.Line) -> None:
    """Write again what a line says of a campaign. Raises ObjectMissingError where its record is gone."""
    key = str(act.facts["campaign"])
    if act.act in _STATES:
        state = _STATES[LedgerAct(act.act)].value
        connection.execute(update(Campaign).where(Campaign.key == key).values(state=state))
        return
    record = records.read_record(archive.get(str(act.facts["record"]), Suffix.RECORD))
    if act.act == LedgerAct.CAMPAIGN_STARTED:
        checked = Checked.of_json(record["letters"])
        write_list(connection, _campaign(connection, act, key, record["name"], checked), checked)
        return
    campaign_id = connection.execute(select(Campaign.id).where(Campaign.key == key)).scalar()
    if campaign_id is not None:
        add_event(connection, campaign_id, record["row"], record["outcome"])


def _campaign(connection: Connection, act: lines.Line, key: str, name: str, checked: Checked) -> int:
    """The campaign's row, with the list that was started last."""
    started = {
        "state": CampaignState.PAUSED.value,
        "record": str(act.facts["record"]),
        "started_check": str(act.facts["check"]),
    }
    there = connection.execute(select(Campaign.id).where(Campaign.key == key)).scalar()
    if there is not None:
        connection.execute(update(Campaign).where(Campaign.id == there).values(started))
        return int(there)
    # What its user said of the list is in no record; what was made of it is.
    lost = Definition(subject="", text="", case=checked.case, receipt_form=checked.receipt_form)
    row = {
        "key": key,
        "name": name,
        "mailbox_id": connection.execute(
            select(Mailbox.id).where(Mailbox.key == str(act.facts["mailbox"]))
        ).scalar_one(),
        "definition": lost.as_json(),
        "previewed": [],
        "started_at": act.at,
        "created_at": act.at,
        **started,
    }
    return int(connection.execute(insert(table(Campaign)).values(row).returning(Campaign.id)).scalar_one())


def relink(connection: Connection) -> None:
    """Give each row the last letter that was written for it: by its key, which says whose it is."""
    columns = select(CampaignRow.campaign_id, CampaignRow.row_key, CampaignRow.tries, Campaign.key)
    waiting = columns.join(Campaign, Campaign.id == CampaignRow.campaign_id).where(
        CampaignRow.state.in_([RowState.WAITING.value, RowState.GONE.value])
    )
    rows = [(row, 0, "") for row in connection.execute(waiting)]
    found: dict[tuple[int, str], tuple[int, str]] = {}
    while rows:
        wanted = {letter_key(row.key, row.row_key, tries): (row, tries) for row, tries, _key in rows}
        there = [
            key
            for some in chunks(list(wanted))
            for key in connection.scalars(select(Message.key).where(Message.key.in_(some)))
        ]
        rows = []
        for key in there:
            row, tries = wanted[key]
            found[row.campaign_id, row.row_key] = tries, key
            rows.append((row, tries + 1, key))
    for (campaign_id, row_key), (tries, key) in found.items():
        this = CampaignRow.campaign_id == campaign_id, CampaignRow.row_key == row_key
        values = {"state": RowState.QUEUED.value, "message_key": key, "tries": tries}
        connection.execute(update(CampaignRow).where(*this).values(values))
