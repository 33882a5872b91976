"""Was a provider's certificate revoked? The answers of the day are fetched and kept: later nobody gives them any more.

Only where certificates of trusted evidence name them: what a stranger writes into a mail leads to no request of ours.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

import structlog
from sqlalchemy import func, select

from pec_tracker.archive.objects import Suffix
from pec_tracker.db import leases
from pec_tracker.db.chunks import chunks
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Evidence
from pec_tracker.errors import PecTrackerError, StorageError
from pec_tracker.pec import revocation
from pec_tracker.pec.certificate import Certificate, certificate
from pec_tracker.pec.evidence import Verdict
from pec_tracker.pec.trust import Trust
from pec_tracker.presence import Presence
from pec_tracker.service.house import House
from pec_tracker.service.trust import anchors as trust
from pec_tracker.service.trust.folder import kept as kept_in
from pec_tracker.wire import revocation as wire

log = structlog.get_logger()

EVERY: Final = timedelta(hours=6)  # of real time, whoever asks: a lease that nobody gives back
_LEASE: Final = "revocation"


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of it: answers that are new, certificates that are answered for, and servers that gave no answer."""

    kept: int = 0
    certificates: int = 0
    failures: tuple[PecTrackerError, ...] = ()


def refresh(house: House, *, due_only: bool = False) -> Fetched:
    """Fetch what speaks for today about every certificate that trusted evidence rests on, and keep it.

    `due_only`: at most once in EVERY. Servers raise nothing. What is kept counts for every
    house made since then, in the watch a moment later.
    """
    if due_only and not _due(house):
        return Fetched()
    now = house.clock.now()
    known = kept_in(house.trust_folder) if house.trust_folder is not None else Trust()
    crls, answers = [*house.trust.crls, *known.crls], [*house.trust.ocsp, *known.ocsp]
    fresh_crls: list[bytes] = []
    fresh_answers: list[bytes] = []
    failures: list[PecTrackerError] = []
    pairs = list(_pairs(house))
    for subject, issuer in pairs:
        said = revocation.statements(subject, issuer, (*crls, *fresh_crls), (*answers, *fresh_answers))
        if not subject.valid_at(now) or _current(said, now):
            continue
        crl, answer = _fetched(subject, issuer, failures)
        fresh_crls += [crl] if crl else []
        fresh_answers += [answer] if answer else []
    kept = trust.keep_answers(house, fresh_crls, fresh_answers)
    log.info("revocation.fetched", kept=kept, certificates=len(pairs), failures=len(failures))
    return Fetched(kept, len(pairs), tuple(failures))


def _pairs(house: House) -> Iterator[tuple[Certificate, Certificate]]:
    """Each certificate that trusted evidence rests on, with its issuer: leaves and the authorities above them."""
    newest = (
        select(func.max(Evidence.id))
        .where(Evidence.verdict == Verdict.TRUSTED.value, Evidence.certificate.is_not(None))
        .group_by(Evidence.certificate)
    )
    chains: set[tuple[str, ...]] = set()
    with reading(house.engine) as connection:
        for some in chunks(list(connection.scalars(newest))):
            found = connection.scalars(select(Evidence.verification).where(Evidence.id.in_(some)))
            chains |= {tuple(verification["certificates"]) for verification in found}
    links = sorted({link for chain in chains for link in pairwise(chain)})
    for subject, issuer in links:
        below, above = _read(house, subject), _read(house, issuer)
        if below is not None and above is not None:
            yield below, above


def _read(house: House, sha256: str) -> Certificate | None:
    try:
        return certificate(house.archive.get(sha256, Suffix.CERTIFICATE))
    except StorageError:
        return None  # missing or damaged: `check` names it


def _current(said: tuple[revocation.Statement, ...], now: datetime) -> bool:
    """Whether something at hand speaks for today: asking again would tell nothing new."""
    return any(one.made <= now and one.current_until is not None and now <= one.current_until for one in said)


def _fetched(
    subject: Certificate, issuer: Certificate, failures: list[PecTrackerError]
) -> tuple[bytes | None, bytes | None]:
    """A CRL that the issuer vouches for, else an OCSP answer; one list answers for all of an authority."""
    for url in wire.crl_addresses(subject):
        try:
            der = wire.fetch_crl(url)
        except PecTrackerError as error:
            failures.append(error)
            continue
        if revocation.statements(subject, issuer, (der,), ()):
            return der, None
    for url in wire.ocsp_addresses(subject):
        try:
            der = wire.fetch_ocsp(url, subject, issuer)
        except PecTrackerError as error:
            failures.append(error)
            continue
        if revocation.statements(subject, issuer, (), (der,)):
            return None, der
    return None, None


def _due(house: House) -> bool:
    """Whether nobody has asked within EVERY: the lease is kept, also after its process has ended."""
    nobody = Presence()
    return leases.acquire(house.engine, _LEASE, owner=nobody.owner(), presence=nobody, span=EVERY)
