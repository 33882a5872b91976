"""Does a PEC of ours get through? One message from a mailbox to itself, queued and dispatched like any other."""

from pec_tracker.askers import Act, Asker
from pec_tracker.pec.compose import Draft
from pec_tracker.service.house import Account, House
from pec_tracker.service.sending.attempt import Dispatched
from pec_tracker.service.sending.dispatch import dispatch
from pec_tracker.service.sending.send import queue
from pec_tracker.service.verbs import verb
from pec_tracker.texts import _


@verb(Act.SEND)
def send_trial(asker: Asker, house: House, account: Account) -> Dispatched | None:
    """Send one PEC from the mailbox to itself; None when another process took it over.

    Raises what `send.queue` and `dispatch.dispatch` raise.
    """
    draft = Draft(
        sender=account.address,
        to=(account.address,),
        subject=_("pec-tracker: trial message"),
        text=_("This message tries whether the mailbox can send and receive. It needs no answer."),
    )
    queued = queue(asker, house, account, draft)
    return next(iter(dispatch(asker, house, account, only=[queued.key])), None)
