"""Many lives of a house, each cut short at random: do its letters arrive once, and does it know what became of them?

A run writes letters by three ways (queue, draft, gateway), sends them to the sandbox and collects their receipts, each
in a process of its own that kill -9 may end at any crash point, or whose dialogue may be cut after any byte. Then one
process after the other goes on as after a restart, a person decides what is uncertain, and everything is counted: at
the sandbox, which knows what arrived, and in the house, which must say the same. Seed and number make a run.
"""

import os
import random
import shutil
import signal
import smtplib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, select

from pec_tracker import askers
from pec_tracker.askers import OPERATOR
from pec_tracker.db import leases
from pec_tracker.db.engine import open_engine, reading
from pec_tracker.db.tables import Message, Recipient
from pec_tracker.errors import ServerError
from pec_tracker.gateway import server
from pec_tracker.gateway.dialogue import GatewayLogin
from pec_tracker.pec.compose import Attachment
from pec_tracker.pec.sending import SendState
from pec_tracker.sandbox.failures import Moment
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.sandbox.store import Account as SandboxAccount
from pec_tracker.service.collecting.collect import collect
from pec_tracker.service.drafts.send import send_draft
from pec_tracker.service.drafts.write import Said, attach, new_draft
from pec_tracker.service.house import Account, House
from pec_tracker.service.sending.dispatch import dispatch
from pec_tracker.service.sending.outbox import resend
from tests.line.houses import Home, account_at, new_sqlite, queued
from tests.line.mortals import Ended, Mortal
from tests.sandbox.running import PASSWORD, sandbox_in
from tests.servers.faultproxy import FaultProxy, Faults

WAYS: Final = ("queue", "draft", "gateway")
MOST_LETTERS: Final = 3
RECIPIENT: Final = "consegnata@pec.test"
_WINDOW: Final = timedelta(days=100_000)  # at the sandbox a day lasts a second
_LOGIN: Final = "gestionale"
_PATIENCE: Final = 20.0  # seconds


@dataclass(frozen=True, slots=True)
class Usual:
    """How long a phase is where nothing goes wrong: crash points passed, bytes from and to the client."""

    passes: int
    up: int = 0
    down: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """What the house says of a letter: where its sending stands, and its journey to the one recipient."""

    key: str
    subject: str
    send_state: str
    state: str


@dataclass(slots=True)
class Run:
    """What was done to a run, and what was wrong with what came of it."""

    number: int
    letters: int = 0
    uncertain: int = 0
    doubled: int = 0
    lost: int = 0
    faults: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Summary:
    """What many runs came to."""

    seed: int
    runs: int = 0
    letters: int = 0
    uncertain: int = 0
    doubled: int = 0
    lost: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def add(self, run: Run) -> None:
        """Count a run."""
        self.runs += 1
        self.letters += run.letters
        self.uncertain += run.uncertain
        self.doubled += run.doubled
        self.lost += run.lost
        self.faults.update(run.faults)
        self.wrong += [f"run {run.number}: {told} [{', '.join(run.faults)}]" for told in run.wrong]

    @property
    def good(self) -> bool:
        """Whether nothing was doubled, lost, or said otherwise than it was."""
        return not (self.doubled or self.lost or self.wrong)

    def lines(self) -> Iterator[str]:
        """The summary for a person."""
        yield f"{self.runs} runs with seed {self.seed}: {self.letters} letters, {self.faults.total()} faults"
        yield f"doubled {self.doubled}, lost {self.lost}, wrong states {len(self.wrong)}"
        yield f"uncertain until a person decided, where nobody could know: {self.uncertain}"
        for phase in sorted({one.partition(": ")[0] for one in self.faults}):
            here = {one.partition(": ")[2]: times for one, times in self.faults.items() if one.startswith(f"{phase}: ")}
            listed = ", ".join(f"{name} {times}" for name, times in sorted(here.items()))
            yield f"{phase} ({sum(here.values())}): {listed}"
        yield from self.wrong[:50]


