"""A run killed with SIGKILL in the middle of a load, then resumed: exactly the right rows."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

from lumos_dagster_tests.servers.postgres import PostgresDatabase

ROWS, STOP_AT = 20_000, 15_000

JOB = """
version: 1
name: Killed
execution: {mode}
executor: {executor}
jobs:
  read: {{type: extractor, {read}}}
  load:
    type: loader
    loader_type: jdbc
    options: {{connection_string: "{url}", table_name: target, load_mode: insert}}
dag: {{dependencies: {{load: [read]}}}}
"""

FILE = "extractor_type: csv, options: {file_path: rows.csv}"
TABLE = "extractor_type: jdbc, options: {connection_string: '${SOURCE}', table_name: source}"
"""Whose rows go past the batches."""


@pytest.fixture
def project(tmp_path: Path, postgres: PostgresDatabase) -> Path:
    lines = "".join(f"{number},name {number}\n" for number in range(ROWS))
    (tmp_path / "rows.csv").write_text(f"id,name\n{lines}")
    with postgres.connect() as connection:
        connection.execute("create table target (id bigint primary key, name text)")
        connection.execute(
            f"create table source as select n as id, 'name ' || n as name from generate_series(0, {ROWS - 1}::bigint) n"
        )
    return tmp_path


def write_job(project: Path, postgres: PostgresDatabase, executor: str, mode: str, read: str = FILE) -> None:
    read = read.replace("${SOURCE}", postgres.url)
    (project / "job.yaml").write_text(JOB.format(executor=executor, mode=mode, read=read, url=postgres.url))


def lumos(project: Path, *arguments: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, "DAGSTER_HOME": str(project / "home")}
    command = [sys.executable, "-m", "lumos_dagster.cli", "run", "job.yaml", *arguments]
    return subprocess.Popen(
        command, cwd=project, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


@contextmanager
def another_holds_a_row(postgres: PostgresDatabase) -> Iterator[psycopg.Connection]:
    """Somebody has inserted the same key and not committed: the load comes to that row and waits there."""
    with psycopg.connect(postgres.url) as other:
        other.execute("insert into target values (%s, 'mine')", (STOP_AT,))
        yield other
        other.rollback()


def wait_until_the_load_waits(postgres: PostgresDatabase, process: "subprocess.Popen[str]") -> None:
    pause = threading.Event()
    query = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query ilike 'copy%'"
    for _ in range(600):
        if postgres.rows(query)[0][0]:
            return
        assert process.poll() is None, process.stdout and process.stdout.read()
        pause.wait(0.1)
    raise AssertionError("the load never came to the row")


@pytest.mark.parametrize(
    ("mode", "read"),
    [pytest.param("staged", FILE, marks=pytest.mark.slow), ("streaming", FILE), ("streaming", TABLE)],
)
def test_a_load_killed_in_the_middle_and_resumed_has_every_row_once(
    mode: str, read: str, project: Path, postgres: PostgresDatabase
) -> None:
    write_job(project, postgres, "in_process", mode, read)
    with another_holds_a_row(postgres):
        process = lumos(project)
        wait_until_the_load_waits(postgres, process)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    assert postgres.rows("select count(*) from target") == [(0,)]
    resumed = lumos(project, "--resume")
    told = resumed.communicate(timeout=120)[0]
    assert resumed.returncode == 0, told
    expected = [(ROWS, ROWS, 0, ROWS - 1)]
    assert postgres.rows("select count(*), count(distinct id), min(id), max(id) from target") == expected
    assert "read" not in [line.split(":")[0] for line in told.splitlines() if line.endswith(": started")]


def test_a_run_that_still_works_is_not_taken_over(project: Path, postgres: PostgresDatabase) -> None:
    write_job(project, postgres, "in_process", "staged")
    with another_holds_a_row(postgres):
        process = lumos(project)
        wait_until_the_load_waits(postgres, process)
        second = lumos(project, "--resume")
        told = second.communicate(timeout=60)[0]
        assert second.returncode == 2, told
        assert "is still running" in told
    process.communicate(timeout=120)
    assert process.returncode == 0
    assert postgres.rows("select count(*) from target") == [(ROWS,)]


@pytest.mark.parametrize("read", [FILE, TABLE])
def test_ctrl_c_ends_the_run_while_a_statement_blocks(read: str, project: Path, postgres: PostgresDatabase) -> None:
    write_job(project, postgres, "in_process", "streaming", read)
    with another_holds_a_row(postgres):
        process = lumos(project)
        wait_until_the_load_waits(postgres, process)
        process.send_signal(signal.SIGINT)
        told, _ = process.communicate(timeout=60)
        assert process.returncode not in (0, 3)
        assert "load: it was told to end, by Ctrl-C or a signal" in told
    assert postgres.rows("select count(*) from target") == [(0,)]


@pytest.mark.slow
def test_an_op_that_outlives_its_run_is_not_joined_by_another(project: Path, postgres: PostgresDatabase) -> None:
    write_job(project, postgres, "multiprocess", "staged")
    with another_holds_a_row(postgres):
        process = lumos(project)
        wait_until_the_load_waits(postgres, process)
        orphans = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
        told, code = resumed(project)
        assert code == 2, told
        assert "is still running" in told
        assert "although the run is over" in told
    wait_until_ended(orphans)
    told, code = resumed(project)
    assert code == 0, told
    assert postgres.rows("select count(*), count(distinct id) from target") == [(ROWS, ROWS)]


def resumed(project: Path) -> tuple[str, int]:
    """What a resume says, and how it ends."""
    process = lumos(project, "--resume")
    told = process.communicate(timeout=120)[0]
    return told, process.returncode


def wait_until_ended(processes: list[psutil.Process]) -> None:
    """Nobody may ask for the end of an orphan, so one that is a zombie has ended too."""
    pause = threading.Event()
    for _ in range(600):
        if not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes):
            return
        pause.wait(0.1)
    raise AssertionError("the op's process does not end")
