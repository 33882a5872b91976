"""What a user would lose: the past of one mailbox under another's name, or twice; a mail that nobody asked about."""

import itertools
from pathlib import Path

import pytest
from sqlalchemy import select

from pec_tracker.askers import OPERATOR
from pec_tracker.db.tables import Ledger, Mail, Mailbox, Message
from pec_tracker.errors import UsageError
from pec_tracker.service.house import Account, House
from pec_tracker.service.importing.import_ import Imported, bring_in
from pec_tracker.service.mailboxes.known import known_mailbox
from pec_tracker.service.queries.find import FoundMessage, Query, find
from pec_tracker.service.queries.show import show
from pec_tracker.service.upkeep.rebuild import rebuild
from tests.factory import cms, receipts
from tests.service.house import ENGINES, OWNER, account_of, bring, count, objects, open_house, place_of, rows

OTHER = "altra@pec.example"
STRANGER = "sconosciuto@pec.example"
SENT = receipts.original(subject="Diffida")
ACCEPTANCE = receipts.receipt("accettazione", subject="Diffida")
DELIVERY = receipts.receipt("avvenuta-consegna", subject="Diffida", original=SENT)
OURS = (ACCEPTANCE, DELIVERY, SENT)
HERS = {"reference": "pt.altra@pec.example", "identifier": "opec.altra@pec.example", "sender": OTHER}
SENT_BY_HER = receipts.original(sender=OTHER, reference=HERS["reference"])
ACCEPTANCE_OF_HERS = receipts.receipt("accettazione", **HERS)  # type: ignore[arg-type]
RECEIVED = receipts.receipt(
    "posta-certificata", sender=STRANGER, recipients=(OTHER,), original=receipts.original(sender=STRANGER, to=(OTHER,)),
    reference="x@pec.example", identifier="y@pec.example",
)  # fmt: skip
THEIRS = (ACCEPTANCE_OF_HERS, SENT_BY_HER, RECEIVED)
NOBODYS = receipts.receipt("accettazione", sender=STRANGER, reference="z@pec.example", identifier="w@pec.example")

__all__ = ["ENGINES"]


@pytest.fixture
def other(house: House) -> Account:
    """A second mailbox of the same people."""
    return account_of(house, "other", OTHER)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "old mails"
    made.mkdir()
    return made


def filed(folder: Path, *mails: bytes) -> None:
    for number, raw in enumerate(mails):
        (folder / f"{number:02}.eml").write_bytes(raw)


def lying(house: House) -> dict[str, int]:
    """How many mails each mailbox has."""
    names = rows(house.engine, select(Mailbox.name, Mail.id).outerjoin(Mail, Mail.mailbox_id == Mailbox.id))
    return {name: sum(1 for row in names if row.name == name and row.id) for name in {row.name for row in names}}


def everything(house: House) -> tuple[object, ...]:
    """What an import that changes nothing leaves as it is."""
    return objects(house), count(house.engine, Ledger), count(house.engine, Mail), count(house.engine, Message)


def test_import_without_a_mailbox_does_not_keep_the_past_apart_from_the_only_one(
    house: House, account: Account, folder: Path
) -> None:
    filed(folder, *OURS)
    assert bring_in(OPERATOR, house, [folder], accounts=[account]).archived == {account.id: 3}
    assert lying(house) == {"office": 3}
    assert [one.state for one in show(OPERATOR, house, receipts.REFERENCE).message.recipients] == ["delivered"]


@pytest.mark.parametrize("said_first", [False, True])
def test_import_once_with_and_once_without_a_mailbox_does_not_double_the_past(
    house: House, account: Account, folder: Path, said_first: bool
) -> None:
    filed(folder, *OURS)
    bring_in(OPERATOR, house, [folder], accounts=[account], account=account if said_first else None)
    before = everything(house)
    again = bring_in(OPERATOR, house, [folder], accounts=[account], account=None if said_first else account)
    assert (again.taken.archived, again.taken.known) == (0, 3)
    assert everything(house) == before
    assert find(OPERATOR, house, Query()).total == 1


@pytest.mark.parametrize("together", [True, False], ids=["one import", "one by one"])
def test_receipts_of_two_mailboxes_in_one_folder_go_each_to_the_mailbox_that_sent(
    house: House, account: Account, other: Account, folder: Path, together: bool
) -> None:
    mails = [mail for pair in itertools.zip_longest(THEIRS, OURS) for mail in pair if mail]
    for some in [mails] if together else [[mail] for mail in mails]:
        filed(folder, *some)
        result = bring_in(OPERATOR, house, [folder], accounts=[account, other])
        assert result.homeless == ()
    assert lying(house) == {"office": 3, "other": 3}
    assert [message.recipients[0].state for message in found(house, "office")] == ["delivered"]
    (hers,) = found(house, "other")
    assert hers.reference == HERS["reference"]
    assert [mail.role for mail in show(OPERATOR, house, HERS["reference"]).mails] == ["sent-copy"]


