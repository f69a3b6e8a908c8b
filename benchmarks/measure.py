"""What a command takes as a whole process: wall time, CPU time of all that it starts, peak memory of them together."""

import os
import statistics
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psutil

_LOOKS = 10
"""At memory, to one at who belongs to the process."""


@dataclass(frozen=True)
class Taken:
    """Seconds of wall and CPU time, and MiB at the peak."""

    wall: float
    cpu: float
    peak: float


class FailedError(Exception):
    """The command did not end well; the text is the end of what it said."""


def run(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Taken:
    """Run a command to its end. Raises FailedError.

    One that leaves a file ops.seconds has timed its own work, and that is what it took.
    Python programs keep their compiled modules, as they do where nobody forbids it.
    """
    around = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with (folder / "command.log").open("w+b") as log:
        begun = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env={**around, **environment}, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        peak = _Peak(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        mebibytes = peak.stop()
        if process.returncode:
            log.seek(0)
            raise FailedError(log.read().decode(errors="replace")[-2000:])
    told = folder / "ops.seconds"
    if told.exists():
        wall, cpu = map(float, told.read_text().split())
        told.unlink()
        return Taken(wall, cpu, mebibytes)
    return Taken(wall, usage.ru_utime + usage.ru_stime, mebibytes)


def median(runs: Sequence[Taken]) -> Taken:
    """The median of each figure by itself."""
    return Taken(*(statistics.median(getattr(run, name) for run in runs) for name in ("wall", "cpu", "peak")))


def cells(runs: Sequence[Taken]) -> str:
    """The cells of a table: wall time with its spread, CPU time, peak memory."""
    found, walls = median(runs), [run.wall for run in runs]
    return f"{found.wall:.2f} ({min(walls):.2f} to {max(walls):.2f}) | {found.cpu:.2f} | {found.peak:.0f}"


class _Peak:
    """Looks at the resident memory of a process and its children now and then."""

    def __init__(self, pid: int) -> None:
        self._stop, self._most = threading.Event(), 0
        self._thread = threading.Thread(target=self._watch, args=(pid,), daemon=True)
        self._thread.start()

    def stop(self) -> float:
        """End the watch; MiB."""
        self._stop.set()
        self._thread.join()
        return self._most / 2**20

    def _watch(self, pid: int) -> None:
        family: list[psutil.Process] = []
        looks = count()
        while not self._stop.wait(0.02):
            with suppress(psutil.Error):
                # Not each time: to look for children among all processes takes a good part of a core, which is then
                # missing to those that use more than one.
                if next(looks) % _LOOKS == 0:
                    process = psutil.Process(pid)
                    family = [process, *process.children(recursive=True)]
                self._most = max(self._most, sum(member.memory_info().rss for member in family))
