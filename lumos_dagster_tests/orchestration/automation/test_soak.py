"""Hundreds of runs through the daemon with a limit on its queue, some killed, some failing: each ends as it should.

Nothing is left behind, and the code server does not grow.
"""

import os
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from lumos_dagster_tests.servers.dagster_ui import DagsterUI, dagster_ui

RUNS = 200
EACH = {"fine": 14, "failing": 3, "killed": 3}
"""Of twenty runs, how many of each job."""
JOB = """
version: 1
name: {name}
execution: {execution}
{more}
jobs:
  read: {{type: extractor, extractor_type: csv, options: {{file_path: "{folder}/rows.csv"}}}}
  sum: {{type: transformer, transformer_type: sql, options: {{query: "select * from read order by n"}}}}
  load:
    type: loader
    loader_type: jdbc
    options: {{connection_string: "jdbc:sqlite:{folder}/{name}.db", table_name: {table}, load_mode: upsert, key_column: n}}
dag: {{dependencies: {{sum: [read], load: [sum]}}}}
"""
WAITING = """
import os, pathlib, threading
def wait(rows):
    mark = pathlib.Path(os.environ["SOAK_FOLDER"]) / f"{os.getpid()}.pid"
    mark.touch()
    threading.Event().wait()
"""
KILLED = """
version: 1
name: killed
execution: streaming
tags: {{dagster/max_retries: "0"}}
jobs:
  read: {{type: extractor, extractor_type: csv, options: {{file_path: "{folder}/rows.csv"}}}}
  wait: {{type: transformer, transformer_type: python, options: {{function: "soaking:wait"}}}}
  load: {{type: loader, loader_type: csv, options: {{file_path: "{folder}/killed.csv"}}}}
dag: {{dependencies: {{wait: [read], load: [wait]}}}}
"""
STATES = (
    """query ($limit: Int!) { runsOrError(limit: $limit) { ... on Runs { results { runId pipelineName status } } } }"""
)
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}

pytestmark = [pytest.mark.timeout(3600), pytest.mark.slow]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "soaking.py").write_text(WAITING)
    (tmp_path / "rows.csv").write_text("n\n" + "".join(f"{number}\n" for number in range(1000)))
    for name, execution, table in (("fine", "staged", "t"), ("failing", "streaming", "missing")):
        text = JOB.format(name=name, execution=execution, table=table, folder=tmp_path, more="")
        (tmp_path / "jobs" / f"{name}.yaml").write_text(text)
    (tmp_path / "jobs" / "killed.yaml").write_text(KILLED.format(folder=tmp_path))
    for name in ("fine", "failing"):
        with closing(sqlite3.connect(tmp_path / f"{name}.db")) as database:
            database.execute("create table t (n integer primary key)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("SOAK_FOLDER", str(tmp_path))
    return tmp_path


@pytest.fixture
def ui(folder: Path) -> Iterator[DagsterUI]:
    with dagster_ui(folder / "home", folder / "jobs") as running:
        yield running


def test_every_run_of_many_ends_in_the_right_state_and_leaves_nothing_behind(ui: DagsterUI, folder: Path) -> None:
    server = code_server(ui)
    before = server.memory_info().rss, server.num_fds(), len(processes(ui))
    jobs = [job for job, times in EACH.items() for _ in range(times)] * (RUNS // sum(EACH.values()))
    stop = threading.Event()
    killer = threading.Thread(target=kill_those_that_wait, args=(folder, stop))
    killer.start()
    try:
        for job in jobs:
            ui.launch(job)
        ends = ended(ui, len(jobs))
    finally:
        stop.set()
        killer.join()

    wanted = {"fine": "SUCCESS", "failing": "FAILURE", "killed": "FAILURE"}
    assert ends == Counter((job, wanted[job]) for job in jobs)
    with closing(sqlite3.connect(folder / "fine.db")) as database:
        assert database.execute("select count(*) from t").fetchone() == (1000,)
        tables = [name for (name,) in database.execute("select name from sqlite_master where type = 'table'")]
    assert sorted(tables) == ["_lumos_loads", "t"]
    assert sorted(path.name for path in folder.iterdir() if path.name.startswith(("killed.csv", ".killed"))) == []
    settled = processes(ui)
    after = server.memory_info().rss, server.num_fds()
    print(f"{len(jobs)} runs: {dict(ends)}; code server {before[0] >> 20} -> {after[0] >> 20} MiB, "
          f"{before[1]} -> {after[1]} handles, {before[2]} -> {len(settled)} processes")  # fmt: skip
    assert after[0] < before[0] * 1.2
    assert after[1] <= before[1] + 10
    # The code server's resource tracker comes with its first run, and stays.
    assert len(settled) <= before[2] + 1, [process.info["cmdline"] for process in settled]


def processes(ui: DagsterUI) -> list[psutil.Process]:
    """All that belong to this instance; its runs' have ended by the time that the last one is told."""
    gone = time.monotonic() + 60
    while True:
        found = [
            process
            for process in psutil.process_iter(["environ", "cmdline"])
            if (process.info["environ"] or {}).get("DAGSTER_HOME") == str(ui.home)
        ]
        if time.monotonic() > gone or not any("execute_run" in (process.info["cmdline"] or []) for process in found):
            return found
        threading.Event().wait(0.5)


def code_server(ui: DagsterUI) -> psutil.Process:
    """The process that serves the jobs' definitions."""
    return max(
        (process for process in processes(ui) if "grpc" in (process.info["cmdline"] or [])),
        key=lambda process: int(process.memory_info().rss),
    )


def kill_those_that_wait(folder: Path, stop: threading.Event) -> None:
    """SIGKILL each run's process that has begun to wait."""
    while not stop.wait(0.2):
        for mark in folder.glob("*.pid"):
            os.kill(int(mark.stem), signal.SIGKILL)
            mark.unlink()


def ended(ui: DagsterUI, count: int) -> "Counter[tuple[str, str]]":
    """How the runs ended, once all have."""
    deadline = time.monotonic() + 3000
    while True:
        runs: list[dict[str, Any]] = ui.graphql(STATES, limit=2 * count)["runsOrError"]["results"]
        if len(runs) >= count and all(run["status"] in ENDED for run in runs):
            return Counter((run["pipelineName"], run["status"]) for run in runs)
        assert time.monotonic() < deadline, Counter((run["pipelineName"], run["status"]) for run in runs)
        threading.Event().wait(2)
