"""How long does a command take, and how much memory do it and its children hold at their peak?"""

import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

SAMPLE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Run:
    """One run: wall seconds, and the peak of the sum of PSS (shared pages counted once) in bytes."""

    seconds: float
    peak_bytes: int


def watched(command: Sequence[str], *, env: Mapping[str, str], log: Path) -> Run:
    """Run *command* to its end; RuntimeError with what it said where it fails."""
    with log.open("ab") as said:
        begun = time.perf_counter()
        process = subprocess.Popen(command, env=dict(env), stdout=said, stderr=said, stdin=subprocess.DEVNULL)
        peak = _Peak(process.pid)
        status = process.wait()
        seconds = time.perf_counter() - begun
    peak.stop()
    if status != 0:
        raise RuntimeError(f"{command[0]} ended with {status}: {log.read_text(errors='replace')[-2000:]}")
    return Run(seconds, peak.bytes)


class _Peak:
    def __init__(self, pid: int) -> None:
        self.bytes = 0
        self._pid = pid
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._end.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._end.wait(SAMPLE_SECONDS):
            try:
                parent = psutil.Process(self._pid)
                family = [parent, *parent.children(recursive=True)]
                self.bytes = max(self.bytes, sum(_pss(process) for process in family))
            except psutil.Error:
                continue


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0
