"""What starts a job by itself, and the parts that it is run in: read from their sections, with what cannot be meant."""

from collections.abc import Iterator, Sequence

from lumos_dagster.config.entries import Draft
from lumos_dagster.config.findings import Findings, placeholders_in
from lumos_dagster.config.model import FileSensor, JobSensor, Partitions, Pipeline, Schedule, Sensor, SqlSensor
from lumos_dagster.config.sections import FileText
from lumos_dagster.config.sections.file import FileSensorText, JobSensorText, PartitionsText, SensorText
from lumos_dagster.errors import Problem
from lumos_dagster.values import RUN_VALUES

_IN_EVERY_MONTH = 28


def read_schedules(header: FileText) -> tuple[Schedule, ...]:
    """Those of `schedule` and `schedules`."""
    written = (*((header.schedule,) if header.schedule else ()), *header.schedules)
    return tuple(Schedule(one.cron, one.timezone, one.status == "running") for one in written)


def read_sensors(header: FileText, job: str, findings: Findings) -> tuple[Sensor, ...]:
    """The sensors of the job with that Dagster name."""
    for index, text in enumerate(header.sensors):
        if isinstance(text, JobSensorText) and text.after == job:
            findings.add(Problem("a job cannot start after itself", path=f"sensors.{index}.after", found=repr(job)))
    return tuple(map(_sensor, header.sensors))


def _sensor(text: SensorText) -> Sensor:
    running, interval = text.status == "running", text.interval_seconds
    match text:
        case FileSensorText():
            return FileSensor(running, interval, text.path, text.min_age_seconds)
        case JobSensorText():
            return JobSensor(running, interval, text.after, text.on)
        case _:
            return SqlSensor(running, interval, text.connection_string, text.query)


def read_partitions(text: PartitionsText | None, drafts: Sequence[Draft], findings: Findings) -> Partitions | None:
    """The parts, and whether the options use what they have."""
    missing = set(RUN_VALUES)
    hint = "Say what the parts are under partitions."
    if text is not None:
        findings.add(*(_static_problems(text) if text.type == "static" else _time_problems(text)))
        missing -= {"partition"} if text.type == "static" else missing
        hint = "Static partitions have no start and end."
    for path, placeholder in _placeholders(drafts):
        if placeholder in missing:
            findings.add(Problem(f"${{{placeholder}}} has no value in this job", path=path, hint=hint))
    if text is None:
        return None
    return Partitions(text.type, text.start, text.end, text.timezone, text.keys)


def _placeholders(drafts: Sequence[Draft]) -> Iterator[tuple[str, str]]:
    for draft in drafts:
        if isinstance(draft.entry, Pipeline):
            stages = [(f"{draft.name}.{stage.name}", stage) for stage in draft.entry.stages]
        else:
            stages = [(draft.name, draft.entry)] if draft.entry else []
        for name, stage in stages:
            for path, _, placeholder in placeholders_in(dict(stage.options), f"jobs.{name}.options"):
                yield path, placeholder


def _static_problems(text: PartitionsText) -> Iterator[Problem]:
    if not text.keys:
        yield Problem("static partitions need keys", path="partitions", hint="List them: keys: [north, south].")
    for index, key in enumerate(text.keys):
        if key in text.keys[:index]:
            yield Problem("stands twice", path=f"partitions.keys.{index}", found=repr(key))
        if "..." in key or not key.strip():
            yield Problem("a key is some text without '...'", path=f"partitions.keys.{index}", found=repr(key))
    for name in ("start", "end"):
        if getattr(text, name) is not None:
            yield Problem("static partitions are named by keys, not by a time", path=f"partitions.{name}")


def _time_problems(text: PartitionsText) -> Iterator[Problem]:
    if text.keys:
        yield Problem(f"{text.type} partitions have no keys", path="partitions.keys", hint="Or say type: static.")
    if text.start is None:
        yield Problem(f"{text.type} partitions need a start", path="partitions", hint="Write it as 2026-01-31.")
    elif text.type == "monthly" and text.start.day > _IN_EVERY_MONTH:
        yield Problem("not every month has that day", path="partitions.start", found=repr(text.start.isoformat()))
    elif text.end is not None and text.end <= text.start:
        yield Problem("must come after start", path="partitions.end", found=repr(text.end.isoformat()))
