"""A job with other options and variables, as a launch may ask for; checked like the file itself."""

from collections.abc import Mapping
from dataclasses import replace

from lumos_dagster.config.components import check_options, first_spellings, variable_problems
from lumos_dagster.config.model import Entry, JobFile, Pipeline
from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.problems import near
from lumos_dagster.values import Raw


def override_job(job: JobFile, options: Mapping[str, Mapping[str, Raw]], variables: Mapping[str, Raw]) -> JobFile:
    """The job with `options` in place by op name (`load`, or `orders.load` inside a pipeline) and `variables` in place.

    Only what changes is checked again: nothing else can have become wrong, as no variable comes or goes.
    Raises ConfigError with every mistake.
    """
    if not options and not variables:
        return job
    merged = {name: variables.get(name, value) for name, value in job.vars.items()}
    problems = [*_unknown_variables(variables, job.vars), *variable_problems(merged)]
    names = dict(job.ops())
    problems += [
        Problem(f"unknown job {name!r}", path=f"jobs.{name}", allowed=tuple(names), hint=near(name, names))
        for name in options
        if name not in names
    ]
    changed: dict[str, Entry] = {}
    for name, entry in names.items():
        if name in options:
            changed[name], found = _with_options(entry, options[name], f"jobs.{name}.options", merged)
            problems += found
    if problems:
        raise ConfigError(replace(problem, file=job.path) for problem in problems)
    return replace(job, vars=merged, entries=tuple(_put(entry, changed) for entry in job.entries))


def _unknown_variables(variables: Mapping[str, Raw], known: Mapping[str, Raw]) -> list[Problem]:
    return [
        Problem(f"unknown variable {name!r}", path=f"vars.{name}", allowed=tuple(known), hint=near(name, known))
        for name in variables
        if name not in known
    ]


def _with_options(
    entry: Entry, options: Mapping[str, Raw], path: str, variables: Mapping[str, Raw]
) -> tuple[Entry, list[Problem]]:
    """The entry with options in place of its own, whatever spelling they come in."""
    written, problems = first_spellings(entry.component, options, path)
    merged = {**entry.options, **{name: options[key] for name, key in written.items()}}
    checked, found = check_options(entry.component, merged, path, variables)
    return replace(entry, options=checked), problems + found


def _put(entry: Entry | Pipeline, changed: Mapping[str, Entry]) -> Entry | Pipeline:
    if isinstance(entry, Pipeline):
        return replace(entry, stages=tuple(changed.get(f"{entry.name}.{stage.name}", stage) for stage in entry.stages))
    return changed.get(entry.name, entry)
