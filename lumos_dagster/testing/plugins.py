"""The part of the suite that fits any plugin: what `lumos plugin test` holds an extractor, transformer or loader to."""

import pickle
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from pydantic import ValidationError

from lumos_dagster.accounting import Book
from lumos_dagster.cancellation import Cancellation
from lumos_dagster.combination import Combination
from lumos_dagster.counting import counted_in
from lumos_dagster.errors import Interrupted, LumosError, TransientError
from lumos_dagster.interface import Combiner, Component, Deferred, Extraction, Loader, Transformation
from lumos_dagster.relation import Relation
from lumos_dagster.testing.harness import Options, batches_of, failing_after, raised, require
from lumos_dagster.testing.manners import in_another_process, leaves_nothing_open
from lumos_dagster.values import RunContext

SAMPLE = pa.table({
    "id": pa.array(range(1, 301), pa.int64()),
    "name": pa.array([None if number % 7 == 0 else f" Name {number}é" for number in range(300)], pa.string()),
    "price": pa.array([number / 4 for number in range(300)], pa.float64()),
    "seen": pa.array([number % 2 == 0 for number in range(300)], pa.bool_()),
})  # fmt: skip
"""What a transformer or loader is given unless its author says otherwise."""


@dataclass(frozen=True)
class Given:
    """A Source that opens whatever it is told to."""

    opened: Callable[[], pa.RecordBatchReader]

    @contextmanager
    def open(self, book: Book) -> Iterator[pa.RecordBatchReader]:
        """A new reader."""
        yield self.opened()


@dataclass(frozen=True)
class Trial:
    """One component with options that it works with, and the rows that it is given."""

    component: type[Component]
    options: Options
    rows: pa.Table
    storage: str

    def book(self, cancellation: Cancellation | None = None) -> Book:
        """Fresh accounts."""
        now = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
        return Book(RunContext("conformance", "run-1", "run-1", now, self.storage), cancellation=cancellation)

    def relation(self, opened: Callable[[], pa.RecordBatchReader] | None = None) -> Relation:
        """What it gives, of the rows that `opened` opens: by default its own in batches of a hundred."""
        deferred: Deferred[Any] = Deferred("it", self.component, self.options, self.book().run)
        given = Relation(Given(opened or (lambda: batches_of(self.rows, 100))))
        if self.component.kind == "extractor":
            return Relation(Extraction(deferred))
        if issubclass(self.component, Combiner):
            return Relation(Combination(deferred, (("input", given),)))
        return given.pipe(Transformation(deferred))

    def table(self, opened: Callable[[], pa.RecordBatchReader] | None = None) -> pa.Table:
        """All that it gives."""
        with self.relation(opened).open(self.book()) as rows:
            return rows.read_all()

    def load(self, rows: pa.RecordBatchReader, book: Book) -> list[pa.RecordBatch]:
        """Load the rows, as a loader; those that were accepted."""
        accepted: list[pa.RecordBatch] = []
        with book.task("it") as task:
            task.accept = accepted.append
            loader = Deferred[Loader]("it", self.component, self.options, book.run).build()  # type: ignore[arg-type]
            result = loader.write(counted_in(rows, task), task)
            task.count.rows_out = result.inserted + result.updated + result.unchanged
            task.count.merged, task.count.unmatched = result.merged, result.unmatched
        book.check()
        return accepted


def gives_the_same_each_time(trial: Trial) -> None:
    """Opened twice at the same time, and once more, it gives the same rows."""
    relation = trial.relation()
    with relation.open(trial.book()) as one, relation.open(trial.book()) as other:
        first, second = one.read_all(), other.read_all()
    require(first.equals(second), "two readers at once give different rows")
    require(trial.table().equals(first), "a third reader gives other rows")


def balances(trial: Trial) -> None:
    """Every row is accounted for."""
    book = trial.book()
    with trial.relation().open(book) as rows:
        rows.read_all()
    book.check()


def does_not_mind_batch_edges(trial: Trial) -> None:
    """How rows are cut into batches changes nothing."""
    whole = trial.table(trial.rows.to_reader)
    for size in (1, 7):
        found = trial.table(lambda size=size: batches_of(trial.rows, size))  # type: ignore[misc]
        require(found.equals(whole), f"batches of {size} rows give other rows than one batch")


def takes_no_rows(trial: Trial) -> None:
    """Without rows it gives none, of columns that it gives with rows too."""
    empty = trial.table(trial.rows.slice(0, 0).to_reader)
    require(empty.num_rows == 0, f"gives {empty.num_rows} rows though it was given none")
    schema = trial.table().schema
    odd = [field.name for field in empty.schema if field.name not in schema.names or schema.field(field.name) != field]
    require(not odd, f"without rows, columns {odd} are other than with rows")


