"""All or nothing, and once only: through failures, kills, races and lost connections."""

import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pyarrow as pa
import pytest

from lumos_dagster.errors import DataError, TransientError
from lumos_dagster.interface import LoadResult
from lumos_dagster_tests.connectors.jdbc.conftest import Place
from lumos_dagster_tests.connectors.jdbc.loads import (
    SOMEBODY_WAITS,
    end,
    give,
    load_in_background,
    loading_process,
    wait_until,
)
from lumos_dagster_tests.connectors.jdbc.proxy import CuttingProxy, through
from lumos_dagster_tests.servers.postgres import PostgresDatabase

MODES = ["insert", "upsert", "update", "delete_insert", "truncate", "replace"]
OLD = [{"id": number, "v": "old"} for number in range(1, 4)]
NEW = pa.table({"id": pa.array(range(2, 2002), pa.int64()), "v": pa.array(["new"] * 2000)})


@pytest.fixture
def filled(place: Place) -> Place:
    place.load(OLD, "old", create_table=True, load_mode="upsert")
    return place


def _ids(place: Place) -> list[int]:
    return [number for (number,) in place.sql("select id from t order by id")]


def _broken(table: pa.Table, error: Exception) -> pa.RecordBatchReader:
    def batches() -> Iterator[pa.RecordBatch]:
        yield from table.to_batches(max_chunksize=500)[:2]
        raise error

    return pa.RecordBatchReader.from_batches(table.schema, batches())


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("error", [DataError("broken"), TransientError("lost"), ZeroDivisionError("whatever")])
def test_an_input_that_breaks_leaves_the_old_rows(filled: Place, mode: str, error: Exception) -> None:
    with pytest.raises(type(error), match=str(error)):
        filled.load(_broken(NEW.slice(5), error), load_mode=mode)

    assert filled.sql("select * from t order by id") == [(row["id"], "old") for row in OLD]
    assert filled.sql("select count(result) from _lumos_loads") == [(1,)]


@pytest.mark.parametrize("mode", MODES)
def test_the_same_load_again_changes_and_counts_nothing_anew(filled: Place, mode: str) -> None:
    rows = NEW.slice(5) if mode == "insert" else NEW
    first = filled.load(rows, load_mode=mode)
    accepted, before = filled.accepted, filled.sql("select * from t order by id")
    filled.sql("insert into t values (0, 'by somebody else')")
    again = filled.load(rows, load_mode=mode)

    assert again == first
    assert filled.accepted == accepted
    assert filled.sql("select * from t where id > 0 order by id") == before
    assert "committed by an earlier attempt" in filled.log[-1]


def test_another_load_loads(place: Place) -> None:
    for load_id in ("1", "2", "2", "1"):
        place.load([{"id": 1}], load_id, create_table=True)
    assert place.sql("select count(*) from t") == [(2,)]


def test_an_upsert_takes_over_a_row_that_another_writer_inserts_meanwhile(
    postgres_place: Place, postgres: PostgresDatabase
) -> None:
    postgres_place.sql("create table t (id bigint primary key, v text)")
    with postgres.connect() as other, postgres.connect() as watcher:
        other.autocommit = False
        other.execute("insert into t values (2, 'theirs')")
        rows = pa.table({"id": [1, 2, 3], "v": ["ours"] * 3})
        load = load_in_background(postgres_place, rows, load_mode="upsert")
        wait_until(watcher, SOMEBODY_WAITS)
        other.commit()
        load.join()

    assert load.error is None
    assert load.result == LoadResult(inserted=2, updated=1)
    assert postgres_place.sql("select id, v from t order by id") == [(1, "ours"), (2, "ours"), (3, "ours")]


def test_a_target_with_a_very_long_name_is_known_again(place: Place, sqlite_place: Place) -> None:
    long = "x" * 300
    for _ in range(2):
        place.run = place.run.__class__(**{**place.run.__dict__, "job": long})
        place.load([{"id": 1}], long, create_table=True)
    assert _ids(place) == [1]


def test_a_process_killed_in_the_middle_leaves_nothing(postgres_place: Place, postgres: PostgresDatabase) -> None:
    postgres_place.sql("create table t (id bigint primary key)")
    with postgres.connect() as holder, postgres.connect() as watcher:
        holder.autocommit = False
        holder.execute("insert into t values (3)")
        with loading_process(postgres_place) as process:
            give(process, *range(1, 200_000))  # more than fits into buffers, so that the server is at it
            wait_until(watcher, SOMEBODY_WAITS)
            process.send_signal(signal.SIGKILL)
            process.wait()
        retry = load_in_background(postgres_place, pa.table({"id": [1, 2, 3]}))
        wait_until(watcher, "select count(*) = 2 from pg_locks where not granted")
        holder.rollback()
        retry.join()

    assert retry.result == LoadResult(inserted=3)
    assert _ids(postgres_place) == [1, 2, 3]


