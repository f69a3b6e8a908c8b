"""What transformers that stand on the engine share: their tables, their query, and what comes out of it."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from lumos_dagster.accounting import Task
from lumos_dagster.conversion.kinds import Array
from lumos_dagster.errors import DataError
from lumos_dagster.interface import Combiner
from lumos_dagster.lineage import Origins, within
from lumos_dagster.transforms.columns import Columns
from lumos_dagster.transforms.engine import Engine, Memory, as_type, opened

Finish = Callable[[Sequence[Array]], Sequence[Array]]
"""What is still to be done to the columns of a batch that a query gives."""


@dataclass(frozen=True)
class Query:
    """A query of our own making over tables t0, t1, .. with columns c0, c1, .., so that any name may stand in rows.

    Its columns become those of `schema`, in order. Where it is `folding`, one column more says of
    how many rows that came in each row was made.
    """

    sql: str
    schema: pa.Schema
    folding: bool = False
    finish: Finish = list


class Queried(Combiner):
    """A transformer that is a query over its inputs."""

    keeps_columns: ClassVar[bool] = False
    """Whether each column that comes out holds values of the input's column of that name, and no others."""
    memory_limit: Memory = "1GB"
    """How much memory may be used, such as 512MB; beyond it rows are kept on the disk."""

    def needed(self, schema: pa.Schema) -> Sequence[str]:
        """Which of an input's columns are read, of those that there are; at least one where there is any."""
        return list(schema.names)

    @abstractmethod
    def query(self, inputs: Mapping[str, Columns]) -> Query:
        """The query over these columns. Raises ConfigError."""

    def bind(self, inputs: Mapping[str, pa.Schema]) -> pa.Schema:
        """The columns that come out; ConfigError for a missing field, a wrong type, a clash."""
        query = self._query(inputs)
        with opened(self.memory_limit) as engine:
            _create(engine, inputs)
        return query.schema

    def origins(self, inputs: Mapping[str, pa.Schema]) -> Origins | None:
        """Each column is itself, where columns are kept."""
        if not self.keeps_columns:
            return None
        ((name, schema),) = inputs.items()
        return Origins({column: (within(name, column),) for column in schema.names})

    @contextmanager
    def combine(self, inputs: Mapping[str, pa.RecordBatchReader], task: Task) -> Iterator[pa.RecordBatchReader]:
        """Read every input to its end, then give what the query makes of the rows."""
        needed = {name: _selected(rows, self.needed(rows.schema)) for name, rows in inputs.items()}
        schemas = {name: rows.schema for name, rows in needed.items()}
        query = self._query(schemas)

        def batches() -> Iterator[pa.RecordBatch]:
            for number, rows in enumerate(needed.values()):
                engine.fill(f"t{number}", rows)
            for batch in engine.rows(query.sql):
                yield _finished(batch, query, task)

        with opened(self.memory_limit, task) as engine:
            _create(engine, schemas)
            yield pa.RecordBatchReader.from_batches(query.schema, batches())

    def _query(self, inputs: Mapping[str, pa.Schema]) -> Query:
        return self.query({name: Columns(schema) for name, schema in inputs.items()})


def _selected(rows: pa.RecordBatchReader, names: Sequence[str]) -> pa.RecordBatchReader:
    if list(names) == rows.schema.names:
        return rows
    schema = pa.schema([rows.schema.field(name) for name in names])
    return pa.RecordBatchReader.from_batches(schema, (batch.select(list(names)) for batch in rows))


def _create(engine: Engine, schemas: Mapping[str, pa.Schema]) -> None:
    for number, schema in enumerate(schemas.values()):
        engine.create(f"t{number}", schema, [f"c{place}" for place in range(len(schema))])


def _finished(batch: pa.RecordBatch, query: Query, task: Task) -> pa.RecordBatch:
    columns: Sequence[Array] = batch.columns
    if query.folding:
        folded = columns[-1].to_numpy().astype("int64") - 1
        task.count.merged += int(folded[folded > 0].sum())
        task.count.made += int(-folded[folded < 0].sum())
        columns = columns[:-1]
    fitted: list[Array] = []
    for values, field in zip(query.finish(columns), query.schema, strict=True):
        try:
            fitted.append(as_type(values, field.type))
        except DataError as error:
            raise DataError(f"{task.op}: field {field.name!r}: {error}") from None
    return pa.RecordBatch.from_arrays(fitted, schema=query.schema)
