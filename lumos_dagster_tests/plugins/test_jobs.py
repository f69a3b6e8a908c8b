"""Jobs that use plugins, run by Dagster: narrowed rights, retries, counts, and failures with one clear message."""

import json
from pathlib import Path

import dagster as dg
import pytest
import wasmtime

from lumos_dagster.catalog import project_catalog
from lumos_dagster.config import parse_job
from lumos_dagster.config.model import JobFile
from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.orchestration.execute import latest_report
from lumos_dagster.orchestration.jobs import build_job
from lumos_dagster.plugins.component import Use, use_of
from lumos_dagster.plugins.guest import Limits, Rights
from lumos_dagster.plugins.store import install
from lumos_dagster_tests.plugins.conftest import Install, run_as_command
from lumos_dagster_tests.plugins.test_guests import ECHO, LOG, TALKS
from lumos_dagster_tests.plugins.wasm.guests import core, says

JOB = """
version: 1
name: Through a guest
{top}
jobs:
  read: {{type: extractor, extractor_type: memory, options: {{records: [{{id: 1}}, {{id: 2}}]}}}}
  change: {{type: transformer, transformer_type: guest, depends_on: read, {more}}}
  show: {{type: loader, loader_type: csv, depends_on: change, options: {{file_path: out.csv}}}}
"""
ASKS = '[grants]\nnet = ["db:1", "db:2"]\nenv = "HOME"'
GRANTED = Rights(net=("db:1", "db:2"), env=("HOME",))


def put(folder: Path, wat: str = core(ECHO), more: str = "", granted: Rights = Rights()) -> None:  # noqa: B008
    home = folder.parent / "sources" / "guest"
    home.mkdir(parents=True)
    (home / "guest.wasm").write_bytes(wasmtime.wat2wasm(wat))
    (home / "plugin.toml").write_text(f'name = "guest"\ndriver = "wasm"\nentry = "guest.wasm"\n{more}\n')
    install(home, granted, folder)


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def job(top: str = "", more: str = "") -> JobFile:
    return parse_job(JOB.format(top=top, more=more), "guest.yaml", project_catalog())


def use(job: JobFile) -> Use:
    found = use_of(dict(job.ops())["change"].component)
    assert found is not None
    return found


def mistakes(top: str) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as raised:
        job(top)
    return raised.value.problems


def test_a_job_that_says_nothing_leaves_a_plugin_all_that_it_was_granted(folder: Path) -> None:
    put(folder, more=ASKS, granted=GRANTED)

    assert use(job()).rights == use(job("plugins: [guest]")).rights == GRANTED


def test_a_job_narrows_rights_and_limits(folder: Path) -> None:
    put(folder, more=ASKS + "\n[limits]\nmemory_mb = 64", granted=GRANTED)

    left = use(job("plugins: {guest: {net: db:2, env: [], memory_mb: 128, timeout_seconds: 5}}"))

    assert left.rights == Rights(net=("db:2",))
    assert left.limits == Limits(memory_mb=64, timeout_seconds=5), "a limit can only get smaller"


def test_a_job_cannot_widen_rights(folder: Path) -> None:
    put(folder, more=ASKS, granted=GRANTED)

    (found,) = mistakes("plugins: {guest: {net: [db:1, evil:80]}}")

    assert (found.line, found.path) == (4, "plugins.guest.net")
    assert "'evil:80' was not granted; allowed: db:1, db:2" in str(found)


@pytest.mark.parametrize(
    ("top", "path", "said"),
    [
        ("plugins: [gest]", "plugins.gest", "no plugin 'gest' is installed; allowed: guest. Did you mean 'guest'?"),
        ("plugins: []", "jobs.change.transformer_type", "may not be used here: plugins: names only none"),
        ("plugins: {guest: {nett: []}}", "plugins.guest.nett", "Did you mean 'net'?"),
        ("plugins: {guest: , csv: {net: x}}", "plugins.csv", "it is built in: it has no rights or limits"),
        ("wasm_plugins: {enabled: false}", "jobs.change.transformer_type", "wasm_plugins: enabled is false"),
        ("wasm_plugins: {auto_load: false}", "jobs.change.transformer_type", "auto_load is false"),
    ],
)
def test_what_a_job_says_of_plugins_is_checked(folder: Path, top: str, path: str, said: str) -> None:
    put(folder)

    found = {problem.path: str(problem) for problem in mistakes(top)}

    assert said in found[path]


def test_a_plugin_that_does_not_load_by_itself_is_named(folder: Path) -> None:
    put(folder)

    assert job("wasm_plugins: {enabled: true, auto_load: false}\nplugins: [guest]").warnings == ()