def test_a_process_killed_in_the_middle_leaves_a_file_whole(sqlite_place: Place) -> None:
    sqlite_place.sql("create table t (id integer primary key)")
    with loading_process(sqlite_place) as process:
        give(process, *range(1, 50_000))  # more than a pipe holds: when all is written, some has been loaded
        process.send_signal(signal.SIGKILL)
        process.wait()

    assert _ids(sqlite_place) == []
    assert sqlite_place.load([{"id": 1}, {"id": 2}]).inserted == 2
    assert _ids(sqlite_place) == [1, 2]


def test_a_process_killed_after_the_commit_has_loaded(place: Place) -> None:
    place.sql("create table t (id bigint)")
    with loading_process(place, dies=True) as process:
        give(process, 1, 2)
        process.communicate()
        assert process.returncode == -signal.SIGKILL

    assert place.load([{"id": 1}, {"id": 2}]) == LoadResult(inserted=2)
    assert _ids(place) == [1, 2]


def test_two_attempts_at_once_load_once(place: Place) -> None:
    place.sql("create table t (id bigint)")
    with loading_process(place) as one, loading_process(place) as other:
        for process in (one, other):
            give(process, 1, 2)
            end(process)
        told = [process.communicate()[0] for process in (one, other)]

    assert told == ["2\n", "2\n"]
    assert _ids(place) == [1, 2]


def test_many_loads_at_once_make_one_ledger_and_queue_up(place: Place) -> None:
    place.sql("create table t (id bigint)")
    loads = [load_in_background(place, pa.table({"id": [number]}), load_id=f"load-{number}") for number in range(8)]

    assert [load.join().error for load in loads] == [None] * 8
    assert _ids(place) == list(range(8))


def test_a_load_waits_for_a_reader_of_the_file(sqlite_place: Place) -> None:
    sqlite_place.load([{"id": number} for number in range(1000)], "1", create_table=True)
    extractor = sqlite_place.extractor(batch_size=1)
    with sqlite_place.book().task("read") as task, extractor.read(task) as rows:
        rows.read_next_batch()
        load = load_in_background(sqlite_place, pa.table({"id": [-1]}), load_id="2")
        _until_locked(sqlite_place)
        assert rows.read_all().num_rows == 999

    assert load.join().error is None
    assert len(_ids(sqlite_place)) == 1001


@pytest.mark.parametrize("arrives", [True, False])
def test_a_connection_lost_while_committing(postgres_place: Place, postgres: PostgresDatabase, arrives: bool) -> None:
    """The proxy cuts the line at the COMMIT: before the server has it, or before its answer comes back."""
    postgres_place.load([{"id": 0}], "old", create_table=True)
    with CuttingProxy(postgres.server.port, b"COMMIT\0", arrives) as proxy:
        direct = postgres_place.url
        postgres_place.url = through(proxy, direct)
        rows: Any = [{"id": 1}, {"id": 2}]
        if arrives:
            assert postgres_place.load(rows) == LoadResult(inserted=2)
        else:
            with pytest.raises(TransientError, match="the commit did not come through"):
                postgres_place.load(rows)
        assert proxy.cut
        assert postgres_place.load(rows) == LoadResult(inserted=2)

    assert _ids(postgres_place) == [0, 1, 2]


def test_a_commit_that_fails_for_sure_is_no_success(postgres_place: Place) -> None:
    postgres_place.sql("create table t (id bigint unique deferrable initially deferred)")
    with pytest.raises(DataError, match="the commit did not come through: duplicate key"):
        postgres_place.load([{"id": 1}, {"id": 1}])
    assert _ids(postgres_place) == []


def test_a_connection_lost_in_the_middle(postgres_place: Place, postgres: PostgresDatabase) -> None:
    postgres_place.sql("create table t (id bigint primary key)")
    with postgres.connect() as holder, postgres.connect() as watcher:
        holder.autocommit = False
        holder.execute("insert into t values (3)")
        load = load_in_background(postgres_place, pa.table({"id": [1, 2, 3]}))
        wait_until(watcher, SOMEBODY_WAITS)
        watcher.execute("select pg_terminate_backend(pid) from pg_locks where not granted")
        load.join()

    assert isinstance(load.error, TransientError)
    assert "terminating connection" in str(load.error)
    assert postgres_place.load([{"id": 1}]).inserted == 1


def _until_locked(place: Place) -> None:
    """Until a load holds the file."""
    path = place.url.removeprefix("jdbc:sqlite:")
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as connection:
        while True:
            try:
                connection.execute("begin immediate")
            except sqlite3.OperationalError:
                return
            connection.rollback()
