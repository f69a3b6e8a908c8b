"""Jobs offered as assets: made in one run in the order in which they need each other, told once, and jobs still."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from lumos_dagster.orchestration.location import build_definitions

SHOP = """
version: 1
name: Shop
as_assets: true
vars: {{table: orders}}
jobs:
  read: {{type: extractor, extractor_type: csv, options: {{file_path: "{folder}/in.csv"}}}}
  ok:
    type: transformer
    transformer_type: json
    options: {{transforms: [{{operation: validate, field: n, rule: not_null}}]}}
  load:
    type: loader
    loader_type: jdbc
    retry: {{count: 1}}
    options: {{connection_string: "jdbc:sqlite:{folder}/shop.db", table_name: "${{vars.table}}", create_table: true, load_mode: replace}}
  copy: {{type: loader, loader_type: csv, options: {{file_path: "{folder}/out.csv"}}}}
dag: {{dependencies: {{ok: [read], load: [ok], copy: [load]}}}}
"""
REPORT = """
version: 1
name: Report
as_assets: true
jobs:
  - id: make
    name: Makes it
    pipeline:
      id: p
      extractor: {{extractor_type: csv, options: {{file_path: "{folder}/out.csv"}}}}
      transformers: []
      loader: {{loader_type: csv, options: {{file_path: "{folder}/report.csv"}}}}
"""
PARTS = """
version: 1
name: Parts
as_assets: true
partitions: {{type: static, keys: [a, b]}}
jobs:
  read: {{type: extractor, extractor_type: memory, options: {{records: [{{part: "${{partition}}"}}]}}}}
  load: {{type: loader, loader_type: csv, options: {{file_path: "{folder}/part_${{partition}}.csv"}}}}
dag: {{dependencies: {{load: [read]}}}}
"""

FLAKY = """
from pathlib import Path
tried = Path(__file__).with_name("tried")

def twice(rows):
    if not tried.exists():
        tried.touch()
        raise OSError("not yet")
    return rows
