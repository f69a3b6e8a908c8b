"""`lumos validate`, `lumos list` and `lumos schema`: what can be known without running anything."""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from lumos_dagster.catalog import project_catalog
from lumos_dagster.cli.problems import fail, problem_lines
from lumos_dagster.config import find_job_files, json_schema, load_files, load_folder
from lumos_dagster.config.model import JobFile
from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.orchestration.location import jobs_folder
from lumos_dagster.orchestration.work import check_known
from lumos_dagster.plan import make_plan


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def validate(files: Sequence[Path], as_json: bool) -> None:
    """Check job FILES (default: all of the jobs folder) and show every mistake with its place."""
    try:
        paths = list(files) or find_job_files(jobs_folder())
        jobs, broken = load_files(paths, project_catalog())
    except ConfigError as error:
        fail(error, as_json)
    jobs, broken = _held(_fits, *_held(make_plan, jobs, broken))
    problems = [problem for _, error in broken for problem in error.problems]
    warnings = [warning for job in jobs for warning in job.warnings]
    if as_json:
        answer = {"valid": [job.path for job in jobs], "problems": _dicts(problems), "warnings": _dicts(warnings)}
        click.echo(json.dumps(answer, ensure_ascii=False, indent=2))
    else:
        for line in (*problem_lines(problems), *problem_lines(warnings, "warning: ")):
            click.echo(line)
        for job in jobs:
            click.echo(f"{job.path}: valid: job {job.name}, {len(make_plan(job).nodes)} ops")
    sys.exit(2 if broken else 0)


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_jobs(as_json: bool) -> None:
    """List the jobs of the jobs folder, broken files included."""
    try:
        jobs, broken = _held(make_plan, *load_folder(jobs_folder(), project_catalog()))
    except ConfigError as error:
        fail(error, as_json)
    rows = [_row(job) for job in jobs]
    rows += [{"job": None, "file": str(path), "problems": _dicts(error.problems)} for path, error in broken]
    if as_json:
        click.echo(json.dumps({"jobs": rows}, ensure_ascii=False, indent=2))
        return
    for row in rows:
        if row["job"] is None:
            click.echo(f"{'-':24} broken: {len(row['problems'])} problems in {row['file']}; see lumos validate")
        else:
            schedule = f"  [{', '.join(row['schedules'])}]" if row["schedules"] else ""
            click.echo(f"{row['job']:24} {row['title']}  ({' -> '.join(row['ops'])}){schedule}")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As without: the schema is JSON.")
def schema(as_json: bool) -> None:
    """Print the JSON Schema of a job file, for editors."""
    click.echo(json.dumps(json_schema(project_catalog()), ensure_ascii=False, indent=2))


def _held(
    against: Callable[[JobFile], object], jobs: list[JobFile], broken: list[Any]
) -> tuple[list[JobFile], list[Any]]:
    """Hold each file against something more, and put those that it is not true of to the broken ones."""
    good: list[JobFile] = []
    for job in jobs:
        try:
            against(job)
            good.append(job)
        except ConfigError as error:
            broken.append((job.path, error))
    return good, broken


def _fits(job: JobFile) -> None:
    check_known(make_plan(job))


def _row(job: JobFile) -> dict[str, Any]:
    return {
        "job": job.name,
        "title": job.title,
        "description": job.description,
        "file": job.path,
        "ops": [node.name for node in make_plan(job).nodes.values()],
        "schedules": [schedule.cron for schedule in job.schedules],
    }


def _dicts(problems: Sequence[Problem]) -> list[dict[str, Any]]:
    return [asdict(problem) for problem in problems]
