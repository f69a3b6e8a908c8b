"""The job file as the rest of the code sees it: one model, whatever the shape of the YAML was."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from pydantic import SecretStr

from lumos_dagster.accounting import MAX_REJECTS, OnError
from lumos_dagster.errors import Problem
from lumos_dagster.interface import Component
from lumos_dagster.values import Raw

Execution = Literal["staged", "streaming"]
Executor = Literal["auto", "in_process", "multiprocess"]
FailurePolicy = Literal["fail", "continue", "retry"]
Kind = Literal["extractor", "transformer", "loader"]


ComponentClass = type[Component]


@dataclass(frozen=True)
class Retry:
    """`count` extra attempts; the first wait is `delay` seconds, then times `backoff_factor`, at most `max_delay`."""

    count: int = 0
    delay: float = 0.0
    backoff_factor: float = 1.0
    max_delay: float | None = None
    jitter: bool = False

    def wait(self, retry_number: int) -> float:
        """Seconds to wait before retry 0, 1, 2, .. ."""
        seconds = self.delay * self.backoff_factor**retry_number
        return seconds if self.max_delay is None else min(seconds, self.max_delay)


@dataclass(frozen=True)
class Entry:
    """One extractor, transformer or loader: one op.

    `options` are as written but under their first spelling, placeholders and all; `parents` are names
    in the order written. None means: what the job says.
    """

    name: str
    kind: Kind
    type: str
    component: ComponentClass
    options: Mapping[str, Raw] = field(default_factory=dict)
    parents: tuple[str, ...] = ()
    description: str = ""
    timeout: float | None = None
    retry: Retry | None = None
    failure_policy: FailurePolicy | None = None
    on_error: OnError | None = None
    max_rejects: str | None = None
    enabled: bool = True
    pool: str | None = None
    asset: str | None = None

    @property
    def digest(self) -> str:
        """A short hash of what the op does, so that a change between two runs is seen."""
        text = json.dumps([self.kind, self.type, self.options, self.on_error], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Pipeline:
    """One entry of the pipeline shape: a sub-graph of that name, its stages extract, transform_1 .. n, load."""

    name: str
    stages: tuple[Entry, ...]
    parents: tuple[str, ...] = ()
    description: str = ""
    enabled: bool = True


@dataclass(frozen=True)
class Schedule:
    """A cron line that starts the job."""

    cron: str
    timezone: str = "UTC"
    running: bool = False


@dataclass(frozen=True)
class Sensor:
    """What starts the job beside its schedules, looked at every `interval` seconds."""

    running: bool
    interval: int


@dataclass(frozen=True)
class FileSensor(Sensor):
    """One run for each new or changed file; one younger than `min_age` seconds may still be being written."""

    path: str
    min_age: float


@dataclass(frozen=True)
class JobSensor(Sensor):
    """A run after each run of another job that ended so."""

    after: str
    on: Literal["success", "failure"]


@dataclass(frozen=True)
class SqlSensor(Sensor):
    """A run when the single value of a query has grown."""

    connection_string: SecretStr
    query: str


@dataclass(frozen=True)
class Partitions:
    """Parts that are run and backfilled one by one: the `keys`, or the time from `start` to `end` cut up."""

    type: Literal["hourly", "daily", "weekly", "monthly", "static"]
    start: datetime | None = None
    end: datetime | None = None
    timezone: str = "UTC"
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class JobFile:
    """One YAML file. `name` is the Dagster name made from the file's stem; `title` is its `name:`, any Unicode."""

    path: str
    name: str
    title: str
    entries: tuple[Entry | Pipeline, ...]
    text: str = ""
    description: str = ""
    vars: Mapping[str, Raw] = field(default_factory=dict)
    execution: Execution = "staged"
    executor: Executor = "auto"
    failure_policy: FailurePolicy = "fail"
    retry: Retry = field(default_factory=Retry)
    on_error: OnError = "fail"
    max_rejects: str = MAX_REJECTS
    tags: Mapping[str, str] = field(default_factory=dict)
    owners: tuple[str, ...] = ()
    as_assets: bool = False
    schedules: tuple[Schedule, ...] = ()
    sensors: tuple[Sensor, ...] = ()
    partitions: Partitions | None = None
    warnings: tuple[Problem, ...] = ()
    places: Mapping[str, tuple[int, int]] = field(default_factory=dict, compare=False, repr=False)
    """Line and column of what is written, by path; entries and the stages of a pipeline by name."""

    def placed(self, problem: Problem) -> Problem:
        """The problem with the file, and with the line of its path or of what is nearest around it."""
        path = problem.path
        while path and path not in self.places:
            path = path.rpartition(".")[0]
        line, column = self.places.get(path, (None, None)) if problem.line is None else (problem.line, problem.column)
        return replace(problem, file=self.path, line=line, column=column)

    def ops(self) -> Iterator[tuple[str, Entry]]:
        """Every op by its name: `load`, or `orders.load` for the stage of a pipeline."""
        for entry in self.entries:
            if isinstance(entry, Pipeline):
                for stage in entry.stages:
                    yield f"{entry.name}.{stage.name}", stage
            else:
                yield entry.name, entry

    @property
    def digest(self) -> str:
        """A short hash of the whole text."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]
