"""What a user would lose: a message that seemed queued and was not, or one that was queued against the rules."""

import json
from pathlib import Path

import pytest
from sqlalchemy import select

from pec_tracker.archive.objects import Suffix
from pec_tracker.askers import OPERATOR
from pec_tracker.db.tables import Ledger, Mail, Message, Recipient
from pec_tracker.errors import RuleError
from pec_tracker.ledger import lines, seals
from pec_tracker.pec.compose import Attachment, Draft
from pec_tracker.service.house import Account, House
from pec_tracker.service.queries.find import Query, find
from pec_tracker.service.queries.show import show
from pec_tracker.service.sending.send import RefusedByRulesError, queue
from pec_tracker.service.upkeep.check import check
from tests.archive.killed import killed_at
from tests.service.house import NOW, OWNER, account_of, count, objects, open_house, rows

DRAFT = Draft(
    sender=OWNER,
    to=("anna@pec.example", "ANNA@pec.example"),
    cc=("Bruno@pec.example",),
    subject="Diffida ad adempiere: perché",
    text="La società Rossi è invitata a pagare.",
    attachments=(Attachment("Contratto è.pdf", b"%PDF"),),
)


def test_queued_message_stands_in_rows_archive_and_ledger(house: House, account: Account) -> None:
    queued = queue(OPERATOR, house, account, DRAFT, case="12/2026 Rossi")
    assert queued.recipients == ("anna@pec.example", "Bruno@pec.example")
    (message,) = rows(house.engine, select(Message.__table__))
    assert (message.send_state, message.origin, message.state) == ("queued", "composed", "awaiting_acceptance")
    assert (message.key, message.reference, message.case) == (queued.key, queued.reference, "12/2026 Rossi")
    recipients = rows(house.engine, select(Recipient.address, Recipient.role, Recipient.due_at).order_by(Recipient.id))
    assert [tuple(row) for row in recipients] == [("anna@pec.example", "to", None), ("Bruno@pec.example", "cc", None)]
    raw = house.archive.get(message.raw, Suffix.MAIL)
    assert queued.reference.encode() in raw
    record = json.loads(house.archive.get(message.record, Suffix.RECORD))
    assert (record["case"], record["rcpt_to"]) == ("12/2026 Rossi", list(queued.recipients))


def test_ledger_line_names_the_objects_and_nobody(house: House, account: Account) -> None:
    queued = queue(OPERATOR, house, account, DRAFT, case="12/2026 Rossi")
    (text,) = [row.line for row in rows(house.engine, select(Ledger.line).where(Ledger.act == "message.queued"))]
    named = {f"{sha256}{suffix}" for sha256, suffix in lines.named_objects(lines.decode(text))}
    assert named <= objects(house)
    assert len(named) == 2
    assert queued.key in text
    for word in ("anna", "bruno", "mittente", "rossi", "diffida", "contratto"):
        assert word not in text.lower()


def test_case_subject_text_names_and_files_are_searchable(house: House, account: Account) -> None:
    queue(OPERATOR, house, account, DRAFT, case="12/2026 Rossi")
    for words in ("12/2026", "DIFFIDA perche", "societa pagare", "contratto", "bruno@pec.example", "bruno"):
        assert find(OPERATOR, house, Query(text=words)).total == 1, words
    assert find(OPERATOR, house, Query(text="societa mai")).total == 0


@pytest.mark.parametrize(
    "draft",
    [
        Draft(sender=OWNER, to=(), subject="x", text="x"),
        Draft(sender=OWNER, to=("no address",), subject="x", text="x"),
        Draft(sender="other@pec.example", to=("a@pec.example",), subject="x", text="x"),
        Draft(sender=OWNER, to=("a@pec.example",), subject="x\r\nBcc: b@pec.example", text="x"),
        Draft(sender=OWNER, to=("a@pec.example",), subject="x", text="half \ud800"),
        Draft(
            sender=OWNER,
            to=("a@pec.example", "b@pec.example"),
            subject="x",
            text="x",
            attachments=(Attachment("a.bin", b"\0" * 30_000_000),),
        ),
    ],
    ids=["no To", "no address", "other From", "injection", "half a letter", "size x recipients"],
)
def test_refused_message_leaves_nothing_anywhere(house: House, account: Account, draft: Draft) -> None:
    before = (objects(house), count(house.engine, Ledger))
    with pytest.raises(RuleError) as refused:
        queue(OPERATOR, house, account, draft)
    assert isinstance(refused.value, RefusedByRulesError)
    assert refused.value.findings
    assert (objects(house), count(house.engine, Ledger)) == before
    assert count(house.engine, Message) == count(house.engine, Mail) == 0


@pytest.mark.parametrize("case", ["a\x00b", "half \ud800 a letter", "12/2026\n", "🦄 è"])
def test_any_case_that_can_be_typed_is_kept_and_found(house: House, account: Account, case: str) -> None:
    queued = queue(OPERATOR, house, account, DRAFT, case=case)
    assert find(OPERATOR, house, Query(case=case)).messages[0].key == queued.key
    assert show(OPERATOR, house, queued.key).message.case is not None


@pytest.mark.parametrize(
    "point", ["archive.before-write", "archive.written", "archive.renamed", "archive.done", "queue.archived"]
)
def test_killed_before_the_commit_nothing_is_queued(house_url: str, tmp_path: Path, point: str) -> None:
    def act() -> None:
        house = open_house(house_url, tmp_path)
        queue(OPERATOR, house, account_of(house), DRAFT)

    prepared = open_house(house_url, tmp_path)
    account_of(prepared)
    prepared.engine.dispose()
    assert killed_at(point, act)
    house = open_house(house_url, tmp_path)
    assert count(house.engine, Message) == 0
    queued = queue(OPERATOR, house, account_of(house), DRAFT)
    assert [message.key for message in find(OPERATOR, house, Query()).messages] == [queued.key]
    seals.seal_pending(house.engine, house.archive, now=NOW)
    found = {finding.kind.value for finding in check(OPERATOR, house.engine, house.archive).findings}
    assert found <= {"object-extra"}  # the bytes of the message that was not queued
    house.engine.dispose()


def test_killed_after_the_commit_the_message_is_queued_whole(house_url: str, tmp_path: Path) -> None:
    def act() -> None:
        house = open_house(house_url, tmp_path)
        queue(OPERATOR, house, account_of(house), DRAFT, case="c")

    assert killed_at("queue.committed", act)
    house = open_house(house_url, tmp_path)
    (message,) = find(OPERATOR, house, Query(case="c")).messages
    assert show(OPERATOR, house, message.key).raw is not None
    assert len(message.recipients) == 2
    assert len(rows(house.engine, select(Ledger.line).where(Ledger.act == "message.queued"))) == 1
    house.engine.dispose()
