"""Where every row went: counts per stage, bad rows and what became of them, and the balance between them."""

import math
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import pyarrow as pa

from lumos_dagster import rejects
from lumos_dagster.cancellation import Cancellation
from lumos_dagster.errors import ConfigError, DataError, UnbalancedError
from lumos_dagster.lineage import Lineage, Origins
from lumos_dagster.passage import Passage
from lumos_dagster.values import RunContext
from lumos_dagster.watermarks import FindWindow, Window

OnError = Literal["fail", "null", "reject", "skip"]
"""What becomes of a bad row: the op fails, the value becomes null, the row is kept aside, or dropped and counted."""

MAX_REJECTS = "100"
_TOLD = ("operation", "number", "field", "value", "reason", "row")


@dataclass
class Count:
    """The rows of one stage (one op of the job). `rows_in + made` must equal the sum of all that became of them.

    `made` counts rows read from a source (extractor) or multiplied (explode); `merged` rows folded
    into another (a key repeated in an upsert); `unmatched` updates that met no row; `nulled` values, not rows.
    """

    rows_in: int = 0
    made: int = 0
    rows_out: int = 0
    filtered: int = 0
    rejected: int = 0
    skipped: int = 0
    merged: int = 0
    unmatched: int = 0
    nulled: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    bytes: int = 0
    seconds: float = 0.0
    notes: dict[str, int] = field(default_factory=dict)

    def imbalance(self) -> str:
        """How rows were lost or doubled, or "" where every one is accounted for."""
        taken = self.rows_in + self.made
        given = self.rows_out + self.filtered + self.rejected + self.skipped + self.merged + self.unmatched
        if taken == given:
            return ""
        return f"{taken} rows in or made, but {given} accounted for: {asdict(self)}"


@dataclass(frozen=True)
class Rule:
    """What rows are held against: the field, and the rule's name such as `range`. Rules alike in one op are one."""

    field: str
    rule: str


@dataclass
class Verdict:
    """How many rows were held against a rule so far, and how many of them broke it, whatever became of these."""

    rows: int = 0
    broken: int = 0


@dataclass(frozen=True)
class BadRow:
    """One row that does not fit: its number in the stage's input (from 1), the field, the value, why, and the row."""

    number: int
    field: str
    value: Any
    reason: str
    row: Mapping[str, Any]
    operation: str = ""
    hidden: bool = False
    """Whether the value is masked in what comes out, so that a text that people read must not show it."""

    def __str__(self) -> str:
        operation = f"{self.operation}: " if self.operation else ""
        field = f"field {self.field!r}: " if self.field else ""
        value = "its value, which is masked later" if self.hidden else f"value {_short(self.value)}"
        return f"row {self.number}: {operation}{field}{value}: {self.reason}"


def nobody(batch: pa.RecordBatch) -> None:
    """What `Task.accept` is where nobody takes the rows on, so that a loader need not keep them for it."""


def no_window(find: FindWindow) -> Window:
    """What `Task.window` is where no loader keeps a watermark."""
    raise ConfigError("an incremental read needs a job in which a loader keeps its watermark")


