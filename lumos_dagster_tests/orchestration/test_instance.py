"""The instance, embedded and on PostgreSQL: its settings hold, and runs are recorded, resumed and cleared on both."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from lumos_dagster.orchestration.execute import Order, latest_report, run_file
from lumos_dagster.orchestration.kept_rejects import rejects_of
from lumos_dagster.orchestration.resources import storage_of
from lumos_dagster.orchestration.sweep import sweep
from lumos_dagster_tests.servers.instances import embedded, on_postgres, opened
from lumos_dagster_tests.servers.postgres import PASSWORD, PostgresDatabase

JOB = """
version: 1
name: People
jobs:
  read: {{type: extractor, extractor_type: csv, options: {{file_path: "{folder}/people.csv"}}}}
  clean:
    type: transformer
    transformer_type: json
    options: {{transforms: [{{operation: convert_field, field: age, type: int, on_error: reject}}]}}
  load: {{type: loader, loader_type: jdbc, options: {{connection_string: "jdbc:sqlite:{folder}/{file}", table_name: people}}}}
dag: {{dependencies: {{clean: [read], load: [clean]}}}}
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def environment(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    home = tmp_path / "home"
    if request.param == "sqlite":
        return embedded(home)
    database: PostgresDatabase = request.getfixturevalue("postgres")
    return on_postgres(home, database)


@pytest.fixture
def instance(environment: dict[str, str]) -> Iterator[dg.DagsterInstance]:
    with opened(environment) as found:
        yield found


@pytest.fixture
def people(folder: Path) -> Path:
    (folder / "people.csv").write_text("name,age\nAda,36\nGrace,unknown\nMary,28\n")
    path = folder / "people.yaml"
    path.write_text(JOB.format(folder=folder, file="missing/out.db"))
    return path


def test_a_run_is_recorded_resumed_and_cleared(instance: dg.DagsterInstance, people: Path, folder: Path) -> None:
    failed = run_file(Order(people), instance, lambda _: None)
    assert (failed.status, set(failed.failed)) == ("failure", {"load"})
    (folder / "missing").mkdir()
    order = Order(people, {"load": {"create_table": True}}, resume=True)
    done = run_file(order, instance, lambda _: None)

    assert done.status == "success", done.failed
    assert set(done.stages) == {"load"}, "what was done before is not done again"
    assert latest_report("people", instance).stages["load"]["rows_out"] == 2
    assert [kept.rows for kept in rejects_of(instance, "people")] == [1]
    steps = instance.get_records_for_run(failed.run_id, of_type=dg.DagsterEventType.STEP_FAILURE).records
    assert [record.event_log_entry.step_key for record in steps] == ["load"]

    kept = Path(storage_of(instance))
    assert {path.name for path in (kept / "spool").iterdir()} == {failed.run_id}
    sweep(instance, str(kept), 24.0, time.time() + 8 * 24 * 3600)
    assert not list((kept / "spool").iterdir())


def test_its_settings_hold(instance: dg.DagsterInstance) -> None:
    settings: dict[str, Any] = dict(instance.get_settings("concurrency"))
    assert settings["pools"] == {"default_limit": 1, "granularity": "op"}
    assert settings["runs"]["max_concurrent_runs"] in (4, 10)
    assert instance.run_retries_enabled
    assert instance.run_monitoring_enabled
    assert not instance.telemetry_enabled
    assert not instance.nux_enabled


def test_its_description_names_no_password(instance: dg.DagsterInstance) -> None:
    assert PASSWORD not in instance.info_str()
    assert PASSWORD not in str(instance.get_ref().to_dict())
