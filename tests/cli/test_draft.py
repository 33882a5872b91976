"""What a user would lose at the command line: the document that he added, or the certainty that it left once."""

from pathlib import Path

import pytest

from tests.cli.desk import Desk
from tests.sandbox.materials import SENDER
from tests.sandbox.running import PASSWORD as SANDBOX_PASSWORD
from tests.sandbox.running import sandbox_in

ONE = "consegnata@pec.test"


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("DESK_PASSWORD", "secret")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    desk = Desk(tmp_path, capsys)
    desk.configure()
    return desk


def document(desk: Desk, name: str, content: bytes = b"%PDF-1.7") -> Path:
    file = desk.folder / name
    file.write_bytes(content)
    return file


def begun(desk: Desk, *more: str | Path) -> str:
    ran = desk.run("draft", "new", "--to", ONE, "--subject", "Diffida", "--text", "Si diffida.", *more, "--json")
    assert ran.status == 0, ran.words
    return str(ran.record["key"])


def test_a_letter_grows_and_leaves_as_one_message(desk: Desk) -> None:
    key = begun(desk, "--case", "2026/17", "--attach", document(desk, "atto.pdf"))[:8]
    deed = document(desk, "allegato.pdf", b"%PDF-1.7 allegato")
    assert desk.run("draft", "attach", key, deed).status == 0
    deed.unlink()
    text = document(desk, "lettera.txt", "Già si diffida.\n".encode())
    assert desk.run("draft", "edit", key, "--text-file", text, "--cc", "due@pec.test", "--receipt", "breve").status == 0
    shown = desk.run("draft", "show", key)
    assert "Già si diffida." in shown.out
    assert "allegato.pdf (0.00 MB)" in shown.out
    assert [row["key"][:8] for row in desk.run("draft", "list", "--json").records] == [key]
    sent = desk.run("draft", "send", key, "--queue-only", "--json")
    assert sent.status == 0, sent.words
    assert (sent.record["draft"][:8], sent.record["send_state"]) == (key, "queued")
    again = desk.run("draft", "send", key, "--queue-only", "--json")
    assert (again.status, again.record["key"]) == (0, sent.record["key"])
    assert "not sent twice" in again.err
    assert len(desk.run("find", "--json").records) == 1
    facts = desk.run("draft", "show", key, "--json").record
    assert facts["message"] == sent.record["key"]
    became = desk.run("draft", "show", key, language="it")
    assert "È diventata" in became.out
    assert desk.run("draft", "list").words == "There are no drafts."


def test_what_is_wrong_is_told_before_it_leaves_in_italian(desk: Desk) -> None:
    key = begun(desk)
    assert desk.run("draft", "check", key).status == 0
    desk.run("draft", "edit", key, "--to", "senza-chiocciola")
    checked = desk.run("draft", "check", key, "--json")
    assert (checked.status, checked.record["refused"], checked.record["draft"]) == (1, True, key)
    assert checked.record["findings"][0]["remedy"]
    ran = desk.run("draft", "send", key, language="it")
    assert ran.status == 1
    assert "viola" in ran.err
    assert desk.run("draft", "send", key, "--json").record["draft"] == key
    assert len(desk.run("draft", "list", "--json").records) == 1


def test_a_draft_is_thrown_away_with_what_was_attached(desk: Desk) -> None:
    key = begun(desk, "--attach", document(desk, "atto.pdf"))
    ran = desk.run("draft", "detach", key, "atto.pdf")
    assert "atto.pdf" not in ran.out
    assert desk.run("draft", "delete", key[:6], "--json").record == {"schema": 1, "key": key, "message": None}
    gone = desk.run("draft", "show", key, language="it")
    assert gone.status == 1
    assert "non c'è alcuna bozza" in gone.err
    other = begun(desk)
    assert "è eliminata" in desk.run("draft", "delete", other, language="it").out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("attach", "atto.pdf"), "--replace"),
        (("edit", "--text", "a", "--text-file", "atto.pdf"), "give the text once"),
        (("send", "--queue-only", "--wait"), "leave --wait out"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(
    desk: Desk, arguments: tuple[str, ...], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(desk.folder)
    key = begun(desk, "--attach", document(desk, "atto.pdf"))
    ran = desk.run("draft", arguments[0], key, *arguments[1:])
    assert ran.status == 2
    assert told in ran.err


def test_it_leaves_at_once_and_is_followed_to_its_outcome(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESK_PASSWORD", SANDBOX_PASSWORD)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with sandbox_in(tmp_path / "box") as box:
        pem = box.ca_file.read_bytes()
        login = next(one.login for one in box.settings.accounts if one.address == SENDER)
        desk = Desk(tmp_path, capsys, SENDER, login, smtp=box.smtp_port, imap=box.imap_port, root_pem=pem)
        desk.configure()
        key = begun(desk, "--attach", document(desk, "atto.pdf"))
        sent = desk.run("draft", "send", key, "--json")
        assert (sent.status, sent.record["send_state"]) == (0, "submitted"), sent.words
        again = desk.run("draft", "send", key, "--json")
        assert (again.status, again.record["send_state"], again.record["key"]) == (0, "submitted", sent.record["key"])
        assert len(box.sent) == 1
        followed = desk.run("draft", "send", begun(desk), "--wait", "--json")
        assert followed.status == 0, followed.words
        assert followed.record["outcome"] is not None
        assert len(box.sent) == 2
