"""Rows kept by key: seen by every op of the run, once, and by later runs if asked."""

import pickle
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from lumos_dagster.accounting import Book
from lumos_dagster.connectors.memory import MemoryExtractor, MemoryLoader
from lumos_dagster.errors import ConfigError, DataError, TerminalError
from lumos_dagster.values import RunContext


def keep(run: RunContext, table: pa.Table, op: str = "load", error: Exception | None = None, **options: Any) -> None:
    def batches() -> Any:
        yield from table.to_batches()
        if error:
            raise error

    with Book(run).task(op) as task:
        rows = pa.RecordBatchReader.from_batches(table.schema, batches())
        assert MemoryLoader(**options).write(rows, task).inserted == table.num_rows


def fetch(run: RunContext, **options: Any) -> pa.Table:
    with Book(run).task("read") as task, MemoryExtractor(**options).read(task) as rows:
        return rows.read_all()


def ids(*values: int) -> pa.Table:
    return pa.table({"id": list(values)})


def test_rows_and_their_types_come_back(run: RunContext) -> None:
    table = pa.table({"a": pa.array([1, None], pa.int16()), "b": [{"x": [b"\0"]}, None]})
    keep(run, table, key="k")

    assert fetch(run, key="k") == table


def test_replace_holds_exactly_the_last_rows(run: RunContext) -> None:
    keep(run, ids(1, 2))
    keep(run, ids(3), "other")
    keep(run, ids(4), "third", mode="append")
    keep(run, ids(5), "other")

    assert fetch(run) == ids(5)


def test_a_death_between_the_new_rows_and_the_removal_of_the_old_ones_doubles_nothing(
    tmp_path: Path, run: RunContext
) -> None:
    keep(run, ids(1), "a")
    keep(run, ids(2), "b", mode="append")
    old = {file: file.read_bytes() for file in tmp_path.rglob("*.arrow")}

    keep(run, ids(3), "c")
    for file, data in old.items():
        file.write_bytes(data)

    assert len(list(tmp_path.rglob("*.arrow"))) == 3
    assert fetch(run) == ids(3)


def test_appended_rows_keep_their_order_and_are_there_once(run: RunContext) -> None:
    keep(run, ids(1), "a", mode="append")
    keep(run, ids(2), "b", mode="append")
    keep(run, ids(1), "a", mode="append")

    assert fetch(run) == ids(1, 2)


def test_appended_columns_are_united(run: RunContext) -> None:
    keep(run, ids(1), "a", mode="append")
    keep(run, pa.table({"id": [2], "name": ["x"]}), "b", mode="append")

    assert fetch(run).to_pylist() == [{"id": 1, "name": None}, {"id": 2, "name": "x"}]


@pytest.mark.parametrize("mode", ["replace", "append"])
def test_a_failed_load_leaves_the_old_rows(run: RunContext, mode: str) -> None:
    keep(run, ids(1), "a")

    with pytest.raises(DataError, match="broken"):
        keep(run, ids(2), "b", DataError("broken"), mode=mode)

    assert fetch(run) == ids(1)


def test_rows_live_as_long_as_the_run_unless_kept(run: RunContext) -> None:
    later = replace(run, run_id="run-2", load_id="run-2", job="another")
    keep(run, ids(1), key="own")
    keep(run, ids(2), key="kept", persist=True)

    assert fetch(later, key="own").num_rows == 0
    assert fetch(later, key="kept") == ids(2)
    assert fetch(run, key="kept") == ids(2)


def test_a_resumed_run_sees_what_was_kept_before(run: RunContext) -> None:
    keep(run, ids(1))

    assert fetch(replace(run, run_id="run-2")) == ids(1)


def test_the_runs_own_rows_come_before_kept_ones(run: RunContext) -> None:
    keep(run, ids(1), "a", persist=True)
    keep(run, ids(2), "b")

    assert fetch(run) == ids(2)


def test_later_loads_append_to_kept_rows(run: RunContext) -> None:
    keep(run, ids(1), mode="append", persist=True)
    keep(replace(run, load_id="run-2"), ids(2), mode="append", persist=True)

    assert fetch(run) == ids(1, 2)


def test_an_absent_key_gives_no_rows_or_an_error_if_required(run: RunContext) -> None:
    keep(run, ids(1), key="products")

    assert fetch(run, key="prodcuts").num_rows == 0
    with pytest.raises(TerminalError, match=r"'prodcuts'; known keys: products. Did you mean 'products'"):
        fetch(run, key="prodcuts", required=True)


