"""Does a PEC of ours get through? One message from a mailbox to itself, queued and dispatched like any other."""

from typing import Final

from pec_tracker.askers import Act, Asker
from pec_tracker.pec.compose import Draft
from pec_tracker.service.house import Account, House
from pec_tracker.service.sending.attempt import Dispatched
from pec_tracker.service.sending.dispatch import dispatch
from pec_tracker.service.sending.send import Queued, queue
from pec_tracker.service.verbs import verb
from pec_tracker.texts import _

PREFIX: Final = "pec-tracker: "  # of its subject, in every language


@verb(Act.SEND)
def queue_trial(asker: Asker, house: House, account: Account) -> Queued:
    """Queue one PEC from the mailbox to itself. Raises what `send.queue` raises."""
    draft = Draft(
        sender=account.address,
        to=(account.address,),
        subject=_("pec-tracker: trial message"),
        text=_("This message tries whether the mailbox can send and receive. It needs no answer."),
    )
    return queue(asker, house, account, draft)


@verb(Act.SEND)
def send_trial(asker: Asker, house: House, account: Account) -> Dispatched | None:
    """Send one PEC from the mailbox to itself; None when another process took it over.

    Raises what `send.queue` and `dispatch.dispatch` raise.
    """
    queued = queue_trial(asker, house, account)
    return next(iter(dispatch(asker, house, account, only=[queued.key])), None)
