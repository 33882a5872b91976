"""What do we call it? The words of the glossary for every token that a person may see, in both languages.

A token without a word is shown as it is: providers invent tokens, and the newest room may be ahead of this list.
Sources: RFC 6109 and the annex to DM 2 Nov 2005 for the official Italian terms (in the catalogue).
"""

from collections.abc import Mapping
from typing import Final

from pec_tracker.texts.language import N_, _

KINDS: Final[Mapping[str, str]] = {
    "acceptance": N_("acceptance receipt"),
    "non-acceptance": N_("non-acceptance notice"),
    "taken-in-charge": N_("taken-in-charge receipt"),
    "delivery": N_("delivery receipt"),
    "non-delivery": N_("non-delivery notice"),
    "delay-notice": N_("delay notice"),
    "virus-notice": N_("virus notice"),
    "transport-envelope": N_("transport envelope"),
    "anomaly-envelope": N_("anomaly envelope"),
    "rem-evidence": N_("REM evidence"),
    "ordinary": N_("ordinary mail"),
    "unreadable": N_("unreadable mail"),
}

STATES: Final[Mapping[str, str]] = {
    "delivered": N_("delivered"),
    "failed": N_("not delivered"),
    "not_accepted": N_("not accepted"),
    "external": N_("accepted, ordinary mailbox"),
    "delayed": N_("delayed"),
    "accepted": N_("accepted"),
    "awaiting_acceptance": N_("awaiting acceptance"),
}

SEND_STATES: Final[Mapping[str, str]] = {
    "draft": N_("draft"),
    "queued": N_("queued"),
    "sending": N_("being sent"),
    "submitted": N_("sent"),
    "deferred": N_("deferred, will be tried again"),
    "refused": N_("refused by the server"),
    "uncertain": N_("uncertain whether it left"),
    "abandoned": N_("abandoned"),
}

VERDICTS: Final[Mapping[str, str]] = {
    "trusted": N_("trusted"),
    "intact": N_("intact, signer not trusted"),
    "broken": N_("altered"),
    "unsigned": N_("no signature"),
}

NEXT_STEPS: Final[Mapping[str, str]] = {
    "nothing": N_("nothing to do"),
    "wait-sending": N_("nothing yet: it waits to be sent"),
    "decide": N_("decide whether it left: outbox settle, or outbox resend"),
    "wait-acceptance": N_("wait for the acceptance receipt"),
    "wait-delivery": N_("wait for the delivery receipt"),
    "ask-provider": N_("ask your provider for the missing receipt"),
    "correct-and-resend": N_("correct the message and send it again"),
    "check-address": N_("check the address in a public register, then send again"),
    "resend-later": N_("send again later: the mailbox is full"),
    "resend-or-other-channel": N_(
        "no delivery within 24 hours: send it again; if it is urgent, use another channel too"
    ),
    "other-channel": N_("use another channel: this recipient gives no delivery receipt"),
    "remove-virus": N_("remove the virus, then send again"),
    "lawyer-decides": N_("the mailbox is full: the lawyer decides (L. 53/1994 art. 3-ter); show asks two questions"),
}

PROFILES: Final[Mapping[str, str]] = {
    "law53": N_("notification by a lawyer, L. 53/1994"),
    "assembly": N_("convocation of a condominium's assembly"),
}

CHECKS: Final[Mapping[str, str]] = {
    "structure": N_("structure of the signed mail"),
    "digest": N_("content as signed"),
    "signature": N_("signature value"),
    "chain": N_("certificate chain"),
    "valid_now": N_("chain still valid today"),
    "signer_address": N_("certificate's address is the sender"),
    "provider_domain": N_("domain allowed to the provider"),
    "revocation": N_("certificate not revoked"),
}

POINTS: Final[Mapping[str, str]] = {
    "sender": N_("sender"),
    "recipients": N_("recipients"),
    "recipient": N_("recipient"),
    "subject": N_("subject"),
    "reference": N_("reference"),
    "identifier": N_("identifier"),
    "order_of_times": N_("order of times"),
    "original": N_("enclosed original"),
}

FORMS: Final[Mapping[str, str]] = {
    "completa": N_("complete"),
    "breve": N_("brief"),
    "sintetica": N_("synthetic"),
}

