"""Check, seal, rebuild, trust: what is told of the archive itself. No more than can be seen, in both languages."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from pec_tracker import texts
from pec_tracker.answers import checked, rebuilt, sealed, trust
from pec_tracker.answers.plain import to_json
from pec_tracker.archive.finding import Finding, FindingKind
from pec_tracker.errors import ServerError
from pec_tracker.ledger.mend import Mended
from pec_tracker.ledger.stamps import Stamped
from pec_tracker.ledger.witnesses import Witness
from pec_tracker.service.collecting.refetch import Refetched
from pec_tracker.service.dating.seal import Sealing
from pec_tracker.service.dating.stamps import Stamping
from pec_tracker.service.intake.recheck import Rechecked
from pec_tracker.service.trust.anchors import LISTED, AnchorShown, Changed
from pec_tracker.service.upkeep.check import CheckReport
from pec_tracker.service.upkeep.look_over import LookedOver
from pec_tracker.service.upkeep.rebuild import Rebuilt
from tests.answers.conftest import SECOND

LATER = datetime(2026, 3, 3, tzinfo=UTC)
SOUND = CheckReport(objects=5, bytes=900, seals=3, lines=12, mails=4, findings=(), witnesses=())
MISSING = Finding(FindingKind.OBJECT_MISSING, "ab.eml", "the folder {folder} cannot be read: {reason}",
                  {"folder": "x", "reason": "Permission denied"})  # fmt: skip


@pytest.mark.parametrize(
    ("report", "english", "italian"),
    [
        (replace(SOUND, seals=0), "no act is sealed yet", "nessun atto è ancora sigillato"),
        (SOUND, "only a date from outside would show it", "data apposta dall'esterno"),
        (replace(SOUND, witnesses=(Witness("rfc3161", 2, SECOND, "TSA"),)), "After seal 00000002", "sigillo 00000002"),
        (
            replace(SOUND, witnesses=(Witness("rfc3161", 3, SECOND, "TSA"),)),
            "up to the newest seal",
            "fino all'ultimo sigillo",
        ),
    ],
)
def test_a_sound_archive_is_told_with_what_could_not_be_seen(report: CheckReport, english: str, italian: str) -> None:
    assert english in list(checked.result_lines(report))[-1]
    texts.activate("it")
    assert italian in list(checked.result_lines(report))[-1]


def test_who_dates_the_ledger_is_the_newest_and_since_when_the_first() -> None:
    first, newest = Witness("pec", 1, SECOND, "ab" * 32), Witness("rfc3161", 3, LATER, "TSA")
    told = list(checked.result_lines(replace(SOUND, witnesses=(newest, first))))
    assert told[0] == "Dated from outside up to seal 00000003, at 03/03/2026 01:00:00 (+0100), by TSA."
    assert told[1].startswith("Before 02/03/2026 11:15:30 (+0100)")
    only = list(checked.result_lines(replace(SOUND, witnesses=(first,))))
    assert "the provider's acceptance abababababababab.eml" in only[0]


def test_what_disagrees_is_told_in_words_down_to_the_systems_own() -> None:
    looked = LookedOver(
        replace(SOUND, findings=(MISSING,)), Mended(("a",), ("b",)), (Refetched("studio", 2, ("c",)),), ("d",)
    )
    assert list(checked.result_lines(looked.report))[-1].endswith("cannot be read: Permission denied")
    assert [line.split(":")[0] for line in checked.mended_lines(looked)] == [
        "written again from the database",
        "the database cannot give it back as it was",
        "studio",
    ]
    assert checked.aside_lines(looked) == ["moved aside: d"]
    facts = json.loads(to_json(checked.looked_over_facts(looked)))
    assert list(facts)[-4:] == ["written_again", "not_written_again", "refetched", "set_aside"]
    assert (facts["sound"], facts["refetched"], facts["set_aside"]) == (False, {"studio": 2}, ["d"])
    texts.activate("it")
    assert "Rilievi: 1" in checked.result_lines(looked.report)
    assert checked.table(SOUND)[1][0] == ("oggetti dell'archivio", 5)


def test_a_seal_is_stamped_once_and_who_gave_none_is_named() -> None:
    nobody = Stamping(7, None, failures=(("TSA", ServerError("no answer")),))
    assert sealed.failure_lines(nobody) == ["TSA gave no time-stamp: no answer"]
    assert sealed.stamped_text(nobody) is None
    assert sealed.stamped_text(Stamping()) == "Nothing is sealed yet, so there is nothing to stamp."
    stamped = Stamped(SECOND, "TSA", 7, "1.2.3")
    assert sealed.stamped_text(Stamping(7, stamped, new=True)) == "Seal 00000007 is time-stamped."
    texts.activate("it")
    assert "00000007" in (sealed.stamped_text(Stamping(7, stamped)) or "")


def test_sealing_counts_acts_and_lists_who_dated_which_seal() -> None:
    dated = ((2, "pec", "ab.eml", SECOND), (1, "rfc3161", "TSA", SECOND))
    sealing = Sealing((), Stamping(), dated, authorities=False)
    assert sealed.sealed_text(sealing) == "0 acts sealed."
    texts.activate("it")
    columns, rows = sealed.table(sealing)
    told = list(rows)
    assert told[0][:2] == ("00000002", "accettazione PEC")
    assert len(columns) == len(told[0])
    facts = sealed.sealing_facts(sealing)
    assert [one["kind"] for one in facts["stamps"]] == ["pec", "rfc3161"]
    assert facts["stamped"] is None


def test_a_rebuild_names_what_is_missing_and_what_was_carried() -> None:
    result = Rebuilt(2, 10, 4, 1, 1, ("ab.eml",), carried=1, mended=("00000001.jsonl",), old_unreadable=True)
    lines = list(rebuilt.rebuilt_lines(result))
    assert lines[0].startswith("4 mails and 1 messages, from 10 ledger lines under 2 seals")
    assert lines[2] == "1 act that only the old database knew was carried over."
    assert lines[-1] == "missing in the archive: ab.eml"
    assert len(lines) == 6
    facts = json.loads(to_json(rebuilt.rebuilt_facts(result, Path("old.db"))))
    assert (facts["missing"], facts["old_database"]) == (["ab.eml"], "old.db")
    texts.activate("it")
    assert list(rebuilt.rebuilt_lines(result))[-1] == "manca dall'archivio: ab.eml"
    assert "old.db" in rebuilt.aside_text(Path("old.db"))


ANCHOR = AnchorShown(
    fingerprint="ab" * 32, name="Radice", issuer="CN=Radice", serial="1", key_bits=2048, not_before=SECOND,
    not_after=LATER, valid_now=False, use="signer", authorities=(), addresses=("posta-certificata@g.it",),
    domains=(), source="root.pem", reason="named by the user", since=date(2026, 3, 2), kept=True, der=b"",
)  # fmt: skip


def test_an_anchor_says_what_it_is_good_for_and_that_it_is_past() -> None:
    columns, (row,) = trust.table([ANCHOR])
    assert (len(columns), row[0], row[2]) == (len(row), "ab" * 8, "2026-03-03 (not valid today)")
    assert row[3] == "one signer: posta-certificata@g.it"
    lines = dict(trust.anchor_lines(ANCHOR))
    assert lines["SHA-256"].startswith("AB:AB:")
    assert "May certify" not in lines
    assert trust.anchor_facts(ANCHOR)["reason"] == "named by the user"
    texts.activate("it")
    assert trust.table([ANCHOR])[1][0][6] == "indicato dall'utente"
    assert next(trust.list_notes([])).startswith("Non è nota alcuna radice di fiducia")


def test_our_reasons_are_told_in_the_askers_language_and_a_users_own_as_he_wrote_it() -> None:
    assert trust.reason_text(LISTED.format(file="igpec.ldif")) == "in the list igpec.ldif"
    texts.activate("it")
    assert trust.reason_text(LISTED.format(file="igpec.ldif")) == "nell'elenco igpec.ldif"
    assert trust.reason_text("manuale del gestore, 2026") == "manuale del gestore, 2026"


def test_what_changed_is_told_one_by_one_and_followed_by_what_to_do() -> None:
    changed = Changed(added=(replace(ANCHOR, use="sandbox"),), unlisted=(ANCHOR,), answers=2)
    lines = list(trust.changed_lines(changed))
    assert lines[0].endswith(": added")
    assert lines[1].endswith(": no longer in the list, still trusted")
    assert lines[2] == "2 revocation lists kept."
    assert len(list(trust.changed_notes(changed))) == 2
    assert list(trust.changed_notes(Changed(known=(ANCHOR,)))) == []
    assert list(trust.changed_facts(changed)) == ["added", "known", "withdrawn", "unlisted", "answers"]


def test_verdicts_that_changed_are_counted_and_mails_that_are_gone_named() -> None:
    result = Rechecked(5, {("intact", "trusted"): 2}, linked=1, missing=("ab",))
    assert list(trust.rechecked_lines(result))[:2] == [
        "5 signatures verified again.",
        "     2  intact, signer not trusted -> trusted",
    ]
    assert trust.missing_lines(result) == ["ab.eml: its bytes are missing or damaged; run check"]
    assert trust.rechecked_facts(result)["changed"] == [{"from": "intact", "to": "trusted", "count": 2}]
    texts.activate("it")
    assert list(trust.rechecked_lines(Rechecked()))[-1] == "Nessun esito è cambiato."
