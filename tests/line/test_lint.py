"""Before it leaves: what the provider would refuse, and what the house knows that speaks against it."""

from datetime import timedelta
from email.message import EmailMessage

import pytest
from sqlalchemy import insert, update

from pec_tracker.askers import OPERATOR, Act, Asker
from pec_tracker.db.base import table
from pec_tracker.db.engine import writing
from pec_tracker.db.passing import QuotaSample
from pec_tracker.db.tables import Message, Recipient
from pec_tracker.pec.compose import Attachment
from pec_tracker.pec.finding import Finding
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service.house import Account, House
from pec_tracker.service.sending.known_before import receipts_bytes
from pec_tracker.service.sending.lint import lint
from tests.line.houses import account_at, queued
from tests.sandbox.materials import SENDER

ONE, TWO = "consegnata@pec.test", "due@pec.test"
MINUTES = Attachment("verbale.pdf", b"%PDF-1.7 verbale")


def told(findings: tuple[Finding, ...]) -> list[tuple[str, str]]:
    return [(finding.rule, finding.where) for finding in findings]


def written(*to: str, subject: str = "Verbale", document: bytes = MINUTES.content) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = SENDER, ", ".join(to), subject
    mail.set_content("Si invia il verbale.")
    mail.add_attachment(document, maintype="application", subtype="pdf", filename="altro nome.pdf")
    return mail.as_bytes()


def delivered(house: House) -> None:
    with writing(house.engine) as connection:
        connection.execute(update(Recipient).values(state="delivered", delivered_at=house.clock.now()))


def test_a_message_that_nothing_speaks_against_is_found_clean_and_is_not_queued(house: House, account: Account) -> None:
    found = lint(OPERATOR, house, account, written(ONE))
    assert found.findings == ()
    assert found.recipients == (ONE,)
    assert found.receipts_bytes > found.size


def test_what_would_be_refused_comes_first(house: House, account: Account) -> None:
    raw = written(ONE, subject="").replace(b"From: ", b"Bcc: x@pec.test\nFrom: ")
    found = lint(OPERATOR, house, account, raw)
    assert found.refused
    assert [rule for rule, _ in told(found.findings)] == ["bcc-present", "subject-empty"]


def test_the_very_document_that_reached_a_recipient_is_told_with_its_receipt(house: House, account: Account) -> None:
    first = queued(house, account, ONE, attachments=(MINUTES,))
    assert told(lint(OPERATOR, house, account, written(ONE)).findings) == []  # sent is not received
    delivered(house)
    found = lint(OPERATOR, house, account, written(ONE, TWO, subject="Di nuovo"))
    assert ("document-known", ONE) in told(found.findings)
    assert ("document-known", TWO) not in told(found.findings)
    known = next(one for one in found.findings if one.rule == "document-known")
    assert (known.message, known.at is not None) == (first.key, True)
    assert told(lint(OPERATOR, house, account, written(ONE, document=b"%PDF altro")).findings) == []
    # The same is said by the send itself.
    again = queued(house, account, ONE, attachments=(MINUTES,), subject="Ancora")
    assert ("document-known", ONE) in told(again.advice)


def test_what_lies_in_a_mailbox_that_he_may_not_see_is_not_told(house: House, sandbox: Sandbox) -> None:
    mine, other = account_at(house, sandbox), account_at(house, sandbox, sandbox.settings.accounts[1].address)
    queued(house, other, ONE, attachments=(MINUTES,), subject="Verbale")
    delivered(house)
    narrow = Asker("a", "a", frozenset({Act.SEND, Act.READ}), frozenset({mine.id}))
    assert told(lint(narrow, house, mine, written(ONE)).findings) == []
    assert ("document-known", ONE) in told(lint(OPERATOR, house, mine, written(ONE)).findings)


def test_the_same_subject_to_the_same_recipient_within_a_day_is_told(house: House, account: Account) -> None:
    first = queued(house, account, ONE, subject="Convocazione è")
    found = lint(OPERATOR, house, account, written(ONE, TWO, subject="CONVOCAZIONE E"))
    assert [one.message for one in found.findings if one.rule == "written-today"] == [first.key]
    with writing(house.engine) as connection:
        connection.execute(update(Message).values(created_at=house.clock.now() - timedelta(hours=25)))
    assert "written-today" not in dict(
        told(lint(OPERATOR, house, account, written(ONE, subject="Convocazione è")).findings)
    )


@pytest.mark.parametrize(("free", "lacks"), [(10_000_000, False), (1_000, True)])
def test_a_mailbox_without_space_for_the_receipts_is_told_with_the_figures(
    house: House, account: Account, free: int, lacks: bool
) -> None:
    sample = {"mailbox_id": account.id, "at": house.clock.now(), "used": 50_000_000 - free, "limit": 50_000_000}
    with writing(house.engine) as connection:
        connection.execute(insert(table(QuotaSample)), [sample])
    found = lint(OPERATOR, house, account, written(ONE, TWO))
    short = [one for one in found.findings if one.rule == "receipts-lack-space"]
    assert bool(short) == lacks
    assert [(one.measured, one.limit) for one in short] == ([(found.receipts_bytes, free)] if lacks else [])


def test_receipts_take_more_space_where_they_carry_the_message() -> None:
    assert receipts_bytes(1_000_000, 10, "completa") > 14_000_000
    assert receipts_bytes(1_000_000, 10, "breve") < 2_000_000
