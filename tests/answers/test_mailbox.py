"""Mailboxes: as they are configured, and what is asked when one is added."""

from pathlib import Path

import pytest

from pec_tracker import texts
from pec_tracker.answers import mailbox
from pec_tracker.config import needs, validate
from pec_tracker.errors import ConfigurationError, PecTrackerError
from pec_tracker.providers import built_in, serving
from pec_tracker.secret import SecretRef, SecretSource
from pec_tracker.service.mailboxes.configured import Configured
from pec_tracker.service.mailboxes.draft import ADDRESS_FIRST, Draft, Rules
from pec_tracker.service.mailboxes.trial import Trial
from pec_tracker.wire.endpoint import Endpoint

RULES = Rules(needs(built_in()), validate, serving)
STUDIO = Configured(
    name="studio", address="s@pec.test", display_name=None, provider="custom", provider_title="Custom",
    login="s@pec.test", secret=SecretRef(SecretSource.ENV, "PEC"), smtp=Endpoint("smtp.test", 465),
    imap=Endpoint("imap.test", 993), sent_folder=None, reply_to=None,
)  # fmt: skip


def test_a_mailbox_is_listed_with_where_its_password_is() -> None:
    columns, (row,) = mailbox.table([STUDIO])
    assert row == ("studio", "s@pec.test", "another", "smtp.test:465 tls", "imap.test:993 tls", "env: PEC")
    assert mailbox.configured_facts(STUDIO)["provider"] == "custom"
    texts.activate("it")
    assert mailbox.table([STUDIO])[1][0][2] == "un altro"
    assert len(columns) == len(row)


def test_a_password_that_is_not_there_is_told_and_no_server() -> None:
    lines = mailbox.trial_lines(STUDIO, Trial(secret=ConfigurationError("the variable is not set")))
    assert lines == ["  password: the variable is not set"]


@pytest.mark.parametrize("language", ["en", "it"])
def test_only_what_is_missing_is_asked_each_in_words(language: str) -> None:
    texts.activate(language)
    draft, asked = Draft({"address": "a@pec.example"}), []
    for answer in ("studio", "custom", "smtp.test", "imap.test", "", "PEC"):
        column = draft.missing(RULES)
        assert column is not None
        assert mailbox.question_text(column)
        asked.append(column)
        draft = draft.answered(column, answer)
    assert asked == ["mailbox", "provider", "smtp_host", "imap_host", "password", "password_env"]
    assert draft.missing(RULES) is None


def test_legalmail_is_asked_for_the_user_and_a_password_ends_the_questions() -> None:
    draft = Draft({"mailbox": "studio-rossi", "address": "a@pec.example", "provider": "legalmail"})
    assert draft.missing(RULES) == "login"
    draft = draft.answered("login", "M1")
    assert draft.missing(RULES) == "password"
    assert draft.answered("password", "segreta").missing(RULES) is None
    assert draft.suggestion("password_env", RULES) == "PEC_STUDIO_ROSSI_PASSWORD"


def test_an_address_tells_the_provider_and_a_name_that_is_free() -> None:
    draft = Draft({"address": "Studio.Rossi@PEC.it"})
    assert draft.missing(RULES, order=ADDRESS_FIRST) == "provider"
    assert draft.suggestion("provider", RULES) == "aruba"
    assert draft.suggestion("mailbox", RULES) == "studio-rossi"
    assert draft.suggestion("mailbox", RULES, taken={"studio-rossi", "studio-rossi-2"}) == "studio-rossi-3"
    own = Draft({"address": "___@pec.studiorossi.it"})
    assert (own.suggestion("provider", RULES), own.suggestion("mailbox", RULES)) == (None, None)


@pytest.mark.parametrize("cells", [{"mailbox": "Studio Rossi"}, {"address": "nessuno"}, {"provider": "nessuno"}])
def test_an_answer_that_does_not_fit_is_told_whatever_is_not_known_yet(
    tmp_path: Path, cells: dict[str, str | None]
) -> None:
    Draft({}).check(tmp_path / "config.toml", RULES)
    with pytest.raises(PecTrackerError):
        Draft(cells).check(tmp_path / "config.toml", RULES)


def test_where_a_password_went_is_said_and_nothing_where_none_was_typed() -> None:
    folder = Path("here")
    assert "PEC" not in (mailbox.kept_text({"password_keyring": "pec-tracker/studio"}, folder) or "PEC")
    assert str(folder / "s.password") in (mailbox.kept_text({"password_file": "s.password"}, folder) or "")
    assert mailbox.kept_text({"password_env": "PEC"}, folder) is None


def test_what_became_of_a_mailbox_is_told_in_both_languages() -> None:
    file = Path("config.toml")
    assert mailbox.added_text(file, ["a", "b"]) == "2 mailboxes added to config.toml."
    assert mailbox.removed_facts(file, "a") == {"file": file, "removed": "a"}
    assert mailbox.resumed_facts("a") == {"mailbox": "a", "resumed": True}
    texts.activate("it")
    assert mailbox.added_text(file, ["a"]) == "1 casella aggiunta a config.toml."
    assert mailbox.removed_text(file, "a").startswith("a non è più in config.toml")
    assert mailbox.resumed_text("a")
