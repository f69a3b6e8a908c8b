"""What is SQLite's own: many rows go in by a file of their own, and must be as if each had been put in by itself."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumos_dagster.connectors.jdbc.sqlite.sending import send
from lumos_dagster.errors import DataError, TerminalError
from lumos_dagster.files import temporary_file
from lumos_dagster_tests.connectors.jdbc.conftest import Place

DECLARED = (
    "INTEGER",
    "REAL",
    "TEXT",
    "VARCHAR(10)",
    "NUMERIC",
    "DECIMAL(10,2)",
    "BLOB",
    "BOOLEAN",
    "DATE",
    "my type",
    "",
)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.one_of(
    st.text(), st.sampled_from(["", "1", "1.0", "1e3", "0x10", " 7 ", "-0", "9223372036854775808", "a\0b"])
)
KINDS: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.int64(), INTEGERS),
    (pa.int16(), st.integers(-(2**15), 2**15 - 1)),
    (pa.float64(), st.floats()),
    (pa.float32(), st.floats(width=32)),
    (pa.bool_(), st.booleans()),
    (pa.string(), TEXTS),
    (pa.binary(), st.binary()),
    (pa.decimal128(38, 9), st.decimals(-(10**20), 10**20, places=9)),
    (pa.date32(), st.dates()),
    (pa.time64("us"), st.times()),
    (pa.timestamp("us"), st.datetimes(datetime(1000, 1, 1))),
]


@contextmanager
def opened(file: Path | str = "") -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        yield connection


def stored(connection: sqlite3.Connection, table: str = "t") -> list[tuple[Any, ...]]:
    """All rows as they are kept: the class that each value is stored in, and its bytes."""
    names = [name for name, *_ in connection.execute(f"SELECT * FROM {table}").description]
    chosen = ", ".join(f'typeof("{name}"), CAST("{name}" AS BLOB)' for name in names)
    return connection.execute(f"SELECT {chosen} FROM {table} ORDER BY rowid").fetchall()


def one_by_one(batches: Sequence[pa.RecordBatch]) -> Iterator[Iterator[pa.RecordBatch]]:
    """A single batch goes in by value."""
    yield from (iter([batch]) for batch in batches)


@st.composite
def columns(draw: st.DrawFn) -> tuple[str, "pa.Array[Any]"]:
    kind, values = draw(st.sampled_from(KINDS))
    return draw(st.sampled_from(DECLARED)), pa.array(draw(st.lists(st.none() | values, min_size=4, max_size=4)), kind)


@given(st.lists(columns(), min_size=1, max_size=6))
def test_each_value_is_stored_as_if_it_had_been_put_in_by_itself(made: list[tuple[str, "pa.Array[Any]"]]) -> None:
    names = [f"c {at}" for at in range(len(made))]
    whole = pa.RecordBatch.from_arrays([values for _, values in made], names)
    batches = [whole.slice(0, 1), whole.slice(1, 3)]
    definition = ", ".join(f'"{name}" {kind}' for name, (kind, _) in zip(names, made, strict=True))
    with opened() as connection:
        for table in ("carried", "valued"):
            connection.execute(f"CREATE TABLE {table} ({definition})")
        assert send(connection, "carried", names, iter(batches)) == 4
        assert "_lumos_carrier" in {name for _, name, _ in connection.execute("PRAGMA database_list")}
        assert sum(send(connection, "valued", names, batch) for batch in one_by_one(batches)) == 4
        assert stored(connection, "carried") == stored(connection, "valued")


BATCHES = [
    pa.RecordBatch.from_pydict({"id": [1, 2], "b": ["x", None]}),
    pa.RecordBatch.from_pydict({"id": [3], "b": ["ü"]}),
]
ROWS = [(1, "x"), (2, None), (3, "ü")]


@pytest.mark.parametrize(
    "definition",
    [
        "id INTEGER PRIMARY KEY, b TEXT)",
        "b TEXT COLLATE NOCASE, id INT NOT NULL UNIQUE)",
        "id INT, b TEXT, c TEXT DEFAULT 'd')",
        "id INT, b TEXT, twice INT AS (id * 2) STORED)",
        "id INT PRIMARY KEY, b TEXT CHECK (b <> 'y')) WITHOUT ROWID",
    ],
)
def test_tables_of_any_kind_take_them(definition: str) -> None:
    with opened() as connection:
        connection.execute(f"CREATE TABLE t ({definition}")
        assert send(connection, "t", ["id", "b"], iter(BATCHES)) == 3
        assert connection.execute("SELECT id, b FROM t ORDER BY id").fetchall() == ROWS


def test_a_database_in_utf_16_takes_them(tmp_path: Path) -> None:
    with opened(tmp_path / "wide.db") as connection:
        connection.execute("PRAGMA encoding = 'UTF-16'")
        connection.execute("CREATE TABLE t (id INT, b TEXT)")
        assert send(connection, "t", ["id", "b"], iter(BATCHES)) == 3
        assert connection.execute("SELECT id, b FROM t").fetchall() == ROWS


def test_names_that_must_be_quoted() -> None:
    with opened() as connection:
        connection.execute('CREATE TABLE "a ""b" ("select" INT, "ü "" ?" TEXT)')
        batches = [batch.rename_columns(["select", 'ü " ?']) for batch in BATCHES]
        assert send(connection, '"a ""b"', ["select", 'ü " ?'], iter(batches)) == 3
        assert connection.execute('SELECT * FROM "a ""b"').fetchall() == ROWS


def test_a_transaction_has_one_such_file_and_the_next_one_has_another() -> None:
    with opened() as connection:
        connection.execute("CREATE TABLE t (id INT, b TEXT)")
        for _ in range(2):
            connection.execute("BEGIN")
            for _ in range(15):  # more than SQLite can have attached
                assert send(connection, "t", ["id", "b"], iter(BATCHES)) == 3
            connection.execute("COMMIT")
        assert connection.execute("SELECT count(*), sum(id) FROM t").fetchall() == [(90, 180)]


def test_what_is_taken_back_leaves_nothing(sqlite_place: Place) -> None:
    sqlite_place.sql("create table t (id integer primary key, b text);; insert into t values (3, 'old')")
    with pytest.raises(DataError, match=r"UNIQUE constraint failed: t\.id"):
        sqlite_place.load(pa.Table.from_batches(BATCHES))
    assert sqlite_place.sql("select * from t") == [(3, "old")]


def test_rows_that_somebody_waits_for_and_the_modes_with_a_key(sqlite_place: Place) -> None:
    sqlite_place.sql("create table t (id integer primary key, b text);; insert into t values (3, 'old'), (4, 'old')")
    result = sqlite_place.load(pa.Table.from_batches(BATCHES), load_mode="upsert", key_column="id")
    assert (result.inserted, result.updated) == (2, 1)
    assert sqlite_place.sql("select * from t") == [*ROWS, (4, "old")]
    assert [row["id"] for row in sqlite_place.accepted] == [1, 2, 3]


def test_no_file_is_left_behind(sqlite_place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "a %20 ? folder"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    sqlite_place.sql("create table t (id int, b text)")
    sqlite_place.load(pa.Table.from_batches(BATCHES))
    assert sqlite_place.sql("select * from t") == ROWS
    assert list(place.iterdir()) == []


KILLED = """
import os, signal, sqlite3
import pyarrow as pa
from lumos_dagster.connectors.jdbc.sqlite.sending import send

