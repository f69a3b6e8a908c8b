"""Sensors: what starts a job besides the clock. Each keeps what it has seen in a cursor that outlives the daemon."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import dagster as dg

from lumos_dagster.config.model import FileSensor, JobFile, JobSensor, Sensor, SqlSensor
from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.orchestration.automation.arrivals import arrivals
from lumos_dagster.orchestration.automation.growth import grown_value
from lumos_dagster.orchestration.automation.partitions import started_by_itself
from lumos_dagster.orchestration.resources import LUMOS
from lumos_dagster.problems import near
from lumos_dagster.values import RunContext

SENSOR = "lumos/sensor"
_ENDED = {"success": dg.DagsterRunStatus.SUCCESS, "failure": dg.DagsterRunStatus.FAILURE}
_AT_ONCE = 100
"""Runs that one look at a folder starts; the next look starts more."""


def sensors_of(
    job_file: JobFile, job: dg.JobDefinition, jobs: Mapping[str, dg.JobDefinition]
) -> Iterator[dg.SensorDefinition]:
    """The job's sensors; `jobs` are all of the location. Raises ConfigError for one after a job that is not there."""
    for number, sensor in enumerate(job_file.sensors, 1):
        name = f"{job_file.name}_sensor" + (f"_{number}" if number > 1 else "")
        match sensor:
            case FileSensor():
                yield _looking(
                    name, sensor, job, _files(name, sensor, job_file, job), f"New or changed files: {sensor.path}"
                )
            case SqlSensor():
                yield _looking(name, sensor, job, _growth(name, sensor, job_file, job), f"Growth of: {sensor.query}")
            case JobSensor():
                path = f"sensors.{number - 1}.after"
                if sensor.after not in jobs:
                    problem = Problem(
                        f"no job {sensor.after!r} in this location",
                        path=path, allowed=tuple(sorted(jobs)), hint=near(sensor.after, jobs),
                    )  # fmt: skip
                    raise ConfigError(job_file.placed(problem))
                yield _after(name, sensor, job, jobs[sensor.after])


def _looking(
    name: str,
    sensor: Sensor,
    job: dg.JobDefinition,
    look: Callable[[dg.SensorEvaluationContext], dg.SensorResult | dg.SkipReason],
    description: str,
) -> dg.SensorDefinition:
    return dg.SensorDefinition(
        name=name,
        job=job,
        evaluation_fn=look,
        minimum_interval_seconds=sensor.interval,
        default_status=_status(sensor),
        description=description,
    )


def _files(
    name: str, sensor: FileSensor, job_file: JobFile, job: dg.JobDefinition
) -> Callable[[dg.SensorEvaluationContext], dg.SensorResult | dg.SkipReason]:
    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        now = datetime.now(UTC)
        found = arrivals(sensor.path, sensor.min_age, context.cursor, _run(job_file, now), _AT_ONCE)
        requests = [
            request for one in found.ready for request in _requests(job, now, one.key, {"path": one.path}, name)
        ]
        if not requests:
            context.update_cursor(found.cursor)
            return dg.SkipReason(found.reason)
        return dg.SensorResult(run_requests=requests, cursor=found.cursor)

    return look


def _growth(
    name: str, sensor: SqlSensor, job_file: JobFile, job: dg.JobDefinition
) -> Callable[[dg.SensorEvaluationContext], dg.SensorResult | dg.SkipReason]:
    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        now = datetime.now(UTC)
        found = grown_value(sensor, context.cursor, _run(job_file, now))
        if not found.grown:
            context.update_cursor(found.cursor)
            return dg.SkipReason(found.reason)
        told = {"value": found.value, "previous": found.previous}
        requests = _requests(job, now, f"{found.previous} -> {found.value}", told, name)
        return dg.SensorResult(run_requests=requests, cursor=found.cursor)

    return look


def _after(name: str, sensor: JobSensor, job: dg.JobDefinition, watched: dg.JobDefinition) -> dg.SensorDefinition:
    def ended(context: dg.RunStatusSensorContext) -> Sequence[dg.RunRequest] | dg.SkipReason:
        run = context.dagster_run
        told = {"run_id": run.run_id, "job": run.job_name}
        return _requests(job, datetime.now(UTC), run.run_id, told, name) or dg.SkipReason(_NOTHING_WHOLE)

    return dg.RunStatusSensorDefinition(
        name=name,
        run_status=_ENDED[sensor.on],
        run_status_sensor_fn=ended,
        monitored_jobs=[watched],
        request_job=job,
        minimum_interval_seconds=sensor.interval,
        default_status=_status(sensor),
        description=f"After each run of {sensor.after} that ends as {sensor.on}",
    )


_NOTHING_WHOLE = "no partition has ended yet"


def _requests(
    job: dg.JobDefinition,
    now: datetime,
    key: str,
    told: Mapping[str, str],
    sensor: str,
) -> list[dg.RunRequest]:
    """The runs of one thing that has happened: one, or those of the parts that start by themselves.

    The key names the thing, so that Dagster launches it once even where the cursor could not be kept.
    """
    return [
        dg.RunRequest(
            run_key=key if part is None else f"{key} [{part}]",
            run_config={"resources": {LUMOS: {"config": {"sensor": dict(told)}}}},
            tags={SENSOR: sensor},
            partition_key=part,
        )
        for part in started_by_itself(job.partitions_def, now)
    ]


def _run(job_file: JobFile, now: datetime) -> RunContext:
    """What a sensor's own options may refer to: the environment, vars, and the time."""
    return RunContext(job_file.name, "sensor", "sensor", now, "", vars=job_file.vars)


def _status(sensor: Sensor) -> dg.DefaultSensorStatus:
    return dg.DefaultSensorStatus.RUNNING if sensor.running else dg.DefaultSensorStatus.STOPPED
