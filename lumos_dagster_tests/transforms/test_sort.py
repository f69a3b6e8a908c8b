"""The `sort` transformer against Python's own sort."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from lumos_dagster.errors import ConfigError, TerminalError
from lumos_dagster.transforms.sort import Sort
from lumos_dagster_tests.transforms.running import combine
from lumos_dagster_tests.transforms.tables import LARGE_ROWS, SCHEMA, SMALL, large_table, random_table, spills


def ordered(rows: list[dict[str, Any]], field: str, descending: bool, nulls_first: bool) -> list[dict[str, Any]]:
    there = [row for row in rows if row[field] is not None]
    gone = [row for row in rows if row[field] is None]
    there.sort(key=lambda row: row[field], reverse=descending)
    return gone + there if nulls_first else there + gone


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("field", ["key", "name", "amount", "size"])
@pytest.mark.parametrize("way", ["", " desc", " nulls first", " DESC NULLS FIRST"])
def test_rows_come_in_order_and_equal_ones_as_they_came(seed: int, field: str, way: str) -> None:
    table = random_table(seed)
    result = combine(Sort, {"by": field + way}, table, batch=7)
    assert result.rows == ordered(table.to_pylist(), field, "desc" in way.lower(), "first" in way.lower())
    assert result.table.schema == table.schema
    assert (result.count.rows_in, result.count.rows_out, result.count.merged) == (60, 60, 0)


def test_several_fields_the_weightiest_first() -> None:
    table = random_table(9)
    result = combine(Sort, {"by": ["key desc nulls last", {"field": "size", "nulls": "first"}]}, table)
    by_size = ordered(table.to_pylist(), "size", descending=False, nulls_first=True)
    there = [row for row in by_size if row["key"] is not None]
    expected = sorted(there, key=lambda row: -row["key"]) + [row for row in by_size if row["key"] is None]
    assert result.rows == expected


def test_a_field_whose_name_looks_like_an_order() -> None:
    table = pa.table({"size desc": [2, 1], "Size desc": [1, 2]})
    assert combine(Sort, {"by": [{"field": "size desc"}]}, table).column("size desc") == [1, 2]


def test_a_field_that_is_not_there_is_told_before_the_first_row() -> None:
    with pytest.raises(ConfigError, match=r"options\.by\.1\.field: there is no column 'nam'; allowed: .*'name'\?"):
        combine(Sort, {"by": ["key", "nam"]}, random_table(1))


def test_no_rows_keep_their_columns() -> None:
    assert combine(Sort, {"by": "key"}, SCHEMA.empty_table()).table.schema == SCHEMA


def test_types_come_out_as_they_went_in() -> None:
    table = pa.table(
        {
            "zoned": pa.array([2, 1, None], pa.timestamp("ns", "Asia/Shanghai")),
            "seconds": pa.array([2, 1, None], pa.timestamp("s", "+08:00")),
            "word": pa.array(["b", "a", None]).dictionary_encode(),
            "time": pa.array([2, 1, None], pa.time32("s")),
            "long": pa.array([2**64 - 1, 1, None], pa.uint64()),
            "span": pa.array([2, 1, None], pa.duration("ns")),
            "large": pa.array(["b", "a", None], pa.large_string()),
            "bytes": pa.array([b"bb", b"aa", None], pa.binary(2)),
            "many": pa.array([[2], [1], None], pa.list_(pa.int32())),
        }
    )
    for name in table.column_names:
        result = combine(Sort, {"by": name}, table).table
        assert result.schema == table.schema
        assert result.to_pylist() == table.take([1, 0, 2]).to_pylist()


def test_a_type_that_cannot_be_kept_exactly_is_refused() -> None:
    table = pa.table({"wide": pa.array([1], pa.decimal256(50, 2))})
    with pytest.raises(ConfigError, match="'wide' is decimal256"):
        combine(Sort, {"by": "wide"}, table)


def test_more_rows_than_memory_spill_to_the_disk_and_leave_nothing_there(tmp_path: Path) -> None:
    result = combine(Sort, {"by": "number", "memory_limit": SMALL}, large_table(), batch=20_000, storage=tmp_path)
    assert result.column("number") == list(range(LARGE_ROWS))
    assert result.column("text")[-1] == f"{LARGE_ROWS - 1:0120d}"
    assert spills(tmp_path) == []


def test_too_little_memory_is_told_with_what_to_do() -> None:
    with pytest.raises(TerminalError, match="memory_limit 1MB is too little for these rows: raise it"):
        combine(Sort, {"by": "number", "memory_limit": "1MB"}, large_table(), batch=20_000)


def test_a_size_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"options\.memory_limit: must be a size such as 512MB"):
        combine(Sort, {"by": "key", "memory_limit": "lots"}, random_table(1))
