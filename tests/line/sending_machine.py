"""The outbox as a machine: what may happen to its messages, and what a person would write down of it.

The steps are the product's own: the table (`pec.sending`), its one writer, recovery and doubt, on a real database. The
server is a list of what it took; the archive is what outlasts a database: sealed lines, and notes of attempts.
"""

import functools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine, create_engine, insert, select, update
from sqlalchemy.pool import StaticPool

from pec_tracker.db.base import Base, table
from pec_tracker.db.passing import Alert
from pec_tracker.db.tables import Attempt, Ledger, Mailbox, Message
from pec_tracker.ledger import lines
from pec_tracker.ledger.acts import LedgerAct
from pec_tracker.pec.roles import MessageOrigin
from pec_tracker.pec.sending import (
    FOR_A_PERSON,
    HELD_BACK,
    RESENDABLE,
    WAITING,
    Event,
    SendState,
    change_of,
    possible,
    tokens,
)
from pec_tracker.service.journeys.send_state_rows import columns_of, happened, replayed
from pec_tracker.service.sending.doubt import COLUMNS, Doubt, make_uncertain
from pec_tracker.service.sending.outbox import _recover_one

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LEASE = timedelta(minutes=5)


@dataclass
class Kept:
    """What a person knows of one message: how often it left, how often he wanted it to, what he decided."""

    left: int = 0
    wanted: int = 1
    settled: bool = False
    proven: bool = False  # a receipt that counts came
    spoken_of: bool = False  # a receipt that is no proof came


@dataclass
class Hand:
    """A process that has a message in hand: which attempt, whether it stands before the final dot, what left."""

    owner: str
    number: int
    committed: bool = False
    took: bool = False


