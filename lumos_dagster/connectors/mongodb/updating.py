"""Changing documents by key: update what is there, or insert it where it is not."""

from typing import Any

import bson
from bson.raw_bson import RawBSONDocument
from pymongo import UpdateOne

from lumos_dagster.connectors.mongodb.bulk import Documents, Operation, Part, encoded, reason, send, without_null_keys
from lumos_dagster.errors import ConfigError, DataError
from lumos_dagster.interface import LoadResult, Task


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
        self._counts = {"inserted": 0, "updated": 0, "unchanged": 0, "merged": 0, "unmatched": 0, "bytes": 0}
        if keys != ("_id",):
            self._see_to_index()

    def put(self, part: Part) -> None:
        """Update or insert by the rows of one part."""
        part = without_null_keys(part, self._keys, self._task)
        part = self._last_of_each_key(part)
        part, raw = encoded(part, self._task)
        if not raw:
            return
        operations: list[Operation] = [
            UpdateOne(self._filter(document), {"$set": self._changes(document)}, upsert=self._upsert)
            for document in part.documents
        ]
        result, complaints = send(self._collection, operations, self._place)
        part = part.without({place: reason(complaint) for place, complaint in complaints.items()}, self._task)
        unmatched = len(part.numbers) - result.matched_count - result.upserted_count
        if unmatched:
            there = self._keys_there(part)
            part = part.where(lambda place: self._key(part.documents[place]) in there)
        self._counts["inserted"] += result.upserted_count
        self._counts["updated"] += result.modified_count
        self._counts["unchanged"] += result.matched_count - result.modified_count
        self._counts["unmatched"] += unmatched
        self._counts["bytes"] += sum(len(document.raw) for document in raw)
        self._task.accept(part.batch)

    @property
    def result(self) -> LoadResult:
        """What became of the rows so far."""
        return LoadResult(**self._counts)

    def _last_of_each_key(self, part: Part) -> Part:
        """Without order among the operations of a bulk write, a key may stand in it only once: the last row wins."""
        last = {self._key(document): place for place, document in enumerate(part.documents)}
        self._counts["merged"] += len(part.documents) - len(last)
        places = set(last.values())
        return part.where(lambda place: place in places)

    def _key(self, document: dict[str, Any]) -> bytes:
        return bson.encode({key: document.get(key) for key in self._keys})

    def _filter(self, document: dict[str, Any]) -> dict[str, Any]:
        return {key: {"$eq": document[key]} for key in self._keys}

    def _changes(self, document: dict[str, Any]) -> RawBSONDocument:
        others = {name: value for name, value in document.items() if name not in self._keys}
        return RawBSONDocument(bson.encode(others or document))

    def _keys_there(self, part: Part) -> set[bytes]:
        if len(self._keys) == 1:
            wanted: dict[str, Any] = {self._keys[0]: {"$in": [document[self._keys[0]] for document in part.documents]}}
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


def check_keys(names: list[str], keys: tuple[str, ...]) -> None:
    """Hold the columns against the key fields, before anything is written."""
    if missing := [key for key in keys if key not in names]:
        raise ConfigError(f"key_field {', '.join(missing)} is not among the columns: {', '.join(names)}")
    if special := [name for name in names if "." in name or name.startswith("$")]:
        raise DataError(
            f"column {special[0]!r}: an update takes a dot for a path and $ for an operator; rename it (rename_field)"
        )
