"""Several queries at once, each in a thread over its own connection: their batches in turns, in bounded memory."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Empty, Queue
from threading import Thread
from typing import Any

import pyarrow as pa

from lumos_dagster.accounting import Task
from lumos_dagster.cancellation import Cancellation
from lumos_dagster.connectors.jdbc.address import Address
from lumos_dagster.connectors.jdbc.selection import Selection
from lumos_dagster.connectors.jdbc.session import translated
from lumos_dagster.errors import DataError, Interrupted

_AHEAD = 2
"""Batches that a thread may be ahead of whoever takes them."""
_PAUSE_SECONDS = 0.01


@contextmanager
def stoppable(task: Task) -> Iterator[Task]:
    """The same task with a cancellation of its own, so that what runs for it can be ended while the task goes on."""
    own = copy.copy(task)
    with task.cancellation.child() as own.cancellation:
        yield own


@dataclass
class Lane:
    """One query and its thread. The queue gives the schema, then the batches, then None."""

    selection: Selection
    raw: Any
    queue: "Queue[Any]" = field(default_factory=lambda: Queue(_AHEAD))
    rows: int = 0
    ended: bool = False

    def take(self, errors: Sequence[BaseException]) -> Any:
        """What comes next; where that is the end because some thread has failed, its error."""
        item = self.queue.get()
        if item is None:
            self.ended = True
            if errors:
                raise errors[0]
        return item


class Parallel:
    """The rows of several selections, a batch from each in turn: the same order each time that they are read.

    `stop` is the cancellation with which the connections were opened, from `stoppable`.
    """

    def __init__(self, address: Address, task: Task, stop: Cancellation, batch_size: int) -> None:
        self._address = address
        self._task = task
        self._stop = stop
        self._batch_size = batch_size
        self._errors: list[BaseException] = []

    @contextmanager
    def read(self, selections: Sequence[Selection], connections: Sequence[Any]) -> Iterator[pa.RecordBatchReader]:
        """Read each selection over the connection beside it; when the block ends, so has every thread."""
        lanes = [Lane(selection, raw) for selection, raw in zip(selections, connections, strict=False)]
        threads = [Thread(target=self._fill, args=(lane,), daemon=True) for lane in lanes]
        for thread in threads:
            thread.start()
        try:
            with translated(self._address, self._task):
                schemas = [lane.take(self._errors) for lane in lanes]
            if any(schema != schemas[0] for schema in schemas):
                raise DataError(
                    "the partitions give columns of different types: read without partition_column, or give the "
                    f"columns their types in the query; found {' and '.join(str(schema) for schema in schemas)}"
                )
            yield pa.RecordBatchReader.from_batches(schemas[0], self._in_turns(lanes))
        finally:
            if not all(lane.ended for lane in lanes):
                self._stop.cancel(Interrupted("the read was ended"))
            for thread, lane in zip(threads, lanes, strict=True):
                _end(thread, lane)

    def _in_turns(self, lanes: Sequence[Lane]) -> Iterator[pa.RecordBatch]:
        left = list(lanes)
        with translated(self._address, self._task):
            while left:
                for lane in list(left):
                    batch = lane.take(self._errors)
                    if batch is None:
                        left.remove(lane)
                    else:
                        lane.rows += batch.num_rows
                        yield batch
            for lane in lanes:
                lane.raw.rollback()  # what was read is no longer locked when a loader goes on to swap tables
        self._task.log(f"{self._task.op}: rows by partition: {', '.join(f'{lane.rows:,}' for lane in lanes)}")

    def _fill(self, lane: Lane) -> None:
        database, selection = self._address.database, lane.selection
        try:
            with database.read(lane.raw, selection.sql, selection.parameters, self._batch_size) as rows:
                lane.queue.put(rows.schema)
                for batch in rows:
                    self._stop.check()
                    lane.queue.put(batch)
        except BaseException as error:
            self._errors.append(error)
            self._stop.cancel(Interrupted("another partition failed"))
        lane.queue.put(None)


def _end(thread: Thread, lane: Lane) -> None:
    """Nobody takes what the thread still gives, but a full queue must not hold it up."""
    while thread.is_alive():
        try:
            lane.queue.get_nowait()
        except Empty:
            thread.join(_PAUSE_SECONDS)
