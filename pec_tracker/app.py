"""How does configuration become collaborators? Here, and nowhere else."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Engine, make_url

from pec_tracker import own_providers
from pec_tracker.archive.archive import Archive
from pec_tracker.archive.local import LocalArchive
from pec_tracker.askers import Asker
from pec_tracker.clock import Clock
from pec_tracker.config import Config, MailboxConfig, endpoints, load, login
from pec_tracker.db.engine import open_engine, sqlite_url
from pec_tracker.errors import ApartError, ConfigurationError
from pec_tracker.ledger import together
from pec_tracker.osfiles import disk_errors, make_private_folder
from pec_tracker.presence import Presence
from pec_tracker.service.house import Account, House, StampAuthority
from pec_tracker.service.mailboxes.known import known_mailbox
from pec_tracker.service.sending.start import at_start

if TYPE_CHECKING:
    from pec_tracker.ledger.mend import Mended
    from pec_tracker.pec.trust import Trust
    from pec_tracker.service.upkeep.carry import Left
    from pec_tracker.service.upkeep.rebuild import Rebuilt

_SQLITE_COMPANIONS: Final = ("-wal", "-shm")

Seen = tuple[tuple[str, int, int], ...]
"""Files with the time of their last change (ns) and their size (bytes)."""


@dataclass(frozen=True, slots=True)
class App:
    """The house, and the accounts by name, as the configuration has them.

    `apart`: archive and database do not belong together, so nothing that writes will work; None where they do.
    """

    config: Config
    house: House
    apart: ApartError | None = None
    seen: Seen = ()  # its files, as they were when they were read
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
            if self.apart is None:
                # The account's record may have been the archive's first object: its identity is noted with it.
                together.meet(self.house.engine, self.house.archive)
        return self._accounts[own_name]

    def accounts(self) -> list[Account]:
        """Every configured account."""
        return [self.account(name) for name in self.config.mailboxes]

    def current(self, *, anyway: bool = False) -> "App":
        """This app, or a new one where a file of the configuration or an anchor changed since (*anyway*: as if so).

        Archive, database and clock stay open: what changes of them is for the next start. Raises ConfigurationError
        where what is written now cannot be used; then `unchanged` keeps this one until the next change.
        """
        seen = _seen(self.config)
        if seen == self.seen and not anyway:
            return self
        config = load(self.config.file)
        for name in ("data", "state", "database_url", "clock"):
            if getattr(config, name) != getattr(self.config, name):
                raise ConfigurationError("{key} has changed: restart `pec-tracker serve` to use it", key=name)
        house = replace(self.house, **_settings(config, self.house.clock))
        app = App(config, house, self.apart, seen=seen)
        app.accounts()
        house.trusting()  # what cannot be read is told of now, and the app that works goes on
        return app

    def unchanged(self) -> "App":
        """This app as it is, whatever its files say now."""
        return replace(self, seen=_seen(self.config))


def build(config: Config) -> App:
    """Open archive and database. Raises ConfigurationError, StorageError."""
    seen = _seen(config)
    engine = _open_database(config)
    found = LocalArchive(config.archive)
    meeting = together.meet(engine, found)
    apart = None if meeting.disagreement is None else together.apart(meeting.disagreement, found)
    house = _furnish(config, engine, LocalArchive(config.archive, identity=meeting.identity, refusal=apart))
    return App(config, house, apart, seen=seen)


def _open_database(config: Config) -> Engine:
    """The database, and the folder for big mails; what lies on a read-only medium is only looked at."""
    file = _database_file(config)
    if file is None or not file.exists() or os.access(config.data, os.W_OK):
        with disk_errors(config.data):
            make_private_folder(config.data)
            make_private_folder(config.data / "spool")
    return open_engine(config.database_url)


def _furnish(config: Config, engine: Engine, archive: Archive) -> House:
    clock = config.real_or_shared_clock()
    return House(
        engine=engine,
        archive=archive,
        clock=clock,
        start=at_start(engine),
        spool=config.data / "spool",
        presence=_presence(config),
        provider_domains=own_providers.beside(config.file).own_domains(),
        marks=config.state,
        **_settings(config, clock),
    )


def _settings(config: Config, clock: Clock) -> dict[str, Any]:
    """What the configuration and the folder of trust say of the house: it may change while the house stands."""
    return {
        "trusting": _trusting(config, clock),
        "uncertain_after": timedelta(minutes=config.outbox.uncertain_alert_minutes),
        "authorities": tuple(
            StampAuthority(one.name, one.url, _stamp_roots(one.ca_file)) for one in config.stamps.authorities
        ),
        "stamp_every": timedelta(minutes=config.stamps.every_minutes),
        "trust_folder": _folder_of_trust(config),
        "fetch_revocation": config.revocation.fetch,
    }


def _trusting(config: Config, clock: Clock) -> "Callable[[], Trust]":
    """Whom the configuration and the folder of trust name, read once, when it is first asked for."""

    @cache
    def trusting() -> "Trust":
        from pec_tracker import anchors
        from pec_tracker.service.trust import folder

        trusted = anchors.combined(anchors.default(clock.now().date()), anchors.from_paths(config.trust))
        return anchors.combined(trusted, folder.kept(_folder_of_trust(config)))

    return trusting


def _stamp_roots(ca_file: Path | None) -> tuple[bytes, ...]:
    from pec_tracker import anchors

    return anchors.stamp_roots(ca_file)


def _folder_of_trust(config: Config) -> Path:
    return config.data / "trust"


def _seen(config: Config) -> Seen:
    """The files that the configuration is made of, and those in the folders that it names."""
    own = None if config.file is None else config.file.parent / own_providers.FILE
    named = [config.file, own, *config.trust, _folder_of_trust(config)]
    named += [one.ca_file for one in config.stamps.authorities]
    seen = []
    for path in filter(None, named):
        for file in (path, *(sorted(path.iterdir()) if path.is_dir() else ())):
            with suppress(OSError):
                stat = file.stat()
                seen.append((str(file), stat.st_mtime_ns, stat.st_size))
    return tuple(seen)


def _presence(config: Config) -> Presence:
    return Presence(config.data / "alive")


def _account(house: House, config: Config, name: str, mailbox: MailboxConfig) -> Account:
    smtp, imap = endpoints(mailbox)
    row_id, key = known_mailbox(house, name, mailbox.address, formerly=mailbox.formerly)
    return Account(
        id=row_id,
        key=key,
        name=name,
        address=mailbox.address,
        smtp=smtp,
        imap=imap,
        login=partial(login, mailbox),
        limits=mailbox.sending_limits,
        folders=mailbox.chosen_folders,
        sender_name=mailbox.name,
        reply_to=mailbox.reply_to,
        pace=mailbox.pace,
        copy_to_sent=mailbox.copy_to_sent,
        interval_minutes=mailbox.interval_minutes or config.collect.interval_minutes,
        quota=config.space(mailbox),
        agreement=mailbox.provider if mailbox.profile.agreement else None,
        notary=mailbox.notary,
    )


def repair_archive(asker: Asker, config: Config, *, into_empty: bool) -> "Mended":
    """See `service.upkeep.repair`: before the house is opened, which would refuse to write there."""
    from pec_tracker.service.upkeep.repair import repair

    engine = open_engine(config.database_url)
    try:
        return repair(asker, engine, LocalArchive(config.archive), into_empty=into_empty)
    finally:
        engine.dispose()


def rebuild_database(
    asker: Asker, config: Config, *, old_database: str | None = None, progress: Callable[[int], None] | None = None
) -> "tuple[Rebuilt, Path | None]":
    """Make the database again from the archive; where it is a file, the old one is moved aside and named.

    What only the old database knows is carried over: its unsealed acts, and ledger files that the archive lost. A
    PostgreSQL database must be empty; *old_database* is the address of the one that it replaces.
    Raises UsageError while another process works on it, ApartError where the archive is not the old database's,
    LedgerError where the sealed ledger does not hold.
    """
    from pec_tracker.service.upkeep import carry  # every command imports this module; only one rebuilds

    file = _database_file(config)
    old = old_database or (sqlite_url(file) if file is not None and file.exists() else None)
    archive = LocalArchive(config.archive)
    left = carry.Left() if old is None else carry.what_is_left(old, archive, presence=_presence(config))
    if file is None:
        return _rebuild_into(asker, config, left, progress), None
    beside = file.with_name(f"{file.name}.rebuilding")
    _remove_database(beside)
    result = _rebuild_into(asker, config.model_copy(update={"database": sqlite_url(beside)}), left, progress)
    aside = _move_aside(file) if file.exists() else None
    beside.replace(file)
    return result, aside


def _rebuild_into(asker: Asker, config: Config, left: "Left", progress: Callable[[int], None] | None) -> "Rebuilt":
    """Fill the empty database that *config* names. It knows nothing yet, so it is not held against the archive."""
    from pec_tracker.service.upkeep.rebuild import rebuild

    engine = _open_database(config)
    try:
        house = _furnish(config, engine, LocalArchive(config.archive))
        return rebuild(asker, house, left, progress=progress)
    finally:
        engine.dispose()  # the last connection to close brings everything into the one file


def _database_file(config: Config) -> Path | None:
    url = make_url(config.database_url)
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


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
