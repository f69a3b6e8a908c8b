"""Harms other than a kill at a step: a cut line, a server that crashes, a full disk, a kill at any moment."""

import os
import random
import signal
import threading
from contextlib import suppress
from dataclasses import replace
from typing import Any

from lumos_dagster_tests.connectors.jdbc.proxy import CuttingProxy
from lumos_dagster_tests.kill.cell import KILLED, Bench, Outcome, judged
from lumos_dagster_tests.kill.matrix import Execution, Line
from lumos_dagster_tests.kill.servers import Servers
from lumos_dagster_tests.kill.targets import Target

FAILED = 1
LARGEST_FILE = 700_000
"""Bytes to a file on the full disk: more than Dagster needs for itself, less than the rows take."""

COMMIT = {"postgresql": b"COMMIT", "mariadb": b"\x03COMMIT"}
"""What is sent to commit."""


def cut_line(bench: Bench, line: Line, execution: Execution, target: Any, port: int, at: bytes | int) -> Outcome:
    """Cut the connection at a message or after so many bytes; the run fails, and the resume goes the same way."""
    arrives = isinstance(at, bytes) and execution == "staged"
    with CuttingProxy(port, at, arrives) as proxy:
        there = replace(target, port=proxy.port)
        bench.prepare(line, execution, there)
        code = bench.warm.run(bench.order())
        where = (
            f"after {at:,} bytes" if isinstance(at, int) else f"at a commit that {'arrives' if arrives else 'is lost'}"
        )
        harm = f"line cut {where}"
        if not proxy.cut:
            return Outcome(line, execution, harm, "?", f"it was never cut; the run ended with {code}")
        return _judged_after(bench, line, execution, there, harm, code)


def bytes_of_a_clean_run(bench: Bench, line: Line, execution: Execution, target: Any, port: int) -> int:
    """How much the clients send to the server."""
    with CuttingProxy(port, b"never sent \x00\x01", arrives=True) as proxy:
        bench.prepare(line, execution, replace(target, port=proxy.port))
        assert bench.warm.run(bench.order()) == 0, bench.told()
        return proxy.sent


def crash_server(
    bench: Bench, line: Line, execution: Execution, target: Target, servers: Servers, point: int
) -> Outcome:
    """Stop the load at a step, crash the server and start it again, then let the load go on and see."""
    bench.prepare(line, execution, target)
    process = bench.warm.begin(bench.order(point=str(point), deed="stop"))
    code = bench.warm.until_stopped(process)
    harm = f"server crashed {bench.steps()[-1]}"
    if code is not None:
        return Outcome(line, execution, harm, "?", f"it never came to step {point}, but ended with {code}")
    servers.restart(line.target)
    os.kill(process, signal.SIGCONT)
    return _judged_after(bench, line, execution, target, harm, bench.warm.until_ended(process))


def fill_disk(bench: Bench, line: Line, execution: Execution, target: Target) -> Outcome:
    """No file may grow beyond a limit; the run says so, and the resume has room again."""
    bench.prepare(line, execution, target)
    code = bench.warm.run(bench.order(largest_file=LARGEST_FILE))
    outcome = _judged_after(bench, line, execution, target, "disk full", code)
    return outcome if code else replace(outcome, problem="the run did not notice that the disk was full")


def kill_at_a_moment(
    bench: Bench, line: Line, execution: Execution, target: Target, chance: random.Random, seconds: float
) -> Outcome:
    """Kill it from outside within so many seconds."""
    bench.prepare(line, execution, target)
    moment = chance.uniform(0.02, seconds)
    process = bench.warm.begin(bench.order())
    timer = threading.Timer(moment, lambda: _kill(process))
    timer.start()
    code = bench.warm.until_ended(process)
    timer.cancel()
    timer.join()
    harm = f"killed after {moment:.2f} s"
    if code == KILLED:
        return judged(bench, line, execution, target, harm)
    return _judged_after(bench, line, execution, target, harm, code)


def _kill(process: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def _judged_after(bench: Bench, line: Line, execution: Execution, target: Target, harm: str, code: int) -> Outcome:
    """A run that came through has nothing to resume; one that failed says why in a line, and is resumed."""
    if code == 0:
        return judged(bench, line, execution, target, f"{harm}, and came through", resumes=False)
    if code != FAILED or "Traceback" in bench.told():
        return Outcome(line, execution, harm, "?", f"the run ended with {code}: {bench.told()}")
    return judged(bench, line, execution, target, harm)
