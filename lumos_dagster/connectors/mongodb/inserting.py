"""Inserting documents so that the same load sent twice doubles none of them."""

from collections.abc import Mapping
from typing import Any

from bson.objectid import ObjectId
from bson.raw_bson import RawBSONDocument
from pymongo import InsertOne

from lumos_dagster.connectors.mongodb.bulk import (
    DUPLICATE_KEY,
    Documents,
    Part,
    encoded,
    load_key,
    reason,
    send,
    without_null_keys,
)
from lumos_dagster.interface import LoadResult, Task

LEDGER = "_lumos_loads"


class Inserting:
    """Sends new documents. A row without an `_id` column gets one made from the load and the row's number.

    Where the rows bring their own `_id`, the ledger remembers up to which row an earlier attempt of this load
    may have come: a document that is there already counts as done only within that range, and only if it is equal.
    """

    def __init__(self, collection: Documents, place: str, task: Task, *, own_ids: bool, fresh: bool) -> None:
        self._collection = collection
        self._place = place
        self._task = task
        self._own_ids = own_ids
        self._key = load_key(task, (place,))
        self._ledger = collection.database[LEDGER] if own_ids and not fresh else None
        self._claimed = 0
        if self._ledger is not None:
            self._claimed = (self._ledger.find_one({"_id": self._key}) or {}).get("claimed", 0)
        self._inserted = 0
        self._bytes = 0

    def put(self, part: Part) -> None:
        """Insert the rows of one part."""
        part, raw = encoded(self._with_ids(part), self._task)
        if not raw:
            return
        self._claim(part.numbers[-1])
        _, complaints = send(self._collection, [InsertOne(document) for document in raw], self._place)
        refused = self._not_done(part, raw, complaints)
        self._bytes += sum(len(document.raw) for place, document in enumerate(raw) if place not in refused)
        part = part.without({place: reason(complaint) for place, complaint in refused.items()}, self._task)
        self._inserted += len(part.numbers)
        self._task.accept(part.batch)

    @property
    def result(self) -> LoadResult:
        """What became of the rows so far."""
        return LoadResult(inserted=self._inserted, bytes=self._bytes)

    def _with_ids(self, part: Part) -> Part:
        if self._own_ids:
            part = without_null_keys(part, ("_id",), self._task)
            # The server puts _id first; so do we, that what is stored can be compared with what was sent.
            documents = [{"_id": document.pop("_id"), **document} for document in part.documents]
        else:
            prefix = bytes.fromhex(self._key[:14])
            documents = [
                {"_id": ObjectId(prefix + number.to_bytes(5, "big")), **document}
                for number, document in zip(part.numbers, part.documents, strict=True)
            ]
        return Part(part.batch, documents, part.numbers)

    def _claim(self, last: int) -> None:
        if self._ledger is not None:
            run = self._task.run
            about = {"load": run.load_id, "job": run.job, "op": self._task.op, "target": self._place}
            self._ledger.update_one({"_id": self._key}, {"$max": {"claimed": last}, "$set": about}, upsert=True)

    def _not_done(
        self, part: Part, raw: list[RawBSONDocument], complaints: Mapping[int, Mapping[str, Any]]
    ) -> dict[int, Mapping[str, Any]]:
        """The complaints without those that only say that an earlier attempt did it."""
        repeated = [
            place for place, complaint in complaints.items() if self._may_be_ours(part.numbers[place], complaint)
        ]
        if self._own_ids and repeated:
            ids = [part.documents[place]["_id"] for place in repeated]
            stored = {bytes(document.raw) for document in self._stored(ids)}
            repeated = [place for place in repeated if bytes(raw[place].raw) in stored]
        return {place: complaint for place, complaint in complaints.items() if place not in set(repeated)}

    def _may_be_ours(self, number: int, complaint: Mapping[str, Any]) -> bool:
        by_id = dict(complaint.get("keyPattern") or {}) == {"_id": 1} or " index: _id_ " in str(complaint["errmsg"])
        return complaint["code"] == DUPLICATE_KEY and by_id and (not self._own_ids or number <= self._claimed)

    def _stored(self, ids: list[Any]) -> list[RawBSONDocument]:
        options = self._collection.codec_options.with_options(document_class=RawBSONDocument)
        return list(self._collection.with_options(codec_options=options).find({"_id": {"$in": ids}}))
