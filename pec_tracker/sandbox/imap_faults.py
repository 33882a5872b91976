"""What can the sandbox's IMAP server do wrong, when it is asked to? What real servers and networks do."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Answer:
    """What a command is answered with, instead of being obeyed.

    `text` is `NO ...`, `BAD ...` or `BYE ...` (which also ends the connection). The first `after` uses of the
    command pass, then the next `times` are answered so, and those that follow pass again; None: for ever.
    """

    text: str
    after: int = 0
    times: int | None = None

    def due(self) -> bool:
        """Whether this use of the command is answered so; each call counts as a use."""
        if self.after > 0:
            self.after -= 1
            return False
        if self.times is None:
            return True
        self.times -= 1
        return self.times >= 0


@dataclass(slots=True)
class ImapFaults:
    """Faults on demand, changed by a test at any time; as made, there are none.

    `refuse_login`: every login is refused.
    `cut_after_bytes`: a connection that has sent so many bytes is cut there, `cut_times` times in all (None: always).
    `longer_literals`: added to the announced length of each literal of a FETCH; negative announces too little.
    `answers`: what commands are answered with, by name: `SELECT`, `UID FETCH`.
    `without`: capabilities that the server does not have: `UIDPLUS`, `QUOTA`, `SPECIAL-USE`, `IDLE`, `MOVE` ...
    `during_fetch`: lines sent after the first mail of each FETCH, as `23 EXISTS` or `1 EXPUNGE`.
    `left_out`: UIDs whose mails are left out of answers to FETCH, each so many times (None: always).
    `silent_idle`: IDLE is accepted, and nothing is ever told.
    `delay_seconds`: real seconds before each command is obeyed.
    """

    refuse_login: bool = False
    cut_after_bytes: int | None = None
    cut_times: int | None = 1
    longer_literals: int = 0
    answers: dict[str, Answer] = field(default_factory=dict)
    without: set[str] = field(default_factory=set)
    during_fetch: list[str] = field(default_factory=list)
    left_out: dict[int, int | None] = field(default_factory=dict)
    silent_idle: bool = False
    delay_seconds: float = 0.0

    def answer(self, command: str, text: str, *, after: int = 0, times: int | None = None) -> None:
        """Answer `command` (`UID FETCH`) with `text` (`NO [UNAVAILABLE] later`), as told in `Answer`."""
        self.answers[command.upper()] = Answer(text, after, times)

    def answer_to(self, command: str) -> str | None:
        """What to answer to this use of `command`, or None to obey it."""
        answer = self.answers.get(command)
        return answer.text if answer and answer.due() else None

    def leaves_out(self, uid: int) -> bool:
        """Whether the mail of this UID is left out of this answer; each call counts as one."""
        left = self.left_out.get(uid, 0)
        if left:
            self.left_out[uid] = left - 1
        return left != 0

    def room_before_cut(self, sent: int) -> int | None:
        """How many more bytes a connection that sent `sent` may send, None for no limit."""
        if self.cut_after_bytes is None or self.cut_times == 0:
            return None
        return max(0, self.cut_after_bytes - sent)

    def cut_made(self) -> None:
        """A connection was cut."""
        if self.cut_times is not None:
            self.cut_times -= 1
