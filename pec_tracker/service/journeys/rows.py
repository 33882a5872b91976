"""What changes in the rows when messages were decided again? Written in few statements; who must know is alerted."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Table, bindparam, delete, insert, update

from pec_tracker.db.base import table
from pec_tracker.db.tables import Evidence, Message, Recipient
from pec_tracker.pec.agree import SOFT
from pec_tracker.pec.evidence import Verdict, address_key
from pec_tracker.pec.folding import fold
from pec_tracker.pec.journey import Journey, summary
from pec_tracker.pec.link import reference_key
from pec_tracker.pec.roles import MessageOrigin
from pec_tracker.pec.sending import Event
from pec_tracker.pec.standard import Kind
from pec_tracker.pec.states import State
from pec_tracker.pec.traits import TRAITS
from pec_tracker.service.alerts.kinds import AlertKind
from pec_tracker.service.alerts.raising import NewAlert, is_history, mail_topic, raise_alerts, settle_alerts
from pec_tracker.service.journeys.consider import Decided
from pec_tracker.service.journeys.evidence_rows import fingerprint_json, offset_minutes
from pec_tracker.service.journeys.issuer_rows import note_issuers
from pec_tracker.service.journeys.send_state_rows import happened

_UNDELIVERED = (State.FAILED, State.NOT_ACCEPTED)

# Alarms about what was certified: of old mail that was found, nobody is told today.
_NOT_OF_THE_PAST = frozenset({AlertKind.NOT_DELIVERED, AlertKind.CONTRADICTION})

_Columns = dict[str, Any]


def write(connection: Connection, all_decided: Sequence[Decided], *, now: datetime) -> set[int]:
    """Write what changed, with its ledger lines and alerts; returns the messages that learned their identifier."""
    messages = {decided.message.id: changes for decided in all_decided if (changes := _message_changes(decided))}
    changed = [(decided, changes) for decided in all_decided for changes in _evidence_changes(decided)]
    _update_each(connection, table(Evidence), [changes for _, changes in changed])
    _write_recipients(connection, all_decided)
    _update_each(connection, table(Message), [{"of_row": row_id, **changes} for row_id, changes in messages.items()])
    for decided in all_decided:
        if decided.considered.proven:
            happened(connection, Event.PROVEN, decided.message.id, at=now, line={"by": "receipt"})
    _tell(connection, all_decided, now=now)
    counted = {changes["of_row"] for _, changes in changed if changes["counts"]}
    note_issuers(connection, all_decided, counted, now=now)
    return {row_id for row_id, changes in messages.items() if changes.get("identifier")}


def _write_recipients(connection: Connection, all_decided: Sequence[Decided]) -> None:
    """A composed message keeps its recipients; those of a found one are whoever its evidence and copies name."""
    added: list[_Columns] = []
    changed: list[_Columns] = []
    gone: list[int] = []
    for decided in all_decided:
        there = {row.address_key: row for row in decided.recipients}
        types = _types(decided)
        for one in decided.considered.journeys:
            columns = _journey_columns(decided, one, types)
            row = there.pop(columns["address_key"], None)
            if row is None:
                added.append({"message_id": decided.message.id, **columns})
            elif any(getattr(row, name) != value for name, value in columns.items()):
                changed.append({"of_row": row.id, **columns})
        gone += [row.id for row in there.values()]
    _update_each(connection, table(Recipient), changed)
    if added:
        connection.execute(insert(table(Recipient)), added)
    if gone:
        connection.execute(delete(table(Recipient)).where(Recipient.id.in_(gone)))


def _update_each(connection: Connection, of: Table, rows: Sequence[_Columns]) -> None:
    """One executemany for rows that change the same columns."""
    groups = defaultdict(list)
    for row in rows:
        groups[tuple(sorted(row))].append(row)
    for names, some in groups.items():
        values: _Columns = {name: bindparam(name) for name in names if name != "of_row"}
        connection.execute(update(of).where(of.c.id == bindparam("of_row")).values(values), some)


def _evidence_changes(decided: Decided) -> Iterator[_Columns]:
    counting = {item.key for item in decided.considered.counting}
    for row in decided.evidence:
        points = _points(decided, row)
        counts = row.sha256 in counting
        limits = _limits(decided, row)
        if row.agreement != points or row.counts != counts or row.limits != limits:
            yield {"of_row": row.id, "agreement": points, "counts": counts, "limits": limits}


def _points(decided: Decided, row: Row[*tuple[Any, ...]]) -> dict[str, bool | None] | None:
    agreement = decided.considered.agreements.get(row.sha256)
    return None if agreement is None else dict(agreement.points)


def _limits(decided: Decided, row: Row[*tuple[Any, ...]]) -> list[str]:
    agreement = decided.considered.agreements.get(row.sha256)
    return [] if agreement is None else list(agreement.limits)


def _types(decided: Decided) -> dict[str, str]:
    """What the first acceptance says of each recipient, by address key."""
    types: dict[str, str] = {}
    for item in decided.considered.counting:
        for recipient in item.recipients if item.kind is Kind.ACCEPTANCE else ():
            types.setdefault(address_key(recipient.address), recipient.type)
    return types


def _journey_columns(decided: Decided, one: Journey, types: Mapping[str, str]) -> _Columns:
    key = address_key(one.recipient)
    role = {"role": decided.considered.roles.get(key)} if decided.message.origin == MessageOrigin.FOUND else {}
    return {**role, "type": types.get(key), **journey_columns(one)}


def journey_columns(one: Journey) -> _Columns:
    """What the row of a recipient says of the journey."""
    return {
        "address": one.recipient,
        "address_key": address_key(one.recipient),
        "state": one.state.value,
        "state_at": one.state_at,
        "state_offset": offset_minutes(one.state_at),
        "accepted_at": one.accepted_at,
        "delivered_at": one.delivered_at,
        "error_code": one.error_code,
        "error_detail": one.error_detail,
        "due_at": one.due_at,
        "overdue": one.overdue,
        "next_step": one.next_step.value,
        "contradictions": list(one.contradictions),
    }


def _message_changes(decided: Decided) -> _Columns:
    message, considered = decided.message, decided.considered
    values: _Columns = {
        "state": summary(considered.journeys).value if considered.journeys else message.state,
        "last_at": _last_at(decided),
    }
    if considered.known is not None:
        values["identifier"] = considered.known.identifier
    if message.origin == MessageOrigin.FOUND:
        values |= {"created_at": considered.since or message.created_at, **_found_columns(decided)}
    return {name: value for name, value in values.items() if getattr(message, name) != value}


def _last_at(decided: Decided) -> datetime:
    """The newest certified time of a message, or when it began."""
    dates = [item.issued_at for item in decided.considered.counting if item.issued_at]
    return max([*dates, decided.considered.since or decided.message.created_at])


def _found_columns(decided: Decided) -> _Columns:
    """What a message that we did not compose is held to be."""
    known, copy = decided.considered.known, decided.considered.copy
    values: _Columns = {
        "raw": copy.sha256 if copy else None,
        "copy_kind": copy.kind.value if copy else None,
        "fingerprint": fingerprint_json(copy.fingerprint) if copy else None,
    }
    if known is not None:
        accepted = [item.issued_at for item in decided.considered.counting if item.kind is Kind.ACCEPTANCE]
        values |= {
            "sender": known.sender,
            "subject": known.subject,
            "subject_key": fold(known.subject or ""),
            "submitted_at": min((at for at in accepted if at), default=None),
        }
        if known.reference and reference_key(known.reference) == decided.message.reference_key:
            values["reference"] = known.reference
    return values


def _tell(connection: Connection, all_decided: Sequence[Decided], *, now: datetime) -> None:
    """Raise what is new, settle what is over. What has not changed is not told again: a person may have settled it."""
    raised: list[NewAlert] = []
    over: dict[AlertKind, list[str]] = defaultdict(list)
    for decided in all_decided:
        past = is_history(decided.message.origin, _last_at(decided), now=now)
        for alert, holds in (*_about_evidence(decided), *_about_journeys(decided), *_about_clocks(decided)):
            if holds and past and alert.kind in _NOT_OF_THE_PAST:
                continue
            if holds:
                raised.append(alert)
            else:
                over[alert.kind].append(alert.topic)
    for kind, topics in over.items():
        settle_alerts(connection, kind, topics, at=now)
    raise_alerts(connection, raised, at=now)


def _about_evidence(decided: Decided) -> Iterator[tuple[NewAlert, bool]]:
    """Evidence that was judged anew: each as an alert, and whether it holds."""
    for row in decided.evidence:
        points = _points(decided, row)
        if points is not None and points == row.agreement:
            continue
        disagrees = [name for name, agrees in (points or {}).items() if agrees is False and name not in SOFT]
        traits = TRAITS[Kind(row.kind)]  # what no provider issues claims to be a receipt all the same
        no_proof = row.verdict != Verdict.TRUSTED or bool(disagrees) or not traits.issued
        facts = {"verdict": row.verdict, "kind": row.kind, "disagrees": disagrees}
        holds = no_proof and traits.verifiable
        if holds or row.agreement is not None:
            topic = mail_topic(decided.message.mailbox_id, row.sha256)
            yield _alert(decided, AlertKind.EVIDENCE_NOT_PROOF, topic, facts), holds


def _about_journeys(decided: Decided) -> Iterator[tuple[NewAlert, bool]]:
    """Journeys that ended badly or contradict themselves, or no longer do."""
    there = {row.address_key: row for row in decided.recipients}
    for one in decided.considered.journeys:
        row = there.get(address_key(one.recipient))
        topic = f"{decided.message.key}/{_short(one.recipient)}"
        before = row.state if row else None
        if one.state.value != before and (one.state in _UNDELIVERED or before in _UNDELIVERED):
            facts = {"state": one.state.value, "code": one.error_code, "next": one.next_step.value}
            alert = _alert(decided, AlertKind.NOT_DELIVERED, topic, {"recipient": one.recipient, **facts})
            yield alert, one.state in _UNDELIVERED
        contradicted = tuple(row.contradictions) if row else ()
        for names, holds in ((contradicted, False), (one.contradictions, True)):
            if names and contradicted != one.contradictions:
                said = {"recipient": one.recipient, "contradictions": list(names)}
                yield _alert(decided, AlertKind.CONTRADICTION, f"{topic}/{','.join(names)}", said), holds


def _about_clocks(decided: Decided) -> Iterator[tuple[NewAlert, bool]]:
    """Evidence whose certified time our own clock, or the sender's, speaks against, and the server's arrival for."""
    before = any("clock-doubtful" in row.limits for row in decided.evidence)
    holds = any("clock-doubtful" in _limits(decided, row) for row in decided.evidence)
    if holds != before:
        yield _alert(decided, AlertKind.CLOCK_DOUBTFUL, decided.message.key, {}), holds


def _alert(decided: Decided, kind: AlertKind, topic: str, facts: dict[str, Any]) -> NewAlert:
    return NewAlert(kind, topic, mailbox_id=decided.message.mailbox_id, message_id=decided.message.id, facts=facts)


def _short(address: str) -> str:
    """Names a recipient within a message without the address, which topics and logs do not need."""
    return hashlib.sha256(address_key(address).encode()).hexdigest()[:12]
