"""What a user would lose by restarting for every change: the watch of all mailboxes, for the sake of one."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
import structlog
from sqlalchemy import select

from pec_tracker import anchors
from pec_tracker.app import App
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.main import run
from pec_tracker.daemon.keeper import Keeper
from pec_tracker.db.engine import reading
from pec_tracker.db.passing import Alert
from pec_tracker.db.tables import Attempt, Mailbox
from pec_tracker.errors import ConfigurationError
from pec_tracker.job_names import JobName
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service.rounds.job_rows import jobs
from pec_tracker.service.trust import anchors as trust
from tests.daemon.conftest import MAILBOX
from tests.factory import ca
from tests.line.houses import journeys, open_alerts, queued, states
from tests.plans import asked
from tests.sandbox.materials import SENDER
from tests.servers.programs import wait_until

OTHER = "segreteria@studio.sandbox.test"

Written = Callable[..., Path]
Served = Callable[[Path], "subprocess.Popen[bytes]"]
Opened = Callable[[Path], App]


def with_one_more(file: Path, sandbox: Sandbox) -> str:
    """The configuration with a second mailbox."""
    login = next(one.login for one in sandbox.settings.accounts if one.address == OTHER)
    return file.read_text() + MAILBOX.format(
        name="nuova", address=OTHER, login=login, smtp=sandbox.smtp_port, imap=sandbox.imap_port, ca=sandbox.ca_file
    )


def collected(app: App, name: str) -> bool:
    """Whether the mailbox was looked through."""
    with reading(app.house.engine) as connection:
        return connection.scalar(select(Mailbox.collected_at).where(Mailbox.name == name)) is not None


def test_a_mailbox_that_is_added_is_kept_watch_over_without_a_restart(
    written: Written, served: Served, opened: Opened, sandbox: Sandbox
) -> None:
    file = written(studio=(SENDER, None))
    app = opened(file)
    served(file)
    wait_until(lambda: collected(app, "studio"), seconds=20, what="the first mailbox is collected")
    file.write_text(with_one_more(file, sandbox))
    wait_until(lambda: collected(app, "nuova"), seconds=20, what="the new mailbox is collected")
    again = opened(file)
    queued(again.house, again.account("nuova"))
    wait_until(lambda: set(states(app.house).values()) == {"submitted"}, seconds=20, what="it is sent from")


def test_a_mailbox_that_is_renamed_under_a_running_watch_stays_the_same_one(
    written: Written, served: Served, opened: Opened
) -> None:
    file = written(studio=(SENDER, None))
    app = opened(file)
    served(file)
    wait_until(lambda: collected(app, "studio"), seconds=20, what="the mailbox is collected")
    assert run(["--config", str(file), "mailbox", "rename", "studio", "studio-rossi"]) == 0
    again = opened(file)
    queued(again.house, again.account("studio-rossi"))
    wait_until(lambda: set(states(app.house).values()) == {"submitted"}, seconds=20, what="it is sent from")
    with reading(app.house.engine) as connection:
        assert connection.scalars(select(Mailbox.name)).all() == ["studio-rossi"]


def test_a_configuration_that_cannot_be_used_is_told_of_and_changes_nothing(
    written: Written, served: Served, opened: Opened, sandbox: Sandbox
) -> None:
    file = written(studio=(SENDER, None))
    app = opened(file)
    served(file)
    wait_until(lambda: collected(app, "studio"), seconds=20, what="the mailbox is collected")
    good = file.read_text()
    file.write_text(good.replace("messages_per_minute = 600", "messages_per_minute = 'tanti'"))
    wait_until(lambda: "configuration-failed" in open_alerts(app.house), seconds=20, what="it is told of")
    with reading(app.house.engine) as connection:
        (facts,) = connection.scalars(select(Alert.facts).where(Alert.kind == "configuration-failed"))
    assert "messages_per_minute" in facts["reason"]
    queued(app.house, app.account("studio"))
    wait_until(lambda: set(states(app.house).values()) == {"submitted"}, seconds=20, what="the watch goes on as before")
    file.write_text(good)
    wait_until(lambda: "configuration-failed" not in open_alerts(app.house), seconds=20, what="it is well again")


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has no such signal")
def test_asked_to_read_its_configuration_again_it_does_not_end(
    written: Written, served: Served, opened: Opened, sandbox: Sandbox
) -> None:
    file = written(studio=(SENDER, None))
    app = opened(file)
    process = served(file)
    wait_until(lambda: collected(app, "studio"), seconds=20, what="the mailbox is collected")
    process.send_signal(signal.SIGHUP)
    log = file.parent / "serve.log"
    wait_until(lambda: "configuration.taken_over" in log.read_text(), seconds=20, what="it was read again")
    assert process.poll() is None


def test_a_password_or_a_place_that_moves_is_for_the_next_start(
    written: Written, opened: Opened, tmp_path: Path
) -> None:
    file = written(studio=(SENDER, None))
    app = opened(file)
    assert app.current() is app
    file.write_text(file.read_text().replace('data = "data"', 'data = "altrove"'))
    with pytest.raises(ConfigurationError, match="restart"):
        app.current()
    assert not (tmp_path / "altrove").exists()
    assert app.unchanged().current().house is app.house


def test_an_anchor_that_is_added_counts_at_once(written: Written, opened: Opened, tmp_path: Path) -> None:
    app = opened(written(studio=(SENDER, None)))
    root = ca.root({"country": "IT", "organization": "Nuova", "common_name": "Nuova Autorita"}, key="new-root")
    (tmp_path / "root.pem").write_bytes(root.pem)
    given = anchors.from_paths([tmp_path / "root.pem"])
    before = app.current()
    assert before is app
    assert app.house.trust.anchors is not None  # read as it is, before it changes
    trust.add(OPERATOR, app.house, given, reason="prova")
    after = app.current()
    assert root.der in {one.der for one in after.house.trust.anchors}
    assert root.der not in {one.der for one in app.house.trust.anchors}
    assert after.house.start is app.house.start
    assert after.current() is after


def test_the_pace_of_a_provider_keeps_a_mailbox_from_nothing_else(
    written: Written, served: Served, opened: Opened, sandbox: Sandbox
) -> None:
    """Three wait for their turns, which are a minute apart and more; meanwhile its receipts come in."""
    file = written(studio=(SENDER, None))
    text = file.read_text().replace("messages_per_minute = 600", "messages_per_minute = 0.0001")  # one in seven days
    file.write_text(text)
    app = opened(file)
    for number in range(3):
        queued(app.house, app.account("studio"), subject=f"Numero {number}")
    process = served(file)
    first_one = partial(journeys, app.house, subject="Numero 0")
    wait_until(lambda: set(first_one().values()) == {"delivered"}, seconds=20, what="the first is delivered")
    wait_until(lambda: len(sandbox.sent) >= 2, seconds=30, what="the second has its turn")
    with reading(app.house.engine) as connection:
        first, second = sorted(connection.scalars(select(Attempt.started_at)))[:2]
    assert second - first >= timedelta(days=6)
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0


def test_the_jobs_of_the_watch_are_listed_while_it_is_kept_and_after(
    written: Written, served: Served, opened: Opened, sandbox: Sandbox
) -> None:
    file = written(studio=(SENDER, None))
    command = [sys.executable, "-m", "pec_tracker", "--config", str(file), "jobs"]

    def said(*more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([*command, *more], capture_output=True, text=True, check=False)

    nobody = said()
    assert (nobody.returncode, "No watch was ever kept here" in nobody.stdout) == (0, True)
    app = opened(file)
    process = served(file)
    wait_until(lambda: collected(app, "studio"), seconds=20, what="the mailbox is collected")
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0
    after = said("--json")
    rows = {(row["mailbox"], row["job"]): row for row in map(json.loads, after.stdout.splitlines())}
    assert rows["studio", "collect"]["outcome"] == "done"
    assert not any(row["kept"] for row in rows.values())
    assert {job for _, job in rows} >= {"collect", "dispatch", "quota", "seal", "refresh"}
    assert after.returncode == 0
    assert "Nobody keeps the watch" in said().stdout
    assert "Nessuno tiene la sorveglianza" in said("--lang", "it").stdout


def test_kept_jobs_say_when_they_are_next_due(written: Written, opened: Opened) -> None:
    app = opened(written(studio=(SENDER, None)))
    keeper = Keeper(app, lambda: False)
    keeper.look()
    wait_until(lambda: keeper.at_work == 0, seconds=20, what="the first round is over")
    keeper.note()
    rows = {(row.mailbox, row.name): row for row in jobs(OPERATOR, app.house)}
    collect = rows["studio", JobName.COLLECT]
    assert collect.kept
    assert collect.ended_at is not None
    assert collect.next_at is not None
    assert collect.next_at > collect.ended_at
    assert rows["studio", JobName.DISPATCH].next_at is None
    with asked(app.house.engine) as noted:
        keeper.note()
    assert noted.writes == []
    assert keeper.end(5)


def test_a_mailbox_that_is_taken_out_is_watched_no_more(written: Written, opened: Opened, sandbox: Sandbox) -> None:
    file = written(studio=(SENDER, None))
    alone = file.read_text()
    file.write_text(with_one_more(file, sandbox))
    keeper = Keeper(opened(file), lambda: False)
    keeper.look()
    wait_until(lambda: keeper.at_work == 0, seconds=20, what="the first round is over")
    keeper.note()
    house = opened(file).house
    assert {row.mailbox for row in jobs(OPERATOR, house)} == {"studio", "nuova", None}
    file.write_text(alone)
    keeper.look(changed=True)
    wait_until(lambda: keeper.at_work == 0, seconds=20, what="what was begun is over")
    keeper.note()
    assert {row.mailbox for row in jobs(OPERATOR, house)} == {"studio", None}
    assert keeper.end(5)


def test_a_clock_that_is_set_back_stops_nothing(written: Written, opened: Opened) -> None:
    app = opened(written(studio=(SENDER, None)))
    ahead = replace(app.house.clock, origin=app.house.clock.origin + timedelta(days=3650))
    keeper = Keeper(replace(app, house=replace(app.house, clock=ahead)), lambda: False)
    keeper.look()
    wait_until(lambda: keeper.at_work == 0, seconds=20, what="a round by a clock that is ten years ahead")
    keeper._app = replace(app, house=replace(app.house, served=True))  # the same house once its clock is right
    keeper.look()
    wait_until(lambda: keeper.at_work == 0, seconds=20, what="a round by the right clock")
    keeper.note()
    ended = {row.name: row.ended_at for row in jobs(OPERATOR, app.house) if row.mailbox}
    collected_at = ended[JobName.COLLECT]
    assert collected_at is not None
    assert collected_at < app.house.clock.now() + timedelta(days=3000)
    assert keeper.end(5)


def test_a_job_that_begins_late_is_said_in_the_log(
    written: Written, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one word of the watchdog: it must not be an error of its own."""
    monkeypatch.setattr("pec_tracker.daemon.keeper.LATE", -1.0)
    keeper = Keeper(opened(written(studio=(SENDER, None))), lambda: False)
    with structlog.testing.capture_logs() as said:
        keeper.look()
        wait_until(lambda: keeper.at_work == 0, seconds=20, what="the first round is over")
    late = [one for one in said if one["event"] == "job.late"]
    assert {one["job"] for one in late if one["mailbox"] == "studio"} == {"collect"}
    assert all(one["log_level"] == "warning" for one in late)
    assert not [one for one in said if one["log_level"] in ("error", "critical")]
    assert keeper.end(5)


def test_whatever_goes_wrong_while_it_looks_the_watch_goes_on(
    written: Written, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = opened(written(studio=(SENDER, None)))
    keeper = Keeper(app, lambda: False)

    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("pec_tracker.daemon.keeper.next_to_send", broken)
    monkeypatch.setattr("pec_tracker.daemon.keeper.TURNS_EVERY", 0.0)
    with structlog.testing.capture_logs() as said:
        for _ in range(3):
            keeper.look()
    assert [one["event"] for one in said].count("watch.look_failed") == 1
    wait_until(lambda: keeper.at_work == 0, seconds=20, what="the first round is over")
    assert collected(app, "studio")
    assert keeper.end(5)
