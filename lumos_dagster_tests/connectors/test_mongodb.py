"""MongoDB: what documents become, what rows become, and what a retry leaves behind."""

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest
from bson import Binary, Decimal128, Int64, ObjectId, Regex
from pydantic import ValidationError
from pymongo import MongoClient
from pymongo.database import Database

from lumos_dagster.accounting import Book, Count
from lumos_dagster.connectors.mongodb import MongoExtractor, MongoLoader
from lumos_dagster.errors import ConfigError, DataError, TerminalError, TransientError
from lumos_dagster.interface import LoadResult
from lumos_dagster.values import RunContext

Read = Callable[..., tuple[pa.Table, Count]]
Load = Callable[..., LoadResult]


@pytest.fixture
def database(mongodb_url: str, mongodb_database: str) -> Iterator[Database[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](mongodb_url) as client:
        yield client[mongodb_database]


@pytest.fixture
def place(mongodb_url: str, mongodb_database: str) -> dict[str, Any]:
    return {"connection_string": mongodb_url, "database": mongodb_database, "collection": "things"}


@pytest.fixture
def read(place: dict[str, Any], book: Book) -> Read:
    def read(**options: Any) -> tuple[pa.Table, Count]:
        with book.task("read") as task, MongoExtractor(**place | options).read(task) as rows:
            return rows.read_all(), task.count

    return read


@pytest.fixture
def load(place: dict[str, Any], run: RunContext) -> Load:
    def load(rows: Any, load_id: str = "run-1", on_error: Any = "fail", **options: Any) -> LoadResult:
        table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows)
        book = Book(replace(run, load_id=load_id))
        with book.task("load", on_error) as task:
            return MongoLoader(**place | options).write(table.to_reader(), task)

    return load


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
        (pa.array([Decimal(0), Decimal(10) ** 36], pa.decimal128(38, 0)), "more digits"),
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


def test_nobody_there_may_pass_and_shows_no_password(place: dict[str, Any], book: Book) -> None:
    place["connection_string"] = "mongodb://ann:hunter2@127.0.0.1:1/?serverSelectionTimeoutMS=100"
    loader = MongoLoader(**place)

    with (
        book.task("load") as task,
        pytest.raises(TransientError, match=r"127\.0\.0\.1:1/.*Connection refused") as caught,
    ):
        loader.write(pa.table({"a": [1]}).to_reader(), task)

    assert "hunter2" not in f"{caught.value}{loader!r}{loader}{loader.target()}{loader.location()}"


def test_a_wrong_password_is_not_retried(mongodb_url: str, place: dict[str, Any], book: Book) -> None:
    place["connection_string"] = mongodb_url.replace("://", "://ann:hunter2@")

    with book.task("read") as task, pytest.raises(TerminalError, match="user or password is wrong") as caught:
        MongoExtractor(**place).read(task).__enter__()

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["mongodb://ann:hunter2@h:port/x", "mongo://ann:hunter2@h", "mongodb://ann:hunter2/3@h/"]
)
def test_a_url_that_is_none_is_a_configuration_error_without_the_password(
    place: dict[str, Any], book: Book, url: str
) -> None:
    extractor = MongoExtractor(**place | {"connection_string": url})

    with book.task("read") as task, pytest.raises(ConfigError, match="percent-encoded") as caught:
        extractor.read(task).__enter__()

    assert caught.value.__cause__ is caught.value.__context__ is None
    assert "hunter2" not in f"{caught.value}{extractor.location()}"


def test_a_cancelled_attempt_ends_with_the_reason_given(place: dict[str, Any], book: Book) -> None:
    """The server takes the connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place["connection_string"] = f"mongodb://127.0.0.1:{silent.getsockname()[1]}/?serverSelectionTimeoutMS=60000"
        stop = threading.Timer(0.3, book.cancellation.cancel, [TerminalError("enough")])
        stop.start()
        with book.task("read") as task, pytest.raises(TerminalError, match="enough"):
            MongoExtractor(**place).read(task).__enter__()
        stop.join()
