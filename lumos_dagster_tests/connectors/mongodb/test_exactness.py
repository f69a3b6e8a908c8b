"""What a document is made of survives MongoDB -> MongoDB, whatever lies between; other targets see plain values."""

import uuid
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import bson
import pyarrow as pa
import pytest
from bson import (
    Binary,
    Code,
    DatetimeMS,
    DBRef,
    Decimal128,
    Int64,
    MaxKey,
    MinKey,
    ObjectId,
    Regex,
    Timestamp,
)
from pymongo.database import Database

from lumos_dagster.accounting import Book, Count
from lumos_dagster.connectors.csv.loader import CsvLoader
from lumos_dagster.connectors.mongodb import MongoExtractor, MongoLoader
from lumos_dagster.errors import ConfigError, DataError
from lumos_dagster.interface import Deferred, Extraction, Loader, LoadResult, Transformation
from lumos_dagster.relation import Relation
from lumos_dagster.spool import spool
from lumos_dagster.transforms.json import Json
from lumos_dagster.values import RunContext
from lumos_dagster_tests.connectors.mongodb.wire import EXACT

Read = Callable[..., tuple[pa.Table, Count]]
Load = Callable[..., LoadResult]
Described = Callable[..., Relation]

_NUMBERS = ["9999999999999999999999999999999999", "0.01", "-1E-33", "1E+30", "0E+3", "0.10"]


@pytest.fixture
def described(place: dict[str, Any], run: RunContext) -> Described:
    """A Relation that reads the collection, through operations of the json transformer where there are some."""

    def described(*operations: dict[str, Any], **options: Any) -> Relation:
        extractor = Deferred("read", MongoExtractor, place | options, run)
        relation = Relation(Extraction(extractor))
        if operations:
            relation = relation.pipe(Transformation(Deferred("change", Json, {"operations": list(operations)}, run)))
        return relation

    return described


@pytest.fixture
def send(place: dict[str, Any], run: RunContext) -> Callable[..., LoadResult]:
    def send(rows: Relation, **options: Any) -> LoadResult:
        return _into(MongoLoader(**place | {"collection": "copy"} | options), rows, run)

    return send


def _into(loader: Loader, rows: Relation, run: RunContext) -> LoadResult:
    book = Book(run)
    with rows.open(book) as reader, book.task("load") as task:
        return loader.write(reader, task)


def _stored(database: Database[dict[str, Any]], name: str) -> list[bytes]:
    found = database.get_collection(name, codec_options=EXACT).find().sort("_id")
    return [bson.encode(document) for document in found]


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([ObjectId(), None, ObjectId("0" * 24)], id="object ids"),
        pytest.param([Binary.from_uuid(uuid.uuid4()), None], id="uuids"),
        pytest.param([b"", b"\0\xff", None], id="binary"),
        pytest.param([Binary(b"x", 5), Binary(b"", 5)], id="binary of one subtype"),
        pytest.param([Binary(b"x", 128), b"x", Binary(b"\0" * 16, 3)], id="binary of several subtypes"),
        pytest.param([Binary(b"short", 4)], id="a uuid that is none"),
        pytest.param([DatetimeMS(n) for n in (0, -1, 999, -62135596800000)], id="dates"),
        pytest.param([Decimal128(n) for n in ("NaN", "Infinity", "-Infinity", "-0", "1.5")], id="no decimal numbers"),
        pytest.param([Decimal128(n) for n in ("1E+6144", "1E-6176", "1")], id="decimals too far apart for Arrow"),
        pytest.param([float("inf"), -0.0, 5e-324], id="doubles"),
        pytest.param([2**31, Int64(2**63 - 1), -1], id="integers"),
        pytest.param(
            [Regex("^a", "i"), Timestamp(1, 2), MinKey(), MaxKey(), Code("f"), Code("f", {"a": 1})], id="rare"
        ),
        pytest.param([1, "1", 1.0, True, {"a": [ObjectId(), None]}, [1, {"b": b"x"}], Decimal128("1")], id="mixed"),
        pytest.param([{}, {}], id="empty documents"),
        pytest.param([{"$ref": "c", "$id": ObjectId()}, DBRef("c", 1)], id="references"),
        pytest.param(["", "é\n\u2028🙂", "$x"], id="text"),
        pytest.param([[], [[1], [2, None]]], id="lists of lists"),
    ],
)
@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(lambda value: value, id="at the top"),
        pytest.param(lambda value: {"deep": {"er": value}}, id="in documents"),
        pytest.param(lambda value: [value, value], id="in a list"),
        pytest.param(lambda value: [{"x": value, "": 1}], id="in documents in a list"),
    ],
)
def test_every_value_survives_a_copy(
    database: Database[dict[str, Any]], read: Read, load: Load, values: list[Any], wrap: Callable[[Any], Any]
) -> None:
    database.things.insert_many([{"_id": n, "v": wrap(value)} for n, value in enumerate(values)])

    load(read()[0], collection="copy")

    assert _stored(database, "copy") == _stored(database, "things")


