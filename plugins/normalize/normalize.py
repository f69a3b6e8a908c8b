"""The shared transformation in Python: a text column lowercased in ASCII and trimmed of spaces."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from lumos_dagster.errors import ConfigError, Problem
from lumos_dagster.interface import Task, Transformer


class Normalize(Transformer):
    """Writes to a column the value of a text column, ASCII letters lowercased, surrounding spaces trimmed."""

    field: str
    """The text column to read."""
    to: str
    """The column to write; one that is there already is replaced."""

    def bind(self, schema: pa.Schema) -> pa.Schema:
        """The columns, with the one that is written."""
        if self.field not in schema.names:
            raise ConfigError(Problem(f"there is no column {self.field!r}", path="field", allowed=tuple(schema.names)))
        kind = schema.field(self.field).type
        if not pa.types.is_string(kind):
            raise ConfigError(Problem(f"the column {self.field!r} is {kind}, not text", path="field"))
        place = schema.get_field_index(self.to)
        written = pa.field(self.to, pa.string())
        return schema.append(written) if place < 0 else schema.set(place, written)

    def apply(self, rows: pa.RecordBatchReader, task: Task) -> pa.RecordBatchReader:
        """The rows, batch by batch."""
        schema = self.bind(rows.schema)
        return pa.RecordBatchReader.from_batches(schema, self._batches(rows, schema))

    def _batches(self, rows: pa.RecordBatchReader, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        for batch in rows:
            normal = pc.utf8_trim(pc.ascii_lower(batch.column(self.field)), " ")
            columns = [normal if name == self.to else batch.column(name) for name in schema.names]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)
