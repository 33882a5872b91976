"""Do the commands answer from the archive: import, find, show, status, outbox, report, quarantine, check?"""

import email
import email.policy
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pec_tracker.texts import notices
from tests.cli.desk import Desk
from tests.factory import receipts

SUBJECT = "Diffida ad adempiere: perché no"
ANSI = "\x1b"
OTHER_WORDS = re.compile(r"\b(the|is|not|key|subject|never)\b", re.I)

COMMANDS = [
    ["send"],
    ["collect"],
    ["import"],
    ["find"],
    ["show"],
    ["status"],
    ["outbox", "list"],
    ["outbox", "send"],
    ["outbox", "resend"],
    ["outbox", "settle"],
    ["quarantine", "list"],
    ["quarantine", "retry"],
    ["report", "quota"],
    ["report", "retention"],
    ["serve"],
    ["check"],
]


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("DESK_PASSWORD", "sandbox")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    desk = Desk(tmp_path, capsys)
    desk.configure()
    return desk


@pytest.fixture
def delivered(desk: Desk) -> Desk:
    """A desk whose house holds one message, sent by other means: accepted and delivered."""
    sent = receipts.original(subject=SUBJECT)
    desk.mail("sent.eml", sent)
    desk.mail("acceptance.eml", receipts.receipt("accettazione", subject=SUBJECT))
    desk.mail("delivery.eml", receipts.receipt("avvenuta-consegna", subject=SUBJECT, original=sent))
    assert desk.run("import", desk.folder / "mails", "--mailbox", "studio").status == 0
    return desk


def forged(subject: str = SUBJECT) -> bytes:
    """A delivery receipt that nobody signed."""
    return receipts.receipt("avvenuta-consegna", subject=subject, signers=(), original=receipts.original())


# Help


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_every_command_helps_with_examples_and_offers_json(desk: Desk, arguments: list[str]) -> None:
    english = desk.run(*arguments, "--help")
    italian = desk.run(*arguments, "--help", language="it")
    assert (english.status, italian.status) == (0, 0)
    assert "--json" in english.out
    assert f"pec-tracker {arguments[0]}" in english.out.partition("Examples")[2]
    assert "Esempi" in italian.out
    assert italian.out != english.out


# import


def test_import_counts_what_is_proof_and_what_is_not(desk: Desk) -> None:
    desk.mail("good.eml", receipts.receipt("accettazione"))
    desk.mail("forged.eml", forged())
    ran = desk.run("import", desk.folder / "mails")
    assert ran.status == 1  # a signature that does not hold is for a person
    assert "2 mails archived" in ran.out
    assert "1  acceptance receipt" in ran.out
    assert "1  trusted" in ran.out
    assert "1  no signature" in ran.out
    assert ANSI not in ran.out + ran.err


def test_importing_the_same_twice_says_nothing_new(delivered: Desk) -> None:
    again = delivered.run("import", delivered.folder / "mails", "--mailbox", "studio")
    assert again.status == 0
    assert "Nothing new: all 3 mails are in the archive already." in again.out
    record = delivered.run("import", delivered.folder / "mails", "--mailbox", "studio", "--json").record
    assert (record["archived"], record["known"], record["mails"]) == (0, 3, 3)


def test_import_names_what_it_could_not_read_and_goes_on(desk: Desk) -> None:
    desk.mail("good.eml", receipts.receipt("accettazione"))
    desk.mail("posta.zip", b"PK\x05\x06" + b"\0" * 17)
    missing = desk.folder / "nowhere.eml"
    ran = desk.run("import", desk.folder / "mails/good.eml", missing)
    assert ran.status == 2
    assert "nowhere.eml: not imported (there is no such file)" in ran.err
    assert "1 mail archived" in ran.out
    record = desk.run("import", missing, "--json").record
    assert record["unread"] == [{"source": str(missing), "reason": "not-there"}]


def test_import_into_an_unknown_mailbox_is_a_usage_error_that_names_the_others(desk: Desk) -> None:
    ran = desk.run("import", desk.folder, "--mailbox", "altra")
    assert ran.status == 2
    assert "studio" in ran.err


# find


