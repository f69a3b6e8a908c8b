"""Schedules: cron lines that start a job."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from lumos_dagster.config.model import JobFile, Schedule
from lumos_dagster.orchestration.automation.partitions import started_by_itself


def schedules_of(job_file: JobFile, job: dg.JobDefinition) -> Iterator[dg.ScheduleDefinition]:
    """The job's schedules; where it has parts, each tick starts the latest whole one, or all where they are static."""
    for number, schedule in enumerate(job_file.schedules, 1):
        name = f"{job_file.name}_schedule" + (f"_{number}" if number > 1 else "")
        yield _definition(name, schedule, job)


def _definition(name: str, schedule: Schedule, job: dg.JobDefinition) -> dg.ScheduleDefinition:
    def tick(context: dg.ScheduleEvaluationContext) -> Iterator[dg.SkipReason | dg.RunRequest]:
        at = context.scheduled_execution_time or datetime.now(UTC)
        keys = list(started_by_itself(job.partitions_def, at))
        for key in keys:
            yield dg.RunRequest(run_key=key, partition_key=key)
        if not keys:
            yield dg.SkipReason("no partition has ended yet")

    status = dg.DefaultScheduleStatus
    return dg.ScheduleDefinition(
        name=name,
        job=job,
        cron_schedule=schedule.cron,
        execution_timezone=schedule.timezone,
        default_status=status.RUNNING if schedule.running else status.STOPPED,
        execution_fn=tick,
    )