class Task:
    """What a component is given when it runs: the run, its counts, and what to do with bad rows.

    One stage of one attempt. `accept` is called by a loader with the rows that it loaded, in the
    input's own columns, since those are what travels on to the loader's children. `window` gives an
    incremental extractor the rows that are this load's; `windows` are those of the extractors above a
    loader, whose watermarks it commits with the rows. `verdicts` tell how the rows fared by each rule
    that they were held against; they are whole also where a bad row ended the op (`on_error: fail`).
    `schema` and `origins` are the columns that come out and what they are made of; of a loader, `schema` is what came
    in, `names` what it calls these columns where not by their own names, `lineage` where they come from, and `sample`
    the first rows. `passage` is what an extractor offers, and what a loader may take, instead of batches.
    """

    def __init__(self, op: str, book: "Book", on_error: OnError = "fail", max_rejects: str = MAX_REJECTS) -> None:
        self.op = op
        self.run = book.run
        self.cancellation = book.cancellation
        self.log = book.log
        self.count = Count()
        self.on_error: OnError = on_error
        self.accept: Callable[[pa.RecordBatch], None] = nobody
        self.window: Callable[[FindWindow], Window] = no_window
        self.windows: Mapping[str, Window] = {}
        self.verdicts: dict[Rule, Verdict] = {}
        self.schema: pa.Schema | None = None
        self.origins: Origins | None = None
        self.names: Mapping[str, str] | None = None
        self.lineage: Lineage | None = None
        self.sample: list[dict[str, Any]] = []
        self.passage: Passage | None = None
        self._passed_from: Task | None = None
        self._begun = time.perf_counter()
        self._max_rejects = max_rejects
        self._rejects: list[Any] = []
        self._all_seen = False
        run, now = book.run, datetime.now(UTC).isoformat(timespec="microseconds")
        self._attempt = rejects.Attempt(run.storage, run.job, run.load_id, run.run_id, op, book.attempt, now)

    @property
    def seconds(self) -> float:
        """How long the stage has been at work."""
        return time.perf_counter() - self._begun

    def bad_rows(self, rows: Iterable[BadRow], how_many: int, on_error: OnError | None = None) -> None:
        """Book `how_many` bad rows (or values, for `null`) the `on_error` way; `rows` is read only where needed.

        The caller has taken the rows out of its stream (`reject`, `skip`) or nulled the values (`null`).
        Raises DataError for `fail`, or when there are more rejects than `max_rejects` allows.
        """
        if how_many == 0:
            return
        match on_error or self.on_error:
            case "fail":
                raise DataError(f"{self.op}: {next(iter(rows))}. Mend the data, or set on_error: null, reject or skip.")
            case "null":
                self.count.nulled += how_many
            case "skip":
                self.count.skipped += how_many
            case "reject":
                self.count.rejected += how_many
                self._keep(rows)
                self._check_rejects()

    def judged(self, rule: Rule, rows: int, broken: int) -> None:
        """So many rows were held against the rule, and so many of them broke it; told before these are booked."""
        verdict = self.verdicts.setdefault(rule, Verdict())
        verdict.rows += rows
        verdict.broken += broken

    def offer(self, source: "Task") -> None:
        """The rows may come past the batches, from the extractor's stage `source`, where that offers it."""
        self.passage, self._passed_from = source.passage, source

    def passed(self, arrived: int) -> None:
        """Count the rows of the passage, also in the stage that made them if that is of this attempt.

        DataError where not all that were sent have arrived.
        """
        if self.passage is None:
            raise ValueError("no rows were offered past the batches")
        if arrived != self.passage.rows:
            raise DataError(f"{self.passage.rows} rows were sent, but {arrived} arrived; nothing was committed")
        if self._passed_from is not None:
            self._passed_from.sent()
        self.count.bytes += self.passage.size
        self.count.rows_in += arrived
        self.saw_all()

    def sent(self) -> None:
        """Count the rows of the passage as made and given by this stage, which offered it."""
        if self.passage is None:
            raise ValueError("no rows were offered past the batches")
        self.count.made += self.passage.rows
        self.count.rows_out += self.passage.rows
        self.count.bytes += self.passage.size

    def saw_all(self) -> None:
        """All rows came in: from here on the rejects are held against a percentage, before anything is committed."""
        self._all_seen = True
        self._check_rejects()

    def close(self) -> None:
        """Publish the rejects, held against a percentage once more."""
        self.publish()
        self.saw_all()

    def settle(self) -> None:
        """The attempt succeeded: its rejects count, those of earlier attempts no longer do."""
        self._attempt.settle(self.count.rejected)

    def may_reject(self) -> float:
        """How many more rows may be rejected; infinitely many where rows to come decide that, or where none is."""
        if self.on_error != "reject" or (self._max_rejects.endswith("%") and not self._all_seen):
            return math.inf
        seen, most = self.count.rows_in + self.count.made, float(self._max_rejects.rstrip("%"))
        return (most * seen / 100 if self._max_rejects.endswith("%") else most) - self.count.rejected

    def _keep(self, rows: Iterable[BadRow]) -> None:
        if not self._rejects:
            self._rejects.append(tempfile.SpooledTemporaryFile(max_size=1 << 20))  # noqa: SIM115 - closed in publish
        for bad in rows:
            record = vars(self._attempt) | {name: getattr(bad, name) for name in _TOLD}
            del record["storage"]
            self._rejects[0].write(rejects.line(record))

    def publish(self) -> None:
        """Put the rejects where they can be read, also as the evidence of a failure."""
        if self._rejects:
            with self._rejects.pop() as kept:
                self._attempt.write(kept)

    def _check_rejects(self) -> None:
        if self.may_reject() < 0:
            self.publish()
            raise DataError(
                f"{self.op}: {self.count.rejected} rows were rejected, more than max_rejects {self._max_rejects} "
                f"allows; see them and their reasons with: {rejects.command(self.run.run_id, [self.op])}"
            )


class Book:
    """The accounts of one attempt of one op: one Task per stage that ran in it, in the order of the rows' way.

    Without a run (a Relation opened by hand) they are of the run that the first component belongs to.
    """

    def __init__(
        self,
        run: RunContext | None = None,
        attempt: int = 0,
        cancellation: Cancellation | None = None,
        log: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._run = run
        self.attempt = attempt
        self.cancellation = cancellation or Cancellation()
        self.log = log
        self.tasks: dict[str, Task] = {}

    @property
    def run(self) -> RunContext:
        """The run that the accounts are of."""
        if self._run is None:
            raise ValueError("these accounts belong to no run yet")
        return self._run

    def of_run(self, run: RunContext) -> "Book":
        """These accounts, of `run` if they belonged to none before."""
        self._run = self._run or run
        return self

    @contextmanager
    def task(self, op: str, on_error: OnError = "fail", max_rejects: str = MAX_REJECTS) -> Iterator[Task]:
        """The stage `op`, timed while the block runs; its rejects are published when the block ends well."""
        task = self.tasks[op] = Task(op, self, on_error, max_rejects)
        try:
            yield task
            task.close()
        finally:
            task.publish()
            task.count.seconds += task.seconds

    def check(self) -> None:
        """The attempt is done: settle its rejects. Raises DataError naming every stage whose rows do not balance."""
        broken = [f"{op}: {text}" for op, task in self.tasks.items() if (text := task.count.imbalance())]
        if broken:
            raise UnbalancedError("the rows do not balance, so this load cannot be trusted: " + "; ".join(broken))
        for task in self.tasks.values():
            task.settle()


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
