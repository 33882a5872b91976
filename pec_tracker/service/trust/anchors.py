"""Whom are signatures held to, and who said so? The anchors shown, added, replaced; each with source, date, reason.

Each act is in the archive and the ledger first, then in DATA/trust (`trust.folder`): so that the folder can be made
again, and a rebuild judges every mail by the trust of its day (`trust.in_the_past`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Final

import structlog

from pec_tracker import crash, osfiles
from pec_tracker.archive.objects import Object, Suffix
from pec_tracker.askers import Act, Asker
from pec_tracker.db.engine import in_one_transaction
from pec_tracker.errors import NotFoundError, UsageError
from pec_tracker.ledger import lines, records, seals
from pec_tracker.ledger.acts import LedgerAct
from pec_tracker.pec.certificate import Certificate, certificate
from pec_tracker.pec.standard import SANDBOX_ORGANIZATION
from pec_tracker.pec.trust import PEC_AUTHORITIES, Anchor, Trust
from pec_tracker.service.house import House
from pec_tracker.service.trust.folder import (
    ANSWERS,
    Kept,
    as_json,
    create,
    entries,
    kept,
    sha256_of,
    take_away,
    write,
)
from pec_tracker.service.verbs import verb

log = structlog.get_logger()

# Why what a list holds is trusted, where the user says nothing; kept in English and told by `answers.trust`.
LISTED: Final = "in the list {file}"


@dataclass(frozen=True, slots=True)
class AnchorShown:
    """One anchor for a person. `fingerprint` is the SHA-256 of the certificate, hex; `since` when it was trusted.

    `use`: `pec-authorities` (a public root, only through `authorities`), `sandbox` (proves nothing outside tests),
    `authority` (whatever it certifies for mail), `signer` (one provider's own certificate). `kept`: in DATA/trust.
    """

    fingerprint: str
    name: str
    issuer: str
    serial: str
    key_bits: int | None
    not_before: datetime
    not_after: datetime
    valid_now: bool
    use: str
    authorities: tuple[str, ...]
    addresses: tuple[str, ...]
    domains: tuple[str, ...]
    source: str
    reason: str
    since: date | None
    kept: bool
    der: bytes


@dataclass(frozen=True, slots=True)
class Changed:
    """What an `add` or `update` came to; `unlisted` were in the list before and are no longer."""

    added: tuple[AnchorShown, ...] = ()
    known: tuple[AnchorShown, ...] = ()
    withdrawn: tuple[AnchorShown, ...] = ()
    unlisted: tuple[AnchorShown, ...] = ()
    answers: int = 0


@verb(Act.READ, of_all=True)
def shown(asker: Asker, house: House, *, now: datetime) -> list[AnchorShown]:
    """Every anchor in use: the default ones first, then those of the configuration and those that were added."""
    own = {sha256_of(anchor.der) for anchor in _kept_trust(house).anchors}
    found = (_shown(anchor, own, now) for anchor in house.trust.anchors)
    order = {"pec-authorities": 0, "sandbox": 2}
    return sorted((one for one in found if one is not None), key=lambda one: (order.get(one.use, 1), one.name))


@verb(Act.TRUST, of_all=True)
def named(asker: Asker, house: House, name: str, *, now: datetime) -> list[AnchorShown]:
    """The anchors that *name* fits: a fingerprint, its first 8 digits or more, a part of a name. NotFoundError."""
    digits = name.replace(":", "").replace(" ", "").lower()
    every = shown(asker, house, now=now)
    found = [one for one in every if len(digits) >= 8 and one.fingerprint.startswith(digits)]
    found = found or [one for one in every if name.casefold() in one.name.casefold()]
    if not found:
        raise NotFoundError("no anchor is called {name}; `pec-tracker trust list` shows them all", name=name)
    return found


@verb(Act.TRUST, of_all=True)
def add(asker: Asker, house: House, given: Trust, *, reason: str, listed: bool = False) -> Changed:
    """Trust the certificates of *given* (read from files) from now on, for *reason*; those known change nothing.

    Revocation answers among them are kept too. Raises UsageError without a reason, StorageError.
    """
    if not reason.strip():
        raise UsageError("say why these certificates are trusted, with --reason: it is shown beside them for years")
    now = house.clock.now()
    folder = _folder(house)
    there = {one.sha256 for one in entries(folder)}
    unique = {sha256_of(anchor.der): anchor for anchor in given.anchors}
    fresh = {name: anchor for name, anchor in unique.items() if name not in there}
    if fresh:
        new = [
            Kept(name, Path(anchor.source).name, reason.strip(), now.date().isoformat(), listed)
            for name, anchor in fresh.items()
        ]
        _note_added(house, new, fresh, now)
        crash.at("trust.noted")
        for entry in new:
            write(folder, entry, fresh[entry.sha256].der)
    answers = keep_answers(house, given.crls, given.ocsp)
    seals.seal_pending(house.engine, house.archive, now=now)
    log.info("trust.added", anchors=len(fresh), answers=answers)
    names = set(unique)
    every = [_shown(anchor, names, now) for anchor in kept(folder).anchors if sha256_of(anchor.der) in names]
    mine = [one for one in every if one is not None]
    return Changed(
        added=tuple(one for one in mine if one.fingerprint in fresh),
        known=tuple(one for one in mine if one.fingerprint not in fresh),
        answers=answers,
    )


@verb(Act.TRUST, of_all=True)
def update(asker: Asker, house: House, given: Trust, *, reason: str, replacing: bool = False) -> Changed:
    """Bring the list that earlier updates brought (the provider directory, IGPEC) to what *given* holds.

    What is no longer listed stays trusted, because old receipts rest on it, unless *replacing*: then it is withdrawn.
    """
    now = house.clock.now()
    before = [one for one in entries(_folder(house)) if one.listed]
    names = {sha256_of(anchor.der) for anchor in given.anchors}
    gone = [one for one in before if one.sha256 not in names]
    was = {sha256_of(one.der): one for one in kept(_folder(house)).anchors}
    unlisted = [told for one in gone if (told := _shown(was[one.sha256], {one.sha256}, now)) is not None]
    changed = add(asker, house, given, reason=reason, listed=True)
    if replacing and gone:
        _withdraw(house, [one.sha256 for one in gone], reason, now)
        return replace(changed, withdrawn=tuple(unlisted))
    return replace(changed, unlisted=tuple(unlisted))


def keep_answers(house: House, crls: Iterable[bytes], ocsp: Iterable[bytes]) -> int:
    """Keep these revocation answers (DER) in the archive, with a ledger line, and at hand; returns how many are new."""
    folder = _folder(house)
    given = [(der, suffix) for suffix, ders in zip(ANSWERS, (crls, ocsp), strict=True) for der in ders]
    fresh = {sha256_of(der) + suffix: der for der, suffix in given if not (folder / (sha256_of(der) + suffix)).exists()}
    if not fresh:
        return 0
    objects = [Object(der, Suffix.CERTIFICATE) for der in fresh.values()]
    house.archive.put_many(objects)
    act = lines.new_line(
        LedgerAct.REVOCATION_KEPT,
        at=house.clock.now(),
        answers=[name.partition(".")[0] for name in fresh],
        kinds=[name.partition(".")[2] for name in fresh],
    )
    in_one_transaction(house.engine, lambda connection: lines.append(connection, [act]))
    crash.at("revocation.noted")
    for name, der in fresh.items():
        create(folder / name, der)
    return len(fresh)


def _note_added(house: House, new: Sequence[Kept], anchors: dict[str, Anchor], now: datetime) -> None:
    """The certificates, and who they are for whom, in the archive; the line names hashes alone."""
    record = records.record("trust", anchors=[as_json(entry) for entry in new])
    house.archive.put_many([*(Object(one.der, Suffix.CERTIFICATE) for one in anchors.values()), record])
    act = lines.new_line(LedgerAct.TRUST_ADDED, at=now, certificates=list(anchors), record=record.sha256)
    in_one_transaction(house.engine, lambda connection: lines.append(connection, [act]))


def _withdraw(house: House, names: Sequence[str], reason: str, now: datetime) -> None:
    record = records.record("trust-withdrawn", anchors=list(names), reason=reason.strip())
    house.archive.put_many([record])
    act = lines.new_line(LedgerAct.TRUST_WITHDRAWN, at=now, certificates=list(names), record=record.sha256)
    in_one_transaction(house.engine, lambda connection: lines.append(connection, [act]))
    crash.at(LedgerAct.TRUST_WITHDRAWN)
    take_away(_folder(house), names)
    seals.seal_pending(house.engine, house.archive, now=now)
    log.info("trust.withdrawn", anchors=len(names))


def _folder(house: House) -> Path:
    assert house.trust_folder is not None  # only a house without a data folder has none
    osfiles.make_private_folder(house.trust_folder)
    return house.trust_folder


def _kept_trust(house: House) -> Trust:
    return kept(house.trust_folder) if house.trust_folder is not None else Trust()


def _shown(anchor: Anchor, own: set[str], now: datetime) -> AnchorShown | None:
    one = certificate(anchor.der)
    if one is None:
        return None
    fingerprint = sha256_of(anchor.der)
    constraints = one.constraints.permitted_mail if one.constraints else ()
    return AnchorShown(
        fingerprint=fingerprint,
        name=one.common_name or one.organization or one.parsed.subject.rfc4514_string(),
        issuer=one.parsed.issuer.rfc4514_string(),
        serial=f"{one.serial:x}",
        key_bits=one.key.key_size if one.key else None,
        not_before=one.not_before,
        not_after=one.not_after,
        valid_now=one.valid_at(now),
        use=_use(anchor, one),
        authorities=tuple(known.common_name for known in PEC_AUTHORITIES if known.is_root(one))
        if anchor.pec_cas_only
        else (),
        addresses=one.addresses,
        domains=tuple(constraints),
        source=anchor.source,
        reason=anchor.reason,
        since=anchor.since,
        kept=fingerprint in own and not anchor.pec_cas_only,
        der=anchor.der,
    )


def _use(anchor: Anchor, one: Certificate) -> str:
    if anchor.pec_cas_only:
        return "pec-authorities"
    if one.organization == SANDBOX_ORGANIZATION:
        return "sandbox"
    return "authority" if one.is_ca or one.version1 else "signer"
