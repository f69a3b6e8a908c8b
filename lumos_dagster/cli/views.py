"""What a person sees while a run goes, and the summary when it has ended."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from lumos_dagster.orchestration.events import Happening
from lumos_dagster.orchestration.execute import Report
from lumos_dagster.rejects import command

_SHOWN = ("filtered", "rejected", "skipped", "merged", "unmatched", "nulled", "inserted", "updated", "unchanged")


class View(AbstractContextManager["View"]):
    """Hears what happens in a run."""

    def tell(self, happening: Happening) -> None:
        """Show one thing."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to tidy up."""


class Silent(View):
    """Shows nothing: the answer comes as JSON at the end."""


class Lines(View):
    """A line per event, for logs and pipes."""

    def tell(self, happening: Happening) -> None:
        """Print it."""
        if line := _line(happening):
            click.echo(line)


class Live(View):
    """A spinner per op on a terminal; what is over stays as a line."""

    def __init__(self) -> None:
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TextColumn("{task.fields[text]}"),
            TimeElapsedColumn(),
        )
        self._progress = Progress(*columns, console=Console(), transient=True)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal as it was."""
        self._progress.stop()

    def tell(self, happening: Happening) -> None:
        """Move the spinner of its op, or end it with a line."""
        op = happening.op
        if happening.kind == "started":
            self._tasks[op] = self._progress.add_task(op, text="", total=None)
        elif happening.kind == "log" and op in self._tasks:
            self._progress.update(self._tasks[op], text=happening.text)
        elif line := _line(happening):
            if op in self._tasks and happening.kind != "retry":
                self._progress.remove_task(self._tasks.pop(op))
            self._progress.console.print(line, markup=False, highlight=False)


def summary_lines(report: Report) -> Iterator[str]:
    """The counts of every op, then how it ended."""
    if report.stages:
        width = max(len(op) for op in report.stages)
        yield f"{'':{width}}  {'rows in':>12} {'rows out':>12} {'seconds':>8}"
        for op, counts in report.stages.items():
            taken = counts.get("rows_in") or counts.get("made", 0)
            rest = ", ".join(f"{counts[name]:,} {name}" for name in _SHOWN if counts.get(name))
            seconds = float(counts.get("seconds", 0.0))
            yield f"{op:{width}}  {taken:>12,} {counts.get('rows_out', 0):>12,} {seconds:>8.2f}  {rest}".rstrip()
    for op, text in report.failed.items():
        yield f"FAILED {op}: {_without_name(op, text)}" if op else f"FAILED {text}"
    if report.rejected:
        ops = [op for op, counts in report.stages.items() if counts.get("rejected")]
        yield f"{report.rejected:,} rows were rejected; see them with: {command(report.run_id, ops)}"
    run = f" (run {report.run_id})" if report.run_id else ""
    yield f"{report.job}: {report.status} in {report.seconds:.1f} s{run}"


def _without_name(op: str, text: str) -> str:
    """The message without the op's name in front, where the line has it already."""
    return text.removeprefix(f"{op}: ")


def _line(happening: Happening) -> str:
    match happening.kind:
        case "started":
            return f"{happening.op}: started"
        case "done":
            rows = [counts.get("rows_out", 0) for counts in happening.stages.values()]
            return f"{happening.op}: done" + (f", {rows[-1]:,} rows" if rows else "")
        case "failed":
            return f"{happening.op}: FAILED: {_without_name(happening.op, happening.text)}"
        case "retry":
            return f"{happening.op}: will be tried again: {happening.text}"
        case "skipped":
            return f"{happening.op}: skipped, as it has no input"
        case "log":
            return happening.text
    return ""
