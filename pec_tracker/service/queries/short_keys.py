"""How much of a message's key must a person type? The shortest beginning that no other message has."""

from collections.abc import Iterable, Set
from itertools import chain

from sqlalchemy import ColumnElement, Connection, func, select

from pec_tracker.askers import Act, Asker
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Message
from pec_tracker.service.house import House
from pec_tracker.service.verbs import among, verb

FEW = 200  # keys whose neighbours are looked up one by one
SHORTEST = 8  # of 26: long enough to stay unique for a while after it was written down


@verb(Act.READ)
def short_keys(asker: Asker, house: House, keys: Iterable[str]) -> dict[str, str]:
    """The unique beginning of each of *keys*: longer by one letter than what it shares with its neighbours in order.

    The neighbours of a few keys are looked up; for more, all keys are gone through once, in their order.
    """
    wanted = set(keys)
    mine = among(asker, Message.mailbox_id)
    with reading(house.engine) as connection:
        if len(wanted) > FEW:
            return _among_all(connection, wanted, mine)
        shortened = {}
        for key in wanted:
            before = connection.execute(select(func.max(Message.key)).where(Message.key < key, mine)).scalar_one()
            after = connection.execute(select(func.min(Message.key)).where(Message.key > key, mine)).scalar_one()
            shortened[key] = _short(before or "", key, after or "")
        return shortened


@verb(Act.READ)
def longer_keys(asker: Asker, house: House) -> dict[str, str]:
    """The unique beginnings of more than SHORTEST letters, which few need: for lists that are longer than memory."""
    longer = {}
    before = key = ""
    mine = select(Message.key).where(among(asker, Message.mailbox_id)).order_by(Message.key)
    with reading(house.engine) as connection:
        for after in chain(connection.execution_options(yield_per=5_000).scalars(mine), ("",)):
            if key and key[:SHORTEST] in (before[:SHORTEST], after[:SHORTEST]):
                longer[key] = _short(before, key, after)
            before, key = key, after
    return longer


def _among_all(connection: Connection, wanted: Set[str], mine: ColumnElement[bool]) -> dict[str, str]:
    shortened = {}
    before = key = ""
    for after in (*connection.scalars(select(Message.key).where(mine).order_by(Message.key)), ""):
        if key in wanted:
            shortened[key] = _short(before, key, after)
        before, key = key, after
    return shortened


def _short(before: str, key: str, after: str) -> str:
    """*key* up to where it differs from its neighbours."""
    return key[: max(SHORTEST, max(_shared(key, before), _shared(key, after)) + 1)]


def _shared(one: str, other: str) -> int:
    """With how many equal letters both begin."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
