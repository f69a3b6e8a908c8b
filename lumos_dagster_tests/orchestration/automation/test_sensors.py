"""Sensors: each thing that happens starts one run, none is missed, and a cursor outlives the daemon."""

import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from lumos_dagster.errors import ConfigError, DataError, TerminalError
from lumos_dagster.orchestration.location import build_definitions
from lumos_dagster.orchestration.resources import LUMOS

JOB = """
version: 1
name: Inbox
vars: {{folder: "{folder}/inbox"}}
sensors:
  - {sensor}
{more}
jobs:
  rows: {{type: extractor, extractor_type: memory, options: {{records: [{{from: "{told}"}}]}}}}
  load: {{type: loader, loader_type: csv, options: {{file_path: "{folder}/out.csv", append: true}}}}
dag: {{dependencies: {{load: [rows]}}}}
"""
FILES = '{type: file, path: "${vars.folder}/*.csv"}'


def write(folder: Path, sensor: str, told: str = "${sensor.path}", name: str = "inbox", more: str = "") -> None:
    (folder / f"{name}.yaml").write_text(JOB.format(sensor=sensor, folder=folder, told=told, more=more))
    (folder / "inbox").mkdir(exist_ok=True)


def file(folder: Path, name: str, text: str = "a\n1\n", age: float = 60) -> str:
    path = folder / "inbox" / name
    path.write_text(text)
    os.utime(path, (time.time() - age,) * 2)
    return str(path)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "home").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "home")) as made:
        yield made


def look(folder: Path, instance: dg.DagsterInstance, cursor: str | None = None, name: str = "inbox_sensor") -> Any:
    """One look of a daemon that has just been started: all it knows is the cursor."""
    definitions = build_definitions(folder)
    context = dg.build_sensor_context(instance, cursor, repository_def=definitions.get_repository_def())
    return definitions.resolve_sensor_def(name).evaluate_tick(context)


def told(result: Any) -> list[str]:
    return [request.run_config["resources"][LUMOS]["config"]["sensor"]["path"] for request in result.run_requests]


