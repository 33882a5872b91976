"""Does archived evidence hold under the trust of today? It is verified again from its bytes, and all that follows.

The verdict at arrival stays; the present one, the journeys and the links are made again. What changed is a ledger
line, so that a rebuild comes to the same (`replay`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, Row, Select, select, update

from pec_tracker import crash
from pec_tracker.archive.objects import Object, Suffix
from pec_tracker.askers import Act, Asker
from pec_tracker.db.chunks import chunks
from pec_tracker.db.engine import in_one_transaction, reading
from pec_tracker.db.tables import Evidence, Mail, Mailbox
from pec_tracker.errors import ObjectDamagedError, ObjectMissingError
from pec_tracker.ledger import lines
from pec_tracker.ledger.acts import LedgerAct
from pec_tracker.pec.evidence import Verdict
from pec_tracker.pec.roles import MailRole
from pec_tracker.pec.traits import TRAITS
from pec_tracker.pec.trust import Trust
from pec_tracker.service.alerts.kinds import AlertKind
from pec_tracker.service.alerts.raising import NewAlert, mail_topic, raise_alerts, settle_alerts
from pec_tracker.service.house import House
from pec_tracker.service.intake.link import Links, Place, attach
from pec_tracker.service.intake.link_late import link_late
from pec_tracker.service.intake.rows import certificates_of, insert_certificates
from pec_tracker.service.intake.study import Arrival, Studied, study
from pec_tracker.service.journeys.evidence_rows import evidence_columns
from pec_tracker.service.sealing import seal
from pec_tracker.service.verbs import verb

log = structlog.get_logger()

BATCH = 200  # mails of one transaction

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Rechecked:
    """What came of it: evidence looked at, verdicts that changed by `(before, after)`, mails that found a message.

    `missing` are mails whose bytes the archive no longer gives.
    """

    looked_at: int = 0
    changed: Mapping[tuple[str, str], int] = field(default_factory=dict)
    linked: int = 0
    missing: tuple[str, ...] = ()

    def __add__(self, other: "Rechecked") -> "Rechecked":
        changed = dict(self.changed)
        for step, count in other.changed.items():
            changed[step] = changed.get(step, 0) + count
        looked_at, linked = self.looked_at + other.looked_at, self.linked + other.linked
        return Rechecked(looked_at, changed, linked, self.missing + other.missing)


@dataclass(frozen=True, slots=True)
class _Box:
    id: int
    key: str
    address: str | None


@dataclass(frozen=True, slots=True)
class _Verified:
    """One evidence verified again: its row, and what its bytes say now."""

    row: Row[*tuple[Any, ...]]
    item: Studied

    @property
    def columns(self) -> dict[str, Any]:
        """What the present trust decides of the row."""
        assert self.item.evidence is not None
        assert self.item.verification is not None
        every = evidence_columns(self.item.evidence, self.item.verification)
        return {name: every[name] for name in ("verdict", "verification", "certificate", "signer", "faults")}

    @property
    def differs(self) -> bool:
        """Whether anything but the clock changed: `valid_now` is of the day, whatever the trust."""
        return _timeless(self.columns["verification"]) != _timeless(self.row.verification)

    @property
    def step(self) -> tuple[str, str]:
        """The verdict before and after."""
        return self.row.verdict, self.columns["verdict"]


@verb(Act.TRUST, of_all=True)
def recheck(asker: Asker, house: House, *, every: bool = False, progress: Progress | None = None) -> Rechecked:
    """Verify again all evidence that is not trusted (`every`: all of it) with the trust of the house.

    Raises StorageError; what was done by then stays done.
    """
    wanted = [] if every else [Evidence.verdict != Verdict.TRUSTED.value]
    with reading(house.engine) as connection:
        boxes = [_Box(*row) for row in connection.execute(select(Mailbox.id, Mailbox.key, Mailbox.address))]
        ids = {box.id: list(connection.scalars(_ids(box).where(*wanted).order_by(Evidence.id))) for box in boxes}
    total = sum(map(len, ids.values()))
    result = Rechecked()
    for box in boxes:
        for some in _runs(ids[box.id]):
            rows = _rows(house, box, some)
            result += _verify_again(house, box, rows, trust=house.trust, now=house.clock.now(), noted=True)
            if progress is not None:
                progress(result.looked_at + len(result.missing), total)
    seal(house)
    counts = {"trusted": 0, "less": 0}
    for (_, after), count in result.changed.items():
        counts["trusted" if after == Verdict.TRUSTED else "less"] += count
    log.info("evidence.rechecked", looked_at=result.looked_at, linked=result.linked, **counts)
    return result


def replay(house: House, act: lines.Line, *, trust: Trust) -> None:
    """Do again what the ledger line `evidence.reverified` says was done, under the trust of its time."""
    names = act.facts.get("mails")
    with reading(house.engine) as connection:
        found = connection.execute(
            select(Mailbox.id, Mailbox.key, Mailbox.address).where(Mailbox.key == act.facts["mailbox"])
        ).one()
        box = _Box(*found)
        ids = [
            evidence_id
            for some in chunks(names if isinstance(names, list) else [])
            for evidence_id in connection.scalars(_ids(box).where(Mail.sha256.in_(some)))
        ]
    _verify_again(house, box, _rows(house, box, sorted(ids)), trust=trust, now=act.at, noted=False)


def _ids(box: _Box) -> Select[int]:
    return select(Evidence.id).join(Mail, Mail.id == Evidence.mail_id).where(Mail.mailbox_id == box.id)


def _runs(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]


def _rows(house: House, box: _Box, ids: Sequence[int]) -> Sequence[Row[*tuple[Any, ...]]]:
    columns = (
        select(
            Evidence.id,
            Evidence.mail_id,
            Evidence.verdict,
            Evidence.verification,
            Mail.sha256,
            Mail.internal_at,
            Mail.role,
            Mail.message_id,
        )
        .join(Mail, Mail.id == Evidence.mail_id)
        .where(Mail.mailbox_id == box.id)
        .order_by(Evidence.id)
    )
    found: list[Row[*tuple[Any, ...]]] = []
    with reading(house.engine) as connection:
        for some in chunks(ids):
            found += connection.execute(columns.where(Evidence.id.in_(some))).all()
    return found


def _verify_again(
    house: House, box: _Box, rows: Sequence[Row[*tuple[Any, ...]]], *, trust: Trust, now: datetime, noted: bool
) -> Rechecked:
    """Bytes and signatures first, then one transaction of all that follows from them."""
    verified: list[_Verified] = []
    missing: list[str] = []
    for row in rows:
        try:
            raw = house.archive.get(row.sha256, Suffix.MAIL)
        except (ObjectMissingError, ObjectDamagedError):
            missing.append(row.sha256)
            continue
        item = study(Arrival(raw, internal_at=row.internal_at), raw, owner=box.address, trust=trust, now=now)
        if item.evidence is not None:
            verified.append(_Verified(row, item))
    changed = [one for one in verified if one.differs]
    linked = 0
    if changed:
        ders = {facts.sha256: facts.der for one in changed for facts in certificates_of(one.item)}
        house.archive.put_many([Object(der, Suffix.CERTIFICATE) for der in ders.values()])
        crash.at("recheck.archived")
        linked = in_one_transaction(
            house.engine, lambda connection: _write(connection, box, changed, now=now, noted=noted)
        )
        crash.at("recheck.committed")
    steps: dict[tuple[str, str], int] = {}
    for one in changed:
        if one.step[0] != one.step[1]:
            steps[one.step] = steps.get(one.step, 0) + 1
    return Rechecked(len(verified), steps, linked, tuple(missing))


def _write(connection: Connection, box: _Box, changed: Sequence[_Verified], *, now: datetime, noted: bool) -> int:
    """The new verdicts, the links that they open, the journeys that they move; how many mails found a message."""
    for one in changed:
        connection.execute(update(Evidence).where(Evidence.id == one.row.id).values(one.columns))
    insert_certificates(connection, [one.item for one in changed])
    waiting = [one for one in changed if one.row.message_id is None and one.row.role == MailRole.WAITING]
    links = Links(connection, Place(box.id, box.key, box.address, "", {}), now=now)
    roles = dict(zip((one.row.mail_id for one in waiting), links.roles([one.item for one in waiting]), strict=True))
    attach(connection, {mail_id: role for mail_id, role in roles.items() if role.message_id is not None})
    touched = {one.row.message_id for one in changed if one.row.message_id is not None}
    touched |= {role.message_id for role in roles.values() if role.message_id is not None}
    link_late(connection, made=links.made, touched=touched, mail_ids=[], now=now)
    _tell(connection, box, changed, now=now)
    if noted:
        act = lines.new_line(
            LedgerAct.EVIDENCE_REVERIFIED,
            at=now,
            mailbox=box.key,
            mails=[one.row.sha256 for one in changed],
            verdicts=[one.columns["verdict"] for one in changed],
        )
        lines.append(connection, [act])
    crash.at("recheck.before-commit")
    return sum(role.message_id is not None for role in roles.values())


def _tell(connection: Connection, box: _Box, changed: Sequence[_Verified], *, now: datetime) -> None:
    """Alarms about what is proof now are over; what no longer is becomes one."""
    counting: dict[int, tuple[bool, int | None]] = {}
    for some in chunks([one.row.id for one in changed]):
        there = select(Evidence.id, Evidence.counts, Evidence.message_id).where(Evidence.id.in_(some))
        counting |= {row.id: (row.counts, row.message_id) for row in connection.execute(there)}
    over: list[str] = []
    raised: list[NewAlert] = []
    for one in changed:
        counts, message_id = counting[one.row.id]
        topic = mail_topic(box.id, one.row.sha256)
        trusted = one.columns["verdict"] == Verdict.TRUSTED
        if counts or (trusted and message_id is None and not one.item.claims_receipt):
            over.append(topic)
        elif not trusted and one.row.verdict == Verdict.TRUSTED and TRAITS[one.item.mail.kind].verifiable:
            facts = {"verdict": one.columns["verdict"], "kind": one.item.mail.kind.value, "disagrees": []}
            raised.append(
                NewAlert(AlertKind.EVIDENCE_NOT_PROOF, topic, mailbox_id=box.id, message_id=message_id, facts=facts)
            )
    settle_alerts(connection, AlertKind.EVIDENCE_NOT_PROOF, over, at=now)
    raise_alerts(connection, raised, at=now)


def _timeless(verification: Mapping[str, Any]) -> dict[str, Any]:
    checks = {name: result for name, result in verification["checks"].items() if name != "valid_now"}
    return {**verification, "checks": checks}
