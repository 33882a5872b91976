"""What a user would lose at the command line: to know where imported mail went, and what was left out."""

import io
from pathlib import Path

import pytest

from tests.cli.desk import Desk
from tests.factory import ca, receipts

OTHER = "altra@pec.example"
NOBODYS = receipts.receipt(
    "accettazione", sender="sconosciuto@pec.example", reference="z@pec.example", identifier="w@pec.example"
)
SECOND_MAILBOX = """
[mailbox.altra]
address = "altra@pec.example"
provider = "custom"
password_env = "DESK_PASSWORD"
smtp = { host = "127.0.0.1", port = 9 }
imap = { host = "127.0.0.1", port = 9 }
"""


class Terminal(io.StringIO):
    """A person at a keyboard, who types these lines."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("DESK_PASSWORD", "sandbox")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    desk = Desk(tmp_path, capsys)
    desk.configure()
    return desk


@pytest.fixture
def two(desk: Desk) -> Desk:
    """A desk with two mailboxes and two mails: one of the first, one of nobody."""
    desk.configure(SECOND_MAILBOX)
    desk.mail("a.eml", receipts.receipt("accettazione"))
    desk.mail("z.eml", NOBODYS)
    return desk


# --- which mailbox ---


@pytest.mark.parametrize("first", [(), ("--mailbox", "studio")])
def test_import_once_with_and_once_without_the_option_shows_every_message_once(
    desk: Desk, first: tuple[str, ...]
) -> None:
    desk.mail("a.eml", receipts.receipt("accettazione"))
    second = () if first else ("--mailbox", "studio")
    assert desk.run("import", desk.folder / "mails", *first).status == 0
    again = desk.run("import", desk.folder / "mails", *second)
    assert "Nothing new: all 1 mails are in the archive already." in again.out
    assert [record["mailbox"] for record in desk.run("find", "--json").records] == ["studio"]


def test_mail_of_no_mailbox_is_an_error_that_names_it_and_the_mailboxes(two: Desk) -> None:
    ran = two.run("import", two.folder / "mails", "--json")
    assert ran.status == 2
    assert ran.record["mailboxes"] == {"studio": 1}
    assert [Path(one["source"]).name for one in ran.record["without_mailbox"]] == ["z.eml"]
    assert "1 mail names none of the mailboxes and was left out" in ran.err
    assert "z.eml" in ran.err
    assert "--mailbox; configured: altra, studio" in ran.err
    said = two.run("import", two.folder / "mails", "--mailbox", "altra", language="it")
    assert said.status == 0
    assert "1 messaggio archiviato" in said.out
    assert two.run("import", two.folder / "mails").status == 0


def test_person_at_a_terminal_is_asked_once_whose_the_rest_is(two: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("altra\n"))
    ran = two.run("import", two.folder / "mails")
    assert ran.status == 0
    assert "1 mail names none of your mailboxes (altra, studio)" in ran.words
    assert "1 into the mailbox studio" in ran.words
    assert "1 into the mailbox altra" in ran.words


def test_person_who_names_no_mailbox_leaves_the_mail_out(two: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("\n"))
    ran = two.run("import", two.folder / "mails")
    assert ran.status == 2
    assert "left out" in ran.err


def test_import_before_any_mailbox_is_configured_says_how_to_add_one(desk: Desk) -> None:
    mail = desk.mail("a.eml", receipts.receipt("accettazione"))
    desk.config.write_text('data = "data"\n', encoding="utf-8")
    ran = desk.run("import", mail)
    assert ran.status == 2
    assert "pec-tracker mailbox add" in ran.err
    assert desk.run("find", "--json").records == []


# --- what was left out, and what is no proof yet ---


def test_mailbox_file_of_outlook_is_refused_with_the_way_out(desk: Desk) -> None:
    store = desk.mail("outlook.pst", b"!BDN" + bytes(600))
    for asked in (store, store.parent):
        ran = desk.run("import", asked, language="it")
        assert ran.status == 1
        assert "outlook.pst: non importato" in ran.err
        assert "readpst" in ran.err
        assert "archiviat" not in ran.out
    record = desk.run("import", store.parent, "--json").record
    assert [one["reason"] for one in record["unread"]] == ["outlook-store"]


def test_receipts_of_an_unknown_authority_come_with_the_way_to_trust_it(desk: Desk) -> None:
    (desk.folder / "root.pem").write_bytes(ca.root({"common_name": "Un'altra radice"}, key="other").pem)
    ran = desk.run("import", desk.mail("a.eml", receipts.receipt("accettazione")))
    assert ran.status == 1
    assert "intact, signer not trusted" in ran.out
    assert "pec-tracker trust add FILE --reason TEXT, then pec-tracker trust recheck" in ran.words
