"""What is DuckDB's own: its file and who may have it, its types, and the savepoints that it lacks."""

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from lumos_dagster.cancellation import Cancellation
from lumos_dagster.connectors.jdbc.address import parse_address
from lumos_dagster.errors import DataError, Interrupted, TerminalError
from lumos_dagster_tests.connectors.jdbc.conftest import Place
from lumos_dagster_tests.connectors.jdbc.loads import load_in_background

_HOLDS = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


def _rows(*ids: int) -> pa.Table:
    return pa.table({"id": pa.array(ids, pa.int32())})


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("jdbc:duckdb:/data/x.duckdb", "/data/x.duckdb"),
        ("duckdb:///rel.duckdb", "rel.duckdb"),
        ("duckdb:////data/x.duckdb", "/data/x.duckdb"),
    ],
)
def test_its_connection_strings(text: str, path: str) -> None:
    assert parse_address(text).place == ("duckdb", path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("jdbc:duckdb:", "a database in memory would be lost .*jdbc:duckdb:/path"),
        ("jdbc:duckdb::memory:shared", "a database in memory"),
        ("jdbc:duckdb:/x.duckdb;access_mode=READ_ONLY", "unknown parameter 'access_mode'; allowed: none"),
        ("duckdb:///x.duckdb?threads=2&user=a", "unknown parameter 'threads', 'user'"),
    ],
)
def test_what_cannot_be_had_is_said(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_address(text)


@pytest.mark.parametrize("mode", ["insert", "upsert"])
@pytest.mark.parametrize("on_error", ["reject", "skip"])
def test_what_the_database_refuses_ends_the_load_as_there_are_no_savepoints(
    duckdb_place: Place, mode: str, on_error: str
) -> None:
    duckdb_place.sql("create table t (id integer primary key, n integer check (n > 0));; insert into t values (1, 1)")
    with pytest.raises(DataError, match="CHECK constraint"):
        duckdb_place.load([{"id": 2, "n": 2}, {"id": 3, "n": -1}], on_error=on_error, load_mode=mode)  # type: ignore[arg-type]
    assert duckdb_place.sql("select * from t") == [(1, 1)]


def test_what_does_not_fit_is_rejected_row_by_row(duckdb_place: Place) -> None:
    duckdb_place.sql("create table t (id integer, h hugeint, u uuid, e enum ('a', 'b'), s timestamp_s, i interval)")
    least = -(2**127)
    good = {"id": "1", "h": str(least), "u": "0" * 8 + "-0000-0000-0000-" + "0" * 12, "e": "b",
            "s": "2026-01-02T03:04:05", "i": "1 day 00:00:00.000001"}  # fmt: skip
    bad = [{"h": "1.5"}, {"e": "c"}, {"s": "2026-01-02T03:04:05.5"}, {"i": "00:00:00.0000001"}, {"id": "x"}]
    duckdb_place.load([good, *({**good, **one} for one in bad)], on_error="reject")

    assert duckdb_place.count.rejected == len(bad)
    assert duckdb_place.sql("select h, s::varchar, i::varchar from t") == [
        (least, "2026-01-02 03:04:05", "1 day 00:00:00.000001")
    ]
    assert duckdb_place.read(columns=["h", "u", "e"]).to_pylist() == [{"h": str(least), "u": good["u"], "e": "b"}]


@pytest.mark.parametrize(
    "value", ["date 'infinity'", "timestamp '-infinity'", "date '10000-01-01'", "date '0044-03-15 (BC)'"]
)
def test_moments_that_arrow_has_no_place_for_are_an_error(duckdb_place: Place, value: str) -> None:
    with pytest.raises(DataError, match="select it as text"):
        _made(duckdb_place).read(query=f"select {value} as v")
    assert _made(duckdb_place).read(query=f"select cast({value} as varchar) as v").num_rows == 1


def test_lists_stay_lists_and_other_nested_values_are_text(duckdb_place: Place) -> None:
    query = "select [1, null] a, [[1.5]] b, {'x': 1} c, map {'k': 1} d, [date '2026-01-01'] e, :n::decimal(9, 2) f"
    rows = _made(duckdb_place).read(query=query, parameters={"n": Decimal("1.25")})
    assert rows.to_pylist() == [
        {
            "a": [1, None],
            "b": [[Decimal("1.5")]],
            "c": "{'x': 1}",
            "d": "{k=1}",
            "e": "[2026-01-01]",
            "f": Decimal("1.25"),
        }
    ]


def test_a_file_that_another_process_holds_is_waited_for(duckdb_place: Place) -> None:
    _made(duckdb_place)
    path = parse_address(duckdb_place.url).name
    command = [sys.executable, "-c", _HOLDS, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdin
        assert holder.stdout.readline() == "held\n"
        cancellation = Cancellation()
        cancelled = load_in_background(duckdb_place, _rows(8), cancellation, load_id="other")
        cancellation.cancel(Interrupted("enough"))
        assert isinstance(cancelled.join().error, Interrupted)
        load = load_in_background(duckdb_place, _rows(9))
        holder.stdin.close()
        assert load.join().error is None
    assert duckdb_place.sql("select id from t") == [(9,)]


def test_a_script_that_ends_the_transaction_is_refused(duckdb_place: Place) -> None:
    _made(duckdb_place)
    with pytest.raises(TerminalError, match="ended the transaction"):
        duckdb_place.load(_rows(1), pre_sql="select 1; commit")
    with pytest.raises(TerminalError, match="ended the transaction"):
        duckdb_place.load(_rows(1), "2", post_sql="rollback; begin")
    assert duckdb_place.sql("select * from t") == []


def test_what_is_no_such_file_is_said(duckdb_place: Place) -> None:
    path = parse_address(duckdb_place.url).name
    Path(path).write_bytes(b"SQLite format 3\0" + bytes(5000))
    with pytest.raises(TerminalError, match=r"test\.duckdb: .*"):
        duckdb_place.read()


def test_nothing_is_fetched_from_elsewhere(duckdb_place: Place) -> None:
    """No Python variable is a table, and a name like md: is a file's."""
    rows_here = _rows(1)
    place = _made(duckdb_place)
    with pytest.raises(TerminalError, match="rows_here does not exist"):
        place.read(query="select * from rows_here")
    assert rows_here.num_rows == 1
    place.url = "jdbc:duckdb:md:shop"
    with pytest.raises(TerminalError, match="no database file 'md:shop'"):
        place.read()


def _made(place: Place) -> Place:
    place.sql("create table if not exists t (id integer)")
    return place


def test_a_run_that_fails_says_why_and_nothing_of_the_drivers_own(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(
        "{version: 1, name: Duck, jobs: {"
        "read: {type: extractor, extractor_type: memory, options: {records: [{a: 1}]}}, "
        "load: {type: loader, loader_type: jdbc, options: {connection_string: 'jdbc:duckdb:x.duckdb', table_name: gone, "
        "pre_sql: 'create table t (a int)'}}}, dag: {dependencies: {load: [read]}}}"
    )
    (tmp_path / "home").mkdir()
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lumos")), "run", "job.yaml"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=100,
        env={**os.environ, "DAGSTER_HOME": str(tmp_path / "home")},
    )  # fmt: skip
    assert done.returncode == 1
    assert 'there is no table "gone"' in done.stdout + done.stderr
    assert "leaked" not in done.stdout + done.stderr
