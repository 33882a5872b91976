"""Whom did the house trust when a seal was made? What was added or learned later would change a package of the past."""

from typing import Final

from sqlalchemy import select

from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Ledger
from pec_tracker.ledger.acts import LedgerAct
from pec_tracker.ledger.lines import decode
from pec_tracker.pec.trust import Trust
from pec_tracker.service.house import House
from pec_tracker.service.trust.in_the_past import TrustThen

_ACTS: Final = (LedgerAct.TRUST_ADDED, LedgerAct.TRUST_WITHDRAWN, LedgerAct.REVOCATION_KEPT)


def trust_at(house: House, seal: int) -> Trust:
    """The trust as the lines sealed by seal number *seal* leave it, beside what the configuration names."""
    then = TrustThen(house)
    wanted = select(Ledger.line).where(Ledger.act.in_(_ACTS), Ledger.seal_number <= seal)
    with reading(house.engine) as connection:
        texts = list(connection.scalars(wanted.order_by(Ledger.seal_number, Ledger.position)))
    for text in texts:
        then.act(decode(text))
    return then.trust
