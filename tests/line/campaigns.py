"""Campaigns of a house at the sandbox: a list in a file, a document for each row, checked and looked at."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from sqlalchemy import select

from pec_tracker.askers import OPERATOR
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Message, Recipient
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service.campaigns.campaigns import new_campaign, redefine
from pec_tracker.service.campaigns.check import CheckResult, check_campaign
from pec_tracker.service.campaigns.definition import Definition
from pec_tracker.service.campaigns.preview import preview
from pec_tracker.service.campaigns.run import run
from pec_tracker.service.campaigns.start import start
from pec_tracker.service.house import Account, House

NAME = "Assemblea 2026"
HEAD = "Interno;Nome e cognome;PEC;Codice fiscale"

Row = tuple[str, str, str]  # unit, name, address


def write_list(folder: Path, rows: Iterable[Row], *, name: str = "elenco.csv") -> Path:
    """A list of these rows, and a document for each unit that has none yet."""
    rows = list(rows)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text("\n".join([HEAD, *(";".join((*row, "")) for row in rows)]) + "\n", "utf-8")
    documents = folder / "documenti"
    documents.mkdir(exist_ok=True)
    for unit, _person, _address in rows:
        document = documents / f"estratto-{unit}.txt"
        if not document.exists():
            document.write_text(f"Estratto conto dell'interno {unit}.\n", "utf-8")
    return file


def definition(file: Path, **changes: object) -> Definition:
    """A letter to each with its own document."""
    said: dict[str, object] = {
        "subject": "Estratto, interno {interno}",
        "text": "Gentile {nome},\nin allegato l'estratto.",
        "list_file": str(file),
        "file_pattern": "estratto-{interno}.txt",
        "folder": str(file.parent / "documenti"),
    }
    return Definition.of_json({**Definition.of_json({"subject": "", "text": ""}).as_json(), **said, **changes})


def checked(house: House, account: Account, name: str = NAME) -> CheckResult:
    """Checked, and its letters looked at."""
    found = check_campaign(OPERATOR, house, account, name)
    if found.id is not None:
        preview(OPERATOR, house, account, name)
    return found


def begun(house: House, account: Account, file: Path, *, name: str = NAME, **changes: object) -> str:
    """Made, checked, looked at and started; its check."""
    new_campaign(OPERATOR, house, account, name, definition(file, **changes))
    found = checked(house, account, name)
    assert found.id is not None, found.problems
    start(OPERATOR, house, account, name, check=found.id)
    return found.id


def updated(house: House, account: Account, file: Path, *, name: str = NAME) -> CheckResult:
    """Given another list, checked, looked at and started."""
    redefine(OPERATOR, house, name, {"list_file": str(file)})
    found = checked(house, account, name)
    assert found.id is not None, found.problems
    start(OPERATOR, house, account, name, check=found.id)
    return found


def sent(house: House, account: Account) -> None:
    """All letters that can leave have left."""
    run(OPERATOR, house, account, wait=lambda _at: True, stop=lambda: False)


def arrived(sandbox: Sandbox) -> Counter[str]:
    """How many messages the provider took for each recipient."""
    return Counter(one for taken in sandbox.sent for one in taken.submission.rcpt_to)


def letters(house: House) -> Counter[str]:
    """How many messages the house has for each recipient."""
    columns = select(Recipient.address).join(Message, Message.id == Recipient.message_id)
    with reading(house.engine) as connection:
        return Counter(connection.scalars(columns))


def addresses(rows: Sequence[Row]) -> Counter[str]:
    """One for each row that has an address."""
    return Counter(address for _unit, _name, address in rows if address)
