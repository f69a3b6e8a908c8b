"""A load that was committed, met again: by another way in, after its table or its source has changed, or by others."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from lumos_dagster.interface import LoadResult
from lumos_dagster_tests.connectors.jdbc.conftest import Place
from lumos_dagster_tests.connectors.jdbc.loads import load_in_background
from lumos_dagster_tests.connectors.jdbc.proxy import CuttingProxy, through
from lumos_dagster_tests.servers.postgres import PostgresDatabase

ROWS: list[dict[str, Any]] = [{"id": "1"}, {"id": "two"}, {"id": "3"}, {"id": "3"}]


def test_a_load_is_known_again_by_another_way_to_its_database(
    postgres_place: Place, postgres: PostgresDatabase
) -> None:
    direct = postgres_place.url
    with CuttingProxy(postgres.server.port, b"never sent", arrives=True) as proxy:
        postgres_place.url = through(proxy, direct)
        postgres_place.load([{"id": 1}], create_table=True)
    postgres_place.url = direct.replace("127.0.0.1", "localhost")
    postgres_place.load([{"id": 1}])

    assert postgres_place.sql("select * from t") == [(1,)]


@pytest.mark.parametrize("change", ["drop table t", "alter table t rename to u", "alter table t rename column id to x"])
@pytest.mark.parametrize("mode", ["insert", "upsert", "delete_insert"])
@pytest.mark.parametrize("listens", [True, False])
def test_a_load_is_told_again_whatever_became_of_its_table(
    place: Place, mode: str, change: str, listens: bool, tmp_path: Path
) -> None:
    place.sql("create table t (id integer primary key)")
    if mode == "insert":
        place.sql("drop table t")
        place.sql("create table t (id integer)")
    options: dict[str, Any] = {"load_mode": mode, "on_error": "reject"}
    rows = ROWS[:-1] if mode == "delete_insert" else ROWS
    place.listens = listens
    first = place.load(rows, **options)
    place.sql(change)
    count, accepted = place.count, place.accepted

    assert place.load(rows, **options) == first
    assert place.accepted == accepted
    assert (place.count.rows_in, place.count.rejected) == (count.rows_in, 1)
    assert place.count.rows_out == count.rows_out
    assert "two" in "".join(path.read_text() for path in tmp_path.rglob("*.jsonl"))


@pytest.mark.parametrize("on_error", ["fail", "skip", "null"])
def test_the_counts_are_those_of_the_load_when_its_source_has_changed(place: Place, on_error: Any) -> None:
    place.sql("create table t (id integer)")
    place.listens = False
    rows = ROWS if on_error != "fail" else ROWS[2:]
    first = place.load(rows, on_error=on_error)
    count = place.count
    again = place.load([{"other": 1}] * 9, on_error=on_error)

    assert again == first
    assert place.count.rows_in == count.rows_in == len(rows)
    assert (place.count.skipped, place.count.nulled) == (count.skipped, count.nulled)
    assert place.log[-1] == f"load: the input has 9 rows now; when it was loaded it had {len(rows)}"


@pytest.mark.parametrize("mode", ["insert", "upsert", "replace"])
def test_many_loads_at_once_make_one_table(place: Place, mode: str) -> None:
    options: dict[str, Any] = {"create_table": True, "load_mode": mode}
    loads = [
        load_in_background(place, pa.table({"id": [number]}), load_id=f"load-{number}", **options)
        for number in range(8)
    ]

    assert [load.join().error for load in loads] == [None] * 8
    assert [load.result for load in loads] == [LoadResult(inserted=1)] * 8
    assert place.sql("select count(*) from t") == [(1 if mode == "replace" else 8,)]


def test_many_loads_at_once_add_one_column(place: Place) -> None:
    place.sql("create table t (id bigint)")
    loads = [
        load_in_background(
            place, pa.table({"id": [number], "v": ["x"]}), load_id=f"load-{number}", schema_change="add_columns"
        )
        for number in range(8)
    ]

    assert [load.join().error for load in loads] == [None] * 8
    assert place.sql("select count(v) from t") == [(8,)]