def found(house: House, mailbox: str) -> list[FoundMessage]:
    keys = [row.key for row in find(OPERATOR, house, Query(mailbox=mailbox)).messages]
    return [show(OPERATOR, house, key).message for key in dict.fromkeys(keys)]


@pytest.mark.parametrize("first", [None, "office", "other"])
def test_the_same_folder_of_two_mailboxes_twice_changes_nothing_however_it_is_said(
    house: House, account: Account, other: Account, folder: Path, first: str | None
) -> None:
    accounts = {None: None, "office": account, "other": other}
    filed(folder, *OURS, *THEIRS)
    bring_in(OPERATOR, house, [folder], accounts=[account, other], account=accounts[first])
    before = everything(house)
    assert bring_in(OPERATOR, house, [folder], accounts=[account, other], account=accounts[first]).taken.archived == 0
    assert bring_in(OPERATOR, house, [folder], accounts=[account, other]).taken.archived == 0
    if first is None:
        for said in (account, other):
            assert bring_in(OPERATOR, house, [folder], accounts=[account, other], account=said).taken.archived == 0
    assert everything(house) == before


def test_mail_put_into_the_wrong_mailbox_can_be_put_into_its_own(
    house: House, account: Account, other: Account, folder: Path
) -> None:
    filed(folder, *OURS)
    bring_in(OPERATOR, house, [folder], accounts=[account, other], account=other)
    bring_in(OPERATOR, house, [folder], accounts=[account, other], account=account)
    assert lying(house) == {"office": 3, "other": 3}
    assert [message.recipients[0].state for message in found(house, "office")] == ["delivered"]


def test_mail_that_names_no_mailbox_is_named_and_comes_in_when_one_is_said(
    house: House, account: Account, other: Account, folder: Path
) -> None:
    between = receipts.original(sender=STRANGER, to=(OWNER, OTHER), reference="tra@pec.example")
    filed(folder, NOBODYS, ACCEPTANCE, b"", between)
    result = bring_in(OPERATOR, house, [folder], accounts=[account, other])
    assert [Path(one.source).name for one in result.homeless] == ["00.eml", "02.eml", "03.eml"]
    assert lying(house) == {"office": 1, "other": 0}
    left = {one.sha256 for one in result.homeless}
    rest = bring_in(OPERATOR, house, [folder], accounts=[account, other], account=other, only=left)
    assert rest.archived == {other.id: 3}
    assert lying(house) == {"office": 1, "other": 3}
    assert bring_in(OPERATOR, house, [folder], accounts=[account, other]) == Imported(
        {account.id: 0, other.id: 0}, rest.taken.__class__(known=4, kinds={}, verdicts={}), files=4
    )


def test_receipt_that_anybody_could_have_written_goes_where_it_arrived_and_not_where_it_says(
    house: House, account: Account, other: Account, folder: Path
) -> None:
    forged = receipts.receipt("accettazione", signers=(cms.Signer(receipts.root_authority()),))
    filed(folder, forged.replace(b"To: " + OWNER.encode(), b"To: " + OTHER.encode()))
    bring_in(OPERATOR, house, [folder], accounts=[account, other])
    assert lying(house) == {"office": 0, "other": 1}


def test_copy_without_an_id_of_its_own_is_its_authors(
    house: House, account: Account, other: Account, folder: Path
) -> None:
    filed(folder, receipts.original(reference=None, subject="Senza nome"))
    bring_in(OPERATOR, house, [folder], accounts=[account, other])
    (message,) = found(house, "office")
    assert message.subject == "Senza nome"


def test_import_without_any_mailbox_says_that_one_is_needed(house: House, folder: Path) -> None:
    filed(folder, *OURS)
    with pytest.raises(UsageError, match="mailbox add"):
        bring_in(OPERATOR, house, [folder])
    assert lying(house) == {}


def test_past_that_an_earlier_release_imported_without_a_mailbox_is_still_read(
    house: House, account: Account, folder: Path, tmp_path: Path
) -> None:
    row_id, key = known_mailbox(house, "imported", None)  # type: ignore[arg-type]
    nobody = place_of(account, origin="imported").__class__(row_id, key, None, "imported", {})
    bring(house, nobody, OURS)
    assert [one.state for one in show(OPERATOR, house, receipts.REFERENCE).message.recipients] == ["delivered"]
    filed(folder, *OURS)
    before = everything(house)
    assert bring_in(OPERATOR, house, [folder], accounts=[account]).taken.known == 3
    assert everything(house) == before
    again = open_house(f"sqlite:///{tmp_path / 'again.db'}", tmp_path)
    assert rebuild(OPERATOR, again).missing == ()
    assert [one.state for one in show(OPERATOR, again, receipts.REFERENCE).message.recipients] == ["delivered"]
    again.engine.dispose()
    assert bring_in(OPERATOR, house, [folder], accounts=[account], account=account).archived == {account.id: 3}
