"""What does a proof package not show? Stable names of limits, for a reader to weigh; their words are in `words.toml`.

Two of them stand in every package: the sender chose what is in it, and no receipt shows that anything was read.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pec_tracker.pec.evidence import address_key
from pec_tracker.pec.standard import Kind, ReceiptForm
from pec_tracker.service.proof.sources import Sources
from pec_tracker.service.proof.stamps import vouched_until

_OLD: Final = ("sha1", "no-signed-attributes")


def limits(report: Mapping[str, Any], sources: Sources, *, recipients: Sequence[str]) -> Iterator[str]:
    """The names of what this package does not show. *recipients* are all those of the message."""
    yield "sender-chose"
    if not _ledger_is_dated(report, sources):
        yield "ledger-times-self-asserted"
    if any(not anchor["public_root"] for anchor in report["anchors"]):
        yield "anchor-named-by-user"
    yield from _of_signatures(report["proof"])
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
    # What agreeing leaves open: clocks, arrival, certificate, the enclosed original (`pec.points.Agreement`).
    yield from sorted({name for entry in counting for name in entry["limits"]})


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
    if not any((entry["agreement"] or {}).get("original") for entry in deliveries):
        yield "content-not-certified"
