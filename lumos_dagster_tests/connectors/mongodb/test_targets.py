"""What may be written to: collections left behind, overtaken, capped, views; and keys, wherever they stand."""

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError
from pymongo.database import Database

from lumos_dagster.accounting import Book, Count
from lumos_dagster.connectors.mongodb import MongoExtractor, MongoLoader
from lumos_dagster.errors import ConfigError, DataError, TerminalError
from lumos_dagster.interface import LoadResult

Read = Callable[..., tuple[pa.Table, Count]]
Load = Callable[..., LoadResult]
Things = Database[dict[str, Any]]


def _slow(load_other: Callable[[], object]) -> Iterator[pa.RecordBatch]:
    """Rows, between which something else happens."""
    yield pa.RecordBatch.from_pydict({"n": [1]})
    load_other()
    yield pa.RecordBatch.from_pydict({"n": [2]})


def test_what_a_killed_replace_left_is_dropped_by_the_next(
    database: Things, place: dict[str, Any], book: Book, load: Load
) -> None:
    database.things.insert_one({"_id": 0})
    killed = MongoLoader(**place, mode="replace", batch_size=1)
    seen: list[str] = []

    def others_name() -> None:
        seen.extend(name for name in database.list_collection_names() if name.startswith("_lumos_"))
        database[seen[0]].rename(f"{seen[0]}0")  # so that the one that dies cannot tidy up
        raise KeyboardInterrupt

    rows = pa.RecordBatchReader.from_batches(pa.schema({"n": pa.int64()}), _slow(others_name))
    with book.task("load") as task, pytest.raises(KeyboardInterrupt):
        killed.write(rows, task)
    assert database.list_collection_names(filter={"name": {"$regex": "^_lumos_"}}) == [f"{seen[0]}0"]

    load([{"n": 3}], mode="replace", collection="things2", load_id="run-2")
    assert f"{seen[0]}0" in database.list_collection_names()
    load([{"n": 3}], mode="replace", load_id="run-2")
    assert sorted(database.list_collection_names()) == ["things", "things2"]


@pytest.mark.parametrize("load_id", ["run-1", "run-2"])
def test_of_two_replaces_at_once_the_later_wins_and_no_rows_mix(
    database: Things, place: dict[str, Any], book: Book, load: Load, load_id: str
) -> None:
    earlier = MongoLoader(**place, mode="replace", batch_size=1)
    later = [{"n": n} for n in (7, 8, 9)]
    rows = pa.RecordBatchReader.from_batches(
        pa.schema({"n": pa.int64()}), _slow(lambda: load(later, mode="replace", load_id=load_id))
    )

    with book.task("load") as task, pytest.raises(TerminalError, match="the later one wins"):
        earlier.write(rows, task)

    assert sorted(document["n"] for document in database.things.find()) == [7, 8, 9]
    assert database.list_collection_names() == ["things"]


def test_a_capped_collection_is_not_replaced(database: Things, load: Load) -> None:
    database.create_collection("things", capped=True, size=4096)

    with pytest.raises(TerminalError, match="is capped"):
        load([{"n": 1}], mode="replace")


@pytest.mark.parametrize("mode", ["insert", "upsert", "replace"])
def test_a_view_is_not_written(database: Things, load: Load, mode: str) -> None:
    database.base.insert_one({"_id": 1})
    database.command("create", "things", viewOn="base", pipeline=[])

    with pytest.raises(TerminalError, match=f"is a view, which mode {mode} cannot write"):
        load([{"_id": 1}], mode=mode)


def test_writes_without_an_answer_are_refused(place: dict[str, Any], load: Load) -> None:
    with pytest.raises(ConfigError, match="w=0"):
        load([{"_id": 1}], connection_string=place["connection_string"] + "?w=0")


