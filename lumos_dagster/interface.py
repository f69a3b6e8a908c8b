"""What the author of an extractor, transformer or loader reads, and nothing else is needed.

The option model is the component: parsing the YAML's `options` constructs it, its field docstrings
are its documentation, and its methods do the work.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Generic, Literal, TypeVar

import pyarrow as pa
from pydantic import SecretStr, ValidationError

from lumos_dagster.accounting import MAX_REJECTS, BadRow, Book, OnError, Rule, Task
from lumos_dagster.counting import counted_in, counted_out
from lumos_dagster.errors import ConfigError, DataError
from lumos_dagster.lineage import Origins
from lumos_dagster.passage import Passage
from lumos_dagster.problems import problems_of
from lumos_dagster.relation import Relation, Source, Step
from lumos_dagster.strict import ConnectionString, StrictModel, Texts, is_secret
from lumos_dagster.values import Raw, RunContext, resolve
from lumos_dagster.watermarks import FindWindow, Watermark, Window, fixed_window

__all__ = [
    "BadRow", "Combiner", "Component", "ConnectionString", "Extractor", "LoadResult", "Loader", "OnError",
    "Relation", "Rule", "SecretStr", "StrictModel", "Task", "Texts", "Transformer", "is_secret",
]  # fmt: skip

BATCH_ROWS = 65_536
"""Rows to a batch where nothing else decides it."""


class Component(StrictModel, ABC):
    """The options of one component. The model is the component: parsing the options constructs it."""

    kind: ClassVar[str]
    run_scoped: ClassVar[bool] = False
    """Whether what is read is what another op of the same run wrote, so that an edge between them is needed."""
    stoppable: ClassVar[bool] = True
    """Whether `task.cancellation` ends its work while a call blocks; else a timeout needs a process to end with it."""

    @classmethod
    def technology(cls, options: Mapping[str, Raw]) -> str:
        """What the UI's icon shows for these options (`postgres`, `sqlite`); "" for the type's own name."""
        return ""

    @classmethod
    def modules(cls, options: Mapping[str, Raw]) -> tuple[str, ...]:
        """What processes that run it have loaded beforehand, as they are forked from one that has: its driver, say."""
        return (cls.__module__,)

    @classmethod
    def hidden(cls, options: Mapping[str, Raw]) -> Iterator[str]:
        """The texts within options that may be secrets, beside the options that are secret as a whole."""
        yield from ()

    @classmethod
    def outputs(cls, options: Mapping[str, Raw]) -> tuple[str, ...]:
        """What its rows are parted into, where each child names the part that it takes; none for one stream to all."""
        return ()

    @classmethod
    def rules(cls, options: Mapping[str, Raw]) -> tuple[Rule, ...]:
        """What it holds rows against, as far as the options say it without a placeholder; see `Task.verdicts`."""
        return ()

    @classmethod
    def datasets(cls, options: Mapping[str, Raw]) -> tuple[tuple[str, ...], ...]:
        """What is read or written, each by its name without secrets, in parts from the outside in; none for unknown.

        In the options, the name of each placeholder stands in its place. Other jobs' components that read or write
        the same give it the same name.
        """
        return ()


Increments = Literal["", "new", "again"]
"""What an incremental extractor reads."""


class Extractor(Component):
    """Gives rows."""

    kind: ClassVar[str] = "extractor"

    @classmethod
    def increments(cls, options: Mapping[str, Raw]) -> Increments:
        """Whether a load reads only what is `new` since the last one, or some of its rows `again` too; "" for all."""
        return ""

    @abstractmethod
    def read(self, task: Task) -> AbstractContextManager[pa.RecordBatchReader]:
        """A reader over all rows in bounded memory; what is opened closes with the context, on error too.

        Raises TransientError for what may pass, TerminalError for what will not, DataError for bad data.
        """

    def announced(self) -> pa.Schema | None:
        """The columns that it will give, where its options alone tell them; None where they do not."""
        return None

    def location(self) -> str:
        """The thing that is read, so that reading and writing the same one in one pass can be told; "" for none."""
        return ""

    def reads(self, place: str) -> bool:
        """Whether what a loader writes at `place`, its location, is read here: that, or what holds it."""
        where = self.location()
        return bool(where) and f"{place}:".startswith(f"{where}:")


class Transformer(Component):
    """Turns rows into rows, batch by batch."""

    kind: ClassVar[str] = "transformer"

    @abstractmethod
    def bind(self, schema: pa.Schema) -> pa.Schema:
        """The columns that come out when these go in; ConfigError for a missing field, a wrong type, a clash."""

    def origins(self, schema: pa.Schema) -> Origins | None:
        """Which of these columns each one that comes out is made of; None where it cannot be told."""
        return None

    @abstractmethod
    def apply(self, rows: pa.RecordBatchReader, task: Task) -> pa.RecordBatchReader:
        """The changed rows, in the columns that `bind` gave; filtered and bad rows are booked on the task."""


class Combiner(Component):
    """Turns rows into rows where a batch alone does not tell: all rows of an input are needed, or several inputs."""

    kind: ClassVar[str] = "transformer"
    apart: ClassVar[bool] = True
    """Whether each parent is an input of that name; else their rows come united, as one input."""
    balanced: ClassVar[bool] = True
    """Whether it books what becomes of each row; else rows are counted as they come and go, and no more is known."""

    @abstractmethod
    def bind(self, inputs: Mapping[str, pa.Schema]) -> pa.Schema | None:
        """The columns that come out, None where only the rows can tell; ConfigError as in Transformer.bind."""

    def origins(self, inputs: Mapping[str, pa.Schema]) -> Origins | None:
        """Which columns of its inputs, named by `within`, each one that comes out is made of; None where unknown."""
        return None

    @abstractmethod
    def combine(
        self, inputs: Mapping[str, pa.RecordBatchReader], task: Task
    ) -> AbstractContextManager[pa.RecordBatchReader]:
        """A reader over what comes out; what is opened closes with the context, on error too."""


@dataclass(frozen=True)
class LoadResult:
    """What became of the rows that a loader was given, but for those booked by `Task.bad_rows`."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    merged: int = 0
    unmatched: int = 0
    bytes: int = 0


