"""What a user would lose: his years of mail, at the upgrade from the first release."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, select

from pec_tracker.askers import OPERATOR
from pec_tracker.db.engine import _migrations, reading
from pec_tracker.db.tables import Evidence
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service.collecting.collect import collect
from pec_tracker.service.intake.recheck import recheck
from pec_tracker.service.queries.find import Query, find
from pec_tracker.service.sending.dispatch import dispatch
from pec_tracker.service.upkeep.check import check
from tests.line.dump import differing, dump
from tests.line.houses import Home, account_at, journeys, queued
from tests.line.story import tell

# What the first release did not know: it is read again by `rebuild`, as the changelog says.
YOUNGER = frozenset(
    {
        "evidence.signer", "evidence.faults", "evidence.arrived_at", "evidence.limits", "mailbox.issuers",
        "message.copy_kind", "message.problem", "message.again", "attempt.problem", "mailbox.suspended_problem",
        "archive.identity", "archive.marked", "sent_copy.in_sent",
    }
)  # fmt: skip


def as_the_first_release_left_it(engine: Engine) -> None:
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(_migrations()))
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
    engine.dispose()


def test_a_database_of_the_first_release_is_taken_over_with_all_that_is_in_it(
    home_on_either: Home, sandbox: Sandbox, tmp_path: Path
) -> None:
    home = home_on_either
    house = home.open()
    tell(house, sandbox, tmp_path / "import")
    waits = queued(house, account_at(house, sandbox), subject="Attende")
    before = dump(house.engine, leave_out=YOUNGER)
    as_the_first_release_left_it(house.engine)
    house = home.open()
    assert differing(dump(house.engine, leave_out=YOUNGER), before) == {}
    assert check(OPERATOR, house.engine, house.archive).findings == ()
    account = account_at(house, sandbox)
    collect(OPERATOR, house, account)
    assert [one.key for one in dispatch(OPERATOR, house, account)] == [waits.key]
    sandbox.wait_until_quiet()
    collect(OPERATOR, house, account)
    assert journeys(house, subject="Attende") == {"consegnata@pec.test": "delivered"}
    assert find(OPERATOR, house, Query()).total > 1
    recheck(OPERATOR, house)
    with reading(house.engine) as connection:
        assert connection.scalars(select(Evidence.counts)).all().count(True) > 0
