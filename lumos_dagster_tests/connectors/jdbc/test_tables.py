"""The target table: made, altered, matched with the input's columns, under whatever names."""

from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from lumos_dagster.errors import ConfigError, DataError, TerminalError
from lumos_dagster_tests.connectors.jdbc.conftest import Place

NAMES = [
    "order", "with space", "dot.ted", 'say "hi"', "🙂", "100%", "%s", "%(x)s", "Größe", "semi;colon", "it's", "n" * 63,
    "co:lon", "que?stion", "_lumos_nth2", "$1", "back\\slash", "{brace}",
]  # fmt: skip
DDL = """
    CREATE TABLE IF NOT EXISTS users (
      id INTEGER PRIMARY KEY,
      name TEXT NOT NULL,
      email TEXT UNIQUE,
      registration_date DATE,
      last_login TIMESTAMP
    )
"""
USERS: list[dict[str, Any]] = [
    {"id": "1", "name": "Ann", "email": "ann@example.org", "registration_date": "2026-01-31", "status": "active"},
    {"id": "2", "name": "Bob", "email": None, "registration_date": None, "status": "active"},
]


@pytest.mark.parametrize("name", NAMES)
def test_a_table_and_its_columns_may_be_named_anything(place: Place, name: str) -> None:
    if place.name == "mariadb" and name == "🙂":
        with pytest.raises(DataError, match=r"'🙂' has a character beyond U\+FFFF .* which MySQL takes in no name"):
            place.load([{"id": 1}], create_table=True, table_name=name)
        return
    table = '"' + name.replace('"', '""') + '"'
    options: dict[str, Any] = {"table_name": table, "key_column": name}
    rows = [{name: 1, f"{name[:62]}2": "a"}]
    place.load(rows, "1", create_table=True, load_mode="upsert", **options)
    for mode in ("upsert", "update", "delete_insert", "replace", "replace"):
        place.load(rows, f"by {mode}", load_mode=mode, **options)

    assert place.read(table_name=table).to_pylist() == rows
    assert place.read(query=f"select * from {place.quoted(name)}").to_pylist() == rows
    assert place.read(table_name=table, columns=[name]).to_pylist() == [{name: 1}]


def test_a_schema_may_be_named_anything(postgres_place: Place) -> None:
    postgres_place.sql('create schema "100% s.""x"')
    table = '"100% s.""x".t'
    for load_id in "112":
        postgres_place.load([{"id": 1}], load_id, table_name=table, create_table=True)

    assert postgres_place.sql('select * from "100% s.""x".t') == [(1,), (1,)]
    assert postgres_place.sql('select count(*) from "100% s.""x"._lumos_loads') == [(2,)]


def test_a_table_of_the_users_own_ddl(place: Place) -> None:
    options: dict[str, Any] = {"table_name": "users", "load_mode": "upsert", "create_table": True, "table_schema": DDL}
    place.load(USERS, "1", **options)
    place.load(USERS[:1], "2", **options)

    assert place.read(query="select id, registration_date, last_login from users order by id").to_pylist() == [
        {"id": 1, "registration_date": date(2026, 1, 31), "last_login": None},
        {"id": 2, "registration_date": None, "last_login": None},
    ]
    place.load(USERS, "3", **options)
    place.load(USERS, "3", **options)
    assert place.count.notes == {"column status left out": 2}
    assert any("left out, as table" in line and "'status'" in line for line in place.log)
    with pytest.raises(DataError, match="row 1: field 'registration_date': value '31/01/2026': does not fit column"):
        place.load([{**USERS[0], "registration_date": "31/01/2026"}], "4", **options)


def test_a_ddl_with_other_statements_in_it(postgres_place: Place) -> None:
    ddl = """
        create table t (id integer primary key, v text default ';'); -- a ; in a comment
        create function f() returns trigger language plpgsql as $$ begin new.v := 'set; by %'; return new; end $$;
        create trigger g before insert on t for each row execute function f();
    """
    postgres_place.load([{"id": 1}], create_table=True, table_schema=ddl)

    assert postgres_place.sql("select * from t") == [(1, "set; by %")]


def test_a_trigger_in_sqlites_ddl(sqlite_place: Place) -> None:
    ddl = """create table t (id integer, v text default 'a;b');
        create trigger g after insert on t begin update t set v = v || ';'; update t set v = v || '.'; end; -- done"""
    sqlite_place.load([{"id": 1}], create_table=True, table_schema=ddl)

    assert sqlite_place.sql("select * from t") == [(1, "a;b;.")]


@pytest.mark.parametrize(
    ("ddl", "error", "message"),
    [
        ("create table others (id integer)", TerminalError, "table_schema was run, but there is no table [`\"]other[`\"].*Did you mean 'others'"),
        ("create tabel other (id integer)", TerminalError, "syntax error|error in your SQL syntax"),
        ('create table other (id integer, <V> integer)', DataError, "no column 'v'; it has id, V. Map .*columns: {v: V}"),
        ("create table other (ident integer)", DataError, "has no column of the input; it has ident"),
    ],
)  # fmt: skip
def test_a_ddl_that_does_not_do(place: Place, ddl: str, error: type[Exception], message: str) -> None:
    ddl = ddl.replace("<V>", place.quoted("V"))
    with pytest.raises(error, match=message):
        place.load([{"id": 1, "v": 2}] if "ident" not in ddl else [{"v": 1}], table_name="other", table_schema=ddl)
    if place.name == "mariadb" and error is DataError:
        return  # its DDL is never taken back
    with pytest.raises(TerminalError, match=r'there is no table ["`]other["`]'):
        place.read(table_name="other")


