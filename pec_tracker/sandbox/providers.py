"""Who runs the sandbox's mail? Invented providers, the domains they serve, the mailboxes that are there at first."""

from collections.abc import Sequence
from dataclasses import dataclass

from pec_tracker.pec.standard import SYSTEM_LOCAL_PART
from pec_tracker.sandbox.store import Account


@dataclass(frozen=True, slots=True)
class Provider:
    """One PEC provider: the name that its certificate and daticert carry, its own mail domain, the domains it serves.

    Receipts come from `posta-certificata@<domain>`, as with every real provider (seen: all fixtures). Whether an
    envelope repeats the original's thread headers is left open by RFC 6109 3.1.5: the sandbox has one provider of each
    habit.
    """

    name: str
    domain: str
    serves: tuple[str, ...] = ()
    threads_envelopes: bool = True  # do its transport envelopes show the original's In-Reply-To and References?

    @property
    def system_address(self) -> str:
        """The address that signs: From of every receipt, and the one name in the certificate."""
        return f"{SYSTEM_LOCAL_PART}@{self.domain}"


DEFAULT_PROVIDERS = (
    Provider(
        "Gestore Sandbox PEC S.p.A.", "gestore.sandbox.test", ("pec.sandbox.test", "studio.sandbox.test", "pec.test")
    ),
    Provider(
        "Posta Prova S.r.l.",
        "postaprova.test",
        ("altro.sandbox.test", "azienda.test"),
        threads_envelopes=False,
    ),
)

PASSWORD = "sandbox"

# The last one logs in with a user name that is no address, as with InfoCert Legalmail.
DEFAULT_ACCOUNTS = (
    Account("mittente@pec.sandbox.test", "mittente@pec.sandbox.test", PASSWORD),
    Account("segreteria@studio.sandbox.test", "segreteria@studio.sandbox.test", PASSWORD),
    Account("notifiche@altro.sandbox.test", "M1234567", PASSWORD),
)


def domain_of(address: str) -> str:
    """What follows the last `@`, in lower case."""
    return address.rpartition("@")[2].lower()


def provider_for(address: str, providers: Sequence[Provider]) -> Provider:
    """The provider that serves the domain of *address*; for a domain that nobody claims, the last provider.

    So every address in the world is somebody's: tests need not register the domains that they write to.
    """
    domain = domain_of(address)
    return next((provider for provider in providers if domain in (provider.domain, *provider.serves)), providers[-1])
