"""Small components whose behaviour a test can choose, and jobs made of them."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import dagster as dg
import pyarrow as pa

from lumos_dagster.accounting import Task
from lumos_dagster.config.model import Entry, JobFile, Kind, Pipeline
from lumos_dagster.errors import DataError, TerminalError, TransientError
from lumos_dagster.interface import Component, Extractor, Loader, LoadResult, SecretStr, Transformer
from lumos_dagster.orchestration.jobs import build_job


class Numbers(Extractor):
    """Gives the numbers from 0."""

    count: int = 10
    """How many."""
    password: SecretStr | None = None
    """Never shown."""
    hang: bool = False
    """Block as a query does, until the driver's own cancel breaks the call."""

    @contextmanager
    def read(self, task: Task) -> Iterator[pa.RecordBatchReader]:
        if self.hang:
            broken = threading.Event()
            with task.cancellation.interrupting(broken.set):
                assert broken.wait(60), "nobody cancelled the call"
            raise TransientError("the server says: query cancelled")
        yield pa.table({"n": pa.array(range(self.count), pa.int64())}).to_reader(max_chunksize=3)


class Odd(Transformer):
    """Keeps the odd numbers."""

    def bind(self, schema: pa.Schema) -> pa.Schema:
        return schema

    def apply(self, rows: pa.RecordBatchReader, task: Task) -> pa.RecordBatchReader:
        def batches() -> Iterator[pa.RecordBatch]:
            for batch in rows:
                odd = batch.filter(pa.array([value % 2 == 1 for value in batch["n"].to_pylist()]))
                task.count.filtered += batch.num_rows - odd.num_rows
                yield odd

        return pa.RecordBatchReader.from_batches(rows.schema, batches())


class Losing(Odd):
    """Drops a row without a word."""

    def apply(self, rows: pa.RecordBatchReader, task: Task) -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_batches(rows.schema, (batch.slice(1) for batch in rows))


class Book(Loader):
    """Writes each load's rows into a file of its own under `folder`, after failing as often as it is told."""

    folder: str
    fails: int = 0
    """How many attempts are refused, after the rows were read."""
    error: str = "transient"
    """Of which kind: transient, terminal, data or unknown."""

    def target(self) -> tuple[str, ...]:
        return ("book",)

    def write(self, rows: pa.RecordBatchReader, task: Task) -> LoadResult:
        numbers: list[int] = []
        for batch in rows:
            numbers += batch["n"].to_pylist()
            task.accept(batch)
        tries = Path(self.folder, f"{task.op}.tries")
        with tries.open("a") as stream:
            stream.write(f"{len(numbers)}\n")
        if len(tries.read_text().split()) <= self.fails:
            kinds = {"transient": TransientError, "terminal": TerminalError, "data": DataError}
            raise kinds.get(self.error, ZeroDivisionError)("refused")
        task.cancellation.check()
        Path(self.folder, task.op).write_text(" ".join(map(str, numbers)))
        return LoadResult(inserted=len(numbers))


def entry(name: str, kind: Kind, component: type[Component], parents: Sequence[str] = (), **more: object) -> Entry:
    """An entry of that component."""
    built = Entry(name, kind, component.__name__.lower(), component, parents=tuple(parents))
    return replace(built, **more)  # type: ignore[arg-type]


def job(*entries: Entry | Pipeline, **more: object) -> JobFile:
    """A job of these entries."""
    return replace(JobFile("numbers.yaml", "numbers", "Numbers", entries, text="version: 1"), **more)  # type: ignore[arg-type]


@dataclass
class Ran:
    """A run that has ended: its events by step, and what it left in the folder."""

    success: bool
    run: dg.DagsterRun
    events: list[tuple[str, str]]
    metadata: dict[str, dict[str, object]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    waits: list[float] = field(default_factory=list)

    def steps(self, event: str) -> list[str]:
        """The steps that had this event, in order."""
        return [step for kind, step in self.events if kind == event]


def run_job(job_file: JobFile, instance: dg.DagsterInstance, run_config: dict[str, object] | None = None) -> Ran:
    """Run in this process and tell how it went."""
    result = build_job(job_file).execute_in_process(instance=instance, run_config=run_config, raise_on_error=False)
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    ran = Ran(result.success, run, [(event.event_type_value, event.step_key or "") for event in result.all_events])
    for event in result.all_events:
        step = event.step_key or ""
        if event.event_type_value == "STEP_OUTPUT" and event.step_output_data.output_name == "done":
            values = event.step_output_data.metadata
            ran.metadata[step] = {name: getattr(value, "value", value) for name, value in values.items()}
        elif event.event_type_value == "STEP_FAILURE":
            data = event.step_failure_data.user_failure_data
            ran.failures[step] = str(data.description) if data else str(event.message)
        elif event.event_type_value == "STEP_UP_FOR_RETRY":
            ran.waits.append(event.step_retry_data.seconds_to_wait or 0)
    return ran
