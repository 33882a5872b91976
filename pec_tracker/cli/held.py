"""What does the provider's pace hold back? Told beside what waits, so that nobody takes it for a fault."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pec_tracker.answers import outbox as answers
from pec_tracker.askers import OPERATOR
from pec_tracker.pec.sending import WAITING

if TYPE_CHECKING:
    from pec_tracker.app import App
    from pec_tracker.service.sending.outbox import OutboxEntry


def held_lines(app: "App", entries: "Iterable[OutboxEntry]") -> Iterator[str]:
    """One line a mailbox whose oldest message could go by now, were it not for the pace."""
    from pec_tracker.service.sending.held import pace_turn

    due = {one.mailbox: one.next_attempt_at for one in reversed(list(entries)) if one.send_state in WAITING}
    now = app.house.clock.now()
    for name in sorted(due.keys() & app.config.mailboxes.keys()) if app.apart is None else ():
        account = app.account(name)
        turn = pace_turn(OPERATOR, app.house, account)
        if turn is not None and turn > (due[name] or now):
            yield answers.held_text(name, app.house.clock.real_seconds(turn - now), account.pace)
