"""What does a court want of a notification by PEC? The untouched receipts of each recipient, under names that it takes.

Law 53/1994: the deposit holds acceptance and delivery as .eml, and the delivery receipt must be the complete one
(DM 44/2011 art. 18); brief and synthetic ones are refused here, before a court does. Limits: `courts.toml`.

A receipt that was rebuilt from an Outlook file is not as it was received: where the court takes it, the file itself
(.msg) goes instead.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from pec_tracker.archive.objects import Suffix
from pec_tracker.askers import Act, Asker
from pec_tracker.errors import RuleError, UsageError
from pec_tracker.ledger.acts import LedgerAct
from pec_tracker.pec.evidence import address_key
from pec_tracker.pec.headers import headers_of
from pec_tracker.render.tables import to_csv
from pec_tracker.service.house import House
from pec_tracker.service.importing.outlook import letters
from pec_tracker.service.proof.make import gathered
from pec_tracker.service.proof.report import sha256_of
from pec_tracker.service.proof.sources import ORIGINAL, Sources
from pec_tracker.service.verbs import verb
from pec_tracker.texts import N_

IDS: Final = "ids.csv"
# Italian, as the names of the files and what stands in the rows: an Italian court reads them, whoever made them.
_COLUMNS: Final = ("destinatario", "documento", "file", "ora_certificata", "riferimento", "identificativo",
                   "message_id_ricevuta", "sha256")  # fmt: skip

# What keeps a recipient's pair from being complete; the first two forbid filing.
PROBLEMS: Final[Mapping[str, str]] = {
    "brief": N_("the delivery receipt is brief: law 53/1994 needs the complete one; notify again asking for it"),
    "synthetic": N_(
        "the delivery receipt is synthetic: law 53/1994 needs the complete one; notify again asking for it"
    ),
    "no-delivery": N_("there is no delivery receipt: this notification is not perfected for the addressee"),
    "no-acceptance": N_("there is no acceptance receipt"),
}
_TOO_MANY: Final = N_(
    "{court} takes at most {limit} files, not {found}; file for one recipient at a time (--recipient)"
)
_TOO_LARGE: Final = N_(
    "{court} takes at most {limit} bytes in all, not {found}; file for one recipient at a time (--recipient)"
)
_ONE_TOO_LARGE: Final = N_("{court} takes at most {limit} bytes in one file, not {found}")
_REBUILT: Final = "rebuilt-from-msg"  # a warning of pec.read
_REFUSALS: Final[Mapping[str, str]] = {
    "brief": N_(
        "{recipient}: the delivery receipt is brief; law 53/1994 needs the complete one, so nothing was written: "
        "notify again asking for the complete receipt"
    ),
    "synthetic": N_(
        "{recipient}: the delivery receipt is synthetic; law 53/1994 needs the complete one, so nothing was written: "
        "notify again asking for the complete receipt"
    ),
}
REFUSED: Final = frozenset(_REFUSALS)


@dataclass(frozen=True, slots=True)
class Court:
    """What one court takes; sizes in bytes, None for no limit."""

    name: str
    title: str
    source: str
    max_name: int
    names: str
    max_total: int | None = None
    max_file: int | None = None
    max_files: int | None = None
    formats: tuple[str, ...] = (".eml",)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is missing or not as the law wants it, for one recipient (see PROBLEMS)."""

    recipient: str
    kind: str


@dataclass(frozen=True, slots=True)
class Filing:
    """The flat folder: file names with their bytes, `ids.csv` among them, and what is missing."""

    court: Court
    files: Mapping[str, bytes]
    problems: tuple[Problem, ...]


@cache
def courts() -> Mapping[str, Court]:
    """The courts that are known, by their short names."""
    told = tomllib.loads((Path(__file__).parent / "courts.toml").read_text("utf-8"))
    return {name: Court(name, **{**facts, "formats": tuple(facts["formats"])}) for name, facts in told.items()}


@verb(Act.PROVE)
def filing(
    asker: Asker,
    house: House,
    name: str,
    court: str,
    *,
    recipient: str | None = None,
    as_of: int | datetime | None = None,
) -> Filing:
    """The folder for *court* (`pct`, `ptt`) of the message that *name* names. Only what counts as proof goes in.

    RuleError where a delivery receipt is not complete, a receipt is not at hand as it was received, or a limit of the
    court is passed; UsageError for an unknown court; and what `proof` raises. A missing delivery is a problem that is
    said, not an error.
    """
    wanted = courts().get(court)
    if wanted is None:
        raise UsageError(
            "{court} is no court known here; choose one of {courts}", court=court, courts=", ".join(courts())
        )
    sources, examined = gathered(asker, house, name, recipient=recipient, as_of=as_of, language="it")
    rows, problems = _rows(examined.report)
    refused = [problem for problem in problems if problem.kind in REFUSED]
    if refused:
        raise RuleError(_REFUSALS[refused[0].kind], recipient=refused[0].recipient)
    files = _files(house, sources, rows, wanted)
    _require_within(files, wanted)
    return Filing(wanted, files, tuple(problems))


