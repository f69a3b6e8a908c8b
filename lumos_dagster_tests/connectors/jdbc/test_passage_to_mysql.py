"""Rows past the batches from PostgreSQL into MariaDB: by LOAD DATA of what COPY has written, or not at all."""

from typing import Any

import pytest

from lumos_dagster.errors import DataError, LumosError
from lumos_dagster.values import RunContext
from lumos_dagster_tests.connectors.jdbc.test_passage import both, make, move
from lumos_dagster_tests.servers.mariadb import MariadbDatabase
from lumos_dagster_tests.servers.postgres import PostgresDatabase

TEXTS = [
    "",
    "\\N",
    "\\",
    "\\f",
    "\f",
    "\v\\v",
    "\b",
    "\t",
    "\r\n",
    " blank ",
    'it\'s "so"',
    "naïve 😀",
    "\\\\\f\\\\v",
    "\x7f",
]


def ways(postgres: PostgresDatabase, mariadb: MariadbDatabase, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return both(postgres)[0], {"connection_string": mariadb.url, "table_name": "b", **more}


@pytest.mark.parametrize(
    ("given", "taken", "values"),
    [
        ("smallint", "bigint", ["-32768", "32767"]),
        ("integer", "int", ["-2147483648"]),
        ("bigint", "bigint", ["9223372036854775807"]),
        ("numeric(12,2)", "decimal(14,4)", ["-9999999999.99", "0.10"]),
        ("date", "date", ["0001-01-01", "9999-12-31"]),
        ("character varying(44)", "varchar(44) character set utf8mb4", TEXTS),
        ("character varying(44)", "longtext character set utf8mb4", TEXTS),
        ("text", "longtext character set utf8mb4", TEXTS),
    ],
)
def test_every_value_arrives(
    postgres: PostgresDatabase, mariadb: MariadbDatabase, run: RunContext, given: str, taken: str, values: list[str]
) -> None:
    make(postgres, f"create table a (n bigint, x {given})")
    mariadb.rows(f"create table b (n bigint, x {taken})")
    with postgres.connect() as raw:
        for number, value in enumerate([None, *values]):
            raw.execute(f"insert into a values ({number}, %s::{given})", (value,))

    done = move(run, *ways(postgres, mariadb))

    assert done.went_as_sent
    assert done.tasks["load"].count.inserted == len(values) + 1
    of_decimals = "cast(trim(trailing '0' from x) as char)" if given.startswith("numeric") else "x"
    arrived = dict(mariadb.rows(f"select n, {of_decimals} from b"))
    sent = dict(postgres.rows(f"select n, {'trim_scale(x)::text' if given.startswith('numeric') else 'x'} from a"))
    assert {int(number): str(value) for number, value in arrived.items()} == {n: str(x) for n, x in sent.items()}
    assert [row["n"] for row in done.tasks["load"].sample] == [str(number) for number in range(min(10, len(sent)))]


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("bigint", "int"),
        ("integer", "int unsigned"),
        ("integer", "mediumint"),
        ("numeric(12,2)", "decimal(12,1)"),
        ("numeric", "decimal(12,1)"),
        ("character varying(5)", "varchar(4)"),
        ("character varying(5)", "char(5)"),
        ("text", "varchar(100)"),
        ("timestamp", "datetime(6)"),
        ("boolean", "tinyint(1)"),
        ("double precision", "double"),
    ],
)
def test_other_types_go_in_batches(
    postgres: PostgresDatabase, mariadb: MariadbDatabase, run: RunContext, given: str, taken: str
) -> None:
    make(postgres, f"create table a (x {given})")
    mariadb.rows(f"create table b (x {taken})")
    assert not move(run, *ways(postgres, mariadb)).went_as_sent


def test_a_row_that_does_not_arrive_as_it_was_is_found_as_ever(
    postgres: PostgresDatabase, mariadb: MariadbDatabase, run: RunContext
) -> None:
    make(
        postgres,
        "create table a (n bigint, x character varying(9))",
        "insert into a select n, case when n <> 250000 then 'x' end from generate_series(1, 300000) n",
    )
    mariadb.rows("create table b (n bigint primary key, x varchar(9) not null)")
    mariadb.rows("insert into b values (0, 'old')")

    with pytest.raises(DataError, match="row 250000"):
        move(run, *ways(postgres, mariadb))
    assert mariadb.rows("select count(*) from b") == [(1,)]

    done = move(run, *ways(postgres, mariadb, load_mode="truncate"), on_error="reject")

    assert not done.went_as_sent
    assert (done.tasks["load"].count.inserted, done.tasks["load"].count.rejected) == (299_999, 1)
    assert [int(value) for (value,) in mariadb.rows("select count(distinct n) from b")] == [299_999]


@pytest.mark.parametrize("bad", [150_000, 299_999, 300_000])
def test_a_source_that_breaks_off_loads_nothing(
    postgres: PostgresDatabase, mariadb: MariadbDatabase, run: RunContext, bad: int
) -> None:
    make(postgres, "create table a (n bigint)", "insert into a select n from generate_series(1, 300000) n")
    mariadb.rows("create table b (n bigint, x bigint)")
    source, target = ways(postgres, mariadb)
    del source["table_name"]

    with pytest.raises(LumosError, match="division by zero"):
        move(run, {**source, "query": f"select n, 1 / (n - {bad}) x from a"}, target)

    assert mariadb.rows("select count(*) from b") == [(0,)]


def test_a_table_that_refuses_the_first_row_does_not_wait_for_the_last(
    postgres: PostgresDatabase, mariadb: MariadbDatabase, run: RunContext
) -> None:
    make(postgres, "create table a (n bigint)", "insert into a select 1 from generate_series(1, 300000) n")
    mariadb.rows("create table b (n bigint primary key)")
    with pytest.raises(DataError, match="Duplicate"):
        move(run, *ways(postgres, mariadb))
    assert mariadb.rows("select count(*) from b") == [(0,)]