class Matrix:
    """A sandbox that outlives the runs; each run has a house and a mailbox of its own."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._seed = seed
        self._around = ExitStack()
        self._sandbox: Sandbox = sandbox_in(folder / "sandbox")
        self._lines: dict[str, FaultProxy] = {}
        self._engine: Engine | None = None
        self.usual: dict[tuple[str, int], Usual] = {}

    def __enter__(self) -> "Matrix":
        self._around.enter_context(self._sandbox)
        for name in ("smtp", "imap"):
            self._lines[name] = self._around.enter_context(FaultProxy(getattr(self._sandbox, f"{name}_port")))
        # Leases of those that ran have run out by the time anyone asks; a gateway hears at once that it is to end.
        for module, name, value in ((leases, "LEASE", timedelta(0)), (server, "STOP_EVERY", 0.02)):
            self._around.callback(setattr, module, name, getattr(module, name))
            setattr(module, name, value)
        for letters in range(1, MOST_LETTERS + 1):  # undisturbed: how long is a phase?
            calm = _Life(self, -letters, random.Random(letters), letters, calm=True)
            assert self._lived(calm).wrong == []
        return self

    def __exit__(self, *_: object) -> None:
        self._around.close()

    def play(self, number: int) -> Run:
        """One life of a house."""
        dice = random.Random(f"{self._seed}-{number}")
        return self._lived(_Life(self, number, dice, dice.randint(1, MOST_LETTERS)))

    def _lived(self, life: "_Life") -> Run:
        try:
            life.write()
            life.send()
            life.receive()
            life.recover()
            life.decide()
        finally:
            life.close()
        return life.run

    def home(self, number: int) -> tuple[Home, str]:
        """A house that nobody has lived in, and its mailbox at the sandbox."""
        folder, address = self._folder / "home", f"run{number}@studio.sandbox.test"
        self._sandbox.add_account(SandboxAccount(address, address, PASSWORD))
        home = Home(folder, new_sqlite(folder), self._sandbox.ca_file, self._sandbox.clock)
        if self._engine is None:
            self._engine = open_engine(home.url)
            self._around.callback(self._engine.dispose)
        return home, address

    def opened(self, home: Home) -> House:
        """The house as a process that starts now opens it; the engine knows its statements from the runs before."""
        assert self._engine is not None  # since there is a home
        return home.open(engine=self._engine)

    def account(self, house: House, address: str) -> Account:
        """The mailbox, reached by lines that can be cut."""
        ports = {f"{name}_port": line.port for name, line in self._lines.items()}
        return account_at(house, self._sandbox, address, **ports, timeout=_PATIENCE)

    def arrived(self, address: str) -> Counter[str]:
        """The letters that the provider took of a mailbox, by subject; all that follows of them is delivered."""
        self._sandbox.wait_until_quiet()
        mine = (one.transaction for one in self._sandbox.sent if one.submission.mail_from == address)
        return Counter(str(one.subject) for one in mine)

    def drop(self, moment: Moment, *, skip: int) -> None:
        """Have the provider hang up at *moment* of the letter after *skip* others."""
        self._sandbox.failures.drop(moment, skip=skip)

    def cut(self, line: str, faults: Faults) -> None:
        """Cut the next connections of *line* so."""
        self._lines[line].faults = faults

    def mend(self) -> None:
        """All goes well from here on."""
        self._sandbox.failures.clear()
        for line in self._lines.values():
            line.faults = Faults()

    def passed_on(self, line: str) -> tuple[int, int]:
        """Bytes up and down of the last connection."""
        counted = self._lines[line].connections[-1]
        return counted.up, counted.down


class _Life:
    """One run, phase by phase; a *calm* one is not disturbed, and measured."""

    def __init__(self, matrix: Matrix, number: int, dice: random.Random, letters: int, *, calm: bool = False) -> None:
        self._matrix, self._dice, self._calm = matrix, dice, calm
        self._home, self._address = matrix.home(number)
        self._subjects = [f"Lettera {number}.{letter}" for letter in range(letters)]
        self._unsure = False
        self.run = Run(number, letters)

    def close(self) -> None:
        """Let go of the house and of all that it kept."""
        self._matrix.mend()
        self._home.close()
        shutil.rmtree(self._home.folder)
        shutil.rmtree(self._home.marks, ignore_errors=True)

    def _opened(self) -> tuple[House, Account]:
        house = self._matrix.opened(self._home)
        return house, self._matrix.account(house, self._address)

    def _fault(self, *more: str) -> str:
        return "none" if self._calm else self._dice.choice(["none", "kill", "kill", *more])

    def _cut(self, usual: Usual) -> Faults:
        side, all_of_it = self._dice.choice([("cut_up", usual.up), ("cut_down", usual.down)])
        return Faults(**{side: self._dice.randrange(all_of_it)})

    def _note(self, phase: str, what: str) -> None:
        self.run.faults.append(f"{phase}: {what}")

    # --- writing ---

    def write(self) -> None:
        """Each letter by one of the ways, perhaps killed, and again until it is there, as its author would."""
        for at, subject in enumerate(self._subjects):
            way = WAYS[at] if self._calm else self._dice.choice(WAYS)
            getattr(self, f"_by_{way}")(subject)
        there = Counter(row.subject for row in self._rows())
        if there != Counter(self._subjects):
            self.run.wrong.append(f"in the outbox were {dict(there)}")

    def _by_queue(self, subject: str) -> None:
        def act() -> None:
            house, account = self._opened()
            queued(house, account, RECIPIENT, subject=subject)
            house.engine.dispose()

        self._perhaps_killed("queue", act)
        if subject not in [row.subject for row in self._rows()]:  # the author looks before he repeats himself
            act()

    def _by_draft(self, subject: str) -> None:
        house, account = self._opened()
        key = new_draft(OPERATOR, house, account, Said(to=(RECIPIENT,), subject=subject, text="Buongiorno.")).key

        attach(OPERATOR, house, key, [Attachment("atto.pdf", b"%PDF-1.7 atto")])
        house.engine.dispose()

        def act() -> None:
            house, account = self._opened()
            send_draft(OPERATOR, house, account, key)
            house.engine.dispose()

        self._perhaps_killed("draft", act)
        act()
        act()

    def _perhaps_killed(self, phase: str, act: Callable[[], None]) -> None:
        if self._calm:
            self._matrix.usual[phase, 1] = Usual(len(Mortal(act).end().passed))
        elif self._fault() == "kill":
            ended = Mortal(act, self._dice.randrange(self._matrix.usual[phase, 1].passes)).end()
            self._note_death(phase, ended)

    def _note_death(self, phase: str, ended: Ended) -> None:
        if ended.killed:
            self._note(phase, ended.passed[-1])

    def _by_gateway(self, subject: str) -> None:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self._address, RECIPIENT, subject
        mail["Message-ID"] = f"<{subject.replace(' ', '')}@gestionale.local>"
        mail["Date"] = "Fri, 27 Nov 2026 10:00:00 +0100"
        mail.set_content("Buongiorno.")
        fault = self._fault("cut", "cut")
        usual = self._matrix.usual.get(("gateway", 1), Usual(1, 1, 1))
        with self._gateway(self._dice.randrange(usual.passes) if fault == "kill" else None) as first:
            with FaultProxy(first.port) as line:
                line.faults = self._cut(usual) if fault == "cut" else Faults()
                heard = _handed_over(line.port, self._address, mail)
                counted = line.connections[-1]
            if heard and subject not in [row.subject for row in self._rows()]:
                self.run.wrong.append(f"{subject} was said 250 to and is not there")
        if self._calm:
            self._matrix.usual["gateway", 1] = Usual(len(first.ended.passed), counted.up, counted.down)
        if fault == "cut":
            self._note("gateway", "cut line")
        if fault == "kill":
            self._note_death("gateway", first.ended)
        if heard and first.alive and self._dice.randrange(3):  # but a program that is not sure repeats itself
            return
        with self._gateway(None) as again:
            if not _handed_over(again.port, self._address, mail):
                self.run.wrong.append(f"{subject} was not taken though nothing was wrong")

    @contextmanager
    def _gateway(self, die_at: int | None) -> Iterator["_Served"]:
        """A gateway in a process of its own until the block ends, or until it dies at the pass *die_at*."""
        read, write = os.pipe()

        def started(_host: str, port: int) -> None:
            os.write(write, str(port).encode())
            os.close(write)

        def act() -> None:
            house, account = self._opened()
            login = GatewayLogin(_LOGIN, askers.gateway(account.id), account, lambda: PASSWORD)
            listening = server.Listening("127.0.0.1", 0, "none", None, None, 10, _WINDOW)
            server.run(house, [login], listening, started=started)

        process = Mortal(act, die_at)
        os.close(write)
        with os.fdopen(read, "rb") as port:
            served = _Served(int(port.read() or 0))  # 0: it died before it listened
        try:
            yield served
        finally:
            served.ended = process.end(signal.SIGTERM)

    # --- sending and receiving ---

    def send(self) -> None:
        """All letters to the provider: a kill, a line that is cut, a provider that hangs up, or none of it."""
        house, account = self._opened()
        collect(OPERATOR, house, account)  # the fence: they were queued before this process started
        start = house.start
        house.engine.dispose()

        def act() -> None:
            again = replace(self._matrix.opened(self._home), start=start)
            with suppress(ServerError):
                dispatch(OPERATOR, again, self._matrix.account(again, self._address))

        self._unsure = self._phase("dispatch", act, "smtp", list(Moment)).unsure

    def receive(self) -> None:
        """The receipts that there are, by a process that may be killed or cut off."""

        def act() -> None:
            house, account = self._opened()
            with suppress(ServerError):
                collect(OPERATOR, house, account)

        self._matrix.arrived(self._address)
        self._phase("collect", act, "imap", [])

    def _phase(self, phase: str, act: Callable[[], None], line: str, moments: Sequence[Moment]) -> Ended:
        fault = self._fault("cut", *(["drop"] if moments else []))
        usual = self._matrix.usual.get((phase, self.run.letters), Usual(1, 1, 1))
        die_at = None
        if fault == "kill":
            die_at = self._dice.randrange(usual.passes)
        elif fault == "drop":
            moment = self._dice.choice(moments)
            self._matrix.drop(moment, skip=self._dice.randrange(self.run.letters))
            self._note(phase, f"hung up {moment.value}")
        elif fault == "cut":
            self._matrix.cut(line, self._cut(usual))
            self._note(phase, "cut line")
        ended = Mortal(act, die_at).end()
        self._matrix.mend()
        if self._calm:
            self._matrix.usual[phase, self.run.letters] = Usual(len(ended.passed), *self._matrix.passed_on(line))
        if fault == "kill":
            self._note_death(phase, ended)
        return ended

    # --- what comes of it ---

    def recover(self) -> None:
        """As after a restart: look, send what may be sent, look again. Then the house says what is so."""
        self._rounds()
        arrived = self._matrix.arrived(self._address)
        for row in self._rows():
            expected = SendState.SUBMITTED if arrived[row.subject] else SendState.UNCERTAIN
            self.run.uncertain += row.send_state == SendState.UNCERTAIN
            if row.send_state != expected:
                self.run.wrong.append(f"{row.subject} is {row.send_state}, {arrived[row.subject]} arrived")
        if self.run.uncertain > self._unsure:
            self.run.wrong.append(f"{self.run.uncertain} uncertain, though it was known what became of them")

    def decide(self) -> None:
        """A person sends again what is uncertain and did not arrive; in the end each letter has arrived once."""
        if self.run.uncertain:
            house, _account = self._opened()
            for row in self._rows():
                if row.send_state == SendState.UNCERTAIN:
                    resend(OPERATOR, house, row.key, reason="non risulta arrivata")
            house.engine.dispose()
            self._rounds()
        arrived = self._matrix.arrived(self._address)
        self.run.doubled = sum(max(0, arrived[subject] - 1) for subject in self._subjects)
        self.run.lost = sum(not arrived[subject] for subject in self._subjects)
        for row in self._rows():
            if (row.send_state, row.state) != (SendState.SUBMITTED, "delivered"):
                self.run.wrong.append(f"{row.subject} ended {row.send_state}, {row.state}")

    def _rounds(self) -> None:
        """Two rounds of a process that goes on from here; in the second nothing is left to be sent."""
        house, account = self._opened()
        for _ in range(2):
            collect(OPERATOR, house, account)
            dispatch(OPERATOR, house, account)
            self._matrix.arrived(self._address)
        house.engine.dispose()

    def _rows(self) -> list[Row]:
        house = self._matrix.opened(self._home)
        columns = select(Message.key, Message.subject, Message.send_state, Recipient.state)
        with reading(house.engine) as connection:
            found = connection.execute(columns.join(Recipient, Recipient.message_id == Message.id)).all()
        house.engine.dispose()
        return [Row(row.key, str(row.subject), row.send_state, row.state) for row in found]


@dataclass(slots=True)
class _Served:
    """Where a gateway listens, and how it ended."""

    port: int
    ended: Ended = field(default_factory=lambda: Ended(False, ()))

    @property
    def alive(self) -> bool:
        """Whether it lived until it was told to end."""
        return not self.ended.killed


def _handed_over(port: int, sender: str, mail: EmailMessage) -> bool:
    """Hand a message over to a gateway; whether it said 250."""
    try:
        with smtplib.SMTP("127.0.0.1", port, timeout=_PATIENCE) as client:
            client.login(_LOGIN, PASSWORD)
            client.send_message(mail, sender, [RECIPIENT])
    except (OSError, smtplib.SMTPException):
        return False
    return True
