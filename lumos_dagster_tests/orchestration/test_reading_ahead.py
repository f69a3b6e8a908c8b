"""Rows are read while others are written; a load that ends does not wait for rows that nobody will take."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import pyarrow as pa
import pytest

from lumos_dagster.accounting import Task
from lumos_dagster.errors import TerminalError
from lumos_dagster.interface import Extractor, Loader, LoadResult
from lumos_dagster_tests.orchestration.parts import entry, job, run_job


class Slow(Extractor):
    """One row, and then a query that goes on until the driver's own cancel breaks it."""

    @contextmanager
    def read(self, task: Task) -> Iterator[pa.RecordBatchReader]:
        first = pa.record_batch({"n": [1]})

        def batches() -> Iterator[pa.RecordBatch]:
            yield first
            broken = threading.Event()
            with task.cancellation.interrupting(broken.set):
                assert broken.wait(60), "nobody cancelled the call"
            task.cancellation.check()

        yield pa.RecordBatchReader.from_batches(first.schema, batches())


class Refusing(Loader):
    """Takes the first batch, and no more."""

    def target(self) -> tuple[str, ...]:
        return ("table",)

    def write(self, rows: pa.RecordBatchReader, task: Task) -> LoadResult:
        next(iter(rows))
        raise TerminalError("the table is gone")


@pytest.mark.timeout(50)
def test_a_load_that_fails_breaks_the_read_that_is_still_going_on_and_tells_its_own_reason(
    instance: dg.DagsterInstance,
) -> None:
    chain = entry("read", "extractor", Slow), entry("load", "loader", Refusing, ["read"])
    ran = run_job(job(*chain, execution="streaming"), instance)
    assert ran.failures == {"load": "load: the table is gone"}
