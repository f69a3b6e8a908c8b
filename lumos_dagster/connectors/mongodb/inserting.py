"""Inserting documents so that the same load sent twice doubles none of them."""

from collections.abc import Mapping
from typing import Any

import bson
from bson.objectid import ObjectId
from bson.raw_bson import RawBSONDocument

from lumos_dagster.connectors.mongodb.bulk import (
    DUPLICATE_KEY,
    UNENCODABLE,
    Complaint,
    Documents,
    Part,
    encodable,
    insert,
    load_key,
    reason,
    without_null_keys,
)
from lumos_dagster.interface import LoadResult, Task

LEDGER = "_lumos_loads"
_CLAIMED_AT_ONCE = 16
"""Parts to a claim: the ledger is written once for so many, before the first of them is sent."""


class Inserting:
    """Sends new documents. A row without an `_id` column gets one made from the load and the row's number.

    Where the rows bring their own `_id`, the ledger remembers up to which row an earlier attempt of this load
    may have come, and which rows it refused: a document that is there already counts as done only for the
    others within that range, and only if it is equal.
    """

    def __init__(self, collection: Documents, place: str, task: Task, *, own_ids: bool, fresh: bool) -> None:
        self._collection = collection
        self._place = place
        self._task = task
        self._own_ids = own_ids
        self._key = load_key(task, (place,))
        self._ledger = collection.database[LEDGER] if own_ids and not fresh else None
        told = (self._ledger.find_one({"_id": self._key}) if self._ledger is not None else None) or {}
        self._earlier: int = told.get("claimed", 0)
        self._refused = frozenset(told.get("refused", ()))
        self._claimed = self._earlier
        self._inserted = 0

    def put(self, part: Part) -> None:
        """Insert the rows of one part."""
        part = self._with_ids(part)
        if not part.numbers:
            return
        self._claim(part)
        try:
            complaints = insert(self._collection, part.documents, self._place)
        except UNENCODABLE:
            # Of very large parts the driver may have sent a piece before it met the document that it cannot send.
            self._earlier = max(self._earlier, part.numbers[-1])
            part = encodable(part, self._task)
            complaints = insert(self._collection, part.documents, self._place) if part.numbers else {}
        refused = self._not_done(part, complaints)
        if refused and self._ledger is not None:
            numbers = [part.numbers[place] for place in refused]
            self._ledger.update_one({"_id": self._key}, {"$addToSet": {"refused": {"$each": numbers}}})
        part = part.without({place: reason(complaint) for place, complaint in refused.items()}, self._task)
        self._inserted += len(part.numbers)
        self._task.accept(part.batch)

    @property
    def result(self) -> LoadResult:
        """What became of the rows so far."""
        return LoadResult(inserted=self._inserted)

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

    def _claim(self, part: Part) -> None:
        last = part.numbers[-1]
        if self._ledger is None or last <= self._claimed:
            return
        self._claimed = last + (_CLAIMED_AT_ONCE - 1) * len(part.numbers)
        run = self._task.run
        about = {"load": run.load_id, "job": run.job, "op": self._task.op, "target": self._place}
        self._ledger.update_one({"_id": self._key}, {"$max": {"claimed": self._claimed}, "$set": about}, upsert=True)

    def _not_done(self, part: Part, complaints: Mapping[int, Complaint]) -> dict[int, Complaint]:
        """The complaints without those that only say that an earlier attempt did it."""
        repeated = {
            place for place, complaint in complaints.items() if self._may_be_ours(part.numbers[place], complaint)
        }
        if self._own_ids and repeated:
            ids = [part.documents[place]["_id"] for place in repeated]
            stored = {bytes(document.raw) for document in self._stored(ids)}
            repeated = {place for place in repeated if bson.encode(part.documents[place]) in stored}
        return {place: complaint for place, complaint in complaints.items() if place not in repeated}

    def _may_be_ours(self, number: int, complaint: Complaint) -> bool:
        by_id = dict(complaint.get("keyPattern") or {}) == {"_id": 1} or " index: _id_ " in str(complaint["errmsg"])
        earlier = number <= self._earlier and number not in self._refused
        return complaint["code"] == DUPLICATE_KEY and by_id and (not self._own_ids or earlier)

    def _stored(self, ids: list[Any]) -> list[RawBSONDocument]:
        options = self._collection.codec_options.with_options(document_class=RawBSONDocument)
        return list(self._collection.with_options(codec_options=options).find({"_id": {"$in": ids}}))
