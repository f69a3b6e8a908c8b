"""Several queries at once, each in a thread over its own connection: their batches in turns, in bounded memory."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from lumos_dagster.accounting import Task
from lumos_dagster.ahead import ahead
from lumos_dagster.cancellation import Cancellation
from lumos_dagster.connectors.jdbc.address import Address
from lumos_dagster.connectors.jdbc.selection import Selection
from lumos_dagster.connectors.jdbc.session import translated
from lumos_dagster.errors import DataError, Interrupted


@dataclass
class Lane:
    """What one query gives, its schema first, and the connection that it is read over."""

    items: Iterator[Any]
    raw: Any
    rows: int = 0


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
        with ExitStack() as stack:
            lanes = [
                Lane(self._ahead(selection, raw, stack), raw)
                for selection, raw in zip(selections, connections, strict=False)
            ]
            with translated(self._address, self._task):
                schemas = [self._next(lane) for lane in lanes]
            if any(schema != schemas[0] for schema in schemas):
                raise DataError(
                    "the partitions give columns of different types: read without partition_column, or give the "
                    f"columns their types in the query; found {' and '.join(str(schema) for schema in schemas)}"
                )
            yield pa.RecordBatchReader.from_batches(schemas[0], self._in_turns(lanes))

    def _in_turns(self, lanes: Sequence[Lane]) -> Iterator[pa.RecordBatch]:
        left = list(lanes)
        with translated(self._address, self._task):
            while left:
                for lane in list(left):
                    batch = self._next(lane)
                    if batch is None:
                        left.remove(lane)
                    else:
                        lane.rows += batch.num_rows
                        yield batch
            for lane in lanes:
                lane.raw.rollback()  # what was read is no longer locked when a loader goes on to swap tables
        self._task.log(f"{self._task.op}: rows by partition: {', '.join(f'{lane.rows:,}' for lane in lanes)}")

    def _next(self, lane: Lane) -> Any:
        """What comes next, None at the end; where some lane has failed, the first error of all."""
        try:
            return next(lane.items, None)
        except BaseException:
            if self._errors:
                raise self._errors[0] from None
            raise

    def _ahead(self, selection: Selection, raw: Any, stack: ExitStack) -> Iterator[Any]:
        """The query's schema and batches, made ready in a thread that ends with the stack."""
        made = stack.enter_context(closing(self._made(selection, raw)))
        ended = Interrupted("the read was ended")
        return stack.enter_context(ahead(made, lambda: self._stop.cancel(ended)))

    def _made(self, selection: Selection, raw: Any) -> Generator[Any, None, None]:
        try:
            with self._address.database.read(raw, selection.sql, selection.parameters, self._batch_size) as rows:
                yield rows.schema
                for batch in rows:
                    self._stop.check()
                    yield batch
        except Exception as error:
            self._errors.append(error)
            self._stop.cancel(Interrupted("another partition failed"))
            raise
