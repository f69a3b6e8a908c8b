"""A run's event log as a person wants to hear it: what started, how it went, what it gave."""

import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import dagster as dg

from lumos_dagster.orchestration.names import DONE
from lumos_dagster.orchestration.reporting import stages_of

_POLL_SECONDS = 0.3
_BATCH = 1000
_TRACE = re.compile(r"^Stack Trace:\n(?:[ \t].*(?:\n|$))*", re.MULTILINE)
_CHILD = re.compile(r"^In process \d+: (.*?)(?=\n+In process \d+: |\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Happening:
    """One thing that happened in a run; `stages` are the counts of an op that ended."""

    kind: Literal["started", "done", "failed", "retry", "skipped", "log", "run_failed"]
    op: str
    text: str = ""
    stages: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class Listener(Protocol):
    """What is filled in while a run is followed."""

    run_id: str
    seconds: float
    stages: dict[str, dict[str, Any]]
    failed: dict[str, str]


def follow(
    instance: dg.DagsterInstance,
    tags: Mapping[str, str],
    ended: threading.Event,
    tell: Callable[[Happening], None],
    report: Listener,
) -> None:
    """Tell what happens in the run with these tags until it has `ended`, and note it on the report."""
    started = time.monotonic()
    cursor: str | None = None
    while True:
        last = ended.wait(_POLL_SECONDS)
        if not report.run_id:
            runs = instance.get_runs(dg.RunsFilter(tags=dict(tags)), limit=1)
            report.run_id = runs[0].run_id if runs else ""
        if report.run_id:
            cursor = replay(instance, cursor, tell, report)
        if last:
            report.seconds = time.monotonic() - started
            return


def replay(
    instance: dg.DagsterInstance, cursor: str | None, tell: Callable[[Happening], None], report: Listener
) -> str | None:
    """Tell what stands in the run's event log after `cursor`, and give the new cursor."""
    while True:
        page = instance.get_records_for_run(report.run_id, cursor, limit=_BATCH)
        cursor = page.cursor
        for record in page.records:
            for happening in happenings(record.event_log_entry):
                _note(happening, report)
                tell(happening)
        if not page.has_more:
            return cursor


def happenings(entry: dg.EventLogEntry) -> list[Happening]:
    """What one entry of the event log means to a person: mostly nothing."""
    event = entry.dagster_event
    if event is None:
        said_by_an_op = entry.step_key and int(entry.level) >= logging.INFO
        return [Happening("log", entry.step_key or "", entry.user_message)] if said_by_an_op else []
    op = event.step_key or ""
    match event.event_type:
        case dg.DagsterEventType.STEP_START:
            return [Happening("started", op)]
        case dg.DagsterEventType.STEP_SKIPPED:
            return [Happening("skipped", op)]
        case dg.DagsterEventType.STEP_UP_FOR_RETRY:
            return [Happening("retry", op, _reason(event))]
        case dg.DagsterEventType.STEP_FAILURE:
            return [Happening("failed", op, _reason(event))]
        case dg.DagsterEventType.RUN_FAILURE if not entry.step_key:
            return [Happening("run_failed", "", _reason_of_run(event))]
        case dg.DagsterEventType.STEP_OUTPUT if event.step_output_data.output_name == DONE:
            metadata = event.step_output_data.metadata
            if (failure := metadata.get("failed")) is not None:
                return [Happening("failed", op, str(failure.value))]
            return [Happening("done", op, stages=stages_of(metadata))]
    return []


def _reason(event: dg.DagsterEvent) -> str:
    """The failure's own words: of the error that asked for a retry its cause."""
    data: Any = event.event_specific_data
    if getattr(data, "user_failure_data", None) and data.user_failure_data.description:
        return str(data.user_failure_data.description)
    error = getattr(data, "error", None)
    while error is not None and error.cause is not None:
        error = error.cause
    if error is None:
        return event.message or ""
    if error.cls_name == dg.DagsterExecutionInterruptedError.__name__:  # it has no words of its own
        return "it was told to end, by Ctrl-C or a signal"
    return _words(str(error.message), error.cls_name)


def _reason_of_run(event: dg.DagsterEvent) -> str:
    """What a run failed with outside of any op's work; from the process of a step it comes as text with traces."""
    error = event.job_failure_data.error
    if error is None or error.cls_name != "DagsterSubprocessError":
        return event.message or ""
    told = _CHILD.finditer(_TRACE.sub("", error.message))
    return "\n".join(dict.fromkeys(_words(child[1], r"\w+") for child in told)) or event.message or ""


def _words(message: str, error_class: str | None) -> str:
    """A message of one of our errors without "module.Class: ", which Dagster writes in front."""
    return re.sub(rf"^lumos_dagster\.[\w.]+\.{error_class}: ", "", message.strip())


def _note(happening: Happening, report: Listener) -> None:
    if happening.kind == "done":
        for stage, counts in happening.stages.items():
            report.stages[stage] = dict(counts)
        report.failed.pop(happening.op, None)
    elif happening.kind == "failed":
        report.failed[happening.op] = happening.text
    elif happening.kind == "run_failed" and not report.failed:
        report.failed[""] = happening.text
