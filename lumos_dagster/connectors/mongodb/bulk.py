"""What every write mode shares: a part of the rows as documents, sending them, and what the server refuses."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import bson
import pyarrow as pa
from bson.errors import BSONError
from pymongo import UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, DocumentTooLarge, OperationFailure
from pymongo.results import BulkWriteResult

from lumos_dagster.connectors.mongodb.client import explained
from lumos_dagster.connectors.mongodb.documents import bad_row
from lumos_dagster.errors import LumosError
from lumos_dagster.interface import Task

Documents = Collection[dict[str, Any]]
Complaint = Mapping[str, Any]

LARGEST_DOCUMENT = 16 << 20
DUPLICATE_KEY = 11000
UNENCODABLE = (BSONError, DocumentTooLarge, OverflowError)
"""What the driver raises before it sends anything of a document that it cannot send."""
# Complaints about one document: bad value, wrong type, refused by the validator, key too long, immutable _id ..
_ABOUT_THE_ROW = frozenset(
    {2, 9, 14, 15, 16, 22, 28, 40, 52, 53, 54, 55, 56, 57, 66, 121, 146, 10334, DUPLICATE_KEY, 17280, 17419, 17420}
)


@dataclass(frozen=True)
class Part:
    """Some rows of the input: as they came, as documents, and their row numbers."""

    batch: pa.RecordBatch
    documents: list[dict[str, Any]]
    numbers: list[int]

    def where(self, keep: Callable[[int], bool]) -> "Part":
        """Only the rows at the places that `keep` takes."""
        places = [place for place in range(len(self.numbers)) if keep(place)]
        if len(places) == len(self.numbers):
            return self
        return Part(
            self.batch.take(pa.array(places, pa.int64())),
            [self.documents[place] for place in places],
            [self.numbers[place] for place in places],
        )

    def without(self, reasons: Mapping[int, tuple[str, str]], task: Task) -> "Part":
        """Only the good rows; the bad ones, place -> (field, reason), are booked.

        A document that the server refuses as a whole has no value that could be made null, so `null` fails here.
        """
        if not reasons:
            return self
        bad = (bad_row(self.batch, place, self.numbers[place], *reason) for place, reason in sorted(reasons.items()))
        task.bad_rows(bad, len(reasons), "fail" if task.on_error == "null" else None)
        return self.where(lambda place: place not in reasons)


def value_at(document: Mapping[str, Any], path: str) -> Any:
    """The value of a field, which a dot may lead into nested documents to; None where there is none."""
    value: Any = document
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def without_null_keys(part: Part, keys: tuple[str, ...], task: Task) -> Part:
    """The rows whose key is whole."""
    nulls = {
        place: (key, "the key is null")
        for place, document in enumerate(part.documents)
        for key in keys
        if value_at(document, key) is None
    }
    return part.without(nulls, task)


def encodable(part: Part, task: Task) -> Part:
    """The rows that make a document the server can take; asked where the driver has refused one of them."""
    reasons: dict[int, tuple[str, str]] = {}
    for place, document in enumerate(part.documents):
        try:
            size = len(bson.encode(document))
        except UNENCODABLE as error:
            reasons[place] = ("", f"not a BSON document: {error}")
            continue
        if size > LARGEST_DOCUMENT:
            reasons[place] = ("", f"the document has {size} bytes, MongoDB takes at most {LARGEST_DOCUMENT}")
    return part.without(reasons, task)


def insert(collection: Documents, documents: Sequence[dict[str, Any]], place: str) -> dict[int, Complaint]:
    """Insert them all, in no order; gives the server's complaint for each document that it refused.

    Raises TransientError or TerminalError where the complaint is not about the row.
    """
    try:
        collection.insert_many(documents, ordered=False)
    except BulkWriteError as error:
        return _complaints(error, place)[1]
    return {}


def update(
    collection: Documents, operations: Sequence[UpdateOne], place: str
) -> tuple[BulkWriteResult, dict[int, Complaint]]:
    """Run them all, in no order: the counts, and the complaints as `insert` gives them."""
    try:
        return collection.bulk_write(operations, ordered=False), {}
    except BulkWriteError as error:
        return _complaints(error, place)


def reason(complaint: Complaint) -> tuple[str, str]:
    """The field and the text of one complaint."""
    field = next(iter(complaint.get("keyPattern") or ()), "")
    text = "a document with this key is there already" if complaint["code"] == DUPLICATE_KEY else complaint["errmsg"]
    return str(field), f"{text} (code {complaint['code']})"


def load_key(task: Task, target: tuple[str, ...]) -> str:
    """What tells this load from all others: the same on every attempt and resume of it."""
    text = "\0".join((task.run.load_id, task.run.job, task.op, *target))
    return hashlib.sha256(text.encode()).hexdigest()


def _complaints(error: BulkWriteError, place: str) -> tuple[BulkWriteResult, dict[int, Complaint]]:
    details = dict(error.details or {})
    complaints: dict[int, Complaint] = {item["index"]: item for item in details.get("writeErrors", ())}
    if details.get("writeConcernErrors") or any(item["code"] not in _ABOUT_THE_ROW for item in complaints.values()):
        raise _whole(details, place) from error
    return BulkWriteResult(details, acknowledged=True), complaints


def _whole(details: Mapping[str, Any], place: str) -> LumosError:
    worst = next((item for item in details.get("writeErrors", ()) if item["code"] not in _ABOUT_THE_ROW), None)
    worst = worst or details["writeConcernErrors"][0]
    labels = [*worst.get("errorLabels", ()), *details.get("errorLabels", ())]
    text, code = str(worst.get("errmsg")), worst.get("code")
    return explained(OperationFailure(text, code, {**worst, "errorLabels": labels}), place)
