"""The code location: what a folder of job files becomes, and how a broken one is told."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from lumos_dagster.errors import ConfigError
from lumos_dagster.orchestration.location import build_definitions, jobs_folder
from lumos_dagster_tests.servers.dagster_ui import PROJECT

JOB = """
version: 1
name: {name}
description: Prints some rows.
{more}
jobs:
  {extract}: {{type: extractor, extractor_type: memory, options: {{records: [{{n: 1}}]}}}}
  show: {{type: loader, loader_type: console}}
dag: {{dependencies: {{show: [{extract}]}}}}
"""


def write(folder: Path, stem: str, extract: str = "rows", more: str = "") -> None:
    (folder / f"{stem}.yaml").write_text(JOB.format(name=stem, extract=extract, more=more))


def job_names(definitions: dg.Definitions) -> set[str]:
    return {job.name for job in definitions.resolve_all_job_defs() if not job.name.startswith("__")}


def test_every_file_is_a_job_with_its_title_and_schedule(tmp_path: Path) -> None:
    write(tmp_path, "first")
    write(tmp_path, "second", more='schedule: {cron: "0 2 * * *", timezone: Asia/Shanghai, status: running}')
    definitions = build_definitions(tmp_path)
    assert job_names(definitions) == {"first", "second"}
    assert definitions.resolve_job_def("first").description == "first - Prints some rows."
    schedule = definitions.resolve_schedule_def("second_schedule")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 2 * * *", "Asia/Shanghai")
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING


def test_a_broken_file_leaves_the_others_alone_and_is_told_with_its_mistakes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, "good")
    (tmp_path / "broken.yaml").write_text("version: 1\nname: Broken\njobs:\n  x: {type: loader, loader_type: cvs}\n")
    with caplog.at_level(logging.ERROR):
        assert job_names(build_definitions(tmp_path)) == {"good"}
    assert "broken.yaml is left out of the code location" in caplog.text
    assert "broken.yaml:4:" in caplog.text
    assert "Did you mean 'csv'?" in caplog.text


def test_strict_makes_a_broken_file_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUMOS_STRICT", "1")
    write(tmp_path, "good")
    (tmp_path / "broken.yaml").write_text("version: 1\n")
    with pytest.raises(ConfigError, match=r"broken\.yaml"):
        build_definitions(tmp_path)


def test_two_files_that_give_one_name_are_both_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path, "a-b")
    write(tmp_path, "a_b")
    with caplog.at_level(logging.ERROR):
        assert job_names(build_definitions(tmp_path)) == set()
    assert "a-b.yaml" in caplog.text
    assert "a_b.yaml" in caplog.text


def test_a_clash_of_names_inside_dagster_takes_out_one_file_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, "a", extract="b__c")
    write(tmp_path, "a__b", extract="c")
    with caplog.at_level(logging.ERROR):
        definitions = build_definitions(tmp_path)
    assert job_names(definitions) == {"a"}
    assert "a__b__c" in caplog.text
    assert definitions.resolve_job_def("a").execute_in_process().success


def test_the_folder_is_the_one_that_is_named_else_the_one_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LUMOS_JOBS_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "yaml_jobs").mkdir()
    assert jobs_folder() == tmp_path / "yaml_jobs"
    monkeypatch.setenv("LUMOS_JOBS_DIR", str(tmp_path / "elsewhere"))
    assert jobs_folder() == tmp_path / "elsewhere"
    with pytest.raises(ConfigError, match="does not exist; set LUMOS_JOBS_DIR"):
        build_definitions()


def test_the_jobs_shipped_with_the_project_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUMOS_STRICT", "1")
    assert job_names(build_definitions(PROJECT / "yaml_jobs")) == {
        "earthquakes", "made_up_customers", "native_customers", "quickstart", "strike_chain", "strike_files", "strikes_to_mongodb",
    }  # fmt: skip


def test_pipelines_are_sub_graphs_that_wait_for_each_other(tmp_path: Path) -> None:
    (tmp_path / "pipelines.yaml").write_text("""
version: 1
name: Pipelines
jobs:
  - id: first
    name: First
    retry: {count: 1, delay: 1}
    pipeline: &rows
      extractor: {extractor_type: memory, options: {records: [{value: 1, word: a}, {value: -1, word: b}]}}
      transformers:
        - {transformer_type: filter, options: {condition: "value > 0"}}
      loader: {loader_type: memory, options: {key: kept}}
  - id: second
    pipeline: *rows
dag: {dependencies: {second: [first]}}
""")
    job = build_definitions(tmp_path).resolve_job_def("pipelines")
    assert {node.name for node in job.graph.nodes} == {"first", "second"}
    result = job.execute_in_process()
    order = [event.step_key for event in result.all_events if event.is_step_start]
    assert order == [
        "first.extract", "first.transform_1", "first.load", "second.extract", "second.transform_1", "second.load",
    ]  # fmt: skip


def test_owners_bring_no_warning_that_a_user_could_do_nothing_about(tmp_path: Path) -> None:
    write(tmp_path, "owned", more="owners: [team:data, ann@example.com]")
    assert build_definitions(tmp_path).resolve_job_def("owned").owners == ["team:data", "ann@example.com"]


def test_a_location_ends_without_a_word(tmp_path: Path) -> None:
    sort = "  sort: {type: transformer, transformer_type: sql, options: {query: select n from rows order by n}}\n"
    job = JOB.format(name="sorted", extract="rows", more="").replace("  show:", f"{sort}  show:")
    (tmp_path / "sorted.yaml").write_text(job.replace("{show: [rows]}", "{sort: [rows], show: [sort]}"))

    program = "import lumos_dagster.definitions as location; print(location.defs.resolve_job_def('sorted').name)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True,
        env={**os.environ, "LUMOS_JOBS_DIR": str(tmp_path)},
    )  # fmt: skip

    assert (done.stdout, done.stderr) == ("sorted\n", "")
