"""Failure, retry, timeout: what the event log of a run says under each policy."""

from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from lumos_dagster.config.model import Entry, Execution, Pipeline, Retry
from lumos_dagster_tests.orchestration.parts import Book, Losing, Numbers, Odd, entry, job, run_job

MODES: tuple[Execution, ...] = ("staged", "streaming")


def chain(folder: Path, **load_options: object) -> tuple[Entry, ...]:
    return (
        entry("extract", "extractor", Numbers),
        entry("odd", "transformer", Odd, ["extract"]),
        entry("load", "loader", Book, ["odd"], options={"folder": str(folder), **load_options}),
    )


def two_branches(folder: Path, **load_options: object) -> tuple[Entry, ...]:
    """Extract -> odd -> load -> after_load, order only: later; and beside it extract -> other."""
    return (
        *chain(folder, **load_options),
        entry("after_load", "loader", Book, ["load"], options={"folder": str(folder)}),
        entry("later", "extractor", Numbers, ["load"]),
        entry("load_later", "loader", Book, ["later"], options={"folder": str(folder)}),
        entry("other", "loader", Book, ["extract"], options={"folder": str(folder)}),
    )


@pytest.mark.parametrize("mode", MODES)
def test_a_job_that_fails_twice_and_then_works_takes_three_attempts_and_loads_once(
    mode: Execution, folder: Path, instance: dg.DagsterInstance
) -> None:
    retry = Retry(count=3, delay=0.01, backoff_factor=2)
    ran = run_job(job(*chain(folder, fails=2), retry=retry, execution=mode), instance)
    assert ran.success
    assert (folder / "load.tries").read_text().split() == ["5", "5", "5"]
    assert (folder / "load").read_text() == "1 3 5 7 9"
    assert ran.waits == [0.01, 0.02]
    assert ran.metadata["load"]["rows_in"] == ran.metadata["load"]["inserted"] == 5


def test_retries_used_up_end_in_a_failure_that_says_why_and_how_often(
    folder: Path, instance: dg.DagsterInstance
) -> None:
    ran = run_job(job(*chain(folder, fails=9), retry=Retry(2)), instance)
    assert not ran.success
    assert ran.failures == {"load": "load: refused"}
    assert len((folder / "load.tries").read_text().split()) == 3


@pytest.mark.parametrize(("error", "attempts"), [("terminal", 1), ("data", 1), ("transient", 3), ("unknown", 3)])
def test_only_what_can_pass_is_tried_again(
    error: str, attempts: int, folder: Path, instance: dg.DagsterInstance
) -> None:
    ran = run_job(job(*chain(folder, fails=9, error=error), retry=Retry(2)), instance)
    assert not ran.success
    assert len((folder / "load.tries").read_text().split()) == attempts


def test_an_entrys_own_retry_wins_over_the_jobs(folder: Path, instance: dg.DagsterInstance) -> None:
    extract, odd, load = chain(folder, fails=9)
    run_job(job(extract, odd, replace(load, retry=Retry(1)), retry=Retry(5)), instance)
    assert len((folder / "load.tries").read_text().split()) == 2


def test_fail_skips_what_depends_on_it_finishes_the_rest_and_fails_the_run(
    folder: Path, instance: dg.DagsterInstance
) -> None:
    ran = run_job(job(*two_branches(folder, fails=9, error="terminal")), instance)
    assert not ran.success
    assert ran.steps("STEP_FAILURE") == ["load"]
    assert set(ran.steps("STEP_SUCCESS")) == {"extract", "odd", "other"}
    assert not (folder / "after_load").exists()
    assert not (folder / "load_later").exists()
    assert (folder / "other").read_text().split() == [str(number) for number in range(10)]


def test_continue_records_the_failure_skips_its_row_dependents_and_runs_the_rest(
    folder: Path, instance: dg.DagsterInstance
) -> None:
    ran = run_job(job(*two_branches(folder, fails=9, error="terminal"), failure_policy="continue"), instance)
    assert ran.success
    assert ran.steps("STEP_FAILURE") == []
    assert ran.steps("STEP_SKIPPED") == ["after_load"]
    assert set(ran.steps("STEP_SUCCESS")) == {"extract", "odd", "load", "other", "later", "load_later"}
    assert ran.steps("ASSET_OBSERVATION") == ["load"]
    assert ran.run.tags["lumos/failed/load"] == "continue"
    assert ran.metadata["load"]["failed"] == "load: refused"
    assert (folder / "load_later").exists()


def test_what_only_waits_for_a_skipped_op_runs_under_continue(folder: Path, instance: dg.DagsterInstance) -> None:
    options = {"folder": str(folder)}
    entries = (
        entry("early", "extractor", Numbers),
        entry("load_early", "loader", Book, ["early"], options={**options, "fails": 1, "error": "data"}),
        entry("load_again", "loader", Book, ["load_early"], options=options),
        entry("later", "extractor", Numbers, ["load_again"]),
        entry("load_later", "loader", Book, ["later"], options=options),
    )
    ran = run_job(job(*entries, failure_policy="continue"), instance)
    assert ran.success
    assert ran.steps("STEP_SKIPPED") == ["load_again"]
    assert (folder / "load_later").exists()


