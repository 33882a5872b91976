"""Import, quarantine, completeness: what came, what did not, and what there is to do. Both languages."""

import json
from pathlib import Path

import pytest

from pec_tracker import texts
from pec_tracker.answers import completeness, history, imported, quarantine
from pec_tracker.answers.plain import to_json
from pec_tracker.errors import ServerError
from pec_tracker.service.collecting.completeness import Completeness, FolderReport
from pec_tracker.service.collecting.quarantine import Quarantined
from pec_tracker.service.house import Account
from pec_tracker.service.importing.history import Gap, Gaps, History
from pec_tracker.service.importing.import_ import Homeless, Imported
from pec_tracker.service.importing.mail_files import NOT_THERE, Unread
from pec_tracker.service.intake.taken import Taken
from pec_tracker.wire.imap import FolderError
from tests.answers.conftest import SECOND
from tests.sending.offline import account_of, home_in, opened

TAKEN = Taken(archived=3, known=1, kinds={"delivery": 3}, verdicts={"trusted": 2, "intact": 1})
NOTHING = Gaps(0, ())
PAST = History(2, 3, 1, NOTHING, Gaps(12, (Gap("k7f3qv2mx5a1", "a@pec.test", None),)), (("intact", 1),), 0, 4, 0)


@pytest.fixture
def accounts(tmp_path: Path) -> list[Account]:
    house = opened(home_in(tmp_path))
    return [account_of(house), account_of(house, "altra")]


def test_an_import_says_what_can_be_proof_and_into_which_mailbox_it_went(accounts: list[Account]) -> None:
    came = Imported({accounts[0].id: 3}, TAKEN, files=4, linked=1)
    assert list(imported.imported_lines(came, accounts)) == [
        "3 mails archived, 1 known already",
        "     3  into the mailbox studio",
        "     3  delivery receipt",
        "Signatures (only the trusted ones can be proof):",
        "     2  trusted",
        "     1  intact, signer not trusted",
        "1 mails that waited found their message.",
    ]
    texts.activate("it")
    told = list(imported.imported_lines(came, accounts[:1]))
    assert told[1:3] == [
        "     3  ricevuta di avvenuta consegna",
        "Firme (solo quelle attendibili possono essere prova):",
    ]
    facts = imported.imported_facts(came, accounts, PAST)
    assert (facts["mails"], facts["mailboxes"], facts["linked"]) == (4, {"studio": 3}, 1)
    assert facts["history"]["acceptance_without_delivery"]["count"] == 12
    json.loads(to_json(facts))


def test_what_was_not_imported_is_named_with_why() -> None:
    left = Imported(unread=(Unread("a.pst", "pst"), Unread("b", NOT_THERE)))
    assert left.unnamed
    assert imported.unread_lines(left)[1] == "b: not imported (there is no such file)"
    assert list(imported.imported_lines(left, [])) == ["No mail was found there."]
    texts.activate("it")
    assert imported.unread_lines(left)[1] == "b: non importato (il file non esiste)"


def test_more_mails_of_no_mailbox_than_are_named_are_counted() -> None:
    many = Imported(homeless=tuple(Homeless(f"{number}.eml", "00") for number in range(7)))
    assert imported.homeless_text(many, ["studio", "altra"]).startswith("7 mails name none of the mailboxes")
    assert "4.eml, and 2 more" in imported.homeless_text(many, ["studio"])
    assert "(studio, altra)" in imported.homeless_question(many, ["studio", "altra"])
    assert list(imported.imported_lines(many, [])) == []
    texts.activate("it")
    assert "7 messaggi" in imported.homeless_question(many, ["studio"])


def test_what_is_proof_is_counted_with_all_that_came_of_the_rest() -> None:
    rest = Imported({1: 2, 2: 1}, Taken(archived=3, verdicts={"broken": 1}), files=3, linked=1)
    joined = Imported({1: 3}, TAKEN, files=7, homeless=(Homeless("a", "00"),)).joined(rest)
    assert (joined.archived, joined.files, joined.linked, joined.homeless) == ({1: 5, 2: 1}, 7, 1, ())
    assert (joined.taken.archived, joined.unproven) == (6, 2)


