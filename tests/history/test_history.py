"""What a user would lose: the knowledge of which of the messages of years ago can be proved, and what is lacking."""

from pec_tracker.askers import OPERATOR
from pec_tracker.service.house import Account, House
from pec_tracker.service.importing.history import Gap, History, history
from tests.factory import receipts
from tests.service.house import bring, place_of


def about(number: int, tipo: str, **changes: object) -> bytes:
    """A receipt about the message of this number."""
    facts = {
        "reference": f"m{number}@pec.example",
        "identifier": f"id{number}@pec.example",
        "subject": f"Atto {number}",
    }
    return receipts.receipt(tipo, **{**facts, **changes})  # type: ignore[arg-type]


def sum_up(house: House, account: Account, *mails: bytes) -> History:
    bring(house, place_of(account, origin="imported"), mails)
    return history(OPERATOR, house, [account.id])


def test_nothing_imported_is_nothing_missing(house: House, account: Account) -> None:
    past = history(OPERATOR, house, [account.id])
    assert (past.messages, past.recipients, past.proved, past.orphans, past.unreadable) == (0, 0, 0, 0, 0)
    assert (past.delivery_without_acceptance.count, past.acceptance_without_delivery.count, past.verdicts) == (0, 0, ())


def test_acceptance_and_delivery_together_are_proof(house: House, account: Account) -> None:
    past = sum_up(house, account, about(1, "accettazione"), about(1, "avvenuta-consegna"))
    assert (past.messages, past.recipients, past.proved) == (1, 1, 1)
    assert past.delivery_without_acceptance.count == past.acceptance_without_delivery.count == 0


def test_what_lacks_a_receipt_is_counted_and_named(house: House, account: Account) -> None:
    past = sum_up(
        house, account, about(1, "avvenuta-consegna"), about(2, "accettazione"), about(3, "accettazione"),
        about(3, "errore-consegna", error="no-dest", error_detail="5.1.1 - Gestore - indirizzo non valido"),
    )  # fmt: skip
    assert (past.messages, past.proved) == (3, 0)
    (delivered,) = past.delivery_without_acceptance.named
    (accepted,) = past.acceptance_without_delivery.named
    assert (delivered.subject, delivered.recipient) == ("Atto 1", receipts.RECIPIENT)
    assert accepted == Gap(accepted.message, receipts.RECIPIENT, "Atto 2")  # a non-delivery leaves nothing open


def test_each_recipient_of_one_message_lacks_its_own_receipt(house: House, account: Account) -> None:
    two = ("anna@pec.example", "bruno@pec.example")
    past = sum_up(
        house, account, about(1, "accettazione", recipients=two),
        about(1, "avvenuta-consegna", recipient="anna@pec.example", recipients=two),
    )  # fmt: skip
    assert (past.messages, past.recipients, past.proved) == (1, 2, 1)
    assert [gap.recipient for gap in past.acceptance_without_delivery.named] == ["bruno@pec.example"]


def test_ordinary_mailboxes_lack_no_receipt(house: House, account: Account) -> None:
    external = ((receipts.RECIPIENT, "esterno"),)
    past = sum_up(house, account, about(1, "accettazione", recipients=external))
    assert past.recipients == 1
    assert past.acceptance_without_delivery.count == 0


def test_signatures_that_prove_nothing_and_receipts_of_nobody_are_counted(house: House, account: Account) -> None:
    altered = about(1, "accettazione").replace(b"il messaggio", b"un messaggio", 1)
    stranger = about(2, "accettazione", sender="altri@pec.example")
    past = sum_up(house, account, altered, stranger, about(3, "avvenuta-consegna", signers=()), b"\0\0")
    assert dict(past.verdicts) == {"broken": 1, "unsigned": 1}
    assert past.messages == 0
    assert past.orphans == 3
    assert past.unreadable == 1


def test_trusted_receipts_that_contradict_their_message_are_counted(house: House, account: Account) -> None:
    past = sum_up(
        house, account, about(1, "accettazione"), about(1, "avvenuta-consegna", subject="Un altro oggetto"),
    )  # fmt: skip
    assert (past.disagreeing, past.proved) == (1, 0)
    assert past.acceptance_without_delivery.count == 1


def test_another_mailbox_is_not_counted(house: House, account: Account) -> None:
    bring(house, place_of(account), [about(1, "accettazione")])
    assert history(OPERATOR, house, [account.id + 1]).messages == 0
