"""The `filter` transformer: keeps the rows that match."""

import pyarrow as pa

from lumos_dagster.interface import Task, Transformer
from lumos_dagster.lineage import Origins
from lumos_dagster.transforms.columns import Columns
from lumos_dagster.transforms.operation import run_all
from lumos_dagster.transforms.predicate import Predicate


class Filter(Predicate, Transformer):
    """Keeps the rows that match `condition: "value > 0"`, or `field`, `operator` and `value`."""

    def bind(self, schema: pa.Schema) -> pa.Schema:
        """The same columns; ConfigError for a field that is not there or cannot be compared so."""
        self.step(Columns(schema))
        return Columns(schema).schema

    def origins(self, schema: pa.Schema) -> Origins:
        """Each column is itself."""
        return Columns(schema).origins

    def apply(self, rows: pa.RecordBatchReader, task: Task) -> pa.RecordBatchReader:
        """The rows that match; the others are counted as filtered."""
        columns = Columns(rows.schema)
        return run_all(rows, columns.schema, [self.step(columns)], task)
