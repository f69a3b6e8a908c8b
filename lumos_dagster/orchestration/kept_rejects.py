"""Where the rejects of a run are, as far as this Dagster instance knows."""

from typing import Any

import dagster as dg

from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.orchestration.resources import LUMOS, storage_of
from lumos_dagster.problems import near
from lumos_dagster.rejects import Kept, find


def rejects_of(instance: dg.DagsterInstance, job: str | None = None, run: str | None = None) -> list[Kept]:
    """The rejects of a run (its id or an unambiguous beginning of it), of a job, or of all.

    Raises ConfigError for a run or a job that neither the store nor the instance knows.
    """
    known = find(storage_of(instance))
    if run:
        run = _whole(instance, run, sorted({kept.attempt.run for kept in known}))
        known = [kept for kept in _everywhere(instance, run, known) if kept.attempt.run == run]
    if job:
        jobs = sorted({kept.attempt.job for kept in known})
        if job not in jobs and not instance.get_run_records(dg.RunsFilter(job_name=job), limit=1):
            raise ConfigError(Problem(f"no run of a job {job!r} is known", allowed=tuple(jobs), hint=near(job, jobs)))
    return [kept for kept in known if job in (None, kept.attempt.job)]


def _whole(instance: dg.DagsterInstance, run: str, stored: list[str]) -> str:
    if run in stored or instance.get_run_by_id(run):
        return run
    match [name for name in stored if name.startswith(run)]:
        case [one]:
            return one
        case []:
            raise ConfigError(Problem(f"no run {run!r} is known", hint="See lumos rejects list."))
        case several:
            raise ConfigError(Problem(f"several runs begin with {run!r}", allowed=tuple(several)))


def _everywhere(instance: dg.DagsterInstance, run: str, known: list[Kept]) -> list[Kept]:
    """With what a launch put into a storage of its own."""
    found = instance.get_run_by_id(run)
    resources: Any = (found.run_config if found else {}).get("resources", {})
    storage = (resources.get(LUMOS) or {}).get("config", {}).get("storage")
    return [*known, *find(storage)] if isinstance(storage, str) and storage != storage_of(instance) else known
