"""`lumos run`: a job file through Dagster, its progress told while it goes."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import click

from lumos_dagster.catalog import project_catalog
from lumos_dagster.cli.problems import fail
from lumos_dagster.cli.views import Lines, Live, Silent, View, summary_lines
from lumos_dagster.config import find_job_file, load_job, override_job, scalar
from lumos_dagster.config.model import Entry, Execution, Executor, JobFile
from lumos_dagster.config.names import dagster_name
from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.orchestration.execute import Order, Report, latest_report, run_file
from lumos_dagster.orchestration.instance import open_instance
from lumos_dagster.orchestration.location import jobs_folder
from lumos_dagster.problems import near
from lumos_dagster.values import Raw

FAILED, WITH_REJECTS = 1, 3


@click.command()
@click.argument("job")
@click.option(
    "--set", "changes", multiple=True, metavar="PATH=VALUE", help="jobs.OP.options.NAME=VALUE or vars.NAME=VALUE."
)
@click.option("--mode", type=click.Choice(get_args(Execution)), help="How rows flow; default: what the file says.")
@click.option("--executor", type=click.Choice(get_args(Executor)), help="Default: what the file says, else auto.")
@click.option("--resume", is_flag=True, help="Go on with the job's latest failed or killed run from where it failed.")
@click.option("--partition", metavar="KEY", help="The part to run, where the file has partitions.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end, nothing else.")
def run(  # noqa: PLR0913, PLR0917 - one parameter an option
    job: str,
    changes: Sequence[str],
    mode: Execution | None,
    executor: str | None,
    resume: bool,
    partition: str | None,
    as_json: bool,
) -> None:
    """Run a JOB: the path of a YAML file, or the name of a job in the jobs folder."""
    try:
        file = _find(job)
        options, variables = _overrides(load_job(file, project_catalog()), changes)
        order = Order(file, options, variables, mode, executor, resume, partition)
        view: View = Silent() if as_json else Live() if sys.stdout.isatty() else Lines()
        with open_instance() as instance, view, _stdout_kept_clean() if as_json else nullcontext():
            report = run_file(order, instance, view.tell)
    except ConfigError as error:
        fail(error, as_json)
    _show(report, as_json)
    sys.exit(_exit_code(report))


@click.command()
@click.argument("job")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(job: str, as_json: bool) -> None:
    """Show how the latest run of JOB went: the counts of every op, however it was launched."""
    try:
        with open_instance() as instance:
            report = latest_report(dagster_name(job) if job.endswith((".yaml", ".yml")) else job, instance)
    except ConfigError as error:
        fail(error, as_json)
    _show(report, as_json)


@contextmanager
def _stdout_kept_clean() -> Iterator[None]:
    """What a run prints (the console loader, a user's own Python), child processes included, goes to stderr."""
    sys.stdout.flush()
    stdout = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(stdout, 1)
        os.close(stdout)


def _show(report: Report, as_json: bool) -> None:
    if as_json:
        answer = {**asdict(report), "rejected": report.rejected}
        click.echo(json.dumps(answer, ensure_ascii=False, indent=2, default=str))
    else:
        for line in summary_lines(report):
            click.echo(line)


def _exit_code(report: Report) -> int:
    if report.status not in ("success", "nothing to resume"):
        return FAILED
    return WITH_REJECTS if report.rejected else 0


def _find(job: str) -> Path:
    path = Path(job)
    return path if path.suffix in (".yaml", ".yml") else find_job_file(job, jobs_folder())


def _overrides(job: JobFile, changes: Sequence[str]) -> tuple[dict[str, dict[str, Raw]], dict[str, Raw]]:
    """`--set` texts as options by op, and vars. Raises ConfigError for every one that names nothing."""
    ops = dict(job.ops())
    options: dict[str, dict[str, Raw]] = {}
    variables: dict[str, Raw] = {}
    problems: list[Problem] = []
    for change in changes:
        path, equals, text = change.partition("=")
        if not equals:
            problems.append(Problem(f"--set {change}: no '='", hint="Write --set path=value."))
        elif path.startswith("vars."):
            variables[path.removeprefix("vars.")] = scalar(text)
        elif (found := _option(path, ops)) is None:
            problems.append(_unknown(path, ops))
        else:
            op, keys = found
            _put(options.setdefault(op, {}), keys, scalar(text), ops[op].options)
    if problems:
        try:
            override_job(job, options, variables)
        except ConfigError as error:
            problems += error.problems
        raise ConfigError(problems)
    return options, variables


def _option(path: str, ops: dict[str, Entry]) -> tuple[str, list[str]] | None:
    for op in ops:
        prefix = f"jobs.{op}.options."
        if path.startswith(prefix) and len(path) > len(prefix):
            return op, path.removeprefix(prefix).split(".")
    return None


def _unknown(path: str, ops: dict[str, Entry]) -> Problem:
    allowed = (*(f"jobs.{op}.options.NAME" for op in ops), "vars.NAME")
    return Problem(f"--set {path}: names no option", allowed=allowed, hint=near(path, allowed))


def _put(options: dict[str, Raw], keys: list[str], value: Raw, written: Any) -> None:
    """Change one value; inside a list or mapping the rest of what the YAML says stays as it is."""
    first, *rest = keys
    if not rest:
        options[first] = value
        return
    changed = json.loads(json.dumps(options.get(first, written.get(first, {}))))
    at: Any = changed
    for key in rest[:-1]:
        at = at[int(key)] if isinstance(at, list) else at.setdefault(key, {})
    at[int(rest[-1]) if isinstance(at, list) else rest[-1]] = value
    options[first] = changed
