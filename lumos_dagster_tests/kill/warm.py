"""A process that has loaded everything, and forks one child for each run: a run begins in milliseconds.

Orders come as lines of JSON on its standard input, answers go as lines on its standard output.
"""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Order:
    """One run: where, the command's arguments, the environment beside ours, and how large a file may grow."""

    folder: str
    arguments: Sequence[str]
    log: str
    environment: Mapping[str, str] = field(default_factory=dict)
    armed: bool = True
    largest_file: int | None = None


class Warm:
    """The process, from the side of the tests. For one thread."""

    def __enter__(self) -> Self:
        # No threads of numerical libraries, which would not survive the fork.
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
        environment["PYTHONPATH"] = str(Path(__file__).parents[2])
        self._process = subprocess.Popen(
            [sys.executable, "-m", __spec__.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=environment,
        )  # fmt: skip
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def begin(self, order: Order) -> int:
        """Start a run; gives the process."""
        return int(self._ask({"order": asdict(order)}))

    def until_ended(self, pid: int) -> int:
        """Wait for it; gives the exit code, or the signal that ended it as a negative number."""
        return int(self._ask({"end": pid}))

    def until_stopped(self, pid: int) -> int | None:
        """Wait until it has stopped itself: None. Gives the exit code where it ended instead."""
        answer: int | None = self._ask({"stop": pid})
        return answer

    def run(self, order: Order) -> int:
        """Both."""
        return self.until_ended(self.begin(order))

    def _ask(self, what: Mapping[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(what), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        assert answer, f"the warm process ended: {self._process.poll()}"
        return json.loads(answer)


def _serve() -> None:
    import psycopg  # noqa: F401
    import pymysql  # noqa: F401
    import sqlalchemy.dialects.postgresql.psycopg
    import sqlalchemy.dialects.sqlite.pysqlite  # noqa: F401

    import lumos_dagster.cli
    import lumos_dagster.orchestration.preload  # noqa: F401
    from lumos_dagster_tests.kill.steps import WRAPPED

    for module, *_ in WRAPPED:
        import_module(module)
    for line in sys.stdin:
        asked = json.loads(line)
        if "order" in asked:
            answer: Any = _forked(Order(**asked["order"]))
        else:
            stops = "stop" in asked
            _, status = os.waitpid(asked["stop" if stops else "end"], os.WUNTRACED if stops else 0)
            answer = None if os.WIFSTOPPED(status) else os.waitstatus_to_exitcode(status)
        print(json.dumps(answer), flush=True)


def _forked(order: Order) -> int:
    pid = os.fork()
    if not pid:
        sys.exit(_run(order))
    return pid


def _run(order: Order) -> int:
    log = os.open(order.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for old, new in ((0, nothing), (1, log), (2, log)):
        os.dup2(new, old)
    os.chdir(order.folder)
    os.environ.update(order.environment)
    if order.largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (order.largest_file, order.largest_file))
    from lumos_dagster.cli import main
    from lumos_dagster_tests.kill.child import run_armed

    try:
        run_armed(order.arguments) if order.armed else main(list(order.arguments))
    except SystemExit as error:
        return int(error.code or 0)
    return 0


if __name__ == "__main__":
    _serve()
