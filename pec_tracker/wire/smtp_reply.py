"""What became of a message, judged from the server's reply and from how far we had come? Pure."""

import re
from dataclasses import dataclass
from enum import StrEnum

from pec_tracker.errors import PecTrackerError, ServerError
from pec_tracker.wire.reach import clean_text

REPLY_LIMIT = 500  # characters of the server's text that are kept

# Seen: Legalmail, 550 'MAIL from: ... blocked "Class Of Service" - Too much traffic from this sender':
# a limit on messages a minute, although the code says "never".
_TOO_MUCH_TRAFFIC = re.compile(r"class of service|too much traffic|too many messages|rate limit|sending limit", re.I)


class SendOutcome(StrEnum):
    """Where a message stands after one attempt."""

    SUBMITTED = "submitted"  # the server took it: any 2xx after the final dot
    REFUSED = "refused"  # final: a 5xx, or bytes that must not be sent
    DEFERRED = "deferred"  # certainly not sent: 4xx, or lost before the final dot; to be tried again
    UNCERTAIN = "uncertain"  # lost after the final dot: only receipts, or a person, can tell


@dataclass(frozen=True, slots=True)
class SendResult:
    """What one attempt came to. `code` is the server's, None when it gave none that can be read.

    `stage` is how far we had come: connect, tls, login, mail, rcpt, data, body, dot or reply. `reply` is the
    server's text, empty where it said nothing: then `problem` says what happened, in our words. `recipient` is the
    one that was refused. `pause` says that the provider finds the traffic too much: wait before the next message from
    this mailbox.
    """

    outcome: SendOutcome
    code: int | None
    reply: str
    stage: str
    recipient: str | None = None
    pause: bool = False
    problem: PecTrackerError | None = None


def judged(*, stage: str, code: int, text: str, recipient: str | None = None) -> SendResult:
    """The result of an attempt that ended with this reply, at `stage`; `reply` is the stage after the final dot."""
    pause = code >= 400 and _TOO_MUCH_TRAFFIC.search(text) is not None
    readable = 200 <= code <= 599
    return SendResult(
        outcome=_outcome(stage=stage, code=code, pause=pause),
        code=code if readable else None,
        reply=clean_text(text, limit=REPLY_LIMIT),
        stage=stage,
        recipient=recipient,
        pause=pause,
    )


def lost_at(stage: str, error: ServerError) -> SendResult:
    """The result of an attempt that broke off at `stage` by *error*; from `dot` on, nobody knows."""
    if stage not in {"dot", "reply"}:
        return SendResult(outcome=SendOutcome.DEFERRED, code=None, reply="", stage=stage, problem=error)
    unknown = ServerError(
        "the whole message was handed over, and the server did not say whether it took it: {reason}", reason=error
    )
    return SendResult(outcome=SendOutcome.UNCERTAIN, code=None, reply="", stage=stage, problem=unknown)


def _outcome(*, stage: str, code: int, pause: bool) -> SendOutcome:
    if pause:
        return SendOutcome.DEFERRED
    if 500 <= code <= 599:
        return SendOutcome.REFUSED
    if 400 <= code <= 499:
        return SendOutcome.DEFERRED
    if stage == "reply":
        return SendOutcome.SUBMITTED if 200 <= code <= 299 else SendOutcome.UNCERTAIN
    # A "yes" in the middle of the body: the server may believe that it has a message.
    return SendOutcome.UNCERTAIN if stage == "body" and 200 <= code <= 299 else SendOutcome.DEFERRED