def test_find_shows_a_message_and_below_it_a_line_a_recipient_with_state_and_certified_time(delivered: Desk) -> None:
    ran = delivered.run("find", "diffida", "PERCHE")
    header, below, message, row, zone = ran.out.splitlines()
    assert header.split() == ["Key", "Date", "Case", "Subject"]
    assert below.split()[:2] == ["Recipient", "State"]
    assert receipts.RECIPIENT in row
    assert "delivered" in row
    assert "02/03/2026 10:15:30" in row
    assert SUBJECT in message
    assert zone == "Times: Europe/Rome."
    assert ANSI not in ran.out


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        (["--recipient", "destinatario@"], True),
        (["--recipient", "other@pec.example"], False),
        (["--subject", "adempiere diffida"], True),
        (["--message-id", f"<{receipts.REFERENCE}>"], True),
        (["--message-id", receipts.IDENTIFIER], True),
        (["--state", "delivered"], True),
        (["--state", "failed", "--state", "delivered"], True),
        (["--state", "failed"], False),
        (["--mailbox", "studio"], True),
        (["--mailbox", "imported"], False),
        (["--since", "02/03/2026"], True),
        (["--since", "2026-03-03"], False),
        (["--until", "2026-03-02"], True),
        (["--until", "01/03/2026"], False),
        (["--send-state", "refused"], False),
        (["--overdue"], False),
        (["--offset", "1"], False),
        (["unmentioned"], False),
    ],
    ids=str,
)
def test_find_holds_every_condition(delivered: Desk, conditions: list[str], found: bool) -> None:
    ran = delivered.run("find", *conditions, "--json")
    assert ran.status == 0
    assert len(ran.records) == int(found)


def test_find_refuses_a_day_that_is_none_and_says_how_to_write_it(desk: Desk) -> None:
    ran = desk.run("find", "--since", "31/02/2026", language="it")
    assert ran.status == 2
    assert "23/11/2026" in ran.err


def test_the_short_key_of_the_list_opens_the_message(delivered: Desk) -> None:
    short = delivered.run("find").out.splitlines()[2].split()[0]
    whole = delivered.run("find", "--json").record["key"]
    assert whole.startswith(short)
    assert len(short) >= 8
    assert delivered.run("show", short, "--json").record["key"] == whole


# show


def test_show_tells_facts_recipients_and_a_timeline_in_order_of_certified_time(delivered: Desk) -> None:
    ran = delivered.run("show", f"<{receipts.REFERENCE}>")
    assert ran.status == 0
    assert f"Message-ID:         <{receipts.REFERENCE}>" in ran.out
    timeline = ran.out.partition("Timeline")[2]
    assert timeline.index("acceptance receipt") < timeline.index("delivery receipt, destinatario@pec.example")
    assert timeline.count(f"proof: {receipts.PROVIDER}") == 2
    assert "nothing to do" in ran.out


def test_show_says_exactly_why_evidence_is_no_proof(delivered: Desk) -> None:
    other = receipts.original(subject="Altro", text="Un altro testo.")
    swapped = receipts.receipt("avvenuta-consegna", subject="Altro", original=other)
    unsigned = delivered.mail("unsigned.eml", forged())
    disagreeing = delivered.mail("disagreeing.eml", swapped)
    delivered.run("import", unsigned, disagreeing, "--mailbox", "studio")
    shown = delivered.run("show", receipts.REFERENCE)
    assert "NOT PROOF; signature: no signature" in shown.words
    assert "disagrees with the message on: subject, enclosed original" in shown.words
    record = delivered.run("show", receipts.REFERENCE, "--json").record
    assert sorted(one["counts"] for one in record["evidence"]) == [False, False, True, True]
    assert record["recipients"][0]["state"] == "delivered"
    assert all(datetime.fromisoformat(one["at"]).tzinfo for one in record["evidence"] if one["at"])


def test_show_flags_receipts_that_contradict_each_other(delivered: Desk) -> None:
    failure = receipts.receipt("errore-consegna", subject=SUBJECT, error="no-dest", error_detail="5.1.1 - no such user")
    delivered.run("import", delivered.mail("failure.eml", failure), "--mailbox", "studio")
    ran = delivered.run("show", receipts.REFERENCE)
    assert "contradiction: both a delivery and a non-delivery" in ran.out
    assert "delivered, contradicted" in ran.out
    assert "the address does not exist: 5.1.1 - no such user" in ran.out


def test_show_of_nothing_says_where_to_look(desk: Desk) -> None:
    ran = desk.run("show", "nothing-like-it")
    assert ran.status == 1
    assert "pec-tracker find" in ran.err


