"""Each load mode does what it says, counts what it did, and passes on the rows that it loaded."""

from typing import Any

import pyarrow as pa
import pytest

from lumos_dagster.errors import DataError, TerminalError
from lumos_dagster.interface import LoadResult
from lumos_dagster_tests.connectors.jdbc.conftest import SAVING, Place


def _rows(*pairs: tuple[int | None, str]) -> list[dict[str, Any]]:
    return [{"id": key, "v": value} for key, value in pairs]


@pytest.fixture
def filled(place: Place) -> Place:
    """Table t with rows 1 to 3."""
    place.sql("create table t (id integer primary key, v text, n integer not null default 7)")
    place.load(_rows((1, "a"), (2, "b"), (3, "c")), "first")
    return place


def _now(place: Place) -> list[tuple[Any, ...]]:
    return place.sql("select id, v from t order by id, v")


@pytest.mark.parametrize("mode", ["insert", "append"])
def test_insert_adds(filled: Place, mode: str) -> None:
    assert filled.load(_rows((4, "d")), load_mode=mode) == LoadResult(inserted=1)
    assert _now(filled) == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]
    assert filled.sql("select distinct n from t") == [(7,)]


def test_upsert_takes_the_last_row_of_a_key(filled: Place) -> None:
    result = filled.load(_rows((4, "x"), (2, "y"), (4, "d"), (2, "B"), (5, "e")), load_mode="upsert")

    assert result == LoadResult(inserted=2, updated=1, merged=2)
    assert _now(filled) == [(1, "a"), (2, "B"), (3, "c"), (4, "d"), (5, "e")]
    assert filled.accepted == _rows((4, "d"), (2, "B"), (5, "e"))


def test_update_changes_only_rows_that_are_there(filled: Place) -> None:
    result = filled.load(_rows((2, "x"), (9, "y"), (2, "B"), (9, "z")), load_mode="update")

    assert result == LoadResult(updated=1, unmatched=1, merged=2)
    assert _now(filled) == [(1, "a"), (2, "B"), (3, "c")]
    assert filled.accepted == _rows((2, "B"))


def test_update_needs_only_the_columns_it_changes(place: Place) -> None:
    place.sql("create table t (id integer, v text, must text not null)")
    place.sql("insert into t values (1, 'a', 'x')")

    assert place.load(_rows((1, "b")), load_mode="update").updated == 1
    with pytest.raises(DataError, match=r"table \S+ needs a value for 'must', which the input lacks; it has id, v"):
        place.load(_rows((1, "b")), "2")


def test_delete_insert_keeps_all_rows_of_a_key(place: Place) -> None:
    place.sql("create table t (id integer, v text)")
    place.load(_rows((1, "a"), (1, "b"), (2, "c")), "first")

    assert place.load(_rows((1, "x"), (1, "y"), (1, "y")), load_mode="delete_insert") == LoadResult(inserted=3)
    assert _now(place) == [(1, "x"), (1, "y"), (1, "y"), (2, "c")]


def test_truncate_empties_and_keeps_the_table(filled: Place) -> None:
    assert filled.load(_rows((9, "z")), load_mode="truncate") == LoadResult(inserted=1)
    assert _now(filled) == [(9, "z")]
    assert filled.sql("select n from t") == [(7,)]


def test_replace_makes_the_table_anew_as_often_as_asked(filled: Place) -> None:
    for load_id in "123":
        assert filled.load([{"other": load_id}], load_id, load_mode="replace") == LoadResult(inserted=1)
        assert filled.read().to_pylist() == [{"other": load_id}]
    filled.load(pa.table({"other": pa.array([], pa.string())}), "4", load_mode="replace")
    assert filled.read().to_pylist() == []


def test_replace_by_the_users_own_ddl(filled: Place) -> None:
    for load_id in "12":
        ddl = "create table if not exists t (id integer, v varchar(9), constraint only_one primary key (id))"
        filled.load(_rows((1, "x")), load_id, load_mode="replace", table_schema=ddl)
        assert _now(filled) == [(1, "x")]
    with pytest.raises(DataError, match=r"(?i)only_one|unique|primary"):
        filled.load(_rows((1, "x")), "3")


