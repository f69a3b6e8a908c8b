"""A table that is replaced is filled over several connections, and stays all or nothing."""

from collections.abc import Callable, Iterator
from threading import Event
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from lumos_dagster.connectors.jdbc.session import connect
from lumos_dagster.connectors.jdbc.tables import Table
from lumos_dagster.connectors.jdbc.together import others
from lumos_dagster.errors import DataError, TransientError
from lumos_dagster.interface import LoadResult
from lumos_dagster_tests.connectors.jdbc.conftest import PREFIXES, Place
from lumos_dagster_tests.connectors.jdbc.loads import SOMEBODY_WAITS, Background, load_in_background, wait_until
from lumos_dagster_tests.connectors.jdbc.proxy import CuttingProxy, through
from lumos_dagster_tests.servers.postgres import PostgresDatabase

SCHEMA = pa.schema({"id": pa.int64(), "name": pa.string()})
BATCHES, SIZE = 40, 2000
ROWS = BATCHES * SIZE
TEXT = "x" * 250
BOTH: dict[str, Any] = {"load_mode": "replace", "connections": 2}
LEFT = "select count(*) from information_schema.tables where table_name like '\\_lumos\\_new%'"
OTHERS = {
    "postgresql": "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() "
    "and backend_type = 'client backend' and state <> 'idle' order by backend_start",
    "mariadb": "select id from information_schema.processlist where db = database() and id <> connection_id() "
    "order by id",
}
WAITS = {
    "postgresql": SOMEBODY_WAITS,
    "mariadb": "select count(*) > 0 from information_schema.processlist where state like 'Waiting for table metadata%'",
}
END = "select pg_terminate_backend({})"


def rows(look: Callable[[int], None] = lambda number: None, batches: int = BATCHES) -> pa.RecordBatchReader:
    """So many batches, each of half a MiB; `look` is called before each."""

    def made() -> Iterator[pa.RecordBatch]:
        for number in range(batches):
            look(number)
            ids = range(number * SIZE, (number + 1) * SIZE)
            yield pa.RecordBatch.from_pydict({"id": ids, "name": [TEXT] * SIZE}, schema=SCHEMA)

    return pa.RecordBatchReader.from_batches(SCHEMA, made())


def connections(place: Place) -> list[int]:
    """Those of others, in the order in which they were opened: the load's own one first.

    One that was closed may be there a little longer; in PostgreSQL it is idle then, and those of a load never are.
    """
    return [int(number) for (number,) in place.sql(OTHERS[place.name])]


def state(place: Place) -> tuple[Any, ...]:
    """How many rows the table has, and their numbers' sum, least and greatest."""
    return place.sql("select count(*), sum(id), min(id), max(id) from t")[0]


