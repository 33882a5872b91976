"""The table of a case goes to clients and spreadsheets: it says who did not receive, and why, in their language."""

from pec_tracker import texts
from pec_tracker.answers import case
from pec_tracker.service.queries.case import Outcome
from tests.answers.conftest import SECOND

FAILED = Outcome(
    case="2026/1",
    subject="Diffida",
    recipient="piena@azienda.test",
    received=False,
    at=SECOND,
    state="failed",
    error_code="5.2.2",
    error_detail="piena",
    contradictions=("delivery-and-failure",),
    next_step="resend-later",
    reference="a@b",
    key="k7f3",
)


def test_a_row_has_a_cell_for_every_column_in_both_languages() -> None:
    (row,) = case.rows([FAILED])
    assert len(row) == len(case.COLUMNS) == len(case.columns())
    assert row[3:6] == ["no", "02/03/2026 11:15:30 (+0100)", "not delivered"]
    assert row[6].startswith("the mailbox is full; piena; ")
    texts.activate("it")
    (row,) = case.rows([FAILED])
    assert row[5] == "non consegnato"
    assert case.columns()[2] == "Destinatario"


def test_a_screen_shows_some_columns_in_its_own_order() -> None:
    columns, rows = case.table([FAILED], ("Subject", "Recipient"))
    assert columns == ["Subject", "Recipient"]
    assert rows == [["Diffida", "piena@azienda.test"]]


def test_the_object_of_an_outcome_has_tokens_and_no_words() -> None:
    facts = case.outcome_facts(FAILED)
    assert (facts["state"], facts["next_step"], facts["at"]) == ("failed", "resend-later", SECOND)
    assert facts["contradictions"] == ["delivery-and-failure"]
