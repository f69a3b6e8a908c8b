"""Every value arrives as it was sent, or is a bad row: both databases, their own types, and text read strictly."""

import json
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from lumos_dagster.errors import DataError
from lumos_dagster_tests.connectors.jdbc.conftest import Place

TEXTS = [
    "",
    None,
    "'",
    '"',
    '""',
    "a,b",
    "a\nb",
    "a\r\nb",
    "\\.",
    "\\N",
    "%s",
    "🙂日本語",
    " a ",
    "NULL",
    "long " * 1_000_000,
]


def _one(kind: pa.DataType, *values: Any) -> pa.Table:
    return pa.table({"id": pa.array(range(len(values)), pa.int32()), "v": pa.array(values, kind)})


def _values(place: Place, table: str = "t") -> list[Any]:
    found: list[Any] = place.read(query=f"select v from {table} order by id")["v"].to_pylist()
    return found


def test_texts_of_every_kind_and_length(place: Place) -> None:
    place.load(_one(pa.string(), *TEXTS), create_table=True)

    assert _values(place) == TEXTS


@pytest.mark.parametrize("kind", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())])
def test_text_in_any_layout(place: Place, kind: pa.DataType) -> None:
    text = pa.array(["a", None, ""], pa.string()).cast(kind)
    place.sql("create table t (id integer, v text)")
    place.load(pa.table({"id": pa.array([0, 1, 2]), "v": text}))

    assert _values(place) == ["a", None, ""]
    place.load(pa.table({"id": pa.array([0, 1, 2]), "v": text}), "2", table_name="made", create_table=True)
    assert _values(place, "made") == ["a", None, ""]


@pytest.mark.parametrize("kind", ["list", "struct"])
def test_nested_values_become_json(place: Place, kind: str) -> None:
    value: Any = [1, None] if kind == "list" else {"a": 1, "b": ["é", '"']}
    place.load(pa.table({"id": [0, 1], "v": [value, None]}), create_table=True)
    found = _values(place)

    assert (json.loads(found[0]), found[1]) == (value, None)


@pytest.mark.parametrize(
    ("declared", "texts", "values"),
    [
        ("smallint", ["-32768", "+32767", "007"], [-32768, 32767, 7]),
        ("bigint", ["-9223372036854775808", "9223372036854775807"], [-(2**63), 2**63 - 1]),
        ("double precision", ["1.5", "1e-300", "-.5"], [1.5, 1e-300, -0.5]),
        ("boolean", ["true", "FALSE", "1", "0"], [True, False, True, False]),
        ("date", ["0001-01-01", "9999-12-31"], [date(1, 1, 1), date(9999, 12, 31)]),
        (
            "timestamp",
            ["2026-03-04T05:06:07.000001", "2026-03-04"],
            [datetime(2026, 3, 4, 5, 6, 7, 1), datetime(2026, 3, 4)],
        ),
        ("time", ["05:06", "23:59:59.999999"], [time(5, 6), time(23, 59, 59, 999999)]),
    ],
)
def test_text_becomes_what_the_column_holds(place: Place, declared: str, texts: list[str], values: list[Any]) -> None:
    place.sql(f"create table t (id integer, v {place.declared(declared)})")
    place.load(_one(pa.string(), *texts))

    assert _values(place) == values


@pytest.mark.parametrize(
    ("declared", "bad"),
    [
        ("bigint", ["", " 1", "1.0", "1e3", "0x1", "9223372036854775808", "ten"]),
        ("double precision", ["", "1,5", "1e999", "1 "]),
        ("boolean", ["", "yes", "t", "2"]),
        ("date", ["", "2026-3-4", "04/03/2026", "2026-02-30", "0000-01-01", "2026-03-04T05:06"]),
        ("timestamp", ["", "2026-03-04 25:00", "2026-03-04T05:06:07Z", "2026-03-04T05:06:07.0000001"]),
        ("time", ["", "24:00", "5:06"]),
    ],
)
def test_text_that_is_no_such_value_is_a_bad_row(place: Place, declared: str, bad: list[str]) -> None:
    if (place.name, declared) == ("mariadb", "boolean"):
        bad = [text for text in bad if text != "2"]  # its boolean is a tinyint
    place.sql(f"create table t (id integer, v {place.declared(declared)})")
    with pytest.raises(DataError, match=r"row 1: field 'v': value .* does not fit column 'v'"):
        place.load(_one(pa.string(), *bad))

    assert place.load(_one(pa.string(), *bad, None), on_error="reject").inserted == 1
    assert place.count.rejected == len(bad)
    assert _values(place) == [None]


