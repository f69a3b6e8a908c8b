"""Harms from outside the load: its line cut, its server started anew, its disk full, two at once, killed by the clock."""

import os
import random
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lumos_dagster_tests.connectors.jdbc.proxy import CuttingProxy
from lumos_dagster_tests.kill.cell import Bench, Outcome, judged
from lumos_dagster_tests.kill.matrix import Execution, Line
from lumos_dagster_tests.kill.servers import Servers
from lumos_dagster_tests.kill.targets import Target

DECIDES: Mapping[str, bytes] = {"postgresql": b"COMMIT", "mariadb": b"\x03COMMIT", "mongodb": b"\x00lsid\x00"}
"""What a client sends with which the target becomes another: the commit, or any command of a MongoDB session."""
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


def through_proxy(load: Load, port: int) -> tuple[int, int]:
    """How many bytes a run that nobody harms sends to the server at the port, and how often the deciding word."""
    word = DECIDES[load.line.target]
    with CuttingProxy(port, word, arrives=False, turn=_NEVER) as proxy:
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


def restart(load: Load, servers: Servers, point: str) -> Outcome:
    """The server crashes and comes back while the load stands at a step."""
    load.prepare()
    pid = load.bench.warm.begin(load.bench.order(point=point, deed="stop"))
    ended = load.bench.warm.until_stopped(pid)
    harm = f"server restarted {load.bench.steps()[-1]} (step {len(load.bench.steps())})"
    if ended is not None:
        return Outcome(load.line, load.execution, harm, "?", f"it never came to {point}: {load.bench.told()}")
    try:
        servers.restart(load.line.target)
    finally:
        os.kill(pid, signal.SIGCONT)
        load.bench.warm.until_ended(pid)
    return load.outcome(harm)
