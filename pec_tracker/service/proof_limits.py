"""What does a proof package not show? Stable names of limits, for a reader to weigh; their words are in `words.toml`.

Two of them stand in every package: the sender chose what is in it, and no receipt shows that anything was read.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from pec_tracker.pec.evidence import address_key
from pec_tracker.pec.standard import Kind, ReceiptForm
from pec_tracker.service.proof_sources import Sources
from pec_tracker.service.proof_stamps import vouched_until

# Until then providers signed with keys of 1,024 bits; a server that took a mail in by then vouches that it is genuine.
SHORT_KEYS_UNTIL: Final = datetime(2019, 1, 1, tzinfo=UTC)

_OLD: Final = ("sha1", "no-signed-attributes")


def limits(report: Mapping[str, Any], sources: Sources, *, recipients: Sequence[str]) -> Iterator[str]:
    """The names of what this package does not show. *recipients* are all those of the message."""
    yield "sender-chose"
    if not _ledger_is_dated(report, sources):
        yield "ledger-times-self-asserted"
    if any(not anchor["public_root"] for anchor in report["anchors"]):
        yield "anchor-named-by-user"
    yield from _of_signatures(report["proof"])
    if any(entry["provider_named_otherwise"] for entry in report["proof"]):
        yield "provider-named-otherwise"
    yield from _of_content(report)
    if any(not journey["delivered_at"] for journey in report["journeys"]):
        yield "delivery-missing"
    if report["recipient"] is not None and len({address_key(one) for one in recipients}) > len(report["journeys"]):
        yield "one-recipient-only"
    if not sources.frame.pdf:
        yield "no-summary-pdf"


def _ledger_is_dated(report: Mapping[str, Any], sources: Sources) -> bool:
    """Whether a stamp of their time covers all the lines here: every seal holds the hash of the one before."""
    newest = max((line["seal"] or 0 for line in report["ledger"]["lines"]), default=0)
    return 0 < newest <= vouched_until(report, {seal.number: seal for seal in sources.seals().values()})


def _of_signatures(counting: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What the signatures of the evidence that counts leave open."""
    done = [entry["verification"] for entry in counting]
    weak = {name for one in done for name in one["weak"]}
    if any("revocation" in one["not_checked"] for one in done):
        yield "revocation-not-checked"
    if any(name.startswith(_OLD) for name in weak):
        yield "weak-algorithms"
    if any(_short_key(entry) for entry in counting):
        yield "weak-key"
    if any(_expired(entry, entry["arrived_at"]) for entry in counting):
        yield "expired-on-arrival"
    if any(entry["arrived_at"] is None and _expired(entry, entry["archived_at"]) for entry in counting):
        yield "arrival-unknown"


def _short_key(entry: Mapping[str, Any]) -> bool:
    """Whether a key is short, and no server vouches that the mail came while such keys were usual."""
    arrived = entry["arrived_at"]
    vouched = arrived is not None and datetime.fromisoformat(arrived) < SHORT_KEYS_UNTIL
    return not vouched and any(name.startswith("rsa-") for name in entry["verification"]["weak"])


def _expired(entry: Mapping[str, Any], at: str | None) -> bool:
    """Whether the signer's certificate had expired by a time."""
    until = entry["verification"]["expires_at"]
    return None not in (at, until) and datetime.fromisoformat(until) < datetime.fromisoformat(str(at))


def _of_content(report: Mapping[str, Any]) -> Iterator[str]:
    """To what the receipts were held, and how far they certify what the message said."""
    held_to, counting = report["message"]["held_to"], report["proof"]
    deliveries = [entry for entry in counting if entry["kind"] == Kind.DELIVERY]
    forms = {entry["receipt_form"] for entry in deliveries}
    if held_to == "copy":
        yield "held-to-copy"
    if held_to in ("receipts", None):
        yield "held-to-receipts"
    if forms - {ReceiptForm.COMPLETE.value}:
        yield "delivery-not-complete"
    if ReceiptForm.BRIEF in forms:
        yield "brief-sha1"
    if not any((entry["agreement"] or {}).get("original") for entry in deliveries):
        yield "content-not-certified"
