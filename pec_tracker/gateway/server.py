"""How does the gateway listen? One socket, until it is told to stop; what is in hand then ends first."""

import asyncio
import ssl
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal

import structlog

from pec_tracker.errors import ConfigurationError, ServerError
from pec_tracker.gateway.dialogue import Desk, Dialogue, GatewayLogin
from pec_tracker.gateway.guard import Guard
from pec_tracker.ledger import together
from pec_tracker.osfiles import ToldToStop
from pec_tracker.service.house import House

log = structlog.get_logger()

HANDS: Final = 4  # messages that are archived and queued at the same time
MARGIN: Final = 8 * 1024 * 1024  # bytes above the mailbox's own limit, which is told of with its figures
UNLIMITED: Final = 100 * 1024 * 1024
STOP_EVERY: Final = 0.2
GRACE_SECONDS: Final = 8.0


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the gateway listens, and how. `tls`: from the first byte, after STARTTLS, or (loopback only) not at all."""

    host: str
    port: int
    tls: Literal["none", "tls", "starttls"]
    certificate: Path | None
    key: Path | None
    connections: int
    same_within: timedelta


def run(
    house: House,
    logins: Sequence[GatewayLogin],
    listening: Listening,
    *,
    started: Callable[[str, int], None] | None = None,
) -> None:
    """Take messages until the process is told to stop.

    Raises ApartError where archive and database do not belong together, ConfigurationError for a certificate that
    cannot be used, ServerError where the port is taken.
    """
    together.require(house.engine, house.archive)
    context = _tls(listening)
    for login in logins:
        login.password()  # a secret that is not there is told of now, not to the first program that comes
    with ThreadPoolExecutor(HANDS, thread_name_prefix="gateway") as hands:
        guard = Guard(connections=listening.connections, clock=time.monotonic)
        names = {login.name: login for login in logins}
        desk = Desk(house, names, same_within=listening.same_within, guard=guard, hands=hands)
        asyncio.run(_listen(desk, listening, context, size=_most_bytes(logins), told=ToldToStop(), started=started))


async def _listen(
    desk: Desk,
    listening: Listening,
    context: ssl.SSLContext | None,
    *,
    size: int,
    told: ToldToStop,
    started: Callable[[str, int], None] | None,
) -> None:
    def dialogue() -> Dialogue:
        starttls = context if listening.tls == "starttls" else None
        return Dialogue(desk, hostname="localhost", size=size, starttls=starttls)

    implicit = context if listening.tls == "tls" else None
    try:
        server = await asyncio.get_running_loop().create_server(dialogue, listening.host, listening.port, ssl=implicit)
    except OSError as error:
        raise ServerError(
            "the gateway cannot listen on {host}:{port} ({reason}); end the program that listens there, or choose "
            "another port",
            host=listening.host,
            port=listening.port,
            reason=error.strerror or type(error).__name__,
        ) from error
    host, port = server.sockets[0].getsockname()[:2]
    log.info("gateway.started", host=host, port=port)
    if started is not None:
        started(host, port)
    while not told():
        await asyncio.sleep(STOP_EVERY)
    log.info("gateway.stopping")
    server.close()
    await desk.end(GRACE_SECONDS)
    log.info("gateway.stopped")


def _tls(listening: Listening) -> ssl.SSLContext | None:
    if listening.tls == "none" or listening.certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(listening.certificate, listening.key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            "the gateway's certificate {file} and its key cannot be used ({reason}); give both as PEM",
            file=listening.certificate,
            reason=getattr(error, "reason", None) or error.strerror or type(error).__name__,
        ) from error
    return context


def _most_bytes(logins: Sequence[GatewayLogin]) -> int:
    limits = [login.account.limits for login in logins]
    return max((one.max_size or one.max_product or UNLIMITED for one in limits), default=UNLIMITED) + MARGIN
