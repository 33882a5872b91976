"""To which of our mailboxes does an imported mail belong? To the one where it lies already, else the one it names.

Where a mail lies proves nothing: what it may say of a message is decided by its signature, in whatever mailbox.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select

from pec_tracker.db.chunks import chunks
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Mail, Mailbox
from pec_tracker.pec.evidence import Verdict, address_key
from pec_tracker.pec.link import same_address
from pec_tracker.pec.roles import MailOrigin
from pec_tracker.pec.standard import Kind
from pec_tracker.pec.traits import TRAITS
from pec_tracker.service.house import Account, House
from pec_tracker.service.intake.link import Place
from pec_tracker.service.intake.study import Arrival, Studied, study


@dataclass(frozen=True, slots=True)
class Mailboxes:
    """Where imported mails may go: into `said`, which the user named, or into the one of `accounts` they belong to.

    With one account there is nothing to find out: every mail is taken for its.
    """

    places: Mapping[int, Place]  # every mailbox that the database knows, by its row
    accounts: Mapping[str, int]  # the configured ones, by address
    said: int | None

    @classmethod
    def of(cls, house: House, accounts: Sequence[Account], said: Account | None) -> "Mailboxes":
        """The mailboxes of the house; those of earlier releases have no address."""
        with reading(house.engine) as connection:
            rows = connection.execute(select(Mailbox.id, Mailbox.key, Mailbox.address)).all()
        return cls(
            places={row.id: Place(row.id, row.key, row.address, MailOrigin.IMPORTED, {}) for row in rows},
            accounts={address_key(account.address): account.id for account in accounts},
            said=None if said is None else said.id,
        )

    @property
    def only(self) -> int | None:
        """The mailbox of every mail that lies nowhere yet, where it is known beforehand."""
        return next(iter(self.accounts.values())) if self.said is None and len(self.accounts) == 1 else self.said

    @property
    def owner(self) -> str | None:
        """As whose mail everything is read at first; None: nobody knows yet."""
        return None if self.only is None else self.places[self.only].owner

    def place(self, item: Studied, lies: Iterable[int]) -> Place | None:
        """Where a mail belongs that *lies* in these mailboxes already; None where it names none of ours.

        A mailbox that the user named gets all but what lies in another that the mail itself names.
        """
        there = sorted(lies, key=lambda row_id: (row_id not in self.accounts.values(), row_id))
        if self.said is not None:
            named = self._named(item) if there and self.said not in there else None
            return self.places[named if named in there else self.said]
        if there:
            return self.places[there[0]]
        found = self.only if self.only is not None else self._named(item)
        return None if found is None else self.places[found]

    def _named(self, item: Studied) -> int | None:
        """The mailbox that the mail is about: its sender's for a receipt and a sent copy, else its recipient's."""
        evidence, headers = item.evidence, item.mail.headers
        if evidence is not None and evidence.verdict is Verdict.TRUSTED and TRAITS[item.mail.kind].about_sent_mail:
            return self._one([evidence.sender])
        if headers is None:
            return None
        written = self._one(headers.from_addresses) if _is_plain(item) else None
        if written is not None:
            return written
        received = self._one([*headers.to_addresses, *headers.cc_addresses])
        if received is None and TRAITS[item.mail.kind].envelope:
            return self._one([item.mail.sender])  # sent by one of ours, to somebody else
        return received

    def _one(self, addresses: Iterable[str | None]) -> int | None:
        """The one mailbox of ours among *addresses*; None for none, and for several."""
        ours = {self.accounts.get(address_key(address)) for address in addresses if address} - {None}
        return ours.pop() if len(ours) == 1 else None


def lying(house: House, digests: Sequence[str]) -> dict[str, set[int]]:
    """In which mailboxes these mails, by SHA-256, lie already."""
    found: dict[str, set[int]] = {}
    with reading(house.engine) as connection:
        for some in chunks(digests):
            for row in connection.execute(select(Mail.sha256, Mail.mailbox_id).where(Mail.sha256.in_(some))):
                found.setdefault(row.sha256, set()).add(row.mailbox_id)
    return found


def as_mail_of(place: Place, item: Studied, arrival: Arrival, *, house: House) -> Studied:
    """A mail that was read as somebody else's, as it is in *place*: whether it is the owner's own copy differs."""
    headers = item.mail.headers
    if not _is_plain(item) or headers is None or place.owner is None or arrival.raw is None:
        return item
    written = any(same_address(address, place.owner) for address in headers.from_addresses)
    if item.copy is not None:
        return item if written else replace(item, copy=None)
    return study(arrival, arrival.raw, owner=place.owner, trust=house.trust, now=house.clock.now()) if written else item


def _is_plain(item: Studied) -> bool:
    headers = item.mail.headers
    return item.mail.kind is Kind.ORDINARY and headers is not None and not (headers.ricevuta or headers.trasporto)
