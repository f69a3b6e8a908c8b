"""What a connector's author tells the suite about the connector, and the bench on which a check works with it."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

import pyarrow as pa

from lumos_dagster.accounting import Book, Task
from lumos_dagster.errors import LumosError
from lumos_dagster.interface import Deferred, Extraction, Extractor, Loader, LoadResult
from lumos_dagster.relation import Relation
from lumos_dagster.testing.samples import SAMPLES
from lumos_dagster.values import Raw, RunContext

Options = Mapping[str, Raw]
Mode = Literal["append", "replace", "upsert", "update"]

E = TypeVar("E", bound=LumosError)

SECRET = "conformance-hunter2"  # noqa: S105 - the password that no check may ever see again
"""The password that stands in the options of `unreachable_source` and `unreachable_target`."""


@dataclass(frozen=True)
class Harness:
    """One connector, held against the suite: its two classes, where a check may write, and what it promises."""

    extractor: type[Extractor]
    loader: type[Loader]
    target: Callable[[str], Options]
    """The loader's options that make and fill a new target of this name; its table, file, key or collection."""
    source: Callable[[str, pa.Schema], Options]
    """The extractor's options that read that target back, `schema` being what was written."""
    types: Mapping[pa.DataType, pa.DataType] = field(default_factory=lambda: {kind: kind for kind in SAMPLES})
    """Which Arrow types it keeps: as written -> as read back."""
    modes: Mapping[Mode, Options] = field(default_factory=dict)
    """What to lay over `target` to add to the rows, replace them, or upsert or update them by the column `id`."""
    grows: Options | None = None
    """What to lay over `target` so that a later load may bring a column more; None where none can."""
    refuses_growth: bool = True
    """Whether a later load with a column more is refused unless `grows` stands there; else it is taken at once."""
    missing_source: Options | None = None
    """Extractor's options for something that is not there."""
    missing_target: Options | None = None
    """Loader's options for a place that does not exist or cannot be written."""
    unreachable_source: Options | None = None
    """Extractor's options for a server that nobody runs, with SECRET as the password."""
    unreachable_target: Options | None = None
    """The same for the loader."""
    drivers: tuple[str, ...] = ()
    """The modules that only a run of the connector may import."""
    small_batches: Options = field(default_factory=lambda: {"batch_size": 100})
    """What to lay over `source` for batches of a hundred rows or so."""
    typeless: bool = False
    """Whether the store keeps values but no columns' types, so that a column without a value has lost its own."""
    examples: int = 10
    """How many random tables to try."""
    waivers: Mapping[str, str] = field(default_factory=dict)
    """Check -> why the connector cannot pass it. A waiver whose check passes is stale, and fails."""


