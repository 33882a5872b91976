"""What is answered about how long things are kept? Every dossier's term, and how many end in which month."""

from typing import TYPE_CHECKING, Any

from pec_tracker.texts import _, ngettext
from pec_tracker.texts.times import rome_date, rome_day

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pec_tracker.service.retention.terms import DossierTerm, RetentionReport


def term_facts(term: "DossierTerm") -> dict[str, Any]:
    """One dossier's term as a JSON object (contract of `report retention`)."""
    return {
        "key": term.key,
        "mailbox": term.mailbox,
        "subject": term.subject,
        "case": term.case,
        "last_at": term.last_at,
        "expires_at": term.expires_at,
        "expires_on": rome_date(term.expires_at),
        "expired": term.expired,
    }


def table(
    dossiers: "Iterable[DossierTerm]", longer: "Mapping[str, str]"
) -> tuple[list[str], "Iterator[tuple[object, ...]]"]:
    """Columns and rows, one a dossier, made as they are asked for; *longer* are keys that the usual length does not
    tell apart."""
    from pec_tracker.service.queries.short_keys import (
        SHORTEST,  # and with it a database, which most that is answered here needs not
    )

    columns = [_("Key"), _("Mailbox"), _("Last date"), _("Kept at least until"), _("Subject"), _("Case")]
    return columns, (
        (
            longer.get(term.key, term.key[:SHORTEST]),
            term.mailbox,
            rome_day(term.last_at),
            rome_day(term.expires_at) + (_(" (term over)") if term.expired else ""),
            term.subject,
            term.case,
        )
        for term in dossiers
    )


def month_table(report: "RetentionReport") -> tuple[list[str], list[tuple[object, ...]]]:
    """Columns and rows, one a month."""
    rows: list[tuple[object, ...]] = [(f"{month[5:]}/{month[:4]}", count) for month, count in report.months]
    return [_("Month"), _("Dossiers that expire")], rows


def counts_text(dossiers: int, expired: int) -> str:
    """How many there are, and how many are past their term."""
    counts = ngettext(
        "{dossiers} dossier, {expired} past its term.", "{dossiers} dossiers, {expired} past their term.", dossiers
    )
    said = counts.format(dossiers=dossiers, expired=expired) + " " + _("Nothing is removed by this report.")
    return said + " " + _("What is past its term is still here, and proves as before.") if expired else said
