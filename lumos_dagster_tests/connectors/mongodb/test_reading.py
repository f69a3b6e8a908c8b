"""What documents become as columns and rows."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest
from bson import Binary, Decimal128, Int64, ObjectId, Regex
from pydantic import ValidationError
from pymongo.database import Database

from lumos_dagster.accounting import Count
from lumos_dagster.connectors.mongodb import MongoExtractor
from lumos_dagster.errors import TerminalError
from lumos_dagster.interface import LoadResult

Read = Callable[..., tuple[pa.Table, Count]]
Load = Callable[..., LoadResult]


def test_fields_become_columns_of_the_nearest_type(database: Database[dict[str, Any]], read: Read) -> None:
    identity = ObjectId()
    document = {
        "_id": identity, "whole": 7, "long": Int64(2**63 - 1), "real": -0.5, "yes": True, "text": "é\n\"'",
        "money": Decimal128("12.30"), "when": datetime(2026, 3, 4, 5, 6, 7, 89000, UTC), "raw": b"\0\xff",
        "uuid": Binary.from_uuid(UUID(int=5)), "nothing": None,
        "inner": {"a": 1, "deep": {"b": [1, 2]}}, "list": [{"x": 1.5}, {"x": None}],
    }  # fmt: skip
    database.things.insert_one(document)

    table, _ = read()

    assert table.schema == pa.schema({
        "_id": pa.string(), "whole": pa.int64(), "long": pa.int64(), "real": pa.float64(), "yes": pa.bool_(),
        "text": pa.string(), "money": pa.decimal128(38, 2), "when": pa.timestamp("ms", "UTC"), "raw": pa.binary(),
        "uuid": pa.string(), "nothing": pa.string(),
        "inner": pa.struct({"a": pa.int64(), "deep": pa.struct({"b": pa.list_(pa.int64())})}),
        "list": pa.list_(pa.struct({"x": pa.float64()})),
    })  # fmt: skip
    (row,) = table.to_pylist()
    assert row == document | {"_id": str(identity), "money": Decimal("12.30"), "uuid": str(UUID(int=5))}


def test_a_field_that_only_the_last_document_has_is_a_column(database: Database[dict[str, Any]], read: Read) -> None:
    database.things.insert_many([{"_id": i} for i in range(50)] + [{"_id": 50, "late": {"a": [{"b": 1}]}}])

    table, _ = read(batch_size=7)

    assert table["late"].to_pylist() == [None] * 50 + [{"a": [{"b": 1}]}]


def test_odd_fields_are_kept_as_json_and_counted(database: Database[dict[str, Any]], read: Read) -> None:
    database.things.insert_many([
        {"_id": 1, "odd": 1, "inner": {"x": "a"}, "list": [1, "a"], "rare": Regex("^a")},
        {"_id": 2, "odd": "1", "inner": {"x": {"y": 2}}, "list": [], "rare": None},
        {"_id": 3, "odd": 2.0, "inner": None, "list": [None]},
    ])  # fmt: skip

    table, count = read()

    assert table["odd"].to_pylist() == ["1", '"1"', "2.0"]
    assert table["inner"].to_pylist() == [{"x": '"a"'}, {"x": '{"y": 2}'}, None]
    assert table["list"].to_pylist() == [["1", '"a"'], [], [None]]
    assert table["rare"].to_pylist() == ['{"$regularExpression": {"pattern": "^a", "options": ""}}', None, None]
    assert {path.partition(":")[0]: values for path, values in count.notes.items()} == {
        "odd": 3, "inner.x": 2, "list[]": 2, "rare": 1,
    }  # fmt: skip


def test_decimals_of_any_scale_stay_exact(database: Database[dict[str, Any]], read: Read) -> None:
    numbers = ["0.000000000000000000000000000001", "-9999999999999999999999999999999999", "1E+3"]
    database.things.insert_many([{"_id": i, "d": Decimal128(number)} for i, number in enumerate(numbers)])
    database.more.insert_many([{"d": Decimal128("NaN")}, {"d": Decimal128("1")}])

    assert read()[0]["d"].to_pylist() == [Decimal(number) for number in numbers]
    assert read(collection="more")[0]["d"].to_pylist() == ['{"$numberDecimal": "NaN"}', '{"$numberDecimal": "1"}']


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"filter": {"n": {"$gte": 3}}, "projection": ["n"]}, [{"n": 3}, {"n": 4}]),
        (
            {"filter": '{"at": {"$gt": {"$date": "2026-01-04T00:00:00Z"}}}', "projection": {"_id": 0, "n": 1}},
            [{"n": 4}],
        ),
        ({"filter": {"at": {"$gt": date(2026, 1, 4)}}, "projection": ["n"]}, [{"n": 4}]),
        ({"sort": {"n": "desc"}, "limit": 2, "projection": ["n"]}, [{"n": 4}, {"n": 3}]),
        (
            {"pipeline": [{"$match": {"n": {"$lt": 3}}}, {"$group": {"_id": None, "sum": {"$sum": "$n"}}}]},
            [{"_id": None, "sum": 3}],
        ),
    ],
)
def test_what_is_read(
    database: Database[dict[str, Any]], read: Read, options: dict[str, Any], expected: list[Any]
) -> None:
    database.things.insert_many([{"n": n, "at": datetime(2026, 1, n + 1, tzinfo=UTC)} for n in range(5)])

    assert read(**options)[0].to_pylist() == expected


def test_a_collection_that_is_not_there_is_an_error_and_an_empty_one_is_not(
    database: Database[dict[str, Any]], read: Read
) -> None:
    database.create_collection("things")

    assert read()[0].num_rows == 0
    with pytest.raises(TerminalError, match=r"no such collection; in the database: things"):
        read(collection="thing")


def test_a_server_that_refuses_the_query_is_named_without_a_retry(
    database: Database[dict[str, Any]], read: Read
) -> None:
    database.things.insert_one({})

    with pytest.raises(TerminalError, match=r"things: the server refuses .*\$nonsense"):
        read(filter={"$nonsense": 1})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pipeline": [], "limit": 1}, "pipeline stands alone"),
        ({"pipeline": [{"$out": "x"}]}, "only reads"),
        ({"filter": "{"}, "must be a mapping, or JSON text"),
        ({"sort": {"a": "up"}}, "sort"),
        ({"collection": ""}, "at least 1"),
        ({"tabel": "x"}, "unknown key"),
    ],
)
def test_options_that_make_no_sense(place: dict[str, Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        MongoExtractor(**place | options)
