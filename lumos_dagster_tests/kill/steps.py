"""Inside the process that is to die: functions of the product wrapped from outside, each call a step before and after.

The steps of all processes of a run are lines of one file. At the chosen one the process kills itself or the
process that coordinates the run, or stops until it is told to go on.
"""

import importlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import pyarrow as pa

from lumos_dagster_tests.kill.matrix import BATCH

TRACE, POINT, DEED = "LUMOS_KILL_TRACE", "LUMOS_KILL_POINT", "LUMOS_KILL_DEED"
"""The file of steps; the number of the step, or its text and how often it has come (`before commit#2`); what is done."""

_JDBC, _CSV = (f"lumos_dagster.connectors.{name}" for name in ("jdbc", "csv"))

WRAPPED = (
    (f"{_JDBC}.sqlite", "SQLite.commit", "commit"),
    (f"{_JDBC}.postgresql", "PostgreSQL.commit", "commit"),
    (f"{_JDBC}.mysql", "MySQL.commit", "commit"),
    (f"{_JDBC}.replacing", "swap", "swap"),
    (f"{_JDBC}.ledger", "Ledger.make", "make ledger"),
    (f"{_JDBC}.ledger", "Ledger.claim", "claim"),
    (f"{_JDBC}.ledger", "Ledger.record", "record"),
    (f"{_JDBC}.staging", "Staging.merge", "merge"),
    (f"{_JDBC}.preparing", "Preparing.finish", "finish"),
    ("lumos_dagster.spool", "SpoolWriter.write", "spool"),
    ("lumos_dagster.files", "_sync_folder", "sync folder"),
    ("pathlib", "Path.replace", "rename"),
    ("pymongo.collection", "Collection.bulk_write", "send"),
    ("pymongo.collection", "Collection.insert_many", "send"),
    ("pymongo.collection", "Collection.update_one", "claim"),
    ("pymongo.collection", "Collection.drop", "drop collection"),
    ("pymongo.collection", "Collection.rename", "rename collection"),
    ("pymongo.database", "Database.create_collection", "create collection"),
)
DECISIVE = ("commit", "rename", "sync folder", "send", "claim", "append", "half append", "swap", "rename collection")
"""The steps after which the target is another."""

_lock = threading.Lock()


def arm() -> None:
    """Wrap them all; what is done at which step stands in the environment, and holds in child processes too."""
    for module, name, step in WRAPPED:
        _wrap(module, name, lambda original, step=step: _stepping(original, step))
    _wrap(f"{_CSV}.appending", "Appending.write", _torn)
    _wrap("lumos_dagster.orchestration.work", "counted_in", _by_batch)
    importlib.import_module(f"{_JDBC}.copied")._PIECE_ROWS = BATCH  # else all rows are one piece
    _wrap(f"{_JDBC}.copied", "CopyPassage._pieces", _by_piece)
    _wrap("lumos_dagster.sent", "_Kept._pieces", _by_piece)
    _wrap("dagster", "DagsterInstance.handle_new_event", _event)


def take(name: str) -> None:
    """One step: written down, and fatal if it is the one."""
    path, point = os.environ[TRACE], os.environ.get(POINT, "")
    with _lock, Path(path).open("a+b") as trace:
        trace.write(f"{name}\n".encode())
        trace.flush()
        trace.seek(0)
        steps = trace.read().decode().splitlines()
    if point and point in (str(len(steps)), f"{name}#{steps.count(name)}"):
        _do(os.environ.get(DEED, "kill"))


def _do(deed: str) -> None:
    if deed == "kill the run":
        parent = multiprocessing.parent_process()
        os.kill(parent.pid if parent and parent.pid else os.getpid(), signal.SIGKILL)
    elif deed == "stop":
        del os.environ[POINT]  # once: a run that resumes this one begins the file of steps anew, and so the count
        # Sent to the process, it would stop this thread only after the one that it was given to.
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
    else:
        os.kill(os.getpid(), signal.SIGKILL)


def _wrap(module: str, name: str, around: Callable[[Any], Any]) -> None:
    *path, last = name.split(".")
    owner: Any = importlib.import_module(module)
    for part in path:
        owner = getattr(owner, part)
    setattr(owner, last, around(getattr(owner, last)))


def _stepping(original: Any, step: str) -> Any:
    @wraps(original)
    def stepping(*arguments: Any, **named: Any) -> Any:
        take(f"before {step}")
        given = original(*arguments, **named)
        take(f"after {step}")
        return given

    return stepping


def _torn(original: Any) -> Any:
    """Written in two halves, as a system may do it."""

    @wraps(original)
    def torn(self: Any, data: bytes) -> None:
        middle = len(data) // 2
        take("before append")
        original(self, data[:middle])
        take("before half append")
        original(self, data[middle:])
        take("after append")

    return torn


def _by_batch(original: Any) -> Any:
    @wraps(original)
    def by_batch(*arguments: Any) -> pa.RecordBatchReader:
        rows = original(*arguments)

        def batches() -> Iterator[pa.RecordBatch]:
            for batch in rows:
                take("before batch")
                yield batch
            take("before the end of the rows")

        return pa.RecordBatchReader.from_batches(rows.schema, batches())

    return by_batch


def _by_piece(original: Any) -> Any:
    @wraps(original)
    def by_piece(*arguments: Any) -> Iterator[bytes]:
        for piece in original(*arguments):
            take("before piece")
            yield piece
        take("before the end of the pieces")

    return by_piece


def _event(original: Any) -> Any:
    @wraps(original)
    def event(self: Any, event: Any, **named: Any) -> Any:
        told = event.dagster_event.event_type_value if event.dagster_event else ""
        if told:
            take(f"before {told}")
        given = original(self, event, **named)
        if told:
            take(f"after {told}")
        return given

    return event