RECIPIENT_TYPES: Final[Mapping[str, str]] = {
    "certificato": N_("certified"),
    "esterno": N_("external"),
}

ERRORS: Final[Mapping[str, str]] = {
    "nessuno": N_("no error"),
    "no-dest": N_("unknown recipient"),
    "no-dominio": N_("unknown domain"),
    "virus": N_("virus"),
    "altro": N_("other error"),
}

FAILURE_CODES: Final[Mapping[str, str]] = {
    "5.1.1": N_("the address does not exist"),
    "5.1.2": N_("the domain does not exist"),
    "5.2.1": N_("the mailbox is disabled"),
    "5.2.2": N_("the mailbox is full"),
    "5.4.1": N_("not delivered within 24 hours"),
    "5.5.1": N_("a virus was found"),
}

# Events of EN 319 522-1, then the documents of TS 102 640-2 and their event codes.
REM_EVENTS: Final[Mapping[str, str]] = {
    "SubmissionAcceptance": N_("submission accepted"),
    "SubmissionRejection": N_("submission rejected"),
    "RelayAcceptance": N_("accepted by the recipient's service"),
    "RelayRejection": N_("rejected by the recipient's service"),
    "RelayFailure": N_("could not be handed to the recipient's service"),
    "NotificationForAcceptance": N_("recipient asked to accept"),
    "NotificationForAcceptanceFailure": N_("recipient could not be asked to accept"),
    "ConsignmentAcceptance": N_("accepted by the recipient"),
    "ConsignmentRejection": N_("refused by the recipient"),
    "AcceptanceRejectionExpiry": N_("neither accepted nor refused in time"),
    "ContentConsignment": N_("delivered into the recipient's mailbox"),
    "ContentConsignmentFailure": N_("not delivered into the recipient's mailbox"),
    "ConsignmentNotification": N_("recipient notified of the delivery"),
    "ConsignmentNotificationFailure": N_("recipient could not be notified of the delivery"),
    "ContentHandover": N_("handed over to the recipient"),
    "ContentHandoverFailure": N_("could not be handed over to the recipient"),
    "NotificationDelivered": N_("notification delivered"),
    "NotificationAccessTracking": N_("notification read"),
    "ContentAccessTracking": N_("content read"),
    "RelayToNonERDS": N_("passed on to an ordinary service"),
    "RelayToNonERDSFailure": N_("could not be passed on to an ordinary service"),
    "ReceivedFromNonERDS": N_("received from an ordinary service"),
    "SubmissionAcceptanceRejection": N_("submission accepted or rejected"),
    "RelayREMMDAcceptanceRejection": N_("accepted or rejected by the recipient's service"),
    "RelayREMMDFailure": N_("could not be handed to the recipient's service"),
    "DeliveryNonDeliveryToRecipient": N_("delivered or not delivered to the recipient"),
    "DownloadNonDownloadByRecipient": N_("downloaded or not downloaded by the recipient"),
    "RetrievalNonRetrievalByRecipient": N_("retrieved or not retrieved by the recipient"),
    "AcceptanceRejectionByRecipient": N_("accepted or refused by the recipient"),
    "RelayToNonREMSystem": N_("passed on to an ordinary service"),
    "ReceivedFromNonREMSystem": N_("received from an ordinary service"),
    "Acceptance": N_("accepted"),
    "Rejection": N_("rejected"),
    "Delivery": N_("delivered"),
    "NonDelivery": N_("not delivered"),
}

SEVERITIES: Final[Mapping[str, str]] = {
    "refuse": N_("refused"),
    "advise": N_("advice"),
}


def word(table: Mapping[str, str], token: str | None) -> str:
    """The word of `token` in the language spoken now; the token itself where `table` has none; `-` for None."""
    if token is None:
        return "-"
    return _(table[token]) if token in table else token


def rem_event(event: str | None) -> str:
    """The words of an ETSI event with its token, `document/code` in both parts; `-` for none."""
    if event is None:
        return "-"
    told = ", ".join(word(REM_EVENTS, part) for part in event.split("/") if part in REM_EVENTS)
    return f"{told} ({event})" if told else event


def words(table: Mapping[str, str], tokens: tuple[str, ...] | list[str]) -> str:
    """The words of several tokens, separated by commas; `-` for none."""
    return ", ".join(word(table, token) for token in tokens) or "-"
