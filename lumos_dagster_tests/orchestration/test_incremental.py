"""Incremental jobs from launch to launch: what is new is loaded once, whatever fails or dies in between."""

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest

from lumos_dagster.catalog import Catalog
from lumos_dagster.config import parse_job
from lumos_dagster_tests.orchestration.parts import Ran, run_job
from lumos_dagster_tests.orchestration.test_executors import run
from lumos_dagster_tests.orchestration.test_kill import lumos, wait_until_the_load_waits
from lumos_dagster_tests.servers.postgres import PostgresDatabase

JOB = """
version: 1
name: Nightly
execution: {mode}
jobs:
  read:
    type: extractor
    extractor_type: jdbc
    options:
      connection_string: "{url}"
      table_name: source
      incremental: {incremental}
  tidy: {{type: transformer, transformer_type: filter, options: {{condition: "id > 0"}}}}
  load:
    type: loader
    loader_type: jdbc
    options: {{connection_string: "{url}", table_name: target, load_mode: {load_mode}}}
dag: {{dependencies: {{tidy: [read], load: [tidy]}}}}
"""
CURSOR = "{cursor_column: changed}"
MODES = ("staged", "streaming")


@pytest.fixture
def source(postgres: PostgresDatabase) -> PostgresDatabase:
    with postgres.connect() as connection:
        connection.execute("create table source (id bigint, changed timestamptz)")
        connection.execute("create table target (id bigint primary key, changed timestamptz)")
    add(postgres, 1, 10)
    return postgres


def add(source: PostgresDatabase, first: int, last: int, minutes: str = "i") -> None:
    """Rows whose cursor is so many minutes after the beginning of 2026."""
    with source.connect() as connection:
        connection.execute(
            f"insert into source select i, timestamptz '2026-01-01 00:00:00.000001+00' + ({minutes}) * interval '1 minute' "
            f"from generate_series({first}, {last}) as i"
        )


def text(source: PostgresDatabase, mode: str, incremental: str = CURSOR, load_mode: str = "insert") -> str:
    return JOB.format(mode=mode, url=source.url, incremental=incremental, load_mode=load_mode)


def loaded(source: PostgresDatabase) -> list[int]:
    return [int(str(row[0])) for row in source.rows("select id from target order by id")]


@pytest.fixture
def launch(source: PostgresDatabase, instance: dg.DagsterInstance) -> Callable[..., Ran]:
    """Runs the job in this process; words behind the mode are for the job's text."""

    def launched(mode: str, *more: str, **config: Any) -> Ran:
        job = parse_job(text(source, mode, *more), "nightly.yaml", Catalog())
        return run_job(job, instance, {"ops": config} if config else None)

    return launched


@pytest.mark.parametrize("mode", MODES)
def test_each_run_loads_what_is_new(mode: str, source: PostgresDatabase, launch: Callable[..., Ran]) -> None:
    first = launch(mode)
    assert first.success
    assert first.metadata["load"]["inserted"] == 10
    assert first.metadata["load"]["watermark of read"] == "2026-01-01T00:10:00.000001Z"
    add(source, 11, 12)
    assert launch(mode).metadata["load"]["inserted"] == 2
    nothing = launch(mode)
    assert nothing.success
    assert nothing.metadata["load"]["rows_in"] == 0
    add(source, 13, 13)
    assert launch(mode).metadata["load"]["inserted"] == 1
    assert loaded(source) == list(range(1, 14))
    kept = source.rows("select job, op, target, value, kind from _lumos_watermarks")
    assert kept == [("nightly", "read", '"target"', "2026-01-01T00:13:00.000001Z", "timestamp[us, tz=UTC]")]


@pytest.mark.parametrize("mode", MODES)
def test_a_run_that_failed_leaves_its_rows_to_the_next(
    mode: str, source: PostgresDatabase, launch: Callable[..., Ran]
) -> None:
    assert launch(mode).success
    add(source, 11, 15)
    with source.connect() as connection:
        connection.execute("insert into target values (15, null)")
    failed = launch(mode)
    assert "duplicate key" in failed.failures["load"]
    assert loaded(source) == [*range(1, 11), 15]
    with source.connect() as connection:
        connection.execute("delete from target where id = 15")
    add(source, 16, 17)
    assert launch(mode).metadata["load"]["inserted"] == 7
    assert loaded(source) == list(range(1, 18))


def test_the_first_load_begins_where_it_is_told(source: PostgresDatabase, launch: Callable[..., Ran]) -> None:
    begins = "{cursor_column: changed, initial_value: '2026-01-01T00:05:00.000001Z'}"
    assert launch("staged", begins).success
    assert loaded(source) == list(range(5, 11))