def test_another_folder_in_a_job_changes_nothing_and_is_told(folder: Path) -> None:
    put(folder)

    (warning,) = job("wasm_plugins: {plugins_dir: ./elsewhere}").warnings
    assert (warning.line, warning.path) == (4, "wasm_plugins.plugins_dir")
    assert job("wasm_plugins: {plugins_dir: ./plugins}").warnings == ()


def test_a_python_plugin_has_nothing_to_be_narrowed(folder: Path, installed: Install) -> None:
    put(folder)
    installed()

    (found,) = mistakes("plugins: {guest: , numbers: {memory_mb: 5}}")

    assert "a Python plugin runs in the op's own process, without limits" in str(found)


@pytest.mark.parametrize("executor", ["in_process", "multiprocess"])
def test_rows_and_log_lines_of_a_guest_are_the_runs(folder: Path, tmp_path: Path, executor: str) -> None:
    put(folder, core(TALKS, imports=LOG))
    (tmp_path / "guest.yaml").write_text(JOB.format(top="", more=""))
    told = run_as_command(tmp_path / "guest.yaml", executor)

    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        report = latest_report("guest", instance)
        logged = [record.user_message for record in instance.all_logs(report.run_id)]

    assert told.returncode == 0, told.stdout + told.stderr
    assert {op: counts["rows_out"] for op, counts in report.stages.items()} == {"read": 2, "change": 2, "show": 2}
    assert 'info: {"na' in logged
    assert (tmp_path / "out.csv").read_text().split() == ["id", "1", "2"]


TELLS_ITS_OPTIONS = """
  (call $log (i32.const 1) (i32.wrap_i64 (i64.shr_u (local.get $options) (i64.const 32)))
    (i32.wrap_i64 (local.get $options)))
  (local.get $rows)"""


def test_options_that_a_guest_declares_nowhere_are_shown_and_can_be_changed_at_launch(
    folder: Path, tmp_path: Path
) -> None:
    put(folder, core(TELLS_ITS_OPTIONS, imports=LOG))
    made = build_job(job(more="options: {size: 1, api_token: hunter2}"))

    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        config = {"ops": {"change": {"config": {"size": 2, "color": "red"}}}}
        done = made.execute_in_process(run_config=config, instance=instance)
        logged = [record.user_message for record in instance.all_logs(done.run_id)]

    assert 'info: {"size": 2, "api_token": "hunter2", "color": "red"}' in logged
    (op,) = (node for node in made.all_node_defs if "change" in node.name)
    shown = op.config_schema.config_type.fields
    assert shown["size"].default_value == 1
    assert not shown["api_token"].default_provided
    assert "hunter2" not in str(made.metadata)


def failure(folder: Path, tmp_path: Path, answer: str, top: str = "", more: str = "") -> tuple[str, int]:
    """What the failed op says, and how often it was tried."""
    put(folder, core(says(answer)))
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        done = build_job(job(top, more)).execute_in_process(instance=instance, raise_on_error=False)
        (failed,) = done.get_step_failure_events()
    data = failed.step_failure_data.user_failure_data
    assert data is not None
    return data.description or "", int(data.metadata["attempts"].value)


RETRY = "retry: {count: 2}"


def test_what_a_guest_reports_as_transient_is_retried(folder: Path, tmp_path: Path) -> None:
    error = json.dumps({"error": {"kind": "transient", "message": "try later"}})

    said, attempts = failure(folder, tmp_path, error, more=RETRY)

    assert "plugin guest: transform: try later" in said
    assert attempts == 3


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (json.dumps({"error": {"kind": "fatal", "message": "never"}}), "plugin guest: transform: never"),
        ("[{", "plugin guest: transform: gave malformed JSON"),
    ],
)
def test_a_guest_that_fails_for_good_or_breaks_its_contract_is_not_retried(
    folder: Path, tmp_path: Path, answer: str, said: str
) -> None:
    found, attempts = failure(folder, tmp_path, answer, more=RETRY)

    assert said in found
    assert attempts == 1


def test_a_limit_that_the_job_sets_holds(folder: Path, tmp_path: Path) -> None:
    put(folder, core(TALKS, imports=LOG))
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        limited = build_job(job("plugins: {guest: {log_lines: 0}}"))
        done = limited.execute_in_process(instance=instance, raise_on_error=False)
        (failed,) = done.get_step_failure_events()

    assert "floods the log: more than its limit of 0 lines" in str(failed.step_failure_data.user_failure_data)
