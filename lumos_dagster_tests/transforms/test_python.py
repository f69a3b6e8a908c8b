"""The `python` transformer: what a function is given, what it may give, and how its mistakes are told."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from lumos_dagster.errors import ConfigError, DataError, FunctionError
from lumos_dagster.transforms.python import Python
from lumos_dagster_tests.transforms import functions
from lumos_dagster_tests.transforms.running import Result, combine

TABLE = pa.table({"x": [1, 2, 3, 4, 5]})


def call(name: str, table: pa.Table = TABLE, batch: int = 2, **options: Any) -> Result:
    return combine(Python, {"function": f"{functions.__name__}:{name}", **options}, table, batch=batch)


def test_a_frame_per_batch_by_annotation() -> None:
    result = call("doubled")
    assert result.rows == [{"x": x, "double": 2 * x} for x in (2, 3, 4, 5)]
    assert result.table.schema == pa.schema([("x", pa.int64()), ("double", pa.int64())])
    assert (result.count.rows_in, result.count.rows_out, result.count.merged) == (5, 4, 1)


def test_an_arrow_table_per_batch_by_annotation() -> None:
    assert call("arrow_doubled").column("double") == [2, 4, 6, 8, 10]


def test_as_says_what_an_unannotated_function_is_given() -> None:
    assert call("unannotated").table.column_names == ["x", "frame"]
    assert call("unannotated", **{"as": "arrow"}).table.column_names == ["x"]


@pytest.mark.parametrize(("whole", "calls"), [(False, [2, 2, 1]), (True, [5])])
def test_whole_gives_all_rows_at_once(whole: bool, calls: list[int]) -> None:
    functions.CALLS.clear()
    assert call("counted", whole=whole).table.equals(TABLE)
    assert calls == functions.CALLS


def test_types_go_through_a_frame_unchanged() -> None:
    table = pa.table(
        {
            "x": pa.array([2**63 - 1, None]),
            "u": pa.array([2**64 - 1, None], pa.uint64()),
            "d": pa.array([Decimal("1.10"), None], pa.decimal128(20, 2)),
            "t": pa.array([datetime(2026, 1, 1, tzinfo=UTC), None], pa.timestamp("us", "Asia/Shanghai")),
            "day": pa.array([1, None], pa.date32()),
            "s": pa.array(["a", None]),
            "l": pa.array([[1], None]),
        }
    )
    assert call("unannotated", table).table.drop_columns(["frame"]).equals(table)


def test_no_rows_are_given_once_so_that_the_columns_are_known() -> None:
    result = call("doubled", TABLE.slice(0, 0))
    assert (result.rows, result.table.column_names) == ([], ["x", "double"])


def test_more_rows_than_came_in_are_made() -> None:
    assert call("twice").count.made == 5


def test_what_the_function_raises_is_told_with_its_place_and_the_batch() -> None:
    file = Path(functions.__file__).name
    message = rf"clean: .*functions:broken, given batch 2 \(rows 3 to 4\): .*{file}:\d+: KeyError: 'no such thing'"
    with pytest.raises(FunctionError, match=message):
        call("broken")


def test_a_function_that_leaves_does_not_take_the_process_with_it() -> None:
    with pytest.raises(FunctionError, match="SystemExit: 3"):
        call("leaving")


def test_columns_that_change_between_batches_are_an_error() -> None:
    with pytest.raises(DataError, match="drifting gives other columns than for the first batch: 'x' was int64, now ab"):
        call("drifting")


def test_a_type_that_one_batch_does_not_tell_is_named() -> None:
    with pytest.raises(DataError, match=r"'note' was null, now .*string"):
        call("often_null")
    result = call("often_null", types={"note": "string"})
    assert result.column("note") == [None, None, "late", "late", "late"]
    assert result.table.schema.field("note").type == pa.string()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("nothing", {}, r"given batch 1 \(rows 1 to 2\): gives NoneType, not a pandas.DataFrame or a pyarrow.Table"),
        ("doubled_name", {}, "gives more than one column named 'x'"),
        ("doubled_frame", {}, "gives more than one column named 'x'"),
        ("indexed", {}, r"the index 'x' is no column and would be lost: give frame\.reset_index\(\)"),
        ("without_columns", {"whole": True}, "gives no columns"),
        ("counted", {"types": {"y": "int"}}, "gives no column 'y', which types names"),
        ("often_null", {"types": {"note": "int"}}, "a value does not fit what types says"),
    ],
)
def test_what_is_no_table_is_refused(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        call(name, **options)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("no_such_module:f", r"options\.function: cannot import no_such_module: ModuleNotFoundError"),
        (f"{functions.__name__}:gone", r"options\.function: .*functions has no function gone"),
        (f"{functions.__name__}:NOT_A_FUNCTION", "has no function NOT_A_FUNCTION"),
        ("f", "must be package.module:name"),
    ],
)
def test_a_function_that_is_not_there_is_told_before_anything_runs(function: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        combine(Python, {"function": function}, TABLE)
