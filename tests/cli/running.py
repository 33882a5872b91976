"""Runs the command line as users do, with a home, a language and a configuration of its own.

`Home` starts a process for each run; `HomeInside` runs in the test's own process, ten times as fast.
"""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pec_tracker.cli import main


@dataclass(frozen=True, slots=True)
class Home:
    """Where a run finds its files: nothing of the developer's own reaches it."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """The variables of a run, the developer's PEC_TRACKER ones taken out."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PEC_TRACKER", "LC_"))}
        own = {name: str(self.folder / name.lower()) for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")}
        repository = str(Path(__file__).parents[2])
        return {**kept, **own, "LANG": "C.UTF-8", "LANGUAGE": "", "PYTHONPATH": repository, **self.variables}

    def run(self, *arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
        """Run `pec-tracker` with `arguments` in this home; output is decoded as UTF-8."""
        ran = subprocess.run(
            [sys.executable, "-m", "pec_tracker", *map(str, arguments)],
            env=self.environment(),
            cwd=self.folder,
            input=stdin,
            capture_output=True,
            check=False,
            timeout=60,
        )
        return subprocess.CompletedProcess(
            ran.args, ran.returncode, stdout=ran.stdout.decode("utf-8"), stderr=ran.stderr.decode("utf-8")
        )


class HomeInside:
    """A home whose runs happen in this process: its variables and folder are the process's until the test ends."""

    def __init__(self, home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = home.folder
        self._capsys = capsys
        own = home.environment()
        for name in os.environ.keys() - own.keys():
            monkeypatch.delenv(name)
        for name, value in own.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(home.folder)

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run `pec-tracker` with `arguments`; there is no terminal and no standard input."""
        self._capsys.readouterr()
        status = main.run(list(map(str, arguments)))
        told = self._capsys.readouterr()
        return subprocess.CompletedProcess(arguments, status, stdout=told.out, stderr=told.err)
