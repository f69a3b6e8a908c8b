"""Writing MongoDB: the rows in parts of `batch_size`, each sent the way its mode asks for."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pymongo.errors import PyMongoError

from lumos_dagster.connectors.mongodb.bulk import Documents, Part, load_key
from lumos_dagster.connectors.mongodb.client import Client, connected
from lumos_dagster.connectors.mongodb.documents import columns_of, fitting
from lumos_dagster.connectors.mongodb.inserting import Inserting
from lumos_dagster.connectors.mongodb.updating import Updating, check_keys
from lumos_dagster.errors import TerminalError
from lumos_dagster.interface import LoadResult, Task

if TYPE_CHECKING:
    from lumos_dagster.connectors.mongodb import MongoLoader


def write(options: "MongoLoader", rows: pa.RecordBatchReader, task: Task) -> LoadResult:
    """Write all rows in the loader's mode."""
    columns = columns_of(rows.schema)
    if options.mode in ("update", "upsert"):
        check_keys(rows.schema.names, options.keys)
    place = options.location()
    with connected(options.connection_string, place, task) as client, _mode(options, client, rows.schema, task) as mode:
        first = 1
        for batch in _regrouped(rows, options.batch_size):
            task.cancellation.check()
            mode.put(Part(*fitting(batch, columns, first, task)))
            first += batch.num_rows
        task.cancellation.check()
    return mode.result


def _regrouped(rows: pa.RecordBatchReader, size: int) -> Iterator[pa.RecordBatch]:
    """The rows in batches of `size`, however they came: a round trip is dear, and merging must not hang on it."""
    pending: list[pa.RecordBatch] = []
    missing = size
    for batch in rows:
        start = 0
        while batch.num_rows - start >= missing:
            yield _joined([*pending, batch.slice(start, missing)])
            start, missing, pending = start + missing, size, []
        if start < batch.num_rows:
            pending.append(batch.slice(start))
            missing -= batch.num_rows - start
    if pending:
        yield _joined(pending)


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return pa.Table.from_batches(batches).combine_chunks().to_batches()[0]


@contextmanager
def _mode(options: "MongoLoader", client: Client, schema: pa.Schema, task: Task) -> Iterator[Inserting | Updating]:
    collection = client[options.database][options.collection]
    own_ids = "_id" in schema.names
    place = options.location()
    match options.mode:
        case "insert":
            yield Inserting(collection, place, task, own_ids=own_ids, fresh=False)
        case "replace":
            with _beside(collection, place, task) as beside:
                yield Inserting(beside, place, task, own_ids=own_ids, fresh=True)
        case "update" | "upsert":
            yield Updating(collection, place, task, options.keys, upsert=options.mode == "upsert")


@contextmanager
def _beside(collection: Documents, place: str, task: Task) -> Iterator[Documents]:
    """An empty collection with the options and indexes of the target, renamed over it when the block ends well.

    Its name is the load's, so that the next attempt finds and drops what a killed one left.
    """
    database = collection.database
    beside = database[f"_lumos_{load_key(task, (place,))[:24]}"]
    beside.drop()
    none: dict[str, Any] = {"type": "collection", "options": {}}
    found = next(iter(database.list_collections(filter={"name": collection.name})), none)
    if found["type"] != "collection":
        raise TerminalError(f"{place} is a {found['type']}, which cannot be replaced: name a plain collection")
    database.create_collection(beside.name, **found["options"])
    try:
        indexes = [
            {name: value for name, value in index.items() if name not in ("v", "ns")}
            for index in collection.list_indexes()
            if index["name"] != "_id_"
        ]
        if indexes:
            database.command("createIndexes", beside.name, indexes=indexes)
        yield beside
        task.cancellation.check()
        beside.rename(collection.name, dropTarget=True)
    except BaseException:
        with suppress(PyMongoError):
            beside.drop()
        raise
