"""Checks of what a load promises: its modes, all or nothing, nothing doubled by a retry, rows counted."""

import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from lumos_dagster.accounting import Task
from lumos_dagster.errors import DataError, Interrupted, LumosError, TransientError
from lumos_dagster.testing.harness import Bench, Mode, batches_of, failing_after, raised, require
from lumos_dagster.testing.samples import numbered

_OLD = numbered(6)
_NEW = numbered(6, "new", first=4)


def appends(bench: Bench) -> None:
    """A new load in mode append adds its rows."""
    _check_mode(bench, "append")


def replaces(bench: Bench) -> None:
    """After a load in mode replace there are its rows and no others."""
    _check_mode(bench, "replace")


def upserts(bench: Bench) -> None:
    """A load in mode upsert changes the rows that have its keys and adds the others."""
    _check_mode(bench, "upsert")


def updates(bench: Bench) -> None:
    """A load in mode update changes the rows that have its keys; those that meet none are counted."""
    _check_mode(bench, "update")


def upserts_the_last_of_a_key(bench: Bench) -> None:
    """Where a key is twice in the input the last row wins, and the other is counted as merged."""
    name = _with_old_rows(bench, "upsert")
    twice = pa.concat_tables([numbered(2, "first", 5), numbered(2, "last", 5)])
    result = bench.load(name, twice, "upsert", "load-2")
    require(result.merged == 2, f"{result.merged} rows counted as merged, not 2")
    bench.same(bench.read(name, _OLD.schema), pa.concat_tables([_OLD.slice(0, 4), numbered(2, "last", 5)]))


def repeats_without_doubling(bench: Bench) -> None:
    """The same load written again, as after a lost answer, leaves the same rows."""
    for mode in bench.harness.modes:
        name = _with_old_rows(bench, mode)
        for _ in range(2):
            bench.load(name, batches_of(_NEW, 2), mode, "load-2")
        bench.same(bench.read(name, _OLD.schema), _after(mode))


def retries_after_a_failure(bench: Bench) -> None:
    """A load that broke in the middle and is tried again leaves the same rows as one that did not."""
    for mode in bench.harness.modes:
        name = _with_old_rows(bench, mode)
        _fails(bench, name, mode, TransientError("connection lost on the way"))
        bench.load(name, batches_of(_NEW, 2), mode, "load-2")
        bench.same(bench.read(name, _OLD.schema), _after(mode))


def leaves_old_rows_on_failure(bench: Bench) -> None:
    """An atomic load whose input breaks leaves the target as it was; at least one mode is atomic."""
    for mode in _atomic_modes(bench):
        name = _with_old_rows(bench, mode)
        _fails(bench, name, mode, DataError("the input is broken"))
        bench.same(bench.read(name, _OLD.schema), _old(mode))


def leaves_old_rows_when_cancelled(bench: Bench) -> None:
    """An atomic load that is told to stop before its end commits nothing."""
    for mode in _atomic_modes(bench):
        name = _with_old_rows(bench, mode)
        tasks: list[Task] = []
        raised(Interrupted, bench.load, name, _cancelling(tasks), mode, "load-2", tasks.append)
        bench.same(bench.read(name, _OLD.schema), _old(mode))


def accounts_for_every_row(bench: Bench) -> None:
    """The counts of a load add up to its rows, and the rows that it loaded are passed on."""
    require(bench.harness.modes, "the harness declares no mode")
    for mode in bench.harness.modes:
        name = _with_old_rows(bench, mode)
        accepted: list[pa.RecordBatch] = []

        def watch(task: Task) -> None:
            task.accept = accepted.append  # noqa: B023 - called in this turn

        result = bench.load(name, batches_of(_NEW, 2), mode, "load-2", watch)
        loaded = result.inserted + result.updated + result.unchanged
        total = loaded + result.merged + result.unmatched
        require(total == _NEW.num_rows, f"{mode}: {result} accounts for {total} of {_NEW.num_rows} rows")
        passed = pa.Table.from_batches(accepted, _NEW.schema)
        require(passed.num_rows == loaded, f"{mode}: {passed.num_rows} rows passed on, {loaded} loaded")
        wanted = set(_NEW["id"].to_pylist()[:3] if mode == "update" else _NEW["id"].to_pylist())
        require(set(passed["id"].to_pylist()) == wanted, f"{mode}: passed on {passed.to_pylist()}")


