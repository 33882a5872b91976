"""Does Italian stay Italian? What is English inside has to be a token or somebody else's words."""

from pathlib import Path

import pytest

from pec_tracker.cli.options import VALUES as ENGLISH_VALUES
from pec_tracker.sandbox.behaviours import BEHAVIOURS
from pec_tracker.service.proof import court_folder as filing
from pec_tracker.texts import _, activate
from tests.cli.running import Home

VALUES = set(ENGLISH_VALUES)


def test_the_sandbox_explains_itself_in_italian(tmp_path: Path) -> None:
    told = Home(tmp_path, {"LANG": "it_IT.UTF-8"}).run("sandbox", "behaviours").stdout
    told = " ".join(told.split())
    assert "Accettata; mancata consegna: casella piena (5.2.2)." in told
    assert [row.name for row in BEHAVIOURS if row.explanation in told] == []


@pytest.mark.parametrize(("form", "word"), [("brief", "è breve;"), ("synthetic", "è sintetica;")])
def test_a_receipt_that_cannot_be_filed_is_named_by_its_italian_form(form: str, word: str) -> None:
    activate("it")
    try:
        told = _(filing._REFUSALS[form])
    finally:
        activate("en")
    assert word in told
    assert form not in told


@pytest.mark.parametrize(
    "command", [("find",), ("proof",), ("show",), ("send",), ("mailbox", "add"), ("trust", "show")]
)
def test_help_names_values_in_italian_throughout(tmp_path: Path, command: tuple[str, ...]) -> None:
    told = Home(tmp_path, {"LANG": "it_IT.UTF-8"}).run(*command, "--help").stdout.partition("Esempi:")[0]
    words = {word.strip("[]().,:;'") for word in told.replace("...", " ").replace("|", " ").split()}
    assert words & VALUES == set()
    assert "[OPTIONS]" not in told
