"""The watch, as a real process: it sends, collects, samples, seals, and ends when it is told to."""

import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from sqlalchemy import func, select

from pec_tracker.app import App
from pec_tracker.db.engine import reading
from pec_tracker.db.passing import Alert, QuotaSample
from pec_tracker.db.tables import Ledger, Mail
from pec_tracker.sandbox.server import Sandbox
from tests.daemon.conftest import MAILBOX
from tests.line.houses import journeys, open_alerts, queued, states
from tests.sandbox.materials import SENDER
from tests.servers.faultproxy import FaultProxy, Faults
from tests.servers.programs import wait_until


def stopped(process: subprocess.Popen[bytes], *, by: signal.Signals = signal.SIGTERM) -> float:
    """How many seconds it took to end, with status 0."""
    began = time.monotonic()
    process.send_signal(by)
    assert process.wait(15) == 0
    return time.monotonic() - began


def count(app: App, column: object) -> int:
    with reading(app.house.engine) as connection:
        return connection.execute(select(func.count(column))).scalar_one()  # type: ignore[arg-type]


def delivered(app: App) -> bool:
    return set(journeys(app.house).values()) == {"delivered"}


def test_it_sends_collects_copies_samples_and_seals_until_told_to_end(
    written: Callable[..., Path], served: Callable[..., subprocess.Popen[bytes]], opened: Callable[..., App],
    sandbox: Sandbox,
) -> None:  # fmt: skip
    file = written(studio=(SENDER, None))
    app = opened(file)
    key = queued(app.house, app.account("studio")).key
    process = served(file)
    wait_until(lambda: delivered(app), seconds=20, what="the message is delivered")
    wait_until(lambda: count(app, QuotaSample.id) > 0, seconds=5, what="the space is sampled")
    wait_until(lambda: len(sandbox.mails(SENDER, "INBOX.Inviata")) == 1, seconds=10, what="the copy is in Sent")
    assert stopped(process) < 5
    assert states(app.house) == {key: "submitted"}
    assert len(sandbox.sent) == 1
    assert open_alerts(app.house) == []
    with reading(app.house.engine) as connection:
        unsealed = connection.scalars(select(Ledger.act).where(Ledger.seal_number.is_(None))).all()
    assert set(unsealed) <= {"message.copied"}  # sealed with the next collect, or within a minute


def test_it_ends_in_time_though_a_server_never_answers(
    written: Callable[..., Path], served: Callable[..., subprocess.Popen[bytes]], sandbox: Sandbox,
    fault_proxy: Callable[[int], FaultProxy],
) -> None:  # fmt: skip
    proxy = fault_proxy(sandbox.imap_port)
    proxy.faults = Faults(silent_down=0)
    process = served(written(studio=(SENDER, proxy.port)))
    wait_until(lambda: bool(proxy.connections), seconds=10, what="it hangs at the server")
    assert stopped(process) < 10


def test_two_of_them_at_one_mailbox_do_no_harm(
    written: Callable[..., Path], served: Callable[..., subprocess.Popen[bytes]], opened: Callable[..., App],
    sandbox: Sandbox,
) -> None:  # fmt: skip
    file = written(studio=(SENDER, None))
    app = opened(file)
    processes = [served(file), served(file)]
    for number in range(6):
        queued(app.house, app.account("studio"), subject=f"Numero {number}")
    wait_until(lambda: len(states(app.house)) == 6 and delivered(app), seconds=30, what="all are delivered")
    for process in processes:
        assert stopped(process) < 10
    assert len(sandbox.sent) == 6
    assert count(app, Mail.id) == len({*sandbox.mails(SENDER), *(sent.submission.raw for sent in sandbox.sent)})


