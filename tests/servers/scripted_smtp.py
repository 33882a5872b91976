"""An SMTP server that misbehaves at one point, and knows what it really received."""

import asyncio
from collections.abc import Mapping
from enum import Enum

from tests.servers.scripted import Line


class Fault(Enum):
    """What to do instead of replying."""

    CUT = "cut"
    SILENCE = "silence"
    ENDLESS = "endless"  # continuation lines without end


Reply = bytes | Fault

# A dialogue in which all goes well. `RCPT <a@b>` may be given for one recipient; `body` is said after the first
# bytes of the message, `dot` instead of the final reply.
_GOOD: Mapping[str, Reply] = {
    "greeting": b"220 pec.example ESMTP",
    "EHLO": b"250-pec.example\r\n250-SIZE 1000000\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN",
    "AUTH": b"235 2.7.0 welcome",
    "MAIL": b"250 ok",
    "RCPT": b"250 ok",
    "DATA": b"354 go on",
    "dot": b"250 2.0.0 queued",
    "RSET": b"250 ok",
    "QUIT": b"221 bye",
}


class SmtpScript:
    """A script for `ScriptedServer`. `received` are the messages whose final dot came, `heard` all verbs."""

    def __init__(self, faults: Mapping[str, Reply] | None = None, *, starttls: bool = False) -> None:
        self._replies = {**_GOOD, **(faults or {})}
        self._starttls = starttls
        self.received: list[bytes] = []
        self.heard: list[str] = []

    async def __call__(self, line: Line) -> None:
        """Serve one connection."""
        if not await self._reply(line, "greeting"):
            return
        while True:
            words = (await line.hear()).decode("latin-1")
            verb = words.split(" ")[0].upper()
            self.heard.append(verb)
            if verb == "DATA":
                if not await self._data(line):
                    return
            elif not await self._reply(line, self._key(verb, words)):
                return

    def _key(self, verb: str, words: str) -> str:
        one = f"{verb} {words.partition(':')[2].partition('>')[0]}>"
        return one if one in self._replies else verb

    async def _data(self, line: Line) -> bool:
        if not await self._reply(line, "DATA"):
            return False
        if self._replies["DATA"] != _GOOD["DATA"]:
            return True
        if "body" in self._replies:
            await line.reader.read(10)
            return await self._reply(line, "body") and await self._hang_up(line)
        message = await line.reader.readuntil(b"\r\n.\r\n")
        self.received.append(message[:-3].replace(b"\r\n..", b"\r\n.").removeprefix(b"."))
        return await self._reply(line, "dot")

    @staticmethod
    async def _hang_up(line: Line) -> bool:
        await asyncio.sleep(0.05)
        line.cut()
        return False

    async def _reply(self, line: Line, key: str) -> bool:
        """Reply as the script says; whether the dialogue goes on."""
        match self._replies.get(key, b"502 what?"):
            case Fault.CUT:
                line.cut()
                return False
            case Fault.SILENCE:
                await line.silence()
                return False
            case Fault.ENDLESS:
                while True:
                    await line.say(b"250-and then")
            case bytes(text):
                await line.say(text)
        return True