class Bench:
    """The harness with storage for one check: it loads, reads, and counts fresh names."""

    def __init__(self, harness: Harness, storage: str) -> None:
        self.harness = harness
        self.storage = storage
        self.log: list[str] = []
        self._numbers = itertools.count(1)
        self._load = "load-1"

    def name(self) -> str:
        """The name of a target that nothing was written to yet."""
        return f"target_{next(self._numbers)}"

    def run(self, load: str) -> RunContext:
        """A run that begins or goes on with the load `load`."""
        return RunContext("conformance", load, load, datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC), self.storage)

    def book(self, load: str | None = None) -> Book:
        """Fresh accounts of a run of that load, by default the last one."""
        return Book(self.run(load or self._load), log=self.log.append)

    def loader(self, name: str, mode: Mode | None = None) -> Loader:
        """The loader for `name`, in one of the harness's modes."""
        require(mode is None or mode in self.harness.modes, f"the harness declares no mode {mode}")
        options = {**self.harness.target(name), **(self.harness.modes[mode] if mode else {})}
        return self.harness.loader.model_validate(options)

    def load(
        self,
        name: str,
        rows: pa.Table | pa.RecordBatchReader,
        mode: Mode | None = None,
        load: str = "load-1",
        watch: Callable[[Task], None] = lambda _: None,
    ) -> LoadResult:
        """Write `rows` as the op `load` of the run `load`; `watch` is shown the task before the first row."""
        self._load = load
        reader = rows.to_reader() if isinstance(rows, pa.Table) else rows
        with self.book(load).task("load") as task:
            watch(task)
            return self.loader(name, mode).write(reader, task)

    def relation(self, name: str, schema: pa.Schema, over: Options | None = None) -> Relation:
        """What reads `name` back, described only."""
        options = {**self.harness.source(name, schema), **(over or {})}
        deferred: Deferred[Extractor] = Deferred("read", self.harness.extractor, options, self.run(self._load))
        return Relation(Extraction(deferred))

    @contextmanager
    def reading(self, name: str, schema: pa.Schema, over: Options | None = None) -> Iterator[pa.RecordBatchReader]:
        """A reader over `name`."""
        with self.relation(name, schema, over).open(self.book()) as rows:
            yield rows

    def read(self, name: str, schema: pa.Schema, over: Options | None = None) -> pa.Table:
        """All rows of `name`, sorted by `id`."""
        with self.reading(name, schema, over) as rows:
            return in_order(rows.read_all())

    def expected(self, table: pa.Table) -> pa.Table:
        """`table` as the harness says it comes back."""
        types = self.harness.types
        columns: list[Any] = [column.cast(types.get(column.type, column.type)) for column in table.columns]
        return in_order(pa.table(columns, names=table.column_names))

    def round_trip(self, table: pa.Table) -> None:
        """Write `table`, read it back, and compare."""
        name = self.name()
        self.load(name, table)
        self.same(self.read(name, table.schema), table)

    def same(self, found: pa.Table, written: pa.Table) -> None:
        """Raise AssertionError naming the first column, type or value in which what was read differs."""
        expected = self.expected(written)
        require(
            found.column_names == expected.column_names, f"columns {found.column_names}, not {expected.column_names}"
        )
        require(found.num_rows == expected.num_rows, f"{found.num_rows} rows, not {expected.num_rows}")
        for column in expected.schema:
            got, wanted = found[column.name], expected[column.name]
            typed = not self.harness.typeless or wanted.null_count < len(wanted)
            require(not typed or got.type == wanted.type, f"{column.name!r} is {got.type}, not {wanted.type}")
            for row, (one, other) in enumerate(zip(got.to_pylist(), wanted.to_pylist(), strict=True)):
                require(repr(one) == repr(other), f"{column.name!r}, row {row}: {one!r}, not {other!r}")


def require(holds: object, message: str) -> None:
    """Raise AssertionError with `message` unless it holds; unlike `assert`, also under `python -O`."""
    if not holds:
        raise AssertionError(message)


def raised(kind: type[E], work: Callable[..., Any], *arguments: Any) -> E:
    """The error of that class which `work` must raise."""
    try:
        work(*arguments)
    except kind as error:
        return error
    except LumosError as error:
        raise AssertionError(f"{type(error).__name__}, not {kind.__name__}: {error}") from error
    raise AssertionError(f"no {kind.__name__} was raised")


def in_order(table: pa.Table) -> pa.Table:
    """The rows by `id`, since not every store keeps an order; an `id` that came back as text counts as its number."""
    if "id" not in table.column_names or not table.num_rows:
        return table
    ids: list[Any] = table["id"].to_pylist()
    numbers = [int(value) for value in ids]
    return table.take(pa.array(sorted(range(len(numbers)), key=numbers.__getitem__), pa.int64()))


def batches_of(table: pa.Table, rows: int) -> pa.RecordBatchReader:
    """The table in batches of so many rows."""
    return pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=rows))


def failing_after(table: pa.Table, batches: int, rows: int, error: Exception) -> pa.RecordBatchReader:
    """So many batches of the table, and then the error."""

    def broken() -> Iterable[pa.RecordBatch]:
        yield from table.to_batches(max_chunksize=rows)[:batches]
        raise error

    return pa.RecordBatchReader.from_batches(table.schema, iter(broken()))