@pytest.mark.parametrize("key", ["a/b", "..", ".", "../../x", "é 😀", "a%2Fb", "k" * 300, "-", "\0"])
def test_any_text_is_a_key(tmp_path: Path, run: RunContext, key: str) -> None:
    keep(run, ids(1), key=key)
    keep(run, ids(2), key=key + "x")

    assert fetch(run, key=key) == ids(1)
    places = [file.relative_to(tmp_path).parts for file in tmp_path.rglob("*") if file.is_file()]
    assert {(place[:5], len(place)) for place in places} == {(("storage", "memory", "run", "run-1", "job"), 7)}


def test_storage_may_be_anywhere(run: RunContext) -> None:
    run = replace(run, storage="memory://lumos-memory")
    keep(run, ids(1), "a", mode="append")
    keep(run, ids(2), "b", mode="append")
    keep(run, ids(1), "a", mode="append")

    assert fetch(run) == ids(1, 2)


def test_records_stand_in_for_kept_rows(run: RunContext) -> None:
    table = fetch(run, records=[{"id": 1}, {"id": 2, "name": "x"}])

    assert table.to_pylist() == [{"id": 1, "name": None}, {"id": 2, "name": "x"}]
    assert fetch(run, records=[]).num_rows == 0
    with pytest.raises(ConfigError, match="the records do not make a table"):
        fetch(run, records=[{"id": 1}, {"id": "x"}])


_KILLED = """
import os, pickle, signal, sys
import pyarrow as pa
from lumos_dagster.accounting import Book
from lumos_dagster.connectors.memory import MemoryLoader

run, mode = pickle.load(sys.stdin.buffer)
table = pa.table({"id": list(range(100_000))})

def batches():
    yield from table.to_batches(max_chunksize=10_000)
    os.kill(os.getpid(), signal.SIGKILL)

with Book(run).task("b") as task:
    MemoryLoader(mode=mode).write(pa.RecordBatchReader.from_batches(table.schema, batches()), task)
"""


@pytest.mark.parametrize("mode", ["replace", "append"])
def test_a_load_that_is_killed_leaves_the_old_rows_and_is_done_once_by_its_retry(run: RunContext, mode: str) -> None:
    keep(run, ids(1), "a")
    script = f"import sys; sys.path[:] = {sys.path!r}\n{_KILLED}"
    done = subprocess.run([sys.executable, "-c", script], input=pickle.dumps((run, mode)), check=False)
    assert done.returncode == -signal.SIGKILL
    assert fetch(run) == ids(1)
    for _ in range(2):
        keep(run, ids(2, 3), "b", mode=mode)
    assert fetch(run) == (ids(2, 3) if mode == "replace" else ids(1, 2, 3))


def test_loaders_that_append_at_the_same_time_lose_nothing(run: RunContext) -> None:
    keep(run, ids(0), "first")
    together = threading.Barrier(8, timeout=30)

    def append(number: int) -> None:
        table = ids(number)

        def batches() -> Any:
            together.wait()  # all have looked for their place by now
            yield from table.to_batches()

        with Book(run).task(f"load_{number}") as task:
            MemoryLoader(mode="append").write(pa.RecordBatchReader.from_batches(table.schema, batches()), task)

    threads = [threading.Thread(target=append, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(fetch(run)["id"].to_pylist()) == list(range(9))


@pytest.mark.parametrize("mode", ["replace", "append"])
def test_no_rows_keep_their_columns(run: RunContext, mode: str) -> None:
    empty = pa.table({"id": pa.array([], pa.int16()), "at": pa.array([], pa.timestamp("ns", "Asia/Shanghai"))})
    keep(run, empty, mode=mode)
    assert fetch(run).schema == empty.schema
    assert fetch(run, required=True).num_rows == 0


def test_rows_that_would_make_the_key_unreadable_are_not_appended(run: RunContext) -> None:
    keep(run, ids(1), "a", mode="append")
    with pytest.raises(DataError, match=r"appended to the key 'default': .*column 'id' is int64 in one and string"):
        keep(run, pa.table({"id": ["x"]}), "b", mode="append")
    assert fetch(run) == ids(1)


def test_wrong_options() -> None:
    with pytest.raises(ValidationError, match="mode"):
        MemoryLoader.model_validate({"mode": "upsert"})
    with pytest.raises(ValidationError, match="key"):
        MemoryExtractor.model_validate({"key": ""})


def test_a_reader_is_not_disturbed_by_a_replacement(run: RunContext) -> None:
    keep(run, ids(1, 2, 3))

    with Book(run).task("read") as task, MemoryExtractor().read(task) as rows:
        keep(run, ids(4), "other")
        assert rows.read_all() == ids(1, 2, 3)