def passes_on_the_failure_of_its_input(trial: Trial) -> None:
    """When its input fails, that is the error, and nothing is open afterwards."""

    def use() -> None:
        failure = TransientError("the input fails")
        error = raised(TransientError, trial.table, lambda: failing_after(trial.rows, 1, 100, failure))
        require("the input fails" in str(error), f"another error is raised: {error}")

    leaves_nothing_open(use, collecting=True)


def closes_what_it_opens(trial: Trial) -> None:
    """After a reading, whole or broken off, nothing that was opened is open."""

    def use() -> None:
        trial.table()
        with trial.relation().open(trial.book()):
            pass

    leaves_nothing_open(use, collecting=True)


def ends_when_told_to(trial: Trial) -> None:
    """Once the run is to end, it gives no more rows."""
    cancellation = Cancellation()
    cancellation.cancel(Interrupted("told to end"))
    raised(Interrupted, _read, trial, trial.book(cancellation))


def travels_to_another_process(trial: Trial) -> None:
    """Its class, pickled, is found again in another process with the same options."""
    script = (
        "import pickle, sys\ncomponent, options = pickle.load(sys.stdin.buffer)\n"
        "print(sorted(component.option_names()), component.kind)\n"
    )
    told = in_another_process(script, pickle.dumps((trial.component, trial.options))).decode().strip()
    wanted = f"{sorted(trial.component.option_names())} {trial.component.kind}"
    require(told == wanted, f"it is {told} there, {wanted} here")


def refuses_unknown_options(trial: Trial) -> None:
    """An option that nobody knows is a mistake, unless its schema takes any."""
    if trial.component.model_config.get("extra") == "allow":
        return
    try:
        trial.component.model_validate({**trial.options, "no_such_option": 1})
    except ValidationError:
        return
    raise AssertionError("takes the option no_such_option")


def loads_every_row(trial: Trial) -> None:
    """All rows are loaded, counted and handed on, and a repetition of the same load does no harm."""
    for _ in range(2):
        accepted = trial.load(batches_of(trial.rows, 100), trial.book())
        handed_on = sum(batch.num_rows for batch in accepted)
        require(handed_on == trial.rows.num_rows, f"hands on {handed_on} of {trial.rows.num_rows} rows")


def loads_no_rows(trial: Trial) -> None:
    """No rows are no trouble."""
    trial.load(trial.rows.slice(0, 0).to_reader(), trial.book())


def fails_when_its_input_fails(trial: Trial) -> None:
    """When its input fails, that is the error, and nothing is open afterwards."""

    def use() -> None:
        failure = TransientError("the input fails")
        error = raised(TransientError, trial.load, failing_after(trial.rows, 1, 100, failure), trial.book())
        require("the input fails" in str(error), f"another error is raised: {error}")

    leaves_nothing_open(use, collecting=True)


def loads_nothing_when_told_to_end(trial: Trial) -> None:
    """Once the run is to end, nothing is loaded."""
    cancellation = Cancellation()
    cancellation.cancel(Interrupted("told to end"))
    raised(Interrupted, trial.load, batches_of(trial.rows, 100), trial.book(cancellation))


def _read(trial: Trial, book: Book) -> None:
    with trial.relation().open(book) as rows:
        rows.read_all()


_ALL = (refuses_unknown_options, travels_to_another_process)
_GIVING = (gives_the_same_each_time, balances, closes_what_it_opens, ends_when_told_to)
PLUGIN_CHECKS: Mapping[str, tuple[Callable[[Trial], None], ...]] = {
    "extractor": (*_GIVING, *_ALL),
    "transformer": (
        *_GIVING, does_not_mind_batch_edges, takes_no_rows, passes_on_the_failure_of_its_input, *_ALL,
    ),
    "loader": (loads_every_row, loads_no_rows, fails_when_its_input_fails, loads_nothing_when_told_to_end, *_ALL),
}  # fmt: skip
"""What each kind is held to."""


@dataclass(frozen=True)
class Verdict:
    """One check of one component: `failure` says how it does not hold, "" where it does."""

    check: str
    promise: str
    failure: str = ""


def verdicts(component: type[Component], options: Options, rows: pa.Table | None = None) -> Iterator[Verdict]:
    """Hold the component against each check of its kind, with `rows` as input or the sample."""
    for check in PLUGIN_CHECKS[component.kind]:
        with tempfile.TemporaryDirectory(prefix="lumos-conformance-") as storage:
            trial = Trial(component, options, SAMPLE if rows is None else rows, storage)
            failure = ""
            try:
                check(trial)
            except (AssertionError, LumosError, ValidationError) as error:
                failure = f"{'' if isinstance(error, AssertionError) else type(error).__name__ + ': '}{error}"
        yield Verdict(check.__name__, (check.__doc__ or "").strip(), failure)
