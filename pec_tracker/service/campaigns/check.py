"""`campaign check`: what would be sent, to whom, and what speaks against it? Every letter is composed, none is queued.

What is found is told in the user's own rows. A campaign with nothing that stops it gets an id, by which it is started.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import select, update

from pec_tracker.askers import Act, Asker
from pec_tracker.campaign_tokens import CampaignState, Channel
from pec_tracker.db.book import ColumnMapping
from pec_tracker.db.campaigns import Campaign
from pec_tracker.db.engine import in_one_transaction, reading
from pec_tracker.errors import UsageError
from pec_tracker.pec.compose import Attachment, Outgoing, compose
from pec_tracker.pec.evidence import address_key
from pec_tracker.pec.finding import Finding, Severity
from pec_tracker.pec.rules import check, check_draft
from pec_tracker.render.pdf_pages import first_text
from pec_tracker.service.campaigns.addressing import Addressed, addressed, merged, problem, without_unknown
from pec_tracker.service.campaigns.campaigns import Kept, campaign_named
from pec_tracker.service.campaigns.checked import ACCEPTABLE, Checked, Fault, File, Letter, Problem, Weight
from pec_tracker.service.campaigns.definition import Definition
from pec_tracker.service.campaigns.documents import find_documents, read_file
from pec_tracker.service.campaigns.letter import draft_of
from pec_tracker.service.campaigns.listed import WORKBOOK, ListedRow, rows_of_contacts, rows_of_table
from pec_tracker.service.campaigns.placeholders import filled, placeholders, require_known
from pec_tracker.service.campaigns.report import duration
from pec_tracker.service.campaigns.start import due_letters
from pec_tracker.service.campaigns.whose import documents_twice, naming_others
from pec_tracker.service.contacts.columns import Table, said_mapping, table_of
from pec_tracker.service.contacts.outcomes import outcomes
from pec_tracker.service.contacts.people import Wanted, list_contacts
from pec_tracker.service.contacts.sheets import ERROR, MAX_CELL, read
from pec_tracker.service.house import Account, House
from pec_tracker.service.mailboxes.agreement import missing
from pec_tracker.service.sending.known_before import free_bytes, known_before, receipts_bytes
from pec_tracker.service.verbs import verb

MANY: Final = 100_000  # contacts of a condominium
TRIAL_ID: Final = "a" * 26  # as long as a real one: the letter is composed to be looked at
AND: Final = " e "  # between what merged rows say

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Cost:
    """What it takes: letters by way, bytes that the mailbox gets, the time at the provider's pace, and the space free
    before and after; None where the server has not said."""

    letters: Mapping[Channel, int]
    skipped: int
    merged: int
    mailbox_bytes: int
    duration: timedelta
    free: int | None

    @property
    def free_after(self) -> int | None:
        """Bytes left once all receipts are there."""
        return None if self.free is None else self.free - self.mailbox_bytes


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found. `id` is None where something stops it; `table` are the user's own rows, of a file; `due` the
    letters that a start would send."""

    campaign: Kept
    checked: Checked
    problems: tuple[Problem, ...]
    cost: Cost
    id: str | None
    table: Table | None
    due: tuple[Letter, ...]

    @property
    def stops(self) -> int:
        """How many problems stop it."""
        return sum(one.weight is Weight.STOPS for one in self.problems)


@verb(Act.SEND)
def check_campaign(
    asker: Asker, house: House, account: Account, name: str, *, progress: Progress | None = None
) -> CheckResult:
    """Check a campaign as it stands now, and keep what was checked where nothing stops it.

    Raises NotFoundError, UsageError where its list or a folder cannot be read or a text asks for what no column says.
    """
    campaign = campaign_named(asker, house, name)
    definition = campaign.definition
    rows, table = _rows(asker, house, definition)
    ways, problems = _ways(asker, house, definition, rows)
    letters, more, sizes = _Writer(asker, house, account, campaign, ways, progress or _silent).write()
    shared = tuple(read_file(Path(one))[0] for one in definition.shared)
    checked = Checked(
        tuple(letters),
        shared,
        definition.receipt_form,
        definition.case,
        account.key,
        tuple(sorted(definition.accepted)),
    )
    with reading(house.engine) as connection:
        due = due_letters(connection, campaign.id, checked)
        free = free_bytes(connection, account)
    cost = _cost(account, checked, due, sizes, free)
    problems = [*problems, *more, *_of_the_whole(checked, cost, campaign)]
    if missing(asker, house, account):
        problems.append(Problem(Fault.NO_AGREEMENT, Weight.STOPS, facts={"said": account.name}))
    stops = any(one.weight is Weight.STOPS for one in problems)
    found = CheckResult(campaign, checked, tuple(problems), cost, None if stops else checked.id, table, tuple(due))
    _keep(house, campaign, found)
    return found


