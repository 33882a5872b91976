"""How does a mail enter the house? Bytes first, then one transaction of everything that follows from them.

Collect, import and rebuild all come through here, so that each answers the same. A crash anywhere repeats the batch
and changes nothing: objects are named by their hash, rows by constraints.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, update

from pec_tracker import crash
from pec_tracker.archive.objects import Object, Suffix
from pec_tracker.db import search
from pec_tracker.db.engine import in_one_transaction
from pec_tracker.db.tables import Folder
from pec_tracker.pec.evidence import Verdict
from pec_tracker.pec.standard import Kind
from pec_tracker.pec.trust import Trust
from pec_tracker.service.alerts.kinds import AlertKind
from pec_tracker.service.alerts.raising import NewAlert, mail_topic, raise_alerts
from pec_tracker.service.intake.link import Links, Place, Role, attach
from pec_tracker.service.intake.link_late import link_late
from pec_tracker.service.intake.readers import Reading, read_all
from pec_tracker.service.intake.rows import (
    certificates_of,
    copies_seen_late,
    insert_answers,
    insert_certificates,
    insert_copies,
    insert_evidence,
    insert_mails,
    insert_sightings,
    known_mails,
    note_arrivals,
    write_ledger,
)
from pec_tracker.service.intake.study import Arrival, Studied
from pec_tracker.service.intake.taken import Taken
from pec_tracker.service.intake.uids import GONE
from pec_tracker.service.mailboxes.known import lock_mailbox

log = structlog.get_logger()


def take_in(
    engine: Engine,
    put_many: Callable[[Sequence[Object]], object],
    place: Place,
    arrivals: Sequence[Arrival],
    *,
    trust: Trust,
    now: datetime,
    cursor: Mapping[int, int] | None = None,
) -> Taken:
    """Archive, read, verify, link and index a batch; `cursor` moves folders on to their last UID, with the batch.

    Raises StorageError and DiskFullError with nothing half done.
    """
    reading = Reading(tuple(arrivals), lambda: read_all(arrivals, owner=place.owner, trust=trust, now=now))
    return take_in_read(engine, put_many, place, reading, now=now, cursor=cursor)


def take_in_read(
    engine: Engine,
    put_many: Callable[[Sequence[Object]], object],
    place: Place,
    reading: Reading,
    *,
    now: datetime,
    cursor: Mapping[int, int] | None = None,
) -> Taken:
    """`take_in` for a batch that is being read already: its mails are made durable meanwhile."""
    put_many([Object(arrival.raw, Suffix.MAIL) for arrival in reading.arrivals if arrival.raw is not None])
    studied = reading.studied()
    ders = {facts.sha256: facts.der for item in studied for facts in certificates_of(item)}
    if ders:
        put_many([Object(der, Suffix.CERTIFICATE) for der in ders.values()])
    crash.at("intake.archived")
    missing = [arrival for arrival in reading.arrivals if arrival.raw is None]
    taken = in_one_transaction(
        engine, lambda connection: _write(connection, place, studied, missing, cursor or {}, now=now)
    )
    crash.at("intake.committed")
    log.info("mails.taken_in", archived=taken.archived, known=taken.known, quarantined=taken.quarantined)
    return taken


def _write(
    connection: Connection,
    place: Place,
    studied: Sequence[Studied],
    missing: Sequence[Arrival],
    cursor: Mapping[int, int],
    *,
    now: datetime,
) -> Taken:
    lock_mailbox(connection, place.mailbox_id)
    known = known_mails(connection, place.mailbox_id, [item.sha256 for item in studied])
    fresh = list({item.sha256: item for item in studied if item.sha256 not in known}.values())
    late_copies = copies_seen_late(connection, studied, known)
    links = Links(connection, place, now=now)
    roles = links.roles([*fresh, *late_copies.values()])
    roles, late_roles = roles[: len(fresh)], dict(zip(late_copies, roles[len(fresh) :], strict=True))
    ids = insert_mails(connection, place, fresh, roles, now=now)
    insert_evidence(connection, fresh, roles, ids)
    insert_certificates(connection, fresh)
    insert_copies(connection, {**dict(zip(ids, fresh, strict=True)), **late_copies})
    insert_answers(connection, fresh, roles, ids)
    attach(connection, late_roles)
    search.index(connection, {mail_id: item.words for mail_id, item in zip(ids, fresh, strict=True)})
    all_ids = known | {item.sha256: mail_id for mail_id, item in zip(ids, fresh, strict=True)}
    sighted = insert_sightings(connection, studied, missing, all_ids, now=now)
    if place.noted:
        write_ledger(connection, place, fresh, studied, missing, sighted, now=now)
    arrived = note_arrivals(connection, studied, all_ids)
    touched = arrived | {role.message_id for role in (*roles, *late_roles.values()) if role.message_id is not None}
    unsettled = [
        mail_id
        for mail_id, item, role in zip(ids, fresh, roles, strict=True)
        if role.name is None and (item.answers or item.copy)
    ]
    link_late(connection, made=links.made, touched=touched, mail_ids=[*unsettled, *late_copies], now=now)
    _alert_strays(connection, place, fresh, roles, now=now)
    for folder_id, last_uid in cursor.items():
        connection.execute(
            update(Folder).where(Folder.id == folder_id, Folder.last_uid < last_uid).values(last_uid=last_uid)
        )
    crash.at("intake.before-commit")
    return _counts(fresh, studied, missing)


def _alert_strays(
    connection: Connection, place: Place, fresh: Sequence[Studied], roles: Sequence[Role], *, now: datetime
) -> None:
    """A mail that claims to be a receipt, is none that counts, and belongs to no message: kept, shown and alarmed."""
    alerts = []
    for item, role in zip(fresh, roles, strict=True):
        headers = item.mail.headers
        topic = mail_topic(place.mailbox_id, item.sha256)
        claims = item.claims_receipt or (headers is not None and bool(headers.ricevuta or headers.trasporto))
        proof = item.evidence is not None and item.evidence.verdict is Verdict.TRUSTED and not item.claims_receipt
        if claims and not proof and role.message_id is None:
            verdict = item.evidence.verdict.value if item.evidence is not None else Verdict.UNSIGNED.value
            facts: dict[str, Any] = {"verdict": verdict, "kind": item.mail.kind.value, "disagrees": []}
            alerts.append(NewAlert(AlertKind.EVIDENCE_NOT_PROOF, topic, mailbox_id=place.mailbox_id, facts=facts))
        elif item.mail.kind is Kind.UNREADABLE and role.message_id is None:
            alerts.append(NewAlert(AlertKind.UNREADABLE, topic, severity="warning", mailbox_id=place.mailbox_id))
    raise_alerts(connection, alerts, at=now)


def _counts(fresh: Sequence[Studied], studied: Sequence[Studied], missing: Sequence[Arrival]) -> Taken:
    kinds: dict[str, int] = {}
    verdicts: dict[str, int] = {}
    for item in fresh:
        kinds[item.mail.kind.value] = kinds.get(item.mail.kind.value, 0) + 1
        if item.evidence is not None:
            verdicts[item.evidence.verdict.value] = verdicts.get(item.evidence.verdict.value, 0) + 1
    return Taken(
        archived=len(fresh),
        known=len(studied) - len(fresh),
        quarantined=sum(arrival.reason != GONE for arrival in missing),
        proof=verdicts.get(Verdict.TRUSTED.value, 0),
        kinds=kinds,
        verdicts=verdicts,
    )
