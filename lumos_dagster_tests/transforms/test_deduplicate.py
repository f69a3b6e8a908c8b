"""The `deduplicate` transformer against a plain loop."""

from pathlib import Path
from typing import Any

import pytest

from lumos_dagster.errors import ConfigError
from lumos_dagster.transforms.deduplicate import Deduplicate
from lumos_dagster_tests.transforms.running import combine
from lumos_dagster_tests.transforms.tables import LARGE_ROWS, SCHEMA, SMALL, large_table, random_table, spills


def kept(rows: list[dict[str, Any]], keys: list[str], keep: str) -> list[dict[str, Any]]:
    """One row of each key; of rows in their order, the first or the last."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows if keep == "first" else reversed(rows):
        found.setdefault(tuple(row[key] for key in keys), row)
    return sorted(found.values(), key=lambda row: row["place"])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("keys", [["key"], ["key", "name"]])
@pytest.mark.parametrize("keep", ["first", "last"])
def test_one_row_of_each_key_stays_in_its_place(seed: int, keys: list[str], keep: str) -> None:
    table = random_table(seed)
    result = combine(Deduplicate, {"keys": keys, "keep": keep}, table, batch=7)
    assert result.rows == kept(table.to_pylist(), keys, keep)
    assert result.table.schema == table.schema
    assert result.count.merged == 60 - len(result.rows)


@pytest.mark.parametrize("keep", ["first", "last"])
def test_first_and_last_by_another_order(keep: str) -> None:
    table = random_table(4)
    rows = sorted(table.to_pylist(), key=lambda row: (row["amount"] is not None, -(row["amount"] or 0)))
    result = combine(Deduplicate, {"key": "key", "keep": keep, "order_by": "amount desc nulls first"}, table)
    assert result.rows == kept(rows, ["key"], keep)


def test_without_keys_whole_rows_are_compared() -> None:
    table = random_table(5, 400).select(["key", "name"])
    result = combine(Deduplicate, {}, table)
    assert result.rows == [dict(pair) for pair in dict.fromkeys(tuple(row.items()) for row in table.to_pylist())]


def test_no_rows_keep_their_columns() -> None:
    result = combine(Deduplicate, {"keys": "key"}, SCHEMA.empty_table())
    assert (result.table.schema, result.count.merged) == (SCHEMA, 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"keys": "kye"}, r"keys: there is no column 'kye'"), ({"order_by": "x"}, r"order_by\.0\.field: there is no col")],
)
def test_a_field_that_is_not_there_is_told_before_the_first_row(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        combine(Deduplicate, options, random_table(1))


def test_more_rows_than_memory_spill_to_the_disk(tmp_path: Path) -> None:
    options = {"keys": "rest", "keep": "last", "order_by": "number", "memory_limit": SMALL}
    result = combine(Deduplicate, options, large_table(), batch=20_000, storage=tmp_path)
    assert sorted(result.column("number")) == list(range(LARGE_ROWS - 1000, LARGE_ROWS))
    assert result.count.merged == LARGE_ROWS - 1000
    assert spills(tmp_path) == []
