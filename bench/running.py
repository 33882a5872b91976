"""How long does a command take, how much of the processors, and how much memory do it and its children hold?"""

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

SAMPLE_SECONDS = 0.1


class FailedError(Exception):
    """A command ended with a status that it should not, or cannot be run there; the text says what it said."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a whole process, start-up included.

    `cpu` is user and system time of the process and of all that it waited for. `peak` is the highest sum of PSS
    (shared pages counted once) in bytes: 0 where nobody looked, for looking costs the process time.
    """

    wall: float
    cpu: float
    peak: int
    said: str

    def __add__(self, other: "Run") -> "Run":
        """One after the other."""
        return Run(self.wall + other.wall, self.cpu + other.cpu, max(self.peak, other.peak), self.said + other.said)


def run(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    memory: bool = False,
    statuses: Sequence[int] = (0,),
) -> Run:
    """Run *command* to its end; FailedError with what it said where its status is none of *statuses*.

    A user's modules are compiled once, by the installation or by the first command: the warm-up round does that here,
    also where the developer's shell forbids it.
    """
    env = {name: value for name, value in env.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained:
        begun = time.perf_counter()
        process = subprocess.Popen(command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=said, stderr=complained)
        peak = _Peak(process.pid) if memory else None
        _pid, ended, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(ended)
        highest = 0 if peak is None else peak.stop()
        texts = []
        for stream in (said, complained):
            stream.seek(0)
            texts.append(stream.read().decode("utf-8", "replace"))
    if process.returncode not in statuses:
        words = [word for word in command if not word.startswith("-")]
        told = " ".join("".join(reversed(texts)).split())[-300:]
        raise FailedError(f"{' '.join(map(_short, words[-3:]))} ended with {process.returncode}: {told}")
    return Run(wall, used.ru_utime + used.ru_stime, highest, texts[0])


def _short(word: str) -> str:
    return Path(word).name if "/" in word else word


class _Peak:
    def __init__(self, pid: int) -> None:
        self._bytes = 0
        self._pid = pid
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        """The highest seen."""
        self._end.set()
        self._thread.join()
        return self._bytes

    def _sample(self) -> None:
        while not self._end.wait(SAMPLE_SECONDS):
            try:
                parent = psutil.Process(self._pid)
                family = [parent, *parent.children(recursive=True)]
            except psutil.Error:
                continue
            self._bytes = max(self._bytes, sum(map(_pss, family)))


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0
