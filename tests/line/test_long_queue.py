"""What a user would lose with thousands of messages waiting: the pace at which they leave."""

from pec_tracker.askers import OPERATOR
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service.collecting.collect import collect
from pec_tracker.service.house import Account, House
from pec_tracker.service.sending.dispatch import dispatch
from tests.line.houses import queued
from tests.plans import asked, plans


def test_the_next_message_is_asked_for_once_and_nothing_is_sorted(
    house: House, account: Account, sandbox: Sandbox
) -> None:
    collect(OPERATOR, house, account)
    for _ in range(3):
        queued(house, account)
    collect(OPERATOR, house, account)
    with asked(house.engine) as noted:
        assert len(dispatch(OPERATOR, house, account)) == 3
    asking = [(text, steps) for text, steps in plans(house.engine, noted) if "mailbox.paused_until" in text]
    assert len(asking) == 2 * (3 + 1)  # a statement for each of two states, and once that nothing is left
    for _, steps in asking:
        assert any("ix_message_turn (mailbox_id=? AND send_state=?" in step for step in steps), steps
        assert not any("TEMP B-TREE" in step for step in steps)
