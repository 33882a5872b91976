"""How does configuration become collaborators? Here, and nowhere else."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog
from sqlalchemy import make_url

import pec_tracker.anchors as anchors
from pec_tracker.archive.local import LocalArchive
from pec_tracker.config import Config, MailboxConfig, endpoints, login
from pec_tracker.db import leases
from pec_tracker.db.engine import open_engine, sqlite_url
from pec_tracker.errors import ConfigurationError, LedgerError, StorageError, UsageError
from pec_tracker.ledger import seals
from pec_tracker.osfiles import disk_errors, make_private_folder
from pec_tracker.service import trust_folder
from pec_tracker.service.accounts import known_mailbox
from pec_tracker.service.house import Account, House, StampAuthority

if TYPE_CHECKING:
    from pec_tracker.service.rebuild import Rebuilt

log = structlog.get_logger()

_SQLITE_COMPANIONS: Final = ("-wal", "-shm")


@dataclass(frozen=True, slots=True)
class App:
    """The house, and the accounts by name, as the configuration has them."""

    config: Config
    house: House
    _accounts: dict[str, Account] = field(default_factory=dict)

    def account(self, name: str | None = None) -> Account:
        """The account called *name* (or with this address); without a name, the only one. ConfigurationError."""
        if name is None:
            if len(self.config.mailboxes) != 1:
                raise ConfigurationError(
                    "say which mailbox, with --mailbox; configured: {names}",
                    names=", ".join(self.config.mailboxes) or "-",
                )
            name = next(iter(self.config.mailboxes))
        mailbox = self.config.mailbox(name)
        own_name = next(key for key, value in self.config.mailboxes.items() if value is mailbox)
        if own_name not in self._accounts:
            self._accounts[own_name] = _account(self.house, self.config, own_name, mailbox)
        return self._accounts[own_name]

    def accounts(self) -> list[Account]:
        """Every configured account."""
        return [self.account(name) for name in self.config.mailboxes]


def build(config: Config) -> App:
    """Open archive and database. Raises ConfigurationError, StorageError."""
    spool = config.data / "spool"
    with disk_errors(config.data):
        make_private_folder(config.data)
        make_private_folder(spool)
    clock = config.real_or_shared_clock()
    now = clock.now()
    archive = LocalArchive(config.archive)
    folder_of_trust = config.data / trust_folder.FOLDER
    trusted = anchors.combined(anchors.default(now.date()), anchors.from_paths(config.trust))
    trusted = anchors.combined(trusted, trust_folder.kept(folder_of_trust))
    uncertain_after = timedelta(minutes=config.outbox.uncertain_alert_minutes)
    house = House(
        engine=open_engine(config.database_url),
        archive=archive,
        trust=trusted,
        clock=clock,
        started_at=now,
        spool=spool,
        uncertain_after=uncertain_after,
        authorities=tuple(
            StampAuthority(one.name, one.url, anchors.stamp_roots(one.ca_file)) for one in config.stamps.authorities
        ),
        stamp_every=timedelta(minutes=config.stamps.every_minutes),
        trust_folder=folder_of_trust,
        fetch_revocation=config.revocation.fetch,
    )
    return App(config, house)


def _account(house: House, config: Config, name: str, mailbox: MailboxConfig) -> Account:
    smtp, imap = endpoints(mailbox)
    row_id, key = known_mailbox(house, name, mailbox.address)
    return Account(
        id=row_id,
        key=key,
        name=name,
        address=mailbox.address,
        smtp=smtp,
        imap=imap,
        login=partial(login, mailbox),
        limits=mailbox.sending_limits,
        include=mailbox.folders.include,
        exclude=mailbox.folders.exclude,
        sent_folder=mailbox.sent,
        sender_name=mailbox.name,
        reply_to=mailbox.reply_to,
        messages_per_minute=mailbox.pace,
        copy_to_sent=mailbox.copy_to_sent,
        interval_minutes=mailbox.interval_minutes or config.collect.interval_minutes,
        retention_months=mailbox.retention_months or config.retention.months,
        quota_bytes=mailbox.quota_bytes,
        notary=mailbox.notary,
    )


def rebuild_database(config: Config, *, progress: Callable[[int], None] | None = None) -> "tuple[Rebuilt, Path | None]":
    """Make the database again from the archive; where it is a file, the old one is moved aside and named.

    What the old database has not sealed yet is sealed first, if it still opens. A PostgreSQL database must be empty.
    Raises UsageError while another process works on it, LedgerError where the sealed ledger does not hold.
    """
    from pec_tracker.service.rebuild import rebuild  # every command imports this module; only one rebuilds

    file = _database_file(config)
    if file is None:
        return rebuild(build(config).house, progress=progress), None
    if file.exists():
        _seal_what_is_left(config)
    beside = file.with_name(f"{file.name}.rebuilding")
    _remove_database(beside)
    house = build(config.model_copy(update={"database": sqlite_url(beside)})).house
    try:
        result = rebuild(house, progress=progress)
    finally:
        house.engine.dispose()  # the last connection to close brings everything into the one file
    aside = _move_aside(file) if file.exists() else None
    beside.replace(file)
    return result, aside


def _database_file(config: Config) -> Path | None:
    url = make_url(config.database_url)
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def _seal_what_is_left(config: Config) -> None:
    """The newest acts stand only in the old database, if it can still be read."""
    try:
        house = build(config).house
    except StorageError:
        log.warning("rebuild.old_database_unreadable")
        return
    try:
        if leases.any_held(house.engine):
            raise UsageError("another process works on this archive; stop `pec-tracker serve` and try again")
        seals.seal_pending(house.engine, house.archive.root, now=house.clock.now())
    except (StorageError, LedgerError) as error:
        log.warning("rebuild.nothing_to_seal", error=type(error).__name__)  # older than the archive, or damaged
    finally:
        house.engine.dispose()


def _move_aside(file: Path) -> Path:
    aside = file.with_name(f"{file.name}.before-{datetime.now(UTC):%Y%m%d-%H%M%S}")
    for suffix in ("", *_SQLITE_COMPANIONS):
        part = file.with_name(file.name + suffix)
        if part.exists():
            part.replace(aside.with_name(aside.name + suffix))
    return aside


def _remove_database(file: Path) -> None:
    for suffix in ("", *_SQLITE_COMPANIONS):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
