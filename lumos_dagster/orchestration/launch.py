"""What holds for this run: the YAML with the launch's overrides, checked as a whole, and the run's own identity."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from lumos_dagster.config import override_job
from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.orchestration.automation.partitions import partition_values, partitions_definition
from lumos_dagster.orchestration.options import changed_options
from lumos_dagster.orchestration.processes import PROCESS, process_of_run, worker_of_step
from lumos_dagster.orchestration.resources import LUMOS, LumosSettings, storage_of
from lumos_dagster.orchestration.work import Launch, check
from lumos_dagster.plan import Node, Path, Plan, make_plan
from lumos_dagster.values import Raw, RunContext

DIGEST = "lumos/digest"
OP_DIGESTS = "lumos/ops"
RESUME = "lumos/resume"
_FAILED = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


def read_launch(context: dg.OpExecutionContext, plan: Plan, node: Node) -> Launch:
    """The plan and the run as they hold for this launch, in which `node` is the op.

    Raises ConfigError with every mistake that the overrides make, or when the file was changed
    between launch and now in a way that would mix two versions of the job.
    """
    _check_unchanged(context.instance, context.run, plan)
    if context.run.tags.get(PROCESS) != process_of_run():
        context.instance.add_run_tags(context.run_id, {PROCESS: process_of_run()})
    _be_known(context)
    settings: LumosSettings = getattr(context.resources, LUMOS)
    overrides = changes(plan, context.run_config, graphs_around(context, node))
    job = override_job(plan.job, overrides, settings.vars)
    load_run = load_of(context.instance, context.run)
    run = RunContext(
        job=plan.job.name,
        run_id=context.run_id,
        load_id=load_run.run_id,
        now=_started(context.instance, load_run.run_id),
        storage=settings.storage,
        vars=job.vars,
        sensor=settings.sensor,
        partition=_partition(context, plan),
    )
    launch = Launch(make_plan(job, settings.execution), run)
    check(launch)
    return launch


def _partition(context: dg.OpExecutionContext, plan: Plan) -> Mapping[str, Raw]:
    """What the options may say of the part that this run is for."""
    if not context.has_partition_key:
        return {}
    return partition_values(partitions_definition(plan.job.partitions), context.partition_key)


def _be_known(context: dg.OpExecutionContext) -> None:
    """Name a step's own process on the run, so that no resume begins while it works; and not begin after one has."""
    if not (worker := worker_of_step()):
        return
    context.instance.add_run_tags(context.run_id, worker)
    run = context.instance.get_run_by_id(context.run_id)
    if run is not None and run.status in _FAILED:
        raise ConfigError(f"the run {context.run_id} is over: its process died, or it was given up")


def graphs_around(context: dg.OpExecutionContext, node: Node) -> Path:
    """The graphs that the job's own is in: none in a run of the job, one where it is run as assets."""
    return tuple(context.op_handle.path[: -len(node.path)])


def changes(plan: Plan, run_config: Mapping[str, Any], around: Path = ()) -> dict[str, dict[str, Raw]]:
    """The options that the run config changes, by op."""
    found: dict[str, dict[str, Raw]] = {}
    for node in plan.nodes.values():
        config = _op_config((*around, *node.path), run_config)
        if changed := changed_options(node.entry, config):
            found[node.name] = changed
    return found


def _op_config(path: Path, run_config: Mapping[str, Any]) -> Mapping[str, Raw]:
    at: Mapping[str, Any] = run_config
    for part in path:
        at = (at.get("ops") or {}).get(part) or {}
    return at.get("config") or {}


def load_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRun:
    """The run that began this load: the nearest ancestor that is neither a resume nor an automatic retry."""
    while run.parent_run_id:
        parent = instance.get_run_by_id(run.parent_run_id)
        if parent is None or not (_is_marked(run) or _does_the_rest(instance, run, parent)):
            break
        run = parent
    return run


def run_context(instance: dg.DagsterInstance, run_id: str) -> RunContext:
    """What a run knows about itself where no job file says more."""
    run = instance.get_run_by_id(run_id)
    return RunContext(
        job=run.job_name if run else "",
        run_id=run_id,
        load_id=load_of(instance, run).run_id if run else run_id,
        now=datetime.now(UTC),
        storage=storage_of(instance),
    )


def _is_marked(run: dg.DagsterRun) -> bool:
    """Tags of ours travel to every re-execution, so the one that marks a resume names the run that it resumes."""
    return run.is_resume_retry or run.tags.get(RESUME) == run.parent_run_id or "dagster/retry_number" in run.tags


def _does_the_rest(instance: dg.DagsterInstance, run: dg.DagsterRun, parent: dg.DagsterRun) -> bool:
    """Whether only steps that `parent` failed to do run again: `ReexecutionOptions.from_failure` leaves no tag."""
    steps = set(run.step_keys_to_execute or ())
    if parent.status not in _FAILED or not steps or not steps <= set(parent.step_keys_to_execute or steps):
        return False
    done = instance.get_records_for_run(parent.run_id, of_type=dg.DagsterEventType.STEP_SUCCESS).records
    return steps.isdisjoint(record.event_log_entry.step_key for record in done)


def _started(instance: dg.DagsterInstance, run_id: str) -> Any:
    record = instance.get_run_record_by_id(run_id)
    if record is None:
        raise ConfigError(f"the run {run_id} is not in this Dagster instance")
    return record.create_timestamp


def op_digests(plan: Plan) -> dict[str, str]:
    """What each op does, as a short hash."""
    return {node.name: node.entry.digest for node in plan.nodes.values()}


def _check_unchanged(instance: dg.DagsterInstance, run: dg.DagsterRun, plan: Plan) -> None:
    """A run never mixes two versions of its file. A resume may, where the ops already done are the same."""
    if not run.parent_run_id:
        if run.tags.get(DIGEST) in (None, plan.job.digest):
            return
        raise ConfigError(
            Problem("the job file was changed after this run was launched", file=plan.job.path, hint="Launch it again.")
        )
    now = op_digests(plan)
    if changed := [name for name, then in _done_before(instance, run).items() if now.get(name, then) != then]:
        raise ConfigError(
            Problem(
                f"the job file was changed in ops that this load has already done: {', '.join(changed)}",
                file=plan.job.path,
                hint="Put them back to resume, or launch a new run.",
            )
        )


def _done_before(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dict[str, str]:
    """The digests of the ops that a resume takes as done, as they were in the run that did them."""
    done: dict[str, str] = {}
    begun = set(run.step_keys_to_execute or ())
    while begun and run.parent_run_id:
        parent = instance.get_run_by_id(run.parent_run_id)
        if parent is None:
            break
        run = parent
        digests = dict(pair.split("=", 1) for pair in run.tags.get(OP_DIGESTS, "").split() if "=" in pair)
        for step in set(run.step_keys_to_execute or ()) - begun:
            begun.add(step)
            if step in digests:
                done[step] = digests[step]
    return done