def test_what_only_waits_for_a_skipped_op_is_skipped_under_fail(folder: Path, instance: dg.DagsterInstance) -> None:
    ran = run_job(
        job(
            entry("early", "extractor", Numbers, failure_policy="continue"),
            entry(
                "load_early", "loader", Book, ["early"], options={"folder": str(folder), "fails": 1, "error": "data"}
            ),
            entry("later", "extractor", Numbers, ["load_early"]),
        ),
        instance,
    )
    assert not ran.success
    assert ran.steps("STEP_SUCCESS") == ["early"]


def test_a_pipeline_runs_after_one_that_failed_in_the_middle_under_continue(
    folder: Path, instance: dg.DagsterInstance
) -> None:
    def pipeline(name: str, middle: type[Odd], parents: tuple[str, ...] = ()) -> Pipeline:
        load = entry("load", "loader", Book, ["transform_1"], options={"folder": str(folder)})
        stages = (
            entry("extract", "extractor", Numbers),
            entry("transform_1", "transformer", middle, ["extract"]),
            load,
        )
        return Pipeline(name, stages, parents)

    ran = run_job(job(pipeline("a", Losing), pipeline("b", Odd, ("a",)), failure_policy="continue"), instance)
    assert ran.success
    assert ran.steps("STEP_SKIPPED") == ["a.load"]
    assert (folder / "b.load").exists()


def test_an_op_with_two_parents_is_skipped_when_one_of_them_failed_under_continue(
    folder: Path, instance: dg.DagsterInstance
) -> None:
    options = {"folder": str(folder)}
    ran = run_job(
        job(
            entry("a", "extractor", Numbers),
            entry("b", "extractor", Numbers),
            entry("load_b", "loader", Book, ["b"], options={**options, "fails": 1, "error": "data"}),
            entry("both", "loader", Book, ["a", "load_b"], options=options),
            failure_policy="continue",
        ),
        instance,
    )
    assert ran.success
    assert ran.steps("STEP_SKIPPED") == ["both"]
    assert not (folder / "both").exists()


@pytest.mark.parametrize("mode", MODES)
def test_a_timeout_ends_the_attempt_while_a_call_blocks_and_names_itself(
    mode: Execution, folder: Path, instance: dg.DagsterInstance
) -> None:
    extract, odd, load = chain(folder)
    extract = replace(extract, options={"hang": True}, timeout=0.2)
    ran = run_job(job(extract, odd, load, execution=mode), instance)
    where = "extract" if mode == "staged" else "load"
    assert ran.failures == {where: f"{where}: timeout: ran longer than 0.2 seconds"}
    assert not (folder / "load").exists()


def test_rows_that_do_not_balance_fail_the_op(folder: Path, instance: dg.DagsterInstance) -> None:
    extract, _, load = chain(folder)
    ran = run_job(job(extract, entry("odd", "transformer", Losing, ["extract"]), load), instance)
    assert "the rows do not balance" in ran.failures["odd"]
    assert "10 rows in or made, but 6 accounted for" in ran.failures["odd"]
    assert not (folder / "load").exists()


@pytest.mark.parametrize("mode", MODES)
def test_each_op_tells_its_rows_and_in_streaming_the_loader_tells_all(
    mode: Execution, folder: Path, instance: dg.DagsterInstance
) -> None:
    ran = run_job(job(*chain(folder), execution=mode), instance)
    told = ran.metadata["load"] if mode == "streaming" else ran.metadata["odd"]
    stages = told["lumos/stages"]
    assert isinstance(stages, dict)
    assert {name: stages["odd"][name] for name in ("rows_in", "rows_out", "filtered", "rejected")} == {
        "rows_in": 10, "rows_out": 5, "filtered": 5, "rejected": 0,
    }  # fmt: skip
    assert ran.metadata["load"]["dagster/row_count"] == 5
    assert ran.metadata["load"]["bytes"] == 5 * 8


def test_a_loader_hands_on_the_rows_that_it_loaded(folder: Path, instance: dg.DagsterInstance) -> None:
    onward = entry("onward", "loader", Book, ["load"], options={"folder": str(folder)})
    ran = run_job(job(*chain(folder), onward, execution="streaming"), instance)
    assert ran.success
    assert (folder / "onward").read_text() == "1 3 5 7 9"


@pytest.mark.parametrize(("error", "traced"), [("data", False), ("transient", False), ("unknown", True)])
def test_only_an_error_of_somebodys_code_is_shown_with_a_trace(
    error: str, traced: bool, folder: Path, instance: dg.DagsterInstance
) -> None:
    ran = run_job(job(*chain(folder, fails=9, error=error), retry=Retry(1)), instance)

    shown = [
        event.dagster_event.event_specific_data.error
        for event in instance.all_logs(ran.run.run_id)
        if event.dagster_event and event.dagster_event.event_type_value in ("STEP_FAILURE", "STEP_UP_FOR_RETRY")
    ]
    assert len(shown) == (1 if error == "data" else 2)
    assert [bool(found.stack) for found in shown] == [traced] * len(shown)
    assert all("refused" in found.to_string() for found in shown)
