"""Every type of every database in every target: exact, or a declared difference, or a bad row that says why."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from lumos_dagster.errors import DataError
from lumos_dagster_tests.connectors.jdbc.conftest import Place
from lumos_dagster_tests.connectors.jdbc.type_matrix import declared, page
from lumos_dagster_tests.connectors.jdbc.type_matrix.differences import DIFFERENCES, ITSELF
from lumos_dagster_tests.connectors.jdbc.type_matrix.of_duckdb import DUCKDB
from lumos_dagster_tests.connectors.jdbc.type_matrix.of_mariadb import MARIADB
from lumos_dagster_tests.connectors.jdbc.type_matrix.of_postgresql import POSTGRESQL
from lumos_dagster_tests.connectors.jdbc.type_matrix.of_sqlite import SQLITE
from lumos_dagster_tests.connectors.jdbc.type_matrix.trying import Trial

NATIVES = {"postgresql": POSTGRESQL, "mariadb": MARIADB, "sqlite": SQLITE, "duckdb": DUCKDB}


def test_every_type_comes_back_as_the_page_says(
    place: Place, postgres_place: Place, mariadb_place: Place, sqlite_place: Place, duckdb_place: Place
) -> None:
    tried = Trial(place, NATIVES[place.name]).tried([postgres_place, mariadb_place, sqlite_place, duckdb_place])
    differ = {
        (place.name, one.native.declared, target): cell.changed
        for one in tried
        for target, cell in {ITSELF: one.itself, **one.targets}.items()
        if cell.changed
    }
    undeclared = {key: changed for key, changed in differ.items() if key not in DIFFERENCES}

    assert undeclared == {}
    assert {key for key in DIFFERENCES if key[0] == place.name} == set(differ), "a difference that is none any longer"
    assert not any(one.itself.refused for one in tried), "a table takes what it has held"
    page.hold(f"From {page.TITLES[place.name]}", page.section(place.name, NATIVES[place.name].before, tried))


def test_the_page_says_what_is_declared() -> None:
    page.hold(page.MADE, declared.made())
    page.hold(page.SQL_SERVER, declared.sql_server())
    page.hold(page.ORACLE, declared.oracle_types())
    assert list(page.found()) == page.ORDER
    assert page.PAGE.read_text("utf-8").startswith(page.HEAD)


IN_SILENCE = (
    ("char(3)", ["a", "", " a", "a  ", "日本語"], ["a ", "ab  "]),
    ('"char"', ["a", "", r"\377"], ["ab", "é"]),
    ("name", ["n" * 63, "é"], ["n" * 64, "é" * 32]),
    ("money", ["1.5", "-$1,234.56", "7"], ["1.005", "$1,234.567"]),
    ("time with time zone", ["05:06:07.000001+00", "24:00+05:30", "05:06Z"], ["05:06:07.0000001+00", "5 o'clock"]),
    ("time(0) with time zone", ["05:06:07+00", "05:06:07.00+00"], ["05:06:07.5+00"]),
    ("interval", ["P1DT0.000001S", "1 day, 2:00:00.5", "-00:00:00.5"], ["PT0.0000001S"]),
    ("interval(0)", ["PT1S", "1 day 00:00:01.00"], ["PT1.5S", "00:00:01.5"]),
    ("interval day to second(3)", ["P1DT1.001S"], ["PT1.0001S"]),
    ("interval year to month", ["P1Y-2M", "1 year 2 mons", "PT0S"], ["P1D", "1 day", "PT1H"]),
    ("interval day to minute", ["P3DT4H5M"], ["PT1S"]),
    (
        "numeric(5,2)[]",
        ["{1.50,NULL,-7,NaN}", "[0:1]={1,2.500}", "{{1,2},{3,4}}", "{}"],
        ["{1.005}", "{1,{2.001}}"],
    ),
    ("date[]", ["{2026-01-01,infinity}"], ["{2026-01-01 12:00}"]),
    ("time(0)[]", ["{05:06:07}"], ["{05:06:07.5}"]),
    ("timestamp(0)[]", ['{"2026-01-01 05:06:07",NULL}'], ["{2026-01-01T05:06:07.5}", "{2026-01-01 05:06:07+09}"]),
    ("timestamptz[]", ["{2026-01-01T05:06:07.123456Z}"], ["{2026-01-01T05:06:07.1234567Z}"]),
    ("interval(0)[]", ['{PT1S,"1 day, 2:00:00"}'], ["{PT1S,PT1.5S}"]),
    ("varchar(3)[]", ['{abc,"a ",""}'], ['{"abc "}']),
    ("cents", ["1.50"], ["1.005", "12345678901"]),
    ("late", ["2026-01-01"], ["2026-01-01 12:00:00.5"]),
    ("moody", ["so so"], ["Fine"]),
)
"""A type of PostgreSQL's, texts that it keeps, and texts that it would change."""


def test_what_postgresql_would_change_in_silence_is_a_bad_row(postgres_place: Place) -> None:
    postgres_place.sql("create type mood as enum ('so so', 'fine'); create domain moody as mood;"
                       "create domain cents as numeric(10,2); create domain late as timestamp(0)")  # fmt: skip
    for number, (kind, good, bad) in enumerate(IN_SILENCE):
        table = f"t{number}"
        postgres_place.sql(f"create table {table} (id integer, v {kind})")
        with pytest.raises(DataError, match=r"row 2: field 'v': value .*column 'v'"):
            postgres_place.load(_rows(good[0], bad[0]), f"fail {table}", table_name=table)
        postgres_place.load(_rows(*good, *bad, None), table, "reject", table_name=table)

        assert postgres_place.count.rejected == len(bad), kind
        same = (f"(id <> {at} or v::text = {_quoted(text)}::{kind}::text)" for at, text in enumerate(good))
        found = postgres_place.sql(f"select count(*), count(v), bool_and({' and '.join(same)}) from {table}")
        assert found == [(len(good) + 1, len(good), True)], kind