def _keep(house: House, campaign: Kept, found: CheckResult) -> None:
    """What was checked stands ready to be started; what cannot be started takes the place of what could."""
    ready = found.id is not None
    kept = {
        "checked": found.checked.as_json() if ready else None,
        "check_id": found.id,
        "checked_at": house.clock.now(),
    }
    same = Campaign.check_id == found.id if ready else Campaign.check_id.is_(None)

    def work(connection: object) -> None:
        one = update(Campaign).where(Campaign.id == campaign.id)
        connection.execute(one.where(~same).values(previewed=[]))  # type: ignore[attr-defined]
        connection.execute(one.values(kept))  # type: ignore[attr-defined]

    in_one_transaction(house.engine, work)


def _rows(asker: Asker, house: House, definition: Definition) -> tuple[list[ListedRow], Table | None]:
    if definition.condominium is not None:
        found = list_contacts(asker, house, Wanted(condominium=definition.condominium, limit=MANY)).contacts
        today = house.clock.now().date()
        return rows_of_contacts(found, definition.condominium, today), None
    assert definition.list_file is not None  # or `new` would have refused it
    try:
        content = Path(definition.list_file).read_bytes()
    except OSError as error:
        raise UsageError(
            "the list {file} cannot be read: {reason}; `campaign update` names another",
            file=definition.list_file,
            reason=error.strerror or str(error),
        ) from error
    with reading(house.engine) as connection:
        mappings = connection.execute(select(ColumnMapping.headers_key, ColumnMapping.fields))
        remembered = {row.headers_key: row.fields for row in mappings}
    table = table_of(read(content, sheet=definition.sheet), said_mapping(definition.columns), remembered)
    rows = rows_of_table(
        table,
        key_column=definition.key_column,
        channel_column=definition.channel_column,
        file_column=definition.file_column,
        workbook=content.startswith(WORKBOOK),
    )
    return rows, table


def _ways(
    asker: Asker, house: House, definition: Definition, rows: Sequence[ListedRow]
) -> tuple[list[Addressed], list[Problem]]:
    """The way that each row goes; what is wrong with keys and addresses."""
    problems = list(_same_keys(rows))
    ways = []
    for one, found in addressed(rows, definition):
        ways.append(one)
        problems += [found] if found is not None else []
    with reading(house.engine) as connection:
        told = outcomes(connection, asker, {address_key(one.address) for one in ways if one.address})
    known = list(without_unknown(ways, told, definition))
    problems += [found for _one, found in known if found is not None]
    ways, twice = merged([one for one, _found in known], merge=definition.merge)
    return ways, [*problems, *twice]


def _same_keys(rows: Sequence[ListedRow]) -> Iterator[Problem]:
    numbers: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        numbers[row.key].append(row.number)
    for row in rows:
        if len(numbers[row.key]) > 1:
            yield problem(Fault.SAME_KEY, row, rows=numbers[row.key])


def _of_the_whole(checked: Checked, cost: Cost, campaign: Kept) -> Iterator[Problem]:
    if not any(one.sends for one in checked.letters) and campaign.state is CampaignState.DRAFT:
        yield Problem(Fault.NO_ROWS, Weight.STOPS)
    if cost.free_after is not None and cost.free_after < 0:
        yield Problem(Fault.NO_SPACE, Weight.STOPS, facts={"needed": cost.mailbox_bytes, "free": cost.free})


def _cost(
    account: Account, checked: Checked, due: Sequence[Letter], sizes: Mapping[str, int], free: int | None
) -> Cost:
    counts = Counter(one.channel for one in due)
    letters = {channel: counts[channel] for channel in Channel if counts[channel]}
    sent = letters.get(Channel.PEC, 0)
    skipped = sum(one.skipped is not None for one in checked.letters)
    joined = sum(one.with_row is not None for one in checked.letters)
    size = sum(sizes.get(one.key, 0) for one in due)
    return Cost(letters, skipped, joined, size, duration(account, sent), free)