def test_a_subject_cannot_steer_the_terminal(desk: Desk) -> None:
    subject = "red \u202etxt"
    desk.run("import", desk.mail("a.eml", receipts.receipt("accettazione", subject=subject)), "--mailbox", "studio")
    for arguments in (["find"], ["show", receipts.REFERENCE], ["report", "retention"]):
        assert "\u202e" not in desk.run(*arguments).out


# status


def test_status_of_a_quiet_house_needs_nobody(delivered: Desk) -> None:
    delivered.look_through()
    ran = delivered.run("status")
    assert ran.status == 0
    assert "Nothing needs you." in ran.out
    assert delivered.run("status", "--json").record["needs_person"] is False


def test_status_shows_alerts_until_they_are_acknowledged(delivered: Desk) -> None:
    delivered.run("import", delivered.mail("forged.eml", forged()), "--mailbox", "studio")
    ran = delivered.run("status")
    assert ran.status == 1
    assert "no proof: ordinary mail, no signature" in ran.words
    record = delivered.run("status", "--json").record
    assert [alert["kind"] for alert in record["alerts"]] == ["evidence-not-proof"]
    assert record["alerts"][0]["mailbox"] == "studio"
    assert delivered.run("status", "--acknowledge").status == 1
    delivered.look_through()
    assert delivered.run("status").status == 0


def test_status_says_that_nobody_looks_into_a_mailbox(delivered: Desk) -> None:
    never = delivered.run("status", "--json")
    assert (never.status, [need["kind"] for need in never.record["needs"]]) == (1, ["never-collected"])
    assert "non è mai stata raccolta" in delivered.run("status", language="it").words
    delivered.look_through()
    assert delivered.run("status").status == 0
    now, half_a_year = datetime.now(UTC), timedelta(days=180)
    for collected_at, kind in (
        (now - half_a_year, "unwatched"),
        (now - timedelta(minutes=16), "unwatched"),
        (now + half_a_year, "collected-in-the-future"),
    ):
        delivered.look_through(collected_at)
        ran = delivered.run("status", "--json")
        assert (ran.status, [need["kind"] for need in ran.record["needs"]]) == (1, [kind])
    delivered.look_through(datetime.now(UTC) - timedelta(minutes=14))
    assert delivered.run("status").status == 0


def test_status_is_one_screen_however_much_there_is(desk: Desk) -> None:
    for number in range(15):
        desk.mail(f"{number}.eml", forged(subject=f"Falsa {number}"))
    desk.run("import", desk.folder / "mails", "--mailbox", "studio")
    ran = desk.run("status")
    assert "Alerts: 15 (the first 10; all with --json)" in ran.out
    assert len(ran.out.splitlines()) < 40
    assert len(desk.run("status", "--json").record["alerts"]) == 15


def test_italian_answers_hold_no_english(delivered: Desk) -> None:
    delivered.run("import", delivered.mail("forged.eml", forged()), "--mailbox", "studio")
    said = "\n".join(
        delivered.run(*arguments, language="it").out
        for arguments in (["find"], ["show", receipts.REFERENCE], ["status"], ["report", "retention"], ["check"])
    )
    assert "consegnato" in said
    assert "PROVA" in said.upper()
    assert OTHER_WORDS.findall(said) == []


# report, quarantine, check


def test_report_retention_tells_the_term_of_each_dossier_and_purges_nothing(delivered: Desk) -> None:
    ran = delivered.run("report", "retention")
    assert ran.status == 0
    assert "02/03/2026" in ran.out
    assert "02/09/2028" in ran.out  # thirty months later
    assert "Nothing is removed" in ran.err
    record = delivered.run("report", "retention", "--json").record
    assert record["expires_at"].startswith("2028-09-02T08:15:30+00:00")
    assert record["expires_on"] == "2028-09-02"
    assert record["expired"] is False
    months = delivered.run("report", "retention", "--by-month", "--json").record
    assert (months["month"], months["dossiers"]) == ("2028-09", 1)
    assert "09/2028" in delivered.run("report", "retention", "--by-month").out


def test_report_retention_uses_the_mailboxs_own_term(delivered: Desk) -> None:
    delivered.configure("[retention]\nmonths = 1\n")
    assert delivered.run("report", "retention", "--json").record["expired"] is True