@pytest.mark.parametrize(
    ("declared", "value", "reason"),
    [
        ("smallint", 32768, "does not fit column 'v' \\(smallint\\)"),
        ("integer", 2**31, "does not fit"),
        ("bigint", 1.5, "does not fit"),
        ("numeric(5,2)", Decimal("1000.00"), "does not fit"),
        ("numeric(5,2)", Decimal("0.001"), "does not fit"),
        ("real", 0.1, "does not fit"),
        ("varchar(3)", "日本語x", "longer than the 3 characters"),
        ("char(2)", "abc", "longer than the 2 characters"),
        ("text", "a\0b", "holds '\\\\x00'"),
        ("date", datetime(2026, 1, 1, 1), "does not fit"),
    ],
)
def test_a_value_too_large_or_too_fine_is_a_bad_row(
    postgres_place: Place, declared: str, value: Any, reason: str
) -> None:
    postgres_place.sql(f"create table t (id integer, v {declared})")

    with pytest.raises(DataError, match=f"row 1: field 'v': value .*: .*{reason}"):
        postgres_place.load([{"id": 0, "v": value}])
    assert postgres_place.load([{"id": 0, "v": value}], on_error="null").inserted == 1
    assert postgres_place.count.nulled == 1
    assert _values(postgres_place) == [None]


def test_numbers_stay_exact(postgres_place: Place) -> None:
    postgres_place.sql("create table t (id integer, v numeric(38,10), free numeric, money numeric(10,2))")
    exact = [Decimal("-9999999999999999999999999999.0000000001"), Decimal("0E-10"), Decimal("0.0000000001"), None]
    free = ["123456789012345678901234567890.123456789", "0.1", "-0.0000000000000000000000001", None]
    rows = [{"id": at, "v": exact[at], "free": free[at], "money": "1.50"} for at in range(4)]
    postgres_place.load(rows)
    found = postgres_place.read(columns=["v", "free", "money"])

    assert found.schema.types == [pa.decimal128(38, 10), pa.string(), pa.decimal128(10, 2)]
    assert found.to_pydict() == {"v": exact, "free": free, "money": [Decimal("1.50")] * 4}


def test_decimals_in_sqlite_are_kept_as_text_or_refused(sqlite_place: Place) -> None:
    value = Decimal("12345678901234567.89")
    sqlite_place.load([{"id": 0, "v": value}], create_table=True)
    sqlite_place.sql("create table n (id integer, v numeric(20,2))")

    assert _values(sqlite_place) == ["12345678901234567.89"]
    with pytest.raises(DataError, match="cannot be kept exactly by column 'v'"):
        sqlite_place.load([{"id": 0, "v": value}], table_name="n")
    sqlite_place.load([{"id": 0, "v": Decimal("0.10")}], table_name="n")
    assert _values(sqlite_place, "n") == [Decimal("0.10")]


