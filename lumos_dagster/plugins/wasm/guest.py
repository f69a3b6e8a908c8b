"""One guest of any ABI behind the interface that the rest of the project knows."""

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from lumos_dagster.plugins.wasm.dialects import Dialect, Rows
from lumos_dagster.plugins.wasm.rows.shape import Shape
from lumos_dagster.plugins.wasm.sandbox import Sandbox

BATCH_BYTES = 16 << 20
"""How much a call is given at most, as Arrow counts it; as JSON it is about twice that."""


class WasmGuest:
    """A guest that was started in its sandbox."""

    def __init__(self, dialect: Dialect, sandbox: Sandbox) -> None:
        self._dialect, self._sandbox = dialect, sandbox

    @contextmanager
    def extract(self, options: str) -> Iterator[pa.RecordBatchReader]:
        """The rows that it reads."""
        self._dialect.open("extractor", options)
        yield Shape(self._sandbox.error).reader(iter(self._dialect.next, None), list)
        self._dialect.close()

    @contextmanager
    def transform(self, options: str, rows: pa.RecordBatchReader) -> Iterator[pa.RecordBatchReader]:
        """What it makes of the rows."""
        dialect = self._dialect
        dialect.open("transformer", options)

        def of_none() -> Rows:
            return dialect.apply(
                pa.RecordBatch.from_arrays([pa.array([], kind) for kind in rows.schema.types], schema=rows.schema)
            )

        yield Shape(self._sandbox.error, rows.schema).reader(
            (dialect.apply(part) for part in self._parts(rows)), of_none
        )
        dialect.close()

    def load(self, options: str, rows: pa.RecordBatchReader) -> int:
        """How many rows it has put in their place."""
        dialect, total = self._dialect, 0
        dialect.open("loader", options)
        try:
            for part in self._parts(rows):
                taken = dialect.write(part)
                if taken != part.num_rows:
                    raise self._sandbox.error(f"says that it has loaded {taken} of {part.num_rows} rows")
                total += taken
            dialect.commit()
        except BaseException:
            if self._sandbox.alive:
                dialect.abort()
            raise
        dialect.close()
        return total

    def _parts(self, rows: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        for batch in rows:
            share = max(1, batch.num_rows * BATCH_BYTES // max(batch.nbytes, 1))
            most = min(self._dialect.batch_rows, share)
            for start in range(0, batch.num_rows, most):
                yield batch.slice(start, most)
