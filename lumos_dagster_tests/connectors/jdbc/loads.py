"""A load in a process or thread of its own, that a test can watch, kill or hold up."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pyarrow as pa

from lumos_dagster.cancellation import Cancellation
from lumos_dagster.errors import LumosError
from lumos_dagster_tests.connectors.jdbc.conftest import Place

# Reads ids from standard input, one a line, and tells on standard output what became of them.
_SCRIPT = """
import sys
from datetime import UTC, datetime
from itertools import islice
import pyarrow as pa
from lumos_dagster.accounting import Book
from lumos_dagster.connectors.jdbc import JdbcLoader
from lumos_dagster.values import RunContext

url, storage, load_id = sys.argv[1:]
schema = pa.schema({"id": pa.int64()})

def rows():
    while lines := list(islice(sys.stdin, 1000)):
        yield pa.RecordBatch.from_pydict({"id": list(map(int, lines))}, schema=schema)

with Book(RunContext("job", "run", load_id, datetime.now(UTC), storage)).task("load") as task:
    loader = JdbcLoader.model_validate({"connection_string": url, "table_name": "t"})
    result = loader.write(pa.RecordBatchReader.from_batches(schema, rows()), task)
print(result.inserted, flush=True)
KILL
"""
_AND_DIE = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
_PATIENCE_SECONDS = 30.0


@contextmanager
def loading_process(place: Place, load_id: str = "load-1", dies: bool = False) -> Iterator["subprocess.Popen[str]"]:
    """A process that loads what is written to its standard input; with `dies` it is gone right after the commit."""
    script = _SCRIPT.replace("KILL", "").replace("print(", f"{_AND_DIE}\nprint(" if dies else "print(")
    command = [sys.executable, "-c", script, place.url, place.run.storage, load_id]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
    with subprocess.Popen(command, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def give(process: "subprocess.Popen[str]", *ids: int) -> None:
    """Write the next rows."""
    assert process.stdin
    process.stdin.write("".join(f"{number}\n" for number in ids))
    process.stdin.flush()


def end(process: "subprocess.Popen[str]") -> None:
    """There are no more rows."""
    assert process.stdin
    process.stdin.close()
    process.stdin = None


def wait_until(connection: "psycopg.Connection[Any]", condition: str) -> None:
    """Ask the server until the condition holds."""
    query = f"select pg_sleep(0.01) is not null, ({condition})"
    deadline = threading.Event()
    timer = threading.Timer(_PATIENCE_SECONDS, deadline.set)
    timer.start()
    try:
        while not connection.execute(query).fetchall()[0][1]:
            assert not deadline.is_set(), f"never came true: {condition}"
    finally:
        timer.cancel()


SOMEBODY_WAITS = "select count(*) > 0 from pg_locks where not granted"


class Background:
    """Work in a thread: its result or its error, and a way to cancel it."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.result: Any = None
        self.error: LumosError | None = None
        self._work = work
        self._started = time.monotonic()
        self._thread = threading.Thread(target=self._do)
        self._thread.start()

    def _do(self) -> None:
        try:
            self.result = self._work()
        except LumosError as error:
            self.error = error

    def seconds(self) -> float:
        """How long it has been at it."""
        return time.monotonic() - self._started

    def join(self) -> "Background":
        """Wait for the end."""
        self._thread.join(_PATIENCE_SECONDS)
        assert not self._thread.is_alive(), "it does not end"
        return self


def load_in_background(
    place: Place, rows: pa.RecordBatchReader | pa.Table, cancellation: Cancellation | None = None, **options: Any
) -> Background:
    """A load in a thread."""
    book = place.book(options.pop("load_id", "load-1"))
    book.cancellation = cancellation or Cancellation()
    loader = place.loader(**options)
    reader = rows.to_reader() if isinstance(rows, pa.Table) else rows

    def work() -> Any:
        with book.task("load") as task:
            return loader.write(reader, task)

    return Background(work)
