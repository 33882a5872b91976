"""A letter in the making: what was put into it stays until it is sent or thrown away, and it leaves once."""

import email
import email.policy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text

from pec_tracker.answers.rebuilt import rebuilt_facts, rebuilt_lines
from pec_tracker.archive.objects import Suffix
from pec_tracker.askers import OPERATOR, Act, Asker
from pec_tracker.db.base import table
from pec_tracker.db.drafts import Draft as DraftRow
from pec_tracker.db.drafts import DraftAttachment
from pec_tracker.db.engine import reading, writing
from pec_tracker.db.tables import Ledger, Message
from pec_tracker.errors import ApartError, ForbiddenError, NotFoundError, UsageError
from pec_tracker.pec.compose import Attachment
from pec_tracker.pec.standard import ReceiptForm
from pec_tracker.presence import Presence
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service.collecting.collect import collect
from pec_tracker.service.drafts.kept import KeptDraft, list_drafts, show_draft
from pec_tracker.service.drafts.send import check_draft, message_key, send_draft
from pec_tracker.service.drafts.write import Said, attach, delete_draft, detach, edit_draft, new_draft
from pec_tracker.service.house import Account, House
from pec_tracker.service.sending.dispatch import dispatch
from pec_tracker.service.sending.send import RefusedByRulesError, queue
from pec_tracker.service.upkeep.carry import what_is_left
from pec_tracker.service.upkeep.rebuild import rebuild
from tests.archive.killed import at_once
from tests.line.crashes import first_and_last, killed_at_pass, points_passed
from tests.line.houses import Home, account_at, new_sqlite, standing_clock, states

ONE, TWO = "consegnata@pec.test", "due@pec.test"
DEED = Attachment("atto.pdf", b"%PDF-1.7 atto " * 1000)
ANNEX = Attachment("allegato.pdf", b"%PDF-1.7 allegato riservatissimo " * 1000)
WHOLE = Said(
    to=(ONE,), cc=(TWO,), subject="Diffida", text="Si diffida.", html="<p>Si diffida.</p>", case="2026/17",
    receipt_form=ReceiptForm.BRIEF, reply_to="risposte@pec.test", in_reply_to="<a@b>",
)  # fmt: skip


def begun(house: House, account: Account, said: Said = WHOLE, *attachments: Attachment) -> KeptDraft:
    return new_draft(OPERATOR, house, account, said, attachments)


def rows(house: House, of: Any) -> int:
    with reading(house.engine) as connection:
        return int(connection.execute(select(func.count()).select_from(of)).scalar_one())


def test_documents_are_added_until_the_letter_leaves_and_a_restart_loses_nothing(
    home_on_either: Home, sandbox: Sandbox
) -> None:
    house = home_on_either.open()
    account = account_at(house, sandbox)
    key = begun(house, account, Said(subject="Diffida")).key
    attach(OPERATOR, house, key, [DEED])
    again = home_on_either.open()
    edit_draft(OPERATOR, again, key[:8], replace(WHOLE, subject=None))
    attach(OPERATOR, again, key, [ANNEX])
    kept = show_draft(OPERATOR, again, key)
    assert (kept.version, kept.to, kept.cc, kept.subject, kept.case) == (4, (ONE,), (TWO,), "Diffida", "2026/17")
    assert [(one.name, one.size) for one in kept.attachments] == [
        ("atto.pdf", len(DEED.content)), ("allegato.pdf", len(ANNEX.content)),
    ]  # fmt: skip
    left = send_draft(OPERATOR, again, account, key)
    raw = raw_of(again, left.queued.key)
    assert attached_to(raw) == [DEED.content, ANNEX.content]
    assert _one(again, select(Message.case)) == "2026/17"
    assert _one(again, select(Message.receipt_form)) == "breve"
    assert b"Reply-To: risposte@pec.test" in raw
    assert b"In-Reply-To: <a@b>" in raw
    assert b"text/html" in raw


def test_a_draft_that_left_says_which_message_it_became_and_is_changed_no_more(house: House, account: Account) -> None:
    key = begun(house, account, WHOLE, DEED).key
    left = send_draft(OPERATOR, house, account, key)
    kept = show_draft(OPERATOR, house, key)
    assert kept.message == left.queued.key
    assert (kept.text, kept.to, kept.attachments) == ("", (), ())  # the letter is in the archive, and only there
    for change in (
        lambda: edit_draft(OPERATOR, house, key, Said(text="Altro")),
        lambda: attach(OPERATOR, house, key, [ANNEX]),
        lambda: detach(OPERATOR, house, key, ["atto.pdf"]),
        lambda: check_draft(OPERATOR, house, account, key),
    ):
        with pytest.raises(UsageError, match=left.queued.key):
            change()
    assert list_drafts(OPERATOR, house) == []
    assert delete_draft(OPERATOR, house, key).message == left.queued.key
    assert list(states(house)) == [left.queued.key]


