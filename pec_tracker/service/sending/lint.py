"""What would be said of a message before it leaves? The rules of PEC, and what the house knows; nothing is queued."""

import hashlib
from dataclasses import dataclass, replace

from pec_tracker.askers import Act, Asker
from pec_tracker.pec.compose import Draft, compose, new_tracker_id
from pec_tracker.pec.finding import Finding, Severity, refused
from pec_tracker.pec.fingerprint import fingerprint
from pec_tracker.pec.headers import headers_of
from pec_tracker.pec.relay import Handed, relayed
from pec_tracker.pec.rules import check, check_draft
from pec_tracker.pec.signed_documents import signature_findings
from pec_tracker.pec.standard import ReceiptForm
from pec_tracker.service.house import Account, House
from pec_tracker.service.sending.known_before import known_before, receipts_bytes
from pec_tracker.service.sending.profiles import Wanted, profiled
from pec_tracker.service.verbs import verb


@dataclass(frozen=True, slots=True)
class Linted:
    """What was found, what refuses first; to whom it would go, and how much space it takes with its receipts, about."""

    findings: tuple[Finding, ...]
    recipients: tuple[str, ...]
    size: int
    receipts_bytes: int

    @property
    def refused(self) -> bool:
        """Whether the message would not be queued."""
        return any(finding.severity is Severity.REFUSE for finding in self.findings)


@verb(Act.SEND)
def lint(asker: Asker, house: House, account: Account, raw: bytes, wanted: Wanted | None = None) -> Linted:
    """Look at a message as a program composed it; it would go to everybody in its To and Cc. *wanted* is what it is to
    be beyond a letter. Raises UsageError for a look-up that is none.
    """
    headers = headers_of(raw)
    recipients = () if headers is None else (*headers.to_addresses, *headers.cc_addresses)
    # The provider writes CR LF whatever a file has: what a gateway would refuse in a dialogue is no fault of a file.
    wire = b"\r\n".join(raw.replace(b"\r\n", b"\n").split(b"\n"))
    handed = Handed(account.address, recipients, wire)
    outgoing = relayed(handed, tracker_id=new_tracker_id(bytes(16)), now=house.clock.now())
    found = check(outgoing, account=account.address, limits=account.limits)
    found += [one for one in signature_findings(outgoing.raw) if one not in found]
    found += profiled(asker, house, outgoing, wanted).findings
    form = ((headers.receipt_form if headers is not None else None) or ReceiptForm.COMPLETE).lower()
    subject = (headers.subject if headers is not None else None) or ""
    documents = [part.sha256 for part in fingerprint(outgoing.raw).parts if part.filename]
    found += known_before(asker, house, account, outgoing, form=form, subject=subject, documents=documents)
    found.sort(key=lambda finding: finding.severity is not Severity.REFUSE)
    size = len(outgoing.raw)
    return Linted(tuple(found), outgoing.rcpt_to, size, receipts_bytes(size, len(outgoing.rcpt_to), form))


@verb(Act.SEND)
def lint_draft(asker: Asker, house: House, account: Account, draft: Draft) -> Linted:
    """Look at a letter that is to be composed here. Where its fields are wrong, what would follow is not looked at."""
    found = check_draft(draft, account=account.address)
    form = draft.receipt_form.value
    wrong = bool(refused(found))
    # Wrong addresses can't be composed; the size is told all the same.
    sound = replace(draft, to=(account.address,), cc=(), reply_to=None) if wrong else draft
    outgoing = compose(sound, tracker_id=new_tracker_id(bytes(16)), now=house.clock.now())
    recipients = (*draft.to, *draft.cc) if wrong else outgoing.rcpt_to
    if not wrong:
        known = {(finding.rule, finding.where) for finding in found}
        checked = check(outgoing, account=account.address, limits=account.limits)
        found += [finding for finding in checked if (finding.rule, finding.where) not in known]
        documents = [hashlib.sha256(one.content).hexdigest() for one in draft.attachments]
        found += known_before(asker, house, account, outgoing, form=form, subject=draft.subject, documents=documents)
    found.sort(key=lambda finding: finding.severity is not Severity.REFUSE)
    size = len(outgoing.raw)
    return Linted(tuple(found), recipients, size, receipts_bytes(size, len(recipients), form))