def test_each_new_or_changed_file_starts_one_run(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    write(tmp_path, FILES)
    assert "no new file" in look(tmp_path, instance).skip_message
    b, a = file(tmp_path, "b.csv", age=60), file(tmp_path, "a.csv", age=30)
    file(tmp_path, "other.txt")
    (tmp_path / "inbox" / "folder.csv").mkdir()
    first = look(tmp_path, instance)
    assert told(first) == [b, a], "the oldest comes first"
    assert len({request.run_key for request in first.run_requests}) == 2
    second = look(tmp_path, instance, first.cursor)
    assert second.run_requests == []
    file(tmp_path, "a.csv", "a\n1\n2\n", age=20)
    third = look(tmp_path, instance, second.cursor)
    assert told(third) == [a]
    assert third.run_requests[0].run_key not in {request.run_key for request in first.run_requests}
    Path(a).unlink()
    fourth = look(tmp_path, instance, third.cursor)
    file(tmp_path, "a.csv", age=10)
    assert told(look(tmp_path, instance, fourth.cursor)) == [a], "it went and has come again"


def test_a_file_that_may_still_be_written_is_left_alone_until_it_rests(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    write(tmp_path, '{type: file, path: "${vars.folder}/*.csv", min_age_seconds: 20}')
    path = file(tmp_path, "a.csv", age=5)
    young = look(tmp_path, instance)
    assert "younger than 20 s" in young.skip_message
    os.utime(path, (time.time() - 21,) * 2)
    assert told(look(tmp_path, instance, young.cursor)) == [path]


def test_a_file_from_the_future_is_not_left_for_ever(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    write(tmp_path, FILES)
    path = file(tmp_path, "a.csv", age=-3600)
    assert told(look(tmp_path, instance)) == [path]


def test_many_files_start_their_runs_over_several_looks(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    write(tmp_path, FILES)
    paths = {file(tmp_path, f"{number:03}.csv") for number in range(130)}
    first = look(tmp_path, instance)
    second = look(tmp_path, instance, first.cursor)
    assert (len(first.run_requests), len(second.run_requests)) == (100, 30)
    assert {*told(first), *told(second)} == paths


def test_the_run_is_told_the_file(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    write(tmp_path, FILES)
    path = file(tmp_path, "a.csv")
    (request,) = look(tmp_path, instance).run_requests
    job = build_definitions(tmp_path).resolve_job_def("inbox")
    assert job.execute_in_process(run_config=request.run_config, instance=instance).success
    assert (tmp_path / "out.csv").read_text() == f"from\n{path}\n"


def grow(folder: Path, value: object) -> None:
    with sqlite3.connect(folder / "orders.db") as database:
        database.execute("create table if not exists orders (at text)")
        database.execute("delete from orders")
        database.execute("insert into orders values (?)", [value])
    database.close()


SQL = '{type: sql, connection_string: "${ORDERS_DB}", query: "select max(at) as at from orders"}'


def test_a_value_that_grows_starts_a_run(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, SQL, "${sensor.previous}..${sensor.value}")
    monkeypatch.setenv("ORDERS_DB", f"jdbc:sqlite:{tmp_path}/orders.db")
    grow(tmp_path, "2026-01-01")
    result = look(tmp_path, instance)
    assert "the first value seen is 2026-01-01" in result.skip_message
    for value, starts in [("2026-01-01", False), ("2026-01-05", True), ("2026-01-04", False), ("2026-01-05", False), ("2026-01-06", True)]:  # fmt: skip
        grow(tmp_path, value)
        result = look(tmp_path, instance, result.cursor)
        assert bool(result.run_requests) == starts, value
    (request,) = result.run_requests
    assert request.run_config["resources"][LUMOS]["config"]["sensor"] == {
        "value": "2026-01-06",
        "previous": "2026-01-05",
    }


def test_the_first_row_of_an_empty_table_is_growth(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, SQL, "${sensor.value}")
    monkeypatch.setenv("ORDERS_DB", f"jdbc:sqlite:{tmp_path}/orders.db")
    grow(tmp_path, None)
    result = look(tmp_path, instance)
    grow(tmp_path, "a")
    assert len(look(tmp_path, instance, result.cursor).run_requests) == 1


def test_a_look_that_fails_says_why_and_keeps_its_place(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, SQL, "${sensor.value}")
    with pytest.raises(ConfigError, match="ORDERS_DB is not set"):
        look(tmp_path, instance)
    monkeypatch.setenv("ORDERS_DB", f"jdbc:sqlite:{tmp_path}/nowhere.db")
    with pytest.raises(TerminalError, match="there is no database file"):
        look(tmp_path, instance)
    write(tmp_path, SQL.replace("max(at) as at", "at, at as b"), "${sensor.value}")
    grow(tmp_path, "a")
    monkeypatch.setenv("ORDERS_DB", f"jdbc:sqlite:{tmp_path}/orders.db")
    with pytest.raises(DataError, match="gives 2 columns"):
        look(tmp_path, instance)


@pytest.mark.parametrize(("on", "fails", "starts"), [("success", False, True), ("success", True, False), ("failure", True, True)])  # fmt: skip
def test_a_job_starts_after_another(
    on: str, fails: bool, starts: bool, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    write(tmp_path, f"{{type: job, after: first, on: {on}}}", "${sensor.job} ${sensor.run_id}")
    write(tmp_path, FILES, "${NOT_SET_ANYWHERE}" if fails else "x", name="first")
    definitions = build_definitions(tmp_path)
    run = definitions.resolve_job_def("first").execute_in_process(instance=instance, raise_on_error=False)
    sensor = definitions.resolve_sensor_def("inbox_sensor")
    assert isinstance(sensor, dg.RunStatusSensorDefinition)
    assert run.success != fails
    event = run.get_run_failure_event() if fails else run.get_run_success_event()
    context = dg.build_run_status_sensor_context("inbox_sensor", event, instance, run.dagster_run)
    watched = {"success": dg.DagsterRunStatus.SUCCESS, "failure": dg.DagsterRunStatus.FAILURE}[on]
    assert (run.dagster_run.status == watched) == starts
    if starts:
        (request,) = sensor(context)
        told = request.run_config["resources"][LUMOS]["config"]["sensor"]
        assert told == {"run_id": run.run_id, "job": "first"}
        assert request.run_key == run.run_id


def test_a_sensor_after_a_job_that_is_not_there_is_told_and_the_job_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, "{type: job, after: inbux}")
    write(tmp_path, "{type: job, after: inbox, status: stopped, interval_seconds: 60}", name="inbox_2")
    definitions = build_definitions(tmp_path)
    assert definitions.resolve_job_def("inbox").name == "inbox"
    assert "no job 'inbux' in this location; allowed: inbox, inbox_2. Did you mean 'inbox'?" in caplog.text
    assert "inbox.yaml:6:" in caplog.text
    stopped = definitions.resolve_sensor_def("inbox_2_sensor")
    assert stopped.default_status == dg.DefaultSensorStatus.STOPPED
    assert stopped.minimum_interval_seconds == 60


def test_a_sensor_of_a_job_in_parts_starts_the_latest(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    write(tmp_path, FILES, "${partition}", more="partitions: {type: static, keys: [a, b]}")
    file(tmp_path, "a.csv")
    requests = look(tmp_path, instance).run_requests
    assert [request.partition_key for request in requests] == ["a", "b"]
    assert len({request.run_key for request in requests}) == 2
