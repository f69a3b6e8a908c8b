"""What a column would round, refuse or cut is told before it is sent, with row and field; lists become arrays."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from lumos_dagster.errors import DataError
from lumos_dagster_tests.connectors.jdbc.conftest import Place

MOMENT = datetime(2026, 1, 2, 3, 4, 5)
LONG = "n" * 64


def _array(kind: pa.DataType, *values: Any) -> pa.Table:
    return pa.table({"id": pa.array(range(len(values)), pa.int32()), "v": pa.array(values, kind)})


@pytest.mark.parametrize(
    ("declared", "good", "bad"),
    [
        ("timestamp(0)", MOMENT, MOMENT + timedelta(microseconds=500_000)),
        ("timestamp(4)", MOMENT + timedelta(microseconds=100), MOMENT + timedelta(microseconds=10)),
        ("timestamp(0)", datetime(1900, 1, 1), datetime(1900, 1, 1, 0, 0, 0, 1)),
        ("timestamptz(3)", MOMENT.replace(tzinfo=UTC, microsecond=1000), MOMENT.replace(tzinfo=UTC, microsecond=1)),
        ("time(0)", time(1, 2, 3), time(23, 59, 59, 999_999)),
        ("numeric(50,2)", "12345678901234567890123456789012345678901234567.50", "0.125"),
        ("numeric(3,-2)", "12300", "12345"),
    ],
)
def test_what_a_column_would_round_is_a_bad_row(postgres_place: Place, declared: str, good: Any, bad: Any) -> None:
    postgres_place.sql(f"create table t (id integer, v {declared})")
    rows = [{"id": 0, "v": good}, {"id": 1, "v": bad}, {"id": 2, "v": None}]
    with pytest.raises(DataError, match=r"row 2: field 'v': value .*: (cannot be kept exactly by|does not fit) column"):
        postgres_place.load(rows)
    postgres_place.load(rows, on_error="reject")

    assert postgres_place.count.rejected == 1
    found = postgres_place.sql("select v from t order by id")
    assert found == [(Decimal(good) if isinstance(good, str) else good,), (None,)]


@pytest.mark.parametrize(
    ("declared", "good", "bad"),
    [
        (
            "uuid",
            ["6f1c2a9e-0d7b-4f43-9a4e-1f0f0c2b3a4d", "{6F1C2A9E0D7B4F439A4E1F0F0C2B3A4D}"],
            ["", "6f1c", "g" * 32],
        ),
        ("numeric", ["1", "-.5", "1.", "1e5", "NaN"], ["", "one", "1,5", "0x1", " 1"]),
        ("mood", ["so so", "fine"], ["", "Fine", "bad"]),
    ],
)
@pytest.mark.parametrize("mode", ["insert", "upsert"])
def test_text_that_the_server_would_refuse_is_told_by_row_and_field(
    postgres_place: Place, declared: str, good: list[str], bad: list[str], mode: str
) -> None:
    postgres_place.sql("create type mood as enum ('so so', 'fine')")
    postgres_place.sql(f"create table t (id integer primary key, v {declared})")
    for value in bad:
        with pytest.raises(
            DataError, match=r"row 2: field 'v': value .*(does not fit|none of the values of) column 'v'"
        ):
            postgres_place.load(_array(pa.string(), good[0], value), load_mode=mode)
    postgres_place.load(_array(pa.string(), *good, *bad, None), on_error="reject", load_mode=mode)

    assert postgres_place.count.rejected == len(bad)
    assert postgres_place.sql("select count(*), count(v) from t") == [(len(good) + 1, len(good))]


@pytest.mark.parametrize("on_error", ["fail", "reject"])
def test_nan_that_sqlite_makes_null_is_counted_and_told(sqlite_place: Place, on_error: Any) -> None:
    rows = _array(pa.float64(), 1.5, float("nan"), None, float("nan"))
    sqlite_place.load(rows, create_table=True, on_error=on_error)

    assert sqlite_place.sql("select v from t order by id") == [(1.5,), (None,), (None,), (None,)]
    assert sqlite_place.count.notes == {"NaN in column v became NULL": 2}
    assert sqlite_place.log == ["load: NaN in column v became NULL: the database cannot keep it"]


def test_nan_where_sqlite_may_have_no_null_is_a_bad_row(sqlite_place: Place) -> None:
    sqlite_place.sql("create table t (id integer, v real not null)")
    rows = _array(pa.float64(), 1.5, float("nan"))
    with pytest.raises(DataError, match="row 2: field 'v': value nan: NaN is NULL to column 'v'"):
        sqlite_place.load(rows)
    assert sqlite_place.load(rows, on_error="skip").inserted == 1


@pytest.mark.parametrize(
    ("declared", "kind", "values"),
    [
        ("integer[]", pa.list_(pa.int64()), [[1, None, -3], [], None]),
        ("text[]", pa.large_list(pa.string()), [["a b", 'say "hi"', "back\\slash", "", "NULL", None, "{,}", "é\n"], None]),
        ("text[]", pa.list_(pa.string(), 2), [["a", "b"], None, [None, "c"]]),
        ("double precision[]", pa.list_(pa.float64()), [[0.1, float("inf")]]),
        ("boolean[]", pa.list_(pa.bool_()), [[True, False, None]]),
        ("bytea[]", pa.list_(pa.binary()), [[b"\x00\xff", b""]]),
        ("timestamp[]", pa.list_(pa.timestamp("us")), [[MOMENT, None]]),
        ("numeric(5,2)[]", pa.list_(pa.decimal128(5, 2)), [[Decimal("1.50")]]),
        ("integer[]", pa.list_(pa.list_(pa.int32())), [[[1, 2], [3, 4]], [], None]),
        ("jsonb[]", pa.list_(pa.struct([pa.field("a", pa.string())])), [[{"a": 'x"y'}, None]]),
        ("jsonb", pa.list_(pa.int32()), [[1, 2], [], None]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("mode", ["insert", "upsert"])
def test_lists_become_arrays(
    postgres_place: Place, declared: str, kind: pa.DataType, values: list[Any], mode: str
) -> None:
    postgres_place.sql(f"create table t (id integer primary key, v {declared})")
    postgres_place.load(_array(kind, values[-1], *values).slice(1), load_mode=mode)

    assert [value for (value,) in postgres_place.sql("select v from t order by id")] == values


@pytest.mark.parametrize("options", [{"table_name": LONG}, {"table_name": f"{LONG}.t"}])
def test_the_name_of_a_table_that_would_be_cut(postgres_place: Place, options: dict[str, Any]) -> None:
    with pytest.raises(
        DataError, match="has 64 bytes, and the database keeps only 63 of a name; set another table_name"
    ):
        postgres_place.load([{"id": 1}], create_table=True, **options)


@pytest.mark.parametrize("load_mode", ["insert", "upsert", "replace"])
def test_the_name_of_a_column_that_would_be_cut(postgres_place: Place, load_mode: str) -> None:
    rows = [{"id": 1, "é" * 32: 2}]
    message = r"has 64 bytes, and the database keeps only 63 of a name; give the column another one \(columns\)"
    with pytest.raises(DataError, match=message):
        postgres_place.load(rows, create_table=True, load_mode=load_mode)
    postgres_place.sql("create table t (id integer primary key)")
    for schema_change in ("error", "add_columns"):
        with pytest.raises(DataError, match=message):
            postgres_place.load(rows, load_mode=load_mode, schema_change=schema_change)
    assert postgres_place.load(rows, columns={"é" * 32: "e"}, schema_change="add_columns").inserted == 1


def test_a_long_name_is_no_matter_to_sqlite(sqlite_place: Place) -> None:
    sqlite_place.load([{LONG: 1}], create_table=True, table_name=LONG)
    assert sqlite_place.read(table_name=LONG).to_pylist() == [{LONG: 1}]


def test_a_query_reads_its_whole_database(postgres_place: Place, sqlite_place: Place) -> None:
    target = postgres_place.loader().location()
    assert target.startswith(f"{postgres_place.extractor(query='select 1').location()}:")
    assert postgres_place.extractor().location() == target
    assert sqlite_place.extractor(query="select 1").location() == sqlite_place.loader().location()
