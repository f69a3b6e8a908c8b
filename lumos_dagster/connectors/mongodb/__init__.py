"""MongoDB: collections and aggregation pipelines read as Arrow batches, rows written as documents."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Annotated, Any, Literal, Self

import pyarrow as pa
from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, model_validator

from lumos_dagster.connectors.mongodb.marks import Mark
from lumos_dagster.interface import ConnectionString, Extractor, Loader, LoadResult, Task, Texts
from lumos_dagster.values import Raw, has_placeholder


def _from_json(value: Any) -> Any:
    """Filters and pipelines may be written as YAML or as the JSON text that other tools show."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"must be a mapping, or JSON text; at {place} of it: {error.msg}") from None


def _extended(value: Any) -> Any:
    """Hold what names BSON types against extended JSON; the driver is imported only where there is some."""
    if value is not None and any(name in _TYPED for name in _names(value)) and not has_placeholder(value):
        from lumos_dagster.connectors.mongodb.extended import bson_value

        bson_value(value)
    return value


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from value
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _names(item)


def _as_directions(value: Any) -> Any:
    words = {"asc": 1, "desc": -1}
    if isinstance(value, str):
        return {value: 1}
    if isinstance(value, Mapping):
        return {name: words.get(str(direction).lower(), direction) for name, direction in value.items()}
    return value


_TYPED = {"$oid", "$date", "$uuid", "$binary", "$timestamp", "$regularExpression"} | {
    f"$number{kind}" for kind in ("Int", "Long", "Double", "Decimal")
}
Json = Annotated[dict[str, Any], BeforeValidator(_from_json), AfterValidator(_extended)]


def _place(connection_string: ConnectionString, database: str, collection: str) -> str:
    """Which collection is meant, without user, password or parameters."""
    # Behind the last @, so that no part of a password shows that was not percent-encoded as it ought to be.
    rest = connection_string.get_secret_value().rpartition("://")[2].rpartition("@")[2]
    return f"mongodb://{re.split('[/?]', rest)[0]}/{database}.{collection}"


def _datasets(options: Mapping[str, Raw]) -> tuple[tuple[str, ...], ...]:
    names = [str(options.get(name, "")) for name in ("database", "collection")]
    address = str(options.get("connection_string", ""))
    server = re.split("[/?]", address.rpartition("://")[2].rpartition("@")[2])[0] if "://" in address else ""
    return (("mongodb", *(part for part in (server.removesuffix(":27017"), *names) if part)),)


class MongoExtractor(Extractor):
    """Reads a collection, or the result of an aggregation pipeline.

    The documents are read once from the server into a temporary file, and the columns are what all of
    them have: a document's fields become columns, nested documents structs, arrays lists. A field that
    is absent is null. Integers are int64, doubles float64, Decimal128 decimals, dates timestamps (ms, UTC),
    ObjectId and UUID text. A field whose values do not share one of these types, or are of none of them, is an
    odd one: it becomes text that holds each value as extended JSON, and is counted. No field is left out.
    A field that is null everywhere is text; an empty collection has only the columns that `projection` lists.

    What a text or binary column was (ObjectId, UUID, extended JSON, a binary subtype) is noted in its metadata, at
    any depth, by which the mongodb loader makes it again what it was; other loaders see plain text. The note stays
    with a column that is kept, moved or renamed, and is gone from one that an operation has changed or made: then
    the loader's `types` says what it is.
    """

    connection_string: ConnectionString
    """`mongodb://user:password@host:27017/?options`, or `mongodb+srv://..`; user and password percent-encoded."""
    database: str = Field(min_length=1)
    """The database's name."""
    collection: str = Field(min_length=1)
    """The collection or view to read."""
    filter: Json = Field(default_factory=dict)
    """Which documents, as a MongoDB query in extended JSON: `{age: {$gt: 21}, _id: {$oid: ..}}`."""
    projection: tuple[str, ...] | Json | None = None
    """Which fields: a list of exactly those wanted, or a MongoDB projection such as `{_id: 0, name: 1}`."""
    sort: Annotated[dict[str, Literal[1, -1]] | None, BeforeValidator(_as_directions)] = None
    """In which order: `{age: desc, name: asc}` (or -1 and 1)."""
    limit: int | None = Field(None, ge=1)
    """At most so many documents."""
    pipeline: Annotated[tuple[dict[str, Any], ...] | None, BeforeValidator(_from_json), AfterValidator(_extended)] = (
        None
    )
    """An aggregation pipeline in extended JSON, instead of filter, projection, sort and limit."""
    batch_size: int = Field(10_000, ge=1)
    """Documents to a round trip and, at most, rows to a batch."""

    @model_validator(mode="after")
    def _pipeline_stands_alone(self) -> Self:
        if self.pipeline is None:
            return self
        if self.filter or self.projection or self.sort or self.limit:
            raise ValueError("pipeline stands alone: put filter, projection, sort and limit into it as stages")
        if any(stage in ("$out", "$merge") for step in self.pipeline for stage in step):
            raise ValueError("an extractor's pipeline only reads: take $out and $merge away and use a loader")
        return self

    @classmethod
    def datasets(cls, options: Mapping[str, Raw]) -> tuple[tuple[str, ...], ...]:
        """The collection, behind its server and database."""
        return _datasets(options)

    def read(self, task: Task) -> AbstractContextManager[pa.RecordBatchReader]:
        """Read all documents in bounded memory."""
        from lumos_dagster.connectors.mongodb.reading import read

        return read(self, task)

    def location(self) -> str:
        """Which collection is read."""
        return _place(self.connection_string, self.database, self.collection)


