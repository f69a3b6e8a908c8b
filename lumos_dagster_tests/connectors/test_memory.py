"""Rows kept by key: seen by every op of the run, once, and by later runs if asked."""

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
    assert {(place[:4], len(place)) for place in places} == {(("storage", "memory", "run", "run-1"), 6)}


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
