"""Changing documents by key: update what is there, or insert it where it is not."""

import math
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import bson
import pyarrow as pa
from bson import Decimal128
from pymongo import UpdateOne

from lumos_dagster.connectors.mongodb.bulk import (
    UNENCODABLE,
    Documents,
    Part,
    encodable,
    reason,
    update,
    value_at,
    without_null_keys,
)
from lumos_dagster.errors import ConfigError, DataError
from lumos_dagster.interface import LoadResult, Task

Keyed = tuple[pa.RecordBatch, list[int], list[bytes]]


class Updating:
    """Sets the fields of the document that has the row's key; `upsert` inserts where there is none.

    Sent again, it changes nothing, so a retry needs no ledger.
    """

    def __init__(self, collection: Documents, place: str, task: Task, keys: tuple[str, ...], *, upsert: bool) -> None:
        self._collection = collection
        self._place = place
        self._task = task
        self._keys = keys
        self._upsert = upsert
        self._counts = {"inserted": 0, "updated": 0, "unchanged": 0, "merged": 0, "unmatched": 0}
        if keys != ("_id",):
            self._see_to_index()

    def put(self, part: Part) -> None:
        """Update or insert by the rows of one part, in which each key stands once."""
        try:
            result, complaints = update(self._collection, self._operations(part), self._place)
        except UNENCODABLE:  # what was sent before may be sent again
            part = encodable(part, self._task)
            if not part.numbers:
                return
            result, complaints = update(self._collection, self._operations(part), self._place)
        part = part.without({place: reason(complaint) for place, complaint in complaints.items()}, self._task)
        unmatched = len(part.numbers) - result.matched_count - result.upserted_count
        if unmatched:
            there = self._keys_there(part)
            part = part.where(lambda place: self._key(part.documents[place]) in there)
        self._counts["inserted"] += result.upserted_count
        self._counts["updated"] += result.modified_count
        self._counts["unchanged"] += result.matched_count - result.modified_count
        self._counts["unmatched"] += unmatched
        self._task.accept(part.batch)

    def keyed(self, parts: Iterable[Part]) -> Iterator[Keyed]:
        """The rows whose key is whole, with their numbers and keys."""
        for part in parts:
            whole = without_null_keys(part, self._keys, self._task)
            yield whole.batch, whole.numbers, [self._key(document) for document in whole.documents]

    def merged(self, rows: int) -> None:
        """Count rows that a later one with the same key stands for."""
        self._counts["merged"] += rows

    @property
    def result(self) -> LoadResult:
        """What became of the rows so far."""
        return LoadResult(**self._counts)

    def _operations(self, part: Part) -> list[UpdateOne]:
        return [
            UpdateOne(self._filter(document), {"$set": self._changes(document)}, upsert=self._upsert)
            for document in part.documents
        ]

    def _key(self, document: dict[str, Any]) -> bytes:
        return bson.encode({key: _comparable(value_at(document, key)) for key in self._keys})

    def _filter(self, document: dict[str, Any]) -> dict[str, Any]:
        return {key: {"$eq": value_at(document, key)} for key in self._keys}

    def _changes(self, document: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in document.items() if name not in self._keys} or document

    def _keys_there(self, part: Part) -> set[bytes]:
        if len(self._keys) == 1:
            (key,) = self._keys
            wanted: dict[str, Any] = {key: {"$in": [value_at(document, key) for document in part.documents]}}
        else:
            wanted = {"$or": [self._filter(document) for document in part.documents]}
        found = self._collection.find(wanted, {"_id": 0} | dict.fromkeys(self._keys, 1))
        return {self._key(document) for document in found}

    def _see_to_index(self) -> None:
        """Without an index that begins with the key, each row would read the whole collection."""
        leading = [next(iter(index["key"])) for index in self._collection.list_indexes()]
        if any(name in self._keys for name in leading):
            return
        if self._upsert and self._collection.estimated_document_count() == 0:
            self._collection.create_index([(key, 1) for key in self._keys], unique=True)
            return
        names = ", ".join(self._keys)
        self._task.log(
            f"{self._task.op}: {self._place} has no index on {names}, so each row searches all documents: create one"
        )


def check_keys(schema: pa.Schema, keys: tuple[str, ...]) -> None:
    """Hold the columns against the key fields, before anything is written."""
    if missing := [key for key in keys if not _has(schema, key)]:
        raise ConfigError(f"key_field {', '.join(missing)} is not among the columns: {', '.join(schema.names)}")
    if special := [name for name in schema.names if "." in name or name.startswith("$") or not name]:
        raise DataError(
            f"column {special[0]!r}: an update takes a dot for a path, $ for an operator and no empty name; "
            "rename it (rename_field)"
        )


def _has(schema: pa.Schema, path: str) -> bool:
    first, *others = path.split(".")
    if first not in schema.names:
        return False
    kind = schema.field(first).type
    for name in others:
        if not isinstance(kind, pa.StructType) or kind.get_field_index(name) < 0:
            return False
        kind = kind.field(name).type
    return True


def _comparable(value: Any) -> Any:
    """The value so that what MongoDB takes as equal is equal: 1, 1.0 and the decimal 1.00; 0.0 and -0.0."""
    number = value.to_decimal() if isinstance(value, Decimal128) else value
    if isinstance(number, bool) or not isinstance(number, int | float | Decimal):
        return value
    return {"": str(int(number))} if math.isfinite(number) and number == int(number) else value