class MongoLoader(Loader):
    """Writes each row as a document: structs as nested documents, lists as arrays.

    Decimals become Decimal128 (of a value's digits, zeros behind the last are not kept apart), dates and timestamps
    BSON dates (which hold milliseconds: a finer value is a bad row, a timestamp without a zone is taken as UTC, a
    date as its midnight), times ISO text, nulls null. What came from MongoDB becomes the type that it had.
    """

    connection_string: ConnectionString
    """As the extractor's."""
    database: str = Field(min_length=1)
    """The database's name."""
    collection: str = Field(min_length=1)
    """The collection to write; made if it does not exist."""
    mode: Literal["insert", "update", "upsert", "replace"] = "insert"
    """insert: new documents. update: `$set` by key, rows that meet no document are counted. upsert: the same, but
    those are inserted. replace: afterwards the collection holds exactly these rows, its indexes kept.

    insert and replace give a row without an `_id` column an ObjectId made from load, op and row number, so that
    a retry finds what is there already. replace fills a collection named `_lumos_..` and renames it; the next
    replace drops what a killed one has left. Of two at the same time, the one that began later wins.
    """
    key_field: Texts = Field(("_id",), validation_alias=AliasChoices("key_field", "key_fields"), min_length=1)
    """By which field or fields update and upsert find a document; a dot leads into nested documents.

    A key that is twice in the input: the last row wins, and the others are counted as merged. A null key is a bad row.
    """
    types: dict[str, Mark] = Field(default_factory=dict)
    """What text columns are: `objectId`, `uuid`, `json` (extended JSON: any value, document or array), or `string`."""
    batch_size: int = Field(1000, ge=1, le=100_000)
    """Documents to a round trip."""

    @classmethod
    def datasets(cls, options: Mapping[str, Raw]) -> tuple[tuple[str, ...], ...]:
        """The collection, behind its server and database."""
        return _datasets(options)

    @property
    def atomic(self) -> bool:
        """Only replace is all or nothing: it is written beside and renamed over."""
        return self.mode == "replace"

    def target(self) -> tuple[str, ...]:
        """The collection's place and name."""
        return ("mongodb", self.location())

    def write(self, rows: pa.RecordBatchReader, task: Task) -> LoadResult:
        """Write all rows; see the class and its modes."""
        from lumos_dagster.connectors.mongodb.writing import write

        return write(self, rows, task)

    def location(self) -> str:
        """Which collection is written."""
        return _place(self.connection_string, self.database, self.collection)
