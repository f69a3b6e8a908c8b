"""MongoDB: collections and aggregation pipelines read as Arrow batches, rows written as documents."""

import json
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Annotated, Any, Literal, Self

import pyarrow as pa
from pydantic import AliasChoices, BeforeValidator, Field, model_validator

from lumos_dagster.interface import ConnectionString, Extractor, Loader, LoadResult, Task


def _from_json(value: Any) -> Any:
    """Filters and pipelines may be written as YAML or as the JSON text that other tools show."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError as error:
        raise ValueError(f"must be a mapping, or JSON text; at character {error.pos}: {error.msg}") from None


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _as_directions(value: Any) -> Any:
    words = {"asc": 1, "desc": -1}
    if isinstance(value, str):
        return {value: 1}
    if isinstance(value, Mapping):
        return {name: words.get(str(direction).lower(), direction) for name, direction in value.items()}
    return value


Json = Annotated[dict[str, Any], BeforeValidator(_from_json)]


def _place(connection_string: ConnectionString, database: str, collection: str) -> str:
    """Which collection is meant, without user, password or parameters."""
    # Behind the last @, so that no part of a password shows that was not percent-encoded as it ought to be.
    rest = connection_string.get_secret_value().rpartition("://")[2].rpartition("@")[2]
    return f"mongodb://{re.split('[/?]', rest)[0]}/{database}.{collection}"


class MongoExtractor(Extractor):
    """Reads a collection, or the result of an aggregation pipeline.

    The documents are read once from the server into a temporary file, and the columns are what all of
    them have: a document's fields become columns, nested documents structs, arrays lists. A field that
    is absent is null. Integers are int64, doubles float64, Decimal128 decimals, dates timestamps (ms, UTC),
    ObjectId and UUID text. A field whose values do not share one of these types, or are of none of them, is an
    odd one: it becomes text that holds each value as extended JSON, and is counted. No field is left out.
    A field that is null everywhere is text; an empty collection has no columns.
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
    pipeline: Annotated[tuple[dict[str, Any], ...] | None, BeforeValidator(_from_json)] = None
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

    def read(self, task: Task) -> AbstractContextManager[pa.RecordBatchReader]:
        """Read all documents in bounded memory."""
        from lumos_dagster.connectors.mongodb.reading import read

        return read(self, task)

    def location(self) -> str:
        """Which collection is read."""
        return _place(self.connection_string, self.database, self.collection)


class MongoLoader(Loader):
    """Writes each row as a document: structs as nested documents, lists as arrays.

    Decimals become Decimal128, dates and timestamps BSON dates (which hold milliseconds: a finer value is a bad
    row, a timestamp without a zone is taken as UTC, a date as its midnight), times ISO text, nulls null.
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
    a retry finds what is there already.
    """
    key_field: str | tuple[str, ...] = Field("_id", validation_alias=AliasChoices("key_field", "key_fields"))
    """By which field or fields update and upsert find a document.

    A key that is twice in the input: the last row wins; within one batch the earlier ones are counted as merged.
    """
    batch_size: int = Field(1000, ge=1, le=100_000)
    """Documents to a round trip."""

    @property
    def keys(self) -> tuple[str, ...]:
        """The key fields, one or several."""
        return (self.key_field,) if isinstance(self.key_field, str) else self.key_field

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