def test_the_past_is_told_with_what_is_missing_and_how_to_trust_what_is_intact() -> None:
    told = list(history.history_lines(PAST))
    assert told[0].startswith("The mailbox holds 2 messages to 3 recipients; 1 with")
    assert told[1:4] == [
        "  12 accepted, without a delivery receipt:",
        "    k7f3qv2m  a@pec.test  -",
        "    and 2 more",
    ]
    assert "trust recheck" in told[5]
    assert told[6] == "  4 receipts of messages that nobody knows"
    texts.activate("it")
    assert "Nella casella: 2 messaggi a 3 destinatari" in next(history.history_lines(PAST))
    assert list(history.history_lines(History(0, 0, 0, NOTHING, NOTHING, (), 0, 0, 0))) == []


def test_a_mail_in_quarantine_has_its_reason_in_words_and_as_a_token() -> None:
    entry = Quarantined("studio", "INBOX", 7, "refused", SECOND, None)
    assert quarantine.entry_facts(entry)["reason"] == "refused"
    english = quarantine.table([entry])[1][0][4]
    texts.activate("it")
    columns, (row,) = quarantine.table([entry])
    assert (columns[0], len(columns)) == ("Casella", len(row))
    assert row[4] not in (english, "refused")


def test_what_came_of_asking_again_keeps_its_keys_where_nobody_answered() -> None:
    came = Taken(archived=1, known=1, quarantined=1, kinds={"acceptance": 1})
    assert quarantine.retried_lines("studio", came) == ["studio: 2 came, 1 did not", "       1  acceptance receipt"]
    failed = quarantine.retried_facts("studio", Taken(), ServerError("no answer"))
    assert failed.keys() == quarantine.retried_facts("studio", came).keys()
    assert (failed["error"], failed["archived"]) == ("no answer", 0)


def report_of(**changes: object) -> Completeness:
    whole = FolderReport("INBOX", True, 1, on_server=3, archived=3)
    lacking = FolderReport("Altro", True, 1, 3, 1, quarantined=((4, "refused"),), missing=(5,), others=(6, 7), gone=1)
    left_out = FolderReport("Trash", False, 1, 9)
    refused = FolderReport("Rotta", True, failure=FolderError("no such folder"))
    return Completeness("studio", (whole, lacking, left_out, refused), **changes)  # type: ignore[arg-type]


def test_a_folder_is_complete_or_says_what_it_lacks() -> None:
    report = report_of(absent=("Nessuna",), vanished=(("Vecchia", 3),))
    columns, rows = completeness.table([report])
    assert [row[-1] for row in rows] == [
        "complete",
        "not complete",
        "left out by the configuration",
        "cannot be read: no such folder",
    ]
    assert {len(row) for row in rows} == {len(columns)}
    assert rows[1][5] == 3
    lines = list(completeness.more_lines(report))
    assert lines[0].startswith("studio, Altro, UID 4: ")
    assert "under 2 UIDs" in lines[1]
    assert "Nessuna" in lines[2]
    assert "3 mails were seen" in lines[3]
    assert len(list(completeness.notes([report]))) == 2
    facts = completeness.completeness_facts(report)
    assert [one["complete"] for one in facts["folders"]] == [True, False, True, False]
    assert completeness.unasked_facts("studio", ServerError("x")).keys() == facts.keys()
    texts.activate("it")
    assert completeness.table([report])[1][1][-1] == "non completa"
    assert list(completeness.notes([Completeness("studio", report.folders[:1])])) == []


def test_more_in_quarantine_than_are_told_are_counted() -> None:
    folder = FolderReport("INBOX", True, quarantined=tuple((number, "refused") for number in range(25)))
    lines = list(completeness.more_lines(Completeness("studio", (folder,))))
    assert len(lines) == 21
    assert lines[-1].startswith("and 5 more")
