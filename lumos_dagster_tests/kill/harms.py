"""Harms from outside the load: its line cut, its server started anew, its disk full, two at once, killed by the clock."""

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dagster as dg

from lumos_dagster.orchestration.processes import PROCESS, WORKER, is_dead
from lumos_dagster_tests.connectors.jdbc.proxy import CuttingProxy
from lumos_dagster_tests.kill.cell import Bench, Outcome, judged, wrong
from lumos_dagster_tests.kill.matrix import Execution, Line
from lumos_dagster_tests.kill.targets import Target

LARGEST_FILE = 1_000_000
"""More than Dagster's own files take, less than the rows."""
ROOM = 1 << 20
NO_ROOM = ("No space left on device", "is full", "File too large", "disk I/O error")
PATIENCE = 60.0
_COMMIT: Mapping[str, bytes] = {"postgresql": b"COMMIT\0", "mariadb": b"\x03COMMIT"}
_COMMAND = {"insert": "insert", "update": "update", "upsert": "update", "replace": "renameCollection"}
"""Of MongoDB, by mode: the one after whose last coming the target is new."""
_NEVER = 1 << 60
_RETRIED = {"dependencies": {"load": ["read"]}, "max_retries": 1, "retry_delay_seconds": 0}


@dataclass(frozen=True)
class Load:
    """A load of the matrix at a bench: what a harm is done to."""

    bench: Bench
    line: Line
    execution: Execution
    target: Target

    def prepare(self, **more: Any) -> None:
        """As before the first run of it."""
        self.bench.prepare(self.line, self.execution, self.target, **more)

    def outcome(self, harm: str, *problems: str) -> Outcome:
        """Look, resume and compare; `problems` are those that were there before."""
        found = judged(self.bench, self.line, self.execution, self.target, harm)
        if "Traceback" in self.bench.log.read_text():
            problems = (*problems, f"a stack trace was shown: {self.bench.told()}")
        return replace(found, problem="; ".join(filter(None, [*problems, found.problem])))


@dataclass(frozen=True)
class Cut:
    """Where a line is cut: at so many bytes or at a word, when it comes for the `turn`-th time."""

    word: bytes | int
    arrives: bool
    turn: int = 1
    retried: bool = False

    def __str__(self) -> str:
        where = f"after {self.word} bytes" if isinstance(self.word, int) else f"at {self.word!r} {self.turn}"
        return f"line cut {where}, {'answer lost' if self.arrives else 'not arrived'}{', retried' * self.retried}"


def deciding(line: Line) -> bytes:
    """What a client sends last, with which the target becomes another."""
    return _COMMIT.get(line.target) or f"\x02{_COMMAND[line.merge]}\0".encode()


def through_proxy(load: Load, port: int) -> tuple[int, int]:
    """How many bytes a run that nobody harms sends to the server at the port, and how often the deciding word."""
    with CuttingProxy(port, deciding(load.line), arrives=False, turn=_NEVER) as proxy:
        _behind(load, proxy).prepare()
        code = load.bench.warm.run(load.bench.order())
        assert code == 0, load.bench.told()
        return proxy.sent, proxy.seen


def cut(load: Load, port: int, where: Cut) -> Outcome:
    """Cut the line to the server once: a retry, or the resume, brings the rows."""
    with CuttingProxy(port, where.word, where.arrives, where.turn) as proxy:
        behind = _behind(load, proxy)
        behind.prepare(**({"dag": _RETRIED} if where.retried else {}))
        code = load.bench.warm.run(load.bench.order())
        problems = [] if proxy.cut else ["the line was never cut"]
        if where.retried and code:
            problems.append(f"it was not retried, but ended with {code}: {load.bench.told()}")
        return behind.outcome(str(where), *problems)


def _behind(load: Load, proxy: CuttingProxy) -> Load:
    return replace(load, target=replace(load.target, port=proxy.port))  # type: ignore[type-var]


def restart(load: Load, crash: Callable[[], None], point: str) -> Outcome:
    """The server crashes and comes back (`crash`) while the load stands at a step."""
    pid, harm = _stopped(load, point)
    try:
        crash()
    finally:
        _go_on(load, pid)
    return load.outcome(f"server restarted {harm}")


def fence(load: Load, point: str, drop: bool) -> Outcome:
    """Another process ends the load while the first one stands at a step; then the first goes on, and must not commit.

    The first is taken for dead, as one on another machine of the same name is. What it has locked is free when the
    server drops its connection (`drop`), as it does when the machine is gone.
    """
    pid, harm = _stopped(load, point)
    try:
        _seems_dead(load)
        if drop:
            load.target.disconnect()
        outcome = load.outcome(f"overtaken {harm}, its connection {'dropped' if drop else 'kept'}")
    finally:
        code = _go_on(load, pid)
    problems = [outcome.problem, *wrong(load.line, load.target)]
    if not code and outcome.between != "new":  # else it had, before it stood still
        problems.append("the first process says that it has loaded")
    return replace(outcome, problem="; ".join(filter(None, problems)))