class Loader(Component):
    """Puts rows in their place, all or nothing."""

    kind: ClassVar[str] = "loader"

    @classmethod
    def why_no_watermark(cls, options: Mapping[str, Raw], increments: Increments) -> str:
        """Why rows of an extractor that reads increments cannot be loaded like this; "" where they can."""
        return "it keeps no watermarks"

    def watermark(self, op: str, task: Task) -> Watermark | None:
        """What the last committed load kept for the extractor `op`, of `task.windows`; None before the first."""
        raise NotImplementedError

    @property
    def atomic(self) -> bool:
        """Whether a failed write leaves nothing behind, so that a retry may read its input anew."""
        return True

    def takes_as_sent(self, passage: Passage, schema: pa.Schema) -> str:
        """The form in which, as its options alone tell, it takes what is offered instead of batches; "" for none."""
        return ""

    @abstractmethod
    def target(self) -> tuple[str, ...]:
        """The name of what is written, without secrets: shown to users, and part of what names a load."""

    @abstractmethod
    def write(self, rows: pa.RecordBatchReader, task: Task) -> LoadResult:
        """Write all rows, or raise and leave the target as it was; the same load written again changes nothing.

        The load is known by `task.run.load_id`, the job, the op and the target. Rows that were loaded are
        given to `task.accept`, bad ones to `task.bad_rows`; `task.cancellation.check()` comes before a commit.
        With the last commit go the watermarks of `task.windows`.
        """

    def location(self) -> str:
        """As Extractor.location."""
        return ""


C = TypeVar("C", bound=Component)


@dataclass(frozen=True)
class Deferred(Generic[C]):
    """A component not yet built: options as written, placeholders and all, so that no secret travels with it."""

    op: str
    component: type[C]
    options: Mapping[str, Raw]
    run: RunContext
    on_error: OnError = "fail"
    max_rejects: str = MAX_REJECTS
    keeper: "Deferred[Loader] | None" = None
    """The loader that keeps the watermark of an incremental extractor."""

    def build(self) -> C:
        """The component with every `${..}` resolved. Raises ConfigError; its text never shows a resolved value."""
        path = f"jobs.{self.op}.options"
        options = resolve(dict(self.options), self.run, path)
        try:
            return self.component.model_validate(options)
        except ValidationError as error:
            raise ConfigError(problems_of(error, self.options, path, resolved=True)) from None

    def task(self, book: Book) -> AbstractContextManager[Task]:
        """This component's stage in the accounts."""
        return book.of_run(self.run).task(self.op, self.on_error, self.max_rejects)


@dataclass(frozen=True)
class Extraction(Source):
    """The Source that is an extractor; its rows are counted as made."""

    extractor: Deferred[Extractor]

    @contextmanager
    def open(self, book: Book) -> Iterator[pa.RecordBatchReader]:
        """Build the extractor and read."""
        with self.extractor.task(book) as task:
            if self.extractor.keeper is not None:
                task.window = partial(_window, task, self.extractor.keeper)
            with self.extractor.build().read(task) as rows:
                task.schema = rows.schema
                yield pa.RecordBatchReader.from_batches(rows.schema, self._counted(rows, task))

    def _counted(self, rows: pa.RecordBatchReader, task: Task) -> Iterator[pa.RecordBatch]:
        """Each row that was read left as it is or became a reject: an extractor need not count what it gives."""
        count = task.count
        for batch in counted_out(rows, task):
            count.made = count.rows_out + count.rejected + count.skipped
            yield batch
        count.made = count.rows_out + count.rejected + count.skipped
        task.saw_all()


def _window(task: Task, keeper: Deferred[Loader], find: FindWindow) -> Window:
    """This load's window of an extractor, found from what its loader kept of the load before."""
    return fixed_window(task.run, task.op, lambda: find(keeper.build().watermark(task.op, task)))


@dataclass(frozen=True)
class Transformation(Step):
    """The Step that is a transformer."""

    transformer: Deferred[Transformer]

    @contextmanager
    def apply(self, rows: pa.RecordBatchReader, book: Book) -> Iterator[pa.RecordBatchReader]:
        """Build the transformer, hold it against the columns, and put it behind `rows`."""
        with self.transformer.task(book) as task:
            transformer = self.transformer.build()
            with options_of(task.op):
                task.schema = schema = transformer.bind(rows.schema)
                task.origins = transformer.origins(rows.schema)
            changed = transformer.apply(counted_in(rows, task), task)
            if changed.schema != schema:
                raise DataError(f"{task.op}: gives columns {changed.schema} where {schema} were announced")
            yield pa.RecordBatchReader.from_batches(schema, counted_out(changed, task))


@contextmanager
def options_of(op: str) -> Iterator[None]:
    """A mistake that the block finds says where in the job file its option stands."""
    try:
        yield
    except ConfigError as error:
        prefix = f"jobs.{op}.options"
        raise ConfigError(replace(it, path=f"{prefix}.{it.path}".rstrip(".")) for it in error.problems) from None
