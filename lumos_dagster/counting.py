"""Batches counted on their way into a stage and out of it."""

from collections.abc import Iterator

import pyarrow as pa

from lumos_dagster.accounting import Task
from lumos_dagster.errors import DataError


def counted_in(rows: pa.RecordBatchReader, task: Task) -> pa.RecordBatchReader:
    """The same rows, counted as they enter a stage; each batch is held against the schema once."""

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in rows:
            if batch.schema != rows.schema:
                raise DataError(f"{task.op}: a batch has columns {batch.schema} where {rows.schema} were announced")
            task.cancellation.check()
            task.count.rows_in += batch.num_rows
            yield batch
        task.saw_all()

    return pa.RecordBatchReader.from_batches(rows.schema, batches())


def counted_out(rows: pa.RecordBatchReader, task: Task) -> Iterator[pa.RecordBatch]:
    """The batches, counted as they leave a stage."""
    for batch in rows:
        task.cancellation.check()
        task.count.rows_out += batch.num_rows
        task.count.bytes += batch.nbytes
        yield batch
