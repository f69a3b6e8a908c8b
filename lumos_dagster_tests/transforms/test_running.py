"""How much of the rows is in work at once."""

from collections.abc import Iterator

import pyarrow as pa
import pytest

from lumos_dagster.accounting import Book
from lumos_dagster.transforms.operation import run_all
from lumos_dagster_tests.transforms.running import RUN


@pytest.mark.parametrize(("size", "most"), [(40 << 20, 2), (100 << 20, 2), (8, pa.cpu_count() + 2)])
def test_batches_in_work_are_bounded_by_their_bytes(size: int, most: int) -> None:
    batch = pa.record_batch({"x": pa.array([b"x" * size])})
    pulled = given = 0

    def source() -> Iterator[pa.RecordBatch]:
        nonlocal pulled
        for _ in range(8):
            pulled += 1
            assert pulled - given <= most
            yield batch

    rows = pa.RecordBatchReader.from_batches(batch.schema, source())
    with Book(RUN).task("clean") as task:
        for _ in run_all(rows, batch.schema, [], task):
            given += 1
    assert (pulled, given) == (8, 8)
