"""Does every text reach an Italian reader in Italian, and does the shipped catalogue hold what its source says?"""

import inspect
import os
import re
import string
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import read_mo

from pec_tracker import texts
from pec_tracker.answers import outbox
from pec_tracker.errors import ConfigurationError, ServerError
from pec_tracker.pec import evidence, finding
from pec_tracker.pec.standard import Errore, Kind, ReceiptForm, RecipientType
from pec_tracker.pec.states import NextStep, State
from pec_tracker.service.importing import foreign_files, mail_files
from pec_tracker.texts import findings, notices, words
from tools import texts as tool


@pytest.fixture(autouse=True)
def _english_afterwards(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for variable in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(variable, raising=False)
    yield
    texts.activate("en")


@pytest.fixture(scope="module")
def catalogue() -> Catalog:
    return tool.catalogue()


def messages(catalogue: Catalog) -> list[Message]:
    return [message for message in catalogue if message.id]


def pairs(message: Message) -> list[tuple[str, str]]:
    """Each translation with the original that it stands for; none where there is no translation yet."""
    if isinstance(message.id, str):
        return [(message.id, str(message.string))] if message.string else []
    assert isinstance(message.string, tuple | list)
    return list(zip(message.id, message.string, strict=True))


def test_every_text_of_the_code_is_in_italian(catalogue: Catalog) -> None:
    assert tool.missing(catalogue) == []


def test_the_catalogue_keeps_no_text_that_is_gone(catalogue: Catalog) -> None:
    used = {text if isinstance(text, str) else text[0] for text in {*tool.code_texts(), *tool.click_texts()}}
    assert {message.id if isinstance(message.id, str) else message.id[0] for message in messages(catalogue)} <= used


def test_the_compiled_catalogue_is_the_written_one(catalogue: Catalog) -> None:
    def content(of: Catalog) -> dict[str, list[tuple[str, str]]]:
        return {str(message.id): pairs(message) for message in messages(of)}

    shipped = read_mo(BytesIO(tool.MO.read_bytes()))
    assert content(shipped) == content(read_mo(BytesIO(tool.compiled(catalogue))))


def test_translations_fill_the_same_places_as_the_originals(catalogue: Catalog) -> None:
    def places(text: str) -> set[str]:
        fields = {f"{name}!{kind or ''}:{form}" for _, name, form, kind in string.Formatter().parse(text) if name}
        return fields | set(re.findall(r"%\(\w+\)s", text))

    for message in messages(catalogue):
        for original, translation in pairs(message):
            allowed = places(original) | (places(message.id[1]) if isinstance(message.id, tuple) else set())
            assert places(translation) <= allowed, original
            if isinstance(message.id, str):
                assert places(translation) == places(original), original


def test_line_breaks_survive_translation(catalogue: Catalog) -> None:
    for message in messages(catalogue):
        for original, translation in pairs(message):
            assert original.count("\n") == translation.count("\n"), original


@pytest.mark.parametrize(
    ("table", "tokens"),
    [
        (words.KINDS, list(Kind)),
        (words.STATES, list(State)),
        (words.NEXT_STEPS, list(NextStep)),
        (words.VERDICTS, list(evidence.Verdict)),
        (words.CHECKS, evidence.CHECKS),
        (words.FORMS, list(ReceiptForm)),
        (words.ERRORS, list(Errore)),
        (words.RECIPIENT_TYPES, list(RecipientType)),
        (words.SEVERITIES, list(finding.Severity)),
        (findings.RULES, [*finding.REFUSED, *finding.ADVISED]),
    ],
)
def test_every_token_has_a_word(table: dict[str, str], tokens: list[str]) -> None:
    assert [str(token) for token in tokens if token not in table] == []


RULES = [*finding.REFUSED, *finding.ADVISED]
_CITED_ALONE = re.compile(r"(?:RFC \d+ [\d.]+(?:, [\d.]+)*|disp\. att\. c\.c\.,? .*|L\. 53/1994,? .*)")


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("language", ["en", "it"])
def test_every_finding_says_what_it_is_where_it_comes_from_and_what_to_do(rule: str, language: str) -> None:
    texts.activate("en")
    one = finding.finding(rule, "subject")
    english = (outbox.finding_text(one), outbox.remedy_text(one), outbox.source_text(one))
    texts.activate(language)
    told = (outbox.finding_text(one), outbox.remedy_text(one), outbox.source_text(one))
    assert all(text.strip() and text != rule for text in told)
    assert one.severity in finding.Severity
    if language == "it":
        same = [text for text in english if text in told]
        assert [text for text in same if not _CITED_ALONE.fullmatch(text)] == []


def test_no_rule_is_told_of_that_is_not_there_and_no_rule_is_both_refused_and_advised() -> None:
    assert set(findings.RULES) == set(findings.REMEDIES) == set(RULES)
    assert finding.REFUSED.keys() & finding.ADVISED.keys() == set()
    assert set(finding.CONFIRMABLE) <= finding.REFUSED.keys()


def test_every_rule_is_asked_somewhere() -> None:
    asked = "\n".join(
        path.read_text("utf-8")
        for room in ("pec", "service/sending")
        for path in sorted((tool.ROOT / "pec_tracker" / room).glob("*.py"))
        if path.name != "finding.py"
    )
    assert [rule for rule in RULES if f'"{rule}"' not in asked] == []


def service_sources() -> str:
    return "\n".join(path.read_text("utf-8") for path in sorted((tool.ROOT / "pec_tracker/service").rglob("*.py")))


def test_every_reason_for_a_file_left_unread_has_words() -> None:
    source = service_sources()
    reasons = set(re.findall(r'\bUnread\(.*?"([a-z-]+)"(?:\)| if)', source))
    reasons |= set(re.findall(r'\bOutlookError\("([a-z-]+)"\)', source))
    told = inspect.getsource(mail_files) + inspect.getsource(foreign_files)
    reasons |= set(
        re.findall(r'(?:return (?:None, )?|token = |token or |or \(|, )"([a-z-]+)"(?: if|$|\)|,)', told, re.M)
    )
    reasons |= {error.__name__ for error in mail_files._ZIP_ERRORS} - {"RuntimeError"}  # told as "encrypted"
    assert {"zip-bomb", "zip-in-zip", "not-a-file", "too-large", "outlook-store", "link", "unnamed-zip"} <= reasons
    assert reasons - {""} - set(notices.UNREAD) == set()


def test_official_italian_terms_are_the_laws_own() -> None:
    texts.activate("it")
    assert words.word(words.KINDS, "acceptance") == "ricevuta di accettazione"
    assert words.word(words.KINDS, "delivery") == "ricevuta di avvenuta consegna"
    assert words.word(words.KINDS, "non-delivery") == "avviso di mancata consegna"
    assert words.word(words.KINDS, "taken-in-charge") == "ricevuta di presa in carico"
    assert words.word(words.KINDS, "transport-envelope") == "busta di trasporto"
    assert words.word(words.VERDICTS, "trusted") == "attendibile"


def test_a_token_that_nobody_knows_is_shown_as_it_is() -> None:
    assert words.word(words.KINDS, "novelty") == "novelty"
    assert words.word(words.KINDS, None) == "-"
    assert words.words(findings.WARNINGS, ["two-daticert", "novelty"]) == "two certification data, novelty"
    assert words.words(findings.WARNINGS, []) == "-"


def test_errors_speak_the_language_chosen_down_to_their_cause() -> None:
    error = ConfigurationError(
        "{place}: {key}: {problem}",
        place="f.toml",
        key="a.b",
        problem=ConfigurationError("there is no such key; did you mean {nearest}?", nearest="c"),
    )
    assert str(error) == texts.error_text(error) == "f.toml: a.b: there is no such key; did you mean c?"
    texts.activate("it")
    assert texts.error_text(error) == "f.toml: a.b: la chiave non esiste; si intendeva c?"
    unknown = ServerError("a template that no catalogue has: {x}", x=1)
    assert texts.error_text(unknown) == str(unknown)


@pytest.mark.parametrize(
    ("variables", "language"),
    [
        ({}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "it_IT.UTF-8"}, "it"),
        ({"LANG": "it_IT.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "C", "LANGUAGE": "it:en"}, "it"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
    ],
)
def test_auto_follows_the_environment(
    variables: dict[str, str], language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("locale.getlocale", lambda: ("C", None))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    texts.activate("auto")
    assert texts.current() == language


def test_counts_choose_singular_and_plural() -> None:
    one, many = "{count} mailbox added to {file}.", "{count} mailboxes added to {file}."
    texts.activate("it")
    assert texts.ngettext(one, many, 1).startswith("{count} casella aggiunta")
    assert texts.ngettext(one, many, 2).startswith("{count} caselle aggiunte")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--help"], "Uso: pec-tracker [OPZIONI] COMANDO"),
        (["inspect"], "Errore: Manca l'argomento 'FILE...'"),
        (["inspect", "--hlp", "x"], "L'opzione '--hlp' non esiste."),
        (["nothing"], "Il comando 'nothing' non esiste."),
        (["inspect", "--at", "noon", "x"], "Valore non valido per '--at': 'noon' non è un'ora"),
        (["mailbox", "add", "--smtp-port", "0"], "fuori dall'intervallo"),
    ],
)
def test_the_command_lines_own_words_are_italian(arguments: list[str], says: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "pec_tracker", *arguments],
        env={**os.environ, "LANG": "it_IT.UTF-8", "LANGUAGE": ""},
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert says in " ".join((ran.stdout + ran.stderr).split())