@pytest.mark.parametrize(
    ("declared", "kind", "bad"),
    [
        ("numeric(5,2)[]", pa.list_(pa.decimal128(6, 3)), [Decimal("1.005")]),
        ("timestamp(0)[]", pa.list_(pa.timestamp("us")), [datetime(2026, 1, 1, 0, 0, 0, 1)]),
        ("timestamp[]", pa.list_(pa.timestamp("us", "UTC")), [datetime(2026, 1, 1, tzinfo=UTC)]),
        ("varchar(2)[]", pa.list_(pa.string()), ["ab "]),
    ],
)
def test_elements_that_postgresql_would_round_or_cut_are_a_bad_row(
    postgres_place: Place, declared: str, kind: pa.DataType, bad: Any
) -> None:
    postgres_place.sql(f"create table t (id integer, v {declared})")
    with pytest.raises(DataError, match=r"row 1: field 'v': value .*: does not fit column 'v'"):
        postgres_place.load(pa.table({"id": [0], "v": pa.array([bad], kind)}))


@pytest.mark.parametrize(
    ("declared", "good", "bad", "reason"),
    [
        ("year", [0, 1901, 2155], [5, 69, 99, 1900, -1], "none of the values"),
        ("binary(2)", [b"ab", b"\0\0"], [b"a", b"", b"abc"], "cannot be kept exactly"),
        ("double(10,2)", [0.25, -1.5], [0.125], "cannot be kept exactly"),
        ("float(7,3)", [0.125, 1234.5], [0.0625], "cannot be kept exactly"),
        ("bit(1)", [True, False], [], ""),
    ],
)
@pytest.mark.parametrize("takes_files", [0, 1])
def test_what_mariadb_would_change_in_silence_is_a_bad_row(
    mariadb_place: Place, declared: str, good: list[Any], bad: list[Any], reason: str, takes_files: int
) -> None:
    mariadb_place.sql(f"create table t (id integer, v {declared})")
    mariadb_place.sql(f"set global local_infile = {takes_files}")
    try:
        for value in bad:
            with pytest.raises(DataError, match=f"row 1: field 'v': .*{reason}"):
                mariadb_place.load([{"id": 0, "v": value}])
        mariadb_place.load([{"id": at, "v": value} for at, value in enumerate(good)])
    finally:
        mariadb_place.sql("set global local_infile = 1")

    assert mariadb_place.read().sort_by("id")["v"].to_pylist() == good


@pytest.mark.parametrize("partitions", [{}, {"partition_column": "id", "num_partitions": 2}])
def test_instants_that_mariadb_keeps_are_read_as_instants(mariadb_place: Place, partitions: dict[str, Any]) -> None:
    instants = [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC)]
    rows = pa.table({"id": [1, 2, 3], "v": pa.array([*instants, None], pa.timestamp("us", "UTC"))})
    mariadb_place.load(rows, create_table=True)

    assert mariadb_place.read(**partitions).sort_by("id").select(["id", "v"]) == rows
    assert mariadb_place.read(columns=["v"], where="id = 2").to_pylist() == [{"v": instants[1]}]


def test_mariadb_takes_files(mariadb_place: Place) -> None:
    """All of our own statements but the rows are the same, so that one INSERT more or less tells how they went."""

    def inserts(load: str) -> int:
        before = mariadb_place.sql("show global status like 'Com_insert'")[0][1]
        mariadb_place.load([{"id": 1}], load)
        return int(mariadb_place.sql("show global status like 'Com_insert'")[0][1]) - int(before)

    mariadb_place.sql("create table t (id integer)")
    inserts("makes the ledger")
    by_file = inserts("by file")
    mariadb_place.sql("set global local_infile = 0")
    try:
        assert inserts("by INSERT") == by_file + 1
    finally:
        mariadb_place.sql("set global local_infile = 1")


def test_a_fraction_in_an_integer_column_is_no_integer(sqlite_place: Place) -> None:
    for kind in ("integer", ""):
        sqlite_place.sql(
            f"drop table if exists t;;create table t (id integer, v {kind});;insert into t values (1, 1), (2, 1.5)"
        )
        with pytest.raises(DataError, match=r"column 'v' is declared as int64, but holds .*1\.5"):
            sqlite_place.read(batch_size=1)


def test_without_load_data_mariadb_holds_the_same(mariadb_place: Place) -> None:
    trial = Trial(mariadb_place, MARIADB)
    mariadb_place.sql("set global local_infile = 0")
    try:
        cells = trial.same_again(trial.rows())
    finally:
        mariadb_place.sql("set global local_infile = 1")

    assert [cell for cell in cells if cell.refused or cell.changed] == []


def _rows(*values: str | None) -> pa.Table:
    return pa.table({"id": pa.array(range(len(values)), pa.int32()), "v": pa.array(values, pa.string())})


def _quoted(text: str) -> str:
    return "'{}'".format(text.replace("'", "''"))