def test_sending_twice_queues_once_and_tells_of_the_message_that_there_is(house: House, account: Account) -> None:
    other = send_draft(OPERATOR, house, account, begun(house, account, replace(WHOLE, to=("altri@pec.test",))).key)
    key = begun(house, account).key
    first = send_draft(OPERATOR, house, account, key)
    again = send_draft(OPERATOR, house, account, key)
    assert (first.known, again.known) == (False, True)
    assert (again.queued.key, again.queued.reference, again.queued.recipients) == (
        first.queued.key, first.queued.reference, first.queued.recipients,
    )  # fmt: skip
    assert set(states(house)) == {first.queued.key, other.queued.key}


def test_many_that_send_a_draft_at_once_make_one_message(home_on_either: Home, sandbox: Sandbox) -> None:
    house = home_on_either.open()
    key = begun(house, account_at(house, sandbox), WHOLE, DEED).key
    house.engine.dispose()

    def act() -> None:
        own = home_on_either.open()
        send_draft(OPERATOR, own, account_at(own, sandbox), key)

    assert at_once([act] * 4) == [0] * 4
    assert len(states(home_on_either.open())) == 1


def test_a_draft_that_somebody_changes_while_it_is_sent_stays_a_draft(
    house: House, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = begun(house, account).key

    def later(*given: Any, **named: Any) -> Any:
        edit_draft(OPERATOR, house, key, Said(subject="Corretta"))
        return queue(*given, **named)

    monkeypatch.setattr("pec_tracker.service.drafts.send.queue", later)
    with pytest.raises(UsageError, match="changed by another process"):
        send_draft(OPERATOR, house, account, key)
    monkeypatch.undo()
    assert states(house) == {}
    send_draft(OPERATOR, house, account, key)
    assert _one(house, select(Message.subject)) == "Corretta"


@pytest.mark.timeout(400)  # some dozens of processes on what may be a busy machine
@pytest.mark.usefixtures("short_leases")
def test_a_draft_whose_sending_is_killed_anywhere_leaves_once_when_it_is_repeated(
    new_home: Callable[..., Home], sandbox: Sandbox
) -> None:
    def sender(home: Home, key: str) -> Callable[[], None]:
        def act() -> None:
            house = home.open()
            send_draft(OPERATOR, house, account_at(house, sandbox), key)

        return act

    def drafted(home: Home) -> str:
        house = home.open()
        key = begun(house, account_at(house, sandbox), WHOLE, DEED).key
        house.engine.dispose()
        return key

    once = new_home()
    passed = points_passed(sender(once, drafted(once)))
    assert {"queue.archived", "draft.leaving", "queue.committed", "seal.committed"} <= set(passed)
    for number in first_and_last(passed):
        home = new_home()
        key = drafted(home)
        killed_at_pass(number, sender(home, key))
        house = home.open()
        before, kept = len(states(house)), show_draft(OPERATOR, house, key)
        where = f"killed at {passed[number]}, pass {number}"
        assert before == (kept.message is not None), where  # both or neither
        assert before or (kept.version, len(kept.attachments)) == (1, 1), where
        sender(home, key)()
        assert list(states(house)) == [message_key(key)], where
        account = account_at(house, sandbox)
        collect(OPERATOR, house, account)  # the fence: it was queued before this process started
        sent = len(sandbox.sent)
        for _ in range(2):
            dispatch(OPERATOR, house, account)
        assert len(sandbox.sent) == sent + 1, where
        assert set(states(house).values()) == {"submitted"}, where
        home.close()


def test_what_breaks_a_rule_stays_a_draft_and_check_says_so_before(house: House, account: Account) -> None:
    key = begun(house, account, Said(to=("niente",), subject="Prova\r\nBcc: x@y", text="Testo"), DEED).key
    linted = check_draft(OPERATOR, house, account, key)
    assert linted.refused
    assert linted.size > len(DEED.content)
    with pytest.raises(RefusedByRulesError) as refused:
        send_draft(OPERATOR, house, account, key)
    rules = {finding.rule for finding in linted.findings}
    assert {finding.rule for finding in refused.value.findings} <= rules
    assert len(show_draft(OPERATOR, house, key).attachments) == 1
    edit_draft(OPERATOR, house, key, Said(to=(ONE,), subject="Prova"))
    assert not check_draft(OPERATOR, house, account, key).refused
    send_draft(OPERATOR, house, account, key)


def test_check_tells_of_what_the_archive_knows_and_queues_nothing(home: Home, sandbox: Sandbox) -> None:
    home.clock = standing_clock(home.clock)  # at the sandbox a day is over in a second
    house = home.open()
    account = account_at(house, sandbox)
    first = send_draft(OPERATOR, house, account, begun(house, account).key)
    linted = check_draft(OPERATOR, house, account, begun(house, account).key)
    assert [one.message for one in linted.findings if one.rule == "written-today"][:1] == [first.queued.key]
    assert len(states(house)) == 1


def test_a_name_stands_for_one_file_and_the_corrected_one_takes_its_place(house: House, account: Account) -> None:
    key = begun(house, account, WHOLE, DEED).key
    corrected = Attachment(DEED.name, b"corretto")
    with pytest.raises(UsageError, match="--replace"):
        attach(OPERATOR, house, key, [corrected])
    with pytest.raises(UsageError, match="two files"):
        attach(OPERATOR, house, key, [ANNEX, ANNEX])
    attach(OPERATOR, house, key, [corrected], replace=True)
    assert [one.size for one in show_draft(OPERATOR, house, key).attachments] == [8]
    with pytest.raises(NotFoundError, match="manca"):
        detach(OPERATOR, house, key, [DEED.name, "manca.pdf"])
    assert len(show_draft(OPERATOR, house, key).attachments) == 1  # all or nothing
    assert detach(OPERATOR, house, key, [DEED.name]).attachments == ()


def test_an_empty_text_takes_a_value_away_and_what_is_not_said_stays(house: House, sandbox: Sandbox) -> None:
    account, other = account_at(house, sandbox), account_at(house, sandbox, sandbox.settings.accounts[1].address)
    key = begun(house, account).key
    emptied = Said(cc=("",), html="", case="", reply_to="", in_reply_to="")
    kept = edit_draft(OPERATOR, house, key, emptied, other)
    assert (kept.cc, kept.html, kept.case, kept.reply_to, kept.in_reply_to) == ((), None, None, None, None)
    assert (kept.to, kept.subject, kept.text, kept.receipt_form) == ((ONE,), "Diffida", "Si diffida.", "breve")
    assert (kept.mailbox, kept.version) == (other.name, 2)


def test_a_file_that_no_provider_takes_is_refused_at_once(
    house: House, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pec_tracker.service.drafts.write.LARGEST", len(DEED.content) - 1)
    with pytest.raises(UsageError, match="too large"):
        begun(house, account, WHOLE, DEED)
    assert list_drafts(OPERATOR, house) == []


def test_what_is_thrown_away_is_gone_and_no_ledger_line_tells_of_it(home: Home, sandbox: Sandbox) -> None:
    house = home.open()
    account = account_at(house, sandbox)
    before = rows(house, Ledger)
    key = begun(house, account, WHOLE, DEED, ANNEX).key
    assert any(b"riservatissimo" in file.read_bytes() for file in home.folder.rglob("*") if file.is_file())
    delete_draft(OPERATOR, house, key)
    assert (rows(house, DraftRow), rows(house, DraftAttachment), rows(house, Ledger)) == (0, 0, before)
    with pytest.raises(NotFoundError):
        show_draft(OPERATOR, house, key)
    home.close()  # SQLite brings in what lies beside the database, and drops that file
    assert not any(b"riservatissimo" in file.read_bytes() for file in home.folder.rglob("*") if file.is_file())


def test_nothing_is_written_where_archive_and_database_do_not_belong_together(home: Home, sandbox: Sandbox) -> None:
    house = home.open()
    account = account_at(house, sandbox)
    key = begun(house, account).key
    send_draft(OPERATOR, house, account, begun(house, account).key)
    identity = home.folder / "archive" / "IDENTITY"
    identity.write_text(identity.read_text()[:-33] + "0" * 32 + "\n")
    for attempt in (
        lambda: new_draft(OPERATOR, house, account, WHOLE),
        lambda: edit_draft(OPERATOR, house, key, Said(text="Altro")),
        lambda: delete_draft(OPERATOR, house, key),
        lambda: send_draft(OPERATOR, house, account, key),
    ):
        with pytest.raises(ApartError):
            attempt()
    assert show_draft(OPERATOR, house, key).text == "Si diffida."


def test_a_draft_of_a_mailbox_that_he_may_not_see_is_not_there(house: House, sandbox: Sandbox) -> None:
    mine, other = account_at(house, sandbox), account_at(house, sandbox, sandbox.settings.accounts[1].address)
    key = begun(house, other).key
    narrow = Asker("a", "a", frozenset({Act.SEND, Act.READ}), frozenset({mine.id}))
    assert list_drafts(narrow, house) == []
    for attempt in (
        lambda: show_draft(narrow, house, key),
        lambda: edit_draft(narrow, house, key, Said(text="")),
        lambda: delete_draft(narrow, house, key),
        lambda: send_draft(narrow, house, mine, key),
        lambda: edit_draft(narrow, house, begun(house, mine).key, Said(), other),
    ):
        with pytest.raises(NotFoundError):
            attempt()
    with pytest.raises(ForbiddenError):
        new_draft(Asker("b", "b", frozenset({Act.READ})), house, mine, WHOLE)
    assert [one.mailbox for one in list_drafts(OPERATOR, house, other)] == [other.name]


def test_a_beginning_that_two_drafts_have_is_asked_about(house: House, account: Account) -> None:
    for _ in range(33):
        key = begun(house, account, Said()).key
    with reading(house.engine) as connection:
        keys = [row.key for row in connection.execute(select(DraftRow.key))]
    shared = next(one[0] for one in keys if sum(other[0] == one[0] for other in keys) > 1)
    with pytest.raises(UsageError, match="more than one"):
        show_draft(OPERATOR, house, shared)
    assert show_draft(OPERATOR, house, key).key == key
    for wrong in ("", "%", "_", "A B"):
        with pytest.raises(NotFoundError):
            show_draft(OPERATOR, house, wrong)


def test_a_rebuild_carries_drafts_over_and_knows_which_of_them_left(
    home_on_either: Home, sandbox: Sandbox, tmp_path: Path
) -> None:
    house = home_on_either.open()
    account = account_at(house, sandbox)
    waits = begun(house, account, WHOLE, DEED, ANNEX)
    sent = begun(house, account)
    message = send_draft(OPERATOR, house, account, sent.key).queued.key
    forgotten = begun(house, account, WHOLE, DEED)
    gone = send_draft(OPERATOR, house, account, forgotten.key).queued.key
    with writing(house.engine) as connection:  # as in a copy of the database from before it was sent
        connection.execute(table(DraftRow).update().where(DraftRow.key == forgotten.key).values(message=None))
    left = what_is_left(home_on_either.url, house.archive, presence=Presence())
    fresh = replace(home_on_either, url=new_sqlite(tmp_path / "fresh"), engines=[])
    new = fresh.open()
    built = rebuild(OPERATOR, new, left)
    assert built.drafts == 3
    assert rebuilt_facts(built, None)["drafts"] == 3
    assert any("3 drafts" in line for line in rebuilt_lines(built))
    assert replace(show_draft(OPERATOR, new, waits.key), mailbox=waits.mailbox) == waits
    assert show_draft(OPERATOR, new, sent.key).message == message
    assert show_draft(OPERATOR, new, forgotten.key).message == gone
    assert [one.key for one in list_drafts(OPERATOR, new)] == [waits.key]
    again = send_draft(OPERATOR, new, account_at(new, sandbox), waits.key)
    raw = raw_of(new, again.queued.key)
    assert attached_to(raw) == [DEED.content, ANNEX.content]
    fresh.close()


def test_a_draft_of_a_database_from_before_it_was_sent_is_not_sent_again(house: House, account: Account) -> None:
    kept = begun(house, account, WHOLE, DEED)
    send_draft(OPERATOR, house, account, kept.key)
    with writing(house.engine) as connection:
        back = {"message": None, "subject": "Un'altra", "to": [ONE], "text": "Prima", "version": 9}
        connection.execute(table(DraftRow).update().values(back))
    assert send_draft(OPERATOR, house, account, kept.key).known
    assert len(states(house)) == 1
    assert show_draft(OPERATOR, house, kept.key).message == message_key(kept.key)


def test_an_old_database_without_drafts_is_carried_over_without_them(
    home: Home, sandbox: Sandbox, tmp_path: Path
) -> None:
    house = home.open()
    begun(house, account_at(house, sandbox))
    with house.engine.begin() as connection:
        connection.execute(text("DROP TABLE draft_attachment"))
    fresh = replace(home, url=new_sqlite(tmp_path / "fresh"), engines=[])
    left = what_is_left(home.url, house.archive, presence=Presence())
    assert rebuild(OPERATOR, fresh.open(), left).drafts == 0
    fresh.close()


def _one(house: House, statement: Any) -> Any:
    with reading(house.engine) as connection:
        return connection.execute(statement).scalar_one()


def raw_of(house: House, key: str) -> bytes:
    """The bytes of a message as they leave."""
    return house.archive.get(_one(house, select(Message.raw).where(Message.key == key)), Suffix.MAIL)


def attached_to(raw: bytes) -> list[bytes]:
    """The files attached to a mail."""
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    return [part.get_content() for part in mail.iter_attachments()]