def test_quarantine_lists_mails_that_could_not_be_read_with_the_reason(desk: Desk) -> None:
    assert "Nothing is in quarantine." in desk.run("quarantine", "list").err
    desk.run("import", desk.mail("empty.eml", b""), "--mailbox", "studio")
    ran = desk.run("quarantine", "list")
    assert ran.status == 0
    assert "the mail is empty" in ran.out
    record = desk.run("quarantine", "list", "--mailbox", "studio", "--json").record
    assert record["reason"] == "empty"
    assert record["sha256"].startswith("e3b0c442")


def test_check_of_a_sound_house_says_so_and_counts(delivered: Desk) -> None:
    ran = delivered.run("check", "--processes", "1")
    assert ran.status == 0
    assert "All that is here is as it was written." in ran.out
    assert "could not be seen" in " ".join(ran.out.split())
    record = delivered.run("check", "--json").record
    assert (record["sound"], record["findings"], record["mails"]) == (True, [], 3)


def test_check_names_an_altered_object_in_words_and_in_italian(delivered: Desk) -> None:
    victim = sorted((delivered.folder / "data/archive/objects").glob("*/*.eml"))[0]
    content = bytearray(victim.read_bytes())
    content[-3] ^= 1
    victim.chmod(0o600)
    victim.write_bytes(content)
    ran = delivered.run("check")
    assert ran.status == 1
    assert f"the bytes of {victim.name} are not those that its name says" in ran.out
    assert "copia di sicurezza" in delivered.run("check", language="it").out
    (finding,) = delivered.run("check", "--json").record["findings"]
    assert (finding["kind"], finding["object"]) == ("object-damaged", victim.name)


# send and collect where no server answers


def test_a_message_that_breaks_rules_is_told_rule_by_rule_and_not_queued(desk: Desk) -> None:
    letter = ["send", "--cc", "nobody", "--subject", "Prova", "--text", "x"]
    ran = desk.run(*letter)
    assert ran.status == 1
    assert "no recipient in To; Cc alone is not enough" in ran.err
    assert "not a valid address" in ran.err
    record = desk.run(*letter, "--json").record
    assert record["key"] is None
    assert {finding["rule"] for finding in record["findings"]} >= {"to-missing", "address-invalid"}
    assert desk.run("outbox", "list", "--json").records == []


def test_several_recipients_in_one_option_are_each_written_to_with_their_names(desk: Desk) -> None:
    both = [
        "--to",
        'a@pec.example; "Rossi, Mario" <m@pec.example>',
        "--cc",
        "Però S.r.l. <c@pec.example>, d@pec.example",
    ]
    record = desk.run("send", *both, "--subject", "Prova", "--text", "x", "--queue-only", "--json").record
    assert record["recipients"] == ["a@pec.example", "m@pec.example", "c@pec.example", "d@pec.example"]
    (letter,) = (desk.folder / "data" / "archive").rglob("*.eml")
    written = email.message_from_bytes(letter.read_bytes(), policy=email.policy.default)
    assert [one.display_name for one in written["To"].addresses] == ["", "Rossi, Mario"]
    assert [one.display_name for one in written["Cc"].addresses] == ["Però S.r.l.", ""]
    linted = desk.run("lint", str(letter), "--json").record
    assert (linted["refused"], linted["recipients"]) == (False, record["recipients"])


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("Rossi, Mario <m@pec.example>", "'Rossi' is no recipient"),
        ("a@pec.example b@pec.example", "commas between them"),
        ("a@pec.example\r\nBcc: b@pec.example", "on one line"),
        ('"Mario <m@pec.example>', "does not close it"),
        ("x@pec.example <m@pec.example>", "leave out the one that is not meant"),
    ],
)
def test_a_recipient_that_cannot_be_read_is_named_and_nothing_is_queued(desk: Desk, typed: str, says: str) -> None:
    ran = desk.run("send", "--to", typed, "--subject", "Prova", "--text", "x")
    assert ran.status == 2
    assert says in ran.err
    assert desk.run("outbox", "list", "--json").records == []


def test_an_unreachable_server_leaves_the_message_in_the_outbox_and_says_when_it_goes(desk: Desk) -> None:
    letter = ["send", "--to", "a@pec.example", "--subject", "Prova", "--text", "Buongiorno."]
    ran = desk.run(*letter)
    assert ran.status == 3
    assert "deferred, will be tried again" in ran.out
    assert "refused the connection" in ran.out
    assert "outbox send" in ran.err
    record = desk.run(*letter, "--json").record
    assert (record["send_state"], record["code"]) == ("deferred", None)
    assert datetime.fromisoformat(record["next_attempt_at"]).tzinfo
    assert len(desk.run("outbox", "list", "--json").records) == 2


