"""A collection written beside the one that it replaces, and renamed over it when all is there."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from bson import ObjectId
from pymongo.errors import OperationFailure, PyMongoError

from lumos_dagster.connectors.mongodb.bulk import Documents
from lumos_dagster.errors import TerminalError
from lumos_dagster.interface import Task

_NAMESPACE_NOT_FOUND = 26


@contextmanager
def beside(collection: Documents, found: dict[str, Any], place: str, task: Task) -> Iterator[Documents]:
    """An empty collection with the options and indexes of the target, renamed over it when the block ends well.

    Of several replacing the same target the one that began last wins: it drops what the others wrote, be they
    killed or still running, and one that lost its collection, or has it made anew by writing on, is not renamed.
    """
    database = collection.database
    prefix = f"_lumos_{hashlib.sha256(collection.name.encode()).hexdigest()[:16]}_"
    for left in database.list_collection_names(filter={"name": {"$regex": f"^{prefix}"}}):
        database[left].drop()
    ours = database[f"{prefix}{ObjectId()}"]
    database.create_collection(ours.name, **found.get("options", {}))
    try:
        identity = _identity(ours)
        indexes = [
            {name: value for name, value in index.items() if name not in ("v", "ns")}
            for index in collection.list_indexes()
            if index["name"] != "_id_"
        ]
        if indexes:
            database.command("createIndexes", ours.name, indexes=indexes)
        yield ours
        task.cancellation.check()
        if _identity(ours) != identity:
            raise _overtaken(place)
        _rename(ours, collection, place)
    except BaseException:
        with suppress(PyMongoError):
            ours.drop()
        raise


def _rename(ours: Documents, collection: Documents, place: str) -> None:
    try:
        ours.rename(collection.name, dropTarget=True)
    except OperationFailure as error:
        if error.code == _NAMESPACE_NOT_FOUND:
            raise _overtaken(place) from error
        raise


def _identity(collection: Documents) -> Any:
    """What tells the collection from another of the same name; None where there is none."""
    found = next(iter(collection.database.list_collections(filter={"name": collection.name})), None)
    return found and found["info"].get("uuid", found["name"])


def _overtaken(place: str) -> TerminalError:
    return TerminalError(
        f"{place}: another load or attempt began to replace this collection later than this one; the later one wins, "
        "and this one changed nothing"
    )