def test_decimals_of_34_digits_and_any_exponent_keep_their_value(
    database: Database[dict[str, Any]], read: Read, load: Load
) -> None:
    database.things.insert_many([{"_id": n, "d": Decimal128(number)} for n, number in enumerate(_NUMBERS)])

    load(read()[0], collection="copy")

    copied = [document["d"].to_decimal() for document in database["copy"].find().sort("_id")]
    assert copied == [Decimal(number) for number in _NUMBERS]


def test_types_survive_being_kept_between_ops(
    database: Database[dict[str, Any]], described: Described, send: Load, book: Book, tmp_path: Path
) -> None:
    document = {"_id": ObjectId(), "list": [{"id": ObjectId()}], "raw": Binary(b"x", 7), "odd": MinKey()}
    database.things.insert_many([document, document | {"_id": ObjectId(), "list": []}])

    send(spool(described(), str(tmp_path / "rows.arrow"), book))

    assert _stored(database, "copy") == _stored(database, "things")


def test_types_stay_with_columns_that_are_kept_or_renamed_and_leave_those_that_are_changed(
    database: Database[dict[str, Any]], described: Described, send: Load
) -> None:
    one, other = ObjectId(), ObjectId()
    database.things.insert_one({"_id": one, "customer": other, "code": other, "gone": 1})
    operations = (
        {"operation": "rename_field", "from": "customer", "to": "buyer"},
        {"operation": "remove_field", "field": "gone"},
        {"operation": "uppercase", "field": "code"},
    )

    send(described(*operations))
    send(described(*operations), collection="typed", types={"code": "objectId", "buyer": "string"})

    assert list(database["copy"].find()) == [{"_id": one, "buyer": other, "code": str(other).upper()}]
    assert list(database.typed.find()) == [{"_id": one, "buyer": str(other), "code": other}]


def test_types_survive_the_union_of_parents_that_agree(
    database: Database[dict[str, Any]], described: Described, send: Load
) -> None:
    one, other = ObjectId(), ObjectId()
    database.things.insert_one({"_id": one, "ref": one})
    database.more.insert_one({"_id": other, "ref": "text"})

    send(Relation.union((described(), described(collection="more"))))

    assert list(database["copy"].find()) == [{"_id": one, "ref": str(one)}, {"_id": other, "ref": "text"}]


def test_other_targets_see_plain_text(
    database: Database[dict[str, Any]], described: Described, run: RunContext, tmp_path: Path
) -> None:
    identity, number = ObjectId(), uuid.uuid4()
    database.things.insert_one(
        {"_id": identity, "uuid": Binary.from_uuid(number), "odd": Regex("^a"), "in": {"i": identity}}
    )

    _into(CsvLoader(file_path=str(tmp_path / "out.csv"), quoting="all", quote="'"), described(), run)

    line = (tmp_path / "out.csv").read_text().splitlines()[1]
    assert line == (
        f"'{identity}','{number}','"
        + '{"$regularExpression": {"pattern": "^a", "options": ""}}'
        + f'\',\'{{"i":"{identity}"}}\''
    )


def test_text_from_elsewhere_becomes_what_types_says(database: Database[dict[str, Any]], load: Load) -> None:
    identity, number = ObjectId(), uuid.uuid4()
    row = {"_id": str(identity), "u": str(number), "j": '{"at": {"$date": "2026-01-01T00:00:00Z"}, "l": [1, 2.5]}'}

    load([row, {"_id": "0" * 24, "u": None, "j": None}], types={"_id": "objectId", "u": "uuid", "j": "json"})

    assert list(database.things.find().sort("_id", -1)) == [
        {"_id": identity, "u": Binary.from_uuid(number), "j": {"at": datetime(2026, 1, 1), "l": [1, 2.5]}},
        {"_id": ObjectId("0" * 24), "u": None, "j": None},
    ]


@pytest.mark.parametrize(
    ("mark", "reason"),
    [("objectId", "not an ObjectId, which has 24 hex digits"), ("uuid", "not a UUID"), ("json", "not extended JSON")],
)
def test_text_that_is_not_what_it_should_be_is_a_bad_row(
    database: Database[dict[str, Any]], load: Load, mark: str, reason: str
) -> None:
    rows = [{"x": {"objectId": "0" * 24, "uuid": "0" * 32, "json": "[1]"}[mark]}, {"x": "{nonsense"}]

    with pytest.raises(DataError, match=rf"row 2: field 'x': value '{{nonsense': {reason}"):
        load(rows, types={"x": mark})
    assert load(rows, types={"x": mark}, on_error="skip").inserted == 1
    with pytest.raises(ConfigError, match=r"types: y is not among the columns: x"):
        load(rows, types={"y": mark})


def test_reading_again_gives_the_same_columns(database: Database[dict[str, Any]], described: Described) -> None:
    """The marks must not make a schema differ from the batches' own, in another process or on another attempt."""
    database.things.insert_one({"_id": ObjectId(), "l": [ObjectId()]})
    relation = described()

    assert relation.to_table().equals(relation.to_table(), check_metadata=True)