class _Writer:
    """Every letter of a campaign, written once to be looked at; only one is in memory at a time."""

    def __init__(
        self,
        asker: Asker,
        house: House,
        account: Account,
        campaign: Kept,
        ways: Sequence[Addressed],
        progress: Progress,
    ) -> None:
        self._asker, self._house, self._account, self._campaign = asker, house, account, campaign
        self._definition = campaign.definition
        self._ways = ways
        self._rows = [one.row for one in ways]
        self._progress = progress
        self._problems: list[Problem] = []
        self._files: dict[int, tuple[File, ...]] = {}
        self._texts: dict[str, str] = {}
        self._sizes: dict[str, int] = {}
        self._shared = [_attachment(Path(one)) for one in self._definition.shared]

    def write(self) -> tuple[list[Letter], list[Problem], Mapping[str, int]]:
        """The letters, what is wrong with them, and by their keys how many bytes the mailbox gets for each."""
        if self._rows:
            for text in (self._definition.subject, self._definition.text):
                require_known(text, self._rows[0].values)
        documents = find_documents(self._definition, self._rows)
        for at, fault, facts in documents.faults:
            if at is None or self._ways[at].skipped is None:
                self._tell(fault, None if at is None else self._rows[at], **facts)
        also: dict[int, list[int]] = defaultdict(list)
        for at, one in enumerate(self._ways):
            if one.first is not None:
                also[one.first].append(at)
        letters = []
        for at in range(len(self._ways)):
            letters.append(self._letter(at, also[at], documents.files))
            self._progress(at + 1, len(self._ways))
        self._hold_against_others()
        return letters, self._problems, self._sizes

    def _letter(self, at: int, also: Sequence[int], documents: Mapping[int, Sequence[Path]]) -> Letter:
        one, row = self._ways[at], self._rows[at]
        letter = Letter(
            row.key, row.number, row.name, row.unit, one.address, one.channel,
            tax_code=row.tax_code, postal=row.postal, skipped=one.skipped,
            with_row=None if one.first is None else self._rows[one.first].key,
        )  # fmt: skip
        if not letter.sends or one.channel is None:
            return letter
        values = self._values([at, *also])
        attachments = self._read([at, *also], documents)
        letter = replace(
            letter,
            subject=filled(self._definition.subject, values),
            text=filled(self._definition.text, values),
            files=tuple(dict.fromkeys(file for place in (at, *also) for file in self._files.get(place, ()))),
        )
        if one.channel is Channel.PEC:
            self._look(row, letter, attachments)
        return letter

    def _values(self, places: Sequence[int]) -> dict[str, str]:
        """What the row says; where it speaks for others too, what they say beside it."""
        first = self._rows[places[0]]
        values = {}
        for name in first.values:
            said = list(dict.fromkeys(filter(None, (self._rows[at].values.get(name, "") for at in places))))
            values[name] = AND.join(said)
        for name in placeholders(f"{self._definition.subject}\n{self._definition.text}"):
            if not values.get(name):
                self._tell(Fault.EMPTY_VALUE, first, said=name)
            elif ERROR in values[name] or len(values[name]) > MAX_CELL:
                self._tell(Fault.BAD_VALUE, first, said=name)
        return values

    def _read(self, places: Sequence[int], documents: Mapping[int, Sequence[Path]]) -> list[Attachment]:
        """The rows' own documents; what they are is noted."""
        attachments: dict[str, Attachment] = {}
        for at in places:
            files = []
            for path in documents.get(at, ()):
                try:
                    file, content = read_file(path)
                except OSError as error:
                    reason = error.strerror or type(error).__name__
                    self._tell(Fault.FILE_UNREADABLE, self._rows[at], file=path.name, reason=reason)
                    continue
                if file.sha256 not in self._texts:
                    self._texts[file.sha256] = first_text(content)
                if file.name.lower().endswith(".pdf") and not self._texts[file.sha256].strip():
                    self._tell(Fault.NOT_LOOKED_INTO, self._rows[at], file=file.name)
                files.append(file)
                attachments[str(path)] = Attachment(file.name, content)
            self._files[at] = tuple(files)
        return list(attachments.values())

    def _look(self, row: ListedRow, letter: Letter, attachments: Sequence[Attachment]) -> None:
        """The letter by the rules of PEC, and by what the house knows."""
        draft = draft_of(self._account, letter, [*self._shared, *attachments], self._definition.receipt_form)
        found: list[Finding] = check_draft(draft, account=self._account.address)
        if not any(one.severity is Severity.REFUSE for one in found):
            outgoing = compose(draft, tracker_id=TRIAL_ID, now=self._house.clock.now())
            found += check(outgoing, account=self._account.address, limits=self._account.limits)
            found += self._known(outgoing, letter)
            self._sizes[row.key] = receipts_bytes(len(outgoing.raw), 1, self._definition.receipt_form)
        for one in found:
            weight = Weight.STOPS if one.severity is Severity.REFUSE else Weight.ADVISES
            self._problems.append(Problem(Fault.RULE, weight, row.number, row.name, {"finding": one}))

    def _known(self, outgoing: Outgoing, letter: Letter) -> list[Finding]:
        """Of a campaign that was started these would be its own letters."""
        if self._campaign.state is not CampaignState.DRAFT:
            return []
        told = known_before(
            self._asker, self._house, self._account, outgoing,
            form=self._definition.receipt_form, subject=letter.subject, documents=[one.sha256 for one in letter.files],
        )  # fmt: skip
        return [one for one in told if one.rule != "receipts-lack-space"]  # counted for all together

    def _hold_against_others(self) -> None:
        for at, file, other in naming_others(self._rows, self._files, self._texts):
            self._tell(Fault.NAMES_ANOTHER, self._rows[at], file=file, other=other)
        for at, file, rows in documents_twice(self._rows, self._files):
            self._tell(Fault.DOCUMENT_TWICE, self._rows[at], file=file, rows=rows)

    def _tell(self, fault: Fault, row: ListedRow | None, **facts: object) -> None:
        found = problem(fault, row, **facts)
        if fault in ACCEPTABLE and fault in self._definition.accepted:
            found = replace(found, weight=Weight.ADVISES)
        self._problems.append(found)


def _attachment(path: Path) -> Attachment:
    """A document for all. UsageError where it cannot be read."""
    try:
        file, content = read_file(path)
    except OSError as error:
        raise UsageError(
            "{file} cannot be read: {reason}", file=str(path), reason=error.strerror or type(error).__name__
        ) from error
    return Attachment(file.name, content)


def _silent(_done: int, _all: int) -> None:
    """Progress that nobody watches."""
