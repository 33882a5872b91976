"""Who signed, and under which authority does that hold? The entries of a package's report about signatures."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pec_tracker.pec.certificate import certificate
from pec_tracker.pec.evidence import CHECKS
from pec_tracker.pec.signature import Verification
from pec_tracker.pec.trust import Anchor, Trust


def verification_entry(done: Verification, trust: Trust) -> dict[str, Any]:
    """What was verified of one signature, and where its chain ends."""
    anchor = _anchor(done, trust)
    return {
        "verdict": done.verdict.value,
        "at": _iso(done.at),
        "checks": {name: done.checks.get(name) for name in CHECKS},
        "not_checked": [name for name in CHECKS if done.checks.get(name) is None],
        "digest_algorithm": done.digest_algorithm,
        "signer": done.signer,
        "signer_address": done.signer_address,
        "organization": done.organization,
        "expires_at": _iso(done.expires_at),
        "issuer": done.issuer,
        "signed_at": _iso(done.signed_at),
        "form": done.form,
        "certificates": [_sha256_of(der) for der in done.certificates],
        "anchor": _sha256_of(anchor.der) if anchor else None,
        "reasons": list(done.reasons),
        "weak": list(done.weak),
    }


def _anchor(done: Verification, trust: Trust) -> Anchor | None:
    """The anchor at which a chain that held ends."""
    if done.anchor_source is None or not done.certificates:
        return None
    ending = [anchor for anchor in trust.anchors if anchor.der == done.certificates[-1]]
    return next((anchor for anchor in ending if anchor.source == done.anchor_source), ending[0] if ending else None)


def anchor_entries(done: Sequence[Verification], trust: Trust) -> list[dict[str, Any]]:
    """The anchors at which the chains of these signatures end, each once."""
    used = {anchor.der: anchor for one in done if (anchor := _anchor(one, trust)) is not None}
    entries = []
    for der, anchor in used.items():
        parsed = certificate(der)
        entries.append(
            {
                "sha256": _sha256_of(der),
                "subject": parsed.parsed.subject.rfc4514_string() if parsed else "",
                "public_root": anchor.pec_cas_only,
                "reason": anchor.reason,
                # The file's name alone: whose folder it lay in is nobody's business.
                "source": anchor.source.replace("\\", "/").rpartition("/")[2],
            }
        )
    return sorted(entries, key=lambda entry: str(entry["sha256"]))


def _sha256_of(der: bytes) -> str:
    return hashlib.sha256(der).hexdigest()


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