@dataclass
class Outbox:
    """The machine. Every step is a method; those that cannot be taken now do nothing and return False."""

    engine: Engine = field(default_factory=lambda: database())
    kept: dict[int, Kept] = field(default_factory=dict)
    hands: dict[int, Hand] = field(default_factory=dict)
    sealed: list[lines.Line] = field(default_factory=list)
    notes: set[tuple[int, int]] = field(default_factory=set)
    copies: list[bytes] = field(default_factory=list)
    steps: int = 0
    rebuilt: bool = False

    @property
    def now(self) -> datetime:
        """A clock that goes on by a minute with each step."""
        return START + timedelta(minutes=self.steps)

    def state(self, message: int) -> SendState:
        """Where the database has it."""
        with self.engine.connect() as connection:
            found = select(Message.send_state).where(Message.id == message)
            return SendState(connection.execute(found).scalar_one())

    # --- what may happen

    def queue(self) -> bool:
        """Somebody writes a message."""
        number = len(self.kept) + 1
        with self.engine.begin() as connection:
            connection.execute(insert(table(Message)), [_row(number, self.now)])
            line = lines.new_line(LedgerAct.MESSAGE_QUEUED, at=self.now, message=_key(number))
            lines.append(connection, [line])
        self.seal()
        self.kept[number] = Kept()
        return True

    def claim(self, message: int) -> bool:
        """A process takes it in hand."""
        if message in self.hands or self.held_back(message):
            return False
        with self.engine.begin() as connection:
            row = connection.execute(select(Message.send_state, Message.attempts).where(Message.id == message)).one()
            if row.send_state not in WAITING:
                return False
            owner = f"p{self.steps}"
            took = happened(
                connection, Event.CLAIMED, message, at=self.now, when=(Message.attempts == row.attempts,),
                attempts=row.attempts + 1, lease_owner=owner, lease_until=self.now + LEASE,
            )  # fmt: skip
        if took:
            self.hands[message] = Hand(owner, row.attempts + 1)
        return took is not None

    def commit(self, message: int) -> bool:
        """Right before the final dot: the attempt is written down, in the database and beside it."""
        hand = self.hands.get(message)
        if hand is None or hand.committed:
            return False
        with self.engine.begin() as connection:
            mine = update(Message).where(
                Message.id == message,
                Message.send_state == SendState.SENDING.value,
                Message.lease_owner == hand.owner,
            )
            if connection.execute(mine.values(lease_until=self.now + LEASE)).rowcount != 1:
                del self.hands[message]  # taken over: nothing is sent by this one
                return True
            begun = {"message_id": message, "number": hand.number, "started_at": self.now}
            connection.execute(insert(Attempt).values(begun))
            line = lines.new_line(LedgerAct.MESSAGE_ATTEMPTED, at=self.now, message=_key(message), number=hand.number)
            lines.append(connection, [line])
        hand.committed = True
        self.notes.add((message, hand.number))
        return True

    def deliver(self, message: int) -> bool:
        """The final dot: the server has it, whatever is heard of that."""
        hand = self.hands.get(message)
        if hand is None or not hand.committed or hand.took:
            return False
        hand.took = True
        self.kept[message].left += 1
        return True

    def reply(self, message: int, event: Event) -> bool:
        """The server's answer, or that none came. Only what it took does it say yes to."""
        hand = self.hands.get(message)
        if hand is None or ((event is Event.SERVER_TOOK) is not hand.took and event is not Event.REPLY_LOST):
            return False
        if event is Event.REPLY_LOST and not hand.committed:
            return False
        del self.hands[message]
        line = {"number": hand.number, "by": "server"}
        with self.engine.begin() as connection:
            changed = happened(
                connection, event, message, at=self.now, when=(Message.attempts == hand.number,), line=line,
                topic=f"{_key(message)}/{hand.number}",
            )  # fmt: skip
            if changed:
                ended = update(Attempt).where(Attempt.message_id == message, Attempt.number == hand.number)
                connection.execute(ended.values(ended_at=self.now, outcome=changed.state.value))
        self.seal()
        return True

    def release(self, message: int) -> bool:
        """The process lets it go before anything left."""
        hand = self.hands.get(message)
        if hand is None or hand.committed:
            return False
        del self.hands[message]
        with self.engine.begin() as connection:
            happened(
                connection, Event.RELEASED, message, at=self.now, when=(Message.lease_owner == hand.owner,),
                next_attempt_at=self.now,
            )  # fmt: skip
        return True

    def crash(self, message: int) -> bool:
        """The process is killed where it stands; another finds what it left."""
        if self.hands.pop(message, None) is None:
            return False
        self.recover(message)
        return True

    def recover(self, message: int) -> bool:
        """Another process holds its lease for dead, rightly or not: whoever has it in hand may still be at it."""
        with self.engine.begin() as connection:
            columns = select(*COLUMNS, Message.lease_owner, Message.lease_until).where(Message.id == message)
            row = connection.execute(columns).one()
            if row.send_state != SendState.SENDING:
                return False
            _recover_one(connection, row, self.now)
        self.seal()
        return True

    def receipt(self, message: int) -> bool:
        """A receipt that counts: there is one only of what left."""
        if not self.kept[message].left or self.kept[message].proven:
            return False
        self.kept[message].proven = True
        self.prove(message)
        return True

    def doubtful_receipt(self, message: int) -> bool:
        """A receipt that is no proof: anybody may have made it."""
        if self.kept[message].spoken_of:
            return False
        self.kept[message].spoken_of = True
        return True

    def decide(self, message: int, event: Event) -> bool:
        """A person settles it, or has it sent again; knowing that it left he must say so, and may."""
        known = self.kept[message]
        state = self.state(message)
        again = event is Event.RESENT and (known.proven or known.spoken_of or state not in RESENDABLE)
        with self.engine.begin() as connection:
            done = happened(connection, event, message, at=self.now, line={"by": "person", "again": again}, again=again)
        self.seal()
        if done:
            known.settled = event is not Event.RESENT
            known.wanted += event is Event.RESENT
        return done is not None

    def back_up(self) -> bool:
        """The database as it is now, kept for later."""
        self.copies.append(_bytes_of(self.engine))
        return True

    def restore(self, which: int) -> bool:
        """An earlier copy comes back, and every process with it; then the fence looks at what the archive knows."""
        if not self.copies:
            return False
        self.hands.clear()
        self.engine = database(self.copies[which % len(self.copies)])
        with self.engine.begin() as connection:
            known = set(connection.scalars(select(Message.id)))
            newest = {line.id for line in self.sealed[-1:]}
            # It lacks the newest seal, though the line itself may wait in it: the archive is ahead.
            own = select(Ledger.line_id).where(Ledger.seal_number.is_not(None))
            stale = not newest <= set(connection.scalars(own))
            for message in known:
                row = connection.execute(select(*COLUMNS).where(Message.id == message)).one()
                tried = select(Attempt.number).where(Attempt.message_id == message)
                unknown = {number for of, number in self.notes if of == message} - set(connection.scalars(tried))
                if row.send_state in HELD_BACK and (unknown or stale):
                    doubt, number = (Doubt.ARCHIVE, max(unknown)) if unknown else (Doubt.RESTORE, None)
                    make_uncertain(connection, row, doubt, at=self.now, number=number)
        if known != set(self.kept) or stale:
            return self.rebuild()  # what is older than the archive sends nothing until it is rebuilt
        return True

    def rebuild(self) -> bool:
        """The database is lost, and made again from the sealed lines."""
        self.hands.clear()
        self.engine = database()
        self.rebuilt = True
        with self.engine.begin() as connection:
            for line in self.sealed:
                self._replay(connection, line)
            doubted = columns_of(change_of(Event.DOUBTED), self.now)
            connection.execute(update(Message).where(Message.send_state.in_(tokens(HELD_BACK))).values(doubted))
        for message in self.kept:
            self.prove(message)
        return True

    # --- what follows

    def _replay(self, connection: Connection, line: lines.Line) -> None:
        message = int(str(line.facts["message"]))
        if line.act == LedgerAct.MESSAGE_QUEUED:
            connection.execute(insert(table(Message)), [_row(message, line.at)])
        elif line.act == LedgerAct.MESSAGE_ATTEMPTED:
            begun = {"message_id": message, "number": line.facts["number"], "started_at": line.at}
            connection.execute(insert(Attempt).values(begun))
            tried = {"send_state": SendState.SENDING.value, "attempts": line.facts["number"]}
            connection.execute(update(Message).where(Message.id == message).values(tried))
        else:
            event = replayed(line)
            assert event is not None, line
            values = columns_of(change_of(event), line.at)
            if event is Event.RESENT:
                values["again"] = bool(line.facts["again"])
            connection.execute(update(Message).where(Message.id == message).values(values))
        connection.execute(
            insert(Ledger).values(line_id=line.id, act=line.act, at=line.at, line=lines.encode(line), seal_number=1)
        )

    def held_back(self, message: int) -> bool:
        """Before anything leaves: what a trace speaks of is proven, or doubtful."""
        known = self.kept[message]
        if known.proven and self.prove(message):
            return True
        if not known.spoken_of:
            return False
        with self.engine.begin() as connection:
            row = connection.execute(select(*COLUMNS, Message.again).where(Message.id == message)).one()
            if row.again or row.send_state not in WAITING:
                return False
            make_uncertain(connection, row, Doubt.RECEIPT, at=self.now)
        self.seal()
        return True

    def prove(self, message: int) -> bool:
        """What a receipt that counts makes of it: nothing where a person has it sent once more, knowing of it."""
        if not self.kept[message].proven:
            return False
        with self.engine.begin() as connection:
            row = connection.execute(select(Message.send_state, Message.again).where(Message.id == message)).one()
            if row.send_state not in possible(Event.PROVEN) or (row.again and row.send_state in WAITING):
                return False
            happened(connection, Event.PROVEN, message, at=self.now, line={"by": "receipt"})
        self.seal()
        return True

    def seal(self) -> None:
        """Lines that wait become the archive's."""
        with self.engine.begin() as connection:
            waiting = select(Ledger.id, Ledger.line).where(Ledger.seal_number.is_(None)).order_by(Ledger.id)
            for row in connection.execute(waiting).all():
                self.sealed.append(lines.decode(row.line))
            connection.execute(update(Ledger).where(Ledger.seal_number.is_(None)).values(seal_number=1))

    # --- what must hold

    def check(self, only: int | None = None) -> None:
        """Never twice without a person's word, never silent, and no state that the model knows to be false.

        Of *only* one message, where nothing else can have changed.
        """
        columns = select(Message.id, Message.send_state, Message.key)
        alerts = select(Alert.message_id).where(Alert.settled_at.is_(None))
        if only is not None:
            columns, alerts = columns.where(Message.id == only), alerts.where(Alert.message_id == only)
        with self.engine.connect() as connection:
            rows = connection.execute(columns).all()
            asked = set() if self.rebuilt else set(connection.scalars(alerts))
        assert {row.id for row in rows} == (set(self.kept) if only is None else {only}), "a message is lost"
        for row in rows:
            known, state = self.kept[row.id], SendState(row.send_state)
            assert known.left <= known.wanted, f"{row.key} went {known.left} times, wanted {known.wanted}"
            if not known.left and not known.settled:
                assert state in HELD_BACK | FOR_A_PERSON, f"{row.key} never left and is {state}"
            if state is SendState.SUBMITTED:
                assert known.left or known.settled, f"{row.key} is called submitted and never left"
            if state in FOR_A_PERSON and not self.rebuilt:
                assert row.id in asked, f"{row.key} is {state} and nobody is asked"


def database(content: bytes | None = None) -> Engine:
    """A database in memory: empty, or as *content* has it."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    _raw(engine).deserialize(_empty() if content is None else content)
    return engine


@functools.cache
def _empty() -> bytes:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(Mailbox).values(id=1, key="m", name="m", known_at=START))
    return _bytes_of(engine)


def _bytes_of(engine: Engine) -> bytes:
    return bytes(_raw(engine).serialize())


def _raw(engine: Engine):  # type: ignore[no-untyped-def]
    connection = engine.raw_connection()
    try:
        return connection.driver_connection
    finally:
        connection.close()


def _key(number: int) -> str:
    return f"{number:026}"


def _row(number: int, at: datetime) -> dict[str, object]:
    return {
        "id": number, "mailbox_id": 1, "key": _key(number), "origin": MessageOrigin.COMPOSED.value,
        "reference_key": f"{number}@x", "raw": "ab" * 32, "subject_key": "", "state": "awaiting_acceptance",
        "send_state": SendState.QUEUED.value, "created_at": at, "next_attempt_at": at, "attempts": 0, "again": False,
    }  # fmt: skip
