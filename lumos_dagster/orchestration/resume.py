"""Which run `--resume` goes on with, and from where."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

from lumos_dagster.errors import ConfigError
from lumos_dagster.orchestration.automation.partitions import PARTITION
from lumos_dagster.orchestration.processes import PROCESS, WORKER, is_dead
from lumos_dagster.orchestration.reporting import FAILED_OP
from lumos_dagster.plan import Plan

_OVER = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
_UNDER_WAY = (
    dg.DagsterRunStatus.NOT_STARTED,  # recorded, and perhaps killed before it began
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.CANCELING,
)


@dataclass(frozen=True)
class Resume:
    """The run to go on with; `ops` are its ops to run again, empty for all that failed or never ran."""

    run: dg.DagsterRun
    ops: tuple[str, ...] = ()

    def options(self, instance: dg.DagsterInstance) -> dg.ReexecutionOptions:
        """What Dagster is asked for."""
        if self.ops:
            return dg.ReexecutionOptions(parent_run_id=self.run.run_id, step_selection=list(self.ops))
        return dg.ReexecutionOptions.from_failure(self.run.run_id, instance)


def resumed_partition(instance: dg.DagsterInstance, job: str, partition: str | None) -> str | None:
    """The part that the latest run of the job, or of that part of it, is for."""
    return next((run.tags.get(PARTITION) for run in _latest(instance, job, partition)), partition)


def _latest(instance: dg.DagsterInstance, job: str, partition: str | None) -> Sequence[dg.DagsterRun]:
    tags = {} if partition is None else {PARTITION: partition}
    return instance.get_runs(dg.RunsFilter(job_name=job, tags=tags), limit=1)


def find_resume(instance: dg.DagsterInstance, plan: Plan, partition: str | None = None) -> Resume | None:
    """What to resume of the job's latest run, None where it ended well and nothing is left to do.

    `partition` asks for the latest run of that part.

    A run still marked as running is only taken over when its process is proved dead; it is then
    reported as failed. Raises ConfigError where there is no run, or one that may still be working.
    """
    runs = _latest(instance, plan.job.name, partition)
    if not runs:
        raise ConfigError(f"there is no run of {plan.job.name} to resume; run it without --resume")
    run = runs[0]
    if run.status in _UNDER_WAY:
        _bury(instance, run)
    elif run.status not in (*_OVER, dg.DagsterRunStatus.SUCCESS):
        raise ConfigError(f"the latest run {run.run_id} is {run.status.value}: wait for it, or cancel it")
    now = instance.get_run_by_id(run.run_id) or run
    _check_workers(now.run_id, now.tags)
    if run.status != dg.DagsterRunStatus.SUCCESS and _undone(instance, run, plan):
        return Resume(run)
    failed = {tag.removeprefix(FAILED_OP) for tag in run.tags if tag.startswith(FAILED_OP)}
    return Resume(run, tuple(with_descendants(plan, failed))) if failed else None


def with_descendants(plan: Plan, names: set[str]) -> list[str]:
    """The named ops and all that come after them, in order."""
    found: list[str] = []
    for node in plan.nodes.values():
        before = {".".join(path) for path in (*node.parents, *node.after)}
        if node.name in names or before.intersection(found):
            found.append(node.name)
    return found


def _undone(instance: dg.DagsterInstance, run: dg.DagsterRun, plan: Plan) -> set[str]:
    """The run's ops that have not ended well: none where it died behind its last one, and Dagster would refuse it."""
    done = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.STEP_SUCCESS).records
    steps = run.step_keys_to_execute or [node.name for node in plan.nodes.values()]
    return set(steps) - {record.event_log_entry.step_key for record in done}


def _check_workers(run_id: str, tags: Mapping[str, str]) -> None:
    """An op's own process may live on when the run is over. One that starts now finds the run over, and ends."""
    for name, process in tags.items():
        if name.startswith(WORKER) and is_dead(process) is False:
            raise ConfigError(
                f"an op of the latest run {run_id} is still running (process {process}), although the run is over; "
                "wait for it to end, or end it, then resume"
            )


def _bury(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    dead = is_dead(run.tags.get(PROCESS, ""))
    if dead is False:
        raise ConfigError(f"the latest run {run.run_id} is still running (process {run.tags[PROCESS]})")
    if dead is None:
        raise ConfigError(
            f"the latest run {run.run_id} is marked as running, and from here it cannot be proved dead; "
            "terminate it in the UI, then resume"
        )
    instance.report_run_failed(run, "Its process died without reporting. Marked as failed by lumos run --resume.")
