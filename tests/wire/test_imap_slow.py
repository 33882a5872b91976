"""A server that says something all the while and never comes to an end: it holds one thread, for a bounded time."""

import asyncio
import time
from pathlib import Path

import pytest

from pec_tracker.errors import ServerError
from pec_tracker.wire.endpoint import Endpoint, Login, Security
from pec_tracker.wire.imap import ImapConnection
from tests.servers.certificates import Authority
from tests.servers.scripted import Line, ScriptedServer
from tests.servers.scripted_imap import ImapScript, literal

LOGIN = Login("casella@pec.example", "segreta")
TIMEOUT = 0.4  # a whole answer may take five times that
LONGEST = 8.0  # seconds, on a machine that is busy


async def drip(line: Line, text: bytes = b"x") -> None:
    """Some bytes now and then, for ever."""
    while True:
        await line.raw(text)
        await asyncio.sleep(0.05)


class Dripping(ImapScript):
    """Answers like any server, and one command drop by drop."""

    def __init__(self, command: str, text: bytes) -> None:
        super().__init__({"LIST": [b'* LIST () "." INBOX'], "UID FETCH": [b"* 1 FETCH (UID 1 RFC822.SIZE 100)"]})
        self._command = command
        self._text = text

    async def _lines(self, line: Line, lines: object) -> bool:
        if self.heard and self.heard[-1].startswith(self._command):
            await drip(line, self._text)
        return await super()._lines(line, lines)  # type: ignore[arg-type]


def look_around(endpoint: Endpoint) -> None:
    """Every command once."""
    with ImapConnection.connect(endpoint, LOGIN) as connection:
        connection.folders()
        connection.examine("INBOX")
        list(connection.fetch([1], spool=Path()))


def gives_up(authority: Authority, script: object, *, security: Security = Security.TLS) -> str:
    """What connecting and looking around ends with, in time."""
    began = time.monotonic()
    with (
        ScriptedServer(authority, script, security=security) as server,  # type: ignore[arg-type]
        pytest.raises(ServerError) as error,
    ):
        look_around(server.endpoint(timeout=TIMEOUT))
    assert time.monotonic() - began < LONGEST
    return str(error.value)


@pytest.mark.parametrize("text", [b"x", b"* OK still working\r\n"])
@pytest.mark.parametrize("command", ["LOGIN", "LIST", "EXAMINE", "UID FETCH"])
def test_a_command_that_is_answered_drop_by_drop_ends(test_ca: Authority, command: str, text: bytes) -> None:
    assert "no end of one answer" in gives_up(test_ca, Dripping(command, text))


def test_a_greeting_that_drips_ends(test_ca: Authority) -> None:
    assert "no end of one answer" in gives_up(test_ca, drip)


@pytest.mark.parametrize("text", [b"x", b"* OK wait\r\n"])
def test_what_drips_before_encryption_ends(test_ca: Authority, text: bytes) -> None:
    async def script(line: Line) -> None:
        await line.say(b"* OK ready")
        await drip(line, text)

    gives_up(test_ca, script, security=Security.STARTTLS)


def test_a_large_mail_over_a_slow_line_still_comes(test_ca: Authority, tmp_path: Path) -> None:
    """It takes longer than an answer may, and every byte buys it time."""
    raw = b"Subject: grande\r\n\r\n" + b"riga di prova\r\n" * 6_000

    class Slow(ImapScript):
        async def _lines(self, line: Line, lines: list[bytes]) -> bool:  # type: ignore[override]
            if not self.heard or "BODY" not in self.heard[-1]:
                return await super()._lines(line, lines)
            (answer,) = lines
            for start in range(0, len(answer), 4_000):
                await line.raw(answer[start : start + 4_000])
                await asyncio.sleep(0.11)
            await line.say(b"")
            return True

    answers = {
        "UID FETCH": lambda command: [
            literal(b"* 1 FETCH (UID 1 BODY[]", raw)
            if "BODY" in command
            else b"* 1 FETCH (UID 1 RFC822.SIZE %d)" % len(raw)
        ]
    }
    began = time.monotonic()
    with (
        ScriptedServer(test_ca, Slow(answers)) as server,
        ImapConnection.connect(server.endpoint(timeout=TIMEOUT), LOGIN) as connection,
    ):
        connection.examine("INBOX")
        ((mail,),) = list(connection.fetch([1], spool=tmp_path))
    assert mail.raw == raw
    assert time.monotonic() - began > 5 * TIMEOUT


def test_a_flood_of_folders_is_not_kept_in_memory(test_ca: Authority) -> None:
    async def flood(line: Line) -> None:
        while True:
            await line.raw(b'* LIST () "." "INBOX.cartella numero uno due tre"\r\n' * 500)

    class Flooding(ImapScript):
        async def _lines(self, line: Line, lines: object) -> bool:
            if self.heard and self.heard[-1].startswith("LIST"):
                await flood(line)
            return await super()._lines(line, lines)  # type: ignore[arg-type]

    with (
        ScriptedServer(test_ca, Flooding()) as server,
        ImapConnection.connect(server.endpoint(timeout=30), LOGIN) as connection,
        pytest.raises(ServerError, match="endless answer"),
    ):
        connection.folders()


def test_a_mail_that_came_cut_short_once_comes_whole(test_ca: Authority, tmp_path: Path) -> None:
    raw = b"Subject: intera\r\n\r\n" + b"riga\r\n" * 50
    given = [raw[:40], raw]

    def fetched(command: str) -> list[bytes]:
        if "BODY" not in command:
            return [b"* 1 FETCH (UID 1 RFC822.SIZE %d)" % len(raw)]
        return [literal(b"* 1 FETCH (UID 1 BODY[]", given.pop(0))]

    with (
        ScriptedServer(test_ca, ImapScript({"UID FETCH": fetched})) as server,
        ImapConnection.connect(server.endpoint(), LOGIN) as connection,
    ):
        connection.examine("INBOX")
        ((mail,),) = list(connection.fetch([1], spool=tmp_path))
    assert mail.raw == raw


def test_a_server_that_counts_more_than_it_sends_is_not_asked_twice_for_ever(
    test_ca: Authority, tmp_path: Path
) -> None:
    raw = b"Subject: breve\r\n\r\nx\r\n"
    uids = list(range(1, 21))

    def fetched(command: str) -> list[bytes]:
        wanted = uids if ":" in command else [int(command.split()[2])]
        if "BODY" not in command:
            return [b"* %d FETCH (UID %d RFC822.SIZE %d)" % (uid, uid, len(raw) + 9) for uid in wanted]
        return [literal(b"* %d FETCH (UID %d BODY[]" % (uid, uid), raw) for uid in wanted]

    script = ImapScript({"UID FETCH": fetched})
    with (
        ScriptedServer(test_ca, script) as server,
        ImapConnection.connect(server.endpoint(), LOGIN) as connection,
    ):
        connection.examine("INBOX")
        mails = [mail for batch in connection.fetch(uids, spool=tmp_path) for mail in batch]
    assert [mail.raw for mail in mails] == [raw] * 20
    assert sum("BODY" in command for command in script.heard) == 1 + 3