@dataclass(frozen=True, slots=True)
class _Row:
    """One file to be: which recipients it is about, what it is, and its entry of the report."""

    recipient: str
    document: str
    entry: Mapping[str, Any]


def _rows(report: Mapping[str, Any]) -> tuple[list[_Row], list[Problem]]:
    rows: list[_Row] = []
    problems: list[Problem] = []
    proof = sorted(report["proof"], key=_is_rebuilt)  # stable: in the order of time, what was received as .eml first
    acceptances = [entry for entry in proof if entry["kind"] == "acceptance"]
    if not acceptances:
        problems += [Problem(journey["recipient"], "no-acceptance") for journey in report["journeys"]]
    for entry in acceptances[:1]:
        rows.append(_Row("", "accettazione", entry))
    for journey in report["journeys"]:
        address = journey["recipient"]
        own = [entry for entry in proof if _is_about(entry, address)]
        delivered = [entry for entry in own if entry["kind"] == "delivery"]
        complete = [entry for entry in delivered if entry["receipt_form"] == "completa"]
        if complete:
            rows.append(_Row(address, "consegna", complete[0]))
        elif delivered:
            problems.append(Problem(address, "brief" if delivered[0]["receipt_form"] == "breve" else "synthetic"))
        else:
            problems.append(Problem(address, "no-delivery"))
            rows += [_Row(address, "mancata-consegna", entry) for entry in own if entry["kind"] == "non-delivery"]
    return rows, problems


def _is_about(entry: Mapping[str, Any], address: str) -> bool:
    return entry["recipient"] is not None and address_key(entry["recipient"]) == address_key(address)


def _is_rebuilt(entry: Mapping[str, Any]) -> bool:
    return _REBUILT in entry["warnings"]


def _files(house: House, sources: Sources, rows: Sequence[_Row], court: Court) -> dict[str, bytes]:
    """The mails under the court's names, and the table of their identifiers."""
    files: dict[str, bytes] = {}
    listed: list[Sequence[object]] = []
    for number, row in enumerate(rows, 1):
        raw = sources.members[row.entry["member"]]
        suffix, content = _as_received(house, sources, row, court) if _is_rebuilt(row.entry) else (Suffix.MAIL, raw)
        name = _name(number, row, court) + suffix
        files[name] = content
        listed.append((row.recipient, row.document, name, row.entry["issued_at"], row.entry["reference"],
                       row.entry["identifier"], _message_id(raw), sha256_of(content)))  # fmt: skip
    if ORIGINAL in sources.members and not rows:
        files["01_messaggio_inviato.eml"] = sources.members[ORIGINAL]
    files[IDS] = to_csv(_COLUMNS, listed, separator=",")
    return files


def _as_received(house: House, sources: Sources, row: _Row, court: Court) -> tuple[Suffix, bytes]:
    """The .msg of which this receipt is the mail, not one attached to it. RuleError where there is none to file."""
    sha256 = row.entry["sha256"]
    converted = (line.facts for line in sources.lines().values() if line.act == LedgerAct.MAIL_CONVERTED)
    named = sorted({str(facts["outlook"]) for facts in converted if facts["mail"] == sha256})
    for content in (house.archive.get(one, Suffix.OUTLOOK) for one in named if Suffix.OUTLOOK in court.formats):
        if sha256_of(letters(content)[0].raw) == sha256:
            return Suffix.OUTLOOK, content
    raise RuleError(
        "the receipt {document} was rebuilt from an Outlook file, which cannot be filed in its place ({court} takes "
        "{formats}, as received); save the receipt as .eml from the webmail, import it, then file again",
        document=row.document,
        court=court.title,
        formats=", ".join(court.formats),
    )


def _name(number: int, row: _Row, court: Court) -> str:
    """`01_accettazione`, `02_consegna_anna-pec-example`: letters, digits, `-` and `_`, short enough with a suffix."""
    about = re.sub("[^A-Za-z0-9]+", "-", row.recipient).strip("-")
    stem = "_".join(part for part in (f"{number:02}", row.document, about) if part)
    name = stem[: court.max_name - len(Suffix.MAIL)]  # the others' length
    assert re.fullmatch(court.names, name)  # what was left of the address, a word and a number
    return name


def _message_id(raw: bytes) -> str | None:
    headers = headers_of(raw)
    return headers.message_id if headers else None


def _require_within(files: Mapping[str, bytes], court: Court) -> None:
    """The court's limits. RuleError with what is too much."""
    mails = {name: raw for name, raw in files.items() if name.endswith(court.formats)}
    largest = max(map(len, mails.values()), default=0)
    for template, found, limit in (
        (_TOO_MANY, len(mails), court.max_files),
        (_TOO_LARGE, sum(map(len, mails.values())), court.max_total),
        (_ONE_TOO_LARGE, largest, court.max_file),
    ):
        if limit is not None and found > limit:
            raise RuleError(template, court=court.title, found=found, limit=limit)
