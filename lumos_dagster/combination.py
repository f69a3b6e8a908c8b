"""What becomes of rows where parents meet apart, or where a child takes a part of them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from lumos_dagster.accounting import Book, Count, Task
from lumos_dagster.counting import counted_in, counted_out
from lumos_dagster.errors import DataError
from lumos_dagster.interface import Combiner, Deferred, options_of
from lumos_dagster.relation import Relation, Source, Step

OUTPUT = "_lumos_output"
"""The column in which parted rows carry the name of the output that they are for, until a child takes them."""


@dataclass(frozen=True)
class Combination(Source):
    """The Source that is a combiner over the rows of other relations, each known by a name."""

    combiner: Deferred[Combiner]
    inputs: tuple[tuple[str, Relation], ...]

    @contextmanager
    def open(self, book: Book) -> Iterator[pa.RecordBatchReader]:
        """Open every input, hold the combiner against their columns, and give what it makes of the rows."""
        with ExitStack() as stack:
            opened = {name: stack.enter_context(relation.open(book)) for name, relation in self.inputs}
            task = stack.enter_context(self.combiner.task(book))
            combiner = self.combiner.build()
            with options_of(task.op):
                schemas = {name: rows.schema for name, rows in opened.items()}
                announced = combiner.bind(schemas)
                task.origins = combiner.origins(schemas)
                rows = stack.enter_context(
                    combiner.combine({name: counted_in(rows, task) for name, rows in opened.items()}, task)
                )
            if announced is not None and rows.schema != announced:
                raise DataError(f"{task.op}: gives columns {rows.schema} where {announced} were announced")
            task.schema = rows.schema
            yield pa.RecordBatchReader.from_batches(rows.schema, _settled(rows, task, combiner.balanced))


def _settled(rows: pa.RecordBatchReader, task: Task, balanced: bool) -> Iterator[pa.RecordBatch]:
    yield from counted_out(rows, task)
    if not balanced:
        _settle(task.count)


def _settle(count: Count) -> None:
    """Rows of which nobody knows what became: what is more than came in was made, what is less was merged."""
    more = count.rows_out - count.rows_in
    count.made, count.merged = max(more, 0), max(-more, 0)


@dataclass(frozen=True)
class Pick(Step):
    """The Step that takes one output's rows out of those that a transformer has parted."""

    output: str

    @contextmanager
    def apply(self, rows: pa.RecordBatchReader, book: Book) -> Iterator[pa.RecordBatchReader]:
        """The rows of that output, without the column that says so."""
        place = rows.schema.get_field_index(OUTPUT)
        schema = rows.schema.remove(place)
        picked = (batch.filter(pc.equal(batch.column(place), pa.scalar(self.output))) for batch in rows)
        taken = (batch.remove_column(place) for batch in picked if batch.num_rows)
        yield pa.RecordBatchReader.from_batches(schema, taken)