def test_floats_keep_every_bit(postgres_place: Place) -> None:
    values = [0.1, 5e-324, 1.7976931348623157e308, float("inf"), float("-inf"), -0.0, None]
    postgres_place.load(_one(pa.float64(), *values, float("nan")), create_table=True)
    *found, nan = _values(postgres_place)

    assert list(map(str, found)) == list(map(str, values))
    assert nan != nan  # noqa: PLR0124 - that is what NaN is


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        ("uuid", "6f1c2a9e-0d7b-4f43-9a4e-1f0f0c2b3a4d"), ("json", '{"a":  [1, "é"]}'), ("jsonb", '{"a": [1, null]}'),
        ("integer[]", "{1,NULL,3}"), ("text[]", '{a,"b c",""}'), ("mood", "so so"), ("inet", "10.0.0.0/8"),
        ("interval", "P1DT2H"), ("varchar(5)", "日本語ab"), ("int4range", "[1,5)"), ("numeric(3,-2)", "12300"),
    ],
)  # fmt: skip
def test_types_without_a_place_in_arrow_travel_as_text(postgres_place: Place, declared: str, value: str) -> None:
    postgres_place.sql("create type mood as enum ('so so', 'fine')")
    postgres_place.sql(f"create table t (id integer primary key, v {declared})")
    postgres_place.load(_one(pa.string(), value, None), load_mode="upsert" if declared != "json" else "insert")

    assert _values(postgres_place) == [value, None]


def test_bytes_stay_bytes(place: Place) -> None:
    value = bytes(range(256))
    place.load(_one(pa.binary(), value, b"", None), create_table=True)
    place.sql(f"create table s (id integer, v {'bytea' if place.name == 'postgresql' else 'blob'})")
    place.load(_one(pa.string(), "\\x00ff", "00FF"), table_name="s")

    assert _values(place) == [value, b"", None]
    assert _values(place, "s") == [b"\x00\xff"] * 2


def test_instants_stay_the_same_instant(place: Place) -> None:
    declared = place.declared("timestamp with time zone")
    place.sql(f"create table t (id integer, v {declared})")
    tokyo = datetime(2026, 3, 4, 5, 6, 7, 8, timezone(timedelta(hours=9)))
    moment = tokyo.astimezone(UTC)
    place.load(pa.table({"id": [0], "v": pa.array([tokyo], pa.timestamp("us", "Asia/Tokyo"))}), "1")
    place.load(pa.table({"id": [1], "v": pa.array([moment.replace(tzinfo=None)], pa.timestamp("us"))}), "2")
    place.load([{"id": 2, "v": "2026-03-04T05:06:07.000008+09:00"}, {"id": 3, "v": "2026-03-03T20:06:07.000008"}], "3")
    found = place.read(query="select v from t order by id")

    assert found.schema.field("v").type == pa.timestamp("us", "UTC")
    assert found["v"].to_pylist() == [moment] * 4


def test_a_reading_says_which_value_has_no_place_in_arrow(postgres_place: Place) -> None:
    for value in ("'NaN'::numeric(5,2)", "'infinity'::timestamp", "'10000-01-01'::date"):
        with pytest.raises(DataError, match=r"cannot be read exactly: .*column::text"):
            postgres_place.read(query=f"select {value} as v")


def test_sqlite_holds_what_its_columns_declare(sqlite_place: Place) -> None:
    sqlite_place.sql("create table t (id integer, u uuid, j json, p numeric, d date, x);;"
                     "insert into t values (1, 'a-b', '{}', 1.5, '2026-01-02', 7)")  # fmt: skip
    found = sqlite_place.read()

    assert found.to_pylist() == [{"id": 1, "u": "a-b", "j": "{}", "p": Decimal("1.5"), "d": date(2026, 1, 2), "x": 7}]
    sqlite_place.sql("update t set d = 5")
    with pytest.raises(DataError, match=r"column 'd' is declared as date32.*, but holds 5. .*CAST"):
        sqlite_place.read()
    sqlite_place.sql("update t set d = null, id = 'one'")
    with pytest.raises(DataError, match="column 'id' is declared as int64, but holds a value that is none"):
        sqlite_place.read()


def test_a_column_of_another_kind_is_named(place: Place) -> None:
    place.sql("create table t (id integer, v date)")
    with pytest.raises(DataError, match=r"(?i)column 'v' into 'v' \(date\)"):
        place.load([{"id": 1, "v": b"x"}])
