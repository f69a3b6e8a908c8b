"""The real daemon starts what the YAML says: a tick of the clock, a dropped file, a backfill."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lumos_dagster_tests.servers.dagster_ui import DagsterUI, dagster_ui

JOB = """
version: 1
name: {name}
{more}
jobs:
  rows: {{type: extractor, extractor_type: memory, options: {{records: [{{told: "{told}", n: 1}}, {{told: "{told}", n: 2}}]}}}}
  load:
    type: loader
    loader_type: jdbc
    options: {{connection_string: "jdbc:sqlite:{folder}/{name}.db", table_name: t, create_table: true, load_mode: insert}}
dag: {{dependencies: {{load: [rows]}}}}
"""
RUNS = """query ($job: String!) { runsOrError(filter: {pipelineName: $job}) { ... on Runs { results {
  runId status tags { key value } } } } }"""
BACKFILL = """mutation ($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
PATIENCE = 150
DAYS = [f"2026-01-0{day}" for day in range(1, 6)]

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("ui")]


def write(folder: Path, name: str, told: str, more: str) -> None:
    (folder / "jobs" / f"{name}.yaml").write_text(JOB.format(name=name, told=told, more=more, folder=folder))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("daemon")
    for name in ("jobs", "inbox"):
        (made / name).mkdir()
    write(made, "ticking", "tick", 'schedule: {cron: "* * * * *", status: running}')
    sensor = f'{{type: file, path: "{made}/inbox/*.csv", min_age_seconds: 0, interval_seconds: 1}}'
    write(made, "inbox", "${sensor.path}", f"sensors: [{sensor}]")
    write(made, "parts", "${partition}", "partitions: {type: daily, start: 2026-01-01, end: 2026-01-06}")
    return made


@pytest.fixture(scope="module")
def ui(folder: Path) -> Iterator[DagsterUI]:
    """The daemon, with a file dropped and a backfill begun, so that what the tests wait for goes on at the same time."""
    with dagster_ui(folder / "home", folder / "jobs") as running:
        (folder / "inbox" / "a.csv").write_text("n\n1\n")
        location = {"repositoryLocationName": "lumos", "repositoryName": "__repository__"}
        params = {
            "selector": {"partitionSetName": "parts_partition_set", "repositorySelector": location},
            "partitionNames": DAYS,
        }
        answer = running.graphql(BACKFILL, params=params)["launchPartitionBackfill"]
        assert answer["__typename"] == "LaunchBackfillSuccess", answer
        yield running


def loaded(folder: Path, name: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / f"{name}.db")) as database:
        return database.execute("select told, count(*) from t group by told order by told").fetchall()


def runs(ui: DagsterUI, job: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ui.graphql(RUNS, job=job)["runsOrError"]["results"]
    return found


def ended(ui: DagsterUI, job: str, count: int) -> Callable[[], bool]:
    return lambda: [run["status"] for run in runs(ui, job)].count("SUCCESS") >= count


def wait_until(holds: Callable[[], bool], ui: DagsterUI) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, (ui.home / "ui.log").read_text()[-3000:]
        threading.Event().wait(0.5)


def test_a_dropped_file_launches_one_run(ui: DagsterUI, folder: Path) -> None:
    paths = [folder / "inbox" / name for name in ("a.csv", "b.csv")]
    wait_until(ended(ui, "inbox", 1), ui)
    paths[1].write_text("n\n1\n")
    wait_until(ended(ui, "inbox", 2), ui)
    assert loaded(folder, "inbox") == [(str(path), 2) for path in paths]
    assert len(runs(ui, "inbox")) == 2


def test_a_backfill_loads_every_partition(ui: DagsterUI, folder: Path) -> None:
    wait_until(ended(ui, "parts", 5), ui)
    assert loaded(folder, "parts") == [(day, 2) for day in DAYS]


def test_a_tick_of_the_clock_launches_a_run(ui: DagsterUI, folder: Path) -> None:
    wait_until(ended(ui, "ticking", 1), ui)
    assert loaded(folder, "ticking")[0][0] == "tick"
    assert all(
        {"key": "dagster/schedule_name", "value": "ticking_schedule"} in run["tags"] for run in runs(ui, "ticking")
    )
