"""One table filled over several connections at once, where the load is all or nothing nevertheless."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from typing import Any

import pyarrow as pa

from lumos_dagster.accounting import Task
from lumos_dagster.cancellation import Cancellation, stoppable
from lumos_dagster.connectors.jdbc.address import Address
from lumos_dagster.connectors.jdbc.database import Database
from lumos_dagster.connectors.jdbc.options import LoadOptions
from lumos_dagster.connectors.jdbc.session import connect, translated, waiting
from lumos_dagster.connectors.jdbc.tables import Table
from lumos_dagster.errors import Interrupted, LumosError

_BY_ITSELF = 1
_MUCH = 8 << 20
"""Bytes of rows from which another connection is worth its opening."""

Append = Callable[[Any, Iterator[pa.RecordBatch]], int]


@dataclass
class Others:
    """Connections beside the load's own one, which fill the table that takes the target's place at the end.

    Nobody sees that table before, so that they may commit their rows by themselves: first they, and last the load's
    own connection, which puts the table in its place. Until then each holds the table by a lock of its transaction:
    whoever takes the load over drops the table, and so waits for all of them.
    """

    address: Address
    task: Task
    stop: Cancellation
    """Breaks what these connections are waiting for."""
    raws: Sequence[Any]
    table: Table | None = None
    """What they fill."""

    def hold(self, table: Table) -> None:
        """Lock the table, which has been made; what they have done is committed.

        A statement on the load's own connection has to come behind it: only if that one still has its turn is the
        table that was locked its own, and not one that another load has made since under the same name.
        """
        database, self.table = self.address.database, table
        self.task.log(f"{self.task.op}: rows go in over {len(self.raws) + 1} connections")
        for raw in self.raws:
            database.commit(raw, waiting(self.task))
            database.begin(raw, waiting(self.task), writes=True)
            database.execute(raw, f"SELECT 1 FROM {table.quoted} WHERE 1 = 0").fetchall()

    def commit(self) -> None:
        """Commit their rows; the load's own connection comes after."""
        for raw in self.raws:
            self.task.cancellation.check()
            self.address.database.commit(raw, waiting(self.task))

    def abandon(self, raw: Any) -> None:
        """Remove the table of a load that has failed; `raw` is its own connection, which has not committed.

        Not where making tables commits by itself: there, an attempt that came after this one has a table of that name.
        """
        for one in (*self.raws, raw):
            one.rollback()
        if self.table and not self.address.database.ddl_commits:
            self.table.drop(raw)
            self.address.database.commit(raw, waiting(self.task))

    def fill(self, raw: Any, append: Append, batches: Iterator[pa.RecordBatch]) -> int:
        """Give each connection, `raw` too, the next batch as soon as it can send one; gives the rows that arrived.

        What the first of them to fail raises is raised. The others are then broken off.
        """
        shared = _Shared(batches)
        with ThreadPoolExecutor(len(self.raws), "connection") as pool:
            arriving = [pool.submit(shared.feed, append, other) for other in self.raws]
            arrived = shared.feed(append, raw)
            if shared.error is not None:
                self.stop.cancel(Interrupted("another connection failed"))
        if shared.error is not None:
            with translated(self.address, self.task):  # here, before it could be taken for what came of the stop
                raise shared.error
        return arrived + sum(future.result() for future in arriving)


@contextmanager
def others(raw: Any, address: Address, how_many: int, task: Task) -> Iterator[Others | None]:
    """Open so many connections beside `raw`, or as many of them as the server gives; None for none."""
    with stoppable(task) as own, ExitStack() as stack:
        opened: list[Any] = []
        try:
            while len(opened) < how_many:
                opened.append(stack.enter_context(connect(address, own)))
        except LumosError as error:
            task.cancellation.check()
            task.log(f"{task.op}: no further connection: {error}")
        found = Others(address, task, own.cancellation, opened) if opened else None
        try:
            yield found
        except BaseException:
            if found:
                with suppress(address.database.driver_errors()):  # the next load removes what is left of this one
                    found.abandon(raw)
            raise


def how_many_others(options: LoadOptions, database: Database, task: Task) -> int | None:
    """How many connections may fill the table beside the load's own one; None where that depends on the rows.

    Only a new table that nobody sees before the end has any, since each commits by itself; and none that has a key, for
    which they would wait for each other, or numbers its rows, which then have the order of the input.
    """
    wanted = options.connections
    if not options.fills_anew or wanted == 1:
        return 0
    if reason := _why_none(database, task):
        if wanted:
            task.log(f"{task.op}: rows go in over one connection: {reason}")
        return 0
    return wanted - 1 if wanted else None


def looked_at(rows: pa.RecordBatchReader) -> tuple[int, pa.RecordBatchReader]:
    """How many other connections so many rows are worth; and the rows, some of which have been read."""
    read: list[pa.RecordBatch] = []
    size = 0
    for batch in rows:
        read.append(batch)
        size += batch.nbytes
        if size >= _MUCH:
            return _BY_ITSELF, pa.RecordBatchReader.from_batches(rows.schema, chain(read, rows))
    return 0, pa.RecordBatchReader.from_batches(rows.schema, read)


def _why_none(database: Database, task: Task) -> str:
    if not database.fills_together:
        return f"{database.name} is filled over one at a time"
    if task.on_error in ("reject", "skip"):
        return f"with on_error: {task.on_error} each batch is tried by itself"
    if task.passage is not None:
        return "they may go as the source sends them"
    return ""


class _Shared:
    """The batches, each for the one who asks first."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches, self._lock = batches, threading.Lock()
        self.error: BaseException | None = None
        """What the first one to fail has raised."""

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return self

    def __next__(self) -> pa.RecordBatch:
        with self._lock:
            if self.error is not None:
                raise Interrupted("another connection failed")
            return next(self._batches)

    def feed(self, append: Append, raw: Any) -> int:
        """Send what is to be had over one connection; gives the rows that arrived, none where that failed."""
        try:
            return append(raw, self)
        except BaseException as error:  # raised where all of them are waited for
            with self._lock:
                self.error = self.error or error
            return 0
