"""Space, terms and what came in: the same figures in every object and table, the words in the asker's language."""

from datetime import UTC, datetime

import pytest

from pec_tracker import texts
from pec_tracker.answers import collected, quota, retention, status
from pec_tracker.errors import ServerError
from pec_tracker.service.alerts.open_alerts import OpenAlert
from pec_tracker.service.queries.find import Found
from pec_tracker.service.queries.status import MailboxStatus, Status
from pec_tracker.service.quota.ask import QuotaReport
from pec_tracker.service.quota.space import Level, level_of, percent_used
from pec_tracker.service.retention.terms import DossierTerm, RetentionReport
from pec_tracker.settings import Quota
from tests.answers.conftest import SECOND, message, recipient

GIB = 1024**3


@pytest.mark.parametrize(
    ("used", "limit", "percent", "told"),
    [(0, GIB, 0.0, "0.0 %"), (858_993_460, GIB, 80.0, "80.0 %"), (5, 0, None, None), (5, None, None, None)],
)
def test_a_share_is_rounded_once_and_told_alike_everywhere(
    used: int, limit: int | None, percent: float | None, told: str | None
) -> None:
    assert percent_used(used, limit) == percent
    assert quota.space_text(used, limit) == told
    report = QuotaReport("studio", used, limit, percent, Level.FINE, SECOND)
    assert quota.quota_facts(report)["percent"] == percent
    assert quota.table([report])[1][0][3] == told


def test_what_is_shown_as_eighty_percent_is_warned_of_as_eighty_percent() -> None:
    almost = percent_used(79_960, 100_000)
    assert quota.percent_text(almost) == "80.0 %"
    assert level_of(almost, Quota()) is Level.WARNING


def test_a_server_that_could_not_be_asked_leaves_every_key_and_says_why() -> None:
    report = QuotaReport("studio", 1, 2, 50.0, Level.FINE, SECOND)
    facts = quota.unasked_facts("studio", ServerError("no answer"))
    assert list(facts) == list(quota.quota_facts(report))
    assert facts["error"] == "no answer"


def test_the_last_day_is_the_one_in_rome() -> None:
    late = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
    term = DossierTerm("k7f3qv2mxxxx", "studio", None, None, late, late, True)
    assert list(retention.table([term], {})[1]) == [
        ("k7f3qv2m", "studio", "03/03/2026", "03/03/2026 (term over)", None, None)
    ]
    assert next(retention.table([term], {term.key: "k7f3qv2mx"})[1])[0] == "k7f3qv2mx"
    assert retention.month_table(RetentionReport(1, 1, (("2026-03", 1),)))[1] == [("03/2026", 1)]
    assert retention.counts_text(2, 0) == "2 dossiers, 0 past their term. Nothing is removed by this report."
    told = retention.counts_text(1, 1)
    assert told.startswith("1 dossier, 1 past its term. Nothing is removed by this report.")
    assert "still here, and proves as before" in told


def test_kinds_stand_in_the_order_of_the_standard_in_both_languages() -> None:
    kinds = {"delivery": 2, "strange": 1, "acceptance": 3}
    assert [line.split()[1] for line in collected.kind_lines(kinds)] == ["acceptance", "delivery", "strange"]
    texts.activate("it")
    assert collected.kind_lines({"delivery": 2}) == ["     2  ricevuta di avvenuta consegna"]


def test_more_alerts_than_are_told_are_counted() -> None:
    one = OpenAlert(1, "not-delivered", "alarm", "t", SECOND, "studio", "k7f3qv2mx5a1", {"state": "failed"})
    lines = collected.alert_lines([one] * 3, at_most=2)
    assert len(lines) == 4
    assert lines[1].startswith("    k7f3qv2m: not delivered")
    assert "1 more" in lines[3]
    assert collected.alert_lines([], at_most=2) == []


def test_status_names_the_states_and_why_a_mailbox_is_suspended() -> None:
    late = recipient(state="accepted", overdue=True, due_at=SECOND)
    mailbox = MailboxStatus("studio", "s@pec.test", None, SECOND, "refused", None, 9, 10, SECOND, 0)
    shown = Status(
        at=SECOND,
        mailboxes=(mailbox,),
        alerts=(),
        outbox=(),
        stuck=frozenset(),
        overdue=Found(messages=(message(recipients=(late,)),), total=1),
        recipients=(("accepted", 1),),
    )
    texts.activate("it")
    assert status.recipients_text(shown) == "Destinatari: accettato 1"
    assert status.mailbox_table(shown)[1] == [("studio", "mai", "90.0 %", 0, "sospesa: refused")]
    assert status.overdue_table(shown, {}, 10)[1][0][:3] == ("k7f3qv2mx5a1", "piena@azienda.test", "accettato, scaduto")
    facts = status.status_facts(shown)
    assert facts["needs_person"] is True
    assert facts["mailboxes"][0]["suspended_at"] == SECOND
