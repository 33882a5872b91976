"""What can be written again of a damaged archive? Ledger files and records that the database still knows, as they were.

Nothing that is there is changed: only what is gone is written, and only with the SHA-256 that was recorded.
"""

from collections import defaultdict
from collections.abc import Iterator

from sqlalchemy import Connection, Engine, insert, select

from pec_tracker.archive.archive import Archive
from pec_tracker.archive.finding import Finding, FindingKind
from pec_tracker.archive.objects import Object, Suffix
from pec_tracker.askers import Act, Asker
from pec_tracker.db.engine import in_one_transaction, reading
from pec_tracker.db.tables import ArchiveRow, Folder, Ledger, Mailbox, Message, Recipient
from pec_tracker.ledger import lines, mend, records, seals, together
from pec_tracker.ledger.acts import LedgerAct
from pec_tracker.ledger.lines import decode, named_objects
from pec_tracker.ledger.mend import Mended
from pec_tracker.ledger.together import Disagreement
from pec_tracker.pec.roles import MessageOrigin
from pec_tracker.pec.sending import Priority
from pec_tracker.service.house import House
from pec_tracker.service.verbs import verb

# Acts whose records say what a row says too.
_TOLD_BY_ROWS = (LedgerAct.MAILBOX_KNOWN, LedgerAct.FOLDER_KNOWN, LedgerAct.MESSAGE_QUEUED)


@verb(Act.KEEP, of_all=True)
def repair(asker: Asker, engine: Engine, archive: Archive, *, into_empty: bool = False) -> Mended:
    """Write lost ledger files and records again. *into_empty*: also into a folder that holds no archive any more.

    Raises ApartError where the folder is not the database's archive, or the database is the older one.
    """
    found = together.meet(engine, archive).disagreement
    allowed = {None, Disagreement.ARCHIVE_OLDER} | ({Disagreement.ARCHIVE_EMPTIED} if into_empty else set())
    if found not in allowed:
        assert found is not None
        raise together.apart(found, archive)
    _make_ready(engine, archive)
    mended = mend.write_again(engine, archive.ledger)
    again = [one for one in _records(engine) if not archive.holds(one.sha256, one.suffix)]
    archive.put_many(again)
    return Mended((*mended.written, *(f"{one.sha256}{one.suffix}" for one in again)), mended.lost)


@verb(Act.KEEP, of_all=True)
def put_aside(asker: Asker, house: House, findings: tuple[Finding, ...]) -> list[str]:
    """Move aside the objects of *findings* that nobody names, with a line in the ledger that says which."""
    extra = [finding.object for finding in findings if finding.kind is FindingKind.OBJECT_EXTRA]
    moved = house.archive.set_aside(extra)
    if moved:
        act = lines.new_line(LedgerAct.OBJECTS_SET_ASIDE, at=house.clock.now(), names=moved)
        in_one_transaction(house.engine, lambda connection: lines.append(connection, [act]))
        seals.seal_pending(house.engine, house.archive, now=house.clock.now())
    return moved


def _make_ready(engine: Engine, archive: Archive) -> None:
    """What the archive consists of, and the identity that the database knows; what is there stays."""
    with reading(engine) as connection:
        known = connection.scalar(select(ArchiveRow.identity))
    archive.make_ready(known)
    identity = archive.identity()
    if known is None and identity is not None:
        in_one_transaction(
            engine, lambda connection: connection.execute(insert(ArchiveRow).values(id=1, identity=identity))
        )


def _records(engine: Engine) -> list[Object]:
    """The records that rows can say again and that a ledger line names."""
    with reading(engine) as connection:
        told = connection.scalars(select(Ledger.line).where(Ledger.act.in_(_TOLD_BY_ROWS)))
        wanted = {sha256 for line in told for sha256, suffix in named_objects(decode(line)) if suffix is Suffix.RECORD}
        return [one for one in _of_rows(connection) if one.sha256 in wanted]


def _of_rows(connection: Connection) -> Iterator[Object]:
    for box in connection.execute(select(Mailbox.key, Mailbox.name, Mailbox.address)):
        yield records.mailbox(box.key, box.name, box.address)
    folders = select(Mailbox.key, Folder.name, Folder.uidvalidity).join(Mailbox, Mailbox.id == Folder.mailbox_id)
    for folder in connection.execute(folders):
        yield records.folder(folder.key, folder.name, folder.uidvalidity)
    recipients: dict[int, list[str]] = defaultdict(list)
    for row in connection.execute(select(Recipient.message_id, Recipient.address).order_by(Recipient.id)):
        recipients[row.message_id].append(row.address)
    for one in connection.execute(select(Message).where(Message.origin == MessageOrigin.COMPOSED)):
        yield records.message(
            one.key,
            reference=one.reference,
            case=one.case,
            receipt_form=one.receipt_form,
            mail_from=one.sender,
            rcpt_to=tuple(recipients[one.id]),
            priority=None if one.priority == Priority.NORMAL.rank else Priority.of(one.priority).value,
            profile=one.profile,
        )
