"""An IMAP server made of canned answers: each command's text, untagged lines first, `OK` after them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from tests.servers.scripted import Line

CUT = b"\0cut"  # in an answer: end the connection here
SILENCE = b"\0silence"  # in an answer: say nothing more until the client gives up
Answer = Sequence[bytes]
_CAPABILITIES = b"IMAP4rev1 UIDPLUS IDLE QUOTA CONDSTORE"


def literal(prefix: bytes, content: bytes, suffix: bytes = b")", *, said: int | None = None) -> bytes:
    """One untagged line with a literal; `said` is the length announced, when it is to be wrong."""
    return prefix + b" {%d}\r\n" % (len(content) if said is None else said) + content + suffix


class ImapScript:
    """A script for `ScriptedServer`.

    `answers` maps the beginning of a command (`UID FETCH`, `STATUS`; the longest that fits) to its untagged lines, or
    to a function of the whole command. A last line beginning with `NO `, `BAD ` or `OK ` is the tagged answer,
    otherwise `OK done`. `heard` are the commands.
    """

    def __init__(
        self,
        answers: Mapping[str, Answer | Callable[[str], Answer]] | None = None,
        *,
        greeting: bytes = b"* OK ready",
        capabilities: bytes = _CAPABILITIES,
    ) -> None:
        good: dict[str, Answer | Callable[[str], Answer]] = {
            "CAPABILITY": [b"* CAPABILITY " + capabilities],
            "LOGIN": [],
            "LOGOUT": [b"* BYE bye"],
            "NOOP": [],
            "EXAMINE": [b"* 3 EXISTS", b"* OK [UIDVALIDITY 7] ok", b"* OK [UIDNEXT 10] ok"],
        }
        self._answers = {**good, **(answers or {})}
        self._greeting = greeting
        self.heard: list[str] = []

    async def __call__(self, line: Line) -> None:
        """Serve one connection."""
        if not await self._lines(line, [self._greeting]):
            return
        while True:
            tag, _, command = (await line.hear()).decode("latin-1").partition(" ")
            self.heard.append(command)
            found = max((key for key in self._answers if command.upper().startswith(key)), key=len, default=None)
            answer = self._answers[found] if found is not None else [b"BAD what?"]
            lines = list(answer(command) if callable(answer) else answer)
            tagged = lines.pop() if lines and lines[-1][:3] in {b"NO ", b"BAD", b"OK "} else b"OK done"
            if not await self._lines(line, lines):
                return
            await line.say(tag.encode() + b" " + tagged)
            if command.upper() == "LOGOUT":
                return

    async def _lines(self, line: Line, lines: Answer) -> bool:
        for one in lines:
            content, mark, _ = one.partition(CUT)
            if mark:
                await line.raw(content)
                await asyncio.sleep(0.02)
                line.cut()
                return False
            content, mark, _ = one.partition(SILENCE)
            if mark:
                await line.raw(content)
                await line.silence()
                return False
            await line.say(one)
        return True