def writes_in_bounded_memory(bench: Bench) -> None:
    """A loader lets go of batches that it has written."""
    alive: list[weakref.ref[Any]] = []
    most = 0

    def rows() -> Iterator[pa.RecordBatch]:
        nonlocal most
        for number in range(40):
            values = np.arange(number * 250, (number + 1) * 250)
            alive.append(weakref.ref(values))
            batch = pa.RecordBatch.from_arrays([pa.array(values)], ["id"])
            del values
            yield batch
            del batch
            most = max(most, sum(value() is not None for value in alive))

    schema = pa.schema({"id": pa.int64()})
    bench.load(bench.name(), pa.RecordBatchReader.from_batches(schema, rows()))
    require(most <= 20, f"{most} of 40 batches were in memory at once")


def reads_in_bounded_memory(bench: Bench) -> None:
    """An extractor holds some batches, not all rows."""
    table = pa.table({"id": pa.array(range(20_000), pa.int64()), "text": pa.array(["x" * 2_000] * 20_000, pa.string())})
    name = bench.name()
    bench.load(name, batches_of(table, 1000))
    size, most, before = table.nbytes, 0, pa.total_allocated_bytes()
    with bench.reading(name, table.schema, bench.harness.small_batches) as reader:
        for _ in reader:
            most = max(most, pa.total_allocated_bytes() - before)
    require(most < size / 2, f"{most} bytes were in memory at once, of {size} in all")


def _check_mode(bench: Bench, mode: Mode) -> None:
    name = _with_old_rows(bench, mode)
    result = bench.load(name, _NEW, mode, "load-2")
    bench.same(bench.read(name, _OLD.schema), _after(mode))
    unmatched = 3 if mode == "update" else 0
    require(result.unmatched == unmatched, f"{result.unmatched} rows counted as unmatched, not {unmatched}")


def _with_old_rows(bench: Bench, mode: Mode) -> str:
    """A target filled by an earlier load: by an upsert where one follows, since that may ask for a key there."""
    name = bench.name()
    bench.load(name, _old(mode), "upsert" if mode == "upsert" else None)
    return name


def _old(mode: Mode) -> pa.Table:
    """The earlier rows; in mode append they share no key with the new ones."""
    return _OLD.slice(0, 3) if mode == "append" else _OLD


def _after(mode: Mode) -> pa.Table:
    """What `_NEW` loaded in that mode over the old rows leaves."""
    match mode:
        case "replace":
            return _NEW
        case "update":
            return pa.concat_tables([_OLD.slice(0, 3), _NEW.slice(0, 3)])
    return pa.concat_tables([_OLD.slice(0, 3), _NEW])


def _atomic_modes(bench: Bench) -> list[Mode]:
    atomic = [mode for mode in bench.harness.modes if bench.loader("any", mode).atomic]
    require(atomic, "no mode is atomic")
    return atomic


def _fails(bench: Bench, name: str, mode: Mode, error: LumosError) -> None:
    raised(type(error), bench.load, name, failing_after(_NEW, 2, 2, error), mode, "load-2")


def _cancelling(tasks: list[Task]) -> pa.RecordBatchReader:
    """The new rows, and then word to stop: after the last batch, before the commit."""

    def rows() -> Iterator[pa.RecordBatch]:
        yield from _NEW.to_batches(max_chunksize=2)
        tasks[0].cancellation.cancel(Interrupted("told to stop"))

    return pa.RecordBatchReader.from_batches(_NEW.schema, rows())


CHECKS = (
    appends,
    replaces,
    upserts,
    updates,
    upserts_the_last_of_a_key,
    repeats_without_doubling,
    retries_after_a_failure,
    leaves_old_rows_on_failure,
    leaves_old_rows_when_cancelled,
    accounts_for_every_row,
    writes_in_bounded_memory,
    reads_in_bounded_memory,
)