@pytest.mark.parametrize("mode", ["upsert", "update", "delete_insert"])
def test_composite_keys(place: Place, mode: str) -> None:
    place.sql("create table t (a text, b integer, v text, unique (b, a))")
    place.sql("insert into t values ('x', 1, 'old'), ('y', 1, 'old'), ('x', 2, 'old')")
    rows = [{"a": "x", "b": 1, "v": "new"}, {"a": "y", "b": 1, "v": "new"}]

    place.load(rows, load_mode=mode, key_columns=["a", "b"])
    assert place.sql("select * from t order by b, a") == [("x", 1, "new"), ("y", 1, "new"), ("x", 2, "old")]


@pytest.mark.parametrize("mode", ["upsert", "update", "delete_insert"])
def test_a_null_key_is_a_bad_row(filled: Place, mode: str) -> None:
    rows = _rows((1, "x"), (None, "y"))
    for on_error in ("fail", "null"):
        with pytest.raises(DataError, match="row 2: field 'id': value None: a key must have a value"):
            filled.load(rows, load_mode=mode, on_error=on_error)
    filled.load(rows, load_mode=mode, on_error="skip")

    assert filled.count.skipped == 1
    assert filled.accepted == _rows((1, "x"))


@pytest.mark.parametrize(("mode", "result"), [
    ("upsert", LoadResult(inserted=1, unchanged=1)), ("update", LoadResult(unchanged=1, unmatched=1)),
    ("delete_insert", LoadResult(inserted=2)),
])  # fmt: skip
def test_a_table_of_keys_only(filled: Place, mode: str, result: LoadResult) -> None:
    assert filled.load([{"id": 1}, {"id": 8}], load_mode=mode) == result


def test_upsert_needs_something_unique(place: Place) -> None:
    place.sql("create table t (id integer, v text, w integer unique)")
    with pytest.raises(TerminalError, match=r"primary key or unique index on exactly \(id\).*it has \(w\)"):
        place.load(_rows((1, "a")), load_mode="upsert")
    some = "(id, w)" if place.name in ("mariadb", "duckdb") else "(id) where id > 5"
    place.sql(f"create unique index only_some on t {some}")
    with pytest.raises(TerminalError, match="unique index on exactly"):
        place.load(_rows((1, "a")), load_mode="upsert")
    place.sql("create unique index all_of_them on t (id)")
    assert place.load(_rows((1, "a")), load_mode="upsert").inserted == 1


@pytest.mark.parametrize("mode", ["upsert", "update", "delete_insert"])
def test_a_key_that_the_input_lacks(filled: Place, mode: str) -> None:
    with pytest.raises(DataError, match=r"needs a value for 'idd', which the input lacks.*Did you mean 'id'\?"):
        filled.load(_rows((1, "a")), load_mode=mode, key_column="idd", table_name="new", create_table=True)


def test_nothing_to_load_is_loaded(filled: Place) -> None:
    empty = pa.table({"id": pa.array([], pa.int64()), "v": pa.array([], pa.string())})
    for mode in ("insert", "upsert", "update", "delete_insert"):
        assert filled.load(empty, mode, load_mode=mode) == LoadResult()
    assert len(_now(filled)) == 3


def test_numbered_columns_take_the_inputs_numbers(postgres_place: Place) -> None:
    place = postgres_place
    place.sql("create table t (id bigint generated always as identity primary key, s serial, v text)")
    place.load(_rows((5, "a")), "1")
    place.load(_rows((5, "b"), (6, "c")), "2", load_mode="upsert")
    place.load(_rows((6, "d")), "3", load_mode="delete_insert")
    place.load([{"v": "numbered"}], "4")

    assert place.sql("select id, v from t order by v") == [(5, "b"), (6, "d"), (1, "numbered")]


def test_an_upsert_numbers_its_rows_in_the_order_in_which_they_came(postgres_place: Place) -> None:
    place = postgres_place
    place.sql("create table t (k text primary key, v text, n bigint generated always as identity)")
    place.sql(
        "insert into t (k) select 'old ' || n from generate_series(1, 200000) n"
    )  # more than a join holds at once
    keys = [f"new {number * 7919 % 1_009}" for number in range(1_000)]
    assert place.load([{"k": key, "v": ""} for key in keys], load_mode="upsert", key_column="k").inserted == 1_000

    assert [key for (key,) in place.sql("select k from t order by n")][200_000:] == keys