def test_a_mailbox_in_trouble_stops_no_other_and_is_told_of(
    written: Callable[..., Path], served: Callable[..., subprocess.Popen[bytes]], opened: Callable[..., App],
    sandbox: Sandbox, fault_proxy: Callable[[int], FaultProxy],
) -> None:  # fmt: skip
    hangs, cut = fault_proxy(sandbox.imap_port), fault_proxy(sandbox.imap_port)
    hangs.faults, cut.faults = Faults(silent_down=0), Faults(cut_down=0)
    file = written(
        muta=("segreteria@studio.sandbox.test", hangs.port),
        rotta=("notifiche@altro.sandbox.test", cut.port),
        studio=(SENDER, None),
    )
    app = opened(file)
    served(file)
    queued(app.house, app.account("studio"))
    wait_until(lambda: bool(states(app.house)) and delivered(app), seconds=20, what="the good mailbox goes on")
    wait_until(lambda: "collect-failed" in open_alerts(app.house), seconds=10, what="the bad one is told of")
    with reading(app.house.engine) as connection:
        told = connection.execute(select(Alert.kind, Alert.mailbox_id).where(Alert.kind == "collect-failed")).all()
    assert told == [("collect-failed", app.account("rotta").id)]
    cut.faults = Faults()
    wait_until(lambda: "collect-failed" not in open_alerts(app.house), seconds=10, what="it is well again")


def test_killed_and_started_again_it_goes_on(
    written: Callable[..., Path], served: Callable[..., subprocess.Popen[bytes]], opened: Callable[..., App],
    sandbox: Sandbox,
) -> None:  # fmt: skip
    file = written(studio=(SENDER, None))
    app = opened(file)
    process = served(file)
    wait_until(lambda: count(app, QuotaSample.id) > 0, seconds=10, what="a round is over")
    process.kill()
    process.wait()
    queued(app.house, app.account("studio"))
    again = served(file)
    wait_until(lambda: delivered(app), seconds=20, what="what was queued meanwhile is delivered")
    assert stopped(again, by=signal.SIGINT) < 10
    assert len(sandbox.sent) == 1


def test_twenty_mailboxes_that_hang_hold_up_only_themselves(
    written: Callable[..., Path], served: Callable[..., subprocess.Popen[bytes]], opened: Callable[..., App],
    sandbox: Sandbox, fault_proxy: Callable[[int], FaultProxy],
) -> None:  # fmt: skip
    hangs = fault_proxy(sandbox.imap_port)
    hangs.faults = Faults(silent_down=0)
    file = written(studio=(SENDER, None))
    more = [
        MAILBOX.format(name=f"muta{number}", address=f"muta{number}@pec.test", login="x", smtp=sandbox.smtp_port,
                       imap=hangs.port, ca=sandbox.ca_file)
        for number in range(20)
    ]  # fmt: skip
    file.write_text(file.read_text() + "".join(more))
    app = opened(file)
    served(file)
    wait_until(lambda: len(hangs.connections) == 20, seconds=20, what="all the others hang")
    for number in range(1, 4):
        queued(app.house, app.account("studio"), subject=f"Numero {number}")
        wait_until(
            partial(is_through, app, number),
            seconds=20,
            what="the good one is sent from and collected at its interval",
        )


def is_through(app: App, count: int) -> bool:
    """So many messages left, and all are delivered."""
    return list(states(app.house).values()).count("submitted") == count and delivered(app)


def test_the_outbox_of_a_mailbox_does_not_wait_behind_its_own_long_collect(
    written: Callable[..., Path], served: Callable[..., subprocess.Popen[bytes]], opened: Callable[..., App],
    sandbox: Sandbox, fault_proxy: Callable[[int], FaultProxy],
) -> None:  # fmt: skip
    hangs = fault_proxy(sandbox.imap_port)
    hangs.faults = Faults(silent_down=0)
    file = written(studio=(SENDER, hangs.port))
    app = opened(file)
    served(file)
    wait_until(lambda: len(hangs.connections) > 0, seconds=20, what="its collect hangs")
    queued(app.house, app.account("studio"))
    wait_until(lambda: set(states(app.house).values()) == {"submitted"}, seconds=20, what="it is sent all the same")
