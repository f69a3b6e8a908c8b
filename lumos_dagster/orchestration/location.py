"""The code location: every job file of a folder as a job; a broken one is reported and leaves the others alone."""

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import dagster as dg

from lumos_dagster.catalog import Catalog
from lumos_dagster.config import load_folder
from lumos_dagster.config.model import JobFile
from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.orchestration.assets.keys import offered
from lumos_dagster.orchestration.assets.specs import asset_definitions, offered_assets
from lumos_dagster.orchestration.automation.schedules import schedules_of
from lumos_dagster.orchestration.automation.sensors import sensors_of
from lumos_dagster.orchestration.jobs import job_of
from lumos_dagster.orchestration.plugins import LumosPlugins
from lumos_dagster.plan import Plan, make_plan

Broken = tuple[str, ConfigError]
_log = logging.getLogger("lumos")


def jobs_folder() -> Path:
    """`LUMOS_JOBS_DIR`, else `yaml_jobs` in the current folder, else the one beside the package."""
    if given := os.environ.get("LUMOS_JOBS_DIR"):
        return Path(given).expanduser().resolve()
    here = Path.cwd() / "yaml_jobs"
    return here if here.is_dir() else Path(__file__).resolve().parents[2] / "yaml_jobs"


def build_definitions(
    jobs_dir: str | Path | None = None,
    catalog: Catalog | None = None,
    plugins: LumosPlugins | None = None,
    defined_elsewhere: Iterable[dg.AssetKey] = (),
) -> dg.Definitions:
    """All jobs, assets, schedules and sensors of a folder, to be a code location or to be merged into one.

    `plugins` says where the jobs' plugins are, and is then the resource `plugins` of the location too. Assets that jobs
    read or load and what this is merged with defines (Dagster takes one definition of each) are `defined_elsewhere`.
    Raises ConfigError for a broken file only where LUMOS_STRICT=1 asks for it.
    """
    folder = Path(jobs_dir) if jobs_dir else jobs_folder()
    if not folder.is_dir():
        raise ConfigError(f"the folder of job files {str(folder)!r} does not exist; set LUMOS_JOBS_DIR")
    job_files, broken = load_folder(folder, catalog or (plugins or LumosPlugins()).catalog())
    is_strict = os.environ.get("LUMOS_STRICT") == "1"
    resources = {"plugins": plugins} if plugins else {}
    return _definitions(job_files, broken, is_strict, resources, str(folder), frozenset(defined_elsewhere))


def build_job_definitions(job_file: JobFile) -> dg.Definitions:
    """As build_definitions, of one file, but of assets only those that it is offered as (`as_assets`): what jobs read
    and load elsewhere meets under one key, and Dagster takes no asset of two files that are apart.

    Raises ConfigError for any mistake.
    """
    return _definitions([job_file], [], True, {})


def _definitions(
    job_files: Sequence[JobFile],
    broken: list[Broken],
    is_strict: bool,
    resources: Mapping[str, LumosPlugins],
    assets_of: str = "",
    defined_elsewhere: frozenset[dg.AssetKey] = frozenset(),
) -> dg.Definitions:
    jobs: dict[str, dg.JobDefinition] = {}
    plans: list[Plan] = []
    owners: dict[str, str] = {}
    for job_file in job_files:
        try:
            plan = make_plan(job_file)
            job = job_of(plan)
            _claim(job, job_file, owners)
        except ConfigError as error:
            broken.append((job_file.path, error))
            continue
        jobs[job.name] = job
        plans.append(plan)
        for warning in job_file.warnings:
            _log.warning("%s", warning)
    schedules: list[dg.ScheduleDefinition] = []
    sensors: list[dg.SensorDefinition] = []
    without_sensors: list[Broken] = []
    for job_file in job_files:
        if job_file.name not in jobs:
            continue
        schedules.extend(schedules_of(job_file, jobs[job_file.name]))
        try:
            sensors.extend([*sensors_of(job_file, jobs[job_file.name], jobs)])
        except ConfigError as error:
            without_sensors.append((job_file.path, error))
    plans, not_offered = _each_asset_once(plans)
    _report(not_offered, "is there, but not as assets", is_strict)
    _report(broken, "is left out of the code location", is_strict)
    _report(without_sensors, "is there, but none of its sensors is", is_strict)
    made = list(zip(plans, jobs.values(), strict=True))
    assets = (
        asset_definitions(made, assets_of, defined_elsewhere)
        if assets_of
        else [found for one in made for found in offered_assets(*one)]
    )
    return dg.Definitions(
        assets=assets,
        jobs=list(jobs.values()),
        schedules=schedules,
        sensors=sensors,
        resources=resources,
    )


def _each_asset_once(plans: Sequence[Plan]) -> tuple[list[Plan], list[Broken]]:
    """Dagster takes one definition of what makes an asset: of two jobs that offer the same, it is the first's."""
    made_by: dict[dg.AssetKey, str] = {}
    found: list[Plan] = []
    refused: list[Broken] = []
    for plan in plans:
        keys = offered(plan).values()
        if taken := [key for key in keys if key in made_by]:
            text = f"as_assets: {taken[0].to_user_string()} is made by job {made_by[taken[0]]} already"
            hint = "Give one of the two loaders an `asset` of its own, or offer only one of the jobs as assets."
            refused.append((plan.job.path, ConfigError(Problem(text, file=plan.job.path, hint=hint))))
            found.append(replace(plan, job=replace(plan.job, as_assets=False)))
        else:
            made_by |= dict.fromkeys(keys, plan.job.name)
            found.append(plan)
    return found, refused


def _claim(job: dg.JobDefinition, job_file: JobFile, owners: dict[str, str]) -> None:
    """Dagster wants the names of graphs and ops unique in a location; a clash would take all of it down."""
    names = list(_definition_names(job.graph))
    for name in names:
        if name in owners:
            raise ConfigError(
                Problem(
                    f"its op is called {name} inside Dagster, and so is one of {owners[name]}",
                    file=job_file.path,
                    hint="Rename the file, or the op.",
                )
            )
    owners.update(dict.fromkeys(names, job_file.path))


def _definition_names(graph: dg.GraphDefinition) -> Iterator[str]:
    yield graph.name
    for node in graph.node_defs:
        if isinstance(node, dg.GraphDefinition):
            yield from _definition_names(node)
        else:
            yield node.name


def _report(broken: Iterable[Broken], what: str, is_strict: bool) -> None:
    problems: list[Problem] = []
    for path, error in broken:
        _log.error("%s %s:\n%s", path, what, error)
        problems.extend(error.problems)
    if problems and is_strict:
        raise ConfigError(problems)