NEW = (ROWS, ROWS * (ROWS - 1) // 2, 0, ROWS - 1)
BEFORE = (1, -1, -1, -1)


@pytest.fixture
def filled(server_place: Place) -> Place:
    return with_old(server_place)


def with_old(place: Place) -> Place:
    """The same, with a table of one row."""
    place.sql("create table t (id bigint, name varchar(20))")
    place.sql("insert into t values (-1, 'old')")
    place.listens = False
    return place


def nothing_is_left(place: Place) -> bool:
    """No table of a load's own."""
    return place.sql(LEFT) == [(0,)]


@pytest.mark.parametrize("wanted", [None, 2, 5])
def test_the_rows_go_in_over_several_connections_and_are_seen_at_the_end(filled: Place, wanted: int | None) -> None:
    seen: list[tuple[Any, ...]] = []
    looks: list[set[int]] = []

    def look(number: int) -> None:
        if number % 10 == 9:
            looks.append({*connections(filled)})
            seen.append(state(filled))

    assert filled.load(rows(look), load_mode="replace", connections=wanted) == LoadResult(inserted=ROWS)
    assert state(filled) == NEW
    assert set(seen) == {BEFORE}
    assert len(looks[-2] & looks[-1]) == (wanted or 2)  # all are open by then; one that only looked is in one of them
    assert any(f"over {wanted or 2} connections" in line for line in filled.log)
    assert nothing_is_left(filled)


def test_each_connection_brings_some_of_the_rows(postgres_place: Place, postgres: PostgresDatabase) -> None:
    both_wait = "select count(*) = 2 from pg_stat_activity where datname = current_database() and query like 'COPY %'"

    def look(number: int) -> None:
        if number == 2:
            with postgres.connect() as asking:
                wait_until(asking, both_wait)

    postgres_place.load(rows(look), **BOTH)
    transactions = postgres_place.sql("select count(*) from t group by xmin::text")

    assert len(transactions) == 2
    assert sum(count for (count,) in transactions) == ROWS


@pytest.mark.parametrize("more", [{"connections": 1}, {}])
def test_a_small_load_and_one_over_one_connection_keep_the_order(postgres_place: Place, more: dict[str, Any]) -> None:
    batches = BATCHES if more else 8  # fewer than 8 MiB
    postgres_place.load(rows(batches=batches), load_mode="replace", **more)

    assert postgres_place.sql(
        "select bool_and(id = number - 1) from (select id, row_number() over (order by ctid) number from t)"
    ) == [(True,)]
    assert not any("connections" in line for line in postgres_place.log)


def test_rows_that_break_off_leave_the_old_table(filled: Place) -> None:
    def breaks(number: int) -> None:
        if number == 30:
            raise DataError("row 30 of the source")

    with pytest.raises(DataError, match="row 30 of the source"):
        filled.load(rows(breaks), **BOTH)
    assert state(filled) == BEFORE
    assert nothing_is_left(filled) or filled.name == "mariadb"

    filled.load(rows(), "another", **BOTH)
    assert state(filled) == NEW
    assert nothing_is_left(filled)


def test_what_comes_behind_the_rows_may_fail_too(postgres_place: Place) -> None:
    with_old(postgres_place)
    with pytest.raises(DataError, match="division by zero"):
        postgres_place.load(rows(), post_sql="select 1 / (count(*) - count(*)) from t", **BOTH)
    assert state(postgres_place) == BEFORE
    assert nothing_is_left(postgres_place)


@pytest.mark.parametrize("which", [0, 1])
def test_a_connection_that_is_ended_leaves_the_old_table(postgres_place: Place, which: int) -> None:
    def end(number: int) -> None:
        if number == 20:
            postgres_place.sql(END.format(connections(postgres_place)[which]))

    _is_lost_and_comes_again(with_old(postgres_place), rows(end))


def test_a_line_that_is_cut_leaves_the_old_table(filled: Place, request: pytest.FixtureRequest) -> None:
    database = request.getfixturevalue(PREFIXES.get(filled.name, filled.name))
    direct = filled.url
    with CuttingProxy(database.server.port, 5 << 20, arrives=False) as proxy:
        filled.url = through(proxy, direct)
        _is_lost_and_comes_again(filled, rows())


def _is_lost_and_comes_again(place: Place, lost: pa.RecordBatchReader) -> None:
    with pytest.raises(TransientError):
        place.load(lost, **BOTH)
    assert state(place) == BEFORE

    assert place.load(rows(), **BOTH) == LoadResult(inserted=ROWS)
    assert state(place) == NEW
    assert place.load(rows(), **BOTH) == LoadResult(inserted=ROWS), "a load that is done is counted again"
    assert nothing_is_left(place)


def test_a_load_that_lost_its_turn_brings_no_row_into_the_table_of_the_next(
    postgres_place: Place, postgres: PostgresDatabase
) -> None:
    """Its own connection is gone, and the other one still fills the table."""
    held, goes_on = Event(), Event()

    def hold(number: int) -> None:
        if number == 20:
            held.set()
            assert goes_on.wait(30)

    first = load_in_background(postgres_place, rows(hold), **BOTH)
    assert held.wait(30)
    postgres_place.sql(END.format(connections(postgres_place)[0]))
    second = load_in_background(postgres_place, rows(), **BOTH)  # the same load, as another process has it
    with postgres.connect() as asking:
        wait_until(asking, SOMEBODY_WAITS)
    goes_on.set()

    assert isinstance(first.join().error, TransientError)
    assert second.join().result == LoadResult(inserted=ROWS)
    assert state(postgres_place) == NEW
    assert nothing_is_left(postgres_place)


def test_nobody_drops_a_table_that_a_connection_still_fills(filled: Place) -> None:
    address = filled.loader().address()
    with filled.book().task("load") as task, connect(address, task) as raw, others(raw, address, 1, task) as beside:
        assert beside
        beside.hold(Table(address.database, None, "t"))
        dropping = Background(lambda: filled.sql("drop table t"))
        while not filled.sql(WAITS[filled.name])[0][0]:
            assert dropping.seconds() < 30
        beside.commit()
        dropping.join()


def test_where_the_server_gives_no_second_connection_one_does_it(
    postgres_place: Place, postgres: PostgresDatabase
) -> None:
    postgres.server.run("drop role if exists lonely")
    postgres.server.run("create role lonely login connection limit 1")
    postgres.server.run(f'alter database "{postgres.name}" owner to lonely')
    lonely = postgres.url.replace("lumos@", "lonely@")

    assert postgres_place.load(rows(), **BOTH, connection_string=lonely) == LoadResult(inserted=ROWS)
    assert any("no further connection" in line and "lonely" in line for line in postgres_place.log)


def test_a_database_that_isolates_more_by_default(postgres_place: Place, postgres: PostgresDatabase) -> None:
    postgres_place.sql(f"alter database \"{postgres.name}\" set default_transaction_isolation = 'serializable'")

    assert postgres_place.load(rows(), **BOTH) == LoadResult(inserted=ROWS)


def test_rows_that_may_be_refused_go_over_one_connection(filled: Place) -> None:
    assert filled.load(rows(), on_error="reject", **BOTH) == LoadResult(inserted=ROWS)
    assert any("over one connection" in line for line in filled.log)


def test_one_writer_has_one_connection(sqlite_place: Place) -> None:
    sqlite_place.load(rows(), **BOTH)
    assert any("over one connection" in line for line in sqlite_place.log)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"load_mode": "upsert"},
        {"load_mode": "replace", "commit": "batch"},
        {"load_mode": "replace", "table_schema": "create table t (id int)"},
        {"load_mode": "replace", "pre_sql": "select 1"},
    ],
)
def test_a_load_that_would_not_keep_its_promise_is_refused(postgres_place: Place, more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"connections: 2 needs load_mode: replace, commit: load, and neither"):
        postgres_place.loader(connections=2, **more)
