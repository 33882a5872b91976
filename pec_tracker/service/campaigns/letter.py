"""What does a mailbox write for a row? The letter as it was checked, and nothing else."""

from collections.abc import Sequence

from pec_tracker.pec.compose import Attachment, Draft
from pec_tracker.pec.standard import ReceiptForm
from pec_tracker.service.campaigns.checked import Letter
from pec_tracker.service.house import Account


def draft_of(account: Account, letter: Letter, attachments: Sequence[Attachment], receipt_form: str) -> Draft:
    """The letter as the mailbox writes it."""
    return Draft(
        sender=account.address,
        sender_name=account.sender_name,
        to=(letter.address,),
        subject=letter.subject,
        text=letter.text,
        attachments=tuple(attachments),
        receipt_form=ReceiptForm(receipt_form),
        reply_to=account.reply_to,
    )
