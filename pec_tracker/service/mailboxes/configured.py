"""How does a mailbox stand in the configuration? As a person would be shown it; `config` fills it in."""

from dataclasses import dataclass

from pec_tracker.secret import SecretRef
from pec_tracker.wire.endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class Configured:
    """One mailbox, its own settings over its provider's. `secret` names where the password is, never what it is."""

    name: str
    address: str
    display_name: str | None
    provider: str
    provider_title: str
    login: str
    secret: SecretRef
    smtp: Endpoint
    imap: Endpoint
    sent_folder: str | None
    reply_to: str | None
