"""In one second what we did stands before the acceptance that it brought: certified times have no finer part."""

from datetime import UTC, datetime

from pec_tracker.answers import dossier
from pec_tracker.service.proof import summary as proof_summary

SECOND = datetime(2026, 3, 2, 10, 15, 30, tzinfo=UTC)


def test_acceptance_never_stands_before_the_submission_of_its_second() -> None:
    sent = SECOND.replace(microsecond=700_000)
    shown = [dossier.Moment(SECOND, 0, "accepted", []), dossier.Moment(sent, -1, "sent", [])]
    assert [one.what for one in sorted(shown, key=dossier.order)] == ["sent", "accepted"]
    drawn = [
        proof_summary._Moment(SECOND, 3, "certified", "delivered"),
        proof_summary._Moment(SECOND, 0, "certified", "accepted"),
        proof_summary._Moment(sent, -1, "own", "sent"),
        proof_summary._Moment(SECOND.replace(microsecond=1), -1, "own", "queued"),
    ]
    assert [one.what for one in sorted(drawn, key=proof_summary._order)] == ["queued", "sent", "accepted", "delivered"]
