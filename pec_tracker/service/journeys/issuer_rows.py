"""Which providers has a mailbox had? Learned from its acceptances that count; another one is alarmed, never refused:
providers merge, and users move."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from pec_tracker.db.tables import Mailbox
from pec_tracker.pec.evidence import Evidence, time_key
from pec_tracker.pec.issuers import issuer_of
from pec_tracker.pec.traits import TRAITS, Side
from pec_tracker.service.alerts.kinds import AlertKind
from pec_tracker.service.alerts.raising import NewAlert, raise_alerts
from pec_tracker.service.journeys.consider import Decided


def note_issuers(
    connection: Connection, all_decided: Sequence[Decided], counted: Collection[int], *, now: datetime
) -> None:
    """Learn the providers of evidence (*counted*: its rows' ids) that counts now; raise what a mailbox did not know.

    A provider is known by the domain of its address or by its organisation, whichever it shares with an earlier one.
    """
    fresh: dict[int, list[tuple[Decided, Evidence]]] = {}
    for decided in all_decided:
        keys = {row.sha256 for row in decided.evidence if row.id in counted}
        for one in decided.considered.counting:
            if one.key in keys and TRAITS[one.kind].side is Side.SENDER and issuer_of(one.signer) != (None, None):
                fresh.setdefault(decided.message.mailbox_id, []).append((decided, one))
    for mailbox_id, signed in fresh.items():
        locked = select(Mailbox.issuers).where(Mailbox.id == mailbox_id).with_for_update(key_share=True)
        before = [tuple(one) for one in connection.execute(locked).scalar_one()]
        known = list(before)
        alerts = []
        for decided, one in sorted(signed, key=lambda pair: time_key(pair[1])):
            issuer = issuer_of(one.signer)
            if known and not _is_known(issuer, known):
                alerts.append(_alert(decided, one))
            if issuer not in known:
                known.append(issuer)
        if known != before:
            noted = update(Mailbox).where(Mailbox.id == mailbox_id)
            connection.execute(noted.values(issuers=[list(issuer) for issuer in known]))
        raise_alerts(connection, alerts, at=now)


def _is_known(issuer: tuple[str | None, str | None], known: Sequence[tuple[Any, ...]]) -> bool:
    return any(a is not None and a == b for one in known for a, b in zip(issuer, one, strict=True))


def _alert(decided: Decided, one: Evidence) -> NewAlert:
    signer = one.signer
    name = None if signer is None else signer.organization or signer.address
    return NewAlert(
        AlertKind.UNUSUAL_PROVIDER,
        f"{decided.message.key}/{one.key[:12]}",
        severity="warning",
        mailbox_id=decided.message.mailbox_id,
        message_id=decided.message.id,
        facts={"provider": name, "kind": one.kind.value},
    )
