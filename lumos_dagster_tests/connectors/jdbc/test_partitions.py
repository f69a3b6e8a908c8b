"""A read in partitions: every row once, whatever the values, all in one state of the data, and ended when told."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from pydantic import ValidationError

from lumos_dagster.cancellation import Cancellation
from lumos_dagster.connectors.jdbc.partitions import cuts
from lumos_dagster.errors import ConfigError, DataError, Interrupted, LumosError, TerminalError
from lumos_dagster_tests.connectors.jdbc.conftest import Place
from lumos_dagster_tests.connectors.jdbc.loads import Background, wait_until

DAY = date(2026, 1, 1)
NOON = datetime(2026, 1, 1, 12)
MOVE = "update t set id = case id when 0 then 99 else 0 end where id in (0, 99)"

COLUMNS: dict[str, tuple[pa.DataType, list[Any]]] = {
    "integers": (pa.int64(), [-(2**63), 2**63 - 1, 0, *range(-20, 20)]),
    "skewed": (pa.int64(), [*[7] * 90, 1_000_000]),
    "one value": (pa.int64(), [5] * 30),
    "floats": (pa.float64(), [number / 7 for number in range(-30, 30)] + [1e308, -1e308]),
    "dates": (pa.date32(), [DAY + timedelta(days=number % 11) for number in range(40)]),
    "timestamps": (pa.timestamp("us"), [NOON + timedelta(microseconds=number * 7919) for number in range(40)]),
    "instants": (
        pa.timestamp("us", "UTC"),
        [NOON.replace(tzinfo=UTC) + timedelta(seconds=number, microseconds=number % 3) for number in range(40)],
    ),
    "no rows": (pa.int64(), []),
    "only nulls": (pa.int64(), [None] * 5),
}


def numbers(place: Place) -> list[int]:
    """How many rows each partition gave, as the log tells."""
    told = [line.rpartition(": ")[2] for line in place.log if "rows by partition" in line]
    return [int(number) for number in told[-1].split(", ")] if told else []


@pytest.mark.parametrize("number", [1, 2, 7])
@pytest.mark.parametrize("values", COLUMNS.values(), ids=COLUMNS)
def test_every_row_is_read_once(values: tuple[pa.DataType, list[Any]], number: int, place: Place) -> None:
    kind, column = values
    column = [*column, *([None] * 3 if column else [])]
    rows = pa.table({"id": pa.array(range(len(column)), pa.int64()), "v": pa.array(column, kind)})
    place.load(rows, create_table=True)
    for source in ({}, {"query": "select * from t -- all of it"}):
        found = place.read(**source, partition_column="v", num_partitions=number, batch_size=4)
        whole = place.read(**source)
        assert found.schema == whole.schema
        assert sorted(found["id"].to_pylist()) == list(range(len(column)))
        assert found.sort_by("id") == whole.sort_by("id").combine_chunks()


def test_decimals_and_what_only_the_database_orders(postgres_place: Place) -> None:
    place = postgres_place
    place.sql("create table t (id integer, v numeric(38,10), f double precision, s timestamp)")
    place.sql(
        "insert into t select i, i * 1234567890123456789.0000000001, case when i % 3 = 0 then 'nan' else i / 7.0 end, "
        "case when i = 3 then '-infinity' else timestamp '2026-01-01' + i * interval '1 day' end "
        "from generate_series(1, 50) as i"
    )
    found = place.read(partition_column="v", num_partitions=4, columns=["id"])
    assert sorted(found["id"].to_pylist()) == list(range(1, 51))
    assert numbers(place) == [13, 12, 12, 13]
    with pytest.raises(DataError, match="'f' holds nan; give lower_bound and upper_bound"):
        place.read(partition_column="f", num_partitions=4)
    bounded = {"num_partitions": 4, "columns": ["id"], "lower_bound": 1, "upper_bound": 7}
    assert len(set(place.read(partition_column="f", **bounded)["id"].to_pylist())) == 50
    bounds = {"lower_bound": "2026-01-01", "upper_bound": "2026-02-01 00:00:00"}
    found = place.read(partition_column="s", num_partitions=3, columns=["id"], **bounds)
    assert sorted(found["id"].to_pylist()) == list(range(1, 51))


def test_a_shared_load_of_work_in_the_same_order_each_time(place: Place) -> None:
    place.load([{"id": number} for number in range(1000)], create_table=True)
    options: dict[str, Any] = {"partition_column": "id", "num_partitions": 4, "batch_size": 10}
    read = [place.read(where="id >= ?", parameters=[100], **options)["id"].to_pylist() for _ in range(3)]
    assert read[0] == read[1] == read[2]
    assert read[0][:11] == [*range(100, 110), 325]
    assert numbers(place) == [225] * 4


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 9, [2, 5, 7]),
        (0, 1, [1]),
        (5, 5, []),
        (-(2**63), 2**63 - 1, [-(2**62), 0, 2**62]),
        (Decimal("0.0"), Decimal("1.0"), [Decimal("0.2"), Decimal("0.5"), Decimal("0.8")]),
        (0.0, 1.0, [0.25, 0.5, 0.75]),
        (DAY, DAY + timedelta(days=1), [DAY + timedelta(days=1)]),
    ],
)
def test_where_a_range_is_cut(low: Any, high: Any, expected: list[Any]) -> None:
    assert cuts(low, high, 4) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"partition_column": "id"}, "partition_column and num_partitions go together"),
        ({"num_partitions": 2}, "partition_column and num_partitions go together"),
        ({"lower_bound": 2}, "go with partition_column; to filter rows, use where"),
        ({"partition_column": "id", "num_partitions": 1000}, "less than or equal to 64"),
        ({"partition_column": "idd", "num_partitions": 2}, "has no 'idd'.*Did you mean 'id'"),
        ({"partition_column": "name", "num_partitions": 2}, "'name' is string; allowed: a number, a date, a timestamp"),
        ({"partition_column": "id", "num_partitions": 2, "upper_bound": "x"}, "upper_bound: 'x' does not fit"),
    ],
)
def test_mistakes_are_told(options: dict[str, Any], message: str, place: Place) -> None:
    place.load([{"id": 1, "name": "x"}], create_table=True)
    with pytest.raises((ConfigError, ValidationError), match=message):
        place.read(**options)


@contextmanager
def somebody_who_writes(write: Any) -> Iterator[None]:
    """Rows move from one end of the column to the other and back, all the time."""
    ended, moved = threading.Event(), threading.Event()

    def work() -> None:
        number = 0
        while not ended.is_set():
            write()
            number += 1
            if number > 3:
                moved.set()

    writer = Background(work)
    try:
        assert moved.wait(30)
        yield
    finally:
        ended.set()
        writer.join()


def test_all_connections_see_one_state(postgres_place: Place) -> None:
    place = postgres_place
    place.load([{"id": number} for number in range(100)], create_table=True)

    place.sql("delete from t where id = 99")
    with somebody_who_writes(lambda: place.sql(MOVE)):
        for _ in range(20):
            assert place.read(partition_column="id", num_partitions=4).num_rows == 99


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_all_readers_of_a_file_see_one_state(journal: str, sqlite_place: Place, sqlite_file: Path) -> None:
    place = sqlite_place
    place.load([{"id": number} for number in range(99)], create_table=True)
    place.sql(f"pragma journal_mode = {journal}")
    pause = threading.Event()

    def move() -> None:
        with closing(sqlite3.connect(sqlite_file, isolation_level=None, timeout=30)) as connection:
            connection.execute(MOVE)
        pause.wait(0.001)

    with somebody_who_writes(move):
        for _ in range(20):
            assert place.read(partition_column="id", num_partitions=4).num_rows == 99


def test_a_file_that_may_only_be_read(sqlite_place: Place, sqlite_file: Path) -> None:
    sqlite_place.load([{"id": number} for number in range(10)], create_table=True)
    sqlite_file.chmod(0o400)
    assert sqlite_place.read(partition_column="id", num_partitions=3).num_rows == 10


def wait_for_connections(place: Place, number: int) -> None:
    """Until so many others are connected to the database: a server takes its time to let one go."""
    with psycopg.connect(place.url, autocommit=True) as connection:
        others = "datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()"
        wait_until(connection, f"select count(*) = {number} from pg_stat_activity where {others}")


def test_an_error_in_one_partition_ends_all(postgres_place: Place) -> None:
    place = postgres_place
    place.sql("create table t as select i as id from generate_series(1, 8) as i")
    query = "select id, case id when 7 then 1 / (id - 7) else length(pg_sleep(20)::text) end as x from t"
    options: dict[str, Any] = {"partition_column": "id", "num_partitions": 4, "lower_bound": 1, "upper_bound": 8}
    started = Background(lambda: place.read(query=query, **options))
    started.join()
    assert isinstance(started.error, LumosError)
    assert "division by zero" in str(started.error)
    assert started.seconds() < 15
    wait_for_connections(place, 0)


def test_a_cancelled_read_ends_every_query(postgres_place: Place) -> None:
    place, cancellation = postgres_place, Cancellation()
    book = place.book()
    book.cancellation = cancellation
    extractor = place.extractor(
        query="select i as id, length(pg_sleep(30)::text) as x from generate_series(1, 8) i",
        partition_column="id", num_partitions=3, lower_bound=1, upper_bound=8,
    )  # fmt: skip

    def work() -> Any:
        with book.task("read") as task, extractor.read(task) as rows:
            return rows.read_all()

    reading = Background(work)
    wait_for_connections(place, 3)
    cancellation.cancel(Interrupted("enough"))
    reading.join()
    assert str(reading.error) == "enough"
    wait_for_connections(place, 0)


def test_leaving_early_closes_everything_in_bounded_memory(postgres_place: Place) -> None:
    place = postgres_place
    query = "select i as id, repeat('x', 1000) as text from generate_series(1, 200000) as i"
    before, threads = pa.total_allocated_bytes(), set(threading.enumerate())
    options: dict[str, Any] = {"query": query, "partition_column": "id", "num_partitions": 3, "batch_size": 1000}
    with place.book().task("read") as task, place.extractor(**options).read(task) as rows:
        for _ in range(5):
            assert rows.read_next_batch().num_rows == 1000
        assert pa.total_allocated_bytes() - before < 30_000_000
    assert set(threading.enumerate()) <= threads
    wait_for_connections(place, 0)


def test_a_missing_column_of_a_query(place: Place) -> None:
    place.load([{"id": 1}], create_table=True)
    with pytest.raises((TerminalError, ConfigError), match="nope"):
        place.read(query="select id from t", partition_column="nope", num_partitions=2)