"""

pytestmark = pytest.mark.filterwarnings("ignore:Parameter `")  # execute_in_process builds definitions once more


@pytest.fixture
def jobs(tmp_path: Path) -> Path:
    folder = tmp_path / "jobs"
    folder.mkdir()
    for name, text in (("shop", SHOP), ("report", REPORT)):
        (folder / f"{name}.yaml").write_text(text.format(folder=tmp_path))
    (tmp_path / "in.csv").write_text("n\n1\n2\n")
    return folder


def materialise(jobs: Path, instance: dg.DagsterInstance, **more: Any) -> dg.ExecuteInProcessResult:
    job = build_definitions(jobs).resolve_implicit_global_asset_job_def()
    return job.execute_in_process(instance=instance, raise_on_error=False, **more)


@pytest.fixture
def instance(tmp_path: Path) -> Any:
    with dg.instance_for_test(temp_dir=str(tmp_path)) as made:
        yield made


def told(result: dg.ExecuteInProcessResult) -> Counter[str]:
    return Counter(event.materialization.asset_key.path[-1] for event in result.get_asset_materialization_events())


def test_assets_of_several_jobs_are_made_in_one_run_each_after_what_it_reads_and_told_once(
    jobs: Path, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    result = materialise(jobs, instance)
    assert result.success
    assert (tmp_path / "report.csv").read_text() == "n\n1\n2\n"
    assert told(result) == {"orders": 1, "out.csv": 1, "report.csv": 1}
    orders = result.get_asset_materialization_events()[0].materialization
    assert orders.metadata["dagster/row_count"].value == 2
    assert {"dagster/column_schema", "dagster/column_lineage", "sample"} <= set(orders.metadata)
    evaluations = [
        event.event_specific_data for event in result.all_events if event.event_type_value == "ASSET_CHECK_EVALUATION"
    ]
    assert all(evaluation.passed for evaluation in evaluations)
    assert len(evaluations) == 4


def test_lineage_and_what_is_said_of_an_asset_are_as_for_a_job(jobs: Path, tmp_path: Path) -> None:
    graph = build_definitions(jobs).resolve_asset_graph()
    by_name = {key.path[-1]: key for key in graph.get_all_asset_keys()}
    parents = {name: {parent.path[-1] for parent in graph.get(key).parent_keys} for name, key in by_name.items()}
    assert parents == {"in.csv": set(), "orders": {"in.csv"}, "out.csv": {"orders"}, "report.csv": {"out.csv"}}
    assert graph.get(by_name["orders"]).group_name == "shop"
    assert graph.get(by_name["orders"]).description == "Loaded by shop.load."


def test_the_job_itself_is_still_there_and_tells_its_loads_once(jobs: Path, instance: dg.DagsterInstance) -> None:
    result = build_definitions(jobs).resolve_job_def("shop").execute_in_process(instance=instance)
    assert told(result) == {"orders": 1, "out.csv": 1}


def test_options_and_vars_are_changed_at_launch(jobs: Path, instance: dg.DagsterInstance, tmp_path: Path) -> None:
    other = str(tmp_path / "other.csv")
    config = {
        "ops": {"shop__assets": {"ops": {"copy": {"config": {"file_path": other}}}}},
        "resources": {"lumos": {"config": {"execution": "streaming"}}},
    }
    shop = [
        key
        for key in build_definitions(jobs).resolve_asset_graph().executable_asset_keys
        if key.path[-1] != "report.csv"
    ]
    assert materialise(jobs, instance, run_config=config, asset_selection=shop).success
    assert Path(other).read_text() == "n\n1\n2\n"
    assert not (tmp_path / "out.csv").exists()


def test_a_failure_fails_the_run_and_what_was_loaded_before_is_told(
    jobs: Path, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    (tmp_path / "out.csv").mkdir()
    result = materialise(jobs, instance)
    assert not result.success
    assert told(result) == {"orders": 1}
    failed = result.failure_data_for_node("shop__assets.copy")
    assert failed is not None
    assert "out.csv" in str(failed.user_failure_data)


def test_a_rule_that_is_broken_shows_on_the_asset(jobs: Path, instance: dg.DagsterInstance, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("n,m\n,1\n")
    result = materialise(jobs, instance)
    failed = [
        event.event_specific_data.check_name
        for event in result.all_events
        if event.event_type_value == "ASSET_CHECK_EVALUATION" and not event.event_specific_data.passed
    ]
    assert failed == ["ok_n_not_null"]


def test_each_partition_is_an_asset_partition(jobs: Path, instance: dg.DagsterInstance, tmp_path: Path) -> None:
    for file in jobs.iterdir():
        file.unlink()
    (jobs / "parts.yaml").write_text(PARTS.format(folder=tmp_path))
    result = materialise(jobs, instance, partition_key="b")
    assert result.success
    assert result.get_asset_materialization_events()[0].materialization.partition == "b"
    assert (tmp_path / "part_b.csv").read_text() == "part\nb\n"


def test_jobs_that_read_what_each_other_load_do_not_wait_in_a_circle(jobs: Path, tmp_path: Path) -> None:
    report = (
        REPORT.format(folder=tmp_path).replace("out.csv", "x").replace("report.csv", "in.csv").replace("/x", "/out.csv")
    )
    (jobs / "report.yaml").write_text(report)
    keys = build_definitions(jobs).resolve_asset_graph().executable_asset_keys
    assert {key.path[-1] for key in keys} == {"orders", "out.csv", "in.csv"}


def test_what_two_jobs_offer_is_the_first_ones_and_the_other_says_so(
    jobs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (jobs / "report.yaml").write_text(
        REPORT.format(folder=tmp_path).replace("report.csv", "out.csv").replace('csv"}}}}\n      tr', "in.csv")
    )
    definitions = build_definitions(jobs)
    assert {job.name for job in definitions.jobs or ()} == {"shop", "report"}
    assert "is made by job report already" in caplog.text
    monkeypatch.setenv("LUMOS_STRICT", "1")
    with pytest.raises(Exception, match="Give one of the two loaders an `asset` of its own"):
        build_definitions(jobs)


def test_an_op_of_an_asset_is_tried_again_as_its_entry_says(
    jobs: Path, instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (jobs / "report.yaml").unlink()
    (tmp_path / "flaky_once.py").write_text(FLAKY)
    monkeypatch.syspath_prepend(tmp_path)
    text = (jobs / "shop.yaml").read_text().replace("transformer_type: json", "transformer_type: python")
    options = "options: {function: flaky_once:twice}\n    retry: {count: 1}"
    (jobs / "shop.yaml").write_text(
        text.replace("options: {transforms: [{operation: validate, field: n, rule: not_null}]}", options)
    )
    result = materialise(jobs, instance)
    retried = [event.step_key for event in result.all_events if event.event_type_value == "STEP_UP_FOR_RETRY"]
    assert retried == ["shop__assets.ok"]
    assert result.success
    assert told(result) == {"orders": 1, "out.csv": 1}
    assert (tmp_path / "out.csv").read_text() == "n\n1\n2\n"


def test_an_asset_of_ones_own_is_the_source_of_a_job_that_is_merged_with_it(jobs: Path, tmp_path: Path) -> None:
    keys = {key.path[-1]: key for key in build_definitions(jobs).resolve_asset_graph().get_all_asset_keys()}

    @dg.asset(key=keys["in.csv"])
    def download() -> None:
        """Somebody's own."""

    own = dg.Definitions(assets=[download])
    merged = dg.Definitions.merge(build_definitions(jobs, defined_elsewhere=[download.key]), own)
    graph = merged.resolve_asset_graph()
    assert graph.get(keys["orders"]).parent_keys == {download.key}
    assert graph.get(download.key).is_materializable
    with pytest.raises(dg.DagsterInvalidDefinitionError, match=r"in\.csv"):
        dg.Definitions.merge(build_definitions(jobs), own).resolve_asset_graph()


@pytest.mark.slow
def test_the_ops_of_assets_run_in_processes_of_their_own_too(jobs: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "location.py").write_text(
        "from lumos_dagster.orchestration.location import build_definitions\ndefs = build_definitions()\n"
    )
    done = subprocess.run(
        [str(Path(sys.executable).with_name("dagster")), "asset", "materialize", "--select", "*", "-f", "location.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=150,
        env={**os.environ, "DAGSTER_HOME": str(tmp_path / "home"), "LUMOS_JOBS_DIR": str(jobs)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "report.csv").read_text() == "n\n1\n2\n"
