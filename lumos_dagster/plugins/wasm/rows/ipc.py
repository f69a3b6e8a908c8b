"""Arrow IPC streams to and from a guest."""

from collections.abc import Callable

import pyarrow as pa
from pyarrow import types

from lumos_dagster.conversion.kinds import Array


def to_ipc(rows: pa.RecordBatch) -> bytes:
    """A stream of one batch, in the plainest layout: text with 32-bit offsets, no dictionaries, nothing compressed."""
    columns = [_plain(column) for column in rows.columns]
    fields = [field.with_type(column.type) for field, column in zip(rows.schema, columns, strict=True)]
    schema = pa.schema(fields).with_metadata(rows.schema.metadata)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
    return sink.getvalue().to_pybytes()


def from_ipc(data: bytes, error_of: Callable[[str], Exception]) -> pa.Table:
    """The rows of a stream, each value of them checked, since a guest wrote it. Raises PluginError."""
    try:
        with pa.ipc.open_stream(data) as reader:
            rows = reader.read_all()
        rows.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        raise error_of(f"gave a malformed Arrow stream: {' '.join(str(error).split())}") from None
    return rows


def _plain(column: Array) -> Array:
    kind = column.type
    if isinstance(column, pa.ExtensionArray):
        return _plain(column.storage)
    if isinstance(column, pa.DictionaryArray):
        return _plain(column.dictionary_decode())
    if types.is_large_string(kind) or types.is_string_view(kind):
        return column.cast(pa.string())
    if types.is_large_binary(kind) or types.is_binary_view(kind):
        return column.cast(pa.binary())
    return column
