"""A worker does not outlive who it works for, and no log call trips over structlog's own argument."""

import ast
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

PACKAGE = Path(__file__).parents[1] / "pec_tracker"

PARENT = """
import os, sys, time
from pec_tracker import workers

if __name__ == "__main__":
    pool = workers.pool(2)
    print(*{pool.submit(os.getpid).result() for _ in range(20)}, flush=True)
    print(*pool._processes, flush=True)
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is Unix's")
def test_the_workers_of_a_killed_process_end(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        workers = [psutil.Process(int(number)) for number in parent.stdout.readline().split()]
        assert workers
        parent.send_signal(signal.SIGKILL)
        parent.wait(10)
        gone, alive = psutil.wait_procs(workers, timeout=20)
    assert alive == []
    assert len(gone) == len(workers)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.skipif(sys.platform == "win32", reason="signals are Unix's")
def test_a_command_that_is_told_to_end_leaves_no_process_behind(tmp_path: Path, number: signal.Signals) -> None:
    mails = tmp_path / "mails"
    mails.mkdir()
    for count in range(3_000):
        (mails / f"{count}.eml").write_bytes(b"Subject: %d\r\n\r\n" % count + b"x\r\n" * 400)
    (tmp_path / "config.toml").write_text('data = "data"\nstate = "state"\n')
    command = [sys.executable, "-m", "pec_tracker", "--config", str(tmp_path / "config.toml"), "import", str(mails)]
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent), "PEC_ROSSI": "x"}
    mailbox = [
        "mailbox",
        "add",
        "studio",
        "--address",
        "a@pec.it",
        "--provider",
        "aruba",
        "--password-env",
        "PEC_ROSSI",
    ]
    subprocess.run([*command[:5], *mailbox], check=True, capture_output=True, env=environment)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as run:
        seen: list[psutil.Process] = []
        until = time.monotonic() + 30
        while not seen and time.monotonic() < until and run.poll() is None:
            seen = psutil.Process(run.pid).children(recursive=True)
            time.sleep(0.02)
        run.send_signal(number)
        _out, err = run.communicate(timeout=60)
        _gone, alive = psutil.wait_procs(seen, timeout=20)
    assert alive == []
    assert "Traceback" not in err
    assert run.returncode in (130, 0)  # 0: it was done by then


def test_no_log_call_names_an_argument_of_structlogs_own() -> None:
    """`event` is the message: given twice, the call that should warn raises instead."""
    found = []
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id in {"log", "_log"}
                and "event" in {keyword.arg for keyword in node.keywords}
            ):
                found.append(f"{file.name}:{node.lineno}")
    assert found == []
