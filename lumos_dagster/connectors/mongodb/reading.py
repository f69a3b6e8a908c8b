"""Reading MongoDB: the server's documents go to a temporary file, then to Arrow in the shape of them all."""

import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import bson
import pyarrow as pa
from bson.codec_options import CodecOptions, DatetimeConversion

from lumos_dagster.connectors.mongodb.client import Client, connected
from lumos_dagster.connectors.mongodb.extended import bson_value
from lumos_dagster.connectors.mongodb.shapes import Shape
from lumos_dagster.errors import TerminalError
from lumos_dagster.interface import Task

if TYPE_CHECKING:
    from lumos_dagster.connectors.mongodb import MongoExtractor

_IN_MEMORY = 8 << 20
_SIZE = struct.Struct("<I")
# Dates as plain milliseconds: a year that Python's datetime lacks is still a date.
_CODEC: CodecOptions[dict[str, Any]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)


@contextmanager
def read(options: "MongoExtractor", task: Task) -> Iterator[pa.RecordBatchReader]:
    """Two passes, one of them over the server: the first keeps the documents and finds their shape."""
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as kept:
        with connected(options.connection_string, options.location(), task) as client:
            shape = _keep(options, client, kept, task)
        for name, field in shape.fields.items():
            for path, values in field.odd_paths(name):
                task.count.notes[f"{path}: values of no common type kept as JSON text"] = values
        kept.seek(0)
        schema = pa.schema([field.field(name) for name, field in shape.fields.items()])
        yield pa.RecordBatchReader.from_batches(schema, _batches(kept, shape, schema, options.batch_size))


def _keep(options: "MongoExtractor", client: Client, kept: IO[bytes], task: Task) -> Shape:
    shape = Shape.of_rows(_named(options))
    seen = 0
    for raw in _raw_batches(options, client):
        task.cancellation.check()
        if not raw:
            continue
        kept.write(_SIZE.pack(len(raw)))
        kept.write(raw)
        documents = bson.decode_all(raw, _CODEC)
        shape.see_documents(documents)
        seen += len(documents)
    if not seen:
        _check_collection(options, client)
    return shape


def _raw_batches(options: "MongoExtractor", client: Client) -> Iterator[bytes]:
    collection = client[options.database][options.collection]
    if options.pipeline is not None:
        stages = [bson_value(stage) for stage in options.pipeline]
        with collection.aggregate_raw_batches(stages, batchSize=options.batch_size, allowDiskUse=True) as cursor:
            yield from cursor
        return
    found = collection.find_raw_batches(
        bson_value(options.filter),
        _projection(options),
        sort=list(options.sort.items()) if options.sort else None,
        limit=options.limit or 0,
        batch_size=options.batch_size,
    )
    with found as cursor:
        yield from cursor


def _named(options: "MongoExtractor") -> list[str]:
    """The columns that were asked for by name, which are there in any case and in that order."""
    if not isinstance(options.projection, tuple):
        return []
    return list(dict.fromkeys(name.partition(".")[0] for name in options.projection))


def _projection(options: "MongoExtractor") -> Any:
    if isinstance(options.projection, tuple):
        return {"_id": 0} | dict.fromkeys(options.projection, 1)
    return None if options.projection is None else bson_value(options.projection)


def _check_collection(options: "MongoExtractor", client: Client) -> None:
    """MongoDB reads a collection that is not there as an empty one; to a user that is a mistake."""
    names = client[options.database].list_collection_names(authorizedCollections=True)
    if options.collection not in names:
        there = ", ".join(sorted(names)) or "none"
        raise TerminalError(f"{options.location()}: there is no such collection; in the database: {there}")


def _batches(kept: IO[bytes], shape: Shape, schema: pa.Schema, most: int) -> Iterator[pa.RecordBatch]:
    columns = [(name, field.converter(), schema.field(name).type) for name, field in shape.fields.items()]
    while head := kept.read(_SIZE.size):
        documents = bson.decode_all(kept.read(_SIZE.unpack(head)[0]), _CODEC)
        for start in range(0, len(documents), most):
            part = documents[start : start + most]
            arrays = []
            for name, convert, kind in columns:
                values = [document.get(name) for document in part]
                if convert:
                    values = [None if value is None else convert(value) for value in values]
                arrays.append(pa.array(values, kind))
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)
