"""The outputs of jobs that part their rows: how a child names one, and whether each has a child."""

from collections.abc import Iterator

from lumos_dagster.config.model import Entry, JobFile, Pipeline
from lumos_dagster.errors import Problem


def named_output(written: str) -> tuple[str, str]:
    """The job and the output that a mention of a parent names: `job`, or `job.output`; a name has no dot in it."""
    name, _, output = written.partition(".")
    return (name, output) if output else (written, "")


def output_problems(job: JobFile) -> Iterator[Problem]:
    """Every mention of an output that is not there, and every output whose rows would be lost."""
    for entry in job.entries:
        if isinstance(entry, Pipeline):
            yield from _of_pipeline(entry)
        mentions = [
            (child, *named_output(parent)) for child in job.entries for parent in child.parents
            if named_output(parent)[0] == entry.name
        ]  # fmt: skip
        outputs = () if isinstance(entry, Pipeline) else entry.component.outputs(entry.options)
        for child, _, output in mentions:
            if output not in (outputs or ("",)) and not (output == "" and _only_waits(child)):
                yield _no_such(entry.name, child.name, output, outputs)
        taken = {output for child, _, output in mentions if not _only_waits(child)}
        for output in (output for output in outputs if output not in taken):
            hint = f"Name {entry.name}.{output} among the parents of another job, or leave the output out."
            yield Problem(f"nobody takes the output {output!r}", path=f"jobs.{entry.name}.options.outputs", hint=hint)


def _of_pipeline(pipeline: Pipeline) -> Iterator[Problem]:
    for stage in pipeline.stages:
        if stage.component.outputs(stage.options):
            hint = "A pipeline is one line of stages; part the rows in a job of its own."
            yield Problem(
                "several outputs have no place in a pipeline", path=f"jobs.{pipeline.name}.{stage.name}", hint=hint
            )


def _no_such(parent: str, child: str, output: str, outputs: tuple[str, ...]) -> Problem:
    names = tuple(f"{parent}.{name}" for name in outputs)
    if not names:
        message, hint = f"{parent!r} has no outputs to choose from", f"Name it alone: {parent}."
    elif output:
        message, hint = f"{parent!r} has no output {output!r}", ""
    else:
        message, hint = f"{parent!r} parts its rows into outputs", "Name the one that is taken."
    return Problem(message, path=f"jobs.{child}", allowed=names, hint=hint)


def _only_waits(child: Entry | Pipeline) -> bool:
    """Whether an edge into it carries no rows."""
    return isinstance(child, Pipeline) or child.kind == "extractor"
