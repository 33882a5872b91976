"""How much of a message's key must a person type? The shortest beginning that no other message has."""

from collections.abc import Iterable

from sqlalchemy import func, select

from pec_tracker.askers import Act, Asker
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Message
from pec_tracker.service.house import House
from pec_tracker.service.verbs import among, verb

SHORTEST = 8  # of 26: long enough to stay unique for a while after it was written down


@verb(Act.READ)
def short_keys(asker: Asker, house: House, keys: Iterable[str]) -> dict[str, str]:
    """The unique beginning of each of *keys*: longer by one letter than what it shares with its neighbours in order."""
    shortened = {}
    mine = among(asker, Message.mailbox_id)
    with reading(house.engine) as connection:
        for key in dict.fromkeys(keys):
            before = connection.execute(select(func.max(Message.key)).where(Message.key < key, mine)).scalar_one()
            after = connection.execute(select(func.min(Message.key)).where(Message.key > key, mine)).scalar_one()
            shared = max(_shared(key, before or ""), _shared(key, after or ""))
            shortened[key] = key[: max(SHORTEST, shared + 1)]
    return shortened


def _shared(one: str, other: str) -> int:
    """With how many equal letters both begin."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
