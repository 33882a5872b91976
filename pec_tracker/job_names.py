"""Which jobs does the watch do again and again, and how does one end? One home for their names."""

from enum import StrEnum


class JobName(StrEnum):
    """The jobs. Each one's failure is told by the alert `<name>-failed`."""

    # of each mailbox
    COLLECT = "collect"
    DISPATCH = "dispatch"
    COPY = "copy"  # into the folder of sent mails, where the account wants it
    QUOTA = "quota"
    NOTARY = "notary"  # where the account has it

    # of the house
    REFRESH = "refresh"  # what time alone has moved on
    SEAL = "seal"
    DATING = "dating"
    REVOCATION = "revocation"


class Outcome(StrEnum):
    """How a job ended."""

    DONE = "done"
    FAILED = "failed"
