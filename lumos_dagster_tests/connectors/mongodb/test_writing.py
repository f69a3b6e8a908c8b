"""What rows become as documents, and what a retry leaves behind."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from bson import Decimal128
from pymongo.database import Database

from lumos_dagster.accounting import Book, Count
from lumos_dagster.connectors.mongodb import MongoLoader
from lumos_dagster.errors import ConfigError, DataError
from lumos_dagster.interface import LoadResult

Read = Callable[..., tuple[pa.Table, Count]]
Load = Callable[..., LoadResult]


def test_rows_become_documents(database: Database[dict[str, Any]], load: Load) -> None:
    table = pa.table({
        "_id": [1], "small": pa.array([2], pa.int8()), "money": pa.array([Decimal("1.50")], pa.decimal128(10, 2)),
        "day": [date(2026, 1, 2)], "at": pa.array([datetime(2026, 1, 2, 3, 4, 5, 6000)], pa.timestamp("us", "Asia/Tokyo")),
        "inner": [{"days": [date(2026, 1, 2), None], "x": None}], "text": pa.array(["a"], pa.large_string()), "raw": [b"\0"],
        "a.b": [1], "$c": ["d"],
    })  # fmt: skip

    assert load(table).inserted == 1

    day = datetime(2026, 1, 2)
    assert database.things.find_one() == {
        "_id": 1, "small": 2, "money": Decimal128("1.50"), "day": day, "at": datetime(2026, 1, 2, 3, 4, 5, 6000),
        "inner": {"days": [day, None], "x": None}, "text": "a", "raw": b"\0", "a.b": 1, "$c": "d",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("array", "field"),
    [
        (pa.array([0, 1], pa.timestamp("us")), "a finer time than BSON has"),
        (pa.array([0, 2**63], pa.uint64()), "a larger integer"),
        (pa.array([Decimal(0), Decimal(f"1{1:036}")], pa.decimal128(38, 0)), "more digits"),
    ],
)
def test_a_value_that_bson_cannot_hold_is_a_bad_row(
    database: Database[dict[str, Any]], load: Load, array: pa.Array, field: str
) -> None:
    table = pa.table({field: array})

    with pytest.raises(DataError, match=rf"row 2: field '{field}'"):
        load(table)
    assert load(table, on_error="reject", mode="replace").inserted == 1
    assert database.things.count_documents({}) == 1
    assert load(table, on_error="null", mode="replace").inserted == 2
    assert [document[field] for document in database.things.find()][1] is None


def test_a_type_without_a_place_in_a_document_is_named_before_the_first_row(load: Load) -> None:
    with pytest.raises(DataError, match=r"column 'a.b' is duration"):
        load(pa.table({"a": [{"b": 1}]}).cast(pa.schema({"a": pa.struct({"b": pa.duration("s")})})))


def test_a_document_that_is_too_large_is_a_bad_row(database: Database[dict[str, Any]], load: Load) -> None:
    table = pa.table({"_id": [1, 2, 3], "x": ["a", "a" * (16 << 20), "a"]})

    assert load(table, on_error="skip").inserted == 2
    assert [document["_id"] for document in database.things.find()] == [1, 3]


@pytest.mark.parametrize("own_ids", [True, False])
def test_a_load_sent_again_doubles_nothing_and_a_new_load_adds(
    database: Database[dict[str, Any]], load: Load, own_ids: bool
) -> None:
    rows = [{"_id": n, "n": n} if own_ids else {"n": n} for n in range(25)]
    for part in (rows[:15], rows):
        result = load(part, batch_size=4)
        assert result.inserted == len(part)
    assert sorted(document["n"] for document in database.things.find()) == list(range(25))

    if own_ids:
        with pytest.raises(DataError, match="row 1: field '_id': value 0: a document with this key is there already"):
            load(rows, load_id="run-2")
    else:
        assert load(rows, load_id="run-2").inserted == 25
    assert database.things.count_documents({}) == (25 if own_ids else 50)


def test_on_a_retry_only_an_equal_document_counts_as_done(database: Database[dict[str, Any]], load: Load) -> None:
    database.things.insert_one({"_id": 2, "n": "somebody else's"})
    rows = [{"_id": 1, "n": "a"}, {"_id": 2, "n": "b"}]

    for _ in range(2):
        with pytest.raises(DataError, match="row 2: field '_id'"):
            load(rows)
    assert list(database.things.find()) == [{"_id": 2, "n": "somebody else's"}, {"_id": 1, "n": "a"}]


def test_replace_leaves_exactly_the_rows_and_the_indexes(database: Database[dict[str, Any]], load: Load) -> None:
    database.things.insert_many([{"n": n} for n in range(3)])
    database.things.create_index("n", unique=True)

    assert load([{"n": 7}, {"n": 8}], mode="replace").inserted == 2

    assert sorted(document["n"] for document in database.things.find()) == [7, 8]
    assert database.things.index_information()["n_1"]["unique"]
    assert load(pa.table({"n": pa.array([], pa.int64())}), mode="replace").inserted == 0
    assert database.list_collection_names() == ["things"]
    assert database.things.count_documents({}) == 0


def test_a_replace_that_fails_leaves_the_old_documents(database: Database[dict[str, Any]], load: Load) -> None:
    database.things.insert_one({"_id": 1})

    with pytest.raises(DataError, match="row 3"):
        load([{"_id": 5}, {"_id": 6}, {"_id": 5}], mode="replace")

    assert list(database.things.find()) == [{"_id": 1}]
    assert database.list_collection_names() == ["things"]


def test_upsert_sets_fields_by_key_and_the_last_row_wins(database: Database[dict[str, Any]], load: Load) -> None:
    database.things.insert_many([{"k": 1, "v": "old", "kept": True}, {"k": 2, "v": "same"}])

    result = load(
        [{"k": 3, "v": "x"}, {"k": 1, "v": "y"}, {"k": 2, "v": "same"}, {"k": 3, "v": "z"}],
        mode="upsert",
        key_field="k",
    )

    assert (result.inserted, result.updated, result.unchanged, result.merged) == (1, 1, 1, 1)
    documents = list(database.things.find({}, {"_id": 0}).sort("k"))
    assert documents == [{"k": 1, "v": "y", "kept": True}, {"k": 2, "v": "same"}, {"k": 3, "v": "z"}]


def test_upsert_by_several_keys_into_an_empty_collection_makes_their_index(
    database: Database[dict[str, Any]], load: Load
) -> None:
    rows = [{"a": 1, "b": 1, "v": 1}, {"a": 1, "b": 2, "v": 2}]
    for _ in range(2):
        load(rows, mode="upsert", key_fields=["a", "b"], batch_size=1)

    assert list(database.things.find({}, {"_id": 0})) == rows
    assert database.things.index_information()["a_1_b_1"]["unique"]


def test_update_counts_rows_without_a_document_and_passes_on_the_others(
    database: Database[dict[str, Any]], place: dict[str, Any], book: Book
) -> None:
    database.things.insert_many([{"_id": 1, "v": "a"}, {"_id": 2, "v": "b"}])
    accepted: list[Any] = []
    table = pa.Table.from_pylist([{"_id": 1, "v": "x"}, {"_id": 9, "v": "y"}, {"_id": 2, "v": "b"}])

    with book.task("load") as task:
        task.accept = lambda batch: accepted.extend(batch["_id"].to_pylist())
        result = MongoLoader(**place, mode="update").write(table.to_reader(), task)

    assert (result.updated, result.unchanged, result.unmatched, result.inserted) == (1, 1, 1, 0)
    assert accepted == [1, 2]
    assert list(database.things.find()) == [{"_id": 1, "v": "x"}, {"_id": 2, "v": "b"}]


def test_keys_must_be_columns_and_not_null(load: Load) -> None:
    with pytest.raises(ConfigError, match="key_field code is not among the columns: k, v"):
        load([{"k": 1, "v": 1}], mode="upsert", key_field="code")
    with pytest.raises(DataError, match="row 2: field 'k': value None: the key is null"):
        load([{"k": 1, "v": 1}, {"k": None, "v": 1}], mode="upsert", key_field="k")
    with pytest.raises(DataError, match="a dot for a path"):
        load([{"k": 1, "v.w": 1}], mode="upsert", key_field="k")


def test_documents_survive_a_copy(database: Database[dict[str, Any]], read: Read, load: Load) -> None:
    documents = [
        {"_id": n, "d": Decimal128("1.0"), "at": datetime(2026, 1, 1), "b": b"x", "in": {"l": [{"a": None}, {"a": n}]}}
        for n in range(3)
    ]
    database.things.insert_many(documents)

    load(read()[0], collection="copy")

    assert list(database["copy"].find()) == documents
