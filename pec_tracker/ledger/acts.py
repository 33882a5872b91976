"""Which acts does the ledger tell of? One home: who writes a line names its act from here, and says what replays it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class LedgerAct(StrEnum):
    """The acts, with the facts of their lines; `asker` may stand in each."""

    MAILBOX_KNOWN = "mailbox.known"  # mailbox, record
    MAILBOX_ACKNOWLEDGED = "mailbox.acknowledged"  # mailbox, provider, record
    FOLDER_KNOWN = "folder.known"  # mailbox, record
    MAIL_ARCHIVED = "mail.archived"  # mailbox, mail, origin, sent, verdict, folder, uid, internal_at
    MAIL_SIGHTED = "mail.sighted"  # mailbox, mail, sent, folder, uid, internal_at
    MAIL_QUARANTINED = "mail.quarantined"  # mailbox, folder, uid, reason
    MAIL_CONVERTED = "mail.converted"  # mailbox, mail, outlook
    EVIDENCE_REVERIFIED = "evidence.reverified"  # mailbox, mail, verdict
    MESSAGE_QUEUED = "message.queued"  # mailbox, message, mail, record; of look-ups: pdfs, pngs, jpegs
    MESSAGE_ATTEMPTED = "message.attempted"  # message, number
    MESSAGE_SUBMITTED = "message.submitted"  # message, by; of the server: number, stage, code, record
    MESSAGE_DEFERRED = "message.deferred"  # likewise
    MESSAGE_REFUSED = "message.refused"  # likewise
    MESSAGE_UNCERTAIN = "message.uncertain"  # likewise; by: the doubt
    MESSAGE_REQUEUED = "message.requeued"  # message, record, by, again
    MESSAGE_ABANDONED = "message.abandoned"  # message, record, by
    MESSAGE_COPIED = "message.copied"  # message, by
    SEAL_NOTARISED = "seal.notarised"  # seal, mail
    TRUST_ADDED = "trust.added"  # certificates, record
    TRUST_WITHDRAWN = "trust.withdrawn"  # certificates, record
    REVOCATION_KEPT = "revocation.kept"  # answers, kinds
    OBJECTS_SET_ASIDE = "objects.set-aside"  # record
    CONTACTS_IMPORTED = "contacts.imported"  # added, changed, skipped: how many
    CONTACT_CHANGED = "contact.changed"  # contact, fields: their names alone
    CONTACT_REMOVED = "contact.removed"  # contact
    CONDOMINIUM_CHANGED = "condominium.changed"  # fields: their names alone
    CAMPAIGN_STARTED = "campaign.started"  # campaign, mailbox, check, record; again for each list that is started later
    CAMPAIGN_PAUSED = "campaign.paused"  # campaign
    CAMPAIGN_RESUMED = "campaign.resumed"  # campaign
    CAMPAIGN_CANCELLED = "campaign.cancelled"  # campaign
    CAMPAIGN_RETRIED = "campaign.retried"  # campaign, rows: how many
    CAMPAIGN_OUTCOME = "campaign.outcome"  # campaign, record: what came of a letter on paper, or handed over


# What makes the rows of an act again in `rebuild`; an act without rows says why it has none.
REPLAYED_BY: Final[Mapping[LedgerAct, str]] = {
    LedgerAct.MAILBOX_KNOWN: "upkeep/rebuild",
    LedgerAct.MAILBOX_ACKNOWLEDGED: "mailboxes/agreement",
    LedgerAct.FOLDER_KNOWN: "upkeep/rebuild",
    LedgerAct.MAIL_ARCHIVED: "upkeep/rebuild",
    LedgerAct.MAIL_SIGHTED: "upkeep/rebuild",
    LedgerAct.MAIL_QUARANTINED: "upkeep/rebuild",
    LedgerAct.MAIL_CONVERTED: "no rows: it says from which file an archived mail was made",
    LedgerAct.EVIDENCE_REVERIFIED: "intake/recheck",
    LedgerAct.MESSAGE_QUEUED: "upkeep/rebuild",
    LedgerAct.MESSAGE_ATTEMPTED: "upkeep/rebuild",
    LedgerAct.MESSAGE_SUBMITTED: "journeys/send_state_rows",
    LedgerAct.MESSAGE_DEFERRED: "journeys/send_state_rows",
    LedgerAct.MESSAGE_REFUSED: "journeys/send_state_rows",
    LedgerAct.MESSAGE_UNCERTAIN: "journeys/send_state_rows",
    LedgerAct.MESSAGE_REQUEUED: "journeys/send_state_rows",
    LedgerAct.MESSAGE_ABANDONED: "journeys/send_state_rows",
    LedgerAct.MESSAGE_COPIED: "upkeep/rebuild",
    LedgerAct.SEAL_NOTARISED: "dating/notary",
    LedgerAct.TRUST_ADDED: "trust/in_the_past",
    LedgerAct.TRUST_WITHDRAWN: "trust/in_the_past",
    LedgerAct.REVOCATION_KEPT: "trust/in_the_past",
    LedgerAct.OBJECTS_SET_ASIDE: "no rows: the objects were named by none",
    LedgerAct.CONTACTS_IMPORTED: "no rows: the book is carried over, so that it can be erased (decision 33)",
    LedgerAct.CONTACT_CHANGED: "no rows: as for an import",
    LedgerAct.CONTACT_REMOVED: "no rows: as for an import",
    LedgerAct.CONDOMINIUM_CHANGED: "no rows: as for an import",
    LedgerAct.CAMPAIGN_STARTED: "campaigns/replay",
    LedgerAct.CAMPAIGN_PAUSED: "campaigns/replay",
    LedgerAct.CAMPAIGN_RESUMED: "campaigns/replay",
    LedgerAct.CAMPAIGN_CANCELLED: "campaigns/replay",
    LedgerAct.CAMPAIGN_RETRIED: "no rows: what was written again is a message of its own (campaigns/replay)",
    LedgerAct.CAMPAIGN_OUTCOME: "campaigns/replay",
}
MAILS: Final = frozenset({LedgerAct.MAIL_ARCHIVED, LedgerAct.MAIL_SIGHTED, LedgerAct.MAIL_QUARANTINED})
