"""The `aggregate` transformer against a plain loop, exact to the last digit."""

from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from lumos_dagster.errors import ConfigError, DataError
from lumos_dagster.transforms.aggregate import Aggregate
from lumos_dagster_tests.transforms.running import combine
from lumos_dagster_tests.transforms.tables import LARGE_ROWS, SCHEMA, SMALL, large_table, random_table, spills


def average(values: Sequence[Any]) -> Any:
    if not values:
        return None
    if isinstance(values[0], Decimal):
        return (sum(values) / len(values)).quantize(Decimal("0.000001"), ROUND_HALF_UP)
    return sum(values) / len(values)


FUNCTIONS: Mapping[str, Callable[[list[Any], list[Any]], Any]] = {
    "count": lambda _, there: len(there),
    "count_distinct": lambda _, there: len(set(there)),
    "sum": lambda _, there: sum(there) if there else None,
    "min": lambda _, there: min(there, default=None),
    "max": lambda _, there: max(there, default=None),
    "avg": lambda _, there: average(there),
    "first": lambda values, _: values[0],
    "last": lambda values, _: values[-1],
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("group_by", [["key"], ["key", "name"]])
@pytest.mark.parametrize("field", ["amount", "size"])
def test_each_function_for_each_group(seed: int, group_by: list[str], field: str) -> None:
    table = random_table(seed)
    options = {
        "group_by": group_by,
        "aggregations": {name: f"{name}({field})" for name in FUNCTIONS} | {"rows": "count"},
    }
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in table.to_pylist():
        groups.setdefault(tuple(row[name] for name in group_by), []).append(row)

    result = combine(Aggregate, options, table, batch=7)

    expected = []
    for key, rows in groups.items():
        values = [row[field] for row in rows]
        there = [value for value in values if value is not None]
        made = {name: function(values, there) for name, function in FUNCTIONS.items()}
        expected.append(dict(zip(group_by, key, strict=True)) | made | {"rows": len(rows)})
    assert result.rows == expected
    assert (result.count.rows_out, result.count.merged) == (len(groups), 60 - len(groups))


def test_the_types_are_the_fields_own_or_wide_enough_for_a_sum() -> None:
    options = {
        "aggregations": {
            "a": "sum(size)", "b": {"function": "sum", "field": "amount"}, "c": "avg(amount)", "d": "max(size)",
            "e": "avg(size)", "f": "min(name)",
        }
    }  # fmt: skip
    assert combine(Aggregate, options, random_table(1)).table.schema.types == [
        pa.int64(), pa.decimal128(38, 2), pa.decimal128(38, 6), pa.int32(), pa.float64(), pa.string(),
    ]  # fmt: skip


def test_sums_are_exact_where_a_float_would_not_be() -> None:
    table = pa.table(
        {
            "i": [2**62, 2**62 - 1, 1, -1],
            "u": pa.array([2**63, 1, 2**63 - 2, 0], pa.uint64()),
            "d": pa.array([Decimal("99999999999999999999.01")] * 4, pa.decimal128(22, 2)),
        }
    )
    result = combine(Aggregate, {"aggregations": {name: f"sum({name})" for name in "iud"}}, table)
    assert result.rows == [{"i": 2**63 - 1, "u": 2**64 - 1, "d": Decimal("399999999999999999996.04")}]


@pytest.mark.parametrize(
    ("values", "kind"),
    [([2**63 - 1, 1], pa.int64()), ([2**64 - 1, 1], pa.uint64()), ([Decimal("9" * 38)] * 2, pa.decimal128(38))],
)
def test_a_sum_that_does_not_fit_is_an_error(values: list[Any], kind: pa.DataType) -> None:
    with pytest.raises(DataError, match=r"does not fit|[Oo]verflow"):
        combine(Aggregate, {"aggregations": {"total": "sum(x)"}}, pa.table({"x": pa.array(values, kind)}))


def test_an_average_that_does_not_fit_is_an_error() -> None:
    table = pa.table({"x": pa.array([Decimal("9" * 36)], pa.decimal128(38))})
    with pytest.raises(DataError, match="an average does not fit"):
        combine(Aggregate, {"aggregations": {"x": "avg(x)"}}, table)


def test_no_rows_make_one_row_without_groups_and_none_with() -> None:
    options = {"aggregations": {"n": "count", "total": "sum(amount)"}}
    alone = combine(Aggregate, options, SCHEMA.empty_table())
    assert alone.rows == [{"n": 0, "total": None}]
    assert alone.count.made == 1
    grouped = combine(Aggregate, options | {"group_by": "key"}, SCHEMA.empty_table())
    assert grouped.rows == []
    assert grouped.table.schema.names == ["key", "n", "total"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"group_by": "kye"}, r"options\.group_by: there is no column 'kye'"),
        ({"aggregations": {"n": "sum(amuont)"}}, r"aggregations\.n\.field: there is no column 'amuont'.*'amount'\?"),
        ({"aggregations": {"n": "sum(name)"}}, r"aggregations\.n\.field: column 'name' is string, but a number is n"),
        ({"aggregations": {"n": "median(size)"}}, r"aggregations\.n: must be one of count, count_distinct"),
        ({"aggregations": {"n": "sum"}}, r"aggregations\.n: sum needs a field"),
        ({"group_by": "key", "aggregations": {"key": "count"}}, r"aggregations\.key: the group has a field 'key'"),
    ],
)
def test_mistakes_are_told_before_the_first_row(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        combine(Aggregate, {"aggregations": {"n": "count"}} | options, random_table(1))


def test_more_groups_than_memory_spill_to_the_disk(tmp_path: Path) -> None:
    options = {
        "group_by": "text",
        "aggregations": {"n": "count", "last": "last(number)"},
        "memory_limit": SMALL,
    }
    table = pa.concat_tables([large_table()] * 2)
    result = combine(Aggregate, options, table, batch=20_000, storage=tmp_path)
    assert result.table.num_rows == LARGE_ROWS
    assert set(result.column("n")) == {2}
    assert result.column("last") == large_table()["number"].to_pylist()
    assert spills(tmp_path) == []
