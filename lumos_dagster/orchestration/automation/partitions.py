"""The parts of a job: their definition, what a run of one knows of it, and which of them start by themselves."""

from collections.abc import Iterator
from datetime import datetime, time
from typing import Any

import dagster as dg

from lumos_dagster.config.model import Partitions
from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.problems import near
from lumos_dagster.values import Raw

PARTITION = "dagster/partition"
"""The tag by which Dagster knows which part a run is for."""
_FEW = 20


def partitions_definition(partitions: Partitions | None) -> dg.PartitionsDefinition[Any] | None:
    """The parts as Dagster knows them; the first one begins at `start`, and the others are cut from there."""
    if partitions is None:
        return None
    if partitions.start is None:
        return dg.StaticPartitionsDefinition(list(partitions.keys))
    start, zone = partitions.start, partitions.timezone
    time: dict[str, Any] = {"start_date": start, "end_date": partitions.end, "timezone": zone}
    time["minute_offset"] = start.minute
    match partitions.type:
        case "hourly":
            return dg.HourlyPartitionsDefinition(**time)
        case "daily":
            return dg.DailyPartitionsDefinition(**time, hour_offset=start.hour)
        case "weekly":
            days_after_sunday = start.isoweekday() % 7
            return dg.WeeklyPartitionsDefinition(**time, hour_offset=start.hour, day_offset=days_after_sunday)
        case _:
            return dg.MonthlyPartitionsDefinition(**time, hour_offset=start.hour, day_offset=start.day)


def partition_values(partitions: dg.PartitionsDefinition[Any] | None, key: str) -> dict[str, Raw]:
    """What `${partition}` and its start and end stand for: dates where the parts are cut at midnight, else times."""
    values: dict[str, Raw] = {"partition": key}
    if not isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        return values
    window = partitions.time_window_for_partition_key(key)
    hourly = isinstance(partitions, dg.HourlyPartitionsDefinition)
    whole_days = not hourly and all(moment.time() == time() for moment in window)
    for name, moment in zip(("partition_start", "partition_end"), window, strict=True):
        values[name] = moment.date() if whole_days else moment
    return values


def checked_partition(partitions: Partitions | None, key: str | None) -> dict[str, Raw]:
    """The values of the part that a person asks for. Raises ConfigError where there is none, or it must be named."""
    definition = partitions_definition(partitions)
    if definition is None and key is None:
        return {}
    if definition is None:
        raise ConfigError("the job has no partitions, so none can be run")
    if key is not None and definition.has_partition_key(key):
        return partition_values(definition, key)
    keys = definition.get_partition_keys()
    allowed = tuple(keys) if len(keys) <= _FEW else (keys[0], keys[1], "..", keys[-1])
    message = "name the partition to run" if key is None else "there is no such partition"
    hint = "Give it as --partition KEY." if key is None else near(key, keys)
    raise ConfigError(Problem(message, found="" if key is None else repr(key), allowed=allowed, hint=hint))


def started_by_itself(partitions: dg.PartitionsDefinition[Any] | None, at: datetime) -> Iterator[str | None]:
    """The parts that a schedule or a sensor starts at that time: the latest whole one, or all where they are static.

    None stands for a run of a job without parts.
    """
    if partitions is None:
        yield None
    elif isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        with dg.partition_loading_context(effective_dt=at):
            latest = partitions.get_last_partition_key()
        if latest is not None:
            yield latest
    else:
        yield from partitions.get_partition_keys()
