"""Runs one job file through Dagster from our own command, and tells what happened while it does."""

import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg

from lumos_dagster.catalog import project_catalog
from lumos_dagster.config import load_job, override_job
from lumos_dagster.config.model import Execution, JobFile
from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.orchestration.automation.partitions import PARTITION, checked_partition
from lumos_dagster.orchestration.events import Happening, follow, replay
from lumos_dagster.orchestration.jobs import build_job, execution_config
from lumos_dagster.orchestration.launch import RESUME
from lumos_dagster.orchestration.processes import PROCESS, process_of_run
from lumos_dagster.orchestration.resources import LUMOS, storage_of
from lumos_dagster.orchestration.resume import find_resume, resumed_partition
from lumos_dagster.orchestration.work import Launch, check
from lumos_dagster.plan import Plan, make_plan
from lumos_dagster.values import Raw, RunContext

_LAUNCH = "lumos/launch"
_QUIET = {"console": {"config": {"log_level": "CRITICAL"}}}


@dataclass(frozen=True)
class Order:
    """What a person asks for: a file, and what of it shall be different this time.

    `options` are by op name; `execution` and `executor` are None for what the file says; `partition` is the key of
    the part to run.
    """

    file: Path
    options: Mapping[str, Mapping[str, Raw]] = field(default_factory=dict)
    vars: Mapping[str, Raw] = field(default_factory=dict)
    execution: Execution | None = None
    executor: str | None = None
    resume: bool = False
    partition: str | None = None


@dataclass
class Report:
    """How a run went: `stages` holds each op's counts, `failed` each failed op's message."""

    job: str
    run_id: str = ""
    status: str = "nothing to resume"
    seconds: float = 0.0
    stages: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def rejected(self) -> int:
        """Rows put aside in the whole run."""
        return sum(int(counts.get("rejected", 0)) for counts in self.stages.values())


def run_file(order: Order, instance: dg.DagsterInstance, tell: Callable[[Happening], None]) -> Report:
    """Run the file and give the report; `tell` hears what happens, from another thread.

    Raises ConfigError, with all mistakes of the file and of the order, before anything is touched.
    """
    plan = _checked_plan(order, instance)
    report = Report(plan.job.name)
    options, tags = None, {PROCESS: process_of_run(), _LAUNCH: uuid.uuid4().hex}
    partition = _partition(order, plan.job, instance)
    if partition is not None:
        tags[PARTITION] = partition
    if order.resume:
        resume = find_resume(instance, plan, order.partition)
        if resume is None:
            return report
        options = resume.options(instance)
        tags |= {RESUME: resume.run.run_id, "dagster/is_resume_retry": "true"}
    job = dg.build_reconstructable_job(
        "lumos_dagster.orchestration.execute",
        "reconstruct_job",
        reconstructable_kwargs={"path": str(order.file.resolve()), "digest": plan.job.digest},
    )
    ended = threading.Event()
    follower = threading.Thread(
        target=follow, args=(instance, {_LAUNCH: tags[_LAUNCH]}, ended, tell, report), daemon=True
    )
    follower.start()
    try:
        with dg.execute_job(
            job, instance=instance, run_config=_run_config(order, plan), tags=tags, reexecution_options=options
        ) as result:
            report.run_id = result.run_id
    finally:
        ended.set()
        follower.join()
    run = instance.get_run_by_id(report.run_id)
    report.status = run.status.value.lower() if run else "unknown"
    order_of = {node.name: number for number, node in enumerate(plan.nodes.values())}
    report.stages = dict(sorted(report.stages.items(), key=lambda stage: order_of.get(stage[0], len(order_of))))
    return report


def latest_report(job: str, instance: dg.DagsterInstance) -> Report:
    """The report of the job's latest run, however it was launched. Raises ConfigError where there is none."""
    records = instance.get_run_records(dg.RunsFilter(job_name=job), limit=1)
    if not records:
        raise ConfigError(f"there is no run of {job} in this Dagster instance; run it first")
    record = records[0]
    run = record.dagster_run
    report = Report(job, run.run_id, run.status.value.lower(), (record.end_time or 0) - (record.start_time or 0))
    replay(instance, None, lambda _: None, report)
    return report


@cache  # Dagster asks several times in a process
def reconstruct_job(path: str, digest: str) -> dg.JobDefinition:
    """The job of a file, built again in each process that runs a part of it; `digest` is the text's at launch."""
    job = load_job(Path(path), project_catalog())
    if job.digest != digest:
        raise ConfigError(Problem("the job file was changed after this run was launched", file=path))
    return build_job(job)


def _checked_plan(order: Order, instance: dg.DagsterInstance) -> Plan:
    job: JobFile = override_job(load_job(order.file, project_catalog()), order.options, order.vars)
    plan = make_plan(job, order.execution)
    partition = checked_partition(job.partitions, _partition(order, job, instance))
    now, storage = datetime.now(UTC), storage_of(instance)
    run = RunContext(job.name, "check", "check", now, storage, vars=job.vars, partition=partition)
    check(Launch(plan, run))
    return plan


def _partition(order: Order, job: JobFile, instance: dg.DagsterInstance) -> str | None:
    """The key of the part to run: of a resume, that of the run that it goes on with."""
    return resumed_partition(instance, job.name, order.partition) if order.resume else order.partition


def _run_config(order: Order, plan: Plan) -> dict[str, Any]:
    config: dict[str, Any] = {
        "loggers": _QUIET,
        "execution": {"config": execution_config(_executor(order, plan), plan.job)},
    }
    settings: dict[str, Any] = {"vars": dict(order.vars)} if order.vars else {}
    if order.execution:
        settings["execution"] = order.execution
    if settings:
        config["resources"] = {LUMOS: {"config": settings}}
    for node in plan.nodes.values():
        if options := order.options.get(node.name):
            at = config
            for part in node.path:
                at = at.setdefault("ops", {}).setdefault(part, {})
            at["config"] = dict(options)
    return config


def _executor(order: Order, plan: Plan) -> str:
    return plan.executor if order.executor in (None, "auto") else str(order.executor)