def test_queue_only_queues_and_speaks_to_no_server(desk: Desk) -> None:
    text = desk.mail("letter.txt", "\ufeffPerché no.".encode())
    sent = ["send", "--to", "a@pec.example", "--subject", "Prova", "--text-file", str(text), "--attach", str(text)]
    record = desk.run(*sent, "--case", "2026/7", "--queue-only", "--json").record
    assert (record["send_state"], record["error"]) == ("queued", None)
    assert desk.run("find", "--case", "2026/7", "--send-state", "queued", "--json").record["key"] == record["key"]
    assert desk.run("find", "--json", "perche", "no").record["key"] == record["key"]


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        ["--text", "x", "--text-file", "config.toml"],
        ["--text-file", "nowhere.txt"],
        ["--text", "x", "--attach", "nowhere.pdf"],
        ["--text", "x", "--receipt", "lunga"],
    ],
    ids=str,
)
def test_a_send_that_cannot_be_meant_is_a_usage_error_and_queues_nothing(desk: Desk, wrong: list[str]) -> None:
    assert desk.run("send", "--to", "a@pec.example", "--subject", "Prova", *wrong).status == 2
    assert desk.run("outbox", "list", "--json").records == []


def test_a_text_that_is_not_utf8_is_refused_rather_than_sent_garbled(desk: Desk) -> None:
    latin = desk.mail("latin.txt", "perché".encode("latin-1"))
    ran = desk.run("send", "--to", "a@pec.example", "--subject", "Prova", "--text-file", latin)
    assert ran.status == 2
    assert "UTF-8" in ran.err


def test_a_missing_password_keeps_the_message_and_is_a_configuration_error(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DESK_PASSWORD")
    ran = desk.run("send", "--to", "a@pec.example", "--subject", "Prova", "--text", "x")
    assert ran.status == 2
    assert "DESK_PASSWORD" in ran.out
    assert desk.run("outbox", "list", "--json").record["send_state"] == "queued"


@pytest.mark.parametrize(
    "arguments", [["collect"], ["outbox", "send"], ["report", "quota"], ["quarantine", "retry"]], ids=" ".join
)
def test_an_unreachable_server_is_told_by_mailbox_with_status_3(desk: Desk, arguments: list[str]) -> None:
    ran = desk.run(*arguments)
    assert ran.status == 3
    assert "studio:" in ran.err
    assert "refused the connection" in ran.err
    record = desk.run(*arguments, "--json").record
    assert record["mailbox"] == "studio"
    assert "refused the connection" in record["error"]


@pytest.mark.parametrize("arguments", [["collect"], ["outbox", "send"], ["report", "quota"], ["serve"]], ids=" ".join)
def test_without_any_mailbox_the_way_to_add_one_is_told(desk: Desk, arguments: list[str]) -> None:
    desk.config.write_text('data = "data"\n', encoding="utf-8")
    ran = desk.run(*arguments)
    assert ran.status == 2
    assert "mailbox add" in ran.err


# outbox


def test_a_person_decides_in_writing_and_the_short_key_is_enough(desk: Desk) -> None:
    letter = ["send", "--to", "a@pec.example", "--subject", "Prova", "--text", "x", "--queue-only", "--json"]
    key = desk.run(*letter).record["key"]
    assert desk.run("outbox", "settle", key[:8], "--abandon").status == 2  # no reason
    assert desk.run("outbox", "settle", key[:8], "--reason", "r").status == 2  # no decision
    assert desk.run("outbox", "settle", key[:8], "--sent", "--reason", "r").status == 2  # it certainly did not leave
    given_up = desk.run("outbox", "settle", key[:8], "--abandon", "--reason", "delivered by hand", "--json").record
    assert given_up == {"schema": 1, "key": key, "send_state": "abandoned"}
    assert desk.run("outbox", "list", "--json").records == []
    assert desk.run("outbox", "list", "--all", "--json").record["key"] == key
    again = desk.run("outbox", "resend", key[:8], "--reason", "needed after all")
    assert "queued" in again.out
    assert desk.run("outbox", "list", "--json").record["send_state"] == "queued"
    assert desk.run("outbox", "resend", "zzzzzzzz", "--reason", "r").status == 1


@pytest.mark.parametrize("kind", notices.ALERTS)
def test_an_alert_is_told_even_without_its_facts(kind: str) -> None:
    assert "{" not in notices.alert_text(kind, {})
