"""Which alerts are there? One home: who raises or settles one names it here, and `texts.notices` has its sentence."""

from enum import StrEnum
from typing import Final

from pec_tracker.pec.sending import Alerts


class AlertKind(StrEnum):
    """The kinds, by what they are about. What settles each stands beside it."""

    # a message on its way out: settled by whatever answers it (`pec.sending`)
    SEND_REFUSED = Alerts.REFUSED.value
    SEND_UNCERTAIN = Alerts.UNCERTAIN.value
    SEND_WAITING = Alerts.WAITS.value
    UNCERTAIN_UNRESOLVED = Alerts.UNRESOLVED.value

    # evidence and journeys: settled when they are decided otherwise
    EVIDENCE_NOT_PROOF = "evidence-not-proof"
    NOT_DELIVERED = "not-delivered"
    CONTRADICTION = "contradiction"
    CLOCK_DOUBTFUL = "clock-doubtful"
    UNUSUAL_PROVIDER = "unusual-provider"  # by a person
    UNREADABLE = "unreadable"  # by a person

    # a mailbox: settled by the next time that goes well
    LOGIN_REFUSED = "login-refused"
    MAILS_REFUSED = "mails-refused"
    FOLDER_RESTORED = "folder-restored"  # by a person
    QUOTA_WARNING = "quota-warning"
    QUOTA_ALARM = "quota-alarm"
    ROUND_HANGING = "round-hanging"

    # a message that another program handed over, and that is not in the outbox: by a person
    GATEWAY_REFUSED = "gateway-refused"

    # what programs queued waits for an agreement with the provider: settled by `mailbox acknowledge`
    AGREEMENT_MISSING = "agreement-missing"

    # a step of a round: settled by the next that goes well
    COLLECT_FAILED = "collect-failed"
    NOTARY_FAILED = "notary-failed"
    DISPATCH_FAILED = "dispatch-failed"
    COPY_FAILED = "copy-failed"
    REFRESH_FAILED = "refresh-failed"
    QUOTA_FAILED = "quota-failed"
    SEAL_FAILED = "seal-failed"
    DATING_FAILED = "dating-failed"
    REVOCATION_FAILED = "revocation-failed"
    STAMP_FAILED = "stamp-failed"

    # the watch: settled by the next configuration that can be used
    CONFIGURATION_FAILED = "configuration-failed"


# The kinds that say how much of a mailbox is used, by level.
QUOTA: Final = {"warning": AlertKind.QUOTA_WARNING, "alarm": AlertKind.QUOTA_ALARM}