def test_columns_that_the_table_lacks(place: Place) -> None:
    place.sql("create table t (id integer)")
    rows = [{"id": 1, "new": "x", "more": 1.5}]
    with pytest.raises(DataError, match=r"has no column 'new', 'more'; it has id. .*add_columns or ignore"):
        place.load(rows)
    place.load(rows, schema_change="ignore")
    assert place.count.notes == {"column new left out": 1, "column more left out": 1}
    assert place.read().to_pylist() == [{"id": 1}]
    place.load(rows, "2", schema_change="add_columns")
    place.load(rows, "2", schema_change="add_columns")
    assert place.read().to_pylist() == [{"id": 1, "new": None, "more": None}, rows[0]]


def test_columns_that_would_meet(place: Place) -> None:
    place.sql("create table t (id integer, v text)")
    twice = pa.table([pa.array([1]), pa.array(["a"]), pa.array(["b"])], names=["id", "v", "v"])
    with pytest.raises(DataError, match="two columns of the input would fill 'v'"):
        place.load(twice)
    with pytest.raises(DataError, match="two columns of the input would fill 'v'"):
        place.load([{"id": 1, "v": "a", "w": "b"}], columns={"w": "v"})
    with pytest.raises(ConfigError, match=r"columns: the input has no 'uid'; allowed: id, v. Did you mean 'id'\?"):
        place.load([{"id": 1, "v": "a"}], columns={"uid": "id"})


def test_columns_under_other_names(place: Place) -> None:
    place.load([{"user_id": 1, "v": "a"}], create_table=True, columns={"user_id": "id"}, load_mode="upsert")

    assert place.read().to_pylist() == [{"id": 1, "v": "a"}]
    assert place.accepted == [{"user_id": 1, "v": "a"}]


def test_sql_around_the_rows_is_part_of_the_load(place: Place) -> None:
    place.sql("create table t (id integer)")
    place.sql("create table log (line text)")
    around: dict[str, Any] = {
        "pre_sql": "insert into log values ('before; 100%'); insert into log select count(*) from t",
        "post_sql": ["insert into log select count(*) from t", "insert into log values ('after')"],
    }
    place.load([{"id": 1}], **around)
    place.load([{"id": 1}], **around)
    assert [line for (line,) in place.sql("select line from log")] == ["before; 100%", "0", "1", "after"]

    with pytest.raises(TerminalError, match="nowhere"):
        place.load([{"id": 2}], "2", pre_sql=around["pre_sql"], post_sql="insert into nowhere values (1)")
    assert place.sql("select count(*) from log") == [(4,)]
    for script in ("commit", "rollback"):
        with pytest.raises(TerminalError, match=r"ended the transaction of the load|commits by itself"):
            place.load([{"id": 2}], "3", pre_sql=f"insert into t values (3); {script}")


def test_a_view_over_a_replaced_table(postgres_place: Place, sqlite_place: Place) -> None:
    for place in (postgres_place, sqlite_place):
        place.load([{"id": 1}], "1", load_mode="replace")
        place.sql("create view v as select id from t")
    with pytest.raises(TerminalError, match=r"view v depends on table t.*load_mode: truncate"):
        postgres_place.load([{"id": 2}], "2", load_mode="replace")
    sqlite_place.load([{"id": 2}], "2", load_mode="replace")

    assert postgres_place.sql("select * from v") == [(1,)]
    assert sqlite_place.sql("select * from v") == [(2,)]


def test_two_tables_replaced_one_after_the_other_in_one_schema(place: Place) -> None:
    place.load([{"id": 1}], "1", load_mode="replace", table_name="a")
    place.load([{"id": 2}], "1", load_mode="replace", table_name="b")

    assert place.sql("select a.id, b.id from a, b") == [(1, 2)]


def test_what_has_no_column_type(place: Place) -> None:
    table = pa.table({"id": [1], "v": pa.array([1], pa.duration("s"))})
    if place.name == "sqlite":
        place.load(table, create_table=True)
        return
    with pytest.raises(
        DataError, match=r"cannot create table 't': (PostgreSQL|MySQL|DuckDB) has no column type for duration"
    ):
        place.load(table, create_table=True)
    place.sql("create table t (id integer)")
    with pytest.raises(
        DataError, match=r"cannot add column 'v': (PostgreSQL|MySQL|DuckDB) has no column type for duration"
    ):
        place.load(table, schema_change="add_columns")


def test_columns_alone_are_no_ddl(sqlite_place: Place) -> None:
    with pytest.raises(ValueError, match="give the whole statement: CREATE TABLE"):
        sqlite_place.load([{"id": 1}], table_schema="id int")
