"""How is a message queued that another program composed? Under our Message-ID, once, whatever the program repeats.

A program that hears no answer hands the message over again (RFC 5321 4.5.4.1). Who gave it the same Message-ID meant
the same letter: it is queued once. What is not the same letter is refused, never taken for it.
"""

import base64
import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import select

from pec_tracker.askers import Act, Asker
from pec_tracker.db.engine import in_one_transaction
from pec_tracker.db.tables import Message
from pec_tracker.errors import RuleError
from pec_tracker.pec.compose import new_tracker_id
from pec_tracker.pec.evidence import address_key
from pec_tracker.pec.fields import storable
from pec_tracker.pec.fingerprint import fingerprint
from pec_tracker.pec.headers import headers_of
from pec_tracker.pec.relay import Handed, one_each, relayed
from pec_tracker.pec.rules import check
from pec_tracker.pec.sending import Priority, SendState
from pec_tracker.pec.standard import ReceiptForm
from pec_tracker.service.alerts.kinds import AlertKind
from pec_tracker.service.alerts.raising import NewAlert, raise_alerts
from pec_tracker.service.house import Account, House
from pec_tracker.service.sending.send import queue_outgoing, refuse
from pec_tracker.service.verbs import verb

_ID_BYTES: Final = 16
_TRIES: Final = 1_000  # of one Message-ID; each is another letter that came to nothing, or long ago
_DEAD: Final = frozenset({SendState.REFUSED, SendState.ABANDONED})  # did not go, and nobody will send it by himself


class IdTakenError(RuleError):
    """The program gave another message the same Message-ID a short while ago: nothing was queued."""


@dataclass(frozen=True, slots=True)
class Taken:
    """One letter that is in the outbox: its key, and whether it was there before (the program repeats itself)."""

    key: str
    known: bool


@verb(Act.SEND)
def relay(
    asker: Asker, house: House, account: Account, handed: Handed, *, split: bool = False, same_within: timedelta
) -> list[Taken]:
    """Queue what a program handed over; with *split* as one letter for each recipient.

    All of it is in the outbox when this returns. The same Message-ID to the same recipients within *same_within* is
    the same letter (0: never). Raises RefusedByRulesError, IdTakenError (nothing is queued then), StorageError,
    ApartError: after these the program's next try goes on where this one ended.
    """
    letters = one_each(handed) if split else [handed]
    now = house.clock.now()
    # Each is looked at before the first is queued, under the id that is longest.
    for letter in letters:
        tried = relayed(letter, tracker_id=new_tracker_id(bytes(_ID_BYTES)), now=now)
        refuse(check(tried, account=account.address, limits=account.limits))
    return [_take(house, account, letter, same_within) for letter in letters]


def _take(house: House, account: Account, letter: Handed, same_within: timedelta) -> Taken:
    key = new_tracker_id(secrets.token_bytes(_ID_BYTES))
    if letter.client_id is not None and same_within:
        for key in _keys(account, letter):
            before = _known(house, key)
            if before is None:
                break
            if before.send_state in _DEAD or house.clock.now() - before.created_at > same_within:
                continue
            if _parts(before.fingerprint) != [part.sha256 for part in fingerprint(letter.raw).parts] or (
                before.subject != _subject(letter)
            ):
                raise IdTakenError(
                    "the Message-ID is that of another message of today ({key}); give each message its own", key=key
                )
            return Taken(key, known=True)
    outgoing = relayed(letter, tracker_id=key, now=house.clock.now())
    headers = headers_of(outgoing.raw)
    form = headers.receipt_form if headers is not None else None
    form = (form or ReceiptForm.COMPLETE).lower()
    queue_outgoing(house, account, outgoing, receipt_form=form, priority=Priority.PROGRAM)
    return Taken(key, known=False)


def _keys(account: Account, letter: Handed) -> Iterator[str]:
    """The keys that this letter may have: the first, and another each time that it is to go again."""
    named = "\n".join(
        [account.key, letter.client_id or "", *sorted(address_key(one) for one in letter.rcpt_to)]
    ).encode()
    for number in range(_TRIES):
        digest = hashlib.sha256(b"%d\n%b" % (number, named)).digest()
        yield base64.b32encode(digest[:_ID_BYTES]).decode("ascii").rstrip("=").lower()


def _known(house: House, key: str) -> Any:
    columns = select(Message.send_state, Message.created_at, Message.fingerprint, Message.subject)
    with house.engine.connect() as connection:
        return connection.execute(columns.where(Message.key == key)).one_or_none()


def _parts(kept: dict[str, Any] | None) -> list[str]:
    return [part["sha256"] for part in (kept or {}).get("parts", ())]


def _subject(letter: Handed) -> str:
    headers = headers_of(letter.raw)
    return (headers.subject if headers is not None else None) or ""


@verb(Act.SEND)
def note_refusal(asker: Asker, house: House, account: Account, *, login: str, subject: str, reply: str) -> None:
    """Raise an alert about a message that the gateway refused: the program that sent it shows a code at best.

    Its *subject* is empty where it was refused before the program came to it.
    """
    subject, reply = storable(subject)[:_SHOWN] or "-", storable(reply)[:_SHOWN]
    topic = hashlib.sha256("\n".join([account.key, login, subject, reply]).encode()).hexdigest()
    facts = {"login": login, "subject": subject, "reply": reply}
    alert = NewAlert(AlertKind.GATEWAY_REFUSED, topic, "alarm", account.id, facts=facts)
    in_one_transaction(house.engine, lambda connection: raise_alerts(connection, [alert], at=house.clock.now()))


_SHOWN: Final = 200  # characters of a subject or a reply in an alert
