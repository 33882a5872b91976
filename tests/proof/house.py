"""A house with messages in every state that a package can show: composed and sent, found, forged, brief, missing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pec_tracker.archive.local import LocalArchive
from pec_tracker.archive.objects import Suffix
from pec_tracker.askers import OPERATOR
from pec_tracker.clock import Clock
from pec_tracker.db.engine import open_engine, sqlite_url
from pec_tracker.pec.compose import Attachment, Draft
from pec_tracker.pec.trust import Trust
from pec_tracker.service.house import Account, House, Start
from pec_tracker.service.importing.import_ import bring_in
from pec_tracker.service.mailboxes.known import known_mailbox
from pec_tracker.service.sending.send import Queued, queue
from pec_tracker.wire.endpoint import Endpoint, Login, Security
from tests.factory import ca, cms, receipts

SENDER = receipts.SENDER
ANNA = "anna@pec.example"
BRUNO = "bruno@pec.example"
CARLA = "carla@pec.example"
SUBJECT = 'Diffida ad adempiere: perché no? 😀 #let x = "1"'
CONTRACT = b"%PDF-1.4 the contract\n" * 40
SENT_AT = receipts.ISSUED_AT - timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Desk:
    """A house on SQLite in *folder*, and its one account."""

    folder: Path
    house: House
    account: Account

    def compose(
        self, *to: str, cc: Sequence[str] = (), subject: str = SUBJECT, case: str | None = "R.G. 12/2026"
    ) -> Queued:
        """Queue a message with an attachment; as far as the ledger knows it never left by itself."""
        draft = Draft(
            sender=SENDER,
            to=to,
            cc=tuple(cc),
            subject=subject,
            text="Si diffida.",
            attachments=(Attachment("contratto.pdf", CONTRACT),),
        )
        return queue(OPERATOR, self.house, self.account, draft, case=case)

    def raw_of(self, queued: Queued) -> bytes:
        """The bytes of a queued message."""
        from sqlalchemy import select

        from pec_tracker.db.engine import reading
        from pec_tracker.db.tables import Message

        with reading(self.house.engine) as connection:
            sha256 = connection.scalar(select(Message.raw).where(Message.key == queued.key))
        assert sha256 is not None
        return self.house.archive.get(sha256, Suffix.MAIL)

    def take_in(self, *raws: bytes) -> None:
        """Import mails into the account, and seal."""
        mails = self.folder / "mails"
        mails.mkdir(exist_ok=True)
        files = []
        for number, raw in enumerate(raws):
            files.append(mails / f"{number:03}.eml")
            files[-1].write_bytes(raw)
        bring_in(OPERATOR, self.house, files, account=self.account)
        for file in files:
            file.unlink()

    def later(self, span: timedelta) -> "Desk":
        """The same house, later."""
        clock = Clock(origin=self.house.clock.origin + span, factor=0.0)
        return replace(self, house=replace(self.house, clock=clock))

    def trusting(self, trust: Trust) -> "Desk":
        """The same house with another trust."""
        return replace(self, house=replace(self.house, trusting=lambda: trust))


def desk(folder: Path, *, trust: Trust | None = None) -> Desk:
    """A new house in *folder*; its clock stands still at SENT_AT."""
    clock = Clock(origin=SENT_AT.astimezone(UTC), factor=0.0)
    spool = folder / "spool"
    spool.mkdir(parents=True)
    engine = open_engine(sqlite_url(folder / "house.db"))
    archive = LocalArchive(folder / "archive")
    house = House(engine, archive, lambda: trust or receipts.trust(), clock, Start(), spool)
    row_id, key = known_mailbox(house, "studio", SENDER)
    nowhere = Endpoint("127.0.0.1", 1, Security.TLS)
    account = Account(row_id, key, "studio", SENDER, nowhere, nowhere, login=lambda: Login(SENDER, "x"))
    return Desk(folder, house, account)


def receipt(
    queued: Queued,
    kind: str,
    *,
    to: str | None = None,
    original: bytes | None = None,
    after: int = 0,
    **bent: object,
) -> bytes:
    """A receipt of a queued message, *after* seconds from the acceptance's time."""
    subject = bent.pop("subject", SUBJECT)
    settings: dict[str, object] = {
        "sender": SENDER,
        "recipients": list(queued.recipients),
        "subject": subject,
        "reference": queued.reference,
        "identifier": f"opec.{queued.key}@pec.example",
        "issued_at": receipts.ISSUED_AT + timedelta(seconds=after),
        "original": original,
        **bent,
    }
    if to is not None:
        settings["recipient"] = to
    return receipts.receipt(kind, **settings)  # type: ignore[arg-type]


def stranger() -> cms.Signer:
    """A self-made authority with the provider's very names."""
    root = ca.root(key="forged-root")
    names = {"country": "IT", "organization": "Prova", "common_name": "PEC CA di prova"}
    authority = ca.pec_ca(root, names, key="forged-ca")
    return cms.Signer(ca.provider(authority, key="forged-provider"), signed_at=datetime(2026, 3, 2, 9, 16, tzinfo=UTC))


def story(folder: Path) -> tuple[Desk, Queued]:
    """Anna got it, Bruno's mailbox is full, a forged delivery claims that he did, one receipt was altered."""
    here = desk(folder)
    queued = here.compose(ANNA, BRUNO)
    raw = here.raw_of(queued)
    accepted = receipt(queued, "accettazione")
    delivered = receipt(queued, "avvenuta-consegna", to=ANNA, original=raw, after=20)
    failed = receipt(
        queued,
        "errore-consegna",
        to=BRUNO,
        after=30,
        error="altro",
        error_detail="5.2.2 - Gestore di Prova - casella piena",
    )
    forged = receipt(queued, "avvenuta-consegna", to=BRUNO, original=raw, after=40, signers=(stranger(),))
    altered = receipt(queued, "avvenuta-consegna", to=BRUNO, original=raw, after=50).replace(
        b"Y2VydGlm", b"Y2VydGlt", 1
    )
    desk_later = here.later(timedelta(minutes=5))
    desk_later.take_in(accepted, delivered)
    desk_later.later(timedelta(minutes=1)).take_in(failed, forged, altered)
    return desk_later.later(timedelta(minutes=2)), queued