def full_file(load: Load) -> Outcome:
    """No file may grow beyond a limit (RLIMIT_FSIZE), which needs no rights; the resume has room."""
    load.prepare()
    code = load.bench.warm.run(load.bench.order(largest_file=LARGEST_FILE))
    return load.outcome(f"no file over {LARGEST_FILE} bytes", *_told_of_room(load, code))


def full_disk(load: Load, folder: Path, revive: Callable[[], bool]) -> Outcome:
    """The disk of the server, mounted at the folder, has little room, then more again.

    `revive` starts the server anew where that has been the end of it, and says so: it could not say why, then.
    """
    load.prepare()
    ballast = folder / "ballast"
    with ballast.open("wb") as file, suppress(OSError):
        while True:
            file.write(bytes(1 << 16))
            file.flush()
    os.truncate(ballast, ballast.stat().st_size - ROOM)
    try:
        code = load.bench.warm.run(load.bench.order())
    finally:
        ballast.unlink()
    harm = f"{ROOM} bytes left on the server's disk"
    if revive():
        return load.outcome(f"{harm}, which ended the server", *(() if code else ("the run ended well",)))
    return load.outcome(harm, *_told_of_room(load, code))


def kill_by_clock(load: Load, seconds: float) -> Outcome:
    """Killed from outside so many seconds after its first step, wherever it is by then: before it, there is no run."""
    load.prepare()
    pid = load.bench.warm.begin(load.bench.order())
    deadline = time.monotonic() + PATIENCE
    while not load.bench.trace.exists():
        assert time.monotonic() < deadline, f"the load does not begin: {load.bench.told()}"
        threading.Event().wait(0.005)
    timer = threading.Timer(
        seconds, os.kill, (pid, signal.SIGKILL)
    )  # not waited for until then, so never another's pid
    timer.start()
    timer.join()
    load.bench.warm.until_ended(pid)
    return load.outcome(f"killed after {seconds:.2f} s {load.bench.steps()[-1]}")


def kill_one_of_two(load: Load, point: str, deed: str) -> Outcome:
    """With an executor that starts a process for each op: the op's, or the run's (`kill the run`), dies at a step."""
    load.prepare(executor="multiprocess")
    code = load.bench.warm.run(load.bench.order(point=point, deed=deed))
    who = "the run's process" if deed == "kill the run" else "the op's process"
    problems = [] if code else ["the run ended well"]
    deadline = time.monotonic() + PATIENCE
    orphans = _workers(load)
    while any(is_dead(orphan) is False for orphan in orphans):
        assert time.monotonic() < deadline, "the op's process does not end"
        threading.Event().wait(0.05)
    return load.outcome(f"{who} killed {point}", *problems)


def _stopped(load: Load, point: str) -> tuple[int, str]:
    """Begin the load, which stops itself at the step; gives the process, and where that is."""
    load.prepare()
    pid = load.bench.warm.begin(load.bench.order(point=point, deed="stop"))
    ended = load.bench.warm.until_stopped(pid)
    steps = load.bench.steps()
    assert ended is None, (
        f"it never came to step {point} of {load.line.name}, but ended with {ended}: {load.bench.told()}"
    )
    return pid, f"{steps[-1]} (step {len(steps)})"


def _go_on(load: Load, pid: int) -> int:
    os.kill(pid, signal.SIGCONT)
    return load.bench.warm.until_ended(pid)


def _seems_dead(load: Load) -> None:
    with _instance(load) as instance:
        (run,) = instance.get_runs(limit=1)
        instance.add_run_tags(run.run_id, {PROCESS: run.tags[PROCESS].rpartition(":")[0] + ":0"})


def _workers(load: Load) -> list[str]:
    with _instance(load) as instance:
        (run,) = instance.get_runs(limit=1)
        return [process for name, process in run.tags.items() if name.startswith(WORKER)]


def _instance(load: Load) -> dg.DagsterInstance:
    return dg.DagsterInstance.from_config(str(load.bench.folder / "home"))


def _told_of_room(load: Load, code: int) -> list[str]:
    if not code:
        return ["the run ended well"]
    if not any(word in load.bench.log.read_text() for word in NO_ROOM):
        return [f"it does not say that there is no room: {load.bench.told()}"]
    return []
