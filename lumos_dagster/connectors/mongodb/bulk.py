"""What every write mode shares: a part of the rows as documents, sending them, and what the server refuses."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import bson
import pyarrow as pa
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from pymongo import InsertOne, UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, OperationFailure
from pymongo.results import BulkWriteResult

from lumos_dagster.connectors.mongodb.client import explained
from lumos_dagster.errors import LumosError
from lumos_dagster.interface import BadRow, Task

Documents = Collection[dict[str, Any]]
Operation = InsertOne[RawBSONDocument] | UpdateOne

LARGEST_DOCUMENT = 16 << 20
DUPLICATE_KEY = 11000
# Complaints about one document: bad value, wrong type, refused by the validator, key too long, immutable _id ..
_ABOUT_THE_ROW = frozenset(
    {2, 9, 14, 15, 16, 22, 28, 40, 52, 53, 54, 55, 56, 57, 66, 121, 146, 10334, DUPLICATE_KEY, 17280}
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
        bad = (self._bad(place, *reason) for place, reason in sorted(reasons.items()))
        task.bad_rows(bad, len(reasons), "fail" if task.on_error == "null" else None)
        return self.where(lambda place: place not in reasons)

    def _bad(self, place: int, field: str, reason: str) -> BadRow:
        row = self.batch.slice(place, 1).to_pylist()[0]
        return BadRow(self.numbers[place], field, row.get(field), reason, row)


def without_null_keys(part: Part, keys: tuple[str, ...], task: Task) -> Part:
    """The rows whose key is whole."""
    nulls = {
        place: (key, "the key is null")
        for place, document in enumerate(part.documents)
        for key in keys
        if key in document and document[key] is None
    }
    return part.without(nulls, task)


def encoded(part: Part, task: Task) -> tuple[Part, list[RawBSONDocument]]:
    """The rows that make a document the server can take, each encoded once."""
    raw: list[RawBSONDocument] = []
    reasons: dict[int, tuple[str, str]] = {}
    for place, document in enumerate(part.documents):
        try:
            data = bson.encode(document)
        except BSONError as error:
            reasons[place] = ("", f"not a BSON document: {error}")
            continue
        if len(data) > LARGEST_DOCUMENT:
            reasons[place] = ("", f"the document has {len(data)} bytes, MongoDB takes at most {LARGEST_DOCUMENT}")
            continue
        raw.append(RawBSONDocument(data))
    return part.without(reasons, task), raw


def send(
    collection: Documents, operations: list[Operation], place: str
) -> tuple[BulkWriteResult, dict[int, Mapping[str, Any]]]:
    """One unordered bulk write: its counts, and the server's complaint for each operation that it refused.

    Raises TransientError or TerminalError where the complaint is not about the row.
    """
    try:
        return collection.bulk_write(
            operations,  # type: ignore[arg-type] # takes raw documents too
            ordered=False,
        ), {}
    except BulkWriteError as error:
        details = dict(error.details or {})
        complaints = {item["index"]: item for item in details.get("writeErrors", ())}
        if details.get("writeConcernErrors") or any(item["code"] not in _ABOUT_THE_ROW for item in complaints.values()):
            raise _whole(details, place) from error
        return BulkWriteResult(details, acknowledged=True), complaints


def reason(complaint: Mapping[str, Any]) -> tuple[str, str]:
    """The field and the text of one complaint."""
    field = next(iter(complaint.get("keyPattern") or ()), "")
    text = "a document with this key is there already" if complaint["code"] == DUPLICATE_KEY else complaint["errmsg"]
    return str(field), f"{text} (code {complaint['code']})"


def load_key(task: Task, target: tuple[str, ...]) -> str:
    """What tells this load from all others: the same on every attempt and resume of it."""
    text = "\0".join((task.run.load_id, task.run.job, task.op, *target))
    return hashlib.sha256(text.encode()).hexdigest()


def _whole(details: Mapping[str, Any], place: str) -> LumosError:
    worst = next((item for item in details.get("writeErrors", ()) if item["code"] not in _ABOUT_THE_ROW), None)
    worst = worst or details["writeConcernErrors"][0]
    return explained(OperationFailure(str(worst.get("errmsg")), worst.get("code"), dict(worst)), place)
