"""Writing MongoDB: the rows in parts of `batch_size`, each sent the way its mode asks for."""

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from lumos_dagster.ahead import numbered
from lumos_dagster.connectors.mongodb.bulk import Documents, Part
from lumos_dagster.connectors.mongodb.client import connected
from lumos_dagster.connectors.mongodb.documents import Column, columns_of, documents_of, fitting
from lumos_dagster.connectors.mongodb.inserting import Inserting
from lumos_dagster.connectors.mongodb.repeats import last_of_each_key
from lumos_dagster.connectors.mongodb.replacing import beside
from lumos_dagster.connectors.mongodb.updating import Updating, check_keys
from lumos_dagster.errors import ConfigError, TerminalError
from lumos_dagster.interface import LoadResult, Task

if TYPE_CHECKING:
    from lumos_dagster.connectors.mongodb import MongoLoader

_PART_BYTES = 32 << 20


def write(options: "MongoLoader", rows: pa.RecordBatchReader, task: Task) -> LoadResult:
    """Write all rows in the loader's mode."""
    columns = columns_of(rows.schema, options.types)
    if options.mode in ("update", "upsert"):
        check_keys(rows.schema, options.key_field)
    with connected(options.connection_string, options.location(), task) as client:
        collection = client[options.database][options.collection]
        found = _target(options, collection)
        with _mode(options, collection, found, task, own_ids="_id" in rows.schema.names) as mode:
            parts = _parts(rows, columns, options.batch_size, task)
            if isinstance(mode, Updating):
                parts = _once_by_key(parts, mode, columns, rows.schema)
            with closing(parts):
                for part in parts:
                    task.cancellation.check()
                    if part.numbers:
                        mode.put(part)
            task.cancellation.check()
    return mode.result


@contextmanager
def _mode(
    options: "MongoLoader", collection: Documents, found: dict[str, Any], task: Task, *, own_ids: bool
) -> Iterator[Inserting | Updating]:
    place = options.location()
    match options.mode:
        case "insert":
            yield Inserting(collection, place, task, own_ids=own_ids, fresh=False)
        case "replace":
            with beside(collection, found, place, task) as ours:
                yield Inserting(ours, place, task, own_ids=own_ids, fresh=True)
        case "update" | "upsert":
            yield Updating(collection, place, task, options.key_field, upsert=options.mode == "upsert")


def _target(options: "MongoLoader", collection: Documents) -> dict[str, Any]:
    """What the server says of the collection, {} where it is not there yet. Raises an error for one we cannot fill."""
    place, replaces = options.location(), options.mode == "replace"
    if not collection.write_concern.acknowledged:
        raise ConfigError("connection_string has w=0, by which no one learns which rows arrived: take it away")
    found = next(iter(collection.database.list_collections(filter={"name": collection.name})), {})
    kind = found.get("type", "collection")
    if kind == "view" or (kind != "collection" and options.mode != "insert"):
        raise TerminalError(f"{place} is a {kind}, which mode {options.mode} cannot write: name a plain collection")
    if replaces and found.get("options", {}).get("capped"):
        raise TerminalError(
            f"{place} is capped, so it would drop rows beyond its size, and replace promises all of them: "
            "use mode insert, or a plain collection"
        )
    if replaces and found and _is_sharded(collection):
        raise TerminalError(f"{place} is sharded, and MongoDB renames nothing over it: use mode upsert, or insert")
    return dict(found)


def _is_sharded(collection: Documents) -> bool:
    database = collection.database
    return database.client.is_mongos and bool(database.command("collStats", collection.name).get("sharded"))


def _parts(rows: pa.RecordBatchReader, columns: list[Column], size: int, task: Task) -> Generator[Part]:
    """The good rows as documents; the others are booked as bad."""
    for some in numbered(_regrouped(rows, size)):
        task.cancellation.check()
        yield Part(*fitting(some.batch, columns, some.first, task))


def _once_by_key(parts: Iterator[Part], mode: Updating, columns: list[Column], schema: pa.Schema) -> Generator[Part]:
    """Without order among the operations of a bulk write a key may stand in it only once: the last row wins."""
    for batch, numbers in last_of_each_key(mode.keyed(parts), schema, mode.merged):
        yield Part(batch, documents_of(batch, columns), numbers)


def _regrouped(rows: pa.RecordBatchReader, size: int) -> Iterator[pa.RecordBatch]:
    """The rows in batches of `size`, however they came, since a round trip is dear; fewer where they are large."""
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
        if sum(part.nbytes for part in pending) > _PART_BYTES:
            yield _joined(pending)
            missing, pending = size, []
    if pending:
        yield _joined(pending)


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    joined: pa.RecordBatch = pa.concat_batches(batches)  # type: ignore[attr-defined] # the stubs lack it
    return joined
