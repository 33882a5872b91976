"""What a mail program is answered: one line of ASCII, short, with what to do, in the language of the house."""

import re

import pytest

from pec_tracker import texts
from pec_tracker.answers import gateway
from pec_tracker.errors import DiskFullError, StorageError
from pec_tracker.pec.finding import Finding, Severity
from pec_tracker.texts import findings

REPLY = re.compile(r"[245]\d\d [245]\.\d+\.\d+ [ -~]+")


@pytest.mark.parametrize("language", ["en", "it"])
@pytest.mark.parametrize("rule", findings.RULES)
def test_each_rule_has_a_reply_that_any_program_can_show(rule: str, language: str) -> None:
    texts.activate(language)
    finding = Finding(rule, Severity.REFUSE, "l'indirizzo.molto.lungo@" + "x" * 300, "RFC", 51, 50)
    told = gateway.rule_reply(finding)
    assert REPLY.fullmatch(told)
    assert len(told) <= gateway.LONGEST
    assert told[0] == told[4] == "5"


def test_italian_is_written_as_on_a_typewriter() -> None:
    assert gateway.plain("perché è così: «più»") == "perche' e' cosi': \"piu'\""
    assert "\n" not in gateway.reply("550 5.7.1", "una\r\n250 riga")


def test_faults_of_ours_let_the_program_try_again() -> None:
    assert gateway.error_reply(StorageError("the disk sleeps")).startswith("451 4.3.0 not taken: the disk sleeps")
    assert gateway.error_reply(DiskFullError("full")).startswith("452 4.3.1")