@pytest.mark.parametrize(
    "made",
    [
        "create table t (id integer primary key, v text)",
        "create table t (id integer primary key, v text) partition by range (id); create table d partition of t default",
        "create table t (id integer primary key, v text unique, up text references t (v) on update cascade)",
    ],
)
def test_an_upsert_counts_its_own_rows_only(postgres_place: Place, made: str) -> None:
    postgres_place.sql(made)
    before = "insert into t (id, v) values (1, 'old 1'), (2, 'old 2'), (3, 'old 3')"
    if "up" in made.split():
        before += "; update t set up = 'old 1' where id > 1"
    rows = _rows((1, "a"), (2, "b"), (8, "c"), (9, "d"))
    assert postgres_place.load(rows, load_mode="upsert", pre_sql=before) == LoadResult(inserted=2, updated=2)
    assert _now(postgres_place) == [(1, "a"), (2, "b"), (3, "old 3"), (8, "c"), (9, "d")]


def test_a_trigger_before_an_insert_sees_all_rows_of_an_upsert(postgres_place: Place) -> None:
    place = postgres_place
    place.sql("create table t (id integer primary key, v text); create table seen (id integer)")
    place.sql(
        "create function note() returns trigger language plpgsql as "
        "'begin insert into seen values (new.id); return new; end'"
    )
    place.load(_rows((1, "a")), "1")
    place.sql("create trigger note before insert on t for each row execute function note()")
    assert place.load(_rows((1, "b"), (2, "b")), "2", load_mode="upsert") == LoadResult(inserted=1, updated=1)

    assert place.sql("select id from seen order by id") == [(1,), (2,)]


def test_an_upsert_into_a_table_that_cannot_be_merged(postgres_place: Place) -> None:
    postgres_place.sql("create table t (id integer primary key, v text)")
    postgres_place.sql("create rule r as on delete to t do also select 1")
    assert postgres_place.load(_rows((1, "a"), (2, "b"), (1, "c")), load_mode="upsert").inserted == 2


def test_a_generated_column_cannot_be_given(postgres_place: Place) -> None:
    postgres_place.sql("create table t (id integer primary key, twice integer generated always as (id * 2) stored)")
    postgres_place.load([{"id": 4}], load_mode="upsert")

    assert postgres_place.sql("select * from t") == [(4, 8)]
    with pytest.raises(TerminalError, match="generated column"):
        postgres_place.load([{"id": 4, "twice": 8}], "2")


def test_an_included_column_is_no_part_of_the_key(postgres_place: Place) -> None:
    postgres_place.sql("create table t (id integer, v text); create unique index on t (id) include (v)")
    assert postgres_place.load(_rows((1, "a")), load_mode="upsert").inserted == 1


@pytest.mark.parametrize("place", SAVING, indirect=True)
def test_rows_that_the_database_refuses_are_bad_rows(filled: Place) -> None:
    rows = _rows(*((number, "new") for number in range(1, 300)))
    with pytest.raises(DataError, match=r"unique|UNIQUE|Duplicate"):
        filled.load(rows)
    for attempt in range(2):
        result = filled.load(rows, on_error="reject")
        assert (attempt, result.inserted, filled.count.rejected) == (attempt, 296, 3)
        assert [row["id"] for row in filled.accepted] == list(range(4, 300))
    assert len(_now(filled)) == 299
    with pytest.raises(DataError, match="3 rows were rejected, more than max_rejects 2 allows"):
        filled.load(rows[:3], "2", on_error="reject", max_rejects="2")


@pytest.mark.parametrize("mode", ["insert", "upsert"])
def test_values_that_only_the_server_can_judge_are_bad_rows(postgres_place: Place, mode: str) -> None:
    postgres_place.sql("create table t (id integer primary key, v jsonb)")
    rows = _rows((1, "{}"), (2, "{"), (3, "[]"), (4, "no"))
    for _ in range(2):
        result = postgres_place.load(rows, load_mode=mode, on_error="skip")
        assert (result.inserted, postgres_place.count.skipped) == (2, 2)
        assert postgres_place.accepted == _rows((1, "{}"), (3, "[]"))