@pytest.mark.parametrize("mode", ["upsert", "update"])
def test_repeated_keys_are_counted_once_over_the_whole_load(database: Things, load: Load, mode: str) -> None:
    database.things.insert_many([{"_id": 0, "v": "old"}, {"_id": 1, "v": "old"}])
    rows = [{"_id": n % 7, "v": str(n)} for n in range(100)]

    result = load(rows, mode=mode, batch_size=3)

    assert result.merged == 93
    kept = (5, 2, 0) if mode == "upsert" else (0, 2, 5)
    assert (result.inserted, result.updated, result.unmatched) == kept
    documents = {document["_id"]: document["v"] for document in database.things.find()}
    last = {n: str(max(m for m in range(100) if m % 7 == n)) for n in range(7 if mode == "upsert" else 2)}
    assert documents == last


def test_a_bad_last_row_does_not_take_a_good_one_with_it(database: Things, load: Load) -> None:
    rows = pa.table({"_id": [1, 1, None], "n": pa.array([5, 2**63, 1], pa.uint64())})

    result = load(rows, mode="upsert", on_error="skip")

    assert (result.inserted, result.merged) == (1, 0)
    assert list(database.things.find()) == [{"_id": 1, "n": 5}]


def test_numbers_that_mongodb_takes_as_equal_are_one_key(database: Things, load: Load) -> None:
    result = load([{"k": 0.0, "v": 1}, {"k": -0.0, "v": 2}], mode="upsert", key_field="k")

    assert (result.inserted, result.merged) == (1, 1)
    assert load([{"k": 0, "v": 3}, {"k": 9, "v": 3}], mode="update", key_field="k").unmatched == 1


def test_a_key_inside_a_nested_document(database: Things, load: Load) -> None:
    rows = [{"at": {"zip": "1", "n": n}, "v": n} for n in (1, 2)] + [{"at": {"zip": "2", "n": 3}, "v": 3}]

    first = load(rows, mode="upsert", key_field="at.zip")
    again = load(rows, mode="update", key_field="at.zip")

    assert (first.inserted, first.merged, again.unchanged) == (2, 1, 2)
    assert list(database.things.find({}, {"_id": 0})) == rows[1:]
    with pytest.raises(DataError, match=r"row 1: field 'at\.zip': .*the key is null"):
        load(pa.table({"at": pa.array([{"zip": None}])}), mode="upsert", key_field="at.zip")
    with pytest.raises(ConfigError, match=r"key_field at\.city is not among the columns"):
        load(rows, mode="upsert", key_field="at.city")


def test_an_upsert_of_a_document_that_is_too_large_is_a_bad_row(database: Things, load: Load) -> None:
    table = pa.table({"_id": [1, 2, 3], "x": ["a", "a" * (16 << 20), "a"]})

    assert load(table, on_error="skip", mode="upsert").inserted == 2
    assert [document["_id"] for document in database.things.find()] == [1, 3]


def test_names_with_dots_dollars_and_none_are_kept(database: Things, load: Load, read: Read) -> None:
    document = {"_id": 1, "a.b": 1, "$c": "d", "": 2, "in": {"x.y": 1, "": 2}}
    assert load([document]).inserted == 1

    assert read()[0].to_pylist() == [document]
    with pytest.raises(DataError, match="more than one field named"):
        load(pa.table([[1], [2]], names=["n", "n"]))


def test_no_rows_and_no_columns(database: Things, load: Load, read: Read) -> None:
    database.create_collection("things")
    assert read(projection=["b", "a.x"])[0].schema == pa.schema({"b": pa.string(), "a": pa.string()})

    assert load(read()[0], collection="copy", mode="replace") == LoadResult()
    assert "copy" in database.list_collection_names()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filter": {"_id": {"$in": [{"$oid": "secret"}]}}}, r"at _id\.\$in\.0\.\$oid: must be 24 hex digits"),
        ({"filter": '{"at": {"$gt": {"$date": "secret"}}}'}, r"at at\.\$gt\.\$date: must be an ISO 8601 time"),
        ({"pipeline": [{"$match": {"d": {"$numberDecimal": "secret"}}}]}, r"at 0\.\$match\.d\.\$numberDecimal"),
        ({"filter": '{"a":\n 1,,}'}, "line 2, column 4"),
    ],
)
def test_a_filter_that_is_wrong_says_where(place: dict[str, Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message) as caught:
        MongoExtractor(**place | options)
    assert "secret" not in str(caught.value)
