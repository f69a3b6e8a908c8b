"""What a launch may change, and what it may not: overrides, the file's digest, and whose load a run goes on with."""

from dataclasses import replace
from pathlib import Path

import dagster as dg
import fsspec
import pytest

from lumos_dagster.config.model import Entry, JobFile
from lumos_dagster.orchestration.jobs import build_job
from lumos_dagster.orchestration.launch import DIGEST, RESUME, load_of
from lumos_dagster_tests.orchestration.parts import Book, Numbers, Odd, entry, job, run_job


def numbers(folder: Path, **extract_options: object) -> tuple[Entry, ...]:
    return (
        entry("extract", "extractor", Numbers, options=extract_options),
        entry("load", "loader", Book, ["extract"], options={"folder": str(folder)}),
    )


def test_an_option_changed_at_launch_wins_over_the_yaml(folder: Path, instance: dg.DagsterInstance) -> None:
    config = {"ops": {"extract": {"config": {"count": 3}}}}
    assert run_job(job(*numbers(folder, count=7)), instance, config).success
    assert (folder / "load").read_text() == "0 1 2"


def test_a_var_and_the_mode_may_be_changed_at_launch(folder: Path, instance: dg.DagsterInstance) -> None:
    with_vars = job(*numbers(folder, count="${vars.many}"), vars={"many": 4})
    settings = {"vars": {"many": 2}, "execution": "streaming"}
    ran = run_job(with_vars, instance, {"resources": {"lumos": {"config": settings}}})
    assert (folder / "load").read_text() == "0 1"
    assert set(ran.metadata["load"]["lumos/stages"]) == {"extract", "load"}  # type: ignore[call-overload]


def test_rows_between_ops_may_be_kept_anywhere_that_fsspec_reaches(folder: Path, instance: dg.DagsterInstance) -> None:
    storage = "memory://lumos-test-launch"
    ran = run_job(job(*numbers(folder)), instance, {"resources": {"lumos": {"config": {"storage": storage}}}})
    assert (folder / "load").read_text() == "0 1 2 3 4 5 6 7 8 9"
    kept = fsspec.filesystem("memory").find("/lumos-test-launch")
    assert any(path.endswith(f"spool/{ran.run.run_id}/{ran.run.job_name}/extract.arrow") for path in kept)
    assert not Path(instance.storage_directory(), "lumos").exists()


def test_a_mistake_in_any_op_stops_the_first_before_it_touches_anything(
    folder: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LUMOS_TEST_COUNT", raising=False)
    extract, load = numbers(folder)
    wrong = replace(load, options={**load.options, "fails": "${LUMOS_TEST_COUNT}"})
    ran = run_job(job(extract, wrong), instance)
    assert list(ran.failures) == ["extract"]
    assert (
        "numbers.yaml: jobs.load.options.fails: the environment variable LUMOS_TEST_COUNT is not set"
        in (ran.failures["extract"])
    )


def test_a_secret_from_the_environment_is_in_no_event_tag_or_kept_file(
    folder: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUMOS_TEST_SECRET", "hunter2-canary")
    ran = run_job(job(*numbers(folder, password="${LUMOS_TEST_SECRET}")), instance)
    assert ran.success
    files = [path for path in Path(instance.storage_directory()).parent.rglob("*") if path.is_file()]
    assert any("outputs" in path.parts for path in files)
    assert [path for path in files if b"hunter2-canary" in path.read_bytes()] == []


def changed_after_launch(before: JobFile, after: JobFile, instance: dg.DagsterInstance) -> str:
    """Launch with one text of the file and run with another; give the failure."""
    built = build_job(after)
    result = built.execute_in_process(instance=instance, tags={DIGEST: before.digest}, raise_on_error=False)
    assert not result.success
    (failure,) = [event for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    data = failure.step_failure_data.user_failure_data
    assert data is not None
    return str(data.description)


def test_a_file_changed_between_launch_and_run_is_refused(folder: Path, instance: dg.DagsterInstance) -> None:
    before = job(*numbers(folder))
    failure = changed_after_launch(before, replace(before, text="version: 1.1"), instance)
    assert "the job file was changed after this run was launched" in failure
    assert "Launch it again" in failure
    assert not (folder / "load").exists()


def test_a_resume_is_the_same_load_and_a_new_run_is_not(folder: Path, instance: dg.DagsterInstance) -> None:
    first = run_job(job(*numbers(folder)), instance).run
    resume = replace_run(first, "resume", parent=first.run_id, tags={"dagster/is_resume_retry": "true"})
    ours = replace_run(first, "ours", parent=first.run_id, tags={RESUME: first.run_id})
    again = replace_run(first, "again", parent=first.run_id, tags={RESUME: "a run before"})
    retried = replace_run(first, "retried", parent=first.run_id, tags={"dagster/retry_number": "1"})
    assert load_of(instance, resume).run_id == first.run_id
    assert load_of(instance, ours).run_id == first.run_id
    assert load_of(instance, retried).run_id == first.run_id
    assert load_of(instance, again).run_id == "again"
    assert load_of(instance, first).run_id == first.run_id


def test_doing_only_what_a_failed_run_left_is_the_same_load_though_no_tag_says_so(
    folder: Path, instance: dg.DagsterInstance
) -> None:
    extract, load = numbers(folder)
    broken = replace(load, options={**load.options, "fails": 9, "error": "terminal"})
    failed = run_job(job(extract, broken), instance).run
    rest = replace_run(failed, "rest", parent=failed.run_id, tags={})
    assert load_of(instance, rest._replace(step_keys_to_execute=["load"])).run_id == failed.run_id
    assert load_of(instance, rest._replace(step_keys_to_execute=["extract", "load"])).run_id == "rest"
    assert load_of(instance, rest._replace(step_keys_to_execute=None)).run_id == "rest"


def replace_run(run: dg.DagsterRun, run_id: str, parent: str, tags: dict[str, str]) -> dg.DagsterRun:
    return run._replace(run_id=run_id, parent_run_id=parent, root_run_id=parent, tags=tags)


def test_the_graph_has_one_op_per_entry_under_its_own_name(folder: Path) -> None:
    built = build_job(
        job(
            entry("csv-extract", "extractor", Numbers),
            entry("import", "transformer", Odd, ["csv-extract"]),
            entry("type", "loader", Book, ["import"], options={"folder": str(folder)}),
        )
    )
    assert {node.name for node in built.graph.nodes} == {"csv-extract", "import", "type"}
    assert built.graph.node_named("csv-extract").definition.tags["kind"] == "numbers"
