"""The keys of a whole job file, but for its entries."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from lumos_dagster.accounting import MAX_REJECTS, OnError
from lumos_dagster.config.model import Execution, Executor, FailurePolicy
from lumos_dagster.config.sections.base import (
    Cron,
    Every,
    Jobs,
    MaxRejects,
    Moment,
    Names,
    Owner,
    Positive,
    Seconds,
    Section,
    Tag,
    Timezone,
    Title,
    Version,
    Whole,
)
from lumos_dagster.interface import ConnectionString
from lumos_dagster.plugins.guest import Limits
from lumos_dagster.values import Raw


class DagText(Section):
    """Edges between the jobs, and what holds for every job that says nothing else."""

    dependencies: dict[str, Names | None] = Field(default_factory=dict)
    """Each job with its parents, in the order in which their rows are united."""
    failure_policy: FailurePolicy = "fail"
    """What becomes of the rest when a job has used up its retries."""
    max_retries: Whole | None = None
    """Extra attempts; attempts = max_retries + 1. 3 under `failure_policy: retry`, else 0."""
    retry_delay_seconds: Seconds = 0.0
    """Seconds before each of them."""
    on_error: OnError = "fail"
    """What becomes of a bad row."""
    max_rejects: MaxRejects = MAX_REJECTS
    """How many rejected rows (or which share, such as 1%) a job bears."""


class ScheduleText(Section):
    """A cron line that starts the job."""

    cron: Cron
    """Minute, hour, day, month, weekday; or @hourly, @daily, @weekly, @monthly, @yearly."""
    timezone: Timezone = "UTC"
    """The IANA time zone that the line is meant in."""
    status: Literal["running", "stopped"] = "stopped"
    """Whether it is on from the start."""


class SensorSection(Section):
    """What the sensors have in common."""

    status: Literal["running", "stopped"] = "running"
    """Whether it is on from the start."""
    interval_seconds: Every = 30
    """Seconds from one look to the next."""


class FileSensorText(SensorSection):
    """One run per new or changed file; `${sensor.path}` in options is its path."""

    type: Literal["file"]
    path: str
    """A path, a glob or an fsspec URL of either."""
    min_age_seconds: Seconds = 5.0
    """A file younger than this may still be being written, and is left alone."""


class JobSensorText(SensorSection):
    """A run after another job of this location; `${sensor.run_id}` in options is the run that has ended."""

    type: Literal["job"]
    after: str
    """The other job's Dagster name."""
    on: Literal["success", "failure"] = "success"
    """How it must have ended."""


class SqlSensorText(SensorSection):
    """A run when the single value of a query grows; `${sensor.value}` is it, `${sensor.previous}` the one before."""

    type: Literal["sql"]
    connection_string: ConnectionString
    """Where the database is."""
    query: str
    """A query with one row and one column."""


SensorText = Annotated[FileSensorText | JobSensorText | SqlSensorText, Field(discriminator="type")]


class PartitionsText(Section):
    """Parts that are run and backfilled one by one: `${partition}`, `${partition_start}`, `${partition_end}`."""

    type: Literal["hourly", "daily", "weekly", "monthly", "static"]
    start: Moment | None = None
    """When the first part begins, as 2026-01-31 or 2026-01-31T12:00; every type but static needs it."""
    end: Moment | None = None
    """Where the last part ends; open if absent."""
    timezone: Timezone = "UTC"
    """The IANA time zone that the parts are cut in."""
    keys: tuple[str, ...] = ()
    """The parts, where `type` is static."""


class PluginText(Section):
    """What the job leaves one plugin of the rights that it was granted, and of its limits."""

    net: Names | None = None
    """Servers, as host:port."""
    fs: Names | None = None
    """Folders."""
    env: Names | None = None
    """Environment variables."""
    secrets: Names | None = None
    """Secret options whose values it may see."""
    memory_mb: Annotated[int, Field(gt=0)] | None = None
    """Memory in MiB."""
    timeout_seconds: Positive | None = None
    """Wall-clock seconds for each call."""
    log_lines: Whole | None = None
    """Lines of log for each attempt of an op."""

    def rights(self) -> dict[str, tuple[str, ...]]:
        """What is left of each right that is named."""
        named = {"net": self.net, "fs": self.fs, "env": self.env, "secrets": self.secrets}
        return {right: items for right, items in named.items() if items is not None}

    def limits(self, given: Limits) -> Limits:
        """The limits that are named, else those that are given."""
        return Limits(
            given.memory_mb if self.memory_mb is None else self.memory_mb,
            given.timeout_seconds if self.timeout_seconds is None else self.timeout_seconds,
            given.log_lines if self.log_lines is None else self.log_lines,
        )


def _by_name(value: Raw) -> Raw:
    """Plugins by name, where a list of names leaves each what it has."""
    if isinstance(value, list):
        return {str(name): {} for name in value}
    return {name: left or {} for name, left in value.items()} if isinstance(value, dict) else value


PluginTexts = Annotated[
    dict[str, PluginText],
    BeforeValidator(_by_name, json_schema_input_type=list[str] | dict[str, PluginText | None]),
]


class WasmPluginsText(Section):
    """Whether WebAssembly plugins are used."""

    enabled: bool = True
    """Whether they are used at all."""
    plugins_dir: str | None = None
    """Their folder: the project's, which this does not change."""
    auto_load: bool = True
    """Whether all that are installed may be used, or only those that `plugins` names."""


class FileText(Section):
    """A Lumos job file: one Dagster job."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("version", "name", "jobs")
    LATE: ClassVar[frozenset[str]] = frozenset(
        ("name", "description", "vars", "jobs", "dag", "sensors", "plugins", "wasm_plugins")
    )
    version: Version | None = None
    """The version of the format: 1 or 1.x."""
    name: Title | None = None
    """The title shown to people, in any script."""
    description: str = ""
    """Shown on the job."""
    vars: dict[str, Any] = Field(default_factory=dict)
    """Values for `${vars.x}`; each may be changed at launch."""
    jobs: Jobs = None
    """The jobs: a mapping by name (map shape), or a list (chain and pipeline shapes)."""
    dag: DagText = DagText()
    """Edges and defaults."""
    schedule: ScheduleText | None = None
    """When the job starts by itself."""
    schedules: tuple[ScheduleText, ...] = ()
    """The same, where there are several."""
    sensors: tuple[SensorText, ...] = ()
    """What else starts it."""
    partitions: PartitionsText | None = None
    """Parts that are run and backfilled one by one."""
    execution: Execution = "staged"
    """staged keeps each op's rows, so that a later one can be retried alone; streaming is one pass, nothing kept."""
    executor: Executor = "auto"
    """Where the ops run; auto is in-process unless two of them can overlap."""
    tags: dict[str, Tag] = Field(default_factory=dict)
    """Tags of the Dagster job."""
    owners: tuple[Owner, ...] = ()
    """E-mail addresses or team:name."""
    plugins: PluginTexts | None = None
    """The plugins that the job may use, all if absent: a list of names, or each with less than it was granted."""
    wasm_plugins: WasmPluginsText | None = None
    """WebAssembly plugins."""
    as_assets: bool = False
    """Whether what the job loads can be materialised as assets too, in a run of several such jobs or by a condition."""