def test_a_number_as_cursor_and_partitions(source: PostgresDatabase, launch: Callable[..., Ran]) -> None:
    parts = {"read": {"config": {"partition_column": "id", "num_partitions": 3}}}
    for last in (20, 30):
        add(source, last - 9, last)
        assert launch("streaming", "{cursor_column: id}", **parts).success
        assert loaded(source) == list(range(1, last + 1))


def test_rows_that_come_late_are_taken_with_a_lag(source: PostgresDatabase, launch: Callable[..., Ran]) -> None:
    lagging = "{cursor_column: changed, lag: 3m}"
    assert launch("streaming", lagging, "upsert").success
    add(source, 11, 11, minutes="8.5")
    add(source, 12, 12, minutes="2.5")
    assert launch("streaming", lagging, "upsert").metadata["load"]["rows_in"] == 4
    assert loaded(source) == list(range(1, 12)), "what is later than the lag is not seen"


def test_rows_without_a_cursor_are_told(source: PostgresDatabase, launch: Callable[..., Ran]) -> None:
    with source.connect() as connection:
        connection.execute("insert into source values (50, null), (51, null)")
    failed = launch("staged")
    assert "2 rows have no changed" in failed.failures["read"]
    assert "changed IS NOT NULL" in failed.failures["read"]
    assert launch("staged", read={"config": {"where": "changed is not null"}}).success
    assert loaded(source) == list(range(1, 11))


def test_everything_again_by_one_launch_without_it(source: PostgresDatabase, launch: Callable[..., Ran]) -> None:
    assert launch("staged", CURSOR, "upsert").success
    with source.connect() as connection:
        connection.execute("delete from target")
    assert launch("staged", CURSOR, "upsert").metadata["load"]["rows_in"] == 0
    assert launch("staged", CURSOR, "upsert", read={"config": {"incremental": None}}).success
    assert loaded(source) == list(range(1, 11))


def test_a_target_that_is_gone_is_no_empty_one(source: PostgresDatabase, launch: Callable[..., Ran]) -> None:
    assert launch("staged").success
    with source.connect() as connection:
        connection.execute("drop table target")
    failed = launch("staged", load={"config": {"create_table": True}})
    assert "that table is gone" in failed.failures["read"]
    assert "DELETE FROM" in failed.failures["read"]


@pytest.mark.parametrize("mode", MODES)
def test_two_runs_at_once_do_not_load_the_same_rows(
    mode: str, source: PostgresDatabase, launch: Callable[..., Ran]
) -> None:
    """Whoever commits second is told, and its rows are not there twice."""
    with source.connect() as connection:
        connection.execute("alter table target drop constraint target_pkey")
    assert launch(mode).success
    add(source, 11, 12)
    moved = "update _lumos_watermarks set value = '2026-01-01T00:12:00.000001Z'"
    refused = launch(mode, load={"config": {"post_sql": moved}})
    assert "another run has loaded rows of read" in refused.failures["load"]
    assert loaded(source) == list(range(1, 11))


@contextmanager
def another_holds(source: PostgresDatabase, number: int) -> Iterator[None]:
    with psycopg.connect(source.url) as other:
        other.execute("insert into target values (%s, null)", (number,))
        yield
        other.rollback()


@pytest.mark.parametrize("mode", ["streaming", pytest.param("staged", marks=pytest.mark.slow)])
def test_killed_between_load_and_commit_then_resumed(mode: str, source: PostgresDatabase, tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(text(source, mode))
    with another_holds(source, 10):
        process = lumos(tmp_path)
        wait_until_the_load_waits(source, process)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    add(source, 11, 12)  # not of the load that is resumed: its bounds are fixed
    assert _told(lumos(tmp_path, "--resume", "--json"))["inserted"] == 10
    assert loaded(source) == list(range(1, 11))
    assert _told(lumos(tmp_path, "--json"))["inserted"] == 2
    assert loaded(source) == list(range(1, 13))


def _told(process: "subprocess.Popen[str]") -> dict[str, Any]:
    told = process.communicate(timeout=120)[0]
    assert process.returncode == 0, told
    counts: dict[str, Any] = json.loads(told[told.index("{\n") :])["stages"]["load"]
    return counts


@pytest.mark.parametrize(
    ("executor", "mode"),
    [
        pytest.param("in_process", "streaming", marks=pytest.mark.slow),
        pytest.param("multiprocess", "staged", marks=pytest.mark.slow),
        pytest.param("in_process", "staged", marks=pytest.mark.slow),
        pytest.param("multiprocess", "streaming", marks=pytest.mark.slow),
    ],
)
def test_both_executors(executor: str, mode: str, source: PostgresDatabase, tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "home").mkdir()
    (tmp_path / "jobs" / "nightly.yaml").write_text(text(source, mode))
    for last in (10, 15):
        done = run(tmp_path, "lumos", "run", "nightly", "--executor", executor, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        assert loaded(source) == list(range(1, last + 1))
        add(source, 11, 15)