def batches():
    yield from [pa.RecordBatch.from_pydict({"id": [1]})] * 3
    os.kill(os.getpid(), signal.SIGKILL)

connection = sqlite3.connect("", isolation_level=None)
connection.execute("CREATE TABLE t (id INT)")
send(connection, "t", ["id"], batches())
"""


def test_what_a_killed_process_left_goes_with_the_next_load(
    sqlite_place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    killed = subprocess.run([sys.executable, "-c", KILLED], env={**os.environ, "TMPDIR": str(place)}, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(list(place.iterdir())) == 1
    sqlite_place.sql("create table t (id int, b text)")
    with temporary_file("lumos-rows.db") as of_another:
        sqlite_place.load(pa.Table.from_batches(BATCHES))
        assert list(place.iterdir()) == [of_another]
    assert sqlite_place.sql("select * from t") == ROWS


def test_a_full_disk_on_the_way_is_told_and_nothing_is_loaded(sqlite_place: Place) -> None:
    sqlite_place.sql("create table t (id int, b text)")
    wide = pa.RecordBatch.from_pydict({"id": range(4000), "b": ["x" * 1000] * 4000})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        with pytest.raises(TerminalError, match=f"cannot be kept in '{tempfile.gettempdir()}' on their way: "):
            sqlite_place.load(pa.Table.from_batches([wide, wide]))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert sqlite_place.sql("select * from t") == []


def test_dates_and_exact_numbers_come_back_as_they_were(sqlite_place: Place) -> None:
    moments = {"d": date(2024, 2, 29), "at": datetime(2024, 2, 29, 1, 2, 3, 4, UTC), "t": time(1, 2, 3)}
    rows = pa.Table.from_pylist([{**moments, "n": Decimal("12345678901234567890.123456789")}])
    sqlite_place.load(pa.concat_tables([rows, rows]), create_table=True)
    assert sqlite_place.read(query="select d, at, t from t").to_pylist() == [moments] * 2
    assert sqlite_place.sql("select n from t") == [("12345678901234567890.123456789",)] * 2
