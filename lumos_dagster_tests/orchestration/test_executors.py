"""Jobs as Dagster users start them: `dagster job execute -f`, both executors, real files and databases."""

import json
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from lumos_dagster_tests.servers.dagster_ui import PROJECT
from lumos_dagster_tests.servers.postgres import PostgresDatabase

BRANCHES = """
version: 1
name: Two branches
jobs:
  read: {type: extractor, extractor_type: csv, options: {file_path: numbers.csv}}
  keep_left: {type: loader, loader_type: memory, options: {key: left}}
  keep_right: {type: loader, loader_type: memory, options: {key: right}}
  again_left: {type: extractor, extractor_type: memory, options: {key: left, required: true}}
  again_right: {type: extractor, extractor_type: memory, options: {key: right, required: true}}
  load:
    type: loader
    loader_type: jdbc
    options: {connection_string: "jdbc:sqlite:out.db", table_name: both, create_table: true}
dag:
  dependencies:
    keep_left: [read]
    keep_right: [read]
    again_left: [keep_left]
    again_right: [keep_right]
    load: [again_left, again_right]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "home").mkdir()
    (tmp_path / "numbers.csv").write_text("n\n1\n2\n3\n")
    return tmp_path


def run(project: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    environment = {
        **os.environ, "DAGSTER_HOME": str(project / "home"), "LUMOS_JOBS_DIR": str(project / "jobs"),
        "PYTHONPATH": str(project),
    }  # fmt: skip
    program = [str(Path(sys.executable).with_name(command[0])), *command[1:]]
    return subprocess.run(
        program, cwd=project, env=environment, capture_output=True, text=True, timeout=170, check=False
    )


def rows(project: Path, query: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(project / "out.db") as connection:
        found = connection.execute(query).fetchall()
    connection.close()
    return found


@pytest.mark.parametrize("executor", ["in_process", pytest.param("multiprocess", marks=pytest.mark.slow)])
def test_memory_is_seen_by_every_op_of_the_run_under_both_executors(executor: str, project: Path) -> None:
    (project / "jobs" / "branches.yaml").write_text(BRANCHES)
    done = run(project, "lumos", "run", "branches", "--executor", executor, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["stages"]["load"]["inserted"] == 6
    assert rows(project, "select n from both order by rowid") == [("1",), ("2",), ("3",)] * 2


WRITES_OVER_ITSELF = """
version: 1
name: Writes over itself
jobs:
  read: {type: extractor, extractor_type: memory, options: {records: [{n: 1}]}}
  write: {type: loader, loader_type: csv, depends_on: read, options: {file_path: jobs/over.yaml}}
  again: {type: extractor, extractor_type: memory, options: {records: [{n: 1}]}, depends_on: write}
"""


def test_what_fails_in_a_steps_process_outside_of_its_work_is_told_without_a_trace(project: Path) -> None:
    (project / "jobs" / "over.yaml").write_text(WRITES_OVER_ITSELF)

    done = run(project, "lumos", "run", "over", "--executor", "multiprocess")

    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert "over.yaml:1:1: a job file is a mapping; found a single value" in said
    assert not re.search("Traceback|Stack Trace|In process", said)


def test_dagster_job_execute_runs_a_job_of_the_folder_and_a_broken_file_is_only_reported(project: Path) -> None:
    (project / "jobs" / "branches.yaml").write_text(BRANCHES)
    (project / "jobs" / "broken.yaml").write_text("version: 1\nname: Broken\njobs: {}\n")
    definitions = str(PROJECT / "lumos_dagster" / "definitions.py")
    config = project / "launch.yaml"
    config.write_text("ops: {load: {config: {table_name: elsewhere}}}\n")
    done = run(project, "dagster", "job", "execute", "-f", definitions, "-j", "branches", "-c", str(config))
    assert done.returncode == 0, done.stderr[-3000:]
    assert "broken.yaml is left out of the code location" in done.stderr
    assert rows(project, "select count(*) from elsewhere") == [(6,)]
    strict = subprocess.run(
        [sys.executable, definitions], cwd=project, capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "LUMOS_JOBS_DIR": str(project / "jobs"), "LUMOS_STRICT": "1"},
    )  # fmt: skip
    assert strict.returncode != 0
    assert "there are no jobs" in strict.stderr


def test_a_timeout_ends_a_query_that_blocks(project: Path, postgres: PostgresDatabase) -> None:
    (project / "jobs" / "slow.yaml").write_text(f"""
version: 1
name: Slow
jobs:
  read:
    type: extractor
    extractor_type: jdbc
    timeout: 2
    options: {{connection_string: "{postgres.url}", query: "select pg_sleep(60)"}}
  show: {{type: loader, loader_type: console}}
dag: {{dependencies: {{show: [read]}}}}
""")
    done = run(project, "lumos", "run", "slow", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 1
    assert told["failed"] == {"read": "read: timeout: ran longer than 2 seconds"}
    assert told["seconds"] < 20
    assert postgres.rows(
        "select count(*) from pg_stat_activity where query like '%pg_sleep(60)%' and pid <> pg_backend_pid()"
    ) == [(0,)]


@pytest.mark.slow
def test_a_timeout_ends_a_function_that_never_returns_with_its_process(project: Path) -> None:
    (project / "endless.py").write_text("""
import os, pathlib, threading
def wait(rows):
    pathlib.Path("worker.pid").write_text(str(os.getpid()))
    threading.Event().wait()
""")
    (project / "jobs" / "endless.yaml").write_text("""
version: 1
name: Endless
execution: streaming
jobs:
  read: {type: extractor, extractor_type: csv, options: {file_path: numbers.csv}}
  wait: {type: transformer, transformer_type: python, timeout: 1, options: {function: "endless:wait"}}
  show: {type: loader, loader_type: console}
dag: {dependencies: {wait: [read], show: [wait]}}
""")
    done = run(project, "lumos", "run", "endless", "--json")
    assert done.returncode == 1, done.stdout + done.stderr
    assert json.loads(done.stdout)["failed"] == {"show": "show: timeout: ran longer than 1 seconds"}
    assert not psutil.pid_exists(int((project / "worker.pid").read_text()))
