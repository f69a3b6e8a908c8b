"""The loader that speaks MongoDB's protocol from within its sandbox, against a server."""

import json
import math
import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pymongo import MongoClient
from pymongo.collection import Collection

from lumos_dagster.errors import ConfigError, DataError, PluginError, TransientError
from lumos_dagster.plugins.guest import Rights
from lumos_dagster.plugins.wasm import WasmDriver
from lumos_dagster_tests.plugins.wasm.guests import Guests
from lumos_dagster_tests.plugins.wasm.test_examples import PLUGINS, build

SHIPPED = PLUGINS / "mongodb-wasm" / "mongodb-wasm.wasm"
ROWS = pa.table({
    "name": ["Ada", None, "名字 \" \\ \n"],
    "n": pa.array([2**63 - 1, -(2**63), None], pa.int64()),
    "yes": [True, False, None],
    "tags": [["a", None], [], None],
    "part": [{"k": 1, "l": ["x"]}, None, {"k": None, "l": None}],
})  # fmt: skip


@pytest.fixture
def things(mongodb_url: str, mongodb_database: str) -> Iterator[Collection[dict[str, Any]]]:
    """The collection that is loaded."""
    with MongoClient[dict[str, Any]](mongodb_url) as client:
        yield client[mongodb_database]["things"]


def load(
    guests: Guests,
    things: Collection[dict[str, Any]],
    rows: pa.Table | pa.RecordBatchReader,
    path: Path = SHIPPED,
    load: str = "one",
    **options: str,
) -> int:
    address = "{}:{}".format(*things.database.client.address)
    given = {"connection_string": f"mongodb://{address}/", "database": things.database.name, "collection": things.name}
    more = {"lumos": {"load": load, "job": "job", "op": "op"}}
    with guests.guest(path, Rights(net=(address,))) as guest:
        reader = rows.to_reader() if isinstance(rows, pa.Table) else rows
        return guest.load(json.dumps({**given, **more, **options}), reader)


def documents(things: Collection[dict[str, Any]]) -> list[dict[str, Any]]:
    return list(things.find({}, {"_id": 0}).sort("_id", 1))


def test_rows_become_documents(guests: Guests, things: Collection[dict[str, Any]]) -> None:
    assert load(guests, things, ROWS) == 3

    assert documents(things) == ROWS.to_pylist()


def test_a_load_that_is_tried_again_changes_nothing_and_another_adds(
    guests: Guests, things: Collection[dict[str, Any]]
) -> None:
    many = pa.table({"n": range(2500)})
    for name in ("one", "one", "two"):
        assert load(guests, things, many, load=name) == 2500

    assert things.count_documents({}) == 5000
    assert len(things.distinct("n")) == 2500


def test_rows_with_an_id_keep_it(guests: Guests, things: Collection[dict[str, Any]]) -> None:
    things.insert_one({"_id": 1, "v": "old"})

    load(guests, things, pa.table({"_id": [1, 2], "v": ["new", "more"]}))

    assert list(things.find().sort("_id")) == [{"_id": 1, "v": "new"}, {"_id": 2, "v": "more"}]


def test_replace_leaves_exactly_the_rows(guests: Guests, things: Collection[dict[str, Any]]) -> None:
    things.insert_one({"n": -1})

    load(guests, things, pa.table({"n": range(1500)}), mode="replace")
    assert [document["n"] for document in documents(things)] == list(range(1500))
    load(guests, things, pa.table({"n": pa.array([], pa.int64())}), mode="replace")
    assert things.count_documents({}) == 0
    assert things.database.list_collection_names() == ["things"]


def test_a_replace_that_fails_leaves_the_old_rows(guests: Guests, things: Collection[dict[str, Any]]) -> None:
    things.insert_one({"n": -1})
    rows = pa.table({"_id": ["a", "b"], "bad": [{"$set": 1}, {"$set": 2}]}).to_batches()[0]

    def broken() -> Iterator[pa.RecordBatch]:
        yield rows
        raise DataError("the input has failed")

    with pytest.raises(DataError, match="the input has failed"):
        load(guests, things, pa.RecordBatchReader.from_batches(rows.schema, broken()), mode="replace")

    assert documents(things) == [{"n": -1}]
    assert things.database.list_collection_names() == ["things"]


def test_every_float_keeps_its_last_digit(guests: Guests, things: Collection[dict[str, Any]]) -> None:
    chance = random.Random(5)
    floats = [struct.unpack("<d", chance.randbytes(8))[0] for _ in range(3000)]
    floats = [value for value in floats if math.isfinite(value)]
    floats += [
        0.1 + 0.2,
        5e-324,
        2.2250738585072014e-308,
        2.225073858507201e-308,
        1.7976931348623157e308,
        -0.0,
        1e23,
        9007199254740993.0,
    ]

    load(guests, things, pa.table({"f": floats}))

    assert [struct.pack("<d", document["f"]) for document in documents(things)] == [
        struct.pack("<d", value) for value in floats
    ]


@pytest.mark.parametrize(
    ("string", "error", "said"),
    [
        ("mongodb://me:secret@host", ConfigError, "knows no authentication"),
        ("localhost:27017", ConfigError, "must be mongodb://host:port"),
        ("mongodb://elsewhere", PluginError, "connects to elsewhere:27017, which was not granted"),
    ],
)
def test_a_bad_address_is_told(
    guests: Guests, things: Collection[dict[str, Any]], string: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=f"plugin mongodb-wasm: open: .*{said}") as caught:
        load(guests, things, ROWS, connection_string=string)
    assert "secret" not in str(caught.value)


def test_a_server_that_is_not_there_may_be_tried_again(guests: Guests) -> None:
    options = {"connection_string": "mongodb://127.0.0.1:1", "database": "d", "collection": "c"}
    said = r"plugin mongodb-wasm: open: cannot connect to 127\.0\.0\.1:1: Connection refused"

    with guests.guest(SHIPPED, Rights(net=("127.0.0.1:1",))) as guest, pytest.raises(TransientError, match=said):
        guest.load(json.dumps(options), ROWS.to_reader())


def test_what_the_server_refuses_is_told(guests: Guests, things: Collection[dict[str, Any]]) -> None:
    things.create_index("name", unique=True)

    with pytest.raises(DataError, match=r"plugin mongodb-wasm: write: .*(?i:duplicate)"):
        load(guests, things, pa.table({"name": ["a", "a"]}))


def test_the_loader_is_what_its_source_gives(guests: Guests, things: Collection[dict[str, Any]]) -> None:
    made = build("mongodb-wasm", guests.folder / "mongodb-wasm.wasm")

    assert load(guests, things, ROWS, made) == 3
    assert documents(things) == ROWS.to_pylist()
    assert WasmDriver().describe(made).needs == ("net",)
